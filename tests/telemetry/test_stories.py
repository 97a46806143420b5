"""What became of each request is on disk for a day: found by its id, bounded, and cut by nothing but time and size."""

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cortex.chat import Usage
from cortex.messages import Allowance, Failure
from cortex.telemetry import stories as module
from cortex.telemetry.record import Attempt, Record
from cortex.telemetry.stories import SEGMENTS, Bounds, Stories

DAY_S = 86_400.0
NOON = 1_790_000_000.0


def record(request_id, at=NOON, detail=""):
    made = Record(id=request_id, client="10.0.0.1", dialect="openai", arrived_s=1.0, arrived_at=at)
    made.attempts.append(Attempt("desk", "m", "local", True, 0.1, failure=Failure("timeout", detail, phase="stall")))
    made.attempts.append(Attempt("rack", "m", "next", False, 0.2, first_token_s=0.4, ended_s=0.5))
    made.usage, made.outcome, made.status, made.total_s = Usage(3, 4), "ok", 200, 0.6
    return made


class Shelf:
    """Stories with a clock and bounds to move."""

    def __init__(self, folder, size_bytes=1_000_000):
        self.folder, self.now, self.bounds = folder, NOON, Bounds(DAY_S, size_bytes)
        self.open()

    def open(self):
        self.stories = Stories(self.folder, lambda: self.bounds, lambda: self.now)

    def put(self, *records):
        for each in records:
            self.stories.add(each)
        self.stories.append(self.stories.take_lines())

    @property
    def bytes(self):
        return sum(path.stat().st_size for path in self.folder.iterdir())


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path / "stories")


def test_a_story_is_told_from_disk_as_it_was_from_memory(shelf):
    made = record("0a-1", detail='said "no"\n{"id":"0a-2"')
    made.attempts[0].failure = Failure("rate_limited", "", allowances=(Allowance("requests", "day", limit=5),))
    made.given = ("desk", "m", 3.0)
    shelf.put(made)

    assert shelf.stories.find("0a-1").trace() == made.trace()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(st.lists(st.text(max_size=40), max_size=5), max_size=8),
    block=st.integers(1, 900),
    restarts=st.sets(st.integers(0, 8)),
)
def test_every_story_is_found_however_its_file_is_read_and_whatever_it_says(tmp_path_factory, batches, block, restarts):
    shelf, written = Shelf(tmp_path_factory.mktemp("stories")), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "READ_BYTES", block)
        for number, details in enumerate(batches):
            if number in restarts:
                shelf.open()
            batch = [record(f"0a-{number}{place}", detail=detail) for place, detail in enumerate(details)]
            shelf.put(*batch)
            written |= {each.id: each for each in batch}

        assert {name: shelf.stories.find(name).trace() for name in written} == {
            name: each.trace() for name, each in written.items()
        }
        assert shelf.stories.find("0a-999") is None


@pytest.mark.parametrize("name", ["", "0a-1", "0a", "../../etc/passwd", '0a-10","x":"', "x" * 5000, "0a-10\n", "ñ"])
def test_what_was_never_told_is_not_found(shelf, name):
    shelf.put(record("0a-10"))

    assert shelf.stories.find(name) is None


def test_of_an_id_that_came_twice_the_last_counts(shelf):
    shelf.put(record("0a-1", detail="first"), record("0a-1", detail="second"))

    assert shelf.stories.find("0a-1").attempts[0].failure.detail == "second"


def test_where_nothing_was_ever_written_nothing_is_found(shelf):
    assert shelf.stories.find("0a-1") is None


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.integers(5_000, 60_000), batches=st.lists(st.integers(1, 12), min_size=1, max_size=60))
def test_all_together_they_are_never_more_than_was_allowed_but_for_one_batch(tmp_path_factory, size, batches):
    shelf, number, largest = Shelf(tmp_path_factory.mktemp("stories"), size), 0, 0
    for count in batches:
        shelf.now += 1.0
        before = number
        number += count
        shelf.put(*(record(f"0a-{each}", shelf.now) for each in range(before, number)))
        largest = max(largest, count * 700)

        assert shelf.bytes <= size + largest
        assert shelf.stories.find(f"0a-{number - 1}") is not None  # the newest are there


def test_the_oldest_go_first_when_there_is_too_much(shelf):
    shelf.bounds = Bounds(DAY_S, 8_000)
    for number in range(40):
        shelf.now += 1.0
        shelf.put(record(f"0a-{number}", shelf.now))

    assert shelf.stories.find("0a-0") is None
    there = [shelf.stories.find(f"0a-{number}") is not None for number in range(40)]
    assert there == sorted(there)
    assert sum(there) >= 8


def test_a_story_is_told_for_a_day_and_no_longer(shelf):
    shelf.put(record("0a-1"))
    shelf.now += DAY_S - 1.0
    assert shelf.stories.find("0a-1") is not None
    shelf.now += 3.0

    assert shelf.stories.find("0a-1") is None


def test_files_of_which_all_is_too_old_are_deleted(shelf):
    for hour in range(60):
        shelf.now = NOON + 3600.0 * hour
        shelf.put(record(f"0a-{hour}", shelf.now))

    assert len(list(shelf.folder.iterdir())) <= SEGMENTS + 2
    assert all(shelf.stories.find(f"0a-{hour}") is not None for hour in range(37, 60))


def test_a_shorter_time_holds_at_once(shelf):
    shelf.put(record("0a-1"))
    shelf.now += 100.0
    shelf.bounds = Bounds(60.0, 1_000_000)

    assert shelf.stories.find("0a-1") is None


def test_a_line_that_a_crash_has_cut_costs_only_itself(shelf):
    shelf.put(record("0a-1"), record("0a-2"))
    (path,) = shelf.folder.iterdir()
    path.write_bytes(path.read_bytes()[:-40])
    shelf.open()
    shelf.now += 1.0
    shelf.put(record("0a-3"))

    assert [shelf.stories.find(f"0a-{each}") is not None for each in (1, 2, 3)] == [True, False, True]


def test_a_disk_that_takes_nothing_costs_a_bounded_amount_of_memory_and_it_is_counted(shelf, monkeypatch):
    monkeypatch.setattr(module, "WAITING_BYTES", 2_000)
    for number in range(100):
        shelf.stories.add(record(f"0a-{number}"))
    kept = shelf.stories.take_lines()

    assert sum(map(len, kept)) < 3_000
    assert shelf.stories.dropped == 100 - len(kept)


def test_after_an_error_the_next_go_to_another_file(shelf):
    shelf.put(record("0a-1"))
    (path,) = shelf.folder.iterdir()
    path.unlink()
    path.mkdir()
    shelf.now += 1.0
    with pytest.raises(IsADirectoryError):
        shelf.put(record("0a-2"))
    path.rmdir()
    shelf.put(record("0a-3"))

    assert shelf.stories.find("0a-3") is not None
    assert not path.exists()


def test_who_is_not_the_owner_reads_none_of_it(shelf):
    shelf.put(record("0a-1"))
    (path,) = shelf.folder.iterdir()

    assert (shelf.folder.stat().st_mode & 0o77, path.stat().st_mode & 0o77) == (0, 0)


def test_many_starts_leave_only_so_many_files(shelf, monkeypatch):
    monkeypatch.setattr(module, "FILES_KEPT", 10)
    for number in range(30):
        shelf.now += 1.0
        shelf.open()
        shelf.put(record(f"0a-{number}", shelf.now))

    assert len(list(shelf.folder.iterdir())) <= 11


def test_a_record_of_an_older_version_without_the_newer_fields_is_still_told(shelf):
    shelf.folder.mkdir()
    line = {"id": "0a-1", "client": "", "dialect": "openai", "arrived_s": 1.0, "arrived_at": NOON, "sold": True}
    (shelf.folder / f"{int(NOON * 1000):015d}.jsonl").write_bytes(msgspec.json.encode(line) + b"\n")

    assert shelf.stories.find("0a-1").dialect == "openai"
