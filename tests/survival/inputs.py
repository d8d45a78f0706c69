"""Small valid files of every kind that people hand to hashbench, and how each is read there."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path

import h5py
import msgspec
import numpy as np
import scipy.io
import torch
from PIL import Image

from hashbench.backbones import picturebook_clip
from hashbench.codefiles.native import CodeSet, write_codes
from hashbench.datasets import custom as own_datasets
from hashbench.datasets.coco.annotations import Captions, Instances, read_json
from hashbench.datasets.custom_table import read_table
from hashbench.datasets.featureset import dataset as featureset
from hashbench.datasets.masks import VisibleLabels
from hashbench.datasets.named_splits import read_split, write_split
from hashbench.datasets.packaged import parts
from hashbench.datasets.picturebook.dataset import load as picturebook
from hashbench.datasets.pictures import read_picture
from hashbench.datasets.splits import own_split
from hashbench.engine import checkpoint
from hashbench.engine.checkpoint import Best, Checkpoint, Position
from hashbench.errors import HashbenchError
from hashbench.metrics.codes import Codes, LabelMasks
from hashbench.plan import custom_registry
from hashbench.plan.custom_registry import Registration
from hashbench.plan.request import Request, expand, read_config
from hashbench.plan.sweep import read_sweep
from hashbench.runs import events, layout, processes, result, tags
from hashbench.runs.layout import RunFolder
from hashbench.runs.writer import EventWriter
from hashbench.tui import settings
from hashbench.tui.reader import Reader
from tests.survival import more_inputs, mutating
from tests.survival.kinds import Kind, cli


def make(data: Path, runs: Path) -> list[Kind]:
    """Every kind, its file written below `data` or `runs`."""
    data.mkdir(parents=True)
    runs.mkdir(parents=True)
    return [
        *_code_files(data),
        *_packaged(data / "packaged"),
        *_features(data),
        *_lists(data),
        *_pictures(data),
        *_plans(data),
        *_run(runs),
        _weights(data),
        *more_inputs.make(data, runs.parent / "more"),
    ]


def _code_files(folder: Path) -> list[Kind]:
    rng = np.random.default_rng(1)
    content = {
        "val_B": np.sign(rng.normal(size=(6, 16))),
        "retrieval_B": np.sign(rng.normal(size=(20, 16))),
        "L_te": (rng.random((6, 4)) < 0.5) * 1.0,
        "L_db": (rng.random((20, 4)) < 0.5) * 1.0,
        "s": {"name": "abc", "more": np.eye(3)},
        "c": np.array([["ab", "cde"]], dtype=object),
    }
    plain = {name: value for name, value in content.items() if isinstance(value, np.ndarray)}
    del plain["c"]
    scipy.io.savemat(folder / "plain.mat", content)
    scipy.io.savemat(folder / "packed.mat", content, do_compression=True)
    with h5py.File(folder / "v73.mat", "w", userblock_size=512) as file:
        for name, value in plain.items():
            file.create_dataset(name, data=value.T, compression="gzip" if len(name) > 4 else None)
            file[name].attrs["MATLAB_class"] = np.bytes_("double")
        file.create_group("s").create_dataset("name", data=np.array([[97], [98]], np.uint16))
        file["s/name"].attrs["MATLAB_class"] = np.bytes_("char")
    np.savez(folder / "plain.npz", **plain)
    np.savez_compressed(folder / "packed.npz", **plain)
    labels = VisibleLabels(plain["L_te"] > 0, np.ones((6, 4), bool), "of something")
    labels.save(folder / "labels.npz")
    names = ("plain.mat", "packed.mat", "v73.mat", "plain.npz", "packed.npz")
    kinds = [
        Kind(
            {"plain.mat": ".mat v5", "packed.mat": ".mat v5 packed", "v73.mat": ".mat v7.3"}.get(
                name, f".npz {name}"
            ),
            folder / name,
            lambda path=folder / name: cli("eval", path, "--threads", 1),  # type: ignore[misc]
            mutating.binary,
        )
        for name in names
    ]
    path = folder / "labels.npz"
    return [*kinds, Kind(".npz labels", path, lambda: VisibleLabels.load(path), mutating.binary)]


def _packaged(folder: Path) -> list[Kind]:
    folder.mkdir()
    captions = np.empty((4, 1), dtype=object)
    captions[:, 0] = ["a house", "", "two dogs", "né à Zürich"]
    scipy.io.savemat(folder / "caption.mat", {"caption": captions})
    scipy.io.savemat(folder / "label.mat", {"category": np.eye(4)})
    np.save(folder / "index.npy", np.array(["a.jpg", "b.jpg", "c.jpg", "d.jpg"]))
    (folder / "all_tags.txt").write_text("red,house\n\ndogs,two\n")
    reads = {
        "caption.mat": parts.captions, "label.mat": parts.labels, "index.npy": parts.index,
        "all_tags.txt": parts.captions,
    }  # fmt: skip
    return [
        Kind(
            f"dataset {name}",
            folder / name,
            lambda path=folder / name, read=read: read(path),  # type: ignore[misc]
            mutating.text if name.endswith(".txt") else mutating.binary,
        )
        for name, read in reads.items()
    ]


def _features(folder: Path) -> list[Kind]:
    rng = np.random.default_rng(4)
    content = {
        "images": rng.normal(size=(12, 5)).astype(np.float32),
        "texts": rng.normal(size=(12, 4)).astype(np.float32),
        "labels": np.eye(12)[:, :3],
        "class_names": np.array(["a", "b", "c"]),
    }
    content["labels"][3:, 0] = 1
    np.savez(folder / "features.npz", **content)
    scipy.io.savemat(folder / "features.mat", content)
    return [
        Kind(
            f"dataset {name}",
            folder / name,
            lambda name=name: featureset.load(folder, {"file": name}),  # type: ignore[misc]
            mutating.binary,
        )
        for name in ("features.npz", "features.mat")
    ]


def _lists(folder: Path) -> list[Kind]:
    dataset = picturebook(folder, {"items": 50, "world": 1})
    split = folder / "split.json"
    write_split(split, own_split(dataset, 10, 20, 0), dataset)
    coco = folder / "captions.json"
    coco.write_bytes(
        msgspec.json.encode(
            {
                "images": [{"id": i, "file_name": f"{i}.jpg"} for i in range(3)],
                "annotations": [{"image_id": i, "caption": f"picture {i}"} for i in range(3)],
            }
        )
    )
    instances = folder / "instances.json"
    instances.write_bytes(
        msgspec.json.encode(
            {
                "images": [{"id": 1, "file_name": "1.jpg"}],
                "annotations": [{"image_id": 1, "category_id": 2}],
                "categories": [{"id": 2, "name": "dog"}],
            }
        )
    )
    (folder / "table.csv").write_text('file,caption,labels\na.jpg,"one, two",x;y\nb.jpg,three,y\n')
    (folder / "table.jsonl").write_text(
        '{"file":"a.jpg","caption":["one","two"],"labels":["x"]}\n'
        '{"file":"b.jpg","caption":"three","labels":"x;y"}\n'
    )
    look = folder / "settings.json"
    settings.save(look, settings.Settings(filter="soda", pinned=["a"]))
    return [
        Kind(".json split", split, lambda: read_split(split, dataset), mutating.text),
        Kind(".json captions", coco, lambda: read_json(coco, Captions), mutating.text),
        Kind(".json instances", instances, lambda: read_json(instances, Instances), mutating.text),
        Kind(".json settings", look, lambda: settings.load(look), mutating.text),
        *(
            Kind(
                f"table {name}",
                folder / name,
                lambda path=folder / name: read_table(path),  # type: ignore[misc]
                mutating.text,
            )
            for name in ("table.csv", "table.jsonl")
        ),
    ]


def _plans(folder: Path) -> list[Kind]:
    config = folder / "config.toml"
    config.write_text(
        'method = ["soda", "pcril"]\nbits = [16, 32]\nseed = 1\nknown_ratio = 0.5\n'
        '[set]\n"soda.alpha" = 0.5\n'
    )
    sweep = folder / "sweep.toml"
    sweep.write_text(
        '[base]\ndataset = "picturebook-tiny"\nbits = [16, 32]\nseed = [0, 1]\n'
        '[[grid]]\nmethod = "soda"\n[[grid]]\nmethod = ["pcril", "lsh"]\nknown_ratio = [0.3]\n'
        '[[skip]]\nmethod = "lsh"\nseed = 1\n'
    )
    own = folder / "mine" / custom_registry.FILE
    own.parent.mkdir()
    registration = Registration(
        kind="table", title="Mine", query=1, train=2, images="..", table="t.csv"
    )
    own.write_bytes(msgspec.toml.encode(registration))
    (own.parent / "t.csv").write_text("file,caption,labels\npicture.png,one,x\n")

    def read_own() -> None:
        cli("datasets", "list", "--data-dir", folder)
        own_datasets.load(folder, {"name": "mine"})

    def read_and_expand() -> None:
        expand(Request(**read_config(config)), folder)

    return [
        Kind(".toml config", config, read_and_expand, mutating.text),
        Kind(".toml sweep", sweep, lambda: read_sweep(sweep, folder), mutating.text),
        Kind(".toml registration", own, read_own, mutating.text),
    ]


def _pictures(folder: Path) -> list[Kind]:
    pixels = np.random.default_rng(2).integers(0, 255, (24, 32, 3), np.uint8)
    kinds = []
    for suffix in ("png", "jpg", "gif", "bmp", "webp", "tif"):
        path = folder / f"picture.{suffix}"
        Image.fromarray(pixels).save(path)
        kinds.append(
            Kind(
                f"picture {suffix}",
                path,
                lambda path=path: read_picture(path),  # type: ignore[misc]
                mutating.binary,
            )
        )
    return kinds


def _run(runs: Path) -> list[Kind]:
    (spec,) = expand(Request(dataset=["picturebook-tiny"], bits=[16]))
    run = layout.create(runs, spec, datetime.datetime.now(datetime.UTC))
    _write_events(run)
    result.write(run.result, _result(run, spec.hash))
    tags.write(run, "a name", ["one", "two"])
    rng = np.random.default_rng(3)
    codes = {n: Codes.from_signs(np.sign(rng.normal(size=(n, 16)))) for n in (5, 9)}
    masks = {n: LabelMasks.from_multi_hot(rng.random((n, 3)) < 0.5) for n in (5, 9)}
    write_codes(
        run.codes,
        CodeSet(
            16,
            {"image": codes[5], "text": codes[5]},
            {"image": codes[9], "text": codes[9]},
            masks[5],
            masks[9],
            class_names=("a", "b", "c"),
        ),
    )
    _save_checkpoint(run, spec.hash)
    saved = checkpoint.path_of(run)
    unfinished = runs.parent / "unfinished"  # its events are read where no result speaks
    other = layout.create(unfinished, spec, datetime.datetime.now(datetime.UTC))
    _write_events(other, ended=False)

    def look(folder: Path) -> None:
        words = (["ls"], ["ls", "--json"], ["show", "last"], ["show", "last", "--json"],
                 ["compare"], ["compare", "--format", "json"], ["queue"],
                 ["show", "last", "--recovery"], ["show", "last", "--class"])  # fmt: skip
        refused = None
        for command in words:
            try:
                cli(*command, "--runs-dir", folder)
            except HashbenchError as error:
                refused = error
        reader = Reader(folder, lambda _: reader.taken())
        reader.watch([one.id for one in layout.find(folder)])
        for _ in range(4):
            reader.step()
        if refused is not None:
            raise refused

    def go_on() -> None:
        look(unfinished)
        with EventWriter(other.events) as writer:
            writer.write(events.Note(level="info", text="goes on"))

    return [
        Kind("run spec.toml", run.spec, lambda: look(runs), mutating.text),
        Kind("run result.json", run.result, lambda: look(runs), mutating.text),
        Kind("run events.jsonl", run.events, lambda: look(runs), mutating.text),
        Kind("run events.jsonl live", other.events, go_on, mutating.text),
        Kind("run tags.json", run.path / tags.FILE, lambda: look(runs), mutating.text),
        Kind(
            "run codes.npz",
            run.codes / "16.npz",
            lambda: cli("eval", run.path, "--threads", 1),
            mutating.binary,
        ),
        Kind(
            ".safetensors checkpoint",
            saved,
            lambda: checkpoint.load(run, spec.hash),
            mutating.binary,
        ),
    ]


def _write_events(run: RunFolder, *, ended: bool = True) -> None:
    plans = (events.StagePlan("prompts", "Prompts", 2, 5), events.StagePlan("hash", "Hash", 3, 5))
    example = events.RecoveryExample("item-1", ("dog",), ("dog", "cat"), 0.1, (("cat", 0.4),))
    logged: list[events.AnyEvent] = [
        events.Started(**processes.this(), facts={"device": "cpu", "cores": 2}),
        events.Progress(what="image features", done=3, total=9),
        events.Fact(name="split", value="abc"),
        events.Planned(stages=plans, sizes={"query": 5, "train": 4}),
        events.StageBegan(stage="prompts"),
        events.Loss(stage="prompts", epoch=0, step=2, values={"total": 1.5}),
        events.EpochEnded(stage="prompts", epoch=0, values={"total": 1.25}, seconds=0.5),
        events.Recovery(
            stage="prompts",
            epoch=0,
            values={"precision": 0.5},
            classes={"dog": {"precision": 0.5}},
            examples=(example,),
        ),
        events.Monitors(stage="prompts", epoch=1, values={"balance": 0.5}),
        events.Scores(stage="hash", epoch=1, on="validation", values={"i2t:mAP@all @16": 0.4}),
        events.Saved(stage="hash", epoch=1, step=0, best=0.4),
        events.Note(level="warning", text="a note"),
        events.Paused(),
        events.Continued(),
    ]
    if ended:
        logged.append(events.Finished(seconds=3.0))
    with EventWriter(run.events) as writer:
        for event in logged:
            writer.write(event)


def _result(run: RunFolder, spec_hash: str) -> result.Result:
    return result.Result(
        run=run.id,
        spec_hash=spec_hash,
        protocol="strict",
        directions=("i2t", "t2i"),
        split={"name": "own", "hash": "abc", "query": 5, "database": 9, "fit": 4, "validation": 2},
        dataset={"name": "picturebook-tiny", "fingerprint": "f" * 16, "items": 14},
        backbone="picturebook-clip",
        selected={"by": "validation", "stage": "hash", "epoch": 1, "score": 0.4},
        scores={"16": {d: {"mAP@all": 0.5, "mAP@50": 0.6} for d in ("i2t", "t2i")}},
        codes={"16": {"image": {"distinct": 9.0, "balance": 0.5, "constant": 0.0}}},
        floor=0.2,
        without_relevant=0,
        audit=result.AuditResult(5, 0.0, 0.0, 0.0),
        seconds=3.0,
        facts={"device": "cpu"},
    )


def _save_checkpoint(run: RunFolder, spec_hash: str) -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3))
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.1)
    model(torch.randn(8, 4)).square().sum().backward()
    optimiser.step()
    best = Best()
    best.offer(0.5, "s", 2, model)
    state = Checkpoint(
        spec_hash, Position(1, 2, 3), model.state_dict(), optimiser.state_dict(), best, {"a": 1.0}
    )
    checkpoint.save(run, state)


def _weights(folder: Path) -> Kind:
    path = folder / "backbone.safetensors"
    path.write_bytes(picturebook_clip.WEIGHTS.path.read_bytes())
    weights = replace(picturebook_clip.WEIGHTS, path=path)
    return Kind(
        ".safetensors backbone", path, lambda: picturebook_clip.build(weights), mutating.binary
    )
