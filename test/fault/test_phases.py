"""test_phases.py - kill -9 of each part in each phase of a run.

The consumer is stopped (SIGSTOP) again and again until the run stands in the phase, so that the kill
comes in that phase however fast the machine is. Afterwards the run is DONE, every VIP was stored before
the first NORMAL by MongoDB's own log, each message once and in order, and the proof is right.
"""
import contextlib
import os
import signal

import psycopg2
import pymongo.errors

import campaigns
from proofs import verify
from waiting import wait_until

PARTS = ["worker", "consumer", "rabbitmq", "mongod", "postgres"]
# Each phase with the records of its run, and how far publishing is ahead of the store: little, and it
# lasts until the end; far, and nearly all of it is in the queue before it is stored.
PHASES = {
    "GENERATING": (26_000, "1s"),
    "ENQUEUE_VIP": (8_000, "20ms"),
    "WAITING_VIP_DRAIN": (8_000, "60s"),
    "ENQUEUE_NORMAL": (8_000, "20ms"),
    "WAITING_NORMAL_DRAIN": (8_000, "60s"),
}
ORDER = ["IDLE", *PHASES, "DONE"]
VIP_PERCENT = 50
RUNS = 10
REACHED_S = 60
DONE_S = 120
AWAY = (psycopg2.Error, pymongo.errors.PyMongoError)


def run_status(stack, campaign_id):
    return stack.one("SELECT campaign_run_status(%s)", campaign_id)


class Brake:
    """The consumer, stopped and let go."""

    def __init__(self, stack):
        self.stack = stack
        self.pid = None

    def stop(self):
        self.pid = self.stack.consumer_pid()
        os.kill(self.pid, signal.SIGSTOP)

    def let_go(self):
        if self.pid is not None:
            os.kill(self.pid, signal.SIGCONT)
        self.pid = None

    def is_killed(self):
        """It will not go on, and its number may soon be somebody else's."""
        self.pid = None


@contextlib.contextmanager
def brake(stack):
    held = Brake(stack)
    try:
        yield held
    finally:
        held.let_go()


def hold_in(stack, campaign_id, phase, held):
    """Stops the consumer while the run is in this phase, which it then does not leave. False if it has
    been faster."""
    while True:
        held.stop()
        before = run_status(stack, campaign_id)
        if before["phase"] == phase:
            return True
        if ORDER.index(before["phase"]) > ORDER.index(phase):
            return False

        def moved():
            return run_status(stack, campaign_id)["progress"] != before["progress"]
        if ORDER.index(before["phase"]) > ORDER.index("GENERATING"):
            held.let_go()
        wait_until("it gets on", moved, REACHED_S, interval=0.001)


def run_held_in(stack, phase, held):
    """A run that stands in this phase: its id. A machine that was busy with something else may miss it."""
    for _ in range(RUNS):
        held.let_go()
        campaign_id = stack.one("SELECT campaign_create('phases', 'hello')")
        stack.one("SELECT campaign_generate(%s, %s, 7, %s, dispatch => true)", campaign_id,
                  PHASES[phase][0], VIP_PERCENT)
        if hold_in(stack, campaign_id, phase, held):
            return campaign_id
    raise AssertionError(f"{RUNS} runs were never seen in {phase}: more records are needed")


def kill_in(stack, phase, part):
    quantity, ahead = PHASES[phase]
    with stack.settings(campaign__publish_ahead=ahead), brake(stack) as held:
        campaign_id = run_held_in(stack, phase, held)
        if part == "consumer":
            held.is_killed()
        stack.part("kill", part)
        if part != "worker":
            stack.part("start", part)
    wait_until("the run is done", lambda: run_status(stack, campaign_id)["phase"] == "DONE", DONE_S,
               ignoring=AWAY)
    return campaign_id, quantity


def assert_in_order(stack, campaign_id, quantity):
    """Each message once; VIP 1, 2, 3 …, then NORMAL 1, 2, 3 …"""
    written = campaigns.insertion_order(stack, campaign_id)
    vips = stack.one("SELECT total FROM campaign.progress WHERE campaign_id = %s AND class = 'VIP'",
                     campaign_id)
    assert 0 < vips < quantity
    assert written == ([("VIP", seq) for seq in range(1, vips + 1)]
                       + [("NORMAL", seq) for seq in range(1, quantity - vips + 1)])


def cases(rounds, chance):
    """All of them; in the short form each phase once, with a part that no other phase has."""
    if rounds >= len(PARTS) * len(PHASES):
        return [(phase, part) for phase in PHASES for part in PARTS]
    parts = chance.sample(PARTS, len(PARTS))
    return list(zip(PHASES, parts))[:rounds]


def test_kill_in_each_phase(stack, rounds, chance):
    """R3.2 R3.5: any process may die in any phase, and the run goes on."""
    for phase, part in cases(rounds, chance):
        print("kill", part, "in", phase)
        campaign_id, quantity = kill_in(stack, phase, part)
        assert_in_order(stack, campaign_id, quantity)
        answer = verify(stack, campaign_id)
        assert answer["ok"], answer
