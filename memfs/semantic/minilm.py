"""all-MiniLM-L6-v2 (a BERT of six layers) in numpy: some milliseconds for a question, some dozens for a passage.

After Devlin et al. 2019, as `sentence-transformers` runs it: mean of the last layer, then unit length.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

if TYPE_CHECKING:
    from memfs.semantic.embedder import Rows

LAYERS, HEADS = 6, 12
LONGEST = 256
"""Tokens of a text that count: as many as the model was trained for."""
EPSILON = 1e-12


class MiniLM:
    """The embedder over *weights*, by the names that they have in the file of the model, and *tokenizer*."""

    name = "all-minilm-l6-v2"
    title = "MiniLM"
    floor = 0.1
    at_once = 1
    learns = False
    knowledge = b""

    def __init__(self, weights: Mapping[str, Rows], tokenizer: Tokenizer) -> None:
        self.dimensions = len(weights["embeddings.LayerNorm.weight"])
        self._weights = weights
        self._tokenizer = tokenizer

    def embed(self, texts: Sequence[str]) -> Rows:
        """Return a unit row for each of *texts*; see `Embedder`."""
        rows = np.zeros((len(texts), self.dimensions), np.float32)
        for number, encoded in enumerate(self._tokenizer.encode_batch(list(texts))):
            rows[number] = self._states(encoded.ids).mean(axis=0)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows

    def learned(self, texts: Sequence[str]) -> MiniLM:  # noqa: ARG002
        """Return itself: it knows words from its training."""
        return self

    def knowing(self, knowledge: bytes) -> MiniLM:  # noqa: ARG002
        """Return itself."""
        return self

    def _states(self, ids: Sequence[int]) -> Rows:
        """Return the last layer's state of each token, float32 of shape (len(ids), dimensions)."""
        weights = self._weights
        states = weights["embeddings.word_embeddings.weight"][ids]
        states = states + weights["embeddings.position_embeddings.weight"][: len(ids)]
        states = self._normed("embeddings", states + weights["embeddings.token_type_embeddings.weight"][0])
        for layer in range(LAYERS):
            name = f"encoder.layer.{layer}"
            attended = self._dense(f"{name}.attention.output.dense", self._attended(f"{name}.attention.self", states))
            states = self._normed(f"{name}.attention.output", attended + states)
            inner = _gelu(self._dense(f"{name}.intermediate.dense", states))
            states = self._normed(f"{name}.output", self._dense(f"{name}.output.dense", inner) + states)
        return states

    def _attended(self, name: str, states: Rows) -> Rows:
        """Return for each token the values of all tokens, weighted by its attention to them, in each head."""
        query, key, value = (
            self._dense(f"{name}.{part}", states).reshape(len(states), HEADS, -1).swapaxes(0, 1)
            for part in ("query", "key", "value")
        )
        scores = query @ key.swapaxes(1, 2) / np.float32(np.sqrt(query.shape[-1]))
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        mixed: Rows = (shares @ value).swapaxes(0, 1).reshape(states.shape)
        return mixed

    def _dense(self, name: str, states: Rows) -> Rows:
        out: Rows = states @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]
        return out

    def _normed(self, name: str, states: Rows) -> Rows:
        centred = states - states.mean(axis=-1, keepdims=True)
        scale = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + EPSILON)
        normed: Rows = centred / scale * self._weights[f"{name}.LayerNorm.weight"]
        return normed + self._weights[f"{name}.LayerNorm.bias"]


def _gelu(x: Rows) -> Rows:
    """Return x · Φ(x), with the error function to 1.5e-7 (Abramowitz & Stegun 1964, 7.1.26)."""
    size = np.abs(x) * np.float32(np.sqrt(0.5))
    t = 1 / (1 + np.float32(0.3275911) * size)
    terms = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)
    series = np.zeros_like(t)
    for each in terms:
        series = (series + np.float32(each)) * t
    error = np.copysign(1 - series * np.exp(-size * size), x)
    out: Rows = np.float32(0.5) * x * (1 + error)
    return out


def load(folder: Path) -> MiniLM:
    """Return the embedder whose package lies in *folder*; its own loader wants PyTorch.

    Raises:
        Exception: Its files are not there, or damaged.
    """
    tokenizer = Tokenizer.from_file(str(folder / "model" / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(LONGEST)
    return MiniLM(load_file(folder / "model" / "model.safetensors"), tokenizer)
