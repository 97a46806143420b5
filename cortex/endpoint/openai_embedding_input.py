"""What may be embedded, or completed: one text or several, or the same as token ids. Pure."""

from typing import Annotated, NamedTuple

from msgspec import Meta

from cortex.endpoint.problems import refuse

_Id = Annotated[int, Meta(ge=0)]
Input = str | list[str | _Id | Annotated[list[_Id], Meta(min_length=1)]]
"""As a body has it; that a list holds only one kind of thing, `texts_of` checks."""

INPUT = "a string, an array of strings, of token ids, or of arrays of token ids"


class Texts(NamedTuple):
    """Either texts or token ids; one of the two is empty."""

    words: tuple[str, ...] = ()
    ids: tuple[tuple[int, ...], ...] = ()


def texts_of(given: Input, param: str) -> Texts:
    """Return the texts. Raises BadRequest for none at all, and for a list of mixed kinds."""
    if isinstance(given, str):
        return Texts(words=(given,))
    words = tuple(item for item in given if isinstance(item, str))
    ids = tuple(tuple(item) for item in given if isinstance(item, list))
    single = tuple(item for item in given if isinstance(item, int))
    if not given:
        raise refuse(f"expected {INPUT}, found []", param)
    if len(given) not in {len(words), len(ids), len(single)}:
        raise refuse(f"expected {INPUT}, found an array of more than one kind", param)
    return Texts(words=words, ids=(single,) if single else ids)
