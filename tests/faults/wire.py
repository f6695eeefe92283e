"""A door before a PostgreSQL server that counts the statements that pass and can do something at one of them.

It knows the frames of the protocol and nothing of what is in them but the text of statements.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from faults.processes import PATIENCE, Run

HOST = "127.0.0.1"
PLAIN_REQUESTS = {80877103, 80877104}
"""Requests for encryption, before a session begins; the server answers with one byte."""
CANCEL = 80877102
BACKEND_KEY, READY, COPY_IN, COPY_OUT = b"K", b"Z", b"G", b"H"
PARSE, QUERY, EXECUTE, COPY_DATA, COPY_DONE = b"P", b"Q", b"E", b"d", b"c"


@dataclass(slots=True)
class Passage:
    """One session through the door."""

    client: socket.socket
    server: socket.socket
    backend: int = 0
    """The process that serves it."""
    text: str = ""
    copying: bool = False
    held: bool = False
    """Whether its statement comes late."""
    waiting: bool = False
    """Whether the trap closes with the server's next answer."""

    def cut(self) -> None:
        """Both ends find the connection gone."""
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


Act = Callable[[Passage], None]


@dataclass(slots=True)
class Door:
    """Listens on a port of its own and passes everything on to the server."""

    target: tuple[str, int]
    at: int = 0
    """At which statement to act; 0 counts only."""
    when: str = "before"
    late: float = 0.0
    """Seconds for which the statement is held back; until then the server has not heard that its client is gone."""
    act: Act = lambda passage: None
    statements: list[str] = field(default_factory=list)
    where: str = ""
    """The statement at which it has acted."""
    run: Run | None = None
    known: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    listener: socket.socket = field(default_factory=lambda: socket.create_server((HOST, 0)))
    passages: list[Passage] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)
    """Whether what was to be done at the statement has been done."""
    begun: bool = False
    failure: Exception | None = None

    def __post_init__(self) -> None:
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.listener.getsockname()[1])

    def belongs_to(self, run: Run) -> None:
        """Whose statements pass: who is to be signalled."""
        self.run = run
        self.known.set()

    def close(self) -> None:
        """What was begun is done, nobody comes in any more, and whoever was in is out. Raises what went wrong."""
        if self.begun:
            self.done.wait(PATIENCE)
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for passage in tuple(self.passages):
            passage.cut()
        if self.failure is not None:
            raise self.failure

    def _listen(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self.target)
        except OSError:
            client.close()
            return
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        passage = Passage(client, server)
        self.passages.append(passage)
        backward = threading.Thread(target=self._backward, args=(passage,), daemon=True)
        with contextlib.suppress(OSError):
            if self._greeted(passage):
                backward.start()
                self._forward(passage)
        passage.cut()
        if passage.held:
            self.done.set()
        if backward.ident:
            backward.join(PATIENCE)
        client.close()
        server.close()
        self.passages.remove(passage)

    def _greeted(self, passage: Passage) -> bool:
        """Pass on what comes before the first message; False where the session is over with it."""
        while True:
            head = _exactly(passage.client, 8)
            if len(head) < 8:
                return False
            length, code = struct.unpack("!ii", head)
            passage.server.sendall(head + _exactly(passage.client, length - 8))
            if code in PLAIN_REQUESTS:
                passage.client.sendall(_exactly(passage.server, 1))
                continue
            return code != CANCEL

    def _forward(self, passage: Passage) -> None:
        for kind, body in _messages(passage.client):
            if kind == PARSE:
                passage.text = body.split(b"\0", 2)[1].decode(errors="replace")
            elif kind == QUERY:
                passage.text = body.rstrip(b"\0").decode(errors="replace")
            mine = self._counted(passage, kind) and self._is_mine(passage, kind)
            if mine and self.when == "before":
                self._do(passage)
                passage.held = bool(self.late)
                time.sleep(self.late)
            if mine and self.when == "after":
                passage.waiting = kind != COPY_DATA
            passage.server.sendall(_framed(kind, body))
            if mine and self.late:
                # The server has begun with it when it hears that its client is gone.
                time.sleep(self.late / 10)
            if mine and self.when == "after" and kind == COPY_DATA:
                self._do(passage)

    def _do(self, passage: Passage) -> None:
        self.begun = True
        try:
            self.act(passage)
        except Exception as error:
            self.failure = error
        finally:
            if not self.late:
                self.done.set()

    def _counted(self, passage: Passage, kind: bytes) -> bool:
        """Whether the message does something at the server: of rows in bulk, the first and the end are counted."""
        first = kind == COPY_DATA and not passage.copying
        passage.copying = kind == COPY_DATA
        return first or kind in (QUERY, EXECUTE, COPY_DONE)

    def _is_mine(self, passage: Passage, kind: bytes) -> bool:
        with self.lock:
            suffix = {COPY_DATA: " (rows)", COPY_DONE: " (end of rows)"}.get(kind, "")
            self.statements.append(" ".join(passage.text.split())[:100] + suffix)
            mine = len(self.statements) == self.at
            if mine:
                self.where = f"{self.at} {self.statements[-1]}"
            return mine

    def _backward(self, passage: Passage) -> None:
        with contextlib.suppress(OSError):
            for kind, body in _messages(passage.server):
                if kind == BACKEND_KEY:
                    passage.backend = struct.unpack("!i", body[:4])[0]
                if passage.waiting and kind in (READY, COPY_IN, COPY_OUT):
                    passage.waiting = False
                    self._do(passage)
                passage.client.sendall(_framed(kind, body))
        passage.cut()

    def signal(self, number: int) -> None:
        """Send the run a signal; it must be known by now or very soon."""
        self.known.wait(PATIENCE)
        if self.run is not None:
            self.run.signal(number)


def _framed(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _messages(source: socket.socket) -> Iterator[tuple[bytes, bytes]]:
    """The messages of one side, until it goes."""
    reader = source.makefile("rb", buffering=65536)
    with contextlib.closing(reader):
        while True:
            head = reader.read(5)
            if len(head) < 5:
                return
            yield head[:1], reader.read(struct.unpack("!i", head[1:])[0] - 4)


def _exactly(source: socket.socket, count: int) -> bytes:
    """So many bytes; less where the other side goes."""
    got = b""
    while len(got) < count:
        more = source.recv(count - len(got))
        if not more:
            break
        got += more
    return got
