"""The imports between the modules of the rendered package, for every answer."""

import ast
import importlib.util
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from helpers.rendering import TEMPLATE

SLUG = "{{cookiecutter.project_slug}}"
PACKAGES = [TEMPLATE / SLUG / SLUG, *(TEMPLATE / SLUG / "choices").glob(f"*/*/{SLUG}")]


def modules() -> Iterator[tuple[str, Path]]:
    """Yield the name and file of each module."""
    for package in PACKAGES:
        for file in package.rglob("*.py"):
            parts = ["package", *file.relative_to(package).with_suffix("").parts]
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), file


def imported(name: str, file: Path) -> Iterator[str]:
    """Yield what a module imports anywhere, except for type checkers only."""
    package = name if file.stem == "__init__" else name.rpartition(".")[0]
    pending: list[ast.AST] = [ast.parse(file.read_text("utf-8"))]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.ImportFrom):
            module = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            yield module
            yield from (f"{module}.{it.name}" for it in node.names)
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            pending += ast.iter_child_nodes(node)


def test_there_is_no_import_cycle() -> None:
    """Imports inside functions count, too."""
    files = list(modules())
    names = {name for name, _ in files}
    graph: dict[str, set[str]] = {}
    for name, file in files:
        found = set(imported(name, file)) & names
        # `from . import app` imports the module, but not what the package's __init__ imports.
        found = {it for it in found if not any(other.startswith(f"{it}.") for other in found)}
        graph.setdefault(name, set()).update(found)
    assert len(graph) > 60
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))
