"""Anthropic's messages as neutral ones: every call has its answer behind it, every answer its call."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from cortex.chat import Image, Message, Text, ToolCall
from cortex.endpoint.anthropic import Anthropic
from cortex.endpoint.anthropic_turns import STRAY, UNANSWERED

DIALECT = Anthropic(now=lambda: 0.0)
PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
IMAGE = Image(media_type="image/png", data="aGk=")
LONG = "mcp__server__" + "x" * 80


def text(words):
    return {"type": "text", "text": words}


def use(call_id="c1", name="look", **given):
    return {"type": "tool_use", "id": call_id, "name": name, "input": given}


def result(call_id="c1", content="42", **fields):
    return {"type": "tool_result", "tool_use_id": call_id, "content": content, **fields}


def user(*blocks):
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks):
    return {"role": "assistant", "content": list(blocks)}


def messages(*turns):
    body = {"model": "m", "max_tokens": 9, "messages": list(turns)}
    return DIALECT.neutral(DIALECT.read("chat", json.dumps(body).encode())).messages


def called(*ids, said=(), name="look"):
    return Message("assistant", tuple(map(Text, said)), tool_calls=tuple(ToolCall(one, name, "{}") for one in ids))


def answered(call_id="c1", *words, name="look"):
    return Message("tool", tuple(map(Text, words)), tool_call_id=call_id, name=name)


def says(*parts):
    return Message("user", parts)


class TestWords:
    def test_content_is_a_string_or_blocks(self):
        assert messages({"role": "user", "content": "Hi"}) == messages(user(text("Hi"))) == (says(Text("Hi")),)

    def test_empty_text_is_left_out(self):
        assert messages(user(text(""), text("a"), text(""))) == (says(Text("a")),)
        assert messages({"role": "user", "content": ""}) == (says(),)

    def test_messages_of_one_role_in_a_row_stay_as_they_are(self):
        turns = [user(text("a")), user(text("b")), assistant(text("c")), assistant(text("d"))]

        assert [message.parts[0].text for message in messages(*turns)] == ["a", "b", "c", "d"]

    def test_instructions_stand_where_they_came(self):
        turns = messages(user(text("a")), {"role": "system", "content": [text("Be brief")]}, user(text("b")))

        assert turns[1] == Message("system", (Text("Be brief"),))

    def test_the_beginning_of_an_answer_is_the_last_message(self):
        assert messages(user(text("a")), {"role": "assistant", "content": "The"})[1] == Message(
            "assistant", (Text("The"),)
        )

    def test_images_are_bytes_or_an_address(self):
        address = {"type": "image", "source": {"type": "url", "url": "https://example.org/cat.png"}}

        assert messages(user(PNG, address)) == (says(IMAGE, Image(url="https://example.org/cat.png")),)


class TestDocuments:
    def test_a_text_stands_under_its_title(self):
        source = {"type": "text", "media_type": "text/plain", "data": "Once"}
        document = {"type": "document", "source": source, "title": "A tale", "context": "by nobody"}

        assert messages(user(document)) == (says(Text("A tale"), Text("by nobody"), Text("Once")),)

    def test_a_document_may_come_in_parts(self):
        parts = {"type": "document", "source": {"type": "content", "content": [text("Once"), PNG]}}
        plain = {"type": "document", "source": {"type": "content", "content": "Once"}}

        assert messages(user(parts, plain)) == (says(Text("Once"), IMAGE, Text("Once")),)

    def test_a_search_result_names_its_source(self):
        found = {"type": "search_result", "source": "http://a", "title": "A", "content": [text("x"), text("y")]}

        assert messages(user(found)) == (says(Text("A"), Text("http://a"), Text("x"), Text("y")),)


class TestThinking:
    def test_thinking_comes_back_as_reasoning(self):
        blocks = [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "thinking", "thinking": "", "signature": "s"},
            {"type": "redacted_thinking", "data": "x"},
            {"type": "thinking", "thinking": "aha"},
            text("Yes"),
        ]

        assert messages(assistant(*blocks)) == (Message("assistant", (Text("Yes"),), reasoning="hm\n\naha"),)


class TestTools:
    def test_a_call_and_its_answer(self):
        assert messages(assistant(text("Let me see"), use(city="Graz")), user(result())) == (
            Message("assistant", (Text("Let me see"),), tool_calls=(ToolCall("c1", "look", '{"city":"Graz"}'),)),
            answered("c1", "42"),
        )

    def test_answers_come_before_the_rest_whatever_their_order(self):
        turns = messages(assistant(use("c1"), use("c2")), user(text("and?"), result("c2", "b"), result("c1", "a")))

        assert turns == (called("c1", "c2"), answered("c2", "b"), answered("c1", "a"), says(Text("and?")))

    def test_an_answer_may_be_empty_or_in_blocks(self):
        nothing, blocks = result("c1", None), result("c2", [text("a"), text(""), text("b")])
        turns = messages(assistant(use("c1"), use("c2")), user(nothing, blocks))

        assert turns[1:] == (answered("c1"), answered("c2", "a", "b"))

    def test_images_in_answers_follow_behind_all_of_them(self):
        shown = result("c1", [text("a screen"), PNG])
        turns = messages(assistant(use("c1"), use("c2", name="other")), user(shown, result("c2"), text("so?")))

        assert turns[1:] == (
            answered("c1", "a screen"),
            answered("c2", "42", name="other"),
            says(Text("In the result of look:"), IMAGE),
            says(Text("so?")),
        )

    def test_a_failure_is_told_in_words(self):
        turns = messages(
            assistant(use("c1"), use("c2"), use("c3")),
            user(
                result("c1", "no such file", is_error=True),
                result("c2", None, is_error=True),
                result("c3", is_error=False),
            ),
        )

        assert turns[1:] == (answered("c1", "Error: no such file"), answered("c2", "Error:"), answered("c3", "42"))

    def test_documents_and_references_in_an_answer_are_text(self):
        document = {"type": "document", "source": {"type": "text", "data": "Once"}}
        reference = {"type": "tool_reference", "tool_name": "Slack"}
        turns = messages(assistant(use()), user(result(content=[document, reference])))

        assert turns[1] == answered("c1", "Once", "Slack")

    def test_long_names_are_short_in_calls_and_answers_alike(self):
        call, answer = messages(assistant(use(name=LONG)), user(result()))

        assert call.tool_calls[0].name == answer.name
        assert len(answer.name) == 64

    def test_an_id_that_was_changed_for_the_client_is_the_upstreams_again(self):
        changed = "toolu_b64_ZnVuY3Rpb25zLmY6MA"
        call, answer = messages(assistant(use(changed)), user(result(changed)))

        assert call.tool_calls[0].id == answer.tool_call_id == "functions.f:0"


class TestRepairs:
    def test_a_call_that_nobody_answered_gets_an_answer_that_says_so(self):
        turns = messages(assistant(use("c1"), use("c2")), user(result("c2", "b"), text("go on")))

        assert turns == (called("c1", "c2"), answered("c2", "b"), answered("c1", UNANSWERED), says(Text("go on")))

    def test_a_call_at_the_end_is_answered_too(self):
        assert messages(user(text("a")), assistant(use()))[1:] == (called("c1"), answered("c1", UNANSWERED))

    def test_an_answer_that_nobody_asked_for_becomes_words_of_the_user(self):
        assert messages(user(result("c9", "42"), text("so?"))) == (says(Text(STRAY), Text("42"), Text("so?")),)

    def test_a_second_answer_to_one_call_becomes_words_of_the_user(self):
        turns = messages(assistant(use()), user(result(content="a"), result(content="b")))

        assert turns[1:] == (answered("c1", "a"), says(Text(STRAY), Text("b")))

    def test_an_answer_that_comes_a_turn_late_is_not_lost(self):
        turns = messages(assistant(use()), user(text("wait")), assistant(text("ok")), user(result()))

        assert turns[1:3] == (answered("c1", UNANSWERED), says(Text("wait")))
        assert turns[-1] == says(Text(STRAY), Text("42"))

    def test_answers_in_several_messages_stand_together(self):
        turns = messages(assistant(use("c1"), use("c2")), user(result("c1", "a"), text("x")), user(result("c2", "b")))

        assert turns[1:] == (answered("c1", "a"), answered("c2", "b"), says(Text("x")))

    def test_calls_in_several_messages_are_one_turn(self):
        thought = {"type": "thinking", "thinking": "hm"}
        turns = messages(
            assistant(thought, text("a"), use("c1")), assistant(text("b"), use("c2")), user(result("c1"), result("c2"))
        )

        assert turns[0].reasoning == "hm"
        assert turns == (
            Message("assistant", (Text("a"), Text("b")), "hm", called("c1", "c2").tool_calls),
            answered("c1", "42"),
            answered("c2", "42"),
        )

    def test_two_calls_with_one_id_have_two_answers(self):
        turns = messages(assistant(use(), use()), user(result(content="a"), result(content="b")))

        assert turns == (called("c1", "c1"), answered("c1", "a"), answered("c1", "b"))

    def test_instructions_between_a_call_and_its_answer_wait(self):
        turns = messages(assistant(use()), {"role": "system", "content": "Be brief"}, user(result(), text("so?")))

        assert turns[1:] == (answered("c1", "42"), Message("system", (Text("Be brief"),)), says(Text("so?")))

    def test_instructions_that_wait_for_an_answer_that_never_comes_are_kept(self):
        turns = messages(assistant(use()), {"role": "system", "content": "Be brief"})

        assert turns[1:] == (answered("c1", UNANSWERED), Message("system", (Text("Be brief"),)))


ids = st.sampled_from(["c1", "c2", "c3"])
words = st.text("ab", max_size=2)
user_blocks = st.builds(text, words) | st.just(PNG) | st.builds(result, ids, words | st.just([PNG]))
assistant_blocks = st.builds(text, words) | st.builds(use, ids)
conversations = st.lists(
    st.builds(lambda blocks: user(*blocks), st.lists(user_blocks, max_size=4))
    | st.builds(lambda blocks: assistant(*blocks), st.lists(assistant_blocks, max_size=4))
    | st.just({"role": "system", "content": "s"}),
    min_size=1,
    max_size=8,
)


def texts_sent(turns):
    for turn in turns:
        for block in turn["content"] if isinstance(turn["content"], list) else [text(turn["content"])]:
            content = block.get("text") or block.get("content") or []
            yield from [content] if isinstance(content, str) and content else []


@settings(deadline=None)
@given(turns=conversations)
def test_every_call_is_answered_at_once_and_nothing_else_is(turns):
    waiting = []
    for message in messages(*turns):
        if message.role == "tool":
            waiting.remove(message.tool_call_id)
        else:
            assert not waiting, "something came between a call and its answer"
            waiting = [call.id for call in message.tool_calls]
    assert not waiting


@settings(deadline=None)
@given(turns=conversations)
def test_no_word_and_no_image_is_lost(turns):
    given_ = json.dumps(turns)
    parts = [part for message in messages(*turns) for part in message.parts]
    told = [part.text for part in parts if isinstance(part, Text)]

    assert given_.count('"image/png"') == sum(isinstance(part, Image) for part in parts)
    for words_ in texts_sent(turns):
        told.remove(words_)
