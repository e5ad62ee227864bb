#!/bin/sh
# Ten lines that keep what you learned. Once, in the repository of your course work:
#   git config core.hooksPath hooks && mkdir -p hooks && install -m 755 ci.sh hooks/pre-push
# From then on every `git push` runs them, for every folder that has tests. The first failure stops it.
set -eu
cd "$(git rev-parse --show-toplevel)"
tests="$(git ls-files 'test_*.py' '*/test_*.py')"
test -n "$tests" || { echo "no test is in the repository: git add test_promise.py" >&2; exit 1; }
for one in $tests; do
    (cd "$(dirname "$one")" && ruff check --isolated --line-length 120 . && mypy --strict . && python -m pytest -q "$(basename "$one")")
done
