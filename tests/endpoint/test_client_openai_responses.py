"""A responses body: each field and item on its way into the neutral form, what it needs, and what is wrong with it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex.chat import Image, JsonSchema, Message, Sampling, Text, Tool, ToolCall, needs_of
from cortex.endpoint.dialect import BadRequest
from cortex.endpoint.openai import OpenAI

DIALECT = OpenAI(now=lambda: 0.0)
PIXEL = "data:image/png;base64,iVBORw0KGgo="
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = {"type": "function", "name": "weather", "description": "Say it", "parameters": SCHEMA, "strict": True}
CLOCK = {"type": "function", "name": "clock"}
SEARCH = {"type": "web_search"}


def read(**fields):
    return DIALECT.read("respond", json.dumps({"input": "Hi", **fields}).encode())


def chat(**fields):
    return DIALECT.neutral(read(**fields))


def messages(*items):
    return chat(input=list(items)).messages


def problem_of(**fields):
    with pytest.raises(BadRequest) as caught:
        DIALECT.neutral(read(**fields))
    return caught.value.problem


def call(call_id, name, arguments="{}"):
    return {"type": "function_call", "id": f"fc_{call_id}", "call_id": call_id, "name": name, "arguments": arguments}


def output(call_id, text):
    return {"type": "function_call_output", "call_id": call_id, "output": text}


def thought(*texts):
    return {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": text} for text in texts]}


def said(role, text):
    return Message(role, (Text(text),))


class TestRequest:
    def test_it_holds_the_bytes_and_what_was_asked(self):
        body = b'{"model":"fast","input":"Hi","stream":true,"store":true}'
        request = DIALECT.read("respond", body)

        assert (request.dialect, request.operation, request.model) == ("openai", "respond", "fast")
        assert (request.stream, request.body, request.needs) == (True, body, {"chat"})

    def test_every_field_but_the_input_may_be_null(self):
        nullable = type(read().parsed.body).__struct_fields__[1:]

        assert chat() == chat(**dict.fromkeys(nullable))

    def test_unknown_fields_are_ignored(self):
        assert chat() == chat(stream_options={"include_obfuscation": False}, service_tier="auto", context=1)

    @pytest.mark.parametrize(
        "fields",
        [
            {"store": True},
            {"store": False},
            {"truncation": "auto"},
            {"background": False},
            {"include": ["reasoning.encrypted_content"]},
            {"max_tool_calls": 3},
            {"top_logprobs": 3},
        ],
    )
    def test_what_says_nothing_of_the_answer_changes_nothing(self, fields):
        assert chat() == chat(**fields)

    def test_bounds_and_drawing_go_on(self):
        asked = chat(max_output_tokens=64, temperature=0.5, top_p=0.9, parallel_tool_calls=False, stream=True)

        assert asked.sampling == Sampling(temperature=0.5, top_p=0.9)
        assert (asked.max_tokens, asked.parallel_tool_calls, asked.stream) == (64, False, True)

    @pytest.mark.parametrize(("reasoning", "effort"), [({"effort": "low", "summary": "auto"}, "low"), ({}, None)])
    def test_effort_goes_on(self, reasoning, effort):
        assert chat(reasoning=reasoning).reasoning == effort

    def test_log_probabilities_are_asked_for_by_include(self):
        request = read(include=["message.output_text.logprobs"], top_logprobs=3)
        asked = DIALECT.neutral(request)

        assert (asked.logprobs, asked.top_logprobs, "logprobs" in request.needs) == (True, 3, True)

    @pytest.mark.parametrize(
        ("form", "expected", "needs"),
        [
            ({"type": "text"}, "text", set()),
            ({"type": "json_object"}, "json", {"json_object"}),
            (
                {"type": "json_schema", "name": "place", "schema": SCHEMA, "strict": True, "description": "d"},
                JsonSchema(SCHEMA, "place", "d", strict=True),
                {"json_schema"},
            ),
        ],
    )
    def test_the_form_of_the_answer_goes_on(self, form, expected, needs):
        request = read(text={"format": form, "verbosity": "low"})

        assert DIALECT.neutral(request).response_format == expected
        assert request.needs == {"chat"} | needs


class TestInput:
    def test_a_string_is_what_the_user_says(self):
        assert chat(input="Hi").messages == (said("user", "Hi"),)

    def test_instructions_come_first(self):
        asked = chat(instructions="Be brief", input=[{"role": "developer", "content": "d"}])

        assert asked.messages == (said("system", "Be brief"), said("system", "d"))

    @pytest.mark.parametrize(
        ("role", "neutral"),
        [("user", "user"), ("system", "system"), ("developer", "system"), ("assistant", "assistant")],
    )
    @pytest.mark.parametrize(
        "more", [{}, {"type": "message"}, {"type": "message", "id": "msg_1", "status": "completed"}]
    )
    def test_a_message_may_leave_out_its_type(self, role, neutral, more):
        assert messages({"role": role, "content": "Hi", **more}) == (said(neutral, "Hi"),)

    def test_parts_are_text_whoever_wrote_them(self):
        user = {"role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": ""}]}
        model = {"role": "assistant", "content": [{"type": "output_text", "text": "b", "annotations": []}]}
        refused = {"role": "assistant", "content": [{"type": "refusal", "refusal": "c"}]}

        assert messages(user, model, refused) == (said("user", "a"), said("assistant", "b"), said("assistant", "c"))

    @pytest.mark.parametrize(
        ("image", "expected", "need"),
        [
            ({"image_url": PIXEL, "detail": "low"}, Image("image/png", "iVBORw0KGgo=", detail="low"), "images"),
            ({"image_url": "https://x/a.png"}, Image(url="https://x/a.png"), "image_urls"),
        ],
    )
    def test_images_come_by_their_bytes_or_by_address(self, image, expected, need):
        request = read(input=[{"role": "user", "content": [{"type": "input_image", **image}]}])

        assert DIALECT.neutral(request).messages == (Message("user", (expected,)),)
        assert request.needs == {"chat", need}

    def test_an_image_may_be_what_a_tool_answered(self):
        answered = output("c", [{"type": "input_text", "text": "see"}, {"type": "input_image", "image_url": PIXEL}])
        _, result = messages(call("c", "look"), answered)

        assert result.parts == (Text("see"), Image("image/png", "iVBORw0KGgo="))


class TestTurns:
    def test_a_tool_and_back(self):
        turns = messages(
            {"role": "user", "content": "Weather?"},
            call("call_1", "weather", '{"city": "Graz"}'),
            output("call_1", "sunny"),
        )

        assert turns == (
            said("user", "Weather?"),
            Message("assistant", tool_calls=(ToolCall("call_1", "weather", '{"city":"Graz"}'),)),
            Message("tool", (Text("sunny"),), tool_call_id="call_1", name="weather"),
        )

    def test_calls_in_a_row_are_one_turn(self):
        turn, first, second = messages(call("a", "f"), call("b", "g"), output("b", "2"), output("a", "1"))

        assert turn.tool_calls == (ToolCall("a", "f", "{}"), ToolCall("b", "g", "{}"))
        assert [(result.tool_call_id, result.name) for result in (first, second)] == [("b", "g"), ("a", "f")]

    def test_what_was_thought_said_and_called_is_one_turn(self):
        (turn,) = messages(thought("one", "two"), {"role": "assistant", "content": "Let me see"}, call("a", "f"))

        assert turn == Message("assistant", (Text("Let me see"),), "one\ntwo", (ToolCall("a", "f", "{}"),))

    def test_a_new_thought_begins_a_new_turn(self):
        first, second = messages(thought("one"), call("a", "f"), thought("two"), call("b", "g"))

        assert (first.reasoning, [c.id for c in first.tool_calls]) == ("one", ["a"])
        assert (second.reasoning, [c.id for c in second.tool_calls]) == ("two", ["b"])

    def test_a_thought_that_came_to_nothing_is_left_out(self):
        assert messages(thought("hm"), {"role": "user", "content": "Hi"}, thought("hm")) == (said("user", "Hi"),)

    def test_a_thought_that_is_sealed_is_left_out(self):
        sealed = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"}

        assert messages(sealed, call("a", "f"))[0].reasoning == ""

    def test_a_thought_in_full_stands_for_its_summary(self):
        full = {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]}

        assert messages(full, call("a", "f"))[0].reasoning == "hm"

    def test_an_answer_without_its_call_has_no_name(self):
        assert messages(output("a", "1")) == (Message("tool", (Text("1"),), tool_call_id="a"),)


class TestTools:
    def test_they_are_flat(self):
        request = read(tools=[WEATHER, CLOCK])

        assert DIALECT.neutral(request).tools == (Tool("weather", "Say it", SCHEMA, strict=True), Tool("clock"))
        assert request.needs == {"chat", "tools"}

    @pytest.mark.parametrize(
        ("choice", "expected", "needs"),
        [
            ("auto", "auto", {"tools"}),
            ("none", "none", set()),
            ("required", "required", {"tools", "tool_choice"}),
            ({"type": "function", "name": "clock"}, "=clock", {"tools", "tool_choice"}),
            ({"type": "allowed_tools", "mode": "required", "tools": [CLOCK]}, "required", {"tools", "tool_choice"}),
            ({"type": "allowed_tools", "tools": [CLOCK]}, "auto", {"tools"}),
        ],
    )
    def test_the_choice_goes_on(self, choice, expected, needs):
        request = read(tools=[WEATHER, CLOCK], tool_choice=choice)

        assert DIALECT.neutral(request).tool_choice == expected
        assert request.needs == {"chat"} | needs

    def test_only_allowed_tools_are_offered(self):
        asked = chat(tools=[WEATHER, CLOCK], tool_choice={"type": "allowed_tools", "mode": "auto", "tools": [CLOCK]})

        assert [tool.name for tool in asked.tools] == ["clock"]

    @pytest.mark.parametrize(
        ("fields", "need"),
        [
            ({"tools": [WEATHER, SEARCH]}, "custom_tools"),
            ({"tools": [SEARCH], "tool_choice": {"type": "web_search"}}, "custom_tools"),
            ({"input": [{"type": "shell_call", "call_id": "c", "action": {"commands": ["ls"]}}]}, "custom_tools"),
            ({"input": [{"type": "computer_call_output", "call_id": "c", "output": {"type": "x"}}]}, "custom_tools"),
            ({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]}, "files"),
            ({"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]}, "files"),
            ({"input": [output("c", [{"type": "input_file", "file_data": "x"}])]}, "files"),
        ],
    )
    def test_what_has_no_translation_is_needed_and_never_dropped(self, fields, need):
        assert need in read(**fields).needs

        problem = problem_of(**fields)
        assert (problem.status, problem.code) == (400, "unsupported_parameter")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"conversation": {"id": "conv_1"}}, "conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"background": True}, "background"),
        ({"input": [{"role": "user", "content": "Hi"}, {"type": "item_reference", "id": "msg_1"}]}, "input[1]"),
        ({"input": [{"id": "msg_1"}]}, "input[0]"),
    ],
)
def test_what_only_openai_keeps_is_refused_with_what_to_do_instead(fields, param):
    problem = problem_of(**fields)

    assert (problem.status, problem.code, problem.param) == (400, "unsupported_parameter", param)
    assert "keeps no responses" in problem.message
    assert "the whole conversation in input" in problem.message


def content(part):
    return {"input": [{"role": "user", "content": [part]}]}


MISTAKES = {
    "nothing": ({"input": None}, "input", "found none"),
    "an empty text": ({"input": ""}, "input", "found none"),
    "no items": ({"input": []}, "input", "found none"),
    "only a thought": ({"input": [thought("hm")]}, "input", "at least one message"),
    "a number": ({"input": 5}, "input", "expected a string or an array of items, found 5"),
    "an item that is none": ({"input": ["Hi"]}, "input[0]", 'input[0]: expected object, found "Hi"'),
    "an unknown role": ({"input": [{"role": "boss", "content": "x"}]}, "input[0].role", "one of user, assistant"),
    "no role": ({"input": [{"type": "message", "content": "x"}]}, "input[0].role", "required, but missing"),
    "no content": ({"input": [{"role": "user"}]}, "input[0].content", "required, but missing"),
    "an unknown part": (content({"type": "video"}), "input[0].content[0].type", "one of input_text, input_image"),
    "a part of a chat": (content({"type": "text", "text": "a"}), "input[0].content[0].type", 'found "text"'),
    "a part without text": (content({"type": "input_text"}), "input[0].content[0].text", "required"),
    "an image that is none": (
        content({"type": "input_image", "image_url": "cat.png"}),
        "input[0].content[0].image_url",
        "found 'cat.png'",
    ),
    "an image without its bytes": (
        content({"type": "input_image", "image_url": "data:image/png;base64,"}),
        "input[0].content[0].image_url",
        "expected an http(s) address or data:image/",
    ),
    "sound as an image": (
        content({"type": "input_image", "image_url": "data:audio/wav;base64,AA=="}),
        "input[0].content[0].image_url",
        "data:image/",
    ),
    "a call without its id": (
        {"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]},
        "input[0].call_id",
        "required",
    ),
    "an answer of another type": ({"input": [output("c", 5)]}, "input[0].output", "expected string or array"),
    "a summary of another type": (
        {"input": [{"type": "reasoning", "summary": [{"type": "x"}]}]},
        "input[0].summary[0].type",
        "expected summary_text",
    ),
    "a tool without a name": ({"tools": [{"type": "function"}]}, "tools[0].name", "required"),
    "a tool of a chat": ({"tools": [{"type": "function", "function": CLOCK}]}, "tools[0].name", "required"),
    "a choice of nothing": ({"tool_choice": "required"}, "tool_choice", "expected tools to choose from"),
    "an unknown choice": ({"tools": [CLOCK], "tool_choice": "any"}, "tool_choice", "none, auto, required"),
    "a tool that is not offered": (
        {"tools": [CLOCK], "tool_choice": {"type": "function", "name": "weather"}},
        "tool_choice",
        "found 'weather'",
    ),
    "a choice without a name": ({"tools": [CLOCK], "tool_choice": {"type": "function"}}, "tool_choice", "found ''"),
    "an unknown format": ({"text": {"format": {"type": "xml"}}}, "text.format.type", "json_object, json_schema"),
    "a schema without a name": (
        {"text": {"format": {"type": "json_schema", "schema": {}}}},
        "text.format.name",
        "required",
    ),
    "an unknown effort": ({"reasoning": {"effort": "huge"}}, "reasoning.effort", "one of none, minimal"),
    "no token": ({"max_output_tokens": 0}, "max_output_tokens", "found 0"),
    "metadata that is no text": ({"metadata": {"a": 1}}, "metadata", "found"),
}


@pytest.mark.parametrize(("fields", "param", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_says_where_it_is_and_what_was_found(fields, param, words):
    problem = problem_of(**fields)

    assert (problem.status, problem.param) == (400, param)
    assert problem.message.startswith(f"{param}: ")
    assert words in problem.message


names = st.sampled_from(["f", "g"])
ids = st.integers(0, 999).map(str)
items = st.lists(
    st.builds(lambda role: {"role": role, "content": "x"}, st.sampled_from(["user", "assistant", "developer"]))
    | st.builds(call, ids, names)
    | st.builds(output, ids, st.just("y"))
    | st.just(thought("hm")),
    min_size=1,
    max_size=12,
).map(lambda some: [*some, {"role": "user", "content": "x"}])


@settings(deadline=None)
@given(given_items=items)
def test_whatever_the_order_of_items_none_but_thoughts_is_lost_or_moved(given_items):
    told = []
    for message in messages(*given_items):
        told += [message.role] * bool(message.parts and message.role != "tool")
        told += [tool_call.id for tool_call in message.tool_calls]
        told += [f"={message.tool_call_id}"] * (message.role == "tool")

    expected = []
    for item in given_items:
        match item.get("type"):
            case None:
                expected.append({"developer": "system"}.get(item["role"], item["role"]))
            case "function_call":
                expected.append(item["call_id"])
            case "function_call_output":
                expected.append(f"={item['call_id']}")
    assert expected == told


@settings(deadline=None)
@given(
    fields=st.fixed_dictionaries(
        {},
        optional={
            "tools": st.just([WEATHER, CLOCK]),
            "instructions": st.just("d"),
            "temperature": st.just(0.0),
            "include": st.sampled_from([[], ["message.output_text.logprobs"]]),
            "text": st.sampled_from([{}, {"format": {"type": "json_object"}}]),
            "input": st.sampled_from(
                ["Hi", [{"role": "user", "content": [{"type": "input_image", "image_url": PIXEL}]}]]
            ),
        },
    )
)
def test_it_needs_what_its_translation_needs(fields):
    request = read(**fields)

    assert needs_of(DIALECT.neutral(request)) == request.needs
