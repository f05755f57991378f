"""The commands that only look: search, get, list, status, path."""

from __future__ import annotations

import sys
from datetime import UTC
from datetime import datetime
from typing import Any

import click

from memfs.faces.cli.common import MARK
from memfs.faces.cli.common import Words
from memfs.faces.cli.common import common
from memfs.faces.cli.common import filtering
from memfs.faces.cli.common import filters_of
from memfs.faces.cli.common import say
from memfs.faces.cli.common import tell
from memfs.faces.cli.common import workspace


@click.command(cls=Words)
@click.argument("query", nargs=-1)
@click.option("-n", "--limit", default=10, show_default=True, metavar="N", help="At most so many hits.")
@click.option("--regex", default="", metavar="PATTERN", help="Also, this pattern must match (title or text).")
@click.option("--all", "everywhere", is_flag=True, help="Ask all your projects, once cross_project is true.")
@click.option("--project", "projects", multiple=True, metavar="NAME", help="Ask only this one; may be repeated.")
@filtering
@common
def search_command(
    query: tuple[str, ...],
    limit: int,
    regex: str,
    *,
    everywhere: bool,
    projects: tuple[str, ...],
    as_json: bool,
    **options: Any,  # noqa: ANN401
) -> None:
    """Find memories.

    \b
    memfs search connection pool exhausted
    memfs search '"connection pool" -mysql tag:infra importance:>=8'
    memfs search 'type:decision created:>2026-01-01'
    memfs search --all how do we page      (in every project: memfs config set cross_project true)

    Any of the words may match; the best match comes first. "Quoted words" must stand side by
    side, -word must not be there. Filters: tag: type: scope: channel: category: path:
    importance: created: updated:, with >= <= > < and a..b. Filters alone list the newest first.
    """
    from memfs.faces import render

    words = " ".join(word.removeprefix(MARK) for word in query)
    here = workspace().across(projects) if everywhere or projects else workspace()
    results = here.search(words, filters=filters_of(options, here), limit=limit, regex=regex)
    if as_json:
        tell(render.results_json(results))
    else:
        say(render.results_lines(results, datetime.now(UTC)))
        if (everywhere or projects) and results.hits:
            say([[("Read one of another project: memfs get ID --project NAME", "dim")]])


@click.command()
@click.argument("memory")
@click.option("--scope", default="", metavar="SCOPE", help="Look only in workspace, global or group:NAME.")
@click.option("--project", metavar="NAME", help="Look in this project, which `search --all` named.")
@click.option("--body", is_flag=True, help="Print only the text.")
@common
def get_command(memory: str, scope: str, project: str | None, *, body: bool, as_json: bool) -> None:
    """Show one memory.

    \b
    memfs get 01KAJ9D3Q0
    memfs get 01KAJ9D3Q0 --project shop

    MEMORY is an id or the beginning of one, a path, or a whole title.
    """
    from memfs.faces import render
    from memfs.trust import inert

    here = workspace() if project is None else workspace().across([project])
    entry = here.get(memory, scope=scope)
    if as_json:
        tell(render.entry_json(entry, body=True))
    elif body and sys.stdout.isatty():
        say([(inert(line), "")] for line in entry.memory.body.split("\n"))
    elif body:
        click.echo(entry.memory.body)
    else:
        say(render.get_lines(entry, datetime.now(UTC)))


@click.command()
@click.option("-n", "--limit", default=20, show_default=True, metavar="N", help="Page length.")
@click.option("--offset", default=0, metavar="N", help="Where the page begins.")
@click.option("--sort", default="created", show_default=True, metavar="KEY", help="created, updated or importance.")
@filtering
@common
def list_command(limit: int, offset: int, sort: str, *, as_json: bool, **options: Any) -> None:  # noqa: ANN401
    """List memories, the newest first.

    \b
    memfs list --type decision --since 4w
    memfs list --min-importance 8 --sort importance
    """
    from memfs.faces import render
    from memfs.query import NO_FILTERS

    here = workspace()
    filters = filters_of(options, here)
    listing = here.list(filters=filters, sort=sort, limit=limit, offset=offset)
    if as_json:
        tell(render.listing_json(listing))
    else:
        say(render.listing_lines(listing, datetime.now(UTC), filtered=filters != NO_FILTERS or offset > 0))


@click.command()
@common
def status_command(*, as_json: bool) -> None:
    """Say where this is and what is visible."""
    from memfs.faces import render

    status = workspace().status()
    if as_json:
        tell(render.status_json(status))
    else:
        say(render.status_lines(status))


@click.command()
@click.argument("place", default="", metavar="[PLACE]")
@common
def path_command(place: str, *, as_json: bool) -> None:
    """Print where things are.

    PLACE is workspace, global, home, config, cache, index, state or undo; without one, all of them.
    """
    from memfs import scope
    from memfs.faces.cli.common import check_word
    from memfs.trust import inert

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
