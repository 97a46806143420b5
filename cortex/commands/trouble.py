"""What ends a command early, as a person is told it: one line on stderr, and the exit code that scripts look at."""

import sys
from typing import IO, Any

import click

from cortex.commands.marks import harmless

EXIT_GOOD, EXIT_NOT, EXIT_WRONG_USE, EXIT_NOT_RUNNING = 0, 1, 2, 3


class Trouble(click.ClickException):
    """Something is not as it should be."""

    exit_code = EXIT_NOT

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the line."""
        click.echo(f"cortex: {harmless(self.message)}", file=file or sys.stderr)


class WrongUse(Trouble):
    """What was asked for cannot be."""

    exit_code = EXIT_WRONG_USE


class NotRunning(Trouble):
    """No daemon is where it was looked for."""

    exit_code = EXIT_NOT_RUNNING

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            f"no Córtex at {url} ({reason}); start one with 'cortex run', or say where it is with --url or CORTEX_URL"
        )


class Refused(Trouble):
    """The daemon runs, and did not do what it was asked."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status
        """The HTTP status; 0 where no whole answer came."""
