"""The agents' own MCP settings: where they are, what changes in them, and that nothing else does."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memfs import clients
from memfs import foreign
from memfs.clients import CLIENTS
from memfs.clients import Client
from memfs.clients import Server
from memfs.errors import Changed
from memfs.errors import Invalid
from memfs.errors import MemfsError
from memfs.errors import Refused
from memfs.errors import StorageFailed
from memfs.errors import Unwritable
from tests.worlds import World
from tests.worlds import files_below
from tests.worlds import touched
from tests.worlds import without_powers

COMMAND = ("/opt/bin/memfs", "serve")
SECRET = "sk-1234567890"

JSON = '{\n\t"theme": "dark",\n\t"KEY": {\n\t\t"github": {\n\t\t\t"command": "gh"\n\t\t}\n\t},\n\t"last": [1,  2]\n}\n'
JSONC = JSON.replace('"dark",', '"dark", // at night').replace("\t\t}\n", "\t\t} /* mine */\n\t\t// more\n")
TOML = '# mine\nmodel = "o9" # best\n\n[mcp_servers.github]\ncommand = "gh"\n\n# tools\n[tools]\nweb = true\n'


def wish_of(world: World, name: str, *, called: str = "memfs", command: tuple[str, ...] = COMMAND) -> Server:
    """Return the wish for memfs in the user's settings of the client *name*."""
    client = CLIENTS[name]
    return Server(client, clients.path_of(client, None, world.environ, "linux"), called, command)


def holding(wish: Server, text: str) -> Server:
    """Put *text* into the file of *wish*."""
    wish.path.parent.mkdir(parents=True, exist_ok=True)
    wish.path.write_bytes(text.encode())
    return wish


def sample(client: Client) -> str:
    """Return settings as a person of *client* has them, with comments where it takes them."""
    return TOML if client.toml else (JSONC if client.comments else JSON).replace("KEY", client.key)


def parsed(wish: Server) -> dict[str, Any]:
    """Return the servers in the file of *wish*, as its client reads them."""
    text = wish.path.read_text()
    if wish.client.toml:
        return dict(tomllib.loads(text)[wish.client.key])
    text = "\n".join(line.split(" //")[0].split(" /*")[0].split("\t//")[0] for line in text.splitlines())
    return dict(json.loads(text)[wish.client.key])


def set_up(wish: Server, *, remove: bool = False) -> Path | None:
    """Carry *wish* out; return the backup."""
    return foreign.write(wish, foreign.plan(wish, remove=remove), remove=remove)[1]


every_client = pytest.mark.parametrize("name", CLIENTS)


# ---- where


def test_each_client_keeps_its_settings_where_it_says(world: World) -> None:
    """For the user on Linux and macOS, for a project, and where variables lead elsewhere."""
    home = world.root / "home"
    apps, mac = home / ".config", home / "Library/Application Support"
    users = {
        "claude-code": (home / ".claude.json", home / ".claude.json", ".mcp.json"),
        "claude-desktop": (
            apps / "Claude/claude_desktop_config.json",
            mac / "Claude/claude_desktop_config.json",
            None,
        ),
        "cursor": (home / ".cursor/mcp.json", home / ".cursor/mcp.json", ".cursor/mcp.json"),
        "vscode": (apps / "Code/User/mcp.json", mac / "Code/User/mcp.json", ".vscode/mcp.json"),
        "codex": (home / ".codex/config.toml", home / ".codex/config.toml", ".codex/config.toml"),
        "gemini": (home / ".gemini/settings.json", home / ".gemini/settings.json", ".gemini/settings.json"),
    }
    elsewhere = world.environ | {
        name: f"/x/{name}" for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "GEMINI_CLI_HOME", "XDG_CONFIG_HOME")
    }

    assert users.keys() == CLIENTS.keys()
    for name, (linux, macos, project) in users.items():
        assert clients.path_of(CLIENTS[name], None, world.environ, "linux") == linux
        assert clients.path_of(CLIENTS[name], None, world.environ, "darwin") == macos
        if project:
            assert clients.path_of(CLIENTS[name], world.folder(), world.environ) == world.folder() / project
    moved = [str(clients.path_of(client, None, elsewhere, "linux")) for client in CLIENTS.values()]
    assert moved[0] == "/x/CLAUDE_CONFIG_DIR/.claude.json"
    assert moved[1] == "/x/XDG_CONFIG_HOME/Claude/claude_desktop_config.json"
    assert moved[3:] == [
        "/x/XDG_CONFIG_HOME/Code/User/mcp.json",
        "/x/CODEX_HOME/config.toml",
        "/x/GEMINI_CLI_HOME/.gemini/settings.json",
    ]


def test_a_place_that_is_none_is_refused(world: World) -> None:
    """A project of a client without projects; no home; a link of a cloned repository that leads to the user's files."""
    (world.folder() / ".mcp.json").symlink_to(world.root / "home" / ".claude.json")

    with pytest.raises(Invalid, match="leave --project out"):
        clients.path_of(CLIENTS["claude-desktop"], world.folder(), world.environ)
    with pytest.raises(Invalid, match="set HOME"):
        clients.path_of(CLIENTS["cursor"], None, {})
    with pytest.raises(Refused, match="leads out of the project"):
        clients.path_of(CLIENTS["claude-code"], world.folder(), world.environ)


def test_names_are_those_that_clients_take() -> None:
    """No reserved one, none that makes a tool's name longer than 64 characters, none that a client misreads."""
    code, gemini = CLIENTS["claude-code"], CLIENTS["gemini"]
    for client, name in ((code, "recall"), (code, "a_b-C9"), (CLIENTS["cursor"], "workspace"), (code, "n" * 34)):
        clients.check_name(client, name)

    assert len(f"mcp__{'n' * clients.LONGEST_NAME}__get_time_window_context") == 64
    for client, name in (
        *(
            (code, name)
            for name in ("workspace", "Claude-In-Chrome", "computer-use", "Claude Preview", "Claude Browser")
        ),
        *((code, name) for name in ("", "a b", "é", "a.b", "x\n", '"', "n" * 35)),
        (gemini, "a_b"),
    ):
        with pytest.raises(Invalid):
            clients.check_name(client, name)


def test_memfs_is_started_from_anywhere(tmp_path: Path) -> None:
    """PATH's link as it is, the environment's own otherwise, uvx anew, Python's module at last."""
    bin_, own, links = tmp_path / "venv/bin", tmp_path / "venv/bin/memfs", tmp_path / "links"
    for folder in (bin_, links, tmp_path / "other"):
        folder.mkdir(parents=True)
    for program in (own, tmp_path / "other/memfs", tmp_path / "other/uvx"):
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    (links / "memfs").symlink_to(own)
    venv, other = str(tmp_path / "venv"), str(tmp_path / "other")

    assert clients.launcher(venv, str(links)) == (str(links / "memfs"),)
    assert clients.launcher(venv, other) == (str(own),)
    assert clients.launcher(venv, "/nowhere") == (str(own),)
    assert clients.launcher("/nowhere", other) == (f"{other}/memfs",)
    assert clients.launcher("/nowhere", "/nowhere")[1:] == ("-m", "memfs")
    unpacked = ("--from", "memfs-store", "memfs")
    assert clients.launcher("/h/.cache/uv/archive-v0/Zx1", other) == (f"{other}/uvx", *unpacked)


def test_an_entry_that_starts_memfs_is_known() -> None:
    """By command or through a launcher; a server that only looks into a folder of that name is another one."""
    ours = (["memfs"], ["/a/b/memfs", "serve"], ["uvx", "--from", "memfs-store", "memfs", "serve"],
            ["python3", "-m", "memfs", "serve"], ["uvx", "memfs-store@1.2", "serve"])  # fmt: skip
    others = (["npx", "-y", "server-filesystem", "/src/memfs"], ["git", "clone", "memfs"], ["serve"], [""])

    assert all(clients.starts_memfs({"command": first, "args": rest}) for first, *rest in ours)
    assert not any(clients.starts_memfs({"command": first, "args": rest}) for first, *rest in others)
    nothing: list[object] = [None, 3, [], {"a": 1}, {"url": "http://memfs/"}, {"args": "x"}]
    assert not any(clients.starts_memfs(entry) for entry in nothing)


# ---- what changes


@every_client
def test_a_missing_file_is_made_and_goes_again(world: World, name: str) -> None:
    """With the entry alone, readable by its owner alone; taken out, nothing but the folder is left."""
    wish = wish_of(world, name)

    assert clients.names_in(wish.client, wish.path) == []
    assert set_up(wish) is None

    assert parsed(wish) == {"memfs": wish.entry}
    assert clients.names_in(wish.client, wish.path) == ["memfs"]
    assert stat.S_IMODE(wish.path.stat().st_mode) == 0o600
    assert ("type" in wish.entry) == (name in ("claude-code", "cursor", "vscode"))
    set_up(wish, remove=True)
    assert not wish.path.exists()


@every_client
def test_an_existing_file_keeps_every_character(world: World, name: str) -> None:
    """Comments, order, blanks; the entry is added, the backup is the file as it was, the way back is exact."""
    before = sample(CLIENTS[name])
    wish = holding(wish_of(world, name), before)

    backup = set_up(wish)

    after = wish.path.read_text()
    rest = iter(after)
    assert all(character in rest for character in before)
    assert parsed(wish) == {"github": {"command": "gh"}, "memfs": wish.entry}
    assert backup == wish.path.with_name(f"{wish.path.name}.memfs-backup")
    assert backup.read_text() == before
    set_up(wish, remove=True)
    assert wish.path.read_text() == before


@every_client
def test_a_second_time_changes_nothing(world: World, name: str) -> None:
    """No byte, no time stamp, no backup."""
    wish = holding(wish_of(world, name), sample(CLIENTS[name]))
    set_up(wish)
    files, stamp = files_below(wish.path.parent), touched(wish.path)

    assert foreign.plan(wish).action == "unchanged"
    assert set_up(wish) is None

    assert files_below(wish.path.parent) == files
    assert touched(wish.path) == stamp
    set_up(wish, remove=True)
    assert foreign.plan(wish, remove=True).action == "unchanged"


@every_client
@pytest.mark.parametrize("shape", ["{}", "{ }\n", "", '{"KEY": {}}', '{"KEY":{},"a":1}', '{"a": 1}', "\n"])
def test_the_way_back_is_exact_from_any_shape(world: World, name: str, shape: str) -> None:
    """Empty files, empty objects, an empty table of servers, none."""
    client = CLIENTS[name]
    before = {"{": "a = 1", "": "", "\n": "\n"}[shape[:1]] if client.toml else shape.replace("KEY", client.key)
    wish = holding(wish_of(world, name), before)
    set_up(wish)
    assert parsed(wish) == {"memfs": wish.entry}

    set_up(wish, remove=True)

    assert wish.path.read_text() == before


@every_client
def test_taken_out_later_only_the_entry_goes(world: World, name: str) -> None:
    """What the client or a person wrote since stays."""
    wish = holding(wish_of(world, name), sample(CLIENTS[name]))
    set_up(wish)
    since = wish.path.read_text().replace("true", "false").replace("dark", "light")
    holding(wish, since)

    set_up(wish, remove=True)

    assert wish.path.read_text() == sample(CLIENTS[name]).replace("true", "false").replace("dark", "light")


@every_client
def test_of_an_entry_only_command_and_arguments_are_memfs(world: World, name: str) -> None:
    """Variables, switches and comments of the person's stay; an older entry of memfs does not come back."""
    wish = wish_of(world, name)
    before = (
        '[mcp_servers.memfs] # mine\ncommand = "uvx" # old\nargs = ["memfs", "serve"]\nenabled = false\n'
        '[mcp_servers.memfs.env]\nMEMFS_HOME = "/m"\nMY_KEY = "k"\n'
        if wish.client.toml
        else '{"KEY": {"memfs": {"env": {"MEMFS_HOME": "/m", "MY_KEY": "k"}, "command": "uvx",'
        '  "args": ["memfs", "serve"], "disabled":  true}}}'.replace("KEY", wish.client.key)
    )
    holding(wish, before)

    change = foreign.plan(wish)
    set_up(wish)

    old = '"uvx"', '["memfs", "serve"]'
    new = json.dumps(COMMAND[0]), json.dumps(list(COMMAND[1:]))
    assert (change.action, change.replaced) == ("updated", "")
    assert wish.path.read_text() == before.replace(old[0], new[0]).replace(old[1], new[1])
    set_up(wish, remove=True)
    assert wish.path.read_text().replace(" ", "").strip() in ("", "{}", f'{{"{wish.client.key}":{{}}}}')


def recall_entry(client: Client) -> str:
    """Return settings in which the other server is registered, with its credentials."""
    if client.toml:
        return (
            '[mcp_servers.recall]\ncommand = "npx"\nargs = ["-y", "@joseairosa/recall"]\nstartup_timeout_sec = 9\n'
            f'[mcp_servers.recall.env]\nREDIS_URL = "redis://:pw@h"\nVOYAGE_API_KEY = "{SECRET}"\n'
            'WORKSPACE_MODE = "hybrid" # both\n'
        )
    env = {"REDIS_URL": "redis://:pw@h", "VOYAGE_API_KEY": SECRET, "WORKSPACE_MODE": "hybrid"}
    entry = {"command": "npx", "args": ["-y", "@joseairosa/recall"], "cwd": "/r", "env": env, "startup_timeout_sec": 9}
    return json.dumps({client.key: {"recall": entry}, "z": 1}, indent=4)


@every_client
def test_the_entry_of_recall_is_taken_over_with_its_mode(world: World, name: str) -> None:
    """Its name and its mode stay, its credentials go no further than the backup; taken out, it is back."""
    before = recall_entry(CLIENTS[name])
    wish = holding(wish_of(world, name, called="recall"), before)

    change = foreign.plan(wish)
    backup = set_up(wish)

    kept = {"command": COMMAND[0], "args": ["serve"], "env": {"WORKSPACE_MODE": "hybrid"}, "startup_timeout_sec": 9}
    assert parsed(wish) == {"recall": kept}
    assert change.replaced == "npx"
    assert backup
    assert backup.read_text() == before
    assert SECRET not in wish.path.read_text()
    diff = "\n".join(change.diff(wish.path))
    assert "REDIS_URL" in diff
    assert SECRET not in diff
    assert "pw@h" not in diff
    assert foreign.plan(wish, remove=True).action == "restored"
    set_up(wish, remove=True)
    assert wish.path.read_text() == before
    with pytest.raises(Refused, match="does not start memfs"):
        foreign.plan(wish, remove=True)


@every_client
def test_another_server_is_neither_replaced_nor_removed(world: World, name: str) -> None:
    """Only recall's entry is taken over; any other is somebody's."""
    wish = holding(wish_of(world, name, called="github"), sample(CLIENTS[name]))

    for remove in (False, True):
        with pytest.raises(Refused, match="'github' in "):
            foreign.plan(wish, remove=remove)


def test_a_remote_entry_becomes_a_local_one(world: World) -> None:
    """What led over the network goes, and the type says so."""
    text = '{"mcpServers": {"memfs": {"type": "http", "url": "http://127.0.0.1:1/", "headers": {"A": "b"}, "x": 1}}}'
    wish = holding(wish_of(world, "claude-code"), text)

    set_up(wish)

    assert parsed(wish) == {"memfs": wish.entry | {"x": 1}}


# ---- what cannot be done


BROKEN = {
    "json": ["{", '{"KEY": {}', '{"KEY": [1]}', "[]", '"x"', '{"KEY": 3}', '{"KEY": {"memfs": null}}', "{'a': 1}",
             '{"KEY": {"memfs": "x"}}', '{"a": ' + "[" * 100_000, "é\udcff", '{"a": NaN}'],
    "toml": ["[", "a = ", "a = 1\na = 2", "mcp_servers = 3", "mcp_servers = { a = { command = 'x' } }",
             "[[mcp_servers.memfs]]\ncommand = 'x'", "[mcp_servers]\nmemfs = 'x'", "é\udcff"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text"),
    [(name, text) for name, client in CLIENTS.items() for text in BROKEN["toml" if client.toml else "json"]],
)
def test_what_cannot_be_parsed_is_left_as_it_is(world: World, name: str, text: str) -> None:
    """Refused with a sentence that names the file; not a byte and no backup is written."""
    wish = wish_of(world, name)
    wish.path.parent.mkdir(parents=True, exist_ok=True)
    wish.path.write_bytes(text.replace("KEY", wish.client.key).encode(errors="surrogateescape"))
    before = files_below(world.root)

    with pytest.raises(Unwritable) as refused:
        set_up(wish)

    assert str(refused.value).startswith(f"{wish.path} cannot be changed by memfs: ")
    assert files_below(world.root) == before


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("claude-code", "{} // x", "takes no comments"),
        ("claude-desktop", '{"a": [1,]}', "takes no comments, nor commas"),
        ("gemini", '{"a": [1,]} // x', "takes no commas before"),
    ],
)
def test_what_a_client_does_not_take_is_said(world: World, name: str, text: str, reason: str) -> None:
    """Claude Code drops a file with comments whole: better to say so than to write into it."""
    wish = holding(wish_of(world, name), text)

    with pytest.raises(Unwritable, match=reason):
        foreign.plan(wish)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("codex", '[mcp_servers.memfs]\ncommand = "memfs"\n\n[a]\nb = """\n[mcp_servers.memfs]\n"""\n'),
        ("codex", '[mcp_servers.memfs]\ncommand = "memfs"\n\n[a]\nb = """\n[mcp_servers.memfs]\n[c]\n"""\n'),
        ("cursor", '{"mcpServers": {"memfs": {"command": "x"}, "memfs": {"command": "memfs"}}}'),
    ],
)
def test_an_edit_that_would_do_something_else_is_not_done(world: World, name: str, text: str) -> None:
    """Lines that only look like a table, an entry that stands twice: the result is read before it counts."""
    wish = holding(wish_of(world, name), text)

    with pytest.raises(Unwritable, match="written in a way that memfs does not edit"):
        foreign.plan(wish, remove=True)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('[mcp_servers.memfs]\ncommand = "memfs"\n# of a\n[a]\nx = 1\n', "# of a\n[a]\nx = 1\n"),
        ('x = 1\n\n["mcp_servers"]\n[mcp_servers.memfs]\ncommand = "memfs"\n', 'x = 1\n\n["mcp_servers"]\n'),
        ('[mcp_servers]\nmemfs = { command = "memfs" }\nb = { command = "b" }\n', None),
        ('mcp_servers.memfs.command = "memfs"\nx = 1\n', "x = 1\n"),
        (
            '[mcp_servers.memfs]\ncommand = "memfs"\nargs = [\n  "x", # y\n]\n[mcp_servers.memfs.e]\nA = "b"\n\n[b]\n',
            "\n[b]\n",
        ),
        ('[b]\r\n\r\n[ mcp_servers . "memfs" ]\r\ncommand = "memfs"\r\n', "[b]\r\n"),
    ],
)
def test_toml_is_cut_and_its_comments_stay(world: World, before: str, after: str | None) -> None:
    """Tables, tables within, inline ones, dotted keys, other line ends; a comment belongs to what stands below it."""
    wish = holding(wish_of(world, "codex"), before)

    set_up(wish, remove=True)

    assert wish.path.read_bytes().decode() == (after or '[mcp_servers]\nb = { command = "b" }\n')


@given(
    st.lists(
        st.sampled_from(
            ["# c\n", "\n", "[a]\n", "[mcp_servers.x]\n", "[mcp_servers.y.env]\n", "k1 = 1\n", 'k2 = """\n[z]\n"""\n']
        ),
        unique=True,
    )
)
def test_toml_is_only_added_to(pieces: list[str]) -> None:
    """Whatever stands there stands there still, and cutting leaves it."""
    text = "".join(pieces)
    wish = Server(CLIENTS["codex"], Path("/nowhere"), "memfs", COMMAND)

    after = wish.added(text)

    servers = tomllib.loads(text).get("mcp_servers", {})
    assert after.startswith(text)
    assert tomllib.loads(after) == tomllib.loads(text) | {"mcp_servers": servers | {"memfs": wish.entry}}
    assert wish.added(after) == after


# ---- disk


@every_client
def test_a_link_into_a_folder_of_dotfiles_stays_one(world: World, name: str) -> None:
    """The file it leads to is changed, with its mode bits; the backup lies beside the link, as secret as the file."""
    wish = wish_of(world, name)
    real = world.root / "dotfiles" / "settings"
    real.parent.mkdir()
    real.write_text(sample(wish.client))
    real.chmod(0o640)
    wish.path.parent.mkdir(parents=True, exist_ok=True)
    wish.path.symlink_to(os.path.relpath(real, wish.path.parent))

    backup = set_up(wish)

    assert wish.path.is_symlink()
    assert "memfs" in real.read_text()
    assert list(files_below(real.parent)) == ["settings"]
    assert backup
    assert backup.parent == wish.path.parent
    assert {stat.S_IMODE(path.stat().st_mode) for path in (real, backup)} == {0o640}


def test_backups_are_numbered_and_never_overwritten(world: World) -> None:
    """One that holds the same is kept as it is; another content gets the next number."""
    wish = wish_of(world, "cursor")
    backups = []
    for text in ("{}", '{"a": 1}', "{}"):
        holding(wish, text)
        backups.append(set_up(wish))

    assert [path and path.name for path in backups] == [
        "mcp.json.memfs-backup",
        "mcp.json.memfs-backup-2",
        "mcp.json.memfs-backup",
    ]
    assert [path and path.read_text() for path in backups] == ["{}", '{"a": 1}', "{}"]


def test_what_a_client_wrote_meanwhile_is_not_lost(world: World) -> None:
    """A file that changed since the plan is planned anew; one that goes on changing is given up, unharmed."""
    wish = holding(wish_of(world, "claude-code"), '{\n  "a": 1\n}\n')
    plan = foreign.plan(wish)
    holding(wish, '{\n  "a": 2,\n  "b": 3\n}\n')

    done, backup = foreign.write(wish, plan)

    assert json.loads(wish.path.read_text()) == {"a": 2, "b": 3, "mcpServers": {"memfs": wish.entry}}
    assert done.before == b'{\n  "a": 2,\n  "b": 3\n}\n'
    assert backup
    assert backup.read_bytes() == done.before
    holding(wish, "{}")
    stale = foreign.plan(wish)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(foreign, "plan", lambda *_, **__: stale)
        holding(wish, '{"c": 1}')
        with pytest.raises(Changed, match="changed since it was read"):
            foreign.write(wish, stale)
    assert wish.path.read_text() == '{"c": 1}'
    assert not [path for path in files_below(wish.path.parent) if path.endswith(".tmp")]


READ_ONLY = """
import sys
from pathlib import Path
from memfs import clients
from memfs import foreign
from memfs.errors import StorageFailed
for name in clients.CLIENTS:
    wish = clients.Server(clients.CLIENTS[name], Path(sys.argv[1], name), "memfs", ("memfs", "serve"))
    try:
        foreign.write(wish, foreign.plan(wish))
    except StorageFailed as error:
        print(error)
"""


def test_a_file_or_folder_that_may_not_be_written_is_left(world: World) -> None:
    """A rename would not mind a read-only file; its owner would."""
    for folder in ("file", "folder"):
        (world.root / folder).mkdir()
        for name, client in CLIENTS.items():
            path = world.root / folder / name
            path.write_text("" if client.toml else "{}")
            path.chmod(0o444 if folder == "file" else 0o644)
    (world.root / "folder").chmod(0o555)
    before = files_below(world.root)

    for folder in ("file", "folder"):
        said = world.run(READ_ONLY, world.root / folder, through=without_powers()).splitlines()
        assert len(said) == len(CLIENTS)
        assert all(line.startswith(f"Could not write {world.root / folder}/") for line in said)

    assert files_below(world.root) == before
    (world.root / "folder").chmod(0o755)


def test_what_is_no_file_is_refused_with_a_sentence(world: World) -> None:
    """A folder in its place, a file in the place of its folder."""
    wish = wish_of(world, "cursor")
    wish.path.mkdir(parents=True)
    other = wish_of(world, "vscode")
    other.path.parent.parent.mkdir(parents=True)
    other.path.parent.write_text("a file")

    for each in (wish, other):
        with pytest.raises(StorageFailed, match="Could not read"):
            foreign.plan(each)
        with pytest.raises(StorageFailed, match="Could not read"):
            clients.names_in(each.client, each.path)


@every_client
@given(data=st.data())
def test_no_text_makes_an_edit_fail_without_a_sentence(name: str, data: st.DataObject) -> None:
    """Whatever a file holds: the entry is in it afterwards, or an error of memfs says why not."""
    client = CLIENTS[name]
    pieces = ["{", "}", "[", "]", '"', ":", ",", "//", "/*", "*/", "\n", " ", "=", "#", ".", "1", "\\", "'", "\ufeff"]
    pieces += [client.key, f'"{client.key}"', '"memfs"', "memfs", '{"a": 1}']
    text = "".join(data.draw(st.lists(st.sampled_from(pieces), max_size=12)))
    wish = Server(client, Path("/nowhere"), "memfs", COMMAND)

    try:
        after = wish.added(text)
    except (ValueError, MemfsError, RecursionError):
        return

    assert clients._servers(after, client)["memfs"] == wish.entry
