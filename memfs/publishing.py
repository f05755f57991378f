"""Publishing memories: a branch that has them as they are on disk, for others to look at before they take it."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from itertools import chain
from itertools import count
from itertools import islice
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from memfs import credentials
from memfs import memory as memories
from memfs import worktree
from memfs.answers import Entry
from memfs.committing import NOBODY
from memfs.errors import Invalid
from memfs.errors import Refused
from memfs.git import GitFailed
from memfs.network import Remote
from memfs.network import reached
from memfs.objects import Blob
from memfs.repository import Repository
from memfs.shelves import shelf_of
from memfs.uniting import Load
from memfs.uniting import is_memory
from memfs.workspace import Workspace

HEADS = "refs/heads/"
ATTEMPTS = 3
"""How many names are tried for a branch that others make at the same moment."""
BATCH = 200
"""Files of a remote that are looked through at once."""
LOOKED_AT = 10
"""Of the branches that a memory was published on before, the last ones, to see whether one has it as it is."""
WHO = 80
"""Characters of the name of somebody else."""
_HELD = (
    "%(if)%(symref)%(then)is another name of %(symref:short): name that%(else)%(if)%(worktreepath)%(then)"
    "is checked out in %(worktreepath), whose files would fall behind it: `memfs commit` there%(end)%(end)"
)
"""What git is asked for why a branch is not moved."""


class Piece(NamedTuple):
    """A memory as it is published.

    Attributes:
        path: Where, from the repository's top.
        raw: Its bytes, as git keeps them there.
        is_new: Whether nothing lies there yet.
    """

    entry: Entry
    path: str
    raw: bytes
    is_new: bool


class Published(NamedTuple):
    """A branch with memories.

    Attributes:
        branch: Its name.
        commit: The one that was made, its last.
        place: The repository that has it: a folder, or the address of a remote without credentials.
        pieces: What it has.
        push: The command that gives it to others; empty when it was pushed.
        said: What the remote said to that, line by line: often where to ask for it to be merged.
        notes: What people should know.
    """

    branch: str
    commit: str
    place: str
    pieces: tuple[Piece, ...]
    push: str
    said: tuple[str, ...]
    notes: tuple[str, ...]


class Wish(NamedTuple):
    """How memories are to be published.

    Attributes:
        to: `group:NAME`: pushed to the group's remote, on top of what that has. Empty: kept in the project's own
            repository, on top of HEAD.
        branch: Its name; one that is there goes on with a commit. Empty for a new one, named after the first title.
        message: Of the commit; empty for the titles.
        allow_secret: Also what seems to hold a credential.
        yes: Also in the place of what somebody else changed on the branch.
    """

    to: str = ""
    branch: str = ""
    message: str = ""
    allow_secret: bool = False
    yes: bool = False


class Ground(NamedTuple):
    """Where the branch is to be.

    Attributes:
        place: The repository, for people.
        onto: The commit that a new branch stands on.
        branches: The refs that are there, and the commit of each.
        against: Returns why the branch of a ref does not go on, in words; empty when nothing is against it.
    """

    place: str
    onto: str
    branches: Mapping[str, str]
    against: Callable[[str], str]


def publish(here: Workspace, references: Sequence[str], wish: Wish) -> Published:
    """Make a branch that has memories of the workspace *here*, or go on with one; HEAD, index and files stay.

    Each of *references* is one as for `Workspace.get`.

    Raises:
        Refused: One is not the workspace's own, or not the user's, cannot be read as it stands, or holds a credential;
            all of them are there already, or on a branch; there is no repository or remote, or it has nothing yet; the
            branch is checked out, merged, the remote's default, or was changed by somebody else.
        Invalid: The branch has no name that git takes; there is no such group.
        Unreachable, GitFailed: As they say; nothing was published.
        NotFound, Ambiguous, Twins, OutOfScope: See `Workspace.get` and `View.store`.
    """
    if wish.to and not wish.to.startswith("group:"):
        raise Invalid(f"{wish.to!r} is no group; memories are published to group:NAME, or in the project's repository.")
    entries = list({entry.path: entry for entry in map(here.get, references)}.values())
    for entry in entries:
        _refuse_unfit(entry, wish)
    done, earlier = _to_remote(here, entries, wish) if wish.to else _in_project(entries, wish)
    if wish.branch or not earlier:
        return done
    again = f"repeat with `--branch {shlex.quote(earlier)}`; then {done.branch} can go."
    note = f"The branch {earlier} has another version. To put this one on top of it: {again}"
    return done._replace(notes=(note, *done.notes))


def _refuse_unfit(entry: Entry, wish: Wish) -> None:
    """Refuse to publish what is not the workspace's own, not the user's, or not fit to be read by others."""
    memory = entry.memory
    if entry.store.scope != "workspace":
        raise Refused(
            f"{entry.path} is of {entry.store.scope}, and only memories of this workspace are published; "
            "`memfs move` brings it here."
        )
    if not entry.trusted:
        where = wish.to or "a commit of theirs"
        raise Refused(
            f"{entry.path} came with the repository, and in {where} it would pass for the user's own. "
            "If they vouch for it: `memfs trust`, then publish it."
        )
    if memory.state != "ok":
        line, reason = memory.problems[0]
        raise Refused(f"{entry.path} is {memory.state} (line {line}: {reason}). Mend it in an editor, then publish it.")
    secrets = () if wish.allow_secret else credentials.find_secrets(entry.file.raw.decode("utf-8", "replace"))
    if secrets:
        kinds = ", ".join(f"{each.kind} in line {each.line}" for each in secrets)
        raise Refused(
            f"Nothing was published: {entry.path} seems to hold a secret ({kinds}). "
            "Take it out, or say that it may be published (--allow-secret)."
        )


# ---- in the project's own repository


def _in_project(entries: Sequence[Entry], wish: Wish) -> tuple[Published, str]:
    """Make the branch on top of HEAD, or go on with it, around the workspace's memories; return `_earlier`, too."""
    root = entries[0].store.root
    repository = Repository.of(root)
    if repository is None:
        raise Refused(f"{root} lies in no git repository; `git init` begins one.")
    head = repository.head()
    if not head:
        raise Refused(f"{repository.top} has no commit yet, and a branch stands on one; commit something first.")
    listed = repository.run("for-each-ref", "--format=%(refname) %(objectname)", HEADS).line.split("\n")
    branches = dict(line.split(" ") for line in listed if line)
    ground = Ground(str(repository.top), head, branches, lambda ref: _against_here(ref, head, repository))
    parent = _parent(wish, ground)
    tree = repository.own_tree(parent)
    left = _left(entries, tree, repository)
    places = {entry.path: repository.prefix + left.get(entry.memory.id, entry.memory.path) for entry in entries}
    pieces = _changed(entries, places, tree, repository)
    if not pieces and parent == head:
        raise Refused(f"There is nothing to publish: the last commit of {repository.top} has the same.")
    _refuse_taking_back(pieces, parent, wish, ground, repository)
    earlier = _earlier(pieces, _given_before(entries, wish, branches), ground, repository)
    branch = next(_names(entries, wish, repository, branches))
    if wish.branch and HEADS + branch not in branches:
        _refuse_far(branch, repository)
    commit = _written(pieces, wish, repository, parent)
    old = branches.get(HEADS + branch, "")
    try:
        repository.point(HEADS + branch, commit, old or "0" * len(commit))
    except GitFailed as error:
        if repository.commit_of(HEADS + branch) != old:
            raise _faster(branch, ground.place) from error
        raise
    ignored = sorted(repository.ignored([piece.path for piece in pieces if piece.is_new]))
    notes = [f"An ignore rule keeps {path} out of git; the branch has it all the same." for path in ignored]
    push, remote = _push(repository, branch)
    notes += [] if remote else ["This repository has no remote yet; `git remote add origin URL` names one."]
    notes += [] if repository.knows_user else [NOBODY]
    return Published(branch, commit, ground.place, pieces, push, (), tuple(notes)), earlier


def _left(entries: Sequence[Entry], tree: Mapping[str, Blob], repository: Repository) -> dict[str, str]:
    """Return by its id each of *entries* that *tree* has at a path below `prefix` where nothing lies any more."""
    gone = {path: blob for path, blob in tree.items() if not os.path.lexists(repository.top / path)}
    sizes = repository.sizes([blob.oid for blob in gone.values()])  # a partial clone may not have it
    here = {path.removeprefix(repository.prefix): blob for path, blob in gone.items() if blob.oid in sizes}
    return _found(entries, here, repository.blobs, repository)


def _against_here(ref: str, head: str, repository: Repository) -> str:
    """Return why the branch *ref* of a project is not moved, in words; whatever else is named by its user may be."""
    if held := repository.run("for-each-ref", f"--format={_HELD}", ref).line:
        return held
    if worktree.is_rebased(repository.folder, ref):
        return "is being rebased: finish or abort that"
    # compared by commits, not by files: what is proposed may have been committed here, too
    is_in = not repository.run("merge-base", "--is-ancestor", ref, head, fine=(0, 1)).code
    return "has nothing that HEAD has not: it was merged, or never begun" if is_in else ""


def _refuse_far(branch: str, repository: Repository) -> None:
    """Refuse to begin anew a *branch* that is at a remote."""
    if far := repository.run("for-each-ref", "--format=%(refname:lstrip=2)", f"refs/remotes/*/{branch}").line:
        bring = shlex.join(("git", "branch", branch, far.split("\n")[0]))
        raise Refused(f"The branch {branch} is at a remote, and not here; `{bring}`, then repeat this.")


def _push(repository: Repository, branch: str) -> tuple[str, str]:
    """Return the command that pushes *branch*, and the remote by its settings, else a likely one; empty for none."""
    asked = "--format=%(push:remotename)%00%(upstream)%00"
    chosen, upstream = repository.run("for-each-ref", asked, HEADS + branch).fields[:2]
    listed = repository.run("config", "--name-only", "-z", "--get-regexp", r"^remote\..*\.url$", fine=(0, 1)).fields
    names = [name.removeprefix("remote.").removesuffix(".url") for name in listed]
    remote = next((name for name in (chosen, "origin", *names) if name in names), "")
    return shlex.join(("git", "push", *([] if upstream else ["--set-upstream"]), remote or "origin", branch)), remote


# ---- to the remote of a group


def _to_remote(here: Workspace, entries: Sequence[Entry], wish: Wish) -> tuple[Published, str]:
    """Push it to the group's remote, on top of what it is there or of the default branch; return `_earlier`, too."""
    name = here.view.store(wish.to).scope.removeprefix("group:")
    shelf = shelf_of(here.config, group=name)
    if not shelf.remote:
        raise Refused(f"{wish.to} has no remote; `memfs sync --group {name} --remote URL` sets one.")
    repository = Repository.of(shelf.top) if (shelf.top / ".git").exists() else None
    if repository is None or repository.prefix:
        raise Refused(f"{wish.to} was not synced yet; `memfs sync --group {name}` does that.")
    with (
        tempfile.TemporaryDirectory(prefix="memfs-") as folder,
        reached(shelf.remote, repository, Path(folder) / "network") as remote,
    ):
        theirs = remote.head()
        if not theirs:
            raise Refused(f"{remote} is empty, and a branch stands on something; `memfs sync --group {name}` first.")
        before = _given_before(entries, wish, remote.branches)
        missing = [ref for ref in (remote.branch, *before) if not repository.commit_of(remote.branches[ref])]
        remote.fetch(*missing)
        if lost := next((ref for ref in missing if not repository.commit_of(remote.branches[ref])), ""):
            raise _faster(lost, str(remote))
        ground = Ground(str(remote), theirs, remote.branches, lambda ref: _against_there(ref, remote, repository))
        parent = _parent(wish, ground)
        tree = repository.tree(parent)
        pieces = _changed(entries, _places(entries, tree, remote.blobs, repository), tree, repository)
        if not pieces and parent == theirs:
            raise Refused(f"There is nothing to publish: {remote} has the same.")
        _refuse_taking_back(pieces, parent, wish, ground, repository)
        earlier = _earlier(pieces, before, ground, repository)
        commit = _written(pieces, wish, repository, parent)
        branch = _given(remote, commit, _names(entries, wish, repository, remote.branches))
    stays = "What you published stays in this workspace, too; forget it here when the group's has come by `memfs sync`."
    notes = (stays,) if repository.knows_user else (stays, NOBODY)
    return Published(branch, commit, ground.place, pieces, "", remote.said, notes), earlier


def _against_there(ref: str, remote: Remote, repository: Repository) -> str:
    """Return why the branch *ref* of *remote* is not moved, in words."""
    if ref == remote.branch:
        return "is what every member has: `memfs move` and `memfs sync` bring a memory there"
    tip, onto = remote.branches[ref], remote.branches[remote.branch]
    base = repository.run("merge-base", tip, onto, fine=(0, 1, 128)).line
    was, now, there = (repository.tree(commit) for commit in (base, tip, onto))
    # compared by files: a host may merge all of a branch's commits as one of its own, and nobody looks at it any more
    is_in = all(there.get(path) == now.get(path) for path, _ in was.items() ^ now.items())
    return "has nothing that the default branch has not: it was merged, or never begun" if is_in else ""


def _places(entries: Sequence[Entry], tree: Mapping[str, Blob], load: Load, repository: Repository) -> dict[Path, str]:
    """Return where in *tree* each of *entries* is to lie: where it does, else by its own name, or by a free one."""
    there = _found(entries, tree, load, repository)
    taken = {path.casefold() for path in tree}
    places = {}
    for entry in entries:
        path = there.get(entry.memory.id, entry.memory.path)
        folder, slash, _ = path.rpartition("/")
        while entry.memory.id not in there and path.casefold() in taken:
            path = f"{folder}{slash}{memories.file_name(entry.memory.title)}"
        taken.add(path.casefold())
        places[entry.path] = path
    return places


def _found(entries: Sequence[Entry], tree: Mapping[str, Blob], load: Load, repository: Repository) -> dict[str, str]:
    """Return the path in *tree* of each of *entries* that is there, by id; of several the one that has its name."""
    ids, named = {entry.memory.id for entry in entries}, {entry.memory.path for entry in entries}
    paths = [path for path, blob in tree.items() if is_memory(path) and blob.is_file]
    paths.sort(key=named.__contains__)  # the last one counts
    found = {}
    for start in range(0, len(paths), BATCH):
        sizes = repository.sizes([tree[path].oid for path in paths[start : start + BATCH]])
        some = [path for path in paths[start : start + BATCH] if sizes.get(tree[path].oid, 0) <= memories.MAX_BYTES]
        for path, raw in zip(some, load([tree[path].oid for path in some]), strict=True):
            if path in named or any(each.encode() in raw for each in ids):
                found[memories.parse(raw, path).id] = path
    return {memory_id: path for memory_id, path in found.items() if memory_id in ids}


def _given(remote: Remote, commit: str, names: Iterator[str]) -> str:
    """Push *commit* as the branch of the first of *names* that nobody was faster with, and return that name."""
    for name in islice(names, ATTEMPTS):
        if remote.take(commit, HEADS + name, remote.branches.get(HEADS + name, "")):
            return name
    raise _faster(name, str(remote))


# ---- what both share


def _parent(wish: Wish, ground: Ground) -> str:
    """Return the commit to stand on: what the branch that is wished for is now, or else what a new one stands on."""
    ref = HEADS + wish.branch
    if ref in ground.branches and (why := ground.against(ref)):
        raise Refused(f"The branch {wish.branch} of {ground.place} {why}. Without --branch a new one is made.")
    return ground.branches.get(ref, ground.onto)


def _refuse_taking_back(
    pieces: Sequence[Piece], parent: str, wish: Wish, ground: Ground, repository: Repository
) -> None:
    """Refuse to put *pieces* in the place of what somebody else committed on the branch."""
    if wish.yes or parent == ground.onto:
        return
    mine = {repository.identity(role).rpartition(">")[0].rpartition("<")[2] for role in ("AUTHOR", "COMMITTER")}
    for piece in pieces:
        what = ("-z", "--format=%h%x00%ae%x00%ce%x00%an", f"{ground.onto}..{parent}", "--", piece.path)
        said = repository.run("--literal-pathspecs", "log", "--no-show-signature", *what).fields
        for commit, author, committer, name in zip(said[::4], said[1::4], said[2::4], said[3::4], strict=True):
            if not mine.issuperset((author, committer)):
                look = shlex.join(("git", "-C", str(repository.top), "show", commit))
                raise Refused(
                    f"{name[:WHO] or author} changed {piece.path} on the branch {wish.branch} of {ground.place}; "
                    f"`{look}` shows how. Take that over into yours, or it is taken back; then repeat with --yes."
                )


def _changed(
    entries: Sequence[Entry], places: Mapping[Path, str], before: Mapping[str, Blob], repository: Repository
) -> tuple[Piece, ...]:
    """Return those of *entries* that differ from what lies at their place in the tree *before*."""
    pieces = []
    for entry in entries:
        path = places[entry.path]
        raw = repository.kept(path, entry.file.raw)
        if path not in before or before[path].oid != repository.oid(raw):
            pieces.append(Piece(entry, path, raw, path not in before))
    return tuple(pieces)


def _written(pieces: Sequence[Piece], wish: Wish, repository: Repository, parent: str) -> str:
    first, more = pieces[0].entry.memory.title, len(pieces) - 1
    said = f"memories: {first} and {more} more" if more else f"memory: {first}"
    return repository.write({piece.path: piece.raw for piece in pieces}, wish.message or said, [parent])


def _earlier(pieces: Sequence[Piece], refs: Sequence[str], ground: Ground, repository: Repository) -> str:
    """Return which of the branches *refs* may go on and has another version of one of *pieces*, empty when none does.

    Raises:
        Refused: One has all of them as they are.
    """
    trees = {ref: repository.own_tree(ground.branches[ref]) for ref in refs}
    wanted, onto = {repository.oid(piece.raw) for piece in pieces}, repository.own_tree(ground.onto)
    for ref, tree in trees.items():
        if wanted <= {blob.oid for blob in tree.values()}:
            raise Refused(
                f"It is published already: the branch {ref.removeprefix(HEADS)} of {ground.place} has the same. "
                "To have it on another one, too: repeat with another `--branch NAME`."
            )
    paths = [piece.path for piece in pieces]
    have = (ref for ref, tree in trees.items() if any(tree.get(path) not in (None, onto.get(path)) for path in paths))
    return next((ref for ref in have if not ground.against(ref)), "").removeprefix(HEADS)


def _faster(branch: str, place: str) -> Refused:
    name = branch.removeprefix(HEADS)
    return Refused(f"Somebody changed the branch {name} of {place} a moment ago; nothing was published. Try again.")


def _names(entries: Sequence[Entry], wish: Wish, repository: Repository, taken: Collection[str]) -> Iterator[str]:
    """Yield names for the branch: the one that is wished for, else one of the first title, numbered if *taken*."""
    if name := wish.branch:
        is_other = name[0] in "-+" or name in ("HEAD", "@")  # to a command that gets it
        if is_other or repository.run("check-ref-format", HEADS + name, fine=(0, 1)).code:
            raise Invalid(f"{name!r} is no name of a branch.")
        yield name
        return
    yield from (name for name in _numbered(entries, taken) if HEADS + name not in taken)


def _numbered(entries: Sequence[Entry], taken: Collection[str]) -> Iterator[str]:
    """Yield the names that a branch with *entries* may have, taken or not, in the order in which they are given."""
    # where a branch is called memfs, none can lie below it
    stem = f"memfs{'-' if f'{HEADS}memfs' in taken else '/'}{memories.slug(entries[0].memory.title)}"
    return chain([stem], (f"{stem}-{number}" for number in count(2)))


def _given_before(entries: Sequence[Entry], wish: Wish, taken: Collection[str]) -> Sequence[str]:
    """Return the refs among those *taken* that such branches were given, the last one first; at most `LOOKED_AT`."""
    names = [wish.branch] if wish.branch else _numbered(entries, taken)
    return list(takewhile(taken.__contains__, (HEADS + name for name in names)))[::-1][:LOOKED_AT]
