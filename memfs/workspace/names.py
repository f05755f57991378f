"""Which memory a caller means: by id, a beginning of it, path or title; and reading what lies there."""

from __future__ import annotations

import os
from collections.abc import Iterable
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC
from datetime import datetime
from pathlib import Path

from memfs import memory as memories
from memfs import query as queries
from memfs import trust
from memfs.answers import Entry
from memfs.config import Config
from memfs.errors import Ambiguous
from memfs.errors import NotFound
from memfs.errors import OutsideStore
from memfs.errors import Twins
from memfs.scope import View
from memfs.store import Store
from memfs.workspace.freshness import Freshness


class Names:
    """Finds and reads the memories of a view."""

    def __init__(self, view: View, config: Config, freshness: Freshness) -> None:
        self.view = view
        self.config = config
        self.index = freshness.index
        self._ask = freshness.ask

    def resolve(self, reference: str, stores: Sequence[Store]) -> Sequence[Entry]:
        """Return the memory that *reference* names, then its equal copies that a crash left in farther stores."""
        wanted = reference.strip().encode("utf-8", "replace").decode()
        keys = [store.key for store in stores]
        if by_id := self._by_id(wanted, keys):
            return by_id
        if (entry := self._by_path(reference.strip(), stores)) is not None:
            return [entry]
        found = self.entries(self._ask(lambda: self.index.find(keys, "name", wanted)))
        if not found:
            found = self.entries(self._ask(lambda: self.index.find(keys, "handle", wanted)))
        if len(found) > 1:
            raise Ambiguous(reference, [f"{e.memory.id}  {e.store.scope}  {e.memory.title}" for e in found])
        if not found:
            hint = f"Only the {self.view.mode} mode's stores were looked in." if self.view.mode != "hybrid" else ""
            raise NotFound(reference, self._near(wanted, keys), hint=hint)
        return found

    def _by_id(self, wanted: str, keys: Sequence[str]) -> Sequence[Entry]:
        """Return the memories whose id, or former derived id, is *wanted*, nearest store first."""
        listed = self.entries(self._ask(lambda: self.index.find(keys, "id", wanted)))
        found = sorted(listed, key=lambda entry: keys.index(entry.store.key))
        written = [entry for entry in found if entry.memory.id_written and entry.memory.id == wanted]
        alike = len({entry.file.digest for entry in written}) == 1 and len({e.store.key for e in written}) == len(
            written
        )
        if len(written) > 1 and not alike:
            raise Twins(wanted, [entry.path for entry in written])
        return written or [entry for entry in found if entry.memory.id == wanted] or found

    def _by_path(self, reference: str, stores: Sequence[Store]) -> Entry | None:
        """Return the memory at the path *reference*: below a store, absolute, or below the folder one stands in."""
        if not reference.lower().endswith(".md"):
            return None
        absolute = Path(os.path.abspath(os.path.expanduser(reference)))
        for store in stores:
            below = str(absolute.relative_to(store.root)) if absolute.is_relative_to(store.root) else reference
            with suppress(NotFound):
                return self.entry(store, below)
        if absolute.is_relative_to(self.config.home / "global"):
            self.view.store("global")
        return None

    def _near(self, wanted: str, keys: Sequence[str]) -> Sequence[str]:
        from difflib import get_close_matches

        query = queries.parse(" ".join(queries.words_of(wanted)))
        weights = dict.fromkeys(keys, 1.0)
        found = self._ask(lambda: self.index.search(weights, query, 3, datetime.now(UTC))) if query.asks else []
        entries = self.entries((hit.store, hit.path) for hit in found)
        titles = {entry.memory.title.casefold(): entry for entry in entries}
        close = get_close_matches(wanted.casefold(), titles, 3, 0.4)
        return [f"{titles[title].memory.id} ({trust.inert_line(titles[title].memory.title)})" for title in close]

    def entries(self, places: Iterable[tuple[str, str]]) -> Sequence[Entry]:
        """Return the memories at *places* (store key, path) as their files are now, in that order."""
        stores = {store.key: store for store in self.view.stores}
        entries = []
        for key, path in places:
            with suppress(NotFound, OutsideStore):
                entries.append(self.entry(stores[key], path))
        return entries

    def entry(self, store: Store, path: str) -> Entry:
        """Return the memory at *path* of *store* as its file is now. Raises like `Store.read`."""
        file = store.read(path)
        trusted = store.scope != "workspace" or trust.is_trusted(self.config.state, self.view.workspace)
        return Entry(memories.parse(file.raw, path), store, file, trusted)
