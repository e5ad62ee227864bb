"""The service without a framework's models: Starlette, one table of rules, the core as the judge.

    python service.py 8080
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import legacy
import neighbours
import uvicorn
from core import HOUSINGS, SERVICES, Refused, Scorer, read
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

PROPERTIES: dict[str, Any] = {
    "parcel": {"type": "integer", "minimum": 1, "maximum": 9_999_999_999},
    "depot": {"type": "string", "pattern": "^[0-9A-Z]{2,4}$"},
    "service": {"enum": [*SERVICES]},
    "housing": {"enum": [*HOUSINGS]},
    "weight_kg": {"type": "number", "minimum": 0.1, "maximum": 30},
    "distance_km": {"type": "number", "minimum": 0.5, "maximum": 120},
    "day": {"type": "string", "format": "date"},
    "hour": {"type": "integer", "minimum": 0, "maximum": 23},
    "load_pct": {"type": ["integer", "null"], "minimum": 0, "maximum": 400},
}
PARCEL = {
    "type": "object",
    "properties": PROPERTIES,
    "required": [name for name in PROPERTIES if name != "load_pct"],
    "additionalProperties": False,
}
ANSWER = {
    "type": "object",
    "properties": {
        "parcel": {"type": "integer"}, "risk": {"type": "number"}, "move": {"type": "boolean"},
        "model": {"type": "string"},
    },
    "required": ["parcel", "risk", "move", "model"],
}  # fmt: skip
REFUSAL = {"type": "object", "properties": {"refused": {"type": "string"}}, "required": ["refused"]}
REASONS = {400: "unreadable", 422: "no parcel", 429: "busy", 503: "nobody can answer"}


def document() -> dict[str, Any]:
    """Return the OpenAPI document."""

    def body(schema: Any, kind: str = "application/json") -> dict[str, Any]:
        return {"content": {kind: {"schema": schema}}}

    refusals = {str(one): {"description": why, **body(REFUSAL)} for one, why in REASONS.items()}
    answered = {"200": {"description": "the answer", **body(ANSWER)}, **refusals}
    file = {"200": {"description": "the answers", **body({}, "text/csv")}, **refusals}
    said = {"200": {"description": "yes"}, "503": {"description": "no"}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Larkmoor scorer", "version": "1"},
        "paths": {
            "/health": {"get": {"responses": {"200": {"description": "yes"}}}},
            "/ready": {"get": {"responses": said}},
            "/score.csv": {"post": {"requestBody": body({}, "text/csv"), "responses": file}},
            "/v1/score": {
                "post": {"requestBody": {"required": True, **body(PARCEL)}, "responses": answered}
            },
        },
    }


class Replica:
    """One process behind the balancer."""

    def __init__(self) -> None:
        places = int(os.environ.get("LARKMOOR_AT_ONCE", "8"))
        self.places = asyncio.Semaphore(places)
        self.pool = ThreadPoolExecutor(places)  # asyncio's own has cores + 4, too few
        self.scorer: Scorer | None = None
        self.told = self.noes = 0
        self.server: Server | None = None
        threading.Thread(target=self.fetch, daemon=True).start()

    def fetch(self) -> None:
        """Fetch the model, beside everything else."""
        self.scorer = Scorer(neighbours.model())

    async def ready(self, _: Request) -> Response:
        """Answer the balancer."""
        if self.told:
            self.noes += 1
            if self.noes > 1 and self.server:
                self.server.should_exit = True
        return Response(status_code=503 if self.told or not self.scorer else 200)

    async def health(self, _: Request) -> Response:
        """Live."""
        return Response()

    async def openapi(self, _: Request) -> Response:
        """Return the document."""
        return JSONResponse(document())

    async def score(self, request: Request) -> Response:
        """Answer for one parcel."""
        return await self.placed(self.one, await request.body())

    async def file(self, request: Request) -> Response:
        """Answer the old client."""
        return await self.placed(self.many, await request.body())

    async def placed(self, act: Any, body: bytes) -> Response:
        """Act in a thread, if there is a place."""
        if self.places.locked():
            return refusal(429, "busy", {"retry-after": "2"})
        async with self.places:
            if self.scorer is None:
                return refusal(503, "model")
            try:
                loop = asyncio.get_running_loop()
                found: Response = await loop.run_in_executor(self.pool, act, body, self.scorer)
            except Refused as error:
                return refusal(422, error.field)
            except (UnicodeDecodeError, ValueError):
                return refusal(400, "body")
            except neighbours.Silent:
                return refusal(503, "board")
            return found

    def one(self, body: bytes, scorer: Scorer) -> Response:
        """Answer for one parcel."""
        fields = json.loads(body.decode(), parse_constant=float)
        return JSONResponse(scorer.answer(read(fields), neighbours.load))

    def many(self, body: bytes, scorer: Scorer) -> Response:
        """Answer for a file."""
        content = legacy.answer(body, scorer, neighbours.load)
        return Response(content, headers={"content-type": "text/csv; charset=iso-8859-1"})


def refusal(status: int, why: str, headers: dict[str, str] | None = None) -> Response:
    """Return a refusal."""
    return JSONResponse({"refused": why}, status, headers)


class Server(uvicorn.Server):
    """A server that stays when it is told to go."""

    replica: Replica

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Remember it."""
        self.replica.told += 1


def application(replica: Replica) -> Starlette:
    """Return the application."""
    return Starlette(
        routes=[
            Route("/ready", replica.ready),
            Route("/health", replica.health),
            Route("/openapi.json", replica.openapi),
            Route("/v1/score", replica.score, methods=["POST"]),
            Route("/score.csv", replica.file, methods=["POST"]),
        ]
    )


if __name__ == "__main__":
    replica = Replica()
    config = uvicorn.Config(
        application(replica), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning"
    )
    replica.server = Server(config)
    replica.server.replica = replica
    replica.server.run()
