"""The whole file: every key right and wrong, every problem in its line."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from cortex.config import model, schema, workers
from cortex.config.load import load
from cortex.config.problem import Problem
from cortex.config.secret import Secret

DESK = '[workers.desk]\nprovider = "ollama"\n'
POOL = '[workers.pool]\nprovider = "openai"\nurl = "http://x"\n'


def problems(text, environ=None):
    found = load(text, environ or {})
    assert isinstance(found, list), found
    return found


def test_savings_may_be_compared_with_any_model_whose_price_is_known():
    for name in ("gpt-6-astra", "mine"):
        text = f'[telemetry]\nsaved_against = "{name}"\n[prices.mine]\ninput = 1\noutput = 2'
        assert load(text, {}).telemetry.saved_against == name


def test_a_model_of_comparison_without_a_price_is_a_mistake():
    (problem,) = load('[telemetry]\nsaved_against = "gpt-6-astro"', {})
    assert problem.line == 2
    assert "gpt-6-astra" in str(problem)


def test_no_file_gives_the_defaults():
    settings = load(None, {})

    assert settings == model.Settings(notices=settings.notices)


@pytest.mark.parametrize(
    ("section", "line", "field", "value"),
    [
        ("server", 'host = "::1"', "host", "::1"),
        ("server", 'host = "localhost"', "host", "localhost"),
        ("server", "port = 0", "port", 0),
        ("server", "port = 65535", "port", 65535),
        ("server", 'api_keys = ["$KEY", "b"]', "api_keys", (Secret("from-env"), Secret("b"))),
        ("server", 'admin_keys = ["$KEY"]', "admin_keys", (Secret("from-env"),)),
        ("server", 'shutdown_grace = "10m"', "shutdown_grace_s", 600.0),
        ("server", 'max_body = "1MiB"', "max_body_bytes", 1_048_576),
        ("server", "max_clients = 1", "max_clients", 1),
        ("supervision", 'strategy = "rest_for_one"', "strategy", "rest_for_one"),
        ("supervision", "max_restarts = 0", "max_restarts", 0),
        ("supervision", "max_seconds = 2.5", "max_seconds", 2.5),
        ("supervision", "max_seconds = 5", "max_seconds", 5.0),
        ("routing", 'strategy = "round_robin"', "strategy", "round_robin"),
        ("routing", 'strategy = "least_loaded"', "strategy", "least_loaded"),
        ("routing", 'deadline = "1h30m"', "deadline_s", 5400.0),
        ("routing", "max_attempts = 1", "max_attempts", 1),
        ("routing", "queue = 0", "queue", 0),
        ("routing", 'connect_timeout = "250ms"', "connect_timeout_s", 0.25),
        ("routing", 'first_token_timeout = "1s"', "first_token_timeout_s", 1.0),
        ("routing", 'stall_timeout = "1s"', "stall_timeout_s", 1.0),
        ("streams", "resume = false", "resume", False),
        ("streams", "hold_tools = false", "hold_tools", False),
        ("streams", 'keepalive = "2s"', "keepalive_s", 2.0),
        ("streams", 'first_token_timeout = "1s"', "first_token_timeout_s", 1.0),
        ("streams", 'stall_timeout = "1s"', "stall_timeout_s", 1.0),
        ("streams", 'max_held = "1MB"', "max_held_bytes", 1_000_000),
        ("routing", 'on_refusal = "next"', "on_refusal", "next"),
        ("routing", 'on_too_long = "answer"', "on_too_long", "answer"),
        ("breaker", "failures = 1", "failures", 1),
        ("breaker", "window = 100", "window", 100),
        ("breaker", "min_error_rate = 1", "min_error_rate", 1.0),
        ("breaker", 'open_for = "1s"', "open_for_s", 1.0),
        ("breaker", 'open_for_max = "1h"', "open_for_max_s", 3600.0),
        ("cache", "enabled = false", "enabled", False),
        ("cache", 'when = "always"', "when", "always"),
        ("cache", 'ttl = "1d"', "ttl_s", 86_400.0),
        ("cache", 'memory = "1KB"', "memory_bytes", 1000),
        ("cache", 'disk = "1GiB"', "disk_bytes", 1024**3),
        ("cache", 'path = "$HOME/cache$$1"', "path", "/home/me/cache$1"),
        ("health", 'interval = "1s"', "interval_s", 1.0),
        ("health", 'timeout = "1s"', "timeout_s", 1.0),
        ("telemetry", 'log = "json"', "log", "json"),
        ("telemetry", "prompts = true", "prompts", True),
    ],
)
def test_each_key_is_read(section, line, field, value):
    settings = load(f"[{section}]\n{line}\n", {"KEY": "from-env", "HOME": "/home/me"})

    assert getattr(getattr(settings, section), field) == value


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ('url = "http://RACK:11434/"', "url", "http://rack:11434"),
        ('key = "$KEY"', "key", Secret("from-env")),
        ("slots = 1024", "slots", 1024),
        ("weight = 0", "weight", 0),
        ("weight = 0.5", "weight", 0.5),
        ("num_ctx = 8192", "num_ctx", 8192),
        ('keep_alive = "10m"', "keep_alive", "10m"),
        ('keep_alive = "0s"', "keep_alive", "0s"),
        ('keep_alive = "2d"', "keep_alive", "172800s"),
        ("keep_alive = -1", "keep_alive", "-1s"),
        ('keep_alive = "-1"', "keep_alive", "-1s"),
        ('models = ["a", "b"]', "models", ("a", "b")),
        ("free = false", "free", False),
        ('bucket = "shared"', "bucket", "shared"),
        ('first_token_timeout = "2m"', "first_token_timeout_s", 120.0),
        (
            'limits."*" = { requests_per_minute = 1, requests_per_day = 2, tokens_per_minute = 3, tokens_per_day = 4 }',
            "limits",
            {"*": model.Limits(requests_per_minute=1, requests_per_day=2, tokens_per_minute=3, tokens_per_day=4)},
        ),
    ],
)
def test_each_key_of_a_worker_is_read(line, field, value):
    settings = load(f"{DESK}{line}\n", {"KEY": "from-env"})

    assert getattr(settings.workers["desk"], field) == value


def test_an_ollama_has_a_default_address_and_costs_nothing():
    worker = load(DESK, {}).workers["desk"]

    assert (worker.name, worker.pool, worker.url, worker.free, worker.key) == (
        "desk", "desk", "http://127.0.0.1:11434", True, None,
    )  # fmt: skip


def test_switches_are_read_by_their_own_rows():
    settings = load(
        f'{POOL}[workers.pool.switches]\ndrop_fields = ["store"]\nlacks = ["n"]\nextra_sampling = false\n', {}
    )

    assert settings.workers["pool"].switches == {"drop_fields": ("store",), "lacks": ("n",), "extra_sampling": False}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('key = "$A"', {"pool": "1"}),
        ('keys = ["$A"]', {"pool/1": "1"}),
        ('keys = ["$A", "$B"]', {"pool/1": "1", "pool/2": "2"}),
        ('keys = { home = "$A", lab = "$B" }', {"pool/home": "1", "pool/lab": "2"}),
        ("", {"pool": None}),
    ],
)
def test_each_key_of_a_pool_is_a_worker(line, expected):
    settings = load(f"{POOL}{line}\n", {"A": "1", "B": "2"})

    assert {name: worker.key and worker.key.reveal() for name, worker in settings.workers.items()} == expected
    assert {worker.pool for worker in settings.workers.values()} == {"pool"}


def test_workers_stand_in_the_order_of_the_file():
    text = "".join(f'[workers.{name}]\nprovider = "ollama"\nurl = "http://{name}"\n' for name in "cab")

    assert list(load(text, {"OLLAMA_HOST": "z"}).workers) == ["c", "a", "b", "ollama/1"]


def test_models_and_prices_are_read():
    settings = load(
        f'{DESK}[models]\nfast = ["qwen3:4b", "desk:a:b", "ollama:x"]\n[prices."a/b"]\ninput = 0\noutput = 9.5\n', {}
    )

    assert settings.models == {"fast": ("qwen3:4b", "desk:a:b", "ollama:x")}
    assert settings.prices == {"a/b": model.Price(input=0, output=9.5)}


WRONG = [
    # the text, then FILE left out: LINE: key: expected …, found …
    ("[server]\nhost = 5", "2: server.host: expected a host name or an IP address, without scheme or port, found 5"),
    ('[server]\nhost = "127.0.0.1:80"', 'found "127.0.0.1:80"'),
    ('[server]\nhost = "0.0.0.0"', "2: server.host: expected a loopback address as long as nobody needs a key"),
    ('[server]\nhost = "rack"\napi_keys = []', 'set server.api_keys = ["$CORTEX_API_KEY"], found "rack"'),
    ("[server]\nport = 65536", "2: server.port: expected a whole number from 0 to 65535, found 65536"),
    ("[server]\nport = -1", "found -1"),
    ('[server]\nport = "4747"', 'found "4747"'),
    ("[server]\nport = true", "found true"),
    ("[server]\nport = 4747.0", "found 4747"),
    (f"[server]\nport = 0x{'f' * 5000}", "found an integer"),
    ('[server]\napi_keys = "k"', "2: server.api_keys: expected an array [ … ], found a string"),
    ("[server]\napi_keys = [5]", "2: server.api_keys[0]: expected a key"),
    ('[server]\napi_keys = ["a",\n"b c"]', "3: server.api_keys[1]: expected a key: a string of visible ASCII"),
    ('[server]\napi_keys = ["a", "a"]', "server.api_keys[1]: expected each entry once, found the same as entry 1"),
    ('[server]\nadmin_keys = ["a b"]', "2: server.admin_keys[0]: expected a key"),
    (
        '[server]\napi_keys = ["abc"]\nadmin_keys = ["abc"]',
        "3: server.admin_keys: expected keys that clients do not have, so none of server.api_keys, found an array",
    ),
    ('[server]\nhost = "rack"\nadmin_keys = ["a"]', "server.host: expected a loopback address"),
    ("[server]\nshutdown_grace = 30", 'found 30 (did you mean "30s"?)'),
    ('[server]\nshutdown_grace = "30"', 'found "30" (did you mean "30s"?)'),
    ('[server]\nshutdown_grace = "0s"', "a duration above zero"),
    ('[server]\nshutdown_grace = "367d"', "up to 366d"),
    (
        "[server]\nmax_body = 32",
        'server.max_body: expected a size above zero, as a string with a unit ("32MB", "1GiB"), found 32',
    ),
    ('[server]\nmax_body = "32mb"', 'found "32mb"'),
    ("[server]\nmax_clients = 0", "from 1 to 1000000, found 0"),
    (
        "[server]\nhots = 1",
        "2: server.hots: expected a key of [server] (host, port, api_keys, admin_keys, shutdown_grace, max_body, max_clients)",
    ),
    ("[server]\nhots = 1", "found an unknown one (did you mean host?)"),
    ("[tls]\nca = 5", "2: tls.ca: expected a string that is not empty, found 5"),
    (
        '[workers.g]\nprovider = "groq"\nkey = "k"\nurl = "http://api.groq.com/v1"',
        "4: workers.g.url: expected an https:// URL: over http:// a key goes only to this machine or a private address, ",
    ),
    ('[supervision]\nstrategy = "one_for_al"', 'found "one_for_al" (did you mean one_for_all?)'),
    ("[supervision]\nmax_restarts = -1", "2: supervision.max_restarts"),
    ("[supervision]\nmax_seconds = 0", "a number above 0 and up to 86400, found 0"),
    ("[supervision]\nmax_seconds = nan", "found nan"),
    ("[supervision]\nmax_seconds = inf", "found inf"),
    (
        '[routing]\nstrategy = "random"',
        'expected local_first, round_robin, least_loaded, cost_optimized, smart or learned, found "random"',
    ),
    ("[routing]\nstrategy = [1]", "found an array"),
    ("[routing]\nmax_attempts = 0", "2: routing.max_attempts"),
    ("[routing]\nqueue = -1", "2: routing.queue"),
    ("[breaker]\nfailures = 21", "2: breaker.failures: expected no more failures than breaker.window, found 21"),
    ("[breaker]\nwindow = 4", "1: breaker.failures: expected no more failures than breaker.window, found the default"),
    ("[breaker]\nmin_error_rate = 1.5", "a number from 0 to 1, found 1.5"),
    (
        '[breaker]\nopen_for = "6m"\nopen_for_max = "5m"',
        '3: breaker.open_for_max: expected at least breaker.open_for, found "5m"',
    ),
    ('[cache]\nenabled = "yes"', 'true or false, found "yes"'),
    ('[cache]\nwhen = "never"', '2: cache.when: expected deterministic or always, found "never"'),
    ('[cache]\npath = " "', "a string that is not empty"),
    ("[health]\ninterval = 1979-05-27", "found a date or time"),
    ('[telemetry]\nlog = "text"', "2: telemetry.log: expected console or json"),
    ("[telemetry]\nprompts = 1", "true or false, found 1"),
    ("server = 5", "1: server: expected a table, found an integer"),
    ("[[server]]\nport = 1", "1: server: expected a table, found an array"),
    ("[servr]\nport = 1", "1: servr: expected a section"),
    ("[servr]\nport = 1", "found an unknown section (did you mean server?)"),
    ("port = 1", "found an unknown key (did you mean server.port?)"),
    ("workers = 1", "1: workers: expected a table, found an integer"),
    ("[workers]\ndesk = 1", "2: workers.desk: expected a table, found an integer"),
    ("[workers.desk]", "1: workers.desk.provider: expected this key in [workers.desk], found none"),
    ('[workers.desk]\nprovider = "olama"', 'found "olama" (did you mean ollama?)'),
    (
        '[workers.g]\nprovider = "gemini"',
        '1: workers.g.keys: expected this key, as ["$NAME"], which the gemini provider needs, found none',
    ),
    (
        '[workers.g]\nprovider = "gemini"\nkey = "AIza-1"\nnum_ctx = 1',
        "4: workers.g.num_ctx: expected only keys that the gemini provider knows, found one for ollama",
    ),
    ('[workers.g]\nprovider = "grok"', 'found "grok" (did you mean groq?)'),
    ('[workers.g]\nprovider = "groq"\nkey = "gsk_1"\nkey_limits.requests_per_week = 1', "requests_per_week"),
    ('[workers."a b"]\nprovider = "ollama"', '1: workers."a b": expected a name of up to 32 letters'),
    ('[workers."a/b"]\nprovider = "ollama"', "expected a name of up to 32"),
    ('[workers.health]\nprovider = "ollama"', 'a name that Córtex does not use itself, found "health"'),
    (
        '[workers.pool]\nprovider = "openai"',
        "1: workers.pool.url: expected this key",
    ),
    (f"{DESK}url = 5", "3: workers.desk.url: expected an http:// or https:// URL, found 5"),
    (f'{DESK}url = "rack.example"', 'found "rack.example" (did you mean "http://rack.example"?)'),
    (f'{DESK}url = "http://u:p@x"', "found a URL with a user name in it"),
    (f'{DESK}url = "http://x?a=b"', "found a URL with a query"),
    (f"{DESK}slots = 0", "3: workers.desk.slots: expected a whole number from 1 to 1024, found 0"),
    (f"{DESK}slots = 1025", "found 1025"),
    (f"{DESK}slots = true", "found true"),
    (f"{DESK}weight = -1", "a number from 0 to 1000, found -1"),
    (f"{DESK}num_ctx = 0", "3: workers.desk.num_ctx"),
    (f"{DESK}keep_alive = 10", 'found 10 (did you mean "10s"?)'),
    (f"{DESK}keep_alive = [1]", "found an array"),
    (f"{DESK}keep_alive = true", "found true"),
    (f"{DESK}keep_alive = -1.0", "found -1"),
    (f"{DESK}models = [1]", "3: workers.desk.models[0]: expected a string that is not empty, found 1"),
    (f'{DESK}models = ["a", "a"]', "each entry once"),
    (f'{DESK}free = "yes"', "true or false"),
    (f'{DESK}bucket = "per_key"', 'found "per_key" (did you mean per-key?)'),
    (f"{DESK}limits = 5", "3: workers.desk.limits: expected a table, found an integer"),
    (f"{DESK}limits.a = 5", "3: workers.desk.limits.a: expected a table, found an integer"),
    (
        f"{DESK}limits.a = {{ requests_per_minut = 1 }}",
        "3: workers.desk.limits.a.requests_per_minut: expected a key of [workers.desk.limits.a]",
    ),
    (
        f"{DESK}limits.a = {{ requests_per_minute = 0 }}",
        "3: workers.desk.limits.a.requests_per_minute: expected a whole number",
    ),
    (
        f"{DESK}switches = {{}}",
        "3: workers.desk.switches: expected only keys that the ollama provider knows, found one for openai",
    ),
    (
        f"{POOL}num_ctx = 5",
        "4: workers.pool.num_ctx: expected only keys that the openai provider knows, found one for ollama",
    ),
    (f'{POOL}keep_alive = "5m"', "found one for ollama"),
    (f"{POOL}switches.seed = 5", "4: workers.pool.switches.seed: expected a key of [workers.pool.switches]"),
    (f'{POOL}switches.lacks = ["tool"]', "4: workers.pool.switches.lacks[0]: expected"),
    (f'{POOL}key = "a"\nkeys = ["b"]', "4: workers.pool.key: expected either key or keys, found both"),
    (
        f"{POOL}keys = []",
        "4: workers.pool.keys: expected an array of keys, or a table that names each of them, found an empty one",
    ),
    (f'{POOL}keys = "a"', "found a string"),
    (f'{POOL}keys = ["a", "a"]', "4: workers.pool.keys[1]: expected each entry once"),
    (f'{POOL}keys = {{ a = "k", b = "k" }}', "4: workers.pool.keys: expected each key once, found one under two names"),
    (f'{POOL}keys = {{ "a b" = "k" }}', '4: workers.pool.keys."a b": expected a name'),
    (
        f"{POOL}keys = {{ a = 5 }}",
        "4: workers.pool.keys.a: expected a key: a string of visible ASCII characters, best as $NAME, found an integer",
    ),
    ("[models]\nfast = []", "2: models.fast: expected an array of at least 1, found an empty one"),
    ('[models]\nfast = "a"', "2: models.fast: expected an array [ … ], found a string"),
    ('[models]\nauto = ["a"]', "2: models.auto: expected another name"),
    (
        f'{DESK}[models]\nfast = ["a", "groq:b"]',
        "4: models.fast[1]: expected a model, or one of a worker that is configured",
    ),
    (f'{DESK}[models]\nfast = ["dsk:a:b"]', 'no worker "dsk" (did you mean "desk:a:b"?)'),
    ("[prices.a]\ninput = 1", "1: prices.a.output: expected this key in [prices.a], found none"),
    ("[prices.a]\ninput = -1\noutput = 1", "2: prices.a.input: expected a number from 0 to 1e+06, found -1"),
    (
        '[cache]\npath = "$NO_WHERE"',
        "2: cache.path: expected $NO_WHERE in the environment or .env, found that it is not set",
    ),
    ('[cache]\npath = "a$"', "2: cache.path: expected $NAME, or $$ for a dollar, found a $ without a name"),
    ("a = ", "1: expected valid TOML, found "),
    ("a = 1\n[b\n", "2: expected valid TOML, found expected ']'"),
    (
        "[workers.a]\n[workers.b]\n[workers.a]\n",
        "3: workers.a: expected each key and table once, found it again (first in line 1)",
    ),
    (
        "[server]\nport = 1\nport = 2\n",
        "3: server.port: expected each key and table once, found it again (first in line 2)",
    ),
    ("a = " + "[" * 5000, "1: expected valid TOML, found arrays or tables nested too deep"),
    (".".join("a" * 3000) + " = 1", "1: expected valid TOML, found arrays or tables nested too deep"),
    ("a = " + "1" * 5000, "1: expected valid TOML"),
]


@pytest.mark.parametrize(("text", "said"), WRONG, ids=range(len(WRONG)))
def test_each_mistake_is_said_with_its_line(text, said):
    (problem,) = problems(text)

    assert said in str(problem)
    assert str(problem).startswith("supervision.toml:")


@pytest.mark.parametrize(
    "key", [f"{section}.{key}" for section, rows in schema.SECTIONS.items() for key in rows.fields]
)
def test_each_key_is_checked(key):
    section, name = key.split(".")

    (problem,) = problems(f"[{section}]\n{name} = 1979-05-27\n")

    assert (problem.line, problem.key) == (2, key)


@pytest.mark.parametrize("key", workers.WORKER)
def test_each_key_of_a_worker_is_checked(key):
    found = problems(f"[workers.a]\n{key} = 1979-05-27\n")

    assert (2, f"workers.a.{key}") in {(problem.line, problem.key) for problem in found}


@pytest.mark.parametrize(
    "section", [*schema.SECTIONS.values(), schema.LIMITS, schema.PRICE], ids=lambda it: it.make.__name__
)
def test_the_rows_of_a_section_and_the_fields_of_its_struct_are_the_same(section):
    assert [field.to or key for key, field in section.fields.items()] == list(section.make.__struct_fields__)


def test_the_rows_of_a_worker_are_the_fields_of_its_struct():
    rows = {field.to or key for key, field in workers.WORKER.items()} - {"keys"}

    from_the_preset = {"speaks", "plan", "headers", "hosted"}
    assert rows == set(model.Worker.__struct_fields__) - {"name", "pool"} - from_the_preset


def test_the_switches_are_those_of_the_openai_provider():
    switches = pytest.importorskip("cortex.providers.openai_switches").Switches

    assert set(workers.SWITCHES) == set(switches.__struct_fields__)


def test_all_problems_are_found_at_once_in_the_order_of_the_lines():
    text = """
[workers.desk]
provider = "ollana"
slots = 0
[server]
port = "x"
hots = 1
[models]
a = []
"""

    assert [(problem.line, problem.key) for problem in problems(text)] == [
        (3, "workers.desk.provider"),
        (4, "workers.desk.slots"),
        (6, "server.port"),
        (7, "server.hots"),
        (9, "models.a"),
    ]


def test_a_rule_between_two_keys_is_not_asked_when_one_of_them_is_wrong_already():
    (problem,) = problems("[breaker]\nfailures = 30\nwindow = 0\n")

    assert problem.key == "breaker.window"


def test_a_missing_variable_is_the_only_problem_of_its_key():
    (problem,) = problems(f'{DESK}url = "$RACK_ULR"\n', {"RACK_URL": "http://rack"})

    assert str(problem) == (
        "supervision.toml:3: workers.desk.url: expected $RACK_ULR in the environment or .env, found that it is not set"
        " (did you mean $RACK_URL?)"
    )


def test_an_empty_variable_counts_as_missing():
    (problem,) = problems('[server]\napi_keys = ["$KEY"]\n', {"KEY": ""})

    assert problem.found == "that it is empty"


def test_a_reference_may_stand_inside_text_and_in_braces():
    settings = load(f'{DESK}url = "http://${{HOST}}x:$PORT/v1"\n', {"HOST": "rack", "PORT": "80"})

    assert settings.workers["desk"].url == "http://rackx:80/v1"


def test_a_reference_is_not_looked_for_in_what_a_variable_says():
    assert load('[cache]\npath = "$A"\n', {"A": "$B"}).cache.path == "$B"


def test_a_byte_order_mark_is_no_mistake():
    assert load("\ufeff[server]\nport = 1\n", {}).server.port == 1


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/v1", "http://10.0.0.9/v1", "http://proxy/v1", "https://api.groq.com/v1"]
)
def test_a_hosted_service_may_be_reached_through_a_proxy_nearby_or_by_tls(url):
    settings = load(f'[workers.g]\nprovider = "groq"\nkey = "k"\nurl = "{url}"\n', {})

    assert settings.workers["g"].url == url


def test_a_host_beyond_loopback_is_fine_with_a_key():
    assert load('[server]\nhost = "0.0.0.0"\napi_keys = ["$K"]\n', {"K": "k"}).server.host == "0.0.0.0"


def test_the_file_is_named_as_it_was_given():
    (problem,) = load("[server]\nport = 'x'\n", {}, file="etc/a.toml")

    assert str(problem).startswith("etc/a.toml:2: server.port: ")


KEYISH = "sk-hunter2-0123456789abcdef"


@pytest.mark.parametrize(
    "line",
    [
        "{key} = '$KEY'",
        "{key} = ['$KEY']",
        "{key} = ['$KEY', '$KEY']",
        "{key} = {{ a = '$KEY', b = '$KEY' }}",
        "{key} = '$KEY '",
        "{key} = 'http://$KEY@host'",
        "{key} = 'host.$KEY'",
        "{key} = 5",
    ],
)
@pytest.mark.parametrize("key", [*workers.WORKER, "kyes"])
def test_no_value_of_a_variable_is_ever_in_a_problem_or_a_repr(key, line):
    """Whatever key a secret was written under, rightly or by mistake."""
    found = load(f"[workers.pool]\n{line.format(key=key)}\n", {"KEY": KEYISH})

    assert "hunter2" not in repr(found)
    assert "hunter2" not in str(found)
    assert isinstance(found, list)
    assert "hunter2" not in " ".join(map(str, found))


@pytest.mark.parametrize("key", ["key", "keys", "api_key", "kyes"])
def test_no_key_written_into_the_file_is_ever_in_a_problem(key):
    text = f"{POOL}{key} = '{KEYISH} {KEYISH}'\n[server]\napi_keys = ['é{KEYISH}']\n"

    assert "hunter2" not in " ".join(map(str, problems(text)))


def test_the_time_outs_of_streams_take_the_place_of_those_of_routing():
    settings = load('[routing]\nstall_timeout = "9s"\n[streams]\nfirst_token_timeout = "3s"\n', {})

    assert (settings.timed.first_token_timeout_s, settings.timed.stall_timeout_s) == (3.0, 9.0)


def test_the_example_file_is_right(example):
    settings = load(example, {})

    assert isinstance(settings, model.Settings), settings
    assert list(settings.workers) == []


def test_the_example_file_changes_no_default_and_leaves_the_environment_its_say(example):
    environ = {"OLLAMA_URLS": "http://rack:11434", "CORTEX_PORT": "4801"}

    assert load(example, {}) == load(None, {})
    assert load(example, environ) == load(None, environ)


def test_every_commented_setting_of_the_example_is_right(full_example):
    settings = load(full_example, ENVIRON)

    assert isinstance(settings, model.Settings), settings
    assert list(settings.workers) == [
        "desk",
        "rack",
        "vllm",
        "gemini/1",
        "gemini/2",
        "groq/home",
        "groq/lab",
        "cohere",
    ]


def test_the_example_shows_every_key_and_each_default_truly(full_example):
    settings = load(full_example, ENVIRON)
    for section, rows in schema.SECTIONS.items():
        assert not [key for key in rows.fields if not re.search(rf"^{key} = ", full_example, re.MULTILINE)]
        if section == "streams":  # what it has in place of the routing section's, whose defaults are shown
            plain = structs.replace(settings.streams, first_token_timeout_s=None, stall_timeout_s=None)
            assert (plain, settings.timed) == (rows.make(), model.Routing())
        elif section == "telemetry":  # there is no place that traces go to by default
            assert structs.replace(settings.telemetry, traces="") == rows.make()
        elif section not in {"server", "tls"}:  # keys and a file of authorities have no default
            assert getattr(settings, section) == rows.make()


KEYS = (
    "CORTEX_API_KEY",
    "CORTEX_ADMIN_KEY",
    "GEMINI_KEY_A",
    "GEMINI_KEY_B",
    "GROQ_KEY_HOME",
    "GROQ_KEY_LAB",
    "COHERE_KEY",
)
ENVIRON = {name: f"key-{name}" for name in KEYS}
EXAMPLE = (Path(__file__).parents[2] / "supervision.toml").read_text()
FULL = re.sub(r"^# (?=[a-z_]+ = |\[|limits)", "", EXAMPLE, flags=re.MULTILINE)
LINES = FULL.splitlines(keepends=True)
SPLICES = st.tuples(
    st.integers(0, len(FULL)),
    st.integers(0, 12),
    st.sampled_from(
        [
            '"',
            "[",
            "]",
            "{",
            "}",
            "=",
            "\n",
            "$",
            "$X",
            "'",
            "#",
            "-1",
            "nan",
            "true",
            "[]",
            "{}",
            "5",
            "'a'",
            "1979-05-27",
            ".",
            "\x00",
        ]
    )
    | st.text(max_size=5),
)


def assert_settings_or_problems(found):
    if isinstance(found, list):
        assert found
        assert all(isinstance(problem, Problem) and str(problem) for problem in found)
    else:
        assert isinstance(found, model.Settings)


@given(st.lists(SPLICES, min_size=1, max_size=4))
def test_a_damaged_file_gives_settings_or_problems_and_never_an_exception(splices):
    text = FULL
    for at, length, new in splices:
        text = text[:at] + new + text[at + length :]

    assert_settings_or_problems(load(text, ENVIRON))


VALUES = [
    "5",
    "-1",
    "true",
    "1.5",
    "nan",
    '""',
    '"a"',
    '"5s"',
    "[]",
    "[1]",
    '["a", 5]',
    "{}",
    "{ a = 1 }",
    "[[]]",
    "1979-05-27",
    "07:32:00",
]


@given(st.integers(0, len(LINES) - 1), st.sampled_from(VALUES))
def test_any_value_at_any_key_gives_settings_or_problems_in_that_line(index, value):
    line, replaced = re.subn(r"= .*", f"= {value}", LINES[index])
    text = "".join([*LINES[:index], line, *LINES[index + 1 :]])

    found = load(text, ENVIRON)

    assert_settings_or_problems(found)
    if isinstance(found, list) and replaced and not LINES[index].startswith("#"):
        assert index + 1 in {problem.line for problem in found} or "window" in line


@given(st.text(max_size=80) | st.binary(max_size=80).map(lambda data: data.decode("latin-1")))
def test_any_text_gives_settings_or_problems(text):
    assert_settings_or_problems(load(text, {}))


@given(
    st.dictionaries(
        st.sampled_from(["CORTEX_HOST", "CORTEX_PORT", "CORTEX_STRATEGY", "OLLAMA_HOST", "OLLAMA_URLS"]),
        st.text(max_size=20),
    )
)
def test_any_environment_gives_settings_or_problems(environ):
    assert_settings_or_problems(load(None, environ))
