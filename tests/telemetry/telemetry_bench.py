"""What a request pays for telemetry, in µs of CPU: `.venv/bin/python tests/telemetry/telemetry_bench.py`.

All of it is counted: the record, metrics, the page's history, the log line, the story on disk, and the threads that write the
last two; the log goes to a pipe that another process empties. Requests end in batches, as they do under load: the
recorder takes what has ended twenty times a second. A request of the second kind has two more lines of figures: what the
story costs by itself, and what spans would cost on top.
"""

import asyncio
import gc
import subprocess
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

from cortex.chat import Usage
from cortex.endpoint.story import looked_at
from cortex.messages import Failure
from cortex.telemetry import log as logs
from cortex.telemetry.history import History
from cortex.telemetry.journal import Journal
from cortex.telemetry.metrics import Metrics
from cortex.telemetry.record import NOBODY, Attempt, Record
from cortex.telemetry.recorder import Recorder, Take
from cortex.telemetry.spans import sent_to
from cortex.telemetry.stories import Bounds, Stories

REQUESTS = 100_000
BATCH = 200
ROUNDS = 5
USAGE = Usage(input_tokens=31, output_tokens=77)


def plain(record):
    """What nearly every request is."""
    attempt = Attempt("desk", "llama3.2:3b", "least busy of 2", False, began_s=0.0002)
    record.attempts.append(attempt)
    attempt.first_token_s, attempt.ended_s = 0.31, 1.2


def failed_over(record):
    """One that a second worker answered."""
    first = Attempt("rack", "llama3.2:3b", "first of 2", False, began_s=0.0002, ended_s=0.1)
    first.failure = Failure("server_error", "the upstream said 500", status=500)
    record.attempts.append(first)
    plain(record)


def ranked(worker, why):
    return SimpleNamespace(entry=SimpleNamespace(standing=SimpleNamespace(name=worker), model="llama3.2:3b"), why=why)


LOOKED_AT = ((ranked("desk", "least busy of 2"), ranked("rack", "1 of 2 busy")), ())


def run(requests, attempts, stories=None, spans=None):
    def keep(record):
        record.candidates, record.looked_at, record.refused_by = looked_at(record), NOBODY, ()
        stories.add(record)

    journal, metrics = Journal(), Metrics()
    recorder = Recorder(
        journal=journal,
        metrics=metrics,
        history=History(),
        learn=lambda _: None,
        keep=keep if stories else None,
        trace=spans.finished if spans else None,
    )
    take = Take()
    began = time.process_time()
    for number in range(requests):
        record = Record(
            id=f"0123abcd-{number}", client="127.0.0.1", dialect="openai", arrived_s=50.0, arrived_at=1_790_000_000.0
        )
        journal.begun(record)
        record.operation, record.model, record.stream = "chat", "fast", True
        attempts(record)
        record.looked_at = LOOKED_AT
        record.usage, record.outcome, record.total_s, record.status = USAGE, "ok", 1.2003, 200
        journal.ended(record)
        if number % BATCH == BATCH - 1:
            recorder.take(take)
            logs.writer()._hand_over()
        if stories and number % (BATCH * 20) == 0:  # once a second
            stories.append(stories.take_lines())
    logs.writer()._thread.submit(int).result()
    return 1e6 * (time.process_time() - began) / requests


def tell(name, attempts, stories=None, spans=None):
    requests, rounds = (REQUESTS // 20, 1) if spans else (REQUESTS, ROUNDS)
    best = min(run(requests, attempts, stories, spans) for _ in range(rounds))
    print(f"{name:20} {best:6.2f} µs a request")


async def main():
    reader = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)  # noqa: ASYNC220  nothing else runs
    gc.set_threshold(20_000, 20, 50)  # as the daemon does
    logs._writer = logs.Writer(reader.stdin.fileno())
    logs._writer._is_due = True  # the batches hand over, not the clock
    logs.configure("json")
    with tempfile.TemporaryDirectory() as folder:
        stories = Stories(Path(folder) / "stories", lambda: Bounds(86_400.0, 200_000_000), time.time)
        tell("answered at once", plain, stories)
        tell("with one failover", failed_over, stories)
        tell("  without its story", failed_over)
        spans = sent_to("http://127.0.0.1:9", lambda _: ("ollama", "127.0.0.1", 11434))
        tell("  with spans", failed_over, stories, spans)
    reader.stdin.close()
    reader.wait()


if __name__ == "__main__":
    asyncio.run(main())
