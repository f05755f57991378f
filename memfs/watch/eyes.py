"""What the operating systems' ways to see changes have in common."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from collections.abc import Mapping
from typing import Protocol

Told = Callable[[str, "str | None"], None]
"""Takes a folder's path below the root, and the name in it that something happened to; None: only a scan can tell."""

LIMITS = {
    errno.ENOSPC: "the system's limit on watched folders is reached (fs.inotify.max_user_watches)",
    errno.EMFILE: "the system's limit on watching programs is reached (fs.inotify.max_user_instances)",
}
"""Why a folder is not watched, in words that tell what to do; other errors speak for themselves."""


class Tree(Protocol):
    """The folders of one store that are reported on."""

    def follow(self, folders: Mapping[str, int]) -> tuple[bool, str]:
        """Have exactly *folders* reported on: the path of each below the root (empty, or ending in `/`), and its inode.

        Returns:
            Whether any is reported on only now, so that it has to be looked at once more;
            and why some are not, empty when all are.
        """

    def close(self) -> None:
        """Have nothing reported on."""


class Eyes(Protocol):
    """What the operating system offers to see changes with, and the threads that takes."""

    def tree(self, root: str, told: Told) -> Tree:
        """Return a tree below *root* that reports on nothing yet; *told* is called from a thread, and never raises."""

    def alive(self) -> bool:
        """Return whether reports still come in."""

    def settle(self, seconds: float) -> bool:
        """Wait until all is told that happened before the call; return whether it is, or there is no way to know."""

    def close(self) -> None:
        """End the threads."""


def why(error: OSError | RuntimeError) -> str:
    """Return why nothing can be watched, as part of a sentence."""
    number = error.errno if isinstance(error, OSError) else None
    return LIMITS.get(number, os.strerror(number)) if number else str(error)
