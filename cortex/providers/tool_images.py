"""Images that tools answered, for upstreams whose tool messages hold only text. Pure.

OpenAI's take text parts alone, Cohere's text and documents (OpenAPI documents, 21 and 20 Aug 2026). Nothing may come between
the results of one turn, so the images are shown by the user behind the last of them.
"""

from collections.abc import Iterable, Iterator

from msgspec import structs

from cortex.chat import Image, Message, Part, Text


def images_apart(messages: Iterable[Message]) -> Iterator[Message]:
    """Yield the turns, with the images of results in a message of the user behind them."""
    shown: list[Part] = []
    for message in messages:
        if message.role != "tool":
            yield from _user(shown)
            shown = []
            yield message
            continue
        images = [part for part in message.parts if isinstance(part, Image)]
        if not images:
            yield message
            continue
        shown += [Text(f"In the result of {message.name or 'a tool'}:"), *images]
        yield structs.replace(message, parts=tuple(part for part in message.parts if isinstance(part, Text)))
    yield from _user(shown)


def _user(shown: list[Part]) -> Iterator[Message]:
    if shown:
        yield Message("user", tuple(shown))
