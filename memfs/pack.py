"""What fits into a budget of tokens, and how much was left out. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

CHARACTERS_PER_TOKEN = 4
"""Of English text, roughly; the budgets are promises of size, not of exact counts."""


class Section(NamedTuple):
    """Lines under one heading; the most important section and line come first."""

    heading: str
    lines: tuple[str, ...]


class Packed(NamedTuple):
    """What fitted.

    Attributes:
        text: Markdown: each section that had room for at least one line.
        sections: How many of them.
        left_out: How many lines had no room.
    """

    text: str
    sections: int
    left_out: int


def tokens(text: str) -> int:
    """Return roughly how many tokens *text* takes, rounded up."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def pack(sections: Iterable[Section], budget: int) -> Packed:
    """Return as much of *sections*, in their order, as *budget* tokens hold; a line is taken whole or not at all."""
    left = budget * CHARACTERS_PER_TOKEN
    taken: list[str] = []
    left_out = 0
    for section in sections:
        room = left - len(section.heading) - 5  # `## `, its line end and the blank line before it
        lines = []
        for line in section.lines:
            if len(line) + 1 <= room:
                lines.append(line)
                room -= len(line) + 1
        left_out += len(section.lines) - len(lines)
        if lines:
            taken.append("\n".join((f"## {section.heading}", *lines)))
            left = room
    return Packed("\n\n".join(taken), len(taken), left_out)


def cut(text: str, characters: int, end: str = "…") -> str:
    """Return *text*, or its beginning and *end*, in at most *characters*."""
    return text if len(text) <= characters else text[: max(characters - len(end), 0)].rstrip() + end
