"""The frontmatter of a memory: read without types, changed line by line. Pure; knows YAML, not what the keys mean.

Reading is one pass over libyaml's events, which is iterative and builds nothing before a
node was found harmless: no aliases, tags, merge keys or depth to blow up on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import NamedTuple
from typing import NoReturn
from typing import TypeAlias
from typing import Union

import yaml
from frontmatter.default_handlers import YAMLHandler

from memfs.errors import Invalid

Value = Union[str, list["Value"], dict[str, "Value"]]  # noqa: UP007  (the recursive alias needs quotes)
"""A header's value without types: text, list or mapping."""

_Event: TypeAlias = Any
"""An event of libyaml; its stubs allow for marks that are missing, and it always gives them."""

MAX_BYTES = 64 << 10
MAX_DEPTH = 16

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_END = re.compile(r"^(?:---|\.\.\.)\r?$\n?", re.MULTILINE)
_ITEM = r"[A-Za-z0-9][\w./+()-]*(?: [\w./+()-]+)*"
_SIMPLE_LINE = re.compile(
    r"([A-Za-z_][\w-]*):"
    r"(?: +(?:([A-Za-z0-9](?:[!\"$-9;-~]|:(?=[!-~]))*(?: +(?:[!\"$-9;-~]|:(?=[!-~]))+)*)"
    rf"|(\[(?:{_ITEM}(?:, {_ITEM})*)?\])))?\r?\n",
    re.ASCII,
)
_PLAIN = re.compile(r"[^\W\d_](?:[\w ./+()@%=;^$-]*[\w./+()%=;^$-])?")
_RESERVED = re.compile(r"(?i)y|n|yes|no|on|off|true|false|null")
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")


class MalformedHeader(Exception):
    """The header cannot be read: `line` (1-based, in the file) and `reason`."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


class Span(NamedTuple):
    """Where one key and its value stand in the text, as character offsets, ends exclusive.

    Attributes:
        line: 1-based line of the key.
        key: Where the key starts.
        colon: Just behind the key's colon.
        start: Where the value starts.
        end: Where the value's last character ends; comments behind it are not the value's.
        block: Whether the value is a block collection or block scalar (begins on a line of its own).
        items: For a list, where each item starts and ends.
    """

    line: int
    key: int
    colon: int
    start: int
    end: int
    block: bool = False
    items: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Header:
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
    builder: _Builder = _UntypedHandler.at(start).load(source)
    return Header(builder.values, builder.spans, closing.start(), closing.end(), builder.flow)


def read_simple(source: str, start: int) -> tuple[dict[str, Value], dict[str, Span]] | None:
    """Return what YAML would read from *source*, if every line is of the plainest kind, else None.

    `key: plain words` and `key: [plain, words]` in ASCII are nearly all headers there are, and
    reading them takes a fifth of the time that libyaml's events take in Python. A property
    test holds that whatever is read here is read the same by YAML.
    """
    values: dict[str, Value] = {}
    spans: dict[str, Span] = {}
    position = 0
    for number, found in enumerate(_SIMPLE_LINE.finditer(source)):
        key, word, items = found.groups()
        if found.start() != position or key in values:
            return None
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


class _UntypedHandler(YAMLHandler):
    """python-frontmatter's YAML handler, reading every scalar as the text that was typed."""

    start = 0
    """Where in its file the header begins."""

    @classmethod
    def at(cls, start: int) -> _UntypedHandler:
        """Return a handler for a header that begins at *start* of its file."""
        handler = cls()
        handler.start = start
        return handler

    def load(self, fm: str, **_: object) -> Any:  # noqa: ANN401  (the supertype's)
        """Return the values of the header *fm*, and where they stand, as a `_Builder` that has built."""
        loader = _LOADER(fm)
        builder = _Builder(fm, self.start, loader.get_event)
        try:
            builder.build()
        except yaml.reader.ReaderError as error:
            line = fm.encode()[: error.position].count(b"\n") + 2
            raise MalformedHeader(line, "a character that YAML does not allow") from error
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise MalformedHeader(mark.line + 2 if mark else 1, str(error.problem or error.context)) from error
        finally:
            loader.dispose()
        return builder


_NODES = (yaml.ScalarEvent, yaml.SequenceStartEvent, yaml.MappingStartEvent)


class _Builder:
    """Builds values from events, refusing what a memory's header has no need of.

    Attributes:
        values: The header's mapping.
        spans: Where each key stands in the whole text.
        flow: Whether the mapping is one `{…}`.
    """

    def __init__(self, source: str, start: int, next_event: Callable[[], _Event]) -> None:
        self.source = source
        self.start = start
        self.next_event = next_event
        self.values: dict[str, Value] = {}
        self.spans: dict[str, Span] = {}
        self.flow = False
        self._depth = 0

    def build(self) -> None:
        """Read the one mapping that a header is; an empty header is an empty one."""
        self.next_event()  # the stream's start
        if isinstance(self.next_event(), yaml.StreamEndEvent):
            return
        event = self._next()
        if isinstance(event, yaml.ScalarEvent) and event.value == "" and event.implicit[0]:
            return
        if not isinstance(event, yaml.MappingStartEvent):
            _refuse(event, "the header is not made of `key: value` lines")
        self.flow = bool(event.flow_style)
        for key in self._keys(self.values):
            self._pair(key, self._next())
        self.next_event()  # the document's end
        if not isinstance(event := self.next_event(), yaml.StreamEndEvent):
            _refuse(event, "the header is more than one YAML document")

    def _pair(self, key: _Event, first: _Event) -> None:
        """Take the value of *key*, which begins with the event *first*."""
        items: list[tuple[int, int]] = []
        self.values[key.value], end = self._node(first, items)
        by, mark = self.start, key.start_mark
        self.spans[key.value] = Span(
            mark.line + 2,
            mark.index + by,
            self.source.index(":", key.end_mark.index) + 1 + by,
            first.start_mark.index + by,
            end + by,
            first.style in ("|", ">") if isinstance(first, yaml.ScalarEvent) else not first.flow_style,
            tuple((one + by, other + by) for one, other in items),
        )

    def _next(self) -> _Event:
        """Return the next event, if it is a harmless one."""
        event = self.next_event()
        if isinstance(event, yaml.AliasEvent):
            _refuse(event, "aliases (`*name`) are not read")
        if type(event) in _NODES:
            if event.anchor is not None:
                _refuse(event, "anchors (`&name`) are not read")
            if event.tag is not None:
                _refuse(event, "tags (`!name`) are not read")
        return event

    def _keys(self, seen: Mapping[str, Value]) -> Iterator[_Event]:
        """Yield each key of the mapping that was just opened; the caller reads its value before the next."""
        while not isinstance(key := self._next(), yaml.MappingEndEvent):
            if not isinstance(key, yaml.ScalarEvent):
                _refuse(key, "a key is a word, not a list or mapping")
            if key.value in seen:
                _refuse(key, "the key stands there twice")
            if key.value == "<<" and key.implicit[0]:
                _refuse(key, "merge keys (`<<`) are not read")
            yield key

    def _node(self, event: _Event, items: list[tuple[int, int]]) -> tuple[Value, int]:
        """Return the value that begins with *event*, and the offset where its last character ends.

        *items* gets the place of each item, if it is a list.
        """
        end: int = event.end_mark.index
        if isinstance(event, yaml.ScalarEvent):
            return event.value, len(self.source[:end].rstrip()) if event.style in ("|", ">") else end
        self._depth += 1
        if self._depth >= MAX_DEPTH:
            _refuse(event, f"nested deeper than {MAX_DEPTH} levels")
        value: Value
        if isinstance(event, yaml.SequenceStartEvent):
            value = []
            while type(last := self._next()) is not yaml.SequenceEndEvent:
                item, end = self._node(last, [])
                value.append(item)
                items.append((last.start_mark.index, end))
            closing: _Event = last
            end = closing.end_mark.index if event.flow_style else end
        else:
            value = {}
            for key in self._keys(value):
                value[key.value], end = self._node(self._next(), [])
            end = self.source.index("}", end) + 1 if event.flow_style else end
        self._depth -= 1
        return value, end


def _refuse(event: _Event, reason: str) -> NoReturn:
    raise MalformedHeader(event.start_mark.line + 2, reason)


def render(value: Value, *, inside: bool = False) -> str:
    """Return *value* as YAML on one line, quoted where any YAML reader could take it for something else.

    Args:
        value: Text, list or mapping.
        inside: Whether it stands inside a `[…]` or `{…}`.
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
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


BARE = frozenset({"id", "importance", "created", "updated", "expires", "pinned"})
"""Keys whose values are written without quotes: numbers, times and flags by the format's own table."""


def line(key: str, value: Value) -> str:
    """Return the header line for *key* and *value*, without a line end."""
    return f"{key}: {value if key in BARE else render(value)}"


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
    added = [key for key in order if changes.get(key) is not None and not (header and key in header.values)]
    lines = "".join(line(key, changes[key] or "") + "\n" for key in added)
    if header is None:
        return f"---\n{lines}---\n\n".replace("\n", newline) + text if added else text
    edits = [(header.last, header.last, lines)] if lines else []
    for key, value in changes.items():
        if key in header.values and value != header.values[key]:
            edits += _edits(text, header.spans[key], header.values[key], key, value)
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


def _edits(text: str, span: Span, old: Value, key: str, new: Value | None) -> list[Edit]:
    """Return the replacements that turn the value at *span* from *old* into *new*."""
    if new is None:
        return [(_line_start(text, span.key), _line_end(text, max(span.end, span.colon)), "")]
    if isinstance(old, list) and isinstance(new, list) and span.items:
        kept = [item for item in old if item in new]
        if kept and new[: len(kept)] == kept:
            if span.block:
                return _item_lines(text, span, old, new, new[len(kept) :])
            if len(kept) == len(old):
                behind = span.items[-1][1]
                return [(behind, behind, "".join(f", {render(item, inside=True)}" for item in new[len(kept) :]))]
    shown = str(new) if key in BARE else render(new)
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
    edits = [
        (_line_start(text, dash), _line_end(text, end), "")
        for dash, (_, end), item in zip(dashes, span.items, old, strict=True)
        if item not in new
    ]
    if added:
        first = span.items[0][0]
        prefix = text[_line_start(text, first) : first]
        behind = _line_end(text, span.items[-1][1])
        edits.append((behind, behind, "".join(f"{prefix}{render(item)}\n" for item in added)))
    return edits


def _line_start(text: str, offset: int) -> int:
    return text.rfind("\n", 0, offset) + 1


def _line_end(text: str, offset: int) -> int:
    end = text.find("\n", offset)
    return len(text) if end < 0 else end + 1
