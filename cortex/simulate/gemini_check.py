"""What Gemini refuses of a request that can be read. Pure.

Sources: ai.google.dev/api/generate-content, /docs/function-calling and /docs/thought-signatures (Oct and Nov 2026); the words
as quoted in issues of BerriAI/litellm, maximhq/bifrost and google-gemini/gemini-cli (2025 to Sep 2026).
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from cortex.simulate.gemini_family import Family, family_of
from cortex.simulate.gemini_refusal import invalid
from cortex.simulate.gemini_wire import (
    Content,
    FunctionDeclaration,
    GenerateBody,
    GenerationConfig,
    ThinkingConfig,
    camel,
)
from cortex.simulate.model import SimulatedModel

ANY_SIGNATURE = frozenset({"skip_thought_signature_validator", "context_engineering_is_the_way_to_go"})
"""Stand in for a signature that there is none of: as they are, not in base64."""
URL_SAFE = str.maketrans("-_", "+/")
AUTO = -1
"""A `thinkingBudget` that leaves it to the model."""
MAX_STOPS = 5
MAX_TEMPERATURE = 2
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}")
SCHEMA_KEYS = frozenset(
    {
        "type",
        "format",
        "title",
        "description",
        "nullable",
        "enum",
        "items",
        "properties",
        "required",
        "minimum",
        "maximum",
    }
    | {"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties", "pattern", "anyOf"}
    | {"propertyOrdering", "default", "example", "additionalProperties", "$defs", "$ref"}
)
"""All that `parameters` and `responseSchema` may have; the twins that take JSON Schema take anything."""


def check(body: GenerateBody, model: SimulatedModel, signed_by: str) -> None:
    """Raise Refused for the first thing that is wrong; `signed_by` is the only one whose signatures are good."""
    family = family_of(model.name)
    problems = (
        _contents(body.contents),
        _functions(body),
        _turns(body.contents, family),
        _signatures(body.contents, signed_by) if family.needs_signatures else (),
        _sampling(body.generation_config, model),
        _thinking(body.generation_config.thinking_config, family),
        _abilities(body, model),
    )
    for problem in (problem for several in problems for problem in several):
        raise invalid(problem)


def signature(signed_by: str, of: str) -> str:
    """Return the signature of a thought."""
    return base64.b64encode(f"{signed_by} thought {of}".encode()).decode()


def _contents(contents: list[Content]) -> Iterator[str]:
    if not contents:
        yield "* GenerateContentRequest.contents: contents is not specified\n"
    for index, content in enumerate(contents):
        where = f"* GenerateContentRequest.contents[{index}].parts"
        if content.role not in {"", "user", "model", "function"}:
            yield "Please use a valid role: user, model."
        if not content.parts:
            yield f"{where}: contents.parts must not be empty.\n"
        for number, part in enumerate(content.parts):
            if part.kinds != 1:
                yield f"{where}[{number}].data: required oneof field 'data' must have one initialized field\n"
            if part.inline_data is not None and _decoded(part.inline_data.data) is None:
                at = f"contents[{index}].parts[{number}].inline_data.data"
                yield f"Invalid value at '{at}' (TYPE_BYTES), Base64 decoding failed"


def _functions(body: GenerateBody) -> Iterator[str]:
    calling = body.tool_config.function_calling_config
    if calling.mode not in {"AUTO", "ANY", "NONE", "VALIDATED"}:
        yield f"Invalid value at 'tool_config.function_calling_config.mode' (TYPE_ENUM), \"{calling.mode}\""
    if calling.allowed_function_names and calling.mode not in {"ANY", "VALIDATED"}:
        yield "Function calling config is set without function calling mode ANY, but allowed_function_names is set."
    if not {*calling.allowed_function_names} <= {function.name for function in body.functions}:
        yield "allowed_function_names contains a function that was not declared."
    for index, function in enumerate(body.functions):
        yield from _function(f"* GenerateContentRequest.tools[0].function_declarations[{index}]", function)


def _function(where: str, function: FunctionDeclaration) -> Iterator[str]:
    if not NAME.fullmatch(function.name):
        yield (
            f"{where}.name: Invalid function name. Must start with a letter or an underscore. Must be alphanumeric "
            "(a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 64.\n"
        )
    if function.parameters is not None:
        if function.parameters_json_schema is not None:
            yield f"{where}: only one of parameters and parameters_json_schema may be set\n"
        yield from _schema(f"{where}.parameters", function.parameters)


def _schema(where: str, schema: Any) -> Iterator[str]:
    """Find what Google's subset of a schema does not have."""
    if not isinstance(schema, Mapping):
        return
    for name in schema:
        if camel(name) not in SCHEMA_KEYS:
            yield f"Invalid JSON payload received. Unknown name \"{name}\" at '{where}': Cannot find field."
    kind = schema.get("type", "")
    if isinstance(kind, list):
        yield f"Invalid JSON payload received at '{where}.type': Proto field is not repeating, cannot start list."
    elif kind.upper() == "OBJECT" and not schema.get("properties"):
        yield f"{where}.properties: should be non-empty for OBJECT type\n"
    if not all(isinstance(value, str) for value in schema.get("enum", ())):
        yield f"Invalid value at '{where}.enum' (TYPE_STRING)"
    for name, inner in (schema.get("properties") or {}).items():
        yield from _schema(f"{where}.properties[{name}]", inner)
    for inner in (schema.get("items"), *(schema.get("anyOf") or ())):
        yield from _schema(f"{where}.items", inner)


def _turns(contents: list[Content], family: Family) -> Iterator[str]:
    """Find calls without as many results right behind them, and the reverse."""
    for before, after in pairwise((Content(), *contents, Content())):
        if before.calls and after.parts and len(before.calls) != len(after.responses):
            yield (
                "Please ensure that the number of function response parts is equal to the number of function call parts "
                "of the function call turn."
            )
        if after.responses and not before.calls:
            yield "Please ensure that function response turn comes immediately after a function call turn."
        if before.calls and after.responses:
            yield from _pairs(before, after, family)


def _pairs(calling: Content, responding: Content, family: Family) -> Iterator[str]:
    called = [part.function_call for part in calling.calls if part.function_call is not None]
    for call, response in zip(called, responding.responses, strict=False):
        if response.response is None:
            yield "Function response must have a response."
        if call.name != response.name:
            yield f"Function response name `{response.name}` does not match the function call name `{call.name}`."
        if family.matches_ids and response.id not in {"", call.id}:  # the SDK's own calling of functions sends none
            yield f"Function response id `{response.id}` does not match the function call id `{call.id}`."


def _signatures(contents: list[Content], signed_by: str) -> Iterator[str]:
    for position, content in enumerate(contents, 1):
        calls = [part for part in content.calls if part.function_call is not None]
        if calls and not calls[0].thought_signature:
            name = calls[0].function_call.name if calls[0].function_call is not None else ""
            yield (
                "Function call is missing a thought_signature in functionCall parts. This is required for tools to work "
                "correctly, and missing thought_signature may lead to degraded model performance. Additional data, "
                f"function call `default_api:{name}` , position {position}. Please refer to "
                "https://ai.google.dev/gemini-api/docs/thought-signatures for more details."
            )
        for part in content.parts:
            if part.thought_signature and part.thought_signature not in ANY_SIGNATURE:
                yield from _signature(part.thought_signature, signed_by)


def _signature(given: str, signed_by: str) -> Iterator[str]:
    decoded = _decoded(given)
    if decoded is None:
        yield "Invalid value at 'contents.parts.thought_signature' (TYPE_BYTES), Base64 decoding failed"
    elif not decoded.startswith(f"{signed_by} thought ".encode()):
        yield "Corrupted thought signature."


def _sampling(config: GenerationConfig, model: SimulatedModel) -> Iterator[str]:
    if len(config.stop_sequences) > MAX_STOPS:
        yield f"* GenerateContentRequest.generation_config.stop_sequences: at most {MAX_STOPS} stop sequences are allowed\n"
    if config.temperature is not None and not 0 <= config.temperature <= MAX_TEMPERATURE:
        yield "* GenerateContentRequest.generation_config.temperature: temperature must be in the range [0.0, 2.0].\n"
    if config.max_output_tokens is not None and config.max_output_tokens < 1:
        yield "* GenerateContentRequest.generation_config.max_output_tokens: max_output_tokens must be positive.\n"
    if not model.can("penalties") and (config.presence_penalty or config.frequency_penalty):
        yield f"Penalty is not enabled for models/{model.name}"
    if not model.can("logprobs") and (config.response_logprobs or config.logprobs is not None):
        yield f"Logprobs is not enabled for models/{model.name}"
    if (config.candidate_count or 1) > 1 and not family_of(model.name).ignores_sampling:
        yield "Multiple candidates is not enabled for this model"
    is_bound = config.response_schema is not None or config.response_json_schema is not None
    if is_bound and config.response_mime_type not in {"application/json", "text/x.enum"}:
        yield (
            "* GenerateContentRequest.generation_config.response_schema: only allowed when response_mime_type is set to "
            "`application/json` or `text/x.enum`\n"
        )
    if config.response_schema is not None and config.response_json_schema is not None:
        yield "* GenerateContentRequest.generation_config: only one of response_schema and response_json_schema may be set\n"
    if config.response_schema is not None:
        yield from _schema("* GenerateContentRequest.generation_config.response_schema", config.response_schema)


def _thinking(config: ThinkingConfig, family: Family) -> Iterator[str]:
    level, budget = config.thinking_level.lower(), config.thinking_budget
    if level and budget is not None:
        yield "You can only set only one of thinking budget and thinking level."
    if level and not family.levels:
        yield "Thinking level is not supported for this model."
    if level and family.levels and level not in family.levels:
        yield f"Thinking level {level.upper()} is not supported for this model. Please retry with other thinking level."
    if budget is None:
        return
    if not family.takes_budget:
        yield "Thinking budget is not supported for this model."
    elif budget != AUTO and not any(low <= budget <= high for low, high in family.budgets):
        low, high = family.budgets[-1]
        yield f"The thinking budget {budget} is invalid. Please choose a value between {low} and {high}."


def _abilities(body: GenerateBody, model: SimulatedModel) -> Iterator[str]:
    if body.functions and not model.can("tools"):
        yield f"Function calling is not enabled for models/{model.name}"
    if not model.can("vision") and any(content.turn().images for content in body.contents):
        yield f"Image input modality is not enabled for models/{model.name}"
    if body.generation_config.thinking_config.include_thoughts and not model.can("thinking"):
        yield "Thinking_config.include_thoughts is only enabled when thinking is enabled."


def _decoded(text: str) -> bytes | None:
    """Read base64 as protobuf's JSON does: either alphabet, with padding or without; None where it is none."""
    plain = text.translate(URL_SAFE).rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
