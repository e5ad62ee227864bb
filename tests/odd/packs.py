"""Odd archives: from Windows and macOS, nested, locked, damaged, hostile. Data only."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import unicodedata
import zipfile
from collections.abc import Mapping

from tests.odd.hand import LAB, PROJECT, Hand, graded, refused

PACKED = 2


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip of these files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return stream.getvalue()


def renamed(data: bytes, old: bytes, new: bytes) -> bytes:
    """Return a zip in which a name's bytes are others, and not marked as UTF-8."""
    assert len(old) == len(new)
    out = bytearray(data.replace(old, new))
    for sign, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = out.find(sign)
        while place >= 0:
            flags = struct.unpack_from("<H", out, place + at)[0] & ~0x800
            struct.pack_into("<H", out, place + at, flags)
            place = out.find(sign, place + 4)
    return bytes(out)


@graded(PACKED, "a zip with one folder around everything, named by hand")
def _(hand: Hand) -> None:
    hand.put(
        zipped({"My lab (final)/lab.ipynb": hand.plain, "My lab (final)/notes.txt": b"x"}), ".zip"
    )


@graded(PACKED, "Windows: backslashes, a drive letter, a folder in a code page")
def _(hand: Hand) -> None:
    data = zipped({"C:/Users/aaa/lab.ipynb": hand.plain, "C:/Users/aaa/Thumbs.db": b"x"})
    hand.put(renamed(data, b"C:/Users/aaa/", b"C:\\Users\\\x92r\x9b\\"), ".ZIP")


@graded(PACKED, "macOS: resource forks, `__MACOSX`, .DS_Store, decomposed letters")
def _(hand: Hand) -> None:
    top = unicodedata.normalize("NFD", "Übung")
    fork = b"\x00\x05\x16\x07" + bytes(60)
    files = {f"{top}/lab.ipynb": hand.plain, f"{top}/.DS_Store": fork, f"{top}/._lab.ipynb": fork}
    hand.put(zipped({**files, f"__MACOSX/{top}/._lab.ipynb": fork}), ".zip")


@graded(PACKED, "a zip in a zip")
def _(hand: Hand) -> None:
    hand.put(zipped({"inner.zip": zipped({"lab/lab.ipynb": hand.plain})}), ".zip")


@refused(PACKED, "a zip in a zip in a zip", "lab.ipynb is missing; there is inner.zip")
def _(hand: Hand) -> None:
    data = zipped({"lab.ipynb": hand.plain})
    for _ in range(2):
        data = zipped({"inner.zip": data})
    hand.put(data, ".zip")


@graded(PACKED, "zip64")
def _(hand: Hand) -> None:
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(stream, "w") as archive,
        archive.open("lab.ipynb", "w", force_zip64=True) as file,
    ):
        file.write(hand.plain)
    hand.put(stream.getvalue(), ".zip")


@refused(PACKED, "a zip with a password", "locked with a password")
def _(hand: Hand) -> None:
    data = bytearray(zipped({"lab.ipynb": hand.plain}))
    for sign, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.find(sign) + at] |= 1
    hand.put(bytes(data), ".zip")


@refused(PACKED, "a zip bomb: 300 MB in 300 kB", "too large: over 128 MB")
def _(hand: Hand) -> None:
    hand.put(zipped({"lab.ipynb": bytes(300 << 20)}), ".zip")


@graded(PACKED, "a zip bomb beside the notebook, which nobody opens")
def _(hand: Hand) -> None:
    hand.put(zipped({"lab.ipynb": hand.plain, "data.bin": bytes(300 << 20)}), ".zip")


@graded(PACKED, "a zip bomb of 5,000 names for the same bytes, beside the notebook")
def _(hand: Hand) -> None:
    hand.put(overlapping(zipped({"lab.ipynb": hand.plain, "b0000": bytes(1 << 20)}), 5000), ".zip")


def overlapping(data: bytes, count: int) -> bytes:
    """Return a zip whose directory names its last member's bytes `count` times more."""
    start = data.rfind(b"PK\x01\x02")
    end = data.rfind(b"PK\x05\x06")
    last = data[start:end]
    more = b"".join(last.replace(b"b0000", f"b{n:04}".encode()) for n in range(1, count))
    tail = bytearray(data[end:])
    size = struct.unpack_from("<I", tail, 12)[0] + len(more)
    entries = struct.unpack_from("<H", tail, 10)[0] + count - 1
    struct.pack_into("<HHI", tail, 8, entries, entries, size)
    return data[:end] + more + bytes(tail)


@refused(PACKED, "a zip of 30,000 files", "more than 20000 files")
def _(hand: Hand) -> None:
    hand.put(overlapping(zipped({"lab.ipynb": hand.plain, "b0000": b""}), 30_000), ".zip")


@refused(PACKED, "a zip that was not uploaded whole", "cannot be read: it is damaged")
def _(hand: Hand) -> None:
    data = zipped({"lab.ipynb": hand.plain})
    hand.put(data[: len(data) // 2], ".zip")


@refused(PACKED, "a zip whose bytes have changed", "cannot be read: it is damaged")
def _(hand: Hand) -> None:
    data = zipped({"lab.ipynb": hand.plain})
    hand.put(data[:80] + b"\x00\xff\x00\xff" + data[84:], ".zip")


@refused(PACKED, "a zip that is empty", "empty or damaged")
def _(hand: Hand) -> None:
    hand.put(b"", ".zip")


@refused(PACKED, "a zip of nothing", "lab.ipynb is missing; there is nothing")
def _(hand: Hand) -> None:
    hand.put(zipped({}), ".zip")


@refused(PACKED, "a zip packed with LZMA", "packed in an unusual way")
def _(hand: Hand) -> None:
    hand.put(zipped({"lab.ipynb": hand.plain}, zipfile.ZIP_LZMA), ".zip")


def tarred(files: Mapping[str, bytes]) -> bytes:
    """Return a tar.gz of these files."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, body in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return stream.getvalue()


@graded(PACKED, "a tar.gz")
def _(hand: Hand) -> None:
    hand.put(tarred({"./lab/lab.ipynb": hand.plain}), ".tar.gz")


@refused(PACKED, "a tar.gz that unpacks to 200 MB", "too large: over 128 MB")
def _(hand: Hand) -> None:
    hand.put(gzip.compress(bytes(200 << 20), 1), ".tar.gz")


@refused(PACKED, "a RAR archive", "a RAR archive")
def _(hand: Hand) -> None:
    hand.put(b"Rar!\x1a\x07\x01\x00" + bytes(64), ".rar")


@refused(PACKED, "a 7z archive", "a 7z archive")
def _(hand: Hand) -> None:
    hand.put(b"7z\xbc\xaf\x27\x1c" + bytes(64), ".7z")


@refused(PACKED, "a Word document with the answers", "lab.ipynb is missing; there is word/")
def _(hand: Hand) -> None:
    hand.put(zipped({"word/document.xml": b"<w:document/>"}), ".docx")


@refused(PACKED, "a name that climbs out of the folder", "leads out of the folder")
def _(hand: Hand) -> None:
    hand.put(zipped({"../lab.ipynb": hand.plain}), ".zip")


@refused(PACKED, "an absolute name", "leads out of the folder")
def _(hand: Hand) -> None:
    hand.put(zipped({"/etc/lab.ipynb": hand.plain}), ".zip")


@refused(PACKED, "a link in a zip", "lab.ipynb is a link")
def _(hand: Hand) -> None:
    link = zipfile.ZipInfo("lab.ipynb")
    link.external_attr = 0o120777 << 16
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    hand.put(stream.getvalue(), ".zip")


@refused(PACKED, "the same name twice in a zip", "'lab.ipynb' is there twice")
def _(hand: Hand) -> None:
    data = zipped({"lab.ipynb": hand.plain, "lab.ipynX": b"{}"})
    hand.put(data.replace(b"lab.ipynX", b"lab.ipynb"), ".zip")


@refused(PACKED, "names that differ in capitals only", "is there twice")
def _(hand: Hand) -> None:
    hand.put(
        zipped({**hand.project, "extra/a.txt": b"", "extra/A.txt": b""}),
        name=f"{PROJECT}-{hand.slug}.zip",
    )


@refused(PACKED, "names that differ in how an accent is written only", "is there twice")
def _(hand: Hand) -> None:
    names = [f"extra/{unicodedata.normalize(form, 'é.txt')}" for form in ("NFC", "NFD")]
    hand.put(zipped(hand.project | dict.fromkeys(names, b"")), name=f"{PROJECT}-{hand.slug}.zip")


@graded(PACKED, "two notebooks, one of which has the lab's name")
def _(hand: Hand) -> None:
    hand.put(zipped({"lab.ipynb": hand.plain, "lab-Copy1.ipynb": b"{}"}), ".zip")


@refused(PACKED, "two notebooks, neither of which has the lab's name", "2 files could be lab.ipynb")
def _(hand: Hand) -> None:
    hand.put(zipped({"first.ipynb": hand.plain, "second.ipynb": hand.plain}), ".zip")


@refused(PACKED, "two folders with a lab.ipynb each", "2 files could be lab.ipynb")
def _(hand: Hand) -> None:
    hand.put(zipped({"old/lab.ipynb": hand.plain, "new/lab.ipynb": hand.plain}), ".zip")


@graded(PACKED, "one notebook under a name of the learner's own")
def _(hand: Hand) -> None:
    hand.put(zipped({"weights homework.IPYNB": hand.plain}), ".zip")


@graded(PACKED, "a project in a folder of its own, with caches and a data file of 20 MB")
def _(hand: Hand) -> None:
    files = {f"port/{name}": body for name, body in hand.project.items()}
    more = {"port/.venv/bin/python": b"", "port/.git/HEAD": b"x", "port/big.csv": bytes(20 << 20)}
    hand.put(zipped(files | more), name=f"{PROJECT}-{hand.slug}.zip")


@refused(PACKED, "a project whose main file has a capital letter", "tally.py is missing")
def _(hand: Hand) -> None:
    body = hand.project["tally.py"]
    files = {k: v for k, v in hand.project.items() if k != "tally.py"} | {"Tally.py": body}
    hand.put(zipped(files), name=f"{PROJECT}-{hand.slug}.zip")


@refused(PACKED, "a project of which one file lies outside its folder", "berths.json outside")
def _(hand: Hand) -> None:
    files = {name: body for name, body in hand.project.items() if name != "berths.json"}
    inside = {f"port/{name}": body for name, body in files.items()}
    body = zipped(inside | {"berths.json": hand.project["berths.json"]})
    hand.put(body, name=f"{PROJECT}-{hand.slug}.zip")


@refused(PACKED, "somebody else's zip from `ladder submit`", "its slip says 'bo'")
def _(hand: Hand) -> None:
    slip = b'{"lab": "sum-up", "learner": "bo"}'
    hand.put(zipped({"lab.ipynb": hand.plain, ".slip.json": slip}), ".zip")


@graded(PACKED, "the learner's own, unpacked and packed again into a folder")
def _(hand: Hand) -> None:
    slip = f'{{"lab": "{LAB}", "learner": "{hand.slug}"}}'.encode()
    hand.put(zipped({"x/lab.ipynb": hand.plain, "x/.slip.json": slip}), ".zip")


@graded(PACKED, "a slip that cannot be read")
def _(hand: Hand) -> None:
    hand.put(zipped({"lab.ipynb": hand.plain, ".slip.json": b"[" * 9000}), ".zip")
