"""What changed in the stores, in order: written by whoever brings it into the index, under the index's lock.

One file for all stores of the machine, a line of JSON for each change, so that whoever knows how far
they have read pays for what is new alone. A cache like the index: lost, it says nothing of the past.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any
from typing import NamedTuple

from memfs.locks import put

FILE = "changes-1.jsonl"
"""In the cache folder; the number is that of the format."""
LONGEST = 1 << 20
"""Bytes from which on the older half is dropped."""
NO_RECORD = "none"
"""Begins a cursor from before there was a record: all of the one that comes is new."""
MOST = 500
"""Changes of one commit that are told one by one."""
MANY: tuple[str, Told | None, Told | None] = ("", None, None)
"""Stands for more changes than that."""
LONGEST_TITLE, LONGEST_WORD, MOST_CHANNELS = 200, 100, 64
_OFFSET = re.compile(r"[0-9]{1,18}")


class Told(NamedTuple):
    """What a file said when it was brought in, as far as news of it need."""

    memory_id: str
    title: str
    digest: str
    channels: tuple[str, ...] = ()
    session: str = ""


def told(memory_id: str, title: str, digest: str, channels: tuple[str, ...], session: str = "") -> Told:
    """Return what a file says, cut to what news of it show."""
    some = tuple(channel[:LONGEST_WORD] for channel in channels[:MOST_CHANNELS])
    return Told(memory_id, title[:LONGEST_TITLE], digest, some, session[:LONGEST_WORD])


class Change(NamedTuple):
    """A memory's file came, changed or went. With an empty path: very many did, and are not told one by one.

    Attributes:
        at: When that was noticed, in milliseconds since the epoch.
        store: Key of the store.
        before: What the file said; None when it came.
        after: What it says; None when it went.
    """

    at: int
    store: str
    path: str
    before: Told | None
    after: Told | None


class News(NamedTuple):
    """What changed since a cursor.

    Attributes:
        cursor: Where to read on.
        whole: Whether all of it is known; not after the record was lost or shortened.
    """

    changes: tuple[Change, ...]
    cursor: str
    whole: bool


class Record:
    """The record below the cache folder *cache*."""

    def __init__(self, cache: Path) -> None:
        self.path = cache / FILE
        self._unsaved = b""

    def add(
        self, store: str, changes: Iterable[tuple[str, Told | None, Told | None]], *, in_memory: bool = False
    ) -> None:
        """Write down *changes* (path, before, after) of *store*; the index's lock is held. What fails is not told.

        They are kept for this process alone, *in_memory*, where the cache folder cannot be written.
        """
        now = int(time.time() * 1000)
        lines = "".join(json.dumps([now, store, *change]) + "\n" for change in changes).encode()
        if not lines:
            return
        if in_memory:
            self._unsaved = (self._unsaved or _head(os.urandom(6).hex(), 0)) + lines
            return
        with suppress(OSError):
            self._begin()
            with self.path.open("r+b", buffering=0) as file:
                file.seek(-1, os.SEEK_END)
                # a line that a dead writer left half is ended, and read as none
                file.write((b"" if file.read(1) == b"\n" else b"\n") + lines)
                size = file.tell()
            if size > LONGEST:
                self._shorten()

    def _begin(self) -> None:
        """Begin the record, unless there is one: of one whose first line is torn nobody could say where they are."""
        with suppress(FileNotFoundError), self.path.open("rb") as file:
            if _read_head(file.readline()) is not None:
                return
        put(self.path, _head(os.urandom(6).hex(), 0))

    def _shorten(self) -> None:
        first, _, rest = self.path.read_bytes().partition(b"\n")
        if (head := _read_head(first)) is not None:
            label, base = head
            cut = rest.index(b"\n", max(len(rest) - LONGEST // 2, 0)) + 1
            put(self.path, _head(label, base + cut) + rest[cut:])

    def since(self, cursor: str) -> News:
        """Return what was written down after *cursor*; nothing when that is empty, or of another record."""
        try:
            raw = self._unsaved or self.path.read_bytes()
        except FileNotFoundError:
            raw = b""
        except OSError:
            return News((), cursor, whole=False)
        first, _, rest = raw.partition(b"\n")
        if (head := _read_head(first)) is None:
            return News((), f"{NO_RECORD}:0", whole=cursor in ("", f"{NO_RECORD}:0"))
        label, base = head
        rest = rest[: rest.rfind(b"\n") + 1]  # a line that is being written is read next time
        end = base + len(rest)
        ours, _, offset = cursor.partition(":")
        known = ours in (label, NO_RECORD) and _OFFSET.fullmatch(offset) is not None
        start = int(offset) if known else end
        changes = (_change(line) for line in rest[max(start - base, 0) :].splitlines())
        return News(tuple(filter(None, changes)), f"{label}:{end}", whole=(known or not cursor) and start >= base)


def _head(label: str, base: int) -> bytes:
    """Return the first line: the record's name, and how many bytes before its first change were dropped."""
    return json.dumps([label, base]).encode() + b"\n"


def _read_head(line: bytes) -> tuple[str, int] | None:
    try:
        label, base = json.loads(line)
        return str(label), int(base)
    except (ValueError, TypeError):
        return None


def _change(line: bytes) -> Change | None:
    try:
        at, store, path, before, after = json.loads(line)
        return Change(int(at), str(store), str(path), _told(before), _told(after))
    except (ValueError, TypeError):
        return None


def _told(said: Any) -> Told | None:  # noqa: ANN401
    if said is None:
        return None
    memory_id, title, digest, channels, session = said
    return Told(str(memory_id), str(title), str(digest), tuple(map(str, channels)), str(session))
