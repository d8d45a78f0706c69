"""One-file plug-ins: a Python file that holds both a card and the code behind it.

The code of a method needs torch, which the command line never imports. So the card is read by
running those statements of the file alone that it is made from: its own, and those that bind the
names in it. The whole file is run by the worker, as a module of its own.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from hashbench.errors import DamagedFileError
from hashbench.files.bounded_read import read_bounded

MAX_BYTES = 1 << 20


def content_hash(path: Path) -> str:
    """16 hex digits over the bytes of a file. Raises DamagedFileError."""
    return _hash(_bytes(path))


def stored_value(path: Path, names: tuple[str, ...]) -> tuple[str, Any] | None:
    """The first of the top-level `names` that a file binds, and its value; None without any.

    Raises whatever the statements raise that it is made from, SyntaxError for what is no Python.
    """
    tree = ast.parse(_bytes(path), str(path))
    bound = {name for statement in tree.body for name in _bound(statement)}
    name = next((name for name in names if name in bound), None)
    if name is None:
        return None
    body = [statement for statement in tree.body if _is_future(statement)]
    body += _needed_for(name, tree.body)
    space: dict[str, Any] = {"__name__": f"card of {path.name}", "__file__": str(path)}
    # the file is a program of the person's own, which the worker runs in full
    exec(compile(ast.Module(body, []), str(path), "exec"), space)  # noqa: S102
    return name, space[name]


def import_file(path: Path) -> ModuleType:
    """The file as a module, run once for each content. Raises whatever it raises."""
    return _module(path, _bytes(path))


@functools.cache
def _module(path: Path, content: bytes) -> ModuleType:
    # not by an importer: its cache of compiled files would take two edits within a second for one
    name = f"hashbench_file_{path.stem}_{_hash(content)}"
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module  # dataclasses and pickle look a class's module up by its name
    try:
        exec(compile(content, str(path), "exec"), vars(module))  # noqa: S102  # the person's own
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _bytes(path: Path) -> bytes:
    try:
        return read_bounded(path, MAX_BYTES, "a plug-in")
    except OSError as error:
        raise DamagedFileError(f"cannot be read: {error.strerror}", where=path) from None


def _needed_for(name: str, statements: list[ast.stmt]) -> list[ast.stmt]:
    """The statements that bind a name, and those that bind what they need, in their order."""
    wanted, needed = {name}, set[int]()
    while True:
        more = {
            place
            for place, statement in enumerate(statements)
            if place not in needed and wanted & set(_bound(statement))
        }
        if not more:
            return [statements[place] for place in sorted(needed)]
        needed |= more
        wanted |= {used for place in more for used in _used(statements[place])}


def _is_future(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def _bound(statement: ast.stmt) -> Iterator[str]:
    """The names that a top-level statement binds, those within `if` and `try` included."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
        return
    if isinstance(statement, ast.Import | ast.ImportFrom):
        for alias in statement.names:
            yield alias.asname or alias.name.partition(".")[0]
        return
    for node in ast.iter_child_nodes(statement):
        if isinstance(node, ast.stmt | ast.ExceptHandler):
            yield from _bound_within(node)
        else:
            yield from _stored(node)


def _bound_within(node: ast.stmt | ast.ExceptHandler) -> Iterator[str]:
    if isinstance(node, ast.stmt):
        yield from _bound(node)
        return
    for statement in node.body:
        yield from _bound(statement)


def _stored(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            yield inner.id


def _used(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement reads, inside functions as well."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
