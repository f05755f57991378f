"""What the verbs answer with, and what they save: records of values, for every face alike."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING
from typing import NamedTuple

from memfs.changes import Changes
from memfs.index import Learned
from memfs.index import Snippet
from memfs.memory import Memory
from memfs.memory import Problem
from memfs.store import File
from memfs.store import Store
from memfs.values import Value

if TYPE_CHECKING:
    from memfs.committing import Standing

LAST_SECOND = 253_402_300_799
"""Of the year 9999; some file systems hold later times, and no calendar does."""


class Draft(NamedTuple):
    """A memory to be saved.

    Attributes:
        body: Markdown; may be empty when there is a title.
        values: Untyped values by key of the format; `id` and `created` are made when absent.
        scope: The wish: `workspace`, `global` or `group:<name>`; empty for the mode's own.
    """

    body: str
    values: Mapping[str, Value] = MappingProxyType({})
    scope: str = ""


class Moment(NamedTuple):
    """A commit, and when it was made."""

    commit: str
    time: datetime


class Entry(NamedTuple):
    """A memory where it lies: what it says, in which store, and the digest that a later write must show.

    Attributes:
        trusted: Whether the text is the user's own: global, of a group, or in a project and vouched for.
        learned: What git says of the file; None when that is not known.
        at: The commit that it is of; None of one that is there now.
    """

    memory: Memory
    store: Store
    file: File
    trusted: bool
    learned: Learned | None = None
    at: Moment | None = None

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return self.store.absolute(self.memory.path)

    @property
    def changed(self) -> datetime:
        """When the file was last written to."""
        return datetime.fromtimestamp(min(max(self.file.stamp.mtime_ns // 1_000_000_000, 0), LAST_SECOND), UTC)

    @property
    def created(self) -> datetime:
        """When it was learned: as written, else when it was first committed, else when the file was last written to."""
        first = None if self.learned is None else datetime.fromtimestamp(self.learned.created, UTC)
        return self.memory.created or first or self.changed

    @property
    def updated(self) -> datetime:
        """When it was last changed: as written, else when its text was committed, else when the file was written to."""
        last = None if self.learned is None else self.learned.updated
        return self.memory.updated or (self.changed if last is None else datetime.fromtimestamp(last, UTC))

    @property
    def author(self) -> str:
        """Who committed the text as it is; empty when that is not known."""
        return "" if self.learned is None else self.learned.author


class Neighbour(NamedTuple):
    """A memory that is near another one, and why.

    Attributes:
        score: How alike the two texts are, 0–1.
        relation: The type of the link between them; empty when only their texts are alike.
        incoming: Whether this one has the link.
    """

    entry: Entry
    score: float
    relation: str = ""
    incoming: bool = False


class Copies(NamedTuple):
    """A memory, and others that say nearly the same, most alike first.

    Attributes:
        merged: Whether the others were folded into it.
    """

    entry: Entry
    others: tuple[Neighbour, ...]
    merged: bool = False


class Duplicates(NamedTuple):
    """Groups of memories that say nearly the same.

    Attributes:
        groups: The most alike first.
        total: How many groups there are, with those beyond the limit.
    """

    groups: tuple[Copies, ...]
    total: int
    notes: tuple[str, ...] = ()


class Related(NamedTuple):
    """What is near a memory: linked ones first, then those whose texts are most alike."""

    entry: Entry
    neighbours: tuple[Neighbour, ...]
    notes: tuple[str, ...] = ()


class Done(NamedTuple):
    """What a verb that writes came to.

    Attributes:
        verb: What was done: save, update, move, forget, restore, consolidate, undo.
        entry: The memory as it is now; of a forgotten one, as it was.
        notes: What the caller should know: another scope than wished for, not searchable yet.
        similar: Of a save: memories that say nearly the same already, most alike first.
        removed: Of a consolidation: what was folded into the memory, as it was.
    """

    verb: str
    entry: Entry
    notes: tuple[str, ...] = ()
    similar: tuple[Neighbour, ...] = ()
    removed: tuple[Entry, ...] = ()


class Hit(NamedTuple):
    """A memory that a search found.

    Attributes:
        score: What it is ranked by, 0–1: `text` × `weight`.
        text: The share of the best score that the question allows.
        weight: The factor of its scope.
        snippet: The piece of its body that matches best.
    """

    entry: Entry
    score: float
    text: float
    weight: float
    snippet: Snippet


class Results(NamedTuple):
    """What a search answers: hits, best first, and what the caller should know of how they came about.

    Attributes:
        at: The commit that was searched; None: what is there now was.
    """

    query: str
    mode: str
    hits: tuple[Hit, ...]
    notes: tuple[str, ...] = ()
    at: Moment | None = None


class Listing(NamedTuple):
    """What a list answers.

    Attributes:
        entries: One page, in the order that was asked for.
        total: How many memories pass the filters.
        next_offset: Where the next page begins, None on the last one.
        at: The commit that was looked at; None: what is there now was.
    """

    entries: tuple[Entry, ...]
    total: int
    next_offset: int | None
    notes: tuple[str, ...] = ()
    at: Moment | None = None


class Event(NamedTuple):
    """Files of a store differ from what this process knew."""

    store: Store
    changes: Changes


class Flaw(NamedTuple):
    """A file, or a part of one, that memfs could not take as it stands: state `ok` means that only a value is off."""

    store: Store
    path: str
    state: str
    problem: Problem


class Link(NamedTuple):
    """With what a store is synced.

    Attributes:
        address: Of the remote, without credentials.
        unpushed: How many commits that did not have after the last sync; None: there was none yet.
    """

    address: str
    unpushed: int | None


class StoreStatus(NamedTuple):
    """How a store of the view is doing; numbers are of files.

    Attributes:
        untrusted: Memories whose text nobody vouches for.
        flaws: Everything that `doctor` would list, by path.
        seen_by: Who sees its memories, in words.
        git: How they stand in the repository around it; None when there is none, or it cannot be told.
        remote: With what `memfs sync` syncs it; None when it does not, or it cannot be told.
    """

    store: Store
    weight: float
    exists: bool
    untrusted: int
    files: int
    flaws: tuple[Flaw, ...]
    seen_by: str
    git: Standing | None
    remote: Link | None

    @property
    def conflicts(self) -> tuple[str, ...]:
        """What is in conflict, by path: with both texts in the file, or for git, whose index alone may know it."""
        marked = (flaw.path for flaw in self.flaws if flaw.state == "conflict")
        return tuple(dict.fromkeys((*marked, *(self.git.conflicts if self.git else ()))))

    def having(self, state: str) -> int:
        """Return how many files are in *state*."""
        if state == "conflict":
            return len(self.conflicts)
        return len({flaw.path for flaw in self.flaws if flaw.state == state})


class GuestStatus(NamedTuple):
    """What is visible of another project's store.

    Attributes:
        channels: The patterns of which it shows what is in such a channel; None: it shows everything.
        memories: How many it shows.
    """

    store: Store
    weight: float
    channels: tuple[str, ...] | None
    memories: int


class Status(NamedTuple):
    """Where am I, what do I see, and is all well.

    Attributes:
        subscriptions: Patterns of the channels that are seen from here, in hybrid mode.
        semantic: Whether memories can be found by meaning, too, and by what, or why not.
    """

    workspace: Path
    mode: str
    mode_source: str
    stores: tuple[StoreStatus, ...]
    guests: tuple[GuestStatus, ...]
    subscriptions: tuple[str, ...]
    index_folder: Path
    index_bytes: int
    semantic: str
    notes: tuple[str, ...]
