"""What a sweep file means, and what is refused in one."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashbench.errors import InputError
from hashbench.plan.sweep import read_sweep

FULL = """
[base]
dataset = "picturebook-tiny"
bits = [16, 32]
seed = [0, 1]

[[grid]]
method = "soda"
set = { alpha = [0.5, 1.0] }

[[grid]]
method = ["pcril", "lsh"]
known_ratio = [0.3, 0.7]
ablate = [[], ["no-CSA"]]

[[skip]]
method = "lsh"
known_ratio = 0.3

[[skip]]
method = "soda"
bits = 16
set = { alpha = 1.0 }
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "sweep.toml"
    path.write_text(text)
    return path


def test_grids_conditions_and_what_falls_together(tmp_path: Path) -> None:
    specs = read_sweep(write(tmp_path, FULL))
    assert {spec.dataset.name for spec in specs} == {"picturebook-tiny"}
    soda = [(s.params["alpha"], s.bits, s.seed) for s in specs if s.method == "soda"]
    assert len(soda) == 2 * 2 * 2 - 2
    assert (1.0, (16,), 0) not in soda
    assert (1.0, (32,), 0) in soda
    pcril = {(s.labels.known_ratio, s.ablations) for s in specs if s.method == "pcril"}
    assert pcril == {(r, a) for r in (0.3, 0.7) for a in ((), ("no-CSA",))}
    lsh = [s for s in specs if s.method == "lsh"]
    assert {s.labels.known_ratio for s in lsh} == {0.7}
    assert len(lsh) == 2 * 2  # it has no such ablation: both choices are the same run
    assert len({s.hash for s in specs}) == len(specs)


def test_unknown_pairs_of_a_method_that_treats_them_itself_fall_together(tmp_path: Path) -> None:
    both = (
        '[[grid]]\nmethod = ["pcril", "soda"]\nknown_ratio = 0.3\nunknown = ["ignore", "negative"]'
    )
    specs = read_sweep(write(tmp_path, both))
    assert [(spec.method, spec.labels.unknown) for spec in specs] == [
        ("pcril", "negative"),
        ("soda", "ignore"),
        ("soda", "negative"),
    ]


def test_a_plain_list_of_ablations_is_one_choice(tmp_path: Path) -> None:
    (spec,) = read_sweep(write(tmp_path, '[[grid]]\nmethod = "pcril"\nablate = ["no-CSA"]'))
    assert spec.ablations == ("no-CSA",)


def test_base_alone_is_a_grid(tmp_path: Path) -> None:
    assert len(read_sweep(write(tmp_path, "[base]\nseed = [0, 1, 2]"))) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[grids]", "no table named 'grids'"),
        ("[base]\nbit = 3", "no key named 'bit'"),
        ("base = 3", r"\[base\]: is not a table"),
        ("grid = 3", "is not a list of tables"),
        ("[grid]\nmethod = 'soda'", "is not a list of tables"),
        ("[[grid]]\nmethod = 'sodda'", "did you mean soda"),
        ("[[grid]]\nset = { alpa = 1.0 }", "no parameter named"),
        ("[[grid]]\nset = { alpha = [] }", "is an empty list"),
        ("[[grid]]\nset = 3", "is not a table"),
        ("[[grid]]\nbits = 'many'", "bits: 'many' is not a whole number"),
        ("[[grid]]\nset = { alpha = [[1.0]] }", "alpha|list|str"),
        ("[[grid]]\nablate = ['none', 'no-CSA']", "ablate: no ablation is an empty list"),
        ("[[skip]]\ncolour = 1", "no key named 'colour'"),
        ("[[skip]]\nmethod = 'soda'", "describes no run"),
        ("[[skip]]\nset = 3", "is not a table"),
        ("[base]\nseed = [0, 1", "is not TOML"),
        ("a = " + "[" * 100_000, "is not TOML"),
        ("# " + "x" * (1 << 20), "too large"),
    ],
)
def test_what_is_wrong_is_refused_with_file_and_place(
    tmp_path: Path, text: str, message: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InputError, match=message):
        read_sweep(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_sweep(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[base]\nmethod = 'sodda'", r"sweep.toml: \[base\]: method: "),
        ("[base]\nepochs = 0", r"sweep.toml: \[base\]: epochs: "),
        (
            "[base]\nset = { alpha = -1.0 }\n[[grid]]\nseed = 1",
            r"sweep.toml: \[base\]: set.alpha: ",
        ),
        ("[base]\nseed = 1\n[[grid]]\n[[grid]]\nset = { alpha = -1.0 }", r"\[\[grid\]\] 2: set"),
        ("[base]\nablate = 'no-promt'", r"sweep.toml: \[base\]: ablate: there is no ablation"),
        ("[base]\nprotocol = 'published'", r"sweep.toml: \[base\]: protocol: soda has no other"),
        ("[[grid]]\n[[grid]]\ndevice = 'gpu'", r"sweep.toml: \[\[grid\]\] 2: device: "),
        ("[[skip]]\nbits = 'x'", r"sweep.toml: \[\[skip\]\] 1: bits: "),
    ],
)
def test_the_table_that_holds_a_wrong_key_is_named(tmp_path: Path, text: str, place: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InputError, match=place):
        read_sweep(path)


def test_every_option_spans_a_grid_and_leaves_out_runs(tmp_path: Path) -> None:
    text = """
    [base]
    epochs = [2, 3]
    label_noise = [0.0, 0.1]
    query_size = [50, 60]
    split = ["own", "mith"]
    [[skip]]
    label_noise = 0.1
    epochs = 3
    [[skip]]
    split = "mith"
    query_size = [50]
    """
    specs = read_sweep(write(tmp_path, text))
    points = [
        (s.params["teacher_epochs"], s.labels.noise, s.dataset.query, s.dataset.split)
        for s in specs
    ]
    assert len(points) == len(set(points)) == 9
    assert not any(point[:2] == (3, 0.1) or point[2:] == (50, "mith") for point in points)


def test_a_huge_grid_is_refused_by_count(tmp_path: Path) -> None:
    many = list(range(1, 10_001))
    text = f"[base]\nseed = {many}\nsplit_seed = {many}\n[[grid]]\nepochs = {many}"
    with pytest.raises(InputError, match=r"spans 1,000,000,000,000 runs, more than 10,000"):
        read_sweep(write(tmp_path, text))


def test_ablations_of_a_condition_match_names_or_whole_choices(tmp_path: Path) -> None:
    grid = '[[grid]]\nmethod = "pcril"\nablate = [[], ["no-CSA"], ["no-CSA", "no-PCR"]]\n'
    for skip, left in (
        ('"no-CSA"', [()]),
        ("[]", [("no-CSA",), ("no-CSA", "no-PCR")]),
        ('[["no-CSA"]]', [(), ("no-CSA", "no-PCR")]),
    ):
        specs = read_sweep(write(tmp_path, f"{grid}[[skip]]\nablate = {skip}"))
        assert [spec.ablations for spec in specs] == left
