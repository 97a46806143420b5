"""Empty answers are failures, refusals and prompts that are too long are answers: what becomes of each."""

import json

import pytest
from house import until, worker

from cortex.simulate.fault import Fault

ORDER = '[models]\nany = ["cloud:cloud-70b", "desk:llama3.2:3b"]\n'
TOO_LONG = Fault("error_status", status=400, body='{"error":"the input length exceeds the context length"}')


def empty(finish, *, stream, dialect="openai"):
    """Return an answer that is whole and says nothing."""
    if dialect == "ollama":
        end = {"model": "x", "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": finish}
        return json.dumps(end, separators=(",", ":")) + "\n"
    head = {"id": "c-1", "created": 1, "model": "x"}
    if not stream:
        message = {"role": "assistant", "content": ""}
        choice = {"index": 0, "message": message, "finish_reason": finish}
        return json.dumps({**head, "object": "chat.completion", "choices": [choice]})
    deltas = [({"role": "assistant", "content": ""}, None), ({}, finish)]
    choices = [{"index": 0, "delta": delta, "finish_reason": reason} for delta, reason in deltas]
    events = [{**head, "object": "chat.completion.chunk", "choices": [choice]} for choice in choices]
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"


def says(sim, body):
    """Let it answer the next request with these bytes."""
    sim.fault(Fault("error_status", status=200, body=body))


def trace(home):
    return home.daemon.journal.latest(1)[0].trace()


@pytest.mark.parametrize("dialect", ["openai", "ollama"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("first", ["cloud", "desk"])
async def test_an_empty_answer_is_a_failure_and_the_next_is_asked(build, cloud, desk, rack, first, stream, dialect):
    order = f'[models]\nany = ["{first}:{"cloud-70b" if first == "cloud" else "llama3.2:3b"}", "rack:llama3.2:3b"]\n'
    home = await build(worker(cloud), worker(desk), worker(rack), order)
    sim = {"cloud": cloud, "desk": desk}[first]
    says(sim, empty("stop", stream=stream, dialect=sim.dialect))

    ask = home.chat if dialect == "openai" else home.ollama_chat
    seen = await ask("Hello", model="any", stream=stream)

    assert seen.status == 200
    assert seen.worker == "rack"
    assert "You said: Hello" in seen.text
    assert trace(home)["attempts_made"][0]["failure"] == "malformed: the answer is empty"
    await until(home.is_quiet)


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/messages"])
async def test_nothing_of_an_empty_answer_is_left_in_the_next_ones_stream(build, cloud, desk, path):
    home = await build(worker(cloud), worker(desk), ORDER)
    says(cloud, empty("stop", stream=True))
    asked = {"input": "Hi"} if path == "/v1/responses" else {"messages": [{"role": "user", "content": "Hi"}]}

    seen = await home.post(path, {"model": "any", "stream": True, "max_tokens": 50} | asked)

    assert seen.worker == "desk"
    opening = b"event: response.created" if path == "/v1/responses" else b"event: message_start"
    assert seen.body.startswith(opening)
    assert seen.body.count(opening) == 1


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "more",
    [
        {"stop": ["You"]},
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "All of it."}]},
    ],
)
async def test_nothing_may_be_the_answer_to_whoever_stops_or_begins_it(build, cloud, desk, stream, more):
    home = await build(worker(cloud), worker(desk), ORDER)
    says(cloud, empty("stop", stream=stream))

    seen = await home.chat(model="any", stream=stream, **more)

    assert (seen.status, seen.worker, seen.text) == (200, "cloud", "")


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_a_bound_cut_before_its_first_word_is_one(build, cloud, desk, stream):
    home = await build(worker(cloud), worker(desk), ORDER)
    says(cloud, empty("length", stream=stream))

    assert (await home.chat(model="any", stream=stream)).worker == "cloud"


@pytest.mark.parametrize("dialect", ["openai", "ollama"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("on_refusal", ["answer", "next"])
async def test_a_content_filters_refusal_goes_elsewhere_only_where_that_is_wanted(
    build, cloud, desk, on_refusal, stream, dialect
):
    home = await build(worker(cloud), worker(desk), ORDER, f'[routing]\non_refusal = "{on_refusal}"\n')
    says(cloud, empty("content_filter", stream=stream))

    ask = home.chat if dialect == "openai" else home.ollama_chat
    seen = await ask(model="any", stream=stream)

    assert seen.status == 200
    assert seen.worker == ("desk" if on_refusal == "next" else "cloud")
    assert (b"content_filter" in seen.body) is (on_refusal == "answer")


@pytest.mark.parametrize("on_refusal", ["answer", "next"])
async def test_a_refusal_with_a_status_is_no_other(build, cloud, desk, on_refusal):
    home = await build(worker(cloud), worker(desk), ORDER, f'[routing]\non_refusal = "{on_refusal}"\n')
    refusal = '{"error":{"message":"blocked","type":"invalid_request_error","code":"content_filter"}}'
    cloud.fault(Fault("error_status", status=400, body=refusal))

    seen = await home.chat(model="any", stream=True)

    assert seen.status == (200 if on_refusal == "next" else 400)


async def test_where_no_other_answers_the_refusal_is_told(build, cloud, desk):
    home = await build(worker(cloud), worker(desk), ORDER, '[routing]\non_refusal = "next"\n')
    says(cloud, empty("content_filter", stream=True))
    desk.fault(Fault("error_status", status=500))

    seen = await home.chat(model="any", stream=True)

    assert seen.status == 400
    assert seen.json["error"]["code"] == "content_filter"
    assert "cloud" in seen.text_of_error


@pytest.mark.parametrize("stream", [False, True])
async def test_a_prompt_that_is_too_long_goes_to_a_larger_context(build, desk, rack, stream):
    home = await build(worker(desk, num_ctx=2048), worker(rack, num_ctx=8192))
    desk.always(TOO_LONG)
    await home.act("rack", "drain")
    refused = await home.chat(model="llama3.2:3b", stream=stream)
    await home.act("rack", "resume")

    seen = await home.chat(model="llama3.2:3b", stream=stream)

    assert (refused.status, refused.json["error"]["code"]) == (400, "context_length_exceeded")
    assert "desk" in refused.text_of_error
    assert (seen.status, seen.worker) == (200, "rack")
    assert home.standing("desk").breaker.state == "closed"


@pytest.mark.parametrize(
    ("sizes", "settings"), [((2048, 2048), ""), ((2048, 8192), '[routing]\non_too_long = "answer"\n')]
)
async def test_else_the_client_is_told_that_it_is(build, desk, rack, sizes, settings):
    home = await build(worker(desk, num_ctx=sizes[0]), worker(rack, num_ctx=sizes[1]), settings)
    desk.always(TOO_LONG)
    rack.always(TOO_LONG)

    seen = await home.chat(model="desk:llama3.2:3b" if settings else "llama3.2:3b", stream=True)

    assert (seen.status, seen.json["error"]["code"]) == (400, "context_length_exceeded")
    assert trace(home)["attempts"] == 1


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("first", ["cloud", "desk"])
@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("<html><body>Please log in</body></html>", "malformed"),
        ('{"error":{"message":"Overloaded","type":"overloaded_error","code":503}}', "busy"),
        (
            '{"error":{"message":"Rate limit reached for requests per minute","code":"rate_limit_exceeded"}}',
            "rate_limited",
        ),
        ('data: {"error":{"message":"The server had an error","type":"server_error"}}\n\n', "server_error"),
        ('{"error":"an error was encountered while running the model: CUDA error"}\n', "server_error"),
        ('{"nothing":"of use"}', "malformed"),
    ],
)
async def test_a_200_that_is_no_answer_is_a_failure_by_its_word(build, cloud, desk, rack, first, body, word, stream):
    order = f'[models]\nany = ["{first}:{"cloud-70b" if first == "cloud" else "llama3.2:3b"}", "rack:llama3.2:3b"]\n'
    home = await build(worker(cloud), worker(desk), worker(rack), order)
    says({"cloud": cloud, "desk": desk}[first], body)

    seen = await home.chat("Hello", model="any", stream=stream)

    assert (seen.status, seen.worker) == (200, "rack")
    failure = trace(home)["attempts_made"][0]["failure"]
    is_of_both = not body.startswith("data:")  # an event of the one dialect is nothing in the other
    assert failure.startswith(word if is_of_both else (word, "malformed"))
