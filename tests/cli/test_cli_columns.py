"""Columns under each other."""

import click
from hypothesis import given
from hypothesis import strategies as st

from cortex.commands.columns import Cell, aligned

words = st.text("abc", max_size=6)
tables = st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(words, min_size=width, max_size=width), min_size=1))


@given(tables)
def test_each_column_begins_at_the_same_place_in_every_row(table):
    lines = aligned([[Cell(word) for word in row] for row in table])

    starts = []
    position = 0
    for column in zip(*table, strict=True):
        widest = max(map(len, column))
        if widest:
            starts.append((position, column))
            position += widest + 2
    for start, column in starts:
        assert [line[start : start + len(word)] for line, word in zip(lines, column, strict=True)] == list(column)


@given(tables)
def test_colour_changes_no_place(table):
    plain = aligned([[Cell(word) for word in row] for row in table])
    coloured = aligned([[Cell(word, "red", is_bold=True) for word in row] for row in table])

    assert [click.unstyle(line) for line in coloured] == plain


@given(tables)
def test_no_line_ends_in_blanks(table):
    lines = aligned([[Cell(word) for word in row] for row in table])

    assert lines == [line.rstrip() for line in lines]


def test_a_row_may_end_early():
    assert aligned([[Cell("root")], [Cell("a"), Cell("1")]]) == ["root", "a     1"]


def test_a_text_with_line_ends_or_escapes_stays_one_line():
    assert aligned([[Cell("two\nlines \x1b[2J")]]) == ["two lines �[2J"]
