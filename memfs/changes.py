"""What a store looks like from outside: stamps of files, snapshots of stores, and what differs between two. Pure."""

from __future__ import annotations

import json
import zlib
from array import array
from collections.abc import Iterator
from collections.abc import Mapping
from typing import NamedTuple

TICK_NS = 10_000_000
"""Two writes closer together than this may leave one and the same stamp (the kernel's clock tick is 4 ms)."""


class Stamp(NamedTuple):
    """What `lstat` says of a file, as far as it changes when the content does.

    The change time is what `touch -r` cannot restore and the inode what a replaced file
    cannot keep, so equal stamps mean equal bytes, but for writes within one `TICK_NS`.
    A named tuple, not a dataclass: snapshots hold one for each file, and are compared whole.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    def settled(self, now_ns: int, checksum: int = 0) -> Stamp:
        """Return this stamp, or one that equals no file's when a write right now could still hide behind it.

        The *checksum* of the content is kept in such a stamp: see `unchanged`.
        """
        return self if now_ns - self.ctime_ns > TICK_NS else self._replace(ctime_ns=-checksum)

    def unchanged(self, other: Stamp, checksum: int) -> bool:
        """Return whether this stamp, which was not settled, is of the content of *checksum* that has *other* now."""
        return self.ctime_ns == -checksum and self._replace(ctime_ns=0) == other._replace(ctime_ns=0)


GONE = Stamp(-1, -1, -1, -1)
"""Stands for "no such file" where a stamp is expected."""

Snapshot = dict[str, Stamp]
"""A store's files: path below the store, with `/`, to stamp."""


class Changes(NamedTuple):
    """What differs between two snapshots: paths, each list sorted."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Return whether anything differs."""
        return bool(self.added or self.changed or self.removed)


NOTHING = Changes()
"""Nothing differs."""


def diff(before: Mapping[str, Stamp], after: Mapping[str, Stamp]) -> Changes:
    """Return what happened to the files between the snapshots *before* and *after*.

    A rename is one removal and one addition: names are compared, not contents.
    """
    if before == after:
        return Changes()
    return Changes(
        added=tuple(sorted(after.keys() - before.keys())),
        changed=tuple(sorted(path for path, stamp in after.items() if before.get(path, stamp) != stamp)),
        removed=tuple(sorted(before.keys() - after.keys())),
    )


def pack(entries: Mapping[str, Stamp], label: str = "") -> bytes:
    """Return *entries* as one block of a log; `GONE` records a removal.

    A block is a line of JSON (counts, a CRC-32 of the rest, and *label*, which means nothing
    here), the names joined by NUL, and the stamps as one row of signed 64-bit integers in the
    machine's byte order: 10,000 entries are read back in about 3 ms.
    """
    names = "\0".join(entries).encode("utf-8", "surrogateescape")
    numbers = array("q", [number for stamp in entries.values() for number in stamp]).tobytes()
    head = {"count": len(entries), "names": len(names), "crc": zlib.crc32(names + numbers), "label": label}
    return json.dumps(head).encode() + b"\n" + names + numbers


def blocks(log: bytes) -> Iterator[tuple[Snapshot, int]]:
    """Yield the whole blocks of *log*, each with where it ends, before the first that is cut short or damaged."""
    position = 0
    while (line_end := log.find(b"\n", position)) >= 0:
        try:
            head = json.loads(log[position:line_end])
            count, names_size, crc = int(head["count"]), int(head["names"]), int(head["crc"])
            names_end = line_end + 1 + names_size
            block_end = names_end + count * 32
            if min(count, names_size) < 0 or block_end > len(log) or zlib.crc32(log[line_end + 1 : block_end]) != crc:
                break
            numbers = array("q", log[names_end:block_end])
            names = log[line_end + 1 : names_end].decode("utf-8", "surrogateescape").split("\0") if count else []
            columns = [iter(numbers)] * 4
            block = dict(zip(names, map(Stamp._make, zip(*columns, strict=True)), strict=True))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            break
        position = block_end
        yield block, position
