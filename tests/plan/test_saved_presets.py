"""Presets of one's own: what is saved means the same runs when it is read again."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashbench.errors import InputError
from hashbench.plan import saved_presets
from hashbench.plan.request import expand, read_config
from hashbench.plan.run_options import Request


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HASHBENCH_CONFIG", str(tmp_path / "config"))


@pytest.mark.parametrize(
    "asked",
    [
        Request(),
        Request(method=["soda", "lsh"], bits=(16, 32), seed=[0, 1], known_ratio=0.5),
        Request(set={"alpha": 0.5}, epochs=3, dataset="picturebook-tiny"),
        Request(method="pcril", ablate=["no-CSA"], set={"pcril.margin": [0.1, 0.2]}),
    ],
)
def test_a_preset_means_the_runs_it_was_made_of(asked: Request) -> None:
    path = saved_presets.save("mine", saved_presets.values_of(asked))
    assert saved_presets.names() == ["mine"]
    assert saved_presets.resolved(Path("mine")) == path
    assert expand(Request(**read_config(path))) == expand(asked)
    saved_presets.delete("mine")
    assert saved_presets.names() == []
    assert saved_presets.resolved(Path("mine")) == Path("mine")


@pytest.mark.parametrize("name", ["", "../out", "a/b", ".hidden", "x" * 65, "a b", "ä"])
def test_names_lead_nowhere_else(name: str) -> None:
    with pytest.raises(InputError, match="no name of a preset"):
        saved_presets.save(name, {})
    assert saved_presets.names() == []


def test_a_file_of_that_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    saved_presets.save("mine", {"seed": 1})
    Path("mine").write_text("seed = 2")
    assert saved_presets.resolved(Path("mine")) == Path("mine")
