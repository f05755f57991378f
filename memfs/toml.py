"""One place changed in TOML that a person wrote: comments, order and layout of everything else stay."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any


def load(text: str) -> dict[str, Any]:
    """Return what *text* says.

    Raises:
        ValueError: It is no TOML.
    """
    import tomlkit

    return tomlkit.parse(text).unwrap()


def put(text: str, place: Sequence[str | int], value: object) -> str:
    """Return *text* with *value* at *place*.

    Args:
        text: What `load` takes.
        place: Keys from the outermost table inwards.
        value: A table, which comes to the end as one of its own and must be new, or what goes into a table that is
            there.
    """
    import tomlkit

    if isinstance(value, dict):
        newline = "\r\n" if "\r\n" in text else "\n"
        gap = ("" if text.endswith("\n") else newline) + newline if text.strip() else ""
        header = f"[{'.'.join(map(str, place))}]"
        lines = [header, *(f"{key} = {tomlkit.item(each).as_string()}" for key, each in value.items())]
        return text + gap + newline.join(lines) + newline
    document = tomlkit.parse(text)
    _table(document, place).update({place[-1]: value})
    return tomlkit.dumps(document)


def cut(text: str, place: Sequence[str | int]) -> str:
    """Return *text* without *place*; comments below it stay.

    A table within a table goes by its lines: tomlkit counts a comment above the next table to the one before it, and
    would take it along.
    """
    import tomlkit

    lines = text.splitlines(keepends=True)
    header = re.compile(rf'\s*\[\s*{place[0]}\s*\.\s*"?{place[1]}"?\s*(\.[^\]]*)?\]\s*(#.*)?\s*')
    starts = [number for number, line in enumerate(lines) if header.fullmatch(line)]
    if len(place) == len(("table", "name")) and starts:
        for start in reversed(starts):
            _cut_table(lines, start)
        return "".join(lines)
    document = tomlkit.parse(text)
    _table(document, place).pop(place[-1])
    return tomlkit.dumps(document)


def _table(document: Any, place: Sequence[str | int]) -> Any:  # noqa: ANN401  (tomlkit's own types)
    for key in place[:-1]:
        document = document[key]
    return document


def _cut_table(lines: list[str], start: int) -> None:
    """Take the table whose header is line *start* out of *lines*, but no comment that stands below it."""
    end = start + 1
    while end < len(lines) and not lines[end].lstrip().startswith("["):
        end += 1
    while lines[end - 1].lstrip()[:1] in ("", "#"):
        end -= 1
    del lines[start:end]
    if start and not lines[start - 1].strip() and (start == len(lines) or not lines[start].strip()):
        del lines[start - 1]
