"""The agents' own MCP settings: where each client keeps them, and what changes when memfs is set up or taken out.

Files of other programs are edited, never written anew: whatever a person wrote there stays as it is, to the byte.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import suppress
from copy import deepcopy
from itertools import count
from pathlib import Path
from typing import Any
from typing import NamedTuple

from memfs import jsonc
from memfs.errors import Changed
from memfs.errors import Invalid
from memfs.errors import Refused
from memfs.errors import StorageFailed
from memfs.errors import Unwritable
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
CREDENTIALS = re.compile(
    r'("?[\w.-]*(?:key|token|secret|passw|auth|credential|url)[\w.-]*"?\s*[:=]\s*)"(?:[^"\\]|\\.)*"', re.IGNORECASE
)
TRIES = 3
APPS = "where desktop programs keep their settings"

Step = tuple[Place, Any]
"""A place in the settings, and the value that comes there; None takes it out."""


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

    @property
    def toml(self) -> bool:
        """Whether its settings are TOML, not JSON."""
        return self.user[2].endswith(".toml")


CLIENTS: Mapping[str, Client] = {
    "claude-code": Client(
        "Claude Code", ("CLAUDE_CONFIG_DIR", "", ".claude.json"), ".mcp.json", "mcpServers",
        "Start a new session of Claude Code; /mcp lists {name}.", typed=True,
    ),
    "claude-desktop": Client(
        "Claude Desktop", ("", APPS, "Claude/claude_desktop_config.json"), "", "mcpServers",
        "Quit Claude Desktop and start it again; Settings > Developer lists {name}.",
    ),
    "cursor": Client(
        "Cursor", ("", "", ".cursor/mcp.json"), ".cursor/mcp.json", "mcpServers",
        "Reload Cursor's window; Settings > Tools & MCP lists {name}.",
        typed=True, comments=True, commas=True, opened=(True, True),
    ),
    "vscode": Client(  # the user's own file: not replaced, and then the server does not start (microsoft/vscode#245905)
        "VS Code", ("", APPS, "Code/User/mcp.json"), ".vscode/mcp.json", "servers",
        "In VS Code run `MCP: List Servers`, choose {name} and start it; it asks once whether you trust it.",
        typed=True, comments=True, commas=True, opened=(False, True),
    ),
    "codex": Client(
        "Codex", ("CODEX_HOME", ".codex", "config.toml"), ".codex/config.toml", "mcp_servers",
        "Start a new session of Codex; /mcp lists {name}.",
    ),
    "gemini": Client(
        "Gemini CLI", ("GEMINI_CLI_HOME", "", ".gemini/settings.json"), ".gemini/settings.json", "mcpServers",
        "Start Gemini CLI anew; /mcp lists {name}.", comments=True,
    ),
}  # fmt: skip
"""By the name that `memfs setup` takes."""


class Wish(NamedTuple):
    """What is to stand in the settings *path* of a client, under *name*, started by the words of *command*.

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


class Change(NamedTuple):
    """What a file holds and what it is to hold (None: there is no such file).

    `action` is `added`, `updated`, `removed`, `restored` (what stood there before memfs is back) or `unchanged`;
    `replaced` is what another server was started by.
    """

    action: str
    before: bytes | None
    after: bytes | None
    replaced: str = ""

    def diff(self, path: Path) -> list[str]:
        """Return the change as the lines of a unified diff, without what looks like a credential."""
        from difflib import unified_diff

        old, new = ((side or b"").decode().splitlines() for side in (self.before, self.after))
        lines = unified_diff(old, new, str(path), str(path), n=1, lineterm="")
        return [CREDENTIALS.sub(r'\1"…"', line) for line in lines]


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
    """Whether *entry* of a client's settings starts memfs, by whatever launcher."""
    words = _words(entry)
    ours = re.compile(r"memfs(-store)?([@=<>~!\[].*)?")
    return bool(words) and (
        Path(words[0]).name == "memfs" or ("serve" in words and any(ours.fullmatch(word) for word in words))
    )


def _words(entry: object) -> list[str]:
    if not isinstance(entry, dict):
        return []
    args = entry.get("args")
    return [str(entry.get("command", "")), *(map(str, args) if isinstance(args, list) else ())]


# ---- what changes


def names_in(wish: Wish) -> list[str]:
    """Return the names under which memfs is set up in the file of *wish*.

    Raises:
        Unwritable: It cannot be parsed.
        StorageFailed: It cannot be read.
    """
    text = _text(wish.path, _read(wish.path))
    try:
        return [name for name, entry in _servers(text, wish.client).items() if starts_memfs(entry)]
    except (ValueError, RecursionError) as error:
        raise _unwritable(error, text, wish) from error


def plan(wish: Wish, *, remove: bool = False) -> Change:
    """Return what comes of the file of *wish*, which is only read.

    Raises:
        Unwritable: It cannot be parsed, or is written in a way that cannot be edited safely.
        Refused: Another server has that name.
        StorageFailed: It cannot be read.
    """
    before = _read(wish.path)
    text = _text(wish.path, before)
    try:
        old = _servers(text, wish.client).get(wish.name)
        after = _without(text, wish) if remove else _with(text, wish)
    except (ValueError, RecursionError) as error:
        raise _unwritable(error, text, wish) from error
    if after == text:
        return Change("unchanged", before, before)
    replaced = "" if old is None or starts_memfs(old) else Path(_words(old)[0]).name or "a network address"
    back = remove and wish.name in _servers(after or "", wish.client)
    action = "restored" if back else "removed" if remove else "added" if old is None else "updated"
    return Change(action, before, None if after is None else after.encode(), replaced)


def write(wish: Wish, change: Change, *, remove: bool = False) -> tuple[Change, Path | None]:
    """Carry *change* out; return what was done, and where the file as it was is kept.

    A client that runs rewrites its settings at any time: what it wrote since *change* was planned is planned anew.

    Raises:
        Changed: It is faster than we are.
        StorageFailed: The file or its folder cannot be written.
    """
    real = Path(os.path.realpath(wish.path))  # a link into a folder of dotfiles stays one
    for _ in range(TRIES):
        if change.action == "unchanged":
            return change, None
        try:
            mode = _mode(real) or (0o644 if wish.shared else 0o600)
            backup = None if change.before is None else _keep(wish.path, change.before, mode)
            if _replace(real, change, mode):
                return change, backup
        except OSError as error:
            raise StorageFailed.of(error, wish.path, "write") from error
        change = plan(wish, remove=remove)
    raise Changed(wish.path, "", "")


def _with(text: str, wish: Wish) -> str:
    """Return the settings *text* with the entry of *wish*."""
    servers = _servers(text, wish.client)
    if wish.name not in servers:
        return _edited(text, [(wish.place, wish.entry)], wish.client)
    old = servers[wish.name]
    if not isinstance(old, dict):
        raise ValueError(f"what stands under {'.'.join(wish.place)} is no server")  # noqa: TRY004  (in the file)
    other = not starts_memfs(old)
    known = any("recall" in word for word in (wish.name, *_words(old)))
    served = wish.name == OWN_NAME and any(key in old for key in REMOTE)  # `memfs serve --http`, until now
    if other and not (known or served):
        raise Refused(f"{wish.name!r} in {wish.path} starts another server; choose another name with --as.")
    gone: list[Place] = [(key,) for key in (*REMOTE, *(FOREIGN if other else ())) if key in old]
    if other and isinstance(old.get("env"), dict):
        gone += [("env", variable) for variable in old["env"] if not OUR_VARIABLES.fullmatch(variable)]
    steps: list[Step] = [((*wish.place, *keys), None) for keys in gone]
    owned = {key: value for key, value in wish.entry.items() if key != "type" or key in old}
    steps += [((*wish.place, key), value) for key, value in owned.items() if old.get(key) != value]
    return _edited(text, steps, wish.client) if steps else text


def _without(text: str, wish: Wish) -> str | None:
    """Return the settings *text* without the entry of *wish*; None: nothing else was ever in them."""
    servers = _servers(text, wish.client)
    if wish.name not in servers:
        return text
    if not starts_memfs(servers[wish.name]):
        raise Refused(f"{wish.name!r} in {wish.path} does not start memfs; it is left as it is.")
    ours = wish._replace(command=tuple(_words(servers[wish.name])))
    # a backup in a project may have come with it, and would put a stranger's command there
    backups = [] if wish.shared else list(_backups(wish.path))
    earlier = [_text(path, _read(path)) for path in reversed(backups)]
    for older in (*earlier, None):
        with suppress(ValueError, RecursionError, Refused):
            # the exact way back: what was there before, if setting memfs up in it gives what is there now
            old = _servers(older or "", wish.client).get(wish.name)
            if not starts_memfs(old) and _with(older or "", ours) == text:
                return older
    return _edited(text, [(wish.place, None)], wish.client)


def _servers(text: str, client: Client) -> dict[str, Any]:
    servers = _parsed(text, client).get(client.key, {})
    if not isinstance(servers, dict):
        raise ValueError(f"`{client.key}` is no table of servers")  # noqa: TRY004  (in the file)
    return servers


def _edited(text: str, steps: list[Step], client: Client) -> str:
    """Return *text* after *steps*, once its parse is what the same steps make of the parse of *text*.

    Raises:
        ValueError: It is not.
    """
    expected, edited = deepcopy(_parsed(text, client)), text
    for place, value in steps:
        table = expected
        for key in place[:-1]:
            table = table.setdefault(key, {})
        table.pop(place[-1], None) if value is None else table.update({place[-1]: value})
        if client.toml:
            edited = _toml_edited(edited, place, value)
        else:
            edited = jsonc.cut(edited, place) if value is None else jsonc.put(edited, place, value)
    if not expected[client.key]:
        del expected[client.key]  # TOML has no way to say that a table of tables is empty
    with suppress(ValueError):
        found = _parsed(edited, client)
        if {key: value for key, value in found.items() if key != client.key or value} == expected:
            return edited
    raise ValueError(f"`{'.'.join(steps[0][0][:2])}` is written in a way that memfs does not edit")


def _parsed(text: str, client: Client) -> dict[str, Any]:
    if client.toml:
        import tomlkit

        return tomlkit.parse(text).unwrap()
    parsed = jsonc.load(text, comments=client.comments, commas=client.commas)
    if not isinstance(parsed, dict):
        raise ValueError("it holds no object")  # noqa: TRY004  (in the file)
    return parsed


def _unwritable(error: Exception, text: str, wish: Wish) -> Unwritable:
    """Return the error for a file that cannot be parsed or edited."""
    reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error).rstrip(".")
    if isinstance(error, json.JSONDecodeError):
        with suppress(ValueError, RecursionError):
            jsonc.load(text)
            no = "commas before a closing bracket" if wish.client.comments else "comments, nor commas before a bracket"
            reason = f"{wish.client.title} takes no {no} ({reason})"
    return Unwritable(wish.path, reason)


# ---- TOML


def _toml_edited(text: str, place: Place, value: object) -> str:
    """Return the TOML *text* with *value* at *place*, or with nothing there.

    A new table comes to the end, and a table that goes is cut out by its lines: tomlkit counts a comment above the
    next table to the one before it, and would take it along.
    """
    import tomlkit

    if isinstance(value, dict):
        newline = "\r\n" if "\r\n" in text else "\n"
        gap = ("" if text.endswith("\n") else newline) + newline if text.strip() else ""
        lines = [f"[{'.'.join(place)}]", *(f"{key} = {tomlkit.item(each).as_string()}" for key, each in value.items())]
        return text + gap + newline.join(lines) + newline
    lines = text.splitlines(keepends=True)
    header = re.compile(rf'\s*\[\s*{place[0]}\s*\.\s*"?{place[1]}"?\s*(\.[^\]]*)?\]\s*(#.*)?\s*')
    starts = [number for number, line in enumerate(lines) if header.fullmatch(line)]
    if value is None and len(place) == len(("table", "name")) and starts:
        for start in reversed(starts):
            _cut_table(lines, start)
        return "".join(lines)
    document = tomlkit.parse(text)
    table: Any = document
    for key in place[:-1]:
        table = table[key]
    table.pop(place[-1]) if value is None else table.update({place[-1]: value})
    return tomlkit.dumps(document)


def _cut_table(lines: list[str], start: int) -> None:
    """Take the table whose header is line *start* out of *lines*, but no comment that stands below it."""
    end = start + 1
    while end < len(lines) and not lines[end].lstrip().startswith("["):
        end += 1
    while lines[end - 1].lstrip()[:1] in ("", "#"):
        end -= 1
    del lines[start:end]
    if start and not lines[start - 1].strip() and (start == len(lines) or not lines[start].strip()):
        del lines[start - 1]


# ---- disk


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageFailed.of(error, path, "read") from error


def _text(path: Path, raw: bytes | None) -> str:
    try:
        return (raw or b"").decode()
    except UnicodeDecodeError as error:
        raise Unwritable(path, "it is not UTF-8") from error


def _mode(real: Path) -> int:
    """Return the mode bits of *real*, 0 when it is not there; refuse one that may not be written."""
    if not real.exists():
        return 0
    if not os.access(real, os.W_OK):  # a rename would not mind
        raise PermissionError(errno.EACCES, "read-only")
    return real.stat().st_mode & 0o777


def _backups(path: Path) -> Iterator[Path]:
    """Yield the backups of *path*, oldest first; they lie beside it, not where a link leads."""
    for number in count(1):
        backup = path.with_name(f"{path.name}.memfs-backup{f'-{number}' if number > 1 else ''}")
        if not os.path.lexists(backup):
            return
        yield backup


def _keep(path: Path, content: bytes, mode: int) -> Path:
    """Return the backup of *path* that holds *content*, made if there is none, with the mode bits *mode*."""
    known = list(_backups(path))
    for backup in known:
        if backup.read_bytes() == content:
            return backup
    backup = path.with_name(f"{path.name}.memfs-backup{f'-{len(known) + 1}' if known else ''}")
    _create(backup, content, mode)
    return backup


def _create(path: Path, content: bytes, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        path.chmod(mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _replace(real: Path, change: Change, mode: int) -> bool:
    """Make the file *real* what *change* says; False, and nothing done, when it is not as it was planned for."""
    temp = real.with_name(f".{real.name}-{os.urandom(4).hex()}.tmp")
    try:
        real.parent.mkdir(parents=True, exist_ok=True)
        _create(temp, change.after or b"", mode)
        if _read(real) != change.before:
            return False
        real.unlink() if change.after is None else temp.replace(real)
        return True
    finally:
        with suppress(OSError):
            temp.unlink()
