"""What the types of an Ollama body do not say: whether its fields fit, and what it needs of a provider. Pure."""

import re

from cortex.chat import Need
from cortex.endpoint.ollama_body import OTHER_SAMPLING, ChatBody, GenerateBody, Options
from cortex.endpoint.problems import echo, refuse

ROLES = frozenset({"system", "user", "assistant", "tool"})
_NO_IMAGE = ("data:", "http://", "https://")
_DURATION = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+|[+-]?0")
"""A duration as Go reads it: a number without a unit is none, but for zero."""

_ONLY_CHAT: frozenset[Need] = frozenset({"chat"})
_SAMPLING_NEEDS = ("min_p", "repeat_penalty", *OTHER_SAMPLING)


def check_chat(body: ChatBody) -> None:
    """Raise BadRequest for what is wrong in a chat."""
    _check_keep_alive(body)
    for index, message in enumerate(body.messages or ()):
        if message.role not in ROLES and message.role.lower() not in ROLES:
            raise refuse(
                f"expected one of system, user, assistant, tool, found {echo(message.role)!r}",
                f"messages[{index}].role",
            )
        if message.images:
            _check_images(message.images, f"messages[{index}].images")


def check_generate(body: GenerateBody) -> None:
    """Raise BadRequest for what is wrong in a generate."""
    _check_keep_alive(body)
    if body.raw and (body.template or body.system or body.context):
        raise refuse("raw mode does not support template, system, or context: expected none of them beside it", "raw")
    if body.images:
        _check_images(body.images, "images")


def _check_keep_alive(body: ChatBody | GenerateBody) -> None:
    if isinstance(body.keep_alive, str) and not _DURATION.fullmatch(body.keep_alive):
        found = echo(body.keep_alive)
        raise refuse(
            f'expected seconds as a number, or a duration with a unit such as "5m", found {found!r}', "keep_alive"
        )


def _check_images(images: list[str], param: str) -> None:
    for index, image in enumerate(images):
        if not image or image.startswith(_NO_IMAGE):
            found = echo(image)
            raise refuse(f"expected base64 without a data: prefix, found {found!r}", f"{param}[{index}]")


def needs_of_chat(body: ChatBody) -> frozenset[Need]:
    """Return what a provider must be able to express so that nothing of the chat is lost."""
    needs: set[Need] = set()
    if body.tools:
        needs.add("tools")
    for message in body.messages or ():
        if message.images:
            needs.add("images")
    _add_common(body, needs)
    return _ONLY_CHAT | needs if needs else _ONLY_CHAT


def needs_of_generate(body: GenerateBody) -> frozenset[Need]:
    """Return what a provider must be able to express so that nothing of the prompt is lost."""
    needs: set[Need] = {"raw_prompt" if body.is_bare else "chat"}
    if body.images:
        needs.add("images")
    _add_common(body, needs)
    return frozenset(needs)


def _add_common(body: ChatBody | GenerateBody, needs: set[Need]) -> None:
    if body.format == "json":
        needs.add("json_object")
    elif body.format:
        needs.add("json_schema")
    if body.logprobs:
        needs.add("logprobs")
    if body.options is not None and _is_special(body.options):
        needs.add("local_sampling")
    if body.options is not None and body.options.top_k is not None:
        needs.add("top_k")


def _is_special(options: Options) -> bool:
    return any(getattr(options, name) is not None for name in _SAMPLING_NEEDS)
