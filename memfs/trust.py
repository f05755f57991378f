"""Whose text this is: which workspaces the user trusts, what no terminal should get."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Sequence
from pathlib import Path

from memfs import worktree
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


def places_of(workspace: Path) -> Sequence[bytes]:
    """Return what the lists have of *workspace*: its path with no link in it; then the main work tree's, if it has one.

    Whatever comes is trusted in both if it is in the main one; single texts are accepted for all at once.
    """
    return tuple(map(os.fsencode, worktree.places(workspace)))


def is_trusted(state: Path, workspace: Path) -> bool:
    """Return whether the user said that whatever comes into *workspace* is theirs or their team's."""
    return _lists(state / TRUSTED, places_of(workspace))


def vouches(state: Path, places: Sequence[bytes], digest: str) -> bool:
    """Return whether the text of *digest* in the workspace of *places*, see `places_of`, is the user's or their team's.

    It is when they trust whatever comes there, accepted just this text, or had memfs write it.
    """
    return vouching(state, places)(digest)


def vouching(state: Path, places: Sequence[bytes]) -> Callable[[str], bool]:
    """Return what tells of a digest what `vouches` would now, without a look at the lists for each."""
    if _lists(state / TRUSTED, places):
        return lambda _: True
    texts = lines(_accepted(state, places))
    return lambda digest: digest.encode() in texts


def is_known(state: Path, workspace: Path) -> bool:
    """Return whether the user vouched for anything in *workspace*, be it for what was there when they looked."""
    places = places_of(workspace)
    return _lists(state / TRUSTED, places) or _lists(state / LOOKED_AT, places)


def accepted(state: Path, workspace: Path) -> Collection[bytes]:
    """Return the digests of the texts in *workspace* that were accepted one by one, among marks of their paths."""
    return lines(_accepted(state, places_of(workspace)))


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
    places = _one_line_each(workspace)
    add(_accepted(state, places), [line for path, digest in texts for line in (digest.encode(), _mark(path))])
    add(state / LOOKED_AT, places[-1:])


def trusted_workspaces(state: Path) -> list[Path]:
    """Return the workspaces of which the user trusts whatever comes: those that memfs began for them, too."""
    return [Path(os.fsdecode(line)) for line in lines(state / TRUSTED)]


def looked_at(state: Path) -> list[Path]:
    """Return the workspaces of which the user accepted what was there when they looked."""
    return [Path(os.fsdecode(line)) for line in lines(state / LOOKED_AT)]


def set_trusted(state: Path, workspace: Path, *, trusted: bool) -> None:
    """Trust whatever comes into *workspace*; or nothing of it and of its `places_of`, not even what was accepted.

    Raises:
        Invalid: Its path holds a line break, and would be more than one line of the list.
        StorageFailed: The state folder cannot be written.
    """
    places = _one_line_each(workspace)
    if trusted:
        add(state / TRUSTED, places[:1])
        return
    for place in places:
        remove(state / TRUSTED, place)
        remove(state / LOOKED_AT, place)
    path = _accepted(state, places)
    with StorageFailed.met(path, "remove"):
        path.unlink(missing_ok=True)


def _lists(path: Path, places: Sequence[bytes]) -> bool:
    known = lines(path)
    return any(place in known for place in places)


def _accepted(state: Path, places: Sequence[bytes]) -> Path:
    return state / "accepted" / hashlib.sha256(places[-1]).hexdigest()[:16]


def _mark(path: str) -> bytes:
    """Return the line that says of *path*, which may hold line breaks, that a text there was accepted."""
    return b"/" + hashlib.sha256(path.encode()).hexdigest()[:16].encode()


def _one_line_each(workspace: Path) -> Sequence[bytes]:
    places = places_of(workspace)
    if any(b"\n" in place for place in places):
        raise Invalid("A folder with a line break in its path cannot be trusted; rename it first.")
    return places
