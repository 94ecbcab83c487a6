"""test_sometimes.py - a mark that no test has reached is noticed, and named with its place."""
import subprocess

import pytest

from stack import REPOSITORY

PROGRAM = REPOSITORY / "test" / "sometimes"


@pytest.fixture(autouse=True)
def _clean():
    """No servers."""


@pytest.fixture(scope="module", name="marks")
def _marks():
    """{mark: place}, from the sources."""
    code, lines = sometimes("--list")
    assert code == 0
    return dict(line.split() for line in lines)


def sometimes(*arguments):
    """Exit code and lines of what test/sometimes says."""
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


def reach(folder, marks, pids=(17,)):
    for mark in marks:
        for pid in pids:
            (folder / f"{mark}.{pid}").touch()


def test_sources_are_the_list(marks):
    """Marks of C, those with a condition too, and of SQL, with their places."""
    for mark, begin in (("worker.nack", "SOMETIMES("), ("worker.stall", "SOMETIMES_IF("),
                        ("launcher.adopted", "SOMETIMES_IF("), ("jobs.run_again", "-- SOMETIMES(")):
        name, line = marks[mark].split(":")
        text = (REPOSITORY / name).read_text(encoding="utf-8").splitlines()
        assert begin in text[int(line) - 1]


def test_all_are_reached(tmp_path, marks):
    reach(tmp_path, marks, pids=(17, 18))
    assert sometimes("--all", tmp_path) == (0, [f"sometimes: {len(marks)} passed, 0 failed"])
    count = f"{len(marks)} of {len(marks)} marks were reached, these were not:"
    assert sometimes(tmp_path) == (0, [count, "none"])


def test_one_is_not_reached(tmp_path, marks):
    """After all suites that is a failure; after some of them it is only said."""
    reach(tmp_path, set(marks) - {"worker.nack"})
    assert sometimes("--all", tmp_path) == (1, [
        f"never reached: worker.nack  {marks['worker.nack']}",
        f"sometimes: {len(marks) - 1} passed, 1 failed"])
    count = f"{len(marks) - 1} of {len(marks)} marks were reached, these were not:"
    assert sometimes(tmp_path) == (0, [count, "worker.nack"])
