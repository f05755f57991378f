"""Streamable HTTP: a token, hosts and origins that were meant, and real sessions of both eras over it."""

from __future__ import annotations

import errno
import http.client
import json
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from contextlib import asynccontextmanager
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from typing import NamedTuple

import httpx2
import pytest
from mcp.client.streamable_http import streamable_http_client

from memfs.faces.mcp import schemas
from tests.serving import ERAS
from tests.serving import LEGACY
from tests.serving import LIST_CHANGED
from tests.serving import MODERN
from tests.serving import SERVE
from tests.serving import Agent
from tests.serving import Json
from tests.serving import Lines
from tests.serving import heard
from tests.serving import processes_of
from tests.serving import put
from tests.serving import served
from tests.serving import speaking
from tests.worlds import DEADLINE_SECONDS
from tests.worlds import World
from tests.worlds import new_world
from tests.worlds import within_deadline

INITIALIZE: Json = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "by hand", "version": "1"}},
}
EXIT_SECONDS = 2.0
"""After which whoever supervises a server loses patience."""
ADDRESS = re.compile(r"memfs serves http://(127\.0\.0\.1|localhost):(\d+)/mcp \(Ctrl-C ends it\)")
ANYWHERE = "0.0.0.0"  # noqa: S104  (is refused)
TOKEN = re.compile(r"A new token, kept in (.+) and shown this once: ([\w-]{40,})\n")


class Site(NamedTuple):
    """A server that listens.

    Attributes:
        port: Where.
        token: What clients must show.
        server: Its process and what it wrote.
    """

    port: int
    token: str
    server: Lines

    def ask(
        self, body: Json | bytes = INITIALIZE, *, path: str = "/mcp", method: str = "POST", **headers: str | None
    ) -> tuple[int, dict[str, str], str]:
        """Return status, headers and text of the answer to a request with the right token and *headers*.

        Args:
            body: What is sent.
            path: To where.
            method: GET, POST and so on.
            headers: By name with `_` for `-`; None to leave one out.
        """
        usual: dict[str, str | None] = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
        }
        given = usual | {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_SECONDS)
        try:
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            shown = {name: value for name, value in given.items() if value is not None}
            connection.request(method, path, raw, shown)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
        finally:
            connection.close()

    @contextmanager
    def agent(self, mode: str = LEGACY) -> Iterator[Agent]:
        """Yield an agent that is connected over HTTP."""

        @asynccontextmanager
        async def transport() -> AsyncIterator[Any]:
            headers = {"Authorization": f"Bearer {self.token}"}
            timeout = httpx2.Timeout(DEADLINE_SECONDS)
            async with (
                httpx2.AsyncClient(headers=headers, timeout=timeout) as client,
                streamable_http_client(f"http://127.0.0.1:{self.port}/mcp", http_client=client) as streams,
            ):
                yield streams

        connect: Callable[[], AbstractAsyncContextManager[Any]] = transport
        with speaking(connect, mode) as agent:
            yield agent


@contextmanager
def listening(world: World, *arguments: str, token: str = "") -> Iterator[Site]:
    """Start a server that listens on a free port of the loopback, and wait until it does.

    Args:
        world: On which machine.
        arguments: Of `memfs serve`, beside `--http --port 0`.
        token: The one that is known already; empty to read it from what the server says.
    """
    with served(world, "--http", "--port", "0", "--workspace", str(world.folder()), *arguments) as server:
        assert within_deadline(lambda: ADDRESS.search(server.log.read_text()) or server.process.poll() is not None)
        said = server.log.read_text()
        address, made = ADDRESS.search(said), TOKEN.search(said)
        assert address, said
        yield Site(int(address[2]), made[2] if made else token, server)


class Open(NamedTuple):
    """A server that several tests ask, and the machine it runs on."""

    site: Site
    world: World


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """Return a server for tests that neither end nor configure it; it also goes by the name dev.example.org."""
    world = new_world(tmp_path_factory.mktemp("http"))
    with listening(world, "--allow-host", "dev.example.org") as site:
        yield Open(site, world)


def token_file(world: World) -> Path:
    """Return where the token is kept."""
    return world.state / "http-token"


# ---- the token


def test_a_token_is_made_once_for_this_account_alone_and_shown_once(world: World) -> None:
    """Mode 0600, printed to standard error at the first start; the next one takes the same and says nothing of it."""
    with listening(world) as first:
        token = first.token
        assert first.ask()[0] == 200
    kept = token_file(world)
    about = kept.stat()
    with listening(world, token=token) as second:
        said = second.server.log.read_text()
        assert second.ask()[0] == 200

    assert kept.read_text() == token
    assert stat.S_IMODE(about.st_mode) == 0o600
    assert token not in said
    assert "token" not in said


def test_a_token_that_others_could_read_is_taken_from_them(world: World) -> None:
    """Somebody copied it about: from the next start on it is readable by its owner alone."""
    put(world.state, "http-token", "chosen-by-hand\n").chmod(0o644)
    with listening(world, token="chosen-by-hand") as site:
        assert site.ask()[0] == 200

    assert stat.S_IMODE(token_file(world).stat().st_mode) == 0o600


def test_an_empty_token_lets_nobody_in(world: World) -> None:
    """A file that holds nothing is no password of nothing: the server does not start, and says what to do."""
    put(world.state, "http-token", "\n")
    with served(world, "--http", "--port", "0") as server:
        assert server.ended() == 6
        assert "holds no token; remove it, and the next start makes a new one." in server.log.read_text()


def test_who_does_not_show_the_token_is_refused(shared: Open) -> None:
    """401 and how to show it; for every method, path and near miss; nothing is done."""
    site = shared.site
    for shown in (
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {site.token}x",
        f"Bearer {site.token[:-1]}",
        f"bearer  {site.token}",
        f"Basic {site.token}",
        site.token,
        "Bearer \xff",
    ):
        for method in ("POST", "GET", "DELETE", "OPTIONS"):
            for path in ("/mcp", "/", "/mcp/", "/none"):
                status, headers, text = site.ask(method=method, path=path, Authorization=shown)
                assert status == 401, (shown, method, path)
                assert headers["www-authenticate"] == "Bearer"
                assert site.token not in text
                assert json.loads(text)["error"] == "unauthorized"
    assert site.ask()[0] == 200
    assert site.token not in site.server.log.read_text().replace(f"once: {site.token}", "")


def test_without_a_token_only_the_loopback_is_served(world: World) -> None:
    """`--no-token` is possible there; beyond it is refused with a sentence and exit code 6, and no port is opened."""
    with listening(world, "--no-token") as site:
        assert site.ask(Authorization=None)[0] == 200
    assert not token_file(world).exists()

    for host in (ANYWHERE, "::", "192.0.2.1", "example.org"):
        with served(world, "--http", "--port", "0", "--host", host, "--no-token") as server:
            assert server.ended() == 6
            assert (
                f"{host} can be reached from other machines; without a token memfs listens on 127.0.0.1 only."
                in server.log.read_text()
            )


# ---- hosts and origins


def test_other_hosts_and_origins_are_refused(shared: Open) -> None:
    """What a web page that rebinds its name would send: 421 and 403, the token does not help."""
    site = shared.site
    here = f"127.0.0.1:{site.port}"
    for host, origin, expected in (
        (here, None, 200),
        (f"localhost:{site.port}", None, 200),
        ("localhost", None, 200),
        (f"[::1]:{site.port}", None, 200),
        (f"dev.example.org:{site.port}", None, 200),
        ("dev.example.org", None, 200),
        ("evil.example.org", None, 421),
        (f"evil.example.org:{site.port}", None, 421),
        ("127.0.0.1.evil.example.org", None, 421),
        (f"localhost.evil.example.org:{site.port}", None, 421),
        ("192.0.2.1", None, 421),
        ("", None, 421),
        (here, f"http://{here}", 200),
        (here, "http://localhost:3000", 200),
        (here, "https://dev.example.org", 200),
        (here, "http://evil.example.org", 403),
        (here, "https://127.0.0.1.evil.example.org", 403),
        (here, "null", 403),
        (here, "file://", 403),
    ):
        assert site.ask(Host=host, Origin=origin)[0] == expected, (host, origin)


def test_the_server_can_be_reached_over_the_loopback_alone(shared: Open) -> None:
    """It is bound to 127.0.0.1, so not even another address of the loopback answers."""
    for address, expected in (("127.0.0.1", 0), ("127.0.0.2", errno.ECONNREFUSED)):
        with socket.socket() as probe:
            if address == "127.0.0.2" and sys.platform != "linux":
                continue  # elsewhere the loopback has one address
            assert probe.connect_ex((address, shared.site.port)) == expected


def test_a_port_that_is_taken_is_told_in_a_sentence(world: World) -> None:
    """Exit code 7, which port, and what to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*SERVE, "--http", "--port", str(port)],
            cwd=world.folder(),
            env=world.environ,
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
            check=False,
        )

    assert (done.returncode, done.stdout) == (7, "")
    assert f"Cannot listen on 127.0.0.1:{port}: Address already in use. Try another --port." in done.stderr
    assert "Traceback" not in done.stderr


# ---- sessions


@pytest.mark.parametrize("mode", [*ERAS, "auto"])
def test_a_session_over_http_has_everything(shared: Open, mode: str) -> None:
    """Tools, resources, prompts, completions, refusals, updates and changed lists."""
    store = shared.world.trusted() / ".memory"
    put(store, "a.md", "---\nid: aaa\ntags: [db]\n---\nfirst zebra\n")
    with shared.site.agent(mode) as agent:
        assert len(agent.do(agent.client.list_tools).tools) == len(schemas.TOOLS)
        saved = agent.call("store_memory", content=f"A zebra over HTTP, {mode}x.")
        assert agent.call("search_memories", query=f"{mode}x")["results"][0]["memory_id"] == saved["memory_id"]
        assert agent.refused("get_memory", memory_id="none") == "Memory none not found"
        assert agent.unread("memory://search").message == 'Query parameter "q" is required'
        assert "Keep this session" in agent.prompt("session_management")
        assert agent.completions("memory://by-tag/{tag}", "tag", "d") == ["db"]
        with agent.following("memory://memory/aaa", "memory://recent") as told:
            put(store, "a.md", "---\nid: aaa\n---\nsecond zebra\n")
            assert heard(told, "memory://memory/aaa", "memory://recent")
            put(store, f"{mode}.md", "a new zebra\n")
            assert heard(told, LIST_CHANGED)
        assert agent.read("memory://memory/aaa")["content"].strip() == "second zebra"
        assert agent.call("memory_status")["workspace"] == str(shared.world.folder())


def test_sessions_over_http_are_live_to_each_other(shared: Open) -> None:
    """What one saves the other's next search finds; both are told, each of what it follows; one goes, one stays."""
    with shared.site.agent(LEGACY) as first:
        with shared.site.agent(MODERN) as second, second.following("memory://recent") as told:
            saved = first.call("store_memory", content="a giraffe")["memory_id"]
            assert second.call("search_memories", query="giraffe")["results"][0]["memory_id"] == saved
            assert heard(told, "memory://recent", LIST_CHANGED)
            assert set(first.told) <= {LIST_CHANGED}
        second_gone = first.call("store_memory", content="an okapi")
        assert first.call("search_memories", query="okapi")["results"][0]["memory_id"] == second_gone["memory_id"]


def test_twenty_calls_at_once_over_http_are_all_answered(shared: Open) -> None:
    """Each with its own answer."""
    with shared.site.agent(MODERN) as agent:
        calls: list[tuple[str, Json]] = [("store_memory", {"content": f"zebra {number}"}) for number in range(20)]
        results = agent.together(calls)

    summaries = [(result.structured_content or {})["summary"] for result in results]
    assert summaries == [f"zebra {number}" for number in range(20)]


def test_requests_that_are_none_are_refused_and_the_server_lives(shared: Open) -> None:
    """No JSON, no session, an unknown one, too much, the wrong kind: a status of their own each."""
    site = shared.site
    assert site.ask(b"{")[0] == 400
    assert site.ask(b"[]")[0] == 400
    assert site.ask(b"\xff\xfe")[0] == 400
    assert site.ask(Content_Type="text/plain")[0] in (400, 415)
    assert site.ask(Accept="text/html")[0] == 406
    assert site.ask({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})[0] == 400
    assert site.ask({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, Mcp_Session_Id="none")[0] == 404
    assert site.ask(b'{"x": "' + b"x" * 5_000_000 + b'"}')[0] == 413
    assert site.ask(method="PUT")[0] == 405
    assert site.ask(path="/none")[0] == 404
    assert site.ask()[0] == 200
    assert "Traceback" not in site.server.log.read_text()


# ---- the end


@contextmanager
def held_open(site: Site) -> Iterator[None]:
    """Hold a session's stream of notifications open, as a client of the handshake era does."""
    _, headers, _ = site.ask()
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=DEADLINE_SECONDS)
    shown = {"Authorization": f"Bearer {site.token}", "Accept": "text/event-stream"}
    connection.request("GET", "/mcp", headers={**shown, "Mcp-Session-Id": headers["mcp-session-id"]})
    stream = connection.getresponse()
    assert stream.status == 200
    try:
        yield
    finally:
        stream.close()
        connection.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_server_with_sessions_open(world: World, number: int) -> None:
    """Although a stream is held open: nothing stands on standard output, no traceback anywhere, and nobody is left."""
    with listening(world) as site, held_open(site):
        with site.agent(MODERN) as agent:
            agent.call("store_memory", content="zebra")
        site.server.process.send_signal(number)

        assert within_deadline(lambda: site.server.process.poll() is not None, EXIT_SECONDS)
        assert site.server.line() == b""
        assert "Traceback" not in site.server.log.read_text()
        assert processes_of(world) == []


def test_a_server_over_http_needs_no_input(world: World) -> None:
    """Its standard input may end; it serves on until a signal ends it."""
    with listening(world) as site:
        site.server.close()
        for _ in range(3):
            assert site.ask()[0] == 200
        site.server.process.terminate()
        site.server.process.wait(DEADLINE_SECONDS)
