"""The programs that use memfs: where each keeps its settings, and the MCP server that is to stand there."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from typing import Any
from typing import NamedTuple

from memfs import jsonc
from memfs import toml
from memfs.errors import Invalid
from memfs.errors import Refused
from memfs.foreign import examined
from memfs.jsonc import Place

DISTRIBUTION = "memfs-store"
"""What memfs is called where packages come from."""
OWN_NAME = "memfs"
LONGEST_NAME = 64 - len("mcp____recall_relevant_context")
"""Models take names of tools of at most 64 characters, and clients call ours `mcp__NAME__TOOL`."""
RESERVED = ("workspace", "claude-in-chrome", "computer-use", "claude preview", "claude browser")
"""Names that Claude Code keeps for itself."""
REMOTE = ("url", "httpUrl", "serverUrl", "headers", "http_headers", "bearer_token_env_var")
"""Keys of an entry whose server is reached over a network."""
FOREIGN = ("cwd", "envFile")
"""Keys that meant something to the server that was there before."""
OUR_VARIABLES = re.compile(r"MEMFS_\w+|WORKSPACE_MODE|RECALL_\w+")
APPS = "where desktop programs keep their settings"
CLAUDE_SETTINGS = ("CLAUDE_CONFIG_DIR", ".claude", "settings.json")
"""Claude Code's settings beside its servers: hooks, plugins."""

Step = tuple[Place, Any]
"""A place in the settings, and the value that comes there; None takes it out."""


class Hooked(NamedTuple):
    """Where a client keeps its hooks: as `Client.user` and `Client.project` say it.

    `template` is what memfs hands out for it, below `templates/agents/`; `see` says how to see them.
    """

    template: str
    user: tuple[str, str, str]
    project: str
    see: str


class Client(NamedTuple):
    """A program that starts MCP servers.

    Attributes:
        title: As people call it.
        user: Where its settings for every project lie: variable that names the folder, folder otherwise, file.
        project: Where those of one project lie, from its top; empty: it has none.
        key: The table of servers.
        see: What to do next, and how to see that it works.
        typed: An entry says that it is `stdio`.
        comments, commas: Its JSON may hold comments; commas before a closing bracket.
        opened: It replaces `${workspaceFolder}` by the folder that is open, in settings of: user, project.
        hooks: Where it keeps hooks, if it has any.
        rules: The file of a project that it reads rules from; empty: none.
    """

    title: str
    user: tuple[str, str, str]
    project: str
    key: str
    see: str
    typed: bool = False
    comments: bool = False
    commas: bool = False
    opened: tuple[bool, bool] = (False, False)
    hooks: Hooked | None = None
    rules: str = ""

    @property
    def toml(self) -> bool:
        """Whether its settings are TOML, not JSON."""
        return self.user[2].endswith(".toml")


CLIENTS: Mapping[str, Client] = {
    "claude-code": Client(
        "Claude Code", ("CLAUDE_CONFIG_DIR", "", ".claude.json"), ".mcp.json", "mcpServers",
        "Start a new session of Claude Code; /mcp lists {name}.", typed=True,
        hooks=Hooked(
            "claude-code/plugin/hooks/hooks.json", CLAUDE_SETTINGS, ".claude/settings.json",
            "Start a new session of Claude Code; /hooks lists them.",
        ),
        rules="CLAUDE.md",
    ),
    "claude-desktop": Client(
        "Claude Desktop", ("", APPS, "Claude/claude_desktop_config.json"), "", "mcpServers",
        "Quit Claude Desktop and start it again; Settings > Developer lists {name}.",
    ),
    "cursor": Client(
        "Cursor", ("", "", ".cursor/mcp.json"), ".cursor/mcp.json", "mcpServers",
        "Reload Cursor's window; Settings > Tools & MCP lists {name}.",
        typed=True, comments=True, commas=True, opened=(True, True),
        hooks=Hooked(
            "cursor/hooks.json", ("", "", ".cursor/hooks.json"), ".cursor/hooks.json",
            "Start Cursor anew; Settings > Hooks lists them.",
        ),
        rules="AGENTS.md",
    ),
    "vscode": Client(  # the user's own file: not replaced, and then the server does not start (microsoft/vscode#245905)
        "VS Code", ("", APPS, "Code/User/mcp.json"), ".vscode/mcp.json", "servers",
        "In VS Code run `MCP: List Servers`, choose {name} and start it; it asks once whether you trust it.",
        typed=True, comments=True, commas=True, opened=(False, True), rules="AGENTS.md",
    ),
    "codex": Client(
        "Codex", ("CODEX_HOME", ".codex", "config.toml"), ".codex/config.toml", "mcp_servers",
        "Start a new session of Codex; /mcp lists {name}.",
        hooks=Hooked(
            "codex/hooks.json", ("CODEX_HOME", ".codex", "hooks.json"), ".codex/hooks.json",
            "Start a new session of Codex; it runs them once you have trusted them in /hooks.",
        ),
        rules="AGENTS.md",
    ),
    "gemini": Client(
        "Gemini CLI", ("GEMINI_CLI_HOME", "", ".gemini/settings.json"), ".gemini/settings.json", "mcpServers",
        "Start Gemini CLI anew; /mcp lists {name}.", comments=True,
        hooks=Hooked(
            "gemini/hooks.json", ("GEMINI_CLI_HOME", "", ".gemini/settings.json"), ".gemini/settings.json",
            "Start Gemini CLI anew; /hooks panel lists them.",
        ),
        rules="GEMINI.md",
    ),
}  # fmt: skip
"""By the name that `memfs setup` takes."""


# ---- where, and started how


def path_of(client: Client, project: Path | None, environ: Mapping[str, str], platform: str = sys.platform) -> Path:
    """Return where *client* keeps its settings: the user's own, or those of the folder *project*.

    Raises:
        Invalid: It has none for a project, or there is no home folder.
        Refused: A link leads out of the project.
    """
    if project is not None:
        if not client.project:
            raise Invalid(f"{client.title} has no settings for one project; leave --project out.")
        path = project / client.project
        if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(project)):
            # a cloned repository does not get to say which file of the user's is edited
            raise Refused(f"{path} is a link that leads out of the project, to {os.path.realpath(path)}.")
        return path
    variable, folder, file = client.user
    home = Path(environ.get("HOME", ""))
    if not home.is_absolute():
        raise Invalid("There is no home folder to look for settings in; set HOME to an absolute path.")
    if folder == APPS:
        mac = home / "Library" / "Application Support"
        return (mac if platform == "darwin" else Path(environ.get("XDG_CONFIG_HOME") or home / ".config")) / file
    return Path(environ.get(variable) or home / folder).absolute() / file


def check_name(client: Client, name: str) -> None:
    """Refuse a *name* that a server cannot have in *client*.

    Raises:
        Invalid: It is reserved, too long, or holds characters that the client does not take.
    """
    if client is CLIENTS["claude-code"] and name.lower() in RESERVED:
        raise Invalid(f"Claude Code keeps the name {name!r} for itself; choose another one with --as.")
    if not re.fullmatch(rf"[A-Za-z0-9_-]{{1,{LONGEST_NAME}}}", name):
        raise Invalid(f"{name!r} is no name for a server; it has 1 to {LONGEST_NAME} of A-Z a-z 0-9 _ and -.")
    if client is CLIENTS["gemini"] and "_" in name:
        raise Invalid(f"Gemini CLI's rules misread names with _; call it {name.replace('_', '-')!r}.")


def launcher(prefix: str = sys.prefix, search: str | None = None) -> tuple[str, ...]:
    """Return the words that start this very memfs from anywhere.

    By absolute path: a client started from a desktop does not have the shell's PATH. What PATH names is kept as it
    is (the link of pipx and `uv tool` outlives an upgrade); what uvx unpacked is gone one day, so uvx is asked again.

    Args:
        prefix: Of the Python that runs.
        search: Instead of the process's PATH.
    """
    if re.search(r"/(archive|environments)-v\d+/", prefix):
        return shutil.which("uvx", path=search) or "uvx", "--from", DISTRIBUTION, "memfs"
    own = Path(prefix, "bin", "memfs")
    found = shutil.which("memfs", path=search)
    if found and (not own.exists() or own.samefile(found)):
        return (str(Path(found).absolute()),)
    return (str(own),) if own.exists() else (sys.executable, "-m", "memfs")


def starts_memfs(entry: object) -> bool:
    """Whether *entry* of a client's settings starts memfs as a server, by whatever launcher."""
    said = words(entry)
    return bool(said) and (Path(said[0]).name == "memfs" or ("serve" in said and runs_memfs(said)))


def runs_memfs(said: Sequence[str]) -> bool:
    """Whether the words *said* run memfs, by its own name or through a launcher."""
    ours = re.compile(r"memfs(-store)?([@=<>~!\[].*)?")
    return bool(said) and (Path(said[0]).name == "memfs" or any(ours.fullmatch(word) for word in said))


def words(entry: object) -> list[str]:
    """Return the command of *entry* and its arguments."""
    if not isinstance(entry, dict):
        return []
    args = entry.get("args")
    return [str(entry.get("command", "")), *(map(str, args) if isinstance(args, list) else ())]


# ---- the server


class Server(NamedTuple):
    """The wish that the settings *path* of a client start memfs under *name*, by the words of *command*.

    `shared` says that they are a project's, which other people get too.
    """

    client: Client
    path: Path
    name: str
    command: tuple[str, ...]
    shared: bool = False

    @property
    def place(self) -> Place:
        """Where the entry stands."""
        return self.client.key, self.name

    @property
    def entry(self) -> dict[str, Any]:
        """The entry as it is written where there is none."""
        kind = {"type": "stdio"} if self.client.typed else {}
        return {**kind, "command": self.command[0], "args": list(self.command[1:])}

    @property
    def see(self) -> str:
        """What to do next, and how to see that it works."""
        return self.client.see.format(name=self.name)

    def found(self, text: str) -> Server | None:
        """Return the server that *text* starts memfs as under this name."""
        entry = _servers(text, self.client).get(self.name)
        return self._replace(command=tuple(words(entry))) if starts_memfs(entry) else None

    def displaced(self, text: str) -> str:
        """Return what another server of this name is started by in *text*; empty: there is none."""
        entry = _servers(text, self.client).get(self.name)
        if entry is None or starts_memfs(entry):
            return ""
        return Path(words(entry)[0]).name or "a network address"

    def added(self, text: str) -> str:
        """Return the settings *text* with the entry.

        Raises:
            Refused: Another server has that name.
        """
        servers = _servers(text, self.client)
        if self.name not in servers:
            return edited(text, [(self.place, self.entry)], self.client)
        old = servers[self.name]
        if not isinstance(old, dict):
            raise ValueError(f"what stands under {self.client.key}.{self.name} is no server")  # noqa: TRY004
        other = not starts_memfs(old)
        known = any("recall" in word for word in (self.name, *words(old)))
        served = self.name == OWN_NAME and any(key in old for key in REMOTE)  # `memfs serve --http`, until now
        if other and not (known or served):
            raise Refused(f"{self.name!r} in {self.path} starts another server; choose another name with --as.")
        gone: list[Place] = [(key,) for key in (*REMOTE, *(FOREIGN if other else ())) if key in old]
        if other and isinstance(old.get("env"), dict):
            gone += [("env", variable) for variable in old["env"] if not OUR_VARIABLES.fullmatch(variable)]
        steps: list[Step] = [((*self.place, *keys), None) for keys in gone]
        owned = {key: value for key, value in self.entry.items() if key != "type" or key in old}
        steps += [((*self.place, key), value) for key, value in owned.items() if old.get(key) != value]
        return edited(text, steps, self.client)

    def cut(self, text: str) -> str:
        """Return the settings *text* without the entry.

        Raises:
            Refused: Another server has that name.
        """
        if self.displaced(text):
            raise Refused(f"{self.name!r} in {self.path} does not start memfs; it is left as it is.")
        there = self.name in _servers(text, self.client)
        return edited(text, [(self.place, None)], self.client) if there else text


def names_in(client: Client, path: Path) -> list[str]:
    """Return the names under which memfs is set up in the settings *path* of *client*.

    Raises:
        Unwritable: They cannot be parsed.
        StorageFailed: They cannot be read.
    """
    servers = examined(path, lambda text: _servers(text, client))
    return [name for name, entry in servers.items() if starts_memfs(entry)]


def _servers(text: str, client: Client) -> dict[str, Any]:
    servers = parsed(text, client).get(client.key, {})
    if not isinstance(servers, dict):
        raise ValueError(f"`{client.key}` is no table of servers")  # noqa: TRY004  (in the file)
    return servers


# ---- settings as text


def parsed(text: str, client: Client) -> dict[str, Any]:
    """Return what the settings *text* of *client* say.

    Raises:
        ValueError: They cannot be parsed, or not by the client.
    """
    if client.toml:
        return toml.load(text)
    try:
        found = jsonc.load(text, comments=client.comments, commas=client.commas)
    except json.JSONDecodeError as error:
        try:
            jsonc.load(text)
        except (ValueError, RecursionError):
            raise error from None
        no = "commas before a closing bracket" if client.comments else "comments, nor commas before a bracket"
        raise ValueError(f"{client.title} takes no {no} ({error})") from error
    if not isinstance(found, dict):
        raise ValueError("it holds no object")  # noqa: TRY004  (in the file)
    return found


def edited(text: str, steps: Sequence[Step], client: Client) -> str:
    """Return the settings *text* after *steps*, once its parse is what the same steps make of the parse of *text*.

    Raises:
        ValueError: It is not.
    """
    form = toml if client.toml else jsonc
    expected, result = deepcopy(parsed(text, client)), text
    for place, value in steps:
        _step(expected, place, value)
        result = form.cut(result, place) if value is None else form.put(result, place, value)
    touched = {place[0] for place, _ in steps}
    with suppress(ValueError):
        if _without_empty(parsed(result, client), touched) == _without_empty(expected, touched):
            return result
    raise ValueError(f"`{'.'.join(map(str, steps[0][0][:2]))}` is written in a way that memfs does not edit")


def _step(table: Any, place: Place, value: object) -> None:  # noqa: ANN401  (what a parser makes)
    """Do to the parsed settings *table* what `put` and `cut` do to their text."""
    for key, inner in pairwise(place):
        if isinstance(table, dict):
            table.setdefault(key, [] if isinstance(inner, int) else {})
        table = table[key]
    if value is None:
        del table[place[-1]]
    elif isinstance(table, list):
        table.append(value)
    else:
        table[place[-1]] = value


def _without_empty(settings: dict[str, Any], touched: Collection[str | int]) -> dict[str, Any]:
    """Return *settings* without the *touched* tables that are empty: TOML cannot say that there is one."""
    return {key: value for key, value in settings.items() if value or key not in touched}
