"""The table of metrics in docs/telemetry.md, from the code: `.venv/bin/python tests/telemetry/metric_table.py` writes it anew."""

from pathlib import Path

from cortex.endpoint.gauges import gauges
from cortex.telemetry.metrics import Counter, Histogram, Metrics

PAGE = Path(__file__).parents[2] / "docs" / "telemetry.md"
BEGIN, END = "<!-- the table, by tests/telemetry/metric_table.py -->\n", "<!-- the end of the table -->\n"


def families():
    """Return every metric of our own, in the order of /metrics."""
    made = [each for each in vars(Metrics()).values() if isinstance(each, Counter | Histogram)]
    nothing = dict.fromkeys(("board", "names", "current", "answers", "intensity", "stories", "told"))
    return made + gauges(**nothing)


def table():
    """Return the table as Markdown."""
    rows = ["| metric | kind | labels | what |", "| --- | --- | --- | --- |"]
    for each in families():
        name = f"{each.name}_total" if each.kind == "counter" else each.name
        labels = ", ".join(f"`{label}`" for label in each.labels)
        rows.append(f"| `{name}` | {each.kind} | {labels} | {each.about} |")
    return "\n".join(rows) + "\n"


def with_table(page):
    """Return the page with the table as it is now."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + table() + END + after


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text()))
