"""The parts of a workspace that not every process needs, each loaded by the first verb that does: most only look."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING

from memfs.config import Config
from memfs.scope import View
from memfs.workspace.freshness import Freshness
from memfs.workspace.names import Names

if TYPE_CHECKING:
    from memfs.undo import Journal
    from memfs.workspace.edits import Edits
    from memfs.workspace.folding import Folding
    from memfs.workspace.health import Health
    from memfs.workspace.moving import Moving
    from memfs.workspace.neighbours import Neighbours
    from memfs.workspace.saving import Saving
    from memfs.workspace.takeback import TakeBack


class Parts:
    """What `Workspace`, which sets what they stand on, is made of."""

    config: Config
    view: View
    _freshness: Freshness
    _names: Names
    _lock: threading.RLock

    @cached_property
    def journal(self) -> Journal:
        """What memfs replaced, moved or removed."""
        from memfs.undo import Journal

        return Journal(self.config.state)

    @cached_property
    def _edits(self) -> Edits:
        from memfs.workspace.edits import Edits

        return Edits(self.journal, self._names)

    @cached_property
    def _saving(self) -> Saving:
        from memfs.workspace.saving import Saving

        return Saving(self._names, self._edits)

    @cached_property
    def _folding(self) -> Folding:
        from memfs.workspace.folding import Folding

        return Folding(self._names, self._edits)

    @cached_property
    def _neighbours(self) -> Neighbours:
        from memfs.workspace.neighbours import Neighbours

        return Neighbours(self._names)

    @cached_property
    def _moving(self) -> Moving:
        from memfs.workspace.moving import Moving

        return Moving(self._names, self._edits)

    @cached_property
    def _takeback(self) -> TakeBack:
        from memfs.workspace.takeback import TakeBack

        return TakeBack(self._names, self._edits)

    @cached_property
    def _health(self) -> Health:
        from memfs.workspace.health import Health

        return Health(self._names)
