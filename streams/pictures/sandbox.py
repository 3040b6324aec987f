"""What a picture process gives up for ever, once its models are loaded and before it sees a picture.

    limits    memory, CPU time a picture, files, processes, no core dump, no privileges that a file could give
    landlock  Linux from 5.13: no file can be opened, no TCP port reached
    seccomp   Linux on x86-64 and ARM 64: no system call but those that memory, time and its one pipe need

Each is tried, and those in force are reported; without landlock and seccomp a decoder that is taken over can read
what this user can read (docs/adr/0027).
"""

import ctypes
import os
import platform
import resource
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

LIMITS: Final = "limits"
LANDLOCK: Final = "landlock"
SECCOMP: Final = "seccomp"
KINDS: Final = (LIMITS, LANDLOCK, SECCOMP)

MEMORY_BYTES: Final = 2 << 30
"""Beside the loaded models: redaction of three progressive pictures of 40 megapixels takes 1.2 GiB."""

_OPEN_FILES: Final = 3  # the channel, and /dev/null for stdout and stderr

# include/uapi/linux/prctl.h
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38

# include/uapi/linux/landlock.h: every right of a file that each version knows, of TCP, and of scopes
_LANDLOCK_CREATE_RULESET: Final = 444
_LANDLOCK_RESTRICT_SELF: Final = 446
_LANDLOCK_VERSION: Final = 1
_FILE_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 5: 16}  # version: how many bits
_TCP_RIGHTS, _TCP_SINCE = 0b11, 4
_SCOPES, _SCOPES_SINCE = 0b11, 6  # abstract Unix sockets, signals

# include/uapi/linux/seccomp.h, filter.h, audit.h
_SECCOMP_SET_MODE_FILTER: Final = 1
_SECCOMP_ALL_THREADS: Final = 1
_ALLOW: Final = 0x7FFF0000
_KILL_PROCESS: Final = 0x80000000
_REFUSE: Final = 0x00050000 | 1  # the call returns EPERM
_LOAD_WORD, _IF_EQUAL, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_NUMBER_AT, _ARCH_AT, _THIRD_ARGUMENT_AT = 0, 4, 32
_PROT_EXEC: Final = 4


class _Calls:
    """System calls by their number on one kind of machine.

    Attributes:
        arch: The machine, as the kernel tells a filter.
        seccomp: The number of seccomp(2).
        allowed: Calls that are allowed.
        unless_executable: mmap(2) and mprotect(2): allowed unless the memory could be run.
    """

    def __init__(
        self, arch: int, seccomp: int, allowed: Sequence[int], unless_executable: Sequence[int]
    ) -> None:
        self.arch, self.seccomp, self.allowed = arch, seccomp, tuple(allowed)
        self.unless_executable = tuple(unless_executable)


# The numbers are in this order: read, write, writev, close, fstat, lseek; munmap, mremap, madvise, brk; futex,
# sched_yield, nanosleep, clock_nanosleep, clock_gettime, clock_getres, setitimer, getrusage, sched_getaffinity and
# getcpu; rt_sigaction, rt_sigprocmask, rt_sigreturn, sigaltstack, restart_syscall; getpid, gettid, getrandom, rseq and
# set_robust_list; exit and exit_group.
_X86_64: Final = (
    *(0, 1, 20, 3, 5, 8, 11, 25, 28, 12, 202, 24, 35, 230, 228, 229, 38, 98, 204, 309),
    *(13, 14, 15, 131, 219, 39, 186, 318, 334, 273, 60, 231),
)
_AARCH64: Final = (
    *(63, 64, 66, 57, 80, 62, 215, 216, 233, 214, 98, 124, 101, 115, 113, 114, 103, 165, 123, 168),
    *(134, 135, 139, 132, 128, 172, 178, 278, 293, 99, 93, 94),
)
_CALLS: Final = {
    "x86_64": _Calls(0xC000003E, 317, _X86_64, (9, 10)),
    "aarch64": _Calls(0xC00000B7, 277, _AARCH64, (222, 226)),
}


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("if_true", ctypes.c_uint8),
        ("if_false", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(_Instruction)))


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("file_rights", ctypes.c_uint64),
        ("tcp_rights", ctypes.c_uint64),
        ("scopes", ctypes.c_uint64),
    )


def end_with(parent: int) -> None:
    """End this process with its parent, and not with a signal that is meant for the parent.

    A service manager sends SIGTERM to all processes of a worker, a terminal SIGINT: the worker drains then, and needs
    its pictures for that. It closes the channel when it ends.
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def give_up_everything() -> tuple[str, ...]:
    """Enter the sandbox; there is no way back.

    Returns:
        The kinds that are in force, of `KINDS`.
    """
    _prefer_for_oom_killer()
    most_bytes = _address_space_bytes() + MEMORY_BYTES
    libc = _libc()
    is_unprivileged = sys.platform == "linux" and libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    has_landlock = is_unprivileged and _forbid_files(libc)
    if sys.platform == "linux":
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    _set_limits(most_bytes)  # after landlock, which takes a descriptor for a moment
    has_seccomp = is_unprivileged and _forbid_system_calls(libc)
    in_force = {LIMITS: True, LANDLOCK: has_landlock, SECCOMP: has_seccomp}
    return tuple(kind for kind in KINDS if in_force[kind])


def _set_limits(most_bytes: int) -> None:
    _lower(resource.RLIMIT_AS, most_bytes)
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_NPROC, 0)
    _lower(resource.RLIMIT_NOFILE, _OPEN_FILES)


def _lower(limit: int, value: int) -> None:
    _, most = resource.getrlimit(limit)
    if most != resource.RLIM_INFINITY:
        value = min(value, most)
    resource.setrlimit(limit, (value, value))


def _prefer_for_oom_killer() -> None:
    """Where memory runs out, this process goes and not the worker."""
    try:
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    except OSError:  # no such file: the kernel decides
        return


def _address_space_bytes() -> int:
    """What is mapped now: models, libraries, heaps."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except OSError:
        return MEMORY_BYTES
    return pages * resource.getpagesize()


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _forbid_files(libc: ctypes.CDLL) -> bool:
    """Landlock without a rule: whatever it handles is refused. It holds for this thread, so there may be no other."""
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        return False
    version = libc.syscall(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _LANDLOCK_VERSION)
    if version < 1:
        return False
    bits = max(count for since, count in _FILE_RIGHTS.items() if since <= version)
    ruleset = _Ruleset(
        (1 << bits) - 1,
        _TCP_RIGHTS if version >= _TCP_SINCE else 0,
        _SCOPES if version >= _SCOPES_SINCE else 0,
    )
    known = 8 * (
        1 + (version >= _TCP_SINCE) + (version >= _SCOPES_SINCE)
    )  # an older kernel knows fewer fields
    fd = libc.syscall(_LANDLOCK_CREATE_RULESET, ctypes.byref(ruleset), ctypes.c_size_t(known), 0)
    if fd < 0:
        return False
    is_in_force = libc.syscall(_LANDLOCK_RESTRICT_SELF, fd, 0) == 0
    os.close(fd)
    return bool(is_in_force)


def _forbid_system_calls(libc: ctypes.CDLL) -> bool:
    calls = _CALLS.get(platform.machine())
    if calls is None:
        return False
    instructions = _filter(calls)
    program = _Program(len(instructions), (_Instruction * len(instructions))(*instructions))
    done = libc.syscall(calls.seccomp, _SECCOMP_SET_MODE_FILTER, _SECCOMP_ALL_THREADS, ctypes.byref(program))
    return bool(done == 0)


def _filter(calls: _Calls) -> list[_Instruction]:
    """Allow the listed calls; all others fail with EPERM, which libraries bear, and a foreign ABI ends the process."""
    instructions = [
        _Instruction(_LOAD_WORD, 0, 0, _ARCH_AT),
        _Instruction(_IF_EQUAL, 1, 0, calls.arch),
        _Instruction(_RETURN, 0, 0, _KILL_PROCESS),
        _Instruction(_LOAD_WORD, 0, 0, _NUMBER_AT),
    ]
    for number in calls.allowed:
        instructions += [_Instruction(_IF_EQUAL, 0, 1, number), _Instruction(_RETURN, 0, 0, _ALLOW)]
    for number in calls.unless_executable:
        instructions += [
            _Instruction(_IF_EQUAL, 0, 4, number),
            _Instruction(_LOAD_WORD, 0, 0, _THIRD_ARGUMENT_AT),
            _Instruction(_IF_ANY_BIT, 1, 0, _PROT_EXEC),
            _Instruction(_RETURN, 0, 0, _ALLOW),
            _Instruction(_RETURN, 0, 0, _REFUSE),
        ]
    return [*instructions, _Instruction(_RETURN, 0, 0, _REFUSE)]
