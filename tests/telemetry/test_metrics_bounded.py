"""However long it runs and whatever comes in, the number of series stays below a formula."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from cortex.chat import Usage
from cortex.messages import Failure
from cortex.telemetry import labels
from cortex.telemetry.metrics import Counter, Histogram, Metrics
from cortex.telemetry.record import Attempt, Record

PAIRS, GONE = 4, 2
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=4) | st.sampled_from(["a", "b", "dispatcher"])


@pytest.fixture(autouse=True, scope="module")
def _small():
    """Bounds so low that they are reached."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(labels, "PAIRS_KEPT", PAIRS)
        patch.setattr(labels, "GONE_KEPT", GONE)
        yield


attempts = st.builds(
    Attempt,
    worker=NAMES,
    model=NAMES,
    why=st.just(""),
    cold=st.booleans(),
    began_s=st.just(0.0),
    first_token_s=st.none() | st.floats(0, 9),
    failure=st.none() | st.builds(Failure, word=st.sampled_from(labels.WORDS) | NAMES, detail=NAMES),
)


@st.composite
def records(draw):
    made = Record(id="r", client=draw(NAMES), dialect=draw(NAMES), arrived_s=0.0, arrived_at=0.0)
    made.attempts = draw(st.lists(attempts, max_size=3))
    made.model = draw(NAMES)
    made.outcome = draw(st.sampled_from(labels.OUTCOMES) | NAMES)
    made.usage = draw(st.none() | st.just(Usage(1, 2)))
    made.cache = draw(st.sampled_from(labels.CACHE_RESULTS) | NAMES)
    made.pays = draw(st.booleans())
    made.given = draw(st.none() | st.tuples(NAMES, NAMES, st.just(1.0)))
    made.total_s = draw(st.floats(0, 1000))
    return made


events = st.one_of(
    records(),
    st.tuples(st.just("restarted"), NAMES),
    st.tuples(st.just("probed"), NAMES),
    st.tuples(st.just("cost"), NAMES),
    st.tuples(st.just("edit"), st.frozensets(NAMES.filter(bool), max_size=3)),
    st.just(("scrape", "")),
)


class Life:
    """One Córtex's metrics and who works for it."""

    def __init__(self):
        self.workers = set()
        self.ever = set()
        self.metrics = Metrics(workers=lambda: self.workers, has=lambda worker, model: len(model) < 4)

    def live(self, event):
        match event:
            case ("edit", workers):
                self.workers, self.ever = set(workers), self.ever | workers
            case ("scrape", _):
                self.metrics.text()
            case ("cost", worker):
                self.metrics.cost(worker, 1, 1)
            case ("probed", worker):
                self.metrics.probed(worker, 0.1)
            case ("restarted", actor):
                self.metrics.restarted(actor)
            case record:
                self.metrics.finished(record)


@settings(max_examples=60)
@given(st.lists(events, max_size=60))
def test_the_number_of_series_is_bounded_whatever_comes(life_of):
    life = Life()
    for event in life_of:
        life.live(event)
    scraped = life.metrics.text().decode()

    for family in text_string_to_metric_families(scraped):
        made = next((m for m in vars(life.metrics).values() if getattr(m, "name", "") == family.name), None)
        if made is None:
            assert family.name.startswith("process_")
            continue
        lines_each = len(made.bounds) + 3 if isinstance(made, Histogram) else 1
        assert len(family.samples) <= labels.most(made.labels, len(life.workers)) * lines_each


@settings(max_examples=60)
@given(st.lists(events, max_size=60))
def test_every_label_value_is_of_its_closed_set(life_of):
    life = Life()
    for event in life_of:
        life.live(event)
    life.metrics.text()
    workers = life.ever | {"", labels.OTHER}
    sets = {
        "dialect": {*labels.DIALECTS, labels.OTHER},
        "outcome": {*labels.OUTCOMES, labels.OTHER},
        "word": {*labels.WORDS, labels.OTHER},
        "result": {*labels.CACHE_RESULTS, *labels.RELOADS, labels.OTHER},
        "direction": set(labels.DIRECTIONS),
        "worker": workers,
        "actor": workers | set(labels.ACTORS),
    }
    for made in vars(life.metrics).values():
        if isinstance(made, Counter | Histogram):
            for values in made.values:
                for label, value in zip(made.labels, values, strict=True):
                    assert label == "model" or value in sets[label], (made.name, label)


@settings(max_examples=60)
@given(st.lists(events, max_size=60))
def test_only_so_many_pairs_of_worker_and_model_are_told_beside_other_and_none(life_of):
    life = Life()
    for event in life_of:
        life.live(event)
    life.metrics.text()
    told = {values for values in life.metrics.first_token_seconds.values if values[1] not in {"", labels.OTHER}}

    assert len(told) <= PAIRS


@settings(max_examples=60)
@given(st.lists(records(), max_size=30))
def test_no_request_is_uncounted_for_its_labels(made):
    life = Life()
    for record in made:
        life.live(record)

    assert sum(life.metrics.requests.values.values()) == len(made)
    assert sum(life.metrics.cache_requests.values.values()) == len(made)


def test_the_series_of_a_worker_stay_until_so_many_have_left_after_it():
    life = Life()
    for number in range(GONE + 1):
        assert f'worker="w{number}"' not in life.metrics.text().decode()
        life.workers = {f"w{number}"}
        life.metrics.cost(f"w{number}", 1, 1)
        assert f'worker="w{number}"' in life.metrics.text().decode()
    assert 'worker="w0"' in life.metrics.text().decode()
    life.workers = set()

    assert 'worker="w0"' not in life.metrics.text().decode()
    assert 'worker="w1"' in life.metrics.text().decode()


def test_one_that_comes_back_goes_on_counting():
    life = Life()
    life.workers = {"desk"}
    life.metrics.probed("desk", 0.1)
    life.workers = set()
    life.metrics.text()
    life.workers = {"desk"}
    life.metrics.probed("desk", 0.1)

    assert life.metrics.probe_seconds.values["desk",][0][6] == 2


def test_cells_kept_at_hand_are_not_those_of_a_worker_that_was_forgotten():
    life = Life()
    life.workers = {"desk"}
    made = Record(id="r", client="", dialect="openai", arrived_s=0.0, arrived_at=0.0)
    made.attempts, made.outcome, made.usage = [Attempt("desk", "m", "", False, 0.0)], "ok", Usage(1, 1)
    for _ in range(GONE + 2):  # away so long that it is forgotten, then back
        life.metrics.finished(made)
        for other in range(GONE + 1):
            life.workers = {f"w{other}"}
            life.metrics.text()
        life.workers = {"desk"}
        life.metrics.text()
    life.metrics.finished(made)

    assert life.metrics.requests.values["openai", "desk", "m", "ok"] == 1.0
