"""Give this process and its children a network or mounts of their own (Linux namespaces), which end with them.

This needs the capability CAP_SYS_ADMIN, or a user namespace, which most systems let every user make. A user namespace
that is made here keeps user and group, and its additional privileges are dropped before any code of the user runs: a
file that may not be read outside may not be read inside either.

Run as a program (`namespace.py network`, `packets`, `faults` or `mount`) it tries whether that is permitted here, and
says why not on stderr. Sources: unshare(2), user_namespaces(7), netdevice(7), capabilities(7).
"""

import ctypes
import errno
import os
import struct
import subprocess
import sys
from collections.abc import Callable

_CLONE_NEWNS = 0x0002_0000  # include/uapi/linux/sched.h
_CLONE_NEWUSER = 0x1000_0000
_CLONE_NEWNET = 0x4000_0000
_MS_REC, _MS_PRIVATE = 0x4000, 0x4_0000  # include/uapi/linux/mount.h
NOSUID, NODEV = 2, 4
_SIOCGIFFLAGS, _SIOCSIFFLAGS = 0x8913, 0x8914  # include/uapi/linux/sockios.h
_IFF_UP = 1
_INTERFACE_REQUEST = "16sH22x"
_CAPABILITY_VERSION_3 = 0x2008_0522  # include/uapi/linux/capability.h
_TRY_SECONDS = 20
_REFUSED = {errno.EPERM, errno.EACCES}


def enter_network_namespace() -> None:
    """Move this process and its future children to a network of their own, in which no interface is up yet.

    The process must have a single thread. Raises OSError, which says what is missing.
    """
    _enter(_CLONE_NEWNET, "a network namespace")


def enter_mount_namespace() -> None:
    """Move this process to a mount namespace of its own: no other process sees its mounts from now on.

    Conditions and errors are those of `enter_network_namespace`.
    """
    _enter(_CLONE_NEWNS, "a mount namespace")
    call("mount", b"none", b"/", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None)


def bring_up_loopback() -> None:
    """Make 127.0.0.1 and ::1 reachable in the network of this process. Raises OSError."""
    from fcntl import ioctl
    from socket import AF_INET, SOCK_DGRAM, socket

    with socket(AF_INET, SOCK_DGRAM) as any_socket:
        asked = struct.pack(_INTERFACE_REQUEST, b"lo", 0)
        name, flags = struct.unpack(_INTERFACE_REQUEST, ioctl(any_socket, _SIOCGIFFLAGS, asked))
        ioctl(any_socket, _SIOCSIFFLAGS, struct.pack(_INTERFACE_REQUEST, name, flags | _IFF_UP))


def mount_memory(folder: str, size: int) -> None:
    """Mount a file system of `size` bytes in memory at `folder`. Raises OSError."""
    options = f"size={size},mode=0700,uid={os.geteuid()},gid={os.getegid()}".encode()
    flags = ctypes.c_ulong(NOSUID | NODEV)
    call("mount", b"flakeproof", os.fsencode(folder), b"tmpfs", flags, options)


def give_up_privileges() -> None:
    """Drop the privileges that a new user namespace has granted. Raises OSError."""
    if _made_user_namespace:
        header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
        call("capset", header, bytes(24))


def possible(what: str = "network") -> str | None:
    """Why a namespace for `what` is not permitted here, None if it is; nothing of it stays.

    `what` is network, packets (a network whose packets can be seen), faults (one in which they can pass a relay) or
    mount.
    """
    return why_not([sys.executable, "-I", "-S", __file__, what])


def why_not(words: list[str]) -> str | None:
    """Why a program that needs namespaces does not work here, None if it ends with status 0."""
    if not sys.platform.startswith("linux"):
        return "it needs namespaces, which only Linux has"
    try:
        ended = subprocess.run(words, capture_output=True, text=True, check=False, timeout=_TRY_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"cannot try whether it is permitted: {error}"
    if ended.returncode == 0:
        return None
    return (ended.stderr.strip().splitlines() or [f"the attempt ended with exit status {ended.returncode}"])[-1]


_made_user_namespace = False


def made_user_namespace() -> bool:
    """Whether this process had to make a user namespace for another namespace."""
    return _made_user_namespace


def _enter(kind: int, words: str) -> None:
    global _made_user_namespace
    try:
        call("unshare", kind)
    except OSError as error:
        if error.errno not in _REFUSED:
            raise OSError(error.errno, f"{words}: {error.strerror}") from None
    else:
        return
    user, group = os.geteuid(), os.getegid()
    try:
        call("unshare", _CLONE_NEWUSER | kind)
        _made_user_namespace = True
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            _write(f"/proc/self/{name}", text)
    except OSError as error:
        full = "no more user namespaces can be made (user.max_user_namespaces)"
        why = full if error.errno == errno.ENOSPC else error.strerror
        missing = f"{words} needs the capability CAP_SYS_ADMIN or a user namespace"
        raise OSError(error.errno, f"{missing}, and this process has neither: {why}") from None


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def call(name: str, *arguments: object) -> None:
    """Call a function of the C library that returns 0. Raises OSError."""
    function: Callable[..., int] = getattr(ctypes.CDLL(None, use_errno=True), name)
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _open_tap() -> None:
    """Do all that it takes to see packets: some sandboxes have such sockets, and no rings."""
    sys.path.insert(0, os.path.abspath(f"{__file__}/../../.."))  # noqa: PTH100 - we were started by path
    from flakeproof_worker.system.packet_tap import PacketTap

    try:
        PacketTap().close()
    except OSError as error:
        missing = "to see the packets of a network takes AF_PACKET with a ring, and the capability CAP_NET_RAW in it"
        raise OSError(error.errno, f"{missing}: {error.strerror}") from None


def _open_tunnel() -> None:
    sys.path.insert(0, os.path.abspath(f"{__file__}/../../.."))  # noqa: PTH100
    from flakeproof_worker.system.tunnel import open_tunnel

    os.close(open_tunnel())


def _try(what: str) -> None:
    if what in ("network", "packets", "faults"):
        enter_network_namespace()
        bring_up_loopback()
        if what == "packets":
            _open_tap()
        elif what == "faults":
            _open_tunnel()
    else:
        enter_mount_namespace()
        mount_memory("/proc", 4096)  # any folder will do: no other process sees the mount
    give_up_privileges()


if __name__ == "__main__":
    try:
        _try(sys.argv[1])
    except OSError as failed:
        sys.exit(str(failed.strerror or failed))
