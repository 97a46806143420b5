"""`cortex gameday`: the scorecard on the terminal, as JSON and as a page."""

import json


def test_a_few_faults_are_run_with_ones_own_settings(cortex, tmp_path):
    (tmp_path / "supervision.toml").write_text(
        '[routing]\nfirst_token_timeout = "1s"\n[workers.mine]\nprovider = "ollama"\nurl = "http://127.0.0.1:9"\n'
    )
    done = cortex("gameday", "--page", "card.html", "--markdown", "card.md", "500", "refused")

    assert done.exit_code == 0, done.stderr
    assert "● passed  500" in done.stdout
    assert "2 of 2 passed" in done.stdout
    assert "2 of 2 faults passed" in (tmp_path / "card.html").read_text()
    assert (tmp_path / "card.md").read_text().count("| yes |") == 2


def test_json_is_one_object(cortex):
    done = cortex("gameday", "--json", "reset")

    assert [fault["passed"] for fault in json.loads(done.stdout)["faults"]] == [True]


def test_a_name_that_nothing_has_is_told_with_those_there_are(cortex):
    done = cortex("gameday", "no such fault")

    assert done.exit_code == 1
    assert "there are: 429, short wait" in done.stderr


def test_a_file_with_a_mistake_is_told_as_everywhere(cortex, tmp_path):
    (tmp_path / "supervision.toml").write_text("[routing]\nno_such_key = 1\n")
    done = cortex("gameday", "500")

    assert done.exit_code == 1
    assert "supervision.toml:2: routing.no_such_key: expected" in done.stderr
