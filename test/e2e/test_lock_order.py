"""test_lock_order.py - reports and clients take a campaign's classes in the same order: neither waits for the other
while that one waits for it. The end of a campaign is decided behind these locks."""
import contextlib

import pytest

import campaigns
from campaigns import make_numbers, numbers_file
from interleavings import Sessions
from programs import frozen
from waiting import wait_until

FATE = ("INSERT INTO campaign.fates (campaign_id, class, seq, state, code, text, attempts)"
        " VALUES (%s, 'NORMAL', 1, 'unknown', '', '', 1)")
REPORT = ("SELECT campaign.report_fates(ARRAY[%s], '{NORMAL}', '{1}', '{2}', '{}', '{f}', 'nobody', jsonb_build_array("
          "jsonb_build_object('campaign', %s, 'class', 'NORMAL', 'seq', 1, 'state', 'unknown', 'code', '', 'text', '')), 0, 0, 0)")


@contextlib.contextmanager
def two_classes(stack, *verbs):
    """One VIP, two NORMAL ones; dispatched, then what these verbs do."""
    campaign_id = campaigns.create(stack, make_numbers(2, seed=951))
    stack.one("SELECT campaign_upload(%s, %s::text, class => 'VIP')", campaign_id, numbers_file(["+8838000000001"]))
    done = ("campaign_dispatch", *verbs)
    stack.sql("SELECT " + ", ".join(f"{verb}(%s)" for verb in done), *[campaign_id] * len(done))
    try:
        yield campaign_id
    finally:
        stack.one("SELECT campaign_cancel(%s)", campaign_id)


def report_vip(stack, campaign_id):
    stack.sql("SELECT campaign.report_stored(ARRAY[%s], '{VIP}', '{1}', '{1}')", campaign_id)


@pytest.fixture(name="campaign_id")
def fixture_campaign(stack):
    """Paused: VIP is stored, two NORMAL ones are not."""
    with two_classes(stack, "campaign_pause") as campaign_id:
        report_vip(stack, campaign_id)
        yield campaign_id


def test_last_report_beside_a_decision(stack, campaign_id):
    """R5.3: a sender reports what would end the campaign; before it is done somebody decides about the same fates."""
    with Sessions(stack, 3) as sessions:
        errors = sessions.run([[(FATE, campaign_id), "rollback"],
                               [(REPORT, campaign_id, campaign_id), "commit"],
                               [("SELECT campaign_resolve(%s, 'failed', 'why')", campaign_id), "commit"]], (0, 1, 2, 0, 1, 2))
    assert errors == [None, None, None]
    assert stack.sql("SELECT state, resolved FROM campaign.fates WHERE campaign_id = %s", campaign_id) == [("failed", True)]


def put_behind(stack, campaign_id, name):
    """The row of a class stands behind that of the other one."""
    def is_behind():
        stack.sql("UPDATE campaign.progress SET total = total WHERE campaign_id = %s AND class::text = %s", campaign_id, name)
        return stack.one("SELECT max(ctid) FILTER (WHERE class::text = %s) = max(ctid) FROM campaign.progress"
                         " WHERE campaign_id = %s", name, campaign_id)
    wait_until(f"{name} is behind", is_behind)


def test_resume_beside_who_holds_a_class(stack, campaign_id):
    """R5.3: whoever resumes a campaign and waits for VIP does not hold NORMAL, in whatever order the rows are found."""
    put_behind(stack, campaign_id, "VIP")
    lock = "SELECT FROM campaign.progress WHERE campaign_id = %s AND class = '{}' FOR UPDATE {}"
    with Sessions(stack, 3) as sessions:
        errors = sessions.run([[(lock.format("VIP", ""), campaign_id), "rollback"],
                               [("SET LOCAL enable_indexscan = off",), ("SET LOCAL enable_bitmapscan = off",),
                                ("SELECT campaign_resume(%s)", campaign_id), "rollback"],
                               [(lock.format("NORMAL", "NOWAIT"), campaign_id), "rollback"]], (0, 1, 1, 1, 2, 2, 0, 1))
    assert errors == [None, None, None]


def test_end_beside_a_class_that_is_set_back(stack, no_store):
    """R0.17: when the last report came, a client held the campaign, so the worker has to end it; meanwhile a consumer
    finds that MongoDB has lost VIP: the campaign does not end."""
    with two_classes(stack) as campaign_id:
        wait_until("VIP is published", lambda: stack.one(
            "SELECT published = total FROM campaign.progress WHERE campaign_id = %s AND class = 'VIP'", campaign_id))
        with frozen(stack.worker_pid()), Sessions(stack, 3) as sessions:
            report_vip(stack, campaign_id)
            errors = sessions.run([
                [("SELECT FROM campaign.campaigns WHERE id = %s FOR UPDATE", campaign_id), "rollback"],
                [("SELECT campaign.report_stored(ARRAY[%s], '{NORMAL}', '{1}', '{2}')", campaign_id), "commit",
                 ("SELECT campaign.outbox_finish(ARRAY[%s])", campaign_id), "commit"],
                [("SELECT campaign.report_gap(%s, 'VIP', 1)", campaign_id), "commit"]], (0, 1, 1, 0, 2, 1, 1, 2))
            status = campaigns.status(stack, campaign_id)["status"]
        assert (errors, status) == ([None] * 3, "publishing")
