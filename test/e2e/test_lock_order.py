"""test_lock_order.py - reports and clients take a campaign's classes in the same order: neither waits for the other
while that one waits for it."""
import pytest

import campaigns
from campaigns import make_numbers, numbers_file
from interleavings import Sessions
from waiting import wait_until

FATE = ("INSERT INTO campaign.fates (campaign_id, class, seq, state, code, text, attempts)"
        " VALUES (%s, 'NORMAL', 1, 'unknown', '', '', 1)")
REPORT = ("SELECT campaign.report_fates(ARRAY[%s], '{NORMAL}', '{1}', '{2}', '{}', '{f}', 'nobody', jsonb_build_array("
          "jsonb_build_object('campaign', %s, 'class', 'NORMAL', 'seq', 1, 'state', 'unknown', 'code', '', 'text', '')), 0, 0, 0)")


@pytest.fixture(name="campaign_id")
def fixture_campaign(stack):
    """Paused: VIP is stored, two NORMAL ones are not."""
    campaign_id = campaigns.create(stack, make_numbers(2, seed=951))
    stack.one("SELECT campaign_upload(%s, %s::text, class => 'VIP')", campaign_id, numbers_file(["+8838000000001"]))
    stack.sql("SELECT campaign_dispatch(%s), campaign_pause(%s)", campaign_id, campaign_id)
    stack.sql("SELECT campaign.report_stored(ARRAY[%s], '{VIP}', '{1}', '{1}')", campaign_id)
    yield campaign_id
    stack.one("SELECT campaign_cancel(%s)", campaign_id)


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
