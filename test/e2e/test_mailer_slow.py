"""test_mailer_slow.py - SMTP servers that take their time, and limits of PostgreSQL meanwhile: the mail
is sent once (R4.2)."""
import pytest

from mail_fixtures import _certificate, _no_mailer, _soon  # noqa: F401  pylint: disable=unused-import
from mailers import mailer_for, queue, wait_for_status
from smtp_server import HANG, TRICKLE, SmtpServer
from waiting import assert_stays

pytestmark = pytest.mark.usefixtures("no_mailer", "soon")


def thinks(seconds):
    """The server answers after so long."""
    return lambda: assert_stays("the server thinks", lambda: True, seconds)


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
def test_slow_answer_to_a_command(stack, certificate, step):
    """R4.2: a server may take longer for MAIL, RCPT and DATA than for the greeting."""
    with SmtpServer(certificate, {step: [thinks(3)]}) as server, \
            mailer_for(stack, server, MAILER_SEND_TIMEOUT="60"):
        job_id = queue(stack, "slow@example.com")
        assert wait_for_status(stack, job_id, "finished")["attempts"] == 1
    assert server.copies(job_id) == len(server.mails) == 1


def test_slow_answer_to_the_mail(stack, certificate):
    """R4.2: a server that has the whole mail and takes its time gets it once."""
    with SmtpServer(certificate, {"ANSWER": [thinks(3)]}) as server, \
            mailer_for(stack, server, MAILER_SEND_TIMEOUT="2", MAILER_ANSWER_TIMEOUT="60"):
        job_id = queue(stack, "slow@example.com")
        assert wait_for_status(stack, job_id, "finished")["attempts"] == 1
    assert server.copies(job_id) == len(server.mails) == 1


@pytest.mark.parametrize("step, action, changes, said", [
    ("RCPT", HANG, {"MAILER_SEND_TIMEOUT": "4"}, "RCPT: no answer within 4 s"),
    ("RCPT", TRICKLE, {"MAILER_SEND_TIMEOUT": "4"}, "RCPT: no answer within 4 s"),
    ("ANSWER", HANG, {"MAILER_ANSWER_TIMEOUT": "4"}, "end of DATA: no answer within 4 s")])
def test_patience_ends(stack, certificate, step, action, changes, said):
    """R4.2: a server that hangs, or talks without an end, is given up, and the mail tried again."""
    longer = {"MAILER_TIMEOUT": "60", "MAILER_SEND_TIMEOUT": "60", "MAILER_ANSWER_TIMEOUT": "60"}
    with SmtpServer(certificate, {step: [action]}) as server, \
            mailer_for(stack, server, **{**longer, **changes}):
        job_id = queue(stack, "endless@example.com")
        assert wait_for_status(stack, job_id, "finished")["attempts"] == 2
    errors = stack.sql("SELECT error FROM campaign.job_errors WHERE job_id = %s", job_id)
    assert errors == [(said,)]


def test_endless_acceptance(stack, certificate):
    """R4.2: the first line of an acceptance is one: a server that goes on talking has the mail."""
    with SmtpServer(certificate, {"ANSWER": [TRICKLE]}) as server, \
            mailer_for(stack, server, MAILER_ANSWER_TIMEOUT="4"):
        job_id = queue(stack, "endless@example.com")
        assert wait_for_status(stack, job_id, "finished")["attempts"] == 1
    assert server.copies(job_id) == 1


@pytest.mark.parametrize("step", ["CONNECT", "EHLO"])
def test_endless_greeting(stack, certificate, step):
    """R4.2: a server that greets without an end is away."""
    with SmtpServer(certificate, {step: [TRICKLE]}) as server, \
            mailer_for(stack, server, MAILER_SEND_TIMEOUT="60") as mailer:
        job_id = queue(stack, "endless@example.com")
        mailer.wait_for_line("SMTP is away")
        assert wait_for_status(stack, job_id, "finished")["attempts"] == 1


def test_sigterm_waits_for_the_answer_to_the_mail(stack, certificate):
    """R4.2: SIGTERM while a slow server has the whole mail: it is waited for, and not sent again."""
    mailers_seen = []

    def stop_and_think():
        mailers_seen[0].process.terminate()
        thinks(5)()
    with SmtpServer(certificate, {"ANSWER": [stop_and_think]}) as server, \
            mailer_for(stack, server, MAILER_ANSWER_TIMEOUT="60") as mailer:
        mailers_seen.append(mailer)
        job_id = queue(stack, "in.hand@example.com")
        assert mailer.process.wait(30) == 0
        assert wait_for_status(stack, job_id, "finished", timeout=1)["attempts"] == 1
    assert server.copies(job_id) == 1


# PostgreSQL's limits -------------------------------------------------------------------------

@pytest.mark.parametrize("name", [
    "transaction_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout",
    "statement_timeout", "lock_timeout"])
def test_limits_of_the_database(stack, certificate, name):
    """R4.2: no limit that the role has ends the transaction in which a mail is sent, or the wait for
    the next one."""
    if not stack.one("SELECT count(*) FROM pg_settings WHERE name = %s", name):
        pytest.skip(f"this PostgreSQL has no {name}")
    with stack.role_setting("campaign_mailer", name, "700ms"), \
            SmtpServer(certificate, {"ANSWER": [thinks(1.5)]}) as server, \
            mailer_for(stack, server) as mailer:
        mailer.wait_for_line("started")
        assert_stays("it waits for mails", lambda: not mailer.lines("away"), 1.5)
        job_id = queue(stack, "limited@example.com")
        done = wait_for_status(stack, job_id, "finished")
        assert (done["attempts"], done["interruptions"]) == (1, 0)
        assert not mailer.lines("away")
    assert server.copies(job_id) == len(server.mails) == 1


def test_serializable_by_default(stack, certificate):
    """R4.2: mailers whose role has another isolation do not get into each other's way."""
    with stack.role_setting("campaign_mailer", "default_transaction_isolation", "serializable"), \
            SmtpServer(certificate) as server, \
            mailer_for(stack, server) as one, mailer_for(stack, server) as two:
        for mailer in (one, two):
            mailer.wait_for_line("started")
        ids = [queue(stack, f"isolated.{n}@example.com") for n in range(40)]
        for job_id in ids:
            done = wait_for_status(stack, job_id, "finished")
            assert (done["attempts"], done["interruptions"]) == (1, 0)
        assert not one.lines("away") and not two.lines("away")
    assert len(server.mails) == len(ids)
