"""Pictures in folders: listing the files, and reading one that may be hostile."""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from hashbench.errors import DamagedFileError, InputError
from hashbench.files.bounded_read import open_ordinary

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff"})

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP")
"""The formats of photographs, by Pillow's names: the only ones that are decoded, whatever a file is
called. Pillow knows fifty, and hands some of them, such as EPS, to other programs.
"""

MAX_PIXELS = 90_000_000
"""A larger picture is refused as a decompression bomb; the largest of COCO has 0.4 million."""

AGAIN = "fetch the file again or remove it"
"""What to do about a picture that cannot be read."""

MISSING = "is missing"
"""The problem of a picture whose file does not exist."""

_CONTROL = re.compile(r"[\x00-\x1f]")

# What Pillow is seen to raise on files that are not what they claim to be.
_UNREADABLE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


@dataclass(frozen=True)
class FilePictures:
    """Item i is the file `root / files[i]`; names are relative, with forward slashes."""

    root: Path
    files: Sequence[str]

    def read(self, index: int) -> Image.Image:
        """Item `index` as an RGB image. Raises DamagedFileError naming the file."""
        return read_picture(self.root / self.files[index])

    def missing(self) -> list[int]:
        """The items whose file does not exist."""
        listed = list_files(self.root)
        return [
            item
            for item, name in enumerate(self.files)
            if name not in listed and not (self.root / name).is_file()
        ]


@dataclass(frozen=True)
class NoPictures:
    """For a set of precomputed features."""

    source: Path

    def read(self, index: int) -> Image.Image:
        """Raises InputError: the set has only features."""
        raise InputError(
            f"item {index} has features but no picture",
            where=self.source,
            remedy="use it with methods that run on features, without encoding anything",
        )


def read_picture(path: Path) -> Image.Image:
    """The picture in a file, as RGB.

    Raises DamagedFileError for a file that is missing, torn, no ordinary one, of none of FORMATS,
    or larger than MAX_PIXELS.
    """
    try:
        with open_ordinary(path, remedy=AGAIN) as file, Image.open(file, formats=FORMATS) as image:
            _refuse_bomb(*image.size)
            return image.convert("RGB")
    except FileNotFoundError:
        problem, remedy = MISSING, "restore the picture, or check --data-dir"
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        problem = f"is too large to be a picture of a dataset: more than {MAX_PIXELS:,} pixels"
        remedy = "scale it down or remove it"
    except UnidentifiedImageError:
        problem = f"is not a picture of a format that is read ({', '.join(FORMATS)})"
        remedy = "fetch the file again, convert it to JPEG or PNG, or remove it"
    except _UNREADABLE as error:
        problem, remedy = f"cannot be read: {error}", AGAIN
    raise DamagedFileError(problem, where=path, remedy=remedy)


def _refuse_bomb(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise Image.DecompressionBombError(f"{width} x {height} pixels")


def safe_name(name: str, *, where: object) -> str:
    """A file name read from a data file, as a relative path with forward slashes.

    Raises InputError when it is empty, absolute, or leads out of its folder.
    """
    plain = name.strip().replace("\\", "/")
    # by hand: a PurePath for each of 270,000 names takes seconds
    parts = [part for part in plain.split("/") if part not in ("", ".")]
    leaves = plain.startswith("/") or ".." in parts or (parts and ":" in parts[0])
    if not parts or leaves or _CONTROL.search(plain):
        raise InputError(
            f"the file name {name[:200]!r} leads out of the image folder",
            where=where,
            remedy="names must be relative and stay inside the image folder",
        )
    return "/".join(parts)


def list_files(folder: Path, *, suffixes: frozenset[str] = IMAGE_SUFFIXES) -> dict[str, int]:
    """Names, relative to `folder` with forward slashes, and sizes in bytes of the files below it.

    An absent folder holds no files. Hidden files and other suffixes are left out; folders that
    are links are not entered, so that a link to a parent cannot make the walk endless.
    """
    sizes: dict[str, int] = {}
    pending = [("", folder)]
    while pending:
        prefix, current = pending.pop()
        try:
            entries = list(os.scandir(current))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise InputError(f"cannot be listed: {error.strerror}", where=current) from None
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                pending.append((f"{prefix}{entry.name}/", Path(entry.path)))
            elif os.path.splitext(entry.name)[1].lower() in suffixes and entry.is_file():  # noqa: PTH122 - a Path for each of 270,000 files takes seconds
                sizes[prefix + entry.name] = entry.stat().st_size
    return sizes
