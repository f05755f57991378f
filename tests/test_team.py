"""What a team shares: a group with a remote, branches with memories to be looked at, copies, and the check of them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from memfs import exporting
from memfs import publishing
from memfs.errors import Conflict
from memfs.errors import Invalid
from memfs.errors import MemfsError
from memfs.errors import Refused
from memfs.memory import MAX_BYTES
from memfs.publishing import Wish
from memfs.query import Filters
from tests.commands import as_json
from tests.commands import memfs
from tests.repositories import Git
from tests.repositories import begun
from tests.repositories import trap
from tests.repositories import user
from tests.worlds import ROOT
from tests.worlds import World
from tests.worlds import files_below
from tests.worlds import new_world

TEMPLATES = ROOT / "templates" / "git"
TOKEN = "ghp_" + "a1B2" * 9
LINKED = "git worktree add --quiet ../linked"
OURS = "---\nid: 01KAJ9D3Q0V8M2XH5N7C4T6B1R\ntitle: Paging\nfuture: [kept]\n---\n\nOrders are paged by cursor.\r\n"


@pytest.fixture(autouse=True)
def _is_somebody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have git know who commits, in this process and in its commands."""
    monkeypatch.setenv("HOME", world.environ["HOME"])
    Path(world.environ["HOME"], ".gitconfig").write_text("[user]\nname = Me\nemail = me@example.org\n")


def bare(world: World, name: str = "team") -> Git:
    """Return an empty repository that others push to; like a host's it serves parts, and answers each push."""
    folder = world.root / f"{name}.git"
    git = Git(world.root, user(world))
    git("init", "--quiet", "--bare", "--initial-branch=main", folder)
    for allowed in ("allowFilter", "allowAnySHA1InWant"):
        git.at(folder)("config", f"uploadpack.{allowed}", "true")
    hook = folder / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho\necho 'Ask for a merge:'\nprintf '  https://example.com/new\\033[2J\\n'\n")
    hook.chmod(0o755)
    return git.at(folder)


def filled(world: World, **files: str) -> Git:
    """Return such a repository that has *files*: name without its end → text."""
    remote = bare(world)
    others = Git(world.root / "others", user(world))
    Git(world.root, user(world))("clone", "--quiet", remote.folder, others.folder)
    for name, text in files.items():
        others.put(f"{name}.md", text)
    others("add", ".")
    others("commit", "--quiet", "-m", "begun")
    others("push", "--quiet", "origin", "HEAD:main")
    return remote


@pytest.fixture
def team(world: World) -> Git:
    """Return the remote of the group `team`, which is cloned here, and of which the workspace `project` is a member."""
    remote = filled(world, paging="---\nid: 01KAJ000000000000000000001\n---\n\nOrders are paged by offset.\n")
    member(world, remote)
    return remote


def member(world: World, remote: Git, *options: str) -> Git:
    """Have the workspace `project` be a member of the group `team`, a clone of *remote*, made with *options*."""
    clone = Git(world.home / "groups" / "team", user(world))
    clone.folder.parent.mkdir(parents=True)
    address = f"file://{remote.folder}"
    Git(world.root, user(world))("clone", "--quiet", *options, address, clone.folder)
    project = world.trusted()
    world.config(f'mode = "hybrid"\n[groups.team]\nmembers = ["{project}"]\nremote = "{address}"\n')
    return clone


def put(world: World, name: str, text: str | bytes) -> Path:
    """Write a memory of the workspace `project`."""
    return Git(world.folder() / ".memory", {}).put(name, text)


# ---- a group with a remote


def test_a_team_has_one_repository_of_memories(tmp_path: Path) -> None:
    """Made with its remote on two machines, the group has the same on both; the list shows where from."""
    one, two = new_world(tmp_path / "one"), new_world(tmp_path / "two")
    remote = bare(one)
    for world in (one, two):
        world.config('mode = "hybrid"\n')

    first = as_json(one, "group", "create", "team", "--remote", str(remote.folder))
    as_json(one, "group", "add", "team")
    as_json(one, "save", "Orders are paged by cursor.", "--title", "Paging", "--scope", "group:team")
    synced = as_json(one, "sync")
    second = as_json(two, "group", "create", "team", "--remote", str(remote.folder))
    as_json(two, "group", "add", "team")

    assert (first["count"], second["count"]) == (0, 1)
    assert [each["scope"] for each in synced["synced"] if each["pushed"]] == ["group:team"]
    assert second["remote"] == str(remote.folder)
    assert f"synced with {remote.folder}" in memfs(two, "group").out
    [hit] = as_json(two, "search", "paged")["hits"]
    assert (hit["scope"], hit["title"]) == ("group:team", "Paging")


def test_a_remote_that_does_not_answer_is_kept_with_the_group(world: World) -> None:
    """The sentence says so and what to do then; nothing that is printed holds the password, config.toml does."""
    made = memfs(world, "group", "create", "team", "--share-members", "--remote", "https://me:pw123@127.0.0.1:9/m.git")

    assert made.code == 10
    assert "cannot be reached" in made.sentence
    assert "The group team is made; `memfs sync --group team` brings its memories." in made.sentence
    [listed] = as_json(world, "group")["groups"]
    assert (listed["name"], listed["remote"], listed["share"]) == ("team", "https://127.0.0.1:9/m.git", "members")
    assert "pw123" not in made.err + memfs(world, "group").out
    assert world.config().remotes == {"group:team": "https://me:pw123@127.0.0.1:9/m.git"}


@pytest.mark.parametrize("remote", ["ext::sh -c date", "--upload-pack=date", " "])
def test_a_remote_that_is_none_makes_no_group(world: World, remote: str) -> None:
    """What git would take for a program or an option is refused before anything is written."""
    made = memfs(world, "group", "create", "team", "--remote", remote)

    assert (made.code, "is no remote" in made.sentence) == (2, True)
    assert not world.home.exists()


# ---- a branch in the project's own repository


def test_a_branch_has_the_memories_as_they_are_on_disk(world: World) -> None:
    """Byte for byte, on top of HEAD; what is checked out, staged and being edited stays, and the command pushes it."""
    git = begun(world)
    git.put("code.py", "1\n")
    git("add", "code.py")
    git("commit", "--quiet", "-m", "begun")
    origin = bare(world, "origin")
    git("remote", "add", "origin", origin.folder)
    git.put("staged.py", "2\n")
    git("add", "staged.py")
    put(world, "api/paging.md", OURS)
    put(world, "other.md", "Not published.\n")
    world.trusted()
    before = git.state()

    done = as_json(world, "publish", "Paging")

    assert done["branch"] == "memfs/paging"
    assert [(each["path"], each["new"]) for each in done["memories"]] == [(".memory/api/paging.md", True)]
    assert git.text(".memory/api/paging.md", "memfs/paging") == OURS
    assert git.committed("memfs/paging") == [".memory/api/paging.md"]
    assert git("log", "--format=%s", "memfs/paging") == "memory: Paging\nbegun"
    git("branch", "--quiet", "-D", "memfs/paging")
    assert git.state() == before
    git("branch", "memfs/paging", done["commit"])
    git(*done["push"].split()[1:])
    assert origin("rev-parse", "memfs/paging") == done["commit"]


def test_several_memories_come_in_one_commit_and_only_what_differs(world: World) -> None:
    """What is as in the last commit is left out; when all is, there is nothing to publish."""
    git = begun(world)
    world.trusted()
    for name in ("same", "changed", "new"):
        put(world, f"{name}.md", f"# {name}\n")
    git("add", ".memory/same.md", ".memory/changed.md")
    git("commit", "--quiet", "-m", "begun")
    put(world, "changed.md", "# changed\n\nMuch.\n")
    here = world.open()

    done = publishing.publish(here, ["same", "changed", "new", "new"], Wish(branch="mine", message="As said"))

    assert [(piece.path, piece.is_new) for piece in done.pieces] == [
        (".memory/changed.md", False),
        (".memory/new.md", True),
    ]
    assert git("log", "--format=%s", "mine", "-1") == "As said"
    assert "no remote yet" in done.notes[0]
    with pytest.raises(Refused, match="nothing to publish"):
        publishing.publish(here, ["same"], Wish())


def test_a_branch_has_a_name_of_its_own(world: World) -> None:
    """Made of the title, numbered when it is taken; one that is named is taken as it is, or is no name."""
    git = begun(world)
    world.trusted()
    git("commit", "--quiet", "--allow-empty", "-m", "begun")
    put(world, "a.md", "# Why we left MySQL!\n")
    here = world.open()

    names = []
    for number in range(3):
        put(world, "a.md", f"# Why we left MySQL!\n\n{number} reasons.\n")
        names.append(publishing.publish(here, ["a.md"], Wish()).branch)

    assert names == ["memfs/why-we-left-mysql", "memfs/why-we-left-mysql-2", "memfs/why-we-left-mysql-3"]
    put(world, "a.md", "# Why we left MySQL!\n")
    for name in ("-x", "+x", "a..b", "HEAD", "@", "a b", "x.lock"):
        with pytest.raises(Invalid):
            publishing.publish(here, ["a.md"], Wish(branch=name))
    git("branch", "-D", *names)
    git("branch", "memfs")
    assert publishing.publish(here, ["a.md"], Wish()).branch == "memfs-why-we-left-mysql"


def test_what_is_published_already_is_not_published_again(world: World) -> None:
    """The branch that has it is named; another one is made where it is named, or when the memory has changed."""
    git = begun(world)
    world.trusted()
    git("commit", "--quiet", "--allow-empty", "-m", "begun")
    put(world, "a.md", "# A\n")
    put(world, "b.md", "# B\n")
    here = world.open()
    publishing.publish(here, ["a.md"], Wish())
    git("commit", "--quiet", "--allow-empty", "-m", "later")

    for again in (Wish(), Wish(branch="memfs/a")):
        with pytest.raises(Refused, match="published already: the branch memfs/a of"):
            publishing.publish(here, ["a.md"], again)

    assert git("for-each-ref", "--format=%(refname)", "refs/heads/memfs") == "refs/heads/memfs/a"
    assert publishing.publish(here, ["a.md", "b.md"], Wish()).branch == "memfs/a-2"
    assert publishing.publish(here, ["a.md"], Wish(branch="mine")).branch == "mine"
    with pytest.raises(Refused, match="published already: the branch memfs/a-2 of"):
        publishing.publish(here, ["a.md"], Wish())


def ignoring(world: World) -> Git:
    """Return the workspace `project` as a repository that ignores its memories, of which there is `a.md`."""
    git = begun(world)
    world.trusted()
    git.put(".gitignore", ".memory/\n")
    git("add", ".gitignore")
    git("commit", "--quiet", "-m", "begun")
    put(world, "a.md", "# A\n")
    return git


def test_an_ignored_memory_is_published_with_a_word_about_it(world: World) -> None:
    """Whoever keeps memories out of git may still share one of them."""
    git = ignoring(world)

    done = publishing.publish(world.open(), ["a.md"], Wish())

    assert git.committed(done.branch) == [".memory/a.md"]
    assert any("An ignore rule keeps .memory/a.md out of git" in note for note in done.notes)


# ---- a branch of the project that goes on


def proposed(world: World) -> Git:
    """Return the workspace `project` with a memory `a.md` that `memfs/a` has, and has another text since."""
    git = ignoring(world)
    publishing.publish(world.open(), ["a.md"], Wish())
    put(world, "a.md", "# A\n\nMore.\n")
    return git


def test_a_branch_that_is_named_goes_on(world: World) -> None:
    """By one commit on top of its own, whatever HEAD is now; what it has stays, and the same command pushes it."""
    git = proposed(world)
    origin = bare(world, "origin")
    git("remote", "add", "origin", origin.folder)
    git("push", "--quiet", "--set-upstream", "origin", "memfs/a")
    first = git("rev-parse", "memfs/a")
    git.put("later.py", "1\n")
    git("add", "later.py")
    git("commit", "--quiet", "-m", "later")
    put(world, "b.md", "# B\n")
    before = git.state()

    done = as_json(world, "publish", "A", "B", "--branch", "memfs/a", "-m", "Better")

    assert (done["branch"], done["commit"]) == ("memfs/a", git("rev-parse", "memfs/a"))
    assert [(each["path"], each["new"]) for each in done["memories"]] == [
        (".memory/a.md", False),
        (".memory/b.md", True),
    ]
    assert git("rev-parse", "memfs/a^") == first
    assert git.files("memfs/a") == [".gitignore", ".memory/a.md", ".memory/b.md"]
    assert git.text(".memory/a.md", "memfs/a") == "# A\n\nMore.\n"
    assert git("log", "--format=%s", "memfs/a") == "Better\nmemory: A\nbegun"
    git(*done["push"].split()[1:])
    assert origin("rev-parse", "memfs/a") == done["commit"]
    git("update-ref", "refs/heads/memfs/a", first)
    git("update-ref", "refs/remotes/origin/memfs/a", first)
    assert git.state() == before


def test_the_note_names_the_branch_with_the_earlier_version(world: World) -> None:
    """And the command that improves it; not one that is merged, or that has another memory of that title."""
    git = proposed(world)
    references = ["A", str(world.folder() / ".memory" / "a.md")]

    second = publishing.publish(world.open(), references, Wish())

    assert second.branch == "memfs/a-2"
    again = "repeat with `--branch memfs/a`; then memfs/a-2 can go."
    assert second.notes[0] == f"The branch memfs/a has another version. To put this one on top of it: {again}"
    assert memfs(world, "publish", *references, "--branch", "memfs/a").code == 0
    git("merge", "--quiet", "memfs/a-2")
    git("rm", "--quiet", "--cached", ".memory/a.md")
    git("commit", "--quiet", "-m", "not in git")
    put(world, "a.md", "# A\n\nOnce more.\n")
    third = publishing.publish(world.open(), ["A"], Wish(allow_secret=True))
    assert third.branch == "memfs/a-3"
    assert third.notes[0].endswith("`--branch memfs/a`; then memfs/a-3 can go.")
    put(world, "other.md", "# A\n\nAnother.\n")
    git("add", "--force", ".memory/other.md")
    git("commit", "--quiet", "-m", "another")
    put(world, "other.md", "# A\n\nAnother, once more.\n")
    other = publishing.publish(world.open(), ["other.md"], Wish())
    assert other.branch == "memfs/a-4"
    assert not any("another version" in note for note in other.notes)


def test_a_branch_whose_version_was_taken_is_no_earlier_one(world: World) -> None:
    """Though git does not call it merged: by a host that makes one commit of many, or by hand."""
    git = proposed(world)
    put(world, "a.md", "# A\n")
    git("add", "--force", ".memory/a.md")
    git("commit", "--quiet", "-m", "taken")
    put(world, "a.md", "# A\n\nMore.\n")

    done = publishing.publish(world.open(), ["a.md"], Wish())

    assert done.branch == "memfs/a-2"
    assert not any("another version" in note for note in done.notes)
    assert publishing.publish(world.open(), ["a.md"], Wish(branch="memfs/a")).branch == "memfs/a"


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("git switch --quiet memfs/a", "is checked out in {project}, .*`memfs commit` there"),
        (f"{LINKED} memfs/a", "is checked out in {root}/linked, "),
        (f"{LINKED} memfs/a && cd ../linked && ! git rebase --exec false HEAD^", "is being rebased"),
        (f"{LINKED} -b b memfs/a && cd ../linked && ! git rebase --update-refs --exec false HEAD^", "is being rebased"),
        ("git branch --move memfs/a b && git symbolic-ref refs/heads/memfs/a refs/heads/b", "is another name of b: "),
        ("git merge --quiet memfs/a", "was merged, or never begun"),
        ("git branch --quiet --force memfs/a main", "was merged, or never begun"),
    ],
    ids=["here", "linked", "rebased", "rebased along", "symbolic", "merged", "empty"],
)
def test_what_somebody_works_on_or_has_merged_is_not_moved(world: World, script: str, why: str) -> None:
    """Files that are checked out would fall behind their branch; the sentence says why, and nothing is changed."""
    git = proposed(world)
    subprocess.run(["sh", "-c", script], cwd=git.folder, env=git.environ, check=True, capture_output=True)
    put(world, "a.md", "# A\n\nMore.\n")
    before = git.state()

    with pytest.raises(Refused, match=why.format(project=git.folder, root=world.root)):
        publishing.publish(world.open(), ["a.md"], Wish(branch="memfs/a"))

    assert git.state() == before


def test_a_branch_is_pushed_under_its_own_name(world: World) -> None:
    """Also one that was begun from the remote's main branch, which git calls its upstream; and as often as it takes."""
    git = proposed(world)
    origin = bare(world, "origin")
    git("remote", "add", "origin", origin.folder)
    git("push", "--quiet", "origin", "main")
    git("fetch", "--quiet", "origin")
    git("branch", "--quiet", "feature", "--track", "origin/main")
    git("update-ref", "refs/heads/feature", git("commit-tree", "-p", "feature", "-m", "at work", "main^{tree}"))

    done = publishing.publish(world.open(), ["a.md"], Wish(branch="feature"))
    new = publishing.publish(world.open(), ["a.md"], Wish(branch="new"))

    assert (done.push, new.push) == ("git push origin feature", "git push --set-upstream origin new")
    git(*done.push.split()[1:])
    assert (origin("rev-parse", "feature"), origin("rev-parse", "main")) == (done.commit, git("rev-parse", "main"))


def test_a_branch_that_is_at_a_remote_alone_is_not_begun_anew(world: World) -> None:
    """What was pushed then would be refused."""
    git = proposed(world)
    origin = bare(world, "origin")
    git("remote", "add", "origin", origin.folder)
    git("push", "--quiet", "origin", "memfs/a:refs/heads/theirs")
    git("fetch", "--quiet", "origin")

    with pytest.raises(Refused, match="`git branch theirs origin/theirs`, then repeat"):
        publishing.publish(world.open(), ["a.md"], Wish(branch="theirs"))
    with pytest.raises(Invalid):
        publishing.publish(world.open(), ["a.md"], Wish(branch="the*"))


def test_a_memory_that_was_renamed_is_updated_where_the_branch_has_it(world: World) -> None:
    """By its id: it would be there twice."""
    git = begun(world)
    world.trusted()
    put(world, "a.md", "---\nid: one\n---\n\n# A\n")
    git("add", ".")
    git("commit", "--quiet", "-m", "begun")
    (world.folder() / ".memory/a.md").rename(world.folder() / ".memory/b.md")
    put(world, "b.md", "---\nid: one\n---\n\n# A\n\nMore.\n")

    done = publishing.publish(world.open(), ["b.md"], Wish())

    assert git.files(done.branch) == [".memory/a.md"]
    assert git.text(".memory/a.md", done.branch).endswith("More.\n")
    put(world, "a.md", "# Another\n")
    git("add", ".")
    git("commit", "--quiet", "-m", "renamed")
    put(world, "c.md", "---\nid: three\n---\n\n# C\n")
    new = publishing.publish(world.open(), ["c.md"], Wish())
    assert git.files(new.branch) == [".memory/a.md", ".memory/b.md", ".memory/c.md"]


def test_any_other_branch_that_is_named_goes_on(world: World) -> None:
    """It may be one with code, of somebody who wants the memory in the same pull request; pushed where that is."""
    git = proposed(world)
    for name in ("origin", "fork"):
        git("remote", "add", name, bare(world, name).folder)
    git("switch", "--quiet", "-c", "feature")
    git.put("code.py", "1\n")
    git("add", "code.py")
    git("commit", "--quiet", "-m", "code")
    git("push", "--quiet", "--set-upstream", "fork", "feature")
    git("switch", "--quiet", "main")

    done = publishing.publish(world.open(), ["a.md"], Wish(branch="feature"))

    assert git.files("feature") == [".gitignore", ".memory/a.md", "code.py"]
    assert done.push == "git push fork feature"


def test_a_branch_that_is_changed_at_the_same_moment_stays(world: World) -> None:
    """Moved, removed or made meanwhile: nothing is published."""
    git = proposed(world)
    for name, script in (("memfs/a", "git branch --force memfs/a main"), ("memfs/a", "git branch -D memfs/a"),
                         ("new", "git branch new main")):  # fmt: skip
        git("branch", "--force", "memfs/a", git("commit-tree", "-p", "main", "-m", "x", "main^{tree}"))
        meanwhile = trap(world, "update-ref", f"{script} && git for-each-ref >../theirs")

        refused = memfs(world, "publish", "A", "--branch", name, environ=meanwhile)

        assert (refused.code, f"Somebody changed the branch {name} of" in refused.sentence) == (6, True)
        assert git("for-each-ref") == (world.root / "theirs").read_text().rstrip("\n")


# ---- a branch at the remote of a group


def test_a_memory_is_pushed_as_a_branch_on_top_of_what_the_remote_has_now(world: World, team: Git) -> None:
    """What others pushed since the last sync is below it; the group's clone stays as it is, the answer is inert."""
    others = Git(world.root / "others", user(world))
    others.put("later.md", "Pushed since.\n")
    others("add", ".")
    others("commit", "--quiet", "-m", "later")
    others("push", "--quiet", "origin", "HEAD:main")
    put(world, "api/retries.md", OURS)
    group = Git(world.home / "groups" / "team", user(world))
    before = group.state()

    shown = memfs(world, "publish", "01KAJ9D3Q0", "--to", "group:team", "-m", "Please look")

    assert shown.code == 0, shown.err
    assert shown.out.startswith("Pushed the branch memfs/paging  ")
    assert "  remote: Ask for a merge:\n  remote: https://example.com/new\\u001b[2J\n" in shown.out
    assert "Push it" not in shown.out
    assert team.committed("memfs/paging") == ["api/retries.md"]
    assert team.text("api/retries.md", "memfs/paging").encode() == OURS.encode()
    assert team("rev-parse", "memfs/paging^") == team("rev-parse", "main") == others("rev-parse", "HEAD")
    assert team("log", "-1", "--format=%s", "memfs/paging") == "Please look"
    assert group.state() == before
    assert files_below(group.folder).keys() & {"later.md", "api/retries.md"} == set()


def test_a_memory_that_is_there_by_its_id_is_updated_where_it_is(world: World, team: Git) -> None:
    """Whatever it is called here; one whose name another memory has there gets a free one; the same is nothing new."""
    put(world, "renamed.md", "---\nid: 01KAJ000000000000000000001\n---\n\nOrders are paged by cursor.\n")
    put(world, "paging.md", "---\nid: 01KAJ000000000000000000002\ntitle: Other\n---\n\nAnother of that name.\n")

    done = as_json(world, "publish", ".memory/renamed.md", ".memory/paging.md", "--to", "group:team", "--branch", "two")

    places = [(each["path"], each["new"]) for each in done["memories"]]
    assert places[0] == ("paging.md", False)
    assert places[1][1]
    assert re.fullmatch(r"other-[0-9a-z]{6}\.md", places[1][0])
    assert "by cursor" in team.text("paging.md", "two")
    assert "Another of that name" in team.text(places[1][0], "two")
    assert len(team.files("two")) == 2
    put(world, "renamed.md", team.text("paging.md", "main"))
    again = memfs(world, "publish", ".memory/renamed.md", "--to", "group:team")
    assert (again.code, "There is nothing to publish" in again.sentence) == (6, True)


def test_a_second_version_is_another_branch_unless_the_first_is_named(world: World, team: Git) -> None:
    """The note has the command that puts it on top of the first instead, which also finds it by its id there."""
    group = Git(world.home / "groups" / "team", user(world))
    before = group.state()
    put(world, "a.md", "---\nid: 01KAJ000000000000000000009\ntitle: A\n---\n\nOne.\n")
    first = as_json(world, "publish", "A", "--to", "group:team")
    put(world, "a.md", "---\nid: 01KAJ000000000000000000009\ntitle: A\n---\n\nTwo.\n")

    second = as_json(world, "publish", "A", "--to", "group:team")
    command = "memfs publish A --to group:team --branch memfs/a"
    (world.folder() / ".memory" / "a.md").rename(world.folder() / ".memory" / "renamed.md")
    third = as_json(world, *command.split()[1:])

    assert (first["branch"], second["branch"], third["branch"]) == ("memfs/a", "memfs/a-2", "memfs/a")
    again = "To put this one on top of it: repeat with `--branch memfs/a`; then memfs/a-2 can go."
    assert f"The branch memfs/a has another version. {again}" in second["notes"]
    assert not any("another version" in note for note in (*first["notes"], *third["notes"]))
    assert team("rev-parse", "memfs/a", "memfs/a^") == f"{third['commit']}\n{first['commit']}"
    assert team("rev-parse", "memfs/a-2") == second["commit"]
    assert team.committed("memfs/a") == ["a.md"]
    assert team.text("a.md", "memfs/a").endswith("Two.\n")
    assert group.state() == before
    once_more = memfs(world, *command.split()[1:])
    assert (once_more.code, "published already: the branch memfs/a of file://" in once_more.sentence) == (6, True)


def test_what_somebody_else_changed_on_the_branch_is_not_taken_back(world: World, team: Git) -> None:
    """Unless that is said; what they changed in other files is no matter."""
    put(world, "a.md", "# A\n")
    publishing.publish(world.open(), ["a.md"], Wish("group:team"))
    others = Git(world.root / "others", user(world))
    others("fetch", "--quiet", "origin")
    others("switch", "--quiet", "memfs/a")
    others.put("paging.md", "Looked at.\n")
    others("commit", "--quiet", "-am", "another file")
    others("push", "--quiet", "origin", "memfs/a")
    put(world, "a.md", "# A\n\nMore.\n")
    second = publishing.publish(world.open(), ["a.md"], Wish("group:team", "memfs/a"))
    others("pull", "--quiet")
    others.put("a.md", "# A\n\nMore, corrected.\n")
    others("commit", "--quiet", "-am", "corrected")
    others("push", "--quiet", "origin", "memfs/a")
    put(world, "a.md", "# A\n\nEven more.\n")

    refused = memfs(world, "publish", "a.md", "--to", "group:team", "--branch", "memfs/a")

    assert (refused.code, "changed a.md on the branch memfs/a of file://" in refused.sentence) == (6, True)
    command = re.findall("`git ([^`]+)`", refused.sentence)[0]
    assert "More, corrected." in Git(world.root, user(world))(*command.split())
    assert team("log", "--format=%s", "memfs/a") == "corrected\nmemory: A\nanother file\nmemory: A\nbegun"
    tree = team("rev-parse", "memfs/a^{tree}")
    mine = {f"GIT_{role}_EMAIL": "me@example.org" for role in ("AUTHOR", "COMMITTER")}
    own = Git(team.folder, {**user(world), **mine})("commit-tree", "-p", "memfs/a", "-m", "mine, on top of it", tree)
    team("update-ref", "refs/heads/memfs/a", own)
    assert memfs(world, "publish", "a.md", "--to", "group:team", "--branch", "memfs/a").code == 6
    done = memfs(world, "publish", "a.md", "--to", "group:team", "--branch", "memfs/a", "--yes", "--json").json
    assert team("rev-parse", "memfs/a", "memfs/a~3") == f"{done['commit']}\n{second.commit}"


def test_a_branch_of_the_remote_that_is_over_is_not_moved(world: World, team: Git) -> None:
    """Merged, or as one commit, which the host makes of many: nobody looks at it; the default one is everybody's."""
    others = Git(world.root / "others", user(world))
    for name, merging in (("merged", ("--no-ff",)), ("squashed", ("--squash",))):
        put(world, f"{name}.md", f"# {name}\n")
        as_json(world, "publish", name, "--to", "group:team")
        as_json(world, "publish", name, "--to", "group:team", "--branch", "both") if name == "merged" else None
        others("fetch", "--quiet", "origin")
        others("merge", "--quiet", *merging, f"origin/memfs/{name}")
        others("commit", "--quiet", "--allow-empty", "-m", "taken")
        others("push", "--quiet", "origin", "HEAD:main")
        put(world, f"{name}.md", f"# {name}\n\nMore.\n")
    before = team("for-each-ref")

    def refused(branch: str) -> str:
        with pytest.raises(Refused, match="Without --branch a new one is made") as told:
            publishing.publish(world.open(), ["merged", "squashed"], Wish("group:team", branch))
        return str(told.value)

    assert "it was merged" in refused("memfs/merged")
    assert "it was merged" in refused("memfs/squashed")
    assert "is what every member has" in refused("main")
    assert team("for-each-ref") == before
    done = publishing.publish(world.open(), ["squashed"], Wish("group:team"))
    assert (done.branch, len(done.notes)) == ("memfs/squashed-2", 1)


@pytest.mark.parametrize(
    ("verb", "change"),
    [("push", "gone on"), ("push", "gone back"), ("push", "removed"), ("fetch", "replaced")],
)
def test_a_branch_that_somebody_changes_meanwhile_is_theirs(world: World, team: Git, verb: str, change: str) -> None:
    """Nothing is published, and whatever they made of it stays."""
    put(world, "a.md", "# A\n")
    publishing.publish(world.open(), ["a.md"], Wish("group:team"))
    put(world, "a.md", "# A\n\nMore.\n")
    clone = world.home / "groups" / "team"
    shutil.rmtree(clone)  # one that has nothing of the branch takes its place
    Git(world.root, user(world))("clone", "--quiet", "--single-branch", f"file://{team.folder}", clone)
    later, another = (team("commit-tree", "-p", on, "-m", "x", "memfs/a^{tree}") for on in ("memfs/a", "main"))
    theirs = {"gone on": later, "gone back": team("rev-parse", "main"), "removed": "", "replaced": another}[change]
    moving = f"update-ref refs/heads/memfs/a {theirs}" if theirs else "update-ref -d refs/heads/memfs/a"
    meanwhile = trap(world, verb, f"unset GIT_OBJECT_DIRECTORY; git --git-dir={team.folder} {moving}")

    refused = memfs(world, "publish", "A", "--to", "group:team", "--branch", "memfs/a", environ=meanwhile)

    assert (refused.code, "Somebody changed the branch memfs/a of file://" in refused.sentence) == (6, True)
    assert team("rev-parse", "--quiet", "--verify", "memfs/a", fine=(0, 1)) == theirs
    assert len(team("for-each-ref").splitlines()) == 1 + bool(theirs)


def test_what_a_branch_of_the_remote_has_is_not_pushed_again(world: World, team: Git) -> None:
    """Also where its name was taken there, so that it got another; and when somebody else's clone pushed it."""
    put(world, "paging.md", OURS)
    first = publishing.publish(world.open(), ["01KAJ9D3Q0"], Wish("group:team"))
    shutil.rmtree(world.home / "groups" / "team")
    alone = ("--quiet", "--single-branch", f"file://{team.folder}")
    Git(world.root, user(world))("clone", *alone, world.home / "groups" / "team")

    again = memfs(world, "publish", "01KAJ9D3Q0", "--to", "group:team")

    assert (again.code, f"published already: the branch {first.branch} of file://" in again.sentence) == (6, True)
    assert team("for-each-ref", "--format=%(refname)", "refs/heads/memfs") == f"refs/heads/{first.branch}"


def test_a_branch_that_comes_to_be_meanwhile_stays_as_it_is(world: World, team: Git) -> None:
    """Even where git could have moved it on to what is published."""
    put(world, "a.md", "# A\n")
    meanwhile = trap(world, "push", f"git --git-dir={team.folder} branch memfs/a main")

    done = memfs(world, "publish", "A", "--to", "group:team", "--json", environ=meanwhile).json

    assert done["branch"] == "memfs/a-2"
    assert team("rev-parse", "memfs/a") == team("rev-parse", "main")


@pytest.mark.usefixtures("team")
def test_what_is_larger_than_any_memory_is_not_read_there(world: World) -> None:
    """Its name or its bytes may be those of the memory: it is taken for another, and the memory gets a free name."""
    others = Git(world.root / "others", user(world))
    others.put("large.md", "---\nid: 01KAJ000000000000000000009\n---\n" + "x" * MAX_BYTES)
    others("add", ".")
    others("commit", "--quiet", "-m", "large")
    others("push", "--quiet", "origin", "HEAD:main")
    put(world, "large.md", "---\nid: 01KAJ000000000000000000009\ntitle: A\n---\n\nOne.\n")

    done = publishing.publish(world.open(), ["A"], Wish("group:team"))

    assert [(piece.path == "large.md", piece.is_new) for piece in done.pieces] == [(False, True)]


def test_a_remote_that_refuses_says_why(world: World, team: Git) -> None:
    """Its own words are in the sentence, and it has no new branch."""
    hook = team.folder / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'proposals are closed'\nexit 1\n")
    hook.chmod(0o755)
    put(world, "a.md", "# A\n")

    refused = memfs(world, "publish", "A", "--to", "group:team")

    assert refused.code == 10
    assert "pre-receive hook declined" in refused.sentence
    assert team("for-each-ref", "--format=%(refname)") == "refs/heads/main"


# ---- what is not published


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"The token is {TOKEN}.\n", "seems to hold a secret"),
        ("---\ntags: [\n---\n\nBroken.\n", "is malformed"),
        ("<<<<<<< ours\na\n=======\nb\n>>>>>>> theirs\n", "is conflict"),
        ("nul\0\n", "is unreadable"),
    ],
)
def test_what_nobody_should_read_is_not_published(world: World, text: str, why: str) -> None:
    """Nothing of a wish is done when one memory is not fit for it; a secret may be insisted on."""
    git = begun(world)
    world.trusted()
    git("commit", "--quiet", "--allow-empty", "-m", "begun")
    put(world, "good.md", "# Good\n")
    put(world, "bad.md", text)
    here = world.open()

    with pytest.raises(Refused, match=why):
        publishing.publish(here, ["good.md", "bad.md"], Wish())
    if TOKEN not in text:
        with pytest.raises(Refused, match=why):
            publishing.publish(here, ["bad.md"], Wish(allow_secret=True))

    assert git("for-each-ref", "--format=%(refname)") == "refs/heads/main"
    if TOKEN in text:
        publishing.publish(here, ["bad.md"], Wish(allow_secret=True))


@pytest.mark.parametrize("to", ["", "group:team"])
def test_a_strangers_text_is_not_published_as_the_users(world: World, team: Git, to: str) -> None:
    """What came with a cloned repository would pass for theirs, in a commit as in the group."""
    begun(world)("commit", "--quiet", "--allow-empty", "-m", "begun")
    shutil.rmtree(world.state)
    put(world, "a.md", "# A\n")

    with pytest.raises(Refused, match=r"came with the repository.*`memfs trust`"):
        publishing.publish(world.open(), ["a.md"], Wish(to=to))

    assert team("for-each-ref", "--format=%(refname)") == "refs/heads/main"


def test_only_memories_of_the_workspace_are_published(world: World, team: Git) -> None:
    """What the group has, or what is global, is shared already."""
    begun(world)("commit", "--quiet", "--allow-empty", "-m", "begun")

    with pytest.raises(Refused, match="is of group:team"):
        publishing.publish(world.open(), ["paging.md"], Wish())

    assert team("for-each-ref", "--format=%(refname)") == "refs/heads/main"


def test_what_is_missing_is_said_with_what_to_do(world: World) -> None:
    """A repository, a commit, a group, membership, a remote, its first sync, its first memories: in this order."""
    put(world, "a.md", "# A\n")
    project = world.trusted()

    def refused(to: str = "") -> str:
        with pytest.raises(MemfsError) as told:
            publishing.publish(world.open(), ["a.md"], Wish(to=to))
        return str(told.value)

    assert "lies in no git repository; `git init` begins one" in refused()
    begun(world)
    assert "has no commit yet" in refused()
    assert "is no group" in refused("team")
    assert "not available in isolated mode" in refused("group:team")
    world.config('mode = "hybrid"\n[groups.team]\n')
    assert "is not a member of group:team" in refused("group:team")
    world.config(f'mode = "hybrid"\n[groups.team]\nmembers = ["{project}"]\n')
    assert "has no remote; `memfs sync --group team --remote URL` sets one" in refused("group:team")
    remote = bare(world)
    world.config(f'mode = "hybrid"\n[groups.team]\nmembers = ["{project}"]\nremote = "{remote.folder}"\n')
    assert "was not synced yet; `memfs sync --group team` does that" in refused("group:team")
    Git(world.root, user(world))("clone", "--quiet", remote.folder, world.home / "groups" / "team")
    assert "is empty" in refused("group:team")


# ---- clones that have not everything


@pytest.mark.parametrize(
    "options",
    [("--depth=1",), ("--filter=blob:none",), ("--filter=blob:none", "--sparse")],
    ids=["shallow", "partial", "sparse"],
)
def test_a_clone_that_has_not_everything_is_synced_and_published_from(world: World, options: tuple[str, ...]) -> None:
    """Both sides have what the other did; a folder that is left out is not brought, and nothing of it is removed."""
    text = "\n".join(f"Line {number}." for number in range(200))
    remote = filled(world, **{f"{folder}/{name}": f"{name} {text}" for folder in ("db", "ops") for name in "abcdef"})
    others = Git(world.root / "others", user(world))
    others.put("db/a.md", f"a, once more {text}")
    others("commit", "--quiet", "-am", "more")
    others("push", "--quiet", "origin", "HEAD:main")
    clone = member(world, remote, *options)
    sparse = "--sparse" in options
    if sparse:
        clone("sparse-checkout", "set", "db")
    left_out = {f"ops/{name}.md" for name in (*"acdef", "moved", "new")} if sparse else set()
    for folder in ("db", "ops"):
        others.put(f"{folder}/a.md", f"{folder} changed {text}")
        others.put(f"{folder}/new.md", f"{folder} new")
        others("mv", f"{folder}/b.md", f"{folder}/moved.md")
        others("add", ".")
    others("commit", "--quiet", "-m", "theirs")
    others("push", "--quiet", "origin", "HEAD:main")
    clone.put("db/c.md", "ours")
    put(world, "p.md", f"# Published\n\n{text}\n")

    as_json(world, "sync", "--group", "team")
    done = as_json(world, "publish", "Published", "--to", "group:team")
    put(world, "p.md", f"# Published\n\n{text}\nMore.\n")
    more = as_json(world, "publish", "Published", "--to", "group:team", "--branch", done["branch"])

    assert remote.text("db/c.md", "main") == "ours"
    assert remote.committed(done["commit"]) == remote.committed(more["commit"]) == ["p.md"]
    assert remote("rev-parse", f"{done['branch']}^") == done["commit"]
    others("pull", "--quiet", "origin", "main")
    everything = {path: raw for path, raw in files_below(others.folder).items() if not path.startswith(".git/")}
    assert len(everything) == 14
    here = {path: raw for path, raw in files_below(clone.folder).items() if not path.startswith(".git/")}
    assert here == {path: raw for path, raw in everything.items() if path not in left_out}
    assert clone("status", "--porcelain") == ""
    assert as_json(world, "sync", "--group", "team")["synced"][0]["committed"] == 0
    clone("fsck", "--no-dangling")
    if sparse:
        clone("sparse-checkout", "disable")
        assert {path for path in files_below(clone.folder) if not path.startswith(".git/")} == everything.keys()


# ---- copies


def export(world: World, folder: Path, filters: Filters = Filters()) -> exporting.Exported:  # noqa: B008  (a value)
    """Export what *filters* pass from the workspace `project`."""
    return exporting.export(world.open(), filters, folder)


@pytest.fixture
def memories(world: World) -> Mapping[str, Path]:
    """Return the files of a memory of each scope, by where an export puts them; each was changed at another time."""
    project = world.trusted()
    world.config(f'mode = "hybrid"\n[groups.team]\nmembers = ["{project}"]\n')
    files = {
        "workspace/a.md": put(world, "a.md", OURS),
        "workspace/sub/b.md": put(world, "sub/b.md", b"\xef\xbb\xbfTabs\tand  spaces\r\n"),
        "global/g.md": Git(world.home, {}).put("global/g.md", "# G\n"),
        "groups/team/t.md": Git(world.home, {}).put("groups/team/t.md", "<<<<<<< a\n=======\n>>>>>>> b\n"),
    }
    for number, path in enumerate(files.values()):
        os.utime(path, ns=(0, 1_600_000_000_123_456_789 + number * 10**10))
    return files


def test_an_export_is_the_files_themselves(world: World, memories: Mapping[str, Path], tmp_path: Path) -> None:
    """Byte for byte, with their times, below their scopes; a second one finds them there, and writes what is new."""
    folder = tmp_path / "deep" / "out"

    first = as_json(world, "export", "--to", str(folder))
    put(world, "c.md", "# C\n")
    second = memfs(world, "export", "--to", str(folder))

    assert first == {
        "path": str(folder),
        "written": 4,
        "same": 0,
        "scopes": {"workspace": 2, "global": 1, "group:team": 1},
        "notes": [],
    }
    for place, source in memories.items():
        copy = folder / place
        assert copy.read_bytes() == source.read_bytes()
        assert copy.stat().st_mtime_ns == source.stat().st_mtime_ns
    assert second.out == f"Wrote 1 memory to {folder}  workspace 1\n4 were there already\n"
    assert files_below(folder).keys() == {*memories, "workspace/c.md"}


def test_a_scope_that_is_named_lies_straight_in_the_folder(
    world: World, memories: Mapping[str, Path], tmp_path: Path
) -> None:
    """And only what passes the filters; without any that does, no folder is made."""
    assert export(world, tmp_path / "one", Filters(scopes=("workspace",))).written == {"workspace": 2}
    assert export(world, tmp_path / "two", Filters(scopes=("workspace", "global"))).written.total() == 3  # type: ignore[attr-defined]
    assert export(world, tmp_path / "none", Filters(tags=("nothing",))).written == {}

    assert files_below(tmp_path / "one").keys() == {"a.md", "sub/b.md"}
    assert files_below(tmp_path / "two").keys() == {place for place in memories if not place.startswith("groups")}
    assert not (tmp_path / "none").exists()


def test_an_export_overwrites_nothing(world: World, memories: Mapping[str, Path], tmp_path: Path) -> None:
    """A file or link in the way of one memory, or what leads out of the folder, refuses all before the first write."""

    def in_the_way(place: str, make: Any) -> None:  # noqa: ANN401
        folder = tmp_path / place.replace("/", "-")
        (folder / place).parent.mkdir(parents=True)
        make(folder / place)
        before = files_below(folder)
        with pytest.raises((Conflict, Refused), match="nothing was written"):
            export(world, folder)
        assert files_below(folder) == before

    assert memories
    (tmp_path / "outside").mkdir()
    in_the_way("workspace/sub/b.md", lambda path: path.write_text("mine"))
    in_the_way("workspace/a.md", lambda path: path.symlink_to(memories["workspace/a.md"]))
    in_the_way("global/g.md", lambda path: path.mkdir())
    in_the_way("groups", lambda path: path.write_text("mine"))
    in_the_way("groups/team", lambda path: path.symlink_to(tmp_path / "outside"))
    assert files_below(tmp_path / "outside") == {}


def test_an_export_is_never_a_second_copy_in_a_store(world: World, memories: Mapping[str, Path]) -> None:
    """Neither in the workspace's nor anywhere below memfs's home, by whatever name."""
    (world.root / "link").symlink_to(world.home)
    before = files_below(world.root)

    for folder in (world.folder() / ".memory" / "out", world.home, world.home / "groups" / "x", world.root / "link"):
        with pytest.raises(Refused, match="would be a memory twice"):
            export(world, folder)

    assert memories
    assert {path: raw for path, raw in files_below(world.root).items() if path in before} == before


def test_what_is_not_read_whole_is_left_out_and_told(
    world: World, memories: Mapping[str, Path], tmp_path: Path
) -> None:
    """A file of which memfs reads the beginning alone is not copied by half."""
    large = put(world, "large.md", "x" * (MAX_BYTES + 2))

    done = export(world, tmp_path / "out")

    assert done.written.total() == len(memories)  # type: ignore[attr-defined]
    assert done.notes == (f"{large} is left out: it cannot be read, or is larger than 1 MiB.",)
    assert files_below(tmp_path / "out").keys() == memories.keys()


# ---- what lies in templates/git


def test_the_action_asks_for_nothing_and_trusts_nothing() -> None:
    """It runs for pull requests, may read, has no secret and keeps no token; what it uses has a fixed major version."""
    text = (TEMPLATES / "memfs-doctor.yml").read_text()
    workflow = yaml.safe_load(text)

    assert list(workflow[True]) == ["pull_request"]  # yaml 1.1 takes `on` for true
    assert workflow["permissions"] == {"contents": "read"}
    assert "secrets" not in text
    assert "github.event" not in text
    [job] = workflow["jobs"].values()
    used = [step["uses"] for step in job["steps"] if "uses" in step]
    assert all(re.fullmatch(r"actions/(checkout|setup-python)@v\d+", name) for name in used)
    assert job["steps"][0]["with"]["persist-credentials"] is False


def test_memfs_says_where_the_action_lies(world: World) -> None:
    """`memfs path templates` leads to it, from a checkout as from the wheel."""
    folder = Path(memfs(world, "path", "templates").out.strip())

    assert (folder / "git" / "memfs-doctor.yml").read_bytes() == (TEMPLATES / "memfs-doctor.yml").read_bytes()


@pytest.mark.parametrize("below", [".memory/", ""], ids=["project", "memories"])
@pytest.mark.parametrize(("text", "code"), [("# Good\n", 0), ("---\nid: [\n---\n", 9), (f"{TOKEN}\n", 9)])
def test_the_action_looks_at_either_kind_of_repository(world: World, below: str, text: str, code: int) -> None:
    """Its last step, run as the runner does: 0 for good memories, 9 for bad ones."""
    [job] = yaml.safe_load((TEMPLATES / "memfs-doctor.yml").read_text())["jobs"].values()
    runner = world.root / "runner"
    Git(runner / "repository", {}).put(f"{below}a.md", text)
    Git(runner / "repository", {}).put(".github/workflows/memfs-doctor.yml", "name: memories\n")
    launcher = Git(world.root, {}).put("bin/memfs", f'#!/bin/sh\nexec "{sys.executable}" -m memfs "$@"\n')
    launcher.chmod(0o755)
    environ = {**world.environ, "PATH": f"{launcher.parent}:{world.environ['PATH']}"}

    done = subprocess.run(["bash", "-e", "-c", job["steps"][-1]["run"]], cwd=runner, env=environ, check=False)

    assert done.returncode == code


def test_the_attributes_name_the_merge_driver(world: World) -> None:
    """Copied beside memories, git asks memfs's driver for them and nothing else."""
    git = begun(world)
    shutil.copy(TEMPLATES / "gitattributes", git.folder / ".gitattributes")

    said = git("check-attr", "merge", ".memory/a.md", "code.py")

    assert said == ".memory/a.md: merge: memfs\ncode.py: merge: unspecified"
