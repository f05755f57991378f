"""What is handed out to agents beside the server: the plugin, hooks and rules, and `memfs setup` putting them there."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import frontmatter
import pytest
from hypothesis import given
from hypothesis import strategies as st

import memfs as package
from memfs import extras
from memfs import foreign
from memfs.clients import CLIENTS
from memfs.clients import parsed
from memfs.extras import BEGIN
from memfs.extras import END
from memfs.extras import Hooks
from memfs.extras import Rules
from memfs.faces.cli import COMMANDS
from memfs.faces.mcp.schemas import TOOLS
from tests.commands import as_json
from tests.commands import memfs
from tests.worlds import ROOT
from tests.worlds import World
from tests.worlds import files_below
from tests.worlds import touched

AGENTS = ROOT / "templates" / "agents"
MARKETPLACE = AGENTS / "claude-code"
PLUGIN = MARKETPLACE / "plugin"
HOOKED = [name for name, client in CLIENTS.items() if client.hooks]
RULED = [name for name, client in CLIENTS.items() if client.rules]
EVENTS = {"session-start", "user-prompt-submit", "post-tool-use", "stop", "pre-compact", "session-end"}
CLIENT_OPTION = {"codex": "codex", "gemini": "gemini", "cursor": "cursor"}
"""What `memfs hook --client` is told; Claude Code's shapes are the default."""
PERSONS = {
    "claude-code": '{\n\t"model": "opus",\n\t"hooks": {\n\t\t"Stop": [\n\t\t\t{"hooks": [{"type": "command", "command":'
    ' "say \'done"}]}\n\t\t],\n\t\t"SessionEnd":  []\n\t}\n}\n',
    "codex": '{"hooks":{"Stop":[{"matcher":"x","hooks":[{"type":"command","command":"hook memory"}]}]},"a":[1,  2]}',
    "gemini": '{\n  // mine\n  "hooks": {\n    "enabled": true, // all\n    "AfterTool": [\n      {"hooks": []} // no\n'
    '    ]\n  },\n  "mcpServers": {}\n}\n',
    "cursor": '{\r\n  "version": 1,\r\n  "hooks": {\r\n    "stop": [{"command": "./audit.sh"},],\r\n  },\r\n}\r\n',
}
"""Settings with hooks, as a person may have written them."""


def loaded(path: Path) -> Any:  # noqa: ANN401  (JSON)
    """Return the JSON of the file *path*."""
    return json.loads(path.read_text())


def commands_in(value: Any) -> Iterator[list[str]]:  # noqa: ANN401  (JSON)
    """Yield the words of each command in the JSON *value*."""
    if isinstance(value, dict) and "command" in value:
        yield [value["command"], *value["args"]] if "args" in value else shlex.split(value["command"])
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from commands_in(each)


def hooks_in(world: World, name: str, path: Path) -> list[list[str]]:
    """Return the words of each hook of memfs that the settings *path* of the client *name* have."""
    wish = hooks_of(world, name)
    there = extras._handlers(parsed(path.read_text(), wish.client))
    return [words for _, handler in there for words in commands_in(handler)]


def hooks_of(world: World, name: str, *launcher: str) -> Hooks:
    """Return the wish for the hooks of the client *name*, in the user's own settings."""
    return extras.hooks_of(CLIENTS[name], None, world.environ, launcher or ("/opt/bin/memfs",))


# ---- what is handed out


def test_the_plugin_is_of_the_version_of_memfs() -> None:
    """A new memfs is a new plugin: the clients' directories tell them apart by it."""
    manifest, [listed] = loaded(PLUGIN / ".claude-plugin/plugin.json"), loaded_marketplace()["plugins"]

    assert manifest["version"] == package.__version__
    assert "version" not in listed
    assert manifest["name"] == listed["name"] == loaded_marketplace()["name"] == "memfs"
    assert (MARKETPLACE / listed["source"]).resolve() == PLUGIN


def loaded_marketplace() -> Any:  # noqa: ANN401  (JSON)
    """Return the manifest of the marketplace."""
    return loaded(MARKETPLACE / ".claude-plugin/marketplace.json")


def test_whatever_is_started_is_a_command_of_memfs() -> None:
    """In every template, and for hooks an event that `memfs hook` has and the client that it answers."""
    started = {path: list(commands_in(loaded(path))) for path in AGENTS.rglob("*.json")}

    assert sum(map(len, started.values())) == 2 + 6 + 5 + 5 + 1
    for path, commands in started.items():
        for program, command, *rest in commands:
            assert program == "memfs"
            assert command in COMMANDS
            client = path.relative_to(AGENTS).parts[0]
            answered = ["--client", CLIENT_OPTION[client]] if client in CLIENT_OPTION else []
            if command == "hook":
                assert rest[0] in EVENTS
                assert rest[1:] == answered


@pytest.mark.parametrize("name", HOOKED)
def test_each_hook_answers_without_a_complaint(world: World, name: str) -> None:
    """As the template has it, asked as that client asks: an exit code of 2 would stop the agent."""
    event = {"session_id": "s1", "cwd": str(world.folder()), "hook_event_name": "x", "prompt": "hello"}

    for _, *words in commands_in(extras.hooks_of(CLIENTS[name], None, world.environ, ("memfs",)).template):
        answer = memfs(world, *words, stdin=json.dumps(event))
        assert (answer.code, answer.err) == (0, "")


def test_live_news_are_off_until_they_are_asked_for() -> None:
    """Each of them costs a turn: the monitor waits for a skill that only the user starts.

    Claude Code compares the skill's full name (2.1.197 and 2.1.330), which its documentation leaves out.
    """
    [monitor] = loaded(PLUGIN / "monitors/monitors.json")

    kind, plugin, skill = monitor["when"].split(":")
    assert (kind, plugin) == ("on-skill-invoke", "memfs")
    assert frontmatter.load(str(PLUGIN / f"skills/{skill}/SKILL.md"))["disable-model-invocation"] is True


def test_skills_are_the_users_but_for_the_one_that_teaches() -> None:
    """The user's cost a session nothing until they are called; the tools that they name are there."""
    tools = {tool.name for tool in TOOLS}
    skills = {path.parent.name: frontmatter.load(str(path)) for path in PLUGIN.glob("skills/*/SKILL.md")}

    assert skills.keys() == {"memory", "remember", "recall", "forget", "promote", "live"}
    for name, skill in skills.items():
        assert skill["name"] == name
        assert skill.get("disable-model-invocation", False) == (name != "memory")
        assert ("$ARGUMENTS" in skill.content) == ("argument-hint" in skill.metadata)
        assert set(re.findall(r"`(\w+_\w+)`", skill.content)) <= tools | {
            "context_type",
            "is_global",
            "code_pattern",
            "merge_into",
        }
        allowed = re.findall(r"mcp__\S+?__(\w+)", str(skill.get("allowed-tools", "")))
        assert {tool for tool in TOOLS if tool.name in allowed and tool.destroys} == set()
        assert set(allowed) <= tools


def test_the_plugin_has_something_to_read() -> None:
    """The directory of plugins refuses one with fewer than 40 words."""
    assert len((PLUGIN / "README.md").read_text().split()) >= 40


# ---- hooks


@pytest.mark.parametrize("name", HOOKED)
def test_hooks_are_set_up_and_taken_out(world: World, name: str) -> None:
    """By the absolute path of this memfs, in a file of the user's own, which goes again with them."""
    nothing = files_below(world.root)
    dry = as_json(world, "setup", name, "--hooks", "--dry-run")
    assert files_below(world.root) == nothing

    made = as_json(world, "setup", name, "--hooks")

    path = Path(made["path"])
    assert dry == made | {"written": False}
    assert (made["part"], made["action"], made["name"]) == ("hooks", "added", None)
    hooks = hooks_in(world, name, path)
    template = extras.hooks_of(CLIENTS[name], None, world.environ, ("memfs",)).template
    assert [words[-len(rest) :] for words, (_, *rest) in zip(hooks, commands_in(template), strict=True)] == [
        rest for _, *rest in commands_in(template)
    ]
    assert all(Path(words[0]).is_absolute() for words in hooks)
    assert as_json(world, "setup", name, "--hooks")["action"] == "unchanged"
    assert "hooks" in {row["client"]: row for row in as_json(world, "setup")["clients"]}[name]["parts"]
    assert as_json(world, "setup", name, "--hooks", "--remove")["action"] == "removed"
    assert not path.exists()


@pytest.mark.parametrize("name", HOOKED)
def test_hooks_of_a_project_are_started_by_name(world: World, name: str) -> None:
    """What is shared names nobody's folders."""
    (world.folder() / ".git").mkdir()

    made = as_json(world, "setup", name, "--hooks", "--project")

    assert Path(made["path"]).is_relative_to(world.folder())
    assert {words[0] for words in hooks_in(world, name, Path(made["path"]))} == {"memfs"}
    assert any("PATH" in note for note in made["notes"])


@pytest.mark.parametrize("name", HOOKED)
def test_hooks_stand_beside_those_of_others(world: World, name: str) -> None:
    """Every character of the person's stays; taken out, the file is what it was, to the byte."""
    wish, before = hooks_of(world, name), PERSONS[name].encode()
    wish.path.parent.mkdir(parents=True, exist_ok=True)
    wish.path.write_bytes(before)

    foreign.write(wish, foreign.plan(wish))

    after = wish.path.read_bytes()
    rest = iter(after)
    assert all(byte in rest for byte in before)
    assert len(hooks_in(world, name, wish.path)) == sum(1 for _ in commands_in(wish.template))
    assert foreign.plan(wish).action == "unchanged"
    foreign.write(wish, foreign.plan(wish, remove=True), remove=True)
    assert wish.path.read_bytes() == before


@pytest.mark.parametrize("name", HOOKED)
def test_hooks_taken_out_later_leave_what_came_since(world: World, name: str) -> None:
    """Without the way back over a backup, too, nothing but them goes."""
    wish, before = hooks_of(world, name), PERSONS[name]

    after = wish.cut(wish.added(before))

    theirs = parsed(before, wish.client)
    theirs["hooks"] = {event: groups for event, groups in theirs["hooks"].items() if groups}
    assert parsed(after, wish.client) == theirs
    assert wish.found(after) is None


@given(data=st.data())
@pytest.mark.parametrize("name", HOOKED)
def test_no_settings_lose_a_hook(name: str, data: st.DataObject) -> None:
    """Whatever is hooked already, laid out in whatever way: it is there with ours, and when ours are gone."""
    wish = extras.hooks_of(CLIENTS[name], None, {"HOME": "/nowhere"}, ("/opt/bin/memfs",))
    ours = [{"hooks": [{"command": "/old/memfs hook stop"}, {"command": "bell"}]}, {"command": "/old/memfs hook x"}]
    theirs: list[Any] = [{"matcher": "Bash", "hooks": [{"command": "say 'a"}, {"command": ""}]}, {"command": "a"}, 3]
    event = st.sampled_from([*wish.template["hooks"], "Other"])
    groups = st.lists(st.sampled_from([*ours, *theirs]), max_size=4)
    hooks = data.draw(st.dictionaries(event, groups, max_size=4))
    text = json.dumps({"version": 1, "hooks": hooks, "z": [1]}, indent=data.draw(st.sampled_from([None, 1, "\t"])))

    after = parsed(wish.added(text), wish.client)
    gone = parsed(wish.cut(text), wish.client)

    for event_name, had in hooks.items():
        rest = [each for each in had if each not in ours] + [{"hooks": [{"command": "bell"}]}] * had.count(ours[0])
        assert all(each in after["hooks"][event_name] for each in had if each not in ours)
        assert sorted(map(str, gone.get("hooks", {}).get(event_name, []))) == sorted(map(str, rest))
    assert wish.template["hooks"].keys() <= after["hooks"].keys()
    assert (gone["version"], gone["z"], after["z"]) == (1, [1], [1])


def test_of_a_hook_that_is_there_only_the_command_changes(world: World) -> None:
    """A person's timeout stays, and a handler that a person put beside ours stays when ours goes."""
    before = json.dumps({
        "hooks": {
            "Stop": [
                {"matcher": "", "hooks": [
                    {"type": "command", "command": "/old/memfs", "args": ["hook", "stop"], "timeout": 99},
                    {"type": "command", "command": "bell"},
                ]}
            ]
        }
    })  # fmt: skip
    wish = hooks_of(world, "claude-code")

    after = wish.added(before)
    gone = wish.cut(after)

    handler = json.loads(after)["hooks"]["Stop"][0]["hooks"][0]
    assert handler == {"type": "command", "command": "/opt/bin/memfs", "args": ["hook", "stop"], "timeout": 99}
    assert wish.added(after) == after
    assert json.loads(gone) == {"hooks": {"Stop": [{"matcher": "", "hooks": [{"type": "command", "command": "bell"}]}]}}


def test_a_launcher_of_several_words_is_written_as_the_client_takes_it(world: World) -> None:
    """Apart, where commands have arguments; quoted, where a shell reads them; and known again."""
    launcher = ("/my bin/uvx", "--from", "memfs-store", "memfs")

    for name in HOOKED:
        wish = hooks_of(world, name, *launcher)
        text = wish.added("")
        assert all(tuple(words[:4]) == launcher for words in commands_in(json.loads(text)))
        assert wish.found(text) == wish
        assert wish.cut(text).split() in (["{}"], ["{", '"version":', "1", "}"])


@pytest.mark.parametrize("text", ['{"hooks": []}', '{"hooks": {"SessionStart": {}}}', "[]", '{"hooks": {}', "{} // a"])
def test_settings_that_hold_no_hooks_where_hooks_belong_are_left(world: World, text: str) -> None:
    """Refused with a sentence that names the file, and not a byte is written."""
    path = world.root / "home/.claude/settings.json"
    path.parent.mkdir()
    path.write_text(text)
    before = files_below(world.root / "home")

    answer = memfs(world, "setup", "claude-code", "--hooks")

    assert answer.code == 6
    assert answer.sentence.startswith(f"{path} cannot be changed by memfs: ")
    assert files_below(world.root / "home") == before


# ---- rules


@pytest.mark.parametrize("name", RULED)
def test_rules_come_into_the_file_that_the_client_reads(world: World, name: str) -> None:
    """Of the project, from anywhere in it; between markers; and out again."""
    (world.folder() / ".git").mkdir()
    below = world.folder() / "src"
    below.mkdir()
    path = world.folder() / CLIENTS[name].rules

    made = as_json(world, "setup", name, "--rules", folder=below)

    assert made["path"] == str(path)
    assert path.read_text() == (AGENTS / "AGENTS.md").read_text()
    assert path.name in made["next"]
    assert as_json(world, "setup", name, "--rules", folder=below)["action"] == "unchanged"
    as_json(world, "setup", name, "--rules", "--remove", folder=below)
    assert not path.exists()


RULES = Rules(Path("/nowhere"), f"{BEGIN}\n## Memory\n\nSearch it.\n{END}", "")


@given(st.lists(st.sampled_from(["a", "# b", " ", "é", "<!--", "-->", "\n", "\r\n"]), max_size=20).map("".join))
def test_rules_go_as_they_came(text: str) -> None:
    """Whatever stood there, with its last line ended or not, stands there again, to the character."""
    added = RULES.added(text)

    assert added.startswith(text)
    assert RULES.found(added) is not None
    assert RULES.added(added) == added
    assert RULES.cut(added) == text


def test_rules_are_brought_up_to_date_where_they_are() -> None:
    """An older block becomes the new one, and what stands around it stays."""
    old = f"# A\r\n\r\n{BEGIN}\r\nolder\r\n{END}\r\n\r\nmore\r\n"

    new = RULES.added(old)

    assert new == old.replace("older", "## Memory\r\n\r\nSearch it.")
    assert RULES.cut(new) == "# A\r\n\r\nmore\r\n"


@pytest.mark.parametrize("text", [BEGIN, f"{END}\n{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}", f"{BEGIN}\n{BEGIN}\n{END}"])
@pytest.mark.parametrize("remove", [False, True])
def test_markers_without_a_partner_are_left_alone(world: World, text: str, *, remove: bool) -> None:
    """Nobody can say where the block ends."""
    path = world.folder() / "AGENTS.md"
    path.write_text(text)

    answer = memfs(world, "setup", "codex", "--rules", *(["--remove"] if remove else []))

    assert answer.code == 6
    assert "do not make one pair" in answer.sentence
    assert path.read_text() == text


# ---- the plugin


def test_the_plugin_is_set_up_and_taken_out(world: World) -> None:
    """Known and enabled in the user's settings, laid out where it stays when memfs is upgraded; and gone again."""
    path = world.root / "home/.claude/settings.json"
    path.parent.mkdir()
    path.write_text('{"model": "opus", "enabledPlugins": {"other@tools": true}}')
    before = files_below(world.root)

    dry = as_json(world, "setup", "claude-code", "--plugin", "--dry-run")
    assert files_below(world.root) == before
    made = as_json(world, "setup", "claude-code", "--plugin")

    folder = world.state / "agents" / "claude-code"
    settings = loaded(path)
    assert dry == made | {"written": False, "backup": None}
    assert (made["path"], made["folder"]) == (str(path), str(folder))
    assert settings["extraKnownMarketplaces"] == {"memfs": {"source": {"source": "directory", "path": str(folder)}}}
    assert settings["enabledPlugins"] == {"other@tools": True, "memfs@memfs": True}
    assert files_below(folder).keys() == files_below(MARKETPLACE).keys()
    assert as_json(world, "setup", "claude-code", "--plugin")["action"] == "unchanged"
    assert "plugin" in as_json(world, "setup")["clients"][0]["parts"]
    gone = as_json(world, "setup", "claude-code", "--plugin", "--remove")
    assert path.read_bytes() == before["home/.claude/settings.json"]
    assert not folder.exists()
    assert any("claude plugin uninstall" in note for note in gone["notes"])


def test_what_the_plugin_starts_is_this_memfs(world: World) -> None:
    """Run as Claude Code would, with an empty PATH, from another folder."""
    folder = Path(as_json(world, "setup", "claude-code", "--plugin")["folder"])
    commands = [words for path in folder.rglob("*.json") for words in commands_in(loaded(path))]

    assert {tuple(words[1:]) for words in commands} >= {("serve",), ("hook", "session-start"), ("watch", "--session")}
    [program] = {words[0] for words in commands}
    environ = world.environ | {"PATH": "/nowhere"}
    done = subprocess.run([program, "--version"], env=environ, cwd="/", capture_output=True, text=True, check=True)
    assert done.stdout.startswith("memfs, version ")


def test_a_plugin_of_an_earlier_memfs_is_brought_up_to_date(world: World) -> None:
    """Run again, the folder is as this memfs hands it out; the settings are not touched."""
    made = as_json(world, "setup", "claude-code", "--plugin")
    folder, wanted = Path(made["folder"]), files_below(Path(made["folder"]))
    (folder / "plugin/hooks/hooks.json").write_text("{}")
    (folder / "plugin/old.md").write_text("of an earlier one")
    settings = touched(Path(made["path"]))

    dry = as_json(world, "setup", "claude-code", "--plugin", "--dry-run")
    assert files_below(folder) != wanted
    again = as_json(world, "setup", "claude-code", "--plugin")

    assert (dry["action"], again["action"], again["diff"]) == ("updated", "updated", "")
    assert files_below(folder) == wanted
    assert touched(Path(made["path"])) == settings


def test_a_disabled_plugin_is_enabled_and_a_moved_one_found(world: World) -> None:
    """Only the two places change that are memfs's."""
    path = world.root / "home/.claude/settings.json"
    path.parent.mkdir()
    path.write_text(
        '{"enabledPlugins": {"memfs@memfs": false},\n'
        ' "extraKnownMarketplaces": {"memfs": {"source": {"source": "directory", "path": "/old"}}}}'
    )

    assert as_json(world, "setup", "claude-code", "--plugin")["action"] == "updated"

    assert loaded(path)["enabledPlugins"] == {"memfs@memfs": True}
    assert "/old" not in path.read_text()


def test_another_marketplace_of_that_name_is_left_alone(world: World) -> None:
    """The user got it elsewhere, and is told how to take it out."""
    path = world.root / "home/.claude/settings.json"
    path.parent.mkdir()
    path.write_text('{"extraKnownMarketplaces": {"memfs": {"source": {"source": "github", "repo": "a/b"}}}}')
    before = files_below(world.root / "home")

    for arguments in (("--plugin",), ("--plugin", "--remove")):
        answer = memfs(world, "setup", "claude-code", *arguments)
        assert answer.code == 6
        assert "claude plugin marketplace remove memfs" in answer.sentence

    assert files_below(world.root / "home") == before


def test_what_stands_there_twice_is_said(world: World) -> None:
    """Claude Code starts one of two servers that are the same, but calls a hook as often as it finds it."""
    as_json(world, "setup", "claude-code", "--plugin")

    server = as_json(world, "setup", "claude-code")["notes"]
    hooks = as_json(world, "setup", "claude-code", "--hooks")["notes"]

    assert any("one is enough" in note for note in server)
    assert any("--hooks --remove" in note for note in hooks)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("cursor", "--plugin"), 2, "memfs setup claude-code --plugin"),
        (("claude-code", "--plugin", "--project"), 2, "yours alone"),
        (("claude-code", "--plugin", "--hooks"), 2, "One at a time"),
        (("claude-code", "--hooks", "--as", "recall"), 2, "leave them out with --hooks"),
        (("claude-code", "--plugin", "--mode", "global"), 2, "leave them out with --plugin"),
        (("claude-desktop", "--hooks"), 2, "claude-code, cursor, codex, gemini"),
        (("vscode", "--hooks"), 2, "knows no hooks of VS Code"),
        (("claude-desktop", "--rules"), 2, "reads no rules"),
        (("--hooks",), 2, "Name the client"),
        (("gemini", "--rules"), 6, "leads out of the project"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(world: World, arguments: tuple[str, ...], code: int, words: str) -> None:
    """With the exit code of its kind, and no file changes."""
    (world.folder() / "GEMINI.md").symlink_to(world.root / "home" / "GEMINI.md")
    before = files_below(world.root)

    answer = memfs(world, "setup", *arguments)

    assert answer.code == code
    assert words in answer.sentence
    assert files_below(world.root) == before
