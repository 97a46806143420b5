"""What clients see of the models."""

import json
import re
from datetime import datetime
from hashlib import sha256

import ollama
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex.endpoint.listing import (
    DEFAULT_CONTEXT,
    Listed,
    ollama_ps,
    ollama_show,
    ollama_tags,
    ollama_version,
    v1_model,
    v1_models,
)
from cortex.providers.base import Model

DETAILS = {
    "parent_model": "",
    "format": "gguf",
    "family": "llama",
    "families": ["llama"],
    "parameter_size": "3.2B",
    "quantization_level": "Q4_K_M",
}
TAG = {
    "name": "llama3.2:latest",
    "model": "llama3.2:latest",
    "modified_at": "2026-11-01T12:00:00.123456789Z",
    "size": 2019393189,
    "digest": "a80c4f17acd5",
    "details": DETAILS,
    "capabilities": ["completion", "tools"],
}
LLAMA = Listed(
    "llama3.2:latest",
    ("desk", "rack"),
    Model(
        "llama3.2:latest",
        digest="a80c4f17acd5",
        loaded=True,
        context_length=4096,
        size_bytes=2019393189,
        vram_bytes=5137025024,
        expires_at="2026-11-24T10:05:00.123456789Z",
        capabilities=frozenset({"completion", "tools"}),
        raw=TAG,
    ),
    aliases=("fast", "home"),
)
CLOUD = Listed(
    "openai/gpt-oss-20b",
    ("groq/home",),
    Model("openai/gpt-oss-20b", raw={"id": "openai/gpt-oss-20b", "created": 1754407957}),
    aliases=("fast",),
)
MODELS = [LLAMA, CLOUD]


def tags(models=MODELS):
    return {entry["name"]: entry for entry in json.loads(ollama_tags(models))["models"]}


class TestNames:
    def test_models_come_first_then_their_other_names_then_auto(self):
        expected = ["llama3.2:latest", "openai/gpt-oss-20b", "fast", "home", "auto"]

        assert expected == [entry["id"] for entry in json.loads(v1_models(MODELS))["data"]]
        assert expected == list(tags())

    def test_a_name_stands_for_the_first_model_that_has_it(self):
        assert tags()["llama3.2:latest"]["digest"] == tags()["fast"]["digest"]

    def test_a_model_is_not_hidden_by_another_ones_name(self):
        listed = [LLAMA, Listed("fast", ("rack",), Model("fast"))]

        assert [e["owned_by"] for e in json.loads(v1_models(listed))["data"] if e["id"] == "fast"] == ["rack"]

    def test_nothing_is_listed_where_nothing_is(self):
        nothing = {"object": "list", "data": [], "has_more": False, "first_id": None, "last_id": None}
        assert json.loads(v1_models([])) == nothing
        assert {"models": []} == json.loads(ollama_tags([])) == json.loads(ollama_ps([]))

    def test_auto_can_do_what_one_of_them_can(self):
        models = [
            Listed(name, (), Model(name, capabilities=frozenset(can)))
            for name, can in {"a": ["completion", "vision"], "b": ["completion", "tools"]}.items()
        ]

        assert tags(models)["auto"]["capabilities"] == ["completion", "tools", "vision"]


class TestOpenAI:
    def test_an_entry_has_every_field(self):
        assert json.loads(v1_model(MODELS, "fast")) == {
            "id": "fast",
            "object": "model",
            "created": 1793534400,
            "owned_by": "desk, rack",
            "type": "model",
            "display_name": "fast",
            "created_at": "2026-11-01T12:00:00Z",
        }

    def test_created_is_the_upstreams(self):
        assert json.loads(v1_model(MODELS, "openai/gpt-oss-20b"))["created"] == 1754407957

    @pytest.mark.parametrize("created", [-1, 1754407957000, "yesterday", None, 1.5])
    def test_created_is_zero_where_the_upstreams_is_no_time(self, created):
        listed = Listed("x", (), Model("x", raw={"created": created}))

        assert json.loads(v1_model([listed], "x"))["created"] == 0

    def test_a_model_that_is_not_there_is_none(self):
        assert v1_model(MODELS, "other") is None


class TestTags:
    def test_an_ollama_entry_keeps_its_facts(self):
        assert tags()["llama3.2:latest"] == TAG | {"modified_at": "2026-11-01T12:00:00.123456+00:00"}

    def test_facts_that_nobody_gave_are_made_up(self):
        assert {
            "name": "openai/gpt-oss-20b",
            "model": "openai/gpt-oss-20b",
            "modified_at": "2025-08-05T15:32:37+00:00",
            "size": 0,
            "digest": sha256(b"openai/gpt-oss-20b").hexdigest(),
            "details": {
                "parent_model": "",
                "format": "",
                "family": "gpt",
                "families": ["gpt"],
                "parameter_size": "",
                "quantization_level": "",
            },
            "capabilities": ["completion", "tools"],
        } == tags()["openai/gpt-oss-20b"]

    def test_a_digest_has_no_prefix(self):
        assert tags([Listed("x", (), Model("x", digest="sha256:ab"))])["x"]["digest"] == "ab"

    def test_details_that_are_null_are_made_up(self):
        raw = {"details": {"family": "bert", "families": None}}

        assert tuple(
            tags([Listed("x", (), Model("x", raw=raw))])["x"]["details"][key] for key in ("family", "families")
        ) == ("bert", ["x"])

    def test_a_name_without_letters_has_no_family(self):
        assert tuple(tags([Listed("7", (), Model("7"))])["7"]["details"][key] for key in ("family", "families")) == (
            "",
            [],
        )

    def test_the_official_client_reads_it(self):
        assert [model.model for model in ollama.ListResponse.model_validate_json(ollama_tags(MODELS)).models] == [
            "llama3.2:latest",
            "openai/gpt-oss-20b",
            "fast",
            "home",
            "auto",
        ]


class TestPs:
    def test_only_what_is_loaded_is_there_and_has_every_field(self):
        assert json.loads(ollama_ps(MODELS)) == {
            "models": [
                {
                    "name": "llama3.2:latest",
                    "model": "llama3.2:latest",
                    "size": 2019393189,
                    "digest": "a80c4f17acd5",
                    "details": DETAILS,
                    "expires_at": "2026-11-24T10:05:00.123456+00:00",
                    "size_vram": 5137025024,
                    "context_length": 4096,
                }
            ]
        }

    @pytest.mark.parametrize(
        ("given_", "expected"),
        [
            ("2318-03-05T12:00:00+02:00", "2318-03-05T12:00:00.000000+02:00"),
            ("2026-11-24T10:05:00.5Z", "2026-11-24T10:05:00.500000+00:00"),
            ("", "2318-01-01T00:00:00.000000+00:00"),
            ("soon", "2318-01-01T00:00:00.000000+00:00"),
            ("2026-99-99T10:05:00Z", "2318-01-01T00:00:00.000000+00:00"),
        ],
    )
    def test_its_time_is_one_that_old_python_reads(self, given_, expected):
        running = json.loads(ollama_ps([Listed("x", (), Model("x", loaded=True, expires_at=given_))]))["models"][0]

        assert expected == running["expires_at"]

    @settings(deadline=None)
    @given(
        text=st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", fullmatch=True) | st.text()
    )
    def test_its_time_can_always_be_read(self, text):
        running = json.loads(ollama_ps([Listed("x", (), Model("x", loaded=True, expires_at=text))]))["models"][0]

        assert datetime.fromisoformat(running["expires_at"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d", running["expires_at"], re.ASCII)

    def test_the_official_client_reads_it(self):
        assert ollama.ProcessResponse.model_validate_json(ollama_ps(MODELS)).models[0].context_length == 4096


class TestShow:
    def test_it_has_what_clients_ask_for(self):
        shown = json.loads(ollama_show(LLAMA))

        assert shown["model_info"] == {"general.architecture": "llama", "llama.context_length": 4096}
        assert (shown["details"], shown["capabilities"]) == (DETAILS, ["completion", "tools"])
        assert shown["modified_at"] == "2026-11-01T12:00:00.123456+00:00"

    def test_an_unknown_context_is_told_as_a_modest_one(self):
        assert json.loads(ollama_show(CLOUD))["model_info"]["gpt.context_length"] == DEFAULT_CONTEXT

    def test_the_architecture_always_has_a_name(self):
        assert json.loads(ollama_show(Listed("7", (), Model("7"))))["model_info"]["general.architecture"] == "unknown"

    def test_the_upstreams_own_body_goes_on_untouched(self):
        assert ollama_show(LLAMA, b'{"model_info": {}}') == b'{"model_info": {}}'

    def test_the_official_client_reads_it(self):
        assert ollama.ShowResponse.model_validate_json(ollama_show(CLOUD)).capabilities == ["completion", "tools"]


def test_the_version_turns_on_tools_and_thinking_in_clients():
    version = json.loads(ollama_version())["version"]

    assert tuple(map(int, version.split("."))) >= (0, 6, 0)
