"""What the verbs answer, for programs (JSON) and for people (lines of styled text); the same for every face."""

from __future__ import annotations

import json
from collections.abc import Iterator
from collections.abc import Sequence
from datetime import UTC
from datetime import datetime
from typing import TYPE_CHECKING
from typing import Any

from memfs.memory import format_time
from memfs.trust import inert
from memfs.trust import inert_json
from memfs.trust import inert_line

if TYPE_CHECKING:
    from memfs.answers import Done
    from memfs.answers import Duplicates
    from memfs.answers import Entry
    from memfs.answers import Hit
    from memfs.answers import Listing
    from memfs.answers import Moment
    from memfs.answers import Neighbour
    from memfs.answers import Related
    from memfs.answers import Results
    from memfs.errors import MemfsError
    from memfs.feed import Happening
    from memfs.heard import Shown
    from memfs.index import Snippet
    from memfs.store import Store

Json = dict[str, Any]
"""An object for programs."""

Line = list[tuple[str, str]]
"""A line for people: pieces of text, each with a Rich style (empty: none)."""

MEGA = 1_000_000
SHOWN_PATHS = 5
DIM, BOLD, GOOD, BAD, WARN, MATCH = "dim", "bold", "green", "bold red", "yellow", "bold yellow"
OTHERS = "an editor, git or another program"
_UNITS = (
    (31_557_600, "year"), (2_629_800, "month"), (604_800, "week"), (86_400, "day"), (3_600, "hour"), (60, "minute"),
)  # fmt: skip


def to_json(answer: Json) -> str:
    """Return *answer* as JSON on one line, with every character escaped that could steer a terminal."""
    return inert_json(json.dumps(answer, ensure_ascii=False))


# ---- for programs


def entry_json(entry: Entry, *, body: bool = False) -> Json:
    """Return a memory as an object; its text only when *body* is asked for."""
    memory = entry.memory
    shown: Json = {
        "id": memory.id,
        "title": memory.title,
        "scope": entry.store.scope,
        "path": str(entry.path),
        "name": memory.path,
        "type": memory.type,
        "importance": memory.importance,
        "tags": list(memory.tags),
        "created": format_time(entry.created),
        "updated": format_time(entry.updated),
        "trusted": entry.trusted,
        "digest": entry.file.digest,
    }
    optional: Json = {
        "author": entry.author,
        "at": entry.at and moment_json(entry.at),
        "category": memory.category,
        "channels": list(memory.channels),
        "summary": memory.summary,
        "expires": format_time(memory.expires) if memory.expires else "",
        "about": list(memory.about),
        "session": memory.session,
        "pinned": memory.pinned,
        "links": [{"type": link.type, "to": link.to} for link in memory.links],
        "problems": [{"line": problem.line, "reason": problem.reason} for problem in memory.problems],
        "state": "" if memory.state == "ok" else memory.state,
    }
    if body:
        optional["cues"] = list(memory.cues)
    shown |= {key: value for key, value in optional.items() if value}
    return shown | ({"body": memory.body} if body else {})


def moment_json(moment: Moment) -> Json:
    """Return a commit as an object: its name, and when it was made."""
    return {"commit": moment.commit, "time": format_time(moment.time)}


def done_json(done: Done) -> Json:
    """Return what a writing verb came to as an object."""
    shown = {**entry_json(done.entry), "verb": done.verb, "notes": list(done.notes)}
    if done.similar:
        shown["similar"] = [near_json(each) for each in done.similar]
    if done.removed:
        shown["removed"] = [{"id": each.memory.id, "path": str(each.path)} for each in done.removed]
    return shown


def near_json(near: Neighbour) -> Json:
    """Return a memory that is near another one in short: which one, where, how alike, and the link, if there is one."""
    entry = near.entry
    shown: Json = {"id": entry.memory.id, "title": entry.memory.title, "scope": entry.store.scope}
    shown |= {"path": str(entry.path), "trusted": entry.trusted, "score": round(near.score, 4)}
    if near.relation:
        shown |= {"relation": near.relation, "direction": "incoming" if near.incoming else "outgoing"}
    return shown


def hit_json(hit: Hit) -> Json:
    """Return a hit as an object: the memory, its score and how it came about, the snippet with `**matches**`."""
    return {
        **entry_json(hit.entry),
        "score": round(hit.score, 4),
        "score_parts": {"text": round(hit.text, 4), "weight": hit.weight},
        "snippet": marked(hit.snippet),
    }


def results_json(results: Results) -> Json:
    """Return a search's answer as an object."""
    hits = [hit_json(hit) for hit in results.hits]
    shown = {"query": results.query, "mode": results.mode, "hits": hits, "notes": list(results.notes)}
    return shown | ({"at": moment_json(results.at)} if results.at else {})


def listing_json(listing: Listing) -> Json:
    """Return a page of a list as an object."""
    return {
        "memories": [entry_json(entry) for entry in listing.entries],
        "total": listing.total,
        "next_offset": listing.next_offset,
        "notes": list(listing.notes),
    } | ({"at": moment_json(listing.at)} if listing.at else {})


def related_json(related: Related) -> Json:
    """Return what is near a memory as an object."""
    near = [near_json(each) for each in related.neighbours]
    return {"id": related.entry.memory.id, "title": related.entry.memory.title, "related": near,
            "notes": list(related.notes)}  # fmt: skip


def duplicates_json(found: Duplicates) -> Json:
    """Return groups of copies as an object; the first of a group is the one that is kept."""
    from memfs.answers import Neighbour

    groups = [
        {
            "keep": near_json(Neighbour(group.entry, 1.0)),
            "others": [near_json(each) for each in group.others],
            "merged": group.merged,
        }
        for group in found.groups
    ]
    return {"groups": groups, "total": found.total, "notes": list(found.notes)}


def event_json(event: Happening) -> Json:
    """Return what happened to a memory as an object."""
    shown: Json = {
        "at": format_time(event.at),
        "what": event.what,
        "id": event.memory_id,
        "title": event.title,
        "scope": event.place.scope,
        "path": str(event.place.path),
        "by": event.by,
    }
    if event.session:
        shown["session"] = event.session
    if event.came_from is not None:
        shown["from"] = {"scope": event.came_from.scope, "path": str(event.came_from.path)}
    return shown


def error_json(error: MemfsError) -> Json:
    """Return an error as an object: its code, its sentence, and what it knows beside."""
    known: Json = {"code": error.code, "message": str(error)}
    for name in ("near", "candidates", "findings", "paths"):
        if value := getattr(error, name, None):
            known[name] = [str(each) for each in value]
    if path := getattr(error, "path", None):
        known["path"] = str(path)
    return {"error": known}


def marked(snippet: Snippet) -> str:
    """Return a snippet on one line, its matches between `**`."""
    return "".join(f"**{text}**" if style else text for text, style in _snippet_pieces(snippet, "match"))


# ---- for people


def age(when: datetime, now: datetime) -> str:
    """Return how long before *now* something was, in one unit; never negative."""
    seconds = (now - when).total_seconds()
    for size, unit in _UNITS:
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def entry_lines(entry: Entry, now: datetime, *, number: str = "", score: float | None = None) -> Iterator[Line]:
    """Yield a memory in two lines: its title, and what it is."""
    memory = entry.memory
    first: Line = [(f"{number}{inert_line(memory.title)}", BOLD)]
    if memory.state != "ok":
        first.append((f"  {memory.state}", BAD))
    if score is not None:
        first.append((f"  {score:.2f}", DIM))
    yield first
    facts = [inert_line(entry.store.scope), inert_line(memory.type)]
    facts += [f"importance {memory.importance}", *_ages(entry, now)]
    facts += [" ".join(f"#{inert_line(tag)}" for tag in memory.tags)] if memory.tags else []
    facts += [" ".join(f"@{inert_line(channel)}" for channel in memory.channels)] if memory.channels else []
    facts += ["pinned"] if memory.pinned else []
    indent = " " * len(number)
    line: Line = [(f"{indent}{' · '.join(facts)}", DIM)]
    if entry.at:
        line.append((f" · {_place(entry.at)}", WARN))
    if not entry.trusted:
        line.append((" · untrusted", WARN))
    yield [*line, (f" · {memory.id}", DIM)]


def _ages(entry: Entry, now: datetime) -> list[str]:
    """Return how long ago a memory was learned, and, if that is known, who changed it last, and how long ago."""
    learned, changed = age(entry.created, now), age(entry.updated, now)
    if not entry.author:
        return [learned]
    last = f"{inert_line(entry.author)}, {changed}"
    return [last] if learned == changed else [learned, last]


def _place(moment: Moment) -> str:
    return f"@ {moment.commit[:10]}, {moment.time:%Y-%m-%d}"


def results_lines(results: Results, now: datetime) -> Iterator[Line]:
    """Yield a search's hits, each with its snippet."""
    for number, hit in enumerate(results.hits, 1):
        mark = f"{number}. "
        score = hit.score if hit.text else None
        yield from entry_lines(hit.entry, now, number=mark, score=score)
        yield [(" " * len(mark), ""), *_snippet_pieces(hit.snippet, MATCH)]
        yield []
    if not results.hits:
        at = f" --at {results.at.commit[:10]}" if results.at else ""
        rest = f" Fewer words, or other ones, may do better; `memfs list{at}` shows what there {'was' if at else 'is'}."
        yield [("Nothing found.", ""), (rest, DIM)]
    yield from note_lines(results.notes)


def listing_lines(listing: Listing, now: datetime, *, filtered: bool = False) -> Iterator[Line]:
    """Yield a page of a list, and how to see the next one."""
    for entry in listing.entries:
        yield from entry_lines(entry, now)
        yield []
    if not listing.total and filtered:
        yield [("No memory matches.", "")]
    elif not listing.total:
        yield [("No memories here yet.", ""), (' Save one: memfs save "what you learned"', DIM)]
    elif listing.next_offset is not None:
        shown = f"{len(listing.entries)} of {listing.total:,}"
        yield [(f"{shown}; the next page: --offset {listing.next_offset}", DIM)]
    yield from note_lines(listing.notes)


def done_lines(done: Done) -> Iterator[Line]:
    """Yield what a writing verb came to."""
    said = {
        "save": "Saved", "update": "Updated", "move": "Moved", "forget": "Forgot", "restore": "Restored",
        "undo": "Undone", "consolidate": "Kept",
    }  # fmt: skip
    entry = done.entry
    yield [(f"{said[done.verb]} ", GOOD), (inert_line(entry.memory.title), BOLD), (f"  {entry.memory.id}", DIM)]
    where = "It was" if done.verb == "forget" else inert_line(entry.store.scope)
    yield [(f"{where}: {inert(str(entry.path))}", DIM)]
    if done.verb == "forget":
        yield [(f"Bring it back with: memfs restore {entry.memory.id}", DIM)]
    for each in done.removed:
        yield [("removed: ", DIM), (inert_line(each.memory.title), ""), (f"  {each.memory.id}", DIM)]
    for near in done.similar:
        yield [("similar: ", WARN), *near_pieces(near)]
    if done.similar:
        way = "they may say the same; `memfs consolidate` makes several one, `save --into ID` adds to one"
        yield [(f"  {way}", DIM)]
    yield from note_lines(done.notes)


def near_pieces(near: Neighbour) -> Line:
    """Return a memory that is near another one in a few words, with how alike they are."""
    entry = near.entry
    pieces: Line = [(inert_line(entry.memory.title), BOLD), (f"  {near.score:.2f}  {entry.memory.id}", DIM)]
    return pieces if entry.trusted else [*pieces, ("  untrusted", WARN)]


def related_lines(related: Related) -> Iterator[Line]:
    """Yield what is near a memory, each with the reason."""
    for near in related.neighbours:
        link = f"{inert_line(near.relation)} this" if near.incoming else f"this {inert_line(near.relation)}"
        yield [(f"{link if near.relation else 'alike'}: ", GOOD if near.relation else DIM), *near_pieces(near)]
    if not related.neighbours:
        yield [("Nothing is linked to it or like it.", "")]
    yield from note_lines(related.notes)


def duplicates_lines(found: Duplicates) -> Iterator[Line]:
    """Yield groups of copies, and what makes one memory of each."""
    for group in found.groups:
        entry = group.entry
        yield [("made one: " if group.merged else "keep: ", GOOD), (inert_line(entry.memory.title), BOLD),
               (f"  {inert_line(entry.store.scope)}  {entry.memory.id}", DIM)]  # fmt: skip
        for near in group.others:
            yield [("  like it: ", DIM), *near_pieces(near)]
        if not group.merged:
            ids = " ".join(each.entry.memory.id for each in group.others)
            yield [(f"  memfs consolidate {ids} --keep {entry.memory.id}", DIM)]
        yield []
    if not found.groups:
        yield [("No two memories are that alike.", GOOD), (" A lower --threshold finds more.", DIM)]
    elif len(found.groups) < found.total:
        yield [(f"{len(found.groups)} of {found.total:,} groups; --limit shows more.", DIM)]
    yield from note_lines(found.notes)


def get_lines(entry: Entry, now: datetime) -> Iterator[Line]:
    """Yield a whole memory: what it is, where it lies, its text."""
    yield from entry_lines(entry, now)
    yield [(f"{inert(str(entry.path))}{f' {_place(entry.at)}' if entry.at else ''}", DIM)]
    if entry.memory.cues:
        yield [(f"asked as: {inert_line(' · '.join(entry.memory.cues))}", DIM)]
    for problem in entry.memory.problems:
        yield [(f"line {problem.line}: {problem.reason}", WARN)]
    yield []
    # a line ends where an editor ends it; what else breaks lines hides from a reader
    for line in entry.memory.body.replace("\r\n", "\n").split("\n") if entry.memory.body else ():
        yield [(inert(line), "")]


def event_lines(event: Happening) -> Iterator[Line]:
    """Yield what happened to a memory: when, what, which one, where, and by whom."""
    style = {"added": GOOD, "removed": BAD}.get(event.what, WARN)
    by = (f"session {inert_line(event.session)}" if event.session else "memfs") if event.by == "memfs" else OTHERS
    where = f"{inert_line(event.place.scope)}: {inert(str(event.place.path))}"
    if event.came_from is not None and event.came_from.scope != event.place.scope:
        where = f"{inert_line(event.came_from.scope)} → {where}"
    elif event.came_from is not None:
        where = f"{where}, was {inert(event.came_from.path.name)}"
    yield [
        (f"{event.at.astimezone():%H:%M:%S}  ", DIM),
        (f"{event.what:<7}  ", style),
        (inert_line(event.title), BOLD),
        (f"  {where}  by {by}", DIM),
    ]


def watching_lines(stores: Sequence[Store], notes: Sequence[str]) -> Iterator[Line]:
    """Yield what is watched, and what the watcher has to say."""
    for store in stores:
        yield [("Watching ", DIM), (inert_line(store.scope), BOLD), (f"  {inert(str(store.root))}", DIM)]
    yield from note_lines(notes)


def shown_json(shown: Shown) -> Json:
    """Return what was put before an agent as an object."""
    at = format_time(datetime.fromtimestamp(shown.at, UTC))
    return {**shown._asdict(), "at": at}


def shown_lines(shown: Sequence[Shown], now: datetime) -> Iterator[Line]:
    """Yield what was put before agents: when, which memory, why, at what cost."""
    if not shown:
        yield [("Nothing of it was put before an agent.", DIM)]
    for each in shown:
        yield [
            (f"{age(datetime.fromtimestamp(each.at, UTC), now):<14} ", DIM),
            (inert_line(each.title), BOLD),
            (f"  {each.memory_id}  {each.scope}", DIM),
        ]
        yield [(f"  at {each.event}, because {inert_line(each.why)}; {each.tokens} tokens; ", ""),
               (f"session {inert_line(each.session)}", DIM)]  # fmt: skip
    if len(shown) > 1:
        yield [(f"{len(shown)} times, about {sum(each.tokens for each in shown):,} tokens.", DIM)]


def note_lines(notes: Sequence[str]) -> Iterator[Line]:
    """Yield what the caller should know."""
    for note in notes:
        yield [("note: ", WARN), (inert(note), "")]


def _snippet_pieces(snippet: Snippet, style: str) -> Line:
    pieces: Line = []
    end = 0
    for start, stop in snippet.marks:
        pieces += [(snippet.text[end:start], ""), (snippet.text[start:stop], style)]
        end = stop
    pieces.append((snippet.text[end:], ""))
    return [
        (inert(text.replace("\n", " ").replace("\r", "").replace("\t", " ")), mark) for text, mark in pieces if text
    ]
