"""The official `anthropic` package itself, in front of a server that answers with bytes of ours."""

import json
from contextlib import asynccontextmanager

import anthropic
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cortex.chat import Finish, ReasoningDelta, TextDelta, ToolCall, Usage
from cortex.endpoint.anthropic import Anthropic
from cortex.endpoint.anthropic_names import short_name
from cortex.endpoint.dialect import BadRequest, Problem

DIALECT = Anthropic(now=lambda: 0.0)
HELLO = [TextDelta("Hel"), TextDelta("lo"), Finish("stop"), Usage(30, 2, cached_tokens=20)]
LONG = "mcp__server__" + "x" * 80
TOOLS = [{"name": name, "input_schema": {"type": "object"}} for name in ("f", "g", LONG)]
ASK = {"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": "Hi"}]}
PIECE = 37
"""Bytes that go out at once: events come cut anywhere."""


@asynccontextmanager
async def client_of(answer):
    """Give a client whose server answers `/v1/messages` with what `answer` makes of the request."""
    server = TestServer(_application(answer))
    await server.start_server()
    base = str(server.make_url("/")).rstrip("/")
    client = anthropic.AsyncAnthropic(base_url=base, api_key="k", max_retries=0)
    try:
        async with client:
            yield client
    finally:
        await server.close()


def _application(answer):
    async def handle(http):
        operation = "count" if http.path.endswith("count_tokens") else "chat"
        try:
            request = DIALECT.read(operation, await http.read())
        except BadRequest as refused:
            return told(refused.problem)
        request.id = "r1"
        if operation == "count":
            return _json(DIALECT.counted(request))
        made = answer(request)
        return await _streamed(http, made) if isinstance(made, bytes) else made

    application = web.Application()
    application.router.add_post("/v1/messages", handle)
    application.router.add_post("/v1/messages/count_tokens", handle)
    return application


async def _streamed(http, data):
    response = web.StreamResponse(headers={"Content-Type": DIALECT.stream_type})
    await response.prepare(http)
    for at in range(0, len(data), PIECE):
        await response.write(data[at : at + PIECE])
    return response


def _json(body, status=200):
    return web.Response(status=status, body=body, content_type="application/json")


def told(problem):
    return _json(DIALECT.error(problem), problem.status)


def whole(*deltas):
    return client_of(lambda request: _json(DIALECT.answer(request, "m", list(deltas))))


def streamed(*deltas, end=lambda renderer: renderer.close()):
    def answer(request):
        renderer = DIALECT.renderer(request, "m")
        before = renderer.comment("waiting for desk")
        return before + renderer.render(list(deltas)) + renderer.comment("") + end(renderer)

    return client_of(answer)


async def test_it_reads_a_whole_answer():
    async with whole(*HELLO) as client:
        message = await client.messages.create(**ASK)

    assert (message.content[0].text, message.stop_reason, message.id) == ("Hello", "end_turn", "msg_r1")
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens, message.usage.output_tokens) == (
        10,
        20,
        2,
    )


async def test_its_accumulating_helper_takes_text_and_usage():
    async with streamed(*HELLO) as client, client.messages.stream(**ASK) as stream:
        text = "".join([piece async for piece in stream.text_stream])
        message = await stream.get_final_message()

    assert (text, message.content[0].text, message.stop_reason) == ("Hello", "Hello", "end_turn")
    assert (message.usage.input_tokens, message.usage.output_tokens) == (10, 2)


async def test_its_accumulating_helper_takes_thinking_text_and_parallel_calls():
    deltas = [
        ReasoningDelta("h"),
        ReasoningDelta("m"),
        TextDelta("Let me see"),
        ToolCall("toolu_1", "f", '{"a":{"b":[1,2]}}'),
        ToolCall("toolu_2", short_name(LONG), "{}"),
        Finish("tool_calls"),
    ]
    async with streamed(*deltas) as client, client.messages.stream(**ASK, tools=TOOLS) as stream:
        message = await stream.get_final_message()

    thinking, text, first, second = message.content
    assert (thinking.thinking, thinking.signature, text.text) == ("hm", "", "Let me see")
    assert (first.id, first.name, first.input) == ("toolu_1", "f", {"a": {"b": [1, 2]}})
    assert (second.id, second.name, second.input) == ("toolu_2", LONG, {})
    assert message.stop_reason == "tool_use"


async def test_an_answer_without_anything_is_read():
    async with streamed(Finish("stop")) as client, client.messages.stream(**ASK) as stream:
        message = await stream.get_final_message()

    assert (message.content, message.usage.output_tokens) == ([], 0)


async def test_it_raises_at_an_error_in_a_stream():
    async with streamed(TextDelta("Hel"), end=lambda renderer: renderer.error(Problem(502, "it broke"))) as client:
        stream = await client.messages.create(**ASK, stream=True)
        with pytest.raises(anthropic.APIStatusError, match="it broke") as caught:
            [event async for event in stream]

    assert caught.value.body["error"]["type"] == "api_error"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, anthropic.BadRequestError),
        (401, anthropic.AuthenticationError),
        (404, anthropic.NotFoundError),
        (429, anthropic.RateLimitError),
        (503, anthropic.InternalServerError),
    ],
)
async def test_it_raises_its_own_error_for_each_status(status, kind):
    async with client_of(lambda _: told(Problem(status, "no"))) as client:
        with pytest.raises(kind, match="no") as caught:
            await client.messages.create(**ASK)

    assert caught.value.status_code == status


async def test_it_says_where_a_bad_request_is_wrong():
    async with client_of(lambda _: None) as client:
        with pytest.raises(anthropic.BadRequestError, match=r"messages\[0\]\.role: expected one of user"):
            await client.messages.create(**ASK | {"messages": [{"role": "boss", "content": "Hi"}]})


async def test_it_counts_tokens():
    async with client_of(lambda _: None) as client:
        counted = await client.messages.count_tokens(model="m", messages=ASK["messages"], tools=TOOLS, system="s")

    assert counted.input_tokens > 4


async def test_what_it_sends_back_of_an_answer_is_read():
    sent = []
    deltas = [ReasoningDelta("hm"), ToolCall("functions.f:0", "f", '{"a":1}'), Finish("tool_calls")]

    def answer(request):
        sent.append(DIALECT.neutral(request))
        return _json(DIALECT.answer(request, "m", deltas))

    async with client_of(answer) as client:
        message = await client.messages.create(**ASK, tools=TOOLS)
        result = {"type": "tool_result", "tool_use_id": message.content[1].id, "content": "42"}
        turns = [*ASK["messages"], message.to_param(), {"role": "user", "content": [result]}]
        await client.messages.create(**ASK | {"messages": turns}, tools=TOOLS)

    _, called, answered = sent[1].messages
    assert called.reasoning == "hm"
    assert called.tool_calls[0].id == answered.tool_call_id == "functions.f:0"
    assert json.loads(called.tool_calls[0].arguments) == {"a": 1}


async def test_what_it_sends_for_a_typed_answer_binds_it_to_a_schema():
    sent = []

    def answer(request):
        sent.append(DIALECT.neutral(request))
        return _json(DIALECT.answer(request, "m", [TextDelta('{"a":1}'), Finish("stop")]))

    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": False}
    async with client_of(answer) as client:
        await client.messages.create(
            **ASK, output_config={"format": {"type": "json_schema", "schema": schema}, "effort": "low"}
        )

    assert (sent[0].response_format.schema, sent[0].reasoning) == (schema, "low")
