"""Three private clouds behind seams of ours: what the learner's stores ask, and what comes of it.

Each request of a store passes a seam, where it is counted, may be struck by a fault, and may meet a
second writer just before or just after it. One Azurite serves a whole submission: it takes 0.7
CPU-s to start; what one check stored is removed before the next.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import hashlib
import hmac
import socket
import threading
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from http.client import HTTPConnection
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import generate_container_sas
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.api_core.exceptions import GoogleAPICallError
from larkmoor import stream

from autograder import LearnerError, fixture, take
from infra.cloud import asked, refusals
from infra.cloud.azure import ACCOUNT, new_key, private_azure
from infra.cloud.faultplan import Plan, Rule
from infra.cloud.faults import Front, Seam
from infra.cloud.fixtures import allow, private_cloud
from infra.cloud.gate import Reply, Request, listen
from infra.cloud.gcs import private_gcs
from infra.cloud.process import loopback

ERRORS = ("Missing", "Changed", "Refused", "Wrong", "Busy")
DEPOT = {"Depot": "LX1"}
MIB = 1 << 20


# --- what is drawn from the seed -------------------------------------------------------------


class Draw:
    """The names, bytes and accidents of one night."""

    def __init__(self, seed: int) -> None:
        self.rng = stream(seed, "storage-port")
        self.word = "".join(self.rng.choice(list("bcdfghjklmnpqrstvwxz"), 6))
        self.night = f"2026/{self.rng.integers(1, 13):02}/{self.rng.integers(1, 29):02}"

    def bytes(self, size: int) -> bytes:
        """Some bytes."""
        return self.rng.bytes(size)

    def odd_names(self) -> list[str]:
        """Names that a URL has to be careful with; one is the beginning of another."""
        odd = ["a b", "1+1", "50%20off", "Ærø", "q?x=1&y", "#3", "it's", "(x)!"]
        chosen = self.rng.choice(odd, 4, replace=False)
        return [f"{self.night}/{self.word}/{one}.json" for one in chosen] + [self.night]

    def names(self, count: int) -> list[str]:
        """So many names of a night, in no order; upper and lower case, digits and dashes."""
        made: set[str] = set()
        while len(made) < count:
            letters = "".join(self.rng.choice(list("AaBbZz019-_~ø"), 5))
            made.add(f"{self.night}/list/{letters}")
        return [str(one) for one in self.rng.permutation(sorted(made))]


    def deeds(self, count: int) -> list[Deed]:
        """So many operations on a few names: about a third of their calls will be struck."""
        trouble = [0] * (count - 13) + [1] * 5 + [2] * 3 + [3] * 5
        names = [f"{self.word}/{number:02}" for number in range(6)]
        kinds = ["write", "write", "read", "tag", "names", "remove"]
        found = []
        for times in self.rng.permutation(trouble):
            kind, name = str(self.rng.choice(kinds)), str(self.rng.choice(names))
            faults = ["throttle", "error", "before", "after", *["body"] * (kind == "read")]
            fault = str(self.rng.choice(faults))
            found.append(Deed(kind, name, int(times), fault, self.rng.bytes(20)))
        return found


@dataclass(frozen=True)
class Deed:
    """One operation on one name, and how often it will be struck by what."""

    kind: str
    name: str
    times: int
    fault: str
    data: bytes

    def met(self) -> str:
        """What it met, in words."""
        if not self.times:
            return f"{self.kind}, not struck,"
        tries = "first try" if self.times == 1 else f"first {self.times} tries"
        words = {
            "throttle": "throttled", "error": "answered 'broken inside'", "before": "cut off",
            "after": "done and the answer lost", "body": "answered by half",
        }
        return f"{self.kind}, {tries} {words[self.fault]},"


@fixture
def draw(seed: int) -> Draw:
    """This seed's night."""
    return Draw(seed)


# --- what a store said -----------------------------------------------------------------------


@dataclass(frozen=True)
class Said:
    """A store raised one of the port's errors."""

    error: str


def ask(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a store; an error of the port's is an answer, too."""
    try:
        return call(*args, **kwargs)
    except LearnerError as error:
        word = error.text.partition(":")[0]
        if error.kind in ("NotImplementedError", "Stopped", "Answer") or word not in ERRORS:
            raise
        return Said(word)


# --- a cloud and its seam --------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    """One request of a store's."""

    operation: str
    key: str
    sent: int
    status: int  # 0: it got no answer
    got: int = 0
    path: str = ""


@dataclass(frozen=True)
class Pause:
    """A pause on the lab's clock."""

    seconds: float


@dataclass(frozen=True)
class Found:
    """What a cloud answered the judge."""

    status: int
    error: str


class Ground:
    """One cloud in one check: the learner's way to it, the judge's own, and what happens between.

    lists: the operation that lists.
    """

    name = kind = service = lists = ""

    def __init__(self, work: Any, word: str) -> None:
        self.work, self.container = work, f"larkmoor-{word}"
        self.listener: socket.socket | None = None
        self.events: list[Call | Pause] = []
        self.met = 0  # requests since `watch`
        self.then: Callable[[int, str, asked.Asked], None] = _nothing  # before and after each
        self.lost = (0, "")  # the how many-th request is lost, "before" or "after" its work
        self.page = self.short = 0  # so many lists get pages of so many names only
        self.made: dict[str, tuple[int, int]] = {}
        self.lock = threading.Lock()
        self.since = 0.0  # when the last link was asked for
        self.seam = Seam(None)
        self.stack = contextlib.ExitStack()
        self.received = 0
        self.there: dict[str, bytes] = {}
        self.tags: dict[str, Any] = {}

    # --- what each cloud does in its own way

    def address(self) -> tuple[str, int]:
        """Where the judge's side of the engine listens."""
        raise NotImplementedError

    def site(self, *, rights: bool = True) -> dict[str, Any]:
        """What a store is given; without `rights`, credentials that may write nothing."""
        raise NotImplementedError

    def put(
        self, name: str, data: bytes, *, absent: bool = False, tag: str = "",
        marks: dict[str, str] = DEPOT,
    ) -> str | Found:
        """Write as the judge; the tag, or what the cloud said."""
        raise NotImplementedError

    def get(self, name: str) -> bytes | None:
        """What lies there."""
        raise NotImplementedError

    def marks(self, name: str) -> dict[str, str]:
        """The metadata of what lies there; none where there is nothing."""
        raise NotImplementedError

    def drop(self, name: str) -> None:
        """Remove as the judge what is there."""
        raise NotImplementedError

    def shorter(self, request: Request) -> Request:
        """Ask for a list's page of `self.page` names, whatever was asked for, where that can be."""
        return request

    # --- the seam

    @property
    def url(self) -> str:
        """Where the learner's side finds this cloud."""
        if self.listener is None:
            self.listener = self.work.listen(0)
            front = Front(self.kind, self.address(), self.listener, self.service)
            respond = self._respond(self.seam.respond(front))
            self.stack.enter_context(listen(self.listener, respond))
            self.stack.callback(self.listener.close)
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def _respond(self, onward: Callable[[Request], Reply | None]) -> Any:
        def respond(request: Request) -> Reply | None:
            one = asked.name(self.kind, self.service, request)
            if not self.counts(one, request):
                return onward(request)
            with self.lock:
                self.received += len(request.body)
                self.met += 1
                number = self.met
                if self.short and one.operation == self.lists:
                    self.short -= 1
                    request = self.shorter(request)
            self.then(number, "before", one)
            reply = None if self.lost == (number, "before") else onward(request)
            status, got = (reply.status, len(reply.body)) if reply else (0, 0)
            if self.lost == (number, "after") or (reply and reply.cut is not None):
                status = 0
            call = Call(one.operation, one.key, len(request.body), status, got, request.path)
            self.events.append(call)
            self.then(number, "after", one)
            return None if self.lost == (number, "after") else reply

        return respond

    @contextlib.contextmanager
    def watch(
        self, then: Callable[[int, str, asked.Asked], None], lost: tuple[int, str] = (0, "")
    ) -> Iterator[None]:
        """Be told of each request before and after its work; lose one of them."""
        self.met, self.then, self.lost = 0, then, lost
        try:
            yield
        finally:
            self.then, self.lost = _nothing, (0, "")

    def store(self, *, rights: bool = True) -> Any:
        """The learner's store over this cloud."""
        site = {self.name: {"url": self.url, **self.site(rights=rights)}}
        return self.work.module("port").open_store(self.name, site)

    def strike(self, fault: str, times: int = 1, **more: Any) -> None:
        """Let a fault meet the next so many requests that touch objects."""
        self.seam.switch(Plan(rule=(
            Rule(fault=fault, name="night", first=times, operation=self.touching(), **more),
        )))  # fmt: skip

    def counts(self, one: asked.Asked, request: Request) -> bool:
        """Is a request about objects, whatever it is called? Buying a token is not."""
        return True

    def touching(self) -> tuple[str, ...]:
        """The operations on objects that faults can meet, lists among them."""
        return ("*",)

    def calm(self) -> None:
        """Let everything pass."""
        self.seam.switch(None)

    def calls(self, operation: str = "") -> list[Call]:
        """What the stores have asked since `forget`, one operation or all."""
        found = [one for one in self.events if isinstance(one, Call)]
        return [one for one in found if operation in ("", one.operation)]

    def forget(self) -> None:
        """Count afresh."""
        self.events.clear()
        self.received = 0

    def fetch(
        self, url: str, method: str = "GET", name: str = "", other: str = ""
    ) -> tuple[int, bytes]:
        """Ask for a URL as anybody would; with `other`, for that name in the place of `name`."""
        parts = urlsplit(url)
        path = parts.path
        if other:
            path = quote(unquote(path).replace(name, other), safe="/~")
        line = self.work.connect(int(self.url.rpartition(":")[2]))
        with contextlib.closing(HTTPConnection(parts.netloc)) as connection:
            connection.sock = line
            headers = {"x-ms-blob-type": "BlockBlob"} if method == "PUT" else {}
            body = b"forged" if method == "PUT" else None
            connection.request(method, f"{path}?{parts.query}", body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def link(self, store: Any, name: str, seconds: int) -> str:
        """A link of a store's, and from when on it lives."""
        self.since = datetime.now(UTC).timestamp()
        return str(store.link(name, seconds))

    def link_is_old(self, url: str, seconds: int) -> tuple[int, int]:
        """The statuses of a link five seconds before its end, and after it."""
        raise NotImplementedError

    # --- what checks ask about a store over this cloud

    def says(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
        """The port's error that a call raises, "" when it raises none."""
        ended = ask(call, *args, **kwargs)
        return ended.error if isinstance(ended, Said) else ""

    def ended(self, call: Callable[..., Any], *args: Any) -> Any:
        """What a call returned, or said of the port's errors."""
        return ask(call, *args)

    def first(self, found: Any, count: int) -> list[str]:
        """The first so many names of what `names` gave."""
        return list(found[:count] if type(found) in (list, tuple) else take(found, count))

    def steps(self, store: Any, draw: Draw, how: str) -> tuple[int, int]:
        """How many requests a conditional write takes, and after which of them it is done."""
        if how in self.made:
            return self.made[how]
        name, data, done = f"steps/{how}", draw.bytes(24), list[int]()

        def look(number: int, when: str, one: asked.Asked) -> None:
            if when == "after" and not done and self.get(name) == data:
                done.append(number)

        only = self._only(how, name)
        with self.watch(look):
            ask(store.write, name, data, **only)
        self.made[how] = self.met, done[0] if done else 1
        return self.made[how]

    def race(self, store: Any, draw: Draw, number: int) -> str:
        """Let two writers write the same name at once, the judge the second: who was told what?

        The second comes just before the request that does the first one's write, or between it and
        its answer, or before any other request that the first one makes. In a third of the races
        both write the same bytes.
        """
        how = "replace" if number // 2 % 2 else "create"
        count, done = self.steps(store, draw, how)
        others = [(n, "before") for n in range(1, count + 1) if n != done]
        places = [(done, "before"), (done, "after"), *others]
        place = places[number % len(places)]
        name, mine = f"race/{number}", draw.bytes(24)
        other = mine if number % 3 == 2 else draw.bytes(24)
        only = self._only(how, name)
        judges = {"tag": only["if_tag"]} if "if_tag" in only else {"absent": True}
        rival: list[str | Found] = []

        def deed(number: int, when: str, one: asked.Asked) -> None:
            if (number, when) == place:
                rival.append(self.put(name, other, **judges))

        with self.watch(deed):
            ended = ask(store.write, name, mine, **only)
        if not rival:
            return "alone"
        lost = isinstance(ended, Said) and ended.error == "Changed"
        told = (not lost, isinstance(rival[0], str))
        if told[0] == told[1]:
            return "both" if told[0] else "none"
        if number % 4 < 2:  # what lies there is looked at in half of the races
            return "one"
        return "one" if self.get(name) == (mine if told[0] else other) else "torn"

    def learns_that_it_won(self, store: Any, draw: Draw, how: str) -> bool:
        """Lose the answer to a conditional write that was done."""
        name, data = f"lost/{how}", draw.bytes(24)
        done, only = self.steps(store, draw, how)[1], self._only(how, name)
        with self.watch(_nothing, (done, "after")):
            ended = ask(store.write, name, data, **only)
        return isinstance(ended, str) and ended == store.tag(name) and self.get(name) == data

    def learns_that_it_lost(
        self, store: Any, draw: Draw, how: str, *, twin: bool = False, gone: bool = False
    ) -> bool:
        """Lose a conditional write on its way; before it is tried again, somebody else writes.

        What that one leaves is what a write of the learner's own leaves, by another store or by
        this one. twin: it writes the same bytes. gone: it does not write, it removes.
        """
        name, data = f"late/{how}/{twin:d}{gone:d}", draw.bytes(24)
        other = data if twin else draw.bytes(24)
        ask((self.store() if how == "create" else store).write, name, other)
        marks, done = self.marks(name), self.steps(store, draw, how)[1]
        self.drop(name)
        only = self._only(how, name)

        def deed(number: int, when: str, one: asked.Asked) -> None:
            if (number, when) == (done, "after"):
                self.drop(name) if gone else self.put(name, other, marks=marks)

        with self.watch(deed, (done, "before")):
            ended = ask(store.write, name, data, **only)
        return ended == Said("Changed") and self.get(name) == (None if gone else other)

    def _only(self, how: str, name: str) -> dict[str, Any]:
        return {"if_absent": True} if how == "create" else {"if_tag": self.put(name, b"before")}

    def do(self, store: Any, kind: str, name: str, data: bytes = b"") -> Any:
        """One operation of a store; a list's first five names."""
        if kind == "write":
            return ask(store.write, name, data)
        if kind == "names":
            return ask(lambda: self.first(store.names(name), 5))
        return ask({"read": store.read, "tag": store.tag, "remove": store.remove}[kind], name)

    def endures(self, store: Any, deed: Deed) -> str:
        """Do one operation under fire; how it ended, where that was not right.

        `there` has what should lie in the cloud, as writes and removals so far have left it.
        """
        self.forget()
        if deed.times and deed.fault in ("before", "after", "body"):
            self.strike("drop", deed.times, when=deed.fault)
        elif deed.times:
            self.strike(deed.fault, deed.times)
        was = self.there.get(deed.name)
        ended = self.do(store, deed.kind, deed.name, deed.data)
        self.calm()
        if deed.kind == "write":
            self.there[deed.name], self.tags[deed.name] = deed.data, ended
            right = isinstance(ended, str)
        elif deed.kind == "remove":
            self.there.pop(deed.name, None)
            right = ended is None
        elif deed.kind == "names":
            right = ended == ([] if was is None else [deed.name])
        elif was is None:
            right = ended == Said("Missing")
        else:
            right = ended == (was if deed.kind == "read" else self.tags[deed.name])
        if not right:
            told = ended.error if isinstance(ended, Said) else "something else than there is"
            return f"{deed.met()} ended as {told}"
        if deed.kind in ("write", "remove") and self.get(deed.name) != self.there.get(deed.name):
            return f"{deed.met()} ended well, and was not done"
        return ""

    def waits(self) -> list[float]:
        """The pauses of the last operation."""
        return [one.seconds for one in self.events if isinstance(one, Pause)]

    def waited(self) -> bool:
        """Was there a pause after every try that failed and was not the last?"""
        failed = paused = False
        for one in self.events:
            if isinstance(one, Pause):
                paused = True
            elif failed and not paused:
                return False
            else:
                failed, paused = one.status == 0 or one.status >= 429, False
        return True

    def gives_up(self, store: Any, kind: str, fault: str, status: int | None) -> str:
        """Let the cloud stay down for one operation; how that ended, where not as it should."""
        self.put("down", b"down")  # not empty: half of it is to arrive
        self.forget()
        if fault in ("drop", "body"):
            self.strike("drop", 99, when="body" if fault == "body" else "before")
        else:
            self.strike(fault, 99, **({} if status is None else {"status": status}))
        ended = self.do(store, kind, "down")
        self.calm()
        words = {"drop": "cut off", "body": "answered by half", "throttle": "throttled"}
        told = f"{kind}, every try {words.get(fault, status)},"
        return self.asked_four_times() if ended == Said("Busy") else _otherwise(told, ended)

    def asked_four_times(self) -> str:
        """Say what was asked more than four times, if anything was."""
        most = Counter(call.operation for call in self.calls()).most_common(1)
        return f"{most[0][0]} was asked {most[0][1]} times" if most and most[0][1] > 4 else ""

    def refused_once(self, kind: str) -> str:
        """Ask without the right: how that ended, where not as Refused after one call."""
        self.put("forbidden", b"")
        store = self.store(rights=False)
        self.forget()
        return self._once(f"{kind}, without the right to,", "Refused", store, kind, "forbidden")

    def wrong_once(self, store: Any, kind: str) -> str:
        """Let the cloud find a request malformed: how that ended, where not as Wrong, at once."""
        self.put("wrong", b"")
        self.forget()
        self.strike("error", 99, status=400, code="InvalidArgument")
        told = self._once(f"{kind}, answered 400,", "Wrong", store, kind, "wrong")
        self.calm()
        return told

    def _once(self, told: str, error: str, store: Any, kind: str, name: str) -> str:
        ended = self.do(store, kind, name)
        if ended != Said(error):
            return _otherwise(told, ended)
        return "" if len(self.calls()) == 1 else f"{told} was asked {len(self.calls())} times"

    def truth(self) -> dict[str, Any]:
        """What this cloud does with the deeds of leaks.toml, tried now."""
        one = asked.Asked(self.kind, self.service or "s3", "GetObject", "", "GET", "")
        return {**self.leaks(), "throttled": refusals.refusal(one, "throttle").status}

    def leaks(self) -> dict[str, Any]:
        """What it does with those that are tried at the engine."""
        raise NotImplementedError

    def other_sender(self, name: str) -> Callable[[int, str, asked.Asked], None]:
        """A second sender whose pieces, numbered like those just sent, come among the next ones."""
        return _nothing

    def only_reads(self, url: str) -> bool:
        """Does a link say itself that it is for reading?"""
        return True

    def close(self) -> None:
        """End the seam."""
        self.stack.close()


def _nothing(number: int, when: str, one: asked.Asked) -> None:
    pass


def _otherwise(told: str, ended: Any) -> str:
    return f"{told} ended {'as ' + ended.error if isinstance(ended, Said) else 'well'}"


class S3(Ground):
    """A private S3."""

    name, kind = "s3", "aws"
    lists = "ListObjectsV2"

    def __init__(self, work: Any, word: str, cloud: Any) -> None:
        super().__init__(work, word)
        self.cloud, self.client = cloud, cloud.client("s3")
        self.who = {
            True: cloud.identity("port", [allow(["s3:*"])]),
            False: cloud.identity("reader", [allow(["s3:GetObject", "s3:ListBucket"])]),
        }
        cloud.bucket(self.container)

    def address(self) -> tuple[str, int]:
        return self.cloud.address

    def site(self, *, rights: bool = True) -> dict[str, Any]:
        who = self.who[rights]
        return {
            "bucket": self.container, "region": self.cloud.region,
            "key_id": who.key_id, "secret": who.secret,
        }  # fmt: skip

    def put(
        self, name: str, data: bytes, *, absent: bool = False, tag: str = "",
        marks: dict[str, str] = DEPOT,
    ) -> str | Found:
        only = {"IfNoneMatch": "*"} if absent else {"IfMatch": tag} if tag else {}
        try:
            done = self.client.put_object(
                Bucket=self.container, Key=name, Body=data, Metadata=marks, **only
            )
        except ClientError as error:
            return _of_aws(error)
        return str(done["ETag"])

    def get(self, name: str) -> bytes | None:
        try:
            found = self.client.get_object(Bucket=self.container, Key=name)
        except ClientError:
            return None
        return bytes(found["Body"].read())

    def marks(self, name: str) -> dict[str, str]:
        try:
            return dict(self.client.head_object(Bucket=self.container, Key=name)["Metadata"])
        except ClientError:
            return {}

    def drop(self, name: str) -> None:
        self.client.delete_object(Bucket=self.container, Key=name)

    def link_is_old(self, url: str, seconds: int) -> tuple[int, int]:
        return _aged(self, self.cloud, url, seconds)

    def leaks(self) -> dict[str, Any]:
        """What S3 does with the deeds of leaks.toml."""
        client, place = self.client, {"Bucket": self.container, "Key": "leak"}
        removed = client.delete_object(**place)["ResponseMetadata"]["HTTPStatusCode"]
        missing = _of_aws(_raised(lambda: client.get_object(**place)))
        tag = self.put("leak", b"one")
        head = client.head_object(**place)
        created, again = self.put("leak", b"two", absent=True), self.put("leak", b"one")
        full = _of_aws(_raised(lambda: client.delete_bucket(Bucket=self.container)))
        client.delete_object(**place)
        gone = self.put("leak", b"three", tag=str(tag))
        return _leaks(removed, missing, created, gone, tag, again, head["Metadata"], full)


class Azure(Ground):
    """A container of the submission's one Azurite."""

    name, kind, service = "azure", "azure", "blob"
    lists = "ListBlobs"

    def __init__(self, work: Any, word: str, azure: Any) -> None:
        super().__init__(work, word)
        self.azure, self.blobs = azure, azure.client()
        self.wire = urlsplit(self.blobs.url)
        self.client = self.blobs.create_container(self.container)

    def address(self) -> tuple[str, int]:
        return str(self.wire.hostname), int(self.wire.port or 0)

    def site(self, *, rights: bool = True) -> dict[str, Any]:
        key = self.azure.key if rights else new_key()
        return {"account": ACCOUNT, "key": key, "container": self.container}

    def put(
        self, name: str, data: bytes, *, absent: bool = False, tag: str = "",
        marks: dict[str, str] = DEPOT,
    ) -> str | Found:
        only: dict[str, Any] = {"overwrite": not absent, "metadata": marks}
        if tag:
            only |= {"etag": tag, "match_condition": MatchConditions.IfNotModified}
        try:
            return str(self.client.get_blob_client(name).upload_blob(data, **only)["etag"])
        except HttpResponseError as error:
            return _of_azure(error)

    def get(self, name: str) -> bytes | None:
        try:
            return bytes(self.client.download_blob(name).readall())
        except HttpResponseError:
            return None

    def marks(self, name: str) -> dict[str, str]:
        try:
            return dict(self.client.get_blob_client(name).get_blob_properties().metadata)
        except HttpResponseError:
            return {}

    def drop(self, name: str) -> None:
        with contextlib.suppress(HttpResponseError):
            self.client.delete_blob(name)

    def shorter(self, request: Request) -> Request:
        """Signed anew, as a shared access signature: the account's covers the page's size."""
        path, _, query = request.path.partition("?")
        asked_for = {key: values[0] for key, values in parse_qs(query).items()}
        sas = generate_container_sas(
            ACCOUNT, self.container, self.azure.key, permission="l",
            expiry=datetime.now(UTC) + timedelta(hours=1),
        )  # fmt: skip
        return replace(
            request, path=f"{path}?{urlencode(asked_for | {'maxresults': self.page})}&{sas}",
            headers=tuple(pair for pair in request.headers if pair[0] != "authorization"),
        )  # fmt: skip

    def other_sender(self, name: str) -> Callable[[int, str, asked.Asked], None]:
        queries = [parse_qs(urlsplit(call.path).query) for call in self.calls("PutBlock")]
        ids = {query["blockid"][0] for query in queries if "blockid" in query}
        blob = self.client.get_blob_client(name)

        def deed(number: int, when: str, one: asked.Asked) -> None:
            if when == "before" and one.operation == "PutBlockList":
                with contextlib.suppress(HttpResponseError, ValueError):  # ids that are no text
                    for block in ids:
                        blob.stage_block(base64.b64decode(block).decode(), b"another film")

        return deed

    def only_reads(self, url: str) -> bool:
        return parse_qs(urlsplit(url).query).get("sp") == ["r"]

    def link_is_old(self, url: str, seconds: int) -> tuple[int, int]:
        """Azurite's clock stands still for nobody: the expiry is read, the signature made anew."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        path = unquote(urlsplit(url).path)
        if not hmac.compare_digest(_sas(query, path, self.azure.key), query.get("sig", "")):
            return 403, 403
        with contextlib.suppress(KeyError, ValueError):
            end = datetime.fromisoformat(query["se"].replace("Z", "+00:00"))
            end = end if end.tzinfo else end.replace(tzinfo=UTC)
            lives, now = end.timestamp(), datetime.now(UTC).timestamp()
            young, old = lives >= self.since + seconds - 5, lives <= now + seconds + 5
            return (200 if young else 403), (403 if old else 200)
        return 200, 200

    def leaks(self) -> dict[str, Any]:
        """What Azure does with the deeds of leaks.toml."""
        blob = self.client.get_blob_client("leak")
        removed = _of_azure(_raised(blob.delete_blob)).status
        missing = _of_azure(_raised(lambda: blob.download_blob().readall()))
        tag = self.put("leak", b"one")
        metadata = blob.get_blob_properties().metadata
        created, again = self.put("leak", b"two", absent=True), self.put("leak", b"one")
        blob.delete_blob()
        gone = self.put("leak", b"three", tag=str(tag))
        other = self.blobs.create_container(f"{self.container}-full")
        other.upload_blob("x", b"")
        mark = len(self.azure.log)
        other.delete_container()
        full = Found(self.azure.log_since(mark)[-1].status, "")
        return _leaks(removed, missing, created, gone, tag, again, metadata, full)

    def close(self) -> None:
        super().close()
        for one in self.blobs.list_containers():
            self.blobs.delete_container(one.name)
        self.blobs.close()


class Google(Ground):
    """A private Cloud Storage."""

    name, kind, service = "google", "gcp", "storage"
    lists = "storage.objects.list"

    def __init__(self, work: Any, word: str, gcs: Any) -> None:
        super().__init__(work, word)
        self.gcs, self.client = gcs, gcs.client()
        gcs.bucket(self.container)
        self.bucket = self.client.bucket(self.container)
        self.who: dict[str, Any] = {}

    def address(self) -> tuple[str, int]:
        wire = urlsplit(self.gcs._judge_url)
        return str(wire.hostname), int(wire.port or 0)

    def site(self, *, rights: bool = True) -> dict[str, Any]:
        role = "roles/storage.objectAdmin" if rights else "roles/storage.objectViewer"
        if role not in self.who:
            self.who[role] = self.gcs.account(f"port-{len(self.who)}", role, pem=private_key())
        fields = {**self.who[role].fields, "token_uri": f"{self.url}/token"}
        return {"bucket": self.container, "key_file": fields}

    def counts(self, one: asked.Asked, request: Request) -> bool:
        """Google's client asks for a token first, and for its bucket when nobody looks."""
        return not one.operation.startswith("storage.buckets.") and request.path != "/token"

    def touching(self) -> tuple[str, ...]:
        verbs = (
            "get", "list", "insert", "update", "create", "put", "head", "delete", "patch",
            "copy", "rewrite", "compose",
        )  # fmt: skip
        return tuple(f"storage.objects.{verb}" for verb in verbs)

    def put(
        self, name: str, data: bytes, *, absent: bool = False, tag: str = "",
        marks: dict[str, str] = DEPOT,
    ) -> str | Found:
        wanted = 0 if absent else int(tag) if tag else None
        blob = self.bucket.blob(name)
        blob.metadata = dict(marks)
        try:
            blob.upload_from_string(data, if_generation_match=wanted, retry=None)
        except GoogleAPICallError as error:
            return _of_google(error)
        return str(blob.generation)

    def get(self, name: str) -> bytes | None:
        try:
            return bytes(self.bucket.blob(name).download_as_bytes(retry=None))
        except GoogleAPICallError:
            return None

    def marks(self, name: str) -> dict[str, str]:
        blob = self.bucket.get_blob(name, retry=None)
        return dict(blob.metadata or {}) if blob is not None else {}

    def drop(self, name: str) -> None:
        with contextlib.suppress(GoogleAPICallError):
            self.bucket.blob(name).delete(retry=None)

    def shorter(self, request: Request) -> Request:
        path, _, query = request.path.partition("?")
        asked_for = {key: values[0] for key, values in parse_qs(query).items()}
        return replace(request, path=f"{path}?{urlencode(asked_for | {'maxResults': self.page})}")

    def link_is_old(self, url: str, seconds: int) -> tuple[int, int]:
        return _aged(self, self.gcs, url, seconds)

    def leaks(self) -> dict[str, Any]:
        """What Google does with the deeds of leaks.toml."""
        blob = self.bucket.blob("leak")
        removed = _of_google(_raised(lambda: blob.delete(retry=None))).status
        missing = _of_google(_raised(lambda: blob.reload(retry=None)))
        tag = self.put("leak", b"one")
        metadata = dict(self.bucket.get_blob("leak", retry=None).metadata)
        created, again = self.put("leak", b"two", absent=True), self.put("leak", b"one")
        full = _of_google(_raised(lambda: self.bucket.delete(retry=None)))
        blob.delete(retry=None)
        gone = self.put("leak", b"three", tag=str(tag))
        return _leaks(removed, missing, created, gone, tag, again, metadata, full)


def _raised(call: Callable[[], Any]) -> Any:
    """Return the error of a call that is refused."""
    try:
        call()
    except (ClientError, HttpResponseError, GoogleAPICallError) as error:
        return error
    raise RuntimeError("the emulated cloud let it pass")


def _of_aws(error: ClientError) -> Found:
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return Found(int(status), str(error.response["Error"]["Code"]))


def _of_azure(error: HttpResponseError) -> Found:
    code = error.response.headers.get("x-ms-error-code", "") if error.response else ""
    return Found(int(error.status_code or 0), str(code))


def _of_google(error: GoogleAPICallError) -> Found:
    reason = error.errors[0]["reason"] if error.errors else ""
    return Found(int(error.code or 0), str(reason))


def _leaks(
    removed: int, missing: Found, created: Any, gone: Any, tag: Any, again: Any,
    metadata: dict[str, str], full: Found,
) -> dict[str, Any]:
    """Put what a cloud did into the words of leaks.toml."""
    return {
        "remove_missing": removed,
        "missing_error": missing.error,
        "create_refused": created.status,
        "replace_removed": gone.status,
        "tag_is_md5": tag.strip('"') == hashlib.md5(b"one").hexdigest(),
        "same_bytes_same_tag": tag == again,
        "metadata_name": next(iter(metadata)),
        "full_container": full.status,
    }  # fmt: skip


def _aged(ground: Ground, engine: Any, url: str, seconds: int) -> tuple[int, int]:
    """Ask for a link on the cloud's own clock; leave the clock where it then is."""
    gone = datetime.now(UTC).timestamp() - ground.since
    engine.advance(int(max(0.0, seconds - 5 - gone)))
    young = ground.fetch(url)[0]
    engine.advance(10)
    return young, ground.fetch(url)[0]


def _sas(query: dict[str, str], path: str, key: str) -> str:
    """Make the signature of a shared access signature for one blob anew, from its own fields."""
    fields = [query.get(name, "") for name in ("sp", "st", "se")]
    fields.append("/blob/" + path.removeprefix("/"))
    fields += [query.get(name, "") for name in ("si", "sip", "spr", "sv", "sr", "snapshot", "ses")]
    fields += [query.get(name, "") for name in ("rscc", "rscd", "rsce", "rscl", "rsct")]
    if query.get("sv", "") < "2020-12-06":
        del fields[10]  # encryption scopes came then
    digest = hmac.digest(base64.b64decode(key), "\n".join(fields).encode(), "sha256")
    return base64.b64encode(digest).decode()


# --- the three of them -----------------------------------------------------------------------


@cache
def private_key() -> str:
    """One RSA key for all service accounts of a submission: to make one costs 0.1 CPU-s."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return made.private_bytes(serialization.Encoding.PEM, *form).decode()


@cache
def azurite() -> Any:
    """The one Azurite of this process, which judges one submission."""
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    nobody = stack.enter_context(loopback())
    return stack.enter_context(private_azure(nobody))


@fixture
def s3(work: Any, draw: Draw) -> Iterator[S3]:
    """A fresh S3."""
    with contextlib.ExitStack() as stack:
        unused = stack.enter_context(contextlib.closing(work.listen(0)))
        cloud = stack.enter_context(private_cloud(unused))
        yield stack.enter_context(contextlib.closing(S3(work, draw.word, cloud)))


@fixture
def azure(work: Any, draw: Draw) -> Iterator[Azure]:
    """An empty container of Azure's."""
    with contextlib.closing(Azure(work, draw.word, azurite())) as ground:
        yield ground


@fixture
def google(work: Any, draw: Draw) -> Iterator[Google]:
    """A fresh Cloud Storage."""
    with contextlib.ExitStack() as stack:
        unused = stack.enter_context(contextlib.closing(work.listen(0)))
        gcs = stack.enter_context(private_gcs(unused))
        yield stack.enter_context(contextlib.closing(Google(work, draw.word, gcs)))


@fixture
def clouds(s3: S3, azure: Azure, google: Google) -> dict[str, Ground]:
    """All three."""
    return {"S3": s3, "Azure": azure, "Google": google}


class Table:
    """The learner's table of leaks."""

    def __init__(self, text: bytes) -> None:
        try:
            self.rows = tomllib.loads(text.decode())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
            raise AssertionError("leaks.toml is not TOML") from None

    def says(self, deed: str, who: str) -> Any:
        """What it says of a cloud's deed; None when nothing."""
        row = self.rows.get(deed)
        return row.get(who.lower()) if isinstance(row, dict) else None


@fixture
def leaks(work: Any) -> Table:
    """The learner's leaks.toml; without a row it is still to do."""
    table = Table(work.read("leaks.toml"))
    if not table.rows:
        raise LearnerError("NotImplementedError", "no row yet", "leaks.toml")
    return table


# --- the lab's clock, and the camera ---------------------------------------------------------


class Service:
    """Something of the judge's that the learner's side can connect to."""

    def __init__(self, work: Any, answer: Callable[[socket.socket], None]) -> None:
        self.listener = work.listen(0)
        self.port = self.listener.getsockname()[1]
        self.answer = answer
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self.listener.accept()
            except OSError:
                return
            with line, contextlib.suppress(OSError, ValueError):
                line.settimeout(60)
                self.answer(line)

    def close(self) -> None:
        """Listen no more."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Clock:
    """The lab's clock: pauses are noted among the calls of the cloud that is being asked."""

    def __init__(self, work: Any) -> None:
        self.now: Ground | None = None
        self.service = Service(work, self._note)
        work.module("clock").set_clock("127.0.0.1", self.service.port)

    def _note(self, line: socket.socket) -> None:
        seconds = float(line.makefile("rb").readline(64))
        if self.now is not None:
            self.now.events.append(Pause(seconds))
        line.sendall(b"1")


@fixture
def clock(work: Any) -> Iterator[Clock]:
    """The lab's clock, which the learner's pauses go through."""
    one = Clock(work)
    yield one
    one.service.close()


class Camera:
    """Hands out a film chunk by chunk, and counts how far it is ahead of what the cloud has."""

    def __init__(self, work: Any, draw: Draw) -> None:
        self.base = draw.bytes(MIB)
        self.ground: Ground | None = None
        self.handed = self.ahead = 0
        self.breaks_after = 0
        self.hash = hashlib.sha256()
        self.service = Service(work, self._show)
        self.work = work

    def film(
        self, ground: Ground, name: str, count: int, breaks_after: int = 0, *, rights: bool = True
    ) -> Any:
        """Let the learner's store send a film of so many chunks, which may break off."""
        self.ground, self.name, self.handed, self.ahead = ground, name, 0, 0
        ground.forget()
        self.hash, self.breaks_after = hashlib.sha256(), breaks_after or count
        site = {ground.name: {"url": ground.url, **ground.site(rights=rights)}}
        carry = self.work.module("film").carry
        with contextlib.suppress(LearnerError) if breaks_after else contextlib.nullcontext():
            return ask(carry, ground.name, site, name, self.service.port, count)

    def _show(self, line: socket.socket) -> None:
        while line.recv(1) == b"n" and self.handed < self.breaks_after:
            chunk = self.handed.to_bytes(8, "big") + self.base[8:]
            self.handed += 1
            self.hash.update(chunk)
            assert self.ground is not None
            self.ahead = max(self.ahead, self.handed * MIB - self.ground.received)
            line.sendall(chunk)

    def endures(self, ground: Ground, name: str, count: int, fault: str, **more: Any) -> str:
        """Let a film be sent under fire; how that ended, where it was not right."""
        ground.seam.switch(Plan(rule=(
            Rule(fault=fault, name="night", operation=ground.touching(), **more),
        )))  # fmt: skip
        ended = self.film(ground, name, count)
        ground.calm()
        if isinstance(ended, Said):
            return f"send, some of its requests struck, ended as {ended.error}"
        return "" if self.arrived() else "send, some of its requests struck, lost a part"

    def gives_up(self, ground: Ground, name: str) -> str:
        """Let a film be sent to a cloud that stays down, then one without the right to."""
        ground.strike("throttle", 99)
        ended = self.film(ground, name, 1)
        ground.calm()
        if ended != Said("Busy"):
            return _otherwise("send, every request throttled,", ended)
        if ground.asked_four_times():
            return ground.asked_four_times()
        ended = self.film(ground, name, 1, rights=False)
        return "" if ended == Said("Refused") else _otherwise("send, without the right to,", ended)

    def arrived(self) -> bool:
        """Is what the cloud has the film that was handed out, all of it?"""
        assert self.ground is not None
        data = self.ground.get(self.name)
        return data is not None and hashlib.sha256(data).digest() == self.hash.digest()


@fixture
def camera(work: Any, draw: Draw) -> Iterator[Camera]:
    """A camera at the gate."""
    one = Camera(work, draw)
    yield one
    one.service.close()
