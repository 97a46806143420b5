"""A simulated key of a hosted service: how fast it answers, when it fails, and the 429s of its own quota windows.

The windows are those that the simulated upstreams of `cortex.simulate` have, and count by themselves; what the key's account
in Córtex thinks is left plays no part here. A window takes the prompt, and what an answer is allowed, when the request comes;
an answer without a bound is taken when it has come, since nobody knows sooner how long it is.
"""

from collections import OrderedDict
from collections.abc import Mapping
from math import log
from random import Random
from typing import NamedTuple

from cortex.messages import Failure, Period
from cortex.simulate.quota import Quotas, Spent
from cortex.simulate.window import Moment

from .machine import Answer

FAILS = 1 / 400
"""How often a service says that it broke."""

PROMPTS_PER_S = 8_000.0
KEPT_S = 300.0
SHORTEST_KEPT = 1_024
"""Tokens of a prompt below which none is kept (OpenAI, Anthropic: prompt caching, 2026)."""

KEPT = 2_000

WAITS: Mapping[str, Period] = {
    "minute": "minute",
    "minute_bucket": "minute",
    "day": "day",
    "day_bucket": "day",
    "pacific_day": "day",
    "utc_day": "day",
}
"""What a window is called in a failure."""


class Service(NamedTuple):
    """What a hosted service is like."""

    first_s: float
    """Median, of a short prompt."""
    tokens_per_s: float
    counts_answers: bool = False
    """Its windows take the tokens of answers as well: as many as were allowed, or else as were used."""
    keeps_prompts: bool = False


class Cloud:
    """See the module's docstring."""

    def __init__(self, account: str, service: Service, quotas: Quotas, random: Random, began_at: float) -> None:
        """`began_at`: wall-clock seconds when the simulated time is 0."""
        self.account = account
        self.service = service
        self.quotas = quotas
        self.refused = 0
        self._random = random
        self._began_at = began_at
        self._kept: OrderedDict[int, tuple[float, int]] = OrderedDict()

    def begin(
        self, model: str, conversation: int, input_tokens: int, output_tokens: int, allowed: int | None, now: float
    ) -> Answer:
        """Answer a request, or refuse it."""
        service = self.service
        bound = (allowed or 0) if service.counts_answers else 0
        spent = self.quotas.ask(self.account, model, self._moment(now), tokens=input_tokens + bound)
        if spent:
            self.refused += 1
            return Answer(0.0, 0.1, failure=_refusal(spent[0]))
        if self._random.random() < FAILS:
            return Answer(0.0, 1.0, failure=Failure("server_error", "an internal error has occurred", 500))
        held = self._held(conversation, input_tokens, now) if service.keeps_prompts else 0
        first_s = self._random.lognormvariate(log(service.first_s), 0.4) + (input_tokens - held) / PROMPTS_PER_S
        return Answer(first_s, first_s + output_tokens / service.tokens_per_s, 0.0, held)

    def end(self, model: str, output_tokens: int, allowed: int | None, now: float) -> None:
        """Count an answer that had no bound."""
        if not self.service.counts_answers or allowed:
            return
        for limit, window in self.quotas.meter(self.account, model)._windows:  # noqa: SLF001  asked for no more than this
            if limit.what == "tokens":
                window.add(output_tokens, self._moment(now))

    def _moment(self, now: float) -> Moment:
        return Moment(now, self._began_at + now)

    def _held(self, conversation: int, input_tokens: int, now: float) -> int:
        at, tokens = self._kept.pop(conversation, (now, 0))
        self._kept[conversation] = (now, input_tokens)
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return min(input_tokens, tokens) if tokens >= SHORTEST_KEPT and now - at < KEPT_S else 0


def _refusal(spent: Spent) -> Failure:
    return Failure(
        "rate_limited",
        f"{spent.what} of the {spent.window}",
        429,
        retry_after_s=spent.again_s,
        window=WAITS[spent.window],
        scope="model",
    )
