"""New plug-ins: which files there are to write, and writing them, all or none."""

from __future__ import annotations

import datetime
import keyword
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template
from typing import Literal

from hashbench.errors import InputError
from hashbench.files.atomic import write_bytes_atomically
from hashbench.scaffold import copied, templates

Kind = Literal["method", "dataset", "metric"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_TEMPLATES = {
    "method": (templates.METHOD, templates.METHOD_TEST),
    "dataset": (templates.DATASET, templates.DATASET_TEST),
    "metric": (templates.METRIC, templates.METRIC_TEST),
}


def check_name(kind: Kind, name: str, built_in: Iterable[str]) -> None:
    """Raises InputError for what cannot be the name of a new plug-in."""
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or name.startswith("test_"):
        raise InputError(
            f"{name!r} is no name for a {kind}: it names a Python file, too",
            where=f"hashbench {kind}s new",
            remedy="letters, digits and underscores, a letter first, up to 40 of them",
        )
    if name.lower() in (known.lower() for known in built_in):
        raise InputError(
            f"{name} is the name of a built-in {kind}, which would be used instead",
            where=f"hashbench {kind}s new",
            remedy="another name",
        )


def new_files(kind: Kind, name: str, origin: str | None, *, package: bool) -> dict[str, str]:
    """The texts of a new plug-in by relative path: one file and its test, or a package.

    A method may begin as a copy of the built-in one `origin`.
    """
    title = name.replace("_", " ").title() if kind == "dataset" else name.replace("_", "-").upper()
    title = name if kind == "metric" else title
    cls = "".join(part[:1].upper() + part[1:] for part in name.split("_"))
    module = f"hashbench_{name.lower()}"
    words = {
        "name": name,
        "title": title,
        "cls": cls,
        "year": str(datetime.datetime.now(datetime.UTC).year),
        "entry": module if package else "",
        "kind": kind,
        "package": module,
        "dashed": name.lower().replace("_", "-"),
        "attribute": "MEASURE" if kind == "metric" else "CARD",
    }
    if not package:
        text = Template(_TEMPLATES[kind][0]).substitute(words)
        if origin is not None:
            text = copied.as_file(origin, name, title, cls)
        what = f'Path(__file__).with_name("{name}.py")'
        return {f"{name}.py": text, f"test_{name}.py": _test(kind, words, what)}
    modules = (
        _modules(kind, words)
        if origin is None
        else copied.as_package(origin, name, title, cls, module)
    )
    folders = sorted({str((Path(module) / path).parent) for path in modules})
    words["packages"] = ", ".join(f'"{folder.replace("/", ".")}"' for folder in folders)
    root = f"hashbench-{words['dashed']}"
    return {
        f"{root}/pyproject.toml": Template(templates.PYPROJECT).substitute(words),
        **{f"{root}/{module}/{path}": text for path, text in modules.items()},
        f"{root}/tests/test_{name.lower()}.py": _test(kind, words, f'"{name}"'),
    }


def _modules(kind: Kind, words: Mapping[str, str]) -> dict[str, str]:
    """The modules of a package: the card, which is read without torch, and the code behind it."""
    text = Template(_TEMPLATES[kind][0]).substitute(words)
    if kind == "metric":
        return {"__init__.py": text}
    docstring, imports, card, code = _parts(text)
    module = "method" if kind == "method" else "dataset"
    entry = f'entry="{words["entry"]}:'
    card = card.replace(entry, f'entry="{words["entry"]}.{module}:')
    light = [line for line in imports if "hashbench.plan" in line or "_params" in line]
    heavy = [line for line in imports if line not in light]
    if "Value" in code:
        light = [line.replace(", Value", "") for line in light]
        heavy.append("from hashbench.plan.card import Value")
    own = [f"from {words['package']} import CARD"] if "CARD" in code else []
    future = "from __future__ import annotations"
    return {
        "__init__.py": f"{docstring}\n\n" + "\n".join(light) + f"\n\n{card}\n",
        f"{module}.py": f"{docstring}\n\n{future}\n\n"
        + _grouped(heavy, own)
        + f"\n\n\n{code.strip()}\n",
    }


def _parts(text: str) -> tuple[str, list[str], str, str]:
    """Docstring, imports, the card, and the code of a template."""
    docstring, _, rest = text.partition("\n\n")
    imports, _, rest = rest.partition("\n# Commands read the card")
    card, _, code = rest.partition("\n)\n")
    lines = [line for line in imports.splitlines() if line and "__future__" not in line]
    return docstring, lines, card.partition("\n")[2] + "\n)", code


def _grouped(lines: list[str], own: list[str]) -> str:
    """Imports in the usual groups: the standard library, others, hashbench, the package itself."""
    groups: dict[int, list[str]] = {}
    for line in lines:
        groups.setdefault(copied.rank(line.split()[1]), []).append(line)
    blocks = ["\n".join(groups[rank]) for rank in sorted(groups)]
    return "\n\n".join([*blocks, *filter(None, ["\n".join(own)])])


def _test(kind: Kind, words: Mapping[str, str], what: str) -> str:
    """The test of a plug-in, `what` being its name or file."""
    standard = ["import tempfile"] if kind == "dataset" else []
    standard += ["from pathlib import Path"] if kind == "dataset" or "Path" in what else []
    blocks = ["\n".join(standard)] if standard else []
    blocks += ["from PIL import Image"] if kind == "dataset" else []
    blocks += [f"from hashbench.testing import {kind.title()}Contract\n"]
    filled = {**words, "what": what, "imports": "\n\n".join(blocks)}
    return Template(_TEMPLATES[kind][1]).substitute(filled)


def write_files(into: Path, texts: Mapping[str, str]) -> list[Path]:
    """Writes all of the files. Raises InputError where one exists, before any is written."""
    paths = {into / name: text for name, text in texts.items()}
    for path in paths:
        if path.exists():
            raise InputError(
                "exists, and nothing was written", where=path, remedy="another name, or --into DIR"
            )
    try:
        for path, text in paths.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes_atomically(path, text.encode())
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror}", where=into, remedy="another --into DIR"
        ) from None
    return list(paths)
