"""`hashbench run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hashbench.cli.options import (
    DATA_DIR,
    RUNS_DIR,
    DataDir,
    Detach,
    Json,
    Many,
    Priority,
    Queue,
    RunsDir,
)

if TYPE_CHECKING:
    from hashbench.plan.spec import RunSpec


def run_command(
    method: Annotated[
        Many, typer.Option("--method", "-m", help="Method; several make a grid. [default: soda]")
    ] = None,
    bits: Annotated[
        Many, typer.Option("--bits", "-b", help="Code length, 16,32,64 for several. [default: 32]")
    ] = None,
    dataset: Annotated[
        Many, typer.Option("--dataset", "-d", help="Dataset. [default: picturebook]")
    ] = None,
    seed: Annotated[
        Many, typer.Option("--seed", "-s", help="Seed; 0-4 for five. [default: 0]")
    ] = None,
    set_: Annotated[
        Many,
        typer.Option(
            "--set", help="name=value of a parameter; see `hashbench methods show METHOD`."
        ),
    ] = None,
    ablate: Annotated[
        Many, typer.Option("--ablate", help="A named ablation of the method.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", help="Epochs of every stage. [default: the method's]")
    ] = None,
    backbone: Annotated[
        str | None,
        typer.Option(
            "--backbone", help="picturebook-clip or any model of open_clip, such as ViT-B-16."
        ),
    ] = None,
    pretrained: Annotated[
        str | None,
        typer.Option(
            "--pretrained", help="Weights of the backbone: open_clip's tag, a file, or TAG=FILE."
        ),
    ] = None,
    feature_precision: Annotated[
        str | None,
        typer.Option(
            "--feature-precision", help="Features on disk: fp32, or fp16 in half the space."
        ),
    ] = None,
    encode_precision: Annotated[
        str | None,
        typer.Option(
            "--encode-precision", help="Arithmetic of the frozen towers: fp32, or mixed bf16."
        ),
    ] = None,
    on_bad_image: Annotated[
        str | None,
        typer.Option(
            "--on-bad-image", help="A picture that cannot be read: stop, or skip its item."
        ),
    ] = None,
    known_ratio: Annotated[
        Many, typer.Option("--known-ratio", help="Share of training labels that is known.")
    ] = None,
    label_noise: Annotated[
        float | None, typer.Option("--label-noise", help="Share of training labels flipped.")
    ] = None,
    label_sparsity: Annotated[
        float | None, typer.Option("--label-sparsity", help="Share of positives dropped.")
    ] = None,
    unknown: Annotated[
        str | None,
        typer.Option("--unknown", help="Pairs with unknown similarity: negative or ignore."),
    ] = None,
    query_size: Annotated[int | None, typer.Option("--query-size", help="Test queries.")] = None,
    train_size: Annotated[int | None, typer.Option("--train-size", help="Training items.")] = None,
    split: Annotated[
        str | None,
        typer.Option(
            "--split", help="own, a released code's split such as dcmht, or a split file."
        ),
    ] = None,
    split_seed: Annotated[
        int | None, typer.Option("--split-seed", help="Seed of the split, whatever the run's.")
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol",
            help="strict (codes see their own modality alone), or published: as the paper's own "
            "code encodes; marked. [default: strict]",
        ),
    ] = None,
    select: Annotated[
        str | None,
        typer.Option(
            "--select",
            help="What chooses the epoch: validation, last, or test (as papers do; marked).",
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option("--device", help="auto, cpu, cuda or cuda:N. [default: auto]")
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", help="CPU threads a worker uses; 0 means all.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", help="TOML file with these options as keys; options win."),
    ] = None,
    detach: Detach = False,
    queue: Queue = False,
    priority: Priority = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the runs, start none.")] = False,
    json_: Json = False,
    data_dir: DataDir = DATA_DIR,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Train a method, watch it, and print its scores; several values make a grid.

    Test queries are scored once, at the end; validation queries out of the training items choose
    the epoch. Ctrl-C saves and stops; `hashbench resume` goes on. With --queue the runs wait for
    free devices in their turn; `hashbench queue` shows them.
    """
    import datetime

    from hashbench.cli.start import check_backbones, how_to_start, work_through
    from hashbench.errors import InputError
    from hashbench.plan.list_syntax import numbers, reals, words
    from hashbench.plan.request import Request, expand, read_config
    from hashbench.runs.layout import create

    mode = how_to_start(detach, queue, priority)
    keys: dict[str, Any] = {} if config is None else read_config(config)
    settings: dict[str, Any] = dict(keys.get("set", {}))
    for assignment in set_ or []:
        name, equals, value = assignment.partition("=")
        if not equals or not name:
            raise InputError(f"{assignment!r} is not name=value", where="--set")
        settings[name.strip()] = value
    given = {
        "method": words(method),
        "dataset": words(dataset),
        "bits": numbers(bits, "--bits"),
        "seed": numbers(seed, "--seed"),
        "known_ratio": reals(known_ratio, "--known-ratio"),
        "ablate": words(ablate),
        "set": settings,
        "epochs": epochs,
        "backbone": backbone,
        "pretrained": pretrained,
        "feature_precision": feature_precision,
        "encode_precision": encode_precision,
        "on_bad_image": on_bad_image,
        "label_noise": label_noise,
        "label_sparsity": label_sparsity,
        "unknown": unknown,
        "query_size": query_size,
        "train_size": train_size,
        "split": split,
        "split_seed": split_seed,
        "protocol": protocol,
        "select": select,
        "device": device,
        "threads": threads,
    }
    keys |= {key: value for key, value in given.items() if value not in (None, [], {})}
    specs = expand(Request(**keys), data_dir)
    check_backbones(specs, data_dir)
    if dry_run:
        _print_plan(specs)
        return
    now = datetime.datetime.now().astimezone()
    folders = [create(runs_dir, spec, now) for spec in specs]
    work_through(folders, data_dir, mode, as_json=json_)


def _print_plan(specs: list[RunSpec]) -> None:
    from hashbench.report.rows import headline

    for spec in specs:
        typer.echo(headline(spec))
    typer.echo(f"{len(specs)} runs")
