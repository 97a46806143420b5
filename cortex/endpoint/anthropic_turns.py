"""From Anthropic's messages to neutral ones. Pure.

Theory of operation: this dialect has two sides that take turns, and what tools answered stands among the words of the
user. The neutral form has a message for each answer, directly behind the turn that called, and upstreams refuse anything
else. So messages of one side in a row are looked at together (Anthropic merges them too): first come all answers of
tools, then what is left of each message as it was. Clients that trim their history leave halves behind (claude-code #8004,
#8261): a call that nobody answered gets an answer that says so, an answer that nobody asked for becomes words of the user.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import cast

import msgspec

from cortex.chat import Image, Message, Part, Text, ToolCall
from cortex.endpoint import anthropic_body as sent
from cortex.endpoint.anthropic_names import short_name, true_id
from cortex.endpoint.arguments import object_text

UNANSWERED = "(no result: this call was never answered)"
STRAY = "The result of an earlier call of a tool:"
ERROR = "Error: "
"""Before what a tool answered when it failed."""


def messages_of(messages: Sequence[sent.Message]) -> list[Message]:
    """Translate the messages; every call in them has its answer directly behind its turn, and no answer lacks its call."""
    turns = _Turns()
    for kind, run in groupby(messages, key=type):
        if kind is sent.User:
            turns.user(cast("list[sent.User]", list(run)))
        elif kind is sent.Assistant:
            turns.assistant([_assistant(message) for message in cast("Iterator[sent.Assistant]", run)])
        else:
            turns.system(run)
    turns.settle()
    return turns.done


class _Turns:
    """The conversation so far; see the module's docstring."""

    def __init__(self) -> None:
        self.done: list[Message] = []
        self._open: list[ToolCall] = []
        """Calls of the last turn that have no answer yet; some upstreams give two of them one id."""
        self._held: list[Message] = []
        """Instructions that came between a call and its answer."""

    def system(self, run: Iterable[sent.Message]) -> None:
        """Take instructions; nothing may come between a call and its answer, so there they wait."""
        where = self._held if self._open else self.done
        where += [Message("system", tuple(_parts(message.content))) for message in run]

    def assistant(self, run: list[Message]) -> None:
        """Take turns of the assistant; those that call tools become one, or the answers could not stand behind it."""
        self.settle()
        calls = tuple(call for message in run for call in message.tool_calls)
        self.done += [_merged(run, calls)] if calls else run
        self._open = list(calls)

    def user(self, run: list[sent.User]) -> None:
        """Take messages of the user: the answers of tools first, images in them behind all of these."""
        shown: list[Part] = []
        answers = {id(block) for message in run for block in _results(message) if self._answer(block, shown)}
        self.settle()
        if shown:
            self.done.append(Message("user", tuple(shown)))
        for message in run:
            left = tuple(_left(message, answers))
            if left or not _results(message):
                self.done.append(Message("user", left))

    def settle(self) -> None:
        """Answer the calls that are still open in their tools' stead, and let go of what waited for them."""
        for call in self._open:
            self.done.append(Message("tool", (Text(UNANSWERED),), tool_call_id=call.id, name=call.name))
        self._open = []
        self.done += self._held
        self._held = []

    def _answer(self, block: sent.ToolResult, shown: list[Part]) -> bool:
        """Take what a tool answered, its images into `shown`; False when no call asked for it."""
        asked = true_id(block.tool_use_id)
        call = next((call for call in self._open if call.id == asked), None)
        if call is None:
            return False
        self._open.remove(call)
        parts = _result(block)
        texts = tuple(part for part in parts if isinstance(part, Text))
        images = [part for part in parts if isinstance(part, Image)]
        self.done.append(Message("tool", texts, tool_call_id=call.id, name=call.name))
        if images:
            shown += [Text(f"In the result of {call.name}:"), *images]
        return True


def _merged(run: list[Message], calls: tuple[ToolCall, ...]) -> Message:
    reasoning = "\n\n".join(message.reasoning for message in run if message.reasoning)
    parts = tuple(part for message in run for part in message.parts)
    return Message("assistant", parts, reasoning=reasoning, tool_calls=calls)


def _assistant(message: sent.Assistant) -> Message:
    if isinstance(message.content, str):
        return Message("assistant", tuple(_parts(message.content)))
    return Message(
        role="assistant",
        parts=tuple(_parts(message.content)),
        reasoning="\n\n".join(b.thinking for b in message.content if isinstance(b, sent.Thinking) and b.thinking),
        tool_calls=tuple(_call(block) for block in message.content if isinstance(block, sent.ToolUse)),
    )


def _call(block: sent.ToolUse) -> ToolCall:
    arguments = object_text(msgspec.json.encode(block.input).decode())
    return ToolCall(id=true_id(block.id), name=short_name(block.name), arguments=arguments)


def _results(message: sent.User) -> list[sent.ToolResult]:
    content = message.content
    return [] if isinstance(content, str) else [block for block in content if isinstance(block, sent.ToolResult)]


def _left(message: sent.User, answers: set[int]) -> Iterator[Part]:
    """Yield what a message says beside `answers` (the identities of its blocks that are told already)."""
    if isinstance(message.content, str):
        yield from _parts(message.content)
        return
    for block in message.content:
        if not isinstance(block, sent.ToolResult):
            yield from _parts((block,))
        elif id(block) not in answers:
            yield Text(STRAY)
            yield from _result(block)


def _result(block: sent.ToolResult) -> list[Part]:
    """Return what a tool answered; that it failed is said in words, since no upstream has a field for it."""
    parts = list(_parts(block.content or ""))
    if not block.is_error:
        return parts
    match parts:
        case [Text(text=text), *others]:
            return [Text(f"{ERROR}{text}"), *others]
    return [Text(ERROR.strip()), *parts]


def _parts(content: str | Iterable[sent.Block]) -> Iterator[Part]:
    """Yield text and images; empty text is left out, since some upstreams refuse it (claude-code #59807)."""
    if isinstance(content, str):
        if content:
            yield Text(content)
        return
    for block in content:
        match block:
            case sent.Text(text=text) | sent.ToolReference(tool_name=text):
                yield from _parts(text)
            case sent.Image(source=source):
                yield from _image(source)
            case sent.Document():
                yield from _document(block)
            case sent.SearchResult():
                yield from map(Text, filter(None, (block.title, block.source)))
                yield from _parts(block.content)


def _image(source: sent.Base64 | sent.Address | sent.Stored) -> Iterator[Part]:
    match source:
        case sent.Base64(media_type=media_type, data=data):
            yield Image(media_type=media_type, data=data)
        case sent.Address(url=url):
            yield Image(url=url)


def _document(document: sent.Document) -> Iterator[Part]:
    """Yield a document that is text under its title; of other files nothing, they can only pass through."""
    yield from map(Text, filter(None, (document.title, document.context)))
    match document.source:
        case sent.Plain(data=text):
            yield from _parts(text)
        case sent.Content(content=content):
            yield from _parts(content)
