"""Start a program under the restrictions of a systemd unit, on a machine where systemd is not there to do it.

    python confined.py UNIT STATE CHECKOUT ENVIRONMENT -- arguments of Python

Needs root, to give it away. What is done with the kernel's own means, read from the unit: namespaces of mounts, IPC and
host name; a file system that is read-only but for STATE, which becomes /var/lib/perpulse; no homes, a /tmp, /proc and
/dev of its own; another user without any right; no new privileges; no memory that is written and run; the system calls
and socket families of the unit and no others. What is not: a namespace of users, which systemd makes with its dynamic
one; IPAddressDeny and the device list, which the unit leaves open; limits of tasks; and the watchdog's kill.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

NOBODY = "65534"
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1
SCMP_ACT_ALLOW, SCMP_ACT_ERRNO = 0x7FFF0000, 0x00050000
SCMP_CMP_EQ, SCMP_CMP_MASKED_EQ = 4, 7
NAMESPACES = 0x7E020080  # every CLONE_NEW... flag
FAMILIES = {"AF_UNIX": socket.AF_UNIX, "AF_INET": socket.AF_INET, "AF_INET6": socket.AF_INET6}

PREPARE = r"""
set -eu
mount --make-rprivate /
mkdir -p /run/perpulse-confined && cd /run/perpulse-confined
mount -t tmpfs -o mode=755 tmpfs . && cd /run/perpulse-confined
mkdir checkout environment base dev
mount --rbind "$CHECKOUT" checkout
mount --rbind "$ENVIRONMENT" environment
mount --rbind "$BASE" base
for device in null zero full random urandom tty; do touch dev/$device; mount --bind /dev/$device dev/$device; done
mkdir dev/shm && mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t tmpfs -o mode=755 tmpfs /var/lib
mkdir /var/lib/perpulse && mount --bind "$STATE" /var/lib/perpulse && chown -R 65534:65534 /var/lib/perpulse
for home in /home /root /run/user; do [ ! -d $home ] || mount -t tmpfs -o mode=711 tmpfs $home; done
mkdir -p "$BASE" && mount --rbind base "$BASE"  # a Python may lie in a home
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t proc -o subset=pid,hidepid=invisible proc /proc || echo "confined: /proc stays whole" >&2
mount --rbind dev /dev
while read -r _ _ _ _ point _; do
    case $point in
    /dev* | /proc* | /var/lib/perpulse | /tmp) ;;
    *) mount -o remount,bind,ro "$point" || echo "confined: $point stays writable" >&2 ;;
    esac
done <<END
$(cat /proc/self/mountinfo)
END
cd /var/lib/perpulse
export PYTHONPATH=/run/perpulse-confined/checkout MPLCONFIGDIR=/var/lib/perpulse/cache HOME=/
exec setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
    --ambient-caps=-all /run/perpulse-confined/environment/bin/python "$SELF" --inside "$@"
"""


def of_unit(unit: str, name: str) -> list[str]:
    """Return the values of one setting, in order."""
    lines = (line.partition("=") for line in unit.splitlines() if not line.startswith("#"))
    return [value.strip() for key, _, value in lines if key.strip() == name]


def members(group: str) -> set[str]:
    """Return the system calls of a group of systemd's."""
    if not group.startswith("@"):
        return {group}
    listed = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True)
    names = [line.strip() for line in listed.stdout.splitlines()[1:] if line.strip() and "#" not in line]
    return set().union(*(members(name) for name in names))


def allowed(unit: str) -> set[str]:
    """Return the system calls that a unit allows."""
    found: set[str] = set()
    for value in of_unit(unit, "SystemCallFilter"):
        named = set().union(*(members(group) for group in value.removeprefix("~").split()))
        found = found - named if value.startswith("~") else found | named
    # systemd leaves these open to whoever it starts
    return found | {"execve", "exit", "exit_group", "getrlimit", "rt_sigreturn", "sigreturn", "gettimeofday", "time"}


class Argument(ctypes.Structure):
    """One condition on an argument of a system call, as libseccomp has it."""

    _fields_ = (("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64))


def confine(unit: str, calls: list[str]) -> None:
    """Give up what the unit does not leave to this process, for good."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert of_unit(unit, "MemoryDenyWriteExecute") == of_unit(unit, "RestrictNamespaces") == ["yes"]
    if libc.prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0):
        sys.exit(f"confined: this kernel cannot refuse memory that is written and run ({ctypes.get_errno()})")
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(SCMP_ACT_ERRNO | errno.EPERM))

    def rule(action: int, name: str, *conditions: Argument) -> None:
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        array = (Argument * len(conditions))(*conditions)
        if number >= 0:  # else it is one of another architecture
            assert seccomp.seccomp_rule_add_array(context, action, number, len(conditions), array) == 0, name

    special = {"socket", "clone", "clone3", "unshare", "setns"}
    for name in calls:
        if name not in special:
            rule(SCMP_ACT_ALLOW, name)
    for name in of_unit(unit, "RestrictAddressFamilies")[0].split():
        rule(SCMP_ACT_ALLOW, "socket", Argument(0, SCMP_CMP_EQ, int(FAMILIES[name]), 0))
    rule(SCMP_ACT_ALLOW, "clone", Argument(0, SCMP_CMP_MASKED_EQ, NAMESPACES, 0))
    rule(SCMP_ACT_ERRNO | errno.ENOSYS, "clone3")  # its flags cannot be read; libc takes the older call then
    assert seccomp.seccomp_load(context) == 0


def main() -> None:
    """Prepare as root, then confine and become the program."""
    if sys.argv[1] == "--inside":
        unit, calls = os.environ.pop("UNIT_TEXT"), os.environ.pop("UNIT_CALLS").split()
        confine(unit, calls)
        program = "/run/perpulse-confined/environment/bin/python"
        os.execv(program, [program, "-P", *sys.argv[2:]])
    file, state, checkout, environment, _, *arguments = sys.argv[1:]
    unit = Path(file).read_text(encoding="utf-8")
    here = {
        "STATE": state,
        "CHECKOUT": checkout,
        "ENVIRONMENT": environment,
        "BASE": sys.base_prefix,
        "UNIT_TEXT": unit,
        "UNIT_CALLS": " ".join(sorted(allowed(unit))),
        "SELF": "/run/perpulse-confined/checkout/" + str(Path(__file__).resolve().relative_to(checkout)),
    }
    command = ["unshare", "--mount", "--ipc", "--uts", "sh", "-c", PREPARE, "confined", *arguments]
    os.execvpe(command[0], command, os.environ | here)


if __name__ == "__main__":
    main()
