"""The report of a class: one offline file, measures that hold, names that run nothing."""

import random
import re
import tracemalloc
from html.parser import HTMLParser

import pytest

from autograder import charts, measures, report
from autograder.errors import UsageError
from autograder.ratings import Rating, agreements, read_ratings
from autograder.spreadsheet import defused, written
from autograder.tally import tallies
from autograder.verdict import CheckResult, LabResult, Verdict

NAMES = ("cleans", "holds_out", "does_not_look", "beats_the_rule")


def result(learner="ada", verdicts="pppp", lab="parcels", **more):
    """One result; a letter a check: p passed, f failed, b blocked, u ungraded."""
    letters = {
        "p": Verdict.PASSED,
        "f": Verdict.FAILED,
        "b": Verdict.BLOCKED,
        "u": Verdict.UNGRADED,
    }
    cpu = more.pop("cpu", 0.5)
    message = more.pop("message", "the month is not whole")
    checks = tuple(
        CheckResult(
            name=name, claim=f"It {name}.", points=1.0 + (name == "cleans"),
            verdict=letters[letter], message="" if letter == "p" else message, cpu=cpu,
            must=name == "cleans",
        )
        for name, letter in zip(NAMES, verdicts, strict=False)
    )  # fmt: skip
    given = {"version": "1", "submission": "s", "epoch": "e", "mode": "A"} | more
    return LabResult(lab=lab, learner=learner, checks=checks, **given)


def class_of(count, seed=1):
    draw = random.Random(seed)
    for number in range(count):
        skill = draw.gauss(0, 1)
        verdicts = "".join("p" if draw.gauss(0, 1) + i - 1.5 < skill else "f" for i in range(4))
        yield result(f"learner-{number:05}", verdicts, cpu=draw.uniform(0.2, 0.9))


class Parsed(HTMLParser):
    """A page as a browser reads it: tags with attributes, ids, text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags, self.ids, self.said = [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_data(self, data):
        self.said += data


def offline(page: str) -> Parsed:
    """Parse a page and see that it runs nothing and asks nobody."""
    parsed = Parsed(page)
    assert "default-src 'none'" in page
    assert "script-src" not in page
    assert not {"script", "iframe", "object", "embed", "form", "link", "base"} & {
        tag for tag, _ in parsed.tags
    }
    for tag, attributes in parsed.tags:
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("src", "href", "xlink:href"):
            address = attributes.get(name) or ""
            assert not re.match(r"(?i)\s*(https?:|//|javascript:)", address), address
    assert len(parsed.ids) == len(set(parsed.ids)), "an id stands twice"
    return parsed


def test_the_report_is_one_offline_file():
    both = [*class_of(30), *(result(f"x{i}", "ppff", lab="keys") for i in range(9))]
    page = report.page(iter(both), titles={"parcels": "Late parcels"})
    parsed = offline(page)
    assert "Late parcels" in parsed.said
    drawings = [attributes for tag, attributes in parsed.tags if tag == "svg"]
    assert len(drawings) == 8
    assert all(one["role"] == "img" and one["aria-label"] for one in drawings)
    assert "#0101" not in page
    assert "#0202" not in page


def test_names_and_messages_run_nothing():
    wild = '<img src=x onerror="alert(1)">'
    names = [wild, "$\\frac{1}{0}$", "李雷", "عمر", "=cmd()", "a" * 150, "\u202egnp", "&amp;"]
    results = [result(name, "pffb", message=wild, killed=wild) for name in names]
    pairs = [{"lab": "parcels", "learner": wild, "beside": wild, "share": wild, "of_learner": wild}]
    ratings = [Rating("parcels", "x", wild, grader, 2, wild) for grader in (wild, "bo")]
    page = report.page(results, pairs=pairs, ratings=ratings, titles={"parcels": wild})
    parsed = offline(page)
    assert not [tag for tag, _ in parsed.tags if tag == "img"]
    assert "李雷" in parsed.said
    assert "\u202e" not in page


def test_results_are_read_once_and_not_kept():
    heavy = "x" * 1_000_000

    def stream():
        for number in range(60):
            yield result(f"l{number}", "pffp", outputs=(f'["{number}{heavy}"]',))

    tallies(iter([result()]))
    tracemalloc.start()
    found = tallies(stream())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found[0].learners) == 60
    assert peak < 8_000_000


def test_a_large_class_fits_on_one_page():
    page = report.page(class_of(10_000))
    assert len(page) < 200_000
    assert "10,000 learners in 20 groups" in page
    offline(page)


def test_without_results_it_says_so():
    assert "No results yet" in report.page([])


def test_without_matplotlib_the_tables_stay(monkeypatch):
    monkeypatch.setattr(charts, "find_spec", lambda name: None)
    page = report.page(class_of(10))
    assert "<svg" not in page
    assert "It holds_out." in page


def test_policy_and_hands_are_told():
    page = report.page([result("ada"), result("bo", "ppff")], {("parcels", "ada"): 3.5})
    assert "5/5 (3.5 in the end)" in page
    assert "changed 1 of them" in page


def test_what_is_ours_is_no_score():
    page = report.page([result("ada"), result("bo", "ppuf")])
    assert "1 not graded, by our fault" in page
    assert "1 (100%)" in page


def test_a_later_result_takes_the_place_of_an_earlier_one():
    (one,) = tallies([result("ada", "ffff"), result("ada", "pppp")])
    assert [row.points for row in one.rows()] == [5.0]


def test_versions_with_other_checks_meet_by_name():
    older = result("ada", "pp")
    (one,) = tallies([older, result("bo", "pfpf")])
    assert [one.verdicts(i).total() for i in range(4)] == [2, 2, 1, 1]


def test_outliers_are_those_far_from_the_rest():
    rest = [result(f"l{i}", "ppff" if i % 2 else "pfff", cpu=0.5 + i / 100) for i in range(20)]
    odd = [result("slow", "ppff", cpu=80.0), result("odd", "ffpp"), result("ours", "ppuf")]
    (one,) = tallies([*rest, *odd])
    found = {(name, what) for name, what, _ in report.outliers(one, one.rows())}
    assert found == {
        ("slow", "used far more CPU than others"),
        ("odd", "passed hard checks and not the easy ones"),
        ("ours", "not graded, by our fault"),
    }


# ---------------------------------------------------------------- measures


def test_point_biserial_is_pearsons_correlation():
    from scipy.stats import pointbiserialr

    draw = random.Random(5)
    passed = [draw.random() < 0.4 for _ in range(50)]
    rest = [draw.gauss(2 * ok, 1) for ok in passed]
    theirs = pointbiserialr(passed, rest).statistic
    assert measures.point_biserial(passed, rest) == pytest.approx(theirs)


@pytest.mark.parametrize(
    ("passed", "rest"),
    [([], []), ([True], [1.0]), ([True] * 3, [1.0, 2.0, 3.0]), ([False] * 3, [1.0, 2.0, 3.0]),
     ([True, False], [2.0, 2.0])],
)  # fmt: skip
def test_point_biserial_is_undefined_where_nothing_differs(passed, rest):
    assert measures.point_biserial(passed, rest) is None


def test_a_check_does_not_correlate_with_its_own_points():
    (one,) = tallies([result(f"l{i}", "pfff" if i % 2 else "ffff") for i in range(10)])
    assert one.discrimination(0) is None
    assert "undefined" in report.of_tallies([one])


def test_kappa_is_that_of_scikit_learn():
    from sklearn.metrics import cohen_kappa_score

    draw = random.Random(2)
    first = [draw.randrange(4) for _ in range(60)]
    second = [min(3, max(0, level + draw.choice([0, 0, 1, -1]))) for level in first]
    theirs = cohen_kappa_score(first, second, weights="quadratic")
    assert measures.weighted_kappa(first, second) == pytest.approx(theirs)


def test_kappa_is_undefined_without_a_difference():
    assert measures.weighted_kappa([], []) is None
    assert measures.weighted_kappa([2, 2], [2, 2]) is None
    assert measures.weighted_kappa([0, 1], [1, 0]) == pytest.approx(-1)


def test_oddness_counts_pairs_the_wrong_way_round():
    ease = [0.9, 0.6, 0.3, 0.1]
    assert measures.oddness([True, True, False, False], ease) == 0
    assert measures.oddness([False, False, True, True], ease) == 1
    assert measures.oddness([True, False, True, False], ease) == pytest.approx(1 / 4)
    assert measures.oddness([True] * 4, ease) == 0


def test_far_above_needs_a_few_to_compare_with():
    assert measures.far_above([1.0, 1.1, 50.0]) == []
    assert measures.far_above([1.0, 1.1, 0.9, 1.2, 1.0, 1.1, 1.0, 0.95, 50.0]) == [8]


# ---------------------------------------------------------------- ratings, CSV


def test_two_graders_are_compared_on_what_both_read(tmp_path):
    path = tmp_path / "ratings.csv"
    lines = ["lab,learner,question,grader,level,comment"]
    for number in range(12):
        lines.append(f"parcels,l{number},why,ann,{number % 4},")
        lines.append(f'parcels,l{number},why,bo,{min(3, number % 4 + (number == 5))},"Well, yes"')
    lines.append("parcels,l99,why,ann,3,alone")
    path.write_text("\ufeff" + "\n".join(lines) + "\n", encoding="utf-8")
    (one,) = agreements(read_ratings(path))
    assert one.graders == ("ann", "bo")
    assert one.counts.total() == 12
    assert one.same == pytest.approx(11 / 12)
    page = report.page([result()], ratings=read_ratings(path))
    assert "Do graders agree?" in page
    offline(page)


@pytest.mark.parametrize(
    ("body", "said"),
    [("lab,learner\na,b\n", "are missing"), ("lab,learner,question,grader,level\na,b,c,d,high\n",
      "line 2: the level is no whole number"), (b"\xff\xfe\x00", "cannot be read as text")],
)  # fmt: skip
def test_a_wrong_file_of_ratings_is_refused(tmp_path, body, said):
    path = tmp_path / "ratings.csv"
    path.write_bytes(body if isinstance(body, bytes) else body.encode())
    with pytest.raises(UsageError, match=said):
        read_ratings(path)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", " =1", "\t=1", "\n=1", "\0=1", "＝1"])
def test_formulas_are_defused(text):
    assert defused(text).startswith("'")


def test_ordinary_texts_and_numbers_stay():
    assert written(("name", "points"), [('O\'Neil, "Zoë"', -1.5), ("a-b", None)]) == (
        'name,points\r\n"O\'Neil, ""Zoë""",-1.5\r\na-b,\r\n'
    )
