"""Models and their names."""

import pytest

from cortex.simulate.model import SimulatedModel, models_of, tagged


@pytest.mark.parametrize(
    ("name", "full"),
    [("llama3.2", "llama3.2:latest"), ("Qwen3:4B", "qwen3:4b"), ("host:5000/me/model", "host:5000/me/model:latest")],
)
def test_a_name_without_a_tag_means_the_latest(name, full):
    assert tagged(name) == full


def test_two_names_of_the_same_weights_have_one_digest():
    one, alias, other = SimulatedModel("a"), SimulatedModel("b", weights="a"), SimulatedModel("c")

    assert one.digest == alias.digest != other.digest


def test_names_become_models_and_models_stay():
    model = SimulatedModel("a", ("completion",))

    assert models_of([model, "b"]) == (model, SimulatedModel("b"))
