"""Searching and listing: fresh stores, the index's ranking, and hits that are read from their files."""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Sequence
from contextlib import AbstractContextManager
from contextlib import suppress
from datetime import UTC
from datetime import datetime
from fnmatch import fnmatchcase
from functools import partial
from itertools import islice
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from memfs.answers import Entry
from memfs.answers import Hit
from memfs.answers import Listing
from memfs.answers import Results
from memfs.errors import Invalid
from memfs.errors import OutOfScope
from memfs.errors import Refused
from memfs.query import Filters
from memfs.query import Query
from memfs.rank import Within
from memfs.store import Store
from memfs.workspace.names import Names

if TYPE_CHECKING:
    from memfs.workspace.meaning import Meaning

VOUCHED = Filters(vouched=True)
MOST_GLOBS = 2_000
"""That a file is held against."""
RECALLED_BY_PIECE = 5
"""Candidates of each sentence of a prompt."""
SPARE_HITS = 5
"""Asked of the index beyond what is wanted, for files that vanish before they are read."""
MORE_HITS = 8
"""How many times as many are asked for when that did not suffice: where projects are clones of one another, say."""
REGEX_CHARACTERS = 1_000
REGEX_CANDIDATES = 20_000
"""Memories that a regular expression is tried on, best first, within its time."""

PASTED_WORDS = 6
"""From so many words beside its quotes on, a question was pasted (an error message, say) rather than composed."""

Candidate = tuple[tuple[str, str], float, float]
"""A memory's store key and path, its text score, its store's weight."""


class Finding:
    """Finds memories in the stores of a view, at the time *at*, by default the present."""

    def __init__(self, names: Names, at: datetime | None = None) -> None:
        self.view, self.config, self.index = names.view, names.config, names.index
        self._freshness, self._names, self._at = names.freshness, names, at
        self._fresh, self._ask = names.freshness.all, names.freshness.ask
        self._meaning: Meaning | None = None

    def search(self, query: Query, limit: int, regex: str, *, semantic: bool | None) -> Results:
        """Return the best *limit* memories for *query* that also match *regex*, if that is given.

        With *semantic* they are found by their meaning, too; see `Workspace.search`.
        """
        meaning = self._meant(semantic=semantic)
        stores = self.stores_of(query)
        notes = [*query.notes, *self.config.problems, *self._fresh(stores)]
        if meaning is not None and self._freshness.hints is None:
            notes += meaning.catch_up(self.config.search_refresh_seconds)
        pattern = Pattern(regex, self.config.regex_seconds)
        places = self._places(stores, query.filters)
        wanted = REGEX_CANDIDATES if regex else limit + SPARE_HITS
        loose = self._loosened(places, query)
        candidates = self._candidates(places, loose, wanted, meaning)
        if loose != query and candidates:
            notes.append("Nothing holds the quoted words as they stand; these match without the quotes.")
        query = loose
        chosen = self._chosen(candidates, limit, pattern, query.filters)
        while len(chosen) < limit and len(candidates) == wanted < REGEX_CANDIDATES:  # most were seen already, or gone
            wanted = min(wanted * MORE_HITS, REGEX_CANDIDATES)
            candidates = self._candidates(places, query, wanted, meaning)
            chosen = self._chosen(candidates, limit, pattern, query.filters)
        bodies = [entry.memory.body for entry, _, _ in chosen]
        snippets = self._ask(lambda: self.index.snippets(query, bodies))
        hits = tuple(
            Hit(entry, text * weight, text, weight, snippet)
            for (entry, text, weight), snippet in zip(chosen, snippets, strict=True)
        )
        return Results(query.text, self.view.mode, hits, (*notes, *([pattern.note] if pattern.note else [])))

    def _loosened(self, places: Sequence[Within], query: Query) -> Query:
        """Return *query* with those phrasings loosened that were pasted and find nothing with their quotes."""

        def tried(each: Query) -> Query:
            is_pasted = each.phrases and len(each.words) >= PASTED_WORDS
            return each.loosened() if is_pasted and not self._candidates(places, each, 1, None) else each

        others = tuple(map(tried, query.also))
        return tried(query._replace(also=()))._replace(also=others)

    def _chosen(
        self, candidates: Sequence[Candidate], limit: int, pattern: Pattern, filters: Filters
    ) -> Sequence[tuple[Entry, float, float]]:
        """Return the first *limit* of *candidates* that are there and match *pattern*, each with its scores."""
        chosen: list[tuple[Entry, float, float]] = []
        taken = set()
        scores = {place: (text, weight) for place, text, weight in candidates}
        for entry in self._names.each(scores):
            same = entry.memory.id, entry.file.digest
            # a clone of a repository holds the same memories once more
            double = same in taken and entry.store not in self.view.own
            if not double and (entry.trusted or not filters.vouched) and pattern.matches(entry):
                taken.add(same)
                chosen.append((entry, *scores[entry.store.key, entry.memory.path]))
            if len(chosen) == limit or pattern.note:
                break
        return chosen

    def _candidates(
        self, places: Sequence[Within], query: Query, limit: int, meaning: Meaning | None
    ) -> Sequence[Candidate]:
        """Return candidates in ranking order; newest first when there is nothing to rank by."""
        now = self._now()
        if query.asks:
            found = self._ask(lambda: self.index.search(places, query, limit, now))
            if meaning is not None:
                found = meaning.ranked(found, places, query, limit, now)
            return [((hit.store, hit.path), hit.text, hit.weight) for hit in found]
        listed, _ = self._ask(lambda: self.index.page(places, query, now, limit=limit))
        weights = {place.store: place.weight for place in places}
        return [(place, 0.0, weights[place[0]]) for place in listed]

    def _meant(self, *, semantic: bool | None) -> Meaning | None:
        """Return what finds by meaning, if it is wanted; an embedder is looked for, and loaded, only then."""
        by_itself = self.config.semantic and self._freshness.hints is not None
        if not (by_itself if semantic is None else semantic):
            return None
        if self._meaning is None:
            from memfs.semantic import found

            embedder, reason = found()
            if embedder is not None:
                from memfs.workspace.meaning import Meaning

                self._meaning = Meaning(embedder, self._names)
            elif semantic:
                raise Refused(f"Searching by meaning is not to be had here: {reason}.")
        return self._meaning

    def understand(self, lock: AbstractContextManager[object]) -> bool:
        """Make some vectors, if memories are found by meaning; return whether some are left.

        *lock* is held while anything is looked at, but not while the vectors are made.
        """
        with lock:
            meaning = self._meant(semantic=None)
            work = meaning.due() if meaning else None
        if meaning is None or work is None:
            return False
        keep = work()
        with lock:
            meaning.keep(keep)
            return not meaning.is_ready()

    def recalled(self, prompt: str) -> Sequence[Entry]:
        """Return the memories that *prompt* strongly recalls and somebody vouches for, best first."""
        from memfs.recalled import Sign
        from memfs.recalled import pieces
        from memfs.recalled import strongest

        self._fresh(self.view.stores)
        places = self._places(self.view.stores, VOUCHED)
        now = self._now()
        signs: list[Sign] = []
        for query, twice in pieces(prompt):
            found = self._ask(partial(self.index.search, places, query, RECALLED_BY_PIECE, now))
            rare = self._ask(partial(self.index.rarity, query, twice, found))
            signs += [Sign((hit.store, hit.path), hit.text, rare.get((hit.store, hit.path), 0.0)) for hit in found]
        return [entry for entry in self._names.entries(strongest(signs)) if entry.trusted]

    def about(self, file: str) -> Sequence[Entry]:
        """Return the memories that say they are about *file*, and that somebody vouches for.

        It is a path below the workspace, meant by itself, by a folder that it lies in, and by a glob.
        """
        places = self._places(self.view.own, VOUCHED)
        folders = [file, *(str(folder) for folder in PurePosixPath(file).parents if folder.name)]
        globs = islice(self._ask(lambda: self.index.values(places, "glob")), MOST_GLOBS)
        meant = [*folders, *(glob for glob in globs if fnmatchcase(file, glob))]
        found = [each for place in meant for each in self._ask(partial(self.index.find, places, "about", place))]
        return [entry for entry in self._names.entries(dict.fromkeys(found)) if entry.trusted]

    def _places(self, stores: Sequence[Store], filters: Filters) -> list[Within]:
        return self.view.within(stores, vouched_in=self.config.state if filters.vouched else None)

    def page(self, query: Query, sort: str, limit: int, offset: int) -> Listing:
        """Return a page of the memories that pass the filters of *query*, highest *sort* first."""
        stores = self.stores_of(query)
        notes = [*self.config.problems, *self._fresh(stores)]
        within = self._places(stores, query.filters)
        now = self._now()
        places, total = self._ask(lambda: self.index.page(within, query, now, sort=sort, limit=limit, offset=offset))
        following = offset + limit
        found = self._names.entries(places)
        entries = tuple(entry for entry in found if entry.trusted or not query.filters.vouched)
        return Listing(entries, total, following if following < total else None, tuple(notes))

    def _now(self) -> datetime:
        return self._at or datetime.now(UTC)

    def stores_of(self, query: Query) -> Sequence[Store]:
        """Return the view's stores that the scopes named in *query* leave.

        Raises:
            OutOfScope, Invalid: A scope is named that the view does not have.
        """
        wanted = [self.view.store(scope) for scope in query.filters.scopes] or self.view.stores
        without = set(query.without.scopes)
        if "workspace" in without:
            with suppress(OutOfScope):  # across projects it has the scope of its own
                without.add(self.view.store("workspace").scope)
        return [store for store in wanted if store.scope not in without]


class Pattern:
    """A regular expression that gives up for good *seconds* after it was first tried; `note` then says so.

    Raises:
        Invalid: It is none.
    """

    def __init__(self, pattern: str, seconds: float) -> None:
        self.note = ""
        self._seconds = seconds
        self._deadline: float | None = None
        self._search: Callable[[str, float], object] | None = None
        if pattern:
            import regex

            if len(pattern) > REGEX_CHARACTERS:
                raise Invalid(f"A regular expression has at most {REGEX_CHARACTERS:,} characters.")
            try:
                compiled = regex.compile(pattern)
            except (regex.error, RecursionError) as error:
                raise Invalid(f"The regular expression {pattern!r} cannot be used: {error}.") from error
            self._search = lambda text, left: compiled.search(text, timeout=left)

    def matches(self, entry: Entry) -> bool:
        """Return whether it matches in the title or body of *entry*."""
        if self._search is None:
            return True
        self._deadline = self._deadline or time.monotonic() + self._seconds
        left = self._deadline - time.monotonic()
        with suppress(TimeoutError):
            if left > 0:
                return bool(self._search(f"{entry.memory.title}\n{entry.memory.body}", left))
        self.note = f"The regular expression was stopped after {self._seconds:g} s; there may be more hits."
        return False
