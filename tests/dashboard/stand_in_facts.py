"""What the daemon that `StandIn` stands for would say: every state at once, quotas nearly used, a failover, a refused edit."""

import math
import time
from typing import Any

STATES = (
    ("ready", ""),
    ("busy", ""),
    ("resting", "rests 40 s more (429: requests per minute)"),
    ("open", "breaker open 21 s more"),
    ("unreachable", "was unreachable at the last probe"),
    ("draining", "drains"),
    ("half_open", "breaker half-open, its trial runs"),
    ("retired", "key retired (401: invalid API key)"),
)
DIFF = """--- supervision.toml
+++ supervision.toml
@@ -1,3 +1,7 @@
 # my machines
 [workers.desk]
 provider = "ollama"
+
+[workers.gemini]
+provider = "gemini"
+keys = ["$GEMINI_API_KEYS"]
--- .env
+++ .env
@@ -0,0 +1 @@
+GEMINI_API_KEYS=***3f9a
"""


def tree_rows(workers: int) -> tuple[dict[str, Any], list[str]]:
    rows: dict[str, Any] = {"root": actor_row("root", "", "supervisor", 0)}
    for name in ("telemetry", "ledger", "cache"):
        rows[name] = actor_row(name, "root", "worker", 1)
    rows["workers"] = actor_row("workers", "root", "supervisor", 1)
    names = ["desk", "rack", "gemini/1", "gemini/2", "groq/1", "cohere/1", "shed", "nvidia/1"]
    names += [f"fleet-{number:03}" for number in range(len(names), workers)]
    for number, name in enumerate(names[:workers]):
        state, why = STATES[number % len(STATES)]
        rows[name] = {
            **actor_row(name, "workers", "worker", 2),
            "state": state,
            "why": why,
            "provider": "ollama",
            "slots": 4,
            "in_flight": 4 if state == "busy" else number % 4 if state == "ready" else 0,
            "breaker": "open" if state == "open" else "closed",
            "models": 3,
            "loaded": ["llama3.2:3b"],
            "answered": 1200 + number,
            "failed": number,
            "restarts": number % 3 if number < 4 else 0,
            "first_token_s": 0.21 + number % 7 * 0.31,
            "per_s": 2.1,
            "spark": [round(4 + 3 * math.sin(number + at / 3)) for at in range(30)],
        }
    for name in ("dispatcher", "health", "roster", "config", "endpoint"):
        rows[name] = actor_row(name, "root", "worker", 1)
    return rows, list(rows)


def actor_row(name: str, parent: str, kind: str, depth: int) -> dict[str, Any]:
    return {
        "name": name,
        "parent": parent,
        "kind": kind,
        "state": "running",
        "mailbox": 0,
        "restarts": 0,
        "depth": depth,
    }


def request_line(now: float, number: int) -> dict[str, Any]:
    outcome = "" if number > 56 else ("ok", "ok", "ok", "ok", "client_gone", "timeout", "ok", "no_worker")[number % 8]
    return {
        "id": f"r-{number:03}",
        "client": "192.168.1.7",
        "dialect": "openai",
        "asked": ("fast", "best", "qwen3:4b")[number % 3],
        "worker": ("desk", "rack", "gemini/1")[number % 3],
        "model": ("llama3.2:3b", "qwen3:32b", "gemini-3.5-flash")[number % 3],
        "cache": ("bypass", "miss", "hit")[number % 3],
        "attempts": 2 if number % 7 == 0 else 1,
        "why": "choice 1, local",
        "first_token_s": 0.34,
        "total_s": 2.71,
        "tokens_in": 512,
        "tokens_out": 180,
        "outcome": outcome,
        "status": 200,
        "arrived_at": now - 60 + number,
    }


def request_trace(line: dict[str, Any] | None) -> dict[str, Any] | None:
    return line and {
        **line,
        "operation": "chat",
        "stream": True,
        "queued_s": 0.12,
        "overhead_s": 0.00048,
        "cost_usd": 0.0,
        "saved_usd": 0.0021,
        "attempts_made": [
            {
                "worker": "gemini/1",
                "model": "gemini-3.5-flash",
                "why": "choice 1, most quota left",
                "cold": False,
                "began_s": 0.12,
                "first_token_s": None,
                "ended_s": 0.61,
                "failure": "rate_limited: 429, resource exhausted",
            },
            {
                "worker": "rack",
                "model": "qwen3:32b",
                "why": "choice 2, local",
                "cold": True,
                "began_s": 0.61,
                "first_token_s": 1.4,
                "ended_s": 2.71,
                "failure": None,
            },
        ],
        "candidates": [
            {"worker": "gemini/1", "model": "gemini-3.5-flash", "reason": "choice 1, most quota left"},
            {"worker": "rack", "model": "qwen3:32b", "reason": "choice 2, local, must load the model"},
            {"worker": "desk", "model": "llama3.2:3b", "reason": "passed over: 4 of 4 slots busy"},
        ],
    }


def worker_page(row: dict[str, Any] | None, now: float) -> dict[str, Any] | None:
    if row is None or "slots" not in row:
        return None
    usage = {"requests": 212, "tokens_in": 48000, "tokens_out": 9100, "cost_usd": 0.0}
    return {
        **row,
        "url": "http://192.168.1.20:11434",
        "key": None,
        "local": True,
        "version": "0.33.0",
        "probed_s_ago": 1.2,
        "models": [
            {"name": "llama3.2:3b", "loaded": True, "context_length": 8192},
            {"name": "qwen3:32b", "loaded": False, "context_length": 32768},
        ],
        "pace": {"llama3.2:3b": {"first_token_s": 0.34}},
        "quota": quota_windows(now),
        "requests": ["r-059"],
        "usage": {"today": usage},
        "last_failures": [{"s_ago": 42.0, "word": "timeout", "detail": "timeout (first_byte): nothing came for 20 s"}],
    }


def quota_windows(now: float) -> list[dict[str, Any]]:
    return [
        {
            "model": "gemini-3.5-flash",
            "window": "requests_per_minute",
            "limit": 5,
            "used": 1,
            "reserved": 1,
            "left": 3,
            "reset_at": now + 40,
            "rests_until": None,
            "learned_from": "built-in",
        },
        {
            "model": "gemini-3.5-flash",
            "window": "requests_per_day",
            "limit": 20,
            "used": 18,
            "reserved": 0,
            "left": 2,
            "reset_at": now + 20000,
            "rests_until": None,
            "learned_from": "built-in",
        },
        {
            "model": "gemini-3.5-flash",
            "window": "input_tokens_per_minute",
            "limit": 250000,
            "used": 250000,
            "reserved": 0,
            "left": 0,
            "reset_at": now + 40,
            "rests_until": now + 40,
            "learned_from": "headers",
        },
    ]


def key_facts(row: dict[str, Any], now: float) -> dict[str, Any]:
    name, is_key = row["name"], "/" in row["name"]
    use = {"requests": 212, "tokens_in": 48000, "tokens_out": 9100, "cost_usd": 0.0}
    return {
        "worker": name,
        "pool": name.split("/", maxsplit=1)[0],
        "provider": name.split("/", maxsplit=1)[0] if is_key else "ollama",
        "key": "***3f9a" if is_key else None,
        "local": not is_key,
        "state": row["state"],
        "why": row["why"],
        "free": True,
        "bucket": "per-key",
        "windows": quota_windows(now) if is_key else [],
        "usage": {"today": use, "week": use, "year": use},
    }


def usage_rows(now: float) -> list[dict[str, Any]]:
    stamp = lambda at: time.strftime("%Y-%m-%dT%H:00:00Z", time.gmtime(at))  # noqa: E731  twice, on one line each
    some = {
        "tokens_in": 21000,
        "tokens_out": 5200,
        "tokens_cached": 0,
        "cost_usd": 0.002,
        "would_have_cost_usd": 0.1,
        "errors": {},
    }
    hours = [
        {"worker": "desk", "from": stamp(now - at * 3600), "span": "hour", "requests": 90 - 7 * (at % 9), **some}
        for at in range(30)
    ]
    return hours + [
        {"worker": "desk", "from": stamp(now - at * 86400), "span": "day", "requests": 700 + at * 13, **some}
        for at in range(9)
    ]


def models_page(names: list[str]) -> dict[str, Any]:
    loaded = {"loaded": True, "context_length": 8192, "first_token_s": 0.34, "tokens_per_s": 45.2, "price": None}
    there = {
        "loaded": None,
        "context_length": 1048576,
        "first_token_s": 0.61,
        "tokens_per_s": 160.0,
        "price": {"input": 0.3, "output": 2.5},
    }
    return {
        "models": [
            {"name": "llama3.2:3b", "aliases": ["fast"], "workers": dict.fromkeys(names[:2], loaded)},
            {
                "name": "qwen3:32b",
                "aliases": ["best"],
                "workers": {name: {**loaded, "loaded": False, "first_token_s": None} for name in names[1:2]},
            },
            {"name": "gemini-3.5-flash", "aliases": [], "workers": dict.fromkeys(names[2:4], there)},
        ],
        "workers": names,
    }


def cache_page() -> dict[str, Any]:
    return {
        "enabled": True,
        "when": "deterministic",
        "ttl_s": 3600.0,
        "requests": {"hit": 812, "miss": 2911, "shared": 41, "bypass": 9120},
        "hit_ratio": 0.2266,
        "answers_in_memory": 132,
        "bytes": {"memory": 12_400_000, "disk": 210_000_000},
        "limit_bytes": {"memory": 64_000_000, "disk": 1_000_000_000},
        "oldest_s": 3121.0,
        "saved_usd": 1.24,
    }


def config_page(now: float, problems: list[str]) -> dict[str, Any]:
    return {
        "strategies": ["local_first", "smart"],
        "providers": {"ollama": False, "gemini": True, "vllm": False},
        "settings": {
            "server": {"host": "127.0.0.1", "port": 4747, "api_keys": [], "max_clients": 2000},
            "routing": {"strategy": "local_first", "deadline_s": 300.0},
            "workers": {
                "desk": {
                    "name": "desk",
                    "provider": "ollama",
                    "url": "http://192.168.1.20:11434",
                    "slots": 4,
                    "models": [],
                }
            },
            "models": {"fast": ["llama3.2:3b", "cloud:sim-cloud-70b"]},
        },
        "sources": {
            "server.port": "environment CORTEX_PORT",
            "workers.desk": "supervision.toml:4",
            "models.fast": "supervision.toml:9",
            "routing.strategy": "default",
        },
        "problems": problems,
        "digest": "d1",
        "edits": [
            {
                "at": now - 30,
                "result": "applied",
                "diff": DIFF,
                "effect": {"started": ["gemini/1"], "stopped": [], "changed": ["desk"]},
                "problems": [],
            },
            {
                "at": now - 300,
                "result": "refused",
                "diff": '--- a\n+++ b\n-slots = 3\n+slots = "three"\n',
                "effect": {"started": [], "stopped": [], "changed": []},
                "problems": [
                    'supervision.toml:6: workers.desk.slots: expected a whole number from 1 to 1024, found "three"'
                ],
            },
        ],
    }


def event_list(now: float) -> list[dict[str, Any]]:
    started = [
        {
            "at": now - 7384 + at / 100,
            "level": "info",
            "event": "progress",
            "worker": name,
            "supervisor": "root",
            "restarts": 0,
        }
        for at, name in enumerate(("telemetry", "ledger", "workers", "desk", "rack"))
    ]
    return [
        *started,
        {
            "at": now - 400,
            "level": "info",
            "event": "configuration applied",
            "started": ["gemini/1"],
            "changed": ["desk"],
            "by": "127.0.0.1 …3f9a",
        },
        {
            "at": now - 210,
            "level": "warning",
            "event": "key rests",
            "worker": "gemini/1",
            "why": "429: requests per minute",
        },
        {"at": now - 121, "level": "warning", "event": "breaker opened", "worker": "groq/1", "for_s": 30.0},
        {
            "at": now - 60,
            "level": "error",
            "event": "child_terminated",
            "worker": "rack",
            "supervisor": "workers",
            "reason": "KeyError: 'message'",
        },
        {
            "at": now - 59.9,
            "level": "info",
            "event": "progress",
            "worker": "rack",
            "supervisor": "workers",
            "restarts": 1,
        },
    ]


def log_list(now: float) -> list[dict[str, Any]]:
    return [
        {
            "at": now - 60 + at,
            "level": ("info", "info", "warning", "debug", "error")[at % 5],
            "event": ("request", "probed", "breaker opened", "progress", "child_terminated")[at % 5],
            "worker": ("desk", "rack", "gemini/1")[at % 3],
            "id": f"r-{at:03}",
            "total_s": 2.71,
        }
        for at in range(40)
    ]


def history_page(span: str, now: float) -> dict[str, Any]:
    step, length = {"15m": (5, 180), "24h": (300, 288), "30d": (3600, 720)}[span]
    wave = lambda low, high, speed: [  # noqa: E731  a shape with three numbers
        None
        if at < length // 9
        else round(low + (high - low) * (0.5 + 0.5 * math.sin(at / length * speed) * math.cos(at / 7)), 4)
        for at in range(length)
    ]
    series = {
        "requests": wave(20, 210, 9),
        "failed": wave(0, 6, 7),
        "first_token_p50_s": wave(0.2, 0.9, 8),
        "first_token_p95_s": wave(0.8, 3.1, 5),
        "total_p50_s": wave(1, 4, 5),
        "tokens_in": wave(9000, 61000, 6),
        "tokens_out": wave(2000, 9000, 5),
        "saved_usd": wave(0.001, 0.02, 4),
        "cost_usd": wave(0, 0.002, 8),
        "cache_hits": wave(2, 20, 6),
        "in_flight": wave(1, 16, 6),
    }
    workers = {
        name: {"requests": wave(2, 90 - at, 6), "total_p50_s": wave(0.5 + at, 3 + at, 7)}
        for at, name in enumerate(("desk", "rack", "gemini/1"))
    }
    return {"span": span, "step_s": step, "from": now - step * length, "series": series, "workers": workers}
