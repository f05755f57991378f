"""What every embedder is: texts → unit rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Rows = NDArray[np.float32]


class Embedder(Protocol):
    """Makes vectors of texts, whose dot products say how much two texts mean the same.

    Attributes:
        name: Of the model, for the file of its vectors.
        title: For people.
        dimensions: Of a vector.
        floor: The cosine up to which two texts have nothing to do with each other.
        at_once: Memories that it embeds in about a tenth of a second, at least one.
        learns: Whether it goes by how common words are in the texts that it is to embed.
        knowledge: What it learned, to be kept beside its vectors; empty when it learned nothing.
    """

    name: str
    title: str
    dimensions: int
    floor: float
    at_once: int
    learns: bool
    knowledge: bytes

    def embed(self, texts: Sequence[str]) -> Rows:
        """Return a unit row for each of *texts*, float32 of shape (len(texts), dimensions); zeros for no text."""

    def learned(self, texts: Sequence[str]) -> Embedder:
        """Return the embedder that knows how common words are in *texts*."""

    def knowing(self, knowledge: bytes) -> Embedder:
        """Return the embedder as it was when it had this *knowledge*; raises ValueError if it never had that."""
