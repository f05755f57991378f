"""How a memory becomes a document of the index: fields, analyzers, and the text that it is found by."""

from __future__ import annotations

import re
import time
import unicodedata
import zlib
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import NamedTuple

import tantivy

from memfs import scripts
from memfs.changes import Stamp
from memfs.index.learned import Learned
from memfs.memory import Memory
from memfs.memory import derived_id
from memfs.query import to_milliseconds

SCHEMA_VERSION = 4
"""Raised whenever documents come to mean something else; each version has a folder of its own."""

MOST_VALUES, LONGEST_VALUE = 64, 300
"""Of a list that a memory has, and characters of each: no file makes a question slow for others."""
MOST_LINKS = 1_000
"""The same of links: a session of work has many."""

_WITHOUT_STOPWORDS = ("Arabic", "Greek", "Romanian", "Tamil", "Turkish")
"""Languages for which Tantivy has no such list."""
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_HUMP = re.compile(r"[A-Z](?:(?<=[a-z0-9].)|(?<=[A-Z].)(?=[a-z]))")
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_ALNUM = re.compile(r"[A-Za-z0-9]+")


class Analyzers(NamedTuple):
    """How words are made; an opened index forgets them.

    Attributes:
        stems: As they are indexed.
        plain: As they are written, but for case and accents.
        grams: Their three-letter pieces.
        languages: For each language beside English the stems that are indexed, too; none of a word that says nothing.
    """

    stems: tantivy.TextAnalyzer
    plain: tantivy.TextAnalyzer
    grams: tantivy.TextAnalyzer
    languages: tuple[tantivy.TextAnalyzer, ...] = ()


def analyzers(languages: Sequence[str] = ()) -> Analyzers:
    """Return how words are made by who writes in *languages* beside English."""
    simple, grams = tantivy.Tokenizer.simple(), tantivy.Tokenizer.ngram(3, 3)
    lower, fold = tantivy.Filter.lowercase(), tantivy.Filter.ascii_fold()
    short = tantivy.Filter.remove_long(64)
    return Analyzers(
        _analyzer(simple, short, lower, fold, tantivy.Filter.stemmer("English")),
        _analyzer(simple, short, lower, fold),
        _analyzer(grams, lower, fold),
        tuple(_analyzer(simple, short, lower, *_of_language(name.capitalize())) for name in languages),
    )


def _of_language(name: str) -> Iterator[tantivy.Filter]:
    """Yield what takes the words of a language that say nothing away, and off the others their endings.

    Once more without accents, so that who types none finds those who do.
    """
    if name not in _WITHOUT_STOPWORDS:
        yield tantivy.Filter.stopword(name)
    yield from (tantivy.Filter.stemmer(name), tantivy.Filter.ascii_fold(), tantivy.Filter.stemmer(name))


def _analyzer(tokenizer: tantivy.Tokenizer, *filters: tantivy.Filter) -> tantivy.TextAnalyzer:
    builder = tantivy.TextAnalyzerBuilder(tokenizer)
    for each in filters:
        builder = builder.filter(each)
    return builder.build()


def schema() -> tantivy.Schema:
    """Return the fields: three to search by, the others to find and filter by."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("all", tokenizer_name="memfs_stem", index_option="position")
    builder.add_text_field("title", stored=True, tokenizer_name="memfs_stem", index_option="freq")
    builder.add_text_field("ng", tokenizer_name="memfs_ng", index_option="freq")
    for name in ("store", "path", "id", "channel", "digest"):
        builder.add_text_field(name, stored=True, tokenizer_name="raw", index_option="basic")
    for name in ("key", "handle", "place", "name", "type", "tag", "category", "about", "glob", "link", "state"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in ("created", "updated", "importance", "expires"):
        builder.add_integer_field(name, indexed=True, fast=True)
    for name in ("by_created", "by_updated", "by_importance"):
        builder.add_integer_field(name, fast=True)
    return builder.build()


def document(
    analyzers: Analyzers, store_key: str, memory: Memory, stamp: Stamp, digest: str, *, learned: Learned | None = None
) -> dict[str, object]:
    """Return the fields for *memory* in the store *store_key*, whose file had *stamp* and *digest* when it was read.

    What the memory does not say of its times is *learned* of git, else the file's.
    """
    created = updated = stamp.mtime_ns // 1_000_000
    if learned is not None:
        created = learned.created * 1_000
        updated = updated if learned.updated is None else learned.updated * 1_000
    if memory.created:
        created = _to_the_millisecond(memory, to_milliseconds(memory.created))
    if memory.updated:
        updated = to_milliseconds(memory.updated)
    key = f"{store_key}:{memory.path}"
    text = unicodedata.normalize("NFKC", _text(memory, created))
    about = [
        place.partition("#")[0].removeprefix("./").rstrip("/")[:LONGEST_VALUE] for place in memory.about[:MOST_VALUES]
    ]
    document: dict[str, object] = {
        "all": "\n".join((scripts.spread(text), scripts.singles(text), _parts(text), *_stems(text, analyzers))),
        "title": [memory.title, *_spellings(memory.title)],
        "ng": scripts.without(text),
        "store": store_key,
        "path": memory.path,
        "key": key,
        "id": sorted({memory.id, derived_id(memory.path)}),
        "handle": memory.id.casefold(),
        "place": memory.path.casefold(),
        "name": memory.title.casefold(),
        "type": memory.type.casefold(),
        "tag": [tag.casefold() for tag in memory.tags],
        "category": memory.category.casefold(),
        "channel": [channel.casefold() for channel in memory.channels[:MOST_VALUES]],
        "about": about,
        "glob": [place for place in about if set(place) & set("*?[")],
        "link": [link.to.casefold()[:LONGEST_VALUE] for link in memory.references()[:MOST_LINKS]],
        "digest": digest,
        "state": [memory.state, *(["flawed"] if memory.problems else []), *(["pinned"] if memory.pinned else [])],
        "created": created,
        "updated": updated,
        "importance": memory.importance,
        **_places(memory.path, created, updated, memory.importance),
    }
    if memory.expires:
        document["expires"] = to_milliseconds(memory.expires)
    return document


def _places(path: str, created: int, updated: int, importance: int) -> dict[str, int]:
    """Return where a memory stands in each order of a list: no two alike, so that pages neither overlap nor miss.

    The values stay within 63 bits for every time from the year 1 to 9999.
    """
    tie = zlib.crc32(path.encode()) & 0x3FFF
    by_importance = importance * 10**17 + (created + 10**14) * 100 + tie % 100
    return {"by_created": created << 14 | tie, "by_updated": updated << 14 | tie, "by_importance": by_importance}


def _to_the_millisecond(memory: Memory, created: int) -> int:
    """Return *created*, to the millisecond where the id was made in the same second: the order of a burst of saves."""
    if _ULID.fullmatch(memory.id):
        number = 0
        for character in memory.id[:10]:
            number = number * 32 + _CROCKFORD.index(character)
        if number // 1000 == created // 1000:
            return number
    return created


def _stems(text: str, analyzers: Analyzers) -> Iterable[str]:
    """Return what words of *text* are without their endings in languages beside English, each once."""
    if not analyzers.languages:
        return ()
    text = scripts.without(text)
    stems = dict.fromkeys(stem for each in analyzers.languages for stem in each.analyze(text))
    as_written = set(analyzers.plain.analyze(text))  # what the index has anyway
    return [stem for stem in stems if stem not in as_written]


def _spellings(title: str) -> list[str]:
    """Return what else a *title* is found by: one that is not ASCII is shown as it is written."""
    if title.isascii():
        return []
    title = unicodedata.normalize("NFKC", title)
    return [scripts.spread(title), scripts.singles(title)]


def _text(memory: Memory, created: int) -> str:
    """Return what a memory is found by: all that a person wrote, and the day it was learned in words."""
    when = time.gmtime(created / 1000)
    day = time.strftime("%Y-%m-%d %B %Y", when) if memory.created else ""
    stem = memory.path.rpartition("/")[2].rpartition(".")[0] if memory.state == "unreadable" else ""
    title = memory.title if memory.title not in memory.body else ""
    pieces = (title, memory.body, " ".join(memory.tags), memory.category, memory.summary, *memory.cues, day, stem)
    return "\n".join(piece for piece in pieces if piece)


def _parts(text: str) -> str:
    """Return the parts of the camelCase words in *text*, which no tokenizer takes apart: `getUserById` has four."""
    mixed: dict[str, None] = {}
    end = 0
    for hump in _HUMP.finditer(text):
        if hump.start() >= end:
            start = hump.start()
            while start > end and text[start - 1].isalnum():
                start -= 1
            word = _ALNUM.match(text, start)
            end = word.end() if word else hump.end()
            mixed[text[start:end]] = None
    return "\n".join(" ".join(_CAMEL.findall(word)) for word in mixed)
