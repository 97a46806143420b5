"""`cortex cache stats` and `cortex cache clear`."""

import json

from scripted_daemon import says

FACTS = {
    "enabled": True,
    "when": "deterministic",
    "ttl_s": 3600.0,
    "requests": {"hit": 6, "miss": 3, "shared": 1, "bypass": 90},
    "hit_ratio": 0.7,
    "answers_in_memory": 3,
    "bytes": {"memory": 1_500_000, "disk": 32_768},
    "limit_bytes": {"memory": 64_000_000, "disk": 1_000_000_000},
    "oldest_s": 90.0,
    "saved_usd": 0.0123,
}


def test_the_numbers_are_told(daemon, cortex):
    daemon.answers["GET /cortex/v1/cache"] = says(FACTS)
    result = cortex("cache", "stats")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert lines == [
        "cache on, deterministic requests, for 1h",
        "requests 6 hit, 1 shared, 3 miss, 90 bypass",
        "hit ratio 70 %",
        "in memory 3 answers, 1.5 of 64 MB",
        "on disk 0.0 of 1000 MB",
        "oldest 1m30s",
        "saved $0.0123",
    ]


def test_an_empty_cache_that_is_off_is_told_too(daemon, cortex):
    nothing = {"enabled": False, "hit_ratio": None, "answers_in_memory": 0, "oldest_s": None}
    daemon.answers["GET /cortex/v1/cache"] = says(FACTS | nothing)
    said = cortex("cache", "stats").stdout
    assert "off" in said
    assert "no request could be kept yet" in said
    assert "none" in said


def test_scripts_get_the_object(daemon, cortex):
    daemon.answers["GET /cortex/v1/cache"] = says(FACTS)
    assert json.loads(cortex("cache", "stats", "--json").stdout) == FACTS


def test_clear_says_how_many_went(daemon, cortex):
    daemon.answers["POST /cortex/v1/cache/clear"] = says({"cleared": 1})
    result = cortex("cache", "clear")
    assert (result.exit_code, result.stdout) == (0, "forgot 1 answer in memory, and those on the disk\n")
    assert daemon.asked[0].headers["X-Cortex"] == "1"
