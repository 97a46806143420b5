"""What people say before they ask: greetings, excuses, thanks. Pure.

What a prompt asks for is told by its beginning, and a greeting there pushes that aside. So the leading phrases that are made
of courtesies only are skipped, but never all there is: a mere greeting is small talk, and that is a kind of prompt as well.
"""

import re

COURTESIES = frozenset(
    (  # noqa: SIM905  as a list it is formatted to a hundred lines
        "hi, hello, hey, hiya, yo, there, dear, greetings, good, morning, afternoon, evening, day, night, to, "
        "you, all, everyone, team, folks, friend, assistant, bot, hope, hoping, is, are, am, was, doing, well, "
        "great, fine, ok, okay, how, it, going, goes, things, today, your, week, this, finds, find, sorry, "
        "bother, interrupt, excuse, me, pardon, thanks, thank, in, advance, quick, question, one, please, pls, i, "
        "we, have, had, a, an, nice, lovely, happy, monday, friday, weekend, what, s, up, hola, holaa, buenas, "
        "buenos, dias, tardes, noches, dia, muy, que, tal, como, estas, esta, estan, estes, estar, va, todo, "
        "todos, bien, espero, este, te, le, vaya, ande, encuentre, saludos, cordiales, un, saludo, estimado, "
        "estimada, querido, querida, disculpa, disculpe, perdon, perdona, perdone, molestia, moleste, molestar, "
        "molesto, interrumpa, oye, oiga, mira, ey, eh, gracias, de, antemano, por, favor, porfa, amigo, amiga, "
        "amigos, equipo, asistente, una, consulta, pregunta, duda, rapida, cosa, rapido, feliz, lunes, viernes, "
        "semana, tengas, tenga, bonjour, salut, ciao, guten, tag, hallo, ola"
    ).split(", ")
)
"""Folded words of which a phrase that says nothing else is made."""

OPENERS = (  # noqa: SIM905  as above
    "hi, hello, hey, hiya, yo, greetings, dear, sorry, please, pls, hola, holaa, buenas, saludos, oye, oiga, "
    "ey, disculpa, disculpe, perdona, perdone, perdon, porfa"
).split(", ")
"""Those that say nothing of what follows, even with no mark after them."""

LOOKED_AT = 60
"""Characters of the longest phrase, and of what is behind the phrases."""

_PHRASE = re.compile(rf"[a-z' ]{{1,{LOOKED_AT}}}[.!?,:;\n]+\s*")
_OPENERS = re.compile(rf"(?:(?:{'|'.join(OPENERS)})\b[ ,.!?]*)*")
_WORD = re.compile(r"[a-z]+|0")


def without_courtesy(folded: str) -> str:
    """Return what is behind the courtesies that a folded text begins with; the text itself where there is nothing.

    >>> without_courtesy("good morning, how are you? hey fix this loop, please")
    'fix this loop, please'
    >>> without_courtesy("good morning, how are you?")
    'good morning, how are you?'
    """
    at = 0
    while (phrase := _PHRASE.match(folded, at)) and _is_courtesy(phrase[0]):
        at = phrase.end()
    if opened := _OPENERS.match(folded, at):
        at = opened.end()
    return folded if _is_courtesy(folded[at : at + LOOKED_AT]) else folded[at:]


def _is_courtesy(text: str) -> bool:
    return COURTESIES.issuperset(_WORD.findall(text))
