"""Merging two versions of a memory: keys by their meaning, bodies by git, nothing lost, nothing doubled."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import example
from hypothesis import given
from hypothesis import reject
from hypothesis import settings
from hypothesis import strategies as st

from memfs.errors import Invalid
from memfs.memory import KEYS
from memfs.memory import MAX_BYTES
from memfs.memory import Link
from memfs.memory import Memory
from memfs.memory import compose
from memfs.memory import parse
from memfs.memory import parse_time
from memfs.merging import Merged
from memfs.merging import TwoMemories
from memfs.merging import merge
from memfs.values import Value
from tests.texts import headers
from tests.texts import texts

BODY = "One.\n\nTwo.\n\nThree.\n"
NAMES = ("ours", "base", "theirs")


class NotMergedError(Exception):
    """Git takes one of the files for no text."""


def by_git(base: bytes, ours: bytes, theirs: bytes) -> tuple[bytes, bool]:
    """Return what `git merge-file` makes of three texts, and whether it left markers."""
    with tempfile.TemporaryDirectory() as folder:
        for name, raw in zip(NAMES, (ours, base, theirs), strict=True):
            Path(folder, name).write_bytes(raw)
        labels = [word for name in NAMES for word in ("-L", name)]
        done = subprocess.run(
            ["git", "merge-file", "-p", "--diff3", *labels, *NAMES], cwd=folder, capture_output=True, check=False
        )
    if not 0 <= done.returncode <= 127:
        raise NotMergedError(done.stderr)
    return done.stdout, done.returncode > 0


def never(base: bytes, ours: bytes, theirs: bytes) -> tuple[bytes, bool]:
    """Fail: nothing here needs lines to be merged."""
    raise AssertionError((base, ours, theirs))


def file(keys: str, body: str = BODY) -> bytes:
    """Return a file of the header lines *keys*, a blank line and *body*."""
    return f"---\n{keys}---\n\n{body}".encode()


def read(merged: Merged) -> Memory:
    """Return the memory that *merged* holds; its state says whether it clashes, and git's own words agree."""
    memory = parse(merged.raw, "x.md")
    assert memory.state == ("conflict" if merged.clash else "ok"), memory.problems
    return memory


def values(memory: Memory) -> Mapping[str, Value]:
    """Return the untyped values of *memory*'s header."""
    return memory.header.values if memory.header else {}


def merged_lines(base: str, ours: str, theirs: str) -> Merged:
    """Return the merge of three headers, made of the given lines, above one body."""
    return merge(file(base), file(ours), file(theirs), by_git)


# ---- one side only


@given(st.binary(max_size=60), st.binary(max_size=60))
@example(b"a\nb\r\n", b"a\r\nb\n")
@example(b"---\nid: A\n---\n", b"---\nid: B\n---\n")
def test_what_one_side_alone_changed_is_taken_byte_for_byte(base: bytes, changed: bytes) -> None:
    """Whatever the bytes are, memory or not, no line needs to be merged."""
    assert merge(base, base, changed, never).raw == changed
    assert merge(base, changed, base, never).raw == changed
    assert merge(base, changed, changed, never).raw == changed
    assert merge(None, changed, changed, never).raw == changed


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "expected"),
    [
        ("title: A\n", "title: A\n", "title: B\n", "B"),
        ("title: A\n", "title: B\n", "title: A\n", "B"),
        ("", "", "title: B\n", "B"),
        ("title: A\n", "title: A\n", "", None),
        ("title: A\n", "", "title: A\n", None),
        ("title: A\n", "", "title: B\n", "B"),
        ("title: A\n", "title: B\n", "", "B"),
        ("title: A\n", "", "", None),
        ("title: A\n", "title: B\n", "title: B\n", "B"),
        ("title: A\n", "title: A\n", 'title: ""\n', ""),
    ],
)
@pytest.mark.parametrize("key", ["title", "category", "summary", "session", "own-word", "pinned", "type", "importance"])
def test_a_key_that_one_side_changed_is_as_that_side_has_it(
    key: str, base: str, ours: str, theirs: str, expected: str | None
) -> None:
    """Added, changed or removed; a change is kept against a removal. Valid for its key or not."""
    one, other = ours.replace("title", key) + "a: ours\n", "b: theirs\n" + theirs.replace("title", key)

    merged = merged_lines(base.replace("title", key), one, other)

    assert values(read(merged)).get(key) == expected
    assert values(read(merged)).items() >= {"a": "ours", "b": "theirs"}.items()


def test_a_change_that_is_kept_against_a_removal_is_told() -> None:
    """People hear of what was decided for them."""
    merged = merged_lines("title: A\n", "", "title: B\n")

    assert merged.notes[0] == '`title` is kept as "B"; the other side removed it.'


# ---- both sides: section 3 of the format


def test_two_clones_that_edit_different_parts_of_one_memory_merge() -> None:
    """Case 89: a tag and one paragraph here, another paragraph there."""
    base = file("id: A\ntags: [a]\n", "".join(f"Paragraph {number}.\n\n" for number in range(1, 10)))
    ours = base.replace(b"[a]", b"[a, b]").replace(b"Paragraph 1.", b"Ours 1.")
    theirs = base.replace(b"Paragraph 9.", b"Theirs 9.")

    merged = merge(base, ours, theirs, by_git)

    assert merged == Merged(ours.replace(b"Paragraph 9.", b"Theirs 9."), clash=False, notes=())


@pytest.mark.parametrize("key", ["tags", "channels", "cues", "about", "own-list"])
@pytest.mark.parametrize(
    ("base", "ours", "theirs", "expected"),
    [
        ("[a, b]", "[a, b, c]", "[a, b, d]", ["a", "b", "c", "d"]),
        ("[a, b, c]", "[a, c]", "[a, b]", ["a"]),
        ("[a, b]", "[a]", "[b]", []),
        ("[a, b]", "[b, x]", "[a]", ["x"]),
        ("[a, b]", "[]", "[a, b, c]", ["c"]),
        ("[a]", "[]", "[b]", ["b"]),
        ("[]", "[b, c]", "[c, d]", ["b", "c", "d"]),
        ("[a, b, c]", "[c, b]", "[b, a, c]", ["c", "b"]),
        ("[a]", '["no", a]', "['1.10', a]", ["no", "a", "1.10"]),
        ("\n- a\n- b", "\n- a\n- b\n- c  # ours", "\n- x\n- b", ["x", "b", "c"]),
        ("\n- a\n- b", "[a, b, c]", "\n- a", ["a", "c"]),
    ],
)
def test_lists_are_united_and_removals_count(key: str, base: str, ours: str, theirs: str, expected: list[str]) -> None:
    """What either side added is there, what either removed is gone; nothing is chosen, so nothing is told."""
    merged = merged_lines(f"{key}: {base}\n", f"{key}: {ours}\n", f"{key}: {theirs}\n")

    assert values(read(merged))[key] == expected
    assert "kept as" not in "".join(merged.notes)


def test_a_list_that_one_side_removed_keeps_what_the_other_added() -> None:
    """To remove the key is to remove its items; with nothing left in it the key is gone."""
    assert values(read(merged_lines("tags: [a, b]\n", "", "tags: [a, b, c]\n"))) == {"tags": ["c"]}
    assert values(read(merged_lines("tags: [a, b]\n", "", "tags: [a]\n"))) == {}


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "expected"),
    [
        ("a, b", "a, b, c", "[b]", ["b", "c"]),
        ("a, b", "a, b, c", "a, b, d", ["a", "b", "c", "d"]),
        ("[Git]", "[Git, CI]", "[Git, ci, x]", ["Git", "ci", "x"]),
        ("[Git]", "[git, a]", "[]", ["a"]),
        ("[Ärger]", "[ärger, a]", "[]", ["a"]),
    ],
)
def test_tags_are_one_list_in_every_writing(base: str, ours: str, theirs: str, expected: list[str]) -> None:
    """As one text with commas or a list, in capitals or not."""
    merged = merged_lines(f"tags: {base}\n", f"tags: {ours}\n", f"tags: {theirs}\n")

    assert list(read(merged).tags) == expected


def test_tags_that_hold_everything_already_are_left_as_they_are_written() -> None:
    """One text with commas stays one when the other side brings nothing new."""
    merged = merged_lines("tags: a\n", "tags: a , b, c  # mine\n", "tags: [a, b]\n")

    assert b"\ntags: a , b, c  # mine\n" in merged.raw


def test_links_are_united_whole() -> None:
    """Inline and block mappings are told apart by what they say; the lines of ours stay, comments too."""
    base = "links:\n  - type: supersedes\n    to: B  # old\n  - {type: example_of, to: C}\n"
    ours = base + "  - type: relates_to  # ours\n    to: D\n"
    theirs = "links: [{to: B, type: supersedes}, {type: relates_to, to: E}, {to: D, type: relates_to}]\n"

    merged = merged_lines(base, ours, theirs)

    assert read(merged).links == (Link("supersedes", "B"), Link("relates_to", "D"), Link("relates_to", "E"))
    assert b"    to: B  # old\n" in merged.raw
    assert b"  - type: relates_to  # ours\n    to: D\n" in merged.raw


def test_the_lines_of_two_block_lists_are_merged_as_lines() -> None:
    """Items that were added in different places stay there, with the comments of both."""
    base, mine, yours = "tags:\n  - b\n  - m\n  - y\n", "tags:\n  - a  # ours\n  - b\n", "  - y\n  - z  # theirs\n"
    ours, theirs = base.replace("tags:\n  - b\n", mine), base.replace("  - y\n", yours)

    merged = merged_lines(base, ours, theirs)

    assert merged.raw == file("tags:\n  - a  # ours\n  - b\n  - m\n  - y\n  - z  # theirs\n")


SIZED = [
    ("importance", "5", "8", "6", "8"),
    ("importance", "9", "3", "2", "3"),
    ("importance", "5", "high", "6", "6"),
    ("importance", "5", "99", "6", "6"),
    ("importance", "5", "10", "9", "10"),
    ("created", "2026-05-05", "2026-04-04", "2026-03-03", "2026-03-03"),
    ("created", "2026-05-05", "2026-04-04T00:00:00+02:00", "2026-04-03T23:00:00Z", "2026-04-04T00:00:00+02:00"),
    ("created", "2026-05-05", "yesterday", "2026-06-06", "2026-06-06"),
    ("expires", "2026-05-05", "2026-06-06", "2026-07-07", "2026-07-07"),
    ("expires", "2026-05-05", "2026-03-03", "2026-04-04", "2026-04-04"),
    ("updated", "2026-05-05", "2026-06-06T01:00:00Z", "2026-06-06", "2026-06-06T01:00:00Z"),
    ("type", "todo", "decision", "whim", "decision"),
]


@pytest.mark.parametrize(("key", "base", "one", "other", "expected"), SIZED)
def test_of_two_sizes_the_format_says_which_is_kept(key: str, base: str, one: str, other: str, expected: str) -> None:
    """The higher importance, the earlier `created`, the later `expires` and `updated`; never what the key cannot be."""
    there = merged_lines(f"{key}: {base}\n", f"{key}: {one}\n", f"{key}: {other}\n")
    back = merged_lines(f"{key}: {base}\n", f"{key}: {other}\n", f"{key}: {one}\n")
    both_added = merge(None, file(f"{key}: {one}\n"), file(f"{key}: {other}\n"), by_git)

    lost = one if expected == other else other
    assert there.raw == back.raw == both_added.raw == file(f"{key}: {expected}\n")
    assert there.notes == back.notes == (f'`{key}` is kept as "{expected}"; the other side says "{lost}".',)


def test_of_two_titles_the_same_one_is_kept_on_both_sides_and_told() -> None:
    """No markers in a header: the choice is the same wherever it is made, and says what was not chosen."""
    base, ours, theirs = (file(f"title: {title}\nown: {{a: {title}}}\n") for title in ("A", "Bär", "C"))

    there, back = merge(base, ours, theirs, by_git), merge(base, theirs, ours, by_git)

    assert there == back
    assert values(read(there)) == {"title": "C", "own": {"a": "C"}}
    assert there.notes == (
        '`title` is kept as "C"; the other side says "Bär".',
        '`own` is kept as {"a": "C"}; the other side says {"a": "Bär"}.',
    )


def test_a_value_is_a_list_on_one_side_only() -> None:
    """Then one of the two is chosen, the one that fits its key."""
    merged = merged_lines("channels: [a]\n", "channels: b\n", "channels: [a, c]\n")

    assert values(read(merged))["channels"] == ["a", "c"]
    assert merged.notes == ('`channels` is kept as ["a", "c"]; the other side says "b".',)


def test_a_clash_leaves_markers_in_the_body_alone() -> None:
    """Keys are merged all the same, and the header can be read before the clash is resolved."""
    base = file("tags: [a]\nimportance: 5\n")
    ours = file("tags: [a, b]\nimportance: 8\n", BODY.replace("Two", "Ours"))
    theirs = file("tags: [a, c]\nimportance: 6\n", BODY.replace("Two", "Theirs"))

    merged = merge(base, ours, theirs, by_git)

    assert merged.clash
    assert read(merged).tags == ("a", "b", "c")
    assert read(merged).importance == 8
    assert merged.raw == file(
        "tags: [a, b, c]\nimportance: 8\n",
        "One.\n\n<<<<<<< ours\nOurs.\n||||||| base\nTwo.\n=======\nTheirs.\n>>>>>>> theirs\n\nThree.\n",
    )


def test_two_files_with_different_ids_are_two_memories() -> None:
    """Case 92: at one path, whether there was one before or not; an id on one side only is the memory's."""
    with pytest.raises(TwoMemories) as two:
        merge(None, file("id: A\n"), file("id: B\n"), by_git)

    assert str(two.value) == "A and B are two memories at one path"
    with pytest.raises(TwoMemories):
        merge(file("id: A\n"), file("id: A\ntitle: x\n"), file("id: B\n"), by_git)
    assert read(merge(None, file("title: x\n"), file("id: B\n"), by_git)).id == "B"


# ---- what people wrote survives


def test_comments_order_and_quotes_of_both_sides_are_kept() -> None:
    """Unknown keys too; only lines that a side changed are other lines."""
    base = "zeta:   'kept'   # odd\nid: A\n# about\ntitle: \"T\"\nabout: [ 'x',  \"y\" ]\nown: [ 1, {b: ~} ]\n"
    ours = base.replace("title", "# ours\ntitle").replace("'x'", "'x', z")
    theirs = base.replace("'kept'", "'other'") + "# theirs\nimportance: 7 # seven\n"

    merged = merged_lines(base, ours, theirs)

    assert merged.raw == file(
        "zeta:   'other'   # odd\nid: A\n# about\n# ours\ntitle: \"T\"\nabout: [ 'x', z,  \"y\" ]\nown: [ 1, {b: ~} ]\n"
        "# theirs\nimportance: 7 # seven\n"
    )
    assert merged.notes == ()


def test_comments_of_both_sides_are_kept_beside_keys_that_both_changed() -> None:
    """Once their values agree the lines merge."""
    base = "title: T\ntags: [a, b]  # sorted\nimportance: 5\ncategory: c\nsummary: S\n"
    ours = "# ours\n" + base.replace("[a, b]", "[a, b, x]").replace("5", "6")
    theirs = base.replace("[a, b]", "[b, z]").replace("5", "7") + "# theirs\n"

    merged = merged_lines(base, ours, theirs)

    assert merged.raw == file(
        "# ours\ntitle: T\ntags: [b, x, z]  # sorted\nimportance: 7\ncategory: c\nsummary: S\n# theirs\n"
    )
    assert merged.notes == ('`importance` is kept as "7"; the other side says "6".',)


def test_headers_that_clash_in_comments_alone_are_ours_and_told() -> None:
    """Values are right, and a comment is nothing to stop for."""
    merged = merged_lines("# c\na: x\nb: x\n", "# ours\na: z\nb: x\n", "# theirs\na: x\nb: z\n")

    assert merged == Merged(
        file("# ours\na: z\nb: z\n"),
        clash=False,
        notes=("Both sides changed how the header is laid out; comments and order are those of one of them.",),
    )


def test_neighbouring_keys_do_not_clash() -> None:
    """Git sees one change in two lines side by side, a header is no text."""
    merged = merged_lines("title: A\ncategory: x\n", "title: B\ncategory: x\n", "title: A\ncategory: y\n")

    assert merged == Merged(file("title: B\ncategory: y\n"), clash=False, notes=())


def test_a_key_that_both_added_in_different_places_is_there_once() -> None:
    """Case 97: merging lines, `merge=union` too, would leave it twice, and the header malformed."""
    base = "a: 1\nb: 2\nc: 3\nd: 4\n"

    merged = merged_lines(base, f"tags: [x]\n{base}", f"{base}tags: [y]\n")

    assert values(read(merged))["tags"] == ["x", "y"]
    assert merged.raw.count(b"tags:") == 1


def test_an_item_that_both_added_in_different_places_is_there_once() -> None:
    """Merging lines would leave it twice in the list."""
    link = "  - {type: relates_to, to: X}\n"
    base = "links:\n  - {type: a, to: A}\n  - {type: b, to: B}\n  - {type: c, to: C}\n"

    merged = merged_lines(base, base.replace("links:\n", f"links:\n{link}"), base + link)

    assert sorted(each.to for each in read(merged).links) == ["A", "B", "C", "X"]


def test_a_key_that_needs_quotes_is_never_written_without() -> None:
    """One side removed the header, the other changed such a key of it: its own lines are taken."""
    base = file("title: A\n'a: b': 1\n")

    merged = merge(base, BODY.encode(), base.replace(b"1", b"2"), by_git)

    assert values(read(merged)) == {"a: b": "2"}


def test_folded_and_literal_texts_are_merged_as_values() -> None:
    """Of two block texts one is chosen whole, never half of each."""
    base, ours, theirs = (f"summary: >\n  one\n  {two}\n  {three}\nend: x\n" for two, three in ("ab", "xb", "ay"))

    merged = merged_lines(base, ours, theirs)

    assert values(read(merged)) == {"summary": "one x b\n", "end": "x"}
    assert merged.notes[0] == '`summary` is kept as "one x b\\n"; the other side says "one a y\\n".'


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ("{title: B}", "{title: A, tags: [a]}", {"title": "B", "tags": ["a"]}),
        ("{title: B, tags: [a]}", "{title: A, about: [c]}", {"title": "B", "tags": ["a"], "about": ["c"]}),
        ("{title: A, tags: [a]}", "title: B", {"title": "B", "tags": ["a"]}),
    ],
)
def test_headers_in_braces_are_merged_too(ours: str, theirs: str, expected: dict[str, Value]) -> None:
    """What cannot be patched in one side is taken from the other, or written anew."""
    merged = merged_lines("{title: A}\n", f"{ours}\n", f"{theirs}\n")

    assert values(read(merged)) == expected
    assert not merged.clash


def test_headers_that_cannot_be_patched_without_losing_comments_are_left_to_people() -> None:
    """Then the markers stand in the header; nothing of either side is lost."""
    merged = merged_lines("{title: A}\n", "{title: B, tags: [a]} # ours\n", "{title: A, about: [c]} # theirs\n")

    assert merged.clash
    assert read(merged).state == "conflict"
    assert b"tags: [a]} # ours\n" in merged.raw
    assert b"about: [c]} # theirs\n" in merged.raw


def styled(raw: bytes, *, mark: bool = False, crlf: bool = False, ended: bool = True) -> bytes:
    """Return the text *raw*, which is ended and has plain newlines, in another style."""
    raw = raw if ended else raw.removesuffix(b"\n")
    return mark * b"\xef\xbb\xbf" + (raw.replace(b"\n", b"\r\n") if crlf else raw)


@pytest.mark.parametrize("style", ["mark", "crlf", "ended"])
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("here", [True, False])
@pytest.mark.parametrize("there", [True, False])
def test_the_style_of_a_file_is_as_who_changed_it_has_it(style: str, before: bool, here: bool, there: bool) -> None:  # noqa: FBT001
    """Mark, newline and end of the last line are three more values; they never make lines clash."""
    base, ours = file("title: A\ntags: [a]\n"), file("title: A\ntags: [a, b]\n", BODY.replace("One", "Ours"))
    theirs = file("title: C\ntags: [a, c]\n", BODY.replace("Three", "Theirs"))

    merged = merge(
        styled(base, **{style: before}), styled(ours, **{style: here}), styled(theirs, **{style: there}), by_git
    )

    whole = file("title: C\ntags: [a, b, c]\n", BODY.replace("One", "Ours").replace("Three", "Theirs"))
    assert merged == Merged(styled(whole, **{style: there if here == before else here}), clash=False, notes=())


def test_a_file_of_mixed_newlines_keeps_them() -> None:
    """Nothing is made even that no side made even."""
    base = file("title: A\n", "One.\r\n\nTwo.\n\r\nThree.\r\n")

    merged = merge(base, base.replace(b"title: A", b"title: B"), base.replace(b"Three", b"Drei"), by_git)

    assert merged.raw == base.replace(b"title: A", b"title: B").replace(b"Three", b"Drei")


def test_a_clash_in_a_file_with_crlf_has_it_throughout() -> None:
    """Markers are lines of the file like others."""
    base, ours, theirs = (styled(file("title: A\n", f"{word}\n"), crlf=True) for word in ("x", "y", "z"))

    merged = merge(base, ours, theirs, by_git)

    assert read(merged).state == "conflict"
    assert merged.raw.count(b"\r\n") == merged.raw.count(b"\n")


def test_a_marker_never_sticks_to_a_last_line_without_an_end() -> None:
    """Each marker is a line of its own, so that everything that looks for markers finds them."""
    merged = merge(b"x", b"one", b"other", by_git)

    assert merged.raw == b"<<<<<<< ours\none\n||||||| base\nx\n=======\nother\n>>>>>>> theirs"
    assert read(merged).state == "conflict"


@pytest.mark.parametrize("crlf", [True, False])
def test_a_side_that_was_emptied_has_no_style(crlf: bool) -> None:  # noqa: FBT001
    """Nothing to end, no newline: the other side's are the file's."""
    base, theirs = styled(b"---\n---\nx\n", crlf=crlf), styled(b"new\nlines\n", crlf=crlf, ended=False)
    headed = styled(b"---\na: x\n---\n\nx\n", crlf=crlf)

    assert merge(styled(b"---\n---\n", crlf=crlf), b"", theirs, by_git) == Merged(theirs, clash=False)
    assert merge(styled(b"x\n", crlf=crlf), b"", headed, by_git) == Merged(headed[: headed.rindex(b"x")], clash=False)
    assert merge(base, b"", theirs, by_git).raw.endswith(styled(b"\n>>>>>>> theirs", crlf=crlf))


def test_of_two_new_files_the_one_that_is_ended_says_so() -> None:
    """There is nothing to tell which of them is the changed one."""
    merged = merge(None, file("tags: [a]\n"), file("tags: [b]\n").removesuffix(b"\n"), by_git)

    assert merged.raw == file("tags: [a, b]\n")


def test_blank_lines_before_a_text_never_clash() -> None:
    """They belong to nobody's text."""
    assert not merge(b"\nx\n", b"\n\nx\n", b"x\n", by_git).clash


def test_a_line_behind_the_last_one_does_not_clash_with_the_end_it_got() -> None:
    """Where one side ended the last line and the other went on."""
    assert merge(b"a", b"a\n", b"a\nb", by_git) == Merged(b"a\nb\n", clash=False)


# ---- bodies


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "expected"),
    [
        ("a\n\nb\n\nc\n", "A\n\nb\n\nc\n", "a\n\nb\n\nC\n", "A\n\nb\n\nC\n"),
        ("", "", "x\n", "x\n"),
        ("x\n", "", "x\n", ""),
        ("Title\n=======\n\nb\n", "Title\n=======\n\nB\n", "Über\n=======\n\nb\n", "Über\n=======\n\nB\n"),
        ("漢字\n\n🎉\n", "漢字!\n\n🎉\n", "漢字\n\n🎉 e\u0301\u2028\n", "漢字!\n\n🎉 e\u0301\u2028\n"),
        ("    code\n\n---\n\nb\n", "    code\n\n---\n\nB\n", "    CODE\n\n---\n\nb\n", "    CODE\n\n---\n\nB\n"),
    ],
)
@pytest.mark.parametrize("keys", ["title: {}\n", None])
def test_bodies_are_merged_by_lines(base: str, ours: str, theirs: str, expected: str, keys: str | None) -> None:
    """With a header above them or none; a heading underlined with seven signs is no conflict."""
    before, here, there = (
        body.encode() if keys is None else file(keys.format(title) + own, body)
        for body, title, own in ((base, "A", ""), (ours, "A", "importance: 7\n"), (theirs, "B", ""))
    )
    whole = expected.encode() if keys is None else file("title: B\nimportance: 7\n", expected)

    merged = merge(before, here, there, by_git)

    assert merged == Merged(whole, clash=False, notes=())
    assert read(merged).state == "ok"


def test_a_header_before_a_plain_text_does_not_clash_with_a_new_first_line() -> None:
    """As memfs itself writes one into a file that is linked or moved."""
    base, ours = b"# Title\n\ntext\n", b"---\nid: A\n---\n\n# Title\n\ntext\n"

    merged = merge(base, ours, b"# Other\n\ntext\n", by_git)

    assert merged == Merged(b"---\nid: A\n---\n\n# Other\n\ntext\n", clash=False)
    assert merge(base, b"# Other\n\ntext\n", ours, by_git) == merged


def test_both_wrote_a_header_before_a_plain_text() -> None:
    """There is one afterwards, with the values of both."""
    base = b"# Title\r\n\r\ntext\r\n"
    ours, theirs = (b"---\r\n%s\r\n---\r\n\r\n%s" % (line, base) for line in (b"tags: [a]", b"tags: [b]  # why"))

    merged = merge(base, ours, theirs, by_git)

    assert values(read(merged)) == {"tags": ["a", "b"]}
    assert merged.raw.endswith(b"---\r\n\r\n" + base)


@pytest.mark.parametrize("crlf", [True, False])
def test_a_body_is_never_read_as_a_header(crlf: bool) -> None:  # noqa: FBT001
    """One side removed the header, the other what stood above a line across the page."""
    head, removed, kept = (
        styled(part, crlf=crlf) for part in (b"---\nt: x\n---\n", b"foo\n\n\nbar\n", b"---\nlast\n---\n")
    )

    merged = merge(head + removed + kept, removed + kept, head + kept, by_git)

    assert merged == Merged(styled(b"\n", crlf=crlf) + kept, clash=False)
    assert read(merged).header is None


# ---- files that cannot be read


UNREAD = [
    b"---\ntitle: [\n---\n\nOne.\n",
    b"---\nno: 1\nno: 2\n---\n\nOne.\n",
    b"<<<<<<< a\nx\n=======\ny\n>>>>>>> b\n",
    b"---\nt: x\n---\n<<<<<<< a\nx\n=======\ny\n>>>>>>> b\n",
    b"\xff\xfe latin \xe9\n",
    b"large\n" * (MAX_BYTES // 6 + 1),
]


@pytest.mark.parametrize("bad", UNREAD)
@pytest.mark.parametrize("base", [None, file("title: A\n"), b"---\n[\n---\n"])
def test_a_side_that_cannot_be_read_is_merged_as_text(bad: bytes, base: bytes | None) -> None:
    """Its lines, broken as they are, and the other side's: all of them are in the result."""
    good = file("title: B\n", "Good.\n")

    for merged in (merge(base, bad, good, by_git), merge(base, good, bad, by_git)):
        lines = merged.raw.split(b"\n")
        assert merged.clash
        assert {*bad.split(b"\n"), *good.split(b"\n")} <= {*lines}


def test_a_text_in_another_style_is_compared_by_its_words_even_if_its_header_is_broken() -> None:
    """Neither newline nor mark makes every line clash."""
    base = b"---\n[\n---\n\none\n\ntwo\n"

    merged = merge(base, styled(base.replace(b"one", b"1"), mark=True, crlf=True), base.replace(b"two", b"2"), by_git)

    assert merged == Merged(styled(b"---\n[\n---\n\n1\n\n2\n", mark=True, crlf=True), clash=False)


def test_what_the_merge_of_lines_raises_is_raised_on() -> None:
    """Git takes bytes with NUL for no text; who called keeps both files."""
    with pytest.raises(NotMergedError):
        merge(b"a", b"b\0", b"c", by_git)


@pytest.mark.parametrize("base", [b"---\n[\n---\n\nOne.\n", b"\xff", b"a\0b", b"<<<<<<< a\n=======\n>>>>>>> b\n"])
def test_a_base_that_cannot_be_read_is_none(base: bytes) -> None:
    """Both sides mended it: their keys are united, their bodies stand side by side where they differ."""
    ours, theirs = file("tags: [a]\n", "same\n"), file("tags: [b]\nimportance: 3\n", "same\n")

    merged = merge(base, ours, theirs, by_git)

    assert merged == merge(None, ours, theirs, by_git)
    assert merged == Merged(file("tags: [a, b]\nimportance: 3\n", "same\n"), clash=False)
    assert merge(base, ours, file("tags: [b]\n", "other\n"), by_git).clash


def test_a_base_with_markers_in_its_body_is_a_base() -> None:
    """As git makes one of histories that crossed before; both sides resolved it, and went on."""
    marked = "<<<<<<< a\none\n=======\nother\n>>>>>>> b\n"
    base = file("tags: [a, b]\n", f"{BODY}\n{marked}")
    ours, theirs = file("tags: [a, c]\n", f"{BODY}\none\n"), file("tags: [a, b]\n", f"Begin.\n{BODY}\none\n")

    merged = merge(base, ours, theirs, by_git)

    assert merged == Merged(file("tags: [a, c]\n", f"Begin.\n{BODY}\none\n"), clash=False)


# ---- properties

LISTS = ("tags", "channels", "cues", "about", "links", "own-list")
_lists: st.SearchStrategy[Value] = st.lists(st.sampled_from(("a b", "no", "1.10", "é")), unique=True).map(list)
_links: st.SearchStrategy[Value] = st.lists(
    st.tuples(st.sampled_from("rs"), st.sampled_from("ABC")), max_size=3, unique=True
).map(lambda pairs: [{"type": kind, "to": to} for kind, to in pairs])
_times = st.sampled_from(("2026-01-01", "2026-02-02T03:04:05Z", "2027-03-03", "2027-03-03T00:00:00+01:00"))
_simple = st.fixed_dictionaries(
    {},
    optional={
        "title": st.sampled_from(("A", "B b", "C: c")),
        "importance": st.integers(1, 10).map(str),
        "pinned": st.sampled_from(("true", "false")),
        "own": st.sampled_from(("x", "y")),
        **dict.fromkeys(("created", "updated", "expires"), _times),
        **dict.fromkeys(("tags", "channels", "cues", "about", "own-list"), _lists),
        "links": _links,
    },
)
"""Values of which two sides often share some."""


@st.composite
def header_lines(draw: st.DrawFn) -> str:
    """Return a header's lines in one of many layouts: any order, blocks or not, quotes, comments, a comma text."""
    made = draw(_simple)
    out = []
    for key in draw(st.permutations(sorted(made))):
        value = made[key]
        if draw(st.booleans()):
            out.append(f"# {draw(st.sampled_from('xyz'))}")
        if key == "tags" and isinstance(value, list) and value and draw(st.booleans()):
            out.append(f"tags: '{', '.join(map(str, value))}'")
        elif isinstance(value, list) and value and draw(st.booleans()):
            out += [
                f"{key}:",
                *(f"  - {json.dumps(item, ensure_ascii=False)}  # {number}" for number, item in enumerate(value)),
            ]
        else:
            out.append(f"{key}: {json.dumps(value, ensure_ascii=False)}")
    return "".join(f"{line}\n" for line in out)


@st.composite
def edited(draw: st.DrawFn, lines: list[str], whose: str) -> list[str]:
    """Return *lines* without some of them, and with some that nobody else has."""
    out = []
    for number in range(len(lines) + 1):
        out += [f"{whose} {number}.{more}" for more in range(draw(st.sampled_from((0, 0, 0, 1, 2))))]
        out += [line for line in lines[number : number + 1] if draw(st.integers(0, 4))]
    return out


@st.composite
def versions(draw: st.DrawFn) -> tuple[bytes, bytes, bytes]:
    """Return base, ours and theirs: they differ in values, layout, style and body; no line is there twice."""
    lines = [f"base {number}" for number in range(draw(st.integers(0, 9)))]
    bodies = (lines, draw(edited(lines, "ours")), draw(edited(lines, "theirs")))
    sides = []
    for body in bodies:
        keys = draw(st.one_of(st.none(), header_lines(), header_lines()))
        text = "".join(f"{line}\n" for line in body)
        raw = text.encode() if keys is None else file(keys, text)
        styles = st.fixed_dictionaries({name: st.booleans() for name in ("mark", "crlf", "ended")})
        sides.append(styled(raw, **draw(styles)))
    base, ours, theirs = sides
    return base, ours, theirs


SIZES: Mapping[str, Callable[[str], object]] = {
    "importance": int,
    "created": parse_time,
    "updated": parse_time,
    "expires": parse_time,
}


def told(memory: Memory) -> dict[str, object]:
    """Return what *memory* says, lists as sets, newlines plain."""
    lists = {key: frozenset(getattr(memory, key)) for key in LISTS if key in KEYS}
    own = values(memory).get("own-list")
    spoken = {key: getattr(memory, key) for key in (*KEYS, "body") if key not in LISTS}
    rest = {"own": values(memory).get("own"), "own-list": frozenset(map(str, own)) if isinstance(own, list) else own}
    return {**spoken, **lists, **rest, "body": memory.body.replace("\r\n", "\n"), "keys": frozenset(values(memory))}


def expected(key: str, sides: tuple[Memory, Memory, Memory]) -> object:
    """Return what the rules say of *key*: a set for a list, None for a key that is to be absent, else its text."""
    old, one, other = (values(side).get(key) for side in sides)
    if key in LISTS:
        before, here, there = (
            {str(item) for item in (value.split(", ") if isinstance(value, str) else value or ())}
            for value in (old, one, other)
        )
        return (here & there) | (here - before) | (there - before)
    if other in (old, one):
        return one
    if one == old or None in (one, other):
        return other if one in (old, None) else one
    size = SIZES.get(key, str)
    kept = (min if key == "created" else max)((one, other), key=lambda value: (size(str(value)), value))
    assert isinstance(kept, str)
    return kept


@settings(max_examples=150)
@given(versions())
def test_a_merge_says_what_the_rules_say(sides: tuple[bytes, bytes, bytes]) -> None:
    """Every key, in every layout and style, clash or not; the header is read back, so no key is there twice."""
    base, ours, theirs = sides

    memory = read(merge(base, ours, theirs, by_git))

    found = {}
    for key in {"title", "importance", "pinned", "own", "created", "updated", "expires", *LISTS}:
        value = values(memory).get(key)
        listed = value.split(", ") if isinstance(value, str) else value or ()
        found[key] = {str(item) for item in listed} if key in LISTS else value
    assert not memory.problems or memory.state == "conflict"
    parsed = tuple(parse(raw, "x.md") for raw in sides)
    assert found == {key: expected(key, (parsed[0], parsed[1], parsed[2])) for key in found}


@settings(max_examples=100)
@given(versions())
def test_no_line_that_a_side_added_is_missing(sides: tuple[bytes, bytes, bytes]) -> None:
    """Clash or not; without one, what a side removed is gone too."""
    base, ours, theirs = ({*parse(raw, "x.md").body.splitlines()} for raw in sides)

    memory = read(merged := merge(*sides, by_git))

    lines = {*memory.body.splitlines()}
    assert (ours - base) | (theirs - base) | (base & ours & theirs) <= lines
    if not merged.clash:
        assert lines == (ours - base) | (theirs - base) | (base & ours & theirs)


@settings(max_examples=80)
@given(versions())
def test_both_sides_come_to_the_same_memory(sides: tuple[bytes, bytes, bytes]) -> None:
    """Whoever merges; and to merge either side once more changes nothing."""
    base, ours, theirs = sides

    there, back = merge(base, ours, theirs, by_git), merge(base, theirs, ours, by_git)

    assert there.clash == back.clash
    if there.clash:
        return
    assert told(read(there)) == told(read(back))
    assert sorted(note for note in there.notes if "kept" in note) == sorted(n for n in back.notes if "kept" in n)
    assert told(read(merge(base, there.raw, theirs, by_git))) == told(read(there))
    assert merge(theirs, there.raw, theirs, by_git).raw == there.raw


@settings(max_examples=100)
@given(headers, headers, headers, texts, texts)
@example({}, {"about": ["\u2028"]}, {"about": ["\ufeff", "\x85"]}, "", "")
def test_any_values_are_merged_and_read_back(
    old: dict[str, Value], one: dict[str, Value], other: dict[str, Value], here: str, there: str
) -> None:
    """What YAML, git and people read in their own way too: state and values are right, keys are nobody's inventions."""
    raws = []
    for made, body in ((old, "x"), (one, here), (other, there)):
        try:
            raws.append(compose({**made, "id": "A"}, body))
        except Invalid:  # a body that would be read as a header
            reject()
    merged = merge(raws[0], raws[1], raws[2], by_git)

    memory = parse(merged.raw, "x.md")
    assert memory.state == ("conflict" if merged.clash else "ok")
    assert memory.id == "A"
    assert {*one} & {*other} - {*LISTS} <= {*values(memory)} <= {*one, *other, "id"}
