"""Reaching a remote repository: what it has, bringing that, giving it what is new.

The commands run in an empty git folder that only borrows a repository's objects: no setting that lies in a repository
has a say in what runs or where it goes, and the user's own settings let them in.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from contextlib import suppress
from pathlib import Path

from memfs import git
from memfs.errors import Invalid
from memfs.git import GitFailed
from memfs.repository import Repository

ANSWER_SECONDS = 20.0
"""How long a remote may take to say what it has."""
TRANSFER_SECONDS = 1_800.0
"""The same for bringing or taking it; git itself gives up on a line that stands still."""
PROTOCOLS = "file:git:http:https:ssh"
_SSH = "ssh -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=10 -o ServerAliveCountMax=2"
_CREDENTIALS = re.compile(r"(?<=://)(?:[^/\s@:]*:\S*|[^/\s]+)@")
"""A name, and a password if there is one: that may have been typed with any character, a slash or an @ too."""
_FASTER = re.compile(r"^!.*(?:\[rejected\]|cannot lock ref|failed to update ref)", re.MULTILINE)
"""What git says of a push that somebody else was faster than."""
_PUSHING = ("--porcelain", "--no-verify", "--no-signed", "--recurse-submodules=no")
SAID = 3
"""Lines of what a remote says to a push that it refuses, which a sentence has."""
_PROMISED = r"^remote\..*\.promisor$|^extensions\.partialclone$"
"""What the settings of a partial clone have."""
_FETCHING = (
    "--quiet", "--no-tags", "--no-recurse-submodules", "--no-auto-gc", "--no-write-fetch-head",
    "--upload-pack=git-upload-pack",
)  # fmt: skip


class Unreachable(GitFailed):
    """The remote cannot be reached, or does not let us in; what was committed here is kept."""

    code = "unreachable"


def checked_remote(remote: str) -> str:
    """Return *remote* as it is to be kept: a URL, or the absolute path of a folder.

    Raises:
        Invalid: Git would take it for an option, or for a program to run.
    """
    if remote.startswith("-") or re.match(r"[A-Za-z0-9]+::", remote) or not remote.strip():
        shown = without_credentials(remote)
        raise Invalid(f"{shown!r} is no remote; give an https or ssh address, or the folder of a repository.")
    folder = Path(remote).expanduser()
    return str(folder.resolve()) if folder.is_dir() else remote


def without_credentials(text: str) -> str:
    """Return *text* without the credentials that an address in it may hold."""
    return _CREDENTIALS.sub("", text)


class Remote:
    """The repository *address*, as *repository* reaches it; get it from `reached`.

    Args:
        address: As git names it.
        repository: Whose objects are brought and given.
        folder: An empty folder, made anew.

    Attributes:
        branch: The ref that is its default branch, once `head` was asked.
        branches: All of its branches and the commit that each is, likewise.
        said: What it said to the last push, for people, line by line.
    """

    def __init__(self, address: str, repository: Repository, folder: Path) -> None:
        self.address, self.folder, self._repository = address, folder, repository
        self._environ = self._prepared(repository)
        self._is_partial = not repository.run("config", "--get-regexp", _PROMISED, fine=(0, 1)).code
        self.branch = "refs/heads/main"
        self.branches: Mapping[str, str] = {}
        self.said: tuple[str, ...] = ()

    def _prepared(self, repository: Repository) -> Mapping[str, str]:
        """Make the empty git folder, and return the environment that leads there and to the objects."""
        folder = self.folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        common = Path(repository.run("rev-parse", "--path-format=absolute", "--git-common-dir").line)
        git.run(folder, "init", "--quiet", "--bare", "--template=", f"--object-format={repository.algorithm}")
        if head := repository.head():
            (folder / "refs" / "heads").mkdir(parents=True, exist_ok=True)
            (folder / "refs" / "heads" / "ours").write_text(f"{head}\n")
        if (shallow := common / "shallow").is_file():
            (folder / "shallow").write_bytes(shallow.read_bytes())
        return {
            "GIT_DIR": str(folder),
            "GIT_OBJECT_DIRECTORY": str(common / "objects"),
            "GIT_ALLOW_PROTOCOL": PROTOCOLS,
            "GIT_HTTP_LOW_SPEED_LIMIT": "100",
            "GIT_HTTP_LOW_SPEED_TIME": "20",
            "GIT_SSH_COMMAND": os.environ.get("GIT_SSH_COMMAND", _SSH),
        }

    def _run(self, *command: str, seconds: float, feed: bytes | None = None, fine: Sequence[int] = (0,)) -> git.Answer:
        return git.run(self.folder, *command, feed=feed, environ=self._environ, seconds=seconds, fine=fine)

    def _reason(self, error: GitFailed) -> str:
        """Return git's own words in *error*, without the folder, which is none of a person's."""
        words = str(error).partition(f" failed in {self.folder}: ")[2] or str(error).replace(f" in {self.folder}", "")
        return without_credentials(words.removeprefix("fatal: ")).rstrip(".")

    def __str__(self) -> str:
        return without_credentials(self.address)

    def head(self) -> str:
        """Return the commit that is its default branch's, which `branch` then names; empty when it has none yet.

        Raises:
            Unreachable: It does not say.
        """
        try:
            asked = ("--symref", "--", self.address, "HEAD", "refs/heads/*")
            said = self._run("ls-remote", *asked, seconds=ANSWER_SECONDS)
        except GitFailed as error:
            raise Unreachable(
                f"{self} cannot be reached: {self._reason(error)}. What is new here is safe on this "
                "machine; try again when the remote answers. memfs asks for no password: "
                "`git ls-remote` with that address shows whether git's own settings let you in."
            ) from error
        lines = [line.split("\t") for line in said.line.split("\n") if "\t" in line]
        named = next((what[5:] for what, name in lines if name == "HEAD" and what.startswith("ref: ")), "")
        if not lines:
            named = self._unborn()
        heads = {name: what for what, name in lines if name.startswith("refs/heads/")}
        known = (named, self.branch, *sorted(heads))
        self.branch = next((name for name in known if name in heads), named or self.branch)
        self.branches = heads
        return heads.get(self.branch, "")

    def _unborn(self) -> str:
        """Return the branch that it is to have first, which git tells to a clone alone; main, if it does not say."""
        place, apart = self.folder / "unborn", ("GIT_DIR", "GIT_OBJECT_DIRECTORY")
        asked = ("--quiet", "--bare", "--no-local", "--template=", "--upload-pack=git-upload-pack", "--", self.address)
        environ = {name: value for name, value in self._environ.items() if name not in apart}
        with suppress(GitFailed):
            settings = ("-c", "init.defaultBranch=main")
            git.run(self.folder, *settings, "clone", *asked, str(place), environ=environ, seconds=ANSWER_SECONDS)
            return git.run(place, "symbolic-ref", "HEAD").line
        return ""

    def fetch(self, *branches: str) -> None:
        """Bring what its *branches* have; of a partial clone, without the texts: those are brought by `blobs`.

        Raises:
            Unreachable: It does not give it.
        """
        if not branches:
            return
        source = ("--", self.address)
        settings: list[str] = []
        if self._is_partial:
            # with the texts, they would come as differences to ones that are not here
            promised = (f"url={self.address}", "promisor=true", "partialclonefilter=blob:none")
            settings = [word for each in promised for word in ("-c", f"remote.memfs.{each}")]
            source = ("--", "memfs")
        brought = (f"+{branch}:refs/heads/theirs-{number}" for number, branch in enumerate(branches))
        self._bring(*settings, "fetch", *_FETCHING, *source, *brought)

    def blobs(self, oids: Sequence[str]) -> list[bytes]:
        """Return what `Repository.blobs` does, after what a partial clone does not have was brought.

        Raises:
            Unreachable: It does not give it.
            GitFailed: See `Repository.blobs`.
        """
        if self._is_partial and oids:
            feed = "".join(f"{oid}\n" for oid in oids).encode()
            listed = self._run("cat-file", "--batch-check", feed=feed, seconds=ANSWER_SECONDS).line.split("\n")
            if missing := "".join(f"{line.split(' ')[0]}\n" for line in listed if line.endswith(" missing")):
                alone = ("-c", "fetch.negotiationAlgorithm=noop")
                self._bring(*alone, "fetch", *_FETCHING, "--stdin", "--", self.address, feed=missing.encode())
        return self._repository.blobs(oids)

    def _bring(self, *command: str, feed: bytes | None = None) -> None:
        try:
            self._run(*command, feed=feed, seconds=TRANSFER_SECONDS)
        except GitFailed as error:
            raise Unreachable(f"{self} gave nothing: {self._reason(error)}. Try again.") from error

    def take(self, commit: str, branch: str = "", old: str = "") -> bool:
        """Return whether it has taken *commit* as *branch*; False when somebody else was faster.

        Args:
            commit: What. Nothing that the remote has is ever lost by it.
            branch: The ref of another branch than its default one, which goes on to *commit* if it is empty.
            old: What that other branch is until then, below *commit*; empty: there is none.

        Raises:
            Unreachable: It refuses for another reason.
        """
        lease = [f"--force-with-lease={branch}:{old}"] if branch else []  # forces nothing: *commit* is on top of *old*
        what = ("--receive-pack=git-receive-pack", "--", self.address, f"{commit}:{branch or self.branch}")
        answer = self._run("push", *_PUSHING, *lease, *what, seconds=TRANSFER_SECONDS, fine=range(256))
        said = f"{answer.line}\n{answer.said}"
        spoken = (
            line.removeprefix("remote:").strip() for line in answer.said.splitlines() if line.startswith("remote:")
        )
        self.said = tuple(filter(None, spoken))
        if answer.code and not _FASTER.search(answer.line):
            lines = said.splitlines()
            reason = next((line for line in lines if line.startswith(("!", "fatal:"))), lines[0]).rpartition("\t")[2]
            reason = without_credentials(" ".join((reason, *self.said[:SAID])).rstrip("."))
            raise Unreachable(f"{self} did not take what is new here: {reason}. It is kept on this machine.")
        return not answer.code


@contextmanager
def reached(address: str, repository: Repository, folder: Path) -> Iterator[Remote]:
    """Yield the remote *address*, and remove the *folder* that it is reached from; the arguments are `Remote`'s."""
    try:
        yield Remote(address, repository, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
