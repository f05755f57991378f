"""What can be asked of the index: the best for a question, pages, names, values, snippets; in named stores alone."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

import tantivy
from tantivy import Document
from tantivy import Occur
from tantivy import Query as Clause

from memfs import rank
from memfs import scripts
from memfs.index.folder import IndexFolder
from memfs.index.question import Questions
from memfs.index.question import Recipe
from memfs.index.question import literal
from memfs.query import Query
from memfs.rank import Within
from memfs.words import STOPWORDS

_WORD_END = re.compile(r"[^\s\w]*")
"""What belongs to the last word of a snippet, where Tantivy cuts: a full stop, a bracket."""
SNIPPET_CHARACTERS = 160
SNIPPET_SOURCE = 100_000
"""Characters of a body among which a snippet is looked for."""
SHARED_STEMS = 24
"""Of a text's rarest words by which others like it are looked for."""
_SORTS = ("created", "updated", "importance")


class Snippet(NamedTuple):
    """A piece of a memory's text, and where in it the matches are (start and end, in characters)."""

    text: str
    marks: tuple[tuple[int, int], ...] = ()


class Asking:
    """Asks the index in *folder*."""

    def __init__(self, folder: IndexFolder) -> None:
        self._folder = folder
        self._schema = folder.schema
        self._questions = Questions(folder.schema, folder.analyzers)

    @property
    def recipe(self) -> Recipe:
        """What questions are made of, in this process."""
        return self._questions.recipe

    @recipe.setter
    def recipe(self, recipe: Recipe) -> None:
        self._questions.recipe = recipe

    @property
    def contents(self) -> object:
        """What changes whenever anything is brought in, of whatever store."""
        return self._folder.contents

    def search(
        self, places: Sequence[Within], query: Query, limit: int, now: datetime, *, among: Sequence[str] = ()
    ) -> list[rank.Found]:
        """Return the best *limit* memories for *query* in *places*.

        Args:
            places: The stores, each with the factor of its scores; nothing else is looked at.
            query: Its scopes are the caller's business.
            limit: At most so many.
            now: Memories that have expired by then are left out.
            among: Only memories whose files have these digests, and of those also such as no word matches.
        """

        def ask(searcher: tantivy.Searcher) -> list[rank.Found]:
            asked, best = self._questions.ask(searcher, query)
            if among:
                # one by one: the set that `any_of` makes of several is built by a walk through all digests
                these = [(Occur.Should, self._questions.any_of("digest", [digest])) for digest in among]
                asked = [(Occur.Must, Clause.boolean_query(these)), *((Occur.Should, clause) for _, clause in asked)]
            found: list[rank.Found] = []
            for weight, alike in rank.weight_classes(places).items() if asked else ():
                clauses = [*asked, *self._questions.filters(alike, query, now)]
                hits = searcher.search(Clause.boolean_query(clauses), limit, count=False).hits
                created = searcher.fast_field_values("created", [address for _, address in hits])
                for (score, address), when in zip(hits, created, strict=True):
                    document = searcher.doc(address)
                    text = rank.bounded(float(score), best)
                    store, path, digest = (str(document[name][0]) for name in ("store", "path", "digest"))
                    found.append(rank.Found(store, path, text, weight, int(when or 0), digest))
            return rank.order(found, limit)

        return self._folder.guarded(ask)

    def rarity(self, query: Query, twice: frozenset[str], found: Sequence[rank.Found]) -> dict[tuple[str, str], float]:
        """Return, by store key and path, how many words of *query* each of *found* has, each counted by its rarity.

        The words *twice* count double; of the query nothing but its words counts.
        """

        def ask(searcher: tantivy.Searcher) -> dict[tuple[str, str], float]:
            these = (Occur.Must, self._questions.any_of("key", [f"{hit.store}:{hit.path}" for hit in found]))
            counted = Clause.boolean_query([these, *self._questions.rarity(searcher, query, twice)])
            hits = searcher.search(counted, len(found), count=False).hits
            documents = [(searcher.doc(address), score) for score, address in hits]
            return {(str(each["store"][0]), str(each["path"][0])): float(score) for each, score in documents}

        return self._folder.guarded(ask) if found else {}

    def page(
        self,
        places: Sequence[Within],
        query: Query,
        now: datetime,
        *,
        sort: str = "created",
        limit: int = 20,
        offset: int = 0,
        states: Sequence[str] = (),
    ) -> tuple[list[tuple[str, str]], int]:
        """Return store key and path of the memories that pass *query*'s filters, highest *sort* first, and how many.

        Args:
            places: The stores to look in.
            query: Its words do not count, its filters do.
            now: Memories that have expired by then are left out.
            sort: `created`, `updated` or `importance`.
            limit: At most so many.
            offset: Skip so many.
            states: Only memories in one of these states.
        """
        if sort not in _SORTS:
            raise ValueError(sort)

        def ask(searcher: tantivy.Searcher) -> tuple[list[tuple[str, str]], int]:
            clauses = self._questions.filters(places, query, now)
            if states:
                clauses.append((Occur.Must, self._questions.any_of("state", states)))
            every = Clause.boolean_query(clauses)
            result = searcher.search(every, max(limit, 1), order_by_field=f"by_{sort}", offset=offset)
            documents = [searcher.doc(address) for _, address in result.hits[:limit]]
            count: int = result.count  # type: ignore[attr-defined]
            return [(str(each["store"][0]), str(each["path"][0])) for each in documents], count

        return self._folder.guarded(ask)

    def find(self, places: Sequence[Within], field_name: str, value: str) -> list[tuple[str, str]]:
        """Return store key and path of up to 20 memories in *places* that *value* names.

        Args:
            places: The stores to look in.
            field_name: `id` (whole), `handle` (a beginning of the id, any case), `name` (the whole title, any case),
                `link` (what it links to, any case) or `about` (one of them, whole).
            value: What to look for.
        """

        def ask(searcher: tantivy.Searcher) -> list[tuple[str, str]]:
            if field_name == "handle":
                wanted = self._questions.pattern("handle", f"{literal(value.casefold())}.*")
            else:
                wanted = Clause.term_query(
                    self._schema, field_name, value.casefold() if field_name in ("name", "link") else value
                )
            within = (Occur.Must, self._questions.within(places))
            hits = searcher.search(Clause.boolean_query([(Occur.Must, wanted), within]), 20, count=False).hits
            documents = [searcher.doc(address) for _, address in hits]
            return [(str(each["store"][0]), str(each["path"][0])) for each in documents]

        return self._folder.guarded(ask) if value and places else []

    def stems(self, text: str) -> list[str]:
        """Return the words of *text* as the index has them, in their order, without those that say nothing."""
        spread = scripts.spread(unicodedata.normalize("NFKC", text[:SNIPPET_SOURCE]))
        return [stem for stem in self._folder.analyzers.stems.analyze(spread) if stem not in self._silent]

    @cached_property
    def _silent(self) -> frozenset[str]:
        return frozenset(stem for word in STOPWORDS for stem in self._folder.analyzers.stems.analyze(word))

    def holding(self, stems: Iterable[str]) -> tuple[dict[str, int], int]:
        """Return how many memories hold each of *stems*, one at least, and how many memories there are."""

        def ask(searcher: tantivy.Searcher) -> tuple[dict[str, int], int]:
            counts = {stem: max(searcher.doc_freq("all", stem), 1) for stem in set(stems)}
            return counts, searcher.num_docs

        return self._folder.guarded(ask)

    def sharing(
        self, places: Sequence[Within], stems: Iterable[str], limit: int, now: datetime
    ) -> list[tuple[str, str]]:
        """Return store key and path of the memories in *places* that share the most of the rarest of *stems*.

        The stems are those of a memory that the index has: what no other holds is not looked for. Memories that have
        expired by *now* are left out.
        """
        counts, documents = self.holding(stems)
        shared = sorted((count, stem) for stem, count in counts.items() if count > 1)[:SHARED_STEMS]

        def ask(searcher: tantivy.Searcher) -> list[tuple[str, str]]:
            rare = [
                (
                    Occur.Should,
                    Clause.const_score_query(
                        Clause.term_query(self._schema, "all", stem, "basic"), rank.idf(count, documents)
                    ),
                )
                for count, stem in shared
            ]
            clauses = [(Occur.Must, Clause.boolean_query(rare)), *self._questions.filters(places, Query(""), now)]
            hits = searcher.search(Clause.boolean_query(clauses), limit, count=False).hits
            found = [searcher.doc(address) for _, address in hits]
            return [(str(each["store"][0]), str(each["path"][0])) for each in found]

        return self._folder.guarded(ask) if shared and places else []

    def values(self, places: Sequence[Within], field_name: str) -> dict[str, int]:
        """Return each value of a field in *places*, with how many memories have it.

        It is `tag`, `type`, `category`, `channel`, `about`, `glob`, `id` or `digest`.
        """

        def ask(searcher: tantivy.Searcher) -> dict[str, int]:
            within = self._questions.within(places)
            found = searcher.terms_with_prefix(field_name, "", filter_query=within)
            return {value: count for value, count in found if value and count}

        return self._folder.guarded(ask) if places else {}

    def digests(self, places: Sequence[Within], query: Query, now: datetime) -> list[str]:
        """Return the digests of the files in *places* that pass the filters and hold the phrases of *query*, once each.

        Its words do not count; memories that have expired by *now* are left out.
        """

        def ask(searcher: tantivy.Searcher) -> list[str]:
            phrases, _ = self._questions.ask(searcher, query._replace(words=(), compounds=(), also=()))
            every = Clause.boolean_query([*phrases, *self._questions.filters(places, query, now)])
            return [digest for digest, count in searcher.terms_with_prefix("digest", "", filter_query=every) if count]

        return self._folder.guarded(ask) if places else []

    def snippets(self, query: Query, bodies: Sequence[str]) -> list[Snippet]:
        """Return, for each of *bodies*, the piece that matches *query* best; its beginning when none does."""

        def ask(searcher: tantivy.Searcher) -> list[Snippet]:
            wanted = self._questions.terms(query)
            generator = tantivy.SnippetGenerator.create(searcher, wanted, self._schema, "all")
            generator.set_max_num_chars(SNIPPET_CHARACTERS)
            return [_snippet(generator, body[:SNIPPET_SOURCE]) for body in bodies]

        return self._folder.guarded(ask)


def _snippet(generator: tantivy.SnippetGenerator, body: str) -> Snippet:
    text = scripts.spread(body)
    document = Document()
    document.add_text("all", text)
    snippet = generator.snippet_from_doc(document)
    fragment = snippet.fragment()
    if not fragment:
        start = " ".join(body[: 2 * SNIPPET_CHARACTERS].split())
        return Snippet(start if len(start) <= SNIPPET_CHARACTERS else start[: SNIPPET_CHARACTERS - 1].rstrip() + "…")
    raw, place = fragment.encode(), len(text.encode()[: snippet.fragment_range().start].decode())
    marks = tuple((len(raw[: mark.start].decode()), len(raw[: mark.end].decode())) for mark in snippet.highlighted())
    if text != body:
        return _gathered(body, place, len(fragment), marks)
    return Snippet(fragment + _word_end(body, place + len(fragment)), marks)


def _gathered(body: str, start: int, length: int, marks: Sequence[tuple[int, int]]) -> Snippet:
    """Return the piece of *body* whose `spread` is *length* characters from *start* on, with its *marks* joined."""
    origins = scripts.origins(body)
    first, last = origins[start], origins[start + length - 1]
    joined: list[tuple[int, int]] = []
    for mark in marks:
        begin, end = origins[start + mark[0]] - first, origins[start + mark[1] - 1] + 1 - first
        if joined and begin <= joined[-1][1]:
            begin, end = joined[-1][0], max(end, joined.pop()[1])
        joined.append((begin, end))
    return Snippet(body[first : last + 1] + _word_end(body, last + 1), tuple(joined))


def _word_end(body: str, place: int) -> str:
    found = _WORD_END.match(body, place, place + 80)
    return found[0] if found else ""
