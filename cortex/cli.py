"""The command line: one function a verb. Data goes to stdout, talk to stderr.

Nothing heavy is imported at the top: `cortex status` has to answer in a fraction of the time that aiohttp alone takes to
import, so what a verb needs it imports itself.
"""

import os
import sys
from typing import Any

import click

EXIT_GOOD, EXIT_NOT, EXIT_WRONG_USE, EXIT_NOT_RUNNING = 0, 1, 2, 3
CONFIG_DEFAULT = "supervision.toml"

_config = click.option("--config", "config", default=None, help="Settings file  [default: $CORTEX_CONFIG or supervision.toml]")
_env_file = click.option("--env-file", default=".env", show_default=True, help="File of environment variables.")
_url = click.option("--url", default=None, help="Where the daemon is  [default: $CORTEX_URL, or what the settings say]")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cortex", prog_name="cortex")
def cli() -> None:
    """Córtex: one supervised endpoint in front of your Ollama machines and your free API keys."""


@cli.command()
@_config
@_env_file
@click.option("--demo", is_flag=True, help="Run three simulated upstreams beside it: nothing else is needed.")
def run(config: str | None, env_file: str, demo: bool) -> None:  # noqa: FBT001  click passes flags so
    """Run the daemon."""
    from cortex import daemon

    sys.exit(daemon.main(_config_of(config), env_file, demo=demo))


def main() -> Any:
    """Run the command line; the console script."""
    return cli()


def _config_of(config: str | None) -> str:
    return config or os.environ.get("CORTEX_CONFIG") or CONFIG_DEFAULT
