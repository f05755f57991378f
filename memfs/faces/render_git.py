"""What git has to do with memories, for programs (JSON) and for people (lines of styled text)."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

from memfs.faces.render import BAD
from memfs.faces.render import BOLD
from memfs.faces.render import DIM
from memfs.faces.render import GOOD
from memfs.faces.render import OTHERS
from memfs.faces.render import SHOWN_PATHS
from memfs.faces.render import WARN
from memfs.faces.render import Json
from memfs.faces.render import Line
from memfs.faces.render import note_lines
from memfs.memory import format_time
from memfs.trust import inert
from memfs.trust import inert_line

if TYPE_CHECKING:
    from memfs.committing import Committed
    from memfs.committing import Standing
    from memfs.comparing import Difference
    from memfs.exporting import Exported
    from memfs.history import History
    from memfs.history import Version
    from memfs.publishing import Published
    from memfs.resolving import Clash
    from memfs.syncing import Synced
    from memfs.undo import Entry as Kept

WHO = 24
"""Characters of an author's name that a line of `blame` shows."""
SHOWN_WORDS = 20
"""Lines that are shown of what a remote says."""


def standing_json(now: Standing) -> Json:
    """Return how a store's memories stand in git as an object; paths are below the store."""
    return {
        "repository": str(now.repository.top),
        "head": now.head or None,
        "underway": now.underway or None,
        "new": list(now.new),
        "changed": list(now.changed),
        "removed": list(now.gone),
        "conflicts": list(now.conflicts),
        "ignored": list(now.ignored),
        "held": dict(now.held),
    }


def standing_lines(now: Standing) -> Iterator[Line]:
    """Yield how a store's memories stand in git, a line for each way, with the first few names."""
    where = f"in the repository {inert(str(now.repository.top))}"
    words = f"you are in the middle of {now.underway}, " if now.underway else ""
    for what, paths, style in (
        ("not committed yet", now.new, WARN),
        ("changed since the last commit", now.changed, WARN),
        ("removed since the last commit", now.gone, WARN),
        ("in conflict", now.conflicts, BAD),
        ("held back", tuple(now.held), BAD),
        ("ignored by git", now.ignored, DIM),
    ):
        if paths:
            names = ", ".join(inert(path) for path in paths[:SHOWN_PATHS])
            more = f" and {len(paths) - SHOWN_PATHS:,} more" if len(paths) > SHOWN_PATHS else ""
            yield [(f"  git: {len(paths):,} {what}", style), (f"  {names}{more}", DIM)]
    if not (now.contents or now.conflicts or now.held or now.ignored):
        yield [(f"  git: all committed; {words}{where}" if words else f"  git: all committed {where}", DIM)]
    elif words:
        yield [(f"  git: {words}{where}", WARN)]


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


def synced_json(done: Synced) -> Json:
    """Return a sync as an object; `brought` and `clashes` are paths below `path`."""
    return {
        "scope": done.shelf.whose or "home",
        "path": str(done.shelf.top),
        "remote": done.shelf.shown_remote or None,
        "committed": done.committed,
        "brought": list(done.brought),
        "pushed": done.pushed,
        "clashes": list(done.clashes),
        "held": list(done.held),
        "notes": list(done.notes),
    }


def synced_lines(done: Synced) -> Iterator[Line]:
    """Yield what a sync did."""
    yield [(inert(str(done.shelf.top)), BOLD), (f"  {inert(done.shelf.shown_remote)}", DIM)]
    what = [
        f"{done.committed:,} committed" if done.committed else "",
        f"{len(done.brought):,} brought" if done.brought else "",
        "pushed" if done.pushed else "",
    ]
    said = ", ".join(filter(None, what))
    idle = "both sides are the same" if done.shelf.remote else "all is committed, and there is no remote"
    yield [(f"  {said}" if said else f"  nothing to do: {idle}", GOOD if said else DIM)]
    for path in done.clashes:
        yield [("  clash: ", BAD), (f"{inert(path)} holds both texts; `memfs resolve` settles it", "")]
    yield from note_lines(done.notes)


# ---- history


def history_json(told: History) -> Json:
    """Return the versions of a memory as an object, newest first."""
    return {
        "id": told.memory_id,
        "title": told.title,
        "present": told.present is not None,
        "committed": told.committed,
        "versions": [past_json(version) for version in told.versions],
        "more": told.more,
        "notes": list(told.notes),
    }


def past_json(version: Version) -> Json:
    """Return a version as an object; `until` is true where `at` is when it was replaced: nobody knows since when."""
    (made, since), commit, change = version.deeds, version.commit, version.change
    shown: Json = {
        "version": version.name,
        "at": format_time(version.when),
        "until": version.made is None and commit is None and version.kept is not None,
        "scope": version.store.scope,
        "path": str(version.store.absolute(version.path)),
        "trusted": version.trusted,
        "changed": change and {**change._asdict(), "keys": list(change.keys)},
    }
    shown |= {"verb": made.verb, "session": made.session} if made else {}
    shown |= {"after": {"verb": since.verb, "session": since.session}} if since else {}
    return shown | ({"commit": commit.name, "author": commit.author, "subject": commit.subject} if commit else {})


def history_lines(told: History) -> Iterator[Line]:
    """Yield the versions of a memory, a line for each: its name, when, who did what, and what that changed."""
    head: Line = [(inert_line(told.title), BOLD), (f"  {told.memory_id}", DIM)]
    yield head if told.present else [*head, ("  forgotten", WARN)]
    width = max(len(version.short) for version in told.versions)
    for version, older in zip_longest(told.versions, told.versions[1:]):
        line: Line = [
            (f"{version.short:<{width}}", BOLD),
            (f"  {version.when.astimezone():%Y-%m-%d %H:%M}  ", DIM),
            (deed(version), ""),
            (f"  {_change(version, older)}", DIM),
        ]
        if told.present and version is told.versions[0]:
            in_git = {None: "", True: ", committed", False: ", not committed"}[told.committed]
            line.append((f"  (now{in_git})", {None: "", True: GOOD, False: WARN}[told.committed]))
        yield line
    if told.more:
        yield [(f"The newest {len(told.versions):,}; -n shows more.", DIM)]
    yield from note_lines(told.notes)


def difference_json(told: History, found: Difference) -> Json:
    """Return what differs between two versions as an object; `diff` is a unified diff."""
    lines = "".join(f"{line}\n" for line in found.lines)
    return {"id": told.memory_id, "from": past_json(found.old), "to": past_json(found.new), "diff": lines}


def difference_lines(found: Difference) -> Iterator[Line]:
    """Yield what differs between two versions as a unified diff."""
    if not found.lines:
        how = "say the same" if found.old.raw == found.new.raw else "differ only in how their lines end"
        yield [(f"{found.old.short} and {found.new.short} {how}.", DIM)]
    for number, line in enumerate(found.lines):
        styles = {"+": GOOD, "-": "red", "@": "cyan"}
        yield [(inert(line), BOLD if number < 2 else styles.get(line[:1], ""))]  # noqa: PLR2004  (the two names)


def blame_json(told: History, lines: Sequence[tuple[str, Version]]) -> Json:
    """Return each line of a memory with the version that it came with as an object."""
    shown = [{"line": n, "text": text, **_origin_json(origin)} for n, (text, origin) in enumerate(lines, 1)]
    return {"id": told.memory_id, "lines": shown, "notes": list(told.notes)}


def _origin_json(version: Version) -> Json:
    shown, made = past_json(version), version.made
    keys = [key for key in ("version", "at", "commit", "author") if key in shown]
    return {key: shown[key] for key in keys} | ({"verb": made.verb, "session": made.session} if made else {})


def blame_lines(told: History, lines: Sequence[tuple[str, Version]]) -> Iterator[Line]:
    """Yield each line of a memory behind what brought it: the commit, who, and when."""
    in_git = any(origin.commit for _, origin in lines)
    shown = [(_origin(origin, in_git=in_git), text) for text, origin in lines]
    widths = [max((len(columns[number]) for columns, _ in shown), default=0) for number in range(2)]
    for (name, who, when), text in shown:
        yield [(f"{name:<{widths[0]}}  {who:<{widths[1]}}  {when}  ", DIM), (inert(text), "")]
    yield from note_lines(told.notes)


def _origin(version: Version, *, in_git: bool) -> tuple[str, str, str]:
    made = version.made
    name = version.short if version.commit else "not committed" if in_git else made.verb if made else "edit"
    who = version.commit.author if version.commit else made.session or "memfs" if made else "-"
    return name, inert_line(who)[:WHO], f"{version.when.astimezone():%Y-%m-%d %H:%M}"


def deed(version: Version) -> str:
    """Return who did what to bring a version about."""
    (made, since), commit = version.deeds, version.commit
    done = _act(made)
    if commit:
        said = f"{inert_line(commit.author)}: {inert_line(commit.subject)}"
        return f"{said} ({done})" if done else said
    if version.kept:
        return done or f"as it was before {_act(version.kept)}"
    return done or f"by {OTHERS}{f', after {_act(since)}' if since else ''}"


def _act(entry: Kept | None) -> str:
    by = f" by session {inert_line(entry.session)}" if entry and entry.session else ""
    return f"{entry.verb.replace('put_back', 'restore')}{by}" if entry else ""


def _change(version: Version, older: Version | None) -> str:
    """Return what a version changed, in a few words."""
    change = version.change
    if change is None or older is None:
        return "" if change else "the first that is known"
    keys = [inert_line(key) for key in change.keys[:SHOWN_PATHS]]
    keys += ["…"] if len(change.keys) > SHOWN_PATHS else []
    moved = f"from {inert_line(older.store.scope)}" if older.store.key != version.store.key else ""
    named = f"was {inert_line(older.path)}" if older.path != version.path else ""
    count = f"+{change.added} -{change.removed} lines" if change.added or change.removed else "lines moved"
    return "; ".join(filter(None, [moved, named, ", ".join(keys), count if change.body else ""]))


def published_json(done: Published) -> Json:
    """Return a branch with memories as an object: `push` is null when it was pushed."""
    return {
        "branch": done.branch,
        "commit": done.commit,
        "repository": done.place,
        "memories": [
            {"id": each.entry.memory.id, "title": each.entry.memory.title, "path": each.path, "new": each.is_new}
            for each in done.pieces
        ],
        "push": done.push or None,
        "said": list(done.said),
        "notes": list(done.notes),
    }


def published_lines(done: Published) -> Iterator[Line]:
    """Yield what is on a branch now, and how it comes to others."""
    what = "On a branch: " if done.push else "Pushed the branch "
    yield [(what, GOOD), (inert_line(done.branch), BOLD), (f"  {done.commit[:10]}", DIM)]
    yield [(f"  {inert(done.place)}", DIM)]
    for each in done.pieces:
        yield [(f"  {'new' if each.is_new else 'changed':<8} {inert_line(each.path)}", "")]
    if done.push:
        yield [("Push it:  ", DIM), (inert(done.push), "")]
    for line in done.said[:SHOWN_WORDS]:
        yield [("  remote: ", DIM), (inert_line(line), "")]
    yield from note_lines(done.notes)


def exported_json(done: Exported) -> Json:
    """Return an export as an object; `scopes` counts what was written of each."""
    return {
        "path": str(done.folder),
        "written": sum(done.written.values()),
        "same": done.same,
        "scopes": dict(done.written),
        "notes": list(done.notes),
    }


def exported_lines(done: Exported) -> Iterator[Line]:
    """Yield what an export has written."""
    count = sum(done.written.values())
    counts = ", ".join(f"{inert_line(scope)} {number:,}" for scope, number in done.written.items())
    if count:
        plural = "memory" if count == 1 else "memories"
        yield [(f"Wrote {count:,} {plural} to ", GOOD), (inert(str(done.folder)), BOLD), (f"  {counts}", DIM)]
    if done.same:
        yield [(f"{done.same:,} {'was' if done.same == 1 else 'were'} there already", DIM)]
    if not (count or done.same):
        yield [("No memory matches; nothing was written.", "")]
    yield from note_lines(done.notes)


def clash_json(clash: Clash, *, settled: bool) -> Json:
    """Return a memory in conflict as an object; `sides` are the ways to settle it, with the text that each leaves."""
    return {
        "scope": clash.store.scope,
        "path": str(clash.store.absolute(clash.path)),
        "name": clash.path,
        "settled": settled,
        "sides": {side: None if raw is None else raw.decode("utf-8", "replace") for side, raw in clash.sides.items()},
    }


def clash_lines(clash: Clash) -> Iterator[Line]:
    """Yield the text of a memory in conflict, each side in its colour."""
    from memfs.resolving import lines_of

    styles = {"": "", "ours": GOOD, "theirs": WARN, "before": DIM}
    yield [(inert(str(clash.store.absolute(clash.path))), BOLD)]
    for side, line in lines_of(clash):
        yield [(f"{side:<7}", DIM), (inert(line), styles[side])]
