"""The command that puts memfs into an agent's own MCP settings: setup."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from typing import NamedTuple

import click

from memfs.faces.cli.common import check_word
from memfs.faces.cli.common import common
from memfs.faces.cli.common import say
from memfs.faces.cli.common import tell

if TYPE_CHECKING:
    from memfs.clients import Change
    from memfs.clients import Wish
    from memfs.faces.render import Json
    from memfs.faces.render import Line

SAID = {
    "added": ("Set up memfs in", "Would set up memfs in"),
    "updated": ("Updated memfs in", "Would update memfs in"),
    "removed": ("Took memfs out of", "Would take memfs out of"),
    "restored": ("Brought back what memfs replaced in", "Would bring back what memfs replaced in"),
}
COLOURS = {"+": "green", "-": "red", "@": "cyan"}


class Options(NamedTuple):
    """What the command line said."""

    dry_run: bool
    remove: bool
    name: str | None
    project: bool
    workspace: str | None


@click.command()
@click.argument("client", required=False)
@click.option("--dry-run", is_flag=True, help="Show the change and write nothing.")
@click.option("--remove", is_flag=True, help="Take memfs out again.")
@click.option("--as", "name", metavar="NAME", help="What the client calls the server (default: memfs).")
@click.option("--project", is_flag=True, help="In this project's settings, which others get with it, not in yours.")
@click.option("--workspace", metavar="DIR", help="Serve this workspace, wherever the client starts memfs.")
@common
def setup_command(client: str | None, *, as_json: bool, **given: object) -> None:
    """Let an agent use memfs.

    Puts the MCP server into the client's own settings, shows what changes there, and keeps a backup beside the
    file. Without a client it lists the clients, and where memfs is set up.

    \b
    memfs setup
    memfs setup claude-code
    memfs setup cursor --project
    memfs setup codex --as recall
    memfs setup claude-code --remove
    """
    from memfs import clients
    from memfs import scope
    from memfs.errors import Invalid
    from memfs.faces import render

    options = Options(**given)  # type: ignore[arg-type]  # click made them
    top = scope.project_of(Path.cwd()) if options.project else None
    if client is None:
        if options._replace(project=False) != Options(False, False, None, False, None):  # noqa: FBT003
            raise Invalid(f"Name the client: {', '.join(clients.CLIENTS)}.")
        _list(top, as_json=as_json)
        return
    check_word("client", client, clients.CLIENTS)
    known, name = clients.CLIENTS[client], options.name or clients.OWN_NAME
    clients.check_name(known, name)
    started = ("memfs",) if top else clients.launcher()
    command = (*started, "serve", *_arguments(client, options))
    wish = clients.Wish(known, clients.path_of(known, top, os.environ), name, command, options.project)
    change, backup = clients.plan(wish, remove=options.remove), None
    if not as_json:
        say(_diff_lines(wish, change))
    if not options.dry_run:
        change, backup = clients.write(wish, change, remove=options.remove)
    notes = [] if options.remove or change.action == "unchanged" else list(_notes(client, wish, change))
    if as_json:
        written = not options.dry_run and change.action != "unchanged"
        tell(_json(client, wish, change, notes) | {"written": written, "backup": str(backup) if backup else None})
    else:
        say(_result_lines(wish, change, backup, options))
        say(render.note_lines(notes))
        say(_next_lines(wish) if change.action in ("added", "updated") and not options.dry_run else [])


def _arguments(client: str, options: Options) -> tuple[str, ...]:
    """Return what comes after `memfs serve`: which workspace, and which mode."""
    from memfs import config
    from memfs.clients import CLIENTS
    from memfs.errors import Invalid

    context, workspace = click.get_current_context(), options.workspace
    mode = (context.obj or {}).get("mode") or (context.find_root().obj or {}).get("mode")
    if mode and mode.lower() not in config.MODES:
        raise Invalid(f"{mode!r} is no mode; the modes are {', '.join(config.MODES)}.")
    if workspace is None and CLIENTS[client].opened[options.project]:
        workspace = "${workspaceFolder}"
    elif workspace is None and client == "claude-desktop":
        mode = mode or "global"
    elif workspace and "${" not in workspace:
        folder = Path(workspace).expanduser().absolute()
        if not folder.is_dir():
            raise Invalid(f"{workspace!r} is no folder; --workspace names the one whose memories are served.")
        workspace = str(folder)
    return (*(("--workspace", workspace) if workspace else ()), *(("--mode", mode.lower()) if mode else ()))


def _notes(client: str, wish: Wish, change: Change) -> Iterator[str]:
    if change.replaced:
        yield f"{wish.name} started {change.replaced} before; the backup keeps that entry with all its variables."
    if client == "claude-desktop" and "--workspace" not in wish.command:
        yield "Claude Desktop stands in no project: it sees global memory only. --workspace DIR gives it a project's."
    if wish.shared:
        yield "Whoever uses this project needs memfs on their PATH."
    if wish.shared and client == "codex":
        yield "Codex reads a project's settings only where the project is trusted."


def _json(client: str, wish: Wish, change: Change, notes: list[str]) -> Json:
    return {
        "client": client,
        "name": wish.name,
        "path": str(wish.path),
        "action": change.action,
        "command": list(wish.command),
        "diff": "\n".join(change.diff(wish.path)),
        "notes": notes,
        "next": wish.client.see.format(name=wish.name),
    }


def _diff_lines(wish: Wish, change: Change) -> Iterator[Line]:
    from memfs.trust import inert

    for line in change.diff(wish.path):
        yield [(inert(line), "bold" if line.startswith(("+++", "---")) else COLOURS.get(line[:1], ""))]


def _result_lines(wish: Wish, change: Change, backup: Path | None, options: Options) -> Iterator[Line]:
    from memfs.trust import inert

    title, path = wish.client.title, inert(str(wish.path))
    if change.action == "unchanged":
        said = f"{wish.name} is not set up in {title}." if options.remove else f"memfs is already set up in {title}."
        yield [(said, "bold"), (f"  {path}", "dim")]
        return
    gone = " (nothing else was in it: the file goes)" if change.after is None else ""
    yield [(f"{SAID[change.action][options.dry_run]} {title}", "green"), (f"  {path}{gone}", "dim")]
    if backup:
        yield [("As it was:  ", "dim"), (inert(str(backup)), "")]


def _next_lines(wish: Wish) -> Iterator[Line]:
    yield [("Next:       ", "dim"), (wish.client.see.format(name=wish.name), "")]
    if wish.client.title == "Claude Code":
        where = "project" if wish.shared else "user"
        words = f"claude mcp add --scope {where} {wish.name} -- {shlex.join(wish.command)}"
        yield [("The same:   ", "dim"), (words, "")]


def _list(top: Path | None, *, as_json: bool) -> None:
    """Print where each client keeps its settings, and under which names memfs is set up there."""
    from memfs.clients import CLIENTS
    from memfs.trust import inert

    rows = [_row(key, top) for key, client in CLIENTS.items() if client.project or not top]
    if as_json:
        tell({"clients": rows})
        return
    colours = {"set up": "green", "cannot be read": "yellow"}
    for row in rows:
        names = ", ".join(row["names"])
        place: Line = [(f"{row['client']:<15} ", "bold"), (f"{row['state']:<15} ", colours.get(row["state"], "dim"))]
        say([[*place, (inert(str(row["path"])), "dim"), (f"  as {names}" if names else "", "")]])
        say([[("  " + inert(row["problem"]), "yellow")]] if row["problem"] else [])
    say([[("Set it up in one:  ", "dim"), ("memfs setup CLIENT", "")]])


def _row(key: str, top: Path | None) -> Json:
    from memfs import clients
    from memfs.errors import MemfsError

    client = clients.CLIENTS[key]
    row: Json = {"client": key, "path": None, "state": "cannot be read", "names": [], "problem": ""}
    try:
        path = clients.path_of(client, top, os.environ)
        row["path"] = str(path)
        row["names"] = clients.names_in(clients.Wish(client, path, clients.OWN_NAME, ()))
        row["state"] = "set up" if row["names"] else "not set up" if path.exists() else "no file"
    except MemfsError as error:
        row["problem"] = str(error)
    return row
