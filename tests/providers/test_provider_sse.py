"""Whole events with their bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.providers.sse import data_of, datas, event_at, is_whole, last_end

STREAM = st.lists(
    st.sampled_from([b"data: a\n\n", b"data:b\r\n\r\n", b": note\n\n", b"event: x\ndata: c\ndata: d\n\n", b"\n\r\n"]),
    max_size=8,
).map(b"".join)


@given(STREAM)
def test_events_one_after_the_other_are_the_stream(stream):
    at, raws = 0, []
    while at < len(stream):
        raws.append(event_at(stream, at).raw)
        at += len(raws[-1])

    assert b"".join(raws) == stream
    assert all(is_whole(raw) for raw in raws)


@given(STREAM, st.integers(0, 200))
def test_last_end_is_an_end_with_none_after_it(stream, place):
    data = stream[:place]
    end = last_end(data)

    assert end == 0 or is_whole(data[:end])
    assert not any(is_whole(data[:longer]) for longer in range(end + 1, len(data) + 1))


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (b"data: a\n\n", b"a"),
        (b"data:a\r\n\r\n", b"a"),
        (b"data: [DONE] \n\n", b"[DONE]"),
        (b"\xef\xbb\xbfdata: a\n\n", b"a"),
        (b"event: x\nid: 1\ndata: {\ndata: }\n\n", b"{\n}"),
        (b": keep-alive\n\n", b""),
        (b"\n\n", b""),
        (b'{"error":"no stream"}', b'{"error":"no stream"}'),
    ],
)
def test_data_of_an_event_is_read_leniently(event, data):
    assert data_of(event) == data


def test_datas_leave_comments_out():
    assert datas(b": x\n\ndata: a\n\ndata: b\r\n\r\n") == [b"a", b"b"]
