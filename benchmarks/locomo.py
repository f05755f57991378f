"""LoCoMo (Maharana et al. 2024), where somebody has its file, asked as two other memories ask it.

The file, `data/locomo10.json` of snap-research/locomo, is CC BY-NC 4.0: it is no part of this project, and nothing
here fetches it. The protocols, as their sources had them in 2026:

- basic-memory (basicmachines-co/basic-memory-benchmarks, `locomo_to_corpus.py` and `scoring/retrieval.py`): a note for
  each session of each conversation, all in one project; right are the sessions that the evidence names; recall is the
  share of them; a question that names none counts 0; ten hits. Its headline leaves out the questions without an answer
  (category 5), its table of June 2026 has them: R@5 .823, MRR .718 of all 1,986, with a corrected key.
- mcp-memory-service (doobidoo/mcp-memory-service, `scripts/benchmarks/benchmark_locomo.py`): a memory for each
  observation, each conversation by itself; all questions; right is an observation of a turn that the evidence names;
  recall is the number of right hits to that of turns named, so that it may exceed 1 where several observations are of
  one turn; five hits. Questions without evidence, which count 1 there, are left out here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.worlds import opened
from memfs import memory
from memfs.quality import Quality
from memfs.quality import Ranks
from memfs.quality import quality

ADVERSARIAL = 5
"""The category of questions that have no answer."""

Conversation = Mapping[str, Any]
"""What the file has of one, or a part of that."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: the names of the notes that are right, and how many right answers there are to be found."""

    text: str
    right: frozenset[str]
    answers: int


@dataclass(frozen=True, slots=True)
class Project:
    """Notes that are searched together, text by name, and what is asked of them."""

    notes: Mapping[str, str]
    questions: Sequence[Asked]


@dataclass(frozen=True, slots=True)
class Protocol:
    """How somebody asks: the projects, and how many hits are looked at."""

    name: str
    depth: int
    projects: Sequence[Project]


def protocols(path: Path) -> list[Protocol]:
    """Return what the file *path* comes to under each protocol."""
    conversations: list[Conversation] = json.loads(path.read_text(encoding="utf-8"))
    notes: dict[str, str] = {}
    answerable: list[Asked] = []
    every: list[Asked] = []
    for number, each in enumerate(conversations):
        sessions = dict(_sessions(each, f"locomo-c{number:02}"))
        notes |= sessions
        for question in each["qa"]:
            asked = _of_sessions(question, f"locomo-c{number:02}", sessions)
            every.append(asked)
            answerable += [asked] * (question["category"] != ADVERSARIAL)
    return [
        Protocol("basic-memory, categories 1 to 4", 10, [Project(notes, answerable)]),
        Protocol("basic-memory, all", 10, [Project(notes, every)]),
        Protocol("mcp-memory-service", 5, [_observed(each) for each in conversations]),
    ]


def _sessions(each: Conversation, name: str) -> Iterator[tuple[str, str]]:
    """Yield a note for each session, what was said in it a line a turn."""
    for key, turns in each["conversation"].items():
        if re.fullmatch(r"session_\d+", key):
            said = [f"- **{turn['speaker']}:** {turn['text'].strip()}" for turn in turns if turn["text"].strip()]
            session = f"{name}-s{int(key.removeprefix('session_')):02}"
            yield session, "\n".join([f"# {session}", "", "## Conversation", *said])


def _of_sessions(question: Conversation, name: str, sessions: Mapping[str, str]) -> Asked:
    turns = (re.match(r"D(\d+):", turn) for turn in question["evidence"])
    right = frozenset({f"{name}-s{int(turn[1]):02}" for turn in turns if turn} & sessions.keys())
    return Asked(question["question"], right, len(right) or 1)


def _observed(each: Conversation) -> Project:
    """Return a conversation's observations as notes, and all that is asked of it."""
    notes: dict[str, str] = {}
    turns: dict[str, object] = {}
    for session in each["observation"].values():
        for observations in session.values():
            for text, turn in observations:
                name = f"o{len(notes):04}"
                notes[name] = text
                turns[name] = turn  # a list of some few turns is, in the protocol, none of them
    questions = []
    for question in each["qa"]:
        if evidence := set(question["evidence"]):
            right = frozenset(name for name, turn in turns.items() if isinstance(turn, str) and turn in evidence)
            questions.append(Asked(question["question"], right, len(evidence)))
    return Project(notes, questions)


def found(protocol: Protocol, *, semantic: bool = False) -> Quality:
    """Return what memfs comes to under *protocol*; R@k for k up to its depth, and the MRR, are what it measures."""
    asked = []
    for project in protocol.projects:
        files = {f"{name}.md": memory.compose({"id": name}, text) for name, text in project.notes.items()}
        with opened(files, semantic=semantic) as workspace:
            for question in project.questions:
                hits = workspace.search(question.text, limit=protocol.depth, semantic=semantic).hits
                places = [place for place, hit in enumerate(hits, 1) if hit.entry.memory.id in question.right]
                asked.append(Ranks(tuple(places), question.answers))
    return quality(asked)
