"""Which request meets which fault."""

from hypothesis import given
from hypothesis import strategies as st

from cortex.simulate.fault import KINDS, Fault, Faults

CHAT = "/api/chat"


def test_a_fault_is_met_as_often_as_it_was_ordered():
    faults = Faults()
    faults.order(Fault("reset"), times=2)

    met = [faults.take(CHAT, "m", generates=True) for _ in range(3)]

    assert met == [Fault("reset"), Fault("reset"), None]


def test_faults_are_met_in_the_order_in_which_they_were_ordered():
    faults = Faults()
    faults.order(Fault("reset"))
    faults.order(Fault("hang"))

    assert [faults.take(CHAT, "m", generates=True).kind for _ in range(2)] == ["reset", "hang"]


def test_a_fault_for_always_is_met_after_those_that_are_counted():
    faults = Faults()
    faults.order_always(Fault("busy"))
    faults.order(Fault("reset"))

    assert [faults.take(CHAT, "m", generates=True).kind for _ in range(3)] == ["reset", "busy", "busy"]


def test_a_probe_does_not_use_up_a_fault_that_names_no_path():
    faults = Faults()
    faults.order(Fault("reset"))

    assert faults.take("/api/tags", "", generates=False) is None
    assert faults.take(CHAT, "m", generates=True) == Fault("reset")


def test_a_fault_for_a_path_or_for_all_is_met_by_probes():
    faults = Faults()
    faults.order(Fault("reset", path="/api/tags"))
    faults.order(Fault("hang", path="*"))

    assert faults.take("/api/tags", "", generates=False).kind == "reset"
    assert faults.take("/api/tags", "", generates=False).kind == "hang"


def test_a_fault_for_a_model_spares_the_others_and_stays_ordered():
    faults = Faults()
    faults.order(Fault("reset", model="slow"))

    assert faults.take(CHAT, "fast", generates=True) is None
    assert faults.take(CHAT, "slow", generates=True) == Fault("reset", model="slow")


def test_clear_forgets_every_order():
    faults = Faults()
    faults.order(Fault("reset"), times=3)
    faults.order_always(Fault("hang"))
    faults.clear()

    assert faults.take(CHAT, "m", generates=True) is None
    assert repr(faults) == "<Faults [] always []>"


@given(
    st.lists(st.tuples(st.sampled_from(sorted(KINDS)), st.sampled_from(["", "a", "b"]), st.integers(0, 3)), max_size=8)
)
def test_every_ordered_fault_is_met_exactly_once_by_a_model_that_it_concerns(orders):
    faults = Faults()
    for kind, model, times in orders:
        faults.order(Fault(kind, model=model), times)

    met = []
    for model in ("a", "b"):
        while (fault := faults.take(CHAT, model, generates=True)) is not None:
            assert fault.model in {"", model}
            met.append((fault.kind, fault.model))

    assert sorted(met) == sorted((kind, model) for kind, model, times in orders for _ in range(times))
