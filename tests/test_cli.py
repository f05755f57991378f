"""The command line: every command, its text and its JSON, exit codes, errors, and what a person or a pipe gets."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from memfs.faces import render
from memfs.faces.cli import COMMANDS
from memfs.memory import TYPES
from memfs.memory import digest
from tests.commands import MEMFS
from tests.commands import Answer
from tests.commands import as_json
from tests.commands import editor
from tests.commands import memfs
from tests.worlds import DEADLINE_SECONDS
from tests.worlds import World
from tests.worlds import files_below
from tests.worlds import new_world
from tests.worlds import without_powers

GITHUB_TOKEN = "ghp_" + "a1B2" * 9
STYLE = re.compile(r"\x1b\[[0-9;]*m")
"""What Rich puts around styled text; nothing else may steer the terminal."""
UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")
EVIL = "\x1b]0;owned\x07 \x1b[2J \x9b31m \u202egnp.exe \u200b \U000e0041 \x7f \x08"
"""Window titles, cleared screens, turned writing and hidden letters, as a stranger's memory may hold them."""


def put(folder: Path, name: str, text: str) -> Path:
    """Write a memory into the store of the workspace *folder*; return its path."""
    path = folder / ".memory" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def at_terminal(world: World, *arguments: str, **environ: str) -> Answer:
    """Run `memfs` at a terminal, typing nothing; standard error goes there too."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*MEMFS, *arguments],
        cwd=world.folder(),
        env={**world.environ, "TMPDIR": str(world.root / "home"), "TERM": "xterm", "COLUMNS": "200", **environ},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65_536):
            shown += piece
    except OSError:
        pass  # the process at the other end is gone
    finally:
        os.close(ours)
    return Answer(process.wait(DEADLINE_SECONDS), shown.decode(), "")


@pytest.fixture
def saved(world: World) -> dict[str, Any]:
    """Return what a first save answers, made without the command, which is faster."""
    done = world.open().save("ULIDs sort by time.", {"title": "Use ULIDs", "tags": ["ids"], "type": "decision"})
    return render.done_json(done)


@pytest.fixture
def hybrid(world: World) -> World:
    """Return a machine in hybrid mode, whose workspace is in the group `team`."""
    world.config(f'mode = "hybrid"\n[groups.team]\nmembers = ["{world.folder()}"]\n')
    return world


# ---- help and usage


FOR_PROGRAMS = {"merge-driver"}
"""Commands that git calls: they explain themselves, and stand in no list."""


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Answer:
    """Return the list of commands, as a person has it."""
    return memfs(new_world(tmp_path_factory.mktemp("listed")), "-h")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(world: World, listed: Answer, command: str) -> None:
    """With its usage, in one sentence at least, and its options; the list of commands has the same sentence."""
    shown = memfs(world, command, "--help")

    assert shown.code == listed.code == 0
    assert shown.out.startswith("Usage: ")
    first = shown.out.split("\n\n")[1].strip().splitlines()[0]
    line = rf"^  {command} +{re.escape(first.split('.')[0][:20])}"
    assert bool(re.search(line, listed.out, re.MULTILINE)) is (command not in FOR_PROGRAMS)


def test_the_help_lists_the_exit_codes(world: World) -> None:
    """Each code that an error of the tree has, and the doctor's."""
    shown = memfs(world, "--help").out

    assert "Exit codes:" in shown
    assert all(re.search(rf"\b{code}  ", shown) for code in range(10))


def test_without_a_command_the_help_is_shown(world: World) -> None:
    """As wrong usage, so that a script notices."""
    answer = memfs(world)

    assert answer.code == 2
    assert "Usage:" in answer.out + answer.err


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (("serch", "x"), "search"),
        (("mov", "x"), "move"),
        (("search", "x", "--limt", "3"), "--limit"),
        (("list", "--tpye", "x"), "--type"),
        (("save", "x", "--imporance", "3"), "--importance"),
        (("save", "x", "--type", "decsion"), "decision"),
        (("list", "--type", "directives"), "directive"),
        (("update", "x", "--type", "eror"), "error"),
        (("update", "x", "--unset", "tgas"), "tags"),
        (("config", "set", "mod", "hybrid"), "mode"),
        (("config", "get", "weights.globall"), "weights.global"),
        (("config", "unset", "limits.regex"), "limits.regex_seconds"),
        (("path", "globel"), "global"),
        (("get", "use ULID"), "Use ULIDs"),
        (("config", "st", "mode", "hybrid"), "set"),
        (("completion", "bsh"), "bash"),
        (("save", "x", "--scope", "globl"), "global"),
        (("list", "--sort", "importence"), "importance"),
        (("list", "--mode", "hybird"), "hybrid"),
    ],
)
def test_an_unknown_word_suggests_near_ones(
    world: World, saved: dict[str, Any], arguments: tuple[str, ...], near: str
) -> None:
    """Command, option, type, key, setting, place, title, scope, order or mode: a sentence with what was meant."""
    answer = memfs(world, *arguments)

    assert answer.code in (2, 3)
    assert near in answer.sentence
    error = memfs(world, *arguments, "--json").error
    assert near in error["message"]
    assert error["code"] in ("usage", "invalid", "not_found")
    assert list((world.folder() / ".memory").rglob("*.md")) == [Path(saved["path"])]


# ---- save


def test_save_answers_what_programs_rely_on(world: World) -> None:
    """Id, title, scope, path and digest; the file is there with these bytes."""
    saved = as_json(world, "save", "ULIDs sort by time.", "--title", "Use ULIDs", "--tag", "ids", "--type", "decision")
    raw = Path(saved["path"]).read_bytes()

    assert saved["digest"] == digest(raw)
    assert (saved["title"], saved["scope"], saved["type"]) == ("Use ULIDs", "workspace", "decision")
    assert Path(saved["path"]).parent == world.folder() / ".memory"
    assert f"id: {saved['id']}\n" in raw.decode()
    assert raw.endswith(b"\n\nULIDs sort by time.\n")


def test_save_tells_people_where_it_went(world: World) -> None:
    """A line that says what was saved under which id, and one that says where."""
    answer = memfs(world, "save", "We deploy on Fridays.")

    first, second = answer.out.splitlines()
    assert re.fullmatch(r"Saved We deploy on Fridays\.  [0-9A-Z]{26}", first)
    assert second.startswith(f"workspace: {world.folder()}/.memory/we-deploy-on-fridays-")
    assert (answer.code, answer.err) == (0, "")


def test_save_takes_every_key_from_its_options(world: World) -> None:
    """What is given by option is what `get` shows."""
    options = {
        "title": "T", "type": "todo", "importance": "9", "category": "c", "summary": "s", "expires": "2999-01-01",
    }  # fmt: skip
    arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
    lists = ("--tag", "a", "--tag", "b, c", "--channel", "x", "--cue", "q", "--about", "src/*.py", "--pinned")

    memory = as_json(world, "get", as_json(world, "save", "x", *arguments, *lists)["id"])

    expected = {**options, "importance": 9, "expires": "2999-01-01T00:00:00Z", "pinned": True}
    expected |= {"tags": ["a", "b, c"], "channels": ["x"], "cues": ["q"], "about": ["src/*.py"], "body": "x"}
    assert {key: memory[key] for key in expected} == expected


def test_save_takes_its_text_from_a_pipe_or_a_file(world: World) -> None:
    """Standard input, with or without `-`; a file; a whole memory with a header, which the options come before."""
    (world.folder() / "note.md").write_text("---\ntitle: From a file\nimportance: 8\n---\nfile text\n")

    piped = as_json(world, "get", as_json(world, "save", stdin="piped text\n")["id"])
    dashed = as_json(world, "get", as_json(world, "save", "-", stdin="dashed text")["id"])
    filed = as_json(world, "get", as_json(world, "save", "--file", "note.md", "--importance", "3")["id"])

    assert [memory["body"] for memory in (piped, dashed, filed)] == ["piped text", "dashed text", "file text"]
    assert (filed["title"], filed["importance"]) == ("From a file", 3)


@pytest.mark.parametrize("text", ["- a list\n- of two", "-x", "--- \nrule", "# heading", "", " "], ids=repr)
def test_a_text_that_begins_with_a_minus_is_a_text(world: World, text: str) -> None:
    """Markdown lists begin so. An empty text is refused in a sentence, and nothing is saved."""
    answer = memfs(world, "save", text, "--json")

    if text.strip() and not text.startswith("---"):
        assert world.open().get(answer.json["id"]).memory.body == text
    else:
        assert answer.error["code"] in ("invalid", "usage")
        assert world.open().list().total == 0
    another = as_json(world, "save", "--", f"{text}x")["id"]
    assert world.open().get(another).memory.body.strip() == f"{text}x".strip()


def test_save_refuses_what_it_cannot_keep(world: World) -> None:
    """Two texts at once, a header that does not end or with foreign keys, bytes that are no text: a sentence each."""
    (world.folder() / "note.md").write_text("text\n")
    refused = [
        memfs(world, "save", "text", "--file", "note.md"),
        memfs(world, "save", "--file", "nowhere.md"),
        memfs(world, "save", "-", stdin="---\ntitle: x\n"),
        memfs(world, "save", "-", stdin="---\ncolour: red\n---\nx\n"),
        memfs(world, "save", "-", stdin=b"\xff\xfe\x00"),
        memfs(world, "save", "x", "--importance", "11"),
        memfs(world, "save", "x", "--expires", "soon"),
        memfs(world, "save", b"half \xff character"),
    ]

    assert [answer.code for answer in refused] == [2] * len(refused)
    assert all(answer.sentence for answer in refused)
    assert files_below(world.folder() / ".memory") == {}


def test_save_goes_where_the_mode_lets_it(hybrid: World) -> None:
    """--global and --scope are wishes; in isolated mode the answer says that it was not granted."""
    assert as_json(hybrid, "save", "a", "--global")["scope"] == "global"
    assert as_json(hybrid, "save", "b", "--scope", "group:team")["scope"] == "group:team"
    assert as_json(hybrid, "save", "c", "--mode", "global")["scope"] == "global"
    isolated = as_json(hybrid, "save", "d", "--global", "--mode", "isolated")
    assert isolated["scope"] == "workspace"
    assert "Set WORKSPACE_MODE=hybrid or global" in isolated["notes"][0]
    shown = memfs(hybrid, "--mode", "isolated", "save", "e", "--global")
    assert "note: Saved to the workspace, not globally." in shown.out


def test_a_secret_is_refused_and_not_repeated(world: World) -> None:
    """From an argument, a pipe, an option or an update: refused by kind and line, and never shown or kept."""
    known = as_json(world, "save", "fine")["id"]
    before = files_below(world.root)
    for arguments, stdin in (
        (("save", f"token {GITHUB_TOKEN}"), ""),
        (("save",), f"one\n{GITHUB_TOKEN}\n"),
        (("save", "x", "--title", GITHUB_TOKEN), ""),
        (("save", "x", "--tag", GITHUB_TOKEN), ""),
        (("update", known, "--body", GITHUB_TOKEN), ""),
        (("tag", known, GITHUB_TOKEN), ""),
    ):
        answer = memfs(world, *arguments, "--json", stdin=stdin)
        assert answer.error["code"] == "secret_found"
        assert answer.code == 6
        assert GITHUB_TOKEN not in answer.out + answer.err

    after = files_below(world.root)
    assert {name: raw for name, raw in after.items() if "cache/" not in name} == {
        name: raw for name, raw in before.items() if "cache/" not in name
    }
    assert as_json(world, "save", f"token {GITHUB_TOKEN}", "--allow-secret")["id"]


# ---- save and edit with an editor


@pytest.mark.parametrize("kind", TYPES)
def test_save_opens_a_template_of_the_type(world: World, kind: str) -> None:
    """The editor gets a starting text with guidance in comments, of which nothing is kept."""
    script = editor(world, 'cp "$1" "$HOME/template"; sed -i "s/^title:.*/title: Mine/" "$1"; echo "My words." >> "$1"')

    answer = at_terminal(world, "save", "--type", kind, "--json", EDITOR=script)

    memory = as_json(world, "get", json.loads(answer.out)["id"])
    assert (memory["title"], memory["type"]) == ("Mine", kind)
    assert "My words." in memory["body"]
    assert "<!--" in (world.root / "home/template").read_text()
    assert "<!--" not in memory["body"]


def test_a_template_left_as_it_is_saves_nothing(world: World) -> None:
    """Closing the editor without a word is no wish to save; neither is a failing editor or an emptied file."""
    for script, said in (
        ("true", "left as it was"),
        (': > "$1"', "there is no text"),
        ("exit 3", "ended with 3"),
    ):
        answer = at_terminal(world, "save", "--type", "decision", EDITOR=editor(world, script))
        assert answer.code == 2
        assert said in answer.out
    assert "No editor is set" in at_terminal(world, "save").out
    assert "cannot be started" in at_terminal(world, "save", EDITOR="/nowhere/editor").out
    assert files_below(world.folder() / ".memory") == {}
    assert files_below(world.root / "home") == {}


def test_what_was_written_in_an_editor_is_kept_when_it_cannot_be_saved(world: World) -> None:
    """A header with a slip, a secret: the sentence says where the draft is, and how to save it when it is mended."""
    for text in ("---\ntitle: a: b\n---\nLong thoughts.\n", f"Long thoughts, and {GITHUB_TOKEN}.\n"):
        script = editor(world, f'printf %s {shlex.quote(text)} > "$1"')

        answer = at_terminal(world, "save", EDITOR=script)

        assert answer.code in (2, 6)
        draft = Path(answer.out.replace("\r\n", " ").replace("\n", " ").split("memfs save -f ")[1].split()[0])
        assert draft.read_text() == text
        assert GITHUB_TOKEN not in answer.out
    assert files_below(world.folder() / ".memory") == {}


def test_visual_comes_before_editor_and_may_have_arguments(world: World) -> None:
    """As with git and everything else."""
    script = editor(world, 'echo "$1 $2" > "$HOME/called"; echo words >> "$2"')

    answer = at_terminal(world, "save", "--json", VISUAL=f"{script} --wait", EDITOR="/nowhere/editor")

    assert answer.code == 0
    assert (world.root / "home/called").read_text().startswith("--wait /")


def test_edit_opens_the_file_itself(world: World, saved: dict[str, Any]) -> None:
    """The edit is found at once; what is doubtful in it is told; a file left alone is told too."""
    script = editor(world, 'test "$1" = "$HOME/../project/.memory/x" || sed -i "s/by time/by zebra/" "$1"')
    edited = memfs(world, "edit", "Use ULIDs", "--json", environ={"EDITOR": script}).json
    left = memfs(world, "edit", saved["id"], environ={"EDITOR": editor(world, "true")})
    doubtful = memfs(
        world, "edit", saved["id"], environ={"EDITOR": editor(world, 'sed -i "s/^type:.*/importance: x/" "$1"')}
    )

    assert (edited["id"], edited["path"]) == (saved["id"], saved["path"])
    assert edited["digest"] != saved["digest"]
    assert as_json(world, "search", "zebra")["hits"][0]["id"] == saved["id"]
    assert "note: The file was left as it was." in left.out
    assert "`importance` is not a whole number" in doubtful.out


def test_edit_opens_what_cannot_be_read(world: World) -> None:
    """That is how a broken memory is mended."""
    path = put(world.folder(), "bad.md", "---\na: [\n---\nwords\n")

    answer = memfs(world, "edit", "bad.md", environ={"EDITOR": editor(world, 'sed -i "s/a: ./a: []/" "$1"')})

    assert answer.code == 0
    assert path.read_text() == "---\na: []\n---\nwords\n"


# ---- get, search, list


def test_get_answers_what_programs_rely_on(world: World, saved: dict[str, Any]) -> None:
    """All of it by id, prefix, path and title; the digest is the file's."""
    names = (saved["id"], saved["id"][:12].lower(), saved["path"], Path(saved["path"]).name, "use ulids")
    answers = [as_json(world, "get", name) for name in names]

    assert all(answer == answers[0] for answer in answers)
    expected = {"id", "title", "scope", "path", "digest", "body", "type", "importance", "tags", "created", "updated"}
    assert expected | {"trusted"} <= answers[0].keys()
    assert answers[0]["body"] == "ULIDs sort by time."
    assert answers[0]["digest"] == digest(Path(saved["path"]).read_bytes())


def test_get_shows_people_the_whole_memory(world: World, saved: dict[str, Any]) -> None:
    """Title, facts, place and text; `--body` only the text."""
    shown = memfs(world, "get", saved["id"]).out.splitlines()
    body = memfs(world, "get", saved["id"], "--body").out

    assert shown[0] == "Use ULIDs"
    assert shown[1].startswith("workspace · decision · importance 5 · just now · #ids")
    assert saved["id"] in shown[1]
    assert shown[2:] == [saved["path"], "", "ULIDs sort by time."]
    assert body == "ULIDs sort by time.\n"


def test_relative_paths_begin_where_one_stands(world: World, saved: dict[str, Any]) -> None:
    """In the workspace, below it, or in the folder that -C names, before or behind the command."""
    name = Path(saved["path"]).name
    store, elsewhere = world.folder() / ".memory", world.root / "home"

    assert as_json(world, "get", f".memory/{name}")["id"] == saved["id"]
    assert as_json(world, "get", f"./{name}", folder=store)["id"] == saved["id"]
    assert as_json(world, "-C", str(store), "get", f"./{name}", folder=elsewhere)["id"] == saved["id"]
    assert as_json(world, "get", f".memory/{name}", "-C", "../project", folder=elsewhere)["id"] == saved["id"]
    notes = world.root / "notes"
    notes.mkdir()
    (notes / "note.md").write_text("text of a note\n")
    assert as_json(world, "save", "-f", "note.md", "-C", str(notes))["title"] == "text of a note"


def test_an_ambiguous_name_lists_what_it_could_be(world: World) -> None:
    """On standard error with exit code 4; as JSON with the candidates as a list."""
    for name in ("a", "b"):
        put(world.folder(), f"{name}.md", f"---\nid: abc{name}\ntitle: Title {name}\n---\n")

    answer = memfs(world, "get", "abc")
    error = memfs(world, "get", "abc", "--json").error

    assert answer.code == 4
    assert "abca  workspace  Title a" in answer.sentence
    assert error["code"] == "ambiguous"
    assert error["candidates"] == ["abca  workspace  Title a", "abcb  workspace  Title b"]


def test_two_copies_of_one_title_are_told_apart_by_their_paths(world: World) -> None:
    """Their id is the same: what was published is named by where it lies, which `forget` takes."""
    mine = put(world.folder(), "a.md", "---\nid: abca\ntitle: Title a\n---\n")
    (world.home / "global").mkdir(parents=True)
    (world.home / "global/a.md").write_bytes(mine.read_bytes())

    answer = memfs(world, "--mode", "hybrid", "forget", "Title a")
    path = answer.sentence.split("  abca  workspace  ")[1].split()[0]

    assert (answer.code, path) == (4, str(mine))
    assert memfs(world, "--mode", "hybrid", "forget", path).code == 0


def test_two_files_of_one_id_are_named_by_their_paths(world: World) -> None:
    """Exit code 5, both paths, also for programs."""
    paths = [str(put(world.folder(), f"{name}.md", f"---\nid: twin\n---\n{name}\n")) for name in ("a", "b")]

    answer = memfs(world, "forget", "twin")
    error = memfs(world, "forget", "twin", "--json").error

    assert answer.code == 5
    assert all(path in answer.sentence for path in paths)
    assert (error["code"], sorted(error["paths"])) == ("twins", paths)


def test_search_answers_what_programs_rely_on(hybrid: World) -> None:
    """The query, the mode, and hits with a score that is made of its parts and a snippet with the matches marked."""
    as_json(hybrid, "save", "The connection pool is full.", "--title", "Pools")
    as_json(hybrid, "save", "Connections are pooled.", "--title", "More", "--global")

    answer = as_json(hybrid, "search", "connection", "pool")

    assert (answer["query"], answer["mode"]) == ("connection pool", "hybrid")
    assert [hit["scope"] for hit in answer["hits"]] == ["workspace", "global"]
    for hit in answer["hits"]:
        assert {"id", "title", "scope", "path", "score", "snippet", "score_parts"} <= hit.keys()
        assert hit["score"] == pytest.approx(hit["score_parts"]["text"] * hit["score_parts"]["weight"], abs=2e-4)
        assert "body" not in hit
    assert answer["hits"][0]["snippet"].startswith("The **connection** **pool** is full")
    assert answer["hits"][1]["score_parts"]["weight"] == 0.9


def test_search_shows_people_numbered_hits(world: World, saved: dict[str, Any]) -> None:
    """Title and score, facts, snippet; or that there is nothing, and what to do."""
    shown = memfs(world, "search", "ulids").out.splitlines()
    nothing = memfs(world, "search", "zebra")

    assert re.fullmatch(r"1\. Use ULIDs  \d\.\d\d", shown[0])
    assert saved["id"] in shown[1]
    assert shown[2].startswith("   **ULIDs** sort by time")
    assert nothing.code == 0
    assert nothing.out.startswith("Nothing found.")


def test_words_with_a_minus_leave_memories_out(world: World) -> None:
    """Whatever letter they begin with: `-nginx` is not the option `-n`, nor `-html` a call for help."""
    as_json(world, "save", "Deploy with nginx, html, CSS and 404 pages.")
    as_json(world, "save", "Deploy with caddy.")

    for word in ("-nginx", "-html", "-CSS", "-404", "-auth -nginx"):
        hits = as_json(world, "search", "deploy", *word.split())["hits"]
        assert [hit["title"] for hit in hits] == ["Deploy with caddy."], word
    assert len(as_json(world, "search", "deploy", "-n1")["hits"]) == 1
    assert len(as_json(world, "search", "-n", "1", "deploy")["hits"]) == 1
    assert len(as_json(world, "search", "--limit=1", "deploy")["hits"]) == 1
    assert len(as_json(world, "search", "--regex", "-nope|caddy", "--", "deploy")["hits"]) == 1


def test_search_and_list_take_the_same_filters_as_options(world: World) -> None:
    """Each option narrows both; they hold together with what is typed."""
    as_json(
        world, "save", "one", "--tag", "x", "--type", "error", "--importance", "9", "--category", "c", "--channel", "h"
    )
    as_json(world, "save", "two", "--tag", "y")
    put(world.folder(), "old.md", "---\ncreated: 2020-05-05\nexpires: 2021-01-01\n---\nthree\n")

    for options, titles in (
        (("--tag", "X"), {"one"}),
        (("--tag", "x", "--tag", "y"), {"one", "two"}),
        (("--type", "error"), {"one"}),
        (("--category", "C"), {"one"}),
        (("--channel", "h"), {"one"}),
        (("--min-importance", "8"), {"one"}),
        (("--since", "1h"), {"one", "two"}),
        (("--until", "2020-06", "--expired"), {"three"}),
        (("--until", "2020-06"), set()),
        (("--scope", "workspace"), {"one", "two"}),
        (("--since", "2020-01-01", "--expired"), {"one", "two", "three"}),
    ):
        assert {hit["title"] for hit in as_json(world, "search", *options)["hits"]} == titles
        assert {each["title"] for each in as_json(world, "list", *options)["memories"]} == titles
    assert as_json(world, "search", "tag:x", "--tag", "y")["hits"] != []
    assert memfs(world, "list", "--since", "soon").sentence.startswith("soon is no time")
    assert memfs(world, "list", "--min-importance", "0").code == 2


def test_list_answers_what_programs_rely_on(world: World, saved: dict[str, Any]) -> None:
    """Newest first, a page at a time, with how to get the next one."""
    later = as_json(world, "save", "Later.")
    put(world.folder(), "first.md", "---\ncreated: 2020-01-01\n---\nFirst.\n")

    answer = as_json(world, "list")
    page = as_json(world, "list", "-n", "1", "--offset", "1", "--sort", "importance")

    expected = {"id", "title", "scope", "path", "type", "importance", "tags", "created"}
    assert all(expected <= memory.keys() for memory in answer["memories"])
    assert {memory["id"] for memory in answer["memories"][:2]} == {saved["id"], later["id"]}
    assert answer["memories"][2]["title"] == "First."
    assert (answer["total"], answer["next_offset"]) == (3, None)
    assert (len(page["memories"]), page["total"], page["next_offset"]) == (1, 3, 2)
    shown = memfs(world, "list", "-n", "1").out
    assert "1 of 3; the next page: --offset 1" in shown


def test_an_empty_store_says_what_to_do(world: World) -> None:
    """Nothing there is no error."""
    assert memfs(world, "list").out.startswith("No memories here yet. Save one: memfs save")
    assert as_json(world, "list") == {"memories": [], "total": 0, "next_offset": None, "notes": []}


# ---- update, tag, move, forget, restore, undo


def test_update_changes_keys_and_text(world: World, saved: dict[str, Any]) -> None:
    """Options set, --unset removes, --body replaces the text, from standard input with `-`."""
    changed = as_json(world, "update", saved["id"], "--importance", "9", "--tag", "a", "--tag", "b", "--unset", "type")
    texted = as_json(world, "update", "Use ULIDs", "--body", "-", stdin="New text.\n")

    assert (changed["importance"], changed["tags"], changed["type"]) == (9, ["a", "b"], "information")
    assert changed["digest"] != saved["digest"]
    memory = as_json(world, "get", saved["id"])
    assert memory["body"] == "New text."
    assert memory["digest"] == texted["digest"]
    assert as_json(world, "update", saved["id"], "--body", "- item")["id"] == saved["id"]
    assert memfs(world, "update", saved["id"]).sentence.startswith("Say what to change")


def test_update_with_another_digest_is_a_conflict(world: World, saved: dict[str, Any]) -> None:
    """Exit code 5, and the file keeps the edit that the caller has not seen."""
    path = Path(saved["path"])
    path.write_text(path.read_text() + "An edit.\n")

    for command in (("update", saved["id"], "--title", "x"), ("forget", saved["id"])):
        answer = memfs(world, *command, "--digest", saved["digest"], "--json")
        assert answer.code == 5
        assert (answer.error["code"], answer.error["path"]) == ("changed", str(path))
    assert path.read_text().endswith("An edit.\n")
    now = as_json(world, "get", saved["id"])["digest"]
    assert as_json(world, "update", saved["id"], "--title", "x", "--digest", now)["title"] == "x"


def test_tag_adds_removes_and_lists(world: World, saved: dict[str, Any]) -> None:
    """Case does not matter, nothing stands twice, and alone it counts all tags."""
    added = as_json(world, "tag", saved["id"], "db", "IDS", "a,b", "db")
    removed = as_json(world, "tag", saved["id"], "-r", "DB", "--remove", "nothing")
    as_json(world, "save", "x", "--tag", "ids")

    assert added["tags"] == ["ids", "db", "a,b"]
    assert removed["tags"] == ["ids", "a,b"]
    assert as_json(world, "tag") == {"tags": {"ids": 2, "a,b": 1}}
    assert memfs(world, "tag").out == "     2  ids\n     1  a,b\n"
    assert as_json(world, "tag", saved["id"], "-r", "ids", "-r", "a,b")["tags"] == []
    assert "tags:" not in Path(saved["path"]).read_text()


@pytest.mark.parametrize(
    "value", ["a]b", "a, b", "a: b", "#a", "'a'", '"a"', "a\nb", "[a]", "{a}", "no", "1.10", "a\\b", "- a", "é🎉"]
)
def test_values_of_options_come_back_exactly(world: World, value: str) -> None:
    """Brackets, commas, colons, quotes and line breaks in tags and related paths are text like any other."""
    saved = as_json(world, "save", "x", f"--tag={value}", "--tag", "plain", f"--about={value}", f"--cue={value}")
    tagged = as_json(world, "tag", saved["id"], "--", f"{value}2")

    memory = as_json(world, "get", saved["id"])
    assert memory["tags"] == tagged["tags"] == [value, "plain", f"{value}2"]
    assert memory["about"] == memory["cues"] == [value]
    assert [hit["id"] for hit in as_json(world, "list", f"--tag={value}")["memories"]] == [saved["id"]]


@pytest.mark.parametrize("to", ["workspace", "global", "group:team"])
@pytest.mark.parametrize("origin", ["workspace", "global", "group:team"])
def test_move_leads_from_any_scope_to_any_other(hybrid: World, origin: str, to: str) -> None:
    """The same id and digest, in the other scope."""
    saved = render.done_json(hybrid.open().save("A zebra.", scope=origin))

    moved = as_json(hybrid, "move", saved["id"], "--to", to)

    assert (moved["id"], moved["digest"], moved["scope"]) == (saved["id"], saved["digest"], to)
    assert Path(moved["path"]).is_file()
    assert Path(saved["path"]).exists() == (origin == to)
    assert hybrid.open().search("zebra").hits[0].entry.store.scope == to


def test_move_to_another_workspace(hybrid: World) -> None:
    """Named by its folder, absolute or from where one stands."""
    other = hybrid.folder("other")
    first, second = (as_json(hybrid, "save", text)["id"] for text in ("A zebra.", "A lion."))

    moved = as_json(hybrid, "move", first, "--to", "workspace", "--workspace", str(other))
    as_json(hybrid, "move", second, "--to", "workspace", "--workspace", "../other")

    assert Path(moved["path"]).parent == other / ".memory"
    assert as_json(hybrid, "list", folder=other)["total"] == 2
    assert as_json(hybrid, "list", "--scope", "workspace")["total"] == 0
    answer = memfs(hybrid, "move", "x", "--to", "workspace", "--workspace", str(other), "--mode", "isolated")
    assert answer.code == 6


def test_what_the_mode_does_not_serve_is_refused_in_its_sentence(world: World, saved: dict[str, Any]) -> None:
    """Exit code 6, code out_of_scope, and how to change the mode."""
    put_global = world.home / "global"
    put_global.mkdir(parents=True)
    (put_global / "g.md").write_text("---\nid: glob\n---\nA global zebra.\n")
    sentence = (
        "Global memories are not available in isolated mode. "
        "Set WORKSPACE_MODE=hybrid or global to access global memories."
    )
    for arguments in (
        ("move", saved["id"], "--to", "global"),
        ("list", "--scope", "global"),
        ("search", "scope:global", "zebra"),
        ("get", "glob", "--scope", "global"),
        ("get", str(put_global / "g.md")),
    ):
        answer = memfs(world, *arguments, "--json")
        assert (answer.code, answer.error["code"], answer.error["message"]) == (6, "out_of_scope", sentence), arguments
    assert memfs(world, "get", "glob").code == 3
    assert as_json(world, "search", "zebra")["hits"] == []
    for variable in ("MEMFS_MODE", "WORKSPACE_MODE"):
        assert memfs(world, "get", "glob", "--json", environ={variable: "hybrid"}).json["scope"] == "global"
    assert memfs(world, "get", saved["id"], "--mode", "global").code == 3


def test_forget_restore_and_undo(world: World, saved: dict[str, Any]) -> None:
    """A forgotten memory comes back by id or title; versions are listed and can be named; undo goes back in turn."""
    raw = Path(saved["path"]).read_bytes()
    shown = memfs(world, "forget", saved["id"])
    assert f"Bring it back with: memfs restore {saved['id']}" in shown.out
    assert not Path(saved["path"]).exists()
    assert as_json(world, "restore", "Use ULIDs")["path"] == saved["path"]
    assert Path(saved["path"]).read_bytes() == raw

    as_json(world, "update", saved["id"], "--body", "Second text.")
    as_json(world, "update", saved["id"], "--body", "Third text.")
    versions = as_json(world, "restore", saved["id"], "--list")["versions"]
    assert [version["verb"] for version in versions] == ["update", "update", "put_back", "save"]
    assert memfs(world, "restore", saved["id"], "--list").out == memfs(world, "history", saved["id"]).out
    as_json(world, "restore", saved["id"], versions[1]["version"])
    assert as_json(world, "get", saved["id"])["body"] == "Second text."

    undone = [as_json(world, "undo") for _ in range(3)]
    assert [each["verb"] for each in undone] == ["undo"] * 3
    assert Path(saved["path"]).read_bytes() == raw
    assert memfs(world, "restore", "nothing").code == 3
    assert memfs(world, "restore", saved["id"], "999").code == 3


def test_undo_of_nothing_is_not_found(world: World) -> None:
    """With a sentence that says so."""
    answer = memfs(world, "undo")

    assert answer.code == 3
    assert "journal is empty" in answer.sentence


# ---- init, status, doctor, reindex, trust, config, path, completion


def test_init_makes_a_store_and_says_what_to_do(world: World) -> None:
    """Twice is no error; what it made is trusted."""
    folder = world.root / "fresh"
    folder.mkdir()

    first = as_json(world, "init", folder=folder)
    second = as_json(world, "init", folder=folder)

    assert first == {"workspace": str(folder), "path": str(folder / ".memory"), "made": True}
    assert second["made"] is False
    assert as_json(world, "status", folder=folder)["stores"][0]["trusted"] is True
    assert memfs(world, "init", folder=folder).out.startswith(f"There is already {folder}/.memory")
    assert list(folder.iterdir()) == [folder / ".memory"]


def test_status_answers_what_programs_rely_on(hybrid: World) -> None:
    """Workspace, mode, and for each store its scope, path, counts and what is wrong."""
    as_json(hybrid, "save", "one")
    bad = put(hybrid.folder(), "bad.md", "---\na: [\n---\n")

    status = as_json(hybrid, "status")
    shown = memfs(hybrid, "status").out

    assert (status["workspace"], status["mode"]) == (str(hybrid.folder()), "hybrid")
    assert [store["scope"] for store in status["stores"]] == ["workspace", "group:team", "global"]
    own = status["stores"][0]
    assert own | {"path": str(hybrid.folder() / ".memory"), "count": 2, "malformed": 1} == own
    assert own["problems"][0] | {"path": str(bad), "state": "malformed", "line": 3} == own["problems"][0]
    assert "2 memories, 1 malformed" in shown
    assert "no folder yet; the first save makes it" in shown


def test_status_answers_from_a_folder_below(world: World, saved: dict[str, Any]) -> None:
    """The workspace is the nearest folder upwards that has a store."""
    deep = world.folder() / "src/deep"
    deep.mkdir(parents=True)

    assert as_json(world, "status", folder=deep)["workspace"] == str(world.folder())
    assert as_json(world, "get", saved["id"], folder=deep)["id"] == saved["id"]


def test_reindex_says_how_many(world: World, saved: dict[str, Any]) -> None:
    """And changes no file."""
    before = files_below(world.folder())

    assert as_json(world, "reindex")["memories"] == 1
    assert memfs(world, "reindex").out == "Indexed 1 memories\n"
    assert files_below(world.folder()) == before
    assert saved["id"]


def test_trust_is_given_and_taken(world: World) -> None:
    """A cloned project's memories are marked until the user says that they are theirs."""
    put(world.folder(), "a.md", "---\nid: abc\n---\nDo as I say.\n")

    assert "· untrusted" in memfs(world, "get", "abc").out
    assert as_json(world, "get", "abc")["trusted"] is False
    assert as_json(world, "search", "say")["hits"][0]["trusted"] is False
    assert as_json(world, "trust")["accepted"] == 1
    assert "untrusted" not in memfs(world, "get", "abc").out
    assert as_json(world, "list")["memories"][0]["trusted"] is True
    assert as_json(world, "untrust") == {"workspace": str(world.folder()), "trusted": False}
    assert "memfs trust" in memfs(world, "status").out


def test_config_shows_sets_and_unsets(world: World) -> None:
    """For the machine or for this workspace alone; comments in the file stay."""
    world.home.mkdir(parents=True)
    (world.home / "config.toml").write_text("# mine\n[weights]\nglobal = 0.8 # less\n")

    assert as_json(world, "config")["weights.global"] == 0.8
    assert memfs(world, "config", "get", "weights.global").out == "0.8\n"
    assert as_json(world, "config", "set", "mode", "global") == {"mode": "global"}
    assert as_json(world, "config", "set", "mode", "hybrid", "--here") == {"mode": "hybrid"}
    assert as_json(world, "status")["mode"] == "hybrid"
    assert as_json(world, "status", folder=world.folder("other"))["mode"] == "global"
    assert as_json(world, "config", "unset", "mode", "--here") == {"mode": "global"}
    assert as_json(world, "config", "unset", "mode") == {"mode": "isolated"}
    assert as_json(world, "config", "set", "limits.regex_seconds", "0.5") == {"limits.regex_seconds": 0.5}
    text = (world.home / "config.toml").read_text()
    assert "# mine\n" in text
    assert "global = 0.8 # less" in text
    assert "mode, hybrid" not in memfs(world, "config").out
    for wrong in (
        ("set", "mode", "hybird"),
        ("set", "weights.global", "2"),
        ("set", "mode"),
        ("unset", "mode", "hybrid"),
        ("set", "weights.global", "0.5", "--here"),
    ):
        assert memfs(world, "config", *wrong).code == 2
    assert (world.home / "config.toml").read_text() == text


def test_config_edit_opens_the_file(world: World) -> None:
    """In the editor; what it says afterwards holds."""
    script = editor(world, 'echo \'mode = "hybrid"\' > "$1"')

    assert memfs(world, "config", "edit", "--json", environ={"EDITOR": script}).json["mode"] == "hybrid"


def test_a_broken_config_is_told_and_not_overwritten(world: World) -> None:
    """The defaults hold and status says why; a setting is refused; a newer format stops everything."""
    world.home.mkdir(parents=True)
    path = world.home / "config.toml"
    path.write_text("mode = [\n")

    assert "is not valid TOML" in as_json(world, "status")["notes"][0]
    answer = memfs(world, "config", "set", "mode", "hybrid", "--json")
    assert (answer.code, answer.error["code"]) == (8, "bad_config")
    assert path.read_text() == "mode = [\n"
    path.write_text("format = 99\n")
    assert memfs(world, "list", "--json").error["code"] == "bad_config"


def test_path_prints_where_things_are(world: World) -> None:
    """One place alone, for scripts, or all."""
    expected = {
        "workspace": world.folder() / ".memory",
        "global": world.home / "global",
        "home": world.home,
        "config": world.home / "config.toml",
        "cache": world.cache,
        "state": world.state,
    }

    everything = as_json(world, "path")

    assert {name: Path(everything[name]) for name in expected} == expected
    for name, path in expected.items():
        assert memfs(world, "path", name).out == f"{path}\n"
        assert as_json(world, "path", name) == {name: str(path)}
    assert Path(everything["index"]).is_relative_to(world.cache)
    assert Path(everything["undo"]).is_relative_to(world.state)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_that_asks_memfs(world: World, shell: str) -> None:
    """The script calls `memfs`, which answers with commands and options."""
    script = memfs(world, "completion", shell).out

    assert f"_MEMFS_COMPLETE={shell}_complete" in script
    run = "import sys; sys.argv = ['memfs']; from memfs.faces.cli import main; main()"
    asked = subprocess.run(
        [sys.executable, "-c", run],
        env={**world.environ, "_MEMFS_COMPLETE": "bash_complete", "COMP_WORDS": "memfs sea", "COMP_CWORD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.stdout.split() == ["plain,search"]


# ---- errors and exit codes


def test_each_exit_code_means_one_thing(world: World, saved: dict[str, Any]) -> None:
    """As the help says; the JSON carries the code that never changes."""
    put(world.folder(), "a.md", "---\nid: abca\n---\n")
    put(world.folder(), "b.md", "---\nid: abcb\n---\n")
    put(world.folder(), "bad.md", "---\na: [\n---\n")
    for arguments, code, name in (
        (("search", "--limit", "x"), 2, "usage"),
        (("search", "--limit", "0", "x"), 2, "invalid"),
        (("get", "nothing"), 3, "not_found"),
        (("get", "abc"), 4, "ambiguous"),
        (("update", saved["id"], "--title", "x", "--digest", "0" * 64), 5, "changed"),
        (("update", "bad.md", "--title", "x"), 6, "unwritable"),
        (("move", saved["id"], "--to", "global"), 6, "out_of_scope"),
        (("get", "../../x.md"), 6, "outside_store"),
    ):
        answer = memfs(world, *arguments, "--json")
        assert (answer.code, answer.error["code"]) == (code, name), arguments
        assert memfs(world, *arguments).code == code
    assert memfs(world, "doctor").code == 9


def test_a_store_that_cannot_be_written_is_exit_code_7(world: World) -> None:
    """A read-only folder, or a file in its place: a sentence, and nothing is lost."""
    folder = world.root / "fresh"
    folder.mkdir()
    (folder / ".memory").write_text("a file")
    answer = memfs(world, "save", "x", "--json", environ={"MEMFS_WORKSPACE": str(folder)})
    assert answer.code in (6, 7)
    assert "Traceback" not in answer.err
    store = world.folder() / ".memory"
    store.chmod(0o500)
    try:
        done = subprocess.run(
            [*without_powers(), *MEMFS, "save", "x", "--json"],
            cwd=world.folder(),
            env=world.environ,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        store.chmod(0o700)
    refused = Answer(done.returncode, done.stdout, done.stderr)
    assert (refused.code, refused.error["code"]) == (7, "storage_failed")
    assert "Permission denied" in refused.error["message"]


def test_an_answer_that_cannot_be_written_is_told(world: World, saved: dict[str, Any]) -> None:
    """A full disk behind `>` fails; a reader that went away, or no output at all, does not. Never a traceback."""

    def through(shell: str) -> Answer:
        done = subprocess.run(
            ["sh", "-c", shell, "sh", *MEMFS, "get", saved["id"]],
            cwd=world.folder(),
            env=world.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    full = through('"$@" > /dev/full')
    gone = through('"$@" | true')
    closed = through('"$@" >&-')
    silent = through('"$@" >&- 2>&-')

    assert full.code == 7
    assert full.err == "error: The operating system refused: No space left on device.\n"
    assert (gone.code, gone.err) == (0, "")
    assert (closed.code, closed.err) == (0, "")
    assert silent.code == 0


# ---- where one stands


def test_without_a_home_memfs_works_by_its_own_folders_or_says_what_is_missing(world: World) -> None:
    """HOME unset is no matter when MEMFS_HOME, MEMFS_CACHE and MEMFS_STATE are set; a HOME that is none is told."""
    world.folder()
    without = {key: value for key, value in world.environ.items() if key != "HOME"}
    own = {"PATH": without["PATH"], "PYTHONPATH": without["PYTHONPATH"], "HOME": "not/absolute"}

    def run(environ: dict[str, str]) -> Answer:
        done = subprocess.run(
            [*MEMFS, "save", "A word.", "--json"],
            cwd=world.folder(),
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    assert run(without).json["title"] == "A word."
    refused = run(own)
    assert (refused.code, refused.error["code"]) == (8, "bad_config")
    assert "set HOME or MEMFS_HOME" in refused.error["message"]
    assert run({**own, "MEMFS_HOME": str(world.home)}).error["code"] == "bad_config"


def test_in_a_folder_that_is_gone_a_sentence_says_so(world: World, saved: dict[str, Any]) -> None:
    """And -C leads out of it."""
    shell = 'mkdir gone && cd gone && rmdir ../gone && exec "$@"'

    def run(*arguments: str) -> Answer:
        done = subprocess.run(
            ["sh", "-c", shell, "sh", *MEMFS, *arguments],
            cwd=world.root,
            env=world.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    assert "is gone" in run("list").sentence
    assert run("list", "--json").error["code"] == "invalid"
    assert run("-C", str(world.folder()), "get", Path(saved["path"]).name, "--json").json["id"] == saved["id"]
    assert run("--version").code == 0
    assert run("-C", "nowhere", "list").code == 2


def test_at_the_root_of_the_file_system_looking_changes_nothing(world: World) -> None:
    """`/` is a folder like others: no store there, nothing found, nothing made."""
    before = Path("/.memory").exists()

    status = as_json(world, "status", folder=Path("/"))
    listed = as_json(world, "list", folder=Path("/"))

    assert status["workspace"] == "/"
    assert status["stores"][0]["exists"] is Path("/.memory").is_dir()
    assert listed["total"] == status["stores"][0]["count"]
    assert Path("/.memory").exists() is before


def test_a_home_that_may_not_be_written_is_told(world: World) -> None:
    """Looking works, a save to the global store says why it cannot."""
    world.folder()
    locked = world.root / "locked"
    locked.mkdir(mode=0o500)
    environ = {**world.environ, "MEMFS_HOME": str(locked / "memory"), "MEMFS_STATE": str(locked / "state")}

    def run(*arguments: str) -> Answer:
        done = subprocess.run(
            [*without_powers(), *MEMFS, *arguments, "--json"],
            cwd=world.folder(),
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    assert run("list", "--mode", "hybrid").json["total"] == 0
    assert run("save", "x", "--global", "--mode", "hybrid").error["code"] == "storage_failed"
    assert run("save", "A word.").json["title"] == "A word."
    assert run("config", "set", "mode", "hybrid").code in (7, 8)
    assert list(locked.iterdir()) == []


# ---- at a terminal


def test_a_terminal_gets_style_and_a_pipe_gets_none(world: World, saved: dict[str, Any]) -> None:
    """Bold and colours at a terminal, unless NO_COLOR is set; plain text elsewhere; the words are the same."""
    shown = at_terminal(world, "get", saved["id"])
    plain = at_terminal(world, "get", saved["id"], NO_COLOR="1")
    piped = memfs(world, "get", saved["id"])

    assert STYLE.search(shown.out)
    assert "\x1b" not in plain.out + piped.out
    assert STYLE.sub("", shown.out).replace("\r", "") == plain.out.replace("\r", "") == piped.out


def test_nothing_of_a_memory_steers_a_terminal(world: World) -> None:
    """Titles, tags, texts and file names with escapes are shown escaped: at a terminal, in a pipe, and as JSON."""
    header = json.dumps({"id": "abc", "title": f"T {EVIL}", "tags": [EVIL], "category": EVIL, "type": "x\x1b[2J"})
    put(world.folder(), f"zebra {EVIL}.md".replace("/", ""), f"---\n{header}\n---\nzebra {EVIL}\n\n{EVIL}\n")
    put(world.folder(), "bad \x1b[2J\n.md", "---\na: [\n---\nzebra\n")
    put(world.folder(), "lion.md", f"# {EVIL}\n\nlion {EVIL} lion\n")
    commands = (
        ("get", "abc"), ("get", "abc", "--body"), ("get", "lion.md"), ("search", "zebra"), ("search", "lion"),
        ("list",), ("status",), ("doctor",), ("tag",), ("get", "zebr"), ("forget", "lion.md"),
        ("restore", "--list", "lion.md"), ("history", "abc"), ("diff", "lion.md", "now"), ("blame", "abc"), ("undo",),
        ("get", EVIL), ("search", EVIL), ("list", "--type", EVIL),
        (EVIL,), ("config", "get", EVIL), ("update", "bad \x1b[2J\n.md", "--title", "x"),
    )  # fmt: skip
    for command in commands:
        shown = at_terminal(world, *command)
        piped = memfs(world, *command)
        programs = memfs(world, *command, "--json")
        assert not UNSAFE.search(STYLE.sub("", shown.out)), command
        assert not UNSAFE.search(piped.out + piped.err), command
        assert not UNSAFE.search(programs.out + programs.err), command
        json.loads(programs.out or programs.err)
        assert "Traceback" not in shown.out + piped.err


def test_what_breaks_lines_unseen_is_shown_by_its_number(world: World) -> None:
    """A line ends where an editor ends it, on any system; a separator that no editor shows is not swallowed."""
    put(world.folder(), "a.md", "---\nid: abc\n---\none\u2028two\x0cthree\r\nfour\n")

    assert memfs(world, "get", "abc").out.endswith("\none\\u2028two\\u000cthree\nfour\n")


def test_json_says_the_same_as_the_file(world: World) -> None:
    """Escapes in JSON are JSON's own: what a program reads is what the memory says, to the last hidden letter."""
    text = f"zebra {EVIL} é漢🎉 \u2028 end"
    put(world.folder(), "a.md", f"---\nid: abc\n---\n{text}\n")

    assert as_json(world, "get", "abc")["body"] == text


def test_programs_get_ascii_lines_whatever_the_locale(world: World, saved: dict[str, Any]) -> None:
    """A C locale, or none at all, changes nothing of what is printed."""
    put(world.folder(), "a.md", "---\nid: abc\n---\né漢🎉\n")

    for environ in (
        {"LC_ALL": "C"},
        {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LANG": "xx"},
    ):
        answer = memfs(world, "get", "abc", "--json", environ=environ)
        shown = memfs(world, "get", "abc", environ=environ)
        assert (answer.code, shown.code) == (0, 0), (environ, answer.err, shown.err)
        assert answer.json["body"] == "é漢🎉"
    assert saved["id"]
