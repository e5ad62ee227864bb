"""When will it be there? The rules are in CONTRACT.md."""

from __future__ import annotations

# TODO: copy eta/promise.py from the newest commit of your repository, mend it, type it
raise NotImplementedError
