"""LocalStack's own image: is what it needs on this machine? Looks and explains; starts nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

SIGN_IN = "since 23 March 2026 the image asks for an account's token, LOCALSTACK_AUTH_TOKEN"


def report() -> list[tuple[str, str, str]]:
    """Return (what, what was found, what is wanting) for each thing that the image needs."""
    return [
        ("docker", *_answers("docker", ["info", "--format", "{{.ServerVersion}}"], "its daemon")),
        ("localstack CLI", *_answers("localstack", ["--version"], "it")),
        ("token", *_token()),
    ]


def advice(found: list[tuple[str, str, str]]) -> str:
    """Return one sentence: how to start the image, or why host mode is what there is."""
    if any(wanting for _, _, wanting in found):
        return f"The image cannot be started here ({SIGN_IN}); host mode needs none of this."
    return (
        "The image can be started here: localstack start -d, then export "
        "AWS_ENDPOINT_URL=http://localhost:4566. It is yours to start, and to end: localstack stop"
    )


def _answers(name: str, words: list[str], what: str) -> tuple[str, str]:
    """Return the first line that a command answers; the image's own CLI may be slow to load."""
    path = shutil.which(name)
    if path is None:
        return "", "not on the PATH"
    try:
        done = subprocess.run(
            [path, *words], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return "", f"{what} does not answer"
    said = done.stdout.strip().splitlines()
    return (said[-1], "") if done.returncode == 0 and said else ("", f"{what} does not answer")


def _token() -> tuple[str, str]:
    """Say whether there is one, never which."""
    if os.environ.get("LOCALSTACK_AUTH_TOKEN"):
        return "in LOCALSTACK_AUTH_TOKEN", ""
    if (Path.home() / ".localstack" / "auth.json").is_file():
        return "stored by localstack auth set-token", ""
    return "", "none; localstack auth set-token TOKEN"
