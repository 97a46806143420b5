"""One stream across two dialects: nothing before content, no end that the upstream did not give."""

from hypothesis import given
from hypothesis import strategies as st

from cortex.chat import Finish, ReasoningDelta, TextDelta, ToolCall, Usage
from cortex.endpoint.flow import Translation, is_content
from cortex.messages import Failure

CUT = Failure("malformed", "the stream ended early")
CONTENT = [TextDelta("hi"), ReasoningDelta("hm"), ToolCall("call_1", "look", "{}"), Finish("stop")]
SILENT = [TextDelta(""), ReasoningDelta(""), Usage(input_tokens=1)]


class Script:
    """A decoder whose bytes are numbers: the n-th batch of a list."""

    def __init__(self, batches, last=()):
        self.batches, self.last, self.finished = batches, list(last), False

    def feed(self, data):
        batch = self.batches[data[0]]
        self.finished |= any(isinstance(item, Finish) for item in batch)
        return list(batch)

    def close(self):
        return self.last if self.last or self.finished else [CUT]


class Shown:
    """A renderer that writes its deltas as they print."""

    content_type = "text/plain"

    def render(self, deltas):
        return "".join(f"{delta!r}\n" for delta in deltas).encode()

    def close(self):
        return b"END\n"


def run(*batches):
    flow = Translation(Script(batches), Shown())
    out = []
    for number in range(len(batches)):
        out.append(flow.feed(bytes([number])))
        if flow.failure is not None:
            return flow, out
    out.append(flow.close())
    return flow, out


deltas = st.sampled_from([*CONTENT, *SILENT])


@given(batches=st.lists(st.lists(deltas, max_size=3), max_size=6))
def test_nothing_goes_out_before_content_and_then_everything_once_and_in_order(batches):
    flow, out = run(*batches)
    flat = [delta for batch in batches for delta in batch]
    first = next((number for number, batch in enumerate(batches) if any(map(is_content, batch))), None)

    assert flow.committed is (first is not None)
    assert not any(out[: len(batches) if first is None else first])
    if first is not None:
        assert b"".join(out).replace(b"END\n", b"") == Shown().render(flat)


@given(batches=st.lists(st.lists(deltas, max_size=3), max_size=6))
def test_the_end_is_written_exactly_where_the_upstream_finished(batches):
    flow, out = run(*batches)
    finished = any(isinstance(delta, Finish) for batch in batches for delta in batch)

    assert flow.finished is finished
    assert b"".join(out).endswith(b"END\n") is finished
    assert (flow.failure is None) is finished


@given(before=st.lists(deltas, max_size=3), after=st.lists(deltas, max_size=3))
def test_a_failure_ends_it_and_what_came_with_it_before_still_goes_out(before, after):
    flow, out = run([*before, CUT, *after])

    assert flow.failure == CUT
    assert out == [Shown().render(before) if any(map(is_content, before)) else b""]


@given(usages=st.lists(st.integers(0, 99).map(lambda count: Usage(output_tokens=count)), min_size=1, max_size=4))
def test_the_last_usage_is_what_counts(usages):
    flow, _ = run(usages, [Finish("stop")])

    assert flow.usage == usages[-1]


def test_an_answer_may_be_whole_and_empty():
    flow, out = run([Finish("stop")])

    assert flow.committed
    assert out[-1] == b"END\n"


def test_what_is_content_is_told_delta_by_delta():
    assert all(map(is_content, CONTENT))
    assert not any(map(is_content, SILENT))
