"""Fills the feature cache: `python -m hashbench.engine.build_features --data-dir DIR`, the spec of
a run on stdin, of which dataset, backbone, device and threads are read.

One JSON object a line on stdout: `progress` (what, done, total) while it works, at the end `entry`
with what is there or missing, or `error` with where, remedy and code.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from hashbench.engine.messages import Send, answer_on_stdout
from hashbench.errors import InputError
from hashbench.plan import spec as specs
from hashbench.plan.spec import RunSpec


def build(spec: RunSpec, arguments: argparse.Namespace, send: Send) -> None:
    """Builds the features of a dataset, as a whole or by parts, and sends what is there then.

    Raises InputError for features that are no dataset's alone, and as the run would.
    """
    import torch

    from hashbench.backbones.feature_parts import FeatureParts
    from hashbench.backbones.feature_store import FeatureStore
    from hashbench.engine import randomness
    from hashbench.engine.data import load_dataset
    from hashbench.files.paths import cache_root

    dataset = load_dataset(spec.dataset, arguments.data_dir)
    if dataset.features is not None:
        raise InputError(
            f"{dataset.name} ships its features", where="--dataset", remedy="there is nothing to do"
        )
    source = _source(spec, arguments.data_dir)
    randomness.deterministic()
    device = _device(spec, arguments.worker)
    torch.set_num_threads(spec.threads or max(1, torch.get_num_threads() // arguments.workers))

    def report(what: str, done: int, total: int) -> None:
        send({"progress": what, "done": done, "total": total})

    root, skip = cache_root(arguments.data_dir), spec.dataset.on_bad_image == "skip"
    store = FeatureStore(root, source, device, report, skip_broken=skip)
    entry, _ = store.entry_of(dataset)
    was_there = entry.is_dir()
    missing: list[int] = []
    if arguments.parts is not None and not was_there:
        missing = _by_parts(FeatureParts(store, dataset, arguments.parts), arguments.part)
    if not missing:
        # reads what is there, or computes it; refuses broken pictures as a run would
        store.dataset(dataset)
    send(
        {
            "entry": entry.name,
            "folder": str(root),
            "items": len(dataset),
            "captions": sum(map(len, dataset.captions)),
            "was_there": was_there,
            "missing": missing,
        }
    )


def _source(spec: RunSpec, data_dir: Path) -> Any:
    """The backbone. Raises InputError for one that each run fits to its own training items."""
    from hashbench.backbones import registry
    from hashbench.backbones.pretrained_config import SCRATCH

    source = registry.resolve(spec.backbone, data_dir)
    if source.name in SCRATCH or (source.pair is not None and source.pair.texts is None):
        raise InputError(
            f"{source.name} is fitted by each run to its own training items, so that its features "
            "are those of a run",
            where="--backbone",
            remedy="a backbone with weights of its own; `hashbench run` builds the others",
        )
    return source


def _device(spec: RunSpec, worker: int) -> Any:
    """The device of one of several workers: the GPUs in turn, unless one is named."""
    import torch

    from hashbench.engine.pipeline import find_device

    wanted = spec.device
    if wanted in ("auto", "cuda") and torch.cuda.is_available():
        wanted = f"cuda:{worker % torch.cuda.device_count()}"
    return find_device(wanted, None)


def _by_parts(parts: Any, part: int | None) -> list[int]:
    """Makes one part, or all, and joins them when all are there; those that are missing yet.

    Raises BusyError where another process makes the one.
    """
    from hashbench.errors import BusyError

    if part is None:
        parts.make_all()
        return []
    if not parts.make(part):
        raise BusyError(
            f"another process makes part {part} of {parts.parts}",
            where=parts.folder,
            remedy="wait for it, or make another part",
        )
    missing: list[int] = parts.missing()
    if not missing:
        parts.join()
    return missing


def parser() -> argparse.ArgumentParser:
    """The words of this process."""
    parser = argparse.ArgumentParser(
        prog="python -m hashbench.engine.build_features", description=__doc__
    )
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--parts", type=int)
    parser.add_argument("--part", type=int)
    parser.add_argument("--worker", type=int, default=0, help="of several, counted from 0")
    parser.add_argument("--workers", type=int, default=1)
    return parser


def main() -> int:
    """One call of the process."""
    arguments = parser().parse_args()
    return answer_on_stdout(
        lambda send: build(specs.from_toml(sys.stdin.buffer.read()), arguments, send)
    )


if __name__ == "__main__":
    sys.exit(main())
