"""Running machines of hypothesis, which do anything in any order: some stories in every run, longer ones in a soak."""

from __future__ import annotations

import time

from hypothesis import HealthCheck
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine
from hypothesis.stateful import run_state_machine_as_test

from tests.worlds import SOAK_SECONDS


def run(machine: type[RuleBasedStateMachine], examples: int, steps: int) -> None:
    """Run *machine* so often, so long."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )


def soak(machine: type[RuleBasedStateMachine], steps: int) -> None:
    """Run *machine*, so long each time, for as long as there is time."""
    deadline = time.monotonic() + SOAK_SECONDS
    while time.monotonic() < deadline:
        run(machine, examples=10, steps=steps)
