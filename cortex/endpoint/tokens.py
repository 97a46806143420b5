"""How many tokens a conversation has, roughly, before anybody has counted them. Pure.

Every model has a tokenizer of its own, so what can be had at once and for nothing is an estimate by size: English prose,
code and JSON come to about four bytes of UTF-8 a token with the vocabularies of today's models (100,000 to 260,000
entries), and other scripts, whose letters are two or three bytes, to less than two of them. It is right within a third
for prose and meant for what needs an order of magnitude at once: a meter, a reservation. What upstreams counted
replaces it wherever it is known.
"""

from collections.abc import Iterable

import msgspec

from cortex.chat import Chat, Image, JsonSchema, Message, Part, Tool

BYTES_PER_TOKEN = 4
IMAGE_TOKENS = 1_600
"""An image that fills the bounds most models scale to; smaller ones cost less, none is worth decoding to know."""
TURN_TOKENS = 4
"""What templates put around a message, a call or a tool."""

_encode = msgspec.json.Encoder().encode


def estimated_tokens(chat: Chat) -> int:
    """Return about how many tokens the input of `chat` has, at least 1: messages, tools, images, a bound schema."""
    size = sum(map(_tool_bytes, chat.tools))
    turns = len(chat.tools)
    images = 0
    for message in chat.messages:
        size += _message_bytes(message)
        turns += 1 + len(message.tool_calls)
        images += _images(message.parts)
    if isinstance(chat.response_format, JsonSchema):
        size += len(_encode(chat.response_format.schema))
    if chat.documents:
        size += len(_encode(chat.documents))
    if chat.raw_prompt is not None:  # its prompt is the message of the user as well
        size += _bytes(chat.raw_prompt.suffix) + BYTES_PER_TOKEN * len(chat.raw_prompt.context)
    return max(1, size // BYTES_PER_TOKEN + turns * TURN_TOKENS + images * IMAGE_TOKENS)


def _message_bytes(message: Message) -> int:
    size = sum(_bytes(part.text) for part in message.parts if not isinstance(part, Image))
    if message.reasoning:
        size += _bytes(message.reasoning)
    for call in message.tool_calls:
        size += _bytes(call.name) + _bytes(call.arguments)
    return size


def _tool_bytes(tool: Tool) -> int:
    return _bytes(tool.name) + _bytes(tool.description) + len(_encode(tool.parameters))


def _images(parts: Iterable[Part]) -> int:
    return sum(isinstance(part, Image) for part in parts)


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="replace"))
