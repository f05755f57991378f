"""Several servers and editors at one store: each finds what any other wrote, and subscribers are told."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from memfs.faces.mcp.desk import Desk
from memfs.faces.mcp.news import News
from tests.serving import ERAS
from tests.serving import LEGACY
from tests.serving import LIST_CHANGED
from tests.serving import MODERN
from tests.serving import Agent
from tests.serving import Json
from tests.serving import Lines
from tests.serving import connected
from tests.serving import heard
from tests.serving import put
from tests.serving import served
from tests.serving import within
from tests.worlds import World
from tests.worlds import within_deadline

RECENT, BY_TAG = "memory://recent", "memory://by-tag/db"
GLOBAL_RECENT, GLOBAL_BY_TAG = "memory://global/recent", "memory://global/by-tag/db"


def hybrid(world: World) -> World:
    """Return *world* in hybrid mode."""
    return World(world.root, {"MEMFS_MODE": "hybrid"})


def titles(agent: Agent, query: str = "zebra") -> list[str]:
    """Return the titles of what a search finds, in their order."""
    return sorted(hit["title"] for hit in agent.call("search_memories", query=query)["results"])


@contextmanager
def pair(world: World) -> Iterator[tuple[Agent, Agent]]:
    """Yield an agent of each era, both at the workspace `project`."""
    with connected(world, LEGACY) as first, connected(world, MODERN) as second:
        yield first, second


# ---- the next search


def test_what_one_session_saves_the_next_search_of_another_finds(world: World) -> None:
    """Both ways, at once, and without asking twice."""
    with pair(world) as agents:
        for number in range(10):
            writer, reader = agents[number % 2], agents[1 - number % 2]

            saved = writer.call("store_memory", content=f"zebra number n{number}n")

            found = reader.call("search_memories", query=f"n{number}n")["results"]
            assert [hit["memory_id"] for hit in found] == [saved["memory_id"]]


def test_what_one_session_changes_moves_or_forgets_the_other_sees_at_once(world: World) -> None:
    """A text, a tag, a scope, an end."""
    with pair(hybrid(world)) as (first, second):
        saved = first.call("store_memory", content="zebra before")["memory_id"]
        assert titles(second) == ["zebra before"]

        first.call("update_memory", memory_id=saved, content="zebra after", tags=["db"])
        assert titles(second) == ["zebra after"]
        assert titles(second, "tag:db") == ["zebra after"]
        assert titles(second, "before") == []

        first.call("convert_to_global", memory_id=saved)
        assert second.call("get_memory", memory_id=saved)["scope"] == "global"
        [hit] = second.call("search_memories", query="zebra")["results"]
        assert hit["scope"] == "global"

        first.call("delete_memory", memory_id=saved)
        assert titles(second) == []
        assert second.refused("get_memory", memory_id=saved) == f"Memory {saved} not found"


def write_in_place(path: Path, text: str) -> None:
    """Write as some editors do: into the same file."""
    with path.open("r+") as file:
        file.write(text)
        file.truncate()


def write_anew(path: Path, text: str) -> None:
    """Write as the other editors do: a new file takes the old one's name."""
    path.with_suffix(".md~").write_text(text)
    path.with_suffix(".md~").replace(path)


@pytest.mark.parametrize("write", [write_in_place, write_anew])
def test_an_edit_in_an_editor_is_found_by_the_next_search(world: World, write: Callable[[Path, str], None]) -> None:
    """Again and again, and the text before is not found any more."""
    path = put(world.folder() / ".memory", "sub/a.md", "zebra edit0x\n")
    with within(world, MODERN) as agent:
        assert titles(agent) == ["zebra edit0x"]
        for number in range(1, 10):
            write(path, f"zebra edit{number}x\n")

            assert titles(agent, f"edit{number}x") == [f"zebra edit{number}x"]
            assert titles(agent, f'"edit{number - 1}x"') == []


def test_files_that_come_go_and_change_their_name_are_found_by_the_next_search(world: World) -> None:
    """A new folder with a file, a rename, a removal, a folder renamed and removed."""
    store = world.folder() / ".memory"
    with within(world) as agent:
        assert titles(agent) == []
        path = put(store, "new/deep/a.md", "zebra one\n")
        assert titles(agent) == ["zebra one"]
        path.rename(store / "b.md")
        [hit] = agent.call("list_memories")["memories"]
        assert hit["path"] == str(store / "b.md")
        put(store, "new/c.md", "zebra two\n")
        assert titles(agent) == ["zebra one", "zebra two"]
        (store / "new").rename(store / "old")
        assert {each["path"] for each in agent.call("list_memories")["memories"]} == {
            str(store / "b.md"),
            str(store / "old/c.md"),
        }
        (store / "b.md").unlink()
        assert titles(agent) == ["zebra two"]
        (store / "old/c.md").unlink()
        (store / "old/deep").rmdir()
        (store / "old").rmdir()
        assert titles(agent) == []


def git(folder: Path, *arguments: str) -> None:
    """Run git in *folder*."""
    settings = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *settings, *arguments], cwd=folder, check=True, capture_output=True)


def test_a_git_checkout_is_found_by_the_next_search_and_told(world: World) -> None:
    """Another branch has other memories; back on the first one, its own are there again."""
    folder = world.folder()
    git(folder, "init", "-q", "-b", "main")
    put(folder / ".memory", "a.md", "---\nid: aaa\n---\nzebra of main\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "main")
    git(folder, "checkout", "-qb", "side")
    put(folder / ".memory", "a.md", "---\nid: aaa\n---\nzebra of the side\n")
    put(folder / ".memory", "b.md", "---\nid: bbb\n---\nanother zebra\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "side")
    with pair(world) as agents:
        for branch, expected in (
            ("side", ["another zebra", "zebra of the side"]),
            ("main", ["zebra of main"]),
            ("side", ["another zebra", "zebra of the side"]),
        ):
            git(folder, "checkout", "-q", branch)
            for agent in agents:
                assert titles(agent) == expected
        for agent in agents:
            with agent.following("memory://memory/aaa", RECENT) as told:
                git(folder, "checkout", "-q", "main")
                assert heard(told, "memory://memory/aaa", RECENT, LIST_CHANGED)
                git(folder, "checkout", "-q", "side")


# ---- subscribers


@pytest.mark.parametrize("era", ERAS)
def test_subscribers_are_told_of_what_an_editor_does(world: World, era: str) -> None:
    """Lists and the memory itself; another memory's subscribers are left in peace."""
    store = world.folder() / ".memory"
    put(store, "a.md", "---\nid: aaa\ntags: [db]\n---\nfirst\n")
    put(store, "b.md", "---\nid: bbb\n---\nsecond\n")
    one, other = "memory://memory/aaa", "memory://memory/bbb"
    with within(world, era) as agent, agent.following(RECENT, BY_TAG, one, other) as told:
        put(store, "a.md", "---\nid: aaa\ntags: [db]\n---\nedited\n")
        assert heard(told, RECENT, BY_TAG, one)
        assert other not in told
        assert LIST_CHANGED not in told
        assert agent.read(one)["content"].strip() == "edited"

        told.clear()
        (store / "b.md").unlink()
        assert heard(told, RECENT, other, LIST_CHANGED)
        assert one not in told
        assert agent.unread(other).message == "Memory bbb not found"


@pytest.mark.parametrize("era", ERAS)
def test_subscribers_are_told_of_what_another_session_does(world: World, era: str) -> None:
    """A save, a change, a move, an end: by another server, and by the own one as well."""
    world = hybrid(world)
    with connected(world, MODERN) as writer, connected(world, era) as agent:
        saved = writer.call("store_memory", content="zebra")["memory_id"]
        one = f"memory://memory/{saved}"
        with agent.following(RECENT, one) as told:
            for who in (writer, agent):
                for tool, arguments in (
                    ("update_memory", {"content": f"zebra {id(who)}"}),
                    ("convert_to_global", {}),
                    ("convert_to_workspace", {}),
                ):
                    told.clear()
                    who.call(tool, memory_id=saved, **arguments)
                    assert heard(told, RECENT, one), tool
            told.clear()
            writer.call("get_memory", memory_id=saved)  # what it read before, the other one has changed
            writer.call("delete_memory", memory_id=saved)
            assert heard(told, RECENT, one, LIST_CHANGED)


@pytest.mark.parametrize("era", ERAS)
def test_who_follows_the_global_store_is_told_of_that_alone(world: World, era: str) -> None:
    """A change in the workspace is none of the global resources'; one in the global store concerns both."""
    world = hybrid(world)
    put(world.home / "global", "g.md", "a global zebra\n")
    with within(world, era) as agent, agent.following(GLOBAL_RECENT, GLOBAL_BY_TAG, RECENT) as told:
        for number in range(3):  # the news of the first have come when those of the last have
            put(world.folder() / ".memory", "a.md", f"zebra {number}\n")
            assert within_deadline(lambda: told.count(RECENT) > number)  # noqa: B023  (asked at once)
        assert not {GLOBAL_RECENT, GLOBAL_BY_TAG} & set(told)

        told.clear()
        put(world.home / "global", "g.md", "a changed global zebra\n")
        assert heard(told, RECENT, GLOBAL_RECENT, GLOBAL_BY_TAG)


@pytest.mark.parametrize("era", ERAS)
def test_a_new_file_changes_the_list_of_resources_and_an_edit_does_not(world: World, era: str) -> None:
    """Told to whoever is connected (handshake era) or listens (since); a client then lists anew and finds it."""
    put(world.folder() / ".memory", "a.md", "---\nid: aaa\n---\nzebra\n")
    with within(World(world.root, {"MEMFS_MODE": "global"}), era) as agent, agent.following(RECENT) as told:
        for number in range(2):
            told.clear()
            put(world.home / "global", f"{number}.md", f"---\nid: id{number}\n---\nA new zebra\n")
            assert heard(told, LIST_CHANGED, RECENT)
            listed = {each.uri for each in agent.do(agent.client.list_resources).resources}
            assert f"memory://memory/id{number}" in listed

        told.clear()
        put(world.home / "global", "0.md", "---\nid: id0\n---\nAn old zebra\n")
        assert heard(told, RECENT)
        assert LIST_CHANGED not in told


def test_a_client_of_the_handshake_era_need_not_subscribe_to_learn_of_new_lists(world: World) -> None:
    """As the protocol says: `list_changed` comes to everybody."""
    with within(world, LEGACY) as agent:
        agent.call("memory_status")
        put(world.folder() / ".memory", "a.md", "zebra\n")

        assert heard(agent.told, LIST_CHANGED)
        assert set(agent.told) == {LIST_CHANGED}


def test_a_client_of_2024_is_sent_nothing_that_it_did_not_ask_for(world: World) -> None:
    """Some of that time read no more after such a message; what changed they find when they ask."""
    with served(world) as client:
        client.begin("2024-11-05")
        client.call("memory_status")
        for number in range(5):
            put(world.folder() / ".memory", f"{number}.md", f"zebra {number}\n")
            assert client.call("search_memories", query="zebra")["count"] == number + 1
            client.ask("ping")

    assert client.notes == []


@pytest.mark.parametrize("era", ERAS)
def test_after_unsubscribing_there_is_silence(world: World, era: str) -> None:
    """What is still subscribed to is told on, so the silence is not that of a server that stopped."""
    store = world.folder() / ".memory"
    put(store, "a.md", "---\nid: aaa\n---\nfirst\n")
    one = "memory://memory/aaa"
    with within(world, era) as agent, agent.following(BY_TAG) as still:
        with agent.following(RECENT, one) as told:
            put(store, "a.md", "---\nid: aaa\n---\nsecond\n")
            assert heard(told, RECENT, one)
        told.clear()
        still.clear()
        for number in range(3):
            put(store, "a.md", f"---\nid: aaa\n---\nedit {number}\n")
            assert heard(still, BY_TAG)
            still.clear()

        assert not {RECENT, one} & set(told)
        with agent.following(one) as again:
            put(store, "a.md", "---\nid: aaa\n---\nonce more\n")
            assert heard(again, one)


def test_a_subscription_to_what_is_not_there_yet_is_told_when_it_comes(world: World) -> None:
    """An id, and a title with a space in its address."""
    with within(world) as agent, agent.following("memory://memory/later", "memory://memory/My%20zebra") as told:
        put(world.folder() / ".memory", "a.md", "---\nid: later\n---\n# My zebra\n")

        assert heard(told, "memory://memory/later", "memory://memory/My%20zebra")


def test_subscribing_twice_tells_once_and_one_end_ends_it(world: World) -> None:
    """In the handshake era a subscription is a set of addresses, not a count."""
    path = put(world.folder() / ".memory", "a.md", "---\nid: aaa\n---\nfirst\n")
    with served(world) as client:
        client.begin()
        for _ in range(2):
            client.ask("resources/subscribe", {"uri": "memory://memory/aaa"})
        client.ask("resources/subscribe", {"uri": RECENT})
        path.write_text("---\nid: aaa\n---\nsecond\n")
        updates = [client.message() for _ in range(2)]
        client.ask("resources/unsubscribe", {"uri": "memory://memory/aaa"})
        unknown = client.ask("resources/unsubscribe", {"uri": "memory://memory/never"})
        path.write_text("---\nid: aaa\n---\nthird\n")
        third = client.message()

    assert sorted(each["params"]["uri"] for each in updates) == ["memory://memory/aaa", RECENT]
    assert unknown["result"] == {}
    assert third["params"]["uri"] == RECENT


def test_a_watched_folder_that_is_deleted_and_made_anew_is_told_of(world: World) -> None:
    """The whole store goes, and another one comes: subscribers hear both."""
    store = world.folder() / ".memory"
    put(store, "a.md", "---\nid: aaa\n---\nfirst\n")
    with within(world) as agent, agent.following("memory://memory/aaa") as told:
        (store / "a.md").unlink()
        store.rmdir()
        assert heard(told, "memory://memory/aaa")
        told.clear()
        put(store, "a.md", "---\nid: aaa\n---\nfirst\n")
        assert heard(told, "memory://memory/aaa")


def test_sessions_of_two_projects_share_the_global_store_and_nothing_else(world: World) -> None:
    """What is saved globally in one is found and told in the other; what is saved for the project is not."""
    world = hybrid(world)
    with (
        connected(world, folder=world.folder("one")) as first,
        connected(world, MODERN, folder=world.folder("two")) as second,
        second.following(GLOBAL_RECENT, RECENT) as told,
    ):
        first.call("store_memory", content="a private zebra")
        assert titles(second) == []
        first.call("store_memory", content="a shared zebra", is_global=True)
        assert titles(second) == ["a shared zebra"]
        assert heard(told, GLOBAL_RECENT, RECENT, LIST_CHANGED)


# ---- many at once


def saved_by(servers: list[Lines], number: int) -> list[list[str]]:
    """Have each of *servers* save *number* memories, all under way at once; return the ids that each was answered."""
    requests = [
        [
            server.request(
                "tools/call",
                {"name": "store_memory", "arguments": {"content": f"lighthouse w{who}w{each}w", "tags": ["many"]}},
            )
            for each in range(number)
        ]
        for who, server in enumerate(servers)
    ]
    answers: list[list[Json]] = [
        [server.answer(each)["result"] for each in asked] for server, asked in zip(servers, requests, strict=True)
    ]
    assert not [answer for each in answers for answer in each if answer.get("isError")]
    return [[answer["structuredContent"]["memory_id"] for answer in each] for each in answers]


def listed_by(server: Lines) -> set[str]:
    """Return the ids of all pages of a list."""
    listed: set[str] = set()
    cursor: Json = {}
    while True:
        page = server.call("list_memories", tags=["many"], limit=100, **cursor)
        listed |= {each["memory_id"] for each in page["memories"]}
        if "next_cursor" not in page:
            return listed
        cursor = {"cursor": page["next_cursor"]}


def crowd(world: World, count: int, number: int) -> None:
    """Let *count* servers save *number* memories each at once, and check that every one finds all of them."""
    with ExitStack() as stack:
        servers = [stack.enter_context(served(world)) for _ in range(count)]
        for server in servers:
            server.begin()
        ids = saved_by(servers, number)

        everything = {each for those in ids for each in those}
        assert len(everything) == count * number
        files = list((world.folder() / ".memory").rglob("*.md"))
        assert len(files) == count * number
        for who, server in enumerate(servers):
            # while the others write the index an answer may lack what is newest, and says so
            assert within_deadline(lambda: listed_by(server) == everything)  # noqa: B023  (asked at once)
            neighbour = (who + 1) % count
            for each, memory_id in enumerate(ids[neighbour]):
                found = server.call("search_memories", query=f"w{neighbour}w{each}w", output_mode="compact", limit=1)
                assert [hit["memory_id"] for hit in found["results"]] == [memory_id]
        for server in servers:
            server.close()
        assert [server.ended() for server in servers] == [0] * count


def test_eight_servers_that_save_at_once_lose_nothing(world: World) -> None:
    """Every save that was answered is a file, and is found from each of them."""
    crowd(world, 8, 4)


@pytest.mark.soak
def test_eight_servers_that_save_a_hundred_memories_each_lose_nothing(world: World) -> None:
    """The same with eight hundred."""
    crowd(world, 8, 100)


def test_a_server_that_others_write_under_answers_all_along(world: World) -> None:
    """Searches of one server while another one and an editor write: each has at least what was there before."""
    store = world.folder() / ".memory"
    with pair(world) as (writer, reader):
        for number in range(15):
            put(store, f"{number}.md", f"zebra {number}\n")
            writer.call("store_memory", content=f"zebra by session {number}")
            count = reader.call("search_memories", query="zebra", limit=100, output_mode="compact")["count"]
            assert count == 2 * (number + 1)
        assert within_deadline(lambda: reader.call("memory_status")["stores"][0]["count"] == 30)


def test_a_subscriber_hears_of_what_changed_since_it_subscribed(world: World) -> None:
    """Though an earlier one, whose news are still under way, knew the memory as it is afterwards."""
    uri = "memory://memory/aaa"
    path = put(world.trusted() / ".memory", "a.md", "---\nid: aaa\n---\nsecond\n")
    news = News()
    desk = news.desk = Desk(world.folder(), None, news.heard, world.environ)

    async def subscribe() -> None:
        await news._add(uri)

    try:
        anyio.run(subscribe)
        known = news._places[uri]
        path.write_text("---\nid: aaa\n---\nfirst\n")
        anyio.run(subscribe)
        assert news._places[uri] != known
        path.write_text("---\nid: aaa\n---\nsecond\n")
        assert news._look([uri])[uri] != news._places[uri]
    finally:
        desk.close()
