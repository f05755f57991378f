"""Languages beside English: other forms of their words, words of theirs that say nothing; a change rebuilds."""

from __future__ import annotations

import pytest

from memfs.words import LANGUAGES
from memfs.workspace import Workspace
from tests.commands import memfs
from tests.worlds import World

MEMORIES = {
    "de.md": "Die Häuser sind gestrichen, und alle Datenbanken gesichert.",
    "fr.md": "Les décisions sont mangées par les équipes qui déploient.",
    "ru.md": "Настройки серверов лежат в базе.",
    "en.md": "Connections are pooled; the caches were configured by name.",
    "zh.md": "Server缓存过期。",
}

FORMS = [
    ("Haus", "de.md", "german"),
    ("Häusern", "de.md", "german"),
    ("hausern", "de.md", "german"),
    ("wie ist die Datenbank gesichert", "de.md", "german"),
    ("décider mangé", "fr.md", "french"),
    ("mangee", "fr.md", "french"),
    ("équipe", "fr.md", "french, german"),
    ("настройка сервера", "ru.md", "russian"),
    ("базу", "ru.md", "russian"),
    ("connected", "en.md", "german, french, russian"),
    ("configuring", "en.md", "german, french, russian"),
    ("缓存", "zh.md", "german"),
]


def here_with(world: World, language: str) -> Workspace:
    """Return the workspace with the memories, whose user writes in *language*."""
    for name, text in MEMORIES.items():
        (world.folder() / ".memory" / name).write_text(text, encoding="utf-8")
    world.config(f'[search]\nlanguage = "{language}"\n')
    return world.open()


@pytest.mark.parametrize(("question", "expected", "language"), FORMS)
def test_other_forms_of_words_are_found(world: World, question: str, expected: str, language: str) -> None:
    """With their accents and without, beside English and beside scripts without spaces."""
    hits = here_with(world, language).search(question).hits

    assert [hit.entry.memory.path for hit in hits][:1] == [expected]
    assert all(0 < hit.score <= 1 for hit in hits)


def test_words_that_say_nothing_are_left_out(world: World) -> None:
    """Those of the user's languages, unless nothing else is asked."""
    here = here_with(world, "german")

    assert [hit.entry.memory.path for hit in here.search("wo sind die mangées").hits] == ["fr.md"]
    assert [hit.entry.memory.path for hit in here.search("die").hits] == ["de.md"]


def test_another_language_is_another_index_that_builds_itself(world: World) -> None:
    """Nothing has to be done but to set it; what was there before is there again when it is set back."""
    assert here_with(world, "").search("базу").hits == ()
    assert memfs(world, "config", "set", "search.language", "Russian, german").code == 0

    here = world.open()

    assert here.config.languages == ("german", "russian")
    assert [hit.entry.memory.path for hit in here.search("базу").hits] == ["ru.md"]
    assert memfs(world, "config", "get", "search.language").out.strip() == "german, russian"
    assert memfs(world, "config", "set", "search.language", "germn").code == 2
    assert memfs(world, "config", "unset", "search.language").code == 0
    assert world.open().search("базу").hits == ()
    assert len(list(world.cache.glob("index-*"))) == 2


def test_a_language_that_there_is_not_is_told_and_nothing_else(world: World) -> None:
    """A search answers, and status says what was meant."""
    here = here_with(world, "germn")

    assert [hit.entry.memory.path for hit in here.search("pooled").hits] == ["en.md"]
    assert any("did you mean german?" in note for note in here.status().notes)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_can_be_indexed(world: World, language: str) -> None:
    """What the settings offer the index knows."""
    assert [hit.entry.memory.path for hit in here_with(world, language).search("Datenbanken").hits] == ["de.md"]
