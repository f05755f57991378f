"""How the stores of a view are doing: counts, files that could not be taken as they stand, ids that stand twice."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from datetime import UTC
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from memfs import memory as memories
from memfs import query as queries
from memfs import trust
from memfs.answers import Entry
from memfs.answers import Flaw
from memfs.answers import GuestStatus
from memfs.answers import Link
from memfs.answers import Status
from memfs.answers import StoreStatus
from memfs.errors import MemfsError
from memfs.errors import OutsideStore
from memfs.errors import StorageFailed
from memfs.query import Filters
from memfs.rank import Within
from memfs.scanning import Scan
from memfs.scope import Part
from memfs.scope import audience
from memfs.store import Store
from memfs.workspace.names import Names

if TYPE_CHECKING:
    from memfs.committing import Standing


class Health:
    """Looks at the stores of a view; changes nothing."""

    def __init__(self, names: Names) -> None:
        self.view, self.config, self.index = names.view, names.config, names.index
        self._ask, self._fresh, self._entries = names.freshness.ask, names.freshness.all, names.entries

    def status(self) -> Status:
        """Return where this is, what is visible from here and what is wrong with it; changes no memory."""
        from memfs.semantic import found

        view = self.view
        notes = [*self.config.problems, *self._fresh(view.stores, spare=True)]
        stores = tuple(self._store_status(part, notes) for part in view.parts if not part.is_guest)
        guests = tuple(self._guest_status(part) for part in view.parts if part.is_guest)
        folder = self.index.folder
        size = sum(map(_size, folder.iterdir())) if folder.is_dir() else 0
        notes += [
            f"{each.store.root} is not trusted as it stands ({each.untrusted:,} of its files): their text is marked "
            "wherever it is shown. Look at it with `memfs trust --diff`; if it is yours or your team's: `memfs trust`."
            for each in stores
            if each.untrusted
        ]
        notes += [f"{place} is a member of a group of this workspace, and is not there." for place in view.absent]
        channels = self.config.subscriptions(view.workspace)
        # the embedder is loaded, to see that it is whole
        semantic = str(found()) if self.config.semantic else "off, by search.semantic or MEMFS_SEMANTIC"
        return Status(
            view.workspace, view.mode, view.mode_source, stores, guests, channels, folder, size, semantic,
            tuple(notes),
        )  # fmt: skip

    def _guest_status(self, part: Part) -> GuestStatus:
        within = [part.within]
        everything = queries.Query("", filters=Filters(expired=True))
        _, count = self._ask(lambda: self.index.page(within, everything, datetime.now(UTC), limit=1))
        return GuestStatus(part.store, part.weight, part.channels, count)

    def untrusted(self, store: Store) -> int:
        """Return how many memories of *store*, as the index has them, hold a text that nobody vouches for."""
        if store.scope != "workspace" or trust.is_trusted(self.config.state, store.root.parent):
            return 0
        known = trust.accepted(self.config.state, store.root.parent)
        counts = self._ask(lambda: self.index.values([Within(store.key)], "digest"))
        return sum(count for digest, count in counts.items() if digest.encode() not in known)

    def _store_status(self, part: Part, notes: list[str]) -> StoreStatus:
        store = part.store
        try:
            scan = store.scan()
        except (OutsideStore, StorageFailed) as error:
            scan = Scan()
            scan.skipped[""] = str(error)
        flaws = tuple(self._flaws(store, scan.skipped))
        seen_by = audience(store, self.config)
        untrusted = self.untrusted(store)
        there, count = store.root.is_dir(), len(scan.files)
        git, remote = self._in_git(store, notes)
        return StoreStatus(store, part.weight, there, untrusted, count, flaws, seen_by, git, remote)

    def _in_git(self, store: Store, notes: list[str]) -> tuple[Standing | None, Link | None]:
        """Return how *store* stands in git, and with what it is synced; why that cannot be told goes to *notes*."""
        from memfs import committing
        from memfs import shelves

        try:
            now, shelf = committing.standing(store), shelves.shelf_with(self.config, store)
            return now, shelf and Link(shelf.shown_remote, shelves.unpushed(shelf, now.repository if now else None))
        except MemfsError as error:
            notes.append(f"How the {store.scope} store stands in git cannot be told: {error}")
            return None, None

    def _flaws(self, store: Store, skipped: Mapping[str, str]) -> Iterator[Flaw]:
        everything = queries.Query("", filters=Filters(expired=True))
        places, _ = self._ask(
            lambda: self.index.page([Within(store.key)], everything, datetime.now(UTC), limit=1_000, states=["flawed"])
        )
        for entry in sorted(self._entries(places), key=lambda entry: entry.memory.path):
            for problem in entry.memory.problems:
                yield Flaw(store, entry.memory.path, entry.memory.state, problem)
        for path, reason in sorted(skipped.items()):
            yield Flaw(store, path, "unreadable", memories.Problem(0, reason))

    def twins(self) -> Sequence[tuple[Entry, ...]]:
        """Return the memories whose written id stands in more than one file of the view, nearest store first."""
        self._fresh(self.view.own)
        keys = [store.key for store in self.view.own]
        within = self.view.within(self.view.own)
        counts = self._ask(lambda: self.index.values(within, "id"))
        groups = []
        for memory_id in (value for value, count in counts.items() if count > 1):
            found = self._entries(self._ask(partial(self.index.find, within, "id", memory_id)))
            written = [entry for entry in found if entry.memory.id_written and entry.memory.id == memory_id]
            if len(written) > 1:
                groups.append(tuple(sorted(written, key=lambda entry: keys.index(entry.store.key))))
        return groups


def _size(file: Path) -> int:
    """Return the size of *file*, 0 when a writer took it away since it was listed."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
