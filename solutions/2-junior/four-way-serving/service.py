"""The service: the scorer behind HTTP, in one process that the balancer can trust.

    python service.py 8080

LARKMOOR_AT_ONCE says how many questions may be answered at the same time.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

import legacy
import neighbours
import uvicorn
from core import Refused, Scorer, read
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException as AnyHTTPException


class Desk:
    """What this process knows of itself."""

    def __init__(self) -> None:
        self.at_once = int(os.environ.get("LARKMOOR_AT_ONCE", "8"))
        self.server: Server | None = None
        self.scorer: Scorer | None = None
        self.busy = 0  # questions being answered
        self.leaving = False  # told to go
        self.turned_away = 0  # how often the balancer has heard so


desk = Desk()


class Server(uvicorn.Server):
    """A server that is told to go, and stays until the balancer has noticed."""

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Answer SIGTERM; what uvicorn does by itself closes the port at once."""
        ### BEGIN SOLUTION: remember it, the balancer still sends questions
        desk.leaving = True
        ### END SOLUTION


def application() -> FastAPI:
    """Return the application: today's routes, and what today's lack."""
    ### BEGIN SOLUTION: routes that are ready when they are, refuse in time, and are documented
    app = FastAPI(title="Larkmoor scorer", version="1", lifespan=lifespan)
    app.include_router(router)
    app.add_exception_handler(AnyHTTPException, refuse)
    app.add_exception_handler(RequestValidationError, misfit)
    return app


Whole = Annotated[float, Field(json_schema_extra={"type": "integer"})]  # JSON's 17.0 is whole too


class Parcel(BaseModel):
    """One parcel, as it is known when it is handed over."""

    model_config = ConfigDict(extra="forbid", strict=True)

    parcel: Whole = Field(ge=1, le=9_999_999_999)
    depot: str = Field(pattern=r"^[0-9A-Z]{2,4}$")
    service: Literal["standard", "express", "pharmacy"]
    housing: Literal["house", "flat", "locker", "farm"]
    weight_kg: float = Field(ge=0.1, le=30)
    distance_km: float = Field(ge=0.5, le=120)
    day: str = Field(json_schema_extra={"format": "date"})
    hour: Whole = Field(ge=0, le=23)
    load_pct: Annotated[Whole, Field(ge=0, le=400)] | None = None


class Answer(BaseModel):
    """How likely the parcel is to be late, and whether to move it to the early van."""

    parcel: int
    risk: float
    move: bool
    model: str


class Refusal(BaseModel):
    """What did not fit, or why nobody answers."""

    refused: str


ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Refusal, "description": text}
    for status, text in {
        400: "The body cannot be read.",
        422: "The body describes no parcel.",
        429: "Too many questions at once; ask again.",
        503: "Not ready, or the board is silent.",
    }.items()
}
router = APIRouter()


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Fetch the model while the port already answers."""
    fetching = asyncio.create_task(asyncio.to_thread(fetch))
    yield
    fetching.cancel()


def fetch() -> None:
    """Fetch the model; without one this process never gets ready."""
    desk.scorer = Scorer(neighbours.model())


def loaded() -> Scorer:
    """Return the scorer, or refuse."""
    if desk.scorer is None:
        raise HTTPException(503, "not ready")
    return desk.scorer


async def place(request: Request) -> AsyncIterator[None]:
    """Once the question is there, take a place or refuse; give it back whatever happens."""
    await request.body()
    if desk.busy >= desk.at_once:
        raise HTTPException(429, "busy", {"Retry-After": "1"})
    desk.busy += 1
    try:
        yield
    finally:
        desk.busy -= 1


@router.get("/health")
async def health() -> dict[str, bool]:
    """Say that the process lives."""
    return {"alive": True}


@router.get("/ready", responses={503: {"model": Refusal}})
async def ready() -> dict[str, bool]:
    """Say whether questions may be sent; leave when it was heard twice that they may not."""
    if desk.leaving:
        desk.turned_away += 1
        if desk.server is not None and desk.turned_away >= 2:
            desk.server.should_exit = True
        raise HTTPException(503, "leaving")
    loaded()
    return {"ready": True}


@router.post("/v1/score", response_model=Answer, responses=ERRORS, dependencies=[Depends(place)])
def score(parcel: Parcel) -> dict[str, Any]:
    """Answer for one parcel."""
    try:
        return loaded().answer(read(parcel.model_dump()), neighbours.load)
    except Refused as error:
        raise HTTPException(422, error.field) from error
    except neighbours.Silent as error:
        raise HTTPException(503, "board") from error


@router.post("/score.csv", responses=ERRORS, dependencies=[Depends(place)])
async def score_file(request: Request) -> Response:
    """Answer the old client."""
    body = await request.body()
    try:
        content = await run_in_threadpool(legacy.answer, body, loaded(), neighbours.load)
    except legacy.Unreadable as error:
        raise HTTPException(400, "columns") from error
    return Response(content, media_type="text/csv; charset=iso-8859-1")


async def refuse(_: Request, error: Any) -> JSONResponse:
    """Say every refusal in one form."""
    return JSONResponse({"refused": str(error.detail)}, error.status_code, error.headers)


async def misfit(_: Request, error: Any) -> JSONResponse:
    """Name the field, and repeat nothing of what came."""
    return JSONResponse({"refused": str(error.errors()[0]["loc"][-1])}, 422)
    ### END SOLUTION


if __name__ == "__main__":
    port = int(sys.argv[1])
    config = uvicorn.Config(application(), host="127.0.0.1", port=port, log_level="warning")
    desk.server = Server(config)
    desk.server.run()
