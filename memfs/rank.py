"""How hits are ordered: bounded scores, weights of scopes, ties. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

K1 = 1.2
"""BM25's saturation, Tantivy's own: a term's weight is at most (K1 + 1) × its idf."""

MEANING = 0.2
"""The share of a score that the meaning has, and the words the rest; measured, see `.memory/search-by-meaning.md`."""


class Within(NamedTuple):
    """Where a question is asked: the key of a store, the factor of its scores, and the channels that are seen.

    Attributes:
        channels: Patterns, lower-case, in which `*` stands for anything; None: everything is seen.
        digests: Only texts with one of these are seen; None: all are.
    """

    store: str
    weight: float = 1.0
    channels: tuple[str, ...] | None = None
    digests: frozenset[str] | None = None


class Found(NamedTuple):
    """A memory that the index found, before its file was read.

    Attributes:
        store: Key of its store.
        path: Below the store.
        text: How well the text matches, 0–1: the share of the best score that the question allows.
        weight: The scope's factor.
        created: Milliseconds since the epoch, for ties.
        digest: Of its file as the index has it.
    """

    store: str
    path: str
    text: float
    weight: float
    created: int
    digest: str = ""

    @property
    def score(self) -> float:
        """What it is ranked by, 0–1."""
        return self.text * self.weight


def idf(matching: int, documents: int) -> float:
    """Return how much a term says that *matching* of *documents* hold (BM25; Robertson & Zaragoza 2009, eq. 3.3)."""
    matching = min(matching, documents)
    return math.log(1 + (documents - matching + 0.5) / (matching + 0.5))


def bounded(score: float, best: float) -> float:
    """Return a BM25 sum as a share of the *best* that any text could reach for the same question, in [0, 1].

    Linear, so that a scope's weight of 0.9 takes off a tenth whatever the score, and a share
    of one and the same thing in each question, so that two questions' scores compare.
    """
    return min(1.0, score / best) if best > 0 else 0.0


def blended(text: float, meaning: float | None) -> float:
    """Return the score of a memory by its words and, if that is known, by its *meaning*, all of them 0–1.

    A convex sum: measured, it is better than to add up places in two rankings, and its scores still compare.
    """
    return text if meaning is None else (1 - MEANING) * text + MEANING * meaning


def order(found: Iterable[Found], limit: int) -> list[Found]:
    """Return the best *limit* of *found*: by weighted score, then the newer, then by path, always the same."""
    return sorted(found, key=lambda hit: (-hit.score, -hit.created, hit.store, hit.path))[:limit]


def weight_classes(places: Iterable[Within]) -> dict[float, list[Within]]:
    """Return *places* by weight: stores of one weight are asked at once, and none pushes another's hits out."""
    classes: dict[float, list[Within]] = {}
    for place in places:
        classes.setdefault(place.weight, []).append(place)
    return classes
