"""How a question becomes clauses for Tantivy: built from tokens, since its parser dies of hostile text."""

from __future__ import annotations

import math
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import tantivy
from tantivy import FieldType
from tantivy import Occur
from tantivy import Query as Clause

from memfs import rank
from memfs.index.document import Analyzers
from memfs.query import Bounds
from memfs.query import Filters
from memfs.query import Query
from memfs.query import to_milliseconds
from memfs.rank import Within
from memfs.scripts import is_unspaced
from memfs.scripts import spread
from memfs.words import IRREGULAR
from memfs.words import STOPWORDS

GRAM_WORD, GRAM_LENGTH = 4, 3
"""Letters from which on a word also finds words that begin with it; and those of a script without spaces, pieces."""
LONG_WORD, LONG_SHARE = 7, 0.6
"""Letters from which on an unknown word is found by so many of its pieces: endings with a typo have no stem."""
OTHERS = 0.5
"""What each phrasing of a question counts but for the first: a misleading one takes less away than a good one gives."""
PAIRS = 3
"""Of so many pairs of a run of Chinese, Japanese or Korean, which is often several words, one has to match."""
TYPO_WORD = 5
"""Letters from which on a word that no memory has also finds those one typing error away."""


class Recipe(NamedTuple):
    """What a question is made of, beside its words; measured, see `.memory/search-recipe.md`.

    Weights are relative to 1 for a word in the text; 0 leaves a part out, so that it can be measured what it brings.

    Attributes:
        title: Weight of a word in the title, once more.
        irregular: Weight of the other forms of an irregular word, and of stems in other languages than English.
        grams: Weight of the three-letter pieces of a word that no memory has.
        compounds: Weight of words side by side that were typed as one.
        prefixes: Whether words are found that begin with one of the question's.
        typos: Whether words are found that are one typing error away from one that no memory has.
        stopwords: Whether words that say nothing are left out.
    """

    title: float = 0.5
    irregular: float = 0.8
    grams: float = 0.1
    compounds: float = 0.5
    prefixes: bool = True
    typos: bool = True
    stopwords: bool = True


Clauses = list[tuple[Occur, Clause]]
"""Of a boolean query."""


class Asked:
    """A question as clauses: what a hit must match, what else adds to its score, and the best score there is.

    Attributes:
        gate: Of these a hit matches one at least; each adds to its score.
        extras: What adds to a score and finds nothing by itself.
        musts: Of these a hit matches every one.
    """

    def __init__(self, searcher: tantivy.Searcher, schema: tantivy.Schema) -> None:
        self.gate: Clauses = []
        self.extras: Clauses = []
        self.musts: Clauses = []
        self.best = 0.0
        self._searcher = searcher
        self._schema = schema

    def term(self, field_name: str, value: str, boost: float, *, counts: bool = True) -> Clause:
        """Return the clause for one term, whose best score *counts* for the question's or not."""
        if counts:
            weight = rank.idf(self._searcher.doc_freq(field_name, value), self._searcher.num_docs)
            self.best += boost * weight * (rank.K1 + 1)
        return Clause.boost_query(Clause.term_query(self._schema, field_name, value, "freq"), boost)

    def is_unknown(self, stems: Iterable[str]) -> bool:
        """Return whether no memory has any of *stems*."""
        return not any(self._searcher.doc_freq("all", stem) for stem in stems)

    @property
    def clauses(self) -> Clauses:
        """What must stand there word for word decides alone; else a word has to match, or one much like it."""
        if self.musts:
            return [*self.musts, *self.extras, *self.gate]
        return [(Occur.Must, Clause.boolean_query(self.gate)), *self.extras]


class Questions:
    """Builds clauses for one schema and its analyzers, by the `recipe`."""

    def __init__(self, schema: tantivy.Schema, analyzers: Analyzers) -> None:
        self._schema = schema
        self._stems, self._plain, self._grams, self._languages = analyzers
        self.recipe = Recipe()

    def ask(self, searcher: tantivy.Searcher, query: Query) -> tuple[Clauses, float]:
        """Return the clauses for all phrasings of *query*, and the best score that they allow; none: nothing is asked.

        Each of several phrasings counts by the share of its own best score, so that a long one weighs no more.
        """
        asked = [each for each in (self._asked(searcher, phrasing) for phrasing in query.phrasings) if each.best]
        if len(asked) <= 1:
            return (asked[0].clauses, asked[0].best) if asked else ([], 0.0)
        weights = [1.0, *[OTHERS] * (len(asked) - 1)]
        shares = [
            (Occur.Should, Clause.boost_query(Clause.boolean_query(each.clauses), weight / each.best))
            for each, weight in zip(asked, weights, strict=True)
        ]
        return [(Occur.Must, Clause.boolean_query(shares))], sum(weights)

    def _asked(self, searcher: tantivy.Searcher, query: Query) -> Asked:
        """Return the words and phrases of one phrasing as clauses, never parsed by Tantivy."""
        asked = Asked(searcher, self._schema)
        for word in self._words(query):
            add = self._add_run if is_unspaced(word) else self._add_word
            add(asked, word)
        for compound in query.compounds:
            phrase = Clause.boost_query(self._phrase(compound), self.recipe.compounds)
            asked.gate.append((Occur.Should, phrase))
        for phrase_words in query.phrases:
            for word in phrase_words:
                for stem in self._analyzed(word):
                    asked.term("all", stem, 1.0)
            asked.musts.append((Occur.Must, self._phrase(phrase_words)))
        return asked

    def _add_word(self, asked: Asked, word: str) -> None:
        """Add *word* to what is *asked*: its forms, and what is nearly like it."""
        forms = self._forms(word)
        for stem, weight in forms:
            counts = weight == 1.0
            asked.gate.append((Occur.Should, asked.term("all", stem, weight, counts=counts)))
            asked.gate.append((Occur.Should, asked.term("title", stem, weight * self.recipe.title, counts=counts)))
        unknown = asked.is_unknown(stem for stem, _ in forms)
        asked.gate += [(Occur.Should, clause) for clause in self._nearly(word, unknown=unknown)]
        pieces = self._pieces(word) if unknown else ()
        if pieces:
            grams = [(Occur.Should, asked.term("ng", piece, self.recipe.grams)) for piece in pieces]
            is_long = _has_capitals(word) and len(word) >= LONG_WORD
            least = math.ceil(len(grams) * LONG_SHARE) if is_long else max(1, len(grams) // 2)
            finds = asked.gate if is_long or not _has_capitals(word) else asked.extras
            finds.append((Occur.Should, Clause.boolean_query(grams, least)))

    def _add_run(self, asked: Asked, run: str) -> None:
        """Add a *run* of Chinese, Japanese or Korean, which may be several words, to what is *asked*: its pairs."""
        pairs = [pair for pair, _ in self._forms(run)]
        for name, weight in (("all", 1.0), ("title", self.recipe.title)):
            clauses = [(Occur.Should, asked.term(name, pair, weight)) for pair in pairs]
            asked.gate.append((Occur.Should, Clause.boolean_query(clauses, max(1, len(pairs) // PAIRS))))

    def _nearly(self, word: str, *, unknown: bool) -> Iterator[Clause]:
        """Yield what finds, and does not score, words that begin with *word* or, if it is *unknown*, are like it."""
        if len(word) < GRAM_WORD:
            return
        spelled = dict.fromkeys([*self._analyzed(word)[:1], *self._plain.analyze(word)[:1]])
        distances = [(0, True)] if self.recipe.prefixes else []
        if self.recipe.typos and unknown and len(word) >= TYPO_WORD:
            distances.append((1, False))
        for distance, prefix in distances:
            for text in spelled if distance else list(spelled)[:1]:
                near = Clause.fuzzy_term_query(
                    self._schema, "all", text, distance, transposition_cost_one=True, prefix=prefix
                )
                yield Clause.const_score_query(near, 0.0)

    def filters(self, places: Sequence[Within], query: Query, now: datetime) -> list[tuple[Occur, Clause]]:
        """Return what has to hold beside the words: the *places*, the filters of *query*, not expired at *now*."""
        clauses = [(Occur.Must, self.within(places))]
        clauses += [(Occur.Must, clause) for clause in self._conditions(query.filters)]
        clauses += [(Occur.MustNot, clause) for clause in self._conditions(query.without)]
        clauses += [(Occur.MustNot, self._phrase(words)) for words in query.excluded]
        if not query.filters.expired:
            past = Clause.range_query(self._schema, "expires", FieldType.Integer, upper_bound=to_milliseconds(now))
            clauses.append((Occur.MustNot, past))
        return clauses

    def rarity(self, searcher: tantivy.Searcher, query: Query, twice: frozenset[str]) -> Iterator[tuple[Occur, Clause]]:
        """Yield clauses that count the words of *query*: 1 for what one memory has, less if more do; *twice* double."""
        documents = searcher.num_docs
        unit = rank.idf(1, documents)
        for word in filter(self._tells, query.words):
            factor = (2 if word in twice else 1) / unit
            forms = [
                Clause.const_score_query(
                    Clause.term_query(self._schema, "all", stem, "basic"),
                    factor * weight * rank.idf(searcher.doc_freq("all", stem), documents),
                )
                for stem, weight in self._forms(word)
            ]
            if is_unspaced(word):  # two pairs that overlap say as much as a word
                yield from ((Occur.Should, Clause.boost_query(pair, 0.5)) for pair in forms)
            elif forms:
                yield Occur.Should, Clause.disjunction_max_query(forms)

    def within(self, places: Sequence[Within]) -> Clause:
        """Return a filter: one of *places*. The only way to name a store, so that no question goes beyond a view."""
        stores: dict[tuple[tuple[str, ...] | None, frozenset[str] | None], list[str]] = {}
        for place in places:
            stores.setdefault((place.channels, place.digests), []).append(place.store)
        clauses = []
        for (channels, digests), keys in stores.items():
            musts = [(Occur.Must, self.any_of("store", keys))]
            if channels is not None:
                shown = [(Occur.Should, self._in_channel(pattern)) for pattern in channels]
                musts.append((Occur.Must, Clause.boolean_query(shown)))
            if digests is not None:
                musts.append((Occur.Must, self.any_of("digest", sorted(digests))))
            clauses.append(musts[0][1] if len(musts) == 1 else Clause.boolean_query(musts))
        if len(clauses) == 1:
            return clauses[0]
        return Clause.const_score_query(Clause.boolean_query([(Occur.Should, each) for each in clauses]), 0.0)

    def _in_channel(self, pattern: str) -> Clause:
        if "*" not in pattern:
            return self.any_of("channel", [pattern])
        return self.pattern("channel", ".*".join(map(literal, pattern.split("*"))))

    def any_of(self, field_name: str, values: Sequence[str]) -> Clause:
        """Return a filter: the field has one of *values*."""
        if len(values) == 1:
            return Clause.const_score_query(Clause.term_query(self._schema, field_name, values[0], "basic"), 0.0)
        return Clause.const_score_query(Clause.term_set_query(self._schema, field_name, list(values)), 0.0)

    def pattern(self, field_name: str, pattern: str) -> Clause:
        """Return a filter for values that match *pattern* as a whole; nothing does when it is too large to be built."""
        try:
            return Clause.const_score_query(Clause.regex_query(self._schema, field_name, pattern), 0.0)
        except ValueError:
            return Clause.empty_query()

    def _words(self, query: Query) -> Sequence[str]:
        """Return the words of *query* that say something; all of them when none does."""
        telling = [word for word in query.words if self._tells(word)] if self.recipe.stopwords else ()
        return telling or query.words

    def _tells(self, word: str) -> bool:
        """Return whether *word* says something, in each language."""
        return word not in STOPWORDS and all(each.analyze(word) for each in self._languages)

    def _analyzed(self, word: str) -> list[str]:
        """Return what the index has for *word*: its stem, several where it is split, or a run's pairs and its end."""
        return self._stems.analyze(spread(word))

    def _forms(self, word: str) -> list[tuple[str, float]]:
        """Return what the index has for *word* and its other forms in all languages, with weights; of a run, pairs."""
        if is_unspaced(word):
            return [(pair, 1.0) for pair in dict.fromkeys(self._analyzed(word)[:-1] or [word])]
        shapes = list(IRREGULAR.get(word, ())) if self.recipe.irregular else []
        shapes += (stem for each in self._languages for stem in each.analyze(word))
        forms = dict.fromkeys((stem for other in shapes for stem in self._analyzed(other)), self.recipe.irregular)
        return list((forms | dict.fromkeys(self._analyzed(word), 1.0)).items())

    def _pieces(self, word: str) -> Sequence[str]:
        """Return the three-letter pieces of *word*, each once; none of a short one."""
        if not self.recipe.grams or len(word) < (GRAM_WORD if _has_capitals(word) else GRAM_LENGTH):
            return ()
        return list(dict.fromkeys(self._grams.analyze(word)))

    def _phrase(self, words: Sequence[str]) -> Clause:
        stems = [stem for word in words for stem in self._analyzed(word)]
        ends_in_run = bool(words) and is_unspaced(words[-1])
        if ends_in_run and len(words[-1]) > 1:
            stems.pop()  # the run may go on there
        if len(stems) == 1:
            return Clause.term_query(self._schema, "all", stems[0], "freq")
        if not stems:
            return Clause.empty_query()
        if ends_in_run and len(words[-1]) == 1:
            return Clause.phrase_prefix_query(self._schema, "all", list(stems))
        return Clause.phrase_query(self._schema, "all", list(stems))

    def _conditions(self, filters: Filters) -> Iterator[Clause]:
        """Yield one clause for each field of *filters* that says something; none of them changes a score."""
        lists = {
            "state": ("pinned",) if filters.pinned else (),
            "tag": filters.tags, "type": filters.types, "channel": filters.channels, "category": filters.categories,
        }  # fmt: skip
        for name, values in lists.items():
            if values:
                yield self.any_of(name, [value.casefold() for value in values])
        bounds: dict[str, Bounds] = {
            "importance": filters.importance, "created": filters.created, "updated": filters.updated,
        }  # fmt: skip
        for name, (low, high) in bounds.items():
            if low is not None or high is not None:
                within = Clause.range_query(self._schema, name, FieldType.Integer, lower_bound=low, upper_bound=high)
                yield Clause.const_score_query(within, 0.0)
        for path in filters.paths:
            wildcards = {"*": ".*", "?": "."}
            pattern = "".join(wildcards.get(character) or literal(character) for character in path.casefold())
            yield self.pattern("place", pattern if "*" in path or "?" in path else f".*{pattern}.*")

    def terms(self, query: Query) -> Clause:
        """Return a clause for the words of all phrasings of *query*, by which a snippet marks its matches."""
        words = [word for each in query.phrasings for phrase in (self._words(each), *each.phrases) for word in phrase]
        stems = dict.fromkeys(stem for word in words for stem, _ in self._forms(word))
        return Clause.boolean_query([(Occur.Should, Clause.term_query(self._schema, "all", stem)) for stem in stems])


def _has_capitals(word: str) -> bool:
    """Return whether *word* is of a script that has capital letters, and spaces between words."""
    return word.isascii() or word != word.upper()


def literal(text: str) -> str:
    """Return *text* as a pattern that matches just itself."""
    return "".join(character if character.isalnum() else f"\\x{{{ord(character):x}}}" for character in text)
