"""What git has to do with memories, for programs (JSON) and for people (lines of styled text)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from memfs.faces.render import BAD
from memfs.faces.render import BOLD
from memfs.faces.render import DIM
from memfs.faces.render import GOOD
from memfs.faces.render import SHOWN_PATHS
from memfs.faces.render import WARN
from memfs.faces.render import Json
from memfs.faces.render import Line
from memfs.faces.render import note_lines
from memfs.faces.render import standing_json
from memfs.trust import inert

if TYPE_CHECKING:
    from memfs.committing import Committed


def committed_json(done: Committed) -> Json:
    """Return a commit as an object: `commit` is null when there was nothing to commit."""
    return {"commit": done.name or None, **standing_json(done.before), "notes": list(done.notes)}


def committed_lines(done: Committed) -> Iterator[Line]:
    """Yield what was committed, and what was not."""
    now = done.before
    if done.name:
        counts = [(now.new, "new"), (now.changed, "changed"), (now.gone, "removed")]
        what = ", ".join(f"{len(paths):,} {word}" for paths, word in counts if paths)
        yield [("Committed ", GOOD), (done.name[:10], BOLD), (f"  {what}", "")]
        yield [("  your staged and unstaged work is as it was; `git push` when you are ready", DIM)]
    else:
        yield [("Nothing to commit: every memory is as in the last commit.", "")]
    for path, reason in now.held.items():
        yield [("not committed: ", BAD), (f"{inert(path)}: {inert(reason)}", "")]
    for path in now.conflicts:
        yield [("not committed: ", BAD), (f"{inert(path)} is in conflict; `memfs resolve` settles it", "")]
    if now.ignored:
        yield [("ignored by git: ", WARN), (", ".join(map(inert, now.ignored[:SHOWN_PATHS])), "")]
    yield from note_lines(done.notes)
