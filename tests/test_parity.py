"""Each verb comes to the same through `Workspace` and through the command line."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memfs import comparing
from memfs import doctor
from memfs.answers import Duplicates
from memfs.errors import MemfsError
from memfs.faces import render
from memfs.faces import render_git
from memfs.faces import render_health
from memfs.faces.cli import COMMANDS
from memfs.history import History
from memfs.query import Filters
from memfs.workspace import Workspace
from tests.commands import memfs
from tests.worlds import World
from tests.worlds import files_below
from tests.worlds import new_world

Json = dict[str, Any]
ULID = re.compile(rb"[0-9A-HJKMNP-TV-Z]{26}")
MADE = re.compile(r"-[0-9a-z]{6}\.md")
"""The random part of a new file's name."""
KEPT = re.compile(rb"\d{17}-[0-9a-f]{6}")
"""What the undo journal calls a version."""
TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def put(folder: Path, name: str, text: str) -> None:
    """Write a file below the folder of a store."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def twins(tmp_path: Path) -> tuple[World, World]:
    """Return two machines that are alike to the byte; on each the workspace is in hybrid mode and in a group."""
    first = new_world(tmp_path / "first")
    first.config('mode = "hybrid"\n[weights]\nglobal = 0.5\n[groups.team]\nmembers = ["project"]\n')
    near = first.folder() / ".memory"
    put(
        near,
        "a.md",
        "---\nid: abc\ntitle: Use ULIDs\ntype: decision\nimportance: 9\ntags: [ids]\ncreated: 2026-01-01\n---\nzebra\n",
    )
    put(near, "sub/b.md", "# A plain file\n\nzebra without a header\n")
    put(near, "bad.md", "---\na: [\n---\nzebra\n")
    put(near, "t1.md", "---\nid: twin\ncreated: 2026-01-03\n---\none\n")
    put(near, "t2.md", "---\nid: twin\ncreated: 2026-01-04\n---\ntwo\n")
    put(first.home / "global", "g.md", "---\nid: glob\ntags: [x, ids]\ncreated: 2026-02-02\n---\nA global zebra.\n")
    shutil.copytree(tmp_path / "first", tmp_path / "second", copy_function=shutil.copy2)
    return first, World(tmp_path / "second")


def same(world: World, value: Any) -> Any:  # noqa: ANN401  (JSON)
    """Return *value* without what differs from machine to machine and from second to second."""
    if isinstance(value, dict):
        return {
            key: same(world, each) for key, each in value.items() if key not in ("updated", "bytes", "version", "at")
        }
    if isinstance(value, list):
        return [same(world, each) for each in value]
    if not isinstance(value, str):
        return value
    text = KEPT.sub(b"KEPT", ULID.sub(b"ULID", value.replace(str(world.root), "ROOT").encode()))
    return (
        "DIGEST" if re.fullmatch(rb"[0-9a-f]{64}", text) else MADE.sub("-random.md", TIME.sub(b"TIME", text).decode())
    )


def stores(world: World) -> dict[str, bytes]:
    """Return every file of the stores, without what is random in names and headers."""
    files = {f"near/{name}": raw for name, raw in files_below(world.folder() / ".memory").items()}
    files |= {f"far/{name}": raw for name, raw in files_below(world.home).items()}
    return {MADE.sub("-random.md", name): TIME.sub(b"TIME", ULID.sub(b"ULID", raw)) for name, raw in files.items()}


def undone(here: Workspace) -> Json:
    """Take back what is done right before."""
    here.update("abc", {"title": "x"})
    return render.done_json(here.undo())


def restored(here: Workspace) -> Json:
    """Bring back what is forgotten right before."""
    here.forget("abc")
    return render.done_json(here.restore("abc"))


def changed(here: Workspace) -> History:
    """Tell what a memory was that is changed right before."""
    here.update("abc", {"title": "x"})
    return here.history("abc")


def merged(here: Workspace) -> Duplicates:
    """Make one of what is saved twice."""
    here.save("zebra, and more", {"title": "Use ULIDs"})
    return here.duplicates(0.5, merge=True)


def tagged(here: Workspace) -> Json:
    """Add a tag to those that are there."""
    return render.done_json(here.update("abc", {"tags": ["ids", "new"]}))


VERBS: dict[str, tuple[tuple[tuple[str, ...], ...], Callable[[Workspace], Json]]] = {
    "save": (
        (("save", "A new zebra.", "--title", "New", "--tag", "a", "--tag", "b, c", "--importance", "7"),),
        lambda here: render.done_json(
            here.save("A new zebra.", {"title": "New", "tags": ["a", "b, c"], "importance": "7"})
        ),
    ),
    "save globally": (
        (("save", "A new zebra.", "--global"),),
        lambda here: render.done_json(here.save("A new zebra.", scope="global")),
    ),
    "save what is known": (
        (("save", "# A plain file\n\nzebra without any header", "--cue", "striped horse"),),
        lambda here: render.done_json(
            here.save("# A plain file\n\nzebra without any header", {"cues": ["striped horse"]})
        ),
    ),
    "save into": (
        (("save", "Except in December.", "--into", "abc", "--tag", "rule", "--cue", "primary key"),),
        lambda here: render.done_json(
            here.save("Except in December.", {"tags": ["rule"], "cues": ["primary key"]}, merge_into="abc")
        ),
    ),
    "related": (
        (("related", "sub/b.md"),),
        lambda here: render.related_json(here.related("sub/b.md")),
    ),
    "duplicates": (
        (("duplicates", "--threshold", "0.1", "-n", "1"),),
        lambda here: render.duplicates_json(here.duplicates(0.1, limit=1)),
    ),
    "duplicates --merge": (
        (("save", "zebra, and more", "--title", "Use ULIDs"), ("duplicates", "--threshold", "0.5", "--merge")),
        lambda here: render.duplicates_json(merged(here)),
    ),
    "consolidate": (
        (("consolidate", "abc", "sub/b.md", "--keep", "abc"),),
        lambda here: render.done_json(here.consolidate(["abc", "sub/b.md"], keep="abc")),
    ),
    "get": ((("get", "abc"),), lambda here: render.entry_json(here.get("abc"), body=True)),
    "get by path": ((("get", "sub/b.md"),), lambda here: render.entry_json(here.get("sub/b.md"), body=True)),
    "get a bad one": ((("get", "bad.md"),), lambda here: render.entry_json(here.get("bad.md"), body=True)),
    "search": ((("search", "zebra"),), lambda here: render.results_json(here.search("zebra"))),
    "search in other words": (
        (("search", "zebra", "--also", "ids", "--also=-x"),),
        lambda here: render.results_json(here.search("zebra", also=["ids", "-x"])),
    ),
    "search with filters": (
        (("search", "zebra", "--tag", "ids", "-n", "1", "--regex", "z.b"),),
        lambda here: render.results_json(here.search("zebra", filters=Filters(tags=("ids",)), limit=1, regex="z.b")),
    ),
    "list": ((("list",),), lambda here: render.listing_json(here.list())),
    "list a page": (
        (("list", "-n", "2", "--offset", "1", "--sort", "importance"),),
        lambda here: render.listing_json(here.list(limit=2, offset=1, sort="importance")),
    ),
    "update": (
        (("update", "abc", "--title", "Changed", "--unset", "type", "--body", "New text."),),
        lambda here: render.done_json(here.update("abc", {"title": "Changed", "type": None}, "New text.")),
    ),
    "update without an id": (
        (("update", "sub/b.md", "--importance", "3"),),
        lambda here: render.done_json(here.update("sub/b.md", {"importance": "3"})),
    ),
    "tag": ((("tag", "abc", "new"),), tagged),
    "tags": ((("tag",),), lambda here: {"tags": here.values("tag")}),
    "move": ((("move", "abc", "--to", "global"),), lambda here: render.done_json(here.move("abc", "global"))),
    "move nearer": (
        (("move", "glob", "--to", "workspace"),),
        lambda here: render.done_json(here.move("glob", "workspace")),
    ),
    "forget": ((("forget", "abc"),), lambda here: render.done_json(here.forget("abc"))),
    "restore": ((("forget", "abc"), ("restore", "abc")), restored),
    "history": (
        (("update", "abc", "--title", "x"), ("history", "abc")),
        lambda here: render_git.history_json(changed(here)),
    ),
    "versions": (
        (("update", "abc", "--title", "x"), ("restore", "abc", "--list")),
        lambda here: render_git.history_json(changed(here)),
    ),
    "diff": (
        (("update", "abc", "--title", "x"), ("diff", "abc")),
        lambda here: render_git.difference_json(told := changed(here), comparing.difference(told)),
    ),
    "blame": (
        (("update", "abc", "--title", "x"), ("blame", "abc")),
        lambda here: render_git.blame_json(told := changed(here), comparing.blame(told)),
    ),
    "undo": ((("update", "abc", "--title", "x"), ("undo",)), undone),
    "status": ((("status",),), lambda here: render_health.status_json(here.status())),
    "reindex": (
        (("reindex",),),
        lambda here: {"memories": here.reindex(), "index": str(here.index.folder), "note": here.index.note},
    ),
    "doctor": ((("doctor",),), lambda here: render_health.report_json(doctor.examine(here))),
    "doctor --fix": (
        (("doctor", "--fix", "--yes"),),
        lambda here: render_health.report_json(doctor.examine(here, fix=True, may_remove=lambda _: True)),
    ),
    "init": (
        (("init",),),
        lambda here: {
            "workspace": str(here.view.workspace),
            "path": str(here.view.stores[0].root),
            "made": here.begin()[1],
        },
    ),
}
"""Verb to the commands that do it, and to what does the same without a process."""


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_answers_and_does_the_same_in_both_ways(twins: tuple[World, World], verb: str) -> None:
    """The JSON is equal to the last key, and so are the files afterwards."""
    first, second = twins
    commands, call = VERBS[verb]

    said = [memfs(first, *arguments, "--json").json for arguments in commands][-1]
    meant = call(second.open())

    assert same(first, said) == same(second, meant)
    assert stores(first) == stores(second)


ERRORS: dict[str, tuple[tuple[str, ...], Callable[[Workspace], object]]] = {
    "not found": (("get", "Use ULID"), lambda here: here.get("Use ULID")),
    "twins": (("forget", "twin"), lambda here: here.forget("twin")),
    "unwritable": (("update", "bad.md", "--title", "x"), lambda here: here.update("bad.md", {"title": "x"})),
    "outside": (("get", "../x.md"), lambda here: here.get("../x.md")),
    "changed": (
        ("update", "abc", "--title", "x", "--digest", "0" * 64),
        lambda here: here.update("abc", {"title": "x"}, expect="0" * 64),
    ),
    "no scope": (("move", "abc", "--to", "moon"), lambda here: here.move("abc", "moon")),
    "no member": (("save", "x", "--scope", "group:none"), lambda here: here.save("x", scope="group:none")),
    "bad value": (("save", "x", "--expires", "soon"), lambda here: here.save("x", {"expires": "soon"})),
    "empty": (("save", " "), lambda here: here.save(" ")),
    "bad pattern": (("search", "x", "--regex", "("), lambda here: here.search("x", regex="(")),
    "no hits wanted": (("search", "x", "-n", "0"), lambda here: here.search("x", limit=0)),
    "no such order": (("list", "--sort", "title"), lambda here: here.list(sort="title")),
    "never forgotten": (("restore", "nothing"), lambda here: here.restore("nothing")),
    "nothing to undo": (("undo",), lambda here: here.undo()),
    "no such threshold": (("duplicates", "--threshold", "2"), lambda here: here.duplicates(2)),
    "one is not several": (("consolidate", "abc"), lambda here: here.consolidate(["abc"])),
    "into nothing": (("save", "x", "--into", "nothing"), lambda here: here.save("x", merge_into="nothing")),
    "a secret": (("save", "ghp_" + "a1B2" * 9), lambda here: here.save("ghp_" + "a1B2" * 9)),
}
"""Refusal to the command that meets it, and to what meets the same without a process."""


@pytest.mark.parametrize("refusal", ERRORS)
def test_a_refusal_is_the_same_in_both_ways(twins: tuple[World, World], refusal: str) -> None:
    """Code, sentence, facts and exit code; and no file changes."""
    first, second = twins
    arguments, call = ERRORS[refusal]
    before = stores(first)

    answer = memfs(first, *arguments, "--json")
    with pytest.raises(MemfsError) as refused:
        call(second.open())

    assert same(first, answer.error) == same(second, render.error_json(refused.value)["error"])
    assert answer.code == refused.value.exit_code
    assert stores(first) == stores(second) == before


def test_every_command_that_is_a_verb_has_its_pair() -> None:
    """A new command needs a line above; what remains is only the command line's own."""
    paired = {arguments[0] for commands, _ in VERBS.values() for arguments in commands}

    assert set(COMMANDS) - paired == {
        "edit", "setup", "trust", "untrust", "config", "path", "completion", "serve", "watch", "hook", "why",
        "group", "channel", "projects", "commit", "sync", "resolve", "merge-driver", "publish", "export",
        "bench",
    }  # fmt: skip
