"""How good rankings are: questions with their right answers, where those stand, and what that comes to. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from memfs.errors import Invalid

ALL = "all"
"""The kind that every question is of."""


class Question(NamedTuple):
    """A question, and what answers it.

    Attributes:
        text: As somebody would type it.
        gold: Names of the right answers, at least one.
        kind: What kind of question it is, empty for none.
        also: The same in other words.
        line: Where it stands in its file.
    """

    text: str
    gold: tuple[str, ...]
    kind: str = ""
    also: tuple[str, ...] = ()
    line: int = 0


class Ranks(NamedTuple):
    """Where the right answers to one question stand.

    Attributes:
        places: The first is 1, ascending; an answer that was not found has none.
        answers: How many right ones there are, at least 1.
    """

    places: tuple[int, ...]
    answers: int


class Quality(NamedTuple):
    """Means over some questions, each 0 to 1.

    Attributes:
        r1, r5, r10: The share of right answers among the first 1, 5 and 10 hits.
        mrr: 1 / place of the first right answer, 0 when there is none.
        ndcg10: Normalized discounted gain of the first 10 (Järvelin & Kekäläinen 2002), gains of 0 and 1.
    """

    questions: int
    r1: float
    r5: float
    r10: float
    mrr: float
    ndcg10: float


def parse(text: str, name: str) -> list[Question]:
    """Return the questions of *text*: a JSON object a line, with `query`, `gold`, and maybe `cat` and `also`.

    Empty lines and other keys count for nothing; *name* is what to call it in an error.

    Raises:
        Invalid: A line is no question, or there is none.
    """
    numbered = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not numbered:
        raise Invalid(f'{name} holds no question; one looks like {{"query": "how do we deploy", "gold": ["Deploys"]}}.')
    questions = []
    for number, line in numbered:
        try:
            questions.append(_question(json.loads(line), number))
        except (ValueError, RecursionError) as error:
            reason = str(error) if type(error) is ValueError else "it is no JSON"
            raise Invalid(f"{name}, line {number}: {reason}.") from error
    return questions


def _question(each: object, line: int) -> Question:
    if not isinstance(each, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004  (what is wrong is the text)
    text, kind = each.get("query"), each.get("cat", "")
    if not isinstance(text, str) or not text.strip():
        raise ValueError('"query" has to be a text')
    if not isinstance(kind, str):
        raise ValueError('"cat" has to be a text')  # noqa: TRY004
    gold, also = _texts(each, "gold"), _texts(each, "also")
    if not gold:
        raise ValueError('"gold" has to name one memory at least, by its id, path or title')
    return Question(text, gold, kind, also, line)


def _texts(each: dict[str, object], key: str) -> tuple[str, ...]:
    texts = each.get(key, [])
    if not isinstance(texts, list) or not all(isinstance(text, str) and text.strip() for text in texts):
        raise ValueError(f'"{key}" has to be a list of texts')
    return tuple(dict.fromkeys(texts))


def quality(asked: Sequence[Ranks]) -> Quality:
    """Return the means over *asked*, at least one."""
    r1, r5, r10 = (fmean(sum(place <= k for place in each.places) / each.answers for each in asked) for k in (1, 5, 10))
    mrr = fmean(1 / each.places[0] if each.places else 0.0 for each in asked)
    return Quality(len(asked), r1, r5, r10, mrr, fmean(map(_ndcg10, asked)))


def _ndcg10(each: Ranks) -> float:
    gain = sum(1 / math.log2(place + 1) for place in each.places if place <= 10)  # noqa: PLR2004  (as in its name)
    return gain / sum(1 / math.log2(place + 1) for place in range(1, min(each.answers, 10) + 1))


def by_kind(questions: Sequence[Question], asked: Sequence[Ranks]) -> Iterator[tuple[str, Quality]]:
    """Yield the quality over all *questions*, whose answers stand where *asked* says, then of each kind."""
    yield ALL, quality(asked)
    for kind in sorted({each.kind for each in questions} - {""}):
        yield kind, quality([each for question, each in zip(questions, asked, strict=True) if question.kind == kind])


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that *percent* of *values*, at least one, do not exceed (nearest rank)."""
    return sorted(values)[max(0, math.ceil(percent * len(values) / 100) - 1)]
