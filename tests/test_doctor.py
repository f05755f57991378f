"""The doctor: what is wrong with the stores of a view, and what of it can be mended without losing a word."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from memfs import doctor
from memfs.answers import Entry
from memfs.doctor import Finding
from memfs.workspace import Workspace
from tests.commands import memfs
from tests.worlds import World
from tests.worlds import files_below

MALFORMED = {
    "list.md": ("---\n- a\n- b\n---\nown text\n", 2),
    "scalar.md": ("---\njust words\n---\nown text\n", 2),
    "unterminated.md": ("---\ntitle: x\nown text\n", 1),
    "tab.md": ("---\ntitle: x\n\ttags: y\n---\nown text\n", 3),
    "duplicate.md": ("---\ntitle: x\ntags: [a]\ntitle: y\n---\nown text\n", 4),
    "colon.md": ("---\nid: x\ntitle: a: b\n---\nown text\n", 3),
    "at.md": ("---\ntitle: @x\n---\nown text\n", 2),
    "tag.md": ("---\nid: y\ntitle: !!python/object x\n---\nown text\n", 3),
    "alias.md": ("---\na: &x [1]\nb: *x\n---\nown text\n", 2),
    "deep.md": (f"---\na: {'[' * 50_000}\n---\nown text\n", 2),
}
"""File name to text, and the line that is to blame."""
TOKEN = "ghp_" + "a1B2" * 9
KEY = "-----BEGIN RSA " + "PRIVATE KEY-----"


def put(folder: Path, name: str, text: str | bytes) -> Path:
    """Write a file into the folder of a store as an editor would; return its path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.fixture
def hybrid(world: World) -> Workspace:
    """Return a trusted workspace in hybrid mode."""
    world.config('mode = "hybrid"\n')
    assert memfs(world, "trust", "--always").code == 0
    return world.open()


def near(world: World) -> Path:
    """Return the store of the workspace `project`."""
    return world.folder() / ".memory"


def far(world: World) -> Path:
    """Return the global store."""
    return world.home / "global"


def findings(workspace: Workspace, *, fix: bool = False, yes: bool = False) -> list[Finding]:
    """Return what the doctor finds."""
    return list(doctor.examine(workspace, fix=fix, may_remove=lambda _: yes).findings)


def test_a_healthy_store_has_no_findings(hybrid: Workspace) -> None:
    """And the command says so with exit code 0."""
    hybrid.save("One.")
    hybrid.save("Two.", scope="global")

    assert findings(hybrid) == []


@pytest.mark.parametrize("name", MALFORMED)
def test_a_header_that_cannot_be_read_is_named_with_its_line(hybrid: Workspace, world: World, name: str) -> None:
    """Its text is found all the same, the others are unharmed, and no fix touches it."""
    text, line = MALFORMED[name]
    path = put(near(world), name, text)
    put(near(world), "good.md", "own text\n")

    [finding] = findings(hybrid, fix=True, yes=True)

    assert (finding.kind, finding.paths, finding.line, finding.serious, finding.fixed) == (
        "malformed",
        (path,),
        line,
        True,
        "",
    )
    assert "Mend the header" in finding.sentence
    assert "own text" not in finding.sentence
    assert {hit.entry.memory.path for hit in hybrid.search("own text").hits} == {name, "good.md"}
    assert path.read_text() == text


def test_each_other_thing_that_can_be_wrong_has_its_kind(hybrid: Workspace, world: World) -> None:
    """Unreadable, in conflict, doubtful values, twins, copies; by file, with line and advice."""
    put(near(world), "latin.md", b"caf\xe9 own text\n")
    put(near(world), "conflict.md", "one\n<<<<<<< a\nours\n=======\ntheirs\n>>>>>>> b\n")
    put(near(world), "value.md", "---\nimportance: high\ncreated: 2024-02-30\n---\n")
    put(near(world), "a.md", "---\nid: twin\n---\none\n")
    put(near(world), "b.md", "---\nid: twin\n---\ntwo\n")
    for store in (near(world), far(world)):
        put(store, "copy.md", "---\nid: copy\n---\nsame\n")

    found = {finding.kind: finding for finding in findings(hybrid)}

    assert found.keys() == {"unreadable", "conflict", "value", "twins", "copy"}
    assert found["unreadable"].paths == (near(world) / "latin.md",)
    assert (found["conflict"].paths, found["conflict"].line) == ((near(world) / "conflict.md",), 2)
    assert [finding.line for finding in findings(hybrid) if finding.kind == "value"] == [2, 3]
    assert set(found["twins"].paths) == {near(world) / "a.md", near(world) / "b.md"}
    assert found["copy"].paths == (near(world) / "copy.md", far(world) / "copy.md")
    assert [kind for kind, finding in found.items() if not finding.serious] == ["value"]
    assert len(hybrid.search("ours theirs").hits) == 1


def test_without_fix_nothing_is_changed(hybrid: Workspace, world: World) -> None:
    """To look is to leave everything as it is: bytes, times, journal."""
    for name, (text, _) in MALFORMED.items():
        put(near(world), name, text)
    for name in ("a.md", "b.md"):
        put(near(world), name, "---\nid: twin\n---\none\n")
    before = (
        files_below(near(world)),
        files_below(world.state),
        {p: p.stat().st_mtime_ns for p in near(world).iterdir()},
    )

    findings(hybrid)
    assert memfs(world, "doctor").code == 9

    after = files_below(near(world)), files_below(world.state), {p: p.stat().st_mtime_ns for p in near(world).iterdir()}
    assert after == before


def test_the_oldest_twin_keeps_its_id(hybrid: Workspace, world: World) -> None:
    """The others get new ones, no other byte changes, and it can be undone."""
    old = put(near(world), "z.md", "---\nid: twin\ncreated: 2026-01-01\n---\nold zebra\n")
    new = put(near(world), "a.md", "---\n# mine\nid: twin\ncreated: 2026-02-01\n---\nnew zebra\n")
    newest = put(far(world), "b.md", "---\nid: twin\ncreated: 2026-03-01\n---\nnewest zebra\n")
    before = [path.read_text() for path in (old, new, newest)]

    [finding] = findings(hybrid, fix=True)

    assert finding.kind == "twins"
    assert str(new) in finding.fixed
    assert hybrid.get("twin").path == old
    ids = {hybrid.get(str(path)).memory.id for path in (old, new, newest)}
    assert len(ids) == 3
    assert new.read_text().replace(hybrid.get("a.md").memory.id, "twin") == before[1]
    assert findings(hybrid) == []
    hybrid.undo()
    hybrid.undo()
    assert [path.read_text() for path in (old, new, newest)] == before


def test_a_stranger_cannot_take_an_id_away_by_claiming_to_be_older(world: World) -> None:
    """Of twins in a cloned project and in the global store the user's own keeps its id."""
    world.config('mode = "hybrid"\n')
    own = put(far(world), "own.md", "---\nid: twin\ncreated: 2026-01-01\n---\nmine\n")
    theirs = put(near(world), "theirs.md", "---\nid: twin\ncreated: 1970-01-01\n---\nyours\n")
    here = world.open()

    findings(here, fix=True)

    assert here.get("twin").path == own
    assert "id: twin" not in theirs.read_text()


def test_a_move_that_was_cut_off_is_finished_only_when_allowed(hybrid: Workspace, world: World) -> None:
    """The copy in the farther store goes after the question is answered with yes; it can be brought back."""
    text = "---\nid: copy\n---\nsame\n"
    kept, copy = put(near(world), "a.md", text), put(far(world), "a.md", text)
    asked: list[Entry] = []

    def no(entry: Entry) -> bool:
        asked.append(entry)
        return False

    refused = doctor.examine(hybrid, fix=True, may_remove=no)
    assert ([entry.path for entry in asked], copy.exists(), refused.healthy) == ([copy], True, False)

    granted = doctor.examine(hybrid, fix=True, may_remove=lambda _: True)

    assert (kept.read_text(), copy.exists(), granted.healthy) == (text, False, True)
    assert str(copy) in granted.findings[0].fixed
    assert findings(hybrid) == []
    hybrid.undo()
    assert copy.read_text() == text


@pytest.mark.parametrize("remote", ["group", "home"])
def test_what_was_published_is_never_removed_where_others_have_it(world: World, remote: str) -> None:
    """Neither as the copy of a move that was cut off, nor, once it says something else, by a new id."""
    settings = f'mode = "hybrid"\n[groups.team]\nmembers = ["{world.trusted()}"]\n'
    world.config(f'{settings}remote = "/x.git"\n' if remote == "group" else f'remote = "/x.git"\n{settings}')
    team = world.home / "groups/team"
    here, there = (put(folder, "a.md", "---\nid: copy\n---\nsame\n") for folder in (near(world), team))
    hybrid = world.open()

    report = doctor.examine(hybrid, fix=True, may_remove=lambda _: True)

    [finding] = report.findings
    assert (finding.kind, finding.paths, finding.fixed, report.healthy) == ("copy", (here, there), "", True)
    assert "it was published" in finding.sentence
    there.write_text("---\nid: copy\n---\nanother\n")
    [finding] = findings(hybrid, fix=True, yes=True)
    assert (finding.kind, finding.fixed, finding.serious) == ("twins", "", True)
    assert (here.read_text(), there.read_text()) == ("---\nid: copy\n---\nsame\n", "---\nid: copy\n---\nanother\n")
    typed = finding.sentence.split("`")[1].split()
    assert memfs(world, *typed[1:]).code == 0
    assert (here.exists(), there.exists(), findings(hybrid)) == (False, True, [])


def test_of_twins_the_one_that_others_have_keeps_its_id(world: World) -> None:
    """Where one store has two of them, a new id is needed: the one that is only here gets it, and the younger there."""
    world.config(f'mode = "hybrid"\n[groups.team]\nmembers = ["{world.trusted()}"]\nremote = "/x.git"\n')
    team = world.home / "groups/team"
    here = put(near(world), "a.md", "---\nid: twin\ncreated: 2026-01-01\n---\none\n")
    there = put(team, "a.md", "---\nid: twin\ncreated: 2026-01-02\n---\ntwo\n")
    younger = put(team, "b.md", "---\nid: twin\ncreated: 2026-01-03\n---\nthree\n")

    findings(world.open(), fix=True)

    assert ["id: twin" in path.read_text() for path in (here, there, younger)] == [False, True, False]


def test_a_twin_that_cannot_be_rewritten_is_left_and_stays_a_finding(hybrid: Workspace, world: World) -> None:
    """A file in conflict is the user's to mend; memfs does not guess."""
    put(near(world), "a.md", "---\nid: twin\ncreated: 2026-01-01\n---\none\n")
    text = "---\nid: twin\ncreated: 2026-02-01\n---\n<<<<<<< a\nx\n=======\ny\n>>>>>>> b\n"
    path = put(near(world), "b.md", text)

    report = doctor.examine(hybrid, fix=True, may_remove=lambda _: True)

    assert not report.healthy
    assert path.read_text() == text


def test_a_config_that_is_partly_wrong_is_a_finding_but_no_illness(world: World) -> None:
    """Told with its file; the exit code stays 0 but for --strict."""
    world.config('mode = "sideways"\n')

    [finding] = findings(world.open())

    assert (finding.kind, finding.paths, finding.serious) == ("config", (world.home / "config.toml",), False)
    assert memfs(world, "doctor").code == 0
    assert memfs(world, "doctor", "--strict").code == 9


def test_an_index_that_cannot_be_kept_is_a_finding(world: World) -> None:
    """Search works, but each process indexes anew."""
    world.cache.write_text("in the way")
    put(near(world), "a.md", "one\n")

    [finding] = findings(world.open())

    assert finding.kind == "index"
    assert "each process indexes anew" in finding.sentence


def test_names_that_no_file_system_shares_are_named(hybrid: Workspace, world: World) -> None:
    """A name that is not UTF-8, a folder called like a memory, a broken link: told or passed over, never fatal."""
    put(near(world), "good.md", "one\n")
    with Path(os.fsdecode(os.fsencode(near(world)) + b"/bad\xff.md")).open("w") as file:
        file.write("two\n")
    (near(world) / "folder.md").mkdir()
    put(near(world) / "folder.md", "inner.md", "three\n")
    (near(world) / "broken.md").symlink_to("nowhere.md")

    found = findings(hybrid)

    assert [(finding.kind, finding.sentence.split(".")[0]) for finding in found] == [
        ("unreadable", "its name is not UTF-8")
    ]
    assert {entry.memory.path for entry in hybrid.list().entries} == {"good.md", "folder.md/inner.md"}


def test_the_command_mends_and_tells(world: World) -> None:
    """Text and JSON, exit code 9 while something serious is open and 0 when it is mended."""
    world.config('mode = "hybrid"\n')
    first = put(near(world), "a.md", "---\nid: twin\ncreated: 2026-01-01\n---\none\n")
    second = put(near(world), "b.md", "---\nid: twin\ncreated: 2026-02-01\n---\ntwo\n")
    for store in (near(world), far(world)):
        put(store, "copy.md", "---\nid: copy\n---\nsame\n")

    looked = memfs(world, "doctor")
    listed = memfs(world, "doctor", "--json")
    mended = memfs(world, "doctor", "--fix", "--json")
    finished = memfs(world, "doctor", "--fix", "--yes")

    assert (looked.code, listed.code, mended.code, finished.code) == (9, 9, 9, 0)
    assert str(first) in looked.out
    assert looked.out.endswith("2 findings.\n")
    assert {finding["kind"] for finding in listed.json["findings"]} == {"twins", "copy"}
    assert listed.json["healthy"] is False
    [twins] = [finding for finding in mended.json["findings"] if finding["kind"] == "twins"]
    assert str(second) in twins["fixed"]
    assert sorted(twins["paths"]) == [str(first), str(second)]
    assert "mended: removed " in finished.out
    assert not (far(world) / "copy.md").exists()
    assert memfs(world, "doctor").out == "All is well.\n"


def test_a_credential_that_is_there_is_named_by_kind_and_line_and_never_shown(hybrid: Workspace, world: World) -> None:
    """In each store, however it came there, in header and text; what git carries is serious, the rest is told."""
    hybrid.save(f"one\nuse {TOKEN}", {"title": "Meant"}, allow_secret=True)
    pulled = put(near(world), "sub/pulled.md", f"---\ntags: [{TOKEN}]\n---\none\n{KEY}\n")
    shared = put(far(world), "shared.md", f"one {TOKEN}\n")
    before = files_below(world.home), files_below(near(world))

    found = findings(hybrid, fix=True, yes=True)

    own = hybrid.get("Meant").path
    assert sorted((finding.kind, *finding.paths, finding.line, finding.serious) for finding in found) == sorted([
        ("secret", own, own.read_text().splitlines().index(f"use {TOKEN}") + 1, True),
        ("secret", pulled, 2, True),
        ("secret", pulled, 5, True),
        ("secret", shared, 1, False),
    ])  # fmt: skip
    assert {finding.sentence.split(".")[0] for finding in found} == {
        "It seems to hold a secret: GitHub Token",
        "It seems to hold a secret: Private Key",
    }
    assert not any(TOKEN in finding.sentence for finding in found)
    assert (files_below(world.home), files_below(near(world))) == before


@pytest.mark.parametrize(
    "text",
    [
        f"---\na: [\n---\n{TOKEN}\n",
        f"<<<<<<< a\n=======\n>>>>>>> b\n{TOKEN}\n",
        b"caf\xe9\n\n\n" + b"ghp_" + b"a1B2" * 9,
    ],
    ids=["malformed", "conflict", "latin-1"],
)
def test_a_file_that_cannot_be_used_is_looked_through_for_credentials_too(
    hybrid: Workspace, world: World, text: str | bytes
) -> None:
    """Git carries it like any other."""
    path = put(near(world), "broken.md", text)

    [secret] = [finding for finding in findings(hybrid) if finding.kind == "secret"]

    assert (secret.paths, secret.line) == ((path,), 4)


def test_a_credential_ends_the_command_with_its_exit_code(world: World) -> None:
    """For people and programs, without the credential; 0 again when it was taken out, and in the global store alone."""
    world.config('mode = "hybrid"\n')
    path = put(near(world), "a.md", f"one\n{TOKEN}\n")

    shown, listed = memfs(world, "doctor"), memfs(world, "doctor", "--json")
    path.unlink()
    put(far(world), "a.md", f"one\n{TOKEN}\n")
    shared, strict = memfs(world, "doctor"), memfs(world, "doctor", "--strict")
    put(far(world), "a.md", "one\n")

    assert (shown.code, listed.code, shared.code, strict.code, memfs(world, "doctor").code) == (9, 9, 0, 9, 0)
    assert f"secret  {path}:2\n" in shown.out
    [finding] = listed.json["findings"]
    assert (finding["kind"], finding["paths"], finding["line"]) == ("secret", [str(path)], 2)
    assert "GitHub Token" in finding["sentence"]
    assert TOKEN not in shown.out + shown.err + listed.out + listed.err + shared.out
    assert "--allow-secret" in memfs(world, "doctor", "--help").out


def test_who_waits_is_told_how_far_the_doctor_is(world: World) -> None:
    """Once for each batch of files, of all files of the view; never in a small one."""
    told: list[tuple[int, int]] = []
    for number in range(doctor.BATCH - 1):
        put(near(world), f"{number}.md", "one\n")

    def examine() -> None:
        doctor.examine(world.open(), progress=lambda done, every: told.append((done, every)))

    examine()
    assert told == []
    put(near(world), "last.md", "one\n")
    put(near(world), "more.md", "one\n")
    examine()

    assert told == [(doctor.BATCH, doctor.BATCH + 1)]


def test_a_temporary_file_of_a_dead_writer_is_swept(world: World) -> None:
    """It is never listed nor searched, and gone after the next look at the store."""
    put(near(world), "good.md", "one\n")
    stale = put(near(world), ".memfs-999999-abcdef.tmp", "half\n")

    assert memfs(world, "doctor").code == 0
    assert not stale.exists()
    assert memfs(world, "search", "half").out.startswith("Nothing found.")


def test_important_memories_without_cues_are_listed_when_asked_for(world: World, hybrid: Workspace) -> None:
    """The most important first, of every store of one's own, as mere advice; those with cues are not named."""
    put(near(world), "has.md", "---\nimportance: 10\ncues: [where do ids come from]\n---\nUse ULIDs.\n")
    put(near(world), "eight.md", "---\nid: eight\nimportance: 8\n---\nDeploy before noon.\n")
    put(near(world), "seven.md", "---\nimportance: 7\n---\nTabs.\n")
    put(far(world), "ten.md", "---\nid: ten\nimportance: 10\n---\nNever \x1b[31mforce-push.\n")

    found = [finding for finding in doctor.examine(hybrid, cues=True).findings if finding.kind == "cues"]
    shown, strict = memfs(world, "doctor", "--cues"), memfs(world, "doctor", "--cues", "--strict")
    listed = memfs(world, "doctor", "--cues", "--json").json["findings"]

    assert [finding.paths for finding in found] == [(far(world) / "ten.md",), (near(world) / "eight.md",)]
    assert (shown.code, strict.code, memfs(world, "doctor", "--strict").code) == (0, 9, 0)
    assert "memfs update ten --cue" in shown.out
    assert "\x1b[31m" not in shown.out
    assert [finding["kind"] for finding in listed] == ["cues", "cues"]
    assert memfs(world, "update", "eight", "--cue", "when may I release", "--cue", "which day").code == 0
    assert "eight.md" not in memfs(world, "doctor", "--cues").out
    assert "asked as: when may I release · which day" in memfs(world, "get", "eight").out
