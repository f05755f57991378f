"""The workspace that a server works for: opened when it is first needed, watched, and opened anew when it must be.

The only part of this face that is called by several threads: tool calls come from workers, events from the watcher.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from typing import TypeVar

from memfs.errors import Invalid
from memfs.errors import MemfsError
from memfs.scope import NAMED_BY
from memfs.scope import named_workspace

if TYPE_CHECKING:
    from memfs.answers import Entry
    from memfs.answers import Event
    from memfs.store import Store
    from memfs.watch import Watcher
    from memfs.workspace import Workspace

Answer = TypeVar("Answer")

LOCK_SECONDS = 0.2
REMEMBERED = 10_000
"""Memories of which it is known what a client has read."""
_LOG = logging.getLogger("memfs.mcp")


class Desk:
    """One server's workspace.

    Args:
        folder: The workspace, before all that the environment says; None to look there, then where the process stands.
        mode: Before all that is configured.
        environ: The environment, default the process's.
        heard: Called, from any thread, when files differ from what was known; with None: everything may.

    Attributes:
        pinned: Whether the command line or the environment says which workspace it is.
    """

    def __init__(
        self,
        folder: Path | None,
        mode: str | None,
        heard: Callable[[Event | None], None],
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._environ = dict(os.environ if environ is None else environ)
        self.pinned = folder is not None or bool(named_workspace(self._environ))
        self._folder = folder
        self._mode = mode
        self._heard = heard
        self._lock = threading.RLock()
        self._at_work = 0
        self._idle = threading.Condition()
        self._here: Workspace | None = None
        self._watcher: Watcher | None = None
        self._settings: object = None

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
        replaced = self._here is not None
        self._leave()
        self._watcher = here.hints = Watcher(here.view.stores, self._stirred)
        here.listen(self._heard)
        self._here = here
        self._watcher.start()
        if replaced:  # what the old one had not told yet is lost, and other stores may be seen now
            self._heard(None)
        return here

    def _stirred(self, store: Store) -> None:
        """Bring the index up to date with *store*; called by the watcher's thread, where its listeners are told."""
        here = self._here
        if here is not None and any(each.key == store.key for each in here.view.stores):
            here.refresh(store)

    def settle(self, folder: Path) -> None:
        """Work for *folder* from now on."""
        with self._lock:
            if folder != self._folder:
                self._folder = folder
                if self._here is not None:
                    self._open()

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
        if self._lock.acquire(timeout=LOCK_SECONDS):
            try:
                self._leave()
            finally:
                self._lock.release()


class Client:
    """One client of a desk, and what it has read: what somebody else changed since is not written over unseen."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._read: dict[str, tuple[str, bool]] = {}

    @property
    def here(self) -> Workspace:
        """Return the workspace; see `Desk.here`."""
        return self.desk.here

    def saw(self, entry: Entry, *, whole: bool = True) -> None:
        """Remember that the client has read a memory as it is now, or, unless *whole*, its beginning."""
        memory_id, digest = entry.memory.id, entry.file.digest
        self._read[memory_id] = digest, whole or self._read.pop(memory_id, None) == (digest, True)
        if len(self._read) > REMEMBERED:
            del self._read[next(iter(self._read))]

    def knows(self, entry: Entry) -> bool:
        """Return whether the client has read the whole of a memory as it is now."""
        return self._read.get(entry.memory.id) == (entry.file.digest, True)

    def expected(self, entry: Entry) -> str:
        """Return the digest that the client has read of a memory, if only of its beginning; empty when of nothing."""
        return self._read.get(entry.memory.id, ("", False))[0]

    def expects(self, entry: Entry) -> str:
        """Return the digest of a memory as the client has read it; empty when it has not.

        Raises:
            Invalid: It has read only the beginning.
        """
        digest, whole = self._read.get(entry.memory.id, ("", True))
        if not whole:
            raise Invalid(
                f"You have read only the beginning of {entry.path}; read the file, or get_memory with more max_tokens."
            )
        return digest


def guarded(desk: Desk, work: Callable[[], Answer]) -> Answer:
    """Return what *work* makes of *desk*; every error that is none of ours becomes one, and is logged.

    Raises:
        MemfsError: Whatever happened.
    """
    try:
        with desk.work():
            return work()
    except MemfsError:
        raise
    except BaseException as error:
        # a panic of Rust derives from BaseException, and would end the server with all that it serves
        _LOG.exception("a call failed")
        sentence = f"memfs failed: {type(error).__name__}. The memories are as they were; the server goes on."
        raise MemfsError(sentence) from error


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
