"""What a request pays for quotas, in µs: `.venv/bin/python tests/quota/quota_bench.py`."""

import timeit

from cortex.config.model import Limits
from cortex.config.presets import PRESETS
from cortex.messages import Estimate
from cortex.quota.quota import Quota
from cortex.quota.terms import Now, Used

MODELS = {"gemini": "gemini-3.5-flash-lite", "groq": "openai/gpt-oss-20b", "cohere": "command-a-03-2025", "ollama": "x"}
WIDE = Limits(requests_per_minute=10**6, requests_per_day=10**7, tokens_per_minute=10**9, tokens_per_day=10**10)
ESTIMATE, USED = Estimate(50, 100), Used(1, 50, 90, 0)


class Bench:
    """One request each 100 ms, on a bucket that counts as `provider` does and never runs dry."""

    def __init__(self, provider: str) -> None:
        self.model = MODELS[provider]
        limited = provider != "ollama"
        key_limits = Limits(requests_per_month=10**9) if provider == "cohere" else Limits()
        self.quota = Quota(provider, PRESETS[provider].plan, {"*": WIDE} if limited else {}, key_limits)
        self.number = 0
        self.whole()

    @property
    def now(self) -> Now:
        return Now(1_000 + self.number / 10, 1_795_608_000 + self.number / 10)

    def spent(self) -> None:
        self.quota.spent(self.model, ESTIMATE, self.now)

    def share(self) -> None:
        self.quota.share_left(self.model, self.now)

    def reserve_and_settle(self) -> None:
        self.number += 1
        now = self.now
        self.quota.settle(self.quota.reserve(self.model, ESTIMATE, now), USED, now)

    def whole(self) -> None:
        self.number += 1
        now = self.now
        self.quota.share_left(self.model, now)
        self.quota.spent(self.model, ESTIMATE, now)
        self.quota.settle(self.quota.reserve(self.model, ESTIMATE, now), USED, now)

    def state(self) -> None:
        self.quota.state(self.now)


def best_us(call, count: int) -> float:
    return min(timeit.repeat(call, number=count, repeat=7)) / count * 1e6


if __name__ == "__main__":
    for provider in MODELS:
        bench = Bench(provider)
        clock_us = best_us(lambda bench=bench: bench.now, 20_000)
        figures = [
            f"{name} {best_us(getattr(bench, name), count) - clock_us:.2f}"
            for name, count in (
                ("spent", 20_000),
                ("share", 20_000),
                ("reserve_and_settle", 3_000),
                ("whole", 3_000),
                ("state", 100),
            )
        ]
        print(provider, *figures, sep="  ")
