"""Syncing memories that have a repository of their own with a remote one: commit, fetch, unite, push.

The files are written by the store, which replaces only what it expects, before HEAD moves: whatever stops a
sync on the way is taken up by the next one.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from memfs import committing
from memfs import locks
from memfs.checkout import Checkout
from memfs.checkout import left_out
from memfs.committing import Standing
from memfs.config import Config
from memfs.errors import Conflict
from memfs.errors import Refused
from memfs.errors import StorageFailed
from memfs.git import GitFailed
from memfs.memory import MAX_BYTES
from memfs.memory import digest
from memfs.network import Remote
from memfs.network import Unreachable
from memfs.network import reached
from memfs.objects import Blob
from memfs.objects import Staged
from memfs.repository import Repository
from memfs.shelves import REMOTE_REF
from memfs.shelves import Shelf
from memfs.shelves import apart
from memfs.shelves import place_of
from memfs.shelves import store_at
from memfs.shelves import stores
from memfs.uniting import Load
from memfs.uniting import Tree
from memfs.uniting import United
from memfs.uniting import refuse_folders
from memfs.uniting import unite
from memfs.worktree import ending

Progress = Callable[[str, int, int], None]
"""(what is being done, how much of it is done, of how much; 0 when that is not known)"""

ROUNDS = 3
"""How often a push that somebody was faster than is tried."""
WAIT_SECONDS = 30.0
"""How long another sync of the same repository is waited for."""
MANY = 0.3
"""The part of a store's memories that may vanish in one sync without a question."""
RESCUES = 20
"""How many of the states before a merge are kept, as refs/memfs/rescue/…."""
RESCUE_REFS = "refs/memfs/rescue"
MERGING_REF = "refs/memfs/merging"
"""What of the remote's is being merged while the files are written; a sync that was cut short left it."""
IGNORED = """\
# memfs syncs the memories, and nothing else of this folder: settings name the folders of one machine.
/*
!/global/
!/groups/
!/.gitignore
!/.gitattributes
"""
ATTRIBUTES = "*.md merge=memfs\n"
_UNFIT = re.compile(r"(?i)(?:^|/)\.{0,2}(?=/|$)|(?:^|[/\\])(?:\.git|git~1)[ .]*(?=[/\\:]|$)")
"""A path that git puts nowhere: it leads out of the folder, or into git's own."""
_BESIDE = re.compile(r"\.|(?i:readme|licen[cs]e|copying)[^/]*$")
"""What a host puts into a repository that is otherwise empty."""


class Synced(NamedTuple):
    """What a sync did.

    Attributes:
        shelf: Of what.
        committed: Memories that were new, changed or removed here since the last one.
        brought: Paths that were added, changed or removed here, by what the remote had.
        pushed: Whether the remote was given something.
        clashes: Paths where both texts stand in the file, to be settled by a person.
        held: Paths that are not synced until a person has done something about them.
        notes: What people should know.
    """

    shelf: Shelf
    committed: int
    brought: tuple[str, ...]
    pushed: bool
    clashes: tuple[str, ...]
    held: tuple[str, ...]
    notes: tuple[str, ...]


def sync(  # noqa: PLR0913  (each is a way to ask)
    config: Config,
    shelf: Shelf,
    *,
    yes: bool = False,
    restore: bool = False,
    allow_secret: bool = False,
    progress: Progress = lambda *_: None,
) -> Synced:
    """Bring *shelf* and its remote to the same state.

    Args:
        config: The user's settings.
        shelf: What.
        yes: Let more than `MANY` of the memories vanish, on either side.
        restore: Let none vanish: bring back what was removed since the last sync, on either side.
        allow_secret: Sync what seems to hold a credential.
        progress: Told what is being done.

    Raises:
        Refused: There is a merge under way, the histories have nothing in common, too much would vanish, a store that
            the remote changed is not synced, or the remote is that of something else.
        Conflict: A file here is neither committed nor to be committed, and the remote has another.
        Unreachable: The remote does not answer; what is new here is committed.
        GitFailed, StorageFailed, OutsideStore: As they say.
    """
    folder = config.state / "syncing" / digest(os.fsencode(shelf.top))[:16]
    with locks.locked(folder, WAIT_SECONDS):
        return _Sync(config, shelf, folder, _May(yes, restore, allow_secret), progress).done()


class _May(NamedTuple):
    """What a person allows for once; see `sync`."""

    yes: bool
    restore: bool
    allow_secret: bool


class _Sync:
    """One sync, while its lock is held."""

    def __init__(self, config: Config, shelf: Shelf, folder: Path, may: _May, progress: Progress) -> None:
        self.config, self.shelf, self.folder, self.may, self.progress = config, shelf, folder, may, progress
        self.restoring = folder / "restoring"
        self.repository = self._repository()
        self.notes: list[str] = []
        self.brought: list[str] = []
        self.clashes: list[str] = []
        self.held: set[str] = set()
        self.waiting: list[str] = []
        self.apart: set[str] = set()
        self.load: Load = self.repository.blobs
        self.known = {place[0] for path in self._tree(self.repository.head()) if (place := self._place(path))}

    def _repository(self) -> Repository:
        top = self.shelf.top
        found = (Repository.of(top) if (top / ".git").exists() else None) or self._begun()
        if Path(os.path.realpath(found.top)) != Path(os.path.realpath(top)):
            raise Refused(f"{top} is no repository that git would open; look at {top / '.git'}.")
        if underway := found.underway():
            raise Refused(f"{top} is in the middle of {underway}. {ending(underway)}; then sync again.")
        return found

    def _begun(self) -> Repository:
        """Return the repository that begins here; begin again where a process died in the middle of that."""
        top = self.shelf.top
        top.mkdir(parents=True, exist_ok=True)
        rules = {".gitattributes": ATTRIBUTES} | ({} if self.shelf.whose else {".gitignore": IGNORED})
        for name, text in rules.items():
            if not os.path.lexists(top / name):
                locks.put(top / name, text.encode())
        made = Repository.begin(top)
        made.run("config", "merge.memfs.name", "memfs: one memory of two versions")
        made.run("config", "merge.memfs.driver", "memfs merge-driver %O %A %B %P")
        for path in (*made.folder.rglob("*"), made.folder, top):  # git flushes none of what it begins with
            locks.flush(path)
        return made

    def done(self) -> Synced:
        """Commit, then bring both sides together, in at most `ROUNDS` rounds."""
        self._heed_the_wish()
        self._finish()
        self.progress("committing", 0, 0)
        committed = self._commit()
        if not self.shelf.remote:
            self.notes.append(
                f"No remote is set: this is a history on this machine. `{self.shelf.command} --remote URL` sets one."
            )
            return self._answer(committed, pushed=False)
        for _ in range(ROUNDS):
            with reached(self.shelf.remote, self.repository, self.folder / "network") as remote:
                self.load = remote.blobs
                self.progress("asking the remote", 0, 0)
                theirs = self._head_of(remote)
                if theirs and not self._has(theirs):
                    self.progress("fetching", 0, 0)
                    remote.fetch(remote.branch)
                ours = self._united_with(theirs, str(remote)) if theirs else self.repository.head()
                self.progress("pushing", 0, 0)
                if ours == theirs or remote.take(ours):
                    self.repository.point(REMOTE_REF, ours)
                    return self._answer(committed, pushed=ours != theirs)
        raise GitFailed(f"{remote} changed {ROUNDS} times meanwhile; what is new here is committed. Sync again.")

    def _heed_the_wish(self) -> None:
        """Keep the wish that what vanished comes back until a sync has ended well, unless memories may vanish now."""
        with StorageFailed.met(self.restoring, "write"):
            if self.may.restore:
                locks.put(self.restoring, b"", durable=True)
            elif self.may.yes:
                self.restoring.unlink(missing_ok=True)
            elif self.restoring.exists():
                self.may = self.may._replace(restore=True)
                self.notes.append("A `--restore` before this was cut short, so what vanished comes back now.")

    def _head_of(self, remote: Remote) -> str:
        """Return what `Remote.head` does; raises like it, and says how to name another remote."""
        try:
            return remote.head()
        except Unreachable as error:
            raise Unreachable(
                f"{error} If the address is wrong: `{self.shelf.command} --remote URL` names another."
            ) from error

    def _has(self, commit: str) -> bool:
        """Return whether HEAD leads to *commit*: a fetch that was cut short may have left it without its files."""
        return not self.repository.run("merge-base", "--is-ancestor", commit, "HEAD", fine=(0, 1, 128)).code

    def _finish(self) -> None:
        """Take up a merge while whose writing a process died, or the files that it wrote would look like edits."""
        theirs = self.repository.commit_of(MERGING_REF)
        if theirs:
            with suppress(Conflict, Refused):  # edited since then: that is committed, and merged anew
                self._united_with(theirs, "it")
            self.repository.point(MERGING_REF, "")
            for store in stores(self.config, self.shelf).values():
                store.sweep(store.scan().leftovers)

    def _answer(self, committed: int, *, pushed: bool) -> Synced:
        with StorageFailed.met(self.restoring, "remove"):
            self.restoring.unlink(missing_ok=True)
        brought = tuple(dict.fromkeys(self.brought))
        told = tuple(dict.fromkeys(self.notes))
        return Synced(self.shelf, committed, brought, pushed, tuple(self.clashes), tuple(self.waiting), told)

    # ---- what is here

    def _tree(self, revision: str) -> Tree:
        return {path: blob for path, blob in self.repository.tree(revision).items() if not _UNFIT.search(path)}

    def _place(self, path: str) -> tuple[str, str] | None:
        return place_of(self.shelf, path)

    def _shut(self, prefix: str) -> str:
        """Return why the store at *prefix* is not synced, in words; empty when it is."""
        if self.shelf.whose:
            return ""
        place = self.shelf.top / prefix
        if prefix in self.known and not os.path.lexists(place):
            return f"{place} was moved or removed; put it back, or make it anew, empty, to have its memories removed"
        return apart(self.config, self.shelf, prefix)

    def _commit(self) -> int:
        """Commit what is new here; return how many memories that is."""
        if not self.repository.head():
            files = [self.shelf.top / name for name in (".gitattributes", ".gitignore")]
            rules = {file.name: file.read_bytes() for file in files if file.is_file() and not file.is_symlink()}
            new = self.repository.write(rules, "memories: begun", [])
            self.repository.advance(new, "", self.repository.tree(new))
        self.notes += [
            f"{prefix} is not synced: {why}." for prefix in sorted(self.known) if (why := self._shut(prefix))
        ]
        count = 0
        for prefix, store in stores(self.config, self.shelf).items():
            done = committing.commit(store, allow_secret=self.may.allow_secret)
            self._note_held(prefix, done.before)
            self.notes += done.notes
            count += len(done.before.contents)
        return count

    def _note_held(self, prefix: str, now: Standing) -> None:
        self.held |= {f"{prefix}{path}" for path in (*now.held, *now.conflicts, *now.ignored)}
        self.waiting += [f"{prefix}{path}" for path in (*now.held, *now.conflicts)]
        self.notes += [f"{prefix}{path} is not synced: {reason}" for path, reason in now.held.items()]
        self.notes += [
            f"{prefix}{path} is not synced: it is in conflict; `memfs resolve` settles it." for path in now.conflicts
        ]
        self.notes += [f"{prefix}{path} is not synced: git is told to ignore it." for path in now.ignored]

    # ---- bringing together

    def _united_with(self, theirs: str, remote: str) -> str:
        """Return the commit in which HEAD and *theirs* are one, after the work tree has what is in it."""
        repository = self.repository
        ours = repository.head()
        if ours == theirs:
            return ours
        common = repository.run("merge-base", ours, theirs, fine=(0, 1)).line
        if not common and repository.commit_of(REMOTE_REF):  # what was never anywhere else is joined with anything
            raise Refused(
                f"{self.shelf.top} and {remote} have no history in common; nothing was changed. If they "
                f"belong together: move {self.shelf.top / '.git'} away and sync again, which merges the files."
            )
        base, mine, other = self._tree(common), self._tree(ours), self._tree(theirs)
        if not common:
            self._refuse_strange(other, remote)
        self.progress("merging", 0, 0)
        self.apart = self._no_memories(mine, other)
        fit = [_without(tree, self.apart) for tree in (base, mine, other)]
        united = unite(fit[0], fit[1], fit[2], self.load)
        united = united._replace(tree={**united.tree, **{path: other.get(path) or mine[path] for path in self.apart}})
        back = {**self._vanishing(mine, united, "here"), **self._vanishing(other, united, "from the remote")}
        if back:
            united = united._replace(tree={**united.tree, **back})
            refuse_folders(united.tree)
        if common == theirs and not back:
            return ours
        self._rescue(ours)
        new = theirs
        nothing_of_ours = not common and mine.items() <= other.items()
        if back or (common != ours and not nothing_of_ours):
            changes = {path: united.tree.get(path) for path in mine.keys() | united.tree.keys()}
            changes = {path: content for path, content in changes.items() if content != mine.get(path)}
            # git looks at each that it is told of, and a partial clone may not have it yet
            named = [each for path, each in changes.items() if path not in self.apart and isinstance(each, Blob)]
            self.load([blob.oid for blob in named if blob.is_file])
            new = repository.write(changes, "memories: merged", [ours, theirs])
        self._check_out(ours, theirs, new, united)
        self.notes += united.notes
        self.clashes += united.clashes
        return new

    def _no_memories(self, mine: Tree, other: Tree) -> set[str]:
        """Return the paths of the remote that no store takes, for their name or size: they stay in git alone."""
        places = {path: place for path in other.keys() | mine.keys() if (place := self._place(path))}
        prefixes = {prefix for prefix, _ in places.values()}
        at = {prefix: store_at(self.config, self.shelf, prefix) for prefix in prefixes}
        found = {path for path, (prefix, name) in places.items() if not at[prefix].takes(name)}
        news = {blob.oid: path for path, blob in other.items() if path in places and mine.get(path) != blob}
        sizes = self.repository.sizes(list(news))
        found |= {path for path, blob in other.items() if sizes.get(blob.oid, 0) > MAX_BYTES and path in places}
        if found:
            shown = ", ".join(repr(path[:80]) for path in sorted(found)[:3])
            self.notes.append(f"{len(found):,} files there are no memories by name or size, and stay there: {shown}")
        return found

    def _refuse_strange(self, theirs: Tree, remote: str) -> None:
        """Refuse to put memories into a repository of something else, whose address was given by mistake."""
        strange = [path for path in theirs if not _BESIDE.match(path) and self._place(path) is None]
        rules = theirs.get(".gitattributes")
        begun_by_us = rules and rules.oid == self.repository.oid(ATTRIBUTES.encode())
        if strange and not begun_by_us and not self.may.yes:
            raise Refused(
                f"{remote} holds what is no memory, such as {strange[0]}, so nothing was sent there; give memfs an "
                f"empty repository (`{self.shelf.command} --remote URL`). If this one is meant: "
                f"`{self.shelf.command} --yes`."
            )

    def _vanishing(self, before: Tree, united: United, where: str) -> Tree:
        """Return which memories that are *where* are to come back; refuse to let more than `MANY` of a store vanish."""
        back: dict[str, Blob] = {}
        memories: dict[str, list[str]] = {}
        for path, blob in before.items():
            if blob.is_file and (place := self._place(path)):
                memories.setdefault(place[0], []).append(path)
        for prefix, paths in memories.items():
            left = {path for path, new in united.moved.items() if self._place(new)}
            gone = [path for path in paths if path not in left and not _is_file(united.tree.get(path))]
            if self.may.restore:
                back |= {path: before[path] for path in gone}
            elif len(gone) > max(1, MANY * len(paths)) and not self.may.yes:
                raise Refused(
                    f"{len(gone):,} of {len(paths):,} memories in {self.shelf.top / prefix} would vanish {where}; "
                    f"nothing was sent or brought. First of them: {', '.join(gone[:3])}. If that is meant: "
                    f"`{self.shelf.command} --yes`; if not: `{self.shelf.command} --restore` brings them all back, "
                    "on both sides."
                )
        return back

    def _rescue(self, commit: str) -> None:
        """Keep *commit*, which is about to be merged, by a name of its own."""
        repository = self.repository
        kept = repository.run("for-each-ref", "--format=%(objectname) %(refname)", RESCUE_REFS).line.split("\n")
        if any(line.startswith(commit) for line in kept):
            return
        repository.point(f"{RESCUE_REFS}/{time.time_ns()}", commit)
        for name in sorted(line.partition(" ")[2] for line in kept)[: 1 - RESCUES]:
            repository.point(name, "")

    # ---- the work tree

    def _check_out(self, ours: str, theirs: str, new: str, united: United) -> None:
        """Have the files, then HEAD, which is *ours*, be the commit *new*, in which that and *theirs* are one."""
        before, after = self._tree(ours), self._tree(new)
        absent = left_out(self.repository, before.keys() | after.keys()) | self.apart
        checkout = Checkout(self.config, self.shelf, self.repository, self.load, self._shut, self.held)
        steps = checkout.steps(before, after, united.clashes, absent)
        self.brought += [step.memory for step in steps if step.memory]
        self.repository.point(MERGING_REF, theirs)
        for number, step in enumerate(steps, 1):
            step.write()
            self.progress("writing memories", number, len(steps))
        differing = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
        changes: dict[str, Blob | Staged | None] = {path: after.get(path) for path in differing}
        changes |= {path: Staged(*after[path], 0, skipped=True) for path in differing & absent & after.keys()}
        self.repository.advance(new, ours, changes)
        self.repository.point(MERGING_REF, "")


def _without(tree: Tree, paths: set[str]) -> Tree:
    return {path: blob for path, blob in tree.items() if path not in paths} if paths else tree


def _is_file(content: bytes | Blob | None) -> bool:
    return isinstance(content, bytes) or (content is not None and content.is_file)
