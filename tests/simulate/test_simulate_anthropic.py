"""The simulated Anthropic, asked with bare HTTP: what it refuses, its limits, its streams and how they break."""

import asyncio
import json
import signal
import socket
import sys

import pytest
from simulate_client import KEY, Clock

from cortex.simulate import Fault, Limit, Quota, SimulatedAnthropic

SONNET, FABLE, SIX, HAIKU = "claude-sonnet-5-5", "claude-fable-5-1", "claude-sonnet-4-6", "claude-haiku-4-5"
HELLO = [{"role": "user", "content": "Hello"}]
OLD, NEW = "2023-06-01", "2026-10-21"
OPEN = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = {"name": "weather", "input_schema": OPEN}
USE = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "rain"}
SIGNED = {"type": "thinking", "thinking": "hm", "signature": "EqQBCgIYAhIM"}


@pytest.fixture
async def claude(start):
    return await start(SimulatedAnthropic(instant=True, keys=KEY))


@pytest.fixture
def post(client):
    """Ask for a message; the answer's status, headers and JSON come back, or the events of a stream."""

    async def ask(sim, *, key=KEY, version=OLD, path="/v1/messages", headers=None, **fields):
        body = {"model": SONNET, "max_tokens": 100, "messages": HELLO, **fields}
        sent = {"x-api-key": key, "anthropic-version": version, **(headers or {})}
        given = {name: value for name, value in sent.items() if value}
        async with client.http.post(sim.url + path, json=body, headers=given) as answer:
            data = await answer.read()
        return answer.status, answer.headers, data if body.get("stream") else json.loads(data)

    return ask


def assistant(*blocks):
    return [*HELLO, {"role": "assistant", "content": list(blocks)}]


REFUSED = {
    "unknown field": ({"context_management": {}}, "context_management: Extra inputs are not permitted"),
    "unknown field within": (
        {"output_config": {"what": 1}},
        "output_config.what: Extra inputs are not permitted",
    ),
    "no messages": ({"messages": []}, "at least one message"),
    "assistant first": ({"messages": [{"role": "assistant", "content": "Hi"}, *HELLO]}, "must use the user role"),
    "prefill": ({"messages": assistant({"type": "text", "text": "He"})}, "does not support assistant message prefill"),
    "blank": ({"messages": [{"role": "user", "content": " "}]}, "must contain non-whitespace text"),
    "bound": ({"max_tokens": 0}, "greater than or equal to 1"),
    "bound above": ({"max_tokens": 128_001}, "128001 > 128000, which is the maximum allowed"),
    "no result": ({"messages": [*assistant(USE), *HELLO]}, "were found without `tool_result` blocks"),
    "no result at the end": ({"model": HAIKU, "messages": assistant(USE)}, "were found without `tool_result` blocks"),
    "no call": ({"messages": [{"role": "user", "content": [RESULT]}]}, "unexpected `tool_use_id`"),
    "result behind text": (
        {"messages": [*assistant(USE), {"role": "user", "content": [{"type": "text", "text": "a"}, RESULT]}]},
        "must come first",
    ),
    "id twice": (
        {"messages": [*assistant(USE, USE), {"role": "user", "content": [RESULT]}]},
        "ids must be unique",
    ),
    "odd id": ({"model": HAIKU, "messages": assistant({**USE, "id": "f:0"})}, "should match pattern"),
    "input": ({"model": HAIKU, "messages": assistant({**USE, "input": "{}"})}, "should be an object"),
    "signature": ({"messages": [*assistant(SIGNED), *HELLO]}, "Invalid `signature`"),
    "image": (
        {
            "messages": [
                {"role": "user", "content": [{"type": "image", "source": {"type": "base64", "media_type": "x"}}]}
            ]
        },
        "Input should be one of",
    ),
    "image without a source": (
        {"messages": [{"role": "user", "content": [{"type": "image"}]}]},
        "image.source: Field required",
    ),
    "stop": ({"stop_sequences": ["\n"]}, "must contain non-whitespace"),
    "sampled": ({"temperature": 0.5}, "`temperature` is deprecated"),
    "sampled twice": ({"model": SIX, "temperature": 0.5, "top_p": 0.5}, "cannot both be specified"),
    "temperature": ({"model": SIX, "temperature": 1.5}, "range: 0..1"),
    "budget": ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, '"thinking.type.enabled" is not supported'),
    "low budget": (
        {"model": HAIKU, "thinking": {"type": "enabled", "budget_tokens": 9}},
        "greater than or equal to 1024",
    ),
    "high budget": ({"model": HAIKU, "thinking": {"type": "enabled", "budget_tokens": 1024}}, "must be greater than"),
    "adaptive": ({"model": HAIKU, "thinking": {"type": "adaptive"}}, '"thinking.type.adaptive" is not supported'),
    "cannot stop": ({"model": FABLE, "thinking": {"type": "disabled"}}, '"thinking.type.disabled" is not supported'),
    "effort": ({"model": SIX, "output_config": {"effort": "xhigh"}}, "does not support the effort"),
    "forced": (
        {"thinking": {"type": "adaptive"}, "tools": [WEATHER], "tool_choice": {"type": "any"}},
        "may not be enabled when tool_choice forces",
    ),
    "thinking drawn": (
        {"model": SIX, "thinking": {"type": "adaptive"}, "temperature": 0.5},
        "may only be set to 1",
    ),
    "choice without tools": ({"tool_choice": {"type": "auto"}}, "while providing tools"),
    "choice of nothing": ({"tools": [WEATHER], "tool_choice": {"type": "tool", "name": "x"}}, "not found in provided"),
    "tool name": ({"tools": [{**WEATHER, "name": "a.b"}]}, "should match pattern"),
    "tool schema": ({"tools": [{"name": "a"}]}, "input_schema: Field required"),
    "tool type": ({"tools": [{"name": "a", "input_schema": {}}]}, "input_schema.type: Field required"),
    "strict tool": ({"tools": [{**WEATHER, "strict": True}]}, "must be explicitly set to false"),
    "schema": (
        {"output_config": {"format": {"type": "json_schema", "schema": {"type": "number", "minimum": 1}}}},
        "property 'minimum' is not supported",
    ),
    "wrong type": ({"messages": "Hi"}, "Expected `array`"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_request_that_is_wrong_is_refused_in_its_own_words(case, claude, post):
    fields, words = REFUSED[case]

    status, _, said = await post(claude, **fields)

    assert (status, said["type"], said["error"]["type"]) == (400, "error", "invalid_request_error")
    assert words in said["error"]["message"]


async def test_prompt_that_is_too_long_is_refused_with_both_numbers(start, post):
    small = await start(SimulatedAnthropic(instant=True, models=["claude-sonnet-5-5"]))

    _, _, said = await post(small, messages=[{"role": "user", "content": "word" + " word" * 39_999}])

    assert said["error"]["message"] == "prompt is too long: 40004 tokens > 32768 maximum"


@pytest.mark.parametrize("field", ["temperature", "top_p", "top_k"])
async def test_newest_version_of_the_api_knows_no_sampling(field, claude, post):
    assert (await post(claude, model=HAIKU, **{field: 1}))[0] == 200
    assert (await post(claude, model=HAIKU, version=NEW, **{field: 1}))[2]["error"]["message"] == (
        f"{field}: Extra inputs are not permitted"
    )


async def test_version_must_be_said(claude, post):
    status, _, said = await post(claude, version="")

    assert (status, said["error"]["message"]) == (400, "anthropic-version: header is required")


async def test_key_may_come_in_either_header_and_the_own_one_counts(claude, post):
    bearer = {"Authorization": f"Bearer {KEY}"}

    assert (await post(claude, key="", headers=bearer))[0] == 200
    assert (await post(claude, key="wrong", headers=bearer))[0] == 401
    assert (await post(claude, key=""))[2]["error"]["message"] == "x-api-key header is required"


async def test_stream_has_each_event_by_name_and_ends_with_message_stop(claude, post):
    _, headers, data = await post(claude, stream=True, thinking={"type": "adaptive", "display": "summarized"})
    events = data.decode().strip().split("\n\n")
    names = [event.partition("\n")[0].removeprefix("event: ") for event in events]
    datas = [json.loads(event.partition("\ndata: ")[2]) for event in events]

    assert headers["Content-Type"] == "text/event-stream"
    assert [data["type"] for data in datas] == names
    assert (names[0], names[1], names[2], names[-2:]) == (
        "message_start",
        "content_block_start",
        "ping",
        ["message_delta", "message_stop"],
    )
    assert [data["index"] for data in datas if data["type"] == "content_block_stop"] == [0, 1]
    assert datas[-2]["usage"]["output_tokens_details"] == {"thinking_tokens": 7}


@pytest.mark.parametrize(
    ("model", "thinking", "shown"),
    [
        (SONNET, {"type": "adaptive"}, ""),
        (SIX, {"type": "adaptive"}, "The user wants"),
        (SIX, {"type": "adaptive", "display": "omitted"}, ""),
        (FABLE, None, ""),
    ],
)
async def test_thoughts_are_shown_or_only_signed(model, thinking, shown, claude, post):
    _, _, answer = await post(claude, model=model, **({"thinking": thinking} if thinking else {}))
    thought = answer["content"][0]

    assert (thought["type"], bool(thought["signature"])) == ("thinking", True)
    assert thought["thinking"][:14] == shown


async def test_own_thoughts_are_known_again(claude, post):
    _, _, first = await post(claude, thinking={"type": "adaptive"})
    history = [*HELLO, {"role": "assistant", "content": first["content"]}, *HELLO]

    assert (await post(claude, messages=history))[0] == 200


async def test_answer_that_a_stop_sequence_ends_names_it(claude, post):
    _, _, answer = await post(claude, stop_sequences=["never", "said"])

    assert (answer["stop_reason"], answer["stop_sequence"]) == ("stop_sequence", "said")
    assert answer["content"][0]["text"].endswith("You ")


async def test_spent_minute_is_refused_with_times_that_its_date_explains(start, post):
    clock = Clock()
    plan = Quota(limits=(Limit(2, "minute"), Limit(1_000, "minute", "tokens")))
    sim = await start(SimulatedAnthropic(instant=True, quota=plan, clock=clock, wall=clock.wall))
    answers = [await post(sim) for _ in range(3)]
    good, bad = answers[0][1], answers[2][1]

    assert [status for status, _, _ in answers] == [200, 200, 429]
    assert good["Date"] == "Wed, 25 Nov 2026 12:00:00 GMT"
    assert good["anthropic-ratelimit-requests-remaining"] == "1"
    assert good["anthropic-ratelimit-input-tokens-remaining"] == "995"
    assert good["anthropic-ratelimit-requests-reset"] == "2026-11-25T12:01:00Z"
    assert (bad["Retry-After"], bad["anthropic-ratelimit-requests-remaining"]) == ("60", "0")
    assert "rate limit of 2 requests per minute (org: " in answers[2][2]["error"]["message"]


@pytest.mark.parametrize(
    ("flavour", "status", "kind"),
    [
        ("busy", 529, "overloaded_error"),
        ("rate_limited:hard", 429, "rate_limit_error"),
        ("rate_limited:month", 400, "invalid_request_error"),
        ("unauthorized:billing", 402, "billing_error"),
        ("unauthorized:credit", 400, "invalid_request_error"),
        ("model_missing:access", 403, "permission_error"),
        ("error_status:too_large", 413, "request_too_large"),
    ],
)
async def test_each_of_its_refusals_has_its_status_and_type(flavour, status, kind, claude, post):
    name, _, more = flavour.partition(":")
    claude.fault(Fault(name, flavour=more))

    answered, _, said = await post(claude)

    assert (answered, said["error"]["type"]) == (status, kind)


async def test_stream_may_break_with_an_error_event_and_without_an_end(claude, post):
    claude.fault(Fault("error_in_stream", after_tokens=2, body="it broke"))
    _, _, broken = await post(claude, stream=True)
    claude.fault(Fault("no_done"))
    _, _, endless = await post(claude, stream=True)

    assert broken.endswith(
        b'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"it broke"},"request_id":"req_simulated"}\n\n'
    )
    assert b"message_stop" not in broken + endless


async def test_model_is_found_with_its_date_and_without(claude, post):
    assert (await post(claude, model="claude-haiku-4-5"))[0] == 200
    assert (await post(claude, model="claude-haiku-4-5-20251001"))[0] == 200
    assert (await post(claude, model="claude-2"))[2]["error"] == {
        "type": "not_found_error",
        "message": "model: claude-2",
    }


async def test_model_that_does_not_see_refuses_images(start, post):
    blind = await start(SimulatedAnthropic(instant=True, models=[SONNET]))
    image = {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}

    _, _, said = await post(blind, messages=[{"role": "user", "content": [image]}])

    assert said["error"]["message"] == "This model does not support image input."


async def test_text_of_a_document_is_read_and_a_file_is_taken(claude, post):
    text = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "ipsum"}}
    file = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "QUJD"}}
    _, _, answer = await post(claude, messages=[{"role": "user", "content": [text, file]}])

    assert "You said: ipsum" in answer["content"][0]["text"]


async def test_trouble_without_a_body_of_its_own_is_in_its_shape(claude, post):
    claude.fault(Fault("error_status", status=502))

    status, _, said = await post(claude)

    assert (status, said["error"]["type"]) == (502, "api_error")


async def test_page_of_models_has_a_bound(claude, client):
    headers = {"x-api-key": KEY, "anthropic-version": OLD}
    async with client.http.get(f"{claude.url}/v1/models?limit=0", headers=headers) as answer:
        said = await answer.json()

    assert (answer.status, said["error"]["message"]) == (400, "limit: Input should be between 1 and 1000")


async def test_other_paths_there_are_none(claude, post):
    status, _, said = await post(claude, path="/v1/complete")

    assert (status, said["error"]["type"]) == (404, "not_found_error")


async def test_it_runs_from_the_command_line():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-u", "-m", "cortex.simulate", "--anthropic", str(port), stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(30):
        line = await process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        await process.communicate()

    assert line.startswith(f"anthropic http://127.0.0.1:{port} (claude-sonnet-5-5,".encode())
    assert process.returncode == 0
