"""A worker of the queue finds a one-file method, whatever shell it is resumed from."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from hashbench.engine.item_encoder import ItemEncoder
from hashbench.errors import InputError
from hashbench.launch import spawn
from hashbench.plan import plugins
from hashbench.plan import spec as specs
from hashbench.runs import plugin_folders, result
from hashbench.runs.state import Status
from hashbench.runs.status import status
from hashbench.testing import short_runs


def test_a_worker_finds_the_method_in_the_folder_that_the_run_noted(
    folder: Path, tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = short_runs.make(tmp_path / "runs", method=["mine"], epochs=2)
    monkeypatch.setenv(plugins.FOLDERS, "")
    process = spawn.enqueue(run, data_dir)
    assert process.wait() == 0, run.log.read_text()
    assert status(run).state is Status.FINISHED
    assert result.read(run.result).facts["plug-in"] == str(folder / "mine.py")
    # whoever encodes with the trained model later takes the same way, and the same care
    plugin_folders.use(run)
    spec = specs.read(run.spec)
    assert ItemEncoder(run, spec, data_dir).texts(["a red house"])[16].bits == 16
    changed = msgspec.structs.replace(spec, file_hash="0" * 16)
    with pytest.raises(InputError, match="has changed since the run began"):
        ItemEncoder(run, changed, data_dir)
