"""Larkmoor's road service, as bad as it is: away one time in five. For trying things by hand.

    python road_service.py        then, elsewhere: python -m eta PARCELS.json
"""

from __future__ import annotations

import random
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

PORT = 8099


class Service(BaseHTTPRequestHandler):
    """One question."""

    def do_GET(self) -> None:
        """Answer with the minutes from depot to depot, or with 503."""
        away = random.random() < 0.2
        body = b"" if away else Path("roads.json").read_bytes()
        self.send_response(503 if away else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    print(f"the road service answers on http://127.0.0.1:{PORT}; Ctrl-C ends it")
    HTTPServer(("127.0.0.1", PORT), Service).serve_forever()
