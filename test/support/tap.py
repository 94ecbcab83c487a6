"""tap.py - a way to a server on which a test holds what passes at a given step: the way there, or
the way back.

Must never change a byte, nor let through later what was held when its connection ended.
"""
import contextlib
import socket
import threading

from proxy import Proxy


class Way:
    """One of the two ways, over all connections. `stuck`: something waits in front of it."""

    def __init__(self):
        self.open = threading.Event()
        self.open.set()
        self.stuck = threading.Event()

    def hold(self):
        self.stuck.clear()
        self.open.clear()

    def release(self):
        self.open.set()


class Tap(Proxy):
    """`there` leads to the server, `back` from it."""

    def __init__(self, target, context=None):
        self.there = Way()
        self.back = Way()
        self._piece = None
        self._then = None
        super().__init__(target, context)

    def when(self, piece, then):
        """Calls `then` once these bytes are on their way to the server, before they go on."""
        self._piece, self._then = piece, then

    def reset(self):
        """All connections end, what is held is lost, and new ones are free to pass."""
        self.cut()
        self._then = None
        self.refused.clear()
        self.mend()

    def cut(self):
        # The sockets first: what is released here must find none.
        super().cut()
        self.there.release()
        self.back.release()

    def _pass_on(self, client, server):
        back = threading.Thread(target=self._carry, args=(server, client, self.back), daemon=True)
        back.start()
        self._carry(client, server, self.there)
        back.join()

    def _carry(self, source, target, way):
        seen = b""
        try:
            while piece := source.recv(65536):
                if way is self.there:
                    seen = self._look(seen + piece)
                if not way.open.is_set():
                    way.stuck.set()
                way.open.wait()
                target.sendall(piece)
        except (OSError, ValueError):
            pass
        finally:
            for one in (source, target):
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def _look(self, seen):
        """What the next piece may belong to."""
        piece, then = self._piece, self._then
        if then is None:
            return b""
        if piece in seen:
            self._then = None
            then()
        return seen[-len(piece):]
