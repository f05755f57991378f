"""What the user set: $MEMFS_HOME/config.toml and the environment, read once into one frozen record."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any
from typing import NamedTuple

from memfs.errors import BadConfig
from memfs.errors import Invalid
from memfs.locks import put
from memfs.words import LANGUAGES
from memfs.worktree import claimed
from memfs.worktree import places

MODES = ("isolated", "global", "hybrid")
NAMED_MODE = ("--mode", "MEMFS_MODE", "WORKSPACE_MODE")
"""What names the mode before all that config.toml says."""
DEFAULT_WEIGHTS = {"workspace": 1.0, "group": 0.95, "global": 0.9, "project": 0.9, "channel": 0.9}
GROUP_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
CHANNEL_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
CHANNEL_PATTERN = re.compile(r"[a-z0-9*][a-z0-9._*-]{0,63}")
"""What a workspace subscribes to: a channel's name, in which `*` stands for anything."""
SESSION_NAMED_BY = ("MEMFS_SESSION", "CLAUDE_CODE_SESSION_ID")
"""What names the agent's session in the environment, the first one before the second."""
LAST_GOOD = "config.last-good.toml"
"""In the state folder: config.toml as it could be read last."""
MOST_TOKENS = 10_000
"""That an agent can be told of at most; clients cut long before."""
WORDS = ("mode", "cross_project", "channels", "weights", "limits", "search", "workspaces", "groups", "remote", "format")
OWN_WORDS = ("mode", "name", "private", "channels", "remote")
GROUP_WORDS = ("members", "share", "remote")
"""What may stand in config.toml, and there of one workspace, and of a group."""
FORMAT_VERSION = 1
"""Of the memory format; a config.toml that names a higher one belongs to a newer memfs."""


class Config(NamedTuple):
    """The user's settings.

    Attributes:
        home, cache, state: The three folders of memfs.
        mode: For every workspace that has none of its own.
        mode_source: Where `mode` comes from, in words.
        workspace_modes: Mode by workspace path.
        weights: Factor of the score by kind of scope, in (0, 1].
        groups: Member folders by group name.
        sharing: The groups whose members see each other's workspace memories.
        names: What a workspace is called, by its path; others are called like their folder.
        private: The workspaces whose memories are seen nowhere else, whatever they say.
        channels: What each workspace subscribes to, by its path; every one to that of the empty path.
        remotes: Where memories are synced with, by whose they are: a workspace's path, `group:NAME`, or empty for the
            home folder's own.
        languages: What memories are written in beside English, for their endings.
        cross_project: Whether questions may be asked across projects.
        session: The agent's session that this process works for; empty when it works for none.
        regex_seconds, search_refresh_seconds: Time limits.
        context_tokens: What an agent is told of at most when its session begins.
        semantic: Whether long-lived processes also search by meaning, where an embedder is installed.
        problems: What config.toml says that could not be taken, one sentence each.
        broken: Why config.toml cannot be read, so that what it said before holds; empty when it could.
    """

    home: Path
    cache: Path
    state: Path
    mode: str = "isolated"
    mode_source: str = "default"
    workspace_modes: Mapping[str, str] = MappingProxyType({})
    weights: Mapping[str, float] = DEFAULT_WEIGHTS
    groups: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    sharing: frozenset[str] = frozenset()
    names: Mapping[str, str] = MappingProxyType({})
    private: frozenset[str] = frozenset()
    channels: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    remotes: Mapping[str, str] = MappingProxyType({})
    languages: tuple[str, ...] = ()
    cross_project: bool = False
    session: str = ""
    regex_seconds: float = 1.0
    search_refresh_seconds: float = 5.0
    context_tokens: int = 1_500
    semantic: bool = True
    problems: tuple[str, ...] = ()
    broken: str = ""

    @property
    def path(self) -> Path:
        """Where config.toml lies."""
        return self.home / "config.toml"

    @property
    def mode_is_named(self) -> bool:
        """Whether the command line or the environment says which mode it is."""
        return self.mode_source in NAMED_MODE

    def subscriptions(self, workspace: Path) -> tuple[str, ...]:
        """Return the patterns of the channels that *workspace* subscribes to."""
        return tuple(dict.fromkeys(chain(*(self.channels.get(place, ()) for place in ("", *_names(workspace))))))

    def is_private(self, workspace: Path) -> bool:
        """Return whether the memories of *workspace* are seen nowhere else, whatever they say."""
        return not self.private.isdisjoint([*_names(workspace), str(claimed(workspace))])

    def groups_of(self, workspace: Path) -> Sequence[str]:
        """Return the names of the groups that *workspace* is a member of."""
        own = set(_names(workspace))
        return [name for name, members in sorted(self.groups.items()) if not own.isdisjoint(members)]

    def mode_for(self, workspace: Path) -> tuple[str, str]:
        """Return the mode of *workspace*, and where it was set, in words."""
        if self.mode_is_named:
            return self.mode, self.mode_source
        for place in filter(self.workspace_modes.get, _names(workspace)):
            return self.workspace_modes[place], f'[workspaces."{place}"] in {self.path}'
        return self.mode, self.mode_source


def _names(workspace: Path) -> Sequence[str]:
    """Return what config.toml may call *workspace*: a linked work tree has the settings of the main one, too."""
    return [str(workspace), *map(str, places(workspace))]


def load(environ: Mapping[str, str] | None = None, mode: str | None = None) -> Config:
    """Return the settings of the environment *environ* (default: the process's) and the config.toml it leads to.

    Args:
        environ: `MEMFS_HOME`, `MEMFS_CACHE`, `MEMFS_STATE`, `MEMFS_MODE`, `WORKSPACE_MODE`, `MEMFS_SESSION`,
            `CLAUDE_CODE_SESSION_ID`, `MEMFS_SEMANTIC`, `HOME` count.
        mode: What the command line said, which comes before all.

    Raises:
        Invalid: A mode that was named is none; `MEMFS_SEMANTIC` says neither true nor false.
        BadConfig: There is no home folder, or config.toml belongs to a newer memfs.
    """
    env = os.environ if environ is None else environ
    home = Path(env["MEMFS_HOME"]) if env.get("MEMFS_HOME") else _user_home(env) / ".memory"
    cache, kept = env.get("MEMFS_CACHE"), env.get("MEMFS_STATE")
    given, source = mode, "--mode"
    if not given:
        source = next((name for name in NAMED_MODE if env.get(name)), "")
        given = env.get(source) if source else None
    state = Path(kept).absolute() if kept else _platform("user_state_path", env)
    said, problems = _read(home / "config.toml", state / LAST_GOOD)
    reader = _Reader(said, list(problems))
    tables = reader.workspaces()
    reader.note_unknown(tables)
    general = reader.mode(said.get("mode"), "mode")
    if given and given.strip().lower() not in MODES:
        raise Invalid(f"{given!r} is no mode ({source}); the modes are {', '.join(MODES)}.")
    settled = given.strip().lower() if given else general or "isolated"
    limits = reader.table(said, "limits")
    searching = reader.table(said, "search")
    return Config(
        home=home.absolute(),
        cache=Path(cache).absolute() if cache else _platform("user_cache_path", env),
        state=state,
        mode=settled,
        mode_source=source if given else f"mode in {home / 'config.toml'}" if general else "default",
        workspace_modes=reader.modes(tables),
        weights=reader.weights(),
        groups=reader.groups(),
        sharing=reader.sharing(),
        names=reader.names(tables),
        private=reader.private(tables),
        channels=reader.channels(tables),
        remotes=reader.remotes(tables),
        languages=reader.languages(searching),
        cross_project=reader.flag(said, "cross_project", "cross_project"),
        session=next((env[name] for name in SESSION_NAMED_BY if env.get(name)), ""),
        regex_seconds=reader.number(limits, "regex_seconds", 1.0),
        search_refresh_seconds=reader.number(limits, "search_refresh_seconds", 5.0),
        context_tokens=int(reader.number(limits, "context_tokens", 1_500, MOST_TOKENS)),
        semantic=reader.semantic(searching, env.get("MEMFS_SEMANTIC", "")),
        problems=tuple(reader.problems),
        broken=problems[0] if problems else "",
    )


def folder_of(written: str) -> str:
    """Return the folder that *written*, a path in config.toml, names: no `~` and no link in it."""
    return os.path.realpath(os.path.expanduser(written))


def languages_in(written: str) -> list[str]:
    """Return the languages of a list with commas, or spaces."""
    return written.replace(",", " ").split()


def _near(word: str, known: Sequence[str]) -> str:
    """Return what of *known* *word* was probably meant to be; empty when nothing is like it."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, known, 1, 0.7)), "")


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


def _read(path: Path, last_good: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what config.toml says, or said when it could be read last, and why it cannot be read now."""
    try:
        raw = path.read_bytes()
        said = _parsed(raw)
    except FileNotFoundError:
        return {}, ()
    except (OSError, ValueError) as error:
        problem = f"is not valid TOML ({error})"
        if isinstance(error, OSError):
            problem = f"cannot be read ({os.strerror(error.errno or 0)})"
        before = {}
        with suppress(OSError, ValueError):
            before = _parsed(last_good.read_bytes())
        holds = "what it said before holds" if before else "the defaults hold"
        return before, (f"{path} {problem}; {holds} until it is mended.",)
    version = said.get("format", FORMAT_VERSION)
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise BadConfig(f"{path} names format {version}, and this memfs knows {FORMAT_VERSION}; install a newer memfs.")
    _keep(raw, last_good)
    return said, ()


def _parsed(raw: bytes) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(raw.decode("utf-8-sig"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _keep(raw: bytes, last_good: Path) -> None:
    """Keep *raw* for when config.toml cannot be read; without a copy the defaults hold then."""
    with suppress(OSError):
        if not last_good.exists() or last_good.read_bytes() != raw:
            last_good.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            put(last_good, raw)


class _Reader:
    """Takes from the TOML what fits, and notes what does not."""

    def __init__(self, said: dict[str, Any], problems: list[str]) -> None:
        self.said = said
        self.problems = problems
        groups = said.get("groups")
        named = groups.items() if isinstance(groups, dict) else ()
        self.group_tables = {name: table for name, table in named if isinstance(table, dict)}

    def table(self, within: dict[str, Any], key: str) -> dict[str, Any]:
        value = within.get(key, {})
        if isinstance(value, dict):
            return value
        self.problems.append(f"config.toml: `{key}` is not a table; it is left out.")
        return {}

    def mode(self, value: object, where: str) -> str:
        if value is None or (isinstance(value, str) and value.lower() in MODES):
            return value.lower() if value else ""
        self.problems.append(f"config.toml: `{where}` is {value!r}, none of {', '.join(MODES)}; isolated holds.")
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

    def flag(self, table: dict[str, Any], key: str, where: str, *, default: bool = False) -> bool:
        value = table.get(key, default)
        if isinstance(value, bool):
            return value
        self.problems.append(f"config.toml: `{where}` is neither true nor false; {str(default).lower()} holds.")
        return default

    def semantic(self, table: dict[str, Any], given: str) -> bool:
        if given and given.lower() not in ("true", "false"):
            raise Invalid(f"MEMFS_SEMANTIC is true or false; {given!r} is neither.")
        written = self.flag(table, "semantic", "search.semantic", default=True)
        return given.lower() == "true" if given else written

    def words(self, table: dict[str, Any], key: str, where: str, shape: re.Pattern[str]) -> tuple[str, ...]:
        value = table.get(key, [])
        if isinstance(value, list) and all(isinstance(word, str) and shape.fullmatch(word) for word in value):
            return tuple(value)
        self.problems.append(f"config.toml: `{where}` is not a list of {key}; it is left out.")
        return ()

    def languages(self, table: dict[str, Any]) -> tuple[str, ...]:
        value = table.get("language", "")
        named = languages_in(value) if isinstance(value, str) else value
        if not isinstance(named, list) or not all(isinstance(each, str) for each in named):
            self.problems.append(
                "config.toml: `search.language` is neither a language nor a list of them; English holds."
            )
            return ()
        for each in (each for each in named if each.lower() not in LANGUAGES):
            near = _near(each.lower(), LANGUAGES)
            what = f"did you mean {near}?" if near else f"the languages are {', '.join(LANGUAGES)}."
            self.problems.append(
                f"config.toml: `search.language` names {each!r}, which is none that search knows; {what}"
            )
        return tuple(sorted({each.lower() for each in named} & set(LANGUAGES) - {"english"}))

    def note_unknown(self, workspaces: dict[str, dict[str, Any]]) -> None:
        """Tell of words that are nearly settings: whoever typed `privat` should not believe that it hides anything."""
        search = self.said.get("search")
        tables: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [("", self.said, WORDS)]
        tables += [("search.", search, ("language", "semantic"))] if isinstance(search, dict) else []
        tables += [(f'workspaces."{path}".', table, OWN_WORDS) for path, table in workspaces.items()]
        tables += [(f"groups.{name}.", table, GROUP_WORDS) for name, table in self.group_tables.items()]
        for where, table, known in tables:
            for word in table.keys() - set(known):
                if near := _near(word, known):
                    self.problems.append(f"config.toml: `{where}{word}` is no setting; did you mean {near}?")

    def workspaces(self) -> dict[str, dict[str, Any]]:
        """Return what is said of each workspace, by its path as it stands there."""
        tables = self.table(self.said, "workspaces")
        return {path: self.table(tables, path) for path in tables}

    def modes(self, tables: dict[str, dict[str, Any]]) -> dict[str, str]:
        found = {path: self.mode(table.get("mode"), f'workspaces."{path}".mode') for path, table in tables.items()}
        return {folder_of(path): mode for path, mode in found.items() if mode}

    def names(self, tables: dict[str, dict[str, Any]]) -> dict[str, str]:
        found = {}
        for path, table in tables.items():
            name = table.get("name", "")
            if not isinstance(name, str) or not (name == "" or GROUP_NAME.fullmatch(name)):
                self.problems.append(f'config.toml: `workspaces."{path}".name` is no name (a-z 0-9 _ -).')
            elif name:
                found[folder_of(path)] = name
        return found

    def private(self, tables: dict[str, dict[str, Any]]) -> frozenset[str]:
        """Return the workspaces that are not said to be anything but private: a word that is no answer hides, too."""
        said = {path: table.get("private", False) for path, table in tables.items()}
        self.problems += [
            f'config.toml: `workspaces."{path}".private` is neither true nor false; true holds.'
            for path, value in said.items()
            if not isinstance(value, bool)
        ]
        return frozenset(folder_of(path) for path, value in said.items() if value is not False)

    def channels(self, tables: dict[str, dict[str, Any]]) -> dict[str, tuple[str, ...]]:
        found = {"": self.words(self.said, "channels", "channels", CHANNEL_PATTERN)}
        for path, table in tables.items():
            patterns = self.words(table, "channels", f'workspaces."{path}".channels', CHANNEL_PATTERN)
            found[folder_of(path)] = patterns
        return {path: patterns for path, patterns in found.items() if patterns}

    def remotes(self, tables: dict[str, dict[str, Any]]) -> dict[str, str]:
        said = {"": self.said.get("remote", "")}
        said |= {folder_of(path): table.get("remote", "") for path, table in tables.items()}
        said |= {f"group:{name}": table.get("remote", "") for name, table in self.group_tables.items()}
        self.problems += [
            f"config.toml: the `remote` of {whose or 'the home folder'} is no text; there is none."
            for whose, remote in said.items()
            if not isinstance(remote, str)
        ]
        return {whose: remote for whose, remote in said.items() if isinstance(remote, str) and remote}

    def groups(self) -> dict[str, tuple[str, ...]]:
        groups = {}
        tables = self.table(self.said, "groups")
        for name in tables:
            members = self.table(tables, name).get("members", [])
            if not GROUP_NAME.fullmatch(name):
                self.problems.append(f"config.toml: {name!r} is no group name (a-z 0-9 _ -); it is left out.")
            elif not isinstance(members, list) or not all(isinstance(at, str) and "\0" not in at for at in members):
                self.problems.append(f"config.toml: groups.{name}.members is not a list of folders; it is left out.")
            else:
                groups[name] = tuple(dict.fromkeys(map(folder_of, members)))
        return groups

    def sharing(self) -> frozenset[str]:
        """Return the groups that say `share = "members"`; what was said wrongly of one is told once, by `groups`."""
        shares = {name: table.get("share", "store") for name, table in self.group_tables.items()}
        self.problems += [
            f"config.toml: groups.{name}.share is neither members nor store; store holds."
            for name, value in shares.items()
            if value not in ("members", "store")
        ]
        return frozenset(name for name, value in shares.items() if value == "members" and GROUP_NAME.fullmatch(name))
