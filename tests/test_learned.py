"""Who wrote a memory and when, as git has it: after a clone, an edit, a merge, a rename; and who never waits for it."""

from __future__ import annotations

import os
import random
import re
import shutil
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from datetime import datetime
from pathlib import Path

import pytest

from memfs import learned
from memfs.answers import LAST_SECOND
from memfs.answers import Entry
from memfs.faces import render
from memfs.faces.mcp.desk import Desk
from memfs.index import Index
from memfs.query import parse
from memfs.scope import workspace_store
from memfs.workspace import Workspace
from tests.commands import as_json
from tests.commands import memfs
from tests.repositories import Git
from tests.repositories import begun
from tests.repositories import commit
from tests.repositories import user
from tests.worlds import World
from tests.worlds import within_deadline

FIRST, SECOND, THIRD = "2024-03-01T10:00:00Z", "2024-06-01T10:00:00Z", "2025-01-01T10:00:00Z"
HOSTILE = {
    "core.pager": "{run}", "core.fsmonitor": "{run}", "core.sshCommand": "{run}", "core.editor": "{run}",
    "core.hooksPath": "{hooks}", "diff.external": "{run}", "diff.evil.command": "{run}", "diff.evil.textconv": "{run}",
    "filter.evil.clean": "{run}", "filter.evil.smudge": "{run}", "filter.evil.process": "{run}",
    "gpg.program": "{run}", "gpg.ssh.program": "{run}", "log.showSignature": "true", "pager.log": "{run}",
    "interactive.diffFilter": "{run}", "credential.helper": "!{run}", "alias.log": "!{run}",
    "core.alternateRefsCommand": "{run}", "log.follow": "true", "log.showRoot": "false", "log.diffMerges": "off",
    "diff.renames": "copies", "diff.relative": "true", "diff.orderFile": "{pipe}", "mailmap.file": "{pipe}",
    "log.mailmap": "true", "log.decorate": "full", "color.ui": "always", "core.quotePath": "true", "log.date": "human",
    "format.pretty": "fuller", "i18n.logOutputEncoding": "UTF-16", "core.abbrev": "4", "notes.displayRef": "*",
}  # fmt: skip
"""What a repository may say of git's log: programs to run, pipes to wait for, other words to answer in."""


def at(when: str) -> datetime:
    """Return the time *when*."""
    return datetime.fromisoformat(when)


@pytest.fixture
def git(world: World) -> Git:
    """Return the workspace as a repository: `a.md` by Ada, changed by Grace; `b.md` by Grace."""
    git = begun(world)
    git.put(".memory/a.md", "# Alpha\nDeploy on Fridays.\n")
    commit(git, FIRST)
    git.put(".memory/a.md", "# Alpha\nNever deploy on Fridays.\n")
    git.put(".memory/b.md", "# Beta\nDeploy with care.\n")
    commit(git, SECOND, "Grace")
    return git


def cloned(world: World, git: Git, name: str = "clone", *options: str) -> Git:
    """Return a fresh clone of *git* as the workspace *name*."""
    Git(world.root, git.environ)("clone", "--quiet", *options, git.folder.as_uri(), name)
    return git.at(world.root / name)


def known(world: World, git: Git) -> Workspace:
    """Return the workspace of *git*, after it learned what there is to learn."""
    here = world.open(git.folder)
    assert list(learned.learn(here)) == []
    return here


def said(entry: Entry) -> tuple[str, datetime, datetime]:
    """Return author, created and updated of a memory."""
    return entry.author, entry.created, entry.updated


def order(here: Workspace, sort: str) -> list[str]:
    """Return the names of the files of a list, highest *sort* first."""
    return [entry.memory.path for entry in here.list(sort=sort).entries]


def found(here: Workspace, query: str) -> set[str]:
    """Return the names of the files that a search finds."""
    return {hit.entry.memory.path for hit in here.search(query).hits}


# ---- what is learned


def test_a_fresh_clone_has_the_times_and_authors_of_its_commits(world: World, git: Git) -> None:
    """Not those of the clone's files; with an index or before there is one."""
    indexed = cloned(world, git)
    assert order(world.open(indexed.folder), "created") != []

    for clone in (indexed, cloned(world, git, "another")):
        here = known(world, clone)
        assert said(here.get("a.md")) == ("Grace", at(FIRST), at(SECOND))
        assert said(here.get("b.md")) == ("Grace", at(SECOND), at(SECOND))
        assert order(here, "created") == ["b.md", "a.md"]
        assert found(here, "deploy created:<2024-04-01") == {"a.md"}
        assert found(here, "deploy updated:2024-06-01") == {"a.md", "b.md"}
        assert found(here, "deploy updated:>2024-06-01") == set()


def test_without_having_learned_the_times_are_the_files_own(world: World, git: Git) -> None:
    """The test above can fail."""
    here = world.open(cloned(world, git).folder)

    assert found(here, "deploy created:<2025") == set()
    assert here.get("a.md").author == ""


def test_a_list_by_last_change_goes_by_commits(world: World, git: Git) -> None:
    """Whatever order the clone wrote its files in."""
    git.put(".memory/c.md", "Gamma.\n")
    commit(git, THIRD)
    git.put(".memory/a.md", "# Alpha\nChanged last.\n")
    commit(git, "2025-02-01T10:00:00Z")
    clone = cloned(world, git)
    os.utime(clone.folder / ".memory/b.md", (4e9, 4e9))

    here = known(world, clone)

    assert order(here, "updated") == ["a.md", "c.md", "b.md"]
    assert order(here, "created") == ["c.md", "b.md", "a.md"]


def test_what_is_not_committed_is_as_old_as_its_file(world: World, git: Git) -> None:
    """An edit hides author and time of the last commit, not when the first was made; taken back, all is as before."""
    here = known(world, git)
    before = (git.folder / ".memory/a.md").read_bytes()
    path = git.put(".memory/a.md", "# Alpha\nEdited, not committed.\n")
    os.utime(path, (1_800_000_000, 1_800_000_000))
    git.put(".memory/new.md", "New.\n")

    assert said(here.get("a.md")) == ("", at(FIRST), datetime.fromtimestamp(1_800_000_000, UTC))
    assert found(here, "edited updated:>2026-12") == {"a.md"}
    assert found(here, "edited created:2024") == {"a.md"}
    assert here.get("new.md").learned is None

    path.write_bytes(before)
    assert said(here.get("a.md")) == ("Grace", at(FIRST), at(SECOND))
    assert found(here, "deploy updated:2024-06") == {"a.md", "b.md"}


def test_what_a_memory_says_itself_comes_first(world: World, git: Git) -> None:
    """Its own `created` and `updated`, each by itself."""
    git.put(".memory/created.md", "---\ncreated: 2020-01-01\n---\nOwn words.\n")
    git.put(".memory/updated.md", "---\nupdated: 2021-01-01\n---\nOwn words.\n")
    git.put(".memory/both.md", "---\ncreated: 2020-01-01\nupdated: 2021-01-01\n---\nOwn words.\n")
    commit(git, THIRD)
    here = world.open(git.folder)
    here.search("own")

    learned.learn(here)

    assert found(here, "own created:2020") == {"created.md", "both.md"}
    assert found(here, "own updated:2021") == {"updated.md", "both.md"}
    assert found(here, "own created:2025-01-01") == {"updated.md"}
    assert found(here, "own updated:2025-01-01") == {"created.md"}
    assert here.get("both.md").author == "Ada"


def test_what_a_merge_brings_back_has_the_author_that_it_had(world: World, git: Git) -> None:
    """Though all that was learned since is that it was gone."""
    first = git("rev-parse", "HEAD")
    (git.folder / ".memory/b.md").unlink()
    commit(git, THIRD)
    known(world, git)
    git("reset", "-q", "--hard", git("commit-tree", "-p", "HEAD", "-p", first, "-m", "back", f"{first}^{{tree}}"))

    assert said(known(world, git).get("b.md")) == ("Grace", at(SECOND), at(SECOND))


def test_a_rename_keeps_when_a_memory_was_made(world: World, git: Git) -> None:
    """One that changes no byte; also when it was learned of before."""
    known(world, git)
    git("mv", ".memory/a.md", ".memory/sub.md")
    commit(git, THIRD, "Mary")

    for clone in (git, cloned(world, git)):
        assert said(known(world, clone).get("sub.md")) == ("Mary", at(FIRST), at(THIRD))


def test_where_two_lines_of_work_met_the_text_that_is_there_counts(world: World, git: Git) -> None:
    """Not whatever was committed last: one side's, or what the merge itself made of both."""
    git("switch", "--quiet", "--create", "side", "HEAD~1")
    git.put(".memory/a.md", "# Alpha\nFrom the side.\n")
    git.put(".memory/side.md", "Only there.\n")
    commit(git, THIRD, "Mary")
    git("switch", "--quiet", "main")
    git.put(".memory/c.md", "Gamma.\n")
    commit(git, "2025-01-02T10:00:00Z", "Ada")
    git("merge", "--quiet", "--no-commit", "-X", "ours", "side")
    git.put(".memory/b.md", "# Beta\nOf the merge.\n")
    commit(git, "2025-01-03T10:00:00Z", "Zoë")

    here = known(world, git)

    assert said(here.get("a.md")) == ("Grace", at(FIRST), at(SECOND))
    assert said(here.get("side.md")) == ("Mary", at(THIRD), at(THIRD))
    assert said(here.get("b.md")) == ("Zoë", at(SECOND), at("2025-01-03T10:00:00Z"))


@pytest.mark.parametrize("options", [("--object-format=sha1",), ("--object-format=sha256",)])
@pytest.mark.parametrize("place", ["", "deep/er/"])
def test_each_kind_of_repository_is_understood(world: World, options: tuple[str, ...], place: str) -> None:
    """Names of either length; a project below the top, in a folder whose name looks like a pattern; odd names."""
    git = begun(world, "top", *options)
    odd = ("a b.md", "ü-日本.md", 'q"uote.md', "new\nline.md", "-dash.md", ":colon.md", "tab\t.md", "e\u0301.md")
    folder = f"{place}[a]*/.memory"
    for name in odd:
        git.put(f"{folder}/{name}", "Odd.\n")
    git.put(f"{place}a/.memory/other.md", "Another project.\n")
    commit(git, FIRST)

    here = known(world, git.at((git.folder / folder).parent))

    assert {entry.memory.path: said(entry) for entry in here.list().entries} == dict.fromkeys(
        odd, ("Ada", at(FIRST), at(FIRST))
    )


def test_a_store_that_is_a_repository_of_its_own(world: World) -> None:
    """Everything lies at its top."""
    store = world.home / "global"
    git = Git(store, user(world))
    git.put("g.md", "Global.\n")
    git("init", "--quiet")
    commit(git, FIRST)
    here = world.open(mode="global")

    assert list(learned.learn(here)) == []
    assert said(here.get("g.md")) == ("Ada", at(FIRST), at(FIRST))


def test_a_shallow_clone_claims_nobody_for_what_is_beyond_its_end(world: World, git: Git) -> None:
    """Its last commit seems to have made everything: that it was there by then is true, who wrote it is not known."""
    git.put(".memory/c.md", "Gamma.\n")
    commit(git, THIRD, "Mary")
    clone = cloned(world, git, "clone", "--depth=1")
    here = known(world, clone)
    assert said(here.get("a.md")) == ("", at(THIRD), at(THIRD))

    clone.put(".memory/c.md", "Gamma, changed.\n")
    commit(clone, "2025-02-01T10:00:00Z", "Zoë")
    assert said(known(world, clone).get("c.md")) == ("Zoë", at(THIRD), at("2025-02-01T10:00:00Z"))

    clone("fetch", "--quiet", "--unshallow")
    assert said(known(world, clone).get("a.md")) == ("Grace", at(FIRST), at(SECOND))


def test_a_clone_without_its_texts_is_learned_of_all_the_same(world: World, git: Git) -> None:
    """Only names are compared, so that nothing has to be fetched."""
    git("config", "uploadpack.allowFilter", "true")
    clone = cloned(world, git, "clone", "--filter=blob:none")
    shutil.rmtree(git.folder)

    assert said(known(world, clone).get("a.md")) == ("Grace", at(FIRST), at(SECOND))


def test_without_git_there_is_nothing_to_learn(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """No repository, none with a commit, no store; and a git that is not installed is a sentence."""
    here = world.open()
    here.save("Something.")
    assert list(learned.learn(here)) == []

    git = begun(world)
    assert list(learned.learn(here)) == []
    assert list(learned.learn(world.open(world.root / "nowhere"))) == []
    assert here.list().entries[0].learned is None

    commit(git, FIRST)
    monkeypatch.setenv("PATH", str(world.root))
    [note] = learned.learn(here)
    assert "git cannot be started" in note


# ---- what is new since the last time


@pytest.mark.parametrize("kinds", [("edit", "add", "remove", "rename", "other"), ("edit", "add", "merge")])
def test_learning_in_steps_comes_to_the_same_as_learning_at_once(world: World, kinds: tuple[str, ...]) -> None:
    """After every commit of a random history."""
    dice = random.Random(20_240_301)
    git = begun(world)
    store, names = workspace_store(git.folder), [f"{letter}.md" for letter in "abcdef"]
    git.put(".memory/a.md", "a\n")
    commit(git, FIRST)
    for step in range(30):
        grown(git, dice, dice.choice(kinds), names, step)

        known(world, git)

        again = World(world.root, {"MEMFS_CACHE": str(world.root / f"cache-{step}")})
        known(again, git)
        stepwise, whole = Index(world.cache).learned(store), Index(Path(again.extra["MEMFS_CACHE"])).learned(store)
        assert [name for name in names if stepwise.find(name)] == [
            name for name in names if f".memory/{name}" in git.files()
        ]
        assert [stepwise.find(name) for name in names] == [whole.find(name) for name in names], step


def grown(git: Git, dice: random.Random, kind: str, names: list[str], step: int) -> None:
    """Commit something of the *kind*."""
    there = sorted(path.name for path in (git.folder / ".memory").glob("*.md"))
    name, other = dice.choice(there), dice.choice(names)
    if kind == "rename" and other not in there:
        git("mv", f".memory/{name}", f".memory/{other}")
    elif kind == "remove" and len(there) > 1:
        git("rm", "--quiet", f".memory/{name}")
    elif kind == "merge":
        git("switch", "--quiet", "--create", f"side{step}", "HEAD~1" if step else "HEAD")
        git.put(f".memory/{other}", f"side {step}\n")
        commit(git, when(step), "Side")
        git("switch", "--quiet", "main")
        git("merge", "--quiet", "--no-ff", "-X", dice.choice(("ours", "theirs")), f"side{step}")
    elif kind == "other":
        git.put("elsewhere.txt", str(step))
    else:
        git.put(f".memory/{other if kind == 'add' else name}", f"{dice.randrange(5)}\n")
    commit(git, when(step), dice.choice(("Ada", "Grace", "Mary")))


def when(step: int) -> str:
    """Return a time, later for a higher *step*."""
    return f"2025-{1 + step // 28:02}-{1 + step % 28:02}T12:00:00Z"


def test_only_what_is_new_is_asked_for(world: World, git: Git) -> None:
    """Of a commit that is known nothing; after the next one, no more than that: the others could be gone from git."""
    here = known(world, git)
    trees = git("rev-list", "--objects", "--no-object-names", "--all", "--filter=tree:1").split()
    git.put(".memory/c.md", "Gamma.\n")
    commit(git, THIRD, "Mary")
    (git.folder / ".git/objects" / trees[-1][:2] / trees[-1][2:]).unlink()

    assert list(learned.learn(here)) == []
    assert said(here.get("c.md")) == ("Mary", at(THIRD), at(THIRD))
    assert said(here.get("a.md")) == ("Grace", at(FIRST), at(SECOND))


def test_a_history_that_was_written_anew_is_learned_anew(world: World, git: Git) -> None:
    """Amended, and gone back."""
    here = known(world, git)
    commit(git, THIRD, "Mary", "--amend", "--reset-author")
    assert said(known(world, git).get("b.md")) == ("Mary", at(THIRD), at(THIRD))

    git("reset", "--quiet", "--hard", "HEAD~1")
    known(world, git)
    assert said(here.get("a.md")) == ("Ada", at(FIRST), at(FIRST))
    assert order(here, "created") == ["a.md"]


def test_a_memory_that_git_has_no_longer_is_as_old_as_its_file(world: World, git: Git) -> None:
    """It is still there, and no part of the last commit."""
    here = known(world, git)
    os.utime(git.folder / ".memory/a.md", (1_800_000_000, 1_800_000_000))
    assert found(here, "deploy updated:2024") == {"a.md", "b.md"}
    git("rm", "--quiet", "--cached", ".memory/a.md")
    git("commit", "--quiet", "-m", "kept to myself")

    known(world, git)

    assert found(here, "deploy updated:2024") == {"b.md"}
    assert found(here, "deploy created:>2026-12") == {"a.md"}


# ---- a cache


def table(world: World, git: Git) -> Path:
    """Return the file that says what was learned of the workspace."""
    [path] = world.cache.glob(f"*/{workspace_store(git.folder).key}.learned")
    return path


@pytest.mark.parametrize(
    "damage",
    [
        Path.unlink,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(b"{}\n"),
        lambda path: path.write_bytes(b"[" * 100_000),
        lambda path: path.write_bytes(path.read_bytes().replace(b'"Ada"', b"17")),
        lambda path: path.write_bytes(path.read_bytes().replace(b'"authors": [', b'"authors": [], "x": [')),
    ],
)
def test_what_was_learned_may_be_lost_or_damaged(world: World, git: Git, damage: Callable[[Path], object]) -> None:
    """Searches go on, with or without it; nothing else is thrown away; it is learned once more."""
    here = known(world, git)
    here.search("deploy")
    sealed = (here.index.folder / "seal.json").stat().st_ino
    damage(table(world, git))

    again = world.open(git.folder)

    assert found(again, "deploy") == {"a.md", "b.md"}
    assert (here.index.folder / "seal.json").stat().st_ino == sealed
    commit(git, THIRD)
    assert said(known(world, git).get("a.md"))[1:] == (at(FIRST), at(SECOND))


def test_an_index_that_is_begun_anew_is_dated_by_what_is_learned_next(world: World, git: Git) -> None:
    """The cache is gone: the files' times hold until then."""
    known(world, git)
    shutil.rmtree(world.cache)
    here = world.open(git.folder)
    assert found(here, "deploy updated:2024") == set()

    learned.learn(here)

    assert found(here, "deploy updated:2024") == {"a.md", "b.md"}


def test_learning_that_was_cut_off_is_done_once_more(world: World, git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two of its commits: what was dated and what was not."""
    monkeypatch.setattr("memfs.index.DATED_AT_ONCE", 1)
    here = world.open(git.folder)
    here.search("deploy")
    pieces: list[None] = []

    def die() -> None:
        pieces.append(None)
        if len(pieces) > 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learned.learn(here, die)
    assert len(found(here, "deploy updated:2024")) == 1

    learned.learn(here)

    assert found(here, "deploy updated:2024") == {"a.md", "b.md"}


def test_a_file_that_changes_meanwhile_is_brought_in_as_it_is(world: World, git: Git) -> None:
    """What the index has not seen yet is left to the next refresh."""
    here = world.open(git.folder)
    here.search("deploy")
    git.put(".memory/a.md", "# Alpha\nDeploy at night.\n")

    learned.learn(here)

    assert found(here, "night created:2024") == {"a.md"}
    assert found(here, "fridays") == set()


def test_where_the_cache_cannot_be_written_nothing_is_learned(world: World, git: Git) -> None:
    """And nothing fails."""
    world.cache.write_text("a file in its place")
    here = world.open(git.folder)

    assert list(learned.learn(here)) == []
    assert found(here, "deploy") == {"a.md", "b.md"}


def test_a_search_needs_no_git(world: World, git: Git) -> None:
    """What was learned is there for it: in a process that could not start git, and has not loaded what would."""
    known(world, git)
    script = (
        "import sys; from pathlib import Path; from memfs.workspace import Workspace\n"
        "here = Workspace.open(Path(sys.argv[1]))\n"
        "print(*[hit.entry.author for hit in here.search('deploy').hits], here.get('a.md').author)\n"
        "assert not {'git', 'memfs.repository', 'memfs.learned'} & set(sys.modules)"
    )

    assert world.run(f"import os; os.environ['PATH'] = ''\n{script}", git.folder).split() == ["Grace"] * 3


# ---- strangers


def test_nothing_that_a_repository_says_is_run_or_waited_for(world: World, git: Git) -> None:
    """Whatever its settings say of logs: what is learned is the same, in the same time."""
    marker, run, pipe = world.root / "was-run", world.root / "run.sh", world.root / "pipe"
    run.write_text(f'#!/bin/sh\necho "$0 $*" >>{marker}\n')
    run.chmod(0o755)
    os.mkfifo(pipe)
    for name in ("post-index-change", "reference-transaction", "pre-auto-gc"):
        shutil.copy(run, git.folder / ".git/hooks" / name)
    git.put(".mailmap", "Mallory <m@example.org> <u@example.org>\n")
    git.put(".gitattributes", "* filter=evil diff=evil\n")
    commit(git, THIRD)
    for name, value in HOSTILE.items():
        git("config", name, value.format(run=run, hooks=git.folder / ".git/hooks", pipe=pipe))
    marker.unlink(missing_ok=True)

    here = known(world, git)

    assert said(here.get("a.md")) == ("Grace", at(FIRST), at(SECOND))
    assert said(here.get("b.md")) == ("Grace", at(SECOND), at(SECOND))
    assert not marker.exists(), marker.read_text()


def test_whatever_a_commit_says_of_its_author_and_time(world: World, git: Git) -> None:
    """Names that look like git's own lines, that steer terminals, that are no text; times that no calendar has."""
    names = [":100644 100644 1 2 M", "\x1b[2J\u202eAda", "x" * 5_000, "", "a\tb", "D"]
    times = ["0", "1", "99999999999999", "18446744073709551615", "1700000000", "1700000001"]
    for number, (name, second) in enumerate(zip(names, times, strict=True)):
        git.put(f".memory/{number}.md", f"Hostile {number}.\n")
        git("add", "--all")
        tree, parent = git("write-tree"), git("rev-parse", "HEAD")
        body = f"tree {tree}\nparent {parent}\nauthor {name} <a> {second} +0000\ncommitter c <c> {second} +0000\n\nx\n"
        made = git("hash-object", "-t", "commit", "-w", "--literally", "--stdin", feed=body)
        git("update-ref", "HEAD", made)

    here = known(world, git)

    entries = [here.get(f"{number}.md") for number in range(len(names))]
    assert [entry.author for entry in entries] == [name[:100] for name in names]
    assert all(0 <= entry.updated.timestamp() <= LAST_SECOND for entry in entries)
    assert entries[4].updated == datetime.fromtimestamp(1_700_000_000, UTC)
    shown = memfs(world, "get", "1.md", folder=git.folder)
    assert shown.code == 0
    assert not {"\x1b", "\u202e"} & set(shown.out)
    assert as_json(world, "search", "hostile", folder=git.folder)["hits"] != []


# ---- who learns


@pytest.mark.parametrize("command", [("status",), ("reindex",), ("init",), ("trust",), ("trust", "--always")])
def test_commands_that_take_their_time_learn(world: World, git: Git, command: tuple[str, ...]) -> None:
    """And show what they learned from then on."""
    clone = cloned(world, git)
    before = as_json(world, "search", "deploy", folder=clone.folder)["hits"]
    assert [hit.get("author") for hit in before] == [None, None]

    assert memfs(world, *command, folder=clone.folder).code == 0

    hits = as_json(world, "search", "deploy", folder=clone.folder)["hits"]
    assert [hit["author"] for hit in hits] == ["Grace", "Grace"]
    [shown] = [hit for hit in hits if hit["name"] == "a.md"]
    assert (shown["created"], shown["updated"]) == (FIRST, SECOND)


@pytest.mark.parametrize("words", [("search", "alpha"), ("get", "a.md"), ("list",)])
def test_people_see_who_changed_a_memory_last(world: World, git: Git, words: tuple[str, ...]) -> None:
    """And how long ago that was."""
    assert memfs(world, "status", folder=git.folder).code == 0

    assert re.search(r" · Grace, \d+ \w+ ago", memfs(world, *words, folder=git.folder).out)


def test_when_a_memory_was_learned_is_told_beside_it_if_that_was_earlier(world: World, git: Git) -> None:
    """Two ages would say the same of one that was never changed."""
    here = known(world, git)

    shown = {
        name: "".join(
            text for line in render.entry_lines(here.get(name), at("2024-07-01T10:00:00Z")) for text, _ in line
        )
        for name in ("a.md", "b.md")
    }

    assert " · 4 months ago · Grace, 4 weeks ago" in shown["a.md"]
    assert "importance 5 · Grace, 4 weeks ago" in shown["b.md"]


@contextmanager
def desk(world: World, folder: Path) -> Iterator[Desk]:
    """Yield the desk of a server at *folder*, with what it learned."""
    desk = Desk(folder, None, lambda _: None, world.environ)
    try:
        yield desk
    finally:
        desk.close()


def test_a_server_learns_by_itself_and_again_after_a_commit(world: World, git: Git) -> None:
    """When it starts, and when it next looks after another commit was checked out."""
    world.trusted()
    with desk(world, git.folder) as served:
        assert within_deadline(lambda: served.here.get("a.md").author == "Grace")

        git.put(".memory/c.md", "Gamma.\n")
        commit(git, THIRD, "Mary")
        git.put(".memory/d.md", "An event.\n")

        assert within_deadline(lambda: served.here.get("c.md").author == "Mary")


def test_a_server_looks_at_no_strangers_history_unasked(world: World, git: Git) -> None:
    """Until somebody vouches for the project."""
    with desk(world, git.folder) as served:
        assert served.here.search("deploy").hits != ()
        git.put(".memory/c.md", "Gamma.\n")
        assert within_deadline(lambda: found(served.here, "gamma"))
        assert served.here.get("a.md").learned is None

        world.trusted()
        git.put(".memory/d.md", "An event.\n")
        assert within_deadline(lambda: served.here.get("a.md").author == "Grace")


def test_words_of_authors_are_no_words_of_memories(world: World, git: Git) -> None:
    """Nobody finds a memory by who committed it."""
    assert parse("Grace").words == ("grace",)
    assert found(known(world, git), "Grace") == set()
