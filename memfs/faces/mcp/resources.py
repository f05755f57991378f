"""Resources: memories under the addresses that recall documented, read as JSON, and completed."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from mcp.shared.uri_template import UriTemplate

from memfs import sessions
from memfs.answers import Entry
from memfs.errors import Ambiguous
from memfs.errors import Invalid
from memfs.errors import NotFound
from memfs.faces.mcp import shapes
from memfs.faces.mcp.desk import Client
from memfs.faces.mcp.finding import changes
from memfs.faces.mcp.shapes import Json
from memfs.memory import IMPORTANT
from memfs.memory import TYPES
from memfs.pack import CHARACTERS_PER_TOKEN
from memfs.pack import cut
from memfs.query import MAX_CHARACTERS
from memfs.query import Filters
from memfs.trust import inert_line

TOKENS = 10_000
"""Of one resource; clients cut or refuse more."""
LISTED_MEMORIES = 20
"""The newest memories stand in the list of resources, so that a client's menu offers them by title."""
SUGGESTIONS = 20

Parameters = dict[str, str]
Read = Callable[["Client", Parameters], Json]


class Kind(NamedTuple):
    """An address and what it holds.

    Attributes:
        uri: A template (RFC 6570); one that is whole without its query is listed by itself, too.
        about: For people and models.
        read: What it holds.
    """

    uri: str
    title: str
    about: str
    read: Read

    @property
    def name(self) -> str:
        """What lists call it."""
        return self.uri.removeprefix("memory://").partition("{")[0].strip("/").replace("/", "-")

    @property
    def fixed(self) -> str:
        """The address without parameters, empty when it needs one."""
        bare, _, rest = self.uri.partition("{")
        return "" if "{?q" in self.uri or (rest and not rest.startswith("?")) else bare


def _recent(client: Client, given: Parameters, scope: str = "") -> Json:
    listing = client.here.list(filters=_within(scope), limit=_number(given, "limit", 50))
    return _memories(client, listing.entries, scope, listing.notes)


def _changes(client: Client, given: Parameters) -> Json:
    return changes(client, given.get("since") or "1d")


def _by_type(client: Client, given: Parameters, scope: str = "") -> Json:
    filters = _within(scope)._replace(types=(given["type"],))
    listing = client.here.list(filters=filters, limit=_number(given, "limit", 50))
    return {"context_type": given["type"], **_memories(client, listing.entries, scope, listing.notes)}


def _by_tag(client: Client, given: Parameters, scope: str = "") -> Json:
    filters = _within(scope)._replace(tags=(given["tag"],))
    listing = client.here.list(filters=filters, limit=_number(given, "limit", 50))
    return {"tag": given["tag"], **_memories(client, listing.entries, scope, listing.notes)}


def _important(client: Client, given: Parameters, scope: str = "") -> Json:
    least = _number(given, "min", IMPORTANT, 10)
    filters = _within(scope)._replace(importance=(least, None))
    listing = client.here.list(filters=filters, sort="importance", limit=_number(given, "limit", 100))
    return {"min_importance": least, **_memories(client, listing.entries, scope, listing.notes)}


def _search(client: Client, given: Parameters, scope: str = "") -> Json:
    question = given.get("q", "").strip()
    if not question:
        raise Invalid('Query parameter "q" is required')
    least = _number(given, "min_importance", 1, 10)
    filters = _within(scope)._replace(importance=(least, None))
    limit = _number(given, "limit", 10)
    results = client.here.search(question, filters=filters, limit=limit)
    if not results.hits and "+" in question:  # a space, to those who write addresses as web forms do
        results = client.here.search(question.replace("+", " "), filters=filters, limit=limit)
    shown, left_out = shapes.bounded([shapes.hit(each, "full") for each in results.hits], TOKENS)
    answer = {"query": cut(question, MAX_CHARACTERS), "count": len(shown), "results": shown, **_mode(client, scope)}
    return shapes.noted(answer | ({"left_out": left_out} if left_out else {}), results.notes)


def _summary(client: Client, given: Parameters) -> Json:  # noqa: ARG001  (it takes none)
    here = client.here
    kinds = here.values("type")
    important = here.list(filters=Filters(importance=(IMPORTANT, None)), limit=1)
    return {
        "total_memories": here.list(limit=1).total,
        "by_type": {kind: kinds.get(kind, 0) for kind in (*TYPES, *(each for each in kinds if each not in TYPES))},
        "total_sessions": here.list(filters=Filters(categories=(sessions.CATEGORY,)), limit=1).total,
        "important_count": important.total,
        "workspace_path": str(here.view.workspace),
        "workspace_mode": here.view.mode,
    }


def _sessions(client: Client, given: Parameters) -> Json:
    found = sessions.sessions(client.here, _number(given, "limit", 50))
    return {
        "count": len(found),
        "sessions": [{**_session(entry), "memory_count": len(entry.memory.links)} for entry in found],
    }


def _one_session(client: Client, given: Parameters) -> Json:
    with shapes.missing("Session {} not found"):
        entry = sessions.session(client.here, given["session_id"])
    return {**_session(entry), **_memories(client, list(sessions.members(client.here, entry)))}


def _session(entry: Entry) -> Json:
    return {
        "session_id": entry.memory.id,
        "session_name": entry.memory.title,
        "created_at": shapes.milliseconds(entry.created),
        "summary": shapes.summary_of(entry),
    } | ({} if entry.trusted else {"trusted": False})


def _memory(client: Client, given: Parameters) -> Json:
    with shapes.missing("Memory {} not found"):
        entry = client.here.get(given["id"])
    shown = shapes.shortened(shapes.memory(entry, body=True), TOKENS * CHARACTERS_PER_TOKEN)
    client.saw(entry, whole="truncated" not in shown)
    return shown


def _memories(client: Client, entries: Sequence[Entry], scope: str = "", notes: Sequence[str] = ()) -> Json:
    keys = (*shapes.DETAILED, "is_global") if scope else shapes.DETAILED
    shown = [shapes.only(shapes.memory(entry, body=True), keys) for entry in entries]
    taken, left_out = shapes.bounded(shown, TOKENS)
    answer = {**_mode(client, scope), "count": len(taken), "memories": taken}
    return shapes.noted(answer | ({"left_out": left_out} if left_out else {}), notes)


def _mode(client: Client, scope: str) -> Json:
    return {"workspace_mode": client.here.view.mode} if scope else {}


def _within(scope: str) -> Filters:
    return Filters(scopes=(scope,) if scope else ())


def _globally(read: Callable[[Client, Parameters, str], Json]) -> Read:
    return lambda client, given: read(client, given, "global")


def _number(given: Parameters, name: str, default: int, most: int = 500) -> int:
    text = given.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= most):
        raise Invalid(f"{name} is a whole number from 1 to {most}, not {text[:40]!r}.")
    return int(text)


KINDS = (
    Kind("memory://recent{?limit}", "Recent memories", "The newest memories, with their texts.", _recent),
    Kind("memory://important{?min,limit}", "Important memories", "Importance 8 and above, or min.", _important),
    Kind("memory://summary", "What there is", "How many memories there are, of which types.", _summary),
    Kind("memory://changes{?since}", "Changes by others", "Since a cursor or a time; default: a day.", _changes),
    Kind("memory://sessions{?limit}", "Sessions", "Sessions that were kept, newest first.", _sessions),
    Kind("memory://session/{session_id}", "One session", "A session with its memories.", _one_session),
    Kind("memory://by-type/{type}{?limit}", "Memories of a type", "For example directive or decision.", _by_type),
    Kind("memory://by-tag/{tag}{?limit}", "Memories with a tag", "The newest first.", _by_tag),
    Kind("memory://search{?q,limit,min_importance}", "Search", "What answers q best, with texts.", _search),
    Kind("memory://memory/{id}", "One memory", "By id, a beginning of it, path or title.", _memory),
    Kind("memory://global/recent{?limit}", "Recent global memories", "Shared by all projects.", _globally(_recent)),
    Kind("memory://global/important{?min,limit}", "Important global memories", "Shared by all.", _globally(_important)),
    Kind("memory://global/by-type/{type}{?limit}", "Global memories of a type", "Shared by all.", _globally(_by_type)),
    Kind("memory://global/by-tag/{tag}{?limit}", "Global memories with a tag", "Shared by all.", _globally(_by_tag)),
    Kind("memory://global/search{?q,limit,min_importance}", "Search global memories", "By q.", _globally(_search)),
)
"""Every address, in the order in which it is listed and looked for."""

_TEMPLATES = [(UriTemplate.parse(kind.uri), kind) for kind in KINDS]


def read(client: Client, uri: str) -> Json:
    """Return what the address *uri* holds.

    Raises:
        NotFound: There is no such address, memory or session.
        MemfsError: As the verbs say.
    """
    for template, kind in _TEMPLATES:
        given = template.match(uri)
        if given is not None:
            return kind.read(client, {name: value for name, value in given.items() if isinstance(value, str)})
    with shapes.missing("There is no resource {}; resources/list and resources/templates/list have those that are"):
        raise NotFound(uri[:200])


def newest(client: Client) -> Sequence[tuple[str, str, str]]:
    """Return address, title and gist of the newest memories."""
    entries = client.here.list(limit=LISTED_MEMORIES).entries
    return [
        (f"memory://memory/{each.memory.id}", inert_line(each.memory.title), inert_line(shapes.summary_of(each)))
        for each in entries
        if each.trusted
    ]


def complete(client: Client, name: str, typed: str) -> Sequence[str]:
    """Return up to `SUGGESTIONS` values of the parameter *name* that *typed* may become."""
    here = client.here
    if name in ("tag", "type"):
        counts = here.values(name)
        known = sorted(counts, key=lambda value: (-counts[value], value))
        known += [kind for kind in TYPES if name == "type" and kind not in counts]
        return _matching(known, typed)
    if name not in ("id", "session_id", "q"):
        return []
    if name == "session_id":
        named = ((e.memory.id, f"{e.memory.id} {e.memory.title}") for e in sessions.sessions(here))
        return [memory_id for memory_id, names in named if typed.casefold() in names.casefold()][:SUGGESTIONS]
    entries = here.list(limit=SUGGESTIONS).entries if not typed else [hit.entry for hit in here.search(typed).hits]
    entries = [entry for entry in entries if entry.trusted]
    titles = [inert_line(entry.memory.title) for entry in entries]
    if name == "q":
        return list(dict.fromkeys(titles))
    begun: list[str] = []
    with suppress(NotFound):
        try:
            begun = [here.get(typed).memory.id] if typed else []
        except Ambiguous as error:
            begun = [candidate.partition(" ")[0] for candidate in error.candidates]
    ids = [entry.memory.id for entry in entries]
    near = _matching([each for pair in zip(ids, titles, strict=True) for each in pair], typed) if typed else ids
    return list(dict.fromkeys([*begun, *near]))[:SUGGESTIONS]


def _matching(values: Sequence[str], typed: str) -> list[str]:
    """Return those of *values* that begin with *typed*, then those that have it elsewhere."""
    wanted = typed.casefold()
    first = [value for value in values if value.casefold().startswith(wanted)]
    return [*first, *(v for v in values if wanted in v.casefold() and v not in first)][:SUGGESTIONS]
