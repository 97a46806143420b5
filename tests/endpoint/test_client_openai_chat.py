"""What an OpenAI body means: each field on its way into the neutral form, and what it needs."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex.chat import Image, JsonSchema, Message, Sampling, Text, Tool, ToolCall, needs_of
from cortex.endpoint.dialect import BadRequest
from cortex.endpoint.openai import OpenAI

DIALECT = OpenAI(now=lambda: 0.0)
USER = {"role": "user", "content": "Hi"}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Say it",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        "strict": True,
    },
}
CLOCK = {"type": "function", "function": {"name": "clock"}}


def read(**fields):
    return DIALECT.read("chat", json.dumps({"messages": [USER], **fields}).encode())


def chat(**fields):
    return DIALECT.neutral(read(**fields))


def messages(*turns):
    return chat(messages=list(turns)).messages


class TestRequest:
    def test_it_holds_the_bytes_and_what_was_asked(self):
        body = b'{"model":"fast","messages":[{"role":"user","content":"Hi"}],"stream":true}'
        request = DIALECT.read("chat", body)

        assert ("openai", "chat", "fast", True, body) == (
            request.dialect,
            request.operation,
            request.model,
            request.stream,
            request.body,
        )
        assert {"chat"} == request.needs

    @pytest.mark.parametrize("fields", [{}, {"model": None}, {"model": ""}])
    def test_no_model_leaves_the_choice_to_the_strategy(self, fields):
        assert read(**fields).model == ""

    @pytest.mark.parametrize("stream", [False, None])
    def test_it_does_not_stream_unless_asked(self, stream):
        assert not read(stream=stream).stream

    @pytest.mark.parametrize(
        ("options", "expected"),
        [({"include_usage": True}, True), ({"include_usage": False}, False), ({}, False), (None, False)],
    )
    def test_a_stream_has_usage_only_when_asked(self, options, expected):
        assert expected is read(stream=True, stream_options=options).include_usage

    def test_a_whole_answer_always_has_usage(self):
        assert read().include_usage

    def test_every_field_may_be_null(self):
        body = json.loads(b'{"messages":[{"role":"user","content":"Hi"}]}')
        nullable = type(read().parsed).__struct_fields__[1:]
        request = DIALECT.read("chat", json.dumps(body | dict.fromkeys(nullable)).encode())

        assert chat() == DIALECT.neutral(request)

    def test_unknown_fields_are_ignored(self):
        assert chat() == chat(chat_template_kwargs={"enable_thinking": False}, provider={"order": [1]})

    def test_fields_that_say_nothing_of_the_answer_change_nothing(self):
        fields = {
            "prediction": {"type": "content"},
            "moderation": {},
            "metadata": {"a": "b"},
            "store": True,
            "verbosity": "low",
            "service_tier": "flex",
            "user": "u",
            "safety_identifier": "s",
            "prompt_cache_key": "k",
            "prompt_cache_options": {},
            "prompt_cache_retention": "24h",
            "modalities": ["text"],
            "audio": {"voice": "x"},
        }

        assert chat() == chat(**fields)


class TestMessages:
    @pytest.mark.parametrize("role", ["system", "developer"])
    def test_instructions_are_system_messages(self, role):
        assert (Message("system", (Text("Be kind"),)),) == messages({"role": role, "content": "Be kind"})

    @pytest.mark.parametrize("role", ["system", "developer", "user", "assistant"])
    def test_content_may_come_in_parts(self, role):
        parts = [{"type": "text", "text": "a"}, {"type": "text", "text": ""}, {"type": "text", "text": "b"}]

        assert (Text("a"), Text("b")) == messages({"role": role, "content": parts})[0].parts

    def test_empty_content_has_no_parts(self):
        assert messages({"role": "user", "content": ""})[0].parts == ()

    def test_an_image_in_a_data_uri_is_its_bytes(self):
        part = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk=", "detail": "low"}}

        assert (Image(media_type="image/png", data="aGk=", detail="low"),) == messages(
            {"role": "user", "content": [part]}
        )[0].parts

    def test_an_image_by_address_keeps_it(self):
        part = {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}}

        assert (Image(url="https://example.org/cat.png"),) == messages({"role": "user", "content": [part]})[0].parts

    @pytest.mark.parametrize("fields", [{"content": None}, {}, {"content": ""}])
    def test_an_assistant_may_have_said_nothing_but_calls(self, fields):
        call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
        turn = messages({"role": "assistant", "tool_calls": [call], **fields})[0]

        assert Message("assistant", tool_calls=(ToolCall("call_1", "f", '{"a":1}'),)) == turn

    def test_a_call_without_arguments_has_an_empty_object(self):
        call = {"id": "call_1", "function": {"name": "f", "arguments": ""}}

        assert messages({"role": "assistant", "tool_calls": [call]})[0].tool_calls[0].arguments == "{}"

    @pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
    def test_reasoning_that_comes_back_is_kept(self, field):
        assert messages({"role": "assistant", "content": "x", field: "hm"})[0].reasoning == "hm"

    def test_a_refusal_is_text(self):
        parts = [{"type": "refusal", "refusal": "No."}]

        assert (Text("No."),) == messages({"role": "assistant", "content": parts})[0].parts
        assert (Text("No."),) == messages({"role": "assistant", "content": None, "refusal": "No."})[0].parts

    def test_a_tool_result_has_the_name_of_the_tool_from_its_call(self):
        call = {"id": "call_1", "function": {"name": "f", "arguments": "{}"}}
        result = {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "42"}]}

        assert (
            Message("tool", (Text("42"),), tool_call_id="call_1", name="f")
            == messages({"role": "assistant", "tool_calls": [call]}, result)[1]
        )

    def test_a_tool_result_without_a_call_keeps_the_name_it_came_with(self):
        result = {"role": "tool", "tool_call_id": "call_9", "content": "42", "name": "f"}

        assert Message("tool", (Text("42"),), tool_call_id="call_9", name="f") == messages(result)[0]

    def test_a_legacy_function_and_its_result_are_a_call_and_a_tool_result(self):
        turns = messages(
            USER,
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": '{"a":1}'}},
            {"role": "function", "name": "f", "content": "42"},
        )

        assert ToolCall("call_message0001", "f", '{"a":1}') == turns[1].tool_calls[0]
        assert Message("tool", (Text("42"),), tool_call_id="call_message0001", name="f") == turns[2]

    def test_a_legacy_result_without_its_call_still_has_an_id(self):
        assert messages({"role": "function", "name": "f", "content": None})[0].tool_call_id == "call_message0000"


class TestTools:
    def test_a_tool_keeps_everything(self):
        parameters = {"type": "object", "properties": {"city": {"type": "string"}}}

        assert (Tool("weather", "Say it", parameters, strict=True), Tool("clock")) == chat(tools=[WEATHER, CLOCK]).tools

    def test_legacy_functions_are_tools_for_one_call(self):
        translated = chat(functions=[WEATHER["function"]], function_call="auto")

        assert chat(tools=[WEATHER]).tools == translated.tools
        assert translated.parallel_tool_calls is False

    @pytest.mark.parametrize(
        ("choice", "expected"),
        [
            (None, "auto"),
            ("auto", "auto"),
            ("none", "none"),
            ("required", "required"),
            ({"type": "function", "function": {"name": "clock"}}, "=clock"),
            ({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [CLOCK]}}, "required"),
        ],
    )
    def test_each_form_of_choice_is_read(self, choice, expected):
        assert expected == chat(tools=[WEATHER, CLOCK], tool_choice=choice).tool_choice

    def test_a_legacy_choice_by_name_is_read(self):
        assert chat(functions=[{"name": "clock"}], function_call={"name": "clock"}).tool_choice == "=clock"

    def test_allowed_tools_leave_only_those(self):
        choice = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [CLOCK]}}

        assert (Tool("clock"),) == chat(tools=[WEATHER, CLOCK], tool_choice=choice).tools

    def test_a_choice_of_nothing_or_anything_is_harmless_without_tools(self):
        assert (chat(tool_choice="none").tool_choice, chat(tool_choice="auto").tool_choice) == ("none", "auto")

    def test_parallel_calls_can_be_forbidden(self):
        assert chat(tools=[CLOCK], parallel_tool_calls=False).parallel_tool_calls is False

    def test_parameters_that_cannot_be_read_are_refused_when_they_are_needed(self):
        tools = b'[{"type":"function","function":{"name":"f","parameters":{"a":1e999}}}]'
        request = DIALECT.read("chat", b'{"messages":[{"role":"user","content":"x"}],"tools":' + tools + b"}")

        with pytest.raises(BadRequest) as caught:
            DIALECT.neutral(request)
        assert caught.value.problem.param == "tools[0].function.parameters"


class TestParameters:
    def test_every_number_of_sampling_is_kept(self):
        given_ = {
            "temperature": 0.5,
            "top_p": 0.9,
            "top_k": 40,
            "min_p": 0.1,
            "seed": 7,
            "presence_penalty": 1.0,
            "frequency_penalty": -1.0,
            "repeat_penalty": 1.1,
        }

        assert Sampling(**given_) == chat(**given_).sampling

    def test_the_other_name_of_the_repeat_penalty_is_known(self):
        assert chat(repetition_penalty=1.2).sampling.repeat_penalty == 1.2

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({}, None),
            ({"max_tokens": 5}, 5),
            ({"max_completion_tokens": 6}, 6),
            ({"max_tokens": 5, "max_completion_tokens": 6}, 6),
        ],
    )
    def test_the_newer_bound_of_tokens_wins(self, fields, expected):
        assert expected == chat(**fields).max_tokens

    @pytest.mark.parametrize(
        ("stop", "expected"), [("a", ("a",)), (["a", "b"], ("a", "b")), ([], ()), ("", ()), (None, ())]
    )
    def test_stop_is_one_or_several(self, stop, expected):
        assert expected == chat(stop=stop).stop

    def test_a_schema_is_kept_whole(self):
        spec = {"name": "person", "description": "One", "schema": {"type": "object", "required": ["a"]}, "strict": True}

        assert (
            JsonSchema({"type": "object", "required": ["a"]}, "person", "One", strict=True)
            == chat(response_format={"type": "json_schema", "json_schema": spec}).response_format
        )

    @pytest.mark.parametrize(("kind", "expected"), [("text", "text"), ("json_object", "json")])
    def test_the_plain_formats_are_read(self, kind, expected):
        assert expected == chat(response_format={"type": kind}).response_format

    @pytest.mark.parametrize("effort", ["none", "minimal", "low", "medium", "high", "xhigh", "max"])
    def test_every_effort_is_kept(self, effort):
        assert effort == chat(reasoning_effort=effort).reasoning

    def test_the_rest_is_kept(self):
        translated = chat(n=3, logprobs=True, top_logprobs=2, logit_bias={"5": -100}, stream=True)

        assert (
            translated.n,
            translated.logprobs,
            translated.top_logprobs,
            translated.logit_bias,
            translated.stream,
        ) == (3, True, 2, {"5": -100.0}, True)


PASS_ONLY = {
    "sound": (
        {
            "messages": [
                {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}]}
            ]
        },
        "audio",
    ),
    "an answer in sound": ({"modalities": ["text", "audio"], "audio": {"voice": "x", "format": "wav"}}, "audio"),
    "sound of an earlier answer": ({"messages": [{"role": "assistant", "audio": {"id": "a"}}]}, "audio"),
    "a file": ({"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]}, "files"),
    "a custom tool": ({"tools": [{"type": "custom", "custom": {"name": "c"}}]}, "custom_tools"),
    "a choice of a custom tool": (
        {
            "tools": [{"type": "custom", "custom": {"name": "c"}}],
            "tool_choice": {"type": "custom", "custom": {"name": "c"}},
        },
        "custom_tools",
    ),
    "a vendor's tool": ({"tools": [{"type": "browser_search"}]}, "custom_tools"),
    "a call of a custom tool": (
        {
            "messages": [
                {
                    "role": "assistant",
                    "tool_calls": [{"id": "1", "type": "custom", "custom": {"name": "c", "input": ""}}],
                }
            ]
        },
        "custom_tools",
    ),
    "a search of the web": ({"web_search_options": {}}, "custom_tools"),
}


@pytest.mark.parametrize(("fields", "need"), PASS_ONLY.values(), ids=PASS_ONLY.keys())
def test_what_has_no_neutral_form_can_only_pass_through(fields, need):
    request = read(**fields)

    assert need in request.needs
    with pytest.raises(BadRequest) as caught:
        DIALECT.neutral(request)
    assert (caught.value.problem.status, caught.value.problem.code) == (400, "unsupported_parameter")


def or_absent(strategy):
    return st.none() | strategy


contents = st.text(max_size=3) | st.lists(
    st.sampled_from(
        [
            {"type": "text", "text": "a"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,aa"}},
            {"type": "image_url", "image_url": {"url": "http://example.org/a.png"}},
        ]
    ),
    max_size=3,
)
bodies = st.fixed_dictionaries(
    {
        "messages": st.lists(
            st.fixed_dictionaries({"role": st.just("user"), "content": contents}), min_size=1, max_size=3
        )
    },
    optional={
        "tools": or_absent(st.lists(st.sampled_from([WEATHER, CLOCK]), max_size=2)),
        "functions": or_absent(st.lists(st.just({"name": "clock"}), max_size=1)),
        "tool_choice": st.sampled_from([None, "none", "auto"]),
        "function_call": st.sampled_from([None, "none", "auto"]),
        "response_format": st.sampled_from(
            [None, {"type": "text"}, {"type": "json_object"}, {"type": "json_schema", "json_schema": {"name": "a"}}]
        ),
        "n": or_absent(st.integers(1, 4)),
        "logit_bias": st.sampled_from([None, {}, {"1": 2}]),
        "logprobs": or_absent(st.booleans()),
        "top_k": or_absent(st.integers(0, 9)),
        "min_p": or_absent(st.floats(0, 1)),
        "repeat_penalty": or_absent(st.floats(0, 2)),
        "repetition_penalty": or_absent(st.floats(0, 2)),
        "max_tokens": or_absent(st.integers(1, 9)),
    },
)


@settings(deadline=None)
@given(body=bodies, force=st.booleans())
def test_the_needs_of_a_body_are_those_of_its_translation(body, force):
    if force and (body.get("tools") or body.get("functions")):
        body = body | {"tool_choice": "required"}
    request = DIALECT.read("chat", json.dumps(body).encode())

    assert needs_of(DIALECT.neutral(request)) == request.needs
