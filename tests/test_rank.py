"""How hits are ordered: bounded scores, weights that mean what they say, ties that always fall the same way."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memfs.rank import K1
from memfs.rank import Found
from memfs.rank import Within
from memfs.rank import bounded
from memfs.rank import idf
from memfs.rank import order
from memfs.rank import weight_classes

shares = st.floats(0, 1)
found = st.builds(
    Found,
    st.sampled_from("ab"),
    st.sampled_from(("x", "y", "z")),
    shares,
    st.sampled_from((1.0, 0.95, 0.9)),
    st.integers(0, 3),
)


def hit(path: str, text: float = 0.5, weight: float = 1.0, created: int = 0, store: str = "s") -> Found:
    """Return something found at *path*."""
    return Found(store, path, text, weight, created)


def test_a_workspace_memory_comes_before_the_same_text_in_group_and_global() -> None:
    """1.0, 0.95 and 0.9 of one text's score order the three scopes."""
    hits = [hit("global", weight=0.9), hit("workspace", weight=1.0), hit("group", weight=0.95)]

    assert [each.path for each in order(hits, 3)] == ["workspace", "group", "global"]
    assert [each.score for each in order(hits, 3)] == pytest.approx([0.5, 0.475, 0.45])


def test_a_much_better_global_memory_comes_before_a_poor_one_of_the_workspace() -> None:
    """The weight takes off a tenth, not more."""
    assert [each.path for each in order([hit("poor", 0.5), hit("good", 0.6, 0.9)], 2)] == ["good", "poor"]


def test_among_equals_the_newer_comes_first_then_the_path() -> None:
    """Ties never depend on the order of finding."""
    hits = [hit("c", created=1), hit("b", created=2), hit("a", created=1), hit("a", created=1, store="r")]

    expected = [("s", "b"), ("r", "a"), ("s", "a"), ("s", "c")]
    assert [(each.store, each.path) for each in order(hits, 9)] == expected
    assert order(hits, 9) == order(reversed(hits), 9)


@given(st.lists(found), st.integers(0, 5))
def test_the_best_are_kept_and_none_is_invented(hits: list[Found], limit: int) -> None:
    """At most as many as asked for, none worse than one that was left out, scores falling and within 0 to 1."""
    best = order(hits, limit)

    assert len(best) == min(limit, len(hits))
    scores = [each.score for each in best]
    assert scores == sorted((each.score for each in hits), reverse=True)[:limit]
    assert all(0 <= score <= 1 for score in scores)
    assert all(hits.count(each) >= best.count(each) for each in best)


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(1e-6, 1e6))
def test_a_bounded_score_is_a_share_that_keeps_the_order(one: float, other: float, best: float) -> None:
    """Within 0 and 1, linear below the best, never higher for a lower score."""
    assert 0 <= bounded(one, best) <= 1
    assert bounded(best, best) == 1
    assert bounded(best / 2, best) == 0.5
    assert (bounded(one, best) <= bounded(other, best)) or one > other


@pytest.mark.parametrize("best", [0.0, -1.0])
def test_a_question_that_allows_no_score_gives_none(best: float) -> None:
    """There is no division by nothing."""
    assert bounded(5.0, best) == 0


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_a_rarer_term_says_more(matching: int, documents: int) -> None:
    """BM25's idf is positive, falls with the documents that hold the term, and takes no more than there are."""
    assert idf(matching, documents) > 0
    assert idf(matching, documents) >= idf(matching + 1, documents)
    assert idf(documents + 5, documents) == idf(documents, documents)


def test_idf_is_that_of_bm25() -> None:
    """Robertson and Zaragoza 2009, eq. 3.3, plus one within the logarithm as in Lucene and Tantivy."""
    assert idf(3, 100) == math.log(1 + 97.5 / 3.5)
    assert K1 == 1.2


def test_stores_of_one_weight_are_one_class() -> None:
    """Two groups are asked at once, workspace and global each alone."""
    near, one, two, far = Within("w"), Within("g1", 0.95), Within("g2", 0.95), Within("all", 0.9)

    assert weight_classes([near, one, two, far]) == {1.0: [near], 0.95: [one, two], 0.9: [far]}
    assert weight_classes([]) == {}
