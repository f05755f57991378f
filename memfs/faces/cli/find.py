"""The commands that only look: search, get, list, status, path."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from datetime import datetime
from typing import TYPE_CHECKING
from typing import Any

import click

from memfs.faces import render
from memfs.faces.cli.common import MARK
from memfs.faces.cli.common import Words
from memfs.faces.cli.common import check_word
from memfs.faces.cli.common import common
from memfs.faces.cli.common import filtering
from memfs.faces.cli.common import filters_of
from memfs.faces.cli.common import say
from memfs.faces.cli.common import tell
from memfs.faces.cli.common import workspace
from memfs.trust import inert

if TYPE_CHECKING:
    from memfs.past import Past
    from memfs.workspace import Workspace

_as_they_were = click.option(
    "--at", "when", metavar="WHEN", help="As it was: 2026-01-31, 2026-01, 12h, 7d, 4w, or a commit, tag or branch."
)


@contextmanager
def _asked(here: Workspace, when: str | None, options: dict[str, Any]) -> Iterator[tuple[Workspace | Past, datetime]]:
    """Give what is asked, and what time it is there, from which the times in *options* are counted."""
    if when is None:
        yield here, datetime.now(UTC)
        return
    from memfs import past
    from memfs.query import ago

    with past.at(here, when) as then:
        options |= {name: ago(options[name], then.now) for name in ("since", "until") if options.get(name)}
        yield then, then.now


@click.command(cls=Words)
@click.argument("query", nargs=-1)
@click.option("-n", "--limit", default=10, show_default=True, metavar="N", help="At most so many hits.")
@click.option("--also", multiple=True, metavar="TEXT", help="The same in other words; up to three times.")
@click.option("--regex", default="", metavar="PATTERN", help="Also, this pattern must match (title or text).")
@click.option("--all", "everywhere", is_flag=True, help="Ask all your projects, once cross_project is true.")
@click.option("--project", "projects", multiple=True, metavar="NAME", help="Ask only this one; may be repeated.")
@click.option("--semantic", is_flag=True, help="Find by meaning, too (pip install 'memfs-store[semantic]').")
@_as_they_were
@filtering
@common
def search_command(
    query: tuple[str, ...],
    limit: int,
    regex: str,
    *,
    also: tuple[str, ...],
    everywhere: bool,
    projects: tuple[str, ...],
    semantic: bool,
    when: str | None,
    as_json: bool,
    **options: Any,  # noqa: ANN401
) -> None:
    """Find memories.

    \b
    memfs search connection pool exhausted
    memfs search '"connection pool" -mysql tag:infra importance:>=8'
    memfs search 'type:decision created:>2026-01-01'
    memfs search database setup --also "which ORM do we use"
    memfs search --all how do we page      (in every project: memfs config set cross_project true)
    memfs search --at 2026-01 deploys      (as they were in git at the end of that month)
    memfs search --semantic database setup (also what says it in other words)

    Any of the words may match; the best match comes first. "Quoted words" must stand side by
    side, -word must not be there. Filters: tag: type: scope: channel: category: path:
    importance: created: updated:, with >= <= > < and a..b. Filters alone list the newest first.

    --also adds what a note might say instead; one ranking answers all, and the filters hold for all.
    """
    words = " ".join(word.removeprefix(MARK) for word in query)
    here = workspace().across(projects) if everywhere or projects else workspace()
    with _asked(here, when, options) as (asked, now):
        filters = filters_of(options, here)
        results = asked.search(words, also=also, filters=filters, limit=limit, regex=regex, semantic=semantic or None)
    if as_json:
        tell(render.results_json(results))
    else:
        say(render.results_lines(results, now))
        if (everywhere or projects) and results.hits:
            say([[("Read one of another project: memfs get ID --project NAME", "dim")]])


@click.command()
@click.argument("memory")
@click.option("--scope", default="", metavar="SCOPE", help="Look only in workspace, global or group:NAME.")
@click.option("--project", metavar="NAME", help="Look in this project, which `search --all` named.")
@click.option("--body", is_flag=True, help="Print only the text.")
@_as_they_were
@common
def get_command(memory: str, scope: str, project: str | None, when: str | None, *, body: bool, as_json: bool) -> None:
    """Show one memory.

    \b
    memfs get 01KAJ9D3Q0
    memfs get 01KAJ9D3Q0 --project shop
    memfs get 01KAJ9D3Q0 --at HEAD~5

    MEMORY is an id or the beginning of one, a path, or a whole title.
    """
    here = workspace() if project is None else workspace().across([project])
    with _asked(here, when, {}) as (asked, now):
        entry = asked.get(memory, scope=scope)
    if as_json:
        tell(render.entry_json(entry, body=True))
    elif body and sys.stdout.isatty():
        say([(inert(line), "")] for line in entry.memory.body.split("\n"))
    elif body:
        click.echo(entry.memory.body)
    else:
        say(render.get_lines(entry, now))


@click.command()
@click.option("-n", "--limit", default=20, show_default=True, metavar="N", help="Page length.")
@click.option("--offset", default=0, metavar="N", help="Where the page begins.")
@click.option("--sort", default="created", show_default=True, metavar="KEY", help="created, updated or importance.")
@_as_they_were
@filtering
@common
def list_command(
    limit: int,
    offset: int,
    sort: str,
    *,
    when: str | None,
    as_json: bool,
    **options: Any,  # noqa: ANN401
) -> None:
    """List memories, the newest first.

    \b
    memfs list --type decision --since 4w
    memfs list --min-importance 8 --sort importance
    """
    from memfs.query import NO_FILTERS

    here = workspace()
    with _asked(here, when, options) as (asked, now):
        filters = filters_of(options, here)
        listing = asked.list(filters=filters, sort=sort, limit=limit, offset=offset)
    if as_json:
        tell(render.listing_json(listing))
    else:
        say(render.listing_lines(listing, now, filtered=filters != NO_FILTERS or offset > 0))


@click.command()
@common
def status_command(*, as_json: bool) -> None:
    """Say where this is, what is visible, and what waits.

    \b
    memfs status
    memfs -C ~/code/shop status

    For each scope: how many memories, and who sees them. In git: what is not committed, changed,
    removed, ignored or in conflict; of what is synced: with what, and how much is not pushed yet.
    Then what cannot be read, is not trusted, or is only found once the index has caught up.
    """
    from memfs import learned
    from memfs.faces import render_health

    here = workspace()
    learned.learn(here)
    status = here.status()
    tell(render_health.status_json(status)) if as_json else say(render_health.status_lines(status))


@click.command()
@click.argument("place", default="", metavar="[PLACE]")
@common
def path_command(place: str, *, as_json: bool) -> None:
    """Print where things are.

    PLACE is workspace, global, home, config, cache, index, state, undo or templates; without one, all of them.
    """
    from memfs import extras
    from memfs import scope

    here = workspace()
    config = here.config
    paths = {
        "workspace": scope.workspace_store(here.view.workspace).root,
        "global": scope.global_store(config).root,
        "home": config.home,
        "config": config.path,
        "cache": config.cache,
        "index": here.index.folder,
        "state": config.state,
        "undo": here.journal.folder,
        "templates": extras.templates(),
    }
    if place:
        check_word("place", place, paths)
    shown = {place: paths[place]} if place else paths
    if as_json:
        tell({name: str(path) for name, path in shown.items()})
    elif place:
        click.echo(inert(str(paths[place])))
    else:
        say([(f"{name:<10} ", "dim"), (inert(str(path)), "")] for name, path in shown.items())
