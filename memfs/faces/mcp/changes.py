"""What others did to the memory: the tool and the resource that a client asks for news."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime

from memfs import brief
from memfs import feed
from memfs import query
from memfs.errors import Invalid
from memfs.faces.mcp import shapes
from memfs.faces.mcp.desk import Client
from memfs.faces.mcp.shapes import Json
from memfs.heard import Ledger
from memfs.memory import parse_time

MOST_CHANGES = 100
"""Of one answer, the newest."""


def memory_changes(client: Client, args: Json) -> Json:
    """Tell what others did to the memory: since this session last heard, or since a cursor or a time."""
    return changes(client, args.get("since", ""))


def changes(client: Client, since: str) -> Json:
    """Return what others did since *since*: a cursor of an earlier answer, or a time; empty: since it was told last.

    Raises:
        Invalid: *since* is neither.
    """
    here = client.here
    session = here.config.session
    own = {session}
    here.catch_up()
    if since and "@" in since:
        told = feed.since(here, since, without=own)
    elif since:
        try:
            told = feed.lately(here, parse_time(query.ago(since, datetime.now(UTC))), without=own)
        except ValueError as error:
            raise Invalid(f"{since!r} is neither a cursor of memory_changes nor a time such as 12h, 7d.") from error
    else:
        with Ledger(here.config.state).session(session) as heard:
            told = brief.unheard(here, heard)
    shown = [shapes.happening(each) for each in told.happenings[-MOST_CHANGES:]]
    notes = [] if told.whole else ["What happened earlier is not known any more, or not yet."]
    more = len(told.happenings) - len(shown)
    notes += [f"{more} earlier ones are left out."] if more else []
    return shapes.noted({"count": len(shown), "changes": shown, "cursor": told.cursor}, notes)
