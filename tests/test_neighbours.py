"""What is near a memory: what says the same already, copies among many, links in both directions, several made one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks import corpus
from memfs import trust
from memfs.answers import Done
from memfs.answers import Draft
from memfs.errors import Invalid
from memfs.errors import NotFound
from memfs.errors import Refused
from memfs.errors import SecretFound
from memfs.errors import StorageFailed
from memfs.errors import Unwritable
from memfs.memory import Link
from memfs.memory import compose
from memfs.values import Value
from memfs.workspace import Workspace
from memfs.workspace.neighbours import MOST_LINKS
from tests.worlds import World
from tests.worlds import files_below
from tests.worlds import new_world

DATA = Path(__file__).resolve().parent.parent / "benchmarks" / "data"
FIRST = "We deploy on Fridays before noon, never later, since support is thin in the afternoon."
AGAIN = "Deploys happen on Friday before noon; support is thin in the afternoon. Exceptions need Tomasz."


def put(folder: Path, name: str, text: str) -> None:
    """Write a file below the folder of a store."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def ids(done: Done) -> list[str]:
    """Return the ids of what a save found to be said already."""
    return [each.entry.memory.id for each in done.similar]


# ---- what says the same already


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return a workspace with developers' notes among 300 others."""
    world = new_world(tmp_path_factory.mktemp("notes"))
    store = world.trusted() / ".memory"
    corpus.write(store, corpus.notes(300))
    for line in (DATA / "devmem.open.docs.jsonl").read_text().splitlines():
        each = json.loads(line)
        put(store, f"{each['id']}.md", compose({"id": each["id"], "title": each["title"]}, each["text"]).decode())
    here = world.open()
    here.catch_up()
    return here


def test_what_is_said_anew_in_other_words_is_told_with_the_save(notes: Workspace) -> None:
    """Of 28 notes that somebody wrote once more by heart at least 26 are known, each first, and none else is named."""
    again = [json.loads(line) for line in (DATA / "devmem.open.again.jsonl").read_text().splitlines()]
    told = []
    for each in again:
        told.append((each["id"], ids(notes.save(each["text"], {"title": each["title"]}))))
        notes.undo()

    assert sum(near == [memory_id] for memory_id, near in told) >= 26
    assert all(near in ([], [memory_id]) for memory_id, near in told)


def test_what_is_new_is_saved_without_a_word(notes: Workspace) -> None:
    """Other notes of the same kind, in the same words, are no copies of what is there."""
    fresh = list(corpus.notes(30, seed=7))
    saved = notes.save_all([Draft(note.body, {"title": note.title}) for note in fresh])

    assert [done.similar for done in saved] == [()] * 30


def test_the_first_copy_is_known_in_a_store_of_two(world: World) -> None:
    """A word's rarity is not counted among so few; each neighbour says where it lies and how alike it is."""
    here = world.open()
    first = here.save(FIRST, {"title": "Deploy times"})
    [near] = here.save(AGAIN).similar
    [same] = here.save(FIRST.upper(), {"title": "DEPLOY TIMES"}).similar[:1]

    assert first.similar == ()
    assert near.entry.memory.id == same.entry.memory.id == first.entry.memory.id
    assert 0.45 <= near.score < same.score == pytest.approx(1.0)


def test_texts_in_chinese_are_compared_by_pairs_of_characters(world: World) -> None:
    """A run without spaces is no single word."""
    here = world.open()
    first = here.save("我们每个星期五中午之前部署到生产环境,因为下午支持人手不足。")
    other = here.save("数据库连接池最多二十个连接,超时三十秒。")
    near = here.save("因为下午支持人手不足,星期五中午之前部署到生产环境。")

    assert other.similar == ()
    assert ids(near) == [first.entry.memory.id]


def test_what_a_strangers_repository_says_is_not_told_with_a_save(world: World) -> None:
    """Nobody asked; as soon as somebody vouches for it it is."""
    folder = world.folder()
    put(folder / ".memory", "a.md", f"---\nid: strange\n---\n{FIRST}\n")
    here = world.open()
    here.catch_up()

    before = here.save(AGAIN)
    trust.set_trusted(world.state, folder, trusted=True)
    after = here.save(AGAIN + " Again.")

    assert "strange" not in ids(before)
    assert "strange" in ids(after)


def test_what_the_view_does_not_show_is_not_told(world: World) -> None:
    """From an isolated project nothing of another one or of the global store is known."""
    world.open(mode="hybrid").save(FIRST, scope="global")
    world.open(world.folder("other")).save(FIRST)

    assert world.open(mode="isolated").save(FIRST).similar == ()
    assert len(world.open(mode="hybrid").save(FIRST).similar) == 2


# ---- folding a text into a memory


def test_a_text_is_folded_into_a_memory(world: World) -> None:
    """Its new paragraphs come below, tags and cues are united, the higher importance stays; all else as it was."""
    here = world.open()
    store = world.trusted() / ".memory"
    header = "id: abc\ntitle: Deploy times # ours\ntype: directive\nimportance: 6\ntags: [deploy]\nmood: sunny\n"
    put(store, "a.md", f"---\n{header}---\n\n{FIRST}\n\n```\nmake\n\nmake ship\n```\n")
    values: dict[str, Value] = {
        "tags": ["Deploy", "rule"],
        "cues": ["when to ship"],
        "importance": "8",
        "type": "insight",
    }

    done = here.save(f"{FIRST}\n\nExcept in December.", values, merge_into="abc")
    again = here.save("Except  in december.", merge_into="Deploy times")
    titled = here.save("Ask Ines.", {"title": "Exceptions", "importance": "2"}, merge_into="abc")

    assert (done.verb, done.entry.memory.id) == ("update", "abc")
    assert done.notes == ("The type that was given does not count: the memory keeps its own.",)
    assert again.notes == ("Nothing changed: it says that already.",)
    text = (store / "a.md").read_text()
    assert text == titled.entry.file.raw.decode()
    assert text.startswith("---\nid: abc\ntitle: Deploy times # ours\ntype: directive\nimportance: 8\n")
    assert "mood: sunny\n" in text
    assert text.endswith(
        f"{FIRST}\n\n```\nmake\n\nmake ship\n```\n\nExcept in December.\n\n## Exceptions\n\nAsk Ines.\n"
    )
    assert (titled.entry.memory.tags, titled.entry.memory.cues) == (("deploy", "rule"), ("when to ship",))
    assert len(files_below(store)) == 1
    here.undo()
    here.undo()
    assert (store / "a.md").read_text().endswith("```\nmake\n\nmake ship\n```\n")


def test_folding_raises_no_importance_unasked_and_tells_that_nothing_expires(world: World) -> None:
    """A text without an importance takes the memory's; one without an end lasts, and that is said."""
    here, store = world.open(), world.trusted() / ".memory"
    put(store, "a.md", f"---\nid: a\nimportance: 2\nexpires: 2999-01-01\n---\n{FIRST}\n")

    done = here.save("Except in December.", merge_into="a")

    assert (done.entry.memory.importance, done.entry.memory.expires) == (2, None)
    assert done.notes == ("a.md does not expire any more: what was added has no `expires`.",)


def test_folding_refuses_what_an_update_and_a_save_refuse(world: World) -> None:
    """Nothing is written: not where it cannot be, no secret, no id, no other scope, no channel that is not there."""
    world.config('mode = "hybrid"\n')
    here = world.open()
    store = world.trusted() / ".memory"
    put(store, "bad.md", "---\na: [\n---\nzebra\n")
    put(store, "a.md", "---\nid: abc\n---\nzebra\n")
    before = files_below(store)

    with pytest.raises(Unwritable):
        here.save("x", merge_into="bad.md")
    with pytest.raises(SecretFound):
        here.save("ghp_" + "a1B2" * 9, merge_into="abc")
    with pytest.raises(NotFound):
        here.save("x", merge_into="nothing")
    with pytest.raises(Invalid, match="no id of its own"):
        here.save("x", {"id": "x"}, merge_into="abc")
    with pytest.raises(Invalid, match="is in workspace"):
        here.save("x", scope="global", merge_into="abc")
    with pytest.raises(Invalid, match="channel news"):
        here.save("x", {"channels": ["news"]}, merge_into="abc")
    with pytest.raises(Invalid, match="nothing to fold"):
        here.save(" ", {"title": "x"}, merge_into="abc")

    assert files_below(store) == before


def test_folding_into_what_others_see_says_who(world: World) -> None:
    """The text of a project that goes into a global memory does not go there silently."""
    here = world.open(mode="hybrid")
    shared = here.save("zebra", scope="global").entry.memory.id

    assert here.save("giraffe", merge_into=shared).notes == ("Now seen by every workspace in hybrid or global mode.",)


# ---- copies among many


def test_planted_copies_are_found_among_others(tmp_path: Path) -> None:
    """Of 40 notes that somebody copied and changed a little, 38 are found at least, and no others."""
    world = new_world(tmp_path)
    store = world.trusted() / ".memory"
    found = list(corpus.notes(800))
    corpus.write(store, found)
    for number, note in enumerate(found[::20]):
        words = note.body.split(" ")
        del words[number % 5 :: 12]
        put(store, f"copy-{number}.md", f"---\nid: copy-{number}\ntitle: {note.title} again\n---\n{' '.join(words)}\n")

    copies = world.open().duplicates(0.6, limit=100)

    groups = [{group.entry.memory.id, *(each.entry.memory.id for each in group.others)} for group in copies.groups]
    planted = [{note.id, f"copy-{number}"} for number, note in enumerate(found[::20])]
    assert sum(pair in groups for pair in planted) >= 38
    assert all(group in planted for group in groups)
    assert copies.total == len(groups)


def test_what_stands_there_400_times_is_compared_with_a_few(world: World) -> None:
    """Copies are held against the first, not each against each: a store of boilerplate costs no more."""
    store = world.trusted() / ".memory"
    for number in range(400):
        put(
            store,
            f"{number}.md",
            f"---\nimportance: {3 if number == 77 else 1}\n---\nChecked the nightly backup job.\n",
        )

    [group] = world.open().duplicates(limit=5).groups

    assert group.entry.memory.path == "77.md"
    assert len(group.others) == 399


def test_the_first_of_a_group_is_the_most_important_then_the_oldest_or_the_newest(world: World) -> None:
    """What is expired, malformed or another project's is none of them."""
    store = world.trusted() / ".memory"
    put(store, "a.md", f"---\nid: old\ncreated: 2025-01-01\n---\n{FIRST}\n")
    put(store, "b.md", f"---\nid: new\ncreated: 2026-01-01\n---\n{FIRST}\n")
    put(store, "c.md", f"---\nid: gone\nimportance: 10\nexpires: 2025-01-01\n---\n{FIRST}\n")
    put(store, "d.md", f"---\nid: bad\na: [\n---\n{FIRST}\n")
    here = world.open()

    [by_age] = here.duplicates().groups
    [by_news] = here.duplicates(newest=True).groups
    here.update("new", {"importance": "9"})
    [by_importance] = here.duplicates().groups

    assert by_age.entry.memory.id == "old"
    assert by_news.entry.memory.id == by_importance.entry.memory.id == "new"
    assert len(by_age.others) == 1
    with pytest.raises(Invalid):
        here.duplicates(0.05)
    with pytest.raises(Invalid):
        here.duplicates(limit=0)


def test_copies_are_made_one_when_that_is_asked_for_and_may_be(world: World) -> None:
    """What lies in two scopes is left, with the reason; what was merged can be taken back."""
    world.config('mode = "hybrid"\n')
    here = world.open()
    store = world.trusted() / ".memory"
    put(store, "a.md", f"---\nid: a\nimportance: 7\n---\n{FIRST}\n")
    put(store, "b.md", f"---\nid: b\n---\n{FIRST}\n\nNot in December.\n")
    put(store, "c.md", "---\nid: c\n---\nThe nightly backup goes to another region, encrypted.\n")
    put(world.home / "global", "d.md", "---\nid: d\nimportance: 9\n---\nThe nightly backup goes to another region.\n")
    before = files_below(store)

    untouched = here.duplicates(0.6)
    after = files_below(store)
    merged = here.duplicates(0.6, merge=True)

    assert after == before
    assert [group.merged for group in untouched.groups] == [False, False]
    assert {group.entry.memory.id: group.merged for group in merged.groups} == {"a": True, "d": False}
    assert any(note.startswith("Left as they are: ") for note in merged.notes)
    assert "Not in December." in here.get("a").memory.body
    with pytest.raises(NotFound):
        here.get("b")
    here.undo()
    here.undo()
    assert files_below(store) == before


# ---- several made one


def three(world: World) -> tuple[Workspace, Path]:
    """Return a workspace with three memories, and their folder."""
    store = world.trusted() / ".memory"
    put(store, "a.md", f"---\nid: a\nimportance: 7\ntags: [deploy]\n---\n{FIRST}\n\nShared paragraph.\n")
    links = "links: [{type: references, to: a}, {type: implements, to: z}]"
    put(store, "b.md", f"---\nid: b\ntitle: When we ship\ntags: [ship]\ncues: [release day]\n{links}\n---\n"
                       "Shared   paragraph.\n\nOnly here: `b`.\n")  # fmt: skip
    put(store, "c.md", "---\nid: c\nimportance: 9\nexpires: 2999-01-01\n---\nShared paragraph.\n")
    return world.open(), store


def test_two_names_of_one_memory_are_not_two(world: World) -> None:
    """It is said which memory both are."""
    here, store = three(world)
    before = files_below(store)

    with pytest.raises(Invalid, match=r"'a' and 'a\.md' are one, a\."):
        here.consolidate(["a", "a.md"])

    assert files_below(store) == before


def test_several_memories_become_one_that_says_all_they_said(world: World) -> None:
    """No paragraph is lost or doubled; tags, cues and links are united; the others are removed, and named."""
    here, store = three(world)
    before = files_below(store)

    done = here.consolidate(["a", "b", "c"], keep="a")

    kept = here.get("a").memory
    assert (done.verb, done.entry.memory.id, [each.memory.id for each in done.removed]) == (
        "consolidate",
        "a",
        ["b", "c"],
    )
    assert kept.body == f"{FIRST}\n\nShared paragraph.\n\n## When we ship\n\nOnly here: `b`."
    assert (kept.tags, kept.cues, kept.importance, kept.expires) == (("deploy", "ship"), ("release day",), 9, None)
    assert kept.links == (Link("implements", "z"), Link("supersedes", "b"), Link("supersedes", "c"))
    assert list(files_below(store)) == ["a.md"]
    for _ in range(3):
        here.undo()
    assert files_below(store) == before


@pytest.mark.parametrize(
    ("kept", "other", "new"),
    [
        ("Use `ssh -P 22`.", "Use `ssh -p 22`.", "Use `ssh -p 22`."),
        ("```\nif x:\n    a()\nb()\n```", "```\nif x:\n    a()\n    b()\n```", "    a()\n    b()"),
        ("Start.", "~~~\n```\none\n\n\ntwo\n```\n~~~", "one\n\n\ntwo\n```\n~~~"),
        ("Start.", "A line\u2028and more of it.", "A line\u2028and more of it."),
        ("The capital is Rome.", "The capital is Oslo.", "## API\n\nThe capital is Oslo."),
    ],
)
def test_what_nearly_stands_there_is_not_taken_for_it(world: World, kept: str, other: str, new: str) -> None:
    """An option is no other one, code goes by its blanks, and a title is no part of a word."""
    here, store = world.open(), world.trusted() / ".memory"
    put(store, "a.md", f"---\nid: a\ntitle: City\n---\n{kept}\n")
    put(store, "b.md", f"---\nid: b\ntitle: API\n---\n{other}\n")

    assert new in here.consolidate(["a", "b"], keep="a").entry.memory.body


def test_values_that_one_memory_cannot_take_over_are_told(world: World) -> None:
    """Keys of one's own, a second summary, what cannot be read: named with what brings them back."""
    here, store = world.open(), world.trusted() / ".memory"
    put(store, "a.md", "---\nid: a\nticket: 1\nsummary: Short.\n---\nFirst text.\n")
    put(store, "b.md", "---\nid: b\nticket: 2\nsummary: Brief.\ntags: {x: y}\ncues: [q]\n---\nSecond text.\n")

    notes = here.consolidate(["a", "b"], keep="a").notes

    told = [note.split("`")[1] for note in notes if "not taken over" in note]
    assert told == ["ticket", "summary", "tags"]


def test_what_cannot_be_read_in_the_memory_that_stays_is_not_written_over(world: World) -> None:
    """Its links are of another shape, and would be replaced by the new one."""
    here, store = world.open(), world.trusted() / ".memory"
    put(store, "a.md", "---\nid: a\nlinks: [see the wiki]\n---\nFirst text.\n")
    put(store, "b.md", "---\nid: b\n---\nSecond text.\n")
    before = files_below(store)

    with pytest.raises(Invalid, match=r"`links` of a\.md"):
        here.consolidate(["a", "b"], keep="a")

    assert files_below(store) == before


def test_two_files_of_one_id_become_one_that_does_not_supersede_itself(world: World) -> None:
    """A copy of a file, named by its path, is folded into the other."""
    here, store = world.open(), world.trusted() / ".memory"
    put(store, "a.md", "---\nid: a\n---\nFirst text.\n")
    put(store, "b.md", "---\nid: a\n---\nSecond text.\n")

    done = here.consolidate(["a.md", "b.md"], keep="a.md")

    assert (done.entry.memory.body, done.entry.memory.links) == ("First text.\n\nSecond text.", ())


def test_copies_in_two_scopes_are_not_made_one_unasked(world: World) -> None:
    """Else the other projects would lose the one that all see, since this one's is more important."""
    world.config('mode = "hybrid"\n')
    here, store = world.open(), world.trusted() / ".memory"
    put(store, "a.md", f"---\nid: a\nimportance: 9\n---\n{FIRST}\n")
    put(world.home / "global", "b.md", f"---\nid: b\nimportance: 3\n---\n{FIRST}\n")

    found = here.duplicates(merge=True)

    assert [group.merged for group in found.groups] == [False]
    assert any("lie in global" in note for note in found.notes)
    assert here.get("b").store.scope == "global"


def test_without_a_choice_the_most_important_is_kept(world: World) -> None:
    """Named twice is named once; fewer than two are not folded."""
    here, _ = three(world)

    assert here.consolidate(["a", "c", "a"]).entry.memory.id == "c"
    with pytest.raises(Invalid, match="two memories or more"):
        here.consolidate(["b", "b.md"])
    with pytest.raises(NotFound):
        here.consolidate(["b", "nothing"])


def test_no_text_gets_a_wider_audience_by_being_folded(world: World) -> None:
    """Not into another scope or channel than it was in; the other way is told."""
    world.config('mode = "hybrid"\n[groups.team]\nmembers = ["project"]\n')
    here, store = three(world)
    put(world.home / "global", "g.md", "---\nid: g\n---\nFor all.\n")
    put(store, "n.md", "---\nid: n\nchannels: [news]\n---\nFor subscribers.\n")
    before = files_below(world.root / "project"), files_below(world.home)

    with pytest.raises(Invalid, match="several scopes"):
        here.consolidate(["a", "g"])
    with pytest.raises(Refused, match="more would see it"):
        here.consolidate(["a", "g"], keep="g")
    with pytest.raises(Refused, match="channel news"):
        here.consolidate(["a", "n"], keep="n")
    assert (files_below(world.root / "project"), files_below(world.home)) == before

    assert any("is now seen by this workspace" in note for note in here.consolidate(["a", "g"], keep="a").notes)
    assert any("is now seen by this workspace" in note for note in here.consolidate(["a", "n"], keep="a").notes)


@pytest.mark.parametrize("keep", ["mine", "strange"])
def test_what_nobody_vouches_for_does_not_become_ones_own_by_being_folded(world: World, keep: str) -> None:
    """Nor the other way round: in both one text would pass for the other's."""
    folder = world.folder()
    put(folder / ".memory", "a.md", "---\nid: strange\n---\nzebra\n")
    here = world.open()
    here.save("mine", {"id": "mine"})

    with pytest.raises(Refused, match="vouches"):
        here.consolidate(["strange", "mine"], keep=keep)

    assert len(files_below(folder / ".memory")) == 2


def test_what_is_another_projects_is_not_folded_away(world: World) -> None:
    """It is only read here."""
    world.config(
        'mode = "hybrid"\n[groups.team]\nmembers = ["project", "other"]\nshare = true\n'.replace(
            '"project", "other"', f'"{world.trusted()}", "{world.trusted("other")}"'
        )
    )
    world.open(world.folder("other")).save("theirs", {"id": "theirs"})
    here = world.open()
    here.save("mine", {"id": "mine"})

    with pytest.raises((Refused, NotFound)):
        here.consolidate(["theirs", "mine"], keep="mine")

    assert len(files_below(world.folder("other") / ".memory")) == 1


def test_a_failure_half_way_leaves_every_text_somewhere(world: World) -> None:
    """The kept one is written first; what could not be removed is named, and still there."""
    here, store = three(world)
    state = world.state / "undo"
    here.catch_up()
    blocked = state / here.view.stores[0].key / "c"
    blocked.parent.mkdir(parents=True, exist_ok=True)
    blocked.write_text("a file where the journal wants a folder")

    with pytest.raises(StorageFailed, match=r"a\.md has the text of all; still there: .*c\.md"):
        here.consolidate(["a", "b", "c"], keep="a")

    assert list(files_below(store)) == ["a.md", "c.md"]
    assert "Only here" in here.get("a").memory.body
    assert here.search("shared").hits


# ---- what is near


def relations(here: Workspace, reference: str) -> Sequence[tuple[str, str, bool]]:
    """Return id, relation and direction of what is near a memory."""
    return [(each.entry.memory.id, each.relation, each.incoming) for each in here.related(reference).neighbours]


def test_links_come_first_in_both_directions_then_what_is_alike(world: World) -> None:
    """Each with its reason: the type of the link, and how alike the texts are; what leads nowhere is counted."""
    store = world.trusted() / ".memory"
    links = "[{type: implements, to: d}, {type: child_of, to: nothing}]"
    put(store, "a.md", f"---\nid: a\ntitle: Deploy times\nlinks: {links}\n---\n{FIRST} See [[The calendar]].\n")
    put(store, "b.md", "---\nid: b\n---\nSomething else, as in [[deploy Times]].\n")
    put(store, "c.md", "---\nid: c\nlinks: [{type: supersedes, to: a}]\n---\nAnother thing altogether.\n")
    put(store, "d.md", "---\nid: d\n---\nA rule of the house.\n")
    put(store, "e.md", f"---\nid: e\n---\n{AGAIN}\n")
    put(store, "f.md", "# The calendar\n\nwhich has holidays\n")
    put(store, "g.md", "---\nid: g\n---\nGiraffes eat leaves.\n")
    here = world.open()

    found = here.related("a")

    calendar = here.get("The calendar").memory.id
    assert relations(here, "a") == [
        ("d", "implements", False),
        (calendar, "references", False),
        ("c", "supersedes", True),
        ("b", "references", True),
        ("e", "", False),
    ]
    assert found.neighbours[-1].score > 0.45
    assert found.notes == ("1 of its links lead to what is not seen here.",)
    assert relations(here, "d") == [("a", "implements", True)]
    assert len(here.related("a", limit=2).neighbours) == 2
    with pytest.raises(Invalid):
        here.related("a", limit=0)


def test_a_link_to_what_was_folded_leads_to_the_memory_that_has_its_text(world: World) -> None:
    """The kept one says whom it supersedes, so links to the others still lead somewhere."""
    here, store = three(world)
    put(store, "l.md", "---\nid: l\nlinks: [{type: references, to: b}]\n---\nA decision.\n")
    here.consolidate(["a", "b"], keep="a")

    assert ("a", "references", False) in relations(here, "l")


def test_of_a_memory_full_of_links_so_many_are_followed(world: World) -> None:
    """A stranger's may have a hundred thousand of them, and each is a question."""
    here, store = world.open(), world.trusted() / ".memory"
    links = " ".join(f"[[nothing {number}]]" for number in range(MOST_LINKS + 50))
    put(store, "a.md", f"---\nid: a\n---\n{links}\n")

    assert here.related("a").notes[-1] == f"{MOST_LINKS} of its links lead to what is not seen here."


def test_an_edit_elsewhere_changes_what_is_near(world: World) -> None:
    """Links and texts are those of the files as they are, not as the index had them."""
    store = world.trusted() / ".memory"
    put(store, "a.md", "---\nid: a\n---\nzebra stripes in the savanna\n")
    put(store, "b.md", "---\nid: b\nlinks: [{type: references, to: a}]\n---\nunlike\n")
    here = world.open()
    before = relations(here, "a")
    put(store, "b.md", "---\nid: b\n---\nzebra stripes of the savanna\n")

    assert before == [("b", "references", True)]
    assert relations(here, "a") == [("b", "", False)]
