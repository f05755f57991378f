"""The verbs that look and go back: what a memory was, bringing that back, undoing, settling a conflict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memfs.answers import Done
from memfs.answers import Entry
from memfs.errors import Invalid
from memfs.store import Store
from memfs.workspace.parts import Parts

if TYPE_CHECKING:
    from memfs.history import History


class Reverting(Parts):
    """The verbs of `Workspace` on what was."""

    def history(self, reference: str, limit: int = 50) -> History:
        """Return the versions of a memory, present or forgotten, newest first: from the undo journal and from git.

        Args:
            reference: As for `get`; for a forgotten memory also its former title or path. One's own stores alone.
            limit: At most so many, 1 to 1,000.

        Raises:
            NotFound, Ambiguous, Twins: Neither the stores nor the journal nor git know it; or they know several.
            Invalid: *limit* is out of range.
        """
        from memfs import history

        if not 1 <= limit <= history.MOST:
            raise Invalid(f"A history has 1 to {history.MOST:,} versions; {limit} were asked for.")
        with self._lock:
            known = self._takeback.known(reference)
        return history.joined(known, limit)  # git may take its time: nobody else has to wait for it

    def restore(self, reference: str, version: str = "", *, expect: str = "") -> Done:
        """Bring back what a memory was, or a forgotten one, as a new version; the present one is kept.

        Args:
            reference: As for `history`.
            version: The name of one of its versions, or a beginning of it; empty for the newest other one.
            expect: The digest that the caller has read; empty to replace whatever is there now.

        Raises:
            NoVersion: There is no such version.
            Refused: Nobody vouches for its text, and in the memory's store it would pass for the user's own.
            Changed, NotFound, Ambiguous, Twins, OutOfScope, Unwritable, StorageFailed: As they say.
        """
        from memfs.history import MOST

        told = self.history(reference, MOST)
        with self._lock:
            return self._takeback.restore(told, version, expect)

    def undo(self) -> Done:
        """Take back the last thing that memfs did in this view; once more takes back the one before.

        Raises:
            NotFound: The journal has nothing more.
            Changed: The file was edited since, so that taking back would lose the edit.
        """
        with self._lock:
            return self._takeback.undo()

    def settle(self, store: Store, path: str, before: bytes | None, raw: bytes | None) -> Entry | None:
        """Make *raw* (None: no file) of a memory in conflict whose bytes are *before*; return it as it is then.

        Raises:
            Changed: It is no longer what it was.
            StorageFailed: It could not be written.
        """
        with self._lock:
            entry = self._edits.settled(store, path, before, raw)
            self._freshness.path(store, path)
            return entry
