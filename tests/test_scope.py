"""Where am I: the workspace of a folder, what each mode shows and where a save goes, and how much each store counts."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from memfs.errors import GLOBAL_IN_ISOLATED
from memfs.errors import WORKSPACE_IN_GLOBAL
from memfs.errors import Invalid
from memfs.errors import OutOfScope
from memfs.errors import OutsideStore
from memfs.query import Filters
from memfs.scope import View
from memfs.scope import find_workspace
from memfs.scope import global_store
from memfs.scope import group_store
from memfs.scope import view
from memfs.scope import workspace_store
from tests.worlds import World
from tests.worlds import files_below
from tests.worlds import new_world
from tests.worlds import without_powers

SENTENCE = (
    "Global memories are not available in isolated mode. Set WORKSPACE_MODE=hybrid or global to access global memories."
)


def found(world: World, cwd: Path, **extra: str) -> Path:
    """Return the workspace of *cwd* on *world*."""
    environ = {**world.environ, **extra}
    return find_workspace(cwd, world.config(), environ)


def seen(world: World, mode: str, text: str = "lighthouse") -> list[str]:
    """Return the titles that a search under *mode* finds, best first."""
    return [hit.entry.memory.title for hit in world.open(mode=mode).search(text).hits]


@pytest.fixture
def filled(world: World) -> World:
    """Return a machine with one memory in the workspace, one in a group of which it is a member, and one global."""
    folder = world.folder()
    world.config(f'[groups.team]\nmembers = ["{folder}"]\n')
    for scope in ("workspace", "group:team", "global"):
        world.open(mode="hybrid").save("the lighthouse keeper", {"title": f"In {scope}", "id": scope[:5]}, scope=scope)
    return world


# ---- which workspace


def test_a_folder_without_anything_is_its_own_workspace(world: World) -> None:
    """Nothing has to be set up."""
    (world.root / "plain" / "deep").mkdir(parents=True)

    assert found(world, world.root / "plain" / "deep") == world.root / "plain" / "deep"


def test_the_nearest_store_above_marks_the_workspace(world: World) -> None:
    """The folder itself comes first, then its ancestors, nearest first."""
    outer = world.folder("outer")
    inner = world.folder("outer/a/inner")
    (inner / "src" / "x").mkdir(parents=True)

    assert found(world, outer) == outer
    assert found(world, outer / "a") == outer
    assert found(world, inner) == inner
    assert found(world, inner / "src" / "x") == inner
    assert found(world, inner / ".memory") == inner


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_the_git_top_level_is_the_workspace_where_there_is_no_store(world: World, kind: str) -> None:
    """A repository's `.git` is a folder, a linked worktree's or a submodule's is a file: each is a top level."""
    top = world.root / "repo"
    (top / "src" / "deep").mkdir(parents=True)
    if kind == "folder":
        (top / ".git").mkdir()
    else:
        (top / ".git").write_text("gitdir: /somewhere/.git/worktrees/repo\n")

    assert found(world, top / "src" / "deep") == top


def test_a_linked_worktree_is_a_workspace_of_its_own(world: World) -> None:
    """Two work trees of one repository have two stores, wherever the second one lies."""
    main, second = world.root / "main", world.root / "main" / "nested" / "second"
    main.mkdir()
    identity = ["-c", "user.name=T", "-c", "user.email=t@example.org"]
    for command in (
        ["init", "-q"],
        [*identity, "commit", "-q", "--allow-empty", "-m", "first"],
        ["worktree", "add", "-q", str(second)],
    ):
        subprocess.run(["git", *command], cwd=main, env=world.environ, check=True, capture_output=True)
    (second / "src").mkdir()

    assert found(world, second / "src") == second
    assert found(world, main / "nested") == main


def test_a_store_above_comes_before_a_repository_below(world: World) -> None:
    """A store says so expressly, a `.git` only happens to be there."""
    outer = world.folder("outer")
    (outer / "repo" / ".git").mkdir(parents=True)

    assert found(world, outer / "repo") == outer


def test_the_environment_names_the_workspace_before_all(world: World) -> None:
    """`MEMFS_WORKSPACE` comes before `CLAUDE_PROJECT_DIR`, and both before anything on the disk; empty is unset."""
    here, there, named = world.folder("here"), world.folder("there"), world.folder("named")

    assert found(world, here, CLAUDE_PROJECT_DIR=str(there)) == there
    assert found(world, here, CLAUDE_PROJECT_DIR=str(there), MEMFS_WORKSPACE=str(named)) == named
    assert found(world, here, CLAUDE_PROJECT_DIR="", MEMFS_WORKSPACE="") == here


def test_a_named_workspace_need_not_exist(world: World) -> None:
    """The first save makes it."""
    named = world.root / "not" / "yet"
    named_world = new_world(world.root, MEMFS_WORKSPACE=str(named))

    entry = named_world.open(world.folder()).save("first").entry

    assert entry.path.parent == named / ".memory"


def test_memfs_own_home_is_no_workspace_store(world: World) -> None:
    """With the default home `~/.memory`, the home folder does not become the workspace of everything below it."""
    home = world.root / "home"
    (home / ".memory" / "global").mkdir(parents=True)
    (home / "plain").mkdir()
    (home / "repo" / ".git").mkdir(parents=True)
    environ = {"MEMFS_HOME": str(home / ".memory")}
    config = world.config()._replace(home=home / ".memory")

    assert find_workspace(home / "plain", config, environ) == home / "plain"
    assert find_workspace(home / "repo", config, environ) == home / "repo"
    assert find_workspace(home, config, environ) == home
    assert find_workspace(home / ".memory" / "global", config, environ) == home / ".memory" / "global"


def test_memfs_own_home_is_known_through_a_link(world: World) -> None:
    """A home that is kept elsewhere and linked is still the home."""
    home = world.root / "home"
    (world.root / "dotfiles").mkdir()
    (home / ".memory").symlink_to(world.root / "dotfiles")
    (home / "plain").mkdir()

    for path in (home / ".memory", world.root / "dotfiles"):
        config = world.config()._replace(home=path)
        assert find_workspace(home / "plain", config, {}) == home / "plain"


def test_a_folder_reached_through_a_link_is_the_folder_it_leads_to(world: World) -> None:
    """One workspace has one store and one place in the index, whichever way one came."""
    real = world.folder("real")
    (world.root / "link").symlink_to(real)
    world.open(real).save("the lighthouse", {"title": "Once"})

    assert found(world, world.root / "link") == real
    assert [hit.entry.memory.title for hit in world.open(world.root / "link").search("lighthouse").hits] == ["Once"]


@pytest.mark.parametrize("name", [".memory", ".git"])
def test_a_file_or_a_broken_link_in_the_place_of_a_folder_is_no_reason_to_fail(world: World, name: str) -> None:
    """A `.memory` that is a file does not mark a workspace, and a dangling `.git` is no repository."""
    folder = world.root / "odd"
    (folder / "sub").mkdir(parents=True)
    if name == ".memory":
        (folder / name).write_text("not a store")
    else:
        (folder / name).symlink_to("nowhere")

    assert found(world, folder / "sub") == folder / "sub"


def test_a_store_that_is_a_link_is_refused_rather_than_passed_over(world: World) -> None:
    """A cloned repository whose `.memory` leads elsewhere is that workspace, and its store is neither read nor made."""
    secret = world.folder("secret")
    world.open(secret).save("the lighthouse", {"title": "Secret"})
    clone = world.root / "clone"
    (clone / "src").mkdir(parents=True)
    (clone / ".memory").symlink_to(secret / ".memory")
    before = files_below(secret)

    workspace = world.open(clone / "src")

    assert workspace.view.workspace == clone
    for refused in (lambda: workspace.search("lighthouse"), lambda: workspace.save("x")):
        with pytest.raises(OutsideStore, match="symbolic link"):
            refused()
    assert files_below(secret) == before


@pytest.mark.parametrize("name", [".memory", ".git"])
def test_a_link_to_where_nobody_may_look_is_no_crash(world: World, name: str) -> None:
    """A repository cannot stop memfs by pointing at a folder that its reader may not enter."""
    (world.root / "shut" / "in").mkdir(parents=True)
    (world.root / "shut").chmod(0)
    folder = world.root / "clone"
    folder.mkdir()
    (folder / name).symlink_to(world.root / "shut" / "in")
    script = """
import sys
from pathlib import Path
from memfs.config import load
from memfs.scope import find_workspace
print(find_workspace(Path(sys.argv[1]), load()))
"""

    said = world.run(script, folder, through=without_powers())
    (world.root / "shut").chmod(0o755)

    assert said == f"{folder}\n"


def test_a_store_that_somebody_else_planted_above_is_passed_over(world: World) -> None:
    """In a folder that all may write to, such as /tmp, another user's `.memory` does not catch one's memories."""
    if os.geteuid() != 0:
        pytest.skip("only root can make another user's files")
    shared = Path(tempfile.mkdtemp(prefix="memfs-test-"))
    script = """
import os, sys
from pathlib import Path
from memfs.config import load
from memfs.scope import find_workspace
config, folder = load(), Path(sys.argv[1])
os.setuid(54321)
print(find_workspace(folder, config) == folder)
"""
    try:
        shared.chmod(0o755)
        (shared / ".memory").mkdir()
        (shared / "mine").mkdir()

        theirs = world.run(script, shared / "mine")
        os.chown(shared / ".memory", 54321, 54321)
        ours = world.run(script, shared / "mine")
    finally:
        shutil.rmtree(shared)

    assert (theirs, ours) == ("True\n", "False\n")


# ---- which stores, and how much they count


def test_each_mode_shows_its_stores_nearest_first(world: World) -> None:
    """Isolated: the workspace. Global: the global store. Hybrid: workspace, groups, global, each with its weight."""
    folder = world.folder()
    world.config(f'[groups.b]\nmembers = ["{folder}"]\n[groups.a]\nmembers = ["{folder}"]\n[groups.c]\nmembers = []\n')

    def shown(mode: str) -> list[tuple[str, float]]:
        there = view(folder, world.config(mode=mode))
        return [(part.store.scope, part.weight) for part in there.parts]

    assert shown("isolated") == [("workspace", 1.0)]
    assert shown("global") == [("global", 0.9)]
    assert shown("hybrid") == [("workspace", 1.0), ("group:a", 0.95), ("group:b", 0.95), ("global", 0.9)]


def test_stores_lie_where_the_format_says(world: World) -> None:
    """The workspace's in the project, the others below the home."""
    assert workspace_store(world.root / "p").root == world.root / "p" / ".memory"
    assert global_store(world.config()).root == world.home / "global"
    assert group_store(world.config(), "team").root == world.home / "groups" / "team"


@pytest.mark.parametrize("name", ["", "..", "a/b", "Team", "-a", "_a", "a b", "a" * 65, "é", "a\n"])
def test_a_group_is_called_by_a_plain_word(world: World, name: str) -> None:
    """Nothing that could be another folder, or look like another group."""
    with pytest.raises(Invalid, match="group name"):
        group_store(world.config(), name)


def test_the_users_own_stores_may_be_links_and_a_workspace_store_may_not(world: World) -> None:
    """What lies in the home is the user's set-up; what lies in a project came with it."""
    (world.root / "elsewhere").mkdir()
    world.home.mkdir()
    (world.home / "global").symlink_to(world.root / "elsewhere")

    entry = world.open(mode="global").save("kept elsewhere").entry

    assert list(files_below(world.root / "elsewhere")) == [entry.memory.path]


def test_membership_is_a_matter_of_the_folder_itself(world: World) -> None:
    """A member named through a link is a member; a neighbour whose name begins alike is none."""
    folder, neighbour = world.folder("app"), world.folder("app-evil")
    (world.root / "link").symlink_to(folder)
    config = world.config(f'[groups.team]\nmembers = ["{world.root / "link"}"]\n', mode="hybrid")

    assert [store.scope for store in view(folder, config).stores] == ["workspace", "group:team", "global"]
    assert [store.scope for store in view(neighbour, config).stores] == ["workspace", "global"]


# ---- the table of modes, cell by cell


def test_isolated_saves_to_the_workspace(filled: World) -> None:
    """With no wish or the wish for the workspace, and nothing to say about it."""
    for scope in ("", "workspace"):
        done = filled.open(mode="isolated").save("x", scope=scope)

        assert (done.entry.store.scope, done.notes) == ("workspace", ())


def test_isolated_ignores_a_wish_for_global_and_says_so(filled: World) -> None:
    """The memory is in the workspace, the global store is untouched, and the answer has the sentence."""
    before = files_below(filled.home / "global")

    done = filled.open(mode="isolated").save("x", scope="global")

    assert done.entry.store.scope == "workspace"
    assert done.notes == (f"Saved to the workspace, not globally. {SENTENCE}",)
    assert files_below(filled.home / "global") == before


def test_isolated_sees_the_workspace_alone(filled: World) -> None:
    """Search, list, names and counts know nothing else."""
    workspace = filled.open(mode="isolated")

    assert seen(filled, "isolated") == ["In workspace"]
    assert [entry.memory.title for entry in workspace.list().entries] == ["In workspace"]
    assert [status.store.scope for status in workspace.status().stores] == ["workspace"]


def test_isolated_refuses_the_global_store_with_the_sentence(filled: World) -> None:
    """Get, move, list and search by scope or path are refused, and the sentence says what to set."""
    workspace = filled.open(mode="isolated")
    [path] = (filled.home / "global").iterdir()
    before = files_below(filled.home)

    for refused in (
        lambda: workspace.get("globa", scope="global"),
        lambda: workspace.get(str(path)),
        lambda: workspace.move("works", "global"),
        lambda: workspace.list(filters=Filters(scopes=("global",))),
        lambda: workspace.search("lighthouse scope:global"),
    ):
        with pytest.raises(OutOfScope) as raised:
            refused()
        assert str(raised.value) == SENTENCE == GLOBAL_IN_ISOLATED
    assert files_below(filled.home) == before


def test_global_saves_to_the_global_store_always_and_says_so(filled: World) -> None:
    """Whatever was wished for; only who wished for global needs no note."""
    notes = {}
    for scope in ("", "workspace", "global"):
        done = filled.open(mode="global").save("x", scope=scope)
        assert done.entry.store.scope == "global"
        notes[scope] = done.notes

    said = ("Saved to the global store: the mode is global.",)
    assert notes == {"": said, "workspace": said, "global": ()}


def test_global_sees_the_global_store_alone(filled: World) -> None:
    """Search, list and counts know nothing else."""
    workspace = filled.open(mode="global")

    assert seen(filled, "global") == ["In global"]
    assert [entry.memory.title for entry in workspace.list().entries] == ["In global"]
    assert [status.store.scope for status in workspace.status().stores] == ["global"]


def test_global_refuses_the_workspace_likewise(filled: World) -> None:
    """The sentence names the modes that serve it."""
    workspace = filled.open(mode="global")

    for refused in (
        lambda: workspace.get("works", scope="workspace"),
        lambda: workspace.move("globa", "workspace"),
        lambda: workspace.list(filters=Filters(scopes=("workspace",))),
        lambda: workspace.search("lighthouse scope:workspace"),
    ):
        with pytest.raises(OutOfScope) as raised:
            refused()
        assert str(raised.value) == WORKSPACE_IN_GLOBAL
    assert "Set WORKSPACE_MODE=hybrid or isolated" in WORKSPACE_IN_GLOBAL


def test_hybrid_saves_to_the_workspace_or_where_it_was_asked_to(filled: World) -> None:
    """The workspace by default, and global or a group on demand, without a note."""
    scopes = {"": "workspace", "workspace": "workspace", "global": "global", "group:team": "group:team"}
    for wish, scope in scopes.items():
        done = filled.open(mode="hybrid").save("x", scope=wish)

        assert (done.entry.store.scope, done.notes) == (scope, ())


def test_hybrid_sees_all_in_one_ranking_by_weight(filled: World) -> None:
    """The same text ranks workspace, group, global; a hit shows how its score came about."""
    hits = filled.open(mode="hybrid").search("lighthouse").hits

    assert [hit.entry.memory.title for hit in hits] == ["In workspace", "In group:team", "In global"]
    assert [hit.weight for hit in hits] == [1.0, 0.95, 0.9]
    assert all(0 < hit.score <= 1 and hit.score == hit.text * hit.weight for hit in hits)


def test_weights_are_the_users_to_set(filled: World) -> None:
    """Whoever trusts the global store more than the workspace says so in config.toml."""
    path = filled.home / "config.toml"
    path.write_text(path.read_text() + "[weights]\nworkspace = 0.2\nglobal = 1\n")

    assert seen(filled, "hybrid") == ["In global", "In group:team", "In workspace"]


def test_hybrid_serves_the_other_scope(filled: World) -> None:
    """Get, list and move reach every store of the view."""
    workspace = filled.open(mode="hybrid")

    [path] = (filled.home / "global").iterdir()

    assert workspace.get("globa", scope="global").store.scope == "global"
    assert workspace.get(str(path)).store.scope == "global"
    assert workspace.get(path.name).store.scope == "global"
    assert workspace.get("group").store.scope == "group:team"
    assert workspace.list(filters=Filters(scopes=("global",))).total == 1
    assert workspace.move("works", "global").entry.store.scope == "global"
    assert workspace.move("globa", "workspace").entry.store.scope == "workspace"


@pytest.mark.parametrize("mode", ["isolated", "global"])
def test_a_group_is_out_of_scope_but_in_hybrid_mode(filled: World, mode: str) -> None:
    """A save to a group is refused rather than put elsewhere: its readers would wait for it."""
    workspace = filled.open(mode=mode)

    for refused in (
        lambda: workspace.save("x", scope="group:team"),
        lambda: workspace.get("group", scope="group:team"),
    ):
        with pytest.raises(OutOfScope, match=f"not available in {mode} mode"):
            refused()


def test_a_group_of_others_is_refused_with_ones_own(filled: World) -> None:
    """Who is no member neither saves nor reads there."""
    member, stranger = filled.open(mode="hybrid"), filled.open(filled.folder("stranger"), mode="hybrid")

    with pytest.raises(Invalid, match="its groups are group:team"):
        member.save("x", scope="group:other")
    with pytest.raises(Invalid, match="member of no group"):
        stranger.get("group", scope="group:team")
    assert [hit.entry.store.scope for hit in stranger.search("lighthouse").hits] == ["global"]


@pytest.mark.parametrize("mode", ["isolated", "global", "hybrid"])
@pytest.mark.parametrize("scope", ["everywhere", "Global", "groups:team", "../x", "workspace "])
def test_an_unknown_scope_is_refused_in_every_mode(world: World, mode: str, scope: str) -> None:
    """A typing error is never taken for no wish."""
    there: View = view(world.folder(), world.config(mode=mode))

    for refused in (lambda: there.target(scope), lambda: there.store(scope)):
        with pytest.raises(Invalid, match="no scope"):
            refused()


def test_another_workspace_is_out_of_sight(world: World) -> None:
    """No mode shows one project's memories to another."""
    world.open(world.folder("a")).save("the lighthouse of a", {"title": "A"})

    for mode in ("isolated", "global", "hybrid"):
        workspace = world.open(world.folder("b"), mode=mode)
        assert workspace.search("lighthouse").hits == ()
        assert workspace.list().total == 0


def test_the_working_directory_may_be_anything_that_is_there(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative folder is meant from where one stands; the file system's root is a workspace like any other."""
    folder = world.folder()
    monkeypatch.chdir(folder)

    assert found(world, Path()) == folder
    assert found(world, Path("/")) == Path(os.path.realpath("/"))
