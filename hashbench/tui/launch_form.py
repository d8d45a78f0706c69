"""From what stands in the launch form to a request, and from a request to what will run.

Nothing here draws; the form, its tests and its preview share it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hashbench.errors import InputError
from hashbench.plan import catalog, custom_registry
from hashbench.plan.card import DatasetCard, MethodCard, Value
from hashbench.plan.list_syntax import numbers, reals
from hashbench.plan.request import Request
from hashbench.plan.spec import (
    BAD_IMAGES,
    ENCODE_PRECISIONS,
    PRECISIONS,
    PROTOCOLS,
    SELECTS,
    UNKNOWNS,
    RunSpec,
)
from hashbench.runs.queue import PRIORITY_HIGH, PRIORITY_LOW

Parse = Callable[[str], Any]


@dataclass(frozen=True)
class General:
    """A setting that every method has: a key of Request, its default as text, its help."""

    key: str
    default: str
    told: str
    parse: Parse
    choices: tuple[str, ...] = ()
    shown_empty: str = ""

    @property
    def option(self) -> str:
        """The option of `hashbench run`, which errors name."""
        return "--" + self.key.replace("_", "-")


def _whole(option: str) -> Parse:
    def parse(text: str) -> int | None:
        if not text.strip():
            return None
        try:
            return int(text)
        except ValueError:
            raise InputError(f"{text!r} is not a whole number", where=option) from None

    return parse


def _real(option: str) -> Parse:
    def parse(text: str) -> float:
        found = reals([text], option)
        if len(found) != 1:
            raise InputError(f"{text!r} is not one number", where=option)
        return found[0]

    return parse


def _text(text: str) -> str:
    return text.strip()


GENERAL: tuple[General, ...] = (
    General("bits", "32", "code lengths: 16,32,64", lambda t: numbers([t], "--bits")),
    General("seed", "0", "0-4 for five seeds", lambda t: numbers([t], "--seed")),
    General(
        "known_ratio", "1.0", "share of training labels that is known; several make a grid",
        lambda t: reals([t], "--known-ratio"),
    ),
    General(
        "protocol", "strict", "published: as the paper's own code encodes, leaks and all; marked",
        _text, PROTOCOLS,
    ),
    General(
        "device", "auto", "auto, cpu, cuda or cuda:N; auto is the first GPU, if any", _text,
    ),
    General("epochs", "", "epochs of every stage", _whole("--epochs"), (), "the method's"),
    General(
        "select", "validation", "what chooses the epoch; test is what papers do, and marked",
        _text, SELECTS,
    ),
    General("threads", "0", "CPU threads of a worker; 0 means all", _whole("--threads")),
    General("label_noise", "0.0", "share of training labels flipped", _real("--label-noise")),
    General("label_sparsity", "0.0", "share of positives dropped", _real("--label-sparsity")),
    General(
        "unknown", "negative", "pairs whose similarity is not known: negative (AN) or ignore (IU)",
        _text, UNKNOWNS,
    ),
    General(
        "backbone", "picturebook-clip", "frozen encoders; any model of open_clip, such as ViT-B-16",
        _text,
    ),
    General("pretrained", "", "weights of the backbone: a tag or a file", _text, (), "built in"),
    General(
        "feature_precision", "fp32", "of the features that are kept on disk; fp16 halves them",
        _text, PRECISIONS,
    ),
    General(
        "encode_precision", "fp32", "of the frozen towers' arithmetic; bf16 is faster on GPUs",
        _text, ENCODE_PRECISIONS,
    ),
    General("split", "own", "own, a split of the field such as prompthash, or a file", _text),
    General("split_seed", "0", "seed of the split", _whole("--split-seed")),
    General("query_size", "", "test queries", _whole("--query-size"), (), "the dataset's"),
    General("train_size", "", "training items", _whole("--train-size"), (), "the dataset's"),
    General(
        "on_bad_image", "stop", "a picture that cannot be read ends the run, or is left out",
        _text, BAD_IMAGES,
    ),
)  # fmt: skip


START, PRIORITY = "start", "priority"
IN_TURN, AT_ONCE = "in turn", "at once"


@dataclass(frozen=True)
class StartMode:
    """How runs start: in turn, as devices get free, or at once, beside whatever runs."""

    queued: bool = True
    priority: int = 0

    @property
    def options(self) -> list[str]:
        """The options of `hashbench run` that mean the same."""
        if not self.queued:
            return []
        return ["--queue", *([f"--priority {self.priority}"] if self.priority else [])]


def start_mode_of(typed: Mapping[str, str]) -> StartMode:
    """What the form says of starting. Raises InputError for a wrong priority."""
    queued = typed.get(START, IN_TURN) == IN_TURN
    return StartMode(queued, priority(typed.get(PRIORITY, "0")) if queued else 0)


def priority(text: str) -> int:
    """A place in the queue as typed by a person. Raises InputError."""
    try:
        found = int(text)
    except ValueError:
        raise InputError(f"{text!r} is not a whole number", where="--priority") from None
    if not PRIORITY_LOW <= found <= PRIORITY_HIGH:
        remedy = f"from {PRIORITY_LOW} to {PRIORITY_HIGH}, the highest first"
        raise InputError(f"{text} is out of range", where="--priority", remedy=remedy)
    return found


PICKED = ("method", "dataset", "ablate")
"""Keys of Request that are picked from lists; `set` is filled by the methods' own fields."""


def request_of(
    picked: Mapping[str, Sequence[str]], typed: Mapping[str, str], params: Mapping[str, Value]
) -> Request:
    """The request that the form stands for; `params` are changed ones, `method.name` -> value.

    Raises InputError whose `where` is the option of the field that is wrong.
    """
    keys: dict[str, Any] = {}
    for general in GENERAL:
        text = typed.get(general.key, general.default)
        value = general.parse(text)
        if value is None and general.default:
            raise InputError("is empty", where=general.option, remedy=f"such as {general.default}")
        keys[general.key] = value
    for key in PICKED:
        keys[key] = list(picked.get(key, ()))
    only = len(keys["method"]) == 1
    keys["set"] = {
        name.partition(".")[2] if only else name: value for name, value in params.items()
    }
    return Request(**keys)


def datasets_here(data_dir: Path) -> dict[str, tuple[DatasetCard, bool]]:
    """Every dataset by name, those whose files are there first: its card, and whether they are."""
    cards = {name: (card, is_there(card, data_dir)) for name, card in catalog.datasets().items()}
    for name, path in custom_registry.names(data_dir).items():
        cards[name] = (custom_registry.card(path), True)
    return dict(sorted(cards.items(), key=lambda entry: not entry[1][1]))


def is_there(card: DatasetCard, data_dir: Path) -> bool:
    """Built in, or with a folder of its name below the data folder."""
    return card.builtin or (data_dir / card.name).is_dir()


def needs(card: MethodCard) -> str:
    """What a method asks for beside images, texts and labels."""
    parts = ["label prompts"] if card.needs_prompts else []
    parts += ["one fused code an item"] if "mm" in card.directions else []
    parts += ["all bit lengths in one run"] if card.joint_bits else []
    parts += ["nothing is trained"] if not card.epoch_params else []
    return ", ".join(parts)


def grid_text(specs: Sequence[RunSpec]) -> str:
    """`12 runs: 2 methods x 3 bit lengths x 2 seeds`, naming what there is only one of."""
    axes: list[tuple[str, list[str]]] = [
        ("method", [spec.method for spec in specs]),
        ("dataset", [spec.dataset.name for spec in specs]),
        ("bit length", [f"{spec.bits_label} bits" for spec in specs]),
        ("known ratio", [f"known ratio {spec.labels.known_ratio:g}" for spec in specs]),
        ("seed", [f"seed {spec.seed}" for spec in specs]),
    ]
    parts = []
    for name, values in axes:
        distinct = list(dict.fromkeys(values))
        if distinct == ["known ratio 1"]:
            continue
        if len(distinct) == 1:
            parts.append(distinct[0])
        elif len(distinct) <= 3:
            parts.append(", ".join(distinct))
        else:
            parts.append(f"{len(distinct)} {name}s")
    count = len(specs)
    return f"{count:,} run{'s' if count != 1 else ''}: {' × '.join(parts)}"
