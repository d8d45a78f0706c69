"""What kind of disk a folder lies on, and whether file locks there exclude other hosts.

`flock` succeeds on many network disks without a word to the server: then it excludes the processes
of its own host and nobody else. Which disks these are is stated by type and options of the mount.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MOUNTINFO = Path("/proc/self/mountinfo")

_OCTAL = re.compile(rb"\\([0-7]{3})")

_NETWORK = frozenset(
    ("9p", "afp", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fhgfs", "fuse", "gfs2",
     "glusterfs", "gpfs", "lustre", "mmfs", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "panfs",
     "pvfs2", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs", "wekafs")
)  # fmt: skip
"""Disks that other hosts may use, too. `fuse` stands for every `fuse.*`, whose programs cannot be
told apart from outside; `fuseblk` is a device of this host.
"""

_ALWAYS = frozenset({"ceph", "glusterfs", "fuse.ceph", "fuse.ceph-fuse", "fuse.glusterfs"})
"""Network disks whose `flock` goes to the server, whatever the options."""


@dataclass(frozen=True)
class Mount:
    """A mounted disk: where, its type, and its options (of the mount and of the disk itself)."""

    point: str
    kind: str
    options: frozenset[str]

    @property
    def is_network(self) -> bool:
        """Whether other hosts may use the disk, too, as far as its type tells."""
        return self.kind.partition(".")[0] in _NETWORK

    @property
    def locks_exclude_hosts(self) -> bool:
        """Whether a lock that is held on this host is refused on every other one.

        True for disks of this host alone. Where it is not documented that `flock` reaches the
        server (cifs before Linux 5.5, 9p, beegfs, afs, sshfs, gpfs, ...), the answer is False.
        """
        kind, options = self.kind, self.options
        if not self.is_network or kind in _ALWAYS:
            return True
        if kind in ("nfs", "nfs4"):
            # nfs(5): local_lock=posix leaves flock, which is what we use, to the server
            return not options & {"nolock", "local_lock=all", "local_lock=flock"}
        if kind == "lustre":
            return "flock" in options and "localflock" not in options
        if kind in ("gfs2", "ocfs2"):
            return "localflocks" not in options
        return False


def parse(mountinfo: bytes) -> list[Mount]:
    """The mounts of a `/proc/self/mountinfo`, see proc(5); lines that are none are left out."""
    mounts = []
    for line in mountinfo.splitlines():
        own, separator, disk = line.partition(b" - ")
        fields, of_disk = own.split(b" "), disk.split(b" ")
        if not separator or len(fields) < 6 or len(of_disk) < 3:
            continue
        options = fields[5].split(b",") + of_disk[2].split(b",")
        mounts.append(
            Mount(
                os.fsdecode(_unescaped(fields[4])),
                os.fsdecode(of_disk[0]),
                frozenset(os.fsdecode(_unescaped(option)) for option in options),
            )
        )
    return mounts


def mount_of(path: str, mounts: Sequence[Mount]) -> Mount | None:
    """The mount that an absolute path without links lies on: the one with the longest mount point,
    of several on one point the last, which hides the others.
    """
    best: Mount | None = None
    for mount in mounts:
        point = mount.point.rstrip("/")
        if (path == point or path.startswith(f"{point}/") or not point) and (
            best is None or len(mount.point) >= len(best.point)
        ):
            best = mount
    return best


def on(folder: Path) -> Mount | None:
    """The mount of a folder; None where the system does not say. Raises OSError for no folder.

    The answer is kept for each disk, so that asking for thousands of folders costs a `stat` each.
    """
    return of_device(folder.stat().st_dev, folder)


def of_device(device: int, path: Path) -> Mount | None:
    """As `on`, of a file or folder the number of whose disk is known already (`st_dev`)."""
    if device not in _known:
        _known[device] = mount_of(str(path.resolve()), _mounts())
    return _known[device]


_known: dict[int, Mount | None] = {}


def _mounts() -> list[Mount]:
    try:
        return parse(MOUNTINFO.read_bytes())
    except OSError:
        return []  # not Linux


def _unescaped(field: bytes) -> bytes:
    return _OCTAL.sub(lambda match: bytes([int(match[1], 8) & 0xFF]), field)
