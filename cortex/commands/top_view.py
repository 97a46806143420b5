"""What a person has chosen to see of the tree: selected, sorted, filtered, held. Pure: keys in, a new state out.

Theory of operation: an actor is selected by its name, so that the selection stays with it wherever a sort moves it. When it
goes, who comes to stand in its place is selected. What a key does depends on the mode only; each mode has its table.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

Facts = Mapping[str, Any]
Mode = Literal["tree", "detail", "filter", "help"]

SORTS = ("tree", "name", "state", "load", "requests/s", "restarts")
SORT_KEYS = {"t": "tree", "n": "name", "e": "state", "l": "load", "r": "requests/s", "x": "restarts"}
PAGE = 10
LONGEST_FILTER = 60

_STATES = (
    "unreachable",
    "open",
    "stopped",
    "retired",
    "resting",
    "half_open",
    "draining",
    "starting",
    "stopping",
    "busy",
)
"""The worst first; the others are well."""


class Row(NamedTuple):
    """One actor, where it is to be shown."""

    facts: Facts
    branch: str
    """What is drawn before its name."""


class View:
    """See the module's docstring."""

    def __init__(self) -> None:
        self.mode: Mode = "tree"
        self.sort = SORTS[0]
        self.filter = ""
        self.selected = ""
        self.is_paused = False
        self.has_ended = False
        self.scroll = 0
        """Lines of the detail that are above the first that is shown."""
        self._place = 0
        self._before_help: Mode = "tree"

    def __repr__(self) -> str:
        held = ", paused" if self.is_paused else ""
        return f"<View {self.mode} by {self.sort}, filter {self.filter!r}, {self.selected or 'nobody'} selected{held}>"

    def rows(self, picture: Facts) -> list[Row]:
        """Return who is shown, in order."""
        found = _found(picture, self.filter)
        if self.sort == "tree" and not self.filter:
            return [Row(facts, branch) for facts, branch in zip(found, _branches(found), strict=True)]
        return [Row(facts, "") for facts in sorted(found, key=_ORDERS[self.sort])]

    def settle(self, picture: Facts) -> list[str]:
        """Select somebody if nobody is, or if who was is not there; return the names that are shown."""
        names = [row.facts["name"] for row in self.rows(picture)]
        if self.mode not in {"tree", "filter"}:
            return names
        if self.selected not in names:
            self._place = min(self._place, max(0, len(names) - 1))
            self.selected = names[self._place] if names else ""
        else:
            self._place = names.index(self.selected)
        return names

    def press(self, key: str, names: Sequence[str]) -> None:
        """Do what a key means; `names` are those that are shown, in their order."""
        if self.mode == "filter":
            self._type(key)
        elif self.mode == "help":
            self.has_ended = key == "q"
            self.mode = self._before_help
        elif key in _ANYWHERE:
            _ANYWHERE[key](self)
        elif self.mode == "detail":
            self._read(key)
        else:
            self._choose(key, names)

    def _choose(self, key: str, names: Sequence[str]) -> None:
        if key in _STEPS and names:
            last = len(names) - 1
            place = names.index(self.selected) if self.selected in names else 0
            self._place = min(last, max(0, place + _STEPS[key]))
            self.selected = names[self._place]
        elif key == "enter" and self.selected in names:
            self.mode, self.scroll = "detail", 0
        elif key == "s":
            self.sort = SORTS[(SORTS.index(self.sort) + 1) % len(SORTS)]
        elif key in SORT_KEYS:
            self.sort = SORT_KEYS[key]
        elif key == "/":
            self.mode = "filter"
        elif key == "escape":
            self.filter = ""

    def _read(self, key: str) -> None:
        if key in _STEPS:
            self.scroll = max(0, self.scroll + _STEPS[key])
        elif key in {"escape", "enter", "backspace"}:
            self.mode = "tree"

    def _type(self, key: str) -> None:
        if key == "enter":
            self.mode = "tree"
        elif key == "escape":
            self.mode, self.filter = "tree", ""
        elif key == "backspace":
            self.filter = self.filter[:-1]
        elif len(key) == 1 and len(self.filter) < LONGEST_FILTER:
            self.filter += key

    def _end(self) -> None:
        self.has_ended = True

    def _pause(self) -> None:
        self.is_paused = not self.is_paused

    def _help(self) -> None:
        self._before_help, self.mode = self.mode, "help"


_ANYWHERE: Mapping[str, Callable[[View], None]] = {"q": View._end, "p": View._pause, "?": View._help}  # noqa: SLF001  its own table
_FAR = 1_000_000
_STEPS = {
    "up": -1,
    "k": -1,
    "down": 1,
    "j": 1,
    "page up": -PAGE,
    "page down": PAGE,
    "home": -_FAR,
    "g": -_FAR,
    "end": _FAR,
    "G": _FAR,
}


def load_of(facts: Facts) -> float:
    """Return how much of its slots, or of its mailbox, an actor has in use: the greater share."""
    slots, limit = facts.get("slots") or 0, facts.get("mailbox_limit") or 0
    busy = facts.get("in_flight", 0) / slots if slots else 0.0
    return max(busy, (facts.get("mailbox") or 0) / limit if limit else 0.0)


def _worst(facts: Facts) -> int:
    state = facts.get("state", "")
    return _STATES.index(state) if state in _STATES else len(_STATES)


_ORDERS: Mapping[str, Callable[[Facts], Any]] = {
    "tree": lambda _: 0,
    "name": lambda facts: facts["name"],
    "state": _worst,
    "load": lambda facts: -load_of(facts),
    "requests/s": lambda facts: -facts.get("per_s", -1.0),
    "restarts": lambda facts: -(facts.get("restarts") or 0),
}


def _found(picture: Facts, wanted: str) -> list[Facts]:
    rows, wanted = picture["rows"], wanted.lower()
    there = [rows[name] for name in picture["order"] if name in rows]
    return [facts for facts in there if wanted in f"{facts['name']} {facts.get('state', '')}".lower()]


def _branches(actors: Sequence[Facts]) -> list[str]:
    """Return what is drawn before each name; from below upwards, since only there is known who is the last."""
    branches: list[str] = []
    goes_on: set[int] = set()
    for facts in reversed(actors):
        depth = facts.get("depth", 0)
        lines = "".join("│ " if level in goes_on else "  " for level in range(1, depth))
        branches.append(lines + (("├ " if depth in goes_on else "└ ") if depth else ""))
        goes_on = {level for level in goes_on if level < depth} | {depth}
    return branches[::-1]
