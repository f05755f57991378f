"""Memories as they were, at a commit or at a time: put out into the cache once, then searched like those of today.

A folder of the cache holds the files of a view's stores, dated by their commits, and an index of its own.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from datetime import UTC
from datetime import datetime
from datetime import timedelta

from memfs import trust
from memfs.answers import Entry
from memfs.answers import Listing
from memfs.answers import Results
from memfs.archive import Archive
from memfs.archive import Kept
from memfs.archive import Said
from memfs.archive import said_in
from memfs.index import Index
from memfs.query import NO_FILTERS
from memfs.query import Filters
from memfs.query import ago
from memfs.query import bounds
from memfs.scanning import Scan
from memfs.scope import View
from memfs.store import Store
from memfs.workspace import Workspace
from memfs.worktree import checked_out

FOLDER = "at"
"""In the cache folder."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Former(Store):
    """The store *origin* as it was: its files lie in the folder *kept*, its key is the same."""

    def __init__(self, kept: Kept, origin: Store) -> None:
        super().__init__(kept.folder / origin.key, origin.scope)
        self.key = origin.key
        self._found = kept.scans.get(self.key)

    def scan(self) -> Scan:
        """Return what was found when the folder was looked through: nobody writes into it."""
        return self._found or super().scan()


class Past:
    """The memories of a view as they were, to be read; see `at`, and `Workspace` for the verbs.

    Attributes:
        now: What time it is there: for what expires, and for ages.
    """

    def __init__(self, here: Workspace, kept: Kept, said: Said, now: datetime | None) -> None:
        self._moments, self._notes = said.moments, said.notes
        self._moment = next(iter(said.moments.values()))
        self.now = now or self._moment.time
        self._stores = {store.key: store for store in here.view.stores}
        self._state = here.config.state
        view = here.view
        shown = [part for part in view.parts if part.store.key in said.moments]
        parts = [part._replace(store=Former(kept, part.store)) for part in shown]
        then = View(view.workspace, view.mode, view.mode_source, parts, view.absent)
        self._then = Workspace(then, here.config, Index(kept.folder, here.config.languages), at=self.now)

    def search(  # noqa: PLR0913  (each is a way to ask)
        self,
        text: str,
        *,
        also: Sequence[str] = (),
        filters: Filters = NO_FILTERS,
        limit: int = 10,
        regex: str = "",
        semantic: bool | None = None,
    ) -> Results:
        """Return what `Workspace.search` would have."""
        found = self._then.search(text, also=also, filters=filters, limit=limit, regex=regex, semantic=semantic)
        hits = tuple(hit._replace(entry=self._placed(hit.entry)) for hit in found.hits)
        return found._replace(hits=hits, notes=(*self._notes, *found.notes), at=self._moment)

    def list(
        self, *, filters: Filters = NO_FILTERS, sort: str = "created", limit: int = 20, offset: int = 0
    ) -> Listing:
        """Return what `Workspace.list` would have."""
        found = self._then.list(filters=filters, sort=sort, limit=limit, offset=offset)
        entries = tuple(map(self._placed, found.entries))
        return found._replace(entries=entries, notes=(*self._notes, *found.notes), at=self._moment)

    def get(self, reference: str, *, scope: str = "") -> Entry:
        """Return what `Workspace.get` would have."""
        return self._placed(self._then.get(reference, scope=scope))

    def _placed(self, entry: Entry) -> Entry:
        """Return *entry* where it lay, and whether anybody vouches for such a text there."""
        store = self._stores[entry.store.key]
        places = trust.places_of(store.root.parent)
        trusted = not store.is_project or trust.vouches(self._state, places, entry.file.digest)
        return entry._replace(store=store, trusted=trusted, at=self._moments[store.key])


@contextmanager
def at(here: Workspace, when: str) -> Iterator[Past]:
    """Give the memories that are visible from *here* as they were.

    Args:
        here: Whose view; stores that lie in no git repository are left out, and so are other projects': what they
            show is what they have now.
        when: A time in the words of filters (`2026-06-01` means its end, `3w` that long ago), or what git calls a
            commit in the nearest store's repository: other repositories are taken as they were at its time.

    Raises:
        Invalid: It is neither.
        NotFound: Nothing was committed by then.
        Refused: No store lies in a git repository, or one holds too much.
        GitFailed, StorageFailed: As they say.
    """
    until, archive, stores = _time(when), Archive(here.config.cache / FOLDER), here.view.own
    question = _question(stores, when, until)
    held = None
    while held is None:
        kept = archive.answering(question) or _made(archive, here, when, until)
        held = archive.hold(kept.folder, question)
    with held:
        yield Past(here, kept, said_in(held), until and min(until, datetime.now(UTC)))


def _time(when: str) -> datetime | None:
    """Return the last moment of the time *when*, None when it is none."""
    try:
        last = bounds("created", f"<={ago(when, datetime.now(UTC))}")[1]
    except ValueError:
        return None
    return None if last is None else _EPOCH + timedelta(milliseconds=last)


def _question(stores: Sequence[Store], when: str, until: datetime | None) -> str:
    """Return a name for what is asked, under which the answer stays the same; empty when it need not."""
    named = until is None
    if named and when != "HEAD" and not _COMMIT.fullmatch(when):
        return ""  # a tag or a branch may be moved
    grounds = [checked_out(store.root) for store in stores]
    nearest = next((number for number, ground in enumerate(grounds) if ground != ""), None)
    if named and when != "HEAD" and nearest is not None:  # a commit is the same whatever is checked out there
        grounds[nearest] = ""
    if None in grounds:
        return ""
    return _digest([when if until is None else until.isoformat(), [str(store.root) for store in stores], grounds])


def _made(archive: Archive, here: Workspace, when: str, until: datetime | None) -> Kept:
    """Return the folder of what is asked for, made if there is none; raises like `at`."""
    from memfs import former

    stores = here.view.own
    places, notes = former.places(stores, when, until)
    roots = {store.key: str(store.root) for store in stores}
    name = _digest([*((roots[key], place.moment.commit) for key, place in places.items()), *notes])
    if kept := archive.called(name):
        return kept
    said = Said({key: place.moment for key, place in places.items()}, notes)
    with archive.making(name, said) as folder:
        index = Index(folder, here.config.languages)
        for store in (Former(Kept(folder, {}), store) for store in stores if store.key in places):
            former.put_out(places[store.key], store)
            index.refresh(store, store.scan().files, own=True)
    return Kept(archive.place / name, {})


def _digest(said: object) -> str:
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]
