"""What differs between two versions of a memory, and with which of them each of its lines came."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from difflib import unified_diff
from typing import NamedTuple

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

    Where git has the memory that is a commit, unless no commit has the line yet.
    """
    newest = next((number for number, version in enumerate(told.versions) if version.commit), len(told.versions))
    steps = [version for number, version in enumerate(told.versions) if version.commit or number < newest]
    lines: list[str] = []
    origins: list[Version] = []
    for version in reversed(steps):
        before, lines = lines, _lines(version.raw)
        came = [version] * len(lines)
        for old, new, size in SequenceMatcher(None, before, lines).get_matching_blocks():
            came[new : new + size] = origins[old : old + size]
        origins = came
    return list(zip(lines, origins, strict=True))


def _lines(raw: bytes, no_end: str = "") -> list[str]:
    """Return the lines of a text without their ends; *no_end* is put behind a last one that has none."""
    lines = raw.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    last = lines.pop()
    return [*lines, last + no_end] if last else lines
