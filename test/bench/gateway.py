"""gateway.py - what the http gateway costs beside a bare loop over libcurl, to an nginx that answers
at once. Both have as many requests under way, over connections that stay.
"""
import contextlib
import json
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

from private_stack import Unmeasured
from report import Figure

IN_FLIGHT = 50
GOAL = 0.80
WANTED = 5_000              # requests a second
CONFIGURATION = """
pid {directory}/pid;
error_log {directory}/log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {directory};
    server {{
        listen 127.0.0.1:{port};
        location / {{ return 200 '{{"status":"queued","id":"p-1"}}'; }}
    }}
}}
"""


@contextlib.contextmanager
def provider():
    """The URL of an nginx that is there as long as this lasts."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    with tempfile.TemporaryDirectory() as directory:
        file = pathlib.Path(directory, "nginx.conf")
        file.write_text(CONFIGURATION.format(directory=directory, port=port), encoding="ascii")
        with subprocess.Popen([program, "-p", directory, "-c", file, "-g",
                               "daemon off; master_process off;"], stderr=subprocess.DEVNULL) as nginx:
            try:
                wait_for(port)
                yield f"http://127.0.0.1:{port}/messages", pathlib.Path(directory)
            finally:
                nginx.terminate()


def wait_for(port):
    deadline = time.monotonic() + 10
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        if time.monotonic() > deadline:
            raise Unmeasured("nginx does not answer")
        time.sleep(0.01)


def measure(stack, count, rounds):
    count = max(20_000, min(count // 5, 100_000))
    figure = Figure(f"http gateway ÷ bare libcurl, {count:,} requests", "req/s", goal=GOAL)
    yield figure
    with provider() as (url, directory):
        template = directory / "template.json"
        template.write_text(json.dumps({
            "url": url, "json": {"to": "{number}", "text": "{text}"},
            "answers": [{"status": 200, "at": "/status", "equals": "queued", "is": "sent"}],
            "message_id": "/id",
        }), encoding="ascii")
        for _ in range(rounds):
            figure.product.append(count / stack.tool("gateway_http", template, count, IN_FLIGHT))
            figure.ceiling.append(count / stack.tool("raw_http", url, count, IN_FLIGHT))
    figure.note = f"{IN_FLIGHT} under way; wanted are {WANTED:,} a second through one process"
