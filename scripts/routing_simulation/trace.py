"""The requests that a house, an office and a few programs send: written by a seeded generator, the same for every strategy.

Sessions begin as the hours of a day say; each is one conversation whose prompt grows by every question and answer. A few
times a day a program sends a burst of short jobs at once. What kind a prompt is decides how long and how hard it is.
Lengths, shares and hours are assumptions: no log of a real house was at hand.
"""

from collections.abc import Iterator
from math import log
from random import Random
from typing import NamedTuple

DAILY = 20_000
"""Requests of one day, at a load of 1."""

DAY_S = 86_400.0
BEGINS_S = 8 * 3600.0
"""The trace begins at this time of the first day, so that a short one is not all night."""

HOURS = (2, 1, 1, 1, 1, 1, 2, 4, 9, 13, 14, 13, 9, 11, 14, 14, 12, 9, 6, 6, 7, 7, 5, 3)
"""How many sessions begin in each hour of the day, beside the other hours."""

GOES_ON = 0.72
"""The chance that a conversation has one more turn."""

PAUSE_S = 35.0
"""The median between an answer's request and the next question."""

BURSTS_A_DAY = 10
BURST = (15, 50)
"""Requests in one burst, at least and at most."""

BURST_S = 20.0

SPREAD = 0.7
"""Sigma of the logarithms of lengths."""

LONGEST = 24_000
"""Tokens of a prompt; longer conversations are cut at their beginning, as clients do."""

CLIENTS = 24


class Kind(NamedTuple):
    """What prompts of one kind are like."""

    share: float
    prompt: int
    """Median tokens of one question."""
    answer: int
    difficulty: float
    models: tuple[tuple[str, float], ...] = ()
    """What clients ask for beside `auto`, and how often."""


PLAIN = (("qwen3:8b", 0.2), ("llama3.1:8b", 0.1), ("gemma3:12b", 0.1), ("best", 0.05))
CODE = (("qwen3-coder:30b", 0.4), ("best", 0.1))

KINDS = {
    "code": Kind(0.25, 900, 500, 0.55, CODE),
    "writing": Kind(0.10, 200, 700, 0.45, PLAIN),
    "translation": Kind(0.08, 500, 500, 0.45, PLAIN),
    "math": Kind(0.07, 200, 600, 0.55, PLAIN),
    "extraction": Kind(0.12, 1500, 120, 0.40, PLAIN),
    "summary": Kind(0.12, 2500, 250, 0.40, PLAIN),
    "question": Kind(0.16, 150, 250, 0.45, PLAIN),
    "chat": Kind(0.10, 60, 120, 0.25, PLAIN),
}
HARDER = 0.2
"""Standard deviation of difficulties within a kind."""

MISTAKEN = 0.08
"""How often a classifier takes one kind for another, and below how far off it is about difficulty."""

ROUGHLY = 0.1


class Ask(NamedTuple):
    """One request as a client sends it."""

    at_s: float
    client: str
    conversation: int
    model: str
    kind: str
    difficulty: float
    seen_kind: str
    """What a classifier says, as below."""
    seen_difficulty: float
    input_tokens: int
    output_tokens: int
    max_tokens: int | None


def trace(count: int, seed: int, load: float = 1.0) -> list[Ask]:
    """Return the first `count` requests in order of time; `load` times as many a day."""
    random = Random(seed)
    asks: list[Ask] = []
    sessions = _sessions(random, load)
    while len(asks) < count:
        at_s, is_burst = next(sessions)
        asks += _burst(random, at_s) if is_burst else _conversation(random, at_s)
    return sorted(asks)[:count]


def _sessions(random: Random, load: float) -> Iterator[tuple[float, bool]]:
    """Yield when sessions and bursts begin: at random, as often as the hour says, by thinning the busiest hour's."""
    in_bursts = BURSTS_A_DAY * sum(BURST) / 2
    busiest = max(HOURS) / (sum(HOURS) / 24)
    rate = load * ((DAILY - in_bursts) * (1 - GOES_ON) + BURSTS_A_DAY) / DAY_S * busiest
    share = BURSTS_A_DAY / ((DAILY - in_bursts) * (1 - GOES_ON) + BURSTS_A_DAY)
    at_s = BEGINS_S
    while True:
        at_s += random.expovariate(rate)
        if random.random() * max(HOURS) < HOURS[int(at_s % DAY_S // 3600)]:
            yield at_s, random.random() < share


def _conversation(random: Random, at_s: float) -> Iterator[Ask]:
    kind, model, client = _subject(random)
    conversation, held = random.getrandbits(62) | 1, 0
    while True:
        ask = _ask(random, at_s, client, conversation, kind, model, held)
        yield ask
        if random.random() >= GOES_ON:
            return
        held = ask.input_tokens + ask.output_tokens
        at_s += random.lognormvariate(log(PAUSE_S), 0.8)


def _burst(random: Random, at_s: float) -> Iterator[Ask]:
    """Let a program work through a list: many short jobs of one kind, each a conversation of its own."""
    _, model, client = _subject(random)
    kind = random.choice(("extraction", "summary", "translation"))
    for _ in range(random.randint(*BURST)):
        yield _ask(random, at_s + random.random() * BURST_S, client, random.getrandbits(62) | 1, kind, model, 0)


def _subject(random: Random) -> tuple[str, str, str]:
    kind = random.choices(list(KINDS), [each.share for each in KINDS.values()])[0]
    wanted = KINDS[kind].models
    shares = [share for _, share in wanted]
    model = random.choices(["auto", *(name for name, _ in wanted)], [1.0 - sum(shares), *shares])[0]
    return kind, model, f"10.1.1.{random.randrange(CLIENTS)}"


def _ask(random: Random, at_s: float, client: str, conversation: int, kind: str, model: str, held: int) -> Ask:
    like = KINDS[kind]
    output = max(5, round(random.lognormvariate(log(like.answer), SPREAD)))
    difficulty = _within(random.gauss(like.difficulty, HARDER))
    seen = random.choice(list(KINDS)) if random.random() < MISTAKEN else kind
    return Ask(
        at_s=at_s,
        client=client,
        conversation=conversation,
        model=model,
        kind=kind,
        difficulty=difficulty,
        seen_kind=seen,
        seen_difficulty=_within(difficulty + random.gauss(0.0, ROUGHLY)),
        input_tokens=min(LONGEST, held + max(5, round(random.lognormvariate(log(like.prompt), SPREAD)))),
        output_tokens=min(output, 4_000),
        max_tokens=4_096 if random.random() < 0.3 else None,
    )


def _within(value: float) -> float:
    return min(1.0, max(0.0, value))
