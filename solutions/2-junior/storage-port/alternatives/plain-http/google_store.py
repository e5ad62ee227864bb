"""The port over Google Cloud Storage, over its JSON API with nothing but a session."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import secrets
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

from google.auth.exceptions import TransportError
from google.auth.transport.requests import AuthorizedSession
from google.oauth2.service_account import Credentials
from patience import patiently
from port import LONGEST, Busy, Changed, Missing, Refused, StoreError, Wrong, pieces
from requests import RequestException, Response

SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
ERRORS: dict[int, type[StoreError]] = {
    401: Refused, 403: Refused, 404: Missing, 408: Busy, 412: Changed, 429: Busy,
}  # fmt: skip


class GoogleStore:
    """One bucket."""

    def __init__(self, site: dict[str, Any]) -> None:
        self.url, self.bucket = site["url"], site["bucket"]
        self.who = Credentials.from_service_account_info(site["key_file"], scopes=[SCOPE])
        self.session = AuthorizedSession(self.who, max_refresh_attempts=0)
        self.objects = f"{self.url}/storage/v1/b/{self.bucket}/o"

    def _ask(self, method: str, url: str, **more: Any) -> Response:
        """Ask once, without adapters that try again."""
        try:
            answer = self.session.request(method, url, timeout=30, **more)
        except (RequestException, TransportError) as error:
            raise Busy(type(error).__name__) from error
        if answer.status_code < 400:
            return answer
        kind = Busy if answer.status_code >= 500 else ERRORS.get(answer.status_code, Wrong)
        raise kind(str(answer.status_code))

    def _one(self, name: str) -> str:
        return f"{self.objects}/{quote(name, safe='')}"

    def read(self, name: str, first: int = 0, length: int | None = None) -> bytes:
        """A Range header, where a part is wanted; 416 says that there is nothing of it."""
        if length == 0:
            self.tag(name)
            return b""
        headers = {}
        if first or length is not None:
            last = "" if length is None else first + length - 1
            headers["Range"] = f"bytes={first}-{last}"
        try:
            return patiently(
                lambda: self._ask(
                    "GET", self._one(name), params={"alt": "media"}, headers=headers
                ).content
            )
        except Wrong as error:
            if str(error) != "416":
                raise
            return b""

    def write(
        self, name: str, data: bytes, *, if_absent: bool = False, if_tag: str | None = None
    ) -> str:
        """After a lost answer, a random word in the metadata tells whose it is."""
        word = secrets.token_hex(12)
        params = {"uploadType": "multipart"}
        if if_absent or if_tag is not None:
            params["ifGenerationMatch"] = "0" if if_absent else str(if_tag)
            if not params["ifGenerationMatch"].isdecimal():
                raise Changed(name)
        about = json.dumps({"name": name, "metadata": {"word": word}}).encode()
        edge = f"--{word}\r\nContent-Type: ".encode()
        body = b"".join([
            edge, b"application/json; charset=UTF-8\r\n\r\n", about, b"\r\n",
            edge, b"application/octet-stream\r\n\r\n", data, f"\r\n--{word}--".encode(),
        ])  # fmt: skip
        url = f"{self.url}/upload/storage/v1/b/{self.bucket}/o"

        def once() -> str:
            done = self._ask(
                "POST", url, params=params, data=body,
                headers={"Content-Type": f"multipart/related; boundary={word}"},
            )
            return str(done.json()["generation"])

        def mine() -> str | None:
            try:
                there = patiently(lambda: self._ask("GET", self._one(name))).json()
            except Missing:
                return None
            return str(there["generation"]) if there.get("metadata") == {"word": word} else None

        return patiently(once, mine)

    def tag(self, name: str) -> str:
        """The generation."""
        return patiently(lambda: str(self._ask("GET", self._one(name)).json()["generation"]))

    def remove(self, name: str) -> None:
        """Missing is well."""
        try:
            patiently(lambda: self._ask("DELETE", self._one(name)))
        except Missing:
            return

    def names(self, prefix: str = "", page: int = 1000) -> Iterator[str]:
        """Page by page."""
        params = {"prefix": prefix, "maxResults": str(page)}
        while True:
            found = patiently(lambda: self._ask("GET", self.objects, params=params).json())
            yield from (item["name"] for item in found.get("items", []))
            if "nextPageToken" not in found:
                return
            params["pageToken"] = found["nextPageToken"]

    def send(self, name: str, chunks: Iterable[bytes]) -> None:
        """A resumable upload, the last piece known by the one after it."""
        begun = patiently(lambda: self._ask(
            "POST", f"{self.url}/upload/storage/v1/b/{self.bucket}/o",
            params={"uploadType": "resumable", "name": name}, json={},
        ))  # fmt: skip
        place, at, held = begun.headers["Location"], 0, b""
        for piece in pieces(chunks):
            if held:
                self._put(place, held, at, "*")
                at += len(held)
            held = piece
        self._put(place, held, at, str(at + len(held)))

    def _put(self, place: str, data: bytes, at: int, total: str) -> None:
        span = f"bytes {at}-{at + len(data) - 1}/{total}" if data else f"bytes */{total}"
        patiently(lambda: self._ask("PUT", place, data=data, headers={"Content-Range": span}))

    def link(self, name: str, seconds: int) -> str:
        """Version 4, by hand."""
        if seconds > LONGEST:
            raise Wrong(str(seconds))
        now = dt.datetime.now(dt.UTC)
        stamp = f"{now:%Y%m%dT%H%M%SZ}"
        scope = f"{now:%Y%m%d}/auto/storage/goog4_request"
        path = f"/{self.bucket}/{quote(name, safe='/~')}"
        host = self.url.partition("//")[2]
        query = "&".join(
            f"{key}={quote(value, safe='')}"
            for key, value in {
                "X-Goog-Algorithm": "GOOG4-RSA-SHA256",
                "X-Goog-Credential": f"{self.who.service_account_email}/{scope}",
                "X-Goog-Date": stamp,
                "X-Goog-Expires": str(seconds),
                "X-Goog-SignedHeaders": "host",
            }.items()
        )
        asked = f"GET\n{path}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
        digest = hashlib.sha256(asked.encode()).hexdigest()
        text = f"GOOG4-RSA-SHA256\n{stamp}\n{scope}\n{digest}"
        signature = self.who.sign_bytes(text.encode()).hex()
        return f"{self.url}{path}?{query}&X-Goog-Signature={signature}"
