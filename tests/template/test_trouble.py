"""docs/trouble.md lists exactly the warnings and errors that the code can log."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.rendering import TEMPLATE

SLUG = "{{cookiecutter.project_slug}}"
RENDERED = TEMPLATE / SLUG
GUIDE = (RENDERED / "docs" / "trouble.md").read_text("utf-8")
CODE = [it for it in RENDERED.rglob("*.py") if "tests" not in it.relative_to(RENDERED).parts]
LEVELS = {"warning", "error", "exception", "critical"}
RAISED = {"SettingError", "DataError"}
# Messages that libraries log.
OTHERS = {"total open connections reached the connection limit"}
# placeholders of printf and str.format
PRINTF, FORMAT = re.compile(r"%(\(\w+\))?[\d.]*[a-z]"), re.compile(r"\{[^}]*\}")


class Module:
    """The messages in a module's code."""

    def __init__(self, file: Path) -> None:
        text = file.read_text("utf-8").replace("{{ cookiecutter.project_slug }}", "package")
        self._tree = ast.parse(text)
        functions = [it for it in ast.walk(self._tree) if isinstance(it, ast.FunctionDef)]
        self.functions = {it.name: it for it in functions}

    def said(self) -> Iterator[str]:
        """Yield each message that is logged as a warning or above, or raised for the user."""
        for function in self.functions.values():
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and _says(node):
                    for text in self._texts(node.args[0], function):
                        yield PRINTF.sub("…", text)

    def _texts(self, node: ast.expr, scope: ast.FunctionDef) -> list[str]:
        """Return an expression's possible texts, with … for parts only known at run time."""
        match node:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.JoinedStr(values=parts):
                texts = [""]
                for part in parts:
                    texts = [text + it for text in texts for it in self._part(part, scope)]
                return texts
            case ast.Name(id=name):
                found = [it for value in _values(scope, name) for it in self._texts(value, scope)]
                if found:
                    return found
            case ast.Call(func=ast.Attribute(value=text, attr="format")):
                return [FORMAT.sub("…", it) for it in self._texts(text, scope)]
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                module = self if name in self.functions else _module_of(name)
                function = module.functions[name]
                returns = [it for it in ast.walk(function) if isinstance(it, ast.Return)]
                return [text for it in returns for text in module._texts(it.value, function)]
        raise LookupError(f"what may this be? {ast.unparse(node)}")

    def _part(self, part: ast.expr, scope: ast.FunctionDef) -> list[str]:
        match part:
            case ast.FormattedValue(value=ast.Call(func=ast.Name(id=name)) as call):
                return self._texts(call, scope) if name in self.functions else ["…"]
            case ast.FormattedValue():
                return ["…"]
        return self._texts(part, scope)


def _says(call: ast.Call) -> bool:
    match call.func:
        case ast.Name(id=name):
            return name in RAISED
        case ast.Attribute(value=logger, attr=level):
            return level in LEVELS and ast.unparse(logger).split(".")[-1] in ("logger", "log")
    return False


def _values(scope: ast.FunctionDef, name: str) -> Iterator[ast.expr]:
    """Yield the values assigned to a name in a function, ignoring what is added later."""
    for node in ast.walk(scope):
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                yield value
            case ast.NamedExpr(target=ast.Name(id=target), value=value) if target == name:
                yield value
            case ast.For(
                target=target, iter=ast.Call(func=ast.Attribute(value=ast.Dict(values=values)))
            ):
                if name in ast.unparse(target):
                    yield from values


def _module_of(function: str) -> Module:
    return next(it for it in MODULES if function in it.functions)


def beginning(text: str) -> str:
    """Return a message without its table, its reason in brackets and its remedy."""
    text = text.removeprefix("…: ").partition(": ")[0]
    return text.removesuffix(" (…)")


MODULES = [Module(file) for file in CODE]
SAID = sorted({beginning(text) for module in MODULES for text in module.said()} - {""})


@pytest.mark.parametrize("message", SAID)
def test_each_message_is_in_the_guide(message: str) -> None:
    assert f"`{message}" in GUIDE


def test_the_guide_has_no_message_that_is_never_logged() -> None:
    sections = re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", GUIDE, re.M | re.S)
    tables = {name: re.findall("^[|] `([^`]+)`", text, re.M) for name, text in sections}
    listed = {*tables["It does not start"], *tables["The log"]}
    assert listed <= {*SAID, *OTHERS}


def test_each_notice_of_the_page_is_in_the_guide() -> None:
    texts = [it.read_text("utf-8") for it in RENDERED.rglob("*.js")]
    notices = [it for text in texts for it in re.findall(r"`([^`]* [^`]*)\.`", text)]
    health = next(it for it in CODE if it.name == "freshness.py").read_text("utf-8")
    notices += re.findall(r"\{shown\}([^{]+)", health)
    notices += re.findall(r'(?:stale = |else |stale, stale_in = )f?"([^"{]+)', health)
    assert len(notices) >= 6
    for notice in notices:
        assert beginning(re.sub(r"\$\{[^}]*\}", "…", notice)).split(".")[0].strip() in GUIDE, notice


@pytest.mark.parametrize("state", ["loading", "live", "stale", "error"])
def test_each_state_of_the_page_is_in_the_guide(state: str) -> None:
    health = next(it for it in CODE if it.name == "freshness.py").read_text("utf-8")
    assert f'"{state}"' in health
    assert f"| `{state}` |" in GUIDE
