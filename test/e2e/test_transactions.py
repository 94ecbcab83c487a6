"""test_transactions.py - dispatching belongs to the caller's transaction."""
import threading

import psycopg2
import pytest

import campaigns
from campaigns import assert_delivered, make_numbers, wait_for_status
from stack import execute
from waiting import assert_stays

NUMBERS = make_numbers(20, seed=20)
SESSIONS = 50


def assert_unpublished(stack, campaign_id):
    """It is a draft and stays unseen by the broker for longer than the worker sleeps."""
    with campaigns.capture(stack) as take:
        witness = campaigns.send(stack, NUMBERS)
        wait_for_status(stack, witness, "sent")
        stack.one("SELECT campaign.worker_wake()")
        assert_stays("a draft with nothing published",
                     lambda: campaigns.status(stack, campaign_id)["status"] == "draft"
                     and campaigns.status(stack, campaign_id)["published"] == 0, 1)
        seen = {one.properties.headers["campaign_id"] for one in take()}
    assert witness in seen and campaign_id not in seen
    assert campaigns.documents_of(stack, campaign_id) == []


def test_rollback_publishes_nothing(stack):
    """R0.14: a dispatch that is rolled back never happened."""
    campaign_id = campaigns.create(stack, NUMBERS)
    connection = stack.connect(autocommit=False)
    execute(connection, "SELECT campaign_dispatch(%s)", campaign_id)
    connection.rollback()
    connection.close()
    assert_unpublished(stack, campaign_id)


def test_savepoint_rollback_publishes_nothing(stack):
    """R0.14: nor one in a part of a transaction that is rolled back, though the rest commits."""
    campaign_id = campaigns.create(stack, NUMBERS)
    connection = stack.connect(autocommit=False)
    execute(connection, "SAVEPOINT before")
    execute(connection, "SELECT campaign_dispatch(%s)", campaign_id)
    execute(connection, "ROLLBACK TO SAVEPOINT before")
    connection.commit()
    connection.close()
    assert_unpublished(stack, campaign_id)


def test_disconnect_publishes_nothing(stack):
    """R0.14: a client that goes away before COMMIT has rolled back."""
    campaign_id = campaigns.create(stack, NUMBERS)
    connection = stack.connect(autocommit=False)
    execute(connection, "SELECT campaign_dispatch(%s)", campaign_id)
    connection.close()
    assert_unpublished(stack, campaign_id)


def test_nothing_is_published_before_commit(stack):
    """R0.14: and everything after it."""
    campaign_id = campaigns.create(stack, NUMBERS)
    connection = stack.connect(autocommit=False)
    execute(connection, "SELECT campaign_dispatch(%s)", campaign_id)
    assert_unpublished(stack, campaign_id)
    connection.commit()
    connection.close()
    wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, NUMBERS)


def test_commit_of_a_subtransaction(stack):
    """R0.14: RELEASE SAVEPOINT and COMMIT publish."""
    campaign_id = campaigns.create(stack, NUMBERS)
    connection = stack.connect(autocommit=False)
    execute(connection, "SAVEPOINT before")
    execute(connection, "SELECT campaign_dispatch(%s)", campaign_id)
    execute(connection, "RELEASE SAVEPOINT before")
    connection.commit()
    connection.close()
    wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, NUMBERS)


@pytest.mark.parametrize("end", ["COMMIT PREPARED", "ROLLBACK PREPARED"])
def test_prepared_transaction(stack, end):
    """R0.14: two-phase commit: nothing at PREPARE, all or nothing at its end."""
    if stack.one("SHOW max_prepared_transactions") == "0":
        pytest.skip("this stack has max_prepared_transactions = 0")
    campaign_id = campaigns.create(stack, NUMBERS)
    connection = stack.connect()
    execute(connection, "BEGIN")
    execute(connection, "SELECT campaign_dispatch(%s)", campaign_id)
    execute(connection, "PREPARE TRANSACTION 'dispatch'")
    try:
        assert_unpublished(stack, campaign_id)
    finally:
        execute(connection, f"{end} 'dispatch'")
        connection.close()
    if end == "ROLLBACK PREPARED":
        assert_unpublished(stack, campaign_id)
    else:
        wait_for_status(stack, campaign_id, "sent")
        assert_delivered(stack, campaign_id, NUMBERS)


def test_fifty_sessions_dispatch_one_campaign(stack):
    """R0.14: one wins, 49 get one clear error, and each message is stored once."""
    campaign_id = campaigns.create(stack, NUMBERS)
    barrier = threading.Barrier(SESSIONS)
    answers = []

    def session():
        connection = stack.connect()
        try:
            barrier.wait(30)
            answers.append(execute(connection, "SELECT campaign_dispatch(%s)", campaign_id)[0][0])
        except psycopg2.Error as error:
            answers.append(error)
        finally:
            connection.close()
    threads = [threading.Thread(target=session) for _ in range(SESSIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    refused = [answer for answer in answers if isinstance(answer, psycopg2.Error)]
    assert (len(answers), len(refused)) == (SESSIONS, SESSIONS - 1)
    for error in refused:
        assert error.pgcode == "55000"
        assert f'campaign "{campaign_id}" is already dispatched' in str(error)
    wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, NUMBERS)


def test_dispatch_twice(stack):
    """R0.14: a campaign that is sent cannot be dispatched again."""
    campaign_id = campaigns.send(stack, NUMBERS)
    wait_for_status(stack, campaign_id, "sent")
    with pytest.raises(psycopg2.Error, match="already dispatched: it is sent"):
        campaigns.dispatch(stack, campaign_id)
    assert_delivered(stack, campaign_id, NUMBERS)


@pytest.mark.parametrize("campaign_id", ["nosuchcampaign", "", None, "x" * 5000, "'; DROP"])
def test_dispatch_of_what_is_not_there(stack, campaign_id):
    """R0.14: one clear error."""
    with pytest.raises(psycopg2.Error, match="does not exist"):
        campaigns.dispatch(stack, campaign_id)


def test_dispatch_of_an_empty_campaign(stack):
    """R0.14: no recipients is an error that says what to do."""
    campaign_id = stack.one("SELECT campaign_create('empty', 'Hi')")
    with pytest.raises(psycopg2.Error, match="has no recipients") as caught:
        campaigns.dispatch(stack, campaign_id)
    assert "campaign_upload" in caught.value.diag.message_hint
