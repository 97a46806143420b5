"""Cut a stream of bytes into events: server-sent events and lines of JSON. Pure.

Theory of operation: an upstream's reads end anywhere, most often at the end of an event. So a splitter looks once for
the last boundary in what came, splits what lies before it with `bytes.split`, and holds what lies behind. Only held
bytes are ever copied, and of those only the newest are searched, so an event that trickles in costs no more than one
that comes whole. Whatever the cuts, the same events come out.
"""

_BOM = b"\xef\xbb\xbf"
EVENT_LIMIT = 8 << 20
"""Bytes of one event or line; a whole image in base64 fits."""


class Overflow(ValueError):  # noqa: N818  it names what happened, as the failures of a stream do
    """An event is longer than the splitter may hold: the stream is no answer, and nothing more can be read from it."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"an event of more than {limit:,} bytes")
        self.limit = limit


class SseSplitter:
    r"""Splits server-sent events (WHATWG HTML § 9.2) into the data of each.

    Comments and the fields `event`, `id` and `retry` are dropped, as are events without data.

    >>> splitter = SseSplitter()
    >>> splitter.feed(b'data: {"a":1}\n\n: ping\n\ndata: [DO'), splitter.feed(b"NE]\n\n")
    ([b'{"a":1}'], [b'[DONE]'])
    """

    __slots__ = ("_after_cr", "_begun", "_held", "_limit")

    def __init__(self, limit: int = EVENT_LIMIT) -> None:
        self._limit = limit
        self._held = bytearray()
        self._begun = False
        self._after_cr = False

    @property
    def rest(self) -> bytes:
        """The bytes of an incomplete event; line ends are all LF here."""
        return bytes(self._held).lstrip(b"\n")

    def feed(self, data: bytes) -> list[bytes]:
        """Return the data of each event that `data` completes.

        Raises Overflow for an event that is too long; the events that came whole with it are then lost.
        """
        if not self._begun:
            data = self._start(data)
        if self._after_cr or b"\r" in data:
            data = self._with_lf_only(data)
        if self._held:
            whole = self._join(data)
        else:
            cut = data.rfind(b"\n\n")
            if cut + 2 < len(data) or cut < 0:
                self._hold(data[cut + 2 :] if cut >= 0 else data)
            whole = data[: max(cut, 0)]
        if not whole:
            return []
        blocks = whole.split(b"\n\n")
        if len(whole) > self._limit and any(len(block.strip(b"\n")) > self._limit for block in blocks):
            raise Overflow(self._limit)
        return [payload for block in blocks if (payload := _payload(block))]

    def _start(self, data: bytes) -> bytes:
        """Drop a byte order mark, which may come in pieces, before the very first byte."""
        data = bytes(self._held) + data
        self._held.clear()
        if len(data) < len(_BOM) and _BOM.startswith(data):
            self._held += data
            return b""
        self._begun = True
        return data.removeprefix(_BOM)

    def _with_lf_only(self, data: bytes) -> bytes:
        """Make every line end an LF. A CR at the very end is one already; an LF that comes later is its second half."""
        if not data:
            return data
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
            self._after_cr = False
        if data:
            self._after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _join(self, data: bytes) -> bytes:
        """Add `data` to what is held and take out all that is whole."""
        held = self._held
        newest = len(held) - 1
        held += data
        cut = held.rfind(b"\n\n", newest)
        if cut < 0:
            self._hold(b"")
            return b""
        whole = bytes(held[:cut])
        del held[: cut + 2]
        self._hold(b"")
        return whole

    def _hold(self, data: bytes) -> None:
        if data:
            self._held += data
        if len(self._held) > self._limit + 2:  # at most one line end before the event and one behind it
            raise Overflow(self._limit)


def _payload(block: bytes) -> bytes:
    """Return the data of one event, its lines joined by LF; empty when it has none."""
    if b"\n" not in block:
        if block.startswith(b"data: "):
            return block[6:]
        return block[5:] if block.startswith(b"data:") else b""
    lines = [line[5:].removeprefix(b" ") for line in block.split(b"\n") if line == b"data" or line.startswith(b"data:")]
    return b"\n".join(lines)


class NdjsonSplitter:
    r"""Splits lines of JSON.

    Blank lines are dropped. A last line without its line end is left in `rest`: only the caller knows that the stream
    is over.

    >>> splitter = NdjsonSplitter()
    >>> splitter.feed(b'{"a":1}\r\n\n{"b"'), splitter.rest
    ([b'{"a":1}'], b'{"b"')
    """

    __slots__ = ("_held", "_limit")

    def __init__(self, limit: int = EVENT_LIMIT) -> None:
        self._limit = limit
        self._held = bytearray()

    @property
    def rest(self) -> bytes:
        """The bytes of an incomplete line."""
        return bytes(self._held)

    def feed(self, data: bytes) -> list[bytes]:
        """Return each line that `data` completes, without its line end.

        Raises Overflow for a line that is too long; the lines that came whole with it are then lost.
        """
        cut = data.rfind(b"\n")
        if cut < 0:
            self._hold(data)
            return []
        whole = data[:cut]
        if self._held:
            whole = bytes(self._held) + whole
            self._held.clear()
        if cut + 1 < len(data):
            self._hold(data[cut + 1 :])
        lines = whole.split(b"\n")
        if len(whole) > self._limit and any(len(line.removesuffix(b"\r")) > self._limit for line in lines):
            raise Overflow(self._limit)
        if b"\r" in whole:
            lines = [line.removesuffix(b"\r") for line in lines]
        return [line for line in lines if line and not line.isspace()]

    def _hold(self, data: bytes) -> None:
        self._held += data
        if len(self._held) > self._limit + 1:  # its CR may be here already
            raise Overflow(self._limit)
