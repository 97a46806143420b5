"""What one decision costs among very many workers: half of them machines of one's own, the others keys that are alike."""

import gc
from random import Random
from time import process_time_ns

from cortex.config.load import load
from cortex.config.model import Settings
from cortex.messages import Request
from cortex.providers.base import Findings, Model
from cortex.routing import catalogue
from cortex.routing.choice import choose
from cortex.routing.registry import Known
from cortex.workers.books import Books
from cortex.workers.messages import Dispatch
from cortex.workers.standing import Board, Standing
from cortex.workers.worker import link_of

from .offer import Traits, remembering

NOW = 1_000.0
MODELS = ("qwen3:8b", "gemma3:12b")
ROUNDS = 9
DECISIONS = 40
"""In one round; the best round counts, since whatever else runs here only adds."""


def decision_us(known: Known, *, workers: int = 500) -> float:
    """Return the microseconds of CPU of one choice for `auto`, its name resolved already."""
    board, settings = _crowd(workers)
    resolution = catalogue.resolve_any(board) if known.chooses_model else catalogue.resolve("auto", {}, board)
    state = remembering(1, settings.models, lambda: 1.8e9)
    best = float("inf")
    gc.disable()
    try:
        for number in range(ROUNDS):
            dispatches = [Dispatch(_request(known), {}) for _ in range(DECISIONS)]
            began_ns = process_time_ns()
            for place, dispatch in enumerate(dispatches):
                now = NOW + number + place / 100.0
                choose(dispatch, resolution, known.order, state, now, ahead=0, board=board)
            best = min(best, (process_time_ns() - began_ns) / 1e3 / DECISIONS)
    finally:
        gc.enable()
    return best


def _crowd(workers: int) -> tuple[Board, Settings]:
    """Return `workers` that are up and have answered before."""
    own, free = workers // 2, workers // 4
    machines = [
        f'[workers.m{number}]\nprovider = "ollama"\nurl = "http://10.0.{number // 250}.{number % 250 + 1}:11434"\nslots = 2'
        for number in range(own)
    ]
    keys = [f"simulated-key-{number:06d}" for number in range(workers - own)]
    pools = [
        f'[workers.groq]\nprovider = "groq"\nmodels = ["openai/gpt-oss-120b"]\nkeys = {keys[:free]}',
        f'[workers.openai]\nprovider = "openai"\nmodels = ["gpt-5.6-luna"]\nkeys = {keys[free:]}',
    ]
    settings = load("\n".join((*machines, *pools)), {})
    assert isinstance(settings, Settings), settings
    books, board, random = Books(clock=lambda: NOW, wall=lambda: 1.8e9), Board(), Random(1)
    for worker in settings.workers.values():
        standing = Standing(worker, settings.breaker, link_of(worker), books.account(worker))
        standing.up = standing.reachable = True
        names = worker.models or MODELS
        standing.take_findings(Findings(tuple(Model(name, loaded=random.random() < 0.6) for name in names)))
        for name in names:
            standing.pace.answered(
                name, first_token_s=random.random(), total_s=9.0 * random.random(), load_s=0.0, output_tokens=200
            )
        board.add(standing)
    return board, settings


def _request(known: Known) -> Request:
    request = Request(
        dialect="openai", operation="chat", model="auto", stream=True, body=b"", parsed=None, needs=frozenset()
    )
    request.input_tokens, request.arrived_s, request.deadline_s = 500, NOW, NOW + 300.0
    if known.reads_prompt:
        request.traits = Traits("code", 0.6)
    return request
