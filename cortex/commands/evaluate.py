"""`cortex evaluate`: what another strategy would have brought, answered from the log of decisions. It needs no daemon."""

import json
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from cortex.commands.columns import Cell, aligned
from cortex.commands.marks import IDLE, WARN
from cortex.commands.trouble import Trouble, WrongUse
from cortex.routing.decisions import Decision, latest, read
from cortex.routing.evaluation import Estimate, Evaluation, strategies
from cortex.routing.evaluation import evaluate as estimated

FOLDER = ".cortex/decisions"

MOST_DECISIONS = 100_000
"""The newest that are looked at: some 300 MB of memory."""

_HEADINGS = ("strategy", "decisions", "agree", "worth", "as logged", "doubly robust", "self-normalised", "IPS", "")


class Log(NamedTuple):
    """What was read."""

    decisions: list[Decision]
    damaged: int
    """Lines that were no decision."""


@click.command(
    epilog="Ends with 0 when there is an answer, 1 when the log is missing or too small, 2 for a wrong name."
)
@click.argument("strategy", required=False)
@click.option("--log", "folder", metavar="FOLDER", default=FOLDER, show_default=True, help="Folder of the log.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def evaluate(strategy: str | None, folder: str, *, as_json: bool) -> None:
    """Say what reward STRATEGY would have had, had it decided.

    Without STRATEGY, all of which the log says what they would have taken. Each value is a mean reward from 0 to 1, with
    the interval that holds the truth 19 times of 20.
    """
    log = read_log(Path(folder))
    known = strategies(log.decisions)
    if not known:
        raise Trouble(f"{folder}: too small: {_counted(log)}, none with what another strategy would have taken")
    if strategy is not None and strategy not in known:
        raise WrongUse(f"{folder}: says nothing of '{strategy}', only of {', '.join(known)}")
    results = [estimated(log.decisions, name) for name in ([strategy] if strategy else known)]
    if not any(result.is_enough for result in results):
        nearest = max(results, key=lambda result: result.effective)
        raise Trouble(f"{folder}: too small: {_counted(log)}; {nearest.strategy}: {nearest.words}")
    if as_json:
        click.echo(json.dumps(_object(folder, log, results)))
        return
    for line in table(results):
        click.echo(line)
    click.echo(f"cortex: {folder}: {_counted(log)}", err=True)


def read_log(folder: Path, most: int = MOST_DECISIONS) -> Log:
    """Return the newest `most` decisions, the oldest of them first. Raises Trouble where there is no log to read."""
    try:
        files = sorted(folder.glob("*.jsonl"), reverse=True) if folder.is_dir() else []
        if not files:
            raise Trouble(
                f'{folder}: no log of decisions; it is written while strategy = "learned", in the daemon\'s folder'
            )
        days: deque[Decision] = deque()
        damaged = 0
        for path in files:
            if len(days) >= most:
                break
            with path.open("rb") as lines:
                reading = read(lines)
                day = deque(reading, maxlen=most - len(days))
            damaged += reading.damaged
            days.extendleft(reversed(day))
    except OSError as error:
        raise Trouble(f"{error.filename or folder}: cannot be read: {error.strerror}") from error
    return Log(latest(days), damaged)


def table(results: Sequence[Evaluation]) -> list[str]:
    """Return the lines of a table, the most promising strategy first, those with too little to go by last."""
    order = sorted(results, key=lambda result: (not result.is_enough, -result.dr.value if result.dr else 0.0))
    return aligned([[Cell(heading, IDLE) for heading in _HEADINGS], *(list(_row(result)) for result in order)])


def _row(result: Evaluation) -> Iterator[Cell]:
    yield Cell(result.strategy, is_bold=True)
    yield Cell(str(result.decisions))
    yield Cell(str(result.agreeing))
    yield Cell(f"{result.effective:.0f}")
    for estimate in (result.logged, result.dr, result.snips, result.ips):
        yield Cell(_shown(estimate) if result.is_enough else "?")
    yield Cell(result.words, WARN)


def _shown(estimate: Estimate | None) -> str:
    return "?" if estimate is None else f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def _object(folder: str, log: Log, results: Sequence[Evaluation]) -> dict[str, Any]:
    return {
        "log": folder,
        "decisions": len(log.decisions),
        "damaged": log.damaged,
        "strategies": [{**_plain(result), "enough": result.is_enough} for result in results],
    }


def _plain(result: Evaluation) -> dict[str, Any]:
    return {name: value._asdict() if isinstance(value, Estimate) else value for name, value in result._asdict().items()}


def _counted(log: Log) -> str:
    count = len(log.decisions)
    damaged = f" ({log.damaged} damaged line{'' if log.damaged == 1 else 's'} left out)" if log.damaged else ""
    return f"{count} decision{'' if count == 1 else 's'}{damaged}"
