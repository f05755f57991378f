"""A git repository that holds memories: how it stands, what it has, and a commit beside whatever its user is doing.

Only plumbing runs, and nothing that compares the work tree by the repository's own rules. A commit is written
by `git fast-import` from bytes that memfs read itself, and takes HEAD only from where it was seen.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import AbstractContextManager
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
from typing import TypeVar
from typing import Unpack

from memfs import git
from memfs import objects
from memfs import worktree
from memfs.errors import Refused
from memfs.git import GitFailed
from memfs.objects import Blob
from memfs.objects import Content
from memfs.objects import Staged
from memfs.objects import blobs_in
from memfs.objects import mode_of
from memfs.objects import removals_first
from memfs.objects import staged_in
from memfs.staging import UserIndex

LOCK_SECONDS = 5.0
"""How long a user's own git command that holds the index is waited for."""
READING_SECONDS = 10.0
"""After which a git that only reads is ended: it hangs, on a pipe in the place of a file."""
MOST_BLOBS = 1 << 31
"""Bytes of objects that are asked for at once; whoever asks knows how large they are."""
PACKED = 50
"""Objects from which on they are written as one pack: one flush instead of one for each."""
NAMED = 50
"""Paths from which on git is told of the folder instead of each of them."""
_FETCH = "`git fetch` may bring it, `git fsck` tells more."
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_LS_TREE = ("ls-tree", "-r", "-z", "--full-tree")
_LS_FILES = ("ls-files", "-z", "-t", "-s", "--full-name")
_DIFFERING = ("-z", "--name-only", "--ignore-submodules=all")
Found = TypeVar("Found")


class Moved(GitFailed):
    """HEAD is not, or not only, what it was when it was looked at; nothing was changed."""

    code = "moved"


class Repository:
    """The repository around the folder *folder*; find it with `Repository.of`.

    Attributes:
        top: The work tree.
        folder: The git folder of this work tree.
        prefix: Where the folder that was asked for lies below `top`, with a final slash; empty at the top.
        algorithm: What names its objects, `sha1` or `sha256`.
        tip: The commit that was checked out when it was found, empty when there was none.
        knows_user: Whether git knew who commits, when that was asked last.
    """

    def __init__(self, top: Path, folder: Path, prefix: str, algorithm: str, tip: str = "") -> None:
        self.top = top
        self.folder = folder
        self.prefix = prefix
        self.algorithm = algorithm
        self.tip = tip
        self.knows_user = True
        self._index = UserIndex(top, folder, self.run)
        self._trees: dict[tuple[str, ...], Mapping[str, Blob]] = {}

    @classmethod
    def of(cls, folder: Path) -> Repository | None:
        """Return the repository that *folder* lies in, None when it lies in none.

        Raises:
            GitFailed: There is no git, or git does not open it: it is another user's.
            Refused: It is bare: it has no work tree.
        """
        if not any(worktree.may_be_git(place) for place in (folder, *folder.parents)):
            return None
        asked = (
            "--is-bare-repository",
            "--show-object-format",
            "--absolute-git-dir",
            "--show-prefix",
            "--show-toplevel",
        )
        tip = ("--revs-only", "HEAD")  # nothing when nothing was committed yet
        answer = git.run(folder, "rev-parse", *asked, *tip, seconds=READING_SECONDS, fine=(0, 128))
        said = answer.line.split("\n")
        if said[0] == "true":
            raise Refused(f"{folder} lies in a bare repository, which has no files; stand in a clone of it.")
        if answer.code and "not a git repository (or any" in answer.said:
            return None
        about, tips = said[: len(asked)], said[len(asked) :]
        real = Path(os.path.realpath(folder))
        is_plain = len(about) == len(asked) and len(tips) <= 1 and all(map(_COMMIT.fullmatch, tips))
        if answer.code or not is_plain or Path(about[4]) not in (real, *real.parents):
            why = git.first_line(answer.said) or "a folder's name has more than one line"
            raise GitFailed(f"git does not open the repository around {folder}: {why}. `git status` there says more.")
        if Path(said[2]) in (real, *real.parents):
            raise GitFailed(
                f"{said[2]} is a git folder that lies among the files, with settings of its own; memfs leaves git "
                "alone there. If nobody meant it to be one: remove the file HEAD in it."
            )
        found = cls(Path(said[4]), Path(said[2]), said[3], said[1], "".join(tips))
        found._index.unlock_after_the_dead()
        return found

    @classmethod
    def begin(cls, top: Path) -> Repository:
        """Return a new repository whose work tree is *top*, on the branch main, begun from no template."""
        git.run(top, "init", "--quiet", "--initial-branch=main", "--template=", "--object-format=sha1")
        return cls(top, top / ".git", "", "sha1")

    def run(self, *command: str, **options: Unpack[git.Options]) -> git.Answer:
        """Run a git command at the top of the work tree, without the filters and hooks of its settings; see `git.run`.

        Raises:
            GitFailed: As `git.run` does.
            Refused: One of the filters or hooks cannot be kept from running.
        """
        with self._begun(*command, **options) as answer:
            return answer()

    def _read(self, *command: str, **options: Unpack[git.Options]) -> git.Answer:
        """Run a git command that reads and takes no time; see `run`."""
        with self._asked(*command, **options) as answer:
            return answer()

    def _asked(self, *command: str, **options: Unpack[git.Options]) -> AbstractContextManager[git.Awaited]:
        """Begin what `_read` runs."""
        about: git.Options = {"seconds": READING_SECONDS, **options}
        return self._begun(*command, **about)

    def _begun(self, *command: str, **options: Unpack[git.Options]) -> AbstractContextManager[git.Awaited]:
        """Begin what `run` runs: git works while others are begun; see `git.begun`."""
        about: git.Options = {**options, "environ": {**self._where, **options.get("environ", {})}}
        return git.begun(self.top, *self._overruling, *command, **about)

    @property
    def _where(self) -> dict[str, str]:
        # said, not looked for: its settings may have the work tree lie around another repository
        return {"GIT_DIR": str(self.folder), "GIT_WORK_TREE": str(self.top)}

    @cached_property
    def _settings(self) -> Sequence[str]:
        asked = git.run(self.top, "config", *git.PROGRAMS, environ=self._where, seconds=READING_SECONDS, fine=(0, 1))
        return asked.fields

    @cached_property
    def _overruling(self) -> Sequence[str]:
        options = git.overruling(self._settings)
        if options is None:
            raise Refused(
                f"The settings of {self.top} call a filter or a hook by a name with `=`, which memfs cannot keep "
                "from running; so it leaves git alone there. Give it another name."
            )
        return options

    # ---- how it stands

    def head(self) -> str:
        """Return the commit that is checked out, empty when there is none yet."""
        return self.commit_of("HEAD")

    def commit_of(self, revision: str) -> str:
        """Return the name of the commit that *revision* means, empty when it means none."""
        return self._read(*_commit_of(revision), fine=(0, 1, 128)).line

    def underway(self) -> str:
        """Return what its user is in the middle of, in words; empty when nothing."""
        return worktree.underway(self.folder)

    def tree(self, revision: str, under: Sequence[str] = ()) -> Mapping[str, Blob]:
        """Return each file of *revision* by its path from the top; of the paths *under* alone, if there are any."""
        if not _COMMIT.fullmatch(revision):
            return self._tree(revision, under) if revision else {}
        # what a commit has is always the same
        asked = (revision, *under)
        if asked not in self._trees:
            self._trees[asked] = self._tree(revision, under)
        return self._trees[asked]

    def own_tree(self, revision: str) -> Mapping[str, Blob]:
        """Return each file of *revision* below `prefix`, by its path from the top."""
        return self.tree(revision, [self.prefix] if self.prefix else [])

    def _tree(self, revision: str, under: Sequence[str]) -> dict[str, Blob]:
        return blobs_in(self._read(*_LS_TREE, revision, "--", *map(_literally, under)).fields)

    def staged(self, under: str) -> dict[str, Staged]:
        """Return the files below *under* that the user's index has, by path; of a conflict one of its sides."""
        return staged_in(self._read(*_LS_FILES, "--", *_below(under)).fields)

    def stand(self, meanwhile: Callable[[], Found]) -> tuple[Mapping[str, Blob], dict[str, Staged], set[str], Found]:
        """Return what there is below `prefix`, for which git is asked three things at once.

        Args:
            meanwhile: Looks at the files themselves, while git works.

        Returns:
            `own_tree` of the `tip`, `staged`, the paths that may differ from the tip in the index or on disk, as git's
            stamps tell (the others do not), and what *meanwhile* returned.
        """
        tip, below = self.tip, _below(self.prefix)
        compared = ("diff-index", *_DIFFERING, tip) if tip else ("diff-files", *_DIFFERING)
        with (
            self._asked(*compared, "--", *below) as doubtful,
            self._asked(*_LS_FILES, "--", *below) as staged,
            self._asked(*_LS_TREE, tip, "--", *below) if tip else nullcontext(None) as tree,
        ):
            found = meanwhile()
            if tree:
                self._trees[(tip, self.prefix) if self.prefix else (tip,)] = blobs_in(tree().fields)
            return self.own_tree(tip), staged_in(staged().fields), set(doubtful().fields), found

    def sides(self, path: str) -> dict[int, str]:
        """Return what a conflict about *path* is between: stage (1 base, 2 ours, 3 theirs) → object."""
        listed = self._read("ls-files", "-z", "-u", "--full-name", "--", _literally(path)).fields
        return {int(about.split(" ")[2]): about.split(" ")[1] for about in (line.split("\t", 1)[0] for line in listed)}

    def ignored(self, paths: Sequence[str]) -> set[str]:
        """Return those of *paths*, from the top and unknown to the index, that an ignore rule keeps out of git."""
        if not paths:
            return set()
        # with the index git would take them for patterns; `./` keeps it from seeing more in a first character
        feed = os.fsencode("".join(f"./{path}\0" for path in paths))
        found = self._read("check-ignore", "--no-index", "-z", "--stdin", feed=feed, fine=(0, 1)).fields
        return {path.removeprefix("./") for path in found}

    # ---- what it has

    def kept(self, path: str, raw: bytes) -> bytes:
        """Return *raw*, a file's bytes, as git keeps them at *path*: by its rules lines may end otherwise on disk."""
        if b"\r\n" not in raw:
            return raw
        plain = raw.replace(b"\r\n", b"\n")
        name = self._read("-c", "core.safecrlf=false", "hash-object", "--stdin", "--path", path, feed=raw).line
        return plain if name == self.oid(plain) else raw

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
        feed = "".join(f"{oid}\n" for oid in oids).encode()
        answer = self.run("cat-file", "--batch", feed=feed, most=MOST_BLOBS, fine=(0, 128))
        if answer.code:
            raise GitFailed(f"{self.top} has not all of its history ({git.first_line(answer.said)}); {_FETCH}")
        out, found, position = answer.out, [], 0
        for oid in oids:
            end = out.index(b"\n", position)
            head = out[position:end].split(b" ")
            if head[-1] == b"missing":
                raise GitFailed(f"{self.top} has not all of its history ({oid} is missing); {_FETCH}")
            size = int(head[2])
            found.append(out[end + 1 : end + 1 + size])
            position = end + 1 + size + 1
        return found

    def sizes(self, oids: Sequence[str]) -> dict[str, int]:
        """Return how many bytes each of *oids* has; nothing of a partial clone, which may not have it."""
        feed = "".join(f"{oid}\n" for oid in oids).encode()
        try:
            listed = self._read("cat-file", "--batch-check", feed=feed).line
        except GitFailed:
            return {}
        words = (line.split(" ") for line in listed.split("\n"))
        return {each[0]: int(each[2]) for each in words if len(each) == 3}  # noqa: PLR2004  (name, kind, size)

    # ---- committing

    def write(self, changes: Mapping[str, Content], message: str, parents: Sequence[str]) -> str:
        """Write a commit, and return its name; HEAD, the index and the work tree stay as they are.

        Args:
            changes: Path from the top → what is there on top of the first parent, which says whether it is executable.
            message: For people.
            parents: Commits; none for the first.
        """
        committer = self.identity("COMMITTER")
        author = self.identity("AUTHOR") if self._are_two() else committer
        before = self.own_tree(parents[0] if parents else "")
        feed = b"".join(objects.told(changes, before, message, (author, committer), parents))
        options = ("-c", f"fastimport.unpackLimit={PACKED}")
        return self.run(*options, "fast-import", "--quiet", "--force", feed=feed).line

    @property
    def _nothing(self) -> str:
        """The name that stands for no object."""
        return "0" * len(self.oid(b""))

    def _are_two(self) -> bool:
        """Return whether who writes may be another than who commits, or at another time."""
        said = [name for name in os.environ if name.startswith(("GIT_AUTHOR_", "GIT_COMMITTER_"))]
        return bool(said) or any(name.startswith(git.PEOPLE) for name in self._settings)

    def identity(self, role: str) -> str:
        """Return who commits in the *role* AUTHOR or COMMITTER, as git knows the user; memfs, when it does not."""
        known = self._read("var", f"GIT_{role}_IDENT", fine=(0, 128))
        self.knows_user = not known.code
        return known.line if self.knows_user else f"memfs <memfs@localhost> {int(time.time())} +0000"

    def commit(self, changes: Mapping[str, Content], message: str, old: str) -> tuple[str, Mapping[str, Blob | None]]:
        """Commit *changes* below `prefix` on top of HEAD; return the commit, and what it has in their place.

        HEAD may have left *old*, the commit that they are the changes from, as long as `prefix` is as it was there.

        Raises:
            Busy, Moved, GitFailed, StorageFailed: See `advance`.
        """
        new = self.write(changes, message, [old] if old else [])
        before = self.own_tree(old)
        made = {
            path: Blob(mode_of(before.get(path)), self.oid(content)) if isinstance(content, bytes) else content
            for path, content in changes.items()
        }
        with self._index.locked(LOCK_SECONDS):
            try:
                self._advance(new, old, made)
            except Moved:
                now = self.head()
                if now == old or self.own_tree(now) != self.own_tree(old):
                    raise
                new = self.write(changes, message, [now] if now else [])
                self._advance(new, now, made)  # while the index is locked hardly anybody moves it again
        return new, made

    def advance(self, new: str, old: str, changes: Mapping[str, Blob | Staged | None]) -> None:
        """Make *new* what HEAD is, if it still is *old*, and the user's index know *changes* and nothing else.

        What is `Staged` there as skipped is left out of the work tree.

        Raises:
            Busy: Another git command holds the index; nothing was changed.
            Moved: HEAD is no longer *old*, or a merge or the like was begun; nothing was changed.
            GitFailed: Git refused; nothing was changed.
            StorageFailed: The index cannot be written; nothing was changed.
        """
        with self._index.locked(LOCK_SECONDS):
            self._advance(new, old, changes)

    def stage(self, path: str, raw: bytes | None) -> None:
        """Have the user's index hold *raw* (None: no file) at *path*, settled if it was in conflict.

        Raises:
            Busy, GitFailed, StorageFailed: See `advance`.
        """
        blob = None
        if raw is not None:
            old = self.staged(path).get(path)
            name = self.run("hash-object", "-w", "--stdin", feed=self.kept(path, raw)).line
            blob = Blob(mode_of(old), name)
        with self._index.locked(LOCK_SECONDS), self._index_with({path: blob}, self.head()):
            pass

    def _advance(self, new: str, old: str, changes: Mapping[str, Blob | Staged | None]) -> None:
        """Do what `advance` does; the index is locked.

        The index comes first. Who dies in between leaves memories staged, which the user's next commit takes along;
        were HEAD first, the index would be without them, and that commit would take them back.
        """
        if self.underway():
            raise self._moved
        with self._asked(*_commit_of("HEAD"), fine=(0, 1, 128)) as head:

            def check() -> None:
                if head().line != old:
                    raise self._moved

            with self._index_with(changes, new, check):
                try:
                    self.point("HEAD", new, old or self._nothing)
                except GitFailed as error:
                    if self.head() != old:  # by a commit that was begun before, whose message somebody was writing
                        raise self._moved from error
                    raise

    def point(self, ref: str, new: str, *old: str) -> None:
        """Have *ref* name the commit *new* (empty: nothing), if it names *old* now.

        Raises:
            Refused: Git would write its log of that through a link.
            GitFailed: It names another.
        """
        if log := worktree.linked_log(self.folder, ref):
            raise Refused(f"{log} is a link, or lies behind one; git would write to its target.")
        self.run("update-ref", *(("-m", "memfs", ref, new) if new else ("-d", ref)), *old)

    @property
    def _moved(self) -> Moved:
        return Moved(f"Somebody else worked in {self.top} at the same moment; nothing was changed. Repeat it.")

    def _index_with(
        self, changes: Mapping[str, Blob | Staged | None], new: str, check: Callable[[], None] = lambda: None
    ) -> AbstractContextManager[None]:
        """Have the user's index, which is locked, know *changes*; as it was if HEAD is not *new* in the end.

        Nothing is touched before *check* has raised nothing.
        """
        if not self._index.is_there() and self.head():
            check()
            return nullcontext()  # everything is staged as removed, and stays so
        entries = removals_first(changes)
        skipped = {path for path, blob in entries if isinstance(blob, Staged) and blob.skipped}
        there = [_literally(path) for path, blob in entries if blob and path not in skipped]
        return self._index.changed(
            [(path, *((blob.mode, blob.oid) if blob else ("0", self._nothing))) for path, blob in entries],
            sorted(skipped),
            there if len(there) < NAMED else _below(self.prefix) or ["."],
            check,
            lambda: self.head() == new,
        )


def _literally(path: str) -> str:
    """Return *path* as git takes it for nothing else, whatever its characters are."""
    return f":(literal){path}"


def _commit_of(revision: str) -> tuple[str, ...]:
    """Return what git is asked for the name of the commit that *revision* means."""
    return ("rev-parse", "--quiet", "--verify", "--end-of-options", f"{revision}^{{commit}}")


def _below(folder: str) -> list[str]:
    """Return what limits a git command to *folder*; nothing where that is the top."""
    return [_literally(folder)] if folder else []
