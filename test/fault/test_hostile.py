"""test_hostile.py - the processes of the extension are cancelled and ended at random while jobs
run, and the settings that say which of them there are change meanwhile.

No database ever has a worker twice, every job is done once, and all workers are there at the end.

    FAULT_JOBS=10000 FAULT_ROUNDS=100 FAULT_SEED=7 pytest test/fault/test_hostile.py
"""
import contextlib

import pytest

import job_mix
import jobs
from hostile import watched
from stack import Stack, execute
from waiting import wait_until

PARTS = ["rabbitmq", "mongod", "consumer", "smtp", "mailer", "postgrest", "nginx"]
OTHERS = ("hostile_a", "hostile_b")
WORKERS = 2


@pytest.fixture(autouse=True, scope="session")
def unhurried():
    """No campaign is published here."""


@pytest.fixture(autouse=True)
def _clean():
    """No broker, no dead letters."""


@pytest.fixture(scope="module", name="server")
def _server():
    # For the launcher, PostgreSQL's own and three databases, all but three of their workers.
    running = Stack.up(settings=["campaign.poll_interval=1s", "max_worker_processes=8",
                                 "max_parallel_workers=0"], without=PARTS)
    try:
        running.sql(job_mix.SETUP)
        yield running
    finally:
        running.down()


def processes(server):
    return [row[0] for row in server.sql("SELECT pid FROM pg_stat_activity"
                                         " WHERE backend_type LIKE 'campaign%%' ORDER BY pid")]


def create_database(server, name):
    server.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    server.sql(f"CREATE DATABASE {name} TEMPLATE template0")
    with contextlib.closing(server.connect(database=name)) as connection:
        execute(connection, "CREATE EXTENSION campaign")


def strike(server, chance):
    """One hostile act; its name."""
    act = chance.choice(["cancel", "cancel", "terminate", "terminate", "launcher", "databases",
                         "job workers", "drop"])
    if act in ("cancel", "terminate"):
        found = processes(server)
        for pid in chance.sample(found, min(2, len(found))):
            server.sql(f"SELECT pg_{act}_backend(%s)", pid)
    elif act == "launcher":
        server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                   " WHERE backend_type = 'campaign launcher'")
    elif act == "databases":
        names = chance.sample(OTHERS, chance.randrange(len(OTHERS) + 1))
        server.set("campaign.database", ",".join(["campaign", *names]))
    elif act == "job workers":
        server.set("campaign.job_workers", str(chance.randrange(WORKERS + 2)))
    else:
        create_database(server, chance.choice(OTHERS))
    return act


def test_hostile_acts(server, job_count, rounds, chance):
    """R0.14 R0.15 R2.4: whatever is done to the launcher and its workers, none is there twice, no
    job is lost or doubled, and in the end all of them are there."""
    for name in OTHERS:
        create_database(server, name)
    server.set("campaign.database", ",".join(["campaign", *OTHERS]))
    created = job_mix.create(server, chance, job_count // 2)
    with watched(server, WORKERS + 1):
        for _ in range(4 * rounds):
            print(strike(server, chance))
            created.update(job_mix.create(server, chance, job_count // (8 * rounds)))
        server.set("campaign.job_workers", None)
        server.set("campaign.database", None)
        for name in OTHERS:
            server.sql(f"DROP DATABASE {name} WITH (FORCE)")
        wait_until("all jobs have ended", lambda: server.one(
            "SELECT count(*) FROM campaign.jobs WHERE id = ANY (%s) AND status <> ALL (%s)",
            list(created), list(jobs.ENDS)) == 0, timeout=300, interval=0.2)
        wait_until("all workers are there", lambda: (
            len(server.worker_pids()), len(jobs.workers(server))) == (1, WORKERS), timeout=90)
    failed = server.sql("SELECT id, error_code, error FROM campaign.jobs WHERE id = ANY (%s)"
                        " AND status <> 'finished' AND error_code <> '57014'", list(created))
    assert not failed, failed
    twice = server.sql("SELECT job_id FROM fault_effects GROUP BY 1 HAVING count(*) > 1")
    assert not twice, twice
    lost = server.sql("SELECT id FROM campaign.jobs WHERE id = ANY (%s) AND status = 'finished'"
                      " AND type = ANY (%s) AND id NOT IN (SELECT job_id FROM fault_effects)",
                      list(created), list(job_mix.WITH_EFFECT))
    assert not lost, lost
    log = server.log_since("postgres", 0)
    assert "PANIC" not in log and "terminated by signal" not in log
