"""The index: what is found and how it ranks, and that any damage to this cache is mended from the files."""

from __future__ import annotations

import os
import random
import re
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from datetime import datetime
from pathlib import Path

import pytest

from memfs import query
from memfs.changes import GONE
from memfs.changes import TICK_NS
from memfs.changes import Stamp
from memfs.index import Index
from memfs.index import Recipe
from memfs.index.folder import NAME
from memfs.index.folder import SEGMENT_FILES
from memfs.locks import flock
from memfs.rank import Within
from memfs.store import Store
from memfs.workspace import Workspace
from tests.commands import as_json
from tests.commands import memfs
from tests.worlds import SOAK_SECONDS
from tests.worlds import World
from tests.worlds import files_below
from tests.worlds import finished
from tests.worlds import stopped
from tests.worlds import within_deadline
from tests.worlds import without_powers

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
WORDS = ("deploy", "friday", "postgres", "index", "cache", "watcher", "branch", "token", "queue", "schema")

HOLD_INDEX = """
import fcntl, os, sys
fd = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECTORY)
fcntl.flock(fd, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def put(folder: Path, name: str, text: str) -> Path:
    """Write a memory as an editor would; return its path."""
    path = folder / ".memory" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def fill(folder: Path, count: int) -> None:
    """Write *count* memories, each with a word of its own."""
    for number in range(count):
        word = WORDS[number % len(WORDS)]
        put(
            folder,
            f"n{number:04}.md",
            f"---\nid: n{number:04}\ntags: [t{number}]\n---\nNote {number} on the {word}: own{number:04}x.\n",
        )


def settle(folder: Path) -> None:
    """Wait until the files below *folder* are older than two writes can be that leave one stamp."""
    newest = max(path.stat().st_ctime_ns for path in (folder / ".memory").rglob("*"))
    assert within_deadline(lambda: time.time_ns() - newest > TICK_NS)


def found(workspace: Workspace, text: str, *, limit: int = 10) -> list[str]:
    """Return the names of the files that a search finds, best first."""
    return [hit.entry.memory.path for hit in workspace.search(text, limit=limit).hits]


def found_by_cli(world: World, text: str) -> list[str]:
    """Return the names of the files that a fresh process finds; fails when it fails or dies by a signal."""
    return [hit["name"] for hit in as_json(world, "search", text)["hits"]]


def index_files(world: World) -> list[Path]:
    """Return the files of the index, in order."""
    return sorted(path for path in (world.cache / NAME).iterdir() if path.is_file())


@contextmanager
def index_held(world: World) -> Iterator[None]:
    """Have another process hold the index's lock, as one that writes it does."""
    world.cache.mkdir(parents=True, exist_ok=True)
    holder = world.start(HOLD_INDEX, world.cache)
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "held\n"
        yield
    finally:
        stopped(holder)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this process wait for the index's lock for a moment, not for as long as people would."""

    def briefly(fd: int, seconds: float, sentence: str) -> None:
        flock(fd, min(seconds, 0.2), sentence)

    monkeypatch.setattr("memfs.locks.flock", briefly)


# ---- what is found


IDENTIFIERS = {
    "getUserById": ("getUserById", "getuserbyid", "get user by id", "user id", "GetUserByID"),
    "user_id": ("user_id", "user id", "USER_ID"),
    "src/db/schema.py:42": ("src/db/schema.py:42", "schema.py", "db/schema", "src/db"),
    "ERR_CONN_RESET": ("ERR_CONN_RESET", "err_conn_reset", "conn reset"),
    "v1.3.0": ("v1.3.0", "1.3.0"),
    "HTTPServerError": ("HTTPServerError", "http server error"),
    "utf8Decoder": ("utf8Decoder", "decoder"),
    "--no-verify": ('"no verify"', "no-verify"),
    "@scope/pkg-name": ("@scope/pkg-name", "pkg-name"),
    "0x1F": ("0x1F", "0x1f"),
    "fête": ("fête", "fete", "FÊTE"),
    "数据库": ("数据库",),
    "ürünler": ("ürünler", "urunler"),
}


@pytest.mark.parametrize(("identifier", "questions"), IDENTIFIERS.items())
def test_identifiers_are_found_whole_and_by_their_parts(
    world: World, identifier: str, questions: tuple[str, ...]
) -> None:
    """What programs are made of is found however somebody types it, before what shares only a part with it."""
    folder = world.folder()
    put(folder, "it.md", f"The trouble began in `{identifier}`, as seen in the log.\n")
    put(folder, "other.md", "The trouble began in the log, as everybody saw.\n")

    here = world.open()

    assert {question: found(here, question)[:1] for question in questions} == {
        question: ["it.md"] for question in questions
    }


def test_a_whole_identifier_comes_before_its_parts(world: World) -> None:
    """`src/db/schema.py` ranks the text that has it before the text that has its words here and there."""
    folder = world.folder()
    put(folder, "whole.md", "Tables are made in src/db/schema.py and nowhere else at all.\n")
    put(folder, "parts.md", "The db was slow; src was fine, py too; the schema, well, nobody knows.\n")

    assert found(world.open(), "src/db/schema.py")[0] == "whole.md"


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("We deployed it on Friday.", "deploying fridays"),
        ("The pool was exhausted.", "exhaust"),
        ("He wrote the parser.", "write parser"),
        ("The children of a node.", "child"),
        ("Use the connection pool.", "conection pol"),
        ("Prefer PostgreSQL.", "postgresql"),
        ("Prefer PostgreSQL.", "postgre"),
        ("Kubernetes restarts it.", "kuberntes"),
        ("To be or not to be.", "to be"),
    ],
)
def test_words_are_found_in_other_forms_and_with_typos(world: World, text: str, question: str) -> None:
    """Endings, irregular forms, a letter too many or too few; small words count when nothing else is asked."""
    folder = world.folder()
    put(folder, "it.md", text)
    put(folder, "other.md", "Quite unrelated: the gardener’s azaleas, blooming.")

    assert found(world.open(), question)[:1] == ["it.md"]


PARTS = [
    (Recipe(irregular=0.0), "Somebody went.", "go"),
    (Recipe(grams=0.0), "The configuration is kept.", "configuratoin"),
    (Recipe(prefixes=False), "The kubernetes cluster.", "kube"),
    (Recipe(typos=False), "Paid by invoice.", "invioce"),
    (Recipe(stopwords=False), "Nothing else.", "nothing of that"),
]


@pytest.mark.parametrize(("recipe", "text", "question"), PARTS, ids=[question for *_, question in PARTS])
def test_each_part_of_the_recipe_can_be_left_out(world: World, recipe: Recipe, text: str, question: str) -> None:
    """What it brings can be measured: without it another note is found, or none."""
    folder = world.folder()
    put(folder, "it.md", text)
    put(folder, "other.md", "Of that, of that, of that.")
    here = world.open()
    before = found(here, question)

    here.index.recipe = recipe

    assert before == ["it.md"]
    assert set(found(here, question)) == (set() if recipe.stopwords else {"it.md", "other.md"})


def test_phrases_must_stand_side_by_side(world: World) -> None:
    """Words in quotes are one thing."""
    folder = world.folder()
    put(folder, "side.md", "The connection pool is full.")
    put(folder, "apart.md", "The pool has a bad connection.")
    here = world.open()

    assert found(here, '"connection pool"') == ["side.md"]
    assert set(found(here, "connection pool")) == {"side.md", "apart.md"}
    assert found(here, '"connection pool" apart bad') == ["side.md"]


def test_what_is_excluded_is_not_found(world: World) -> None:
    """A word or phrase with a minus must not be there; alone it lists all others."""
    folder = world.folder()
    put(folder, "mysql.md", "The database is MySQL.")
    put(folder, "postgres.md", "The database is Postgres, in a pool of connections.")
    here = world.open()

    assert found(here, "database -mysql") == ["postgres.md"]
    assert found(here, 'database -"pool of connections"') == ["mysql.md"]
    assert found(here, "-mysql") == ["postgres.md"]
    assert found(here, "-database") == []


FILTERS = {
    "tag:db": {"a.md"},
    "tag:DB": {"a.md"},
    "tag:db tag:ui": {"a.md", "b.md"},
    "-tag:db": {"b.md", "sub/c.md"},
    "type:decision": {"a.md"},
    "-type:decision": {"b.md", "sub/c.md"},
    "category:infra": {"b.md"},
    'category:"two words"': {"sub/c.md"},
    "channel:team": {"b.md"},
    "importance:>=8": {"a.md"},
    "importance:>3 importance:<8": {"b.md"},
    "importance:1..5": {"b.md", "sub/c.md"},
    "importance:9": {"a.md"},
    "created:>2026-01-31": {"b.md", "sub/c.md"},
    "created:2026-01": {"a.md"},
    "created:2026-01-10": {"a.md"},
    "created:2026-01-01..2026-02-28": {"a.md", "b.md"},
    "created:<2026-01-10": set(),
    "updated:2025": {"a.md"},
    "path:sub/": {"sub/c.md"},
    "path:SUB": {"sub/c.md"},
    "path:?.md": {"a.md", "b.md"},
    "path:sub/*": {"sub/c.md"},
    "path:.*": set(),
    "scope:workspace": {"a.md", "b.md", "sub/c.md"},
    "-scope:workspace": set(),
    "tag:db type:error": set(),
    "common tag:ui": {"b.md"},
    'common tag:"two words"': {"sub/c.md"},
}


@pytest.fixture
def filtered(world: World) -> Workspace:
    """Return a workspace of three memories that differ in everything that can be filtered by."""
    folder = world.folder()
    head = "---\nid: a\ntype: decision\nimportance: 9\ntags: [DB]\ncreated: 2026-01-10\nupdated: 2025-12-31\n---\n"
    put(folder, "a.md", f"{head}common one\n")
    head = "---\nid: b\nimportance: 5\ntags: ui, web\ncategory: Infra\nchannels: [team]\ncreated: 2026-02-10\n---\n"
    put(folder, "b.md", f"{head}common two\n")
    head = "---\nid: c\nimportance: 3\ntags: [two words]\ncategory: Two Words\ncreated: 2026-03-10\n---\n"
    put(folder, "sub/c.md", f"{head}common three\n")
    return world.open()


@pytest.mark.parametrize(("question", "expected"), FILTERS.items())
def test_every_filter_holds_with_and_without_words(filtered: Workspace, question: str, expected: set[str]) -> None:
    """Lists mean any of them, ranges include their ends, a day is the whole of it, and different filters all hold."""
    assert set(found(filtered, question)) == expected
    if "common" not in question:
        assert set(found(filtered, f"common {question}")) == expected


def test_filters_alone_list_the_newest_first(filtered: Workspace) -> None:
    """Without words there is nothing to rank by but time, and no score is claimed."""
    results = filtered.search("importance:>=1")

    assert [hit.entry.memory.id for hit in results.hits] == ["c", "b", "a"]
    assert [hit.score for hit in results.hits] == [0, 0, 0]


def test_expired_memories_are_hidden_until_asked_for(world: World) -> None:
    """After `expires` a memory leaves searches and lists, and is still there by its id."""
    folder = world.folder()
    put(folder, "old.md", "---\nid: old\nexpires: 2020-01-01\n---\nThe staging password rotates.\n")
    put(folder, "new.md", "---\nid: new\nexpires: 2999-01-01\n---\nThe staging server moved.\n")
    here = world.open()

    assert found(here, "staging") == ["new.md"]
    assert [entry.memory.id for entry in here.list().entries] == ["new"]
    assert here.get("old").memory.body == "The staging password rotates."
    hits = here.search("staging", filters=query.Filters(expired=True)).hits
    assert {hit.entry.memory.id for hit in hits} == {"old", "new"}


def test_a_title_weighs_more_than_the_text(world: World) -> None:
    """What a memory is called says best what it is about."""
    folder = world.folder()
    put(folder, "body.md", "---\ntitle: Notes of a Monday\n---\nSomebody talked of the rollback there.\n")
    put(folder, "title.md", "---\ntitle: The rollback of a Monday\n---\nSomebody talked of something there.\n")

    assert found(world.open(), "rollback") == ["title.md", "body.md"]


def test_cues_and_summaries_are_searched_and_not_shown(world: World) -> None:
    """Somebody who forgot the wording finds it by the phrases that the writer thought of."""
    folder = world.folder()
    put(
        folder, "a.md", "---\ncues: [where do the secrets live]\nsummary: On vaults.\n---\nUse Vault for credentials.\n"
    )
    here = world.open()

    assert found(here, "secrets live") == ["a.md"]
    assert found(here, "vaults") == ["a.md"]
    [hit] = here.search("secrets live").hits
    assert hit.snippet.text == hit.entry.memory.title == "Use Vault for credentials."


def test_scores_are_shares_of_what_the_question_allows(world: World) -> None:
    """0 to 1, falling, and a hit shows what its score is made of."""
    folder = world.folder()
    fill(folder, 30)
    hits = world.open().search("own0007x note friday").hits

    assert hits[0].entry.memory.id == "n0007"
    assert all(0 < hit.score <= 1 and hit.score == hit.text * hit.weight for hit in hits)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


@pytest.fixture
def phrased(world: World) -> Workspace:
    """A workspace of which no note says what was asked first."""
    folder = world.folder()
    put(folder, "orm.md", "---\ntags: [db]\n---\nThis project uses MySQL with Drizzle ORM.\n")
    put(folder, "port.md", "---\ntags: [ops]\n---\nThe ORM of the old setup was Prisma, on port 5432.\n")
    put(folder, "db.md", "The database of the tests is made anew by each run.\n")
    return world.open()


PHRASED = [
    ("database setup", (), {"db.md", "port.md"}),
    ("database setup", ("which ORM is used",), {"orm.md", "db.md", "port.md"}),
    ("setup tag:db", ("ORM",), {"orm.md"}),
    ("tag:db", ("ORM",), {"orm.md"}),
    ("persistence -prisma", ("ORM", "database"), {"orm.md", "db.md"}),
    ('"no such phrase"', ("drizzle",), {"orm.md"}),
    ("persistence", ('"drizzle orm"', '"orm drizzle"'), {"orm.md"}),
    ("persistence", ("", "!?"), set()),
]


@pytest.mark.parametrize(("question", "also", "expected"), PHRASED)
def test_what_answers_any_phrasing_is_found(
    phrased: Workspace, question: str, also: tuple[str, ...], expected: set[str]
) -> None:
    """A question in several phrasings finds what each of them does, within the filters of the first."""
    assert {hit.entry.memory.path for hit in phrased.search(question, also=also).hits} == expected


def test_phrasings_make_one_ranking_of_bounded_scores(phrased: Workspace) -> None:
    """The first phrasing counts most, scores stay shares, a snippet marks the words of all, and a pattern holds."""
    alike = phrased.search("port 5432", also=["drizzle mysql"])
    other = phrased.search("drizzle mysql", also=["port 5432"])
    patterned = phrased.search("setup", also=["drizzle"], regex="MySQL")

    assert [hit.entry.memory.path for hit in alike.hits] == ["port.md", "orm.md"]
    assert [hit.entry.memory.path for hit in other.hits] == ["orm.md", "port.md"]
    assert all(0 < hit.score <= 1 for hit in (*alike.hits, *other.hits))
    marked = [hit.snippet.text[start:end] for hit in alike.hits for start, end in hit.snippet.marks]
    assert marked == ["port", "5432", "MySQL", "Drizzle"]
    assert [hit.entry.memory.path for hit in patterned.hits] == ["orm.md"]


def test_a_pasted_phrasing_is_loosened_by_itself(phrased: Workspace) -> None:
    """Quotes of an error message that stand nowhere hide neither its words nor another phrasing."""
    pasted = 'error: the "drizzle mysql" call failed on port 5432 again'

    for found_by in (phrased.search(pasted, also=["tests"]), phrased.search("tests", also=[pasted])):
        assert {hit.entry.memory.path for hit in found_by.hits} == {"orm.md", "port.md", "db.md"}
        assert any("without the quotes" in note for note in found_by.notes)


def test_weights_order_equal_texts_by_scope(world: World) -> None:
    """The same text in three scopes: workspace, then group, then global, each less by its configured factor."""
    folder = world.folder()
    world.config(f'mode = "hybrid"\n[groups.team]\nmembers = ["{folder}"]\n[weights]\nglobal = 0.5\n')
    for place in (folder / ".memory", world.home / "groups/team", world.home / "global"):
        place.mkdir(parents=True, exist_ok=True)
        (place / "same.md").write_text("Deploy on Fridays before noon.\n")

    hits = world.open().search("deploy fridays").hits

    assert [(hit.entry.store.scope, hit.weight) for hit in hits] == [
        ("workspace", 1.0),
        ("group:team", 0.95),
        ("global", 0.5),
    ]
    assert len({hit.text for hit in hits}) == 1
    assert [hit.score for hit in hits] == [hit.text * hit.weight for hit in hits]


def test_a_crowd_in_one_scope_does_not_push_out_the_other(world: World) -> None:
    """Each weight's stores are asked on their own: 50 weak hits nearby do not hide the strong one farther away."""
    folder = world.folder()
    world.config('mode = "hybrid"\n')
    fill(folder, 50)
    (world.home / "global").mkdir(parents=True)
    (world.home / "global" / "far.md").write_text("---\ntitle: The note on zebras\n---\nA note: zebras note zebras.\n")

    assert found(world.open(), "note zebras", limit=1) == ["far.md"]


def test_snippets_mark_the_matches(world: World) -> None:
    """A piece of the text around the words, with where they stand in it, other forms too, whatever stands before."""
    folder = world.folder()
    text = f"{'Käse und Brot. ' * 40}The pools were exhausted. {'Mehr Käse. ' * 40}"
    put(folder, "a.md", f"---\ntitle: T\n---\n{text}\n")

    [hit] = world.open().search("pool exhaust").hits

    marked = [hit.snippet.text[start:end] for start, end in hit.snippet.marks]
    assert marked == ["pools", "exhausted"]
    assert hit.snippet.text in text
    assert len(hit.snippet.text) <= 170


def test_a_snippet_without_a_match_is_the_beginning(world: World) -> None:
    """A hit by its tag alone shows how the memory begins."""
    put(world.folder(), "a.md", f"---\ntags: [vault]\n---\nThe first line.\n\n{'word ' * 100}\n")

    [hit] = world.open().search("vault").hits

    assert hit.snippet.text.startswith("The first line. word")
    assert hit.snippet.text.endswith("…")
    assert hit.snippet.marks == ()


SYNTAX = (
    "C++", "http://x.y/z?a=b#c", "foo:bar", "-x", "a AND", "AND", "OR NOT", "*", "?", "[a TO", "[a TO b]", "a^b", "a^2",
    "\\", "a\\", "/re/", "(((((", "NOT " * 200, "(" * 900, "🎉", "🎉🎉 fête", "\ud800", "a\0b", "\x1b[31m", "+a -b",
    "a~2", "~", "{}", "<script>", "' OR 1=1 --", "%s%n", "-", '""', '"-"', "importance:>=", "created:yesterday",
    "created:0000", "importance:>=seven", "created:9999-99-99",
)  # fmt: skip
"""What looks like the language of some parser."""

MONSTERS = (
    "x" * 10_000, "w " * 5_000, " ".join(f"w{n}" for n in range(3_000)), '"' + "w " * 900 + '"', '"unclosed', '"' * 999,
    "path:[a-z]{1000}", "path:" + "*a" * 90, "path:\0", "path:", "tag:", 'tag:""', "importance:99999999999999999999",
    "-" * 1_000, "-w " * 300, "tag:x " * 300, "scope:workspace scope:workspace", "path:" + "?" * 300, '-"" -"-"',
)  # fmt: skip
"""Questions that are too long, too many, or ask for nothing that there is."""


@pytest.mark.parametrize("question", SYNTAX, ids=range(len(SYNTAX)))
def test_what_looks_like_syntax_is_no_error_and_plain_words_beside_it_match(filtered: Workspace, question: str) -> None:
    """User text reaches no parser: operators, escapes and half characters are more words, or nothing."""
    filtered.search(question)

    assert found(filtered, f"three {question}")[:1] == ["sub/c.md"]
    assert found(filtered, f"{question} three")[:1] == ["sub/c.md"]


@pytest.mark.parametrize("question", MONSTERS, ids=range(len(MONSTERS)))
def test_monstrous_questions_are_no_error(filtered: Workspace, question: str) -> None:
    """10,000 letters, thousands of words, patterns that explode: an answer, and the next question is served as ever."""
    for limit in (1, 1_000):
        filtered.search(question, limit=limit)
        filtered.search(f"three {question}", limit=limit)

    assert found(filtered, "three")[:1] == ["sub/c.md"]


def test_nothing_is_searched_without_a_store(world: World) -> None:
    """The index has no question that is not bound to stores."""
    fill(world.folder(), 3)
    here = world.open()
    here.search("note")

    assert here.index.search([], query.parse("note"), 10, NOW) == []
    assert here.index.page([], query.parse(""), NOW) == ([], 0)
    assert here.index.find([], "id", "n0001") == []
    assert here.index.values([], "type") == {}
    assert here.index.search([Within("0" * 16)], query.parse("note"), 10, NOW) == []


# ---- keeping up


def test_a_refresh_brings_in_what_differs_and_says_so(world: World) -> None:
    """Added, changed and removed files; a second refresh finds nothing to do."""
    folder = world.folder()
    fill(folder, 3)
    settle(folder)
    store = Store(folder / ".memory", "workspace")
    index = Index(world.cache)
    first = index.refresh(store, store.scan().files)
    put(folder, "n0001.md", "changed\n")
    put(folder, "new.md", "new\n")
    (folder / ".memory/n0002.md").unlink()

    second = index.refresh(store, store.scan().files)
    settle(folder)
    index.refresh(store, store.scan().files)
    third = index.refresh(store, store.scan().files)

    assert first.changes.added == ("n0000.md", "n0001.md", "n0002.md")
    assert (second.changes.added, second.changes.changed, second.changes.removed) == (
        ("new.md",),
        ("n0001.md",),
        ("n0002.md",),
    )
    assert not third.changes
    assert not third.pending


def test_a_refresh_of_known_paths_looks_at_no_other(world: World) -> None:
    """Only what is named is brought in, and what is known to be gone is taken out."""
    folder = world.folder()
    fill(folder, 3)
    store = Store(folder / ".memory", "workspace")
    index = Index(world.cache)
    index.refresh(store, store.scan().files)
    put(folder, "a.md", "zebra\n")
    put(folder, "b.md", "zebra\n")
    (folder / ".memory/n0002.md").unlink()

    done = index.refresh(store, {"a.md": store.stamp("a.md"), "n0002.md": GONE}, partial=True)

    assert (done.changes.added, done.changes.removed) == (("a.md",), ("n0002.md",))
    assert [hit.path for hit in index.search([Within(store.key)], query.parse("zebra"), 10, NOW)] == ["a.md"]
    assert "b.md" not in index.seen(store)


def test_a_refresh_that_runs_out_of_time_leaves_the_rest_pending_and_goes_on_later(world: World) -> None:
    """A huge clone does not hold up the first answer: what was read is found, the rest is counted and comes next."""
    folder = world.folder()
    fill(folder, 200)
    store = Store(folder / ".memory", "workspace")
    index = Index(world.cache)

    first = index.refresh(store, store.scan().files, seconds=0)

    assert 0 < first.pending < 200
    assert first.note
    assert len(index.search([Within(store.key)], query.parse("note"), 1_000, NOW)) == 200 - first.pending
    rest = index.refresh(store, store.scan().files)
    assert len(rest.changes.added) == first.pending
    assert len(index.search([Within(store.key)], query.parse("note"), 1_000, NOW)) == 200


def test_two_stores_with_the_same_paths_stay_apart(world: World) -> None:
    """A document belongs to its store: changing one leaves the other's alone, and dropping one too."""
    stores = []
    index = Index(world.cache)
    for name in ("one", "two"):
        put(world.folder(name), "a.md", f"zebra {name}\n")
        stores.append(Store(world.folder(name) / ".memory", "workspace"))
        index.refresh(stores[-1], stores[-1].scan().files)
    put(world.folder("one"), "a.md", "lion one\n")

    index.refresh(stores[0], stores[0].scan().files)

    zebras = query.parse("zebra")
    places = [Within(store.key) for store in stores]
    assert [hit.store for hit in index.search(places, zebras, 10, NOW)] == [stores[1].key]
    index.rebuild(stores[1], {})
    assert index.search(places, zebras, 10, NOW) == []
    assert [hit.store for hit in index.search(places, query.parse("lion"), 10, NOW)] == [stores[0].key]


def test_another_process_sees_each_commit_at_once(world: World) -> None:
    """An open index looks at its table of contents before each question."""
    world.folder()
    here = world.open()
    assert found(here, "zebra") == []

    world.run(
        "import os; from pathlib import Path; from memfs.workspace import Workspace\n"
        "Workspace.open(Path('project')).save('A zebra.', {'title': 'Zebra'})"
    )

    store = here.view.stores[0]
    assert len(here.index.search([Within(store.key)], query.parse("zebra"), 10, datetime.now(UTC))) == 1


def test_many_single_saves_keep_the_index_small_and_right(world: World) -> None:
    """Each save opens and closes its own writer, as the command line does; segments are merged, none is left behind."""
    world.folder()
    for number in range(60):
        world.open().save(f"Note number{number:03}x of many.", {"title": f"Note {number}"})

    here = world.open()

    assert len(index_files(world)) <= 200
    assert here.list(limit=1).total == 60
    assert all(len(found(here, f"number{number:03}x")) >= 1 for number in range(0, 60, 7))
    assert here.search("number042x").hits[0].entry.memory.title == "Note 42"


# ---- a cache that any damage throws away


def test_the_index_is_built_anew_when_it_is_gone(world: World) -> None:
    """Deleting the cache loses nothing: the same answers, from the same process and from a fresh one."""
    fill(world.folder(), 40)
    here = world.open()
    before = here.search("note friday", limit=40)

    shutil.rmtree(world.cache)

    again = here.search("note friday", limit=40)
    assert [(hit.entry.memory.id, hit.score) for hit in again.hits] == [
        (hit.entry.memory.id, hit.score) for hit in before.hits
    ]
    shutil.rmtree(world.cache)
    assert len(found_by_cli(world, "note friday")) == 10


@pytest.fixture
def built(world: World) -> World:
    """Return a machine whose index was built in several commits, so that it has several segments."""
    fill(world.folder(), 40)
    here = world.open()
    here.search("note")
    for number in range(3):
        here.save(f"Later note {number}.", {"title": f"Later {number}"})
    store = here.view.stores[0]
    # what was read right after it was written is read once more, which would write the index between the damages
    assert within_deadline(
        lambda: here.refresh(store) == "" and not any(map(unsettled, here.index.seen(store).values()))
    )
    return world


def unsettled(stamp: Stamp) -> bool:
    """Return whether a file was read so soon after it was written that another write may hide behind its stamp."""
    return stamp.ctime_ns <= 0


@pytest.mark.parametrize("damage", ["half", "empty", "gone", "zeros", "garbage"])
def test_a_damaged_file_of_the_index_is_noticed_and_mended(built: World, damage: str) -> None:
    """Each file cut in half, emptied, removed, zeroed or overwritten: the next search is right, and no process dies."""
    whole = {path.name: path.read_bytes() for path in index_files(built)}
    assert len(whole) > 5

    for name, raw in whole.items():
        shutil.rmtree(built.cache)
        (built.cache / NAME).mkdir(parents=True)
        for other, content in whole.items():
            (built.cache / NAME / other).write_bytes(content)
        path = built.cache / NAME / name
        if damage == "gone":
            path.unlink()
        else:
            damaged = {
                "half": raw[: len(raw) // 2],
                "empty": b"",
                "zeros": bytes(len(raw)),
                "garbage": b"<<<<<<<\n" * 9,
            }
            path.write_bytes(damaged[damage])
        here = built.open()

        assert found(here, "own0017x")[:1] == ["n0017.md"], name
        assert here.list(limit=1).total == 43, name


CONTENTS = (
    b"",
    b"{",
    b"garbage",
    b"<<<<<<< a\n{}\n=======\n{}\n>>>>>>> b\n",
    b"[]",
    b"{}",
    b"null",
    b"\xff\xfe",
    b"0" * 100_000,
)


@pytest.mark.parametrize("name", ["meta.json", ".managed.json", "seal.json"])
def test_a_garbled_table_of_contents_is_mended(built: World, name: str) -> None:
    """Whatever the index's own lists hold, a fresh process answers right."""
    for content in CONTENTS:
        (built.cache / NAME / name).write_bytes(content)

        assert found(built.open(), "own0017x")[:1] == ["n0017.md"], content[:20]

    (built.cache / NAME / name).write_bytes(CONTENTS[3])
    assert found_by_cli(built, "own0017x")[0] == "n0017.md"


def flip(world: World, rng: random.Random, flips: int, *, secretly: bool = False) -> None:
    """Change *flips* random bits of the index's files in place; *secretly* keeps their times, as bad memory would."""
    for _ in range(flips):
        path = rng.choice([path for path in index_files(world) if path.stat().st_size])
        flip_in(path, rng, secretly=secretly)


def flip_in(path: Path, rng: random.Random, *, secretly: bool = True) -> None:
    """Change a random bit of the file *path* in place."""
    about = path.stat()
    with path.open("r+b") as file:
        position = rng.randrange(about.st_size)
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ (1 << rng.randrange(8))]))
    if secretly:
        os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))


def check_flips(world: World, rng: random.Random) -> None:
    """Damage the index at random; assert that a fresh process answers, and answers right."""
    flip(world, rng, 16)

    answer = memfs(world, *rng.choice(RIGHT), "--json")

    assert answer.code == 0, answer.err
    assert "anic" not in answer.err
    name = (answer.json.get("hits") or answer.json.get("memories") or [answer.json])[0]["name"]
    assert name == "n0023.md"


RIGHT = (
    ("search", "own0023x"),
    ("get", "n0023"),
    ("get", "Note 23 on the index: own0023x."),
    ("list", "--tag", "t23"),
)
"""Commands whose first answer is n0023.md."""


def test_flipped_bits_never_kill_a_process_nor_make_it_wrong(built: World) -> None:
    """40 rounds of 16 flipped bits: the command line ends by itself with the right answer, rebuilt or not."""
    rng = random.Random(28)
    for _ in range(40):
        check_flips(built, rng)


@pytest.mark.soak
def test_flipped_bits_never_kill_a_process_in_a_long_run(built: World) -> None:
    """The same for as long as there is time, from a seed that the failure names."""
    seed = random.randrange(1 << 32)
    rng = random.Random(seed)
    deadline = time.monotonic() + SOAK_SECONDS
    while time.monotonic() < deadline:
        try:
            check_flips(built, rng)
        except AssertionError as error:
            pytest.fail(f"seed {seed}: {error}")


def test_bits_that_flip_secretly_never_kill_a_process_and_a_reindex_mends_them(built: World) -> None:
    """Damage that keeps size and time is not looked for; it ends in an answer or in a rebuild, never in a crash."""
    rng = random.Random(82)
    for _ in range(12):
        flip(built, rng, 16, secretly=True)

        answer = memfs(built, "search", "own0023x", "--json")
        reindexed = memfs(built, "reindex", "--json")

        assert (answer.code, reindexed.code) == (0, 0), answer.err + reindexed.err
        assert reindexed.json["memories"] == 43
        assert found_by_cli(built, "own0023x")[0] == "n0023.md"


def test_a_process_that_dies_of_secret_damage_is_the_last_one_that_does(built: World) -> None:
    """Tantivy may end a process that merges damaged files: what it saved is kept, and the next one mends the index."""
    rng = random.Random(83)
    for number in range(30):
        for path in [path for path in index_files(built) if path.suffix in SEGMENT_FILES]:
            flip_in(path, rng)
        saved = memfs(built, "save", f"Kept kept{number:04}x.", "--json")
        if saved.code:  # about every thirtieth time
            again = memfs(built, "save", f"Kept again{number:04}x.", "--json")

            assert again.code == 0, again.err
            assert found_by_cli(built, f"kept{number:04}x")


def test_the_index_of_another_version_is_left_alone(world: World) -> None:
    """Another schema or another Tantivy has a folder of its own: two versions side by side do not rebuild in turns."""
    fill(world.folder(), 20)
    other = world.cache / "index-0-tantivy-0.22"
    other.mkdir(parents=True)
    (other / "meta.json").write_text("from another version")
    (other / "x.store").write_bytes(b"x" * 1_000)
    before = files_below(other)
    newer = (
        "import sys; from pathlib import Path; import memfs.index.folder as folder\n"
        "folder.NAME = 'index-2-tantivy-9'\n"
        "from memfs.workspace import Workspace\n"
        "print(len(Workspace.open(Path('project')).search('note').hits))"
    )
    ours: set[int] = set()
    theirs: set[int] = set()
    for _ in range(4):
        assert len(found(world.open(), "note")) == 10
        ours.add((world.cache / NAME).stat().st_ino)
        assert world.run(newer) == "10\n"
        theirs.add((world.cache / "index-2-tantivy-9").stat().st_ino)

    assert files_below(other) == before
    assert (len(ours), len(theirs)) == (1, 1)


def test_reindexing_twice_gives_the_same_and_changes_no_memory(world: World) -> None:
    """Neither bytes nor times nor modes of a memory's file change, and answers are the same to the last digit."""
    folder = world.folder()
    fill(folder, 40)
    put(folder, "broken.md", "---\na: [\n---\nown9999x\n").chmod(0o640)
    here = world.open()

    def everything() -> dict[str, tuple[int, ...]]:
        stats = {path.name: path.stat() for path in (folder / ".memory").iterdir()}
        return {
            name: (about.st_mtime_ns, about.st_ctime_ns, stat.S_IMODE(about.st_mode), about.st_size, about.st_ino)
            for name, about in stats.items()
        }

    before, texts = everything(), files_below(folder)
    answers = []
    for _ in range(2):
        assert here.reindex() == 41
        hits = here.search("note friday own9999x", limit=50).hits
        answers.append([(hit.entry.memory.id, hit.score, hit.snippet) for hit in hits])

    assert answers[0] == answers[1]
    assert everything() == before
    assert files_below(folder) == texts


# ---- a cache that cannot be used


@pytest.mark.usefixtures("impatient")
def test_a_busy_index_is_told_and_is_no_error(world: World) -> None:
    """While another process writes the index a search answers with what is there, says so, and catches up later."""
    folder = world.folder()
    fill(folder, 5)
    here = world.open()
    assert found(here, "own0003x")[:1] == ["n0003.md"]
    put(folder, "late.md", "A late zebra.\n")

    with index_held(world):
        results = here.search("own0003x zebra")
        world.config("[limits]\nsearch_refresh_seconds = 0.2\n")
        fresh = as_json(world, "search", "own0003x zebra")

    assert [hit.entry.memory.path for hit in results.hits][:1] == ["n0003.md"]
    assert re.match(r"\d changed memories of the workspace store are not searchable yet", results.notes[0])
    assert [hit["name"] for hit in fresh["hits"]][:1] == ["n0003.md"]
    assert "not searchable yet" in fresh["notes"][0]
    assert found(here, "zebra") == ["late.md"]
    assert here.search("zebra").notes == ()


@pytest.mark.usefixtures("impatient")
def test_a_save_beside_a_busy_index_succeeds_and_says_what_is_missing(world: World) -> None:
    """The file is what counts; the next search brings it in."""
    world.folder()
    here = world.open()
    here.search("x")

    with index_held(world):
        done = here.save("A zebra crossing.", {"title": "Zebra"})

    assert done.entry.path.is_file()
    assert "not searchable yet" in done.notes[0]
    assert [hit.entry.memory.title for hit in here.search("zebra").hits] == ["Zebra"]


@pytest.mark.usefixtures("impatient")
def test_a_broken_index_that_is_busy_too_is_answered_from_memory(built: World) -> None:
    """The worst of both: another process holds the lock and the files are garbled; the answer is right all the same."""
    (built.cache / NAME / "meta.json").write_bytes(b"garbage")

    with index_held(built):
        results = built.open().search("own0017x")

    assert results.hits[0].entry.memory.path == "n0017.md"
    assert results.notes


def test_a_file_in_place_of_the_cache_folder_is_told(world: World) -> None:
    """The index lives in memory then: every verb works, and says what is wrong."""
    fill(world.folder(), 5)
    world.cache.write_text("in the way")

    searched = as_json(world, "search", "own0003x")
    saved = as_json(world, "save", "A zebra.")
    listed = as_json(world, "list")
    reindexed = memfs(world, "reindex", "--json")
    status = as_json(world, "status")

    assert searched["hits"][0]["name"] == "n0003.md"
    assert "in memory only" in searched["notes"][0]
    assert "in memory only" in saved["notes"][0]
    assert listed["total"] == 6
    assert reindexed.json["memories"] == 6
    assert "in memory only" in reindexed.json["note"]
    assert status["stores"][0]["count"] == 6
    assert world.cache.read_text() == "in the way"


def test_a_cache_folder_that_may_not_be_written_is_told(world: World) -> None:
    """Somebody else's cache folder: answers come from an index in memory, with a note, and nothing is written there."""
    fill(world.folder(), 5)
    world.cache.mkdir()
    world.cache.chmod(0o500)
    script = (
        "from pathlib import Path; from memfs.workspace import Workspace\n"
        "here = Workspace.open(Path('project'))\n"
        "results = here.search('own0003x')\n"
        "print(results.hits[0].entry.memory.path, results.notes)\n"
        "print(here.save('A zebra.').notes, len(here.search('zebra').hits))"
    )
    try:
        first, second = world.run(script, through=without_powers()).splitlines()
    finally:
        world.cache.chmod(0o700)

    assert first.startswith("n0003.md")
    assert "in memory only" in first
    assert second.endswith(" 1")
    assert list(world.cache.iterdir()) == []


def test_an_index_folder_that_became_read_only_is_told(built: World) -> None:
    """What is indexed is still found; what is new is found through memory."""
    put(built.folder(), "late.md", "A late zebra.\n")
    paths = [built.cache / NAME, *index_files(built), built.cache]
    for path in paths:
        path.chmod(0o500 if path.is_dir() else 0o400)
    script = (
        "from pathlib import Path; from memfs.workspace import Workspace\n"
        "here = Workspace.open(Path('project'))\n"
        "print(*(here.search(word).hits[0].entry.memory.path for word in ('zebra', 'own0003x')))"
    )
    try:
        printed = built.run(script, through=without_powers())
    finally:
        for path in reversed(paths):
            path.chmod(0o700)

    assert printed == "late.md n0003.md\n"


def test_searches_answer_while_another_process_rebuilds(world: World) -> None:
    """Nobody waits for a rebuild to end: each search that runs beside it answers from what is there so far."""
    folder = world.folder()
    fill(folder, 1_500)
    world.open().search("note")
    script = (
        "from pathlib import Path; from memfs.workspace import Workspace\n"
        "here = Workspace.open(Path('project'))\n"
        "print('begin', flush=True)\n"
        "for _ in range(3): here.reindex()\n"
        "print('end', flush=True)"
    )
    rebuilding = world.start(script)
    assert rebuilding.stdout is not None
    assert rebuilding.stdout.readline() == "begin\n"
    searches = 0
    while rebuilding.poll() is None:
        results = world.open().search("own0777x", limit=1)
        names = [hit.entry.memory.path for hit in results.hits]
        assert names == ["n0777.md"] or results.notes, "neither found, nor said that something is missing"
        searches += 1

    assert finished([rebuilding])
    assert searches > 0
    assert found(world.open(), "own0777x", limit=1) == ["n0777.md"]


def test_files_that_are_too_large_are_flagged_and_harm_nobody(world: World) -> None:
    """A word of 20 MB and a text of 60 MB are found by name alone, and never read whole: memory stays bounded."""
    folder = world.folder()
    fill(folder, 5)
    put(folder, "onetoken.md", "x" * 20_000_000)
    put(folder, "longtext.md", "zebra lion " * 5_500_000)
    put(folder, "just-right.md", "y" * (1 << 20))
    script = (
        "from pathlib import Path; from memfs.workspace import Workspace\n"
        "here = Workspace.open(Path('project'))\n"
        "print(*([hit.entry.memory.path for hit in here.search(word).hits] for word in ('zebra', 'onetoken')))\n"
        "print(sorted((f.path, f.problem.reason) for f in here.status().stores[0].flaws))\n"
        "print(next(int(line.split()[1]) for line in open('/proc/self/status') if line.startswith('VmHWM')) // 1024)"
    )

    hits, flaws, peak_mib = world.run(script).splitlines()

    assert hits == "[] ['onetoken.md']"
    assert flaws == "[('longtext.md', 'larger than 1 MiB'), ('onetoken.md', 'larger than 1 MiB')]"
    assert int(peak_mib) <= 300


def test_a_word_that_only_shares_letters_finds_nothing(world: World) -> None:
    """A hit has a word of the question, in another form, begun or misspelt by one letter; pieces alone find nothing."""
    folder = world.folder()
    put(folder, "auth.md", "Authentication happens at the gateway, with tokens.\n")
    here = world.open()

    for asked in ("authentication", "authenticated", "auth", "authen", "authenticatoin", "gatewey", "token"):
        assert found(here, asked) == ["auth.md"], asked
    for asked in ("lactation", "wayward", "authority", "keeping plans", "tok", "gatweya"):
        assert found(here, asked) == [], asked
