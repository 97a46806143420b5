"""A view of the live page over a board, without a server in front."""

from fleet import Clock, board, standing

from cortex.cache.answers import Answers
from cortex.config.model import Settings
from cortex.config.watcher import Current
from cortex.endpoint.live_view import LiveView, Node, Sources
from cortex.telemetry.history import History
from cortex.telemetry.journal import Journal
from cortex.telemetry.metrics import Metrics
from cortex.telemetry.record import Record
from cortex.telemetry.tail import Tail

WALL = 1_700_000_000.0


class Rig:
    """A view, what it looks at, and a page that takes what it is told."""

    def __init__(self, *names):
        self.clock, self.wall = Clock(), Clock(WALL)
        self.board = board(*map(standing, names))
        self.history, self.journal, self.metrics, self.tail = History(), Journal(self.wall), Metrics(), Tail()
        self.current = Current(Settings())
        answers = Answers(lambda: self.current.settings.cache)
        sources = Sources(self.board, self.current, self.journal, self.history, self.metrics, answers, self.tail)
        self.view = LiveView(sources, started_at=WALL)
        self.numbers = 0

    @property
    def nodes(self):
        workers = [Node(each.name, "workers", "worker", "running", 0, 2, 0) for each in self.board]
        return [
            Node("root", "", "supervisor", "running", 0, 0, 0),
            Node("workers", "root", "supervisor", "running", 0, 1, 0),
            *workers,
        ]

    def look(self):
        return self.view.look(self.nodes, self.clock(), self.wall())

    def request(self):
        self.numbers += 1
        record = Record(
            id=f"r-{self.numbers}", client="", dialect="openai", arrived_s=self.clock(), arrived_at=self.wall()
        )
        self.journal.begun(record)
        return record

    def end(self, record, outcome="ok"):
        record.outcome = outcome
        self.journal.ended(record)
