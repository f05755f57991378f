"""Real clients of other years: the Python SDK's, each in an environment of its own, with `memfs serve` over stdio."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.interop.checks import Check
from tests.interop.checks import one_line
from tests.interop.serving import COMMAND
from tests.interop.tools import environment
from tests.worlds import World

VERSIONS = {"1.1.3": "2024-11-05", "1.9.4": "2025-03-26", "1.13.1": "2025-06-18"}
"""Releases of `mcp`, and the newest protocol that each speaks."""
NEWEST_PYDANTIC = "pydantic<2.12"
"""With which those releases can be imported."""
SECONDS = 120

CLIENT = """
import asyncio, json, os, sys
from pathlib import Path

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from pydantic import AnyUrl

async def passed(step):
    print(json.dumps(step), flush=True)

async def emptied(messages):
    async for _ in messages:
        pass

class Session(ClientSession):
    def __init__(self, *streams):
        super().__init__(*streams)
        self.updated = asyncio.Event()

    async def _received_notification(self, notification):
        if notification.root.method == "notifications/resources/updated":
            self.updated.set()
        await super()._received_notification(notification)

async def call(session, tool, **arguments):
    answer = await session.call_tool(tool, arguments)
    assert not answer.isError, answer
    return json.loads(answer.content[0].text)

async def main(command, *arguments):
    server = StdioServerParameters(command=command, args=list(arguments), env=dict(os.environ))
    async with stdio_client(server) as streams, Session(*streams) as session:
        greeting = await session.initialize()
        await passed(f"protocol {greeting.protocolVersion}")
        assert len((await session.list_tools()).tools) >= 17
        await passed("tools/list")
        saved = await call(session, "store_memory", content="Old clients are served as well.", tags=["old"])
        await passed("store_memory")
        await call(session, "store_memory", content="Twice, since the first may have been announced.")
        found = await call(session, "search_memories", query="old clients")
        assert saved["memory_id"] in [hit["memory_id"] for hit in found["results"]], found
        await passed("search_memories")
        if hasattr(session, "incoming_messages"):  # of 2024: it stops when these are not read, but reading is optional
            asyncio.create_task(emptied(session.incoming_messages))
        address = AnyUrl("memory://memory/" + saved["memory_id"])
        await session.subscribe_resource(address)
        path = Path(saved["path"])
        path.write_text(path.read_text() + "\\nAn editor adds this.\\n")
        await asyncio.wait_for(session.updated.wait(), 20)
        await passed("resources/updated")
        text = (await session.read_resource(address)).contents[0].text
        assert "An editor adds this." in text, text
        await passed("resources/read")
        await session.unsubscribe_resource(address)
        await passed("resources/unsubscribe")
        prompt = await session.get_prompt("session_management")
        assert prompt.messages[0].content.text
        await passed("prompts/get")
        refused = await session.call_tool("search_memories", {"qury": "x"})
        assert refused.isError and "did you mean query" in refused.content[0].text, refused
        await passed("a wrong argument")

asyncio.run(main(*sys.argv[1:]))
"""
STEPS = (
    "tools/list", "store_memory", "search_memories", "resources/updated", "resources/read", "resources/unsubscribe",
    "prompts/get", "a wrong argument",
)  # fmt: skip


def checks(world: World, folder: Path) -> Iterator[Check]:
    """Yield what came of each step of each client."""
    for version, protocol in VERSIONS.items():
        python = environment(f"mcp-{version}", f"mcp=={version}", NEWEST_PYDANTIC)
        done = subprocess.run(
            [str(python), "-c", CLIENT, *COMMAND],
            cwd=folder,
            env={key: value for key, value in world.environ.items() if key != "PYTHONPATH"},
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        passed = [json.loads(line) for line in done.stdout.splitlines()]
        for step in (f"protocol {protocol}", *STEPS):
            note = "" if step in passed else one_line(done.stderr[-300:] or f"only {passed}", 400)
            yield Check(f"mcp {version}", step, step in passed, note)
