"""What a request pays for telemetry, in µs of CPU: `.venv/bin/python tests/telemetry/telemetry_bench.py`.

Everything is counted, the thread that writes the log included; the log goes to a pipe that another process empties.
Requests end in batches, as they do under load: the recorder takes what has ended twenty times a second.
"""

import asyncio
import subprocess
import time

from cortex.chat import Usage
from cortex.messages import Failure
from cortex.telemetry import log as logs
from cortex.telemetry.journal import Journal
from cortex.telemetry.metrics import Metrics
from cortex.telemetry.record import Attempt, Record
from cortex.telemetry.recorder import Recorder, Take

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


def run(requests, attempts):
    journal, metrics = Journal(), Metrics()
    recorder = Recorder(journal=journal, metrics=metrics, learn=lambda _: None)
    take = Take()
    began = time.process_time()
    for number in range(requests):
        record = Record(
            id=f"0123abcd-{number}", client="127.0.0.1", dialect="openai", arrived_s=50.0, arrived_at=1_790_000_000.0
        )
        journal.begun(record)
        record.operation, record.model, record.stream = "chat", "fast", True
        attempts(record)
        record.usage, record.outcome, record.total_s, record.status = USAGE, "ok", 1.2003, 200
        journal.ended(record)
        if number % BATCH == BATCH - 1:
            recorder.take(take)
            logs.writer()._hand_over()
    logs.writer()._thread.submit(int).result()
    return 1e6 * (time.process_time() - began) / requests


async def main():
    reader = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)  # noqa: ASYNC220  nothing else runs
    logs._writer = logs.Writer(reader.stdin.fileno())
    logs._writer._is_due = True  # the batches hand over, not the clock
    logs.configure("json")
    for name, attempts in (("answered at once", plain), ("with one failover", failed_over)):
        best = min(run(REQUESTS, attempts) for _ in range(ROUNDS))
        print(f"{name:20} {best:6.2f} µs a request")
    reader.stdin.close()
    reader.wait()


if __name__ == "__main__":
    asyncio.run(main())
