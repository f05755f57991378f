"""The commands that work with git: commit."""

from __future__ import annotations

import click

from memfs.faces.cli.common import common
from memfs.faces.cli.common import say
from memfs.faces.cli.common import tell
from memfs.faces.cli.common import workspace

HELD_BACK = 9


@click.command()
@click.option("-m", "--message", default="", metavar="TEXT", help="What the commit says; default: it counts them.")
@click.option("--allow-secret", is_flag=True, help="Commit what seems to hold a credential.")
@common
def commit_command(message: str, *, allow_secret: bool, as_json: bool) -> None:
    """Commit this project's memories, and nothing else.

    \b
    memfs commit
    memfs commit -m "What we learned about deploys"

    What you have staged or are editing stays as it is, no hook runs, and nothing is pushed. In the
    middle of a merge or a rebase nothing is committed. `memfs status` shows what would be.
    """
    from memfs import committing
    from memfs import scope
    from memfs.faces import render_git

    store = scope.workspace_store(workspace().view.workspace)
    done = committing.commit(store, message, allow_secret=allow_secret)
    if as_json:
        tell(render_git.committed_json(done))
    else:
        say(render_git.committed_lines(done))
    if done.before.held or done.before.conflicts:
        click.get_current_context().exit(HELD_BACK)
