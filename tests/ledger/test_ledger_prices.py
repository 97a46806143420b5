"""What tokens cost, from the built-in price book and from the settings."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.chat import Usage
from cortex.config.model import Price as Override
from cortex.ledger.prices import ROWS, PriceBook, cost, read_rows

BOOK = PriceBook(ROWS, {})
NOV = datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp()


def at(*moment) -> float:
    return datetime(*moment, tzinfo=UTC).timestamp()


def priced(provider, model, moment=NOV):
    price = BOOK.price_of(provider, model, moment)
    return None if price is None else (price.input, price.output, price.cached_input)


def test_each_row_says_where_it_is_from_and_no_two_are_of_one_model():
    assert all(row.source and row.date for row in ROWS)
    assert len({(row.provider, row.model) for row in ROWS}) == len(ROWS)
    assert {row.kind for row in ROWS} == {"chat", "embedding"}


def test_no_price_is_absurd():
    """Maps of prices on the net list some a thousand times too high."""
    for row in ROWS:
        for rate in (row, *row.tiers, *row.schedule):
            assert 0 <= rate.input <= 100
            assert 0 <= rate.output <= 100
            assert rate.cached_input is None or rate.cached_input <= rate.input
            assert row.kind == "embedding" or rate.output >= rate.input


@pytest.mark.parametrize(
    ("provider", "model", "expected"),
    [
        ("groq", "openai/gpt-oss-120b", (0.15, 0.6, 0.075)),
        ("cerebras", "gpt-oss-120b", (0.35, 0.75, None)),
        ("gemini", "gemini-embedding-001", (0.15, 0.0, None)),
        ("openrouter", "anything/at-all:free", (0.0, 0.0, None)),
        ("nvidia", "whatever", (0.0, 0.0, None)),
        ("openrouter", "anything/at-all", None),
        ("ollama", "qwen3:32b", None),
        ("groq", "unknown", None),
    ],
)
def test_a_model_has_the_price_of_its_provider(provider, model, expected):
    assert priced(provider, model) == expected


@pytest.mark.parametrize(
    ("model", "moment", "expected"),
    [
        ("gemini-4-argon", (2026, 11, 30, 23, 59), (2, 10, 0.1)),
        ("gemini-4-argon", (2026, 12, 1), (4, 20, 0.2)),
        ("gemini-3.8-flash", (2026, 12, 31), (0.75, 3.75, 0.075)),
        ("gemini-3.8-flash", (2027, 1, 1), (1.5, 7.5, 0.15)),
    ],
)
def test_a_launch_price_ends_on_its_day(model, moment, expected):
    assert priced("gemini", model, at(*moment)) == expected


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ((2026, 11, 25, 0, 59), 0.15),
        ((2026, 11, 25, 1, 0), 0.3),
        ((2026, 11, 25, 3, 59), 0.3),
        ((2026, 11, 25, 4, 0), 0.15),
        ((2026, 11, 25, 9, 59), 0.3),
        ((2026, 11, 25, 10, 0), 0.15),
        ((2026, 11, 28, 2, 0), 0.15),  # a Saturday
    ],
)
def test_peak_hours_cost_more(moment, expected):
    assert priced("deepseek", "deepseek-flash", at(*moment))[0] == expected


@pytest.mark.parametrize(("prompt", "nano"), [(100_000, 10_050_000), (100_001, 50_250_500)])
def test_a_prompt_above_the_tier_costs_its_rate_as_a_whole(prompt, nano):
    price = BOOK.price_of("anthropic", "claude-haiku-5-5", NOV)

    assert cost(price, Usage(input_tokens=prompt, output_tokens=100)) == nano


def test_cached_tokens_cost_their_own_price_or_the_prompts():
    usage = Usage(input_tokens=1_000, output_tokens=0, cached_tokens=400)

    assert cost(BOOK.price_of("groq", "openai/gpt-oss-20b", NOV), usage) == 600 * 75 + 400 * 37.5
    assert cost(BOOK.price_of("cohere", "command-a-03-2025", NOV), usage) == 1_000 * 2_500


def test_a_price_of_the_settings_counts_whoever_answers():
    book = PriceBook(ROWS, {"qwen3:32b": Override(input=0.1, output=0.2), "gpt-oss-120b": Override(input=9, output=9)})

    assert book.price_of("ollama", "qwen3:32b", NOV).output == 0.2
    assert book.price_of("cerebras", "gpt-oss-120b", NOV).input == 9


COUNTS = st.integers(0, 10**7)


@given(row=st.sampled_from(ROWS), tokens=COUNTS, cached=COUNTS, output=COUNTS, moment=st.floats(1.7e9, 1.9e9))
def test_a_cost_is_whole_never_negative_and_never_less_for_more_output(row, tokens, cached, output, moment):
    price = BOOK.price_of(row.provider, row.model.replace("*", "x"), moment)
    some, more = (cost(price, Usage(tokens, count, cached)) for count in (output, output + 1_000))

    assert isinstance(some, int)
    assert 0 <= some <= more


def test_a_mistake_in_the_book_is_named():
    with pytest.raises(msgspec.ValidationError, match=r"\$\[0\]"):
        read_rows(b'[{"provider": "x", "model": "y", "input": "cheap", "output": 1, "source": "", "date": ""}]')
