"""The command that looks on: watch."""

from __future__ import annotations

import os
import select
import sys
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from contextlib import suppress
from datetime import UTC
from datetime import datetime
from typing import TYPE_CHECKING

import click

from memfs.errors import Busy
from memfs.errors import MemfsError
from memfs.faces import render
from memfs.faces.cli.common import common
from memfs.faces.cli.common import say
from memfs.faces.cli.common import tell
from memfs.faces.cli.common import workspace
from memfs.trust import inert_line

if TYPE_CHECKING:
    from memfs.store import Store
    from memfs.watch import Watcher
    from memfs.workspace import Workspace

LOOK_SECONDS = 0.5
"""Between two looks whether anybody reads what we say."""


@click.command()
@click.option(
    "--session", is_flag=True, help="For an agent: only what others did, one line for all that came together."
)
@click.option("--every", default=60.0, show_default=True, metavar="SECONDS", help="With --session: a line at most.")
@common
def watch_command(*, session: bool, every: float, as_json: bool) -> None:
    """Show what changes, by whom and where.

    \b
    memfs watch
    memfs watch --mode hybrid --json | jq .title

    One line for each memory that is added, changed, moved or removed, by whatever program, until
    Ctrl-C. With --json each line is an object.

    With --session what the agent's own session did is left out, and so is what it heard already
    (see `memfs hook`). Which session that is says MEMFS_SESSION, or CLAUDE_CODE_SESSION_ID.
    """
    here = workspace()
    on_side = session or as_json or sys.stdout is None or not sys.stdout.isatty()
    with _watched(here) as (stirred, watcher):
        first = here.list(limit=1).notes  # what is there now is no news
        tell_news = _for_agent(here, every, as_json=as_json) if session else _for_people(here, as_json=as_json)
        notes: Sequence[str] = ()
        due = True
        say(render.watching_lines(here.view.stores, first), err=on_side)
        while _is_read():
            if notes != watcher.notes():
                notes = watcher.notes()
                say(render.note_lines(notes), err=on_side)
            due = due and not tell_news()
            if stirred.wait(LOOK_SECONDS):
                stirred.clear()
                due = True


def _for_people(here: Workspace, *, as_json: bool) -> Callable[[], bool]:
    """Return what prints all that happened since it was called last, and returns whether it did."""
    from memfs import feed

    cursor = feed.since(here, "").cursor

    def tell_news() -> bool:
        nonlocal cursor
        told = feed.since(here, cursor)
        cursor = told.cursor
        for happening in told.happenings:
            tell(render.event_json(happening)) if as_json else say(render.event_lines(happening))
        return True

    return tell_news


def _for_agent(here: Workspace, every: float, *, as_json: bool) -> Callable[[], bool]:
    """Return what prints one line of what others did since this session heard, unless it did *every* seconds ago."""
    from memfs import brief
    from memfs.heard import Ledger

    ledger = Ledger(here.config.state)
    session = here.config.session or f"watch-{os.getpid()}"
    told_at = float("-inf")
    with suppress(Busy), ledger.session(session) as heard:  # a hook has it, and begins it
        if not heard.cursor:
            brief.unheard(here, heard)

    def tell_news() -> bool:
        nonlocal told_at
        if time.monotonic() < told_at + every:
            return False
        try:
            with ledger.session(session) as heard:
                news = brief.news(here, heard, datetime.now(UTC))
                brief.noted(ledger, heard, "watch", news)
        except Busy:
            return False
        if news.text:
            told_at = time.monotonic()
            tell({"news": news.text}) if as_json else click.echo(inert_line(news.text))
        return True

    return tell_news


@contextmanager
def _watched(here: Workspace) -> Iterator[tuple[threading.Event, Watcher]]:
    """Watch the stores of *here* and keep its index up to date; yields what is set then, and the watcher."""
    from memfs.watch import Watcher

    def stir(_store: Store) -> None:
        # all of them, because a move is one change in each of two
        for store in here.view.stores:
            with suppress(MemfsError):  # a store that cannot be read now is looked at again
                here.refresh(store)
        stirred.set()

    stirred = threading.Event()
    watcher = Watcher(here.view.stores, stir)
    here.hints = watcher
    watcher.start()
    try:
        yield stirred, watcher
    finally:
        watcher.stop()


def _is_read() -> bool:
    """Return whether somebody is still there to read standard output: writing would tell only at the next change."""
    if sys.stdout is None:
        return False
    poll = select.poll()
    poll.register(sys.stdout, 0)
    return not any(what & (select.POLLERR | select.POLLHUP) for _, what in poll.poll(0))
