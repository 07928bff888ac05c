"""Free TCP ports on the loopback interface."""

import contextlib
import random
import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"
LOWEST, ATTEMPTS = 15_000, 1_000
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_ports(count: int) -> list[int]:
    """Return `count` different ports that nothing listens on right now.

    They lie below the range from which the kernel serves clients and `bind(0)`: a server that is down for a moment
    finds its port free again. Another process may still take one before its user binds it, so whoever starts a server
    tries again with others when the address is in use.

    Raises:
        OSError: none was found.

    """
    highest = int(EPHEMERAL.read_text().split()[0]) - 1
    found: list[int] = []
    with contextlib.ExitStack() as held:
        for _ in range(ATTEMPTS):
            if len(found) == count:
                return found
            port = random.randint(LOWEST, max(LOWEST + ATTEMPTS, highest))
            one = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            with contextlib.suppress(OSError):
                one.bind((LOOPBACK, port))
                found.append(port)
    message = f"no {count} free ports between {LOWEST} and {highest}"
    raise OSError(message)
