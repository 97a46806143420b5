"""OpenAI's text completions: what a body means, what is wrong with it, and what goes back."""

import json

import httpx2
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types import Completion

from cortex.chat import Finish, Message, RawPrompt, ReasoningDelta, Sampling, Text, TextDelta, Usage, needs_of
from cortex.endpoint.dialect import BadRequest, Problem
from cortex.endpoint.openai import OpenAI

DIALECT = OpenAI(now=lambda: 1763978400.9)
HEAD = '{"id":"cmpl-r1","object":"text_completion","created":1763978400,"model":"m","system_fingerprint":null,'


def read(**fields):
    request = DIALECT.read("complete", json.dumps({"prompt": "Once", **fields}).encode())
    request.id = "r1"
    return request


def chat(**fields):
    return DIALECT.neutral(read(**fields))


def problem_of(**fields):
    with pytest.raises(BadRequest) as caught:
        DIALECT.neutral(read(**fields))
    return caught.value.problem


def stream(*deltas, usage=False):
    renderer = DIALECT.renderer(read(stream=True, stream_options={"include_usage": usage}), "m")
    return renderer.render(list(deltas)) + renderer.close()


def events(data):
    *blocks, end = data.decode().split("\n\n")
    assert end == ""
    return [block.removeprefix("data: ") for block in blocks]


class TestRequest:
    def test_it_holds_the_bytes_and_what_was_asked(self):
        body = b'{"model":"fast","prompt":"Hi","stream":true}'
        request = DIALECT.read("complete", body)

        assert (request.dialect, request.operation, request.model) == ("openai", "complete", "fast")
        assert (request.stream, request.body) == (True, body)
        assert request.needs == {"chat"}

    @pytest.mark.parametrize(("options", "expected"), [({"include_usage": True}, True), ({}, False), (None, False)])
    def test_a_stream_has_usage_only_when_asked(self, options, expected):
        assert expected is read(stream=True, stream_options=options).include_usage

    def test_a_whole_answer_always_has_usage(self):
        assert read().include_usage

    def test_every_field_but_the_prompt_may_be_null(self):
        nullable = type(read().parsed).__struct_fields__[1:]

        assert chat() == chat(**dict.fromkeys(nullable))

    def test_unknown_fields_are_ignored(self):
        assert chat() == chat(cache_prompt=True, id_slot=3)


class TestConversation:
    @pytest.mark.parametrize("prompt", ["Once", ["Once"]])
    def test_one_text_is_what_the_user_says(self, prompt):
        asked = chat(prompt=prompt)

        assert asked.messages == (Message("user", (Text("Once"),)),)
        assert (asked.stream, asked.max_tokens, asked.stop, asked.n, asked.raw_prompt) == (False, None, (), 1, None)

    def test_how_tokens_are_drawn_goes_on(self):
        fields = {"temperature": 0.5, "top_p": 0.9, "seed": 7, "presence_penalty": 1, "frequency_penalty": -1}
        asked = chat(**fields, top_k=5, min_p=0.1, repetition_penalty=1.1)

        assert asked.sampling == Sampling(0.5, 0.9, 5, 0.1, 7, 1, -1, 1.1)

    def test_bounds_and_choices_go_on(self):
        asked = chat(max_tokens=5, stop=["\n", ""], n=2, best_of=2, logit_bias={"50256": -100}, stream=True)

        assert (asked.max_tokens, asked.stop, asked.n, asked.stream) == (5, ("\n",), 2, True)
        assert asked.logit_bias == {"50256": -100}

    def test_one_with_a_suffix_is_a_bare_prompt(self):
        request = read(suffix=" the end")

        assert request.needs == {"raw_prompt"}
        assert DIALECT.neutral(request).raw_prompt == RawPrompt("Once", " the end")

    def test_an_empty_suffix_is_none(self):
        assert chat(suffix="") == chat()

    @pytest.mark.parametrize(
        "fields",
        [
            {"prompt": ["a", "b"]},
            {"prompt": [1, 2, 3]},
            {"prompt": [[1], [2]]},
            {"prompt": ""},
            {"echo": True},
            {"best_of": 2},
            {"logprobs": 0},
            {"logprobs": 5},
            {"max_tokens": 0},
            {"echo": True, "suffix": "x"},
        ],
    )
    def test_what_no_conversation_can_say_only_passes(self, fields):
        assert read(**fields).needs - {"n"} == {"legacy_completion"}
        assert problem_of(**fields).code == "unsupported_parameter"

    @pytest.mark.parametrize(
        ("fields", "many"),
        [
            ({}, False),
            ({"n": 2}, True),
            ({"prompt": ["a", "b"]}, True),
            ({"prompt": [[1], [2]]}, True),
            ({"prompt": [1, 2]}, False),
            ({"best_of": 3}, False),
        ],
    )
    def test_several_prompts_are_answered_with_several_choices(self, fields, many):
        assert many is ("n" in read(**fields).needs)

    @pytest.mark.parametrize("fields", [{"echo": False}, {"best_of": 1}])
    def test_what_asks_for_the_default_asks_for_nothing(self, fields):
        assert read(**fields).needs == {"chat"}


@settings(deadline=None)
@given(
    fields=st.fixed_dictionaries(
        {},
        optional={
            "suffix": st.sampled_from(["", "x"]),
            "n": st.sampled_from([1, 2]),
            "logit_bias": st.sampled_from([{}, {"1": 1}]),
            "top_k": st.just(5),
            "min_p": st.just(0.1),
            "repeat_penalty": st.just(1.0),
            "repetition_penalty": st.just(1.0),
            "temperature": st.just(0.0),
        },
    )
)
def test_it_needs_what_its_translation_needs(fields):
    request = read(**fields, best_of=fields.get("n"))

    assert needs_of(DIALECT.neutral(request)) == request.needs


MISTAKES = {
    "no prompt": ({"prompt": None}, "prompt", "expected a string, an array of strings, of token ids"),
    "no text at all": ({"prompt": []}, "prompt", "found []"),
    "texts and ids": ({"prompt": ["a", 1]}, "prompt", "more than one kind"),
    "ids and lists": ({"prompt": [1, [1]]}, "prompt", "more than one kind"),
    "no ids": ({"prompt": [[]]}, "prompt[0]", "found []"),
    "a fraction of an id": ({"prompt": [1.5]}, "prompt[0]", "found 1.5"),
    "an id below zero": ({"prompt": [-1]}, "prompt[0]", "found -1"),
    "fewer than are wanted": ({"n": 3, "best_of": 2}, "best_of", "expected at least n, which is 3, found 2"),
    "no choice": ({"n": 0}, "n", "found 0"),
    "less than nothing": ({"max_tokens": -1}, "max_tokens", "found -1"),
    "too hot": ({"temperature": 3}, "temperature", "found 3"),
    "words for a number": ({"logprobs": "all"}, "logprobs", 'found "all"'),
}


@pytest.mark.parametrize(("fields", "param", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_says_where_it_is_and_what_was_found(fields, param, words):
    problem = problem_of(**fields)

    assert (problem.status, problem.param) == (400, param)
    assert words in problem.message


def test_without_a_prompt_it_is_refused():
    with pytest.raises(BadRequest) as caught:
        DIALECT.read("complete", b"{}")

    assert caught.value.problem == Problem(
        400, "prompt: required, but missing", code="missing_required_parameter", param="prompt"
    )


class TestStream:
    def test_a_short_answer_byte_for_byte(self):
        expected = (
            f'data: {HEAD}"choices":[{{"text":"Hi \\"you\\"","index":0,"logprobs":null,"finish_reason":null}}]}}\n\n'
            f'data: {HEAD}"choices":[{{"text":"","index":0,"logprobs":null,"finish_reason":"stop"}}]}}\n\n'
            "data: [DONE]\n\n"
        )

        assert expected.encode() == stream(TextDelta('Hi "you"'), Finish("stop"), Usage(1, 2))

    def test_usage_comes_last_when_it_was_asked_for(self):
        *before, usage, done = events(stream(TextDelta("Hi"), Usage(9, 2), Finish("stop"), usage=True))

        assert done == "[DONE]"
        assert all(json.loads(event)["usage"] is None for event in before)
        assert (json.loads(usage)["choices"], json.loads(usage)["usage"]["total_tokens"]) == ([], 11)

    def test_what_is_thought_is_not_shown(self):
        assert stream(ReasoningDelta("hm"), TextDelta("Hi"), Finish("stop")) == stream(TextDelta("Hi"), Finish("stop"))

    def test_an_error_ends_it_without_a_terminator(self):
        renderer = DIALECT.renderer(read(stream=True), "m")

        assert renderer.error(Problem(502, "it broke", code="x")).startswith(b'data: {"error":{"message":"it broke"')

    def test_a_comment_is_one_line(self):
        assert DIALECT.renderer(read(stream=True), "m").comment("a\n\ndata: x") == b": a data: x\n\n"


class TestWhole:
    def test_an_answer_has_every_field(self):
        deltas = [ReasoningDelta("hm"), TextDelta("Hi "), TextDelta("you"), Finish("length"), Usage(9, 2, 4, 1)]

        assert json.loads(DIALECT.answer(read(), "m", deltas)) == {
            "id": "cmpl-r1",
            "object": "text_completion",
            "created": 1763978400,
            "model": "m",
            "choices": [{"text": "Hi you", "index": 0, "logprobs": None, "finish_reason": "length"}],
            "usage": {
                "prompt_tokens": 9,
                "completion_tokens": 2,
                "total_tokens": 11,
                "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
                "completion_tokens_details": {
                    "reasoning_tokens": 1,
                    "audio_tokens": 0,
                    "accepted_prediction_tokens": 0,
                    "rejected_prediction_tokens": 0,
                },
            },
            "system_fingerprint": None,
        }

    @pytest.mark.parametrize(
        ("finish", "told"),
        [("stop", "stop"), ("length", "length"), ("content_filter", "content_filter"), ("tool_calls", "stop")],
    )
    def test_it_ends_in_one_of_three_ways(self, finish, told):
        assert json.loads(DIALECT.answer(read(), "m", [Finish(finish)]))["choices"][0]["finish_reason"] == told

    def test_an_answer_that_nobody_finished_does_not_look_whole(self):
        assert json.loads(DIALECT.answer(read(), "m", [TextDelta("Hi")]))["choices"][0]["finish_reason"] == "length"


texts = st.text(st.characters(codec="utf-8"), max_size=8)
answers = st.lists(
    st.builds(TextDelta, texts, st.integers(0, 2)) | st.builds(ReasoningDelta, texts, st.integers(0, 2)), max_size=8
).map(lambda deltas: [*deltas, *[Finish("stop", choice) for choice in sorted({0} | {d.choice for d in deltas})]])


@settings(deadline=None)
@given(deltas=answers)
def test_a_stream_and_a_whole_answer_say_the_same(deltas):
    *parts, done = events(stream(*deltas))
    streamed = {}
    for part in map(json.loads, parts):
        (choice,) = part["choices"]
        text, finish = streamed.get(choice["index"], ("", None))
        assert finish is None
        streamed[choice["index"]] = (text + choice["text"], choice["finish_reason"])
    whole = Completion.model_validate_json(DIALECT.answer(read(), "m", deltas))

    assert done == "[DONE]"
    assert streamed == {choice.index: (choice.text, choice.finish_reason) for choice in whole.choices}


class TestPackage:
    """The official `openai` package, in front of bytes of ours."""

    def client(self, answer):
        def handle(http):
            try:
                request = DIALECT.read("complete", http.content)
            except BadRequest as refused:
                return httpx2.Response(refused.problem.status, content=DIALECT.error(refused.problem))
            request.id = "r1"
            return answer(request)

        transport = httpx2.Client(transport=httpx2.MockTransport(handle))
        return openai.OpenAI(base_url="http://cortex/v1", api_key="k", http_client=transport, max_retries=0)

    def streaming(self, *deltas, end):
        def answer(request):
            renderer = DIALECT.renderer(request, "m")
            data = renderer.comment("loading m") + renderer.render(list(deltas)) + end(renderer)
            return httpx2.Response(200, headers={"content-type": DIALECT.stream_type}, content=data)

        return self.client(answer)

    def test_it_reads_a_whole_answer(self):
        deltas = [TextDelta("Hello"), Finish("stop"), Usage(3, 2)]
        with self.client(lambda request: httpx2.Response(200, content=DIALECT.answer(request, "m", deltas))) as client:
            answer = client.completions.create(model="m", prompt="Hi", max_tokens=16)

        assert (answer.choices[0].text, answer.choices[0].finish_reason) == ("Hello", "stop")
        assert answer.usage.total_tokens == 5

    def test_it_reads_a_stream(self):
        deltas = [TextDelta("Hel"), TextDelta("lo"), Finish("stop"), Usage(3, 2)]
        with self.streaming(*deltas, end=lambda renderer: renderer.close()) as client:
            stream = client.completions.create(
                model="m", prompt="Hi", stream=True, stream_options={"include_usage": True}
            )
            *parts, counts = list(stream)

        assert "".join(part.choices[0].text for part in parts) == "Hello"
        assert counts.usage.total_tokens == 5

    def test_it_raises_at_an_error_in_a_stream(self):
        broken = self.streaming(TextDelta("Hel"), end=lambda renderer: renderer.error(Problem(502, "it broke")))
        with broken as client, pytest.raises(openai.APIError, match="it broke"):
            list(client.completions.create(model="m", prompt="Hi", stream=True))

    def test_it_raises_its_own_error_for_a_bad_request(self):
        with self.client(lambda _: None) as client, pytest.raises(openai.BadRequestError) as caught:
            client.completions.create(model="m", prompt=[])

        assert caught.value.param == "prompt"
