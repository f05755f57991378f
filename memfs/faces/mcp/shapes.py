"""Answers in recall's words: what `faces.render` says of a memory, under the keys that recall's users know.

`memory_id`, `content`, `context_type`, `is_global` and millisecond timestamps are this face's alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING
from typing import Any

from memfs.errors import MAX_SHOWN
from memfs.errors import NotFound
from memfs.faces import render
from memfs.memory import parse
from memfs.pack import CHARACTERS_PER_TOKEN
from memfs.pack import cut
from memfs.trust import inert

if TYPE_CHECKING:
    from memfs.answers import Done
    from memfs.answers import Entry
    from memfs.answers import Hit
    from memfs.answers import Neighbour
    from memfs.errors import MemfsError
    from memfs.feed import Happening
    from memfs.history import Version

Json = dict[str, Any]

RENAMED = {"id": "memory_id", "type": "context_type", "body": "content", "session": "session_id"}
"""The key of `render.entry_json` to recall's."""

COMPACT = ("memory_id", "project", "summary", "context_type", "similarity", "trusted")
SUMMARY = (
    "memory_id", "project", "title", "summary", "snippet", "context_type", "similarity", "importance", "tags",
    "category", "channels", "timestamp", "scope", "trusted", "state",
)  # fmt: skip
LISTED = ("memory_id", "project", "title", "summary", "context_type", "importance", "tags", "category", "channels",
          "timestamp", "scope", "trusted", "state", "session_id")  # fmt: skip
DETAILED = (*LISTED, "content", "path")
SUMMARY_CHARACTERS = 100
LONG_SUMMARY, LONG_TITLE, MANY_TAGS, LONG_TAG = 1_000, 300, 50, 100
"""What a line about a memory shows of a file that was made to be a burden."""
BROUGHT_BACK = ("restore", "put_back", "undo")
"""What memfs does by itself, in recall's eyes, when it is told to go back."""
LEAST_CONTENT = 200
"""Characters of a text that are shown however small the budget."""
SENTENCE_CHARACTERS = 2_000
"""Of an error at most; some repeat what they were given."""
ENVELOPE = 200
"""Characters that an answer takes beside its memories."""
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class Missing(NotFound):
    """No memory has that name, in recall's words."""

    def __init__(self, error: NotFound, sentence: str) -> None:
        meant = f". Did you mean {' or '.join(error.near)}?" if error.near else ""
        said = f"{sentence.format(cut(error.reference, MAX_SHOWN))}{meant}"
        super().__init__(error.reference, error.near, sentence=said)


@contextmanager
def missing(sentence: str) -> Iterator[None]:
    """Tell that a memory is not there by *sentence*, which recall's users know."""
    try:
        yield
    except NotFound as error:
        if type(error) is not NotFound:  # it is there, and something of it is not
            raise
        raise Missing(error, sentence) from error


def milliseconds(when: datetime) -> int:
    """Return *when* in milliseconds since 1970."""
    return int(when.timestamp() * 1000)


def memory(entry: Entry, *, body: bool = False) -> Json:
    """Return everything that is known of a memory; its text only when *body* is asked for."""
    said = render.entry_json(entry, body=body)
    shown = {RENAMED.get(key, key): value for key, value in said.items()}
    if shown["trusted"]:
        del shown["trusted"]
    shown["summary"] = summary_of(entry)
    shown["title"] = cut(shown["title"], LONG_TITLE)
    for key in ("tags", "channels") & shown.keys():
        shown[key] = [cut(word, LONG_TAG) for word in shown[key][:MANY_TAGS]]
    shown["timestamp"] = milliseconds(entry.created)
    shown["is_global"] = entry.store.scope == "global"
    kind, _, name = entry.store.scope.partition(":")
    return shown | ({"project": name} if kind == "project" else {})


def happening(event: Happening) -> Json:
    """Return what happened to a memory, under recall's keys."""
    said = render.event_json(event)
    shown = {RENAMED.get(key, key): value for key, value in said.items()}
    shown["title"] = cut(event.title, LONG_TITLE)
    return shown | ({} if event.trusted else {"trusted": False})


def version(memory_id: str, past: Version) -> Json:
    """Return what a memory was, under recall's keys."""
    from memfs.faces import render_git

    said, shown = parse(past.raw, past.path), render_git.past_json(past)
    return {
        "version_id": past.name,
        "memory_id": memory_id,
        "content": said.body,
        "context_type": said.type,
        "importance": said.importance,
        "tags": [cut(tag, LONG_TAG) for tag in said.tags[:MANY_TAGS]],
        "summary": cut(said.summary, LONG_SUMMARY),
        "created_at": shown["at"],
        "created_by": "system" if past.made and past.made.verb in BROUGHT_BACK else "user",
        "change_reason": cut(render_git.deed(past), LONG_TITLE),
        "changed": shown["changed"] and {**shown["changed"], "keys": shown["changed"]["keys"][:MANY_TAGS]},
    } | ({} if past.trusted else {"trusted": False})


def summary_of(entry: Entry) -> str:
    """Return the written summary, else the beginning of the text, else the title."""
    said = entry.memory
    return (
        cut(said.summary, LONG_SUMMARY) or cut(" ".join(said.body.split()), SUMMARY_CHARACTERS + 3, "...") or said.title
    )


def only(shown: Json, keys: Sequence[str]) -> Json:
    """Return what *shown* has of *keys*, in their order."""
    return {key: shown[key] for key in keys if key in shown}


def hit(found: Hit, mode: str) -> Json:
    """Return a hit as *mode* (`compact`, `summary`, `full`) wants it."""
    full = mode == "full"
    shown = memory(found.entry, body=full) | {"similarity": round(found.score, 4)}
    if mode == "compact":
        return only(shown, COMPACT)
    snippet = render.marked(found.snippet)
    if not full and snippet.replace("**", "") not in shown["summary"]:
        shown["snippet"] = snippet
    return only(shown, (*SUMMARY, "content", "path") if full else SUMMARY)


def done(made: Done) -> Json:
    """Return what a verb that writes came to: where the memory lies now, and what the caller should know."""
    shown = only(memory(made.entry), ("memory_id", "title", "scope", "path", "digest", "trusted"))
    if made.similar:
        shown["similar"] = [near(each) for each in made.similar]
    if made.removed:
        shown["removed"] = [{"memory_id": each.memory.id, "path": str(each.path)} for each in made.removed]
    return noted(shown, made.notes)


def near(neighbour: Neighbour) -> Json:
    """Return a memory that is near another one, under recall's keys."""
    said = render.near_json(neighbour)
    shown = {{"score": "similarity"}.get(key, RENAMED.get(key, key)): value for key, value in said.items()}
    shown["title"] = cut(shown["title"], LONG_TITLE)
    if shown["trusted"]:
        del shown["trusted"]
    return shown


def noted(answer: Json, notes: Sequence[str]) -> Json:
    """Return *answer* with what the caller should know beside, if there is anything."""
    return {**answer, "notes": list(notes)} if notes else answer


def bounded(items: Sequence[Json], tokens: int) -> tuple[list[Json], int]:
    """Return as many of *items* as *tokens* hold, long texts cut where `path` says where to read on; and how many not.

    The first is always among them. A text gets an equal share of what is left, and what it does not need goes on.
    """
    left = tokens * CHARACTERS_PER_TOKEN - ENVELOPE
    taken: list[Json] = []
    for number, item in enumerate(items):
        rest = _size({key: value for key, value in item.items() if key != "content"})
        share = max((left - rest * (len(items) - number)) // (len(items) - number), LEAST_CONTENT)
        shown = shortened(item, share)
        size = _size(shown) if "content" in item else rest
        if taken and size > left:
            break
        taken.append(shown)
        left -= size
    return taken, len(items) - len(taken)


def shortened(item: Json, characters: int) -> Json:
    """Return *item* with its `content`, if it is longer than *characters*, cut and marked so."""
    content = item.get("content", "")
    if len(content) <= characters:
        return item
    return {**item, "content": cut(content, characters), "truncated": True, "characters": len(content)}


def sentence(error: MemfsError) -> str:
    """Return what an error says, without the middle of what it repeats at too great length."""
    said = str(error)
    half = SENTENCE_CHARACTERS // 2
    return clean(said if len(said) <= SENTENCE_CHARACTERS else f"{said[:half]} … {said[-half:]}")  # type: ignore[no-any-return]


def failed(error: MemfsError) -> Json:
    """Return an error as an object."""
    known = render.error_json(error)["error"]
    return {"error": {**clean(known), "message": sentence(error)}}


def clean(answer: Any) -> Any:  # noqa: ANN401  (JSON)
    """Return *answer* with every character visible that hides from a reader, or that no client could be sent."""
    if isinstance(answer, str):  # nearly all of an answer's hundreds of strings are plain, and known to be at a look
        return answer if answer.isascii() and answer.isprintable() else inert(answer)
    if isinstance(answer, dict):
        return {clean(key): clean(value) for key, value in answer.items()}
    return [clean(value) for value in answer] if isinstance(answer, list) else answer


def compact(answer: Json) -> str:
    """Return *answer* as JSON on one line, without spaces."""
    return _ENCODER.encode(answer)


def _size(item: Json) -> int:
    return len(compact(item)) + 1
