"""A second address of a server, which can go down and come back."""

import contextlib
import socket
import threading


class Proxy:
    """Passes on what is sent to a port of the loopback.

    Args:
        port: of the server.

    Attributes:
        address: of the proxy, as a URL.
    """

    def __init__(self, port: int) -> None:
        self._server = ("127.0.0.1", port)
        self._port = 0
        self.start()
        self.address = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Takes connections, where it took them before."""
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def stop(self) -> None:
        """Breaks all connections off, and refuses others, as a server does that is killed."""
        for each in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # until it is stopped
            while True:
                here, _ = listener.accept()
                there = socket.create_connection(self._server)
                self._open += [here, there]
                for ends in ((here, there), (there, here)):
                    threading.Thread(target=_pass_on, args=ends, daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(2**16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
