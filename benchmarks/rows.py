"""What was measured against what it is meant to come to: rows, verdicts, and how they are printed."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from importlib.metadata import version
from statistics import median

from benchmarks.table import aligned
from memfs.quality import percentile

UNITS = {"s": 1.0, "ms": 1e-3, "MB": 1e6, "kB": 1e3, "×": 1.0, "%": 1e-2, "memories": 1.0}


@dataclass(frozen=True, slots=True)
class Goal:
    """The most that something may come to: in the row's unit at the median, and at the 95th percentile."""

    median: float | None = None
    p95: float | None = None


@dataclass(slots=True)
class Row:
    """One line of the table.

    Attributes:
        name: What was measured.
        unit: One of `UNITS`.
        values: In seconds, bytes or as factors; empty when it is not to be had here.
        goal: None when there is none for this number of memories.
        note: What else there is to say.
    """

    name: str
    unit: str
    values: Sequence[float]
    goal: Goal | None = None
    note: str = ""

    def cells(self) -> tuple[str, str, str, str, str]:
        """Return name, goal, reached, verdict and note."""
        goal = self.goal or Goal()
        texts = [f"{label}{limit:g}" for label, limit in (("", goal.median), ("p95 ", goal.p95)) if limit is not None]
        wanted = f"≤ {', '.join(texts)} {self.unit}" if texts else "–"
        if not self.values:
            return self.name, wanted, "not available", "–", self.note
        reached = f"{shown(self.median())} {self.unit}"
        if len(self.values) > 1:
            reached = f"{shown(self.median())}, p95 {shown(self.p95())} {self.unit}"
        return self.name, wanted, reached, self.verdict(), self.note

    def median(self) -> float:
        """Return the median in the row's unit."""
        return median(self.values) / UNITS[self.unit]

    def p95(self) -> float:
        """Return the 95th percentile in the row's unit."""
        return percentile(self.values, 95) / UNITS[self.unit]

    def verdict(self) -> str:
        """Return `reached` or `missed`, `–` where there is nothing to judge."""
        if self.goal is None or not self.values:
            return "–"
        met = (self.goal.median is None or self.median() <= self.goal.median) and (
            self.goal.p95 is None or self.p95() <= self.goal.p95
        )
        return "reached" if met else "missed"


def shown(number: float) -> str:
    """Return *number* with three digits that say something."""
    return f"{number:.3g}" if number < 1_000 else f"{number:,.0f}"


def told(rows: Iterable[Row]) -> list[Row]:
    """Return *rows*, each told on standard error as soon as it is there."""
    measured = []
    for row in rows:
        say(f"  {'  '.join(row.cells())}")
        measured.append(row)
    return measured


def publish(rows: Sequence[Row], *, as_json: bool) -> None:
    """Print *rows* and the machine they depend on, as a table or as JSON."""
    if as_json:
        print(json.dumps({"machine": machine(), "rows": [described(row) for row in rows]}, indent=1))
        return
    print(machine())
    print(aligned([("", "goal", "reached", "", ""), *(row.cells() for row in rows)]))


def described(row: Row) -> dict[str, object]:
    """Return *row* for a program to read."""
    there = bool(row.values)
    numbers = {"median": row.median() if there else None, "p95": row.p95() if there else None, "runs": len(row.values)}
    return {
        "name": row.name,
        "unit": row.unit,
        **numbers,
        "goal": asdict(row.goal) if row.goal else None,
        "verdict": row.verdict(),
        "note": row.note,
    }


def timed(do: Callable[[], object]) -> float:
    """Return how many seconds *do* takes."""
    start = time.perf_counter()
    do()
    return time.perf_counter() - start


def machine() -> str:
    """Return what the numbers depend on, in one line."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0
    return f"{cores} cores, Python {platform.python_version()}, tantivy {version('tantivy')}, {platform.system()}"


def say(text: str) -> None:
    """Tell on standard error how far we are."""
    print(text, file=sys.stderr, flush=True)
