"""One place changed in JSON that a person wrote, comments and trailing commas included: no other byte differs."""

from __future__ import annotations

import json
import re
from typing import NamedTuple

Place = tuple[str | int, ...]
"""Keys of objects and indices of arrays, from the outermost object inwards."""

COMMENT = re.compile(r'"(?:[^"\\]|\\.)*+"|//[^\n\r]*|/\*.*?\*/', re.DOTALL)
TRAILING_COMMA = re.compile(r'"(?:[^"\\]|\\.)*+"|,(?=[ \t\r\n]*[}\]])', re.DOTALL)
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[][{},:]|[^][{},:"\s]+', re.DOTALL)
BLANK = " \t\r\n\ufeff"


class _Member(NamedTuple):
    """A member of an object, or, with its index for a key, an element of an array."""

    key: str | int
    start: int
    value: int
    end: int
    comma: int
    """Where the comma after it is; -1: there is none."""


def load(text: str, *, comments: bool = True, commas: bool = True) -> object:
    """Return what *text*, perhaps after a byte order mark, says; one that is empty but for comments says `{}`.

    It may hold *comments*, and *commas* before a closing bracket.

    Raises:
        ValueError: It is no such JSON; the place is counted in *text*.
    """
    plain = _without(COMMENT, text) if comments else text
    plain = _without(TRAILING_COMMA, plain) if commas else plain
    return json.loads(plain.removeprefix("\ufeff"), parse_constant=_refuse) if plain.strip(BLANK) else {}


def put(text: str, place: Place, value: object) -> str:
    """Return *text* with *value* at *place*, in objects and arrays made as needed, laid out as their neighbours are.

    Args:
        text: What `load` takes.
        place: At least one key. Of keys that stand twice the last one counts, as for every parser. An index that an
            array does not have yet is its next one.
        value: What JSON can say.
    """
    if not _without(COMMENT, text).strip(BLANK):
        text += ("" if not text.strip(BLANK) or text.endswith("\n") else "\n") + "{}\n"
    bare, at = _without(COMMENT, text), 0
    for depth, key in enumerate(place):
        at = _skip(bare, at)
        found, close = _members(bare, at)
        member = next((each for each in reversed(found) if each.key == key), None)
        if member is None:
            for inner in reversed(place[depth + 1 :]):
                value = [value] if isinstance(inner, int) else {inner: value}
            return _insert(text, (at, close), found, key, value)
        at = member.value
    return f"{text[: member.value]}{_dump(value)}{text[member.end :]}" if member else text


def cut(text: str, place: Place) -> str:
    """Return *text* without *place*, the blank before it and one comma; comments around it stay."""
    bare, at = _without(COMMENT, text), 0
    for key in place:
        found, _ = _members(bare, _skip(bare, at))
        index = max((number for number, each in enumerate(found) if each.key == key), default=-1)
        if index < 0:
            return text
        at = found[index].value
    _, begin, _, end, comma = found[index]
    start = len(text[:begin].rstrip(BLANK))
    rest = text[end:comma] + text[comma + 1 :] if comma >= 0 else text[end:]
    if bare[start - 1] in BLANK and not rest.lstrip(" \t").startswith(("\n", "\r")):
        start = begin  # a comment ends there, and would swallow what follows
    before = found[index - 1].comma if index and comma < 0 else -1
    head = text[:start] if before < 0 else text[:before] + text[before + 1 : start]
    empty = bare[start - 1] in "[{" and rest.lstrip(BLANK).startswith(("]", "}"))
    return head + (rest.lstrip(BLANK) if empty else rest)


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def _without(pattern: re.Pattern[str], text: str) -> str:
    """Return *text*, as long as it was, with blanks for what *pattern* finds beside strings."""
    return pattern.sub(lambda found: found[0] if found[0][0] == '"' else re.sub(r"[^\r\n]", " ", found[0]), text)


def _skip(bare: str, at: int) -> int:
    while at < len(bare) and bare[at] in BLANK:
        at += 1
    return at


def _end(bare: str, at: int) -> int:
    """Return where the value that begins at *at* ends."""
    depth = 0
    for token in TOKEN.finditer(bare, at):
        depth += (token[0] in "[{") - (token[0] in "]}")
        if not depth:
            return token.end()
    return len(bare)


def _members(bare: str, at: int) -> tuple[list[_Member], int]:
    """Return the members of the object or array that begins at *at*, and where its closing bracket is."""
    found: list[_Member] = []
    keyed = bare[at] == "{"
    at = _skip(bare, at + 1)
    while bare[at] not in "]}":
        end = _end(bare, at)
        key = json.loads(bare[at:end]) if keyed else len(found)
        value = _skip(bare, _skip(bare, end) + 1) if keyed else at
        stop = _end(bare, value)
        comma = _skip(bare, stop)
        has = bare[comma] == ","
        found.append(_Member(key, at, value, stop, comma if has else -1))
        at = _skip(bare, comma + 1) if has else comma
    return found, at


def _insert(text: str, span: tuple[int, int], found: list[_Member], key: str | int, value: object) -> str:
    """Return *text* with one more member in the object or array of *span*, after the others and their comments."""
    at, close = span
    newline = "\r\n" if "\r\n" in text else "\n"
    spread = "\n" in text[at:close] if found else "\n" in text.strip(BLANK) or not text[:at].strip(BLANK)
    base = _indent(text, at)
    outer = re.search(r"\{[ \t\r]*\n([ \t]+)", text)
    unit = outer[1] if outer else "  "
    lead = _indent(text, found[-1].start) if found else ""
    lead = lead if lead != base and lead.startswith(base) else base + unit
    body = _dump(value, newline + lead, unit) if spread else _dump(value)
    body = f"{_dump(key)}: {body}" if text[at] == "{" else body
    last = len(text[:close].rstrip(BLANK))
    end = found[-1].end if found else last
    comma = bool(found) and found[-1].comma >= 0
    new = f"{newline}{lead}{body}" if spread else f"{' ' if found else ''}{body}"
    new += "," if comma else ""
    new += newline + base if spread and "\n" not in text[last:close] else ""
    return f"{text[:end]}{',' if found and not comma else ''}{text[end:last]}{new}{text[last:]}"


def _indent(text: str, at: int) -> str:
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _dump(value: object, start: str = "", unit: str = "") -> str:
    """Return *value* as JSON, on one line; with a *start* of lines, on several.

    Then each member of an object begins one, and each element of an array that holds objects.
    """
    inner = start + unit
    if start and isinstance(value, dict) and value:
        members = (f"{inner}{_dump(key)}: {_dump(each, inner, unit)}" for key, each in value.items())
        return f"{{{','.join(members)}{start}}}"
    if start and isinstance(value, list) and any(isinstance(each, dict) for each in value):
        return f"[{','.join(inner + _dump(each, inner, unit) for each in value)}{start}]"
    return json.dumps(value, ensure_ascii=False)
