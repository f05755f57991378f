"""What a client takes beside the MCP server: hooks, rules for its agent, and Claude Code's plugin.

What is handed out lies below `templates/agents/` and calls `memfs`, which becomes the words that start this very one.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from typing import NamedTuple

import memfs
from memfs.clients import CLAUDE_SETTINGS
from memfs.clients import CLIENTS
from memfs.clients import OWN_NAME
from memfs.clients import Client
from memfs.clients import Step
from memfs.clients import edited
from memfs.clients import parsed
from memfs.clients import path_of
from memfs.clients import runs_memfs
from memfs.errors import Invalid
from memfs.errors import Refused
from memfs.errors import StorageFailed
from memfs.jsonc import Place

CLAUDE = CLIENTS["claude-code"]._replace(user=CLAUDE_SETTINGS)
"""The one client with a plugin, as the keeper of the settings that switch it on."""
MARKETPLACE = ("extraKnownMarketplaces", OWN_NAME)
ENABLED = ("enabledPlugins", f"{OWN_NAME}@{OWN_NAME}")
BEGIN, END = "<!-- memfs -->", "<!-- /memfs -->"
BLOCK = re.compile(f"{BEGIN}.*?{END}", re.DOTALL)
"""The rules, between the markers by which they are found again."""


def hooks_of(client: Client, project: Path | None, environ: Mapping[str, str], launcher: tuple[str, ...]) -> Hooks:
    """Return the wish for the hooks of *client*, in the user's settings or those of the folder *project*.

    Raises:
        Invalid: It has none that memfs knows, or there is no home folder.
        Refused: A link leads out of the project.
    """
    if client.hooks is None:
        having = [key for key, each in CLIENTS.items() if each.hooks]
        raise Invalid(f"memfs knows no hooks of {client.title}; those with hooks are {', '.join(having)}.")
    keeper = client._replace(user=client.hooks.user, project=client.hooks.project)
    template = json.loads((_templates() / client.hooks.template).read_bytes())
    template.pop("description", None)
    return Hooks(keeper, path_of(keeper, project, environ), template, launcher, project is not None)


def rules_of(client: Client, project: Path) -> Rules:
    """Return the wish for rules in the file that *client* reads them from in the folder *project*.

    Raises:
        Invalid: It reads none.
        Refused: A link leads out of the project.
    """
    if not client.rules:
        raise Invalid(f"{client.title} reads no rules of a project.")
    text = (_templates() / "AGENTS.md").read_text(encoding="utf-8")
    path = path_of(client._replace(project=client.rules), project, {})
    return Rules(path, text.strip(), f"{client.title} reads {path.name} when a session starts.")


def plugin_of(environ: Mapping[str, str], state: Path) -> Plugin:
    """Return the wish for Claude Code's plugin, which is kept below the folder *state*.

    Not below the package, whose path is another one after an upgrade; and Claude Code reads the folder of a
    marketplace in place.

    Raises:
        Invalid: There is no home folder.
    """
    return Plugin(path_of(CLAUDE, None, environ), state / "agents" / "claude-code")


def templates() -> Path:
    """Return the folder of what is handed out: in the wheel, or in the checkout beside the package."""
    package = Path(memfs.__file__).parent
    shipped = package / "templates"
    return shipped if shipped.is_dir() else package.parent / "templates"


def _templates() -> Path:
    return templates() / "agents"


def _started(value: Any, launcher: Sequence[str]) -> Any:  # noqa: ANN401  (JSON)
    """Return the JSON *value* with the words of *launcher* in the place of each `memfs` that begins a command.

    A command stands apart from its `args`, or is a line for a shell.
    """
    if isinstance(value, list):
        return [_started(each, launcher) for each in value]
    if not isinstance(value, dict):
        return value
    value = {key: _started(each, launcher) for key, each in value.items()}
    if "command" in value and "args" in value:
        value |= {"command": launcher[0], "args": [*launcher[1:], *value["args"]]}
    elif "command" in value:
        value["command"] = shlex.join(launcher) + value["command"].removeprefix(OWN_NAME)
    return value


# ---- hooks


class Hooks(NamedTuple):
    """The wish that the settings *path* of a client call the hooks of *template*, started by the words of *launcher*.

    `shared` says that they are a project's, which other people get too.
    """

    client: Client
    path: Path
    template: Mapping[str, Any]
    launcher: tuple[str, ...]
    shared: bool = False

    @property
    def see(self) -> str:
        """What to do next, and how to see that it works."""
        return self.client.hooks.see if self.client.hooks else ""

    def found(self, text: str) -> Hooks | None:
        """Return the hooks that *text* has."""
        for _, handler in _handlers(parsed(text, self.client)):
            said = _said(handler)
            return self._replace(launcher=tuple(said[: said.index("hook")]))
        return None

    def displaced(self, text: str) -> str:  # noqa: ARG002  (hooks stand beside each other)
        """Return nothing."""
        return ""

    def added(self, text: str) -> str:
        """Return the settings *text* with a hook for each event; of one that is there, only the command changes."""
        settings = parsed(text, self.client)
        there = {place[1]: (place, handler) for place, handler in _handlers(settings)}
        wanted = _started(self.template, self.launcher)
        steps: list[Step] = [((key,), value) for key, value in wanted.items() if key not in settings]
        for event, [group] in wanted["hooks"].items() if "hooks" in settings else ():
            if event in there:
                place, old = there[event]
                [handler] = group.get("hooks", [group])
                keys = [key for key in ("command", "args") if key in handler and old.get(key) != handler[key]]
                steps += [((*place, key), handler[key]) for key in keys]
            else:
                groups = settings["hooks"].get(event, [])
                if not isinstance(groups, list):
                    raise ValueError(f"`hooks.{event}` is no list of hooks")
                steps.append((("hooks", event, len(groups)), group))
        return edited(text, steps, self.client)

    def cut(self, text: str) -> str:
        """Return the settings *text* without the hooks of memfs, and without what held nothing else."""
        while True:
            settings = parsed(text, self.client)
            place = next((place for place, _ in _handlers(settings)), None)
            if place is None:
                return text
            text = edited(text, [(_widest(settings, place), None)], self.client)


def _handlers(settings: Mapping[str, Any]) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Yield each handler in *settings* that calls a hook of memfs, and its place.

    Handlers stand in the list of their event, or in that of a group with a matcher.
    """
    for event, groups in _table(settings, "hooks").items():
        for number, group in enumerate(groups if isinstance(groups, list) else ()):
            inner = group.get("hooks") if isinstance(group, dict) else None
            places: list[tuple[Place, Any]] = [(("hooks", event, number), group)]
            if isinstance(inner, list):
                places = [(("hooks", event, number, "hooks", each), handler) for each, handler in enumerate(inner)]
            for place, handler in places:
                said = _said(handler)
                if "hook" in said and runs_memfs(said[: said.index("hook")]):
                    yield place, handler


def _said(handler: object) -> list[str]:
    """Return the words that *handler* is started by; none if it is not started by words."""
    if not isinstance(handler, dict) or not isinstance(handler.get("command"), str):
        return []
    if isinstance(handler.get("args"), list):
        return [handler["command"], *map(str, handler["args"])]
    with suppress(ValueError):  # a shell's line in which quotes do not pair
        return shlex.split(handler["command"])
    return []


def _widest(settings: Mapping[str, Any], place: Place) -> Place:
    """Return *place*, or what is there for its sake alone: its group, its event, its table."""
    for inside, outer in ((4, 3), (2, 2), (1, 1)):
        if len(place) > inside:
            holder: Any = settings
            for key in place[:inside]:
                holder = holder[key]
            if len(holder) > 1:
                break
            place = place[:outer]
    return place


def _table(settings: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    table = settings.get(key, {})
    if not isinstance(table, dict):
        raise ValueError(f"`{key}` is no table")  # noqa: TRY004  (in the file)
    return table


# ---- rules


class Rules(NamedTuple):
    """The wish that the file *path* hold *block*, between its markers; `see` says when it is read."""

    path: Path
    block: str
    see: str
    shared: bool = True

    def found(self, text: str) -> Rules | None:
        """Return the rules that *text* has."""
        block = _block(text)
        return self._replace(block=block[0]) if block else None

    def displaced(self, text: str) -> str:  # noqa: ARG002  (a file holds rules of many)
        """Return nothing."""
        return ""

    def added(self, text: str) -> str:
        """Return *text* with the block where it is, or at the end.

        It ends without a line break if *text* did: `cut` then knows how it was.
        """
        newline = "\r\n" if "\r\n" in text else "\n"
        block, old = self.block.replace("\r\n", "\n").replace("\n", newline), _block(text)
        if old:
            return text[: old.start()] + block + text[old.end() :]
        if text and not text.endswith("\n"):
            return text + 2 * newline + block
        return (text + newline if text else "") + block + newline

    def cut(self, text: str) -> str:
        """Return *text* without the block, the blank line before it and the line break after it."""
        block = _block(text)
        if not block:
            return text
        before, after = text[: block.start()], text[block.end() :]
        breaks = 1 if after else 2
        return re.sub(rf"(\r?\n){{0,{breaks}}}\Z", "", before, count=1) + re.sub(r"\A\r?\n", "", after)


def _block(text: str) -> re.Match[str] | None:
    found = BLOCK.search(text)
    if text.count(BEGIN) != (1 if found else 0):
        raise ValueError(f"its markers {BEGIN} and {END} do not make one pair")
    return found


# ---- the plugin


class Plugin(NamedTuple):
    """The wish that Claude Code's settings *path* enable the plugin of the marketplace *folder*."""

    path: Path
    folder: Path
    see: str = "Start a new session of Claude Code; /plugin lists memfs."
    shared: bool = False

    def found(self, text: str) -> Plugin | None:
        """Return the plugin that *text* knows."""
        settings = parsed(text, CLAUDE)
        entry = _table(settings, MARKETPLACE[0]).get(MARKETPLACE[1])
        if entry is None:
            return self if ENABLED[1] in _table(settings, ENABLED[0]) else None
        source = entry.get("source") if isinstance(entry, dict) else None
        if not isinstance(source, dict) or source.get("source") != "directory":
            raise Refused(
                f"{self.path} knows another marketplace called {OWN_NAME}; "
                f"`claude plugin marketplace remove {OWN_NAME}` takes it out."
            )
        return self._replace(folder=Path(str(source.get("path"))))

    def displaced(self, text: str) -> str:  # noqa: ARG002  (another marketplace of that name is left alone)
        """Return nothing."""
        return ""

    def added(self, text: str) -> str:
        """Return the settings *text* with the marketplace known and the plugin enabled.

        Raises:
            Refused: Another marketplace has that name.
        """
        self.found(text)
        settings = parsed(text, CLAUDE)
        source = {"source": {"source": "directory", "path": str(self.folder)}}
        wanted: tuple[tuple[tuple[str, str], object], ...] = ((MARKETPLACE, source), (ENABLED, True))
        steps: list[Step] = [
            (place, value) for place, value in wanted if _table(settings, place[0]).get(place[1]) != value
        ]
        return edited(text, steps, CLAUDE)

    def cut(self, text: str) -> str:
        """Return the settings *text* without either."""
        for place in (MARKETPLACE, ENABLED):
            settings = parsed(text, CLAUDE)
            if place[1] in _table(settings, place[0]):
                text = edited(text, [(_widest(settings, place), None)], CLAUDE)
        return text


def outdated(folder: Path, launcher: Sequence[str]) -> bool:
    """Return whether *folder* is not the marketplace as this memfs hands it out.

    Raises:
        StorageFailed: It cannot be read.
    """
    with StorageFailed.met(folder, "read"):
        there = {str(path.relative_to(folder)): path.read_bytes() for path in _files(folder)}
    return there != dict(_handed_out(launcher))


def lay_out(folder: Path, launcher: Sequence[str]) -> None:
    """Make *folder* the marketplace with the plugin, which is started by the words of *launcher*.

    Raises:
        StorageFailed: It cannot be written.
    """
    fresh = folder.with_name(f".{folder.name}-{os.urandom(4).hex()}")
    try:
        for name, content in _handed_out(launcher):
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            (fresh / name).write_bytes(content)
        clear_away(folder)
        fresh.rename(folder)
    except OSError as error:
        raise StorageFailed.of(error, folder, "write") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def clear_away(folder: Path) -> None:
    """Remove the marketplace *folder*, if it is there.

    Raises:
        StorageFailed: It cannot be removed.
    """
    with StorageFailed.met(folder, "remove"), suppress(FileNotFoundError):
        shutil.rmtree(folder)


def _handed_out(launcher: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    source = _templates() / "claude-code"
    for path in _files(source):
        content = path.read_bytes()
        if path.suffix == ".json":
            content = (json.dumps(_started(json.loads(content), launcher), indent=2) + "\n").encode()
        yield str(path.relative_to(source)), content


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())
