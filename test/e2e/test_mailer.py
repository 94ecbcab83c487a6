"""test_mailer.py - the welcome mail through a real SMTP server; the mailer's command line and end.

What goes wrong on the way is in test_mailer_faults.py.
"""
import contextlib
import json
import pathlib
import re
import shutil
import signal
import uuid
from email.utils import parsedate_to_datetime
from datetime import datetime, timedelta, timezone

import pytest

import jobs
import mailers
from mail_fixtures import _certificate, _no_mailer  # noqa: F401  pylint: disable=unused-import
from mailers import (FROM, TEMPLATES, Mailer, environment, mailer_output, message_id_of, parse, part,
                     raw_mails, wait_for_mail, wait_for_status)
from stack import REPOSITORY
from waiting import wait_until

SECRET = "s3cretpassw0rd"
NOWHERE = {"MAILER_DATABASE_URL": f"postgresql://someone:{SECRET}@127.0.0.1:9/campaign",
           "SMTP_URL": f"smtp://someone:{SECRET}@127.0.0.1:9"}


def nowhere(**changes):
    return environment(**{**NOWHERE, **changes})


def new_address(name):
    """An address that no user has yet, also if the stack is used again."""
    return f"{name}.{uuid.uuid4().hex}@example.com"


def user_mail(stack, address):
    """Creates a user; the id of the job of the welcome mail."""
    user_id = stack.one("SELECT user_create(%s, 'correct horse battery staple')", address)
    return stack.one("SELECT id FROM campaign.jobs WHERE meta ->> 'user_id' = %s", user_id)


def smtp_log(stack):
    log = pathlib.Path(stack.env["MAIL_DIR"]).parent / "main.log"
    return log.read_text(encoding="utf-8")


# The mail ------------------------------------------------------------------------------------

def test_welcome_mail(stack):
    """R4.1, R4.2: a new user gets one mail, over STARTTLS and after a login, well formed."""
    address = new_address("ana")
    before = datetime.now(timezone.utc) - timedelta(seconds=2)
    job_id = user_mail(stack, address)
    raw = wait_for_mail(stack, job_id)
    done = wait_for_status(stack, job_id, "finished")
    assert done["attempts"] == 1 and done["progress"] == 100
    assert done["result"]["answer"].startswith("250 ")
    mail = parse(raw)
    assert not mail.defects
    # Exim's word for SMTP with TLS (s) and a login (a).
    assert "with esmtpsa" in mail["Received"] and "TLS1." in mail["Received"]
    assert (mail["Return-path"], mail["Envelope-to"]) == (f"<{FROM}>", address)
    assert (mail["From"], mail["To"]) == (FROM, address)
    assert mail["Subject"] == "Welcome – your account is ready"
    assert mail["Message-ID"] == message_id_of(job_id)
    assert before <= parsedate_to_datetime(mail["Date"]) <= datetime.now(timezone.utc)
    assert (mail["MIME-Version"], mail["Auto-Submitted"]) == ("1.0", "auto-generated")
    for name in ("From", "To", "Subject", "Message-ID", "Date", "MIME-Version", "Content-Type"):
        assert len(mail.get_all(name)) == 1
    assert mail.get_content_type() == "multipart/alternative"
    assert [one.get_content_type() for one in mail.iter_parts()] == ["text/plain", "text/html"]
    for kind in ("plain", "html"):
        assert address in part(mail, kind)
        assert mail.get_body((kind,)).get_content_charset() == "utf-8"
    written = raw.partition(b"Content-Type: multipart")[2]
    assert max(map(len, written.splitlines())) <= 78 and written.isascii()


def test_every_character_arrives(stack, no_mailer, tmp_path):
    """R4.2: UTF-8, long lines, dots, "From " and what HTML gives a meaning come out as they were."""
    text = ("Olá, {email}! Preço: 10 € – 你好 📧\n.\n..\n.leading dot\nFrom here\n\n"
            + "long line " * 100 + "\ntrailing blanks   \nlast line without an end")
    shutil.copytree(TEMPLATES, tmp_path, dirs_exist_ok=True)
    (tmp_path / "welcome.subject").write_text("Bem-vindo à Padaria José, {email}: " + "ção " * 30)
    (tmp_path / "welcome.txt").write_text(text)
    (tmp_path / "welcome.html").write_text("<p title='é'>{email}</p><!-- { color } -->\n")
    address = "o'neil&{co}@example.com"
    with Mailer(environment(stack, MAILER_TEMPLATES=str(tmp_path), MAILER_FROM_NAME="José & Cia.",
                            MAILER_DOMAIN="ids.example.org")):
        job_id = mailers.queue(stack, address)
        wait_for_status(stack, job_id, "finished")
    (raw,) = wait_until("the mail", lambda: raw_mails(stack, f"<{job_id}@ids.example.org>"))
    mail = parse(raw)
    assert mail["To"] == address and mail["From"] == f'"José & Cia." <{FROM}>'
    assert mail["Subject"] == ("Bem-vindo à Padaria José, " + address + ": " + "ção " * 30)
    filled = text.replace("{email}", address)
    assert part(mail, "plain").replace("\r\n", "\n").rstrip("\n") == filled
    assert part(mail, "html").startswith("<p title='é'>o&#39;neil&amp;{co}@example.com</p>"
                                         "<!-- { color } -->")


def test_address_beyond_ascii(stack):
    """R4.2: an address with other letters is written to, if the server can."""
    job_id = mailers.queue(stack, "josé@exämple.com")
    raw = wait_for_mail(stack, job_id)
    assert "\nTo: josé@exämple.com\n".encode() in raw


@pytest.mark.parametrize("address", [
    "eve@example.com\r\nBcc: victim@example.com", "eve@example.com\nSubject: other",
    "eve@example.com>\r\nRCPT TO:<victim@example.com", "eve@example.com\r\n.\r\nMAIL FROM:<x@y.z>",
    "eve@example.com, victim@example.com", "Eve <eve@example.com>", "eve\u2028@example.com",
    "\"eve\r\n\"@example.com", "eve@example.com\u0085x", "eve", "", None, "e" * 3000 + "@x.com"])
def test_injection(stack, no_mailer, address):
    """R4.1: an address that could write a header or a command ends as a failed mail, at the first
    attempt; nothing leaves."""
    log = smtp_log(stack)
    with Mailer(environment(stack)) as mailer:
        job_id = mailers.queue(stack, address)
        failed = wait_for_status(stack, job_id, "failed")
        assert failed["attempts"] == 1 and failed["error"].startswith("the address ")
        assert mailer.terminate() == 0
        assert "victim" not in mailer.log()
    assert "<=" not in smtp_log(stack)[len(log):]
    assert not raw_mails(stack, message_id_of(job_id))


def test_rolled_back_is_not_sent(stack):
    """R4.1: no user, no mail."""
    address = new_address("rolled.back")
    with contextlib.closing(stack.connect(autocommit=False)) as connection, \
            connection.cursor() as cursor:
        cursor.execute("SELECT user_create(%s, 'correct horse battery staple')", (address,))
        connection.rollback()
    wait_for_mail(stack, user_mail(stack, new_address("after")))
    assert address not in smtp_log(stack)


def test_scheduled_mail(stack, no_mailer):
    """R2.6: a mail for later arrives then, without the polling."""
    with Mailer(environment(stack, MAILER_POLL_INTERVAL="3600")) as mailer:
        mailer.wait_for_line("started")
        job_id = mailers.queue(stack, "later@example.com", datetime.now(timezone.utc) + timedelta(seconds=2))
        assert mailers.job(stack, job_id)["status"] == "scheduled"
        wait_for_mail(stack, job_id)
        done = wait_for_status(stack, job_id, "finished")
    assert done["started_at"] >= done["run_at"]


def test_nobody_is_to_get_it(stack, no_mailer):
    """R4.1: until it is sent its user is deleted or gets another address, or the invitation is withdrawn: it fails at once."""
    host, guest = (stack.one("SELECT user_create(%s, 'correct horse battery staple')", new_address(name))
                   for name in ("host", "guest"))
    deleted, moved = new_address("deleted"), new_address("moved")
    mails = [user_mail(stack, deleted), user_mail(stack, moved)]
    company_id = stack.one("SELECT company_create('Padaria', %s)", uuid.uuid4().hex[:14])
    invitation = stack.one("INSERT INTO campaign.invitations AS i (company_id, company_name, user_id, email, invited_by)"
                           " SELECT %s, 'Padaria', u.id, u.email, %s FROM campaign.users u WHERE u.id = %s RETURNING i.id",
                           company_id, host, guest)
    stack.one("SELECT campaign.invitation_mail(i) FROM campaign.invitations i WHERE i.id = %s", invitation)
    mails.append(stack.one("SELECT id FROM campaign.jobs WHERE meta ->> 'invitation_id' = %s", invitation))
    stack.sql("UPDATE campaign.users SET deleted = true WHERE email = %s", deleted)
    stack.sql("UPDATE campaign.users SET email = %s WHERE email = %s", new_address("elsewhere"), moved)
    stack.sql("UPDATE campaign.invitations SET answer = 'withdrawn', answered_at = now() WHERE id = %s", invitation)
    with Mailer(environment(stack)):
        jobs_failed = [wait_for_status(stack, job_id, "failed") for job_id in mails]
    assert [one["error"] for one in jobs_failed] == [
        "its user no longer has this address"] * 2 + ["the invitation is not open any more"]
    assert not any(raw_mails(stack, message_id_of(job_id)) for job_id in mails)


def test_many_mailers(stack, no_mailer):
    """R4.2: three mailers share 150 mails; each arrives once."""
    addresses = [f"many.{number}@example.com" for number in range(150)]
    with Mailer(environment(stack)) as one, Mailer(environment(stack)) as two, \
            Mailer(environment(stack)) as three:
        for mailer in (one, two, three):
            mailer.wait_for_line("started")
        ids = [mailers.queue(stack, address) for address in addresses]
        for job_id in ids:
            wait_for_status(stack, job_id, "finished", timeout=60)
        assert all(mailers.job(stack, job_id)["attempts"] == 1 for job_id in ids)
        sent = [line["job"] for mailer in (one, two, three) for line in mailer.lines("mail sent")]
    assert sorted(sent) == sorted(ids)
    for job_id in ids:
        wait_for_mail(stack, job_id)


def test_implicit_tls(stack, no_mailer):
    """R4.2: smtps:// is TLS from the first byte."""
    with Mailer(environment(stack, SMTP_URL=stack.env["SMTPS_URL"])):
        job_id = mailers.queue(stack, "implicit@example.com")
        mail = parse(wait_for_mail(stack, job_id))
    assert "with esmtpsa" in mail["Received"]
    assert re.search(r"TLS1\.[23]", mail["Received"])


def test_cancelled_mail_is_not_sent(stack, no_mailer):
    """R2.6: what is cancelled before it is sent, is not."""
    job_id = mailers.queue(stack, "cancelled@example.com")
    assert stack.one("SELECT job_cancel(%s)", job_id)["status"] == "cancelled"
    with Mailer(environment(stack)):
        wait_for_mail(stack, mailers.queue(stack, "behind.cancelled@example.com"))
    assert not raw_mails(stack, message_id_of(job_id))


def test_cancelled_when_a_mailer_has_it(stack, no_mailer):
    """R2.6: what is cancelled when a mailer has taken it, and not begun to send it, is not sent."""
    with jobs.cancelled_when_claimed(stack, "welcome_email"), Mailer(environment(stack)):
        job_id = mailers.queue(stack, "cancelled.late@example.com")
        wait_for_status(stack, job_id, "cancelled")
    assert not raw_mails(stack, message_id_of(job_id))


# Command line and settings -------------------------------------------------------------------

def test_version():
    version = re.search(r"default_version = '(.*)'",
                        (REPOSITORY / "campaign.control").read_text(encoding="utf-8")).group(1)
    assert mailer_output("--version", variables={}) == (0, f"campaign-mailer {version}\n", "")


def test_help():
    code, out, err = mailer_output("--help", variables={})
    assert (code, err) == (0, "")
    for name in ("SMTP_URL", "MAILER_DATABASE_URL", "--check", "--version", "--smtp-url", "_FILE"):
        assert name in out


@pytest.mark.parametrize("arguments", [["--nonsense"], ["nonsense"], ["--smtp-url"], ["-x"],
                                       [f"--smtp-ur=smtp://a:{SECRET}@h/"]])
def test_wrong_command_line(arguments):
    """R4.2: exit code 2 and one line, without a mistyped URL's password."""
    code, out, err = mailer_output(*arguments, variables=nowhere())
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1 and "--help" in err and SECRET not in err


@pytest.mark.parametrize("changes, named", [
    ({"SMTP_URL": None}, "SMTP_URL"), ({"MAILER_DATABASE_URL": None}, "MAILER_DATABASE_URL"),
    ({"MAILER_FROM": None}, "MAILER_FROM"), ({"MAILER_FROM": "nobody"}, "MAILER_FROM"),
    ({"MAILER_FROM": "a@b.c\r\nBcc: x@y.z"}, "MAILER_FROM"),
    ({"SMTP_URL": f"http://a:{SECRET}@h/"}, "SMTP_URL"),
    ({"SMTP_URL": f"smtp://a:{SECRET}/x@h"}, "SMTP_URL"),
    ({"SMTP_URL": f"smtp://a:{SECRET}@h:99999"}, "SMTP_URL"),
    ({"MAILER_DATABASE_URL": f"mysql://a:{SECRET}@h/"}, "MAILER_DATABASE_URL"),
    ({"SMTP_TLS": "never"}, "SMTP_TLS"), ({"SMTP_CA_FILE": "/nonexistent"}, "SMTP_CA_FILE"),
    ({"MAILER_SEND_TIMEOUT": "0"}, "MAILER_SEND_TIMEOUT"),
    ({"MAILER_TEMPLATES": "/nonexistent"}, "/nonexistent/welcome.subject"),
    ({"SMTP_URL": None, "SMTP_URL_FILE": "/nonexistent"}, "SMTP_URL_FILE"),
    ({"CAMPAIGN_LOG_LEVEL": "loud"}, "CAMPAIGN_LOG_LEVEL"),
])
def test_wrong_setting(changes, named):
    """R4.2: exit code 78 and one line that names the setting and shows no password."""
    code, out, err = mailer_output(variables=nowhere(**changes))
    assert (code, out) == (78, "")
    assert len(err.splitlines()) == 1 and named in err and SECRET not in err


def test_unknown_placeholder(tmp_path):
    """R4.1: a mistake in a template is said at the start, not by a mail that fails."""
    for name, text in (("subject", "Hello"), ("txt", "Hello {name}"), ("html", "<p>")):
        (tmp_path / f"welcome.{name}").write_text(text, encoding="utf-8")
    code, _, err = mailer_output(variables=nowhere(MAILER_TEMPLATES=str(tmp_path)))
    assert code == 78 and "welcome.txt: unknown placeholder {name}" in err


def test_templates_that_came_with_it(stack):
    """The mailer finds the shipped templates by itself."""
    assert mailer_output("--check", variables=environment(stack, MAILER_TEMPLATES=None))[0] == 0


def test_dotenv_and_files(stack, tmp_path):
    """R4.2: one .env serves the consumer and the mailer; URLs may stand in files of their own."""
    variables = environment(stack)
    (tmp_path / "smtp.url").write_text(variables["SMTP_URL"] + "\n", encoding="utf-8")
    (tmp_path / ".env").write_text(
        f"CAMPAIGN_PREFETCH=5\nDATABASE_URL=x\nSMTP_URL_FILE={tmp_path}/smtp.url\n"
        + "".join(f"{name}='{variables[name]}'\n" for name in
                  ("MAILER_DATABASE_URL", "SMTP_CA_FILE", "MAILER_FROM", "MAILER_TEMPLATES")),
        encoding="utf-8")
    assert mailer_output("--check", variables={}, directory=tmp_path)[0] == 0
    with open(tmp_path / ".env", "a", encoding="utf-8") as file:
        file.write("MAILER_FORM=5\n")
    code, _, err = mailer_output("--check", variables={}, directory=tmp_path)
    assert code == 78 and ".env:8" in err and "MAILER_FORM" in err


# --check -------------------------------------------------------------------------------------

def check(stack, **changes):
    """Exit code and the two lines of --check."""
    code, out, err = mailer_output("--check", variables=environment(stack, **changes))
    assert err == "" and SECRET not in out and stack.env["SMTP_PASSWORD"] not in out
    lines = out.splitlines()
    assert [line.split()[1] for line in lines] == ["PostgreSQL", "SMTP"]
    return code, [line.split()[0] for line in lines], lines


def test_check_of_what_is_right(stack):
    """R4.2: --check tries both, with login, and sends nothing."""
    log = smtp_log(stack)
    code, verdicts, lines = check(stack)
    assert (code, verdicts) == (0, ["ok", "ok"]) and "logged in" in lines[1]
    code, verdicts, _ = check(stack, SMTP_URL=stack.env["SMTPS_URL"])
    assert (code, verdicts) == (0, ["ok", "ok"])
    assert "<=" not in smtp_log(stack)[len(log):]


@pytest.mark.parametrize("name, verdicts", [("MAILER_DATABASE_URL", ["wrong", "ok"]),
                                            ("SMTP_URL", ["ok", "wrong"])])
def test_check_of_what_is_away(stack, name, verdicts):
    """R4.2: exit code 69; the other one is still tried."""
    assert check(stack, **{name: NOWHERE[name]})[:2] == (69, verdicts)


def test_check_of_what_is_refused(stack):
    """R4.2: a wrong password, certificate or role is said, and is exit code 69."""
    wrong = re.sub(r":[0-9a-f]+%2F", f":{SECRET}", stack.env["SMTP_URL"])
    code, verdicts, lines = check(stack, SMTP_URL=wrong)
    assert (code, verdicts) == (69, ["ok", "wrong"]) and "535" in lines[1]
    code, verdicts, lines = check(stack, SMTP_CA_FILE="")
    assert (code, verdicts) == (69, ["ok", "wrong"]) and "certificate" in lines[1]
    code, verdicts, lines = check(stack, MAILER_DATABASE_URL=stack.env["CONSUMER_DATABASE_URL"])
    assert (code, verdicts) == (69, ["wrong", "ok"]) and "campaign_mailer" in lines[0]
    wrong = re.sub(r":[0-9a-f]+@", f":{SECRET}@", stack.env["MAILER_DATABASE_URL"])
    code, verdicts, lines = check(stack, MAILER_DATABASE_URL=wrong)
    assert (code, verdicts) == (69, ["wrong", "ok"]) and "authentication failed" in lines[0]


# The end, and the log ------------------------------------------------------------------------

@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_ends_when_idle(stack, no_mailer, stop):
    """R4.2: a signal ends it, with exit code 0."""
    with Mailer(environment(stack)) as mailer:
        mailer.wait_for_line("started")
        mailer.process.send_signal(stop)
        assert mailer.process.wait(10) == 0
        assert [line["msg"] for line in mailer.lines()][-1] == "stopped"


def test_log(stack, no_mailer):
    """R5.6: JSON lines with job and attempt, and neither address, nor URL, nor password."""
    with Mailer(environment(stack), "--log-level=debug") as mailer:
        job_id = mailers.queue(stack, "logged@example.com")
        (line,) = mailer.wait_for_line("mail sent")
        assert (line["job"], line["attempt"], line["level"]) == (job_id, 1, "info")
        assert mailer.terminate() == 0
        log = mailer.log()
    assert all({"ts", "level", "msg"} <= set(json.loads(line)) for line in log.splitlines())
    for secret in ("logged@example.com", "://", stack.env["SMTP_PASSWORD"]):
        assert secret not in log
