"""The tree as lines."""

import click
import pytest
from scripted_daemon import tree as whole_tree
from scripted_daemon import worker

from cortex.commands import tree


def plain(lines):
    return [click.unstyle(line) for line in lines]


def row(name, lines):
    return next(line for line in plain(lines) if f"─ {name} " in line)


def test_the_tree_shows_who_is_below_whom_in_columns():
    whole = whole_tree(worker("desk", loaded=["qwen3:4b"]), worker("cloud/1", slots=4, in_flight=3))

    assert plain(tree.branches(whole["tree"])) == [
        "               state      busy  breaker  mailbox  restarts",
        "root",
        "├─ telemetry   ● running                 0        0",
        "├─ workers     ● running                 0        0",
        "│  ├─ desk     ● ready    0/1   closed   0        0         loaded: qwen3:4b",
        "│  └─ cloud/1  ● ready    3/4   closed   0        0",
        "└─ dispatcher  ● running                 0        0",
    ]


def test_a_worker_that_is_not_ready_says_why():
    whole = whole_tree(worker("desk", state="open", breaker="open", why="breaker open 21 s more", loaded=["a"]))

    line = row("desk", tree.branches(whole["tree"]))

    assert "▲ open" in line
    assert line.endswith("breaker open 21 s more; loaded: a")


def test_a_busy_worker_is_not_explained_twice():
    whole = whole_tree(worker("desk", state="busy", in_flight=1, why="1 of 1 slots busy"))

    line = row("desk", tree.branches(whole["tree"]))

    assert "◉ busy     1/1 " in line
    assert "slots busy" not in line


def test_an_actor_that_is_down_has_no_mailbox():
    whole = whole_tree()
    whole["tree"]["children"][0] |= {"state": "stopped", "mailbox": None, "restarts": 3}

    assert row("telemetry", tree.branches(whole["tree"])).split() == ["├─", "telemetry", "✕", "stopped", "3"]


def test_the_summary_is_one_line():
    line = tree.summary(whole_tree(status="degraded", in_flight=2, queue=7), "http://rack:1")

    assert click.unstyle(line) == "◐ degraded  Córtex 0.1.0 at http://rack:1, up 1m5s, 2 in flight, 7 waiting"


def test_the_summary_says_how_much_the_cache_spared():
    line = tree.summary(whole_tree(cache={"hit_ratio": 0.257}), "http://rack:1")

    assert "26 % from the cache" in line


def test_a_daemon_that_says_less_is_shown_all_the_same():
    assert "● healthy" in click.unstyle(tree.summary({"status": "healthy"}, "http://rack:1"))


@pytest.mark.parametrize(("found", "count"), [(["a"], "a mistake"), (["a", "b"], "2 mistakes")])
def test_problems_are_counted_told_and_red(found, count):
    blank, head, *each = tree.problems(found)

    assert blank == ""
    assert f"▲ the settings have {count}" in head
    assert plain(each) == [f"  {problem}" for problem in found]
    assert all(line.startswith("\x1b[31m") for line in (head, *each))


def test_without_problems_nothing_is_said_of_them():
    assert tree.problems([]) == []


def test_every_actor_is_found_parents_first():
    names = [actor["name"] for actor in tree.actors(whole_tree(worker("desk"))["tree"])]

    assert names == ["telemetry", "workers", "desk", "dispatcher"]
