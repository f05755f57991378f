"""Synthetic memories that look like developers' notes, the same ones each time, and questions about them.

A text is drawn from plain English and made-up identifiers under the law of Zipf and Mandelbrot, and
returns to a few words of its own, as texts with a topic do. What it says means nothing.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from itertools import accumulate
from itertools import islice
from pathlib import Path

from memfs import memory
from memfs.values import Value
from memfs.words import IRREGULAR

SEED = 20_261_121
FIRST_DAY = datetime(2024, 11, 1, tzinfo=UTC)
DAYS = 730
"""Days over which the memories were learned."""
SHORTEST, LONGEST = 40, 200
"""Words of a body."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.split()))


FUNCTION_WORDS = _words("""
the to a of and in is it that for on with be as are this not by from or we at when so if an but was can only
has do will which before after because have must should all then into per no than they no longer does its our
each out up one until never always there also any both more you without same where while again been just still
""")
"""Every second or third word of a text."""

TOPIC_WORDS = _words("""
test error user data file request server client key build code table run query service value time cache deploy
version change type name default set token check message call line job read write start field order list fix
config update page path log model module state api index event package release worker rule branch limit memory
database schema column script command load retry timeout header response session password permission role job
queue topic thread process container image cluster node pod secret volume network port address proxy gateway
domain certificate backup restore snapshot migration rollback transaction lock deadlock constraint row join view
trigger cursor pool connection driver session replica shard partition leader follower lag stream batch window
report metric alert dashboard trace span sample budget incident outage owner review merge commit tag hook
pipeline stage runner artifact registry mirror dependency library framework plugin adapter parser lexer compiler
linter formatter warning exception failure crash panic leak race bug patch issue ticket milestone roadmap sprint
team customer partner vendor invoice payment refund ledger balance currency price discount tax receipt checkout
cart product catalog stock warehouse shipment carrier label return account profile avatar contact email phone
notification digest template layout button form input modal drawer menu toolbar sidebar tooltip theme colour
font icon grid column flex margin padding border shadow animation transition gesture scroll focus keyboard
screen reader contrast language locale translation plural calendar timezone clock holiday schedule reminder
search filter facet ranking score snippet synonym stopword stemmer tokenizer embedding vector distance
neighbour cluster label feature training inference prompt completion context agent tool planner evaluator
sandbox policy audit consent privacy retention deletion export import archive compression encryption signature
hash salt nonce cookie origin frame redirect callback webhook payload envelope codec encoding charset newline
whitespace indent comment docstring example tutorial guide manual glossary decision reason tradeoff assumption
requirement preference convention standard guideline principle exception shortcut workaround mistake lesson
insight discovery experiment hypothesis baseline benchmark profile flamegraph hotspot allocation garbage heap
stack register pointer buffer channel socket packet frame latency throughput bandwidth jitter congestion
balancer health probe readiness liveness autoscaler quota billing region zone failover standby quorum consensus
election heartbeat lease epoch checkpoint watermark offset producer consumer broker subscriber publisher
orchestrator scheduler executor operator task dependency graph edge vertex tree leaf root branch depth breadth
iterator generator coroutine future promise callback closure decorator descriptor metaclass protocol interface
trait struct enum union variant tuple record mapping array slice string integer float boolean null option result
""")

OTHER_WORDS = _words("""
small large slow fast old new first last main shared local remote public private internal external stable
broken empty missing duplicate stale fresh wrong right strict loose safe unsafe simple hard easy cheap costly
whole partial single double nested flat deep wide narrow short long early late daily weekly monthly yearly
manual automatic optional required explicit implicit hidden visible known unknown common rare usual odd even
clean dirty warm cold hot idle busy ready blocked open closed active passive idempotent atomic durable volatile
morning afternoon evening monday tuesday wednesday thursday friday weekend quarter month week minute second
office laptop desktop phone tablet browser terminal shell editor window tab plugin extension shortcut macro
people colleague manager designer engineer analyst tester writer reader owner maintainer contributor reviewer
newcomer visitor guest member admin support sales legal finance security platform infrastructure frontend
backend mobile hardware firmware device sensor camera printer scanner battery cable switch router antenna
question answer topic subject summary detail chapter section paragraph sentence word letter number digit symbol
place corner side middle edge top bottom left front behind above below inside outside near far between across
reasonable careful quiet loud obvious subtle strange familiar boring exciting painful harmless dangerous
roughly exactly nearly hardly mostly partly fully twice once often seldom sometimes usually eventually
""")

VERBS = _words("""
add remove move copy rename replace keep drop skip ignore allow deny accept reject send receive fetch push pull
store save delete create destroy open close begin finish stop pause resume restart reload refresh rebuild
compile link install upgrade downgrade pin bump publish announce document explain describe mention note remember
forget ask answer decide choose prefer avoid want need expect assume guess prove verify confirm measure compare
count sum average round split join sort group merge match find look see show hide print draw render paint
click type press drag touch hover wait sleep wake poll listen watch notice report raise catch throw handle
recover fail pass break mend repair solve cause prevent protect expose wrap unwrap parse format encode decode
encrypt sign trust revoke rotate expire renew extend shrink grow scale tune throttle delay defer schedule
enable disable toggle guard fence isolate share lend borrow own assign claim release return yield await spawn
kill signal attach detach mount unmount bind listen route forward drain flush sync commit rebase squash
cherry bisect blame stash clone fork fetch tag sign ship roll freeze thaw stage promote retire deprecate
""")

TAGS = _words("""
postgres redis kafka docker kubernetes terraform aws ci deploy release testing flaky performance memory latency
security auth oauth privacy billing payments orders search frontend css react typescript python rust golang sql
migrations backup monitoring logging tracing incident runbook onboarding convention style docs api rest graphql
grpc webhooks email i18n accessibility mobile build packaging dependencies git review architecture decision
gotcha workaround tooling editor
""")

_VERBS = _words("""get set find load save parse build make create update delete remove check verify fetch send handle
render resolve apply merge split encode decode open close start stop retry flush lock release""")
_NOUNS = _words("""user order session token cache index query schema table row column file path store config request
response header body event message queue job worker batch page view model field value key name type state error
client server socket stream buffer node tree graph account invoice payment cart price tag label snapshot""")
_FOLDERS = _words("src lib app core api db web tests scripts internal services handlers models utils infra docs")
_SUFFIXES = _words("py ts rs go sql yaml toml tsx sh")
_ERRORS = _words("CONN AUTH TIMEOUT LIMIT STATE PARSE IO LOCK QUOTA SCHEMA CACHE ROUTE")
_CAUSES = _words("RESET REFUSED EXPIRED EXCEEDED INVALID MISSING CLOSED STALE DENIED OVERFLOW")
_POOL = 6_000
"""Identifiers that memories share; others are one memory's own."""
_TYPE_WEIGHTS = (6, 30, 3, 16, 14, 8, 10, 6, 12, 5)
_IMPORTANCE_WEIGHTS = (1, 2, 4, 8, 30, 16, 18, 13, 6, 2)
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True)
class Note:
    """One memory of the corpus."""

    id: str
    title: str
    type: str
    importance: int
    tags: tuple[str, ...]
    created: str
    body: str
    words: tuple[str, ...]
    identifiers: tuple[str, ...]

    @property
    def file_name(self) -> str:
        """The name of its file, as memfs would choose it, but always the same."""
        return f"{memory.slug(self.title)}-{self.id[-6:].lower()}.md"

    def raw(self) -> bytes:
        """Return its file's bytes, in memfs's format."""
        values: dict[str, Value] = {
            "id": self.id,
            "title": self.title,
            "type": self.type,
            "importance": str(self.importance),
            "created": self.created,
        }
        if self.tags:
            values["tags"] = list(self.tags)
        return memory.compose(values, self.body)


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody who looks for the note with `id` would type; `kind` is words, identifier or typo."""

    text: str
    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: how many files, their bytes, and the bytes of titles and bodies alone."""

    files: int
    file_bytes: int
    text_bytes: int


class _Zipf:
    """Draws from *words*, the n-th with a weight of 1 / (n + 10): the first is every sixtieth of 3,000."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = words
        self.weights = list(accumulate(1 / (rank + 10) for rank in range(1, len(words) + 1)))

    def draw(self, rng: random.Random, count: int) -> list[str]:
        return rng.choices(self.words, cum_weights=self.weights, k=count)


class _Writer:
    """Makes up notes with *rng*: what they share, and what each of them is about."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.small = _Zipf(FUNCTION_WORDS)
        self.content = _Zipf(_vocabulary(rng))
        self.pool = _Zipf([_identifier(rng) for _ in range(_POOL)])
        self.tags = _Zipf(TAGS)

    def note(self) -> Note:
        rng = self.rng
        words = self.content.draw(rng, 8)
        identifiers = [*self.pool.draw(rng, 2), _identifier(rng)]
        created = FIRST_DAY + timedelta(seconds=rng.randrange(DAYS * 86_400))
        return Note(
            id="01" + "".join(rng.choices(_CROCKFORD, k=24)),
            title=self._title([*words[:3], *self.content.draw(rng, 3)]),
            type=rng.choices(memory.TYPES, _TYPE_WEIGHTS)[0],
            importance=rng.choices(range(1, 11), _IMPORTANCE_WEIGHTS)[0],
            tags=tuple(dict.fromkeys(self.tags.draw(rng, rng.randint(0, 4)))),
            created=memory.format_time(created),
            body=_body(rng, self._pieces(words, identifiers), frozenset(identifiers)),
            words=tuple(dict.fromkeys(words)),
            identifiers=tuple(identifiers),
        )

    def _title(self, words: list[str]) -> str:
        chosen = words[: self.rng.randint(3, 6)]
        chosen.insert(self.rng.randint(1, 2), self.small.draw(self.rng, 1)[0])
        return " ".join(chosen).capitalize()

    def _pieces(self, words: Sequence[str], identifiers: Sequence[str]) -> list[str]:
        """Return the words of one body: two in five say nothing, one in twelve is an identifier."""
        rng = self.rng
        count = round(rng.triangular(SHORTEST, LONGEST, 80))
        kinds = rng.choices("scoip", (40, 34, 18, 5, 3), k=count)
        sources = {
            "s": iter(self.small.draw(rng, kinds.count("s"))),
            "c": iter(self.content.draw(rng, kinds.count("c"))),
            "o": iter(rng.choices(words, k=kinds.count("o"))),
            "i": iter(rng.choices(identifiers, k=kinds.count("i"))),
            "p": iter(self.pool.draw(rng, kinds.count("p"))),
        }
        return [next(sources[kind]) for kind in kinds]


def notes(count: int, seed: int = SEED) -> Iterator[Note]:
    """Yield *count* notes; a larger corpus begins with the smaller one."""
    writer = _Writer(random.Random(seed))
    for _ in range(count):
        yield writer.note()


def write(folder: Path, corpus: Iterable[Note]) -> Written:
    """Write *corpus* below *folder*, which is made: plainly, with nothing flushed to the disk."""
    folder.mkdir(parents=True, exist_ok=True)
    files = file_bytes = text_bytes = 0
    for note in corpus:
        raw = note.raw()
        fd = os.open(folder / note.file_name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        os.write(fd, raw)
        os.close(fd)
        files += 1
        file_bytes += len(raw)
        text_bytes += len(note.title.encode()) + len(note.body.encode())
    return Written(files, file_bytes, text_bytes)


def questions(corpus: Sequence[Note], count: int, seed: int = SEED) -> list[Question]:
    """Return *count* questions, each about some note of *corpus*: 6 in 10 words, 2 identifiers, 2 with a typo."""
    rng = random.Random(seed)
    asked = []
    for _ in range(count):
        note = rng.choice(corpus)
        kind = rng.choices(("words", "identifier", "typo"), (6, 2, 2))[0]
        candidates = dict.fromkeys((*note.words, *note.title.lower().split()))
        known = [word for word in candidates if word not in FUNCTION_WORDS]
        words = rng.sample(known, min(len(known), rng.randint(2, 5)))
        if kind == "identifier":
            words = [rng.choice(note.identifiers), *words[: rng.randint(0, 2)]]
        elif kind == "typo":
            longest = max(words, key=len)
            words = [_misspelt(rng, word) if word == longest else word for word in words]
        asked.append(Question(" ".join(words), kind, note.id))
    return asked


def _vocabulary(rng: random.Random) -> list[str]:
    """Return some 2,300 content words in no order of meaning; words as such before those with endings."""
    plain = list(dict.fromkeys((*TOPIC_WORDS, *VERBS, *OTHER_WORDS)))
    common, rare = plain[:200], plain[200:]
    rare += [_plural(word) for word in TOPIC_WORDS]
    rare += [form for verb in VERBS for form in _forms(verb)]
    rng.shuffle(common)
    rng.shuffle(rare)
    return list(dict.fromkeys([*common, *rare]))


def _forms(verb: str) -> tuple[str, ...]:
    """Return *verb* as it stands behind `it`, `was` and `is`."""
    past = IRREGULAR.get(verb, (f"{_before_vowel(verb)}ed",))
    return _plural(verb), *past, f"{_before_vowel(verb)}ing"


def _plural(word: str) -> str:
    if word.endswith("y") and word[-2] not in "aeo":
        return f"{word[:-1]}ies"
    return word + ("es" if word.endswith(("s", "x", "ch", "sh")) else "s")


def _before_vowel(verb: str) -> str:
    """Return *verb* as it stands before -ed and -ing: `stopp`, `releas`, `watch`."""
    if verb.endswith("e"):
        return verb[:-1]
    short = len(verb) <= 4 and verb[-1] in "bdgmnpt" and verb[-2] in "aeiou" and verb[-3:-2] not in "aeiou"
    return verb + verb[-1] if short else verb


def _identifier(rng: random.Random) -> str:
    """Return something that only a program would be called: a function, a path, an error, a version, a commit."""
    verb, noun, other = rng.choice(_VERBS), rng.choice(_NOUNS), rng.choice(_NOUNS)
    number = rng.randrange(1, 1_000)
    source = f"{rng.choice(_FOLDERS)}/{noun}/{other}_{verb}.{rng.choice(_SUFFIXES)}"
    makers = (
        f"{verb}{noun.title()}{rng.choice(('By', 'For', 'From', 'In'))}{other.title()}",
        f"{noun.title()}{other.title()}{rng.choice(('Error', 'Store', 'Factory', 'Client'))}",
        f"{verb}_{noun}_{other}",
        f"{noun}_{other}_{rng.choice(('id', 'count', 'ms', 'url', 'size'))}",
        f"{noun.upper()}_{other.upper()}_{rng.choice(('MAX', 'URL', 'KEY', 'TTL'))}",
        source,
        f"{source}:{number}",
        f"ERR_{rng.choice(_ERRORS)}_{rng.choice(_CAUSES)}",
        f"E{number:04}",
        f"v{rng.randrange(6)}.{rng.randrange(30)}.{rng.randrange(12)}",
        f"--{verb}-{noun}",
        f"{noun}.{other}.{verb}",
        f"{rng.randrange(1 << 28):07x}",
        f"{rng.choice(('API', 'WEB', 'OPS'))}-{rng.randrange(9_000)}",
    )
    return rng.choice(makers)


def _body(rng: random.Random, words: Sequence[str], own: frozenset[str]) -> str:
    """Return *words* as sentences in paragraphs and lists, identifiers mostly in backticks."""
    shown = [f"`{word}`" if word in own and rng.random() < 0.7 else word for word in words]
    lines, rest = [], iter(shown)
    in_list = False
    while sentence := list(islice(rest, rng.randint(6, 18))):
        if rng.random() < 0.25:
            in_list = not in_list
            lines.append("")
        if sentence[0].isalpha() and sentence[0].islower():
            sentence[0] = sentence[0].capitalize()
        text = " ".join(sentence) + "."
        if in_list:
            lines.append(f"- {text}")
        elif lines and lines[-1]:
            lines[-1] += f" {text}"
        else:
            lines.append(text)
    return "\n".join(lines).strip()


def _misspelt(rng: random.Random, word: str) -> str:
    """Return *word* with a letter left out, doubled, or changed for its neighbour."""
    if len(word) < 4:
        return word
    at = rng.randrange(1, len(word) - 1)
    return rng.choice((
        word[:at] + word[at + 1 :],
        word[:at] + word[at] + word[at:],
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
    ))  # fmt: skip
