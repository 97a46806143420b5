"""What an upstream must have been told for each feature: the field of its own dialect, and what stands in it.

The same whoever the client was, since every client asks for the same things (the constants below). A field is written as
its way into the body, `generationConfig.seed`; a value may be a function that says whether what stands there is right.
"""

import base64
from collections.abc import Callable, Mapping
from typing import Any, Final

from upstream_kinds import PICTURE, SCHEMA

TEXT, SYSTEM, RESULT, NOON, SUFFIX = "Hello", "Be brief", "It rains", "It is noon", "return 1"
CALL_ONE, CALL_TWO = "Please use tool weather", "Please use tools"
"""What makes a simulated model call the one, or both."""
ADDRESS = "https://example.com/picture.png"
THOUGHT = "It is so."
EFFORT, SEED, MAX_TOKENS, STOP, TOP_K, DIMENSIONS = "low", 7, 5, "said", 40, 64
TEMPERATURE, TOP_P, MIN_P, REPEAT = 0.5, 0.75, 0.25, 1.5
PRESENCE, FREQUENCY = 0.25, 0.5
BIAS = {"50256": -100}
TEXTS = ["One", "Two"]


class _Absent:
    """A field that is not there."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()

Told = Mapping[str, Any]
Words = Mapping[str, Told]


def _is_signed(found: Any) -> bool:
    """Whether it is a signature that the simulator gave, not the placeholder for one that is lost."""
    return isinstance(found, str) and b" thought " in base64.b64decode(found, validate=True)


def _has_no_null(found: Any) -> bool:
    return all(value is not None for message in found for value in message.values())


def _are_arguments(found: Any) -> bool:
    return isinstance(found, dict) and found.keys() == {"city"}


def _shows(found: Any) -> bool:
    return {"inlineData": {"mimeType": "image/png", "data": PICTURE}} in found


def _asks_for_json(found: Any) -> bool:
    return found["role"] == "system" and "JSON Schema" in found["content"]


def _is_json(found: Any) -> bool:
    return found == {"type": "json_object"}


def _alike(providers: str, told: Told) -> Words:
    return dict.fromkeys(providers.split(), told)


def _options(**options: Any) -> dict[str, Any]:
    return {f"options.{name}": value for name, value in options.items()}


def _config(**options: Any) -> dict[str, Any]:
    return {f"generationConfig.{name}": value for name, value in options.items()}


def _said(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def _named(name: str) -> Callable[[Any], bool]:
    return lambda found: found["function"]["name"] == name


_OFFERED = {"tools.0": _named("weather"), "tools.0.function.parameters.required": ["city"]}
_DECLARED = {
    "tools.0.functionDeclarations.0.name": "weather",
    "tools.0.functionDeclarations.0.parametersJsonSchema.required": ["city"],
}
_SHOWN = f"data:image/png;base64,{PICTURE}"
_SHOWN_APART = {
    "messages.2.role": "tool",
    "messages.2.content": RESULT,
    "messages.3.role": "user",
    "messages.3.content.1.image_url.url": _SHOWN,
}
_MESSAGE = {"role": "user", "content": TEXT}
_DRAWN = {"temperature": TEMPERATURE, "top_p": TOP_P}
_PENALTIES = {"presence_penalty": PRESENCE, "frequency_penalty": FREQUENCY}
_FORCED = {"type": "function", "function": {"name": "weather"}}
_BOUND = {"response_format.type": "json_schema", "response_format.json_schema.schema": SCHEMA}
_GEMINI_BOUND = _config(responseMimeType="application/json", responseJsonSchema=SCHEMA)
_COHERE_BOUND = {
    "response_format.type": "json_object",
    "response_format.json_schema.required": SCHEMA["required"],
    "response_format.json_schema.additionalProperties": ABSENT,
}
_ROUND = {
    "messages.1.tool_calls.0.function.name": "weather",
    "messages.2.role": "tool",
    "messages.2.content": RESULT,
}
_ROUNDS = {
    "messages.1.tool_calls.0.function.name": "weather",
    "messages.1.tool_calls.1.function.name": "clock",
    "messages.2.content": NOON,
    "messages.3.content": RESULT,
}
_PICTURED = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}}
_CLAUDE_BOUND = {"type": "json_schema", "schema": SCHEMA}
_THOUGHTS: Words = {
    "ollama": {"messages.1.thinking": THOUGHT},
    "openai": {"messages.1.reasoning_content": ABSENT, "messages.1.reasoning": ABSENT},
    "gemini": {"contents.1.parts.0.thought": ABSENT, "contents.1.parts.1": ABSENT},
    "cohere": {"messages.1.content.0": {"type": "thinking", "thinking": THOUGHT}},
    "groq": {"messages.1.reasoning": THOUGHT, "messages.1.reasoning_content": ABSENT},
    "anthropic": {"messages.1.content.0.thinking": ABSENT, "messages.1.content.1": ABSENT},
}

WORDS: Mapping[str, Words] = {
    "text": {
        "ollama": {"messages": [_MESSAGE]},
        "openai": {"messages": [_MESSAGE]},
        "gemini": {"contents": [{"role": "user", "parts": [{"text": TEXT}]}]},
        "cohere": {"messages": [_MESSAGE]},
        "groq": {"messages": [_MESSAGE]},
        "anthropic": {"messages": [{"role": "user", "content": [_said(TEXT)]}]},
    },
    "stream": {
        "ollama": {"stream": True},
        "openai": {"stream": True, "stream_options.include_usage": True},
        "gemini": {"stream": ABSENT, "contents.0.role": "user"},
        "cohere": {"stream": True},
        "groq": {"stream": True, "stream_options.include_usage": True},
        "anthropic": {"stream": True},
    },
    "instructions": {
        **_alike("ollama openai cohere groq", {"messages.0": {"role": "system", "content": SYSTEM}}),
        "gemini": {"systemInstruction.parts": [{"text": SYSTEM}]},
        "anthropic": {"system": SYSTEM, "messages.0.role": "user"},
    },
    "tools": {
        **_alike("ollama openai cohere groq", _OFFERED),
        "gemini": _DECLARED,
        "anthropic": {"tools.0.name": "weather", "tools.0.input_schema.required": ["city"]},
    },
    "parallel tools": {
        **_alike("ollama openai cohere groq", {"tools.1": _named("clock")}),
        "gemini": {"tools.0.functionDeclarations.1.name": "clock"},
        "anthropic": {"tools.1.name": "clock"},
    },
    "at most one call": {
        **_alike("openai groq", {"parallel_tool_calls": False}),
        **_alike("ollama cohere", {"parallel_tool_calls": ABSENT, "tools.1": _named("clock")}),
        "gemini": {"parallel_tool_calls": ABSENT, "tools.0.functionDeclarations.1.name": "clock"},
        "anthropic": {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}, "tools.1.name": "clock"},
    },
    "tool results": {
        "ollama": _ROUND
        | {"messages.1.tool_calls.0.function.arguments": _are_arguments, "messages.2.tool_name": "weather"},
        "openai": _ROUND,
        "gemini": {
            "contents.1.parts.0.functionCall.args": _are_arguments,
            "contents.1.parts.0.thoughtSignature": _is_signed,
            "contents.2.parts.0.functionResponse.name": "weather",
            "contents.2.parts.0.functionResponse.response": {"result": RESULT},
        },
        "cohere": _ROUND,
        "groq": _ROUND | {"messages": _has_no_null},
        "anthropic": {
            "messages.1.content.0.name": "weather",
            "messages.1.content.0.input": _are_arguments,
            "messages.2.role": "user",
            "messages.2.content.0.type": "tool_result",
            "messages.2.content.0.content": [_said(RESULT)],
        },
    },
    "parallel tool results": {
        **_alike("ollama openai cohere groq", _ROUNDS),
        "gemini": {
            "contents.1.parts.0.thoughtSignature": _is_signed,
            "contents.1.parts.1.thoughtSignature": ABSENT,
            "contents.2.parts.0.functionResponse.name": "weather",
            "contents.2.parts.0.functionResponse.response": {"result": RESULT},
            "contents.2.parts.1.functionResponse.name": "clock",
            "contents.2.parts.1.functionResponse.response": {"result": NOON},
        },
        "anthropic": {
            "messages.1.content.0.name": "weather",
            "messages.1.content.1.name": "clock",
            "messages.2.content.0.content": [_said(RESULT)],
            "messages.2.content.1.content": [_said(NOON)],
        },
    },
    "forced tool": {
        **_alike("openai groq", {"tool_choice": _FORCED}),
        "gemini": {
            "toolConfig.functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["weather"]},
        },
        "cohere": {"tool_choice": "REQUIRED", "tools.0": _named("weather"), "tools.1": ABSENT},
        "anthropic": {"tool_choice": {"type": "tool", "name": "weather"}, "tools.1.name": "weather"},
    },
    "some tool": {
        **_alike("openai groq", {"tool_choice": "required"}),
        "gemini": {"toolConfig.functionCallingConfig.mode": "ANY"},
        "cohere": {"tool_choice": "REQUIRED"},
        "anthropic": {"tool_choice": {"type": "any"}},
    },
    "no tool": {
        "ollama": {"tools": ABSENT, "messages.0.content": CALL_ONE},
        **_alike("openai groq", {"tool_choice": "none"}),
        "gemini": {"toolConfig.functionCallingConfig.mode": "NONE"},
        "cohere": {"tool_choice": "NONE"},
        "anthropic": {"tool_choice": {"type": "none"}, "tools.0.name": "weather"},
    },
    "images": {
        "ollama": {"messages.0.images": [PICTURE]},
        **_alike("openai cohere groq", {"messages.0.content.1.image_url.url": _SHOWN}),
        "gemini": {"contents.0.parts.1.inlineData": {"mimeType": "image/png", "data": PICTURE}},
        "anthropic": {"messages.0.content.1": _PICTURED},
    },
    "image addresses": {
        **_alike("openai cohere groq", {"messages.0.content.1.image_url.url": ADDRESS}),
        "anthropic": {"messages.0.content.1": {"type": "image", "source": {"type": "url", "url": ADDRESS}}},
    },
    "images in tool results": {
        "ollama": {"messages": lambda found: [turn["images"] for turn in found if "images" in turn] == [[PICTURE]]},
        **_alike("openai cohere groq", _SHOWN_APART),
        "gemini": {"contents.2.parts.0.functionResponse.name": "weather", "contents.3.parts": _shows},
        "anthropic": {"messages.2.content.0.content": [_said(RESULT), _PICTURED], "messages.3": ABSENT},
    },
    "JSON mode": {
        "ollama": {"format": "json"},
        **_alike("openai groq cohere", {"response_format": _is_json}),
        "gemini": _config(responseMimeType="application/json", responseJsonSchema=ABSENT),
    },
    "JSON schema": {
        "ollama": {"format": SCHEMA},
        **_alike("openai groq", _BOUND),
        "gemini": _GEMINI_BOUND,
        "cohere": _COHERE_BOUND,
        "anthropic": {"output_config.format": _CLAUDE_BOUND},
    },
    "JSON schema beside tools": {
        "ollama": {"format": SCHEMA, **_OFFERED},
        **_alike("openai groq", _BOUND | _OFFERED),
        "gemini": _GEMINI_BOUND | _DECLARED,
        "cohere": {"response_format": ABSENT, "messages.0": _asks_for_json, **_OFFERED},
        "anthropic": {"output_config.format": _CLAUDE_BOUND, "tools.0.name": "weather"},
    },
    "reasoning": {
        "ollama": {"think": EFFORT},
        "openai": {"reasoning_effort": EFFORT},
        "gemini": _config(thinkingConfig={"includeThoughts": True, "thinkingLevel": EFFORT}),
        "cohere": {"thinking": {"type": "enabled", "token_budget": 1024}},
        "groq": {"reasoning_effort": EFFORT, "include_reasoning": True},
        "anthropic": {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": EFFORT}},
    },
    "no reasoning": {
        "ollama": {"think": False},
        "openai": {"reasoning_effort": "none"},
        "gemini": _config(thinkingConfig={"thinkingLevel": "low"}),
        "cohere": {"thinking": {"type": "disabled"}},
        "groq": {"reasoning_effort": "low"},
        "anthropic": {"thinking": {"type": "disabled"}, "output_config": ABSENT},
    },
    "earlier reasoning": _THOUGHTS,
    "signed reasoning": _THOUGHTS,
    "stop": {
        "ollama": _options(stop=[STOP]),
        **_alike("openai groq", {"stop": [STOP]}),
        "gemini": _config(stopSequences=[STOP]),
        "cohere": {"stop_sequences": [STOP]},
        "anthropic": {"stop_sequences": [STOP]},
    },
    "seed": {
        "ollama": _options(seed=SEED),
        **_alike("openai cohere groq", {"seed": SEED}),
        "gemini": _config(seed=SEED),
        "anthropic": {"seed": ABSENT},
    },
    "max tokens": {
        "ollama": _options(num_predict=MAX_TOKENS),
        **_alike("openai cohere", {"max_tokens": MAX_TOKENS}),
        "gemini": _config(maxOutputTokens=MAX_TOKENS),
        "groq": {"max_completion_tokens": MAX_TOKENS, "max_tokens": ABSENT},
        "anthropic": {"max_tokens": MAX_TOKENS},
    },
    "sampling": {
        "ollama": _options(**_DRAWN),
        **_alike("openai groq", _DRAWN),
        "gemini": _config(temperature=ABSENT, topP=ABSENT),
        "cohere": {"temperature": TEMPERATURE, "p": TOP_P},
        "anthropic": dict.fromkeys(_DRAWN, ABSENT),
    },
    "top_k": {
        "ollama": _options(top_k=TOP_K),
        "openai": {"top_k": TOP_K},
        "gemini": _config(topK=ABSENT),
        "cohere": {"k": TOP_K},
        "anthropic": {"top_k": ABSENT},
    },
    "penalties": {
        "ollama": _options(**_PENALTIES),
        "openai": _PENALTIES,
        "gemini": _config(presencePenalty=ABSENT, frequencyPenalty=ABSENT),
        "cohere": {"frequency_penalty": FREQUENCY, "presence_penalty": ABSENT},
        "groq": dict.fromkeys(_PENALTIES, ABSENT),
        "anthropic": dict.fromkeys(_PENALTIES, ABSENT),
    },
    "local sampling": {
        "ollama": _options(min_p=MIN_P, repeat_penalty=REPEAT),
        "openai": {"min_p": MIN_P, "repeat_penalty": REPEAT},
    },
    "logit bias": {"openai": {"logit_bias": BIAS}},
    "n": {"openai": {"n": 2}},
    "logprobs": {
        "ollama": {"logprobs": True, "top_logprobs": 2},
        "openai": {"logprobs": True, "top_logprobs": 2},
    },
    "suffix": {**_alike("ollama openai", {"prompt": TEXT, "suffix": SUFFIX})},
    "documents": {
        "cohere": {"documents": [{"id": "d1", "data": {"text": RESULT}}], "citation_options": ABSENT},
        "anthropic": {
            "messages.0.content.0.type": "document",
            "messages.0.content.0.source.data": lambda found: RESULT in found,
            "messages.0.content.0.citations": ABSENT,
        },
    },
    "embeddings": {
        **_alike("ollama openai", {"input": TEXTS}),
        "gemini": {"requests.0.content.parts.0.text": "One", "requests.1.content.parts.0.text": "Two"},
        "cohere": {"texts": TEXTS, "input_type": "search_document", "embedding_types": ["float"]},
    },
    "dimensions": {
        **_alike("ollama openai", {"dimensions": DIMENSIONS}),
        "gemini": {"requests.0.outputDimensionality": DIMENSIONS},
        "cohere": {"output_dimension": DIMENSIONS},
    },
}
"""Feature → provider → field → value, in the provider's own dialect."""


def found_at(body: Any, way: str) -> Any:
    """Return what stands in a field of `body`; ABSENT where there is no such field."""
    for step in way.split("."):
        try:
            body = body[int(step)] if step.isdecimal() else body[step]
        except (KeyError, IndexError, TypeError):
            return ABSENT
    return body


def untold(body: Any, told: Told) -> dict[str, Any]:
    """Return the fields of `told` that stand otherwise in `body`, and what stands there; empty when all is right."""
    found = {way: found_at(body, way) for way in told}
    return {way: found[way] for way, wanted in told.items() if not _is_right(found[way], wanted)}


def _is_right(found: Any, wanted: Any) -> bool:
    if wanted is ABSENT or found is ABSENT:
        return found is wanted
    return bool(wanted(found)) if callable(wanted) else found == wanted
