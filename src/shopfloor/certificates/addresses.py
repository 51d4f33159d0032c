"""Where this machine is reached on its local network: its addresses and its names, as they are now."""

import re
import socket
from ipaddress import ip_address
from typing import Final

import ifaddr

_NAME: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9-]{1,63}(?<!-))*")


def own_addresses() -> tuple[str, ...]:
    """IPv4 and IPv6 addresses of all interfaces, the machine's own loopback first; link-local ones need a zone."""
    found: dict[str, None] = {"127.0.0.1": None, "::1": None}
    for adapter in ifaddr.get_adapters():
        for each in adapter.ips:
            address = ip_address(each.ip if isinstance(each.ip, str) else each.ip[0])
            if not (address.is_link_local and address.version == 6) and not address.is_multicast:
                found[address.compressed] = None
    return tuple(found)


def own_names() -> tuple[str, ...]:
    """`localhost`, the name of the machine, and that name as its neighbours find it by multicast DNS."""
    name = socket.gethostname().lower()
    if not _NAME.fullmatch(name) or name == "localhost":
        return ("localhost",)
    first = name.partition(".")[0]
    return tuple(dict.fromkeys(["localhost", name, f"{first}.local"]))
