"""Which feature reaches which provider from which client, and how: what the tests in `system/` prove and the docs show.

Each cell is an expectation. The tests of the matrix (`system/test_system_matrix_*.py`) are parametrised by these tables and
ask a whole Córtex through the official packages, so a cell that is wrong fails its test; `scripts/features` writes
`docs/features.md` from the same tables, and a test compares the two.

A cell is a fate, and perhaps the name of a note behind it: `translated/first-call`.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parents[1] / "docs" / "features.md"
PROVIDERS = ("ollama", "openai", "gemini", "cohere", "groq", "anthropic")

FATES: Mapping[str, str] = {
    "passed": "client and provider speak the same dialect: the request goes on as it came, but for what the provider "
    "needs otherwise, and so does the answer",
    "translated": "it is said in the provider's own words, and the answer in the client's",
    "refused": "the client gets a 400 (`unsupported_parameter`) that names what is missing, before any upstream is asked; "
    "with a model name that several workers have, one that can do it is asked instead",
    "left out": "the provider ignores or refuses it, and no answer is worth failing for it: it is not sent",
    "its own 400": "the provider takes the field but refuses this use; another worker with the model is asked, and where there "
    "is none the client gets what it said, as a 400",
    "not told": "the provider does not say it, and the client reads nothing, or zero",
    "by Córtex": "Córtex answers by itself, and no upstream is asked",
    "none": "there is no such thing",
}
"""What can become of a feature."""

NOTES: Mapping[str, str] = {
    "first-call": "the upstream knows no such bound; of several calls the client gets the first",
    "signature": "the thought signature of a call is kept by Córtex (and given to OpenAI clients as "
    "`extra_content.google.thought_signature`), and goes back with the call: the round trip works though the client "
    "drops it",
    "newest": "models from 3.5 on ignore temperature, top_p and top_k; older ones get them",
    "no-penalties": "models from 2.5 on answer penalties with a 400; older ones get them",
    "cohere-range": "clamped to Cohere's ranges: temperature 0 to 1, p 0.01 to 0.99, k 0 to 500; of two penalties the "
    "stronger is sent, and a negative one is none",
    "cohere-words": "beside tools or documents Cohere cannot be bound to JSON: then it is asked for in words, and the "
    "answer is checked",
    "cohere-schema": "Cohere knows a part of JSON Schema: `additionalProperties: false` is taken out; a schema with bounds or "
    "unions is asked for in words, and only that it is JSON is sure",
    "cohere-forced": "Cohere cannot name a tool: the one is offered alone, and a call is required",
    "gemini-stops": "more than five are Gemini's own 400",
    "cohere-stops": "more than five are Cohere's own 400",
    "budget": "an effort becomes a budget of tokens",
    "seed": "Gemini's seeds have 31 bits: higher ones are cut to these",
    "level": "an effort that the model does not have becomes the next higher one",
    "documents": "the answer's citations are left out: no client has a place for them",
    "purpose": "where the client does not say what the vectors are for, they are for `search_document`",
    "max_completion_tokens": "under the name `max_completion_tokens`",
    "signed-thoughts": "thoughts as text mean nothing to Gemini; what it thought goes back as the signatures of its calls",
    "unnamed-thoughts": "an OpenAI-like server refuses keys that it does not know; `switches.reasoning_field` names the one "
    "of a server that wants its thoughts back",
    "as-reasoning": "as `reasoning`, the name that Groq knows",
    "groq-penalties": "Groq ignores or refuses penalties",
    "groq-schema": "only its gpt-oss models take a schema, and not in a stream or beside tools",
    "one-message": "as a conversation of one message",
    "estimate": "an estimate, without any tokenizer",
    "unsigned-thoughts": "Anthropic takes back only thoughts that it signed itself, and only its own dialect has room for the "
    "signature",
    "claude-schema": "Anthropic wants every object closed, and it is closed; a schema with bounds is its own 400",
    "claude-thinking": "models up to 4.5 get an effort as a budget of tokens; newer ones get it as it is, or the next higher one",
    "claude-stops": "a blank one is Anthropic's own 400",
    "claude-none": "Anthropic has no seed and no penalties",
    "claude-longest": "Anthropic wants a bound: where the client sets none, it is the longest answer of the model",
    "claude-sampling": "models from 4.7 on refuse temperature, top_p and top_k; older ones take them, but of temperature and "
    "top_p only one",
    "finish": "`done_reason` is `content_filter`, a word that Ollama itself does not have",
}
"""What else there is to know, by the name that cells give."""


class Cell(NamedTuple):
    """What becomes of one feature with one provider."""

    fate: str
    note: str = ""


class Case(NamedTuple):
    """One cell with its place."""

    feature: str
    provider: str
    cell: Cell

    def __str__(self) -> str:
        return f"{self.feature}-{self.provider}"


Row = Mapping[str, Cell]
Table = Mapping[str, Row]


def _row(cells: str) -> Row:
    """Read a row: a cell for each provider with two spaces or more between them, or one for all."""
    words = [Cell(*word.strip().split("/")) for word in cells.split("  ") if word.strip()]
    return dict(zip(PROVIDERS, words * len(PROVIDERS) if len(words) == 1 else words, strict=False))


def _table(rows: Mapping[str, str]) -> Table:
    return {feature: _row(cells) for feature, cells in rows.items()}


CHAT_COMPLETIONS = _table(
    {
        "text": "translated  passed  translated  translated  passed  translated",
        "stream": "translated  passed  translated  translated  passed  translated",
        "instructions": "translated  passed  translated  translated  passed  translated",
        "tools": "translated  passed  translated  translated  passed  translated",
        "parallel tools": "translated  passed  translated  translated  passed  translated",
        "at most one call": "translated/first-call  passed  translated/first-call  "
        "translated/first-call  passed  translated",
        "tool results": "translated  passed  translated/signature  translated  passed  translated",
        "parallel tool results": "translated  passed  translated/signature  translated  passed  translated",
        "forced tool": "refused  passed  translated  translated/cohere-forced  passed  translated",
        "some tool": "refused  passed  translated  translated  passed  translated",
        "no tool": "translated  passed  translated  translated  passed  translated",
        "images": "translated  passed  translated  translated  passed  translated",
        "image addresses": "refused  passed  refused  translated  passed  translated",
        "JSON mode": "translated  passed  translated  translated/cohere-words  passed  refused",
        "JSON schema": "translated  passed  translated  "
        "translated/cohere-schema  passed/groq-schema  translated/claude-schema",
        "JSON schema in a stream": "translated  passed  translated  "
        "translated/cohere-schema  its own 400/groq-schema  translated/claude-schema",
        "JSON schema beside tools": "translated  passed  translated  "
        "translated/cohere-words  its own 400/groq-schema  translated/claude-schema",
        "reasoning": "translated  passed  translated/level  "
        "translated/budget  passed/level  translated/claude-thinking",
        "no reasoning": "translated  passed  translated/level  translated  passed/level  translated/level",
        "earlier reasoning": "translated  passed  left out/signed-thoughts  "
        "translated  passed/as-reasoning  left out/unsigned-thoughts",
        "stop": "translated  passed  translated/gemini-stops  translated/cohere-stops  passed  translated/claude-stops",
        "seed": "translated  passed  translated/seed  translated  passed  left out/claude-none",
        "max tokens": "translated  passed  translated  "
        "translated  passed/max_completion_tokens  translated/claude-longest",
        "sampling": "translated  passed  left out/newest  translated/cohere-range  passed  left out/claude-sampling",
        "top_k": "translated  passed  left out/newest  translated/cohere-range  refused  left out/claude-sampling",
        "penalties": "translated  passed  left out/no-penalties  "
        "translated/cohere-range  left out/groq-penalties  left out/claude-none",
        "local sampling": "translated  passed  refused  refused  refused  refused",
        "logit bias": "refused  passed  refused  refused  refused  refused",
        "n": "refused  passed  refused  refused  refused  refused",
        "logprobs": "translated  passed  refused  refused  refused  refused",
        "documents": "refused  refused  refused  translated/documents  refused  translated/documents",
        "files": "refused  passed  refused  refused  refused  refused",
        "audio": "refused  passed  refused  refused  refused  refused",
        "usage": "translated  passed  translated  translated  passed  translated",
        "cached tokens": "not told  passed  translated  translated  passed  translated",
        "content filter": "none  passed  translated  translated  passed  translated",
        "errors": "translated",
    }
)

COMPLETIONS = _table(
    {
        "text": "translated/one-message  passed  translated/one-message  "
        "translated/one-message  translated/one-message  translated/one-message",
        "stream": "translated  passed  translated  translated  translated  translated",
        "stop": "translated  passed  translated/gemini-stops  "
        "translated/cohere-stops  translated  translated/claude-stops",
        "seed": "translated  passed  translated/seed  translated  translated  left out/claude-none",
        "max tokens": "translated  passed  translated  "
        "translated  translated/max_completion_tokens  translated/claude-longest",
        "sampling": "translated  passed  left out/newest  "
        "translated/cohere-range  translated  left out/claude-sampling",
        "top_k": "translated  passed  left out/newest  translated/cohere-range  refused  left out/claude-sampling",
        "penalties": "translated  passed  left out/no-penalties  "
        "translated/cohere-range  left out/groq-penalties  left out/claude-none",
        "local sampling": "translated  passed  refused  refused  refused  refused",
        "logit bias": "refused  passed  refused  refused  refused  refused",
        "n": "refused  passed  refused  refused  refused  refused",
        "logprobs": "refused  passed  refused  refused  refused  refused",
        "suffix": "translated  passed  refused  refused  refused  refused",
        "several prompts": "refused  passed  refused  refused  refused  refused",
        "usage": "translated  passed  translated  translated  translated  translated",
        "cached tokens": "not told  passed  translated  translated  translated  translated",
        "content filter": "none  passed  translated  translated  translated  translated",
        "errors": "translated",
    }
)

RESPONSES = _table(
    {
        "text": "translated",
        "stream": "translated",
        "instructions": "translated",
        "tools": "translated",
        "parallel tools": "translated",
        "at most one call": "translated/first-call  translated  translated/first-call  "
        "translated/first-call  translated  translated",
        "tool results": "translated  translated  translated/signature  translated  translated  translated",
        "parallel tool results": "translated  translated  translated/signature  translated  translated  translated",
        "forced tool": "refused  translated  translated  translated/cohere-forced  translated  translated",
        "some tool": "refused  translated  translated  translated  translated  translated",
        "no tool": "translated",
        "images": "translated",
        "images in tool results": "translated",
        "image addresses": "refused  translated  refused  translated  translated  translated",
        "JSON mode": "translated  translated  translated  translated/cohere-words  translated  refused",
        "JSON schema": "translated  translated  translated  "
        "translated/cohere-schema  translated/groq-schema  translated/claude-schema",
        "JSON schema in a stream": "translated  translated  translated  "
        "translated/cohere-schema  its own 400/groq-schema  translated/claude-schema",
        "JSON schema beside tools": "translated  translated  translated  "
        "translated/cohere-words  its own 400/groq-schema  translated/claude-schema",
        "reasoning": "translated  translated  translated/level  "
        "translated/budget  translated/level  translated/claude-thinking",
        "no reasoning": "translated  translated  translated/level  translated  translated/level  translated/level",
        "earlier reasoning": "translated  left out/unnamed-thoughts  left out/signed-thoughts  "
        "translated  translated/as-reasoning  left out/unsigned-thoughts",
        "max tokens": "translated  translated  translated  "
        "translated  translated/max_completion_tokens  translated/claude-longest",
        "sampling": "translated  translated  left out/newest  "
        "translated/cohere-range  translated  left out/claude-sampling",
        "logprobs": "translated  translated  refused  refused  refused  refused",
        "files": "refused",
        "usage": "translated",
        "cached tokens": "not told  translated  translated  translated  translated  translated",
        "content filter": "none  translated  translated  translated  translated  translated",
        "errors": "translated",
    }
)

MESSAGES = _table(
    {
        "text": "translated  translated  translated  translated  translated  passed",
        "stream": "translated  translated  translated  translated  translated  passed",
        "instructions": "translated  translated  translated  translated  translated  passed",
        "tools": "translated  translated  translated  translated  translated  passed",
        "parallel tools": "translated  translated  translated  translated  translated  passed",
        "at most one call": "translated/first-call  translated  translated/first-call  "
        "translated/first-call  translated  passed",
        "tool results": "translated  translated  translated/signature  translated  translated  passed",
        "parallel tool results": "translated  translated  translated/signature  translated  translated  passed",
        "forced tool": "refused  translated  translated  translated/cohere-forced  translated  passed",
        "some tool": "refused  translated  translated  translated  translated  passed",
        "no tool": "translated  translated  translated  translated  translated  passed",
        "images": "translated  translated  translated  translated  translated  passed",
        "images in tool results": "translated  translated  translated  translated  translated  passed",
        "image addresses": "refused  translated  refused  translated  translated  passed",
        "JSON schema": "translated  translated  translated  translated/cohere-schema  translated/groq-schema  passed",
        "JSON schema in a stream": "translated  translated  translated  "
        "translated/cohere-schema  its own 400/groq-schema  passed",
        "JSON schema beside tools": "translated  translated  translated  "
        "translated/cohere-words  its own 400/groq-schema  passed",
        "reasoning": "translated  translated  translated/level  translated/budget  translated/level  passed",
        "no reasoning": "translated  translated  translated/level  translated  translated/level  passed",
        "earlier reasoning": "translated  left out/unnamed-thoughts  left out/signed-thoughts  "
        "translated  translated/as-reasoning  left out/unsigned-thoughts",
        "signed reasoning": "translated  left out/unnamed-thoughts  left out/signed-thoughts  translated  "
        "translated/as-reasoning  passed",
        "stop": "translated  translated  translated/gemini-stops  translated/cohere-stops  translated  passed",
        "max tokens": "translated  translated  translated  translated  translated/max_completion_tokens  passed",
        "sampling": "translated  translated  left out/newest  "
        "translated/cohere-range  translated  its own 400/claude-sampling",
        "top_k": "translated  translated  left out/newest  "
        "translated/cohere-range  refused  its own 400/claude-sampling",
        "files": "refused  refused  refused  refused  refused  passed",
        "tools of its own": "refused  refused  refused  refused  refused  passed",
        "usage": "translated  translated  translated  translated  translated  passed",
        "cached tokens": "not told  translated  translated  translated  translated  passed",
        "content filter": "none  translated  translated  translated  translated  passed",
        "errors": "translated",
    }
)

COUNT_TOKENS = _table({"usage": "by Córtex/estimate"})

OLLAMA_CHAT = _table(
    {
        "text": "passed  translated  translated  translated  translated  translated",
        "stream": "passed  translated  translated  translated  translated  translated",
        "instructions": "passed  translated  translated  translated  translated  translated",
        "tools": "passed  translated  translated  translated  translated  translated",
        "parallel tools": "passed  translated  translated  translated  translated  translated",
        "tool results": "passed  translated  translated/signature  translated  translated  translated",
        "parallel tool results": "passed  translated  translated/signature  translated  translated  translated",
        "images": "passed  translated  translated  translated  translated  translated",
        "images in tool results": "passed  translated  translated  translated  translated  translated",
        "JSON mode": "passed  translated  translated  translated/cohere-words  translated  refused",
        "JSON schema": "passed  translated  translated  "
        "translated/cohere-schema  translated/groq-schema  translated/claude-schema",
        "JSON schema in a stream": "passed  translated  translated  "
        "translated/cohere-schema  its own 400/groq-schema  translated/claude-schema",
        "JSON schema beside tools": "passed  translated  translated  "
        "translated/cohere-words  its own 400/groq-schema  translated/claude-schema",
        "reasoning": "passed  translated  translated/level  "
        "translated/budget  translated/level  translated/claude-thinking",
        "no reasoning": "passed  translated  translated/level  translated  translated/level  translated/level",
        "earlier reasoning": "passed  left out/unnamed-thoughts  left out/signed-thoughts  "
        "translated  translated/as-reasoning  left out/unsigned-thoughts",
        "stop": "passed  translated  translated/gemini-stops  "
        "translated/cohere-stops  translated  translated/claude-stops",
        "seed": "passed  translated  translated/seed  translated  translated  left out/claude-none",
        "max tokens": "passed  translated  translated  "
        "translated  translated/max_completion_tokens  translated/claude-longest",
        "sampling": "passed  translated  left out/newest  "
        "translated/cohere-range  translated  left out/claude-sampling",
        "top_k": "passed  translated  left out/newest  translated/cohere-range  refused  left out/claude-sampling",
        "penalties": "passed  translated  left out/no-penalties  "
        "translated/cohere-range  left out/groq-penalties  left out/claude-none",
        "local sampling": "passed  translated  refused  refused  refused  refused",
        "logprobs": "passed  translated  refused  refused  refused  refused",
        "usage": "passed  translated  translated  translated  translated  translated",
        "content filter": "none  translated/finish  translated/finish  "
        "translated/finish  translated/finish  translated/finish",
        "errors": "translated",
    }
)

GENERATE = _table(
    {
        "text": "passed  translated  translated  translated  translated  translated",
        "stream": "passed  translated  translated  translated  translated  translated",
        "instructions": "passed  translated  translated  translated  translated  translated",
        "bare prompt": "passed  refused  refused  refused  refused  refused",
        "images": "passed  translated  translated  translated  translated  translated",
        "JSON mode": "passed  translated  translated  translated/cohere-words  translated  refused",
        "JSON schema": "passed  translated  translated  "
        "translated/cohere-schema  translated/groq-schema  translated/claude-schema",
        "JSON schema in a stream": "passed  translated  translated  "
        "translated/cohere-schema  its own 400/groq-schema  translated/claude-schema",
        "reasoning": "passed  translated  translated/level  "
        "translated/budget  translated/level  translated/claude-thinking",
        "no reasoning": "passed  translated  translated/level  translated  translated/level  translated/level",
        "stop": "passed  translated  translated/gemini-stops  "
        "translated/cohere-stops  translated  translated/claude-stops",
        "seed": "passed  translated  translated/seed  translated  translated  left out/claude-none",
        "max tokens": "passed  translated  translated  "
        "translated  translated/max_completion_tokens  translated/claude-longest",
        "sampling": "passed  translated  left out/newest  "
        "translated/cohere-range  translated  left out/claude-sampling",
        "top_k": "passed  translated  left out/newest  translated/cohere-range  refused  left out/claude-sampling",
        "penalties": "passed  translated  left out/no-penalties  "
        "translated/cohere-range  left out/groq-penalties  left out/claude-none",
        "local sampling": "passed  translated  refused  refused  refused  refused",
        "logprobs": "passed  translated  refused  refused  refused  refused",
        "usage": "passed  translated  translated  translated  translated  translated",
        "content filter": "none  translated/finish  translated/finish  "
        "translated/finish  translated/finish  translated/finish",
        "errors": "translated",
    }
)

EMBEDDINGS = _table(
    {
        "embeddings": "translated  passed  translated  translated/purpose  refused  refused",
        "dimensions": "translated  passed  translated  translated  refused  refused",
        "token ids": "refused  passed  refused  refused  refused  refused",
        "usage": "translated  passed  not told  translated  refused  refused",
        "errors": "translated  translated  translated  translated  none  none",
    }
)

EMBED = _table(
    {
        "embeddings": "passed  translated  translated  translated/purpose  refused  refused",
        "dimensions": "passed  translated  translated  translated  refused  refused",
        "usage": "passed  translated  not told  translated  refused  refused",
        "errors": "translated  translated  translated  translated  none  none",
    }
)

TABLES: Mapping[str, Table] = {
    "openai: chat.completions": CHAT_COMPLETIONS,
    "openai: completions": COMPLETIONS,
    "openai: responses": RESPONSES,
    "openai: embeddings": EMBEDDINGS,
    "anthropic: messages": MESSAGES,
    "anthropic: messages.count_tokens": COUNT_TOKENS,
    "ollama: chat": OLLAMA_CHAT,
    "ollama: generate": GENERATE,
    "ollama: embed": EMBED,
}
"""Package and what is called of it → its table."""


INTRODUCTION = """\
# What works from which client with which provider

Each client below is an official package, each provider a simulator that the provider's own package takes for the real one,
and between them is a whole Córtex. This page is written by `scripts/features` from the tables in `tests/features.py`, which are
what the tests in `tests/system/` expect: a cell that is not so fails its test, whole and streamed. Change the tables, not this
page.
"""


def page() -> str:
    """Return `docs/features.md`."""
    fates = [f"- **{fate}**: {meaning}" for fate, meaning in FATES.items()]
    kinds = (
        "`openai` is any server of that dialect; groq stands for those that bend it (see [providers.md](providers.md))."
    )
    sections = [_section(operation, table) for operation, table in TABLES.items()]
    return "\n".join((INTRODUCTION, *fates, "", kinds, "", *sections)).rstrip("\n") + "\n"


def _section(operation: str, table: Table) -> str:
    notes = list(dict.fromkeys(cell.note for row in table.values() for cell in row.values() if cell.note))
    numbers = {note: f" ({number})" for number, note in enumerate(notes, 1)} | {"": ""}
    package, method = operation.split(": ")
    lines = [f"## `{package}`: `{method}`", "", f"| | {' | '.join(PROVIDERS)} |", "| --- " * (len(PROVIDERS) + 1) + "|"]
    for feature, row in table.items():
        cells = (f"{row[provider].fate}{numbers[row[provider].note]}" for provider in PROVIDERS)
        lines.append(f"| {feature} | {' | '.join(cells)} |")
    lines += ["", *(f"{number}. {NOTES[note]}" for number, note in enumerate(notes, 1)), ""]
    return "\n".join(lines)


def cases(operation: str) -> Iterator[Case]:
    """Return the cells of a table that there is something to ask for."""
    for feature, row in TABLES[operation].items():
        for provider, cell in row.items():
            if cell.fate != "none":
                yield Case(feature, provider, cell)
