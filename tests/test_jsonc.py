"""Editing JSON that a person wrote: one place changes, and no other byte."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import assume
from hypothesis import example
from hypothesis import given
from hypothesis import strategies as st

from memfs import jsonc

PLACE = ("servers", "memfs")
ENTRY = {"type": "stdio", "command": "memfs", "args": ["serve", "a, // } b"]}

coins = st.booleans()
words = st.text(st.sampled_from('ab,:{}[]/*"\\ é\n\u2028'), max_size=6)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
blanks = st.sampled_from(
    ["", " ", "\n", "\r\n", "\t", "\n    ", "/* } , */", " // ] , {\n", '\n  // é "\n  ', "/* a\n * b */ "]
)


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Draw an object and a text that says it, with comments, blanks and trailing commas wherever they may be."""

    def written(value: object) -> str:
        if isinstance(value, dict):
            members = [f"{gap()}{json.dumps(key)}{gap()}:{gap()}{written(each)}{gap()}" for key, each in value.items()]
            return f"{{{listed(members)}}}"
        if isinstance(value, list):
            return f"[{listed([f'{gap()}{written(each)}{gap()}' for each in value])}]"
        return json.dumps(value, ensure_ascii=draw(coins))

    def listed(members: list[str]) -> str:
        comma = "," if draw(coins) else ""
        return ",".join(members) + (comma if members else "") + gap()

    def gap() -> str:
        return draw(blanks)

    value = draw(st.dictionaries(words, values, max_size=3))
    if draw(coins):
        value["servers"] = draw(st.dictionaries(words, values, max_size=3))
    return f"{draw(st.sampled_from(['', chr(0xFEFF)]))}{gap()}{written(value)}{gap()}", value


def is_subsequence(part: str, whole: str) -> bool:
    """Whether *part* is left when characters are taken out of *whole*."""
    rest = iter(whole)
    return all(character in rest for character in part)


@given(documents())
@example(("", {}))
@example((" \n", {}))
@example(("{}", {}))
@example(("// nothing yet", {}))
def test_what_a_document_says_is_found_through_its_comments(document: tuple[str, dict[str, Any]]) -> None:
    """Comments, commas before a closing bracket and a byte order mark change nothing of what it says."""
    text, value = document

    assert jsonc.load(text) == value


@given(documents())
@example(("// nothing yet", {}))
@example(("", {}))
def test_an_entry_is_put_in_and_nothing_is_lost(document: tuple[str, dict[str, Any]]) -> None:
    """The text says what it said and the entry; every character of before is there, in order."""
    text, value = document
    expected = value | {"servers": value.get("servers", {}) | {"memfs": ENTRY}}

    after = jsonc.put(text, PLACE, ENTRY)

    assert jsonc.load(after) == expected
    assert is_subsequence(text, after) or "memfs" in value.get("servers", {})


@given(documents())
def test_what_was_put_in_is_cut_out_again(document: tuple[str, dict[str, Any]]) -> None:
    """Beside another server the way back is exact; comments and other values always stay."""
    text, value = document
    assume("memfs" not in value.get("servers", {}))

    back = jsonc.cut(jsonc.put(text, PLACE, ENTRY), PLACE)

    assert jsonc.load(back) == value | {"servers": value.get("servers", {})}
    if value.get("servers"):
        assert "".join(back.split()) == "".join(text.split())
        assert back == text or re.search(r"//|/\*", text)


@given(documents(), st.data())
def test_any_member_is_cut_out_and_the_rest_stays(document: tuple[str, dict[str, Any]], data: st.DataObject) -> None:
    """Wherever it stands, with whatever comments around it; the comments stay."""
    text, value = document
    assume(value)
    key = data.draw(st.sampled_from(sorted(value)))

    after = jsonc.cut(text, (key,))

    assert jsonc.load(after) == {each: value[each] for each in value if each != key}
    assert is_subsequence(after, text)


@given(documents(), st.data(), values)
def test_any_value_is_replaced_alone(document: tuple[str, dict[str, Any]], data: st.DataObject, new: object) -> None:
    """What stands before and behind it is the same, byte for byte."""
    text, value = document
    assume(value)
    key = data.draw(st.sampled_from(sorted(value)))
    old = jsonc.put(text, (key,), "\u0001")
    before, behind = old.split('"\\u0001"')

    assert jsonc.put(text, (key,), new) == f"{before}{json.dumps(new, ensure_ascii=False)}{behind}"
    assert text.startswith(before)
    assert text.endswith(behind)
    assert jsonc.load(f"{before}null{behind}") == value | {key: None}


def test_a_new_member_is_laid_out_as_its_neighbours_are() -> None:
    """Tabs, four blanks, Windows' line ends, one line, a trailing comma: as the file has it."""
    cases = {
        '{\n\t"servers": {\n\t\t"a": {} // note\n\t}\n}\n': (
            '{\n\t"servers": {\n\t\t"a": {}, // note\n\t\t"memfs": {\n\t\t\t"x": [1, 2]\n\t\t}\n\t}\n}\n'
        ),
        '{\r\n    "servers": {}\r\n}': (
            '{\r\n    "servers": {\r\n        "memfs": {\r\n            "x": [1, 2]\r\n        }\r\n    }\r\n}'
        ),
        '{"servers": {"a": 1}}': '{"servers": {"a": 1, "memfs": {"x": [1, 2]}}}',
        '{\n  "servers": {\n    "a": 1,\n  },\n}': (
            '{\n  "servers": {\n    "a": 1,\n    "memfs": {\n      "x": [1, 2]\n    },\n  },\n}'
        ),
        "{}": '{\n  "servers": {\n    "memfs": {\n      "x": [1, 2]\n    }\n  }\n}',
    }

    assert {text: jsonc.put(text, PLACE, {"x": [1, 2]}) for text in cases} == cases
    assert [text for text in cases if jsonc.cut(cases[text], PLACE) != text] == ["{}"]


def test_a_comment_does_not_swallow_what_follows_a_cut() -> None:
    """A line comment before the member that goes keeps its line end, when the next one stands on the same line."""
    assert jsonc.load(jsonc.cut('{\n  // c\n  "memfs": 1, "b": 2}', ("memfs",))) == {"b": 2}
    assert jsonc.cut('{\n  // c\n  "memfs": 1,\n  "b": 2\n}', ("memfs",)) == '{\n  // c\n  "b": 2\n}'
    assert jsonc.cut('{"b": 2}', ("memfs",)) == '{"b": 2}'


def test_of_a_key_that_stands_twice_the_last_counts() -> None:
    """As for every parser: editing the first would change nothing that a client sees."""
    text = '{"servers": {"memfs": 1, "memfs": 2}}'

    assert jsonc.put(text, PLACE, 3) == '{"servers": {"memfs": 1, "memfs": 3}}'


@pytest.mark.parametrize("text", ["{", '{"a": 1', "{a: 1}", '{"a" 1}', "{'a': 1}", "/* {} ", '{"a": "\n"}', "// x\n{"])
def test_what_is_no_json_is_refused(text: str) -> None:
    """Comments or not."""
    with pytest.raises(ValueError, match=r"line|char"):
        jsonc.load(text)


def test_comments_and_commas_are_taken_only_where_they_may_be() -> None:
    """A strict file with one of them is broken for its client, so it is for us."""
    comment, comma = '{"a": 1 /* x */}', '{"a": [1,],}'

    assert jsonc.load(comment, commas=False) == jsonc.load(comment) == {"a": 1}
    assert jsonc.load(comma, comments=False) == jsonc.load(comma) == {"a": [1]}
    for text, kind in ((comment, {"comments": False}), (comma, {"commas": False})):
        with pytest.raises(ValueError, match="line 1"):
            jsonc.load(text, **kind)
