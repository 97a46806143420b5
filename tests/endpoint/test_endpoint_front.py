"""What happens at the door before a request is one: bodies, keys, headers of Córtex's own."""

import asyncio
from types import SimpleNamespace

import pytest
from fleet import NOW, request
from hypothesis import given
from hypothesis import strategies as st

from cortex.config.secret import Secret
from cortex.endpoint.dialect import BadRequest
from cortex.endpoint.front import _headers, _knows, read_body

KEYS = (Secret("sk-house-0123456789abcdef"), Secret("sk-guest-0123456789abcdef"))


class Content:
    """A body that comes in parts; counts what was taken."""

    def __init__(self, parts):
        self.parts, self.taken = list(parts), 0

    async def readany(self):
        part = self.parts.pop(0) if self.parts else b""
        self.taken += len(part)
        return part

    def at_eof(self):
        return not self.parts


def http(parts=(), *, length=None, headers=None):
    return SimpleNamespace(content_length=length, content=Content(parts), headers=headers or {})


@given(parts=st.lists(st.binary(min_size=1, max_size=20), max_size=10), spare=st.integers(0, 5))
async def test_a_body_within_the_limit_comes_whole_however_it_is_cut(parts, spare):
    body = b"".join(parts)

    assert await read_body(http(parts), len(body) + spare) == body
    assert await read_body(http(parts, length=len(body)), len(body)) == body


@given(parts=st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=10), data=st.data())
async def test_no_more_than_the_limit_and_one_part_is_ever_held(parts, data):
    limit = data.draw(st.integers(0, sum(map(len, parts)) - 1))
    asked = http(parts)

    with pytest.raises(BadRequest) as caught:
        await read_body(asked, limit)
    assert caught.value.problem.status == 413
    assert asked.content.taken <= limit + 20


async def test_a_body_that_says_it_is_too_large_is_not_read_at_all():
    asked = http([b"x" * 100], length=101)

    with pytest.raises(BadRequest, match="at most 100 bytes"):
        await read_body(asked, 100)
    assert asked.content.taken == 0


@pytest.mark.parametrize(
    ("headers", "known"),
    [
        ({"Authorization": "Bearer sk-house-0123456789abcdef"}, True),
        ({"Authorization": "bearer   sk-guest-0123456789abcdef "}, True),
        ({"x-api-key": "sk-guest-0123456789abcdef"}, True),
        ({"Authorization": "Basic sk-house-0123456789abcdef"}, False),
        ({"Authorization": "sk-house-0123456789abcdef"}, False),
        ({"Authorization": "Bearer "}, False),
        ({"Authorization": "Bearer sk-house-0123456789abcde"}, False),
        ({"x-api-key": ""}, False),
        ({}, False),
    ],
)
def test_exactly_the_configured_keys_are_known(headers, known):
    assert _knows(http(headers=headers), KEYS) is known


@given(value=st.text(max_size=60))
def test_whatever_is_presented_as_a_key_is_judged_and_never_a_crash(value):
    expected = value in {key.reveal() for key in KEYS}

    assert _knows(http(headers={"x-api-key": value}), KEYS) is expected


def test_a_requests_own_strategy_and_deadline_are_taken_over():
    asked = request()
    asked.deadline_s = 0.0
    _headers(http(headers={"X-Cortex-Strategy": "round_robin", "X-Cortex-Deadline": "90s"}), asked)

    assert (asked.strategy, asked.deadline_s) == ("round_robin", NOW + 90.0)


def test_without_such_headers_nothing_is_taken_over():
    asked = request()
    before = asked.deadline_s
    _headers(http(), asked)

    assert (asked.strategy, asked.deadline_s) == ("", before)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Cortex-Strategy": "fastest"},
        {"X-Cortex-Strategy": ""},
        {"X-Cortex-Deadline": "soon"},
        {"X-Cortex-Deadline": "-5s"},
        {"X-Cortex-Deadline": ""},
    ],
)
def test_a_mistake_in_such_a_header_names_the_header(headers):
    (name,) = headers
    with pytest.raises(BadRequest) as caught:
        _headers(http(headers=headers), request())

    assert (caught.value.problem.status, caught.value.problem.param) == (400, name)


async def test_a_body_that_stops_coming_is_waited_for_until_somebody_ends_it():
    """The sweep does; here the task is cancelled as the sweep would."""

    class Silent(Content):
        async def readany(self):
            await asyncio.Event().wait()

    asked = http()
    asked.content = Silent([b"x"])
    reading = asyncio.ensure_future(read_body(asked, 100))
    await asyncio.sleep(0)
    reading.cancel()

    with pytest.raises(asyncio.CancelledError):
        await reading
