"""The passages of a memory: a vector of a long text means a little of everything, and is near to nothing. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from memfs.memory import Memory

WORDS = 120
"""Of a passage, beside title and cues, at most."""
MOST = 32
"""Passages of one memory; what comes after them is found by its words."""
LONGEST_WORD, LONGEST_HEAD = 60, 1_000
"""Characters; of what goes on longer without a space, as Chinese does, each part counts as a word."""
_PARAGRAPH = re.compile(r"\n\s*\n")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n")


def passages(memory: Memory) -> list[str]:
    """Return the texts that stand for *memory*: title and cues, then at most `WORDS` words of it; one at least.

    Measured: with the cues in each passage more is found than with passages of their own for them.
    """
    head = "\n".join((memory.title, *memory.cues))[:LONGEST_HEAD]
    text = "\n\n".join(piece for piece in (memory.summary, memory.body) if piece)
    return [f"{head}\n{piece}" for piece in islice(_packed(text), MOST)] or [head]


def _packed(text: str) -> Iterator[str]:
    """Yield *text* in passages that end where a paragraph does, else a sentence, else anywhere."""
    packed: list[str] = []
    length = 0
    for piece, words in _pieces(text):
        if packed and length + words > WORDS:
            yield "\n".join(packed)
            packed, length = [], 0
        packed.append(piece)
        length += words
    if packed:
        yield "\n".join(packed)


def _pieces(text: str) -> Iterator[tuple[str, int]]:
    """Yield the paragraphs of *text*, and how many words each has; long ones in sentences, and those in parts."""
    for paragraph in _PARAGRAPH.split(text):
        sentences = [paragraph] if len(_words(paragraph)) <= WORDS else _SENTENCE.split(paragraph)
        for sentence in sentences:
            words = _words(sentence)
            for start in range(0, len(words), WORDS):
                part = words[start : start + WORDS]
                yield " ".join(part), len(part)


def _words(text: str) -> list[str]:
    return [word[at : at + LONGEST_WORD] for word in text.split() for at in range(0, len(word), LONGEST_WORD)]
