"""The façade: each verb, names, freshness without a watcher, listeners, and what several stores of one view mean."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from memfs import trust
from memfs.answers import Event
from memfs.changes import Changes
from memfs.errors import Ambiguous
from memfs.errors import Changed
from memfs.errors import Conflict
from memfs.errors import Invalid
from memfs.errors import NotFound
from memfs.errors import OutOfScope
from memfs.errors import OutsideStore
from memfs.errors import SecretFound
from memfs.errors import Twins
from memfs.errors import Unwritable
from memfs.memory import derived_id
from memfs.memory import digest
from memfs.memory import format_time
from memfs.memory import parse
from memfs.memory import parse_time
from memfs.query import Filters
from memfs.workspace import Workspace
from tests.worlds import World
from tests.worlds import files_below
from tests.worlds import finished
from tests.worlds import touched
from tests.worlds import without_powers

GITHUB_TOKEN = "ghp_" + "a1B2" * 9


def put(folder: Path, name: str, text: str) -> Path:
    """Write a memory into the folder of a store as an editor would; return its path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def found(workspace: Workspace, text: str, *, regex: str = "") -> list[str]:
    """Return the names of the files that a search finds, best first."""
    return [hit.entry.memory.path for hit in workspace.search(text, regex=regex).hits]


def store_of(world: World) -> Path:
    """Return the folder of the store of the workspace `project`."""
    return world.folder() / ".memory"


@pytest.fixture
def hybrid(world: World) -> Workspace:
    """Return a workspace in hybrid mode: its own store, that of the group `team`, the global one."""
    world.config(f'mode = "hybrid"\n[groups.team]\nmembers = ["{world.folder()}"]\n')
    return world.open()


# ---- saving


def test_a_save_is_on_disk_and_says_where(world: World) -> None:
    """The answer's id, path and digest are those of a file that parses back equal."""
    here = world.open()

    done = here.save("ULIDs sort by time.", {"title": "Use ULIDs", "type": "decision", "tags": ["ids", "a, b"]})

    entry = done.entry
    raw = entry.path.read_bytes()
    assert entry.file.digest == digest(raw)
    assert parse(raw, entry.memory.path) == entry.memory
    assert (entry.memory.title, entry.memory.type, entry.memory.tags) == ("Use ULIDs", "decision", ("ids", "a, b"))
    assert (done.verb, done.notes, entry.store.scope, entry.trusted) == ("save", (), "workspace", True)
    assert entry.path.parent == store_of(world)


def test_the_first_save_makes_the_store_and_trusts_it(world: World) -> None:
    """A store that memfs made itself is no stranger's."""
    folder = world.root / "fresh"
    folder.mkdir()

    assert world.open(folder).save("A first word.").entry.trusted
    assert world.open(folder).get("A first word.").trusted


def test_an_empty_save_is_refused_and_makes_nothing(world: World) -> None:
    """Neither blanks nor empty values are a memory, and no folder is left behind."""
    folder = world.root / "fresh"
    folder.mkdir()
    for body in ("", "  \n\t\n"):
        with pytest.raises(Invalid, match="nothing to save"):
            world.open(folder).save(body, {"title": "", "tags": []})

    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "values",
    [{"type": ""}, {"importance": "11"}, {"importance": "high"}, {"created": "soon"}, {"colour": "red"}, {"id": "a b"}],
    ids=str,
)
def test_a_value_that_does_not_fit_is_refused_before_anything_is_written(world: World, values: dict[str, str]) -> None:
    """The sentence names the key; the store stays empty. An empty value is no value."""
    if values == {"type": ""}:
        assert world.open().save("x", dict(values)).entry.memory.type == "information"
        return
    with pytest.raises(Invalid, match=next(iter(values))):
        world.open().save("x", dict(values))

    assert files_below(store_of(world)) == {}


@pytest.mark.parametrize(
    ("mode", "wish", "scope", "note"),
    [
        ("isolated", "", "workspace", ""),
        ("isolated", "workspace", "workspace", ""),
        ("isolated", "global", "workspace", "Global memories are not available in isolated mode."),
        ("global", "", "global", "Saved to the global store: the mode is global."),
        ("global", "workspace", "global", "Saved to the global store: the mode is global."),
        ("global", "global", "global", ""),
        ("hybrid", "", "workspace", ""),
        ("hybrid", "global", "global", ""),
        ("hybrid", "group:team", "group:team", ""),
    ],
)
def test_where_a_save_goes_is_the_modes_to_say(world: World, mode: str, wish: str, scope: str, note: str) -> None:
    """A wish that the mode does not grant is not an error, and the answer says what became of it."""
    world.config(f'mode = "{mode}"\n[groups.team]\nmembers = ["{world.folder()}"]\n')

    done = world.open().save("A word.", scope=wish)

    assert done.entry.store.scope == scope
    assert note in " ".join(done.notes)
    assert bool(done.notes) == bool(note)


def test_a_save_of_a_secret_is_refused_unless_it_is_meant(world: World) -> None:
    """Nothing is written, neither file nor journal, and the sentence does not repeat the secret."""
    here = world.open()
    with pytest.raises(SecretFound) as refused:
        here.save(f"The token is {GITHUB_TOKEN}")

    assert GITHUB_TOKEN not in str(refused.value)
    assert files_below(store_of(world)) == {}
    assert set(files_below(world.state)) <= {"projects"}
    assert here.save(f"The token is {GITHUB_TOKEN}", allow_secret=True).entry.path.is_file()


def test_what_is_saved_is_found_at_once_by_everybody(world: World) -> None:
    """Read your writes: in the same object, in another one, in another process."""
    here, other = world.open(), world.open()
    other.search("x")

    saved = here.save("The zebra crossing is closed.").entry.memory.path

    assert found(here, "zebra") == found(other, "zebra") == found(world.open(), "zebra") == [saved]
    assert here.list().entries[0].memory.path == saved


# ---- names


def test_a_memory_answers_to_id_prefix_path_and_title(world: World) -> None:
    """Whatever somebody has at hand: all of it in any case but the id and the path, whose case counts."""
    path = put(store_of(world), "sub/a.md", "---\nid: 01KAJ9D3Q0V8\ntitle: Use ULIDs  everywhere\n---\ntext\n")
    here = world.open()

    for name in ("01KAJ9D3Q0V8", "01KAJ9", "01kaj9", "sub/a.md", str(path), "use ulids EVERYWHERE", " 01KAJ9D3Q0V8 "):
        assert here.get(name).path == path, name
    assert here.get(derived_id("sub/a.md")).path == path


def test_a_path_may_be_below_the_folder_one_stands_in(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a shell completes it: from the workspace, from the store, from a folder in it."""
    path = put(store_of(world), "sub/a.md", "text\n")
    here = world.open()

    for folder, name in ((world.folder(), ".memory/sub/a.md"), (path.parent, "a.md"), (path.parent, "./a.md")):
        monkeypatch.chdir(folder)
        assert here.get(name).path == path, name


def test_a_path_through_a_linked_folder_is_the_same_file(world: World) -> None:
    """Where the project's folder is reached by a link, as /tmp is on some systems, its absolute paths hold as well."""
    path = put(store_of(world), "a.md", "text\n")
    (world.root / "link").symlink_to(world.folder())

    assert world.open(world.root / "link").get(str(world.root / "link/.memory/a.md")).path == path


def test_an_ambiguous_name_lists_all_that_answer(world: World) -> None:
    """A beginning of two ids, a title that two have: an error that lists id, scope and title of each."""
    put(store_of(world), "a.md", "---\nid: abc1\ntitle: Same\n---\n")
    put(store_of(world), "b.md", "---\nid: abc2\ntitle: same\n---\n")
    here = world.open()

    for name in ("abc", "SAME"):
        with pytest.raises(Ambiguous) as refused:
            here.get(name)
        assert refused.value.candidates == ("abc1  workspace  Same", "abc2  workspace  same")


def test_a_whole_id_is_meant_before_longer_ones_that_begin_so(world: World) -> None:
    """`abc` is `abc` although `abcd` is there."""
    put(store_of(world), "a.md", "---\nid: abc\n---\none\n")
    put(store_of(world), "b.md", "---\nid: abcd\n---\ntwo\n")

    assert world.open().get("abc").memory.body == "one"


def test_an_unknown_name_suggests_near_ones(world: World) -> None:
    """The sentence says what was asked for, and what comes close."""
    put(store_of(world), "a.md", "---\nid: abc1\ntitle: Use ULIDs everywhere\n---\n")

    with pytest.raises(NotFound) as refused:
        world.open().get("Use ULID everywhere")

    assert refused.value.near == ("abc1 (Use ULIDs everywhere)",)
    assert "Did you mean abc1 (Use ULIDs everywhere)?" in str(refused.value)


def test_a_name_that_nothing_comes_close_to_says_how_else_to_look(world: World) -> None:
    """Nobody is left with a no."""
    with pytest.raises(NotFound, match="`memfs search` finds memories by their words"):
        world.open().get("nosuch")


@pytest.mark.parametrize(
    "name", ["", " ", "p-", "nothing", "x.md", "*", ".*", "a" * 5_000, "\ud800", "ü" * 999, "a\nb"]
)
def test_a_name_that_nothing_has_is_not_found(world: World, name: str) -> None:
    """However odd: never another memory, never another error."""
    put(store_of(world), "a.md", "---\nid: abc1\n---\ntext\n")

    with pytest.raises(NotFound):
        world.open().get(name)


def test_two_files_with_one_id_are_both_found_and_neither_is_touched_by_it(world: World) -> None:
    """An operation by that id would be a guess; by its path each can be had."""
    paths = [put(store_of(world), name, f"---\nid: twin\n---\nzebra {name}\n") for name in ("a.md", "b.md")]
    here = world.open()

    assert set(found(here, "zebra")) == {"a.md", "b.md"}
    verbs: tuple[Callable[[str], object], ...] = (
        here.forget,
        lambda name: here.update(name, {"title": "x"}),
        lambda name: here.move(name, "workspace"),
    )
    for verb in verbs:
        with pytest.raises(Twins):
            verb("twin")
    with pytest.raises(Twins) as refused:
        here.get("twin")
    assert set(refused.value.paths) == set(paths)
    assert here.get("a.md").memory.body == "zebra a.md"


def test_a_derived_id_stays_an_alias_until_the_file_is_renamed(world: World) -> None:
    """When memfs gives a memory its id the old name still leads there; after a rename it leads nowhere."""
    put(store_of(world), "a.md", "# A zebra\n\ntext\n")
    here = world.open()
    derived = here.get("a.md").memory.id
    assert derived == derived_id("a.md")

    written = here.update(derived, {"tags": ["x"]}).entry.memory.id

    assert written != derived
    assert here.get(derived).memory.id == written
    (store_of(world) / "a.md").rename(store_of(world) / "b.md")
    assert here.get(written).memory.path == "b.md"
    with pytest.raises(NotFound):
        here.get(derived)


def test_one_derived_id_in_two_stores_means_the_nearer_one(hybrid: Workspace, world: World) -> None:
    """Two files of one relative path are two memories: each verb takes the workspace's, the other has its path.

    Once somebody vouches for it: before that it stands in nobody's way.
    """
    near = put(store_of(world), "a.md", "near\n")
    far = put(world.home / "global", "a.md", "far\n")
    name = derived_id("a.md")
    assert hybrid.get(name).path == far
    world.trusted()

    assert hybrid.get(name).path == near
    assert hybrid.get(str(far)).path == far
    assert hybrid.move(name, "workspace").entry.path == near
    assert far.read_text() == "far\n"
    assert hybrid.forget(name).entry.path == near
    assert hybrid.get(name).path == far


# ---- searching and listing


def test_a_search_outside_its_bounds_is_refused(world: World) -> None:
    """A limit of nothing or of everything, an unknown order, a page before the first."""
    here = world.open()
    for limit in (0, -1, 1_001):
        with pytest.raises(Invalid):
            here.search("x", limit=limit)
        with pytest.raises(Invalid):
            here.list(limit=limit)
    with pytest.raises(Invalid, match="sorted by"):
        here.list(sort="title")
    with pytest.raises(Invalid):
        here.list(offset=-1)
    assert here.list(offset=1_000_000).entries == ()


def test_pages_of_a_list_cover_it_once(world: World) -> None:
    """Page by page each memory comes once, in order, and the last page knows that it is."""
    for number in range(23):
        put(store_of(world), f"n{number:02}.md", f"---\nid: n{number:02}\nimportance: {number % 10 + 1}\n---\ntext\n")
    here = world.open()

    for sort in ("created", "updated", "importance"):
        names: list[str] = []
        offset: int | None = 0
        while offset is not None:
            page = here.list(sort=sort, limit=5, offset=offset)
            names += [entry.memory.id for entry in page.entries]
            offset = page.next_offset
        assert page.total == 23
        assert sorted(names) == [f"n{number:02}" for number in range(23)]
    assert [here.get(name).memory.importance for name in names] == sorted(
        (number % 10 + 1 for number in range(23)), reverse=True
    )


def test_values_are_counted_over_the_view(hybrid: Workspace, world: World) -> None:
    """Tags, types, categories and channels with how many memories have them."""
    put(store_of(world), "a.md", "---\ntags: [DB, ids]\ntype: decision\ncategory: Infra\n---\n")
    put(world.home / "global", "b.md", "---\ntags: db\nchannels: [team]\n---\n")

    assert hybrid.values("tag") == {"db": 2, "ids": 1}
    assert hybrid.values("type") == {"decision": 1, "information": 1}
    assert hybrid.values("category") == {"infra": 1}
    assert hybrid.values("channel") == {"team": 1}


def test_a_regular_expression_filters_titles_and_texts(world: World) -> None:
    """It must match too; with words the ranking is theirs, without it lists the newest; a broken one is refused."""
    put(store_of(world), "a.md", "---\ntitle: Port 5432\ncreated: 2026-01-01\n---\nThe database.\n")
    put(store_of(world), "b.md", "---\ntitle: Ports\ncreated: 2026-01-02\n---\nThe database listens on 6432.\n")
    put(store_of(world), "c.md", "---\ntitle: None\ncreated: 2026-01-03\n---\nThe database.\n")
    here = world.open()

    assert found(here, "", regex=r"\b\d432\b") == ["b.md", "a.md"]
    assert found(here, "database", regex=r"^Port \d") == ["a.md"]
    assert found(here, "", regex=r"(?i)PORTS") == ["b.md"]
    with pytest.raises(Invalid, match="regular expression"):
        here.search("", regex="(")


def test_a_regular_expression_that_explodes_is_stopped_and_told(world: World) -> None:
    """After its time the search answers with what it has, and says that there may be more."""
    world.config("[limits]\nregex_seconds = 0.05\n")
    put(store_of(world), "bad.md", f"---\ncreated: 2026-01-02\n---\n{'a' * 5_000}!\n")
    put(store_of(world), "good.md", "---\ncreated: 2026-01-03\n---\naab\n")
    here = world.open()

    results = here.search("", regex=r"^(?:a|aa|aaa)+b$|(a*)*(a*)*(a*)*b")

    assert [hit.entry.memory.path for hit in results.hits] == ["good.md"]
    assert "stopped after 0.05 s" in results.notes[0]
    assert found(here, "", regex="^aab") == ["good.md"]


# ---- freshness without a watcher


def test_whatever_an_editor_does_is_found_by_the_next_search(world: World) -> None:
    """Written, written over, renamed, copied over, moved in from outside, moved away, removed with its folder."""
    store = store_of(world)
    here = world.open()
    assert found(here, "lion") == []

    put(store, "a.md", "one lion\n")
    assert found(here, "lion") == ["a.md"]
    put(store, "a.md", "one tiger\n")
    assert (found(here, "lion"), found(here, "tiger")) == ([], ["a.md"])
    (store / "a.md").rename(store / "b.md")
    assert found(here, "tiger") == ["b.md"]
    shutil.copy(put(world.root, "out.md", "one panda\n"), store / "b.md")
    assert (found(here, "tiger"), found(here, "panda")) == ([], ["b.md"])
    put(world.root, "out.md", "one koala\n").replace(store / "b.md")
    assert (found(here, "panda"), found(here, "koala")) == ([], ["b.md"])
    put(world.root / "tree/deep", "c.md", "one zebra\n")
    (world.root / "tree").rename(store / "tree")
    assert found(here, "zebra") == ["tree/deep/c.md"]
    subprocess.run(["sed", "-i", "s/zebra/lemur/", store / "tree/deep/c.md"], check=True)
    assert (found(here, "zebra"), found(here, "lemur")) == ([], ["tree/deep/c.md"])
    shutil.rmtree(store / "tree")
    (store / "b.md").rename(world.root / "away.md")
    assert (found(here, "lemur"), found(here, "koala")) == ([], [])
    shutil.rmtree(store)
    assert here.list().total == 0


def test_an_edit_of_the_same_size_with_the_old_time_is_found(world: World) -> None:
    """`touch -r` restores the time of change, not the time of that change."""
    path = put(store_of(world), "a.md", "one lion\n")
    here = world.open()
    assert found(here, "lion") == ["a.md"]
    about = path.stat()

    path.write_text("one wolf\n")
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))

    assert path.stat().st_size == about.st_size
    assert (found(here, "lion"), found(here, "wolf")) == ([], ["a.md"])


def test_a_file_edited_this_moment_is_read_as_it_is(world: World) -> None:
    """`get` and the texts of hits come from the file, never from the index; many edits within one clock tick too."""
    here = world.open()
    for number in range(50):
        path = put(store_of(world), "a.md", f"---\nid: abc\n---\nversion {number:03} zebra\n")
        assert here.get("abc").memory.body == path.read_text().splitlines()[-1]
        [hit] = here.search("zebra").hits
        assert f"{number:03}" in hit.snippet.text
        assert found(here, f"{number:03}") == ["a.md"]


def test_hits_never_show_a_text_that_is_gone(world: World) -> None:
    """A file that vanishes between the index's answer and its reading is left out."""
    put(store_of(world), "a.md", "one zebra\n")
    put(store_of(world), "b.md", "two zebra\n")
    here = world.open()
    assert set(found(here, "zebra")) == {"a.md", "b.md"}
    entries = here._names.entries

    (store_of(world) / "a.md").unlink()

    keys = [(here.view.stores[0].key, name) for name in ("a.md", "b.md")]
    assert [entry.memory.path for entry in entries(keys)] == ["b.md"]


def test_wrong_types_harm_only_their_own_value(world: World) -> None:
    """Among a hundred good files the bad ones are found by their text, flagged with the line, at their defaults."""
    for number in range(100):
        put(store_of(world), f"n{number:03}.md", f"---\nid: n{number:03}\ntags: [good]\n---\ngood own{number:03}x\n")
    bad = {
        "a.md": ("importance: high", "zebraone"),
        "b.md": ("created: [x]", "zebratwo"),
        "c.md": ("updated: {}", "zebrathree"),
        "d.md": ("tags: {a: b}", "zebrafour"),
        "e.md": ("links: nonsense", "zebrafive"),
        "f.md": ("expires: [never]", "zebrasix"),
    }
    for name, (line, word) in bad.items():
        put(store_of(world), name, f"---\nid: x{name[0]}\n{line}\n---\n{word}\n")
    here = world.open()

    assert here.list(filters=Filters(tags=("good",)), limit=1).total == 100
    for name, (_, word) in bad.items():
        assert found(here, word)[:1] == [name]
    flaws = here.status().stores[0].flaws
    assert [(flaw.path, flaw.problem.line, flaw.state) for flaw in flaws] == [(name, 3, "ok") for name in sorted(bad)]
    assert here.update("xa", {"tags": ["fine"]}).entry.memory.importance == 5


def test_a_file_that_may_not_be_read_harms_only_itself(world: World) -> None:
    """Its name is found, it is listed with the reason, and searches, lists and status work beside it."""
    put(store_of(world), "good.md", "one zebra\n")
    put(store_of(world), "locked.md", "two zebra\n").chmod(0)
    put(store_of(world) / "closed", "c.md", "three zebra\n").parent.chmod(0)
    put(store_of(world) / "listed", "d.md", "four zebra\n").parent.chmod(0o444)
    script = (
        "from pathlib import Path; from memfs.workspace import Workspace; from memfs import doctor\n"
        "here = Workspace.open(Path('project'))\n"
        "print(*([hit.entry.memory.path for hit in here.search(word).hits] for word in ('zebra', 'locked')))\n"
        "flaws = here.status().stores[0].flaws\n"
        "print(here.list().total, sorted((f.path, f.state, 'ermission' in f.problem.reason) for f in flaws))\n"
        "print(sorted(finding.kind for finding in doctor.examine(here).findings))"
    )
    try:
        searched, listed, examined = world.run(script, through=without_powers()).splitlines()
    finally:
        for name in ("closed", "listed"):
            (store_of(world) / name).chmod(0o700)

    assert searched == "['good.md'] ['locked.md']"
    unreadable = [(name, "unreadable", True) for name in ("closed/", "listed/d.md", "locked.md")]
    assert listed == f"2 {unreadable}"
    assert examined == "['unreadable', 'unreadable', 'unreadable']"


# ---- changing


def test_an_update_changes_what_was_asked_and_no_other_byte(world: World) -> None:
    """Comments, unknown keys, quoting and line ends stay; the answer carries the new digest."""
    text = "---\nid: abc\n# mine\ntitle: 'Old'\ncolour: red\n---\n\n  body  \n\n\n"
    path = put(store_of(world), "a.md", text)
    here = world.open()

    done = here.update("abc", {"title": "New", "tags": ["x"]})

    expected = text.replace("'Old'", "New").replace("red\n", "red\ntags: [x]\n")
    assert path.read_text() == expected
    assert done.entry.file.digest == digest(path.read_bytes())
    assert here.update("abc", {"tags": None}).entry.memory.tags == ()
    assert path.read_text() == expected.replace("tags: [x]\n", "")
    assert found(here, "new") == ["a.md"]


def test_an_update_that_changes_nothing_writes_nothing(world: World) -> None:
    """The same values again leave the file alone, its time too."""
    path = put(store_of(world), "a.md", "---\nid: abc\ntitle: T\ntags: [x]\n---\nbody\n")
    here = world.open()
    before = touched(path)

    here.update("abc", {"title": "T", "tags": ["x"]}, "body")

    assert touched(path) == before
    assert len(here.history("abc").versions) == 1


def test_an_update_with_an_outdated_digest_is_refused(world: World) -> None:
    """An edit made elsewhere is never overwritten unseen, nor forgotten unseen."""
    path = put(store_of(world), "a.md", "---\nid: abc\n---\none\n")
    here = world.open()
    read = here.get("abc").file.digest
    path.write_text("---\nid: abc\n---\ntwo\n")

    with pytest.raises(Changed):
        here.update("abc", {"title": "x"}, expect=read)
    with pytest.raises(Changed):
        here.forget("abc", expect=read)

    assert path.read_text() == "---\nid: abc\n---\ntwo\n"
    assert here.update("abc", {"title": "x"}, expect=here.get("abc").file.digest).entry.memory.title == "x"


BROKEN = {
    "malformed.md": "---\na: [\n---\nzebra\n",
    "conflict.md": "one zebra\n<<<<<<< a\nx\n=======\ny\n>>>>>>> b\n",
    "unreadable.md": "zebra \x00\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_read_is_never_rewritten(world: World, name: str) -> None:
    """Update and move are refused with the reason; to forget it is the user's own wish, and can be taken back."""
    world.config('mode = "hybrid"\n')
    path = put(store_of(world), name, BROKEN[name])
    here = world.open()

    with pytest.raises(Unwritable, match=name.removesuffix(".md")):
        here.update(name, {"title": "x"})
    with pytest.raises(Unwritable, match=name.removesuffix(".md")):
        here.move(name, "global")
    assert path.read_text() == BROKEN[name]
    here.forget(name)
    assert not path.exists()
    here.undo()
    assert path.read_text() == BROKEN[name]


def test_an_update_may_not_bring_in_a_secret_and_leaves_an_old_one_be(world: World) -> None:
    """What was there already does not stop another edit."""
    path = put(store_of(world), "a.md", f"---\nid: abc\n---\nold {GITHUB_TOKEN}\n")
    here = world.open()

    assert here.update("abc", {"tags": ["x"]}).entry.memory.tags == ("x",)
    before = path.read_bytes()
    with pytest.raises(SecretFound):
        here.update("abc", {}, f"new {GITHUB_TOKEN.replace('a', 'c')}")
    assert path.read_bytes() == before
    assert here.update("abc", {}, f"new {GITHUB_TOKEN.replace('a', 'c')}", allow_secret=True).entry.path == path


def test_a_memory_keeps_its_id_for_life(world: World) -> None:
    """No update changes it, not even to what it is."""
    put(store_of(world), "a.md", "---\nid: abc\n---\none\n")

    with pytest.raises(Invalid, match="id for life"):
        world.open().update("abc", {"id": "abc"})


# ---- moving


@pytest.mark.parametrize("to", ["workspace", "global", "group:team"])
@pytest.mark.parametrize("origin", ["workspace", "global", "group:team"])
def test_a_move_leads_from_any_scope_to_any_other(hybrid: Workspace, world: World, origin: str, to: str) -> None:
    """One file, its bytes and id as before, at the same place in the other store, and found there at once."""
    text = "---\nid: abc\n# comment\ntitle: 'T'\n---\none zebra\n"
    folders = {"workspace": store_of(world), "global": world.home / "global", "group:team": world.home / "groups/team"}
    put(folders[origin], "sub/a.md", text)

    done = hybrid.move("abc", to)

    assert {scope: files_below(folder) for scope, folder in folders.items()} == {
        scope: {"sub/a.md": text.encode()} if scope == to else {} for scope in folders
    }
    assert done.entry.path == folders[to] / "sub/a.md"
    assert (done.entry.memory.id, done.entry.store.scope) == ("abc", to)
    [hit] = hybrid.search("zebra").hits
    assert hit.entry.store.scope == to
    audience = {"workspace": "this workspace", "global": "every workspace", "group:team": "the members of group:team"}
    assert done.notes[0].startswith("It is in" if to == origin else f"Now seen by {audience[to]}")


def test_a_move_to_another_workspace_and_back(hybrid: Workspace, world: World) -> None:
    """Named by its folder, in hybrid mode; the memory leaves this view and enters that one."""
    other = world.folder("other")
    put(store_of(world), "a.md", "---\nid: abc\n---\none zebra\n")

    done = hybrid.move("abc", "workspace", workspace=other)

    assert done.entry.path == other / ".memory/a.md"
    with pytest.raises(NotFound):
        hybrid.get("abc")
    assert found(hybrid, "zebra") == []
    assert found(world.open(other), "zebra") == ["a.md"]
    assert world.open(other).move("abc", "workspace", workspace=world.folder()).entry.path == store_of(world) / "a.md"


def test_a_move_goes_only_where_somebody_will_see_it(world: World) -> None:
    """Not into a bare folder, not below memfs's home, not where only global memories are seen, not by a vague name."""
    put(store_of(world), "a.md", "---\nid: abc\n---\none zebra\n")
    (world.root / "bare").mkdir()
    shop, deep = world.folder("shop"), world.folder("deep/shop")
    world.config(f'mode = "hybrid"\n[workspaces."{world.folder("strict")}"]\nmode = "global"\n')
    here = world.open()
    for folder in (shop, deep):
        world.open(folder)
        trust.set_trusted(world.state, folder, trusted=True)

    for named, reason in (
        (world.root / "bare", "neither a .memory nor a .git"),
        (world.home.parent / "nowhere", "no folder"),
        ("shop", "could be several projects"),
        ("shoq", "no project that you trust"),
        ("../other", "no project that you trust"),
        ("6vwtna", "no project that you trust"),
    ):
        with pytest.raises(Invalid, match=reason):
            here.move("abc", "workspace", workspace=named)
    with pytest.raises(OutOfScope, match="nobody would see"):
        here.move("abc", "workspace", workspace=world.folder("strict"))

    assert files_below(store_of(world)).keys() == {"a.md"}
    world.config(f'mode = "hybrid"\n[workspaces."{deep}"]\nname = "deep"\n')
    here = world.open()
    assert here.move("abc", "workspace", workspace="shop").entry.path == shop / ".memory/a.md"


def test_another_workspace_is_out_of_reach_in_the_other_modes(world: World) -> None:
    """Isolated is isolated; a place that is none is told; a scope beside it makes no sense."""
    other = world.folder("other")
    put(store_of(world), "a.md", "---\nid: abc\n---\none\n")

    with pytest.raises(OutOfScope, match="out of reach in isolated mode"):
        world.open().move("abc", "workspace", workspace=other)
    with pytest.raises(Invalid, match="no folder"):
        world.open(mode="hybrid").move("abc", "workspace", workspace=world.root / "nowhere")
    with pytest.raises(Invalid, match="scope workspace"):
        world.open(mode="hybrid").move("abc", "global", workspace=other)
    with pytest.raises(OutOfScope, match="Global memories are not available in isolated mode"):
        world.open().move("abc", "global")
    assert files_below(other) == {}


def test_a_move_never_replaces_a_file_of_the_same_name(hybrid: Workspace, world: World) -> None:
    """It takes a free name beside it: both texts are there afterwards."""
    put(store_of(world), "sub/a.md", "---\nid: abc\n---\nnear\n")
    far = put(world.home / "global", "sub/a.md", "---\nid: xyz\n---\nfar\n")

    done = hybrid.move("abc", "global")

    assert far.read_text() == "---\nid: xyz\n---\nfar\n"
    assert done.entry.path.parent == far.parent
    assert done.entry.path != far
    assert done.entry.path.read_text() == "---\nid: abc\n---\nnear\n"


def test_a_move_finishes_one_that_was_cut_off(hybrid: Workspace, world: World) -> None:
    """Equal copies in two stores are one memory: found, updated nowhere twice, and the next move leaves one."""
    text = "---\nid: abc\n---\none zebra\n"
    near, far = put(store_of(world), "a.md", text), put(world.home / "global", "a.md", text)

    assert hybrid.get("abc").path == near
    done = hybrid.move("abc", "global")

    assert (near.exists(), far.read_text()) == (False, text)
    assert done.entry.path == far
    put(store_of(world), "a.md", text)
    assert hybrid.move("abc", "workspace").entry.path == near
    assert (near.read_text(), far.exists()) == (text, False)


def test_a_move_to_a_store_that_has_the_id_with_another_text_is_refused(world: World) -> None:
    """Neither text is given up: both files stay as they are."""
    near = put(store_of(world), "a.md", "---\nid: abc\n---\nnear\n")
    far = put(world.folder("other") / ".memory", "b.md", "---\nid: abc\n---\nfar\n")

    with pytest.raises(Conflict, match="another text"):
        world.open(mode="hybrid").move("abc", "workspace", workspace=world.folder("other"))

    assert (near.read_text(), far.read_text()) == ("---\nid: abc\n---\nnear\n", "---\nid: abc\n---\nfar\n")


def test_a_memory_without_an_id_gets_one_before_it_moves(hybrid: Workspace, world: World) -> None:
    """Its name for life goes with it; the derived one still leads there."""
    put(store_of(world), "a.md", "one zebra\n")

    entry = hybrid.move("a.md", "global").entry

    assert entry.memory.id_written
    assert entry.memory.body == "one zebra"
    assert hybrid.get(derived_id("a.md")).path == entry.path


def test_moving_a_file_by_hand_is_the_same_as_a_move(hybrid: Workspace, world: World) -> None:
    """`mv` converts between scopes too: nothing in the file says where it lies."""
    put(store_of(world), "a.md", "---\nid: abc\n---\none zebra\n")
    (world.home / "global").mkdir(parents=True)
    assert hybrid.get("abc").store.scope == "workspace"

    (store_of(world) / "a.md").rename(world.home / "global/a.md")

    assert hybrid.get("abc").store.scope == "global"
    assert [hit.entry.store.scope for hit in hybrid.search("zebra").hits] == ["global"]


# ---- taking back


def test_forgotten_memories_come_back_by_id_title_and_path(world: World) -> None:
    """Byte for byte, at their place, however they are called."""
    text = "---\nid: abc\ntitle: The zebra\n# comment\n---\none\n"
    here = world.open()
    path = put(store_of(world), "sub/a.md", text)
    for name in ("abc", "ab", "the ZEBRA", "sub/a.md"):
        here.forget("abc")
        assert not path.exists()
        assert found(here, "zebra") == []

        assert here.restore(name).entry.path == path
        assert path.read_text() == text
        assert found(here, "zebra") == ["sub/a.md"]


def test_every_change_can_be_undone_in_turn(hybrid: Workspace, world: World) -> None:
    """Save, update, move and forget are taken back one by one, and the files end as they began."""
    put(store_of(world), "a.md", "---\nid: abc\n---\none\n")
    before = files_below(world.folder()), files_below(world.home)

    hybrid.update("abc", {"title": "T"})
    hybrid.move("abc", "global")
    hybrid.save("Another one.")
    hybrid.forget("abc")
    said = [hybrid.undo().notes[0] for _ in range(4)]

    assert [note.split()[2] for note in said] == ["forget", "save", "move", "update"]
    assert (files_below(world.folder()), files_below(world.home)) == before
    with pytest.raises(NotFound):
        hybrid.undo()


def test_an_undo_never_loses_an_edit_made_since(world: World) -> None:
    """A file that changed after memfs did is left as it is."""
    path = put(store_of(world), "a.md", "---\nid: abc\n---\none\n")
    here = world.open()
    here.update("abc", {"title": "T"})
    path.write_text("---\nid: abc\n---\nmine\n")

    with pytest.raises(Conflict, match="changed since"):
        here.undo()

    assert path.read_text() == "---\nid: abc\n---\nmine\n"


# ---- listeners


def test_listeners_hear_of_each_difference_once(world: World) -> None:
    """Own writes and foreign ones alike, told by the next refresh; what was there before is no news."""
    put(store_of(world), "old.md", "old\n")
    here = world.open()
    heard: list[Event] = []
    here.listen(heard.append)

    here.search("x")
    assert heard == []
    name = here.save("New.").entry.memory.path
    here.search("x")
    put(store_of(world), "old.md", "changed text\n")
    here.search("x")
    here.list()
    (store_of(world) / "old.md").rename(store_of(world) / "renamed.md")
    here.get("renamed.md")

    assert [event.changes for event in heard] == [
        Changes(added=(name,)),
        Changes(changed=("old.md",)),
        Changes(added=("renamed.md",), removed=("old.md",)),
    ]
    assert all(event.store.key == here.view.stores[0].key for event in heard)


def test_a_listener_is_told_of_what_another_process_did(world: World) -> None:
    """Also when that process brought the index up to date, so that this one has nothing to do but tell."""
    here = world.open()
    heard: list[Event] = []
    here.listen(heard.append)

    name = world.open().save("From elsewhere.").entry.memory.path
    here.search("x")

    assert [event.changes for event in heard] == [Changes(added=(name,))]


def test_a_workspace_may_be_shared_by_threads(world: World) -> None:
    """Saves, searches and updates from eight threads: each succeeds, and all is there."""
    here = world.open()
    ids = [here.save(f"Start {number}.").entry.memory.id for number in range(4)]

    def work(number: int) -> str:
        saved = here.save(f"Thread own{number:03}x.").entry.memory.id
        here.update(ids[number % 4], {"tags": [f"t{number}"]})
        here.search("thread")
        return saved

    with ThreadPoolExecutor(8) as pool:
        saved = list(pool.map(work, range(24)))

    assert len(set(saved)) == 24
    assert here.list(limit=1).total == 28
    assert all(len(here.get(name).memory.tags) == 1 for name in ids)


# ---- how things stand


def test_the_status_says_where_what_and_how_well(hybrid: Workspace, world: World) -> None:
    """Workspace, mode and why, each store of the view with counts, weight, and what is wrong with it."""
    put(store_of(world), "good.md", "one\n")
    for name, text in BROKEN.items():
        put(store_of(world), name, text)

    status = hybrid.status()

    assert (status.workspace, status.mode) == (world.folder(), "hybrid")
    assert str(world.home / "config.toml") in status.mode_source
    assert [(each.store.scope, each.weight, each.exists, each.files) for each in status.stores] == [
        ("workspace", 1.0, True, 4),
        ("group:team", 0.95, False, 0),
        ("global", 0.9, False, 0),
    ]
    own = status.stores[0]
    assert [own.having(state) for state in ("malformed", "conflict", "unreadable", "ok")] == [1, 1, 1, 0]
    assert {flaw.path for flaw in own.flaws} == set(BROKEN)
    assert status.index_bytes > 0
    assert "not trusted" in status.notes[0]


def test_times_outside_every_calendar_are_no_error(world: World, elsewhere: Path) -> None:
    """Files and headers from 1901, 1970, 2100, 2400 and the end of time: listed in that order, with ages and times."""
    folder = elsewhere / "project"
    seconds = {
        "before": -2_000_000_000,
        "zero": 0,
        "2100": 4_102_444_800,
        "2400": 13_569_465_600,
        "far": 1 << 37,
        "end": 1 << 41,
    }
    for name, when in seconds.items():
        path = put(folder / ".memory", f"{name}.md", f"---\nid: t{name}\n---\nzebra\n")
        os.utime(path, (when, when))
    put(folder / ".memory", "written-first.md", "---\nid: first\ncreated: 0001-01-01\n---\nzebra\n")
    put(
        folder / ".memory",
        "written-last.md",
        "---\nid: last\ncreated: 9999-12-31T23:59:59Z\nexpires: 9999-12-31\n---\nzebra\n",
    )
    here = world.open(folder)

    listed = [entry.memory.id for entry in here.list().entries]

    assert listed[-3:] == ["tzero", "tbefore", "first"]
    assert set(listed) == {*(f"t{name}" for name in seconds), "first", "last"}
    assert len(here.search("zebra", limit=20).hits) == 8
    for entry in here.list().entries:
        assert parse_time(format_time(entry.created)) == entry.created.replace(microsecond=0)
        here.update(entry.memory.id, {"tags": ["x"]})
    assert here.status().stores[0].files == 8


def test_a_path_that_leads_out_is_refused(world: World) -> None:
    """Neither a dotted path nor a link is followed, and nothing of what lies there is said."""
    put(world.root, "secret.md", "zebra secret\n")
    (store_of(world) / "link.md").symlink_to(world.root / "secret.md")
    here = world.open()

    with pytest.raises(OutsideStore):
        here.get("link.md")
    for name in ("../../secret.md", str(world.root / "secret.md"), "sub/../../../secret.md"):
        with pytest.raises((OutsideStore, NotFound)) as refused:
            here.get(name)
        assert "zebra" not in str(refused.value)
    assert found(here, "zebra") == []


def test_opening_reads_nothing_and_makes_nothing(world: World) -> None:
    """To look for a memory in a folder without any leaves the folder as it was."""
    folder = world.root / "fresh"
    folder.mkdir()
    here = world.open(folder)

    assert (here.search("x").hits, here.list().total, here.status().stores[0].exists) == ((), 0, False)
    with pytest.raises(NotFound):
        here.get("x")
    assert list(folder.iterdir()) == []
    assert not world.home.exists()
    assert set(files_below(world.state)) <= {"projects"}


def test_a_search_waits_for_no_watcher(world: World) -> None:
    """Hints of one that knows which paths changed replace the scan, and none of them is believed blindly."""

    class Watcher:
        def __init__(self) -> None:
            self.paths: frozenset[str] | None = None

        def take(self, store: object, since: float | None = None) -> frozenset[str] | None:  # noqa: ARG002
            return self.paths

        def scanned(self, store: object, scan: object, seconds: float) -> None:
            pass

    here = world.open()
    watcher = Watcher()
    here.hints = watcher
    put(store_of(world), "a.md", "zebra one\n")
    assert found(here, "zebra") == ["a.md"]

    watcher.paths = frozenset()
    put(store_of(world), "b.md", "zebra two\n")
    assert found(here, "zebra") == ["a.md"]
    watcher.paths = frozenset({"b.md", "never-was.md"})
    assert set(found(here, "zebra")) == {"a.md", "b.md"}
    (store_of(world) / "a.md").unlink()
    watcher.paths = None
    assert found(here, "zebra") == ["b.md"]
    watcher.paths = frozenset()
    shutil.rmtree(world.cache)
    assert found(here, "zebra") == ["b.md"]
    next(world.cache.glob("*/meta.json")).write_bytes(b"garbage")
    assert found(world.open(world.folder("other")), "zebra") == []
    assert found(here, "zebra") == ["b.md"]


def test_ages_are_never_negative(world: World) -> None:
    """A file from the future was changed just now."""
    path = put(store_of(world), "a.md", "---\nid: abc\n---\none\n")
    os.utime(path, (time.time() + 1e6, time.time() + 1e6))
    here = world.open()

    assert here.get("abc").changed.timestamp() > time.time()
    assert here.update("abc", {"tags": ["x"]}).entry.memory.tags == ("x",)


def test_a_pasted_error_is_found_though_its_quotes_do_not_match(world: World) -> None:
    """Quotes bind in a question that was composed; in a pasted message they are let go, and that is said."""
    put(store_of(world), "a.md", "asyncpg: a prepared statement does not exist behind pgbouncer\n")
    here = world.open()

    pasted = here.search('asyncpg error prepared statement "__stmt_5f__" does not exist hint pgbouncer pool')
    composed = here.search('asyncpg "not there"')

    assert [hit.entry.memory.path for hit in pasted.hits] == ["a.md"]
    assert "without the quotes" in pasted.notes[0]
    assert composed.hits == ()


def test_a_process_whose_folder_is_gone_still_knows_the_stores_paths(world: World) -> None:
    """A server that was started in a folder which was removed since serves paths below the store and absolute ones."""
    path = put(store_of(world), "sub/a.md", "text\n")
    script = (
        "import os, sys; from pathlib import Path; from memfs.workspace import Workspace\n"
        "from memfs.errors import NotFound\n"
        "os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')\n"
        "here = Workspace.open(Path(sys.argv[1]))\n"
        "print(here.get('sub/a.md').path, here.get(sys.argv[2]).path)\n"
        "try: here.get('nothing.md')\n"
        "except NotFound: print('not found')"
    )

    assert world.run(script, world.folder(), path) == f"{path} {path}\nnot found\n"


def test_a_status_beside_writers_is_no_error(world: World) -> None:
    """Files of the index come and go while another process writes it."""
    world.folder()
    script = (
        "from pathlib import Path; from memfs.workspace import Workspace\n"
        "here = Workspace.open(Path('project'))\n"
        "for number in range(40): here.save(f'Note {number}.')"
    )
    here = world.open()
    writing = world.start(script)
    while writing.poll() is None:
        assert here.status().mode == "isolated"

    finished([writing])
    assert here.status().stores[0].files == 40
