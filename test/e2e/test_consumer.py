"""test_consumer.py - the consumer's command line, settings and end."""
import contextlib
import fcntl
import os
import re
import pathlib
import signal
import subprocess

import pytest

import campaigns
from campaigns import assert_delivered, make_numbers, wait_for_status
from consumers import PROGRAM, URLS, Consumer, consumer_output, environment
from stack import REPOSITORY

F_SETPIPE_SZ = 1031  # of Linux
SECRET = "s3cretpassw0rd"
NOWHERE = {"AMQP_URL": f"amqp://someone:{SECRET}@127.0.0.1:9/%2F",
           "MONGODB_URI": f"mongodb://someone:{SECRET}@127.0.0.1:9/campaign?replicaSet=rs0",
           "DATABASE_URL": f"postgresql://someone:{SECRET}@127.0.0.1:9/campaign"}


def nowhere(**changes):
    return environment(**{**NOWHERE, **changes})


def test_version():
    """R0.16: --version says the version of campaign.control."""
    control = (REPOSITORY / "campaign.control").read_text(encoding="utf-8")
    version = re.search(r"default_version = '(.*)'", control).group(1)
    assert consumer_output("--version", variables={}) == (0, f"campaign-consumer {version}\n", "")


def test_help():
    """R0.16: --help names every setting."""
    code, out, err = consumer_output("--help", variables={})
    assert (code, err) == (0, "")
    for name in URLS + ("--check", "--version", "--amqp-url", "CAMPAIGN_"):
        assert name in out


@pytest.mark.parametrize("arguments", [["--nonsense"], ["nonsense"], ["--amqp-url"], ["-x"],
                                       ["--prefetch"], [f"--amqp-ur=amqp://a:{SECRET}@h/"],
                                       ["--verify", ""], ["--verify="], ["--database-url", ""],
                                       ["--collection="], ["--env-file", ""]])
def test_wrong_command_line(arguments):
    """R0.16: exit code 2 and one line, without a mistyped URL's password."""
    code, out, err = consumer_output(*arguments, variables=nowhere())
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1 and "--help" in err and SECRET not in err


@pytest.mark.parametrize("argument, meant", [
    ("--prefech=5", "--prefetch"), ("--mongo-uri=x", "--mongodb-uri"), ("--chek", "--check"),
    ("--something-else", None)])
def test_mistyped_option(argument, meant):
    """What was probably meant is said."""
    code, _, err = consumer_output(argument, variables=nowhere())
    assert code == 2 and argument.split("=")[0] in err
    assert (f"did you mean {meant}?" in err) if meant else ("did you mean" not in err)


def test_mistyped_setting(tmp_path):
    """In .env an error, in the environment a warning; both say what was probably meant."""
    (tmp_path / ".env").write_text("CAMPAIGN_PREFETC=5\n", encoding="utf-8")
    code, _, err = consumer_output("--check", variables=nowhere(), directory=tmp_path)
    assert code == 78 and "did you mean CAMPAIGN_PREFETCH?" in err
    _, _, err = consumer_output("--check", variables=nowhere(CAMPAIGN_PREFETC="5"))
    assert '"did_you_mean":"CAMPAIGN_PREFETCH"' in err


@pytest.mark.parametrize("changes, named", [
    ({"AMQP_URL": None}, "AMQP_URL"), ({"MONGODB_URI": None}, "MONGODB_URI"),
    ({"DATABASE_URL": None}, "DATABASE_URL"), ({"AMQP_URL": ""}, "AMQP_URL"),
    ({"AMQP_URL": f"http://a:{SECRET}@h/"}, "AMQP URL"),
    ({"AMQP_URL": f"amqp://a:{SECRET}@h:99999/"}, "AMQP URL"),
    ({"MONGODB_URI": f"mysql://a:{SECRET}@h/"}, "MONGODB_URI"),
    ({"DATABASE_URL": f"mysql://a:{SECRET}@h/"}, "DATABASE_URL"),
    ({"DATABASE_URL": f"host=h password={SECRET} nonsense=1"}, "DATABASE_URL"),
    ({"CAMPAIGN_PREFETCH": "many"}, "CAMPAIGN_PREFETCH"),
    ({"CAMPAIGN_PREFETCH": "0"}, "CAMPAIGN_PREFETCH"),
    ({"CAMPAIGN_HEARTBEAT": "-1"}, "CAMPAIGN_HEARTBEAT"),
    ({"CAMPAIGN_LOG_LEVEL": "loud"}, "CAMPAIGN_LOG_LEVEL"),
    ({"AMQP_URL": None, "AMQP_URL_FILE": "/nonexistent"}, "AMQP_URL_FILE"),
    ({"AMQP_URL_FILE": "/nonexistent"}, "AMQP_URL_FILE"),
])
def test_wrong_setting(changes, named):
    """R0.16: exit code 78 and one line that names the setting and shows no password."""
    code, out, err = consumer_output(variables=nowhere(**changes))
    assert (code, out) == (78, "")
    assert len(err.splitlines()) == 1 and named in err and SECRET not in err


def test_dotenv(stack, tmp_path):
    """R0.16: .env gives what environment and flags do not; wrong lines are named."""
    (tmp_path / ".env").write_text(
        "# the three servers\n" + "".join(f"export {name}=\"{value}\"\n" for name, value in
                                          environment(stack).items() if name in URLS)
        + "CAMPAIGN_LOG_FORMAT='text'\nUNRELATED=1\n", encoding="utf-8")
    assert consumer_output("--check", variables={}, directory=tmp_path)[0] == 0
    code, _, err = consumer_output("--check", variables={"CAMPAIGN_PREFETCH": "x"},
                                   directory=tmp_path)
    assert code == 78 and "environment" in err
    with open(tmp_path / ".env", "a", encoding="utf-8") as file:
        file.write("CAMPAIGN_PREFETC=5\n")
    code, _, err = consumer_output("--check", variables={}, directory=tmp_path)
    assert code == 78 and ".env:7" in err and "CAMPAIGN_PREFETC" in err


def test_url_files(stack, tmp_path):
    """R0.16: each URL may stand in a file of its own."""
    variables = {}
    for name, value in environment(stack).items():
        if name in URLS:
            (tmp_path / name).write_text(value + "\n", encoding="utf-8")
            variables[f"{name}_FILE"] = str(tmp_path / name)
    assert consumer_output("--check", variables=variables)[0] == 0


def test_url_file_with_a_byte_order_mark(stack, tmp_path):
    """As some editors write it."""
    file = tmp_path / "url"
    file.write_bytes(b"\xef\xbb\xbf" + environment(stack)["AMQP_URL"].encode() + b"\r\n")
    variables = environment(stack, AMQP_URL=None, AMQP_URL_FILE=str(file))
    assert consumer_output("--check", variables=variables)[0] == 0


@pytest.mark.parametrize("length, code", [(2_047, 69), (2_048, 78), (5_000, 78)])
def test_url_file_that_is_too_long(tmp_path, length, code):
    """Not cut: half of a password is another one."""
    url = f"amqp://a:{SECRET}@127.0.0.1:9/?x="
    file = tmp_path / "url"
    file.write_text(url + "y" * (length - len(url)), encoding="utf-8")
    result = consumer_output("--check", variables=nowhere(AMQP_URL=None, AMQP_URL_FILE=str(file)))
    assert result[0] == code and SECRET not in result[1] + result[2]
    assert code == 69 or "longer than 2047 bytes" in result[2]


def test_servers_by_dns_that_is_away(stack):
    """mongodb+srv:// is waited for like every server, and --check says that it is away."""
    variables = environment(stack, MONGODB_URI=f"mongodb+srv://a:{SECRET}@no.cluster.invalid/")
    code, out, _ = consumer_output("--check", variables=variables)
    assert code == 69 and SECRET not in out
    (line,) = [line for line in out.splitlines() if "MongoDB" in line]
    assert line.startswith("wrong") and "cannot find the servers" in line
    with Consumer(variables) as consumer:
        consumer.wait_for_line("MongoDB is away, retrying: cannot find the servers")
        assert consumer.terminate() == 0
        assert SECRET not in consumer.log()


def test_read_preference_is_for_others(stack):
    """One in the URI does not steer what is read back to a server that may not have it."""
    uri = environment(stack)["MONGODB_URI"] + "&readPreference=secondary"
    variables = environment(stack, MONGODB_URI=uri)
    assert consumer_output("--check", variables=variables)[0] == 0
    stack.part("stop", "consumer")
    try:
        with Consumer(variables):
            numbers = make_numbers(3_000, seed=94)
            campaign_id = campaigns.send(stack, numbers)
            wait_for_status(stack, campaign_id, "sent")
    finally:
        stack.part("start", "consumer")
    assert_delivered(stack, campaign_id, numbers)


def test_flags_win(stack):
    """R0.16: flags before environment."""
    flags = [f"--{name.lower().replace('_', '-')}={value}" for name, value in
             environment(stack).items() if name in URLS]
    assert consumer_output("--check", *flags, variables=nowhere())[0] == 0


def test_check_of_what_is_right(stack):
    """R0.16: --check tries all three and leaves nothing running."""
    code, out, err = consumer_output("--check", variables=environment(stack))
    assert (code, err) == (0, "")
    assert [line.split()[:2] for line in out.splitlines()] == [
        ["ok", "RabbitMQ"], ["ok", "MongoDB"], ["ok", "PostgreSQL"]]
    for url in environment(stack).values():
        assert url not in out


@pytest.mark.parametrize("name, server", zip(URLS, ("RabbitMQ", "MongoDB", "PostgreSQL")))
def test_check_of_what_is_away(stack, name, server):
    """R0.16: exit code 69; the other two are still tried; no password in the text."""
    code, out, err = consumer_output("--check",
                                     variables=environment(stack, **{name: NOWHERE[name]}))
    assert code == 69
    verdicts = dict(reversed(line.split()[:2]) for line in out.splitlines())
    assert verdicts == {one: "wrong" if one == server else "ok"
                        for one in ("RabbitMQ", "MongoDB", "PostgreSQL")}
    assert SECRET not in out + err


def other(url, **changes):
    """A URL with another password, vhost or role."""
    if "password" in changes:
        return re.sub(r"(://[^:]+:)[^@]*@", rf"\g<1>{changes['password']}@", url)
    return url.replace("%2F", changes["vhost"])


@pytest.mark.parametrize("name, changes, piece", [
    ("AMQP_URL", {"password": SECRET}, "ACCESS_REFUSED"),
    ("AMQP_URL", {"vhost": "nosuchvhost"}, "vhost"),
    ("DATABASE_URL", {"password": SECRET}, "password authentication failed"),
])
def test_check_of_what_is_refused(stack, name, changes, piece):
    """R0.16: a wrong password or vhost is said in the server's words, without the password."""
    url = other(environment(stack)[name], **changes)
    code, out, err = consumer_output("--check", variables=environment(stack, **{name: url}))
    wrong = [line for line in out.splitlines() if line.startswith("wrong")]
    assert code == 69 and len(wrong) == 1 and piece in wrong[0]
    assert SECRET not in out + err


def test_sigterm_in_mid_run(stack):
    """Consuming rule 6: it finishes what it has in hand and exits 0 within 10 s; the next one
    goes on without a gap."""
    numbers = make_numbers(60_000, seed=90)
    stack.part("stop", "consumer")
    try:
        campaign_id = campaigns.create(stack, numbers)
        for stop in (signal.SIGTERM, signal.SIGINT):
            with Consumer(environment(stack)) as consumer:
                if stop == signal.SIGTERM:
                    campaigns.dispatch(stack, campaign_id)
                stored = campaigns.count_documents(stack, campaign_id)
                campaigns.wait_for_stored(stack, campaign_id, stored + 2_000)
                consumer.process.send_signal(stop)
                assert consumer.process.wait(10) == 0
                assert [line["msg"] for line in consumer.lines()][-1] == "stopped"
        assert campaigns.count_documents(stack, campaign_id) < len(numbers)
    finally:
        stack.part("start", "consumer")
    wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, numbers)


def test_second_signal_ends_at_once(stack):
    """Consuming rule 6: with a server that does not answer, a second SIGTERM does not wait."""
    stack.part("stop", "consumer")
    with Consumer(environment(stack)) as consumer:
        try:
            consumer.wait_for_line("started")
            campaigns.wait_until("it consumes", lambda: consumes(stack))
            pid = int((stack.directory / "run/mongod.pid").read_text().split()[0])
            subprocess.run(["kill", "-STOP", str(pid)], check=True)
            try:
                campaigns.send(stack, make_numbers(500, seed=91))
                campaigns.wait_until("the message is taken", lambda: messages_ready(stack) == 0)
                consumer.process.send_signal(signal.SIGTERM)
                consumer.wait_for_line("stopping")
                consumer.process.send_signal(signal.SIGTERM)
                assert consumer.process.wait(2) == 1
            finally:
                subprocess.run(["kill", "-CONT", str(pid)], check=True)
        finally:
            stack.part("start", "consumer")


def consumes(stack):
    with stack.channel() as channel:
        return all(channel.queue_declare(queue, passive=True).method.consumer_count
                   for queue in campaigns.QUEUES)


def messages_ready(stack):
    with stack.channel() as channel:
        return sum(channel.queue_declare(queue, passive=True).method.message_count
                   for queue in campaigns.QUEUES)


def test_two_consumers(stack):
    """R0.17: a second consumer changes nothing: one at a time has each queue, and takes over."""
    numbers = make_numbers(30_000, seed=92)
    with Consumer(environment(stack)) as second:
        second.wait_for_line("started")
        campaign_id = campaigns.send(stack, numbers)
        campaigns.wait_for_stored(stack, campaign_id, 2_000)
        stack.part("kill", "consumer")
        wait_for_status(stack, campaign_id, "sent")
        assert second.terminate() == 0
    stack.part("start", "consumer")
    assert_delivered(stack, campaign_id, numbers)


def test_nothing_in_shared_memory(stack):
    """A kill -9 leaves nothing in /dev/shm that the next process with that id falls over."""
    with Consumer(environment(stack)) as consumer:
        consumer.wait_for_line("started")
        assert not pathlib.Path(f"/dev/shm/mongoc-{consumer.pid}").exists()


def test_nobody_reads_the_log(stack, tmp_path):
    """A standard error that nobody reads stops neither a lane nor the end; what was lost is
    counted."""
    numbers = make_numbers(100, seed=93)
    stack.part("stop", "consumer")
    try:
        process = subprocess.Popen([PROGRAM], env=environment(stack, CAMPAIGN_LOG_LEVEL="debug"),
                                   cwd=tmp_path, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            log = process.stderr.fileno()
            fcntl.fcntl(log, F_SETPIPE_SZ, 8192)
            os.set_blocking(log, False)
            for _ in range(3):
                for campaign_id in [campaigns.send(stack, numbers) for _ in range(25)]:
                    wait_for_status(stack, campaign_id, "sent")
            text = b""
            for _ in range(20):
                with contextlib.suppress(BlockingIOError):
                    text += os.read(log, 65536)
                if b"log lines were lost" in text:
                    break
                wait_for_status(stack, campaigns.send(stack, numbers), "sent")
            assert b"log lines were lost" in text
            for campaign_id in [campaigns.send(stack, numbers) for _ in range(75)]:
                wait_for_status(stack, campaign_id, "sent")
            process.terminate()
            assert process.wait(10) == 0
        finally:
            process.kill()
            process.wait(10)
            process.stderr.close()
    finally:
        stack.part("start", "consumer")


def test_log_lines_are_json(stack):
    """R5.6: off a terminal, one JSON object a line, without a URL in it."""
    with Consumer(environment(stack)) as consumer:
        consumer.wait_for_line("started")
        assert consumer.terminate() == 0
        for line in consumer.lines():
            assert {"ts", "level", "msg"} <= set(line)
        assert "://" not in consumer.log()
