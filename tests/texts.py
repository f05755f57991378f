"""What people and programs type, for property tests: words that YAML, git and shells read in their own way."""

from __future__ import annotations

from hypothesis import strategies as st

from memfs.values import Value

AWKWARD = (
    "", " ", "no", "No", "yes", "on", "off", "y", "n", "true", "null", "~", "1.10", "012", "0x1F", "1_000", "12:30:45",
    "2026-01-02", "-", "- a", "---", "...", "<<", "=", ".inf", "? a", ": a", "a: b", "a:", "a #b", "#b", "[a]", "[",
    "]", "{a: b}", "{", "}", "a, b", ",", "&a", "*a", "!a", "|", ">", ">-", "%a", "@a", "`a`", "'", '"', "''", "it's",
    'a "b" c', "a\nb", "\n", "a\n", "\na", "a\r\nb", "\r", "a\tb", "\t", " a", "a ", "\\", "\\n", "\\u0041", "C:\\dir",
    "🎉", "🎉 fête", "漢字", "e\u0301", "\u00a0", "\u0085", "\u2028", "\u2029", "\ufeff", "\ufeffa", "\ufffe", "\x00",
    "\x1b[31m", "\x7f", "\u202e", "\U000e0041", "a" * 2000, "word " * 40, "[[a]]", "[[a|b]]", "https://x.y/z?a=b#c",
    "src/a.py#L10-20", "<<<<<<< HEAD",
    "=======", ">>>>>>> b", "$(x)", "%2e", "NO", "Off", "a - b", "a -", "a?b", "a!", "x%y",
)  # fmt: skip

PLAIN = "abcXYZ019 _-./+()@%=;^$,':#!\"&*?<>[]{}|\\~`"
"""Signs of the plainest headers and those that end them."""

texts = st.one_of(
    st.sampled_from(AWKWARD),
    st.text(max_size=40),
    st.text(PLAIN, max_size=20),
    st.text("ab ,':#-\n\r\t[]{}\"\\é", max_size=12),
)
"""Any text that a value of a header may be."""

lists: st.SearchStrategy[list[Value]] = st.lists(texts, max_size=4).map(list)
links: st.SearchStrategy[list[Value]] = st.lists(
    st.builds(lambda kind, to: {"type": kind, "to": to}, texts.filter(bool), texts.filter(bool)), max_size=3
).map(list)
ids = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
times = st.datetimes().map(lambda when: when.isoformat(timespec="seconds") + "Z")

headers: st.SearchStrategy[dict[str, Value]] = st.fixed_dictionaries(
    {},
    optional={
        "id": ids,
        "title": texts,
        "type": st.sampled_from(("decision", "error", "insight")),
        "importance": st.integers(1, 10).map(str),
        "tags": lists,
        "category": texts,
        "channels": lists,
        "summary": texts,
        "cues": lists,
        "created": times,
        "expires": times,
        "links": links,
        "about": lists,
        "session": texts,
        "pinned": st.sampled_from(("true", "false")),
    },
)
"""Values that fit the table of the format, by key; none to all of the keys."""
