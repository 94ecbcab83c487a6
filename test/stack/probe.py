"""probe.py - waits until one part of the private stack answers as a client sees it.

Called by the start of each part with the pid of its process: a process that ends
is reported at once instead of after the timeout. Must never change a part, except
that a new mongod is made a replica set, which it needs before it answers.
"""
import argparse
import smtplib
import sys
import time
import urllib.error
import urllib.request

import pika
import psycopg2
import pymongo
from pymongo.errors import OperationFailure, PyMongoError

NOT_YET_INITIALIZED = 94
ALREADY_INITIALIZED = 23
ALIVE_IS_ENOUGH_AFTER_S = 1.0


class NotYet(Exception):
    """The part does not answer yet; the text says why."""


def postgres(url):
    try:
        psycopg2.connect(url, connect_timeout=2).close()
    except psycopg2.Error as error:
        raise NotYet(error) from error


def amqp_open(url):
    parameters = pika.URLParameters(url)
    parameters.socket_timeout = 2
    parameters.stack_timeout = 5
    parameters.blocked_connection_timeout = 5
    try:
        return pika.BlockingConnection(parameters)
    except (pika.exceptions.AMQPError, OSError) as error:
        raise NotYet(repr(error)) from error


def rabbitmq(url):
    amqp_open(url).close()


def mongod(address):
    """ADDRESS, which has a replica set of its own; or ADDRESS/member, which others make a member of theirs."""
    address, _, member = address.partition("/")
    client = pymongo.MongoClient(
        f"mongodb://{address}/", directConnection=True, serverSelectionTimeoutMS=500
    )
    try:
        if client.admin.command("hello").get("isWritablePrimary") or member:
            return
        mongod_initiate(client, address)
        raise NotYet("not primary yet")
    except PyMongoError as error:
        raise NotYet(error) from error
    finally:
        client.close()


def mongod_initiate(client, address):
    try:
        client.admin.command("replSetGetStatus")
    except OperationFailure as error:
        if error.code != NOT_YET_INITIALIZED:
            raise
        members = [{"_id": 0, "host": address}]
        try:
            client.admin.command("replSetInitiate", {"_id": "rs0", "members": members})
        except OperationFailure as refused:
            if refused.code != ALREADY_INITIALIZED:
                raise


def consumer(url):
    """Ready when it has subscribed; without a broker, when it stays alive."""
    if not url:
        if time.monotonic() - STARTED < ALIVE_IS_ENOUGH_AFTER_S:
            raise NotYet("just started")
        return
    connection = amqp_open(url)
    try:
        queue = connection.channel().queue_declare("campaign.parallel", passive=True)
        if queue.method.consumer_count == 0:
            raise NotYet("no consumer on campaign.parallel")
    except pika.exceptions.AMQPError as error:
        raise NotYet(repr(error)) from error
    finally:
        if connection.is_open:
            connection.close()


def smtp(address):
    host, _, port = address.partition(":")
    try:
        with smtplib.SMTP(host, int(port), timeout=2) as server:
            server.noop()
    except (smtplib.SMTPException, OSError) as error:
        raise NotYet(error) from error


def mailer(url):
    """Ready when it listens; without a PostgreSQL, when it stays alive."""
    if not url:
        if time.monotonic() - STARTED < ALIVE_IS_ENOUGH_AFTER_S:
            raise NotYet("just started")
        return
    try:
        connection = psycopg2.connect(url, connect_timeout=2)
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT FROM pg_stat_activity WHERE application_name = 'campaign-mailer'"
                               " AND state = 'idle' AND query LIKE '%mail_%'")
                if cursor.rowcount == 0:
                    raise NotYet("no session of campaign-mailer")
        finally:
            connection.close()
    except psycopg2.Error as error:
        raise NotYet(error) from error


def postgrest(url):
    """Its own word for having read the schema."""
    try:
        urllib.request.urlopen(url, timeout=2).close()
    except OSError as error:
        raise NotYet(error) from error


def nginx(url):
    """Any answer: whether PostgREST is behind it is another question."""
    try:
        urllib.request.urlopen(url, timeout=2).close()
    except urllib.error.HTTPError:
        pass
    except OSError as error:
        raise NotYet(error) from error


def process_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def wait(part, argument, pid, timeout_s):
    """None when the part answers, else what went wrong."""
    while True:
        alive = process_alive(pid)
        try:
            part(argument)
            return None
        except NotYet as reason:
            if not alive:
                return "its process ended"
            if time.monotonic() - STARTED > timeout_s:
                return f"no answer in {timeout_s:.0f} s: {str(reason).strip()}"
        time.sleep(0.1)


STARTED = time.monotonic()
PARTS = {part.__name__: part
         for part in (postgres, rabbitmq, mongod, consumer, smtp, mailer, postgrest, nginx)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--timeout", type=float, required=True, help="seconds")
    parser.add_argument("--pid", type=int, required=True)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("argument")
    options = parser.parse_args()
    failure = wait(PARTS[options.part], options.argument, options.pid, options.timeout)
    if failure:
        print(f"stack: {options.part}: {failure}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
