"""`cortex run`: the daemon itself, in this process."""

import sys

import click

from cortex.commands.options import CONFIG_DEFAULT, config_of, config_option, env_file_option


@click.command(
    epilog="Ends with 0 after SIGTERM or Ctrl-C, 1 when the port cannot be had, 2 for settings with mistakes."
)
@config_option
@env_file_option
@click.option("--demo", is_flag=True, help="Run three simulated upstreams beside it: nothing else is needed.")
def run(config: str | None, env_file: str, *, demo: bool) -> None:
    """Run the daemon. An edit of its settings is applied while it runs."""
    from cortex import daemon  # noqa: PLC0415  it takes 0.3 s, and no other verb needs it

    if demo and config:
        click.echo(f"cortex: --demo has settings of its own; {config} is not read", err=True)
    sys.exit(daemon.main(CONFIG_DEFAULT if demo else config_of(config), env_file, demo=demo))
