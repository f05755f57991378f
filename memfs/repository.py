"""A git repository that holds memories: how it stands, what it has, and a commit beside whatever its user is doing.

Only plumbing runs, and nothing that compares the work tree by the repository's own rules. A commit is written
by `git fast-import` from bytes that memfs read itself, and takes HEAD only from where it was seen.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from memfs import git
from memfs.errors import Busy
from memfs.errors import Refused
from memfs.errors import StorageFailed
from memfs.git import GitFailed

LOCK_SECONDS = 5.0
"""How long a user's own git command that holds the index is waited for."""
PACKED = 50
"""Objects from which on they are written as one pack: one flush instead of one for each."""
MODE = "100644"
"""Of a file that git had not before."""
SCRATCH = "refs/memfs/pending"
"""Where a commit is between being written and being HEAD."""
_COPY = "memfs-index-"
_OURS = b"held by memfs\n"
UNDERWAY = {
    "MERGE_HEAD": "a merge", "rebase-merge": "a rebase", "rebase-apply": "a rebase or am", "CHERRY_PICK_HEAD":
    "a cherry-pick", "REVERT_HEAD": "a revert", "sequencer": "a sequence of picks", "BISECT_LOG": "a bisect",
}  # fmt: skip
"""What lies in the git folder while its user is in the middle of something."""


class Blob(NamedTuple):
    """A file as git has it."""

    mode: str
    oid: str

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file, neither a link nor a repository."""
        return self.mode.startswith("100")


Content = bytes | Blob | None
"""What becomes of a path in a commit: new content, an object that is there already, or nothing."""


class Staged(NamedTuple):
    """A file as the user's index has it; `stage` is above 0 while it is in conflict."""

    mode: str
    oid: str
    stage: int
    skipped: bool


class Repository:
    """The repository around the folder *folder*; find it with `Repository.of`.

    Attributes:
        top: The work tree.
        folder: The git folder of this work tree.
        prefix: Where the folder that was asked for lies below `top`, with a final slash; empty at the top.
        algorithm: What names its objects, `sha1` or `sha256`.
    """

    def __init__(self, top: Path, folder: Path, prefix: str, algorithm: str) -> None:
        self.top = top
        self.folder = folder
        self.prefix = prefix
        self.algorithm = algorithm

    @classmethod
    def of(cls, folder: Path) -> Repository | None:
        """Return the repository that *folder* lies in, None when it lies in none.

        Raises:
            GitFailed: There is no git, or git does not open it: it is another user's.
            Refused: It is bare: it has no work tree.
        """
        if not any(_may_be_git(place) for place in (folder, *folder.parents)):
            return None
        asked = (
            "--is-bare-repository",
            "--show-object-format",
            "--absolute-git-dir",
            "--show-prefix",
            "--show-toplevel",
        )
        answer = git.run(folder, "rev-parse", *asked, fine=(0, 128))
        said = answer.line.split("\n")
        if said[0] == "true":
            raise Refused(f"{folder} lies in a bare repository, which has no files; stand in a clone of it.")
        if answer.code and "not a git repository" in answer.said:
            return None
        if answer.code or len(said) != len(asked):
            raise GitFailed(f"git does not open the repository around {folder}: {answer.said.splitlines()[:1]}")
        return cls(Path(said[4]), Path(said[2]), said[3], said[1])

    @classmethod
    def begin(cls, top: Path) -> Repository:
        """Return a new repository whose work tree is *top*, on the branch main, begun from no template."""
        git.run(top, "init", "--quiet", "--initial-branch=main", "--template=")
        return cls(top, top / ".git", "", "sha1")

    def run(self, *command: str, **options: object) -> git.Answer:
        """Run a git command at the top of the work tree; see `git.run`."""
        return git.run(self.top, *command, **options)  # type: ignore[arg-type]

    # ---- how it stands

    def head(self) -> str:
        """Return the commit that is checked out, empty when there is none yet."""
        return self.commit_of("HEAD")

    def commit_of(self, revision: str) -> str:
        """Return the name of the commit that *revision* means, empty when it means none."""
        return self.run(
            "rev-parse", "--quiet", "--verify", "--end-of-options", f"{revision}^{{commit}}", fine=(0, 1, 128)
        ).line

    def underway(self) -> str:
        """Return what its user is in the middle of, in words; empty when nothing."""
        return next((words for name, words in UNDERWAY.items() if (self.folder / name).exists()), "")

    def tree(self, revision: str, under: Sequence[str] = ()) -> dict[str, Blob]:
        """Return each file of *revision* by its path from the top; of the paths *under* alone, if there are any."""
        if not revision:
            return {}
        listed = self.run("ls-tree", "-r", "-z", "--full-tree", revision, "--", *under)
        found = {}
        for line in listed.fields:
            about, path = line.split("\t", 1)
            mode, _, oid = about.split(" ")
            found[path] = Blob(mode, oid)
        return found

    def staged(self, under: str) -> dict[str, Staged]:
        """Return the files below *under* that the user's index has, by path; of a conflict one of its sides."""
        found = {}
        for line in self.run("ls-files", "-z", "-t", "-s", "--full-name", "--", *([under] if under else [])).fields:
            about, path = line.split("\t", 1)
            tag, mode, oid, stage = about.split(" ")
            found[path] = Staged(mode, oid, int(stage), tag == "S")
        return found

    def sides(self, path: str) -> dict[int, str]:
        """Return what a conflict about *path* is between: stage (1 base, 2 ours, 3 theirs) → object."""
        listed = self.run("--literal-pathspecs", "ls-files", "-z", "-u", "--full-name", "--", path).fields
        return {int(about.split(" ")[2]): about.split(" ")[1] for about in (line.split("\t", 1)[0] for line in listed)}

    def ignored(self, paths: Sequence[str]) -> set[str]:
        """Return those of *paths*, from the top, that an ignore rule keeps out of git."""
        if not paths:
            return set()
        feed = os.fsencode("".join(f"{path}\0" for path in paths))
        return set(self.run("check-ignore", "-z", "--stdin", feed=feed, fine=(0, 1)).fields)

    # ---- what it has

    def oid(self, raw: bytes) -> str:
        """Return the name that git gives to a file of the bytes *raw*."""
        return hashlib.new(self.algorithm, b"blob %d\0" % len(raw) + raw).hexdigest()

    def blobs(self, oids: Sequence[str]) -> list[bytes]:
        """Return the bytes of the objects *oids*, in their order.

        Raises:
            GitFailed: One is missing: it was left out of a partial clone.
        """
        if not oids:
            return []
        out = self.run("cat-file", "--batch", feed="".join(f"{oid}\n" for oid in oids).encode()).out
        found, position = [], 0
        for oid in oids:
            end = out.index(b"\n", position)
            head = out[position:end].split(b" ")
            if head[-1] == b"missing":
                raise GitFailed(f"{self.top} has not all of its history: {oid} is missing; `git fetch` may bring it.")
            size = int(head[2])
            found.append(out[end + 1 : end + 1 + size])
            position = end + 1 + size + 1
        return found

    # ---- committing

    def write(self, changes: Mapping[str, Content], message: str, parents: Sequence[str]) -> str:
        """Write a commit, and return its name; HEAD, the index and the work tree stay as they are.

        Args:
            changes: Path from the top → what is there on top of the first parent.
            message: For people.
            parents: Commits; none for the first.
        """
        feed = b"".join(self._stream(changes, message, parents))
        done = self.run("-c", f"fastimport.unpackLimit={PACKED}", "fast-import", "--quiet", "--force", feed=feed)
        return done.line

    def _stream(self, changes: Mapping[str, Content], message: str, parents: Sequence[str]) -> Iterator[bytes]:
        """Yield what git-fast-import(1) reads."""
        said = message.encode("utf-8", "replace")
        yield f"reset {SCRATCH}\n\ncommit {SCRATCH}\nmark :1\n".encode()
        yield f"author {self._identity('AUTHOR')}\ncommitter {self._identity('COMMITTER')}\n".encode()
        yield b"data %d\n%s\n" % (len(said), said)
        for word, parent in zip(("from", *["merge"] * len(parents)), parents, strict=False):
            yield f"{word} {parent}\n".encode()
        for path, content in changes.items():
            quoted = os.fsencode(path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"))
            if content is None:
                yield b'D "%s"\n' % quoted
            elif isinstance(content, Blob):
                yield b'M %s %s "%s"\n' % (content.mode.encode(), content.oid.encode(), quoted)
            else:
                yield b'M %s inline "%s"\ndata %d\n%s\n' % (MODE.encode(), quoted, len(content), content)
        yield b"get-mark :1\n"

    def _identity(self, role: str) -> str:
        """Return who commits, as git knows the user; memfs, when it does not."""
        known = self.run("var", f"GIT_{role}_IDENT", fine=(0, 128))
        return known.line if not known.code else f"memfs <memfs@localhost> {int(time.time())} +0000"

    def advance(self, new: str, old: str, changes: Mapping[str, Blob | None]) -> None:
        """Make *new* what HEAD is, if it still is *old*, and the user's index know *changes* and nothing else.

        The index is locked first: were it stale when HEAD moves, the user's next commit would revert this one.

        Raises:
            Busy: Another git command holds the index; nothing was changed.
            GitFailed: HEAD is no longer *old*; nothing was changed.
        """
        with self._index_locked():
            made = self._index_with(changes)
            try:
                zero = "0" * len(new)
                self.run(
                    "update-ref", "-m", "memfs", "--stdin", "-z",
                    feed=f"update HEAD\0{new}\0{old or zero}\0delete {SCRATCH}\0{new}\0".encode(),
                )  # fmt: skip
                if made:
                    made.replace(self.folder / "index")
            finally:
                if made:
                    made.unlink(missing_ok=True)

    def _index_with(self, changes: Mapping[str, Blob | None]) -> Path | None:
        """Return a file that is the user's index with *changes*; None when there is none to be kept right."""
        index = self.folder / "index"
        if not index.exists() and self.head():
            return None
        copy = self.folder / f"{_COPY}{os.urandom(4).hex()}"
        for left in self.folder.glob(f"{_COPY}????????"):  # of a process that died: the lock is ours
            left.unlink(missing_ok=True)
        if index.exists():
            shutil.copy(index, copy)
        zero = "0" * len(self.oid(b""))
        lines = [f"{b.mode} {b.oid}\t{path}\0" if b else f"0 {zero}\t{path}\0" for path, b in changes.items()]
        feed = os.fsencode("".join(lines))
        self.run("update-index", "-z", "--index-info", feed=feed, environ={"GIT_INDEX_FILE": str(copy)})
        return copy if copy.exists() else None

    @contextmanager
    def _index_locked(self) -> Iterator[None]:
        """Hold the lock that every git command takes before it writes the index.

        The file says that it is memfs's, and is held by `flock`: one that a killed process left is told from a
        living one's, and from git's own, which is never touched.
        """
        lock = self.folder / "index.lock"
        mine = self.folder / f"{_COPY}{os.urandom(4).hex()}.lock"
        deadline = time.monotonic() + LOCK_SECONDS
        try:
            with mine.open("xb") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                file.write(_OURS)
                file.flush()
                while not _linked(mine, lock):
                    if not _cleared(lock) and time.monotonic() > deadline:
                        raise Busy(
                            f"Another git command is at work in {self.top} ({lock} exists); nothing was changed. Try "
                            "again when it is done; if none is running, one died, and the file can be removed."
                        )
                    time.sleep(0.02)
                try:
                    yield
                finally:
                    lock.unlink(missing_ok=True)
        except OSError as error:
            raise StorageFailed.of(error, lock, "lock the index by") from error
        finally:
            mine.unlink(missing_ok=True)


def _linked(mine: Path, lock: Path) -> bool:
    """Return whether the whole file *mine* is now called *lock* as well, which nobody else had."""
    try:
        lock.hardlink_to(mine)
    except FileExistsError:
        return False
    return True


def _cleared(lock: Path) -> bool:
    """Return whether *lock* was left by a process of memfs's that died, and has been removed."""
    try:
        with lock.open("rb") as file:
            if file.read(len(_OURS)) != _OURS:
                return False
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            lock.unlink()
    except (BlockingIOError, FileNotFoundError):
        return False
    return True


def _may_be_git(place: Path) -> bool:
    """Return whether *place* looks like a work tree's top, or like a bare repository; spares starting git."""
    return (place / ".git").exists() or (place / "HEAD").exists()
