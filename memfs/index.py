"""The Tantivy index of all stores of the machine: a cache that any doubt throws away and that the files rebuild.

It is opened late, written under one lock (the cache folder itself), for one commit at a time, and
searched only within named stores. Where the cache folder cannot be written the index lives in memory.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from typing import TypeVar

import tantivy
from tantivy import Document
from tantivy import FieldType
from tantivy import Occur
from tantivy import Query as Clause

from memfs import rank
from memfs.changes import GONE
from memfs.changes import NOTHING
from memfs.changes import Changes
from memfs.changes import Snapshot
from memfs.changes import Stamp
from memfs.changes import diff
from memfs.errors import Busy
from memfs.errors import MemfsError
from memfs.memory import Memory
from memfs.memory import derived_id
from memfs.memory import parse
from memfs.memory import unreadable
from memfs.query import Bounds
from memfs.query import Filters
from memfs.query import Query
from memfs.query import to_milliseconds
from memfs.seen import CONTENTS
from memfs.seen import Seen
from memfs.store import Store
from memfs.store import flock
from memfs.words import IRREGULAR
from memfs.words import STOPWORDS

SCHEMA_VERSION = 1
"""Raised whenever documents come to mean something else; each version has a folder of its own."""
FOLDER = f"index-{SCHEMA_VERSION}-tantivy-0.27"

TITLE_WEIGHT, IRREGULAR_WEIGHT, GRAM_WEIGHT, COMPOUND_WEIGHT = 0.5, 0.8, 0.1, 0.5
"""Relative to 1 for a word in the text; measured, see `.memory/search-recipe.md`."""
GRAM_WORD = 4
"""Letters from which on a word is also looked for by its three-letter pieces, which is what finds typos."""

LARGE = 500
"""Files from which on an update is worth the larger heap."""
SMALL_HEAP, LARGE_HEAP = 15_000_000, 60_000_000
"""Bytes for the writer's one thread, the least that Tantivy takes, and what saves merges in a rebuild."""
SNIPPET_CHARACTERS = 160
SNIPPET_SOURCE = 100_000
"""Characters of a body among which a snippet is looked for."""

Answer = TypeVar("Answer")
_NOTHING = (0, 0, 0)

_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_HUMP = re.compile(r"[A-Z](?:(?<=[a-z0-9].)|(?<=[A-Z].)(?=[a-z]))")
_ALNUM = re.compile(r"[A-Za-z0-9]+")
_UNWRITABLE = ("No space", "Read-only", "Permission denied", "File too large", "Quota")
_SORTS = ("created", "updated", "importance")


class IndexBroken(Exception):
    """Tantivy failed or panicked, or the files are not as they were left."""


class Refreshed(NamedTuple):
    """What bringing the index up to date came to.

    Attributes:
        changes: What was brought in.
        pending: How many changed files the index does not have yet.
        note: Why not, for people; empty when all is in.
    """

    changes: Changes = NOTHING
    pending: int = 0
    note: str = ""


class Snippet(NamedTuple):
    """A piece of a memory's text, and where in it the matches are (start and end, in characters)."""

    text: str
    marks: tuple[tuple[int, int], ...] = ()


class _Asked:
    """A question as clauses: what may match, what must, and the best score that it allows."""

    def __init__(self) -> None:
        self.clauses: list[tuple[Occur, Clause]] = []
        self.musts: list[tuple[Occur, Clause]] = []
        self.best = 0.0


def _analyzers() -> tuple[tantivy.TextAnalyzer, tantivy.TextAnalyzer]:
    """Return how words and their three-letter pieces are made; an opened index forgets them."""
    simple = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
    folded = simple.filter(tantivy.Filter.remove_long(64)).filter(tantivy.Filter.lowercase())
    stems = folded.filter(tantivy.Filter.ascii_fold()).filter(tantivy.Filter.stemmer("English")).build()
    grams = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.ngram(3, 3)).filter(tantivy.Filter.lowercase()).build()
    return stems, grams


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("all", tokenizer_name="memfs_stem", index_option="position")
    builder.add_text_field("title", tokenizer_name="memfs_stem", index_option="freq")
    builder.add_text_field("ng", tokenizer_name="memfs_ng", index_option="freq")
    for name in ("store", "path"):
        builder.add_text_field(name, stored=True, tokenizer_name="raw", index_option="basic")
    for name in ("key", "id", "handle", "place", "name", "type", "tag", "category", "channel", "state"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in ("created", "updated", "importance", "expires"):
        builder.add_integer_field(name, indexed=True, fast=True)
    return builder.build()


class Index:
    """The index below the cache folder *cache*.

    Attributes:
        note: Why the index is in memory only, for people; empty when it is in its folder.
        generation: Changes when the index was begun anew, so that every store has to be brought in again.
    """

    def __init__(self, cache: Path) -> None:
        self.folder = cache / FOLDER
        self.note = ""
        self._seen = Seen(self.folder)
        self._unsaved: dict[str, Snapshot] = {}
        self._schema = _schema()
        self._stems, self._grams = _analyzers()
        self._tantivy: tantivy.Index | None = None
        self._contents = _NOTHING
        self._holds_lock = False
        self.generation = 0

    # ---- keeping up

    def seen(self, store: Store) -> Snapshot:
        """Return the files of *store* as the index has them."""
        self._open()
        return self._unsaved.get(store.key, {}) if self.note else self._seen.of(store.key)

    def refresh(
        self,
        store: Store,
        now: Snapshot,
        *,
        partial: bool = False,
        seconds: float | None = None,
        wait: float = 5.0,
        progress: Callable[[int, int], None] | None = None,
    ) -> Refreshed:
        """Bring the index up to date with *store*, in one commit.

        Args:
            store: Whose files.
            now: Their stamps; `GONE` for a path that is known to have no file.
            partial: *now* names only paths that may have changed, not the whole store.
            seconds: Stop reading files after this long and leave the rest pending.
            wait: How long to wait for another process that writes the index.
            progress: Called with the number of files done and to do.
        """
        seen = self.seen(store)
        work = self._work(seen, now, partial=partial)
        if not work:
            return Refreshed()
        try:
            return self._committed(store, now, partial=partial, seconds=seconds, wait=wait, progress=progress)
        except Busy:
            return Refreshed(pending=len(work), note="another process is writing the index")
        except OSError as error:
            self._in_memory(os.strerror(error.errno or 0))
        except IndexBroken as error:
            full = any(words in str(error) for words in _UNWRITABLE)
            self._in_memory(str(error)) if full else self._start_anew(str(error))
        return self._committed(store, now, partial=partial, seconds=seconds, wait=wait, progress=progress)

    def _work(self, seen: Snapshot, now: Snapshot, *, partial: bool) -> dict[str, Stamp]:
        """Return the paths that differ, with their present stamps."""
        if partial:
            return {path: stamp for path, stamp in now.items() if seen.get(path, GONE) != stamp}
        changes = diff(seen, now)
        work = {path: now[path] for path in (*changes.added, *changes.changed)}
        return work | dict.fromkeys(changes.removed, GONE)

    def _committed(
        self,
        store: Store,
        now: Snapshot,
        *,
        partial: bool,
        seconds: float | None,
        wait: float,
        progress: Callable[[int, int], None] | None,
    ) -> Refreshed:
        with self._locked(wait):
            seen = dict(self.seen(store))
            work = self._work(seen, now, partial=partial)
            if not work:
                return Refreshed()
            done: dict[str, Stamp] = {}
            with self._writer(len(work)) as writer:
                for path, stamp in self._until(work, seconds, progress):
                    if path in seen:
                        writer.delete_documents_by_term("key", f"{store.key}:{path}")
                    done[path] = stamp if stamp == GONE else self._add(writer, store, path, stamp, own=partial)
            if self.note:
                present = {path: stamp for path, stamp in {**seen, **done}.items() if stamp != GONE}
                self._unsaved[store.key] = present
            else:
                self._seen.add(store.key, done)
                self._seen.seal()
        self._reload()
        pending = len(work) - len(done)
        note = f"{pending:,} memories are not indexed yet; `memfs reindex` finishes it" if pending else ""
        return Refreshed(diff({p: seen[p] for p in done if p in seen}, _without_gone(done)), pending, note)

    def _until(
        self, work: Mapping[str, Stamp], seconds: float | None, progress: Callable[[int, int], None] | None
    ) -> Iterator[tuple[str, Stamp]]:
        """Yield the items of *work* until *seconds* are over, but some in any case."""
        deadline = None if seconds is None else time.monotonic() + seconds
        for number, item in enumerate(work.items()):
            if number and number % 64 == 0:
                if progress:
                    progress(number, len(work))
                if deadline and time.monotonic() > deadline:
                    return
            yield item
        if progress:
            progress(len(work), len(work))

    def _add(self, writer: tantivy.IndexWriter, store: Store, path: str, stamp: Stamp, *, own: bool) -> Stamp:
        """Add the file *path* as it is now; returns the stamp under which it was seen."""
        try:
            file = store.read(path)
        except MemfsError as error:
            memory, stamp = unreadable(path, type(error).__name__), stamp._replace(ctime_ns=0)
            if store.stamp(path) == GONE:
                return GONE
        else:
            memory = parse(file.raw, path)
            stamp = file.stamp if own else file.stamp.settled(time.time_ns())
        writer.add_document(Document.from_dict(self._document(store, memory, stamp), self._schema))
        return stamp

    def _document(self, store: Store, memory: Memory, stamp: Stamp) -> dict[str, object]:
        changed = stamp.mtime_ns // 1_000_000
        created = to_milliseconds(memory.created) if memory.created else changed
        text = _text(memory, created)
        document: dict[str, object] = {
            "all": f"{text}\n{_parts(text)}",
            "title": memory.title,
            "ng": text,
            "store": store.key,
            "path": memory.path,
            "key": f"{store.key}:{memory.path}",
            "id": sorted({memory.id, derived_id(memory.path)}),
            "handle": memory.id.casefold(),
            "place": memory.path.casefold(),
            "name": memory.title.casefold(),
            "type": memory.type.casefold(),
            "tag": [tag.casefold() for tag in memory.tags],
            "category": memory.category.casefold(),
            "channel": [channel.casefold() for channel in memory.channels],
            "state": [memory.state, *(["flawed"] if memory.problems else [])],
            "created": created,
            "updated": to_milliseconds(memory.updated) if memory.updated else changed,
            "importance": memory.importance,
        }
        if memory.expires:
            document["expires"] = to_milliseconds(memory.expires)
        return document

    def forget(self, keys: Sequence[str], *, wait: float = 5.0) -> None:
        """Drop everything of the stores *keys*: their folders are gone, or are to be read anew."""
        with self._locked(wait):
            with self._writer(0) as writer:
                for key in keys:
                    writer.delete_documents_by_term("store", key)
            for key in keys:
                self._unsaved.pop(key, None)
                if not self.note:
                    self._seen.forget(key)
            if not self.note:
                self._seen.seal()
        self._reload()

    def reset(self, *, wait: float = 30.0) -> None:
        """Throw the whole index away."""
        with self._locked(wait):
            self._set_aside()

    def stores(self) -> list[str]:
        """Return the keys of the stores that the index has seen."""
        return list(self._unsaved) if self.note else self._seen.keys()

    # ---- asking

    def search(self, weights: Mapping[str, float], query: Query, limit: int, now: datetime) -> list[rank.Found]:
        """Return the best *limit* memories for *query* in the stores of *weights*.

        Args:
            weights: Factor by store key; no other store is looked at.
            query: Its scopes are the caller's business.
            limit: At most so many.
            now: Memories that have expired by then are left out.
        """
        return self._guarded(lambda: self._search(weights, query, limit, now))

    def _search(self, weights: Mapping[str, float], query: Query, limit: int, now: datetime) -> list[rank.Found]:
        searcher = self._open().searcher()
        asked = self._ask(searcher, query)
        if not asked.clauses and not asked.musts:
            return []
        found: list[rank.Found] = []
        for weight, keys in rank.weight_classes(weights).items():
            clauses = [*asked.musts, *self._filters(keys, query, now)]
            if asked.clauses:
                occur = Occur.Should if asked.musts else Occur.Must
                clauses.append((occur, Clause.boolean_query(asked.clauses)))
            hits = searcher.search(Clause.boolean_query(clauses), limit, count=False).hits
            created = searcher.fast_field_values("created", [address for _, address in hits])
            for (score, address), when in zip(hits, created, strict=True):
                document = searcher.doc(address)
                text = rank.bounded(float(score), asked.best)
                store, path = str(document["store"][0]), str(document["path"][0])
                found.append(rank.Found(store, path, text, weight, int(when or 0)))
        return rank.order(found, limit)

    def page(
        self,
        keys: Sequence[str],
        query: Query,
        now: datetime,
        *,
        sort: str = "created",
        limit: int = 20,
        offset: int = 0,
        states: Sequence[str] = (),
    ) -> tuple[list[tuple[str, str]], int]:
        """Return store key and path of the memories that pass *query*'s filters, highest *sort* first, and how many.

        Args:
            keys: The stores to look in.
            query: Its words do not count, its filters do.
            now: Memories that have expired by then are left out.
            sort: `created`, `updated` or `importance`.
            limit: At most so many.
            offset: Skip so many.
            states: Only memories in one of these states.
        """
        if sort not in _SORTS:
            raise ValueError(sort)

        def ask() -> tuple[list[tuple[str, str]], int]:
            searcher = self._open().searcher()
            clauses = self._filters(keys, query, now)
            if states:
                clauses.append((Occur.Must, self._any("state", states)))
            every = Clause.boolean_query(clauses)
            result = searcher.search(every, max(limit, 1), order_by_field=sort, offset=offset)
            documents = [searcher.doc(address) for _, address in result.hits[:limit]]
            count: int = result.count  # type: ignore[attr-defined]
            return [(str(each["store"][0]), str(each["path"][0])) for each in documents], count

        return self._guarded(ask)

    def find(self, keys: Sequence[str], field_name: str, value: str) -> list[tuple[str, str]]:
        """Return store key and path of up to 20 memories in the stores *keys* that *value* names.

        Args:
            keys: The stores to look in.
            field_name: `id` (whole), `handle` (a beginning of the id, any case) or `name` (the whole title, any case).
            value: What to look for.
        """

        def ask() -> list[tuple[str, str]]:
            searcher = self._open().searcher()
            if field_name == "handle":
                wanted = self._pattern("handle", f"{_literal(value.casefold())}.*")
            else:
                wanted = Clause.term_query(
                    self._schema, field_name, value.casefold() if field_name == "name" else value
                )
            within = (Occur.Must, self._any("store", keys))
            hits = searcher.search(Clause.boolean_query([(Occur.Must, wanted), within]), 20, count=False).hits
            documents = [searcher.doc(address) for _, address in hits]
            return [(str(each["store"][0]), str(each["path"][0])) for each in documents]

        return self._guarded(ask) if value and keys else []

    def values(self, keys: Sequence[str], field_name: str) -> dict[str, int]:
        """Return each value of `tag`, `type`, `category` or `channel` in the stores *keys*, with how many have it."""

        def ask() -> dict[str, int]:
            within = self._any("store", keys)
            found = self._open().searcher().terms_with_prefix(field_name, "", filter_query=within)
            return {value: count for value, count in found if value and count}

        return self._guarded(ask) if keys else {}

    def snippets(self, query: Query, bodies: Sequence[str]) -> list[Snippet]:
        """Return, for each of *bodies*, the piece that matches *query* best; its beginning when none does."""

        def ask() -> list[Snippet]:
            searcher = self._open().searcher()
            stems = dict.fromkeys(stem for word in self._asked_words(query) for stem in self._forms(word))
            terms = [(Occur.Should, Clause.term_query(self._schema, "all", stem)) for stem in stems]
            wanted = Clause.boolean_query(terms)
            generator = tantivy.SnippetGenerator.create(searcher, wanted, self._schema, "all")
            generator.set_max_num_chars(SNIPPET_CHARACTERS)
            return [_snippet(generator, body[:SNIPPET_SOURCE]) for body in bodies]

        return self._guarded(ask)

    # ---- building a question

    def _asked_words(self, query: Query) -> list[str]:
        words = [word for word in query.words if word not in STOPWORDS] or list(query.words)
        return words + [word for phrase in query.phrases for word in phrase]

    def _stem(self, word: str) -> str:
        stems = self._stems.analyze(word)
        return stems[0] if stems else word

    def _forms(self, word: str) -> list[str]:
        """Return the stem of *word*, then those of its irregular forms."""
        return list(dict.fromkeys(self._stem(form) for form in (word, *IRREGULAR.get(word, ()))))

    def _ask(self, searcher: tantivy.Searcher, query: Query) -> _Asked:
        """Return the clauses for the words and phrases of *query*, never parsed by Tantivy."""
        asked = _Asked()
        documents = searcher.num_docs

        def term(field_name: str, value: str, boost: float, *, counts: bool = True) -> Clause:
            if counts:
                weight = rank.idf(searcher.doc_freq(field_name, value), documents)
                asked.best += boost * weight * (rank.K1 + 1)
            return Clause.boost_query(Clause.term_query(self._schema, field_name, value, "freq"), boost)

        words = [word for word in query.words if word not in STOPWORDS] or list(query.words)
        for word in words:
            for number, stem in enumerate(self._forms(word)):
                weight = IRREGULAR_WEIGHT if number else 1.0
                asked.clauses.append((Occur.Should, term("all", stem, weight, counts=not number)))
                asked.clauses.append((Occur.Should, term("title", stem, weight * TITLE_WEIGHT, counts=not number)))
            if len(word) >= GRAM_WORD:
                pieces = dict.fromkeys(self._grams.analyze(word))
                grams = [(Occur.Should, term("ng", piece, GRAM_WEIGHT)) for piece in pieces]
                asked.clauses.append((Occur.Should, Clause.boolean_query(grams, max(1, len(grams) // 2))))
        for compound in query.compounds:
            phrase = Clause.boost_query(self._phrase(compound), COMPOUND_WEIGHT)
            asked.clauses.append((Occur.Should, phrase))
        for phrase_words in query.phrases:
            for word in phrase_words:
                term("all", self._stem(word), 1.0)
            asked.musts.append((Occur.Must, self._phrase(phrase_words)))
        return asked

    def _phrase(self, words: Sequence[str]) -> Clause:
        stems = [stem for word in words for stem in self._stems.analyze(word)]
        if len(stems) == 1:
            return Clause.term_query(self._schema, "all", stems[0], "freq")
        if not stems:
            return Clause.empty_query()
        return Clause.phrase_query(self._schema, "all", list(stems))

    def _any(self, field_name: str, values: Sequence[str]) -> Clause:
        return Clause.const_score_query(Clause.term_set_query(self._schema, field_name, list(values)), 0.0)

    def _filters(self, keys: Sequence[str], query: Query, now: datetime) -> list[tuple[Occur, Clause]]:
        clauses = [(Occur.Must, self._any("store", keys))]
        clauses += [(Occur.Must, clause) for clause in self._conditions(query.filters)]
        clauses += [(Occur.MustNot, clause) for clause in self._conditions(query.without)]
        clauses += [(Occur.MustNot, self._phrase(words)) for words in query.excluded]
        if not query.filters.expired:
            past = Clause.range_query(self._schema, "expires", FieldType.Integer, upper_bound=to_milliseconds(now))
            clauses.append((Occur.MustNot, past))
        return clauses

    def _conditions(self, filters: Filters) -> Iterator[Clause]:
        """Yield one clause for each field of *filters* that says something; none of them changes a score."""
        lists = {
            "tag": filters.tags, "type": filters.types, "channel": filters.channels, "category": filters.categories,
        }  # fmt: skip
        for name, values in lists.items():
            if values:
                yield self._any(name, [value.casefold() for value in values])
        bounds: dict[str, Bounds] = {
            "importance": filters.importance, "created": filters.created, "updated": filters.updated,
        }  # fmt: skip
        for name, (low, high) in bounds.items():
            if low is not None or high is not None:
                within = Clause.range_query(self._schema, name, FieldType.Integer, lower_bound=low, upper_bound=high)
                yield Clause.const_score_query(within, 0.0)
        for path in filters.paths:
            wildcards = {"*": ".*", "?": "."}
            pattern = "".join(wildcards.get(character) or _literal(character) for character in path.casefold())
            yield self._pattern("place", pattern if "*" in path or "?" in path else f".*{pattern}.*")

    def _pattern(self, field_name: str, pattern: str) -> Clause:
        """Return a filter for values that match *pattern* as a whole; nothing does when it is too large to be built."""
        try:
            return Clause.const_score_query(Clause.regex_query(self._schema, field_name, pattern), 0.0)
        except ValueError:
            return Clause.empty_query()

    # ---- Tantivy's own troubles

    def _open(self) -> tantivy.Index:
        """Return the index, opened, of the last commit, and whole; makes an empty one where there is none."""
        if self.note:
            return self._made_in_memory()
        contents = self._contents_now()
        if self._tantivy is not None and contents == self._contents != _NOTHING:
            return self._tantivy
        try:
            if not self._seen.sealed():
                with self._locked(2.0):
                    if not self._seen.sealed():
                        self._set_aside()
            return self._load()
        except Busy:
            # somebody is rebuilding it: what is there so far is better than nothing
            return self._tantivy if self._tantivy is not None else self._load()
        except OSError as error:
            self._in_memory(os.strerror(error.errno or 0))
            return self._made_in_memory()

    def _contents_now(self) -> tuple[int, int, int]:
        """Return what changes with each commit, and when another folder takes this one's place."""
        try:
            about = (self.folder / CONTENTS).stat()
            return about.st_mtime_ns, about.st_ino, self.folder.stat().st_ino
        except OSError:
            return _NOTHING

    def _load(self) -> tantivy.Index:
        contents = self._contents_now()
        with _tantivy_calls():
            if self._tantivy is None or contents[2] != self._contents[2]:
                self._tantivy = tantivy.Index(self._schema, path=str(self.folder))
                self._register(self._tantivy)
                self._tantivy.config_reader("manual")
            self._tantivy.reload()
        self._contents = contents
        return self._tantivy

    def _reload(self) -> None:
        if self.note:
            with _tantivy_calls():
                self._made_in_memory().reload()
        else:
            self._contents = (0, 0, self._contents[2])
            self._open()

    def _register(self, index: tantivy.Index) -> None:
        index.register_tokenizer("memfs_stem", self._stems)
        index.register_tokenizer("memfs_ng", self._grams)

    def _set_aside(self) -> None:
        """Throw the index folder away and begin an empty one."""
        import shutil

        with self._locked(5.0):
            self._tantivy = None
            self._seen = Seen(self.folder)
            self.generation += 1
            aside = self.folder.with_name(f"{self.folder.name}-aside-{os.urandom(4).hex()}")
            if self.folder.exists():
                self.folder.rename(aside)
                shutil.rmtree(aside, ignore_errors=True)
            self.folder.mkdir(parents=True)
            with _tantivy_calls():
                self._register(tantivy.Index(self._schema, path=str(self.folder)))
            self._seen.seal()

    def abandon(self, reason: str) -> None:
        """Give up the folder for this process, because it broke again right after it was begun anew."""
        self._in_memory(reason)

    def _in_memory(self, reason: str) -> None:
        """Give up the folder for this process: *reason* says why it cannot be written."""
        self.note = f"the index is in memory only: {self.folder.parent} cannot be used ({reason})"
        self._tantivy = None
        self._unsaved = {}
        self.generation += 1

    def _made_in_memory(self) -> tantivy.Index:
        if self._tantivy is None:
            self._tantivy = tantivy.Index(self._schema)
            self._register(self._tantivy)
        return self._tantivy

    @contextmanager
    def _locked(self, wait: float) -> Iterator[None]:
        """Hold the one lock for writing the index: the cache folder's own, which no one can leave behind."""
        if self.note or self._holds_lock:
            yield
            return
        cache = self.folder.parent
        cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = os.open(cache, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            flock(fd, wait, f"{cache} is being written by another process; try again in a moment.")
            self._holds_lock = True
            yield
        finally:
            self._holds_lock = False
            os.close(fd)

    @contextmanager
    def _writer(self, files: int) -> Iterator[tantivy.IndexWriter]:
        """Give a writer that commits and waits for its merges when the block ends well, and else changes nothing."""
        with _tantivy_calls():
            writer = self._open().writer(LARGE_HEAP if files > LARGE else SMALL_HEAP, 1)
        with _tantivy_calls():
            yield writer
            writer.commit()
            writer.wait_merging_threads()

    def _guarded(self, ask: Callable[[], Answer]) -> Answer:
        """Return what *ask* returns; where Tantivy fails the index is thrown away, and the caller fills a new one.

        Raises:
            IndexBroken: It was thrown away just now.
        """
        try:
            with _tantivy_calls():
                return ask()
        except IndexBroken as error:
            self._start_anew(str(error))
            raise

    def _start_anew(self, reason: str) -> None:
        """Throw the folder's index away; where that is not to be had, go on in memory."""
        if self.note:
            self._in_memory(reason)
            return
        try:
            self._set_aside()
        except (Busy, OSError, IndexBroken) as error:
            self._in_memory(f"{reason}; {error}")


def _without_gone(entries: Snapshot) -> Snapshot:
    return {path: stamp for path, stamp in entries.items() if stamp != GONE}


@contextmanager
def _tantivy_calls() -> Iterator[None]:
    """Turn what Tantivy raises, a panic of its Rust included, into `IndexBroken`."""
    try:
        yield
    except ValueError as error:
        raise IndexBroken(str(error)) from error
    except BaseException as error:
        if type(error).__name__ == "PanicException":
            raise IndexBroken("Tantivy panicked") from error
        raise


def _literal(text: str) -> str:
    """Return *text* as a pattern that matches just itself."""
    return "".join(character if character.isalnum() else f"\\x{{{ord(character):x}}}" for character in text)


def _text(memory: Memory, created: int) -> str:
    """Return what a memory is found by: all that a person wrote, and the day it was learned in words."""
    when = time.gmtime(created / 1000)
    day = time.strftime("%Y-%m-%d %B %Y", when) if memory.created else ""
    stem = memory.path.rpartition("/")[2].rpartition(".")[0] if memory.state == "unreadable" else ""
    title = memory.title if memory.title not in memory.body else ""
    pieces = (title, memory.body, " ".join(memory.tags), memory.category, memory.summary, *memory.cues, day, stem)
    return "\n".join(piece for piece in pieces if piece)


def _parts(text: str) -> str:
    """Return the parts of the camelCase words in *text*, which no tokenizer takes apart: `getUserById` has four."""
    mixed: dict[str, None] = {}
    end = 0
    for hump in _HUMP.finditer(text):
        if hump.start() >= end:
            start = hump.start()
            while start > end and text[start - 1].isalnum():
                start -= 1
            word = _ALNUM.match(text, start)
            end = word.end() if word else hump.end()
            mixed[text[start:end]] = None
    return "\n".join(" ".join(_CAMEL.findall(word)) for word in mixed)


def _snippet(generator: tantivy.SnippetGenerator, body: str) -> Snippet:
    document = Document()
    document.add_text("all", body)
    snippet = generator.snippet_from_doc(document)
    fragment = snippet.fragment()
    if not fragment:
        start = " ".join(body[: 2 * SNIPPET_CHARACTERS].split())
        return Snippet(start if len(start) <= SNIPPET_CHARACTERS else start[: SNIPPET_CHARACTERS - 1].rstrip() + "…")
    raw = fragment.encode()
    marks = tuple((len(raw[: mark.start].decode()), len(raw[: mark.end].decode())) for mark in snippet.highlighted())
    return Snippet(fragment, marks)
