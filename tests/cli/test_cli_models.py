"""`cortex models`."""

import json

import click
from scripted_daemon import says

from cortex.commands.matrix import matrix


def has(**facts):
    """What a worker knows of a model, as /cortex/v1/models has it."""
    nothing = {"loaded": None, "context_length": None, "first_token_s": None, "tokens_per_s": None, "price": None}
    return {**nothing, **facts}


def model(name, *aliases, **workers):
    return {"name": name, "aliases": list(aliases), "workers": workers}


def rows(*models):
    return [click.unstyle(line).split() for line in matrix(models)]


def test_a_line_for_each_worker_that_has_a_model(daemon, cortex):
    desk = has(loaded=True, context_length=32768, first_token_s=0.3, tokens_per_s=24.6, price={"input": 0, "output": 0})
    cloud = has(price={"input": 0.59, "output": 0.79})
    value = {"models": [model("qwen3:4b", "fast", desk=desk, cloud=cloud)], "workers": ["desk", "cloud"]}
    daemon.answers["GET /cortex/v1/models"] = says(value)

    result = cortex("models")

    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[1] == [
        "qwen3:4b",
        "desk",
        "●",
        "loaded",
        "32,768",
        "300",
        "ms",
        "25",
        "tokens/s",
        "no",
        "cost",
        "fast",
    ]
    assert lines[2] == ["cloud", "○", "available", "$0.59", "in,", "$0.79", "out"]
    assert json.loads(cortex("models", "--json").stdout) == value


def test_a_model_that_nobody_has_now_is_listed_all_the_same():
    assert rows(model("qwen3:4b"))[1] == ["qwen3:4b", "nobody", "now"]


def test_no_model_at_all_is_a_sentence():
    assert matrix([]) == ["no worker has said yet which models it has"]


def test_no_daemon_is_3(cortex):
    assert cortex("models", "--url", "http://127.0.0.1:1").exit_code == 3
