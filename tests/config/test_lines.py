"""Where keys stand."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.config.lines import Lines, definitions, twice

DOCUMENT = '''# [not.a.table]
title = "a = 1 # no comment"   # b = 2

[server]
"host" = 'x'
limits."gemini-3.5" = { per_minute = 5, "per day" = 20 }
text = """
[fake]
fake = 1
"""
raw = \'\'\'
other = 2\'\'\'
list = [ "a", # "b",
  { c = 1 },
  [ 2,
    3 ],
]
when = 1979-05-27 07:32:00
pi = 3.14
[[many]]
a = 1
[[many]]
a = 2
[many.below]
"\\u00e9\\"" = 1
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("server",), 4),
        (("server", "host"), 5),
        (("server", "limits"), 6),
        (("server", "limits", "gemini-3.5", "per day"), 6),
        (("server", "text"), 7),
        (("server", "raw"), 11),
        (("server", "list", 0), 13),
        (("server", "list", 1, "c"), 14),
        (("server", "list", 2), 15),
        (("server", "list", 2, 1), 16),
        (("server", "when"), 18),
        (("server", "pi"), 19),
        (("many", 0, "a"), 21),
        (("many", 1), 22),
        (("many", 1, "a"), 23),
        (("many", 1, "below", 'é"'), 25),
    ],
)
def test_a_key_is_found_in_its_line(path, line):
    assert path in Lines(DOCUMENT)
    assert Lines(DOCUMENT).of(path) == line


def test_what_looks_like_a_key_inside_strings_and_comments_is_none():
    paths = {path for path, _ in definitions(DOCUMENT)}

    assert not [path for path in paths if {"fake", "b", "other", "not"} & set(path)]


def test_a_missing_key_has_the_line_of_the_table_around_it():
    assert Lines(DOCUMENT).of(("server", "nowhere", "at", "all")) == 4
    assert Lines(DOCUMENT).of(("nowhere",)) == 1


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a = 1\nb = 2\na = 3\n", (("a",), 1, 3)),
        ("[a.b]\n[c]\n[a.b]\n", (("a", "b"), 1, 3)),
        ("a = 1\n[a]\n", (("a",), 1, 2)),
        ("[[a]]\nb = 1\n[[a]]\nb = 1\n", None),
    ],
)
def test_a_path_given_twice_is_found_with_both_lines(text, found):
    assert twice(text) == found


NAMES = st.text(min_size=1, max_size=6) | st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True)
LEAVES = st.integers() | st.booleans() | st.text(max_size=8) | st.floats(allow_nan=False)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=5,
)
TABLES = st.dictionaries(NAMES, st.dictionaries(NAMES, VALUES, max_size=4), max_size=4)


def quoted(text):
    return '"' + "".join(c if c.isalnum() and c.isascii() else f"\\U{ord(c):08x}" for c in text) + '"'


def written(value):
    match value:
        case bool():
            return str(value).lower()
        case str():
            return quoted(value)
        case list():
            return "[ # array\n" + "".join(f"{written(entry)},\n" for entry in value) + "]"
        case dict():
            return "{" + ", ".join(f"{quoted(key)} = {written(entry)}" for key, entry in value.items()) + "}"
    return repr(value)


@given(TABLES)
def test_the_line_of_every_key_of_a_document_holds_that_key(tables):
    text = "".join(
        f"\n[ {quoted(name)} ]\n" + "".join(f"{quoted(key)} = {written(value)} # end\n" for key, value in table.items())
        for name, table in tables.items()
    )
    lines = text.split("\n")
    assert tomllib.loads(text) == tables

    for path in (path for path, _ in paths_of(tables)):
        line = lines[Lines(text).of(path) - 1]
        if isinstance(path[-1], str):
            assert quoted(path[-1]) in line
    assert {path for path, _ in definitions(text)} == {path for path, _ in paths_of(tables)}


def paths_of(value, path=()):
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, entry in entries:
        yield (*path, step), entry
        yield from paths_of(entry, (*path, step))


@given(st.text("abc.=[]{}\"'#\n\\, 1", max_size=60))
def test_any_text_can_be_walked(text):
    found = list(definitions(text))

    assert all(1 <= line <= text.count("\n") + 1 for _, line in found)
