"""Several memories made one: what is new in the others joins the one that is kept, and no more people see a text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from datetime import datetime

from memfs import memory as memories
from memfs import scope as scopes
from memfs.answers import Done
from memfs.answers import Draft
from memfs.answers import Entry
from memfs.errors import Invalid
from memfs.errors import MemfsError
from memfs.errors import Refused
from memfs.memory import Link
from memfs.memory import Memory
from memfs.values import Value
from memfs.workspace.edits import Edits
from memfs.workspace.edits import refuse_unwritable
from memfs.workspace.names import Names

_FENCE = re.compile(r"\s{0,3}(`{3,}|~{3,})")
_LAID_OUT = re.compile(r"^(?:\s|```|~~~)", re.MULTILINE)
"""What tells code, or a list in a list, from prose: there every blank counts."""
_NAMES = re.compile(r"[`$=/\\_]|(?<!\w)-\w")
"""What stands in names of files, variables and options: `-p` is not `-P`."""


class Folding:
    """Folds texts and memories into others of a view."""

    def __init__(self, names: Names, edits: Edits) -> None:
        self.view, self.config, self._freshness = names.view, names.config, names.freshness
        self._edits = edits

    def into(self, entry: Entry, draft: Draft, *, allow_secret: bool) -> Done:
        """Fold the text and values of *draft* into *entry*; see `Workspace.save`."""
        refuse_unwritable(entry)
        default, _ = self.view.target(draft.scope)
        if draft.scope and default.key != entry.store.key:
            raise Invalid(f"{entry.path} is in {entry.store.scope}; leave the scope out to fold the text into it.")
        if "id" in draft.values:
            raise Invalid("What is folded into a memory has no id of its own.")
        given = {key: value for key, value in draft.values.items() if value not in ("", [])}
        if not draft.body.strip():
            raise Invalid("There is nothing to fold into the memory: give a text.")
        other = memories.parse(memories.compose(given, draft.body), "x.md")
        if beyond := set(other.channels) - set(entry.memory.channels):
            name = min(beyond)
            raise Invalid(f"{entry.path} is not in the channel {name}; leave it out, or save a memory of its own.")
        notes = []
        if default.key != entry.store.key:
            notes.append(f"Now seen by {scopes.audience(entry.store, self.config)}.")
        if entry.memory.channels:
            notes.append(f"Now seen in the channels of the memory: {', '.join(entry.memory.channels)}.")
        if "importance" not in given:
            other = other._replace(importance=entry.memory.importance)
        merged = _folded(entry.memory, other)
        for key, usual in (("type", memories.DEFAULT_TYPE), ("expires", None)):
            if getattr(other, key) not in (usual, getattr(merged, key)):
                notes.append(f"The {key} that was given does not count: the memory keeps its own.")
        notes += _lasting(entry.memory, merged)
        new = self._edits.rewritten(entry, *_changes(entry.memory, merged), allow_secret=allow_secret)
        notes = notes if new is not entry else ["Nothing changed: it says that already."]
        return Done("update", new, (*notes, *self._freshness.path(new.store, new.memory.path)))

    def together(self, kept: Entry, others: Sequence[Entry]) -> Done:
        """Fold *others* into *kept*, then remove them; see `Workspace.consolidate`."""
        merged = kept.memory
        for other in others:
            self._refuse(kept, other)
            merged = _folded(merged, other.memory)
        dropped = [
            f"`{key}` of {other.path} is not taken over; `memfs restore {other.memory.id}` brings it back."
            for other in others
            for key in _left_out(merged, other.memory)
        ]
        gone = {other.memory.id for other in others}
        links = [link for link in merged.links if link.to not in gone | {kept.memory.id}]
        links += [Link("supersedes", other.memory.id) for other in others if other.memory.id != kept.memory.id]
        dropped += _lasting(kept.memory, merged)
        merged = merged._replace(links=tuple(dict.fromkeys(links)))
        new = self._edits.rewritten(kept, *_changes(kept.memory, merged), allow_secret=True)
        notes = self._freshness.path(new.store, new.memory.path)
        removed: list[Entry] = []
        try:
            for other in others:
                self._edits.removed("forget", other)
                removed.append(other)
        except MemfsError as error:
            left = ", ".join(str(other.path) for other in others[len(removed) :])
            error.args = (f"{error} {new.path} has the text of all; still there: {left}.",)
            raise
        finally:
            for other in removed:
                notes += self._freshness.path(other.store, other.memory.path)
        lost = [
            f"What {other.path} said is now seen by {scopes.audience(new.store, self.config)} alone."
            for other in others
            if _reach(other) > _reach(new) or set(other.memory.channels) - set(new.memory.channels)
        ]
        said = f"`memfs undo`, {len(others) + 1} times, takes it back; `memfs restore ID` brings back what was removed."
        return Done("consolidate", new, tuple(dict.fromkeys((*lost, *dropped, said, *notes))), removed=tuple(removed))

    def _refuse(self, kept: Entry, other: Entry) -> None:
        """Refuse to fold *other* into *kept* where that cannot be done, or would say more than the user said."""
        for each in (kept, other):
            refuse_unwritable(each)
            self._edits.refuse_guest(each.store)
        if kept.trusted != other.trusted:
            stranger = other if kept.trusted else kept
            raise Refused(
                f"Nobody vouches for {stranger.path}, and for the other somebody does: together they would pass for "
                "one. If you do: `memfs trust`, then repeat it."
            )
        if _reach(kept) > _reach(other):
            raise Refused(
                f"{other.path} is seen by {scopes.audience(other.store, self.config)} alone, and in "
                f"{kept.store.scope} more would see it: move it there first if they may, or keep it."
            )
        if kept.store.key != other.store.key and _reach(kept) == _reach(other):
            raise Refused(f"{kept.path} and {other.path} are seen by others; move one of them first.")
        if beyond := set(kept.memory.channels) - set(other.memory.channels):
            raise Refused(
                f"{kept.path} is in the channel {min(beyond)}, where {other.path} is not seen; "
                "put it there first if it may be seen, or keep it."
            )


def _reach(entry: Entry) -> int:
    """Return how many may see the store of *entry*: the workspace's least, the global one's most."""
    scope = entry.store.scope
    return 2 if scope == "global" else 1 if scope.startswith("group:") else 0


def _folded(kept: Memory, other: Memory) -> Memory:
    """Return *kept* with what *other* says beside: its paragraphs, and its values as two versions of one are merged."""
    expires = max(kept.expires, other.expires) if kept.expires and other.expires else None
    elder = min(filter(None, (kept.created, other.created)), default=None)
    return kept._replace(
        body="\n\n".join([kept.body, *_news(kept, other)]).strip("\n"),
        importance=max(kept.importance, other.importance),
        tags=_united(kept.tags, other.tags),
        cues=_united(kept.cues, other.cues),
        about=_united(kept.about, other.about),
        links=tuple(dict.fromkeys((*kept.links, *other.links))),
        category=kept.category or other.category,
        summary=kept.summary or other.summary,
        created=elder if kept.created else None,
        expires=expires,
        pinned=kept.pinned or other.pinned,
    )


def _united(ours: Sequence[str], theirs: Sequence[str]) -> tuple[str, ...]:
    known = {word.casefold() for word in ours}
    return (*ours, *(word for word in theirs if word.casefold() not in known))


def _news(kept: Memory, other: Memory) -> Iterator[str]:
    """Yield the paragraphs of *other* that *kept* does not have, below a heading if its title says something else."""
    known = {_gist(paragraph) for paragraph in _paragraphs(kept.body)}
    news = [paragraph for paragraph in _paragraphs(other.body) if _gist(paragraph) not in known]
    said = _plain(f"{kept.title} {kept.body} {other.body}")
    title = _plain(other.title)
    end = "" if title.endswith("…") else r"(?!\w)"
    if not re.search(rf"(?<!\w){re.escape(title.rstrip('…'))}{end}", said):
        yield f"## {other.title}" if news else other.title
    yield from news


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _gist(paragraph: str) -> str:
    """Return what is the same in two paragraphs that say the same: the words of prose, every character of code."""
    if _LAID_OUT.search(paragraph):
        return paragraph
    return " ".join(paragraph.split()) if _NAMES.search(paragraph) else _plain(paragraph)


def _paragraphs(body: str) -> Iterator[str]:
    """Yield the paragraphs of *body*; a block of code is one, with the blank lines in it."""
    lines: list[str] = []
    fence = ""
    for line in body.replace("\r\n", "\n").split("\n"):
        if mark := _FENCE.match(line):
            if not fence:
                fence = mark[1]
            elif mark[1].startswith(fence) and not line[mark.end() :].strip():
                fence = ""
        if line.strip() or fence:
            lines.append(line)
        elif lines:
            yield "\n".join(lines)
            lines = []
    if lines:
        yield "\n".join(lines)


def _lasting(before: Memory, merged: Memory) -> list[str]:
    """Return the note that *merged* does not expire, though the memory *before* did."""
    return [f"{before.path} does not expire any more: what was added has no `expires`."] * (
        before.expires is not None and merged.expires is None
    )


def _left_out(merged: Memory, other: Memory) -> Iterator[str]:
    """Yield the keys of *other* whose values *merged* does not have: those of its user's own, and unreadable ones."""
    if other.header is None:
        return
    kept = merged.header.values if merged.header else {}
    broken = _broken(other)
    for key, value in other.header.values.items():
        own = key not in memories.KEYS and kept.get(key) != value
        other_text = key in ("type", "category", "summary") and getattr(merged, key) != getattr(other, key)
        if own or other_text or key in broken:
            yield key


def _broken(memory: Memory) -> set[str]:
    """Return the keys in the header of *memory* that cannot be read as they stand."""
    lines = {problem.line for problem in memory.problems}
    return {key for key, span in memory.header.spans.items() if span.line in lines} if memory.header else set()


def _changes(before: Memory, after: Memory) -> tuple[Mapping[str, Value | None], str | None]:
    """Return what to change so that *before* says what *after* does: values by key, and the body.

    Raises:
        Invalid: What stands there cannot be read, and would be lost.
    """
    changes: dict[str, Value | None] = {}
    for key in ("importance", "tags", "category", "summary", "cues", "created", "expires", "links", "about", "pinned"):
        if getattr(before, key) != (value := getattr(after, key)):
            changes[key] = _value(value)
    if lost := changes.keys() & _broken(before):
        raise Invalid(f"`{min(lost)}` of {before.path} cannot be read, and would be lost; mend it first.")
    return changes, after.body if after.body != before.body else None


def _value(value: object) -> Value | None:
    """Return a value of a memory as a header has it; None for none."""
    if value is None:
        return None
    if isinstance(value, datetime):
        return memories.format_time(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return [each._asdict() if isinstance(each, Link) else str(each) for each in value]
    return str(value)
