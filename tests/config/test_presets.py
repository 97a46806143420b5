"""The providers that Córtex knows of before anything is configured."""

from datetime import date
from zoneinfo import ZoneInfo

import msgspec
import pytest

from cortex.config.addresses import base_url
from cortex.config.lines import Lines
from cortex.config.load import load
from cortex.config.model import Limits
from cortex.config.presets import PRESETS, read_presets
from cortex.config.problem import Place, Report
from cortex.config.workers import read_workers
from cortex.providers.openai_switches import Switches

HOSTED = {
    "groq": "https://api.groq.com/openai/v1",
    "openai": "https://api.openai.com/v1",
    "openrouter": "https://openrouter.ai/api/v1",
    "openrouter-free": "https://openrouter.ai/api/v1",
    "mistral": "https://api.mistral.ai/v1",
    "cerebras": "https://api.cerebras.ai/v1",
    "together": "https://api.together.xyz/v1",
    "deepseek": "https://api.deepseek.com",
    "sambanova": "https://api.sambanova.ai/v1",
    "nvidia": "https://integrate.api.nvidia.com/v1",
    "huggingface": "https://router.huggingface.co/v1",
    "xai": "https://api.x.ai/v1",
}
LOCAL = {
    "llamacpp": "http://127.0.0.1:8080/v1",
    "vllm": "http://127.0.0.1:8000/v1",
    "lmstudio": "http://127.0.0.1:1234/v1",
}


def worker(text):
    (made,) = load(f"[workers.w]\n{text}", {}).workers.values()
    return made


def problem(text):
    (found,) = load(f"[workers.w]\n{text}", {})
    return str(found)


@pytest.mark.parametrize("name", HOSTED | LOCAL)
def test_service_is_where_its_documents_say(name):
    assert PRESETS[name].url == (HOSTED | LOCAL)[name]


@pytest.mark.parametrize("name", PRESETS)
def test_each_entry_can_be_used(name):
    preset = PRESETS[name]
    url = preset.url or preset.url_like

    assert bool(preset.url) != bool(preset.url_like)
    assert base_url(url) == url
    assert 1 <= preset.slots <= 1024
    assert ZoneInfo(preset.plan.zone)


@pytest.mark.parametrize("name", PRESETS)
def test_each_entry_says_where_its_facts_are_from_and_when_they_were_read(name):
    assert PRESETS[name].source
    assert date(2026, 8, 1) <= date.fromisoformat(PRESETS[name].date) <= date(2026, 12, 31)


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if preset.switches])
def test_switches_of_an_entry_are_such_as_settings_may_hold(name):
    table = {"provider": "openai", "url": "http://x", "switches": PRESETS[name].switches}
    report = Report("presets.toml", Lines(""))

    (made,) = read_workers({"w": table}, Place(report, ("workers",))).values()

    assert report.problems == []
    assert msgspec.convert(made.switches, Switches) == msgspec.convert(PRESETS[name].switches, Switches)


def test_only_plans_that_cost_nothing_for_ever_are_free():
    """A trial, credits and a plan that is doubtful are paid until the settings say otherwise."""
    free = {name for name, preset in PRESETS.items() if preset.free and preset.needs_key}

    assert free == {"gemini", "cohere", "groq", "openrouter-free", "nvidia", "cloudflare"}


def test_only_providers_with_a_free_plan_take_keys_from_the_environment():
    """A key that lies around in the environment never spends money unasked."""
    assert {name for name, preset in PRESETS.items() if preset.env} == {"gemini", "cohere", "groq"}


def test_service_that_is_gone_has_no_entry():
    assert not [name for name in PRESETS if "github" in name]


@pytest.mark.parametrize("name", LOCAL)
def test_local_server_needs_neither_url_nor_key(name):
    made = worker(f'provider = "{name}"')

    assert (made.url, made.key, made.free) == (LOCAL[name], None, True)


@pytest.mark.parametrize("name", HOSTED)
def test_hosted_service_needs_a_key_and_nothing_else(name):
    made = worker(f'provider = "{name}"\nkey = "k-1"')

    assert (made.url, made.speaks, made.provider) == (HOSTED[name], "openai", name)
    assert "key" in problem(f'provider = "{name}"')


def test_openai_without_a_url_is_the_service_of_that_name():
    made = worker('provider = "openai"\nkey = "k-1"')

    assert made.url == "https://api.openai.com/v1"
    assert made.switches["max_tokens_field"] == "max_completion_tokens"


def test_openai_with_a_url_is_any_server_of_the_dialect():
    made = worker('provider = "openai"\nurl = "http://10.0.0.9:8000/v1"')

    assert (made.provider, made.key, made.switches) == ("openai", None, {})
    assert made == msgspec.structs.replace(
        worker('provider = "openai-compatible"\nurl = "http://10.0.0.9:8000/v1"'), provider="openai"
    )


def test_openai_with_neither_names_both_ways():
    said = problem('provider = "openai"')

    assert "workers.w.url" in said
    assert "http://127.0.0.1:8000/v1" in said
    assert "keys for https://api.openai.com/v1" in said


def test_service_at_another_address_keeps_what_is_known_of_it():
    """A proxy or a test stands in for the service: only `openai` is another thing with a url of its own."""
    made = worker('provider = "groq"\nkey = "k-1"\nurl = "http://127.0.0.1:9/openai/v1"')

    assert made.switches["limits_style"] == "groq"
    assert made.plan == PRESETS["groq"].plan


def test_cloudflare_needs_the_address_of_an_account():
    assert "accounts/ACCOUNT_ID/ai/v1" in problem('provider = "cloudflare"\nkey = "k-1"')


def test_sizes_of_a_free_plan_are_not_assumed_of_a_key_that_pays():
    paid = worker('provider = "groq"\nkey = "k-1"\nfree = false')
    trial = worker('provider = "cerebras"\nkey = "k-1"\nfree = true')

    assert (paid.plan.limits, paid.plan.scope, paid.plan.refills) == ({}, "model", True)
    assert trial.plan.limits["*"].tokens_per_minute == 30_000


def test_free_openrouter_worker_has_one_quota_for_all_models():
    made = worker('provider = "openrouter-free"\nkey = "k-1"')

    assert made.plan.key_limits == Limits(requests_per_minute=20, requests_per_day=50)
    assert made.plan.scope == "key"


def test_switches_of_the_settings_stand_over_those_of_the_entry():
    made = worker('provider = "groq"\nkey = "k-1"\nswitches = { limits_style = "none", completions = true }')

    assert (made.switches["limits_style"], made.switches["completions"]) == ("none", True)
    assert made.switches["max_tokens_field"] == "max_completion_tokens"


COMPATIBLE = 'provider = "openai"\nurl = "http://x"\n'


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('switches.limits_style = "grok"', 'found "grok" (did you mean groq?)'),
        ("switches.efforts = 5", "4: workers.w.switches.efforts: expected a table"),
        ('switches.efforts."m" = 5', "workers.w.switches.efforts.m: expected a table"),
        ('switches.efforts."m".none = 5', "expected a word, or a table of fields that say it, found an integer"),
        ('switches.extra_fields."m".x = 1979-05-27', "expected a value that JSON has too"),
        ('switches.extra_fields."m".x = [inf]', "expected a value that JSON has too"),
        ('switches.service_tiers.default = ""', "expected a string that is not empty"),
    ],
)
def test_mistake_in_a_switch_is_told_where_it_is(line, found):
    assert found in problem(COMPATIBLE + line)


def test_fields_of_a_switch_hold_what_was_written():
    made = worker(COMPATIBLE + 'switches.extra_fields."*" = { a = [1, 1], b = { c = true, d = 0.5 }, e = "" }')

    assert made.switches["extra_fields"] == {"*": {"a": [1, 1], "b": {"c": True, "d": 0.5}, "e": ""}}


@pytest.mark.parametrize("line", ['speak = "openai"', "slots = 'four'", 'plan.limits."*".requests_per_week = 1'])
def test_mistake_in_the_book_itself_is_found_when_it_is_read(line):
    with pytest.raises(msgspec.ValidationError):
        read_presets(f'[x]\nspeaks = "openai"\nsource = "s"\ndate = "2026-11-24"\n{line}\n')
