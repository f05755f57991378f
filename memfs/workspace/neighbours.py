"""What is near a memory: those that link to it or that it links to, those that say nearly the same, and copies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC
from datetime import datetime
from functools import partial

from memfs import alike
from memfs.answers import Copies
from memfs.answers import Entry
from memfs.answers import Neighbour
from memfs.errors import Ambiguous
from memfs.errors import MemfsError
from memfs.errors import NotFound
from memfs.errors import Twins
from memfs.memory import Memory
from memfs.memory import derived_id
from memfs.rank import Within
from memfs.workspace.names import Names

CANDIDATES = 4
"""Memories whose texts are read for one that others may be like."""
TOLD = 3
"""Of those that say nearly the same, at most so many are told after a save."""
MOST_LINKS = 200
"""Of a memory that are followed: each is a question to the index, and a stranger's text may be full of them."""
RELATED = 0.1
"""From here on a text is shown as alike to whoever asks; below are those that share a few common words."""


class Neighbours:
    """Looks around the memories of a view; changes nothing."""

    def __init__(self, names: Names) -> None:
        self.view, self.config, self.index = names.view, names.config, names.index
        self._ask, self._names = names.freshness.ask, names

    def similar(self, entry: Entry) -> tuple[Neighbour, ...]:
        """Return what says nearly the same as *entry*, which was saved just now, as the index has it.

        Only what somebody vouches for: nobody asked for it. The save is done, whatever happens here.
        """
        with suppress(MemfsError):
            vouched = self.view.within(self.view.stores, vouched_in=self.config.state)
            near = [each for each in self._near(entry, vouched, CANDIDATES) if each.entry.trusted]
            return tuple(each for each in near[:TOLD] if each.score >= alike.SIMILAR)
        return ()

    def related(self, entry: Entry, limit: int) -> tuple[tuple[Neighbour, ...], int]:
        """Return what is near *entry*, linked ones first, at most *limit*; and how many links lead to nothing here."""
        linked, lost = self._linked(entry)
        scores = self._scores(entry, [each.entry for each in linked])
        near = [each._replace(score=score) for each, score in zip(linked, scores, strict=True)]
        taken = {entry.path, *(each.entry.path for each in linked)}
        others = self._near(entry, self.view.within(self.view.stores), limit + CANDIDATES)
        near += [each for each in others if each.entry.path not in taken and each.score >= RELATED]
        return tuple(near[:limit]), lost

    def _near(self, entry: Entry, places: Sequence[Within], candidates: int) -> Sequence[Neighbour]:
        """Return the memories in *places* whose texts are most like that of *entry*, of so many *candidates*."""
        stems = self.index.stems(_text(entry.memory))
        now = datetime.now(UTC)
        found = self._ask(lambda: self.index.sharing(places, stems, candidates, now))
        # a clone of the repository has the same memory once more
        others = [each for each in self._names.entries(found) if each.memory.id != entry.memory.id]
        others = [each for each in others if each.path != entry.path and each.memory.state == "ok"]
        near = [Neighbour(*each) for each in zip(others, self._scores(entry, others), strict=True)]
        return sorted(near, key=lambda each: -each.score)

    def _scores(self, entry: Entry, others: Sequence[Entry]) -> Sequence[float]:
        """Return how like *entry* each of *others* is, as their texts are now."""
        texts = [self.index.stems(_text(each.memory)) for each in (entry, *others)]
        holding, documents = self._ask(lambda: self.index.holding(stem for text in texts for stem in text))
        rarity = alike.rarities(holding, documents)
        first, *rest = [alike.weighed(text, rarity) for text in texts]
        return [alike.likeness(first, each) for each in rest]

    def _linked(self, entry: Entry) -> tuple[list[Neighbour], int]:
        """Return what *entry* links to, then what links to it; and how many links lead to nothing that is seen here."""
        found: dict[tuple[str, str, bool], Neighbour] = {}
        lost = 0
        for link in entry.memory.references()[:MOST_LINKS]:
            there = self._target(link.to)
            if there is None:
                lost += 1
            elif there.path != entry.path:
                found.setdefault((str(there.path), link.type, False), Neighbour(there, 0.0, link.type))
        for other, relation in self._linking(entry):
            found.setdefault((str(other.path), relation, True), Neighbour(other, 0.0, relation, incoming=True))
        return list(found.values()), lost

    def _target(self, reference: str) -> Entry | None:
        """Return the memory that a link names, or the one that has taken its place; None when neither is seen here."""
        try:
            return self._names.resolve(reference, self.view.stores)[0]
        except (Ambiguous, Twins):
            return None
        except NotFound:
            places = self.view.within(self.view.stores)
            heirs = self._names.entries(self._ask(lambda: self.index.find(places, "link", reference)))
            return next((each for each in heirs if ("supersedes", reference) in each.memory.links), None)

    def _linking(self, entry: Entry) -> Iterator[tuple[Entry, str]]:
        """Yield the memories that link to *entry*, each with the type of its link."""
        memory, places = entry.memory, self.view.within(self.view.stores)
        names = dict.fromkeys(name.casefold() for name in (memory.id, derived_id(memory.path), memory.title))
        for name in names:
            for other in self._names.entries(self._ask(partial(self.index.find, places, "link", name))):
                for link in other.memory.references():
                    if link.to.casefold() == name and other.path != entry.path:
                        yield other, link.type

    def copies(self, least: float, *, newest: bool) -> list[Copies]:
        """Return the groups of one's own memories that are alike, *least* (0–1) or more, the most alike first.

        The first of a group is its most important memory, or its *newest*.
        """
        found, texts = self._read()
        order = sorted(range(len(found)), key=lambda number: _rank(found[number], newest=newest))
        holding = Counter(stem for text in texts for stem in set(text))
        rarity = alike.rarities(holding, len(texts))
        weighed = [alike.weighed(texts[number], rarity) for number in order]
        groups = []
        for first, others in alike.copies(weighed, holding, least).items():
            near = [Neighbour(found[order[number]], score) for number, score in others]
            near.sort(key=lambda each: -each.score)
            groups.append(Copies(found[order[first]], tuple(near)))
        return sorted(groups, key=lambda each: (-each.others[0].score, str(each.entry.path)))

    def first(self, entries: Sequence[Entry]) -> Entry:
        """Return which of *entries* is kept when they are made one."""
        return min(entries, key=lambda entry: _rank(entry, newest=False))

    def _read(self) -> tuple[list[Entry], list[list[str]]]:
        """Return one's own memories that can be changed and have not expired, and the words of each."""
        now = datetime.now(UTC)
        seen = {store.key: self._ask(partial(self.index.seen, store)) for store in self.view.own}
        places = [(key, path) for key, files in seen.items() for path in files]
        entries = self._names.entries(places)
        found = [each for each in entries if each.memory.state == "ok" and not each.memory.expired(now)]
        return found, [self.index.stems(_text(each.memory)) for each in found]


def _text(memory: Memory) -> str:
    """Return what is compared of a memory: what it says."""
    return memory.body if memory.title in memory.body else f"{memory.title}\n{memory.body}"


def _rank(entry: Entry, *, newest: bool) -> tuple[object, ...]:
    """Return by what the first of several copies is chosen: one's own, then the most important, then the oldest."""
    created = entry.created.timestamp()
    by = (-created,) if newest else (-entry.memory.importance, created)
    return (not entry.trusted, *by, str(entry.path))
