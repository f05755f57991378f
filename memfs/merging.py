"""Two versions of one memory made one: keys by their meaning, the body by its lines. Pure; `text` merges lines."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from math import inf
from typing import NamedTuple
from typing import TypeVar

from memfs import header
from memfs.errors import Invalid
from memfs.header import Header
from memfs.memory import KEYS
from memfs.memory import check
from memfs.memory import parse
from memfs.memory import parse_time
from memfs.memory import patch
from memfs.values import MalformedHeader
from memfs.values import Value

DRIVER = {
    "merge.memfs.name": "memfs: two versions of one memory",
    "merge.memfs.driver": "memfs merge-driver %O %A %B %P",
}
"""Git's settings by which a path with the attribute `merge=memfs` is merged here."""
TextMerge = Callable[[bytes, bytes, bytes], tuple[bytes, bool]]
"""(base, ours, theirs) -> merged text, with diff3 markers where they clash, and whether they clash."""

_T = TypeVar("_T", bool, str)
_MARK = "\ufeff"
_BLANK_LINES = re.compile(r"(?:[ \t]*\r?\n)*")
_LAYOUT = "Both sides changed how the header is laid out; comments and order are those of one of them."


def _seconds(text: str) -> float:
    return parse_time(text.strip()).timestamp()


_SIZES: Mapping[str, Callable[[str], float]] = {
    "importance": float,
    "created": lambda text: -_seconds(text),
    "updated": _seconds,
    "expires": _seconds,
}
"""Key to a size: of two values that both sides changed, the larger is kept."""


class TwoMemories(Exception):
    """The two versions carry different ids: not one memory to merge but two, and both files are to be kept."""


class Merged(NamedTuple):
    """The one text that came of two.

    Attributes:
        raw: The file's bytes.
        clash: The body, or the whole text where a header cannot be read or patched, holds conflict markers.
        notes: Sentences for people: what was decided where both sides changed one key differently. They quote
            the files, whole and as they are.
    """

    raw: bytes
    clash: bool
    notes: tuple[str, ...] = ()


class _Style(NamedTuple):
    """How a file is written: its byte order mark or none, its newline, and whether its last line ends."""

    mark: str
    newline: str
    ended: bool


class _Side(NamedTuple):
    """One version: its header with the blank lines behind it, and the lines of its body, each of them ended."""

    head: str
    body: str
    header: Header | None

    @property
    def values(self) -> Mapping[str, Value]:
        return self.header.values if self.header else {}


def merge(base: bytes | None, ours: bytes, theirs: bytes, text: TextMerge) -> Merged:
    """Return the memory that holds what both *ours* and *theirs* made of *base*.

    A key, the newline, the byte order mark or the missing end of the last line that one side
    changed is as that side has it. Where both changed a key, lists are united (what either
    removed is gone), the higher importance, the earlier `created`, the later `expires` and
    `updated` are kept, a change is kept against a removal, and of other values always the same
    one, whichever side it comes from: a header never holds markers. Comments of both sides stay
    where their lines do not clash.

    Args:
        base: What both began with; None when both added the file. For readable sides one whose header cannot be read
            counts as None.
        ours: This side's bytes; its layout wins where nothing else decides.
        theirs: The other side's bytes.
        text: Merges lines. It gets whole files when a side's header is malformed, or a side is unreadable or in
            conflict; what it raises (for bytes that it takes for no text) is raised on.

    Raises:
        TwoMemories: Both versions carry an id, and not the same, nor was it one memory before that had none.
    """
    if ours in (theirs, base):
        return Merged(theirs, clash=False)
    if theirs == base:
        return Merged(ours, clash=False)
    known, mine, yours = (parse(raw, "x.md") for raw in (base or b"", ours, theirs))
    if mine.id_written and yours.id_written and mine.id != yours.id:
        if base is None or known.id_written or known.state != "ok":
            raise TwoMemories(f"{mine.id} and {yours.id} are two memories at one path")
        # one memory without an id, which got one on each side: the same is kept on every machine
        elder = {"id": min(mine.id, yours.id)}
        return merge(base, patch(ours, mine, elder), patch(theirs, yours, elder), text)
    readable = mine.state == yours.state == "ok"
    # a body with markers is a base all the same: git makes such ones of histories that crossed before
    if base is None or (readable and known.state != "ok" and known.header is None):
        base = b""
    texts = [raw.decode("utf-8", "surrogateescape") for raw in (base, ours, theirs)]
    style = _style(texts)
    lines = _evened(texts, style.newline)
    new, clash, notes = (_by_parts(lines, text) if readable else None) or (*_lines(lines, text), ())
    new = new if style.ended else new.removesuffix(style.newline)
    return Merged((style.mark + new).encode("utf-8", "surrogateescape"), clash, notes)


def _style(texts: Sequence[str]) -> _Style:
    """Return how the merge of *texts* is to be written: in each respect as the side that changed it.

    A text that is empty, or one line without an end, says nothing about newlines.
    """
    base = texts[0]
    return _Style(
        _changed(*(_MARK if each.startswith(_MARK) else "" for each in texts)),
        _changed(*(header.newline_of(each if "\n" in each else base) for each in texts)),
        _changed(*((each or base).endswith("\n") for each in texts)),
    )


def _changed(base: _T, ours: _T, theirs: _T) -> _T:
    """Return, of two values there are, the one of the side that changed it."""
    return theirs if ours == base else ours


def _evened(texts: Sequence[str], newline: str) -> list[str]:
    """Return *texts* without marks, their last lines ended; with *newline* throughout if they differ in theirs."""
    plain = [each.removeprefix(_MARK) for each in texts]
    if len({header.newline_of(each) for each in plain if "\n" in each}) > 1:
        plain = [each.replace("\r\n", "\n").replace("\n", newline) for each in plain]
    return [each if not each or each.endswith("\n") else each + newline for each in plain]


def _lines(texts: Sequence[str], text: TextMerge) -> tuple[str, bool]:
    """Return the merge of base, ours and theirs line by line, and whether they clash."""
    base, ours, theirs = texts
    if ours in (theirs, base):
        return theirs, False
    if theirs == base:
        return ours, False
    merged, clash = text(*(each.encode("utf-8", "surrogateescape") for each in texts))
    return merged.decode("utf-8", "surrogateescape"), clash


def _by_parts(texts: Sequence[str], text: TextMerge) -> tuple[str, bool, tuple[str, ...]] | None:
    """Return text, clash and notes of merging header and body, or None when no header can be written safely."""
    sides = [_cut(each) for each in texts]
    wanted, notes = _decided(*(side.values for side in sides))
    found = _head(sides, wanted, text)
    if found is None:
        return None
    head, more = found
    body, clash = _lines([side.body for side in sides], text)
    if not head and body.startswith(("---\n", "---\r\n")):
        head = header.newline_of(body)  # or a line across the page would be read as a header
    return head + body, clash, notes + more


def _cut(text: str) -> _Side:
    found = header.read(text)
    # blank lines go with the header: adding both in front of a text changes nothing in its first line
    blank = _BLANK_LINES.match(text, found.end if found else 0)
    start = blank.end() if blank else 0
    return _Side(text[:start], text[start:], found)


def _head(sides: Sequence[_Side], wanted: Mapping[str, Value], text: TextMerge) -> tuple[str, tuple[str, ...]] | None:
    """Return a header of the values *wanted* that keeps as much of the sides' own lines as can be, and notes."""
    patched = [_patched(side, wanted) for side in sides]
    # as they are; then with equal values, so that only comments and order are left to merge
    for heads in ([side.head for side in sides], [head for head in patched if head is not None]):
        if len(heads) == len(sides):
            head, clash = _lines(heads, text)
            if not clash and _reads(head, wanted):
                return head, ()
    if "#" not in sides[1].head + sides[2].head:  # there is no comment to lose in a header written anew
        patched.append(_patched(_Side("", sides[1].body, None), wanted))
    return next(((head, (_LAYOUT,)) for head in patched[1:] if head is not None), None)


def _patched(side: _Side, wanted: Mapping[str, Value]) -> str | None:
    """Return the head of *side* with the values *wanted*, or None when it cannot be patched safely."""
    keys = dict.fromkeys((*KEYS, *side.values, *wanted))
    changes = {key: new for key in keys if not _same(key, side.values.get(key), new := wanted.get(key))}
    try:
        whole = header.patch(side.head + side.body, side.header, changes, tuple(keys))
    except Invalid:
        return None
    head = whole[: len(whole) - len(side.body)]
    return head if _reads(head, wanted) else None


def _reads(head: str, wanted: Mapping[str, Value]) -> bool:
    """Return whether *head* is a header of the values *wanted*, lists in any order."""
    try:
        found = header.read(head)
    except MalformedHeader:
        return False
    values = found.values if found else {}
    return all(_same(key, values.get(key), wanted.get(key)) for key in {*values, *wanted})


def _decided(
    base: Mapping[str, Value], ours: Mapping[str, Value], theirs: Mapping[str, Value]
) -> tuple[dict[str, Value], tuple[str, ...]]:
    """Return the values of the merged header, and a note for each that was chosen from two."""
    wanted: dict[str, Value] = {}
    notes = []
    for key in dict.fromkeys((*ours, *theirs)):
        old, one, other = base.get(key), ours.get(key), theirs.get(key)
        here, there = _items(key, one), _items(key, other)
        kept = one
        if one == old:
            kept = other
        elif one != other != old:
            if here is not None and there is not None:
                united = _united(_items(key, old) or {}, here, there)
                kept = one if united.keys() == here.keys() else list(united.values())
                if not united and None in (one, other):
                    continue
            else:
                kept, lost = sorted((one, other), key=lambda value: _rank(key, value), reverse=True)
                what = "removed it" if lost is None else f"says {_quoted(lost)}"
                notes.append(f"`{key}` is kept as {_quoted(kept)}; the other side {what}.")
        if kept is not None:
            wanted[key] = kept
    return wanted, tuple(notes)


def _quoted(value: Value | None) -> str:
    return json.dumps(value, ensure_ascii=False)


def _rank(key: str, value: Value | None) -> tuple[bool, float, str]:
    """Return what two values of *key* are sorted by, to keep the last: that it is there, fits the format, is large."""
    size = -inf
    with suppress(Invalid, ValueError):
        check({key: value})
        size = _SIZES[key](str(value)) if key in _SIZES else 0
    return value is not None, size, json.dumps(value, sort_keys=True)


def _items(key: str, value: Value | None) -> dict[str, Value] | None:
    """Return the items of the list *value* by what tells them apart; none when it is empty, None when it is no list."""
    if key == "tags" and isinstance(value, str):
        value = [part for item in value.split(",") if (part := item.strip())]
    if value and not isinstance(value, list):
        return None
    names = (json.dumps(item, sort_keys=True, ensure_ascii=False) for item in value or ())
    return {name.casefold() if key == "tags" else name: item for name, item in zip(names, value or (), strict=True)}


def _united(base: Mapping[str, Value], ours: Mapping[str, Value], theirs: Mapping[str, Value]) -> dict[str, Value]:
    """Return the items that both have or one added: ours in our order, then theirs."""
    every = {**ours, **theirs, **ours}
    return {name: item for name, item in every.items() if name not in base or (name in ours and name in theirs)}


def _same(key: str, one: Value | None, other: Value | None) -> bool:
    """Return whether two values of *key* mean the same, lists in any order."""
    here, there = _items(key, one), _items(key, other)
    if one == other or not (one and other and here and there):
        return one == other
    return here.keys() == there.keys() and len(one) == len(other)
