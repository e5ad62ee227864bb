"""Opens a gradebook, writes results into it and reads them as streams. Applies no policy.

A grade is never lowered by writing alone: what would lower one is kept beside it, on hold.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import msgspec

from autograder.errors import GraderError, UsageError
from autograder.gradebook.address import open_engine, said
from autograder.gradebook.lock import lock_file, lock_server
from autograder.gradebook.reading import Row, light, records, rows_of, standing
from autograder.gradebook.tables import make, tables
from autograder.policy import RULES, Cohort
from autograder.standing import Mark, Record, grades
from autograder.verdict import KEY, LabResult

T = TypeVar("T")
PAUSES = (0.0, 1.0, 2.0, 4.0)  # seconds before a lost server is asked again
ON = "mend that and type the same again: it goes on where it stopped"


@dataclass(frozen=True)
class Change:
    """What writing a result did. `before`: points that stood for this work; held: they still do."""

    before: float | None
    after: float | None
    held: bool = False


class Gradebook:
    """A database of results. Several may read it; the first write makes this the one writer."""

    def __init__(self, url: str | Path, course: str = "", *, must: bool = False) -> None:
        """Open a gradebook by file or URL, and make one when there is none, unless it `must` be.

        Raises UsageError: it cannot be opened, is another course's, or another version's.
        """
        import sqlalchemy as sa

        self.path, self.course = (url if isinstance(url, Path) else None), course
        if must and self.path is not None and not self.path.is_file():
            raise UsageError("there is no gradebook here", str(url), "./ladder grade FOLDER")
        self.engine = open_engine(url)
        self.place = self.engine.url.render_as_string(hide_password=True)
        if self.path is not None:
            self.place = str(self.path)
        self.tables = tables()
        self.stack = ExitStack()
        self.writer: Any = None
        self.locked = False
        try:
            self._begin()
        except sa.exc.SQLAlchemyError as error:
            raise UsageError(f"cannot be opened: {said(error)}", self.place) from error

    def _begin(self) -> None:
        import sqlalchemy as sa

        with self.engine.connect() as connection:
            make(connection, self.tables, self.place)
            connection.commit()
            about = self.tables.about
            found = connection.execute(
                sa.select(about.c.value).where(about.c.name == "course")
            ).scalar()
        if self.course and found and found != self.course:
            raise UsageError(
                f"this gradebook is that of {found!r}, not of {self.course!r}",
                self.place,
                "name another one: --gradebook FILE",
            )

    def __enter__(self) -> Gradebook:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._let_go()
        self.stack.close()
        self.locked = False
        self.engine.dispose()

    def claim(self) -> None:
        """Become the one writer. Raises UsageError when another grader is it."""
        self._write(lambda connection: None)

    def _connected(self) -> Any:
        """Return the writer's connection, which holds the lock of a server."""
        if self.writer is None:
            connection = self.engine.connect()
            try:
                if self.path is None:
                    lock_server(connection, self.place)
            except BaseException:
                connection.close()
                raise
            self.writer = connection
            self._once(self._sign)
        return self.writer

    def _sign(self, connection: Any) -> None:
        about = self.tables.about
        row = {"name": "course", "value": self.course}
        there = connection.execute(about.select().where(about.c.name == "course")).first()
        if self.course and there is None:
            connection.execute(about.insert().values(**row))

    def _let_go(self) -> None:
        if self.writer is not None:
            self.writer.invalidate()
            self.writer.close()
            self.writer = None

    def _write(self, work: Callable[[Any], T]) -> T:
        """Do some work in one short transaction; a server that was lost is asked again.

        Raises GraderError when it cannot be done: nothing of it is done then.
        """
        import sqlalchemy as sa

        if self.path is not None and not self.locked:
            self.stack.enter_context(lock_file(self.path))
            self.locked = True
        for pause in PAUSES if self.path is None else (0.0,):
            time.sleep(pause)
            try:
                self._connected()
                return self._once(work)
            except (sa.exc.OperationalError, sa.exc.InterfaceError) as error:
                why = error
                self._let_go()
        raise GraderError(f"the gradebook cannot be written: {said(why)}", self.place, ON) from why

    def _once(self, work: Callable[[Any], T]) -> T:
        with self.writer.begin():
            return work(self.writer)

    def write(
        self, result: LabResult, submitted: float = 0.0, graded: float = 0.0, lower: bool = False
    ) -> Change:
        """Write one result, in one short transaction; the same result again changes nothing.

        submitted, graded: seconds since the epoch, the latter now unless given. A fault of ours
        takes no grade away, and a lower result is held beside the grade unless `lower`.
        """
        key = result.key
        values = {
            "points": result.points, "possible": result.possible, "passed": result.passed,
            "ungraded": result.ungraded, "graded": graded or time.time(), "cpu": result.cpu,
            "json": result.to_json().decode(),
        }  # fmt: skip
        return self._write(lambda c: self._put(c, key, values, submitted, lower))

    def _put(
        self, c: Any, key: dict[str, Any], values: dict[str, Any], submitted: float, lower: bool
    ) -> Change:
        self._attempted(c, key, submitted)
        stands = self._stands(c, key)
        before = stands.points if stands is not None else None
        same = stands is not None and all(getattr(stands, k) == v for k, v in key.items())
        if values["ungraded"] and (same or self._graded(c, key)):
            return Change(before, before)
        falls = before is not None and values["points"] < before and not values["ungraded"]
        held = falls and not lower
        if held and same:
            return Change(before, before, True)
        table = self.tables.result
        c.execute(table.delete().where(self._is(key)))
        c.execute(table.insert().values(**key, **values, held=held))
        after = before if held or values["ungraded"] else values["points"]
        return Change(before, after, held)

    def attempted(self, lab: str, learner: str, submission: str, submitted: float) -> None:
        """Note when work that is graded already was handed in."""
        key = {"lab": lab, "learner": learner, "submission": submission}
        if not self._seen(key, submitted):
            self._write(lambda c: self._attempted(c, key, submitted))

    def _seen(self, key: Mapping[str, Any], submitted: float) -> bool:
        table = self.tables.attempt
        mine = table.c.submitted == submitted
        for name in ("lab", "learner", "submission"):
            mine &= table.c[name] == key[name]
        with self._reading() as connection:
            return connection.execute(table.select().where(mine)).first() is not None

    def _attempted(self, c: Any, key: Mapping[str, Any], submitted: float) -> None:
        table = self.tables.attempt
        row = {name: key[name] for name in ("lab", "learner", "submission")}
        mine = table.c.submitted == submitted
        for name, value in row.items():
            mine &= table.c[name] == value
        if c.execute(table.select().where(mine)).first() is None:
            c.execute(table.insert().values(**row, submitted=submitted))

    @contextmanager
    def _reading(self) -> Iterator[Any]:
        """Give a connection to read with. Raises GraderError when the database fails."""
        import sqlalchemy as sa

        try:
            with self.engine.connect() as connection:
                yield connection
        except sa.exc.DBAPIError as error:
            what = f"the gradebook cannot be read: {said(error)}"
            raise GraderError(what, self.place, ON) from error

    def _is(self, key: Mapping[str, Any]) -> Any:
        import sqlalchemy as sa

        return sa.and_(*(self.tables.result.c[name] == value for name, value in key.items()))

    def _graded(self, c: Any, key: Mapping[str, Any]) -> bool:
        table = self.tables.result
        found = c.execute(light(self.tables).where(self._is(key), table.c.ungraded.is_(False)))
        return found.first() is not None

    def _stands(self, c: Any, key: Mapping[str, Any]) -> Row | None:
        """Return the grade that stands for a piece of work; None: there is none."""
        work = {name: key[name] for name in ("lab", "learner", "submission")}
        desk = key["epoch"] == "desk"
        rows = c.execute(light(self.tables).where(self._is(work)))
        best = standing([row for row in rows if (row.epoch == "desk") == desk])
        return None if best is None or best.ungraded else best

    def knows(self, key: Mapping[str, Any]) -> bool:
        """Tell whether there is a grade, or one on hold, for this very key."""
        with self._reading() as connection:
            return self._graded(connection, key)

    def stands(self, key: Mapping[str, Any]) -> LabResult | None:
        """Return the result that stands for a piece of work."""
        with self._reading() as connection:
            row = self._stands(connection, key)
        return None if row is None else self.result(row)

    def release(self, key: Mapping[str, Any]) -> None:
        """Let a result that is on hold count from now on."""
        table = self.tables.result
        now = table.update().where(self._is(key)).values(held=False, graded=time.time())
        self._write(lambda c: c.execute(now))

    def mark(self, mark: Mark) -> None:
        """Add points that a person gave. Nothing takes this row away again."""
        row = {name: getattr(mark, name) for name in Mark.__slots__}
        self._write(lambda c: c.execute(self.tables.mark.insert().values(**row)))

    def marks(self, learner: str, lab: str) -> list[Mark]:
        """Return what people decided about one lab of a learner, oldest first."""
        table = self.tables.mark
        mine = table.select().where(table.c.learner == learner, table.c.lab == lab)
        with self._reading() as connection:
            rows = connection.execute(mine.order_by(table.c.id))
            return [Mark(r.lab, r.learner, r.points, r.by, r.because, r.at) for r in rows]

    def rows(self, lab: str, learner: str = "") -> Iterator[Row]:
        """Yield the rows of a lab without their JSON: of everybody, or of one learner."""
        with self._reading():
            yield from rows_of(self.engine, self.tables, lab, learner)

    def result(self, row: Row | Mapping[str, Any]) -> LabResult:
        """Return the whole result of a row."""
        key = row if isinstance(row, Mapping) else {name: getattr(row, name) for name in KEY}
        with self._reading() as connection:
            found = connection.execute(
                self.tables.result.select()
                .where(self._is(key))
                .with_only_columns(self.tables.result.c.json)
            )
            return LabResult.from_json(found.scalar_one().encode())

    def labs(self) -> list[str]:
        """Return the labs of which there are results, by name."""
        column = self.tables.result.c.lab
        with self._reading() as connection:
            found = self.tables.result.select().with_only_columns(column).distinct()
            return sorted(connection.execute(found).scalars())

    def epochs(self) -> list[str]:
        """Return the seed epochs of the grades that there are."""
        column = self.tables.result.c.epoch
        with self._reading() as connection:
            found = self.tables.result.select().with_only_columns(column).distinct()
            return sorted(connection.execute(found.where(column != "desk")).scalars())

    def records(
        self, alias: Mapping[str, str] | None = None, lab: str = "", learner: str = ""
    ) -> Iterator[Record]:
        """Yield attempts and marks of one learner after the other, by name, as a stream."""
        with self._reading():
            yield from records(self.engine, self.tables, alias or {}, lab, learner)

    def results(self, rules: Cohort = RULES, lab: str = "") -> Iterator[LabResult]:
        """Yield the result that counts of each learner for each lab, by lab and learner.

        A stream: one result is held at a time, under the learner's present id.
        """
        for name in [lab] if lab else self.labs():
            for record in self.records(rules.alias, name):
                for grade in grades(rules, record):
                    if grade.chosen is not None:
                        result = self.result(dict(zip(KEY, grade.chosen.key, strict=True)))
                        yield msgspec.structs.replace(result, learner=record.learner)
