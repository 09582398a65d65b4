"""Rewrites the user's modules of a project that is older than `engine/`.

Run it in the project's folder, after an update; the project's docs/updating.md says how.

It knows the shapes that the template once had. What else it finds it leaves, and says so.
"""

import ast
import json
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

# The engine's modules of before, and where they are now.
MODULES = dict(
    it.split(":")
    for it in re.findall(
        r"\S+",
        """
    arrow:data.codec store:data.store file_store:data.file_store redis_store:data.redis_store
    shared_store:data.shared_store snapshots:data.merge tables:data.tables times:data.times
    freshness:data.pace pipeline:refresh.pipeline slots:refresh.due_times
    worker:refresh.executors outcomes:refresh.outcomes preview:refresh.preview live:web.polling
    kept:web.response_cache response_cache:web.shared_views computations:web.computations
    short_way:web.fast_path guard:web.validation bodies:web.body_models front:web.middleware
    headers:web.headers csp:web.csp decompress:web.decompress bundles:web.bundles auth:web.auth
    credentials:web.credentials operators:web.operators health:data.freshness metrics:web.metrics
    csv_export:web.csv_export setting:settings setting_types:config.types anonymous:web.views
    environment:config.environment env_file:config.env_file secret_values:config.secret_values
    errors:diagnostics.errors redaction:diagnostics.redaction log_file:diagnostics.log_file log:log
    listen:serve.waitress_server reloader:serve.reloader lines:figures.lines formats:figures.formats
    web:sources.web
        """,
    )
)
# Where to import names from that a rewritten module uses.
NAMES = {
    name: module
    for module, names in {
        "engine.page": """Data Tables add_views alert aria is_operator loading log_tail per_snapshot
            status_line stores to_csv view""",
        "engine": """DatabaseUrl DataError Duration EPOCH Location Outcome Period Secret Section
            SettingError Snapshot Status TEXT Table UTC Zone now_utc read_from""",
        "engine.data.memory_store": "MemoryStore",
        "engine.settings": "CONFIG",
        "preprocess": "TABLES",
        "schedule": "DASHBOARD",
        "setting": "Settings",
        "": "engineering",
        "pathlib": "Path",
        "functools": "cache",
        "sys": "sys",
        "pytest": "pytest",
    }.items()
    for name in names.split()
}
PAGES = [
    (r"pipeline\.table\((\w+)\.latest\(\), ([^()\n]+)\)", r"\1.tables()[\2]"),
    (r"\bstore\.latest\(\)\.tables\b", "store.tables()"),
    (r"\blive\.machinery\(", "stores("),
    (r"\blive\.notice\(", "alert("),
    (r"\blive\.(status_line|loading|aria)\(", r"\1("),
    (r"\blog\.tail\(", "log_tail("),
    (r'Input\("answer", "data"\)', 'Input("poll", "data")'),
    (r"\b(_?store): Store\b", r"\1: Data"),
    (r"^class Survey:\n(?:.*\n)*?(?=\n\n\S)", ""),
]
OWN_VIEWS = "    add_views(app, sys.modules[__name__], settings, store)\n"
REGISTER = [
    (r"^ +live\.register\(.*\)\n", OWN_VIEWS),
    (
        r"^( +)(\w+)(\.register\(app, settings, store, series\))",
        r"\1add_views(app, \2, settings, store)\n\1\2\3",
    ),
]
READING = [
    (r"^( *)(?:source = )Source\(\*\*settings\.source\)\n", ""),
    (r"\bSource\(\*\*settings\.source\)", "source"),
    (r"\bread\(settings: Settings,", "read(source: Source,"),
    (r"\bsettings\.folder / (\w+(?:\.\w+)?)", r"Path(\1)"),  # a path is absolute now
    (r"\bsettings\.folder\b", "Path()"),
    (r"= since or .+", "= since"),  # which is always a time now
    (r"\bTimeZone\b", "Zone"),
    (
        r"from \.preview import main\n\n( *).*",
        "from .engine.serve import cli\n\n"
        r'\1raise SystemExit(cli.preview(f"{__package__}.schedule:DASHBOARD"))',
    ),
]
TESTS = [
    (r"\bcreate_app\((\w+), (\w+(?:\(\))?)\)", r"create_app(\1, Data(\2, TABLES))"),
    (
        r'\breading\.read\(settings\.model_copy\(update=\{"source": (\w+)\}\)',
        r"reading.read(reading.Source.model_validate(\1)",
    ),
    (
        r"\breading\.read\((settings|changed),",
        r"reading.read(reading.Source.model_validate(\1.source),",
    ),
    (r"\bpipeline\.fetch\(settings, None\)", "DASHBOARD.refresh_once(settings)"),
    (r"^ *assert not batch\.rejected\n", ""),
    (r"\*\*settings\.source\b", "**settings.source.model_dump()"),
    (r'"answer\.data"', '"poll.data"'),
    (r"\bsetting\.PREFIX\b", "Settings.env_prefix()"),
    (r"\bsetting\.CONFIG\b", "CONFIG"),
    (r"\bsetting\.load\(CONFIG, reading\.Source, \{\}\)", "Settings.load()"),
]
SURVEY = '''@per_snapshot
def surveyed(tables: Tables) -> pd.DataFrame:
    """Return what all readings tell of each series."""
    return engineering.survey(tables["readings"], engineering.known_series(){})
'''
KNOWN_SERIES = '''

@cache
def known_series() -> pd.DataFrame:
    """Return the series of series.csv, read once."""
    return read_series(Path(__file__).with_name("assets") / "static_data" / "series.csv")
'''
STORE = """

@pytest.fixture
def store(snapshot: Snapshot) -> MemoryStore:
    return MemoryStore(snapshot)
"""
VERSION = "Input('snapshot-version', 'data')"  # as ast writes it
KNOWN = {"series", "inputs", "choices"}  # what was set for callbacks, and may be unused now
# What is said of a line that is left.
READING_LEFT = {
    r"\bsettings\.\w": "read gets only [source]: add to Source what else it needs",
}
TESTS_LEFT = {
    r"(?<![.\w])(pipeline|live|response_cache|server\.build|schedule\.\w)\b[.(]": "this tests the "
    "engine, which has its own tests now: delete it, or use the fixtures of tests/conftest.py",
}
LEFT = {
    r"\.latest\(\)": "a snapshot's tables are `tables`, the first argument of a view, or in a "
    "callback `store.tables()`, with `version` and `created`",
    r"Input\(\"snapshot-version\"": "this callback is computed for each viewer; to share it, make "
    "it a function of the module with @view, as docs/change.md says",
    r"\b(pipeline|live|response_cache|setting)\.\w": "the engine has this no longer, or elsewhere; "
    "see what engine/__init__.py and engine/page.py list",
}
Edit = tuple[ast.AST, str]  # a node, and what takes its place


def main() -> int:
    """Rewrite the project in the current folder, and say what is left to do by hand."""
    package = next((it.parents[1] for it in Path().glob("*/engine/dashboard.py")), Path())
    setting = package / "setting.py"
    if not setting.is_file() or "(BaseSettings)" in text_of(setting):
        text = f"{setting} is not the new one: update the project first, as docs/updating.md says."
        print(text, file=sys.stderr)
        return 2
    tests = sorted(Path("tests").glob("*.py"))
    modules = [package / "app.py", *sorted(package.glob("pages/*.py"))]
    for path in modules:
        rewrite(path, page)
    found: set[str] = set()
    while more := {it for path in modules for it in readers(text_of(path), found)} - found:
        found |= more
    for path in modules:
        rewrite(path, lambda text: with_readers(text, found))
    rewrite(package / "reading.py", reading)
    rewrite(package / "preprocess.py", preprocess)
    if any("known_series(" in text_of(path) for path in modules):
        rewrite(package / "engineering.py", with_known_series)
    for path in tests:
        rewrite(path, test)
    modules = [*modules, *(it for it in sorted(package.glob("*.py")) if it not in modules)]
    for path in (*modules, *tests):
        dots = "." * (len(path.parts) - 1) if path in modules else ""
        rewrite(path, with_imports, package.name, dots)
    rewrite_settings(package)
    for name in MODULES.keys() - {"setting"}:
        if (path := package / f"{name}.py").is_file():
            print(f"{path}: the engine has its own now, in engine/: delete this file.")
    if (sample := Path("tests/sample.py")).is_file():
        print(f"{sample}: tests/conftest.py has this now: delete this file.")
    for path in (*modules, *tests):
        patterns = LEFT if path in modules else TESTS_LEFT
        patterns = READING_LEFT if path.name == "reading.py" else patterns
        print(*left(path, patterns), sep="", end="")
    return 0


def text_of(path: Path) -> str:
    """Return what is in a file; nothing, if there is none."""
    return path.read_text("utf-8") if path.is_file() else ""


def rewrite(path: Path, change: Callable[..., str], *arguments: str) -> None:
    """Change a file, if it is there and the change is one."""
    text = text_of(path)
    if text and (changed := change(text, *arguments)) != text:
        path.write_text(changed, "utf-8", newline="\n")


def substituted(text: str, pairs: Iterable[tuple[str, str]]) -> str:
    """Replace patterns, one after the other."""
    for old, new in pairs:
        text = re.sub(old, new, text, flags=re.M)
    return text


def edited(text: str, edits: Iterable[Edit]) -> str:
    """Put texts in the places of nodes, none of which is within another."""
    lines = text.encode().splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    data = text.encode()
    for node, new in sorted(edits, key=lambda it: (it[0].lineno, it[0].col_offset), reverse=True):  # type: ignore[attr-defined]
        start = starts[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined]
        end = starts[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined]
        data = data[:start] + new.encode() + data[end:]
    return data.decode()


def page(text: str) -> str:
    """Rewrite `app.py` or a page: what can be shared becomes views."""
    created = ", tables.created" if "self._series, snapshot.created)" in text else ""
    if "class Survey:" in text:
        text = text.replace("class Survey:", SURVEY.format(created) + "\n\nclass Survey:", 1)
    if "add_views(" not in text:
        text = substituted(text, REGISTER)
    text = substituted(text, PAGES)
    if "status_line()" in text and "alert()" not in text:
        headers = [it for it in calls(text) if ast.unparse(it.func) == "html.Header"]
        alert = "{}, alert()".format
        text = edited(text, [(it, alert(ast.get_source_segment(text, it))) for it in headers])
    for it in functions(ast.parse(text)):
        if any(isinstance(inner, ast.FunctionDef) for inner in it.body):
            text = hoisted(text, it.name)
    personal = r"^ *@(response_cache\.)?personal\n", ""  # which all callbacks are now
    text = substituted(text, [personal, (r"\bSurvey\b(?!\()", "surveyed")])
    if "\n@view(" not in text:
        text = text.replace(OWN_VIEWS, "")
    return text


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    """Return the functions of a module, or those within a function."""
    return (it for it in ast.iter_child_nodes(tree) if isinstance(it, ast.FunctionDef))


def calls(text: str) -> Iterator[ast.Call]:
    """Return all calls."""
    return (it for it in ast.walk(ast.parse(text)) if isinstance(it, ast.Call))


def names(tree: ast.AST, context: type[ast.expr_context] = ast.Load) -> set[str]:
    """Return the names that are read, or set."""
    found = (it for it in ast.walk(tree) if isinstance(it, ast.Name))
    return {it.id for it in found if isinstance(it.ctx, context)}


def used(function: ast.FunctionDef) -> set[str]:
    """Return the names that the body of a function reads."""
    return set().union(*map(names, function.body))


def bound(function: ast.FunctionDef) -> set[str]:
    """Return the names that a function has of its own."""
    inner = {it.name for it in functions(function)}
    return inner | names(function, ast.Store) | {it.arg for it in function.args.args}


def hoisted(text: str, name: str) -> str:
    """Move the views in a function, and what reads tables for them, out of it."""
    tree = ast.parse(text)
    host = next(it for it in functions(tree) if it.name == name)
    lines = text.splitlines(keepends=True)
    local = {
        it.targets[0].id: it.value
        for it in host.body
        if isinstance(it, ast.Assign) and isinstance(it.targets[0], ast.Name)
    }
    surveys = {it for it, value in local.items() if ast.unparse(value).startswith("Survey(")}
    inner = list(functions(host))
    reads = {it.name for it in inner if not it.decorator_list and "store" in used(it)}
    known = {"store", "settings", "series", *surveys, *reads}
    before, moved = "", []
    for it in inner:
        free = used(it) & bound(host) - bound(it)
        view = dependencies(it, local)
        version = {arg.arg for arg in it.args.args[:1]} if view else set()
        taken = any(other.name == it.name for other in functions(tree))
        if taken or free - known or version & used(it) or not (view or it.name in reads):
            continue
        before += as_function(lines, it, view, reads, surveys)
        moved.append(it)
    for it in reversed(moved):
        start = min([it.lineno, *(decorator.lineno for decorator in it.decorator_list)]) - 1
        start -= not lines[start - 1].strip()  # with the empty line before it
        del lines[start : it.end_lineno]
    text = "".join(lines)
    text = text.replace(f"def {name}(", f"{before}def {name}(", 1)
    return without_unused(after_moving(text, name, reads, surveys), name, {*KNOWN, *surveys})


def dependencies(function: ast.FunctionDef, local: dict[str, ast.expr]) -> list[str]:
    """Return the outputs and inputs of a callback that can be a view: one that follows the data."""
    if len(function.decorator_list) != 1:
        return []
    call = function.decorator_list[0]
    if not isinstance(call, ast.Call) or ast.unparse(call.func) != "app.callback" or call.keywords:
        return []

    def flat(node: ast.expr) -> Iterator[str]:
        inner = node.value if isinstance(node, ast.Starred) else node
        value = local.get(ast.unparse(inner), inner)
        if isinstance(value, (ast.List, ast.Tuple)):
            for it in value.elts:
                yield from flat(it)
        else:
            yield ast.unparse(node)

    found = [it for arg in call.args for it in flat(arg)]
    inputs = [it for it in found if not it.startswith("Output")]
    return found if inputs and inputs[0] == VERSION else []


def as_function(
    lines: list[str],
    function: ast.FunctionDef,
    view: list[str],
    reads: set[str],
    surveys: set[str],
) -> str:
    """Return a function as one of the module, which takes the tables."""
    text = textwrap.dedent("".join(lines[function.lineno - 1 : function.end_lineno]))
    text = with_tables(text)
    if "series" not in bound(function):
        text = with_names(text, "series", "engineering.known_series()")
    settings = ", settings: Settings" if "settings" in names(function) else ""
    tree = ast.parse(text).body[0]
    assert isinstance(tree, ast.FunctionDef)
    first, *others = [ast.unparse(it) for it in tree.args.args] or [""]
    others = others if view else [first, *others]
    head = f"def {tree.name}({', '.join(['tables: Tables', *filter(None, others)])}{settings})"
    head += f" -> {ast.unparse(tree.returns)}:" if tree.returns else ":"
    body = "".join(text.splitlines(keepends=True)[tree.body[0].lineno - 1 :])
    if not ast.get_docstring(tree):
        head += f'\n    """{tree.name.strip("_").replace("_", " ").capitalize()}."""'
    body = substituted(
        body,
        [
            *((rf"\b{it}\((?!\))", rf"{it}(tables, ") for it in reads),
            *((rf"\b{it}\(\)", "surveyed(tables)") for it in surveys),
        ],
    )
    outputs = [it for it in view if it.startswith("Output")]
    choices = [it for it in view if it not in outputs][1:]
    shown = outputs[0] if len(outputs) == 1 else f"[{', '.join(outputs)}]"
    by = choices[0][1:] if len(choices) == 1 and choices[0][0] == "*" else f"[{', '.join(choices)}]"
    decorator = f"@view({shown}, {by})\n" if view else ""
    return f"{decorator}{head}\n{body.rstrip()}\n\n\n"


def with_tables(text: str) -> str:
    """Have a function use the tables that it is given, instead of a store."""
    return with_names(text.replace("store.tables()", "tables"), "store", "tables")


def with_names(text: str, old: str, new: str) -> str:
    """Replace a name wherever it is read."""
    found = (it for it in ast.walk(ast.parse(text)) if isinstance(it, ast.Name) and it.id == old)
    return edited(text, [(it, new) for it in found if isinstance(it.ctx, ast.Load)])


def after_moving(text: str, name: str, reads: set[str], surveys: set[str]) -> str:
    """Call what has moved out of a function as it is now."""
    host = next(it for it in functions(ast.parse(text)) if it.name == name)
    body = ast.get_source_segment(text, host) or ""
    return text.replace(
        body,
        substituted(
            body,
            [
                *((rf"\b{it}\((?!\))", rf"{it}(store.tables(), ") for it in reads),
                *((rf"\b{it}\(\)", "surveyed(store.tables())") for it in surveys),
            ],
        ),
    )


def without_unused(text: str, name: str, known: set[str]) -> str:
    """Leave out what a function sets and does not use any more."""
    host = next(it for it in functions(ast.parse(text)) if it.name == name)
    for it in host.body:
        if isinstance(it, ast.Assign) and ast.unparse(it.targets[0]) in known - names(host):
            lines = text.splitlines(keepends=True)
            del lines[it.lineno - 1 : it.end_lineno]
            return without_unused("".join(lines), name, known)
    return text


def readers(text: str, known: set[str]) -> set[str]:
    """Return the functions of a module that read a store's tables, by their names."""
    return {
        it.name
        for it in functions(ast.parse(text))
        if it.name not in ("create_app", "layout", "register")
        and any(ast.unparse(arg) == "store: Data" for arg in it.args.args)
        and ("store.tables()" in ast.unparse(it) or names(it) & known)
    }


def with_readers(text: str, found: set[str]) -> str:
    """Have functions take the tables instead of the store."""
    for name in found:
        text = re.sub(rf"(?<!def )\b{name}\(store\b(?!\.)", f"{name}(store.tables()", text)
    own = [it for it in functions(ast.parse(text)) if it.name in found]
    for body in [ast.get_source_segment(text, it) or "" for it in own]:
        text = text.replace(body, with_tables(body.replace("store: Data", "tables: Tables", 1)), 1)
    return text


def reading(text: str) -> str:
    """Have `read` take its section of the settings."""
    types = (r"^(    path): str$", r"\1: Location"), (r"^(    url): SecretStr$", r"\1: DatabaseUrl")
    return substituted(text, [*(types if "settings.folder" in text else ()), *READING])


def preprocess(text: str) -> str:
    """Have the tables be the engine's, which say `mode` instead of `grows`."""
    text = re.sub(r"\bgrows\b", "mode", text)
    return re.sub(r"^@dataclass.*\nclass Table:\n(?:.*\n)*?(?=\n\n\S)", "", text, flags=re.M)


def with_known_series(text: str) -> str:
    """Add the function that views know the series by."""
    return text if "def known_series" in text else text.rstrip() + "\n" + KNOWN_SERIES


def test(text: str) -> str:
    """Rewrite a test of the user's modules."""
    text = substituted(text, TESTS)
    uses = re.search(r"^def \w+\([^)]*\bstore\b", text, flags=re.M)
    return text + STORE if uses and "def store(" not in text else text


def with_imports(text: str, package: str, dots: str) -> str:
    """Import what is the engine's from where it is now, and what is used since it was rewritten."""
    root = dots or f"{package}."
    edits: list[Edit] = []
    lines: set[str] = set()
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or node.module == "__future__":
            continue
        of_package = node.level or (node.module or "").split(".")[0] == package
        source = (node.module or "").removeprefix(package).strip(".")
        if not ((of_package and (not source or source in MODULES)) or source == "conftest"):
            continue
        now: dict[str, list[str]] = {}
        here = f"from {'.' * node.level}{node.module or ''} import "
        for alias in node.names:
            name, module = alias.asname or alias.name, here
            if source == "conftest":
                module = "from helpers import "
            elif source and (source, name) != ("setting", "Settings"):
                module = f"from {root}engine.{MODULES[source]} import "
            elif not source and alias.name in MODULES and alias.name != "setting":
                folder, _, leaf = f"engine.{MODULES[alias.name]}".rpartition(".")
                module = f"from {root}{folder} import "
                alias = ast.alias(leaf, name if name != leaf else None)
                if name not in names(tree):
                    continue
            if module == here or name not in NAMES or alias.asname:  # others are added below
                now.setdefault(module, []).append(ast.unparse(alias))
        if list(now) != [here] or len(now[here]) < len(node.names):
            new = "\n".join(module + ", ".join(found) for module, found in now.items())
            edits.append((node, new))
    text = edited(text, edits)
    tree = ast.parse(text)
    imported = [it for it in ast.walk(tree) if isinstance(it, (ast.Import, ast.ImportFrom))]
    known = {alias.asname or alias.name for it in imported for alias in it.names}
    known |= names(tree, ast.Store) | {getattr(it, "name", "") for it in tree.body}
    for name in names(tree) & NAMES.keys() - known:
        module = NAMES[name]
        if module == name:
            lines.add(f"import {name}")
        elif module in sys.stdlib_module_names:
            lines.add(f"from {module} import {name}")
        else:
            lines.add(f"from {root}{module} import {name}")
    before = [it for it in imported if getattr(it, "module", "") != "__future__"]
    if lines and before:
        edits = [(before[0], "\n".join([*sorted(lines), ast.unparse(before[0])]))]
        text = edited(text, edits)
    return text


def rewrite_settings(package: Path) -> None:
    """Rewrite what is not Python."""
    standalone = r"(__REFRESH__)APART\b", r"\1STANDALONE"
    command = rf"-m {package.name}\.auth\b", f"-m {package.name}.server --hash-password"
    pairs = [(r"^apart( *=)", r"standalone\1"), standalone, command]
    for path in (Path("config.toml"), Path(".env")):
        rewrite(path, lambda text: substituted(text, pairs))
    for path in package.glob("assets/*.css"):
        rewrite(path, lambda text: re.sub(r"#notice\b", "#alert", text))
    rewrite(Path(".cruft.json"), without_skip)


def without_skip(text: str) -> str:
    """Leave out what an update was to skip: `pyproject.toml` lists it now."""
    values = json.loads(text)
    return json.dumps({it: values[it] for it in values if it != "skip"}, indent=2) + "\n"


def left(path: Path, patterns: dict[str, str]) -> Iterator[str]:
    """Return a sentence for each line that is to be rewritten by hand."""
    for number, line in enumerate(text_of(path).splitlines(), 1):
        for pattern, advice in patterns.items():
            if re.search(pattern, line):
                yield f"{path}:{number}: {advice}.\n"


if __name__ == "__main__":
    sys.exit(main())
