"""What kind of text a prompt is and how hard: a few linear models over words, pieces of words and the text's shape. Pure.

Theory of operation: a prompt's kind is said by few words, most of them near its beginning ("translate", "resume", "```"), so a
linear model over words does nearly as well as a large one, and it costs microseconds. Accents and case are folded away and
digits made alike. Words, pairs of words, and the beginnings of words are features; the words and the runs of four characters
of the first line or two count once more, since that is where people say what they want, and a typo spoils only a few of
them. A sum over words is divided by the root of their number, so that a long paste does not outvote the request above it.
Greetings before the request are skipped, and so is what stands in quotation marks: it is what is worked on, not what is asked.

Each feature has nine weights, one a kind and one for the difficulty. They are packed into one integer, 24 bits each, so that
adding a feature up is one addition in C and not nine in Python. `scripts/train-classifier` writes `prompt_weights.json`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import chain, pairwise, repeat
from math import exp, sqrt
from typing import NamedTuple
from unicodedata import normalize

import msgspec

from cortex.routing.courtesy import without_courtesy

READ = 600
"""Characters that are read at either end."""

HEAD_WORDS = 10
PAIRED = 60
"""Words that are looked at in pairs as well."""
HEAD_CHARACTERS = 160
TAIL_CHARACTERS = 80

STEM = 5
"""Letters of a word's beginning."""

BITS = 24
"""Of a packed weight: room for the sum of a thousand of the largest."""

UNIT = 100.0
"""Stored weights are hundredths."""

_FOLD = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ123456789", b"abcdefghijklmnopqrstuvwxyz000000000")
_WORDS = re.compile(r"[a-z]+|0{1,4}|[^a-z0\s]{1,3}")
_SYMBOLS = re.compile(r"[^a-z0\s.,:;'\"!?-]")
_QUOTED = re.compile(r"""["“«„](?<![^\s(:\[{¿¡].)[^\s"”»][^"”»]{11,}(?:["”»]|$)""")
_HALF = 1 << (BITS - 1)
_MASK = (1 << BITS) - 1
_LENGTHS = [tuple(f"#len{bits}" for bits in range(3, upto + 1)) for upto in range(16)]
_MARKS = (("```", "#fence"), ('"', "#quote"), ('{"', "#json"), ("://", "#url"), (" | ", "#bars"))
_LINES = ((1, "#lines1"), (4, "#lines4"))
_DENSE = ((0.02, "2"), (0.06, "6"), (0.12, "12"))


class Features(NamedTuple):
    """What is seen of a text: each feature once, however often it occurs."""

    lexical: set[str]
    """Words and pieces of them; together they weigh the root of their number."""
    shape: list[str]
    """Facts about the whole, and sorts of words that are in it, each with its own full weight."""


class Judgement(NamedTuple):
    """What the weights say of a text."""

    scores: list[float]
    """By kind, in the order of the weights: the logarithms of what is proportional to their probabilities."""
    difficulty: float
    """From 0 to 1."""


class Weights:
    """The linear models, packed."""

    __slots__ = ("_get", "bias", "cues", "kinds")

    def __init__(
        self,
        kinds: Sequence[str],
        bias: Sequence[int],
        rows: Mapping[str, Sequence[int]],
        cues: Mapping[str, str],
    ) -> None:
        self.kinds = tuple(kinds)
        self.cues = cues
        self.bias = [value / UNIT for value in bias]
        packed = {feature: pack(row) for feature, row in rows.items()}
        self._get = packed.get

    def judge(self, features: Features) -> Judgement:
        """Add up what each feature says."""
        get = self._get
        lexical = unpack(sum(map(get, features.lexical, repeat(0))), len(self.bias))
        shape = unpack(sum(map(get, features.shape, repeat(0))), len(self.bias))
        scale = UNIT * sqrt(len(features.lexical) or 1)
        sums = [word / scale + fact / UNIT + bias for word, fact, bias in zip(lexical, shape, self.bias, strict=True)]
        return Judgement(sums[:-1], min(1.0, max(0.0, sums[-1])))


class _Stored(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file of weights."""

    kinds: list[str]
    bias: list[int]
    """One a kind, and the difficulty's."""
    rows: dict[str, list[int]]
    """By feature, as `bias`."""
    cues: dict[str, str]
    """A word, or the first letters of one → the sort of word it is."""


def read_weights(text: bytes) -> Weights:
    """Read a file of weights. Raises msgspec.ValidationError with the place of what is wrong."""
    stored = msgspec.json.decode(text, type=_Stored)
    return Weights(stored.kinds, stored.bias, stored.rows, stored.cues)


def features_of(text: str, cues: Mapping[str, str]) -> Features:
    """Return what the models look at; of a long text only its two ends.

    >>> sorted(features_of("Sí", {}).lexical)
    ['^si', 'si', '~ si ']
    """
    read = text if len(text) <= 2 * READ else f"{text[:READ]}\n{text[-READ:]}"
    whole = fold(read)
    folded = without_courtesy(_asked(read, whole).lstrip())
    words = _WORDS.findall(folded)
    padded = f" {folded[:HEAD_CHARACTERS]} "
    tail = folded[max(HEAD_CHARACTERS, len(folded) - TAIL_CHARACTERS) :]
    lexical = set(words)
    lexical.update(
        chain(
            map(" ".join, pairwise(words[:PAIRED])),
            [f"{word[:STEM]}*" for word in words if len(word) > STEM],
            [f"^{word}" for word in words[:HEAD_WORDS]],
            [f"~{padded[at : at + 4]}" for at in range(len(padded) - 3)],
            [f"~{tail[at : at + 4]}" for at in range(len(tail) - 3)],
        )
    )
    return Features(lexical, _shape(text, read, whole, folded) + _sorts(words, cues))


def fold(text: str) -> str:
    """Return `text` in lower-case ASCII with every digit a 0; what has no such form is left out.

    >>> fold("¿Cuántos días son 3 semanas?")
    'cuantos dias son 0 semanas?'
    """
    return normalize("NFKD", text).encode("ascii", "ignore").translate(_FOLD).decode("ascii")


def shares(scores: Iterable[float]) -> list[float]:
    """Return the probabilities that belong to scores (softmax)."""
    listed = list(scores)
    most = max(listed)
    powers = [exp(score - most) for score in listed]
    total = sum(powers)
    return [power / total for power in powers]


def pack(row: Sequence[int]) -> int:
    """Make one integer of signed ones of at most 23 bits each; sums of packed ones are packed sums."""
    packed = 0
    for value in reversed(row):
        packed = (packed << BITS) + value
    return packed


def unpack(packed: int, count: int) -> list[int]:
    """Return the integers that `pack` was given, or the sums of such.

    >>> unpack(pack([3, -4]) + pack([1, 1]), 2)
    [4, -3]
    """
    row = []
    for _ in range(count):
        value = ((packed + _HALF) & _MASK) - _HALF
        row.append(value)
        packed = (packed - value) >> BITS
    return row


def _asked(read: str, whole: str) -> str:
    """Return the folded text without what it quotes, unless it is but a quotation."""
    asked, quotations = _QUOTED.subn(' "" ', read)
    return fold(asked) if quotations and any(map(str.isalpha, asked)) else whole


def _shape(text: str, read: str, folded: str, asked: str) -> list[str]:
    size = len(folded) or 1
    shape = [*_LENGTHS[min(15, len(text).bit_length())], *(name for mark, name in _MARKS if mark in read)]
    lines = read.count("\n")
    shape += [name for least, name in _LINES if lines >= least]
    shape += _dense("#digits", folded.count("0") / size) + _dense("#symbols", len(_SYMBOLS.findall(folded)) / size)
    if "?" in asked:
        shape.append("#asks")
    if folded.rstrip().endswith("?"):
        shape.append("#question")
    if size < 0.8 * len(read):
        shape.append("#foreign")
    return shape


def _sorts(words: list[str], cues: Mapping[str, str]) -> list[str]:
    """Return the sorts of words that are in the text, those in its head, and which are the first."""
    head = [sort for sort in map(cues.get, [word[:STEM] for word in words[:HEAD_WORDS]]) if sort]
    rest = set(map(cues.get, {word[:STEM] for word in words[HEAD_WORDS:]})) - {None}
    sorts = [f"@{sort}" for sort in rest] + [f"^@{sort}" for sort in set(head)]
    return sorts + [f"{place}@{sort}" for place, sort in enumerate(head[:2])] + [f"2@{'@'.join(head[:2])}"]


def _dense(name: str, share: float) -> list[str]:
    return [name + step for least, step in _DENSE if share >= least]


@cache
def weights() -> Weights:
    """Return what was learned; read when the first prompt is looked at, since most daemons look at none."""
    return read_weights(files("cortex.routing").joinpath("prompt_weights.json").read_bytes())
