"""The verbs about several memories: what is near one, which are copies, several made one, ids that stand twice."""

from __future__ import annotations

from collections.abc import Sequence

from memfs import memory as memories
from memfs.answers import Copies
from memfs.answers import Done
from memfs.answers import Duplicates
from memfs.answers import Entry
from memfs.answers import Related
from memfs.errors import Invalid
from memfs.errors import MemfsError
from memfs.workspace.parts import Parts

DUPLICATE = 0.85
"""Likeness from which on memories are copies of each other, unless the caller says otherwise: recall's own."""
LEAST = 0.1
"""Likeness below which asking for copies would compare memories that have next to nothing in common."""
MOST_SHOWN = 100
"""Groups, or neighbours, that are shown at once."""


class Tidying(Parts):
    """The verbs of `Workspace` on several memories."""

    def related(self, reference: str, *, limit: int = 10) -> Related:
        """Return what is near a memory: linked ones first, in both directions, then those that say nearly the same.

        Args:
            reference: As for `get`.
            limit: At most so many, 1 to 100.

        Raises:
            NotFound, Ambiguous, Twins: As for `get`.
            Invalid: *limit* is out of range.
        """
        _refuse_limit(limit)
        with self._lock:
            notes = self._freshness.all(self.view.stores)
            entry = self._names.resolve(reference, self.view.stores)[0]
            near, lost = self._neighbours.related(entry, limit)
            said = [f"{lost} of its links lead to what is not seen here."] if lost else []
            return Related(entry, near, (*notes, *said))

    def duplicates(
        self, least: float = DUPLICATE, *, limit: int = 10, merge: bool = False, newest: bool = False
    ) -> Duplicates:
        """Return groups of one's own memories that say nearly the same, the most alike first.

        Args:
            least: How alike the others of a group are to its first, 0.1 to 1; from 0.45 on two mostly say the same.
            limit: At most so many groups, 1 to 100.
            merge: Fold the others of each group into its first, as `consolidate` does, where that refuses nothing.
            newest: The first of a group is its newest memory; else its most important one, of those the oldest.

        Raises:
            Invalid: A value is out of range.
        """
        _refuse_limit(limit)
        if not LEAST <= least <= 1:
            raise Invalid(f"How alike copies are is a number from 0.1 to 1, not {least:g}.")
        with self._lock:
            notes = [*self._freshness.all(self.view.own)]
            groups = self._neighbours.copies(least, newest=newest)
            shown = groups[:limit]
            if merge:
                shown = [self._merged(group, notes) for group in shown]
            return Duplicates(tuple(shown), len(groups), tuple(dict.fromkeys(notes)))

    def _merged(self, group: Copies, notes: list[str]) -> Copies:
        """Return *group* with the others folded into its first, if all may be; else say why not in *notes*."""
        if scopes := {each.entry.store.scope for each in group.others} - {group.entry.store.scope}:
            notes.append(
                f"Left as they are: copies of {group.entry.path} lie in {min(scopes)}, too; "
                "`memfs consolidate` makes them one where you name the one to keep."
            )
            return group
        try:
            done = self._folding.together(group.entry, [each.entry for each in group.others])
        except MemfsError as error:
            notes.append(f"Left as they are: {error}")
            return group
        notes += done.notes
        return group._replace(entry=done.entry, merged=True)

    def consolidate(self, references: Sequence[str], *, keep: str = "") -> Done:
        """Fold several memories into one of them: it gets what the others say beside, and they are removed.

        It is written before the first is removed, and each is removed only as it was read, with a
        copy in the journal: whatever fails, no text is lost.

        Args:
            references: As for `get`; two or more.
            keep: Which of them; default the most important, of those the oldest.

        Raises:
            Invalid: They are not two, or lie in several stores and none is named to be kept.
            Refused: More would see a text than do now, or what nobody vouches for would pass for the user's own.
            Unwritable, Changed, NotFound, Ambiguous, Twins, StorageFailed: As they say.
        """
        with self._lock:
            self._freshness.all(self.view.stores)
            wanted = [*references, keep] if keep else references
            named = [self._names.resolve(each, self.view.stores)[0] for each in wanted]
            entries = list({entry.path: entry for entry in named}.values())
            if len(entries) <= 1:
                same = f" {' and '.join(map(repr, wanted))} are one, {named[0].memory.id}." if len(wanted) > 1 else ""
                raise Invalid(f"Name two memories or more that are to become one.{same}")
            if not keep and len({entry.store.key for entry in entries}) > 1:
                raise Invalid("They lie in several scopes; name the one to keep.")
            kept = named[-1] if keep else self._neighbours.first(entries)
            return self._folding.together(kept, [entry for entry in entries if entry.path != kept.path])

    def twins(self) -> Sequence[tuple[Entry, ...]]:
        """Return the memories whose written id stands in more than one file of the view, nearest store first."""
        with self._lock:
            return self._health.twins()

    def give_new_id(self, entry: Entry) -> Entry:
        """Write a new id into the file of *entry*, one of `twins`; raises like `update`."""
        from memfs.workspace.edits import refuse_unwritable

        with self._lock:
            refuse_unwritable(entry)
            raw = memories.patch(entry.file.raw, entry.memory, {"id": memories.new_id()})
            new = self._edits.replaced("update", entry, raw)
            self._freshness.path(new.store, new.memory.path)
            return new

    def remove_copy(self, entry: Entry) -> None:
        """Remove the file of *entry*, one of `twins` with the same text in a nearer store; raises like `forget`."""
        with self._lock:
            self._edits.removed("forget", entry)
            self._freshness.path(entry.store, entry.memory.path)


def _refuse_limit(limit: int) -> None:
    if not 1 <= limit <= MOST_SHOWN:
        raise Invalid(f"At most {MOST_SHOWN} are shown, and at least 1; {limit} were asked for.")
