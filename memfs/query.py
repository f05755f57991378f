"""What a person typed into a search, taken apart: words, phrases, what must not be there, filters. Pure; never fails.

database "connection pool" -mysql tag:infra type:decision importance:>=8 created:>2026-01-01 path:db/ scope:global
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any
from typing import NamedTuple

from memfs import scripts
from memfs.memory import format_time
from memfs.memory import parse_time

MAX_CHARACTERS = 1_000
"""A longer question is cut."""
MAX_WORDS = 64
"""Different words that a question may have; more are left out."""
MAX_PHRASINGS = 4
"""Of one question; more are left out."""

_TOKEN = re.compile(r'(?P<minus>(?:-(?!-))?)(?:(?P<key>[A-Za-z]+):)?(?:"(?P<quoted>[^"]*)"|(?P<bare>[^\s"]\S*))')
_WORD = re.compile(r"[^\W_]+")
_COMPARED = re.compile(r"(>=|<=|>|<|=)?(.+)")
_RANGE = re.compile(r"(.+?)\.\.(.+)")
_SCOPE = re.compile(r"workspace|global|(?:group|project):.+")
_LISTS = {"tag": "tags", "type": "types", "scope": "scopes", "channel": "channels", "category": "categories"}
_TIMES = ("created", "updated")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Bounds = tuple[int | None, int | None]
"""Lowest and highest value, both inclusive; None where open."""


class Filters(NamedTuple):
    """What a memory has to be like. Lists: any of them; between the fields: all.

    Attributes:
        importance: Bounds, 1 to 10.
        created, updated: Bounds in milliseconds since the epoch.
        paths: Parts of the path, `*` and `?` as in a shell.
        expired: Whether memories past their `expires` count.
        pinned: Only those that are.
        vouched: Only those whose text somebody vouches for.
    """

    tags: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    importance: Bounds = (None, None)
    created: Bounds = (None, None)
    updated: Bounds = (None, None)
    expired: bool = False
    pinned: bool = False
    vouched: bool = False


NO_FILTERS = Filters()
"""Everything passes, but what has expired."""


class Query(NamedTuple):
    """A question, ready to be asked.

    Attributes:
        text: As it was typed, cut.
        words: What may match, each once, in order; as typed but for the case.
        compounds: Runs of words that were typed as one (`src/db/schema.py:42`): better side by side.
        phrases: What must stand there word for word.
        excluded: Words and phrases that must not.
        filters: What must hold; `without` what must not.
        notes: What was typed and could not be taken as meant, one sentence each.
        also: The same question in other words, with the filters of this one.
    """

    text: str
    words: tuple[str, ...] = ()
    compounds: tuple[tuple[str, ...], ...] = ()
    phrases: tuple[tuple[str, ...], ...] = ()
    excluded: tuple[tuple[str, ...], ...] = ()
    filters: Filters = NO_FILTERS
    without: Filters = NO_FILTERS
    notes: tuple[str, ...] = ()
    also: tuple[Query, ...] = ()

    @property
    def asks(self) -> bool:
        """Return whether there is anything to rank by, beside filters."""
        return bool(self.phrasings)

    @property
    def phrasings(self) -> Sequence[Query]:
        """Return those of this and `also` that have words or phrases."""
        return [each for each in (self, *self.also) if each.words or each.phrases]

    def loosened(self) -> Query:
        """Return the same question without quotes: their words may match like others, better side by side."""
        words = dict.fromkeys((*self.words, *(word for phrase in self.phrases for word in phrase)))
        return self._replace(
            words=tuple(words)[:MAX_WORDS], compounds=(*self.compounds, *self.phrases), phrases=(), excluded=()
        )


def words_of(text: str) -> list[str]:
    """Return the runs of letters, their marks, and digits of *text*, lower-cased; see `scripts` for those it parts."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        kept = (character if unicodedata.category(character)[0] in "LMN" else " " for character in text)
        return scripts.apart("".join(kept).lower()).split()
    return [word.lower() for word in _WORD.findall(text)]


def parse(text: str, base: Filters = NO_FILTERS, also: Sequence[str] = ()) -> Query:
    """Return the question *text*, its filters added to *base*.

    Args:
        text: As typed. Unknown `key:` words, lone quotes and operators are words like others.
        base: Filters that were given apart from the text.
        also: The same question in other words. Only their words and phrases count: what *text* filters by and
            excludes holds for all.
    """
    first = _parsed(text, base)
    if not also:
        return first
    notes = [f"Only the first {MAX_PHRASINGS} phrasings were used."] if len(also) >= MAX_PHRASINGS else []
    others = [_parsed(each, NO_FILTERS) for each in also[: MAX_PHRASINGS - 1]]
    if any((each.filters, each.without, each.excluded) != (NO_FILTERS, NO_FILTERS, ()) for each in others):
        notes.append("Filters and exclusions count in the first phrasing only.")
    return first._replace(
        also=tuple(
            each._replace(filters=first.filters, without=first.without, excluded=first.excluded) for each in others
        ),
        notes=tuple(dict.fromkeys((*first.notes, *(note for each in others for note in each.notes), *notes))),
    )


def _parsed(text: str, base: Filters) -> Query:
    notes = [f"The question was cut at {MAX_CHARACTERS} characters."] if len(text) > MAX_CHARACTERS else []
    text = unicodedata.normalize("NFC", text[:MAX_CHARACTERS].encode("utf-8", "replace").decode())
    words: dict[str, None] = {}
    compounds: list[tuple[str, ...]] = []
    phrases: list[tuple[str, ...]] = []
    excluded: list[tuple[str, ...]] = []
    wanted, unwanted = base, Filters()
    for token in _TOKEN.finditer(text):
        minus, key, quoted, bare = token["minus"], (token["key"] or "").lower(), token["quoted"], token["bare"]
        value = quoted if quoted is not None else bare
        filtered = _add_filter(unwanted if minus else wanted, key, value, notes) if key else None
        if filtered is not None:
            wanted, unwanted = (wanted, filtered) if minus else (filtered, unwanted)
            continue
        run = tuple(words_of(token[0]))
        if not run:
            continue
        if minus:
            excluded.append(run)
        elif quoted is not None and not key:
            phrases.append(run)
        else:
            words.update(dict.fromkeys(run))
            compounds += [run] if len(run) > 1 else []
    if len(words) > MAX_WORDS:
        notes.append(f"Only the first {MAX_WORDS} words of the question were used.")
    return Query(
        text, tuple(words)[:MAX_WORDS], tuple(compounds[:8]), tuple(phrases), tuple(excluded), wanted, unwanted,
        tuple(notes),
    )  # fmt: skip


def _add_filter(filters: Filters, key: str, value: str, notes: list[str]) -> Filters | None:
    """Return *filters* with `key:value`, or None when that is no filter."""
    if key == "scope" and not _SCOPE.fullmatch(value):
        notes.append(f"scope:{value[:40]} is no filter (the scopes are workspace, global, group:NAME, project:NAME).")
        return None
    if key in _LISTS and value.strip():
        field = _LISTS[key]
        both: dict[str, Any] = {field: (*getattr(filters, field), value)}
        return filters._replace(**both)
    if key == "path" and value.strip():
        return filters._replace(paths=(*filters.paths, value[:200]))
    if key not in ("importance", *_TIMES):
        return None
    try:
        narrower = bounds(key, value)
    except ValueError:
        notes.append(f"{key}:{value[:40]} is no filter (try {key}:>={'8' if key == 'importance' else '2026-01-31'}).")
        return None
    narrowed: dict[str, Any] = {key: _both(getattr(filters, key), narrower)}
    return filters._replace(**narrowed)


def _both(one: Bounds, other: Bounds) -> Bounds:
    lows = [each[0] for each in (one, other) if each[0] is not None]
    highs = [each[1] for each in (one, other) if each[1] is not None]
    return (max(lows, default=None), min(highs, default=None))


def bounds(key: str, value: str) -> Bounds:
    """Return the bounds that `>=8`, `8`, `5..8` or `<2026-01-01` mean for `importance`, `created` or `updated`.

    Raises:
        ValueError: They mean nothing.
    """
    span = _whole if key == "importance" else _milliseconds
    if found := _RANGE.fullmatch(value):
        return span(found[1])[0], span(found[2])[1]
    compared = _COMPARED.fullmatch(value)
    if compared is None:
        raise ValueError(value)
    first, last = span(compared[2])
    operators: dict[str | None, Bounds] = {
        ">": (last + 1, None), ">=": (first, None), "<": (None, first - 1), "<=": (None, last),
    }  # fmt: skip
    return operators.get(compared[1], (first, last))


def _whole(text: str) -> tuple[int, int]:
    number = int(text)
    return max(-1, min(number, 11)), max(-1, min(number, 11))


def _milliseconds(text: str) -> tuple[int, int]:
    """Return the first and last millisecond of a time (itself), a day, a month `2026-01` or a year `2026`."""
    if found := re.fullmatch(r"(\d{4})(?:-(\d\d))?", text):
        first = datetime(int(found[1]), int(found[2] or 1), 1, tzinfo=UTC)
        longest = timedelta(days=31 if found[2] else 366)
    else:
        first = parse_time(text)
        longest = timedelta(days=1) if len(text) == len("2026-01-31") else timedelta(milliseconds=1)
    try:
        after = first + longest
    except OverflowError:  # the end of the year 9999, which is the end of time
        return to_milliseconds(first), to_milliseconds(datetime.max.replace(tzinfo=UTC))
    if found:
        after = after.replace(day=1) if found[2] else after.replace(month=1, day=1)
    return to_milliseconds(first), to_milliseconds(after) - 1


def to_milliseconds(when: datetime) -> int:
    """Return *when* in whole milliseconds since the epoch."""
    return (when - _EPOCH) // timedelta(milliseconds=1)


def ago(text: str, now: datetime) -> str:
    """Return *text*, or the time that `12h`, `7d` or `4w` before *now* was."""
    found = re.fullmatch(r"(\d{1,5})([hdw])", text)
    if not found:
        return text
    hours = int(found[1]) * {"h": 1, "d": 24, "w": 168}[found[2]]
    return format_time(now - timedelta(hours=hours))
