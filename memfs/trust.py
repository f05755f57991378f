"""Whose text this is: which workspaces the user trusts, what looks like a secret, what no terminal should get."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

TRUSTED = "trusted"
"""The file in the state folder that lists trusted workspaces, one path a line."""

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Controls, marks that turn the reading direction, invisible characters and tags; not tab and newline."""

_DETECTORS = (
    ("aws", "AWSKeyDetector"),
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

_HINT = re.compile(r"[A-Za-z0-9_+/=.-]{16,}|PRIVATE KEY")
"""Nothing shorter is a secret that a detector knows, so most texts never load the detectors."""


def inert(text: str) -> str:
    r"""Return *text* with every character that could steer a terminal or hide from a reader shown as `\u….`."""
    return _HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def inert_line(text: str) -> str:
    """Return *text* inert and on one line."""
    return inert(" ".join(text.split()))


def find_secrets(text: str) -> list[str]:
    """Return what kinds of credentials *text* seems to hold, each with its line number; never the text itself."""
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if _HINT.search(line)]
    if not lines:
        return []
    from importlib import import_module

    found: dict[str, None] = {}
    for module, name in _DETECTORS:
        detector = getattr(import_module(f"detect_secrets.plugins.{module}"), name)()
        for number, line in lines:
            if any(detector.analyze_string(line)):
                found[f"{detector.secret_type} in line {number}"] = None
    return list(found)


def is_trusted(state: Path, workspace: Path) -> bool:
    """Return whether the user said that what lies in *workspace* is theirs or their team's."""
    try:
        lines = (state / TRUSTED).read_bytes().split(b"\n")
    except OSError:
        return False
    return os.fsencode(os.path.realpath(workspace)) in lines


def set_trusted(state: Path, workspace: Path, *, trusted: bool) -> None:
    """Remember, or forget, that the user trusts *workspace*."""
    path = state / TRUSTED
    lines: list[bytes] = []
    with suppress(FileNotFoundError):
        lines = [line for line in path.read_bytes().split(b"\n") if line]
    place = os.fsencode(os.path.realpath(workspace))
    kept = [line for line in lines if line != place] + ([place] if trusted else [])
    if kept != lines:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        temp = path.with_name(f"{TRUSTED}.{os.getpid()}")
        temp.write_bytes(b"".join(line + b"\n" for line in kept))
        temp.replace(path)
