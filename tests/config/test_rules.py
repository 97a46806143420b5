"""Rules: one line each, read and written."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.config.rules import KINDS, Rule, RuleError, Term, parse
from cortex.routing.preference import Smart


def traits(kind="code", difficulty=0.5, *, images=False, tools=False):
    return SimpleNamespace(kind=kind, difficulty=difficulty, has_images=images, has_tools=tools)


bounds = st.floats(0.0, 1.0)
words = st.text(st.characters(exclude_categories=("Z", "C"), exclude_characters="\"',[]"), min_size=1)


@st.composite
def conditions(draw):
    """Terms that some prompt can meet: of one kind or any, with bounds around a difficulty."""
    word = draw(st.sampled_from([*KINDS, "any"]))
    at = draw(bounds)
    terms = [Term(word)]
    for _ in range(draw(st.integers(0, 2))):
        bound = draw(bounds)
        signs = [
            s for s, fits in (("<", at < bound), ("<=", at <= bound), (">", at > bound), (">=", at >= bound)) if fits
        ]
        terms.append(Term(draw(st.sampled_from([word, "any"])), draw(st.sampled_from(signs)), bound))
    terms += [Term(each) for each in draw(st.sets(st.sampled_from(["images", "tools"])))]
    return tuple(draw(st.permutations(terms)))


rules = st.builds(Rule, conditions(), st.lists(words, min_size=1, max_size=4).map(tuple))


@given(rule=rules)
def test_a_rule_as_text_is_read_as_the_same_rule(rule):
    assert parse(str(rule)) == rule


@given(rule=rules)
def test_either_arrow_brackets_and_quotes_mean_the_same(rule):
    quoted = ", ".join(f'"{name}"' for name in rule.names)

    assert parse(f"{rule.condition}->[{quoted}]") == rule


@given(rule=rules, difficulty=bounds, kind=st.sampled_from(KINDS), images=st.booleans(), tools=st.booleans())
def test_a_rule_fits_when_each_of_its_terms_does(rule, difficulty, kind, images, tools):
    prompt = traits(kind, difficulty, images=images, tools=tools)

    assert rule.fits(prompt) is all(Rule((term,), rule.names).fits(prompt) for term in rule.terms)


@pytest.mark.parametrize(
    ("condition", "fits", "does_not"),
    [
        ("code", traits("code", 0.0), traits("math", 0.0)),
        ("code > 0.6", traits("code", 0.61), traits("code", 0.6)),
        ("code >= 0.6", traits("code", 0.6), traits("code", 0.59)),
        ("chat < 0.3", traits("chat", 0.29), traits("chat", 0.3)),
        ("chat <= 0.3", traits("chat", 0.3), traits("chat", 0.31)),
        ("any > 0.8", traits("math", 0.9), traits("math", 0.8)),
        ("images", traits(images=True), traits(tools=True)),
        ("tools", traits(tools=True), traits(images=True)),
        ("code>.5 and tools", traits("code", 0.6, tools=True), traits("code", 0.6)),
        ("Code AND any < 0.5", traits("code", 0.4), traits("code", 0.5)),
    ],
)
def test_a_condition_is_about_some_prompts_and_not_about_others(condition, fits, does_not):
    rule = parse(f"{condition} → best")

    assert rule.fits(fits)
    assert not rule.fits(does_not)


def test_the_first_rule_that_fits_counts():
    hard, code = parse("any > 0.8 → best"), parse("code → qwen3-coder")
    smart = Smart([hard, code])

    assert smart.preference(traits("code", 0.9)).rule is hard
    assert smart.preference(traits("code", 0.5)).rule is code
    assert smart.preference(traits("chat", 0.5)) is None


def test_names_keep_their_order_and_their_colons_and_slashes():
    assert parse("math → groq:openai/gpt-oss-120b, qwen3:4b").names == ("groq:openai/gpt-oss-120b", "qwen3:4b")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "expected a condition, an arrow and names, as in 'code > 0.6 → qwen3-coder, best', found nothing"),
        ("code > 0.6", "found 'code > 0.6'"),
        ("→ best", "expected a kind, or a kind and a bound such as '> 0.6', found nothing"),
        ("coed > 0.6 → best", "found 'coed' (did you mean code?)"),
        ("translate → best", "found 'translate' (did you mean translation?)"),
        ("code = 0.6 → best", "expected a kind, or a kind and a bound such as '> 0.6', found 'code = 0.6'"),
        ("code > → best", "found 'code >'"),
        ("code > 60 → best", "expected a difficulty between 0 and 1, found '60'"),
        ("code > nan → best", "expected a difficulty between 0 and 1, found 'nan'"),
        ("code > hard → best", "expected a difficulty between 0 and 1, found 'hard'"),
        ("images > 0.5 → best", "expected images without a number, since it has no difficulty, found 'images > 0.5'"),
        (
            "code and math → best",
            "expected one kind, since a prompt has one (write a rule for each), found 'code and math'",
        ),
        ("any > 0.6 and any < 0.5 → best", "found 'any > 0.6 and any < 0.5'"),
        ("code > 1 → best", "expected bounds that some difficulty from 0 to 1 meets, found 'code > 1.0'"),
        ("code →", "expected names of models or aliases, parted by commas, found nothing"),
        ("code → a,, b", "found 'a,, b'"),
        ("code → [a", "found '[a'"),
        ("code → two words", "found 'two words'"),
    ],
)
def test_a_line_that_is_no_rule_says_what_was_expected_and_found(line, said):
    with pytest.raises(ValueError, match=r"^expected ") as raised:
        parse(line)

    assert said in str(raised.value)


@given(
    line=st.text()
    | st.lists(st.sampled_from(["code", ">", "0.5", "and", "→", "->", "[", "]", ",", "any", '"'])).map(" ".join)
)
def test_whatever_the_line_it_is_a_rule_or_an_error_that_says_why(line):
    try:
        rule = parse(line)
    except RuleError as error:
        said = (error.expected, error.found)
    else:
        said = ("a rule", parse(str(rule)) == rule)

    assert all(said)
