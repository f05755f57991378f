"""What the benchmark of retrieval stands on: the open set, asked, and LoCoMo's file as two other memories read it."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest

from benchmarks import devmem
from benchmarks import locomo
from benchmarks import retrieval
from benchmarks.locomo import Asked
from benchmarks.worlds import opened
from memfs import trial

CONVERSATION = {
    "sample_id": "conv-1",
    "conversation": {
        "speaker_a": "Ada",
        "speaker_b": "Bo",
        "session_1_date_time": "1:56 pm on 8 May, 2023",
        "session_1": [
            {"speaker": "Ada", "dia_id": "D1:1", "text": "I planted tomatoes on the balcony."},
            {"speaker": "Bo", "dia_id": "D1:2", "text": " "},
        ],
        "session_2_date_time": "9:10 am on 20 May, 2023",
        "session_2": [{"speaker": "Bo", "dia_id": "D2:1", "text": "My brother bought a red bicycle."}],
        "session_3_date_time": "9:10 am on 21 May, 2023",
    },
    "observation": {
        "session_1_observation": {"Ada": [["Ada planted tomatoes.", "D1:1"], ["Ada has a balcony.", "D1:1"]]},
        "session_2_observation": {"Bo": [["Bo's brother owns a bicycle.", ["D2:1", "D2:2"]]]},
    },
    "qa": [
        {"question": "What did Ada plant?", "answer": "Tomatoes", "evidence": ["D1:1"], "category": 4},
        {"question": "Who bought a bicycle, and who tomatoes?", "evidence": ["D2:1", "D1:1", "D9:1"], "category": 1},
        {"question": "What colour is the sky?", "evidence": [], "category": 3},
        {"question": "Why did Bo plant?", "adversarial_answer": "Fun", "evidence": ["D1:1"], "category": 5},
    ],
}
"""Made up, in the structure of LoCoMo's file."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a file with one conversation."""
    (tmp_path / "locomo.json").write_text(json.dumps([CONVERSATION]))
    return tmp_path / "locomo.json"


def test_basic_memory_reads_sessions_and_counts_the_share_of_those_that_the_evidence_names(path: Path) -> None:
    """A session that is not there is no answer; a question that names none has one that is never found."""
    answerable, every, _ = locomo.protocols(path)
    (project,) = every.projects

    assert list(project.notes) == ["locomo-c00-s01", "locomo-c00-s02"]
    assert project.notes["locomo-c00-s01"].splitlines()[2:] == [
        "## Conversation",
        "- **Ada:** I planted tomatoes on the balcony.",
    ]
    both = frozenset({"locomo-c00-s01", "locomo-c00-s02"})
    assert [(each.right, each.answers) for each in project.questions] == [
        (frozenset({"locomo-c00-s01"}), 1),
        (both, 2),
        (frozenset(), 1),
        (frozenset({"locomo-c00-s01"}), 1),
    ]
    assert answerable.projects[0].questions == project.questions[:3]


def test_mcp_memory_service_reads_observations_and_counts_the_turns_that_the_evidence_names(path: Path) -> None:
    """Two observations of one turn are both right; one of several turns is of none; no evidence, no question."""
    *_, protocol = locomo.protocols(path)
    (project,) = protocol.projects

    assert list(project.notes.values()) == [
        "Ada planted tomatoes.",
        "Ada has a balcony.",
        "Bo's brother owns a bicycle.",
    ]
    right = frozenset({"o0000", "o0001"})
    assert project.questions == [
        Asked("What did Ada plant?", right, 1),
        Asked("Who bought a bicycle, and who tomatoes?", right, 3),
        Asked("Why did Bo plant?", right, 1),
    ]


def test_a_protocol_is_asked_of_a_workspace_for_each_project(path: Path) -> None:
    """By session: the three questions of categories 1 to 4 find 1, 2 of 2 and nothing."""
    answerable, *_ = locomo.protocols(path)

    found = locomo.found(answerable)

    assert found.questions == 3
    assert found.r5 == found.mrr == pytest.approx(2 / 3)


def test_the_open_set_is_found_as_well_as_was_promised() -> None:
    """By words alone R@5 is at least .89 and MRR .87; with cues R@1 .93, R@5 .99, and .95 of paraphrases."""
    with opened(devmem.files(cues=False)) as workspace:
        words = trial.ask(workspace, devmem.questions()).kinds["all"]
        others = trial.ask(workspace, devmem.questions(also=True)).kinds["all"]
    with opened(devmem.files(cues=True)) as workspace:
        cues = trial.ask(workspace, devmem.questions()).kinds

    assert words.questions == 75
    assert words.r5 >= 0.89
    assert words.mrr >= 0.87
    assert others.r5 >= words.r5 - 0.01
    assert cues["all"].r1 >= 0.93
    assert cues["all"].r5 >= 0.99
    assert cues["paraphrase"].r5 >= 0.95


@pytest.fixture
def _by_meaning() -> None:
    """Skip the test where no embedder is installed."""
    if not retrieval.by_meaning():
        pytest.skip("no embedder is installed")


@pytest.mark.usefixtures("_by_meaning")
def test_the_meaning_finds_more_and_costs_nothing() -> None:
    """Without cues R@5 is at least .95; with them, and in other words too, none of all falls by more than a point."""
    for cues, also in product((False, True), repeat=2):
        with opened(devmem.files(cues=cues), semantic=True) as workspace:
            words = trial.ask(workspace, devmem.questions(also=also)).kinds["all"]
            meant = trial.ask(workspace, devmem.questions(also=also), semantic=True).kinds["all"]

        assert meant.r5 >= 0.95
        for measure in ("r1", "r5", "r10", "mrr", "ndcg10"):
            assert getattr(meant, measure) >= getattr(words, measure) - 0.01, (measure, cues, also)


@pytest.mark.usefixtures("_by_meaning")
def test_recalls_example_is_found_by_cues_and_by_meaning_each_alone() -> None:
    """Asked as recall's document asks it, it is the first or the second hit; by its words alone it is none."""
    places = {way: place for way, place, _ in retrieval.example().rows}

    assert places["words"] == "not found"
    assert places["words + semantic"] in (1, 2)
    assert places["words + cues"] in (1, 2)
