"""A folder of memories, and the only code that writes in it.

Every path is walked from the store's root without following links. Every write happens under
an exclusive `flock` of the root folder itself: there is no lock file to leave behind, to commit
or to delete by mistake, and the kernel frees the lock when its holder dies.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from memfs.changes import GONE
from memfs.changes import Stamp
from memfs.errors import Changed
from memfs.errors import Exists
from memfs.errors import Invalid
from memfs.errors import MemfsError
from memfs.errors import NotFound
from memfs.errors import OutsideStore
from memfs.errors import StorageFailed
from memfs.errors import Unwritable
from memfs.locks import flock
from memfs.memory import MAX_BYTES
from memfs.memory import digest
from memfs.scanning import FOLDER
from memfs.scanning import TEMP_PREFIX
from memfs.scanning import TEMP_SUFFIX
from memfs.scanning import Scan
from memfs.scanning import is_utf8
from memfs.scanning import stamp_of

LOCK_SECONDS = 10.0
"""How long a write waits for another process's write to the same store."""
NAME_BYTES = 255
"""What common file systems allow for one name."""

ABSENT = "absent"
"""Expect that no file has the name."""
ANY = "any"
"""Expect nothing: replace whatever is there. Only for what has been merged already."""

_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


class File(NamedTuple):
    """A memory's bytes and the stamp they had; `digest` is what a later write must show."""

    path: str
    raw: bytes
    stamp: Stamp
    digest: str


class Store:
    """A folder of memories under one scope.

    Args:
        root: The folder; it need not exist yet.
        scope: `workspace`, `group:<name>` or `global`.
        may_be_link: Whether `root` itself may be a symbolic link (the user's own set-up, never a repository's).
    """

    def __init__(self, root: Path, scope: str, *, may_be_link: bool = False) -> None:
        self.root = Path(os.path.realpath(root)) if may_be_link else root
        self.scope = scope
        self.key = hashlib.sha256(os.fsencode(os.path.realpath(root))).hexdigest()[:16]

    def __repr__(self) -> str:
        return f"Store({str(self.root)!r}, {self.scope!r})"

    @property
    def is_project(self) -> bool:
        """Whether it travels with a project, and may hold what a stranger wrote."""
        return self.scope == "workspace" or self.scope.startswith("project:")

    def absolute(self, path: str) -> Path:
        """Return where *path* lies in the file system."""
        return self.root / path

    def is_there(self) -> bool:
        """Return whether there is such a folder; a link in its place is none."""
        return self.root.is_dir() and not self.root.is_symlink()

    def scan(self) -> Scan:
        """Return every memory file below the root, without opening any: about 4 µs a file.

        Raises:
            OutsideStore: The root is a symbolic link.
            StorageFailed: The root cannot be listed.
        """
        found = Scan()
        with StorageFailed.met(self.root, "list"), suppress(FileNotFoundError), self._folder(()) as folder:
            found.walk(folder)
        return found

    def stamp(self, path: str) -> Stamp:
        """Return the stamp of the file *path*, `GONE` when there is none.

        Raises:
            OutsideStore: *path* is no path of a memory in this store.
        """
        folders, name = self._split(path)
        try:
            with self._folder(folders) as folder:
                about = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return GONE
        except OSError as error:
            raise StorageFailed.of(error, self.absolute(path), "look at") from error
        return stamp_of(about) if stat.S_ISREG(about.st_mode) else GONE

    def read(self, path: str) -> File:
        """Return the file *path*, at most one byte more than a memory may have.

        Raises:
            NotFound: There is no such file, or it is not a regular one.
            OutsideStore: *path* leads out of the store, or through a link.
            StorageFailed: It cannot be read.
        """
        folders, name = self._split(path)
        try:
            with self._folder(folders) as folder:
                return self._read(folder, name, path)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFound(path) from error
        except OSError as error:
            raise StorageFailed.of(error, self.absolute(path), "read") from error

    def _read(self, folder: int, name: str, path: str) -> File:
        try:
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise OutsideStore(f"{self.absolute(path)} is a symbolic link; memfs does not follow it.") from error
            raise
        try:
            about = os.fstat(fd)
            if not stat.S_ISREG(about.st_mode):
                raise NotFound(path)
            raw = b""
            # one byte more than there should be, so that a file that grew meanwhile is read on
            while more := os.read(fd, min(max(about.st_size, len(raw)), MAX_BYTES) + 1 - len(raw)):
                raw += more
        finally:
            os.close(fd)
        return File(path, raw, stamp_of(about), digest(raw))

    def write(self, path: str, raw: bytes, expect: str) -> File:
        """Put *raw* into the file *path*, durably, or leave everything as it was.

        Args:
            path: Below the store; folders on the way are made.
            raw: The whole content.
            expect: `ABSENT` to create, the digest of what may be replaced, or `ANY`.

        Raises:
            Exists: It was to be absent.
            Changed: Its digest is not *expect*.
            NotFound: It is gone.
            Unwritable: It is write-protected, or larger than a memory may be.
            OutsideStore: *path* leads out of the store, or through a link.
            Busy: The store's lock could not be had in `LOCK_SECONDS`.
            StorageFailed: The operating system refused.
        """
        folders, name = self._split(path)
        try:
            with self.lock(), self._folder(folders, create=expect in (ABSENT, ANY)) as folder:
                old = None if expect == ABSENT else self._expected(folder, name, path, expect)
                temp = self._temporary(folder, raw, name if old else None)
                try:
                    if old is None and expect == ABSENT:
                        self._link(folder, temp, folder, name)
                    else:
                        self._still(folder, name, path, old)
                        os.replace(temp, name, src_dir_fd=folder, dst_dir_fd=folder)
                finally:
                    with suppress(FileNotFoundError):
                        os.unlink(temp, dir_fd=folder)
                os.fsync(folder)
                about = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileExistsError as error:
            raise Exists(self.absolute(path)) from error
        except FileNotFoundError as error:
            raise NotFound(path) from error
        except OSError as error:
            raise StorageFailed.of(error, self.absolute(path), "write") from error
        return File(path, raw, stamp_of(about), digest(raw))

    def remove(self, path: str, expect: str) -> None:
        """Remove the file *path*, whose digest is *expect*; raises like `write`."""
        folders, name = self._split(path)
        try:
            with self.lock(), self._folder(folders) as folder:
                old = self._expected(folder, name, path, expect) or self._read(folder, name, path)
                self._take(folder, name, path, old)
                os.fsync(folder)
        except FileNotFoundError as error:
            raise NotFound(path) from error
        except OSError as error:
            raise StorageFailed.of(error, self.absolute(path), "remove") from error

    def move(self, path: str, expect: str, other: Store, new_path: str) -> File:
        """Move the file *path* to *new_path* of the store *other*; no byte changes.

        The new name is durable before the old one goes: a crash in between leaves two
        equal files, never none. Raises like `write`.
        """
        folders, name = self._split(path)
        new_folders, new_name = other._split(new_path)
        first, second = sorted((self, other), key=lambda store: store.key)
        try:
            with first.lock(), second.lock(held=first.key == second.key), self._folder(folders) as source:
                old = self._expected(source, name, path, expect) or self._read(source, name, path)
                with other._folder(new_folders, create=True) as target:
                    other._bring(source, name, target, new_name, old.raw)
                    os.fsync(target)
                    try:
                        with suppress(FileNotFoundError):
                            self._take(source, name, path, old)
                    except Changed:
                        # the edited file is the memory now; two files of one id would be none
                        os.unlink(new_name, dir_fd=target)
                        raise
                    about = os.stat(new_name, dir_fd=target, follow_symlinks=False)
                os.fsync(source)
        except FileExistsError as error:
            raise Exists(other.absolute(new_path)) from error
        except FileNotFoundError as error:
            raise NotFound(path) from error
        except OSError as error:
            raise StorageFailed.of(error, self.absolute(path), "move") from error
        return File(new_path, old.raw, stamp_of(about), old.digest)

    def _bring(self, source: int, name: str, target: int, new_name: str, raw: bytes) -> None:
        """Give the file *name* of the folder *source* the name *new_name* in *target*, or put a copy there."""
        try:
            self._link(source, name, target, new_name)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            temp = self._temporary(target, raw, name, like_in=source)
            try:
                self._link(target, temp, target, new_name)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(temp, dir_fd=target)

    def _take(self, folder: int, name: str, path: str, old: File) -> None:
        """Remove the file *name* if it is still *old*.

        It is set aside before it is looked at: what an editor saves between a look and a removal would be lost.
        """
        aside = _temporary_name()
        os.rename(name, aside, src_dir_fd=folder, dst_dir_fd=folder)
        now = stamp_of(os.stat(aside, dir_fd=folder, follow_symlinks=False))
        # a new name is a new change time
        changed = now._replace(ctime_ns=0) != old.stamp._replace(ctime_ns=0)
        if changed:
            with suppress(FileExistsError):  # saved once more, and that is the newest
                self._link(folder, aside, folder, name)
        with suppress(FileNotFoundError):
            os.unlink(aside, dir_fd=folder)
        if changed:
            raise Changed(self.absolute(path), old.digest, "")

    def sweep(self, leftovers: list[str]) -> None:
        """Remove temporary files that no writer owns any more.

        Writers hold the lock while they have one, so whoever holds it knows that the rest are left over.
        """
        with suppress(MemfsError, OSError), self.lock(seconds=0):
            for path in leftovers:
                folders, _, name = path.rpartition("/")
                within = tuple(folders.split("/")) if folders else ()
                with suppress(MemfsError, OSError), self._folder(within) as folder:
                    os.unlink(name, dir_fd=folder)

    @contextmanager
    def lock(self, seconds: float = LOCK_SECONDS, *, held: bool = False) -> Iterator[None]:
        """Hold the store's lock against every other process and thread; makes the root if there is none.

        Another holder is waited for so many *seconds*. Nothing is done where the caller has *held* it already.

        Raises:
            Busy: Somebody else held it all the time.
            OSError: The file system offers no locks.
        """
        if held:
            yield
            return
        with suppress(FileExistsError):  # a file or a link, which opening it tells
            self.root.mkdir(parents=True, exist_ok=True)
        with self._folder(()) as folder:
            flock(folder, seconds, f"{self.root} is being written by another process; try again in a moment.")
            yield

    def takes(self, path: str) -> bool:
        """Return whether *path* can be that of a memory here."""
        try:
            self._split(path)
        except (OutsideStore, Invalid):
            return False
        return True

    def _split(self, path: str) -> tuple[tuple[str, ...], str]:
        """Return the folders and the name of *path*, or refuse what is no memory's path below the root."""
        parts = path.split("/")
        if not is_utf8(path) or any(part == "" or part[0] == "." or "\0" in part for part in parts):
            raise OutsideStore(f"{path[:80]!r} is not the path of a memory below {self.root}.")
        if parts[-1][-3:].lower() != ".md":
            raise OutsideStore(f"{path[:80]!r} is not a memory: memories are files named *.md.")
        if any(len(os.fsencode(part)) > NAME_BYTES for part in parts):
            raise Invalid(f"{path[:80]!r}… is too long for a file name ({NAME_BYTES} bytes).")
        return tuple(parts[:-1]), parts[-1]

    @contextmanager
    def _folder(self, folders: tuple[str, ...], *, create: bool = False) -> Iterator[int]:
        """Open the folder below the root, following no link on the way; yields its descriptor."""
        fd = -1
        try:
            try:
                fd = os.open(self.root, FOLDER)
                for name in folders:
                    if create:
                        with suppress(FileExistsError):
                            os.mkdir(name, dir_fd=fd)
                            os.fsync(fd)
                    inner = os.open(name, FOLDER, dir_fd=fd)
                    os.close(fd)
                    fd = inner
            except OSError as error:
                where = self.root.joinpath(*folders)
                places = (where, *where.parents[: len(folders)]) if error.errno in (errno.ELOOP, errno.ENOTDIR) else ()
                if any(place.is_symlink() for place in places):
                    raise OutsideStore(f"{where} is or goes through a symbolic link; memfs does not follow it.") from (
                        error
                    )
                raise
            yield fd
        finally:
            if fd >= 0:
                os.close(fd)

    def _expected(self, folder: int, name: str, path: str, expect: str) -> File | None:
        """Return the file that is there, after checking that it is the one that may be replaced."""
        try:
            found = self._read(folder, name, path)
        except FileNotFoundError:
            if expect == ANY:
                return None
            raise
        if expect not in (ANY, found.digest):
            raise Changed(self.absolute(path), expect, found.digest)
        if len(found.raw) > MAX_BYTES:
            # the digest is of its beginning, and so would be the copy that a move or the undo journal makes
            raise Unwritable(self.absolute(path), "it is larger than 1 MiB")
        if not os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode & 0o222:
            raise Unwritable(self.absolute(path), "it is write-protected")
        return found

    def _still(self, folder: int, name: str, path: str, old: File | None) -> None:
        """Check at the last moment that nobody wrote while we did: editors take no lock."""
        if old is not None:
            now = stamp_of(os.stat(name, dir_fd=folder, follow_symlinks=False))
            if now != old.stamp:
                raise Changed(self.absolute(path), old.digest, "")

    def _temporary(self, folder: int, raw: bytes, like: str | None, *, like_in: int | None = None) -> str:
        """Write *raw* to a new file and flush it; mode and attributes as those of the file *like*.

        A *like* that lies in another folder, *like_in*, is what is copied: then its time is kept too.
        """
        name = _temporary_name()
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=folder)
        try:
            with os.fdopen(fd, "wb") as file:
                if like is not None:
                    _copy_attributes(folder if like_in is None else like_in, like, fd)
                file.write(raw)
                file.flush()
                if like is not None and like_in is not None:
                    edited = os.stat(like, dir_fd=like_in, follow_symlinks=False).st_mtime_ns
                    os.utime(fd, ns=(edited, edited))
                os.fsync(fd)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)
            raise
        return name

    def _link(self, source: int, name: str, target: int, new_name: str) -> None:
        """Give the file a second name, failing if that name is taken: a rename would silently replace it."""
        try:
            os.link(name, new_name, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            # a file system without hard links: the lock keeps other memfs away, the check everybody's earlier file
            with suppress(FileNotFoundError):
                os.stat(new_name, dir_fd=target, follow_symlinks=False)
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new_name) from error
            os.rename(name, new_name, src_dir_fd=source, dst_dir_fd=target)


def _temporary_name() -> str:
    return f"{TEMP_PREFIX}{os.getpid()}-{os.urandom(6).hex()}{TEMP_SUFFIX}"


def _copy_attributes(folder: int, name: str, fd: int) -> None:
    """Give the open file *fd* the mode, owner (as far as allowed) and extended attributes of *name*."""
    old = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        about = os.fstat(old)
        if (about.st_uid, about.st_gid) != (os.geteuid(), os.getegid()):
            with suppress(OSError):
                os.fchown(fd, about.st_uid, about.st_gid)
        os.fchmod(fd, stat.S_IMODE(about.st_mode))
        if hasattr(os, "listxattr"):
            attributes: list[str] = []
            with suppress(OSError):
                attributes = os.listxattr(old)
            for attribute in attributes:
                with suppress(OSError):  # the system's own may not be ours to set
                    os.setxattr(fd, attribute, os.getxattr(old, attribute))
    finally:
        os.close(old)
