"""The protocol's own conformance tests, those that want no tools of their own in the server, against `memfs serve`."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.interop.checks import Check
from tests.interop.checks import one_line
from tests.interop.serving import listening
from tests.interop.tools import CONFORMANCE
from tests.interop.tools import NEXT_CONFORMANCE
from tests.interop.tools import Node
from tests.worlds import World

SECONDS = 120
COMMON = (
    "server-initialize", "ping", "tools-list", "resources-list", "prompts-list", "completion-complete",
    "resources-subscribe", "resources-unsubscribe", "server-sse-multiple-streams", "dns-rebinding-protection",
)  # fmt: skip
SCENARIOS = {
    CONFORMANCE: COMMON,
    NEXT_CONFORMANCE: (
        *COMMON, "server-session-lifecycle", "server-stateless", "sep-2164-resource-not-found", "caching",
        "http-header-validation", "input-required-result-unsupported-methods",
    ),
}  # fmt: skip
"""Not among them: what wants tools, resources and prompts of a fixture, and protocol logging, which is deprecated."""
UNTESTABLE = "Not testable: server does not list the diagnostic tool"


def checks(node: Node, world: World, folder: Path) -> Iterator[Check]:
    """Yield what came of each scenario; they cannot show a token, so the server wants none."""
    with listening(world, folder, "--no-token") as server:
        for package, scenarios in SCENARIOS.items():
            for scenario in scenarios:
                command = [*node.script(package, "conformance"), "server", "--url", server.url, "--scenario", scenario]
                done = subprocess.run(
                    command,
                    cwd=world.root,
                    env=world.environ,
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=SECONDS,
                )
                yield judged(package.rpartition("/")[2], scenario, done.returncode, done.stdout + done.stderr)


def judged(client: str, scenario: str, code: int, said: str) -> Check:
    """Return the verdict: a check that wants a tool of the fixture's is none of ours, and is told."""
    said = re.sub(r"\x1b\[[0-9;]*m", "", said)
    numbers = re.search(r"Passed: (\d+)/(\d+), (\d+) failed, (\d+) warnings", said)
    errors = re.findall(r"^\s+Error: (.*)$", said, re.MULTILINE)
    errors = list(dict.fromkeys(errors))
    untestable = [error for error in errors if error.startswith(UNTESTABLE)]
    if code == 0 and numbers:
        return Check(client, scenario, passed=True)
    if numbers and errors and len(untestable) == int(numbers[3]):
        return Check(
            client, scenario, passed=True, note=f"{len(untestable)} of {numbers[2]} want a tool of the fixture's"
        )
    return Check(client, scenario, passed=False, note=one_line("; ".join(errors) or said[-400:], 400))
