"""test_mailer_faults.py - welcome mails while the SMTP server, PostgreSQL or the mailer fails: every
mail arrives, at most once more, under the same Message-ID (R4.2)."""
import os
import signal
import subprocess

import psycopg2
import pytest

import mailers
from mail_fixtures import _certificate, _no_mailer, _soon  # noqa: F401  pylint: disable=unused-import
from mailers import (Mailer, environment, job, mailer_for, queue, raw_mails, wait_for_mail,
                     wait_for_status)
from silent_resolver import SilentResolver
from smtp_server import CLOSE, HANG, PASSWORD, Certificate, SmtpServer
from waiting import assert_stays, wait_until

pytestmark = pytest.mark.usefixtures("no_mailer", "soon")


# The mail is refused -------------------------------------------------------------------------

@pytest.mark.parametrize("step, answer", [
    ("MAIL", "451 4.3.0 later"), ("RCPT", "450 4.2.0 greylisted"), ("DATA", "452 4.3.1 no room"),
    ("ANSWER", "451 4.7.1 later"), ("MAIL", "553 5.1.8 not from you"),
    ("RCPT", "550 5.1.1 no such user"), ("DATA", "554 5.5.1 no"), ("ANSWER", "554 5.7.1 spam")])
def test_refused_once(stack, certificate, step, answer):
    """R4.2: a refusal is an attempt, with the server's words; the next one arrives."""
    with SmtpServer(certificate, {step: [answer]}) as server, mailer_for(stack, server) as mailer:
        job_id = queue(stack, "refused@example.com")
        done = wait_for_status(stack, job_id, "finished")
        assert done["attempts"] == 2
        errors = stack.sql("SELECT error FROM campaign.job_errors WHERE job_id = %s", job_id)
        assert [answer in error for (error,) in errors] == [True]
        assert not mailer.lines("SMTP is away")
    assert server.copies(job_id) == (2 if step == "ANSWER" else 1)


def test_dead_and_replay(stack, certificate):
    """R4.2: a mail that is refused again and again ends as failed, with the reason; job_retry()
    sends it."""
    refusals = ["550 5.1.1 mailbox unavailable"] * 4
    with SmtpServer(certificate, {"RCPT": refusals}) as server, mailer_for(stack, server):
        job_id = queue(stack, "dead@example.com")
        dead = wait_for_status(stack, job_id, "failed")
        assert dead["attempts"] == 4 and "550 5.1.1 mailbox unavailable" in dead["error"]
        assert not server.mails
        stack.one("SELECT job_retry(%s)", job_id)
        wait_for_status(stack, job_id, "finished")
    assert server.copies(job_id) == 1


def test_one_does_not_hold_up_the_others(stack, certificate):
    """R4.2: behind a mail that is refused, the others go out."""
    with SmtpServer(certificate, {"RCPT": ["550 no"]}) as server:
        refused = queue(stack, "first@example.com")
        others = [queue(stack, f"other.{n}@example.com") for n in range(5)]
        with mailer_for(stack, server):
            for job_id in (refused, *others):
                wait_for_status(stack, job_id, "finished")
    assert [server.copies(job_id) for job_id in (refused, *others)] == [1] * 6
    assert server.mails[0][0] == ["other.0@example.com"]


@pytest.mark.parametrize("step", ["RCPT", "DATA"])
def test_one_that_ends_the_session_does_not_either(stack, certificate, step):
    """R4.2: behind a mail that makes the server close each time, the others go out."""
    with SmtpServer(certificate, {step: ["421 4.7.0 not that one"] * 4}) as server:
        closing = queue(stack, "closing@example.com")
        other = queue(stack, "behind.it@example.com")
        with mailer_for(stack, server):
            assert wait_for_status(stack, other, "finished")["attempts"] == 1
            assert wait_for_status(stack, closing, "finished")["attempts"] == 2
    assert [recipients for recipients, *_ in server.mails] == [["behind.it@example.com"],
                                                               ["closing@example.com"]]


@pytest.mark.parametrize("step, action, copies", [
    ("BODY", CLOSE, 1), ("BODY", HANG, 1), ("ANSWER", CLOSE, 2), ("ANSWER", HANG, 2),
    ("RCPT", CLOSE, 1), ("RCPT", HANG, 1), ("DATA", HANG, 1)])
def test_silence_in_mid_mail(stack, certificate, step, action, copies):
    """R4.2: a hang or a close once the mail is begun is an attempt; what the server has taken and
    not said is repeated once, under the same Message-ID."""
    with SmtpServer(certificate, {step: [action]}) as server, \
            mailer_for(stack, server, MAILER_SEND_TIMEOUT="2", MAILER_ANSWER_TIMEOUT="2"):
        job_id = queue(stack, "silence@example.com")
        assert wait_for_status(stack, job_id, "finished")["attempts"] == 2
    assert server.copies(job_id) == len(server.mails) == copies


# The server is away --------------------------------------------------------------------------

@pytest.mark.parametrize("step, action", [
    ("CONNECT", "554 5.3.2 no service"), ("CONNECT", "421 4.3.2 closing"), ("CONNECT", HANG),
    ("CONNECT", CLOSE), ("EHLO", HANG), ("EHLO", CLOSE), ("AUTH", "refused"),
    ("MAIL", "421 4.3.2 closing"), ("MAIL", "530 5.7.0 log in first"),
    ("DATA", "421 4.3.2 closing")])
def test_server_takes_no_mail(stack, certificate, step, action):
    """R4.2: what the server does to every mail is no attempt of this one; one line when it is
    away, one when it is back."""
    with SmtpServer(certificate, {step: [action] * 2}) as server, \
            mailer_for(stack, server) as mailer:
        job_id = queue(stack, "patient@example.com")
        assert wait_for_status(stack, job_id, "finished")["attempts"] == 1
        mailer.wait_for_line("SMTP is back")
        away = mailer.lines("SMTP is away")
        assert len(away) == 1 and PASSWORD not in mailer.log()
        if isinstance(action, str) and action[0].isdigit():
            assert action in away[0]["msg"]
    assert server.copies(job_id) == 1
    assert not stack.sql("SELECT FROM campaign.job_errors WHERE job_id = %s", job_id)


def test_server_down_for_a_while(stack, certificate):
    """R4.1, R4.2: without an SMTP server users are created as ever; their mails wait, and arrive
    when it is there."""
    server = SmtpServer(certificate)
    with mailer_for(stack, server) as mailer:
        users = [stack.one("SELECT user_create(%s, 'correct horse battery staple')",
                           f"waiting.{server.port}.{n}@example.com") for n in range(3)]
        ids = [row[0] for row in stack.sql("SELECT id FROM campaign.jobs"
                                           " WHERE meta ->> 'user_id' = ANY (%s)", users)]
        assert len(ids) == 3
        mailer.wait_for_line("SMTP is away")
        assert_stays("nothing fails", lambda: all(job(stack, one)["status"] != "failed"
                                                  for one in ids), 2)
        assert len(mailer.lines("SMTP is away")) == 1
        with server:
            for job_id in ids:
                assert wait_for_status(stack, job_id, "finished")["attempts"] == 1
            assert [server.copies(job_id) for job_id in ids] == [1, 1, 1]


def test_real_server_down(stack):
    """R4.2: the same with the real one, which is killed."""
    with Mailer(environment(stack)) as mailer:
        wait_for_mail(stack, queue(stack, "before.the.kill@example.com"))
        stack.part("kill", "smtp")
        try:
            job_id = queue(stack, "during.the.kill@example.com")
            mailer.wait_for_line("SMTP is away")
        finally:
            stack.part("start", "smtp")
        wait_for_mail(stack, job_id)
        assert wait_for_status(stack, job_id, "finished")["attempts"] == 1


def test_no_clear_text(stack, certificate):
    """R4.2: a server without STARTTLS gets neither password nor mail, unless that is allowed."""
    with SmtpServer() as server:
        with mailer_for(stack, server) as mailer:
            job_id = queue(stack, "secret@example.com")
            mailer.wait_for_line("SMTP is away")
            assert_stays("nothing is said", lambda: set(server.steps) <= {"CONNECT", "EHLO"}, 1)
            assert mailer.terminate() == 0
        with mailer_for(stack, server, SMTP_TLS="optional"):
            wait_for_status(stack, job_id, "finished")
    assert server.copies(job_id) == 1 and "AUTH" in server.steps


def test_certificates_are_verified(stack, certificate, tmp_path):
    """R4.2: an unknown authority, or another host's certificate: no password, no mail."""
    other = Certificate(tmp_path, host="DNS:mail.example.org")
    job_id = queue(stack, "verified@example.com")
    with SmtpServer(other) as server:
        for changes in ({"SMTP_CA_FILE": str(certificate.ca_file)}, {},
                        {"SMTP_TLS": "optional"}):
            with mailer_for(stack, server) if not changes else Mailer(
                    environment(stack, **server.settings(**changes))) as mailer:
                (line,) = mailer.wait_for_line("SMTP is away")
                assert "SSL" in line["msg"]
    assert "AUTH" not in server.steps and "MAIL" not in server.steps
    with SmtpServer(certificate, implicit_tls=True) as server, mailer_for(stack, server):
        wait_for_status(stack, job_id, "finished")


# The connection ------------------------------------------------------------------------------

def test_one_connection_for_many_mails(stack, certificate):
    """R4.2: mails that wait go over one connection."""
    ids = [queue(stack, f"kept.{n}@example.com") for n in range(20)]
    with SmtpServer(certificate) as server, mailer_for(stack, server):
        for job_id in ids:
            wait_for_status(stack, job_id, "finished")
    assert server.connections == 1
    assert server.copies(ids[0]) == server.copies(ids[-1]) == 1


@pytest.mark.parametrize("action", ["421 4.4.2 idle for too long", CLOSE])
def test_idle_connection_was_closed(stack, certificate, action):
    """R4.2: a connection that the server has given up is no fault of the next mail."""
    with SmtpServer(certificate, {"MAIL": [None, action]}) as server, \
            mailer_for(stack, server) as mailer:
        for n in range(2):
            done = wait_for_status(stack, queue(stack, f"idle.{n}@example.com"), "finished")
            assert done["attempts"] == 1
        assert not mailer.lines("away")
    assert (server.connections, len(server.mails)) == (2, 2)


def test_goodbye_is_not_answered(stack, certificate):
    """R4.2: a server that hangs when the mailer leaves it holds up nobody."""
    with SmtpServer(certificate, {"QUIT": [HANG]}) as server, \
            Mailer(environment(stack, **server.settings(MAILER_SEND_TIMEOUT="600"))):
        wait_for_status(stack, queue(stack, "goodbye@example.com"), "finished")
        wait_until("the mailer has left", lambda: server.open == 0)
        wait_for_status(stack, queue(stack, "hello.again@example.com"), "finished")
    assert (server.connections, len(server.mails)) == (2, 2)


# PostgreSQL ----------------------------------------------------------------------------------

def test_postgresql_down(stack, certificate):
    """R4.2: PostgreSQL may go and come; the mailer says so, and goes on."""
    with SmtpServer(certificate) as server, mailer_for(stack, server) as mailer:
        wait_for_status(stack, queue(stack, "before@example.com"), "finished")
        stack.part("kill", "postgres")
        try:
            mailer.wait_for_line("PostgreSQL is away")
        finally:
            stack.part("start", "postgres")
        job_id = wait_until("PostgreSQL takes jobs", lambda: queue(stack, "after@example.com"),
                            ignoring=(psycopg2.Error,))
        wait_for_status(stack, job_id, "finished")
        mailer.wait_for_line("PostgreSQL is back")
    assert server.copies(job_id) == 1


# The mailer ----------------------------------------------------------------------------------

def test_killed_between_acceptance_and_commit(stack, certificate):
    """R4.2: kill -9 after the server has taken the mail: the next mailer repeats it once, under the
    same Message-ID."""
    pids = []
    with SmtpServer(certificate, {"ANSWER": [lambda: os.kill(pids[0], signal.SIGKILL)]}) as server:
        with mailer_for(stack, server) as mailer:
            pids.append(mailer.pid)
            job_id = queue(stack, "killed@example.com")
            assert mailer.process.wait(30) == -signal.SIGKILL
            assert server.copies(job_id) == 1
        with mailer_for(stack, server):
            done = wait_for_status(stack, job_id, "finished")
    assert (done["attempts"], done["interruptions"]) == (1, 1)
    assert server.copies(job_id) == len(server.mails) == 2


def named(stack, name):
    """A mailer whose session can be told from another's, and which polls no more."""
    url = f"{stack.env['MAILER_DATABASE_URL']}?application_name={name}"
    return {"MAILER_DATABASE_URL": url, "MAILER_POLL_INTERVAL": "3600"}


def test_another_mailer_takes_over(stack, certificate):
    """R2.4 R4.2: the mail of a mailer that is killed is sent by one that runs beside it, though
    nobody tells it, and long before it looks by itself."""
    started = {}

    def kill_the_one_that_sends():
        pid = stack.one("SELECT worker_pid FROM campaign.jobs WHERE id = %s", started["job"])
        name = stack.one("SELECT application_name FROM pg_stat_activity WHERE pid = %s", pid)
        os.kill(started[name], signal.SIGKILL)
    with SmtpServer(certificate, {"ANSWER": [kill_the_one_that_sends]}) as server, \
            mailer_for(stack, server, **named(stack, "first")) as first, \
            mailer_for(stack, server, **named(stack, "second")) as second:
        started.update(first=first.pid, second=second.pid)
        for mailer in (first, second):
            mailer.wait_for_line("started")
        with stack.connect(autocommit=False) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT job_create('welcome_email', '{\"email\": \"two@example.com\"}')")
            started["job"] = cursor.fetchone()[0]
        done = wait_for_status(stack, started["job"], "finished", timeout=20)
        assert (done["attempts"], done["interruptions"]) == (1, 1)
    assert server.copies(started["job"]) == 2


def test_killed_at_random(stack):
    """R4.2: mailers are killed again and again: every mail arrives, each kill repeats one at most."""
    ids = [queue(stack, f"random.{n}@example.com") for n in range(60)]
    kills = 0
    while kills < 6:
        left = stack.one("SELECT count(*) FROM campaign.jobs WHERE id = ANY (%s)"
                         " AND status = 'finished'", ids)
        with Mailer(environment(stack)) as mailer:
            wait_until("it has sent some", lambda: len(mailer.lines("mail sent")) >= 3
                       or left + len(mailer.lines("mail sent")) == len(ids))
            mailer.process.kill()
            mailer.process.wait(10)
        kills += 1
    with Mailer(environment(stack)):
        for job_id in ids:
            wait_for_status(stack, job_id, "finished")
    wait_until("all have arrived", lambda: all(
        raw_mails(stack, mailers.message_id_of(job_id)) for job_id in ids))
    copies = [len(raw_mails(stack, mailers.message_id_of(job_id))) for job_id in ids]
    assert sum(copies) <= len(ids) + kills and max(copies) <= 2


def test_sigterm_finishes_the_mail_in_hand(stack, certificate):
    """R4.2: SIGTERM while the server thinks: the mail is finished, then the mailer ends with 0."""
    mailers_seen = []

    def stop_and_think():
        mailers_seen[0].process.send_signal(signal.SIGTERM)
        mailers_seen[0].wait_for_line("stopping")
    with SmtpServer(certificate, {"ANSWER": [stop_and_think]}) as server, \
            mailer_for(stack, server) as mailer:
        mailers_seen.append(mailer)
        job_ids = [queue(stack, f"in.hand.{n}@example.com") for n in range(2)]
        assert mailer.process.wait(30) == 0
        assert job(stack, job_ids[0])["status"] == "finished"
        assert job(stack, job_ids[1])["status"] == "waiting"
    assert len(server.mails) == 1


def test_sigterm_does_not_wait_for_ever(stack, certificate):
    """R4.2: SIGTERM while the server hangs: 0 within 10 s, and the mail waits for another mailer."""
    with SmtpServer(certificate, {"RCPT": [HANG]}) as server:
        with Mailer(environment(stack, **server.settings(MAILER_SEND_TIMEOUT="600"))) as mailer:
            job_id = queue(stack, "hanging@example.com")
            wait_until("the server hangs", lambda: "RCPT" in server.steps)
            assert mailer.terminate(10) == 0
        waiting = job(stack, job_id)
        assert (waiting["status"], waiting["attempts"]) == ("waiting", 0)
        server.release()
        with mailer_for(stack, server):
            wait_for_status(stack, job_id, "finished")
    assert server.copies(job_id) == 1


def test_sigterm_does_not_wait_for_a_resolver(stack, no_mailer, tmp_path, certificate):
    """R4.2: SIGTERM while the name of the server is looked up and nobody answers: 0, before the lookup has ended."""
    resolver = SilentResolver(tmp_path, answers=1)  # where PostgreSQL is
    with SmtpServer(certificate) as server:
        url = server.url().replace("127.0.0.1", "mail.example")
        with Mailer(environment(stack, **server.settings(SMTP_URL=url), **resolver.environment)) as mailer:
            job_id = queue(stack, "unknown.host@example.com")
            resolver.wait_until_asked(2)
            assert mailer.terminate(15) == 0
            assert mailer.lines()[-1]["msg"] == "stopped"
        assert resolver.count("answered") == 1
        waiting = job(stack, job_id)
        assert (waiting["status"], waiting["attempts"]) == ("waiting", 0)


def test_second_signal_ends_at_once(stack, certificate):
    """R4.2: a second signal does not wait for the server; the mail is taken up again."""
    with SmtpServer(certificate, {"RCPT": [HANG]}) as server:
        with Mailer(environment(stack, **server.settings(MAILER_SEND_TIMEOUT="600"))) as mailer:
            job_id = queue(stack, "hurried@example.com")
            wait_until("the server hangs", lambda: "RCPT" in server.steps)
            mailer.process.send_signal(signal.SIGTERM)
            mailer.wait_for_line("stopping")
            mailer.process.send_signal(signal.SIGTERM)
            assert mailer.process.wait(2) == 1
        server.release()
        with mailer_for(stack, server):
            assert wait_for_status(stack, job_id, "finished")["interruptions"] == 1
    assert server.copies(job_id) == 1


def test_frozen_mailer_keeps_its_mail(stack, certificate):
    """R2.4: as long as a mailer lives, however slow, nobody else takes its mail."""
    frozen = []

    def freeze():
        subprocess.run(["kill", "-STOP", str(frozen[0])], check=True)
    with SmtpServer(certificate, {"ANSWER": [freeze]}) as server, \
            mailer_for(stack, server) as slow:
        frozen.append(slow.pid)
        job_id = queue(stack, "frozen@example.com")
        wait_until("it is frozen", lambda: "ANSWER" in server.steps)
        try:
            with mailer_for(stack, server, MAILER_POLL_INTERVAL="1") as other:
                other.wait_for_line("started")
                assert_stays("nobody takes it", lambda: len(server.mails) == 1, 3)
        finally:
            os.kill(slow.pid, signal.SIGCONT)
        assert wait_for_status(stack, job_id, "finished")["attempts"] == 1
    assert server.copies(job_id) == 1
