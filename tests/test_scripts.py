"""Words of other scripts: Chinese, Japanese and Korean in pairs, accents, widths, and what has no spaces at all."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memfs import query
from memfs import scripts
from memfs.workspace import Workspace
from tests.worlds import World
from tests.worlds import new_world

MEMORIES = {
    "zh.md": "Redis缓存过期时间设为三十分钟，由网关刷新。",
    "zh-hant.md": "部署之前要先通知維運團隊。",
    "ja.md": "データベースの接続プールは二十本まで。週末に再起動する。",
    "ko.md": "데이터베이스를 배포하기 전에 백업을 확인한다.",
    "cat.md": "黑猫、3月1日的会议：由Go版网关负责。",
    "titled.md": "---\ntitle: 数据库选型\n---\n我们用 Postgres。\n",
    "th.md": "ระบบฐานข้อมูลสำรองทุกคืน",
    "fr.md": "Le café de la réunion ouvre à huit heures, à côté de la gare.",
    "de.md": "Die Straße zum Büro ist gesperrt; nimm die Umleitung über Ärmelstraße.",
    "ru.md": "Резервное копирование базы выполняется ночью.",
    "titre.md": "---\ntitle: Résumé des décisions\n---\nTout est dans le dossier partagé.\n",
    "wide.md": "ＡＰＩキーは環境変数で渡す。ﾊﾞｯｸｱｯﾌﾟは毎晩。",
    "vi.md": "Triển khai vào thứ sáu trước buổi trưa.",
    "en.md": "Nothing of the kind: only plain English stands here, on deploys.",
}


def found(here: Workspace, text: str) -> list[str]:
    """Return the names of the files that a search finds, best first."""
    return [hit.entry.memory.path for hit in here.search(text).hits]


@pytest.fixture(scope="module")
def babel(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return a workspace whose memories are in many languages, which no test changes."""
    world = new_world(tmp_path_factory.mktemp("babel"))
    folder = world.folder()
    for name, text in MEMORIES.items():
        Path(folder, ".memory", name).write_text(text, encoding="utf-8")
    here = world.open()
    here.search("anything")
    return here


FOUND_FIRST = [
    ("缓存", "zh.md"),
    ("缓存过期", "zh.md"),
    ("redis", "zh.md"),
    ("Redis缓存", "zh.md"),
    ("redis 缓存", "zh.md"),
    ("缓存redis", "zh.md"),
    ("怎么设置缓存的过期", "zh.md"),
    ("網關 部署", "zh-hant.md"),
    ("接続プール", "ja.md"),
    ("プール", "ja.md"),
    ("データベース接続", "ja.md"),
    ("배포", "ko.md"),
    ("데이터베이스", "ko.md"),
    ("백업 확인", "ko.md"),
    ("猫", "cat.md"),
    ("黑", "cat.md"),
    ("数据库", "titled.md"),
    ("数据库用什么", "titled.md"),
    ("postgres数据库", "titled.md"),
    ("ฐานข้อมูล", "th.md"),
    ("cafe", "fr.md"),
    ("café", "fr.md"),
    ("CAFÉ", "fr.md"),
    ("reunion", "fr.md"),
    ("réuinon", "fr.md"),
    ("reuinon", "fr.md"),
    ("strasse", "de.md"),
    ("Straße", "de.md"),
    ("buro", "de.md"),
    ("armelstraße", "de.md"),
    ("копирование", "ru.md"),
    ("копировние", "ru.md"),
    ("resume", "titre.md"),
    ("décisions", "titre.md"),
    ("decisons", "titre.md"),
    ("API", "wide.md"),
    ("ａｐｉ", "wide.md"),
    ("バックアップ", "wide.md"),
    ("ﾊﾞｯｸｱｯﾌﾟ", "wide.md"),
    ("trien khai", "vi.md"),
    ("thứ sáu", "vi.md"),
]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize(("question", "expected"), FOUND_FIRST)
def test_a_word_is_found_however_it_is_typed(babel: Workspace, question: str, expected: str, form: str) -> None:
    """Pairs of characters, one alone, mixed with Latin both ways; accents, composed or not, or left out; widths."""
    assert found(babel, unicodedata.normalize(form, question))[:1] == [expected]  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["fr.md", "de.md", "ko.md", "titre.md", "vi.md", "wide.md"])
def test_a_file_may_be_composed_or_not(world: World, name: str) -> None:
    """Some editors write an accent as a character of its own, and Hangul as letters."""
    folder = world.folder()
    (folder / ".memory" / name).write_text(unicodedata.normalize("NFD", MEMORIES[name]), encoding="utf-8")
    here = world.open()

    assert [each for each, expected in FOUND_FIRST if expected == name and found(here, each) != [name]] == []


PHRASES = [
    ('"缓存过期"', True),
    ('"过期时间"', True),
    ('"存过"', True),
    ('"Redis缓存"', True),
    ('"redis 缓存过期时间"', True),
    ('"期时"', True),
    ('"过期缓存"', False),
    ('"缓存时间"', False),
    ('"缓存Redis"', False),
    ('"Redis过期"', False),
    ('"redis缓"', True),
    ('"redis存"', False),
]


@pytest.mark.parametrize(("phrase", "holds"), PHRASES)
def test_what_is_quoted_stands_in_sequence(babel: Workspace, phrase: str, *, holds: bool) -> None:
    """Character by character, across scripts."""
    assert ("zh.md" in found(babel, phrase)) is holds


SINGLE = [
    ('"3月1日"', True), ('"3月1日的会议"', True), ('"1日"', True), ('"月1日"', True), ('"会议:由Go版"', True),
    ('"Go版网关"', True), ('"3月2日"', False), ('"日1月"', False), ('"会议Go"', False),
]  # fmt: skip


@pytest.mark.parametrize(("phrase", "holds"), SINGLE)
def test_single_characters_are_quoted_beside_others(babel: Workspace, phrase: str, *, holds: bool) -> None:
    """At the beginning, in the middle and at the end, whatever follows in the text."""
    assert ("cat.md" in found(babel, phrase)) is holds


def test_runs_are_excluded_like_words(babel: Workspace) -> None:
    """A minus before a run means all of it."""
    assert "zh.md" not in found(babel, "redis -缓存过期")
    assert "zh.md" in found(babel, "redis -缓存时间")


UNRELATED = ["缓冲", "过渡 缓冲", "狗", "プログラム", "삭제", "接口", "กขค"]


@pytest.mark.parametrize("question", UNRELATED)
def test_other_words_of_the_same_characters_find_nothing(babel: Workspace, question: str) -> None:
    """A character that two words share is no match."""
    assert found(babel, question) == []


def test_what_matches_more_pairs_comes_first(world: World) -> None:
    """The whole run, then a part; scores stay shares."""
    folder = world.folder()
    for name, text in {"a": "数据库的连接池已满", "b": "数据库连接池耗尽", "c": "连接很慢", "d": "与此无关"}.items():
        (folder / ".memory" / f"{name}.md").write_text(f"{text}。\n", encoding="utf-8")
    hits = world.open().search("数据库连接池耗尽").hits

    assert [hit.entry.memory.path for hit in hits] == ["b.md", "a.md"]
    assert all(0 < hit.score <= 1 for hit in hits)


def test_snippets_mark_runs_as_they_were_asked_for(babel: Workspace) -> None:
    """Marks that overlap or touch are one, whatever the script, and the text is as it stands."""
    [hit] = babel.search("redis缓存过期 网关 刷新").hits[:1]

    assert hit.snippet.text in MEMORIES["zh.md"]
    marked = [hit.snippet.text[start:end] for start, end in hit.snippet.marks]
    assert marked == ["Redis缓存过期", "网关刷新"]


def test_a_snippet_of_a_long_text_is_a_piece_of_it(world: World) -> None:
    """Where the match stands, however far behind."""
    folder = world.folder()
    text = f"{'无关的句子在这里。' * 200}密钥轮换每季度一次。{'后面还有别的内容。' * 200}"
    (folder / ".memory" / "a.md").write_text(text, encoding="utf-8")
    [hit] = world.open().search("密钥轮换").hits

    assert hit.snippet.text in text
    assert [hit.snippet.text[start:end] for start, end in hit.snippet.marks] == ["密钥轮换"]


def test_a_prompt_without_spaces_recalls(world: World) -> None:
    """What an agent is told of unasked does not hang on spaces between words."""
    folder = world.trusted()
    (folder / ".memory" / "a.md").write_text("---\ntitle: 周五发布\n---\n周五中午之前发布。\n", encoding="utf-8")
    for number in range(30):
        text = f"第{number}条：数据库每晚备份到{chr(0x4E00 + number)}区。\n"
        (folder / ".memory" / f"{number}.md").write_text(text, encoding="utf-8")
    here = world.open()

    assert [entry.memory.path for entry in here.recalled("请问，周五中午之前可以发布吗？")] == ["a.md"]
    assert here.recalled("今天天气怎么样？") == []


# ---- pure


@given(st.text(alphabet="aé 猫过期한글カー々〇.，𠀀\u0301", max_size=40))
def test_origins_lead_back_to_the_text(text: str) -> None:
    """Each character of what is spread is the one it comes from, or a space that was put before it."""
    places = scripts.origins(text)
    spread = scripts.spread(text)

    assert len(places) == len(spread)
    assert all(spread[at] in (" ", text[place : place + 1]) for at, place in enumerate(places))
    assert places == sorted(places) or any(scripts.is_unspaced(word) for word in query.words_of(text))
    assert spread.replace(" ", "") or not text.strip()


@given(st.text(max_size=60))
def test_any_text_can_be_asked_apart(text: str) -> None:
    """Each word is a run or holds none, and nothing but spaces comes in."""
    words = query.words_of(text)

    assert all(scripts.is_unspaced(word) or scripts.apart(word) == word for word in words)
    assert scripts.apart(text).replace(" ", "") == text.replace(" ", "")
