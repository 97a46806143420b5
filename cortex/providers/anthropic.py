"""The provider for Anthropic's Messages API. Pure.

Clients of the same dialect pass: thoughts with their signatures, marks for the prompt cache, files and Anthropic's own tools
reach it as they came, and its events go back untouched. All others are translated. The parts: `anthropic_request` and
`anthropic_messages` write, `anthropic_answer` and `anthropic_stream` read, `anthropic_passing` looks at what passes,
`anthropic_models` knows the models, `anthropic_errors` classifies, `anthropic_limits` reads limits. The worker's base URL is
`https://api.anthropic.com`, without a version. The preset sends `anthropic-version: 2023-06-01`, since the version of
21 Oct 2026 refuses temperature, top_p and top_k for every model.
"""

from collections.abc import Mapping

from cortex.chat import Ask, Chat, Delta, Need, Vectors
from cortex.messages import Allowance, Failure, Request
from cortex.providers.anthropic_answer import Reader, read_whole
from cortex.providers.anthropic_errors import classified_of
from cortex.providers.anthropic_limits import header_allowances
from cortex.providers.anthropic_models import findings_of, normal_name
from cortex.providers.anthropic_passing import passed
from cortex.providers.anthropic_request import written
from cortex.providers.anthropic_stream import StreamPassage
from cortex.providers.base import Decoder, Findings, Passage, Whole, Wire
from cortex.providers.sse_decoder import EventDecoder

_PATH = "/v1/messages"


class Anthropic:
    """Translates to and from Anthropic's API."""

    name = "anthropic"
    dialect = "anthropic"
    key_header = ("x-api-key", "")
    tells_limits = True
    texts_at_once = 1
    only_passes: frozenset[Need] = frozenset({"custom_tools", "files"})
    lacks: frozenset[Need] = frozenset(
        {
            "audio",
            "embeddings",
            "json_object",  # JSON is bound to a schema or not at all
            "legacy_completion",
            "local_sampling",
            "logit_bias",
            "logprobs",
            "n",
            "raw_prompt",
            "token_inputs",
        }
    )
    """Not among them are files and custom tools: Anthropic's own pass. Those of another dialect have no neutral form, and
    that dialect refuses to make one."""

    def normal_name(self, name: str) -> str:
        """Return `name` without the date that the list of models puts behind some."""
        return normal_name(name)

    def passes(self, request: Request) -> bool:
        """Tell whether a request is in this dialect and for an answer; counting tokens is Córtex's own affair."""
        return request.dialect == "anthropic" and request.operation == "chat"

    def encode(self, request: Request, ask: Ask | None, model: str) -> Wire:
        """Write `ask` for `model`; without one the client's bytes go on."""
        if ask is None:
            return Wire(_PATH, passed(request.body, model))
        assert isinstance(ask, Chat), f"{request!r} is for embeddings"  # noqa: S101  which it lacks
        return Wire(_PATH, written(ask, model))

    def vectors(self, request: Request, body: bytes) -> Vectors | Failure:
        """Return a failure: Anthropic makes no vectors."""
        del request, body  # part of the protocol
        return Failure("unsupported", "Anthropic has no embeddings")

    def decode(self, request: Request, body: bytes) -> list[Delta] | Failure:
        """Read a whole answer."""
        read = read_whole(body, request.id)
        return read if isinstance(read, Failure) else read[0]

    def decoder(self, request: Request) -> Decoder:
        """Make the decoder of one streamed answer."""
        return EventDecoder(Reader(request.id), "message_stop")

    def passage(self, request: Request) -> Passage:
        """Make the watcher of one streamed answer to a client of the Anthropic dialect."""
        return StreamPassage(request.id)

    def whole(self, request: Request, body: bytes) -> Whole | Failure:
        """Check a whole answer: it has blocks and says why it ended."""
        read = read_whole(body, request.id)
        return read if isinstance(read, Failure) else Whole(body, read[1])

    def classify(self, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        """Read an HTTP error."""
        return classified_of(status, headers, body)

    def allowances(self, headers: Mapping[str, str]) -> tuple[Allowance, ...]:
        """Read what the headers of a good answer say of this key's quota."""
        return header_allowances(headers)

    def probes(self) -> Mapping[str, str]:
        """Return the list of models, all on one page."""
        return {"models": "/v1/models?limit=1000"}

    def findings(self, answers: Mapping[str, bytes]) -> Findings | Failure:
        """Read the list of models."""
        return findings_of(answers["models"]) if "models" in answers else Findings()

    def warm(self, model: str) -> Wire | None:
        """Return None: nothing has to be loaded."""
        del model  # part of the protocol
        return None
