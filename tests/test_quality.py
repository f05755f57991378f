"""The measures of a ranking against values counted by hand, and questions read from lines of JSON."""

from __future__ import annotations

import math

import pytest

from memfs.errors import Invalid
from memfs.quality import Quality
from memfs.quality import Question
from memfs.quality import Ranks
from memfs.quality import by_kind
from memfs.quality import parse
from memfs.quality import percentile
from memfs.quality import quality


def test_one_answer_at_place_two_counts_a_half() -> None:
    """R@1 is 0 and R@5 is 1; MRR is 1/2; nDCG is 1/log2(3), the ideal gain being 1."""
    found = quality([Ranks((2,), 1)])

    assert (found.questions, found.r1, found.r5, found.r10, found.mrr) == (1, 0.0, 1.0, 1.0, 0.5)
    assert found.ndcg10 == pytest.approx(0.6309, abs=1e-4)


def test_several_answers_count_by_their_share() -> None:
    """Of three answers at places 1, 6 and 12, one is among the first, two among ten; MRR looks at the first alone."""
    found = quality([Ranks((1, 6, 12), 3)])

    assert (found.r1, found.r5, found.r10, found.mrr) == (1 / 3, 1 / 3, 2 / 3, 1.0)
    ideal = 1 + 1 / math.log2(3) + 1 / 2
    assert found.ndcg10 == pytest.approx((1 + 1 / math.log2(7)) / ideal)


def test_more_answers_than_ten_can_reach_a_whole_gain() -> None:
    """The ideal ranking has ten right answers among its first ten, not twelve."""
    assert quality([Ranks(tuple(range(1, 13)), 12)]).ndcg10 == 1.0


def test_the_quality_of_several_questions_is_the_mean_of_each() -> None:
    """A question with many answers weighs no more than one with a single one."""
    found = quality([Ranks((1,), 1), Ranks((), 4), Ranks((2,), 1), Ranks((4,), 1)])

    assert (found.questions, found.r1, found.r5) == (4, 0.25, 0.75)
    assert found.mrr == (1 + 0 + 1 / 2 + 1 / 4) / 4


def test_each_kind_is_measured_by_itself_after_all() -> None:
    """Kinds stand in the order of their names; a question of no kind counts among all only."""
    questions = [Question("a", ("m",), "typo"), Question("b", ("m",)), Question("c", ("m",), "exact")]
    found = dict(by_kind(questions, [Ranks((), 1), Ranks((1,), 1), Ranks((1,), 1)]))

    assert list(found) == ["all", "exact", "typo"]
    assert [each.questions for each in found.values()] == [3, 1, 1]
    assert found["exact"] == Quality(1, 1.0, 1.0, 1.0, 1.0, 1.0)
    assert found["typo"] == Quality(1, 0.0, 0.0, 0.0, 0.0, 0.0)
    assert found["all"].r1 == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([5.0], 50, 5.0), ([5.0], 95, 5.0), ([4.0, 1.0, 3.0, 2.0], 50, 2.0), (list(range(1, 101)), 95, 95)],
)
def test_a_percentile_is_one_of_the_values(values: list[float], percent: float, expected: float) -> None:
    """The nearest rank: the smallest value that so many do not exceed, whatever the order."""
    assert percentile(values, percent) == expected


def test_a_line_is_a_question_with_its_right_answers() -> None:
    """Other keys and empty lines count for nothing; a line keeps its number."""
    text = '{"query": "q", "gold": ["a", "b", "a"], "cat": "typo", "also": ["r"], "qid": 7}\n\n'
    text += '{"query": "s", "gold": ["c"]}\n'

    assert parse(text, "f") == [
        Question("q", ("a", "b"), "typo", ("r",), 1),
        Question("s", ("c",), line=3),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"query": "q", "gold": ["a"]', "it is no JSON"),
        ("[" * 100_000, "it is no JSON"),
        ('["q"]', "it is no JSON object"),
        ('{"gold": ["a"]}', '"query" has to be a text'),
        ('{"query": " ", "gold": ["a"]}', '"query" has to be a text'),
        ('{"query": "q"}', '"gold" has to name one memory at least, by its id, path or title'),
        ('{"query": "q", "gold": []}', '"gold" has to name one memory at least, by its id, path or title'),
        ('{"query": "q", "gold": "a"}', '"gold" has to be a list of texts'),
        ('{"query": "q", "gold": [1]}', '"gold" has to be a list of texts'),
        ('{"query": "q", "gold": ["a"], "also": "r"}', '"also" has to be a list of texts'),
        ('{"query": "q", "gold": ["a"], "cat": 3}', '"cat" has to be a text'),
    ],
)
def test_a_line_that_is_no_question_is_named_with_its_reason(line: str, reason: str) -> None:
    """Where, and what is wrong; nothing is guessed."""
    with pytest.raises(Invalid) as raised:
        parse(f'{{"query": "q", "gold": ["a"]}}\n{line}\n', "asked.jsonl")

    assert str(raised.value) == f"asked.jsonl, line 2: {reason}."


def test_a_file_without_a_question_says_what_one_looks_like() -> None:
    """An empty file is more likely a mistake than a wish."""
    with pytest.raises(Invalid, match="holds no question; one looks like"):
        parse(" \n\n", "asked.jsonl")
