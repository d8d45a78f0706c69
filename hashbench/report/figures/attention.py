"""Attention maps: what a method's encoders look at, in pictures and words, before and after
training.

The model has to be built for them, so another process is asked (`hashbench.engine.attention`).
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from hashbench.errors import HashbenchError, InputError
from hashbench.report.figures.figure import Axis, Figure, Heat, Panel
from hashbench.report.figures.groups import groups, run_ids, shared_notes
from hashbench.report.progress import Progress, silent
from hashbench.report.rows import Collected
from hashbench.report.text import plain
from hashbench.runs.layout import RunFolder

LETTERS = 17  # of a title, which six panels beside each other have room for


def attention(
    collected: Collected, data_dir: Path, items: int, seed: int, progress: Progress = silent
) -> Figure:
    """Two panels a query, before and after, of the lowest seed of each group.

    Raises InputError for methods without maps, and where data or checkpoint are missing.
    """
    shown = groups(collected)
    panels = []
    for number, group in enumerate(shown):
        progress(number, len(shown))
        answer = ask(group.runs[0], data_dir, items, seed)
        for item in answer["items"]:
            labels = plain(", ".join(item["labels"]))
            if len(labels) > LETTERS:
                labels = labels[: LETTERS - 1] + "…"
            after = group.name[:LETTERS] if len(shown) > 1 else "after"
            maps = {when: item[when] for when in ("before", "after")}
            most = max(value for grid in maps.values() for row in grid for value in row)
            words = {when: _words(item, when) for when in maps}
            most_word = max((value for each in words.values() for _, value in each), default=0.0)
            picture = base64.b64decode(item["picture"])
            for when, grid in maps.items():
                title = labels if when == "before" else after
                rows = tuple(map(tuple, grid))
                heat = Heat(rows, most, (), picture, words[when], most_word)
                panels.append(Panel(title, Axis(""), Axis(""), form="heat", heat=heat))
    notes = (
        "left before, right after training, on one scale: bright patches and dark words weigh most",
        "of tuned towers: attention of class and end token in the last block, mean over heads",
        "of pcril: cosine of patches or words with the prompt of the true labels, above the least",
        f"{items} test queries drawn with seed {seed}; of runs, the lowest seed",
    )
    marks = shared_notes(shown, averaged=False)
    return Figure("attention", "attention maps", tuple(panels), (*notes, *marks), run_ids(shown))


def _words(item: dict[str, Any], when: str) -> tuple[tuple[str, float], ...]:
    return tuple(zip(item["words"], item[f"words_{when}"], strict=True))


def ask(run: RunFolder, data_dir: Path, items: int, seed: int) -> dict[str, Any]:
    """The answer of `python -m hashbench.engine.attention`. Raises InputError where it refuses,
    HashbenchError where it died.
    """
    question = {
        "run": str(run.path.resolve()), "data_dir": str(data_dir.resolve()),
        "items": items, "seed": seed,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "hashbench.engine.attention"],
        input=json.dumps(question), capture_output=True, text=True, check=False,
    )  # fmt: skip
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise HashbenchError(f"the process that answers ended with: {last[0]}") from None
    if "error" in answer:
        raise InputError(answer["error"], where=answer["where"], remedy=answer["remedy"])
    return answer
