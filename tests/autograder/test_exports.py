"""Grades for other programs: Canvas' columns, ids from its own export, no formulas."""

import csv
import io

import pytest

from autograder.errors import UsageError
from autograder.exports import FILES, Score, behind, canvas, read_roster, table
from autograder.tally import tallies
from tests.autograder.test_report import class_of, result

TITLES = {"late-parcels": "Late parcels", "pharmacy-keys": "Keys to the pharmacy"}
SCORES = [
    Score("late-parcels", "ada", 12.5, 15), Score("late-parcels", "bo", 0, 15),
    Score("pharmacy-keys", "ada", None, 20), Score("pharmacy-keys", "Žofie", 19, 20),
]  # fmt: skip
EXPORTED = (
    "Student,ID,SIS User ID,SIS Login ID,Section,Late parcels (4711),Essay (4712),"
    "Final Score\r\n"
    "    Points Possible,,,,,15.0,10.0,(read only)\r\n"
    '"Lovelace, Ada ""Countess""",101,S1,ada,Autumn,3.00,8.00,55\r\n'
    '"Novák, Žofie",102,S2,ŽOFIE,Autumn,,9.00,66\r\n'
    '"=HYPERLINK(""x"")",103,S3,cy,Autumn,7.00,EX,77\r\n'
    '"李, 雷",104,S4,lei,Autumn,EX,,\r\n'
    '"Student, Test",105,,abcdef,Autumn,,,\r\n'
)


def read(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.fixture
def roster(tmp_path):
    path = tmp_path / "grades.csv"
    path.write_bytes("\ufeff".encode() + EXPORTED.encode())
    return read_roster(path)


def test_canvas_columns_stand_in_its_order():
    rows = list(csv.reader(io.StringIO(canvas(SCORES, TITLES).text)))
    assert rows[0] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "late-parcels",
                       "pharmacy-keys"]  # fmt: skip
    assert "Points Possible" in rows[1][0]
    assert rows[1][5:] == ["15", "20"]
    assert ["ada", "", "", "ada", "", "12.5", ""] in rows
    assert {len(row) for row in rows} == {7}


def test_a_roster_brings_ids_names_and_assignments(roster):
    made = canvas(SCORES, TITLES, roster)
    head = made.text.splitlines()[0].split(",")
    assert head == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section",
                    "Late parcels (4711)", "Keys to the pharmacy"]  # fmt: skip
    possible, ada, zofie, *rest = read(made.text)
    assert "Points Possible" in possible["Student"]
    assert (ada["Student"], ada["ID"]) == ('Lovelace, Ada "Countess"', "101")
    assert ada["Late parcels (4711)"] == "12.5"
    assert ada["Keys to the pharmacy"] == "", "what is not graded has no score"
    assert zofie["Keys to the pharmacy"] == "19"
    assert len(rest) == 3
    assert made.strangers == ("bo",)


def test_a_score_in_canvas_stays_where_we_have_none(roster):
    rows = {row["ID"]: row for row in read(canvas(SCORES, TITLES, roster).text)}
    assert rows["103"]["Late parcels (4711)"] == "7.0"
    assert rows["104"]["Late parcels (4711)"] == "EX"
    assert rows["105"]["Late parcels (4711)"] == ""


def test_formulas_are_defused(roster):
    rows = {row["ID"]: row for row in read(canvas(SCORES, TITLES, roster).text)}
    assert rows["103"]["Student"].startswith("'=")
    text = table([Score("late-parcels", "=1+1", 2, 3), Score("late-parcels", "-x", 2, 3)])
    assert "'=1+1" in text
    assert "'-x" in text


def test_semicolons_and_decimal_commas_are_read(tmp_path):
    path = tmp_path / "grades.csv"
    path.write_text(
        "Student;ID;SIS Login ID;Section;Late parcels (1)\n  Points Possible;;;;15\n"
        "Øst, Ærø;7;aero;H;3,5\n",
        encoding="utf-8",
    )
    (_, row) = read(canvas([SCORES[0]], TITLES, read_roster(path)).text)
    assert row["Late parcels (1)"] == "3.5"
    assert list(row)[:4] == ["Student", "ID", "SIS Login ID", "Section"]


@pytest.mark.parametrize(
    ("body", "said"),
    [("Name,Points\nada,3\n", "no export of Canvas"), ("", "no export of Canvas"),
     (b"\xff\xfe\x00\x01", "cannot be read as text"),
     ("Student,ID,Section,Late parcels (1),late-parcels (2)\nx,1,,,\n", "two columns for one lab"),
     ("Student,ID,Section,late-parcels (1)\n Points Possible,,,(read only)\nx,1,,\n", "itself"),
     ("Student,ID,SIS Login ID,Section\nx,1,ada,\ny,2,Ada,\n", "the id of two people")],
)  # fmt: skip
def test_a_wrong_roster_is_refused_with_a_sentence(tmp_path, body, said):
    path = tmp_path / "grades.csv"
    path.write_bytes(body if isinstance(body, bytes) else body.encode())
    with pytest.raises(UsageError, match=said):
        canvas(SCORES[:1], TITLES, read_roster(path))


def test_the_table_has_a_row_for_each_learner():
    rows = read(table(SCORES))
    assert rows[0] == {"learner": "ada", "late-parcels": "12.5", "pharmacy-keys": "", "sum": "12.5"}
    assert [row["learner"] for row in rows] == ["ada", "bo", "Žofie"]


def test_everything_behind_the_report_is_there():
    found = behind(tallies([*class_of(20), result("=cmd|x", "puff", killed="=x")]))
    assert set(found) == set(FILES)
    assert len(read(found["learners.csv"])) == 21
    assert len(read(found["verdicts.csv"])) == 84
    checks = read(found["checks.csv"])
    assert [row["learners_with_a_score"] for row in checks] == ["20"] * 4
    assert all(-1 <= float(row["point_biserial"]) <= 1 for row in checks)
    assert "'=cmd|x" in found["learners.csv"]
