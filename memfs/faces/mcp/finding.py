"""What the tools do that look something up: search, read, list, what is near, what others did, how things stand."""

from __future__ import annotations

import math
from contextlib import suppress
from datetime import UTC
from datetime import datetime

from memfs import brief
from memfs import feed
from memfs import query
from memfs.answers import Neighbour
from memfs.errors import Invalid
from memfs.faces import render_health
from memfs.faces.mcp import shapes
from memfs.faces.mcp.desk import Client
from memfs.faces.mcp.schemas import TOKENS
from memfs.faces.mcp.shapes import Json
from memfs.heard import Ledger
from memfs.memory import parse_time
from memfs.pack import CHARACTERS_PER_TOKEN
from memfs.pack import cut
from memfs.query import Filters
from memfs.scope import scopes_of
from memfs.workspace import Workspace

CURSOR_DIGITS = 7
FLAWS = 20
"""Of each store that a status lists; `memfs doctor` has all."""
MANY_COPIES = 20
"""Of one memory that are named."""
MOST_CHANGES = 100
"""Of one answer, the newest."""


def find_duplicates(client: Client, args: Json) -> Json:
    """Find groups of copies; with `auto_merge` make one memory of each."""
    found = client.here.duplicates(
        args["similarity_threshold"],
        limit=int(args["limit"]),
        merge=args["auto_merge"],
        newest=not args["keep_highest_importance"],
    )
    groups = [
        {
            "keep": shapes.near(Neighbour(group.entry, 1.0)),
            "duplicates": [shapes.near(each) for each in group.others[:MANY_COPIES]],
            "merged": group.merged,
        }
        | ({"more": len(group.others) - MANY_COPIES} if len(group.others) > MANY_COPIES else {})
        for group in found.groups
    ]
    shown, left_out = shapes.bounded(groups, TOKENS)
    answer = {"groups": shown, "count": len(shown), "total": found.total}
    notes = [*found.notes, *([f"{left_out} more groups did not fit; ask with a smaller limit."] if left_out else [])]
    return shapes.noted(answer, notes)


def get_related_memories(client: Client, args: Json) -> Json:
    """Show what is near a memory."""
    with shapes.missing("Memory {} not found"):
        related = client.here.related(args["memory_id"], limit=int(args["limit"]))
    near, _ = shapes.bounded([shapes.near(each) for each in related.neighbours], TOKENS)
    answer = {"memory_id": related.entry.memory.id, "related": near, "count": len(near)}
    return shapes.noted(answer, related.notes)


def search_memories(client: Client, args: Json) -> Json:
    """Search, in the output mode and budget that are asked for."""
    return _found(client, client.here, args, _filters(args))


def search_all_projects(client: Client, args: Json) -> Json:
    """Search the memories of every project, or of some that are named."""
    everywhere = client.desk.everywhere
    filters = _filters(args)
    among = scopes_of(everywhere.view, everywhere.config, args.get("projects", ()))
    return _found(client, everywhere, args, filters._replace(scopes=(*filters.scopes, *among)))


def _found(client: Client, workspace: Workspace, args: Json, filters: Filters) -> Json:
    mode = args["output_mode"]
    regex = f"(?i){args['regex']}" if args.get("regex") else ""
    also, limit = args.get("also", ()), int(args["limit"])
    results = workspace.search(args["query"], also=also, filters=filters, limit=limit, regex=regex)
    found, left_out = shapes.bounded([shapes.hit(each, mode) for each in results.hits], int(args["max_tokens"]))
    if mode == "full":
        for each, shown in zip(results.hits, found, strict=False):
            client.saw(each.entry, whole="truncated" not in shown)
    answer: Json = {"query": results.query, "count": len(found), "output_mode": mode, "results": found}
    notes = list(results.notes)
    notes += [f"{left_out} more hits did not fit into max_tokens."] if left_out else []
    if found and mode != "full":
        beside = " (and its project, where it has one)" if any("project" in each for each in found) else ""
        answer["hint"] = f"get_memory with a memory_id{beside} has the whole text."
    if not found:
        answer["hint"] = "Nothing matches; try other words for the same thing."
    return shapes.noted(answer, notes)


def get_memory(client: Client, args: Json) -> Json:
    """Read one memory."""
    workspace, scope = _holding(client, args["project"]) if args.get("project") else (client.here, "")
    with shapes.missing("Memory {} not found"):
        entry = workspace.get(args["memory_id"], scope=scope)
    characters = int(args["max_tokens"]) * CHARACTERS_PER_TOKEN
    shown = shapes.shortened({**shapes.memory(entry, body=True), "trusted": entry.trusted}, characters)
    client.saw(entry, whole="truncated" not in shown)
    return shown


def _holding(client: Client, project: str) -> tuple[Workspace, str]:
    """Return the view in which *project* is seen, and its scope there."""
    here = client.here
    if not here.config.cross_project:
        with suppress(Invalid):
            return here, scopes_of(here.view, here.config, [project])[0]
    here = client.desk.everywhere
    return here, scopes_of(here.view, here.config, [project])[0]


def list_memories(client: Client, args: Json) -> Json:
    """List a page."""
    cursor = args.get("cursor", "0") or "0"
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= CURSOR_DIGITS):
        raise Invalid(f"{cut(cursor, 40)!r} is no cursor; pass next_cursor of the page before, or none.")
    filters = _filters(args)._replace(created=(_when(args.get("since"), 0), _when(args.get("until"), 1)))
    listing = client.here.list(filters=filters, sort=args["sort"], limit=int(args["limit"]), offset=int(cursor))
    page = [shapes.only(shapes.memory(entry), (*shapes.LISTED, "path")) for entry in listing.entries]
    page, left_out = shapes.bounded(page, TOKENS)
    following = int(cursor) + len(page) if left_out else listing.next_offset
    answer: Json = {"memories": page, "count": len(page), "total": listing.total}
    answer |= {"next_cursor": str(following)} if following is not None else {}
    return shapes.noted(answer, listing.notes)


def _filters(args: Json) -> Filters:
    least = args.get("min_importance")
    return Filters(
        tags=tuple(args.get("tags", ())),
        types=tuple(args.get("context_types", ())),
        categories=(args["category"],) if args.get("category") else (),
        scopes=(args["scope"],) if args.get("scope") else (),
        channels=tuple(args.get("channels", ())),
        importance=(math.ceil(least) if least else None, None),
    )


def _when(text: str | None, side: int) -> int | None:
    if not text:
        return None
    try:
        return query.bounds("created", f"{'<=' if side else '>='}{query.ago(text, datetime.now(UTC))}")[side]
    except ValueError as error:
        raise Invalid(f"{cut(text, 40)!r} is no time; try 2026-01-31, 2026-01, 12h, 7d or 4w.") from error


def memory_status(client: Client, args: Json) -> Json:  # noqa: ARG001  (it takes none)
    """Tell how things stand, what is shared with whom, and whether changes are watched."""
    here = client.here
    status = render_health.status_json(here.status())
    for store in status["stores"]:
        listed = store["problems"]
        if len(listed) > FLAWS:
            store.update(problems=listed[:FLAWS], more_problems=len(listed) - FLAWS)
    # a subscription looks into every project, and most have nothing in its channels
    status["guests"] = [guest for guest in status["guests"] if guest["count"] or guest["channels"] is None]
    watching = client.desk.watching()
    scopes = [store.scope for store in here.view.own]
    return {
        **status,
        "groups": [scope.removeprefix("group:") for scope in scopes if scope.startswith("group:")],
        "subscriptions": list(here.config.subscriptions(here.view.workspace)),
        "cross_project": here.config.cross_project,
        "notes": [*status["notes"], *watching],
        "live": not watching,
    }


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


HANDLERS = (
    search_memories, search_all_projects, get_memory, list_memories, get_related_memories, find_duplicates,
    memory_changes, memory_status,
)  # fmt: skip
"""What does each tool of this module, by whose name it goes."""
