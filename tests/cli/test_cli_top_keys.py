"""What a terminal sends, cut into keys."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.commands.top_keys import _NAMES, Keys

sent = st.lists(st.sampled_from([*(each for each in _NAMES if each != "\x1b"), "q", "/", "ö", "\x1b[15~", "\x1b[1;5A"]))


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"jq", ["j", "q"]),
        (b"\x1b[A\x1bOB", ["up", "down"]),
        (b"\x1b[5~x", ["page up", "x"]),
        ("ö".encode(), ["ö"]),
        (b"\r\x7f", ["enter", "backspace"]),
        (b"\x1b[15~\x1b[1;5A\x01", []),
        (b"\x1bj", ["escape", "j"]),
    ],
)
def test_what_is_sent_is_cut_into_keys(data, keys):
    assert Keys().feed(data) == keys


def test_escape_by_itself_is_known_only_when_nothing_follows():
    keys = Keys()

    assert keys.feed(b"\x1b") == []
    assert keys.is_waiting
    assert keys.flush() == ["escape"]
    assert not keys.is_waiting


@given(sent, st.lists(st.integers(0, 200)))
def test_however_it_is_cut_the_keys_are_the_same(strokes, cuts):
    """All but a letter beyond ASCII, whose bytes a terminal never sends apart."""
    data = "".join(strokes).replace("ö", "o").encode()
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    keys = Keys()

    apart = [key for begun, end in itertools.pairwise(places) for key in keys.feed(data[begun:end])] + keys.flush()

    assert apart == Keys().feed(data)


@given(st.binary(max_size=30))
def test_whatever_comes_is_keys_or_nothing(data):
    keys = Keys()

    assert all(key.isprintable() for key in [*keys.feed(data), *keys.flush()])
    assert not keys.is_waiting
