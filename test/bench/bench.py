"""bench.py - `make bench`: measures the product against its ceilings and prints a table.

Called by test/bench/run, which builds the ceilings. A missed goal is reported
and does not fail; a figure that could not be measured fails. Must never be part of a test
with a time limit: it measures, and machines differ.
"""
import argparse
import os
import signal
import sys
import time

import psycopg2
import pymongo.errors

import figures
import report
from private_stack import Stack, Unmeasured

CANNOT = (Unmeasured, psycopg2.Error, pymongo.errors.PyMongoError, OSError)


def positive(name, default):
    text = os.environ.get(name) or str(default)
    if not text.isdigit() or int(text) < 1:
        sys.exit(f"bench: {name}={text}: a positive number is needed")
    return int(text)


def arguments():
    parser = argparse.ArgumentParser(
        prog="test/bench/run",
        description="Measures the product against its ceilings on this machine.",
        epilog="BENCH_N: numbers of a campaign, finished jobs in the table (default 1000000). "
        "BENCH_ROUNDS: rounds of product and ceiling (default 3).",
    )
    parser.add_argument("--stack", metavar="DIR", help="measure this running stack, which must be "
                        "of no other use: its recipients, jobs and messages are deleted")
    parser.add_argument("figure", nargs="*", help=f"only these: {', '.join(figures.ALL)}")
    chosen = parser.parse_args()
    for name in chosen.figure:
        if name not in figures.ALL:
            parser.error(f"no figure is called {name}")
    return chosen


def measure(stack, name, count, rounds):
    """The figures of one measurement; what could not be measured says so in them."""
    measured = []
    started = time.monotonic()
    print(f"bench: {name} ...", file=sys.stderr, flush=True)
    try:
        for figure in figures.ALL[name](stack, count, rounds):
            measured.append(figure)
    except CANNOT as error:
        for figure in measured:
            figure.failure = str(error).strip()
    for figure in measured:
        print("   ", *filter(None, report.cells(figure)), file=sys.stderr)
    print(f"bench: {name}: {time.monotonic() - started:.1f} s", file=sys.stderr, flush=True)
    return measured


def main():
    chosen = arguments()
    count = positive("BENCH_N", 1_000_000)
    rounds = positive("BENCH_ROUNDS", 3)
    # `with` takes the stack down on these, too.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    started = time.monotonic()
    machine = report.machine()
    rows = []
    try:
        with Stack(chosen.stack) as stack:
            for name in chosen.figure or figures.ALL:
                rows += measure(stack, name, count, rounds)
    except (*CANNOT, KeyError) as error:
        print(f"bench: {error}", file=sys.stderr)
        print("bench: 0 passed, 1 failed")
        return 1
    print(f"BENCH_N={count} BENCH_ROUNDS={rounds}, {machine}; {time.monotonic() - started:.0f} s\n")
    report.print_table(rows)
    failed = sum(1 for figure in rows if figure.failure)
    print(f"bench: {len(rows) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
