"""The façade: what an agent or a person standing in a folder can do. The verbs, refresh and listeners."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC
from datetime import datetime
from functools import partial as bound
from pathlib import Path
from typing import Protocol
from typing import TypeVar

from memfs import config as configuration
from memfs import memory as memories
from memfs import query as queries
from memfs import scope as scopes
from memfs import trust
from memfs.answers import Done
from memfs.answers import Entry
from memfs.answers import Event
from memfs.answers import Flaw
from memfs.answers import Hit
from memfs.answers import Listing
from memfs.answers import Results
from memfs.answers import Status
from memfs.answers import StoreStatus
from memfs.changes import GONE
from memfs.changes import Snapshot
from memfs.changes import diff
from memfs.errors import Ambiguous
from memfs.errors import Changed
from memfs.errors import Conflict
from memfs.errors import Exists
from memfs.errors import Invalid
from memfs.errors import MemfsError
from memfs.errors import NotFound
from memfs.errors import OutOfScope
from memfs.errors import OutsideStore
from memfs.errors import Refused
from memfs.errors import SecretFound
from memfs.errors import Twins
from memfs.errors import Unwritable
from memfs.index import Index
from memfs.index import IndexBroken
from memfs.query import NO_FILTERS
from memfs.query import Filters
from memfs.store import ABSENT
from memfs.store import Store
from memfs.undo import Entry as Version
from memfs.undo import Journal
from memfs.undo import Verb
from memfs.undo import new_version
from memfs.values import Value

Answer = TypeVar("Answer")

MAX_LIMIT, MAX_OFFSET = 1_000, 1_000_000
"""Of a page; Tantivy gathers offset + limit places."""
SPARE_HITS = 5
"""Asked of the index beyond what is wanted, for files that vanish before they are read."""
REGEX_CANDIDATES = 2_000
"""Memories that a regular expression is tried on, best first, within its time."""
INDEX_WAIT_SECONDS = 2.0
"""How long a search or save waits for another process that writes the index, before it answers without."""


class Hints(Protocol):
    """Somebody who watches the stores, so that not every search has to."""

    def take(self, store: Store) -> frozenset[str] | None:
        """Return the paths that may have changed since the last call; None when only a scan can tell."""


class Workspace:
    """A folder's view of memories, and the verbs on them. Open it with `Workspace.open`; safe to share by threads.

    Attributes:
        config: The user's settings.
        view: The stores that are visible here, each with its weight.
        hints: Who watches the stores; without, each verb scans them.
    """

    def __init__(self, view: scopes.View, config: configuration.Config, index: Index) -> None:
        self.config = config
        self.view = view
        self.hints: Hints | None = None
        self.index = index
        self.journal = Journal(config.state)
        self._listeners: list[Callable[[Event], None]] = []
        self._known: dict[str, Snapshot] = {}
        self._complete: dict[str, int] = {}
        self._lock = threading.RLock()

    @classmethod
    def open(cls, folder: Path, *, mode: str | None = None, environ: Mapping[str, str] | None = None) -> Workspace:
        """Return the workspace that the folder *folder* belongs to.

        Args:
            folder: Where the caller stands.
            mode: `isolated`, `global` or `hybrid`, before all that is configured.
            environ: The environment to read, default the process's.

        Raises:
            Invalid, BadConfig: See `config.load`.
        """
        config = configuration.load(environ, mode)
        root = scopes.find_workspace(folder, config, environ)
        return cls(scopes.view(root, config), config, Index(config.cache))

    # ---- saving

    def begin(self) -> bool:
        """Make the workspace's store, if it has none, and trust it; return whether it was made.

        Raises:
            StorageFailed: It cannot be made.
        """
        store = scopes.workspace_store(self.view.workspace)
        if store.root.is_dir():
            return False
        with store.lock():
            trust.set_trusted(self.config.state, self.view.workspace, trusted=True)
        return True

    def save(
        self, body: str, values: Mapping[str, Value] | None = None, *, scope: str = "", allow_secret: bool = False
    ) -> Done:
        """Save a new memory, durably, and make it searchable.

        Args:
            body: Markdown; may be empty when there is a title.
            values: Untyped values by key of the format; `id` and `created` are made when absent.
            scope: The wish: `workspace`, `global` or `group:<name>`; empty for the mode's own.
            allow_secret: Store it even if it looks like it holds a credential.

        Raises:
            Invalid: A value does not fit, or there is nothing to save.
            SecretFound, OutOfScope, Busy, StorageFailed: As they say; nothing was written.
        """
        given = {key: value for key, value in (values or {}).items() if value not in ("", [])}
        if not body.strip() and "title" not in given:
            raise Invalid("There is nothing to save: give the memory a text.")
        store, note = self.view.target(scope)
        given.setdefault("id", memories.new_id())
        given.setdefault("created", memories.format_time(datetime.now(UTC)))
        raw = memories.compose(given, body)
        self._check_secrets(raw.decode(), allow=allow_secret)
        title = memories.parse(raw, "x.md").title
        with self._lock:
            if store.scope == "workspace" and not store.root.exists():
                trust.set_trusted(self.config.state, self.view.workspace, trusted=True)
            file = _with_free_name(lambda name: store.write(name, raw, ABSENT), title)
            entry = self._entry(store, file.path)
            with suppress(MemfsError):
                self._keep("save", entry, b"", new=entry)
            return Done("save", entry, (*([note] if note else []), *self._indexed(store, file.path)))

    def _check_secrets(self, text: str, *, allow: bool) -> None:
        found = [] if allow else trust.find_secrets(text)
        if found:
            raise SecretFound(found)

    # ---- finding

    def get(self, reference: str, *, scope: str = "") -> Entry:
        """Return the memory that *reference* names: its id, a beginning of it, its path, or its whole title.

        Args:
            reference: What the caller has.
            scope: Look in this store of the view alone.

        Raises:
            NotFound: None does; `near` has what comes close.
            Ambiguous, Twins: Several do.
            OutOfScope: The mode does not serve *scope*, or the path's store.
        """
        with self._lock:
            stores = (self.view.store(scope),) if scope else self.view.stores
            for store in stores:
                self.refresh(store)
            return self._resolve(reference, stores)

    def _resolve(self, reference: str, stores: Sequence[Store]) -> Entry:
        return self._resolved(reference, stores)[0]

    def _resolved(self, reference: str, stores: Sequence[Store]) -> Sequence[Entry]:
        """Return the memory that *reference* names, then its equal copies that a crash left in farther stores."""
        wanted = reference.strip().encode("utf-8", "replace").decode()
        keys = [store.key for store in stores]
        if by_id := self._by_id(wanted, keys):
            return by_id
        if (entry := self._by_path(reference.strip(), stores)) is not None:
            return [entry]
        found = self._entries(self._ask(lambda: self.index.find(keys, "name", wanted)))
        if not found:
            found = self._entries(self._ask(lambda: self.index.find(keys, "handle", wanted)))
        if len(found) > 1:
            raise Ambiguous(reference, [f"{e.memory.id}  {e.store.scope}  {e.memory.title}" for e in found])
        if not found:
            hint = f"Only the {self.view.mode} mode's stores were looked in." if self.view.mode != "hybrid" else ""
            raise NotFound(reference, self._near(wanted, keys), hint=hint)
        return found

    def _by_id(self, wanted: str, keys: Sequence[str]) -> Sequence[Entry]:
        """Return the memories whose id, or former derived id, is *wanted*, nearest store first."""
        listed = self._entries(self._ask(lambda: self.index.find(keys, "id", wanted)))
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
                return self._entry(store, below)
        if absolute.is_relative_to(self.config.home / "global"):
            self.view.store("global")
        return None

    def _near(self, wanted: str, keys: Sequence[str]) -> Sequence[str]:
        from difflib import get_close_matches

        query = queries.parse(" ".join(queries.words_of(wanted)))
        weights = dict.fromkeys(keys, 1.0)
        found = self._ask(lambda: self.index.search(weights, query, 3, datetime.now(UTC))) if query.asks else []
        entries = self._entries((hit.store, hit.path) for hit in found)
        titles = {entry.memory.title.casefold(): entry for entry in entries}
        close = get_close_matches(wanted.casefold(), titles, 3, 0.4)
        return [f"{titles[title].memory.id} ({trust.inert_line(titles[title].memory.title)})" for title in close]

    def search(
        self,
        text: str,
        *,
        filters: Filters = NO_FILTERS,
        limit: int = 10,
        regex: str = "",
    ) -> Results:
        """Return the memories of the view that answer *text* best; without words, the newest that pass the filters.

        Args:
            text: Words, "phrases", -exclusions and filters such as `tag:db`, see `query`.
            filters: More filters.
            limit: At most so many hits, 1 to 1,000.
            regex: A regular expression that must match in the title or body, given `limits.regex_seconds`.

        Raises:
            Invalid: *regex* or *limit* cannot be used.
            OutOfScope: A scope is asked for that the mode does not serve.
        """
        if not 1 <= limit <= MAX_LIMIT:
            raise Invalid(f"A search gives 1 to 1,000 hits; {limit} were asked for.")
        query = queries.parse(text, filters)
        with self._lock:
            stores = self._stores_of(query)
            notes = [*query.notes, *self._fresh(stores)]
            matches, regex_notes = _regex(regex, self.config.regex_seconds)
            now = datetime.now(UTC)
            wanted = REGEX_CANDIDATES if regex else limit + SPARE_HITS
            weights = {store.key: self.view.weights[store.key] for store in stores}
            scored = self._candidates(weights, query, wanted, now)
            hits: list[tuple[Entry, float, float]] = []
            for (key, path), part, weight in scored:
                if len(hits) == limit or regex_notes:
                    break
                found = self._entries([(key, path)])
                hits += [(e, part, weight) for e in found if matches(f"{e.memory.title}\n{e.memory.body}")]
            snippets = self._ask(lambda: self.index.snippets(query, [entry.memory.body for entry, _, _ in hits]))
        shown = tuple(
            Hit(entry, part * weight, part, weight, snippet)
            for (entry, part, weight), snippet in zip(hits, snippets, strict=True)
        )
        return Results(query.text, self.view.mode, shown, (*notes, *regex_notes))

    def _candidates(
        self, weights: Mapping[str, float], query: queries.Query, limit: int, now: datetime
    ) -> Sequence[tuple[tuple[str, str], float, float]]:
        """Return store key and path, text score and weight, in ranking order; newest first when nothing ranks."""
        if query.asks:
            found = self._ask(lambda: self.index.search(weights, query, limit, now))
            return [((hit.store, hit.path), hit.text, hit.weight) for hit in found]
        listed, _ = self._ask(lambda: self.index.page(list(weights), query, now, limit=limit))
        return [(place, 0.0, weights[place[0]]) for place in listed]

    def list(
        self,
        *,
        filters: Filters = NO_FILTERS,
        sort: str = "created",
        limit: int = 20,
        offset: int = 0,
    ) -> Listing:
        """Return a page of the memories that pass *filters*, highest *sort* first.

        Args:
            filters: What they have to be like; none for all.
            sort: `created`, `updated` or `importance`.
            limit: Page length, 1 to 1,000.
            offset: Where the page begins.

        Raises:
            Invalid: A value is out of range.
            OutOfScope: A scope is asked for that the mode does not serve.
        """
        if sort not in ("created", "updated", "importance"):
            raise Invalid(f"A list is sorted by created, updated or importance, not by {sort!r}.")
        if not 1 <= limit <= MAX_LIMIT or not 0 <= offset <= MAX_OFFSET:
            raise Invalid("A page has 1 to 1,000 memories and begins at 0 or later.")
        query = queries.Query("", filters=filters)
        with self._lock:
            stores = self._stores_of(query)
            notes = self._fresh(stores)
            keys = [store.key for store in stores]
            now = datetime.now(UTC)
            places, total = self._ask(lambda: self.index.page(keys, query, now, sort=sort, limit=limit, offset=offset))
            entries = tuple(self._entries(places))
        following = offset + limit
        return Listing(entries, total, following if following < total else None, tuple(notes))

    def values(self, field: str) -> dict[str, int]:
        """Return each `tag`, `type`, `category` or `channel` of the view, with how many memories have it."""
        with self._lock:
            self._fresh(self.view.stores)
            return self._ask(lambda: self.index.values([store.key for store in self.view.stores], field))

    def _stores_of(self, query: queries.Query) -> Sequence[Store]:
        """Return the view's stores that the scopes named in *query* leave."""
        wanted = [self.view.store(scope) for scope in query.filters.scopes] or self.view.stores
        return [store for store in wanted if store.scope not in query.without.scopes]

    def _entries(self, places: Iterable[tuple[str, str]]) -> Sequence[Entry]:
        """Return the memories at *places* (store key, path) as their files are now, in that order."""
        stores = {store.key: store for store in self.view.stores}
        entries = []
        for key, path in places:
            with suppress(NotFound, OutsideStore):
                entries.append(self._entry(stores[key], path))
        return entries

    def _entry(self, store: Store, path: str) -> Entry:
        file = store.read(path)
        trusted = store.scope != "workspace" or trust.is_trusted(self.config.state, self.view.workspace)
        return Entry(memories.parse(file.raw, path), store, file, trusted)

    # ---- changing

    def update(
        self,
        reference: str,
        changes: Mapping[str, Value | None],
        body: str | None = None,
        *,
        expect: str = "",
        allow_secret: bool = False,
    ) -> Done:
        """Change keys (None removes one) or the body of a memory; every other byte of its file stays.

        Args:
            reference: As for `get`.
            changes: Untyped values by key of the format.
            body: The new body, or None to leave it.
            expect: The digest that the caller has read; empty to change whatever is there now.
            allow_secret: Store it even if it looks like it holds a credential.

        Raises:
            Changed: The file is no longer the one that *expect* names, or changed this moment.
            Unwritable: It is malformed, in conflict or write-protected.
            NotFound, Ambiguous, Twins, Invalid, SecretFound, StorageFailed: As they say.
        """
        with self._lock:
            entry = self.get(reference)
            if expect and expect != entry.file.digest:
                raise Changed(entry.path, expect, entry.file.digest)
            entry = self._rewritten("update", entry, changes, body, allow_secret=allow_secret)
            return Done("update", entry, self._indexed(entry.store, entry.memory.path))

    def _rewritten(
        self,
        verb: Verb,
        entry: Entry,
        changes: Mapping[str, Value | None],
        body: str | None,
        *,
        allow_secret: bool,
    ) -> Entry:
        """Return *entry* as it is after *changes*; a memory without an id gets one."""
        _refuse_unwritable(entry)
        if "id" in changes:
            raise Invalid("A memory keeps its id for life.")
        if not entry.memory.id_written:
            changes = {"id": memories.new_id(), **changes}
        raw = memories.patch(entry.file.raw, entry.memory, changes, body)
        if raw == entry.file.raw:
            return entry
        self._check_secrets(_news(entry.file.raw, raw), allow=allow_secret)
        return self._replaced(verb, entry, raw)

    def _replaced(self, verb: Verb, entry: Entry, raw: bytes) -> Entry:
        """Put *raw* in the place of *entry*'s bytes, which go to the journal first."""
        described = memories.parse(raw, entry.memory.path)
        after = entry._replace(memory=described, file=entry.file._replace(digest=memories.digest(raw)))
        kept = self._keep(verb, entry, entry.file.raw, new=after)
        with self._unless_done(entry.store, kept):
            entry.store.write(entry.memory.path, raw, entry.file.digest)
        return self._entry(entry.store, entry.memory.path)

    def move(self, reference: str, to: str, *, workspace: Path | None = None) -> Done:
        """Move a memory's file into another store: who sees it changes, nothing else.

        Args:
            reference: As for `get`.
            to: `workspace`, `global` or `group:<name>`.
            workspace: The workspace that is meant, if not this one.

        Raises:
            OutOfScope: The mode does not serve the other scope.
            Unwritable, Conflict, NotFound, Ambiguous, Twins, StorageFailed: As they say; no copy is lost.
        """
        with self._lock:
            target = self._target(to, workspace)
            self._fresh(self.view.stores)
            copies = self._resolved(reference, self.view.stores)
            entry = next((copy for copy in copies if copy.store.key != target.key), copies[0])
            if target.key == entry.store.key:
                return Done("move", entry, (f"It is in the {entry.store.scope} store already.",))
            _refuse_unwritable(entry)
            if not entry.memory.id_written:
                entry = self._rewritten("update", entry, {}, None, allow_secret=True)
            if (twin := self._twin(entry, target)) is not None:
                kept = self._keep("forget", entry, entry.file.raw, new=None)
                with self._unless_done(entry.store, kept):
                    entry.store.remove(entry.memory.path, entry.file.digest)
                moved = twin
            else:
                moved = self._moved("move", entry, target)
            notes = (*self._indexed(entry.store, entry.memory.path), *self._indexed(target, moved.memory.path))
            return Done("move", moved, tuple(dict.fromkeys(notes)))

    def _target(self, to: str, workspace: Path | None) -> Store:
        if workspace is None:
            return self.view.store(to)
        if to != "workspace":
            raise Invalid("Another workspace can only be named for a move to scope workspace.")
        folder = Path(os.path.realpath(workspace))
        if folder == self.view.workspace:
            return self.view.store("workspace")
        if self.view.mode != "hybrid":
            raise OutOfScope(f"Another workspace is out of reach in {self.view.mode} mode. Set WORKSPACE_MODE=hybrid.")
        if not folder.is_dir():
            raise Invalid(f"{workspace} is no folder; name the other workspace by its path.")
        return scopes.workspace_store(folder)

    def _twin(self, entry: Entry, target: Store) -> Entry | None:
        """Return the same memory in *target*, left there by a move that was cut off.

        Raises:
            Conflict: It is there, with another text.
        """
        self.refresh(target)
        for path in [path for _, path in self._ask(lambda: self.index.find([target.key], "id", entry.memory.id))]:
            other = self._entry(target, path)
            if other.memory.id == entry.memory.id:
                if other.file.digest == entry.file.digest:
                    return other
                raise Conflict(
                    f"{other.path} has the same id as {entry.path} and another text; "
                    "merge the two in an editor, or give one of them a new id with `memfs doctor --fix`."
                )
        return None

    def _moved(self, verb: Verb, entry: Entry, target: Store) -> Entry:
        path = entry.memory.path
        folder = path.rpartition("/")[0]
        name = path

        def attempt(free: str) -> Entry:
            new = entry._replace(store=target, memory=entry.memory._replace(path=free))
            kept = self._keep(verb, entry, entry.file.raw, new=new)
            with self._unless_done(entry.store, kept):
                entry.store.move(path, entry.file.digest, target, free)
            return self._entry(target, free)

        try:
            return attempt(name)
        except Exists:
            return _with_free_name(lambda free: attempt(f"{folder}/{free}" if folder else free), entry.memory.title)

    def forget(self, reference: str, *, expect: str = "") -> Done:
        """Remove a memory's file; its bytes go to the undo journal first.

        Raises:
            Changed: The file is no longer the one whose digest is *expect*.
            NotFound, Ambiguous, Twins, Refused, StorageFailed: As they say.
        """
        with self._lock:
            entry = self.get(reference)
            if expect and expect != entry.file.digest:
                raise Changed(entry.path, expect, entry.file.digest)
            if len(entry.file.raw) > memories.MAX_BYTES:
                raise Refused(f"{entry.path} is too large for an undo copy; remove the file yourself if it should go.")
            self._removed("forget", entry)
            return Done("forget", entry, self._indexed(entry.store, entry.memory.path))

    def _removed(self, verb: Verb, entry: Entry) -> None:
        kept = self._keep(verb, entry, entry.file.raw, new=None)
        with self._unless_done(entry.store, kept):
            entry.store.remove(entry.memory.path, entry.file.digest)

    # ---- taking back

    def versions(self, reference: str) -> Sequence[tuple[Store, Version]]:
        """Return what the journal knows of a memory, present or forgotten, newest first.

        Raises:
            NotFound: Neither the stores nor the journal know it.
        """
        with self._lock:
            try:
                memory_id = self.get(reference).memory.id
            except NotFound:
                memory_id = self._journal_id(reference)
            pairs = [(s, e) for s in self.view.stores for e in self.journal.entries(s, memory_id) if e.verb != "save"]
            return sorted(pairs, key=lambda pair: pair[1].version, reverse=True)

    def _journal_id(self, reference: str) -> str:
        known = [entry for store in self.view.stores for entry in self.journal.entries(store)]
        wanted = reference.strip().casefold()
        ids = {e.memory_id for e in known if e.memory_id.casefold() == wanted} or {
            e.memory_id
            for e in known
            if wanted
            and (e.memory_id.casefold().startswith(wanted) or wanted in (e.title.casefold(), e.path.casefold()))
        }
        if len(ids) > 1:
            raise Ambiguous(reference, sorted({f"{e.memory_id}  {e.title}" for e in known if e.memory_id in ids}))
        if not ids:
            raise NotFound(reference, hint="The undo journal does not know it either.")
        return ids.pop()

    def restore(self, reference: str, version: str = "") -> Done:
        """Bring back what a memory was before a change, or a forgotten one, as a new version; the present one is kept.

        Args:
            reference: As for `get`; for a forgotten memory also its former title or path.
            version: An entry of `versions`, or a beginning of its name; empty for the newest.

        Raises:
            NotFound: There is no such version.
            Unwritable, Changed, StorageFailed: As they say.
        """
        with self._lock:
            known = self.versions(reference)
            chosen = [pair for pair in known if pair[1].version.startswith(version)] if version else known[:1]
            if not chosen:
                raise NotFound(f"{reference} at version {version}" if version else reference, [], hint=(
                    f"Its versions are {', '.join(entry.version for _, entry in known[:5])}." if known
                    else "It was never changed or removed by memfs, so there is nothing to bring back."
                ))  # fmt: skip
            store, old = chosen[0]
            raw = self.journal.content(store, old)
            try:
                entry = self.get(old.memory_id)
            except NotFound:
                entry = self._put_back(store, old.path, raw, old.title)
            else:
                entry = entry if raw == entry.file.raw else self._replaced("restore", entry, raw)
            return Done("restore", entry, self._indexed(entry.store, entry.memory.path))

    def _put_back(self, store: Store, path: str, raw: bytes, title: str) -> Entry:
        try:
            store.write(path, raw, ABSENT)
        except Exists:
            path = _with_free_name(lambda name: store.write(name, raw, ABSENT), title).path
        return self._entry(store, path)

    def undo(self) -> Done:
        """Take back the last thing that memfs did in this view; once more takes back the one before.

        Raises:
            NotFound: The journal has nothing more.
            Changed: The file was edited since, so that taking back would lose the edit.
        """
        with self._lock:
            pairs = [(store, entry) for store in self.view.stores for entry in self.journal.entries(store)]
            pairs = [pair for pair in pairs if pair[1].verb != "undo"]
            if not pairs:
                raise NotFound("the last change", hint="The undo journal is empty for the stores of this view.")
            store, last = max(pairs, key=lambda pair: pair[1].version)
            entry = self._taken_back(store, last)
            self.journal.drop(store, last)
            places = {(store.key, last.path): store, (entry.store.key, entry.memory.path): entry.store}
            notes = [note for (_, path), where in places.items() for note in self._indexed(where, path)]
            return Done("undo", entry, (f"Took back: {last.verb} of {trust.inert_line(last.title)}.", *notes))

    def _taken_back(self, store: Store, last: Version) -> Entry:
        if last.verb == "forget":
            return self._put_back(store, last.path, self.journal.content(store, last), last.title)
        there = next((each for each in self.view.stores if str(each.root) == last.new_root), None)
        if there is None:
            raise OutOfScope(f"{last.new_root} is not visible in {self.view.mode} mode, so the move stays.")
        entry = self._entry(there, last.new_path)
        if entry.file.digest != last.digest:
            raise Changed(entry.path, last.digest, entry.file.digest)
        if last.verb == "save":
            self._removed("undo", entry)
            return entry
        if last.verb == "move":
            return self._moved("undo", entry, store)
        return self._replaced("undo", entry, self.journal.content(store, last))

    def _keep(self, verb: Verb, entry: Entry, raw: bytes, *, new: Entry | None) -> Version:
        """Write down what is about to happen to *entry*; *new* is how it will be, None when it will be gone."""
        now = time.time()
        record = Version(
            new_version(now), verb, (new or entry).memory.id, entry.memory.title,
            str(entry.store.root), entry.memory.path,
            str(new.store.root) if new else "", new.memory.path if new else "", new.file.digest if new else "", now,
        )  # fmt: skip
        self.journal.keep(entry.store, record, raw)
        return record

    def _unless_done(self, store: Store, kept: Version) -> _DropOnError:
        return _DropOnError(lambda: self.journal.drop(store, kept))

    # ---- keeping up

    def refresh(
        self,
        store: Store,
        paths: Iterable[str] | None = None,
        *,
        seconds: float | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> str:
        """Bring index and listeners up to date with *store*; return why that is not quite so, empty when it is.

        Args:
            store: One of the view, or a move's target.
            paths: Only these may have changed; None to look at all.
            seconds: Stop reading changed files after this long; default `limits.search_refresh_seconds`.
            progress: Called with the number of changed files done and to do.
        """
        with self._lock:
            if paths is None and self.hints is not None and self._complete.get(store.key) == self.index.generation:
                paths = self.hints.take(store)
            if paths is None:
                scan = store.scan()
                now, partial = scan.files, False
                if scan.leftovers:
                    store.sweep(scan.leftovers)
            else:
                now, partial = {path: store.stamp(path) for path in paths}, True
                if not now:
                    return self.index.note
            limit = self.config.search_refresh_seconds if seconds is None else seconds
            wait = INDEX_WAIT_SECONDS if seconds is None else max(seconds, INDEX_WAIT_SECONDS)
            done = self.index.refresh(store, now, partial=partial, seconds=limit, wait=wait, progress=progress)
            if not partial and not done.pending:
                self._complete[store.key] = self.index.generation
            elif done.pending:
                self._complete.pop(store.key, None)
            self._tell(store, now, partial=partial)
        if done.pending:
            return f"{done.pending:,} changed memories of the {store.scope} store are not searchable yet: {done.note}"
        return self.index.note

    def _tell(self, store: Store, now: Snapshot, *, partial: bool) -> None:
        """Tell the listeners what differs from what this process knew of *store*."""
        if not self._listeners:
            return
        before = self._known.get(store.key)
        after = {path: stamp for path, stamp in {**(before or {}), **now}.items() if stamp != GONE} if partial else now
        self._known[store.key] = after
        changes = diff(before, after) if before is not None else None
        if changes:
            for listener in tuple(self._listeners):
                listener(Event(store, changes))

    def listen(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Have *listener* called when a refresh finds files that differ from what was known; return how to stop."""
        with self._lock:
            if not self._listeners:
                self._known = {store.key: store.scan().files for store in self.view.stores}
            self._listeners.append(listener)

        def stop() -> None:
            with self._lock, suppress(ValueError):
                self._listeners.remove(listener)

        return stop

    def _fresh(self, stores: Iterable[Store]) -> Sequence[str]:
        return [note for note in dict.fromkeys(self.refresh(store) for store in stores) if note]

    def _indexed(self, store: Store, path: str) -> tuple[str, ...]:
        note = self.refresh(store, [path])
        return (note,) if note else ()

    def _ask(self, ask: Callable[[], Answer]) -> Answer:
        """Return what *ask* asks of the index; where that breaks, of the one that is built anew from the files."""
        for attempt in range(3):
            try:
                return ask()
            except IndexBroken as error:
                if attempt == 1:
                    self.index.abandon(str(error))
                self._fresh(self.view.stores)
        return ask()

    def reindex(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Build the view's part of the index anew from the files; return how many memories it has.

        Raises:
            Busy: Another process holds the index for too long.
        """
        with self._lock:
            with suppress(IndexBroken):
                self.index.forget([store.key for store in self.view.stores])
            for store in self.view.stores:
                self.refresh(store, seconds=float("inf"), progress=progress)
            return sum(len(self.index.seen(store)) for store in self.view.stores)

    # ---- how things stand

    def status(self) -> Status:
        """Return where this is, what is visible from here and what is wrong with it; changes no memory."""
        with self._lock:
            notes = [*self.config.problems, *self._fresh(self.view.stores)]
            stores = tuple(self._store_status(store) for store in self.view.stores)
            folder = self.index.folder
            size = sum(file.stat().st_size for file in folder.iterdir()) if folder.is_dir() else 0
        notes += [
            f"{each.store.root} is not trusted: its text is marked wherever it is shown. "
            "If it is yours or your team's: `memfs trust`."
            for each in stores
            if each.exists and not each.trusted
        ]
        view = self.view
        return Status(view.workspace, view.mode, view.mode_source, stores, folder, size, tuple(notes))

    def _store_status(self, store: Store) -> StoreStatus:
        scan = store.scan()
        trusted = store.scope != "workspace" or trust.is_trusted(self.config.state, self.view.workspace)
        flaws = tuple(self._flaws(store, scan.skipped))
        seen_by = {
            "workspace": "this workspace, in isolated and hybrid mode",
            "global": "every workspace in hybrid or global mode",
        }.get(store.scope, f"the members of {store.scope}, in hybrid mode")
        weight = self.view.weights[store.key]
        return StoreStatus(store, weight, store.root.is_dir(), trusted, len(scan.files), flaws, seen_by)

    def twins(self) -> Sequence[tuple[Entry, ...]]:
        """Return the memories whose written id stands in more than one file of the view, nearest store first."""
        with self._lock:
            self._fresh(self.view.stores)
            keys = [store.key for store in self.view.stores]
            counts = self._ask(lambda: self.index.values(keys, "id"))
            groups = []
            for memory_id in (value for value, count in counts.items() if count > 1):
                found = self._entries(self._ask(bound(self.index.find, keys, "id", memory_id)))
                written = [entry for entry in found if entry.memory.id_written and entry.memory.id == memory_id]
                if len(written) > 1:
                    groups.append(tuple(sorted(written, key=lambda entry: keys.index(entry.store.key))))
            return groups

    def give_new_id(self, entry: Entry) -> Entry:
        """Write a new id into the file of *entry*, one of `twins`; raises like `update`."""
        with self._lock:
            _refuse_unwritable(entry)
            raw = memories.patch(entry.file.raw, entry.memory, {"id": memories.new_id()})
            new = self._replaced("update", entry, raw)
            self._indexed(new.store, new.memory.path)
            return new

    def remove_copy(self, entry: Entry) -> None:
        """Remove the file of *entry*, one of `twins` with the same text in a nearer store; raises like `forget`."""
        with self._lock:
            self._removed("forget", entry)
            self._indexed(entry.store, entry.memory.path)

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


class _DropOnError:
    """Takes a journal entry back when what it announced does not happen."""

    def __init__(self, drop: Callable[[], None]) -> None:
        self._drop = drop

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._drop()


def _refuse_unwritable(entry: Entry) -> None:
    memory = entry.memory
    if memory.state != "ok":
        problem = memory.problems[0]
        where = f" (line {problem.line})" if problem.line else ""
        raise Unwritable(entry.path, f"{memory.state}{where}: {problem.reason}")


def _with_free_name(attempt: Callable[[str], Answer], title: str) -> Answer:
    """Return what *attempt* makes of a new file name for *title*; its random part makes a second try unheard of."""
    for _ in range(4):
        with suppress(Exists):
            return attempt(memories.file_name(title))
    return attempt(memories.file_name(title))


def _news(before: bytes, after: bytes) -> str:
    """Return the lines of *after* that *before* does not have."""
    old = set(before.split(b"\n"))
    return "\n".join(line.decode("utf-8", "replace") for line in after.split(b"\n") if line not in old)


def _regex(pattern: str, seconds: float) -> tuple[Callable[[str], bool], list[str]]:
    """Return a test for *pattern* that gives up for good after *seconds*, and the list where it then says so."""
    notes: list[str] = []
    if not pattern:
        return lambda _: True, notes
    import regex

    try:
        compiled = regex.compile(pattern)
    except regex.error as error:
        raise Invalid(f"The regular expression {pattern!r} cannot be used: {error}.") from error
    deadline = time.monotonic() + seconds

    def matches(text: str) -> bool:
        left = deadline - time.monotonic()
        with suppress(TimeoutError):
            if left > 0:
                return compiled.search(text, timeout=left) is not None
        notes.append(f"The regular expression was stopped after {seconds:g} s; there may be more hits.")
        return False

    return matches, notes
