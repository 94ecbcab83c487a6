"""hostile.py - looks all the time whether the launcher or a worker is there twice, while tests do
things to them.

Must never do anything to them itself.
"""
import contextlib
import threading
import time

import psycopg2

from stack import execute

WATCH_S = 0.01
# A process that ends is shown a moment longer than it has its place; a doubled one is there for long.
DOUBLED_S = 0.5
# By database: more than one campaign worker, more job workers than any setting allows.
DOUBLED = """
    SELECT datname, backend_type, array_agg(pid ORDER BY pid) FROM pg_stat_activity
    WHERE backend_type IN ('campaign launcher', 'campaign worker', 'campaign job worker')
    GROUP BY 1, 2 HAVING count(*) > CASE backend_type WHEN 'campaign job worker' THEN %s ELSE 1 END"""
CAMPAIGN_WORKERS = """
    SELECT pid, backend_start FROM pg_stat_activity
    WHERE backend_type = 'campaign worker' AND datname = 'campaign'"""


class Watcher(threading.Thread):
    """Looks all the time whether a worker is there twice; goes on when the server is back."""

    def __init__(self, server, job_workers):
        super().__init__(daemon=True)
        self.server = server
        self.job_workers = job_workers
        self.doubled = []
        self.campaign_workers = set()   # all that were there
        self.looks = 0
        self.over = threading.Event()

    def run(self):
        while not self.over.is_set():
            with contextlib.suppress(psycopg2.Error):
                with contextlib.closing(self.server.connect(database="postgres")) as connection:
                    self._watch(connection)

    def _watch(self, connection):
        since = {}
        while not self.over.is_set():
            now = time.monotonic()
            found = {(database, kind, tuple(pids)) for database, kind, pids
                     in execute(connection, DOUBLED, self.job_workers)}
            since = {key: since.get(key, now) for key in found}
            self.doubled += [key for key, at in since.items() if now - at > DOUBLED_S]
            self.campaign_workers.update(execute(connection, CAMPAIGN_WORKERS))
            self.looks += 1
            time.sleep(WATCH_S)


@contextlib.contextmanager
def watched(server, job_workers):
    watcher = Watcher(server, job_workers)
    watcher.start()
    try:
        yield watcher
    finally:
        watcher.over.set()
        watcher.join()
    assert watcher.looks > 10
    assert not watcher.doubled, watcher.doubled
