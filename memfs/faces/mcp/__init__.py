"""The MCP face: `memfs serve`, for clients that start it (stdio) and for those that connect (HTTP).

The SDK costs most of the time until the first answer, so nothing of it is imported before a server starts, and
nothing of the index before a call needs it.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from typing import NoReturn

if TYPE_CHECKING:
    from memfs.faces.mcp.desk import Desk
    from memfs.faces.mcp.http import Address
    from memfs.faces.mcp.server import MemoryServer

WARM_UP_SECONDS = 0.5
"""After the start, so that a client's first questions are answered before the index is opened."""
CLOSING_SECONDS = 0.7
"""For what is at work at a signal, to leave files whole."""


def serve(folder: Path | None, mode: str | None, address: Address | None) -> NoReturn:
    """Serve until the client goes away or a signal ends it; ends the process.

    Args:
        folder: The workspace; None to find it by the environment, the client's roots, or where the process stands.
        mode: Before all that is configured.
        address: Where to listen for HTTP; None for standard input and output.
    """
    gc.disable()  # collecting what the imports leave costs a tenth of the start, and frees nothing
    import anyio

    from memfs.faces.mcp.desk import Desk
    from memfs.faces.mcp.news import News
    from memfs.faces.mcp.server import MemoryServer

    news = News()
    desk = news.desk = Desk(folder, mode, news.heard)
    over = partial(_over_stdio, desk=desk)
    if address is not None:
        from memfs.faces.mcp.http import listen_at
        from memfs.faces.mcp.http import serve_http

        over = partial(serve_http, where=address, listening=listen_at(address))

    async def run() -> None:
        server = MemoryServer(desk, news, alone=address is None)
        gc.freeze()
        gc.enable()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(news.run)
            tasks.start_soon(_warm_up, desk)
            if address is None:
                tasks.start_soon(_until_a_signal, desk)
            _end(desk, await over(server))

    anyio.run(run)
    _end(desk, 0)


async def _over_stdio(server: MemoryServer, desk: Desk) -> int:
    from memfs.faces.mcp.stdio import serve_stdio

    await serve_stdio(server, partial(_end, desk))
    return 0


async def _warm_up(desk: Desk) -> None:
    """Open the workspace before the first question comes; what is wrong with it, that question is told."""
    import anyio
    import anyio.to_thread

    from memfs.errors import MemfsError
    from memfs.faces.mcp.desk import guarded

    def opened() -> None:
        import jsonschema  # noqa: F401  (the first call checks its arguments with it)

        desk.here.values("type")

    await anyio.sleep(WARM_UP_SECONDS)
    with suppress(MemfsError):
        await anyio.to_thread.run_sync(guarded, desk, opened)


async def _until_a_signal(desk: Desk) -> None:
    """End the process on SIGTERM or SIGINT: the SDK reads standard input in a thread that no signal wakes."""
    import anyio

    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for number in signals:
            _end(desk, 128 + number)


def _end(desk: Desk, code: int, seconds: float = CLOSING_SECONDS) -> NoReturn:
    """End the process when what is at work is done, without taking the interpreter down piece by piece."""
    desk.close(seconds)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
