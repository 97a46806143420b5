"""What variables and `.env` add."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.config.environment import with_dotenv
from cortex.config.load import load
from cortex.config.model import Settings
from cortex.config.presets import PRESETS


def urls(environ, text=None):
    settings = load(text, environ)
    assert isinstance(settings, Settings)
    return {name: worker.url for name, worker in settings.workers.items()}


@pytest.mark.parametrize("name", ["OLLAMA_URLS", "LOCAL_OLLAMA_URLS", "OLLAMA_HOST"])
def test_each_variable_adds_ollama_instances(name):
    assert urls({name: "rack, http://desk:11434/"}) == {
        "ollama/1": "http://rack:11434",
        "ollama/2": "http://desk:11434",
    }


def test_an_instance_named_twice_is_one_worker_and_the_order_is_that_of_the_variables():
    environ = {"OLLAMA_HOST": "0.0.0.0", "LOCAL_OLLAMA_URLS": "localhost,rack", "OLLAMA_URLS": "rack:11434,b"}

    assert urls(environ) == {
        "ollama/1": "http://rack:11434",
        "ollama/2": "http://b:11434",
        "ollama/3": "http://localhost:11434",
    }


def test_an_instance_that_the_file_has_is_not_added_again():
    text = '[workers.desk]\nprovider = "ollama"\n'

    assert urls({"OLLAMA_URLS": "localhost:11434,rack"}, text) == {
        "desk": "http://127.0.0.1:11434",
        "ollama/1": "http://rack:11434",
    }


def test_a_name_that_the_file_has_taken_is_passed_over():
    text = '[workers.ollama]\nprovider = "ollama"\nurl = "https://ollama.example"\nkeys = ["$K"]\n'

    assert list(urls({"K": "key", "OLLAMA_URLS": "a,b"}, text)) == ["ollama/1", "ollama/2", "ollama/3"]


def test_workers_from_the_environment_are_free_ollamas_of_one_pool():
    worker = load(None, {"OLLAMA_HOST": "rack"}).workers["ollama/1"]

    assert (worker.provider, worker.pool, worker.free, worker.slots, worker.key) == ("ollama", "ollama", True, 1, None)


def test_variables_set_host_port_and_strategy_where_the_file_does_not():
    settings = load(
        "[server]\nport = 1\n", {"CORTEX_HOST": "::1", "CORTEX_PORT": "2", "CORTEX_STRATEGY": "round_robin"}
    )

    assert (settings.server.host, settings.server.port, settings.routing.strategy) == ("::1", 1, "round_robin")


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({"CORTEX_PORT": "70000"}, "CORTEX_PORT: expected a whole number from 0 to 65535, found 70000"),
        ({"CORTEX_PORT": "http"}, 'CORTEX_PORT: expected a whole number from 0 to 65535, found "http"'),
        ({"CORTEX_PORT": "9" * 5000}, "CORTEX_PORT: expected a whole number from 0 to 65535"),
        (
            {"CORTEX_HOST": "a:1"},
            'CORTEX_HOST: expected a host name or an IP address, without scheme or port, found "a:1"',
        ),
        ({"CORTEX_HOST": "0.0.0.0"}, "CORTEX_HOST: expected a loopback address"),
        (
            {"CORTEX_STRATEGY": "lokal_first"},
            "CORTEX_STRATEGY: expected local_first, round_robin, least_loaded, cost_optimized, smart or learned",
        ),
        ({"CORTEX_STRATEGY": "smartest"}, "did you mean smart?"),
        ({"OLLAMA_HOST": "a b"}, 'OLLAMA_HOST: expected host, host:port or a URL, found "a b"'),
        (
            {"OLLAMA_URLS": "a,ftp://b"},
            'OLLAMA_URLS: expected host, host:port or a URL, several with commas between, found "ftp',
        ),
    ],
)
def test_a_mistake_in_a_variable_names_the_variable(environ, problem):
    (found,) = load(None, environ)

    assert problem in str(found)
    assert (found.file, found.line) == ("", 0)


@pytest.mark.parametrize("name", ["CORTEX_HOST", "CORTEX_PORT", "CORTEX_STRATEGY", "OLLAMA_URLS", "OLLAMA_HOST"])
def test_an_empty_variable_says_nothing(name):
    assert load(None, {name: " "}) == load(None, {})


@pytest.mark.parametrize("name", ["GEMINI_API_KEYS", "GEMINI_API_KEY", "COHERE_API_KEYS", "GROQ_API_KEY"])
def test_each_key_of_a_free_provider_is_a_worker(name):
    provider = name.partition("_")[0].lower()
    settings = load(None, {name: " hunter2, hunter3,,hunter2"})

    assert list(settings.workers) == [f"{provider}/1", f"{provider}/2"]
    first = settings.workers[f"{provider}/1"]
    assert first.key.reveal() == "hunter2"
    assert (first.provider, first.pool, first.free) == (provider, provider, True)
    assert first.url == PRESETS[provider].url
    assert "hunter" not in repr(settings)


def test_a_key_that_the_file_has_is_no_second_worker():
    text = '[workers.gemini]\nprovider = "gemini"\nkeys = ["$A"]'
    settings = load(text, {"A": "k-one", "GEMINI_API_KEYS": "k-one,k-two"})

    assert list(settings.workers) == ["gemini/1", "gemini/2"]
    assert settings.workers["gemini/2"].key.reveal() == "k-two"


def test_a_key_that_no_header_can_carry_names_its_variable():
    (problem,) = load(None, {"GROQ_API_KEYS": "gsk_a b"})

    assert problem.key == "GROQ_API_KEYS"
    assert "gsk_a" not in str(problem)


def test_with_no_worker_at_all_it_is_said_what_to_do():
    (notice,) = load(None, {}).notices

    assert "OLLAMA_URLS" in notice


def test_the_environment_wins_over_dotenv_and_dollars_stay_as_they_are():
    environ = with_dotenv({"A": "1"}, "\ufeffA=2\nexport B='x y' # c\nC=$A\nD\n\n# E=5\n")

    assert dict(environ) == {"A": "1", "B": "x y", "C": "$A"}


def test_a_line_of_dotenv_that_is_no_variable_is_refused_by_its_number():
    (problem,) = with_dotenv({}, "A=1\nhunter2 is my key\n", "x/.env")

    assert str(problem) == "x/.env:2: expected NAME=value, or a comment, found something else"


def test_without_a_dotenv_the_environment_stands_alone():
    assert with_dotenv({"A": "1"}, None) == {"A": "1"}


@given(st.text("AB=\"'\\$#\n\r xport{}", max_size=60))
def test_any_dotenv_text_is_read_or_refused(text):
    found = with_dotenv({}, text)

    assert isinstance(found, list) or all(isinstance(value, str) for value in found.values())
