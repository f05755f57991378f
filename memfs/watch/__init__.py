"""Watches stores, so that not every search has to look at every file; what it says are hints, the diff decides.

Nothing here knows what changed: it names paths that may have, and tells when only a scan can. Whatever
the operating system refuses, forgets or does not report costs scans, never truth.
"""

from __future__ import annotations

import logging
import os
import stat
import sys
import threading
import time
from collections.abc import Callable
from collections.abc import Sequence
from contextlib import suppress

from memfs.scanning import Scan
from memfs.scanning import is_utf8
from memfs.store import Store
from memfs.watch.eyes import Eyes
from memfs.watch.eyes import Told
from memfs.watch.eyes import Tree
from memfs.watch.eyes import why

QUIET_SECONDS = 0.02
"""Without an event, after which those that came are told; longer than `changes.TICK_NS`, so that stamps are settled."""
PATIENCE_SECONDS = 0.5
"""After its first event a store is told of, however many more there are."""
LOOK_SECONDS = 0.5
"""Between two looks whether the watched folder is still the one that lies there."""
PERIOD_SECONDS = 10.0
"""After a whole scan the next one is due, for what the kernel did not report."""
BLIND_SECONDS = 1.0
"""The same for a store that is not watched."""
SCAN_SHARE = 200
"""Both are stretched to so many times what it takes to scan every store like this one: half a percent of one CPU."""
WAIT_SECONDS = 0.01
"""How long `take` waits for events that are on their way."""
MAX_PATHS = 4_096
"""More paths than this are forgotten, and the store is scanned."""
MAX_FOLDERS = 256
"""Of a store with more folders than this the modification times are not compared."""

_FAR = float("inf")
_log = logging.getLogger(__name__)


def _open_eyes() -> Eyes:
    """Return what this system sees changes with; raises OSError and RuntimeError where it gives none."""
    if sys.platform != "linux":
        from memfs.watch.observer import Observed

        return Observed()
    from memfs.watch.inotify import Inotify

    return Inotify()


class _Watched:
    """What is known of one store.

    Attributes:
        identity: Device and inode of the folder that is watched; None when there is none.
        reason: Why it is scanned instead; empty when it is watched.
        paths: What may have changed since the last `take`.
        named: The folders in which something happened since.
        folders: Each folder's modification time in nanoseconds, as far as it is accounted for.
        lost: How often something happened that only a scan can tell.
        begun: How much of `lost` the scan covers that the last `take` asked for.
        found: How much of it is covered by scans that came to their end.
        first: When the first event came that was not told yet; None when there is none.
        last: When the last one came.
        next_scan: When the next whole scan is due.
        error: What telling ended with the last time.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.identity: tuple[int, int] | None = None
        self.tree: Tree | None = None
        self.reason = ""
        self.paths: set[str] = set()
        self.named: set[str] = set()
        self.folders: dict[str, int] = {}
        self.lost, self.begun, self.found = 1, 0, 0
        self.first: float | None = None
        self.last = 0.0
        self.next_scan = _FAR
        self.error = ""

    def heard(self, folder: str, name: str | None) -> bool:
        """Take in an event; see `eyes.Told`. Return whether it is the first that there is to tell."""
        if name is None:
            self.lost += 1
        else:
            self.named.add(folder)
            if not _counts(name):
                return False
            self.paths.add(folder + name)
            if len(self.paths) > MAX_PATHS:
                self.paths.clear()
                self.lost += 1
        return self.happened()

    def happened(self) -> bool:
        """Take note that there is something to tell; return whether it is the first."""
        self.last = time.monotonic()
        is_first = self.first is None
        if is_first:
            self.first = self.last
        return is_first

    def due(self) -> float:
        """Return when somebody is to be told."""
        told = _FAR if self.first is None else min(self.last + QUIET_SECONDS, self.first + PATIENCE_SECONDS)
        return min(told, self.next_scan)


class Watcher:
    """Watches *stores*, and calls *stirred* from its own thread when something may have happened in one.

    It implements `freshness.Hints` for one workspace, whose `refresh` *stirred* is expected to call.

    Args:
        stores: Those of a view; their folders need not exist.
        stirred: Called after `QUIET_SECONDS`, and once for each store in the beginning. What it raises is logged.
    """

    def __init__(self, stores: Sequence[Store], stirred: Callable[[Store], object]) -> None:
        self._stirred = stirred
        self._watched = {store.key: _Watched(store) for store in stores}
        self._eyes: Eyes | None = None
        self._refused = ""
        self._next_try = 0.0
        self._asked: tuple[Eyes | None, float, bool] = (None, 0.0, False)
        self._aiming = threading.RLock()
        self._lock = threading.Lock()  # taken last, held for moments, also by those who report
        self._news = threading.Condition(self._lock)
        self._wake = threading.Condition(self._lock)
        self._running = False
        self._thread: threading.Thread | None = None

    # ---- life

    def start(self) -> None:
        """Begin to watch; whatever the operating system refuses is said in `notes`."""
        with self._aiming:
            if self._running:
                return
            self._running = True
            self._look()
            for watched in self._watched.values():
                watched.happened()
            thread = threading.Thread(target=self._run, name="memfs-watch", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                self._refused = why(error)
            else:
                self._thread = thread

    def stop(self) -> None:
        """End; waits a moment for what is being told just now. Afterwards only scans can tell."""
        with self._lock:
            self._running = False
            for watched in self._watched.values():
                watched.lost += 1
            self._wake.notify_all()
            self._news.notify_all()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(PATIENCE_SECONDS * 0.8)
        with self._aiming:
            self._close_eyes()

    def notes(self) -> tuple[str, ...]:
        """Return why stores are scanned instead of watched, for people; nothing when all is well."""
        return tuple(
            f"The {watched.store.scope} store is scanned instead of watched, so that changes made elsewhere are "
            f"told of after a few seconds: {reason}."
            for watched in self._watched.values()
            if (reason := watched.reason or (self._refused if watched.identity else ""))
        )

    def again(self, store: Store) -> None:
        """Have *stirred* called for *store* once more, after whatever else there is to tell."""
        with self._lock:
            self._watched[store.key].happened()
            self._wake.notify_all()

    # ---- what `freshness.Hints` asks for

    def take(self, store: Store, since: float | None = None) -> frozenset[str] | None:
        """Return the paths that may have changed since the last call; None when only a scan can tell.

        Everything that was there when the call began is accounted for: events on their way are waited
        for, and a folder that changed without one is scanned.

        Args:
            store: One of those that are watched.
            since: When the question began that this call is part of, by `time.monotonic`: what was there then
                is accounted for, so that a question of many stores waits once. Default: now.
        """
        watched = self._watched.get(store.key)
        if watched is None or not self._running:
            return None
        self._aim(watched)
        sure = self._sees(watched, time.monotonic() if since is None else since)
        with self._lock:
            before = frozenset(watched.named)
        changed = _changed_folders(watched) if sure and watched.lost == watched.found else {}
        with self._lock:
            if changed.keys() - watched.named:
                self._news.wait_for(
                    lambda: watched.lost != watched.found or not changed.keys() - watched.named, WAIT_SECONDS
                )
            if not sure or changed.keys() - watched.named or time.monotonic() >= watched.next_scan:
                watched.lost += 1
            watched.folders.update(changed)
            watched.named -= before | changed.keys()
            paths, watched.paths = frozenset(watched.paths), set()
            watched.begun = watched.lost
            return paths if watched.lost == watched.found else None

    def scanned(self, store: Store, scan: Scan, seconds: float) -> None:
        """Take note that since the last `take` the whole *store* was looked at, which took *seconds*."""
        watched = self._watched.get(store.key)
        if watched is None or not self._running:
            return
        with self._aiming:
            new, reason = False, self._refused
            if "" not in scan.folders:  # what lies there since may have the same number, and is not watched
                self._let_go(watched)
            if watched.tree is not None:
                new, reason = watched.tree.follow({path: stamp.inode for path, stamp in scan.folders.items()})
        with self._lock:
            watched.reason = reason if watched.identity else ""
            watched.found = watched.begun
            few = len(scan.folders) <= MAX_FOLDERS
            watched.folders = {path: stamp.mtime_ns for path, stamp in scan.folders.items()} if few else {}
            period = BLIND_SECONDS if watched.reason else PERIOD_SECONDS
            rest = max(period, SCAN_SHARE * seconds * len(self._watched))
            watched.next_scan = time.monotonic() + rest if watched.identity else _FAR
            if new:  # what happened in it before it was watched
                watched.lost += 1
                watched.happened()
            self._wake.notify_all()

    def _sees(self, watched: _Watched, since: float) -> bool:
        """Return whether all that happened in the folder before *since* is known, as far as it was reported."""
        eyes = self._eyes
        return bool(eyes and watched.identity and not watched.reason and eyes.alive() and self._has_told(eyes, since))

    def _has_told(self, eyes: Eyes, since: float) -> bool:
        """Return whether *eyes* told all that happened before *since*; waits for it if nobody did so after that."""
        asked, when, told = self._asked
        if asked is not eyes or when < since:
            when = time.monotonic()
            told = eyes.settle(WAIT_SECONDS)
            self._asked = eyes, when, told
        return told

    # ---- what the operating system tells

    def _teller(self, watched: _Watched) -> Told:
        """Return what is called for each event: it may not raise, nor take long, nor keep much."""

        def told(folder: str, name: str | None) -> None:
            with self._lock:
                if watched.heard(folder, name):
                    self._wake.notify_all()
                self._news.notify_all()

        return told

    def _aim(self, watched: _Watched) -> None:
        """Watch the folder that lies at the store's root now, if that is another one than before."""
        if _identity(watched.store) == watched.identity:
            return
        with self._aiming:
            identity = _identity(watched.store)
            if identity == watched.identity or not self._running:  # another thread was faster
                return
            self._let_go(watched)
            watched.identity = identity
            if identity is not None and self._eyes is not None:
                watched.tree = self._eyes.tree(os.fspath(watched.store.root), self._teller(watched))
                _, watched.reason = watched.tree.follow({"": identity[1]})
            with self._lock:
                watched.folders = {}
                watched.lost += 1
                watched.next_scan = _FAR
                watched.happened()
                self._wake.notify_all()

    def _let_go(self, watched: _Watched) -> None:
        if watched.tree is not None:
            watched.tree.close()
        watched.tree, watched.identity, watched.reason = None, None, ""

    def _look(self) -> None:
        """Look whether each root is still the watched one, and whether reports still come in."""
        with self._aiming:
            if not self._running:
                return
            if (self._eyes is None or not self._eyes.alive()) and time.monotonic() >= self._next_try:
                self._close_eyes()
                self._try_eyes()
            for watched in self._watched.values():
                self._aim(watched)

    def _try_eyes(self) -> None:
        try:
            self._eyes, self._refused = _open_eyes(), ""
        except (OSError, RuntimeError) as error:  # the latter for a thread
            self._refused = why(error)
            self._next_try = time.monotonic() + PERIOD_SECONDS

    def _close_eyes(self) -> None:
        for watched in self._watched.values():
            self._let_go(watched)
        if self._eyes is not None:
            self._eyes.close()
        self._eyes, self._next_try = None, 0.0

    # ---- our own thread

    def _run(self) -> None:
        next_look = time.monotonic() + LOOK_SECONDS
        while self._running:
            now = time.monotonic()
            due = [watched for watched in self._watched.values() if watched.due() <= now]
            if due or now >= next_look:  # what happens in one store, a move say, may make the folder of another
                next_look = now + LOOK_SECONDS
                self._look()
            for watched in due:
                if self._running:
                    self._tell(watched, now)
            with self._lock:
                soonest = min((watched.due() for watched in self._watched.values()), default=_FAR)
                rest = min(soonest, next_look) - time.monotonic()
                if rest > 0 and self._running:
                    self._wake.wait(rest)

    def _tell(self, watched: _Watched, now: float) -> None:
        """Tell that something may have happened; whoever is told refreshes the store, which takes the hints."""
        with self._lock:
            watched.first = None
            if watched.next_scan <= now:
                watched.lost += 1
            if watched.identity is not None and watched.lost != watched.found:
                watched.next_scan = now + PERIOD_SECONDS  # should this one fail; else `scanned` says when
        try:
            self._stirred(watched.store)
        except Exception as error:  # noqa: BLE001  (whoever is told may fail, watching goes on)
            if repr(error) != watched.error:
                _log.exception("what was to be told of a change in %s failed", watched.store.root)
            watched.error = repr(error)
        else:
            watched.error = ""


def _counts(name: str) -> bool:
    """Return whether `Store.scan` would take a file *name* for a memory."""
    return name[:1] != "." and name[-3:].lower() == ".md" and is_utf8(name)


def _identity(store: Store) -> tuple[int, int] | None:
    try:
        about = store.root.lstat()
    except OSError:
        return None
    return (about.st_dev, about.st_ino) if stat.S_ISDIR(about.st_mode) else None


def _changed_folders(watched: _Watched) -> dict[str, int]:
    """Return the folders whose modification time is not the one that is accounted for, with the present one."""
    changed = {}
    root = os.fspath(watched.store.root)
    for path, known in tuple(watched.folders.items()):
        now = -1
        with suppress(OSError):
            now = os.stat(f"{root}/{path}", follow_symlinks=False).st_mtime_ns
        if now != known:
            changed[path] = now
    return changed
