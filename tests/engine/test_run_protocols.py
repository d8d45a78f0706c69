"""Strict and published runs end to end: the audit, the marks, the files, and resuming."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hashbench.files import array_files
from hashbench.report import comparison, rows
from hashbench.runs import control, events, result
from hashbench.runs.layout import RunFolder
from hashbench.runs.tailer import read_all
from tests.engine.conftest import Make, worker

SMALL: dict[str, Any] = {
    "query_size": 20,
    "train_size": 80,
    "set": {"auxiliary_bits": "16", "tuned_blocks": "1", "batch_size": "16"},
}


def codes(run: RunFolder) -> dict[str, np.ndarray]:
    with np.load(run.codes / "16.npz", allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def finished(run: RunFolder, data_dir: Path) -> result.Result:
    assert worker(run, data_dir).wait(timeout=300) == 0, run.log.read_text()
    return result.read(run.result)


@pytest.mark.parametrize("name", ["prompthash", "pghmh"])
def test_the_audit_flags_a_published_run_and_tables_mark_it(
    name: str, make: Make, data_dir: Path
) -> None:
    # fused features alone make the leak of a hardly trained model large enough to be seen
    more = {"fused_share": "1"} if name == "prompthash" else {}
    request = SMALL | {"query_size": 60, "set": SMALL["set"] | more}
    run = make(method=[name], protocol="published", epochs=1, **request)
    outcome = finished(run, data_dir)
    assert not outcome.audit.clean
    assert outcome.audit.labels > 0
    if name == "prompthash":
        assert outcome.audit.paired is not None
        assert outcome.audit.paired > 0
        assert outcome.audit.batch > 0
    else:
        assert outcome.audit.paired is None
        assert outcome.audit.batch == 0
        released = array_files.read(run.codes / "16.mat")
        assert np.asarray(released["val_B"]).shape == (60, 16)
        assert np.asarray(released["L_db"]).shape == (400, 24)
    assert f"labels {outcome.audit.labels:.1%}" in outcome.audit.verdict
    (table,) = comparison.compare(rows.collect([run]).finished)
    assert table.condition.protocol == "published"
    assert table.condition.task == ("mm" if name == "pghmh" else "cross-modal")
    assert {"PUBLISHED PROTOCOL", outcome.audit.verdict} <= set(table.rows[0].marks)


def test_a_stopped_run_of_tuned_towers_resumes_to_the_same_codes(
    make: Make, data_dir: Path
) -> None:
    request = {"method": ["prompthash"], "epochs": 2, **SMALL}
    request["set"] = SMALL["set"] | {"optimiser": "bertadam"}  # its state is in the checkpoint, too
    whole = make(**request)
    facts = finished(whole, data_dir).facts
    assert facts["state space scan"] == "hashbench"  # these tests run where there is no kernel
    stopped = make(**request)
    process = worker(stopped, data_dir)
    deadline = time.monotonic() + 120
    while not any(isinstance(event, events.EpochEnded) for event in read_all(stopped.events)):
        assert time.monotonic() < deadline, "no epoch ended"
        time.sleep(0.01)
    control.send(stopped, "stop")
    assert process.wait(timeout=120) == 0
    assert not stopped.result.exists(), "it was over before it could be stopped"
    again = finished(stopped, data_dir)
    assert again.scores == result.read(whole.result).scores
    expected, actual = codes(whole), codes(stopped)
    for part, words in expected.items():
        assert np.array_equal(words, actual[part]), part
