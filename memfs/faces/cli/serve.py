"""The command that clients start: serve."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from memfs import config
from memfs.errors import Invalid
from memfs.faces.cli.common import common
from memfs.faces.cli.common import given_mode
from memfs.faces.cli.common import say

PORT = 8737


@click.command()
@click.option(
    "--workspace", type=click.Path(path_type=Path), metavar="DIR", help="The project, before all that is found out."
)
@click.option("--http", is_flag=True, help="Listen for streamable HTTP instead of speaking on standard input.")
@click.option("--host", default="127.0.0.1", show_default=True, help="With --http: where to listen.")
@click.option("--port", default=PORT, show_default=True, type=click.IntRange(0, 65_535), help="With --http; 0: any.")
@click.option("--allow-host", "hosts", multiple=True, metavar="NAME", help="With --http: another name of this machine.")
@click.option("--no-token", is_flag=True, help="With --http, on loopback only: let every program of this machine in.")
@common
def serve_command(
    workspace: Path | None,
    *,
    http: bool,
    host: str,
    port: int,
    hosts: tuple[str, ...],
    no_token: bool,
    as_json: bool,  # noqa: ARG001  (what is served is JSON anyway)
) -> None:
    """Serve memories to agents over MCP.

    \b
    memfs setup claude-code          (has your client start this command)
    memfs serve                      (what the client then runs)
    memfs serve --http --port 8737   (for clients that connect)

    The project is --workspace, else MEMFS_WORKSPACE, else CLAUDE_PROJECT_DIR, else what the
    client names as its root, else the folder that the command stands in.
    """
    from memfs.faces import mcp

    if workspace is not None and "${" in str(workspace):  # a client that does not fill in its own variables
        workspace = None
    if workspace is not None and not workspace.is_dir():
        raise Invalid(f"{workspace} is no folder; --workspace names the project's.")
    if (mode := given_mode()) is not None:
        config.load(mode=mode)  # said here, a wrong word ends the command; later, it would spoil every call
    where = None
    if http:
        from memfs.faces.mcp.http import address

        state = None if no_token else config.load().state
        where = address(host, port, state, lambda said: say([[(said, "")]], err=True), hosts)
    elif sys.stdin is None or sys.stdin.isatty():
        say([[("This speaks MCP on standard input; `memfs setup CLIENT` has a client start it.", "dim")]], err=True)
    mcp.serve(workspace, mode, where)
