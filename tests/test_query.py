"""Questions as people type them: every filter, every operator that is none, and no text that fails."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime

import pytest
from hypothesis import example
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from memfs.query import MAX_CHARACTERS
from memfs.query import MAX_WORDS
from memfs.query import NO_FILTERS
from memfs.query import Filters
from memfs.query import Query
from memfs.query import ago
from memfs.query import parse
from memfs.query import to_milliseconds
from memfs.query import words_of

NOW = datetime(2026, 11, 21, 8, 48, 21, tzinfo=UTC)
DAY = 86_400_000


def at(*when: int) -> int:
    """Return the moment *when* (year, month, day, …) in milliseconds since the epoch."""
    year, month, day, hour, minute, second = (*when, 0, 0, 0)[:6]
    return round(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp() * 1000)


def asked(text: str) -> Query:
    """Return the question *text* without its text and its notes, to be compared."""
    return parse(text)._replace(text="", notes=())


# ---- words


def test_the_question_of_the_manual_is_taken_apart() -> None:
    """Words, a phrase, an exclusion and every kind of filter, each where it belongs."""
    text = 'database "connection pool" -mysql tag:infra type:decision importance:>=8 created:>2026-01-01'
    text += " path:db/ scope:global"

    assert parse(text) == Query(
        text=text,
        words=("database",),
        phrases=(("connection", "pool"),),
        excluded=(("mysql",),),
        filters=Filters(
            tags=("infra",),
            types=("decision",),
            scopes=("global",),
            paths=("db/",),
            importance=(8, None),
            created=(at(2026, 1, 2), None),
        ),
    )


WORDS: list[tuple[str, Query]] = [
    ("", Query("")),
    (" \t\n ", Query("")),
    ("One two ONE", Query("", words=("one", "two"))),
    (
        "src/db/schema.py:42",
        Query("", words=("src", "db", "schema", "py", "42"), compounds=(("src", "db", "schema", "py", "42"),)),
    ),
    ("ERR_CONN_RESET", Query("", words=("err", "conn", "reset"), compounds=(("err", "conn", "reset"),))),
    ("C++", Query("", words=("c",))),
    ("a AND", Query("", words=("a", "and"))),
    ("[a TO", Query("", words=("a", "to"))),
    ("a^b", Query("", words=("a", "b"), compounds=(("a", "b"),))),
    ("(a OR b) NOT c~2", Query("", words=("a", "or", "b", "not", "c", "2"), compounds=(("c", "2"),))),
    ("*", Query("")),
    ("\\", Query("")),
    ("🎉", Query("")),
    ("漢字 Größe", Query("", words=("漢字", "größe"))),
    ("http://x.y/z", Query("", words=("http", "x", "y", "z"), compounds=(("http", "x", "y", "z"),))),
    ("foo:bar", Query("", words=("foo", "bar"), compounds=(("foo", "bar"),))),
    ('foo:"two words"', Query("", words=("foo", "two", "words"), compounds=(("foo", "two", "words"),))),
    ("tag:", Query("", words=("tag",))),
    ('tag:""', Query("", words=("tag",))),
    ("tag: x", Query("", words=("tag", "x"))),
    (":x", Query("", words=("x",))),
    ('"Two Words"', Query("", phrases=(("two", "words"),))),
    ('"one"', Query("", phrases=(("one",),))),
    ('""', Query("")),
    ('"unclosed words', Query("", words=("unclosed", "words"))),
    ('say "a b" and "c', Query("", words=("say", "and", "c"), phrases=(("a", "b"),))),
    ("-x", Query("", excluded=(("x",),))),
    ('-"two words"', Query("", excluded=(("two", "words"),))),
    ("-src/db.py", Query("", excluded=(("src", "db", "py"),))),
    ("-foo:bar", Query("", excluded=(("foo", "bar"),))),
    ("a -", Query("", words=("a",))),
    ("- a", Query("", words=("a",))),
    ("--json -- -rf", Query("", words=("json",), excluded=(("rf",),))),
    ("well-known", Query("", words=("well", "known"), compounds=(("well", "known"),))),
]


@pytest.mark.parametrize(("text", "query"), WORDS, ids=[repr(text) for text, _ in WORDS])
def test_words_phrases_and_exclusions_are_what_they_look_like(text: str, query: Query) -> None:
    """Unknown keys, lone quotes and operators of other languages are words like others."""
    assert asked(text) == query
    assert parse(text).notes == ()


def test_a_question_asks_when_it_has_words_or_phrases() -> None:
    """Filters and exclusions alone leave nothing to rank by."""
    assert parse("a").asks
    assert parse('"a b"').asks
    assert not parse("tag:a -b").asks
    assert not parse("").asks


def test_other_phrasings_bring_words_and_the_first_one_filters() -> None:
    """What the first filters by and excludes holds for all; what others say of that is left out, and told."""
    query = parse("tag:db setup -mysql", also=["which ORM", '"data layer" tag:infra -drizzle'])

    assert [each.words for each in query.phrasings] == [("setup",), ("which", "orm"), ()]
    assert query.phrasings[2].phrases == (("data", "layer"),)
    assert {each.filters.tags for each in query.phrasings} == {("db",)}
    assert {each.excluded for each in query.phrasings} == {(("mysql",),)}
    assert query.notes == ("Filters and exclusions count in the first phrasing only.",)
    assert parse("setup", also=["which ORM"]).notes == ()


def test_phrasings_are_few_and_each_is_cut() -> None:
    """Four at most, each as long as a question may be; those that say nothing do not count."""
    query = parse("tag:db", also=["", "a" * 2_000, "b", "c", "d"])

    assert [each.text[:1] for each in query.phrasings] == ["a", "b"]
    assert len(query.phrasings[0].text) == MAX_CHARACTERS
    assert query.asks
    assert [note.split()[0] for note in query.notes] == ["The", "Only"]


# ---- filters


LISTS = [
    ("tag:infra", Filters(tags=("infra",))),
    ("TAG:Infra", Filters(tags=("Infra",))),
    ('tag:"two words"', Filters(tags=("two words",))),
    ("tag:a tag:b", Filters(tags=("a", "b"))),
    ("tag:a:b", Filters(tags=("a:b",))),
    ("type:decision", Filters(types=("decision",))),
    ("scope:group:team", Filters(scopes=("group:team",))),
    ("channel:ops", Filters(channels=("ops",))),
    ("category:runbook", Filters(categories=("runbook",))),
    ("path:db/*.md", Filters(paths=("db/*.md",))),
    ("path:" + "x" * 300, Filters(paths=("x" * 200,))),
    ("tag:a type:b scope:global", Filters(tags=("a",), types=("b",), scopes=("global",))),
]


@pytest.mark.parametrize(("text", "filters"), LISTS, ids=[text[:30] for text, _ in LISTS])
def test_a_filter_is_taken_out_of_the_words(text: str, filters: Filters) -> None:
    """With `-` before it the same filter says what must not hold."""
    minus = " ".join(f"-{part}" for part in ([text] if '"' in text else text.split()))

    assert asked(text) == Query("", filters=filters)
    assert asked(minus) == Query("", without=filters)


BOUNDS = [
    ("importance:8", (8, 8)),
    ("importance:=8", (8, 8)),
    ("importance:>=8", (8, None)),
    ("importance:>8", (9, None)),
    ("importance:<=3", (None, 3)),
    ("importance:<3", (None, 2)),
    ("importance:5..8", (5, 8)),
    ('importance:">= 8"', (8, None)),
    ("importance:>=5 importance:<9", (5, 8)),
    ("importance:>=99999999999999999999", (11, None)),
    ("importance:-5", (-1, -1)),
]


@pytest.mark.parametrize(("text", "bounds"), BOUNDS, ids=[text for text, _ in BOUNDS])
def test_importance_is_bounded_by_comparisons_and_ranges(text: str, bounds: tuple[int | None, int | None]) -> None:
    """Both ends are inclusive, several bounds all hold, and no number is too large."""
    assert asked(text) == Query("", filters=Filters(importance=bounds))


TIMES = [
    ("2026", (at(2026, 1, 1), at(2027, 1, 1) - 1)),
    ("2024", (at(2024, 1, 1), at(2025, 1, 1) - 1)),
    ("2026-02", (at(2026, 2, 1), at(2026, 3, 1) - 1)),
    ("2024-02", (at(2024, 2, 1), at(2024, 3, 1) - 1)),
    ("2026-12", (at(2026, 12, 1), at(2027, 1, 1) - 1)),
    ("2026-01-31", (at(2026, 1, 31), at(2026, 2, 1) - 1)),
    ("2026-11-21T08:48:21Z", (at(2026, 11, 21, 8, 48, 21), at(2026, 11, 21, 8, 48, 21))),
    ("2026-11-21T10:48:21.001+02:00", (at(2026, 11, 21, 8, 48, 21) + 1, at(2026, 11, 21, 8, 48, 21) + 1)),
    (">2026", (at(2027, 1, 1), None)),
    (">=2026", (at(2026, 1, 1), None)),
    ("<2026-03", (None, at(2026, 3, 1) - 1)),
    ("<=2026-03-15", (None, at(2026, 3, 16) - 1)),
    (">2026-01-01", (at(2026, 1, 2), None)),
    ("2026-01..2026-02", (at(2026, 1, 1), at(2026, 3, 1) - 1)),
    ("2026-01-05..2026-01-05", (at(2026, 1, 5), at(2026, 1, 6) - 1)),
    ("1969-12-31", (-DAY, -1)),
    ("0001", (at(1, 1, 1), at(2, 1, 1) - 1)),
    ("9999", (at(9999, 1, 1), at(9999, 12, 31) + DAY - 1)),
    ("9999-12", (at(9999, 12, 1), at(9999, 12, 31) + DAY - 1)),
    ("<=9999-12-31", (None, at(9999, 12, 31) + DAY - 1)),
]


@pytest.mark.parametrize("key", ["created", "updated"])
@pytest.mark.parametrize(("value", "bounds"), TIMES, ids=[value for value, _ in TIMES])
def test_times_are_bounded_by_years_months_days_and_moments(
    key: str, value: str, bounds: tuple[int | None, int | None]
) -> None:
    """A year, a month and a day are whole: after 2026 is from 2027 on, up to March ends with March."""
    query = parse(f"{key}:{value}")

    assert getattr(query.filters, key) == bounds
    assert (query.words, query.notes) == ((), ())


BAD = [
    "importance:high", "importance:>=", "importance:", "importance:7.5", "importance:1..x", "importance:>>1",
    "created:yesterday", "created:2026-13", "created:2024-02-30", "created:0000", "created:2026-1-1", "created:>",
    "updated:1..2", "created:20260101", 'created:"a\nb"', "created:99999", f"importance:{'9' * 900}x",
    "created:9999-12-31T23:59:59-01:00",
]  # fmt: skip


@pytest.mark.parametrize("text", BAD, ids=[repr(text[:30]) for text in BAD])
def test_a_bad_filter_becomes_words_with_a_note(text: str) -> None:
    """What cannot be meant as a filter is searched for, and the note shows one that could."""
    query = parse(text)

    assert query.filters == NO_FILTERS
    assert query.words == tuple(dict.fromkeys(words_of(text)))
    key, _, value = text.partition(":")
    shown = value.strip('"')[:40]
    expected = [f"{key}:{shown} is no filter (try {key}:>={'8' if key == 'importance' else '2026-01-31'})."]
    assert list(query.notes) == (expected if value else [])


def test_filters_that_were_given_apart_hold_too() -> None:
    """Lists are joined, bounds narrowed, and what was given stays where the text says nothing."""
    base = Filters(tags=("a",), importance=(3, 8), paths=("x",), expired=True)

    query = parse("tag:b importance:>=5 importance:<10", base)

    assert query.filters == Filters(tags=("a", "b"), importance=(5, 8), paths=("x",), expired=True)
    assert query.without == NO_FILTERS


# ---- any text at all


def test_a_long_question_is_cut_with_a_note() -> None:
    """10 kB of text are a question of a thousand characters, of which the first words count."""
    query = parse(" ".join(f"w{number}" for number in range(2_000)))

    assert len(query.text) == MAX_CHARACTERS
    assert query.words == tuple(f"w{number}" for number in range(MAX_WORDS))
    assert len(query.notes) == 2


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "a \udfff b", "\ud800 tag:\udfff", "a\x1b[31m"], ids=ascii)
def test_what_is_hardly_text_is_a_question_too(text: str) -> None:
    """NUL, halves of characters and controls harm nothing; the question can be written out."""
    assert parse(text).text.encode()


typed = (*BAD, *(text for text, _ in (*WORDS, *LISTS, *BOUNDS)), *(f"created:{value}" for value, _ in TIMES), '"', "-")
questions = st.one_of(
    st.text(st.characters()),
    st.text('ab1 "-:.<>=[]()*~^\\+\n\x00', max_size=30),
    st.lists(st.sampled_from(typed), max_size=6).map(" ".join),
    st.builds(
        "{}:{}{}".format,
        st.sampled_from(("created", "-updated", "importance")),
        st.sampled_from(("", ">", "<=", "..", "1..")),
        st.text("0123456789-:TZ+.٣", max_size=12),
    ),
)
"""Any text, signs that mean something somewhere, what people type, and filters that are nearly right."""


@settings(max_examples=500)
@given(questions)
@example("created:9999")
@example("-created:>9999-12-31T23:59:59.999999Z")
def test_no_text_makes_a_question_fail(text: str) -> None:
    """Whatever is typed becomes a question whose words are words."""
    query = parse(text)

    for word in (*query.words, *(each for run in (*query.compounds, *query.phrases, *query.excluded) for each in run)):
        assert words_of(word) == [word]
    assert len(query.words) <= MAX_WORDS
    assert all("\n" not in note or "\n" in text for note in query.notes)


@given(st.text())
def test_a_quoted_text_is_a_phrase_of_its_words(text: str) -> None:
    """In quotes nothing is an operator."""
    quoted = text.replace('"', " ")[:500]

    expected = tuple(words_of(quoted))
    assert asked(f'"{quoted}"') == Query("", phrases=(expected,) if expected else ())


# ---- time


@given(st.integers(at(1, 1, 1), at(9999, 12, 31)))
@example(1_767_225_600_001)
def test_milliseconds_are_exact(milliseconds: int) -> None:
    """No moment is a millisecond earlier than it is."""
    seconds, rest = divmod(milliseconds, 1000)
    when = datetime.fromordinal(seconds // 86_400 + datetime(1970, 1, 1, tzinfo=UTC).toordinal()).replace(
        hour=seconds // 3600 % 24, minute=seconds // 60 % 60, second=seconds % 60, microsecond=rest * 1000, tzinfo=UTC
    )

    assert to_milliseconds(when) == milliseconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12h", "2026-11-20T20:48:21Z"), ("7d", "2026-11-14T08:48:21Z"), ("4w", "2026-10-24T08:48:21Z"),
        ("0d", "2026-11-21T08:48:21Z"), ("99999w", "0110-05-17T08:48:21Z"),
        ("", ""), ("2026", "2026"), ("7", "7"), ("7m", "7m"), ("7d ", "7d "), ("123456d", "123456d"), ("soon", "soon"),
    ],
)  # fmt: skip
def test_a_span_of_time_counts_back_from_now(text: str, expected: str) -> None:
    """Hours, days and weeks are moments; anything else stays what it is."""
    assert ago(text, NOW) == expected
