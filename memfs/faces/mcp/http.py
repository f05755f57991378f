"""Streamable HTTP: one workspace for clients that connect; a token, and only hosts and origins that were meant."""

from __future__ import annotations

import hmac
import ipaddress
import os
import secrets
import signal
import socket
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING
from typing import NamedTuple

from memfs.errors import Invalid
from memfs.errors import Refused
from memfs.errors import StorageFailed

if TYPE_CHECKING:
    from starlette.types import ASGIApp
    from starlette.types import Receive
    from starlette.types import Scope
    from starlette.types import Send

    from memfs.faces.mcp.server import MemoryServer

PATH = "/mcp"
TOKEN_FILE = "http-token"  # noqa: S105  (the name of the file)
GRACE_SECONDS = 1


class Address(NamedTuple):
    """Where to listen, and who may connect.

    Attributes:
        token: What a client must show; empty for none, on loopback alone.
        tell: Called with what whoever started the server should read.
        hosts: Names beside the loopback's by which clients may call this machine.
    """

    host: str
    port: int
    token: str
    tell: Callable[[str], None]
    hosts: tuple[str, ...] = ()


def address(host: str, port: int, state: Path | None, tell: Callable[[str], None], hosts: tuple[str, ...]) -> Address:
    """Return where to listen; the token in the folder *state* (None: none is wanted) is made when there is none yet.

    The arguments are those of `Address`; the port is 0 for any that is free, and *tell* gets a new token, once.

    Raises:
        Invalid: *host* is empty, which would mean everywhere.
        Refused: It can be reached from other machines, and no token is wanted.
        StorageFailed: The token cannot be kept.
    """
    if not host:
        raise Invalid("--host names where to listen, such as 127.0.0.1.")
    if state is None and not is_loopback(host):
        raise Refused(f"{host} can be reached from other machines; without a token memfs listens on 127.0.0.1 only.")
    return Address(host, port, _token(state / TOKEN_FILE, tell) if state else "", tell, hosts)


def is_loopback(host: str) -> bool:
    """Return whether *host* is this machine alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _token(path: Path, tell: Callable[[str], None]) -> str:
    """Return the token in the file *path*, made (mode 0600, in one step) if there is none."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = secrets.token_urlsafe(32)
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w") as file:
                file.write(made)
            tell(f"A new token, kept in {path} and shown this once: {made}")
            return made
        except FileExistsError:
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                os.fchmod(file.fileno(), 0o600)
                kept = file.read(1_000).decode("ascii", "ignore").strip()
            if not kept:
                raise Refused(f"{path} holds no token; remove it, and the next start makes a new one.") from None
            return kept
    except OSError as error:
        raise StorageFailed.of(error, path, "keep the token in") from error


class _TokenRequired:
    """Lets only those pass who show the token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._wanted = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            shown = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
            shown = b"Bearer " + shown[7:] if shown[:7].lower() == b"bearer " else shown
            if not hmac.compare_digest(shown, self._wanted):
                from starlette.responses import JSONResponse

                refused = {"error": "unauthorized", "message": "Send the header `Authorization: Bearer TOKEN`."}
                response = JSONResponse(refused, 401, {"WWW-Authenticate": "Bearer"})
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)


def listen_at(where: Address) -> socket.socket:
    """Return a socket that listens at *where*: whoever is told of it can connect.

    Raises:
        StorageFailed: The port cannot be had.
    """
    family = socket.AF_INET6 if ":" in where.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((where.host, where.port))
        listening.listen()
    except OSError as error:
        listening.close()
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise StorageFailed(f"Cannot listen on {where.host}:{where.port}: {reason}. Try another --port.") from error
    return listening


async def serve_http(server: MemoryServer, where: Address, listening: socket.socket) -> int:
    """Serve at *where*, which *listening* was opened for, until a signal ends it; return the exit code."""
    import anyio
    import uvicorn
    from mcp.server.transport_security import TransportSecuritySettings

    names = ["127.0.0.1", "localhost", "[::1]", where.host, *where.hosts]
    hosts = [pattern for name in dict.fromkeys(names) for pattern in (name, f"{name}:*")]
    security = TransportSecuritySettings(
        allowed_hosts=hosts, allowed_origins=[f"{kind}://{host}" for host in hosts for kind in ("http", "https")]
    )
    app: ASGIApp = server.streamable_http_app(streamable_http_path=PATH, transport_security=security, host=where.host)
    if where.token:
        app = _TokenRequired(app, where.token)
    port = listening.getsockname()[1]
    shown = f"[{where.host}]" if ":" in where.host else where.host
    where.tell(f"memfs serves http://{shown}:{port}{PATH} (Ctrl-C ends it)")
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=GRACE_SECONDS, lifespan="on")
    serving = uvicorn.Server(config)
    # uvicorn's own handler raises the signal again when all is closed, past our end
    serving.capture_signals = nullcontext  # type: ignore[assignment, method-assign]
    code = 0
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with anyio.create_task_group() as tasks:

            async def end_at_a_signal() -> None:
                nonlocal code
                async for number in signals:
                    code = 128 + number
                    serving.handle_exit(number, None)  # by which streams that are held open know as well

            tasks.start_soon(end_at_a_signal)
            await serving.serve(sockets=[listening])
            tasks.cancel_scope.cancel()
    return code
