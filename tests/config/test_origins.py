"""Where each setting comes from."""

from hypothesis import given
from hypothesis import strategies as st

from cortex.config.load import load
from cortex.config.origins import origins

TEXT = """\
[server]
shutdown_grace = "10s"

[workers.desk]
provider = "ollama"
slots = 2

[workers.gemini]
provider = "gemini"
keys = ["a-key-of-mine", "another-key"]

[models]
fast = ["qwen3:4b"]
"""


def found(text=TEXT, **environ):
    settings = load(text, environ)
    assert not isinstance(settings, list), settings
    return origins(settings, text, environ, "supervision.toml")


def test_a_line_of_the_file_is_named_under_the_name_that_the_settings_have():
    assert found()["server.shutdown_grace_s"] == "supervision.toml:2"
    assert found()["models.fast"] == "supervision.toml:13"


def test_each_worker_of_a_pool_comes_from_its_table():
    assert found()["workers.gemini/2.keys"] == "supervision.toml:10"
    assert found()["workers.desk.slots"] == "supervision.toml:6"
    assert found()["workers.desk.weight"] == "default"


def test_a_variable_is_named_where_the_file_says_nothing():
    assert found(CORTEX_PORT="5000")["server.port"] == "environment CORTEX_PORT"
    assert found("[server]\nport = 1\n", CORTEX_PORT="5000")["server.port"] == "supervision.toml:2"
    assert found(OLLAMA_URLS="http://h:1")["workers.ollama/1"] == "environment OLLAMA_URLS"
    assert found(GROQ_API_KEYS="gsk_1")["workers.groq/1"] == "environment GROQ_API_KEYS"


@given(port=st.one_of(st.none(), st.integers(1, 60_000)), by_variable=st.booleans())
def test_what_has_no_line_and_no_variable_is_a_default(port, by_variable):
    text = "" if port is None else f"[server]\nport = {port}\n"

    origin = found(text, **({"CORTEX_PORT": "1"} if by_variable else {}))["server.port"]

    assert (origin == "default") == (port is None and not by_variable)
