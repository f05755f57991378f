"""The frontmatter of a memory: read without types, changed line by line. Pure; does not know what the keys mean."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NamedTuple

from memfs.errors import Invalid
from memfs.values import MalformedHeader
from memfs.values import Span
from memfs.values import Value

MAX_BYTES = 64 << 10

_END = re.compile(r"^(?:---|\.\.\.)\r?$\n?", re.MULTILINE)
_ITEM = r"[A-Za-z0-9][\w./+()-]*(?: [\w./+()-]+)*"
_SIMPLE_LINE = re.compile(
    r"([A-Za-z_][\w-]{0,199}):"
    r"(?: +(?:([A-Za-z0-9](?:[!\"$-9;-~]|:(?=[!-~]))*(?: +(?:[!\"$-9;-~]|:(?=[!-~]))+)*)"
    rf"|(\[(?:{_ITEM}(?:, {_ITEM})*)?\])))?\r?\n",
    re.ASCII,
)
_PLAIN = re.compile(r"[^\W\d_](?:[\w ./+()@%=;^$-]*[\w./+()%=;^$-])?")
_RESERVED = re.compile(r"(?i)y|n|yes|no|on|off|true|false|null")
_UNPRINTABLE = "[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]"
"""Characters that a header cannot hold as they are; compiled when one is written."""


class Header(NamedTuple):
    """A header's values, where each key stands, and where the header's lines and the whole of it end.

    Attributes:
        last: Offset of the closing fence: new keys go there.
        end: Offset behind the closing fence: the body starts there.
        flow: The whole header is one `{…}`.
    """

    values: Mapping[str, Value]
    spans: Mapping[str, Span]
    last: int
    end: int
    flow: bool = False


def read(text: str) -> Header | None:
    """Return the header of *text*, or None when its first line is not exactly `---`.

    Raises:
        MalformedHeader: There is one, and it cannot be read.
    """
    if not text.startswith(("---\n", "---\r\n")) and text not in ("---", "---\r"):
        return None
    start = text.find("\n") + 1
    closing = _END.search(text, start) if start else None
    if closing is None:
        raise MalformedHeader(1, "the header has no end; close it with a line `---`")
    source = text[start : closing.start()]
    if len(source) > MAX_BYTES or len(source.encode()) > MAX_BYTES:
        raise MalformedHeader(1, f"the header is larger than {MAX_BYTES >> 10} KiB")
    simple = read_simple(source, start)
    if simple is not None:
        return Header(*simple, closing.start(), closing.end())
    from memfs import untyped  # most headers never need YAML, whose import takes as long as a search

    values, spans, flow = untyped.read(source, start)
    return Header(values, spans, closing.start(), closing.end(), flow)


def read_simple(source: str, start: int) -> tuple[dict[str, Value], dict[str, Span]] | None:
    """Return what YAML would read from *source*, if every line is of the plainest kind, else None.

    `key: plain words` and `key: [plain, words]` in ASCII are nearly all headers there are, and
    reading them takes a fifth of the time that libyaml's events take in Python. A property
    test holds that whatever is read here is read the same by YAML.
    """
    values: dict[str, Value] = {}
    spans: dict[str, Span] = {}
    position = 0
    # match, not finditer: that would look for the next simple line from each character of a long other one
    for number in range(source.count("\n")):
        found = _SIMPLE_LINE.match(source, position)
        if found is None or found[1] in values:
            return None
        key, word, items = found.groups()
        position = found.end()
        colon = found.end(1) + 1 + start
        group = found.lastindex or 1
        begin, end = (found.start(group) + start, found.end(group) + start) if group > 1 else (colon, colon)
        places: list[tuple[int, int]] = []
        if items is None:
            values[key] = word or ""
        else:
            listed = items[1:-1].split(", ") if items != "[]" else []
            values[key] = list(listed)
            place = begin + 1
            for item in listed:
                places.append((place, place + len(item)))
                place += len(item) + 2
        spans[key] = Span(number + 2, found.start() + start, colon, begin, end, block=False, items=tuple(places))
    return (values, spans) if position == len(source) else None


def render(value: Value, *, inside: bool = False) -> str:
    """Return *value* as YAML on one line, quoted where any YAML reader could take it for something else.

    Brackets and braces count as well for one that stands *inside* a `[…]` or `{…}`.
    """
    if isinstance(value, list):
        return f"[{', '.join(render(item, inside=True) for item in value)}]"
    if isinstance(value, dict):
        pairs = (f"{render(key, inside=True)}: {render(item, inside=True)}" for key, item in value.items())
        return f"{{{', '.join(pairs)}}}"
    # a comma or apostrophe within a word is harmless outside brackets, and titles are full of them
    bare = value if inside else re.sub(r"(?<=\w)[,'](?=[\w ])", "", value)
    if _PLAIN.fullmatch(bare) and not _RESERVED.fullmatch(value):
        return value
    return re.sub(_UNPRINTABLE, lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


BARE = frozenset({"id", "importance", "created", "updated", "expires", "pinned"})
"""Keys whose values are written without quotes: numbers, times and flags by the format's own table."""


def line(key: str, value: Value) -> str:
    """Return the header line for *key* and *value*, without a line end."""
    return f"{key}: {_shown(key, value)}"


def _shown(key: str, value: Value, *, inside: bool = False) -> str:
    bare = key in BARE and isinstance(value, str) and not value.startswith("-")
    return str(value) if bare else render(value, inside=inside)


def patch(text: str, header: Header | None, changes: Mapping[str, Value | None], order: tuple[str, ...]) -> str:
    """Return *text* with the keys of *changes* set, or removed where None; every other character as it was.

    Args:
        text: The whole file, without a byte order mark.
        header: What `read` returned for it.
        changes: Untyped values, `Invalid` for none of them.
        order: In which order keys that are new are added.

    Raises:
        Invalid: The header is written in a form in which the change cannot be made safely.
    """
    newline = newline_of(text)
    new_keys = [key for key in order if not (header and key in header.values)]
    added = {key: value for key in new_keys if (value := changes.get(key)) is not None}
    lines = "".join(line(key, value) + "\n" for key, value in added.items())
    if header is None:
        return f"---\n{lines}---\n\n".replace("\n", newline) + text if added else text
    edits = [(header.last, header.last, lines)] if lines else []
    for key, value in changes.items():
        if key in header.values and value != header.values[key]:
            shown = "" if value is None else _shown(key, value, inside=header.flow)
            edits += _edits(text, header.spans[key], header.values[key], value, shown)
    if header.flow and (added or None in changes.values()):
        raise Invalid("The header is one `{…}`; write it as `key: value` lines to add or remove keys.")
    new = text
    for start, end, replacement in sorted(edits, reverse=True):
        new = new[:start] + replacement.replace("\n", newline) + new[end:]
    _verify(new, header, changes)
    return new


def newline_of(text: str) -> str:
    """Return how the first line of *text* ends: CRLF or LF."""
    first = text.find("\n")
    return "\r\n" if first > 0 and text[first - 1] == "\r" else "\n"


def _verify(new: str, header: Header, changes: Mapping[str, Value | None]) -> None:
    wanted = {**header.values, **changes}
    try:
        found = read(new)
    except MalformedHeader as error:
        raise Invalid(f"The header cannot be patched safely ({error.reason}); edit it by hand.") from error
    if found is None or dict(found.values) != {key: value for key, value in wanted.items() if value is not None}:
        raise Invalid("The header is written in a way that cannot be patched safely; edit it by hand.")


Edit = tuple[int, int, str]


def _edits(text: str, span: Span, old: Value, new: Value | None, shown: str) -> list[Edit]:
    """Return the replacements that turn the value at *span* from *old* into *new*, on one line *shown*."""
    if new is None:
        return [(_line_start(text, span.key), _line_end(text, max(span.end, span.colon)), "")]
    if isinstance(old, list) and isinstance(new, list) and span.items:
        present = _names(new)
        kept = [item for item in old if _name(item) in present]
        if kept and new[: len(kept)] == kept:
            if span.block:
                return _item_lines(text, span, old, new, new[len(kept) :])
            if len(kept) == len(old):
                behind = span.items[-1][1]
                return [(behind, behind, "".join(f", {render(item, inside=True)}" for item in new[len(kept) :]))]
    if span.block:
        rest = _line_end(text, span.colon)
        return (
            [(span.colon, span.colon, f" {shown}"), (rest, _line_end(text, span.end), "")]
            if (span.start >= rest)
            else [(span.colon, span.end, f" {shown}")]
        )
    if span.start == span.end:
        return [(span.colon, span.colon, f" {shown}")]
    return [(span.start, span.end, shown)]


def _item_lines(text: str, span: Span, old: list[Value], new: list[Value], added: list[Value]) -> list[Edit]:
    """Return edits that remove and add whole lines of a block list, leaving the other items' lines alone."""
    dashes = [text.rindex("-", 0, start + (text[start] == "-" and end == start)) for start, end in span.items]
    present = _names(new)
    edits = [
        (_line_start(text, dash), _line_end(text, end), "")
        for dash, (_, end), item in zip(dashes, span.items, old, strict=True)
        if _name(item) not in present
    ]
    if added:
        first = span.items[0][0]
        prefix = text[_line_start(text, first) : first]
        behind = _line_end(text, span.items[-1][1])
        edits.append((behind, behind, "".join(f"{prefix}{render(item)}\n" for item in added)))
    return edits


def _names(items: list[Value]) -> set[str]:
    return set(map(_name, items))


def _name(item: Value) -> str:
    """Return what tells *item* from every other item of a list, however long that is."""
    return json.dumps(item, sort_keys=True)


def _line_start(text: str, offset: int) -> int:
    return text.rfind("\n", 0, offset) + 1


def _line_end(text: str, offset: int) -> int:
    end = text.find("\n", offset)
    return len(text) if end < 0 else end + 1
