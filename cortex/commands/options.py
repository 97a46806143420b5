"""The options that several verbs have, and the names that a shell may complete."""

import os
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import click

from cortex.commands.client import Client
from cortex.commands.trouble import Trouble, WrongUse
from cortex.commands.where import find

CONFIG_DEFAULT = "supervision.toml"
COMPLETION_S = 0.3
"""For a daemon to connect, and again to answer, while somebody waits for a completion."""

P = ParamSpec("P")
R = TypeVar("R")

config_option = click.option(
    "--config", metavar="FILE", help=f"Settings file.  [default: $CORTEX_CONFIG or {CONFIG_DEFAULT}]"
)
env_file_option = click.option(
    "--env-file", metavar="FILE", default=".env", show_default=True, help="File of environment variables."
)
_url_option = click.option(
    "--url", metavar="URL", help="Where the daemon is.  [default: $CORTEX_URL, or where the settings have it listen]"
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the daemon's JSON object as it is.")


def config_of(given: str | None) -> str:
    """Return the settings file to read. Raises WrongUse for one that somebody named and that is not there."""
    named = given or os.environ.get("CORTEX_CONFIG")
    if named and not Path(named).exists():
        raise WrongUse(f"{named}: there is no such settings file")
    return named or CONFIG_DEFAULT


def with_client(verb: Callable[Concatenate[Client, P], R]) -> Callable[..., R]:
    """Give a verb the options that say where the daemon is, and call it with a client of that daemon."""

    @config_option
    @env_file_option
    @_url_option
    @wraps(verb)
    def asking(*args: P.args, **kwargs: P.kwargs) -> R:
        where = {name: kwargs.pop(name) for name in ("url", "config", "env_file")}
        return verb(_client(where), *args, **kwargs)

    return asking


def complete_worker(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Return the workers whose names begin so, if a daemon answers at once."""
    return _listed(context.params, "/cortex/v1/workers", "workers", "name", incomplete)


def complete_model(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Return the models whose names begin so, if a daemon answers at once."""
    return _listed(context.params, "/v1/models", "data", "id", incomplete)


def complete_request(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Return the last requests whose ids begin so, if a daemon answers at once."""
    return _listed(context.params, "/cortex/v1/requests", "requests", "id", incomplete)


def _listed(params: Mapping[str, Any], path: str, key: str, name: str, incomplete: str) -> list[str]:
    try:
        value = _client(params, connect_s=COMPLETION_S, answer_s=COMPLETION_S).get(path, key).value
    except Trouble:
        return []
    return [entry[name] for entry in value[key] if entry[name].startswith(incomplete)]


def _client(params: Mapping[str, Any], **bounds: float) -> Client:
    config = Path(params.get("config") or os.environ.get("CORTEX_CONFIG") or CONFIG_DEFAULT)
    where = find(params.get("url"), config, Path(params.get("env_file") or ".env"), os.environ)
    return Client(where, **bounds)
