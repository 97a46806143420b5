"""The bytes that go over the wire: what clients ask, and what the upstreams answer, the same for every gateway."""

import json

MODELS = ("small", "burst", "paced", "open")
"""`small` is a whole answer; the others are streams: all events at once, one each 5 ms, one each half second."""

PACES_S = {"burst": 0.0, "paced": 0.005, "open": 0.5}
EVENTS = 32
"""Events of a stream: content, the finish, the usage, and `[DONE]`."""

QUESTION = "Why is the sky blue? Answer in one sentence."
SENTENCE = "The sky is blue because air scatters short waves of light far more than long ones."
WORDS = [f"{word} " for word in SENTENCE.split()]
CREATED = 1_767_225_600


def request_body(model: str) -> bytes:
    """Return what a client sends: a small chat with a system prompt."""
    body: dict[str, object] = {
        "model": model,
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": QUESTION},
        ],
        "max_tokens": 64,
    }
    if model != "small":
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return json.dumps(body, separators=(",", ":")).encode()


def request(model: str, port: int) -> bytes:
    """Return the whole HTTP request of a client on a kept connection."""
    body = request_body(model)
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Accept: */*\r\nAuthorization: Bearer sk-bench\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


USAGE = {"prompt_tokens": 23, "completion_tokens": EVENTS - 3, "total_tokens": 20 + EVENTS}


def completion() -> bytes:
    """Return a whole answer."""
    message = {"role": "assistant", "content": SENTENCE, "refusal": None}
    return _json(
        id="chatcmpl-bench", object="chat.completion", created=CREATED, model="small", system_fingerprint="fp_bench",
        choices=[{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}], usage=USAGE,
    )  # fmt: skip


def listing() -> bytes:
    """Return the list of models."""
    data = [{"id": model, "object": "model", "created": CREATED, "owned_by": "bench"} for model in MODELS]
    return _json(object="list", data=data)


def events(model: str) -> list[bytes]:
    """Return the events of a stream, each as it stands in the body."""
    words = [WORDS[index % len(WORDS)] for index in range(EVENTS - 3)]
    deltas: list[dict[str, object]] = [{"content": word} for word in words]
    deltas[0] = {"role": "assistant", **deltas[0]}
    bodies = [_chunk(model, [{"index": 0, "delta": delta, "finish_reason": None}]) for delta in deltas]
    bodies.append(_chunk(model, [{"index": 0, "delta": {}, "finish_reason": "stop"}]))
    bodies.append(_chunk(model, [], USAGE))
    return [b"data: %b\n\n" % body for body in (*bodies, b"[DONE]")]


def _chunk(model: str, choices: list[dict[str, object]], usage: dict[str, int] | None = None) -> bytes:
    return _json(
        id="chatcmpl-bench", object="chat.completion.chunk", created=CREATED, model=model,
        system_fingerprint="fp_bench", choices=choices, usage=usage,
    )  # fmt: skip


def _json(**fields: object) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()
