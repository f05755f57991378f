"""Committing the memories of one store with the repository around it, and nothing else."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from memfs import credentials
from memfs import memory as memories
from memfs.errors import MemfsError
from memfs.errors import Refused
from memfs.objects import Blob
from memfs.objects import Content
from memfs.objects import Staged
from memfs.repository import Moved
from memfs.repository import Repository
from memfs.scanning import Scan
from memfs.store import Store
from memfs.worktree import ending

ATTEMPTS = 5
"""How often it is tried to commit while others commit, too."""
NOBODY = (
    "Git does not know who you are, so the commit is by `memfs`. For the next one to be by you: "
    "`git config --global user.name NAME` and `git config --global user.email ADDRESS`."
)
LINK = "160000"
"""The mode of a repository within a repository."""
_UNFIT = re.compile(r"(?i)(?:(?<=/)|(?<=\\)|^)git~1(?=[ .]*(?:[/\\:]|$))")
"""What git takes for `.git`, because Windows would."""


class Standing(NamedTuple):
    """How a store's memories stand in the repository around it; paths are below the store.

    Attributes:
        repository: That repository.
        head: The commit that is checked out, empty when there is none yet.
        staged: What is staged, by path from the repository's top.
        new: Not in its last commit.
        changed, gone: Other than in its last commit.
        ignored: Kept out of git by an ignore rule, or part of a repository of its own.
        conflicts: In the middle of a merge, or with its markers.
        underway: What its user is in the middle of, in words; empty when nothing.
        held: New or changed, and not to be committed, each with the reason.
        contents: What a commit would say of each path from the repository's top.
    """

    repository: Repository
    head: str
    staged: Mapping[str, Staged]
    new: tuple[str, ...]
    changed: tuple[str, ...]
    gone: tuple[str, ...]
    ignored: tuple[str, ...]
    conflicts: tuple[str, ...]
    underway: str
    held: Mapping[str, str]
    contents: Mapping[str, Content]


class Committed(NamedTuple):
    """A commit: its name, empty when there was nothing to commit; how it stood before; what people should know."""

    name: str
    before: Standing
    notes: tuple[str, ...]


def standing(store: Store) -> Standing | None:
    """Return how the memories of *store* stand in git, None when no repository is around it.

    Raises:
        GitFailed, Refused: See `Repository.of`.
        OutsideStore, StorageFailed: See `Store.scan`.
    """
    if not store.is_there() or (repository := Repository.of(store.root)) is None:
        return None
    prefix = repository.prefix

    def below(paths: Iterable[str]) -> set[str]:
        return {path[len(prefix) :] for path in paths}

    tree, index, differing, scan = repository.stand(store.scan)
    before = _memories(tree, prefix)
    nested = _nested(store, scan, below(path for path, staged in index.items() if staged.mode == LINK))
    present = {path for path in scan.files if not path.startswith(nested)}
    doubtful = below(differing) | (present - before.keys())
    ignored = below(repository.ignored(sorted({prefix + path for path in present} - index.keys())))
    conflicts = below(path for path, staged in index.items() if staged.stage)
    contents: dict[str, Content] = {}
    held: dict[str, str] = {}
    for path in sorted((doubtful & present) - ignored - conflicts):
        try:
            raw = repository.kept(prefix + path, _bytes(store, path))
        except _Held as reason:
            held[path] = str(reason)
            continue
        if path in before and repository.oid(raw) == before[path].oid:
            continue
        if memories.is_in_conflict(raw):
            conflicts.add(path)
        else:
            contents[path] = raw
    for path in sorted((doubtful & before.keys()) - scan.files.keys() - conflicts):
        if path.startswith((*nested, *scan.skipped)) or _is_something(store.absolute(path)):
            held[path] = "what is there now is no file that memfs reads"
        else:
            contents[path] = None
    return Standing(
        repository, repository.tip, index,
        new=tuple(path for path in contents if path not in before),
        changed=tuple(path for path, content in contents.items() if path in before and content is not None),
        gone=tuple(path for path, content in contents.items() if content is None),
        ignored=tuple(sorted(ignored | (scan.files.keys() - present))),
        conflicts=tuple(sorted(conflicts)),
        underway=repository.underway(),
        held=held,
        contents={prefix + path: content for path, content in contents.items()},
    )  # fmt: skip


def _nested(store: Store, scan: Scan, links: Iterable[str]) -> tuple[str, ...]:
    """Return the folders of *store*, each with its slash, that belong to a repository of their own."""
    own = (folder for folder in scan.folders if folder and os.path.lexists(store.absolute(folder) / ".git"))
    return (*own, *(f"{link}/" for link in links))


def _is_something(place: Path) -> bool:
    """Return whether anything is at *place* but a folder, which may hold other memories in the place of one."""
    return place.is_symlink() or (place.exists() and not place.is_dir())


class _Held(Exception):
    """A memory is not to be committed; the sentence says why."""


def _bytes(store: Store, path: str) -> bytes:
    """Return the bytes of the memory *path*, all of them.

    Raises:
        _Held: Git would not take it, or there is more of it than memfs reads.
    """
    if found := _UNFIT.search(path):
        raise _Held(f"git takes no path with {found[0]!r} in it; give it another name")
    try:
        raw = store.read(path).raw
    except MemfsError as error:
        raise _Held(str(error)) from error
    if len(raw) > memories.MAX_BYTES:
        raise _Held(f"it is larger than {memories.MAX_BYTES >> 20} MiB")
    return raw


def _memories(tree: Mapping[str, Blob], prefix: str) -> dict[str, Blob]:
    """Return the memories of *tree* by their paths below *prefix*; links and repositories are none."""
    return {
        path[len(prefix) :]: blob
        for path, blob in tree.items()
        if path.startswith(prefix)
        and path[-3:].lower() == ".md"
        and blob.is_file
        and "/." not in f"/{path[len(prefix) :]}"
    }


def commit(store: Store, message: str = "", *, allow_secret: bool = False) -> Committed:
    """Commit the memories of *store*, and nothing else, beside whatever the user has staged or is editing.

    Args:
        store: Whose.
        message: What to say; empty for a sentence that counts them.
        allow_secret: Commit what seems to hold a credential.

    Raises:
        Refused: There is no memory or no repository, or its user is in the middle of a merge, a rebase or the like.
        Busy: Another git command is at work.
        GitFailed: Git refused, or others committed at the same moment, again and again; nothing was changed.
        OutsideStore, StorageFailed: See `Store.scan`.
    """
    attempt = 1
    while True:
        try:
            return _commit(store, message, allow_secret=allow_secret)
        except Moved:
            if attempt == ATTEMPTS:
                raise
            attempt += 1


def _commit(store: Store, message: str, *, allow_secret: bool) -> Committed:
    now = standing(store)
    if now is None and not store.is_there():
        raise Refused(f"There is no folder {store.root}, so there is nothing to commit; the first save makes it.")
    if now is None:
        raise Refused(f"{store.root} lies in no git repository; `git init` begins one.")
    if now.underway:
        raise Refused(
            f"{now.repository.top} is in the middle of {now.underway}; nothing was committed. "
            f"{ending(now.underway)}; then repeat it."
        )
    if not allow_secret:
        now = without_secrets(now)
    if not now.contents:
        return Committed("", now, ())
    name, made = now.repository.commit(now.contents, message or _sentence(now), now.head)
    return Committed(name, now, (*_replaced(now, made), *([] if now.repository.knows_user else [NOBODY])))


def without_secrets(now: Standing) -> Standing:
    """Return *now* without what seems to hold a credential: that is held."""
    held, contents = dict(now.held), dict(now.contents)
    prefix = now.repository.prefix
    for path, raw in now.contents.items():
        if isinstance(raw, bytes) and (secrets := credentials.find_secrets(raw.decode("utf-8", "replace"))):
            kinds = ", ".join(f"line {each.line}: {each.kind}" for each in secrets)
            held[path[len(prefix) :]] = f"it seems to hold a secret ({kinds}); --allow-secret commits it"
            del contents[path]
    keep = {path[len(prefix) :] for path in contents}
    new, changed = (tuple(path for path in paths if path in keep) for paths in (now.new, now.changed))
    return now._replace(new=new, changed=changed, held=held, contents=contents)


def _sentence(now: Standing) -> str:
    """Return what a commit says that was given no message."""
    counts = [(now.new, "new"), (now.changed, "changed"), (now.gone, "removed")]
    return "memories: " + ", ".join(f"{len(paths)} {word}" for paths, word in counts if paths)


def _replaced(now: Standing, made: Mapping[str, Blob | None]) -> Iterator[str]:
    """Yield a sentence for each version that was staged and is neither what was committed nor in the commit before."""
    old = now.repository.own_tree(now.head)
    nothing = now.repository.oid(b"")  # also of what is only intended to be added
    for path in sorted(now.contents.keys() & now.staged.keys()):
        oid = now.staged[path].oid
        if oid not in (_oid(made.get(path)), _oid(old.get(path)), nothing):
            yield f"Another version of {path} was staged: `git cat-file -p {oid[:12]}` shows it."


def _oid(blob: Blob | None) -> str:
    return blob.oid if blob else ""
