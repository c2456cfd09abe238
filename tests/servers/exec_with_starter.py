"""Become another program that ends when its starter ends, also after `kill -9`.

    python exec_with_starter.py <starter's process id> <user id or -> <group id or -> <program> <argument>...

On Linux the kernel kills the program when the thread that started it ends. On other systems only an orderly end of the
starter stops it. With a user and a group, the program runs as these.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(starter: str, user: str, group: str, command: list[str]) -> None:
    if user != "-":
        os.setgroups([])
        os.setgid(int(group))
        os.setuid(int(user))
    if sys.platform == "linux":
        # A change of user resets the signal, so this comes after it.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(starter):
        sys.exit("the starter is gone")
    os.execv(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
