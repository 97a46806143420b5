"""What a simulated model says: the same to the same question, another thing to every other. Pure.

Theory of operation: a request of either dialect is read into a `Prompt`, and `compose` makes a `Script` of it: the
tokens to send, in order, and why they end. A script depends on nothing but the seed, the server's name and the prompt,
so a test can say beforehand what must arrive; and it carries a fingerprint of the prompt, so that two answers that were
mixed up are seen at once. The text is marked as simulated, since `cortex run --demo` shows it to people.

A prompt that ends with the beginning of an assistant's answer is continued: with what follows, where this server would
have begun so itself, else after as many tokens as that beginning has. So an answer whose halves came from two servers
is as long as a whole one.
"""

import hashlib
import json
import random
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from cortex.simulate.schema import fitting

TOKEN = re.compile(r"\s*\S+|\s+$")
TURN = re.compile(r"<\|im_start\|>(\w+)\n(.*?)(?:<\|im_end\|>\n?|$)", re.DOTALL)
QUOTED_CHARACTERS = 200
TOKENS_A_MESSAGE = 4
TOKENS_AN_IMAGE = 256

COUNT = re.compile(r"(?i)\bcount from one to twelve\b")
NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
"""What it says when it is asked to count."""

LOREM = (
    "lorem",
    "ipsum",
    "dolor",
    "sit",
    "amet",
    "elit",
    "sed",
    "do",
    "magna",
    "aliqua",
    "niño",
    "über",
    "naïve",
    "語",
)


class Turn(Struct, frozen=True):
    """One message, whatever dialect it came in."""

    role: str
    text: str = ""
    images: int = 0
    calls: tuple[str, ...] = ()
    """Names of the tools that this message of an assistant called."""


class Tool(Struct, frozen=True):
    """A tool that the model may call."""

    name: str
    parameters: Mapping[str, Any] = {}


class Prompt(Struct, frozen=True, kw_only=True):
    """All of a request that has a say in the answer."""

    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...] = ()
    forced_tool: str = ""
    """This one must be called; `*` for any."""
    schema: Mapping[str, Any] | None = None
    """The answer must fit it; an empty one asks for any JSON object."""
    thinks: bool = False
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    restarts: bool = False
    """The model does not continue an answer that was begun."""
    choice: int = 0
    """Which of several answers to the same prompt."""

    @property
    def fingerprint(self) -> str:
        """Eight hex digits of the conversation, the same in each dialect."""
        said = [(turn.role, turn.text, turn.images) for turn in self._asked()]
        return hashlib.sha256(repr((said, self.choice)).encode()).hexdigest()[:8]

    @property
    def begun(self) -> str:
        """The beginning of the answer, where the prompt ends with one."""
        return self.turns[-1].text if self._is_begun else ""

    @property
    def _is_begun(self) -> bool:
        return bool(self.turns) and self.turns[-1].role == "assistant" and not self.turns[-1].calls

    @property
    def tokens(self) -> int:
        """How long the prompt is."""
        return sum(TOKENS_A_MESSAGE + TOKENS_AN_IMAGE * turn.images + len(tokens_of(turn.text)) for turn in self.turns)

    @property
    def images(self) -> int:
        """How many images it shows."""
        return sum(turn.images for turn in self.turns)

    def _asked(self) -> tuple[Turn, ...]:
        return self.turns[:-1] if self._is_begun else self.turns

    def last(self, role: str) -> str:
        """Return the text of the last message of that role; empty where there is none."""
        return next((turn.text for turn in reversed(self._asked()) if turn.role == role), "")

    def wanted_tools(self) -> tuple[Tool, ...]:
        """Return the tools to call: one that is forced, or what the last message, if it is the user's, speaks of.

        That is the first whose name is in it; the first of all for the words `use tool`; each of them for `use tools`.
        """
        if not self.tools or not self._asked() or self._asked()[-1].role != "user":
            return ()
        if self.forced_tool:
            return (next((tool for tool in self.tools if tool.name == self.forced_tool), self.tools[0]),)
        text = self.last("user").lower()
        if "use tools" in text:
            return self.tools
        named = tuple(tool for tool in self.tools if tool.name.lower() in text)
        return (named or (self.tools if "use tool" in text else ()))[:1]


class Call(Struct, frozen=True):
    """A call of a tool."""

    id: str
    name: str
    arguments: Mapping[str, Any]


class Script(Struct, frozen=True):
    """What will be said, token by token."""

    thinking: tuple[str, ...]
    text: tuple[str, ...]
    calls: tuple[Call, ...]
    finish: Literal["stop", "length", "tool_calls"]
    prompt_tokens: int
    fingerprint: str

    @property
    def call(self) -> Call | None:
        """The first call."""
        return next(iter(self.calls), None)

    @property
    def answer_tokens(self) -> int:
        """Tokens generated, thinking included; a call counts as one."""
        return len(self.thinking) + len(self.text) + len(self.calls)


def compose(prompt: Prompt, *, name: str, seed: int, length: int) -> Script:
    """Write the answer to `prompt`: about `length` tokens where the prompt does not ask for something else."""
    random_words = random.Random(f"{seed} {prompt.fingerprint}")  # noqa: S311  a text, not a secret
    thinking = tokens_of(f"The user wants an answer to #{prompt.fingerprint}.") if prompt.thinks else []
    calls = tuple(_call(prompt, number, tool, random_words) for number, tool in enumerate(prompt.wanted_tools()))
    text: list[str] = []
    finish: Literal["stop", "length", "tool_calls"] = "stop"
    if calls:
        finish = "tool_calls"
    else:
        words = _words(prompt, name, random_words, length)
        text = _rest(_stopped(words, prompt.stop), "" if prompt.restarts else prompt.begun)
    if prompt.max_tokens is not None and len(thinking) + len(text) + len(calls) > prompt.max_tokens:
        thinking = thinking[: prompt.max_tokens]
        text = text[: prompt.max_tokens - len(thinking)]
        calls, finish = (), "length"
    return Script(tuple(thinking), tuple(text), calls, finish, prompt.tokens, prompt.fingerprint)


def tokens_of(text: str) -> list[str]:
    """Cut a text into words with the space before them.

    >>> tokens_of("to be or  not")
    ['to', ' be', ' or', '  not']
    """
    return TOKEN.findall(text)


def logprobs_of(tokens: Sequence[str], alternatives: int) -> list[dict[str, Any]]:
    """Return made-up but steady log probabilities, in the shape that OpenAI and Ollama share."""
    return [
        {**_logprob(token), "top_logprobs": [_logprob(f"{token}~{n}" if n else token) for n in range(alternatives)]}
        for token in tokens
    ]


def turns_of_chatml(prompt: str) -> tuple[Turn, ...]:
    r"""Read a bare prompt: as ChatML where it is written so, else as one message of the user.

    >>> [turn.role for turn in turns_of_chatml("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHel")]
    ['user', 'assistant']
    """
    turns = tuple(Turn(role, text) for role, text in TURN.findall(prompt))
    if turns and turns[-1] == Turn("assistant"):
        turns = turns[:-1]
    return turns or (Turn("user", prompt),)


def _logprob(token: str) -> dict[str, Any]:
    data = token.encode()
    return {"token": token, "logprob": -round(sum(data) % 997 / 500, 4), "bytes": list(data)}


def _call(prompt: Prompt, number: int, tool: Tool, random_words: random.Random) -> Call:
    identity = f"call_{prompt.fingerprint}{number or ''}"
    return Call(identity, tool.name, fitting(tool.parameters or {"type": "object"}, random_words.randrange(6)))


def _words(prompt: Prompt, name: str, random_words: random.Random, length: int) -> str:
    mark = f"[simulated by {name}]"
    if prompt.schema is not None:
        return json.dumps(_json_answer(prompt, mark, random_words), ensure_ascii=False)
    if COUNT.search(prompt.last("user")):
        return ", ".join(NUMBERS)
    parts = [f"{mark} #{prompt.fingerprint}"]
    if prompt.images:
        parts.append(f"I see {prompt.images} image{'s' * (prompt.images != 1)}.")
    result = prompt.last("tool")
    if result and prompt.turns[-1].role != "user":
        parts.append(f"The tool says: {_quoted(result)}")
    else:
        parts.append(f"You said: {_quoted(prompt.last('user'))}")
    said = " ".join(parts)
    return said + _lorem(random_words, length - len(tokens_of(said)))


def _json_answer(prompt: Prompt, mark: str, random_words: random.Random) -> Any:
    if prompt.schema:
        return fitting(prompt.schema, random_words.randrange(6))
    return {"answer": f"{mark} You said: {_quoted(prompt.last('user'))}", "fingerprint": prompt.fingerprint}


def _quoted(text: str) -> str:
    return text if len(text) <= QUOTED_CHARACTERS else f"{text[:QUOTED_CHARACTERS]}…"


def _lorem(random_words: random.Random, count: int) -> str:
    return "".join(f" {random_words.choice(LOREM)}" for _ in range(count))


def _rest(text: str, begun: str) -> list[str]:
    if text.startswith(begun):
        return tokens_of(text[len(begun) :])
    return tokens_of(text)[len(tokens_of(begun)) :]


def _stopped(text: str, stop: Sequence[str]) -> str:
    ends = [text.index(word) for word in stop if word and word in text]
    return text[: min(ends)] if ends else text
