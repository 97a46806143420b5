"""Which path is answered by what, but for the paths of models: the table of every GET, and of the actions."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import msgspec
from aiohttp import web
from msgspec import Struct

from cortex.config.watcher import Current
from cortex.endpoint import listing
from cortex.endpoint.cache_pages import CachePages
from cortex.endpoint.config_pages import ConfigPages
from cortex.endpoint.control import Control
from cortex.endpoint.dashboard_files import DashboardFiles, wants_html
from cortex.endpoint.dashboard_pages import DashboardPages
from cortex.endpoint.dialect import BadRequest, Problem
from cortex.endpoint.front import MODEL_PATHS, Page, read_body
from cortex.endpoint.learned_pages import LearnedPages
from cortex.endpoint.listing import Listed
from cortex.endpoint.live import Live
from cortex.endpoint.problems import unknown_model
from cortex.endpoint.reading import read_as
from cortex.endpoint.reply import Reply
from cortex.routing import catalogue
from cortex.workers.standing import Board

MANAGEMENT = frozenset(
    {
        "/api/pull",
        "/api/push",
        "/api/create",
        "/api/copy",
        "/api/delete",
        "/api/me",
        "/api/signout",
    }
)
"""What Ollama's API has to manage one machine; behind Córtex there are several, so it is done on each of them."""

SHOW_BODY_LIMIT = 100_000
EVENTS = "/cortex/v1/events"
LIVE = "/cortex/v1/live"
ENDLESS = frozenset({EVENTS, LIVE})
"""They have no length to tell."""


class Show(Struct):
    """The body of `/api/show`; `name` is what `model` was called before."""

    model: str = ""
    name: str = ""


_shown = msgspec.json.Decoder(Show)


class Pages:
    """Finds the page for a method and a path."""

    def __init__(  # noqa: PLR0913  all that answer a path
        self,
        *,
        control: Control,
        cache: CachePages,
        learned: LearnedPages,
        dashboard: DashboardPages,
        config: ConfigPages,
        files: DashboardFiles,
        live: Live,
        board: Board,
        current: Current,
    ) -> None:
        self._files = files
        self._control = control
        self._board = board
        self._current = current
        self._exact: dict[str, dict[str, Page]] = {
            "/": _get(self._root),
            "/livez": _get(control.livez),
            "/readyz": _get(control.readyz),
            "/health": _get(control.health),
            "/metrics": _get(control.metrics),
            "/cortex/v1/tree": _get(control.tree),
            "/cortex/v1/workers": {"GET": control.workers, "POST": config.add},
            "/cortex/v1/requests": _get(control.requests),
            "/cortex/v1/config": _get(config.shown),
            "/cortex/v1/keys": _get(dashboard.keys),
            "/cortex/v1/models": _get(dashboard.models(self.models)),
            "/cortex/v1/history": _get(dashboard.history),
            "/cortex/v1/log-level": {"GET": dashboard.log_level, "POST": dashboard.set_log_level},
            "/cortex/v1/usage": _get(control.usage),
            "/cortex/v1/cache": _get(cache.facts),
            "/cortex/v1/learned": _get(learned.facts),
            "/cortex/v1/cache/clear": {"POST": cache.clear},
            EVENTS: _get(control.events),
            LIVE: _get(live.page),
            "/cortex/v1/snapshot": _get(live.snapshot),
            "/dashboard": _get(files.redirect),
            "/dashboard/": _get(files.index),
            "/v1/models": _get(self._listed(listing.v1_models)),
            "/api/tags": _get(self._listed(listing.ollama_tags)),
            "/api/ps": _get(self._listed(listing.ollama_ps)),
            "/api/version": _get(self._version),
            "/api/show": {"POST": self._show},
        }
        self._patterns: list[tuple[re.Pattern[str], dict[str, Callable[..., Any]]]] = [
            (re.compile(r"/v1/models/(.+)"), {"GET": self._model}),
            (re.compile(r"/cortex/v1/requests/([^/]+)/feedback"), {"POST": learned.feedback}),
            (re.compile(r"/dashboard/([^/]+)/([^/]+)"), {"GET": files.file}),
            (re.compile(r"/cortex/v1/workers/(.+)/(drain|resume|rest|retire|probe|restart)"), {"POST": control.act}),
            (re.compile(r"/cortex/v1/workers/(.+)"), {"GET": control.worker, "DELETE": config.remove}),
            (re.compile(r"/cortex/v1/requests/([^/]+)"), {"GET": dashboard.request}),
        ]

    def find(self, method: str, path: str) -> Page | Problem:
        """Return what answers, or what to say instead: 404, 405 or 501."""
        methods: dict[str, Any] | None = self._exact.get(path)
        answers = "GET" if method == "HEAD" and path not in ENDLESS else method
        if methods is not None:
            return methods.get(answers) or _wrong_method(method, path, methods)
        for pattern, by_method in self._patterns:
            match = pattern.fullmatch(path)
            if match:
                page = by_method.get(answers)
                if page is None:
                    return _wrong_method(method, path, by_method)
                return _bound(page, [unquote(part) for part in match.groups()])
        if path in MANAGEMENT or path.startswith("/api/blobs/"):
            where = "ask the Ollama on that machine itself (its address is in 'cortex status')"
            return Problem(501, f"Córtex manages no models: {where}", "not_implemented")
        if path in MODEL_PATHS:
            return Problem(405, f"{method} is not for {path}: use POST", "method_not_allowed", allow="POST")
        hint = "the README lists the paths"
        if path.startswith("/v1/v1/"):
            hint = "this client appends /v1 itself, so its base URL must not end in it"
        return Problem(404, f"there is nothing at {method} {path[:100]}; {hint}", "not_found")

    def models(self) -> list[Listed]:
        """Return every model some worker has, with the aliases that lead to it first."""
        aliases: dict[str, list[str]] = {}
        for alias in self._current.settings.models:
            resolution = catalogue.resolve(alias, self._current.settings.models, self._board)
            if resolution.entries:
                aliases.setdefault(resolution.entries[0].model, []).append(alias)
        found: dict[str, Listed] = {}
        for standing in self._board:
            for model in (standing.models or {}).values():
                known = found.get(model.name)
                if known is None:
                    found[model.name] = Listed(model.name, (standing.name,), model, tuple(aliases.get(model.name, ())))
                else:
                    better = model if model.loaded and not known.model.loaded else known.model
                    found[model.name] = Listed(model.name, (*known.workers, standing.name), better, known.aliases)
        return list(found.values())

    def _listed(self, write: Callable[[list[Listed]], bytes]) -> Page:
        async def page(_: web.BaseRequest, reply: Reply) -> None:
            reply.whole(200, "application/json", write(self.models()))

        return page

    async def _root(self, http: web.BaseRequest, reply: Reply) -> None:
        """Answer as Ollama does: its clients ask this first. Somebody with a browser is sent to the dashboard."""
        if wants_html(http):
            await self._files.redirect(http, reply)
            return
        reply.whole(200, "text/plain; charset=utf-8", b"Ollama is running")

    async def _version(self, _: web.BaseRequest, reply: Reply) -> None:
        reply.whole(200, "application/json", listing.ollama_version())

    async def _model(self, _: web.BaseRequest, reply: Reply, model_id: str) -> None:
        """Answer for every name that may be asked for, listed or not (`worker:model`, another spelling)."""
        body = listing.v1_model(self.models(), model_id)
        if body is None:
            body = listing.v1_entry(msgspec.structs.replace(self._meant(model_id), name=model_id))
        reply.whole(200, "application/json", body)

    async def _show(self, http: web.BaseRequest, reply: Reply) -> None:
        wanted = read_as(_shown, await read_body(http, SHOW_BODY_LIMIT), {})
        reply.whole(200, "application/json", listing.ollama_show(self._meant(wanted.model or wanted.name)))

    def _meant(self, asked: str) -> Listed:
        """Return the model that a request for `asked` reaches first. Raises BadRequest where nobody has one."""
        resolution = catalogue.resolve(asked, self._current.settings.models, self._board)
        names = {listed.name: listed for listed in self.models()}
        listed = next((names[entry.model] for entry in resolution.entries if entry.model in names), None)
        if listed is None:
            raise BadRequest(unknown_model(asked, self._nearest(asked)))
        return listed

    def _nearest(self, asked: str) -> tuple[str, ...]:
        return catalogue.nearest(asked, self._current.settings.models, self._board)


def _get(page: Page) -> dict[str, Page]:
    return {"GET": page}


def _bound(page: Callable[..., Any], arguments: list[str]) -> Page:
    async def bound(http: web.BaseRequest, reply: Reply) -> None:
        await page(http, reply, *arguments)

    return bound


def _wrong_method(method: str, path: str, methods: dict[str, Any]) -> Problem:
    there = [*methods, "HEAD"] if "GET" in methods else list(methods)
    said = f"{method} is not for {path[:100]}: use {' or '.join(methods)}"
    return Problem(405, said, "method_not_allowed", allow=", ".join(there))
