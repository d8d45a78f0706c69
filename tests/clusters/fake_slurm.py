"""Commands named as Slurm's, for tests without one: what they are told is kept, what they answer is
in files.
"""

from __future__ import annotations

from pathlib import Path

import pytest

_SCRIPTS = {
    "sbatch": """\
if [ -f refusal ]; then cat refusal >&2; exit 1; fi
n=$(( $(cat jobs 2>/dev/null || echo 0) + 1 )); echo $n > jobs; echo $n
""",
    "squeue": """\
if [ -f slow ]; then exec sleep 30; fi
if [ -f silence ]; then cat silence >&2; exit 1; fi
cat queue 2>/dev/null || true
""",
    "scancel": "if [ -f after_scancel ]; then mv after_scancel queue; fi",
    "scontrol": "",
}


class FakeSlurm:
    """The commands are first in PATH; `tell` writes what they answer."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        folder.mkdir()
        for name, body in _SCRIPTS.items():
            script = folder / name
            # each call is a line: the command's name and its words
            script.write_text(
                f'#!/bin/bash\ncd "{folder}"\nprintf "%s\\n" "$(basename "$0") $*" >> calls\n{body}'
            )
            script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def tell(self, name: str, text: str) -> None:
        """Writes one of the files `queue`, `refusal`, `silence`, `slow`, `after_scancel`."""
        (self.folder / name).write_text(text)

    def calls(self, command: str) -> list[str]:
        """How a command was called so far."""
        path = self.folder / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if line.startswith(f"{command} ")]
