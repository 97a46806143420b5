"""What a simulated model says."""

import json

from hypothesis import given
from hypothesis import strategies as st

from cortex.simulate.answer import Prompt, Tool, Turn, compose, logprobs_of, tokens_of, turns_of_chatml

WEATHER = Tool("get_weather", {"type": "object", "properties": {"city": {"type": "string"}}})
TEXT = st.text(max_size=60)
LENGTH = 32


def said(prompt, name="desk", seed=0, length=LENGTH):
    return compose(prompt, name=name, seed=seed, length=length)


def asked(text="Hello", **more):
    return Prompt(turns=(Turn("user", text),), **more)


@given(st.text())
def test_tokens_put_together_are_the_text(text):
    assert "".join(tokens_of(text)) == text


@given(TEXT, st.integers())
def test_the_same_prompt_and_seed_give_the_same_script(text, seed):
    assert said(asked(text), seed=seed) == said(asked(text), seed=seed)


@given(TEXT, TEXT)
def test_two_prompts_are_told_apart_by_their_fingerprints(one, other):
    assert (said(asked(one)).fingerprint == said(asked(other)).fingerprint) == (one == other)


def test_an_answer_is_marked_and_says_whom_it_answers():
    text = "".join(said(asked("Where is the sea?")).text)

    assert text.startswith("[simulated by desk] #")
    assert "You said: Where is the sea?" in text


def test_an_answer_has_the_length_asked_for():
    assert len(said(asked(), length=100).text) == 100


@given(TEXT, st.integers(0, 60))
def test_max_tokens_bounds_the_answer_and_says_so(text, most):
    whole, cut = said(asked(text)), said(asked(text, max_tokens=most))

    assert cut.answer_tokens <= most
    assert cut.text == whole.text[:most]
    assert (cut.finish == "length") == (whole.answer_tokens > most)


def test_thinking_counts_against_max_tokens():
    script = said(asked(thinks=True, max_tokens=3))

    assert (len(script.thinking), script.text, script.finish) == (3, (), "length")


def test_the_answer_ends_before_a_stop_word():
    text = "".join(said(asked("one two three", stop=("nothing", " two"))).text)

    assert text.endswith("You said: one")


def test_a_tool_that_is_named_is_called_with_fitting_arguments():
    script = said(asked("Please get_weather of Lima", tools=(WEATHER,)))

    assert (script.call.name, list(script.call.arguments), script.finish) == ("get_weather", ["city"], "tool_calls")
    assert script.text == ()


def test_a_tool_that_nobody_speaks_of_is_not_called():
    assert said(asked("Hello", tools=(WEATHER,))).call is None


def test_use_tool_calls_the_first_one():
    assert said(asked("use tool", tools=(WEATHER, Tool("other")))).call.name == "get_weather"


def test_a_forced_tool_is_called_whatever_the_text_says():
    assert said(asked("Hello", tools=(Tool("other"), WEATHER), forced_tool="get_weather")).call.name == "get_weather"


def test_the_result_of_a_tool_is_quoted():
    turns = (Turn("user", "use tool"), Turn("assistant", calls=("get_weather",)), Turn("tool", "17 degrees"))
    script = said(Prompt(turns=turns, tools=(WEATHER,)))

    assert script.call is None
    assert "The tool says: 17 degrees" in "".join(script.text)


def test_images_are_counted():
    assert "I see 2 images." in "".join(said(Prompt(turns=(Turn("user", "What?", images=2),))).text)


def test_a_schema_is_kept():
    script = said(asked(schema=WEATHER.parameters))

    assert list(json.loads("".join(script.text))) == ["city"]


def test_json_without_a_schema_is_an_object():
    assert "Hello" in json.loads("".join(said(asked(schema={})).text))["answer"]


@given(TEXT, st.integers(0, LENGTH))
def test_an_answer_that_was_begun_is_continued(text, sent):
    whole = said(asked(text)).text
    begun = "".join(whole[:sent])
    rest = said(Prompt(turns=(Turn("user", text), Turn("assistant", begun)))).text

    assert begun + "".join(rest) == "".join(whole)


@given(st.integers(0, LENGTH))
def test_two_servers_together_give_an_answer_as_long_as_a_whole_one(sent):
    begun = "".join(said(asked()).text[:sent])
    rest = said(Prompt(turns=(Turn("user", "Hello"), Turn("assistant", begun))), name="rack").text

    assert sent + len(rest) == len(said(asked(), name="rack").text)


def test_a_model_that_restarts_begins_again():
    turns = (Turn("user", "Hello"), Turn("assistant", "[simulated"))

    assert said(Prompt(turns=turns, restarts=True)).text == said(asked()).text


def test_several_choices_differ():
    assert said(asked(choice=0)).text != said(asked(choice=1)).text


def test_a_bare_prompt_without_chatml_is_the_users():
    assert turns_of_chatml("Once upon a time") == (Turn("user", "Once upon a time"),)


def test_chatml_is_read_with_the_answer_that_was_begun():
    prompt = "<|im_start|>user\nHi\nyou<|im_end|>\n<|im_start|>assistant\nHel"

    assert turns_of_chatml(prompt) == (Turn("user", "Hi\nyou"), Turn("assistant", "Hel"))


def test_chatml_whose_answer_has_not_begun_ends_with_the_user():
    prompt = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"

    assert turns_of_chatml(prompt) == (Turn("user", "Hi"),)


def test_logprobs_are_those_of_the_tokens_with_as_many_alternatives_as_asked():
    (one,) = logprobs_of(["é"], 2)

    assert (one["token"], one["bytes"], len(one["top_logprobs"])) == ("é", [195, 169], 2)
    assert one["top_logprobs"][0]["logprob"] == one["logprob"] <= 0
