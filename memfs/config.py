"""What the user set: $MEMFS_HOME/config.toml and the environment, read once into one frozen record."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any
from typing import NamedTuple
from typing import NoReturn

from memfs.errors import BadConfig
from memfs.errors import Invalid
from memfs.errors import StorageFailed

MODES = ("isolated", "global", "hybrid")
DEFAULT_WEIGHTS = {"workspace": 1.0, "group": 0.95, "global": 0.9}
GROUP_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
FORMAT_VERSION = 1
"""Of the memory format; a config.toml that names a higher one belongs to a newer memfs."""

KEYS: Mapping[str, str] = {
    "mode": "isolated, global or hybrid: what this machine's workspaces see and where saves go",
    "weights.workspace": "factor of a workspace memory's score, above 0 up to 1 (default 1.0)",
    "weights.group": "factor of a group memory's score (default 0.95)",
    "weights.global": "factor of a global memory's score (default 0.9)",
    "limits.regex_seconds": "how long a regular expression may look at memories (default 1.0)",
    "limits.search_refresh_seconds": "how long a search brings the index up to date before it answers (default 5.0)",
}
"""The keys that `memfs config set` knows; beside them `[workspaces."/path"] mode` and `[groups.NAME] members`."""


class Config(NamedTuple):
    """The user's settings.

    Attributes:
        home, cache, state: The three folders of memfs.
        mode: For every workspace that has none of its own.
        mode_source: Where `mode` comes from, in words.
        workspace_modes: Mode by workspace path.
        weights: Factor of the score by kind of scope, in (0, 1].
        groups: Member folders by group name.
        regex_seconds, search_refresh_seconds: Time limits.
        problems: What config.toml says that could not be taken, one sentence each.
        broken: Why none of config.toml could be taken; empty when it could be read.
    """

    home: Path
    cache: Path
    state: Path
    mode: str = "isolated"
    mode_source: str = "default"
    workspace_modes: Mapping[str, str] = MappingProxyType({})
    weights: Mapping[str, float] = DEFAULT_WEIGHTS
    groups: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    regex_seconds: float = 1.0
    search_refresh_seconds: float = 5.0
    problems: tuple[str, ...] = ()
    broken: str = ""

    @property
    def path(self) -> Path:
        """Where config.toml lies."""
        return self.home / "config.toml"

    def mode_for(self, workspace: Path) -> tuple[str, str]:
        """Return the mode of *workspace*, and where it was set, in words."""
        if self.mode_source.startswith(("--", "MEMFS_MODE", "WORKSPACE_MODE")):
            return self.mode, self.mode_source
        own = self.workspace_modes.get(str(workspace))
        return (own, f'[workspaces."{workspace}"] in {self.path}') if own else (self.mode, self.mode_source)


def load(environ: Mapping[str, str] | None = None, mode: str | None = None) -> Config:
    """Return the settings of the environment *environ* (default: the process's) and the config.toml it leads to.

    Args:
        environ: `MEMFS_HOME`, `MEMFS_CACHE`, `MEMFS_STATE`, `MEMFS_MODE`, `WORKSPACE_MODE`, `HOME` count.
        mode: What the command line said, which comes before all.

    Raises:
        Invalid: A mode that was named is none.
        BadConfig: There is no home folder, or config.toml belongs to a newer memfs.
    """
    env = os.environ if environ is None else environ
    home = Path(env["MEMFS_HOME"]) if env.get("MEMFS_HOME") else _user_home(env) / ".memory"
    cache, state = env.get("MEMFS_CACHE"), env.get("MEMFS_STATE")
    given, source = mode, "--mode"
    if not given:
        source = next((name for name in ("MEMFS_MODE", "WORKSPACE_MODE") if env.get(name)), "")
        given = env.get(source) if source else None
    said, problems = _read(home / "config.toml")
    reader = _Reader(said, list(problems))
    general = reader.mode(said.get("mode"), "mode")
    if given and given.strip().lower() not in MODES:
        raise Invalid(f"{given!r} is no mode ({source}); the modes are {', '.join(MODES)}.")
    settled = given.strip().lower() if given else general or "isolated"
    limits = reader.table(said, "limits")
    return Config(
        home=home.absolute(),
        cache=Path(cache).absolute() if cache else _platform("user_cache_path", env),
        state=Path(state).absolute() if state else _platform("user_state_path", env),
        mode=settled,
        mode_source=source if given else f"mode in {home / 'config.toml'}" if general else "default",
        workspace_modes=reader.workspace_modes(),
        weights=reader.weights(),
        groups=reader.groups(),
        regex_seconds=reader.number(limits, "regex_seconds", 1.0),
        search_refresh_seconds=reader.number(limits, "search_refresh_seconds", 5.0),
        problems=tuple(reader.problems),
        broken=problems[0] if problems else "",
    )


def set_value(config: Config, key: str, value: str, workspace: Path | None = None) -> None:
    """Write one setting into config.toml, keeping its comments and order.

    Args:
        config: Says which file.
        key: One of `KEYS`.
        value: As typed; an empty text removes the setting.
        workspace: Set `mode` for this workspace alone.

    Raises:
        Invalid: The key is unknown or not one workspace's to set, or the value does not fit it.
        BadConfig: The file is broken, so nothing is written.
        StorageFailed: It cannot be written.
    """
    import tomlkit

    if key not in KEYS:
        refuse_unknown(key)
    if workspace and key != "mode":
        raise Invalid(f"{key} holds for every workspace; only mode can be set for one.")
    new: str | float = _checked(key, value) if value else value
    try:
        text = config.path.read_bytes().decode() if config.path.exists() else ""
        document = tomlkit.parse(text)
    except (OSError, ValueError, RecursionError) as error:
        raise BadConfig(f"{config.path} cannot be read ({error}); mend it first, nothing was written.") from error
    parts = ["workspaces", str(workspace), key] if workspace else key.split(".")
    table: Any = document
    for part in parts[:-1]:
        if not value and part not in table:
            return
        table = table.setdefault(part, tomlkit.table())
        if not isinstance(table, dict):
            raise BadConfig(f"{config.path} has no table where `{part}` stands; mend it first, nothing was written.")
    if value:
        table[parts[-1]] = new
    else:
        table.pop(parts[-1], None)
    _replace(config.path, tomlkit.dumps(document))


def values(config: Config, workspace: Path) -> dict[str, str | float]:
    """Return each setting of `KEYS` as it holds for *workspace*."""
    weights = {f"weights.{kind}": weight for kind, weight in config.weights.items()}
    limits = {
        "limits.regex_seconds": config.regex_seconds,
        "limits.search_refresh_seconds": config.search_refresh_seconds,
    }
    return {"mode": config.mode_for(workspace)[0], **weights, **limits}


def refuse_unknown(key: str) -> NoReturn:
    """Refuse the setting *key*, naming the near ones.

    Raises:
        Invalid: Always.
    """
    from difflib import get_close_matches

    near = get_close_matches(key, KEYS, 2, 0.5)
    meant = f" Did you mean {' or '.join(near)}?" if near else f" The settings are {', '.join(KEYS)}."
    raise Invalid(f"There is no setting {key!r}.{meant}")


def _checked(key: str, value: str) -> str | float:
    if key == "mode":
        if value.lower() not in MODES:
            raise Invalid(f"{value!r} is no mode; the modes are {', '.join(MODES)}.")
        return value.lower()
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    top = 1.0 if key.startswith("weights.") else 600.0
    if not 0 < number <= top:
        raise Invalid(f"{key} is a number above 0, at most {top:g}; {value!r} is not.")
    return number


def _replace(path: Path, text: str) -> None:
    path = Path(os.path.realpath(path))  # a link into a folder of dotfiles stays one
    temp = path.with_name(f".config-{os.urandom(4).hex()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temp.open("wb") as file:
            if path.exists():
                temp.chmod(path.stat().st_mode & 0o777)
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        temp.replace(path)
    except OSError as error:
        with suppress(OSError):
            temp.unlink()
        raise StorageFailed.of(error, path, "write") from error


def _user_home(env: Mapping[str, str]) -> Path:
    home = env.get("HOME") or os.path.expanduser("~")
    if not home or home == "~" or not os.path.isabs(home):
        raise BadConfig("There is no home folder to keep memories in; set HOME or MEMFS_HOME to an absolute path.")
    return Path(home)


def _platform(which: str, env: Mapping[str, str]) -> Path:
    _user_home(env)
    import platformdirs

    path: Path = getattr(platformdirs, which)("memfs", appauthor=False)
    return path


def _read(path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return {}, ()
    except OSError as error:
        return {}, (f"{path} cannot be read ({os.strerror(error.errno or 0)}); the defaults hold.",)
    import tomllib

    try:
        said = tomllib.loads(raw.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        return {}, (f"{path} is not valid TOML ({reason}); the defaults hold until it is mended.",)
    version = said.get("format", FORMAT_VERSION)
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise BadConfig(f"{path} names format {version}, and this memfs knows {FORMAT_VERSION}; install a newer memfs.")
    return said, ()


class _Reader:
    """Takes from the TOML what fits, and notes what does not."""

    def __init__(self, said: dict[str, Any], problems: list[str]) -> None:
        self.said = said
        self.problems = problems

    def table(self, within: dict[str, Any], key: str) -> dict[str, Any]:
        value = within.get(key, {})
        if isinstance(value, dict):
            return value
        self.problems.append(f"config.toml: `{key}` is not a table; it is left out.")
        return {}

    def mode(self, value: object, where: str) -> str:
        if value is None or (isinstance(value, str) and value.lower() in MODES):
            return value.lower() if value else ""
        self.problems.append(f"config.toml: `{where}` is none of {', '.join(MODES)}; isolated holds.")
        return ""

    def number(self, table: dict[str, Any], key: str, default: float, top: float = 600.0) -> float:
        value = table.get(key, default)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= top:
            return float(value)
        self.problems.append(f"config.toml: `{key}` is not a number above 0, at most {top:g}; {default:g} holds.")
        return default

    def weights(self) -> dict[str, float]:
        table = self.table(self.said, "weights")
        return {kind: self.number(table, kind, default, 1.0) for kind, default in DEFAULT_WEIGHTS.items()}

    def workspace_modes(self) -> dict[str, str]:
        tables = self.table(self.said, "workspaces")
        found = {path: self.mode(self.table(tables, path).get("mode"), f'workspaces."{path}".mode') for path in tables}
        return {os.path.realpath(path): mode for path, mode in found.items() if mode}

    def groups(self) -> dict[str, tuple[str, ...]]:
        groups = {}
        tables = self.table(self.said, "groups")
        for name in tables:
            members = self.table(tables, name).get("members", [])
            if not GROUP_NAME.fullmatch(name):
                self.problems.append(f"config.toml: {name!r} is no group name (a-z 0-9 _ -); it is left out.")
            elif not isinstance(members, list) or not all(isinstance(member, str) for member in members):
                self.problems.append(f"config.toml: groups.{name}.members is not a list of folders; it is left out.")
            else:
                groups[name] = tuple(os.path.realpath(os.path.expanduser(member)) for member in members)
        return groups
