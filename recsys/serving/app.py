"""The server's routes: TensorFlow Serving's REST interface, the page, and what operators ask."""

import asyncio
import functools
import logging
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from recsys.errors import InputError
from recsys.serving.errors import RequestError
from recsys.serving.guard import Guard
from recsys.serving.log import log_event
from recsys.serving.metadata import describe_model
from recsys.serving.metrics import Metrics
from recsys.serving.page import Page
from recsys.serving.protocol import Limits, parse_json, read_request, write_answer
from recsys.serving.settings import ServingSettings
from recsys.serving.versions import Version, Versions

JSON = "application/json"
OTHER_METHOD = "this address takes another method"
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
Handler = Callable[[Request], Awaitable[Response]]
Answer = TypeVar("Answer")


def make_app(
    name: str,
    versions: Versions,
    settings: ServingSettings,
    metrics: Metrics,
    token: bytes | None = None,
    pictures: Mapping[str, str] | None = None,
) -> Starlette:
    """The server as an ASGI application.

    Args:
        name: of the model, in addresses.
        versions: that answer.
        settings: limits.
        metrics: that count.
        token: that requests must bring; None: anyone may ask.
        pictures: addresses by item id, for the page.
    """
    return _Server(name, versions, settings, metrics, token, pictures or {}).app


class _Server:
    def __init__(
        self,
        name: str,
        versions: Versions,
        settings: ServingSettings,
        metrics: Metrics,
        token: bytes | None,
        pictures: Mapping[str, str],
    ) -> None:
        self._name, self._versions, self._settings = name, versions, settings
        self._metrics = metrics
        self._limits = Limits(settings.batch, settings.history)
        self._guard = Guard(settings, token)
        self._page = Page(name, versions, pictures)
        self._workers = settings.workers or os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="model")
        self._in_work = 0
        self.app = Starlette(routes=self._routes(), exception_handlers={HTTPException: _no_route})

    def _routes(self) -> list[Route]:
        def get(path: str, handler: Handler, route: str, **options: Any) -> Route:
            return Route(path, self._guarded(handler, route, **options), methods=["GET"])

        def post(path: str, handler: Handler, route: str) -> Route:
            return Route(path, self._guarded(handler, route), methods=["POST"])

        model = "/v1/models/{name}"
        routes = [
            get("/", self._show_page, "page", is_open=True),
            get("/healthz", _is_alive, "health", is_probe=True),
            get("/readyz", _is_alive, "health", is_probe=True),
            get("/metrics", self._show_metrics, "metrics"),
            get("/page/items", self._search, "search"),
            post("/page/recommend", self._recommend, "recommend"),
        ]
        for which in ("", "/versions/{version}", "/labels/{label}"):
            routes += [
                post(f"{model}{which}:predict", self._predict, "predict"),
                get(f"{model}{which}:predict", _takes_a_post, "predict"),
                get(f"{model}{which}/metadata", self._metadata, "metadata"),
            ]
        # Last: a name may hold anything but a slash.
        for which in ("", "/versions/{version}", "/labels/{label}"):
            routes.append(get(f"{model}{which}", self._status, "status"))
        return routes

    def _guarded(
        self, handler: Handler, route: str, is_open: bool = False, is_probe: bool = False
    ) -> Handler:
        """A handler behind the guard, whose answers are counted and whose failures are JSON."""

        async def answer(request: Request) -> Response:
            began = time.monotonic()
            try:
                if not is_probe:
                    self._guard.check(request, is_open)
                response = await handler(request)
            except RequestError as error:
                response = _error(error.message, error.status, error.headers)
            except InputError as error:
                response = _error(str(error), 400)
            except Exception as error:
                what = {"error": type(error).__name__, "at": _place(error)}
                log_event("failed", logging.ERROR, route=route, **what)
                response = _error("the server could not answer this", 500)
            response.headers.update({**HEADERS, **dict(response.headers)})
            self._metrics.requests.labels(route, str(response.status_code)).inc()
            self._metrics.seconds.labels(route).observe(time.monotonic() - began)
            return response

        return answer

    async def _work(self, function: Callable[[], Answer]) -> Answer:
        """Runs what computes beside the event loop; refuses it where too much waits."""
        if self._in_work >= self._workers + self._settings.waiting:
            raise RequestError("too many requests at once: try again", 503, {"Retry-After": "1"})
        self._in_work += 1
        self._metrics.waiting.set(self._in_work)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, function)
        finally:
            self._in_work -= 1
            self._metrics.waiting.set(self._in_work)

    def _version(self, request: Request) -> Version:
        asked = request.path_params
        if asked["name"] != self._name:
            raise RequestError(f"there is no such model: {self._name} is served", 404)
        return self._versions.get(asked.get("version"), asked.get("label"))

    async def _predict(self, request: Request) -> Response:
        version = self._version(request)
        body = await self._guard.read(request)
        answered = await self._work(functools.partial(self._answer, version, body))
        return Response(answered, media_type=JSON)

    def _answer(self, version: Version, body: bytes) -> bytes:
        asked = read_request(
            parse_json(body),
            version.signatures,
            self._limits,
            version.recommender.event_inputs,
        )
        self._metrics.rows.inc(asked.rows)
        return write_answer(
            version.recommender.call(asked.signature, asked.inputs), asked.is_row_format
        )

    async def _status(self, request: Request) -> Response:
        version = self._version(request)
        is_named = {"version", "label"} & request.path_params.keys()
        status = {"error_code": "OK", "error_message": ""}
        return JSONResponse(
            {
                "model_version_status": [
                    {"version": each.number, "state": "AVAILABLE", "status": status}
                    for each in ([version] if is_named else reversed(self._versions.all))
                ]
            }
        )

    async def _metadata(self, request: Request) -> Response:
        version = self._version(request)
        return JSONResponse(describe_model(self._name, version.number, version.signatures))

    async def _show_page(self, request: Request) -> Response:
        return Response(
            self._page.document,
            media_type="text/html",
            headers={"Content-Security-Policy": self._page.policy},
        )

    async def _search(self, request: Request) -> Response:
        words = request.query_params.get("q", "")
        return JSONResponse(await self._work(functools.partial(self._page.search, words)))

    async def _recommend(self, request: Request) -> Response:
        body = await self._guard.read(request)
        return JSONResponse(await self._work(lambda: self._page.recommend(parse_json(body))))

    async def _show_metrics(self, request: Request) -> Response:
        return Response(self._metrics.text(), media_type="text/plain; version=0.0.4")


async def _is_alive(request: Request) -> Response:
    """A version is loaded before the server listens, and one always stays."""
    return JSONResponse({"status": "ok"})


async def _takes_a_post(request: Request) -> Response:
    raise RequestError(OTHER_METHOD, 405, {"Allow": "POST"})


async def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    said = {404: "there is nothing at this address", 405: OTHER_METHOD}
    return _error(said.get(error.status_code, error.detail), error.status_code, error.headers)


def _error(message: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": message}, status, dict(headers or {}))


def _place(error: BaseException) -> str:
    """Where it happened, without what it says: that may hold what a request held."""
    trace = error.__traceback__
    assert trace is not None
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}"
