"""Completions of bare texts, asked by the official client."""

import json

import openai
import pytest

from cortex.simulate import Fault

SMALL = "sim-small"


@pytest.fixture
def complete(openai_sdk):
    return openai_sdk.completions.create


async def test_a_text_is_answered_with_sixteen_tokens_unless_told_otherwise(complete):
    answer = await complete(model=SMALL, prompt="Hello")
    longer = await complete(model=SMALL, prompt="Hello", max_tokens=100)

    assert (answer.object, answer.choices[0].finish_reason, answer.usage.completion_tokens) == (
        "text_completion",
        "length",
        16,
    )
    assert longer.choices[0].text.startswith(answer.choices[0].text)
    assert "You said: Hello" in longer.choices[0].text


async def test_a_stream_puts_together_the_same_text_and_ends_with_usage_when_asked(complete):
    whole = await complete(model=SMALL, prompt="Hello")
    stream = await complete(model=SMALL, prompt="Hello", stream=True, stream_options={"include_usage": True})
    *chunks, last = [chunk async for chunk in stream]

    assert "".join(chunk.choices[0].text for chunk in chunks) == whole.choices[0].text
    assert [chunk.choices[0].finish_reason for chunk in chunks][-2:] == [None, "length"]
    assert (last.choices, last.usage) == ([], whole.usage)


async def test_several_prompts_and_several_answers_each_have_an_index(complete):
    answer = await complete(model=SMALL, prompt=["One", "Two"], n=2, max_tokens=50)
    said = [choice.text for choice in answer.choices]

    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert ["One" in text for text in said] == [True, True, False, False]
    assert len(set(said)) == 4
    assert answer.usage.prompt_tokens == 10


@pytest.mark.parametrize(("prompt", "count"), [([1, 2], 1), ([[1], [2]], 2)])
async def test_tokens_may_stand_for_a_prompt(complete, prompt, count):
    assert len((await complete(model=SMALL, prompt=prompt)).choices) == count


async def test_an_echo_begins_with_the_prompt(complete):
    answer = await complete(model=SMALL, prompt="Hello there", echo=True, max_tokens=2)

    assert answer.choices[0].text == "Hello there[simulated by"


async def test_a_stop_word_ends_it(complete):
    answer = await complete(model=SMALL, prompt="Hello", stop="You said", max_tokens=50)

    assert (answer.choices[0].finish_reason, "You said" in answer.choices[0].text) == ("stop", False)


async def test_logprobs_tell_where_each_token_begins(complete):
    logprobs = (await complete(model=SMALL, prompt="Hello", max_tokens=3, logprobs=2)).choices[0].logprobs

    assert (logprobs.tokens, logprobs.text_offset) == (["[simulated", " by", " cloud]"], [0, 10, 13])
    assert [len(top) for top in logprobs.top_logprobs] == [2, 2, 2]


async def test_a_conversation_in_chatml_gets_the_answer_that_the_chat_gets(openai_sdk, complete):
    chat = await openai_sdk.chat.completions.create(model=SMALL, messages=[{"role": "user", "content": "Hello"}])
    text = await complete(
        model=SMALL, prompt="<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n", max_tokens=100
    )

    assert text.choices[0].text == chat.choices[0].message.content


async def test_an_error_in_a_stream_is_raised_by_the_client(cloud, complete):
    cloud.fault(Fault("error_in_stream", after_tokens=2, body="engine died"))
    with pytest.raises(openai.APIError, match="engine died"):
        async for _ in await complete(model=SMALL, prompt="Hello", stream=True):
            pass


@pytest.mark.parametrize("prompt", [{"a": 1}, [], ""])
async def test_no_prompt_or_none_of_the_right_kind_is_a_bad_request(cloud, client, prompt):
    seen = await client.post(cloud, "/v1/completions", {"model": SMALL, "prompt": prompt})

    assert (seen.status, json.loads(seen.body)["error"]["type"]) == (400, "invalid_request_error")
