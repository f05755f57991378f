"""Moving a memory's file into another store: who sees it changes, nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from memfs import scope as scopes
from memfs.answers import Done
from memfs.answers import Entry
from memfs.errors import Conflict
from memfs.errors import Invalid
from memfs.errors import OutOfScope
from memfs.rank import Within
from memfs.store import Store
from memfs.workspace.edits import Edits
from memfs.workspace.edits import refuse_unwritable
from memfs.workspace.names import Names
from memfs.workspace.saving import begun


class Moving:
    """Moves memories between the stores of a view, and into other workspaces."""

    def __init__(self, names: Names, edits: Edits) -> None:
        self.view, self.config, self._freshness = names.view, names.config, names.freshness
        self._names, self._edits = names, edits

    def move(self, reference: str, to: str, workspace: str | Path | None, with_id: Callable[[Entry], Entry]) -> Done:
        """Move a memory; see `Workspace.move`. *with_id* returns a memory with an id written into its file."""
        target = self._target(to, workspace)
        self._freshness.all(self.view.stores)
        copies = self._names.resolve(reference, self.view.stores)
        entry = next((copy for copy in copies if copy.store.key != target.key), copies[0])
        if target.key == entry.store.key:
            return Done("move", entry, (f"It is in the {entry.store.scope} store already.",))
        refuse_unwritable(entry)
        if not entry.memory.id_written:
            entry = with_id(entry)
        with begun(target, self.config):
            if (twin := self._twin(entry, target)) is not None:
                self._edits.removed("forget", entry)
                moved = twin
            else:
                moved = self._edits.moved("move", entry, target)
        moved = self._names.entry(target, moved.memory.path)
        notes = (
            f"Now seen by {scopes.audience(target, self.config)}.",
            *self._freshness.path(entry.store, entry.memory.path),
            *self._freshness.path(target, moved.memory.path),
        )
        return Done("move", moved, tuple(dict.fromkeys(notes)))

    def _target(self, to: str, workspace: str | Path | None) -> Store:
        if workspace is None:
            return self.view.store(to)
        if to != "workspace":
            raise Invalid("Another workspace can only be named for a move to scope workspace.")
        if os.path.realpath(os.path.expanduser(workspace)) == str(self.view.workspace):
            return self.view.store("workspace")
        if self.view.mode != "hybrid":
            raise OutOfScope(f"Another workspace is out of reach in {self.view.mode} mode. Set WORKSPACE_MODE=hybrid.")
        folder = scopes.other_workspace(workspace, self.config)
        return self.view.store("workspace") if folder == self.view.workspace else scopes.workspace_store(folder)

    def _twin(self, entry: Entry, target: Store) -> Entry | None:
        """Return the same memory in *target*, left there by a move that was cut off.

        Raises:
            Conflict: It is there, with another text.
        """
        self._freshness.refresh(target)
        places = self._freshness.ask(lambda: self._freshness.index.find([Within(target.key)], "id", entry.memory.id))
        for path in [path for _, path in places]:
            other = self._names.entry(target, path)
            if other.memory.id == entry.memory.id:
                if other.file.digest == entry.file.digest:
                    return other
                # another workspace's file is not this one's to name: its name is its title
                where = str(other.path) if self.view.part(target) else f"A memory in {target.root}"
                raise Conflict(
                    f"{where} has the same id as {entry.path} and another text; "
                    "merge the two in an editor, or give one of them a new id with `memfs doctor --fix`."
                )
        return None
