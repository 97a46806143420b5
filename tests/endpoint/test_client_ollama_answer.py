"""Answers in the Ollama dialect, whole and streamed, as bytes and as the official Python client reads them."""

import json
from datetime import datetime

import httpx
import ollama
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex.chat import Finish, ReasoningDelta, TextDelta, ToolCall, Usage
from cortex.endpoint.dialect import Problem
from cortex.endpoint.ollama import Ollama

START = 1763978400.123456
AT = "2025-11-24T10:00:00.123456Z"
HEAD = f'{{"model":"m","created_at":"{AT}",'
OPERATIONS = ["chat", "generate"]
DIALECT = Ollama(now=lambda: START)


class Clock:
    """A wall clock that a test moves."""

    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now


def request_of(operation="chat", dialect=DIALECT, **fields):
    asked = {"messages": [{"role": "user", "content": "Hi"}]} if operation == "chat" else {"prompt": "Hi"}
    return dialect.read(operation, json.dumps(asked | fields).encode())


def renderer_of(operation="chat", dialect=DIALECT):
    return dialect.renderer(request_of(operation, dialect), "m")


def stream(*deltas, operation="chat"):
    renderer = renderer_of(operation)
    return renderer.render(list(deltas)) + renderer.close()


def lines(data):
    assert data.endswith(b"\n")
    return [json.loads(line) for line in data[:-1].split(b"\n")]


class TestStream:
    def test_a_short_chat_byte_for_byte(self):
        expected = (
            f'{HEAD}"message":{{"role":"assistant","content":"Hi \\"you\\"\\n"}},"done":false}}\n'
            f'{HEAD}"message":{{"role":"assistant","content":""}},"done":true,'
            '"done_reason":"stop","total_duration":0,"load_duration":0,"prompt_eval_count":1,"prompt_eval_duration":0,'
            '"eval_count":2,"eval_duration":0}\n'
        )

        assert expected.encode() == stream(TextDelta('Hi "you"\n'), Finish("stop"), Usage(1, 2))

    def test_a_short_generate_byte_for_byte(self):
        expected = (
            f'{{"model":"m","created_at":"{AT}","response":"Hi","done":false}}\n'
            f'{{"model":"m","created_at":"{AT}","response":"","done":true,"done_reason":"length",'
            '"total_duration":0,"load_duration":0,"prompt_eval_count":0,"prompt_eval_duration":0,"eval_count":0,"eval_duration":0}\n'
        )

        assert expected.encode() == stream(TextDelta("Hi"), Finish("length"), operation="generate")

    def test_thinking_has_its_own_field(self):
        assert lines(stream(ReasoningDelta("hm")))[0]["message"] == {
            "role": "assistant",
            "content": "",
            "thinking": "hm",
        }

    def test_thinking_of_a_generate_stands_by_itself(self):
        line = lines(stream(ReasoningDelta("hm"), operation="generate"))[0]

        assert (line["response"], line["thinking"]) == ("", "hm")

    def test_calls_have_objects_for_arguments_and_stay_on_their_line(self):
        deltas = [ToolCall("call_1", "f", '{\n  "a": 1\n}'), ToolCall("call_2", "g", "{}"), Finish("tool_calls")]
        first, second, end = lines(stream(*deltas))

        assert first["message"]["tool_calls"] == [
            {"id": "call_1", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}}
        ]
        assert second["message"]["tool_calls"] == [
            {"id": "call_2", "function": {"index": 1, "name": "g", "arguments": {}}}
        ]
        assert (end["done"], end["done_reason"]) == (True, "stop")

    @pytest.mark.parametrize(
        ("reason", "expected"),
        [("stop", "stop"), ("length", "length"), ("tool_calls", "stop"), ("content_filter", "content_filter")],
    )
    def test_every_finish_has_its_word(self, reason, expected):
        assert expected == lines(stream(Finish(reason)))[-1]["done_reason"]

    def test_an_answer_that_nobody_finished_does_not_look_whole(self):
        assert lines(stream(TextDelta("x")))[-1]["done_reason"] == "length"

    def test_logprobs_stand_beside_their_text(self):
        token = {"token": "Hi", "logprob": -0.5, "top_logprobs": [{"token": "Ho", "logprob": -1.0}]}
        line = lines(stream(TextDelta("Hi", logprobs=(token,))))[0]

        assert ([token], "Hi", False) == (line["logprobs"], line["message"]["content"], line["done"])

    def test_durations_are_measured_where_the_upstream_does_not_say(self):
        clock = Clock()
        renderer = renderer_of(dialect=Ollama(clock))
        clock.now += 2.0
        renderer.render([TextDelta("Hi")])
        clock.now += 3.0
        renderer.render([Finish("stop"), Usage(1, 2)])
        end = lines(renderer.close())[0]

        assert tuple(
            round(end[key] / 1e6)
            for key in ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")
        ) == (5_000, 0, 2_000, 3_000)

    def test_durations_are_the_upstreams_where_it_says(self):
        clock = Clock()
        renderer = renderer_of(dialect=Ollama(clock))
        clock.now += 10.0
        renderer.render([TextDelta("Hi"), Finish("stop"), Usage(1, 2, load_s=4.0, eval_s=1.5)])
        end = lines(renderer.close())[0]

        assert tuple(
            round(end[key] / 1e6)
            for key in ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")
        ) == (10_000, 4_000, 4_500, 1_500)

    def test_a_clock_that_goes_back_gives_no_negative_durations(self):
        clock = Clock()
        renderer = renderer_of(dialect=Ollama(clock))
        clock.now -= 5.0

        assert lines(renderer.close())[0]["total_duration"] == 0

    def test_the_clock_is_written_again_when_the_second_changes(self):
        clock = Clock()
        renderer = renderer_of(dialect=Ollama(clock))
        stamps = []
        for step in (0.0, 0.5, 0.5):
            clock.now += step
            stamps.append(lines(renderer.render([TextDelta("x")]))[0]["created_at"])

        assert [text[-10:] for text in stamps] == ["00.123456Z", "00.623456Z", "01.123456Z"]

    @settings(deadline=None)
    @given(now=st.floats(0, 4e9))
    def test_created_at_is_the_clocks_time_to_the_microsecond(self, now):
        line = lines(renderer_of(dialect=Ollama(lambda: now)).close())[0]

        assert abs(datetime.fromisoformat(line["created_at"]).timestamp() - now) < 2e-6
        assert len(line["created_at"]) == 27

    def test_nothing_stands_for_nothing(self):
        assert renderer_of().render([Finish("stop"), Usage()]) == b""

    def test_it_has_no_comments(self):
        assert renderer_of().comment("waiting") == b""

    def test_an_error_is_a_line_and_no_end(self):
        assert renderer_of().error(Problem(502, "it broke", code="x")) == b'{"error":"it broke"}\n'

    def test_it_is_ndjson(self):
        assert DIALECT.stream_type == "application/x-ndjson"


class TestWhole:
    def test_a_chat_has_every_field(self):
        deltas = [
            ReasoningDelta("hm"),
            TextDelta("Hi "),
            TextDelta("you"),
            Finish("stop"),
            Usage(9, 2, load_s=1.0, eval_s=0.5),
        ]

        assert json.loads(DIALECT.answer(request_of(), "m", deltas)) == {
            "model": "m",
            "created_at": AT,
            "message": {"role": "assistant", "content": "Hi you", "thinking": "hm"},
            "done": True,
            "done_reason": "stop",
            "total_duration": 1_500_000_000,
            "load_duration": 1_000_000_000,
            "prompt_eval_count": 9,
            "prompt_eval_duration": 0,
            "eval_count": 2,
            "eval_duration": 500_000_000,
        }

    def test_a_generate_has_response_and_thinking(self):
        answer = json.loads(
            DIALECT.answer(request_of("generate"), "m", [ReasoningDelta("hm"), TextDelta("Hi"), Finish("stop")])
        )

        assert (answer["response"], answer["thinking"], "message" in answer) == ("Hi", "hm", False)

    def test_logprobs_are_together(self):
        deltas = [TextDelta(text, logprobs=({"token": text, "logprob": -1.0},)) for text in "ab"]

        assert [token["token"] for token in json.loads(DIALECT.answer(request_of(), "m", deltas))["logprobs"]] == [
            "a",
            "b",
        ]

    @pytest.mark.parametrize(("keep_alive", "reason"), [(None, "load"), ("5m", "load"), (0, "unload")])
    @pytest.mark.parametrize("operation", OPERATIONS)
    def test_a_load_is_answered_by_one_object(self, operation, keep_alive, reason):
        nothing = {"messages": []} if operation == "chat" else {"prompt": ""}
        request = request_of(operation, keep_alive=keep_alive, **nothing)
        content = {"message": {"role": "assistant", "content": ""}} if operation == "chat" else {"response": ""}

        assert {"model": "m", "created_at": AT, **content, "done": True, "done_reason": reason} == json.loads(
            DIALECT.load_answer(request, "m")
        )

    def test_an_error_is_its_message(self):
        assert (
            DIALECT.error(Problem(404, "model 'x' not found", code="model_not_found"))
            == b'{"error":"model \'x\' not found"}'
        )


texts = st.text(st.characters(codec="utf-8"), max_size=8)
deltas_of_answers = st.lists(
    st.builds(TextDelta, texts)
    | st.builds(ReasoningDelta, texts)
    | st.builds(
        ToolCall,
        st.just("call_12345678"),
        texts.filter(bool),
        st.dictionaries(texts, texts, max_size=2).map(lambda arguments: json.dumps(arguments, indent=1)),
    ),
    max_size=8,
)


def told(deltas):
    """Say what a client must have read of `deltas`."""
    return (
        "".join(delta.text for delta in deltas if isinstance(delta, TextDelta)),
        "".join(delta.text for delta in deltas if isinstance(delta, ReasoningDelta)),
        [(delta.name, json.loads(delta.arguments)) for delta in deltas if isinstance(delta, ToolCall)],
    )


def heard(answers):
    """Say what the client's own types hold."""
    calls = [call.function for answer in answers for call in answer.message.tool_calls or ()]
    return (
        "".join(answer.message.content for answer in answers),
        "".join(answer.message.thinking or "" for answer in answers),
        [(call.name, call.arguments) for call in calls],
    )


@settings(deadline=None)
@given(
    said=deltas_of_answers,
    reason=st.sampled_from(["stop", "length"]),
    counts=st.tuples(st.integers(0, 99), st.integers(0, 99)),
)
def test_the_client_reads_from_a_stream_what_was_said(said, reason, counts):
    parsed = lines(stream(*said, Finish(reason), Usage(*counts)))
    answers = [ollama.ChatResponse.model_validate(line) for line in parsed]
    end = answers[-1]

    assert told(said) == heard(answers)
    assert [False] * (len(answers) - 1) + [True] == [answer.done for answer in answers]
    assert (reason, counts) == (end.done_reason, (end.prompt_eval_count, end.eval_count))


@settings(deadline=None)
@given(said=deltas_of_answers)
def test_the_client_reads_from_a_whole_answer_what_was_said(said):
    answer = ollama.ChatResponse.model_validate_json(DIALECT.answer(request_of(), "m", [*said, Finish("stop")]))

    assert told(said) == heard([answer])


@settings(deadline=None)
@given(said=st.lists(st.builds(TextDelta, texts) | st.builds(ReasoningDelta, texts), max_size=6))
def test_the_client_reads_from_a_generate_what_was_said(said):
    answers = [ollama.GenerateResponse.model_validate(line) for line in lines(stream(*said, operation="generate"))]

    assert told(said)[:2] == ("".join(a.response for a in answers), "".join(a.thinking or "" for a in answers))


class TestOfficialClient:
    """The `ollama` package itself, in front of bytes of ours."""

    @staticmethod
    def client_of(answer):
        def handle(http):
            operation = http.url.path.removeprefix("/api/")
            return answer(DIALECT.read(operation, http.content))

        client = ollama.Client(host="http://cortex")
        client._client.close()
        client._client = httpx.Client(base_url="http://cortex", transport=httpx.MockTransport(handle))
        return client

    def test_it_reads_a_stream_of_calls(self):
        deltas = [ToolCall("call_1", "f", '{"a":1}'), Finish("tool_calls"), Usage(1, 1)]

        def answer(request):
            renderer = DIALECT.renderer(request, "m")
            return httpx.Response(200, content=renderer.render(deltas) + renderer.close())

        parts = list(self.client_of(answer).chat("m", [{"role": "user", "content": "Hi"}], stream=True))

        assert parts[0].message.tool_calls[0].function.arguments == {"a": 1}
        assert parts[-1].done

    def test_what_it_sends_is_read(self):
        sent = []

        def answer(request):
            sent.append(DIALECT.neutral(request))
            return httpx.Response(200, content=DIALECT.answer(request, "m", [TextDelta("Hi"), Finish("stop")]))

        def weather(city: str) -> str:
            """Say the weather.

            Args:
              city: where
            """

        self.client_of(answer).chat(
            "m",
            [{"role": "user", "content": "Hi", "images": [b"\x89PNG"]}],
            tools=[weather],
            think="high",
            options={"top_k": 5},
        )

        assert (sent[0].tools[0].name, sent[0].reasoning, sent[0].sampling.top_k) == ("weather", "high", 5)
        assert "city" in sent[0].tools[0].parameters["properties"]

    def test_it_raises_at_an_error_in_a_stream(self):
        def answer(request):
            renderer = DIALECT.renderer(request, "m")
            return httpx.Response(
                200, content=renderer.render([TextDelta("x")]) + renderer.error(Problem(502, "it broke"))
            )

        with pytest.raises(ollama.ResponseError, match="it broke"):
            list(self.client_of(answer).generate("m", "Hi", stream=True))

    def test_it_raises_the_words_of_a_missing_model(self):
        problem = Problem(404, "model 'x' not found")
        client = self.client_of(lambda _: httpx.Response(404, content=DIALECT.error(problem)))

        with pytest.raises(ollama.ResponseError, match=r"^model 'x' not found") as caught:
            client.generate("x", "Hi", stream=False)
        assert caught.value.status_code == 404
