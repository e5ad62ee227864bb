"""Grades notebooks by Otter's API in this process; run by the Python of the peers' environment.

python otter_grade.py AUTOGRADER.ZIP NOTEBOOK...     prints [path, points] a line
"""

import contextlib
import io
import json
import sys

from otter.api import grade_submission


def main(archive: str, paths: list[str]) -> None:
    """Grade one after the other."""
    for path in paths:
        with contextlib.redirect_stdout(io.StringIO()):
            results = grade_submission(path, ag_path=archive, quiet=True)
        print(json.dumps([path, results.total]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
