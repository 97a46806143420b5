"""What the name of one of Gemini's models means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.providers.gemini_models import generation, takes, thinking_config

EFFORTS = ["none", "minimal", "low", "medium", "high", "xhigh", "max", "on"]
LEVELS = {
    "gemini-3-pro-preview": ["low", "low", "low", "high", "high", "high", "high", None],
    "gemini-3.1-pro-preview": ["low", "low", "low", "medium", "high", "high", "high", None],
    "gemini-3-flash-preview": ["minimal", "minimal", "low", "medium", "high", "high", "high", "medium"],
    "gemini-3.1-flash-lite": ["minimal", "minimal", "low", "medium", "high", "high", "high", "medium"],
    "gemini-3.5-flash-lite": ["minimal", "minimal", "low", "medium", "high", "high", "high", "medium"],
    "gemini-3.5-flash": ["minimal", "minimal", "low", "medium", "high", "high", "high", "medium"],
    "gemini-3.6-flash": ["minimal", "minimal", "low", "medium", "high", "high", "high", "medium"],
    "gemini-3.7-flash": ["low", "low", "low", "medium", "high", "high", "high", None],
    "gemini-3.8-flash": ["low", "low", "low", "medium", "high", "high", "high", None],
    "gemini-4-argon": ["low", "low", "low", "medium", "high", "high", "high", None],
    "gemini-4-carbon": ["low", "low", "low", "medium", "high", "high", "high", None],
    "gemini-4-hydrogen": ["low", "low", "low", "medium", "high", "xhigh", "xhigh", None],
    "gemini-4-neon": ["low", "low", "low", "medium", "high", "xhigh", "xhigh", None],
    "gemini-flash-latest": ["low", "low", "low", "medium", "high", "high", "high", None],
    "gemini-5-krypton": ["low", "low", "low", "medium", "high", "high", "high", None],
}
BUDGETS = {
    "gemini-2.5-pro": [128, 512, 1024, 8192, 24_576, 32_768, 32_768, -1],
    "gemini-2.5-flash": [0, 512, 1024, 8192, 24_576, 24_576, 24_576, -1],
    "gemini-2.5-flash-lite": [0, 512, 1024, 8192, 24_576, 24_576, 24_576, -1],
}


@pytest.mark.parametrize("model", LEVELS)
def test_newer_models_think_by_levels_that_they_have(model):
    assert [thinking_config(model, effort).get("thinkingLevel") for effort in EFFORTS] == LEVELS[model]


@pytest.mark.parametrize("model", BUDGETS)
def test_gemini_2_5_thinks_by_tokens_within_its_bounds(model):
    assert [thinking_config(model, effort)["thinkingBudget"] for effort in EFFORTS] == BUDGETS[model]


@pytest.mark.parametrize("model", [*LEVELS, *BUDGETS])
@pytest.mark.parametrize("effort", EFFORTS)
def test_budget_and_level_never_stand_together(model, effort):
    assert not {"thinkingBudget", "thinkingLevel"} <= thinking_config(model, effort).keys()


@pytest.mark.parametrize("model", [*LEVELS, *BUDGETS])
def test_thoughts_are_shown_to_those_who_asked_for_thinking(model):
    assert [thinking_config(model, effort).get("includeThoughts") for effort in EFFORTS] == [None, *[True] * 7]


@pytest.mark.parametrize("model", [*LEVELS, *BUDGETS])
def test_nothing_is_configured_where_the_client_did_not_say(model):
    assert thinking_config(model, None) == {}


@pytest.mark.parametrize("effort", EFFORTS)
@pytest.mark.parametrize("model", ["gemma-4-31b-it", "gemma-3-12b-it"])
def test_gemma_has_nothing_to_configure(model, effort):
    assert thinking_config(model, effort) == {}


@pytest.mark.parametrize(
    ("model", "version"),
    [
        ("gemini-2.5-flash", (2, 5)),
        ("gemini-2.5-flash-preview-05-20", (2, 5)),
        ("gemini-3-pro-preview", (3, 0)),
        ("gemini-3.1-flash-lite", (3, 1)),
        ("gemini-4-hydrogen", (4, 0)),
        ("gemini-10.12-flash", (10, 12)),
        ("gemma-4-31b-it", (0, 0)),
    ],
)
def test_version_is_read_from_the_name(model, version):
    assert generation(model) == version


@given(st.sampled_from(["gemini-flash-latest", "gemini-exp-1206", "gemini-robotics-er-1.6", "aqa"]) | st.text())
def test_name_without_a_version_is_taken_for_a_newest_model(name):
    assert generation(f"x{name}") == generation("gemini-pro-latest") > (90, 0)


@pytest.mark.parametrize("option", ["temperature", "topP", "topK"])
def test_sampling_has_no_meaning_from_3_5_on(option):
    models = ["gemma-4-31b-it", "gemini-2.5-flash", "gemini-3.1-flash-lite", "gemini-3.5-flash", "gemini-4-neon"]

    assert [takes(model, option) for model in models] == [True, True, True, False, False]


@pytest.mark.parametrize("option", ["presencePenalty", "frequencyPenalty"])
def test_penalties_are_for_gemma_alone(option):
    models = ["gemma-4-31b-it", "gemini-2.5-flash", "gemini-3.8-flash", "gemini-4-neon"]

    assert [takes(model, option) for model in models] == [True, False, False, False]


@pytest.mark.parametrize("option", ["seed", "maxOutputTokens", "stopSequences", "responseJsonSchema"])
def test_other_options_hold_for_all(option):
    assert takes("gemini-4-neon", option)
