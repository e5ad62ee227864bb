"""Drives the built site in Chromium: axe, keyboard, narrow screens, links, no request abroad.

Exit code 0 all well, 1 something is wrong, 77 not run (the last line says what to install).
`python tests/site/browser.py [SITE]` takes a site that is already built.
"""

from __future__ import annotations

import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
NOT_RUN = 77
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
INSTALL = "apt-get install --no-install-recommends -y chromium nodejs npm"
NPM = ("install", "--no-audit", "--no-fund", "--package-lock=false", "--loglevel=error")


class NotRun(Exception):
    """Something that the tests need is not on this machine; the text says how to get it."""


def main(arguments: Sequence[str] | None = None, script: str = "browse.mjs") -> int:
    """Run a browser script over every page of the site; return the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        chromium = tools(script)
    except NotRun as reason:
        print(f"not run: {reason}")
        return NOT_RUN
    with tempfile.TemporaryDirectory(prefix="ladder-browser-") as scratch:
        site = Path(given[0]) if given else Path(scratch) / "site"
        if not given and build(site):
            return 1
        with served(site) as address:
            return drive(script, chromium, address, pages(site))


def tools(script: str) -> str:
    """Return Chromium's path; install the node packages once. Raises NotRun."""
    chromium = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if not (chromium and shutil.which("node") and shutil.which("npm")):
        raise NotRun(f"Chromium, Node and npm are needed. Type: {INSTALL}")
    package = "lighthouse" if script == "lighthouse.mjs" else "playwright-core"
    if not (HERE / "node_modules" / package).is_dir():
        omit = () if package == "lighthouse" else ("--omit=optional",)
        done = subprocess.run(["npm", *NPM, *omit], cwd=HERE, check=False)
        if done.returncode:
            again = f"cd {HERE} && npm {' '.join(NPM)}"
            raise NotRun(f"the node packages did not install. Type: {again}")
    return chromium


def build(site: Path) -> int:
    """Build the site strictly (--quiet would hide what strict counts); return the exit code."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(site)]
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=ROOT, env=env, check=False).returncode


def pages(site: Path) -> list[str]:
    """Return every page's path as a visitor types it."""
    found = (p.relative_to(site).as_posix() for p in sorted(site.rglob("*.html")))
    return [p.removesuffix("index.html") for p in found]


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and keeps no log."""

    def log_message(self, *_: object) -> None:
        """Say nothing: a failed request is reported by the page that made it."""


@contextmanager
def served(site: Path) -> Iterator[str]:
    """Serve a folder on loopback while the block runs; give its address."""
    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


def drive(script: str, chromium: str, address: str, paths: list[str]) -> int:
    """Run a node script with all it needs to know; 1 unless it ends well."""
    with tempfile.TemporaryDirectory(prefix="ladder-home-") as home:
        env = {**os.environ, "CHROME_PATH": chromium, "HOME": home, "DO_NOT_TRACK": "1"}
        known = json.dumps({"chromium": chromium, "address": address, "pages": paths})
        command = ["node", str(HERE / script), known]
        return int(subprocess.run(command, cwd=HERE, env=env, check=False).returncode != 0)


if __name__ == "__main__":
    sys.exit(main())
