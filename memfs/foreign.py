"""Files of other programs: what is to stand in them, what that changes, and the way back.

They are edited, never written anew: whatever a person wrote there stays as it is, to the byte.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import NamedTuple
from typing import Protocol
from typing import TypeVar

from memfs.errors import Changed
from memfs.errors import Refused
from memfs.errors import StorageFailed
from memfs.errors import Unwritable

CREDENTIALS = re.compile(
    r'("?[\w.-]*(?:key|token|secret|passw|auth|credential|url)[\w.-]*"?\s*[:=]\s*)"(?:[^"\\]|\\.)*"', re.IGNORECASE
)
TRIES = 3

Answer = TypeVar("Answer")


class Wish(Protocol):
    """What is to stand in a file. Its methods raise ValueError for a text that cannot be parsed or edited safely."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def shared(self) -> bool:
        """Whether the file is a project's, which other people get too."""

    def found(self, text: str) -> Wish | None:
        """Return the wish that *text* fulfils: this one, perhaps with other values; None: there is nothing of it."""

    def added(self, text: str) -> str:
        """Return *text* with what is wished for."""

    def cut(self, text: str) -> str:
        """Return *text* without what is wished for."""

    def displaced(self, text: str) -> str:
        """Return what stands in *text* in the place of it; empty: nothing."""


class Change(NamedTuple):
    """What a file holds and what it is to hold (None: there is no such file).

    `action` is `added`, `updated`, `removed`, `restored` (what stood there before memfs is back) or `unchanged`;
    `replaced` is what stood there instead.
    """

    action: str
    before: bytes | None
    after: bytes | None
    replaced: str = ""

    def diff(self, path: Path) -> list[str]:
        """Return the change as the lines of a unified diff, without what looks like a credential."""
        from difflib import unified_diff

        old, new = ((side or b"").decode().splitlines() for side in (self.before, self.after))
        lines = unified_diff(old, new, str(path), str(path), n=1, lineterm="")
        return [CREDENTIALS.sub(r'\1"…"', line) for line in lines]


def examined(path: Path, ask: Callable[[str], Answer]) -> Answer:
    """Return what *ask* makes of the text of the file *path* (empty: there is no such file).

    Raises:
        Unwritable: It cannot be parsed.
        StorageFailed: It cannot be read.
    """
    return _asked(ask, path, _text(path, _read(path)))


def plan(wish: Wish, *, remove: bool = False) -> Change:
    """Return what comes of the file of *wish*, which is only read.

    Raises:
        Unwritable: It cannot be parsed, or is written in a way that cannot be edited safely.
        Refused: Something else has that place.
        StorageFailed: It cannot be read.
    """
    before = _read(wish.path)
    text = _text(wish.path, before)
    after = _asked(lambda text: _without(text, wish) if remove else wish.added(text), wish.path, text)
    if after == text:
        return Change("unchanged", before, before)
    replaced = wish.displaced(text)
    if remove:
        action = "restored" if wish.displaced(after or "") else "removed"
    else:
        action = "updated" if replaced or wish.found(text) else "added"
    return Change(action, before, None if after is None else after.encode(), replaced)


def write(wish: Wish, change: Change, *, remove: bool = False) -> tuple[Change, Path | None]:
    """Carry *change* out; return what was done, and where the file as it was is kept.

    A program that runs rewrites its settings at any time: what it wrote since *change* was planned is planned anew.

    Raises:
        Changed: It is faster than we are.
        StorageFailed: The file or its folder cannot be written.
    """
    real = Path(os.path.realpath(wish.path))  # a link into a folder of dotfiles stays one
    for _ in range(TRIES):
        if change.action == "unchanged":
            return change, None
        with StorageFailed.met(wish.path, "write"):
            mode = _mode(real) or (0o644 if wish.shared else 0o600)
            backup = None if change.before is None else _keep(wish.path, change.before, mode)
            if _replace(real, change, mode):
                return change, backup
        change = plan(wish, remove=remove)
    raise Changed(wish.path, "", "")


def _without(text: str, wish: Wish) -> str | None:
    """Return *text* without what *wish* put there; None: nothing else was ever in it."""
    ours = wish.found(text)
    if ours is None:
        return wish.cut(text)
    # a backup in a project may have come with it, and would put a stranger's command there
    backups = [] if wish.shared else list(_backups(wish.path))
    earlier = [_text(path, _read(path)) for path in reversed(backups)]
    for older in (*earlier, None):
        with suppress(ValueError, RecursionError, Refused):
            # the exact way back: what was there before, if adding to it gives what is there now
            if ours.found(older or "") is None and ours.added(older or "") == text:
                return older
    return ours.cut(text)


def _asked(ask: Callable[[str], Answer], path: Path, text: str) -> Answer:
    try:
        return ask(text)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error).rstrip(".")
        raise Unwritable(path, reason) from error


# ---- disk


def _read(path: Path) -> bytes | None:
    with StorageFailed.met(path, "read"), suppress(FileNotFoundError):
        return path.read_bytes()
    return None


def _text(path: Path, raw: bytes | None) -> str:
    try:
        return (raw or b"").decode()
    except UnicodeDecodeError as error:
        raise Unwritable(path, "it is not UTF-8") from error


def _mode(real: Path) -> int:
    """Return the mode bits of *real*, 0 when it is not there; refuse one that may not be written."""
    if not real.exists():
        return 0
    if not os.access(real, os.W_OK):  # a rename would not mind
        raise PermissionError(errno.EACCES, "read-only")
    return real.stat().st_mode & 0o777


def _backups(path: Path) -> Iterator[Path]:
    """Yield the backups of *path*, oldest first; they lie beside it, not where a link leads."""
    for number in count(1):
        backup = path.with_name(f"{path.name}.memfs-backup{f'-{number}' if number > 1 else ''}")
        if not os.path.lexists(backup):
            return
        yield backup


def _keep(path: Path, content: bytes, mode: int) -> Path:
    """Return the backup of *path* that holds *content*, made if there is none, with the mode bits *mode*."""
    known = list(_backups(path))
    for backup in known:
        if backup.read_bytes() == content:
            return backup
    backup = path.with_name(f"{path.name}.memfs-backup{f'-{len(known) + 1}' if known else ''}")
    _create(backup, content, mode)
    return backup


def _create(path: Path, content: bytes, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        path.chmod(mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _replace(real: Path, change: Change, mode: int) -> bool:
    """Make the file *real* what *change* says; False, and nothing done, when it is not as it was planned for."""
    temp = real.with_name(f".{real.name}-{os.urandom(4).hex()}.tmp")
    try:
        real.parent.mkdir(parents=True, exist_ok=True)
        _create(temp, change.after or b"", mode)
        if _read(real) != change.before:
            return False
        real.unlink() if change.after is None else temp.replace(real)
        return True
    finally:
        with suppress(OSError):
            temp.unlink()
