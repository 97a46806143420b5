"""The settings as the rest of Córtex reads them: frozen, checked, complete. Pure.

Durations are seconds (`_s`), sizes are bytes (`_bytes`), whatever unit the file had. The defaults here are the only
ones. The structs that hold a mapping are not hashable; all compare by value, which is what `diff` lives on.
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field, structs

from cortex.config.rules import Rule
from cortex.config.secret import Secret

OWN_PLAN = "own"
"""Of `telemetry.saved_against`."""

Restarts = Literal["one_for_one", "one_for_all", "rest_for_one"]
Bucket = Literal["per-key", "shared"]


class Server(Struct, frozen=True, kw_only=True):
    """The endpoint that clients talk to."""

    host: str = "127.0.0.1"
    """A name or an address; beyond loopback only with `api_keys`."""
    port: int = 4747
    """0 takes any free port."""
    api_keys: tuple[Secret, ...] = ()
    """What clients must present, any one of them; none: no key is asked for."""
    admin_keys: tuple[Secret, ...] = ()
    """What actions and edits need instead, any one of them; they open everything else too. None: clients may do all."""
    shutdown_grace_s: float = 30.0
    """How long running answers may go on after SIGTERM."""
    max_body_bytes: int = 32_000_000
    max_clients: int = 2000
    """Open requests; beyond it 503 at once."""

    @property
    def keys(self) -> tuple[Secret, ...]:
        """Return every key that lets a client in; none: no key is asked for."""
        return (*self.api_keys, *self.admin_keys) if self.api_keys else ()


class Tls(Struct, frozen=True, kw_only=True):
    """Whom Córtex believes that an upstream is who it says."""

    ca: str = ""
    """A file of certificates in PEM, of authorities that are trusted beside the system's; empty: none.

    In the file it is relative to the folder of the settings; here it is a path that can be opened.
    """


class Supervision(Struct, frozen=True, kw_only=True):
    """The root supervisor's way with crashes."""

    strategy: Restarts = "one_for_one"
    max_restarts: int = 3
    """More than these within `max_seconds` and the supervisor gives up."""
    max_seconds: float = 5.0


class Routing(Struct, frozen=True, kw_only=True):
    """Who gets a request, and how long anything may take."""

    strategy: str = "local_first"
    """One of `plugins.strategy_names()`."""
    deadline_s: float = 300.0
    """One budget for a request, all its attempts included."""
    max_attempts: int = 6
    queue: int = 256
    """Requests waiting for a free slot, all workers together; 0: none waits."""
    connect_timeout_s: float = 2.0
    first_token_timeout_s: float = 20.0
    """For a warm model; a cold one gets its learned load time on top."""
    stall_timeout_s: float = 30.0
    """Silence between two chunks."""
    on_refusal: Literal["answer", "next"] = "answer"
    """What a content filter's refusal is: the answer, or a reason to ask the next candidate."""
    on_too_long: Literal["larger", "answer"] = "larger"
    """What happens to a prompt that is too long for a model: a candidate with a larger context is asked, or the client told."""


class Streams(Struct, frozen=True, kw_only=True):
    """How answers are streamed, and what becomes of one that breaks off."""

    resume: bool = True
    """Have another attempt go on with an answer that broke off after its client had some of it."""
    hold_tools: bool = True
    """Hold tool calls, and answers bound to JSON, back until they are whole: one that breaks off is asked anew."""
    keepalive_s: float = 10.0
    """Silence after which a comment is sent to the client, where its dialect has comments."""
    first_token_timeout_s: float | None = None
    """In place of the routing section's."""
    stall_timeout_s: float | None = None
    """In place of the routing section's."""
    max_held_bytes: int = 4_000_000
    """Of one answer, as its upstream wrote it: what is longer is not held back, and not continued when it breaks off."""


class Breaker(Struct, frozen=True, kw_only=True):
    """When a worker's circuit breaker opens, and for how long."""

    failures: int = 5
    """Of the last `window` outcomes."""
    window: int = 20
    min_error_rate: float = 0.5
    """Between 0 and 1: below this share of the window even `failures` failures do not open it."""
    open_for_s: float = 10.0
    """Doubles with each failed trial, up to `open_for_max_s`."""
    open_for_max_s: float = 300.0


class Cache(Struct, frozen=True, kw_only=True):
    """Answers kept by prompt."""

    enabled: bool = True
    when: Literal["deterministic", "always"] = "deterministic"
    """`deterministic`: temperature 0 or a seed, and embeddings."""
    ttl_s: float = 3600.0
    ttls_s: Mapping[str, float] = {}
    """By model, as asked for or as it answered, in place of `ttl_s`."""
    memory_bytes: int = 64_000_000
    disk_bytes: int = 1_000_000_000
    path: str = ".cortex/cache"


class Smart(Struct, frozen=True, kw_only=True):
    """What the strategies that read the prompt go by, beside the built-in table of strengths."""

    rules: tuple[Rule, ...] = ()
    """The first that is about a prompt says which models come first."""
    strengths: Mapping[str, Mapping[str, float] | float] = {}
    """By a model's name or a pattern of names: one strength for all kinds of prompts, or strengths by kind; 0 to 1."""


class Ledger(Struct, frozen=True, kw_only=True):
    """What each key has used, on disk."""

    path: str = ".cortex/ledger"


class Health(Struct, frozen=True, kw_only=True):
    """The probes of each worker."""

    interval_s: float = 5.0
    timeout_s: float = 2.0


class Telemetry(Struct, frozen=True, kw_only=True):
    """What is told of what happens."""

    log: Literal["console", "json"] = "console"
    prompts: bool = False
    """Keep the text of prompts and answers."""
    saved_against: str = OWN_PLAN
    """The model that `saved_usd_total` compares with, by its name in the price book; `own`: each model's own paid plan."""
    stories_s: float = 86_400.0
    """How long it can be read what became of a request."""
    stories_bytes: int = 200_000_000
    """On disk, all together; the oldest go first."""
    traces: str = ""
    """Where OpenTelemetry spans go, as OTLP over HTTP (`http://127.0.0.1:4318`); empty: nowhere."""


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one key may use of one model, or of all; None is no limit known."""

    requests_per_second: int | None = None
    requests_per_minute: int | None = None
    requests_per_hour: int | None = None
    requests_per_day: int | None = None
    requests_per_month: int | None = None
    tokens_per_minute: int | None = None
    tokens_per_hour: int | None = None
    tokens_per_day: int | None = None
    tokens_per_month: int | None = None


class Plan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a provider counts what its keys use, as data; sizes here are those that it publishes."""

    scope: Literal["model", "key"] = "key"
    """What a limit is for, and what rests after a 429 that does not say: each model by itself, or the key as a whole."""
    zone: str = "UTC"
    """Where its days and months begin, as the time zone database names it."""
    refills: bool = False
    """Its windows are buckets that refill all the time; otherwise minutes roll, and days and months begin anew."""
    counts: Literal["all", "input"] = "all"
    """Which tokens its limits are of."""
    counts_cached: bool = True
    """Whether a cached part of the prompt counts too."""
    counts_allowed: bool = False
    """Whether the tokens that a client allows for its answer count, though fewer come."""
    limits: Mapping[str, Limits] = {}
    """For each model; names may hold `*`. The first that fits counts."""
    key_limits: Limits = Limits()
    """For all models of a key together."""


class Price(Struct, frozen=True, kw_only=True):
    """USD for a million tokens."""

    input: float
    output: float
    cached_input: float | None = None
    """Of the part of a prompt that the provider had cached; None: as `input`."""


class Preset(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of one provider: its entry in `presets.toml`."""

    speaks: str
    """Whose translation it takes: a name of `providers.catalogue.TRANSLATIONS`."""
    url: str = ""
    """The base of its API; empty: each worker has its own."""
    url_like: str = ""
    """Where `url` is empty: what one looks like, to show."""
    source: str
    """Where the facts come from."""
    date: str
    """When they were read."""
    note: str = ""
    env: tuple[str, ...] = ()
    """Variables whose keys make workers of their own."""
    needs_key: bool = True
    free: bool = False
    """Its keys cost nothing while inside their quota, unless the settings say otherwise."""
    slots: int = 4
    headers: Mapping[str, str] = {}
    """Sent with every request."""
    switches: Mapping[str, object] = {}
    """How it deviates from the OpenAI dialect; see `providers.openai_switches`."""
    plan: Plan = Plan()


class Worker(Struct, frozen=True, kw_only=True):
    """One actor: one Ollama instance, or one key of a pool."""

    name: str
    """`desk` for an instance or a single key, `gemini/1` or `groq/home` for one key of several."""
    pool: str
    """The name of its table; `ollama` for an instance that only the environment names."""
    provider: str
    """A name of `presets`."""
    speaks: str = ""
    """Whose translation it takes; empty: that of the same name."""
    url: str
    """The base that paths go below; no trailing slash, no query, no user name."""
    key: Secret | None = None
    slots: int = 1
    """Requests its upstream runs at once."""
    weight: float = 1
    """Its share where a strategy divides load; 0: only when no other is left."""
    num_ctx: int | None = None
    """Ollama: sent with every request, so that a model is never reloaded for another size."""
    keep_alive: str | None = None
    """Ollama: in its own (Go's) notation, so at most hours; `-1s` keeps a model for ever."""
    models: tuple[str, ...] = ()
    """What it may be asked for; empty: whatever its upstream lists."""
    free: bool = False
    """Costs nothing (while inside its quota). An Ollama instance does by default, and so do keys of the free plans."""
    bucket: Bucket = "per-key"
    """`shared`: the keys of this pool draw on one quota."""
    limits: Mapping[str, Limits] = {}
    """By model; `*` for each that has no entry of its own."""
    key_limits: Limits = Limits()
    """For all models of the key together."""
    plan: Plan = Plan()
    """How its provider counts; without the published sizes where the key is not on the free plan."""
    headers: Mapping[str, str] = {}
    """Sent with every request, beside the key."""
    hosted: bool = False
    """It is somebody's service, which wants a key, wherever its address leads."""
    switches: Mapping[str, object] = {}
    """How an upstream of the OpenAI dialect deviates from it."""
    cost_per_hour: float = 0.0
    """USD, of a machine of one's own while it answers: electricity, or rent."""
    first_token_timeout_s: float | None = None
    """In place of the routing section's, for a machine known to be slow."""


class Settings(Struct, frozen=True, kw_only=True):
    """Everything that was configured."""

    server: Server = field(default_factory=Server)
    tls: Tls = field(default_factory=Tls)
    supervision: Supervision = field(default_factory=Supervision)
    routing: Routing = field(default_factory=Routing)
    streams: Streams = field(default_factory=Streams)
    breaker: Breaker = field(default_factory=Breaker)
    cache: Cache = field(default_factory=Cache)
    smart: Smart = field(default_factory=Smart)
    ledger: Ledger = field(default_factory=Ledger)
    health: Health = field(default_factory=Health)
    telemetry: Telemetry = field(default_factory=Telemetry)
    workers: Mapping[str, Worker] = {}
    """By name, in the order of the file, those from the environment last."""
    models: Mapping[str, tuple[str, ...]] = {}
    """Names that clients may ask for, and what may answer them, best first."""
    prices: Mapping[str, Price] = {}
    """By model; these override the built-in price book."""
    notices: tuple[str, ...] = ()
    """Lines to log: what was found and is not used. Not part of what is configured: `diff` does not read them."""

    @property
    def timed(self) -> Routing:
        """Routing, with the time-outs that `streams` has instead."""
        first_s, stall_s = self.streams.first_token_timeout_s, self.streams.stall_timeout_s
        return structs.replace(
            self.routing,
            first_token_timeout_s=first_s or self.routing.first_token_timeout_s,
            stall_timeout_s=stall_s or self.routing.stall_timeout_s,
        )
