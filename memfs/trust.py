"""Whose text this is: which workspaces the user trusts, what looks like a secret, what no terminal should get."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from memfs.errors import Invalid
from memfs.errors import StorageFailed

TRUSTED = "trusted"
"""The file in the state folder that lists trusted workspaces, one path a line."""

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e01ef]"
)
"""Controls, marks that turn the reading direction, invisible characters and tags; not tab and newline."""

_DETECTORS = (
    ("aws", "AWSKeyDetector"),
    ("basic_auth", "BasicAuthDetector"),
    ("azure_storage_key", "AzureStorageKeyDetector"),
    ("discord", "DiscordBotTokenDetector"),
    ("github_token", "GitHubTokenDetector"),
    ("gitlab_token", "GitLabTokenDetector"),
    ("jwt", "JwtTokenDetector"),
    ("npm", "NpmDetector"),
    ("openai", "OpenAIDetector"),
    ("private_key", "PrivateKeyDetector"),
    ("pypi_token", "PypiTokenDetector"),
    ("sendgrid", "SendGridDetector"),
    ("slack", "SlackDetector"),
    ("square_oauth", "SquareOAuthDetector"),
    ("stripe", "StripeDetector"),
    ("telegram_token", "TelegramBotTokenDetector"),
    ("twilio", "TwilioKeyDetector"),
)
"""detect-secrets' plug-ins that know a token by its shape; those that guess by entropy cry wolf in prose."""

_SHAPES = {
    "GitHub Token": re.compile(r"github_pat_[A-Za-z0-9_]{22,}"),
    "Model Provider Key": re.compile(r"sk-(?:proj|ant|svcacct|or)-[A-Za-z0-9_-]{20,}"),
    "Google API Key": re.compile(r"AIza[A-Za-z0-9_-]{35}"),
}
"""Tokens that detect-secrets 1.5 does not know yet."""

_HINT = re.compile(r"[A-Za-z0-9_+/=.-]{16,}|PRIVATE KEY|://[^\s/]+@")
"""Nothing shorter is a secret that a detector knows, so most texts never load the detectors."""
_OWN_ID = re.compile(r"\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b")
"""A memory's id; one in tens of thousands holds what begins like a key of AWS's (`ACCA`, `A3T`)."""
_PIECE, _OVERLAP = 2_048, 1_024
"""Characters of a long line that detectors, some of which try again from each, get at once; tokens are shorter."""


def inert(text: str) -> str:
    r"""Return *text* with every character that could steer a terminal or hide from a reader shown as `\u….`."""
    return _HIDDEN.sub(lambda found: ascii(found[0])[1:-1] if found[0] > "\xff" else f"\\u{ord(found[0]):04x}", text)


def inert_json(text: str) -> str:
    """Return the JSON *text* inert and saying the same: what is hidden in its strings stands there as JSON escapes."""
    return _HIDDEN.sub(lambda found: json.dumps(found[0])[1:-1], text)


def inert_line(text: str) -> str:
    """Return *text* inert and on one line."""
    return inert(" ".join(text.split()))


def find_secrets(text: str) -> list[str]:
    """Return what kinds of credentials *text* seems to hold, each with its line number; never the text itself."""
    said = [(number, _OWN_ID.sub("", line)) for number, line in enumerate(text.splitlines(), 1)]
    lines = [(number, line) for number, line in said if _HINT.search(line)]
    if not lines:
        return []
    from importlib import import_module

    found = dict.fromkeys(
        f"{kind} in line {number}" for kind, shape in _SHAPES.items() for number, line in lines if shape.search(line)
    )
    for module, name in _DETECTORS:
        detector = getattr(import_module(f"detect_secrets.plugins.{module}"), name)()
        for number, line in lines:
            if any(any(detector.analyze_string(piece)) for piece in _pieces(line)):
                found[f"{detector.secret_type} in line {number}"] = None
    return list(found)


def _pieces(line: str) -> list[str]:
    """Return *line* in pieces of `_PIECE` characters, each of which begins with the last `_OVERLAP` before it."""
    starts = range(0, max(len(line) - _OVERLAP, 1), _PIECE - _OVERLAP)
    return [line[start : start + _PIECE] for start in starts]


_read: dict[Path, tuple[tuple[int, int, int], list[bytes]]] = {}
"""Lists as they were read last: each hit of a search asks."""


def is_trusted(state: Path, workspace: Path) -> bool:
    """Return whether the user said that what lies in *workspace* is theirs or their team's."""
    return place_of(workspace) in _trusted(state)


def place_of(workspace: Path) -> bytes:
    """Return what the list has of *workspace*: its path, with no link in it."""
    return os.fsencode(os.path.realpath(workspace))


def is_trusted_place(state: Path, place: bytes) -> bool:
    """Return whether the user trusts the workspace whose `place_of` is *place*."""
    return place in _trusted(state)


def trusted_workspaces(state: Path) -> list[Path]:
    """Return the workspaces that the user trusts: those that memfs began for them, too."""
    return [Path(os.fsdecode(line)) for line in dict.fromkeys(_trusted(state)) if line]


def _trusted(state: Path) -> list[bytes]:
    """Return the lines of the list, read anew when the file is another one, or longer."""
    path = state / TRUSTED
    try:
        about = path.stat()
        identity = (about.st_ino, about.st_size, about.st_mtime_ns)
        if _read.get(path, (None, []))[0] != identity:
            _read[path] = identity, path.read_bytes().split(b"\n")
        return _read[path][1]
    except OSError:
        return []


def set_trusted(state: Path, workspace: Path, *, trusted: bool) -> None:
    """Remember, or forget, that the user trusts *workspace*.

    Raises:
        Invalid: Its path holds a line break, and would be more than one line of the list.
        StorageFailed: The state folder cannot be written.
    """
    path = state / TRUSTED
    place = os.fsencode(os.path.realpath(workspace))
    if b"\n" in place:
        raise Invalid("A folder with a line break in its path cannot be trusted; rename it first.")
    if is_trusted(state, workspace) == trusted:
        return
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        if trusted:
            # added in one write: of two processes that trust at once neither takes back what the other did
            with path.open("ab", buffering=0) as file:
                file.write(b"\n" + place + b"\n")
        else:
            kept = [line for line in path.read_bytes().split(b"\n") if line not in (b"", place)]
            temp = path.with_name(f"{TRUSTED}.{os.urandom(4).hex()}")
            temp.write_bytes(b"".join(line + b"\n" for line in kept))
            temp.replace(path)
    except OSError as error:
        raise StorageFailed.of(error, path, "write") from error
