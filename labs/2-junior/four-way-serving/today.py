"""Today's service, as it has run since March. Runs as given, and shows what is wrong with it.

    python today.py 8080
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Annotated, Any

import legacy
import neighbours
import uvicorn
from core import Scorer, read
from fastapi import Body, FastAPI, Request, Response

app = FastAPI(title="Larkmoor scorer")


@cache
def scorer() -> Scorer:
    """Return the scorer, fetched when somebody first needs it."""
    return Scorer(neighbours.model())


@app.get("/ready")
def ready() -> dict[str, bool]:
    """Say that all is well."""
    return {"ready": True}


@app.post("/v1/score")
def score(fields: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
    """Answer for one parcel."""
    return scorer().answer(read(fields), neighbours.load)


@app.post("/score.csv")
async def score_file(request: Request) -> Response:
    """Answer the old client."""
    content = legacy.answer(await request.body(), scorer(), neighbours.load)
    return Response(content, media_type="text/csv; charset=iso-8859-1")


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
