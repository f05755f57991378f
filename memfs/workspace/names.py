"""Which memory a caller means: by id, a beginning of it, path or title; and reading what lies there."""

from __future__ import annotations

import os
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC
from datetime import datetime
from functools import partial as bound
from pathlib import Path
from typing import NamedTuple

from memfs import memory as memories
from memfs import query as queries
from memfs import trust
from memfs.answers import Entry
from memfs.changes import GONE
from memfs.config import Config
from memfs.errors import Ambiguous
from memfs.errors import Changed
from memfs.errors import NotFound
from memfs.errors import OutsideStore
from memfs.errors import StorageFailed
from memfs.errors import Twins
from memfs.index import Table
from memfs.memory import Memory
from memfs.scope import View
from memfs.store import File
from memfs.store import Store
from memfs.workspace.freshness import Freshness

ID_LENGTH = 26
"""Characters of the ids that memfs makes."""


class Names:
    """Finds and reads the memories of a view."""

    def __init__(self, view: View, config: Config, freshness: Freshness) -> None:
        self.view = view
        self.config = config
        self.freshness = freshness
        self.index = freshness.index
        self._fresh = freshness.all
        self._ask = freshness.ask

    def at_once(self, memory_id: str, stores: Sequence[Store]) -> Entry | None:
        """Return the memory whose file the index knows by the written id *memory_id*, if that still stands in it.

        Costs the same in a store of any size. None when only a look at everything can tell.
        """
        if len(memory_id) != ID_LENGTH:
            return None
        found = self.entries(self._ask(lambda: self.index.find(self.view.within(stores), "id", memory_id)))
        alone = len(found) == 1 and found[0].memory.id_written and found[0].memory.id == memory_id
        return found[0] if alone else None

    def named(self, reference: str, stores: Sequence[Store], expect: str = "") -> Entry:
        """Return the memory that *reference* names in *stores*, all of which are looked through.

        Raises:
            NotFound, Ambiguous, Twins: As `Workspace.get`.
            Changed: Its digest is not *expect*, if that is given.
        """
        self._fresh(stores)
        entry = self.resolve(reference, stores)[0]
        if expect and expect != entry.file.digest:
            raise Changed(entry.path, expect, entry.file.digest)
        return entry

    def resolve(self, reference: str, stores: Sequence[Store]) -> Sequence[Entry]:
        """Return the memory that *reference* names, then its equal copies that a crash left in farther stores.

        What other projects show is only looked in when nothing nearer has the name.

        Raises:
            NotFound, Ambiguous, Twins: As `Workspace.get`.
        """
        own = [each for each in stores if each in self.view.own]
        found: Sequence[Entry] = self._called(reference, own) if own else []
        if len(own) < len(stores) and not (found and found[0].trusted):
            found = self._called(reference, stores)  # a text that nobody vouches for stands in nobody's way
        if found:
            return found
        near = self._near(reference, stores)
        hints = [f"Only the {self.view.mode} mode's stores were looked in."] * (self.view.mode != "hybrid")
        hints += ["`memfs search` finds memories by their words."] * (not near)
        raise NotFound(reference, near, hint=" ".join(hints))

    def _called(self, reference: str, stores: Sequence[Store]) -> Sequence[Entry]:
        """Return the memory of *stores* that *reference* names, and its copies; nothing when none does."""
        wanted = reference.strip().encode("utf-8", "replace").decode()
        places = self.view.within(stores)
        if by_id := self._by_id(wanted, stores):
            return by_id
        if (entry := self._by_path(reference.strip(), stores)) is not None:
            return [entry]
        found = _vouched(self.entries(self._ask(lambda: self.index.find(places, "name", wanted))))
        if not found:
            found = _vouched(self.entries(self._ask(lambda: self.index.find(places, "handle", wanted))))
        found = found or self._unindexed(wanted.casefold(), stores)
        if len(found) > 1:
            by_path = len({e.memory.id for e in found}) == 1  # copies: nothing else tells them apart
            told = ((e, e.path if by_path else e.memory.title) for e in found)
            raise Ambiguous(reference, [f"{e.memory.id}  {e.store.scope}  {last}" for e, last in told])
        return found

    def _unindexed(self, wanted: str, stores: Sequence[Store]) -> Sequence[Entry]:
        """Return what *wanted* names among the files that the index, while others write it, does not have yet."""
        places: list[tuple[str, str]] = []
        for store in stores:
            seen = self._ask(bound(self.index.seen, store))
            with suppress(OutsideStore, StorageFailed):  # which harms no other store, and was told by the refresh
                places += [(store.key, path) for path, stamp in store.scan().files.items() if seen.get(path) != stamp]
        entries = self.entries(places if wanted else [])
        exact = [each for each in entries if wanted in (each.memory.id.casefold(), each.memory.title.casefold())]
        return exact or [each for each in entries if each.memory.id.casefold().startswith(wanted)]

    def _by_id(self, wanted: str, stores: Sequence[Store]) -> Sequence[Entry]:
        """Return the memories whose id, or former derived id, is *wanted*, nearest store first."""
        keys = [store.key for store in stores]
        listed = self.entries(self._ask(lambda: self.index.find(self.view.within(stores), "id", wanted)))
        found = sorted(listed, key=lambda entry: keys.index(entry.store.key))
        written = _vouched([entry for entry in found if entry.memory.id_written and entry.memory.id == wanted])
        alike = len({entry.file.digest for entry in written}) == 1 and len({e.store.key for e in written}) == len(
            written
        )
        if len(written) > 1 and not alike:
            raise Twins(wanted, [entry.path for entry in written])
        # a derived id says where a file lies in its store, so that of another store is another memory
        return written or _vouched([entry for entry in found if entry.memory.id == wanted])[:1] or found[:1]

    def _by_path(self, reference: str, stores: Sequence[Store]) -> Entry | None:
        """Return the memory at the path *reference*: below a store, absolute, or below the folder one stands in."""
        if not reference.lower().endswith(".md") or "\0" in reference:
            return None
        named = Path(os.path.expanduser(reference))
        try:
            absolute = Path(os.path.abspath(named))
        except FileNotFoundError:  # the folder one stands in is gone, so nothing lies below it
            absolute = Path("/", named)
        # the folder one stands in, or the project's, may be known by the name of a link
        places = (absolute, Path(os.path.realpath(absolute.parent), absolute.name))
        inside = [(store, place) for store in stores for place in places if place.is_relative_to(store.root)]
        for store, place in inside:
            with suppress(NotFound):
                return self.entry(store, str(place.relative_to(store.root)))
        found = []
        for store in stores if not named.is_absolute() else ():
            with suppress(NotFound, *([OutsideStore] if inside else [])):
                found.append(self.entry(store, reference))
        if found:
            return _vouched(found)[0]
        if absolute.is_relative_to(self.config.home / "global"):
            self.view.store("global")
        return None

    def _near(self, reference: str, stores: Sequence[Store]) -> Sequence[str]:
        from difflib import get_close_matches

        wanted = reference.strip().encode("utf-8", "replace").decode()
        query = queries.parse(" ".join(queries.words_of(wanted)))
        places = self.view.within(stores)
        found = self._ask(lambda: self.index.search(places, query, 3, datetime.now(UTC))) if query.asks else []
        entries = self.entries((hit.store, hit.path) for hit in found)
        titles = {entry.memory.title.casefold(): entry for entry in entries}
        close = get_close_matches(wanted.casefold(), titles, 3, 0.4)
        return [f"{titles[title].memory.id} ({trust.inert_line(titles[title].memory.title)})" for title in close]

    def entries(self, places: Iterable[tuple[str, str]]) -> Sequence[Entry]:
        """Return the memories at *places* (store key, path) as their files are now, in that order."""
        return list(self.each(places))

    def each(self, places: Iterable[tuple[str, str]]) -> Iterator[Entry]:
        """Yield what `entries` returns; who vouches, and what git said, is looked up once for each store."""
        stores = {store.key: store for store in self.view.stores}
        known: dict[str, _Known] = {}
        for key, path in places:
            store = stores[key]
            if key not in known:
                known[key] = self._known(store)
            with suppress(NotFound, OutsideStore):
                try:
                    entry = self._read(store, path, known[key])
                except StorageFailed as error:
                    unread = memories.unreadable(path, str(error))
                    if (part := self.view.part(store)) is None or not part.shows(unread.channels, ""):
                        continue
                    entry = known[key].entry(store, unread, File(path, b"", GONE, ""))
                yield entry

    def entry(self, store: Store, path: str) -> Entry:
        """Return the memory at *path* of *store* as its file is now. Raises like `Store.read`.

        What the view does not show of a store is not there.
        """
        return self._read(store, path, self._known(store))

    def _read(self, store: Store, path: str, known: _Known) -> Entry:
        file = store.read(path)
        memory = memories.parse(file.raw, path)
        part = self.view.part(store)
        if part is not None and not part.shows(memory.channels, file.digest):
            raise NotFound(path)
        return known.entry(store, memory, file)

    def _known(self, store: Store) -> _Known:
        places = trust.places_of(store.root.parent) if store.is_project else ()
        vouched = trust.vouching(self.config.state, places) if places else lambda _: True
        return _Known(vouched, self.index.learned(store))


class _Known(NamedTuple):
    """What is known of a store's texts: by digest whether somebody vouches for one, and what git said of them."""

    vouched: Callable[[str], bool]
    learned: Table

    def entry(self, store: Store, memory: Memory, file: File) -> Entry:
        learned = self.learned.find(memory.path)
        return Entry(memory, store, file, self.vouched(file.digest), learned and learned.of(file.raw))


def _vouched(entries: Sequence[Entry]) -> Sequence[Entry]:
    """Return those of *entries* whose text somebody vouches for, if there are any; else all of them."""
    digests = {entry.file.digest for entry in entries if entry.trusted}
    return [entry for entry in entries if entry.file.digest in digests] if digests else entries
