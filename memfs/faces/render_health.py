"""How memories stand, and what is wrong with them: in folders, in git, with a remote; for programs and for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from memfs.faces.render import BAD
from memfs.faces.render import BOLD
from memfs.faces.render import DIM
from memfs.faces.render import GOOD
from memfs.faces.render import MEGA
from memfs.faces.render import WARN
from memfs.faces.render import Json
from memfs.faces.render import Line
from memfs.faces.render import note_lines
from memfs.faces.render_git import standing_json
from memfs.faces.render_git import standing_lines
from memfs.trust import inert
from memfs.trust import inert_line

if TYPE_CHECKING:
    from memfs.answers import Flaw
    from memfs.answers import Link
    from memfs.answers import Status
    from memfs.doctor import Report

# ---- for programs


def status_json(status: Status) -> Json:
    """Return how things stand as an object."""
    return {
        "workspace": str(status.workspace),
        "mode": status.mode,
        "mode_source": status.mode_source,
        "stores": [
            {
                "scope": each.store.scope,
                "path": str(each.store.root),
                "exists": each.exists,
                "count": each.files,
                "malformed": each.having("malformed"),
                "unreadable": each.having("unreadable"),
                "conflict": each.having("conflict"),
                "flawed": each.having("ok"),
                "weight": each.weight,
                "trusted": not each.untrusted,
                "untrusted": each.untrusted,
                "seen_by": each.seen_by,
                "git": each.git and standing_json(each.git),
                "remote": each.remote and each.remote._asdict(),
                "problems": [flaw_json(flaw) for flaw in each.flaws],
            }
            for each in status.stores
        ],
        "guests": [
            {
                "scope": each.store.scope,
                "path": str(each.store.root),
                "channels": None if each.channels is None else list(each.channels),
                "count": each.memories,
                "weight": each.weight,
            }
            for each in status.guests
        ],
        "subscriptions": list(status.subscriptions),
        "index": {"path": str(status.index_folder), "bytes": status.index_bytes},
        "semantic": status.semantic,
        "notes": list(status.notes),
    }


def flaw_json(flaw: Flaw) -> Json:
    """Return something wrong with a file as an object."""
    path = str(flaw.store.absolute(flaw.path))
    return {"path": path, "state": flaw.state, "line": flaw.problem.line, "reason": flaw.problem.reason}


def report_json(report: Report) -> Json:
    """Return what the doctor found as an object."""
    return {
        "healthy": report.healthy,
        "findings": [
            {
                "kind": each.kind,
                "paths": [str(path) for path in each.paths],
                "line": each.line,
                "sentence": each.sentence,
            }
            | ({"fixed": each.fixed} if each.fixed else {})
            for each in report.findings
        ],
    }


# ---- for people


def status_lines(status: Status) -> Iterator[Line]:
    """Yield where this is, what is visible from here, and what is wrong with it."""
    yield [("workspace  ", DIM), (inert(str(status.workspace)), BOLD)]
    yield [("mode       ", DIM), (status.mode, BOLD), (f"  ({inert(status.mode_source)})", DIM)]
    yield [("index      ", DIM), (f"{inert(str(status.index_folder))}  ({_size(status.index_bytes)})", "")]
    yield [("semantic   ", DIM), (inert_line(status.semantic), ""), ("  (for agents; for you: search --semantic)", DIM)]
    for each in status.stores:
        yield []
        plural = "memory" if each.files == 1 else "memories"
        count = f"{each.files:,} {plural}" if each.exists else "no folder yet; the first save makes it"
        line: Line = [(f"{each.store.scope}  ", BOLD), (count, "")]
        for state in ("malformed", "unreadable", "conflict"):
            if number := each.having(state):
                line.append((f", {number} {state}", BAD))
        if number := each.having("ok"):
            line.append((f", {number} with a doubtful value", WARN))
        yield line
        yield [(f"  {inert(str(each.store.root))}", DIM)]
        yield [(f"  seen by {each.seen_by}; scores × {each.weight:g}", DIM)]
        if each.git:
            yield from standing_lines(each.git)
        if each.remote:
            yield _link_line(each.remote)
    if status.subscriptions:
        yield []
        hidden = "" if status.mode == "hybrid" else f"; seen in hybrid mode, and not in {status.mode} mode"
        yield [("channels  ", BOLD), (f"{', '.join(status.subscriptions)}{hidden}", "")]
    for guest in status.guests:
        yield []
        what = "all it has" if guest.channels is None else f"what it puts into {', '.join(guest.channels)}"
        yield [(f"{inert_line(guest.store.scope)}  ", BOLD), (f"{guest.memories:,} seen: {what}", "")]
        yield [(f"  {inert(str(guest.store.root))}", DIM)]
        yield [(f"  read only; scores × {guest.weight:g}", DIM)]
    yield from note_lines(status.notes)


def _link_line(link: Link) -> Line:
    """Return with what a store is synced, and whether something of it waits to be pushed."""
    if link.unpushed == 0:
        words = "nothing was committed since the last sync"
    elif link.unpushed is None:
        words = "not synced yet; `memfs sync` does it"
    else:
        words = (
            f"{link.unpushed:,} {'commit' if link.unpushed == 1 else 'commits'} not pushed yet; `memfs sync` does it"
        )
    return [(f"  syncs with {inert(link.address)}: ", DIM), (words, WARN if link.unpushed != 0 else DIM)]


def report_lines(report: Report) -> Iterator[Line]:
    """Yield what the doctor found and mended."""
    for finding in report.findings:
        where = f"{finding.paths[0]}:{finding.line}" if finding.line else "  ".join(str(path) for path in finding.paths)
        yield [(finding.kind, BAD if finding.serious else WARN), (f"  {inert_line(where)}" if where else "", "")]
        yield [(f"  {inert_line(finding.sentence)}", "")]
        if finding.fixed:
            yield [(f"  mended: {inert_line(finding.fixed)}", GOOD)]
    count = len(report.findings)
    yield [(f"{count} finding{'s' if count > 1 else ''}.", "")] if count else [("All is well.", GOOD)]


def _size(count: int) -> str:
    return f"{count / MEGA:.1f} MB" if count >= MEGA else f"{count / 1_000:.0f} kB"
