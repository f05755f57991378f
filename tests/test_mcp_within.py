"""The server in the tests' own process: the same calls as over real pipes, where a fault shows where it happened."""

from __future__ import annotations

import pytest

from memfs.faces.mcp.resources import KINDS
from tests.serving import ERAS
from tests.serving import LEGACY
from tests.serving import LIST_CHANGED
from tests.serving import MODERN
from tests.serving import heard
from tests.serving import put
from tests.serving import text_of
from tests.serving import within
from tests.test_mcp_recall import EVERYWHERE
from tests.test_mcp_recall import MODES
from tests.test_mcp_recall import machine
from tests.test_mcp_recall import names_of
from tests.test_mcp_recall import recalled as recalled  # noqa: PLC0414  (a fixture)
from tests.test_mcp_recall import replay
from tests.test_mcp_recall import shelved
from tests.worlds import World


@pytest.mark.parametrize("mode", MODES)
def test_recorded_calls_are_answered_alike(world: World, mode: str) -> None:
    """Recall's tools, in each mode."""
    (folder := world.root / "project").mkdir()
    with within(machine(world, mode), MODERN if mode == "hybrid" else LEGACY, folder=folder) as agent:
        replay(agent, EVERYWHERE, {})


@pytest.mark.parametrize("mode", MODES)
def test_each_mode_does_what_its_table_says(recalled: World, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where saves go, what is seen, what moves where, what is refused."""
    monkeypatch.setenv("HOME", recalled.environ["HOME"])
    with within(machine(recalled, mode), LEGACY if mode == "hybrid" else MODERN) as agent:
        replay(agent, MODES[mode], names_of(recalled))


@pytest.mark.parametrize("era", ERAS)
def test_every_address_prompt_and_completion_answers(world: World, era: str) -> None:
    """All that is listed can be read; what is typed is completed; what is none is an error with a sentence."""
    values = {"type": "decision", "tag": "db", "id": "aaa", "session_id": "Week", "q": "zebra"}
    with within(shelved(world), era) as agent:
        agent.call("organize_session", session_name="Week", memory_ids=["aaa", "bbb"])
        for kind in KINDS:
            uri = kind.fixed or kind.uri.partition("{?")[0].format(**values)
            agent.read(f"{uri}?q=zebra" if "{?q" in kind.uri else uri)
        for name in values:
            template = next(kind.uri for kind in KINDS if name in kind.uri.partition("{")[2])
            assert isinstance(agent.completions(template, name, values[name][:2]), list)
        listed = agent.do(agent.client.list_resources).resources
        prompts = [agent.prompt(each.name) for each in agent.do(agent.client.list_prompts).prompts]

        assert "There is no resource" in agent.unread("memory://nothing").message
        assert "whole number" in agent.unread("memory://recent?limit=x").message
        assert agent.unread("memory://session/none").message == "Session none not found"

    assert {kind.fixed for kind in KINDS if kind.fixed} <= {each.uri for each in listed}
    assert len(prompts) == 3
    assert all(prompts)


@pytest.mark.parametrize("era", ERAS)
def test_who_follows_is_told(world: World, era: str) -> None:
    """Of a memory, of the newest, of the list; and no more when it does not follow."""
    store = world.trusted() / ".memory"
    put(store, "a.md", "---\nid: aaa\n---\nzebra\n")
    with within(world, era) as agent:
        with agent.following("memory://recent", "memory://memory/aaa") as told:
            put(store, "a.md", "---\nid: aaa\n---\nanother zebra\n")
            assert heard(told, "memory://recent", "memory://memory/aaa")
            put(store, "b.md", "new\n")
            assert heard(told, LIST_CHANGED)
        agent.call("store_memory", content="later")
        assert agent.call("search_memories", query="zebra")["count"] == 1


def test_documents_pages_and_statuses_are_told(world: World) -> None:
    """The tools of memfs's own beside recall's, and the forms of a window."""
    store = world.trusted() / ".memory"
    for number in range(30):
        put(store, f"n{number}.md", f"---\ntags: [t{number % 3}]\nimportance: {number % 10 + 1}\n---\nzebra {number}\n")
    put(store, "bad.md", "---\na: [\n---\nx\n")
    with within(world) as agent:
        first = agent.call("list_memories", limit=10, sort="importance", tags=["t1", "t2"])
        second = agent.call(
            "list_memories", limit=100, sort="importance", tags=["t1", "t2"], cursor=first["next_cursor"]
        )
        for form in ("markdown", "text", "json"):
            for group in ("type", "importance", "chronological", "tags"):
                arguments = {"hours": 1, "format": form, "group_by": group}
                assert "zebra 7" in text_of(agent.result("get_time_window_context", arguments))
        status = agent.call("memory_status")
        start = agent.call("auto_session_start", task_hint="zebra", max_context_tokens=100)

        assert "is no cursor" in agent.refused("list_memories", cursor="x")
        assert "is no time" in agent.refused("list_memories", since="never")
        assert agent.call("list_memories", since="7d", until="0d")["total"] >= 0

    assert len({each["memory_id"] for each in first["memories"] + second["memories"]}) == first["total"] == 20
    assert status["stores"][0]["malformed"] == 1
    assert status["live"]
    assert start["notes"]
