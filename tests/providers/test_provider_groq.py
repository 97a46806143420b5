"""Groq, which is the OpenAI dialect and the data of its preset: what it is sent, and what is read from it."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.chat import Chat, Finish, Message, ReasoningDelta, Sampling, Text, Tool, ToolCall, Usage, needs_of
from cortex.config.presets import PRESETS
from cortex.messages import Failure
from cortex.providers.openai import OpenAI
from cortex.providers.openai_switches import Switches

GROQ = OpenAI(name="groq", switches=msgspec.convert(PRESETS["groq"].switches, Switches))
GPT, QWEN36, QWEN38, COMPOUND = "openai/gpt-oss-120b", "qwen/qwen3.6-27b", "qwen/qwen3.8-27b", "groq/compound"
USER = {"role": "user", "content": "Hi"}


@pytest.fixture(scope="session")
def sent(asked):
    """Return what a client's own body, or a chat, becomes on the wire."""

    def encode(given, model=GPT):
        if isinstance(given, Chat):
            return json.loads(GROQ.encode(asked("ollama", stream=given.stream), given, model).body)
        body = json.dumps({"model": "m", "messages": [USER]} | given).encode()
        return json.loads(GROQ.encode(asked("openai", body, stream=bool(given.get("stream"))), None, model).body)

    return encode


@pytest.mark.parametrize(
    "field",
    [
        {"logprobs": False},
        {"top_logprobs": None},
        {"logit_bias": {}},
        {"n": 1},
        {"frequency_penalty": 0.5},
        {"presence_penalty": 0.5},
        {"metadata": {"a": "b"}},
        {"store": True},
        {"prompt_cache_key": "k"},
    ],
    ids=lambda field: next(iter(field)),
)
def test_field_that_groq_refuses_is_left_out(field, sent):
    assert sent(field) == sent({})


@pytest.mark.parametrize(
    ("need", "chat"),
    [
        ("n", Chat(messages=(), n=2)),
        ("logprobs", Chat(messages=(), logprobs=True)),
        ("logit_bias", Chat(messages=(), logit_bias={"1": 1.0})),
        ("top_k", Chat(messages=(), sampling=Sampling(top_k=1))),
    ],
)
def test_request_that_groq_cannot_answer_never_comes_here(need, chat):
    assert need in needs_of(chat) & GROQ.lacks


def test_operations_that_groq_has_not_do_not_pass(asked):
    assert {"legacy_completion", "embeddings", "token_inputs"} <= GROQ.lacks
    assert [GROQ.passes(asked("openai", operation=name)) for name in ("chat", "complete", "embed")] == [
        True,
        False,
        False,
    ]


def test_message_keeps_only_keys_that_groq_knows(sent):
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "developer", "content": "Be kind"},
        {"role": "user", "content": "Hi", "name": "Ann"},
        {
            "role": "assistant",
            "content": None,
            "refusal": None,
            "annotations": [],
            "audio": None,
            "function_call": None,
            "reasoning_content": "hm",
            "tool_calls": [call | {"extra_content": {"google": {"thought_signature": "s"}}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "null", "name": "f"},
        {"role": "function", "name": "f", "content": "x"},
    ]

    assert sent({"messages": messages})["messages"] == [
        {"role": "system", "content": "Be kind"},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "tool_calls": [call], "reasoning": "hm"},
        {"role": "tool", "tool_call_id": "c1", "content": "null"},
        {"role": "function", "name": "f", "content": "x"},
    ]


@pytest.mark.parametrize(
    ("model", "word", "theirs"),
    [
        *[(GPT, word, "low") for word in ("none", "minimal", "low")],
        (GPT, "medium", "medium"),
        *[(GPT, word, "high") for word in ("high", "xhigh", "max")],
        (QWEN36, "none", "none"),
        *[(QWEN36, word, "default") for word in ("minimal", "low", "medium", "high", "xhigh", "max")],
        (QWEN38, "none", "none"),
        (QWEN38, "minimal", "low"),
        (QWEN38, "medium", "medium"),
        (QWEN38, "max", "high"),
        (COMPOUND, "high", "high"),
    ],
)
def test_effort_is_said_in_the_words_of_the_model(model, word, theirs, sent):
    chat = Chat(messages=(Message("user", (Text("Hi"),)),), reasoning=word)

    assert sent({"reasoning_effort": word}, model)["reasoning_effort"] == theirs
    assert sent(chat, model)["reasoning_effort"] == theirs


@pytest.mark.parametrize(
    ("model", "given_fields", "fields"),
    [
        (GPT, {}, {"include_reasoning": True}),
        (QWEN36, {}, {"reasoning_format": "parsed"}),
        (COMPOUND, {}, {}),
        (GPT, {"reasoning_format": "hidden"}, {"reasoning_format": "hidden"}),
        (QWEN36, {"include_reasoning": False}, {"include_reasoning": False}),
    ],
)
def test_thinking_is_asked_for_apart_unless_the_client_said_how(model, given_fields, fields, sent):
    """The two fields exclude each other, so what the client said is never met with the other one."""
    said = sent(given_fields, model)

    assert {name: said[name] for name in ("include_reasoning", "reasoning_format") if name in said} == fields


def test_bound_of_the_answer_has_its_newer_name(sent):
    assert sent({"max_tokens": 5})["max_completion_tokens"] == 5
    assert "max_tokens" not in sent({"max_tokens": 5})


@pytest.mark.parametrize(
    ("tier", "theirs"),
    [("default", "on_demand"), ("priority", "performance"), ("flex", "flex"), ("auto", "auto")],
)
def test_service_tier_is_said_in_its_words(tier, theirs, sent):
    assert sent({"service_tier": tier})["service_tier"] == theirs


def test_translated_turn_carries_thinking_and_tools(sent):
    chat = Chat(
        messages=(
            Message("assistant", reasoning="hm", tool_calls=(ToolCall("c1", "f", "{}", signature="s"),)),
            Message("tool", (Text("x"),), tool_call_id="c1", name="f"),
        ),
        tools=(Tool("f"),),
        stream=True,
    )

    said = sent(chat)

    assert said["messages"] == [
        {
            "role": "assistant",
            "reasoning": "hm",
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "content": "x", "tool_call_id": "c1"},
    ]
    assert said["stream_options"] == {"include_usage": True}


@given(
    messages=st.lists(
        st.fixed_dictionaries(
            {"role": st.sampled_from(["user", "assistant", "developer"]), "content": st.text(max_size=10)},
            optional={
                key: st.none() | st.text(max_size=5) for key in ("name", "reasoning_content", "annotations", "x")
            },
        ),
        max_size=4,
    )
)
def test_no_refused_key_and_no_null_is_left_and_no_text_is_lost(messages, sent):
    """Whatever a client sends in its messages, what goes on has the same texts and nothing that Groq refuses."""
    kept = sent({"messages": messages})["messages"]

    assert [message["content"] for message in kept] == [message["content"] for message in messages]
    for message in kept:
        assert not message.keys() & {"name", "reasoning_content", "annotations"}
        assert None not in message.values()


USED = {
    "queue_time": 0.01,
    "prompt_tokens": 9,
    "prompt_time": 0.002,
    "completion_tokens": 2,
    "completion_time": 0.004,
    "total_tokens": 11,
    "total_time": 0.006,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 1},
}
COUNTED = Usage(9, 2, 4, 1)


def whole(message, finish_reason="stop", **more):
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason}
    answer = {"id": "c", "object": "chat.completion", "model": GPT, "choices": [choice], "usage": USED}
    answer |= {"service_tier": "on_demand", "system_fingerprint": "fp", "x_groq": {"id": "req_1", "seed": 5}}
    return json.dumps(answer | more, separators=(",", ":")).encode()


def test_whole_answer_is_read(asked):
    body = whole({"role": "assistant", "content": "Hi", "reasoning": "hm", "executed_tools": [{"type": "search"}]})

    assert GROQ.decode(asked("ollama"), body)[0] == ReasoningDelta("hm")
    assert GROQ.decode(asked("ollama"), body)[2:] == [Finish("stop"), COUNTED]


def test_usage_is_that_of_x_groq_where_there_is_no_other(asked):
    body = whole({"content": "Hi"}, usage=None, x_groq={"id": "req_1", "usage": USED})

    assert GROQ.decode(asked("ollama"), body)[-1] == COUNTED
    assert GROQ.whole(asked("openai"), body).usage == COUNTED


def test_whole_answer_that_was_stopped_by_an_error_is_none(asked):
    body = whole({"content": "Hi"}, x_groq={"id": "req_1", "error": "over_capacity"})

    assert GROQ.whole(asked("openai"), body).word == "busy"
    assert GROQ.decode(asked("ollama"), body).word == "busy"


def test_its_own_service_tier_becomes_openais(asked):
    body = GROQ.whole(asked("openai"), whole({"content": 'say "service_tier":"on_demand"'})).body
    answer = json.loads(body)

    assert answer["service_tier"] == "default"
    assert answer["choices"][0]["message"]["content"] == 'say "service_tier":"on_demand"'


def chunk(delta=None, finish_reason=None, **more):
    choices = [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}]
    event = {"id": "c", "object": "chat.completion.chunk", "model": GPT, "choices": choices} | more
    return b"data: %s\n\n" % json.dumps(event, separators=(",", ":")).encode()


FIRST = chunk({"role": "assistant", "content": ""}, x_groq={"id": "req_1"}, service_tier="on_demand")
THINKING = chunk({"reasoning": "hm"})
TEXT = chunk({"content": "Hi"})
LAST = chunk({}, "stop", x_groq={"id": "req_1", "usage": USED}, service_tier="on_demand")
USAGE = chunk(usage=USED)
DONE = b"data: [DONE]\n\n"
ERROR = (
    b'event: error\ndata: {"error":{"message":"Failed to call a function","type":"invalid_request_error",'
    b'"code":"tool_use_failed","failed_generation":"<f>","status_code":400}}\n\n'
)
READ = [ReasoningDelta("hm"), Finish("stop")]


@pytest.mark.parametrize("events", [(LAST, DONE), (LAST, USAGE, DONE)], ids=["x_groq", "both"])
def test_stream_has_its_usage_once_whether_asked_for_or_not(events, asked, fed):
    decoder = GROQ.decoder(asked("ollama"))
    deltas = fed(decoder, [FIRST, THINKING, *events])

    assert [delta for delta in deltas if not isinstance(delta, Usage)] == READ
    assert deltas[-1] == COUNTED
    assert decoder.finished


def test_passage_takes_out_the_usage_that_only_cortex_asked_for(asked, fed):
    passage = GROQ.passage(asked("openai", include_usage=False))
    through = fed(passage, [FIRST, TEXT, LAST, USAGE, DONE])

    assert through == (FIRST + TEXT + LAST + DONE).replace(b"on_demand", b"default")
    assert (passage.usage, passage.finished) == (COUNTED, True)


@given(places=st.lists(st.integers(0, 10_000), max_size=8))
def test_passage_is_reworded_whatever_way_its_bytes_are_cut(places, asked, fed, cut):
    data = FIRST + TEXT + TEXT + LAST + USAGE + DONE

    assert fed(GROQ.passage(asked("openai")), cut(data, places)) == data.replace(b"on_demand", b"default")


@pytest.mark.parametrize("before", [b"", TEXT], ids=["at once", "in the middle"])
@pytest.mark.parametrize(
    ("event", "word", "status"),
    [
        (ERROR, "malformed", 400),
        (ERROR.replace(b'"type":"invalid_request_error",', b""), "malformed", 400),
        (b'event: error\r\ndata: {"error":{"message":"m","type":"t","status_code":429}}\r\n\r\n', "rate_limited", 429),
        (chunk({}, x_groq={"id": "r", "error": "over_capacity"}), "busy", 0),
        (chunk({}, "stop", x_groq={"id": "r", "error": "it broke"}), "server_error", 0),
    ],
)
def test_error_in_a_stream_is_what_it_says(before, event, word, status, asked, fed):
    deltas = fed(GROQ.decoder(asked("ollama")), [FIRST, before, event])
    passage = GROQ.passage(asked("openai"))
    through = fed(passage, [FIRST, before, event])

    assert isinstance(deltas[-1], Failure)
    assert (deltas[-1].word, deltas[-1].status) == (word, status)
    assert passage.failure == deltas[-1]
    assert b"error" not in through


@pytest.mark.parametrize(("said", "read"), [("stop", "stop"), ("length", "length"), ("tool_calls", "tool_calls")])
def test_finish_reason_is_openais(said, read, asked):
    assert Finish(read) in GROQ.decode(asked("ollama"), whole({"content": "Hi"}, said))


def test_models_in_service_are_found_and_speech_is_not_among_them():
    entries = [
        {"id": GPT, "active": True, "context_window": 131_072, "max_completion_tokens": 65_536, "public_apps": None},
        {"id": "old", "active": False, "context_window": 8192},
        *[{"id": name, "active": True} for name in ("whisper-large-v3-turbo", "meta-llama/llama-prompt-guard-2-22m")],
        {"id": "canopylabs/orpheus-v1-english", "active": True},
    ]

    found = GROQ.findings({"models": json.dumps({"object": "list", "data": entries}).encode()})

    assert [(model.name, model.context_length) for model in found.models] == [(GPT, 131_072)]
