"""Further files that people hand to hashbench: plug-ins, bundles, codes to import, studies, what a
report reads, wishes for a run's end, the queue's own files, configurations of weights.
"""

from __future__ import annotations

import datetime
import io
import json
import random
import tarfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from hashbench.backbones import pretrained_config
from hashbench.claims.bundle_format import FORMAT, LIST
from hashbench.claims.pack import pack
from hashbench.claims.unpack import unpacked
from hashbench.datasets.picturebook.dataset import load as picturebook
from hashbench.datasets.splits import own_split
from hashbench.plan import spec as specs
from hashbench.plan.request import Request, expand
from hashbench.runs import events, layout, on_finish, plugin_folders, queue, slots, tags
from hashbench.runs.on_finish import OnFinish
from hashbench.runs.plugin_folders import PluginFolders
from hashbench.runs.writer import EventWriter
from hashbench.scaffold.write import new_files, write_files
from tests.report.scored_runs import scored_run
from tests.survival import mutating
from tests.survival.kinds import Kind, cli

STUDY = """question = "Is more better?"
source = "Table 1"

[base]
method = ["lsh", "itq"]
dataset = "picturebook-tiny"
seed = [0, 1]

[[grid]]
bits = [16, 32]

[quick]
seed = [0]

[[compare]]
claim = "32 bits rank better than 16"
rows = { bits = 32 }
against = { bits = 16 }

[[figure]]
kind = "map-over-bits"
"""


def make(data: Path, runs: Path) -> list[Kind]:
    """Every kind, its file written below `data`, which exists, or `runs`."""
    return [
        *_plugins(data / "plug-ins"),
        *_studies(data),
        *_bundles(data),
        *_imports(data),
        *_reports(runs / "reported"),
        *_run_folders(runs / "prepared"),
        *_weights(data / "weights"),
    ]


def _plugins(folder: Path) -> list[Kind]:
    """One-file plug-ins of each kind, in a folder of their own."""

    def listed(kind: str, name: str, at: Path) -> Callable[[], object]:
        def read() -> None:
            cli(f"{kind}s", "list", "--methods", at)
            if kind == "method":
                cli("methods", "show", name, "--methods", at)
            if kind == "method":
                expand(Request(method=[name], dataset=["picturebook-tiny"]))

        return read

    kinds = []
    for kind in ("method", "dataset", "metric"):
        at = folder / kind
        write_files(at, new_files(kind, "mine", None, package=False))
        (path,) = (path for path in at.glob("mine.py"))
        kinds.append(Kind(f"plug-in {kind}", path, listed(kind, "mine", at), mutating.text))
    return kinds


def _studies(folder: Path) -> list[Kind]:
    study = folder / "study.toml"
    study.write_text(STUDY)
    runs = folder / "no-runs"

    def read() -> None:
        words = (study, "--data-dir", folder, "--runs-dir", runs)
        cli("study", "show", *words, "--no-estimate")
        cli("study", "show", *words, "--no-estimate", "--quick", "--json")

    return [Kind("study", study, read, mutating.text)]


def _bundles(folder: Path) -> list[Kind]:
    run = scored_run(folder / "bundled", method=["lsh"])
    path, hostile = folder / "table.tar", folder / "hostile.tar"
    for one in (path, hostile):
        pack([run], one)

    def verify(one: Path) -> Callable[[], object]:
        return lambda: cli("verify", one, "--data-dir", folder)

    def repeat() -> None:
        with unpacked(path) as bundle:
            for one in bundle.runs:
                specs.read(one.spec)

    return [
        Kind("bundle", path, verify(path), mutating.binary),
        Kind("bundle hostile", hostile, verify(hostile), hostile_bundle),
        Kind("bundle repeated", path, repeat, mutating.binary),
    ]


OUTSIDE = (
    "../outside", "/etc/outside", "runs/../../outside", "runs/a/../../../x", "runs//spec.toml",
    "runs/./spec.toml", "runs/a/codes/../../../../x.npz", "bundle.json/x", "runs/a\x00/spec.toml",
    "runs/-a/spec.toml", "runs/" + "a" * 300 + "/spec.toml", "runs/a/codes/16.npz/x", "C:\\x",
    "runs/\x1b[2J/spec.toml", "runs/a/worker.log", "runs/a/checkpoint/../spec.toml", "",
)  # fmt: skip
TYPES = (
    tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE,
    tarfile.DIRTYPE, tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE, b"Z",
)  # fmt: skip


def hostile_bundle(data: bytes, rng: random.Random) -> bytes:
    """A bundle with an entry that no bundle has: a name that leads outside, a link or a device, a
    size that is a lie, thousands of files, a list that lies.
    """
    out = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(data)) as whole,
        tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        members = {one.name: whole.extractfile(one) for one in whole}
        contents = {name: file.read() for name, file in members.items() if file is not None}
        added = tarfile.TarInfo(rng.choice([*OUTSIDE, *contents]))
        extra = rng.choice((b"", b"x", bytes(5000)))
        match rng.randrange(6):
            case 0:
                added.size = len(extra)
            case 1:
                added.type = rng.choice(TYPES)
                added.linkname = rng.choice(("/etc/passwd", "../../x", "bundle.json", "/dev/zero"))
                extra = b""
            case 2:
                added.pax_headers = {
                    "size": rng.choice(("-1", "9" * 30, "x", str(1 << 62))),
                    "path": rng.choice(OUTSIDE[:4]),
                    "GNU.sparse.realsize": str(1 << 60),
                }
            case 3:
                added.name = f"runs/a/codes/{rng.choice(('16', '0', '99999'))}.npz"
                extra = zeros_archive(rng.choice((1 << 20, 1 << 33)))
                added.size = len(extra)
            case 4:
                contents[LIST] = lying_list(rng)
            case _:
                for number in range(rng.choice((10, 3000))):
                    archive.addfile(tarfile.TarInfo(f"runs/r{number}/spec.toml"))
        for name, content in sorted(contents.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        archive.addfile(added, io.BytesIO(extra))
    return out.getvalue()


def zeros_archive(claimed: int) -> bytes:
    """An .npz whose array is zeros that claim to be so many bytes: a bomb, and no file at all."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, query_image=np.zeros(1 << 20, np.uint64))
    content = buffer.getvalue()
    return content.replace(str(1 << 20).encode(), str(claimed)[:7].encode())


def lying_list(rng: random.Random) -> bytes:
    """A list of files that are not there, or lead elsewhere."""
    names = [rng.choice(OUTSIDE) for _ in range(3)] + [f"runs/{'x' * 20}/spec.toml"]
    digest = rng.choice(("0" * 64, "", "\x1b[2J", 5))
    files = {name: {"size": rng.choice((0, -1, 1 << 63)), "sha256": digest} for name in names}
    wrong = rng.choice((FORMAT, 2, "1", None, 1e300))
    return json.dumps({"format": wrong, "hashbench": "0", "files": files}).encode()


def _imports(folder: Path) -> list[Kind]:
    """Codes of another program for the items of a split of the built-in pictures."""
    params = {"items": 50, "world": 1}
    dataset = picturebook(folder, params)
    split = own_split(dataset, 10, 20, 0)
    draw = np.random.default_rng(6)
    parts = {"query": split.query, "database": split.database}
    arrays: dict[str, np.ndarray] = {}
    for side, items in parts.items():
        for modality in ("image", "text"):
            arrays[f"{side}_{modality}"] = np.sign(draw.normal(size=(len(items), 16)))
        arrays[f"{side}_labels"] = dataset.labels[items] * 1.0
        arrays[f"{side}_ids"] = np.array([dataset.ids[item] for item in items])
    np.savez(folder / "codes.npz", **arrays)  # type: ignore[arg-type]
    (spec,) = expand(
        Request(method=["lsh"], dataset=["picturebook-tiny"], query_size=10, train_size=20)
    )
    smaller = msgspec.structs.replace(spec.dataset, params=params)
    like = layout.create(
        folder / "like",
        msgspec.structs.replace(spec, dataset=smaller),
        datetime.datetime.now(datetime.UTC),
    )
    path = folder / "codes.npz"

    def read() -> None:
        places = ("--runs-dir", folder / "imported", "--data-dir", folder)
        cli("import", path, "--name", "Ours", "--like", like.path, *places)

    return [Kind("imported codes", path, read, mutating.binary)]


def _reports(runs: Path) -> list[Kind]:
    """What a report reads of run folders."""
    one = scored_run(runs, method=["lsh"])
    scored_run(runs, method=["itq"], second=1)
    with EventWriter(one.events) as writer:
        writer.write(
            events.Scores(stage="fit", epoch=0, on="test", values={"i2t:mAP@all @16": 0.4})
        )
        writer.write(events.Finished(seconds=1.0))
    tags.write(one, "a name", ["one"])

    def report() -> None:
        words = ("--no-figures", "--published", "--runs-dir", runs)
        cli("report", "-o", runs / "report.html", *words)
        cli("diff", *(run.id for run in layout.find(runs)), "--runs-dir", runs)
        cli("alerts", "--since", "9999w", "--runs-dir", runs)

    return [
        Kind("report result.json", one.result, report, mutating.text),
        Kind("report spec.toml", one.spec, report, mutating.text),
        Kind("report events.jsonl", one.events, report, mutating.text),
        Kind("report codes.npz", one.codes / "16.npz", report, mutating.binary),
        Kind("report tags.json", one.path / tags.FILE, report, mutating.text),
    ]


def _run_folders(runs: Path) -> list[Kind]:
    """What a worker or the queue reads of files that only hashbench writes."""
    (spec,) = expand(Request(method=["lsh"], dataset=["picturebook-tiny"], bits=[16]))
    run = layout.create(runs, spec, datetime.datetime.now(datetime.UTC))
    on_finish.write(run, OnFinish(("webhook=http://127.0.0.1:9/x", "true"), "/dev/null"))
    run.plugins.write_bytes(msgspec.json.encode(PluginFolders((str(runs),))))
    line = queue.of(runs)
    line.set_limits(slots.Limits(cpu=2))
    settings = line.folder / "slots.json"

    def look() -> None:
        cli("queue", "--runs-dir", runs)
        if (slot := line.take_now("nobody", "cpu")) is not None:
            slot.close()

    def wishes() -> None:
        on_finish.arrange(on_finish.read(run).actions)

    return [
        Kind("run on-finish.json", run.path / on_finish.FILE, wishes, mutating.text),
        Kind("run plugins.json", run.plugins, lambda: plugin_folders.read(run), mutating.text),
        Kind("queue slots.json", settings, look, mutating.text),
    ]


def _weights(folder: Path) -> list[Kind]:
    """The configuration that lies beside weights in a file."""
    folder.mkdir()
    weights = folder / "weights.safetensors"
    weights.write_bytes(b"")
    path = folder / pretrained_config.SIDECAR
    preprocess = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bicubic"}
    path.write_text(json.dumps({"model_cfg": {"embed_dim": 512}, "preprocess_cfg": preprocess}))
    return [
        Kind(
            "weights configuration",
            path,
            lambda: pretrained_config.config_of("ViT-B-16", "", weights),
            mutating.text,
        )
    ]
