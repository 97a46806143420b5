"""The files in deploy/, and a real Prometheus."""

import asyncio
import contextlib
import json
import os
import shutil
import socket
import sys
from pathlib import Path

import aiohttp
import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
BOARD = DEPLOY / "grafana" / "cortex.json"
ALERTS = DEPLOY / "prometheus" / "alerts.yml"

needs_prometheus = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")),
    reason="prometheus and promtool are not installed (Debian: apt-get install prometheus)",
)


def rules():
    """Return every rule of alerts.yml."""
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def board_expressions():
    """Return (where, expression) of all that the board asks, its variables filled in as Grafana does for a short time."""
    board = json.loads(BOARD.read_text())
    found = [(panel["title"], target["expr"]) for panel in board["panels"] for target in panel.get("targets", ())]
    found += [(annotation["name"], annotation["expr"]) for annotation in board["annotations"]["list"]]
    filled = {"$__rate_interval": "10s", "$__range": "1h", "$worker": ".*"}
    for name, value in filled.items():
        found = [(where, expression.replace(name, value)) for where, expression in found]
    return found


class Prometheus:
    """One that runs, and a client."""

    def __init__(self, port, http):
        self.url = f"http://127.0.0.1:{port}"
        self.http = http

    async def get(self, path, **params):
        """Return what its API answers under `data`, or the error as text."""
        async with self.http.get(self.url + path, params=params) as answer:
            body = await answer.json()
            return body["data"] if body["status"] == "success" else body["error"]

    async def query(self, expression):
        """Return the samples of an instant query, or the error as text."""
        data = await self.get("/api/v1/query", query=expression)
        return data["result"] if isinstance(data, dict) else data

    async def is_ready(self):
        with contextlib.suppress(aiohttp.ClientError):
            async with self.http.get(self.url + "/-/ready") as answer:
                return answer.status == 200
        return False


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.asynccontextmanager
async def prometheus(folder, target):
    """Run one that scrapes `target` every half second, with the configuration and rules of deploy/, until the block ends."""
    shutil.copy(ALERTS, folder / ALERTS.name)
    config = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "500ms", "evaluation_interval": "500ms"}
    config["scrape_configs"][0]["static_configs"][0]["targets"] = [target]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = _free_port()
    process = await asyncio.create_subprocess_exec(
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=sys.stderr.fileno() if "PROMETHEUS_LOG" in os.environ else asyncio.subprocess.DEVNULL,
    )
    try:
        async with aiohttp.ClientSession() as http:
            yield Prometheus(port, http)
    finally:
        process.terminate()
        await process.wait()
