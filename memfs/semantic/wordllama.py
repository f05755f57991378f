"""WordLlama: a vector for each token of a text, summed by how rare the token is; a fiftieth of a millisecond."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memfs.semantic.embedder import Rows


class WordLlama:
    """The embedder over the token vectors *tokens*, of shape (vocabulary, dimensions).

    Args:
        tokens: Of floats; they stay as short as they are.
        tokenizer: Of the same vocabulary.
        weights: By token; None: all alike.
    """

    name = "wordllama-l2-supercat-256"
    title = "WordLlama"
    floor = 0.15
    at_once = 64
    learns = True

    def __init__(
        self, tokens: NDArray[np.floating], tokenizer: Tokenizer, weights: NDArray[np.float16] | None = None
    ) -> None:
        self.dimensions = tokens.shape[1]
        self.knowledge = b"" if weights is None else weights.tobytes()
        self._tokens = tokens
        self._tokenizer = tokenizer
        self._weights = np.ones(len(tokens), np.float32) if weights is None else weights.astype(np.float32)

    def embed(self, texts: Sequence[str]) -> Rows:
        """Return a unit row for each of *texts*; see `Embedder`."""
        rows = np.zeros((len(texts), self.dimensions), np.float32)
        for number, ids in enumerate(self._ids(texts)):
            rows[number] = self._weights[ids] @ self._tokens[ids].astype(np.float32)
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
        return rows

    def learned(self, texts: Sequence[str]) -> WordLlama:
        """Return the embedder that weights tokens by how few of *texts* have them.

        The weight is 1 + log((n + 1) / (having + 1)): measured, see `.memory/search-by-meaning.md`.
        """
        having = np.zeros(len(self._tokens))
        for ids in self._ids(texts):
            having[np.unique(ids)] += 1
        weights = 1 + np.log((len(texts) + 1) / (having + 1))
        return WordLlama(self._tokens, self._tokenizer, weights.astype(np.float16))

    def knowing(self, knowledge: bytes) -> WordLlama:
        """Return the embedder as it was when it had this *knowledge*; raises ValueError if it never had that."""
        weights = np.frombuffer(knowledge, np.float16)
        if len(weights) != len(self._tokens) or not np.isfinite(weights).all():
            raise ValueError(len(weights))
        return WordLlama(self._tokens, self._tokenizer, weights)

    def _ids(self, texts: Sequence[str]) -> list[NDArray[np.int64]]:
        encoded = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [np.array(each.ids, np.int64) for each in encoded]


def load(folder: Path) -> WordLlama:
    """Return the embedder whose package lies in *folder*; its own loader would look elsewhere, and download.

    Raises:
        Exception: Its files are not there, or damaged.
    """
    (tokens,) = load_file(folder / "weights" / "l2_supercat_256.safetensors").values()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizers" / "l2_supercat_tokenizer_config.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return WordLlama(tokens, tokenizer)
