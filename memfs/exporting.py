"""Exporting memories: copies of their files in a folder of the user's, byte for byte, and never in another's place."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from memfs.answers import Entry
from memfs.errors import Conflict
from memfs.errors import Refused
from memfs.errors import StorageFailed
from memfs.memory import MAX_BYTES
from memfs.query import Filters
from memfs.scope import homes
from memfs.workspace import Workspace

PAGE = 1_000
"""Memories that are asked for at once."""
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Exported(NamedTuple):
    """What an export did.

    Attributes:
        folder: Where the files are now.
        written: How many were written, by scope.
        same: How many were there already, with the same bytes.
        notes: What people should know, what was left out among it.
    """

    folder: Path
    written: Mapping[str, int]
    same: int
    notes: tuple[str, ...]


def export(
    here: Workspace, filters: Filters, folder: Path, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> Exported:
    """Copy the files of the memories that pass *filters* into *folder*, each with the time when it was changed.

    They lie below `workspace/`, `global/` and `groups/NAME/` there, with the folders of their stores; straight in
    *folder* when the filters name one scope. Without a scope, those of other projects are not among them. The folder is
    made if it is not there, and *progress* called with the number of files that are done, and of all.

    Raises:
        Conflict: Another file is in the place of one; nothing was written.
        Refused: The folder is a store, or a link leads out of it; nothing was written.
        OutOfScope, Invalid: See `Workspace.list`.
        StorageFailed: The operating system refused; what was written until then is whole.
    """
    folder = Path(os.path.realpath(folder))
    _refuse_store(here, folder)
    scopes = filters.scopes or tuple(store.scope for store in here.view.own)
    entries, notes = _chosen(here, filters._replace(scopes=scopes))
    below = "" if len(set(filters.scopes)) == 1 else "{}"
    folders = {store.scope: below.format(store.scope.replace(":", "s/")) for store in here.view.stores}
    targets = {folder / folders[entry.store.scope] / entry.memory.path: entry for entry in entries}
    for parent in {target.parent for target in targets}:
        _refuse_way(parent, folder)
    new = [(target, entry) for target, entry in targets.items() if not _is_same(target, entry)]
    for number, (target, entry) in enumerate(new, 1):
        _copy(entry, target)
        progress(number, len(new))
    written = Counter(entry.store.scope for _, entry in new)
    return Exported(folder, written, len(targets) - len(new), tuple(notes))


def _refuse_store(here: Workspace, folder: Path) -> None:
    """Refuse to put copies where memfs would take them for memories of their own."""
    own = {*(os.path.realpath(store.root) for store in here.view.stores), *homes(here.config)}
    for root in own:
        if folder.is_relative_to(root):
            raise Refused(f"{folder} lies in {root}, where each copy would be a memory twice; name another folder.")


def _chosen(here: Workspace, filters: Filters) -> tuple[list[Entry], list[str]]:
    """Return the memories that pass *filters*, and what people should know of those that do not come along."""
    entries: dict[Path, Entry] = {}
    notes: list[str] = []
    offset: int | None = 0
    while offset is not None:
        page = here.list(filters=filters, limit=PAGE, offset=offset)
        entries |= {entry.path: entry for entry in page.entries}
        notes += page.notes
        offset = page.next_offset
    unread = [path for path, entry in entries.items() if not entry.file.digest or len(entry.file.raw) > MAX_BYTES]
    notes += [f"{path} is left out: it cannot be read, or is larger than {MAX_BYTES >> 20} MiB." for path in unread]
    return [entry for path, entry in entries.items() if path not in unread], list(dict.fromkeys(notes))


def _refuse_way(parent: Path, folder: Path) -> None:
    """Refuse to make the folder *parent*, below *folder*, where something else is in its place."""
    if not Path(os.path.realpath(parent)).is_relative_to(folder):
        raise Refused(f"{parent} leads out of {folder}; nothing was written.")
    there = next(place for place in (parent, *parent.parents) if os.path.lexists(place))
    if not there.is_dir():
        raise Conflict(f"{there} is no folder; nothing was written. Move it away, or name another folder.")


def _is_same(target: Path, entry: Entry) -> bool:
    """Return whether *target* is the file of *entry* already; False when nothing is there."""
    with StorageFailed.met(target, "look at"):
        if not os.path.lexists(target):
            return False
        if not target.is_symlink() and target.is_file() and target.read_bytes() == entry.file.raw:
            return True
    raise Conflict(
        f"{target} is there, and is not the same as {entry.path}; nothing was written. "
        "Move it away, or name another folder."
    )


def _copy(entry: Entry, target: Path) -> None:
    """Write the file of *entry* to *target*, which is not there; a part of it is not left there."""
    changed = entry.file.stamp.mtime_ns
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(target, _NEW, 0o666)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(entry.file.raw)
                file.flush()
                os.utime(fd, ns=(changed, changed))
        except OSError:
            target.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StorageFailed.of(error, target, "write") from error
