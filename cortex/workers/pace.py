"""How fast one worker is, learned from its own answers. Pure; the clock is an argument.

Exponentially weighted means: recent answers count most, one odd answer does not turn the picture. Everything is kept per
model, because a 4 B and a 70 B model on one machine have nothing in common, and a load takes as long as the file is big.
"""

WEIGHT = 0.3
"""Of the newest value: about the last seven answers matter."""

MODELS_KEPT = 64
"""Figures of that many models at most; the oldest go first. A client may ask a cloud for any number of them."""

ERROR_HALF_LIFE_S = 30.0
"""A failure makes a worker look busier than it is for about this long, so that failing fast attracts nobody."""


class Mean:
    """An exponentially weighted mean; None until the first value."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float | None = None

    def add(self, value: float) -> None:
        """Take one more value in."""
        self.value = value if self.value is None else self.value + WEIGHT * (value - self.value)


class Pace:
    """One worker's learned times, in seconds."""

    __slots__ = ("_errors", "_errors_at", "_first_token_s", "_load_s", "_output_tokens", "_total_s")

    def __init__(self) -> None:
        self._first_token_s: dict[str, Mean] = {}
        self._total_s: dict[str, Mean] = {}
        self._load_s: dict[str, Mean] = {}
        self._output_tokens: dict[str, Mean] = {}
        self._errors = 0.0
        self._errors_at = 0.0

    def answered(
        self, model: str, *, first_token_s: float | None, total_s: float, load_s: float, output_tokens: int = 0
    ) -> None:
        """Learn from one whole answer; a first token that waited for a load says nothing about a warm one."""
        if output_tokens:
            _mean(self._output_tokens, model).add(float(output_tokens))
        if load_s > 1.0:
            _mean(self._load_s, model).add(load_s)
            return
        if first_token_s is not None:
            _mean(self._first_token_s, model).add(first_token_s)
        _mean(self._total_s, model).add(total_s)

    def failed(self, now: float) -> None:
        """Count a strike."""
        self._errors = self.error_penalty(now) + 1.0
        self._errors_at = now

    def error_penalty(self, now: float) -> float:
        """Return the recent failures, each worth 1 when it happens and half after `ERROR_HALF_LIFE_S`."""
        if self._errors == 0.0:
            return 0.0
        return float(self._errors * 0.5 ** ((now - self._errors_at) / ERROR_HALF_LIFE_S))

    def first_token_s(self, model: str) -> float | None:
        """Return the usual time to the first token of a loaded `model`."""
        return _value(self._first_token_s, model)

    def usual_first_token_s(self) -> float | None:
        """Return the usual time to a first token, whichever model: the median of its models'."""
        means = sorted([mean.value for mean in self._first_token_s.values() if mean.value is not None])
        return means[len(means) // 2] if means else None

    def total_s(self, model: str) -> float | None:
        """Return the usual time of a whole answer."""
        return _value(self._total_s, model)

    def output_tokens(self, model: str) -> float | None:
        """Return the usual length of an answer."""
        return _value(self._output_tokens, model)

    def load_s(self, model: str) -> float | None:
        """Return the usual time that loading `model` takes."""
        return _value(self._load_s, model)

    def figures(self) -> dict[str, dict[str, float]]:
        """Return everything known, by model, for people."""
        known: dict[str, dict[str, float]] = {}
        for name, means in (
            ("first_token_s", self._first_token_s),
            ("total_s", self._total_s),
            ("load_s", self._load_s),
        ):
            for model, mean in means.items():
                if mean.value is not None:
                    known.setdefault(model, {})[name] = round(mean.value, 3)
        return known


def _mean(means: dict[str, Mean], model: str) -> Mean:
    mean = means.get(model)
    if mean is None:
        if len(means) >= MODELS_KEPT:
            del means[next(iter(means))]
        mean = means[model] = Mean()
    return mean


def _value(means: dict[str, Mean], model: str) -> float | None:
    mean = means.get(model)
    return None if mean is None else mean.value
