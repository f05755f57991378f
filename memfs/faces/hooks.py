"""What a coding agent's client asks at its events: its JSON in, the answer that it expects out. Never fails.

Every trouble ends in an empty answer and one line of the log in the state folder: an agent is never held up.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any
from typing import BinaryIO

if TYPE_CHECKING:
    from memfs.brief import Brief
    from memfs.heard import Heard
    from memfs.workspace import Workspace

EVENTS = {
    "session-start": "SessionStart",
    "user-prompt-submit": "UserPromptSubmit",
    "post-tool-use": "PostToolUse",
    "stop": "Stop",
    "pre-compact": "PreCompact",
    "session-end": "SessionEnd",
}
"""The events that are answered, as Claude Code and Codex call them."""
CLIENTS = {
    "claude-code": EVENTS,
    "codex": EVENTS,
    "gemini": {
        **EVENTS,
        "user-prompt-submit": "BeforeAgent",
        "post-tool-use": "AfterTool",
        "pre-compact": "PreCompress",
    },
    "cursor": {"session-start": "sessionStart"},
}
"""Client to what it calls the events."""
FILE_KEYS = ("file_path", "path", "absolute_path", "notebook_path")
"""Where clients' tools name the file that they read or change."""
OF_MACHINES = "<task-notification>"
"""Begins a prompt that no person typed."""
LONGEST_INPUT = 50_000_000
"""Bytes; a tool's answer with a picture in it has several million."""
SECONDS = 0.5
"""For bringing the index up to date, at most."""
LOG, LONGEST_LOG = "hooks.log", 100_000


def run(event: str, client: str, stdin: BinaryIO | None, environ: Mapping[str, str] | None = None) -> str:
    """Return what to print for *event*, one of `EVENTS`; empty when there is nothing to tell, or it is another one.

    *client* is one of `CLIENTS`; another one is taken for Claude Code. Its JSON comes from *stdin*.
    """
    env = dict(os.environ if environ is None else environ)
    began = time.monotonic()
    try:
        said = json.loads(_taken(stdin)) if stdin is not None else {}
        text = _answer(event, said if isinstance(said, dict) else {}, env)
        return _shaped(text, event, client) if text else ""
    except BaseException as error:  # noqa: BLE001  (an agent is never held up; a panic of Rust derives from BaseException)
        _log(env, f"{event}: {type(error).__name__}: {error} ({time.monotonic() - began:.2f} s)")
        return ""


def _taken(stdin: BinaryIO) -> bytes:
    """Return what the client writes; all of it is taken, so that it is not left writing to nobody."""
    raw = stdin.read(LONGEST_INPUT)
    while stdin.read(1 << 20):
        pass
    return raw


def _answer(event: str, said: Mapping[str, Any], env: dict[str, str]) -> str:
    """Return what is told at *event*, and write down that it was."""
    if event not in EVENTS:
        _log(env, f"there is no event {event!r}; the events are {', '.join(EVENTS)}")
    if event not in EVENTS or str(said.get("prompt", "")).lstrip().startswith(OF_MACHINES):
        return ""
    session = str(said.get("session_id") or said.get("conversation_id") or env.get("CLAUDE_CODE_SESSION_ID") or "")
    if not session:
        return ""
    from memfs.brief import noted
    from memfs.brief import unheard
    from memfs.heard import Ledger
    from memfs.trust import inert

    here = _opened(said, env)
    ledger = Ledger(here.config.state)
    with ledger.session(session) as heard:
        brief = _brief(event, said, here, heard)
        if not heard.cursor:
            unheard(here, heard)
        noted(ledger, heard, event, brief)
    return inert(brief.text)


def _opened(said: Mapping[str, Any], env: dict[str, str]) -> Workspace:
    """Return the workspace that the client's session stands in: where it is, not where it was started."""
    from memfs.workspace import Workspace

    standing = (Path(each) for each in (_cwd(said), env.get("CLAUDE_PROJECT_DIR", "")) if each)
    folder = next((each for each in standing if each.is_dir()), None) or Path.cwd()
    env = {name: value for name, value in env.items() if name != "CLAUDE_PROJECT_DIR"}
    return Workspace.open(folder, environ=env, seconds=SECONDS)


def _cwd(said: Mapping[str, Any]) -> str:
    """Return the folder that the client says its session is in, empty when it does not; Cursor lists several."""
    roots = said.get("workspace_roots")
    return str(said.get("cwd") or (roots[0] if isinstance(roots, list) and roots else ""))


def _brief(event: str, said: Mapping[str, Any], here: Workspace, heard: Heard) -> Brief:
    from memfs import brief

    now = datetime.now(UTC)
    if event == "session-start":
        if said.get("source") == "resume" and heard.known:
            return brief.news(here, heard, now)
        heard.shown.clear()
        if said.get("source") != "compact":  # which ends no session: what it did not hear of yet it hears next
            brief.unheard(here, heard)
        return brief.opening(here, now)
    if event == "user-prompt-submit":
        return brief.prompted(here, heard, str(said.get("prompt") or ""), now)
    if event == "post-tool-use":
        return brief.beside(here, heard, _names_of_file(said), now)
    if event == "pre-compact":
        heard.shown.clear()  # what was shown is about to be forgotten
    return brief.Brief()


def _names_of_file(said: Mapping[str, Any]) -> Sequence[Path]:
    """Return what the file that the client's tool has read or changed is called: as named, and with no link in it."""
    given = said.get("tool_input")
    named = [given[key] for key in FILE_KEYS if given.get(key)] if isinstance(given, dict) else []
    if not named or not isinstance(named[0], str):
        return ()
    path = Path(_cwd(said) or "/", named[0])
    return Path(os.path.normpath(path)), Path(os.path.realpath(path))


def _shaped(text: str, event: str, client: str) -> str:
    """Return *text* as *client* takes it."""
    names = CLIENTS.get(client, EVENTS)
    if event not in names:
        return ""
    if client == "cursor":
        return json.dumps({"additional_context": text})
    return json.dumps({"hookSpecificOutput": {"hookEventName": names[event], "additionalContext": text}})


def _log(env: Mapping[str, str], line: str) -> None:
    """Add a line to the log, which begins anew when it is long."""
    with suppress(Exception):
        path = _state(env) / LOG
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        mode = "w" if path.exists() and path.stat().st_size > LONGEST_LOG else "a"
        with path.open(mode, encoding="utf-8", errors="replace") as file:
            file.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {' '.join(line.split())[:500]}\n")


def _state(env: Mapping[str, str]) -> Path:
    """Return the state folder, whatever is wrong with the mode and with config.toml."""
    from memfs.config import load

    there = {name: env[name] for name in ("HOME", "MEMFS_STATE") if name in env}
    return load({**there, "MEMFS_HOME": os.devnull}).state
