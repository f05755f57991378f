"""Whose text this is: which workspaces the user trusts, what no terminal should get."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from pathlib import Path

from memfs.errors import Invalid
from memfs.errors import StorageFailed
from memfs.lines import add
from memfs.lines import lines
from memfs.lines import remove

TRUSTED, LOOKED_AT = "trusted", "looked-at"
"""Files in the state folder that list workspaces, one path a line: trusted whatever comes; accepted as they were."""

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff9-\ufffb"
    "\ud800-\udfff\U0001d173-\U0001d17a\U000e0000-\U000e01ef]"
    "|(?:^|(?<=[\x00-\u1fff]))\ufe0f(?!\u20e3)"
)
"""Controls, marks that turn the reading direction, invisible characters and tags; not tab and newline.

What asks for a picture (U+FE0F) is hidden but behind a symbol, where emoji have it.
"""


def inert(text: str) -> str:
    r"""Return *text* with every character that could steer a terminal or hide from a reader shown as `\u….`."""
    return _HIDDEN.sub(lambda found: ascii(found[0])[1:-1] if found[0] > "\xff" else f"\\u{ord(found[0]):04x}", text)


def hides(text: str) -> bool:
    """Return whether *text* holds what `inert` would show: something that steers a terminal or hides from a reader.

    What begins a file or ends a line on another system is no such thing.
    """
    return _HIDDEN.search(text.removeprefix("\ufeff").replace("\r\n", "\n")) is not None


def inert_json(text: str) -> str:
    """Return the JSON *text* inert and saying the same: what is hidden in its strings stands there as JSON escapes."""
    return _HIDDEN.sub(lambda found: json.dumps(found[0])[1:-1], text)


def inert_line(text: str) -> str:
    """Return *text* inert and on one line."""
    return inert(" ".join(text.split()))


def place_of(workspace: Path) -> bytes:
    """Return what the lists have of *workspace*: its path, with no link in it."""
    return os.fsencode(os.path.realpath(workspace))


def is_trusted(state: Path, workspace: Path) -> bool:
    """Return whether the user said that whatever comes into *workspace* is theirs or their team's."""
    return place_of(workspace) in lines(state / TRUSTED)


def vouches(state: Path, place: bytes, digest: str) -> bool:
    """Return whether the text of *digest* in the workspace whose `place_of` is *place* is the user's or their team's.

    It is when they trust whatever comes there, accepted just this text, or had memfs write it.
    """
    return vouching(state, place)(digest)


def vouching(state: Path, place: bytes) -> Callable[[str], bool]:
    """Return what tells of a digest what `vouches` would now, without a look at the lists for each."""
    if place in lines(state / TRUSTED):
        return lambda _: True
    texts = lines(_accepted(state, place))
    return lambda digest: digest.encode() in texts


def accepted(state: Path, workspace: Path) -> Collection[bytes]:
    """Return the digests of the texts in *workspace* that were accepted one by one, among marks of their paths."""
    return lines(_accepted(state, place_of(workspace)))


def accepted_digests(state: Path, workspace: Path) -> Collection[str]:
    """Return the digests of the texts in *workspace* that were accepted one by one."""
    return {line.decode("ascii", "replace") for line in accepted(state, workspace) if not line.startswith(b"/")}


def has_accepted(state: Path, workspace: Path, path: str) -> bool:
    """Return whether a text at *path* of the store of *workspace* was accepted, so that another one is a change."""
    return _mark(path) in accepted(state, workspace)


def accept(state: Path, workspace: Path, texts: Iterable[tuple[str, str]]) -> None:
    """Remember that *texts* (path below the store, digest) in *workspace* are the user's or their team's.

    Raises:
        Invalid: See `set_trusted`.
        StorageFailed: The state folder cannot be written.
    """
    place = _one_line(workspace)
    add(_accepted(state, place), [line for path, digest in texts for line in (digest.encode(), _mark(path))])
    add(state / LOOKED_AT, [place])


def trusted_workspaces(state: Path) -> list[Path]:
    """Return the workspaces of which the user trusts whatever comes: those that memfs began for them, too."""
    return [Path(os.fsdecode(line)) for line in lines(state / TRUSTED)]


def looked_at(state: Path) -> list[Path]:
    """Return the workspaces of which the user accepted what was there when they looked."""
    return [Path(os.fsdecode(line)) for line in lines(state / LOOKED_AT)]


def set_trusted(state: Path, workspace: Path, *, trusted: bool) -> None:
    """Trust whatever comes into *workspace*; or nothing of it, not even what was accepted.

    Raises:
        Invalid: Its path holds a line break, and would be more than one line of the list.
        StorageFailed: The state folder cannot be written.
    """
    place = _one_line(workspace)
    if trusted:
        add(state / TRUSTED, [place])
        return
    remove(state / TRUSTED, place)
    remove(state / LOOKED_AT, place)
    path = _accepted(state, place)
    with StorageFailed.met(path, "remove"):
        path.unlink(missing_ok=True)


def _accepted(state: Path, place: bytes) -> Path:
    return state / "accepted" / hashlib.sha256(place).hexdigest()[:16]


def _mark(path: str) -> bytes:
    """Return the line that says of *path*, which may hold line breaks, that a text there was accepted."""
    return b"/" + hashlib.sha256(path.encode()).hexdigest()[:16].encode()


def _one_line(workspace: Path) -> bytes:
    place = place_of(workspace)
    if b"\n" in place:
        raise Invalid("A folder with a line break in its path cannot be trusted; rename it first.")
    return place
