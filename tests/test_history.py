"""What a memory was: journal and git joined, through renames and moves; differences, blame, and bringing back."""

from __future__ import annotations

import random
import re
import shutil

import pytest

from memfs import comparing
from memfs.errors import Ambiguous
from memfs.errors import Changed
from memfs.errors import Invalid
from memfs.errors import NotFound
from memfs.errors import Refused
from memfs.errors import Unwritable
from memfs.history import History
from memfs.history import NoVersion
from tests.commands import as_json
from tests.commands import memfs
from tests.repositories import Git
from tests.repositories import begun
from tests.serving import connected
from tests.worlds import World
from tests.worlds import files_below

AUTHOR = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
LONG = "".join(f"line {number}\n" for number in range(12))


@pytest.fixture
def git(world: World) -> Git:
    """Return the workspace `project` as a repository without a commit, trusted by its user."""
    world.trusted()
    return begun(world)


def committed(git: Git, message: str, author: str = "Ada") -> str:
    """Commit all that is there; return the commit's name."""
    git("add", "--all")
    git("commit", "--quiet", f"--author={author} <a@example.org>", f"--message={message}")
    return git("rev-parse", "HEAD")


def texts(told: History) -> list[str]:
    """Return the last line of each version, newest first."""
    return [version.raw.decode().rstrip("\n").rpartition("\n")[2] for version in told.versions]


def subjects(told: History) -> list[str]:
    """Return what the commit of each version says; empty for one that is in none."""
    return [version.commit.subject if version.commit else "" for version in told.versions]


def verbs(told: History) -> list[str]:
    """Return what memfs did to bring each version about; empty where it was not memfs."""
    return [version.made.verb if version.made else "" for version in told.versions]


# ---- joining


def test_the_journal_and_git_are_told_as_one(world: World, git: Git) -> None:
    """A state that both hold is one version, with both names; what only one of them holds is told, too."""
    here = world.open()
    saved = here.save("one", {"title": "T"}).entry
    first = committed(git, "what we know", "Bob")
    here.update(saved.memory.id, {"tags": ["x"]}, "two")
    here.update(saved.memory.id, {}, "three")
    saved.path.write_bytes(saved.path.read_bytes().replace(b"three", b"by hand"))
    second = committed(git, "by hand")

    told = here.history(saved.memory.id)

    assert texts(told) == ["by hand", "two", "one"]
    assert subjects(told) == ["by hand", "", "what we know"]
    assert verbs(told) == ["", "update", "save"]
    assert told.committed is True
    assert [version.commit and version.commit.author for version in told.versions] == ["Ada", None, "Bob"]
    assert [version.change and version.change.keys for version in told.versions] == [(), ("tags",), None]
    newest, two, one = told.versions
    assert one.kept
    assert told.named(first[:4]) == told.named(one.kept.version) == one
    assert (told.named(second), told.named("now"), two.name) == (newest, newest, two.kept and two.kept.version)
    assert told.notes == ()


def test_what_is_there_says_whether_it_is_committed(world: World, git: Git) -> None:
    """Yes, no, or that there is no repository; and what memfs did before somebody edited."""
    here = world.open()
    saved = here.save("one").entry
    assert here.history(saved.memory.id).committed is False
    committed(git, "one")
    assert here.history(saved.memory.id).committed is True
    here.update(saved.memory.id, {}, "two")
    saved.path.write_bytes(saved.path.read_bytes() + b"three\n")

    told = here.history(saved.memory.id)

    assert told.committed is False
    assert told.versions[0].since
    assert told.versions[0].since.verb == "update"
    assert "not committed" in memfs(world, "history", saved.memory.id).out
    shutil.rmtree(git.folder / ".git")
    assert here.history(saved.memory.id).committed is None


@pytest.mark.parametrize("seed", range(6))
def test_within_one_second_the_order_is_the_true_one(world: World, git: Git, seed: int) -> None:
    """Whatever memfs, an editor and git do one after the other: each state that is held is told, once, in its place.

    Only of a commit with an editor at work before and after it, and no memfs, nobody could tell.
    """
    rng = random.Random(seed)
    here = world.open()
    entry = here.save("text 0", {"title": "T"}).entry
    held: list[str] = []
    now, deed = "text 0", "update"
    for number in range(1, 15):
        deed = rng.choice(("update", "edit", "commit") if deed != "commit" else ("update", "commit"))
        if deed == "commit":
            git("add", "--all")
            git(*AUTHOR, "commit", "--quiet", "--allow-empty", f"--message={number}")
        if deed != "edit" and now not in held:
            held.append(now)
        if deed == "update":
            here.update(entry.memory.id, {}, f"text {number}")
        elif deed == "edit":
            entry.path.write_text(entry.path.read_text().replace(now, f"text {number}"))
        now = now if deed == "commit" else f"text {number}"

    assert texts(here.history(entry.memory.id)) == list(dict.fromkeys([now, *reversed(held)]))


def test_a_text_that_came_back_is_told_each_time(world: World, git: Git) -> None:
    """Two commits of the same text, with another one between them, are two versions."""
    path = git.put(".memory/a.md", "---\nid: abc\n---\none\n")
    for text in ("one", "two", "one"):
        path.write_text(f"---\nid: abc\n---\n{text}\n")
        committed(git, text)
    here = world.open()
    here.update("abc", {}, "three")

    told = here.history("abc")

    assert (texts(told), subjects(told)) == (["three", "one", "two", "one"], ["", "one", "two", "one"])


def test_a_history_has_as_many_versions_as_are_asked_for(world: World, git: Git) -> None:
    """The newest; and it says that there are more."""
    path = git.put(".memory/a.md", "---\nid: abc\n---\n0\n")
    for number in range(5):
        path.write_text(f"---\nid: abc\n---\n{number}\n")
        committed(git, str(number))
    here = world.open()

    told = here.history("abc", 3)

    assert (texts(told), told.more) == (["4", "3", "2"], True)
    assert told.versions[-1].change
    assert not here.history("abc", 5).more
    assert "The newest 3; -n shows more." in memfs(world, "history", "abc", "-n", "3").out
    for limit in (0, 1_001):
        with pytest.raises(Invalid, match="1 to 1,000"):
            here.history("abc", limit)


def test_a_text_that_was_made_by_a_merge_is_a_version(world: World, git: Git) -> None:
    """What neither side had came about in the merge."""
    path = git.put(".memory/a.md", f"---\nid: abc\n---\n{LONG}")
    committed(git, "base")
    git("switch", "--quiet", "--create", "side")
    path.write_text(path.read_text().replace("line 1\n", "line one\n"))
    committed(git, "side")
    git("switch", "--quiet", "main")
    path.write_text(path.read_text().replace("line 11", "line eleven"))
    committed(git, "main")
    git(*AUTHOR, "merge", "--quiet", "--message=both", "side")

    told = world.open().history("abc")

    assert subjects(told)[0] == "both"
    assert set(subjects(told)) == {"both", "side", "main", "base"}
    assert told.committed


def at(git: Git, second: int) -> Git:
    """Return the same user at another time."""
    return Git(git.folder, {**git.environ, "GIT_COMMITTER_DATE": f"{1_790_000_000 + second} +0000"})


def test_each_line_of_a_merge_is_by_who_wrote_it(world: World, git: Git) -> None:
    """And not by who merged; nor is what one side left alone by the other, which comes behind it in time."""
    path = git.put(".memory/a.md", f"---\nid: abc\n---\n{LONG}")
    committed(at(git, 0), "base", "Eve")
    git("switch", "--quiet", "--create", "side")
    path.write_text(path.read_text().replace("line 1\n", "line one\n"))
    committed(at(git, 1), "side", "Bob")
    git("switch", "--quiet", "main")
    path.write_text(path.read_text().replace("line 9\n", "line nine\n"))
    committed(at(git, 2), "main", "Ada")
    git("switch", "--quiet", "side")
    git(*AUTHOR, "merge", "--quiet", "--no-commit", "main")
    path.write_text(path.read_text().replace("line 5\n", "line five\n"))
    committed(at(git, 3), "both", "Dan")
    path.write_text(path.read_text() + "by hand\n")

    told = world.open().history("abc")

    lines = {line: version.commit and version.commit.author for line, version in comparing.blame(told)}
    path.write_text(path.read_text().removesuffix("by hand\n"))
    before = world.open().history("abc").before()
    assert before.commit
    assert before.commit.author == "Bob"
    asked = ("line 0", "line one", "line five", "line nine", "by hand")
    assert [lines[line] for line in asked] == ["Eve", "Bob", "Dan", "Ada", None]


def test_what_another_did_under_a_former_name_is_told(world: World, git: Git) -> None:
    """Ada renames, Bob meanwhile edits what it was; another memory that has the name since is not taken for it."""
    path = git.put(".memory/old.md", f"---\nid: abc\n---\n{LONG}")
    committed(at(git, 0), "base")
    git("switch", "--quiet", "--create", "side")
    path.write_text(path.read_text().replace("line 1\n", "line one\n"))
    committed(at(git, 2), "edited", "Bob")
    git("switch", "--quiet", "main")
    path.rename(path.with_name("new.md"))
    committed(at(git, 1), "renamed")
    git(*AUTHOR, "merge", "--quiet", "--message=both", "side")
    git.put(".memory/old.md", f"---\nid: xyz\n---\n{LONG}another\n")
    committed(git, "another")
    path.unlink()
    committed(git, "gone")

    told = world.open().history("abc")

    assert (subjects(told), told.committed, told.notes) == (["both", "edited", "renamed", "base"], True, ())
    [origin] = [version for line, version in comparing.blame(told) if line == "line one"]
    assert (origin.commit and origin.commit.author, origin.path) == ("Bob", "old.md")


@pytest.mark.parametrize("other", ["removed", "changed"])
def test_what_a_merge_left_as_one_side_had_it_is_committed(world: World, git: Git, other: str) -> None:
    """Though the other side's commit, which came to nothing, is the newest."""
    path = git.put(".memory/a.md", f"---\nid: abc\n---\n{LONG}")
    base = committed(at(git, 0), "base")
    git("switch", "--quiet", "--create", "side")
    path.write_text(path.read_text() + "Bob's\n")
    committed(at(git, 1), "kept", "Bob")
    git("switch", "--quiet", "main")
    path.unlink() if other == "removed" else path.write_text(path.read_text() + "Ada's\n")
    committed(at(git, 2), other)
    git("merge", "--quiet", "side", fine=(1,))
    git("checkout", "--quiet", "--theirs", ".memory/a.md")
    committed(at(git, 3), "both")

    told = world.open().history("abc")

    assert told.committed
    assert subjects(told) == (["kept", "base"] if other == "removed" else ["kept", "changed", "base"])
    assert {version.commit and version.commit.author for line, version in comparing.blame(told) if line == "Bob's"} == {
        "Bob"
    }
    assert told.before().commit == told.named(base).commit
    path.write_text(f"---\nid: abc\n---\n{LONG}by hand\n")
    assert world.open().history("abc").before().commit == told.versions[0].commit


def test_what_was_changed_and_changed_back_is_committed(world: World, git: Git) -> None:
    """It is what the last commit has, by whichever way it came to be that again."""
    here = world.open()
    entry = here.save("one", {"title": "T"}).entry
    committed(git, "one")
    here.update(entry.memory.id, {}, "two")
    here.update(entry.memory.id, {}, "one")

    told = here.history(entry.memory.id)

    assert (texts(told), told.committed) == (["one", "two", "one"], True)


# ---- renames and moves


def test_a_rename_is_followed_committed_or_not(world: World, git: Git) -> None:
    """By git's own reckoning, and by the id where git knows nothing of it yet."""
    path = git.put(".memory/old.md", f"---\nid: abc\n---\n{LONG}")
    committed(git, "as old")
    git("mv", ".memory/old.md", ".memory/new.md")
    committed(git, "renamed")
    here = world.open()
    assert [version.path for version in here.history("abc").versions] == ["new.md", "old.md"]

    path.with_name("new.md").rename(path.with_name("newest.md"))
    told = here.history("abc")

    assert [version.path for version in told.versions] == ["newest.md", "new.md", "old.md"]
    assert (subjects(told), told.committed) == (["", "renamed", "as old"], False)
    assert "was old.md" in memfs(world, "history", "abc").out


def test_a_rename_by_hand_is_no_deed_of_memfs(world: World, git: Git) -> None:
    """Committed or not; what memfs did before it stays told, and each line is still by whoever wrote it."""
    saved = world.open().save("one", {"title": "T"}).entry
    saved.path.rename(saved.path.with_name("new.md"))

    [version] = as_json(world, "history", saved.memory.id)["versions"]

    assert ("verb" in version, version["after"]["verb"]) == (False, "save")
    assert "by an editor, git or another program, after save" in memfs(world, "history", saved.memory.id).out
    assert {version.made and version.made.verb for _, version in comparing.blame(world.open().history("T"))} == {"save"}
    saved.path.with_name("new.md").rename(saved.path)
    committed(git, "saved")
    saved.path.rename(saved.path.with_name("new.md"))
    committed(git, "renamed")
    shown = memfs(world, "history", saved.memory.id).out
    assert re.findall(r"Ada: (.*?)  ", shown) == ["renamed", "saved (save)"]


def test_another_memory_is_not_taken_for_an_earlier_one(world: World, git: Git) -> None:
    """One that is removed in the commit that adds a likeness of it has another id."""
    path = git.put(".memory/a.md", f"---\nid: abc\n---\n{LONG}")
    committed(git, "abc")
    path.unlink()
    git.put(".memory/b.md", f"---\nid: xyz\n---\n{LONG}")
    committed(git, "xyz")

    assert subjects(world.open().history("xyz")) == ["xyz"]


@pytest.mark.parametrize("is_repository", [True, False])
def test_a_move_between_scopes_is_followed(world: World, git: Git, *, is_repository: bool) -> None:
    """Into the repository around the global store, if there is one, and back into the project's."""
    here = world.open(mode="hybrid")
    saved = here.save("one", {"title": "T"}).entry
    committed(git, "in the project")
    moved = here.move(saved.memory.id, "global").entry
    committed(git, "gone from the project")
    if is_repository:
        home = git.at(world.home)
        home("init", "--quiet", "--initial-branch=main")
        committed(home, "shared")
    here.update(saved.memory.id, {}, "two")

    told = here.history(saved.memory.id)

    assert texts(told) == ["two", "one", "one"]
    assert subjects(told) == ["", "shared" if is_repository else "", "in the project"]
    assert verbs(told) == ["update", "move", "save"]
    assert [version.store.scope for version in told.versions] == ["global", "global", "workspace"]
    shown = memfs(world, "history", saved.memory.id, "--mode", "hybrid").out
    assert "from workspace" in shown
    done = here.restore(saved.memory.id, told.versions[-1].name)
    assert (done.entry.path, done.entry.memory.body) == (moved.path, "one")


def test_what_another_project_did_before_it_shared_is_its_own(world: World, git: Git) -> None:
    """Of a memory that was moved to the global store, another project is told what it was there."""
    here = world.open(mode="hybrid")
    saved = here.save("secret draft", {"title": "T"}).entry
    committed(git, "a secret subject")
    here.update(saved.memory.id, {}, "said")
    here.move(saved.memory.id, "global")

    told = world.open(world.folder("other"), mode="hybrid").history(saved.memory.id)

    assert texts(told) == ["said"]
    assert subjects(told) == [""]


# ---- where git cannot tell


def test_without_git_the_journal_still_tells(world: World, git: Git) -> None:
    """A note says what is missing; nothing fails."""
    here = world.open()
    saved = here.save("one", {"title": "T"}).entry
    committed(git, "one")
    here.update(saved.memory.id, {}, "two")
    empty = world.root / "empty"
    empty.mkdir()

    answer = memfs(world, "history", saved.memory.id, "--json", environ={"PATH": str(empty)}).json

    assert [version.get("verb") for version in answer["versions"]] == ["update", "save"]
    assert len(answer["notes"]) == 1
    assert "git cannot be started ([Errno 2] No such file or directory: 'git'); install it" in answer["notes"][0]
    assert memfs(world, "restore", saved.memory.id, environ={"PATH": str(empty)}).code == 0
    assert memfs(world, "history", "nothing", environ={"PATH": str(empty)}).code == 3


@pytest.mark.parametrize("what", ["none", "unborn", "bare", "broken"])
def test_where_there_is_no_commit_the_journal_tells(world: World, what: str) -> None:
    """No repository, one without a commit, one that git does not open."""
    if what != "none":
        git = begun(world)
        if what == "bare":
            git("config", "core.bare", "true")
        elif what == "broken":
            (git.folder / ".git/config").write_text("[core\n")
    here = world.open()
    saved = here.save("one", {"title": "T"}).entry
    here.update(saved.memory.id, {}, "two")

    told = here.history(saved.memory.id)

    assert (texts(told), verbs(told)) == (["two", "one"], ["update", "save"])
    assert len(told.notes) == (1 if what in ("bare", "broken") else 0)


def test_of_a_shallow_clone_there_is_what_it_has(world: World, git: Git) -> None:
    """The note says how to get the rest."""
    path = git.put(".memory/a.md", "---\nid: abc\n---\n0\n")
    for number in range(3):
        path.write_text(f"---\nid: abc\n---\n{number}\n")
        committed(git, str(number))
    git("clone", "--quiet", "--depth=2", f"file://{git.folder}", str(world.root / "clone"))

    told = world.open(world.root / "clone").history("abc")

    assert texts(told) == ["2", "1"]
    assert [note for note in told.notes if "git fetch --unshallow" in note] == list(told.notes)
    assert told.notes


def test_of_a_partial_clone_nothing_is_fetched(world: World, git: Git) -> None:
    """What it has is told, and where the rest is; no connection is made for it."""
    path = git.put(".memory/a.md", "---\nid: abc\n---\n0\n")
    for number in range(3):
        path.write_text(f"---\nid: abc\n---\n{number}\n")
        committed(git, str(number))
    git("config", "uploadpack.allowFilter", "true")
    clone = world.root / "clone"
    git("clone", "--quiet", "--filter=blob:none", f"file://{git.folder}", str(clone))
    before = files_below(clone / ".git/objects")

    told = world.open(clone).history("abc")

    assert texts(told) == ["2"]
    assert told.committed
    assert any("git log -p -- .memory/a.md" in note for note in told.notes)
    assert files_below(clone / ".git/objects") == before


def test_nothing_that_a_repository_names_is_run(world: World, git: Git) -> None:
    """No driver, converter, pager, monitor or verifier; and no setting of it hides a commit."""
    ran = world.root / "ran"
    script = world.root / "canary.sh"
    script.write_text(f'#!/bin/sh\necho "$0 $*" >>"{ran}"\ncat\n')
    script.chmod(0o755)
    git.put(".gitattributes", "*.md diff=evil filter=evil merge=evil\n")
    path = git.put(".memory/a.md", f"---\nid: abc\n---\n{LONG}")
    committed(git, "first")
    path.rename(path.with_name("b.md"))
    committed(git, "second")
    path.with_name("b.md").write_text(f"---\nid: abc\n---\n{LONG}more\n")
    commit = git("cat-file", "-p", git(*AUTHOR, "commit-tree", "-m", "third", "-p", "HEAD", _tree(git)))
    head, _, message = commit.partition("\n\n")
    signed = f"{head}\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----\n\n{message}\n"
    name = git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", feed=signed)
    git("update-ref", "HEAD", name)
    for key in (
        "diff.external", "diff.evil.command", "diff.evil.textconv", "filter.evil.clean", "filter.evil.smudge",
        "filter.evil.process", "gpg.program", "core.pager", "pager.log", "core.fsmonitor", "core.editor",
        "core.sshCommand", "interactive.diffFilter", "alias.log",
    ):  # fmt: skip
        git("config", key, f"!{script}" if key == "alias.log" else str(script))
    for key, value in (
        ("log.showSignature", "true"), ("log.showRoot", "false"), ("log.follow", "false"), ("diff.renames", "false"),
        ("color.ui", "always"), ("log.decorate", "full"), ("format.pretty", "oneline"), ("log.diffMerges", "off"),
        ("i18n.logOutputEncoding", "utf-16"), ("diff.orderFile", str(script)),
    ):  # fmt: skip
        git("config", key, value)

    here = world.open()
    told = here.history("abc")

    assert subjects(told) == ["third", "second", "first"]
    assert told.notes == ()
    here.restore("abc", told.versions[-1].name)
    path.with_name("b.md").unlink()
    shutil.rmtree(world.state)
    assert here.restore("abc").entry.path.name == "b.md"
    assert not ran.exists(), ran.read_text()


def _tree(git: Git) -> str:
    git("add", "--all")
    return git("write-tree")


def test_what_a_commit_says_steers_no_terminal(world: World, git: Git) -> None:
    """Names, subjects and file names of strangers are shown with their escapes visible."""
    evil = "\x1b]0;owned\x07 \u202e evil"
    path = git.put(f".memory/{evil}.md", f"---\nid: abc\n---\n{evil}\n")
    committed(git, evil, f"A{evil}")
    path.write_text(f"---\nid: abc\nevil: 1\n---\n{evil} more\n")
    committed(git, evil, f"A{evil}")

    for command in (("history", "abc"), ("diff", "abc"), ("blame", "abc")):
        for options in ((), ("--json",)):
            answer = memfs(world, *command, *options)
            assert answer.code == 0, answer.err
            assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", answer.out)
            assert "evil" in answer.out


# ---- bringing back


def test_a_commits_text_comes_back_as_a_new_version(world: World, git: Git) -> None:
    """The id and the keys of then; what was there is kept, git is as it was, and undo takes it back."""
    here = world.open()
    saved = here.save("one", {"title": "T"}).entry
    first = committed(git, "one")
    saved.path.write_bytes(saved.path.read_bytes().replace(b"one", b"two"))
    committed(git, "two")
    state = git.state()
    shutil.rmtree(world.state / "undo")

    done = here.restore(saved.memory.id, first[:7])

    assert (done.entry.file.raw, done.notes) == (saved.file.raw, ())
    assert git.state()[:3] == state[:3]
    assert texts(here.history(saved.memory.id)) == ["one", "two", "one"]
    again = here.restore(saved.memory.id, first)
    assert again.notes == ("Nothing changed: it says that already.",)
    here.undo()
    assert saved.path.read_bytes() == saved.file.raw.replace(b"one", b"two")


def test_without_a_version_the_last_other_text_comes_back(world: World, git: Git) -> None:
    """Be it that of a commit, of which the journal knows nothing."""
    path = git.put(".memory/a.md", "---\nid: abc\n---\none\n")
    committed(git, "one")
    path.write_text("---\nid: abc\n---\ntwo\n")

    assert world.open().restore("abc").entry.memory.body == "one"
    assert path.read_text().endswith("one\n")


def test_what_came_before_a_rename_is_the_last_other_text(world: World, git: Git) -> None:
    """The commit of a rename alone is made of the same text; a draft that was never committed is farther back."""
    here = world.open()
    saved = here.save("a draft, never committed", {"title": "T"}).entry
    for body in ("one", "two", "three"):
        here.update(saved.memory.id, {}, body)
        committed(git, body)
    name = saved.memory.path
    git("mv", f".memory/{name}", ".memory/new.md")
    committed(git, "renamed")

    told = here.history(saved.memory.id)

    assert told.before().raw == saved.file.raw.replace(b"a draft, never committed", b"two")
    assert (told.named("HEAD").path, told.named("HEAD~1").path) == ("new.md", name)
    assert told.named("HEAD~1").name == git("rev-parse", "HEAD~1")


def test_an_id_stays_through_what_was_before_it_was_written(world: World, git: Git) -> None:
    """The text of a plain file comes back under the id that it was given since."""
    git.put(".memory/plain.md", "plain words\n")
    first = committed(git, "plain")
    here = world.open()
    entry = here.update("plain.md", {"importance": "8"}, "other words").entry

    restored = here.restore(entry.memory.id, first).entry

    assert (restored.memory.id, restored.memory.body) == (entry.memory.id, "plain words")


@pytest.mark.parametrize("name", ["0", "now", "zzzz", "HEAD~9", "", "ffffffff", "--all", "0" * 24])
def test_a_version_that_there_is_not_is_not_found(world: World, git: Git, name: str) -> None:
    """Too short, unknown, or a name that is not of a version; the sentence lists some that are."""
    here = world.open()
    saved = here.save("one", {"title": "T"}).entry
    first = committed(git, "one")
    if name == "now":
        here.forget(saved.memory.id)

    with pytest.raises(NoVersion) as raised:
        comparing.difference(here.history(saved.memory.id), name)

    assert not name or first[:10] in str(raised.value)
    answer = memfs(world, "diff", saved.memory.id, "--", name)
    assert answer.code == 3
    assert answer.sentence == str(raised.value)


@pytest.mark.parametrize("reference", ["id", "beginning", "title", "path"])
@pytest.mark.parametrize("is_committed", [True, False], ids=["removal committed", "removed by hand"])
def test_what_only_git_knows_comes_back(world: World, git: Git, reference: str, *, is_committed: bool) -> None:
    """A memory that is gone, and older than the journal or never seen by it: by whatever is known of it."""
    text = "---\nid: ABCDEF0123\ntitle: Long gone\n---\nmine\n"
    path = git.put(".memory/sub/gone.md", text)
    git.put(".memory/other.md", "---\nid: other\ntitle: Another\n---\nmine, too\n")
    git.put("elsewhere.md", text.replace("ABCDEF", "outside"))
    committed(git, "both")
    path.unlink()
    (git.folder / "elsewhere.md").unlink()
    if is_committed:
        committed(git, "tidied up", "Eve")
    here = world.open()
    known = {"id": "ABCDEF0123", "beginning": "abcdef", "title": "long gone", "path": "sub/gone.md"}[reference]

    told = here.history(known)
    assert (told.present, texts(told)) == (None, ["mine"])
    assert any("removed from git by the commit" in note for note in told.notes) == is_committed
    entry = here.restore(known).entry

    assert (entry.path, path.read_text()) == (path, text)
    assert here.get("ABCDEF0123").memory.title == "Long gone"
    with pytest.raises(NotFound):
        here.history("outside0123")


def test_a_title_of_two_that_git_knows_is_ambiguous(world: World, git: Git) -> None:
    """Neither comes back by guess; and what lies elsewhere by now is not made twice."""
    for name in ("a", "b", "c"):
        git.put(f".memory/{name}.md", f"---\nid: id-{name}\ntitle: {'Same' if name != 'c' else 'C'}\n---\nx {name}\n")
    committed(git, "all")
    store = git.folder / ".memory"
    (store / "a.md").unlink()
    (store / "b.md").unlink()
    (store / "c.md").rename(store / "moved.md")
    here = world.open()

    with pytest.raises(Ambiguous) as raised:
        here.restore("Same")
    told = here.history("c.md")

    assert raised.value.candidates == ("id-a  Same", "id-b  Same")
    assert told.present
    assert told.present.memory.path == "moved.md"


def test_a_memory_of_which_nothing_is_left_is_not_found(world: World) -> None:
    """It was saved, and its file removed by hand: nobody kept what it said."""
    here = world.open()
    saved = here.save("one", {"title": "T"}).entry
    saved.path.unlink()

    for ask in (here.history, here.restore):
        with pytest.raises(NotFound, match="nothing to bring back"):
            ask(saved.memory.id)


def test_a_strangers_text_stays_marked_and_never_passes_for_ones_own(world: World, git: Git) -> None:
    """In the project it comes back as what it is; into the global store it does not come back."""
    git.put(".memory/b.md", "another\n")
    path = git.put(".memory/a.md", "---\nid: abc\n---\na stranger's\n")
    stranger = committed(git, "a stranger's")
    shutil.rmtree(world.state)
    here = world.open(mode="hybrid")
    mine = here.update("abc", {}, "mine").entry
    assert [version.trusted for version in here.history("abc").versions] == [False, False]
    memfs(world, "trust")
    here = world.open(mode="hybrid")
    here.move("abc", "global")

    told = here.history("abc")
    with pytest.raises(Refused, match="pass for your own"):
        here.restore("abc", stranger)

    assert [version.trusted for version in told.versions] == [True, True, False]
    assert here.get("abc").file.raw == mine.file.raw
    here.move("abc", "workspace")
    assert here.restore("abc", stranger).entry.trusted is False
    assert path.read_text().endswith("a stranger's\n")


def test_a_restore_that_expects_something_else_is_refused(world: World) -> None:
    """An edit that the caller has not seen is not replaced."""
    here = world.open()
    saved = here.save("one", {"title": "T"}).entry
    new = here.update(saved.memory.id, {}, "two").entry

    with pytest.raises(Changed):
        here.restore(saved.memory.id, expect=saved.file.digest)

    done = here.restore(saved.memory.id, expect=new.file.digest)
    assert done.entry.memory.body == "one"
    first = here.history(saved.memory.id).versions[-1].short
    assert done.notes == (f"It says what version {first} said; `memfs history` lists them all.",)


# ---- what differs


def test_a_difference_is_a_unified_diff(world: World, git: Git) -> None:
    """By the last change, since a version, or between two; with the file's own line ends and its last one."""
    path = git.put(".memory/a.md", "---\nid: abc\n---\none \ntwo\n")
    first = committed(git, "first")
    path.write_bytes(b"---\r\nid: abc\r\n---\r\none\r\ntwo")
    second = committed(git, "second")
    path.write_bytes(b"---\nid: abc\n---\none\ntwo")

    last, since, between = (
        memfs(world, "diff", "abc", *names).out for names in ((), (first[:8],), (first, second[:4]))
    )

    body = "@@ -1,5 +1,5 @@\n ---\n id: abc\n ---\n-one \n-two\n+one\n+two\n\\ No newline at end of file\n"
    assert since == f"--- a.md\t{first[:10]}\n+++ a.md\tnow\n{body}"
    assert between == f"--- a.md\t{first[:10]}\n+++ a.md\t{second[:10]}\n{body}"
    assert last == f"{second[:10]} and now differ only in how their lines end.\n"
    assert memfs(world, "diff", "abc", "now", "now").out == "now and now say the same.\n"
    answer = as_json(world, "diff", "abc", first)
    assert (answer["diff"], answer["from"]["commit"], answer["to"]["version"]) == (since, first, "now")


def test_each_line_has_the_commit_that_it_came_with(world: World, git: Git) -> None:
    """And is not committed, if it is not; of what was never in git memfs says what it did."""
    here = world.open()
    entry = here.save("one\ntwo", {"title": "T"}).entry
    first = committed(git, "first", "Bob")
    here.update(entry.memory.id, {}, "one\nin between\ntwo")
    here.update(entry.memory.id, {}, "one\nin between\ntwo\nthree")
    second = committed(git, "second")
    entry.path.write_text(entry.path.read_text() + "four\n")

    lines = {each["text"]: each for each in as_json(world, "blame", entry.memory.id)["lines"]}

    assert [lines[text]["version"] for text in ("one", "two", "in between", "three", "four")] == [
        first, first, second, second, "now",
    ]  # fmt: skip
    assert (lines["one"]["author"], lines["one"]["line"]) == (
        "Bob",
        entry.file.raw.decode().split("\n").index("one") + 1,
    )
    shown = memfs(world, "blame", entry.memory.id).out
    assert re.search(rf"^{first[:10]} +Bob +[-\d: ]+  two$", shown, re.MULTILINE)
    assert re.search(r"^not committed +- +[-\d: ]+  four$", shown, re.MULTILINE)
    shutil.rmtree(git.folder / ".git")
    shown = memfs(world, "blame", entry.memory.id).out
    assert re.search(r"^update +memfs +[-\d: ]+  in between$", shown, re.MULTILINE)


def test_nothing_is_brought_back_beside_a_file_in_conflict(world: World) -> None:
    """With markers in its header it may have the id: that would stand twice once they are gone."""
    world.trusted()
    here = world.open()
    saved = here.save("one", {"title": "T"}).entry
    here.update(saved.memory.id, {}, "two")
    saved.path.write_text(f"---\n<<<<<<< ours\nid: {saved.memory.id}\n=======\n---\none\n>>>>>>> theirs\n")
    before = files_below(saved.path.parent)

    with pytest.raises(Unwritable, match=saved.path.name):
        here.restore(saved.memory.id)

    assert files_below(saved.path.parent) == before


def test_a_version_may_be_named_as_git_names_it(world: World, git: Git) -> None:
    """Any commit, branch or tag: what the memory was there; another memory that lay there then is none of it."""
    path = git.put(".memory/a.md", f"---\nid: xyz\n---\n{LONG}")
    committed(git, "another")
    git("tag", "before")
    path.write_text("---\nid: abc\n---\none\n")
    first = committed(git, "one")
    git.put("code.py", "1\n")
    committed(git, "code")
    path.write_text("---\nid: abc\n---\ntwo\n")
    committed(git, "two")
    git("switch", "--quiet", "--create", "side", first)
    path.write_text("---\nid: abc\n---\nside\n")
    committed(git, "aside", "Bob")
    git("switch", "--quiet", "main")
    here = world.open()

    told = here.history("abc")

    assert (told.named("HEAD~1").name, told.named("HEAD").name) == (first, told.versions[0].name)
    aside = told.named("side")
    assert (aside.raw[-5:], aside.commit and aside.commit.author) == (b"side\n", "Bob")
    for name in ("before", "nosuch", "HEAD~1..HEAD", "a\0b", "-x"):
        with pytest.raises(NoVersion):
            told.named(name)
    assert "+side" in comparing.difference(told, "HEAD~1", "side").lines
    assert here.restore("abc", "side").entry.memory.body == "side"


def test_a_name_that_is_nearly_one_is_told_the_near_ones(world: World) -> None:
    """As by every other command."""
    world.trusted()
    world.open().save("one", {"title": "Database of the shop"})

    with pytest.raises(NotFound, match=r"Did you mean .*Database of the shop"):
        world.open().history("Databse of the shop")


def test_people_who_come_from_other_tools_are_told_the_names(world: World) -> None:
    """`log`, `rollback` and `revert` are the words of others."""
    for word, ours in {"log": "history", "rollback": "restore", "revert": "restore"}.items():
        assert f"Did you mean {ours}?" in memfs(world, word, "abc").sentence


# ---- over MCP


def test_an_agent_is_told_the_same_as_a_person(world: World, git: Git) -> None:
    """Names, order, times and what changed are those of `memfs history`; the content is there, too."""
    here = world.open()
    saved = here.save("one", {"title": "T"}).entry
    committed(git, "first")
    here.update(saved.memory.id, {"tags": ["x"]}, "two")

    with connected(world) as agent:
        told = agent.call("get_memory_history", memory_id=saved.memory.id[:20])
        typed = as_json(world, "history", saved.memory.id)
        assert "did you mean memory_id?" in agent.refused("get_memory_history", memory="x")

    for said, ours in zip(told["versions"], typed["versions"], strict=True):
        assert (said["version_id"], said["created_at"], said["changed"]) == (
            ours["version"], ours["at"], ours["changed"],
        )  # fmt: skip
    assert [version["content"] for version in told["versions"]] == ["two", "one"]
    assert [version["change_reason"] for version in told["versions"]] == ["update", "Ada: first (save)"]
    assert [version["tags"] for version in told["versions"]] == [["x"], []]
    assert (told["total_versions"], told["committed"], told["memory_id"]) == (2, False, saved.memory.id)


def test_an_agent_brings_a_version_back(world: World, git: Git) -> None:
    """By its name; a deleted memory, too; what was there stays a version; a second time changes nothing."""
    here = world.open()
    saved = here.save("one", {"title": "T", "category": "c"}).entry
    first = committed(git, "first")
    here.update(saved.memory.id, {"category": None}, "two")

    with connected(world) as agent:
        for _ in range(2):
            done = agent.call("rollback_memory", memory_id=saved.memory.id, version_id=first)
            assert (done["memory"]["content"], done["memory"]["category"]) == ("one", "c")
        contents = [each["content"] for each in agent.call("get_memory_history", memory_id="T")["versions"]]
        agent.call("update_memory", memory_id="T", content="three")
        agent.call("delete_memory", memory_id="T")
        back = agent.call("rollback_memory", memory_id=saved.memory.id, version_id=first[:8])
        sentence = agent.refused("rollback_memory", memory_id=saved.memory.id, version_id="nosuch")

    assert contents == ["one", "two", "one"]
    assert back["memory"]["content"] == "one"
    assert saved.path.read_bytes() == saved.file.raw
    assert sentence.startswith(f"{saved.memory.id} has no version, or more than one, that begins with 'nosuch';")


def test_an_agent_replaces_nothing_that_it_has_not_seen(world: World) -> None:
    """What a person typed since the agent read the memory is not rolled back over."""
    here = world.open()
    saved = here.save("one", {"title": "T"}).entry
    here.update(saved.memory.id, {}, "two")

    with connected(world) as agent:
        versions = agent.call("get_memory_history", memory_id="T")["versions"]
        saved.path.write_bytes(saved.path.read_bytes() + b"typed by hand\n")
        sentence = agent.refused("rollback_memory", memory_id="T", version_id=versions[1]["version_id"])

    assert "changed since it was read" in sentence
    assert b"typed by hand" in saved.path.read_bytes()


def test_a_long_history_fits_into_an_answer(world: World) -> None:
    """Texts are cut, and marked so; what does not fit is counted; a stranger's stay marked."""
    path = world.folder() / ".memory/a.md"
    path.write_text("---\nid: abc\n---\n" + "a stranger's " * 5_000)
    here = world.open()
    for number in range(40):
        here.update("abc", {}, f"{number} " + "lorem ipsum " * 5_000)

    with connected(world) as agent:
        result = agent.result("get_memory_history", {"memory_id": "abc"})

    answer = result.structured_content
    assert answer is not None
    assert len(str(answer)) < 30_000
    assert answer["total_versions"] == 41
    assert all(version["truncated"] for version in answer["versions"])
    assert answer["versions"][-1]["trusted"] is False


def test_a_stranger_is_told_as_one(world: World, git: Git) -> None:
    """A memory that came with a clone is untrusted in each of its versions, and in what is brought back of it."""
    path = git.put(".memory/a.md", "---\nid: abc\n---\none\n")
    first = committed(git, "first")
    path.write_text("---\nid: abc\n---\ntwo\n")
    committed(git, "second")
    shutil.rmtree(world.state)

    with connected(world) as agent:
        told = agent.call("get_memory_history", memory_id="abc")
        back = agent.call("rollback_memory", memory_id="abc", version_id=first)

    assert [version["trusted"] for version in told["versions"]] == [False, False]
    assert back["memory"]["trusted"] is False


def test_a_linked_work_tree_has_the_history_of_its_branch(world: World, git: Git) -> None:
    """The same repository, another HEAD; a store that lies deeper in it, too."""
    path = git.put("deep/er/.memory/a.md", "---\nid: abc\n---\none\n")
    committed(git, "one")
    linked = world.root / "linked"
    git("worktree", "add", "--quiet", "-b", "other", str(linked))
    path.write_text("---\nid: abc\n---\ntwo\n")
    committed(git, "two")

    here, there = (world.open(folder / "deep/er") for folder in (git.folder, linked))

    assert (subjects(here.history("abc")), subjects(there.history("abc"))) == (["two", "one"], ["one"])
    assert [version.path for version in there.history("abc").versions] == ["a.md"]


def test_the_heart_of_memfs_loads_none_of_it(world: World) -> None:
    """Neither git nor the rooms of history are read by a search, a look-up or a save."""
    script = (
        "import sys; from pathlib import Path; from memfs.workspace import Workspace\n"
        "here = Workspace.open(Path(sys.argv[1])); here.get(here.save('x', {'title': 'T'}).entry.memory.id)\n"
        "here.search('x'); print([name for name in sys.modules if name in ('git', 'memfs.history', 'memfs.commits')])"
    )

    assert world.run(script, world.folder()).strip() == "[]"
