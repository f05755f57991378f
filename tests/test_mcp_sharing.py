"""Agents in several projects: what they share through groups, channels and questions across projects, and what not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from contextlib import contextmanager
from pathlib import Path

import pytest

from memfs.faces.mcp.resources import KINDS
from tests.serving import ERAS
from tests.serving import LEGACY
from tests.serving import MODERN
from tests.serving import Agent
from tests.serving import Json
from tests.serving import connected
from tests.serving import put
from tests.serving import within
from tests.worlds import World
from tests.worlds import files_below
from tests.worlds import within_deadline

SWITCHED_OFF = "Questions across projects are switched off. The user may switch them on"
WRITING: dict[str, Json] = {
    "update_memory": {"content": "overwritten"},
    "delete_memory": {},
    "move_memory": {"to": "global"},
    "convert_to_global": {},
    "convert_to_workspace": {},
}
"""Every tool that changes a memory, with what it takes beside its id."""


def used(world: World, *names: str) -> list[Path]:
    """Return projects that memfs was used in, and began."""
    folders = [world.trusted(name) for name in names]
    for folder in folders:
        world.open(folder)
    return folders


def settings(*lines: str, **tables: list[str]) -> str:
    """Return a config.toml of *lines* and, by name of a group, its lines."""
    groups = [f"[groups.{name}]\n" + "\n".join(each) for name, each in tables.items()]
    return "\n".join([*lines, *groups, ""])


def members(*folders: Path) -> str:
    """Return a line that says who belongs to a group."""
    return f"members = {json.dumps([str(folder) for folder in folders])}"


def own(folder: Path, *lines: str) -> str:
    """Return the lines of config.toml about the workspace *folder*."""
    return "\n".join([f"[workspaces.{json.dumps(str(folder))}]", *lines])


def found(agent: Agent, query: str, tool: str = "search_memories", **more: object) -> list[Json]:
    """Return the hits for *query*."""
    hits: list[Json] = agent.call(tool, query=query, **more)["results"]
    return hits


def ids(agent: Agent, query: str, tool: str = "search_memories", **more: object) -> set[str]:
    """Return the ids of the hits for *query*."""
    return {hit["memory_id"] for hit in found(agent, query, tool, **more)}


def everywhere(agent: Agent, query: str, **more: object) -> list[tuple[str, str]]:
    """Return project and id of each hit for *query* across projects, best first."""
    return [(hit.get("project", ""), hit["memory_id"]) for hit in found(agent, query, "search_all_projects", **more)]


@contextmanager
def agents(world: World, *folders: Path, apart: bool = False) -> Iterator[list[Agent]]:
    """Have a server in each of *folders*, *apart* as a process of its own; yield who speaks with them."""
    with ExitStack() as stack:
        connect = connected if apart else within
        yield [stack.enter_context(connect(world, MODERN, folder=folder)) for folder in folders]


# ---- groups


def test_a_groups_store_is_its_members_own(world: World) -> None:
    """What one saves to it the other finds and changes; who is no member neither sees nor reaches it."""
    shop, api, other = used(world, "shop", "api", "other")
    world.config(settings('mode = "hybrid"', team=[members(shop, api)]))
    with agents(world, shop, api, other, apart=True) as (one, two, outsider):
        saved = one.call("store_memory", content="Prices are zebra cents.", scope="group:team")
        batch = one.call("store_batch_memories", memories=[{"content": "A zebra batch.", "scope": "group:team"}])
        decided = one.call("quick_store_decision", decision="A zebra decision", scope="group:team")
        heard = found(two, "zebra")
        changed = two.call("update_memory", memory_id=saved["memory_id"], content="Prices are zebra euros.")
        read = one.call("get_memory", memory_id=saved["memory_id"])
        strange = ids(outsider, "zebra")
        refused = outsider.refused("store_memory", content="x", scope="group:team")
        unread = outsider.refused("get_memory", memory_id=saved["memory_id"])

    assert saved["scope"] == decided["scope"] == changed["scope"] == "group:team"
    assert {hit["memory_id"] for hit in heard} == {saved["memory_id"], *batch["memory_ids"], decided["memory_id"]}
    assert all(hit["scope"] == "group:team" and "project" not in hit for hit in heard)
    assert read["content"].strip() == "Prices are zebra euros."
    assert strange == set()
    assert "is not a member of group:team" in refused
    assert unread == f"Memory {saved['memory_id']} not found"


def test_members_that_share_read_each_other_and_change_nothing_there(world: World) -> None:
    """Each hit names its project; every tool that changes refuses, and no byte of the other project differs."""
    shop, api, other = used(world, "shop", "api", "other")
    put(shop / ".memory", "a.md", "---\nid: aaa\ntags: [till]\n---\nThe zebra till closes at eight.\n")
    put(other / ".memory", "o.md", "---\nid: ooo\n---\nAn outsider's zebra.\n")
    world.config(settings('mode = "hybrid"', team=[members(shop, api), 'share = "members"']))
    before = files_below(shop)
    with agents(world, api, other) as (agent, outsider):
        [hit] = found(agent, "zebra")
        listed = agent.call("list_memories", scope="project:shop")
        [compact] = found(agent, "zebra", output_mode="compact")
        read = agent.call("get_memory", memory_id="aaa")
        same = agent.call("get_memory", memory_id="aaa", project="shop")
        refusals = {tool: agent.refused(tool, memory_id="aaa", **more) for tool, more in WRITING.items()}
        there = agent.refused("store_memory", content="x", scope="project:shop")
        session = agent.refused("organize_session", session_name="s", memory_ids=["aaa"])
        status = agent.call("memory_status")
        apart = ids(outsider, "zebra")

    assert (hit["memory_id"], hit["scope"], hit["project"]) == ("aaa", "project:shop", "shop")
    assert [each["project"] for each in listed["memories"]] == [compact["project"]] == ["shop"]
    assert read == same
    assert read["project"] == "shop"
    for tool, sentence in refusals.items():
        assert "belongs to project:shop; it is read here, and changed there" in sentence, tool
    assert "is another project" in there
    assert "aaa" in session
    assert [(each["scope"], each["channels"], each["count"]) for each in status["guests"]] == [
        ("project:shop", None, 1)
    ]
    assert status["groups"] == ["team"]
    assert files_below(shop) == before
    assert apart == {"ooo"}


def test_an_agent_in_isolated_mode_takes_no_part(world: World) -> None:
    """The default: a member sees its own memories alone, and is told why it can save nowhere else."""
    shop, api = used(world, "shop", "api")
    put(shop / ".memory", "a.md", "---\nchannels: [news]\n---\nzebra\n")
    put(world.home / "groups" / "team", "g.md", "zebra\n")
    world.config(settings('channels = ["*"]', team=[members(shop, api), 'share = "members"']))
    with within(world, folder=api) as agent:
        assert ids(agent, "zebra") == set()
        assert "not available in isolated mode" in agent.refused("store_memory", content="x", scope="group:team")
        assert "not visible from here" in agent.refused("search_memories", query="zebra", scope="project:shop")
        assert agent.call("memory_status")["guests"] == []


def test_the_scope_of_a_save_contradicts_is_global_or_holds(world: World) -> None:
    """Two answers to one question are refused; the scope that a mode does not serve is told."""
    world.config('mode = "hybrid"\n')
    with within(world) as agent:
        assert agent.call("store_memory", content="a", scope="global")["scope"] == "global"
        assert agent.call("store_memory", content="b", scope="global", is_global=True)["scope"] == "global"
        assert agent.call("store_memory", content="c", scope="workspace", is_global=False)["scope"] == "workspace"
        assert agent.call("store_memory", content="d", is_global=True)["scope"] == "global"
        contradiction = agent.refused("store_memory", content="e", scope="workspace", is_global=True)
        assert contradiction == "is_global says global and scope says workspace; pass one of them."
        in_a_batch = [{"content": "fine"}, {"content": "f", "scope": "moon", "is_global": False}]
        assert "is no scope" in agent.refused("store_batch_memories", memories=in_a_batch)
        assert "is not a member of group:../x" in agent.refused("store_memory", content="g", scope="group:../x")
        assert agent.call("list_memories")["total"] == 4


# ---- channels


def test_a_subscriber_sees_what_is_put_into_its_channel_and_nothing_else(world: World) -> None:
    """From the save to the next search; taken out of the channel it is gone; wildcards subscribe to several."""
    shop, api, other = used(world, "shop", "api", "other")
    world.config(settings('mode = "hybrid"', own(api, 'channels = ["api-*"]')))
    with agents(world, shop, api, other) as (giver, taker, outsider):
        saved = giver.call("store_memory", content="The zebra endpoint moves.", channels=["api-contract", "shop"])
        private = giver.call("store_memory", content="A zebra that nobody else hears of.")["memory_id"]
        batch = [{"content": "A zebra field is new.", "channels": ["api-fields"]}]
        [second] = giver.call("store_batch_memories", memories=batch)["memory_ids"]
        hits = {hit["memory_id"]: hit for hit in found(taker, "zebra")}
        narrowed = ids(taker, "zebra", channels=["api-fields"])
        in_words = ids(taker, "zebra channel:api-contract")
        listed = taker.call("list_memories", channels=["api-contract"])
        hidden = taker.refused("get_memory", memory_id=private)
        refused = {tool: taker.refused(tool, memory_id=second, **more) for tool, more in WRITING.items()}
        status = taker.call("memory_status")
        strange = ids(outsider, "zebra")
        giver.call("update_memory", memory_id=second, channels=["shop"])
        giver.call("update_memory", memory_id=saved["memory_id"], channels=[])
        afterwards = ids(taker, "zebra")
        bare = giver.call("get_memory", memory_id=saved["memory_id"])

    assert hits.keys() == {saved["memory_id"], second}
    assert hits[saved["memory_id"]]["channels"] == ["api-contract", "shop"]
    assert {hit["project"] for hit in hits.values()} == {"shop"}
    assert narrowed == {second}
    assert in_words == {each["memory_id"] for each in listed["memories"]} == {saved["memory_id"]}
    assert hidden == f"Memory {private} not found"
    assert all("belongs to project:shop" in sentence for sentence in refused.values())
    assert status["subscriptions"] == ["api-*"]
    guests = [(each["scope"], each["channels"], each["count"]) for each in status["guests"]]
    assert guests == [("project:shop", ["api-*"], 2)]
    assert strange == afterwards == set()
    assert "channels" not in bare


@pytest.mark.parametrize("name", ["../x", "", "a b", "*", "-x", "x" * 65])
def test_a_channel_that_nobody_could_subscribe_to_is_refused(world: World, name: str) -> None:
    """In a save, in a batch and in a change; nothing is written."""
    put(world.folder() / ".memory", "a.md", "---\nid: aaa\n---\nzebra\n")
    before = files_below(world.folder())
    with within(world) as agent:
        assert "is no channel" in agent.refused("store_memory", content="x", channels=[name])
        assert "is no channel" in agent.refused("store_batch_memories", memories=[{"content": "x", "channels": [name]}])
        assert "is no channel" in agent.refused("update_memory", memory_id="aaa", channels=["fine", name])
    assert files_below(world.folder()) == before


# ---- across projects


def test_a_question_across_projects_is_an_act_that_the_user_switched_on(world: World) -> None:
    """Off, nothing of another project is found or named; on, each hit names its project and can be read there."""
    shop, api, secret = used(world, "shop", "api", "secret")
    put(shop / ".memory", "a.md", "---\nid: aaa\n---\nzebra zebra zebra\n")
    put(api / ".memory", "b.md", "---\nid: bbb\n---\nA zebra among many other words that say nothing at all.\n")
    put(secret / ".memory", "s.md", "---\nid: sss\n---\nzebra\n")
    put(world.home / "global", "g.md", "---\nid: ggg\n---\nzebra\n")
    with within(world, folder=api) as agent:
        assert SWITCHED_OFF in agent.refused("search_all_projects", query="zebra")
        assert SWITCHED_OFF in agent.refused("get_memory", memory_id="aaa", project="shop")
        assert agent.call("get_memory", memory_id="bbb", project="api")["scope"] == "workspace"
        assert agent.call("memory_status")["cross_project"] is False

        world.config(settings("cross_project = true", own(secret, "private = true")))
        hits = everywhere(agent, "zebra")
        best = everywhere(agent, "zebra", limit=1)
        only_shop = everywhere(agent, "zebra", projects=["shop"])
        by_path = everywhere(agent, "zebra", projects=[str(shop), "api"])
        own_only = everywhere(agent, "zebra", projects=["api"])
        near = agent.refused("search_all_projects", query="zebra", projects=["shep"])
        hidden = agent.refused("search_all_projects", query="zebra", projects=["secret"])
        read = agent.call("get_memory", memory_id="aaa", project="shop")
        elsewhere = agent.refused("get_memory", memory_id="aaa", project="api")
        unread = agent.refused("get_memory", memory_id="sss", project="secret")
        strict = ids(agent, "zebra")
        kept = agent.refused("delete_memory", memory_id="aaa")

    assert sorted(hits) == [("api", "bbb"), ("shop", "aaa")]
    assert best == hits[:1]
    assert only_shop == [("shop", "aaa")]
    assert sorted(by_path) == sorted(hits)
    assert own_only == [("api", "bbb")]
    assert "Did you mean shop?" in near
    for sentence in (near, hidden.replace("'secret'", ""), unread.replace("'secret'", "")):
        assert "secret" not in sentence
    assert (read["content"].strip(), read["project"], read["scope"]) == ("zebra zebra zebra", "shop", "project:shop")
    assert elsewhere == "Memory aaa not found"
    assert strict == {"bbb"}
    assert kept == "Memory aaa not found"


@pytest.mark.parametrize("era", ERAS)
def test_projects_come_and_go_while_a_server_runs(world: World, era: str) -> None:
    """A project that is used for the first time, moved away, brought back, made private, and all switched off."""
    (here,) = used(world, "here")
    world.config("cross_project = true\n")
    with within(world, era, folder=here) as agent:
        assert everywhere(agent, "zebra") == []

        shop = world.folder("shop")
        put(shop / ".memory", "a.md", "---\nid: aaa\n---\nzebra\n")
        assert everywhere(agent, "zebra") == []
        world.open(shop)
        assert everywhere(agent, "zebra") == [("shop", "aaa")]

        put(shop / ".memory", "b.md", "---\nid: bbb\n---\nanother zebra\n")
        assert {each for _, each in everywhere(agent, "zebra")} == {"aaa", "bbb"}

        shop.rename(world.root / "away")
        assert everywhere(agent, "zebra") == []
        (world.root / "away").rename(shop)
        assert {each for _, each in everywhere(agent, "zebra")} == {"aaa", "bbb"}

        world.config(settings("cross_project = true", own(shop, "private = true")))
        assert everywhere(agent, "zebra") == []
        world.config(settings("cross_project = true", own(shop, 'name = "kiosk"')))
        assert {project for project, _ in everywhere(agent, "zebra")} == {"kiosk"}
        world.config("cross_project = false\n")
        assert SWITCHED_OFF in agent.refused("search_all_projects", query="zebra")


def test_a_group_that_changes_while_a_server_runs_is_what_config_says_at_the_next_call(world: World) -> None:
    """Joined, shared, left; a member whose folder comes later is seen then; a broken file changes nothing."""
    shop, api = used(world, "shop", "api")
    late = world.root / "late"
    put(shop / ".memory", "a.md", "---\nid: aaa\n---\nzebra\n")
    everyone = members(shop, api, late)
    with within(world, folder=api) as agent:
        assert ids(agent, "zebra") == set()
        world.config(settings('mode = "hybrid"', team=[everyone, 'share = "members"']))
        assert ids(agent, "zebra") == {"aaa"}
        assert any(str(late) in note for note in agent.call("memory_status")["notes"])

        put(late / ".memory", "l.md", "---\nid: lll\n---\nzebra\n")
        assert ids(agent, "zebra") == {"aaa", "lll"}

        world.config("[groups.team\n")
        assert ids(agent, "zebra") == {"aaa", "lll"}
        world.config(settings('mode = "hybrid"', team=[everyone]))
        assert ids(agent, "zebra") == set()


def test_every_file_that_is_there_is_found_at_once_in_each_of_many_projects(world: World) -> None:
    """However the question is watched for: new, changed and removed files of twelve projects, asked again and again."""
    folders = used(world, *(f"p{number}" for number in range(12)))
    world.config("cross_project = true\n")
    with connected(world, folder=folders[0]) as agent:
        assert everywhere(agent, "zebra") == []
        expected: set[tuple[str, str]] = set()
        for number in range(24):
            folder = folders[number % 12]
            put(folder / ".memory", f"{number}.md", f"---\nid: n{number}\n---\nzebra\n")
            expected.add((folder.name, f"n{number}"))
            assert set(everywhere(agent, "zebra", limit=100)) == expected
        for number in range(0, 24, 3):
            (folders[number % 12] / ".memory" / f"{number}.md").write_text(
                f"---\nid: n{number}\n---\ngiraffe {number}\n"
            )
            assert everywhere(agent, f"giraffe {number}", limit=1) == [(f"p{number % 12}", f"n{number}")]
            expected.remove((f"p{number % 12}", f"n{number}"))
        for number in range(1, 24, 6):
            (folders[number % 12] / ".memory" / f"{number}.md").unlink()
            expected.remove((f"p{number % 12}", f"n{number}"))
            assert set(everywhere(agent, "zebra", limit=100)) == expected


def test_clones_of_a_repository_do_not_take_the_place_of_other_hits(world: World) -> None:
    """The same memory in twenty checkouts is one hit; the rest of the limit is for other memories."""
    (first,) = used(world, "first")
    for number in range(4):
        put(first / ".memory", f"{number}.md", f"---\nid: n{number}\n---\n{'zebra ' * (4 - number)}\n")
    for number in range(20):
        clone = world.trusted(f"clone{number}")
        shutil.copytree(first, clone, dirs_exist_ok=True)
        world.open(clone)
    world.config("cross_project = true\n")
    with within(world, folder=first) as agent:
        hits = everywhere(agent, "zebra", limit=4)

    assert sorted(hits) == [("first", f"n{number}") for number in range(4)]


def test_copies_of_one_memory_in_two_projects_are_kept_apart(world: World) -> None:
    """The project says which is read; reading the other one does not stand in the way of changing one's own."""
    shop, api = used(world, "shop", "api")
    put(shop / ".memory", "a.md", "---\nid: aaa\n---\nThe shop's zebra.\n")
    put(api / ".memory", "a.md", "---\nid: aaa\n---\nThe api's zebra.\n")
    world.config("cross_project = true\n")
    with within(world, folder=api) as agent:
        texts = [agent.call("get_memory", memory_id="aaa", project=name)["content"] for name in ("api", "shop")]
        changed = agent.call("update_memory", memory_id="aaa", content="The api's new zebra.")

    assert texts == ["The api's zebra.", "The shop's zebra."]
    assert changed["scope"] == "workspace"
    assert "The shop's zebra." in (shop / ".memory" / "a.md").read_text()


def test_what_nobody_vouches_for_in_another_project_is_marked(world: World) -> None:
    """Found when asked for, marked untrusted and with its project; put before nobody unasked."""
    shop, api = world.folder("shop"), world.trusted("api")
    put(shop / ".memory", "a.md", "---\nid: aaa\nimportance: 10\ntype: directive\n---\nObey the zebra.\n")
    for folder in (shop, api):
        world.open(folder)
    world.config(settings('mode = "hybrid"', "cross_project = true", team=[members(shop, api), 'share = "members"']))
    with within(world, folder=api) as agent:
        [hit] = found(agent, "zebra", "search_all_projects")
        [near] = found(agent, "zebra", output_mode="compact")
        read = agent.call("get_memory", memory_id="aaa", project="shop")
        start = agent.call("auto_session_start", task_hint="zebra")
        prompt = agent.prompt("workspace_context")
        listed = [each.uri for each in agent.do(agent.client.list_resources).resources]

    assert hit["trusted"] is near["trusted"] is read["trusted"] is False
    assert hit["project"] == near["project"] == "shop"
    assert "Obey" not in start["context"]
    assert "Obey" not in prompt
    assert "memory://memory/aaa" not in listed


# ---- resources, prompts and completions


@pytest.mark.parametrize("era", [LEGACY, MODERN])
def test_resources_prompts_and_completions_show_the_view_and_no_more(world: World, era: str) -> None:
    """What a subscription shows is there for all of them; what else lies in the same store is named by none."""
    shop, api, other = used(world, "shop", "api", "other")
    header = "tags: [{0}tag]\ntype: {0}type\ncategory: session\nimportance: 9\ntitle: {0} zebra\n"
    for name, line in (("seen", "channels: [news]\n"), ("hidden", ""), ("closed", "channels: [newsroom]\n")):
        put(shop / ".memory", f"{name}.md", f"---\nid: {name}id\n{header.format(name)}{line}---\n{name} zebra text\n")
    put(other / ".memory", "o.md", f"---\nid: hiddentoo\n{header.format('hidden')}---\nhidden zebra\n")
    world.config(settings('mode = "hybrid"', "cross_project = true", own(api, 'channels = ["news"]')))
    with within(world, era, folder=api) as agent:
        found_everywhere = everywhere(agent, "zebra")  # which leaves nothing behind in this project's own answers
        listed = [(each.uri, each.title) for each in agent.do(agent.client.list_resources).resources]
        shown = {
            "listed": str(listed),
            "prompt": agent.prompt("workspace_context"),
            "start": str(agent.call("auto_session_start", task_hint="zebra")),
            "window": str(agent.call("get_time_window_context", hours=1, format="json")),
        }
        for kind in KINDS:
            for value in ("seen", "hidden", "closed"):
                values = {"type": f"{value}type", "tag": f"{value}tag", "id": f"{value}id", "session_id": f"{value}id"}
                uri = kind.fixed or kind.uri.partition("{?")[0].format(**values)
                uri = f"{uri}?q=zebra" if "{?q" in kind.uri else uri
                asked_by_name = "{" in kind.uri.partition("{?")[0]
                if asked_by_name and "by-" not in uri and value != "seen":
                    assert "not found" in agent.unread(uri).message
                elif not (asked_by_name and value != "seen"):
                    shown[uri] = str(agent.read(uri))
                else:
                    assert agent.read(uri)["count"] == 0
        for name in ("type", "tag", "id", "session_id", "q"):
            template = next(kind.uri for kind in KINDS if name in kind.uri.partition("{")[2])
            for typed in ("", "s", "h", "zebra", "hidden", "closed"):
                shown[f"{name} {typed}"] = str(agent.completions(template, name, typed))

    assert {each for _, each in found_everywhere} == {"seenid", "hiddenid", "closedid", "hiddentoo"}
    for where, text in shown.items():
        assert "hidden" not in text, where
        assert "closed" not in text, where
    assert "seenid" in shown["listed"]
    assert "seen zebra" in shown["prompt"]
    assert "seentag" in shown["tag s"]
    assert "seenid" in shown["session_id "]
    assert "'project': 'shop'" in shown["memory://memory/seenid"]


# ---- all at once


def test_two_views_of_one_process_are_used_by_two_threads_at_once(world: World) -> None:
    """One saves while the other brings in another project: neither hinders the other, nor misses a file."""
    here, other = used(world, "here", "other")
    world.config("cross_project = true\n")
    near = world.open(here)
    far = near.across()
    wrong: list[object] = []

    def save() -> None:
        for number in range(40):
            wrong.extend(near.save(f"zebra {number}").notes)

    def search() -> None:
        for number in range(40):
            put(other / ".memory", f"{number}.md", f"zebra {number}\n")
            answer = far.search("zebra", limit=1_000)
            there = sum(hit.entry.store.scope == "project:other" for hit in answer.hits)
            wrong.extend([*answer.notes, *([(there, number)] if there != number + 1 else [])])

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(save), threads.submit(search)]:
            done.result()

    assert wrong == []
    assert len(far.search("zebra", limit=1_000).hits) == 80


def test_questions_here_and_everywhere_and_saves_can_be_under_way_at_once(world: World) -> None:
    """The two views of one server do not get into each other's way: every save is found by both, none is lost."""
    folders = used(world, *(f"p{number}" for number in range(4)))
    world.config("cross_project = true\n")
    with connected(world, folder=folders[0]) as agent:
        for turn in range(3):
            for folder in folders[1:]:
                put(folder / ".memory", f"{turn}.md", f"---\nid: {folder.name}-{turn}\n---\nzebra\n")
            calls: list[tuple[str, Json]] = []
            for number in range(5):
                calls.append(("store_memory", {"content": f"zebra {turn} {number}"}))
                calls.append(("search_all_projects", {"query": "zebra", "limit": 100}))
                calls.append(("search_memories", {"query": "zebra", "limit": 100}))
            assert not any(result.is_error for result in agent.together(calls))
        near, far = ids(agent, "zebra", limit=100), everywhere(agent, "zebra", limit=100)

    assert len(near) == 15
    assert {each for project, each in far if project == "p0"} == near
    assert len(far) == 15 + 9


# ---- who sees it now


def test_a_move_tells_who_sees_the_memory_now(world: World) -> None:
    """Global, a group, and back: in words, in the notes of the answer."""
    shop, api = used(world, "shop", "api")
    world.config(settings('mode = "hybrid"', "cross_project = true", team=[members(shop, api), 'share = "members"']))
    with within(world, folder=shop) as agent:
        memory_id = agent.call("store_memory", content="zebra")["memory_id"]
        shared = agent.call("convert_to_global", memory_id=memory_id)
        grouped = agent.call("move_memory", memory_id=memory_id, to="group:team")
        back = agent.call("convert_to_workspace", memory_id=memory_id)
        status = agent.call("memory_status")

    assert shared["notes"] == ["Now seen by every workspace in hybrid or global mode."]
    assert grouped["notes"] == ["Now seen by the members of group:team, in hybrid mode."]
    assert "the members of group:team, and by whoever asks across projects" in back["notes"][0]
    seen_by = {store["scope"]: store["seen_by"] for store in status["stores"]}
    assert f"Now seen by {seen_by['workspace']}." == back["notes"][0]
    assert status["groups"] == ["team"]


def test_a_change_in_another_project_is_known_without_a_question(world: World) -> None:
    """Its watcher keeps the index up to date, so that the next question has little to do."""
    shop, api = used(world, "shop", "api")
    world.config("cross_project = true\n")
    with within(world, folder=api) as agent:
        assert everywhere(agent, "zebra") == []
        path = put(shop / ".memory", "a.md", "zebra\n")
        other = world.open(shop)

        assert within_deadline(lambda: path.name in other.index.seen(other.view.stores[0]))
