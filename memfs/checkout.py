"""Bringing the files of a shelf from one tree to another: each step is found before the first one is done."""

from __future__ import annotations

import os
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from functools import partial
from pathlib import Path
from pathlib import PurePosixPath
from typing import NamedTuple

from memfs import locks
from memfs.changes import GONE
from memfs.config import Config
from memfs.errors import Conflict
from memfs.errors import Refused
from memfs.memory import digest
from memfs.repository import Repository
from memfs.shelves import Shelf
from memfs.shelves import place_of
from memfs.shelves import store_at
from memfs.store import ABSENT
from memfs.store import Store
from memfs.uniting import Load
from memfs.uniting import Tree


class Step(NamedTuple):
    """What has one file be another.

    Attributes:
        order: 0 for a new file, 1 for another text, 2 for a removal: a memory on its way is never nowhere.
        write: Does it.
        memory: The path, below the shelf's top, of the memory that it brings; empty where it is no memory.
    """

    order: int
    write: Callable[[], object]
    memory: str = ""


@dataclass
class Checkout:
    """The files of a shelf that are to be those of another tree.

    Attributes:
        config: The user's settings.
        shelf: Whose files.
        repository: That of the shelf.
        load: Gives the bytes of blobs.
        shut: Says why the store at a prefix is not synced; empty when it is.
        held: Paths that are not synced until a person has done something about them.
    """

    config: Config
    shelf: Shelf
    repository: Repository
    load: Load
    shut: Callable[[str], str]
    held: Collection[str]
    _opened: dict[str, Store] = field(default_factory=dict)

    def steps(self, before: Tree, after: Tree, clashes: Mapping[str, bytes], left_out: set[str]) -> list[Step]:
        """Return what has the files be those of *after*, new ones first; writes nothing itself.

        Args:
            before: What is committed here.
            after: What is to be.
            clashes: What is to stand in a file instead: both texts, where they clash.
            left_out: Paths that are no files here, on purpose.

        Raises:
            Conflict: A file is neither as in *before* nor as it is to be.
            Refused: Its store is not synced.
        """
        paths = [path for path in before.keys() | after.keys() if before.get(path) != after.get(path)]
        paths = sorted({*paths, *clashes} - left_out)
        wanted = [blob.oid for path in paths for blob in (before.get(path), after.get(path)) if blob and blob.is_file]
        wanted = list(dict.fromkeys(wanted))
        raws = dict(zip(wanted, self.load(wanted), strict=True))

        def content(tree: Tree, path: str) -> bytes | None:
            blob = tree.get(path)
            return raws[blob.oid] if blob and blob.is_file else None

        found = (self._step(path, content(before, path), clashes.get(path, content(after, path))) for path in paths)
        return sorted(filter(None, found), key=lambda step: step.order)

    def _step(self, path: str, old: bytes | None, new: bytes | None) -> Step | None:
        """Return what has the file *path*, which was *old*, be *new*; None when it is, or is nothing of ours."""
        if (place := place_of(self.shelf, path)) is None:
            return self._plain_step(path, old, new)
        prefix, name = place
        store = self._opened.get(prefix) or self._open(prefix, path)
        there = store.read(name).raw if store.stamp(name) != GONE else None
        known = there and self.repository.kept(path, there)
        if known == new:
            return None
        if known != old or path in self.held:
            raise Conflict(
                f"{store.absolute(name)} is not committed, and the remote has another text for it; nothing was "
                "changed. Settle it (`memfs status` says what keeps it back), then sync again."
            )
        expect = ABSENT if there is None else digest(there)
        if new is None:
            return Step(2, partial(store.remove, name, expect), path)
        return Step(int(there is not None), partial(store.write, name, new, expect), path)

    def _open(self, prefix: str, path: str) -> Store:
        """Return the store at *prefix*, for *path* and all that is to come there."""
        if why := self.shut(prefix):
            raise Refused(f"The remote has another {path}, and {prefix} is not synced: {why}. Nothing was changed.")
        self._opened[prefix] = store_at(self.config, self.shelf, prefix)
        return self._opened[prefix]

    def _plain_step(self, path: str, old: bytes | None, new: bytes | None) -> Step | None:
        """Return what has the file *path*, no memory, be *new* where it is *old*; memfs puts no other files here."""
        file = self.shelf.top / path
        here = Path(os.path.realpath(self.shelf.top), path)
        if path == "config.toml" or Path(os.path.realpath(file)) != here or not file.is_file():
            return None
        if file.read_bytes() != old:
            return None
        return Step(2, file.unlink) if new is None else Step(1, partial(locks.put, file, new))


def left_out(repository: Repository, paths: Iterable[str]) -> set[str]:
    """Return those of *paths*, from the top, that a sparse checkout leaves out of the work tree.

    A path that is new is left out where everything in its folder is.
    """
    staged = repository.staged("")
    skipped = {path for path, each in staged.items() if each.skipped and not os.path.lexists(repository.top / path)}
    if not skipped:
        return skipped
    present, absent = _folders(staged.keys() - skipped), _folders(skipped)

    def is_out(path: str) -> bool:
        known = (folder for folder in PurePosixPath(path).parents if folder in present or folder in absent)
        return next(known) not in present

    return {path for path in paths if path in skipped or (path not in staged and is_out(path))}


def _folders(paths: Iterable[str]) -> set[PurePosixPath]:
    """Return every folder, up to the top, that one of *paths* lies in."""
    return {folder for parent in {PurePosixPath(path).parent for path in paths} for folder in (parent, *parent.parents)}
