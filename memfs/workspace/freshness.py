"""Keeps index and listeners up to date with the stores of a view: the one idea that everything else rests on."""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol
from typing import TypeVar

from memfs.answers import Event
from memfs.changes import GONE
from memfs.changes import NOTHING
from memfs.changes import TICK_NS
from memfs.changes import Snapshot
from memfs.changes import diff
from memfs.errors import MemfsError
from memfs.errors import OutsideStore
from memfs.errors import StorageFailed
from memfs.index import Index
from memfs.index import IndexBroken
from memfs.scanning import Scan
from memfs.scope import View
from memfs.store import Store

Answer = TypeVar("Answer")

INDEX_WAIT_SECONDS = 2.0
"""How long a search or save waits for another process that writes the index, before it answers without."""


REINDEX_WAIT_SECONDS = 30.0
"""The same for a `reindex`, which has all the time in the world but a stopped process's."""


class Hints(Protocol):
    """Somebody who watches the stores, so that not every search has to."""

    def take(self, store: Store, since: float | None = None) -> frozenset[str] | None:
        """Return the paths that may have changed since the last call; None when only a scan can tell.

        What was there at *since* (by `time.monotonic`, default now) is accounted for.
        """

    def scanned(self, store: Store, scan: Scan, seconds: float) -> None:
        """Take note that since the last `take` the whole *store* was looked at: what was found, in how long."""


class Freshness:
    """What the index and this process's listeners know of the stores.

    Attributes:
        hints: Who watches the stores; without, each verb scans them.
        once: This process answers once: a store that was looked at, or was busy, is not looked at again.
    """

    def __init__(self, view: View, index: Index, refresh_seconds: float) -> None:
        self.once = False
        self._looked: dict[str, str] = {}
        self.view = view
        self.index = index
        self.hints: Hints | None = None
        self._refresh_seconds = refresh_seconds
        self._listeners: list[Callable[[Event], None]] = []
        self._known: dict[str, Snapshot] = {}
        self._complete: dict[str, tuple[int, bytes]] = {}
        self._unsettled: dict[str, frozenset[str]] = {}
        self._asked: float | None = None  # when the question of many stores began that is at work, for its hints

    def refresh(self, store: Store, paths: Iterable[str] | None = None, *, own: bool = False) -> str:
        """Bring index and listeners up to date with *store*; return why that is not quite so, empty when it is.

        Args:
            store: One of the view, or a move's target.
            paths: Only these may have changed; None to look at all.
            own: This process wrote them just now.
        """
        if not self.once or paths is not None:
            return self._refreshed(store, paths, own=own)
        if store.key not in self._looked:
            self._looked[store.key] = self._refreshed(store, None, own=own)
        return self._looked[store.key]

    def _refreshed(self, store: Store, paths: Iterable[str] | None, *, own: bool) -> str:
        hinted = paths is None and self.hints is not None
        complete = self._complete.get(store.key)
        if hinted:
            paths = self._hints(store)
        now = None if paths is None else _stamps(store, paths)
        if now is not None and not now:
            return self.index.note
        if hinted:  # what was hinted at will not be said again: until it is brought in, only a scan can tell
            self._complete.pop(store.key, None)
        began = time.time_ns()
        partial = now is not None
        now = self._scan(store) if now is None else now
        spent = 0.0 if self._asked is None else time.monotonic() - self._asked
        left = max(self._refresh_seconds - spent, 0.0)
        wait = min(left, INDEX_WAIT_SECONDS)
        done = self.index.refresh(store, now, partial=partial, own=own, seconds=left, wait=wait)
        if done.pending:
            self._complete.pop(store.key, None)
        elif hinted:
            self._note_complete(store, now, began, complete if partial else self.index.edition(store))
        self._tell(store, now, partial=partial)
        if done.pending:
            what = f"{done.pending:,} changed memories of the {store.scope} store"
            return f"{what} are not searchable yet: {done.note}"
        return self.index.note

    def _hints(self, store: Store) -> frozenset[str] | None:
        """Return the paths that may have changed since the index was whole; None when only a scan can tell."""
        if self.hints is None:
            return None
        hints = self.hints.take(store, self._asked)
        known = self._complete.get(store.key)
        # the index may have been begun anew since it was whole, by any process
        if hints is None or known is None or known != self.index.edition(store):
            return None
        return hints | self._unsettled.get(store.key, frozenset())

    def _scan(self, store: Store) -> Snapshot:
        began = time.monotonic()
        scan = store.scan()
        if self.hints is not None:
            self.hints.scanned(store, scan, time.monotonic() - began)
        if scan.leftovers:
            store.sweep(scan.leftovers)
        return scan.files

    def _note_complete(self, store: Store, now: Snapshot, began: int, edition: tuple[int, bytes] | None) -> None:
        """Take note that the index, of *edition*, has *now*: from here on hints suffice.

        A file that was written only just before may be written once more and look the same: it stays due.
        """
        if edition is not None:
            self._complete[store.key] = edition
        fresh = began - TICK_NS
        self._unsettled[store.key] = frozenset(path for path, stamp in now.items() if stamp.ctime_ns >= fresh)

    def _tell(self, store: Store, now: Snapshot, *, partial: bool) -> None:
        """Tell the listeners what differs from what this process knew of *store*."""
        if not self._listeners:
            return
        known = self._known.get(store.key)
        present = {path: stamp for path, stamp in now.items() if stamp != GONE} if partial else now
        if partial and known is not None:
            changes = diff({path: known[path] for path in now if path in known}, present)
            for path in now.keys() - present.keys():
                known.pop(path, None)
            known.update(present)
        else:
            changes = diff(known, now) if known is not None else NOTHING
            self._known[store.key] = dict(present)
        if changes:
            for listener in self._listeners:
                listener(Event(store, changes))

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Have *listener* called whenever a refresh finds files that differ from what was known."""
        if not self._listeners:
            self._known = {}
            for store in self.view.stores:
                with suppress(OutsideStore, StorageFailed):  # which harms no other; what it holds later is no news
                    self._known[store.key] = store.scan().files
        self._listeners.append(listener)

    def all(self, stores: Sequence[Store], *, spare: bool = False) -> Sequence[str]:
        """Refresh *stores*, within the time that one search may take for it; return what the caller should know.

        A store that cannot be read harms no other: it becomes a note, unless it is the only one and not to be spared.
        """
        notes: dict[str, None] = {}
        self._asked = time.monotonic()
        try:
            for store in stores:
                try:
                    notes[self.refresh(store)] = None
                except (OutsideStore, StorageFailed) as error:
                    if len(stores) == 1 and not spare:
                        raise
                    notes[f"The {store.scope} store is left out: {error}"] = None
        finally:
            self._asked = None
        return [note for note in notes if note]

    def path(self, store: Store, path: str) -> tuple[str, ...]:
        """Refresh what is known to have changed; return what the caller should know."""
        note = self.refresh(store, [path], own=True)
        return (note,) if note else ()

    def ask(self, ask: Callable[[], Answer]) -> Answer:
        """Return what *ask* asks of the index; where that breaks, of the one that is built anew from the files."""
        for attempt in range(3):
            try:
                return ask()
            except IndexBroken as error:
                if attempt == 1:
                    self.index.abandon(str(error))
                self.all(self.view.stores)
        return ask()

    def reindex(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Build the view's part of the index anew from the files; return how many memories it has.

        Raises:
            Busy: Another process holds the index for too long.
        """
        for store in self.view.stores:
            self.index.rebuild(store, store.scan().files, wait=REINDEX_WAIT_SECONDS, progress=progress)
            self.refresh(store)
        return sum(len(self.index.seen(store)) for store in self.view.stores)


def _stamps(store: Store, paths: Iterable[str]) -> Snapshot | None:
    """Return the stamps of *paths*; None when one of them cannot be looked at, which harms no other in a scan."""
    try:
        return {path: store.stamp(path) for path in paths}
    except MemfsError:
        return None
