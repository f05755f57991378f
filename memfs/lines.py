"""Sets of lines in small files of the state folder, read anew when they changed."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Iterable
from pathlib import Path

from memfs.errors import StorageFailed
from memfs.locks import locked
from memfs.locks import put

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

    Of two processes that add and remove at once neither takes back what the other did.

    Raises:
        StorageFailed: It cannot be written.
        Busy: Another process writes all the time.
    """
    wanted = list(dict.fromkeys(new))
    if all(line in lines(path) for line in wanted):
        return
    with StorageFailed.met(path, "write"), locked(path.parent):
        there = _now(path)
        missing = [line for line in wanted if line not in there]
        with path.open("ab", buffering=0) as file:
            file.write(b"\n" + b"\n".join(missing) + b"\n")


def remove(path: Path, line: bytes) -> None:
    """Take *line* out of the file *path*.

    Raises:
        StorageFailed: It cannot be written.
        Busy: Another process writes all the time.
    """
    if not path.exists():
        return
    with StorageFailed.met(path, "write"), locked(path.parent):
        kept = [each for each in _now(path) if each != line]
        put(path, b"".join(each + b"\n" for each in kept))


def _now(path: Path) -> list[bytes]:
    return [line for line in path.read_bytes().split(b"\n") if line] if path.exists() else []
