"""Changing what the user set: $MEMFS_HOME/config.toml, its comments and order kept."""

from __future__ import annotations

import os
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import ExitStack
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from typing import NoReturn

from memfs import toml
from memfs.config import CHANNEL_PATTERN
from memfs.config import GROUP_NAME
from memfs.config import MODES
from memfs.config import MOST_TOKENS
from memfs.config import Config
from memfs.config import folder_of
from memfs.config import languages_in
from memfs.errors import BadConfig
from memfs.errors import Invalid
from memfs.errors import StorageFailed
from memfs.locks import locked
from memfs.locks import put
from memfs.words import LANGUAGES

KEYS: Mapping[str, str] = {
    "mode": "isolated, global or hybrid: what this machine's workspaces see and where saves go",
    "cross_project": "true: questions may be asked across projects (search --all; default false)",
    "weights.workspace": "factor of a workspace memory's score, above 0 up to 1 (default 1.0)",
    "weights.group": "factor of a group memory's score (default 0.95)",
    "weights.global": "factor of a global memory's score (default 0.9)",
    "weights.project": "factor for another project's memory, by a group or a question (default 0.9)",
    "weights.channel": "factor for what a channel brings (default 0.9)",
    "limits.regex_seconds": "how long a regular expression may look at memories (default 1.0)",
    "limits.search_refresh_seconds": "how long a search brings the index up to date before it answers (default 5.0)",
    "limits.context_tokens": "what an agent is told when its session begins, in tokens (default 1500)",
    "search.language": "what you write in beside English: german, or german, french (default none)",
    "search.semantic": "false: servers search by words alone, even where an embedder is installed (default true)",
    "name": "with --here: what other projects call this one",
    "private": "with --here: true: this project's memories are seen nowhere else",
}
"""The keys that `set_value` knows."""
OWN_KEYS = ("mode", "name", "private")
"""Those that can be set for one workspace."""
ONLY_OWN_KEYS = ("name", "private")


def set_value(config: Config, key: str, value: str, workspace: Path | None = None) -> None:
    """Write one setting into config.toml: *key*, one of `KEYS`, is *value*, as typed; an empty text removes it.

    It may be one of `OWN_KEYS` for the *workspace* alone.

    Raises:
        Invalid: The key is unknown or not one workspace's to set, or the value does not fit it.
        BadConfig: The file is broken, so nothing is written.
        StorageFailed: It cannot be written.
    """
    if key not in KEYS:
        refuse_unknown(key)
    if workspace and key not in OWN_KEYS:
        raise Invalid(f"{key} holds for every workspace; only {', '.join(OWN_KEYS)} can be set for one.")
    if key in ONLY_OWN_KEYS and not workspace:
        raise Invalid(f"{key} is one workspace's own: say which, with --here in its folder.")
    new = _checked(key, value) if value else None
    with _edited(config) as document:
        parts = [*_parts(document, workspace), key] if workspace else key.split(".")
        table = _table(config, document, parts[:-1], make=new is not None)
        if new is not None:
            table[parts[-1]] = new
        else:
            table.pop(parts[-1], None)


def values(config: Config, workspace: Path) -> dict[str, str | float | bool]:
    """Return each setting of `KEYS` as it holds for *workspace*."""
    weights = {f"weights.{kind}": weight for kind, weight in config.weights.items()}
    limits = {
        "limits.regex_seconds": config.regex_seconds,
        "limits.search_refresh_seconds": config.search_refresh_seconds,
        "limits.context_tokens": config.context_tokens,
    }
    own: dict[str, str | bool] = {
        "search.language": ", ".join(config.languages),
        "name": config.names.get(str(workspace), ""),
        "private": config.is_private(workspace),
    }
    mode = config.mode_for(workspace)[0]
    flags = {"cross_project": config.cross_project, "search.semantic": config.semantic}
    return {"mode": mode, **flags, **weights, **limits, **own}


def refuse_unknown(key: str) -> NoReturn:
    """Refuse the setting *key*, naming the near ones.

    Raises:
        Invalid: Always.
    """
    raise Invalid(f"There is no setting {key!r}.{meant(key, KEYS, 'settings')}")


def meant(word: str, known: Iterable[str], kind: str) -> str:
    """Return a sentence that names the near ones of *known*, or all of them: what was *word* to be?"""
    from difflib import get_close_matches

    words = list(known)
    near = get_close_matches(word, words, 2, 0.5)
    if near:
        return f" Did you mean {' or '.join(near)}?"
    return f" The {kind} are {', '.join(words)}." if words else f" There are no {kind} yet."


# ---- groups


def create_group(config: Config, name: str) -> None:
    """Make the group *name*, without members.

    Raises:
        Invalid: It is no group's name, or there is one.
        BadConfig, StorageFailed: As for `set_value`.
    """
    if not GROUP_NAME.fullmatch(name):
        raise Invalid(f"{name!r} is no group name; use a-z, 0-9, _ and -.")
    if name in config.groups:
        raise Invalid(
            f"There is a group {name} already; `memfs group add {name} PATH` adds a member, and "
            f"`memfs sync --group {name} --remote URL` syncs its memories with a repository."
        )
    with _edited(config) as document:
        _table(config, document, ["groups", name]).setdefault("members", [])


def delete_group(config: Config, name: str) -> None:
    """Forget the group *name*; the memories of its store stay where they are.

    Raises:
        Invalid: There is none.
        BadConfig, StorageFailed: As for `set_value`.
    """
    refuse_unknown_group(config, name)
    with _held(config) as text:
        _replace(config.path, toml.cut(text, ["groups", name]))


def set_members(config: Config, name: str, change: Callable[[str], bool], new: str = "") -> None:
    """Keep the members of the group *name* that pass *change*, as they stand there, and add *new*.

    Raises:
        Invalid: There is no such group.
        BadConfig, StorageFailed: As for `set_value`.
    """
    refuse_unknown_group(config, name)
    with _edited(config) as document:
        _edit_list(_table(config, document, ["groups", name]), "members", change, new)


def share_members(config: Config, name: str, *, shares: bool) -> None:
    """Have the members of the group *name* see each other's memories, or no longer; raises like `set_members`."""
    refuse_unknown_group(config, name)
    with _edited(config) as document:
        table = _table(config, document, ["groups", name])
        if shares:
            table["share"] = "members"
        else:
            table.pop("share", None)


def refuse_unknown_group(config: Config, name: str) -> None:
    """Refuse *name* if it is no group, naming the near ones.

    Raises:
        Invalid: It is none.
    """
    if name not in config.groups:
        raise Invalid(f"There is no group {name!r}.{meant(name, config.groups, 'groups')}")


def set_remote(config: Config, whose: str, remote: str) -> None:
    """Note where memories are synced with; *whose* is a key of `Config.remotes`.

    Raises:
        BadConfig, StorageFailed: As for `set_value`.
    """
    with _edited(config) as document:
        group = whose.removeprefix("group:")
        workspace = Path(whose) if whose and group == whose else None
        parts = _parts(document, workspace) if group == whose else ["groups", group]
        _table(config, document, parts)["remote"] = remote


# ---- channels


def subscribe(config: Config, pattern: str, workspace: Path | None) -> None:
    """Have *workspace* (None: every one) see what is put into the channels that match *pattern*.

    Raises:
        Invalid: It is no channel's name.
        BadConfig, StorageFailed: As for `set_value`.
    """
    if not CHANNEL_PATTERN.fullmatch(pattern):
        raise Invalid(f"{pattern!r} is no channel; use a-z, 0-9, '.', _ and -, and * for anything.")
    with _edited(config) as document:
        table = _table(config, document, _parts(document, workspace))
        _edit_list(table, "channels", lambda each: each != pattern, pattern)


def unsubscribe(config: Config, pattern: str, workspace: Path | None) -> None:
    """Take back `subscribe`.

    Raises:
        Invalid: There is no such subscription.
        BadConfig, StorageFailed: As for `set_value`.
    """
    subscribed = config.channels.get(str(workspace) if workspace else "", ())
    if pattern not in subscribed:
        raise Invalid(f"There is no subscription to {pattern!r}.{meant(pattern, subscribed, 'ones')}")
    with _edited(config) as document:
        table = _table(config, document, _parts(document, workspace))
        _edit_list(table, "channels", lambda each: each != pattern)


# ---- the file


@contextmanager
def _edited(config: Config) -> Iterator[Any]:
    """Yield config.toml as a document, and write it when the block has changed it; raises like `_held`."""
    import tomlkit

    with _held(config) as text:
        document = tomlkit.parse(text)
        yield document
        if (new := tomlkit.dumps(document)) != text:
            _replace(config.path, new)


@contextmanager
def _held(config: Config) -> Iterator[str]:
    """Yield what config.toml says, while nobody else changes it.

    Raises:
        BadConfig: It cannot be read, so nothing is written.
        StorageFailed: It cannot be written.
        Busy: Another process writes it all the time.
    """
    with ExitStack() as held:
        with StorageFailed.met(config.path, "write"):
            held.enter_context(locked(config.home))
        try:
            text = config.path.read_bytes().decode() if config.path.exists() else ""
            toml.load(text)
        except (OSError, ValueError, RecursionError) as error:
            raise BadConfig(f"{config.path} cannot be read ({error}); mend it first, nothing was written.") from error
        yield text


def _parts(document: Any, workspace: Path | None) -> list[str]:  # noqa: ANN401
    """Return the table that what holds for *workspace* (None: for every one) stands in, however its path is written."""
    if workspace is None:
        return []
    tables = document.get("workspaces", {})
    written = [path for path in tables if folder_of(path) == str(workspace)] if isinstance(tables, dict) else []
    return ["workspaces", *(written[-1:] or [str(workspace)])]


def _table(config: Config, document: Any, parts: list[str], *, make: bool = True) -> Any:  # noqa: ANN401
    """Return the table *parts* of *document*, made there if need be; one that is not *made* is empty, and elsewhere."""
    import tomlkit

    table = document
    for part in parts:
        if not make and part not in table:
            return tomlkit.table()
        table = table.setdefault(part, tomlkit.table())
        if not isinstance(table, dict):
            raise BadConfig(f"{config.path} has no table where `{part}` stands; mend it first, nothing was written.")
    return table


def _edit_list(table: Any, key: str, keep: Callable[[str], bool], new: str = "") -> None:  # noqa: ANN401
    """Remove from the list *key* of *table* what is not to *keep*, and add *new*; the rest stays as it was written."""
    import tomlkit

    words = table.setdefault(key, tomlkit.array())
    for place in reversed(range(len(words))):
        if not keep(str(words[place])):
            del words[place]
    if new:
        words.append(new)


def _checked(key: str, value: str) -> str | float | bool:
    if key == "mode":
        if value.lower() not in MODES:
            raise Invalid(f"{value!r} is no mode; the modes are {', '.join(MODES)}.")
        return value.lower()
    if key == "name":
        if not GROUP_NAME.fullmatch(value):
            raise Invalid(f"{value!r} is no name for a project; use a-z, 0-9, _ and -.")
        return value
    if key in ("private", "cross_project", "search.semantic"):
        if value.lower() not in ("true", "false"):
            raise Invalid(f"{key} is true or false; {value!r} is neither.")
        return value.lower() == "true"
    if key in ("limits.context_tokens", "search.language"):
        return _languages(value) if key == "search.language" else _whole(key, value)
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    top = 1.0 if key.startswith("weights.") else 600.0
    if not 0 < number <= top:
        raise Invalid(f"{key} is a number above 0, at most {top:g}; {value!r} is not.")
    return number


def _languages(value: str) -> str:
    names = languages_in(value.lower())
    for name in names:
        if name not in LANGUAGES:
            raise Invalid(f"{name!r} is no language that search knows.{meant(name, LANGUAGES, 'languages')}")
    return ", ".join(names)


def _whole(key: str, value: str) -> int:
    if not value.isdecimal() or not 0 < int(value) <= MOST_TOKENS:
        raise Invalid(f"{key} is a whole number above 0, at most {MOST_TOKENS}; {value!r} is not.")
    return int(value)


def _replace(path: Path, text: str) -> None:
    try:
        raw = text.encode()
    except UnicodeEncodeError as error:
        raise Invalid("config.toml cannot name a folder whose path is not UTF-8; rename the folder first.") from error
    path = Path(os.path.realpath(path))  # a link into a folder of dotfiles stays one
    with StorageFailed.met(path, "write"):
        path.parent.mkdir(parents=True, exist_ok=True)
        put(path, raw, durable=True)
