"""What a session of work should know when it begins, and what it leaves behind: memories that list other memories.

A session is a memory of the category `session` that links to what was learned in it (`parent_of`), so it is found,
edited, moved and synced like every other.
"""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from datetime import timedelta
from typing import NamedTuple

from memfs.answers import Done
from memfs.answers import Entry
from memfs.errors import Ambiguous
from memfs.errors import Invalid
from memfs.errors import NotFound
from memfs.errors import Refused
from memfs.errors import Twins
from memfs.pack import Section
from memfs.pack import cut
from memfs.query import NO_FILTERS
from memfs.query import Filters
from memfs.trust import inert
from memfs.trust import inert_line
from memfs.workspace import Workspace

CATEGORY = "session"
PARTS = ("directives", "decisions", "patterns")
"""What an opening may be asked to leave out."""
MOST = 1_000
"""Memories of one session, or of one window of time."""
LINE_CHARACTERS = 240
DIGEST_TITLES = 5
"""Of each type that a digest names."""
KINDS = {
    "directive": "Directives", "decision": "Decisions", "code_pattern": "Patterns", "insight": "Insights",
    "requirement": "Requirements", "error": "Errors", "todo": "To do", "preference": "Preferences",
    "information": "Information", "heading": "Headings",
}  # fmt: skip
"""Type to what several of it are called, in the order of a digest."""


class Organized(NamedTuple):
    """A new session, what it lists, and what was named but not found."""

    done: Done
    members: tuple[Entry, ...]
    missing: tuple[str, ...]


class Opening(NamedTuple):
    """What a session should know when it begins: sections, most important first.

    Attributes:
        withheld: Memories that were left out because nobody vouches for their text.
    """

    sections: tuple[Section, ...]
    withheld: int


def organize(here: Workspace, name: str, references: Sequence[str], summary: str = "") -> Organized:
    """Save a session called *name* that lists the memories *references* of the store that it is saved to.

    Raises:
        NotFound: None of them is there.
        Invalid, OutOfScope, Busy, StorageFailed: As for `Workspace.save`.
    """
    found: dict[str, Entry] = {}
    missing = []
    scope = here.view.target("")[0].scope  # a file of this store may be read by others than those of another store
    for reference in dict.fromkeys(references):
        try:
            entry = here.get(reference, scope=scope)
            found[entry.memory.id] = entry
        except (NotFound, Ambiguous, Twins, Refused):
            missing.append(reference)
    if not found:
        raise NotFound(missing[0] if missing else name, hint="A session lists memories that are there.")
    members = tuple(found.values())
    body = f"{summary.strip()}\n\n" if summary.strip() else ""
    # what memfs writes passes for the user's own, so of what nobody vouches for it says the id alone
    body += "\n".join(
        f"- {inert_line(each.memory.title)} ({each.memory.id})" if each.trusted else f"- {each.memory.id}"
        for each in members
    )
    links: list[str | list[object] | dict[str, object]] = []
    links += [{"type": "parent_of", "to": entry.memory.id} for entry in members]
    values = {"title": inert_line(name), "category": CATEGORY, "summary": cut(inert_line(summary), 300)}
    return Organized(here.save(body, {**values, "links": links}), members, tuple(missing))  # type: ignore[dict-item]


def sessions(here: Workspace, limit: int = 100) -> Sequence[Entry]:
    """Return the sessions of the view, newest first."""
    return here.list(filters=Filters(categories=(CATEGORY,)), limit=limit).entries


def session(here: Workspace, reference: str) -> Entry:
    """Return the session that *reference* names.

    Raises:
        NotFound: None does.
        Ambiguous, Twins: Several do.
    """
    entry = here.get(reference)
    if entry.memory.category.casefold() != CATEGORY:
        raise NotFound(reference)
    return entry


def members(here: Workspace, entry: Entry) -> Iterator[Entry]:
    """Yield the memories that the session *entry* lists, in its order; one that is gone is left out."""
    for link in entry.memory.links:
        if link.type == "parent_of":
            with suppress(NotFound, Ambiguous, Twins):
                yield here.get(link.to)


def window(here: Workspace, start: datetime, end: datetime, *, filters: Filters = NO_FILTERS) -> Sequence[Entry]:
    """Return the memories that were learned from *start* to *end*, oldest first, without sessions; at most `MOST`."""
    filters = filters._replace(created=(int(start.timestamp() * 1000), int(end.timestamp() * 1000)))
    listed = here.list(filters=filters, limit=MOST).entries
    return [entry for entry in reversed(listed) if entry.memory.category.casefold() != CATEGORY]


def digest(entries: Sequence[Entry]) -> str:
    """Return in a few lines of markdown what *entries* are: the most important titles of each type.

    Those that nobody vouches for are counted, not named.
    """
    lines = []
    for kind, called in KINDS.items():
        own = [entry for entry in entries if entry.memory.type == kind and entry.trusted]
        those = sorted(own, key=lambda entry: -entry.memory.importance)
        if those:
            named = "; ".join(inert_line(entry.memory.title) for entry in those[:DIGEST_TITLES])
            more = f"; and {len(those) - DIGEST_TITLES} more" if len(those) > DIGEST_TITLES else ""
            lines.append(f"- {called}: {named}{more}")
    strange = sum(not entry.trusted for entry in entries)
    return "\n".join([*lines, *([f"- Untrusted, not named here: {strange}"] if strange else [])])


def opening(here: Workspace, now: datetime, *, hint: str = "", parts: Collection[str] = PARTS) -> Opening:
    """Return what a session should know when it begins; nothing of a workspace that the user does not trust.

    What answers *hint*, which says what the session is about, is a section of its own; *parts* are those of `PARTS` to
    have, and *now* is for the ages.
    """
    taken: set[str] = set()
    withheld: set[str] = set()

    def section(heading: str, entries: Sequence[Entry], most: int) -> Section:
        lines: list[str] = []
        for entry in entries:
            if not entry.trusted:
                withheld.add(entry.memory.id)
            elif entry.memory.id not in taken and len(lines) < most:
                taken.add(entry.memory.id)
                lines.append(line(entry, now))
        return Section(heading, tuple(lines))

    def best(kind: str, importance: int, sort: str = "importance") -> Sequence[Entry]:
        filters = Filters(types=(kind,) if kind else (), importance=(importance, None))
        return here.list(filters=filters, sort=sort, limit=50).entries

    wanted = []
    if "directives" in parts:
        wanted.append(section("Directives", [*best("directive", 7), *best("preference", 7)], 8))
    if "decisions" in parts:
        wanted.append(section("Recent decisions", best("decision", 1, "created"), 5))
    if "patterns" in parts:
        wanted.append(section("Code patterns", best("code_pattern", 6), 3))
    if hint.strip():
        hits = here.search(hint, filters=Filters(importance=(6, None)), limit=10).hits
        wanted.append(section("For this task", [hit.entry for hit in hits], 5))
    wanted.append(section("Most important", best("", 9), 3))
    return Opening(tuple(each for each in wanted if each.lines), len(withheld))


def line(entry: Entry, now: datetime) -> str:
    """Return a memory as one line of markdown: title, gist, id, scope and age in days."""
    memory = entry.memory
    gist = inert_line(memory.summary or memory.body)
    title = inert_line(memory.title)
    text = title if gist.startswith(title.rstrip("…")) and len(gist) <= len(title) else f"**{title}** {gist}"
    days = max((now - entry.created) // timedelta(days=1), 0)
    age = "today" if days == 0 else f"{days} day{'s' if days > 1 else ''} ago"
    return f"- {cut(text, LINE_CHARACTERS)} ({memory.id}, {entry.store.scope}, {age})"


def document(entries: Sequence[Entry], group_by: str, *, markdown: bool, details: bool) -> str:
    """Return *entries* as a document to read.

    Args:
        entries: In order.
        group_by: `chronological` (no groups), `type`, `importance` or `tags`.
        markdown: Whether headings are marked as such, or plain text is wanted.
        details: Whether type, importance, tags and time stand below each text.
    """
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        for name in _groups(entry, group_by):
            groups.setdefault(name, []).append(entry)
    parts = []
    for name, those in groups.items():
        parts += [f"## {inert_line(name)}" if markdown else inert_line(name).upper()] if name else []
        parts += [_paragraph(entry, markdown=markdown, details=details) for entry in those]
    return "\n\n".join(parts)


def _groups(entry: Entry, group_by: str) -> Sequence[str]:
    memory = entry.memory
    if group_by == "type":
        return [KINDS.get(memory.type, memory.type)]
    if group_by == "importance":
        bands = ((8, "High (8-10)"), (5, "Medium (5-7)"), (1, "Low (1-4)"))
        return [next(name for least, name in bands if memory.importance >= least)]
    if group_by == "tags":
        return memory.tags or ["untagged"]
    if group_by != "chronological":
        raise Invalid(f"Memories are grouped by chronological, type, importance or tags, not by {group_by!r}.")
    return [""]


def _paragraph(entry: Entry, *, markdown: bool, details: bool) -> str:
    memory = entry.memory
    title = inert_line(memory.title)
    facts = [memory.type, f"importance {memory.importance}", f"{entry.created:%Y-%m-%d %H:%M} UTC", memory.id]
    facts += [" ".join(f"#{tag}" for tag in memory.tags)] if memory.tags else []
    facts = (facts if details else []) + ([] if entry.trusted else ["untrusted"])
    parts = [f"### {title}" if markdown else title]
    parts += [inert_line(" · ".join(facts))] if facts else []
    body = inert(memory.body) if memory.body.strip() != memory.title else ""
    if not entry.trusted:  # fenced: it could otherwise forge the entries after it
        body = "\n".join(f"> {line}" for line in body.splitlines())
    return "\n\n".join([*parts, *([body] if body else [])])
