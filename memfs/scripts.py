"""Chinese, Japanese and Korean, which put no spaces between words: their runs as pairs that overlap. Pure.

`Redis缓存过期` becomes `Redis 缓存 存过 过期 期`; the last character ends a run, so that what stands behind it follows.
"""

from __future__ import annotations

import re

_RUN = (
    "[\u1100-\u11ff\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u3131-\u318e"
    "\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff]+"
)
"""Hangul, marks of repetition, Hiragana, Katakana, Bopomofo, ideographs; compiled when a text first needs it."""


def is_unspaced(word: str) -> bool:
    """Return whether *word*, one of `apart`'s, is a run of these scripts."""
    return not word.isascii() and re.match(_RUN, word) is not None


def apart(text: str) -> str:
    """Return *text* with spaces around each run."""
    return text if text.isascii() else re.sub(_RUN, r" \g<0> ", text)


def without(text: str) -> str:
    """Return *text* with a space in place of each run."""
    return text if text.isascii() else re.sub(_RUN, " ", text)


def spread(text: str) -> str:
    """Return *text* with the pairs of each run and its last character in its place."""
    return text if text.isascii() else re.sub(_RUN, lambda run: f" {' '.join(_pairs(run[0]))} ", text)


def singles(text: str) -> str:
    """Return the characters of the runs of *text* that `spread` leaves in pairs, each once."""
    return "" if text.isascii() else " ".join(dict.fromkeys("".join(run[:-1] for run in re.findall(_RUN, text))))


def origins(text: str) -> list[int]:
    """Return for each character of `spread(text)` which one of *text* it is, or stands before."""
    places: list[int] = []
    end = 0
    for run in re.finditer(_RUN, text):
        start, after = end, run.start()
        places += range(start, after)
        places.append(after)
        for at, pair in enumerate(_pairs(run[0]), after):
            places += [*range(at, at + len(pair)), at + len(pair)]
        end = run.end()
    return [*places, *range(end, len(text))]


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(len(run))]
