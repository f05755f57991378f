"""How well memfs finds what is looked for, how fast, and what each part of it brings: all tables in one run.

python -m benchmarks.retrieval [--memories N] [--locomo PATH] [--json]

Asked is the open half of a set of developers' memories and questions, in each way that memfs offers: by words alone,
in other words too (`also`), with cues, by meaning (`[semantic]`). What is measured: see `memfs.quality`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from functools import partial
from itertools import product
from pathlib import Path
from typing import NamedTuple

from benchmarks import corpus
from benchmarks import devmem
from benchmarks import locomo
from benchmarks.rows import Goal
from benchmarks.rows import Row
from benchmarks.rows import described
from benchmarks.rows import machine
from benchmarks.rows import say
from benchmarks.rows import timed
from benchmarks.rows import told
from benchmarks.table import aligned
from benchmarks.worlds import GOAL_MEMORIES
from benchmarks.worlds import opened
from memfs import memory
from memfs import query
from memfs import semantic
from memfs import trial
from memfs.index import Recipe
from memfs.quality import ALL
from memfs.quality import percentile
from memfs.trial import Trial
from memfs.workspace import Workspace

PARTS = {
    "the whole recipe": Recipe(),
    "without the title once more": Recipe(title=0.0),
    "without irregular forms": Recipe(irregular=0.0),
    "without three-letter pieces": Recipe(grams=0.0),
    "without words typed as one": Recipe(compounds=0.0),
    "without beginnings of words": Recipe(prefixes=False),
    "without typing errors": Recipe(typos=False),
    "with stopwords": Recipe(stopwords=False),
    "stems alone": Recipe(0.0, 0.0, 0.0, 0.0, prefixes=False, typos=False, stopwords=False),
}
MEASURES = {"r1": "R@1", "r5": "R@5", "r10": "R@10", "mrr": "MRR", "ndcg10": "nDCG@10"}
EXAMPLE = "database setup"
EXAMPLE_TEXT = "This project uses MySQL with Drizzle ORM"
EXAMPLE_EVERYWHERE = {"ulids.md": b"---\nimportance: 10\n---\nAlways use ULIDs for database IDs\n"}
"""As recall's WORKSPACE_MODES.md (joseairosa/recall, MIT) has it: one is the project's, the other is in all of them."""
EXAMPLE_CUES = ["which database do we use", "how do we talk to the database", "schema and migrations"]
EXAMPLE_PLACES = ("as recall has it", "amid the set")
"""Among the two memories of recall's example; among the set's, several of which are about databases."""
TIMED_QUESTIONS, WARM_QUESTIONS = 300, 20
LIMIT = 15
"""Places that a search for ten hits asks the index for."""


class Way(NamedTuple):
    """How is asked, and of what."""

    cues: bool = False
    also: bool = False
    semantic: bool = False

    def __str__(self) -> str:
        """Return it in words."""
        return " + ".join(("words", *(name for name, is_on in self._asdict().items() if is_on)))

    def less(self) -> Iterator[Way]:
        """Yield the ways that do without one part of this one."""
        yield from (self._replace(**{name: False}) for name, is_on in self._asdict().items() if is_on)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows below a head; the first cell of each row is its name."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str | float]]

    def __str__(self) -> str:
        """Return it as aligned columns below its title."""
        cells = [[f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row] for row in self.rows]
        return f"{self.title}\n\n{aligned([['', *self.head], *cells], right=range(1, len(self.head) + 1))}\n"


# ---- the set


def ways() -> list[Way]:
    """Return every way that can be measured here."""
    on = (False, True)
    return [Way(*each) for each in product(on, on, on[: 1 + by_meaning()])]


def by_meaning() -> bool:
    """Return whether memories can be found by meaning here."""
    return semantic.found().embedder is not None


def tried() -> dict[Way, Trial]:
    """Return what comes of the set's questions, asked in every way."""
    found = {}
    for cues in (False, True):
        with opened(devmem.files(cues=cues), semantic=by_meaning()) as workspace:
            for way in (way for way in ways() if way.cues == cues):
                say(f"asking: {way}")
                found[way] = trial.ask(workspace, devmem.questions(also=way.also), semantic=way.semantic)
    return found


def by_way(found: dict[Way, Trial]) -> Table:
    """Return all measures for each way."""
    rows = []
    for way, each in found.items():
        took = percentile(each.seconds, 50) * 1e3
        rows.append([str(way), *each.kinds[ALL][1:], each.kinds["paraphrase"].r5, f"{took:.1f}"])
    (asked,) = {each.kinds[ALL].questions for each in found.values()}
    head = (*MEASURES.values(), "paraphrase R@5", "ms a search")
    return Table(f"{asked} questions to {len(devmem.files(cues=False))} memories", head, rows)


def by_kind(found: dict[Way, Trial], measure: str) -> Table:
    """Return one measure for each kind of question and each way."""
    kinds = next(iter(found.values())).kinds
    rows = [
        [f"{kind} ({of.questions})", *(getattr(each.kinds[kind], measure) for each in found.values())]
        for kind, of in kinds.items()
    ]
    return Table(f"{MEASURES[measure]} by kind of question", [str(way).removeprefix("words + ") for way in found], rows)


def by_part(large: Workspace, asked: Sequence[str]) -> Table:
    """Return what the recipe comes to without each of its parts, and what a search of *large* then takes."""
    rows = [[name] for name in PARTS]
    for cues in (False, True):
        with opened(devmem.files(cues=cues)) as workspace:
            for row, recipe in zip(rows, PARTS.values(), strict=True):
                workspace.index.recipe = recipe
                of = trial.ask(workspace, devmem.questions()).kinds[ALL]
                row += [of.r1, of.r5, of.mrr]
    for row, recipe in zip(rows, PARTS.values(), strict=True):
        large.index.recipe = recipe
        row.append(f"{percentile(in_index(large, asked), 50) * 1e3:.2f}")
    large.index.recipe = Recipe()
    head = ("R@1", "R@5", "MRR", "with cues: R@1", "R@5", "MRR", "ms in the index")
    return Table("The recipe, each part switched off in turn", head, rows)


def example() -> Table:
    """Return where the answer to a question stands that shares no word with it: as recall has it, and amid others."""
    rows = []
    for way in (way for way in ways() if not way.also and sum(way) <= 1):
        files = {"example.md": memory.compose({"cues": EXAMPLE_CUES} if way.cues else {}, EXAMPLE_TEXT)}
        amid = files | devmem.files(cues=way.cues)
        rows.append([str(way), example_place(files, EXAMPLE_EVERYWHERE, way), example_place(amid, {}, way)])
    return Table(f'Place of "{EXAMPLE_TEXT}", asked "{EXAMPLE}"', EXAMPLE_PLACES, rows)


def example_place(files: Mapping[str, bytes], everywhere: Mapping[str, bytes], way: Way) -> int | str:
    """Return at which place the example is found, from 1."""
    with opened(files, everywhere, semantic=way.semantic) as workspace:
        hits = workspace.search(EXAMPLE, limit=trial.DEPTH, semantic=way.semantic).hits
    places = [place for place, hit in enumerate(hits, 1) if hit.entry.memory.path == "example.md"]
    return places[0] if places else "not found"


# ---- many memories


def amid_others(large: Workspace, way: Way) -> Sequence[str | float]:
    """Return the measures where memories that mean nothing lie beside the set's."""
    say(f"asking amid others: {way}")
    return [str(way), *trial.ask(large, devmem.questions(), semantic=way.semantic).kinds[ALL][1:]]


def in_index(workspace: Workspace, asked: Sequence[str], *, meant: bool = False) -> list[float]:
    """Return the seconds that the places for ten hits take to find, for each question but the first ones."""
    finding, now = workspace._finding, datetime.now(UTC)  # noqa: SLF001  (without scans, and without reading hits)
    places, queries = workspace.view.within(workspace.view.stores), [query.parse(text) for text in asked]
    search: Callable[..., object] = partial(workspace.index.search, now=now)
    if meant:
        search = partial(finding._candidates, meaning=finding._meant(semantic=True))  # noqa: SLF001
    return [timed(partial(search, places, each, limit=LIMIT)) for each in queries][WARM_QUESTIONS:]


def speed(large: Workspace, asked: Sequence[str], memories: int) -> Iterator[Row]:
    """Yield how long searches, and the hunt for duplicates, take among *memories*."""

    def goal(limit: float) -> Goal | None:
        return Goal(limit) if memories == GOAL_MEMORIES else None

    yield Row("words, in the index", "ms", in_index(large, asked), goal(1.5))
    if by_meaning():
        yield Row("words and meaning, in the index", "ms", in_index(large, asked, meant=True), goal(4.0))
    yield Row("duplicates among all", "s", [timed(large.duplicates)], goal(5.0))


# ---- goals


def goals(found: dict[Way, Trial], places: Table) -> Table:
    """Return what was meant to be reached, and what was."""
    words, cues, meaning = Way(), Way(cues=True), Way(semantic=True)
    least = [
        (words, ALL, "r5", 0.89), (words, ALL, "mrr", 0.87), (cues, ALL, "r1", 0.93), (cues, ALL, "r5", 0.99),
        (cues, "paraphrase", "r5", 0.95), (meaning, ALL, "r5", 0.95),
    ]  # fmt: skip
    rows: list[Sequence[str | float]] = []
    for way, kind, measure, goal in least:
        if way in found:
            value = getattr(found[way].kinds[kind], measure)
            rows.append([f"{way}: {MEASURES[measure]}, {kind}", f"≥ {goal:g}", value, verdict(is_met=value >= goal)])
    for measure in ("r5", "mrr"):
        values = {way: getattr(each.kinds[ALL], measure) for way, each in found.items()}
        lost = max(0.0, *(values[less] - value for way, value in values.items() for less in way.less()))
        rows.append([f"the most {MEASURES[measure]} that a part costs", "≤ 0.01", lost, verdict(is_met=lost <= 0.01)])
    for way, *found_at in places.rows[1:]:
        for where, place in zip(EXAMPLE_PLACES, found_at, strict=True):
            rows.append([f'{way}: "{EXAMPLE}", {where}', "≤ 2", place, verdict(is_met=place in (1, 2))])
    return Table("Goals", ("goal", "reached", ""), rows)


def verdict(*, is_met: bool) -> str:
    """Return the word for it."""
    return "reached" if is_met else "missed"


# ---- all


def by_locomo(path: Path) -> Table:
    """Return what memfs comes to on LoCoMo, asked as others ask it."""
    rows = []
    for protocol in locomo.protocols(path):
        for way in (way for way in ways() if not way.also and not way.cues):
            say(f"asking LoCoMo's questions as {protocol.name}: {way}")
            of = locomo.found(protocol, semantic=way.semantic)
            rows.append([f"{protocol.name}: {way}", of.questions, of.r5, of.mrr])
    return Table("LoCoMo, asked as others ask it", ("questions", "R@5", "MRR"), rows)


def measure(memories: int, path: Path | None) -> tuple[list[Table], list[Row]]:
    """Return every table, and how fast things are among *memories*."""
    found = tried()
    places = example()
    tables = [by_way(found), by_kind(found, "r5"), by_kind(found, "mrr"), places]
    say(f"writing {memories:,} memories")
    notes = list(corpus.notes(memories))
    asked = [question.text for question in corpus.questions(notes, TIMED_QUESTIONS + WARM_QUESTIONS, seed=1)]
    others = {f"others/{note.file_name}": note.raw() for note in notes}
    with opened(others | devmem.files(cues=True)) as large:
        with_cues = amid_others(large, Way(cues=True))
    with opened(others | devmem.files(cues=False), semantic=by_meaning()) as large:
        amid = [amid_others(large, way) for way in (Way(), Way(semantic=True)) if way in found]
        rows = told(speed(large, asked, memories))
        tables.append(by_part(large, asked))
    title = f"The same amid {memories:,} other memories, of random words"
    tables.append(Table(title, list(MEASURES.values()), [*amid, with_cues]))
    if path:
        tables.append(by_locomo(path))
    return [*tables, goals(found, places)], rows


def main() -> None:
    """Measure, and print tables or JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retrieval", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--memories", type=int, default=GOAL_MEMORIES, help="how many for speed (default 10,000)")
    parser.add_argument("--locomo", type=Path, metavar="PATH", help="locomo10.json, if you have it")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    options = parser.parse_args()
    tables, rows = measure(options.memories, options.locomo)
    about = f"{machine()}; by meaning: {semantic.found()}"
    if options.json:
        print(json.dumps({
            "machine": about, "tables": [asdict(each) for each in tables], "rows": [described(row) for row in rows]
        }, indent=1))  # fmt: skip
        return
    print(f"{about}\n")
    for table in tables:
        print(table)
    print(f"Speed among {options.memories:,} memories\n")
    print(aligned([("", "goal", "reached", "", ""), *(row.cells() for row in rows)]))


if __name__ == "__main__":
    main()
