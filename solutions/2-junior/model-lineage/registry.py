"""A model registry that speaks MLflow's REST routes: models, versions, tags, aliases.

    python registry.py 5001        then MLFLOW_TRACKING_URI=http://127.0.0.1:5001

An alias is a name that points at a version; where it pointed before is kept nowhere, as in MLflow.
Limit: no runs, stages, webhooks or users, one page of everything, and all is lost at the end.
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Answer = tuple[int, dict[str, Any]]
PREFIX = "/api/2.0/mlflow/"


class Registry:
    """Registered models, kept in memory."""

    def __init__(self) -> None:
        self.versions: dict[str, dict[int, dict[str, Any]]] = {}
        self.aliases: dict[str, dict[str, int]] = {}

    def ask(self, method: str, path: str, body: bytes) -> Answer:
        """Answer one request."""
        parts = urlsplit(path)
        try:
            asked = json.loads(body) if body else dict(parse_qsl(parts.query))
            return self.answer(method, parts.path.removeprefix(PREFIX), asked)
        except LookupError as error:
            return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": f"no {error}"}
        except ValueError as error:
            return 400, {"error_code": "INVALID_PARAMETER_VALUE", "message": str(error)}

    def answer(self, method: str, route: str, asked: dict[str, Any]) -> Answer:
        """Answer one route. Raises LookupError, ValueError."""
        name = asked.get("name", "")
        match method, route:
            case "POST", "registered-models/create":
                self.versions[name], self.aliases[name] = {}, {}
                return 200, {"registered_model": self.model(name)}
            case "GET", "registered-models/get":
                return 200, {"registered_model": self.model(name)}
            case "POST", "model-versions/create":
                return 200, {"model_version": self.create(name, asked)}
            case "GET", "model-versions/get":
                return 200, {"model_version": self.version(name, asked["version"])}
            case "GET", "model-versions/search":
                kept = self.versions[asked.get("filter", "").partition("'")[2].rstrip("'")]
                found = [self.shown(one) | {"aliases": []} for one in kept.values()]  # as MLflow
                return 200, {"model_versions": found[::-1]}
            case "POST", "model-versions/set-tag":
                self.kept(name, asked["version"])["tags"][asked["key"]] = asked["value"]
            case "DELETE", "model-versions/delete-tag":
                self.kept(name, asked["version"])["tags"].pop(asked["key"], None)
            case "DELETE", "model-versions/delete":
                number = int(asked["version"])
                del self.versions[name][number]
                left = {a: v for a, v in self.aliases[name].items() if v != number}
                self.aliases[name] = left
            case "GET", "registered-models/alias":
                number = self.aliases[name].get(asked["alias"], 0)
                if not number:
                    raise ValueError(f"no alias {asked['alias']}")
                return 200, {"model_version": self.version(name, number)}
            case "POST", "registered-models/alias":
                self.version(name, asked["version"])
                self.aliases[name][asked["alias"]] = int(asked["version"])
            case "DELETE", "registered-models/alias":
                self.aliases[name].pop(asked["alias"], None)
            case _:
                return 404, {"error_code": "ENDPOINT_NOT_FOUND", "message": route}
        return 200, {}

    def model(self, name: str) -> dict[str, Any]:
        """Return a model as MLflow shows it."""
        pairs = [{"alias": a, "version": str(v)} for a, v in self.aliases[name].items()]
        return {"name": name, "aliases": pairs, "creation_timestamp": 0}

    def create(self, name: str, asked: dict[str, Any]) -> dict[str, Any]:
        """Add a version, numbered by its turn."""
        number = max(self.versions[name], default=0) + 1
        tags = {tag["key"]: tag["value"] for tag in asked.get("tags", [])}
        self.versions[name][number] = {
            "name": name, "version": str(number), "source": asked["source"], "tags": tags,
            "creation_timestamp": 0, "current_stage": "None", "status": "READY",
            "run_id": asked.get("run_id", ""),
        }  # fmt: skip
        return self.version(name, number)

    def kept(self, name: str, version: Any) -> dict[str, Any]:
        """Return a version as it is kept. Raises LookupError."""
        return self.versions[name][int(version)]

    def version(self, name: str, version: Any) -> dict[str, Any]:
        """Return a version as MLflow shows it."""
        return self.shown(self.kept(name, version))

    def shown(self, kept: dict[str, Any]) -> dict[str, Any]:
        """Return what is kept as MLflow shows it."""
        here = self.aliases[kept["name"]].items()
        names = [alias for alias, number in here if number == int(kept["version"])]
        tags = [{"key": key, "value": value} for key, value in kept["tags"].items()]
        return {**kept, "tags": tags, "aliases": names}


class Handler(BaseHTTPRequestHandler):
    """One request of HTTP."""

    protocol_version = "HTTP/1.1"
    registry = Registry()

    def reply(self) -> None:
        """Answer whatever was asked."""
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        status, found = self.registry.ask(self.command, self.path, body)
        data = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = do_PATCH = reply


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
