"""What of a client's own body Anthropic would refuse because it passed through Córtex. Pure.

Two things. Thoughts without a signature are those of another model, which this client was answered by before: Córtex
signs none, and Anthropic answers 400 to a signature that is not its own. And a feature that is in beta wants a header of
the client's, which does not come this far: of those, `context_management` is in every request of Claude Code, and only
says which parts of a long conversation may be forgotten (claude-code #21612, 2026), so it is taken out. Every other byte
goes on as it came.
"""

from typing import Any

import msgspec
from msgspec import Raw

from cortex.providers.rewrite import Fields, opened, raw, sealed

_MANAGED = "context_management"
_UNSIGNED = (b'"signature":""', b'"signature": ""')


def passed(body: bytes, model: str) -> bytes:
    """Return a client's body as Anthropic takes it, for `model`; `body` itself where nothing is to change."""
    before = opened(body)
    fields = {**before, "model": raw(model)}
    fields.pop(_MANAGED, None)
    if any(mark in body for mark in _UNSIGNED):
        fields["messages"] = _signed(fields["messages"])
    return sealed(fields, before, body)


def _signed(messages: Raw) -> Raw:
    """Return the messages without thoughts that nobody signed, and without those that were nothing else."""
    turns = [_turn(opened(turn), turn) for turn in msgspec.json.decode(messages, type=list[Raw])]
    return raw([turn for turn in turns if turn is not None])


def _turn(turn: Fields, whole: Raw) -> Raw | None:
    content = turn.get("content", Raw(b'""'))
    if not bytes(content).lstrip().startswith(b"["):
        return whole
    blocks = msgspec.json.decode(content, type=list[Raw])
    kept = [block for block in blocks if not _is_unsigned(msgspec.json.decode(block))]
    if len(kept) == len(blocks):
        return whole
    return raw({**turn, "content": raw(kept)}) if kept else None


def _is_unsigned(block: Any) -> bool:
    return isinstance(block, dict) and block.get("type") == "thinking" and not block.get("signature")
