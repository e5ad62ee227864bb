"""A folder of evidence in which ten canaries may lie, packed as they are in real life.

Logs, messages, an image as `docker save` writes it, a repository of loose objects. Runs no docker,
no git.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import re
import tarfile
import zlib
from urllib.parse import quote

from .draw import stream
from .pharmacy import people


def forms(secret: str) -> set[bytes]:
    """The forms in which a log may give a secret away: plain, escaped, in base64, hex or a URL."""
    raw = secret.encode()
    found = {raw, json.dumps(secret)[1:-1].encode(), raw.hex().encode(), quote(secret).encode()}
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + raw)
        first, last = -(-before * 4 // 3), (before + len(raw)) * 4 // 3
        found.add(whole[first:last])
    return found | {form.replace(b"+", b"-").replace(b"/", b"_") for form in found}


class Evidence:
    """A folder with ten canaries or fewer: `files` by path, `truth` as pairs of canary, entry."""

    def __init__(self, seed: int) -> None:
        rng = stream(seed, "evidence")
        who = people(seed, 8)
        middles = ["𠮷", *(str(rng.choice(list("ÅÆØÖÜ"))) for _ in range(4))]
        self.canaries = [
            p["name"].replace(" ", f" {m}. ") for p, m in zip(who, middles, strict=False)
        ]
        self.canaries += [p["person_number"] for p in who[5:]]
        self.canaries += [f"rx-{rng.integers(2**60):015x}" for _ in range(2)]
        places = ["log", "old log", "trace", "path", "layer", "env", "blob", "message"]
        homes = {places[p]: self.canaries[i] for i, p in enumerate(rng.permutation(len(places)))}
        homes |= {"deep": homes["log"], "attic": homes["layer"], "basic": homes["env"]}
        near = [c[:-1] + ("x" if c[-1] != "x" else "y") for c in self.canaries]
        self.files = _logs(homes, near) | _queue(self.canaries, near)
        self.files |= {"image.tar": _image(homes, near)} | _repository(homes, near)
        self.files["handover.txt"] = "\n".join([*near, _b64(" ".join(near))]).encode()
        entries = dict.fromkeys(("log", "old log", "trace", "path", "basic"), "logs")
        entries |= dict.fromkeys(("layer", "env", "deep"), "image.tar")
        entries |= dict.fromkeys(("blob", "message", "attic"), "repo")
        self.truth = {(canary, entries[place]) for place, canary in homes.items()}
        self.truth |= {(canary, "queue") for canary in self.canaries[:7]}


def _b64(text: str | bytes) -> str:
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def _logs(homes: dict[str, str], near: list[str]) -> dict[str, bytes]:
    lines = [f"07:{i:02d} stored RX-{i:06d} {near[i % len(near)]}" for i in range(40)]
    old = [*lines[:20], f"07:20 label printed for {homes['old log']}", *lines[20:]]
    trace = [{"span": i, "note": near[i]} for i in range(9)] + [{"note": f"to {homes['trace']}"}]
    basic = _b64(f"screen:{homes['basic']}")
    path = _b64(f"label for {homes['path']}, 1").replace("+", "-").replace("/", "_").rstrip("=")
    return {
        "logs/app.log": "\n".join([*lines, f"08:01 {homes['log']} rang"]).encode(),
        "logs/app.log.1": gzip.compress("\n".join(old).encode(), mtime=0),
        "logs/trace.jsonl": "\n".join(map(json.dumps, trace)).encode(),
        "logs/requests.log": f"GET /rx 200\nGET /print?t=v2x{path}v2 200\n".encode(),
        # Three that begin like archives and are none, or none any more.
        "logs/xinetd.log": f"xinetd: START print\nAuthorization: Basic {basic}\n".encode(),
        "logs/app.log.2.gz": gzip.compress("\n".join(lines).encode(), mtime=0)[:-9],
        "logs/core": b"\x1f\x8b" + "".join(near).encode(),
    }


def _queue(canaries: list[str], near: list[str]) -> dict[str, bytes]:
    """Messages that wait for a service: each holds one canary, in one way each."""
    escaped = [json.dumps({"to": canary}) for canary in canaries]
    texts = [
        escaped[0],  # a letter beyond sixteen bits: a pair of escapes
        re.sub(r"(?<=\\u)....", lambda code: code[0].upper(), escaped[1]),
        json.dumps({"body": escaped[2]}),
        json.dumps({"body": json.dumps({"body": escaped[3]})}),
        f"{near[5]} dump={_b64(gzip.compress(canaries[4].encode(), mtime=0))}",
        f"{near[6]} forward={_b64(_b64(f'to: {canaries[5]};'))}",
        f"{near[7]} token=id{_b64(f'{near[0]} {canaries[6]}, 1').rstrip('=')}77",
        json.dumps({"body": escaped[7].replace(canaries[7], near[7])}),
    ]
    return {f"queue/{i:04d}": text.encode() for i, text in enumerate(texts)}


def _image(homes: dict[str, str], near: list[str]) -> bytes:
    """What `docker save` writes: a configuration, and layers of which a later one deletes."""
    env = [f"TOKEN={_b64('token=' + homes['env'] + ';')}", f"OTHER={_b64(near[0])}"]
    deep = json.dumps({"backup": _b64(json.dumps({"patient": homes["deep"]}))})
    first = {"app/settings.ini": f"[contact]\nname = {homes['layer']}\n".encode(), "app/a.py": b"1"}
    second = {"app/.wh.settings.ini": b"", "app/near.txt": "\n".join(near).encode()}
    third = {"var/backup.json": deep.encode()}
    blobs = [json.dumps({"config": {"Env": env}}).encode(), _tar(first), _tar(second)]
    blobs.append(gzip.compress(_tar(third), mtime=0))
    files = {f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}": blob for blob in blobs}
    config, *layers = files
    manifest = [{"Config": config, "RepoTags": ["intake:7"], "Layers": layers}]
    files |= {"index.json": b'{"schemaVersion": 2}', "manifest.json": json.dumps(manifest).encode()}
    return _tar(files | {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}'})


def _tar(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def _repository(homes: dict[str, str], near: list[str]) -> dict[str, bytes]:
    """A repository that was never packed; its newest commit was taken back by a hard reset."""
    objects: dict[str, bytes] = {}

    def put(kind: str, data: bytes) -> str:
        whole = f"{kind} {len(data)}\0".encode() + data
        name = hashlib.sha1(whole).hexdigest()
        objects[f"repo/.git/objects/{name[:2]}/{name[2:]}"] = zlib.compress(whole)
        return name

    def commit(text: str, message: str, parent: str = "") -> str:
        blob = put("blob", text.encode())
        tree = put("tree", b"100644 intake.py\0" + bytes.fromhex(blob))
        who = "Robin Vale <robin@larkmoor.example> 1760000000 +0000"
        above = f"parent {parent}\n" if parent else ""
        return put(
            "commit",
            f"tree {tree}\n{above}author {who}\ncommitter {who}\n\n{message}\n".encode(),
        )

    first = commit("\n".join(near), "Take prescriptions in")
    head = commit("print('ok')\n", f"Greet {homes['message']} by name", first)
    commit(f"TEST = {homes['blob']!r}\n# {_b64('seen: ' + homes['attic'])}\n", "Try it", head)
    refs = {"repo/.git/HEAD": b"ref: refs/heads/main\n", "repo/.git/refs/heads/main": head.encode()}
    return objects | refs | {"repo/intake.py": b"print('ok')\n"}
