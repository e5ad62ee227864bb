"""What Moodle's and Canvas' bulk downloads hold for one lab, as they name it. Data only."""

from __future__ import annotations

from tests.odd.hand import Hand, graded, refused
from tests.odd.packs import zipped

LIES = 3


def download(hand: Hand, name: str, body: bytes) -> None:
    """Put one file into the platform's download."""
    path = hand.download / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    hand.paths.append(hand.download / path.relative_to(hand.download).parts[0])


@graded(LIES, "Moodle: a folder `Ann Doe_123_assignsubmission_file_`")
def _(hand: Hand) -> None:
    download(hand, "Ann Doe_123_assignsubmission_file_/homework 1.ipynb", hand.plain)


@graded(LIES, "Moodle: a zip in such a folder, a name beyond ASCII")
def _(hand: Hand) -> None:
    body = zipped({"Übung 1/lab.ipynb": hand.plain})
    download(hand, "Jürgen Größe_124_assignsubmission_file_/abgabe.zip", body)


@refused(LIES, "Moodle: typed into its text box", "lab.ipynb is missing; there is onlinetext.html")
def _(hand: Hand) -> None:
    download(hand, "Bo Rasmussen_125_assignsubmission_onlinetext_/onlinetext.html", b"<p>hello</p>")


@graded(LIES, "Canvas: `doeann_12345_67890_lab.ipynb`")
def _(hand: Hand) -> None:
    download(hand, "doeann_12345_67890_lab.ipynb", hand.plain)


@graded(LIES, "Canvas: late, a second attempt, `_LATE_` and `-1` in its name")
def _(hand: Hand) -> None:
    download(hand, "poebo_LATE_12346_67891_lab-1.ipynb", hand.plain)


@refused(LIES, "Canvas: two people of one name", "2 people are called 'smithjo' (12347, 12348)")
def _(hand: Hand) -> None:
    download(hand, "smithjo_12347_67892_lab.ipynb", hand.plain)
    download(hand, "smithjo_12348_67893_lab.ipynb", hand.plain)
