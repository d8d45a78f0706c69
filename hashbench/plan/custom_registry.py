"""Datasets that a person registered: `<data_dir>/<name>/hashbench.toml`, and the card it makes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from hashbench.errors import DamagedFileError, InputError
from hashbench.files import toml
from hashbench.files.bounded_read import read_bounded
from hashbench.plan.card import DatasetCard, Param, Part, SplitSizes

FILE = "hashbench.toml"
MAX_BYTES = 1 << 16
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class Registration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `hashbench datasets add` writes.

    A `table` dataset has a table of file names, captions and labels, and a folder of images; a
    `features` dataset has a file of features. Relative paths start at the registration's folder.
    """

    kind: Literal["table", "features"]
    title: str
    query: int
    train: int
    images: str = ""
    table: str = ""
    file: str = ""


def names(data_dir: Path | None) -> Mapping[str, Path]:
    """Name -> registration file of all datasets registered below `data_dir`."""
    if data_dir is None or not data_dir.is_dir():
        return {}
    paths = sorted(data_dir.glob(f"*/{FILE}"))
    return {path.parent.name: path for path in paths if NAME.fullmatch(path.parent.name)}


def check_name(name: str, in_use: Mapping[str, object], *, where: object = None) -> None:
    """Raises InputError unless `name` can be given to a new dataset."""
    if not NAME.fullmatch(name):
        raise InputError(
            f"{name!r} is not a name for a dataset",
            where=where,
            remedy="small letters, digits, dots, dashes and underscores, up to 64 of them",
        )
    if name in in_use:
        raise InputError(f"{name} is a dataset already", where=where, remedy="another name")


def read(path: Path) -> Registration:
    """The registration in a file. Raises DamagedFileError naming the key."""
    try:
        text = read_bounded(path, MAX_BYTES, "a registration")
        registration = toml.decode(text, Registration)
    except OSError as error:
        raise DamagedFileError(f"cannot be read: {error.strerror}", where=path) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedFileError(
            f"is not a registration: {error}",
            where=path,
            remedy="register the dataset again: hashbench datasets add",
        ) from None
    if registration.query < 1 or registration.train < 2:
        raise DamagedFileError(
            f"query = {registration.query}, train = {registration.train} are no sizes of a split",
            where=path,
            remedy="at least 1 and 2, or register the dataset again: hashbench datasets add",
        )
    return registration


def card(path: Path) -> DatasetCard:
    """The card of a registered dataset. Raises DamagedFileError."""
    registration, name, folder = read(path), path.parent.name, path.parent.absolute()
    table, images, file = (
        (f"{folder / registered}",)
        for registered in (registration.table, registration.images, registration.file)
    )
    pictured = registration.kind == "table"
    return DatasetCard(
        name=name,
        title=registration.title,
        summary=f"your own, from {registration.table or registration.file}",
        entry="hashbench.datasets.custom:load",
        sizes={name: SplitSizes(query=registration.query, train=registration.train)},
        params=(Param("name", name, "the folder of the registration below the data folder"),),
        layout=str(path),
        features_only=not pictured,
        folders=(name,),
        parts=(
            Part("its registration", (FILE,)),
            Part("its table", table) if pictured else Part("its file of features", file),
        ),
        pictures=(Part("its folder of pictures", images),) if pictured else (),
        remedy=f"put it back, or register it anew: hashbench datasets add {name} --replace",
    )
