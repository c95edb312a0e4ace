"""A port of this machine for a server of a test."""

import socket


def free_port() -> int:
    """One that nothing listens on at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port
