"""`ray.toml`, and what is said where Ray or its cluster is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hashbench.clusters import catalog, ray, ray_options
from hashbench.clusters.base import SchedulerSilentError
from hashbench.errors import InputError, UnknownNameError


def written(folder: Path, text: str) -> Path:
    path = folder / "ray.toml"
    path.write_text(text)
    return path


def test_options_of_a_file(tmp_path: Path) -> None:
    path = written(
        tmp_path, "num_cpus = 2\nnum_gpus = 0.5\nmemory = 8000000000\n[resources]\nbig = 1\n"
    )
    options = ray_options.read(path)
    assert options.demand == {"CPU": 2.0, "GPU": 0.5, "memory": 8e9, "big": 1.0}
    assert ray_options.read(None).demand == {"CPU": 1.0}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("num_cpu = 1", "num_cpu"),
        ("num_cpus = -1", "num_cpus: -1.0 is out of range"),
        ("num_gpus = 1.5", "num_gpus: 1.5 GPUs: beyond one"),
        ("num_cpus = nan", "num_cpus: nan is out of range"),
        ("max_retries = -2", "max_retries"),
        ('num_gpus = "two"', "num_gpus"),
        ("[resources]\nGPU = 1", "GPU has a key of its own"),
        ("[resources]\nbig = -1", "resources.big"),
    ],
)
def test_wrong_options_are_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        ray_options.read(written(tmp_path, text))
    assert "ray.toml" in str(caught.value)


def test_addresses_and_names() -> None:
    assert isinstance(catalog.cluster_named("ray"), ray.Ray)
    far = catalog.cluster_named("ray://head:10001")
    assert isinstance(far, ray.Ray)
    assert far.address == "ray://head:10001"
    with pytest.raises(InputError, match="task of its own"):
        catalog.cluster_named("ray", None, 2)
    with pytest.raises(UnknownNameError):
        catalog.cluster_named("rai")


AGENT = """
import json, sys, time
kind = sys.argv[1].partition("://")[2]
if kind == "missing":
    print(json.dumps({"missing": "No module named 'ray'"}), flush=True)
elif kind == "alone":
    print(json.dumps({"silent": "no cluster"}), flush=True)
elif kind == "dies":
    sys.exit(3)
elif kind == "hangs":
    time.sleep(60)
"""


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        ("missing", InputError, r"Ray is not installed .*\n.*pip install 'hashbench\[ray\]'"),
        ("alone", SchedulerSilentError, "does not answer: no cluster"),
        ("dies", SchedulerSilentError, "ended at once"),
        ("hangs", SchedulerSilentError, "did not answer within 2 seconds"),
    ],
)
def test_no_ray_or_no_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, error: Any, words: str
) -> None:
    (tmp_path / "hashbench" / "clusters").mkdir(parents=True)
    for name in ("", "clusters/"):
        (tmp_path / "hashbench" / name / "__init__.py").touch()
    (tmp_path / "hashbench" / "clusters" / "ray_agent.py").write_text(AGENT)
    monkeypatch.chdir(tmp_path)  # `python -m` looks here first
    monkeypatch.setattr(ray, "CONNECT_SECONDS", 2.0 if kind == "hangs" else 60.0)
    with pytest.raises(error, match=words):
        catalog.cluster_named(f"ray://{kind}").jobs()
