"""The screen of `cortex top`: a picture of the daemon and what somebody chose, in; lines of a given size, out. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from rich.text import Text

from cortex.commands.bars import is_tight, meter
from cortex.commands.figures import clock, count, percent, plural, rate, seconds, usd
from cortex.commands.happened import is_about, told
from cortex.commands.marks import BAD, IDLE, WARN, harmless, is_good, mark
from cortex.commands.sheet import sheet
from cortex.commands.top_view import SORT_KEYS, Row, View

Facts = Mapping[str, Any]
Lines = list[Text]

QUIET_S = 2.5
"""Without an answer for longer than this, the picture is old and says so."""
WIDE = 100
"""Columns from which on there is room for a bar a worker."""
_METER = 6
_GAP = "   "
_RIGHT = frozenset({"busy", "mailbox", "first", "req/s", "restarts"})

_NOT_SAID = dict.fromkeys(
    (
        *("requests_per_s", "p50_s", "p95_s", "free_share", "in_flight", "slots", "queue", "failovers"),
        *("failovers_seen", "restarts", "max_restarts", "max_seconds", "saved_usd", "problems"),
    )
)
"""The figures that an older daemon may not send."""

_HELP = [
    ("up down, j k", "select an actor; Page Up, Page Down, Home, End too"),
    ("Enter", "all that is known of it"),
    ("Esc", "back; in the tree: no filter any more"),
    ("s", "sort by the next: " + ", ".join(SORT_KEYS.values())),
    (" ".join(SORT_KEYS), "sort by that one at once, in the same order"),
    ("/", "show only actors with this in their name or state"),
    ("p", "hold the picture, and let it go on"),
    ("q", "leave"),
    ("", "red: more than 85 % of a limit is in use"),
    ("", "first: median time to the first token"),
]


class Size(NamedTuple):
    """Of the screen, in characters."""

    width: int
    height: int


class Moment(NamedTuple):
    """How things stand with the picture itself."""

    now: float
    """Seconds since 1970."""
    silent_s: float = 0.0
    """How old the last answer is."""
    trouble: str = ""
    """Why the last question had none; empty when it had."""
    actor: Facts | None = None
    """Whole, the worker that is looked at."""

    @property
    def is_stale(self) -> bool:
        """Whether the daemon does not answer."""
        return bool(self.trouble) or self.silent_s > QUIET_S


def draw(picture: Facts, view: View, size: Size, moment: Moment) -> Lines:
    """Return exactly as many lines as the screen has, none wider than it."""
    top = [_title(picture, view, size.width, moment), *_figures(picture["summary"], size.width)]
    room = max(0, size.height - len(top) - 1)
    if view.mode == "help":
        body = _help()
    else:
        body = (_detail if view.mode == "detail" else _tree)(picture, view, Size(size.width, room), moment)
    body += [Text()] * (room - len(body))
    lines = [*top, *body[:room]][: max(0, size.height - 1)]
    return [_cut(line, size.width) for line in [*lines, _foot(view, moment)]]


def frame(picture: Facts, now: float) -> list[str]:
    """Return one picture for where there is no terminal: everything, in plain text."""
    width, view = 120, View()
    top = [_title(picture, view, width, Moment(now)), *_figures(picture["summary"], width)]
    rows = _table(view.rows(picture), "", width)
    events = _events(picture.get("events", ()), now)[-10:]
    return [line.plain.rstrip() for line in [*top, Text(), *rows, Text(), *events]]


def _title(picture: Facts, view: View, width: int, moment: Moment) -> Text:
    summary = picture["summary"]
    state = mark(summary.get("status", "unknown"))
    left = Text(f"Córtex {picture.get('version', '?')}  ", "bold")
    left.append(state.text, state.colour)
    left.append(f"  up {seconds(summary.get('uptime_s'))}", "not bold")
    right = _freshness(picture, view, moment)
    left.truncate(max(0, width - right.cell_len - 1))
    return left + Text(" " * max(1, width - left.cell_len - right.cell_len)) + right


def _freshness(picture: Facts, view: View, moment: Moment) -> Text:
    """Say how old the picture is: what is old must never look as if it were not."""
    if view.is_paused:
        return Text(f"paused at {clock(picture['at'], moment.now)}", "bold yellow")
    if moment.is_stale:
        return Text(f"no answer since {max(1, round(moment.silent_s))} s", "bold red")
    return Text(f"live {clock(picture['at'], moment.now)}", "green")


def _figures(summary: Facts, width: int) -> Lines:
    """Return the same figures as the page has above its tree, each beside its limit, and the mistakes in the settings."""
    now = {**_NOT_SAID, **summary}
    restarts = f"{count(now['restarts'])} of {count(now['max_restarts'])} restarts in {seconds(now['max_seconds'])}"
    chips = [
        Text(f"{rate(now['requests_per_s'])} req/s"),
        Text(f"p50 {seconds(now['p50_s'])}, p95 {seconds(now['p95_s'])}"),
        Text(f"{percent(now['free_share'])} at no cost"),
        _limited(f"{count(now['in_flight'])} of {count(now['slots'])} in flight", now["in_flight"], now["slots"]),
        Text(f"{count(now['queue'])} waiting"),
        Text(f"{plural(now['failovers'], 'failover')}, {count(now['failovers_seen'])} seen"),
        _limited(restarts, now["restarts"], now["max_restarts"]),
        Text(f"{usd(now['saved_usd'])} saved"),
    ]
    lines = _flowing(chips, width)
    if problems := now["problems"]:
        wrong = f"▲ {plural(len(problems), 'mistake')} in the settings, the old ones stay in force: {problems[0]}"
        lines.append(Text(_plain(wrong), "bold red"))
    return lines


def _limited(text: str, used: float, limit: float) -> Text:
    return Text(text, "bold red" if is_tight(used, limit) else "")


def _flowing(chips: Iterable[Text], width: int) -> Lines:
    lines: Lines = []
    for chip in chips:
        if lines and lines[-1].cell_len + len(_GAP) + chip.cell_len <= width:
            lines[-1] += Text(_GAP) + chip
        else:
            lines.append(Text() + chip)
    return lines


def _tree(picture: Facts, view: View, size: Size, moment: Moment) -> Lines:
    """Return the table, as far as there is room with the selected row in it, and the last events below."""
    rows = view.rows(picture)
    last = _events(picture.get("events", ()), moment.now)
    below = min(len(last), size.height // 3) if size.height >= 9 else 0
    room = max(1, size.height - 1 - (below + 1 if below else 0))
    place = next((at for at, row in enumerate(rows) if row.facts["name"] == view.selected), 0)
    first = min(max(0, place - room + 2), max(0, len(rows) - room))  # from the top, while the selected row allows it
    table = _table(rows, view.selected, size.width)
    shown = [table[0], *table[1:][first : first + room]]
    if not rows:
        shown.append(Text("no actor has this in its name or state", IDLE))
    if below:
        shown += [Text()] * (room + 1 - len(shown))
        hidden = f", {first + 1} to {first + room} of {len(rows)} actors above" if len(rows) > room else ""
        shown += [Text(f"what happened{hidden}", IDLE), *last[-below:]]
    return shown


def _table(rows: Sequence[Row], selected: str, width: int) -> Lines:
    """Return headings and rows, each column as wide as it must be; why comes last and gets the rest."""
    cells = [_cells(row, is_wide=width >= WIDE) for row in rows]
    names = ["actor", "state", "busy", "mailbox", "first", "req/s", "restarts", "why"]
    widths = [max([len(name), *(each[at].cell_len for each in cells)]) for at, name in enumerate(names)]
    widths[0] = min(widths[0], max(12, width // 3))
    widths[-1] = 0
    head = _row([Text(name, IDLE) for name in names], names, widths)
    lines = [Text("  ") + head]
    for row, each in zip(rows, cells, strict=True):
        is_selected = row.facts["name"] == selected
        line = Text("▸ " if is_selected else "  ") + _row(each, names, widths)
        if is_selected:
            line.pad_right(max(0, width - line.cell_len))
            line.stylize("reverse")
        lines.append(line)
    return lines


def _row(cells: Sequence[Text], names: Sequence[str], widths: Sequence[int]) -> Text:
    line = Text()
    for cell, name, width in zip(cells, names, widths, strict=True):
        text = cell.copy()
        if width:
            text.truncate(width)
            text.align("right" if name in _RIGHT else "left", width)
        line += text + Text("  " if width else "")
    return line


def _cells(row: Row, *, is_wide: bool) -> list[Text]:
    facts = row.facts
    state = mark(facts["state"])
    restarts = facts.get("restarts") or 0
    return [
        Text(_plain(f"{row.branch}{facts['name']}")),
        Text(state.text, state.colour),
        _busy(facts, is_wide=is_wide),
        _mailbox(facts),
        Text(seconds(facts["first_token_s"]) if facts.get("first_token_s") is not None else ""),
        Text(rate(facts["per_s"]) if "per_s" in facts else ""),
        Text(count(restarts), WARN if restarts else ""),
        Text(_why(facts), IDLE),
    ]


def _busy(facts: Facts, *, is_wide: bool) -> Text:
    slots, used = facts.get("slots"), facts.get("in_flight", 0)
    if not slots:
        return Text()
    bar = f"{meter(used / slots, _METER)} " if is_wide else ""
    return _limited(f"{bar}{used}/{slots}", used, slots)


def _mailbox(facts: Facts) -> Text:
    waiting, limit = facts.get("mailbox"), facts.get("mailbox_limit")
    if waiting is None:
        return Text()
    return _limited(f"{waiting}/{_short(limit)}" if limit else str(waiting), waiting, limit or 0)


def _short(limit: int) -> str:
    return f"{limit // 1000}k" if limit % 1000 == 0 else str(limit)


def _why(facts: Facts) -> str:
    """Say why a worker is not ready; of one that is, what it has in memory ("1 of 1 slots busy" has its own column)."""
    if not is_good(facts["state"]) and facts.get("why"):
        return _plain(facts["why"])
    loaded = ", ".join(facts.get("loaded", ()))
    return _plain(f"loaded: {loaded}") if loaded else ""


def _events(events: Iterable[Facts], now: float) -> Lines:
    lines = []
    for event in events:
        said = told(event)
        line = Text(f"{clock(event.get('at'), now):8} ")
        line.append(f"{said.glyph} ", said.colour)
        line.append(_plain(f"{said.actor} {said.text}".strip()))
        line.append(_plain(f"  {said.more}") if said.more else "", IDLE)
        lines.append(line)
    return lines


def _detail(picture: Facts, view: View, size: Size, moment: Moment) -> Lines:
    """Return one actor as `cortex status NAME` shows it, and what happened to it."""
    name = view.selected
    row = picture["rows"].get(name)
    if row is None:
        return [Text(f"there is no actor {_plain(name)} now", WARN)]
    whole = moment.actor if moment.actor and moment.actor.get("name") == name else None
    if whole is None and "slots" in row:
        return [Text(f"asking for {_plain(name)}", IDLE)]
    lines = [Text(), *(Text.from_ansi(line) for line in sheet(whole or row))]
    events = _events((event for event in picture.get("events", ()) if is_about(event, name)), moment.now)
    lines += [Text(), Text("what happened to it", IDLE), *(events[::-1] or [Text("nothing of late", IDLE)])]
    first = min(view.scroll, max(0, len(lines) - size.height))
    return lines[first : first + size.height]


def _help() -> Lines:
    return [Text(), *(Text(f"  {key:14}", "bold") + Text(does, "not bold") for key, does in _HELP)]


def _foot(view: View, moment: Moment) -> Text:
    if view.mode == "filter":
        return Text(f"/{view.filter}_   Enter keeps it, Esc drops it", "bold")
    if moment.trouble and not view.is_paused:
        return Text(_plain(f"▲ trying again: {moment.trouble}"), BAD)
    if view.mode == "help":
        return Text("any key: back", IDLE)
    if view.mode == "detail":
        return Text("Esc back   j k scroll   p pause   ? help   q quit", IDLE)
    only = f" only {view.filter!r} (Esc: all)" if view.filter else ""
    return Text(f"Enter detail   s sort: {view.sort}   / filter{only}   p pause   ? help   q quit", IDLE)


def _plain(text: str) -> str:
    return harmless(text).replace("\n", " ").replace("\t", " ")


def _cut(line: Text, width: int) -> Text:
    line = line.copy()
    line.truncate(width)
    line.no_wrap = True
    return line
