"""Which kind of file system a folder is on, where the operating system tells."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

__all__ = ["FileSystem", "file_system_of", "is_network"]

FileSystem = Callable[[Path], str | None]
"""Names the type of the file system a path is on, None where that cannot be told."""

_NETWORK: Final = """
    9p acfs afs afpfs beegfs ceph cifs coda curlftpfs davfs davfs2 fuse.ceph fuse.glusterfs
    fuse.rclone fuse.s3fs fuse.sshfs fuse.davfs2 gfs gfs2 gluster gpfs lustre ncpfs nfs nfs3 nfs4
    ocfs2 prl_fs remote smb2 smb3 smbfs vboxsf virtiofs vmhgfs fuse.vmhgfs-fuse webdav
"""
"""SQLite's write-ahead log needs memory that all processes share, which these do not give, or not
between machines (https://www.sqlite.org/wal.html, "Disadvantages")."""

_MOUNTS: Final = Path("/proc/self/mountinfo")
_ESCAPED: Final = re.compile(rb"\\([0-7]{3})")


def is_network(kind: str | None) -> bool:
    """Say whether a file system of that type is shared with other machines, or may be."""
    return kind is not None and kind.lower() in _NETWORK.split()


def file_system_of(path: Path) -> str | None:
    """Return the type of the file system that holds ``path``, None where nobody tells.

    Linux says it in ``/proc/self/mountinfo`` (proc(5)); Windows says at least what is remote.
    """
    if sys.platform == "win32":
        return _drive_kind(path)
    try:
        return type_in(_MOUNTS.read_bytes(), os.fsencode(path.resolve()))
    except (OSError, RuntimeError):  # no such file; a loop of symbolic links
        return None


def type_in(mounts: bytes, path: bytes) -> str | None:
    """Return the type of the innermost mount that holds an absolute path.

    Args:
        mounts: the content of ``mountinfo``.
        path: absolute, without symbolic links.
    """
    found, longest = None, -1
    for line in mounts.splitlines():
        fields, separator, rest = line.partition(b" - ")
        columns = fields.split(b" ")
        if not separator or len(columns) < 5 or not rest:
            continue
        point = _ESCAPED.sub(lambda match: bytes([int(match[1], 8) & 0xFF]), columns[4])
        inside = path == point or path.startswith(point.rstrip(b"/") + b"/")
        # Of two mounts at one point the later one covers the earlier.
        if inside and len(point) >= longest:
            found, longest = rest.split(b" ", 1)[0].decode(errors="replace"), len(point)
    return found


def _drive_kind(path: Path) -> str | None:
    import ctypes  # noqa: PLC0415 - Windows only

    windll = getattr(ctypes, "windll", None)
    if windll is None:
        return None
    anchor = path.absolute().anchor
    return "remote" if windll.kernel32.GetDriveTypeW(anchor) == 4 else None  # DRIVE_REMOTE
