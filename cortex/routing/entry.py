"""What the catalogue finds and the strategies order: a worker, and the model it would answer with. Pure."""

from typing import NamedTuple

from cortex.workers.standing import Standing


class Entry(NamedTuple):
    """One worker that has a model that was asked for."""

    standing: Standing
    model: str
    """The upstream's own name of it."""
    rank: int
    """Position in its alias, 0 the best; 0 everywhere else."""
