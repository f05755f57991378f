"""Let clients that others wrote use memfs, its server and its plugin: `make interop`; exit code 0 if all went well.

The first run installs them, for which it needs the registries of npm and Python. Homes are temporary.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.interop import claude_code
from tests.interop import conformance
from tests.interop import old_clients
from tests.interop.checks import Check
from tests.interop.checks import summary
from tests.interop.inspector import Inspector
from tests.interop.tools import node
from tests.interop.tools import told
from tests.worlds import new_world


def checks(root: Path) -> Iterator[Check]:
    """Yield everything that is tried, each kind of client on a machine of its own below *root*."""
    program = node()
    world = new_world(root / "inspector")
    yield from Inspector(program, world, world.folder()).checks()
    world = new_world(root / "conformance")
    yield from conformance.checks(program, world, world.folder())
    world = new_world(root / "claude-code", **claude_code.QUIET)
    yield from claude_code.checks(program, world, world.folder())
    world = new_world(root / "old")
    yield from old_clients.checks(world, world.folder())


def main() -> int:
    """Try everything, print what came of it, and return the exit code."""
    seen = []
    with tempfile.TemporaryDirectory(prefix="memfs-interop-") as root:
        for check in checks(Path(root)):
            told(f"  {'ok' if check.passed else 'FAILED':6}  {check.client}: {check.what}  {check.note}".rstrip())
            seen.append(check)
    print(summary(seen))
    return 0 if all(check.passed for check in seen) else 1


if __name__ == "__main__":
    sys.exit(main())
