"""Folders of the cache in which memories lie as they were: each is put there whole, and those used last are kept."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from contextlib import suppress
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import BinaryIO
from typing import NamedTuple

from memfs.answers import Moment
from memfs.errors import MemfsError
from memfs.errors import StorageFailed
from memfs.locks import put
from memfs.scanning import Scan
from memfs.store import Store

KEPT = 8
"""Folders."""
LEFT_SECONDS = 3_600
"""After which what a process that died has left half done is removed."""
SAID, ASKED = "said.json", ".asked"
"""In each folder: what it holds, and marks of the questions that it answers."""


class Said(NamedTuple):
    """What a folder holds.

    Attributes:
        moments: The commit of each store, by key, nearest first.
        notes: Which stores are left out, and why.
    """

    moments: Mapping[str, Moment]
    notes: Sequence[str]


class Kept(NamedTuple):
    """A folder that is whole, and what is in each of its stores, by key."""

    folder: Path
    scans: Mapping[str, Scan]


class Archive:
    """The folders below *place*."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def answering(self, question: str) -> Kept | None:
        """Return the folder that answers *question*, if there is one and it is whole."""
        marks = self.place.glob(f"*/{question}{ASKED}") if question else ()
        return next(filter(None, (_whole(mark.parent) for mark in marks)), None)

    def called(self, name: str) -> Kept | None:
        """Return the folder *name*, if there is one and it is whole."""
        return _whole(self.place / name)

    @contextmanager
    def making(self, name: str, said: Said) -> Iterator[Path]:
        """Give an empty folder that becomes *name*, for good, once the block ends well: another process may be as fast.

        Raises:
            StorageFailed: It cannot be written.
        """
        fresh = self.place / f".{name}-{os.urandom(4).hex()}"
        try:
            fresh.mkdir(parents=True, mode=0o700)
            yield fresh
            moments = [(key, moment.commit, moment.time.timestamp()) for key, moment in said.moments.items()]
            sizes = {key: _size(Store(fresh / key, "").scan()) for key in said.moments}
            put(fresh / SAID, json.dumps({"moments": moments, "sizes": sizes, "notes": said.notes}).encode())
            if self.called(name) is None:
                _remove(self.place / name)
                fresh.rename(self.place / name)
        except OSError as error:
            raise StorageFailed.of(error, self.place, "put the memories as they were into") from error
        finally:
            _discard(fresh)
            self._tidy()

    def hold(self, folder: Path, question: str) -> BinaryIO | None:
        """Return a file that keeps *folder* from being removed as long as it is open; None when it is gone by now.

        It answers *question*; empty when that need not be so the next time.
        """
        with suppress(FileNotFoundError):
            file = (folder / SAID).open("rb")
            fcntl.flock(file, fcntl.LOCK_SH)
            if folder.exists():
                with suppress(OSError):  # where nothing can be written it can be read
                    os.utime(folder)
                    if question:
                        (folder / f"{question}{ASKED}").touch()
                return file
            file.close()
        return None

    def _tidy(self) -> None:
        """Remove the folders that were used longest ago, and what processes that died have left."""
        with suppress(OSError):
            by_use = sorted(self.place.iterdir(), key=lambda each: each.stat().st_mtime, reverse=True)
            for folder in [each for each in by_use if each.name[0] != "."][KEPT:]:
                with suppress(OSError), (folder / SAID).open("ab") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while somebody reads there
                    _remove(folder)
            for left in by_use:
                if left.name[0] == "." and left.stat().st_mtime < time.time() - LEFT_SECONDS:
                    _discard(left)


def said_in(file: BinaryIO) -> Said:
    """Return what the folder holds that *file*, of `Archive.hold`, keeps."""
    said = json.loads(file.read())
    moments = {key: Moment(commit, datetime.fromtimestamp(second, UTC)) for key, commit, second in said["moments"]}
    return Said(moments, said["notes"])


def _size(scan: Scan) -> list[int]:
    return [len(scan.files), sum(stamp.size for stamp in scan.files.values())]


def _whole(folder: Path) -> Kept | None:
    """Return *folder* if it holds what it was made with."""
    try:
        sizes = json.loads((folder / SAID).read_bytes())["sizes"]
        scans = {key: Store(folder / key, "").scan() for key in sizes}
        return Kept(folder, scans) if all(_size(scans[key]) == size for key, size in sizes.items()) else None
    except (OSError, MemfsError, ValueError, LookupError, TypeError, AttributeError):
        return None


def _remove(folder: Path) -> None:
    """Remove *folder*, which from the first moment on is no part of one."""
    aside = folder.with_name(f".{folder.name}-{os.urandom(4).hex()}")
    with suppress(OSError):
        folder.rename(aside)
        _discard(aside)


def _discard(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
