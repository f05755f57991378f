"""What happens to the memories of a view, by whom and where, told one memory at a time; for people who look on."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Literal
from typing import NamedTuple

from memfs.answers import Event
from memfs.errors import MemfsError
from memfs.memory import parse
from memfs.workspace import Workspace

JUST_SECONDS = 30.0
"""An entry of the undo journal that is older speaks of another change."""

What = Literal["added", "changed", "removed", "moved"]


class Place(NamedTuple):
    """Where a memory lies, or lay."""

    scope: str
    path: Path


class Happening(NamedTuple):
    """Something that happened to a memory.

    Attributes:
        at: When it was noticed.
        what: `moved` is said of one that has left one place of the view for another.
        memory_id: Its id; empty when it went before anybody read it.
        by: `memfs`, or `other`: an editor, git or another program.
        session: The session that the memory says it comes from, where memfs wrote it.
        came_from: Where one that moved lay before.
    """

    at: datetime
    what: What
    memory_id: str
    title: str
    place: Place
    by: Literal["memfs", "other"]
    session: str = ""
    came_from: Place | None = None


class _Known(NamedTuple):
    memory_id: str
    title: str
    digest: str
    session: str


_File = tuple[str, str]
"""A store's key and a path in it."""


class Feed:
    """Turns what a workspace's listeners are told into what happened to its memories.

    A removed file cannot be asked what it was: the feed remembers what it has read.
    """

    def __init__(self, here: Workspace) -> None:
        self._here = here
        self._stores = {store.key: store for store in here.view.stores}
        self._known: dict[_File, _Known] = {}
        self._unread: deque[_File] = deque()
        for store in here.view.stores:
            with suppress(MemfsError):
                self._unread.extend((store.key, path) for path in store.scan().files)

    def remember(self, seconds: float) -> bool:
        """Read on in what lay there in the beginning, for *seconds*; return whether there is more."""
        deadline = time.monotonic() + seconds
        while self._unread and time.monotonic() < deadline:
            file = self._unread.popleft()
            if file not in self._known and (known := self._read(file)) is not None:
                self._known[file] = known
        return bool(self._unread)

    def tell(self, events: Sequence[Event]) -> Iterator[Happening]:
        """Yield what *events*, which came about together, amount to.

        What was only touched is left out, and so is what came and went.
        """
        existed: dict[_File, bool] = {}
        for event in events:
            for paths, was_there in zip(event.changes, (False, True, True), strict=True):
                for path in paths:
                    existed.setdefault((event.store.key, path), was_there)
        before = {file: self._known.pop(file, None) for file in existed}
        after = {file: known for file in existed if (known := self._read(file)) is not None}
        self._known.update(after)
        lost = {file: before[file] or _nameless(file) for file in existed if existed[file] and file not in after}
        origins = {name: file for file, known in lost.items() for name in (known.digest, known.memory_id) if name}
        for file, known in after.items():
            old = before[file]
            if existed[file]:
                if old is None or old.digest != known.digest:
                    yield self._happening("changed", file, known)
                continue
            origin = origins.get(known.memory_id) or origins.get(known.digest)
            came_from = origin if origin and lost.pop(origin, None) else None
            yield self._happening("moved" if came_from else "added", file, known, came_from)
        for file, known in lost.items():
            yield self._happening("removed", file, known)

    def _happening(self, what: What, file: _File, known: _Known, came_from: _File | None = None) -> Happening:
        ours = self._is_ours(came_from or file, None if what == "removed" else file, known)
        return Happening(
            datetime.now(UTC),
            what,
            known.memory_id,
            known.title,
            self._place(file),
            "memfs" if ours else "other",
            known.session if ours else "",
            self._place(came_from) if came_from else None,
        )

    def _is_ours(self, before: _File, after: _File | None, known: _Known) -> bool:
        """Return whether the undo journal has just recorded that the memory went from one file to the other."""
        new = (str(self._stores[after[0]].root), after[1], known.digest) if after else ("", "", "")
        for entry in self._here.journal.entries(self._stores[before[0]], known.memory_id) if known.memory_id else ():
            if entry.at < time.time() - JUST_SECONDS:
                break
            if (entry.path, entry.new_root, entry.new_path, entry.digest) == (before[1], *new):
                return True
        return False

    def _read(self, file: _File) -> _Known | None:
        key, path = file
        try:
            read = self._stores[key].read(path)
        except MemfsError:
            return None
        memory = parse(read.raw, path)
        return _Known(memory.id, memory.title, read.digest, memory.session)

    def _place(self, file: _File) -> Place:
        store = self._stores[file[0]]
        return Place(store.scope, store.absolute(file[1]))


def _nameless(file: _File) -> _Known:
    """Return what is known of a file that went before anybody read it: what it was called."""
    return _Known("", file[1].rpartition("/")[2], "", "")
