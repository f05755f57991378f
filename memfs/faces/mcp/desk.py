"""The workspace that a server works for: opened when it is first needed, watched, and opened anew when it must be.

The only part of this face that is called by several threads: tool calls come from workers, events from the watcher.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memfs.answers import Entry
    from memfs.answers import Event
    from memfs.store import Store
    from memfs.watch import Watcher
    from memfs.workspace import Workspace

NAMED_BY = ("MEMFS_WORKSPACE", "CLAUDE_PROJECT_DIR")
"""What names the workspace in the environment."""
REMEMBERED = 10_000
"""Memories of which it is known what the client has read."""


class Desk:
    """One server's workspace.

    Args:
        folder: The workspace, before all that the environment says; None to look there, then where the process stands.
        mode: Before all that is configured.
        environ: The environment, default the process's.
        heard: Called, from any thread, when files differ from what was known.

    Attributes:
        read: Digest of each memory as the client last saw it, by id: a change by somebody else is not written over.
    """

    def __init__(
        self,
        folder: Path | None,
        mode: str | None,
        heard: Callable[[Event], None],
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._environ = dict(os.environ if environ is None else environ)
        self.pinned = folder is not None or any(self._environ.get(name) for name in NAMED_BY)
        self._folder = folder
        self._mode = mode
        self._heard = heard
        self._lock = threading.RLock()
        self._at_work = 0
        self._idle = threading.Condition()
        self._here: Workspace | None = None
        self._watcher: Watcher | None = None
        self._settings: object = None
        self.read: OrderedDict[str, str] = OrderedDict()

    @property
    def here(self) -> Workspace:
        """Return the workspace; opened, if this is the first time, or if config.toml changed since.

        Raises:
            Invalid, BadConfig: The settings cannot be used.
        """
        with self._lock:
            if self._here is not None and self._settings == _identity(self._here.config.path):
                return self._here
            return self._open()

    def _open(self) -> Workspace:
        from memfs.watch import Watcher
        from memfs.workspace import Workspace

        environ = self._environ
        if self._folder is not None:
            environ = {name: value for name, value in environ.items() if name not in NAMED_BY}
        here = Workspace.open(self._folder or _standing(), mode=self._mode, environ=environ)
        self._settings = _identity(here.config.path)
        self._leave()
        watcher = Watcher(here.view.stores, self._stirred)
        watcher.start()
        here.hints = watcher
        here.listen(self._heard)
        self._here, self._watcher = here, watcher
        return here

    def _stirred(self, store: Store) -> None:
        """Bring the index up to date with *store*; called by the watcher's thread, where its listeners are told."""
        here = self._here
        if here is not None and any(each.key == store.key for each in here.view.stores):
            here.refresh(store)

    def settle(self, folder: Path) -> bool:
        """Work for *folder* from now on; return whether that is another workspace than before."""
        with self._lock:
            before = self._here.view.workspace if self._here else None
            self._folder = folder
            if before is None:
                return False
            return self._open().view.workspace != before

    @contextmanager
    def work(self) -> Iterator[None]:
        """Have `close` wait for what is done in the block."""
        with self._idle:
            self._at_work += 1
        try:
            yield
        finally:
            with self._idle:
                self._at_work -= 1
                self._idle.notify_all()

    def saw(self, entry: Entry) -> None:
        """Remember what the client has read of a memory."""
        self.read[entry.memory.id] = entry.file.digest
        self.read.move_to_end(entry.memory.id)
        while len(self.read) > REMEMBERED:
            self.read.popitem(last=False)

    def watching(self) -> tuple[str, ...]:
        """Return why changes are not watched live, for people; nothing when they are."""
        return self._watcher.notes() if self._watcher else ()

    def _leave(self) -> None:
        if self._watcher is not None:
            self._watcher.stop()
        self._here = self._watcher = None

    def close(self, seconds: float = 1.0) -> None:
        """Stop watching, once no verb is at work or *seconds* are over; a verb that goes on is safe to be killed."""
        with self._idle:
            self._idle.wait_for(lambda: not self._at_work, seconds)
        if self._lock.acquire(timeout=seconds):
            try:
                self._leave()
            finally:
                self._lock.release()


def _standing() -> Path:
    """Return the folder that the process stands in; its home where that is gone."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path.home()


def _identity(path: Path) -> object:
    """Return what changes when the file *path* is written to."""
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_mtime_ns, about.st_size, about.st_ino
