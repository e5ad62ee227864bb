"""What surrounds a cloud's process: the user's AWS settings, unseen, and a folder for the while.

Limit: `apart` changes the whole process's environment, for a moment and for all its threads.
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator

# A profile that does not exist, or a file that cannot be read, stops any SDK at its first session.
UNREAD = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
_FULL = {errno.ENOSPC, errno.EDQUOT}
_SPOOL = "MOTO_S3_DEFAULT_KEY_BUFFER_SIZE"  # the engine's: bytes of an object kept in memory


def forget() -> None:
    """Take every AWS setting of the user's out of this process's environment."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(UNREAD)


@contextlib.contextmanager
def apart() -> Iterator[None]:
    """Keep the user's AWS settings out of sight while the block runs."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    forget()
    try:
        yield
    finally:
        for name in UNREAD:
            os.environ.pop(name, None)
        os.environ.update(kept)


def settle(folder: str, *, spools: bool) -> None:
    """Make this process a cloud's: everything temporary lies in `folder`, nothing is the user's.

    Unless it spools, or the folder is on a file system made for such a process, objects stay in
    memory: a spooled one has no name by which anybody could see how large all have become.
    """
    forget()
    if not spools and not os.path.ismount(tempfile.gettempdir()):
        os.environ[_SPOOL] = str(1 << 40)
    tempfile.tempdir = folder


def full(error: BaseException) -> bool:
    """Whether an error says that there is no room left, on a disk or in memory."""
    return isinstance(error, MemoryError) or (
        isinstance(error, OSError) and error.errno in _FULL
    )
