"""test_versions.py - the library and the extension of a database are of different versions, as
between `make install` and ALTER EXTENSION UPDATE, or after both and before the restart."""
import contextlib
import glob
import pathlib

import pytest

import jobs
from stack import REPOSITORY, Stack, execute, run
from waiting import assert_stays, wait_until

PARTS = ["rabbitmq", "mongod", "consumer", "smtp", "mailer", "postgrest", "nginx"]


def library_version():
    control = (REPOSITORY / "campaign.control").read_text(encoding="utf-8")
    return control.partition("default_version = '")[2].partition("'")[0]


@pytest.fixture(autouse=True)
def _clean():
    """No broker, no dead letters."""


@pytest.fixture(scope="module", name="server")
def _server():
    running = Stack.up(settings=["campaign.poll_interval=1s"], without=PARTS)
    try:
        yield running
    finally:
        running.down()


def share(server):
    (control,) = glob.glob(server.env["PG_HOME"] + "/root/**/extension/campaign.control",
                           recursive=True)
    return pathlib.Path(control).parent


def offer_update(server, old, new):
    """A script that changes nothing but the version."""
    (share(server) / f"campaign--{old}--{new}.sql").write_text("SELECT 1;\n", encoding="ascii")


@pytest.mark.parametrize("version, hint", [("0.0.9", "ALTER EXTENSION campaign UPDATE"),
                                           ("99.10.0", "Restart PostgreSQL")])
def test_workers_wait_for_their_version(server, version, hint):
    """R0.14: workers do nothing with an extension of another version, older or newer; one WARNING
    says what is to be done, and they go on by themselves."""
    ours = library_version()
    offer_update(server, ours, version)
    offer_update(server, version, ours)
    jobs.wait_for(server, jobs.create(server, "countdown", seconds=0), "finished")
    before = (server.worker_pids(), jobs.workers(server))
    mark = server.log_mark("postgres")
    server.sql(f"ALTER EXTENSION campaign UPDATE TO '{version}'")
    try:
        wait_until("the worker has said so", lambda: hint in server.log_since("postgres", mark))
        wait_until("no job worker looks for work", lambda: not running_queries(server))
        job_id = jobs.create(server, "countdown", seconds=0)
        assert_stays("it waits", lambda: jobs.get(server, job_id)["status"] == "waiting", 3)
    finally:
        server.sql(f"ALTER EXTENSION campaign UPDATE TO '{ours}'")
    jobs.wait_for(server, job_id, "finished")
    wait_until("the worker goes on", lambda: "the workers go on" in server.log_since("postgres", mark))
    log = server.log_since("postgres", mark)
    assert log.count("WARNING") == 1 and "ERROR" not in log and "FATAL" not in log, log
    assert f"is version {version} and its library is version {ours}" in log
    assert (server.worker_pids(), jobs.workers(server)) == before


def running_queries(server):
    return server.sql("SELECT FROM pg_stat_activity WHERE backend_type LIKE 'campaign%%'"
                      " AND state = 'active'")


def test_library_that_is_replaced(server):
    """R0.14: a server goes on with the library that it has loaded, whatever is installed meanwhile;
    the file of another one is not loaded beside it."""
    (library,) = glob.glob(server.env["PG_HOME"] + "/root/**/campaign.so", recursive=True)
    kept = pathlib.Path(library).read_bytes()
    replaced = pathlib.Path(library + ".new")
    replaced.write_bytes(b"not a library")
    replaced.rename(library)
    try:
        for pid in jobs.workers(server):
            server.one("SELECT pg_terminate_backend(%s)", pid)
        wait_until("other workers are there", lambda: len(jobs.workers(server)) == 2)
        with contextlib.closing(server.connect()) as connection:
            assert execute(connection, "SELECT length(cuid2())") == [(24,)]
        jobs.wait_for(server, jobs.create(server, "fibonacci", n=10), "finished")
    finally:
        replaced.write_bytes(kept)
        run(["chmod", "755", replaced])
        replaced.rename(library)
