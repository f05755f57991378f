"""Each verb comes to the same through `Workspace`, through the command line and over MCP."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from memfs.faces import render
from memfs.faces import render_health
from memfs.faces.mcp import shapes
from memfs.query import Filters
from memfs.workspace import Workspace
from tests.commands import memfs
from tests.serving import MODERN
from tests.serving import Agent
from tests.serving import Json
from tests.serving import connected
from tests.serving import put
from tests.serving import text_of
from tests.serving import within
from tests.test_parity import ERRORS
from tests.test_parity import same
from tests.test_parity import stores
from tests.worlds import World
from tests.worlds import new_world

ONLY_MCP = {
    "is_global", "timestamp", "success", "updated_at", "deleted_at", "workspace_id", "truncated", "characters",
    "project",
}  # fmt: skip
"""Keys that recall's users expect beside what the other faces say; what they say is checked where it is meant."""

NEAR = {"similar", "related", "removed"}
"""Keys with memories in short."""

FULL = """\
---
id: full
title: Use ULIDs for every key
type: decision
importance: 9
tags: [ids, db]
category: architecture
summary: ULIDs sort by time.
session: sess-1
about: [src/db/schema.py]
channels: [backend]
cues: [primary key]
pinned: true
expires: 2999-01-01T00:00:00Z
links:
  - {type: supersedes, to: g}
created: 2026-01-01T00:00:00Z
updated: 2026-01-02T00:00:00Z
mood: sunny
---
zebra keys
"""


class Machines(NamedTuple):
    """Three machines that are alike to the byte, one for each way."""

    command: World
    library: World
    server: World


@pytest.fixture
def machines(tmp_path: Path) -> Machines:
    """Return three machines; on each the workspace is in hybrid mode and in a group, and beside another project."""
    first = new_world(tmp_path / "command", MEMFS_SESSION="one")
    near = first.folder() / ".memory"
    put(near, "full.md", FULL)
    put(near, "a.md", "---\nid: abc\ntitle: T\ntype: decision\ntags: [ids]\ncreated: 2026-01-03\n---\nzebra\n")
    put(near, "sub/b.md", "# A plain file\n\nzebra without a header\n")
    put(near, "bad.md", "---\na: [\n---\nzebra\n")
    put(near, "t1.md", "---\nid: twin\ncreated: 2026-01-03\n---\none\n")
    put(near, "t2.md", "---\nid: twin\ncreated: 2026-01-04\n---\ntwo\n")
    put(first.home / "global", "g.md", "---\nid: glob\ntags: [x, ids]\ncreated: 2026-02-02\n---\nA global zebra.\n")
    put(first.folder("other") / ".memory", "far.md", "---\nid: far\ncreated: 2026-02-03\n---\nA zebra elsewhere.\n")
    others = [World(tmp_path / name, first.extra) for name in ("library", "server")]
    for other in others:
        shutil.copytree(first.root, other.root, copy_function=shutil.copy2)
    for world in (first, *others):
        world.config(
            'mode = "hybrid"\ncross_project = true\n[weights]\nglobal = 0.5\n'
            f'[groups.team]\nmembers = ["{world.trusted()}"]\n',
        )
        for folder in (world.folder(), world.folder("other")):
            world.open(folder).catch_up()  # a save tells what is alike of what the index has
    return Machines(first, *others)


def in_our_words(said: Json) -> Json:
    """Return an object that was said over MCP, a memory or what has memories in it, under the keys of the others."""
    ours = {theirs: mine for mine, theirs in shapes.RENAMED.items()} | {
        "similarity": "score",
        "results": "hits",
        "next_cursor": "next_offset",
    }
    shown: Json = {}
    for key, value in said.items():
        nested = isinstance(value, list) and value and isinstance(value[0], dict)
        shown[ours.get(key, key)] = [in_our_words(each) for each in value] if nested else value
    return shown


def agreed(world: World, said: Json, other: World, meant: Json) -> set[str]:
    """Return the keys that both machines show, after checking that they say the same under each."""
    here, there = same(world, said), same(other, meant)
    both: set[str] = here.keys() & there.keys()
    for key in both - {"hits", "memories", "stores", *NEAR}:
        if key == "summary" or (key == "snippet" and key not in here):
            continue  # over MCP a memory without a written summary is shown with the beginning of its text
        assert here[key] == there[key], key
    if "created" in both and "timestamp" in said:
        assert said["timestamp"] == datetime.fromisoformat(meant["created"]).timestamp() * 1000
    if "is_global" in said and "scope" in said:
        assert said["is_global"] == (meant["scope"] == "global")
    for key in both & NEAR:
        assert len(here[key]) == len(there[key])
        for mine, theirs in zip(said[key], meant[key], strict=True):
            assert agreed(world, mine, other, theirs) >= (
                {"id", "path"} if key == "removed" else {"id", "score", "scope"}
            )
    for key in both & {"hits", "memories"}:
        assert len(here[key]) == len(there[key])
        for mine, theirs in zip(said[key], meant[key], strict=True):
            assert agreed(world, mine, other, theirs) >= {"id", "title", "scope", "type", "importance", "tags"}
    return both


class Verb(NamedTuple):
    """One verb in three ways.

    Attributes:
        command: What a person types.
        call: What a program calls.
        tool: What an agent calls, and with which arguments.
        shown: Keys that must be among those that all show.
    """

    command: tuple[str, ...]
    call: Callable[[Workspace], Json]
    tool: tuple[str, Json]
    shown: tuple[str, ...]


MEMORY = ("id", "title", "scope", "path", "digest")

READING: dict[str, Verb] = {
    "get": Verb(
        ("get", "full"),
        lambda here: render.entry_json(here.get("full"), body=True),
        ("get_memory", {"memory_id": "full"}),
        (*MEMORY, "type", "importance", "tags", "created", "trusted", "body", "links", "cues", "session"),
    ),
    "get by path": Verb(
        ("get", "sub/b.md"),
        lambda here: render.entry_json(here.get("sub/b.md"), body=True),
        ("get_memory", {"memory_id": "sub/b.md"}),
        (*MEMORY, "body"),
    ),
    "get by title": Verb(
        ("get", "Use ULIDs for every key"),
        lambda here: render.entry_json(here.get("Use ULIDs for every key"), body=True),
        ("get_memory", {"memory_id": "use ulids for every key"}),
        (*MEMORY, "body"),
    ),
    "get a bad one": Verb(
        ("get", "bad.md"),
        lambda here: render.entry_json(here.get("bad.md"), body=True),
        ("get_memory", {"memory_id": "bad.md"}),
        (*MEMORY, "body", "state", "problems"),
    ),
    "get a global one": Verb(
        ("get", "glob"),
        lambda here: render.entry_json(here.get("glob"), body=True),
        ("get_memory", {"memory_id": "glob"}),
        (*MEMORY, "body", "trusted"),
    ),
    "search": Verb(
        ("search", "zebra"),
        lambda here: render.results_json(here.search("zebra")),
        ("search_memories", {"query": "zebra"}),
        ("query", "hits"),
    ),
    "search with filters": Verb(
        ("search", "zebra", "--tag", "ids", "-n", "1", "--regex", "z.b"),
        lambda here: render.results_json(here.search("zebra", filters=Filters(tags=("ids",)), limit=1, regex="z.b")),
        ("search_memories", {"query": "zebra", "tags": ["ids"], "limit": 1, "regex": "Z.B", "output_mode": "full"}),
        ("query", "hits"),
    ),
    "search with filters in the question": Verb(
        ("search", "zebra importance:>=8 -scope:global"),
        lambda here: render.results_json(here.search("zebra importance:>=8 -scope:global")),
        ("search_memories", {"query": "zebra importance:>=8 -scope:global"}),
        ("query", "hits"),
    ),
    "search for nothing that is there": Verb(
        ("search", "giraffe"),
        lambda here: render.results_json(here.search("giraffe")),
        ("search_memories", {"query": "giraffe"}),
        ("query", "hits"),
    ),
    "search in a channel": Verb(
        ("search", "zebra", "--channel", "backend"),
        lambda here: render.results_json(here.search("zebra", filters=Filters(channels=("backend",)))),
        ("search_memories", {"query": "zebra", "channels": ["backend"], "output_mode": "full"}),
        ("query", "hits"),
    ),
    "search across projects": Verb(
        ("search", "zebra", "--all"),
        lambda here: render.results_json(here.across().search("zebra")),
        ("search_all_projects", {"query": "zebra"}),
        ("query", "hits"),
    ),
    "search in another project": Verb(
        ("search", "zebra", "--project", "other"),
        lambda here: render.results_json(here.across(["other"]).search("zebra")),
        ("search_all_projects", {"query": "zebra", "projects": ["other"]}),
        ("query", "hits"),
    ),
    "get from another project": Verb(
        ("get", "far", "--project", "other"),
        lambda here: render.entry_json(here.across(["other"]).get("far"), body=True),
        ("get_memory", {"memory_id": "far", "project": "other"}),
        (*MEMORY, "body", "trusted"),
    ),
    "search in several words": Verb(
        ("search", "primary", "--also", "striped zebra", "--also", "keys"),
        lambda here: render.results_json(here.search("primary", also=["striped zebra", "keys"])),
        ("search_memories", {"query": "primary", "also": ["striped zebra", "keys"]}),
        ("query", "hits"),
    ),
    "search across projects in several words": Verb(
        ("search", "elsewhere", "--also", "zebra", "--all"),
        lambda here: render.results_json(here.across().search("elsewhere", also=["zebra"])),
        ("search_all_projects", {"query": "elsewhere", "also": ["zebra"]}),
        ("query", "hits"),
    ),
    "related": Verb(
        ("related", "abc"),
        lambda here: render.related_json(here.related("abc")),
        ("get_related_memories", {"memory_id": "abc"}),
        ("id", "related"),
    ),
    "related by a link": Verb(
        ("related", "full", "-n", "1"),
        lambda here: render.related_json(here.related("full", limit=1)),
        ("get_related_memories", {"memory_id": "full", "limit": 1}),
        ("id", "related"),
    ),
    "list": Verb(
        ("list",), lambda here: render.listing_json(here.list()), ("list_memories", {}), ("memories", "total")
    ),
    "list a page": Verb(
        ("list", "-n", "2", "--offset", "1", "--sort", "importance"),
        lambda here: render.listing_json(here.list(limit=2, offset=1, sort="importance")),
        ("list_memories", {"limit": 2, "cursor": "1", "sort": "importance"}),
        ("memories", "total", "next_offset"),
    ),
    "list one scope": Verb(
        ("list", "--scope", "global"),
        lambda here: render.listing_json(here.list(filters=Filters(scopes=("global",)))),
        ("list_memories", {"scope": "global"}),
        ("memories", "total"),
    ),
    "status": Verb(
        ("status",),
        lambda here: render_health.status_json(here.status()),
        ("memory_status", {}),
        ("workspace", "mode", "mode_source", "stores", "index", "notes"),
    ),
}

"""What changes nothing; all can be asked of one server."""

WRITING: dict[str, Verb] = {
    "save": Verb(
        ("save", "A new zebra.", "--tag", "a", "--tag", "b, c", "--importance", "7", "--type", "insight"),
        lambda here: render.done_json(
            here.save("A new zebra.", {"tags": ["a", "b, c"], "importance": "7", "type": "insight"})
        ),
        (
            "store_memory",
            {"content": "A new zebra.", "tags": ["a", "b, c"], "importance": 7.9, "context_type": "insight"},
        ),
        MEMORY,
    ),
    "save globally": Verb(
        ("save", "A new zebra.", "--global", "--type", "information", "--importance", "5"),
        lambda here: render.done_json(
            here.save("A new zebra.", {"type": "information", "importance": "5"}, scope="global")
        ),
        ("store_memory", {"content": "A new zebra.", "is_global": True}),
        MEMORY,
    ),
    "save into a group and a channel": Verb(
        ("save", "A new zebra.", "--scope", "group:team", "--channel", "news", "--type", "todo", "--importance", "5"),
        lambda here: render.done_json(
            here.save("A new zebra.", {"type": "todo", "importance": "5", "channels": ["news"]}, scope="group:team")
        ),
        (
            "store_memory",
            {"content": "A new zebra.", "scope": "group:team", "channels": ["news"], "context_type": "todo"},
        ),
        MEMORY,
    ),
    "save with cues": Verb(
        ("save", "# T\n\nzebra, striped", "--cue", "horse with a pattern", "--type", "todo", "--importance", "5"),
        lambda here: render.done_json(
            here.save("# T\n\nzebra, striped", {"cues": ["horse with a pattern"], "type": "todo", "importance": "5"})
        ),
        (
            "store_memory",
            {"content": "# T\n\nzebra, striped", "cues": ["horse with a pattern"], "context_type": "todo"},
        ),
        MEMORY,
    ),
    "save into": Verb(
        ("save", "Except in zoos.", "--into", "abc", "--tag", "x", "--cue", "y"),
        lambda here: render.done_json(here.save("Except in zoos.", {"tags": ["x"], "cues": ["y"]}, merge_into="abc")),
        ("store_memory", {"content": "Except in zoos.", "merge_into": "abc", "tags": ["x"], "cues": ["y"]}),
        MEMORY,
    ),
    "change cues": Verb(
        ("update", "abc", "--cue", "one", "--cue", "two"),
        lambda here: render.done_json(here.update("abc", {"cues": ["one", "two"]})),
        ("update_memory", {"memory_id": "abc", "cues": ["one", "two"]}),
        MEMORY,
    ),
    "consolidate": Verb(
        ("consolidate", "abc", "full", "--keep", "abc"),
        lambda here: render.done_json(here.consolidate(["abc", "full"], keep="abc")),
        ("consolidate_memories", {"memory_ids": ["abc", "full"], "keep_id": "abc"}),
        (*MEMORY, "removed"),
    ),
    "put into a channel": Verb(
        ("update", "abc", "--channel", "api", "--channel", "news"),
        lambda here: render.done_json(here.update("abc", {"channels": ["api", "news"]})),
        ("update_memory", {"memory_id": "abc", "channels": ["api", "news"]}),
        MEMORY,
    ),
    "update": Verb(
        ("update", "abc", "--tag", "x", "--type", "insight", "--body", "New text."),
        lambda here: render.done_json(here.update("abc", {"tags": ["x"], "type": "insight"}, "New text.")),
        ("update_memory", {"memory_id": "abc", "tags": ["x"], "context_type": "insight", "content": "New text."}),
        MEMORY,
    ),
    "update without an id": Verb(
        ("update", "sub/b.md", "--importance", "3"),
        lambda here: render.done_json(here.update("sub/b.md", {"importance": "3"})),
        ("update_memory", {"memory_id": "sub/b.md", "importance": 3}),
        MEMORY,
    ),
    "move": Verb(
        ("move", "abc", "--to", "global"),
        lambda here: render.done_json(here.move("abc", "global")),
        ("move_memory", {"memory_id": "abc", "to": "global"}),
        MEMORY,
    ),
    "move to a group": Verb(
        ("move", "abc", "--to", "group:team"),
        lambda here: render.done_json(here.move("abc", "group:team")),
        ("move_memory", {"memory_id": "abc", "to": "group:team"}),
        MEMORY,
    ),
    "move nearer": Verb(
        ("move", "glob", "--to", "workspace"),
        lambda here: render.done_json(here.move("glob", "workspace")),
        ("convert_to_workspace", {"memory_id": "glob"}),
        MEMORY,
    ),
    "forget": Verb(
        ("forget", "abc"),
        lambda here: render.done_json(here.forget("abc")),
        ("delete_memory", {"memory_id": "abc"}),
        MEMORY,
    ),
}
"""What changes files, in this order: each step begins where the one before left them."""


def files_of(world: World) -> dict[str, bytes]:
    """Return every file of the stores; config.toml names the machine's own folder."""
    return {name: raw for name, raw in stores(world).items() if name != "far/config.toml"}


def checked(machines: Machines, verb: Verb, agent: Agent) -> Json:
    """Do *verb* in the three ways, check that they agree, and return what the agent was answered, in our words."""
    typed = memfs(machines.command, *verb.command, "--json").json
    called = verb.call(machines.library.open())
    answered = agent.call(verb.tool[0], **verb.tool[1])
    said = in_our_words(answered)
    if "next_offset" in said:
        said["next_offset"] = int(said["next_offset"])

    assert same(machines.command, typed) == same(machines.library, called)
    both = agreed(machines.server, said, machines.command, typed)
    assert both >= set(verb.shown)
    return said


def test_what_reads_says_the_same_in_three_ways(machines: Machines) -> None:
    """Every fact that the command line and an agent are both shown is equal, to the last key and the last digit."""
    with connected(machines.server, MODERN) as agent:
        for name, verb in READING.items():
            said = checked(machines, verb, agent)
            if name.startswith("get"):
                typed = memfs(machines.command, *verb.command, "--json").json
                assert typed.keys() <= said.keys(), name
                assert said.keys() - typed.keys() <= ONLY_MCP | {"summary"}, name
    assert files_of(machines.command) == files_of(machines.server)


def test_what_writes_says_and_does_the_same_in_three_ways(machines: Machines) -> None:
    """The answers agree, and after each verb so do all files of all stores."""
    with within(machines.server) as agent:
        for name, verb in WRITING.items():
            before = files_of(machines.server)

            said = checked(machines, verb, agent)

            assert said["success"] is True
            assert said.keys() - ONLY_MCP <= {*MEMORY, *NEAR, "notes", "summary", "trusted"}, name
            assert files_of(machines.command) == files_of(machines.library) == files_of(machines.server) != before


def test_copies_are_the_same_in_three_ways(machines: Machines) -> None:
    """Groups, who is kept, how alike the others are; and the files after they are made one."""
    for world in machines:
        for name in "xyz":
            text = f"The nightly backup of {name} goes to another region, encrypted with its own key."
            put(world.folder() / ".memory", f"{name}.md", f"---\nid: {name}\ncreated: 2026-03-01\n---\n{text}\n")
    with within(machines.server) as agent:
        before = files_of(machines.server)
        for merge in (False, True):
            flag = ["--merge"] if merge else []
            typed = memfs(machines.command, "duplicates", "--threshold", "0.5", "-n", "3", *flag, "--json").json
            called = render.duplicates_json(machines.library.open().duplicates(0.5, limit=3, merge=merge))
            said = agent.call("find_duplicates", similarity_threshold=0.5, limit=3, auto_merge=merge)

            assert same(machines.command, typed) == same(machines.library, called)
            ours = [[group["keep"]["id"], *(each["id"] for each in group["others"])] for group in typed["groups"]]
            theirs = [
                [group["keep"]["memory_id"], *(each["memory_id"] for each in group["duplicates"])]
                for group in said["groups"]
            ]
            assert ours == theirs
            assert {"x", "y", "z"} in map(set, ours)
            assert [each["merged"] for each in said["groups"]] == [each["merged"] for each in typed["groups"]]
            assert same(machines.server, said.get("notes", [])) == same(machines.command, typed["notes"])
            assert files_of(machines.command) == files_of(machines.library) == files_of(machines.server)
            assert (files_of(machines.server) == before) is not merge


REFUSED: dict[str, tuple[str, Json]] = {
    "not found": ("get_memory", {"memory_id": "Use ULID"}),
    "twins": ("delete_memory", {"memory_id": "twin"}),
    "unwritable": ("update_memory", {"memory_id": "bad.md", "category": "x"}),
    "outside": ("get_memory", {"memory_id": "../x.md"}),
    "no scope": ("move_memory", {"memory_id": "abc", "to": "moon"}),
    "empty": ("store_memory", {"content": " "}),
    "a secret": ("store_memory", {"content": "ghp_" + "a1B2" * 9}),
}
"""A refusal of `tests.test_parity.ERRORS` to the call that meets it."""


def test_a_refusal_has_the_same_code_and_facts_in_all_ways(machines: Machines) -> None:
    """The structured error is the command line's; the sentence too, but where recall had one of its own."""
    with within(machines.server) as agent:
        for name, (tool, arguments) in REFUSED.items():
            like_the_tool = ("--type", "information", "--importance", "5") if tool == "store_memory" else ()
            typed = memfs(machines.command, *ERRORS[name][0], *like_the_tool, "--json")
            result = agent.result(tool, arguments)

            assert result.is_error, name
            assert result.structured_content is not None
            error = result.structured_content["error"]
            assert text_of(result) == error["message"]
            theirs, ours = same(machines.server, error), same(machines.command, typed.error)
            if name == "not found":
                assert theirs.pop("message").startswith("Memory Use ULID not found. Did you mean ")
                del ours["message"]
            assert theirs == ours, name
    assert files_of(machines.command) == files_of(machines.server)


def test_every_memory_of_a_long_list_is_reached_by_its_cursor_once(world: World) -> None:
    """The pages of `list_memories` together are the list of `Workspace`."""
    for number in range(23):
        put(world.folder() / ".memory", f"{number}.md", f"---\nid: id-{number:02}\ncreated: 2026-01-01\n---\nx\n")
    expected = [entry.memory.id for entry in world.open().list(limit=100).entries]

    found: list[str] = []
    cursor: Json = {}
    with within(world, MODERN) as agent:
        while True:
            page = agent.call("list_memories", limit=5, **cursor)
            found += [each["memory_id"] for each in page["memories"]]
            assert page["total"] == 23
            if "next_cursor" not in page:
                break
            cursor = {"cursor": page["next_cursor"]}

    assert found == expected
    assert len(set(found)) == 23
