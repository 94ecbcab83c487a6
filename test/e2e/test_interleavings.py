"""test_interleavings.py - two clients do something with the same campaign at the same time.

    FAULT_ROUNDS=20 pytest test/e2e/test_interleavings.py      all of them; else a seeded sample

Each of two transactions has a verb and its end. All orders of their steps are taken; what comes out
must be what one of them after the other would have made, in one order or the other: the same
errors, the same status, the same recipients. No deadlock, no error but "not in this status", no step
that hangs.
"""
import itertools
import os
import random
import re

import pytest

import campaigns
from interleavings import Sessions, orders
from programs import frozen
from stack import REPOSITORY

SEED = int(os.environ.get("FAULT_SEED") or 12)
ALL = int(os.environ.get("FAULT_ROUNDS") or 0) >= 20
SAMPLE = 40

FILES = ["+88800000000001\n+88800000000002\n", "+88800000000002\n+88800000000003\n"]
SERIALIZATION = "40001"
VERBS = {
    "look": "SELECT campaign_status(%s)",
    "dispatch": "SELECT campaign_dispatch(%s)",
    "schedule": "SELECT campaign_schedule(%s, '2099-01-01T00:00:00Z')",
    "unschedule": "SELECT campaign_schedule(%s, NULL)",
    "pause": "SELECT campaign_pause(%s)",
    "resume": "SELECT campaign_resume(%s)",
    "cancel": "SELECT campaign_cancel(%s)",
    "upload": f"SELECT campaign_upload(%s, '{FILES[0]}'::text)",
    "upload more": f"SELECT campaign_upload(%s, '{FILES[1]}'::text)",
    "clear": "SELECT campaign_clear(%s)",
    "reset": "SELECT campaign_reset(%s)",
    "delete": "SELECT campaign.api_campaign_delete(%s)",
}
# A verb that changes no row which another one has seen would do this alone.
NOTE = """SELECT campaign.event_add(c.id, c.status, c.status, 'noted')
FROM campaign.campaign_lock(%s) AS c"""
# How a campaign gets into the status in which they find it.
BEGINNINGS = {
    "empty": [], "draft": ["upload"], "scheduled": ["upload", "schedule"],
    "running": ["upload", "dispatch"], "paused": ["upload", "dispatch", "pause"],
    "cancelled": ["upload", "dispatch", "cancel"],
}
RUNNING = ("queued", "publishing", "published")
# "Not in this status", and "does not exist" after a delete.
REFUSALS = (None, "55000", "P0002")
STATE = """
SELECT c.status, c.deleted, c.total,
    ARRAY(SELECT ARRAY[e.source, e.target] FROM campaign.events e
          WHERE e.campaign_id = c.id ORDER BY e.number),
    ARRAY(SELECT r.phone_number::text FROM campaign.recipients r
          WHERE r.campaign_id = c.id ORDER BY 1),
    ARRAY[(SELECT count(*) FROM campaign.recipients r WHERE r.campaign_id = c.id),
          (SELECT max(r.seq) FROM campaign.recipients r WHERE r.campaign_id = c.id),
          (SELECT sum(p.total) FROM campaign.progress p WHERE p.campaign_id = c.id),
          (SELECT sum((u.result ->> 'accepted')::bigint) FROM campaign.uploads u
           WHERE u.campaign_id = c.id)]
FROM campaign.campaigns c WHERE c.id = %s"""


class Ground:
    """What the tests share: sessions, and what one transaction after the other makes."""

    def __init__(self, stack, sessions):
        self.stack = stack
        self.sessions = sessions
        self.serial = {}
        text = (REPOSITORY / "docs" / "campaigns.md").read_text(encoding="utf-8")
        self.moves = set(re.findall(r"^\| `(\w+)` \| `(\w+)` \|", text, re.MULTILINE))

    def campaign(self, beginning):
        campaign_id = self.stack.one("SELECT campaign_create('test', 'hello')")
        for verb in BEGINNINGS[beginning]:
            self.stack.sql(VERBS[verb], campaign_id)
        return campaign_id

    def take(self, beginning, transactions, order, sessions=None):
        """The outcome of transactions, (verbs, end) each: their errors, and what is left."""
        campaign_id = self.campaign(beginning)
        plan = [[(VERBS[verb], campaign_id) for verb in verbs] + [end]
                for verbs, end in transactions]
        errors = (sessions or self.sessions).run(plan, order)
        outcome = (tuple(errors), self.check(campaign_id))
        self.stack.sql("SELECT campaign_cancel(id) FROM campaign.campaigns"
                       " WHERE id = %s AND NOT deleted"
                       " AND campaign.transition_allowed(status, 'cancelled')", campaign_id)
        return outcome

    def check(self, campaign_id):
        """The campaign is in a legal state, and its counts agree; answers what can be compared."""
        # In one statement: the worker goes on meanwhile.
        status, deleted, total, moves, numbers, counted = self.stack.sql(STATE, campaign_id)[0]
        at = "draft"
        for source, target in moves:
            assert source == at and (source == target or (source, target) in self.moves), moves
            at = target
        assert at == status, moves
        assert [count or 0 for count in counted] == [total] * 4, (counted, total)
        return ("running" if status in RUNNING else status, deleted, tuple(numbers))

    def expected(self, beginning, transactions):
        """The outcomes of one after the other, in both orders."""
        key = (beginning, transactions)
        if key not in self.serial:
            lengths = [len(verbs) + 1 for verbs, _ in transactions]
            orders_of_all = [[one for one in order for _ in range(lengths[one])]
                             for order in itertools.permutations(range(len(transactions)))]
            self.serial[key] = [self.take(beginning, transactions, order)
                                for order in orders_of_all]
        return self.serial[key]

    def compare(self, beginning, transactions, order):
        expected = self.expected(beginning, transactions)
        outcome = self.take(beginning, transactions, order)
        assert all(error in REFUSALS for error in outcome[0]), outcome
        assert outcome in expected, (
            f"{beginning}: {transactions} in {order} made {outcome}; one by one {expected}")


    def compare_snapshots(self, beginning, transactions, order, sessions):
        """Transactions that keep their snapshot: one that came too late is told to begin again."""
        errors, state = self.take(beginning, transactions, order, sessions)
        done = tuple(one for one, error in zip(transactions, errors) if error != SERIALIZATION)
        kept = tuple(error for error in errors if error != SERIALIZATION)
        assert (kept, state) in self.expected(beginning, done), (
            f"{beginning}: {transactions} in {order} made {errors}, {state}")


@pytest.fixture(scope="module", name="ground")
def _ground(stack):
    # Without its consumer no campaign is sent meanwhile; the worker publishes.
    with frozen(stack.consumer_pid()), Sessions(stack, 3) as sessions:
        yield Ground(stack, sessions)


def sample(cases, size):
    cases = list(cases)
    return cases if ALL else random.Random(SEED).sample(cases, size)


def test_two_verbs_at_the_same_time(ground):
    """Any two verbs on a campaign in any status, committed or rolled back, in all orders."""
    pairs = itertools.combinations_with_replacement(list(VERBS)[1:], 2)
    ends = [("commit", "commit"), ("rollback", "commit")]
    for beginning, verbs, last in sample(itertools.product(BEGINNINGS, pairs, ends), SAMPLE):
        transactions = tuple(((verb,), end) for verb, end in zip(verbs, last))
        for order in orders([2, 2]):
            ground.compare(beginning, transactions, order)


def test_transactions_of_two_verbs(ground):
    """A transaction that uploads and dispatches, or pauses and cancels, beside another one."""
    pairs = [("upload more", "dispatch"), ("pause", "resume"), ("pause", "cancel"),
             ("reset", "upload more"), ("schedule", "dispatch"), ("dispatch", "delete")]
    both = itertools.combinations(pairs, 2)
    for beginning, verbs in sample(itertools.product(BEGINNINGS, both), 4):
        transactions = tuple((pair, "commit") for pair in verbs)
        for order in sample(orders([3, 3]), 5):
            ground.compare(beginning, transactions, order)


def test_three_clients(ground):
    """Three of them."""
    triples = itertools.combinations(list(VERBS)[1:], 3)
    for beginning, verbs in random.Random(SEED).sample(
            list(itertools.product(BEGINNINGS, triples)), 60 if ALL else 8):
        transactions = tuple(((verb,), "commit") for verb in verbs)
        for order in random.Random(SEED).sample(list(orders([2, 2, 2])), 30 if ALL else 5):
            ground.compare(beginning, transactions, order)


def test_old_snapshots(stack, ground):
    """REPEATABLE READ: both have looked at the campaign before either of them does something."""
    pairs = itertools.combinations_with_replacement(list(VERBS)[1:], 2)
    with Sessions(stack, 2, "REPEATABLE READ") as sessions:
        for beginning, verbs in sample(itertools.product(BEGINNINGS, pairs), 14):
            transactions = tuple((("look", verb), "commit") for verb in verbs)
            for order in [(0, 1, 0, 0, 1, 1), (0, 1, 0, 1, 0, 1)]:
                ground.compare_snapshots(beginning, transactions, order, sessions)


def test_events_of_old_snapshots(stack, ground):
    """Two events get the same number: the second one is told to begin again."""
    campaign_id = ground.campaign("draft")
    steps = [(VERBS["look"], campaign_id), (NOTE, campaign_id), "commit"]
    with Sessions(stack, 2, "REPEATABLE READ") as sessions:
        assert sessions.run([steps, steps], (0, 1, 0, 0, 1, 1)) == [None, SERIALIZATION]
