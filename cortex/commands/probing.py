"""`cortex check --probe`: the free questions that the daemon's health actor asks, asked once, without a daemon."""

import asyncio

from cortex.commands.columns import Cell, aligned
from cortex.commands.marks import BAD, OK, WARN
from cortex.config.model import Settings, Worker
from cortex.messages import Failure
from cortex.providers.base import Findings
from cortex.transport.connect import client_context
from cortex.transport.pool import Pool
from cortex.workers.health import probe
from cortex.workers.worker import link_of

Result = Findings | Failure


def probe_all(settings: Settings) -> tuple[list[str], bool]:
    """Ask every worker's upstream at once; return a line for each, and whether all are there.

    Takes no longer than the settings' own time-out of a probe.
    """
    results = asyncio.run(_ask(settings))
    lines = aligned([_row(worker, result) for worker, result in zip(settings.workers.values(), results, strict=True)])
    return lines, all(isinstance(result, Findings) for result in results)


async def _ask(settings: Settings) -> list[Result]:
    pool = Pool(tls=client_context(settings.tls.ca) if settings.tls.ca else None)
    try:
        return await asyncio.gather(
            *(_look(pool, worker, settings.health.timeout_s) for worker in settings.workers.values())
        )
    finally:
        await pool.close()


async def _look(pool: Pool, worker: Worker, timeout_s: float) -> Result:
    try:
        link = link_of(worker)
    except ValueError as error:
        return Failure("unreachable", str(error))
    return await probe(pool, link, timeout_s)


def _row(worker: Worker, result: Result) -> list[Cell]:
    if isinstance(result, Failure):
        return [Cell(f"✕ {worker.name}", BAD), Cell(worker.url), Cell(str(result), BAD)]
    lacking = _lacking(worker, result)
    return [
        Cell(f"{'◐' if lacking else '●'} {worker.name}", WARN if lacking else OK),
        Cell(worker.url),
        Cell(_found(worker, result)),
        Cell(f"lacks {', '.join(lacking)}" if lacking else "", WARN),
    ]


def _found(worker: Worker, findings: Findings) -> str:
    if findings.models is None:
        models = "does not list its models"
    else:
        count = len(findings.models)
        models = f"{count or 'no'} model{'' if count == 1 else 's'}"
    version = f" {findings.version}" if findings.version else ""
    return f"reachable, {worker.provider}{version}, {models}"


def _lacking(worker: Worker, findings: Findings) -> list[str]:
    """Return the models that the settings expect there and its upstream does not have."""
    if findings.models is None:
        return []
    normal = link_of(worker).provider.normal_name
    there = {normal(model.name) for model in findings.models}
    return [name for name in worker.models if normal(name) not in there]
