"""What stands between load and upstream: nothing, HAProxy, Córtex, LiteLLM's proxy; each on one core, as users run it.

HAProxy forwards by port and knows nothing of models: it is the limit of what forwarding costs. It is told to pass
events on as they come (`http-no-delay`), else it collects them. Córtex and LiteLLM choose the upstream by the model's
name, keep one pool of connections, and write their log where a daemon's log goes, to a file.
"""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from answers import MODELS
from machine import Cores
from process import await_ready, free_port, running
from tools import Tools
from upstreams import Upstreams

READY_PAUSE_S = 0.003

HAPROXY = """
global
  nbthread 1
  maxconn 4000
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  http-reuse always
  option http-no-delay
  option http-keep-alive
listen small
  bind 127.0.0.1:{small}
  server upstream 127.0.0.1:{upstream.small}
listen streams
  bind 127.0.0.1:{streams}
  server upstream 127.0.0.1:{upstream.streams}
"""

CORTEX = """
[server]
port = {port}
max_clients = 5000

[telemetry]
log = "json"

[workers.small]
provider = "openai"
url = "http://127.0.0.1:{upstream.small}/v1"
slots = 1024
models = ["small"]

[workers.streams]
provider = "openai"
url = "http://127.0.0.1:{upstream.streams}/v1"
slots = 1024
models = ["burst", "paced", "open"]
"""

LITELLM_MODEL = """
  - model_name: {model}
    litellm_params:
      model: openai/{model}
      api_base: http://127.0.0.1:{port}/v1
      api_key: sk-bench
"""

LITELLM = """
model_list:{models}
litellm_settings:
  set_verbose: false
  request_timeout: 600
  num_retries: 0
general_settings:
  dangerously_permit_weak_or_unset_master_key: true
"""

LITELLM_ENV = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it fetches a list from the network when it starts
    "LITELLM_LOG": "ERROR",
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_TELEMETRY": "False",
}


class Gateway(NamedTuple):
    """One of them, running."""

    name: str
    small: int
    """The port that takes requests for whole answers."""
    streams: int
    pid: int
    """0 for none: the load goes straight to the upstream."""
    ready_s: float = 0.0
    """From start to its first answer."""
    is_slow: bool = False
    """A second is too short to measure it; it gets longer runs, and fewer."""

    def port(self, model: str) -> int:
        """Return where a model is asked for."""
        return self.small if model == "small" else self.streams


NAMES = ("direct", "haproxy", "cortex", "litellm")


@contextlib.contextmanager
def started(name: str, cores: Cores, folder: Path, tools: Tools, upstream: Upstreams) -> Iterator[Gateway]:
    """Run one of `NAMES` while the block lasts."""
    start = {"direct": _direct, "haproxy": _haproxy, "cortex": _cortex, "litellm": _litellm}[name]
    with start(cores, folder, tools, upstream) as gateway:
        yield gateway


@contextlib.contextmanager
def _direct(_: Cores, __: Path, ___: Tools, upstream: Upstreams) -> Iterator[Gateway]:
    yield Gateway("direct", upstream.small, upstream.streams, 0)


@contextlib.contextmanager
def _haproxy(cores: Cores, folder: Path, tools: Tools, upstream: Upstreams) -> Iterator[Gateway]:
    small, streams = free_port(), free_port()
    config = folder / "haproxy.cfg"
    config.write_text(HAPROXY.format(small=small, streams=streams, upstream=upstream))
    with running("haproxy", [tools.haproxy, "-db", "-f", config], core=cores.gateway, folder=folder) as pid:
        await_ready(pid, small, "/v1/models", folder / "haproxy.log")
        yield Gateway("haproxy", small, streams, pid)


@contextlib.contextmanager
def _cortex(cores: Cores, folder: Path, tools: Tools, upstream: Upstreams) -> Iterator[Gateway]:
    port = free_port()
    config = folder / "supervision.toml"
    config.write_text(CORTEX.format(port=port, upstream=upstream))
    command = [tools.cortex, "run", "--config", config, "--env-file", folder / "none"]
    began_s = time.monotonic()
    with running("cortex", command, core=cores.gateway, folder=folder) as pid:
        await_ready(pid, port, "/readyz", folder / "cortex.log", pause_s=READY_PAUSE_S)
        yield Gateway("cortex", port, port, pid, ready_s=time.monotonic() - began_s)


@contextlib.contextmanager
def _litellm(cores: Cores, folder: Path, tools: Tools, upstream: Upstreams) -> Iterator[Gateway]:
    port = free_port()
    config = folder / "litellm.yaml"
    models = (
        LITELLM_MODEL.format(model=model, port=upstream.small if model == "small" else upstream.streams)
        for model in MODELS
    )
    config.write_text(LITELLM.format(models="".join(models)))
    command = [tools.litellm, "--config", config, "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    began_s = time.monotonic()
    with running("litellm", command, core=cores.gateway, folder=folder, env=LITELLM_ENV) as pid:
        await_ready(pid, port, "/health/liveliness", folder / "litellm.log", patience_s=180.0)
        yield Gateway("litellm", port, port, pid, ready_s=time.monotonic() - began_s, is_slow=True)
