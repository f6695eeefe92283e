"""A door in front of a server on loopback that can be shut in the middle of what goes through it.

    with Proxy(server.host, server.port) as proxy:
        proxy.cut(b"commit", "before")     # the next text with that in it does not get through
        proxy.cut(b"commit", "after")      # it does, and what is answered does not come back
        proxy.shut()                       # every connection ends now, and none is let in until `open`

Connections made afterwards go through again, but for those that `shut` keeps out.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Literal

HOST = "127.0.0.1"
CHUNK = 65_536

Moment = Literal["before", "after"]


class Proxy:
    """Listens on a free port of loopback, and passes on what is said there and answered."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._lock = threading.Lock()
        self._cut: tuple[bytes, Moment] | None = None
        self._open = True
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._listener = socket.create_server((HOST, 0))
        self.host = HOST
        self.port: int = self._listener.getsockname()[1]
        self.cuts = 0
        """How often something was cut."""
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, text: bytes, moment: Moment) -> None:
        """The next that says this text loses its connection, before the server hears it or after."""
        with self._lock:
            self._cut = (text.lower(), moment)

    def shut(self) -> None:
        """Every connection ends, and nobody is let in."""
        with self._lock:
            self._open = False
            pairs = tuple(self._pairs)
        for pair in pairs:
            _end(*pair)

    def open(self) -> None:
        """Whoever comes is let in again."""
        with self._lock:
            self._open = True

    def __enter__(self) -> Proxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shut()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target)
        except OSError:
            client.close()
            return
        with self._lock:
            self._pairs.add((client, server))
            open_ = self._open
        if not open_:
            _end(client, server)
        deaf = threading.Event()
        threading.Thread(target=self._answers, args=(server, client, deaf), daemon=True).start()
        self._questions(client, server, deaf)
        _end(client, server)
        with self._lock:
            self._pairs.discard((client, server))

    def _questions(self, client: socket.socket, server: socket.socket, deaf: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(CHUNK):
                moment = self._moment(data)
                if moment == "before":
                    return
                if moment == "after":
                    deaf.set()
                server.sendall(data)

    def _answers(self, server: socket.socket, client: socket.socket, deaf: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(CHUNK):
                if deaf.is_set():
                    break
                client.sendall(data)
        _end(client, server)

    def _moment(self, data: bytes) -> Moment | None:
        """When what is being said is to be cut; None for what is let through."""
        with self._lock:
            if self._cut is None or self._cut[0] not in data.lower():
                return None
            moment = self._cut[1]
            self._cut = None
            self.cuts += 1
            return moment


def _end(*sockets: socket.socket) -> None:
    for each in sockets:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
