"""The commands that hand memories on: publish, export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from memfs.faces import render_git
from memfs.faces.cli.common import common
from memfs.faces.cli.common import filtering
from memfs.faces.cli.common import filters_of
from memfs.faces.cli.common import progress
from memfs.faces.cli.common import say
from memfs.faces.cli.common import tell
from memfs.faces.cli.common import workspace


@click.command()
@click.argument("memories", nargs=-1, required=True, metavar="MEMORY...")
@click.option("--to", default="", metavar="group:NAME", help="Push it to the group's remote.")
@click.option(
    "--branch", default="", metavar="NAME", help="Which branch, new or not; default: a new one, memfs/ and the title."
)
@click.option("-m", "--message", default="", metavar="TEXT", help="What the commit says; default: the title.")
@click.option("--yes", is_flag=True, help="Also in the place of what somebody else changed on the branch.")
@click.option("--allow-secret", is_flag=True, help="Publish what seems to hold a credential.")
@common
def publish_command(
    memories: tuple[str, ...], to: str, branch: str, message: str, *, yes: bool, allow_secret: bool, as_json: bool
) -> None:
    """Put memories on a branch, to propose them.

    \b
    memfs publish 01KAJ9D3Q0                    (in the project's own repository; `git push` is yours)
    memfs publish 01KAJ9D3Q0 --to group:team    (pushed to the repository that the group syncs with)
    memfs publish 01KAJ9D3Q0 --branch memfs/retries     (one more commit on it: the same pull request)

    They come as they are on disk, on top of the last commit: of yours, or of the group's remote; of
    a --branch that is there, on top of that one's. A memory that is there already by its id is
    updated. What is checked out or merged stays as it is, and nothing is ever forced.
    """
    from memfs import publishing

    wish = publishing.Wish(to, branch, message, allow_secret, yes)
    done = publishing.publish(workspace(), memories, wish)
    tell(render_git.published_json(done)) if as_json else say(render_git.published_lines(done))


@click.command()
@click.option("--to", "folder", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Where to.")
@filtering
@common
def export_command(folder: Path, *, as_json: bool, **options: Any) -> None:  # noqa: ANN401
    """Copy memories into a folder, as files.

    \b
    memfs export --to ~/backup/memories
    memfs export --to docs/decisions --scope workspace --type decision

    Byte for byte, with the times when they were changed: below workspace/, global/ and groups/NAME/,
    or straight into DIR when --scope names one. A file that is there is never overwritten.
    """
    from memfs import exporting

    here = workspace()
    filters = filters_of(options, here)
    with progress("exporting") as advance:
        done = exporting.export(here, filters, folder, advance)
    tell(render_git.exported_json(done)) if as_json else say(render_git.exported_lines(done))
