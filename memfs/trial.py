"""A user's own questions put to a view: how many are answered, how fast, and which answers to make easier to find."""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from memfs import quality
from memfs.answers import Entry
from memfs.answers import Results
from memfs.errors import Ambiguous
from memfs.errors import Conflict
from memfs.errors import Invalid
from memfs.errors import NotFound
from memfs.errors import OutOfScope
from memfs.errors import StorageFailed
from memfs.quality import Quality
from memfs.quality import Question
from memfs.workspace import Workspace

FIRST = 5
"""An answer that is not among so many is one that was missed."""
SHOWN, DEPTH = 10, 100
"""Hits that a search gives by default, and that are looked at for an answer that is not among those."""


class Missed(NamedTuple):
    """A right answer that is not among the first; `place` is where it stands, 0 when not among `DEPTH`."""

    question: Question
    entry: Entry
    place: int


class Trial(NamedTuple):
    """What came of the questions.

    Attributes:
        kinds: All questions, then each kind.
        seconds: What each search took, files looked at and hits read.
        missed: In the order of the questions.
        notes: What could not be asked, and what the searches had to say.
    """

    kinds: dict[str, Quality]
    seconds: tuple[float, ...]
    missed: tuple[Missed, ...]
    notes: tuple[str, ...]


def read(path: Path) -> list[Question]:
    """Return the questions in the file *path*; see `quality.parse`.

    Raises:
        Invalid: It is no UTF-8, a line is no question, or there is none.
        StorageFailed: It cannot be read.
    """
    try:
        return quality.parse(path.read_text(encoding="utf-8-sig"), str(path))
    except UnicodeDecodeError as error:
        raise Invalid(f"{path} is no UTF-8 text.") from error
    except OSError as error:
        raise StorageFailed.of(error, path, "read") from error


def ask(workspace: Workspace, questions: Sequence[Question], *, semantic: bool = False) -> Trial:
    """Return what comes of putting *questions* to *workspace*, by meaning too if *semantic*; changes no file.

    A right answer is one by whatever `Workspace.get` takes. A question of which none is there is left out.

    Raises:
        Invalid: No question is left.
        Refused: *semantic* is asked for, and there is no embedder.
    """
    # what the first search takes longer for is no part of any question: opening the index, making vectors
    notes = dict.fromkeys(workspace.search("", limit=1, semantic=semantic).notes)
    asked, ranks, seconds, missed = [], [], [], []
    for question in questions:
        answers = _answers(workspace, question, notes)
        if not answers:
            continue
        try:
            places, took = _places(partial(workspace.search, semantic=semantic), question, answers, notes)
        except OutOfScope as error:
            notes[f"Line {question.line} is left out: {error}"] = None
            continue
        asked.append(question)
        ranks.append(quality.Ranks(tuple(sorted(places.values())), len(answers)))
        seconds.append(took)
        missed += [
            Missed(question, entry, places.get(path, 0))
            for path, entry in answers.items()
            if places.get(path, DEPTH) > FIRST
        ]
    if not asked:
        raise Invalid("\n  ".join(["None of the questions can be asked here.", *notes]))
    return Trial(dict(quality.by_kind(asked, ranks)), tuple(seconds), tuple(missed), tuple(notes))


def _answers(workspace: Workspace, question: Question, notes: dict[str, None]) -> dict[Path, Entry]:
    """Return the right answers that are there, by path; of the others, *notes* are told."""
    answers = {}
    for name in question.gold:
        try:
            entry = workspace.get(name)
        except (NotFound, Ambiguous, Conflict, OutOfScope) as error:
            notes[f"Line {question.line}, a right answer is left out: {error}"] = None
        else:
            answers[entry.path] = entry
    return answers


def _places(
    search: Callable[..., Results], question: Question, answers: dict[Path, Entry], notes: dict[str, None]
) -> tuple[dict[Path, int], float]:
    """Return where those of *answers* stand that are found, and the seconds that a search as usual takes."""

    def places(limit: int) -> dict[Path, int]:
        results = search(question.text, also=question.also, limit=limit)
        notes.update(dict.fromkeys(results.notes))
        ranked = enumerate((hit.entry.path for hit in results.hits), 1)
        return {path: place for place, path in ranked if path in answers}

    started = time.perf_counter()
    found = places(SHOWN)
    took = time.perf_counter() - started
    return (found if len(found) == len(answers) else places(DEPTH) | found), took
