"""The façade: what an agent or a person standing in a folder can do. The verbs, refresh and listeners."""

from __future__ import annotations

import threading
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from memfs import config as configuration
from memfs import projects
from memfs import query as queries
from memfs import scope as scopes
from memfs.answers import Done
from memfs.answers import Draft
from memfs.answers import Entry
from memfs.answers import Event
from memfs.answers import Listing
from memfs.answers import Results
from memfs.answers import Status
from memfs.errors import Invalid
from memfs.index import Index
from memfs.query import NO_FILTERS
from memfs.query import Filters
from memfs.store import Store
from memfs.values import Value
from memfs.workspace.finding import Finding
from memfs.workspace.freshness import Freshness
from memfs.workspace.freshness import Hints
from memfs.workspace.names import Names
from memfs.workspace.reverting import Reverting
from memfs.workspace.tidying import Tidying

MAX_LIMIT, MAX_OFFSET = 1_000, 1_000_000
"""Of a page; Tantivy gathers offset + limit places."""


class Workspace(Reverting, Tidying):
    """A folder's view of memories, and the verbs on them. Open it with `Workspace.open`; safe to share by threads.

    Attributes:
        config: The user's settings.
        view: The stores that are visible here, each with its weight.
        index: The machine's index.
        journal: What memfs replaced, moved or removed.

    Args:
        at: What time it is for what expires, default the present.
    """

    def __init__(
        self, view: scopes.View, config: configuration.Config, index: Index, at: datetime | None = None
    ) -> None:
        self.config = config
        self.view = view
        self.index = index
        self._freshness = Freshness(view, index, config.search_refresh_seconds)
        self._names = Names(view, config, self._freshness)
        self._finding = Finding(self._names, at)
        self._lock = threading.RLock()

    @property
    def hints(self) -> Hints | None:
        """Who watches the stores; without, each verb scans them."""
        return self._freshness.hints

    @hints.setter
    def hints(self, hints: Hints | None) -> None:
        self._freshness.hints = hints

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        mode: str | None = None,
        environ: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> Workspace:
        """Return the workspace that the folder *folder* belongs to.

        Args:
            folder: Where the caller stands.
            mode: `isolated`, `global` or `hybrid`, before all that is configured.
            environ: The environment to read, default the process's.
            seconds: Answer once, and bring the index up to date for no longer than this before.

        Raises:
            Invalid, BadConfig: See `config.load`.
        """
        config = configuration.load(environ, mode)
        root = scopes.find_workspace(folder, config, environ)
        view = scopes.view(root, config)
        if view.own and view.own[0].scope == "workspace" and view.own[0].is_there():
            projects.note(config, root)
        index = Index(config.cache, config.languages)
        if seconds is None:
            return cls(view, config, index)
        here = cls(view, config._replace(search_refresh_seconds=seconds), index)
        here._freshness.once = True
        return here

    def across(self, names: Sequence[str] = ()) -> Workspace:
        """Return what questions across projects are asked of: every project's memories, which are only read.

        It may be used beside this one by other threads.

        Args:
            names: Only these projects, by name or path.

        Raises:
            OutOfScope: The user has not switched such questions on.
            Invalid: There is no such project.
        """
        index = Index(self.config.cache, self.config.languages)
        return Workspace(scopes.across(self.view.workspace, self.config, names), self.config, index)

    # ---- saving

    def begin(self, project: Path | None = None) -> tuple[Store, bool]:
        """Make the store of *project*, if it has none, and trust it; return it, and whether it was made.

        Args:
            project: Its folder; default the workspace's.

        Raises:
            OutOfScope: It is no project's folder, but holds memfs's own home.
            StorageFailed: It cannot be made.
        """
        return self._saving.begin(project)

    def edited(self, before: Entry) -> Done:
        """Take note of what somebody did to the file of *before* since it was read, so that it can be taken back.

        Raises:
            NotFound: The file is gone.
        """
        with self._lock:
            after = self._edits.edited(before)
            notes = [f"line {problem.line}: {problem.reason}" for problem in after.memory.problems]
            if after.file.digest == before.file.digest:
                return Done("update", after, ("The file was left as it was.", *notes))
            return Done("update", after, (*notes, *self._freshness.path(after.store, after.memory.path)))

    def save(
        self,
        body: str,
        values: Mapping[str, Value] | None = None,
        *,
        scope: str = "",
        merge_into: str = "",
        allow_secret: bool = False,
    ) -> Done:
        """Save a new memory, durably, and make it searchable; say which ones say nearly the same.

        Args:
            body: Markdown; may be empty when there is a title.
            values: Untyped values by key of the format; `id` and `created` are made when absent.
            scope: The wish: `workspace`, `global` or `group:<name>`; empty for the mode's own.
            merge_into: Fold it into this memory instead, named as for `get`: the paragraphs that it does not have yet
                are added below, tags and cues united, the higher importance kept.
            allow_secret: Store it even if it looks like it holds a credential.

        Raises:
            Invalid: A value does not fit, or there is nothing to save.
            SecretFound, OutOfScope, Busy, StorageFailed: As they say; nothing was written.
            Changed, Unwritable, NotFound, Ambiguous, Twins: With *merge_into*, as for `update`.
        """
        draft = Draft(body, values or {}, scope)
        if not merge_into:
            return self.save_all([draft], allow_secret=allow_secret)[0]
        with self._lock:
            entry = self._names.named(merge_into, self.view.stores)
            return self._folding.into(entry, draft, allow_secret=allow_secret)

    def save_all(self, drafts: Sequence[Draft], *, allow_secret: bool = False) -> Sequence[Done]:
        """Save *drafts* in their order; all are checked before the first is written. Raises like `save`."""
        with self._lock:
            saved = self._saving.save(drafts, allow_secret=allow_secret)
            return [done._replace(similar=self._neighbours.similar(done.entry)) for done in saved]

    # ---- finding

    def get(self, reference: str, *, scope: str = "") -> Entry:
        """Return the memory that *reference* names: its id, a beginning of it, its path, or its whole title.

        It is looked for in the store of *scope* alone, if that is given.

        Raises:
            NotFound: None does; `near` has what comes close.
            Ambiguous, Twins: Several do.
            OutOfScope: The mode does not serve *scope*, or the path's store.
        """
        with self._lock:
            stores = (self.view.store(scope),) if scope else self.view.stores
            return self._names.at_once(reference, stores) or self._names.named(reference, stores)

    def search(  # noqa: PLR0913  (each is a way to ask)
        self,
        text: str,
        *,
        also: Sequence[str] = (),
        filters: Filters = NO_FILTERS,
        limit: int = 10,
        regex: str = "",
        semantic: bool | None = None,
    ) -> Results:
        """Return the memories of the view that answer *text* best; without words, the newest that pass the filters.

        Args:
            text: Words, "phrases", -exclusions and filters such as `tag:db`, see `query`.
            also: The same question in other words, up to three times; one ranking answers all.
            filters: More filters.
            limit: At most so many hits, 1 to 1,000.
            regex: A regular expression that must match in the title or body, given `limits.regex_seconds`.
            semantic: Find by meaning, too. None: in a process that watches its stores, if an embedder is installed
                and `search.semantic` is not switched off.

        Raises:
            Invalid: *regex* or *limit* cannot be used.
            Refused: *semantic* is asked for, and no embedder is installed, or it is broken.
            OutOfScope: A scope is asked for that the mode does not serve.
        """
        if not 1 <= limit <= MAX_LIMIT:
            raise Invalid(f"A search gives 1 to 1,000 hits; {limit} were asked for.")
        query = queries.parse(text, filters, also)
        with self._lock:
            return self._finding.search(query, limit, regex, semantic=semantic)

    def understand(self) -> bool:
        """Make some of the vectors that searches by meaning go by, if they are on; return whether some are left."""
        return self._finding.understand(self._lock)

    def recalled(self, prompt: str) -> Sequence[Entry]:
        """Return the memories that a *prompt* to an agent strongly recalls, best first; mostly none. See `recalled`."""
        with self._lock:
            return self._finding.recalled(prompt)

    def about(self, file: str) -> Sequence[Entry]:
        """Return the memories that say they are about *file*, a path below the workspace."""
        with self._lock:
            self._freshness.all(self.view.own)
            return self._finding.about(file)

    def untrusted(self) -> int:
        """Return how many memories of the workspace hold a text that nobody vouches for, as the index has them."""
        with self._lock:
            return sum(self._health.untrusted(store) for store in self.view.own)

    def list(
        self, *, filters: Filters = NO_FILTERS, sort: str = "created", limit: int = 20, offset: int = 0
    ) -> Listing:
        """Return a page of the memories that pass *filters*, highest *sort* first.

        Args:
            filters: What they have to be like; none for all.
            sort: `created`, `updated` or `importance`.
            limit: Page length, 1 to 1,000.
            offset: Where the page begins.

        Raises:
            Invalid: A value is out of range.
            OutOfScope: A scope is asked for that the mode does not serve.
        """
        if sort not in ("created", "updated", "importance"):
            raise Invalid(f"A list is sorted by created, updated or importance, not by {sort!r}.")
        if not 1 <= limit <= MAX_LIMIT or not 0 <= offset <= MAX_OFFSET:
            raise Invalid("A page has 1 to 1,000 memories and begins at 0 or later.")
        with self._lock:
            return self._finding.page(queries.Query("", filters=filters), sort, limit, offset)

    def values(self, field: str) -> dict[str, int]:
        """Return each `tag`, `type`, `category` or `channel` of the view, with how many memories have it."""
        with self._lock:
            self._freshness.all(self.view.stores)
            return self._freshness.ask(lambda: self.index.values(self.view.within(self.view.stores), field))

    # ---- changing

    def update(
        self,
        reference: str,
        changes: Mapping[str, Value | None],
        body: str | None = None,
        *,
        expect: str = "",
        allow_secret: bool = False,
    ) -> Done:
        """Change keys (None removes one) or the body of a memory; every other byte of its file stays.

        Args:
            reference: As for `get`.
            changes: Untyped values by key of the format.
            body: The new body, or None to leave it.
            expect: The digest that the caller has read; empty to change whatever is there now.
            allow_secret: Store it even if it looks like it holds a credential.

        Raises:
            Changed: The file is no longer the one that *expect* names, or changed this moment.
            Unwritable: It is malformed, in conflict or write-protected.
            NotFound, Ambiguous, Twins, Invalid, SecretFound, StorageFailed: As they say.
        """
        if body is not None and not body.strip():
            raise Invalid("The new text is empty; `memfs forget` removes a memory.")
        with self._lock:
            entry = self._names.named(reference, self.view.stores, expect)
            new = self._edits.rewritten(entry, changes, body, allow_secret=allow_secret)
            notes = () if new is not entry else ("Nothing changed: it says that already.",)
            return Done("update", new, (*notes, *self._freshness.path(new.store, new.memory.path)))

    def move(self, reference: str, to: str, *, workspace: str | Path | None = None) -> Done:
        """Move a memory's file into another store: who sees it changes, nothing else.

        Args:
            reference: As for `get`.
            to: `workspace`, `global` or `group:<name>`.
            workspace: The workspace that is meant, if not this one: a folder, or the name of a trusted one.

        Raises:
            OutOfScope: The mode does not serve the other scope.
            Unwritable, Conflict, NotFound, Ambiguous, Twins, StorageFailed: As they say; no copy is lost.
        """
        with self._lock:
            return self._moving.move(
                reference, to, workspace, lambda entry: self._edits.rewritten(entry, {}, None, allow_secret=True)
            )

    def forget(self, reference: str, *, expect: str = "") -> Done:
        """Remove a memory's file; its bytes go to the undo journal first.

        Raises:
            Changed: The file is no longer the one whose digest is *expect*.
            NotFound, Ambiguous, Twins, Refused, StorageFailed: As they say.
        """
        with self._lock:
            entry = self._names.named(reference, self.view.stores, expect)
            self._edits.forgotten(entry)
            return Done("forget", entry, self._freshness.path(entry.store, entry.memory.path))

    # ---- keeping up

    def refresh(self, store: Store, paths: Iterable[str] | None = None) -> str:
        """Bring index and listeners up to date with *store*; return why that is not quite so, empty when it is.

        The arguments are those of `Freshness.refresh`.
        """
        with self._lock:
            return self._freshness.refresh(store, paths)

    def catch_up(self) -> Sequence[str]:
        """Bring index and listeners up to date with every store of the view; return what the caller should know."""
        with self._lock:
            return self._freshness.all(self.view.stores, spare=True)

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Have *listener* called whenever a refresh finds files that differ from what was known."""
        with self._lock:
            self._freshness.listen(listener)

    def reindex(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Build the view's part of the index anew from the files; return how many memories it has.

        Raises:
            Busy: Another process holds the index for too long.
        """
        with self._lock:
            return self._freshness.reindex(progress)

    # ---- how things stand

    def status(self) -> Status:
        """Return where this is, what is visible from here and what is wrong with it; changes no memory."""
        with self._lock:
            return self._health.status()
