"""One lake: filled, killed, filled again, widened, asked. Then the same board, twice more."""

from autograder import check


@check(points=3, observes="artifact", must=True)
def every_scan_is_there_once(season, shelf):
    """Ninety days of files in: each whole scan is in the lake once, under the day it was made."""
    season.left.need("calm")
    wrong = shelf.holds(season.left.calm, season.world.before)
    assert wrong != "empty", "the lake holds no object that Hive would see"
    assert wrong != "layout", "folders are not COLUMN=value of the lake's columns, alike everywhere"
    assert wrong != "unreadable", "Athena cannot read the lake. Which column has another type?"
    assert wrong != "scans", "a scan is missing, or one is there that never came whole"
    assert wrong != "twice", "a scan is there more than once. Which column says that two are one?"
    assert not wrong, "a scan has other values in the lake than its handheld sent"


@check(points=3, observes="artifact", must=True, after="every_scan_is_there_once")
def a_dead_night_can_be_run_again(season, shelf):
    """Killed in the middle, run again, run twice, a day lost while it was replaced: same lake."""
    season.left.need("first", "late")
    assert not shelf.holds(season.left.first, season.world.before), (
        "run again after a death, or a second time, the job leaves another lake"
    )
    assert not shelf.holds(season.left.again, season.world.truth), (
        "died between deleting a day and putting the new one there: run again, it stays lost"
    )


@check(points=2, observes="artifact", after="every_scan_is_there_once")
def a_late_file_touches_its_own_days(season, shelf):
    """A late file is folded in; objects of days that it has no scan of stay as they are."""
    season.left.need("first", "late")
    assert not shelf.holds(season.left.late, season.world.truth), (
        "with the late file folded in, the lake does not hold each scan once"
    )
    assert not season.rewritten, "objects of days that the late file does not touch were rewritten"


@check(points=2, observes="artifact", after="a_dead_night_can_be_run_again")
def no_task_drowns(season):
    """The board is right; no task reads over a quarter of a shuffle, no rows go to the driver."""
    season.left.need("board")
    assert season.board == season.wanted, "the board is wrong. Which scans have an earlier one?"
    assert season.counted.read >= len(season.world.before), "no task of Spark read the lake"
    assert season.counted.worst <= 0.25, (
        "one task reads more than a quarter of the records. Which key has a task to itself?"
    )
    for order in ("first", "board", "late"):
        assert season.left.counts[order].driver <= 65_536, (
            "rows are collected to the driver. What would the real night send there?"
        )


@check(points=2, observes="cloud",
       after=("a_dead_night_can_be_run_again", "a_late_file_touches_its_own_days"))  # fmt: skip
def the_table_knows_every_day(season, shelf):
    """catalog.py registers the lake as a table; run again, it knows the days that came late."""
    for lake, truth in (
        (season.left.first, season.world.before), (season.left.late, season.world.truth),
    ):  # fmt: skip
        shelf.carry(lake)
        assert shelf.catalogue() == 0, "catalog.py did not end with 0"
        assert shelf.columns() == shelf.kinds, "the table's columns or types are not the lake's"
        found = shelf.count()
        assert found.rows == shelf.counted(truth), "the table shows other scans than the lake holds"
    day = shelf.one_day(season.world.lost)
    assert day.scanned <= 0.1 * found.scanned, "a question about one day reads other days as well"


@check(points=4, observes="cloud", must=True, after="every_scan_is_there_once")
def monday_is_answered_within_its_price(season, shelf, questions):
    """Six questions that nobody foresaw are answered; each reads about what it is about."""
    assert len(season.left.calm) <= 2 * len(set(season.world.before["day"])), (
        "a day lies in more than two objects, and who asks pays for each. Who cut it up?"
    )
    shelf.carry(season.left.calm)
    shelf.register()
    for question in questions:
        answer = shelf.ask(question.sql)
        assert answer.rows == question.rows, "a question of Monday's gets a wrong answer, or none"
        assert answer.scanned <= 1.2 * question.weight, (
            "a question reads far more than its columns of its days weigh. What else did it open?"
        )


@check(points=2, observes="wire")
def little_travels(hadoop):
    """Side rung B. Map, combine, reduce: the board, however often it is combined; 60 % travel."""
    for times in (0, 1, 2):
        sent = hadoop.mapped(combined=times)
        assert hadoop.reduced(sent) == hadoop.board, (
            "reduce gets the board wrong. A combiner runs never, once or twice: does it matter?"
        )
        if times == 1:
            assert len(sent) <= 0.6 * hadoop.lines, (
                "more than 60 % of one record a scan travels. What could a machine add up itself?"
            )


@check(points=1, observes="artifact", after="a_dead_night_can_be_run_again")
def scala_says_the_same(scala):
    """Side rung C. A Scala job, compiled with the jars of Spark, makes the same board."""
    assert scala.compiled, "Board.scala does not compile"
    assert scala.board == scala.wanted, "the Scala job makes another board"
