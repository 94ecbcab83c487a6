"""test_mailer_answers.py - SMTP servers that say anything: whatever bytes an answer has, the mail
is sent once, or fails with a reason (R4.2)."""

import pytest

from latin1 import latin1_database
from mail_fixtures import _certificate, _no_mailer, _soon  # noqa: F401  pylint: disable=unused-import
from mailers import Mailer, environment, mailer_for, mailer_output, queue, wait_for_status
from smtp_server import SmtpServer
from stack import execute
from waiting import wait_until

pytestmark = pytest.mark.usefixtures("no_mailer", "soon")

# What is said, and what is kept of it.
BYTES = [(b"caf\xe9 \xfc", "caf? ?"), (b"a\0b\x1b[31m\x7f", "a b [31m"),
         (b"\xc3\xa9 \xe2\x82\xac", "é €"), (b"\xc0\x8a\xed\xa0\x80\xf5", "??????"),
         ("x\u2028y\x85z\u202e".encode(), "x y z"),
         (b"\xff" * 3000, "?" * 200), (("€" * 1000).encode(), "€" * 80)]
KINDS = ["latin1", "control", "utf8", "overlong", "separators", "long", "long_utf8"]


@pytest.mark.parametrize("said, kept", BYTES, ids=KINDS)
def test_acceptance_in_any_bytes(stack, certificate, said, kept):
    """R4.2: a mail that was taken with an answer in any encoding is sent, once."""
    with SmtpServer(certificate, {"ANSWER": [b"250 2.0.0 " + said]}) as server, \
            mailer_for(stack, server) as mailer:
        job_id = queue(stack, "taken@example.com")
        done = wait_for_status(stack, job_id, "finished")
        assert (done["attempts"], done["interruptions"]) == (1, 0)
        assert done["result"]["answer"].startswith("250 2.0.0 " + kept)
        assert mailer.terminate() == 0
        assert not mailer.lines("away")
    assert server.copies(job_id) == len(server.mails) == 1


@pytest.mark.parametrize("said, kept", BYTES, ids=KINDS)
@pytest.mark.parametrize("step", ["RCPT", "ANSWER"])
def test_refusal_in_any_bytes(stack, certificate, step, said, kept):
    """R4.2: a mail that is refused in any encoding fails in the end, with the server's words."""
    with SmtpServer(certificate, {step: [b"550 5.1.1 " + said] * 4}) as server, \
            mailer_for(stack, server) as mailer:
        job_id = queue(stack, "refused@example.com")
        failed = wait_for_status(stack, job_id, "failed")
        assert (failed["attempts"], failed["interruptions"]) == (4, 0)
        assert "550 5.1.1 " + kept in failed["error"]
        assert mailer.terminate() == 0
        assert len(mailer.lines("mail failed")) == 4


@pytest.mark.parametrize("step", ["CONNECT", "EHLO", "MAIL"])
def test_away_in_any_bytes(stack, certificate, step):
    """R4.2: a server that closes with such words is away: one line, which is JSON in UTF-8."""
    with SmtpServer(certificate, {step: [b"421 4.3.2 ferm\xe9\0\x1b \xff"] * 2}) as server, \
            mailer_for(stack, server) as mailer:
        done = wait_for_status(stack, queue(stack, "patient@example.com"), "finished")
        assert done["attempts"] == 1
        mailer.wait_for_line("SMTP is back")
        (line,) = mailer.lines("SMTP is away")
        assert "421 4.3.2 ferm?   ?" in line["msg"]


def test_check_in_any_bytes(stack, certificate):
    """R4.2: --check prints one line of UTF-8, whatever the server greets with."""
    with SmtpServer(certificate, {"CONNECT": [b"554 5.3.2 ferm\xe9\x1b[31m\0\xff"]}) as server:
        code, out, _ = mailer_output("--check", variables=environment(stack, **server.settings()))
    assert code == 69 and len(out.splitlines()) == 2
    assert "554 5.3.2 ferm? [31m ?" in out.splitlines()[1]


@pytest.mark.parametrize("step, code, status", [
    ("ANSWER", "250", "finished"), ("RCPT", "550", "scheduled"), ("ANSWER", "550", "scheduled")])
def test_database_that_cannot_store_the_answer(stack, certificate, step, code, status):
    """R4.2: an answer that the database refuses is replaced; the mail is not sent again for it."""
    with latin1_database(stack) as connection, \
            SmtpServer(certificate, {step: [f"{code} 你好"]}) as server:
        (job_id,), = execute(connection, "SELECT job_create('welcome_email', %s::jsonb)",
                             '{"email": "a@example.com"}')
        url = stack.env["MAILER_DATABASE_URL"].removesuffix("/campaign") + "/latin1"
        with Mailer(environment(stack, **server.settings(MAILER_DATABASE_URL=url))) as mailer:
            def job_when_over():
                (job,), = execute(connection, "SELECT job_get(%s)", job_id)
                return job if job["status"] == status else None
            ended = wait_until(f"mail {job_id} is {status}", job_when_over)
            assert not mailer.lines("away")
        assert ended["attempts"] == 1
        assert "cannot be stored" in (ended["error"] or ended["result"]["answer"])
    assert len(server.mails) == (1 if step == "ANSWER" else 0)
