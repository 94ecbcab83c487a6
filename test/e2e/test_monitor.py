"""test_monitor.py - campaign-monitor on real servers: its figures, its screen and its keys."""
import contextlib
import datetime
import fcntl
import json
import os
import signal
import subprocess
import termios

import pytest

import campaigns
from campaigns import make_numbers
from monitors import PROGRAM, MonitorLines, campaign_of, environment, monitor_output, monitor_screen
from proxy import Proxy
from stack import execute
from waiting import wait_until

COUNTS = ("total", "published", "sent", "failed", "suppressed")


@pytest.fixture(name="no_consumer", scope="module")
def fixture_no_consumer(stack):
    """Campaigns that do not end meanwhile."""
    stack.part("stop", "consumer")
    with stack.settings(campaign__stall_timeout="1h"):
        yield
    stack.part("start", "consumer")


@pytest.fixture(name="waiting")
def fixture_waiting(stack, no_consumer):
    """A campaign that is published and not stored, until it is cancelled."""
    campaign_id = campaigns.send(stack, make_numbers(20, seed=5), name="Olá, São João")
    campaigns.wait_for_status(stack, campaign_id, "published")
    yield campaign_id
    if campaigns.status(stack, campaign_id)["status"] != "cancelled":
        stack.one("SELECT campaign_cancel(%s)", campaign_id)


def counts_in_tables(connection, campaign_id):
    """The figures of a campaign, from the table itself."""
    rows = execute(connection, """
        SELECT c.total, sum(p.published), sum(campaign.stored_count(p.stored - p.failed - p.suppressed)),
            sum(campaign.stored_count(p.failed)), sum(campaign.stored_count(p.suppressed)), c.status
        FROM campaign.campaigns c JOIN campaign.progress p ON p.campaign_id = c.id
        WHERE c.id = %s GROUP BY c.id""", campaign_id)
    return {**dict(zip(COUNTS, map(int, rows[0][:5]))), "status": rows[0][5]}


def test_figures_are_those_of_the_tables_at_every_tick(stack):
    """R1.3, R9.1: while a campaign runs, each look equals the tables at that moment."""
    campaign_id = campaigns.create(stack, make_numbers(100000, seed=85))
    seen = []
    with MonitorLines(stack, "--json", "--ended", "0") as monitor, \
            contextlib.closing(stack.connect(autocommit=False)) as connection:
        campaigns.dispatch(stack, campaign_id)
        for _ in range(3):
            # Nobody can report anything while this is held, and those that wait come first then.
            execute(connection, "LOCK TABLE campaign.progress IN SHARE MODE")
            locked_at = execute(connection, "SELECT clock_timestamp()")[0][0]
            look = monitor.wait_for("a look that is newer than the lock", lambda look: datetime.datetime
                                    .fromisoformat(look["at"].replace("Z", "+00:00")) > locked_at
                                    and campaign_of(look, campaign_id))
            shown = campaign_of(look, campaign_id)
            told = counts_in_tables(connection, campaign_id)
            assert {name: shown[name] for name in told} == told
            assert sum(one["sent"] for one in shown["classes"]) == shown["sent"]
            seen.append(shown["sent"])
            connection.rollback()
        campaigns.wait_for_status(stack, campaign_id, "sent")
        end = monitor.wait_for("its end", lambda look: campaign_of(look, campaign_id)["status"] == "sent",
                               after=len(monitor.lines))
    assert seen == sorted(seen) and seen[0] < 100000
    shown = campaign_of(end, campaign_id)
    assert (shown["sent"], shown["failed"], shown["left_ms"]) == (100000, 0, None)
    assert shown["mean_ms"] >= shown["sending_mean_ms"] > 0
    assert shown["reason"].startswith("all is stored since")


def test_once(stack):
    """R1.3: one look as JSON or as text, and the end."""
    campaign_id = campaigns.send(stack, make_numbers(5), name="only \x1b[2J once")
    campaigns.wait_for_status(stack, campaign_id, "sent")
    code, out, err = monitor_output("--once", "--json", "--campaign", campaign_id,
                                    variables=environment(stack))
    assert (code, err) == (0, "")
    (shown,) = json.loads(out)["campaigns"]
    assert (shown["id"], shown["name"], shown["sent"]) == (campaign_id, "only \x1b[2J once", 5)
    code, out, err = monitor_output("--once", "--campaign", campaign_id, variables=environment(stack))
    lines = [line for line in out.splitlines() if " sender " not in line]
    assert (code, err, len(lines)) == (0, "", 1)
    assert f" {campaign_id} sent 5 of 5 (100.0 %) sent 5 failed 0 mean " in out
    assert '"only  [2J once": all is stored since' in out
    code, out, err = monitor_output("--once", "--campaign", "nosuchcampaign", variables=environment(stack))
    assert (code, out) == (1, "") and 'there is no campaign "nosuchcampaign"' in err


def test_what_ends_between_two_looks_is_shown(stack):
    """R1.3: a small campaign is over before the next look; NOTIFY tells of it."""
    with MonitorLines(stack, "--json", "--ended", "0") as monitor:
        monitor.wait_for("a look", lambda look: "at" in look)
        campaign_id = campaigns.send(stack, make_numbers(5))
        look = monitor.wait_for("it has ended", lambda look: campaign_of(look, campaign_id)
                                and campaign_of(look, campaign_id)["status"] == "sent")
    assert campaign_of(look, campaign_id)["sent"] == 5


def test_lines_without_a_terminal(stack):
    """R1.3: text, a line for each campaign; SIGTERM ends it, and so does a reader that goes away."""
    campaign_id = campaigns.send(stack, make_numbers(5))
    campaigns.wait_for_status(stack, campaign_id, "sent")
    with MonitorLines(stack) as monitor:
        wait_until("a line of it", lambda: [one for one in monitor.lines if f" {campaign_id} sent " in one])
        monitor.process.send_signal(signal.SIGTERM)
        assert monitor.process.wait(10) == 0
    reading, writing = os.pipe()
    with subprocess.Popen([PROGRAM, "--interval", "3600"], env=environment(stack), cwd="/", stdout=writing,
                          stdin=subprocess.DEVNULL) as process:
        os.close(writing)
        with os.fdopen(reading, encoding="utf-8") as lines:
            assert lines.readline()
        assert process.wait(10) == 0


@pytest.mark.parametrize("arguments", [["--once"], ["--once", "--json"], [], ["--json"]], ids=" ".join)
def test_lines_that_cannot_be_written(stack, arguments):
    """R1.3: a full disk is an error, however long it was to go on."""
    with open("/dev/full", "wb") as full:
        ended = subprocess.run([PROGRAM, *arguments], env=environment(stack), cwd="/", stdin=subprocess.DEVNULL, stdout=full,
                               stderr=subprocess.PIPE, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert "campaign-monitor: cannot write: No space left on device" in ended.stderr


def wait_for_looks(stack, count):
    """Waits until the only monitor has looked so often."""
    seen = set()

    def looked():
        seen.update(stack.sql("""SELECT pid, query_start FROM pg_stat_activity
            WHERE application_name = 'campaign-monitor' AND query LIKE '%%campaign.monitor(%%'"""))
        return len(seen) > count  # its preparation has the same text
    wait_until(f"{count} looks", looked)


@contextlib.contextmanager
def full_pipe():
    """Standard input and output, which takes nothing: somebody has it open and does not read."""
    reading, writing = os.pipe()
    os.write(writing, b"\n" * fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096))
    with open(os.devnull, encoding="utf-8") as nothing:
        yield nothing.fileno(), writing
    os.close(reading)
    os.close(writing)


@contextlib.contextmanager
def stopped_terminal():
    """Standard input and output: a terminal after Ctrl-S, left as it was found."""
    master, terminal = os.openpty()
    before = termios.tcgetattr(terminal)
    termios.tcflow(terminal, termios.TCOOFF)
    yield terminal, terminal
    assert termios.tcgetattr(terminal) == before
    os.close(terminal)
    os.close(master)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("place", [full_pipe, stopped_terminal])
def test_a_signal_ends_it_while_nobody_reads(stack, place, number):
    """R1.3: what is stuck in a write, to `less` or to a terminal, does not need SIGKILL."""
    with place() as (entry, out), \
            subprocess.Popen([PROGRAM], env=environment(stack, TERM="vt100"), cwd="/", stdin=entry,
                             stdout=out) as process:
        try:
            wait_for_looks(stack, 2)  # the first one is being written since the second
            process.send_signal(number)
            assert process.wait(10) == 0
        finally:
            process.kill()


def test_screen_and_keys(stack, waiting):
    """R1.3: it is shown, paused, resumed, and cancelled after a question; errors are shown."""
    with monitor_screen(stack, "--campaign", waiting) as terminal:
        terminal.wait_for_line(r"^> Olá, São João +published +\[░+\] +0\.0 %")
        terminal.wait_for_line(r"^    NORMAL \[░+\] 0 of 20$")
        terminal.press("p")
        terminal.wait_for('pause "Olá, São João": it is paused now')
        terminal.wait_for("paused by campaign_monitor 0 s ago")
        assert campaigns.status(stack, waiting)["status"] == "paused"
        terminal.press("p")
        terminal.wait_for_line(f'^pause "Olá, São João": not done: campaign "{waiting}" is ')
        terminal.wait_for("it cannot become paused")
        terminal.press("r")
        terminal.wait_for_line(r"^> Olá, São João +published")
        terminal.press("c")
        terminal.wait_for('cancel "Olá, São João" for good?')
        terminal.press("n")
        terminal.wait_for("q quit")
        assert campaigns.status(stack, waiting)["status"] == "published"
        terminal.press("cy")
        terminal.wait_for('cancel "Olá, São João": it is cancelled now')
        assert campaigns.status(stack, waiting)["cancelled"] == 20
        terminal.press("q")
        assert terminal.wait_for_end() == 0
    who = stack.sql("SELECT role, target FROM campaign_events(%s) WHERE target IN ('paused', 'cancelled')",
                    waiting)
    assert who == [("campaign_monitor", "paused"), ("campaign_monitor", "cancelled")]


@contextlib.contextmanager
def held(stack, campaign_id):
    """Somebody has a campaign locked, and the monitor waits for it; call what comes out to let it go."""
    with contextlib.closing(stack.connect(autocommit=False)) as connection:
        execute(connection, "SELECT FROM campaign.campaigns WHERE id = %s FOR UPDATE", campaign_id)
        yield connection.rollback


def wait_for_waiting_order(stack):
    wait_until("an order waits", lambda: stack.sql("""SELECT FROM pg_stat_activity
        WHERE application_name = 'campaign-monitor' AND wait_event_type = 'Lock'"""))


def test_orders_are_carried_out_in_turn(stack, no_consumer):
    """R1.3: what is asked for while an order waits is done after it, and each answer says whose it is."""
    ids = [campaigns.send(stack, make_numbers(3, seed=seed), name=f"number {seed}") for seed in (1, 2, 3)]
    try:
        for campaign_id in ids:
            campaigns.wait_for_status(stack, campaign_id, "published")
        with monitor_screen(stack, "--ended", "0") as terminal, held(stack, ids[0]) as let_go:
            terminal.wait_for_line("^> number 1 ")
            terminal.press("p")
            wait_for_waiting_order(stack)
            terminal.press("jpjp")
            terminal.wait_for_line("^> number 3 ")
            let_go()
            for seed in (1, 2, 3):
                terminal.wait_for(f'pause "number {seed}": it is paused now')
                terminal.press(" ")  # the next answer
        assert [campaigns.status(stack, campaign_id)["status"] for campaign_id in ids] == ["paused"] * 3
    finally:
        for campaign_id in ids:
            stack.one("SELECT campaign_cancel(%s)", campaign_id)


def test_orders_that_find_no_place_are_refused(stack, waiting):
    """R1.3: too many orders are not dropped silently."""
    with monitor_screen(stack, "--campaign", waiting) as terminal, held(stack, waiting) as let_go:
        terminal.wait_for_line(r"^> Olá, São João +published")
        terminal.press("p" * 17)
        terminal.wait_for_line("^not done: there are 16 orders before it already$")
        let_go()
        terminal.wait_for('pause "Olá, São João": it is paused now')


@pytest.mark.parametrize("sequence", ["\x1bp", "\x1b[99q"])
def test_unknown_sequences_are_no_orders(stack, waiting, sequence):
    """R1.3: Alt and a letter, a key that other terminals have: the letters in it pause nothing, nor quit."""
    with monitor_screen(stack, "--campaign", waiting) as terminal:
        terminal.wait_for_line(r"^> Olá, São João +published")
        terminal.press("c")
        terminal.wait_for("for good?")
        terminal.press(sequence)  # is no answer either
        terminal.wait_for("q quit")
        terminal.press("p")
        terminal.wait_for('pause "Olá, São João": it is paused now')
        terminal.press("q")
        assert terminal.wait_for_end() == 0


def test_selection_and_sizes(stack, no_consumer):
    """R1.3: arrows select, the selected one is always shown, and every size is filled."""
    ids = [campaigns.send(stack, make_numbers(3, seed=seed), name=f"number {seed}") for seed in (1, 2, 3)]
    try:
        with monitor_screen(stack, "--ended", "0") as terminal:
            terminal.wait_for_line("^> number 1 ")
            terminal.press("j")
            terminal.wait_for_line("^> number 2 ")
            terminal.press("\x1b[B" if "\x1b[?1h" not in terminal.written else "\x1bOB")
            terminal.wait_for_line("^> number 3 ")
            terminal.press("k")
            terminal.wait_for_line("^> number 2 ")
            terminal.resize(10, 40)
            terminal.wait_for_line("^> number 2 ")
            terminal.wait_for_line("^up/down select .*…$")
            assert max(map(len, terminal.lines())) <= 40
            terminal.resize(50, 120)
            terminal.wait_for_line(r"^campaign-monitor  127\.0\.0\.1:\d+/campaign {50,}\d\d:\d\d:\d\d UTC$")
            wait_until("the last line", lambda: terminal.lines()[-1].endswith("q quit"))
            terminal.press("\x03")
            assert terminal.wait_for_end() == 0
    finally:
        for campaign_id in ids:
            stack.one("SELECT campaign_cancel(%s)", campaign_id)


def test_colours_only_if_they_are_wanted(stack, waiting):
    """R1.3: a paused campaign is yellow, or bold where NO_COLOR is set."""
    stack.one("SELECT campaign_pause(%s)", waiting)
    for changes, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        with monitor_screen(stack, "--campaign", waiting, term="xterm", **changes) as terminal:
            wait_until("the sentence", lambda: "paused by" in terminal.written)
            terminal.press("q")
            assert terminal.wait_for_end() == 0
            assert ("\x1b[33m" in terminal.written) is coloured


def test_lost_server(stack, waiting):
    """R1.3: it says that PostgreSQL is away, shows the last figures, and goes on when it is back."""
    port = stack.env["PGPORT"]
    with Proxy(("127.0.0.1", int(port))) as proxy:
        url = stack.env["MONITOR_DATABASE_URL"].replace(f":{port}/", f":{proxy.port}/")
        with monitor_screen(stack, "--campaign", waiting, MONITOR_DATABASE_URL=url) as terminal, \
                MonitorLines(stack, "--json", MONITOR_DATABASE_URL=url) as monitor:
            terminal.wait_for_line("^> Olá, São João +published")
            monitor.wait_for("a look", lambda look: "at" in look)
            proxy.cut()
            terminal.wait_for("no PostgreSQL since ")
            monitor.wait_for("the error", lambda look: "error" in look)
            terminal.press("p")
            terminal.wait_for_line('^pause "Olá, São João": not done: ')
            terminal.wait_for_line("^> Olá, São João +published")
            proxy.mend()
            wait_until("PostgreSQL is back", lambda: "no PostgreSQL" not in terminal.text())
            monitor.wait_for("a look", lambda look: "at" in look, after=len(monitor.lines))
            assert campaigns.status(stack, waiting)["status"] == "published"


def test_check_and_wrong_settings(stack):
    """The exit codes of the other programs."""
    code, out, err = monitor_output("--check", variables=environment(stack))
    assert (code, err) == (0, "") and out.startswith("ok     PostgreSQL  127.0.0.1:")
    url = stack.env["MONITOR_DATABASE_URL"]
    wrong = url.replace(url.split(":")[2].split("@")[0], "wrongsecret")
    for arguments in (["--check"], ["--once"]):
        code, out, err = monitor_output(*arguments, variables=environment(stack, MONITOR_DATABASE_URL=wrong))
        assert code == 69 and "password authentication failed" in out + err and "wrongsecret" not in out + err
    code, out, err = monitor_output("--check", variables=environment(
        stack, MONITOR_DATABASE_URL=stack.env["CONSUMER_DATABASE_URL"]))
    assert code == 69 and "log in as campaign_monitor" in out
    code, _, err = monitor_output("--intervall=2", variables=environment(stack))
    assert code == 2 and "did you mean --interval?" in err
    code, _, err = monitor_output("--interval", "0", variables=environment(stack))
    assert code == 78 and "MONITOR_INTERVAL must be a whole number from 1 to 3600" in err
