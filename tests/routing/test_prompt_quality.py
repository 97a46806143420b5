"""How well the classifier does on prompts that it has not learned from."""

import sys
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from cortex.config.rules import KINDS
from cortex.routing.prompt import classify

sys.path.append(str(Path(__file__).parents[2] / "scripts" / "prompts"))

import labelled
from labelled import Prompt, load, macro_f1, measure, spearman, typos

PROMPTS = load()
HELD_OUT = [prompt for prompt in PROMPTS if prompt.is_held_out]
MOST_LOST = 0.03
"""Of the macro-F1, by a disturbance."""

OTHER_GREETINGS = (
    "Dear assistant, ",
    "Hey there! Hope you are well. ",
    "Good day to you. ",
    "Hola qué tal, ",
    "Muy buenas, ¿qué tal? ",
    "Disculpa, ",
    "Ahoy! ",
    "Howdy partner, ",
    "Top of the morning. ",
    "Qué onda, ",
    "Aúpa, ",
    "A la paz de Dios. ",
)
"""The training has others, and the last six have words that are no known courtesy."""


def f1(disturb):
    return measure(HELD_OUT, classify, disturb).f1


@pytest.fixture(scope="module")
def undisturbed():
    return measure(HELD_OUT, classify)


def greeted(text, seed):
    return Random(f"{seed}{text}").choice(OTHER_GREETINGS) + text


def misspelt(text, seed):
    return typos(text, Random(f"{seed}{text}"))


def test_kinds_are_told_apart(undisturbed):
    assert undisturbed.f1 >= 0.85


def test_harder_prompts_are_said_to_be_harder(undisturbed):
    assert undisturbed.rank_correlation >= 0.7


@pytest.mark.parametrize("language", ["en", "es"])
def test_neither_language_is_much_worse(language):
    assert measure([prompt for prompt in HELD_OUT if prompt.language == language], classify).f1 >= 0.82


def test_typos_cost_at_most_three_points(undisturbed):
    """The mean of several lots, since one lot of typos may be lucky."""
    mean = sum(f1(lambda text, seed=seed: misspelt(text, seed)) for seed in range(5)) / 5

    assert mean >= undisturbed.f1 - MOST_LOST


def test_lower_case_costs_at_most_three_points(undisturbed):
    assert f1(str.lower) >= undisturbed.f1 - MOST_LOST


def test_another_greeting_costs_at_most_three_points(undisturbed):
    """The mean of several draws of greetings."""
    mean = sum(f1(lambda text, seed=seed: greeted(text, seed)) for seed in range(3)) / 3

    assert mean >= undisturbed.f1 - MOST_LOST


def test_the_greetings_are_not_the_trainings():
    """Its script cannot be imported here, since scikit-learn is not there."""
    script = Path(labelled.__file__).with_name("train.py").read_text("utf-8")

    assert not [greeting for greeting in OTHER_GREETINGS if f'"{greeting}"' in script]


def test_labels_are_of_the_kinds_and_from_0_to_1():
    assert {prompt.kind for prompt in PROMPTS} == set(KINDS)
    assert all(0.0 <= prompt.difficulty <= 1.0 and prompt.text for prompt in PROMPTS)


def test_no_text_is_in_both_parts():
    learned = {prompt.text.casefold() for prompt in PROMPTS if not prompt.is_held_out}

    assert not [prompt.text for prompt in HELD_OUT if prompt.text.casefold() in learned]


def test_about_a_quarter_is_held_out_of_each_kind_and_half_of_it_in_each_language():
    assert 0.2 <= len(HELD_OUT) / len(PROMPTS) <= 0.32
    assert min(Counter(prompt.kind for prompt in HELD_OUT).values()) >= 15
    assert 0.4 <= sum(prompt.language == "es" for prompt in HELD_OUT) / len(HELD_OUT) <= 0.6


def test_misspelling_changes_a_text_and_keeps_its_words_count():
    text = "please translate these sentences into several languages before tomorrow morning"

    assert misspelt(text, 1) != text
    assert len(misspelt(text, 1).split()) == len(text.split())


def test_macro_f1_gives_each_kind_the_same_weight():
    assert macro_f1(["a", "a", "a", "b"], ["a", "a", "a", "a"]) == pytest.approx((6 / 7 + 0) / 2)


def test_rank_correlation_shares_ranks_among_ties():
    assert spearman([1, 2, 3], [10, 20, 30]) == pytest.approx(1.0)
    assert spearman([1, 2, 3], [3, 2, 1]) == pytest.approx(-1.0)
    assert spearman([1, 2, 2, 3], [1, 2, 3, 4]) == pytest.approx(0.9486832980505138)


def test_a_groups_prompts_are_in_one_part():
    one, other = (Prompt("chat", "chat-7", language, 0.1, "hi") for language in ("en", "es"))

    assert one.is_held_out == other.is_held_out
