"""What recall's users know still holds: recorded calls with the answers it documents, replayed in each mode."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC
from datetime import datetime
from typing import NamedTuple

import pytest

from memfs.errors import GLOBAL_IN_ISOLATED
from memfs.errors import WORKSPACE_IN_GLOBAL
from memfs.faces.mcp import schemas
from memfs.memory import TYPES
from tests.serving import ERAS
from tests.serving import LEGACY
from tests.serving import MODERN
from tests.serving import Agent
from tests.serving import Json
from tests.serving import connected
from tests.serving import put
from tests.serving import text_of
from tests.serving import within
from tests.worlds import World

ABSENT = object()
"""Stands for a key that is not there."""
ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
MILLISECONDS = re.compile(r"1[7-9]\d{11}|[2-9]\d{12}")
"""A time from 2023 on, as recall writes it."""
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
"""A time as recall's versions have it."""
SHARE = re.compile(r"0|0?\.\d+|1(\.0)?")
"""What a similarity looks like: between 0 and 1."""


class Step(NamedTuple):
    """A recorded call.

    Attributes:
        tool: recall's name for it.
        arguments: As recall documents them; `{name}` stands for an id of an earlier step.
        expected: What is among the answer (objects: these keys; patterns: of the value), or the whole sentence of
            a failure.
        named: What the memory of the answer is called in later steps.
    """

    tool: str
    arguments: Json
    expected: object
    named: str = ""


def filled(value: object, names: dict[str, str]) -> object:
    """Return *value* with the ids that `{…}` stand for."""
    if isinstance(value, str):
        return re.sub(r"\{(\w+)\}", lambda found: names.get(found[1], found[0]), value)
    if isinstance(value, dict):
        return {key: filled(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, names) for each in value]
    return value


def check(expected: object, found: object, where: str = "") -> None:
    """Check that *found* has what is *expected*: keys of objects, items of lists, patterns and types of values."""
    if isinstance(expected, dict):
        assert isinstance(found, dict), f"{where}: {found!r}"
        for key, value in expected.items():
            if value is ABSENT:
                assert key not in found, f"{where}.{key}: {found[key]!r}"
            else:
                assert key in found, f"{where}.{key} is missing in {found!r}"
                check(value, found[key], f"{where}.{key}")
    elif isinstance(expected, list):
        assert isinstance(found, list), f"{where}: {found!r}"
        assert len(expected) == len(found), f"{where}: {found!r}"
        for number, (mine, theirs) in enumerate(zip(expected, found, strict=True)):
            check(mine, theirs, f"{where}[{number}]")
    elif isinstance(expected, re.Pattern):
        assert expected.fullmatch(str(found)), f"{where}: {found!r} is not {expected.pattern}"
    elif isinstance(expected, type):
        assert type(found) is expected, f"{where}: {found!r} is not {expected.__name__}"
    else:
        assert found == expected, f"{where}: {found!r} is not {expected!r}"


def replay(agent: Agent, steps: Sequence[Step], names: dict[str, str]) -> None:
    """Do *steps* one after the other; *names* has what `{…}` stands for, and gets the ids that steps give names to."""
    for number, step in enumerate(steps):
        where = f"step {number}, {step.tool}"
        arguments = filled(step.arguments, names)
        assert isinstance(arguments, dict)
        result = agent.result(step.tool, arguments)
        if isinstance(step.expected, str):
            assert result.is_error, f"{where}: {text_of(result)}"
            assert text_of(result) == filled(step.expected, names), where
            continue
        assert not result.is_error, f"{where}: {text_of(result)}"
        check(filled(step.expected, names), result.structured_content, where)
        if step.named:
            answer = result.structured_content or {}
            names[step.named] = answer["memory_id"] if "memory_id" in answer else answer["session_id"]


STORED: Json = {"success": True, "memory_id": ULID, "timestamp": MILLISECONDS}
FACTS: Json = {"importance": int, "tags": list, "timestamp": MILLISECONDS, "context_type": str, "similarity": SHARE}

EVERYWHERE: tuple[Step, ...] = (
    # ---- saving: defaults are applied, which recall forgot
    Step(
        "store_memory",
        {"content": "Zebras sleep\nstanding up."},
        {**STORED, "summary": "Zebras sleep standing up."},
        "plain",
    ),
    Step(
        "get_memory",
        {"memory_id": "{plain}"},
        {
            "memory_id": "{plain}",
            "content": "Zebras sleep\nstanding up.",
            "context_type": "information",
            "importance": 5,
            "tags": [],
            "timestamp": MILLISECONDS,
            "is_global": bool,
            "session_id": str,
            "category": ABSENT,
            "expires": ABSENT,
        },
    ),
    Step(
        "store_memory",
        {
            "content": "Deploy with make ship; never on Fridays.",
            "context_type": "directive",
            "tags": ["deploy", "c++"],
            "importance": 9,
            "summary": "No Friday deploys",
            "session_id": "sess-1",
            "ttl_seconds": 86_400,
            "is_global": False,
            "category": "operations",
        },
        {**STORED, "summary": "No Friday deploys"},
        "rule",
    ),
    Step(
        "get_memory",
        {"memory_id": "{rule}"},
        {
            "context_type": "directive",
            "tags": ["deploy", "c++"],
            "importance": 9,
            "summary": "No Friday deploys",
            "session_id": "sess-1",
            "expires": re.compile(r"\d{4}-.*Z"),
            "category": "operations",
        },
    ),
    Step(
        "store_memory",
        {"content": f"{'long ' * 40}end"},
        {**STORED, "summary": re.compile(r"long (long )+.{0,4}\.\.\.")},
        "long",
    ),
    Step(
        "store_batch_memories",
        {
            "memories": [
                {"content": "First of a batch."},
                {"content": "Second of it.", "context_type": "todo", "importance": 2},
            ]
        },
        {"success": True, "count": 2, "memory_ids": [ULID, ULID]},
    ),
    Step(
        "store_batch_memories",
        {"memories": [{"content": "Never saved."}, {"tags": ["x"]}]},
        "memories[1]: content must be given.",
    ),
    Step("search_memories", {"query": '"never saved"'}, {"count": 0, "results": []}),
    Step(
        "quick_store_decision",
        {
            "decision": "Use tantivy",
            "reasoning": "It is fast.",
            "alternatives_considered": ["Lucene", "grep"],
            "tags": ["search"],
        },
        {
            "success": True,
            "memory_id": ULID,
            "message": str,
            "stored_content": (
                "DECISION: Use tantivy\n\nREASONING: It is fast.\n\nALTERNATIVES CONSIDERED:\n- Lucene\n- grep"
            ),
        },
        "decision",
    ),
    Step(
        "get_memory",
        {"memory_id": "{decision}"},
        {
            "context_type": "decision",
            "importance": 7,
            "tags": ["search", "decision", "auto-stored"],
            "summary": "Decision: Use tantivy",
        },
    ),
    Step(
        "quick_store_decision",
        {"decision": "Ship weekly"},
        {"success": True, "stored_content": "DECISION: Ship weekly"},
    ),
    # ---- searching
    Step(
        "search_memories",
        {"query": "friday deploys"},
        {
            "query": "friday deploys",
            "count": 1,
            "output_mode": "summary",
            "hint": str,
            "results": [
                {
                    "memory_id": "{rule}",
                    "summary": "No Friday deploys",
                    **FACTS,
                    "category": "operations",
                    "content": ABSENT,
                }
            ],
        },
    ),
    Step(
        "search_memories",
        {"query": "friday", "output_mode": "full"},
        {
            "output_mode": "full",
            "hint": ABSENT,
            "results": [{"memory_id": "{rule}", "content": "Deploy with make ship; never on Fridays.", **FACTS}],
        },
    ),
    Step(
        "search_memories",
        {"query": "friday", "output_mode": "compact"},
        {
            "results": [
                {
                    "memory_id": "{rule}",
                    "summary": str,
                    "context_type": "directive",
                    "similarity": SHARE,
                    "tags": ABSENT,
                    "timestamp": ABSENT,
                }
            ]
        },
    ),
    Step("search_memories", {"query": "zebras", "context_types": ["decision"]}, {"count": 0, "hint": str}),
    Step("search_memories", {"query": "friday", "category": "operations", "min_importance": 8.5}, {"count": 1}),
    Step("search_memories", {"query": "friday", "category": "elsewhere"}, {"count": 0}),
    Step("search_memories", {"query": "friday", "min_importance": 9.5}, {"count": 0}),
    Step("search_memories", {"query": "deploi fridais", "fuzzy": True}, {"count": 1}),
    Step("search_memories", {"query": "deploy", "regex": "MAKE s.ip"}, {"count": 1}),
    Step("search_memories", {"query": "deploy", "regex": "monday"}, {"count": 0}),
    Step("search_memories", {"query": "zebra friday batch tantivy", "limit": 2}, {"count": 2}),
    Step("search_memories", {"query": "x", "limit": 0}, "limit must be at least 1, not 0."),
    Step("search_memories", {"query": "x", "limit": 101}, "limit must be at most 100, not 101."),
    Step(
        "recall_relevant_context",
        {"current_task": "set up the deploy", "query": "friday"},
        {
            "current_task": "set up the deploy",
            "found": 1,
            "hint": str,
            "relevant_memories": [
                {
                    "memory_id": "{rule}",
                    "summary": "No Friday deploys",
                    "context_type": "directive",
                    "importance": 9,
                    "tags": ["deploy", "c++"],
                    "similarity": re.compile(r"0\.\d\d?|1\.0"),
                }
            ],
        },
    ),
    Step("recall_relevant_context", {"current_task": "zebras"}, {"found": 0, "relevant_memories": []}),
    Step("recall_relevant_context", {"current_task": "zebras", "min_importance": 1}, {"found": 1}),
    # ---- changing
    Step(
        "update_memory",
        {"memory_id": "{plain}", "content": "Zebras sleep standing, in herds."},
        {"success": True, "memory_id": "{plain}", "updated_at": MILLISECONDS},
    ),
    Step(
        "update_memory",
        {
            "memory_id": "{plain}",
            "tags": ["animals"],
            "importance": 6,
            "context_type": "insight",
            "session_id": "s2",
            "summary": "Zebras",
            "category": "zoo",
        },
        {"success": True},
    ),
    Step(
        "get_memory",
        {"memory_id": "{plain}"},
        {
            "content": "Zebras sleep standing, in herds.",
            "tags": ["animals"],
            "importance": 6,
            "context_type": "insight",
            "session_id": "s2",
            "summary": "Zebras",
            "category": "zoo",
        },
    ),
    Step("update_memory", {"memory_id": "{plain}", "tags": []}, {"success": True}),
    Step("get_memory", {"memory_id": "{plain}"}, {"tags": [], "summary": "Zebras"}),
    # ---- what a memory was
    Step(
        "get_memory_history",
        {"memory_id": "{plain}", "limit": 1},
        {
            "success": True,
            "memory_id": "{plain}",
            "versions": [
                {
                    "version_id": "now",
                    "memory_id": "{plain}",
                    "content": "Zebras sleep standing, in herds.",
                    "context_type": "insight",
                    "importance": 6,
                    "tags": [],
                    "summary": "Zebras",
                    "created_at": MOMENT,
                    "created_by": "user",
                    "change_reason": re.compile("update by session .*"),
                }
            ],
            "total_versions": 1,
            "oldest_version": MOMENT,
            "newest_version": MOMENT,
        },
    ),
    Step("get_memory_history", {"memory_id": "{plain}", "limit": 101}, "limit must be at most 100, not 101."),
    Step("get_memory_history", {"memory_id": "nosuchid"}, "Memory nosuchid not found"),
    Step(
        "rollback_memory",
        {"memory_id": "{plain}", "version_id": "now"},
        {
            "success": True,
            "memory": {
                "id": "{plain}",
                "content": "Zebras sleep standing, in herds.",
                "context_type": "insight",
                "importance": 6,
                "tags": [],
                "summary": "Zebras",
                "category": "zoo",
            },
            "rolled_back_to": "now",
            "preserve_relationships": True,
            "message": "Successfully rolled back memory to version now",
        },
    ),
    Step(
        "rollback_memory",
        {"memory_id": "nosuchid", "version_id": "now", "preserve_relationships": False},
        "Failed to rollback memory: Memory not found: nosuchid",
    ),
    Step("update_memory", {"memory_id": "nosuchid", "content": "x"}, "Memory nosuchid not found"),
    Step("delete_memory", {"memory_id": "nosuchid"}, "Memory nosuchid not found"),
    Step("get_memory", {"memory_id": "nosuchid"}, "Memory nosuchid not found"),
    # ---- sessions
    Step(
        "organize_session",
        {"session_name": "Shipping", "memory_ids": ["{rule}", "{decision}", "nosuchid"], "summary": "How we ship"},
        {
            "success": True,
            "session_id": ULID,
            "session_name": "Shipping",
            "memory_count": 2,
            "created_at": MILLISECONDS,
            "notes": list,
        },
        "session",
    ),
    Step("organize_session", {"session_name": "Nothing", "memory_ids": ["nosuchid"]}, "Memory nosuchid not found"),
    # ---- near ones
    Step("find_duplicates", {}, {"groups": [], "count": 0, "total": 0}),
    Step("find_duplicates", {"similarity_threshold": 2}, "similarity_threshold must be at most 1, not 2."),
    Step(
        "get_related_memories",
        {"memory_id": "{session}", "limit": 2},
        {
            "memory_id": "{session}",
            "count": 2,
            "related": [
                {"memory_id": "{rule}", "relation": "parent_of", "direction": "outgoing", "similarity": SHARE},
                {"memory_id": "{decision}", "relation": "parent_of", "direction": "outgoing"},
            ],
        },
    ),
    Step("get_related_memories", {"memory_id": "nosuchid"}, "Memory nosuchid not found"),
    Step("consolidate_memories", {"memory_ids": ["{rule}", "nosuchid"]}, "Memory nosuchid not found"),
    Step("consolidate_memories", {"memory_ids": ["x"]}, "memory_ids must have 2 at least, not ['x']."),
    Step("organize_session", {"session_name": "Nothing", "memory_ids": []}, "memory_ids must not be empty, not []."),
    Step(
        "summarize_session",
        {"session_name": "Today"},
        {
            "success": True,
            "summary": re.compile(r"(?s)- Directives: Deploy with make ship.*\n- Decisions: .*\n- Insights: .*"),
            "session_id": ULID,
            "session_name": "Today",
            "memory_count": 7,
            "lookback_minutes": 60,
            "breakdown": {"directives": 1, "decisions": 2, "patterns": 0, "insights": 1},
        },
    ),
    Step(
        "summarize_session",
        {"auto_create_snapshot": False, "lookback_minutes": 5},
        {"success": True, "session_id": ABSENT, "memory_count": 7, "lookback_minutes": 5},
    ),
    Step(
        "auto_session_start",
        {"workspace_path": "/anywhere", "task_hint": "tantivy"},
        {
            "success": True,
            "has_context": True,
            "sections_loaded": 2,
            "estimated_tokens": int,
            "tip": str,
            "context": re.compile(r"(?s)## Directives\n- \*\*Deploy with make ship.*\n\n## Recent decisions\n.*"),
        },
    ),
    Step(
        "auto_session_start",
        {"include_directives": False, "include_recent_decisions": False, "include_patterns": False},
        {"context": re.compile(r"(?s)## Most important\n- \*\*Deploy.*")},
    ),
    Step(
        "delete_memory", {"memory_id": "{long}"}, {"success": True, "memory_id": "{long}", "deleted_at": MILLISECONDS}
    ),
    Step("get_memory", {"memory_id": "{long}"}, "Memory {long} not found"),
    Step("delete_memory", {"memory_id": "{long}"}, "Memory {long} not found"),
)
"""What every mode answers alike."""


def machine(world: World, mode: str) -> World:
    """Return *world* in *mode*, as recall's users set it."""
    return World(world.root, {"WORKSPACE_MODE": mode.upper()})


ISOLATED: tuple[Step, ...] = (
    Step(
        "store_memory",
        {"content": "A global wish.", "is_global": True},
        {**STORED, "scope": "workspace", "notes": [f"Saved to the workspace, not globally. {GLOBAL_IN_ISOLATED}"]},
        "wish",
    ),
    Step(
        "search_memories",
        {"query": "global wish"},
        {"count": 1, "results": [{"memory_id": "{wish}", "scope": "workspace"}]},
    ),
    Step(
        "store_batch_memories",
        {"memories": [{"content": "One."}, {"content": "Two.", "is_global": True}]},
        {"count": 2, "notes": [f"Saved to the workspace, not globally. {GLOBAL_IN_ISOLATED}"]},
    ),
    Step("convert_to_global", {"memory_id": "{wish}"}, GLOBAL_IN_ISOLATED),
    Step("update_memory", {"memory_id": "{wish}", "is_global": True, "content": "Changed."}, GLOBAL_IN_ISOLATED),
    Step("move_memory", {"memory_id": "{wish}", "to": "global"}, GLOBAL_IN_ISOLATED),
    Step(
        "get_memory", {"memory_id": "{wish}"}, {"content": "A global wish.", "scope": "workspace", "is_global": False}
    ),
    Step("update_memory", {"memory_id": "{wish}", "is_global": False}, {"success": True, "scope": "workspace"}),
    Step(
        "convert_to_workspace",
        {"memory_id": "{wish}"},
        {"success": True, "memory_id": "{wish}", "is_global": False, "workspace_id": "{here}"},
    ),
    Step(
        "convert_to_workspace",
        {"memory_id": "{wish}", "workspace_id": "{here}"},
        {"success": True, "workspace_id": "{here}"},
    ),
    Step(
        "convert_to_workspace",
        {"memory_id": "{wish}", "workspace_id": "{there}"},
        "Another workspace is out of reach in isolated mode. Set WORKSPACE_MODE=hybrid.",
    ),
    Step("convert_to_global", {"memory_id": "{far}"}, GLOBAL_IN_ISOLATED),
    Step("search_memories", {"query": "x", "scope": "global"}, GLOBAL_IN_ISOLATED),
    Step("search_memories", {"query": "farther"}, {"count": 0}),
    Step("get_memory", {"memory_id": "{far}"}, "Memory {far} not found"),
    Step("delete_memory", {"memory_id": "{far}"}, "Memory {far} not found"),
    Step("convert_to_workspace", {"memory_id": "{far}"}, "Memory not found: {far}"),
)
"""Isolated mode: a save stays in the workspace and says so, and nothing global is seen, changed or made."""

GLOBAL: tuple[Step, ...] = (
    Step(
        "store_memory",
        {"content": "Forced.", "is_global": False},
        {**STORED, "scope": "global", "notes": ["Saved to the global store: the mode is global."]},
        "forced",
    ),
    Step("store_memory", {"content": "Wanted so.", "is_global": True}, {**STORED, "scope": "global", "notes": ABSENT}),
    Step(
        "quick_store_decision",
        {"decision": "Also forced"},
        {"scope": "global", "notes": ["Saved to the global store: the mode is global."]},
    ),
    Step("search_memories", {"query": "forced"}, {"count": 2}),
    Step("convert_to_global", {"memory_id": "{forced}"}, {"success": True, "memory_id": "{forced}", "is_global": True}),
    Step("update_memory", {"memory_id": "{forced}", "is_global": True}, {"success": True, "scope": "global"}),
    Step("convert_to_workspace", {"memory_id": "{forced}"}, WORKSPACE_IN_GLOBAL),
    Step(
        "convert_to_workspace",
        {"memory_id": "{forced}", "workspace_id": "{there}"},
        "Another workspace is out of reach in global mode. Set WORKSPACE_MODE=hybrid.",
    ),
    Step("update_memory", {"memory_id": "{forced}", "is_global": False, "content": "Changed."}, WORKSPACE_IN_GLOBAL),
    Step("get_memory", {"memory_id": "{forced}"}, {"content": "Forced.", "is_global": True}),
    Step("get_memory", {"memory_id": "{far}"}, {"is_global": True}),
    Step("get_memory", {"memory_id": "{near}"}, "Memory {near} not found"),
    Step("convert_to_global", {"memory_id": "{near}"}, "Memory not found: {near}"),
)
"""Global mode: every save is global and says so, and nothing of the workspace is seen, changed or made."""

HYBRID: tuple[Step, ...] = (
    Step("store_memory", {"content": "Mine alone."}, {**STORED, "scope": "workspace", "notes": ABSENT}, "mine"),
    Step(
        "store_memory",
        {"content": "For everybody.", "is_global": True},
        {**STORED, "scope": "global", "notes": ABSENT},
        "ours",
    ),
    Step(
        "search_memories",
        {"query": "farther nearer"},
        {"count": 2, "results": [{"memory_id": "{near}"}, {"memory_id": "{far}"}]},
    ),
    Step("search_memories", {"query": "farther nearer", "scope": "global"}, {"count": 1}),
    # the three ways to move are one
    Step(
        "convert_to_global",
        {"memory_id": "{mine}"},
        {"success": True, "memory_id": "{mine}", "is_global": True, "workspace_id": ABSENT},
    ),
    Step("get_memory", {"memory_id": "{mine}"}, {"content": "Mine alone.", "is_global": True, "scope": "global"}),
    Step("convert_to_global", {"memory_id": "{mine}"}, {"success": True, "is_global": True}),
    Step("update_memory", {"memory_id": "{mine}", "is_global": False}, {"success": True, "scope": "workspace"}),
    Step("get_memory", {"memory_id": "{mine}"}, {"content": "Mine alone.", "is_global": False, "scope": "workspace"}),
    Step(
        "update_memory",
        {"memory_id": "{mine}", "is_global": True, "content": "Mine and changed."},
        {"success": True, "scope": "global"},
    ),
    Step("get_memory", {"memory_id": "{mine}"}, {"content": "Mine and changed.", "is_global": True}),
    Step(
        "convert_to_workspace", {"memory_id": "{mine}"}, {"success": True, "is_global": False, "workspace_id": "{here}"}
    ),
    Step("move_memory", {"memory_id": "{mine}", "to": "global"}, {"success": True, "is_global": True}),
    Step("delete_memory", {"memory_id": "{mine}"}, {"success": True}),
    Step("get_memory", {"memory_id": "{mine}"}, "Memory {mine} not found"),
    # another workspace: by its path or its name, and nothing that is neither
    Step(
        "convert_to_workspace",
        {"memory_id": "{ours}", "workspace_id": "{there}"},
        {"success": True, "is_global": False, "workspace_id": "{there}"},
    ),
    Step("get_memory", {"memory_id": "{ours}"}, "Memory {ours} not found"),
    Step(
        "convert_to_workspace",
        {"memory_id": "{near}", "workspace_id": "other"},
        {"success": True, "workspace_id": "{there}"},
    ),
    Step(
        "convert_to_workspace",
        {"memory_id": "{far}", "workspace_id": "6vwtna"},
        "'6vwtna' is no project that you trust; name the other workspace by its absolute path.",
    ),
    Step(
        "convert_to_workspace",
        {"memory_id": "{far}", "workspace_id": "{here}/nowhere"},
        "{here}/nowhere is no folder; name the other workspace by its path.",
    ),
    Step(
        "convert_to_workspace",
        {"memory_id": "{far}", "workspace_id": "../other"},
        "'../other' is no project that you trust; name the other workspace by its absolute path.",
    ),
    Step(
        "convert_to_workspace",
        {"memory_id": "{far}", "workspace_id": "{home}"},
        "{home} holds memfs's own home and is no workspace.",
    ),
    Step("get_memory", {"memory_id": "{far}"}, {"is_global": True}),
    Step("convert_to_global", {"memory_id": "nosuchid"}, "Memory not found: nosuchid"),
    Step("convert_to_workspace", {"memory_id": "nosuchid"}, "Memory not found: nosuchid"),
    Step("move_memory", {"memory_id": "nosuchid", "to": "global"}, "Memory not found: nosuchid"),
)
"""Hybrid mode: by the flag, and every way to move is the same."""

MODES = {"isolated": ISOLATED, "global": GLOBAL, "hybrid": HYBRID}


@pytest.fixture
def recalled(world: World) -> World:
    """Return a machine with a project and another one, both begun by memfs, and a memory in each scope."""
    for name in ("project", "other"):
        (world.root / name).mkdir()
        world.open(world.root / name).save(f"Begun: {name}.", {"id": f"begun-{name}"})
    world.open(mode="hybrid").save("Something nearer.", {"id": "near-id"})
    world.open(mode="hybrid").save("Something farther.", {"id": "far-id"}, scope="global")
    return world


def names_of(world: World) -> dict[str, str]:
    """Return what the recorded calls call the places and memories of `recalled`."""
    return {
        "here": str(world.root / "project"),
        "there": str(world.root / "other"),
        "home": str(world.root / "home"),
        "near": "near-id",
        "far": "far-id",
    }


@pytest.mark.parametrize("mode", MODES)
def test_recorded_calls_are_answered_as_recall_documents_them(world: World, mode: str) -> None:
    """Every Tier A tool: arguments, applied defaults, result keys and error texts, in each mode."""
    (folder := world.root / "project").mkdir()
    with connected(machine(world, mode), MODERN if mode == "hybrid" else LEGACY, folder=folder) as agent:
        replay(agent, EVERYWHERE, {})


@pytest.mark.parametrize("mode", MODES)
def test_each_mode_does_what_its_table_says(recalled: World, mode: str) -> None:
    """Where saves go, what is seen, what moves where, what is refused; and a refusal changes nothing."""
    there = recalled.root / "other" / ".memory"

    with connected(machine(recalled, mode), LEGACY if mode == "hybrid" else MODERN) as agent:
        replay(agent, MODES[mode], names_of(recalled))

    assert len(list(there.glob("*.md"))) == (3 if mode == "hybrid" else 1)


def test_every_tool_of_recall_is_among_the_recorded_calls() -> None:
    """A tool that is added, or a call that is dropped, is noticed."""
    recorded = {step.tool for step in (*EVERYWHERE, *ISOLATED, *GLOBAL, *HYBRID)}
    ours = {"list_memories", "memory_status", "search_all_projects", "memory_changes"}
    below = {"get_time_window_context"}

    assert recorded == {tool.name for tool in schemas.TOOLS} - ours - below


def test_limits_that_recall_only_advertised_are_applied(recalled: World) -> None:
    """Ten hits of a search, five of a context from importance 6 on; type, importance and tags of a save."""
    for number in range(12):
        recalled.open().save(f"giraffe {number}", {"importance": str(5 + number % 2)})

    with within(recalled, MODERN) as agent:
        found = agent.call("search_memories", query="giraffe")
        context = agent.call("recall_relevant_context", current_task="giraffe")

    assert (found["count"], found["output_mode"], len(found["results"])) == (10, "summary", 10)
    assert (context["found"], {each["importance"] for each in context["relevant_memories"]}) == (5, {6})


WINDOW = """\
---
id: id-{number}
type: {kind}
importance: {importance}
tags: [{tag}]
created: {created}
---
# Title {number}

Text {number}
"""


@pytest.fixture
def windowed(world: World) -> World:
    """Return a machine whose workspace has three memories of one hour in 2026."""
    facts = (("decision", 9, "db", "10:00"), ("insight", 5, "ui", "10:20"), ("decision", 2, "db", "10:40"))
    for number, (kind, importance, tag, at) in enumerate(facts, 1):
        created = f"2026-05-01T{at}:00Z"
        text = WINDOW.format(number=number, kind=kind, importance=importance, tag=tag, created=created)
        put(world.trusted() / ".memory", f"{number}.md", text)
    return world


def at(hour: int, minute: int = 0) -> float:
    """Return a moment of the first of May 2026 in milliseconds."""
    return datetime(2026, 5, 1, hour, minute, tzinfo=UTC).timestamp() * 1000


def test_a_window_of_time_is_a_document_in_the_form_and_groups_that_are_asked_for(windowed: World) -> None:
    """Markdown, plain text or JSON; oldest first, or by type, importance or tags; narrowed by importance and type."""
    window: Json = {"start_timestamp": at(10), "end_timestamp": at(11)}
    with within(windowed, MODERN) as agent:

        def document(**more: object) -> str:
            return text_of(agent.result("get_time_window_context", {**window, **more}))

        plain = document()
        assert plain.startswith("# Memories from 2026-05-01T10:00:00Z to 2026-05-01T11:00:00Z: 3\n")
        assert re.findall("(?m)^### Title ([0-9])$", plain) == ["1", "2", "3"]
        assert re.findall("(?m)^Text ([0-9])$", plain) == ["1", "2", "3"]
        assert "decision · importance 9 · 2026-05-01 10:00 UTC · id-1 · #db" in plain
        assert "importance 9" not in document(include_metadata=False)
        assert re.findall("(?m)^#+ T", document(format="text", include_metadata=False)) == ["# T"] * 3  # the texts' own
        assert re.findall("(?m)^## (.+)$", document(group_by="type")) == ["Decisions", "Insights"]
        assert re.findall("(?m)^## (.+)$", document(group_by="tags")) == ["db", "ui"]
        bands = ["High (8-10)", "Medium (5-7)", "Low (1-4)"]
        assert re.findall("(?m)^## (.+)$", document(group_by="importance")) == bands
        assert re.findall("Text ([0-9])", document(min_importance=4.5)) == ["1", "2"]
        assert re.findall("Text ([0-9])", document(context_types=["insight"])) == ["2"]
        assert re.findall("Text ([0-9])", document(start_timestamp=at(10, 10), end_timestamp=at(10, 30))) == ["2"]

        shown = agent.call("get_time_window_context", **window, format="json")
        bare = agent.call("get_time_window_context", **window, format="json", include_metadata=False)
        about = agent.call("get_time_window_context", **window)

    expected = [
        {"memory_id": f"id-{number}", "context_type": str, "content": str, "timestamp": int} for number in (1, 2, 3)
    ]
    check({"success": True, "total_memories": 3, "format": "json", "memories": expected}, shown)
    assert [set(each) for each in bare["memories"]] == [{"content", "path"}] * 3
    check({"success": True, "total_memories": 3, "format": "markdown", "memories": ABSENT}, about)


def test_a_window_of_time_is_the_last_hour_unless_it_is_named(world: World) -> None:
    """Hours or minutes up to now; an empty window is an answer, and an impossible one a sentence."""
    put(world.folder() / ".memory", "old.md", "---\nid: old\ncreated: 2020-01-01\n---\nlong ago\n")
    with within(world) as agent:
        empty = agent.call("get_time_window_context")
        agent.call("store_memory", content="just now")
        lately = [
            text_of(agent.result("get_time_window_context", each)) for each in ({}, {"hours": 0.1}, {"minutes": 1})
        ]
        backwards = agent.refused("get_time_window_context", start_timestamp=2, end_timestamp=1)
        never = agent.refused("get_time_window_context", start_timestamp=1e300)
        too_long = agent.refused("get_time_window_context", hours=73)

    check({"success": False, "message": "No memories found in the specified time window", "start_time": str}, empty)
    assert all("just now" in text and "long ago" not in text for text in lately)
    assert backwards == "end_timestamp lies before start_timestamp."
    assert never == "A timestamp is in milliseconds since 1970, up to the year 9999."
    assert too_long == "hours must be at most 72, not 73."


def test_a_session_that_summed_up_nothing_says_so(world: World) -> None:
    """As recall: no success, the message, and how far was looked back."""
    with within(world) as agent:
        answer = agent.call("summarize_session", lookback_minutes=30)

    message = "No memories found in the specified lookback period"
    assert answer == {"success": False, "message": message, "lookback_minutes": 30}


# ---- resources

SHELF = (
    ("a", "decision", (9, 10), "[db, c++]", "Use zebra keys"),
    ("b", "directive", (8, 7), "[db]", "Always test"),
    ("c", "decision", (5, 4), "[ui, a/b, x y]", "Blue zebra buttons"),
    ("d", "insight", (3, 2), "[日本]", "Zebras are slow"),
)
"""Letter, type, importance (here, and of the global one), tags and text of memories, each newer than the one before."""


def shelved(world: World) -> World:
    """Return a machine in hybrid mode with `SHELF` in its workspace and, a little older, in its global store."""
    for number, (letter, kind, importance, tags, text) in enumerate(SHELF, 1):
        for place, folder in enumerate((world.trusted() / ".memory", world.home / "global")):
            lines = (
                f"id: {'g' * place}{letter * 3}",
                f"type: {kind}",
                f"importance: {importance[place]}",
                f"tags: {tags}",
                f"created: 2026-01-{number:02}T{12 - place}:00:00Z",
            )
            put(folder, f"{letter}.md", "\n".join(("---", *lines, "---", text, "")))
    return World(world.root, {"WORKSPACE_MODE": "hybrid"})


def ids(answer: Json) -> str:
    """Return the first letter of the workspace's memories, and of global ones the first two, of *answer*."""
    listed = answer["memories"] if "memories" in answer else answer["results"]
    return " ".join(each["memory_id"][:2] if each["memory_id"][0] == "g" else each["memory_id"][0] for each in listed)


LISTS: dict[str, tuple[str, Json]] = {
    "memory://recent": ("d gd c gc b gb a ga", {}),
    "memory://recent?limit=3": ("d gd c", {}),
    "memory://recent?limit=": ("d gd c gc b gb a ga", {}),
    "memory://by-type/decision": ("c gc a ga", {"context_type": "decision"}),
    "memory://by-type/decision?limit=1": ("c", {"context_type": "decision"}),
    "memory://by-type/nonsense": ("", {"context_type": "nonsense"}),
    "memory://by-tag/db": ("b gb a ga", {"tag": "db"}),
    "memory://by-tag/db?limit=2": ("b gb", {"tag": "db"}),
    "memory://by-tag/c%2B%2B": ("a ga", {"tag": "c++"}),
    "memory://by-tag/a%2Fb": ("c gc", {"tag": "a/b"}),
    "memory://by-tag/x%20y": ("c gc", {"tag": "x y"}),
    "memory://by-tag/%E6%97%A5%E6%9C%AC": ("d gd", {"tag": "日本"}),
    "memory://by-tag/日本": ("d gd", {"tag": "日本"}),
    "memory://by-tag/none": ("", {"tag": "none"}),
    "memory://important": ("ga a b", {"min_importance": 8}),
    "memory://important?min=5": ("ga a b gb c", {"min_importance": 5}),
    "memory://important?min=5&limit=4": ("ga a b gb", {"min_importance": 5}),
    "memory://important?limit=1&min=9": ("ga", {"min_importance": 9}),
    "memory://global/recent": ("gd gc gb ga", {"workspace_mode": "hybrid"}),
    "memory://global/recent?limit=2": ("gd gc", {"workspace_mode": "hybrid"}),
    "memory://global/by-type/decision": ("gc ga", {"workspace_mode": "hybrid", "context_type": "decision"}),
    "memory://global/by-tag/c%2B%2B": ("ga", {"workspace_mode": "hybrid", "tag": "c++"}),
    "memory://global/important": ("ga", {"workspace_mode": "hybrid", "min_importance": 8}),
    "memory://global/important?min=3&limit=50": ("ga gb gc", {"workspace_mode": "hybrid", "min_importance": 3}),
}
"""Address to the memories that it holds, in their order, and to what else its body says."""

SEARCHES: dict[str, tuple[set[str], str]] = {
    "memory://search?q=zebra": ({"a", "c", "d", "ga", "gc", "gd"}, "zebra"),
    "memory://search?q=zebra%20keys&limit=1": ({"a"}, "zebra keys"),
    "memory://search?q=blue+buttons&limit=1": ({"c"}, "blue+buttons"),
    "memory://search?q=zebra&min_importance=9": ({"a", "ga"}, "zebra"),
    "memory://search?limit=1&q=tag:c%2B%2B%20zebra": ({"a"}, "tag:c++ zebra"),
    "memory://search?q=giraffe": (set(), "giraffe"),
    "memory://global/search?q=zebra": ({"ga", "gc", "gd"}, "zebra"),
    "memory://global/search?q=zebra&limit=2&min_importance=5": ({"ga"}, "zebra"),
}
"""Address to the memories that it holds, and the question that it repeats."""

UNREADABLE = {
    "memory://search": 'Query parameter "q" is required',
    "memory://search?q=": 'Query parameter "q" is required',
    "memory://search?q=%20&limit=3": 'Query parameter "q" is required',
    "memory://global/search": 'Query parameter "q" is required',
    "memory://session/nosuchid": "Session nosuchid not found",
    "memory://session/aaa": "Session aaa not found",
    "memory://memory/nosuchid": "Memory nosuchid not found",
    "memory://recent?limit=many": "limit is a whole number from 1 to 500, not 'many'.",
    "memory://recent?limit=0": "limit is a whole number from 1 to 500, not '0'.",
    "memory://recent?limit=-1": "limit is a whole number from 1 to 500, not '-1'.",
    "memory://important?min=11": "min is a whole number from 1 to 10, not '11'.",
    "memory://nothing": (
        "There is no resource memory://nothing; resources/list and resources/templates/list have those that are"
    ),
}
"""Address to the sentence of its error."""


@pytest.mark.parametrize("era", ERAS)
def test_every_resource_of_recall_has_its_body(world: World, era: str) -> None:
    """Lists in their order, searches, one memory, what there is; with query parameters, and tags of any characters."""
    with within(shelved(world), era) as agent:
        for uri, (expected, about) in LISTS.items():
            answer = agent.read(uri)
            assert ids(answer) == expected, uri
            assert answer["count"] == len(expected.split()), uri
            assert {key: value for key, value in answer.items() if key not in ("count", "memories")} == about, uri
        for uri, (found, question) in SEARCHES.items():
            answer = agent.read(uri)
            assert set(ids(answer).split()) == found, uri
            assert (answer["query"], answer["count"]) == (question, len(found)), uri
            check([{"content": str, "similarity": SHARE, "summary": str}] * len(found), answer["results"], uri)
            assert ("workspace_mode" in answer) == ("global" in uri), uri
        for uri, sentence in UNREADABLE.items():
            error = agent.unread(uri)
            assert (error.code, error.message, error.data) == (-32602, sentence, {"uri": uri})
        [first, *_] = agent.read("memory://recent?limit=1")["memories"]
        [far, *_] = agent.read("memory://global/recent?limit=1")["memories"]
        one = agent.read("memory://memory/aa")
        by_path = agent.read("memory://memory/c.md")
        several = agent.unread("memory://memory/Always%20test")
        summary = agent.read("memory://summary")

    told = {"memory_id": "ddd", "content": "Zebras are slow", "summary": "Zebras are slow", "context_type": "insight"}
    check({**told, "importance": 3, "tags": ["日本"], "timestamp": MILLISECONDS, "is_global": ABSENT}, first)
    check({"memory_id": "gddd", "is_global": True}, far)
    check({"memory_id": "aaa", "content": "Use zebra keys", "path": str(world.folder() / ".memory/a.md")}, one)
    check({"memory_id": "ccc"}, by_path)
    assert several.message.startswith("'Always test' could be any of these")
    assert summary == {
        "total_memories": 8,
        "by_type": {kind: {"decision": 4, "directive": 2, "insight": 2}.get(kind, 0) for kind in TYPES},
        "total_sessions": 0,
        "important_count": 3,
        "workspace_path": str(world.folder()),
        "workspace_mode": "hybrid",
    }


def test_sessions_are_resources(world: World) -> None:
    """Their list has them newest first; one has its memories in the order in which it was given them."""
    with within(shelved(world)) as agent:
        made = agent.call("organize_session", session_name="Keys", memory_ids=["ccc", "aaa"], summary="What we did")
        [listed] = agent.read("memory://sessions")["sessions"]
        one = agent.read(f"memory://session/{made['session_id']}")
        agent.call("delete_memory", memory_id="ccc")
        rest = agent.read("memory://session/Keys")

    about = {
        "session_id": made["session_id"],
        "session_name": "Keys",
        "created_at": made["created_at"],
        "summary": "What we did",
    }
    assert listed == {**about, "memory_count": 2}
    check({**about, "count": 2, "memories": [{"memory_id": "ccc", "content": str}, {"memory_id": "aaa"}]}, one)
    check({**about, "count": 1, "memories": [{"memory_id": "aaa"}]}, rest)


def test_in_isolated_mode_global_resources_are_an_error_with_recalls_sentence(world: World) -> None:
    """Recent, by type, by tag, important, search: each of the five."""
    put(world.home / "global", "g.md", "secret zebra\n")
    paths = ("recent", "by-type/decision", "by-tag/db", "important", "search?q=zebra")
    with within(world) as agent:
        for path in paths:
            error = agent.unread(f"memory://global/{path}")
            assert error.message == GLOBAL_IN_ISOLATED
            assert error.data == {"uri": f"memory://global/{path}"}


def test_the_three_prompts_of_recall_are_there(world: World) -> None:
    """`workspace_context` tells what is known, the other two how to work; none takes an argument."""
    put(world.home / "global", "g.md", "---\ntype: directive\nimportance: 9\n---\nAlways test zebras.\n")
    with within(machine(world, "hybrid"), MODERN) as agent:
        listed = {each.name: each for each in agent.do(agent.client.list_prompts).prompts}
        known, session, automatic = (agent.prompt(name) for name in listed)

    assert list(listed) == ["workspace_context", "session_management", "automatic_workflow"]
    assert all(not each.arguments for each in listed.values())
    assert "Always test zebras." in known
    tools = {tool.name for tool in schemas.TOOLS}
    for text in (session, automatic):
        assert set(re.findall(r"[a-z]+(?:_[a-z]+)+", text)) - {"memory_id", "session_name", "task_hint"} <= tools
