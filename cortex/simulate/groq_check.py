"""What Groq refuses of a request that OpenAI would take. Pure.

Sources: console.groq.com/docs/openai, /docs/reasoning and /docs/structured-outputs (Aug to Nov 2026), BerriAI/litellm#5839
(null and unknown keys of a message).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from cortex.simulate.groq_refusal import groq_error

MAX_STOPS = 4
MAX_TOOLS = 128
UNSUPPORTED = ("logprobs", "top_logprobs", "logit_bias", "store", "prediction", "audio", "modalities")
MESSAGE_KEYS: Mapping[str, frozenset[str]] = {
    "system": frozenset({"content"}),
    "developer": frozenset({"content"}),
    "user": frozenset({"content"}),
    "assistant": frozenset({"content", "tool_calls", "reasoning"}),
    "tool": frozenset({"content", "tool_call_id"}),
}
EFFORTS: Mapping[str, frozenset[str]] = {
    "openai/gpt-oss": frozenset({"low", "medium", "high"}),
    "qwen/qwen3.8": frozenset({"none", "default", "low", "medium", "high"}),
    "qwen/": frozenset({"none", "default"}),
}
"""By the beginning of a model's name, the first that fits."""
WITH_SCHEMAS = "openai/gpt-oss"


def check(asked: Mapping[str, Any]) -> None:
    """Look at the body of a chat as it came. Raises Refused for the first thing that is wrong."""
    for problem in (*_fields(asked), *_messages(asked.get("messages", [])), *_reasoning(asked), *_format(asked)):
        raise groq_error(400, problem)


def _fields(asked: Mapping[str, Any]) -> Iterator[str]:
    for name in UNSUPPORTED:
        if asked.get(name) is not None:
            yield f"`{name}` is not supported with this model"
    for name in asked:
        if asked[name] is None:
            yield f"'{name}' : value must not be null"
    if asked.get("n", 1) != 1:
        yield "'n' : number must be at most 1"
    if isinstance(asked.get("stop"), list) and len(asked["stop"]) > MAX_STOPS:
        yield f"'stop' : maximum number of items is {MAX_STOPS}"
    if len(asked.get("tools") or ()) > MAX_TOOLS:
        yield f"'tools' : maximum number of items is {MAX_TOOLS}"


def _messages(messages: Any) -> Iterator[str]:
    for index, message in enumerate(messages):
        where = f"'messages.{index}'"
        known = MESSAGE_KEYS.get(message.get("role"))
        if known is None:
            yield f"{where} : discriminator property 'role' has invalid value"
            continue
        for name in message:
            if name not in {"role", *known}:
                must = f"for 'role:{message['role']}' the following must be satisfied"
                yield f"{where} : {must}[({where} : property '{name}' is unsupported)]"
            if message[name] is None and not (name == "content" and message.get("tool_calls")):
                yield f"{where} : property '{name}' must not be null"


def _reasoning(asked: Mapping[str, Any]) -> Iterator[str]:
    model, effort = asked.get("model", ""), asked.get("reasoning_effort")
    allowed = next((efforts for name, efforts in EFFORTS.items() if model.startswith(name)), frozenset[str]())
    if effort is not None and effort not in allowed:
        choice = ", ".join(f"`{one}`" for one in sorted(allowed))
        yield f"`reasoning_effort` must be one of {choice}" if allowed else "reasoning_effort is not supported here"
    if "reasoning_format" in asked and "include_reasoning" in asked:
        yield "cannot specify both reasoning_format and include_reasoning"
    if "reasoning_format" in asked and model.startswith(WITH_SCHEMAS):
        yield "`reasoning_format` is not supported with this model"
    if asked.get("reasoning_format") == "raw" and (asked.get("tools") or _binds(asked)):
        yield "reasoning_format must be `hidden` or `parsed` when tools or JSON mode are used"


def _format(asked: Mapping[str, Any]) -> Iterator[str]:
    if _binds(asked) != "json_schema":
        return
    if not asked["model"].startswith(WITH_SCHEMAS):
        yield "This model does not support response format `json_schema`."
    if asked.get("stream") or asked.get("tools"):
        yield "response_format `json_schema` cannot be used with streaming or tools"


def _binds(asked: Mapping[str, Any]) -> str:
    """Return the kind of JSON that the answer is bound to, empty for text."""
    kind = (asked.get("response_format") or {}).get("type", "text")
    return "" if kind == "text" else str(kind)
