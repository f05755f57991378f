"""What git's log says of one memory of a store, and of those that are gone from it. Nothing is run or fetched by it."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from math import inf
from typing import NamedTuple

from memfs import memory as memories
from memfs.errors import Refused
from memfs.errors import StorageFailed
from memfs.git import GitFailed
from memfs.memory import MAX_BYTES
from memfs.memory import Memory
from memfs.repository import Repository
from memfs.store import Store

SECONDS = 20.0
"""After which git is not waited for any longer."""
MOST_GONE = 1_000
"""Commits that removed something, and removed memories, that are looked at."""
_LOG = ("log", "--root", "--raw", "-z", "--no-abbrev", "-O/dev/null", "--no-ext-diff", "--no-textconv", "--no-color",
        "--no-show-signature", "--encoding=UTF-8", "--format=%H%x00%an%x00%ct%x00%s")  # fmt: skip
_JUST = 1e-6
_BLAMED = re.compile(rb"^([0-9a-f]{40,64}) \d+ \d+(?: \d+)?$", re.MULTILINE)
"""Which commit git says that a line is of; the line itself follows behind a tab."""


class Commit(NamedTuple):
    """A commit that changed a memory.

    Attributes:
        at: Seconds since the epoch, at the end of the second that git knows; never later than a later commit.
        path: Of the memory in it, below the store.
        raw: Its bytes after it; None when it removed the memory.
        current: Whether that is what the last commit has: a later one may be of a side that a merge left behind.
        before, after: What git calls those bytes in its first parent, and in it.
    """

    name: str
    author: str
    subject: str
    at: float
    path: str
    raw: bytes | None
    current: bool = False
    before: str = ""
    after: str = ""


class _Change(NamedTuple):
    """What a commit did to a file: git's letter for it, its path from the top, its objects (none: zeros)."""

    commit: tuple[str, str, str, float]
    letter: str
    path: str
    before: str
    after: str


def commits(store: Store, path: str, memory_id: str, limit: int, notes: list[str]) -> Iterator[Commit]:
    """Yield the newest *limit* commits that changed the memory at *path* of *store*, newest first, through renames.

    Where git cannot be asked, or does not have it all, less is yielded, and *notes* say so.
    """
    try:
        if (repository := _born(store)) is None:
            return
        changes, texts = _story(repository, store, path, memory_id, limit)
        head = repository.tree(repository.tip, [repository.prefix + path, *(change.path for change in changes)])
        if len(changes) < limit and repository.run("rev-parse", "--is-shallow-repository").line == "true":
            notes.append(f"{repository.top} is a shallow clone; `git fetch --unshallow` brings what was before.")
    except (GitFailed, Refused, StorageFailed) as error:
        notes.append(f"What git has is left out: {error}")
        return
    current = next((each for each in changes if each.path in head and head[each.path].oid == each.after), None)
    for change in changes:
        raw, lay = texts.get(change.after), os.path.relpath(change.path, repository.prefix or ".")
        if raw is None and change.after.strip("0"):
            notes.append(f"Some of it is not in this clone; `git log -p -- {change.path}` in {repository.top} gets it.")
            continue
        yield Commit(*change.commit, lay, raw, change is current, change.before, change.after)


def _story(
    repository: Repository, store: Store, path: str, memory_id: str, limit: int
) -> tuple[list[_Change], Mapping[str, bytes]]:
    """Return what the newest *limit* commits did to the memory, newest first, and the texts that they made of it."""
    changes = _changes(repository, [repository.prefix + path], limit, "--follow", "-c")
    if not changes and (former := _renamed(repository, store, memory_id)):
        changes = _changes(repository, [former], limit, "--follow", "-c")
    texts = _texts(repository, changes)
    changes = list(_own(changes, texts, memory_id))
    names = list(dict.fromkeys(change.path for change in changes))
    if len(names) > 1:  # what others did under a former name, before they knew of the new one, git does not follow
        changes = _changes(repository, names, limit, "-M", "-c")
        texts = _texts(repository, changes)
        changes = [each for each in changes if each.path == names[0] or each.letter != "D"]
        changes = [each for each in changes if not _is_foreign(texts.get(each.after), each.path, memory_id)]
    return changes, texts


def _own(changes: Sequence[_Change], texts: Mapping[str, bytes], memory_id: str) -> Iterator[_Change]:
    """Yield those of *changes* that are of the memory: git takes another one that is like it for an earlier one."""
    for change in changes:
        if _is_foreign(texts.get(change.after), change.path, memory_id):
            return
        yield change
        if change.letter == "C":
            return  # it was made as a copy of another


def _is_foreign(raw: bytes | None, path: str, memory_id: str) -> bool:
    """Return whether *raw* is a text of another memory."""
    if raw is None:
        return False
    said = memories.parse(raw, path)
    return said.id_written and said.id != memory_id


def as_of(store: Store, paths: Sequence[str], memory_id: str, revision: str) -> Commit | None:
    """Return the memory as what git calls *revision* has it; None when that is no commit, or has none of it.

    It lies or lay at *paths* of *store*, in a file of *memory_id*; *revision* is what a person typed.
    """
    try:
        tip = (repository := _born(store)) and "\0" not in revision and repository.commit_of(revision)
        if not repository or not tip or "\n" in tip:  # a range is two
            return None
        tree = repository.tree(tip, [repository.prefix + path for path in paths])
        blobs = {path: tree[repository.prefix + path].oid for path in paths if repository.prefix + path in tree}
        texts = _blobs(repository, list(blobs.values()))
        said = repository.run(*_LOG, "--no-patch", "--max-count=1", tip, "--", seconds=SECONDS).fields
    except (GitFailed, Refused, StorageFailed):
        return None
    own = (path for path, oid in blobs.items() if oid in texts and not _is_foreign(texts[oid], path, memory_id))
    path = next(own, None)
    second = int(said[2]) if said[2].isdecimal() else 0
    return None if path is None else Commit(tip, said[1], said[3], second + 1 - _JUST, path, texts[blobs[path]])


def origins(store: Store, commit: Commit) -> list[str]:
    """Return which commit each line of a memory of *store*, as *commit* has it, came with: its name, for each line.

    Nothing where git cannot tell: of a partial clone, which may not have all of the texts.
    """
    try:
        if (repository := _born(store)) is None:
            return []
        asked = ("-c", "blame.ignoreRevsFile=", "blame", "--porcelain", "--no-textconv", commit.name, "--")
        listed = repository.run(*asked, repository.prefix + commit.path, seconds=SECONDS)
    except (GitFailed, Refused, StorageFailed):
        return []
    return [found[1].decode() for found in _BLAMED.finditer(listed.out)]


def removed(store: Store) -> Iterator[Memory]:
    """Yield the memories that git has of *store* and that are not in it, those that went last first.

    Raises:
        GitFailed, Refused: See `Repository.of`.
        OutsideStore, StorageFailed: See `Store.scan`.
    """
    if (repository := _born(store)) is None:
        return
    gone = _gone(repository, store)
    present = store.scan().files
    for change in _changes(repository, [repository.prefix or "."], MOST_GONE, "-M", "--diff-filter=D"):
        if _is_gone(path := change.path[len(repository.prefix) :], present):
            gone.setdefault(path, change.before)
    yield from _memories(repository, gone)


def _gone(repository: Repository, store: Store) -> dict[str, str]:
    """Return the objects of those memories of the last commit that are not in *store*, by path."""
    prefix, present = repository.prefix, store.scan().files
    tree = repository.own_tree("HEAD")
    paths = {path[len(prefix) :]: blob.oid for path, blob in tree.items() if blob.is_file}
    return {path: oid for path, oid in paths.items() if _is_gone(path, present)}


def _is_gone(path: str, present: Collection[str]) -> bool:
    return path[-3:].lower() == ".md" and "/." not in f"/{path}" and path not in present


def _memories(repository: Repository, oids: Mapping[str, str]) -> Iterator[Memory]:
    texts = _blobs(repository, list(oids.values())[:MOST_GONE])
    return (memories.parse(texts[oid], path) for path, oid in oids.items() if oid in texts)


def _renamed(repository: Repository, store: Store, memory_id: str) -> str:
    """Return which file of the last commit, from the top, was renamed since to hold a memory; empty when none was."""
    gone = _memories(repository, _gone(repository, store))
    same = (memory.path for memory in gone if memory.id_written and memory.id == memory_id)
    path = next(same, "")
    return path and repository.prefix + path


def is_in_git(store: Store) -> bool:
    """Return whether a repository seems to be around *store*; git is not asked."""
    return any((place / ".git").exists() for place in (store.root, *store.root.parents))


def around(store: Store) -> Repository | None:
    """Return the repository around *store*, whose prefix leads there; the folder itself may be gone."""
    place = store.root if store.is_there() else store.root.parent
    repository = Repository.of(place) if place.is_dir() else None
    if repository is not None and place != store.root:  # it was removed as a whole
        repository.prefix += f"{store.root.name}/"
    return repository


def _born(store: Store) -> Repository | None:
    """Return the repository around *store*, None when there is none, or nothing was committed in it yet."""
    repository = around(store)
    return repository if repository and repository.tip else None


def _changes(repository: Repository, paths: Sequence[str], most: int, *options: str) -> list[_Change]:
    """Return what the commits up to HEAD did to *paths*, newest first."""
    command = (*_LOG, *options, f"--max-count={most}", "HEAD", "--", *paths)
    literal = {"GIT_LITERAL_PATHSPECS": "1"}
    try:
        listed = repository.run(*command, environ=literal, seconds=SECONDS)
    except GitFailed:  # to compare texts, as renames take, a partial clone would have to fetch them
        listed = repository.run(*_LOG, "--no-renames", *command[len(_LOG) + 1 :], environ=literal, seconds=SECONDS)
    return list(_read(iter(listed.fields)))


def _read(fields: Iterator[str]) -> Iterator[_Change]:
    """Yield the changes that git listed as `_LOG` says: a commit, then for each file a line about it and its names."""
    at = inf
    commit = ("", "", "", at)
    for field in fields:
        line = field.lstrip("\n")
        if not line.startswith(":"):
            if line:
                author, second, subject = next(fields), next(fields), next(fields)
                at = min(at - _JUST, (int(second) if second.isdecimal() else 0) + 1 - _JUST)
                commit = (line, author, subject, at)
            continue
        parents = len(line) - len(line.lstrip(":"))
        words = line.lstrip(":").split(" ")
        modes, oids, letter = words[: parents + 1], words[parents + 1 : -1], words[-1][0]
        path = next(fields)
        if parents == 1 and letter in "RC":
            path = next(fields)
        named = path.encode("utf-8", "replace").decode() == path
        if named and (modes[-1].startswith("100") or letter == "D"):
            yield _Change(commit, letter, path, oids[0], oids[-1])


def _texts(repository: Repository, changes: Sequence[_Change]) -> dict[str, bytes]:
    return _blobs(repository, [change.after for change in changes if change.after.strip("0")])


def _blobs(repository: Repository, oids: Sequence[str]) -> dict[str, bytes]:
    """Return the bytes of those of *oids* that are there, and no larger than a memory may be."""
    if not oids:
        return {}
    try:
        sizes = repository.run("cat-file", "--batch-check", feed="".join(f"{oid}\n" for oid in oids).encode())
        listed = [line.split() for line in sizes.line.split("\n")]
        there = [words[0] for words in listed if words[1] == "blob" and int(words[2]) <= MAX_BYTES]
        return dict(zip(there, repository.blobs(there), strict=True))
    except GitFailed:  # of a partial clone: it ends at the first that is not there
        half = len(oids) // 2
        return _blobs(repository, oids[:half]) | _blobs(repository, oids[half:]) if half else {}
