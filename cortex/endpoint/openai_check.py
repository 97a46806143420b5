"""What the fields of an OpenAI chat body say together: whether they fit, and what they need of a provider. Pure.

Both run for every request and look into the messages once each, without translating them. The needs are those that
`chat.needs_of` finds in the translation, plus those that have no translation at all (audio, files, custom tools).
"""

from cortex.chat import Need
from cortex.endpoint import openai_body as sent
from cortex.endpoint.openai_tools import choice_of, chosen_functions, functions_of
from cortex.endpoint.problems import echo, refuse

_MISSING = "missing_required_parameter"
_ONLY_CHAT: frozenset[Need] = frozenset({"chat"})


def check(body: sent.ChatBody) -> None:
    """Raise BadRequest for fields that are each right and wrong together."""
    if body.top_logprobs is not None and not body.logprobs:
        raise refuse("expected logprobs to be true beside it, found it unset", "top_logprobs")
    for index, tool in enumerate(body.tools or ()):
        if tool.type == "function" and tool.function is None:
            raise refuse("required, but missing", f"tools[{index}].function", _MISSING)
    if body.tool_choice is not None or body.function_call is not None:
        _check_choice(body)
    for index, message in enumerate(body.messages):
        if isinstance(message.content, list):
            _check_images(message.content, f"messages[{index}].content")
        if isinstance(message, sent.Assistant) and message.tool_calls:
            _check_calls(message.tool_calls, f"messages[{index}].tool_calls")


def _check_choice(body: sent.ChatBody) -> None:
    """Every function that the choice names must be offered, and something must be where a call is required."""
    param = "tool_choice" if body.tool_choice is not None else "function_call"
    if choice_of(body) not in {"auto", "none"} and not (body.tools or body.functions):
        raise refuse("expected tools to choose from, found none", param)
    offered = {function.name for function in functions_of(body)}
    for name in chosen_functions(body):
        if name not in offered:
            raise refuse(f"expected the name of one of the tools, found {echo(name)!r}", param)


def _check_images(parts: "list[sent.UserPart] | list[sent.AssistantPart] | list[sent.TextPart]", param: str) -> None:
    for index, part in enumerate(parts):
        if isinstance(part, sent.ImagePart) and not (is_address(part.image_url.url) or _is_data(part.image_url.url)):
            raise refuse(
                f"expected an http(s) address or data:image/TYPE;base64,DATA, found {echo(part.image_url.url)!r}",
                f"{param}[{index}].image_url.url",
            )


def _check_calls(calls: list[sent.ToolCall], param: str) -> None:
    for index, call in enumerate(calls):
        if call.type == "function" and call.function is None:
            raise refuse("required, but missing", f"{param}[{index}].function", _MISSING)


def is_address(url: str) -> bool:
    """Say whether an image is given by address, not by its bytes."""
    return url.startswith(("https://", "http://"))


def _is_data(url: str) -> bool:
    head, _, data = url.partition(";base64,")
    return head.startswith("data:image/") and bool(data)


def needs_of_body(body: sent.ChatBody) -> frozenset[Need]:  # noqa: C901  one plain question for each need
    """Return what a provider must be able to express so that nothing of the request is lost."""
    needs: set[Need] = set()
    if body.tools or body.functions:
        _add_tools(body, needs)
    if body.response_format is not None:
        _add_format(body.response_format, needs)
    if body.n is not None and body.n > 1:
        needs.add("n")
    if body.logit_bias:
        needs.add("logit_bias")
    if body.logprobs:
        needs.add("logprobs")
    if body.documents:
        needs.add("documents")
    if body.top_k is not None:
        needs.add("top_k")
    if not (body.min_p is body.repeat_penalty is body.repetition_penalty is None):
        needs.add("local_sampling")
    if body.modalities and "audio" in body.modalities:
        needs.add("audio")
    if body.web_search_options is not None:
        needs.add("custom_tools")
    for message in body.messages:
        _add_message(message, needs)
    return _ONLY_CHAT | needs if needs else _ONLY_CHAT


def _add_tools(body: sent.ChatBody, needs: set[Need]) -> None:
    if any(tool.type != "function" for tool in body.tools or ()):
        needs.add("custom_tools")
    choice = choice_of(body)
    if choice != "none":
        needs.add("tools")
        if choice != "auto":
            needs.add("tool_choice")


def _add_format(response_format: object, needs: set[Need]) -> None:
    if isinstance(response_format, sent.JsonSchemaFormat):
        needs.add("json_schema")
    elif isinstance(response_format, sent.JsonObjectFormat):
        needs.add("json_object")


def _add_message(message: sent.Message, needs: set[Need]) -> None:
    if isinstance(message.content, list):
        for part in message.content:
            if isinstance(part, sent.ImagePart):
                needs.add("image_urls" if is_address(part.image_url.url) else "images")
            elif isinstance(part, sent.AudioPart):
                needs.add("audio")
            elif isinstance(part, sent.FilePart):
                needs.add("files")
    if isinstance(message, sent.Assistant):
        if message.audio is not None:
            needs.add("audio")
        if message.tool_calls and any(call.type != "function" for call in message.tool_calls):
            needs.add("custom_tools")
