"""A method of its own package, installed beside hashbench: found, trained, tested, and broken."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hashbench.scaffold.write import new_files, write_files

pytestmark = pytest.mark.slow  # installs with pip, trains, and starts a dozen processes

FORM = "from hashbench.tui.screens.launch_choices import method_items, dataset_items\n"
FORM += "from pathlib import Path\n"
FORM += "print([item.name for item in method_items() + dataset_items(Path('data'))])"

FAULTS: dict[str, tuple[str, Callable[[str], str], str]] = {
    "import": ("__init__.py", lambda text: "import nowhere\n" + text, "No module named 'nowhere'"),
    "syntax": ("__init__.py", lambda text: text + "\n)", "SyntaxError in line"),
    "type": ("__init__.py", lambda text: text + "\nCARD = dict()\n", "a dict, not a MethodCard"),
    "name": ("__init__.py", lambda text: text.replace('"mine"', '"yours"'), "its card 'yours'"),
    "attribute": ("__init__.py", lambda text: text.replace("CARD", "CARDS"), "attribute 'CARD'"),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the package of the method `mine` is installed, with a dataset and a metric."""
    source = tmp_path_factory.mktemp("source")
    target = tmp_path_factory.mktemp("site")
    for kind, name in (("method", "mine"), ("dataset", "squares"), ("metric", "F")):
        write_files(source, new_files(kind, name, None, package=True))  # type: ignore[arg-type]
    packages = [str(source / f"hashbench-{name}") for name in ("mine", "squares", "f")]
    words = ["install", "-q", "--no-deps", "--target", str(target)]
    if importlib.util.find_spec("wheel"):  # else pip fetches what builds packages
        words.append("--no-build-isolation")
    done = subprocess.run(
        [sys.executable, "-m", "pip", *words, *packages],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return target


def beside(site: Path, *words: str, module: str = "hashbench") -> subprocess.CompletedProcess[str]:
    """A command of a Python that has the packages of `site`."""
    path = os.pathsep.join([str(site), str(Path(__file__).resolve().parents[2])])
    return subprocess.run(
        [sys.executable, *(["-m", module] if module else []), *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
        cwd=site,
    )


def test_it_is_trained_resumed_scored_and_listed(
    site: Path, tmp_path: Path, data_dir: Path
) -> None:
    listed = json.loads(beside(site, "methods", "list", "--json").stdout)
    (mine,) = [one for one in listed if one["name"] == "mine"]
    assert mine["plugin"] == "package hashbench-mine 0.1.0, hashbench_mine:CARD"
    form = beside(site, "-c", FORM, module="").stdout
    assert "'mine'" in form
    assert "'squares'" in form
    where = ("--data-dir", str(data_dir), "--runs-dir", str(tmp_path))
    small = ("-d", "picturebook-tiny", "--epochs", "2", "--threads", "1")
    done = beside(site, "run", "-m", "mine", *small, *where)
    assert done.returncode == 0, done.stderr
    (run,) = tmp_path.glob("2*")
    result = json.loads((run / "result.json").read_text())
    assert result["facts"]["plug-in"].startswith("package hashbench-mine")
    assert "F@50" in result["scores"]["32"]["i2t"]
    # without the packages: the run is still a row, by its name, and its metric a number
    alone = subprocess.run(
        [sys.executable, "-m", "hashbench", "compare", "--runs-dir", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert alone.returncode == 0, alone.stderr
    assert "mine" in alone.stdout


@pytest.mark.parametrize("kind", ["mine", "squares", "f"])
def test_the_tests_that_were_written_pass(site: Path, kind: str, tmp_path: Path) -> None:
    names = {"mine": ("method", "mine"), "squares": ("dataset", "squares"), "f": ("metric", "F")}
    write_files(tmp_path, new_files(*names[kind], None, package=True))  # type: ignore[arg-type]
    tests = tmp_path / f"hashbench-{kind}" / "tests"
    words = ("-q", "-p", "no:cacheprovider", "-W", "error", str(tests))
    done = beside(site, *words, module="pytest")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("fault", FAULTS)
def test_it_is_named_when_it_is_broken(site: Path, fault: str) -> None:
    name, change, problem = FAULTS[fault]
    path = site / "hashbench_mine" / name
    sound = path.read_text()
    path.write_text(change(sound))
    try:
        listed = beside(site, "methods", "list")
        asked = beside(site, "run", "-m", "mine", "--dry-run")
        other = beside(site, "run", "-m", "lsh", "--dry-run")
    finally:
        path.write_text(sound)
    assert listed.returncode == 0
    assert "soda" in listed.stdout
    assert "left out: mine (package hashbench-mine 0.1.0" in listed.stderr
    assert problem in listed.stderr
    assert asked.returncode == 2
    assert problem in asked.stderr
    assert "Traceback" not in asked.stderr
    assert other.returncode == 0, other.stderr
