"""Whatever an upstream sends, each reader of it gives deltas, bytes or a Failure: it never raises and never goes on for ever.

What is recorded of real upstreams is damaged in two ways: bytes are exchanged, taken out and doubled; and, with the frame kept
whole, one value of one event is replaced by another that JSON has.
"""

import json
import re
from functools import cache
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex.chat import Delta, Vectors
from cortex.config.model import Worker
from cortex.messages import Allowance, Failure
from cortex.providers.base import Findings, Whole
from cortex.providers.catalogue import TRANSLATIONS, provider_for

DATA = Path(__file__).parent / "data"
EXAMPLES = 150

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=9), inner, max_size=2),
    max_leaves=4,
)
damages = st.tuples(
    st.sampled_from(["put", "out", "twice"]), st.integers(0, 1 << 16), st.integers(1, 40), st.binary(max_size=6)
)
everything = [*TRANSLATIONS]
passing = [
    kind for kind in TRANSLATIONS if provider_for(Worker(name="w", pool="w", provider=kind, url="http://x")).dialect
]


def worker(kind):
    return provider_for(Worker(name="w", pool="w", provider=kind, speaks=kind, url="http://x"))


@cache
def recordings(kind):
    """Return what was recorded of a kind of upstream, streams and whole answers."""
    folders = [kind, "llamacpp"] if kind == "openai" else [kind]
    files = [path for folder in folders for path in sorted((DATA / folder).iterdir()) if path.suffix != ".md"]
    return [path.read_bytes() for path in files]


def damaged(data, how):
    """Return `data` with its bytes exchanged, taken out or doubled at some places."""
    for kind, place, length, bytes_ in how:
        at = place % (len(data) + 1)
        piece = data[at : at + length]
        data = data[:at] + {"put": bytes_, "out": b"", "twice": piece * 2}[kind] + data[at + length :]
    return data


def places(value, path=()):
    """Return the path of every value inside `value`."""
    found = [path] if path else []
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        found += places(inner, (*path, key))
    return found


def replaced(draw, data):
    """Return `data` with one value in one of its JSON texts replaced."""
    lines = data.split(b"\n")
    texts = [(number, line.partition(b"{")) for number, line in enumerate(lines) if b"{" in line]
    if not texts or data.lstrip().startswith((b"{\n", b"[")):
        lines, texts = [data], [(0, data.partition(b"{"))]
    number, (before, brace, rest) = draw(st.sampled_from(texts))
    try:
        whole = json.loads(brace + rest)
    except ValueError:
        return data
    found = places(whole)
    if not found:
        return data
    *way, last = draw(st.sampled_from(found))
    inner = whole
    for key in way:
        inner = inner[key]
    inner[last] = draw(values)
    lines[number] = before + json.dumps(whole).encode() + (b"\r" if rest.endswith(b"\r") else b"")
    return b"\n".join(lines)


@st.composite
def answers(draw, kind):
    """Make what an upstream of a kind may send, and where its reads end."""
    data = draw(st.sampled_from(recordings(kind)))
    how = draw(st.lists(damages, max_size=3))
    return damaged(data, how) if how else replaced(draw, data), draw(st.lists(st.integers(0, 1 << 16), max_size=4))


@pytest.mark.parametrize("kind", everything)
@settings(max_examples=EXAMPLES, deadline=None)
@given(data=st.data())
def test_a_stream_is_deltas_and_an_end_or_a_failure(kind, data, asked, fed, cut):
    sent, ends = data.draw(answers(kind))
    decoder = worker(kind).decoder(
        asked("none", needs=frozenset(data.draw(st.sets(st.sampled_from(["chat", "tools"])))))
    )
    read = fed(decoder, cut(sent, ends))

    assert all(isinstance(each, Delta | Failure) for each in read)
    assert not any(isinstance(each, Failure) for each in read[:-1])
    assert decoder.finished or isinstance(read[-1], Failure)


@pytest.mark.parametrize("kind", passing)
@settings(max_examples=EXAMPLES, deadline=None)
@given(data=st.data())
def test_a_stream_that_is_let_through_is_whole_or_has_a_failure(kind, data, asked, fed, cut):
    provider = worker(kind)
    sent, ends = data.draw(answers(kind))
    passage = provider.passage(asked(provider.dialect))
    read = fed(passage, cut(sent, ends))

    assert isinstance(read, bytes)
    assert passage.failure is not None or passage.finished


@pytest.mark.parametrize("kind", everything)
@settings(max_examples=EXAMPLES, deadline=None)
@given(data=st.data())
def test_a_whole_answer_is_read_or_a_failure(kind, data, asked):
    provider = worker(kind)
    sent, _ = data.draw(answers(kind))
    read = provider.decode(asked("none", stream=False), sent)
    vectors = provider.vectors(asked("none", stream=False, operation="embed"), sent)
    found = provider.findings(dict.fromkeys(provider.probes(), sent))

    assert isinstance(read, Failure) or all(isinstance(each, Delta) for each in read)
    assert isinstance(vectors, Vectors | Failure)
    assert isinstance(found, Findings | Failure)
    if provider.dialect:
        assert isinstance(provider.whole(asked(provider.dialect, stream=False), sent), Whole | Failure)


NAMES = (
    "retry-after",
    "location",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-tokens",
    "x-ratelimit-limit-requests",
)


@pytest.mark.parametrize("kind", everything)
@settings(max_examples=EXAMPLES, deadline=None)
@given(data=st.data())
def test_an_error_is_a_failure_whatever_its_status_headers_and_body_are(kind, data):
    provider = worker(kind)
    sent, _ = data.draw(answers(kind))
    odd = st.text(st.characters(max_codepoint=255), max_size=12) | st.sampled_from(["-1", "1e999", "nan", "9" * 400])
    headers = data.draw(st.dictionaries(st.sampled_from(NAMES), odd))

    assert isinstance(provider.classify(data.draw(st.integers(100, 999)), headers, sent), Failure)
    assert all(isinstance(each, Allowance) for each in provider.allowances(headers))


def reads_all(kind, sent, asked, fed):
    """Hold every reader of a kind of upstream to giving what it may give."""
    provider = worker(kind)
    decoder = provider.decoder(asked("none"))
    read = fed(decoder, [sent])
    assert decoder.finished or isinstance(read[-1], Failure)
    assert isinstance(provider.decode(asked("none", stream=False), sent), list | Failure)
    assert isinstance(provider.vectors(asked("none", stream=False, operation="embed"), sent), Vectors | Failure)
    assert isinstance(provider.findings(dict.fromkeys(provider.probes(), sent)), Findings | Failure)
    assert isinstance(provider.classify(500, {}, sent), Failure)
    if provider.dialect:
        assert isinstance(fed(provider.passage(asked(provider.dialect)), [sent]), bytes)
        assert isinstance(provider.whole(asked(provider.dialect, stream=False), sent), Whole | Failure)


DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize("kind", everything)
@pytest.mark.parametrize("mark", [b"null", b"{}", b"[]", b'""', b"0"])
def test_a_value_that_is_nested_without_end_is_read_or_a_failure(kind, mark, asked, fed):
    for sent in {each.replace(mark, DEEP, 1) for each in recordings(kind)}:
        reads_all(kind, sent, asked, fed)


@pytest.mark.parametrize("kind", everything)
def test_a_string_that_is_no_text_is_a_failure_wherever_it_stands(kind, asked, fed):
    """A field that nobody looks for is passed over by msgspec unread, and shows only when all of it is."""
    for each in recordings(kind):
        for match in islice(re.finditer(rb'"', each), 200):
            reads_all(kind, each[: match.end()] + b"\x80" + each[match.end() + 1 :], asked, fed)
