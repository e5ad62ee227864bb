"""The keeper's life: read an order, be walled off, start the program, obey, count, end the tree.

    python -I -S -c "... main(3)"          # 3: a socket to the cloud's process

Lines of JSON go both ways, sockets as SCM_RIGHTS. When the socket closes, everything below dies.
Limit: one program.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from typing import Any

from infra.cloud.keeper import counted, walls

LOOK = 0.2  # seconds between two looks at what the tree uses
MOST_PROCESSES = 512
QUIET = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # not for the keeper: it ends with its wire
_ROOM = 512 << 20  # over the limit, before the kernel itself refuses memory


class Keeper:
    """One program, its order, and the socket to who wanted it."""

    def __init__(self, wire: socket.socket, order: dict[str, Any]) -> None:
        self.wire, self.order = wire, order
        self.main = 0
        self.exit: int | None = None
        self.reason = ""
        self.peak = 0
        self.woken, self.waker = socket.socketpair()
        for end in (self.woken, self.waker):
            end.setblocking(False)

    def run(self) -> None:
        """Start the program and serve until the other side goes away."""
        listener = self._listener()
        self._say({"ready": True}, [listener] if listener is not None else [])
        if listener is not None:
            listener.close()
        signal.set_wakeup_fd(self.waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.main = self._start()
        left = b""
        while True:
            waits = [self.wire, self.woken]
            readable, _, _ = select.select(waits, [], [], LOOK if self.main else None)
            if self.woken in readable:
                self.woken.recv(4096)
            if self.wire in readable:
                piece = self.wire.recv(65536)
                if not piece:
                    break
                *lines, left = (left + piece).split(b"\n")
                for line in lines:
                    self._obey(json.loads(line))
            self._look()
        self._end_all()

    # --- starting -------------------------------------------------------------------------------

    def _listener(self) -> socket.socket | None:
        """Listen where the cloud is expected, in a network that has nothing else."""
        port = self.order["cloud_port"]
        if not port or not self.order["walled"]:
            return None
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(("127.0.0.1", port))
        made.listen(128)
        return made

    def _start(self) -> int:
        pid = os.fork()
        if pid:
            return pid
        try:
            self._become()
        except OSError as error:
            os.write(2, f"{self.order['argv'][0]}: {error.strerror}\n".encode())
        finally:
            os._exit(127)

    def _become(self) -> None:
        signal.set_wakeup_fd(-1)
        if sys.platform == "linux":
            walls.follow()
        for number in (*QUIET, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.closerange(3, 1024)
        cpu, memory = self.order["cpu_seconds"], self.order["memory_mb"] << 20
        _limit(resource.RLIMIT_CPU, int(cpu) + 1, int(cpu) + 2)
        _limit(resource.RLIMIT_DATA, 2 * memory + _ROOM)
        _limit(resource.RLIMIT_CORE, 0)
        _limit(resource.RLIMIT_NOFILE, 4096)
        os.chdir(self.order["cwd"])
        os.execvpe(self.order["argv"][0], self.order["argv"], self.order["env"])

    # --- serving --------------------------------------------------------------------------------

    def _say(self, message: dict[str, Any], sockets: list[socket.socket] | None = None) -> None:
        data = json.dumps(message).encode() + b"\n"
        with contextlib.suppress(OSError):
            if sockets:
                socket.send_fds(self.wire, [data], [one.fileno() for one in sockets])
            else:
                self.wire.sendall(data)

    def _obey(self, order: dict[str, Any]) -> None:
        what = order["do"]
        if what == "signal" and self.main:
            os.kill(self.main, order["number"])
        elif what == "kill":
            self._end_all()
        elif what == "connect":
            self._connect(order)
        elif what == "usage":
            self._say({"id": order["id"], **self._used()})

    def _connect(self, order: dict[str, Any]) -> None:
        made = socket.socket()
        made.settimeout(5)
        try:
            made.connect(("127.0.0.1", order["port"]))
        except OSError as error:
            self._say({"id": order["id"], "errno": error.errno or 111})
        else:
            self._say({"id": order["id"]}, [made])
        finally:
            made.close()

    # --- counting and ending --------------------------------------------------------------------

    def _look(self) -> None:
        """Reap what has ended; end everything when the program has, or has used too much."""
        self._reap()
        if not self.main:
            return
        now = counted.count()
        self.peak = max(self.peak, now.memory)
        if now.cpu > self.order["cpu_seconds"]:
            self.reason = "cpu"
        elif now.memory > self.order["memory_mb"] << 20:
            self.reason = "memory"
        elif now.processes > MOST_PROCESSES:
            self.reason = "processes"
        if self.reason:
            self._end_all()

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.main:
                self._ended(os.waitstatus_to_exitcode(status))

    def _ended(self, code: int) -> None:
        """The program has ended: so does whatever it left behind."""
        self.main, self.exit = 0, code
        _kill_below()
        self.peak = max(self.peak, counted.largest_ended())
        used = self._used()
        if not self.reason and code < 0 and used["cpu"] >= self.order["cpu_seconds"]:
            self.reason = "cpu"
        if not self.reason and self.peak > self.order["memory_mb"] << 20:
            self.reason = "memory"
        self._say({"ended": code, "reason": self.reason, **used})

    def _end_all(self) -> None:
        """Kill the tree and see its end."""
        if self.main:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.main, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                _, status = os.waitpid(self.main, 0)
                self._ended(os.waitstatus_to_exitcode(status))
        _kill_below()

    def _used(self) -> dict[str, float]:
        now = counted.count()
        return {"cpu": now.cpu, "peak_mb": round(max(self.peak, now.memory) / (1 << 20), 1)}


def _limit(which: int, soft: int, hard: int | None = None) -> None:
    """Set a limit, or the one that this process has already where that is lower."""
    _, most = resource.getrlimit(which)
    known = [hard or soft] if most == resource.RLIM_INFINITY else [hard or soft, most]
    with contextlib.suppress(ValueError, OSError):  # macOS has no limit of this kind
        resource.setrlimit(which, (min(soft, *known), min(known)))


def _kill_below() -> None:
    """Kill every descendant, also those that a dying one has just left to us."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        for pid in counted.below(os.getpid()):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
            time.sleep(0.002)
            continue
        return


def main(handle: int) -> None:
    """Be the keeper that the other end of this socket wants. Exit 3: the walls do not stand."""
    wire = socket.socket(fileno=handle)
    order = json.loads(_line(wire))
    for number in QUIET:
        signal.signal(number, signal.SIG_IGN)
    try:
        if order["mode"] == "namespaces":
            _wall_off(wire, order)
        elif sys.platform == "linux":
            walls.adopt()
            walls.lock()
            walls.hide()
    except OSError as error:
        wire.sendall(json.dumps({"refused": str(error)}).encode() + b"\n")
        raise SystemExit(3) from None
    Keeper(wire, order).run()


def _wall_off(wire: socket.socket, order: dict[str, Any]) -> None:
    """Go on as the first process of namespaces of our own; the one outside waits."""
    walls.leave()
    pid = os.fork()
    if pid:
        wire.close()
        os.close(1)
        os.close(2)
        os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 0xFF)
    walls.follow()
    walls.build(order["shown"], order["folders"])
    walls.settle()
    walls.hide()


def _line(wire: socket.socket) -> bytes:
    found = bytearray()
    while not found.endswith(b"\n"):
        piece = wire.recv(65536)
        if not piece:
            raise SystemExit(0)
        found += piece
    return bytes(found)
