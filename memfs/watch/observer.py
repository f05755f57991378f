"""Systems other than Linux: watchdog's observer, which is FSEvents on macOS."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from watchdog.events import DirAttribEvent
from watchdog.events import DirCreatedEvent
from watchdog.events import DirDeletedEvent
from watchdog.events import DirMovedEvent
from watchdog.events import FileAttribEvent
from watchdog.events import FileClosedEvent
from watchdog.events import FileCreatedEvent
from watchdog.events import FileDeletedEvent
from watchdog.events import FileModifiedEvent
from watchdog.events import FileMovedEvent
from watchdog.events import FileSystemEvent
from watchdog.events import FileSystemEventHandler
from watchdog.observers import Observer

from memfs.watch.eyes import Told
from memfs.watch.eyes import why

if TYPE_CHECKING:
    from watchdog.observers.api import ObservedWatch

CHANGES: list[type[FileSystemEvent]] = [
    FileCreatedEvent, FileModifiedEvent, FileClosedEvent, FileAttribEvent, FileMovedEvent, FileDeletedEvent,
    DirCreatedEvent, DirAttribEvent, DirMovedEvent, DirDeletedEvent,
]  # fmt: skip
"""Everything but reading, which we do ourselves, and a folder's modification, which is said by what is in it."""


class Observed:
    """An observer and its threads.

    Raises:
        OSError: The system gives none.
    """

    def __init__(self) -> None:
        self.observer = Observer()
        self.observer.start()

    def tree(self, root: str, told: Told) -> ObservedTree:
        """Return a tree below *root* that reports on nothing yet."""
        return ObservedTree(self, root, told)

    def alive(self) -> bool:
        """Return whether the observer's thread still runs."""
        return self.observer.is_alive()

    def settle(self, seconds: float) -> bool:  # noqa: ARG002  (the protocol's)
        """Return at once: there is no way to know what is on its way, but folders' times tell of most of it."""
        return True

    def close(self) -> None:
        """End the threads."""
        self.observer.stop()
        self.observer.join()


class ObservedTree(FileSystemEventHandler):
    """The watched folder *root* and all below it."""

    def __init__(self, observed: Observed, root: str, told: Told) -> None:
        self._observer = observed.observer
        self._root = root
        self._told = told
        self._prefixes = tuple({f"{root}/", f"{os.path.realpath(root)}/"})
        self._watch: ObservedWatch | None = None
        self._inode = -1
        self._ended = False

    def follow(self, folders: Mapping[str, int]) -> tuple[bool, str]:
        """Watch the root, and with it all that is below; see `eyes.Tree`."""
        inode = folders.get("", -1)
        if self._watch is not None and inode == self._inode and not self._ended:
            return False, ""
        self.close()
        if inode == -1:
            return False, ""
        try:
            self._watch = self._observer.schedule(self, self._root, recursive=True, event_filter=CHANGES)
        except OSError as error:
            return False, why(error)
        self._inode, self._ended = inode, False
        return True, ""

    def close(self) -> None:
        """Watch nothing any more."""
        watch, self._watch = self._watch, None
        if watch is not None:
            with suppress(KeyError, OSError):  # its thread has ended by itself
                self._observer.unschedule(watch)

    def dispatch(self, event: FileSystemEvent) -> None:
        """Tell what happened; called by the observer's thread, which what is raised here would end."""
        for path in filter(None, (os.fsdecode(event.src_path), os.fsdecode(event.dest_path))):
            below = next((path[len(prefix) :] for prefix in self._prefixes if path.startswith(prefix)), "")
            folder, _, name = below.rpartition("/")
            if not below:  # the root itself, or where a move came from
                self._ended |= path == self._root or f"{path}/" in self._prefixes
                self._told("", None)
            elif any(part.startswith(".") for part in folder.split("/")):
                continue
            elif event.is_directory and name[0] != ".":
                self._told("", None)
            else:
                self._told(f"{folder}/" if folder else "", name)
