"""test_senders.py - the profile `senders` of docker/compose.yaml: instead of the consumer, containers that send.

After test_containers.py, with the containers as that has left them; it ends with what it began with.
"""
import contextlib
import http.server
import json
import os
import subprocess
import threading

import pytest

from test_containers import (COMPANY_NUMBERS, DOCKER, STARTED_S, free_port, inspect, is_well, kill, look, outside_address,
                             psql, run, send, status, take_down, wait_until)


def up(**settings):
    return run(str(DOCKER / "up"), env=os.environ | {"COMPOSE_PROFILES": "senders"} | settings)


def is_over(campaign):
    return status(campaign)["status"] in ("sent", "failed")


def are_senders_well():
    return all(subprocess.run(["podman", "healthcheck", "run", f"campaign_sender_{number}"], check=False,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
               for number in (1, 2)) and is_well("nginx") and is_well("mongodb")


@pytest.fixture(scope="module", name="senders", autouse=True)
def senders_fixture():
    """Two of them instead of the consumer. podman-compose changes profiles only after all is down."""
    take_down()
    up(CAMPAIGN_MEAN="2", CAMPAIGN_DEVIATION="1", CAMPAIGN_FAILURE_RATE="0.5", CAMPAIGN_SEED="7")
    wait_until("the senders are well", are_senders_well, timeout=STARTED_S)


def test_either_consumer_or_senders_run():
    there = run("podman", "ps", "--all", "--format", "{{.Names}}").split()
    assert "campaign_consumer_1" not in there
    refused = subprocess.run([str(DOCKER / "up")], env=os.environ | {"COMPOSE_PROFILES": "store,senders"}, check=False,
                             stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert refused.returncode == 1 and "store or senders, not both" in refused.stderr
    refused = subprocess.run([str(DOCKER / "up")], env=os.environ | {"COMPOSE_PROFILES": "mail"}, check=False,
                             stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert refused.returncode == 1 and "nothing would take the messages" in refused.stderr
    assert run("podman", "ps", "--all", "--format", "{{.Names}}").split() == there


def test_senders_simulate_and_the_monitor_shows_them():
    campaign = send(COMPANY_NUMBERS[:400])
    wait_until(f"campaign {campaign} is over", lambda: is_over(campaign), timeout=120)
    counted = status(campaign)
    assert counted["sent"] + counted["failed"] == 400
    assert counted["sent"] > 100 and counted["failed"] > 100
    seen = look()
    shown = {one["id"]: one for one in seen["campaigns"]}[campaign]
    assert (shown["sent"], shown["failed"]) == (counted["sent"], counted["failed"])
    living = [sender for sender in seen["senders"] if sender["host"] in
              (inspect("sender", "{{.Config.Hostname}}"),
               run("podman", "inspect", "--format", "{{.Config.Hostname}}", "campaign_sender_2").strip())]
    assert {sender["gateway"] for sender in living} == {"simulate"} and len(living) == 2, seen["senders"]


def test_a_sender_that_is_killed_comes_back():
    campaign = send(COMPANY_NUMBERS[:400])
    wait_until("it is being sent", lambda: status(campaign)["sending"] > 0, timeout=60)
    kill("sender")
    wait_until("the senders are well again", are_senders_well, timeout=STARTED_S)
    wait_until(f"campaign {campaign} is over", lambda: is_over(campaign), timeout=120)
    counted = status(campaign)
    assert counted["sent"] + counted["failed"] + counted["unknown"] == 400, counted


class Provider(http.server.BaseHTTPRequestHandler):
    """Takes every message, and keeps what came."""

    took = []

    def do_POST(self):  # pylint: disable=invalid-name
        """Whatever it is."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.took.append((self.headers["Authorization"], body["to"], body["text"]))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):  # pylint: disable=arguments-differ
        """Nothing."""


@contextlib.contextmanager
def provider(address, port):
    server = http.server.ThreadingHTTPServer((address, port), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def test_senders_send_through_a_provider():
    """By a template and a secret in files that docker/up makes readable for them."""
    address, port = outside_address(), free_port()
    folder = DOCKER / "secrets" / "gateway"
    (folder / "sms.token").write_text("the secret\n", encoding="utf-8")
    (folder / "sms.token").chmod(0o600)
    (folder / "sms.json").write_text(json.dumps({
        "url": f"http://{address}:{port}/messages", "allow_clear_text": True,
        "headers": {"Authorization": "Bearer {secret:token}"}, "json": {"to": "{number}", "text": "{text}"},
        "secrets": {"token": "sms.token"}, "answers": [{"status": 202, "is": "sent"}]}), encoding="utf-8")
    with provider(address, port):
        up(CAMPAIGN_GATEWAY="http", CAMPAIGN_GATEWAY_TEMPLATE="/run/gateway/sms.json", CAMPAIGN_IN_FLIGHT="4")
        wait_until("the senders are well", are_senders_well, timeout=STARTED_S)
        campaign = send(COMPANY_NUMBERS[:20])
        wait_until(f"campaign {campaign} is over", lambda: is_over(campaign), timeout=120)
    assert status(campaign)["sent"] == 20
    assert sorted(Provider.took) == sorted(("Bearer the secret", number, "Oi!") for number in COMPANY_NUMBERS[:20])
    assert "the secret" not in psql("SELECT campaign_senders()")
