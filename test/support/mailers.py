"""mailers.py - a campaign-mailer of a test's own, the mails that arrive, and the jobs they were.

Must never correct what it sees: it reads, and fails.
"""
import contextlib
import email
import email.policy
import json
import os
import pathlib

from programs import Program, base_environment, program_output
from stack import BUILD, REPOSITORY
from waiting import wait_until

PROGRAM = pathlib.Path(os.environ.get("CAMPAIGN_MAILER", BUILD / "campaign-mailer"))
TEMPLATES = REPOSITORY / "mailer" / "templates"
FROM = "welcome@campaign.test"


def environment(stack=None, **changes):
    """The mailer's settings for a stack, with changes; None removes a setting."""
    variables = {**base_environment(), "MAILER_FROM": FROM, "MAILER_TEMPLATES": str(TEMPLATES)}
    if stack is not None:
        variables.update(MAILER_DATABASE_URL=stack.env["MAILER_DATABASE_URL"],
                         SMTP_URL=stack.env["SMTP_URL"], SMTP_CA_FILE=stack.env["SMTP_CA_FILE"])
    variables.update(changes)
    return {name: value for name, value in variables.items() if value is not None}


def mailer_output(*arguments, variables, directory="/", timeout=60):
    """Exit code, standard output and standard error of a mailer that ends by itself."""
    return program_output(PROGRAM, *arguments, variables=variables, directory=directory,
                          timeout=timeout)


class Mailer(Program):
    """A running mailer."""

    def __init__(self, variables, *arguments):
        super().__init__(PROGRAM, variables, *arguments)


def mailer_for(stack, server, **changes):
    """A mailer that talks to a scripted server, and does not wait long."""
    times = {"MAILER_TIMEOUT": "2", "MAILER_SEND_TIMEOUT": "5", "MAILER_ANSWER_TIMEOUT": "5"}
    return Mailer(environment(stack, **server.settings(**{**times, **changes})))


@contextlib.contextmanager
def stopped_mailer(stack):
    """The stack's own mailer does not run meanwhile."""
    stack.part("stop", "mailer")
    try:
        yield
    finally:
        stack.part("start", "mailer")


# Jobs ----------------------------------------------------------------------------------------

def queue(stack, address, run_at="now"):
    """A welcome mail to somebody who need not be a user; its job's id."""
    return stack.one("SELECT job_create('welcome_email', %s::jsonb, run_at => %s::timestamptz)",
                     json.dumps({"email": address}), run_at)


def job(stack, job_id):
    return stack.one("SELECT job_get(%s)", job_id)


def wait_for_status(stack, job_id, wanted, timeout=30, ignoring=()):
    """Waits until a job has a status; answers job_get()."""
    seen = {}

    def reached():
        seen.update(job(stack, job_id))
        return dict(seen) if seen["status"] == wanted else None
    try:
        return wait_until(f"mail {job_id} is {wanted}", reached, timeout, ignoring=ignoring)
    except AssertionError as error:
        raise AssertionError(f"{error}; {seen}") from None


@contextlib.contextmanager
def attempts(stack, most, backoff="100 ms"):
    """Mails that are queued meanwhile are tried so often, after short pauses."""
    stack.sql("INSERT INTO campaign.job_types SELECT (s).* FROM campaign.job_types_shipped() s"
              " WHERE s.name = 'welcome_email'")
    stack.sql("UPDATE campaign.job_types SET max_attempts = %s, backoff = %s::interval"
              " WHERE name = 'welcome_email'", most, backoff)
    try:
        yield
    finally:
        stack.sql("DELETE FROM campaign.job_types WHERE name = 'welcome_email'")


# Mails ---------------------------------------------------------------------------------------

def parse(data):
    return email.message_from_bytes(data, policy=email.policy.default)


def raw_mails(stack, message_id):
    """The mails with this Message-ID that the stack's SMTP server has delivered, as bytes."""
    wanted = f"\nMessage-ID: {message_id}".encode()
    folder = pathlib.Path(stack.env["MAIL_DIR"]) / "new"
    files = [path.read_bytes() for path in sorted(folder.iterdir())] if folder.exists() else []
    return [data for data in files if wanted in data]


def message_id_of(job_id):
    return f"<{job_id}@campaign.test>"


def wait_for_mail(stack, job_id, timeout=30):
    """Waits until a job's mail has arrived; the mail, of which there is only one."""
    found = wait_until(f"the mail of {job_id}", lambda: raw_mails(stack, message_id_of(job_id)),
                       timeout)
    assert len(found) == 1
    return found[0]


def part(mail, kind):
    """The text of the part of a mail with this content type, decoded."""
    return mail.get_body((kind,)).get_content()
