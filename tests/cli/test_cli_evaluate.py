"""`cortex evaluate`: a log on disk in, a table or an object out."""

import json
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner

from cortex.commands.evaluate import FOLDER, evaluate, read_log
from cortex.routing.decisions import Choice, Decision, encode

SHARES = (0.6, 0.4)


def decision(number, lots, **more):
    taken = 0 if lots.random() < SHARES[0] else 1
    facts = {
        "id": f"r-{number}",
        "at": float(number),
        "kind": "chat",
        "difficulty": 0.5,
        "choices": [
            Choice(f"{name}/m", name, "m", share) for name, share in zip(("desk", "groq"), SHARES, strict=True)
        ],
        "taken": taken,
        "others": {"local_first": 0, "cost_optimized": 1},
        "reward": 0.9 if taken == 0 else 0.3,
    }
    return Decision(**(facts | more))


def write(count, *, folder=FOLDER, name="2026-11-25.jsonl", first=0, **more):
    lots = Random(1)
    Path(folder).mkdir(parents=True, exist_ok=True)
    lines = [encode(decision(first + number, lots, **more)) for number in range(count)]
    (Path(folder) / name).write_bytes(b"".join(lines))
    return lines


def run(*arguments):
    result = CliRunner().invoke(evaluate, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_every_strategy_of_the_log_is_a_row_the_most_promising_first():
    write(300)
    result = run()
    assert result.exit_code == 0
    heading, first, second = result.stdout.splitlines()
    assert heading.split()[:2] == ["strategy", "decisions"]
    assert first.split()[:2] == ["local_first", "300"]
    assert second.split()[:2] == ["cost_optimized", "300"]
    assert "0.900 (0.900 to 0.900)" in first
    assert result.stderr == f"cortex: {FOLDER}: 300 decisions\n"


def test_one_strategy_can_be_asked_for():
    write(300)
    lines = run("cost_optimized").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["strategy", "cost_optimized"]


def test_scripts_get_one_object():
    write(300)
    result = run("--json")
    told = json.loads(result.stdout)
    assert (told["decisions"], told["damaged"], result.stderr) == (300, 0, "")
    by_name = {each["strategy"]: each for each in told["strategies"]}
    assert set(by_name) == {"local_first", "cost_optimized"}
    assert by_name["local_first"]["enough"] is True
    assert by_name["local_first"]["snips"] == {"value": 0.9, "low": 0.9, "high": 0.9} | by_name["local_first"]["snips"]
    assert by_name["cost_optimized"]["snips"]["value"] == pytest.approx(0.3)


def test_a_log_elsewhere_is_read_where_it_is():
    write(300, folder="elsewhere")
    assert run("--log", "elsewhere").exit_code == 0


def test_all_days_are_read_and_an_id_counts_once():
    write(200, name="2026-11-24.jsonl")
    write(100, name="2026-11-25.jsonl", first=150)
    assert "250 decisions" in run().stderr


def test_damaged_lines_are_left_out_and_counted():
    lines = write(300)
    Path(FOLDER, "2026-11-25.jsonl").write_bytes(b"".join(lines) + b'{"id": "cut of')
    assert "300 decisions (1 damaged line left out)" in run().stderr


@pytest.mark.parametrize(
    "make", [lambda: None, lambda: Path(FOLDER).mkdir(parents=True), lambda: write(1, name="a.txt")]
)
def test_a_missing_log_is_one_clear_line(make):
    make()
    result = run()
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"cortex: {FOLDER}: no log of decisions")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [(), ("local_first",), ("--json",)])
def test_a_log_that_is_too_small_is_one_clear_line(arguments):
    write(20)
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "too small: 20 decisions; local_first: too few: 20 decisions of at least 100" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_log_without_other_strategies_is_told():
    write(300, others={})
    result = run("smart")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "none with what another strategy would have taken" in result.stderr


def test_a_strategy_that_the_log_does_not_know_is_wrong_use():
    write(300)
    result = run("local_frist")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "says nothing of 'local_frist', only of cost_optimized, local_first" in result.stderr


def test_of_a_long_log_the_newest_are_read():
    write(30, name="2026-11-24.jsonl")
    write(10, name="2026-11-25.jsonl", first=100)
    ids = [each.id for each in read_log(Path(FOLDER), most=15).decisions]
    assert ids == [f"r-{number}" for number in (*range(25, 30), *range(100, 110))]


def test_a_file_that_cannot_be_read_is_one_clear_line():
    Path(FOLDER, "2026-11-25.jsonl").mkdir(parents=True)
    result = run()
    assert (result.exit_code, result.stdout) == (1, "")
    assert "2026-11-25.jsonl: cannot be read" in result.stderr
