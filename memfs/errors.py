"""Everything that memfs refuses or fails at, as a tree of errors; each class writes its own sentence.

    MemfsError                        exit 1
    ├── Invalid                       exit 2   a value or word that was given cannot be used
    ├── NotFound                      exit 3   nothing has that name
    │   └── NoVersion                          the memory has no such version (in `history`)
    ├── Ambiguous                     exit 4   several memories answer to that name
    ├── Conflict                      exit 5   the files are not as the caller believes
    │   ├── Changed                            edited by someone else since it was read
    │   ├── Exists                             the name is taken by another file
    │   └── Twins                              two files carry one written id
    ├── Refused                       exit 6   understood, and not done
    │   ├── OutOfScope                         the mode does not serve that scope
    │   ├── Unwritable                         malformed, unreadable or in conflict: never rewritten
    │   ├── OutsideStore                       the name or a link leads out of the store
    │   └── SecretFound                        the text looks like it holds a credential
    ├── StorageFailed                 exit 7   disk full, no permission, I/O error
    │   └── Busy                               another process holds the lock for too long
    ├── BadConfig                     exit 8   config.toml cannot be read
    └── GitFailed                     exit 10  git is missing, refused, or took too long (in `git`)

`code` is stable and for programs; the sentence is for people and may change.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path

MAX_SHOWN = 80
"""Characters of what a caller typed that a sentence repeats."""


class MemfsError(Exception):
    """The root of the tree: what happened, where, and what to do."""

    code = "error"
    exit_code = 1


class Invalid(MemfsError):
    """A value that was given cannot be used."""

    code = "invalid"
    exit_code = 2


class NotFound(MemfsError):
    """Nothing in the view answers to the name."""

    code = "not_found"
    exit_code = 3

    def __init__(
        self, reference: str, near: Sequence[str] = (), *, hint: str = "", what: str = "memory", sentence: str = ""
    ) -> None:
        meant = f" Did you mean {' or '.join(near)}?" if near else ""
        shown = reference if len(reference) <= MAX_SHOWN else reference[: MAX_SHOWN - 1] + "…"
        super().__init__(sentence or f"No {what} is called {shown!r} here.{meant}{' ' + hint if hint else ''}")
        self.reference = reference
        self.near = tuple(near)


class Ambiguous(MemfsError):
    """Several memories answer to the name; `candidates` lists them as `id  scope  title`, or `path` for copies."""

    code = "ambiguous"
    exit_code = 4

    def __init__(self, reference: str, candidates: Sequence[str]) -> None:
        listed = "\n  ".join(candidates)
        super().__init__(f"{reference!r} could be any of these; use more of the id, or the path:\n  {listed}")
        self.reference = reference
        self.candidates = tuple(candidates)


class Conflict(MemfsError):
    """The files are not as the caller believes."""

    code = "conflict"
    exit_code = 5


class Changed(Conflict):
    """The file was changed by someone else since it was read."""

    code = "changed"

    def __init__(self, path: Path, expected: str, found: str) -> None:
        super().__init__(f"{path} changed since it was read; read it again and repeat the edit.")
        self.path = path
        self.expected = expected
        self.found = found


class Exists(Conflict):
    """The name is taken by another file."""

    code = "exists"

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} exists already; choose another name, or update that memory.")
        self.path = path


class Twins(Conflict):
    """Two files carry one written id, so an operation by that id would be a guess."""

    code = "twins"

    def __init__(self, memory_id: str, paths: Sequence[Path]) -> None:
        listed = "\n  ".join(str(path) for path in paths)
        super().__init__(
            f"The id {memory_id} is written in more than one file; "
            f"name one by its path, or run `memfs doctor --fix`:\n  {listed}"
        )
        self.memory_id = memory_id
        self.paths = tuple(paths)


class Refused(MemfsError):
    """Understood, and not done."""

    code = "refused"
    exit_code = 6


class OutOfScope(Refused):
    """The mode does not serve the scope that was asked for."""

    code = "out_of_scope"


GLOBAL_IN_ISOLATED = (
    "Global memories are not available in isolated mode. Set WORKSPACE_MODE=hybrid or global to access global memories."
)
WORKSPACE_IN_GLOBAL = (
    "Workspace memories are not available in global mode. "
    "Set WORKSPACE_MODE=hybrid or isolated to access workspace memories."
)


class Unwritable(Refused):
    """The file is malformed, unreadable or in conflict; memfs never rewrites such a file."""

    code = "unwritable"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} cannot be changed by memfs: {reason}. Mend it in an editor, then try again.")
        self.path = path
        self.reason = reason


class OutsideStore(Refused):
    """The name, or a link on the way to it, leads out of the store."""

    code = "outside_store"


class SecretFound(Refused):
    """The text looks like it holds a credential; nothing was written."""

    code = "secret_found"

    def __init__(self, findings: Sequence[str]) -> None:
        super().__init__(
            f"Nothing was saved: the text seems to hold a secret ({', '.join(findings)}). "
            "Take it out, or say that it may be stored (--allow-secret; an agent: allow_secret, when the user said so)."
        )
        self.findings = tuple(findings)


class StorageFailed(MemfsError):
    """The operating system refused: disk full, no permission, I/O error."""

    code = "storage_failed"
    exit_code = 7

    @classmethod
    def of(cls, error: OSError, path: Path, doing: str) -> StorageFailed:
        """Return the error for *error*, met while *doing* something to *path*."""
        advice = {
            errno.ENOSPC: "Free some space and repeat it.",
            errno.EDQUOT: "Free some space and repeat it.",
            errno.EFBIG: "The file is larger than this account may write.",
            errno.EROFS: "The file system is read-only.",
            errno.EACCES: "Check who may write there.",
            errno.EPERM: "Check who may write there.",
            errno.ENOLCK: "The file system offers no locks, and memfs does not write without one.",
        }.get(error.errno or 0, "Nothing was changed.")
        made = cls(f"Could not {doing} {path}: {os.strerror(error.errno or 0)}. {advice}")
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            made.code = "no_space"
        return made

    @classmethod
    @contextmanager
    def met(cls, path: Path, doing: str) -> Iterator[None]:
        """Raise an OSError of the block as the error that `of` returns for it."""
        try:
            yield
        except OSError as error:
            raise cls.of(error, path, doing) from error


class Busy(StorageFailed):
    """Another process holds the lock for longer than we wait."""

    code = "busy"


class BadConfig(MemfsError):
    """config.toml cannot be read, or says something that cannot be meant."""

    code = "bad_config"
    exit_code = 8
