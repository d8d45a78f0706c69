"""The structure of the package: explained functions, short files, imports without a cycle."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import hashbench

PACKAGE = Path(hashbench.__file__).parent
LONG_FUNCTION = 50
LONG_FILE = 400


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def unexplained(source: str) -> Iterator[str]:
    """The long functions without a comment on a line of its own."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = lines[node.lineno : node.end_lineno]
            explained = any(line.lstrip().startswith("# ") for line in body)
            if len(body) >= LONG_FUNCTION and not explained:
                yield node.name


def imported(statements: list[ast.stmt]) -> Iterator[str]:
    """The modules, and names in modules, that are imported when these statements run; what only
    type checkers read is left out, and so are imports inside functions.
    """
    for node in statements:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from imported(node.orelse)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = [one for one in ast.iter_child_nodes(node) if isinstance(one, ast.stmt)]
            yield from imported(inner)


def test_long_functions_are_explained() -> None:
    offenders = [
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in sources()
        for name in unexplained(path.read_text(encoding="utf-8"))
    ]
    assert offenders == []


def test_files_are_short() -> None:
    lines = {path: path.read_text(encoding="utf-8").count("\n") for path in sources()}
    assert [str(path) for path, count in lines.items() if count > LONG_FILE] == []


def test_imports_have_no_cycle() -> None:
    modules = {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(
            ".__init__"
        ): path
        for path in sources()
    }
    graph = {
        name: {
            other
            for other in imported(ast.parse(path.read_text(encoding="utf-8")).body)
            if other in modules and other != name
        }
        for name, path in modules.items()
    }
    assert sum(map(len, graph.values())) > len(graph)  # the imports were read
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which lists the cycle


def test_the_checks_see_what_they_look_for() -> None:
    long = "def f():\n" + "    x = 1\n" * LONG_FUNCTION
    assert list(unexplained(long)) == ["f"]
    assert list(unexplained(long.replace("\n", "\n    # why\n", 1))) == []
    assert list(unexplained("def f():\n" + "    x = 1\n" * (LONG_FUNCTION - 1))) == []
    source = (
        "import a\nif TYPE_CHECKING:\n    import b\nelse:\n    import c\n"
        "try:\n    from d import e\nexcept ImportError:\n    pass\n"
        "def f():\n    import g\n"
    )
    assert list(imported(ast.parse(source).body)) == ["a", "c", "d", "d.e"]
