"""The command line: `memfs`. Each command's module is imported when the command is used, not before."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import NoReturn

import click

from memfs import __version__

COMMANDS = {
    "init": "upkeep", "setup": "setup", "save": "write", "search": "find", "get": "find", "list": "find",
    "edit": "write", "update": "write", "tag": "write", "move": "write", "forget": "write", "related": "tidy",
    "duplicates": "tidy", "consolidate": "tidy", "history": "past", "diff": "past", "blame": "past",
    "restore": "write", "undo": "write", "watch": "watch", "status": "find", "doctor": "upkeep", "reindex": "upkeep",
    "bench": "bench", "group": "sharing", "channel": "sharing", "projects": "projects", "commit": "git", "sync": "git",
    "resolve": "git", "merge-driver": "git", "publish": "team", "export": "team", "trust": "upkeep",
    "untrust": "upkeep", "hook": "hook", "why": "hook", "config": "upkeep", "path": "find", "serve": "serve",
    "completion": "upkeep",
}  # fmt: skip
"""Command to module, in the order of the help."""

SYNONYMS = {
    "add": "save", "allow": "trust", "backup": "export", "cat": "get", "dedupe": "duplicates", "delete": "forget",
    "distrust": "untrust", "find": "search", "help": "--help", "join": "group add", "log": "history", "ls": "list",
    "merge": "consolidate", "mv": "move", "neighbours": "related", "new": "save", "project": "projects",
    "propose": "publish", "query": "search", "remove": "forget", "repos": "projects", "revert": "restore",
    "revoke": "untrust", "rm": "forget", "rollback": "restore", "share": "group", "show": "get",
    "subscribe": "channel subscribe", "team": "group", "topic": "channel", "unsubscribe": "channel unsubscribe",
    "versions": "history", "workspaces": "projects",
}  # fmt: skip
"""What people type who come from other tools, to the command that they mean."""

EXIT_CODES = """\b
Exit codes:
  0  done             4  several memories answer    8  config.toml is broken
  1  failed           5  changed by someone else    9  doctor found something
  2  wrong usage      6  refused
  3  no such memory   7  disk, permission or lock  10  git failed
"""
INTERRUPTED = 130
"""What shells give for a command ended by Ctrl-C."""


class Commands(click.Group):
    """The commands, imported late, with near names suggested for unknown ones."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        """Return the names in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command *cmd_name*."""
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        commands = import_module(f"memfs.faces.cli.{module}")
        command: click.Command = getattr(commands, f"{cmd_name.replace('-', '_')}_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that *args* begin with, or say which ones are near."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            from difflib import get_close_matches

            near = [SYNONYMS[args[0]]] if args[0] in SYNONYMS else get_close_matches(args[0], COMMANDS, 3, 0.5)
            meant = f" Did you mean {' or '.join(near)}?" if near else " `memfs --help` lists them."
            raise click.UsageError(f"There is no command {args[0]!r}.{meant}", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXIT_CODES,
)
@click.version_option(__version__, prog_name="memfs")
@click.option("--mode", metavar="MODE", help="isolated, global or hybrid, before all that is configured.")
@click.option("-C", "--directory", metavar="DIR", help="Stand in DIR instead of the present folder.")
@click.pass_context
def root(ctx: click.Context, mode: str | None, directory: str | None) -> None:
    """One memory for coding agents and the people beside them, made of markdown files.

    \b
    memfs save "We deploy on Fridays before noon." --tag deploy
    memfs search when do we deploy
    memfs move ID --to global

    Memories of a project lie in its folder .memory/, those that you share in ~/.memory/global/.
    Edit them with any editor; every command sees the change at once. A project sees its own
    memories alone, until you set its mode to hybrid.
    """
    ctx.obj = {"mode": mode}
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
        ctx.exit(2)
    if directory is not None:
        from memfs.faces.cli.common import stand_in

        stand_in(directory)


def main() -> NoReturn:
    """Run the command line and end the process with its exit code."""
    code = run()
    try:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
    except BrokenPipeError:
        pass  # the reader of our output went away, which is its right
    except OSError as error:
        from memfs.faces.cli.common import report_error

        code = code or report_error(error)
    # everything is written and no thread runs: taking the interpreter down piece by piece costs a sixth of a command
    os._exit(code)


def _is_hook() -> bool:
    """Return whether an agent's client asks, which would take a failure for a wish to stop the agent."""
    words = iter(sys.argv[1:])
    for word in words:
        if not word.startswith("-"):
            return word == "hook"
        if word in ("-C", "--directory", "--mode"):
            next(words, "")
    return False


def run() -> int:
    """Run the command line; return the exit code. The outermost line: here every error becomes a sentence."""
    try:
        code = root.main(standalone_mode=False)
    except click.exceptions.Exit as done:
        code = done.exit_code
    except click.Abort:
        code = INTERRUPTED
    except BrokenPipeError:
        code = 0
    except Exception as error:  # noqa: BLE001  (the outermost line)
        from memfs.faces.cli.common import report_error

        code = 0 if _is_hook() else report_error(error)
    return code if isinstance(code, int) else 0
