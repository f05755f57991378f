"""Where the text of a new memory comes from: an argument, a file, standard input, or an editor on a template."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memfs import memory
from memfs.errors import Invalid
from memfs.errors import MemfsError
from memfs.values import Value

_COMMENT = re.compile(r"[ \t]*<!--.*?-->", re.DOTALL)


@contextmanager
def text_for(text: str | None, file: Path | None, kind: str) -> Iterator[tuple[str, dict[str, Value]]]:
    """Yield the text to save and the values that its own header gives; what an editor wrote is kept on errors.

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
            yield _taken(opened.read(memory.MAX_BYTES + 1), str(file))
    elif text == "-" or (text is None and not sys.stdin.isatty()):
        yield _taken(sys.stdin.buffer.read(memory.MAX_BYTES + 1), "standard input")
    elif text is not None:
        yield text, {}
    else:
        with _draft(kind) as draft:
            yield _written(draft, template(kind))


@contextmanager
def _draft(kind: str) -> Iterator[Path]:
    """Give a file with the template, and remove it when the block ends well or nothing was written."""
    folder = Path(tempfile.mkdtemp(prefix="memfs-"))
    path = folder / f"{kind}.md"
    path.write_text(template(kind), encoding="utf-8")
    try:
        yield path
    except MemfsError as error:
        written = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        if written.strip() and written != template(kind):
            raise Invalid(f"{error} What you wrote is kept: memfs save -f {path}") from error
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


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
    """Return the starting text for a memory of the type *kind*."""
    from memfs.extras import templates

    return (templates() / "memory" / f"{kind}.md").read_text(encoding="utf-8")


def _written(path: Path, start: str) -> tuple[str, dict[str, Value]]:
    """Return body and values of what the user makes of the draft *path*, which begins as *start*."""
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
        raise Invalid("No editor is set: set EDITOR, for example to nano.")
    try:
        done = subprocess.run([*shlex.split(editor), str(path)], check=False)
    except (OSError, ValueError) as error:
        raise Invalid(f"The editor {editor!r} cannot be started; set EDITOR to one that can.") from error
    if done.returncode:
        raise Invalid(f"The editor {editor!r} ended with {done.returncode}, so nothing was taken from it.")
