"""What an Anthropic body means: each field on its way into the neutral form, and what it needs."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex.chat import JsonSchema, Message, Sampling, Text, Tool, needs_of
from cortex.endpoint.anthropic import Anthropic
from cortex.endpoint.dialect import BadRequest

DIALECT = Anthropic(now=lambda: 0.0)
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = {"name": "weather", "description": "Say it", "input_schema": SCHEMA}
CLOCK = {"name": "clock", "input_schema": {"type": "object"}, "type": "custom"}
LONG = "mcp__server__" + "x" * 80
ATTRIBUTION = "x-anthropic-billing-header: cc_version=2.1.177.01c; cc_entrypoint=cli; cch=36ee5;"


def body(**fields):
    return {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}], **fields}


def read(operation="chat", **fields):
    return DIALECT.read(operation, json.dumps(body(**fields)).encode())


def chat(**fields):
    return DIALECT.neutral(read(**fields))


def says(*blocks):
    return {"messages": [{"role": "user", "content": list(blocks)}]}


class TestRequest:
    def test_it_holds_the_bytes_and_what_was_asked(self):
        raw = b'{"model":"claude-x","max_tokens":5,"messages":[{"role":"user","content":"Hi"}],"stream":true}'
        request = DIALECT.read("chat", raw)

        assert ("anthropic", "chat", "claude-x", True, raw) == (
            request.dialect,
            request.operation,
            request.model,
            request.stream,
            request.body,
        )
        assert {"chat"} == request.needs

    @pytest.mark.parametrize("fields", [{}, {"stream": False}, {"stream": None}])
    def test_it_does_not_stream_unless_asked(self, fields):
        assert not read(**fields).stream

    def test_every_field_but_three_may_be_null(self):
        request = read()
        nullable = set(type(request.parsed.body).__struct_fields__) - {"model", "max_tokens", "messages"}

        assert chat() == chat(**dict.fromkeys(nullable))

    def test_fields_that_say_nothing_of_the_answer_change_nothing(self):
        fields = {
            "metadata": {"user_id": "u"},
            "service_tier": "auto",
            "cache_control": {"type": "ephemeral"},
            "container": "c",
            "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]},
            "mcp_servers": [{"type": "url", "url": "http://x", "name": "n"}],
            "speed": "fast",
            "diagnostics": {"previous_message_id": None},
            "inference_geo": "eu",
            "user_profile_id": "p",
            "workspace_id": "w",
            "betas": ["x"],
        }

        assert chat() == chat(**fields)

    def test_unknown_keys_are_ignored_wherever_they_stand(self):
        cached = {"cache_control": {"type": "ephemeral", "ttl": "1h"}, "new_beta": {"a": [1]}}
        tool = WEATHER | cached | {"defer_loading": True, "input_examples": [{}], "eager_input_streaming": True}
        block = {"type": "text", "text": "Hi", "citations": None} | cached

        assert chat(tools=[WEATHER], system="s", **says({"type": "text", "text": "Hi"})) == chat(
            tools=[tool], system=[{"type": "text", "text": "s"} | cached], **says(block)
        )

    def test_the_translation_is_made_once(self):
        request = read()

        assert DIALECT.neutral(request) is DIALECT.neutral(request)


class TestSystem:
    def test_instructions_are_the_first_message(self):
        assert Message("system", (Text("Be kind"),)) == chat(system="Be kind").messages[0]

    def test_blocks_are_one_message_a_blank_line_apart(self):
        blocks = [{"type": "text", "text": words} for words in ("a", "", "b")]

        assert Message("system", (Text("a\n\nb"),)) == chat(system=blocks).messages[0]

    @pytest.mark.parametrize("system", ["", [], [{"type": "text", "text": ""}], None])
    def test_empty_instructions_are_none(self, system):
        assert chat() == chat(system=system)

    def test_what_claude_code_says_of_itself_to_anthropics_accounts_is_left_out(self):
        """Its hash changes with every request, so no upstream could reuse a prompt that begins with it."""
        blocks = [{"type": "text", "text": ATTRIBUTION}, {"type": "text", "text": "You are"}]

        assert chat(system="You are") == chat(system=blocks)


class TestTools:
    def test_a_tool_keeps_everything(self):
        expected = (Tool("weather", "Say it", SCHEMA, strict=True), Tool("clock", parameters={"type": "object"}))

        assert expected == chat(tools=[WEATHER | {"strict": True}, CLOCK]).tools

    @pytest.mark.parametrize(
        ("choice", "expected"),
        [
            (None, "auto"),
            ({"type": "auto"}, "auto"),
            ({"type": "none"}, "none"),
            ({"type": "any"}, "required"),
            ({"type": "tool", "name": "clock"}, "=clock"),
        ],
    )
    def test_each_form_of_choice_is_read(self, choice, expected):
        assert expected == chat(tools=[WEATHER, CLOCK], tool_choice=choice).tool_choice

    @pytest.mark.parametrize(("disable", "expected"), [(True, False), (False, None), (None, None)])
    @pytest.mark.parametrize("kind", [{"type": "auto"}, {"type": "any"}, {"type": "tool", "name": "clock"}])
    def test_parallel_calls_can_be_forbidden(self, kind, disable, expected):
        choice = kind | {"disable_parallel_tool_use": disable}

        assert expected is chat(tools=[CLOCK], tool_choice=choice).parallel_tool_calls

    def test_a_long_name_is_short_wherever_it_stands(self):
        long = CLOCK | {"name": LONG}
        translated = chat(tools=[long], tool_choice={"type": "tool", "name": LONG})

        assert len(translated.tools[0].name) == 64
        assert translated.tool_choice == f"={translated.tools[0].name}"

    def test_a_schema_that_cannot_be_read_is_refused_when_it_is_needed(self):
        raw = json.dumps(body(tools=[CLOCK])).replace('"object"', "1e999").encode()
        request = DIALECT.read("chat", raw)

        with pytest.raises(BadRequest) as caught:
            DIALECT.neutral(request)
        assert caught.value.problem.param == "tools[0].input_schema"


class TestParameters:
    def test_every_number_of_sampling_is_kept(self):
        assert Sampling(temperature=0.5, top_p=0.9, top_k=40) == chat(temperature=0.5, top_p=0.9, top_k=40).sampling

    def test_the_bound_of_tokens_is_kept(self):
        assert chat(max_tokens=5).max_tokens == 5

    def test_stop_sequences_are_kept_but_for_empty_ones(self):
        assert chat(stop_sequences=["a", "", "b"]).stop == ("a", "b")

    @pytest.mark.parametrize(
        "fields",
        [
            {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
            {"output_format": {"type": "json_schema", "schema": SCHEMA}},
            {"output_format": {"type": "json_schema", "schema": SCHEMA}, "output_config": {"effort": "low"}},
            {
                "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
                "output_format": {"type": "json_schema", "schema": {}},
            },
        ],
    )
    def test_a_schema_binds_the_answer_under_either_of_its_names(self, fields):
        assert JsonSchema(SCHEMA) == chat(**fields).response_format

    @pytest.mark.parametrize("field", ["output_config", "output_format"])
    def test_a_schema_of_the_answer_that_cannot_be_read_is_named(self, field):
        bound = {"type": "json_schema", "schema": {"x": "HUGE"}}
        fields = {field: bound} if field == "output_format" else {field: {"format": bound}}
        request = DIALECT.read("chat", json.dumps(body(**fields)).replace('"HUGE"', "1e999").encode())

        with pytest.raises(BadRequest) as caught:
            DIALECT.neutral(request)
        assert caught.value.problem.param.startswith(field)

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({}, None),
            ({"thinking": {"type": "disabled"}}, "none"),
            ({"thinking": {"type": "adaptive"}}, None),
            ({"thinking": {"type": "between_tools"}}, None),
            ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "low"),
            ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, "low"),
            ({"thinking": {"type": "enabled", "budget_tokens": 2049}}, "medium"),
            ({"thinking": {"type": "enabled", "budget_tokens": 8192}}, "medium"),
            ({"thinking": {"type": "enabled", "budget_tokens": 8193}}, "high"),
            ({"output_config": {}}, None),
            ({"output_config": {"effort": "xhigh"}, "thinking": {"type": "adaptive"}}, "xhigh"),
            ({"output_config": {"effort": "max"}, "thinking": {"type": "enabled", "budget_tokens": 1024}}, "max"),
            ({"output_config": {"effort": "max"}, "thinking": {"type": "disabled"}}, "none"),
        ],
    )
    def test_how_much_to_think(self, fields, expected):
        assert expected == chat(**fields).reasoning

    @pytest.mark.parametrize("effort", ["low", "medium", "high", "xhigh", "max"])
    def test_every_effort_is_kept(self, effort):
        assert effort == chat(output_config={"effort": effort}).reasoning


class TestCount:
    def test_the_bound_of_tokens_is_not_needed(self):
        raw = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stream": True}).encode()
        request = DIALECT.read("count", raw)

        assert (request.operation, request.stream) == ("count", False)
        assert json.loads(DIALECT.counted(request)) == {"input_tokens": 4}

    @pytest.mark.parametrize(
        "more",
        [
            {"system": "You are kind " * 9},
            {"tools": [WEATHER]},
            says({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}),
            {"messages": [{"role": "user", "content": "Hi" * 50}]},
        ],
    )
    def test_all_that_a_model_reads_is_counted(self, more):
        few, many = (json.loads(DIALECT.counted(read("count", **fields)))["input_tokens"] for fields in ({}, more))

        assert few < many

    def test_what_can_only_pass_through_does_not_stop_it(self):
        fields = {"tools": [{"type": "web_search_20260318", "name": "web_search"}, WEATHER]}

        assert DIALECT.counted(read("count", tools=[WEATHER])) == DIALECT.counted(read("count", **fields))


def document(kind, **fields):
    return {"type": "document", "source": {"type": kind, **fields}}


PDF = document("base64", media_type="application/pdf", data="aGk=")
CITED = {"citations": {"enabled": True}}
FOUND = {"type": "search_result", "source": "s", "title": "t", "content": []}
RESULT = {"type": "tool_result", "tool_use_id": "c"}
PASS_ONLY = {
    "a PDF": (says(PDF), "files"),
    "a PDF by address": (says(document("url", url="https://x/a.pdf")), "files"),
    "an uploaded file": (says(document("file", file_id="f")), "files"),
    "an uploaded image": (says({"type": "image", "source": {"type": "file", "file_id": "f"}}), "files"),
    "a PDF in what a tool answered": (says(RESULT | {"content": [PDF]}), "files"),
    "citations": (says(document("text", data="x") | CITED), "documents"),
    "citations of what was found": (says(FOUND | CITED), "documents"),
    "a tool of Anthropic's": ({"tools": [{"type": "web_search_20260318", "name": "web_search"}]}, "custom_tools"),
    "a toolset of Anthropic's": ({"tools": [{"type": "browser_toolset_20260801"}]}, "custom_tools"),
}


@pytest.mark.parametrize(("fields", "need"), PASS_ONLY.values(), ids=PASS_ONLY.keys())
def test_what_has_no_neutral_form_can_only_pass_through(fields, need):
    request = read(**fields)

    assert need in request.needs
    with pytest.raises(BadRequest) as caught:
        DIALECT.neutral(request)
    assert (caught.value.problem.status, caught.value.problem.code) == (400, "unsupported_parameter")


blocks = st.sampled_from(
    [
        {"type": "text", "text": "a"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aa"}},
        {"type": "image", "source": {"type": "url", "url": "http://example.org/a.png"}},
        document("text", data="x") | {"citations": {"enabled": False}},
        document("content", content=[{"type": "image", "source": {"type": "url", "url": "http://a"}}]),
        FOUND,
    ]
)
user_blocks = blocks | st.builds(lambda inner: RESULT | {"content": inner}, st.lists(blocks, max_size=2))
bodies = st.fixed_dictionaries(
    {
        "messages": st.lists(
            st.fixed_dictionaries({"role": st.just("user"), "content": st.lists(user_blocks, max_size=3)}),
            min_size=1,
            max_size=3,
        )
    },
    optional={
        "tools": st.none() | st.lists(st.sampled_from([WEATHER, CLOCK]), max_size=2),
        "output_config": st.sampled_from([None, {}, {"format": {"type": "json_schema", "schema": SCHEMA}}]),
        "output_format": st.sampled_from([None, {"type": "json_schema", "schema": SCHEMA}]),
        "top_k": st.none() | st.integers(0, 9),
        "temperature": st.none() | st.floats(0, 1),
        "thinking": st.sampled_from([None, {"type": "adaptive"}]),
    },
)


@settings(deadline=None)
@given(fields=bodies, choice=st.sampled_from(["auto", "none", "any", None]))
def test_the_needs_of_a_body_are_those_of_its_translation(fields, choice):
    if choice is not None and fields.get("tools"):
        fields = fields | {"tool_choice": {"type": choice}}
    request = read(**fields)

    assert needs_of(DIALECT.neutral(request)) == request.needs
