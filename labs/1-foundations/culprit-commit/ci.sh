#!/bin/sh
# Ten lines that keep what you learned. Once, in the repository of your course work:
#   git config core.hooksPath hooks && mkdir -p hooks && cp ci.sh hooks/pre-push
# From then on every `git push` runs them, for every folder that has tests. The first failure stops it.
set -eu
cd "$(git rev-parse --show-toplevel)"
ruff check .
for tests in $(git ls-files '*test_*.py'); do
    (cd "$(dirname "$tests")" && mypy --strict . && python -m pytest -q "$(basename "$tests")")
done
