"""`memfs serve` as a process of its own, and who talks to it: the SDK's client, and one that writes lines by hand."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import asynccontextmanager
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from typing import TypeVar

import anyio
import mcp_types as types
import pytest
from anyio.from_thread import BlockingPortal
from anyio.from_thread import start_blocking_portal
from mcp import Client
from mcp import MCPError
from mcp import StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.subscriptions import ResourceUpdated
from pydantic import FileUrl

from memfs.faces.mcp.desk import Desk
from memfs.faces.mcp.news import News
from memfs.faces.mcp.server import MemoryServer
from tests.worlds import DEADLINE_SECONDS
from tests.worlds import World
from tests.worlds import within_deadline

Json = dict[str, Any]
Answer = TypeVar("Answer")

SERVE = (sys.executable, "-m", "memfs", "serve")
"""The command, as the checkout has it."""
LEGACY, MODERN = "legacy", "2026-07-28"
ERAS = (LEGACY, MODERN)
"""The two ways to speak: after a handshake, and without one."""
OLD_VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
LIST_CHANGED = "list changed"
"""Stands among the addresses that an agent was told of, for the list of resources."""


def put(folder: Path, name: str, text: str | bytes) -> Path:
    """Write a file below *folder*, as an editor would; return its path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


# ---- the SDK's client


class Agent:
    """The SDK's client on an event loop of its own, to be used like a function call.

    Attributes:
        portal: To its event loop.
        client: The SDK's.
        told: Addresses that the server said had changed, and `LIST_CHANGED`; in the order in which that came.
    """

    def __init__(self, portal: BlockingPortal, client: Client, told: list[str]) -> None:
        self.portal = portal
        self.client = client
        self.told = told

    def do(self, work: Callable[..., Awaitable[Answer]], *arguments: object, **more: object) -> Answer:
        """Return what the client's method *work* returns; fails when that never comes."""

        async def bounded() -> Answer:
            with anyio.fail_after(DEADLINE_SECONDS):
                return await work(*arguments, **more)

        return self.portal.call(bounded)

    def result(self, tool: str, arguments: Json | None = None) -> types.CallToolResult:
        """Return what *tool* answers, be it a failure."""
        return self.do(self.client.call_tool, tool, arguments or {})

    def call(self, tool: str, **arguments: object) -> Json:
        """Return the structured answer of *tool*, which its text repeats; fails when it fails."""
        result = self.result(tool, arguments)
        text = text_of(result)
        assert not result.is_error, text
        assert result.structured_content is not None
        assert text[:1] != "{" or json.loads(text) == result.structured_content
        answer: Json = result.structured_content
        return answer

    def refused(self, tool: str, **arguments: object) -> str:
        """Return the sentence that *tool* fails with."""
        result = self.result(tool, arguments)
        assert result.is_error, text_of(result)
        return text_of(result)

    def together(self, calls: Sequence[tuple[str, Json]]) -> list[types.CallToolResult]:
        """Return what *calls*, all under way at once, answer."""
        results: dict[int, types.CallToolResult] = {}

        async def one(number: int, tool: str, arguments: Json) -> None:
            results[number] = await self.client.call_tool(tool, arguments)

        async def everyone() -> None:
            async with anyio.create_task_group() as tasks:
                for number, (tool, arguments) in enumerate(calls):
                    tasks.start_soon(one, number, tool, arguments)

        self.do(everyone)
        return [results[number] for number in range(len(calls))]

    def read(self, uri: str) -> Json:
        """Return what the resource *uri* holds."""
        [contents] = self.do(self.client.read_resource, uri).contents
        assert isinstance(contents, types.TextResourceContents)
        assert (contents.uri, contents.mime_type) == (uri, "application/json")
        answer: Json = json.loads(contents.text)
        return answer

    def unread(self, uri: str) -> MCPError:
        """Return the error that reading the resource *uri* ends with."""
        with pytest.raises(MCPError) as caught:
            self.do(self.client.read_resource, uri)
        return caught.value

    def prompt(self, name: str) -> str:
        """Return the text of the prompt *name*."""
        [message] = self.do(self.client.get_prompt, name).messages
        assert isinstance(message.content, types.TextContent)
        return message.content.text

    def completions(self, template: str, name: str, typed: str) -> list[str]:
        """Return what the parameter *name* of the address *template* may become when *typed* stands there."""
        reference = types.ResourceTemplateReference(uri=template)
        completed = self.do(self.client.complete, reference, {"name": name, "value": typed})
        return list(completed.completion.values)

    @contextmanager
    def following(self, *uris: str) -> Iterator[list[str]]:
        """Subscribe to *uris* and to the list of resources; yield what is told, which then ends."""
        if self.client.protocol_version == MODERN:
            told: list[str] = []
            with self.portal.wrap_async_context_manager(self._listening(uris, told)):
                yield told
            return
        for uri in uris:
            params = types.SubscribeRequestParams(uri=uri)
            self.do(self.client.session.send_request, types.SubscribeRequest(params=params), types.EmptyResult)
        yield self.told
        for uri in uris:
            gone = types.UnsubscribeRequestParams(uri=uri)
            self.do(self.client.session.send_request, types.UnsubscribeRequest(params=gone), types.EmptyResult)

    @asynccontextmanager
    async def _listening(self, uris: Sequence[str], told: list[str]) -> AsyncIterator[None]:
        async with (
            self.client.listen(resources_list_changed=True, resource_subscriptions=uris) as events,
            anyio.create_task_group() as tasks,
        ):

            async def take() -> None:
                async for event in events:
                    told.append(event.uri if isinstance(event, ResourceUpdated) else LIST_CHANGED)  # noqa: PERF401  (as it comes)

            tasks.start_soon(take)
            yield
            tasks.cancel_scope.cancel()


def text_of(result: types.CallToolResult) -> str:
    """Return the text of *result*."""
    [content] = result.content
    assert isinstance(content, types.TextContent)
    return content.text


def heard(told: Sequence[str], *uris: str) -> bool:
    """Return whether every one of *uris* came to be among *told* in time."""
    return within_deadline(lambda: set(uris) <= set(told))


@contextmanager
def speaking(
    connect: Callable[[], Any], mode: str = LEGACY, *, roots: Callable[[], Sequence[Path]] | None = None
) -> Iterator[Agent]:
    """Yield an agent that speaks over the transport, or to the server, that *connect* makes on the agent's event loop.

    Args:
        connect: As `mcp.Client` takes it.
        mode: `legacy`, a modern version, or `auto`.
        roots: What the client says when it is asked where it works; None for one that cannot be asked.
    """
    told: list[str] = []

    async def message(message: object) -> None:
        if isinstance(message, types.ResourceUpdatedNotification):
            told.append(message.params.uri)
        elif isinstance(message, types.ResourceListChangedNotification):
            told.append(LIST_CHANGED)

    async def asked(context: object) -> types.ListRootsResult | types.ErrorData:  # noqa: ARG001  (the SDK names it)
        named = roots() if roots is not None else []
        return types.ListRootsResult(roots=[types.Root(uri=FileUrl(folder.as_uri())) for folder in named])

    @asynccontextmanager
    async def opened() -> AsyncIterator[Client]:
        client = Client(
            connect(), mode=mode, message_handler=message, list_roots_callback=asked if roots is not None else None
        )
        async with client:
            yield client

    with start_blocking_portal() as portal:
        connection = portal.wrap_async_context_manager(opened())
        client = connection.__enter__()
        try:
            yield Agent(portal, client, told)
        finally:  # not told of a test that fails: what it failed with would come back wrapped in groups
            connection.__exit__(None, None, None)


@contextmanager
def within(world: World, mode: str = LEGACY, *, folder: Path | None = None) -> Iterator[Agent]:
    """Yield an agent that is connected to a server in this very process, on *world*."""
    news = News()
    desk = news.desk = Desk(folder or world.folder(), None, news.heard, world.environ)
    try:
        with speaking(lambda: MemoryServer(desk, news, alone=True), mode) as agent:
            telling = agent.portal.start_task_soon(news.run)
            try:
                yield agent
            finally:
                telling.cancel()
    finally:
        desk.close()


@contextmanager
def connected(
    world: World,
    mode: str = LEGACY,
    *arguments: str,
    folder: Path | None = None,
    roots: Callable[[], Sequence[Path]] | None = None,
    quiet: bool = True,
) -> Iterator[Agent]:
    """Start a server on *world* and yield an agent that is connected to it over its standard input and output.

    Args:
        world: On which machine.
        mode: `legacy`, a modern version, or `auto`.
        arguments: Of `memfs serve`.
        folder: Where the server stands, default the workspace `project`.
        roots: See `speaking`.
        quiet: Whether the server is expected to log nothing.
    """
    command = StdioServerParameters(
        command=SERVE[0],
        args=[*SERVE[1:], *arguments],
        env=world.environ,
        cwd=folder or world.folder(),
    )
    log = world.root / f"server-{os.urandom(4).hex()}.log"
    with log.open("w") as errors:
        with speaking(partial(stdio_client, command, errlog=errors), mode, roots=roots) as agent:
            yield agent
        if quiet:
            assert log.read_text() == ""


# ---- lines by hand


class Lines:
    """A client that writes what it wants to a server, and reads what that answers line by line.

    Attributes:
        notes: Notifications that came while an answer was waited for.
    """

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log
        self.notes: list[Json] = []
        self._answers: dict[object, Json] = {}
        self._buffer = b""
        self._number = 0

    def send(self, message: Json | bytes) -> None:
        """Write *message*: JSON on a line, or bytes as they are."""
        assert self.process.stdin is not None
        self.process.stdin.write(message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def line(self) -> bytes:
        """Return the next line that the server writes, empty when it has closed its output."""
        assert self.process.stdout is not None
        output = self.process.stdout.fileno()
        deadline = time.monotonic() + DEADLINE_SECONDS
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([output], [], [], max(deadline - time.monotonic(), 0))
            assert ready, f"no line came\n{self.log.read_text()}"
            read = os.read(output, 1 << 20)
            if not read:
                return b""
            self._buffer += read
        line, self._buffer = self._buffer.split(b"\n", 1)
        return line

    def message(self) -> Json:
        """Return the next message: a line, which is JSON-RPC and nothing else."""
        line = self.line()
        message: Json = json.loads(line)
        assert message["jsonrpc"] == "2.0", line
        return message

    def request(self, method: str, params: object = None) -> int:
        """Send a request and return its number."""
        self._number += 1
        message: Json = {"jsonrpc": "2.0", "id": self._number, "method": method}
        self.send(message if params is None else {**message, "params": params})
        return self._number

    def answer(self, number: object) -> Json:
        """Return the answer to the request *number*: a `result` or an `error`, others kept for later."""
        while number not in self._answers:
            message = self.message()
            if "method" in message:
                self.notes.append(message)
            else:
                self._answers[message.get("id")] = message
        return self._answers.pop(number)

    def taken(self, number: object) -> Json | None:
        """Return the answer to a request that was written by hand as *number*; None when there was none so far."""
        return self._answers.pop(number, None)

    def ask(self, method: str, params: object = None) -> Json:
        """Send a request and return its answer."""
        return self.answer(self.request(method, params))

    def notify(self, method: str) -> None:
        """Send a notification."""
        self.send({"jsonrpc": "2.0", "method": method})

    def begin(self, version: str = OLD_VERSIONS[-1]) -> Json:
        """Shake hands; return what the server says of itself."""
        about = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "by hand", "version": "1"}}
        result: Json = self.ask("initialize", about)["result"]
        self.notify("notifications/initialized")
        return result

    def call(self, tool: str, **arguments: object) -> Json:
        """Return the structured answer of *tool*; fails when it fails."""
        result = self.ask("tools/call", {"name": tool, "arguments": arguments})["result"]
        assert not result.get("isError"), result
        answer: Json = result["structuredContent"]
        return answer

    def close(self) -> None:
        """End the server's input, as a client does that goes away."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def ended(self) -> int:
        """Return the exit code of the server, which ends by itself, after nothing but messages."""
        while line := self.line():
            assert json.loads(line)["jsonrpc"] == "2.0", line
        return self.process.wait(DEADLINE_SECONDS)


@contextmanager
def served(
    world: World,
    *arguments: str,
    folder: Path | None = None,
    environ: Mapping[str, str] | None = None,
    through: Sequence[str] = (),
) -> Iterator[Lines]:
    """Start a server on *world* and yield somebody who writes to it by hand; kill it if it still runs in the end.

    Args:
        world: On which machine.
        arguments: Of `memfs serve`.
        folder: Where the server stands, default the workspace `project`.
        environ: The whole environment, default the world's own.
        through: A command that runs the command after it.
    """
    log = world.root / f"server-{os.urandom(4).hex()}.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [*through, *SERVE, *arguments],
            cwd=folder or world.folder(),
            env=dict(world.environ if environ is None else environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    try:
        yield Lines(process, log)
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except BrokenPipeError:  # what was still to be written, nobody reads any more
                    continue


# ---- what every server leaves alone


def processes_of(world: World) -> list[str]:
    """Return the processes of this machine that were told about a folder of *world*, by their command lines."""
    listed = subprocess.run(["ps", "-axww", "-o", "pid=,args="], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if str(world.root) in line]


def temporary_files(world: World) -> list[str]:
    """Return the files below *world* that are there only while something is written."""
    return [
        path.relative_to(world.root).as_posix()
        for path in world.root.rglob("*")
        if path.name.startswith(".memfs-") or path.suffix in (".tmp", ".new")
    ]
