"""Linux: the kernel's inotify, read by watchdog's thread, one watch for each folder.

Watchdog's observer is not used here: it holds a move back for half a second when its other end is
missing, and everything else behind it; it swallows the limit on watches; and it goes on reporting a
folder that was moved away. Its reader does none of that.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Mapping
from contextlib import suppress

from watchdog.observers.inotify_c import CallbackId
from watchdog.observers.inotify_c import InotifyConstants as Kernel
from watchdog.observers.inotify_c import InotifyEvent
from watchdog.observers.inotify_c import InotifyFD
from watchdog.observers.inotify_c import Mask
from watchdog.observers.inotify_c import WatchCallback
from watchdog.observers.inotify_c import WatchDescriptor

from memfs.watch.eyes import Told
from memfs.watch.eyes import why

CHANGES = Mask(
    Kernel.IN_CREATE
    | Kernel.IN_DELETE
    | Kernel.IN_MOVED_FROM
    | Kernel.IN_MOVED_TO
    | Kernel.IN_MODIFY
    | Kernel.IN_CLOSE_WRITE  # of a file that was written through a mapping
    | Kernel.IN_ATTRIB
    | Kernel.IN_DELETE_SELF
    | Kernel.IN_MOVE_SELF
    | Kernel.IN_ONLYDIR
    | Kernel.IN_DONT_FOLLOW
)
"""What is reported of a folder: everything but reading, which we do ourselves."""

_VANISHED = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
_SOMETHING = os.fsencode(__file__)
"""A file that can be watched for certain, and never is for its own sake."""


class Inotify(InotifyFD):
    """One inotify instance and the thread that reads it.

    Raises:
        OSError: The system gives none.
    """

    def __init__(self) -> None:
        super().__init__()
        self.name = "memfs-watch-inotify"
        self._nobody = _Nobody()
        self._settling = threading.Lock()
        self._passed = threading.Condition()
        self._sent: set[WatchDescriptor] = set()
        self.start()
        try:
            self._marker: WatchDescriptor | None = self._mark()
        except OSError:
            self.close()
            raise

    def tree(self, root: str, told: Told) -> InotifyTree:
        """Return a tree below *root* that reports on nothing yet."""
        return InotifyTree(self, root, told)

    def alive(self) -> bool:
        """Return whether the thread still reads."""
        return self.is_alive()

    def settle(self, seconds: float) -> bool:
        """Wait until every event is told that the kernel had queued before the call; return whether that was so.

        Events come in the order in which they happened, so one of our own is sent after them: a watch that is
        taken away leaves one behind. The next one is made at once, so that there is room for it.
        """
        with self._settling:
            try:
                marker = self._marker or self._mark()
                self._marker = None
                self._sent.add(marker)
                self.remove_callbacks([(marker, _id(self._nobody))])
                self._marker = self._mark()
            except OSError:
                return False
        with self._passed:
            return self._passed.wait_for(lambda: marker not in self._sent, seconds)

    def _mark(self) -> WatchDescriptor:
        return self.watch(_SOMETHING, Kernel.IN_DELETE_SELF, self._nobody)

    def handle_event(self, event: InotifyEvent) -> None:
        """Hand *event* to the trees; called by the thread that reads."""
        super().handle_event(event)
        if event.is_queue_overflow or (event.is_ignored and event.wd in self._sent):
            with self._passed:
                # what the queue had no room for will not come, and the trees know that something is missing
                self._sent -= set(self._sent) if event.is_queue_overflow else {event.wd}
                self._passed.notify_all()

    def watch(self, path: bytes, what: Mask, callback: WatchCallback) -> WatchDescriptor:
        """Have *callback* called for *what* happens to *path*; return the watch's number.

        Raises:
            OSError: The kernel refuses.
        """
        watch = self.add_callback(path, what, callback, _id(callback))
        if watch < 0:  # watchdog takes EACCES for a success
            self.remove_callbacks([(watch, _id(callback))])
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return watch

    def close(self) -> None:
        """End the thread."""
        if self.should_keep_running():
            self.stop()  # which calls this once more
            self.join()
        else:
            super().close()


class InotifyTree:
    """The watched folders below *root*."""

    def __init__(self, inotify: Inotify, root: str, told: Told) -> None:
        self._inotify = inotify
        self._root = root
        self._told = told
        self._lock = threading.Lock()  # never held while the kernel is asked: its events come in meanwhile
        self._watches: dict[str, tuple[WatchDescriptor, int]] = {}
        self._folders: dict[WatchDescriptor, str] = {}

    def follow(self, folders: Mapping[str, int]) -> tuple[bool, str]:
        """Watch exactly *folders*; see `eyes.Tree`."""
        with self._lock:
            watches = dict(self._watches)
        for folder, (_, inode) in watches.items():
            if folders.get(folder) != inode:
                self._drop(folder)
        new = False
        for folder in folders.keys() - self._watches.keys():
            try:
                self._add(folder, folders[folder])
            except OSError as error:
                if error.errno not in _VANISHED:
                    return new, why(error)
            new = True
        return new, ""

    def close(self) -> None:
        """Watch nothing any more."""
        for folder in tuple(self._watches):
            self._drop(folder)

    def _add(self, folder: str, inode: int) -> None:
        watch = self._inotify.watch(os.fsencode(f"{self._root}/{folder}".rstrip("/")), CHANGES, self)
        with self._lock:
            self._watches[folder] = (watch, inode)
            self._folders[watch] = folder

    def _drop(self, folder: str) -> None:
        with self._lock:
            watch, _ = self._watches.pop(folder, (None, 0))
            if watch is None:
                return
            self._folders.pop(watch, None)
        with suppress(OSError):  # the kernel gave it up already
            self._inotify.remove_callbacks([(watch, _id(self))])

    # ---- called by the thread that reads: nothing here may raise

    def on_event(self, event: InotifyEvent) -> None:
        """Tell what happened; what concerns folders changes what there is to watch, so only a scan can tell."""
        folder = self._folders.get(event.wd)
        name = os.fsdecode(event.name)
        if folder is None or not name:
            self._told("", None)
        elif event.is_directory and name[0] != ".":
            self._told(folder, None)
        else:
            self._told(folder, name)

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:
        """Take note that a folder is gone."""
        with self._lock:
            folder = self._folders.pop(wd, None)
            if folder is not None and self._watches.get(folder, (0, 0))[0] == wd:
                del self._watches[folder]
        self._told("", None)

    def on_queue_overflow(self) -> None:
        """Take note that the kernel dropped events."""
        self._told("", None)


class _Nobody:
    """Takes the events of a watch that is there for its end alone."""

    def on_event(self, *_: object, **__: object) -> None:
        """Do nothing."""

    on_watch_deleted = on_queue_overflow = on_event


def _id(callback: object) -> CallbackId:
    return CallbackId(id(callback))
