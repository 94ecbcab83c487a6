"""proxy.py - a way to a server that a test can cut: for one client the server is away, for all
others it is not.

Must never change a byte.
"""
import contextlib
import socket
import threading


class Proxy:
    """Listens on a port of its own and passes on to `target`, (host, port)."""

    def __init__(self, target):
        self._target = target
        self._lock = threading.Lock()
        self._sockets = []
        self._open = True
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cut()
        self._listener.close()

    def cut(self):
        """Ends all connections; new ones are closed at once."""
        with self._lock:
            self._open = False
            ended, self._sockets = self._sockets, []
        for one in ended:
            # A thread that reads it is woken by this, not by close().
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def mend(self):
        with self._lock:
            self._open = True

    def _listen(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if not self._open:
                    client.close()
                    continue
                server = socket.create_connection(self._target)
                self._sockets += [client, server]
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    @staticmethod
    def _pass_on(source, target):
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                target.sendall(piece)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)
