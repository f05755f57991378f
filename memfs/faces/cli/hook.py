"""The commands that agents' clients call, and those that tell what came of it: hook, why."""

from __future__ import annotations

import sys
from datetime import UTC
from datetime import datetime
from typing import Any

import click

from memfs.errors import MemfsError
from memfs.faces.cli.common import common
from memfs.faces.cli.common import say
from memfs.faces.cli.common import tell
from memfs.faces.cli.common import workspace


class Patient(click.Command):
    """A command that takes whatever it is called with: a client that gets an exit code but 0 may refuse a prompt."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse *args*; where they cannot be parsed it is as if there were none."""
        try:
            return super().parse_args(ctx, args)
        except (click.UsageError, MemfsError):
            if "--help" in args:
                raise
            return super().parse_args(ctx, [])


@click.command(cls=Patient, context_settings={"ignore_unknown_options": True})
@click.argument("event", default="")
@click.option("--client", default="claude-code", metavar="NAME", help="claude-code, codex, gemini or cursor.")
@click.argument("ignored", nargs=-1, type=click.UNPROCESSED)
@common
def hook_command(event: str, client: str, **_: Any) -> None:  # noqa: ANN401
    """Answer an event of a coding agent's client.

    EVENT is session-start, user-prompt-submit, post-tool-use, stop, pre-compact or session-end; the
    client's JSON comes on standard input. Never fails: trouble is a line in hooks.log of `memfs path state`.

    `memfs setup` enters it where clients look for their hooks.
    """
    from memfs.faces import hooks

    if answer := hooks.run(event, client, None if sys.stdin is None else sys.stdin.buffer):
        try:
            click.echo(answer)
        except OSError:  # nobody reads it, or the disk is full: that is not the agent's to know
            sys.stdout = None


@click.command()
@click.argument("memory", default="")
@click.option("--session", is_flag=True, help="All that was put before one session of an agent.")
@click.option("--id", "session_id", default="", metavar="ID", help="Which session; default the latest.")
@common
def why_command(memory: str, *, session: bool, session_id: str, as_json: bool) -> None:
    """Tell what agents were shown unasked.

    When, why and at what cost, as far as it lies in what is visible from here.

    \b
    memfs why 01KAJ9D3Q0
    memfs why --session
    """
    from memfs.faces import render
    from memfs.heard import Ledger

    here = workspace()
    ledger = Ledger(here.config.state)
    seen = {store.key for store in here.view.stores}
    if bool(memory) == (session or bool(session_id)):
        raise click.UsageError("Name a memory, or ask for --session.", click.get_current_context())
    if memory:
        shown = ledger.shown(seen, memory_id=memory)  # of one that is gone it is told by its whole id
        shown = shown or ledger.shown(seen, memory_id=here.get(memory).memory.id)
    else:
        latest = [each.session for each in ledger.shown(seen)][-1:]
        shown = ledger.shown(seen, session=session_id or "".join(latest))
    if as_json:
        tell({"shown": [render.shown_json(each) for each in shown]})
    else:
        say(render.shown_lines(shown, datetime.now(UTC)))
