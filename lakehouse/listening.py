"""Addresses on this machine for the servers that we run.

listen ─▶ a socket that a server takes over      free_port ─▶ a number for a program that opens its own
"""

import socket

from lakehouse.errors import BadInputError


def listen(host: str, port: int, backlog: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises BadInputError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=backlog)
    except OSError as error:
        raise BadInputError(
            f"cannot listen on {host}:{port}: {error.strerror}", hint="choose another --port; 0 takes a free one"
        ) from error


def free_port() -> int:
    """One that nobody listens on now; whoever asks should take it at once."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
