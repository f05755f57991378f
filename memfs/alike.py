"""How alike texts are, by the words they share: weights, a cosine, and copies among many in near-linear time. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

from memfs import rank

SIMILAR = 0.45
"""From here on two texts say the same; measured, see `.memory/near-copies.md`."""
LEAST_DOCUMENTS = 1_000
"""Among how many texts a word's rarity is counted at least: among three, what two share would seem to say nothing."""
RAREST = 6
"""Of a text's words by which copies are sought: those that two texts share are nearly always among them."""
LEADERS = 4
"""Texts that a text is held against for each pair of rare words that it shares with others, however many those are."""
_BITS = 24
"""Of a text's number, and of a word's: at most 16.7 million of either."""


class Weighed(NamedTuple):
    """The words of a text, each with its weight, and the length of the vector that they are."""

    weights: Mapping[str, float]
    length: float


def rarities(holding: Mapping[str, int], documents: int) -> dict[str, float]:
    """Return what each word says that so many (one or more) of *documents* texts hold."""
    documents = max(documents, LEAST_DOCUMENTS)
    return {word: rank.idf(count, documents) for word, count in holding.items()}


def weighed(words: Iterable[str], rarity: Mapping[str, float]) -> Weighed:
    """Return a text by its *words*, stems that say something: each counts by its rarity, a little more if repeated."""
    counts = Counter(words).items()
    weights = {word: rarity[word] if count == 1 else (1 + math.log(count)) * rarity[word] for word, count in counts}
    return Weighed(weights, math.sqrt(sum([weight * weight for weight in weights.values()])))


def likeness(one: Weighed, other: Weighed) -> float:
    """Return the cosine of two texts, 0 (no word in common) to 1 (the same words, as often)."""
    if not (one.length and other.length):
        return 0.0
    fewer, more = sorted((one.weights, other.weights), key=len)
    shared = sum([weight * more[word] for word, weight in fewer.items() if word in more])
    return min(shared / (one.length * other.length), 1.0)


def copies(texts: Sequence[Weighed], holding: Mapping[str, int], least: float) -> dict[int, list[tuple[int, float]]]:
    """Return, by the number of a text, the later ones that are copies of it, each with its likeness, *least* or more.

    Every text is in one group at most, with the first that it is like; two are compared only if they
    share two of their rarest words, so that the work grows with the texts and not with their pairs.

    Args:
        texts: The better one before its copies.
        holding: Each word to how many texts hold it; what one alone holds finds no copy.
        least: From 0 to 1.
    """
    found: dict[int, list[tuple[int, float]]] = {}
    taken = set()
    for number, rivals in sorted(_rivals(texts, holding).items()):
        near = [(likeness(texts[number], texts[each]), -each) for each in rivals if each not in taken]
        best, leader = max(near, default=(0.0, 0))
        if best >= least:
            taken.add(number)
            found.setdefault(-leader, []).append((number, best))
    return found


def _rivals(texts: Sequence[Weighed], holding: Mapping[str, int]) -> dict[int, set[int]]:
    """Return for each text the first few that share a pair of rare words with it."""
    rivals: dict[int, set[int]] = {}
    pair, first = -1, list[int]()
    for key in sorted(_pairs(texts, holding)):
        number = key & (1 << _BITS) - 1
        if key >> _BITS != pair:
            pair, first = key >> _BITS, []
        if first:
            rivals.setdefault(number, set()).update(first)
        if len(first) < LEADERS:
            first.append(number)
    return rivals


def _pairs(texts: Sequence[Weighed], holding: Mapping[str, int]) -> Iterator[int]:
    """Yield each pair of a text's rarest words and the text's number, as one number that sorts by the pair first."""
    numbers = {word: number for number, word in enumerate(sorted(holding))}
    for text, each in enumerate(texts):
        shared = [(holding[word], numbers[word]) for word in each.weights if holding[word] > 1]
        for one, other in combinations(sorted(number for _, number in sorted(shared)[:RAREST]), 2):
            yield (one << _BITS | other) << _BITS | text
