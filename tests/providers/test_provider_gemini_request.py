"""What is sent to Gemini beside the turns."""

import json
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.chat import Chat, JsonSchema, Message, Sampling, Text, Tool, needs_of
from cortex.providers.gemini import Gemini
from cortex.providers.signatures import Signatures

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the SDK's own, while it is imported
    from google.genai import types

GEMINI = Gemini(signatures=Signatures())
USER = Message("user", (Text("Hi"),))
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
SAMPLING = Sampling(0.5, 0.9, 40, None, 7, 0.2, 0.3)


def sent(model="gemini-3.8-flash", **given_chat):
    wire = GEMINI.encode(None, Chat(messages=(USER,), **given_chat), model)
    return wire.path, json.loads(wire.body)


def config(model="gemini-3.8-flash", **given_chat):
    return sent(model, **given_chat)[1].get("generationConfig", {})


def test_plain_chat_is_written_in_the_fewest_words():
    assert sent() == (
        "/models/gemini-3.8-flash:generateContent",
        {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]},
    )


def test_stream_asks_for_events():
    assert sent(stream=True)[0] == "/models/gemini-3.8-flash:streamGenerateContent?alt=sse"


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("models/gemini-3.8-flash", "/models/gemini-3.8-flash:generateContent"),
        ("a/b?key=c#d e:f", "/models/a%2Fb%3Fkey%3Dc%23d%20e%3Af:generateContent"),
        ("../x\r\nHost: y", "/models/..%2Fx%0D%0AHost%3A%20y:generateContent"),
        ("mödel", "/models/m%C3%B6del:generateContent"),
    ],
)
def test_name_of_a_model_is_safe_in_a_path(model, path):
    assert sent(model)[0] == path


def test_every_part_of_a_chat_is_written():
    full = {
        "tools": (Tool("weather", "Tells it", CITY, strict=True), Tool("clock")),
        "max_tokens": 5,
        "sampling": SAMPLING,
        "stop": ("a", "b"),
        "response_format": JsonSchema(CITY, description="Where"),
        "reasoning": "high",
    }

    assert sent("gemini-2.5-flash-lite", **full)[1] == {
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
        "tools": [
            {
                "functionDeclarations": [
                    {"name": "weather", "description": "Tells it", "parametersJsonSchema": CITY},
                    {"name": "clock"},
                ]
            }
        ],
        "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
        "generationConfig": {
            "maxOutputTokens": 5,
            "temperature": 0.5,
            "topP": 0.9,
            "topK": 40,
            "seed": 7,
            "stopSequences": ["a", "b"],
            "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 24_576},
            "responseMimeType": "application/json",
            "responseJsonSchema": {"description": "Where", **CITY},
        },
    }


def test_newer_models_get_no_sampling_but_the_seed():
    assert config(sampling=SAMPLING) == {"seed": 7}


def test_gemma_gets_all_of_the_sampling():
    assert config("gemma-4-31b-it", sampling=SAMPLING) == {
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 40,
        "seed": 7,
        "presencePenalty": 0.2,
        "frequencyPenalty": 0.3,
    }


def test_zero_is_a_value():
    assert config("gemini-2.5-flash", sampling=Sampling(0.0, seed=0), max_tokens=0) == {
        "temperature": 0.0,
        "seed": 0,
        "maxOutputTokens": 0,
    }


@given(seed=st.integers(-(2**63), 2**63 - 1))
def test_seed_fits_and_stays_the_same(seed):
    first, again = (config(sampling=Sampling(seed=seed))["seed"] for _ in range(2))

    assert first == again
    assert 0 <= first < 2**31
    assert first == seed or not 0 <= seed < 2**31


def test_more_stop_sequences_than_gemini_takes_are_its_own_to_refuse():
    """The first five alone would let the model run on; the refusal leads to the next candidate."""
    assert config(stop=tuple("abcdef"))["stopSequences"] == list("abcdef")


@pytest.mark.parametrize(
    ("choice", "calling"),
    [
        ("auto", {"mode": "AUTO"}),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        ("=weather", {"mode": "ANY", "allowedFunctionNames": ["weather"]}),
    ],
)
def test_choice_of_a_tool_is_a_mode(choice, calling):
    body = sent(tools=(Tool("weather"),), tool_choice=choice)[1]

    assert body["toolConfig"] == {"functionCallingConfig": calling}


def test_without_tools_there_is_no_choice():
    assert sent(tool_choice="required")[1].keys() == {"contents"}


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"type": "object"},
        {"type": "object", "properties": {}},
        {"type": "object", "properties": {}, "required": [], "additionalProperties": False, "title": "None"},
        {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": {}},
    ],
)
def test_function_without_arguments_has_no_parameters(parameters):
    ((declaration,),) = (
        tools["functionDeclarations"] for tools in sent(tools=(Tool("f", "", parameters),))[1]["tools"]
    )

    assert declaration == {"name": "f"}


@pytest.mark.parametrize(
    "parameters",
    [
        CITY,
        {"type": "object", "additionalProperties": True},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"$ref": "#/$defs/a", "$defs": {"a": CITY}},
        {"oneOf": [CITY, {"type": "object", "properties": {"x": {"const": 1}}}]},
        {
            "type": "object",
            "properties": {"x": {"type": ["string", "null"], "enum": [1, "a"]}},
            "not": {"maxProperties": 0},
        },
    ],
)
def test_schema_of_arguments_is_sent_as_it_is(parameters):
    ((declaration,),) = (
        tools["functionDeclarations"] for tools in sent(tools=(Tool("f", "", parameters),))[1]["tools"]
    )

    assert declaration == {"name": "f", "parametersJsonSchema": parameters}


def test_json_without_a_schema_is_a_media_type():
    assert config(response_format="json") == {"responseMimeType": "application/json"}


def test_description_of_a_schema_does_not_replace_its_own():
    bound = JsonSchema({"type": "object", "description": "own"}, description="other")

    assert config(response_format=bound)["responseJsonSchema"] == {"type": "object", "description": "own"}


def test_thoughts_are_not_asked_for_where_the_client_did_not():
    assert config() == {}
    assert config(reasoning="on") == {"thinkingConfig": {"includeThoughts": True}}


def test_no_safety_settings_are_sent():
    assert "safetySettings" not in sent(reasoning="high", stop=("a",))[1]


EFFORTS = st.sampled_from([None, "none", "minimal", "low", "medium", "high", "xhigh", "max", "on"])
MODELS = st.sampled_from(["gemma-4-31b-it", "gemini-2.5-flash-lite", "gemini-3.1-pro-preview", "gemini-4-neon"])
CHATS = st.builds(
    Chat,
    messages=st.just((USER,)),
    tools=st.lists(st.builds(Tool, st.sampled_from(["f", "g"]), st.text(), st.sampled_from([{}, CITY]))).map(tuple),
    tool_choice=st.sampled_from(["auto", "none", "required", "=f"]),
    max_tokens=st.none() | st.integers(1, 65_536),
    sampling=st.builds(
        Sampling, st.none() | st.floats(0, 2), st.none() | st.floats(0, 1), seed=st.none() | st.integers()
    ),
    stop=st.lists(st.text(min_size=1)).map(tuple),
    response_format=st.sampled_from(["text", "json", JsonSchema(CITY)]),
    reasoning=EFFORTS,
)


@given(chat=CHATS, model=MODELS)
def test_google_s_own_types_take_it(chat, model):
    body = json.loads(GEMINI.encode(None, chat, model).body)

    assert body.keys() <= {"contents", "tools", "toolConfig", "generationConfig"}
    types.GenerationConfig.model_validate(body.get("generationConfig", {}))
    types.ToolConfig.model_validate(body.get("toolConfig", {}))
    for tool in body.get("tools", ()):
        types.Tool.model_validate(tool)


@given(chat=CHATS, model=MODELS)
def test_nothing_that_was_asked_for_is_lost(chat, model):
    """But for sampling and thinking, of which each model takes its own."""
    body = json.loads(GEMINI.encode(None, chat, model).body)
    written = body.get("generationConfig", {})
    declared = [one["name"] for tools in body.get("tools", ()) for one in tools["functionDeclarations"]]

    assert not needs_of(chat) & GEMINI.lacks
    assert declared == [tool.name for tool in chat.tools]
    assert written.get("maxOutputTokens") == chat.max_tokens
    assert written.get("stopSequences", []) == list(chat.stop)
    assert ("responseMimeType" in written) == (chat.response_format != "text")
    assert ("responseJsonSchema" in written) == isinstance(chat.response_format, JsonSchema)
    assert ("seed" in written) == (chat.sampling.seed is not None)
