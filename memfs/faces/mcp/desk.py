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

from memfs.config import SESSION_NAMED_BY
from memfs.errors import Invalid
from memfs.errors import MemfsError
from memfs.scope import NAMED_BY
from memfs.scope import grounds
from memfs.scope import named_workspace

if TYPE_CHECKING:
    from memfs.answers import Entry
    from memfs.answers import Event
    from memfs.store import Store
    from memfs.workspace import Workspace

Answer = TypeVar("Answer")

LOCK_SECONDS = 0.2
REST_SECONDS = 1.0
"""How long what nobody waits for lets each verb go first."""
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
        if not any(self._environ.get(name) for name in SESSION_NAMED_BY):
            self._environ[SESSION_NAMED_BY[0]] = f"server-{os.urandom(6).hex()}"
        self.pinned = folder is not None or bool(named_workspace(self._environ))
        self._folder = folder
        self._mode = mode
        self._heard = heard
        self._lock = threading.RLock()
        self._at_work = 0
        self._idle = threading.Condition()
        self._here: _Watched | None = None
        self._everywhere: _Watched | None = None
        self._grounds: object = None

    @property
    def here(self) -> Workspace:
        """Return the workspace; opened, if this is the first time, or if what its view goes by changed since.

        Raises:
            Invalid, BadConfig: The settings cannot be used.
        """
        with self._lock:
            if self._here is not None and self._grounds == grounds(self._here.workspace.config):
                return self._here.workspace
            return self._open()

    @property
    def everywhere(self) -> Workspace:
        """Return what questions across projects are asked of; as new as `here`, and opened when it is first needed.

        Raises:
            OutOfScope: The user has not switched such questions on.
            Invalid, BadConfig: As for `here`.
        """
        with self._lock:
            here = self.here
            if self._everywhere is None:
                everywhere = here.across()
                self._everywhere = _Watched(everywhere, everywhere.refresh)
            return self._everywhere.workspace

    def _open(self) -> Workspace:
        from memfs.workspace import Workspace

        environ = self._environ
        if self._folder is not None:
            environ = {name: value for name, value in environ.items() if name not in NAMED_BY}
        here = Workspace.open(self._folder or _standing(), mode=self._mode, environ=environ)
        self._grounds = grounds(here.config)
        replaced = self._here is not None
        self._leave()
        self._here = _Watched(here, _Learner(here, self._rest).stirred, self._heard)
        if replaced:  # what the old one had not told yet is lost, and other stores may be seen now
            self._heard(None)
        return here

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

    def _rest(self) -> None:
        """Wait until no verb is at work, or for a moment."""
        with self._idle:
            self._idle.wait_for(lambda: not self._at_work, REST_SECONDS)

    def owns(self, store: Store) -> bool:
        """Return whether memories of *store* can be changed from here, by the view as it was last asked for."""
        return self._here is not None and any(own.key == store.key for own in self._here.workspace.view.own)

    def watching(self) -> tuple[str, ...]:
        """Return why changes are not watched live, for people; nothing when they are."""
        return self._here.watcher.notes() if self._here else ()

    def _leave(self) -> None:
        for each in (self._here, self._everywhere):
            if each is not None:
                each.watcher.stop()
        self._here = self._everywhere = None

    def close(self, seconds: float = 1.0) -> None:
        """Stop watching, once no verb is at work or *seconds* are over; a verb that goes on is safe to be killed."""
        with self._idle:
            self._idle.wait_for(lambda: not self._at_work, seconds)
        if self._lock.acquire(timeout=LOCK_SECONDS):
            try:
                self._leave()
            finally:
                self._lock.release()


class _Watched:
    """A workspace with somebody who watches its stores and keeps it up to date.

    *stirred* is called by the watcher's thread when something may have happened in a store, which it refreshes; *heard*
    when files differ from what was known, often by that thread, too.
    """

    def __init__(
        self, workspace: Workspace, stirred: Callable[[Store], object], heard: Callable[[Event], None] | None = None
    ) -> None:
        from memfs.watch import Watcher

        self.workspace = workspace
        self._refresh = stirred
        self.watcher = workspace.hints = Watcher(workspace.view.stores, self._stirred)
        if heard is not None:
            workspace.listen(heard)
        self.watcher.start()

    def _stirred(self, store: Store) -> None:
        """Bring the workspace up to date, and make some of the vectors that are missing: the rest when that is told."""
        self._refresh(store)
        if self.workspace.understand():
            self.watcher.again(store)


class _Learner:
    """Has *workspace* learn from git who wrote its memories, once and when another commit is checked out.

    *rest* is called before anything that somebody else may have to wait for.
    """

    def __init__(self, workspace: Workspace, rest: Callable[[], None]) -> None:
        self._workspace = workspace
        self._rest = rest
        self._learned: list[str | None] = []

    def stirred(self, store: Store) -> None:
        """Bring the workspace up to date with *store*; a history that nobody vouches for is not looked at unasked."""
        from memfs import trust
        from memfs.worktree import checked_out

        self._workspace.refresh(store)
        state, own = self._workspace.config.state, self._workspace.view.own
        vouched = [store for store in own if not store.is_project or trust.is_known(state, store.root.parent)]
        known = [checked_out(each.root) for each in vouched]
        if any(ground != "" for ground in known) and known != self._learned:
            from memfs import learned

            self._rest()
            learned.learn(self._workspace, self._rest)
            self._learned = known


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
        """Remember that the client has read a memory as it is now, or, unless *whole*, its beginning.

        Not of one that can only be read here: it may be a copy of one that can be changed.
        """
        if not self.desk.owns(entry.store):
            return
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
