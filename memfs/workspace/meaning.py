"""Searching by meaning: the vectors of a view's memories, and one ranking of what words and meaning find.

The index decides what may be found: whatever is near to a question is asked of it by digest, in the
same places and with the same filters as by words.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from memfs import rank
from memfs.errors import Busy
from memfs.query import NO_FILTERS
from memfs.query import Query
from memfs.rank import Found
from memfs.rank import Within
from memfs.semantic import Embedder
from memfs.semantic import passages
from memfs.semantic import vectors_below
from memfs.workspace.names import Names

if TYPE_CHECKING:
    from memfs.semantic import Passages

COPIES = 20_000
"""Files that may have the texts whose vectors are to be made: many have the same."""
FARTHEST = 200
"""How many memories a question finds by meaning, at most."""
SAMPLE, GROWTH = 1_000, 4
"""Memories that an embedder learns from at most, and how many times as many there must be for it to learn anew."""
LEARNED_PASSAGES = 2_000
"""Passages of those that it learns from at most; with long memories they come from fewer of them."""
READ_AT_ONCE = 20
"""Memories whose passages are read before it is asked whether there are enough."""
WORTHWHILE = 1_000
"""Memories of which there must be vectors for it to be asked which of them are still of use."""
EVERYTHING = Query("")


Keep = Callable[[], object]
Work = Callable[[], Keep]
"""Takes its time, and may run beside anything else; returns what keeps its outcome, for all processes."""


class Meaning:
    """What the memories of a view mean to an embedder."""

    def __init__(self, embedder: Embedder, names: Names) -> None:
        self.view = names.view
        self.index = names.index
        self._ask, self._entries = names.freshness.ask, names.entries
        self._vectors = vectors_below(names.config.cache, embedder)
        self._shown: tuple[object, Passages] = None, self._vectors.of(())
        self._listed: tuple[object, Sequence[str]] = None, []
        self._left: tuple[object, Sequence[str]] = None, []
        self._looked_through = False

    # ---- finding

    def ranked(
        self, found: Sequence[Found], places: Sequence[Within], query: Query, limit: int, now: datetime
    ) -> list[Found]:
        """Return the best *limit* memories by words and meaning, of which *found* are the best by words alone."""
        words = " ".join(word for each in query.phrasings for part in (each.words, *each.phrases) for word in part)
        near = self._passages_in(places, now).near(words, self._vectors.embedder)
        allowed = None
        if (*query.phrases, *query.excluded) or (query.filters, query.without) != (NO_FILTERS, NO_FILTERS):
            allowed = self._ask(lambda: self.index.digests(places, query, now))
        known = {hit.digest for hit in found}
        others = [digest for digest in near.nearest(min(limit, FARTHEST), allowed) if digest not in known]
        if others:
            most = len(others) * len(places)
            found = [*found, *self._ask(lambda: self.index.search(places, query, most, now, among=others))]
        both = {(hit.store, hit.path): hit for hit in found}.values()
        return rank.order((hit._replace(text=rank.blended(hit.text, near.of(hit.digest))) for hit in both), limit)

    def _passages_in(self, places: Sequence[Within], now: datetime) -> Passages:
        """Return the vectors of what *places* show; of what was brought in only now there may be none yet."""
        self._vectors.read()
        at = self.index.contents, tuple(places), self._vectors.edition
        if self._shown[0] != at:
            self._shown = at, self._vectors.of(self._digests(places, now))
        return self._shown[1]

    # ---- making vectors

    def catch_up(self, seconds: float) -> Sequence[str]:
        """Make the vectors that are missing, for about *seconds* at most; return what the caller should know."""
        deadline = time.monotonic() + seconds
        while self.left() and time.monotonic() < deadline:
            self.keep(self.due()())
        left = len(self.left())
        return [f"{left:,} memories are found by their words alone: repeat the search to go on with them."] * bool(left)

    def due(self) -> Work:
        """Return the next step: learning from the memories, or making the vectors of some that have none yet."""
        left, vectors = self.left(), self._vectors
        if not left:
            self._throw_away()
        elif texts := self._to_learn():
            embedder, count = vectors.embedder, len(self._listed[1])
            return lambda: partial(vectors.begin, embedder.learned(texts), count)
        some = left[: vectors.embedder.at_once]
        self._left = self._left[0], left[len(some) :]  # a file that is not what the index says is not tried again
        return partial(self._embedded, self._passages(some), vectors.embedder, vectors.label)

    def _embedded(self, passages: Mapping[str, Sequence[str]], embedder: Embedder, label: bytes) -> Keep:
        made = {digest: embedder.embed(texts) for digest, texts in passages.items()}
        return partial(self._vectors.add, made, label)

    def keep(self, keep: Keep) -> None:
        """Keep the outcome of some work, unless another process is writing there; then it is done again."""
        with suppress(Busy):
            keep()

    def is_ready(self) -> bool:
        """Return whether all memories have vectors that can have some; if so, the next search has them at hand."""
        if self.left():
            return False
        self._passages_in(self._places(), datetime.now(UTC))
        return True

    def left(self) -> Sequence[str]:
        """Return the digests of the view's memories that have no vectors yet, and may get some."""
        self._vectors.read()
        at = self.index.contents, self._vectors.label
        if self._left[0] != at:
            self._left = at, self._digests(self._places(), datetime.now(UTC))
        self._left = at, [digest for digest in self._left[1] if digest not in self._vectors]
        return self._left[1]

    def _digests(self, places: Sequence[Within], now: datetime) -> Sequence[str]:
        """Return the digests of what *places* show; some of it may have expired since it was looked at."""
        at = self.index.contents, tuple(places)
        if self._listed[0] != at:
            self._listed = at, self._ask(lambda: self.index.digests(places, EVERYTHING, now))
        return self._listed[1]

    def _places(self) -> list[Within]:
        return self.view.within(self.view.stores)

    def _passages(self, digests: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """Return the passages of the view's memories with *digests*, as far as their files are there."""
        now = datetime.now(UTC)
        found = self._ask(lambda: self.index.search(self._places(), EVERYTHING, COPIES, now, among=digests))
        entries = self._entries({hit.digest: (hit.store, hit.path) for hit in found}.values())
        return {entry.file.digest: passages(entry.memory) for entry in entries if entry.file.digest}

    def _to_learn(self) -> Sequence[str]:
        """Return what the embedder is to learn from: nothing, until there are many more memories than it did from."""
        vectors = self._vectors
        if not vectors.embedder.learns or vectors.learned_from >= SAMPLE:
            return []
        digests = self._digests(self._places(), datetime.now(UTC))
        if len(digests) < GROWTH * vectors.learned_from:
            return []
        sample = digests[:: math.ceil(len(digests) / SAMPLE)]  # they are in the order of their digests: any
        texts: list[str] = []
        for start in range(0, len(sample), READ_AT_ONCE):
            if len(texts) < LEARNED_PASSAGES:
                read = self._passages(sample[start : start + READ_AT_ONCE])
                texts += [text for each in read.values() for text in each]
        return texts[:LEARNED_PASSAGES]

    def _throw_away(self) -> None:
        """Throw away the vectors of memories that no store has any more, once, when they are the most."""
        if self._looked_through or len(self._vectors) < WORTHWHILE:
            return
        self._looked_through = True
        everywhere = [Within(key) for key in self.index.stores()]
        present = self._ask(lambda: self.index.values(everywhere, "digest")).keys()
        if 2 * len(present) < len(self._vectors):
            with suppress(Busy):
                self._vectors.keep(present)
