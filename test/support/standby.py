"""standby.py - a second PostgreSQL beside that of a stack, which streams from it and can take its place.

It has an installation of its own, because test/stack/kill ends every process of the stack's.

Must never outlive this process.
"""
import contextlib
import pathlib
import signal
import subprocess

import psycopg2

from stack import execute, run
from waiting import wait_until


class Standby:
    """A copy of the server that stack.env names now, on a port of its own; up when it is made, until close()."""

    def __init__(self, stack, name, port):
        self.stack = stack
        self.name = name
        self.port = port
        self.data = pathlib.Path(stack.env["PG_HOME"]) / name
        self.url = stack.env["DATABASE_URL"].replace(f":{stack.env['PGPORT']}/", f":{port}/")
        self.bin = self._copy_installation()
        owner = pathlib.Path(stack.env["PGDATA"]).owner()
        self._as_owner = ["env", "-C", "/", "setpriv", f"--reuid={owner}", f"--regid={owner}", "--init-groups"]
        self._process = None
        self._copy_data()
        self._start()

    def _copy_installation(self):
        """Mostly links; the folder of its programs."""
        home = pathlib.Path(self.stack.env["PG_HOME"])
        own = home / f"root-{self.name}"
        run(["cp", "--archive", home / "root", own])
        return own / pathlib.Path(self.stack.env["PG_BIN"]).relative_to(home / "root")

    def _copy_data(self):
        source = f"host=127.0.0.1 port={self.stack.env['PGPORT']} user=postgres application_name={self.name}"
        run([*self._as_owner, "--", f"{self.bin}/pg_basebackup", "--pgdata", self.data, "--write-recovery-conf",
             "--checkpoint=fast", "--no-sync", "--dbname", source])
        with open(self.data / "postgresql.auto.conf", "a", encoding="utf-8") as file:
            file.write(f"port = {self.port}\nunix_socket_directories = ''\nsynchronous_standby_names = ''\n")

    def _start(self):
        # An immediate shutdown, also when this process dies: a server that is killed leaves shared memory behind.
        with open(self.stack.directory / f"{self.name}.log", "ab") as log:
            self._process = subprocess.Popen(
                [*self._as_owner, "--pdeathsig=QUIT", "--", f"{self.bin}/postgres", "-D", self.data],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_until(f"{self.name} answers", lambda: self.sql("SELECT 1"), 60, 0.2, (psycopg2.Error,))
        except BaseException:
            self.close()
            raise

    def sql(self, query, *values):
        """The rows of a statement, in a session for it alone, as a superuser."""
        with contextlib.closing(psycopg2.connect(self.url, connect_timeout=5)) as connection:
            connection.autocommit = True
            return execute(connection, query, *values)

    def in_recovery(self):
        return self.sql("SELECT pg_is_in_recovery()")[0][0]

    def catch_up(self):
        """Waits until it has all that was committed before."""
        position = self.stack.one("SELECT pg_current_wal_insert_lsn()")
        wait_until(f"{self.name} has caught up", lambda: self.sql(
            "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", position)[0][0])

    def promote(self):
        """Takes the place of the stack's server, which has to be dead: who uses the stack is sent here from now on."""
        run([*self._as_owner, "--", f"{self.bin}/pg_ctl", "promote", "--pgdata", self.data, "--wait"])
        self.stack.close()
        self.stack.env.update(DATABASE_URL=self.url, PGPORT=str(self.port))

    def close(self):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
        self._process.wait(30)
