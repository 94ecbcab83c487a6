"""interleavings.py - two or three sessions of PostgreSQL whose steps are taken in a given order, one
after the other: what an isolation test needs.

A step that waits for a lock of another session goes on beside the others, and its session takes no
further step until it is done. Must never wait for ever: a step that is not done when nobody holds it
up any more is a failure.
"""
import concurrent.futures

import psycopg2

from stack import execute
from waiting import wait_until

STEP_S = 30  # a step that nobody holds up takes milliseconds


class Session:
    """A session and what became of its steps: their answers, or the SQLSTATE of the first error."""

    def __init__(self, stack, isolation):
        self.connection = stack.connect(autocommit=False, application_name="interleaving")
        self.connection.set_session(isolation_level=isolation)
        self.pid = self.connection.info.backend_pid
        self._thread = concurrent.futures.ThreadPoolExecutor(1)
        self._running = None
        self.error = None

    def _do(self, step):
        try:
            if step in ("commit", "rollback"):
                getattr(self.connection, step)()
            elif self.error is None:
                execute(self.connection, *step)
        except psycopg2.Error as error:
            self.error = error.pgcode or repr(error)

    def busy(self):
        return self._running is not None and not self._running.done()

    def start(self, step):
        assert not self.busy()
        self._running = self._thread.submit(self._do, step)

    def settle(self, is_blocked):
        """Waits until its step is done or waits for a lock; answers whether it is done."""
        wait_until("the step is done or waits", lambda: not self.busy() or is_blocked(self.pid),
                   STEP_S, interval=0.0005)
        return not self.busy()

    def finish(self):
        self._running.result(STEP_S)

    def restart(self):
        self.error = self._running = None

    def close(self):
        self._thread.shutdown()
        self.connection.close()


class Sessions:
    """Sessions that are used again and again, and one that watches them."""

    def __init__(self, stack, count, isolation="READ COMMITTED"):
        self.watcher = stack.connect()
        self.sessions = [Session(stack, isolation) for _ in range(count)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for session in self.sessions:
            session.close()
        self.watcher.close()

    def _is_blocked(self, pid):
        """A lock of one of the others: what it waits for otherwise, it gets."""
        others = [session.pid for session in self.sessions if session.pid != pid]
        return execute(self.watcher, "SELECT pg_blocking_pids(%s) && %s", pid, others)[0][0]

    def run(self, plan, order):
        """Takes the steps of plan[i], a list for each session, in this order of sessions. A session
        that waits is passed over, and takes its steps once it can. Answers the errors."""
        left = [list(steps) for steps in plan]
        turns = list(order)
        for session in self.sessions:
            session.restart()
        while turns:
            place = next((n for n, one in enumerate(turns)
                          if self.sessions[one].settle(self._is_blocked)), None)
            assert place is not None, f"all wait for each other: {plan} in {order}"
            session = self.sessions[turns.pop(place)]
            session.start(left[self.sessions.index(session)].pop(0))
            session.settle(self._is_blocked)
        for session in self.sessions[:len(plan)]:
            session.finish()
        return [session.error for session in self.sessions[:len(plan)]]


def orders(lengths):
    """All orders in which sessions can take so many steps each."""
    if not any(lengths):
        yield ()
        return
    for one, length in enumerate(lengths):
        if length > 0:
            rest = [n - (place == one) for place, n in enumerate(lengths)]
            for order in orders(rest):
                yield (one, *order)
