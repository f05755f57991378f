"""`memfs setup`: what a person sees, what a program gets, and that the client's file is what was shown."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from memfs.clients import CLIENTS
from memfs.faces.cli.setup import SAID
from tests.commands import Answer
from tests.commands import as_json
from tests.commands import memfs
from tests.test_cli import at_terminal
from tests.worlds import World
from tests.worlds import files_below
from tests.worlds import without_powers

FOLDER_OPENED = "${workspaceFolder}"
WORKSPACE = {"cursor": ["--workspace", FOLDER_OPENED], "claude-desktop": ["--mode", "global"]}
"""What each client's own settings hand to `memfs serve`."""
PROJECT = {"cursor": ["--workspace", FOLDER_OPENED], "vscode": ["--workspace", FOLDER_OPENED]}
"""Likewise a project's."""


def settings_of(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the entry of memfs in the file that *answer* names."""
    text = Path(answer["path"]).read_text()
    if answer["client"] == "codex":
        import tomllib

        return dict(tomllib.loads(text)["mcp_servers"][answer["name"]])
    return dict(json.loads(text)[CLIENTS[answer["client"]].key][answer["name"]])


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_is_set_up_and_taken_out(world: World, client: str) -> None:
    """By the absolute path of this memfs; shown, written, told what to do next; a dry run writes nothing."""
    nothing = files_below(world.root)
    dry = as_json(world, "setup", client, "--dry-run")
    assert files_below(world.root) == nothing

    made = as_json(world, "setup", client)

    entry = settings_of(made)
    assert Path(entry["command"]).is_absolute()
    assert [entry["command"], *entry["args"]] == made["command"]
    assert entry["args"][entry["args"].index("serve") :] == ["serve", *WORKSPACE.get(client, [])]
    assert (made["action"], made["written"], made["backup"]) == ("added", True, None)
    assert dry == made | {"written": False}
    assert [line[1:] for line in made["diff"].splitlines()[3:]] == Path(made["path"]).read_text().splitlines()
    assert made["name"] in made["next"]
    again = as_json(world, "setup", client)
    assert (again["action"], again["written"], again["diff"]) == ("unchanged", False, "")
    gone = as_json(world, "setup", client, "--remove")
    assert (gone["action"], gone["written"]) == ("removed", True)
    assert Path(gone["backup"]).exists()
    assert not Path(gone["path"]).exists()


@pytest.mark.parametrize("client", [name for name, client in CLIENTS.items() if client.project])
def test_a_project_gets_a_file_that_others_can_use(world: World, client: str) -> None:
    """By the plain name, at the top of the project; it is not this person's path that is shared."""
    (world.folder() / ".git").mkdir()
    below = world.folder() / "src"
    below.mkdir()

    made = as_json(world, "setup", client, "--project", folder=below)

    assert made["command"] == ["memfs", "serve", *PROJECT.get(client, [])]
    assert made["path"] == str(world.folder() / CLIENTS[client].project)
    assert settings_of(made)["args"] == made["command"][1:]
    assert any("PATH" in note for note in made["notes"])
    assert not list((world.root / "home").iterdir())
    listed = as_json(world, "setup", "--project")["clients"]
    assert [row["client"] for row in listed if row["state"] == "set up"] == [client]
    assert len(listed) == 5


def test_the_command_that_is_written_starts(world: World) -> None:
    """Run as a client would, with an empty PATH, from another folder, it is this memfs."""
    command, *_ = as_json(world, "setup", "claude-code")["command"]

    environ = world.environ | {"PATH": "/nowhere"}
    done = subprocess.run([command, "--version"], env=environ, cwd="/", capture_output=True, text=True, check=True)

    assert done.stdout.startswith("memfs, version ")


def test_people_see_what_changes_and_what_to_do(world: World) -> None:
    """The diff, the file, the backup, the next step, the client's own command."""
    path = world.root / "home" / ".claude.json"
    path.write_text('{\n  "a": {"apiKey": "sk-123"}\n}\n')

    dry = memfs(world, "setup", "claude-code", "--dry-run").out
    done = memfs(world, "setup", "claude-code").out
    again = memfs(world, "setup", "claude-code").out
    gone = memfs(world, "setup", "claude-code", "--remove").out
    none = memfs(world, "setup", "claude-code", "--remove").out

    assert f"--- {path}\n+++ {path}\n" in done
    assert '+    "memfs": {\n' in done
    assert f"Set up memfs in Claude Code  {path}\n" in done
    assert f"As it was:  {path}.memfs-backup\n" in done
    assert "Next:       Start a new session of Claude Code; /mcp lists memfs.\n" in done
    assert re.search(r"claude mcp add --scope user memfs -- /\S+memfs serve\n", done)
    assert dry.split("Would set up memfs in Claude Code")[0] == done.split("Set up memfs in Claude Code")[0]
    assert "Next:" not in dry
    assert again == f"memfs is already set up in Claude Code.  {path}\n"
    assert f"Took memfs out of Claude Code  {path}\n" in gone
    assert none == f"memfs is not set up in Claude Code.  {path}\n"
    assert "sk-123" not in dry + done + gone


def test_the_diff_is_coloured_on_a_terminal(world: World) -> None:
    """Green what comes, and nothing of it where NO_COLOR is set."""
    shown = at_terminal(world, "setup", "codex", "--dry-run").out

    assert "\x1b[32m+[mcp_servers.memfs]" in shown
    assert "\x1b[" not in at_terminal(world, "setup", "codex", "--dry-run", NO_COLOR="1").out


def test_a_strange_file_cannot_steer_the_terminal(world: World) -> None:
    """What a file holds around the change is shown without its control characters."""
    (world.root / "home" / ".codex").mkdir()
    (world.root / "home" / ".codex/config.toml").write_text("a = 'x' # \x9b31m\u202e\n")

    shown = memfs(world, "setup", "codex").out

    assert "mcp_servers" in shown
    assert not {"\x9b", "\u202e"} & set(shown)


def test_the_clients_are_listed_with_their_state(world: World) -> None:
    """Set up, under other names too; not set up; no file; one that cannot be read harms only its own line."""
    home = world.root / "home"
    as_json(world, "setup", "cursor")
    as_json(world, "setup", "cursor", "--as", "recall")
    (home / ".claude.json").write_text("{}")
    (home / ".gemini").mkdir()
    (home / ".gemini/settings.json").write_text("{")

    rows = {row["client"]: row for row in as_json(world, "setup")["clients"]}
    shown = memfs(world, "setup").out

    assert list(rows) == list(CLIENTS)
    assert {name: row["state"] for name, row in rows.items()} == {
        "claude-code": "not set up", "claude-desktop": "no file", "cursor": "set up",
        "vscode": "no file", "codex": "no file", "gemini": "cannot be read",
    }  # fmt: skip
    assert rows["cursor"]["names"] == ["memfs", "recall"]
    assert rows["gemini"]["problem"].startswith(f"{home}/.gemini/settings.json cannot be changed by memfs")
    assert re.search(rf"^cursor +set up +{home}/\.cursor/mcp\.json  as memfs, recall$", shown, re.MULTILINE)
    assert re.search(r"^vscode +no file +/", shown, re.MULTILINE)
    assert shown.endswith("memfs setup CLIENT\n")


def test_workspace_and_mode_are_handed_on(world: World) -> None:
    """A folder by its absolute path, a client's variable as it is, a mode; each in place of the default."""
    folder = world.folder("work")

    def arguments(*words: str | Path) -> list[str]:
        command: list[str] = as_json(world, "setup", *words, "--dry-run")["command"]
        return command[command.index("serve") + 1 :]

    assert arguments("claude-desktop", "--workspace", "../work") == ["--workspace", f"{world.folder()}/../work"]
    assert arguments("cursor", "--workspace", folder) == ["--workspace", str(folder)]
    assert arguments("vscode", "--workspace", "${env:X}/y") == ["--workspace", "${env:X}/y"]
    assert arguments("codex", "--mode", "Hybrid") == ["--mode", "hybrid"]
    assert arguments("claude-desktop", "--mode", "hybrid") == ["--mode", "hybrid"]


def test_an_existing_server_called_recall_is_taken_over(world: World) -> None:
    """The old command, and what became of its variables, is said; taken out, the old entry is back."""
    path = world.root / "home" / ".claude.json"
    env = {"REDIS_URL": "redis://:pw@h", "WORKSPACE_MODE": "hybrid"}
    old = json.dumps({"mcpServers": {"recall": {"command": "npx", "args": ["-y", "recall"], "env": env}}}, indent=2)
    path.write_text(old)

    done = memfs(world, "setup", "claude-code", "--as", "recall").out

    assert "Updated memfs in Claude Code" in done
    assert "note: recall started npx before; the backup keeps that entry" in done
    assert "pw@h" not in done
    entry = json.loads(path.read_text())["mcpServers"]["recall"]
    assert entry["env"] == {"WORKSPACE_MODE": "hybrid"}
    assert SAID["restored"][0] in memfs(world, "setup", "claude-code", "--as", "recall", "--remove").out
    assert path.read_text() == old


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("cursr",), 2, "did you mean cursor"),
        (("emacs",), 2, "claude-code, claude-desktop, cursor, vscode, codex, gemini"),
        (("--remove",), 2, "Name the client"),
        (("--as", "x"), 2, "Name the client"),
        (("claude-desktop", "--project"), 2, "leave --project out"),
        (("claude-code", "--as", "workspace"), 2, "keeps the name"),
        (("cursor", "--as", "a b"), 2, "no name for a server"),
        (("gemini", "--as", "a_b"), 2, "'a-b'"),
        (("cursor", "--workspace", "nowhere"), 2, "is no folder"),
        (("cursor", "--mode", "hybird"), 2, "is no mode"),
        (("claude-code", "--as", "other"), 6, "starts another server"),
        (("claude-code", "--as", "other", "--remove"), 6, "does not start memfs"),
        (("vscode", "--project"), 6, "leads out of the project"),
        (("gemini",), 6, "takes no commas before"),
        (("codex",), 6, "Mend it in an editor"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(world: World, arguments: tuple[str, ...], code: int, words: str) -> None:
    """With the exit code of its kind, for people and for programs; and no file changes."""
    home = world.root / "home"
    (home / ".claude.json").write_text('{"mcpServers": {"other": {"command": "x"}}}')
    for folder, name, text in ((".gemini", "settings.json", '{"a": 1,}'), (".codex", "config.toml", "a = ")):
        (home / folder).mkdir()
        (home / folder / name).write_text(text)
    (world.folder() / ".vscode").symlink_to(home)
    before = files_below(world.root)

    answer, error = memfs(world, "setup", *arguments), memfs(world, "setup", *arguments, "--json").error

    assert answer.code == code
    assert words in answer.sentence
    assert words in error["message"]
    assert files_below(world.root) == before


def test_a_read_only_file_is_left_and_said(world: World) -> None:
    """Exit 7, as for every file that may not be written."""
    path = world.root / "home" / ".claude.json"
    path.write_text("{}")
    path.chmod(0o444)

    command = [*without_powers(), sys.executable, "-m", "memfs", "setup", "claude-code"]
    done = subprocess.run(command, cwd=world.folder(), env=world.environ, capture_output=True, text=True, check=False)

    answer = Answer(done.returncode, done.stdout, done.stderr)
    assert answer.code == 7
    assert answer.err.startswith(f"error: Could not write {path}: Permission denied.")
    assert files_below(world.root / "home") == {".claude.json": b"{}"}


def test_memfs_on_the_path_is_written_as_the_path_names_it(world: World) -> None:
    """The link that an installer made, not where it leads today."""
    installed = Path(sys.executable).parent / "memfs"
    if not installed.exists():
        pytest.skip("memfs is not installed beside this Python")
    links = world.root / "bin"
    links.mkdir()
    (links / "memfs").symlink_to(installed)

    answer = memfs(world, "setup", "codex", "--json", environ={"PATH": f"{links}:{os.defpath}"})

    assert answer.json["command"][0] == str(links / "memfs")
