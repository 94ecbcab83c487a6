"""test_documents.py - R0.18, R0.19: the commands for containers that README.md and docs/containers.md show, block by block and
in their order, with the `docker` of bin/, which has podman do it.

After test_containers.py, over the volumes that it has left, and before test_senders.py.
"""
import os
import pathlib
import secrets
import sys

import pytest

from test_containers import (CLONE, COMPANY_NUMBERS, COMPOSE, DOCKER, STARTED_S, are_all_well, assert_whole, run, send,
                             take_down, wait_until)

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "docs"))

from blocks import blocks_of, reason_of  # noqa: E402  pylint: disable=wrong-import-position

OURS = "make test-containers runs it"
BLOCKS = [block for document in ("README.md", "docs/containers.md") for block in blocks_of(document)
          if OURS in (reason_of(block) or "")]


def name_of(block):
    return f"{block.document}:{block.line}"


def run_block(block):
    """As its reader would: a shell in the clone, and Docker."""
    environment = {name: value for name, value in os.environ.items() if name != "COMPOSE"}
    environment |= {"PATH": f"{HERE / 'bin'}:{os.environ['PATH']}", "PODMAN_COMPOSE": COMPOSE[0]}
    return run("bash", "-euo", "pipefail", "-c", block.text, cwd=CLONE, env=environment)


def replace_password(role):
    """Writes a new URL, as the document says before its commands."""
    path = DOCKER / "secrets" / f"{role}_database_url"
    path.unlink()
    path.write_text(f"postgresql://campaign_{role}:{secrets.token_hex(16)}@postgres:5432/campaign\n", encoding="utf-8")
    path.chmod(0o600)    # as a careful editor leaves it


@pytest.fixture(scope="module", autouse=True)
def stopped_fixture():
    """The first block is to start everything."""
    take_down()
    yield
    take_down()


def test_blocks_are_found():
    assert [block.document for block in BLOCKS] == ["README.md"] + 4 * ["docs/containers.md"]


@pytest.mark.parametrize("block", BLOCKS, ids=map(name_of, BLOCKS))
def test_what_a_document_shows(block):
    changes_passwords = "set-passwords" in block.text
    if changes_passwords:
        wait_until("everything is well", are_all_well, timeout=STARTED_S)
        replace_password("consumer")
        replace_password("authenticator")
    printed = run_block(block)
    if "docker/try" in block.text:
        assert '"status": "sent"' in printed and '"ok": true' in printed
    if changes_passwords:
        wait_until("everything is well with the new passwords", are_all_well, timeout=STARTED_S)
        assert_whole(send(COMPANY_NUMBERS[:5]), 5)
    if "campaign.dump" in block.text:
        assert (CLONE / "campaign.dump").read_bytes().startswith(b"PGDMP")
        assert " UTC" in printed and '"campaigns"' in printed
        assert run("podman", "ps", "--all", "--quiet") == ""
    if "docker/secrets/gateway" in block.text:
        assert (DOCKER / "secrets/gateway/twilio.json").is_file() and (DOCKER / "secrets/gateway/twilio.account").is_file()
