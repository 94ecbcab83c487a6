"""test_containers.py - R0.18, R8.2: docker/compose.yaml, run with podman-compose: a campaign through it, and what is left
when containers are killed, and when they are made again over the same volumes.

Started by test/containers/run, which builds the images that cannot be pulled. The tests stand in their order:
each goes on with the containers as the one before has left them.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import urllib.request

import pytest
import yaml
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from waiting import wait_until  # noqa: E402  pylint: disable=wrong-import-position

CLONE = pathlib.Path(os.environ["CAMPAIGN_CLONE"])
DOCKER = CLONE / "docker"
COMPOSE = [os.environ["COMPOSE"], "--file", str(DOCKER / "compose.yaml"), "--profile", "store"]
SERVICES = ("postgres", "rabbitmq", "mongodb", "postgrest", "nginx", "consumer")
CHECKED = tuple(service for service in SERVICES if service != "postgrest")
COMPANY_NUMBERS = [f"+55119{number:08}" for number in range(80000000, 80002000)]
STARTED_S = 300


def run(*command, **options):
    """What a command prints; its errors are shown if it fails."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          check=False, **options)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.returncode}: {done.stdout[-2000:]}"
    return done.stdout


def inspect(service, form):
    return run("podman", "inspect", "--format", form, f"campaign_{service}_1").strip()


def is_running(service):
    return inspect(service, "{{.State.Running}}") == "true"


def is_well(service):
    """Runs its health check: nothing else does, as there is no systemd here."""
    return subprocess.run(["podman", "healthcheck", "run", f"campaign_{service}_1"], check=False,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def are_all_well():
    return all(is_running(service) for service in SERVICES) and all(map(is_well, CHECKED))


def psql(statement):
    return run("podman", "exec", "campaign_postgres_1", "psql", "-h", "/tmp", "-XAtq", "-v",
               "ON_ERROR_STOP=1", "-d", "campaign", "-c", statement).strip()


def stored(campaign):
    """Documents of a campaign, asked of MongoDB itself."""
    question = f"db.getSiblingDB('campaign').messages.countDocuments({{campaign_id: '{campaign}'}})"
    return int(run("podman", "exec", "campaign_mongodb_1", "mongosh", "--quiet", "--eval", question))


def send(numbers):
    """Creates and dispatches a campaign, and returns its id."""
    return psql(f"SELECT campaign_send('Spring sale', 'Oi!', '{chr(10).join(numbers)}')")


def status(campaign):
    return json.loads(psql(f"SELECT campaign_status('{campaign}')"))


def look():
    """What a monitor in a container of its own sees."""
    lines = run(*COMPOSE, "--profile", "monitor", "run", "--rm", "--no-deps", "-T", "monitor", "--once", "--json")
    return json.loads(next(line for line in lines.splitlines() if line.startswith("{")))


def is_sent(campaign):
    return status(campaign)["status"] == "sent"


def assert_whole(campaign, count):
    wait_until(f"campaign {campaign} is sent", lambda: is_sent(campaign), timeout=120)
    assert stored(campaign) == count
    assert json.loads(psql(f"SELECT campaign_verify('{campaign}', interval '30 s')"))["ok"] is True


def kill(service):
    """kill -9 of the first process of a container, which ends the container."""
    pid = int(inspect(service, "{{.State.Pid}}"))
    assert pid > 1
    os.kill(pid, signal.SIGKILL)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def secret_files():
    return [path for path in (DOCKER / "secrets").iterdir() if path.is_file()]


def secrets_in(path):
    """The whole of it, and a password within it: of a URL, or of a setting."""
    text = path.read_text(encoding="utf-8").strip()
    return [text, *re.findall(r"(?<=:)[^/:@]+(?=@)|(?<=^default_pass = ).+$", text, re.MULTILINE)]


def take_down():
    run(*COMPOSE, "--profile", "senders", "--profile", "mail", "down")
    assert run("podman", "ps", "--all", "--quiet") == ""


def outside_address():
    """Where containers reach what this test serves: only this network leads out."""
    return json.loads(run("podman", "network", "inspect", "campaign_outside"))[0]["subnets"][0]["gateway"]


@pytest.fixture(scope="module", name="http_url")
def http_url_fixture():
    """Everything, started by docker/up from a clean copy."""
    os.environ["HTTP_PORT"] = str(free_port())
    make_mongodb_primary = threading.Thread(
        target=wait_until, args=("MongoDB is well", lambda: is_well("mongodb"), STARTED_S), daemon=True)
    make_mongodb_primary.start()
    output = run(str(DOCKER / "up"), env=os.environ | {"CAMPAIGN_UP_TIMEOUT": str(STARTED_S)})
    make_mongodb_primary.join()
    wait_until("all containers are well", are_all_well, timeout=STARTED_S)
    return output.rpartition("HTTP_URL=")[2].strip()


def test_a_clone_sends_its_first_campaign(http_url):
    output = run(str(DOCKER / "try"), http_url)
    assert '"status": "sent"' in output
    assert '"ok": true' in output


def test_only_nginx_is_published(http_url):
    published = {service: run("podman", "port", f"campaign_{service}_1").strip() for service in SERVICES}
    assert [service for service, ports in published.items() if ports] == ["nginx"]
    assert http_url.startswith("http://127.0.0.1:")


@pytest.mark.parametrize("service", ["postgres", "consumer", "nginx"])
def test_what_we_build_runs_without_rights(http_url, service):
    del http_url
    pid = inspect(service, "{{.State.Pid}}")
    fields = dict(line.split(":\t") for line in
                  pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines() if ":\t" in line)
    assert "0" not in fields["Uid"].split()
    assert int(fields["CapEff"], 16) == 0
    assert fields["NoNewPrivs"] == "1"
    refused = subprocess.run(["podman", "exec", f"campaign_{service}_1", "touch", "/etc/changed"],
                             check=False, stderr=subprocess.PIPE, text=True)
    assert "Read-only file system" in refused.stderr


def test_secrets_are_files_only(http_url):
    del http_url
    folder = DOCKER / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in secret_files()} == {0o644}
    secrets = [secret for path in secret_files() if path.name != "smtp_url" for secret in secrets_in(path)]
    assert len(secrets) > len(secret_files())
    for service in SERVICES:
        told = inspect(service, "{{json .Config.Env}} {{json .Config.Cmd}}")
        assert not [secret for secret in secrets if secret in told]


def test_an_address_that_was_a_setting_becomes_a_secret(tmp_path):
    """MONGODB_URI was in docker/.env once, and must not be lost when the secret is made. Nothing is started."""
    for name in ("up", ".env.example"):
        shutil.copy(DOCKER / name, tmp_path)
    ours = "mongodb://campaign:word@mongo.example.com/campaign?replicaSet=rs0"
    (tmp_path / ".env").write_text(f"COMPOSE_PROFILES=store\nMONGODB_URI={ours}\n", encoding="utf-8")
    subprocess.run([tmp_path / "up"], env=os.environ | {"COMPOSE": "true", "CAMPAIGN_UP_TIMEOUT": "0"}, check=False,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert (tmp_path / "secrets" / "mongodb_uri").read_text(encoding="utf-8") == ours + "\n"


def test_up_again_keeps_the_secrets(http_url):
    before = {path: path.read_bytes() for path in secret_files()}
    output = run(str(DOCKER / "up"))
    assert {path: path.read_bytes() for path in secret_files()} == before
    assert output.rpartition("HTTP_URL=")[2].strip() == http_url


@pytest.mark.parametrize("service", ["consumer", "rabbitmq", "mongodb", "nginx", "postgrest", "postgres"])
def test_a_container_that_is_killed_comes_back(http_url, service):
    campaign = send(COMPANY_NUMBERS)
    kill(service)
    wait_until(f"everything is well after {service} was killed", are_all_well, timeout=STARTED_S)
    assert_whole(campaign, len(COMPANY_NUMBERS))
    urllib.request.urlopen(f"{http_url}/ready", timeout=30).close()


def test_new_containers_find_what_the_old_ones_kept(http_url):
    finished = send(COMPANY_NUMBERS)
    assert_whole(finished, len(COMPANY_NUMBERS))
    digest = json.loads(psql(f"SELECT campaign_verify('{finished}', interval '30 s')"))["digest"]
    run("podman", "stop", "campaign_consumer_1")
    waiting = send(COMPANY_NUMBERS)
    wait_until("a campaign is being published", lambda: status(waiting)["published"] > 0, timeout=60)
    take_down()
    run(str(DOCKER / "up"))
    wait_until("the new containers are well", are_all_well, timeout=STARTED_S)
    assert_whole(waiting, len(COMPANY_NUMBERS))
    assert_whole(finished, len(COMPANY_NUMBERS))
    assert json.loads(psql(f"SELECT campaign_verify('{finished}', interval '30 s')"))["digest"] == digest
    run(str(DOCKER / "try"), http_url)


def test_a_second_postgres_on_the_volume_says_so(http_url):
    """Two servers on the same files would destroy them; PostgreSQL's own lock does not see the other container."""
    del http_url
    second = subprocess.run(["podman", "run", "--rm", "--volume", "campaign_postgres:/var/lib/postgresql",
                             "campaign-postgres"], check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, timeout=60)
    assert second.returncode == 1, second.stdout
    assert "another container runs on /var/lib/postgresql" in second.stdout
    assert is_well("postgres") and psql("SELECT 1") == "1"


def test_the_monitor_shows_the_campaigns(http_url):
    del http_url
    campaign = send(COMPANY_NUMBERS[:5])
    assert_whole(campaign, 5)
    seen = {shown["id"]: shown for shown in look()["campaigns"]}
    assert (seen[campaign]["status"], seen[campaign]["sent"]) == ("sent", 5)


def test_the_page_is_there(http_url):
    for name in ("", "main.mjs", "page.css"):
        with urllib.request.urlopen(f"{http_url}/page/{name}", timeout=30) as answer:
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; ")
            assert answer.read() == (CLONE / "page" / (name or "index.html")).read_bytes()


def test_a_database_made_halfway_is_made_again(http_url):
    """As if the first start had been killed: the volume holds what initdb began, under its other name."""
    del http_url
    mounts = ["--volume", "campaign_halfway:/var/lib/postgresql"]
    for secret in secret_files():
        mounts += ["--volume", f"{secret}:/run/secrets/{secret.name}:ro"]
    try:
        run("podman", "run", "--rm", *mounts, "--entrypoint", "bash", "campaign-postgres", "-c",
            "mkdir -m 700 17.partial && echo 17 >17.partial/PG_VERSION && touch 17.partial/halfway")
        run("podman", "run", "--detach", "--name", "campaign_halfway", *mounts, "campaign-postgres")
        question = ["podman", "exec", "campaign_halfway", "psql", "-h", "/tmp", "-XAtq", "-d", "campaign", "-c",
                    "SELECT count(*) FROM pg_extension WHERE extname = 'campaign'"]
        ready = ["podman", "exec", "campaign_halfway", "pg_isready", "--quiet", "--host", "127.0.0.1"]
        wait_until("the database is made", lambda: subprocess.run(ready, check=False).returncode == 0, timeout=120)
        assert run(*question).strip() == "1"
        assert run("podman", "exec", "campaign_halfway", "ls", "/var/lib/postgresql").split() == ["17"]
    finally:
        subprocess.run(["podman", "rm", "--force", "campaign_halfway"], check=False, stdout=subprocess.DEVNULL)
        subprocess.run(["podman", "volume", "rm", "campaign_halfway"], check=False, stdout=subprocess.DEVNULL)


class Mailbox(Message):
    """Keeps the mails that its server takes."""

    def __init__(self):
        super().__init__()
        self.mails = []

    def handle_message(self, message):
        self.mails.append(message)


def test_the_mailer_sends_a_welcome(http_url):
    """It adds a container. Its SMTP server is outside."""
    gateway = outside_address()
    mailbox = Mailbox()
    server = Controller(mailbox, hostname=gateway, port=free_port())
    server.start()
    try:
        secret = DOCKER / "secrets" / "smtp_url"
        secret.write_text(f"smtp://{gateway}:{server.port}\n", encoding="utf-8")
        secret.chmod(0o600)    # as a careful editor leaves it: docker/up sees to it that the mailer reads it
        run(str(DOCKER / "up"), env=os.environ | {"COMPOSE_PROFILES": "store,mail", "SMTP_TLS": "optional"})
        wait_until("the mailer is well", lambda: is_well("mailer"), timeout=STARTED_S)
        kill("mailer")
        wait_until("the mailer is well again", lambda: is_well("mailer"), timeout=STARTED_S)
        run(str(DOCKER / "try"), http_url)
        newest = psql("SELECT email FROM campaign.users ORDER BY created_at DESC LIMIT 1")
        wait_until(f"the welcome to {newest}",
                   lambda: newest in [mail["X-RcptTo"] for mail in mailbox.mails], timeout=60)
    finally:
        server.stop()


def test_what_compose_says_has_health_checks():
    services = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))["services"]
    assert set(services) == set(SERVICES) | {"sender", "mailer", "monitor"}
    assert [name for name, service in services.items() if "healthcheck" not in service] == ["monitor", "postgrest"]
    assert [name for name, service in services.items() if service["restart"] != "unless-stopped"] == ["monitor"]
