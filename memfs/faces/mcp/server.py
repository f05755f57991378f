"""The MCP server of one process: the SDK's low-level server, its handlers, and who is told of what changed.

Everything that looks at files runs in worker threads; this module's own state belongs to the event loop.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Mapping
from contextlib import suppress
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any
from typing import TypeVar
from urllib.parse import unquote
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import mcp_types as types
from mcp.server.lowlevel import NotificationOptions
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from memfs import __version__
from memfs.errors import Invalid
from memfs.errors import MemfsError
from memfs.errors import NotFound
from memfs.errors import Refused
from memfs.faces.mcp import shapes
from memfs.faces.mcp.desk import Client
from memfs.faces.mcp.desk import guarded
from memfs.faces.mcp.parameters import told
from memfs.faces.mcp.schemas import INSTRUCTIONS
from memfs.faces.mcp.schemas import TOOLS
from memfs.faces.mcp.schemas import Tool

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext
    from mcp.server.models import InitializationOptions

    from memfs.faces.mcp.desk import Desk
    from memfs.faces.mcp.news import News

    Context = ServerRequestContext[Any, Any]

Answer = TypeVar("Answer")

ROOTS_SECONDS = 5.0
"""How long a call waits for the client to say where it works."""
DEAF = "2024-11-05"
"""Of this protocol's time are clients (Python's, mcp 1.1) that read no more after a message they did not ask for."""
_ROOTS = "roots"
_JSON = "application/json"
_LOG = logging.getLogger("memfs.mcp")


class MemoryServer(Server[Any]):
    """The handlers of the protocol, over a desk; of a client that is *alone* the roots say which workspace is meant."""

    def __init__(self, desk: Desk, news: News, *, alone: bool) -> None:
        super().__init__(
            "memfs",
            version=__version__,
            title="memfs",
            description="One memory for coding agents and the people beside them, made of markdown files.",
            instructions=INSTRUCTIONS,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
            on_list_resources=self._list_resources,
            on_list_resource_templates=self._list_templates,
            on_read_resource=self._read_resource,
            on_subscribe_resource=self._subscribe,
            on_unsubscribe_resource=self._unsubscribe,
            on_subscriptions_listen=news.listen,
            on_list_prompts=self._list_prompts,
            on_get_prompt=self._get_prompt,
            on_completion=self._complete,
        )
        self.add_notification_handler("notifications/initialized", types.NotificationParams, self._initialized)
        self.add_notification_handler("notifications/roots/list_changed", types.NotificationParams, self._roots_changed)
        self._desk = desk
        self._news = news
        self._only = Client(desk) if alone else None
        self._clients: dict[int, Client] = {}
        self._follows = alone and not desk.pinned
        self._settled = anyio.Event()
        self._asked = not self._follows
        if not self._follows:
            self._settled.set()

    def create_initialization_options(
        self,
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: dict[str, dict[str, Any]] | None = None,
        extensions: dict[str, dict[str, Any]] | None = None,
    ) -> InitializationOptions:
        """Announce that changed lists of resources are told, on every transport."""
        options = notification_options or NotificationOptions(resources_changed=True)
        return super().create_initialization_options(options, experimental_capabilities, extensions)

    # ---- where the client works

    async def _initialized(self, ctx: Context, params: types.NotificationParams | None) -> None:  # noqa: ARG002
        if ctx.protocol_version != DEAF:
            self._news.know(ctx.session)
        await self._ask_roots(ctx)

    async def _roots_changed(self, ctx: Context, params: types.NotificationParams | None) -> None:  # noqa: ARG002
        if self._follows:
            await self._ask_roots(ctx)

    def _client(self, ctx: Context) -> Client:
        """Return what is known of the client that asks, forgotten with its connection."""
        if self._only is not None:
            return self._only
        connection: Any = ctx.session._connection  # noqa: SLF001  (mcp 2.3 offers no other way to learn of its end)
        key = id(connection)
        if key not in self._clients:
            self._clients[key] = Client(self._desk)
            connection.exit_stack.callback(self._clients.pop, key, None)
        return self._clients[key]

    async def _ask_roots(self, ctx: Context) -> None:
        """Ask a client of the handshake era for its roots; without an answer the process's own folder holds."""
        capabilities = ctx.session.client_capabilities if ctx.protocol_version != DEAF else None
        settled = self._settled = anyio.Event()  # the calls that follow are meant for what is answered now
        try:
            if self._follows and capabilities is not None and capabilities.roots is not None:
                self._asked = True
                with anyio.move_on_after(ROOTS_SECONDS):
                    answer = await ctx.session.send_request(types.ListRootsRequest(), types.ListRootsResult)
                    await self._settle(answer)
        except (MCPError, MemfsError, ValueError, OSError):  # what a client answers instead of roots, or names as one
            _LOG.warning("the client did not tell its roots; the workspace stays as it is", exc_info=True)
        finally:
            settled.set()

    async def _settle(self, answer: types.ListRootsResult) -> None:
        """Work for the first root that is a folder here."""
        folders = [Path(unquote(urlsplit(str(root.uri)).path)) for root in answer.roots if str(root.uri)[:5] == "file:"]
        for folder in folders:
            if folder.is_dir():
                await _in_a_thread(partial(self._desk.settle, folder))
                return

    async def _ready(self, ctx: Context, params: Any = None) -> types.InputRequiredResult | None:  # noqa: ANN401
        """Wait until the workspace is known; return what to answer where the client has to be asked first.

        *params* are those of a request that may be answered by a question; None for one that may not.
        """
        if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
            capabilities = ctx.session.client_capabilities
            responses = getattr(params, "input_responses", None) or {}
            if isinstance(answer := responses.get(_ROOTS), types.ListRootsResult):
                await self._settle(answer)
            elif params is not None and not self._asked and capabilities is not None and capabilities.roots is not None:
                self._asked = True
                return types.InputRequiredResult(input_requests={_ROOTS: types.ListRootsRequest()})
        elif self._asked:
            with anyio.move_on_after(ROOTS_SECONDS):
                await self._settled.wait()
        return None

    # ---- tools

    async def _list_tools(self, ctx: Context, params: Any) -> types.ListToolsResult:  # noqa: ANN401, ARG002
        return types.ListToolsResult(tools=[_listed(tool) for tool in TOOLS])

    async def _call_tool(
        self, ctx: Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        tool = next((tool for tool in TOOLS if tool.name == params.name), None)
        if tool is None:
            near = get_close_matches(params.name, [tool.name for tool in TOOLS], 2, 0.5)
            meant = f" Did you mean {' or '.join(near)}?" if near else ""
            raise MCPError(code=types.INVALID_PARAMS, message=f"There is no tool {params.name[:80]!r}.{meant}")
        if (question := await self._ready(ctx, params)) is not None:
            return question
        return await _in_a_thread(partial(_called, self._client(ctx), tool, params.arguments or {}))

    # ---- resources and prompts

    async def _list_resources(self, ctx: Context, params: Any) -> types.ListResourcesResult:  # noqa: ANN401, ARG002
        await self._ready(ctx)
        from memfs.faces.mcp import resources

        fixed = [
            types.Resource(name=kind.name, title=kind.title, uri=kind.fixed, description=kind.about, mime_type=_JSON)
            for kind in resources.KINDS
            if kind.fixed
        ]
        memories = await self._within(partial(resources.newest, self._client(ctx)))
        fixed += [
            types.Resource(name=title, title=title, uri=uri, description=gist, mime_type=_JSON)
            for uri, title, gist in memories
        ]
        return types.ListResourcesResult(resources=fixed)

    async def _list_templates(self, ctx: Context, params: Any) -> types.ListResourceTemplatesResult:  # noqa: ANN401, ARG002
        from memfs.faces.mcp.resources import KINDS

        templates = [
            types.ResourceTemplate(
                name=kind.name, title=kind.title, uri_template=kind.uri, description=kind.about, mime_type=_JSON
            )
            for kind in KINDS
            if "{" in kind.uri
        ]
        return types.ListResourceTemplatesResult(resource_templates=templates)

    async def _read_resource(
        self, ctx: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult | types.InputRequiredResult:
        if (question := await self._ready(ctx, params)) is not None:
            return question
        from memfs.faces.mcp import resources

        answer = await self._within(partial(resources.read, self._client(ctx), params.uri), uri=params.uri)
        text = shapes.compact(shapes.clean(answer))
        contents = types.TextResourceContents(uri=params.uri, mime_type=_JSON, text=text)
        return types.ReadResourceResult(contents=[contents])

    async def _subscribe(self, ctx: Context, params: types.SubscribeRequestParams) -> types.EmptyResult:
        await self._ready(ctx)
        await self._news.subscribe(ctx.session, params.uri)
        return types.EmptyResult()

    async def _unsubscribe(self, ctx: Context, params: types.UnsubscribeRequestParams) -> types.EmptyResult:
        self._news.unsubscribe(ctx.session, params.uri)
        return types.EmptyResult()

    async def _list_prompts(self, ctx: Context, params: Any) -> types.ListPromptsResult:  # noqa: ANN401, ARG002
        from memfs.faces.mcp.prompts import PROMPTS

        listed = [types.Prompt(name=each.name, title=each.title, description=each.description) for each in PROMPTS]
        return types.ListPromptsResult(prompts=listed)

    async def _get_prompt(
        self, ctx: Context, params: types.GetPromptRequestParams
    ) -> types.GetPromptResult | types.InputRequiredResult:
        from memfs.faces.mcp import prompts
        from memfs.trust import inert

        prompt = next((each for each in prompts.PROMPTS if each.name == params.name), None)
        if prompt is None:
            names = ", ".join(each.name for each in prompts.PROMPTS)
            sentence = f"There is no prompt {params.name[:80]!r}; the prompts are {names}."
            raise MCPError(code=types.INVALID_PARAMS, message=sentence)
        if (question := await self._ready(ctx, params)) is not None:
            return question
        text = await self._within(partial(prompts.prompt_text, self._desk, prompt.name))
        message = types.PromptMessage(role="user", content=types.TextContent(text=inert(text)))
        return types.GetPromptResult(description=prompt.description, messages=[message])

    async def _complete(self, ctx: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
        await self._ready(ctx)
        values: list[str] = []
        if isinstance(params.ref, types.ResourceTemplateReference):
            from memfs.faces.mcp import resources

            ask = partial(resources.complete, self._client(ctx), params.argument.name, params.argument.value)
            with suppress(MCPError):  # what is typed so far may be no question yet
                values = shapes.clean(list(await self._within(ask)))
        return types.CompleteResult(completion=types.Completion(values=values, has_more=False))

    async def _within(self, work: Callable[[], Answer], *, uri: str = "") -> Answer:
        """Return what *work* returns in a worker thread; its errors become the protocol's, since nothing else is there.

        Raises:
            MCPError: With the sentence, and the address in `data`.
        """
        try:
            return await _in_a_thread(partial(guarded, self._desk, work))
        except MemfsError as error:
            kinds = ((NotFound | Invalid, types.INVALID_PARAMS), (Refused, types.INVALID_REQUEST))
            code = next((code for kind, code in kinds if isinstance(error, kind)), types.INTERNAL_ERROR)
            data = {"uri": uri} if uri else None
            raise MCPError(code=code, message=shapes.sentence(error), data=data) from error


def _listed(tool: Tool) -> types.Tool:
    hints = types.ToolAnnotations(  # None: what the protocol takes for granted, so that there is less to read
        read_only_hint=tool.reads or None,
        destructive_hint=None if tool.reads or tool.destroys else False,
        idempotent_hint=tool.repeats or None,
        open_world_hint=False,
    )
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=told(tool.schema),
        annotations=hints,
    )


def _called(client: Client, tool: Tool, given: Mapping[str, Any]) -> types.CallToolResult:
    """Return what a tool answers, whatever happens in it: what goes wrong is told in the result."""
    from memfs.faces.mcp.arguments import checked
    from memfs.faces.mcp.contexts import HANDLERS
    from memfs.faces.mcp.contexts import Document

    try:
        answer = guarded(client.desk, lambda: HANDLERS[tool.name](client, checked(tool.schema, given)))
    except MemfsError as error:
        return _result(shapes.failed(error), shapes.sentence(error), failed=True)
    if isinstance(answer, Document):
        return _result(shapes.clean(answer.about), shapes.clean(answer.text))
    answer = shapes.clean(answer)
    return _result(answer, shapes.compact(answer))


async def _in_a_thread(work: Callable[[], Answer]) -> Answer:
    """Return what *work* returns; whoever is cancelled need not wait for it, as the end of a server cannot."""
    return await anyio.to_thread.run_sync(work, abandon_on_cancel=True)


def _result(answer: dict[str, Any], text: str, *, failed: bool = False) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(text=text)], structured_content=answer, is_error=failed)
