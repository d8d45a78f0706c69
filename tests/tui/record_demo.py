"""Records the runs that `hashbench tui --demo` plays: real runs on built-in data, thinned.

    python tests/tui/record_demo.py RUNS_DIR [--run]

`--run` makes the runs first (minutes); without it those in RUNS_DIR are packed, in their order.
Steps are thinned to at most LOSSES for each stage and examples to EXAMPLES for each epoch; all
other events, results, codes and logs stay as they are.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

RUNS = (
    "-m lsh -b 32",
    "-m soda -b 16,32",
    "-m pcril -b 32 --known-ratio 0.3",
    "-m soda -b 32 --ablate no-prompt",
    "-m dcmh -b 32",
    "-m pghmh -b 64",
)
LOSSES = 150
EXAMPLES = 2
FILES = ("spec.toml", "result.json", "worker.log", "codes/*", "labels.npz")
LOG_BYTES = 4096


def thinned(recorded: Iterable[object]) -> Iterator[object]:
    """The events that are worth a place, in their order."""
    from hashbench.runs import events
    from hashbench.tui.demo.recording import NOT_PLAYED

    kept = [event for event in recorded if not isinstance(event, NOT_PLAYED)]
    steps = Counter(event.stage for event in kept if isinstance(event, events.Loss))
    seen: defaultdict[str, int] = defaultdict(int)
    for event in kept:
        match event:
            case events.Loss(stage=stage):
                number = seen[stage]
                seen[stage] += 1
                # evenly, and the first one always
                share = min(1.0, LOSSES / steps[stage])
                if number and int(number * share) == int((number - 1) * share):
                    continue
                yield event
            case events.Recovery(examples=examples):
                yield msgspec.structs.replace(event, examples=examples[:EXAMPLES])
            case _:
                yield event


def main() -> None:
    """Makes the runs, if asked for, and packs them."""
    from hashbench.runs import layout
    from hashbench.runs.state_reader import read_ended_state
    from hashbench.runs.tailer import read_all
    from hashbench.tui.demo.recording import RECORDING, RecordedRun, pack

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs_dir", type=Path)
    parser.add_argument("--run", action="store_true")
    asked = parser.parse_args()
    program = "from hashbench.cli.main import main; main()"
    for words in RUNS if asked.run else ():
        command = [sys.executable, "-c", program, "run", "-d", "picturebook-tiny", *words.split()]
        subprocess.run([*command, "--runs-dir", str(asked.runs_dir)], check=False, cwd=ROOT)
    packed = []
    for run in layout.find(asked.runs_dir):
        if read_ended_state(run.events) is None:
            continue  # it is still under way
        found = sorted(path for pattern in FILES for path in run.path.glob(pattern))
        files = {str(path.relative_to(run.path)): path.read_bytes() for path in found}
        files["worker.log"] = files.get("worker.log", b"")[-LOG_BYTES:]
        played = tuple(thinned(read_all(run.events)))
        packed.append(RecordedRun(run.id, played, files))  # type: ignore[arg-type] # all are events
        size = sum(map(len, files.values()))
        print(f"{run.id}: {len(played)} events, {packed[-1].seconds:.0f} s, {size} bytes")  # noqa: T201
    pack(packed)
    print(f"{RECORDING}: {RECORDING.stat().st_size} bytes")  # noqa: T201


if __name__ == "__main__":
    main()
