"""Two trees of memories made one: what moved is followed by its id, what changed on both sides is merged.

Nothing is written here. What both sides tell differently is never decided by losing one: a removal gives way to
a change, two memories at one path become two files, and texts that clash stand side by side in the file.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from hashlib import sha256
from pathlib import PurePosixPath
from typing import NamedTuple

from memfs import memory as memories
from memfs.errors import Refused
from memfs.git import merge_lines
from memfs.memory import SLUG_BYTES
from memfs.merging import TwoMemories
from memfs.merging import merge
from memfs.objects import Blob

Tree = Mapping[str, Blob]
"""Path → file."""
Load = Callable[[Sequence[str]], list[bytes]]
"""Names of objects → their bytes, in that order."""


class United(NamedTuple):
    """What the two trees come to.

    Attributes:
        tree: Path → what it holds, for every path.
        moved: Where in `tree` the memory of a path is now.
        clashes: Path → both texts with markers, for the work tree alone: the tree has theirs, which is known elsewhere.
        notes: What was decided, one sentence each.
    """

    tree: Mapping[str, bytes | Blob]
    moved: Mapping[str, str]
    clashes: Mapping[str, bytes]
    notes: tuple[str, ...]


def unite(base: Tree, ours: Tree, theirs: Tree, load: Load) -> United:
    """Return what *ours* and *theirs*, which both came from *base*, come to.

    Raises:
        Refused: A path is a file on one side and a folder on the other.
        GitFailed: An object is missing, or git cannot merge.
    """
    return _Uniting(base, ours, theirs, load).done()


class _Uniting:
    def __init__(self, base: Tree, ours: Tree, theirs: Tree, load: Load) -> None:
        self.base, self.ours, self.theirs = base, ours, theirs
        self._load = load
        self._raw: dict[str, bytes] = {}
        self._ids: dict[str, str] = {}
        self.tree: dict[str, bytes | Blob] = {}
        self.moved: dict[str, str] = {}
        self.clashes: dict[str, bytes] = {}
        self.notes: list[str] = []

    def done(self) -> United:
        """Put every path where it belongs: those that were there before, then what each side has added."""
        self._fetch()
        here, there = self._places(self.base, self.ours), self._places(self.base, self.theirs)
        for path in self.base:
            self._settle(path, here.get(path), there.get(path))
        ours, theirs = _without(self.ours, here.values()), _without(self.theirs, there.values())
        both = self._places(ours, theirs, by_bytes=False)
        for path, place in both.items():
            self._merge(place, None, ours[path], theirs[place], {path})
        for path, blob in (*_without(theirs, both.values()).items(), *_without(ours, both).items()):
            self._put(path, blob)
        refuse_folders(self.tree)
        moved = {path: place for path, place in self.moved.items() if path not in self.tree}
        return United(self.tree, moved, self.clashes, tuple(self.notes))

    def _fetch(self) -> None:
        """Load, at once, what may have to be read: each memory that is not the same everywhere."""
        sides = (self.base, self.ours, self.theirs)
        found = {
            blob.oid
            for path in {path for side in sides for path in side}
            if is_memory(path) and len({side.get(path) for side in sides}) > 1
            for side in sides
            if (blob := side.get(path)) and blob.is_file
        }
        oids = sorted(found)
        self._raw = dict(zip(oids, self._load(oids), strict=True))

    def _bytes(self, blob: Blob) -> bytes:
        if blob.oid not in self._raw:
            self._raw[blob.oid] = self._load([blob.oid])[0]
        return self._raw[blob.oid]

    def _id(self, blob: Blob) -> str:
        """Return the id that is written in a memory, empty when none is."""
        if blob.oid not in self._ids:
            memory = memories.parse(self._bytes(blob), "x.md") if blob.is_file else None
            self._ids[blob.oid] = memory.id if memory and memory.id_written else ""
        return self._ids[blob.oid]

    def _places(self, before: Tree, after: Tree, *, by_bytes: bool = True) -> dict[str, str]:
        """Return where *after* has what *before* had: at its path, or where its bytes or its written id are now."""
        both = [path for path in before if path in after]
        places = {path: path for path in both if self._is_one(path, before[path], after[path])}
        for mark in (lambda blob: blob.oid, self._id) if by_bytes else (self._id,):
            left = sorted(path for path in before.keys() - places.keys() if is_memory(path) and before[path].is_file)
            come = sorted(path for path in after.keys() - {*places.values()} if is_memory(path) and after[path].is_file)
            known = {mark(after[path]): path for path in reversed(come)} if left else {}
            places |= {path: known.pop(name) for path in left if (name := mark(before[path])) and name in known}
        taken = {*places.values()}
        free = [path for path in both if path not in taken]
        # one version of a memory may have been given an id, or have lost it
        return {path: path for path in free if "" in (self._id(before[path]), self._id(after[path]))} | places

    def _is_one(self, path: str, one: Blob, other: Blob) -> bool:
        """Return whether two files of one *path* are versions of one memory, or are no memories."""
        return one == other or not is_memory(path) or self._id(one) == self._id(other)

    def _settle(self, path: str, here: str | None, there: str | None) -> None:
        """Put what was at *path* where it belongs; it is *here* with us and *there* with them, if it still is."""
        base = self.base[path]
        if here is not None and there is not None:
            place = here if there == path else there
            self._merge(place, base, self.ours[here], self.theirs[there], {path, here})
            if len({path, here, there}) == 3:  # noqa: PLR2004  (all of them)
                self.notes.append(f"{path} was moved to {here} here, and to {there} on the other side: it is there.")
        elif (left := here or there) is not None:
            blob = (self.ours if there is None else self.theirs)[left]
            if blob != base or left != path:
                self._put(left, blob)
                self.moved[path] = left
                gone, what = ("here", "there") if here is None else ("there", "here")
                self.notes.append(f"{left} was removed {gone} and changed {what}: it is kept.")

    def _merge(self, path: str, base: Blob | None, ours: Blob, theirs: Blob, moved: set[str]) -> None:
        """Put at *path* what *ours* and *theirs* make of *base*; *moved* are the paths where it was."""
        self.moved |= dict.fromkeys(moved, path)
        if ours in (base, theirs):
            self._put(path, theirs)
        elif theirs == base:
            self._put(path, ours)
        elif not (is_memory(path) and ours.is_file and theirs.is_file):
            self._put(path, theirs)
            self.notes.append(
                f"{path} was changed on both sides, and is no memory: theirs is kept, yours is in the history."
            )
        else:
            self._merge_texts(path, base, ours, theirs)

    def _merge_texts(self, path: str, base: Blob | None, ours: Blob, theirs: Blob) -> None:
        before = self._bytes(base) if base and base.is_file else None
        here, there = self._bytes(ours), self._bytes(theirs)
        if b"\0" in b"".join((before or b"", here, there)):  # git merges lines of text alone
            self._put_both(path, ours, theirs)
            return
        try:
            merged = merge(before, here, there, merge_lines)
        except TwoMemories:
            self._put_both(path, ours, theirs)
            return
        self.notes += [f"{path}: {note}" for note in merged.notes]
        if merged.clash:
            self.clashes[self._put(path, theirs)] = merged.raw
        else:
            self._put(path, merged.raw)

    def _put_both(self, path: str, ours: Blob, theirs: Blob) -> None:
        self._put(path, theirs)
        self._put(path, ours)

    def _put(self, path: str, content: bytes | Blob) -> str:
        """Give *path* its content, or one beside it where another memory has that name already; return which."""
        place = path
        while (there := self.tree.setdefault(place, content)) != content and self._content(there) != self._content(
            content
        ):
            # the same name on every machine
            name = sha256(place.encode("utf-8", "surrogateescape") + self._content(content)).hexdigest()[:6]
            pure = PurePosixPath(place)
            place = str(pure.with_name(f"{pure.stem[:SLUG_BYTES]}-{name}{pure.suffix}"))
        if place != path:
            self.notes.append(f"Two memories are called {path}; one is called {place} now.")
        return place

    def _content(self, content: bytes | Blob) -> bytes:
        if isinstance(content, bytes):
            return content
        return self._bytes(content) if content.is_file else content.oid.encode()


def refuse_folders(paths: Collection[str]) -> None:
    """Refuse what no folder can hold: a file with files below it.

    Raises:
        Refused: Some of *paths* are that.
    """
    nearest = {PurePosixPath(path).parent for path in paths}
    folders = {str(folder) for each in nearest for folder in (each, *each.parents)}
    for path in sorted(folders.intersection(paths)):
        raise Refused(
            f"{path} is a file on one side and a folder on the other; nothing was changed. Give one of "
            "them another name, then sync again."
        )


def _without(tree: Tree, paths: Iterable[str]) -> dict[str, Blob]:
    """Return *tree* without *paths*, in an order that is the same on every machine."""
    others = sorted(tree.keys() - set(paths))
    return {path: tree[path] for path in others}


def is_memory(path: str) -> bool:
    """Return whether *path* is that of a memory: a markdown file, neither hidden nor in a hidden folder."""
    return path[-3:].lower() == ".md" and not any(part.startswith(".") for part in path.split("/"))
