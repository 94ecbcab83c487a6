"""test_mailer_postgresql.py - PostgreSQL goes away, restarts or becomes read-only while a mail is sent:
a mailer that lives sends no mail twice (R4.2)."""
import contextlib

import psycopg2
import pytest

from mail_fixtures import _certificate, _no_mailer, _soon  # noqa: F401  pylint: disable=unused-import
from mailers import job, mailer_for, queue, wait_for_status
from smtp_server import SmtpServer
from stack import execute
from waiting import assert_stays, wait_until

pytestmark = pytest.mark.usefixtures("no_mailer", "soon")


def end_sessions(stack):
    """Ends the sessions of all mailers, from any thread."""
    with contextlib.closing(stack.connect()) as connection:
        execute(connection, "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                " WHERE usename = 'campaign_mailer'")


def lose_and_say(stack, answer):
    end_sessions(stack)
    return answer


def new_sessions_are_read_only(stack):
    with contextlib.closing(stack.connect()) as connection:
        return execute(connection, "SHOW default_transaction_read_only") == [("on",)]


@pytest.mark.parametrize("answer", ["250 2.0.0 taken as 4711", b"250 2.0.0 taken caf\xe9"])
def test_session_lost_before_the_commit(stack, certificate, answer):
    """R4.2: the mail was taken and the session is gone: PostgreSQL is told in the next one, and the
    mail is not sent again."""
    with SmtpServer(certificate, {"ANSWER": [lambda: lose_and_say(stack, answer)]}) as server, \
            mailer_for(stack, server) as mailer:
        job_id = queue(stack, "lost@example.com")
        done = wait_for_status(stack, job_id, "finished")
        assert (done["attempts"], done["interruptions"]) == (1, 1)
        assert done["result"]["answer"].startswith("250 2.0.0 taken ")
        assert mailer.lines("mail sent, but PostgreSQL could not be told")[0]["job"] == job_id
    assert server.copies(job_id) == len(server.mails) == 1


def test_sessions_lost_again_and_again(stack, certificate):
    """R4.2: every session is lost once a mail is taken: each mail is sent once."""
    with SmtpServer(certificate, {"ANSWER": [lambda: end_sessions(stack)] * 8}) as server, \
            mailer_for(stack, server):
        ids = [queue(stack, f"lost.{n}@example.com") for n in range(8)]
        for job_id in ids:
            assert wait_for_status(stack, job_id, "finished")["attempts"] == 1
    assert [server.copies(job_id) for job_id in ids] == [1] * 8


@pytest.mark.parametrize("verb", ["kill", "stop"])
def test_restart_before_the_commit(stack, certificate, verb):
    """R4.2: PostgreSQL dies, or is restarted, once the mail is taken: it is told afterwards."""
    with SmtpServer(certificate, {"ANSWER": [lambda: stack.part(verb, "postgres")]}) as server, \
            mailer_for(stack, server) as mailer:
        job_id = queue(stack, "restart@example.com")
        mailer.wait_for_line("PostgreSQL is away", timeout=60)
        stack.part("start", "postgres")
        done = wait_for_status(stack, job_id, "finished", ignoring=(psycopg2.Error,))
        assert done["attempts"] == 1
    assert server.copies(job_id) == len(server.mails) == 1


def test_session_lost_before_the_refusal(stack, certificate):
    """R4.2: a refusal that PostgreSQL was not told of is no attempt."""
    with SmtpServer(certificate, {"RCPT": [lambda: lose_and_say(stack, "550 5.7.1 no")]}) as server, \
            mailer_for(stack, server):
        job_id = queue(stack, "refused@example.com")
        done = wait_for_status(stack, job_id, "finished")
        assert (done["attempts"], done["interruptions"]) == (1, 1)
    assert server.copies(job_id) == 1


def test_read_only(stack, certificate):
    """R4.2: a server that has become read-only lets no mail go out; they do once it is over."""
    with SmtpServer(certificate) as server, mailer_for(stack, server) as mailer:
        mailer.wait_for_line("started")
        ids = [queue(stack, f"read.only.{n}@example.com") for n in range(3)]
        for job_id in ids:
            wait_for_status(stack, job_id, "finished")
        with stack.settings(default_transaction_read_only="on"):
            wait_until("new sessions are read-only", lambda: new_sessions_are_read_only(stack))
            end_sessions(stack)
            with contextlib.closing(stack.connect(
                    options="-c default_transaction_read_only=off")) as writer:
                (waiting,), = execute(writer, "SELECT job_create('welcome_email', %s::jsonb)",
                                      '{"email": "waits@example.com"}')
            mailer.wait_for_line("PostgreSQL is away")
            # Whichever of the two reasons its line gave; another mailer has one only.
            with mailer_for(stack, server) as other:
                other.wait_for_line("read-only")
            assert_stays("nothing is sent", lambda: len(server.mails) == 3, 1)
        assert wait_for_status(stack, waiting, "finished")["attempts"] == 1
        mailer.wait_for_line("PostgreSQL is back")
    assert server.copies(waiting) == 1


def test_another_mailer_has_it(stack, certificate):
    """R4.2: what one mailer has sent and could not report, and another one has sent again since, is
    settled: nobody sends it a third time."""
    with SmtpServer(certificate, {"ANSWER": [lambda: end_sessions(stack)]}) as server, \
            mailer_for(stack, server) as one, mailer_for(stack, server) as two:
        for mailer in (one, two):
            mailer.wait_for_line("started")
        job_id = queue(stack, "either@example.com")
        wait_for_status(stack, job_id, "finished")
        others = [queue(stack, f"behind.{n}@example.com") for n in range(4)]
        for other in others:
            wait_for_status(stack, other, "finished")
        assert job(stack, job_id)["attempts"] == 1
    assert server.copies(job_id) in (1, 2) and [server.copies(other) for other in others] == [1] * 4
