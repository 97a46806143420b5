"""Differences of the files that may be shown to anybody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.config.masked import LARGEST_DIFF, difference
from cortex.config.sources import Texts

KEY = "zq81-0123-4567-wxyz"


def shown(before, after, **more):
    return difference(before, after, config="supervision.toml", env_file=".env", **more)


def test_a_change_is_shown_with_its_surroundings():
    before = "[server]\nport = 1\n"

    assert shown(Texts(before), Texts(before.replace("1", "2"))) == (
        "--- supervision.toml\n+++ supervision.toml\n@@ -1,2 +1,2 @@\n [server]\n-port = 1\n+port = 2\n"
    )


def test_nothing_changed_is_nothing_shown():
    assert not shown(Texts("a = 1\n", "B=1\n"), Texts("a = 1\n", "B=1\n"))


def test_a_file_that_begins_is_told_from_one_that_was_empty():
    assert shown(Texts(), Texts("a = 1\n")).startswith("--- /dev/null\n+++ supervision.toml\n")
    assert shown(Texts(""), Texts("a = 1\n")).startswith("--- supervision.toml\n")


@pytest.mark.parametrize(
    "text",
    [
        f'[workers.a]\nkey = "{KEY}"\n',
        f'[workers.a]\nkeys = [\n  "{KEY}", # note\n]\n',
        f'workers.a.keys = {{ home = "{KEY}" }}\n',
        f'[server]\napi_keys = ["$A", "{KEY}"]\n',
        f'[server]\nadmin_keys = ["$A", "{KEY}"]\n',
        f'[server]\nadmin_keys = ["{KEY}"\n',
        f'[workers.a]\nkey = "{KEY}"\n# was {KEY} before\n',
        f'[workers.a\nkey = "{KEY}"\n',
        "# sk-proj-0123456789abcdefghij\n",
        "[broken\n# AIzaSyA0123456789abcdef\n",
    ],
)
def test_no_key_is_shown_wherever_it_stands(text):
    difference = shown(Texts("", ""), Texts(text, ""))

    assert difference
    assert not any(key in difference for key in (KEY, "sk-proj", "AIzaSyA", "0123-4567"))


def test_a_key_that_is_known_is_masked_in_a_text_that_does_not_tell():
    assert KEY not in shown(Texts(""), Texts(f"[broken\nx = {KEY}\n"), secrets=[KEY])


def test_names_of_variables_beside_a_key_stay_what_they_are():
    difference = shown(Texts(""), Texts(f'[workers.a]\nprovider = "groq"\nkeys = ["$A", "{KEY}", "${{B}}"]\n'))

    assert '+keys = ["$A", "***wxyz", "${B}"]' in difference


def test_a_short_key_is_masked_where_it_stands_alone_and_words_stay_words():
    difference = shown(Texts(""), Texts('[workers.a]\nprovider = "groq"\nkey = "ro"\nmodels = ["groq-ro"]\n'))

    assert '+key = "***"' in difference
    assert '+models = ["groq-ro"]' in difference


@pytest.mark.parametrize(
    "text",
    [
        f'[workers.a\nkeys = [\n  "{KEY}",\n]\n',
        f'[workers."{KEY}"]\n',
        f"{KEY} = 1\n",
        f"key = $'{KEY}'\n",
        f"# {KEY}\n",
        f'url = "http://u:{KEY}@host/?key={KEY}"\n',
        "ab12ab12ab12==\n",
        '"0123456789"\n',
    ],
)
def test_of_a_text_that_was_refused_no_word_is_shown_that_may_be_a_key(text):
    difference = shown(
        Texts('[workers.a]\nmodels = ["qwen3-coder-30b"]\n'),
        Texts(f'models = ["qwen3-coder-30b"]\n{text}'),
        is_refused=True,
    )

    assert "***" in difference
    assert not any(part in difference for part in (KEY, "0123", "ab12"))
    assert "qwen3-coder-30b" in difference


@pytest.mark.parametrize("line", ["ab12AB34cd56==", "zq81-0123-4567-wxyz", "zq81xyzABC0123= "])
def test_a_line_of_the_env_file_that_is_a_key_is_not_shown(line):
    assert line.strip("= ") not in shown(Texts(None, ""), Texts(None, f"{line}\n"))


@given(value=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=13, max_size=60))
def test_no_value_of_the_env_file_is_shown(value):
    difference = shown(Texts(None, ""), Texts(None, f"NAME={value}\n"))

    assert value not in difference
    assert value[:-4] not in difference


def test_a_key_that_changed_is_a_line_that_changed_though_both_look_alike():
    assert shown(Texts(None, "A=short\n"), Texts(None, "A=other\n")).count("A=***") == 2


def test_a_long_difference_is_cut():
    long = "".join(f"a{number} = {number}\n" for number in range(9_000))

    assert len(shown(Texts(""), Texts(long))) < LARGEST_DIFF + 20
