"""test_mailer_hostile.py - SMTP servers that mean no good, at every step of the dialogue: whatever
they say, the mailer goes on, gives no secret away, and a mail that was taken is not sent again
(R4.2)."""
import ctypes

import pytest

import mailers
from mail_fixtures import _certificate, _no_mailer  # noqa: F401  pylint: disable=unused-import
from mailers import Mailer, environment, mailer_for, queue, wait_for_status
from smtp_server import CLOSE, PASSWORD, TRICKLE, SmtpServer
from waiting import wait_until

pytestmark = pytest.mark.usefixtures("no_mailer")

STEPS = ["CONNECT", "EHLO", "STARTTLS", "LOGIN", "MAIL", "RCPT", "DATA", "ANSWER"]
# And how many attempts of the mail it costs at all steps together. Odd codes count by their first
# digit (RFC 5321, 4.3.2). A long line in the last step: test_one_line_without_an_end.
HOSTILE = {
    "close": (CLOSE, 4),
    "closing": ("421 4.3.2 closing", 0),
    "no code": (b"hello, I am\r\n\0\xff no SMTP server\r\n25\r\n2500 x", 4),
    "wrong code": (b"999 what", 4),
    "odd code": (b"299 odd", 1),
    "long line": (b"550 " + b"x" * 300000, 3),
    "many lines": (b"550-x\r\n" * 20000 + b"550 x", 4),
    "unasked": (b"550 no\r\n250 yes\r\n354 go on\r\n250 taken\r\n221 bye", 4),
    "two codes": (b"250-yes\r\n550 no", 4),
}


def long_lines_are_read():
    """libcurl 8.6 and later keeps nothing of a line of more than 64 kB."""
    version = ctypes.CDLL("libcurl.so.4").curl_version
    version.restype = ctypes.c_char_p
    number = version().split()[0].split(b"/")[1].split(b".")
    return [int(part) for part in number[:2]] < [8, 6]


@pytest.fixture(autouse=True)
def _attempts(stack):
    """Attempts enough, at once."""
    with mailers.attempts(stack, 30, "1 ms"):
        yield


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_answers(stack, certificate, kind):
    """R4.2: one mail through a server that does this once at every step."""
    action, attempts = HOSTILE[kind]
    steps = STEPS[:-1] if kind == "long line" else STEPS
    with SmtpServer(certificate, {step: [action] for step in steps}) as server, \
            mailer_for(stack, server, MAILER_SEND_TIMEOUT="2", MAILER_ANSWER_TIMEOUT="2") as mailer:
        job_id = queue(stack, "hostile@example.com")
        done = wait_for_status(stack, job_id, "finished", timeout=60)
        assert (done["attempts"], done["interruptions"]) == (attempts + 1, 0)
        assert not any(server.script.values()), server.script
        assert mailer.terminate() == 0
        assert PASSWORD not in mailer.log() and len(mailer.lines("mail failed")) == attempts
    assert server.copies(job_id) == len(server.mails) == (1 if kind in ("odd code", "long line") else 2)


@pytest.mark.parametrize("answer", [b"250-x\r\n" * 60000 + b"250 taken", TRICKLE],
                         ids=["lines", "endless"])
def test_accepted_without_an_end(stack, certificate, answer):
    """R4.2: each line of an answer has its code (RFC 5321, 4.2.1): a mail that was taken in more words
    than anybody reads is taken."""
    with SmtpServer(certificate, {"ANSWER": [answer]}) as server, \
            mailer_for(stack, server, MAILER_ANSWER_TIMEOUT="2") as mailer:
        job_id = queue(stack, "taken@example.com")
        done = wait_for_status(stack, job_id, "finished")
        assert done["attempts"] == 1 and done["result"]["answer"].startswith("250")
        # The connection is not used again.
        wait_for_status(stack, queue(stack, "next@example.com"), "finished")
        assert not mailer.lines("mail failed")
    assert server.copies(job_id) == 1 and len(server.mails) == 2


@pytest.mark.parametrize("code", [250, 550])
def test_one_line_without_an_end(stack, certificate, code):
    """R4.2: where libcurl cannot tell what it says the mail may have been taken, and it would be no
    better with the next attempt: there is none."""
    unread = ("failed", 1, 1)
    read = {250: ("finished", 1, 0), 550: ("finished", 2, 1)}
    status, attempts, failures = read[code] if long_lines_are_read() else unread
    with SmtpServer(certificate, {"ANSWER": [b"%d " % code + b"x" * 90000]}) as server, \
            mailer_for(stack, server, MAILER_ANSWER_TIMEOUT="2") as mailer:
        job_id = queue(stack, "line@example.com")
        done = wait_for_status(stack, job_id, status)
        assert done["attempts"] == attempts
        assert status == "finished" or "end of DATA" in done["error"]
        wait_for_status(stack, queue(stack, "next@example.com"), "finished")
        assert len(mailer.lines("mail failed")) == failures
    assert server.copies(job_id) == attempts and len(server.mails) == attempts + 1


def test_accepted_twice(stack, certificate):
    """R4.2: an answer that nobody asked for is never taken for that to the next mail."""
    with SmtpServer(certificate, {"ANSWER": [b"250 taken\r\n250 taken again"]}) as server, \
            mailer_for(stack, server):
        ids = [queue(stack, f"twice.{n}@example.com") for n in range(3)]
        for job_id in ids:
            wait_for_status(stack, job_id, "finished")
    assert [server.copies(job_id) for job_id in ids] == [1, 1, 1]


def test_long_answers_over_one_connection(stack, certificate):
    """R4.2: what the answers to many mails come to in all does not matter."""
    answer = b"250-" + b"x" * 20000 + b"\r\n250 taken"
    with SmtpServer(certificate, {"ANSWER": [answer] * 25}) as server:
        ids = [queue(stack, f"long.{n}@example.com") for n in range(25)]
        with mailer_for(stack, server):
            for job_id in ids:
                assert wait_for_status(stack, job_id, "finished")["attempts"] == 1
    assert server.connections == 1 and len(server.mails) == 25


def test_answers_injected_before_tls(stack, certificate):
    """R4.2: what stands behind the answer to STARTTLS was said in clear text: nothing is sent on it."""
    injected = b"220 go on\r\n250-AUTH PLAIN\r\n250 injected\r\n235 logged in\r\n250 yes"
    with SmtpServer(certificate, {"STARTTLS": [injected]}) as server, \
            mailer_for(stack, server) as mailer:
        job_id = queue(stack, "injected@example.com")
        mailer.wait_for_line("SMTP is away")
        assert server.steps[:3] == ["CONNECT", "EHLO", "STARTTLS"]
        assert wait_for_status(stack, job_id, "finished")["attempts"] == 1
    again = server.steps.index("CONNECT", 1)
    assert server.steps[3:again] == [] and server.copies(job_id) == 1


def test_stripped_starttls_in_mid_life(stack, certificate):
    """R4.2: a server that offered STARTTLS before and does not any more gets nothing in clear."""
    plain = b"250-fault.campaign.test\r\n250-AUTH PLAIN LOGIN\r\n250 HELP"
    with SmtpServer(certificate, {"EHLO": [None, None, plain, plain]}) as server, \
            mailer_for(stack, server) as mailer:
        wait_for_status(stack, queue(stack, "encrypted@example.com"), "finished")
        wait_until("the idle connection is closed", lambda: server.open == 0)
        seen = len(server.steps)
        job_id = queue(stack, "stripped@example.com")
        mailer.wait_for_line("SMTP is back")
        assert wait_for_status(stack, job_id, "finished")["attempts"] == 1
        assert server.steps[seen:seen + 4] == ["CONNECT", "EHLO"] * 2
        assert "STARTTLS" in mailer.lines("SMTP is away")[0]["msg"]


def test_password_that_is_refused_again_and_again(stack, certificate):
    """R4.2: a server that refuses the login is asked at growing intervals, not in a storm, and the
    mail fails for none of it."""
    with SmtpServer(certificate, {"AUTH": ["refused"] * 5}) as server, \
            Mailer(environment(stack, **server.settings())) as mailer:
        job_id = queue(stack, "refused@example.com")
        assert wait_for_status(stack, job_id, "finished")["attempts"] == 1
        (line,) = mailer.lines("SMTP is away")
        assert "535" in line["msg"] and PASSWORD not in mailer.log()
    assert server.steps.count("AUTH") == 6
