"""test_tls.py - RabbitMQ and MongoDB over TLS, as hosting services have them."""
import re
import ssl

import pytest

import campaigns
from campaigns import assert_delivered, make_numbers, wait_for_status
from certificates import Authority
from consumers import Consumer, consumer_output, environment
from proxy import Proxy
from waiting import wait_until

NUMBERS = make_numbers(2_000, seed=340)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


def tls_proxy(stack, authority, name, names):
    """A server of the stack behind TLS, with these names in its certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.server(names))
    port = int(re.search(r":(\d+)/", stack.env[name]).group(1))
    return Proxy(("127.0.0.1", port), context)


def amqps(stack, proxy, host):
    return re.sub(r"^amqp://(.*)@[^/]+/", rf"amqps://\1@{host}:{proxy.port}/", stack.env["AMQP_URL"])


def mongodb_tls(proxy, host):
    return f"mongodb://{host}:{proxy.port}/campaign?directConnection=true&tls=true"


def test_both(stack, authority):
    """A campaign with dead letters, all of it through TLS."""
    with tls_proxy(stack, authority, "AMQP_URL", "DNS:localhost") as rabbitmq, \
            tls_proxy(stack, authority, "MONGODB_URI", "DNS:localhost") as mongodb:
        variables = environment(stack, AMQP_URL=amqps(stack, rabbitmq, "localhost"),
                                MONGODB_URI=mongodb_tls(mongodb, "localhost"),
                                CAMPAIGN_CA_FILE=str(authority.file))
        code, out, _ = consumer_output("--check", variables=variables)
        assert code == 0, out
        stack.part("stop", "consumer")
        try:
            with Consumer(variables) as consumer:
                campaign_id = campaigns.send(stack, NUMBERS)
                with stack.channel() as channel:
                    channel.basic_publish(campaigns.EXCHANGE, campaigns.QUEUES[0], b"rubbish")
                wait_for_status(stack, campaign_id, "sent")
                wait_until("the dead letter", lambda: campaigns.dead_letter_count(stack) == 1)
                assert consumer.terminate() == 0
        finally:
            stack.part("start", "consumer")
    assert_delivered(stack, campaign_id, NUMBERS)
    assert len(campaigns.dead_letters(stack)) == 1


@pytest.mark.parametrize("known, names, piece", [
    (False, "DNS:localhost", "cert verification"), (True, "DNS:elsewhere.test", "")])
def test_certificate_that_does_not_hold(stack, authority, known, names, piece):
    """Of an authority that nobody knows, or of another host: refused, by both."""
    with tls_proxy(stack, authority, "AMQP_URL", names) as rabbitmq, \
            tls_proxy(stack, authority, "MONGODB_URI", names) as mongodb:
        changes = {"CAMPAIGN_CA_FILE": str(authority.file)} if known else {}
        code, out, _ = consumer_output("--check", variables=environment(
            stack, AMQP_URL=amqps(stack, rabbitmq, "localhost"),
            MONGODB_URI=mongodb_tls(mongodb, "localhost"), **changes))
    wrong = [line for line in out.splitlines() if line.startswith("wrong")]
    assert code == 69 and len(wrong) == 2 and piece in wrong[0], out


@pytest.mark.usefixtures("unstored")
def test_authorities_that_cannot_be_read(stack, authority, tmp_path):
    """R0.16 R8.3: a consumer that connects again while the file is being replaced waits for it; at the start it is a wrong
    setting."""
    file = tmp_path / "authorities.pem"
    with tls_proxy(stack, authority, "AMQP_URL", "DNS:localhost") as rabbitmq:
        variables = environment(stack, AMQP_URL=amqps(stack, rabbitmq, "localhost"), CAMPAIGN_CA_FILE=str(file))
        with Consumer(variables) as consumer:
            assert consumer.process.wait(10) == 78
            assert len(consumer.lines("cannot read the CA certificates in")) == len(consumer.lines()) == 1
        file.write_bytes(authority.file.read_bytes())
        with Consumer(variables) as consumer:
            wait_for_status(stack, campaigns.send(stack, NUMBERS[:10]), "sent")
            file.unlink()
            rabbitmq.cut()
            rabbitmq.mend()
            (line,) = consumer.wait_for_line("cannot read the CA certificates in")
            assert line["msg"].startswith("RabbitMQ cannot be used, retrying: ")
            file.write_bytes(authority.file.read_bytes())
            wait_for_status(stack, campaigns.send(stack, NUMBERS[:10]), "sent")
            assert consumer.process.poll() is None


@pytest.mark.parametrize("names, code", [("IP:127.0.0.1", 0), ("IP:127.0.0.2", 69), ("DNS:localhost", 69)])
def test_amqps_by_address(stack, authority, names, code):
    """The certificate must hold the address."""
    with tls_proxy(stack, authority, "AMQP_URL", names) as rabbitmq:
        answer, out, _ = consumer_output("--check", variables=environment(
            stack, AMQP_URL=amqps(stack, rabbitmq, "127.0.0.1"),
            CAMPAIGN_CA_FILE=str(authority.file)))
    assert answer == code, out


@pytest.mark.parametrize("names, code", [("IP:127.0.0.1", 0), ("DNS:localhost", 69)])
def test_each_host_has_its_own_name(stack, authority, names, code):
    """R8.3: of several hosts, each certificate must hold the name of its own host, not that of another."""
    with tls_proxy(stack, authority, "AMQP_URL", "IP:127.0.0.1") as first, \
            tls_proxy(stack, authority, "AMQP_URL", names) as second:
        url = amqps(stack, first, "localhost").replace("/%2F", f",127.0.0.1:{second.port}/%2F")
        answer, out, _ = consumer_output("--check", variables=environment(
            stack, AMQP_URL=url, CAMPAIGN_CA_FILE=str(authority.file)))
    assert answer == code and ("1 of 2 hosts answer" in out) == (code == 0), out
