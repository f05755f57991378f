"""What git said of the files of each store, kept beside the index: since when there is one, who changed it last, when.

One file for each store: a line of JSON, then rows of one length in the order of their first column, so that what is
said of one file is found without reading what is said of the others. A cache: lost, it is learned anew.
"""

from __future__ import annotations

import hashlib
import json
import struct
from bisect import bisect_left
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from memfs.locks import put
from memfs.seen import LEARNED

_ROW = struct.Struct("<16s32sqqI")
"""Mark of the path, object, first and last commit's time, number of the author."""
_MARK_BYTES = 16
_SHA1_DIGITS, _SHA256_DIGITS = 40, 64


class Learned(NamedTuple):
    """What git says of a file that is in the commit that is checked out.

    Attributes:
        oid: What git calls the bytes that were committed.
        created: When the first commit of it was made, in seconds since the epoch.
        updated: When its last one was; None of a file that differs from it.
        author: Who wrote that one; empty when that is not known, or when `updated` is None.
    """

    oid: str
    created: int
    updated: int | None
    author: str

    def of(self, raw: bytes) -> Learned:
        """Return what still holds of a file whose bytes are *raw*."""
        algorithm = "sha1" if len(self.oid) == _SHA1_DIGITS else "sha256"
        oid = hashlib.new(algorithm, b"blob %d\0" % len(raw) + raw, usedforsecurity=False).hexdigest()
        return self if oid == self.oid else self._replace(updated=None, author="")


class Table:
    """What git said of one store's files.

    Attributes:
        ground: What it was learned of, in the words of whoever did; empty when the documents do not all go by it.
    """

    def __init__(self, ground: str = "", authors: Sequence[str] = (), digits: int = 0, rows: bytes = b"") -> None:
        self.ground = ground
        self._authors = authors
        self._digits = digits
        self._rows = rows

    def find(self, path: str) -> Learned | None:
        """Return what git said of *path*, None when it does not have it."""
        mark, size = _mark(path), _ROW.size
        count = len(self._rows) // size
        found = bisect_left(range(count), mark, key=lambda row: self._rows[row * size : row * size + _MARK_BYTES])
        if found == count:
            return None
        there, oid, created, updated, author = _ROW.unpack_from(self._rows, found * size)
        if there != mark:
            return None
        name = self._authors[author] if author < len(self._authors) else ""
        return Learned(oid.hex()[: self._digits], created, updated, name)


EMPTY = Table()
"""Nothing was learned yet."""


class Tables:
    """The tables in the index folder *folder*."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[str, tuple[tuple[int, int], Table]] = {}

    def of(self, key: str) -> Table:
        """Return the table of the store *key*; reads it only if it is another one than at the last call."""
        path = self._path(key)
        try:
            about = path.stat()
            stamp = about.st_mtime_ns, about.st_ino
            if (read := self._read.get(key)) is None or read[0] != stamp:
                read = self._read[key] = stamp, _unpacked(path.read_bytes())
        except OSError:
            return EMPTY
        return read[1]

    def put(self, key: str, ground: str, said: Mapping[str, Learned]) -> None:
        """Keep what was *said* of all files of the store *key*, by path; the index's lock is held.

        Raises:
            OSError: It cannot be written.
        """
        authors: dict[str, int] = {}
        rows = []
        for path, each in said.items():
            author = authors.setdefault(each.author, len(authors))
            rows.append(_ROW.pack(_mark(path), bytes.fromhex(each.oid), each.created, each.updated or 0, author))
        digits = len(next(iter(said.values())).oid) if said else 0
        head = json.dumps({"ground": ground, "authors": list(authors), "digits": digits, "rows": len(rows)})
        put(self._path(key), head.encode() + b"\n" + b"".join(sorted(rows)))

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{LEARNED}"


def _unpacked(raw: bytes) -> Table:
    head, _, rows = raw.partition(b"\n")
    try:
        said = json.loads(head)
        whole = len(rows) == int(said["rows"]) * _ROW.size
        table = Table(str(said["ground"]), list(map(str, said["authors"])), int(said["digits"]), rows)
    except (ValueError, KeyError, TypeError, RecursionError):
        return EMPTY
    return table if whole else EMPTY


def _mark(path: str) -> bytes:
    return hashlib.blake2b(path.encode("utf-8", "surrogateescape"), digest_size=_MARK_BYTES).digest()
