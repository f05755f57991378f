"""What happened to the memories of a view, by whom and where, told one memory at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Literal
from typing import NamedTuple

from memfs import trust
from memfs.changes import GONE
from memfs.index import Change
from memfs.index import Told
from memfs.scope import Part
from memfs.store import Store
from memfs.undo import Entry as Version
from memfs.workspace import Workspace

BEGINNING = "none:0"
"""A cursor before all that is known."""
JUST_SECONDS = 600.0
"""An entry of the undo journal that is older than a change speaks of another one."""

What = Literal["added", "changed", "removed", "moved"]


class Place(NamedTuple):
    """Where a memory lies, or lay; `store` is the key of the store."""

    scope: str
    path: Path
    store: str


class Happening(NamedTuple):
    """Something that happened to a memory.

    Attributes:
        at: When it was noticed.
        what: `moved` is said of one that has left one place of the view for another.
        trusted: Whether somebody vouches for what it says.
        by: `memfs`, or `other`: an editor, git or another program.
        session: The agent's session that did it, where one did.
        came_from: Where one that moved lay before.
    """

    at: datetime
    what: What
    memory_id: str
    title: str
    place: Place
    trusted: bool
    by: Literal["memfs", "other"]
    session: str = ""
    came_from: Place | None = None


class Feed(NamedTuple):
    """What happened since a cursor.

    Attributes:
        cursor: Where to go on.
        whole: Whether all of it is known; not after the cache was lost.
    """

    happenings: tuple[Happening, ...]
    cursor: str
    whole: bool


_File = tuple[str, str]
"""A store's key and a path in it."""


def since(here: Workspace, cursor: str, *, without: Collection[str] = ()) -> Feed:
    """Return what happened in the view of *here* since *cursor*, oldest first; an empty one begins now.

    The index has to be up to date with the stores. What was only touched is left out, and so are what came and went
    and what the sessions *without* did.
    """
    place, _, view = cursor.partition("@")
    news = here.index.news(place)
    parts = {part.store.key: part for part in here.view.parts}
    changes = [change for change in news.changes if change.store in parts]
    many = [change for change in changes if not change.path and parts[change.store].channels is None]
    theirs = [each for each in changes if each.path and not (without and _session(here, each) in without)]
    now = _view(here)
    happenings = _happenings(here, _merged(parts, theirs))
    # what is gone cannot be asked whether it was seen from here before the view became what it is
    told = tuple(each for each in happenings if each.what != "removed" or view == now)
    return Feed(told, f"{news.cursor}@{now}", news.whole and not many)


def lately(here: Workspace, when: datetime, *, without: Collection[str] = ()) -> Feed:
    """Return what happened in the view of *here* since *when*, as far as that is known; what is gone is left out."""
    told = since(here, BEGINNING, without=without)
    return told._replace(happenings=tuple(each for each in told.happenings if each.at >= when))


def _view(here: Workspace) -> str:
    """Return what changes when the view of *here* shows other stores, or more or less of them."""
    parts = sorted((part.store.key, part.channels or ()) for part in here.view.parts)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def _session(here: Workspace, change: Change) -> str:
    """Return the session that did *change*; empty when none did, or nobody knows."""
    done = _done(here, change, change)
    return done.session if done else ""


def _merged(parts: Mapping[str, Part], changes: Iterable[Change]) -> Mapping[_File, Change]:
    """Return what *changes* amount to for each file that *parts* show, before or after."""
    merged: dict[_File, Change] = {}
    for change in changes:
        file = change.store, change.path
        first = merged.pop(file, change)  # in the order of what came last
        before, after = (
            said if said is not None and parts[change.store].shows(said.channels, said.digest) else None
            for said in (first.before, change.after)
        )
        merged[file] = change._replace(before=before, after=after)
    return {file: each for file, each in merged.items() if _digest(each.before) != _digest(each.after)}


def _happenings(here: Workspace, changes: Mapping[_File, Change]) -> Iterator[Happening]:
    lost = {file: each.before for file, each in changes.items() if each.before and not each.after}
    origins = {name: file for file, said in lost.items() for name in (said.digest, said.memory_id)}
    moved: set[_File] = set()
    told: list[tuple[Change, _File | None]] = []
    for change in changes.values():
        origin = None
        if change.after and not change.before:
            origin = origins.get(change.after.memory_id) or origins.get(change.after.digest)
            origin = None if origin in moved else origin
            moved |= {origin} if origin else set()
        told.append((change, origin))
    for change, origin in told:
        # of what others did to a file since then, and is not told here, nothing may be left
        is_there = change.after is None or _store(here, change).stamp(change.path) != GONE
        if is_there and (change.store, change.path) not in moved:
            yield _happening(here, change, changes[origin] if origin else None)


def _happening(here: Workspace, change: Change, origin: Change | None) -> Happening:
    said = change.after or change.before
    assert said is not None  # noqa: S101  (`_merged` leaves nothing else)
    what: What = "moved" if origin else "changed" if change.before and change.after else "added"
    done, store = _done(here, origin or change, change), _store(here, change)
    return Happening(
        datetime.fromtimestamp(change.at / 1000, UTC),
        "removed" if change.after is None else what,
        said.memory_id,
        said.title,
        _place(here, change),
        not store.is_project or trust.vouches(here.config.state, trust.places_of(store.root.parent), said.digest),
        "memfs" if done else "other",
        (done.session or (said.session if done.verb == "save" else "")) if done else "",
        _place(here, origin) if origin else None,
    )


def _store(here: Workspace, change: Change) -> Store:
    return next(store for store in here.view.stores if store.key == change.store)


def _place(here: Workspace, change: Change) -> Place:
    store = _store(here, change)
    return Place(store.scope, store.absolute(change.path), store.key)


def _done(here: Workspace, before: Change, change: Change) -> Version | None:
    """Return the entry of the undo journal by which memfs did *change* to what was *before*, if it did."""
    said = change.after or change.before
    root = str(_store(here, change).root)
    earliest = change.at / 1000 - JUST_SECONDS
    for entry in here.journal.entries(None, said.memory_id) if said else ():
        if entry.at < earliest:
            break
        left = change.after is None and (entry.root, entry.path) == (root, before.path) and entry.new_root != root
        came = change.after is not None and (entry.new_root, entry.new_path) == (root, change.path)
        if left or (came and change.after is not None and entry.digest == change.after.digest):
            return entry
    return None


def _digest(said: Told | None) -> str:
    return said.digest if said else ""
