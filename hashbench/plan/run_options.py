"""The one table of run options: what a person may ask of a run, each option in one place.

`Request` is the table. A row of it gives an option's key, type, default, help, choices, range and
its place in the run's spec; from it come the options of `hashbench run`, the fields of the
workbench's form, the keys of config and sweep files, every check, and the command line that repeats
a request. A new option is a row here and a field of `hashbench.plan.spec` that its `spec` names.

Wherever an option is typed, several values make a grid. None means the value of the preset, or the
default of the method or the dataset.
"""

from __future__ import annotations

import functools
import re
import typing
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from types import MappingProxyType
from typing import Annotated, Any, TypeAlias, TypeVar

from hashbench.errors import UnknownNameError
from hashbench.plan.card import KINDS, Value
from hashbench.plan.option_kinds import NO_ABLATION, AblationOption, RunOption, SettingOption
from hashbench.plan.preset import BUILT_IN, PAPER

T = TypeVar("T")
OneOrMore: TypeAlias = T | Sequence[T]
"""One value, or several, which span a grid."""


def _check_device(device: str, where: str) -> None:
    if not re.fullmatch(r"auto|cpu|cuda|cuda:\d{1,3}", device):
        raise UnknownNameError("device", device, ["auto", "cpu", "cuda:0", "cuda:1"], where=where)


def _check_split(split: str, where: str) -> None:
    from hashbench.plan import released_splits  # which reads all cards: the help needs none

    released_splits.check(split, where=where)


@dataclass(frozen=True)
class Request:
    """What a person asks for, one field an option: the table of run options."""

    method: Annotated[
        OneOrMore[str],
        RunOption("Method.", short="-m", spec="method", picked=True),
    ] = "soda"
    dataset: Annotated[
        OneOrMore[str],
        RunOption("Dataset.", short="-d", spec="dataset.name", picked=True),
    ] = "picturebook"
    preset: Annotated[
        str | None,
        RunOption(
            "Values of what is not asked for: those of the method's paper, as `hashbench methods "
            "show METHOD --preset paper` lists them, or those that suit the built-in data.",
            choices=(PAPER, BUILT_IN),
            spec="preset",
            unset="paper for datasets that it reports, else built-in",
            grid=False,
        ),
    ] = None
    bits: Annotated[
        OneOrMore[int] | None,
        RunOption(
            "Code length in bits; 16,32,64 for several.",
            short="-b",
            low=1,
            high=4096,
            spec="bits",
            built_in=32,
        ),
    ] = None
    seed: Annotated[
        OneOrMore[int],
        RunOption("Seed; 0-4 for five.", short="-s", low=0, high=2**31 - 1, spec="seed"),
    ] = 0
    set: Annotated[
        Mapping[str, OneOrMore[Value]],
        SettingOption(
            "Parameter of the method, see `hashbench methods show METHOD`; alpha=0.1,1 for a grid "
            "(but a parameter that is free text keeps its commas).",
            metavar="NAME=VALUE",
            spec="params",
            picked=True,
        ),
    ] = field(default_factory=dict)
    ablate: Annotated[
        Sequence[str | Sequence[str]],
        AblationOption(
            "Named ablation; a,b are made together, in one run. Repeat the option for a grid, with "
            f"`{NO_ABLATION}` for the run without.",
            metavar="NAME",
            spec="ablations",
            picked=True,
        ),
    ] = ()
    epochs: Annotated[
        OneOrMore[int | None],
        RunOption("Epochs of every stage.", low=1, high=10**9, unset="the method's"),
    ] = None
    known_ratio: Annotated[
        OneOrMore[float] | None,
        RunOption(
            "Share of training labels that is known.",
            above=0,
            high=1,
            spec="labels.known_ratio",
            built_in=1.0,
        ),
    ] = None
    label_noise: Annotated[
        OneOrMore[float],
        RunOption("Share of training labels flipped.", low=0, high=1, spec="labels.noise"),
    ] = 0.0
    label_sparsity: Annotated[
        OneOrMore[float],
        RunOption("Share of positive labels dropped.", low=0, high=1, spec="labels.sparsity"),
    ] = 0.0
    caption_noise: Annotated[
        OneOrMore[float],
        RunOption(
            "Share of words of training captions replaced by words of others.",
            low=0,
            high=1,
            spec="dataset.caption_noise",
        ),
    ] = 0.0
    caption_drop: Annotated[
        OneOrMore[float],
        RunOption(
            "Share of words of training captions left out.",
            low=0,
            high=1,
            spec="dataset.caption_drop",
        ),
    ] = 0.0
    augment_images: Annotated[
        OneOrMore[str],
        RunOption(
            "flip-crop: training pictures are mirrored and cropped at random, as released, for "
            "methods that tune the towers. Each epoch then reads and encodes them all again, which "
            "takes as long as their feature extraction.",
            choices=("none", "flip-crop"),
            spec="dataset.augment_images",
        ),
    ] = "none"
    unknown: Annotated[
        OneOrMore[str],
        RunOption(
            "Pairs whose similarity is unknown count as negative (AN), or are ignored (IU).",
            choices=("negative", "ignore"),
            spec="labels.unknown",
        ),
    ] = "negative"
    protocol: Annotated[
        OneOrMore[str],
        RunOption(
            "strict: codes see their own modality alone; published: as the paper's own code "
            "encodes, and marked.",
            choices=("strict", "published"),
            spec="protocol",
        ),
    ] = "strict"
    select: Annotated[
        OneOrMore[str] | None,
        RunOption(
            "What chooses the epoch; test is what papers do, and marked.",
            choices=("validation", "last", "test"),
            spec="select",
            built_in="validation",
        ),
    ] = None
    split: Annotated[
        OneOrMore[str] | None,
        RunOption(
            "own, a released code's split such as dcmht, or a file of item ids.",
            metavar="NAME|FILE",
            check_value=_check_split,
            spec="dataset.split",
            commas=False,
            built_in="own",
        ),
    ] = None
    split_seed: Annotated[
        OneOrMore[int],
        RunOption(
            "Seed of the split, whatever the run's seed.",
            low=0,
            high=2**31 - 1,
            spec="dataset.split_seed",
        ),
    ] = 0
    query_size: Annotated[
        OneOrMore[int | None],
        RunOption("Test queries.", low=1, high=10**9, spec="dataset.query", unset="the dataset's"),
    ] = None
    train_size: Annotated[
        OneOrMore[int | None],
        RunOption(
            "Training items.", low=2, high=10**9, spec="dataset.train", unset="the dataset's"
        ),
    ] = None
    folds: Annotated[
        int | None,
        RunOption(
            "Cross-validation: the split seed divides all items into so many parts, and each part "
            "is the test queries of a run. `hashbench compare` averages over them.",
            low=2,
            high=100,
            spec="dataset.folds",
            unset="none: one split",
            grid=False,
        ),
    ] = None
    fold: Annotated[
        OneOrMore[int | None],
        RunOption(
            "Of --folds, these alone; 1,3 for two.",
            low=1,
            high=100,
            spec="dataset.fold",
            unset="each",
        ),
    ] = None
    backbone: Annotated[
        OneOrMore[str] | None,
        RunOption(
            "Frozen encoders: any model of open_clip, such as ViT-B-16; lite0+minilm or lite0+bow, "
            "two towers without a common space; scratch-resnet18 or -resnet50, trained on the "
            "training labels.",
            spec="backbone.name",
            built_in="picturebook-clip",
        ),
    ] = None
    pretrained: Annotated[
        OneOrMore[str] | None,
        RunOption(
            "Weights of the backbone: a tag of open_clip, a file, or a tag's file.",
            metavar="TAG|FILE|TAG=FILE",
            spec="backbone.pretrained",
            commas=False,
            built_in="",
        ),
    ] = None
    feature_precision: Annotated[
        OneOrMore[str],
        RunOption(
            "Precision of features on disk; fp16 takes half the space.",
            choices=("fp32", "fp16"),
            spec="backbone.feature_precision",
        ),
    ] = "fp32"
    encode_precision: Annotated[
        OneOrMore[str],
        RunOption(
            "Arithmetic of the frozen towers: fp32, or mixed bf16, which is faster on GPUs.",
            choices=("fp32", "bf16"),
            spec="backbone.encode_precision",
        ),
    ] = "fp32"
    on_bad_image: Annotated[
        OneOrMore[str],
        RunOption(
            "A picture that cannot be read stops the run, or its item is skipped.",
            choices=("stop", "skip"),
            spec="dataset.on_bad_image",
        ),
    ] = "stop"
    device: Annotated[
        str,
        RunOption(
            "auto, cpu, cuda or cuda:N; auto is the first GPU, if any.",
            check_value=_check_device,
            spec="device",
            grid=False,
        ),
    ] = "auto"
    threads: Annotated[
        int,
        RunOption(
            "CPU threads of a worker; 0 means all.", low=0, high=10**9, spec="threads", grid=False
        ),
    ] = 0


def options() -> Mapping[str, RunOption]:
    """The rows of the table by key, in the order in which they are shown."""
    return _rows(Request)


@functools.cache
def _rows(table: type[Request]) -> Mapping[str, RunOption]:
    hints = typing.get_type_hints(table, include_extras=True)
    rows = {}
    for one in fields(table):
        values, option = typing.get_args(hints[one.name])
        default = {} if one.default is MISSING else one.default
        rows[one.name] = replace(option, key=one.name, item=_item(values), default=default)
    return MappingProxyType(rows)


def _item(hint: Any) -> Any:
    """The type of one value, out of `int | None | Sequence[int | None]` and the like."""
    if hint in KINDS:
        return hint
    return next(filter(None, map(_item, typing.get_args(hint))), None)


def request(values: Mapping[str, Any]) -> Request:
    """A request of the given values by key; what is not given is at its default."""
    return Request(**values)


def check(asked: Request) -> None:
    """Raises InputError naming the first option whose value is not valid."""
    for key, option in options().items():
        option.check(getattr(asked, key))
