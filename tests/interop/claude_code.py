"""Claude Code itself, and the plugin that memfs hands out: validated, installed, switched on by `memfs setup`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path

from tests.interop.checks import Check
from tests.interop.checks import one_line
from tests.interop.tools import CLAUDE_CODE
from tests.interop.tools import FOLDER
from tests.interop.tools import Node
from tests.worlds import ROOT
from tests.worlds import World
from tests.worlds import new_world

MARKETPLACE = ROOT / "templates" / "agents" / "claude-code"
QUIET = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1"}
"""It asks nobody and tells nobody; nor does it need a login for what is tried here."""
SECONDS = 120


def checks(node: Node, world: World, folder: Path) -> Iterator[Check]:
    """Yield what Claude Code says to the plugin, in the workspace *folder* of *world*."""
    # installed without scripts, its own command is missing, and this is what it offers instead
    claude = [str(node.path), str(FOLDER / "node_modules" / CLAUDE_CODE / "cli-wrapper.cjs")]
    memfs = [sys.executable, "-m", "memfs"]
    laid_out = world.state / "agents" / "claude-code"

    def check(what: str, command: Sequence[str], wanted: Sequence[str], where: World = world) -> Check:
        done = subprocess.run(
            command, cwd=folder, env=where.environ, capture_output=True, text=True, check=False, timeout=SECONDS
        )
        said = done.stdout + done.stderr
        missing = [text for text in wanted if text not in said]
        passed = done.returncode == 0 and not missing
        note = "" if passed else f"exit code {done.returncode}, no {missing}: {one_line(said, 400)}"
        return Check("Claude Code", what, passed, note)

    def validated(marketplace: Path) -> Iterator[Check]:
        for path in (marketplace, marketplace / "plugin"):
            command = [*claude, "plugin", "validate", str(path), "--strict"]
            yield check(f"plugin validate --strict {path.name}", command, ["Validation passed"])

    yield from validated(MARKETPLACE)
    other = new_world(world.root / "by hand", **QUIET)
    added = [*claude, "plugin", "marketplace", "add", str(MARKETPLACE)]
    yield check("plugin marketplace add", added, ["Successfully added marketplace: memfs"], other)
    yield check("plugin install", [*claude, "plugin", "install", "memfs@memfs"], ["Successfully installed"], other)
    yield check("plugin list", [*claude, "plugin", "list"], ["memfs@memfs", "enabled"], other)
    parts = ["forget, live, memory, promote, recall, remember", "SessionStart, UserPromptSubmit", "MCP servers (1)"]
    yield check("plugin details", [*claude, "plugin", "details", "memfs"], parts, other)
    yield check("memfs setup --plugin", [*memfs, "setup", "claude-code", "--plugin"], ["Set up"])
    yield from validated(laid_out)
    yield check("the plugin's server", [*claude, "mcp", "list"], ["plugin:memfs:memfs", "Connected"])
    yield check("memfs setup --plugin --remove", [*memfs, "setup", "claude-code", "--plugin", "--remove"], ["Took"])
    yield check("no server any more", [*claude, "mcp", "list"], ["No MCP servers"])
