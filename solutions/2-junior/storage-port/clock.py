"""The lab's clock. Given: a pause of your program goes through here and nowhere else.

On your desk `pause` sleeps. In a check the judge notes the pause, and nobody has to wait for it.
"""

from __future__ import annotations

import socket
import time

NIGHT = ("", 0)  # where the judge's clock is; nobody's on a desk


def set_clock(host: str, port: int) -> None:
    """Let pauses be noted at an address. The checks call this."""
    global NIGHT
    NIGHT = (host, port)


def pause(seconds: float) -> None:
    """Wait so long before the next try."""
    if not NIGHT[1]:
        time.sleep(seconds)
        return
    with socket.create_connection(NIGHT) as line:
        line.sendall(f"{seconds!r}\n".encode())
        line.recv(1)  # the judge has noted it
