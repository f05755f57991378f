"""The tools that tell more than one memory: what a session begins with, what it leaves, what was learned when."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import NamedTuple

from memfs import query
from memfs import sessions
from memfs.errors import Invalid
from memfs.faces.mcp import finding
from memfs.faces.mcp import shapes
from memfs.faces.mcp import tools
from memfs.faces.mcp.desk import Client
from memfs.faces.mcp.schemas import TOKENS
from memfs.faces.mcp.shapes import Json
from memfs.memory import format_time
from memfs.pack import CHARACTERS_PER_TOKEN
from memfs.pack import cut
from memfs.pack import pack
from memfs.pack import tokens
from memfs.query import Filters

BREAKDOWN = {"directives": "directive", "decisions": "decision", "patterns": "code_pattern", "insights": "insight"}
DOCUMENT_TOKENS = 8_000
"""Of a time window's document at most."""


class Document(NamedTuple):
    """An answer whose text is a document to read rather than JSON."""

    text: str
    about: Json


def recall_relevant_context(client: Client, args: Json) -> Json:
    """Search for what bears on a task."""
    task = args["current_task"]
    question = f"{task} {args.get('query', '')}".strip()
    filters = Filters(importance=(math.ceil(args["min_importance"]), None))
    results = client.here.search(question, filters=filters, limit=int(args["limit"]))
    hits = results.hits
    keys = ("memory_id", "summary", "context_type", "importance", "tags", "similarity", "scope", "trusted")
    shown = [{**shapes.hit(hit, "summary"), "similarity": round(hit.score, 2)} for hit in hits]
    answer: Json = {"current_task": cut(task, query.MAX_CHARACTERS), "found": len(hits)}
    answer["relevant_memories"], _ = shapes.bounded([shapes.only(each, keys) for each in shown], TOKENS)
    hint = "get_memory with a memory_id has the whole text." if hits else "Nothing important matches; search_memories."
    return shapes.noted({**answer, "hint": hint}, results.notes)


def auto_session_start(client: Client, args: Json) -> Json:
    """Tell what a session should know when it begins."""
    wanted = {
        "directives": args["include_directives"],
        "decisions": args["include_recent_decisions"],
        "patterns": args["include_patterns"],
    }
    hint = args.get("task_hint", "")
    opening = sessions.opening(
        client.here, datetime.now(UTC), hint=hint, parts=[each for each in wanted if wanted[each]]
    )
    packed = pack(opening.sections, int(args["max_context_tokens"]))
    notes = [withheld(opening.withheld)] if opening.withheld else []
    notes += [f"{packed.left_out} lines did not fit into max_context_tokens."] if packed.left_out else []
    answer = {
        "success": True,
        "has_context": bool(packed.text),
        "sections_loaded": packed.sections,
        "estimated_tokens": tokens(packed.text),
        "context": packed.text,
        "tip": "search_memories finds the rest; store_memory keeps what this session learns.",
    }
    return shapes.noted(answer, notes)


def withheld(count: int) -> str:
    """Return the sentence for memories that are not told unasked because nobody vouches for them."""
    return (
        f"{count} memories came with this repository and are not shown here, because nobody vouched for them yet; "
        "`memfs trust` does. search_memories finds them, marked untrusted."
    )


def organize_session(client: Client, args: Json) -> Json:
    """Save a session that lists memories."""
    with shapes.missing("Memory {} not found"):
        made = sessions.organize(client.here, args["session_name"], args["memory_ids"], args.get("summary", ""))
    entry = made.done.entry
    notes = [*made.done.notes, *(f"Memory {each} not found in this store; it is left out." for each in made.missing)]
    answer = {
        "success": True,
        "session_id": entry.memory.id,
        "session_name": entry.memory.title,
        "memory_count": len(made.members),
        "created_at": shapes.milliseconds(entry.created),
    }
    return shapes.noted(answer, notes)


def summarize_session(client: Client, args: Json) -> Json:
    """Sum up what was saved lately, and keep that as a session."""
    now = datetime.now(UTC)
    minutes = args["lookback_minutes"]
    here = client.here
    start = now - timedelta(minutes=minutes)
    # a session lies in one store, which others may read: it tells of no other store's memories
    lately = sessions.window(
        here, start, now + timedelta(seconds=1), filters=Filters(scopes=(here.view.target("")[0].scope,))
    )
    if not lately:
        message = "No memories found in the specified lookback period"
        return {"success": False, "message": message, "lookback_minutes": minutes}
    summary = sessions.digest(lately)
    kept = {}
    if args["auto_create_snapshot"]:
        name = args.get("session_name") or f"Session {now:%Y-%m-%d}"
        done = sessions.organize(here, name, [str(entry.path) for entry in lately], summary).done
        kept = {"session_id": done.entry.memory.id, "session_name": done.entry.memory.title}
    return {
        "success": True,
        "summary": summary,
        **kept,
        "memory_count": len(lately),
        "lookback_minutes": minutes,
        "breakdown": {name: sum(e.memory.type == kind for e in lately) for name, kind in BREAKDOWN.items()},
    }


def get_time_window_context(client: Client, args: Json) -> Json | Document:
    """Return what was learned in a window of time as a document."""
    start, end = _window(args)
    least = args.get("min_importance")
    importance = (math.ceil(least) if least else None, None)
    filters = Filters(types=tuple(args.get("context_types", ())), importance=importance)
    found = sessions.window(client.here, start, end, filters=filters)
    times = {"start_time": format_time(start), "end_time": format_time(end)}
    if not found:
        return {"success": False, "message": "No memories found in the specified time window", **times}
    about = {"success": True, **times, "total_memories": len(found), "format": args["format"]}
    details = args["include_metadata"]
    if args["format"] == "json":
        keys = (*shapes.LISTED, "content", "path") if details else ("content", "path", "trusted")
        shown = [shapes.only(shapes.memory(entry, body=True), keys) for entry in found]
        taken, left_out = shapes.bounded(shown, DOCUMENT_TOKENS)
        return {**about, "memories": taken} | ({"left_out": left_out} if left_out else {})
    markdown = args["format"] == "markdown"
    head = f"{'# ' if markdown else ''}Memories from {times['start_time']} to {times['end_time']}: {len(found)}\n\n"
    text = head + sessions.document(found, args["group_by"], markdown=markdown, details=details)
    whole = DOCUMENT_TOKENS * CHARACTERS_PER_TOKEN
    return Document(cut(text, whole, "\n\n… cut; ask for a shorter window."), {**about, "truncated": len(text) > whole})


def _window(args: Json) -> tuple[datetime, datetime]:
    now = datetime.now(UTC)
    if "start_timestamp" in args or "end_timestamp" in args:
        try:
            start = datetime.fromtimestamp(args.get("start_timestamp", 0) / 1000, UTC)
            end = datetime.fromtimestamp(args["end_timestamp"] / 1000, UTC) if "end_timestamp" in args else now
        except (OverflowError, ValueError, OSError) as error:
            raise Invalid("A timestamp is in milliseconds since 1970, up to the year 9999.") from error
        if end < start:
            raise Invalid("end_timestamp lies before start_timestamp.")
        return start, end
    minutes = args["hours"] * 60 if "hours" in args else args.get("minutes", 60)
    return now - timedelta(minutes=minutes), now + timedelta(seconds=1)


Handler = Callable[["Client", Json], "Json | Document"]

HANDLERS: dict[str, Handler] = {
    handler.__name__: handler
    for handler in (
        *tools.HANDLERS,
        *finding.HANDLERS,
        recall_relevant_context,
        auto_session_start,
        organize_session,
        summarize_session,
        get_time_window_context,
    )
}
"""Tool to what it does, of all that `schemas` lists."""
