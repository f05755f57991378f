"""What strangers and accidents do around git, one small world each: nothing runs, nothing leaks, nothing is lost."""

from __future__ import annotations

import pytest

from tests.commands import memfs
from tests.repositories import Git
from tests.repositories import begun
from tests.repositories import user
from tests.worlds import World

NOTE = "---\nid: 01KAJX00000000000000000001\ntitle: Deploys\n---\nWe deploy on fridays.\n"


def committed(git: Git, day: str, message: str = "one") -> None:
    """Commit everything, as somebody did on *day*."""
    dated = Git(git.folder, {**git.environ, "GIT_COMMITTER_DATE": f"{day}T00:00:00Z"})
    dated("add", "-A")
    dated("commit", "-qm", message)


def test_files_that_make_a_git_folder_of_the_store_are_left_alone(world: World) -> None:
    """A plain clone may bring HEAD, config, objects and a log that is a link: git would obey, memfs does not ask it."""
    git = begun(world)
    victim = world.root / ".bashrc"
    victim.write_text("export A=1\n")
    git.put(".memory/x.md", NOTE)
    git.put(".memory/HEAD", "ref: refs/heads/main\n")
    settings = "[core]\nrepositoryformatversion = 0\nbare = false\nworktree = ..\n[user]\nname = $(id)\nemail = x\n"
    git.put(".memory/config", settings)
    for name in ("objects/k", "refs/heads/k", "logs/k"):
        git.put(f".memory/{name}", "")
    (git.folder / ".memory" / "logs" / "HEAD").symlink_to(victim)

    done = memfs(world, "commit")

    assert done.code == 10
    assert "lies among the files" in done.sentence
    assert victim.read_text() == "export A=1\n"
    assert memfs(world, "search", "fridays", "--json").json["hits"]


@pytest.mark.parametrize("name", ["HEAD", "refs/heads/main"])
def test_a_log_that_is_a_link_is_not_written_through(world: World, name: str) -> None:
    """An unpacked archive may bring `.git` with a log that leads out of it: nothing is committed."""
    git = begun(world)
    git.put(".memory/x.md", NOTE)
    victim = world.root / ".bashrc"
    victim.write_text("export A=1\n")
    log = git.folder / ".git" / "logs" / name
    log.parent.mkdir(parents=True, exist_ok=True)
    log.symlink_to(victim)

    done = memfs(world, "commit")

    assert done.code == 6
    assert victim.read_text() == "export A=1\n"
    assert git("rev-parse", "-q", "--verify", "HEAD", fine=(1,)) == ""
    assert git("diff", "--cached", "--name-only") == ""


def test_a_commit_without_a_date_breaks_nothing(world: World) -> None:
    """Git clones it without a word: status, reindex, history and search in time go on."""
    git = begun(world)
    git.put(".memory/x.md", NOTE)
    git("add", "-A")
    tree = git("write-tree")
    raw = f"tree {tree}\nauthor A <a@b>\ncommitter A <a@b>\n\nmsg\n"
    made = git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", feed=raw)
    git("update-ref", "refs/heads/main", made)

    for command in (("status",), ("reindex",), ("history", "Deploys"), ("search", "fridays", "--at", made)):
        done = memfs(world, *command)
        assert done.code == 0, (command, done.err)


def test_a_store_that_was_removed_as_a_whole_comes_back_from_git(world: World) -> None:
    """`rm -rf .memory` after a commit: history knows, restore brings back."""
    git = begun(world)
    git.put(".memory/x.md", NOTE)
    committed(git, "2025-01-01")
    (git.folder / ".memory" / "x.md").unlink()
    (git.folder / ".memory").rmdir()

    done = memfs(world, "-C", str(git.folder), "restore", "01KAJX00000000000000000001", folder=git.folder)

    assert done.code == 0, done.err
    assert (git.folder / ".memory" / "x.md").read_text() == NOTE


def test_the_past_shows_nothing_of_other_projects(world: World) -> None:
    """What another project had in a channel once, and took out, is not found in its history."""
    here, there = begun(world, "here"), begun(world, "there")
    world.trusted("there")
    here.put(".memory/y.md", NOTE)
    committed(here, "2025-01-01")
    there.put(".memory/x.md", NOTE.replace("---\nWe", "channels: [ops]\n---\nVault 4711. We"))
    committed(there, "2025-02-01")
    there.put(".memory/x.md", NOTE.replace("---\nWe", "---\nVault 4711. We"))
    committed(there, "2025-03-01", "taken out")
    for words in (("config", "set", "mode", "hybrid"), ("channel", "subscribe", "ops")):
        assert memfs(world, *words, folder=here.folder).code == 0
    assert memfs(world, "status", folder=there.folder).code == 0

    then = memfs(world, "search", "vault", "fridays", "--at", "2025-02-15", "--json", folder=here.folder)

    assert [hit["scope"] for hit in then.json["hits"]] == ["workspace"]
    assert "4711" not in then.out


def test_attributes_are_written_for_any_path_and_through_no_link(world: World) -> None:
    """A folder with a space and brackets is matched; a `.gitattributes` that is a link is refused."""
    top = Git(world.root / "my repo [x]", user(world))
    (top.folder / "app").mkdir(parents=True)
    top("init", "-q")
    (top.folder / "app" / ".memory").mkdir()
    assert memfs(world, "init", "--merge-driver", folder=top.folder / "app").code == 0
    assert top("check-attr", "merge", "app/.memory/a/b.md").endswith("merge: memfs")

    other = begun(world, "other")
    victim = world.root / "victim"
    victim.write_text("mine\n")
    (other.folder / ".gitattributes").symlink_to(victim)
    assert memfs(world, "init", "--merge-driver", folder=other.folder).code == 6
    assert victim.read_text() == "mine\n"


@pytest.mark.parametrize(("says", "branch"), [("advertise", "master"), ("ignore", "main")])
def test_a_sync_keeps_to_the_branch_that_it_began(world: World, says: str, branch: str) -> None:
    """An empty remote's own, if it names one, else main, whatever else appears."""
    remote = Git(world.root / "remote.git", user(world))
    remote.folder.mkdir()
    remote("init", "-q", "--bare", "--initial-branch=master")
    remote("config", "lsrefs.unborn", says)
    assert memfs(world, "--mode", "global", "save", "We deploy on fridays.").code == 0
    assert memfs(world, "sync", "--remote", str(remote.folder)).code == 0
    tree = remote("mktree", feed="")
    remote("update-ref", "refs/heads/drafts", remote("commit-tree", tree, "-m", "a draft"))

    assert memfs(world, "--mode", "global", "save", "Tests run first.").code == 0
    assert memfs(world, "sync").code == 0

    names = remote("ls-tree", "-r", "--name-only", branch).split("\n")
    assert len([name for name in names if name.startswith("global/")]) == 2
    assert remote("ls-tree", "-r", "--name-only", "drafts") == ""


@pytest.fixture
def remote(world: World) -> Git:
    """Return the bare repository with which the home is synced, and which has three memories."""
    made = Git(world.root / "shared.git", user(world))
    made.folder.mkdir()
    made("init", "-q", "--bare", "--initial-branch=main")
    for text in ("We deploy on fridays.", "Tests run first.", "Ask the owner."):
        assert memfs(world, "--mode", "global", "save", text).code == 0
    assert memfs(world, "sync", "--remote", str(made.folder)).code == 0
    return made


def pushed(remote: Git, *steps: str) -> None:
    """Commit on top of *remote*'s main what the lines *steps* of git-fast-import(1) say."""
    head = "commit refs/heads/main\ncommitter C <c@example.org> 1750000000 +0000\ndata 1\n.\nfrom refs/heads/main^0\n"
    remote("fast-import", "--quiet", feed=head + "".join(steps))


def test_memories_moved_to_where_no_store_is_count_as_vanished(world: World, remote: Git) -> None:
    """`git mv global archive` on the other side would empty the store: it is refused, and nothing is removed."""
    pushed(remote, "R global archive\n")

    refused = memfs(world, "sync")

    assert refused.code == 6
    assert "3 of 3 memories" in refused.sentence
    assert len(list((world.home / "global").glob("*.md"))) == 3


def test_what_no_store_takes_stays_in_git_and_keeps_nothing_else(world: World, remote: Git) -> None:
    """A name too long for a file and a text too large for a memory: the rest comes, and neither is ever taken away."""
    long, large = f"global/{'n' * 300}.md", "x" * (1 << 21)
    files = {"global/good.md": NOTE, long: "short", "global/large.md": large}
    pushed(remote, *(f"M 100644 inline {name}\ndata {len(text)}\n{text}\n" for name, text in files.items()))

    first = memfs(world, "sync", "--json")
    assert memfs(world, "--mode", "global", "save", "One more.").code == 0
    second = memfs(world, "sync", "--json")

    assert (first.code, second.code) == (0, 0), first.err + second.err
    assert first.json["synced"][0]["brought"] == ["global/good.md"]
    assert any("no memories by name or size" in note for note in first.json["synced"][0]["notes"])
    assert not (world.home / "global" / "large.md").exists()
    assert {long, "global/large.md", "global/good.md"} <= set(remote.files("main"))
    assert second.json["synced"][0]["pushed"]


def test_a_sync_that_holds_something_back_says_so_by_its_exit_code(world: World, remote: Git) -> None:
    """What looks like a credential stays here: exit 9, until it is allowed by name."""
    (world.home / "global" / "token.md").write_text("The token is ghp_" + "a1B2" * 9 + "\n")

    held = memfs(world, "sync", "--json")

    assert held.code == 9
    assert held.json["synced"][0]["held"] == ["global/token.md"]
    assert "global/token.md" not in remote.files("main")
    assert memfs(world, "sync", "--allow-secret").code == 0
    assert "global/token.md" in remote.files("main")


def test_a_group_that_is_not_there_is_not_made_by_a_sync(world: World, remote: Git) -> None:
    """A typing error in a group's name costs a sentence with the near ones, no folder."""
    assert memfs(world, "group", "create", "team").code == 0

    refused = memfs(world, "sync", "--group", "taem", "--remote", str(remote.folder))

    assert refused.code == 2
    assert "team" in refused.sentence
    assert not (world.home / "groups" / "taem").exists()


def test_what_a_remote_says_is_not_taken_for_a_race(world: World, remote: Git) -> None:
    """A hook of the remote's that refuses with words like git's own: its refusal is told, at once."""
    hook = remote.folder / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'fetch first your bill' >&2\nexit 1\n")
    hook.chmod(0o755)
    assert memfs(world, "--mode", "global", "save", "One more.").code == 0

    refused = memfs(world, "sync")

    assert refused.code == 10
    assert (
        "did not take what is new here: [remote rejected] (pre-receive hook declined) fetch first your bill. It is kept"
        in refused.sentence
    )
    assert "times meanwhile" not in refused.sentence
