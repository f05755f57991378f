"""`memfs bench retrieval`: a person's own questions put to a view, in this process."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import pytest

from memfs import trial
from memfs.errors import StorageFailed
from memfs.faces.cli import run
from memfs.semantic import found
from tests.commands import Answer
from tests.worlds import World
from tests.worlds import files_below

Bench = Callable[..., Answer]

DATABASE = {"query": "which database", "gold": ["Database of the shop"], "cat": "question"}
DEPLOYS = {"query": "shipping day", "gold": ["deploys.md"], "cat": "paraphrase"}


@pytest.fixture
def bench(world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Bench:
    """Return how to put questions to a workspace of two memories: with a file's text or questions, and options."""
    store = world.folder() / ".memory"
    (store / "database.md").write_text("---\nid: db1\ntitle: Database of the shop\n---\nOrders live in Postgres.\n")
    (store / "deploys.md").write_text("---\nid: dep1\ntitle: Deploys\n---\nWe deploy on Fridays before noon.\n")
    for name, value in world.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(world.folder())

    def asked(questions: bytes | list[dict[str, object]], *options: str) -> Answer:
        lines = questions if isinstance(questions, bytes) else "\n".join(map(json.dumps, questions)).encode()
        (world.root / "asked.jsonl").write_bytes(lines)
        monkeypatch.setattr(sys, "argv", ["memfs", "bench", "retrieval", str(world.root / "asked.jsonl"), *options])
        code = run()
        return Answer(code, *capfd.readouterr())

    return asked


def test_questions_are_measured_overall_and_by_kind(bench: Bench) -> None:
    """Each kind has its row; how long a search took is told; the answer that was missed is named with its question."""
    answer = bench([DATABASE, DEPLOYS])

    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    assert lines[0].split() == ["questions", "R@1", "R@5", "R@10", "MRR", "nDCG@10"]
    assert [line.split() for line in lines[1:4]] == [
        ["all", "2", *["0.500"] * 5],
        ["paraphrase", "1", *["0.000"] * 5],
        ["question", "1", *["1.000"] * 5],
    ]
    assert "ms (p50)" in lines[4]
    assert "not found  line 2: shipping day" in answer.out
    assert "Deploys · dep1" in answer.out
    assert "memfs update ID --cue" in answer.out


def test_a_cue_makes_the_answer_found_that_was_missed(bench: Bench, world: World) -> None:
    """What the table says can be mended, and measured again."""
    (world.folder() / ".memory" / "deploys.md").write_text(
        "---\nid: dep1\ntitle: Deploys\ncues: [which day is for shipping]\n---\nWe deploy on Fridays before noon.\n"
    )

    answer = bench([DATABASE, DEPLOYS], "--json").json

    assert answer["kinds"]["all"] == {"questions": 2, "r1": 1, "r5": 1, "r10": 1, "mrr": 1, "ndcg10": 1}
    assert answer["missed"] == []


def test_a_question_may_be_asked_in_other_words_too(bench: Bench) -> None:
    """Both are one search."""
    answer = bench([{**DEPLOYS, "also": ["deploy on Fridays"]}], "--json").json

    assert answer["kinds"]["all"]["r1"] == 1


def test_questions_are_asked_by_meaning_where_that_is_to_be_had(bench: Bench) -> None:
    """What shares no word with the question is found then; without an embedder it is refused, and told why."""
    answer = bench([{"query": "SQL", "gold": ["db1"]}], "--semantic", "--json")

    if found().embedder is None:
        assert answer.code == 6
        assert answer.error["code"] == "refused"
    else:
        assert answer.json["kinds"]["all"]["mrr"] > 0


def test_json_has_the_same_for_programs(bench: Bench) -> None:
    """Shares, milliseconds, and what was missed with line, id and place."""
    answer = bench([DATABASE, DEPLOYS], "--json").json

    assert answer["kinds"]["all"]["r5"] == 0.5
    assert 0 < answer["milliseconds"]["p50"] <= answer["milliseconds"]["p95"]
    assert answer["missed"] == [
        {"line": 2, "query": "shipping day", "kind": "paraphrase", "id": "dep1", "title": "Deploys", "place": None}
    ]
    assert answer["notes"] == []


@pytest.mark.parametrize("name", ["db1", "db", "database.md", "Database of the shop"])
def test_a_right_answer_goes_by_any_name_that_get_takes(bench: Bench, name: str) -> None:
    """Its id, a beginning of it, its path, its title."""
    assert bench([{"query": "postgres", "gold": [name]}], "--json").json["kinds"]["all"]["r1"] == 1


def test_an_answer_beyond_the_first_hits_has_its_place(bench: Bench, world: World) -> None:
    """Twenty memories that say more of it stand before the right one: it is missed, and where it stands is told."""
    for number in range(20):
        (world.folder() / ".memory" / f"{number}.md").write_text(f"---\ntitle: Postgres {number}\n---\nPostgres.\n")

    answer = bench([{"query": "postgres", "gold": ["db1"]}], "--json").json

    assert answer["missed"][0]["place"] == 21
    assert answer["kinds"]["all"]["mrr"] == pytest.approx(1 / 21, abs=1e-4)
    assert answer["kinds"]["all"]["r10"] == 0


def test_an_unknown_right_answer_is_told_and_left_out(bench: Bench) -> None:
    """A question that cannot be answered says nothing of the search; the others are measured."""
    gone = {"query": "q", "gold": ["Gone"]}

    answer = bench([DATABASE, gone, {**DATABASE, "gold": ["db1", "Gone too"]}])

    assert answer.code == 0, answer.err
    assert answer.out.splitlines()[1].split() == ["all", "2", *["1.000"] * 5]
    assert "note: Line 2, a right answer is left out: No memory is called 'Gone' here." in answer.out
    assert "note: Line 3, a right answer is left out: No memory is called 'Gone too' here." in answer.out


def test_a_question_beyond_the_view_is_told_and_left_out(bench: Bench) -> None:
    """In isolated mode nobody answers a question about global memories; the others are measured."""
    answer = bench([DATABASE, {"query": "scope:global postgres", "gold": ["db1"]}], "--json").json

    assert answer["kinds"]["all"]["questions"] == 1
    assert answer["notes"][0].startswith("Line 2 is left out: Global memories are not available in isolated mode.")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b'{"query": "q", "gold": ["db1"]}\n{"query": 3}', 'asked.jsonl, line 2: "query" has to be a text.'),
        (b"\xff\xfe", "asked.jsonl is no UTF-8 text."),
        (b"", "asked.jsonl holds no question"),
        (b'{"query": "q", "gold": ["Gone"]}', "None of the questions can be asked here."),
    ],
)
def test_what_cannot_be_asked_ends_as_wrong_usage(bench: Bench, text: bytes, sentence: str) -> None:
    """The sentence names path, line and reason."""
    answer = bench(text)

    assert answer.code == 2
    assert sentence in answer.sentence


def test_a_file_that_is_not_there_is_named(world: World) -> None:
    """The operating system's reason, and no traceback."""
    with pytest.raises(StorageFailed, match=r"Could not read .*none\.jsonl: No such file"):
        trial.read(world.root / "none.jsonl")


def test_measuring_changes_no_file(bench: Bench, world: World) -> None:
    """Memories, settings and the undo journal are as they were."""
    before = files_below(world.folder())

    bench([DATABASE, DEPLOYS])

    assert files_below(world.folder()) == before
    assert not (world.state / "undo").exists()


def test_what_steers_a_terminal_is_taken_out_of_what_was_asked(bench: Bench) -> None:
    """A file of questions may come with a repository."""
    evil = {"query": "\x1b]0;owned\x07 unheard", "gold": ["db1"], "cat": "\x1b[2Jkind"}

    answer = bench([evil])

    assert answer.code == 0
    assert "\x1b" not in answer.out
    assert "unheard" in answer.out
