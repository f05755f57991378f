"""Which memories a prompt strongly recalls: its sentences as questions, and what speaks for an answer. Pure.

The rule and its threshold are measured (`python -m benchmarks.recalled`): of the prompts that a memory answers about
half are met, and of those that none answers hardly any.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from memfs import query
from memfs.query import Query

LEAST = 0.45
"""Of `text` × `rare`."""
MOST_CHARACTERS = 8_000
"""Of the beginning and of the end of a prompt; what lies between is not looked at."""
MOST_PIECES = 16
"""Of a longer prompt the first and the last eight pieces are looked at."""

_ENDS = re.compile(r"(?<=[.!?])\s+|\s*\n\s*")
_SYNTAX = re.compile(r'["“”:]|(?<!\S)-+')
_CAMEL = re.compile(r"[^\W_]*[a-z][A-Z][^\W_]*")


class Sign(NamedTuple):
    """What speaks for a memory in one piece of a prompt.

    Attributes:
        place: Its store's key and its path.
        text: `rank.Found.text`.
        rare: `Index.rarity`: how many of the piece's words it has, each counted by its rarity.
    """

    place: tuple[str, str]
    text: float
    rare: float


Piece = tuple[Query, frozenset[str]]
"""A piece of a prompt as a question without syntax, and its words in camelCase."""


def pieces(prompt: str) -> list[Piece]:
    """Return each sentence and line of *prompt*; of a long one the first and the last."""
    if len(prompt) > 2 * MOST_CHARACTERS:
        prompt = f"{prompt[:MOST_CHARACTERS]}\n{prompt[-MOST_CHARACTERS:]}"
    parts = [part for part in _ENDS.split(prompt) if query.words_of(part[: query.MAX_CHARACTERS])]
    half = MOST_PIECES // 2
    parts = parts if len(parts) <= MOST_PIECES else [*parts[:half], *parts[-half:]]
    return list(map(piece, parts))


def piece(text: str) -> Piece:
    """Return *text* as one piece."""
    return query.parse(_SYNTAX.sub(" ", text)), frozenset(map(str.lower, _CAMEL.findall(text)))


def strongest(signs: Iterable[Sign]) -> list[tuple[str, str]]:
    """Return the places that are strongly recalled, best first: in one piece, and by more than one plain word."""
    best: dict[tuple[str, str], float] = {}
    for sign in signs:
        if sign.rare > 1.0 and sign.text * sign.rare >= LEAST:
            best[sign.place] = max(best.get(sign.place, 0.0), sign.text * sign.rare)
    return sorted(best, key=lambda place: (-best[place], place))
