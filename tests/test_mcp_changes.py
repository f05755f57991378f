"""What others did to the memory, asked for by an agent: the tool, the resource, and hooks of the same session."""

from __future__ import annotations

import json

import pytest

from tests.commands import memfs
from tests.serving import ERAS
from tests.serving import Agent
from tests.serving import connected
from tests.serving import put
from tests.worlds import World
from tests.worlds import new_world
from tests.worlds import within_deadline


def what(answer: dict[str, object]) -> list[tuple[str, str]]:
    """Return what happened to which title."""
    changes = answer["changes"]
    assert isinstance(changes, list)
    return [(each["what"], each["title"]) for each in changes]


def heard(agent: Agent, **arguments: object) -> dict[str, object]:
    """Return what the agent is told; a busy index is waited for."""
    return agent.call("memory_changes", **arguments)


@pytest.mark.parametrize("mode", ERAS)
def test_an_agent_hears_once_of_what_others_did(world: World, mode: str) -> None:
    """Of its own doings it hears nothing, and of nothing twice; a cursor tells it again."""
    store = world.trusted() / ".memory"
    put(store, "old.md", "# Old\n")
    with connected(world, mode) as agent:
        first = heard(agent)
        assert first["changes"] == []
        agent.call("store_memory", content="My own.")
        put(store, "new.md", "# New\n")
        told = [heard(agent)]
        assert within_deadline(lambda: what(told[-1]) or told.append(heard(agent)))  # type: ignore[func-returns-value]
        assert what(told[-1]) == [("added", "New")]
        assert told[-1]["changes"][0]["by"] == "other"  # type: ignore[index]
        (store / "new.md").write_text("# Newer\n")
        (store / "old.md").unlink()
        assert within_deadline(lambda: len(what(heard(agent, since=told[-1]["cursor"]))) == 2)
        assert sorted(what(heard(agent))) == [("changed", "Newer"), ("removed", "Old")]
        assert what(heard(agent)) == []
        again = sorted(what(heard(agent, since=first["cursor"])))
        assert again == [("added", "Newer"), ("removed", "Old")]
        assert ("added", "Newer") in what(heard(agent, since="1h"))
        assert ("added", "Newer") in what(agent.read("memory://changes?since=7d"))
        assert "neither a cursor" in agent.refused("memory_changes", since="yesterday or so")


def test_a_hook_tells_no_more_what_the_tool_told(world: World) -> None:
    """Both work for one session, as the client names it."""
    world = new_world(world.root, CLAUDE_CODE_SESSION_ID="s-1")
    store = world.trusted() / ".memory"
    put(store, "old.md", "# Old\n")
    said = json.dumps({"session_id": "s-1", "cwd": str(world.folder()), "prompt": "go on"})
    with connected(world) as agent:
        heard(agent)
        put(store, "new.md", "# New\n")
        assert within_deadline(lambda: what(heard(agent)) == [("added", "New")])
        assert memfs(world, "hook", "user-prompt-submit", stdin=said).out == ""
        put(store, "newer.md", "# Newer\n")
        assert "Newer" in memfs(world, "hook", "user-prompt-submit", stdin=said).out
        assert what(heard(agent)) == []


def test_a_strangers_text_is_marked(world: World) -> None:
    """It was asked for, so it is told, and said to be nobody's."""
    store = world.folder() / ".memory"
    put(store, "old.md", "# Old\n")
    with connected(world) as agent:
        heard(agent)
        put(store, "evil.md", "# Evil\n")
        assert within_deadline(lambda: ("added", "Evil") in what(heard(agent, since="1h")))
        assert heard(agent, since="1h")["changes"][-1]["trusted"] is False  # type: ignore[index]
