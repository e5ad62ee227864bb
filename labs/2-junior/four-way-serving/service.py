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
        # TODO: remember it, the balancer still sends questions
        raise NotImplementedError


def application() -> FastAPI:
    """Return the application: today's routes, and what today's lack."""
    # TODO: routes that are ready when they are, refuse in time, and are documented
    raise NotImplementedError


if __name__ == "__main__":
    port = int(sys.argv[1])
    config = uvicorn.Config(application(), host="127.0.0.1", port=port, log_level="warning")
    desk.server = Server(config)
    desk.server.run()
