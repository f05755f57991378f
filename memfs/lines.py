"""Sets of lines in small files of the state folder: added to in one write, read anew when they changed."""

from __future__ import annotations

import os
from collections.abc import Collection
from collections.abc import Iterable
from pathlib import Path

from memfs.errors import StorageFailed

_read: dict[Path, tuple[tuple[int, int, int], dict[bytes, None]]] = {}
"""Files as they were read last: each hit of a search asks."""


def lines(path: Path) -> Collection[bytes]:
    """Return the lines of the file *path*, each once, in their order; none when it cannot be read."""
    try:
        about = path.stat()
        identity = (about.st_ino, about.st_size, about.st_mtime_ns)
        if path not in _read or _read[path][0] != identity:
            _read[path] = identity, dict.fromkeys(line for line in path.read_bytes().split(b"\n") if line)
        return _read[path][1]
    except OSError:
        return {}


def add(path: Path, new: Iterable[bytes]) -> None:
    """Add *new*, none of which holds a line break, to the file *path*, made if there is none.

    Of two processes that add at once neither takes back what the other did: it is one write.

    Raises:
        StorageFailed: It cannot be written.
    """
    there = lines(path)
    missing = [line for line in dict.fromkeys(new) if line not in there]
    if not missing:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with path.open("ab", buffering=0) as file:
            file.write(b"\n" + b"\n".join(missing) + b"\n")
    except OSError as error:
        raise StorageFailed.of(error, path, "write") from error


def remove(path: Path, line: bytes) -> None:
    """Take *line* out of the file *path*.

    Raises:
        StorageFailed: It cannot be written.
    """
    if line not in lines(path):
        return
    try:
        kept = [each for each in path.read_bytes().split(b"\n") if each not in (b"", line)]
        temp = path.with_name(f"{path.name}.{os.urandom(4).hex()}")
        temp.write_bytes(b"".join(each + b"\n" for each in kept))
        temp.replace(path)
    except OSError as error:
        raise StorageFailed.of(error, path, "write") from error
