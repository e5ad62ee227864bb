"""One lake: filled, killed, filled again, widened, asked. Then the same board, twice more."""

from autograder import check


@check(points=3, observes="artifact", must=True)
def every_scan_is_there_once(season, shelf):
    """Ninety days of files in: each whole scan is in the lake once, under the day it was made."""
    season.left.need("calm")
    wrong = shelf.holds(season.left.calm, season.world.before)
    assert wrong != "no objects", "the lake holds no object that Hive would see"
    assert wrong != "layout", "folders are not COLUMN=value of the lake's columns, alike everywhere"
    assert wrong != "unreadable", "Athena cannot read the lake. Which column has another type?"
    assert wrong != "missing", "a scan that came whole is not in the lake"
    assert wrong != "strange", "a scan is in the lake that never came whole"
    assert wrong != "twice", "a scan is there more than once. Which column says that two are one?"
    assert not wrong, "a scan has other values in the lake than its handheld sent"


@check(points=3, observes="artifact", must=True, after="every_scan_is_there_once")
def a_dead_night_can_be_run_again(season, shelf):
    """Killed in the middle, run again, run twice, a day lost while it was replaced: same lake."""
    season.left.need("first", "again")
    season.died.left.need("first")
    wrong = [shelf.holds(one.left.first, one.world.before) for one in (season, season.died)]
    rerun = wrong[0] or wrong[1]
    day = shelf.holds(season.left.again, season.world.until(2), only=[season.world.lost])
    for what in ("missing", "twice"):
        assert rerun != what, f"run again after a death, or a second time: scans are {what}"
        assert day != what, (
            f"died between deleting a day and putting the new one there, run again: scans of that "
            f"day are {what}"
        )
    assert not rerun, "run again after a death, or a second time, the job leaves another lake"
    assert not day, "died after deleting a day, run again: the day is not what came of it"


@check(points=2, observes="artifact", after="every_scan_is_there_once")
def a_late_file_touches_its_own_days(season, shelf):
    """Late files are folded in; objects of days that they have no scan of stay as they are."""
    season.left.need("late", "again")
    first = shelf.holds(season.left.late, season.world.until(1))
    second = shelf.holds(season.left.again, season.world.until(2), but=[season.world.lost])
    for what in ("missing", "twice"):
        assert first != what, f"with a late file folded in, scans are {what}"
        assert second != what, f"with a second late file folded in, scans are {what}. Whose?"
    assert not first, "with a late file folded in, the lake is not what came"
    assert not second, "with a second late file folded in, the lake is not what came"
    assert not season.rewritten, "objects of days that a late file does not touch were rewritten"


@check(points=2, observes="artifact", after="every_scan_is_there_once")
def no_task_drowns(season):
    """The board is right; no task reads over a quarter of a stage, no rows go to the driver."""
    season.left.need("calm", "board")
    assert season.board == season.wanted, "the board is wrong. Which scans have an earlier one?"
    night, board = season.left.counts["calm"], season.left.counts["board"]
    assert night.read >= len(season.world.before), (
        "tasks of Spark read fewer records than came. Who read the others, and on which machine?"
    )
    assert board.read >= len(season.world.before), "tasks of Spark did not read the whole lake"
    assert max(night.from_files, board.from_files) <= 0.25, (
        "one task reads more than a quarter of the files' records. Which call brought them there?"
    )
    assert board.shuffled, (
        "no stage of the board shuffles as much as the brief says. Where do two scans of one "
        "parcel, in files of two days, meet?"
    )
    assert board.shuffled <= 0.25, (
        "one task reads more than a quarter of a shuffle. Which key has a task to itself?"
    )
    most = max(one.driver for one in season.left.counts.values())
    assert max(2 * board.driver, most) <= 640 << 10, (
        "rows are collected to the driver. What would the real night send there?"
    )


@check(points=2, observes="cloud",
       after="a_late_file_touches_its_own_days")  # fmt: skip
def the_table_knows_every_day(season, shelf):
    """catalog.py registers the lake as a table; run again, it knows the days that came late."""
    for lake, truth in (
        (season.left.calm, season.world.before), (season.left.late, season.world.until(1)),
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
    assert not season.in_pieces, (
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
    """Side rung B. Map, combine, reduce: the board, however often combined; little travels."""
    never, once, again = hadoop.sent()
    for records in (never, once, again):
        assert hadoop.reduced(records) == hadoop.board, (
            "reduce gets the board wrong. A combiner runs never, once or twice: does it matter?"
        )
    assert len(once) <= 0.6 * hadoop.lines, (
        "more than 60 % of one record a scan travels. What could a machine add up itself?"
    )
    assert len(again) <= 0.5 * len(once), (
        "of four machines' records, combined on one, more than half are left. Who adds them up?"
    )


@check(points=1, observes="artifact", after="every_scan_is_there_once")
def scala_says_the_same(scala):
    """Side rung C. A Scala job, compiled with the jars of Spark, makes the same board."""
    assert scala.compiled, "Board.scala does not compile"
    assert scala.ended, "the Scala job compiles, and does not end well. What does it say of itself?"
    assert scala.board == scala.wanted, "the Scala job makes another board"
