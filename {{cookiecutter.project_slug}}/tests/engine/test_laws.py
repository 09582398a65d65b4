"""The rules of the architecture: the engine does not use your modules, and has clear layers."""

import ast
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
import toy
from dash import Dash, html
from werkzeug.security import generate_password_hash

from {{cookiecutter.project_slug}} import engine
from {{cookiecutter.project_slug}}.engine.page import Data

ENGINE, TESTS = Path(engine.__file__).parent, Path(__file__).parent
NAME, PARENT = engine.__name__, ENGINE.parent.name
FILES = sorted(ENGINE.rglob("*.py"))
each_file = pytest.mark.parametrize("file", FILES, ids=lambda it: it.relative_to(ENGINE).as_posix())


def name_of(file: Path) -> str:
    """Return the name of the module or package in a file."""
    parts = [NAME, *file.relative_to(ENGINE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk a tree, except for imports that are only for type checkers."""
    yield tree
    for child in ast.iter_child_nodes(tree):
        if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield from nodes(child)


def parse(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"))


def imports(file: Path, lazy: bool = True) -> Iterator[tuple[str, str]]:
    """Yield a file's imports as module and name; `lazy` includes imports in functions."""
    package = name_of(file.with_name("__init__.py"))
    for node in nodes(parse(file)) if lazy else parse(file).body:
        if isinstance(node, ast.Import):
            yield from ((it.name, "") for it in node.names)
        elif isinstance(node, ast.ImportFrom):
            relative = "." * node.level + (node.module or "")
            module = importlib.util.resolve_name(relative, package)
            yield from ((module, it.name) for it in node.names)


def run(code: str, *args: str, **env: str) -> str:
    """Run a program in its own process, and return its output."""
    command = [sys.executable, "-c", code, *args]
    result = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **env})
    assert result.returncode == 0, result.stderr
    return result.stdout


# 1. The engine does not depend on the package around it.


@each_file
def test_the_engine_imports_nothing_from_the_package_around_it(file: Path) -> None:
    for module, name in imports(file):
        ours = module == NAME or module.startswith(f"{NAME}.")
        assert ours or module.partition(".")[0] != PARENT, f"it imports {module} {name}"


@each_file
def test_the_engine_derives_no_name_from_its_folder(file: Path) -> None:
    for node in ast.walk(parse(file)):
        if isinstance(node, ast.Name):
            assert node.id not in ("__package__", "__path__", "__spec__"), f"line {node.lineno}"
        if isinstance(node, ast.Attribute | ast.Subscript):
            said = ast.unparse(node)
            assert not said.startswith("__name__"), f"line {node.lineno}: {said}"
            here = re.search(r"(?<!\.)__file__.*\.parent", said)
            assert not here, f"line {node.lineno}: {said}"


def test_a_copy_in_a_package_with_another_name_passes_its_tests(tmp_path: Path) -> None:
    package, tests = tmp_path / "elsewhere", tmp_path / "tests"
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ENGINE, package / ENGINE.name, ignore=skip)
    (package / "__init__.py").touch()
    shutil.copytree(TESTS, tests, ignore=skip)
    for file in tests.glob("*.py"):
        text = file.read_text("utf-8")
        imported = rf"\b{PARENT}(?=\.{ENGINE.name}\b| import {ENGINE.name}\b)"
        file.write_text(re.sub(imported, package.name, text), "utf-8")
    alone = f"import sys\ndef test_alone() -> None:\n    assert {PARENT!r} not in sys.modules\n"
    (tests / "test_alone.py").write_text(alone, "utf-8")
    web = "test_laws.py::test_a_minimal_app_asks_for_the_password"
    chosen = ["test_pipeline.py", "test_preview.py", web, "test_alone.py"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:dash", "-p", "no:cacheprovider"]
    result = subprocess.run(
        [*command, *chosen],
        cwd=tests,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr


# 2. There is no import cycle, and a process that only refreshes loads no web library.


def test_there_is_no_import_cycle() -> None:
    names = {name_of(file) for file in FILES}
    graph = {}
    for file in FILES:
        found = ((module, f"{module}.{name}") for module, name in imports(file))
        graph[name_of(file)] = {full if full in names else module for module, full in found}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_only_the_public_module_for_pages_loads_dash() -> None:
    loaded = "print(*sorted({'dash', 'flask', 'waitress'} & sys.modules.keys()))"
    assert run(f"import sys, {NAME}; {loaded}").split() == []
    assert run(f"import sys, {NAME}.page; {loaded}").split()[:2] == ["dash", "flask"]


REFRESH = """
import importlib, signal, sys
import pandas as pd, pandera.pandas as pa

engine = importlib.import_module(sys.argv[1])
cli = importlib.import_module(sys.argv[1] + ".serve.cli")

class Source(engine.Section):
    pass

class Settings(engine.Settings[Source]):
    model_config = {"env_prefix": sys.argv[2]}

def read(source, since):
    return {"numbers": pd.DataFrame({"time": [pd.Timestamp.now("UTC")], "value": 1.0})}

def after_refresh(status, snapshot):
    web = {"dash", "flask", "plotly", "waitress", "werkzeug"} & sys.modules.keys()
    print(status.error or len(snapshot.tables["numbers"]), *sorted(web), flush=True)
    signal.raise_signal(signal.SIGINT)

columns = {"time": pa.Column(engine.UTC), "value": pa.Column(float)}
tables = {"numbers": engine.Table(pa.DataFrameSchema(columns), ("time",), "append")}
dashboard = engine.Dashboard("toy", Settings, engine.Pipeline(read, dict, tables), [after_refresh])
sys.exit(cli.refresh(dashboard, []))
"""


def test_a_process_that_only_refreshes_loads_no_web_library(tmp_path: Path) -> None:
    url, every = (tmp_path / "store").as_uri(), "36500d"  # so that only one is due
    env = {f"{toy.PREFIX}STORE__URL": url, f"{toy.PREFIX}REFRESH__EVERY": every}
    assert run(REFRESH, NAME, toy.PREFIX, **env) == "1\n"


# 3. All parts are wired in one place, and no protection depends on app.py.


@each_file
def test_only_the_dashboard_wires_the_parts_together(file: Path) -> None:
    if file == ENGINE / "dashboard.py":
        return
    imported = {name for module, name in imports(file) if module.startswith(f"{NAME}.")}
    for node in ast.walk(parse(file)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            module, _, function = called.rpartition(".")
            assert called not in PARTS & imported, f"line {node.lineno} makes a {called}"
            wires = function in ("install", "install_off", "blueprint") and module in imported
            assert not wires, f"line {node.lineno} calls {called}"


PARTS = {"Validation", "SharedViews", "FastPath", "BasicAuth", "Metrics", "Scheduler"}


def bare_app(_settings: toy.Settings, _data: Data) -> Dash:
    """Create a minimal app."""
    app = Dash(__name__)
    app.layout = html.Div("nothing else")
    return app


def test_a_minimal_app_is_protected(settings: toy.Settings) -> None:
    client = toy.DASHBOARD.build(settings, bare_app)[0].server.test_client()
    page = client.get("/")
    assert page.status_code == 200
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert page.headers["X-Request-ID"]
    assert client.get("/healthz").text == "ok"
    assert client.get("/readyz").status_code == 503
    assert client.get("/_live").get_json()["state"] == "loading"
    assert client.get("/metrics").status_code == 404
    assert client.post("/_csp-report", data=b"{}").status_code == 204
    callback = "/_dash-update-component"
    assert client.post(callback, json={"output": "no.such", "inputs": []}).status_code == 400
    assert client.post(callback, data=b"x" * 2_000_000).status_code == 413


def test_a_minimal_app_asks_for_the_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hashed = generate_password_hash("a long password", "pbkdf2:sha256:1000")
    monkeypatch.setenv(f"{toy.PREFIX}AUTH__USERS", json.dumps({"me": hashed}))
    app, _ = toy.DASHBOARD.build(toy.Settings.load(), bare_app)
    client, elsewhere = app.server.test_client(), {"REMOTE_ADDR": "203.0.113.9"}
    assert client.get("/healthz").status_code == 200
    for path in ("/", "/_live", "/readyz", "/_dash-layout", "/_dash-dependencies", "/assets/x"):
        assert client.get(path, environ_base=elsewhere).status_code == 401, path
    assert client.get("/", auth=("me", "a long password")).status_code == 200


# 4. Private parts of each library are used in a single module.

# Undocumented parts of Dash without an underscore.
UNDOCUMENTED = {"callback_map", "inputs_state_indices", "shared_storage_enabled"}
INTERNALS = {"dash": "web/dash_internals.py", "waitress": "serve/waitress_server.py"}


@each_file
def test_private_parts_of_a_library_are_used_in_one_module(file: Path) -> None:
    place = file.relative_to(ENGINE).as_posix()
    for module, name in imports(file):
        library, *parts = [*module.split("."), name]
        private = any(it.startswith("_") for it in parts) or module == "dash.fingerprint"
        if library == "waitress" or (library in ("dash", "flask", "werkzeug") and private):
            assert place == INTERNALS.get(library), f"it imports {module} {name}"
    for node in ast.walk(parse(file)) if place not in INTERNALS.values() else ():
        if isinstance(node, ast.Attribute):
            said = ast.unparse(node)
            owner = re.search(r"(?:^|\.)(app|server|flask|request|response|session)\._[a-z]", said)
            assert not owner and node.attr not in UNDOCUMENTED, f"line {node.lineno}: {said}"
        if isinstance(node, ast.Constant):
            assert node.value not in UNDOCUMENTED, f"line {node.lineno}: {node.value}"


# 5. Importing a module has no side effect.

IMPORT = """
import importlib, logging, signal, sys, threading

libraries, modules = (it.split() for it in sys.argv[1:])
for name in libraries:
    importlib.import_module(name)

def state():
    signals = {it: signal.getsignal(it) for it in signal.valid_signals()}
    return set(threading.enumerate()), list(logging.root.handlers), logging.root.level, signals

def audit(event, args):
    if event == "open" and isinstance(args[0], str) and "__pycache__" not in args[0]:
        if set(args[1] or "") & set("wax+"):
            done.append(f"{event} {args[0]}")
    elif event in EVENTS:
        done.append(f"{event} {args}")

EVENTS = {"socket.bind", "socket.connect", "subprocess.Popen", "os.remove", "os.putenv"}
done = []
sys.addaudithook(audit)
before = state()
for name in modules:
    module = importlib.import_module(name)
    assert state() == before, f"{name}: {state()}"
    assert not done, f"{name}: {done}"

import dash, flask, pandas
for name in modules:
    for key, value in vars(sys.modules[name]).items():
        what = type(value)
        wrong = isinstance(value, (dash.Dash, flask.Flask, pandas.DataFrame, pandas.Series))
        assert not wrong and not what.__name__.endswith("Store"), f"{name}.{key} is a {what}"
"""


def test_importing_a_module_has_no_side_effect() -> None:
    """No thread, file, process, connection or handler, and no app or data."""
    found = {module for file in FILES for module, _ in imports(file, lazy=False)}
    libraries = sorted(it for it in found if not it.startswith(NAME))
    run(IMPORT, " ".join(libraries), " ".join(map(name_of, FILES)))
