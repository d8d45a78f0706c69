"""`slurm.toml`: what it may say, and how each mistake is answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashbench.clusters.options import find_file
from hashbench.clusters.slurm_options import SlurmOptions, read
from hashbench.errors import DamagedFileError, InputError, UnknownNameError

GOOD = """
partition = "gpu"
gres = "gpu:a100:1"
time = "1-12:00:00"
account = "lab"
max_jobs = 4
per_job = 3
sbatch = ["--mem=16G", "-c 4", "--exclude=n[1-3]"]
setup = ["module load cuda", 'export X="a b"']
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "slurm.toml"


def test_every_key_is_read(file: Path) -> None:
    file.write_text(GOOD)
    options = read(file)
    assert (options.partition, options.gres, options.max_jobs) == ("gpu", "gpu:a100:1", 4)
    assert options.sbatch == ("--mem=16G", "-c 4", "--exclude=n[1-3]")
    assert options.setup[1] == 'export X="a b"'
    assert read(file, per_job=7).per_job == 7
    assert read(None) == SlurmOptions()


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ('partitoin = "gpu"', "slurm.toml", "did you mean partition?"),
        ("time = 90", "slurm.toml: time", "Expected `str`"),
        ('time = "soon"', "slurm.toml: time", "no time limit"),
        ("per_job = 0", "slurm.toml: per_job", "1 or more"),
        ("max_jobs = -1", "slurm.toml: max_jobs", "0 or more"),
        ('partition = "a b"', "slurm.toml: partition", "spaces"),
        ('account = "x\\n#SBATCH --uid=0"', "slurm.toml: account", "spaces"),
        ('sbatch = ["--array=1-9"]', "slurm.toml: sbatch", "the key max_jobs steers it"),
        ('sbatch = ["--time=3"]', "slurm.toml: sbatch", "the key time steers it"),
        ('sbatch = ["-t3"]', "slurm.toml: sbatch", "the key time steers it"),
        ('sbatch = ["-J mine"]', "slurm.toml: sbatch", "leave it out"),
        ('sbatch = ["--output=x"]', "slurm.toml: sbatch", "leave it out"),
        ('sbatch = ["mem=16G"]', "slurm.toml: sbatch", "--mem=16G"),
        ('sbatch = ["--mem=1\\nrm"]', "slurm.toml: sbatch", "no option of sbatch"),
        ('sbatch = "--mem=16G"', "slurm.toml: sbatch", "Expected `array`"),
        ("setup = [1]", "slurm.toml: setup", "Expected `str`"),
    ],
)
def test_a_mistake_names_file_key_and_remedy(file: Path, text: str, where: str, words: str) -> None:
    file.write_text(text)
    with pytest.raises(InputError) as raised:
        read(file)
    assert str(raised.value.where).endswith(where)
    assert words in str(raised.value)


def test_what_is_no_toml_is_said_to_be_none(file: Path) -> None:
    file.write_text("partition = ")
    with pytest.raises(DamagedFileError, match="is not TOML"):
        read(file)


def test_options_like_those_of_hashbench_are_possible(file: Path) -> None:
    # names that begin as refused ones do, and short options beside them
    file.write_text('sbatch = ["--time-min=10", "--wait-all-nodes=1", "-A lab", "-n1", "-p x"]')
    assert len(read(file).sbatch) == 5


def test_the_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    runs = tmp_path / "runs"
    assert find_file("slurm", runs) is None
    own = tmp_path / "config" / "hashbench" / "slurm.toml"
    own.parent.mkdir(parents=True)
    own.write_text("")
    assert find_file("slurm", runs) == own
    runs.mkdir()
    (runs / "slurm.toml").write_text("")
    assert find_file("slurm", runs) == runs / "slurm.toml"
    chosen = tmp_path / "other.toml"
    with pytest.raises(InputError, match="does not exist"):
        find_file("slurm", runs, chosen)
    chosen.write_text("")
    assert find_file("slurm", runs, chosen) == chosen


def test_an_unknown_cluster_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    from hashbench.clusters.catalog import check_name, cluster_named

    with pytest.raises(UnknownNameError, match="slurm"):
        check_name("slrum")
    with pytest.raises(InputError, match="has no address"):
        cluster_named("slurm://host")
