"""The index of a work tree, in which its user stages: changed under git's own lock, and nothing staged is lost."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from contextlib import suppress
from pathlib import Path

from memfs.errors import Busy
from memfs.errors import StorageFailed
from memfs.git import Answer
from memfs.locks import flush
from memfs.locks import locked

Run = Callable[..., Answer]
"""Runs a git command at the top of the work tree; see `Repository.run`."""
_COPY = "memfs-index-"
_OURS = "held by memfs"
"""What the index's lock is a symbolic link to while memfs holds it."""
_UNFLUSHED = ("-c", "core.fsync=none")
"""For a copy, which is flushed once it is all made."""


class UserIndex:
    """The index of the work tree *top*, which its git folder *folder* has."""

    def __init__(self, top: Path, folder: Path, run: Run) -> None:
        self._top = top
        self._folder = folder
        self._place = folder / "index"
        self._run = run

    def is_there(self) -> bool:
        """Return whether there is one: not before anything was staged."""
        return self._place.exists()

    def unlock_after_the_dead(self) -> None:
        """Take a lock away that a dead process of memfs's left, or the user's own git would be refused."""
        if _is_ours(self._folder / "index.lock"):
            with suppress(StorageFailed), self.locked(0):
                pass

    @contextmanager
    def locked(self, seconds: float) -> Iterator[None]:
        """Hold the lock that every git command takes before it writes the index.

        Memfs's own processes wait for one another by the `flock` of the git folder. So whoever has that and meets a
        lock that says that it is memfs's takes it over: who made it is dead. Git's own is never touched.

        Raises:
            Busy: Another git command holds it for longer than *seconds*.
            StorageFailed: It cannot be had.
        """
        lock, deadline = self._folder / "index.lock", time.monotonic() + seconds
        try:
            with locked(self._folder, seconds):
                try:
                    while not _taken(lock):
                        if time.monotonic() > deadline:
                            raise Busy(
                                f"Another git command is at work in {self._top} ({lock} exists); nothing was changed. "
                                "Try again when it is done; if none is running, one died, and the file can be removed."
                            )
                        time.sleep(0.02)
                    for left in self._folder.glob(f"{_COPY}*"):  # of a process that died
                        left.unlink(missing_ok=True)
                    yield
                finally:
                    if _is_ours(lock):
                        lock.unlink()
                    flush(self._folder)
        except OSError as error:
            raise StorageFailed.of(error, self._place, "write") from error

    @contextmanager
    def changed(
        self,
        entries: Sequence[tuple[str, str, str]],
        skipped: Sequence[str],
        stamped: Sequence[str],
        check: Callable[[], None],
        is_done: Callable[[], bool],
    ) -> Iterator[None]:
        """Have the index, which is locked, know *entries*; if the block fails it is as it was, unless it *is_done*.

        Args:
            entries: Path from the top, mode and object of each; the mode "0" for one that is no more.
            skipped: Those of the paths that are left out of the work tree.
            stamped: What git is to note the stamps of, so that no one takes those files for changed, or reads them.
            check: Raises what keeps it from being done, before anything is touched.
            is_done: Whether what the block was for has happened.
        """
        made, old = (self._folder / f"{_COPY}{name}" for name in (os.urandom(4).hex(), "old"))
        try:
            if self.is_there():
                shutil.copy2(self._place, made)  # its time tells git which files it cannot know by their stamps
                _keep(self._place, old)
            self._make(made, entries, skipped, stamped)
            is_made = made.exists()  # not when there is nothing at all to put into it
            if is_made:
                flush(made)
            check()
            try:
                if is_made:
                    made.replace(self._place)
                flush(self._folder)
                yield
            except BaseException:
                if not is_done():
                    old.replace(self._place) if old.exists() else self._place.unlink(missing_ok=True)
                raise
        finally:
            for copy in (made, old):
                copy.unlink(missing_ok=True)

    def _make(
        self, made: Path, entries: Sequence[tuple[str, str, str]], skipped: Sequence[str], stamped: Sequence[str]
    ) -> None:
        """Make the copy *made* what `changed` says."""
        there = {"GIT_INDEX_FILE": str(made)}
        feed = os.fsencode("".join(f"{mode} {oid}\t{path}\0" for path, mode, oid in entries))
        self._run(*_UNFLUSHED, "update-index", "-z", "--index-info", feed=feed, environ=there)
        if skipped:
            feed = os.fsencode("".join(f"{path}\0" for path in skipped))
            self._run(*_UNFLUSHED, "update-index", "-z", "--skip-worktree", "--stdin", feed=feed, environ=there)
        if stamped and made.exists():
            self._run(*_UNFLUSHED, "add", "--refresh", "--", *stamped, environ=there, fine=(0, 1, 128))


def _keep(place: Path, aside: Path) -> None:
    """Have the file at *place* be at *aside*, too, and survive a power cut there; nobody writes in it."""
    try:
        os.link(place, aside)
    except OSError:  # a file system without hard links
        shutil.copy2(place, aside)
        flush(aside)


def _taken(lock: Path) -> bool:
    """Return whether *lock* is memfs's now; the caller keeps its other processes away."""
    try:
        lock.symlink_to(_OURS)
    except FileExistsError:
        return _is_ours(lock)
    return True


def _is_ours(lock: Path) -> bool:
    with suppress(OSError):
        return str(lock.readlink()) == _OURS
    return False
