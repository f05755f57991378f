"""Taking back: what the undo journal knows of a memory, bringing it back, undoing the last change."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import suppress
from heapq import merge
from pathlib import Path
from typing import TYPE_CHECKING

from memfs import memory as memories
from memfs import trust
from memfs.answers import Done
from memfs.answers import Entry
from memfs.changes import GONE
from memfs.errors import Ambiguous
from memfs.errors import Changed
from memfs.errors import Conflict
from memfs.errors import NotFound
from memfs.errors import OutOfScope
from memfs.errors import Refused
from memfs.errors import StorageFailed
from memfs.memory import Memory
from memfs.store import Store
from memfs.undo import MADE
from memfs.undo import Entry as Version
from memfs.workspace.edits import Edits
from memfs.workspace.edits import refuse_unwritable
from memfs.workspace.names import Names

if TYPE_CHECKING:
    from memfs.history import History
    from memfs.history import Known


class TakeBack:
    """Undoes what the journal of a view's stores holds."""

    def __init__(self, names: Names, edits: Edits) -> None:
        self.view, self.journal, self._freshness = names.view, edits.journal, names.freshness
        self._names, self._edits = names, edits

    def known(self, reference: str) -> Known:
        """Return what is known of the memory that *reference* names, present, forgotten, or only in git.

        Raises:
            NotFound: Neither the stores nor the journal nor git know it.
            Ambiguous: The journal, or git, knows several.
        """
        from memfs.history import Known

        self._freshness.all(self.view.stores)
        gone: list[tuple[Store, str]] = []
        present: Entry | None
        try:
            present = self._names.resolve(reference, self.view.own)[0]
            memory_id = present.memory.id
        except NotFound as error:
            memory_id, gone = self._forgotten(reference, error.near)
            present = None if gone else self._present(memory_id)
        kept = []
        for store, entry in self._known(memory_id):
            with suppress(StorageFailed):  # it was pruned this moment
                kept.append((store, entry, self.journal.content(store, entry)))
        places = [(present.store, present.memory.path)] if present else gone
        places += [(store, entry.path) for store, entry, _ in kept]
        return Known(memory_id, present, kept, list(dict.fromkeys(places)), self._vouches)

    def _vouches(self, store: Store, raw: bytes) -> bool:
        places = trust.places_of(store.root.parent)
        return not store.is_project or trust.vouches(self._names.config.state, places, memories.digest(raw))

    def _known(self, memory_id: str = "") -> Iterator[tuple[Store, Version]]:
        """Yield the journal's entries for a memory, or for all, of one's own stores, newest first.

        What another project replaced or removed is its own: the view shows what it has now, at most.
        """
        each = [self._of(store, memory_id) for store in self.view.own]
        return merge(*each, key=lambda pair: pair[1].version, reverse=True)

    def _of(self, store: Store, memory_id: str) -> Iterator[tuple[Store, Version]]:
        return ((store, entry) for entry in self.journal.entries(store, memory_id))

    def _forgotten(self, reference: str, near: Sequence[str]) -> tuple[str, list[tuple[Store, str]]]:
        """Return the id of the forgotten memory that *reference* names, and, if only git knows it, where it was.

        By its id, a beginning of it, its title or its path; *near* are the present ones that come close.
        """
        journal = [(entry.memory_id, entry.title, entry.path) for _, entry in self._known()]
        if found := _meant(reference, journal):
            return found, []
        from memfs.commits import removed
        from memfs.git import GitFailed

        gone: dict[str, tuple[Store, Memory]] = {}
        for store in self.view.own:
            with suppress(GitFailed, Refused, StorageFailed):  # where git cannot tell, it does not know
                for memory in removed(store):
                    gone.setdefault(memory.id, (store, memory))
        found = _meant(reference, [(memory.id, memory.title, memory.path) for _, memory in gone.values()])
        if not found:
            raise NotFound(reference, near, hint="The undo journal does not know it either.")
        store, memory = gone[found]
        is_elsewhere = memory.id_written and self._present(memory.id)
        return found, [] if is_elsewhere else [(store, memory.path)]

    def restore(self, told: History, name: str, expect: str) -> Done:
        """Bring back the version *name* of a memory; see `Workspace.restore`."""
        if expect and told.present and expect != told.present.file.digest:
            raise Changed(told.present.path, expect, told.present.file.digest)
        entry = self._restored(told, name)
        notes = ["Nothing changed: it says that already."] if entry is told.present else []
        if told.present and not name:
            notes = [f"It says what version {told.before().short} said; `memfs history` lists them all."]
        return Done("restore", entry, (*notes, *self._freshness.path(entry.store, entry.memory.path)))

    def _restored(self, told: History, name: str) -> Entry:
        """Return the memory after bringing back its version *name* (empty: the newest that says something else).

        Raises:
            NoVersion: There is none.
            Refused: Nobody vouches for the text, and it would pass for the user's own.
            OutOfScope: The memory was moved to where this view does not reach.
            Unwritable: What lies where it lay is in conflict, and may be the memory once that is settled.
        """
        last, present = told.versions[0], told.present
        old = told.named(name) if name else told.before() if present else last
        if not (old.trusted or last.store.is_project):
            raise Refused(
                f"Nobody vouches for version {old.short}, and in {last.store.scope} it would pass for your own words. "
                f"If you do: `memfs trust --always` in {old.store.root.parent}, then repeat it."
            )
        raw = self._with_id(old.raw, old.path, told.memory_id)
        if present is None:
            self._refuse_moved_away(next((version.kept for version in told.versions if version.kept), None))
            self._refuse_conflict(last.store, last.path)
            title = memories.parse(raw, last.path).title
            entry = self._edits.put_back("put_back", last.store, last.path, raw, title)
        else:
            entry = present if raw == present.file.raw else self._edits.replaced("restore", present, raw)
        if old.trusted and not entry.trusted:
            return self._edits.vouch(entry.store, entry.memory.path, memories.digest(raw))
        return entry

    def _refuse_conflict(self, store: Store, path: str) -> None:
        """Refuse to put a memory beside what may have the same id, since the markers stand in its header."""
        with suppress(NotFound):
            entry = self._names.entry(store, path)
            if entry.memory.state == "conflict":
                refuse_unwritable(entry)

    def _present(self, memory_id: str) -> Entry | None:
        try:
            return self._names.resolve(memory_id, self.view.own)[0]
        except NotFound:
            return None

    def _with_id(self, raw: bytes, path: str, memory_id: str) -> bytes:
        """Return *raw* with the id that the memory has had since: an id is for life."""
        memory = memories.parse(raw, path)
        if memory.id_written or memory.state != "ok" or memory.id == memory_id:
            return raw
        return memories.patch(raw, memory, {"id": memory_id})

    def _refuse_moved_away(self, last: Version | None) -> None:
        """Refuse to double a memory that lies where this view does not reach."""
        if last and last.new_root and last.new_root not in {str(store.root) for store in self.view.stores}:
            raise OutOfScope(
                f"{last.title!r} was moved to {last.new_root}, which is not visible in {self.view.mode} mode. "
                "Set WORKSPACE_MODE=hybrid, or stand in that project."
            )

    def undo(self) -> Done:
        """Take back the last change in the view's stores; see `Workspace.undo`."""
        self._freshness.all(self.view.stores)
        entry, last = self._undone()
        notes = self._freshness.all(self.view.stores)
        verb = last.verb.replace("put_back", "restore")
        return Done("undo", entry, (f"Took back: {verb} of {trust.inert_line(last.title).rstrip('.')}.", *notes))

    def _undone(self) -> tuple[Entry, Version]:
        """Return the memory after taking back the last change in the view's stores, and what that was.

        Raises:
            NotFound: There is nothing to take back.
            Conflict: What was done is no longer there; the next undo takes back the one before.
            Changed: The file was edited since.
            OutOfScope: It was moved to where this view does not reach.
        """
        for store, last in self._known():
            if last.verb == "undo" or last.workspace not in ("", str(self.view.workspace)):
                continue  # what another project did to a shared store is not this one's to take back
            try:
                entry = self._taken_back(store, last)
            except (NotFound, OutOfScope, Changed) as error:
                # out of the way of later undos, which would stumble over it for good
                self.journal.retire(store, last)
                way = f"; `memfs restore {last.memory_id} {last.version}` brings back what was before it"
                what = f"The last change ({last.verb} of {last.title!r}) cannot be taken back: {error}"
                end = "" if last.verb in MADE else way
                raise Conflict(f"{what} The next undo takes back the one before{end}.") from error
            self.journal.drop(store, last)
            return entry, last
        sentence = "There is nothing to take back here: the undo journal is empty for the stores of this view."
        raise NotFound("the last change", sentence=sentence)

    def _taken_back(self, store: Store, last: Version) -> Entry:
        before = b"" if last.verb in MADE else self.journal.content(store, last)
        if last.verb == "forget":
            return self._unforgotten(store, last, before)
        there = next((each for each in self.view.own if str(each.root) == last.new_root), None)
        if there is None and self.view.mode == "hybrid":
            there = Store(Path(last.new_root), "workspace")  # moved to another project, on purpose
        if there is None:
            raise OutOfScope(f"{last.new_root} is not visible in {self.view.mode} mode.")
        entry = self._now(there, last)
        if last.verb == "move" and entry.store.key == store.key:
            raise NotFound(last.path, hint="It lies where it lay before.")
        if entry.file.digest != last.digest:
            if entry.file.raw == before:
                raise NotFound(last.path, hint="The file is as it was before already.")
            raise Changed(entry.path, last.digest, entry.file.digest)
        if last.verb in MADE:
            self._edits.removed("undo", entry)
            return entry
        if last.verb == "move":
            return self._unmoved(entry, store, last)
        return self._edits.replaced("undo", entry, before)

    def _now(self, there: Store, last: Version) -> Entry:
        """Return the memory of *last* as it is now: at its place, or wherever a rename has brought it."""
        try:
            return self._names.entry(there, last.new_path)
        except NotFound:
            return self._names.resolve(last.memory_id, self.view.own)[0]

    def _unforgotten(self, store: Store, last: Version, before: bytes) -> Entry:
        if store.stamp(last.path) != GONE and store.read(last.path).raw == before:
            raise NotFound(last.path, hint="The file is there already.")
        return self._edits.put_back("undo", store, last.path, before, last.title)

    def _unmoved(self, entry: Entry, store: Store, last: Version) -> Entry:
        """Move *entry* back; where a move that was cut off left both files, only the new one goes."""
        if store.stamp(last.path) != GONE and store.read(last.path).raw == entry.file.raw:
            self._edits.removed("undo", entry)
            return self._names.entry(store, last.path)
        return self._edits.moved("undo", entry, store)


def _meant(reference: str, known: Sequence[tuple[str, str, str]]) -> str:
    """Return which memory of *known* (id, title and path, newest first) *reference* names; empty when none."""
    wanted = reference.strip().casefold()
    titles = {memory_id: title for memory_id, title, _ in reversed(known)}
    found = {names[0] for names in known if wanted in map(str.casefold, names)}
    found = found or {memory_id for memory_id in titles if wanted and memory_id.casefold().startswith(wanted)}
    if len(found) > 1:
        raise Ambiguous(reference, sorted(f"{memory_id}  {titles[memory_id]}" for memory_id in found))
    return found.pop() if found else ""
