"""Two servers for tests of what a message may do: one that must not be contacted, one that shows a page as it is."""

import socket
import threading
from types import TracebackType
from typing import Self


class Listener:
    """Takes connections on a free port, and answers each request with `page`. `heard` are first lines of requests, ""
    for a connection without one."""

    def __init__(self) -> None:
        self.page = b""
        self.heard: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(30)

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            place = len(self.heard)
            self.heard.append("")
            threading.Thread(target=self._serve, args=(connection, place), daemon=True).start()

    def _serve(self, connection: socket.socket, place: int) -> None:
        with connection:
            try:
                octets = connection.recv(65536)
                self.heard[place] = octets.partition(b"\r\n")[0].decode("latin-1")
                head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(self.page)}\r\n"
                connection.sendall(f"{head}Connection: close\r\n\r\n".encode() + self.page)
            except OSError:
                return
