"""Options that several commands share, and those of runs, which come from the table of run options.

A command that takes a group of options has one parameter for them; a decorator here puts the
group's options in its place.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from hashbench.launch.start_mode import StartMode
    from hashbench.plan.option_kinds import RunOption

Many = list[str] | None

DataDir = Annotated[
    Path,
    typer.Option(
        "--data-dir",
        envvar="HASHBENCH_DATA",
        help="Where datasets and cached features are.",
        file_okay=False,
    ),
]

RunsDir = Annotated[
    Path,
    typer.Option(
        "--runs-dir", envvar="HASHBENCH_RUNS", help="Where run folders are.", file_okay=False
    ),
]

Json = Annotated[bool, typer.Option("--json", help="JSON for machines, on stdout.")]

Detach = Annotated[
    bool, typer.Option("--detach", help="Do not watch: one run starts now, several queue.")
]

Queue = Annotated[
    bool, typer.Option("--queue", help="Do not watch: each run starts when a device is free.")
]

Priority = Annotated[
    int, typer.Option("--priority", help="In the queue; the highest first, -999 to 999.")
]

Track = Annotated[
    Many,
    typer.Option(
        "--track", help="Hand its numbers to tensorboard, wandb or trackio while it trains."
    ),
]

OnFinishOption = Annotated[
    Many,
    typer.Option(
        "--on-finish",
        metavar="COMMAND|bell|webhook=URL",
        help="When a run ends or fails; repeatable. A command, which no shell reads, finds "
        "HASHBENCH_RUN, HASHBENCH_STATUS and others in its environment. "
        "[default: HASHBENCH_ON_FINISH, else nothing]",
    ),
]

On = Annotated[
    str,
    typer.Option(
        "--on",
        metavar="local|slurm|ray",
        help="Where to train: on this host, or as jobs of a cluster, whose options are in "
        "slurm.toml or ray.toml: `hashbench guide clusters`; ray://HOST:PORT is a Ray elsewhere. "
        "[default: where a run ran before, else local]",
    ),
]

ClusterFile = Annotated[
    Path | None,
    typer.Option(
        "--cluster",
        metavar="FILE",
        help="TOML file with the options of the cluster. [default: slurm.toml or ray.toml in the "
        "runs folder, else in the user's folder of settings]",
        dir_okay=False,
    ),
]

PerJob = Annotated[
    int | None,
    typer.Option("--per-job", metavar="N", help="Runs that one job does, one after another."),
]

Runs = Annotated[
    Many, typer.Argument(help="Run ids, beginnings or ends of them, paths, or `last`.")
]

DATA_DIR = Path("data")
RUNS_DIR = Path("runs")

Command = Callable[..., None]


@dataclass(frozen=True)
class StartOptions:
    """What every command takes that starts workers."""

    detach: Detach = False
    queue: Queue = False
    priority: Priority = 0
    track: Track = None
    on_finish: OnFinishOption = None
    on: On = ""
    cluster: ClusterFile = None
    per_job: PerJob = None
    json_: Json = False
    data_dir: DataDir = DATA_DIR
    runs_dir: RunsDir = RUNS_DIR

    @property
    def mode(self) -> StartMode:
        """How the workers start. Raises InputError for a wrong priority, action or option of a
        cluster, or for a tracker that is unknown or not installed.
        """
        from hashbench.launch.start_mode import StartMode
        from hashbench.runs.on_finish import arrange, default_actions

        if self.track:
            from hashbench.trackers.catalog import tracker_named

            for name in self.track:
                tracker_named(name, "--track")
        trackers = tuple(dict.fromkeys(self.track or ()))
        on_finish = arrange(self.on_finish or default_actions())
        mode = StartMode(
            self.queue, self.priority, self.detach, trackers, on_finish,
            on=self.on, options_file=self.cluster, per_job=self.per_job,
        )  # fmt: skip
        if mode.destination is not None:
            # wrong options are found before any run is made
            mode.destination.cluster(self.runs_dir)
        return mode


def starts_runs(command: Command) -> Command:
    """The command with the options of StartOptions, which it takes as `start`."""
    shared = inspect.signature(StartOptions, eval_str=True).parameters
    return _with_group(command, "start", shared, lambda given: StartOptions(**given))


def takes_run_options(command: Command) -> Command:
    """The command with every option of the table of run options.

    It takes those that were typed as `typed`, parsed, by key.
    """
    return _with_rows(command, ())


def takes_study_options(command: Command) -> Command:
    """The same without what a study itself decides; `--seeds` is what `--seed` is."""
    return _with_rows(command, ("method", "set", "ablate"))


_OF_FEATURES = (
    "dataset", "backbone", "pretrained", "feature_precision", "encode_precision", "on_bad_image",
    "device", "threads",
)  # fmt: skip


def takes_feature_options(command: Command) -> Command:
    """The same with what decides the features of a dataset, and where they are computed, alone."""
    from hashbench.plan.run_options import options

    return _with_rows(command, [key for key in options() if key not in _OF_FEATURES])


def _with_rows(command: Command, left_out: Collection[str]) -> Command:
    from hashbench.plan.run_options import options

    rows = {key: row for key, row in options().items() if key not in left_out}
    more = {"seed": ["--seeds"]} if "seed" in rows and left_out else {}

    def parsed(given: Mapping[str, Any]) -> dict[str, Any]:
        return {
            key: rows[key].parse([text] if isinstance(text, str) else text)
            for key, text in given.items()
            if text  # options that were not typed are None or empty
        }

    shared = {key: _parameter(row, more.get(key, [])) for key, row in rows.items()}
    return _with_group(command, "typed", shared, parsed)


def _parameter(row: RunOption, more: list[str]) -> inspect.Parameter:
    """A row of the table as Typer wants it. Values stay text: the table parses them itself."""
    default = row.default_words
    option = typer.Option(
        *([*more, row.flag, row.short] if row.short else [*more, row.flag]),
        help=f"{row.help} [default: {default}]" if default else row.help,
        metavar=row.metavar or "|".join(row.choices) or _METAVARS[row.item],
        autocompletion=_completion(row),
    )
    # the types are for Typer, which reads them while the program runs
    annotation: Any = Annotated[Many, option] if row.grid else Annotated[str | None, option]
    return inspect.Parameter(
        row.key, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation
    )


_METAVARS: Mapping[type, str] = {bool: "yes|no", int: "INTEGER", float: "NUMBER", str: "TEXT"}


def _completion(row: RunOption) -> Callable[[str], list[str]]:
    """What a shell offers for the value: names of methods and datasets, or the choices."""

    def offered(incomplete: str) -> list[str]:
        from hashbench.plan import catalog

        names = {"method": catalog.methods, "dataset": catalog.datasets}
        known = names[row.key]() if row.key in names else row.choices
        return [name for name in known if name.startswith(incomplete)]

    return offered


def _with_group(
    command: Command,
    name: str,
    shared: Mapping[str, inspect.Parameter],
    collect: Callable[[Mapping[str, Any]], Any],
) -> Command:
    """`command`, whose parameter `name` is replaced by the shared ones; it gets them collected."""

    def called(**given: Any) -> None:
        group = {key: given.pop(key) for key in shared}
        command(**given, **{name: collect(group)})

    parameters: list[inspect.Parameter] = []
    for own in inspect.signature(command, eval_str=True).parameters.values():
        parameters += shared.values() if own.name == name else [own]
    parameters = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters]
    called.__doc__ = command.__doc__
    called.__annotations__ = {one.name: one.annotation for one in parameters}
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return called
