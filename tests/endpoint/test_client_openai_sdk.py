"""The official `openai` package itself, in front of bytes of ours."""

import json

import httpx2
import openai
import pytest

from cortex.chat import Finish, TextDelta, ToolCall, Usage
from cortex.endpoint.dialect import BadRequest, Problem
from cortex.endpoint.listing import Listed, v1_model, v1_models
from cortex.endpoint.openai import OpenAI
from cortex.providers.base import Model

DIALECT = OpenAI(now=lambda: 1763978400.0)
HELLO = [TextDelta("Hel"), TextDelta("lo"), Finish("stop"), Usage(3, 2)]
MODELS = [Listed("org/m:x", ("desk",), Model("org/m:x"))]


def client_of(answer):
    """Make a client whose server answers each POST with what `answer` makes of the request."""

    def handle(http):
        if http.method == "GET":
            name = http.url.path.removeprefix("/v1/models").removeprefix("/")
            body = v1_model(MODELS, name) if name else v1_models(MODELS)
            missing = Problem(404, f"model '{name}' not found", code="model_not_found")
            return httpx2.Response(200 if body else 404, content=body or DIALECT.error(missing))
        try:
            request = DIALECT.read("chat", http.content)
        except BadRequest as refused:
            return httpx2.Response(refused.problem.status, content=DIALECT.error(refused.problem))
        request.id = "r1"
        return answer(request)

    transport = httpx2.Client(transport=httpx2.MockTransport(handle))
    return openai.OpenAI(base_url="http://cortex/v1", api_key="k", http_client=transport, max_retries=0)


def streamed(deltas, end=lambda renderer: renderer.close()):
    def answer(request):
        renderer = DIALECT.renderer(request, "m")
        data = renderer.comment("loading m") + renderer.render(deltas) + end(renderer)
        return httpx2.Response(200, headers={"content-type": DIALECT.stream_type}, content=data)

    return client_of(answer)


ASK = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


def test_it_reads_a_whole_answer():
    client = client_of(lambda request: httpx2.Response(200, content=DIALECT.answer(request, "m", HELLO)))
    with client:
        answer = client.chat.completions.create(**ASK)

    assert (answer.choices[0].message.content, answer.usage.total_tokens) == ("Hello", 5)


def test_its_accumulating_helper_takes_text_and_usage():
    with (
        streamed(HELLO) as client,
        client.chat.completions.stream(**ASK, stream_options={"include_usage": True}) as stream,
    ):
        final = stream.get_final_completion()

    assert (
        final.choices[0].message.content,
        final.choices[0].finish_reason,
        final.usage.total_tokens,
    ) == ("Hello", "stop", 5)


def test_its_accumulating_helper_takes_parallel_tool_calls():
    deltas = [ToolCall("call_1", "f", '{"a":1}'), ToolCall("call_2", "g", "{}"), Finish("tool_calls")]
    tools = [
        {"type": "function", "function": {"name": name, "parameters": {"type": "object"}, "strict": True}}
        for name in "fg"
    ]
    with streamed(deltas) as client, client.chat.completions.stream(**ASK, tools=tools) as stream:
        calls = stream.get_final_completion().choices[0].message.tool_calls

    assert [(call.id, call.function.name, call.function.arguments) for call in calls] == [
        ("call_1", "f", '{"a":1}'),
        ("call_2", "g", "{}"),
    ]


def test_it_raises_at_an_error_in_a_stream():
    broken = streamed([TextDelta("Hel")], end=lambda renderer: renderer.error(Problem(502, "it broke")))
    with broken as client:
        stream = client.chat.completions.create(**ASK, stream=True)
        with pytest.raises(openai.APIError, match="it broke"):
            list(stream)


def test_it_raises_its_own_error_for_a_bad_request():
    with client_of(lambda _: None) as client, pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="m", messages=[{"role": "boss", "content": "Hi"}])

    assert (caught.value.code, caught.value.param) == ("invalid_value", "messages[0].role")


def test_it_lists_models_and_finds_one_with_a_slash():
    with client_of(lambda _: None) as client:
        assert [model.id for model in client.models.list()] == ["org/m:x", "auto"]
        assert client.models.retrieve("org/m:x").owned_by == "desk"
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("other")


def test_what_it_sends_for_every_kind_of_message_is_read():
    sent = []

    def answer(request):
        sent.append(DIALECT.neutral(request))
        return httpx2.Response(200, content=DIALECT.answer(request, "m", HELLO))

    with client_of(answer) as client:
        message = client.chat.completions.create(**ASK).choices[0].message
        client.chat.completions.create(
            model="m", messages=[*ASK["messages"], message, {"role": "user", "content": "More"}]
        )

    assert [turn.role for turn in sent[1].messages] == ["user", "assistant", "user"]
    assert json.loads(message.model_dump_json())["content"] == sent[1].messages[1].parts[0].text
