"""The MCP Inspector's command line, which is written in TypeScript on another SDK, against `memfs serve`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.interop.checks import Check
from tests.interop.checks import one_line
from tests.interop.serving import COMMAND
from tests.interop.serving import listening
from tests.interop.tools import INSPECTOR
from tests.interop.tools import Node
from tests.worlds import World

ERAS = ("legacy", "modern")
SECONDS = 60
PROTOCOL_ERROR, UNAUTHORIZED, TOOL_FAILED = 1, 3, 5
"""Exit codes of the Inspector."""


class Try(NamedTuple):
    """One call of the Inspector.

    Attributes:
        what: Its method, and of what.
        arguments: Beside the method.
        wanted: Texts that its answer has.
        code: The exit code that it must end with.
    """

    what: str
    arguments: Sequence[str] = ()
    wanted: Sequence[str] = ()
    code: int = 0


def tool(name: str, wanted: Sequence[str], code: int = 0, **arguments: object) -> Try:
    """Return a call of the tool *name*."""
    given = ["--tool-name", name, "--tool-args-json", json.dumps(arguments)]
    return Try(f"tools/call {name}", given, wanted, code)


def tries(era: str) -> Sequence[Try]:
    """Return what is tried: `era` is a word that only the memory has which these save."""
    text = f"The build of the {era} branch needs a larger heap."
    return (
        Try("initialize", wanted=("memfs", "auto_session_start")),
        Try("tools/list", ["--strict"], ("store_memory", "search_memories", "convert_to_workspace")),
        tool("store_memory", ("success", "memory_id"), content=text, tags=["heap"], importance=8),
        tool("search_memories", (text, "memory_id"), query=f"{era} heap", output_mode="full"),
        tool("get_memory", (text, "path"), memory_id=text),
        tool("list_memories", ("total", era), tags=["heap"]),
        tool("update_memory", ("success",), memory_id=text, importance=9),
        tool("recall_relevant_context", ("relevant_memories", era), current_task=f"build {era}"),
        tool("auto_session_start", ("success",), task_hint="build"),
        tool("memory_status", ("stores", "live")),
        tool("search_memories", ("did you mean query",), TOOL_FAILED, qury="heap"),
        tool("no_such_tool", ("not found",), TOOL_FAILED),
        Try("resources/list", wanted=("memory://recent", "memory://global/recent")),
        Try("resources/templates/list", wanted=("memory://by-tag/{tag}{?limit}", "memory://memory/{id}")),
        Try("resources/read", ["--uri", "memory://by-tag/heap?limit=5"], (text,)),
        Try("resources/read", ["--uri", f"memory://search?q={era}%20heap"], (text,)),
        Try("resources/read", ["--uri", "memory://no-such"], ("no resource",), PROTOCOL_ERROR),
        Try("prompts/list", wanted=("workspace_context", "automatic_workflow")),
        Try("prompts/get", ["--prompt-name", "workspace_context"], ("What memfs knows",)),
        tool("delete_memory", ("success",), memory_id=text),
    )


class Inspector:
    """Calls the Inspector in the workspace *folder* of *world*."""

    def __init__(self, node: Node, world: World, folder: Path) -> None:
        self.command = node.script(INSPECTOR, "mcp-inspector")
        self.world = world
        self.folder = folder

    def checks(self) -> Iterator[Check]:
        """Yield what came of everything that is tried: over stdio and over HTTP, in both eras of the protocol."""
        for era in ERAS:
            for each in tries(era):
                yield self.check(f"Inspector, stdio, {era}", each, [*COMMAND], era)
        with listening(self.world, self.folder) as server:
            shown = ["--header", f"Authorization: Bearer {server.token}"]
            for era in ERAS:
                for each in tries(era):
                    yield self.check(f"Inspector, HTTP with a token, {era}", each, [server.url, *shown], era)
            wrong = Try("tools/list", code=UNAUTHORIZED, wanted=("auth_required",))
            yield self.check("Inspector, HTTP without a token", wrong, [server.url], "legacy")

    def check(self, client: str, each: Try, target: Sequence[str], era: str) -> Check:
        """Return what came of one call."""
        method = each.what.partition(" ")[0]
        how = ["--cli", *target, "--format", "json", "-q", "--protocol-era", era, "--method", method]
        done = subprocess.run(
            [*self.command, *how, *each.arguments],
            cwd=self.folder,
            env=self.world.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        said = done.stdout + done.stderr
        missing = [text for text in each.wanted if text not in said]
        passed = done.returncode == each.code and not missing
        reason = f"exit code {done.returncode}, not {each.code}" if done.returncode != each.code else f"no {missing}"
        return Check(client, each.what, passed, "" if passed else f"{reason}: {one_line(done.stderr or done.stdout)}")
