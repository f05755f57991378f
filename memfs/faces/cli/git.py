"""The commands that work with git: commit, sync, resolve, merge-driver."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from memfs.errors import MemfsError
from memfs.faces import render_git
from memfs.faces.cli.common import common
from memfs.faces.cli.common import own_store
from memfs.faces.cli.common import progress
from memfs.faces.cli.common import report_error
from memfs.faces.cli.common import say
from memfs.faces.cli.common import tell
from memfs.faces.cli.common import workspace
from memfs.trust import inert

if TYPE_CHECKING:
    from memfs.resolving import Clash
    from memfs.shelves import Shelf
    from memfs.syncing import Synced
    from memfs.workspace import Workspace

HELD_BACK = 9
LOOK_SECONDS = 1.0
"""How often `sync --watch` looks whether something has changed."""
QUIET_SECONDS = 5.0
"""How long nothing may change before it syncs."""


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

    done = committing.commit(own_store(), message, allow_secret=allow_secret)
    tell(render_git.committed_json(done)) if as_json else say(render_git.committed_lines(done))
    if done.before.held or done.before.conflicts:
        click.get_current_context().exit(HELD_BACK)


@click.command()
@click.option("--remote", metavar="URL", help="Sync with this repository from now on (an empty one, or memfs's own).")
@click.option("--workspace", "own", is_flag=True, help="This project's memories, which have a repository of their own.")
@click.option("--group", metavar="NAME", help="Only the memories of this group.")
@click.option("--watch", is_flag=True, help="Go on: after each change here, and on a timer.")
@click.option(
    "--every",
    type=click.FloatRange(1),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="The timer of --watch.",
)
@click.option("--yes", is_flag=True, help="Let more than 30 % of the memories vanish, this once.")
@click.option("--restore", is_flag=True, help="Let none vanish: bring back what was removed since the last sync.")
@click.option("--allow-secret", is_flag=True, help="Sync what seems to hold a credential, this once.")
@common
def sync_command(
    remote: str | None,
    group: str | None,
    *,
    own: bool,
    watch: bool,
    every: float,
    yes: bool,
    restore: bool,
    allow_secret: bool,
    as_json: bool,
) -> None:
    """Have the same memories on all your machines.

    \b
    memfs sync --remote git@example.com:me/memories.git     (once, on each machine)
    memfs sync
    memfs sync --watch

    What you share, in ~/.memory/global and groups, is committed, merged with what the other machines
    have, and pushed. Nothing is forced or thrown away: texts that clash both stay in the file, and
    `memfs resolve` settles them. Where more than 30 % of a store were removed, it asks: --yes if that
    is meant, --restore if not. A project's memories travel with its own repository.
    """
    from memfs import settings
    from memfs.network import checked_remote
    from memfs.shelves import known_shelves
    from memfs.shelves import shelf_of

    if yes and restore:
        said = "One or the other: --yes lets memories vanish, --restore brings them back."
        raise click.UsageError(said, click.get_current_context())
    here = workspace()
    if remote is not None:
        shelf = shelf_of(here.config, group=group or "", workspace=here.view.workspace if own else None)
        settings.set_remote(here.config, shelf.whose, checked_remote(remote))
        here = workspace()
    if own or group:
        shelves = [shelf_of(here.config, group=group or "", workspace=here.view.workspace if own else None)]
    else:
        shelves = known_shelves(here.config)
    may = {"yes": yes, "restore": restore, "allow_secret": allow_secret}
    before = _files(here, shelves) if watch else None
    code = _sync_all(here, shelves, may=may, as_json=as_json, goes_on=watch)
    while watch:
        _wait_for_change(here, shelves, before, every)
        before = _files(here, shelves)
        _sync_all(here, shelves, may={}, as_json=as_json, goes_on=True)
    if code:
        click.get_current_context().exit(code)


def _sync_all(
    here: Workspace, shelves: Sequence[Shelf], *, may: Mapping[str, bool], as_json: bool, goes_on: bool
) -> int:
    """Sync *shelves*, one after the other, and print what that did; return the exit code of the last that failed.

    One that is alone fails by itself, unless the command *goes_on*.
    """
    from memfs import learned
    from memfs import syncing

    done: list[Synced] = []
    code = 0
    for shelf in shelves:
        try:
            with progress() as advance:
                done.append(syncing.sync(here.config, shelf, **may, progress=advance))
        except MemfsError as error:
            if len(shelves) == 1 and not goes_on:
                raise
            code = report_error(error)
    here.catch_up()
    learned.learn(here)
    if as_json:
        tell({"synced": [render_git.synced_json(each) for each in done]})
    else:
        for each in done:
            say(render_git.synced_lines(each))
    return code or (HELD_BACK if any(each.clashes or each.held for each in done) else 0)


def _files(here: Workspace, shelves: Sequence[Shelf]) -> object:
    """Return what changes with every change to a memory that is synced."""
    from memfs.shelves import stores

    return [store.scan().files for shelf in shelves for store in stores(here.config, shelf).values()]


def _wait_for_change(here: Workspace, shelves: Sequence[Shelf], before: object, every: float) -> None:
    """Return when what is synced is no longer as *before*, and quiet for a while; or after *every* seconds."""
    began, last, changed = time.monotonic(), before, 0.0
    while time.monotonic() < began + every:
        time.sleep(LOOK_SECONDS)
        if (found := _files(here, shelves)) != last:
            last, changed = found, time.monotonic()
        if last != before and time.monotonic() > changed + QUIET_SECONDS:
            return


@click.command()
@click.argument("memory", required=False)
@click.option("--ours", is_flag=True, help="Keep what was here.")
@click.option("--theirs", is_flag=True, help="Keep what came.")
@click.option("--both", is_flag=True, help="Keep both texts, one below the other.")
@click.option("--edit", is_flag=True, help="Open it in your editor.")
@click.option("--list", "listed", is_flag=True, help="Only list what is in conflict.")
@common
def resolve_command(memory: str | None, *, listed: bool, as_json: bool, **ways: bool) -> None:
    """Settle memories in conflict, one after the other.

    \b
    memfs resolve                    (asks for each)
    memfs resolve NAME --both
    memfs resolve --list

    Where two people changed the same lines, both texts stand in the file. Choose yours, theirs, both
    or edit it; what was there is kept for `memfs undo`, and git is told that it is settled.
    """
    from memfs import resolving

    named = [way for way, chosen in ways.items() if chosen]
    if len(named) + listed > 1:
        said = "One at a time: --ours, --theirs, --both, --edit or --list."
        raise click.UsageError(said, click.get_current_context())
    way = next(iter(named), None)
    here = workspace()
    found = [resolving.named(here, memory)] if memory else resolving.clashes(here)
    asks = not listed and not as_json and way is None and sys.stdin.isatty()
    settled = []
    if way or asks:
        settled = [clash for clash in found if _settled(here, clash, way)]
    _show_clashes(found, settled, here.view.mode, as_json=as_json)
    if len(settled) < len(found):
        click.get_current_context().exit(HELD_BACK)


def _settled(here: Workspace, clash: Clash, way: str | None) -> bool:
    """Settle *clash* in the way that was named, or that is asked for; return whether that was done."""
    from memfs import resolving
    from memfs.faces.cli import compose

    if way is None:
        say(render_git.clash_lines(clash))
        choices = {"o": "ours", "t": "theirs", "b": "both", "e": "edit", "s": "skip"}
        asked = "Keep (o)urs, (t)heirs, (b)oth, (e)dit, (s)kip"
        way = choices[click.prompt(asked, type=click.Choice(list(choices)), show_choices=False, default="s", err=True)]
    if way == "skip":
        return False
    if way == "edit":
        before = here.get(clash.path, scope=clash.store.scope)
        compose.run_editor(before.path)
        raw = here.edited(before).entry.file.raw
        resolving.settle(here, clash._replace(present=raw), raw)
    else:
        resolving.settle(here, clash, next(raw for side, raw in clash.sides.items() if side == way))
    return True


def _show_clashes(found: Sequence[Clash], settled: Sequence[Clash], mode: str, *, as_json: bool) -> None:
    if as_json:
        tell({"conflicts": [render_git.clash_json(clash, settled=clash in settled) for clash in found]})
        return
    for clash in found:
        mark = ("settled  ", "green") if clash in settled else ("in conflict  ", "bold red")
        say([[mark, (inert(str(clash.store.absolute(clash.path))), "bold")]])
    if not found:
        more = "" if mode == "hybrid" else f" It is {mode} mode; `memfs resolve --mode hybrid` looks everywhere."
        say([[("Nothing is in conflict.", "green"), (more, "dim")]])
    elif len(settled) < len(found):
        say([[("memfs resolve NAME --ours, --theirs, --both or --edit settles one.", "dim")]])


@click.command(hidden=True)
@click.argument("base", type=click.Path(path_type=Path))
@click.argument("ours", type=click.Path(path_type=Path))
@click.argument("theirs", type=click.Path(path_type=Path))
@click.argument("path")
def merge_driver_command(base: Path, ours: Path, theirs: Path, path: str) -> None:
    """Merge two versions of one memory, as git's merge driver: `memfs init --merge-driver` registers it.

    The result is written to OURS; exit 0 when it is whole, 1 when both texts stand in it.
    """
    from memfs import resolving

    raw, clash = resolving.driven(base.read_bytes(), ours.read_bytes(), theirs.read_bytes())
    ours.write_bytes(raw)
    if clash:
        click.echo(f"memfs: both texts stand in {inert(path)}; `memfs resolve` settles it", err=True)
        click.get_current_context().exit(1)
