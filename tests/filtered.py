#!/usr/bin/env python3
"""Runs a program under a system-call filter that kills, as Android's does for apps: SIGSYS, not ENOSYS.

Usage: tests/filtered.py PROGRAM [ARGUMENT...]. Linux on x86-64 or aarch64.
"""
import ctypes, os, platform, struct, sys

# Not on Android's list for apps: io_uring_setup, pidfd_open, close_range, openat2, cachestat. The numbers are the
# same on both architectures.
FORBIDDEN = [425, 434, 436, 437, 451]
ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
LOAD, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, TRAP = 0x7FFF0000, 0x00030000
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, FILTER = 38, 22, 2


def main():
    arch = ARCH.get(platform.machine())
    if arch is None:
        sys.exit(f"no filter for {platform.machine()}")
    steps = [(LOAD, 0, 0, 4), (JUMP_EQUAL, 1, 0, arch), (RETURN, 0, 0, ALLOW), (LOAD, 0, 0, 0)]
    for number in FORBIDDEN:
        steps += [(JUMP_EQUAL, 0, 1, number), (RETURN, 0, 0, TRAP)]
    steps.append((RETURN, 0, 0, ALLOW))
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    for option, *values in [(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, FILTER, program, 0, 0)]:
        if libc.prctl(option, *values) != 0:
            sys.exit(f"the filter is refused: {os.strerror(ctypes.get_errno())}")
    os.execv(sys.argv[1], sys.argv[1:])


main()
