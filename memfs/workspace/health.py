"""How the stores of a view are doing: counts, files that could not be taken as they stand, ids that stand twice."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from datetime import UTC
from datetime import datetime
from functools import partial
from pathlib import Path

from memfs import memory as memories
from memfs import query as queries
from memfs import trust
from memfs.answers import Entry
from memfs.answers import Flaw
from memfs.answers import Status
from memfs.answers import StoreStatus
from memfs.config import Config
from memfs.errors import OutsideStore
from memfs.errors import StorageFailed
from memfs.query import Filters
from memfs.scope import View
from memfs.store import Scan
from memfs.store import Store
from memfs.workspace.freshness import Freshness
from memfs.workspace.names import Names


class Health:
    """Looks at the stores of a view; changes nothing."""

    def __init__(self, view: View, config: Config, freshness: Freshness, names: Names) -> None:
        self.view = view
        self.config = config
        self.index = freshness.index
        self._ask = freshness.ask
        self._fresh = freshness.all
        self._entries = names.entries

    def status(self) -> Status:
        """Return where this is, what is visible from here and what is wrong with it; changes no memory."""
        notes = [*self.config.problems, *self._fresh(self.view.stores, spare=True)]
        stores = tuple(self._store_status(store) for store in self.view.stores)
        folder = self.index.folder
        size = sum(map(_size, folder.iterdir())) if folder.is_dir() else 0
        notes += [
            f"{each.store.root} is not trusted: its text is marked wherever it is shown. "
            "If it is yours or your team's: `memfs trust`."
            for each in stores
            if each.exists and not each.trusted
        ]
        view = self.view
        return Status(view.workspace, view.mode, view.mode_source, stores, folder, size, tuple(notes))

    def _store_status(self, store: Store) -> StoreStatus:
        try:
            scan = store.scan()
        except (OutsideStore, StorageFailed) as error:
            scan = Scan()
            scan.skipped[""] = str(error)
        trusted = store.scope != "workspace" or trust.is_trusted(self.config.state, self.view.workspace)
        flaws = tuple(self._flaws(store, scan.skipped))
        seen_by = {
            "workspace": "this workspace, in isolated and hybrid mode",
            "global": "every workspace in hybrid or global mode",
        }.get(store.scope, f"the members of {store.scope}, in hybrid mode")
        weight = self.view.weights[store.key]
        return StoreStatus(store, weight, store.root.is_dir(), trusted, len(scan.files), flaws, seen_by)

    def _flaws(self, store: Store, skipped: Mapping[str, str]) -> Iterator[Flaw]:
        everything = queries.Query("", filters=Filters(expired=True))
        places, _ = self._ask(
            lambda: self.index.page([store.key], everything, datetime.now(UTC), limit=1_000, states=["flawed"])
        )
        for entry in sorted(self._entries(places), key=lambda entry: entry.memory.path):
            for problem in entry.memory.problems:
                yield Flaw(store, entry.memory.path, entry.memory.state, problem)
        for path, reason in sorted(skipped.items()):
            yield Flaw(store, path, "unreadable", memories.Problem(0, reason))

    def twins(self) -> Sequence[tuple[Entry, ...]]:
        """Return the memories whose written id stands in more than one file of the view, nearest store first."""
        self._fresh(self.view.stores)
        keys = [store.key for store in self.view.stores]
        counts = self._ask(lambda: self.index.values(keys, "id"))
        groups = []
        for memory_id in (value for value, count in counts.items() if count > 1):
            found = self._entries(self._ask(partial(self.index.find, keys, "id", memory_id)))
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
