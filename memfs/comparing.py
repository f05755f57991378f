"""What differs between two versions of a memory, and with which of them each of its lines came."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from difflib import unified_diff
from itertools import chain
from typing import NamedTuple

from memfs.commits import origins
from memfs.history import History
from memfs.history import Version

_NO_END = "\n\\ No newline at end of file"


class Difference(NamedTuple):
    """What differs between two versions: the lines of a unified diff, none where every line is the same."""

    old: Version
    new: Version
    lines: tuple[str, ...]


def difference(told: History, first: str = "", second: str = "") -> Difference:
    """Return what differs between two versions, by their names; without the second one, the newest.

    Without the first one either: between the newest one and the newest before it that says something else.

    Raises:
        NoVersion: There is no such version.
    """
    old = told.named(first) if first else told.before()
    new = told.named(second) if second else told.versions[0]
    before, after = (_lines(version.raw, _NO_END) for version in (old, new))
    names = [f"{version.path}\t{version.short}" for version in (old, new)]
    return Difference(old, new, tuple(unified_diff(before, after, names[0], names[1], lineterm="")))


def blame(told: History) -> Sequence[tuple[str, Version]]:
    """Return each line of the newest version, and the version that it came with.

    Where git has the memory that is a commit, unless no commit has the line yet. Git is asked for it: where two lines
    of work met, the version before in time need not be the one before in kind.
    """
    versions = told.versions
    current = (number for number, version in enumerate(versions) if version.commit and version.commit.current)
    newest = (number for number, version in enumerate(versions) if version.commit)
    last = next(chain(current, newest), len(versions))
    steps = [version for version in versions[:last] if not version.commit]
    blamed = _by_git(versions, last)
    if not blamed:
        steps += [version for version in versions[last:] if version.commit]
    for version in reversed(steps):
        lines = _lines(version.raw)
        before, blamed = blamed, [(line, version) for line in lines]
        for old, new, size in SequenceMatcher(None, [line for line, _ in before], lines).get_matching_blocks():
            blamed[new : new + size] = before[old : old + size]
    return blamed


def _by_git(versions: Sequence[Version], number: int) -> list[tuple[str, Version]]:
    """Return what `blame` does for the version *number*, which is a commit, as git knows it; nothing if it does not."""
    if number == len(versions):
        return []
    version = versions[number]
    assert version.commit is not None  # noqa: S101  (it was looked for)
    lines, names = _lines(version.raw), origins(version.store, version.commit)
    if len(names) != len(lines):
        return []
    known = {each.commit.name: each for each in versions if each.commit}
    return [(line, known.get(name, versions[-1])) for line, name in zip(lines, names, strict=True)]


def _lines(raw: bytes, no_end: str = "") -> list[str]:
    """Return the lines of a text without their ends; *no_end* is put behind a last one that has none."""
    lines = raw.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    last = lines.pop()
    return [*lines, last + no_end] if last else lines
