"""What Ollama bodies mean: mistakes, each field on its way into the neutral form, loads, and needs."""

import json
from contextlib import suppress

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cortex.chat import Image, JsonSchema, Message, RawPrompt, Sampling, Text, Tool, ToolCall, needs_of
from cortex.endpoint.dialect import BadRequest, Problem
from cortex.endpoint.ollama import Ollama

DIALECT = Ollama(now=lambda: 0.0)
USER = {"role": "user", "content": "Hi"}
PNG = "iVBORw0KGgo="
OPERATIONS = ["chat", "generate"]
CALLS = {"role": "assistant", "tool_calls": [{"function": {"name": name}} for name in ("f", "g")]}


def read(operation="chat", **fields):
    asked = {"messages": [USER]} if operation == "chat" else {"prompt": "Hi"}
    return DIALECT.read(operation, json.dumps(asked | fields).encode())


def chat(operation="chat", **fields):
    return DIALECT.neutral(read(operation, **fields))


def messages(*turns):
    return chat(messages=list(turns)).messages


def problem_of(operation="chat", **fields):
    with pytest.raises(BadRequest) as caught:
        read(operation, **fields)
    return caught.value.problem


class TestMistakes:
    @pytest.mark.parametrize("operation", OPERATIONS)
    def test_an_empty_body_is_told_in_the_servers_words(self, operation):
        with pytest.raises(BadRequest, match=r"^missing request body"):
            DIALECT.read(operation, b"")

    @pytest.mark.parametrize("body", [b"[]", b"5", b'"x"'])
    def test_a_body_that_is_no_object_is_refused(self, body):
        with pytest.raises(BadRequest) as caught:
            DIALECT.read("chat", body)

        assert (
            Problem(400, f"the body: expected object, found {body.decode()}", code="invalid_type")
            == caught.value.problem
        )

    @pytest.mark.parametrize(
        ("fields", "code", "param", "words"),
        [
            ({"model": 5}, "invalid_type", "model", "expected string or null, found 5"),
            ({"stream": "no"}, "invalid_type", "stream", 'found "no"'),
            ({"format": "xml"}, "invalid_value", "format", 'expected the string "json" or a JSON Schema, found "xml"'),
            ({"format": 5}, "invalid_type", "format", "found 5"),
            ({"options": []}, "invalid_type", "options", "expected object or null, found []"),
            (
                {"options": {"temperature": "hot"}},
                "invalid_type",
                "options.temperature",
                'expected number or null, found "hot"',
            ),
            ({"options": {"num_ctx": "8k"}}, "invalid_type", "options.num_ctx", 'found "8k"'),
            ({"options": {"stop": "x"}}, "invalid_type", "options.stop", "expected array or null"),
            ({"options": {"use_mmap": 1}}, "invalid_type", "options.use_mmap", "found 1"),
            ({"keep_alive": True}, "invalid_type", "keep_alive", "found true"),
            ({"keep_alive": []}, "invalid_type", "keep_alive", "found []"),
            ({"keep_alive": "300"}, "invalid_value", "keep_alive", "such as \"5m\", found '300'"),
            ({"keep_alive": "soon"}, "invalid_value", "keep_alive", "found 'soon'"),
            ({"keep_alive": "-1"}, "invalid_value", "keep_alive", "found '-1'"),
            ({"think": "hard"}, "invalid_value", "think", 'true, false, low, medium, high or max, found "hard"'),
            ({"think": 1}, "invalid_type", "think", "found 1"),
            ({"truncate": 1}, "invalid_type", "truncate", "found 1"),
            ({"shift": 1}, "invalid_type", "shift", "found 1"),
            ({"logprobs": 1}, "invalid_type", "logprobs", "found 1"),
            ({"top_logprobs": 21}, "invalid_value", "top_logprobs", "found 21"),
            ({"top_logprobs": -1}, "invalid_value", "top_logprobs", "found -1"),
        ],
    )
    @pytest.mark.parametrize("operation", OPERATIONS)
    def test_a_mistake_in_a_common_field_is_told_with_its_place(self, operation, fields, code, param, words):
        problem = problem_of(operation, **fields)

        assert (400, code, param) == (problem.status, problem.code, problem.param)
        assert words in problem.message

    @pytest.mark.parametrize(
        ("turn", "code", "param", "words"),
        [
            ({"content": "x"}, "missing_required_parameter", "messages[0].role", "required"),
            (
                {"role": "boss"},
                "invalid_value",
                "messages[0].role",
                "one of system, user, assistant, tool, found 'boss'",
            ),
            ({"role": 5}, "invalid_type", "messages[0].role", "expected string, found 5"),
            (
                {"role": "user", "content": [{"type": "text"}]},
                "invalid_type",
                "messages[0].content",
                "string or null, found [{",
            ),
            ({"role": "user", "images": "x"}, "invalid_type", "messages[0].images", "array or null"),
            ({"role": "user", "images": [""]}, "invalid_value", "messages[0].images[0]", "found ''"),
            (
                {"role": "user", "images": ["data:image/png;base64,aa"]},
                "invalid_value",
                "messages[0].images[0]",
                "without a data: prefix",
            ),
            (
                {"role": "user", "images": ["https://example.org/a.png"]},
                "invalid_value",
                "messages[0].images[0]",
                "base64",
            ),
            (
                {"role": "assistant", "tool_calls": [{}]},
                "missing_required_parameter",
                "messages[0].tool_calls[0].function",
                "required",
            ),
            (
                {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]},
                "invalid_type",
                "messages[0].tool_calls[0].function.arguments",
                'expected object or null, found "{}"',
            ),
        ],
    )
    def test_a_mistake_in_a_message_is_told_with_its_place(self, turn, code, param, words):
        problem = problem_of(messages=[turn])

        assert (400, code, param) == (problem.status, problem.code, problem.param)
        assert words in problem.message

    @pytest.mark.parametrize(
        ("tool", "param"),
        [
            ({}, "tools[0].function"),
            ({"function": {}}, "tools[0].function.name"),
            ({"function": {"name": ""}}, "tools[0].function.name"),
            ({"function": {"name": "f", "parameters": []}}, "tools[0].function.parameters"),
            ({"type": "custom", "function": {"name": "f"}}, "tools[0].type"),
        ],
    )
    def test_a_mistake_in_a_tool_is_told_with_its_place(self, tool, param):
        assert param == problem_of(tools=[tool]).param

    @pytest.mark.parametrize("fields", [{"system": "s"}, {"template": "t"}, {"context": [1]}])
    def test_a_raw_prompt_has_nothing_beside_it(self, fields):
        problem = problem_of("generate", raw=True, **fields)

        assert (problem.param, "does not support template, system, or context" in problem.message) == ("raw", True)

    def test_a_long_image_is_not_repeated(self):
        assert len(problem_of(messages=[{"role": "user", "images": ["data:" + "x" * 9000]}]).message) < 200

    @settings(deadline=None)
    @given(body=st.binary(max_size=60), operation=st.sampled_from(OPERATIONS))
    def test_no_body_does_anything_but_read_or_be_refused(self, body, operation):
        with suppress(BadRequest):
            DIALECT.neutral(DIALECT.read(operation, body))


class TestRequest:
    @pytest.mark.parametrize("operation", OPERATIONS)
    def test_it_streams_unless_told_otherwise(self, operation):
        assert [
            read(operation, **fields).stream for fields in ({}, {"stream": None}, {"stream": True}, {"stream": False})
        ] == [True, True, True, False]

    @pytest.mark.parametrize(("fields", "model"), [({}, ""), ({"model": None}, ""), ({"model": "fast"}, "fast")])
    def test_no_model_leaves_the_choice_to_the_strategy(self, fields, model):
        assert model == read(**fields).model

    def test_it_holds_the_bytes(self):
        body = b'{"prompt":"Hi"}'
        request = DIALECT.read("generate", body)

        assert (body, "ollama", "generate") == (request.body, request.dialect, request.operation)

    @pytest.mark.parametrize("operation", OPERATIONS)
    def test_every_field_may_be_null(self, operation):
        fields = set(type(read(operation).parsed).__struct_fields__) - {"messages", "prompt"}

        assert chat(operation) == chat(operation, **dict.fromkeys(fields))

    def test_every_option_may_be_null_and_unknown_ones_are_ignored(self):
        options = type(read(options={}).parsed.options).__struct_fields__

        assert chat() == chat(options=dict.fromkeys(options) | {"embiggen": 5})

    def test_fields_of_the_server_alone_change_nothing(self):
        assert chat() == chat(keep_alive="1h30m", truncate=True, shift=False, tools=[], format="", extra=1)

    @pytest.mark.parametrize("keep_alive", [0, -1, 2.5, 300, "5m", "300ms", "1h30m", "-1m", "1.5h", "0", None])
    def test_every_form_of_keep_alive_is_taken(self, keep_alive):
        assert keep_alive == read(keep_alive=keep_alive).parsed.keep_alive


class TestLoad:
    @pytest.mark.parametrize("fields", [{"messages": []}, {"messages": None}])
    def test_a_chat_without_messages_only_loads(self, fields):
        assert read(**fields).is_load

    @pytest.mark.parametrize("fields", [{"prompt": ""}, {"prompt": None}])
    def test_a_generate_without_prompt_only_loads(self, fields):
        assert read("generate", **fields).is_load

    @pytest.mark.parametrize("operation", OPERATIONS)
    def test_anything_else_is_to_be_answered(self, operation):
        assert not read(operation).is_load

    def test_a_load_never_streams_and_needs_an_ollama(self):
        request = read(messages=[], stream=True)

        assert (request.stream, request.needs) == (False, {"raw_prompt"})

    @pytest.mark.parametrize(
        ("keep_alive", "expected"),
        [
            (0, True),
            (0.0, True),
            ("0", True),
            ("0s", True),
            ("0m0.0s", True),
            (None, False),
            ("10s", False),
            (-1, False),
        ],
    )
    def test_no_time_to_stay_unloads(self, keep_alive, expected):
        assert expected is read(messages=[], keep_alive=keep_alive).parsed.unloads


class TestMessages:
    def test_roles_are_lowered(self):
        turns = messages({"role": "System", "content": "a"}, {"role": "USER", "content": "b"})

        assert [turn.role for turn in turns] == ["system", "user"]

    def test_images_follow_the_text_with_their_type(self):
        images = [PNG, "/9j/4AAQ", "R0lGODdh", "UklGRh4A", "AAAA"]
        turn = messages({"role": "user", "content": "See", "images": images})[0]

        assert Text("See") == turn.parts[0]
        assert [p.media_type for p in turn.parts[1:]] == [
            "image/png",
            "image/jpeg",
            "image/gif",
            "image/webp",
            "image/jpeg",
        ]
        assert images == [part.data for part in turn.parts[1:]]

    def test_thinking_that_comes_back_is_kept(self):
        assert messages({"role": "assistant", "content": "x", "thinking": "hm"})[0].reasoning == "hm"

    def test_arguments_are_json_text_without_spaces(self):
        call = {
            "id": "call_12345678",
            "function": {"index": 0, "name": "f", "arguments": {"a": [1.50, 12345678901234567890]}},
        }

        assert (ToolCall("call_12345678", "f", '{"a":[1.5,12345678901234567890]}'),) == messages(
            {"role": "assistant", "tool_calls": [call]}
        )[0].tool_calls

    @pytest.mark.parametrize("arguments", [{"arguments": {}}, {"arguments": None}, {}])
    def test_a_call_may_have_no_arguments(self, arguments):
        turn = messages({"role": "assistant", "tool_calls": [{"function": {"name": "f", **arguments}}]})[0]

        assert turn.tool_calls[0].arguments == "{}"

    @pytest.mark.parametrize(
        ("results", "expected"),
        [
            ([{"tool_name": "g"}, {"tool_name": "f"}], [("call_00000001", "g"), ("call_00000000", "f")]),
            ([{}, {}], [("call_00000000", "f"), ("call_00000001", "g")]),
            ([{"tool_call_id": "call_00000001"}], [("call_00000001", "g")]),
            ([{"tool_call_id": "other", "tool_name": "h"}], [("other", "h")]),
            ([{}, {}, {}], [("call_00000000", "f"), ("call_00000001", "g"), ("call_00030000", "")]),
        ],
        ids=["by name", "by order", "by id", "by nothing that is there", "one too many"],
    )
    def test_a_tool_result_is_bound_to_its_call(self, results, expected):
        turns = messages(CALLS, *({"role": "tool", "content": "42", **result} for result in results))

        assert expected == [(turn.tool_call_id, turn.name) for turn in turns[1:]]
        assert (Text("42"),) == turns[1].parts

    def test_a_result_is_bound_to_the_latest_turn(self):
        turns = messages(CALLS, USER, CALLS, {"role": "tool", "content": "42", "tool_name": "f"})

        assert turns[2].tool_calls[0].id == turns[3].tool_call_id


class TestParameters:
    def test_tools_keep_everything(self):
        parameters = {"type": "object", "properties": {"a": {"type": "string"}}}
        tool = {"type": "function", "function": {"name": "f", "description": "d", "parameters": parameters}}

        assert (Tool("f", "d", parameters), Tool("g")) == chat(tools=[tool, {"function": {"name": "g"}}]).tools

    @pytest.mark.parametrize("operation", OPERATIONS)
    def test_options_of_sampling_have_fields(self, operation):
        options = {
            "temperature": 0.5,
            "top_k": 40.0,
            "top_p": 0.9,
            "min_p": 0.1,
            "seed": 7,
            "presence_penalty": 1,
            "frequency_penalty": 0.5,
            "repeat_penalty": 1.1,
            "num_predict": 64.0,
            "stop": ["a", "", "b"],
        }
        translated = chat(operation, options=options)

        assert Sampling(0.5, 0.9, 40, 0.1, 7, 1.0, 0.5, 1.1) == translated.sampling
        assert (translated.max_tokens, translated.stop, translated.options) == (64, ("a", "b"), {})

    @pytest.mark.parametrize("limit", [-1, -2, 0])
    def test_no_limit_is_none(self, limit):
        assert chat(options={"num_predict": limit}).max_tokens is None

    def test_a_random_seed_is_none(self):
        assert chat(options={"seed": -1}).sampling.seed is None

    def test_other_options_of_sampling_go_on_as_they_are(self):
        options = {
            "repeat_last_n": 64,
            "typical_p": 0.7,
            "tfs_z": 1.0,
            "num_keep": 4,
            "mirostat": 1,
            "mirostat_tau": 0.8,
            "mirostat_eta": 0.6,
            "penalize_newline": True,
        }

        assert options == chat(options=options).options

    def test_options_of_loading_stay_behind_and_need_nothing(self):
        options = {
            "num_ctx": 8192,
            "num_batch": 2,
            "num_gpu": 1,
            "main_gpu": 0,
            "num_thread": 8,
            "draft_num_predict": 4,
            "use_mmap": True,
            "use_mlock": False,
            "low_vram": False,
            "numa": False,
        }

        assert chat() == chat(options=options)
        assert {"chat"} == read(options=options).needs

    @pytest.mark.parametrize(
        ("think", "expected"),
        [
            (None, None),
            (True, "on"),
            (False, "none"),
            ("low", "low"),
            ("medium", "medium"),
            ("high", "high"),
            ("max", "max"),
        ],
    )
    def test_thinking_has_its_words(self, think, expected):
        assert expected == chat(think=think).reasoning

    @pytest.mark.parametrize(
        ("wanted", "expected"),
        [
            (None, "text"),
            ("", "text"),
            ({}, "text"),
            ("json", "json"),
            ({"type": "object"}, JsonSchema({"type": "object"})),
        ],
    )
    def test_every_format_is_read(self, wanted, expected):
        assert expected == chat(format=wanted).response_format

    @pytest.mark.parametrize(("asked", "expected"), [(True, (True, 3)), (False, (False, None)), (None, (False, None))])
    def test_logprobs_are_kept_when_asked_for(self, asked, expected):
        translated = chat(logprobs=asked, top_logprobs=3)

        assert expected == (translated.logprobs, translated.top_logprobs)


class TestGenerate:
    def test_a_plain_prompt_is_a_conversation(self):
        translated = chat("generate", system="Be kind", prompt="Hi", images=[PNG])

        assert (
            Message("system", (Text("Be kind"),)),
            Message("user", (Text("Hi"), Image("image/png", PNG))),
        ) == translated.messages
        assert translated.raw_prompt is None

    @pytest.mark.parametrize("fields", [{"raw": False}, {"suffix": ""}, {"template": ""}, {"context": []}])
    def test_fields_that_say_nothing_keep_it_plain(self, fields):
        assert {"chat"} == read("generate", **fields).needs

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"raw": True}, RawPrompt("Hi", raw=True)),
            ({"suffix": "end"}, RawPrompt("Hi", suffix="end")),
            ({"template": "{{ .Prompt }}"}, RawPrompt("Hi", template="{{ .Prompt }}")),
            ({"context": [1, 2]}, RawPrompt("Hi", context=(1, 2))),
        ],
    )
    def test_what_no_conversation_has_makes_a_bare_prompt(self, fields, expected):
        assert expected == chat("generate", **fields).raw_prompt
        assert {"raw_prompt"} == read("generate", **fields).needs


common = {
    "format": st.sampled_from([None, "", "json", {}, {"type": "object"}]),
    "logprobs": st.none() | st.booleans(),
    "think": st.sampled_from([None, True, "low"]),
    "options": st.none()
    | st.fixed_dictionaries(
        {},
        optional={
            name: st.none() | st.integers(0, 3)
            for name in ("top_k", "min_p", "repeat_penalty", "mirostat", "num_ctx", "seed")
        },
    ),
}
images = st.none() | st.lists(st.just(PNG), max_size=2)
chats = st.fixed_dictionaries(
    {"messages": st.lists(st.fixed_dictionaries({"role": st.just("user"), "images": images}), max_size=3)},
    optional={"tools": st.lists(st.just({"function": {"name": "f"}}), max_size=1), **common},
)
generates = st.fixed_dictionaries(
    {"prompt": st.text(max_size=2)},
    optional={"images": images, "suffix": st.text(max_size=1), "context": st.lists(st.just(1), max_size=1), **common},
)


@settings(deadline=None)
@given(case=st.tuples(st.just("chat"), chats) | st.tuples(st.just("generate"), generates))
def test_the_needs_of_a_body_are_those_of_its_translation(case):
    operation, body = case
    request = DIALECT.read(operation, json.dumps(body).encode())
    assume(not request.is_load)

    assert needs_of(DIALECT.neutral(request)) == request.needs
