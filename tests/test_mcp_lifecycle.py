"""How servers begin and end: at once, whatever ends them, and without leaving anything behind."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from memfs.memory import parse
from tests.serving import ERAS
from tests.serving import LEGACY
from tests.serving import SERVE
from tests.serving import Lines
from tests.serving import connected
from tests.serving import processes_of
from tests.serving import put
from tests.serving import served
from tests.serving import temporary_files
from tests.worlds import DEADLINE_SECONDS
from tests.worlds import World
from tests.worlds import rounds
from tests.worlds import within_deadline
from tests.worlds import without_powers

EXIT_SECONDS = 2.0
"""After which a client kills its server."""


def ended_in_time(client: Lines) -> int:
    """Return the exit code of a server that ends before its client would kill it."""
    return client.process.wait(EXIT_SECONDS)


def saved_ids(world: World) -> set[str]:
    """Return the ids of the memories in the workspace `project`."""
    store = world.root / "project" / ".memory"
    return {parse(path.read_bytes(), path.name).id for path in store.glob("*.md")}


def free(folder: Path) -> bool:
    """Return whether nobody holds the lock of *folder*."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of *folder*, so that whoever writes there has to wait."""
    handle = os.open(folder, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(handle)


def connect_and_close(world: World, times: int) -> None:
    """Have a client connect, save and go, again and again, in both eras; check that nothing of it is left."""
    store = world.folder() / ".memory"
    for number in rounds(times):
        with connected(world, ERAS[number % 2], "--workspace", str(world.folder())) as agent:
            assert len(processes_of(world)) == 1
            agent.call("store_memory", content=f"zebra {number}")

        assert processes_of(world) == []
        assert temporary_files(world) == []
        assert free(store)
        assert free(world.cache)
        assert len(saved_ids(world)) == number + 1


def test_connecting_and_closing_leaves_nothing_but_the_memories(world: World) -> None:
    """No process, no lock, no temporary file."""
    connect_and_close(world, 3)


@pytest.mark.soak
def test_connecting_and_closing_fifty_times_leaves_nothing_but_the_memories(world: World) -> None:
    """The same, fifty times."""
    connect_and_close(world, 50)


# ---- the end


HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "in a hurry", "version": "1"},
}
END: dict[str, tuple[Callable[[Lines], None], int]] = {
    "end of input": (Lines.close, 0),
    "SIGTERM": (lambda client: client.process.send_signal(signal.SIGTERM), 128 + signal.SIGTERM),
    "SIGINT": (lambda client: client.process.send_signal(signal.SIGINT), 128 + signal.SIGINT),
}
"""What ends a server, and with which exit code."""


@pytest.mark.parametrize("how", END)
def test_a_server_ends_in_time_and_says_nothing(world: World, how: str) -> None:
    """Standard output has messages alone, standard error nothing."""
    end, code = END[how]
    with served(world) as client:
        client.begin()
        client.call("store_memory", content="zebra")
        end(client)

        assert ended_in_time(client) == code
        assert client.ended() == code
        assert client.log.read_text() == ""
    assert temporary_files(world) == []


@pytest.mark.parametrize("how", END)
def test_a_server_ends_in_time_while_a_call_is_at_work(world: World, how: str) -> None:
    """A save that waits for a lock is given up: no file, no temporary file, and no answer that says otherwise."""
    end, _ = END[how]
    store = world.folder() / ".memory"
    with served(world) as client:
        client.begin()
        client.call("memory_status")
        with locked(store):
            client.request("tools/call", {"name": "store_memory", "arguments": {"content": "never"}})
            client.ask("ping")
            end(client)

            ended_in_time(client)
        rest = []
        while line := client.line():
            rest.append(json.loads(line))

    assert not [message for message in rest if not message.get("result", {}).get("isError", True)]
    assert saved_ids(world) == set()
    assert temporary_files(world) == []


@pytest.mark.parametrize("how", [*END, "SIGKILL"])
def test_a_save_that_was_answered_is_on_disk(world: World, how: str) -> None:
    """However the server ends in the middle of many: each id that came back is a file, and every file is whole."""
    end, _ = END.get(how, (lambda client: client.process.kill(), 0))
    with served(world) as client:
        client.begin()
        numbers = [
            client.request("tools/call", {"name": "store_memory", "arguments": {"content": f"zebra {number}"}})
            for number in range(25)
        ]
        answered = {client.answer(numbers[0])["result"]["structuredContent"]["memory_id"]}
        end(client)
        client.process.wait(DEADLINE_SECONDS)
        while line := client.line():
            if b"structuredContent" in line:
                result = json.loads(line)["result"]
                assert not result.get("isError")
                answered.add(result["structuredContent"]["memory_id"])

    assert answered <= saved_ids(world)
    assert all(path.read_text().startswith("---\nid: ") for path in (world.folder() / ".memory").glob("*.md"))
    assert {entry.memory.id for entry in world.open().list(limit=100).entries} == saved_ids(world)
    assert temporary_files(world) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_has_hardly_begun_can_be_ended(world: World, number: int) -> None:
    """Before it reads its first message: it ends, and nothing stands on standard output."""
    with served(world) as client:
        client.process.send_signal(number)

        assert client.process.wait(DEADLINE_SECONDS) != 0
        assert client.line() == b""


def test_a_second_signal_changes_nothing(world: World) -> None:
    """An impatient user, or a client that sends both."""
    with served(world) as client:
        client.begin()
        client.process.send_signal(signal.SIGINT)
        client.process.send_signal(signal.SIGTERM)

        assert ended_in_time(client) in (128 + signal.SIGINT, 128 + signal.SIGTERM)
        assert client.log.read_text() == ""


def test_a_server_without_input_ends_at_once(world: World) -> None:
    """`memfs serve </dev/null`: exit code 0, nothing said."""
    done = subprocess.run(
        SERVE,
        cwd=world.folder(),
        env=world.environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_what_was_asked_before_the_end_of_input_is_answered(world: World) -> None:
    """As when questions are piped in: every one is answered, the last one too, and then the server ends."""
    with served(world) as client:
        first = client.request("initialize", HELLO)
        client.close()
        assert client.answer(first)["result"]["serverInfo"]["name"] == "memfs"
        assert client.ended() == 0

    with served(world) as client:
        client.begin()
        client.call("store_memory", content="zebra")
        due = [client.request("tools/list"), client.request("ping")]
        for tool, arguments in (("memory_status", {}), ("store_memory", {"content": "another zebra"})):
            due.append(client.request("tools/call", {"name": tool, "arguments": arguments}))
        client.close()
        assert all("result" in client.answer(number) for number in due)
        assert client.ended() == 0
    assert len(saved_ids(world)) == 2


# ---- clients that vanish


def test_a_client_that_vanishes_while_answers_are_due_ends_the_server(world: World) -> None:
    """Both pipes are closed with a hundred answers to come: nobody is left, and a scan finds whole files alone."""
    put(world.folder() / ".memory", "a.md", "zebra " * 20_000)
    with served(world, "--workspace", str(world.folder())) as client:
        client.begin()
        for number in range(50):
            arguments = {"memory_id": "a.md", "max_tokens": 100_000}
            client.request("tools/call", {"name": "get_memory", "arguments": arguments})
            client.request("tools/call", {"name": "store_memory", "arguments": {"content": f"zebra {number}"}})
        assert client.process.stdout is not None
        client.process.stdout.close()
        client.close()

        client.process.wait(DEADLINE_SECONDS)
        assert "Traceback" not in client.log.read_text()
    assert processes_of(world) == []
    assert {entry.memory.id for entry in world.open().list(limit=100).entries} >= saved_ids(world)
    assert temporary_files(world) == []


def test_a_client_that_stops_to_read_ends_the_server_at_its_next_answer(world: World) -> None:
    """Only the reading end is gone: there is nobody to serve any more, and the server says so by ending."""
    with served(world) as client:
        client.begin()
        assert client.process.stdout is not None
        client.process.stdout.close()
        client.request("tools/list")

        client.process.wait(DEADLINE_SECONDS)
        assert "Traceback" not in client.log.read_text()


def test_a_client_that_is_killed_takes_its_server_along(world: World) -> None:
    """The pipes close with it, which is all that the server needs to know."""
    script = """
import subprocess, sys
server = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
server.stdin.write(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\\n')
server.stdin.flush()
print(server.stdout.readline() != b"", flush=True)
sys.stdin.read()
"""
    client = world.start(script, *SERVE, "--workspace", world.folder())
    assert client.stdout is not None
    assert client.stdout.readline() == "True\n"
    client.kill()
    client.communicate()

    assert within_deadline(lambda: processes_of(world) == [])


# ---- places that are gone


def test_a_server_whose_folder_is_deleted_serves_on(world: World) -> None:
    """Before it begins, and while it serves: what it was told of by an absolute path works as ever."""
    gone = world.root / "gone"
    gone.mkdir()
    through = ("sh", "-c", 'rmdir "$PWD" && exec "$@"', "sh")
    with served(world, folder=gone, through=through) as client:
        client.begin()
        status = client.call("memory_status")
        assert status["workspace"] == str(world.root / "home")

    gone.mkdir()
    with served(world, "--workspace", str(world.folder()), folder=gone) as client:
        client.begin()
        gone.rmdir()
        saved = client.call("store_memory", content="zebra")["memory_id"]
        assert client.call("search_memories", query="zebra")["results"][0]["memory_id"] == saved
        assert client.call("get_memory", memory_id=saved)["content"].strip() == "zebra"
        client.close()
        assert ended_in_time(client) == 0


def test_a_workspace_that_is_deleted_while_it_is_served_is_made_anew_by_a_save(world: World) -> None:
    """The folder that the server stands in goes; a search finds nothing, a save has somewhere to go or says why not."""
    with served(world) as client:
        client.begin()
        client.call("store_memory", content="zebra")
        shutil.rmtree(world.root / "project")
        assert client.call("search_memories", query="zebra")["count"] == 0
        result = client.ask("tools/call", {"name": "store_memory", "arguments": {"content": "another zebra"}})["result"]

        assert not result.get("isError"), result
        assert client.call("search_memories", query="zebra")["count"] == 1


def test_without_a_home_each_call_is_told_why_nothing_works(world: World) -> None:
    """Neither HOME nor MEMFS_HOME, and no account that has one: a sentence and its code, and the server lives."""
    environ = {name: world.environ[name] for name in ("PATH", "PYTHONPATH")}
    nobody = ("setpriv", "--reuid=54321", "--clear-groups") if os.geteuid() == 0 and without_powers() else ()
    if not nobody:
        pytest.skip("only root can be an account that has no home")
    for path in (world.root, *world.root.parents):
        if path != Path("/") and path.owner() != "root":
            pytest.skip("the test's folders belong to somebody else")
    shutil.chown(world.folder(), 54321)
    with served(world, folder=Path("/"), environ=environ, through=nobody) as client:
        client.begin()
        listed = client.ask("tools/list")["result"]["tools"]
        result = client.ask("tools/call", {"name": "memory_status", "arguments": {}})["result"]
        resource = client.ask("resources/read", {"uri": "memory://recent"})
        client.close()
        code = client.ended()

    assert listed
    assert result["isError"]
    assert result["structuredContent"]["error"]["code"] == "bad_config"
    assert "home" in result["content"][0]["text"]
    assert resource["error"]["message"] == result["content"][0]["text"]
    assert code == 0


def test_settings_that_cannot_be_used_are_told_to_each_call_and_mended_while_serving(world: World) -> None:
    """A mode that is none, from the environment: the tools are listed, calls say what is wrong."""
    with served(world, environ={**world.environ, "MEMFS_MODE": "hybird"}) as client:
        client.begin()
        result = client.ask("tools/call", {"name": "list_memories", "arguments": {}})["result"]
        client.close()
        code = client.ended()

    assert result["isError"]
    assert result["content"][0]["text"] == ("'hybird' is no mode (MEMFS_MODE); the modes are isolated, global, hybrid.")
    assert code == 0


def test_nothing_but_messages_stands_on_standard_output_when_things_go_wrong(world: World) -> None:
    """Broken settings, a malformed memory, refused calls, unknown tools, an index that is in the way."""
    world.config('mode = "hybrid\n')
    put(world.folder() / ".memory", "bad.md", "---\na: [\n---\nzebra\n")
    world.cache.write_text("a file in its place")
    with served(world) as client:
        client.begin()
        for tool, arguments in (
            ("memory_status", {}),
            ("search_memories", {"query": "zebra"}),
            ("update_memory", {"memory_id": "bad.md", "importance": 3}),
            ("store_memory", {"content": "ghp_" + "a1B2" * 9}),
            ("no_such_tool", {}),
        ):
            answer = client.ask("tools/call", {"name": tool, "arguments": arguments})
            assert "result" in answer or tool == "no_such_tool"
        client.close()

        assert client.ended() == 0


def test_the_sdks_own_client_needs_no_force_to_end_it(world: World) -> None:
    """It kills a server that outlives its patience: a server that had to be killed would leave its exit unsaid."""
    trace = world.root / "exit-code"
    script = f'"$@"; echo $? > {trace}'
    with served(world, through=("sh", "-c", script, "sh")) as client:
        client.begin()
        client.call("store_memory", content="zebra")
        client.close()
        client.process.wait(DEADLINE_SECONDS)
    assert trace.read_text() == "0\n"
    with connected(world, LEGACY) as agent:
        assert agent.call("search_memories", query="zebra")["count"] == 1
