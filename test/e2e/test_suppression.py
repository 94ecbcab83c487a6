"""test_suppression.py - whoever is on a suppression list gets nothing; everybody else gets it once,
in order, and the campaign is complete without them."""
import psycopg2
import pytest

import campaigns
from campaigns import assert_delivered, make_numbers, wait_for_status
from latin1 import database_in_c
from proofs import check, receipt_of
from stack import execute
from waiting import wait_until

NUMBERS = make_numbers(2_500, seed=610)


@pytest.fixture
def lists(stack):
    """Empty lists, afterwards too."""
    yield stack
    stack.one("WITH gone AS (DELETE FROM campaign.suppressions RETURNING 1) SELECT count(*) FROM gone")


def suppress(stack, numbers, company_id=None):
    return stack.one("SELECT suppression_import(%s, %s)", campaigns.numbers_file(numbers), company_id)


def assert_all_but(stack, campaign_id, numbers, left_out):
    """Sent without these, each of the others once and in its place, and proved."""
    answer = wait_for_status(stack, campaign_id, "sent")
    documents = campaigns.documents_of(stack, campaign_id)
    wanted = [(seq, number) for seq, number in enumerate(numbers, 1) if number not in left_out]
    assert [(one["seq"], one["phone_number"]) for one in documents] == wanted
    written = [seq for _, seq in campaigns.insertion_order(stack, campaign_id)]
    assert sorted(written) == [seq for seq, _ in wanted]
    assert (answer["stored"], answer["suppressed"]) == (len(wanted), len(numbers) - len(wanted))
    assert answer["failed"] == answer["cancelled"] == 0 and answer["progress_percent"] == 100
    proof = stack.one("SELECT campaign_verify(%s)", campaign_id)
    assert proof["ok"] and proof["fresh"] and proof["expected"] == len(wanted), proof
    return written


@pytest.mark.parametrize("left_out", [
    {0}, {2_499}, set(range(0, 2_500, 7)), set(range(100, 900)), set(range(2_500))],
    ids=["first", "last", "every 7th", "whole batches", "all"])
def test_suppressed_before_dispatch(lists, left_out):
    """R6.10: counted at upload, left out at publishing, explained to the consumer, complete without."""
    stack = lists
    left_out = {NUMBERS[place] for place in left_out}
    suppress(stack, sorted(left_out))
    campaign_id = stack.one("SELECT campaign_create('test', 'Hello')")
    answer = stack.one("SELECT campaign_upload(%s, %s::text)", campaign_id, campaigns.numbers_file(NUMBERS))
    assert answer["suppressed"] == len(left_out) and answer["accepted"] == len(NUMBERS)
    campaigns.dispatch(stack, campaign_id)
    written = assert_all_but(stack, campaign_id, NUMBERS, left_out)
    assert written == sorted(written), "stored in order"


def test_suppressed_in_an_unordered_campaign(lists):
    """The same without an order."""
    stack = lists
    left_out = set(NUMBERS[::50])
    suppress(stack, sorted(left_out))
    campaign_id = campaigns.send(stack, NUMBERS, ordered=False)
    assert_all_but(stack, campaign_id, NUMBERS, left_out)


def test_lists_of_others_do_not_count(lists):
    """A company's list is about its own campaigns."""
    stack = lists
    company_id = stack.one("SELECT company_create('Padaria', '610')")
    suppress(stack, NUMBERS[:50], company_id)
    campaign_id = campaigns.send(stack, NUMBERS[:100])
    wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, NUMBERS[:100])


def set_back(stack, campaign_id):
    """PostgreSQL as of a backup of the middle of the run: nothing is reported. MongoDB has it all."""
    stack.part("stop", "consumer")
    stack.sql("UPDATE campaign.campaigns SET status = 'paused', sent_at = NULL WHERE id = %s", campaign_id)
    stack.sql("UPDATE campaign.progress SET stored = '{}', published = 0 WHERE campaign_id = %s", campaign_id)


def resume(stack, campaign_id):
    stack.one("SELECT campaign_resume(%s)", campaign_id)
    stack.part("start", "consumer")


@pytest.mark.parametrize("ordered", [True, False])
def test_what_is_stored_stays_sent(lists, ordered):
    """R6.10: an opt-out between storing and reporting: the message went out, and counts as sent."""
    stack = lists
    numbers = NUMBERS[:300]
    campaign_id = campaigns.send(stack, numbers, ordered=ordered)
    wait_for_status(stack, campaign_id, "sent")
    set_back(stack, campaign_id)
    suppress(stack, numbers[10:20])
    resume(stack, campaign_id)
    assert_all_but(stack, campaign_id, numbers, set())


def test_what_was_left_out_stays_left_out(lists):
    """R6.10: opting in again is about the next campaign."""
    stack = lists
    numbers = NUMBERS[:300]
    suppress(stack, numbers[10:20])
    campaign_id = campaigns.send(stack, numbers)
    wait_for_status(stack, campaign_id, "sent")
    set_back(stack, campaign_id)
    for number in numbers[10:20]:
        assert stack.one("SELECT suppression_remove(%s)", number)
    resume(stack, campaign_id)
    assert_all_but(stack, campaign_id, numbers, set(numbers[10:20]))


def test_published_before_and_after_the_opt_out(lists):
    """R6.10: in the queue twice, once with the recipient and once without: the first one counts."""
    stack = lists
    numbers = NUMBERS[:100]
    stack.part("stop", "consumer")
    campaign_id = campaigns.send(stack, numbers)
    wait_for_status(stack, campaign_id, "published")
    suppress(stack, numbers[10:20])
    stack.one("SELECT campaign.report_gap(%s, 'NORMAL', 1)", campaign_id)
    wait_for_status(stack, campaign_id, "published")
    stack.part("start", "consumer")
    assert_all_but(stack, campaign_id, numbers, set())


def test_resumed_with_many_left_out(lists):
    """R6.10: a body in which every third recipient is left out is of many ranges. What the consumer had
    taken for paused is asked for once, not for each of them: every time it is published from there again."""
    stack = lists
    left_out = set(NUMBERS[::3])
    stack.part("stop", "consumer")
    try:
        campaign_id = campaigns.send(stack, NUMBERS)
        wait_until("some are published", lambda: campaigns.status(stack, campaign_id)["published"] > 0)
        stack.one("SELECT campaign_pause(%s)", campaign_id)
        suppress(stack, sorted(left_out))
    finally:
        stack.part("start", "consumer")
    campaigns.wait_until_handled(stack)
    stack.one("SELECT campaign_resume(%s)", campaign_id)
    assert_all_but(stack, campaign_id, NUMBERS, left_out)
    assert campaigns.status(stack, campaign_id)["rewinds"] <= 3


def test_receipts_beside_what_was_left_out(lists, tmp_path):
    """R5.1 R6.10: a receipt proves the message's seq, and there is none for whom nothing was sent."""
    stack = lists
    suppress(stack, NUMBERS[5:1_200:3])
    campaign_id = campaigns.send(stack, NUMBERS)
    wait_for_status(stack, campaign_id, "sent")
    assert stack.one("SELECT campaign_verify(%s)", campaign_id)["ok"]
    for place in (0, 4, 6, 1_198, 1_430, 2_499):
        code, output = check(tmp_path, receipt_of(stack, campaign_id, NUMBERS[place]))
        assert code == 0, (place, output)
    with pytest.raises(psycopg2.Error, match="suppression list"):
        stack.one("SELECT campaign_receipt(%s, %s)", campaign_id, NUMBERS[5])


def test_changes_are_forgotten_beside_a_long_transaction(lists):
    """R6.10: what the filter has read is read once, however long an older transaction goes on."""
    stack = lists
    with stack.connect(autocommit=False) as older, older.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()")
        suppress(stack, NUMBERS[:1_001])
        stack.one("SELECT campaign.outbox_suppressions(0, 1)")
        assert stack.sql("SELECT number FROM campaign.suppression_changes") == []
        older.rollback()


@pytest.mark.parametrize("encoding", ["utf8", "latin1"])
def test_words_whatever_the_locale(stack, encoding):
    """R6.10: a word with an accent is one in small letters, too, where the locale knows only those of ASCII."""
    with database_in_c(stack, encoding) as connection:
        connection.set_client_encoding("UTF8")
        execute(connection, "SELECT suppression_word_set('N\u00e3o quero', 'stop')")
        for text in ("sair", "s\u00e1ir", "S\u00c1IR!", "n\u00e3o quero", "N\u00c3O QUERO", "nao quero"):
            (answer,), = execute(connection, "SELECT inbound_message('+5521900000001', %s)", text)
            assert answer["action"] == "stop", text
