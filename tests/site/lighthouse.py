"""Lighthouse over one page of each kind: accessibility, best practices, SEO; speed is only printed.

Same exit codes and argument as browser.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import browser  # found beside this file

if __name__ == "__main__":
    sys.exit(browser.main(script="lighthouse.mjs"))
