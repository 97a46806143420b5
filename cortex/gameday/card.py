"""The scorecard: as an object, as lines, as Markdown and as a page. Pure."""

import html
from collections.abc import Sequence
from typing import Any

import msgspec

from cortex.gameday.trial import Result

STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color-scheme:light dark}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;"
    "border-bottom:1px solid #8884}th{font-weight:600}.ok{color:light-dark(#006d62,#8cfae0)}"
    ".bad{color:light-dark(#6d0009,#e96c6b);font-weight:600}small{opacity:.75}"
)


def passed(results: Sequence[Result]) -> int:
    """Return how many passed."""
    return sum(result.passed for result in results)


def as_object(results: Sequence[Result]) -> dict[str, Any]:
    """Return it for programs."""
    return {
        "passed": passed(results),
        "failed": len(results) - passed(results),
        "faults": [msgspec.to_builtins(result) for result in results],
    }


def as_markdown(results: Sequence[Result]) -> str:
    """Return it as a table for a document; times are left out, since they differ from run to run."""
    rows = ["| fault | what happens | what is expected | passed |", "| --- | --- | --- | --- |"]
    rows += [
        f"| {result.name} | {result.happens} | {result.expected} | {'yes' if result.passed else '**no**'} |"
        for result in results
    ]
    return "\n".join(rows) + "\n"


def as_page(results: Sequence[Result], when: str) -> str:
    """Return it as a page that needs nothing else."""
    rows = "".join(_row(result) for result in results)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Córtex: gameday</title><style>{STYLE}</style><h1>Gameday</h1>"
        f"<p>{passed(results)} of {len(results)} faults passed, {html.escape(when)}.</p>"
        "<table><thead><tr><th>fault<th>what happens<th>expected<th>seen<th>attempts<th>seconds</tr></thead>"
        f"<tbody>{rows}</tbody></table></html>\n"
    )


def _row(result: Result) -> str:
    mark = '<span class="ok">● passed</span>' if result.passed else '<span class="bad">✕ failed</span>'
    missed = "".join(f"<br><small>not so: {html.escape(each)}</small>" for each in result.missed)
    attempts = "" if result.attempts is None else str(result.attempts)
    cells = (result.happens, result.expected, result.saw)
    return (
        f"<tr><td>{html.escape(result.name)}<br>{mark}"
        + "".join(f"<td>{html.escape(cell)}" for cell in cells[:2])
        + f"<td>{html.escape(result.saw)}{missed}<td>{attempts}<td>{result.seconds:.1f}</tr>"
    )
