"""Edits that a program makes of supervision.toml and `.env`."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.config import edits
from cortex.config.edits import EditError
from cortex.config.load import load
from cortex.config.sources import Texts

HAND = """\
# Mine, with care
[server]
port = 4747        # as always

[workers.desk]     # under the table
provider = "ollama"

[workers.gemini]
provider = "gemini"
keys = [
    "$GEMINI_A",   # home
    "$GEMINI_B",   # lab
]

[models]
fast = ["qwen3:4b"]  # small
"""
ENV = "# keys\nGEMINI_A=aaaa-aaaa-aaaa\nGEMINI_B='bbbb bbbb'\n"


def comments(text):
    return [line.partition("#")[2].strip() for line in text.splitlines() if "#" in line]


def test_a_new_worker_is_a_table_of_its_own_and_all_else_stays_as_it_is():
    after = edits.add(Texts(HAND, ENV), table="rack", provider="ollama", url="http://rack:11434")

    assert tomllib.loads(after.config)["workers"]["rack"] == {"provider": "ollama", "url": "http://rack:11434"}
    new = after.config.splitlines()
    assert [line for line in new if line not in HAND.splitlines()] == ["[workers.rack]", 'url = "http://rack:11434"']
    assert comments(after.config) == comments(HAND)
    assert after.env == ENV


@pytest.mark.parametrize(
    ("given", "written"),
    [("rack", "http://rack:11434"), ("10.0.0.9:8080", "http://10.0.0.9:8080"), ("no address", "no address")],
)
def test_an_ollama_may_be_named_as_its_own_variable_names_it(given, written):
    after = edits.add(Texts(HAND, ENV), table="rack", provider="ollama", url=given)

    assert tomllib.loads(after.config)["workers"]["rack"]["url"] == written


def test_a_key_is_in_the_env_file_and_only_its_name_in_the_settings():
    after = edits.add(Texts(HAND, ENV), table="gemini", provider="gemini", key="cccc-cccc-cccc")

    assert after.config == HAND.replace("# lab\n]", '# lab\n    "$CORTEX_KEY_GEMINI_1",\n]')
    assert after.env == ENV + "CORTEX_KEY_GEMINI_1=cccc-cccc-cccc\n"


def test_where_there_are_no_files_they_are_begun():
    after = edits.add(Texts(), table="groq", provider="groq", key="gsk_1234")

    assert tomllib.loads(after.config) == {"workers": {"groq": {"provider": "groq", "keys": ["$CORTEX_KEY_GROQ_1"]}}}
    assert after.env == "CORTEX_KEY_GROQ_1=gsk_1234\n"


def test_a_single_key_becomes_the_first_of_two_and_keeps_its_comment():
    before = (
        '[workers.groq]\nkey = "$A"  # home\nprovider = "groq"\n\n[workers.groq.limits."x"]\nrequests_per_day = 3\n'
    )

    after = edits.add(Texts(before, None), table="groq", provider="groq", key="gsk_1234")

    assert tomllib.loads(after.config)["workers"]["groq"] == {
        "provider": "groq",
        "keys": ["$A", "$CORTEX_KEY_GROQ_1"],
        "limits": {"x": {"requests_per_day": 3}},
    }
    assert '"$CORTEX_KEY_GROQ_1"]  # home\n' in after.config


def test_named_keys_get_one_more_name():
    before = '[workers.groq]\nprovider = "groq"\nkeys = { home = "$A", 2 = "$B" }\n'

    after = edits.add(Texts(before, None), table="groq", provider="groq", key="gsk_1234")

    keys = tomllib.loads(after.config)["workers"]["groq"]["keys"]
    assert keys == {"home": "$A", "2": "$B", "3": "$CORTEX_KEY_GROQ_1"}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_lines_end_as_they_did(newline):
    before = HAND.replace("\n", newline)

    after = edits.add(Texts(before, None), table="rack", provider="ollama")

    assert after.config.count("\n") == after.config.count(newline)


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({"table": "desk", "provider": "ollama"}, "already"),
        ({"table": "gemini", "provider": "groq", "key": "k"}, "of gemini, not of groq"),
        ({"table": "gemini", "provider": "gemini", "key": "k", "url": "http://x"}, "another address"),
        ({"table": "gemini", "provider": "gemini", "key": "two words"}, "visible"),
        ({"table": "gemini", "provider": "gemini", "key": "line\nbreak"}, "visible"),
        ({"table": "gemini", "provider": "gemini", "key": "it's"}, "quotes"),
    ],
)
def test_what_cannot_be_added_is_refused_in_words(wanted, why):
    with pytest.raises(EditError, match=why) as refused:
        edits.add(Texts(HAND, ENV), **wanted)
    assert wanted.get("key", "-") == "k" or wanted.get("key", "-") not in str(refused.value)


@pytest.mark.parametrize("broken", ["[workers", "workers = 3\n", "[workers]\ndesk = 1\n"])
def test_a_file_that_is_none_is_left_alone(broken):
    with pytest.raises(EditError):
        edits.add(Texts(broken), table="desk", provider="ollama")
    with pytest.raises(EditError):
        edits.remove(Texts(broken), "desk")


def test_a_dollar_of_an_address_names_no_variable():
    after = edits.add(Texts(), table="rack", provider="ollama", url="http://evil.example/$CLOUD_KEY")

    settings = load(after.config, {"CLOUD_KEY": "sk-house-0123456789"})

    assert not isinstance(settings, list)
    assert settings.workers["rack"].url == "http://evil.example/$CLOUD_KEY"


def test_the_same_key_is_not_given_twice():
    once = edits.add(Texts(HAND, ENV), table="gemini", provider="gemini", key="cccc")

    with pytest.raises(EditError, match="already"):
        edits.add(once, table="gemini", provider="gemini", key="cccc")


def test_one_key_less_takes_its_line():
    after = edits.remove(Texts(HAND, ENV), "gemini/1")

    assert tomllib.loads(after.config)["workers"]["gemini"]["keys"] == ["$GEMINI_B"]
    assert "lab" in comments(after.config)
    assert after.env == ENV, "a variable that a person named may be somebody else's too"


@pytest.mark.parametrize("worker", ["gemini", "desk"])
def test_a_table_goes_whole(worker):
    after = edits.remove(Texts(HAND, ENV), worker)

    assert worker not in tomllib.loads(after.config)["workers"]
    assert "small" in comments(after.config)


def test_the_last_key_takes_its_table_along_and_the_last_table_leaves_a_word():
    before = Texts('[workers.groq]\nprovider = "groq"\nkeys = ["$A"]\n', "A=1\n")

    after = edits.remove(before, "groq/1")

    assert after == Texts("# No worker is configured here.\n", "A=1\n")


@pytest.mark.parametrize("worker", ["rack", "gemini/3", "gemini/x", "desk/1", "ollama/1", ""])
def test_what_is_not_in_the_file_cannot_be_taken_out(worker):
    with pytest.raises(EditError, match="not in the file"):
        edits.remove(Texts(HAND, ENV), worker)


def test_a_variable_of_ours_that_another_worker_names_stays():
    before = Texts(
        '[workers.a]\nprovider="groq"\nkeys=["$CORTEX_KEY_A_1"]\n[workers.b]\nprovider="groq"\nkeys=["$CORTEX_KEY_A_1"]\n',
        "CORTEX_KEY_A_1=x\n",
    )

    assert edits.remove(before, "a").env == "CORTEX_KEY_A_1=x\n"


visible = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="'\\"), min_size=1, max_size=40)


@given(keys=st.lists(visible, min_size=1, max_size=4, unique=True), by_hand=st.booleans())
def test_whatever_keys_are_added_they_are_read_as_given_and_taking_them_out_leaves_what_was(keys, by_hand):
    before = Texts(HAND, ENV) if by_hand else Texts("", "")
    texts = before
    for key in keys:
        texts = edits.add(texts, table="lab", provider="groq", key=key)

    environ = dict.fromkeys(("GEMINI_A", "GEMINI_B"), "x") | _variables(texts.env)
    environ["GEMINI_B"] = "y"
    settings = load(texts.config, environ)

    assert not isinstance(settings, list), [str(problem) for problem in settings]
    lab = [worker.key.reveal() for worker in settings.workers.values() if worker.pool == "lab"]
    assert lab == keys

    for _ in keys:
        texts = edits.remove(texts, "lab/1")
    assert tomllib.loads(texts.config) == tomllib.loads(before.config)
    assert texts.env == (before.env or edits.NO_KEY)


def _variables(env):
    import io  # noqa: PLC0415  only here

    from dotenv import dotenv_values  # noqa: PLC0415  as above

    return dict(dotenv_values(stream=io.StringIO(env), interpolate=False))
