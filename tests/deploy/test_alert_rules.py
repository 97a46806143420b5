"""The alert rules and the board are sound by themselves: what promtool says, and what each expression is made of."""

import json
import re
import subprocess
from collections import Counter

import pytest
import yaml
from prometheus_tools import ALERTS, BOARD, DEPLOY, board_expressions, needs_prometheus, rules

from cortex.telemetry.labels import OUTCOMES

PLAIN = {"row", "stat", "timeseries", "bargauge", "heatmap", "state-timeline", "table"}
"""The panels that Grafana has without a plugin."""


@needs_prometheus
@pytest.mark.parametrize(
    "command",
    [
        ("check", "rules", "prometheus/alerts.yml"),
        ("check", "config", "prometheus/prometheus.yml"),
        ("test", "rules", "prometheus/alerts_test.yml"),
    ],
    ids=" ".join,
)
def test_promtool_finds_nothing_wrong(command):
    done = subprocess.run(["promtool", *command], cwd=DEPLOY, capture_output=True, text=True, timeout=50, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_tested_firing_and_not_firing():
    tests = yaml.safe_load((DEPLOY / "prometheus/alerts_test.yml").read_text())["tests"]
    seen = {(rule["alertname"], bool(rule["exp_alerts"])) for test in tests for rule in test["alert_rule_test"]}
    alerts = {rule["alert"] for rule in rules() if "alert" in rule}

    assert seen == {(alert, fires) for alert in alerts for fires in (True, False)}


def test_each_alert_says_how_bad_it_is_and_what_to_do():
    for rule in rules():
        if "alert" in rule:
            assert rule["labels"]["severity"] in {"page", "ticket"}
            assert rule["annotations"].keys() == {"summary", "description"}


def test_expressions_name_only_outcomes_that_there_are():
    """A misspelt label value matches nothing, and nobody notices."""
    text = ALERTS.read_text() + BOARD.read_text().replace('\\"', '"')
    named = {word for group in re.findall(r'outcome!?=~?"([^"$]+)"', text) for word in group.split("|")}

    assert named
    assert named <= set(OUTCOMES)


def test_the_board_needs_no_plugin_and_takes_its_data_from_whichever_prometheus_is_chosen():
    board = json.loads(BOARD.read_text())
    variables = {variable["name"]: variable["type"] for variable in board["templating"]["list"]}

    assert variables == {"datasource": "datasource", "worker": "query"}
    assert {panel["type"] for panel in board["panels"]} <= PLAIN
    assert set(re.findall(r'"uid": "(.*?)"', BOARD.read_text())) == {"${datasource}", "cortex"}


def test_no_two_panels_of_the_board_lie_on_each_other():
    board = json.loads(BOARD.read_text())
    cells = Counter(
        (x, y)
        for panel in board["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    )

    assert max(cells.values()) == 1
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_every_panel_with_data_says_what_it_shows():
    board = json.loads(BOARD.read_text())

    assert all(panel["title"] for panel in board["panels"])
    assert [panel["title"] for panel in board["panels"] if panel["type"] == "row"] == [
        *("At a glance", "Traffic", "Latency", "Fleet", "Keys", "Cache", "Money", "Supervision")
    ]
    assert board_expressions()
