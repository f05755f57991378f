"""The rule that tells a prompt that recalls a memory from one that does not; its threshold is measured elsewhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memfs import query
from memfs.recalled import LEAST
from memfs.recalled import MOST_CHARACTERS
from memfs.recalled import MOST_PIECES
from memfs.recalled import Sign
from memfs.recalled import pieces
from memfs.recalled import strongest

A, B, C = ("store", "a.md"), ("store", "b.md"), ("other", "a.md")


def texts(prompt: str) -> list[str]:
    """Return the questions that *prompt* is taken for."""
    return [asked.text for asked, _ in pieces(prompt)]


# ---- pieces


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("When do we deploy?", ["When do we deploy?"]),
        ("ok. When do we deploy? Thanks!", ["ok.", "When do we deploy?", "Thanks!"]),
        ("one\n\n  two  \r\nthree", ["one", "two", "three"]),
        ("see src/pay.py and v1.2.3, ok", ["see src/pay.py and v1.2.3, ok"]),
        ("", []),
        (" \n...\n!? \n", []),
        ("\u200b", []),
    ],
)
def test_a_prompt_is_its_sentences_and_lines(prompt: str, expected: list[str]) -> None:
    """What holds no word is none of them; a full stop within a word ends nothing."""
    assert [text.strip() for text in texts(prompt)] == expected


@pytest.mark.parametrize(
    "prompt", ['say "the lighthouse"', "scope:global lighthouse", "-lighthouse tower", "tag:x “lighthouse”", "- a list"]
)
def test_nothing_of_a_prompt_is_syntax(prompt: str) -> None:
    """A phrase, a filter or an exclusion would silently find less, or be refused."""
    [(asked, _)] = pieces(prompt)

    assert asked.filters == asked.without == query.NO_FILTERS
    assert asked.phrases == ()
    assert asked.words
    assert asked.excluded == ()


def test_words_that_only_programs_spell_so_count_double() -> None:
    """`getUserById` is no word that comes up by chance; `HTTP`, `Monday` and `snake_case` may."""
    [(_, twice)] = pieces("Why does getUserById fail, on Monday, with HTTP and snake_case, in aB?")

    assert twice == {"getuserbyid", "ab"}


def test_of_a_long_prompt_the_beginning_and_the_end_count() -> None:
    """Pieces and characters are bounded; what lies between is a log that was pasted."""
    many = texts("\n".join(f"line {number}" for number in range(1_000)))
    long = texts("first " + "x" * 40_000 + " middle " + "y" * 40_000 + " last")

    assert len(many) == MOST_PIECES
    assert (many[0], many[7], many[8], many[-1]) == ("line 0", "line 7", "line 992", "line 999")
    assert "middle" not in " ".join(long)
    assert sum(map(len, long)) <= 2 * MOST_CHARACTERS


@given(st.text(max_size=300))
def test_any_prompt_has_pieces(prompt: str) -> None:
    """Hidden text, lone surrogates, nothing: a bounded number of questions, each with a word."""
    found = pieces(prompt)

    assert len(found) <= MOST_PIECES
    assert all(asked.filters == query.NO_FILTERS for asked, _ in found)


# ---- the rule


def test_what_is_strong_enough_is_recalled_best_first() -> None:
    """The product counts, and only that: equals in the order of their places."""
    signs = [Sign(A, 0.3, 2.0), Sign(B, 0.5, 2.0), Sign(C, 0.3, 2.0)]

    assert strongest(signs) == [B, C, A]


@pytest.mark.parametrize(
    ("text", "rare", "recalled"),
    [
        (LEAST / 2, 2.0, True),
        (LEAST / 2 - 0.001, 2.0, False),
        (1.0, 1.0, False),
        (1.0, 1.001, True),
        (1.0, 0.0, False),
        (0.0, 9.0, False),
    ],
)
def test_the_threshold_is_where_it_was_measured(text: float, rare: float, *, recalled: bool) -> None:
    """More than one plain word of its own, and of what the piece asks for enough."""
    assert strongest([Sign(A, text, rare)]) == ([A] if recalled else [])


def test_weak_signs_do_not_add_up() -> None:
    """Each piece speaks for itself: a long prompt has a word of everything."""
    assert strongest([Sign(A, 0.2, 2.0)] * 20) == []
    assert strongest([Sign(A, 0.2, 2.0), Sign(A, 0.6, 2.0), Sign(B, 0.5, 2.0)]) == [A, B]
    assert strongest([]) == []
