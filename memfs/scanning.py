"""What is in a folder of memories: every file's stamp, found by a walk that follows no link and opens no file."""

from __future__ import annotations

import os

from memfs.changes import Snapshot
from memfs.changes import Stamp

MAX_DEPTH = 64
"""Folders nested deeper than this are listed as skipped."""
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
"""How a folder is opened."""
TEMP_PREFIX, TEMP_SUFFIX = ".memfs-", ".tmp"
"""What the name of a file that is being written begins and ends with."""
_LAST_NS = (1 << 63) - 1


class Scan:
    """What a walk over a store found.

    Attributes:
        files: Each memory file's stamp.
        folders: Each folder's stamp from before it was walked; the root's path is empty, others end in `/`.
        skipped: What was not read and why, by path: unreadable folders, names that are not UTF-8.
        leftovers: Temporary files of writers that died, by path.
    """

    def __init__(self) -> None:
        self.files: Snapshot = {}
        self.folders: Snapshot = {}
        self.skipped: dict[str, str] = {}
        self.leftovers: list[str] = []

    def walk(self, folder: int, prefix: str = "", depth: int = 0) -> None:
        """Find what is in the open *folder*, whose path is *prefix*, and below it; no file is opened."""
        folders = []
        self.folders[prefix] = stamp_of(os.fstat(folder))
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if name[0] == ".":
                    if name.startswith(TEMP_PREFIX) and name.endswith(TEMP_SUFFIX):
                        self.leftovers.append(prefix + name)
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(name)
                elif name[-3:].lower() == ".md" and entry.is_file(follow_symlinks=False):
                    if not name.isascii() and not is_utf8(name):
                        self.skipped[prefix + name] = "its name is not UTF-8"
                        continue
                    try:
                        self.files[prefix + name] = stamp_of(entry.stat(follow_symlinks=False))
                    except FileNotFoundError:
                        continue
                    except OSError as error:  # a folder that may be listed and not entered
                        self.skipped[prefix + name] = os.strerror(error.errno or 0)
        for name in folders:
            self._enter(folder, f"{prefix}{name}/", depth + 1)

    def _enter(self, parent: int, prefix: str, depth: int) -> None:
        """Walk the folder *prefix* that lies in *parent*, or note why not."""
        if depth >= MAX_DEPTH:
            self.skipped[prefix] = f"deeper than {MAX_DEPTH} folders"
            return
        if not is_utf8(prefix):
            self.skipped[prefix] = "its name is not UTF-8"
            return
        try:
            inner = os.open(prefix.rstrip("/").rpartition("/")[2], FOLDER, dir_fd=parent)
        except FileNotFoundError:
            return
        except OSError as error:
            self.skipped[prefix] = os.strerror(error.errno or 0)
            return
        try:
            self.walk(inner, prefix, depth)
        finally:
            os.close(inner)


def is_utf8(name: str) -> bool:
    """Return whether *name*, as the file system gave it, is UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def stamp_of(about: os.stat_result) -> Stamp:
    """Return the stamp of a file that is *about* so."""
    # an archive may name any time: what is before 1678 or after 2262 counts as then, in 64 bits
    return Stamp(
        about.st_size, max(-_LAST_NS, min(about.st_mtime_ns, _LAST_NS)), about.st_ctime_ns, about.st_ino & _LAST_NS
    )
