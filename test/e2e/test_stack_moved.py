"""test_stack_moved.py - the tools of test/stack act on the directory that they are told, and on no other."""
import pathlib
import shutil
import subprocess

import pytest

import campaigns
from campaigns import assert_delivered, make_numbers, wait_for_status
from stack import REPOSITORY

FIVE = make_numbers(5, seed=412)


def tool(name, directory):
    return subprocess.run([REPOSITORY / "test" / "stack" / name, directory], capture_output=True, text=True, check=False)


@pytest.fixture(name="copied")
def _copied(stack, tmp_path):
    """The directory of a stack that was copied while it was down; the one at its old place runs."""
    directory = tmp_path / "copied"
    directory.mkdir()
    for name in (".campaign-stack", "env"):
        shutil.copy(pathlib.Path(stack.directory, name), directory)
    return directory


def test_copied_stack_is_taken_down(stack, copied):
    answer = tool("down", copied)
    assert answer.returncode == 0 and "of a stack in" in answer.stderr, answer
    assert not copied.exists()
    campaign_id = campaigns.send(stack, FIVE)
    wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, FIVE)


def test_part_of_a_copied_stack(stack, copied):
    pid = stack.consumer_pid()
    answer = subprocess.run([REPOSITORY / "test" / "stack" / "kill", "consumer", copied],
                            capture_output=True, text=True, check=False)
    assert answer.returncode == 1 and "no stack in" in answer.stderr, answer
    assert stack.consumer_pid() == pid
