"""test_runs.py - generated runs from the first record to the last stored message, and what is said
of them meanwhile."""
import os
import signal
import time

import psycopg2

import campaigns
import jobs
from waiting import wait_until

AWAY = (psycopg2.OperationalError, psycopg2.InterfaceError)


def generate(stack, quantity, seed=5, **options):
    """A campaign that is being generated: its id and that of the job."""
    campaign_id = stack.one("SELECT campaign_create('run', 'Hello')")
    given = "".join(f", {name} => %s" for name in options)
    answer = stack.one(f"SELECT campaign_generate(%s, %s, %s{given})", campaign_id, quantity, seed,
                       *options.values())
    return campaign_id, answer["jobId"]


def run_status(stack, campaign_id):
    return stack.one("SELECT campaign_run_status(%s)", campaign_id)


def recipients(stack, campaign_id):
    """(class, seq, number, attributes) of all, in the order of their records."""
    return stack.sql("SELECT class::text, seq, phone_number, attributes FROM campaign.recipients"
                     " WHERE campaign_id = %s ORDER BY (attributes ->> 'id')::bigint", campaign_id)


def test_run_from_generation_to_the_store(stack):
    """R3.1 R3.2 R3.3 R3.4: one call, and every record is in MongoDB, VIP first."""
    campaign_id, job_id = generate(stack, 6000, dispatch=True)
    jobs.wait_for(stack, job_id, "finished")
    campaigns.wait_for_status(stack, campaign_id, "sent")
    documents = campaigns.documents_of(stack, campaign_id)
    made = sorted(recipients(stack, campaign_id), key=lambda row: (row[0] != "VIP", row[1]))
    assert [(one["class"], one["seq"], one["phone_number"]) for one in documents] == [
        row[:3] for row in made]
    words = {"VIP": "enviado com prioridade", "NORMAL": "processado sem prioridade"}
    for document, row in zip(documents, made):
        assert document["attributes"] == {**row[3], "status": "processado",
                                          "observations": words[row[0]]}
    order = [kind for kind, _ in campaigns.insertion_order(stack, campaign_id)]
    assert order == sorted(order, reverse=True) and len(order) == 6000
    answer = run_status(stack, campaign_id)
    assert answer["phase"] == "DONE" and answer["lastRunId"] == f"{campaign_id}-1"
    assert answer["progress"] == {"target": 6000, "generated": 6000, "processedTotal": 6000}
    assert answer["processing"]["vip"]["end"] <= answer["processing"]["normal"]["start"]
    assert answer["processing"]["vip"]["count"] == order.count("VIP")
    assert answer["totalTimeMs"] >= answer["generationTimeMs"] > 0


def test_a_crash_costs_one_chunk(stack):
    """R3.5: kill -9 while records are generated; what was committed stays, the rest follows, and
    all is as if nothing had happened."""
    campaign_id, job_id = generate(stack, 200_000)
    wait_until("a few chunks are there",
               lambda: run_status(stack, campaign_id)["progress"]["generated"] >= 50_000,
               interval=0.01)
    before = run_status(stack, campaign_id)["progress"]["generated"]
    os.kill(min(jobs.workers(stack)), signal.SIGKILL)

    def seen():
        return run_status(stack, campaign_id)
    after = wait_until("PostgreSQL is back", seen, ignoring=AWAY)
    assert 200_000 > after["progress"]["generated"] >= before
    assert after["phase"] == "GENERATING"
    jobs.wait_for(stack, job_id, "finished", ignoring=AWAY)
    same = stack.sql(
        "SELECT count(*), count(*) FILTER (WHERE r.phone_number = g.phone_number"
        " AND r.attributes = g.attributes AND r.seq = g.seq)"
        " FROM campaign.generated_records(5, 1, 200000, 25, 1, 1) g"
        " FULL JOIN (SELECT * FROM campaign.recipients WHERE campaign_id = %s) r"
        " ON (r.attributes ->> 'id')::bigint = (g.attributes ->> 'id')::bigint", campaign_id)
    assert same == [(200_000, 200_000)]
    assert run_status(stack, campaign_id)["phase"] == "IDLE"


def test_cancelling_the_job_stops_it(stack):
    """R3.6: cancelled in the middle, nothing more comes, and a reset keeps it in the history."""
    campaign_id, job_id = generate(stack, 1_500_000)
    wait_until("a chunk is there", lambda: run_status(stack, campaign_id)["progress"]["generated"] > 0)
    stack.one("SELECT job_cancel(%s)", job_id)
    jobs.wait_for(stack, job_id, "cancelled")
    answer = run_status(stack, campaign_id)
    assert answer["phase"] == "ABORTED" and 0 < answer["progress"]["generated"] < 1_500_000
    stack.one("SELECT campaign_reset(%s)", campaign_id)
    (kept,), = stack.sql("SELECT campaign_runs(%s)", campaign_id)
    assert kept["phase"] == "ABORTED" and kept["progress"] == answer["progress"]
    generate_again = stack.one("SELECT campaign_generate(%s, 10)", campaign_id)
    assert generate_again["runId"] == f"{campaign_id}-2"


def test_cancelling_the_campaign_ends_its_job(stack):
    """R3.6: whoever cancels, in SQL, too: the job that makes its records does not fail later."""
    campaign_id, job_id = generate(stack, 1_500_000)
    wait_until("a chunk is there", lambda: run_status(stack, campaign_id)["progress"]["generated"] > 0)
    stack.one("SELECT campaign_cancel(%s)", campaign_id)
    jobs.wait_for(stack, job_id, "cancelled")
    assert run_status(stack, campaign_id)["phase"] == "ABORTED"


def test_time_left_is_right(stack):
    """R3.4: what is said to be left is what it takes, within 20 %, two seconds after the pace has
    changed, too. The reports come as a consumer sends them, at a pace that only we know."""
    total, fast, slow, change = 11_000, 2000, 1000, 3.0
    stack.part("stop", "consumer")
    try:
        campaign_id = campaigns.send(stack, campaigns.make_numbers(total))
        start, wrong, right = time.monotonic(), [], 0

        def report():
            nonlocal right
            at = time.monotonic() - start
            stored = min(int(fast * min(at, change) + slow * max(at - change, 0)) + 1, total)
            stack.one("SELECT campaign.report_stored(ARRAY[%s], ARRAY['NORMAL'], ARRAY[1::int8],"
                      " ARRAY[%s::int8])", campaign_id, stored)
            said = run_status(stack, campaign_id)["eta"]["estimatedMs"]
            took = 1000 * (total - stored) / slow
            if at >= change + 2 and 0.1 * total <= stored <= 0.9 * total:
                right += said is not None and abs(said - took) <= 0.2 * took
                wrong.extend([(said, took)] if said is None or abs(said - took) > 0.2 * took else [])
            return stored == total
        wait_until("all is reported", report, 30, interval=0.05)
        assert right > 10 and not wrong, (right, wrong)
        assert run_status(stack, campaign_id)["eta"]["estimatedMs"] is None
    finally:
        stack.part("start", "consumer")
