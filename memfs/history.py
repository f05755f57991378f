"""What a memory was: what the undo journal holds and what the repositories around it have, joined.

A version is a state of the text. The journal holds what was there before each change, git what was there after it;
where both hold one state it is one version. Nothing here writes, and nothing is fetched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from datetime import UTC
from datetime import datetime
from itertools import pairwise
from itertools import takewhile
from math import inf
from typing import NamedTuple

from memfs import memory as memories
from memfs.answers import LAST_SECOND
from memfs.answers import Entry
from memfs.commits import Commit
from memfs.commits import as_of
from memfs.commits import commits
from memfs.commits import is_in_git
from memfs.errors import NotFound
from memfs.memory import Memory
from memfs.store import Store
from memfs.undo import MADE
from memfs.undo import Entry as Kept

MOST = 1_000
"""Versions that are looked through for one that has a name."""
PLACES = 8
"""Where a memory has lain, of which git is asked."""
LEAST = 4
"""Characters of a version's name that a caller has to give."""
_JUST = 1e-6
NOW = "now"
"""The name of what is there at present."""


class Change(NamedTuple):
    """What a version changed: which keys; whether the body, and how many lines of it came and went."""

    keys: tuple[str, ...]
    body: bool
    added: int
    removed: int


class Version(NamedTuple):
    """A state of a memory's text, and where it lay.

    Attributes:
        at: Since when, in seconds since the epoch; of what nobody wrote down: until when.
        made: What memfs did to bring it about, None when that was somebody else.
        since: What memfs did last, where somebody else has edited since what is there at present.
        kept: What memfs did to replace it, so that the journal holds it; None when it does not.
        commit: What holds it in git, None when nothing does.
        trusted: Whether somebody vouches for the text.
        change: From the version before; None where none is known.
    """

    raw: bytes
    store: Store
    path: str
    at: float
    made: Kept | None = None
    since: Kept | None = None
    kept: Kept | None = None
    commit: Commit | None = None
    trusted: bool = False
    change: Change | None = None

    @property
    def name(self) -> str:
        """What it is called; what is there at present may have no other name yet."""
        return self.commit.name if self.commit else self.kept.version if self.kept else NOW

    @property
    def when(self) -> datetime:
        """`at` as a time; clocks, and whoever wrote a commit, may say anything."""
        return datetime.fromtimestamp(min(max(self.at, 0), LAST_SECOND), UTC)

    @property
    def short(self) -> str:
        """The same for people."""
        return self.commit.name[:10] if self.commit else self.name

    @property
    def deeds(self) -> tuple[Kept | None, Kept | None]:
        """What memfs did to bring it about, and what it did before, where that was another's: a rename by hand is."""
        renamed = self.made is not None and self.made.new_path != self.path
        return (None, self.made) if renamed else (self.made, self.since)

    def called(self, name: str) -> bool:
        """Return whether *name* is its name, or the beginning of one."""
        names = ([self.commit.name] if self.commit else []) + ([self.kept.version] if self.kept else [])
        return len(name) >= LEAST and any(each.startswith(name.lower()) for each in names)


class NoVersion(NotFound):
    """A memory has no such version, or several of which the name may be the beginning."""

    def __init__(self, memory_id: str, name: str, names: Sequence[str]) -> None:
        listed = ", ".join(names[:5])
        sentence = f"{memory_id} has no other version: there is nothing to bring back, and nothing to compare with."
        if name:
            what = "has no version, or more than one, that begins with"
            where = "`memfs history`, or get_memory_history, lists them all"
            sentence = f"{memory_id} {what} {name[:80]!r}; {where}, the newest are {listed}."
        super().__init__(memory_id, sentence=sentence)


class History(NamedTuple):
    """The versions of a memory, newest first.

    Attributes:
        present: The memory as it is, which is the first version; None of a forgotten one.
        more: Whether there are older versions than were asked for.
        committed: Whether what is there is in the last commit; None where no repository is around it.
        notes: What the caller should know.
    """

    memory_id: str
    present: Entry | None
    versions: tuple[Version, ...]
    more: bool
    committed: bool | None
    notes: tuple[str, ...]

    @property
    def title(self) -> str:
        """Of the newest version."""
        return memories.parse(self.versions[0].raw, self.versions[0].path).title

    def named(self, name: str) -> Version:
        """Return the version *name*, which may be a beginning of at least `LEAST` characters; `now` is the first.

        What else git calls a commit, such as `HEAD~1` or a branch, is the version that the memory was there.

        Raises:
            NoVersion: There is none, or more than one.
        """
        if name == NOW and self.present:
            return self.versions[0]
        found = [version for version in self.versions if version.called(name)] or list(self._as_of(name))[:1]
        if len(found) != 1:
            raise NoVersion(self.memory_id, name, [version.short for version in found or self.versions])
        return found[0]

    def _as_of(self, revision: str) -> Iterator[Version]:
        """Yield what the memory is in the commit *revision* of each repository that it lies or lay in."""
        for store in {version.store.key: version.store for version in self.versions}.values():
            paths = list(dict.fromkeys(each.path for each in self.versions if each.store.key == store.key))[:PLACES]
            commit = as_of(store, paths, self.memory_id, revision)
            if commit is not None and commit.raw is not None:
                there = (commit.raw, store.key, commit.path)
                same = (each for each in self.versions if (each.raw, each.store.key, each.path) == there)
                trusted = not store.is_project
                made = Version(commit.raw, store, commit.path, commit.at, commit=commit, trusted=trusted)
                yield next(same, made)

    def before(self) -> Version:
        """Return the newest version with another text than the first has, which that was made of.

        Of what two did beside each other, that is what was there where a commit was made, as its first parent has it.
        What was in conflict and is settled is nothing to go back to, unless there is nothing else.

        Raises:
            NoVersion: There is none.
        """
        first, *_ = self.versions
        others = [version for version in self.versions if version.raw != first.raw]
        same = takewhile(lambda version: version.raw == first.raw, self.versions)  # a rename leaves the text as it is
        made_of = {version.commit.before for version in same if version.commit}

        def leads_here(commit: Commit | None) -> bool:
            return commit is None or (commit.after in made_of if made_of else commit.current)

        if not others:
            raise NoVersion(self.memory_id, "", [])
        nearer = (version for version in others if leads_here(version.commit))
        settled = (version for version in (*nearer, *others) if not memories.is_in_conflict(version.raw))
        return next(settled, others[0])


class Known(NamedTuple):
    """What is joined.

    Attributes:
        memory_id: Whose history it is.
        present: The memory as it is, None of a forgotten one.
        kept: What the journal holds, newest first: in which store, the entry, the bytes before it.
        places: Where it lies and lay, newest first.
        vouches: Says whether somebody vouches for a text in a store.
    """

    memory_id: str
    present: Entry | None
    kept: Sequence[tuple[Store, Kept, bytes]]
    places: Sequence[tuple[Store, str]]
    vouches: Callable[[Store, bytes], bool]


def joined(known: Known, limit: int) -> History:
    """Return the newest *limit* versions of a memory; what git cannot tell is left out, with a note.

    Raises:
        NoVersion: There is none: it was saved, and its file is gone.
    """
    notes: list[str] = []
    states = list(_states(known))
    loose: list[Version] = []
    seen: set[tuple[str, ...]] = set()
    for store, path in known.places[:PLACES]:
        newer = latest = inf
        if (store.key, path) in seen:
            continue  # a name that git followed it to
        for commit in commits(store, path, known.memory_id, limit + 1, notes):
            if commit.raw is None and newer == inf and not (known.present or seen):
                notes.append(f"It was removed from git by the commit {commit.name[:10]}.")
            elif commit.raw is not None and (key := (store.key, commit.path, commit.name)) not in seen:
                seen |= {key, key[:2]}
                version = Version(commit.raw, store, commit.path, min(commit.at, latest), commit=commit)
                if (found := _merged(states, version, newer)) is None:
                    found = version._replace(made=_maker(known, version))
                    loose.insert(0, found)
                latest = found.at - _JUST
            newer = int(commit.at) + 1
    first = [states.pop()] if known.present else []
    versions = [*first, *sorted([*states, *loose], key=lambda version: version.at)[::-1]]
    if not versions:
        raise NoVersion(known.memory_id, "", [])
    read = [memories.parse(version.raw, version.path) for version in versions[: limit + 1]]
    changes = [*(_change(new, old) for new, old in pairwise(read)), None]
    told = (
        version._replace(change=change, trusted=known.vouches(version.store, version.raw))
        for version, change in zip(versions[:limit], changes, strict=False)
    )
    committed = _is_committed(versions) if first and is_in_git(versions[0].store) else None
    more = len(versions) > limit
    return History(known.memory_id, known.present, tuple(told), more, committed, tuple(dict.fromkeys(notes)))


def _is_committed(versions: Sequence[Version]) -> bool:
    """Return whether the first of *versions*, what is there, is what the last commit has at that place."""
    first, *_ = versions
    current = (each for each in versions if each.commit and each.commit.current)
    return any((each.raw, each.store.key, each.path) == (first.raw, first.store.key, first.path) for each in current)


def _states(known: Known) -> Iterator[Version]:
    """Yield what the journal holds, oldest first, and then what is there."""
    last: Kept | None = None
    for store, entry, raw in reversed(known.kept):
        if entry.verb not in MADE:
            made = last if last and last.digest == memories.digest(raw) else None
            yield Version(raw, store, entry.path, made.at if made else entry.at, made, kept=entry)
        last = entry
    if (now := known.present) is not None:
        made = last if last and last.digest == now.file.digest else None
        at = made.at if made else now.file.stamp.mtime_ns / 1e9
        yield Version(now.file.raw, now.store, now.memory.path, at, made, since=None if made else last)


def _maker(known: Known, version: Version) -> Kept | None:
    """Return what memfs did to bring about a *version* that was committed, None when that was somebody else."""
    digest, root = memories.digest(version.raw), str(version.store.root)
    made = (entry for _, entry, _ in known.kept if (entry.digest, entry.new_root) == (digest, root))
    return next((entry for entry in made if entry.at <= version.at), None)


def _merged(states: list[Version], version: Version, newer: float) -> Version | None:
    """Return which of the journal's *states* a commit's *version* is, from then on known by both names, if it is one.

    It is the same text, committed while it was there, by git's whole seconds. A state that nobody wrote down may have
    come to be at any time: it is the commit that was the newest when it was replaced. From *newer* on a newer commit
    was there for sure; it is infinite for the newest.
    """
    assert version.commit is not None  # noqa: S101  (it is made of one)
    second = int(version.commit.at)
    for number, state in enumerate(states):
        start, end = state.made.at if state.made else -inf, state.kept.at if state.kept else inf
        same = state.commit is None and state.raw == version.raw and state.store.key == version.store.key
        same = same and (state.kept is not None or state.path == version.path)
        if same and start - 1 <= second <= end and (end <= newer or version.commit.current):
            at = state.at if state.deeds[0] else min(version.at, end)
            states[number] = state._replace(commit=version.commit, at=at)
            return states[number]
    return None


def _change(new: Memory, old: Memory) -> Change:
    ours, theirs = (memory.header.values if memory.header else {} for memory in (new, old))
    keys = [key for key in dict.fromkeys((*ours, *theirs)) if ours.get(key) != theirs.get(key)]
    after, before = (Counter(memory.body.splitlines()) for memory in (new, old))
    return Change(tuple(keys), new.body != old.body, (after - before).total(), (before - after).total())
