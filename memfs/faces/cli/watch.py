"""The command that looks on: watch."""

from __future__ import annotations

import select
import sys
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from contextlib import suppress
from queue import Empty
from queue import SimpleQueue
from typing import TYPE_CHECKING

import click

from memfs.faces.cli.common import common
from memfs.faces.cli.common import say
from memfs.faces.cli.common import tell
from memfs.faces.cli.common import workspace

if TYPE_CHECKING:
    from memfs.answers import Event
    from memfs.store import Store
    from memfs.watch import Watcher
    from memfs.workspace import Workspace

LOOK_SECONDS = 0.5
"""Between two looks whether anybody reads what we say."""
READ_SECONDS = 0.1
"""Between two changes, for reading on in what was there in the beginning."""


@click.command()
@common
def watch_command(*, as_json: bool) -> None:
    """Show what changes, by whom and where.

    \b
    memfs watch
    memfs watch --mode hybrid --json | jq .title

    One line for each memory that is added, changed, moved or removed, by whatever program, until
    Ctrl-C. With --json each line is an object.
    """
    from memfs.faces import render
    from memfs.feed import Feed

    here = workspace()
    on_side = as_json or not _shows()
    with _watched(here) as (events, watcher):
        feed = Feed(here)
        feed.remember(READ_SECONDS)
        notes: Sequence[str] = ()
        say(render.watching_lines(here.view.stores, here.list(limit=1).notes), err=on_side)
        while _is_read():
            if notes != watcher.notes():
                notes = watcher.notes()
                say(render.note_lines(notes), err=on_side)
            more = feed.remember(READ_SECONDS)
            for happening in feed.tell(_next(events, 0.0 if more else LOOK_SECONDS)):
                tell(render.event_json(happening)) if as_json else say(render.event_lines(happening))


@contextmanager
def _watched(here: Workspace) -> Iterator[tuple[SimpleQueue[Event | None], Watcher]]:
    """Watch the stores of *here*; yields what its listeners are told, and the watcher."""
    from memfs.errors import MemfsError
    from memfs.watch import Watcher

    def stirred(_store: Store) -> None:
        # all of them, because a move is one change in each of two; the end of what belongs together is None
        for store in here.view.stores:
            with suppress(MemfsError):  # a store that cannot be read now is looked at again
                here.refresh(store)
        events.put(None)

    events: SimpleQueue[Event | None] = SimpleQueue()
    watcher = Watcher(here.view.stores, stirred)
    here.hints = watcher
    here.listen(events.put)
    watcher.start()
    try:
        yield events, watcher
    finally:
        watcher.stop()


def _next(events: SimpleQueue[Event | None], seconds: float) -> Sequence[Event]:
    """Return what comes within *seconds*, and all that belongs to it; nothing when nothing does."""
    found: list[Event] = []
    with suppress(Empty):
        while (event := events.get(timeout=LOOK_SECONDS if found else seconds)) is not None:
            found.append(event)
    return found


def _shows() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


def _is_read() -> bool:
    """Return whether somebody is still there to read standard output: writing would tell only at the next change."""
    if sys.stdout is None:
        return False
    poll = select.poll()
    poll.register(sys.stdout, 0)
    return not any(what & (select.POLLERR | select.POLLHUP) for _, what in poll.poll(0))
