"""Taking back: what the undo journal knows of a memory, bringing it back, undoing the last change."""

from __future__ import annotations

from collections.abc import Sequence

from memfs.answers import Entry
from memfs.errors import Ambiguous
from memfs.errors import Changed
from memfs.errors import NotFound
from memfs.errors import OutOfScope
from memfs.scope import View
from memfs.store import Store
from memfs.undo import Entry as Version
from memfs.undo import Journal
from memfs.workspace.edits import Edits
from memfs.workspace.names import Names


class TakeBack:
    """Undoes what the journal of a view's stores holds."""

    def __init__(self, view: View, journal: Journal, names: Names, edits: Edits) -> None:
        self.view = view
        self.journal = journal
        self._names = names
        self._edits = edits

    def versions(self, reference: str) -> Sequence[tuple[Store, Version]]:
        """Return what is known of the memory that *reference* names, present or forgotten, newest first.

        Raises:
            NotFound: Neither the stores nor the journal know it.
            Ambiguous: The journal knows several.
        """
        try:
            memory_id = self._names.resolve(reference, self.view.stores)[0].memory.id
        except NotFound:
            memory_id = self._forgotten(reference)
        known = [(store, entry) for store in self.view.stores for entry in self.journal.entries(store, memory_id)]
        return sorted(
            (pair for pair in known if pair[1].verb != "save"), key=lambda pair: pair[1].version, reverse=True
        )

    def _forgotten(self, reference: str) -> str:
        """Return the id of the forgotten memory that *reference* names: an id, a beginning of it, title or path."""
        wanted = reference.strip().casefold()
        known = [entry for store in self.view.stores for entry in self.journal.entries(store)]
        titles = {entry.memory_id: entry.title for entry in reversed(known)}
        named = {
            e.memory_id for e in known if wanted in (e.memory_id.casefold(), e.title.casefold(), e.path.casefold())
        }
        found = named or {memory_id for memory_id in titles if wanted and memory_id.casefold().startswith(wanted)}
        if len(found) > 1:
            raise Ambiguous(reference, sorted(f"{memory_id}  {titles[memory_id]}" for memory_id in found))
        if not found:
            raise NotFound(reference, hint="The undo journal does not know it either.")
        return found.pop()

    def restore(self, reference: str, version: str) -> Entry:
        """Return the memory after bringing it back as it was before *version* (empty: the newest)."""
        known = self.versions(reference)
        chosen = next((pair for pair in known if pair[1].version.startswith(version)), None)
        if chosen is None:
            there = f"Its versions are {', '.join(entry.version for _, entry in known[:5])}."
            never = "memfs never changed or removed it, so there is nothing to bring back."
            raise NotFound(f"{reference} {version}".strip(), hint=there if known else never)
        store, old = chosen
        raw = self.journal.content(store, old)
        try:
            entry = self._names.resolve(old.memory_id, self.view.stores)[0]
        except NotFound:
            return self._edits.put_back(store, old.path, raw, old.title)
        return entry if raw == entry.file.raw else self._edits.replaced("restore", entry, raw)

    def undo(self) -> tuple[Entry, Version]:
        """Return the memory after taking back the last change in the view's stores, and what that was.

        Raises:
            NotFound: There is nothing to take back.
            Changed: The file was edited since.
            OutOfScope: It was moved to where this view does not reach.
        """
        known = [(store, entry) for store in self.view.stores for entry in self.journal.entries(store)]
        for store, last in sorted(known, key=lambda pair: pair[1].version, reverse=True):
            if last.verb == "undo":
                continue
            entry = None if self._never_happened(store, last) else self._taken_back(store, last)
            self.journal.drop(store, last)
            if entry is not None:
                return entry, last
        raise NotFound("the last change", hint="The undo journal is empty for the stores of this view.")

    def _never_happened(self, store: Store, last: Version) -> bool:
        """Return whether the process died between writing down *last* and doing it."""
        if last.verb == "save":
            return False
        try:
            return store.read(last.path).raw == self.journal.content(store, last)
        except NotFound:
            return False

    def _taken_back(self, store: Store, last: Version) -> Entry:
        if last.verb == "forget":
            return self._edits.put_back(store, last.path, self.journal.content(store, last), last.title)
        there = next((each for each in self.view.stores if str(each.root) == last.new_root), None)
        if there is None:
            raise OutOfScope(f"{last.new_root} is not visible in {self.view.mode} mode, so the {last.verb} stays.")
        entry = self._names.entry(there, last.new_path)
        if entry.file.digest != last.digest:
            raise Changed(entry.path, last.digest, entry.file.digest)
        if last.verb == "save":
            self._edits.removed("undo", entry)
            return entry
        if last.verb == "move":
            return self._edits.moved("undo", entry, store)
        return self._edits.replaced("undo", entry, self.journal.content(store, last))
