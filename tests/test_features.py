"""The tables of what works are whole, and the page in docs/ says what they say."""

import pytest
from features import FATES, NOTES, PAGE, PROVIDERS, TABLES, page

CELLS = [
    (operation, feature, provider, cell)
    for operation, table in TABLES.items()
    for feature, row in table.items()
    for provider, cell in row.items()
]


def test_the_page_is_what_the_tables_say():
    assert PAGE.read_text() == page(), "run scripts/features"


@pytest.mark.parametrize("operation", TABLES)
def test_each_row_has_a_cell_for_each_provider(operation):
    assert all(tuple(row) == PROVIDERS for row in TABLES[operation].values())


def test_each_cell_has_a_fate_and_a_note_that_there_are():
    assert {cell.fate for *_, cell in CELLS} == set(FATES)
    assert {cell.note for *_, cell in CELLS} == {"", *NOTES}


def test_nothing_is_without_a_test_but_what_no_upstream_can_do():
    """An Ollama has no filter, and Groq and Anthropic no embeddings that could fail."""
    untested = {(feature, provider) for _, feature, provider, cell in CELLS if cell.fate == "none"}

    assert untested == {("content filter", "ollama"), ("errors", "groq"), ("errors", "anthropic")}
