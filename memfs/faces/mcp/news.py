"""Who is told of what changed: sessions that subscribed (handshake era), and listen streams (since 2026-07-28).

Events come from any thread; everything else happens on the event loop.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING
from typing import Any
from urllib.parse import unquote

import anyio
import anyio.to_thread
import mcp_types as types
from mcp.server.subscriptions import InMemorySubscriptionBus
from mcp.server.subscriptions import ListenHandler
from mcp.server.subscriptions import ResourcesListChanged
from mcp.server.subscriptions import ResourceUpdated

from memfs.errors import MemfsError
from memfs.faces.mcp.desk import guarded

if TYPE_CHECKING:
    import asyncio

    from mcp.server.context import ServerRequestContext
    from mcp.server.session import ServerSession

    from memfs.answers import Event
    from memfs.faces.mcp.desk import Desk

SEND_SECONDS = 1.0
"""How long a client may take to read a notification."""
_LOG = logging.getLogger("memfs.mcp")
MEMORY = "memory://memory/"
GLOBAL = "memory://global/"
Place = tuple[str, str, str]
"""A memory's store key, path and digest; empty texts when it is not there."""
_NOWHERE: Place = ("", "", "")


class News:
    """Passes on what changed in the files."""

    def __init__(self) -> None:
        self.desk: Desk | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pending: list[Event | None] = []
        self._woken = anyio.Event()
        self._bus = InMemorySubscriptionBus()
        self._listening = ListenHandler(self._bus)
        self._asked: Counter[str] = Counter()
        self._places: dict[str, Place] = {}
        self._sessions: dict[int, tuple[ServerSession, set[str]]] = {}

    # ---- from any thread

    def heard(self, event: Event | None) -> None:
        """Take note of *event*, to be passed on; None: everything may be different."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closing, and so is everybody who would be told
                self._loop.call_soon_threadsafe(self._take, event)

    # ---- on the event loop

    def _take(self, event: Event | None) -> None:
        self._pending.append(event)
        self._woken.set()

    async def run(self) -> None:
        """Pass on events until cancelled."""
        import asyncio

        self._loop = asyncio.get_running_loop()
        while True:
            await self._woken.wait()
            self._woken = anyio.Event()
            pending, self._pending = self._pending, []
            try:
                await self._tell([event for event in pending if event is not None], everything=None in pending)
            except Exception:  # noqa: BLE001  (what one client did must not keep the news from the others)
                _LOG.warning("news of a change could not be told", exc_info=True)

    async def _tell(self, events: list[Event], *, everything: bool) -> None:
        global_too = everything or any(event.store.scope == "global" for event in events)
        if everything or any(event.changes.added or event.changes.removed for event in events):
            await self._list_changed()
        uris = [uri for uri in self._asked if not uri.startswith(MEMORY) and (global_too or GLOBAL not in uri)]
        followed = [uri for uri in self._asked if uri.startswith(MEMORY)]
        if followed:
            now = await anyio.to_thread.run_sync(self._look, followed)
            uris += [uri for uri in followed if everything or now[uri] != self._places.get(uri)]
            self._places.update(now)
        await self._updated(uris)

    async def _list_changed(self) -> None:
        await self._bus.publish(ResourcesListChanged())
        for key in list(self._sessions):
            await self._send(key, types.ResourceListChangedNotification())

    async def _updated(self, uris: Iterable[str]) -> None:
        for uri in uris:
            await self._bus.publish(ResourceUpdated(uri=uri))
            params = types.ResourceUpdatedNotificationParams(uri=uri)
            for key, (_, subscribed) in list(self._sessions.items()):
                if uri in subscribed:
                    await self._send(key, types.ResourceUpdatedNotification(params=params))

    async def _send(self, key: int, news: types.ServerNotification) -> None:
        """Send *news*; a client that reads nothing for so long is told nothing more."""
        if key in self._sessions:
            with anyio.move_on_after(SEND_SECONDS) as patience:
                await self._sessions[key][0].send_notification(news)
            if patience.cancelled_caught:
                self._forget(key)

    def _look(self, uris: Iterable[str]) -> dict[str, Place]:
        return {uri: self._place(uri) for uri in uris}

    def _place(self, uri: str) -> Place:
        if self.desk is None:
            return _NOWHERE
        desk = self.desk

        def look() -> Place:
            here = desk.here
            if not uri.startswith(MEMORY):
                return _NOWHERE
            entry = here.get(unquote(uri.removeprefix(MEMORY)))
            return entry.store.key, entry.memory.path, entry.file.digest

        try:
            return guarded(desk, look)
        except MemfsError:
            return _NOWHERE

    # ---- who wants to know

    def know(self, session: ServerSession) -> set[str]:
        """Remember *session* until its connection ends; return what it subscribed to."""
        connection: Any = session._connection  # noqa: SLF001  (mcp 2.3 offers no other way to learn of its end)
        key = id(connection)
        if key not in self._sessions:
            self._sessions[key] = (session, set())
            connection.exit_stack.callback(partial(self._forget, key))
        return self._sessions[key][1]

    def _forget(self, key: int) -> None:
        _, subscribed = self._sessions.pop(key, (None, set()))
        for uri in subscribed:
            self._drop(uri)

    async def subscribe(self, session: ServerSession, uri: str) -> None:
        """Tell *session* when what lies at *uri* changes."""
        subscribed = self.know(session)
        if uri not in subscribed:
            subscribed.add(uri)
            await self._add(uri)

    def unsubscribe(self, session: ServerSession, uri: str) -> None:
        """Tell *session* no more of *uri*."""
        subscribed = self.know(session)
        if uri in subscribed:
            subscribed.discard(uri)
            self._drop(uri)

    async def listen(
        self, ctx: ServerRequestContext[Any, Any], params: types.SubscriptionsListenRequestParams
    ) -> types.SubscriptionsListenResult:
        """Serve one listen stream."""
        uris: list[str] = []
        try:
            for uri in params.notifications.resource_subscriptions or ():
                uris.append(uri)
                await self._add(uri)
            return await self._listening(ctx, params)
        finally:
            for uri in uris:
                self._drop(uri)

    async def _add(self, uri: str) -> None:
        self._asked[uri] += 1  # at once, as the caller has: however the looking ends, both are taken back together
        # looking opens the workspace, too, from when on it is watched
        place = await anyio.to_thread.run_sync(self._place, uri, abandon_on_cancel=True)
        if uri.startswith(MEMORY) and self._places.setdefault(uri, place) != place:
            # from here on changes are told against what this subscriber found; others hear of what led there now
            self._places[uri] = place
            await self._updated([uri])

    def _drop(self, uri: str) -> None:
        self._asked[uri] -= 1
        if self._asked[uri] <= 0:
            del self._asked[uri]
            self._places.pop(uri, None)
