"""Saving new memories: where they go, that they can be kept, the files, one refresh for all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from contextlib import suppress
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from memfs import memory as memories
from memfs import projects
from memfs import scope as scopes
from memfs import trust
from memfs.answers import Done
from memfs.answers import Draft
from memfs.answers import Entry
from memfs.config import Config
from memfs.errors import BadConfig
from memfs.errors import Exists
from memfs.errors import Invalid
from memfs.errors import MemfsError
from memfs.errors import NotFound
from memfs.errors import OutOfScope
from memfs.errors import StorageFailed
from memfs.store import ABSENT
from memfs.store import Store
from memfs.values import Value
from memfs.workspace.edits import Edits
from memfs.workspace.edits import refuse_bad_channels
from memfs.workspace.edits import with_free_name
from memfs.workspace.names import Names


class _Ready(NamedTuple):
    """A draft that can be kept: its bytes, where they go, and why not where it was wished for."""

    raw: bytes
    title: str
    store: Store
    note: str


class Saving:
    """Puts new memories into the stores of a view."""

    def __init__(self, names: Names, edits: Edits) -> None:
        self.view, self.config, self._freshness = names.view, names.config, names.freshness
        self._names, self._edits = names, edits

    def begin(self, project: Path | None) -> tuple[Store, bool]:
        """Make the store of *project* if there is none; see `Workspace.begin`."""
        folder = project or self.view.workspace
        store = scopes.workspace_store(folder)
        if os.path.realpath(store.root) in scopes.homes(self.config):
            raise OutOfScope(f"{store.root} is memfs's own home, not a project's memory; stand in a project's folder.")
        if store.root.is_dir():
            return store, False
        with store.lock():
            trust.set_trusted(self.config.state, folder, trusted=True)
        return store, True

    def save(self, drafts: Sequence[Draft], *, allow_secret: bool) -> Sequence[Done]:
        """Save *drafts*, all of which are checked before the first is written; see `Workspace.save`."""
        ready = [self._ready(draft) for draft in drafts]
        if not allow_secret:
            from memfs import credentials

            for number, draft in enumerate(drafts, 1):
                credentials.refuse(draft.body, draft.values, whose=f" of memory {number}" if len(drafts) > 1 else "")
        if self.config.broken and not self.config.mode_is_named:  # it may say where a save goes
            raise BadConfig(f"{self.config.broken} Nothing was saved; or name the mode with --mode.")
        self._refuse_known([draft.values["id"] for draft in drafts if "id" in draft.values])
        saved: list[tuple[Entry, str]] = []
        try:
            for each in ready:
                saved.append((self._written(each), each.note))  # noqa: PERF401  (what was written before a failure counts)
        except MemfsError as error:
            self._refreshed([entry for entry, _ in saved])
            if not saved:
                raise
            ids = ", ".join(entry.memory.id for entry, _ in saved)
            raise StorageFailed(f"{error} Saved before that: {ids}.") from error
        notes = self._refreshed([entry for entry, _ in saved])
        return [Done("save", entry, (*([note] if note else []), *notes)) for entry, note in saved]

    def _ready(self, draft: Draft) -> _Ready:
        given = {key: value for key, value in draft.values.items() if value not in ("", [])}
        if not draft.body.strip() and "title" not in given:
            raise Invalid("There is nothing to save: give the memory a text.")
        store, note = self.view.target(draft.scope)
        given.setdefault("id", memories.new_id())
        given.setdefault("created", memories.format_time(datetime.now(UTC)))
        if self.config.session:
            given.setdefault("session", self.config.session)
        refuse_bad_channels(given)
        raw = memories.compose(given, draft.body)
        return _Ready(raw, memories.parse(raw, "x.md").title, store, note)

    def _written(self, ready: _Ready) -> Entry:
        store = ready.store
        with begun(store, self.config):
            file = with_free_name(lambda name: store.write(name, ready.raw, ABSENT), ready.title)
        entry = self._edits.vouch(store, file.path, memories.digest(ready.raw))
        self._edits.made("save", entry)
        return entry

    def _refreshed(self, entries: Sequence[Entry]) -> Sequence[str]:
        stores = {entry.store.key: entry.store for entry in entries}
        paths = {key: [entry.memory.path for entry in entries if entry.store.key == key] for key in stores}
        notes = [self._freshness.refresh(store, paths[key], own=True) for key, store in stores.items()]
        return [note for note in notes if note]

    def _refuse_known(self, ids: Sequence[Value]) -> None:
        """Refuse to save under an id that another memory of the view has."""
        for memory_id in ids:
            with suppress(NotFound):
                self._freshness.all(self.view.stores)
                raise Exists(self._names.resolve(str(memory_id), self.view.stores)[0].path)


@contextmanager
def begun(store: Store, config: Config) -> Iterator[None]:
    """Have an empty workspace's *store* known and trusted: what the block puts there is the user's."""
    new = store.scope == "workspace" and _is_empty(store.root)
    yield
    if new:
        projects.note(config, store.root.parent)
        with suppress(StorageFailed):  # its text is marked as a stranger's then, and safe all the same
            trust.set_trusted(config.state, store.root.parent, trusted=True)


def _is_empty(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except OSError:
        return not os.path.lexists(folder)
