"""What `import hashbench` offers, and what it does not import for it."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys

import pytest

import hashbench


def modules_after(code: str) -> set[str]:
    report = "import json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


def test_importing_it_imports_nothing_heavy() -> None:
    modules = modules_after("import hashbench; dir(hashbench); hashbench.InputError")
    assert "hashbench" in modules
    assert not modules & {"torch", "numpy", "numba", "scipy", "rich", "msgspec"}


def test_no_name_imports_torch() -> None:
    modules = modules_after(
        "import hashbench\n"
        "for name in hashbench.__all__: getattr(hashbench, name)\n"
        "hashbench.evaluate([[1, -1]], [[1, 1]], [0], [0])"
    )
    assert "numba" in modules
    assert not modules & {"torch", "open_clip", "textual"}


def test_every_name_is_there_typed_and_explained() -> None:
    for name in set(hashbench.__all__) - {"__version__"}:
        public = getattr(hashbench, name)
        assert name in dir(hashbench)
        assert name in inspect.getsource(hashbench).partition("if TYPE_CHECKING:")[2], name
        assert inspect.getdoc(public), name
    with pytest.raises(AttributeError, match="no attribute 'evaluat'"):
        hashbench.evaluat  # type: ignore[attr-defined]  # noqa: B018
