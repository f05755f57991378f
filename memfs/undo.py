"""The undo journal: what memfs replaced, moved or removed, and when; kept in the state folder, never in a store.

One file for each version, `undo/<store key>/<id>/<microseconds>-<random>.undo`: a line of JSON,
then the bytes that were there before, untouched.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal
from typing import NamedTuple

from memfs.errors import StorageFailed
from memfs.locks import flush
from memfs.store import Store

VERSIONS = 50
"""Versions kept for each memory."""
DAYS = 90
"""Days for which a version is kept."""
HEAD_BYTES = 1 << 20
"""Of the line of JSON at most: a title may fill a header of 64 KiB, and takes up to six times that as JSON."""

Verb = Literal["save", "update", "move", "forget", "restore", "put_back", "undo"]

MADE = ("save", "put_back")
"""Verbs before which there was no file."""


class Entry(NamedTuple):
    """One thing that memfs did to a file, and what it takes to undo it.

    Attributes:
        version: The entry's name among its memory's, sortable by time.
        verb: What was done.
        memory_id: Of the memory, as it was called then.
        title: Of the memory before (for a save: after).
        root: The store's folder before.
        path: The file's path below `root` before.
        new_root: The store's folder after; empty when the file was removed.
        new_path: The file's path after.
        digest: Of the bytes after; empty when the file was removed.
        at: Seconds since the epoch.
        workspace: The folder of the workspace from which it was done.
        session: The agent's session that did it; empty when none did.
    """

    version: str
    verb: Verb
    memory_id: str
    title: str
    root: str
    path: str
    new_root: str
    new_path: str
    digest: str
    at: float
    workspace: str = ""
    session: str = ""


class Journal:
    """The undo journal below a state folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "undo"

    def keep(self, store: Store, entry: Entry, raw: bytes) -> Entry:
        """Write down *entry* with the bytes *raw* that were there, durably, before the file is touched; return it.

        Raises:
            StorageFailed: It could not be written; then nothing may be replaced.
        """
        place = self.folder / store.key / entry.memory_id
        path = place / f"{entry.version}.undo"
        try:
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                head = {**entry._asdict(), "bytes": len(raw)}
                file.write(json.dumps(head).encode() + b"\n" + raw)
                file.flush()
                if entry.verb not in MADE:
                    os.fsync(file.fileno())
            if entry.verb not in MADE:
                for folder in (place, place.parent, self.folder):
                    flush(folder)
            self._prune(place)
        except OSError as error:
            with suppress(OSError):
                path.unlink()
            raise StorageFailed.of(error, path, "keep an undo copy in") from error
        return entry

    def entries(self, store: Store | None, memory_id: str = "") -> Iterator[Entry]:
        """Yield what is known of *memory_id*, or of the whole store, newest first; damaged entries are left out.

        What was moved is known in the store that it was moved from; with None for a store all are looked through.

        Only names are read ahead: whoever wants the newest pays for one file.
        """
        pattern = f"{store.key if store else '*'}/{memory_id or '*'}/*.undo"
        for path in sorted(self.folder.glob(pattern), key=lambda path: path.name, reverse=True):
            if (entry := _read_entry(path)) is not None:
                yield entry

    def content(self, store: Store, entry: Entry) -> bytes:
        """Return the bytes that were there before *entry*.

        Raises:
            StorageFailed: They cannot be read.
        """
        path = self._path(store, entry)
        with StorageFailed.met(path, "read the undo copy in"):
            return path.read_bytes().partition(b"\n")[2]

    def drop(self, store: Store, entry: Entry) -> None:
        """Forget *entry*: what it announced did not happen, or was taken back."""
        with suppress(OSError):
            self._path(store, entry).unlink()

    def retire(self, store: Store, entry: Entry) -> None:
        """Keep the bytes of *entry*, but let no undo meet it again."""
        raw = self.content(store, entry)
        self.drop(store, entry)
        if entry.verb not in MADE:
            self.keep(store, entry._replace(verb="undo"), raw)

    def _path(self, store: Store, entry: Entry) -> Path:
        return self.folder / store.key / entry.memory_id / f"{entry.version}.undo"

    def sweep(self) -> None:
        """Remove everything that is older than `DAYS`, of memories too that are never touched again."""
        for path in self.folder.glob("*/*/*.undo"):
            if path.name < _oldest():
                with suppress(OSError):
                    path.unlink()

    def _prune(self, place: Path) -> None:
        names = sorted(path.name for path in place.glob("*.undo"))
        for name in names[:-1]:
            if name < _oldest() or len(names) > VERSIONS:
                with suppress(OSError):
                    (place / name).unlink()
                names = names[1:]


_last_version = 0


def new_version(now: float) -> str:
    """Return a new entry's name: microseconds since the epoch *now*, later than any that this process gave out."""
    global _last_version  # noqa: PLW0603  (two entries of one verb must keep their order)
    _last_version = max(int(now * 1_000_000), _last_version + 1)
    return f"{_last_version:017d}-{os.urandom(3).hex()}"


def _oldest() -> str:
    return f"{int((time.time() - DAYS * 86_400) * 1_000_000):017d}"


def _read_entry(path: Path) -> Entry | None:
    """Return the entry in the file *path*, if the file is whole: a power cut may have taken its end."""
    try:
        with path.open("rb") as file:
            head = file.readline(HEAD_BYTES)
            said = json.loads(head)
            whole = os.fstat(file.fileno()).st_size == len(head) + said.pop("bytes")
            entry = Entry(**said)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return entry if whole and (entry.memory_id, entry.version) == (path.parent.name, path.stem) else None
