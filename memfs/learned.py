"""Who wrote each memory and when, by the log of the repository around its store: one pass, and later what is new.

It takes what git takes, so it is no part of a search, nor of anything that an agent waits for.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from memfs.answers import LAST_SECOND
from memfs.errors import MemfsError
from memfs.index import Index
from memfs.index import Learned
from memfs.index import Table
from memfs.repository import Repository
from memfs.store import Store
from memfs.workspace import Workspace

WAIT_SECONDS = 30.0
"""For another process that writes the index."""
LOG_SECONDS = 60.0
"""After which git is not waited for any longer."""
MOST_LOGGED = 1 << 27
"""Bytes of a log that are looked at: some 900,000 changes; what is made of them takes several times that."""
LONGEST_AUTHOR = 100
"""Characters of a name."""
_LOG = (
    "--literal-pathspecs", "log", "--root", "--raw", "-z", "--no-abbrev", "-M100%", "-c", "--topo-order",
    "--reverse", "-O/dev/null", "--no-ext-diff", "--no-textconv", "--no-show-signature", "--no-color", "--no-notes",
    "--no-mailmap", "--no-follow", "--no-relative", "--encoding=UTF-8", "--format=%H %ct %an",
)  # fmt: skip
"""Parents first; a rename is one that changes no byte, since to compare texts a partial clone would have to fetch."""


def learn(here: Workspace, pause: Callable[[], None] = lambda: None) -> Sequence[str]:
    """Learn when the memories of the view's own stores were committed, and by whom; return why that is not all known.

    The times are then those of `created` and `updated` where a memory says none. *here* may be used meanwhile: before
    each commit to the index *pause* lets others have their turn.
    """
    index = Index(here.config.cache, here.config.languages)
    notes = []
    for store in here.view.own:
        try:
            _learn(index, store, pause)
        except MemfsError as error:
            notes.append(f"Who wrote the memories of the {store.scope} store could not be learned: {error}")
    return notes


def _learn(index: Index, store: Store, pause: Callable[[], None]) -> None:
    repository = Repository.of(store.root) if store.is_there() else None
    if repository is None or not (head := repository.tip):
        return
    boundary = _boundary(repository)
    around = f"{hashlib.sha256(' '.join(sorted(boundary)).encode()).hexdigest()} {repository.prefix}"
    before = index.learned(store)
    if before.ground == f"{head} {around}":
        return
    known, _, known_around = before.ground.partition(" ")
    if known_around != around or repository.run("merge-base", "--is-ancestor", known, head, fine=(0, 1, 128)).code:
        known, before = "", Table()
    files = {path: blob.oid for path, blob in repository.own_tree(head).items() if blob.is_file}
    told = _told(repository, files, before, f"{known}..{head}" if known else head, boundary)
    if known and len(told) < len(files):  # a merge has what was gone by then: who made it is further back
        told = _told(repository, files, Table(), head, boundary)
    index.learn(store, told, f"{head} {around}", wait=WAIT_SECONDS, pause=pause)


def _told(
    repository: Repository, files: Mapping[str, str], before: Table, revisions: str, boundary: frozenset[str]
) -> dict[str, Learned]:
    """Return what `_Stories.told` does of *files*, on top of *before*, by the log of *revisions*."""
    under = [repository.prefix] if repository.prefix else []
    listed = repository.run(*_LOG, revisions, "--", *under, seconds=LOG_SECONDS, most=MOST_LOGGED)
    stories = _Stories(before, repository.prefix)
    for deed in _read(iter(listed.fields), boundary):
        stories.add(deed)
    return stories.told(files)


def _boundary(repository: Repository) -> frozenset[str]:
    """Return the commits at which a shallow clone ends: they seem to have made all that there was before them."""
    path = repository.top / repository.run("rev-parse", "--git-path", "shallow").line
    with suppress(OSError, ValueError):
        return frozenset(path.read_text().split())
    return frozenset()


class _Deed(NamedTuple):
    """What a commit made of a file.

    Attributes:
        path, before: From the top; they differ for a file that was renamed.
        letters: Git's, one for each parent: A added, D removed, and others.
    """

    author: str
    at: int
    oid: str
    path: str
    before: str
    letters: str


def _read(fields: Iterator[str], boundary: frozenset[str]) -> Iterator[_Deed]:
    """Yield what git listed as `_LOG` says: a line about a commit, then for each file one about it, and its names.

    Who made what comes from beyond *boundary* is not known, but that it was there by then.
    """
    author, at = "", 0
    for field in fields:
        line = field.removeprefix("\n")
        if not line.startswith(":"):
            if line:
                name, second, written = line.split(" ", 2)
                author = "" if name in boundary else _text(written)
                at = min(int(second), LAST_SECOND) if second.isdecimal() else 0  # a hostile commit has any word there
            continue
        *_, oid, letters = line.split(" ")
        before = next(fields)
        is_renamed = letters[1:].isdigit()  # how much of itself it has kept
        yield _Deed(author, at, oid, next(fields) if is_renamed else before, before, letters)


def _text(name: str) -> str:
    """Return the name of a person as text: git has it as bytes."""
    return os.fsencode(name).decode("utf-8", "replace").strip()[:LONGEST_AUTHOR]


class _Stories:
    """What became of each file, commit for commit, on top of what was known *before* of those below *prefix*."""

    def __init__(self, before: Table, prefix: str) -> None:
        self._before = before
        self._prefix = prefix
        self._created: dict[str, int] = {}
        self._last: dict[str, Learned] = {}
        self._made: dict[tuple[str, str], Learned] = {}
        self._gone: set[str] = set()

    def add(self, deed: _Deed) -> None:
        """Take in the next deed; those of a commit come after those of its parents."""
        if deed.letters == "D":
            self._gone.add(deed.path)
            return
        is_new = not deed.letters.strip("A")
        known = self._known(deed.before)
        first = self._created.get(deed.before, known.created if known else deed.at)
        if is_new:  # once more, after it was gone; or in two lines of work that had not met yet
            first = deed.at if deed.path in self._gone else min(first, deed.at)
        self._gone -= {deed.path}
        self._gone |= {deed.before} - {deed.path}
        self._created[deed.path] = first
        self._last[deed.path] = self._made[deed.path, deed.oid] = Learned(deed.oid, first, deed.at, deed.author)

    def told(self, files: Mapping[str, str]) -> dict[str, Learned]:
        """Return what is known, by path below the prefix, of *files*: path from the top to the object it is now."""
        told = {}
        for path, oid in files.items():
            # where two lines of work met, what was done last need not be what is there
            said = self._made.get((path, oid)) or self._last.get(path) or self._known(path)
            if said is not None:
                told[path.removeprefix(self._prefix)] = said._replace(oid=oid)
        return told

    def _known(self, path: str) -> Learned | None:
        return self._before.find(path.removeprefix(self._prefix)) if path.startswith(self._prefix) else None
