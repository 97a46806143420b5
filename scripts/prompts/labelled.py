"""The labelled prompts: which there are, which are held out, how they are disturbed, and how well labels are met.

Standard library only: the tests read the prompts through this as well.

The kind is the main demand, whatever it is about: a summary of code is a summary, and the code of a translator is code.

    code         programs, commands, formulas, errors of programs, and what a programmer asks about them
    writing      a text to be made, continued or improved in its own language
    translation  from one language to another, or what words of another mean
    math         a result or a proof to be found by calculating or reasoning, also in physics and chemistry
    extraction   what is in the given text or list, as fields, labels, tables, or in order; nothing new
    summary      the same in fewer words, also of a known work
    question     facts, explanations, advice, recipes
    chat         greetings, small talk, feelings, opinions on nothing much, and about the assistant

The difficulty: 0.1 a phrase book or a fact by heart; 0.3 anyone with a little time; 0.5 a competent professional; 0.7 a good
one, with care; 0.9 several steps, at each of which an expert may err.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from random import Random
from typing import NamedTuple

FOLDER = Path(__file__).parent
HELD_OUT = 0.25
"""Of the groups."""

LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Prompt(NamedTuple):
    """One prompt and what a person says of it."""

    kind: str
    group: str
    """Prompts of one idea (paraphrases, the same in another language) are in the same part."""
    language: str
    difficulty: float
    text: str

    @property
    def is_held_out(self) -> bool:
        """Whether nothing may learn from it; decided by its group's name alone."""
        return int.from_bytes(sha256(self.group.encode()).digest()[:4]) / 2**32 < HELD_OUT


def load() -> list[Prompt]:
    """Read all prompts: a file a kind, a line a prompt (group, language, difficulty, text with its new lines escaped)."""
    return [
        Prompt(path.stem, group, language, float(difficulty), text.replace("\\n", "\n"))
        for path in sorted(FOLDER.glob("*.tsv"))
        for group, language, difficulty, text in (
            line.split("\t") for line in path.read_text("utf-8").splitlines() if line
        )
    ]


def typos(text: str, random: Random, rate: float = 0.12) -> str:
    """Misspell words of four letters or more, each with probability `rate`: a letter lost, doubled, swapped or wrong."""
    return " ".join(_misspell(word, random) if random.random() < rate else word for word in text.split(" "))


def _misspell(word: str, random: Random) -> str:
    if len(word) < 4 or "\n" in word:
        return word
    at = random.randrange(1, len(word) - 1)
    before, letter, after = word[:at], word[at], word[at + 1 :]
    return random.choice(
        (
            before + after,
            before + letter + letter + after,
            before + after[0] + letter + after[1:],
            before + random.choice(LETTERS) + after,
        )
    )


def macro_f1(truth: Sequence[str], guesses: Sequence[str]) -> float:
    """Return the mean over kinds of the harmonic mean of precision and recall."""
    hits = Counter(one for one, guess in zip(truth, guesses, strict=True) if one == guess)
    real, said = Counter(truth), Counter(guesses)
    return sum(2 * hits[kind] / (real[kind] + said[kind]) for kind in real) / len(real)


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the correlation of ranks; equal values share the mean of their ranks."""
    one, other = _ranks(first), _ranks(second)
    mean = (len(one) + 1) / 2
    product = sum((a - mean) * (b - mean) for a, b in zip(one, other, strict=True))
    return product / (sum((a - mean) ** 2 for a in one) * sum((b - mean) ** 2 for b in other)) ** 0.5


def _ranks(values: Sequence[float]) -> list[float]:
    ranks = [0.0] * len(values)
    order = sorted(range(len(values)), key=values.__getitem__)
    place = 0
    for _, tied in groupby(order, key=values.__getitem__):
        ties = list(tied)
        for index in ties:
            ranks[index] = place + (len(ties) + 1) / 2
        place += len(ties)
    return ranks


class Measures(NamedTuple):
    """How well labels were met."""

    f1: float
    rank_correlation: float


def measure(
    prompts: Sequence[Prompt],
    classify: Callable[[str], tuple[str, float, float]],
    disturb: Callable[[str], str] = str,
) -> Measures:
    """Classify every prompt, disturbed if so wished, and compare."""
    answers = [classify(disturb(prompt.text)) for prompt in prompts]
    return Measures(
        macro_f1([prompt.kind for prompt in prompts], [answer[0] for answer in answers]),
        spearman([prompt.difficulty for prompt in prompts], [answer[1] for answer in answers]),
    )
