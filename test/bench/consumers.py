"""consumers.py - the consumers in other languages beside campaign-consumer: the same campaigns through each
of them in turns.

Must never compare what was not built: a consumer that is missing has no figures.
"""
import os
import pathlib
import sys

import campaigns
from private_stack import ROOT
from report import Figure

BUILD = ROOT / "build"
PROGRAMS = {"C": BUILD / "campaign-consumer", "Go": BUILD / "campaign-consumer-go",
            "Rust": BUILD / "campaign-consumer-rust", "Python": ROOT / "test" / "support" / "foreign_consumer.py"}
MICROSECONDS = 1_000_000


def cpu_seconds(pid):
    """Processor time that a process has used."""
    text = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    fields = text.rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def change(stack, program):
    """Ends the consumer that runs, and starts this one."""
    stack.stop("consumer")
    os.environ["CAMPAIGN_CONSUMER"] = str(program)
    stack.start("consumer")


def figures_of(language, count):
    return (Figure(f"consumer in {language}, {count:,} numbers", "msg/s"),
            Figure(f"… in {language}, CPU a message", "µs"),
            Figure(f"… in {language}, peak memory", "MiB"))


def measure(stack, count, rounds, run_campaign, warm_up):
    """`run_campaign` answers the rate of a campaign; every consumer has had one of `warm_up` before."""
    rows = {language: figures_of(language, count) for language, program in PROGRAMS.items()
            if program.exists()}
    for language in PROGRAMS.keys() - rows.keys():
        print(f"bench: the consumer in {language} is not built (make consumers): skipped", file=sys.stderr)
    if sum(PROGRAMS[language].parent == BUILD for language in rows) < 2:
        return  # campaign-consumer alone is the figure end-to-end, and that in Python is for the tests
    yield from (figure for of_language in rows.values() for figure in of_language)
    try:
        for _ in range(rounds):
            for language, (rate, cpu, memory) in rows.items():
                change(stack, PROGRAMS[language])
                run_campaign(stack, warm_up)
                pid = stack.consumer_pid()
                before = cpu_seconds(pid)
                rate.product.append(run_campaign(stack, count)[1])
                cpu.product.append((cpu_seconds(pid) - before) / count * MICROSECONDS)
                memory.product.append(campaigns.resident(pid)["VmHWM"])
    finally:
        change(stack, PROGRAMS["C"])
        del os.environ["CAMPAIGN_CONSUMER"]
