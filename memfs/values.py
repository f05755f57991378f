"""What a header is made of: values without types, the places where they stand, and what makes one malformed. Pure."""

from __future__ import annotations

from typing import NamedTuple
from typing import Union

Value = Union[str, list["Value"], dict[str, "Value"]]  # noqa: UP007  (the recursive alias needs quotes)
"""A header's value without types: text, list or mapping."""


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
