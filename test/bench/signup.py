"""signup.py - sign-ups of the benchmark: what creating a user costs while the SMTP server is
there, and while it is not; and their mails, beside those that were sent since an old snapshot.

The users stay: the stack is of no other use.
"""
import time
import uuid

import jobs
from report import Figure, percentile

SIGN_UPS = 40
WARM_UP = 5
MAIL_PATIENCE_S = 60
POLL_S = 0.05
MAIL = "welcome_email"
MAILS = 300
MAILS_DONE = 500_000


def sign_up(stack):
    """Seconds from the statement until the user is committed, welcome e-mail queued."""
    address = f"{uuid.uuid4().hex}@example.com"
    started = time.monotonic()
    stack.value("SELECT user_create(%s, 'correct horse battery staple')", address)
    return time.monotonic() - started


def rate(stack):
    """Sign-ups a second, one after the other: by the median, which a pause of the machine
    does not move."""
    for _ in range(WARM_UP):
        sign_up(stack)
    return 1 / percentile([sign_up(stack) for _ in range(SIGN_UPS)], 50)


def wait_for_mails(stack):
    """They are jobs, too, and would be in the way of other figures."""
    with jobs.session(stack) as (watcher, look):
        watcher.autocommit = True
        look.execute("SELECT id FROM campaign.jobs WHERE status <> 'finished'")
        waiting = [row[0] for row in look.fetchall()]
        jobs.wait_for_all(look, waiting, time.monotonic(), MAIL_PATIENCE_S, lambda _: POLL_S)


def latency(stack, _count, rounds):
    figure = Figure("sign-ups, SMTP server down ÷ up", "users/s", goal=0.90)
    yield figure
    for _ in range(rounds):
        figure.ceiling.append(rate(stack))
        stack.stop("smtp")
        try:
            figure.product.append(rate(stack))
        finally:
            stack.start("smtp")
        wait_for_mails(stack)


def mail_rate(stack):
    """Mails a second, from the commit that queues them all until none is left."""
    with jobs.session(stack) as (creator, cursor):
        cursor.execute("SELECT job_create(%s, jsonb_build_object('email', 'a' || i || '@example.com'))"
                       " FROM generate_series(1, %s) AS i", (MAIL, MAILS))
        started = time.monotonic()
        creator.commit()
    wait_for_mails(stack)
    return MAILS / (time.monotonic() - started)


def mail_snapshot(stack, count, rounds):
    """Beside mails that were sent since a snapshot was taken, and beside as many that were not."""
    done = min(count, MAILS_DONE)
    figure = Figure(f"mails beside {done:,} sent since an old snapshot ÷ without", "mails/s", goal=0.90)
    yield figure
    mail_rate(stack)
    for _ in range(rounds):
        jobs.empty(stack)
        jobs.leave_behind(stack, done, MAIL, external=True)
        figure.ceiling.append(mail_rate(stack))
        jobs.empty(stack)
        with jobs.old_snapshot(stack):
            jobs.leave_behind(stack, done, MAIL, external=True)
            figure.product.append(mail_rate(stack))
    jobs.empty(stack)
