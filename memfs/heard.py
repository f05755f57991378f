"""What each agent's session was told: how far it has heard the news, and which memories it was shown, when and why.

Small files in the state folder, one for each session, and one log of all that was shown; both are bounded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from contextlib import suppress
from pathlib import Path
from typing import Any
from typing import NamedTuple

from memfs.errors import StorageFailed
from memfs.locks import flock
from memfs.locks import put

LOG = "shown.jsonl"
LONGEST = 1 << 20
"""Bytes of the log from which on its older half is dropped."""
SESSIONS = 200
"""Sessions that are remembered; of more, those that were longest silent are forgotten."""
REMEMBERED = 5_000
"""Memories of which it is known that a session was shown them."""
LOCK_SECONDS = 0.5


class Shown(NamedTuple):
    """A memory that was put before an agent.

    Attributes:
        at: Seconds since the epoch.
        event: At which of the client's events: `session-start`, `user-prompt-submit`, …
        why: In words.
        tokens: What it cost, roughly.
        store: Key of the store that the memory lay in.
    """

    at: float
    session: str
    event: str
    why: str
    memory_id: str
    title: str
    scope: str
    tokens: int
    store: str


class Heard:
    """What one session was told.

    Attributes:
        session: Its id, as its client calls it.
        known: Whether anything was ever told to it.
        cursor: How far it has heard the news; empty: of nothing yet.
        shown: The ids of the memories that it was shown.
    """

    def __init__(self, session: str, cursor: str = "", shown: Sequence[str] = (), *, known: bool = False) -> None:
        self.session = session
        self.known = known
        self.cursor = cursor
        self.shown = dict.fromkeys(shown)


class Ledger:
    """What all sessions were told, below the state folder *state*."""

    def __init__(self, state: Path) -> None:
        self.folder = state / "sessions"
        self.log = state / LOG

    @contextmanager
    def session(self, session: str) -> Iterator[Heard]:
        """Yield what *session* was told, for the block to add to; of two processes one waits for the other.

        Raises:
            Busy: Another process has it for too long.
            StorageFailed: It cannot be written down.
        """
        path = self.folder / f"{hashlib.sha256(session.encode('utf-8', 'replace')).hexdigest()[:16]}.json"
        with StorageFailed.met(path, "write"):
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with path.with_suffix(".lock").open("ab") as lock:
                flock(lock.fileno(), LOCK_SECONDS, "Another process writes down what this session was told.")
                heard = _read(path, session)
                yield heard
                said = {"session": session, "cursor": heard.cursor, "shown": list(heard.shown)[-REMEMBERED:]}
                put(path, json.dumps(said).encode())
            if not heard.known:
                self._prune()

    def _prune(self) -> None:
        paths = sorted(self.folder.glob("*.json"), key=_last_written)
        for path in paths[:-SESSIONS]:
            with suppress(OSError):
                path.unlink()
                path.with_suffix(".lock").unlink()

    def write_down(self, shown: Sequence[Shown]) -> None:
        """Add *shown* to the log; what cannot be written is not told by `why`."""
        lines = "".join(json.dumps(each) + "\n" for each in shown).encode()
        with suppress(OSError):
            if lines:
                with self.log.open("ab", buffering=0) as file:
                    file.write(lines)
                    size = file.tell()
                if size > LONGEST:
                    raw = self.log.read_bytes()
                    put(self.log, raw[raw.index(b"\n", len(raw) // 2) + 1 :])

    def shown(self, stores: Collection[str], memory_id: str = "", session: str = "") -> Sequence[Shown]:
        """Return what was put before agents of *stores* (their keys), oldest first.

        Of the one memory or session alone that is named.
        """
        try:
            lines = self.log.read_bytes().splitlines()
        except OSError:
            return ()
        every = (each for line in lines if (each := _shown(line)) is not None and each.store in stores)
        return tuple(each for each in every if memory_id in ("", each.memory_id) and session in ("", each.session))


def _read(path: Path, session: str) -> Heard:
    """Return what the file *path* says of *session*; one that cannot be read is as if it were none."""
    try:
        said: Any = json.loads(path.read_bytes())
        return Heard(session, str(said["cursor"]), list(map(str, said["shown"])), known=True)
    except (OSError, ValueError, KeyError, TypeError):
        return Heard(session)


def _last_written(path: Path) -> int:
    """Return when *path* was written last; 0 when another process took it away."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _shown(line: bytes) -> Shown | None:
    try:
        at, session, event, why, memory_id, title, scope, cost, store = json.loads(line)
        who, which = (str(session), str(event), str(why)), (str(memory_id), str(title), str(scope))
        return Shown(float(at), *who, *which, int(cost), str(store))
    except (ValueError, TypeError):
        return None
