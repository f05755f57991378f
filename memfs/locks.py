"""Waiting for other processes: the one lock that memfs takes, `flock`, which the kernel frees when its holder dies.

And putting small files in the place of others, for whoever holds it.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from pathlib import Path

from memfs.errors import Busy

SECONDS = 2.0
"""How long small files of memfs's own are waited for."""


@contextmanager
def locked(folder: Path, seconds: float = SECONDS) -> Iterator[None]:
    """Hold the lock of *folder*, made if there is none, while small files in it are read and written anew.

    Raises:
        Busy: Another process holds it for longer than *seconds*.
        OSError: The folder cannot be made or locked.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        flock(fd, seconds, f"{folder} is being written by another process; try again in a moment.")
        yield
    finally:
        os.close(fd)


def flock(fd: int, seconds: float, sentence: str) -> None:
    """Take the exclusive lock of the open folder or file *fd*, which its closing gives back.

    Raises:
        Busy: It could not be had within *seconds*; *sentence* says of what.
        OSError: The file system offers no locks.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                raise Busy(sentence) from error
            time.sleep(0.001 + os.urandom(1)[0] / 25_600)
        else:
            return


def put(path: Path, raw: bytes, *, durable: bool = False) -> None:
    """Put a file of the bytes *raw* in the place of *path*: whoever reads it meets the old one or the new one, whole.

    It has the mode of the old one; a *durable* one is there after a power cut, too.

    Raises:
        OSError: It cannot be written; what was there is there, and nothing is left lying about.
    """
    temp = path.with_name(f".{path.name}-{os.urandom(4).hex()}")
    try:
        with temp.open("wb") as file:
            if path.exists() and (mode := path.stat().st_mode) != temp.stat().st_mode:
                temp.chmod(stat.S_IMODE(mode))
            file.write(raw)
        if durable:
            flush(temp)
        temp.replace(path)
    except OSError:
        with suppress(OSError):
            temp.unlink()
        raise


def flush(path: Path) -> None:
    """Have the file or folder *path*, and what was renamed into a folder, survive a power cut."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
