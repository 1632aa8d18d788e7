"""What a descriptor is, in words instead of strace's."""

import re

_SOCKET = re.compile(r"^(TCPv6|UDPv6|TCP|UDP|UNIX(?:-\w+)?|NETLINK|RAW|socket|PACKET)\w*:\[(.*)\]$")
_ANONYMOUS = re.compile(r"^anon_inode:\[?([\w-]+)\]?$")
_DEVICE = re.compile(r"<(?:char|block) [\d:]+>$")


def in_words(name: str) -> str:
    """`TCP socket 127.0.0.1:1->127.0.0.1:2`, `Unix socket`, `pipe`, `epoll`, a path; as it stands if it is unknown."""
    if not name:
        return "unknown"
    if (found := _SOCKET.match(name)) is not None:
        family = {"UNIX": "Unix", "socket": ""}.get(found[1].partition("-")[0], found[1])
        addressed = found[2] if ":" in found[2] or "/" in found[2] else ""
        return " ".join(part for part in (family, "socket", addressed) if part)
    if name.startswith("pipe:["):
        return "pipe"
    if (found := _ANONYMOUS.match(name)) is not None:
        return {"eventpoll": "epoll"}.get(found[1], found[1])
    return _DEVICE.sub("", name)
