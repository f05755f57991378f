"""One memory: bytes to meaning, and changes of meaning to changes of lines. Pure; the format is `.memory/format.md`."""

from __future__ import annotations

import base64
import codecs
import hashlib
import os
import re
import time
import unicodedata
from collections.abc import Mapping
from datetime import UTC
from datetime import datetime
from typing import Literal
from typing import NamedTuple

from memfs import header
from memfs.errors import Invalid
from memfs.header import Header
from memfs.values import MalformedHeader
from memfs.values import Span
from memfs.values import Value

TYPES = (
    "directive", "information", "heading", "decision", "code_pattern",
    "requirement", "error", "todo", "insight", "preference",
)  # fmt: skip
KEYS = (
    "id", "title", "type", "importance", "tags", "category", "channels", "summary", "cues",
    "created", "updated", "expires", "links", "about", "session", "pinned",
)  # fmt: skip
"""The known keys, in the order in which memfs adds them."""

MAX_BYTES = 1 << 20
"""A larger file is not read."""
TITLE_LENGTH = 120
"""Characters at which a title taken from the body is cut."""
SLUG_BYTES = 60
DEFAULT_TYPE = "information"
DEFAULT_IMPORTANCE = 5
IMPORTANT = 8
"""From this importance on a memory is *important*."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CROCKFORD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789ABCDEFGHJKMNPQRSTVWXYZ")
_WHEN = re.compile(r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?: ?(?:[Zz]|[+-]\d\d:?\d\d))?)?")
_HEADING = re.compile(r"\s{0,3}#{1,6}[ \t]+(.*)")
_CLOSING = re.compile(r"(?:^|[ \t])#+$")
_FENCE = re.compile(r"\s{0,3}(```|~~~)")
_MARKERS = tuple(re.compile(line, re.MULTILINE) for line in (r"^<{7}(?: .*)?\r?$", r"^={7}\r?$", r"^>{7}(?: .*)?\r?$"))
_WIKI_LINK = re.compile(r"\[\[([^\[\]\n|]{1,200})(?:\|[^\[\]\n]*)?\]\]")
_LEADING_BLANK = re.compile(r"(?:[ \t]*\r?\n)*")
_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))})

State = Literal["ok", "malformed", "conflict", "unreadable"]


class Problem(NamedTuple):
    """Something in a file that memfs could not take as it stands.

    Attributes:
        line: 1-based line in the file; 0 when it concerns the whole file.
        reason: One clause, without the file's own text.
    """

    line: int
    reason: str


class Link(NamedTuple):
    """A relation to another memory: its kind, and the other's id (or, from `[[…]]`, its title)."""

    type: str
    to: str


class Memory(NamedTuple):
    """What one file says, every absent key at its default.

    Attributes:
        path: Below the store, with `/`.
        id: The written id, else the one derived from `path`.
        id_written: Whether the file itself carries the id.
        state: `ok`; else why its header or text cannot be trusted, see `problems`.
        body: The text after the header, without blank lines around it.
        created: Aware, UTC; None when the file does not say.
        header: Where each key stands, for `patch`; None for a file without frontmatter.
    """

    path: str
    id: str
    id_written: bool
    title: str
    body: str
    state: State = "ok"
    type: str = DEFAULT_TYPE
    importance: int = DEFAULT_IMPORTANCE
    tags: tuple[str, ...] = ()
    category: str = ""
    channels: tuple[str, ...] = ()
    summary: str = ""
    cues: tuple[str, ...] = ()
    created: datetime | None = None
    updated: datetime | None = None
    expires: datetime | None = None
    links: tuple[Link, ...] = ()
    about: tuple[str, ...] = ()
    session: str = ""
    pinned: bool = False
    problems: tuple[Problem, ...] = ()
    header: Header | None = None

    def expired(self, now: datetime) -> bool:
        """Return whether the memory is past its `expires` at *now*."""
        return self.expires is not None and self.expires <= now

    def references(self) -> tuple[Link, ...]:
        """Return the written links, then those that the body makes with `[[…]]`."""
        named = dict.fromkeys(match.strip() for match in _WIKI_LINK.findall(self.body))
        return self.links + tuple(Link("references", name) for name in named if name)


def new_id(now: float | None = None) -> str:
    """Return a ULID: 48 bits of milliseconds, 80 random bits, 26 Crockford base32 characters (github.com/ulid/spec)."""
    milliseconds = max(0, min(int((time.time() if now is None else now) * 1000), (1 << 48) - 1))
    number = milliseconds << 80 | int.from_bytes(os.urandom(10), "big")
    return _crockford(number.to_bytes(16, "big").rjust(20, b"\0"))[-26:]


def derived_id(path: str) -> str:
    """Return the id of a file that carries none: `p-` and 26 base32 characters of SHA-256(*path*, NFC)."""
    name = (path if path.isascii() else unicodedata.normalize("NFC", path)).encode("utf-8", "surrogateescape")
    return "p-" + _crockford(hashlib.sha256(name).digest()[:20])[:26]


def _crockford(data: bytes) -> str:
    return base64.b32encode(data).decode().rstrip("=").translate(_CROCKFORD)


def digest(raw: bytes) -> str:
    """Return the SHA-256 of *raw* in hexadecimal: what a later write must show."""
    return hashlib.sha256(raw).hexdigest()


def slug(title: str) -> str:
    """Return *title* as a file name's stem: lower-case ASCII words joined by `-`, at most 60 bytes.

    Never empty, never a Windows device name, never with a leading dot.
    """
    folded = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    words = "-".join(re.findall(r"[a-z0-9]+", folded))[:SLUG_BYTES].strip("-")
    return f"{words}-memory" if words in _DEVICES else words or "memory"


def file_name(title: str) -> str:
    """Return a new file's name: the slug, and six random characters so that two clones never collide."""
    return f"{slug(title)}-{_crockford(os.urandom(5))[:6].lower()}.md"


def parse_time(text: str) -> datetime:
    """Return the RFC 3339 time or date *text* in UTC; no offset means UTC, a date its first instant.

    Raises:
        ValueError: It is neither, or no such day exists.
    """
    if not _WHEN.fullmatch(text):
        raise ValueError(text)
    when = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text.upper().replace(" ", "T", 1).replace(" ", "")))
    try:
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(text) from error


def format_time(when: datetime) -> str:
    """Return *when* as RFC 3339 in UTC, to the second."""
    return when.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def parse(raw: bytes, path: str) -> Memory:
    """Return the memory that the bytes *raw* of the file *path* hold. Never raises: see `Memory.state`."""
    if len(raw) > MAX_BYTES:
        return unreadable(path, f"larger than {MAX_BYTES >> 20} MiB")
    if b"\0" in raw:
        kind = "UTF-16 text" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") or raw[1:2] == b"\0" else "a NUL byte"
        return unreadable(path, f"{kind}; a memory is UTF-8", raw.count(b"\n", 0, raw.index(b"\0")) + 1)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return unreadable(path, "not valid UTF-8", raw.count(b"\n", 0, error.start) + 1)
    in_conflict = _conflict(text)
    try:
        found = header.read(text)
    except MalformedHeader as error:
        state: State = "conflict" if in_conflict else "malformed"
        return _plain(path, text, state, (in_conflict or Problem(error.line, error.reason),))
    memory = _described(path, text[found.end :], found) if found else _plain(path, text, "ok", ())
    if not in_conflict:
        return memory
    return memory._replace(state="conflict", problems=(*memory.problems, in_conflict))


def is_in_conflict(raw: bytes) -> bool:
    """Return whether the file *raw* is in the state `conflict`; most files need no parsing for that."""
    return b"<<<<<<<" in raw and parse(raw, "").state == "conflict"


def unreadable(path: str, reason: str, line: int = 0) -> Memory:
    """Return the memory that stands for a file whose text cannot be had: found by its path only."""
    stem = path.rpartition("/")[2].rpartition(".")[0]
    problem = Problem(line, reason)
    return Memory(
        path, derived_id(path), id_written=False, title=stem, body="", state="unreadable", problems=(problem,)
    )


def _conflict(text: str) -> Problem | None:
    """Return where git's three markers stand below each other, in one pass each: a file may be full of them."""
    first, position = -1, 0
    for marker in _MARKERS:
        found = marker.search(text, position)
        if found is None:
            return None
        first, position = first if position else found.start(), found.end()
    return Problem(text.count("\n", 0, first) + 1, "conflict markers of git; both sides are searchable")


def _plain(path: str, body: str, state: State, problems: tuple[Problem, ...]) -> Memory:
    shown = trim(body)
    title = _title_of(shown, path)
    return Memory(path, derived_id(path), id_written=False, title=title, body=shown, state=state, problems=problems)


def trim(body: str) -> str:
    """Return *body* without the blank lines around it; the first line's indentation (a code block's) stays."""
    start = _LEADING_BLANK.match(body)
    return body[start.end() if start else 0 :].rstrip()


def _title_of(body: str, path: str) -> str:
    """Return the first heading outside code, else the first line with words, else the file's name."""
    first, in_code = "", False
    for line in body.splitlines():
        if _FENCE.match(line):
            in_code = not in_code
            continue
        if not in_code and (heading := _HEADING.match(line)) and (words := _CLOSING.sub("", heading[1].rstrip())):
            first = words
            break
        first = first or line.strip()
    title = " ".join(first.split()) or path.rpartition("/")[2].rpartition(".")[0]
    return title if len(title) <= TITLE_LENGTH else title[: TITLE_LENGTH - 1].rstrip() + "…"


def _described(path: str, body: str, found: Header) -> Memory:
    shown = trim(body)
    read = _Reader(found)
    written_id = read.word("id")
    if written_id and not _ID.fullmatch(written_id):
        read.report("id", "is 1 to 64 of A-Z a-z 0-9 _ -")
        written_id = ""
    kind = read.word("type") or DEFAULT_TYPE
    if kind not in TYPES:
        read.report("type", f"is kept, but is not one of {', '.join(TYPES)}", "")
    memory = Memory(
        path=path,
        id=written_id or derived_id(path),
        id_written=bool(written_id),
        title=read.word("title") or _title_of(shown, path),
        body=shown,
        type=kind,
        importance=read.importance(),
        tags=read.words("tags", comma=True),
        category=read.word("category"),
        channels=read.words("channels"),
        summary=read.word("summary"),
        cues=read.words("cues"),
        created=read.time("created"),
        updated=read.time("updated"),
        expires=read.time("expires"),
        links=read.links(),
        about=read.words("about"),
        session=read.word("session"),
        pinned=read.flag("pinned"),
        header=found,
    )
    return memory._replace(problems=tuple(read.problems)) if read.problems else memory


class _Reader:
    """Converts the untyped values of a header by the table of the format, collecting what does not fit."""

    def __init__(self, found: Header) -> None:
        self.header = found
        self.values = found.values
        self.problems: list[Problem] = []

    def report(self, key: str, what: str, then: str = "; the default holds") -> None:
        self.problems.append(Problem(self.header.spans[key].line, f"`{key}` {what}{then}"))

    def word(self, key: str) -> str:
        value = self.values.get(key, "")
        if isinstance(value, str):
            return " ".join(value.split()) if key != "summary" else value.strip()
        self.report(key, "is not one text")
        return ""

    def words(self, key: str, *, comma: bool = False) -> tuple[str, ...]:
        value = self.values.get(key, "")
        if value == "":
            return ()
        if comma and isinstance(value, str):
            value = [part.strip() for part in value.split(",")]
        if isinstance(value, list):
            texts = [item for item in value if isinstance(item, str)]
            if len(texts) == len(value):
                return tuple(dict.fromkeys(text for text in texts if text.strip()))
        self.report(key, "is not a list of texts")
        return ()

    def importance(self) -> int:
        value = self.values.get("importance", "")
        if value == "":
            return DEFAULT_IMPORTANCE
        if isinstance(value, str) and re.fullmatch(r"\+?0{0,9}(?:[1-9]|10)", value):
            return int(value)
        self.report("importance", "is not a whole number from 1 to 10")
        return DEFAULT_IMPORTANCE

    def time(self, key: str) -> datetime | None:
        value = self.values.get(key, "")
        if value == "":
            return None
        try:
            return parse_time(value.strip() if isinstance(value, str) else "")
        except ValueError:
            self.report(key, "is not a time such as 2026-11-21T08:48:21Z, or a date")
            return None

    def flag(self, key: str) -> bool:
        value = self.values.get(key, "")
        word = value.lower() if isinstance(value, str) else "?"
        if word and word not in _TRUE | _FALSE:
            self.report(key, "is not true or false")
        return word in _TRUE

    def links(self) -> tuple[Link, ...]:
        value = self.values.get("links", "")
        if value == "":
            return ()
        found = []
        for item in value if isinstance(value, list) else [""]:
            kind, to = (item.get("type"), item.get("to")) if isinstance(item, dict) else (None, None)
            if not (isinstance(kind, str) and isinstance(to, str) and kind and to):
                self.report("links", "is not a list of {type, to}")
                return ()
            found.append(Link(kind, to))
        return tuple(found)


def compose(values: Mapping[str, Value], body: str) -> bytes:
    """Return the bytes of a new memory: the known keys in their order, a blank line, the body.

    Raises:
        Invalid: A value does not fit its key, or the body cannot be kept as it is.
    """
    check(values)
    lines = "".join(header.line(key, values[key]) + "\n" for key in KEYS if key in values)
    shown = trim(body)
    end = "\n" if shown else ""
    return _verified(f"---\n{lines}---\n\n{shown}{end}", b"", body)


def patch(raw: bytes, memory: Memory, changes: Mapping[str, Value | None], body: str | None = None) -> bytes:
    """Return *raw* with the keys of *changes* set (None removes) and, if given, the body replaced.

    Every other byte stays: other keys, their order, comments, quoting, line ends, the blank lines
    around the body, the byte order mark.

    Args:
        raw: The file's bytes, of which *memory* was parsed.
        memory: What `parse` made of *raw*; its state is `ok`.
        changes: Untyped values by known key.
        body: The new body, or None to leave it.

    Raises:
        Invalid: The memory is not ok, a value does not fit its key, or the result would not read back as what was
            asked for.
    """
    if memory.state != "ok":
        raise Invalid(f"A memory that is {memory.state} is never rewritten; mend it in an editor first.")
    check(changes)
    mark = codecs.BOM_UTF8 if raw.startswith(codecs.BOM_UTF8) else b""
    text = raw[len(mark) :].decode()
    if body is not None:
        start = memory.header.end if memory.header else 0
        old = text[start:]
        blank = _LEADING_BLANK.match(old)
        newline, kept = header.newline_of(text), trim(old)
        lead = old[: blank.end()] if blank else ""
        tail = old[len(lead) + len(kept) :] if kept else newline
        if start and not (kept or lead):
            lead = newline
        new = trim(body).replace("\r\n", "\n").replace("\n", newline)
        text = text[:start] + lead + new + tail
    return _verified(header.patch(text, memory.header, changes, KEYS), mark, body)


def _verified(text: str, mark: bytes, body: str | None) -> bytes:
    try:
        raw = mark + text.encode()
    except UnicodeEncodeError as error:
        raise Invalid("The text holds half of a character (a lone surrogate), which no file can keep.") from error
    found = parse(raw, "x.md")
    if found.state != "ok":
        raise Invalid(f"The memory could not be read back: {found.problems[0].reason}.")
    if body is not None and found.body.replace("\r\n", "\n") != trim(body).replace("\r\n", "\n"):
        raise Invalid("The body would be read as a header: begin it with a line of text instead of `---`.")
    return raw


def check(values: Mapping[str, Value | None]) -> None:
    """Refuse *values* that would not read back as what they are.

    Raises:
        Invalid: A key is unknown, or a value does not fit the format's table.
    """
    given = {key: value for key, value in values.items() if value is not None}
    unknown = [key for key in given if key not in KEYS]
    if unknown:
        raise Invalid(f"A memory has no key {', '.join(map(repr, unknown))}; the keys are {', '.join(KEYS)}.")
    place = dict.fromkeys(given, Span(0, 0, 0, 0, 0))
    read = _described("x.md", "", header.Header(given, place, 0, 0))
    if read.problems:
        raise Invalid(f"{read.problems[0].reason.partition(';')[0]}.")
