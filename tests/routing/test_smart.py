"""`smart`: the cheapest and fastest that is good enough, unless a rule says otherwise; and the guide's own strategy."""

import re
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from random import Random
from types import ModuleType
from typing import NamedTuple

import pytest
from fleet import NOW, hold, request, standing
from hypothesis import given
from hypothesis import strategies as st

from cortex.config import plugins
from cortex.config.model import Price
from cortex.config.rules import KINDS, parse
from cortex.config.secret import Secret
from cortex.providers.base import Model
from cortex.routing import registry
from cortex.routing.entry import Entry
from cortex.routing.preference import Smart, is_meant
from cortex.routing.smart import MARGIN, WEIGHED, smart
from cortex.routing.strategies import Ranked, State, cost_optimized, expected_usd, load_time_s, tier
from cortex.routing.strengths import strength
from cortex.workers.books import Books

DOCS = Path(__file__).parents[2] / "docs"
GUIDE, ABOUT_SMART = DOCS / "strategies.md", DOCS / "smart.md"


class Traits(NamedTuple):
    kind: str
    difficulty: float
    has_images: bool = False
    has_tools: bool = False


class Knowing(State):
    """A state that knows the settings of `smart`."""

    def __init__(self, *rules, strengths=None, aliases=None):
        super().__init__(Random(0))
        self.smart = Smart([parse(rule) for rule in rules], strengths, aliases)


STRENGTHS = {"weak": 0.2, "middling": 0.5, "strong": 0.8}


def own(name, model, *, loaded=True, total_s=None, in_flight=0, **more):
    stands = standing(name, models=[Model(model, loaded=loaded)], **more)
    hold(stands, in_flight)
    if total_s is not None:
        stands.pace.answered(model, first_token_s=None, total_s=total_s, load_s=0.0)
    return Entry(stands, model, 0)


def paid(name, model, usd):
    """Return a key whose model costs so much for a million tokens of either kind."""
    stands = standing(name, local=False, models=(model,), key=Secret(f"sk-{name}-0123456789"))
    stands.account = Books(prices=lambda: {model: Price(input=usd, output=usd)}).account(stands.settings)
    return Entry(stands, model, 0)


def free(name, model):
    return Entry(standing(name, local=False, free=True, models=(model,), key=Secret(f"sk-{name}-0123456789")), model, 0)


def asked(difficulty, kind="code", **more):
    return request(traits=Traits(kind, difficulty), **more)


def named(ranked):
    return [each.entry.standing.name for each in ranked]


def ask(difficulty, fleet, *rules, aliases=None, **more):
    return smart(asked(difficulty, **more), fleet, Knowing(*rules, strengths=STRENGTHS, aliases=aliases), NOW)


@st.composite
def fleets(draw, most=14):
    models = st.sampled_from(list(STRENGTHS))
    return [
        draw(
            st.one_of(
                st.builds(
                    own,
                    st.just(f"w{number}"),
                    models,
                    loaded=st.booleans(),
                    total_s=st.none() | st.floats(0.1, 90.0),
                    in_flight=st.integers(0, 1),
                    slots=st.integers(1, 3),
                    cost_per_hour=st.sampled_from([0.0, 0.5]),
                ),
                st.builds(free, st.just(f"w{number}"), models),
                st.builds(paid, st.just(f"w{number}"), models, st.floats(0.01, 20.0)),
            )
        )
        for number in range(draw(st.integers(1, most)))
    ]


difficulties = st.floats(0.0, 1.0)
lines = st.lists(
    st.sampled_from(["code > 0.6 → strong", "any > 0.3 → middling, w1:weak", "chat → weak", "images → strong"]),
    max_size=2,
)


def is_enough(entry, difficulty):
    return STRENGTHS[entry.model] >= difficulty + MARGIN - 1e-9


@given(fleet=fleets(), difficulty=difficulties, kind=st.sampled_from(KINDS), rules=lines)
def test_it_orders_exactly_what_it_was_given_and_says_kind_difficulty_and_why(fleet, difficulty, kind, rules):
    ranked = ask(difficulty, fleet, *rules, kind=kind)

    assert sorted(named(ranked)) == sorted(each.standing.name for each in fleet)
    assert all(each.why.startswith(f"{kind} {difficulty:.2f}: ") for each in ranked)
    assert all(each.why.isascii() for each in ranked)


@given(fleet=fleets(), difficulty=difficulties)
def test_nobody_too_weak_comes_before_one_that_is_good_enough(fleet, difficulty):
    enough = [is_enough(each.entry, difficulty) for each in ask(difficulty, fleet)]

    assert enough == sorted(enough, reverse=True)


@given(fleet=fleets(), difficulty=difficulties)
def test_of_those_too_weak_the_strongest_comes_first(fleet, difficulty):
    weak = [STRENGTHS[each.entry.model] for each in ask(difficulty, fleet) if not is_enough(each.entry, difficulty)]

    assert weak == sorted(weak, reverse=True)


@given(fleet=fleets(most=WEIGHED))
def test_where_all_are_good_enough_they_stand_by_what_they_cost(fleet):
    costs = [expected_usd(request(), each.entry) for each in ask(0.0, fleet)]

    assert costs == sorted(costs)


@given(fleet=fleets(), difficulty=difficulties)
def test_all_that_a_rule_names_come_first_in_its_order(fleet, difficulty):
    models = [each.entry.model for each in ask(difficulty, fleet, "code → middling, strong")]
    places = [{"middling": 0, "strong": 1}.get(model, 2) for model in models]

    assert places == sorted(places)


@given(fleet=fleets(most=WEIGHED + 6), difficulty=difficulties, rules=lines)
def test_however_many_there_are_none_is_better_than_the_first_and_those_weighed_stand_in_order(
    fleet, difficulty, rules
):
    ranked = ask(difficulty, fleet, *rules)
    known, traits = Smart([parse(rule) for rule in rules]), Traits("code", difficulty)
    preference = known.preference(traits)

    def key(each):
        entry = each.entry
        return (
            0 if preference is None else preference[entry],
            0.0 if is_enough(entry, difficulty) else 1.0 - STRENGTHS[entry.model],
            expected_usd(request(), entry),
            tier(entry),
            load_time_s(entry),
        )

    keys = [key(each) for each in ranked]

    assert keys[0] == min(keys)
    assert keys[:WEIGHED] == sorted(keys)[:WEIGHED]


class TestGoodEnough:
    def test_an_easy_prompt_stays_on_the_small_machine_and_a_hard_one_goes_to_the_dear_model(self):
        fleet = [paid("dear", "strong", 10.0), own("desk", "weak")]

        assert named(ask(0.1, fleet)) == ["desk", "dear"]
        assert named(ask(0.7, fleet)) == ["dear", "desk"]

    def test_the_cheaper_of_two_that_are_good_enough(self):
        fleet = [paid("dear", "strong", 10.0), paid("cheap", "middling", 1.0)]

        assert named(ask(0.4, fleet)) == ["cheap", "dear"]

    def test_own_hardware_before_free_keys_then_the_loaded_model_then_the_faster(self):
        fleet = [
            free("key", "strong"),
            own("cold", "strong", loaded=False),
            own("slow", "strong", total_s=20.0),
            own("fast", "middling", total_s=2.0),
        ]

        assert named(ask(0.3, fleet)) == ["fast", "slow", "cold", "key"]

    def test_the_one_that_holds_the_conversation_before_the_faster(self):
        fleet = [own("fast", "strong", total_s=1.0), own("holder", "strong", total_s=2.0)]
        state = Knowing(strengths=STRENGTHS)
        state.affinity.note(7, fleet[1], NOW)
        ranked = smart(asked(0.3, conversation=7), fleet, state, NOW)

        assert named(ranked) == ["holder", "fast"]
        assert ranked[0].why == "code 0.30: good enough (0.80), costs nothing, local, has this conversation"

    def test_the_idler_of_equals(self):
        fleet = [own("busy", "strong", slots=2, in_flight=1), own("idle", "strong", slots=2)]

        assert named(ask(0.3, fleet)) == ["idle", "busy"]

    def test_a_strength_just_a_margin_above_is_enough(self):
        assert ask(0.45, [own("desk", "middling")])[0].why.startswith("code 0.45: good enough (0.50)")
        assert ask(0.46, [own("desk", "middling")])[0].why == "code 0.46: the strongest of those free now (0.50)"

    def test_only_the_first_is_called_the_strongest(self):
        whys = [each.why for each in ask(0.91, [own("a", "weak"), own("b", "middling")])]

        assert whys == ["code 0.91: the strongest of those free now (0.50)", "code 0.91: not strong enough (0.20)"]

    def test_a_strength_is_that_of_the_kind(self):
        fleet = [own("coder", "qwen3-coder:30b"), own("writer", "gemma3:27b")]

        assert named(smart(asked(0.65, "code"), fleet, Knowing(), NOW)) == ["coder", "writer"]
        assert named(smart(asked(0.60, "writing"), fleet, Knowing(), NOW)) == ["writer", "coder"]

    def test_a_prompt_of_which_nothing_is_known_goes_where_it_costs_least(self):
        fleet = [paid("dear", "strong", 10.0), own("desk", "weak")]

        assert smart(request(), fleet, Knowing(), NOW) == cost_optimized(request(), fleet, Knowing(), NOW)

    def test_behind_the_first_few_nobody_is_weighed(self):
        fleet = [own(f"w{number}", "strong") for number in range(WEIGHED + 1)]
        whys = [each.why for each in ask(0.5, fleet)]

        assert whys[-1] == f"code 0.50: behind the first {WEIGHED}"
        assert whys[WEIGHED - 1] == "code 0.50: good enough (0.80), costs nothing, local"


class TestRules:
    FLEET = (own("desk", "weak"), own("rack", "middling"), paid("cloud", "strong", 1.0))

    def test_a_rule_stands_above_strength_and_cost(self):
        ranked = ask(0.72, self.FLEET, "code > 0.6 → weak, strong")

        assert named(ranked) == ["desk", "cloud", "rack"]
        assert ranked[0].why == "code 0.72: rule 'code > 0.6', weak"
        assert ranked[2].why == "code 0.72: not strong enough (0.50)"

    def test_a_rule_about_other_prompts_changes_nothing(self):
        assert ask(0.5, self.FLEET, "code > 0.6 → weak") == ask(0.5, self.FLEET)

    def test_the_first_rule_that_fits_counts(self):
        assert named(ask(0.72, self.FLEET, "images → weak", "code → middling", "any → strong"))[0] == "rack"

    def test_an_alias_stands_for_its_models_in_their_order(self):
        aliases = {"best": ("strong", "middling")}

        assert named(ask(0.1, self.FLEET, "code → best, weak", aliases=aliases)) == ["cloud", "rack", "desk"]

    def test_a_rule_whose_models_nobody_has_changes_nothing(self):
        assert ask(0.5, self.FLEET, "code → gone") == ask(0.5, self.FLEET)

    def test_of_several_with_the_named_model_the_cheapest(self):
        fleet = [paid("dear", "strong", 9.0), paid("cheap", "strong", 1.0), own("desk", "weak")]

        assert named(ask(0.1, fleet, "code → strong")) == ["cheap", "dear", "desk"]


@pytest.mark.parametrize(
    ("name", "model", "means"),
    [
        ("qwen3:4b", "qwen3:4b", True),
        ("Qwen3:4B", "qwen3:4b", True),
        ("qwen3", "qwen3:latest", True),
        ("qwen3-coder", "qwen3-coder:30b", True),
        ("qwen3:4b", "qwen3:8b", False),
        ("qwen3", "qwen3-coder:30b", False),
        ("gpt-oss-120b", "openai/gpt-oss-120b", True),
        ("desk:qwen3:4b", "qwen3:4b", True),
        ("ollama:qwen3:4b", "qwen3:4b", True),
        ("rack:qwen3:4b", "qwen3:4b", False),
        ("desk:qwen3:8b", "qwen3:4b", False),
    ],
)
def test_a_name_means_what_it_would_in_a_request_and_leaves_open_what_it_does_not_say(name, model, means):
    assert is_meant(name, own("desk", model)) is means


def test_while_requests_wait_less_is_enough():
    """The strong one is slow, and a crowd that waits for it waits for the largest machine."""
    entries = [own("desk", "middling", total_s=1.0), own("rack", "strong", total_s=20.0)]
    state = Knowing(strengths=STRENGTHS)

    alone = smart(asked(0.6), entries, state, NOW)
    state.waiting = 4
    crowded = smart(asked(0.6), entries, state, NOW)

    assert named(alone)[0] == "rack"
    assert named(crowded)[0] == "desk"


def test_what_is_remembered_of_names_is_bounded(monkeypatch):
    monkeypatch.setattr("cortex.routing.preference.KEPT", 3)
    known = Smart([parse("code → m1")])
    preference = known.preference(Traits("code", 0.5))
    for number in range(10):
        known.strength(f"m{number}", "code")
        assert preference[own("desk", f"m{number}")] == (0 if number == 1 else 1_000)
        assert len(known._strengths) <= 3
        assert len(preference) <= 3


# The guide


def blocks(language, page=GUIDE):
    return re.findall(rf"```{language}\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


@pytest.fixture
def theirs(monkeypatch):
    """Have the guide's package installed, by the entry point that it declares."""
    (source,) = (block for block in blocks("python") if "def " in block)
    (declared,) = (block for block in blocks("toml") if f'entry-points."{plugins.GROUP}"' in block)
    name, value = re.search(r'^(\w+) = "(.+)"$', declared.partition(plugins.GROUP)[2], re.MULTILINE).groups()
    module = ModuleType(value.partition(":")[0])
    exec(compile(source, "docs/strategies.md", "exec"), module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [EntryPoint(name, value, group)])
    caches = (plugins._installed, plugins.load_strategy, registry.find)
    for each in caches:
        each.cache_clear()
    yield source, registry.find(name).order
    for each in caches:
        each.cache_clear()


def test_the_strategy_in_the_guide_is_20_lines_at_most_and_puts_the_idlest_first(theirs):
    """The least share of busy slots comes first."""
    source, order = theirs
    fleet = [own("attic", "m"), own("office", "m", slots=4, in_flight=1), own("cellar", "m", slots=2, in_flight=1)]
    ranked = order(request(), fleet, State(Random(0)), NOW)

    assert len([line for line in source.splitlines() if line.strip()]) <= 20
    assert named(ranked) == ["attic", "office", "cellar"]
    assert [each.why for each in ranked] == ["0 of 1 busy", "1 of 4 busy", "1 of 2 busy"]
    assert all(isinstance(each, Ranked) for each in ranked)


def test_every_rule_in_the_guide_is_one():
    (text,) = (block for block in blocks("toml", ABOUT_SMART) if "rules = [" in block)
    rules = re.findall(r'^ +"(.+)",', text, re.MULTILINE)

    assert [str(parse(rule)) for rule in rules] == rules


def test_the_strengths_in_the_guide_are_read_as_it_says():
    (text,) = (block for block in blocks("toml", ABOUT_SMART) if "[smart.strengths]" in block)
    known = Smart(strengths=tomllib.loads(text)["smart"]["strengths"])

    assert {known.strength("my-model", kind) for kind in KINDS} == {0.7}
    assert known.strength("qwen3:8b-abliterated", "code") == 0.3
    assert known.strength("qwen3:4b", "code") == 0.4
    assert known.strength("qwen3:4b", "chat") == strength("qwen3:4b", "chat")


def test_the_guide_names_every_strategy():
    text = GUIDE.read_text("utf-8")

    assert all(f"`{name}`" in text for name in plugins.OWN_STRATEGIES)
