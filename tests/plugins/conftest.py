"""Plug-ins that lie in a temporary folder, or in packages that are made to look installed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hashbench.plan import plugins
from hashbench.scaffold.write import new_files, write_files
from tests.cli.conftest import run_main  # noqa: F401  # a fixture

Package = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one-file plug-ins that holds the method `mine`."""
    made = tmp_path / "plug-ins"
    monkeypatch.setenv(plugins.FOLDERS, str(made))
    write_files(made, new_files("method", "mine", None, package=False))
    return made


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    """Makes a package with one module and an entry point of a method."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    before = set(sys.modules)

    def make(name: str, module: str, source: str, group: str = "methods") -> Path:
        info = site / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        attribute = "CARD" if group == "methods" else "STUDY"
        points = f"[hashbench.{group}]\n{name} = {module}:{attribute}\n"
        (info / "entry_points.txt").write_text(points)
        path = site / f"{module}.py"
        path.write_text(source)
        plugins._all_points.cache_clear()
        return path

    yield make
    monkeypatch.undo()
    plugins._all_points.cache_clear()
    for name in set(sys.modules) - before:
        if name.startswith("plugged"):
            del sys.modules[name]
