"""Recorded run folders in every state, made without training anything."""

from __future__ import annotations

import math
import os
import random
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec
import psutil

from hashbench.plan.spec import DatasetSpec, LabelSpec, RunSpec, to_toml
from hashbench.runs import events
from hashbench.runs import result as results
from hashbench.runs.events import AnyEvent, StagePlan
from hashbench.runs.layout import RunFolder
from hashbench.runs.result import AuditResult, Result

BEGAN = 1_760_000_000.0
METRICS = ("mAP@all", "mAP@all(tie=worst)", "mAP@all(tie=index)", "mAP@all(tie=best)", "P@100")
SPLIT = {"name": "own", "hash": "5eed5eed", "query": 500, "database": 4500}
SPLIT |= {"train": 2000, "fit": 1800, "validation": 200}
FACTS = {"device": "cpu", "torch": "2.0", "split": "5eed5eed", "scan kernel": "numba"}
DEAD_PID = 2**22 + 1  # above the largest pid that Linux hands out


def spec(
    method: str = "soda",
    bits: tuple[int, ...] = (32,),
    seed: int = 0,
    *,
    dataset: str = "picturebook",
    ablations: tuple[str, ...] = (),
    known_ratio: float = 1.0,
    protocol: str = "strict",
) -> RunSpec:
    """A spec that hangs on no card, so that other defaults of a method change no recording."""
    return RunSpec(
        method=method,
        bits=bits,
        seed=seed,
        protocol=protocol,
        dataset=DatasetSpec(dataset, query=500, train=2000, usual_sizes=True),
        labels=LabelSpec(known_ratio=known_ratio),
        ablations=ablations,
    )


def folder(runs_dir: Path, wanted: RunSpec, minute: int = 0) -> RunFolder:
    """A run folder that holds its spec; its id has no hash, which every new field would change."""
    clock = f"{12 + minute // 3600:02d}{minute % 60:02d}{minute // 60 % 60:02d}"
    name = f"{wanted.method}-{wanted.dataset.name}-{wanted.bits_label}b-s{wanted.seed}"
    run = RunFolder(runs_dir / f"20260301-{clock}-{name}")
    run.path.mkdir(parents=True)
    run.spec.write_text(to_toml(wanted))
    return run


def write_events(run: RunFolder, sequence: list[AnyEvent], *, every: float = 0.5) -> None:
    """The events as a writer would have written them, `every` seconds apart."""
    lines = [
        events.encode(msgspec.structs.replace(event, seq=number, t=BEGAN + every * number))
        for number, event in enumerate(sequence)
    ]
    with run.events.open("ab") as file:
        file.write(b"".join(lines))


def started(*, alive: bool, resumed: bool = False) -> events.Started:
    """The event of a worker that is this process, or of one that is gone."""
    me = psutil.Process()
    return events.Started(
        pid=os.getpid() if alive else DEAD_PID,
        since=me.create_time() if alive else BEGAN,
        host=socket.gethostname(),
        resumed=resumed,
        facts={"device": "cpu", "torch": "2.0", "hashbench": "0.1.0"},
    )


def waiting(*, priority: int = 0) -> events.Queued:
    """The event of a worker that waits for a device: this process."""
    me = psutil.Process()
    host = socket.gethostname()
    return events.Queued(
        pid=me.pid, since=me.create_time(), host=host, device="cpu", priority=priority
    )


STAGES = (StagePlan("teacher", "Teacher", 10, 15), StagePlan("student", "Student", 10, 15))


def training(
    epochs: int, *, seed: int = 0, level: float = 0.8, recovery: bool = False
) -> Iterator[AnyEvent]:
    """The events of `epochs` epochs over both stages of STAGES."""
    draw = random.Random(seed)
    yield events.Planned(
        stages=STAGES, sizes={"query": 500, "database": 4500, "fit": 1800, "validation": 200}
    )
    for number in range(epochs):
        stage, epoch = STAGES[number // 10], number % 10
        if epoch == 0:
            yield events.StageBegan(stage=stage.name)
        fall = math.exp(-number / 6)
        for step in (5, 10, 15):
            noise = 1 + 0.1 * draw.random()
            yield events.Loss(
                stage=stage.name,
                epoch=epoch,
                step=step,
                values={"pairwise": 2 * fall * noise, "binary": 0.3 * noise, "total": 2.3 * fall},
            )
        means = {"pairwise": 2 * fall, "binary": 0.3, "total": 2.3 * fall}
        yield events.EpochEnded(stage=stage.name, epoch=epoch, values=means, seconds=1.5)
        score = level * (1 - 0.5 * fall)
        yield events.Scores(
            stage=stage.name,
            epoch=epoch,
            on="validation",
            values={"i2t:mAP@all @32": score, "t2i:mAP@all @32": score - 0.02},
        )
        yield events.Monitors(
            stage=stage.name, epoch=epoch, values={"bit balance": 0.5 - 0.2 * fall}
        )
        if recovery:
            yield events.Recovery(
                stage=stage.name,
                epoch=epoch,
                values={"precision": 0.9 - 0.3 * fall, "recall": 0.6 * (1 - fall), "count": 120.0},
                classes={"dog": {"precision": 0.9, "recall": 0.5}},
            )


def scores(level: float, draw: random.Random) -> dict[str, dict[str, float]]:
    """direction -> metric -> value; ties make the value lower or higher."""
    apart = {"mAP@all(tie=worst)": -0.01, "mAP@all(tie=index)": 0.002, "mAP@all(tie=best)": 0.01}
    values = {}
    for direction in ("i2t", "t2i"):
        base = level + draw.uniform(-0.01, 0.01)
        values[direction] = {name: round(base + apart.get(name, 0), 6) for name in METRICS}
    return values


def finish(
    run: RunFolder,
    wanted: RunSpec,
    level: float,
    *,
    seed: int = 0,
    facts: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """result.json and the last events of a finished run."""
    draw = random.Random(seed)
    values = {str(bits): scores(level, draw) for bits in wanted.bits}
    results.write(
        run.result,
        Result(
            run=run.id,
            spec_hash=wanted.hash,
            protocol=wanted.protocol,
            directions=("i2t", "t2i"),
            split=SPLIT,
            dataset={"name": wanted.dataset.name, "fingerprint": "f1f2f3f4", "items": 5000},
            backbone="picturebook-clip-0123",
            selected={"by": "validation", "stage": "student", "epoch": 8, "score": level},
            scores=values,
            codes={
                str(bits): {"image": {"distinct": 4000.0, "balance": 0.49, "constant": 0.0}}
                for bits in wanted.bits
            },
            floors={str(bits): dict.fromkeys(METRICS, 0.31) for bits in wanted.bits},
            without_relevant=2,
            audit=AuditResult(sample=256, labels=0.0, paired=0.0, batch=0.0),
            seconds=93.0,
            facts=FACTS | dict(facts),
        ),
    )
    test = {
        f"{direction}:{metric} @{bits}": value
        for bits, by_direction in values.items()
        for direction, metrics in by_direction.items()
        for metric, value in metrics.items()
    }
    write_events(
        run,
        [
            events.Scores(stage="student", epoch=10, on="test", values=test),
            events.Finished(seconds=93.0),
        ],
    )


def finished(
    runs_dir: Path, wanted: RunSpec, minute: int, *, level: float = 0.8, epochs: int = 20
) -> RunFolder:
    """A run that went through."""
    run = folder(runs_dir, wanted, minute)
    sequence = [started(alive=False), *training(epochs, seed=minute, level=level)]
    write_events(run, sequence)
    finish(run, wanted, level, seed=minute)
    return run


def one_of_each(runs_dir: Path) -> dict[str, RunFolder]:
    """A run in each state, newest last: the events are recorded, the workers are not."""
    made = {"finished": finished(runs_dir, spec(seed=0), 1)}
    made["lsh"] = finished(runs_dir, spec("lsh", seed=0), 2, level=0.55, epochs=0)
    run = folder(runs_dir, spec(seed=1, ablations=("no-prompt",)), 3)
    write_events(run, [started(alive=False), *training(6)])
    reason = "the loss is not finite: pairwise is nan at step 40 of epoch 6 of stage teacher"
    write_events(run, [events.Failed(reason=reason, remedy="a smaller learning rate", code=4)])
    run.log.write_text("Traceback (most recent call last):\nTrainingError: not finite\n")
    made["failed"] = run
    run = folder(runs_dir, spec(seed=2), 4)
    write_events(run, [started(alive=False), *training(4)])
    run.log.write_text("loading features\nepoch 4 begins\nlast words before the kill\n")
    made["lost"] = run
    run = folder(runs_dir, spec(seed=3), 5)
    write_events(run, [started(alive=False), *training(9), events.Stopped(reason="asked to stop")])
    made["stopped"] = run
    run = folder(runs_dir, spec(bits=(64,), seed=4), 6)
    write_events(run, [started(alive=True), *training(7), events.Paused()])
    made["paused"] = run
    run = folder(runs_dir, spec(bits=(64,), seed=5, known_ratio=0.3), 7)
    write_events(run, [started(alive=True), *training(13, recovery=True)])
    made["running"] = run
    made["queued"] = folder(runs_dir, spec(bits=(128,), seed=6), 8)
    return made


def foreign(runs_dir: Path) -> None:
    """What else may lie in a runs folder: damaged runs, and things that are no runs at all."""
    runs_dir.mkdir(parents=True, exist_ok=True)
    (runs_dir / "README.md").write_text("not a run\n")
    (runs_dir / "somebody else's").mkdir()
    (runs_dir / "notes").mkdir()
    (runs_dir / "notes" / "todo.txt").write_text("no spec here\n")
    damaged = runs_dir / "20260301-110000-damaged-spec"
    damaged.mkdir()
    (damaged / "spec.toml").write_bytes(b"\xff\xfe not toml = [")
    torn = folder(runs_dir, spec(seed=11), 9)
    write_events(torn, [started(alive=False), *training(3)])
    with torn.events.open("ab") as file:
        file.write(
            b'{"kind":"loss","v":1,"seq":99,"t":1.0,"stage":"tea\n\x00\x00garbage\n{"kind":"x"'
        )
    pipe = folder(runs_dir, spec(seed=12), 10)
    os.mkfifo(pipe.events)
    bad_result = finished(runs_dir, spec(seed=13), 11)
    bad_result.result.write_text("{ no json")
    (runs_dir / "20260301-100000-link").symlink_to(runs_dir / "nowhere")
