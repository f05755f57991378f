"""Files as git has them: what it lists of them, and what git-fast-import(1) is told to make of them; runs nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import NamedTuple
from typing import TypeVar

SCRATCH = "refs/memfs/pending"
"""The branch that git-fast-import(1) wants for a commit; it is there neither before nor after."""
_MODE = "100644"
"""Of a file that git had not before."""
New = TypeVar("New")


class Blob(NamedTuple):
    """A file as git has it."""

    mode: str
    oid: str

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file, neither a link nor a repository."""
        return self.mode.startswith("100")


Content = bytes | Blob | None
"""What becomes of a path in a commit: new content, an object that is there already, or nothing."""


class Staged(NamedTuple):
    """A file as the user's index has it; `stage` is above 0 while it is in conflict."""

    mode: str
    oid: str
    stage: int
    skipped: bool


def blobs_in(listed: Iterable[str]) -> dict[str, Blob]:
    """Return the files, by path, that `git ls-tree` *listed*, a field each."""
    lines = (line.split("\t", 1) for line in listed)
    return {path: Blob(about.split(" ")[0], about.split(" ")[2]) for about, path in lines}


def staged_in(listed: Iterable[str]) -> dict[str, Staged]:
    """Return the files, by path, that `git ls-files -t -s` *listed*, a field each."""
    found = {}
    for line in listed:
        about, path = line.split("\t", 1)
        tag, mode, oid, stage = about.split(" ")
        found[path] = Staged(mode, oid, int(stage), tag == "S")
    return found


def mode_of(old: Blob | Staged | None) -> str:
    """Return the mode of a file that takes the place of *old*: it stays executable or not."""
    return old.mode if old and old.mode.startswith("100") else _MODE


def removals_first(changes: Mapping[str, New]) -> list[tuple[str, New]]:
    """Return *changes* in an order in which a file may take the place of a folder, and a folder that of a file."""
    return sorted(changes.items(), key=lambda change: change[1] is not None)


def told(
    changes: Mapping[str, Content],
    before: Mapping[str, Blob],
    message: str,
    people: tuple[str, str],
    parents: Sequence[str],
) -> Iterator[bytes]:
    """Yield what git-fast-import(1) reads to make a commit whose name it prints.

    Args:
        changes: Path from the top → what is there on top of the first parent.
        before: What that has.
        message: For people.
        people: Who wrote and who commits, each with the time, as `git var` says it.
        parents: Commits; none for the first.
    """
    said = message.encode("utf-8", "replace")
    yield f"reset {SCRATCH}\n\ncommit {SCRATCH}\nmark :1\nauthor {people[0]}\ncommitter {people[1]}\n".encode()
    yield b"data %d\n%s\n" % (len(said), said)
    for word, parent in zip(("from", *["merge"] * len(parents)), parents, strict=False):
        yield f"{word} {parent}\n".encode()
    for path, content in removals_first(changes):
        quoted = os.fsencode(path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"))
        if content is None:
            yield b'D "%s"\n' % quoted
        elif isinstance(content, Blob):
            yield b'M %s %s "%s"\n' % (content.mode.encode(), content.oid.encode(), quoted)
        else:
            mode = mode_of(before.get(path)).encode()
            yield b'M %s inline "%s"\ndata %d\n%s\n' % (mode, quoted, len(content), content)
    yield f"get-mark :1\nreset {SCRATCH}\n\n".encode()  # a branch that has no commit in the end is not written
