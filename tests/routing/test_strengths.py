"""Strengths: the table, the formula of sizes, and what the user says otherwise."""

import json
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.config.rules import KINDS
from cortex.routing.strengths import TABLE, _closest, billions, plain, read_table, strength

PRICED = sorted(
    {
        entry["model"]
        for entry in json.loads(files("cortex.config").joinpath("prices.json").read_text("utf-8"))
        if entry.get("kind", "chat") == "chat" and "*" not in entry["model"]
    }
)

OF_OLLAMA = [
    "qwen2.5",
    "qwen2.5-coder",
    "qwen3",
    "qwen3-coder",
    "qwen3-vl",
    "qwen3.5",
    "qwen3.6",
    "gemma2",
    "gemma3",
    "gemma3n",
    "gemma4",
    "llama3.1",
    "llama3.2",
    "llama3.3",
    "llama4",
    "gpt-oss",
    "mistral",
    "mistral-nemo",
    "mistral-small",
    "mixtral",
    "magistral",
    "devstral",
    "phi3",
    "phi4",
    "phi4-mini",
    "deepseek-r1",
    "granite3.3",
    "granite4",
    "smollm2",
    "olmo2",
    "command-r",
    "aya",
    "codellama",
    "tinyllama",
]

kinds = st.sampled_from(KINDS)


def row(model):
    return [strength(model, kind) for kind in KINDS]


def is_known(model):
    return bool(_closest((plain(model),), (*TABLE.models, *TABLE.families)))


@pytest.mark.parametrize("model", [*PRICED, *OF_OLLAMA])
def test_every_priced_model_and_every_usual_family_has_a_row(model):
    assert is_known(model)


@given(model=st.sampled_from([*PRICED, *OF_OLLAMA]) | st.text(), kind=kinds)
def test_a_strength_is_between_nothing_and_everything(model, kind):
    assert 0.0 < strength(model, kind) < 1.0


@pytest.mark.parametrize("family", ["qwen3", "gemma3", "llama3.2", "deepseek-r1", "nobody-knows"])
@given(sizes=st.lists(st.floats(0.1, 1000.0).map(lambda size: round(size, 1)), min_size=2, max_size=2), kind=kinds)
def test_within_a_family_the_larger_is_never_the_weaker(family, sizes, kind):
    small, large = sorted(sizes)

    assert strength(f"{family}:{small}b", kind) <= strength(f"{family}:{large}b", kind)


@pytest.mark.parametrize(
    "names",
    [
        ("qwen3:8b", "qwen3:8b-q4_K_M", "Qwen3:8B", "qwen/qwen3-8b:free", "qwen3"),
        ("gpt-oss:120b", "openai/gpt-oss-120b", "@cf/openai/gpt-oss-120b", "openai/gpt-oss-120b:free"),
        ("llama3.3", "llama3.3:latest", "Meta-Llama-3.3-70B-Instruct", "@cf/meta/llama-3.3-70b-instruct-fp8-fast"),
        ("qwen-3.8-27b", "qwen/qwen3.8-27b"),
        ("qwen3:30b", "qwen3:30b-a3b", "Qwen/Qwen3-30B-A3B"),
        ("mixtral", "mixtral:8x7b"),
    ],
    ids=lambda names: names[0],
)
def test_one_model_under_the_names_of_several_vendors_is_as_strong_under_each(names):
    assert [row(name) for name in names] == [row(names[0])] * len(names)


@pytest.mark.parametrize(
    ("name", "whole", "active"),
    [
        ("qwen3:4b", 4.0, None),
        ("smollm2:135m", 0.135, None),
        ("deepseek-r1:1.5b-qwen-distill-q4_K_M", 1.5, None),
        ("qwen/qwen3.8-27b", 27.0, None),
        ("gemma-4-26b-a4b-it", 26.0, 4.0),
        ("gemma3n:e4b", 4.0, None),
        ("mixtral:8x7b", 56.0, 7.0),
        ("c4ai-aya-expanse-32b", 32.0, None),
        ("ministral-8b-2512", 8.0, None),
        ("command-r7b-12-2024", None, None),
        ("mistral-large-2512", None, None),
        ("llama3.2", None, None),
    ],
)
def test_a_size_is_read_from_the_name(name, whole, active):
    assert billions(name) == (whole, active)


def test_a_mixture_of_experts_is_weaker_than_a_dense_model_of_all_and_stronger_than_one_of_what_works_at_once():
    assert strength("new:3b", "math") < strength("new:30b-a3b", "math") < strength("new:30b", "math")


def test_the_pattern_with_the_most_letters_of_its_own_decides():
    assert strength("gpt-4o-mini", "chat") < strength("gpt-4o", "chat")
    assert strength("qwen3-coder:30b", "code") > strength("qwen3:30b", "code")
    assert strength("qwen3-coder:30b", "writing") < strength("qwen3:30b", "writing")


@pytest.mark.parametrize(
    ("weaker", "stronger"),
    [
        ("llama3.2:3b", "qwen3:4b"),
        ("qwen3:4b", "qwen3:32b"),
        ("qwen3:32b", "gpt-6.1-sol"),
        ("gpt-oss:20b", "openai/gpt-oss-120b"),
        ("claude-haiku-5-5", "claude-sonnet-5-5"),
        ("claude-sonnet-5-5", "claude-opus-5-5"),
        ("gemini-2.5-flash-lite", "gemini-2.5-flash"),
        ("gemini-2.5-flash", "gemini-4-hydrogen"),
        ("gemini-4-hydrogen", "gemini-4-neon"),
        ("ministral-3b-2512", "ministral-8b-2512"),
    ],
)
def test_the_order_within_a_vendor_or_a_size_is_as_one_expects(weaker, stronger):
    assert all(low < high for low, high in zip(row(weaker), row(stronger), strict=True))


class TestOverrides:
    def test_a_number_counts_for_every_kind(self):
        assert {strength("my-model", kind, {"my-model": 0.7}) for kind in KINDS} == {0.7}

    def test_a_table_counts_for_the_kinds_that_it_names(self):
        overrides = {"qwen3:4b": {"code": 0.9}}

        assert strength("qwen3:4b", "code", overrides) == 0.9
        assert strength("qwen3:4b", "chat", overrides) == strength("qwen3:4b", "chat")

    def test_nothing_is_a_strength_too(self):
        assert strength("qwen3:4b", "code", {"qwen3:4b": 0}) == 0.0

    def test_other_models_keep_theirs(self):
        assert strength("qwen3:8b", "code", {"qwen3:4b": 0.9}) == strength("qwen3:8b", "code")

    def test_a_name_may_be_written_as_another_vendor_does(self):
        assert strength("openai/gpt-oss-120b", "code", {"gpt-oss-120b": 0.1}) == 0.1
        assert strength("mistral:latest", "code", {"Mistral": 0.1}) == 0.1

    def test_a_pattern_may_speak_of_a_vendor_or_a_variant(self):
        assert strength("openai/gpt-oss-20b", "code", {"openai/*": 0.1}) == 0.1
        assert strength("gpt-oss:20b", "code", {"openai/*": 0.1}) == strength("gpt-oss:20b", "code")
        assert strength("z-ai/glm-5:free", "code", {"*:free": 0.1}) == 0.1
        assert strength("z-ai/glm-5", "code", {"*:free": 0.1}) == strength("z-ai/glm-5", "code")

    def test_a_name_is_nearer_than_a_pattern(self):
        overrides = {"qwen3*": 0.2, "qwen3:4b": 0.9}

        assert (strength("qwen3:4b", "code", overrides), strength("qwen3:8b", "code", overrides)) == (0.9, 0.2)


HEAD = f"""kinds = {json.dumps(KINDS)}
[size]
base = 0.2
per_decade = 0.2
unknown = 8.0
least = 0.0
most = 1.0
kinds = [0, 0, 0, 0, 0, 0, 0, 0]
"""


@pytest.mark.parametrize(
    "text",
    [
        HEAD + '[models]\n"a" = [0.1]\n[families]\n',
        HEAD + '[models]\n[families]\n"a" = { latest = 1.0, above = [0.1] }\n',
        (HEAD + "[models]\n[families]\n").replace('"code"', '"cooking"', 1),
        HEAD + "[models]\n",
    ],
    ids=["a short row", "a short family", "other columns", "no families"],
)
def test_a_table_that_is_not_whole_is_refused(text):
    with pytest.raises(ValueError, match=r"column|values|missing"):
        read_table(text)
