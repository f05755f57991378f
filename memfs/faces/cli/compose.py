"""Where the text of a new memory comes from: an argument, a file, standard input, or an editor on a template."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import memfs
from memfs import memory
from memfs.errors import Invalid

if TYPE_CHECKING:
    from memfs.values import Value

_COMMENT = re.compile(r"[ \t]*<!--.*?-->", re.DOTALL)


def text_for(text: str | None, file: Path | None, kind: str) -> tuple[str, dict[str, Value]]:
    """Return the text to save, and the values that its own header gives.

    Args:
        text: As typed; `-` means standard input.
        file: A file to take it from.
        kind: The type whose template the editor opens, when there is no text from anywhere.

    Raises:
        Invalid: Both were given, or there is nothing, or a header cannot be taken.
    """
    if text not in (None, "-") and file is not None:
        raise Invalid("Give the text or a file, not both.")
    if file is not None:
        if not file.is_file():
            raise Invalid(f"{file} is no file.")
        with file.open("rb") as opened:
            return _taken(opened.read(memory.MAX_BYTES + 1), str(file))
    if text == "-" or (text is None and not sys.stdin.isatty()):
        return _taken(sys.stdin.buffer.read(memory.MAX_BYTES + 1), "standard input")
    if text is not None:
        return text, {}
    return _from_editor(kind)


def _taken(raw: bytes, where: str) -> tuple[str, dict[str, Value]]:
    """Return body and values of *raw*, which may be a whole memory or only its text."""
    found = memory.parse(raw, "x.md")
    if found.state != "ok":
        problem = found.problems[0]
        raise Invalid(f"{where}, line {problem.line}: {problem.reason}. Nothing was saved.")
    values = dict(found.header.values) if found.header else {}
    unknown = [key for key in values if key not in memory.KEYS]
    if unknown:
        raise Invalid(
            f"{where} has keys that memfs does not know ({', '.join(unknown)}); copy the file into the store instead."
        )
    return found.body, {key: value for key, value in values.items() if value not in ("", [])}


def template(kind: str) -> str:
    """Return the starting text for a memory of the type *kind*: from the wheel, or from the checkout beside it."""
    package = Path(memfs.__file__).parent
    for folder in (package / "templates", package.parent / "templates"):
        path = folder / "memory" / f"{kind}.md"
        if path.is_file():
            return path.read_text(encoding="utf-8")
    return f"---\ntitle:\ntype: {kind}\ntags: []\n---\n\n"


def _from_editor(kind: str) -> tuple[str, dict[str, Value]]:
    start = template(kind)
    with tempfile.TemporaryDirectory(prefix="memfs-") as folder:
        path = Path(folder) / f"{kind}.md"
        path.write_text(start, encoding="utf-8")
        run_editor(path)
        raw = path.read_bytes()
    if raw == start.encode():
        raise Invalid("Nothing was saved: the template was left as it was.")
    body, values = _taken(raw, "what you wrote")
    guidance = set(_COMMENT.findall(start))
    kept = _COMMENT.sub(lambda found: "" if found[0] in guidance else found[0], body)
    if not memory.trim(kept):
        raise Invalid("Nothing was saved: there is no text.")
    return kept, values


def run_editor(path: Path) -> None:
    """Open *path* in the user's editor and wait for it.

    Raises:
        Invalid: No editor is set, or it fails.
    """
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise Invalid(f"No editor is set: set EDITOR, or open {path} yourself.")
    try:
        done = subprocess.run([*shlex.split(editor), str(path)], check=False)
    except (OSError, ValueError) as error:
        raise Invalid(f"The editor {editor!r} cannot be started; set EDITOR to one that can.") from error
    if done.returncode:
        raise Invalid(f"The editor {editor!r} ended with {done.returncode}, so nothing was taken from it.")
