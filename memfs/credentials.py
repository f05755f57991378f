"""What in a text looks like a credential: of what kind, and where; never the credential itself."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING
from typing import NamedTuple

from memfs.errors import SecretFound
from memfs.values import Value

if TYPE_CHECKING:
    from detect_secrets.plugins.base import RegexBasedDetector

_DETECTORS = (
    ("aws", "AWSKeyDetector"), ("basic_auth", "BasicAuthDetector"), ("azure_storage_key", "AzureStorageKeyDetector"),
    ("discord", "DiscordBotTokenDetector"), ("github_token", "GitHubTokenDetector"),
    ("gitlab_token", "GitLabTokenDetector"), ("jwt", "JwtTokenDetector"), ("npm", "NpmDetector"),
    ("private_key", "PrivateKeyDetector"), ("pypi_token", "PypiTokenDetector"), ("sendgrid", "SendGridDetector"),
    ("slack", "SlackDetector"), ("square_oauth", "SquareOAuthDetector"), ("stripe", "StripeDetector"),
    ("telegram_token", "TelegramBotTokenDetector"), ("twilio", "TwilioKeyDetector"),
)  # fmt: skip
"""detect-secrets' plug-ins that know a token by its shape; those that guess by entropy cry wolf in prose."""

_SHAPES = {
    "OpenAI Token": re.compile(r"[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}"),
    "GitHub Token": re.compile(r"github_pat_[A-Za-z0-9_]{22}"),
    "Model Provider Key": re.compile(r"sk-(?:proj|ant|svcacct|or)-[A-Za-z0-9_-]{20}"),
    "Google API Key": re.compile(r"AIza[A-Za-z0-9_-]{35}"),
}
"""Tokens that detect-secrets 1.5 does not know yet, or looks for in a time that grows with the square of a text."""

_HINT = re.compile(r"[A-Za-z0-9_+/=.-]{16,}|PRIVATE KEY|://[^\s/]+@|eyJ|[xX][oO][xX]|_authToken|sq0csp")
"""A part of every credential that a detector knows; most lines have none."""
_LIKELY = re.compile(
    r"A(?:3T|BIA|CCA|KIA|SIA)|[0-9A-Za-z/+]{40}|://[^\s/]+@|AccountKey=|[\w-]{24}\.|gh[opsur]_|github_pat_|eyJ|AIza"
    r"|gl(?:pat|dt|ft|soat|rt|cbt|imt|ptt|agent|oas)-|GR1348941|_authToken|PRIVATE KEY|PuTTY-|pypi-|SG\.[\w-]{22}"
    r"|[xX][oO][xX]|(?i:hooks\.slack)|sq0csp|k_live_|\d:[\w-]{35}|(?:AC|SK)[a-z0-9]{32}|T3BlbkFJ|sk-(?:proj|ant|svcacct|or)-"
)
"""What such a part holds, or stands in, when it is more than a long name; so most texts never load the detectors."""
_HARMLESS = re.compile(
    r"\b[0-9A-Z]{21,}\b"
    r"|(?i:://([^\s/:@]*):(?:\1|<[^\s<>]*>|pass(?:word|wd)?|pwd|secret)@)"
)
"""What detectors take for a credential, and is none.

Ids of memories and sequences of DNA: somewhere in them may stand what begins like a key of AWS's, which has 20
characters. In a URL a password that stands for one, or is the user's name.
"""
_PIECE, _OVERLAP = 2_048, 1_024
"""Characters of a long line that detectors, some of which try again from each, get at once; tokens are shorter."""


class Secret(NamedTuple):
    """A credential that a text seems to hold: in which line (from 1), and of what kind."""

    line: int
    kind: str


def find_secrets(text: str) -> Sequence[Secret]:
    """Return what credentials *text* seems to hold, by line, a kind once a line."""
    if not _may_hold_one(text):
        return []
    hinted = [(number, line) for number, line in enumerate(text.split("\n"), 1) if _may_hold_one(line)]
    bare = [(number, _HARMLESS.sub("", line)) for number, line in hinted]
    pieces = [(number, piece) for number, line in bare if _may_hold_one(line) for piece in _pieces(line)]
    if not pieces:
        return []
    whole = "\n".join(piece for _, piece in pieces)
    suspects = [(kind, finds) for kind, finds in _finders() if any(finds(whole))]
    return sorted({Secret(number, kind) for kind, finds in suspects for number, piece in pieces if any(finds(piece))})


def _may_hold_one(text: str) -> bool:
    return any(_LIKELY.search(text, max(hint.start() - 2, 0), hint.end()) for hint in _HINT.finditer(text))


def refuse(body: str, values: Mapping[str, Value | None], before: str = "", *, whose: str = "") -> None:
    """Refuse a memory's new text and values if they seem to hold a credential.

    Args:
        body: The text, of which the line is told.
        values: By key, of which the key is told.
        before: The file that they are for, as it is; a line with a credential that stands there already is no news.
        whose: Said behind each place.

    Raises:
        SecretFound: They do.
    """
    found = [f"{kind} in line {line}{whose}" for line, kind in _news(body, before)]
    for key, value in values.items():
        found += dict.fromkeys(f"{kind} in `{key}`{whose}" for _, kind in _news(_lines(value), before))
    if found:
        raise SecretFound(found)


def _news(text: str, before: str) -> Sequence[Secret]:
    lines = text.split("\n")
    return [secret for secret in find_secrets(text) if lines[secret.line - 1].strip() not in before]


def _lines(value: Value | None) -> str:
    """Return every text in *value*, each on lines of its own."""
    if isinstance(value, dict):
        value = list(value.values())
    return "\n".join(map(_lines, value)) if isinstance(value, list) else value or ""


@cache
def _finders() -> Sequence[tuple[str, Callable[[str], Iterable[str]]]]:
    """Return each kind of credential with what finds it in a text."""
    shapes = [(kind, shape.findall) for kind, shape in _SHAPES.items()]
    return [*((each.secret_type, each.analyze_string) for each in _detectors()), *shapes]


def _detectors() -> Sequence[RegexBasedDetector]:
    with _put_off("requests"):
        return [getattr(import_module(f"detect_secrets.plugins.{module}"), name)() for module, name in _DETECTORS]


class _Later(ModuleType):
    """Stands for a module of its name, which is loaded when something in it is used."""

    def __getattr__(self, name: str) -> object:
        return getattr(import_module(self.__name__), name)


@contextmanager
def _put_off(name: str) -> Iterator[None]:
    """Have what is imported meanwhile load the module *name* only when it uses it.

    The detectors can ask a service whether a key is good, which memfs never does, and would load `requests` for it:
    that takes longer than all the rest of a commit.
    """
    if name in sys.modules:
        yield
        return
    sys.modules[name] = _Later(name)
    try:
        yield
    finally:
        del sys.modules[name]


def _pieces(line: str) -> list[str]:
    """Return *line* in pieces of `_PIECE` characters, each of which begins with the last `_OVERLAP` before it."""
    starts = range(0, max(len(line) - _OVERLAP, 1), _PIECE - _OVERLAP)
    return [line[start : start + _PIECE] for start in starts]
