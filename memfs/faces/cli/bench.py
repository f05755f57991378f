"""The commands that measure: bench retrieval."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from memfs.faces.cli.common import common
from memfs.faces.cli.common import say
from memfs.faces.cli.common import tell
from memfs.faces.cli.common import workspace
from memfs.faces.render import Json
from memfs.faces.render import Line
from memfs.faces.render import note_lines
from memfs.trust import inert_line

if TYPE_CHECKING:
    from memfs.trial import Trial


@click.group(no_args_is_help=False)
def bench_command() -> None:
    """Measure how well your memories are found."""


@bench_command.command("retrieval")
@click.argument("queries", type=click.Path(path_type=Path), metavar="QUERIES.jsonl")
@click.option("--semantic", is_flag=True, help="Find by meaning, too.")
@common
def retrieval_command(queries: Path, *, semantic: bool, as_json: bool) -> None:
    """Put questions of your own to the memories seen here.

    \b
    memfs bench retrieval questions.jsonl
    {"query": "which database do we use", "gold": ["Database of the shop"]}
    {"query": "serial ids", "gold": ["01KAJ9D3Q0"], "cat": "words", "also": ["auto increment"]}

    A question a line: `gold` are the right answers, by id, path or title; `cat`, if you like, what
    kind of question it is; `also` the same in other words. R@5 is the share of right answers among
    the first five hits, MRR the mean of 1 / place of the first right one. No file is changed.
    """
    from memfs import trial

    tried = trial.ask(workspace(), trial.read(queries), semantic=semantic)
    tell(_trial_json(tried)) if as_json else say(_trial_lines(tried))


def _milliseconds(tried: Trial) -> tuple[float, float]:
    from memfs.quality import percentile

    return percentile(tried.seconds, 50) * 1e3, percentile(tried.seconds, 95) * 1e3


def _trial_json(tried: Trial) -> Json:
    half, most = _milliseconds(tried)
    return {
        "kinds": {
            kind: {name: round(value, 4) for name, value in found._asdict().items()}
            for kind, found in tried.kinds.items()
        },
        "milliseconds": {"p50": round(half, 3), "p95": round(most, 3)},
        "missed": [
            {
                "line": each.question.line,
                "query": each.question.text,
                "kind": each.question.kind,
                "id": each.entry.memory.id,
                "title": each.entry.memory.title,
                "place": each.place or None,
            }
            for each in tried.missed
        ],
        "notes": list(tried.notes),
    }


def _trial_lines(tried: Trial) -> Iterator[Line]:
    from memfs.trial import FIRST

    names = [inert_line(kind) for kind in tried.kinds]
    width = max(map(len, names))
    yield [(f"{'':<{width}}  questions    R@1    R@5   R@10    MRR  nDCG@10", "dim")]
    for name, found in zip(names, tried.kinds.values(), strict=True):
        shares = f"{found.r1:>7.3f}{found.r5:>7.3f}{found.r10:>7.3f}{found.mrr:>7.3f}{found.ndcg10:>9.3f}"
        yield [(f"{name:<{width}}  {found.questions:>9}{shares}", "")]
    half, most = _milliseconds(tried)
    yield [(f"A search took {half:.1f} ms (p50), {most:.1f} ms (p95), files looked at and hits read.", "dim")]
    if tried.missed:
        yield []
        yield [(f"Right answers that are not among the first {FIRST}:", "bold")]
    for each in tried.missed:
        place = f"place {each.place}" if each.place else "not found"
        yield [(f"  {place:<9}  ", "yellow"), (f"line {each.question.line}: {inert_line(each.question.text)}", "")]
        yield [(f"  {'':<9}  {inert_line(each.entry.memory.title)} · {each.entry.memory.id}", "dim")]
    if tried.missed:
        yield [('Say in cues how one asks for them: memfs update ID --cue "…"', "dim")]
    yield from note_lines(tried.notes)
