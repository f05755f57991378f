"""What the index has seen of each store, and whether the index is still as its last writer left it.

Beside the index lie one log for each store (blocks of `changes.pack`: a save appends to it, whatever
the store's size) and a seal: the checksum of the index's table of contents and the stamps of its files.
Tantivy does not verify its files when it opens them; the seal finds what was cut, flipped or swapped.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from memfs.changes import Snapshot
from memfs.changes import Stamp
from memfs.changes import blocks
from memfs.changes import pack

SEAL = "seal.json"
LOG = ".seen"
LEARNED = ".learned"
"""Ends the names of files beside the logs that the seal says nothing of; see `index.learned`."""
CONTENTS = "meta.json"
"""Tantivy's table of contents, replaced at each commit."""
COMPACT_BYTES = 1 << 16
"""A log is written anew when it is longer than this, and than about twice what it has to say."""
SMALL, ROUND = 4, 16
"""A commit of at most so many files is small; after so many small ones in a row a new row begins."""
HEAD_BYTES = 256
"""More than a block's first line takes."""


class _Log:
    """What was read of a log: its first line, how many bytes, what they say, and the latest small commits."""

    def __init__(
        self, first: bytes = b"", size: int = 0, entries: Snapshot | None = None, row: tuple[tuple[str, ...], ...] = ()
    ) -> None:
        self.first = first
        self.size = size
        self.entries = {} if entries is None else entries
        self.row = row


class Seen:
    """The logs and the seal in the index folder *folder*."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._logs: dict[str, _Log] = {}

    def of(self, key: str) -> Snapshot:
        """Return what the index holds of the store *key*; reads only what was appended since the last call."""
        log = self._logs.get(key, _Log())
        size, entries, row = log.size, log.entries, log.row
        try:
            with (self.folder / f"{key}{LOG}").open("rb") as file:
                length = os.fstat(file.fileno()).st_size
                first = file.readline(HEAD_BYTES)
                if (first, length) == (log.first, size):
                    return entries
                if first != log.first or length < size:
                    size, entries, row = 0, {}, ()
                file.seek(size)
                news: Snapshot = {}
                read = 0
                for block, read in blocks(file.read()):  # noqa: B007  (its last value counts)
                    news.update(block)
                    row = _longer(row, block)
        except FileNotFoundError:
            self._logs.pop(key, None)
            return {}
        entries = _present({**entries, **news}) if entries else _present(news)
        self._logs[key] = _Log(first, size + read, entries, row)
        return entries

    def row(self, key: str) -> frozenset[str]:
        """Return the paths of the latest small commits of the store *key*; nothing when a new row begins."""
        self.of(key)
        row = self._logs.get(key, _Log()).row
        return frozenset(path for paths in row for path in paths) if len(row) < ROUND else frozenset()

    def add(self, key: str, entries: Mapping[str, Stamp]) -> None:
        """Record *entries* (`GONE`: no longer there) for the store *key*; the index's lock is held."""
        now = self.of(key)
        path = self.folder / f"{key}{LOG}"
        log = self._logs.get(key, _Log())
        first, size, row = log.first, log.size, _longer(log.row, entries)
        for name, stamp in entries.items():
            if stamp.inode < 0:
                now.pop(name, None)
            else:
                now[name] = stamp
        block = pack(entries)
        if size + len(block) > COMPACT_BYTES and size + len(block) > 2 * 80 * len(now):
            size = 0
        if size:
            with path.open("r+b") as file:
                file.truncate(size)
                file.seek(size)
                file.write(block)
        else:
            # a label of its own tells readers a log written anew from one that grew: inodes are given out again
            block = pack(now, os.urandom(6).hex())
            first = block[: block.index(b"\n") + 1]
            temp = path.with_suffix(".new")
            temp.write_bytes(block)
            temp.replace(path)
            row = ()
        self._logs[key] = _Log(first, size + len(block), now, row)

    def edition(self, key: str) -> bytes:
        """Return what changes when the log of the store *key* was written anew, empty when there is none."""
        self.of(key)
        return self._logs.get(key, _Log()).first

    def forget(self, key: str) -> None:
        """Drop the log of the store *key*."""
        self._logs.pop(key, None)
        with suppress(FileNotFoundError):
            (self.folder / f"{key}{LOG}").unlink()

    def torn(self, key: str) -> bool:
        """Return whether the log of the store *key* says less than it is long: its writer died, or it is damaged.

        The index's lock is held: somebody who is appending would look the same.
        """
        self.of(key)
        with suppress(FileNotFoundError):
            return self._logs.get(key, _Log()).size < (self.folder / f"{key}{LOG}").stat().st_size
        return False

    def keys(self) -> list[str]:
        """Return the stores of which the index has seen anything."""
        return [path.stem for path in self.folder.glob(f"*{LOG}")]

    def seal(self) -> None:
        """Record the index as whole; the last step of each commit, under the index's lock."""
        temp = self.folder / f"{SEAL}.new"
        temp.write_text(json.dumps({"contents": self._checksum(), "files": self._stamps()}))
        temp.replace(self.folder / SEAL)

    def sealed(self) -> bool:
        """Return whether the index is as its last writer left it; only ever wrong while a writer is at work."""
        try:
            seal = json.loads((self.folder / SEAL).read_bytes())
            if seal["contents"] != self._checksum():
                return False
            now = self._stamps()
            if {name for name in now if name.endswith(LOG)} - seal["files"].keys():
                return False
            # a file of Tantivy's that is gone was merged away, or opening the index finds it missing; a log never goes
            return all(
                now.get(name, None if name.endswith(LOG) else stamp) == stamp for name, stamp in seal["files"].items()
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return False

    def _checksum(self) -> int:
        return zlib.crc32((self.folder / CONTENTS).read_bytes())

    def _stamps(self) -> dict[str, list[int]]:
        """Return size and modification time of each log, and of the index's files, which are written once."""
        stamps = {}
        with os.scandir(self.folder) as entries:
            for entry in entries:
                if entry.name[0] != "." and not entry.name.endswith((".json", ".new", ".lock", LEARNED)):
                    about = entry.stat()
                    stamps[entry.name] = [about.st_size, about.st_mtime_ns]
        return stamps


def _longer(row: tuple[tuple[str, ...], ...], block: Mapping[str, Stamp]) -> tuple[tuple[str, ...], ...]:
    """Return the row of small commits after one of *block*."""
    if len(block) > SMALL:
        return ()
    return (*(row if len(row) < ROUND else ()), tuple(block))


def _present(entries: Snapshot) -> Snapshot:
    return {path: stamp for path, stamp in entries.items() if stamp.inode >= 0}
