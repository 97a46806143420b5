"""The official `openai` package asks for responses, in front of bytes of ours."""

import httpx2
import openai
import pytest

from cortex.chat import Finish, Message, ReasoningDelta, Text, TextDelta, ToolCall, Usage
from cortex.endpoint.dialect import BadRequest, Problem
from cortex.endpoint.openai import OpenAI

DIALECT = OpenAI(now=lambda: 1763978400.0)
TOOLS = [
    {"type": "function", "name": name, "parameters": {"type": "object", "properties": {}}, "strict": False}
    for name in "fg"
]
ANSWER = [
    ReasoningDelta("h"),
    ReasoningDelta("m"),
    TextDelta("Hel"),
    TextDelta("lo"),
    ToolCall("call_1", "f", '{"a":1}'),
    ToolCall("call_2", "g", "{}"),
    Finish("tool_calls"),
    Usage(3, 2, 0, 1),
]


def client_of(deltas, seen=None, end=lambda renderer: renderer.close()):
    def handle(http):
        try:
            request = DIALECT.read("respond", http.content)
            asked = DIALECT.neutral(request)
        except BadRequest as refused:
            return httpx2.Response(refused.problem.status, content=DIALECT.error(refused.problem))
        if seen is not None:
            seen.append(asked)
        request.id = "r1"
        if not request.stream:
            return httpx2.Response(200, content=DIALECT.answer(request, "m", deltas))
        renderer = DIALECT.renderer(request, "m")
        data = renderer.comment("loading m") + renderer.render(deltas) + end(renderer)
        return httpx2.Response(200, headers={"content-type": DIALECT.stream_type}, content=data)

    transport = httpx2.Client(transport=httpx2.MockTransport(handle))
    return openai.OpenAI(base_url="http://cortex/v1", api_key="k", http_client=transport, max_retries=0)


def told(response):
    return (
        response.output_text,
        [(item.call_id, item.name, item.arguments) for item in response.output if item.type == "function_call"],
        ["".join(part.text for part in item.summary) for item in response.output if item.type == "reasoning"],
        response.usage.total_tokens,
    )


EXPECTED = ("Hello", [("call_1", "f", '{"a":1}'), ("call_2", "g", "{}")], ["hm"], 5)


def test_it_reads_a_whole_response():
    with client_of(ANSWER) as client:
        response = client.responses.create(model="m", input="Hi", tools=TOOLS)

    assert told(response) == EXPECTED
    assert (response.status, response.error) == ("completed", None)


def test_its_accumulating_helper_takes_thoughts_text_and_parallel_calls():
    with client_of(ANSWER) as client, client.responses.stream(model="m", input="Hi", tools=TOOLS) as stream:
        kinds = [event.type for event in stream]
        response = stream.get_final_response()

    assert told(response) == EXPECTED
    assert kinds.count("response.output_text.delta") == 2


def test_it_reads_a_stream_event_by_event():
    with client_of(ANSWER) as client:
        found = list(client.responses.create(model="m", input="Hi", tools=TOOLS, stream=True))

    assert [event.sequence_number for event in found] == list(range(len(found)))
    assert "".join(event.delta for event in found if event.type == "response.output_text.delta") == "Hello"
    assert told(found[-1].response) == EXPECTED


def test_it_parses_an_answer_bound_to_a_schema():
    from pydantic import BaseModel  # noqa: PLC0415  only this test needs it

    class Place(BaseModel):
        city: str

    with client_of([TextDelta('{"city":"Graz"}'), Finish("stop"), Usage(1, 1)]) as client:
        response = client.responses.parse(model="m", input="Where?", text_format=Place)

    assert response.output_parsed == Place(city="Graz")


def test_it_sees_that_an_answer_was_cut():
    with client_of([TextDelta("Hel"), Finish("length"), Usage(1, 1)]) as client:
        response = client.responses.create(model="m", input="Hi")
        last = list(client.responses.create(model="m", input="Hi", stream=True))[-1]

    assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert (last.type, last.response.status) == ("response.incomplete", "incomplete")


def test_it_raises_at_an_error_in_a_stream():
    broken = client_of([TextDelta("Hel")], end=lambda renderer: renderer.error(Problem(502, "it broke")))
    with broken as client, pytest.raises(openai.APIError, match="it broke"):
        list(client.responses.create(model="m", input="Hi", stream=True))


def test_it_raises_its_own_error_for_what_would_need_state():
    with client_of([]) as client, pytest.raises(openai.BadRequestError, match="keeps no responses") as caught:
        client.responses.create(model="m", input="Hi", previous_response_id="resp_1")

    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", "previous_response_id")


def test_its_own_output_sent_back_is_one_turn_again():
    seen = []
    with client_of(ANSWER, seen) as client:
        first = client.responses.create(model="m", input="Hi", tools=TOOLS)
        conversation = [
            {"role": "user", "content": "Hi"},
            *first.output,
            {"type": "function_call_output", "call_id": "call_1", "output": "1"},
            {"type": "function_call_output", "call_id": "call_2", "output": "2"},
        ]
        client.responses.create(model="m", input=conversation, tools=TOOLS)

    calls = (ToolCall("call_1", "f", '{"a":1}'), ToolCall("call_2", "g", "{}"))
    assert seen[1].messages == (
        Message("user", (Text("Hi"),)),
        Message("assistant", (Text("Hello"),), "hm", calls),
        Message("tool", (Text("1"),), tool_call_id="call_1", name="f"),
        Message("tool", (Text("2"),), tool_call_id="call_2", name="g"),
    )
