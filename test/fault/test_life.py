"""test_life.py - random sequences of dispatch, schedule, pause, resume, cancel and kill -9, compared
with a model of the states (test/support/life_model.py).

No status that the model does not allow; nothing stored during a pause or after a cancel, by MongoDB's
own log; nothing skipped, nothing repeated.
"""
import datetime

import psycopg2
import pymongo.errors
import pytest

import campaigns
from campaigns import assert_delivered, count_documents, make_numbers, status
from life_model import OVER, VERBS, Life
from waiting import wait_until

AWAY = (psycopg2.OperationalError, psycopg2.InterfaceError, pymongo.errors.PyMongoError)
SIDE_BY_SIDE = 8
STEPS = 12
GRACE = datetime.timedelta(seconds=1)


class Subject:
    """A campaign, what it must contain, and what the model knows of it."""

    def __init__(self, stack, n, chance):
        self.stack = stack
        self.life = Life()
        self.ordered = chance.random() < 0.8
        self.numbers = make_numbers(n, seed=chance.randrange(10 ** 6))
        self.id = campaigns.create(stack, self.numbers, ordered=self.ordered)

    def call(self, verb, chance):
        argument = ""
        seconds = chance.choice([-60, 0, 1, 2, 3600]) if verb == "schedule" else None
        if seconds is not None:
            argument = f", now() + interval '{seconds} s'"
        try:
            answer, now = self.stack.sql(
                f"SELECT campaign_{verb}(%s{argument}) ->> 'status', clock_timestamp()", self.id)[0]
        except psycopg2.errors.ObjectNotInPrerequisiteState:
            self.life.refused(verb, status(self.stack, self.id)["status"])
        else:
            self.life.succeeded(verb, answer, now)
            # One that is due soon may have waited for a lock until then.
            assert seconds not in (-60, 0, 3600) or answer == ("scheduled" if seconds == 3600 else "queued")

    def finish(self, chance):
        """Brings it to an end; answers whether it is there."""
        self.life.seen(status(self.stack, self.id)["status"])
        if self.life.status in OVER:
            return True
        if self.life.status == "paused":
            self.call("resume", chance)
        elif self.life.status in ("draft", "scheduled"):
            self.call("dispatch", chance)
        return False

    def check(self):
        """Documents, reports and MongoDB's log agree with the model."""
        if self.life.status == "sent":
            assert_delivered(self.stack, self.id, self.numbers, ordered=self.ordered)
        else:
            self._check_cancelled()
        halts = [(since + GRACE, until) for since, until in self.life.halts]
        for wall, _, seq in campaigns.insertions(self.stack, self.id):
            at = wall.replace(tzinfo=datetime.timezone.utc)
            assert not any(since < at and (until is None or at < until) for since, until in halts), \
                f"seq {seq} was stored at {at}, halted {self.life.halts}"
        self._check_events()

    def _check_cancelled(self):
        written = [seq for _, seq in campaigns.insertion_order(self.stack, self.id)]
        assert len(set(written)) == len(written) == count_documents(self.stack, self.id)
        assert not self.ordered or written == list(range(1, len(written) + 1))
        answer = status(self.stack, self.id)
        assert (answer["stored"], answer["cancelled"]) == (
            len(written), len(self.numbers) - len(written))

    def _check_events(self):
        moves = self.stack.sql("SELECT source, target, campaign.transition_allowed(source, target)"
                               " FROM campaign_events(%s) ORDER BY number", self.id)
        assert [before for _, before, _ in moves[:-1]] == [after for after, _, _ in moves[1:]]
        assert all(allowed or source == target == "scheduled" for source, target, allowed in moves)


def step(stack, subject, chance):
    """A random verb; those that end a campaign for good, and kills, are rarer."""
    verb = chance.choice(["dispatch", "dispatch", "schedule", "pause", "pause", "pause", "resume",
                          "resume", "resume", "cancel" if chance.random() < 0.15 else "pause"])
    subject.call(verb, chance)
    assert verb in VERBS
    if chance.random() < 0.03:
        part = chance.choice(["worker", "consumer", "consumer"])
        stack.part("kill", part)
        if part == "consumer":
            stack.part("start", part)


def run_sequences(stack, subjects, chance):
    for _ in range(STEPS * len(subjects)):
        step(stack, chance.choice(subjects), chance)
        if chance.random() < 0.3:
            # Let something happen: until a witness has come through, or not at all.
            campaigns.wait_for_status(stack, campaigns.witness(stack, chance.choice(
                [campaigns.queue_of(one.id) for one in subjects])), "sent")
    for subject in subjects:
        wait_until(f"{subject.id} ends", lambda: subject.finish(chance), 120, interval=0.2)
    campaigns.wait_until_handled(stack)


@pytest.mark.usefixtures("unhealed")
def test_random_lives(stack, rounds, chance):
    """R5.2, R3.6: four sequences for each FAULT_ROUNDS."""
    left = 4 * rounds
    while left > 0:
        subjects = [Subject(stack, chance.choice([1, 50, 3_000, 6_000]), chance)
                    for _ in range(min(left, SIDE_BY_SIDE))]
        run_sequences(stack, subjects, chance)
        for subject in subjects:
            subject.check()
        left -= len(subjects)
