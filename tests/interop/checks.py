"""What an independent client saw, and how it is printed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Check(NamedTuple):
    """One thing that a client tried.

    Attributes:
        client: Who tried it, and over what.
        what: What was tried.
        passed: Whether it came out as it should.
        note: What came out, where that says more.
    """

    client: str
    what: str
    passed: bool
    note: str = ""


def one_line(text: str, most: int = 160) -> str:
    """Return *text* on one line of at most *most* characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[:most]}…"


def summary(checks: Sequence[Check]) -> str:
    """Return a line for each client, with how many of its checks passed, and below it those that did not."""
    lines = []
    width = max((len(check.client) for check in checks), default=0)
    for client in dict.fromkeys(check.client for check in checks):
        own = [check for check in checks if check.client == client]
        failed = [check for check in own if not check.passed]
        lines.append(
            f"{client.ljust(width)}  {len(own) - len(failed):3} of {len(own):3}  {'FAILED' if failed else 'ok'}"
        )
        lines += [f"    {check.what}: {check.note}" for check in failed]
        lines += [f"    {check.what}: {check.note}" for check in own if check.passed and check.note]
    return "\n".join(lines)
