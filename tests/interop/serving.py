"""`memfs serve` as those clients start it, or find it listening."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.worlds import World
from tests.worlds import within_deadline

COMMAND = (sys.executable, "-m", "memfs", "serve")
ENDING_SECONDS = 5.0


class Listening(NamedTuple):
    """A server that listens: where, and the token to show (empty when it wants none)."""

    url: str
    token: str


@contextmanager
def listening(world: World, folder: Path, *options: str) -> Iterator[Listening]:
    """Have a server listen on a free port for as long as the block lasts."""
    said = world.root / "said.txt"
    with said.open("wb") as file:
        process = subprocess.Popen(
            [*COMMAND, "--http", "--port", "0", *options], cwd=folder, env=world.environ, stdout=file, stderr=file
        )
    try:
        begun = within_deadline(lambda: "memfs serves" in said.read_text() or process.poll() is not None)
        url = re.search(r"http://\S+", said.read_text())
        if not begun or url is None:
            raise RuntimeError(f"memfs serve --http does not listen: {said.read_text()}")
        token = world.state / "http-token"
        yield Listening(url[0], "" if "--no-token" in options else token.read_text().strip())
    finally:
        process.terminate()
        try:
            process.wait(ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
