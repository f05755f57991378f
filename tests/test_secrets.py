"""What looks like a credential and what does not, and who is told of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from memfs.answers import Draft
from memfs.credentials import _OVERLAP
from memfs.credentials import _PIECE
from memfs.credentials import _SHAPES
from memfs.credentials import Secret
from memfs.credentials import _detectors
from memfs.credentials import _may_hold_one
from memfs.credentials import _pieces
from memfs.credentials import find_secrets
from memfs.errors import SecretFound
from memfs.faces.mcp.schemas import TOOLS
from memfs.memory import new_id
from memfs.values import Value
from tests.commands import as_json
from tests.commands import memfs
from tests.serving import within
from tests.worlds import World
from tests.worlds import files_below

ROOT = Path(__file__).parents[1]
TEXTS = (".md", ".py", ".json", ".jsonl", ".toml")
TOKEN, OTHER_TOKEN = "ghp_" + "a1B2" * 9, "ghp_" + "C3d4" * 9

JWT = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ"
    ".SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
)
SECRETS = [
    ("AWS Access Key", "AKIA" + "IOSFODNN7EXAMPLE"),
    ("AWS Access Key", 'aws_secret_access_key = "' + "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" + '"'),
    ("Azure Storage Account access key", "AccountKey=" + "a" * 86 + "=="),
    ("GitHub Token", "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"),
    ("GitLab Token", "glpat-" + "abcdefghij0123456789"),
    ("JSON Web Token", JWT),
    ("OpenAI Token", "sk-" + "abcdefghijklmnopqrstT3BlbkFJabcdefghijklmnopqrst"),
    ("Private Key", "-----BEGIN RSA " + "PRIVATE KEY-----"),
    ("Private Key", "-----BEGIN OPENSSH " + "PRIVATE KEY-----"),
    ("Private Key", "-----BEGIN " + "PRIVATE KEY-----"),
    ("PyPI Token", "pypi-" + "AgEIcHlwaS5vcmcCJ" + "a" * 70),
    ("SendGrid API Key", "SG." + "abcdefghijklmnopqrstuv.abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"),
    ("Slack Token", "xoxb-" + "123456789012-1234567890123-abcdefghijklmnopqrstuvwx"),
    ("Stripe Access Key", "sk_live_" + "abcdefghijklmnopqrstuvwx"),
    ("Twilio API Key", "SK" + "0123456789abcdef" * 2),
    ("GitHub Token", "github_pat_" + "16C7e42F292c6912E7710c"),
    ("Model Provider Key", "sk-ant-" + "api03-abcdefghij0123456789"),
    ("Google API Key", "AIza" + "SyA-0123456789abcdefghijklmnopqrstu"),
    ("Basic Auth Credentials", "postgres://postgres:" + "h4rd2guess@db.example.com/shop"),
    ("Discord Bot Token", "MTk4NjIyNDgzNDcxOTI1MjQ4." + "Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs"),
]


@pytest.mark.parametrize(("kind", "secret"), SECRETS, ids=[f"{kind}-{secret[:8]}" for kind, secret in SECRETS])
def test_a_credential_is_found_by_kind_and_line_and_never_shown(kind: str, secret: str) -> None:
    """73: each kind, in a sentence of its own on the third line; what is told does not hold it."""
    found = find_secrets(f"---\ntitle: T\nthe key is {secret} and works\n---\nbody\n")

    assert Secret(3, kind) in found
    assert not any(secret in each.kind for each in found)


def test_every_credential_of_a_text_is_told() -> None:
    """Two kinds on three lines are three findings; one kind twice on a line is one."""
    text = f"{SECRETS[0][1]} {SECRETS[0][1]}\n\n{SECRETS[3][1]}\n{SECRETS[0][1]}"

    assert find_secrets(text) == [(1, "AWS Access Key"), (3, "GitHub Token"), (4, "AWS Access Key")]


SHAPES = [shape for each in _detectors() for shape in each.denylist] + list(_SHAPES.values())


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.pattern[:30])
@settings(max_examples=30)
@given(data=st.data())
def test_every_shape_that_a_detector_knows_has_it_asked(shape: re.Pattern[str], data: st.DataObject) -> None:
    """Whatever a detector would find is never passed over because it does not look like a credential at first."""
    ascii_line = st.characters(codec="ascii", exclude_characters="\n")
    secret = data.draw(st.from_regex(shape, fullmatch=True, alphabet=ascii_line))

    assert _may_hold_one(secret)
    assert _may_hold_one(f"key = {secret}.")


HARMLESS = [
    "Ordinary prose about the PRIVATE KEY in the vault, about tokens and passwords, and how to rotate them.",
    "01KAJ9D3Q0V8M2XH5N7C4T6B1R",
    "p-RDKGBJPQK0C3RS1T9EE1D2EXZY",
    "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "commit da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "123e4567-e89b-12d3-a456-426614174000",
    "https://example.com/a/b/c?page=2&token_type=bearer#0123456789abcdef0123456789abcdef",
    "https://github.com/owner/repo/blob/da39a3ee5e6b4b0d3255bfef95601890afd80709/src/main.py#L10-L20",
    "src/very/long/path/to/some/module_with_a_long_name/and_another_one.py:42",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SaKq6QFDAbCnXFnjfQ user@host",
    "-----BEGIN PUBLIC KEY-----",
    "-----BEGIN CERTIFICATE-----",
    "task-force-of-the-whole-organization-and-its-many-many-helpers",
    "password = os.environ['DATABASE_PASSWORD']",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
    "SELECT id FROM users WHERE created_at > '2026-01-01T00:00:00Z'",
    "AAACCATCTCTACCGGTTCGCTTTCACTGGATATCGCGCTTGGGGCAGGTGGTCTGCCGATGGGCCG",
    "DATABASE_URL=postgres://postgres:postgres@localhost:5432/shop",
    "git clone https://user:password@example.com/repo.git",
    "socks5h://<username>:<password>@proxy-host",
    "https://$USER:$TOKEN@example.com and https://${USER}:${TOKEN}@example.com",
    "",
]


@pytest.mark.parametrize("text", HARMLESS, ids=[text[:30] for text in HARMLESS])
def test_what_only_looks_long_is_no_secret(text: str) -> None:
    """Prose, ULIDs, digests, commits, DNA, URLs without a password, paths and public keys are saved unasked."""
    assert find_secrets(f"before\n{text}\nafter") == []


def test_no_new_id_is_ever_a_secret() -> None:
    """Every memory that memfs writes holds one."""
    assert find_secrets("\n".join(f"id: {new_id()}" for _ in range(2_000))) == []


def test_a_credential_in_a_very_long_line_is_found() -> None:
    """Wherever in the line it stands."""
    for before in (0, _PIECE - 10, _PIECE - _OVERLAP, 5 * _PIECE + 1):
        assert find_secrets("x " * (before // 2) + JWT + " x" * _PIECE) == [(1, "JSON Web Token")]


@given(st.integers(0, 5 * _PIECE), st.data())
def test_a_long_line_is_looked_at_in_pieces_that_overlap(length: int, data: st.DataObject) -> None:
    """No detector gets more than a piece, and what is no longer than the overlap is whole in one of them."""
    line = "".join(chr(0x4E00 + number % 20_000) for number in range(length))
    start = data.draw(st.integers(0, length))
    part = line[start : start + _OVERLAP]

    pieces = _pieces(line)

    assert all(len(piece) <= _PIECE for piece in pieces)
    assert any(part in piece for piece in pieces)
    assert len(pieces) <= 1 + length // (_PIECE - _OVERLAP)


def test_an_id_of_a_memory_is_no_secret() -> None:
    """One in tens of thousands holds what a key of AWS's looks like, and its memory could not be saved."""
    unlucky = ("01ACCA" + "B" * 20, "01A3TB" + "7" * 20)

    for memory_id in unlucky:
        assert (
            find_secrets(f"---\nid: {memory_id}\nlinks: [{{type: parent_of, to: {memory_id}}}]\n---\n- ({memory_id})")
            == []
        )
    assert find_secrets("key: ACCA" + "B" * 16) != []


def test_what_only_looks_like_one_hides_no_credential_beside_it() -> None:
    """An id, or a password that stands for one, on the same line changes nothing."""
    for beside in (new_id(), "https://user:password@example.com", "ACGT" * 20):
        assert find_secrets(f"{beside} {TOKEN} {beside}") == [(1, "GitHub Token")]


def test_lines_are_those_of_editors() -> None:
    """They end with a line feed, after a carriage return or not, and with nothing else."""
    assert find_secrets(f"one\r\ntwo\x0c\x85\u2028 \n{TOKEN}\r\n") == [(3, "GitHub Token")]


def test_this_projects_own_texts_hold_no_credential() -> None:
    """Its memories, its code and what the benchmarks save: nothing of it would be refused."""
    folders = [ROOT / name for name in (".memory", "memfs", "templates", "benchmarks")]
    files = [path for folder in folders for path in folder.rglob("*") if path.suffix in TEXTS]
    found = [(path, secret) for path in files for secret in find_secrets(path.read_text())]

    assert len(files) > len(folders)
    assert found == []


# ---- refused


def refusal(world: World, body: str, values: Mapping[str, Value] | None = None) -> list[str]:
    """Return what the refusal to save says was found, and check that nothing was written."""
    with pytest.raises(SecretFound) as refused:
        world.open().save(body, values)
    assert TOKEN not in str(refused.value)
    assert files_below(world.folder()) == {}
    return list(refused.value.findings)


def test_a_refused_save_names_the_line_of_the_text_that_was_given(world: World) -> None:
    """Not of the file that it would have become, which nobody has seen."""
    assert refusal(world, f"{TOKEN}") == ["GitHub Token in line 1"]
    assert refusal(world, f"one\n\nthree {TOKEN}\n", {"title": "T", "tags": ["a"]}) == ["GitHub Token in line 3"]


@pytest.mark.parametrize(
    "values",
    [
        {"title": f"the {TOKEN}"},
        {"tags": ["a", TOKEN]},
        {"cues": [f"what is {TOKEN}", f"where is {TOKEN}"]},
        {"links": [{"type": "references", "to": TOKEN}]},
    ],
    ids=lambda values: next(iter(values)),
)
def test_a_refused_save_names_the_key_whose_value_it_is(world: World, values: Mapping[str, Value]) -> None:
    """In a text, in a list and in a list of links; once for each key and kind."""
    [key] = values

    assert refusal(world, "harmless", values) == [f"GitHub Token in `{key}`"]


def test_of_several_memories_the_refused_one_is_named(world: World) -> None:
    """By its place among them, counted from 1; none of them is saved."""
    drafts = [Draft("one"), Draft(f"two\n{TOKEN}", {"title": "Two"}), Draft("x", {"summary": TOKEN})]

    with pytest.raises(SecretFound) as refused:
        world.open().save_all(drafts)

    assert refused.value.findings == ("GitHub Token in line 2 of memory 2",)
    assert files_below(world.folder()) == {}
    assert len(world.open().save_all(drafts, allow_secret=True)) == len(drafts)


def test_a_refused_update_names_line_and_key_and_leaves_the_file(world: World) -> None:
    """Line of the new text, which is not the line of the file."""
    here = world.open()
    path = here.save("one\ntwo", {"title": "T"}).entry.path
    before = path.read_bytes()

    with pytest.raises(SecretFound) as refused:
        here.update("T", {"summary": TOKEN, "tags": None}, f"one\ntwo\n{TOKEN}")

    assert refused.value.findings == ("GitHub Token in line 3", "GitHub Token in `summary`")
    assert path.read_bytes() == before


def test_what_a_file_says_already_stops_no_other_edit(world: World) -> None:
    """A line may be moved, a tag set beside the old ones; a second credential is refused."""
    here = world.open()
    here.save(f"one\nuse {TOKEN}", {"title": "T", "tags": [OTHER_TOKEN]}, allow_secret=True)

    here.update("T", {"tags": [OTHER_TOKEN, "new"]}, f"  use {TOKEN}\nand more")
    with pytest.raises(SecretFound) as refused:
        here.update("T", {}, f"use {TOKEN}\nuse {TOKEN.upper().replace('GHP', 'ghp')}")

    assert here.get("T").memory.tags == (OTHER_TOKEN, "new")
    assert refused.value.findings == ("GitHub Token in line 2",)


# ---- agents and the command line


@pytest.mark.parametrize(
    ("tool", "arguments", "where"),
    [
        ("store_memory", {"content": f"one\n{TOKEN}"}, "line 2"),
        ("store_batch_memories", {"memories": [{"content": "one"}, {"content": TOKEN}]}, "line 1 of memory 2"),
        ("quick_store_decision", {"decision": "To rotate", "reasoning": f"of {TOKEN}"}, "line 3"),
        ("update_memory", {"memory_id": "Known", "tags": [TOKEN]}, "`tags`"),
    ],
)
def test_an_agent_saves_a_credential_only_when_it_says_so(
    world: World, tool: str, arguments: dict[str, object], where: str
) -> None:
    """The refusal names place and argument; with it the tool does as it was told."""
    world.open().save("known", {"title": "Known"})
    before = files_below(world.folder())
    with within(world) as agent:
        for call in (arguments, {**arguments, "allow_secret": False}):
            sentence = agent.refused(tool, **call)
            assert f"GitHub Token in {where}" in sentence
            assert "allow_secret" in sentence
            assert TOKEN not in sentence
        assert files_below(world.folder()) == before

        assert agent.call(tool, **arguments, allow_secret=True)["success"] is True

    assert any(TOKEN.encode() in raw for raw in files_below(world.folder()).values())


def test_allow_secret_is_asked_for_in_words_that_a_model_follows() -> None:
    """Each tool that takes it says when, and that nothing is allowed unless it is."""
    taking = [tool for tool in TOOLS if "allow_secret" in tool.schema["properties"]]

    assert {tool.name for tool in taking} == {
        "store_memory",
        "store_batch_memories",
        "quick_store_decision",
        "update_memory",
    }
    for tool in taking:
        about = tool.schema["properties"]["allow_secret"]
        assert about["default"] is False
        assert "user" in about["description"]


def test_the_command_line_names_place_and_option(world: World) -> None:
    """For people and for programs, of a text from a pipe too; an update takes the option as well."""
    as_json(world, "save", "known", "--title", "Known")

    piped = memfs(world, "save", "--json", stdin=f"one\n{TOKEN}\n")
    tagged = memfs(world, "tag", "Known", TOKEN)
    updated = memfs(world, "update", "Known", "--summary", TOKEN)

    assert piped.error["findings"] == ["GitHub Token in line 2"]
    assert "GitHub Token in `tags`" in tagged.sentence
    assert "GitHub Token in `summary`" in updated.sentence
    assert "--allow-secret" in updated.sentence
    assert as_json(world, "update", "Known", "--summary", TOKEN, "--allow-secret")["summary"] == TOKEN
