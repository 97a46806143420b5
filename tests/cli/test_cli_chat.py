"""`cortex chat`, without a terminal and with one."""

import os
import signal
import subprocess
import sys
import threading

import pytest
from scripted_daemon import delta, refuses, streams

PATH = "POST /v1/chat/completions"
WHO = {"X_Cortex_Worker": "desk", "X_Cortex_Model": "qwen3:4b", "X_Cortex_Why": "warm"}
YES = streams(delta("Yes"), delta(finish="stop"), **WHO)
BOUND_S = 30


def test_one_question_comes_from_stdin(daemon, cortex):
    daemon.answers[PATH] = YES

    result = cortex("chat", "fast", input="Is it?\n")

    assert (result.exit_code, result.stdout) == (0, "Yes\n")
    assert (daemon.asked[0].body["model"], daemon.asked[0].body["messages"][0]["content"]) == ("fast", "Is it?")


def test_without_a_model_the_strategy_chooses(daemon, cortex):
    daemon.answers[PATH] = YES

    cortex("chat", input="Is it?")

    assert daemon.asked[0].body["model"] == "auto"


def test_an_error_of_the_daemon_is_shown_with_1(daemon, cortex):
    daemon.answers[PATH] = refuses(404, "model 'nope' not found - did you mean 'qwen3:4b'?")

    result = cortex("chat", "nope", input="Is it?")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "cortex: model 'nope' not found - did you mean 'qwen3:4b'?\n"


@pytest.mark.parametrize("question", ["", " \n"])
def test_no_question_is_wrong_use(daemon, cortex, question):
    result = cortex("chat", input=question)

    assert (result.exit_code, daemon.asked) == (2, [])


def test_without_a_daemon_it_is_3(cortex):
    assert cortex("chat", "--url", "http://127.0.0.1:1", input="Is it?").exit_code == 3


class Terminal:
    """`cortex chat` on a pseudo-terminal, as somebody sits before it."""

    def __init__(self) -> None:
        self._ours, theirs = os.openpty()
        command = [sys.executable, "-m", "cortex", "chat"]
        self.process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
        os.close(theirs)
        self.seen = ""

    def until(self, text: str) -> None:
        """Wait until `text` has appeared since the last time; the test's own time limit bounds it."""
        while text not in self.seen:
            self.seen += os.read(self._ours, 4096).decode()
        self.seen = self.seen.partition(text)[2]

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def close(self) -> None:
        self.process.kill()
        self.process.wait(BOUND_S)
        os.close(self._ours)


@pytest.fixture
def terminal(daemon):
    daemon.answers[PATH] = YES
    terminal = Terminal()
    yield terminal
    terminal.close()


def test_on_a_terminal_it_is_a_conversation(terminal, daemon):
    terminal.until("> ")
    terminal.type("Is it?\n")
    terminal.until("Yes")
    terminal.until("\x1b[2mdesk, qwen3:4b (warm)")
    terminal.until("> ")
    terminal.type("/quit\n")

    assert terminal.process.wait(BOUND_S) == 0
    assert len(daemon.asked) == 1


def test_ctrl_c_stops_the_answer_its_connection_closes_and_twice_leaves(terminal, daemon):
    is_closed = threading.Event()

    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b'data: {"choices": [{"delta": {"content": "And then"}}]}\n\n')
        if handler.rfile.read(1) == b"":
            is_closed.set()

    daemon.answers[PATH] = endless
    terminal.until("> ")
    terminal.type("Tell me a story\n")
    terminal.until("And then")
    terminal.process.send_signal(signal.SIGINT)
    terminal.until("stopped")
    assert is_closed.wait(BOUND_S)

    terminal.until("> ")
    assert interrupted(terminal.process) == 0


def interrupted(process) -> int:
    """Press Ctrl-C until the process ends: one that comes while readline gets ready to wait is seen with the next key."""
    for _ in range(int(BOUND_S)):
        process.send_signal(signal.SIGINT)
        try:
            return process.wait(1.0)
        except subprocess.TimeoutExpired:
            continue
    raise AssertionError("it did not end")


def test_a_model_cannot_clear_the_terminal(terminal, daemon):
    daemon.answers[PATH] = streams(delta("safe\x1b[2J"), delta(finish="stop"), **WHO)
    terminal.until("> ")
    terminal.type("Is it?\n")

    terminal.until("safe\N{REPLACEMENT CHARACTER}[2J")
