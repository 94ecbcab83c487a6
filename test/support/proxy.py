"""proxy.py - a way to a server that a test can cut: one client cannot reach the server, all
others can.

Must never change a byte.
"""
import contextlib
import select
import socket
import ssl
import threading
import urllib.parse


def thawed_event():
    event = threading.Event()
    event.set()
    return event


class Proxy:
    """Listens on a port of its own and passes on to `target`, (host, port). `context`: clients
    have to speak TLS."""

    def __init__(self, target, context=None):
        self._target = target
        self._context = context
        self._lock = threading.Lock()
        self._sockets = []
        self._open = True
        self._thawed = thawed_event()
        self._stranded = []
        self._rate = None
        self.refused = threading.Event()    # somebody wanted to connect while it was cut
        self.holding = threading.Event()    # it is frozen, and has what freeze() names to pass on
        self._named = b""
        self.accepted = 0                   # connections so far
        self._word = None
        self._before = None
        self._cutting = False
        self._freezing = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    @classmethod
    def to(cls, url):
        """In front of the server of a URL."""
        address = urllib.parse.urlsplit(url)
        return cls((address.hostname, address.port))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cut()
        self._listener.close()

    def through(self, url):
        """The URL of the target, with this way to it."""
        address = urllib.parse.urlsplit(url)
        return address._replace(netloc=address.netloc.replace(str(address.port), str(self.port))).geturl()

    def cut(self):
        """Ends all connections; new ones are closed at once."""
        for one in (self._thawed, *self._stranded):
            one.set()
        with self._lock:
            self._open = False
            ended, self._sockets = self._sockets, []
        for one in ended:
            # A thread that reads it is woken by this, not by close().
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def freeze(self, named=b""):
        """Connections stay, and new ones come about, but nothing is passed on: a process that is
        stopped, a network that loses everything. `named`: bytes of what `holding` waits for."""
        self._named = named
        self.holding.clear()
        self._thawed.clear()

    def freeze_answer(self, word, named):
        """The next request with `word` reaches the server, and then it is frozen: `holding` is set when the answer is
        there, which has the bytes `named`."""
        self._freezing = word, named

    def strand(self, named=b""):
        """Freezes the connections that there are, for good: a host that has died. New ones are served."""
        stranded, self._thawed = self._thawed, thawed_event()
        self._stranded.append(stranded)
        self._named = named
        self.holding.clear()
        stranded.clear()

    def slow_down(self, rate):
        """Passes on so many bytes a second of each connection."""
        self._rate = rate

    def swallow_answer(self, word, before=None, cut=False):
        """The next request with these bytes reaches the server; its answer ends the connection instead of coming
        back: nobody knows whether it was done. `before` is called before the request goes on. `cut`: it ends all
        connections, and there is no new one."""
        self._word, self._before, self._cutting = word, before, cut

    def swallowed(self):
        return self._word is None

    def mend(self):
        self._rate = None
        with self._lock:
            self._open = True
        self._thawed.set()

    def _listen(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if not self._open:
                    client.close()
                    self.refused.set()
                    continue
                self.accepted += 1
                self._sockets.append(client)
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client):
        if self._context is not None:
            try:
                client = self._context.wrap_socket(client, server_side=True)
            except (OSError, ssl.SSLError):
                client.close()
                return
        server = socket.create_connection(self._target)
        with self._lock:
            self._sockets += [client, server]
        with contextlib.suppress(OSError, ValueError):
            self._pass_on(client, server)
        for one in (client, server):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _pass_on(self, client, server):
        """Both ways in one thread: a TLS connection is not for two."""
        deaf = False
        thawed = self._thawed
        while True:
            ready = [client]
            if self._context is None or not client.pending():
                ready, _, _ = select.select([client, server], [], [])
            for source in ready:
                piece = source.recv(65536)
                if not piece:
                    return
                if not thawed.is_set() and self._named in piece:
                    self.holding.set()
                thawed.wait()
                if source is client and self._word is not None and self._word in piece:
                    deaf, self._word = True, None
                    if self._before is not None:
                        self._before()
                elif source is server and deaf:
                    if self._cutting:
                        self.cut()
                    return
                if self._rate is not None:
                    threading.Event().wait(len(piece) / self._rate)
                if source is client and self._freezing is not None and self._freezing[0] in piece:
                    named, self._freezing = self._freezing[1], None
                    self.freeze(named)
                (server if source is client else client).sendall(piece)
