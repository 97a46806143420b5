"""A conversation: history, interruptions, errors, and who answered."""

import pytest
from scripted_daemon import delta, refuses, says, streams, usage

from cortex.commands.client import Client, Stream
from cortex.commands.talk import Conversation, talk
from cortex.commands.trouble import Refused
from cortex.commands.where import Where

PATH = "POST /v1/chat/completions"
WHO = {"X_Cortex_Worker": "desk", "X_Cortex_Model": "qwen3:4b", "X_Cortex_Why": "warm"}
HELLO = streams(delta("Hel"), delta("lo"), delta(finish="stop"), usage(3), **WHO)


@pytest.fixture
def conversation(daemon):
    daemon.answers[PATH] = HELLO
    return Conversation(Client(Where(daemon.url)), "fast")


def typed(*lines):
    """Return what reads like a terminal on which these lines are typed, or these exceptions raised."""
    left = iter((*lines, EOFError))

    def read():
        line = next(left)
        if isinstance(line, str):
            return line
        raise line

    return read


def questions(daemon):
    return [asked.body["messages"][-1]["content"] for asked in daemon.asked]


def test_the_answer_goes_to_stdout_and_who_gave_it_to_stderr(conversation, capsys):
    assert conversation.ask("Hi")

    out, err = capsys.readouterr()
    assert out == "Hello\n"
    assert err.startswith("desk, qwen3:4b (warm)  first token 0.")
    assert err.count("\n") == 1


def test_the_request_streams_and_asks_for_the_count(conversation, daemon):
    conversation.ask("Hi")

    assert daemon.asked[0].body == {
        "model": "fast",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_the_history_is_sent_along(conversation, daemon):
    conversation.ask("Hi")
    conversation.ask("And you?")

    assert daemon.asked[1].body["messages"] == [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "And you?"},
    ]


def test_thoughts_and_comments_go_to_stderr_on_lines_of_their_own(conversation, daemon, capsys):
    daemon.answers[PATH] = streams(
        delta(thought="Let me"), delta(thought=" see."), delta("Yes"), delta(finish="stop"), comment="waiting", **WHO
    )

    conversation.ask("Hi")

    out, err = capsys.readouterr()
    assert out == "Yes\n"
    assert err.splitlines()[:2] == ["waiting", "Let me see."]


def test_who_answered_is_asked_again_when_the_headers_went_out_before_it_was_known(conversation, daemon, capsys):
    daemon.answers[PATH] = streams(delta("Yes"), delta(finish="stop"), X_Cortex_Request="r-1")
    daemon.answers["GET /cortex/v1/requests/r-1"] = says({"worker": "rack", "model": "qwen3:32b", "why": "has to load"})

    conversation.ask("Hi")

    assert capsys.readouterr().err.startswith("rack, qwen3:32b (has to load)")


def test_when_nobody_can_say_who_answered_the_answer_counts_all_the_same(conversation, daemon, capsys):
    daemon.answers[PATH] = streams(delta("Yes"), delta(finish="stop"))

    assert conversation.ask("Hi")
    assert capsys.readouterr().err.startswith("?, qwen3:4b  first token")


@pytest.mark.parametrize(
    ("finish", "said"), [("length", "cut at the most tokens"), ("content_filter", "content_filter")]
)
def test_an_end_that_is_none_of_the_models_own_is_told(conversation, daemon, capsys, finish, said):
    daemon.answers[PATH] = streams(delta("Yes"), delta(finish=finish), **WHO)

    conversation.ask("Hi")

    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (refuses(404, "model 'fast' not found"), "model 'fast' not found"),
        (streams(delta("Hel"), {"error": {"message": "desk broke off"}}, done=False), "desk broke off"),
        (streams(delta("Hel"), done=False), "the answer broke off"),
    ],
)
def test_without_a_whole_answer_there_is_trouble_and_no_history(conversation, daemon, answer, message):
    daemon.answers[PATH] = answer

    with pytest.raises(Refused, match=message):
        conversation.ask("Hi")
    assert conversation.messages == []


def test_an_answer_that_was_begun_ends_its_line_before_the_trouble(conversation, daemon, capsys):
    daemon.answers[PATH] = streams(delta("Hel"), done=False)

    with pytest.raises(Refused):
        conversation.ask("Hi")
    assert capsys.readouterr().out == "Hel\n"


def test_an_interrupted_answer_is_kept_as_far_as_it_came(conversation, monkeypatch, capsys):
    def interrupted(_):
        yield 'data: {"choices": [{"delta": {"content": "Hel"}}]}'
        raise KeyboardInterrupt

    monkeypatch.setattr(Stream, "lines", interrupted)

    assert not conversation.ask("Hi")
    assert conversation.messages[-1] == {"role": "assistant", "content": "Hel"}
    assert capsys.readouterr().err == "stopped\n"


@pytest.mark.parametrize("end", ["/quit", EOFError])
def test_a_conversation_ends_when_it_is_told_to(conversation, daemon, end):
    talk(conversation, typed("Hi", end, "never asked"))

    assert questions(daemon) == ["Hi"]


def test_nothing_is_asked_for_an_empty_line(conversation, daemon):
    talk(conversation, typed("", "   ", "Hi"))

    assert questions(daemon) == ["Hi"]


def test_trouble_ends_no_conversation(conversation, daemon, capsys):
    daemon.answers[PATH] = refuses(503, "nobody is there")

    talk(conversation, typed("Hi", "Hello?"))

    assert questions(daemon) == ["Hi", "Hello?"]
    assert capsys.readouterr().err.count("cortex: nobody is there\n") == 2


def test_one_interrupt_at_the_prompt_is_a_hint_and_two_are_the_end(conversation, daemon, capsys):
    talk(conversation, typed(KeyboardInterrupt, "Hi", KeyboardInterrupt, KeyboardInterrupt, "never asked"))

    assert questions(daemon) == ["Hi"]
    assert capsys.readouterr().err.count("Ctrl-C once more") == 2


def test_an_interrupted_answer_and_one_more_interrupt_are_the_end(conversation, monkeypatch):
    asked = []

    def stopped(question):
        asked.append(question)
        return False

    monkeypatch.setattr(conversation, "ask", stopped)
    talk(conversation, typed("Hi", KeyboardInterrupt, "never asked"))

    assert asked == ["Hi"]
