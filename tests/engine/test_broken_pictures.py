"""A run over a folder of pictures of which some cannot be read."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
from PIL import Image

from hashbench.datasets import custom
from hashbench.engine.data import load_dataset, split_of
from hashbench.plan.custom_registry import Registration
from hashbench.plan.request import Request, expand
from hashbench.runs import events, layout, result
from hashbench.runs.tailer import read_all
from tests.engine.conftest import worker

BROKEN = ("03", "17")


def test_a_run_leaves_out_what_cannot_be_read_and_says_so(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = ["file,caption,labels"]
    for item in range(40):
        picture = Image.fromarray(rng.integers(0, 255, (70, 80, 3), dtype=np.uint8))
        picture.save(tmp_path / f"{item:02}.jpg")
        lines.append(f"{item:02}.jpg,picture {item},{'odd' if item % 2 else 'even'}")
    for name in BROKEN:
        path = tmp_path / f"{name}.jpg"
        path.write_bytes(path.read_bytes()[:900])
    (tmp_path / "table.csv").write_text("\n".join(lines))
    registration = Registration(
        kind="table",
        title="Mine",
        query=0,
        train=0,
        images=str(tmp_path),
        table=str(tmp_path / "table.csv"),
    )
    data_dir = tmp_path / "data"
    custom.register(data_dir, "mine", registration)

    request = Request(
        method=["lsh"], dataset=["mine"], bits=[8], threads=1, query_size=20, train_size=10,
        on_bad_image="skip", feature_precision="fp16",
    )  # fmt: skip
    (spec,) = expand(request, data_dir)
    run = layout.create(tmp_path / "runs", spec, datetime.datetime.now(datetime.UTC))
    assert worker(run, data_dir).wait(timeout=300) == 0, run.log.read_text()

    dataset = load_dataset(spec.dataset, data_dir)
    split = split_of(spec, dataset)
    broken = [dataset.ids.index(name) for name in BROKEN]
    sizes = {part: len(np.setdiff1d(items, broken)) for part, items in split.parts().items()}
    logged = read_all(run.events)
    (planned,) = (event for event in logged if isinstance(event, events.Planned))
    assert planned.sizes == sizes
    assert sizes["query"] + sizes["database"] == 38
    notes = [event.text for event in logged if isinstance(event, events.Note)]
    assert any("left out 2 items whose pictures cannot be read" in note for note in notes)
    assert all(any(f"{name}.jpg: cannot be read" in note for note in notes) for name in BROKEN)
    facts = result.read(run.result).facts
    assert facts["left out"] == 2
    assert facts["split"] != split.hash
