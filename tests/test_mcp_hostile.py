"""Clients, texts and disks that mean no good: the server answers what can be answered, and lives."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import tantivy
from mcp import MCPError

from memfs.faces.mcp import schemas
from memfs.faces.mcp.contexts import HANDLERS
from memfs.faces.mcp.desk import Desk
from memfs.faces.mcp.news import News
from memfs.faces.mcp.server import MemoryServer
from tests.serving import ERAS
from tests.serving import LEGACY
from tests.serving import MODERN
from tests.serving import Agent
from tests.serving import Json
from tests.serving import Lines
from tests.serving import connected
from tests.serving import put
from tests.serving import served
from tests.serving import speaking
from tests.serving import text_of
from tests.worlds import World
from tests.worlds import files_below
from tests.worlds import without_powers

HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e01ef]"
)
"""What no answer may have in its strings: it steers a terminal, hides, or turns the reading direction."""
OURS = "memfs failed"
"""How a sentence begins that stands for a fault of ours."""
MEGA = 1_000_000


def alive(client: Lines) -> None:
    """Check that the server answers a normal call."""
    assert "count" in client.call("search_memories", query="zebra")


# ---- lines that are no messages

NOT_MESSAGES: dict[str, bytes] = {
    "words": b"hello?",
    "nothing": b"",
    "spaces": b"   \t ",
    "half a message": b'{"jsonrpc": "2.0", "id": 1, "method": "tools/li',
    "two in one": b'{"jsonrpc":"2.0","id":"a","method":"ping"}{"jsonrpc":"2.0","id":"b","method":"ping"}',
    "null": b"null",
    "a number": b"42",
    "an empty object": b"{}",
    "an empty list": b"[]",
    "a batch": b'[{"jsonrpc":"2.0","id":"a","method":"ping"}]',
    "another protocol": b'{"jsonrpc":"1.0","id":"a","method":"ping"}',
    "no method": b'{"jsonrpc":"2.0","id":"a"}',
    "a method that is no text": b'{"jsonrpc":"2.0","id":"a","method":7}',
    "an answer to nothing": b'{"jsonrpc":"2.0","id":"nobody","result":{}}',
    "an error about nothing": b'{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"}}',
    "an id that is an object": b'{"jsonrpc":"2.0","id":{},"method":"ping"}',
    "no UTF-8": b'{"jsonrpc":"2.0","id":"\xff\xfe","method":"\x80"}',
    "UTF-16": '{"jsonrpc":"2.0"}'.encode("utf-16").replace(b"\n", b""),
    "zeros": b"\x00" * 1_000,
    "escapes": b"\x1b[2J\x1b]0;x\x07",
    "a very long word": b"x" * 3 * MEGA,
    "a very deep list": b"[" * 200_000,
    "a very deep object": b'{"a":' * 100_000,
    "a number without end": b'{"jsonrpc":"2.0","id":' + b"9" * 10_000 + b',"method":"ping"}',
    "an unknown notification": b'{"jsonrpc":"2.0","method":"notifications/none"}',
    "a cancellation of nothing": b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"none"}}',
    "roots that changed for somebody without roots": b'{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}',
}


def test_a_line_that_is_no_message_harms_nobody(world: World) -> None:
    """Whatever comes instead of a message: the next one is answered as ever."""
    put(world.folder() / ".memory", "a.md", "zebra\n")
    with served(world) as client:
        client.begin()
        for line in NOT_MESSAGES.values():
            client.send(line + b"\n")
            alive(client)
        client.send(b'\r\n{"jsonrpc":"2.0","id":"crlf","method":"ping"}\r\n')
        client.call("memory_status")
        client.close()

        assert client.ended() == 0
        assert "Traceback" not in client.log.read_text()


WRONG_PARAMS: tuple[tuple[str, object], ...] = (
    ("tools/call", None),
    ("tools/call", {}),
    ("tools/call", {"name": None}),
    ("tools/call", {"name": 5, "arguments": {}}),
    ("tools/call", {"name": "memory_status", "arguments": []}),
    ("tools/call", {"name": "memory_status", "arguments": "x"}),
    ("tools/call", {"arguments": {}}),
    ("tools/call", {"name": "memory_status", "arguments": {}, "_meta": []}),
    ("resources/read", None),
    ("resources/read", {}),
    ("resources/read", {"uri": 7}),
    ("resources/read", {"uri": ["memory://recent"]}),
    ("resources/read", {"uri": ""}),
    ("resources/read", {"uri": "memory://"}),
    ("resources/read", {"uri": "file:///etc/passwd"}),
    ("resources/read", {"uri": "memory://memory/../../etc/passwd"}),
    ("resources/read", {"uri": "memory://memory/%2e%2e%2f%2e%2e%2fetc%2fpasswd"}),
    ("resources/read", {"uri": "memory://memory/%00"}),
    ("resources/read", {"uri": "memory://by-tag/" + "x" * MEGA}),
    ("resources/subscribe", {}),
    ("resources/subscribe", {"uri": {}}),
    ("resources/unsubscribe", {"uri": None}),
    ("prompts/get", {}),
    ("prompts/get", {"name": "none"}),
    ("completion/complete", {}),
    ("completion/complete", {"ref": {"type": "ref/none"}, "argument": {"name": "tag", "value": "x"}}),
    ("completion/complete", {"ref": {"type": "ref/resource", "uri": "memory://recent"}, "argument": "x"}),
    ("no/such/method", {}),
    ("tools/none", None),
    ("initialize", {"protocolVersion": 7}),
    ("server/discover", {}),
    ("subscriptions/listen", {}),
    ("logging/setLevel", {"level": "all"}),
    ("sampling/createMessage", {}),
)
"""Requests that ask for nothing that there is."""


def test_a_request_that_cannot_be_understood_is_answered_with_an_error(world: World) -> None:
    """A protocol error, short, with a code of JSON-RPC's; and the next request is answered as ever."""
    with served(world) as client:
        client.begin()
        for method, params in WRONG_PARAMS:
            answer = client.ask(method, params)

            assert "result" not in answer, (method, params)
            assert answer["error"]["code"] in range(-32_800, -31_999), (method, params)
            assert len(json.dumps(answer["error"]["message"])) < 500, (method, params)
            assert OURS not in answer["error"]["message"], (method, params)
            alive(client)


def test_a_request_before_the_handshake_is_refused_and_the_handshake_still_works(world: World) -> None:
    """Some clients are in a hurry."""
    with served(world) as client:
        early = client.ask("tools/list")
        call = client.ask("tools/call", {"name": "store_memory", "arguments": {"content": "too early"}})
        client.begin()
        alive(client)

    assert early["error"]["code"] == call["error"]["code"] == -32602
    assert files_below(world.folder() / ".memory") == {}


# ---- arguments


def wrong_values(about: Json, *, required: bool) -> Iterator[object]:
    """Yield values that the schema *about* does not take."""
    kind = about["type"]
    yield from {
        "string": (1, 1.5, True, [], ["x"], {}, {"x": 1}),
        "number": ("1", "", "many", True, [], [1], {}),
        "boolean": ("true", 1, 0, [], {}),
        "array": ("x", 1, True, {}, {"0": "x"}),
    }[kind]
    if required:
        yield None
    if "enum" in about:
        yield from ("", "nonsense", about["enum"][0].upper())
    if "minimum" in about:
        yield from (about["minimum"] - 1, -(10**400), -1e308)
    if "maximum" in about:
        yield from (about["maximum"] + 1, 10**400, 1e308)
    if about.get("minLength"):
        yield ""
    if about.get("minItems"):
        yield []
    if kind == "array":
        yield from wrong_items(about["items"])


def wrong_items(about: Json) -> Iterator[object]:
    """Yield lists of what the schema *about* does not take."""
    if about["type"] != "object":
        yield from ([each] for each in wrong_values(about, required=True))
        return
    yield from (["x"], [1], [None], [[]], [{}])
    for name, inner in about["properties"].items():
        for value in wrong_values(inner, required=name in about["required"]):
            yield [{"content": "zebra", name: value}]


def right_value(name: str, about: Json) -> object:
    """Return a value that the schema *about* takes."""
    if name == "memories":
        return [{"content": "zebra"}]
    return {"string": "zebra", "array": ["zebra"], "number": about.get("minimum", 1), "boolean": True}[about["type"]]


def test_a_value_of_the_wrong_type_or_size_is_refused_by_its_name(world: World) -> None:
    """Every argument of every tool: a sentence that names it, no file touched, no fault of ours."""
    put(world.folder() / ".memory", "a.md", "---\nid: zebra\n---\nzebra\n")
    before = files_below(world.folder())
    tried = 0
    with connected(world, MODERN) as agent:
        for tool in schemas.TOOLS:
            required = tool.schema.get("required", ())
            right = {name: right_value(name, tool.schema["properties"][name]) for name in required}
            for name, about in tool.schema["properties"].items():
                for value in wrong_values(about, required=name in required):
                    result = agent.result(tool.name, {**right, name: value})
                    sentence = text_of(result)
                    tried += 1

                    assert result.is_error, (tool.name, name, value)
                    assert name in sentence, (tool.name, name, value, sentence)
                    assert OURS not in sentence, (tool.name, name, value)
                    assert len(sentence) < 500, (tool.name, name, value)
        assert agent.call("search_memories", query="zebra")["count"] == 1

    assert tried > 800
    assert files_below(world.folder()) == before


HOSTILE_TEXTS = (
    "", " ", "\n", "\x00", "a\x00b", "\x1b[2J", "\u202eevil", "\u200b", "../../etc/passwd", "/etc/passwd", "~/.ssh/id",
    "a" * 5_000, "é" * 3_000, "🦓" * 2_000, "%00%2e%2e", "{x}", "%(x)s", "${HOME}", "'; DROP TABLE x; --", "(" * 300,
    "tag:", 'tag:"', '"', "-", "-" * 50, "importance:>=", "created:>never", "scope:nowhere", "path:**/../..", "*", "?",
    "NaN", "-1", "99999999999999999999", "0x10", "true", "null", "[]", "{}", "---\nid: evil\n---\n", "<script>",
    "memory://recent", ".md", "a.md/..", "x" * 300 + ".md", "AND OR NOT", "~", "^", "\\", "\\d+(", "(?P<", "[",
)  # fmt: skip
"""Texts that somebody wrote to see what happens; every one is a text all the same."""


def test_hostile_texts_are_texts(world: World) -> None:
    """In every argument that takes a text, by turns: done, or refused with a sentence; never a fault of ours."""
    number = 0
    with connected(World(world.root, {"MEMFS_MODE": "hybrid"})) as agent:
        for tool in schemas.TOOLS:
            required = tool.schema.get("required", ())
            right = {name: right_value(name, tool.schema["properties"][name]) for name in required}
            for name, about in tool.schema["properties"].items():
                if about["type"] not in ("string", "array") or "enum" in about or name in ("memories", "context_types"):
                    continue
                number += 1
                for text in HOSTILE_TEXTS[number % 3 :: 3] if tool.reads else HOSTILE_TEXTS[number % 17 :: 17]:
                    value = text if about["type"] == "string" else [text]
                    result = agent.result(tool.name, {**right, name: value})

                    assert OURS not in text_of(result), (tool.name, name, text[:40])
                    assert not HIDDEN.search(text_of(result)), (tool.name, name, text[:40])
                    assert not result.is_error or len(text_of(result)) < 3_000, (tool.name, name, text[:40])
        assert agent.call("memory_status")["mode"] == "hybrid"


NUMBERS = (b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"1e-999", b"-0", b"9" * 400, b"0.1e1")
"""Numbers that JSON knows or not, and that Python reads all the same."""


def test_numbers_that_are_none_are_refused(world: World) -> None:
    """Not-a-number and infinity by a sentence; more digits than a number has: never a fault of ours."""
    with served(world) as client:
        client.begin()
        for tool, name, rest in (
            ("search_memories", b"limit", b'"query":"x",'),
            ("search_memories", b"max_tokens", b'"query":"x",'),
            ("search_memories", b"min_importance", b'"query":"x",'),
            ("store_memory", b"importance", b'"content":"x",'),
            ("store_memory", b"ttl_seconds", b'"content":"x",'),
            ("get_time_window_context", b"start_timestamp", b""),
            ("get_time_window_context", b"end_timestamp", b""),
            ("get_time_window_context", b"hours", b""),
            ("summarize_session", b"lookback_minutes", b""),
        ):
            for number in NUMBERS:
                arguments = b"{%s%s}" % (rest, b'"%s":%s' % (name, number))
                call = b'{"jsonrpc":"2.0","id":"n","method":"tools/call","params":{"name":"%s","arguments":%s}}\n'
                client.send(call % (tool.encode(), arguments))
                result = client.answer("n")["result"]
                sentence = result["content"][0]["text"]
                assert OURS not in sentence, (tool, name, number)
                if b"N" in number or b"I" in number:
                    assert result["isError"], (tool, name, number)
                    assert sentence.startswith(f"{name.decode()} must be a number, not "), sentence
        alive(client)


def test_a_hundred_calls_at_once_are_all_answered_each_with_its_own_answer(world: World) -> None:
    """Searches, saves, reads and refusals together; every save is there afterwards."""
    put(world.folder() / ".memory", "a.md", "---\nid: abc\n---\nzebra\n")
    calls: list[tuple[str, Json]] = []
    for number in range(25):
        calls += [
            ("store_memory", {"content": f"lighthouse {number}"}),
            ("search_memories", {"query": f"zebra q{number}"}),
            ("get_memory", {"memory_id": "abc"}),
            ("delete_memory", {"memory_id": f"qq{number}ww"}),
        ]
    with connected(world, MODERN) as agent:
        results = agent.together(calls)
        total = agent.call("list_memories")["total"]

    for number in range(25):
        saved, found, got, refused = results[4 * number : 4 * number + 4]
        assert (saved.structured_content or {})["summary"] == f"lighthouse {number}"
        assert (found.structured_content or {})["query"] == f"zebra q{number}"
        assert (got.structured_content or {})["memory_id"] == "abc"
        assert text_of(refused) == f"Memory qq{number}ww not found"
    assert total == 26


def test_five_megabytes_of_arguments_are_answered_in_a_few_words(world: World) -> None:
    """A text, a question, a name, tags, an unknown argument: answered or refused, never repeated in full."""
    large = "zebra " * (5 * MEGA // 6)
    with connected(world) as agent:
        for tool, arguments in (
            ("search_memories", {"query": large}),
            ("search_memories", {"query": "x", "tags": ["x"] * (MEGA // 10)}),
            ("search_memories", {"query": "x", "regex": large}),
            ("search_memories", {"query": "x", "category": large}),
            ("search_memories", {"query": "x", "scope": large}),
            ("search_memories", {"query": "x", "output_mode": large[:MEGA]}),
            ("get_memory", {"memory_id": large[:MEGA]}),
            ("move_memory", {"memory_id": "x", "to": large}),
            ("list_memories", {"cursor": large}),
            ("recall_relevant_context", {"current_task": large}),
            ("auto_session_start", {"task_hint": large}),
            ("organize_session", {"session_name": large, "memory_ids": ["x"]}),
            ("memory_status", {large: 1}),
            ("store_memory", {"content": "x", "tags": large}),
            ("store_memory", {"content": large}),
        ):
            result = agent.result(tool, arguments)

            assert len(text_of(result)) < 3_000, (tool, next(iter(arguments))[:20])
            assert OURS not in text_of(result), tool
        assert agent.call("search_memories", query="zebra")["count"] <= 1
        with pytest.raises(MCPError) as unknown:
            agent.result(large)
        assert len(str(unknown.value)) < 500


def test_deeply_nested_arguments_are_refused(world: World) -> None:
    """As deep as JSON is read; what is deeper than that is no message."""
    with served(world) as client:
        client.begin()
        for depth in (10, 100, 150, 190, 1_000, 50_000):
            arguments = b'{"content":%s%s}' % (b"[" * depth, b"]" * depth)
            call = (
                b'{"jsonrpc":"2.0","id":"deep","method":"tools/call","params":{"name":"store_memory","arguments":%s}}'
            )
            client.send(call % arguments + b"\n")
            if depth < 200:
                result = client.answer("deep")["result"]
                assert result["isError"]
                assert result["content"][0]["text"].startswith("content must be a string, not [[[[[[[[")
            alive(client)

    assert files_below(world.folder() / ".memory") == {}


SURROGATES = (b"\\ud800", b"\\udfff", b"\\udc80", b"a\\ud83db", b"\\udc00\\ud800")


def test_half_characters_in_arguments_are_answered(world: World) -> None:
    """A lone surrogate, as JSON can say it: read as the sign for what cannot be read, by every tool and resource."""
    with served(world) as client:
        client.begin()
        for half in SURROGATES:
            for tool, name in (
                ("store_memory", b"content"),
                ("search_memories", b"query"),
                ("get_memory", b"memory_id"),
                ("recall_relevant_context", b"current_task"),
                ("quick_store_decision", b"decision"),
            ):
                call = (
                    b'{"jsonrpc":"2.0","id":"s","method":"tools/call","params":{"name":"%s","arguments":{"%s":"%s"}}}'
                )
                client.send(call % (tool.encode(), name, b"x " + half + b" y") + b"\n")
                answer = json.dumps(client.answer("s")["result"])
                assert OURS not in answer, (tool, half)
        read = b'{"jsonrpc":"2.0","id":"s","method":"resources/read","params":{"uri":"memory://by-tag/x\\ud800"}}\n'
        client.send(read)
        assert '"tag":"x\ufffd"' in client.answer("s")["result"]["contents"][0]["text"]
        client.send(b'{"jsonrpc":"2.0","id":"half \\ud83d","method":"ping"}\n')
        assert client.answer("half \ufffd")["result"] == {}
        alive(client)
    texts = [path.read_bytes().decode() for path in (world.folder() / ".memory").glob("*.md")]
    assert len(texts) == 2 * len(SURROGATES)
    assert all("x \ufffd" in text for text in texts if "a\ufffd" not in text)


def test_half_characters_in_names_that_nothing_can_have_are_still_no_messages(world: World) -> None:
    """Mending makes no message of what is none for another reason too."""
    with served(world) as client:
        client.begin()
        for line in (
            b'{"jsonrpc":"2.0","id":"\\ud800","method":',
            b'"\\ud800"',
            b'["\\ud800"]',
            b"[" * 500 + b'"\\ud800"',
        ):
            client.send(line + b"\n")
            alive(client)


# ---- memories


def everything(client: Lines) -> Iterator[Json]:
    """Yield every answer of a client that asks for all there is."""
    for tool in schemas.TOOLS:
        if tool.reads:
            given = {"query": "zebra", "memory_id": "evil", "current_task": "zebra"}
            arguments = {name: given[name] for name in tool.schema.get("required", ())}
            yield client.ask("tools/call", {"name": tool.name, "arguments": arguments})
    full = {"query": "zebra", "output_mode": "full"}
    yield client.ask("tools/call", {"name": "search_memories", "arguments": full})
    for form in ("json", "markdown", "text"):
        for group in ("type", "tags"):
            window = {"start_timestamp": 0, "format": form, "group_by": group}
            yield client.ask("tools/call", {"name": "get_time_window_context", "arguments": window})
    for uri in ("recent", "important?min=1", "summary", "sessions", "search?q=zebra", "memory/evil", "global/recent"):
        yield client.ask("resources/read", {"uri": f"memory://{uri}"})
    yield client.ask("resources/list")
    yield client.ask("prompts/get", {"name": "workspace_context"})
    for name in ("tag", "type", "id", "q", "session_id"):
        reference = {"type": "ref/resource", "uri": "memory://by-tag/{tag}"}
        yield client.ask("completion/complete", {"ref": reference, "argument": {"name": name, "value": ""}})
        yield client.ask("completion/complete", {"ref": reference, "argument": {"name": name, "value": "z"}})
    yield client.ask(
        "tools/call", {"name": "organize_session", "arguments": {"session_name": "x", "memory_ids": ["evil"]}}
    )
    yield client.ask("tools/call", {"name": "update_memory", "arguments": {"memory_id": "evil", "importance": 9}})
    yield client.ask("tools/call", {"name": "delete_memory", "arguments": {"memory_id": "evil"}})
    yield client.ask("tools/call", {"name": "get_memory", "arguments": {"memory_id": "evil"}})


def strings_of(value: object) -> Iterator[str]:
    """Yield every text in an answer, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from strings_of(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings_of(each)


EVIL = "zebra \x1b[31m\x1b]0;x\x07 \u202egnp.exe \u200b\u2066x\u2069 \x9b2J \ufeff \u00ad \U000e0041\U000e0042 \x00 end"
"""What a repository may hold to fool a reader: colours, a title, reversed text, what is not to be seen, and tags."""


def test_no_answer_has_characters_that_hide_or_steer(world: World) -> None:
    """Titles, texts, tags, names of files and folders: shown as escapes everywhere; the file keeps its bytes."""
    for store in (world.folder() / ".memory", world.home / "global"):
        header = f'id: evil\ntitle: "{EVIL[6:20]}"\ntags: ["{EVIL[8:30]}"]\ncategory: "{EVIL[:20]}"\nimportance: 10'
        clean = "".join(character for character in header if character not in "\x00\x07\x1b\x9b")
        put(store, "evil\u202e\x1b.md", f"---\n{clean}\n---\n# {EVIL}\n\n{EVIL}\n")
        put(store, "fol\u202eder\x1b/plain.md", f"{EVIL}\n")
        shutil.copy(store / "evil\u202e\x1b.md", store / "copy.md")
        put(
            store,
            "copy.md",
            (store / "copy.md").read_text().replace("id: evil", "id: evil2").replace("importance", "#"),
        )
        put(store, "bad.md", f"---\n{EVIL}: [\n---\n{EVIL}\n")
    before = files_below(world.folder() / ".memory")
    world.trusted()
    machine = World(world.root, {"MEMFS_MODE": "hybrid"})
    with served(machine) as client:
        client.begin()
        shown = 0
        for answer in everything(client):
            for text in strings_of(answer):
                assert not HIDDEN.search(text), ascii(text[:300])
                shown += "\\u202e" in text
            assert "method" not in answer
        alive(client)

    assert shown > 20
    assert all(
        raw == before[name]
        for name, raw in files_below(world.folder() / ".memory").items()
        if name in before and "evil" not in name
    )


def test_file_names_that_are_no_text_harm_nobody(world: World) -> None:
    """Bytes that are no UTF-8, on a disk that takes them: left out, and all else is served."""
    store = world.folder() / ".memory"
    for name in (b"\xff\xfe.md", b"caf\xe9.md", b"sub\xff/a.md", b"\x80" * 100 + b".md"):
        path = os.path.join(os.fsencode(store), name)  # noqa: PTH118  (bytes)
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120  (bytes)
        Path(os.fsdecode(path)).write_text("zebra of nobody\n")
    put(store, "good.md", "---\nid: good\n---\nzebra\n")
    with connected(world, MODERN) as agent:
        found = agent.call("search_memories", query="zebra", limit=50)["results"]
        status = agent.call("memory_status")
        recent = agent.read("memory://recent")
        start = agent.call("auto_session_start")
        for each in found:
            agent.result("get_memory", {"memory_id": each["memory_id"]})
        agent.call("store_memory", content="another zebra")

    assert "good" in {each["memory_id"] for each in found}
    assert recent["count"] >= 1
    assert start["success"]
    assert status["stores"][0]["exists"]


def a_broken_link(path: Path) -> None:
    """Make a link to nothing."""
    path.symlink_to(path.parent / "nothing.md")


def a_link_outside(path: Path) -> None:
    """Make a link to a file that is none of the store's."""
    put(path.parent.parent.parent, "secret.md", "zebra secret\n")
    path.symlink_to(path.parent.parent.parent / "secret.md")


def a_link_to_itself(path: Path) -> None:
    """Make a link that leads nowhere."""
    path.symlink_to(path)


def a_socket(path: Path) -> None:
    """Make a socket that nobody listens at."""
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def a_folder(path: Path) -> None:
    """Make a folder with a file."""
    put(path, "inner.md", "zebra within\n")


def an_unreadable_file(path: Path) -> None:
    """Make a file that may not be read."""
    path.write_text("zebra unread\n")
    path.chmod(0)


def a_huge_file(path: Path) -> None:
    """Make a file of a gigabyte that takes no room."""
    path.write_bytes(b"zebra\n")
    os.truncate(path, 1 << 30)


def binary(path: Path) -> None:
    """Make a file of all bytes there are."""
    path.write_bytes(bytes(range(256)) * 64)


ODD_FILES: tuple[Callable[[Path], None], ...] = (
    a_broken_link, a_link_outside, a_link_to_itself, os.mkfifo, a_socket, a_folder, an_unreadable_file, a_huge_file,
    binary,
)  # fmt: skip
"""What may lie where a memory is expected."""


@pytest.mark.parametrize("before", [True, False], ids=["before", "while serving"])
def test_what_is_no_readable_file_harms_only_itself(world: World, *, before: bool) -> None:
    """Links, pipes, sockets, folders, files that may not be read or are too large: the others are served as ever."""
    store = world.folder() / ".memory"
    put(store, "good.md", "---\nid: good\n---\nzebra\n")

    def make_all() -> None:
        for number, make in enumerate(ODD_FILES):
            make(store / f"odd-{number}.md")

    if before:
        make_all()
    with served(world, through=without_powers()) as client:
        client.begin()
        alive(client)
        if not before:
            make_all()
        found = client.call("search_memories", query="zebra", limit=50)
        assert "good" in {each["memory_id"] for each in found["results"]}
        assert "secret" not in json.dumps(found)
        for number in range(len(ODD_FILES)):
            for tool in ("get_memory", "delete_memory") if number in (1, 3) else ("get_memory",):
                answer = client.ask("tools/call", {"name": tool, "arguments": {"memory_id": f"odd-{number}.md"}})
                assert OURS not in json.dumps(answer), ODD_FILES[number]
                assert "zebra secret" not in json.dumps(answer)
        status = client.call("memory_status")
        assert client.call("store_memory", content="another zebra")["success"]
        assert client.call("list_memories")["total"] >= 2
        alive(client)
    assert status["stores"][0]["unreadable"] >= 1
    (store / "odd-6.md").chmod(0o600)
    assert (world.root / "secret.md").read_text() == "zebra secret\n"


# ---- an index that breaks


def removed(cache: Path) -> None:
    """Remove the cache folder."""
    shutil.rmtree(cache)


def emptied(cache: Path) -> None:
    """Empty every file of the index."""
    for path in cache.rglob("*"):
        if path.is_file():
            os.truncate(path, 0)


def garbled(cache: Path) -> None:
    """Write nonsense into every file of the index."""
    for path in cache.rglob("*"):
        if path.is_file():
            path.write_bytes(os.urandom(max(path.stat().st_size, 10)))


def replaced(cache: Path) -> None:
    """Put a file where the cache folder was."""
    shutil.rmtree(cache)
    cache.write_text("a file in its place")


def read_only(cache: Path) -> None:
    """Take the right to write from the cache folder and all below."""
    for path in (*cache.rglob("*"), cache):
        path.chmod(0o500 if path.is_dir() else 0o400)


@pytest.mark.parametrize("damage", [removed, emptied, garbled, replaced, read_only])
def test_an_index_that_breaks_while_serving_costs_nobody_an_answer(
    world: World, damage: Callable[[Path], None]
) -> None:
    """It is a cache: what was there before is found, and so is what is saved or written afterwards."""
    store = world.folder() / ".memory"
    put(store, "a.md", "---\nid: aaa\n---\nzebra one\n")
    with served(world, through=without_powers()) as client:
        client.begin()
        client.call("store_memory", content="zebra two")
        assert client.call("search_memories", query="zebra")["count"] == 2
        try:
            damage(world.cache)
            assert client.call("search_memories", query="zebra")["count"] == 2
            saved = client.call("store_memory", content="zebra three")["memory_id"]
            put(store, "b.md", "zebra four\n")
            found = client.call("search_memories", query="zebra")
            assert found["count"] == 4
            assert client.call("get_memory", memory_id=saved)["content"].strip() == "zebra three"
            assert client.call("get_memory", memory_id="aaa")["path"] == str(store / "a.md")
            client.ask("resources/read", {"uri": "memory://recent"})["result"]
        finally:
            for path in (world.cache, *world.cache.rglob("*")):
                path.chmod(0o700 if path.is_dir() else 0o600)


# ---- faults of ours


@contextmanager
def in_process(world: World, mode: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    """Yield an agent that is connected to a server in this very process, where faults can be made."""
    for name, value in world.environ.items():
        monkeypatch.setenv(name, value)
    news = News()
    desk = news.desk = Desk(world.folder(), None, news.heard, world.environ)
    try:
        with speaking(lambda: MemoryServer(desk, news, alone=True), mode) as agent:
            yield agent
    finally:
        desk.close()


def panic() -> None:
    """Have Tantivy's Rust panic, for real."""
    index = tantivy.Index(tantivy.SchemaBuilder().build())
    index.searcher().doc(tantivy.DocAddress(7, 7))


def interrupt() -> None:
    """Raise what ends programs."""
    raise KeyboardInterrupt


def leave() -> None:
    """Raise what ends programs with a code."""
    raise SystemExit(3)


def recurse() -> None:
    """Call itself until Python has enough."""
    recurse()


def stop_a_generator() -> None:
    """Raise what no coroutine may."""
    raise StopIteration


def run_out_of_memory() -> None:
    """Raise what a large allocation would."""
    raise MemoryError


def fail_on_a_disk() -> None:
    """Raise an error of the operating system that nobody expected."""
    raise OSError(5, "Input/output error")


FAULTS: dict[str, Callable[[], None]] = {
    "PanicException": panic,
    "KeyboardInterrupt": interrupt,
    "SystemExit": leave,
    "RecursionError": recurse,
    "StopIteration": stop_a_generator,
    "MemoryError": run_out_of_memory,
    "OSError": fail_on_a_disk,
}


def failing(fault: Callable[[], None]) -> Callable[..., Json]:
    """Return what takes anything and comes to *fault*."""

    def fail(*_: object, **__: object) -> Json:
        fault()
        return {}

    return fail


@pytest.mark.parametrize("mode", ERAS)
def test_a_fault_in_a_tool_fails_that_call_alone(world: World, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A panic of Rust, a recursion, what ends programs elsewhere: a failed result, and the next call is answered."""
    put(world.folder() / ".memory", "a.md", "---\nid: aaa\n---\nzebra\n")
    with in_process(world, mode, monkeypatch) as agent:
        for name, fault in FAULTS.items():
            with monkeypatch.context() as patch:
                patch.setitem(HANDLERS, "get_memory", failing(fault))
                result = agent.result("get_memory", {"memory_id": "aaa"})

            assert result.is_error, name
            assert text_of(result).startswith(f"{OURS}: {name}"), text_of(result)
            assert (result.structured_content or {})["error"]["message"] == text_of(result)
            assert agent.call("get_memory", memory_id="aaa")["content"].strip() == "zebra"


@pytest.mark.parametrize("mode", ERAS)
def test_a_fault_in_a_resource_is_an_internal_error(world: World, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentence without a traceback; the next one is read."""
    from memfs.workspace import Workspace

    with in_process(world, mode, monkeypatch) as agent:
        agent.read("memory://recent")
        for name, fault in FAULTS.items():
            with monkeypatch.context() as patch:
                patch.setattr(Workspace, "list", failing(fault))
                error = agent.unread("memory://recent")

            assert (error.code, error.message.startswith(f"{OURS}: {name}")) == (-32603, True), error
            assert agent.read("memory://recent")["count"] == 0


def test_the_panic_of_these_tests_is_one() -> None:
    """It is none of the exceptions that `except Exception` takes."""
    with pytest.raises(BaseException, match="index out of bounds") as caught:
        panic()

    assert type(caught.value).__name__ == "PanicException"
    assert not isinstance(caught.value, Exception)


def test_a_client_of_either_era_may_send_nothing_but_nonsense_and_go(world: World) -> None:
    """Nonsense from the first byte on, then the end of input: exit code 0, no message, no traceback."""
    with served(world) as client:
        for line in list(NOT_MESSAGES.values())[:12]:
            client.send(line + b"\n")
        client.close()

        assert client.ended() == 0
        assert "Traceback" not in client.log.read_text()
    with connected(world, LEGACY) as agent:
        assert agent.call("memory_status")["workspace"] == str(world.folder())
