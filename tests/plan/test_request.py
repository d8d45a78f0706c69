"""From what is asked to what will run: grids, precedence, and refusals before anything starts."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashbench.errors import DamagedFileError, HashbenchError, InputError, UnknownNameError
from hashbench.plan import spec as specs
from hashbench.plan.request import expand, read_config
from hashbench.plan.run_options import Request


def test_the_default_request_is_one_run_of_soda() -> None:
    (spec,) = expand(Request())
    assert (spec.method, spec.bits, spec.dataset.name) == ("soda", (32,), "picturebook")
    assert (spec.protocol, spec.select) == ("strict", "validation")


def test_several_values_make_a_grid_without_repeats() -> None:
    expanded = expand(Request(method=["soda", "lsh"], bits=[16, 32, 16], seed=[0, 1, 2]))
    assert len(expanded) == 2 * 2 * 3
    assert len({spec.hash for spec in expanded}) == len(expanded)


def test_set_goes_to_every_method_that_has_the_parameter_and_prefix_to_one() -> None:
    request = Request(method=["soda", "lsh"], set={"alpha": "2", "lsh.centre": "no"})
    soda, lsh = expand(request)
    assert soda.params["alpha"] == 2.0
    assert lsh.params == {"centre": False}


def test_set_wins_over_ablation_and_ablation_over_epochs() -> None:
    (spec,) = expand(Request(ablate=["no-prompt"], epochs=3, set={"teacher_epochs": "7"}))
    assert spec.params["prompt"] == "one-hot"
    assert (spec.params["teacher_epochs"], spec.params["student_epochs"]) == (7, 3)
    assert spec.ablations == ("no-prompt",)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (Request(method=["sodda"]), "did you mean soda"),
        (Request(dataset=["picturbook"]), "did you mean picturebook"),
        (Request(ablate=["no-promt"]), "did you mean no-prompt"),
        (Request(set={"alfa": "1"}), "did you mean alpha"),
        (Request(set={"soda.alfa": "1"}), "did you mean alpha"),
        (Request(set={"alpha": "-1"}), "alpha"),
        (Request(set={"prompt": "contxt"}), "did you mean context"),
        (Request(bits=[0]), "--bits"),
        (Request(bits=[5000]), "--bits"),
        (Request(bits=[]), "--bits"),
        (Request(seed=[-1]), "--seed"),
        (Request(epochs=0), "--epochs"),
        (Request(device="gpu"), "--device"),
        (Request(select="best"), "--select"),
        (Request(protocol="publish"), "did you mean published"),
        (Request(unknown="drop"), "--unknown"),
        (Request(known_ratio=[0.0]), "--known-ratio"),
        (Request(known_ratio=[1.5]), "--known-ratio"),
        (Request(label_noise=2.0), "--label-noise"),
        (Request(query_size=0), "--query-size"),
        (Request(train_size=1), "--train-size"),
        (Request(select=["validation", "last"], set={"patience": "3"}), "--select last"),
        (Request(method="pghmh", select="last", set={"patience": "1"}), "--select last"),
    ],
)
def test_what_is_wrong_is_refused_by_name(request_: Request, message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        expand(request_)
    assert refused.value.exit_code == 2


def test_a_grid_that_is_too_large_is_refused() -> None:
    with pytest.raises(InputError, match="19,900 runs, more than 10,000"):
        expand(Request(bits=list(range(1, 200)), seed=list(range(100))))


def test_a_config_file_gives_the_same_keys(tmp_path: Path) -> None:
    path = tmp_path / "grid.toml"
    path.write_text('method = "lsh"\nbits = [16, 32]\nseed = 3\n[set]\ncentre = false\n')
    expanded = expand(Request(**read_config(path)))
    assert [(spec.method, spec.bits, spec.seed) for spec in expanded] == [
        ("lsh", (16,), 3),
        ("lsh", (32,), 3),
    ]
    assert expanded[0].params == {"centre": False}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("methods = ['soda']", UnknownNameError),
        ("bits = 'many'", InputError),
        ("bits = [1.5]", InputError),
        ("bits = [", DamagedFileError),
        ("\x00\xff", DamagedFileError),
    ],
)
def test_a_config_file_that_is_wrong_is_named(
    tmp_path: Path, text: str, error: type[HashbenchError]
) -> None:
    path = tmp_path / "wrong.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(error, match="wrong.toml"):
        read_config(path)
    with pytest.raises(DamagedFileError, match="missing.toml"):
        read_config(tmp_path / "missing.toml")


def test_a_sweep_given_as_a_config_is_sent_to_its_command(tmp_path: Path) -> None:
    path = tmp_path / "sweep.toml"
    for text in ("[base]\nbits = 16", "[[grid]]\nbits = [16, 32]"):
        path.write_text(text)
        with pytest.raises(InputError, match=f"hashbench sweep {path}"):
            read_config(path)


@given(
    bits=st.integers(1, 4096),
    seed=st.integers(0, 2**31 - 1),
    ratio=st.floats(0.01, 1.0),
    name=st.text(max_size=20),
)
def test_a_spec_survives_toml(bits: int, seed: int, ratio: float, name: str) -> None:
    (spec,) = expand(Request(bits=[bits], seed=[seed], known_ratio=[ratio], pretrained=name))
    again = specs.from_toml(specs.to_toml(spec).encode())
    assert again == spec
    assert again.hash == spec.hash


def test_the_hash_tells_what_decides_codes_and_nothing_else() -> None:
    (plain,) = expand(Request())
    (elsewhere,) = expand(Request(device="cpu", threads=3))
    (other,) = expand(Request(set={"alpha": 2.0}))
    assert plain.hash == elsewhere.hash != other.hash


def test_ids_sort_by_time_and_read_well() -> None:
    (spec,) = expand(Request())
    times = [datetime.datetime(2026, 1, day, tzinfo=datetime.UTC) for day in (3, 12, 20)]
    ids = [spec.run_id(time) for time in times]
    assert ids == sorted(ids)
    assert "soda-picturebook-32b-s0" in ids[0]


@pytest.mark.parametrize("text", ["", "version = 'x'", "[[", 'method = "soda"', "x" * (1 << 21)])
def test_a_damaged_spec_is_named(text: str) -> None:
    with pytest.raises(DamagedFileError, match=r"spec\.toml"):
        specs.from_toml(text.encode(), where="spec.toml")
