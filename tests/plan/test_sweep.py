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


def test_a_plain_list_of_ablations_is_one_choice(tmp_path: Path) -> None:
    (spec,) = read_sweep(write(tmp_path, '[[grid]]\nmethod = "pcril"\nablate = ["no-CSA"]'))
    assert spec.ablations == ("no-CSA",)


def test_base_alone_is_a_grid(tmp_path: Path) -> None:
    assert len(read_sweep(write(tmp_path, "[base]\nseed = [0, 1, 2]"))) == 3


@pytest.mark.parametrize(
    ("text", "told"),
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
        ("[[skip]]\ncolour = 1", "no key named 'colour'"),
        ("[[skip]]\nmethod = 'soda'", "means no run"),
        ("[[skip]]\nset = 3", "is not a table"),
        ("[base]\nseed = [0, 1", "is not TOML"),
        ("a = " + "[" * 100_000, "is not TOML"),
        ("# " + "x" * (1 << 20), "too large"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_place(tmp_path: Path, text: str, told: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InputError, match=told):
        read_sweep(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_sweep(tmp_path / "none.toml")
