"""The commands about several memories: related, duplicates, consolidate."""

from __future__ import annotations

import click

from memfs.faces import render
from memfs.faces.cli.common import common
from memfs.faces.cli.common import say
from memfs.faces.cli.common import tell
from memfs.faces.cli.common import workspace


@click.command()
@click.argument("memory")
@click.option("-n", "--limit", default=10, show_default=True, metavar="N", help="At most so many.")
@common
def related_command(memory: str, limit: int, *, as_json: bool) -> None:
    """Show what is near a memory.

    \b
    memfs related 01KAJ9D3Q0

    What it links to and what links to it come first, each with the link's type (`[[Title]]` in a
    text is one, too), then memories with like texts, with how alike they are, from 0 to 1.
    """
    related = workspace().related(memory, limit=limit)
    tell(render.related_json(related)) if as_json else say(render.related_lines(related))


@click.command()
@click.option("--threshold", default=0.85, show_default=True, metavar="X", help="How alike they are, 0.1 to 1.")
@click.option("-n", "--limit", default=10, show_default=True, metavar="N", help="At most so many groups.")
@click.option("--newest", is_flag=True, help="Keep the newest of a group, not the most important.")
@click.option("--merge", is_flag=True, help="Make one memory of each group that is shown.")
@common
def duplicates_command(threshold: float, limit: int, *, newest: bool, merge: bool, as_json: bool) -> None:
    """Find memories that say nearly the same.

    \b
    memfs duplicates
    memfs duplicates --threshold 0.5      (also what was said anew in other words)

    Changes nothing, unless --merge is given: then each group becomes one memory, as by
    `memfs consolidate`, which `memfs undo` takes back.
    """
    found = workspace().duplicates(threshold, limit=limit, merge=merge, newest=newest)
    tell(render.duplicates_json(found)) if as_json else say(render.duplicates_lines(found))


@click.command()
@click.argument("memories", nargs=-1, required=True, metavar="MEMORY MEMORY…")
@click.option("--keep", default="", metavar="MEMORY", help="Which one stays; else the most important, then the oldest.")
@common
def consolidate_command(memories: tuple[str, ...], keep: str, *, as_json: bool) -> None:
    """Make one memory of several.

    \b
    memfs consolidate 01KAJ9D3Q0 01KAJ9E5T7 --keep 01KAJ9D3Q0

    The one that stays gets the paragraphs, tags, cues and links of the others that it does not
    have, and a link `supersedes` to each; they are removed. `memfs undo` takes it back, a step at
    a time. Refused where more people or projects would see a text than do now.
    """
    done = workspace().consolidate(memories, keep=keep)
    tell(render.done_json(done)) if as_json else say(render.done_lines(done))
