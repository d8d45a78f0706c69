"""What `/proc/self/mountinfo` says of disks, and whether file locks there exclude other hosts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashbench.files import mounts
from hashbench.files.mounts import Mount

NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1
).filter(lambda name: name not in (".", ".."))
POINTS = st.lists(NAMES, max_size=3).map(lambda names: "/" + "/".join(names))
OPTIONS = st.lists(st.sampled_from(["rw", "nolock", "local_lock=all", "flock", "vers=4.2"]))
MOUNTS = st.lists(
    st.builds(Mount, POINTS, st.sampled_from(["ext4", "nfs", "fuse.sshfs"]), OPTIONS.map(frozenset))
)


def escaped(text: str) -> bytes:
    """As the kernel writes it: blanks, tabs, line ends and backslashes in octal."""
    return b"".join(
        b"\\%03o" % byte if byte in b" \t\n\\#" or byte in b"\r\v\f" else bytes([byte])
        for byte in text.encode()
    )


def line(mount: Mount, number: int, tags: str = "") -> bytes:
    options = ",".join(sorted(mount.options))
    own = f"{number} 1 0:{number} / ".encode() + escaped(mount.point) + b" rw,relatime"
    return own + f"{tags} - {mount.kind} host:/export {options or 'rw'}".encode()


@settings(max_examples=50)
@given(MOUNTS, st.sampled_from(["", " shared:1", " shared:1 master:2"]))
def test_what_is_written_is_read(written: list[Mount], tags: str) -> None:
    text = b"\n".join(line(mount, number, tags) for number, mount in enumerate(written, start=1))
    read = mounts.parse(b"nonsense\n\n" + text + b"\n1 2 3 - \n")
    assert [(one.point, one.kind) for one in read] == [(one.point, one.kind) for one in written]
    for one, other in zip(read, written, strict=True):
        assert other.options <= one.options


@settings(max_examples=50)
@given(MOUNTS, POINTS)
def test_the_longest_mount_point_wins_and_the_last_of_equals(all_mounts: list[Mount], path: str):
    found = mounts.mount_of(path, all_mounts)
    parts = [part for part in path.split("/") if part]

    def holds(mount: Mount) -> bool:
        point = [part for part in mount.point.split("/") if part]
        return parts[: len(point)] == point

    fitting = [mount for mount in all_mounts if holds(mount)]
    if not fitting:
        assert found is None
    else:
        longest = max(len(mount.point.rstrip("/")) for mount in fitting)
        assert found is [m for m in fitting if len(m.point.rstrip("/")) == longest][-1]


@settings(max_examples=50)
@given(st.binary(max_size=200))
def test_any_bytes_are_read(content: bytes) -> None:
    mounts.parse(content)


@pytest.mark.parametrize(
    ("kind", "options", "exclude"),
    [
        ("ext4", "rw", True),
        ("xfs", "rw", True),
        ("overlay", "rw,lowerdir=/a", True),
        ("tmpfs", "rw", True),
        ("fuseblk", "rw", True),
        ("nfs", "rw,vers=3,local_lock=none", True),
        ("nfs4", "rw,vers=4.2,local_lock=none", True),
        ("nfs4", "rw,local_lock=posix", True),
        ("nfs", "rw,vers=3,nolock,local_lock=all", False),
        ("nfs", "rw,nolock", False),
        ("nfs4", "rw,local_lock=flock", False),
        ("nfs", "rw,local_lock=all", False),
        ("lustre", "rw,flock,lazystatfs", True),
        ("lustre", "rw,lazystatfs", False),
        ("lustre", "rw,localflock", False),
        ("gfs2", "rw", True),
        ("gfs2", "rw,localflocks", False),
        ("ceph", "rw", True),
        ("fuse.glusterfs", "rw", True),
        ("fuse.sshfs", "rw", False),
        ("fuse.s3fs", "rw", False),
        ("9p", "rw,trans=virtio", False),
        ("cifs", "rw,nobrl", False),
        ("cifs", "rw", False),
        ("beegfs", "rw", False),
        ("afs", "rw", False),
        ("virtiofs", "rw", False),
    ],
)
def test_which_disks_have_locks_that_count(kind: str, options: str, exclude: bool) -> None:
    mount = Mount("/data", kind, frozenset(options.split(",")))
    assert mount.locks_exclude_hosts is exclude
    assert mount.is_network or exclude


def test_a_real_folder_is_found_and_asked_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = tmp_path / "mountinfo"
    listing.write_bytes(
        line(Mount("/", "ext4", frozenset({"rw"})), 1)
        + b"\n"
        + line(Mount(str(tmp_path.resolve()), "nfs", frozenset({"rw", "nolock"})), 2)
        + b"\n"
    )
    monkeypatch.setattr(mounts, "MOUNTINFO", listing)
    monkeypatch.setattr(mounts, "_known", {})
    (tmp_path / "link").symlink_to(tmp_path)
    found = mounts.on(tmp_path / "link")
    assert found is not None
    assert not found.locks_exclude_hosts
    listing.unlink()
    assert mounts.on(tmp_path) == found
    monkeypatch.setattr(mounts, "_known", {})
    assert mounts.on(tmp_path) is None  # a system that does not say
    with pytest.raises(FileNotFoundError):
        mounts.on(tmp_path / "none")
