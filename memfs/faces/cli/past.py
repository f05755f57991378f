"""The commands that tell what a memory was: history, diff, blame."""

from __future__ import annotations

import sys

import click

from memfs.faces import render_git
from memfs.faces.cli.common import common
from memfs.faces.cli.common import say
from memfs.faces.cli.common import tell
from memfs.faces.cli.common import workspace


@click.command()
@click.argument("memory")
@click.option("-n", "--limit", default=50, show_default=True, metavar="N", help="At most so many versions.")
@common
def history_command(memory: str, limit: int, *, as_json: bool) -> None:
    """List what a memory was, and who changed it.

    \b
    memfs history 01KAJ9D3Q0
    memfs diff 01KAJ9D3Q0 4f2a91c0de
    memfs restore 01KAJ9D3Q0 4f2a91c0de

    From git and from memfs's own undo journal, in a repository or not; through renames and moves.
    The name of a version stands in front: `diff` and `restore` take it, or a beginning of it, or what
    else git calls a commit.
    """
    told = workspace().history(memory, limit)
    tell(render_git.history_json(told)) if as_json else say(render_git.history_lines(told))


@click.command()
@click.argument("memory")
@click.argument("first", default="", metavar="[A]")
@click.argument("second", default="", metavar="[B]")
@common
def diff_command(memory: str, first: str, second: str, *, as_json: bool) -> None:
    """Show what changed in a memory.

    \b
    memfs diff 01KAJ9D3Q0                            (by the last change)
    memfs diff 01KAJ9D3Q0 4f2a91c0de                 (since then)
    memfs diff 01KAJ9D3Q0 4f2a91c0de 90b1e3a2f7      (between the two)

    A and B are names of `memfs history`, or beginnings of them, or what else git calls a commit, such
    as HEAD~1 or a branch; `now` is what is there.
    """
    from memfs.comparing import difference
    from memfs.history import MOST

    told = workspace().history(memory, MOST)
    found = difference(told, first, second)
    if as_json:
        tell(render_git.difference_json(told, found))
    elif sys.stdout.isatty():
        say(render_git.difference_lines(found))
    else:  # as it is, to the last blank at the end of a line: a program may read it
        for line in render_git.difference_lines(found):
            click.echo("".join(text for text, _ in line))


@click.command()
@click.argument("memory")
@common
def blame_command(memory: str, *, as_json: bool) -> None:
    """Show where each line of a memory comes from.

    \b
    memfs blame "How we deploy"
    memfs blame 01KAJX

    That is a commit, or, where git does not have it, what memfs did.
    """
    from memfs.comparing import blame
    from memfs.history import MOST

    told = workspace().history(memory, MOST)
    lines = blame(told)
    tell(render_git.blame_json(told, lines)) if as_json else say(render_git.blame_lines(told, lines))
