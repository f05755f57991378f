"""What is wrong with the view's stores, and what of it can be mended without losing a word."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from memfs import credentials
from memfs.answers import Entry
from memfs.errors import MemfsError
from memfs.memory import IMPORTANT
from memfs.query import Filters
from memfs.shelves import shelf_with
from memfs.workspace import MAX_LIMIT
from memfs.workspace import Workspace

BATCH = 256
"""Files that are looked through between two words of how far that is."""


class Finding(NamedTuple):
    """Something that is wrong.

    Attributes:
        kind: `malformed`, `unreadable`, `conflict`, `value`, `twins`, `copy`, `config`, `index`, `secret` or `cues`.
        paths: The files it is about.
        line: In the first of them, 0 for the whole.
        sentence: What is wrong and what to do.
        serious: Whether a memory cannot be used as it should, or has a credential that git carries.
        fixed: What was done about it, empty when nothing was.
    """

    kind: str
    paths: tuple[Path, ...]
    line: int
    sentence: str
    serious: bool = True
    fixed: str = ""


class Report(NamedTuple):
    """All findings; `healthy` when none of them is serious and open."""

    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Return whether nothing serious is left."""
        return not any(finding.serious and not finding.fixed for finding in self.findings)


def examine(
    workspace: Workspace,
    *,
    fix: bool = False,
    cues: bool = False,
    may_remove: Callable[[Entry], bool] = lambda _: False,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Report:
    """Return what is wrong with the stores that *workspace* sees.

    Args:
        workspace: Whose view.
        fix: Give twins new ids, and finish moves that were cut off; never in a store that is synced with others, as
            long as the id stands elsewhere, too.
        cues: List important memories without cues, too.
        may_remove: Asked before the copy of a memory that lies in two stores is removed from the farther one.
        progress: Called with the number of files that were looked through for credentials, and of all.
    """
    if fix:
        workspace.journal.sweep()
    findings = [*_files(workspace), *_doubles(workspace, fix=fix, may_remove=may_remove)]
    findings += [
        Finding("config", (workspace.config.path,), 0, each, serious=False) for each in workspace.config.problems
    ]
    if workspace.index.note:
        findings.append(
            Finding("index", (), 0, f"{workspace.index.note}. Search works, but each process indexes anew.")
        )
    return Report((*findings, *_secrets(workspace, progress), *(_without_cues(workspace) if cues else ())))


def _files(workspace: Workspace) -> Iterator[Finding]:
    advice = {
        "malformed": "Mend the header in an editor; until then its text is found, and memfs does not change the file.",
        "unreadable": "Save it as UTF-8 text below 1 MiB, or move it out of the store.",
        "conflict": "`memfs resolve` settles it, or an editor: keep what is right, and remove the conflict markers.",
    }
    for store in workspace.status().stores:
        for flaw in store.flaws:
            path = store.store.absolute(flaw.path)
            kind = "value" if flaw.state == "ok" else flaw.state
            sentence = f"{flaw.problem.reason}. {advice.get(flaw.state, '')}".rstrip()
            yield Finding(kind, (path,), flaw.problem.line, sentence, serious=flaw.state != "ok")
        for name in sorted({*store.conflicts} - {flaw.path for flaw in store.flaws if flaw.state == "conflict"}):
            sentence = "Git holds it as not merged, though its text has no marker. `memfs resolve` settles it."
            yield Finding("conflict", (store.store.absolute(name),), 0, sentence)


def _secrets(workspace: Workspace, progress: Callable[[int, int], None]) -> Iterator[Finding]:
    """Yield every line that seems to hold a credential; a file or store that cannot be read is told of by `_files`."""
    files = []
    for store in workspace.view.stores:
        with suppress(MemfsError):
            files += [(store, path) for path in sorted(store.scan().files)]
    for number, (store, path) in enumerate(files, 1):
        with suppress(MemfsError):
            for line, kind in credentials.find_secrets(store.read(path).raw.decode("utf-8", "replace")):
                sentence = f"It seems to hold a secret: {kind}. Take it out and revoke it; git keeps what it had."
                yield Finding("secret", (store.absolute(path),), line, sentence, serious=store.scope == "workspace")
        if number % BATCH == 0:
            progress(number, len(files))


def _without_cues(workspace: Workspace) -> Iterator[Finding]:
    """Yield each important memory that only its own wording leads to, the most important first; guests' are not."""
    offset: int | None = 0
    while offset is not None:
        filters = Filters(importance=(IMPORTANT, None))
        page = workspace.list(filters=filters, sort="importance", limit=MAX_LIMIT, offset=offset)
        for entry in page.entries:
            if not entry.memory.cues and entry.store in workspace.view.own:
                how = f"memfs update {entry.memory.id} --cue PHRASE ..."
                sentence = f'"{entry.memory.title}" has no cues; say how one who forgot its wording will ask: {how}'
                yield Finding("cues", (entry.path,), 0, sentence, serious=False)
        offset = page.next_offset


def _doubles(workspace: Workspace, *, fix: bool, may_remove: Callable[[Entry], bool]) -> Iterator[Finding]:
    for entries in workspace.twins():
        paths = tuple(entry.path for entry in entries)
        memory_id = entries[0].memory.id
        alike = len({entry.file.digest for entry in entries}) == 1
        apart = len({entry.store.key for entry in entries}) == len(entries)
        if apart and (shared := [entry for entry in entries if _is_synced(workspace, entry)]):
            yield _published(entries, shared, alike=alike)
            continue
        if alike and apart:
            farther = entries[1:]
            done = [entry for entry in farther if fix and may_remove(entry)]
            for entry in done:
                workspace.remove_copy(entry)
            said = f"removed {', '.join(str(entry.path) for entry in done)}" if done else ""
            sentence = (
                f"The memory {memory_id} lies in more than one store with the same text (a move that was cut off)."
            )
            yield Finding("copy", paths, 0, sentence, fixed=said)
            continue
        said = "; ".join(_renamed(workspace, entries)) if fix else ""
        sentence = (
            f"The id {memory_id} is written in {len(entries)} files; `memfs doctor --fix` gives the younger new ids."
        )
        yield Finding("twins", paths, 0, sentence, fixed=said)


def _is_synced(workspace: Workspace, entry: Entry) -> bool:
    return shelf_with(workspace.config, entry.store) is not None


def _published(entries: Sequence[Entry], shared: Sequence[Entry], *, alike: bool) -> Finding:
    """Return what there is to say of a memory that lies in several stores, some of which are *shared* with others.

    A copy that is removed or renamed there goes from everybody's machine, so the user alone can say which one stays.
    """
    others = shared[0].store.scope
    first = next((entry for entry in entries if entry not in shared), entries[0])
    texts = "the same text" if alike else "different texts"
    sentence = (
        f"The memory {first.memory.id} lies in {' and '.join(entry.store.scope for entry in entries)} with {texts}: it "
        f"was published, or a move was cut off. memfs changes neither, since {others} is synced with others. Once "
        f"nothing of the one here is missed there: `memfs forget {shlex.quote(str(first.path))}`."
    )
    return Finding("copy" if alike else "twins", tuple(entry.path for entry in entries), 0, sentence, serious=not alike)


def _renamed(workspace: Workspace, entries: tuple[Entry, ...]) -> Iterator[str]:
    """Give all of *entries* but one new ids, yield what was done: it is trusted, if possible synced, and the oldest."""

    # a stranger's file cannot take an id away from the user's by claiming to be older
    def rank(entry: Entry) -> tuple[bool, bool, datetime, datetime]:
        return not entry.trusted, not _is_synced(workspace, entry), entry.created, entry.changed

    for entry in sorted(entries, key=rank)[1:]:
        with suppress(MemfsError):
            yield f"{entry.path} is now {workspace.give_new_id(entry).memory.id}"
