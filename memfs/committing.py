"""Committing the memories of one store with the repository around it, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from typing import NamedTuple

from memfs import credentials
from memfs import git
from memfs import memory as memories
from memfs.errors import MemfsError
from memfs.errors import Refused
from memfs.repository import Blob
from memfs.repository import Content
from memfs.repository import Repository
from memfs.repository import Staged
from memfs.store import Store


class Standing(NamedTuple):
    """How a store's memories stand in the repository around it; paths are below the store.

    Attributes:
        repository: That repository.
        head: The commit that is checked out, empty when there is none yet.
        staged: What is staged, by path from the repository's top.
        new: Not in its last commit.
        changed, gone: Other than in its last commit.
        ignored: Kept out of git by an ignore rule.
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
    head = repository.head()
    before = _memories(repository.tree(head, [prefix] if prefix else []), prefix)
    index = repository.staged(prefix)
    conflicts = {path[len(prefix) :] for path, staged in index.items() if staged.stage}
    present = store.scan().files
    doubtful = _doubtful(repository, prefix, head, before) | (present.keys() - before.keys())
    untracked = [path for path in present.keys() - before.keys() if prefix + path not in index]
    ignored = {path[len(prefix) :] for path in repository.ignored([prefix + path for path in sorted(untracked)])}
    contents: dict[str, Content] = {}
    held: dict[str, str] = {}
    new: list[str] = []
    changed: list[str] = []
    for path in sorted((doubtful & present.keys()) - ignored - conflicts):
        try:
            raw = store.read(path).raw
        except MemfsError as error:
            held[path] = str(error)
            continue
        if path in before and repository.oid(raw) == before[path].oid:
            continue
        if memories.parse(raw, path).state == "conflict":
            conflicts.add(path)
            continue
        contents[prefix + path] = raw
        (changed if path in before else new).append(path)
    skipped = {path[len(prefix) :] for path, staged in index.items() if staged.skipped}
    gone = sorted(before.keys() - present.keys() - skipped - conflicts)
    contents |= {prefix + path: None for path in gone}
    return Standing(
        repository, head, index, tuple(new), tuple(changed), tuple(gone), tuple(sorted(ignored)),
        tuple(sorted(conflicts)), repository.underway(), held, contents,
    )  # fmt: skip


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


def _doubtful(repository: Repository, prefix: str, head: str, before: Mapping[str, Blob]) -> set[str]:
    """Return the paths that may differ from the last commit, as git's stamps tell: all others need not be read."""
    without = git.without_filters(repository.top)
    if without is None:
        return set(before)
    options = ("-z", "--name-only", "--ignore-submodules=all")
    under = ("--", *([prefix] if prefix else []))
    user = {"GIT_CONFIG_NOSYSTEM": "1"}
    unstaged = repository.run(*without, "diff-files", *options, *under, environ=user).fields
    staged = repository.run("diff-index", "--cached", *options, head, *under).fields if head else []
    return {path[len(prefix) :] for path in (*unstaged, *staged)}


def commit(store: Store, message: str = "", *, allow_secret: bool = False) -> Committed:
    """Commit the memories of *store*, and nothing else, beside whatever the user has staged or is editing.

    Args:
        store: Whose.
        message: What to say; empty for a sentence that counts them.
        allow_secret: Commit what seems to hold a credential.

    Raises:
        Refused: There is no repository, or its user is in the middle of a merge, a rebase or the like.
        Busy: Another git command is at work.
        GitFailed: Git refused, or somebody committed at the same moment; nothing was changed.
        OutsideStore, StorageFailed: See `Store.scan`.
    """
    now = standing(store)
    if now is None:
        raise Refused(f"{store.root} lies in no git repository; `git init` begins one.")
    if now.underway:
        raise Refused(
            f"{now.repository.top} is in the middle of {now.underway}; nothing was committed. "
            "Finish or abort that, then repeat it."
        )
    if not allow_secret:
        now = _without_secrets(now)
    if not now.contents:
        return Committed("", now, ())
    repository, old = now.repository, now.head
    name = repository.write(now.contents, message or _sentence(now), [old] if old else [])
    made = repository.tree(name, list(now.contents))
    repository.advance(name, old, {path: made.get(path) for path in now.contents})
    return Committed(name, now, tuple(_replaced(now, made)))


def _without_secrets(now: Standing) -> Standing:
    """Return *now* without what seems to hold a credential that the last commit does not: that is held."""
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


def _replaced(now: Standing, made: Mapping[str, Blob]) -> Iterator[str]:
    """Yield a sentence for each version that was staged and is neither what was committed nor in the commit before."""
    other = [path for path in now.contents if path in now.staged and now.staged[path].oid != _oid(made.get(path))]
    before = now.repository.tree(now.head, other) if other else {}
    for path in other:
        oid = now.staged[path].oid
        if oid != _oid(before.get(path)):
            yield f"Another version of {path} was staged: `git cat-file -p {oid[:12]}` shows it."


def _oid(blob: Blob | None) -> str:
    return blob.oid if blob else ""
