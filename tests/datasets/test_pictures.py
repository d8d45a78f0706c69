"""Reading picture files that are whole, torn, hostile or not there."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import EpsImagePlugin, Image

from hashbench.datasets.pictures import FORMATS, FilePictures, list_files, read_picture, safe_name
from hashbench.errors import DamagedFileError, InputError


def encoded(kind: str, mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.radial_gradient("L").resize((24, 16)).convert(mode).save(buffer, kind)
    return buffer.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header claims a size that its few bytes of zeros would fill."""

    def chunk(tag: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 1_000_000, 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", FORMATS)
def test_formats_of_photographs_are_read_whatever_the_name(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded(kind))
    assert read_picture(tmp_path / "a.jpg").size == (24, 16)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Pillow's, of formats it will drop
def test_no_other_format_is_decoded_and_no_program_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pillow writes some 30 formats; a picture of each of the others, called .jpg, is refused."""
    started = tmp_path / "started"
    ghostscript = tmp_path / "bin" / "gs"
    ghostscript.parent.mkdir()
    ghostscript.write_text(f"#!/bin/sh\ntouch {started}\n")
    ghostscript.chmod(0o755)
    monkeypatch.setenv("PATH", str(ghostscript.parent), prepend=os.pathsep)
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)  # where it was looked for before
    Image.init()
    refused = set()
    for kind in set(Image.SAVE) - {*FORMATS, "MPO"}:  # an MPO begins with a JPEG, which is read
        try:
            content = encoded(kind)
        except (OSError, ValueError, KeyError):  # not of this mode, or a library is missing
            continue
        (tmp_path / "a.jpg").write_bytes(content)
        with pytest.raises(DamagedFileError, match=r"a\.jpg: is not a picture of a format"):
            read_picture(tmp_path / "a.jpg")
        refused.add(kind)
    assert {"EPS", "PDF", "TGA", "PPM", "ICO"} <= refused
    assert not started.exists()


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "CMYK", "1"])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.tiff"
    path.write_bytes(encoded("TIFF", mode))
    assert read_picture(path).mode == "RGB"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "not a picture"),
        (b"just text", "not a picture"),
        (encoded("JPEG")[:120], "cannot be read|not a picture"),
        (encoded("PNG")[:-40], "cannot be read"),
        (bomb(60_000, 60_000), "too large"),
        (bomb(12_000, 9_000), "too large"),
        (bomb(10_001, 9_000), "too large"),
    ],
)
def test_unreadable_pictures(tmp_path: Path, content: bytes, problem: str) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(DamagedFileError, match=problem) as caught:
        FilePictures(tmp_path, ["a.png"]).read(0)
    assert caught.value.where == str(tmp_path / "a.png")
    assert caught.value.remedy


def test_a_pipe_is_no_picture_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(DamagedFileError, match="not an ordinary file"):
        read_picture(tmp_path / "pipe.jpg")


def test_a_missing_picture(tmp_path: Path) -> None:
    with pytest.raises(DamagedFileError, match="is missing"):
        read_picture(tmp_path / "a.png")


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's remarks on torn TIFF tags
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), kind=st.sampled_from(["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"]))
def test_scribbled_pictures_are_read_or_refused(
    tmp_path: Path, data: st.DataObject, kind: str
) -> None:
    whole = bytearray(encoded(kind))
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "a"
    path.write_bytes(whole[: data.draw(st.integers(1, len(whole)))])
    try:
        assert read_picture(path).mode == "RGB"
    except DamagedFileError as error:
        assert error.remedy  # noqa: PT017


@given(st.text(max_size=30))
def test_safe_names_stay_inside(name: str) -> None:
    try:
        safe = safe_name(name, where="here")
    except InputError:
        return
    root = Path("/images")
    assert (root / safe).is_relative_to(root)
    assert ".." not in Path(safe).parts
    assert safe_name(safe, where="here") == safe


def test_listing(tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for name in ("a.JPG", "in/b.png", "in/deep/c.jpeg", ".hidden.jpg", "notes.txt"):
        (tmp_path / name).write_bytes(b"abc")
    (tmp_path / "in" / "up").symlink_to(tmp_path)
    assert list_files(tmp_path) == {"a.JPG": 3, "in/b.png": 3, "in/deep/c.jpeg": 3}
    assert list_files(tmp_path / "absent") == {}
