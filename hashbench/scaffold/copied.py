"""The code of a built-in method as the beginning of a new one: in one file, or as a package."""

from __future__ import annotations

import ast
import graphlib
import importlib.util
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from hashbench.errors import InputError
from hashbench.plan import catalog
from hashbench.plan.card import MethodCard

WIDTH = 100  # letters of a line


def as_package(origin: str, name: str, title: str, cls: str, package: str) -> dict[str, str]:
    """The modules of a built-in method by path, renamed and made to import each other in their new
    package. Raises UnknownNameError for no method, InputError for a plug-in.
    """
    folder, room = _home(origin)
    renamed = _renamed(_card(origin), name, title, cls)
    texts = {}
    for path in sorted(folder.rglob("*.py")):
        text = renamed(path.read_text(encoding="utf-8")).replace(room, package)
        texts[str(path.relative_to(folder))] = _formatted_imports(text, package)
    return texts


def as_file(origin: str, name: str, title: str, cls: str) -> str:
    """All modules of a built-in method in one. Raises as `as_package`, and InputError where two
    modules have one name for different things.
    """
    folder, room = _home(origin)
    modules = {
        _module(path, folder, room): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*.py"))
    }
    trees = {module: ast.parse(text) for module, text in modules.items()}
    _check_mergeable(origin, trees)
    order = graphlib.TopologicalSorter(
        {module: set(_inside(tree, room)) & set(trees) for module, tree in trees.items()}
    ).static_order()
    # the card comes first, and before it what it is made from
    order = sorted(order, key=lambda module: module not in (room, *_inside(trees[room], room)))
    bodies = [_body(modules[module], trees[module]) for module in order]
    head = ast.get_docstring(trees[f"{room}.method"], clean=False) or title
    imports = _import_lines(trees.values(), room)
    merged = f'"""{head}"""\n\n{imports}\n\n' + "\n\n\n".join(filter(None, bodies)) + "\n"
    entry = re.compile(rf'entry="{re.escape(room)}\.method:')
    return _renamed(_card(origin), name, title, cls)(entry.sub('entry=":', merged))


def _card(origin: str) -> MethodCard:
    return catalog.method(origin, where="--from")


def _home(origin: str) -> tuple[Path, str]:
    """The folder of a built-in method, and the name of its package."""
    card = _card(origin)
    room = card.entry.rpartition(".")[0]
    if origin not in catalog.built_in_methods():
        raise InputError(
            f"{origin} is a plug-in, whose code is not copied",
            where="--from",
            remedy=f"a built-in method: {', '.join(catalog.built_in_methods())}",
        )
    spec = importlib.util.find_spec(room)
    if spec is None or spec.origin is None:
        raise InputError(f"the code of {origin} is not at hand", where="--from")
    return Path(spec.origin).parent, room


def _renamed(card: MethodCard, name: str, title: str, cls: str) -> Renaming:
    return Renaming(card, name, title, cls)


class Renaming:
    """Puts the names of a new method in the place of those of a built-in one."""

    def __init__(self, card: MethodCard, name: str, title: str, cls: str) -> None:
        old = card.entry.rpartition(":")[2]
        self._changes = (
            (re.compile(rf'\bname="{re.escape(card.name)}"'), f'name="{name}"'),
            (re.compile(rf'\btitle="{re.escape(card.title)}"'), f'title="{title}"'),
            (re.compile(rf"\b{re.escape(old)}\b"), cls),
        )

    def __call__(self, text: str) -> str:
        """The text with the new names."""
        for pattern, new in self._changes:
            text = pattern.sub(new, text)
        return text


def _module(path: Path, folder: Path, room: str) -> str:
    parts = path.relative_to(folder).with_suffix("").parts
    return ".".join([room, *(part for part in parts if part != "__init__")])


def _inside(tree: ast.Module, room: str) -> Iterator[str]:
    """The modules of the method's own that a module imports."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and _is_inside(node, room):
            yield str(node.module)


def _is_inside(node: ast.ImportFrom, room: str) -> bool:
    return f"{node.module}.".startswith(f"{room}.")


def _check_mergeable(origin: str, trees: Mapping[str, ast.Module]) -> None:
    """Raises InputError where two modules bind one name, or one module is used by its name."""
    owners: dict[str, str] = {}
    for module, tree in trees.items():
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and any(
                f"{node.module}.{alias.name}" in trees for alias in node.names
            ):
                raise _too_large(origin)
            for name in _defined(node):
                if owners.setdefault(name, module) != module:
                    raise _too_large(origin)


def _too_large(origin: str) -> InputError:
    return InputError(
        f"the code of {origin} cannot be merged into one file: its modules need names of their own",
        where="--from",
        remedy="--package",
    )


def _defined(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _body(text: str, tree: ast.Module) -> str:
    """A module without its docstring and imports, to the letter."""
    lines = text.splitlines()
    dropped: set[int] = set()
    for place, node in enumerate(tree.body):
        is_docstring = place == 0 and ast.get_docstring(tree) is not None
        if is_docstring or isinstance(node, ast.Import | ast.ImportFrom):
            dropped |= set(range(node.lineno - 1, node.end_lineno or node.lineno))
    return "\n".join(line for n, line in enumerate(lines) if n not in dropped).strip()


def _import_lines(trees: Iterable[ast.Module], room: str) -> str:
    """The imports of all modules but those of each other, sorted as usual."""
    plain: set[str] = set()
    names: dict[str, set[str]] = {}
    for tree in trees:
        for node in tree.body:
            if isinstance(node, ast.Import):
                plain |= {ast.unparse(ast.Import([alias])) for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not _is_inside(node, room):
                names.setdefault(str(node.module), set()).update(map(ast.unparse, node.names))
    names.pop("__future__", None)
    lines = [(line.split()[1], 0, line) for line in plain]
    lines += [(module, 1, _from_line(module, sorted(names[module], key=_case))) for module in names]
    groups: dict[int, list[str]] = {}
    for module, _, line in sorted(lines, key=lambda one: (one[1], one[0])):
        groups.setdefault(rank(module), []).append(line)
    parts = ["from __future__ import annotations", *("\n".join(groups[k]) for k in sorted(groups))]
    return "\n\n".join(parts)


def rank(module: str) -> int:
    first = module.partition(".")[0]
    if first in sys.stdlib_module_names:
        return 0
    return 2 if first == "hashbench" else 1


def _case(name: str) -> tuple[int, str]:
    """Constants, then classes, then the rest: the usual order of imported names."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2, name)


def _from_line(module: str, names: list[str]) -> str:
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= WIDTH:
        return line
    listed = "".join(f"    {name},\n" for name in names)
    return f"from {module} import (\n{listed})"


def _formatted_imports(text: str, package: str) -> str:
    """The text, its imports from the package itself in a block of their own behind the others."""
    lines = text.splitlines(keepends=True)
    own: list[str] = []
    moved: set[int] = set()
    last = 0
    for node in ast.parse(text).body:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        span = range(node.lineno - 1, node.end_lineno or node.lineno)
        last = span.stop
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(f"{package}."):
            own += [lines[n] for n in span]
            moved |= set(span)
    kept = [line for n, line in enumerate(lines[:last]) if n not in moved]
    return "".join([*kept, *(["\n", *own] if own else []), *lines[last:]])
