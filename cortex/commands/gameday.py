"""`cortex gameday`: the fault wall against simulated upstreams with your own settings; a scorecard."""

import asyncio
import contextlib
import json
import logging
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import click
import structlog

from cortex.commands.columns import Cell, aligned
from cortex.commands.figures import plural
from cortex.commands.marks import BAD, IDLE, OK
from cortex.commands.options import config_of, config_option, env_file_option
from cortex.commands.trouble import EXIT_GOOD, EXIT_NOT, Trouble
from cortex.config import sources
from cortex.config.sources import Sources, Texts


@click.command(epilog="Ends with 0 when every fault passed, 1 when one did not.")
@config_option
@env_file_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--page", type=click.Path(path_type=Path), help="Write the scorecard as a page to this file.")
@click.option("--markdown", type=click.Path(path_type=Path), help="Write the scorecard as a table to this file.")
@click.argument("names", nargs=-1)
def gameday(
    names: tuple[str, ...],
    config: str | None,
    env_file: str,
    page: Path | None,
    markdown: Path | None,
    *,
    as_json: bool,
) -> None:
    """Break everything once, in a sandbox; a scorecard.

    A Córtex of its own runs with your [routing], [breaker], [streams] and [supervision] in front of simulated
    upstreams that fail in every known way. Your workers, keys and daemon are not touched. With NAMES, only faults whose
    name contains one of them. With the default settings it takes about a minute.
    """
    from cortex.gameday import card, wall  # noqa: PLC0415  the whole daemon is behind it
    from cortex.gameday.arena import TAKEN  # noqa: PLC0415  as above

    tables = _tables(Sources(Path(config_of(config)), Path(env_file), dict(os.environ)), TAKEN)
    trials = tuple(trial for trial in wall.WALL if not names or any(name in trial.name for name in names))
    if not trials:
        raise Trouble(f"no fault is named so; there are: {', '.join(trial.name for trial in wall.WALL)}")
    with _hushed():
        results = asyncio.run(_run(tables, trials, show=not as_json))
    if page is not None:
        page.write_text(card.as_page(results, f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"), "utf-8")
    if markdown is not None:
        markdown.write_text(card.as_markdown(results), "utf-8")
    if as_json:
        click.echo(json.dumps(card.as_object(results)))
    else:
        click.echo(f"{card.passed(results)} of {len(results)} passed")
    sys.exit(EXIT_GOOD if card.passed(results) == len(results) else EXIT_NOT)


async def _run(tables: Any, trials: Any, *, show: bool) -> list[Any]:
    from cortex.gameday import wall  # noqa: PLC0415  as above

    width = max(len(trial.name) for trial in trials)
    results = []
    async for result in wall.run(tables, trials):
        results.append(result)
        if show:
            for line in _lines(result, width):
                click.echo(line)
    return results


def _lines(result: Any, width: int) -> list[str]:
    mark = Cell("● passed", OK) if result.passed else Cell("✕ failed", BAD)
    attempts = "" if result.attempts is None else plural(result.attempts, "attempt")
    rows = [
        [
            mark,
            Cell(result.name.ljust(width)),
            Cell(f"{result.seconds:5.1f} s"),
            Cell(attempts.rjust(11)),
            Cell(result.saw, IDLE),
        ]
    ]
    return aligned(rows) + [f"    expected {each}: not so" for each in result.missed]


def _tables(files: Sources, taken: tuple[str, ...]) -> Mapping[str, Mapping[str, object]]:
    """Return the sections of the user's file that hold in the sandbox. Raises Trouble for a file with mistakes."""
    texts = sources.read(files)
    problems = texts if isinstance(texts, list) else sources.settings(texts, files)
    if isinstance(problems, list):
        raise Trouble("\n".join(str(problem) for problem in problems))
    assert isinstance(texts, Texts)  # noqa: S101  else there were problems
    document = tomllib.loads(texts.config or "")
    return {name: document[name] for name in taken if name in document}


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """Let the sandboxes log nothing: their trouble is on command."""
    before = structlog.get_config()
    structlog.configure(processors=[_dropped])
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
        structlog.configure(**before)


def _dropped(*_: object) -> NoReturn:
    raise structlog.DropEvent
