"""The command that puts memfs into an agent's own MCP settings: setup."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click

from memfs import clients
from memfs import config
from memfs import extras
from memfs import foreign
from memfs.errors import Invalid
from memfs.errors import MemfsError
from memfs.faces import render
from memfs.faces.cli.common import check_word
from memfs.faces.cli.common import common
from memfs.faces.cli.common import given_mode
from memfs.faces.cli.common import say
from memfs.faces.cli.common import tell
from memfs.faces.render import Json
from memfs.faces.render import Line
from memfs.trust import inert

Wish = clients.Server | extras.Hooks | extras.Rules | extras.Plugin

SAID = {
    "added": ("Set up {} in", "Would set up {} in"),
    "updated": ("Updated {} in", "Would update {} in"),
    "removed": ("Took {} out of", "Would take {} out of"),
    "restored": ("Brought back what memfs replaced in", "Would bring back what memfs replaced in"),
}
PARTS = {
    "server": ("memfs", "is"),
    "plugin": ("memfs's plugin", "is"),
    "hooks": ("memfs's hooks", "are"),
    "rules": ("memfs's rules", "are"),
}
COLOURS = {"+": "green", "-": "red", "@": "cyan"}


class Options(NamedTuple):
    """What the command line said."""

    dry_run: bool = False
    remove: bool = False
    name: str | None = None
    project: bool = False
    workspace: str | None = None
    plugin: bool = False
    hooks: bool = False
    rules: bool = False

    @property
    def part(self) -> str:
        """What is set up: one of `PARTS`."""
        return "plugin" if self.plugin else "hooks" if self.hooks else "rules" if self.rules else "server"


@click.command()
@click.argument("client", required=False)
@click.option("--plugin", is_flag=True, help="The plugin, of Claude Code: server, hooks, commands and a skill in one.")
@click.option("--hooks", is_flag=True, help="The hooks, which tell a session what it should know, and what is new.")
@click.option("--rules", is_flag=True, help="A few lines in this project's AGENTS.md, CLAUDE.md or GEMINI.md.")
@click.option("--dry-run", is_flag=True, help="Show the change and write nothing.")
@click.option("--remove", is_flag=True, help="Take memfs out again.")
@click.option("--as", "name", metavar="NAME", help="What the client calls the server (default: memfs).")
@click.option("--project", is_flag=True, help="In this project's settings, which others get with it, not in yours.")
@click.option("--workspace", metavar="DIR", help="Serve this workspace, wherever the client starts memfs.")
@common
def setup_command(client: str | None, *, as_json: bool, **given: object) -> None:
    """Let an agent use memfs.

    Puts the MCP server into the client's own settings, or what else the options name, shows what changes there, and
    keeps a backup beside the file. Without a client it lists the clients, and what is set up where.

    \b
    memfs setup
    memfs setup claude-code
    memfs setup claude-code --plugin
    memfs setup codex --hooks
    memfs setup gemini --rules
    memfs setup cursor --project
    memfs setup codex --as recall
    memfs setup claude-code --remove
    """
    options = Options(**given)  # type: ignore[arg-type]  # click made them
    if client is None:
        if options._replace(project=False) != Options():
            raise Invalid(f"Name the client: {', '.join(clients.CLIENTS)}.")
        _list(_project(options), as_json=as_json)
        return
    check_word("client", client, clients.CLIENTS)
    wish = _wish(client, options)
    change = foreign.plan(wish, remove=options.remove)
    if not as_json:
        say(_diff_lines(wish, change))
    change, backup = _carried_out(wish, change, options)
    notes = [] if change.action == "unchanged" else list(_notes(client, wish, change, options))
    if as_json:
        written = not options.dry_run and change.action != "unchanged"
        answer = _json(client, wish, change, options) | {"notes": notes}
        tell(answer | {"written": written, "backup": str(backup) if backup else None})
    else:
        say(_result_lines(client, wish, change, options, backup))
        say(render.note_lines(notes))
        say(_next_lines(client, wish) if change.action in ("added", "updated") and not options.dry_run else [])


def _wish(client: str, options: Options) -> Wish:
    known, top = clients.CLIENTS[client], _project(options)
    if sum((options.plugin, options.hooks, options.rules)) > 1:
        raise Invalid("One at a time: --plugin, --hooks or --rules.")
    if options.part != "server" and (options.name or options.workspace or given_mode()):
        raise Invalid(f"--as, --workspace and --mode are for the server; leave them out with --{options.part}.")
    if options.plugin and (client != "claude-code" or top):
        raise Invalid("The plugin is Claude Code's, and yours alone: memfs setup claude-code --plugin.")
    started = ("memfs",) if top else clients.launcher()
    if options.plugin:
        return extras.plugin_of(os.environ, config.load().state)
    if options.hooks:
        return extras.hooks_of(known, top, os.environ, started)
    if options.rules:
        return extras.rules_of(known, top or Path.cwd())
    name = options.name or clients.OWN_NAME
    clients.check_name(known, name)
    command = (*started, "serve", *_arguments(client, options))
    return clients.Server(known, clients.path_of(known, top, os.environ), name, command, options.project)


def _project(options: Options) -> Path | None:
    """Return the project whose files are meant; None: the user's own are."""
    from memfs import scope

    return scope.project_of(Path.cwd()) if options.project or options.rules else None


def _carried_out(wish: Wish, change: foreign.Change, options: Options) -> tuple[foreign.Change, Path | None]:
    """Do what is wished for, unless it is only shown; return what was done, and where the file as it was is kept."""
    backup, folder = None, wish.folder if isinstance(wish, extras.Plugin) else None
    outdated = folder is not None and not options.remove and extras.outdated(folder, clients.launcher())
    if not options.dry_run:
        if folder and outdated:
            extras.lay_out(folder, clients.launcher())
        change, backup = foreign.write(wish, change, remove=options.remove)
        if folder and options.remove:
            extras.clear_away(folder)
    return (change._replace(action="updated") if outdated and change.action == "unchanged" else change), backup


def _arguments(client: str, options: Options) -> tuple[str, ...]:
    """Return what comes after `memfs serve`: which workspace, and which mode."""
    mode, workspace = given_mode(), options.workspace
    if mode and mode.lower() not in config.MODES:
        raise Invalid(f"{mode!r} is no mode; the modes are {', '.join(config.MODES)}.")
    if workspace is None and clients.CLIENTS[client].opened[options.project]:
        workspace = "${workspaceFolder}"
    elif workspace is None and client == "claude-desktop":
        mode = mode or "global"
    elif workspace and "${" not in workspace:
        folder = Path(workspace).expanduser().absolute()
        if not folder.is_dir():
            raise Invalid(f"{workspace!r} is no folder; --workspace names the one whose memories are served.")
        workspace = str(folder)
    return (*(("--workspace", workspace) if workspace else ()), *(("--mode", mode.lower()) if mode else ()))


def _notes(client: str, wish: Wish, change: foreign.Change, options: Options) -> Iterator[str]:
    if options.remove:
        if options.plugin:
            yield "Claude Code lists it as disabled until `claude plugin uninstall memfs@memfs`."
        return
    if client == "claude-code":
        yield from _doubled(options)
    if wish.shared and not isinstance(wish, extras.Rules):
        yield "Whoever uses this project needs memfs on their PATH."
        if client == "codex":
            yield "Codex reads a project's settings only where the project is trusted."
    if not isinstance(wish, clients.Server):
        return
    if change.replaced:
        yield f"{wish.name} started {change.replaced} before; the backup keeps that entry with all its variables."
    if client == "claude-desktop" and "--workspace" not in wish.command:
        yield "Claude Desktop stands in no project: it sees global memory only. --workspace DIR gives it a project's."


def _doubled(options: Options) -> Iterator[str]:
    """Yield what Claude Code has from the plugin and beside it."""
    try:
        parts = {*_parts("claude-code", None), options.part}
    except MemfsError:  # of a file that is not the one to be changed
        return
    if {"plugin", "server"} <= parts:
        yield "Claude Code starts this server and leaves the plugin's alone; one is enough."
    if {"plugin", "hooks"} <= parts:
        yield "The plugin brings these hooks, too: each is called twice. memfs setup claude-code --hooks --remove"


def _json(client: str, wish: Wish, change: foreign.Change, options: Options) -> Json:
    server = wish if isinstance(wish, clients.Server) else None
    folder = {"folder": str(wish.folder)} if isinstance(wish, extras.Plugin) else {}
    return {
        "client": client,
        "part": options.part,
        "name": server.name if server else None,
        "path": str(wish.path),
        **folder,
        "action": change.action,
        "command": list(server.command) if server else None,
        "diff": "\n".join(change.diff(wish.path)),
        "next": wish.see,
    }


def _diff_lines(wish: Wish, change: foreign.Change) -> Iterator[Line]:
    for line in change.diff(wish.path):
        yield [(inert(line), "bold" if line.startswith(("+++", "---")) else COLOURS.get(line[:1], ""))]


def _result_lines(
    client: str, wish: Wish, change: foreign.Change, options: Options, backup: Path | None
) -> Iterator[Line]:
    title, path, (part, be) = clients.CLIENTS[client].title, inert(str(wish.path)), PARTS[options.part]
    if change.action == "unchanged":
        missing = wish.name if isinstance(wish, clients.Server) else part
        said = f"{missing} {be} not set up in {title}." if options.remove else f"{part} {be} already set up in {title}."
        yield [(said, "bold"), (f"  {path}", "dim")]
        return
    gone = " (nothing else was in it: the file goes)" if change.after is None else ""
    yield [(f"{SAID[change.action][options.dry_run].format(part)} {title}", "green"), (f"  {path}{gone}", "dim")]
    if isinstance(wish, extras.Plugin) and not options.remove:
        yield [("It lies in: ", "dim"), (inert(str(wish.folder)), "")]
    if backup:
        yield [("As it was:  ", "dim"), (inert(str(backup)), "")]


def _next_lines(client: str, wish: Wish) -> Iterator[Line]:
    yield [("Next:       ", "dim"), (wish.see, "")]
    if client == "claude-code" and isinstance(wish, clients.Server):
        where = "project" if wish.shared else "user"
        words = f"claude mcp add --scope {where} {wish.name} -- {shlex.join(wish.command)}"
        yield [("The same:   ", "dim"), (words, "")]


def _list(top: Path | None, *, as_json: bool) -> None:
    """Print where each client keeps its settings, under which names memfs is set up there, and what else is."""
    rows = [_row(key, top) for key, client in clients.CLIENTS.items() if client.project or not top]
    if as_json:
        tell({"clients": rows})
        return
    colours = {"set up": "green", "cannot be read": "yellow"}
    for row in rows:
        parts = [part for part in row["parts"] if part != "server"]
        also = [f"  as {', '.join(row['names'])}"] if row["names"] else []
        also += [f"  with {' and '.join(parts)}"] if parts else []
        place: Line = [(f"{row['client']:<15} ", "bold"), (f"{row['state']:<15} ", colours.get(row["state"], "dim"))]
        say([[*place, (inert(str(row["path"])), "dim"), ("".join(also), "")]])
        say([[("  " + inert(row["problem"]), "yellow")]] if row["problem"] else [])
    say([[("Set it up in one:  ", "dim"), ("memfs setup CLIENT", "")]])


def _row(key: str, top: Path | None) -> Json:
    client = clients.CLIENTS[key]
    row: Json = {"client": key, "path": None, "state": "cannot be read", "names": [], "parts": [], "problem": ""}
    try:
        path = clients.path_of(client, top, os.environ)
        row["path"] = str(path)
        row["names"] = clients.names_in(client, path)
        row["parts"] = list(_parts(key, top))
        row["state"] = "set up" if row["parts"] else "not set up" if path.exists() else "no file"
    except MemfsError as error:
        row["problem"] = str(error)
    return row


def _parts(key: str, top: Path | None) -> Iterator[str]:
    """Yield the parts that are set up in the client *key*, for the user or in the project *top*."""
    client = clients.CLIENTS[key]
    if clients.names_in(client, clients.path_of(client, top, os.environ)):
        yield "server"
    wishes: dict[str, Wish] = {}
    if key == "claude-code" and not top:
        wishes["plugin"] = extras.plugin_of(os.environ, config.load().state)
    if client.hooks:
        wishes["hooks"] = extras.hooks_of(client, top, os.environ, ("memfs",))
    if client.rules and top:
        wishes["rules"] = extras.rules_of(client, top)
    yield from (part for part, wish in wishes.items() if foreign.examined(wish.path, wish.found))
