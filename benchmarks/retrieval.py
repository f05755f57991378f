"""How well memfs finds what is looked for, on the open half of a set of developers' memories and questions.

python -m benchmarks.retrieval [--cues] [--json]

Each question has its right answers and a category. Recall at 1, 5 and 10 (R@k) is the share of right
answers among the first k hits, MRR the mean of 1 / rank of the first right one, nDCG@10 as in Järvelin
and Kekäläinen 2002 with gains of 0 and 1; each the mean over the questions.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from benchmarks.table import aligned
from memfs import memory
from memfs.values import Value
from memfs.workspace import Workspace

DATA = Path(__file__).parent / "data"
DEPTH = 20
"""Hits that are looked at."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question, the ids of its right answers, and what kind it is."""

    text: str
    gold: frozenset[str]
    category: str


@dataclass(frozen=True, slots=True)
class Quality:
    """Means over some questions, each 0 to 1."""

    questions: int
    r1: float
    r5: float
    r10: float
    mrr: float
    ndcg10: float


def questions() -> list[Question]:
    """Return the questions of the set."""
    lines = (DATA / "devmem.open.queries.jsonl").read_text(encoding="utf-8").splitlines()
    return [Question(each["query"], frozenset(each["gold"]), each["cat"]) for each in map(json.loads, lines)]


def write(folder: Path, *, cues: bool) -> None:
    """Write the set's memories below *folder*, which is made, with the phrases under `cues` if asked for."""
    folder.mkdir(parents=True)
    phrases = json.loads((DATA / "devmem.open.cues.json").read_text(encoding="utf-8"))
    for line in (DATA / "devmem.open.docs.jsonl").read_text(encoding="utf-8").splitlines():
        each = json.loads(line)
        values: dict[str, Value] = {
            "id": each["id"],
            "title": each["title"],
            "importance": str(each["importance"]),
            "tags": list(dict.fromkeys(each["tags"])),
            "created": each["created"],
        }
        if cues:
            values["cues"] = phrases[each["id"]]
        (folder / f"{each['id']}.md").write_bytes(memory.compose(values, each["text"]))


def ranked(workspace: Workspace, asked: Sequence[Question]) -> list[list[str]]:
    """Return for each question the ids that *workspace* finds, best first."""
    return [[hit.entry.memory.id for hit in workspace.search(each.text, limit=DEPTH).hits] for each in asked]


def quality(asked: Sequence[Question], found: Sequence[Sequence[str]]) -> Quality:
    """Return how good the rankings *found* are for the questions *asked*."""
    pairs = [(each.gold, ids) for each, ids in zip(asked, found, strict=True)]
    r1, r5, r10 = (fmean(len(gold & set(ids[:k])) / len(gold) for gold, ids in pairs) for k in (1, 5, 10))
    mrr = fmean(next((1 / rank for rank, id in enumerate(ids, 1) if id in gold), 0.0) for gold, ids in pairs)
    return Quality(len(pairs), r1, r5, r10, mrr, fmean(_ndcg(gold, ids[:10]) for gold, ids in pairs))


def _ndcg(gold: frozenset[str], ids: Sequence[str]) -> float:
    gain = sum(1 / math.log2(rank + 1) for rank, id in enumerate(ids, 1) if id in gold)
    return gain / sum(1 / math.log2(rank + 1) for rank in range(1, min(len(gold), 10) + 1))


def by_category(asked: Sequence[Question], found: Sequence[Sequence[str]]) -> Mapping[str, Quality]:
    """Return the quality over all questions, then of each category."""
    pairs = list(zip(asked, found, strict=True))
    kinds = sorted({each.category for each in asked})
    parts = {kind: [pair for pair in pairs if pair[0].category == kind] for kind in kinds}
    return {kind: quality(*zip(*part, strict=True)) for kind, part in {"all": pairs, **parts}.items()}


def measure(*, cues: bool = False) -> Mapping[str, Quality]:
    """Return the quality by category, searched in a temporary workspace."""
    with tempfile.TemporaryDirectory(prefix="memfs-bench-") as folder:
        write(Path(folder, "project", ".memory"), cues=cues)
        own = {name: str(Path(folder, name)) for name in ("MEMFS_HOME", "MEMFS_CACHE", "MEMFS_STATE", "HOME")}
        asked = questions()
        return by_category(asked, ranked(Workspace.open(Path(folder, "project"), environ=own), asked))


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retrieval", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cues", action="store_true", help="give each memory its phrases for those who forgot it")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    results = measure(cues=options.cues)
    if options.json:
        print(json.dumps({kind: asdict(result) for kind, result in results.items()}, indent=1))
        return
    print(f"{'With' if options.cues else 'Without'} cues:")
    head = ("", "questions", "R@1", "R@5", "R@10", "MRR", "nDCG@10")
    rows = [(kind, str(q.questions), *(f"{value:.3f}" for value in (q.r1, q.r5, q.r10, q.mrr, q.ndcg10)))
            for kind, q in results.items()]  # fmt: skip
    print(aligned([head, *rows], right=range(1, 7)))


if __name__ == "__main__":
    main()
