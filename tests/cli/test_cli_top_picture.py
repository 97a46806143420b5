"""The screen of `cortex top`, drawn."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_daemon import snapshot, worker, worker_row

from cortex.commands.top_picture import Moment, Size, draw, frame
from cortex.commands.top_view import View

NOW = 1_700_000_065.0
WORKERS = [worker_row(f"w{number}", slots=2, in_flight=number % 3) for number in range(30)]
EVENTS = [{"at": NOW - 9, "level": "error", "event": "key retired", "worker": "desk", "why": "401"}]


def view_of(picture, *keys):
    view = View()
    for key in keys:
        view.press(key, view.settle(picture))
    view.settle(picture)
    return view


def lines(picture, *keys, width=100, height=30, moment=None):
    drawn = draw(picture, view_of(picture, *keys), Size(width, height), moment or Moment(NOW))
    return [line.plain.rstrip() for line in drawn]


def styles(picture, text, *keys):
    """The styles that lie on the first such text on the screen."""
    for line in draw(picture, view_of(picture, *keys), Size(100, 30), Moment(NOW)):
        if text in line.plain:
            place = line.plain.index(text)
            spans = [str(span.style) for span in line.spans if span.start <= place < span.end]
            return " ".join([str(line.style), *spans])
    raise AssertionError(text)


@given(
    width=st.integers(1, 200),
    height=st.integers(1, 60),
    keys=st.lists(st.sampled_from(["down", "end", "enter", "escape", "?", "/", "s", "p", "w", "1", "page down"])),
    count=st.integers(0, 30),
)
def test_it_has_as_many_lines_as_the_screen_and_none_is_wider(width, height, keys, count):
    picture = snapshot(*WORKERS[:count], events=EVENTS * 20, problems=["supervision.toml:3: mistake"] * (count % 2))
    whole = {**worker("w1"), "models": [], "mailbox": 0}

    drawn = draw(picture, view_of(picture, *keys), Size(width, height), Moment(NOW, actor=whole))

    assert len(drawn) == height
    assert all(line.cell_len <= width and "\n" not in line.plain for line in drawn)


@given(steps=st.integers(0, 40), height=st.integers(9, 60), sort=st.sampled_from("tnelrx"))
def test_the_selected_row_is_always_in_sight(steps, height, sort):
    drawn = lines(snapshot(*WORKERS, events=EVENTS * 20), sort, *["j"] * steps, height=height)

    assert sum(line.startswith("▸ ") for line in drawn) == 1


def test_wide_names_and_whys_take_their_room_and_no_more():
    picture = snapshot(worker_row("机器" * 30, state="open", why="坏" * 90), worker_row("a\nb\x1b[2J"))

    drawn = draw(picture, view_of(picture), Size(80, 24), Moment(NOW))

    assert all(line.cell_len <= 80 and "\x1b" not in line.plain for line in drawn)


def test_the_figures_of_the_page_come_first_each_beside_its_limit():
    drawn = lines(snapshot(), width=80, height=24)

    assert drawn[0].startswith("Córtex 0.1.0  ● healthy  up 1 min 5 s")
    assert drawn[1] == "0.40 req/s   p50 310 ms, p95 1.25 s   93.4 % at no cost   2 of 16 in flight"
    assert drawn[2] == "0 waiting   7 failovers, 0 seen   1 of 3 restarts in 5 s   $0.0123 saved"


def test_a_row_tells_state_slots_mailbox_first_token_speed_restarts_and_why():
    desk = worker_row(
        "desk", state="resting", slots=4, in_flight=3, mailbox=2, first_token_s=0.31, per_s=1.5, restarts=2, why="429"
    )

    row = next(line for line in lines(snapshot(desk), width=80, height=24) if "desk" in line)

    assert row.split() == ["│", "└", "desk", "◐", "resting", "3/4", "2/10k", "310", "ms", "1.50", "2", "429"]


def test_what_a_ready_worker_has_in_memory_stands_where_why_would():
    rows = lines(snapshot(worker_row("desk", state="busy", why="1 of 1 slots busy", loaded=["qwen3:4b"])))

    row = next(line for line in rows if "desk" in line)
    assert row.endswith("loaded: qwen3:4b")
    assert "slots busy" not in row


@pytest.mark.parametrize(("facts", "text"), [({"slots": 10, "in_flight": 9}, "9/10"), ({"mailbox": 9_000}, "9000/10k")])
def test_above_85_percent_of_a_limit_is_red(facts, text):
    assert "red" in styles(snapshot(worker_row("desk", **facts)), text)
    calm = {name: value // 2 if name != "slots" else value for name, value in facts.items()}
    text = f"{calm['in_flight']}/10" if "slots" in calm else "4500/10k"
    assert "red" not in styles(snapshot(worker_row("desk", **calm)), text)


def test_restarts_near_the_intensity_and_slots_of_all_are_red():
    assert "red" in styles(snapshot(restarts=3), "3 of 3 restarts")
    assert "red" in styles(snapshot(in_flight=15), "15 of 16 in flight")
    assert "red" not in styles(snapshot(in_flight=13), "13 of 16 in flight")


def test_the_last_events_stand_below():
    drawn = lines(snapshot(worker_row("desk"), events=EVENTS))

    assert drawn[-3] == "what happened"
    assert drawn[-2].endswith("▲ desk key retired  401")


def test_a_picture_that_is_old_never_looks_as_if_it_were_not():
    assert "live " in lines(snapshot())[0]
    assert lines(snapshot(), moment=Moment(NOW, silent_s=3.2))[0].endswith("no answer since 3 s")
    gone = lines(snapshot(), moment=Moment(NOW, silent_s=0.2, trouble="no Córtex at http://x"))
    assert gone[0].endswith("no answer since 1 s")
    assert gone[-1] == "▲ trying again: no Córtex at http://x"


def test_a_held_picture_says_so():
    assert "paused at " in lines(snapshot(), "p", moment=Moment(NOW, silent_s=60))[0]


def test_mistakes_in_the_settings_are_told_above_the_tree():
    drawn = lines(snapshot(problems=["supervision.toml:3: mistake", "another"]))

    assert drawn[3] == "▲ 2 mistakes in the settings, the old ones stay in force: supervision.toml:3: mistake"


def test_the_detail_is_what_status_shows_and_what_happened_to_it():
    whole = {**worker("desk"), "url": "http://desk:11434", "models": [], "mailbox": 0, "requests": ["r-7"]}
    picture = snapshot(worker_row("desk"), events=[*EVENTS, {"at": NOW, "event": "x", "worker": "rack"}])

    drawn = lines(picture, *"jjj", "enter", moment=Moment(NOW, actor=whole))

    assert "● ready  desk  ollama at http://desk:11434" in drawn
    assert "running    r-7" in drawn
    assert any(line.endswith("desk key retired  401") for line in drawn)
    assert not any("rack" in line for line in drawn)


def test_another_actor_has_its_detail_without_a_question_to_the_daemon():
    assert "mailbox    0" in lines(snapshot(), "j", "enter")


def test_a_worker_that_is_not_answered_for_yet_or_is_gone_says_so():
    picture = snapshot(worker_row("desk"))
    view = view_of(picture, *"jjj", "enter")

    asking = draw(picture, view, Size(80, 24), Moment(NOW, actor=worker("rack")))
    gone = draw(snapshot(), view, Size(80, 24), Moment(NOW))

    assert any("asking for desk" in line.plain for line in asking)
    assert any("there is no actor desk now" in line.plain for line in gone)


def test_where_a_filter_finds_nobody_it_says_so():
    drawn = lines(snapshot(), "/", *"nobody")

    assert "no actor has this in its name or state" in drawn
    assert drawn[-1].startswith("/nobody_")


def test_a_daemon_that_sends_less_is_shown_with_dashes():
    picture = {"rows": {"root": {"name": "root", "state": "running"}}, "order": ["root"], "summary": {}}

    drawn = lines(picture | {"at": NOW})

    assert drawn[1].startswith("- req/s   p50 -, p95 -   - at no cost   - of - in flight")


def test_without_a_terminal_everything_is_there_at_once():
    drawn = frame(snapshot(*WORKERS, events=EVENTS * 20), NOW)

    assert sum("● ready" in line for line in drawn) == 30
    assert sum("key retired" in line for line in drawn) == 10
    assert not any("▸" in line or "\x1b" in line for line in drawn)
