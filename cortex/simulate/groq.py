"""A simulated Groq: the OpenAI dialect at another place, with its own refusals, headers and buckets.

Sources: the SDK groq 1.7.0, console.groq.com/docs (Aug to Nov 2026). Not simulated: responses, audio, batches, files,
and the tools that groq/compound runs by itself. A bucket counts the prompt and the most tokens that were allowed for the
answer, or, where nothing bounds it, the answer as long as it will be.
"""

from typing import Any, ClassVar

from cortex.simulate.delivery import Received
from cortex.simulate.groq_check import check
from cortex.simulate.groq_refusal import GROQ_REFUSALS, groq_error, limit_reached
from cortex.simulate.groq_wire import GroqBody, GroqWriter, groq_headers, groq_model_entry
from cortex.simulate.model import SimulatedModel
from cortex.simulate.openai import SimulatedOpenAI
from cortex.simulate.openai_wire import AnswerWriter, ChatBody
from cortex.simulate.quota import Limit, Quota, Spent
from cortex.simulate.refusal import Refused, Table

MODELS = (
    SimulatedModel("openai/gpt-oss-120b", ("completion", "tools", "thinking"), context_length=131_072),
    SimulatedModel("openai/gpt-oss-20b", ("completion", "tools", "thinking"), context_length=131_072),
    SimulatedModel("qwen/qwen3.8-27b", ("completion", "tools", "thinking", "vision"), context_length=131_072),
)


def groq_quota(per_minute: int, per_day: int, tokens_per_minute: int, tokens_per_day: int) -> Quota:
    """Return what an organisation may ask of one model."""
    return Quota(
        limits=(
            Limit(per_minute, "minute_bucket"),
            Limit(per_day, "day_bucket"),
            Limit(tokens_per_minute, "minute_bucket", "tokens"),
            Limit(tokens_per_day, "day_bucket", "tokens"),
        )
    )


GROQ_FREE = groq_quota(30, 1_000, 8_000, 200_000)
"""The free plan for gpt-oss and qwen (console.groq.com/docs/rate-limits, 22 Aug 2026)."""


class SimulatedGroq(SimulatedOpenAI):
    """Groq, on a real port; its `keys` may name an organisation for each, which is what a quota belongs to."""

    dialect: ClassVar[str] = "groq"
    base: ClassVar[str] = "/openai/v1"
    generating = frozenset({"/openai/v1/chat/completions"})
    catalogue: ClassVar[tuple[SimulatedModel, ...]] = MODELS
    refusals: ClassVar[Table] = GROQ_REFUSALS
    chat_body: ClassVar[type[ChatBody]] = GroqBody
    answer_writer: ClassVar[type[AnswerWriter]] = GroqWriter

    def no_key(self, key: str) -> Refused:
        """Return the refusal of a wrong key, or of none."""
        return self.refusals["unauthorized"](key)

    def failed(self, status: int, message: str) -> Refused:
        """Return any other error in Groq's shape."""
        return groq_error(status, message, "internal_server_error" if status >= 500 else "invalid_request_error")

    def model_entry(self, model: SimulatedModel) -> dict[str, Any]:
        """Write a model as the list has it."""
        return groq_model_entry(model)

    def unknown_path(self, received: Received) -> Refused:
        """Return the refusal of a path that there is not, as `/completions`."""
        message = (
            f"Unknown request URL: {received.method} {received.path}. Please check the URL for typos, or see the docs"
        )
        return groq_error(404, f"{message} at https://console.groq.com/docs/", code="unknown_url")

    def check(self, received: Received, body: ChatBody, model: SimulatedModel) -> None:
        """Raise Refused for a chat that Groq does not take."""
        check(received.json)
        super().check(received, body, model)

    def spent(self, spent: Spent, model: str) -> Refused:
        """Return the 429 for a bucket that has no room, or the 413 for one that never will."""
        return limit_reached(spent, model)

    def headers(self, received: Received) -> dict[str, str]:
        """Return what comes with an answer."""
        return {"x-request-id": f"req_{self.served:08d}", **self.limit_headers(received)}

    def limit_headers(self, received: Received) -> dict[str, str]:
        """Return what an answer says of what is left."""
        return groq_headers(self.meter(received).left(self.now))
