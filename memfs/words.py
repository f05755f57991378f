"""Words that a search treats in their own way: those that say nothing, those that change shape; languages. Pure."""

from __future__ import annotations

LANGUAGES = (
    "arabic", "danish", "dutch", "english", "finnish", "french", "german", "greek", "hungarian", "italian", "norwegian",
    "portuguese", "romanian", "russian", "spanish", "swedish", "tamil", "turkish",
)  # fmt: skip
"""Whose endings the index can take off."""

_STOPWORDS = """
a about after again all also am an and any are as at be because been before being but by can could did do does
doing done for from get gets got had has have having he her here hers him his how i if in into is it its itself
just me more most my no nor of off on once only or our ours out over own she should so some such than that the
their them then there these they this those through to too under until up us very was we were what when where
which while who whom why will with would you your yours s t don didn doesn isn wasn ll re ve
"""
STOPWORDS = frozenset(_STOPWORDS.split())
"""Left out of a question unless nothing else is in it; the index keeps them."""

_GROUPS = """
arise arose arisen|awake awoke awoken|bear bore borne|beat beaten|become became|begin began begun|bend bent
bet bets|bind bound|bite bit bitten|bleed bled|blow blew blown|break broke broken|breed bred|bring brought
build built|burn burnt|buy bought|catch caught|child children|choose chose chosen|come came|cost costs
creep crept|deal dealt|dig dug|draw drew drawn|dream dreamt|drink drank drunk|drive drove driven|eat ate eaten
fall fell fallen|feed fed|feel felt|fight fought|find found|flee fled|fly flew flown|foot feet|forbid forbade forbidden
forget forgot forgotten|forgive forgave forgiven|freeze froze frozen|give gave given|go goes went gone|grow grew grown
hang hung|hear heard|hide hid hidden|hold held|index indices indexes|keep kept|kneel knelt|know knew known|lay laid
lead led|lean leant|leap leapt|learn learnt|leave left|lend lent|lie lay lain|light lit|lose lost|make made
man men|matrix matrices|mean meant|meet met|mistake mistook mistaken|mouse mice|overcome overcame
override overrode overridden|overwrite overwrote overwritten|pay paid|person people|prove proven|rebuild rebuilt
reset resets|ride rode ridden|ring rang rung|rise rose risen|rewrite rewrote rewritten|run ran|say said|schema schemata
see saw seen|seek sought|sell sold|send sent|shake shook shaken|shine shone|shoot shot|show shown|shrink shrank shrunk
sing sang sung|sink sank sunk|sit sat|sleep slept|slide slid|speak spoke spoken|speed sped|spend spent|spin spun
split splits|spring sprang sprung|stand stood|steal stole stolen|stick stuck|strike struck|string strung|strive strove
swear swore sworn|sweep swept|swim swam swum|swing swung|take took taken|teach taught|tear tore torn|tell told
think thought|throw threw thrown|undergo underwent|understand understood
undo undid undone|vertex vertices|wake woke woken|wear wore worn|weave wove woven|win won|wind wound
withdraw withdrew withdrawn|woman women|write wrote written
analysis analyses|axis axes|basis bases|crisis crises|criterion criteria|datum data|goose geese|half halves|leaf leaves
life lives|medium media|phenomenon phenomena|tooth teeth|good better best|bad worse worst
"""

IRREGULAR: dict[str, tuple[str, ...]] = {
    word: tuple(other for other in group.split() if other != word)
    for group in _GROUPS.replace("\n", "|").split("|")
    for word in group.split()
}
"""The other forms of a word that no stemmer brings together: `went` → `go`, `goes`, `gone`."""
