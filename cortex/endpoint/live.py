"""The live page's WebSocket: one look twice a second for everyone who looks, and nothing while nobody does.

Theory of operation: who wants the same sections is in one group; what a look has changed is encoded once a group and handed to each
client's outbox. A client whose outbox is full gets a whole picture when it has taken what is there, in place of a backlog. The
ticker runs only while somebody wants something; a hidden tab wants nothing, and only its pings go on. When a look fails every
client is let go: each comes back by itself, to a whole picture.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import msgspec
import structlog
from aiohttp import WSCloseCode, WSMsgType, web

from cortex import __version__
from cortex.actors.errors import ActorDeadError, HandlerCrashed, MailboxFull
from cortex.actors.names import Names
from cortex.actors.ref import Ref
from cortex.actors.supervisor import ChildInfo, WhichChildren
from cortex.endpoint.dialect import BadRequest, Problem
from cortex.endpoint.live_view import SECTIONS, LiveView, Node
from cortex.endpoint.reply import Reply

PROTOCOL = "cortex.v1"
LOOK_S = 0.5
SOONEST_S = 0.1
"""Between two looks, when somebody comes in between."""
HEARTBEAT_S = 1.0
PING_S = 20.0
CLIENTS_LIMIT = 64
OUTBOX = 4
LARGEST_MESSAGE = 4_096
SEND_TIMEOUT_S = 30.0
TREE_TIMEOUT_S = 1.0

Wanted = frozenset[str]

SNAPSHOT: Wanted = frozenset({"rows", "events"})
"""What a picture has that is asked for by itself, beside the summary."""

log: Any = structlog.get_logger()
_encoder = msgspec.json.Encoder(enc_hook=str)


class _Want(msgspec.Struct):
    want: list[str]


_want = msgspec.json.Decoder(_Want)


class Client:
    """One open page."""

    def __init__(self, ws: web.WebSocketResponse) -> None:
        self.ws = ws
        self.wanted: Wanted = frozenset()
        self.needs_full = False
        self._outbox: deque[bytes] = deque()
        self._wake = asyncio.Event()

    def put(self, message: bytes) -> None:
        """Have one more message sent; when too many wait already, a whole picture instead of all of them."""
        if len(self._outbox) >= OUTBOX:
            self._outbox.clear()
            self.needs_full = True
        elif not self.needs_full:
            self._outbox.append(message)
            self._wake.set()

    def put_full(self, message: bytes) -> None:
        """Have a whole picture sent, in place of whatever waits."""
        self.needs_full = False
        self._outbox.clear()
        self._outbox.append(message)
        self._wake.set()

    def drop(self) -> None:
        """Forget what waits."""
        self._outbox.clear()
        self.needs_full = False

    @property
    def is_behind(self) -> bool:
        """Whether it has not taken its last messages."""
        return bool(self._outbox)

    async def send(self) -> None:
        """Send what there is, for ever. Raises when the client is gone, or takes nothing."""
        while True:
            await self._wake.wait()
            while self._outbox:
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    await self.ws.send_frame(self._outbox.popleft(), WSMsgType.TEXT)
            self._wake.clear()


class Group:
    """Those who want the same."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.clients: set[Client] = set()
        self.seq = 0
        self.said_s = float("-inf")
        """When it last got anything; monotonic."""


class Live:
    """See the module's docstring."""

    def __init__(
        self,
        *,
        view: LiveView,
        names: Names,
        assets: str,
        pid: int,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._view = view
        self._names = names
        self._clock = clock
        self._wall = wall
        self._hello = {"version": __version__, "assets": assets, "pid": pid, "started_at": round(wall(), 3)}
        self._clients: set[Client] = set()
        self._groups: dict[Wanted, Group] = {}
        self._nodes: list[Node] = []
        self._ticker: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Live {len(self._clients)} clients, {'looking' if self.is_looking else 'idle'}>"

    @property
    def is_looking(self) -> bool:
        """Whether somebody wants something."""
        return self._ticker is not None and not self._ticker.done()

    async def page(self, http: web.BaseRequest, _: Reply) -> web.StreamResponse:
        """Serve one page until it goes."""
        ws = web.WebSocketResponse(
            heartbeat=PING_S, protocols=(PROTOCOL,), max_msg_size=LARGEST_MESSAGE, compress=False
        )
        if not ws.can_prepare(http):
            raise BadRequest(Problem(400, "this is a WebSocket: connect with 'Upgrade: websocket'", "not_a_websocket"))
        if len(self._clients) >= CLIENTS_LIMIT:
            raise BadRequest(Problem(503, f"{CLIENTS_LIMIT} pages are open", "overloaded", retry_after_s=10.0))
        await ws.prepare(http)
        await ws.send_frame(self._greeting(), WSMsgType.TEXT)  # small, and the first: it cannot have to wait
        client = Client(ws)
        self._clients.add(client)
        sending = asyncio.get_running_loop().create_task(self._send(client))
        try:
            async for message in ws:
                if message.type is not WSMsgType.TEXT or not self._heard(client, message.data):
                    await ws.close(code=WSCloseCode.POLICY_VIOLATION, message=b'expected {"want":[...]}')
        finally:
            self._clients.discard(client)
            self._regroup(client, frozenset())
            sending.cancel()
        return ws

    async def snapshot(self, _: web.BaseRequest, reply: Reply) -> None:
        """Answer with one whole picture, for those who look without a socket: the same look that the open pages get."""
        await self._look()
        about = {name: value for name, value in self._hello.items() if name != "assets"}
        whole = {**about, "at": round(self._wall(), 3), **self._view.full(SNAPSHOT)}
        reply.whole(200, "application/json", _encoder.encode(whole) + b"\n")

    async def close(self) -> None:
        """Let every page go: Córtex ends."""
        if self._ticker is not None:
            self._ticker.cancel()
        for client in tuple(self._clients):
            with suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(0.2):
                    await client.ws.close(code=WSCloseCode.GOING_AWAY, message=b"Cortex ends")

    async def _send(self, client: Client) -> None:
        try:
            await client.send()
        except (ConnectionError, TimeoutError):
            _cut(client)

    def _greeting(self) -> bytes:
        wall = self._wall()
        summary = self._view.glance(self._clock(), wall)
        return _encoder.encode({"hello": self._hello, "seq": 0, "at": round(wall, 3), "full": {"summary": summary}})

    def _heard(self, client: Client, data: str) -> bool:
        """Take over what a page wants; False when it is nothing that can be wanted."""
        try:
            wanted = frozenset(_want.decode(data).want)
        except msgspec.MsgspecError:
            return False
        if not wanted <= frozenset(SECTIONS):
            return False
        self._regroup(client, wanted)
        return True

    def _regroup(self, client: Client, wanted: Wanted) -> None:
        group = self._groups.get(client.wanted)
        if group is not None:
            group.clients.discard(client)
            if not group.clients:
                del self._groups[client.wanted]
        client.wanted = wanted
        client.drop()
        if not wanted:
            return
        self._groups.setdefault(wanted, Group(wanted)).clients.add(client)
        client.needs_full = True
        self._wake.set()
        if not self.is_looking:
            self._ticker = asyncio.get_running_loop().create_task(self._tick())

    async def _tick(self) -> None:
        """Look, tell, wait; until nobody wants anything."""
        try:
            while self._groups:
                self._wake.clear()
                await self._look()
                await asyncio.sleep(SOONEST_S)
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S - SOONEST_S):
                        await self._wake.wait()
        except Exception:  # whatever it was, the pages come back by themselves and the next look is a new one
            log.exception("the live page failed")
            for client in tuple(self._clients):
                _cut(client)

    async def _look(self) -> None:
        self._nodes = await self._tree() or self._nodes
        now, wall = self._clock(), self._wall()
        delta = self._view.look(self._nodes, now, wall)
        for group in tuple(self._groups.values()):
            self._tell(group, delta, now, round(wall, 3))

    def _tell(self, group: Group, delta: dict[str, Any], now: float, at: float) -> None:
        """Send one group what has changed; those who are new, or had fallen behind and are not any more, get everything."""
        wanted = {"summary", "order" if "rows" in group.wanted else "", *group.wanted}
        changed = {section: value for section, value in delta.items() if section in wanted}
        group.seq += bool(changed)
        up_to_date = [client for client in group.clients if not client.needs_full]
        if up_to_date and (changed or now - group.said_s >= HEARTBEAT_S - 0.05):
            group.said_s = now
            news = {"delta": changed} if changed else {}
            message = _encoder.encode({"seq": group.seq, "at": at, **news})
            for client in up_to_date:
                client.put(message)
        new = [client for client in group.clients if client.needs_full and not client.is_behind]
        if new:
            whole = _encoder.encode({"seq": group.seq, "at": at, "full": self._view.full(group.wanted)})
            for client in new:
                client.put_full(whole)

    async def _tree(self) -> list[Node]:
        """Ask the supervisors for their children; nothing when the root does not answer in time."""
        children = await self._children("root")
        if children is None:
            return []
        root = self._names.lookup("root")
        nodes = [Node("root", "", "supervisor", "running", 0, 0, *_mailbox(root))]
        await self._add(nodes, children, "root", 1)
        return nodes

    async def _add(self, nodes: list[Node], children: Iterable[ChildInfo], parent: str, depth: int) -> None:
        for child in children:
            name = child.name.removeprefix("workers/")
            nodes.append(Node(name, parent, child.kind, child.state, child.restarts, depth, *_mailbox(child.ref)))
            if child.kind == "supervisor":
                below = await self._children(child.name)
                if below is None:  # it is being restarted, or slow: who was there before is shown
                    nodes += [node for node in self._nodes if node.parent == name]
                else:
                    await self._add(nodes, below, name, depth + 1)

    async def _children(self, supervisor: str) -> list[ChildInfo] | None:
        try:
            children: list[ChildInfo] = await self._names.ask_until(supervisor, WhichChildren(), TREE_TIMEOUT_S)
        except (TimeoutError, ActorDeadError, MailboxFull, HandlerCrashed):
            return None
        return children


def _mailbox(actor: Ref[Any] | None) -> tuple[int, int] | tuple[None, None]:
    """Return how many messages wait, and how many may; nothing of an actor that is not there."""
    return (None, None) if actor is None else (actor.waiting, actor.mailbox_limit)


def _cut(client: Client) -> None:
    """End a connection at once: the page sees it and comes back."""
    with suppress(ConnectionError):
        writer = client.ws._writer  # noqa: SLF001  aiohttp's own close would wait for the peer to answer
        if writer is not None:
            writer.transport.abort()
