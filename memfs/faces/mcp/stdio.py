"""One client over standard input and output: what it asked before it went is answered, what can be mended is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from typing import NoReturn

import anyio
import mcp_types as types
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage

from memfs.faces.mcp.server import MemoryServer

ANSWERING_SECONDS = 1.0
"""How long answers may take once the client has gone, who kills its server after two."""
CLOSING_SECONDS = 0.7
"""How long calls may take to leave files whole, whose answers nobody reads."""
UNANSWERED = ("subscriptions/listen",)
"""Requests whose answer is the end of the connection."""


async def serve_stdio(server: MemoryServer, end: Callable[[int, float], NoReturn]) -> None:
    """Serve until the client has closed its end and all that it asked is answered.

    Args:
        server: What answers.
        end: Ends the process with a code, once no call is at work or so many seconds are over; called where waiting
            for the SDK's reading thread, or for an answer, would take too long.
    """
    due: set[object] = set()
    turned = anyio.Condition()
    async with stdio_server() as (incoming, outgoing), anyio.create_task_group() as tasks:
        asking, asked = anyio.create_memory_object_stream[Any](0)
        answering, answered = anyio.create_memory_object_stream[Any](0)

        async def ask() -> None:
            async with asking:
                async for message in incoming:
                    readable = mended(message) if isinstance(message, Exception) else message
                    _note_question(readable, due)
                    await asking.send(readable)
                with anyio.move_on_after(ANSWERING_SECONDS):
                    async with turned:
                        while due:
                            await turned.wait()
                if due:
                    end(0, 0.0)  # what still waits for a lock, or for its turn, nobody waits for any more

        async def answer() -> None:
            async with outgoing:
                async for message in answered:
                    await outgoing.send(message)
                    if isinstance(message.message, types.JSONRPCResponse | types.JSONRPCError):
                        async with turned:
                            due.discard(message.message.id)
                            turned.notify_all()

        tasks.start_soon(ask)
        tasks.start_soon(answer)
        try:
            await server.run(asked, answering, server.create_initialization_options())
        except anyio.get_cancelled_exc_class():
            # nobody reads our answers; to leave would be to wait until nobody writes questions either
            end(1, CLOSING_SECONDS)


def _note_question(message: object, due: set[object]) -> None:
    """Take note in *due* that *message*, if it is a request, is to be answered; one that is cancelled never is."""
    said = message.message if isinstance(message, SessionMessage) else None
    if isinstance(said, types.JSONRPCRequest) and said.method not in UNANSWERED:
        due.add(said.id)
    elif isinstance(said, types.JSONRPCNotification) and said.method == "notifications/cancelled":
        due.discard((said.params or {}).get("requestId"))


def mended(error: Exception) -> SessionMessage | Exception:
    """Return the message that *error* kept from being read, what is half a character in it replaced; else *error*.

    Clients cut texts in the middle of a character (Node writes what remains as an escape), and the SDK, which
    cannot read such a line, would leave them waiting for its answer for ever.
    """
    with suppress(ValueError, LookupError, AttributeError, TypeError, RecursionError):
        line = error.errors()[0]["input"]  # type: ignore[attr-defined]  # (pydantic's)
        if r"\ud" in line.lower():
            text = json.dumps(json.loads(line), ensure_ascii=False)
            whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            return SessionMessage(types.jsonrpc_message_adapter.validate_json(whole, by_name=False))
    return error
