"""What may stand in supervision.toml: a table of keys for each section, and how a table is read by one. Pure.

A key's row says its kind and, where the file's name for it differs from the model's, the model's. Defaults and meanings
stand in `model`; a key that is not in the file keeps its default there. `tests/config` holds the two in step.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

from cortex.config import model
from cortex.config.addresses import is_loopback
from cortex.config.kinds import (
    Kind,
    boolean,
    choice,
    duration,
    host,
    integer,
    many,
    named,
    number,
    rule,
    secret,
    size,
    strategy,
    strength,
    text,
    url,
)
from cortex.config.problem import Place, Unusable, Variable, dotted, kind_of, nearest, shown

T = TypeVar("T")


class Field(NamedTuple):
    """One key."""

    kind: Kind[Any]
    to: str = ""
    """The model's name, where it is another."""
    required: bool = False


Fields = Mapping[str, Field]
Variables = Mapping[str, tuple[object, Variable]]
"""What the environment gives for keys that the file may leave out: a value and the variable it came from."""


class Reading(NamedTuple):
    """What a table held."""

    found: Mapping[str, Any]
    """By the model's names: only what was given, and could be used."""
    failed: frozenset[str]
    """Keys whose problems are reported, unknown and missing ones too."""
    given: Mapping[str, tuple[object, Place]]
    """Each key's value and place, as the file or a variable gave it."""


class Rule(NamedTuple):
    """What must hold between keys that are each right by themselves."""

    key: str
    """The one to report."""
    other: str
    holds: Callable[[Any], bool]
    """Asked with the section's struct."""
    expected: str


def read_fields(value: object, place: Place, fields: Fields, also: Variables = MappingProxyType({})) -> Reading:
    """Read a table by its rows, reporting every problem in it. Raises Unusable only when it is no table."""
    if not isinstance(value, dict):
        place.refuse("a table", kind_of(value))
    title = f"[{dotted(place.path)}]"
    found: dict[str, object] = {}
    failed: set[str] = set()
    given: dict[str, tuple[object, Place]] = {**also}
    given |= {key: (entry, place.into(key)) for key, entry in value.items()}
    for key, (entry, at) in given.items():
        field = fields.get(key)
        if field is None:
            at.add(f"a key of {title} ({', '.join(fields)})", "an unknown one", nearest(key, fields))
            failed.add(key)
            continue
        try:
            found[field.to or key] = field.kind(entry, at)
        except Unusable:
            failed.add(key)
    for key in [key for key, field in fields.items() if field.required and key not in value]:
        place.into(key).add(f"this key in {title}", "none")
        failed.add(key)
    return Reading(found, frozenset(failed), given)


class Section(NamedTuple, Generic[T]):
    """One section whose keys are fixed."""

    make: Callable[..., T]
    fields: Fields
    rules: tuple[Rule, ...] = ()

    def read(self, value: object, place: Place, also: Variables = MappingProxyType({})) -> T:
        """Read a table into its struct; what `also` gives stands where the file has nothing.

        Raises Unusable after every problem was reported.
        """
        reading = read_fields(value, place, self.fields, also)
        sound = not reading.failed
        made = self.make(**reading.found) if sound or self.rules else None
        for law in self.rules:
            if reading.failed.isdisjoint({law.key, law.other}) and not law.holds(made):
                found, at = reading.given.get(law.key, (None, place.into(law.key)))
                at.add(law.expected, "the default" if found is None else shown(found))
                sound = False
        if not sound or made is None:
            raise Unusable
        return made


def struct(section: Section[T]) -> Kind[T]:
    """Make the kind of a table that is one section's struct."""
    return section.read


SECTIONS: Mapping[str, Section[Any]] = {
    "server": Section(
        model.Server,
        {
            "host": Field(host),
            "port": Field(integer(0, 65_535)),
            "api_keys": Field(many(secret)),
            "admin_keys": Field(many(secret)),
            "shutdown_grace": Field(duration, "shutdown_grace_s"),
            "max_body": Field(size, "max_body_bytes"),
            "max_clients": Field(integer(1, 1_000_000)),
        },
        (
            Rule(
                "host",
                "api_keys",
                lambda it: bool(it.api_keys) or is_loopback(it.host),
                "a loopback address as long as nobody needs a key to come in; to bind beyond it,"
                ' set server.api_keys = ["$CORTEX_API_KEY"]',
            ),
            Rule(
                "admin_keys",
                "api_keys",
                lambda it: set(it.admin_keys).isdisjoint(it.api_keys),
                "keys that clients do not have, so none of server.api_keys",
            ),
        ),
    ),
    "tls": Section(model.Tls, {"ca": Field(text)}),
    "supervision": Section(
        model.Supervision,
        {
            "strategy": Field(choice("one_for_one", "one_for_all", "rest_for_one")),
            "max_restarts": Field(integer(0, 10_000)),
            "max_seconds": Field(number(0, 86_400, above=True)),
        },
    ),
    "routing": Section(
        model.Routing,
        {
            "strategy": Field(strategy),
            "deadline": Field(duration, "deadline_s"),
            "max_attempts": Field(integer(1, 100)),
            "queue": Field(integer(0, 1_000_000)),
            "connect_timeout": Field(duration, "connect_timeout_s"),
            "first_token_timeout": Field(duration, "first_token_timeout_s"),
            "stall_timeout": Field(duration, "stall_timeout_s"),
            "on_refusal": Field(choice("answer", "next")),
            "on_too_long": Field(choice("larger", "answer")),
        },
    ),
    "streams": Section(
        model.Streams,
        {
            "resume": Field(boolean),
            "hold_tools": Field(boolean),
            "keepalive": Field(duration, "keepalive_s"),
            "first_token_timeout": Field(duration, "first_token_timeout_s"),
            "stall_timeout": Field(duration, "stall_timeout_s"),
            "max_held": Field(size, "max_held_bytes"),
        },
    ),
    "breaker": Section(
        model.Breaker,
        {
            "failures": Field(integer(1, 10_000)),
            "window": Field(integer(1, 10_000)),
            "min_error_rate": Field(number(0, 1)),
            "open_for": Field(duration, "open_for_s"),
            "open_for_max": Field(duration, "open_for_max_s"),
        },
        (
            Rule("failures", "window", lambda it: it.failures <= it.window, "no more failures than breaker.window"),
            Rule(
                "open_for_max", "open_for", lambda it: it.open_for_s <= it.open_for_max_s, "at least breaker.open_for"
            ),
        ),
    ),
    "cache": Section(
        model.Cache,
        {
            "enabled": Field(boolean),
            "when": Field(choice("deterministic", "always")),
            "ttl": Field(duration, "ttl_s"),
            "ttls": Field(named(duration), "ttls_s"),
            "memory": Field(size, "memory_bytes"),
            "disk": Field(size, "disk_bytes"),
            "path": Field(text),
        },
    ),
    "smart": Section(model.Smart, {"rules": Field(many(rule)), "strengths": Field(named(strength))}),
    "ledger": Section(model.Ledger, {"path": Field(text)}),
    "health": Section(
        model.Health,
        {"interval": Field(duration, "interval_s"), "timeout": Field(duration, "timeout_s")},
    ),
    "telemetry": Section(
        model.Telemetry,
        {
            "log": Field(choice("console", "json")),
            "prompts": Field(boolean),
            "saved_against": Field(text),
            "stories": Field(duration, "stories_s"),
            "stories_size": Field(size, "stories_bytes"),
            "traces": Field(url),
        },
    ),
}
"""The sections with fixed keys, by name."""

_COUNT = integer(1, 10**12)
LIMITS: Section[model.Limits] = Section(
    model.Limits,
    {name: Field(_COUNT) for name in model.Limits.__struct_fields__},
)
PRICE: Section[model.Price] = Section(
    model.Price,
    {
        "input": Field(number(0, 1_000_000), required=True),
        "output": Field(number(0, 1_000_000), required=True),
        "cached_input": Field(number(0, 1_000_000)),
    },
)
