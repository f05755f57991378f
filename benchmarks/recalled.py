"""Which rule tells a prompt that recalls a memory from one that does not, and where its threshold lies.

python -m benchmarks.recalled [--cues] [--others 3000] [--json]

A prompt is not a question: it is long, pasted or small talk, and most prompts are about nothing that
was ever remembered. Five sets: questions with known answers; the same amid a coding session's talk;
such talk alone (`data/chatter.jsonl`); and the first two asked of a store without their answers, whose
nearest memories look like answers and are none. A rule shows up to 3 memories. Its thresholds are
chosen on every other question and prompt, and verified on the rest.

recall: prompts for which a right memory is shown. precision: shown memories that are right (of those
shown for prompts that have an answer). The other three: prompts that have none, and for which
something is shown all the same.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from functools import cache
from itertools import product
from pathlib import Path
from statistics import fmean

from benchmarks import corpus
from benchmarks import devmem
from benchmarks.rows import say
from benchmarks.table import aligned
from memfs import rank
from memfs.index.folder import IndexFolder
from memfs.index.question import Questions
from memfs.query import Query
from memfs.recalled import LEAST
from memfs.recalled import piece
from memfs.recalled import pieces
from memfs.workspace import Workspace

SHOWN = 3
"""Memories that are shown for a prompt, at most."""
LOOKED_AT = 5
"""Hits of each search that a rule judges."""
MOST_CHATTER, MOST_IN_VAIN = 0.02, 0.05
"""Shares of prompts without an answer for which something may be shown: small talk, and questions."""
WITH_FEW = 5
"""With other memories around, every so many questions are asked in vain: each needs a store of its own."""
TALK = (
    "ok. {}",
    "{}\n\nThanks! And keep the change small, please.",
    "before we go on with the settings page: {}, and then update the changelog",
    "can you look into this for me? {}",
    """Let's continue where we stopped. The last commit looks good and all checks pass. {} If you are not sure, ask me
before you change anything. After that, run the tests again and write a short summary of what you did.""",
    """I looked at your last change and it is fine, but something else came up while I tried it in the browser:

{}

Find out why, fix it, and add a test that fails without the fix. Don't touch the other modules.""",
    """We have a meeting about it this afternoon, so be quick. First read the code in this folder and make a list of
what has to change.
{}
Then write down the steps, wait for my answer, and do not start before I said yes.""",
)
SETS = ("recall", "recall_amid_talk", "chatter", "in_vain", "in_vain_amid_talk")


@dataclass(frozen=True, slots=True)
class Sign:
    """What speaks for one memory in one piece of a prompt.

    Attributes:
        id: The memory's.
        text: Share of the best score that the piece allows.
        score: The BM25 sum, in units of the idf of a word that one memory alone has.
        margin: How far `text` lies above that of the next hit.
        words: Words of the piece that the memory has.
        rare: The same, each counted by its rarity: 1 if no other memory has it, 0 if all do.
        named: The same, those that are spelled as only programs spell (`getUserById`) counted twice.
    """

    id: str
    text: float
    score: float
    margin: float
    words: int
    rare: float
    named: float


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt, the ids of the memories that it is to recall (none: to stay silent), and the half it is in."""

    gold: frozenset[str]
    verifies: bool
    whole: Sequence[Sign]
    pieces: Sequence[Sign]


@dataclass(frozen=True, slots=True)
class Rule:
    """Shows what has every one of `values` at `thresholds` or above in a piece (or the whole) of the prompt.

    Attributes:
        grid: For each value the thresholds to choose from.
    """

    name: str
    values: Callable[[Sign], tuple[float, ...]]
    grid: tuple[Sequence[float], ...]
    whole: bool = False

    def shown(self, prompt: Prompt, thresholds: Sequence[float]) -> list[str]:
        """Return the ids of what is shown, the highest first value first."""
        best: dict[str, float] = {}
        for sign in prompt.whole if self.whole else prompt.pieces:
            values = self.values(sign)
            if all(value >= least for value, least in zip(values, thresholds, strict=True)):
                best[sign.id] = max(best.get(sign.id, 0.0), values[0])
        return sorted(best, key=lambda id: (-best[id], id))[:SHOWN]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a rule came to on one half of the prompts; shares from 0 to 1."""

    rule: str
    thresholds: Sequence[float]
    half: str
    recall: float
    recall_amid_talk: float
    precision: float
    chatter: float
    in_vain: float
    in_vain_amid_talk: float

    @property
    def is_quiet(self) -> bool:
        """Return whether it is silent where it should be."""
        return self.chatter <= MOST_CHATTER and max(self.in_vain, self.in_vain_amid_talk) <= MOST_IN_VAIN


def _steps(first: float, last: float, step: float) -> list[float]:
    return [round(first + number * step, 4) for number in range(round((last - first) / step) + 1)]


TEXTS, RARES = _steps(0.06, 0.6, 0.01), _steps(0.2, 4.0, 0.2)
RULES = (
    Rule("text, of the whole prompt", lambda sign: (sign.text,), (TEXTS,), whole=True),
    Rule("text", lambda sign: (sign.text,), (TEXTS,)),
    Rule("score", lambda sign: (sign.score,), (_steps(1.0, 8.0, 0.1),)),
    Rule("words", lambda sign: (sign.words,), (range(1, 9),)),
    Rule("rare", lambda sign: (sign.rare,), (RARES,)),
    Rule("text, margin", lambda sign: (sign.text, sign.margin), (TEXTS, _steps(0.0, 0.2, 0.02))),
    Rule("text, words", lambda sign: (sign.text, sign.words), (TEXTS, range(1, 5))),
    Rule("text, rare", lambda sign: (sign.text, sign.rare), (TEXTS, RARES)),
    Rule("text × score", lambda sign: (sign.text * sign.score,), (_steps(0.1, 1.2, 0.02),)),
    Rule("text × rare, of the whole prompt", lambda sign: (sign.text * sign.rare,), (TEXTS,), whole=True),
    Rule("text × rare", lambda sign: (sign.text * sign.rare,), (TEXTS,)),
    Rule("text × named, named", lambda sign: (sign.text * sign.named, sign.named), (TEXTS, (1.01,))),
    Rule("the one that is used", lambda sign: (sign.text * sign.named, sign.named), ((LEAST,), (1.01,))),
)


class Asked:
    """A workspace that prompts are put to.

    Args:
        folder: Where it is made.
        without: Ids of memories that are left out.
        cues: Each memory has its phrases for those who forgot it.
        others: How many memories that mean nothing lie beside those of the set.
    """

    def __init__(self, folder: Path, *, without: frozenset[str] = frozenset(), cues: bool, others: int) -> None:
        store = folder / "project" / ".memory"
        store.mkdir(parents=True)
        for name, raw in devmem.files(cues=cues).items():
            (store / name).write_bytes(raw)
        for id in without:
            (store / f"{id}.md").unlink()
        corpus.write(store / "others", corpus.notes(others))
        own = {name: str(folder / name) for name in ("MEMFS_HOME", "MEMFS_CACHE", "MEMFS_STATE", "HOME")}
        self.workspace = Workspace.open(folder / "project", environ=own)
        self.workspace.search("anything")  # brings the memories in
        self._places = self.workspace.view.within(self.workspace.view.stores)
        index = IndexFolder(self.workspace.config.cache)
        self._searcher = index.open().searcher()
        self._questions = Questions(index.schema, index.analyzers)
        self._unit = rank.idf(1, self._searcher.num_docs)
        self._signs = cache(self._read)

    def prompt(self, text: str, gold: frozenset[str], *, verifies: bool) -> Prompt:
        """Return *text* as rules see it."""
        signs = [sign for each in pieces(text) for sign in self._signs(*each)]
        return Prompt(gold, verifies, self._signs(*piece(text)), signs)

    def forms(self, question: str, gold: frozenset[str], *, verifies: bool) -> list[Prompt]:
        """Return *question* as it is, then in each kind of talk."""
        return [self.prompt(form.format(question), gold, verifies=verifies) for form in ("{}", *TALK)]

    def _read(self, asked: Query, names: frozenset[str]) -> list[Sign]:
        """Return what speaks for which memory in a piece of a prompt."""
        index = self.workspace.index
        found = index.search(self._places, asked, LOOKED_AT + 1, datetime.now(UTC))
        best = self._questions.ask(self._searcher, asked)[1] / self._unit
        rare, named = (index.rarity(asked, twice, found) for twice in (frozenset[str](), names))
        each = (index.rarity(asked._replace(words=(word,)), frozenset(), found) for word in asked.words)
        words = Counter(place for rarities in each for place, rarity in rarities.items() if rarity)
        following = [*(hit.text for hit in found[1:]), 0.0]
        signs = []
        for hit, after in zip(found[:LOOKED_AT], following, strict=False):
            place = hit.store, hit.path
            margin = hit.text - after
            score = hit.text * best
            signs.append(Sign(Path(hit.path).stem, hit.text, score, margin, words[place], rare[place], named[place]))
        return signs


def prompts(*, cues: bool, others: int) -> dict[str, list[Prompt]]:
    """Return the five sets of prompts, put to the set's memories and *others* that mean nothing."""
    sets: dict[str, list[Prompt]] = {name: [] for name in SETS}
    questions = list(enumerate(devmem.questions()))
    lines = (devmem.DATA / "chatter.jsonl").read_text(encoding="utf-8").splitlines()
    with tempfile.TemporaryDirectory(prefix="memfs-bench-") as folder:
        asked = Asked(Path(folder), cues=cues, others=others)
        for number, question in questions:
            plain, *amid_talk = asked.forms(question.text, frozenset(question.gold), verifies=number % 2 == 1)
            sets["recall"].append(plain)
            sets["recall_amid_talk"] += amid_talk
        for number, line in enumerate(lines):
            sets["chatter"].append(asked.prompt(json.loads(line)["text"], frozenset(), verifies=number % 2 == 1))
    for number, question in questions[:: WITH_FEW if others else 1]:
        with tempfile.TemporaryDirectory(prefix="memfs-bench-") as folder:
            asked = Asked(Path(folder), without=frozenset(question.gold), cues=cues, others=others)
            plain, *amid_talk = asked.forms(question.text, frozenset(), verifies=number % 2 == 1)
            sets["in_vain"].append(plain)
            sets["in_vain_amid_talk"] += amid_talk
    return sets


def outcome(rule: Rule, thresholds: Sequence[float], sets: dict[str, list[Prompt]], *, verify: bool) -> Outcome:
    """Return what *rule* comes to with *thresholds* on the half that chooses, or the one that verifies."""
    shown = {
        name: [(prompt, rule.shown(prompt, thresholds)) for prompt in part if prompt.verifies is verify]
        for name, part in sets.items()
    }
    answers = [(prompt, id) for prompt, ids in (*shown["recall"], *shown["recall_amid_talk"]) for id in ids]
    right = {name: fmean(not prompt.gold.isdisjoint(ids) for prompt, ids in part) for name, part in shown.items()}
    any_shown = {name: fmean(bool(ids) for _, ids in part) for name, part in shown.items()}
    return Outcome(
        rule=rule.name,
        thresholds=thresholds,
        half="verify" if verify else "choose",
        recall=right["recall"],
        recall_amid_talk=right["recall_amid_talk"],
        precision=fmean(id in prompt.gold for prompt, id in answers) if answers else 1.0,
        chatter=any_shown["chatter"],
        in_vain=any_shown["in_vain"],
        in_vain_amid_talk=any_shown["in_vain_amid_talk"],
    )


def chosen(rule: Rule, sets: dict[str, list[Prompt]]) -> Sequence[float]:
    """Return the thresholds that recall most on the half that chooses and are quiet there; the highest if none are."""
    tried = [outcome(rule, thresholds, sets, verify=False) for thresholds in product(*rule.grid)]
    quiet = [each for each in tried if each.is_quiet] or tried[-1:]
    return max(quiet, key=lambda each: each.recall + each.recall_amid_talk).thresholds


def measure(*, cues: bool, others: int) -> Iterator[Outcome]:
    """Yield for each rule what it comes to on the half that chose its thresholds, and on the other."""
    sets = prompts(cues=cues, others=others)
    say(", ".join(f"{name.replace('_', ' ')}: {len(part)}" for name, part in sets.items()))
    for rule in RULES:
        thresholds = chosen(rule, sets)
        yield outcome(rule, thresholds, sets, verify=False)
        yield outcome(rule, thresholds, sets, verify=True)


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recalled", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cues", action="store_true", help="give each memory its phrases for those who forgot it")
    parser.add_argument("--others", type=int, default=0, help="memories that mean nothing beside those of the set")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    results = list(measure(cues=options.cues, others=options.others))
    if options.json:
        print(json.dumps([asdict(each) for each in results], indent=1))
        return
    head = ("rule", "at least", "half", "recall", "amid talk", "precision", "chatter", "in vain", "amid talk")
    rows = []
    for each in results:
        shares = (each.recall, each.recall_amid_talk, each.precision,
                  each.chatter, each.in_vain, each.in_vain_amid_talk)  # fmt: skip
        least = ", ".join(f"{threshold:g}" for threshold in each.thresholds)
        rows.append((each.rule, least, each.half, *(f"{share:.1%}" for share in shares)))
    print(aligned([head, *rows], right=range(3, 9)))


if __name__ == "__main__":
    main()
