"""What a name that a client asks for means, on any board."""

import pytest
from fleet import board, standing
from hypothesis import given
from hypothesis import strategies as st

from cortex.providers.base import Model
from cortex.routing.catalogue import answers_chats, names, nearest, own_choice, resolve


def found(asked, *standings, aliases=None):
    entries = resolve(asked, aliases or {}, board(*standings)).entries
    return [(entry.standing.name, entry.model, entry.rank) for entry in entries]


DESK = {"name": "desk", "models": ["qwen3:4b", "llama3.2:latest"]}
RACK = {"name": "rack", "models": ["llama3.2:latest", "qwen3:32b"]}
CLOUD = {"name": "groq/home", "models": ["gpt-oss-20b"], "local": False}


def fleet():
    return [standing(**each) for each in (DESK, RACK, CLOUD)]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("qwen3:32b", [("rack", "qwen3:32b", 0)]),
        ("llama3.2", [("desk", "llama3.2:latest", 0), ("rack", "llama3.2:latest", 0)]),
        ("Llama3.2:LATEST", [("desk", "llama3.2:latest", 0), ("rack", "llama3.2:latest", 0)]),
        ("rack:llama3.2", [("rack", "llama3.2:latest", 0)]),
        ("rack:llama3.2:latest", [("rack", "llama3.2:latest", 0)]),
        ("groq:gpt-oss-20b", [("groq/home", "gpt-oss-20b", 0)]),
        ("groq/home:gpt-oss-20b", [("groq/home", "gpt-oss-20b", 0)]),
        ("openai:gpt-oss-20b", [("groq/home", "gpt-oss-20b", 0)]),
        ("ollama:llama3.2", [("desk", "llama3.2:latest", 0), ("rack", "llama3.2:latest", 0)]),
        ("desk:qwen3:32b", []),
        ("nobody:llama3.2", []),
        ("desk:", []),
        (":", []),
        ("nothing", []),
    ],
)
def test_a_name_leads_to_the_workers_that_have_it_in_the_boards_order(asked, expected):
    assert found(asked, *fleet()) == expected


@pytest.mark.parametrize("asked", ["", "auto"])
def test_no_name_leads_to_every_worker_with_the_model_it_would_choose(asked):
    assert [name for name, _, _ in found(asked, *fleet())] == ["desk", "rack", "groq/home"]


def test_a_model_that_somebody_has_is_meant_before_a_worker_of_that_name():
    stands = [standing("qwen3", models=["4b"]), standing("desk", models=["qwen3:4b"])]

    assert found("qwen3:4b", *stands) == [("desk", "qwen3:4b", 0)]


def test_an_alias_is_meant_before_a_model_and_ranks_its_choices():
    aliases = {"llama3.2": ("groq:gpt-oss-20b", "nobody-has-it", "rack:llama3.2")}

    assert found("llama3.2", *fleet(), aliases=aliases) == [
        ("groq/home", "gpt-oss-20b", 0),
        ("rack", "llama3.2:latest", 2),
    ]


def test_each_model_of_a_worker_stands_in_an_alias_once_with_its_best_rank():
    """Two models of one key have quotas of their own, so the second is asked when the first is spent."""
    aliases = {"best": ("qwen3:32b", "llama3.2", "rack:qwen3:32b")}

    assert found("best", *fleet(), aliases=aliases) == [
        ("rack", "qwen3:32b", 0),
        ("desk", "llama3.2:latest", 1),
        ("rack", "llama3.2:latest", 1),
    ]


def test_an_alias_that_nobody_can_answer_is_still_a_known_name():
    resolution = resolve("best", {"best": ("nothing",)}, board(*fleet()))

    assert (resolution.entries, resolution.known_name) == ((), True)
    assert not resolve("nothing", {}, board(*fleet())).known_name


def test_the_same_weights_under_another_name_are_the_same_model():
    stands = [
        standing("desk", models=[Model("mine:latest", digest="sha256:aa")]),
        standing("rack", models=[Model("llama3.2:3b", digest="sha256:aa")]),
        standing("shed", models=[Model("other:1b", digest="sha256:bb")]),
    ]

    assert found("llama3.2:3b", *stands) == [("desk", "mine:latest", 0), ("rack", "llama3.2:3b", 0)]
    assert found("rack:llama3.2:3b", *stands) == [("rack", "llama3.2:3b", 0)]


def test_models_without_a_digest_are_no_twins():
    stands = [standing("desk", models=["a"]), standing("rack", models=["b"])]

    assert found("a", *stands) == [("desk", "a", 0)]


def test_a_model_that_an_upstream_said_it_misses_is_not_there_under_any_way_of_asking():
    stands = standing("desk", models=[Model("a", digest="sha256:aa", loaded=True), "b"])
    other = standing("rack", models=[Model("twin", digest="sha256:aa")])
    stands.missing.add("a:latest")

    assert found("a", stands) == []
    assert found("desk:a", stands) == []
    assert found("twin", stands, other) == [("rack", "twin", 0)]
    assert found("auto", stands) == [("desk", "b", 0)]


def test_workers_that_have_not_said_what_they_have_are_named_as_unknown():
    silent = standing("silent", models=None)
    told = standing("told", models=None, configured=["m"])
    retired = standing("retired", models=None)
    retired.retired_why = "unauthorized"
    resolution = resolve("nothing", {}, board(silent, told, retired, standing("desk")))

    assert [stands.name for stands in resolution.unknown] == ["silent"]


# What a worker answers `auto` with


def test_the_first_configured_model_that_is_there_is_a_workers_own_choice():
    assert own_choice(standing(models=["a", "b", "c"], configured=["zz", "c", "a"])) == "c"
    assert own_choice(standing(models=None, configured=["zz"])) == "zz"


def test_a_loaded_model_is_chosen_before_one_that_would_have_to_load():
    assert own_choice(standing(models=[Model("a", loaded=False), Model("b", loaded=True)])) == "b"
    assert own_choice(standing(models=[Model("a", loaded=False), Model("b", loaded=False)])) == "a"


def test_a_model_that_only_embeds_is_no_choice():
    embeds = Model("e", loaded=True, capabilities=frozenset({"embedding"}))

    assert own_choice(standing(models=[embeds, Model("a", loaded=False)])) == "a"
    assert own_choice(standing(models=[embeds])) is None
    assert own_choice(standing(models=None)) is None


@pytest.mark.parametrize(
    ("capabilities", "answers"),
    [(None, True), (set(), True), ({"completion", "embedding"}, True), ({"image"}, False), ({"tools"}, True)],
)
def test_who_says_nothing_of_embedding_is_taken_to_answer(capabilities, answers):
    model = Model("m", capabilities=None if capabilities is None else frozenset(capabilities))

    assert answers_chats(model) is answers


# Names


def test_all_names_are_listed_once_aliases_first():
    listed = names(
        {"best": ("qwen3:4b",)}, board(*fleet(), standing("told", models=None, configured=["qwen3:4b", "z"]))
    )

    assert listed == ("best", "qwen3:4b", "llama3.2:latest", "qwen3:32b", "gpt-oss-20b", "z")


@given(asked=st.text(max_size=300))
def test_at_most_three_names_are_near_and_all_of_them_exist(asked):
    there = board(*fleet())
    near = nearest(asked, {"best": ()}, there)

    assert len(near) <= 3
    assert set(near) <= set(names({"best": ()}, there))


def test_a_typing_mistake_leads_to_the_name_that_was_meant():
    assert nearest("qwen3:23b", {}, board(*fleet()))[0] == "qwen3:32b"


SPELLINGS = ["m", "M", "m:latest", "M:Latest", "library/m"]


@given(here=st.sampled_from(SPELLINGS), asked=st.sampled_from(SPELLINGS))
def test_spellings_that_ollama_takes_for_one_name_find_each_other(here, asked):
    assert found(asked, standing(models=[here])) == [("desk", here, 0)]


@given(
    asked=st.sampled_from(["a", "b", "w0:a", "w1:b", "pool:a", "ollama:b", "auto", "", "best", "x:y:z"]),
    models=st.lists(st.lists(st.sampled_from("ab"), max_size=2, unique=True) | st.none(), max_size=4),
    ranks=st.permutations(["a", "b", "w1:a"]),
)
def test_every_entry_is_of_a_worker_that_has_the_model_and_no_model_of_it_comes_twice(asked, models, ranks):
    stands = [standing(f"w{number}", models=each, pool="pool") for number, each in enumerate(models)]
    entries = resolve(asked, {"best": tuple(ranks)}, board(*stands)).entries

    assert all(entry.standing.model_named(entry.model) == entry.model for entry in entries)
    pairs = [(entry.standing.name, entry.model) for entry in entries]
    assert len(set(pairs)) == len(pairs)
    for rank in {entry.rank for entry in entries}:
        of_rank = [entry.standing.name for entry in entries if entry.rank == rank]
        assert of_rank == sorted(of_rank)
