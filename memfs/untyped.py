"""YAML read without types, for headers that are more than plain lines. Pure; loaded only when there is one.

One pass over libyaml's events, which is iterative and builds nothing before a node was found
harmless: no aliases, tags, merge keys or depth to blow up on.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from typing import NoReturn
from typing import TypeAlias

import yaml
from frontmatter.default_handlers import YAMLHandler

from memfs.values import MalformedHeader
from memfs.values import Span
from memfs.values import Value

MAX_DEPTH = 16

_Event: TypeAlias = Any
"""An event of libyaml; its stubs allow for marks that are missing, and it always gives them."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(source: str, start: int) -> tuple[dict[str, Value], dict[str, Span], bool]:
    """Return the values of the header *source*, where they stand, and whether it is one `{…}`.

    *source* are the lines between the fences, which begin at *start* of the whole text.

    Raises:
        MalformedHeader: They are not YAML, or more of it than a header needs.
    """
    handler = _UntypedHandler()
    handler.start = start
    builder: _Builder = handler.load(source)
    return builder.values, builder.spans, builder.flow


class _UntypedHandler(YAMLHandler):
    """python-frontmatter's YAML handler, reading every scalar as the text that was typed."""

    start = 0
    """Where in its file the header begins."""

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
    """Builds values from events, refusing what a memory's header has no need of."""

    def __init__(self, source: str, start: int, next_event: Callable[[], _Event]) -> None:
        self.source = source
        self.start = start
        self.next_event = next_event
        self.values: dict[str, Value] = {}
        self.spans: dict[str, Span] = {}
        self.flow = False
        self._depth = 0
        self._closed: _Event = None

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
        colon = self.source.find(":", key.end_mark.index, first.start_mark.index)
        if colon < 0:
            _refuse(key, "a key stands there without a colon")
        self.spans[key.value] = Span(
            mark.line + 2,
            mark.index + by,
            colon + 1 + by,
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
        self._closed = key

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
            # the one pair of `[a: b]` is a mapping too, and has no brace to end with
            end = self._closed.end_mark.index if self._closed.end_mark.index > self._closed.start_mark.index else end
        self._depth -= 1
        return value, end


def _refuse(event: _Event, reason: str) -> NoReturn:
    raise MalformedHeader(event.start_mark.line + 2, reason)
