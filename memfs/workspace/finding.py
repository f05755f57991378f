"""Searching and listing: fresh stores, the index's ranking, and hits that are read from their files."""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC
from datetime import datetime

from memfs.answers import Entry
from memfs.answers import Hit
from memfs.answers import Listing
from memfs.answers import Results
from memfs.config import Config
from memfs.errors import Invalid
from memfs.query import Query
from memfs.scope import View
from memfs.store import Store
from memfs.workspace.freshness import Freshness
from memfs.workspace.names import Names

SPARE_HITS = 5
"""Asked of the index beyond what is wanted, for files that vanish before they are read."""
REGEX_CHARACTERS = 1_000
REGEX_CANDIDATES = 20_000
"""Memories that a regular expression is tried on, best first, within its time."""

PASTED_WORDS = 6
"""From so many words beside its quotes on, a question was pasted (an error message, say) rather than composed."""

Candidate = tuple[tuple[str, str], float, float]
"""A memory's store key and path, its text score, its store's weight."""


class Finding:
    """Finds memories in the stores of a view."""

    def __init__(self, view: View, config: Config, freshness: Freshness, names: Names) -> None:
        self.view = view
        self.config = config
        self.index = freshness.index
        self._fresh = freshness.all
        self._ask = freshness.ask
        self._names = names

    def search(self, query: Query, limit: int, regex: str) -> Results:
        """Return the best *limit* memories for *query* that also match *regex*, if that is given."""
        stores = self.stores_of(query)
        notes = [*query.notes, *self.config.problems, *self._fresh(stores)]
        pattern = Pattern(regex, self.config.regex_seconds)
        weights = {store.key: self.view.weights[store.key] for store in stores}
        wanted = REGEX_CANDIDATES if regex else limit + SPARE_HITS
        chosen: list[tuple[Entry, float, float]] = []
        candidates = self._candidates(weights, query, wanted)
        if not candidates and query.phrases and len(query.words) >= PASTED_WORDS:
            query = query.loosened()
            candidates = self._candidates(weights, query, wanted)
            notes += ["Nothing holds the quoted words as they stand; these match without the quotes."] * bool(
                candidates
            )
        for place, text, weight in candidates:
            if len(chosen) == limit or pattern.note:
                break
            entries = self._names.entries([place])
            chosen += [(entry, text, weight) for entry in entries if pattern.matches(entry)]
        bodies = [entry.memory.body for entry, _, _ in chosen]
        snippets = self._ask(lambda: self.index.snippets(query, bodies))
        hits = tuple(
            Hit(entry, text * weight, text, weight, snippet)
            for (entry, text, weight), snippet in zip(chosen, snippets, strict=True)
        )
        return Results(query.text, self.view.mode, hits, (*notes, *([pattern.note] if pattern.note else [])))

    def _candidates(self, weights: Mapping[str, float], query: Query, limit: int) -> Sequence[Candidate]:
        """Return candidates in ranking order; newest first when there is nothing to rank by."""
        now = datetime.now(UTC)
        if query.asks:
            found = self._ask(lambda: self.index.search(weights, query, limit, now))
            return [((hit.store, hit.path), hit.text, hit.weight) for hit in found]
        listed, _ = self._ask(lambda: self.index.page(list(weights), query, now, limit=limit))
        return [(place, 0.0, weights[place[0]]) for place in listed]

    def page(self, query: Query, sort: str, limit: int, offset: int) -> Listing:
        """Return a page of the memories that pass the filters of *query*, highest *sort* first."""
        stores = self.stores_of(query)
        notes = [*self.config.problems, *self._fresh(stores)]
        keys = [store.key for store in stores]
        now = datetime.now(UTC)
        places, total = self._ask(lambda: self.index.page(keys, query, now, sort=sort, limit=limit, offset=offset))
        following = offset + limit
        entries = tuple(self._names.entries(places))
        return Listing(entries, total, following if following < total else None, tuple(notes))

    def stores_of(self, query: Query) -> Sequence[Store]:
        """Return the view's stores that the scopes named in *query* leave.

        Raises:
            OutOfScope, Invalid: A scope is named that the view does not have.
        """
        wanted = [self.view.store(scope) for scope in query.filters.scopes] or self.view.stores
        return [store for store in wanted if store.scope not in query.without.scopes]


class Pattern:
    """A regular expression that gives up for good after *seconds*; `note` then says so.

    Raises:
        Invalid: It is none.
    """

    def __init__(self, pattern: str, seconds: float) -> None:
        self.note = ""
        self._seconds = seconds
        self._search: Callable[[str, float], object] = lambda _text, _left: True
        if pattern:
            import regex

            if len(pattern) > REGEX_CHARACTERS:
                raise Invalid(f"A regular expression has at most {REGEX_CHARACTERS:,} characters.")
            try:
                compiled = regex.compile(pattern)
            except (regex.error, RecursionError) as error:
                raise Invalid(f"The regular expression {pattern!r} cannot be used: {error}.") from error
            self._search = lambda text, left: compiled.search(text, timeout=left)
        self._deadline = time.monotonic() + seconds

    def matches(self, entry: Entry) -> bool:
        """Return whether it matches in the title or body of *entry*."""
        left = self._deadline - time.monotonic()
        with suppress(TimeoutError):
            if left > 0:
                return bool(self._search(f"{entry.memory.title}\n{entry.memory.body}", left))
        self.note = f"The regular expression was stopped after {self._seconds:g} s; there may be more hits."
        return False
