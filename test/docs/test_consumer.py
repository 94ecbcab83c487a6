"""test_consumer.py - R0.19: the commands of consumer/go/README.md and consumer/rust/README.md, block by block: the second one
starts the consumer with addresses, which are those of private servers here, and it stores a campaign.

Started by test/conformance/other, which has built the consumer; LANGUAGE says which.
"""
import os
import pathlib
import re
import signal
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

import campaigns  # noqa: E402  pylint: disable=wrong-import-position
from blocks import TOP, blocks_of, commands  # noqa: E402  pylint: disable=wrong-import-position
from fixtures import SETTINGS  # noqa: E402  pylint: disable=wrong-import-position
from programs import base_environment  # noqa: E402  pylint: disable=wrong-import-position
from stack import Stack  # noqa: E402  pylint: disable=wrong-import-position

LANGUAGE = os.environ["LANGUAGE"]
TOOLS, START = blocks_of(f"consumer/{LANGUAGE}/README.md")
END_S = 15


@pytest.fixture(name="stack")
def stack_fixture():
    running = Stack.up(settings=SETTINGS, without=("nginx", "postgrest", "mailer", "smtp", "consumer"))
    try:
        yield running
    finally:
        running.close()
        running.down()


def lines_but(block, prefix):
    """Its lines, without those that this is a part of."""
    return [line for line in commands(block) if not line.startswith(prefix)]


def test_the_tools_find_nothing():
    """All of the first block but `make conformance`, which runs this."""
    lines = lines_but(TOOLS, "make conformance")
    assert len(lines) == len(commands(TOOLS)) - 1
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", "\n".join(lines)], cwd=TOP, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout[-4000:]
    # What gofmt lists is formatted otherwise, and it ends well all the same.
    assert LANGUAGE != "go" or not re.search(r"^consumer/go/\S+\.go$", done.stdout, re.MULTILINE), done.stdout


def with_addresses(stack):
    """The second block, with the addresses of these servers."""
    text = START.text
    for name, ours in (("AMQP_URL", "AMQP_URL"), ("MONGODB_URI", "MONGODB_URI"), ("DATABASE_URL", "CONSUMER_DATABASE_URL")):
        text, count = re.subn(rf"^export {name}='[^']+'", f"export {name}='{stack.env[ours]}'", text, flags=re.MULTILINE)
        assert count == 1, name
    return text


def test_it_starts_stores_and_ends(stack, tmp_path):
    """`exec`, or the signal would reach the shell only."""
    text, count = re.subn(r"^(build/campaign-consumer-)", r"exec \1", with_addresses(stack), flags=re.MULTILINE)
    assert count == 1
    with open(tmp_path / "log", "w+", encoding="utf-8") as log, \
            subprocess.Popen(["bash", "-euo", "pipefail", "-c", text], cwd=TOP, env=base_environment(),
                             stdin=subprocess.DEVNULL, stdout=log, stderr=log) as consumer:
        try:
            numbers = campaigns.make_numbers(10)
            campaign_id = campaigns.send(stack, numbers)
            campaigns.wait_for_status(stack, campaign_id, "sent")
            campaigns.assert_stored(stack, campaign_id, numbers)
            consumer.send_signal(signal.SIGTERM)
            assert consumer.wait(END_S) == 0, (tmp_path / "log").read_text(encoding="utf-8")
        finally:
            consumer.kill()
