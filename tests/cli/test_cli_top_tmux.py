"""`cortex top` in a real terminal, as tmux shows it: what is drawn, what keys do, and that the terminal is given back."""

import os
import re
import shutil
import subprocess
import sys
import time
from uuid import uuid4

import pytest
from scripted_daemon import ScriptedDaemon, says, snapshot, worker, worker_row

pytestmark = [
    pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed: apt-get install tmux"),
    pytest.mark.xdist_group("tmux"),
]

BOUND_S = 10
TOP = f"{sys.executable} -m cortex top"
LIVE = " live .*[0-9]$"
SIZES = [(100, 30), (80, 24)]


class Terminal:
    """A terminal of a given size, with one command in it."""

    def __init__(self, url, width, height, command):
        self._socket = f"cortex-{uuid4().hex[:8]}"
        variables = {name: value for name, value in os.environ.items() if name not in {"TMUX", "NO_COLOR"}}
        variables |= {"CORTEX_URL": url, "LC_ALL": "C.UTF-8", "SHELL": "/bin/sh"}
        size = ["-x", str(width), "-y", str(height)]
        self._tmux("-f", "/dev/null", "new-session", "-d", *size, command, env=variables)

    def press(self, *keys):
        self._tmux("send-keys", *keys)

    def resize(self, width, height):
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    @property
    def lines(self):
        return self._tmux("capture-pane", "-p").splitlines()

    @property
    def modes(self):
        """Whether the other screen is on, and whether the cursor is shown."""
        return self._tmux("display-message", "-p", "#{alternate_on} #{cursor_flag}").split()

    def until(self, pattern, within_s=BOUND_S):
        """Wait until a line matches; a screen tells nobody that it has changed."""
        end = time.monotonic() + within_s
        while True:
            lines = self.lines
            if any(re.search(pattern, line) for line in lines):
                return lines
            assert time.monotonic() < end, "\n".join([f"no {pattern!r} on", *lines])
            time.sleep(0.05)

    def close(self):
        subprocess.run(["tmux", "-L", self._socket, "kill-server"], check=False, capture_output=True)

    def _tmux(self, *arguments, **more):
        command = ["tmux", "-u", "-L", self._socket, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=BOUND_S, **more).stdout


@pytest.fixture
def terminal():
    """Opens terminals; in each the command runs, then how it ended and how the terminal is then is said."""
    opened = []

    def open_one(url, width=100, height=30, command=f"{TOP}; echo ended $?; stty -a; exec cat"):
        opened.append(Terminal(url, width, height, command))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


@pytest.fixture
def scripted(daemon):
    daemon.answers["GET /cortex/v1/snapshot"] = says(snapshot(worker_row("desk"), worker_row("rack", state="resting")))
    return daemon


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_worker_that_is_drained_shows_within_two_seconds(demo, cortex, terminal, width, height):
    top = terminal(demo, width, height)
    lines = top.until(r"│ └ cloud/1 +● ready")
    assert re.match(r"Córtex \S+  ● healthy  up .* live \d\d:\d\d:\d\d$", lines[0])
    assert re.match(r"\d\S* req/s   p50 .* at no cost   0 of 7 in flight", lines[1])
    assert any(line.startswith("▸ root") for line in lines)
    assert lines[height - 1].startswith("Enter detail")

    cortex("drain", "rack", "--url", demo)
    lines = top.until(r"│ ├ rack +◐ draining", within_s=2)
    cortex("resume", "rack", "--url", demo)

    assert any("was asked to drain" in line for line in lines)
    top.until(r"│ ├ rack +● ready", within_s=2)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_keys_do_what_the_help_says(demo, terminal, width, height):
    top = terminal(demo, width, height)
    top.until("▸ root")

    top.press("j")
    top.until("▸ ├ ledger")
    top.press("Down", "Up", "k")
    top.until("▸ root")
    top.press("/")
    top.press("d", "e", "s", "k")
    top.until("^/desk_")
    top.press("Enter", "Enter")
    top.until(r"● ready  desk  ollama \S+ at http")
    top.press("Escape")
    top.until(r"only 'desk'")
    top.press("Escape")
    top.until(r"^  root")
    top.press("n")
    top.until("s sort: name")
    top.press("?")
    top.until("select an actor")
    top.press("x")
    top.until("▸ ")
    top.press("q")

    top.until("ended 0")


def test_a_held_picture_does_not_change_until_it_is_let_go(scripted, terminal):
    top = terminal(scripted.url)
    top.until(r"desk +● ready")
    top.press("p")
    top.until("paused at")

    asked = len(scripted.asked)
    scripted.answers["GET /cortex/v1/snapshot"] = says(snapshot(worker_row("desk", state="open")))
    end = time.monotonic() + BOUND_S
    while len(scripted.asked) < asked + 2:
        assert time.monotonic() < end
        assert not any("▲ open" in line for line in top.lines)

    top.press("p")
    top.until(r"desk +▲ open")


def test_of_a_held_picture_an_actor_can_be_looked_at(scripted, terminal):
    whole = {**worker("desk"), "models": [], "mailbox": 0, "url": "http://desk:11434"}
    scripted.answers["GET /cortex/v1/workers/desk"] = says(whole)
    top = terminal(scripted.url)
    top.until(LIVE)

    top.press("p", "j", "j", "j", "Enter")

    lines = top.until("ollama at http://desk:11434")
    assert "paused at" in lines[0]


def test_a_new_size_is_followed(scripted, terminal):
    top = terminal(scripted.url, 100, 30)
    top.until(r"^Enter detail")

    top.resize(50, 12)
    lines = top.until(r"^\$0.0123 saved")
    assert lines[11].startswith("Enter detail")
    assert all(len(line) <= 50 for line in lines)

    top.resize(120, 35)
    assert top.until(r"░{6} 0/1")[34].startswith("Enter detail")


def test_a_daemon_that_is_gone_is_told_and_found_again(terminal):
    with ScriptedDaemon() as before:
        before.answers["GET /cortex/v1/snapshot"] = says(snapshot(worker_row("desk")))
        top = terminal(before.url)
        top.until(LIVE)
    top.until(r"no answer since [3-9] s")
    assert top.until("trying again")[29].startswith("▲ trying again: no Córtex at")
    assert any(re.search(r"desk +● ready", line) for line in top.lines)

    with ScriptedDaemon(before.port) as again:
        again.answers["GET /cortex/v1/snapshot"] = says(snapshot(worker_row("rack")))
        lines = top.until(r"rack +● ready")
        assert re.search(LIVE, lines[0])
        top.press("q")
        top.until("ended 0")


def test_a_daemon_that_hangs_leaves_the_keys_alive(scripted, terminal):
    top = terminal(scripted.url)
    top.until(LIVE)
    scripted.answers["GET /cortex/v1/snapshot"] = lambda _: scripted.let_go.wait(BOUND_S)
    top.until(r"no answer since [3-9] s")

    top.press("j")
    top.until("▸ ├ telemetry", within_s=1)
    top.press("q")

    top.until("ended 0")


@pytest.mark.parametrize(
    ("ends", "code"), [("q", 0), ("C-c", 0), ("TERM", 143), ("HUP", 129)], ids=["q", "ctrl-c", "sigterm", "sighup"]
)
def test_the_terminal_is_given_back_whatever_happens(scripted, terminal, tmp_path, ends, code):
    pid = tmp_path / "pid"
    command = f"trap : INT; sh -c 'echo $$ > {pid}; exec {TOP}'; echo ended $?; stty -a; exec cat"
    top = terminal(scripted.url, command=command)
    top.until(LIVE)
    assert top.modes == ["1", "0"]

    if ends.isupper():
        subprocess.run(["kill", f"-{ends}", pid.read_text().strip()], check=True)
    else:
        top.press(ends)

    lines = top.until(f"ended {code}")
    top.until(r" icanon| -icanon")
    said = " ".join(top.lines)
    assert " icanon" in said
    assert " echo " in said
    assert top.modes == ["0", "1"]
    assert not any("Traceback" in line for line in lines)


def test_a_failure_of_its_own_gives_the_terminal_back_too(terminal, daemon):
    """What no daemon sends: rows that are none. The stack trace is for whoever reports it."""
    daemon.answers["GET /cortex/v1/snapshot"] = says({**snapshot(), "order": 7})
    top = terminal(daemon.url)

    top.until("ended 1")
    top.until(" icanon")
    assert top.modes == ["0", "1"]


def test_ctrl_z_gives_the_terminal_back_and_fg_takes_it_again(scripted, terminal):
    top = terminal(scripted.url, command="exec bash --norc --noprofile -i")
    top.press(TOP, "Enter")
    top.until(LIVE)

    top.press("C-z")
    top.until("Stopped")
    assert top.modes == ["0", "1"]

    top.press("fg", "Enter")
    top.until(LIVE)
    assert top.modes == ["1", "0"]
    top.press("q")
    top.press("echo ended $?", "Enter")
    top.until("^ended 0")
