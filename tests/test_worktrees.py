"""Work trees that `git worktree add` linked to a main one: whose they are, and what is set for them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from memfs.memory import digest
from memfs.trust import accept
from memfs.trust import is_trusted
from memfs.trust import places_of
from memfs.trust import set_trusted
from memfs.trust import vouches
from tests.commands import memfs
from tests.repositories import Git
from tests.repositories import begun
from tests.worlds import World


@pytest.fixture
def git(world: World) -> Git:
    """Return a repository with a memory, to which a work tree is linked as `linked`."""
    git = begun(world)
    git.put(".memory/a.md", "Somebody's words.\n")
    git.put("sub/.memory/b.md", "Of a part of it.\n")
    git("add", ".")
    git("commit", "-qm", "first")
    git("worktree", "add", "-q", world.root / "linked")
    return git


def test_a_linked_work_tree_is_trusted_with_the_main_one(world: World, git: Git) -> None:
    """So is a workspace in a part of it; trust in the linked one is for that one alone."""
    main, linked = git.folder, world.root / "linked"
    set_trusted(world.state, linked, trusted=True)
    before = [is_trusted(world.state, folder) for folder in (linked, main, linked / "sub")]

    set_trusted(world.state, linked, trusted=False)
    set_trusted(world.state, main, trusted=True)
    whole = [is_trusted(world.state, folder) for folder in (linked, main, linked / "sub")]
    set_trusted(world.state, main / "sub", trusted=True)

    assert before == [True, False, False]
    assert whole == [True, True, False]
    assert is_trusted(world.state, linked / "sub")


def test_what_is_accepted_in_one_work_tree_is_in_all(world: World, git: Git) -> None:
    """A text that came with the repository, and what memfs writes; also when the linked one is gone."""
    linked, later = world.root / "linked", world.root / "later"
    accept(world.state, linked, [("a.md", digest(b"Somebody's words.\n"))])
    saved = memfs(world, "save", "Kept in the linked one.", "--json", folder=linked).json
    git.at(linked)("add", ".")
    git.at(linked)("commit", "-qm", "saved")
    git("merge", "-q", "linked")
    git("worktree", "remove", linked)
    git("worktree", "add", "-q", later)

    for folder in (git.folder, later):
        listed = memfs(world, "list", "--json", folder=folder).json["memories"]
        assert {memory["name"]: memory["trusted"] for memory in listed} == {"a.md": True, saved["name"]: True}
    memfs(world, "untrust", folder=later)
    assert not any(memory["trusted"] for memory in memfs(world, "list", "--json").json["memories"])


def test_trust_is_taken_back_for_all_work_trees_and_says_of_which(world: World, git: Git) -> None:
    """In the linked one, too: nothing of the project is trusted any more."""
    linked = world.root / "linked"
    set_trusted(world.state, git.folder, trusted=True)

    done = memfs(world, "untrust", folder=linked)
    again = memfs(world, "untrust", folder=linked)

    assert done.out == f"No longer trusted: {git.folder}\n"
    assert not is_trusted(world.state, git.folder)
    assert "not trusted" in again.sentence


def forged(world: World, git: Git, how: str) -> Path:
    """Return a folder that claims, in the manner *how*, to be a work tree of the repository of *git*."""
    linked, evil = world.root / "linked", world.root / "evil"
    evil.mkdir()
    ours = git.folder / ".git/worktrees/linked"
    match how:
        case "the same link":
            shutil.copy(linked / ".git", evil)
        case "a link to the file":
            (evil / ".git").symlink_to(linked / ".git")
        case "the git folder":
            (evil / ".git").write_text(f"gitdir: {git.folder}/.git\n")
        case "files of its own":
            shutil.copytree(ours, evil / "trees/worktrees/linked")
            (evil / "trees/worktrees/linked/commondir").write_text(f"{git.folder}/.git\n")
            (evil / "trees/worktrees/linked/gitdir").write_text("../../../.git\n")
            (evil / ".git").write_text("gitdir: trees/worktrees/linked\n")
        case "through a link":
            (evil / "worktrees").symlink_to(ours.parent)
            (evil / ".git").write_text("gitdir: worktrees/linked\n")
        case "a removed one's place":
            shutil.rmtree(linked)
            linked.mkdir()
            return linked
        case "beside a pipe":
            (ours / "gitdir").unlink()
            os.mkfifo(ours / "gitdir")
            return linked
        case "a module of its own" | "beside the work trees":
            folder = "modules/worktrees" if "module" in how else "others"
            shutil.copytree(ours, git.folder / ".git" / folder / "evil")
            (git.folder / ".git" / folder / "evil/gitdir").write_text(f"{evil}/.git\n")
            (evil / ".git").write_text(f"gitdir: {git.folder}/.git/{folder}/evil\n")
        case "no text":
            (evil / ".git").write_bytes(b"gitdir: \x00\xff\n")
    return evil


@pytest.mark.parametrize(
    "how",
    ["the same link", "a link to the file", "the git folder", "files of its own", "through a link",
     "a removed one's place", "beside a pipe", "a module of its own", "beside the work trees", "no text"],
)  # fmt: skip
def test_a_work_tree_that_the_main_one_does_not_know_is_a_stranger(world: World, git: Git, how: str) -> None:
    """A stranger's folder can say what it likes of itself."""
    set_trusted(world.state, git.folder, trusted=True)
    accept(world.state, git.folder, [("a.md", digest(b"known"))])
    assert is_trusted(world.state, world.root / "linked")

    folder = forged(world, git, how)

    assert not is_trusted(world.state, folder)
    assert not vouches(world.state, places_of(folder), digest(b"known"))


def test_a_repository_within_the_main_work_tree_is_another_one(world: World, git: Git) -> None:
    """Its trust is not for what a branch of the outer one has in the same place."""
    inner = world.root / "project/vendor/lib"
    git.put("vendor/lib/.memory/evil.md", "Somebody's words.\n")
    git("add", ".")
    git("commit", "-qm", "theirs")
    git("worktree", "add", "-q", world.root / "review")
    git.at(inner)("init", "-q")
    set_trusted(world.state, inner, trusted=True)

    assert not is_trusted(world.state, world.root / "review/vendor/lib")


def test_a_strangers_folder_in_the_place_of_a_work_tree_is_one_at_once(world: World, git: Git) -> None:
    """Also for a server that has been at work since before."""
    linked = world.root / "linked"
    set_trusted(world.state, git.folder, trusted=True)
    here = world.open(linked)
    before = [entry.trusted for entry in here.list().entries]

    shutil.rmtree(linked)
    (linked / ".memory").mkdir(parents=True)
    (linked / ".memory/a.md").write_text("Somebody's words.\n")

    assert before == [True]
    assert [entry.trusted for entry in here.list().entries] == [False]


def test_a_work_tree_whose_name_is_no_text_is_known(world: World, git: Git) -> None:
    """Paths are bytes."""
    odd = world.root / os.fsdecode(b"odd\xff \xc2\xa0")
    git("worktree", "add", "-q", "-b", "odd", odd)
    set_trusted(world.state, git.folder, trusted=True)

    assert is_trusted(world.state, odd)


def test_a_work_tree_is_known_by_paths_that_are_relative(world: World, git: Git) -> None:
    """As git from 2.48 on writes them, if it is told to."""
    linked = world.root / "linked"
    (linked / ".git").write_text("gitdir: ../project/.git/worktrees/linked\n")
    (git.folder / ".git/worktrees/linked/gitdir").write_text("../../../../linked/.git\n")
    set_trusted(world.state, git.folder, trusted=True)

    assert is_trusted(world.state, linked)


# ---- settings


def test_a_linked_work_tree_has_the_settings_of_the_main_one(world: World, git: Git) -> None:
    """Its mode, groups, channels; unless it has a mode of its own."""
    linked = world.root / "linked"
    memfs(world, "config", "set", "mode", "hybrid", "--here")
    memfs(world, "group", "create", "shop")
    memfs(world, "group", "add", "shop")
    memfs(world, "channel", "subscribe", "api-*")

    told = memfs(world, "status", "--json", folder=linked).json
    memfs(world, "config", "set", "mode", "isolated", "--here", folder=linked)
    own = memfs(world, "status", "--json", folder=linked).json

    assert (told["mode"], told["subscriptions"]) == ("hybrid", ["api-*"])
    assert str(git.folder) in told["mode_source"]
    assert [store["scope"] for store in told["stores"]] == ["workspace", "group:shop", "global"]
    assert (own["mode"], [store["scope"] for store in own["stores"]]) == ("isolated", ["workspace"])


def test_a_work_tree_of_a_private_project_is_private(world: World, git: Git) -> None:
    """Whoever asks across projects is shown nothing of it."""
    world.folder("other")
    memfs(world, "config", "set", "cross_project", "true")
    for folder in (git.folder, world.root / "linked"):
        memfs(world, "save", "Kept where zebras sleep.", folder=folder)
    before = memfs(world, "search", "zebras", "--all", "--json", folder=world.root / "other").json["hits"]
    memfs(world, "config", "set", "private", "true", "--here")

    after = memfs(world, "search", "zebras", "--all", "--json", folder=world.root / "other").json["hits"]

    assert before
    assert after == []
    status = memfs(world, "status", "--json", folder=world.root / "linked").json
    assert "private" in status["stores"][0]["seen_by"]


@pytest.mark.parametrize("how", ["moved by hand", "pruned", "the main one is away"])
def test_a_work_tree_of_a_private_project_that_lost_its_link_stays_private(world: World, git: Git, how: str) -> None:
    """Its own word is enough to hide it."""
    linked = world.root / "linked"
    memfs(world, "config", "set", "private", "true", "--here")
    match how:
        case "moved by hand":
            linked = linked.rename(world.root / "moved")
        case "pruned":
            shutil.rmtree(git.folder / ".git/worktrees/linked")
        case "the main one is away":
            git.folder.rename(world.root / "away")

    assert world.config().is_private(linked)
    assert not is_trusted(world.state, linked)


def test_the_main_work_tree_is_no_fellow_of_the_linked_one(world: World, git: Git) -> None:
    """In a group whose members see each other: a memory would be there twice."""
    world.config(f'mode = "hybrid"\n[groups.shop]\nmembers = ["{git.folder}"]\nshare = "members"\n')
    set_trusted(world.state, git.folder, trusted=True)

    scopes = [part.store.scope for part in world.open(world.root / "linked").view.parts]

    assert scopes == ["workspace", "group:shop", "global"]
