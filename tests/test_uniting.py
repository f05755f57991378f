"""Uniting two trees: whatever each side did, nothing that was added is lost, and no memory is there twice."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from memfs.errors import Refused
from memfs.memory import parse
from memfs.objects import Blob
from memfs.uniting import Tree
from memfs.uniting import United
from memfs.uniting import is_memory
from memfs.uniting import unite
from tests.worlds import rounds

Files = Mapping[str, str]
"""Path → text."""

PATHS = ("global/a.md", "global/b.md", "global/sub/c.md", "groups/team/a.md", "README.md", "global/picture.svg")
PARTS = 5
"""Of each text, far enough from each other to be merged line by line."""
KINDS = ("edit", "edit", "tag", "move", "move", "swap", "remove", "add", "add", "replace", "copy", "identify")
WORD = re.compile(r"\bw\d+[box]\w*")

kept: dict[str, bytes] = {}
"""Every object that a test made, by its name."""


def blob(text: str | bytes, mode: str = "100644") -> Blob:
    """Return the file of *text*, which `load` knows from now on."""
    raw = text.encode() if isinstance(text, str) else text
    oid = hashlib.sha1(raw, usedforsecurity=False).hexdigest()
    kept[oid] = raw
    return Blob(mode, oid)


def load(oids: Sequence[str]) -> list[bytes]:
    """Return the bytes of objects, as a repository does."""
    return [kept[oid] for oid in oids]


def tree(files: Files) -> Tree:
    """Return the tree of *files*."""
    return {path: blob(text) for path, text in files.items()}


def united(base: Files, ours: Files, theirs: Files) -> United:
    """Return what the three come to."""
    return unite(tree(base), tree(ours), tree(theirs), load)


def texts(found: United) -> dict[str, str]:
    """Return what the files of the work tree say afterwards: both texts where they clash."""
    shown = {path: each if isinstance(each, bytes) else kept[each.oid] for path, each in found.tree.items()}
    return {path: raw.decode() for path, raw in (shown | dict(found.clashes)).items()}


def words(files: Files) -> set[str]:
    """Return the words that a test put into *files*."""
    return {word for text in files.values() for word in WORD.findall(text)}


def memory_id(text: str) -> str:
    """Return the id that is written in *text*, empty when none is."""
    memory = parse(text.encode(), "x.md")
    return memory.id if memory.id_written else ""


def ids(files: Files) -> Counter[str]:
    """Return how often each written id is there."""
    return Counter(filter(None, (memory_id(text) for path, text in files.items() if is_memory(path))))


def twins(files: Files) -> set[str]:
    """Return the ids that are written in more than one file."""
    return {each for each, count in ids(files).items() if count > 1}


def two_ids(base: Files, ours: Files, theirs: Files) -> set[str]:
    """Return the words of ids that one memory, which had none, may have been given on both sides: one of them goes."""
    nameless = any(is_memory(path) and not memory_id(text) for path, text in base.items())
    given = (ids(ours).keys() | ids(theirs).keys()) - ids(base).keys() if nameless else set()
    return {each for name in given for each in (name, name.removeprefix("id-"))}


# ---- what each side may do


class Side:
    """Files that somebody changes, each text with words that are found nowhere else.

    Attributes:
        files: What they have come to.
    """

    def __init__(self, name: str, files: Files) -> None:
        self.name = name
        self.files = dict(files)
        self.number = 0

    def word(self) -> str:
        """Return a word that nobody used yet."""
        self.number += 1
        return f"w{self.number}{self.name}"

    def text(self, *, with_id: bool) -> str:
        """Return a new text."""
        word = self.word()
        head = f"---\nid: id-{word}\ntags: [all]\n---\n\n" if with_id else ""
        return head + "".join(f"Part {number} {word}p{number}.\n\nBetween.\n\n" for number in range(PARTS))

    def do(self, kind: str, one: int, two: int) -> None:
        """Do something of *kind* to the file number *one*; *two* is where to, or which part."""
        there = sorted(self.files)
        if kind == "add" or not there:
            self.files.setdefault(PATHS[two % len(PATHS)], self.text(with_id=one % 4 > 0))
            return
        path, other = there[one % len(there)], PATHS[two % len(PATHS)]
        memory = is_memory(path)
        if kind == "edit":
            lines = self.files[path].split("\n")
            places = [number for number, line in enumerate(lines) if line.startswith("Part")] or [0]
            lines[places[two % len(places)]] = f"Part {self.word()}."
            self.files[path] = "\n".join(lines)
        elif kind == "tag":
            self.files[path] = self.files[path].replace("tags: [", f"tags: [{self.word()}, ", 1)
        elif kind == "move" and memory and is_memory(other) and other not in self.files:
            self.files[other] = self.files.pop(path)
        elif kind == "swap" and memory and other in self.files and is_memory(other):
            self.files[path], self.files[other] = self.files[other], self.files[path]
        elif kind == "copy" and memory and is_memory(other):
            self.files.setdefault(other, self.files[path])
        elif kind == "remove":
            del self.files[path]
        elif kind == "replace":
            self.files[path] = self.text(with_id=True)
        elif kind == "identify" and not self.files[path].startswith("---"):
            self.files[path] = f"---\nid: id-{self.word()}\n---\n\n{self.files[path]}"


deeds = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 9), st.integers(0, 9)), max_size=5)
Deeds = list[tuple[str, int, int]]
Three = tuple[Files, Files, Files]


def after(name: str, files: Files, done: Deeds) -> Files:
    """Return what somebody makes of *files*."""
    side = Side(name, files)
    for each in done:
        side.do(*each)
    return side.files


@st.composite
def threes(draw: st.DrawFn) -> Three:
    """Return what there was, and what each of two made of it."""
    base = after("b", {}, [("add", number, number) for number in draw(st.sets(st.integers(0, 5)))])
    return base, after("o", base, draw(deeds)), after("x", base, draw(deeds))


# ---- what holds whatever they did


def no_word_is_lost_and_none_is_made_up(three: Three) -> None:
    """Each that a side added is in a file, one of two that clash if need be; markers are in no tree."""
    base, ours, theirs = three
    found = united(base, ours, theirs)

    there = words(texts(found))
    added = (words(ours) | words(theirs)) - words(base)
    of_others = words({path: ours[path] for path in ours if not is_memory(path)})  # theirs is kept
    assert added - there <= of_others | two_ids(base, ours, theirs)
    assert there <= words(base) | words(ours) | words(theirs)
    assert "<<<<<<<" not in "".join(texts(found._replace(clashes={})).values())
    assert found.clashes.keys() <= found.tree.keys()


def no_memory_is_there_twice(three: Three) -> None:
    """Moved, renamed, swapped, replaced, given an id, added on both sides: one file for each id."""
    found = texts(united(*three))

    assert twins(found) <= {each for files in three for each in twins(files)}


def what_both_have_stays_and_what_one_removed_goes(three: Three) -> None:
    """By their ids; what the other side has changed stays, too."""
    base, ours, theirs = three
    found = ids(texts(united(base, ours, theirs))).keys()
    before, here, there = (ids(files).keys() for files in three)
    assert here & there <= found
    assert (here | there) - before - two_ids(base, ours, theirs) <= found
    for one, other in ((ours, theirs), (theirs, ours)):
        left = {memory_id(base[path]) for path in base if is_memory(path) and one.get(path) == base[path]}
        assert not left & before - ids(other).keys() - twins(ours) - twins(theirs) - twins(base) & found


def who_does_it_makes_no_difference(three: Three) -> None:
    """The same texts, if perhaps by other names, come of it on either machine."""
    base, ours, theirs = three

    def shown(found: United) -> set[frozenset[str]]:
        files = {path: text for path, text in texts(found).items() if is_memory(path)}
        return {frozenset(WORD.findall(text)) - two_ids(*three) for text in files.values()}

    assert shown(united(base, ours, theirs)) == shown(united(base, theirs, ours))


def what_one_side_alone_changed_is_as_that_side_has_it(three: Three) -> None:
    """Path by path."""
    base, ours, _ = three

    for found in (united(base, ours, base), united(base, base, ours), united(base, ours, ours)):
        assert texts(found) == ours
        assert found.clashes == {}


LAWS: tuple[Callable[[Three], None], ...] = (
    no_word_is_lost_and_none_is_made_up,
    no_memory_is_there_twice,
    what_both_have_stays_and_what_one_removed_goes,
    who_does_it_makes_no_difference,
    what_one_side_alone_changed_is_as_that_side_has_it,
)


def keep(law: Callable[[Three], None], examples: int) -> None:
    """Check *law* for so many threes."""
    checked = given(threes())(law)
    settings(max_examples=examples, suppress_health_check=list(HealthCheck))(checked)()


@pytest.mark.no_cover  # repeats what is measured elsewhere
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_uniting_keeps_to_its_laws(law: Callable[[Three], None]) -> None:
    """Edits, tags, moves, swaps, copies, removals and additions, on both sides, in any order."""
    keep(law, 40)


@pytest.mark.soak
def test_uniting_keeps_to_its_laws_for_long() -> None:
    """The same, for as long as there is time."""
    for _ in rounds(1_000):
        for law in LAWS:
            keep(law, 200)


# ---- one by one


def note(name: str, *parts: str, tags: str = "all") -> str:
    """Return a memory of the id *name*."""
    body = "\n\n".join(parts or [f"Part {number}." for number in range(PARTS)])
    return f"---\nid: {name}\ntags: [{tags}]\n---\n\n{body}\n"


def test_a_clash_leaves_theirs_in_the_tree_and_both_for_the_file() -> None:
    """The other text is in the history; a tree never holds markers."""
    base, ours, theirs = ({"a.md": note("one", said)} for said in ("Before.", "Ours.", "Theirs."))

    found = united(base, ours, theirs)

    assert texts(found._replace(clashes={})) == theirs
    assert re.search(r"<{7} ours\nOurs\..*\nBefore\..*\nTheirs\.\n>{7} theirs", texts(found)["a.md"], re.DOTALL)


def test_a_clash_is_where_the_memory_was_moved_to() -> None:
    """By either side."""
    before = {"a.md": note("one", "Before.")}
    here, there = {"b.md": note("one", "Here.")}, {"a.md": note("one", "There.")}

    for ours, theirs in ((here, there), (there, here)):
        found = united(before, ours, theirs)
        assert found.clashes.keys() == found.tree.keys() == {"b.md"}
        assert found.moved == {"a.md": "b.md"}


def test_two_memories_at_one_path_are_called_the_same_on_every_machine() -> None:
    """The name comes of the text; a third and a fourth find a place, too."""
    ours = {"sub/a.md": note("one"), "sub/b.md": note("three")}
    theirs = {"sub/a.md": note("two"), "sub/b.md": note("four")}
    found = united({}, ours, theirs)
    again = united({}, ours, theirs)

    assert texts(found) == texts(again)
    assert sorted(texts(found).values()) == sorted(map(note, ("one", "two", "three", "four")))
    assert [path for path in found.tree if re.fullmatch(r"sub/[ab]-[0-9a-f]{6}\.md", path)]
    [one, other] = found.notes
    assert one.startswith("Two memories are called sub/a.md; one is called sub/a-")
    assert other.startswith("Two memories are called sub/b.md; one is called sub/b-")


def test_the_name_beside_a_name_is_short_enough_and_takes_nobodys() -> None:
    """A name of 255 bytes, and one that somebody had given already."""
    path = "ä" * 126 + ".md"
    beside = next(name for name in united({}, {path: note("one")}, {path: note("two")}).tree if name != path)
    taken = {path: note("two"), beside: note("three")}

    found = texts(united({}, {path: note("one")}, taken))

    assert sorted(found.values()) == sorted(map(note, ("one", "two", "three")))
    assert all(len(name.encode()) <= 255 for name in found)


def test_what_git_takes_for_no_text_is_kept_twice() -> None:
    """Nobody can merge its lines."""
    base, ours, theirs = ({"a.md": f"{said}\0\n"} for said in ("before", "ours", "theirs"))

    found = united(base, ours, theirs)

    assert sorted(texts(found).values()) == ["ours\0\n", "theirs\0\n"]
    assert found.clashes == {}


def test_what_is_no_memory_is_never_merged() -> None:
    """Theirs is kept, and it is told; hidden files are no memories, whatever they are called."""
    for path in ("picture.svg", ".hidden.md", "global/.obsidian/x.md", "x.md~", "md"):
        found = united({path: "before\n"}, {path: "ours\n"}, {path: "theirs\n"})
        assert texts(found) == {path: "theirs\n"}
        assert found.notes == (
            f"{path} was changed on both sides, and is no memory: theirs is kept, yours is in the history.",
        )
        assert texts(united({path: "x"}, {}, {path: "x"})) == {}


def test_links_and_repositories_are_passed_on_as_they_are() -> None:
    """Their content is not even looked at: a submodule's object is not there."""
    module, link, file = Blob("160000", "f" * 40), blob("/etc/passwd", "120000"), blob(note("one"))
    base = {"module.md": module, "link.md": link, "a.md": file}
    for ours, theirs in (({}, base), (base, {}), ({"a.md": file}, {"b.md": file, "link.md": link})):
        assert unite(base, base, theirs, load).tree == theirs
        assert unite(base, ours, base, load).tree == ours
    other = blob(note("two"))
    assert unite({}, base, {"a.md": link, "link.md": other}, load).tree == {
        "module.md": module, "a.md": link, "link.md": other,
    }  # fmt: skip
    assert unite(base, {**base, "link.md": blob("ours", "120000")}, {"link.md": blob("b", "120000")}, load).tree == {
        "link.md": blob("b", "120000")
    }


def test_a_file_and_a_folder_of_one_name_are_refused() -> None:
    """A file system has room for one of them."""
    for ours, theirs in (({"a.md": "x\n"}, {"a.md/b.md": "y\n"}), ({"docs/b/c.md": "x\n"}, {"docs": "y\n"})):
        with pytest.raises(Refused, match="is a file on one side and a folder on the other"):
            united({}, ours, theirs)


def test_what_did_not_change_is_not_read() -> None:
    """However many there are: objects are asked for at once, and those alone that differ."""
    asked: list[list[str]] = []

    def loading(oids: Sequence[str]) -> list[bytes]:
        asked.append(list(oids))
        return load(oids)

    base = {f"n{number}.md": blob(note(f"n-{number}")) for number in range(100)}
    ours = {**base, "n0.md": blob(note("n-0", "Ours."))}
    theirs = {**base, "n1.md": blob(note("n-1", "Theirs.")), "new.md": blob(note("new"))}
    unite(base, ours, theirs, loading)

    assert [len(each) for each in asked] == [5]


def test_a_removal_and_a_change_are_told_apart_by_side() -> None:
    """The sentence says on which side which was done."""
    base, changed = {"a.md": note("one")}, {"a.md": note("one", "Changed.")}

    assert united(base, {}, changed).notes == ("a.md was removed here and changed there: it is kept.",)
    assert united(base, changed, {}).notes == ("a.md was removed there and changed here: it is kept.",)
    assert texts(united(base, {}, changed)) == texts(united(base, changed, {})) == changed
    assert united(base, {}, base).notes == ()
