"""Commands in odd environments: each works, or is one clear message; never a traceback or a hang.

`python tests/survival/environments.py` tries every command in every environment and prints JSON:
for each environment how many worked and were refused, and in `wrong` what did neither.
"""

from __future__ import annotations

import json
import os
import resource
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.report.scored_runs import scored_run
from tests.tui import fixtures

SECONDS = 300.0  # a hang is longer; other programs may slow a command down
HASHBENCH = shlex.join([sys.executable, "-m", "hashbench"])
REFUSALS = (1, 2, 6)
NO_TRACE = ("Traceback", "Exception ignored", "Fatal Python error", "Segmentation fault")


@dataclass(frozen=True)
class Environment:
    """`shell` wraps the command's line; variables are set, or removed where they are None."""

    name: str
    shell: str = "{}"
    variables: Mapping[str, str | None] = field(default_factory=dict)
    limits: tuple[tuple[int, int], ...] = ()
    before: Callable[[], object] | None = None
    must_work: bool = True

    def limit(self) -> None:
        """Runs in the child, before the command."""
        for what, most in self.limits:
            resource.setrlimit(what, (most, most))
        if self.before is not None:
            self.before()


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
MB = 1 << 20

ENVIRONMENTS = {
    one.name: one
    for one in (
        Environment("usual"),
        Environment("locale C", variables={"LC_ALL": "C", "LANG": None}),
        Environment("ASCII", variables={**ASCII, "PYTHONIOENCODING": "ascii"}),
        Environment("no HOME", variables={"HOME": None, "XDG_CACHE_HOME": None}),
        Environment("HOME is a file", variables={"HOME": "/dev/null"}),
        Environment("no TERM", variables={"TERM": None}),
        Environment("no variables", variables=dict.fromkeys(os.environ)),
        Environment("reader leaves", "set -o pipefail; {} | head -1"),
        Environment("reader never reads", "set -o pipefail; {} | true"),
        Environment("stdout closed", "{} >&-"),
        Environment("stderr closed", "{} 2>&-"),
        Environment("stdin closed", "{} <&-"),
        Environment("all closed", "{} <&- >&- 2>&-"),
        Environment("full output", "{} >/dev/full", must_work=False),
        Environment("32 files", limits=((resource.RLIMIT_NOFILE, 32),)),
        Environment("12 files", limits=((resource.RLIMIT_NOFILE, 12),), must_work=False),
        Environment("no file may grow", limits=((resource.RLIMIT_FSIZE, 0),)),
        Environment("4 KiB a file", limits=((resource.RLIMIT_FSIZE, 4096),)),
        Environment("2 GiB of memory", limits=((resource.RLIMIT_AS, 2048 * MB),)),
        *(
            Environment(
                f"{size} MiB of memory", limits=((resource.RLIMIT_AS, size * MB),), must_work=False
            )
            for size in (60, 150, 300, 600)
        ),
        Environment("umask 077", before=lambda: os.umask(0o077)),
    )
}


@dataclass(frozen=True)
class Place:
    """A folder with runs of every state, finished ones with codes, and a file of codes, one of
    which has a name that is not UTF-8.
    """

    folder: Path

    @property
    def commands(self) -> dict[str, str]:
        """Name -> line; every line looks at the same runs."""
        runs = shlex.quote(str(self.folder / "runs"))
        scored = shlex.quote(str(next((self.folder / "scored").iterdir())))
        here = f"--runs-dir {runs}"
        return {
            "version": f"{HASHBENCH} --version",
            "ls": f"{HASHBENCH} ls {here}",
            "show": f"{HASHBENCH} show last {here}",
            "compare": f"{HASHBENCH} compare {here}",
            "eval": f"{HASHBENCH} eval {scored}",
            "eval odd name": f"{HASHBENCH} eval {scored}/codes/*odd*.npz",
            "methods": f"{HASHBENCH} methods list",
            "guide": f"{HASHBENCH} guide metrics",
            "dry run": f"{HASHBENCH} run --dry-run -m soda,lsh -b 16-18 {here}",
            "export": f"{HASHBENCH} export {scored} --to csv",
            "queue": f"{HASHBENCH} queue {here}",
        }


def place(folder: Path) -> Place:
    """The folder, filled."""
    fixtures.one_of_each(folder / "runs")
    run = scored_run(folder / "scored", method=["lsh"])
    (path,) = run.codes.glob("*.npz")
    odd = os.fsencode(run.codes) + b"/\xff\xe9odd name\xf0.npz"
    with open(odd, "wb") as file:  # noqa: PTH123  # a name that a Path cannot be made of
        file.write(path.read_bytes())
    run.events.write_text("")
    return Place(folder)


def outcome(environment: Environment, line: str) -> tuple[str, str]:
    """`worked`, `refused` or `wrong`, and what was seen."""
    variables = {**os.environ, "OMP_NUM_THREADS": None, **environment.variables}
    kept = {name: value for name, value in variables.items() if value is not None}
    try:
        done = subprocess.run(
            ["/bin/bash", "-c", environment.shell.format(line)],
            env=kept, capture_output=True, check=False, timeout=SECONDS, stdin=subprocess.DEVNULL,
            preexec_fn=environment.limit,  # one thread
            cwd=ROOT,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "wrong", f"hangs for {SECONDS:.0f} s"
    seen = (done.stdout + done.stderr).decode(errors="replace")
    told = f"exit code {done.returncode}: {seen[-1500:]}"
    if any(sign in seen for sign in NO_TRACE):
        return "wrong", told
    if done.returncode == 0:
        return "worked", ""
    if environment.must_work or done.returncode not in REFUSALS:
        return "wrong", told
    one_message = done.stderr.decode(errors="replace").count("error: ") == 1
    return ("refused", told) if one_message else ("wrong", told)


ROOT = Path(__file__).resolve().parents[2]


def campaign(
    environments: Iterable[str], commands: Iterable[str], folder: Path
) -> dict[str, object]:
    """Figures over some environments and commands."""
    known = place(folder).commands
    figures: dict[str, dict[str, int]] = {}
    wrong = []
    for name in environments:
        counts = figures.setdefault(name, {"worked": 0, "refused": 0, "wrong": 0})
        for command in commands:
            result, seen = outcome(ENVIRONMENTS[name], known[command])
            counts[result] += 1
            if result == "wrong":
                wrong.append({"environment": name, "command": command, "seen": seen})
    return {"environments": figures, "wrong": wrong}


def main() -> None:
    """Every environment with every command."""
    names = sys.argv[1:] or list(ENVIRONMENTS)
    with tempfile.TemporaryDirectory() as folder:
        commands = list(place(Path(folder) / "names").commands)
        figures = campaign(names, commands, Path(folder) / "campaign")
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
