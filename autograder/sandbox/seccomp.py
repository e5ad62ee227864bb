"""The filter on system calls, assembled by hand for x86-64 and arm64. Allows what it does not name.

It guards the kernel's less travelled doors; what files and processes exist is the namespaces' job.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct

from autograder.sandbox import linux

# name: (x86-64, arm64); None where the machine has no such call.
DENIED: dict[str, tuple[int | None, int | None]] = {
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "process_madvise": (440, 440), "process_mrelease": (448, 448), "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39),
    "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428),
    "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431),
    "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    "statmount": (457, 457), "listmount": (458, 458), "open_tree_attr": (467, 467),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262), "quotactl": (179, 60), "quotactl_fd": (443, 443),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "create_module": (174, None),
    "swapon": (167, 224), "swapoff": (168, 225), "reboot": (169, 142), "acct": (163, 89),
    "syslog": (103, 116), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "adjtimex": (159, 171), "clock_adjtime": (305, 266), "sethostname": (170, 161),
    "setdomainname": (171, 162), "iopl": (172, None), "ioperm": (173, None),
    "modify_ldt": (154, None), "uselib": (134, None), "ustat": (136, None),
    "lookup_dcookie": (212, 18), "nfsservctl": (180, 42), "vmsplice": (278, 75),
    "migrate_pages": (256, 238), "move_pages": (279, 239), "mbind": (237, 235),
    "shmget": (29, 194), "memfd_secret": (447, 447),
}  # fmt: skip
ABSENT = {"clone3": (435, 435), "memfd_create": (319, 279)}  # callers then do without
CLONE, SOCKET, IOCTL, PRLIMIT = (56, 220), (41, 198), (16, 29), (302, 261)

MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
NAMESPACES = 0x7E020080  # every CLONE_NEW* flag
TERMINAL = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX: type into somebody's terminal
FAMILIES = (1, 2, 10)  # unix, IPv4, IPv6
NETLINK = 16

ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCH, ARGS = 0, 4, 16

Step = tuple[int, int, int, int]  # code, jump if true, jump if false, value


def ret(action: int) -> Step:
    return RETURN, 0, 0, action


def error(number: int) -> Step:
    return ret(ERRNO | number)


def load_argument(index: int) -> Step:
    """Load the low half of an argument; what we look at are ints to the kernel too."""
    return LOAD, 0, 0, ARGS + 8 * index


def when(number: int, body: list[Step]) -> list[Step]:
    """Run `body`, which must return, for one system call."""
    return [(EQUAL, 0, len(body), number), *body]


def program(machine: str) -> list[Step]:
    """Return the filter; raises KeyError for a machine that has none."""
    index, arch = MACHINES[machine]
    steps = [(LOAD, 0, 0, ARCH), (EQUAL, 1, 0, arch), ret(KILL), (LOAD, 0, 0, NUMBER)]
    if machine == "x86_64":
        steps += [(AT_LEAST, 0, 1, 0x40000000), ret(KILL)]  # the x32 numbers
    steps += special(index)
    numbers = [n for pair in DENIED.values() if (n := pair[index]) is not None]
    for place, number in enumerate(numbers):
        steps.append((EQUAL, len(numbers) - place, 0, number))
    return [*steps, ret(ALLOW), error(errno.EPERM)]


def special(index: int) -> list[Step]:
    """Return the calls that depend on their arguments, and those that we say do not exist."""
    steps: list[Step] = []
    for pair in ABSENT.values():
        steps += when(pair[index], [error(errno.ENOSYS)])
    denied = error(errno.EPERM)
    steps += when(
        CLONE[index],
        [load_argument(0), (ANY_BIT, 1, 0, NAMESPACES), ret(ALLOW), denied],
    )
    steps += when(
        IOCTL[index],
        [
            load_argument(1),
            *((EQUAL, 2 - i, 0, k) for i, k in enumerate(TERMINAL)),
            ret(ALLOW),
            denied,
        ],
    )
    steps += when(PRLIMIT[index], [load_argument(0), (EQUAL, 0, 1, 0), ret(ALLOW), denied])
    return steps + when(SOCKET[index], families())


def families() -> list[Step]:
    """Unix and IP sockets; of netlink only its routes, which getifaddrs asks for."""
    ask = [(EQUAL, 4 + len(FAMILIES) - i - 1, 0, family) for i, family in enumerate(FAMILIES)]
    return [
        load_argument(0),
        *ask,
        (EQUAL, 1, 0, NETLINK),
        error(errno.EAFNOSUPPORT),
        load_argument(2),
        (EQUAL, 0, 1, 0),
        ret(ALLOW),
        error(errno.EAFNOSUPPORT),
    ]


def assemble(steps: list[Step]) -> bytes:
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def install() -> None:
    """Filter this process and all that it starts. Needs no_new_privs."""
    code = assemble(program(platform.machine()))
    place = ctypes.create_string_buffer(code, len(code))
    fprog = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(place))
    linux.prctl(linux.SECCOMP, 2, ctypes.create_string_buffer(fprog, len(fprog)))
