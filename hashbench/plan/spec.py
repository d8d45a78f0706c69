"""RunSpec: all that decides a run's codes, resolved, as a frozen value, TOML and a hash."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import msgspec

from hashbench.errors import DamagedFileError
from hashbench.files import toml
from hashbench.files.bounded_read import read_bounded
from hashbench.plan.card import Value

VERSION = 1
NOT_STATED = "not stated"
"""What the protocol, backbone or selection of imported codes is where nobody said."""
MAX_ID_NAME = 120  # letters of an id between its time and its seed
MAX_BYTES = 1 << 18  # a spec is a page of text; anything larger is not one


_LATER = (
    ("dataset", "on_bad_image", "stop"),
    ("dataset", "caption_noise", 0.0),
    ("dataset", "caption_drop", 0.0),
    ("dataset", "augment_images", "none"),
    ("dataset", "folds", 0),
    ("dataset", "fold", 0),
    ("dataset", "file_hash", ""),
    ("backbone", "feature_precision", "fp32"),
    ("backbone", "encode_precision", "fp32"),
)
_LATER_RUN = (("holdout", True), ("file_hash", ""), ("imported", ""))


class DatasetSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which items. `query` and `train` are sizes; the database is all that is not a query.

    `usual_sizes`: nobody asked for these sizes, so a dataset with fewer items may shrink them.
    `on_bad_image`: whether a picture that cannot be read ends the run or is left out of the split.
    `caption_noise`, `caption_drop`: shares of words of the fitted items' captions that are
    exchanged and left out. `augment_images`: what is done anew in each epoch with the fitted items'
    pictures.
    `folds`: in cross-validation, how many parts the items are divided into; `fold`, counted from 1,
    is the one whose items are the queries, whatever `query` says. 0 is one split.
    `file_hash` is that of the file that loads the dataset, where it is a plug-in of one file.
    """

    name: str
    query: int
    train: int
    split: str = "own"
    split_seed: int = 0
    usual_sizes: bool = False
    params: dict[str, Value] = {}
    on_bad_image: str = "stop"
    caption_noise: float = 0.0
    caption_drop: float = 0.0
    augment_images: str = "none"
    folds: int = 0
    fold: int = 0
    file_hash: str = ""

    @property
    def fold_label(self) -> str:
        return f"fold {self.fold} of {self.folds}" if self.folds else ""


class BackboneSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which frozen encoders. `pretrained` is an open_clip tag, a weights file, or tag=file.

    `feature_precision` is that of the features that are kept on disk, `encode_precision` that of
    the frozen towers' arithmetic.
    """

    name: str = "picturebook-clip"
    pretrained: str = ""
    feature_precision: str = "fp32"
    encode_precision: str = "fp32"


class LabelSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What training sees of the labels; relevance at evaluation always uses the full ones."""

    known_ratio: float = 1.0
    noise: float = 0.0
    sparsity: float = 0.0
    unknown: str = "negative"


class RunSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One run. Equal specs on one kind of device, with equal numbers of threads, give equal codes,
    bit for bit.

    `holdout`: some training items are withheld from fitting as validation queries. Runs that select
    by the test queries, as papers do, fit all of them, but for those of earlier versions.
    `preset` is where values came from that nobody asked for, "" in runs of earlier versions.
    `file_hash` is that of the method's file, where the method is a plug-in of one file.
    `imported` names the file of codes that somebody else made; `method` is the name that their
    method was given, and what training would read is at its default.
    """

    version: int = VERSION
    method: str
    bits: tuple[int, ...]
    seed: int = 0
    protocol: str = "strict"
    select: str = "validation"
    holdout: bool = True
    device: str = "auto"
    threads: int = 0
    dataset: DatasetSpec
    backbone: BackboneSpec = BackboneSpec()
    labels: LabelSpec = LabelSpec()
    ablations: tuple[str, ...] = ()
    params: dict[str, Value] = {}
    preset: str = ""
    file_hash: str = ""
    imported: str = ""

    @property
    def hash(self) -> str:
        """16 hex digits over everything but where it runs (device, threads) and the preset, whose
        values count themselves.

        Keys that later versions added count where they are not what earlier versions did.
        """
        import hashlib  # here, since lists of runs need no hash
        import json

        plain: dict[str, Any] = msgspec.to_builtins(self)
        del plain["device"], plain["threads"], plain["preset"]
        for part, key, before in _LATER:
            if plain[part][key] == before:
                del plain[part][key]
        for key, default in _LATER_RUN:
            if plain[key] == default:
                del plain[key]
        text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def bits_label(self) -> str:
        return "+".join(str(bits) for bits in self.bits)

    def run_id(self, now: datetime.datetime) -> str:
        """an id that reads well and sorts by time; the folder makes equal ones distinct."""
        parts = [self.method, self.dataset.name, f"{self.bits_label}b"]
        parts += [f"known{self.labels.known_ratio:g}"] if self.labels.known_ratio < 1 else []
        parts += self.ablations
        parts += [self.protocol] if self.protocol not in ("strict", NOT_STATED) else []
        parts += [f"fold{self.dataset.fold}of{self.dataset.folds}"] if self.dataset.folds else []
        parts += ["imported"] if self.imported else []
        name = "-".join(parts)[:MAX_ID_NAME]
        return f"{now:%Y%m%d-%H%M%S}-{name}-s{self.seed}"


def to_toml(spec: RunSpec) -> str:
    """The spec as TOML, every value resolved."""
    return msgspec.toml.encode(spec).decode()


def from_toml(text: bytes, *, where: object = None) -> RunSpec:
    """The spec that `to_toml` wrote. Raises DamagedFileError naming the key."""
    try:
        return toml.decode(text, RunSpec)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedFileError(
            f"is not a run spec: {error}", where=where, remedy="start the run anew"
        ) from None


def read(path: Path) -> RunSpec:
    """The spec in a file. Raises DamagedFileError."""
    try:
        text = read_bounded(path, MAX_BYTES, "a run spec")
    except OSError as error:
        raise DamagedFileError(f"cannot be read: {error.strerror}", where=path) from None
    return from_toml(text, where=path)
