"""test_databases.py - other databases: not served, dumped and restored, dropped."""
import contextlib
import re

import psycopg2
import pytest

import campaigns
import jobs
from campaigns import make_numbers, numbers_file, wait_for_status
from stack import Stack, execute, run
from waiting import assert_stays, wait_until


@contextlib.contextmanager
def database(stack, name, extension=True):
    """A connection to a database of its own; dropped at the end."""
    drop = f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"
    stack.sql(drop)
    stack.sql(f"CREATE DATABASE {name} TEMPLATE template0")
    connection = stack.connect(database=name.strip('"'))
    try:
        if extension:
            execute(connection, "CREATE EXTENSION campaign")
        yield connection
    finally:
        connection.close()
        stack.sql(drop)


def make_draft(connection, numbers):
    campaign_id = execute(connection, "SELECT campaign_create('test', 'Hello')")[0][0]
    execute(connection, "SELECT campaign_upload(%s, %s::text)", campaign_id, numbers_file(numbers))
    return campaign_id


def assert_not_dispatched(connection, match, hint):
    """Everything works but the dispatch, whose one error says what to do."""
    campaign_id = make_draft(connection, make_numbers(5))
    with pytest.raises(psycopg2.Error, match=match) as caught:
        execute(connection, "SELECT campaign_dispatch(%s)", campaign_id)
    assert caught.value.pgcode == "55000" and hint in caught.value.diag.message_hint
    answer = execute(connection, "SELECT campaign_status(%s)", campaign_id)[0][0]
    assert (answer["status"], answer["total"]) == ("draft", 5)


def test_database_that_is_not_served(stack):
    """R0.14: nothing is queued that nobody would publish."""
    with database(stack, "unserved") as connection:
        assert_not_dispatched(connection, 'no campaign worker serves database "unserved"',
                              "campaign.database")


def test_library_that_is_not_preloaded():
    """R0.14: without shared_preload_libraries all else works."""
    alone = Stack.up(settings=["shared_preload_libraries="],
                     without=["worker", "rabbitmq", "mongod", "consumer", "smtp", "mailer"])
    try:
        assert_not_dispatched(alone.connect(), "no campaign worker is running",
                              "shared_preload_libraries")
    finally:
        alone.down()


def test_database_is_called_as_it_is_written(stack):
    """R0.15: capitals make another name."""
    with database(stack, '"Capital"') as connection:
        with stack.settings(campaign__database="campaign,Capital"):
            wait_until("a worker serves it", lambda: stack.worker_pids("Capital"))
            execute(connection, "SELECT campaign_dispatch(%s)", make_draft(connection, make_numbers(5)))
            assert campaigns.wait_for_dead_letters(stack, 1)
        wait_until("its worker is gone", lambda: not stack.worker_pids("Capital"))


def test_name_of_no_database_is_in_the_log(stack):
    """R0.15: once, until there is one of that name; a slip would go unnoticed."""
    def said():
        return stack.log_since("postgres", mark).count('campaign.database names "slipped", and there is no such database')
    mark = stack.log_mark("postgres")
    with stack.settings(campaign__database="campaign,slipped"):
        wait_until("it is said", said)
        stack.sql("SELECT pg_reload_conf()")
        with database(stack, "slipped"):
            stack.sql("SELECT pg_reload_conf()")
            wait_until("a worker serves it", lambda: stack.worker_pids("slipped"))
            assert said() == 1
        stack.sql("SELECT pg_reload_conf()")
        wait_until("it is said once more", lambda: said() == 2)


def test_http_hears_of_a_new_schema(stack):
    """R0.7: PostgREST keeps what it knows of the schema until it is told."""
    with database(stack, "restored", extension=False) as connection:
        execute(connection, "LISTEN pgrst")
        execute(connection, "CREATE EXTENSION campaign")
        connection.poll()
        assert [(one.channel, one.payload) for one in connection.notifies] == [("pgrst", "reload schema")]


def test_database_that_is_served_later(stack):
    """R0.15: a database added to campaign.database gets its worker at reload, and it ends when
    the database is taken out; nothing stands in the way of DROP DATABASE."""
    with database(stack, "later") as connection:
        with stack.settings(campaign__database="campaign, later"):
            wait_until("a worker serves it", lambda: stack.worker_pids("later"))
            campaign_id = make_draft(connection, make_numbers(5))
            execute(connection, "SELECT campaign_dispatch(%s)", campaign_id)
            # The consumer reports to the other database, which does not know this campaign.
            letters = campaigns.wait_for_dead_letters(stack, 1)
            assert letters[0].properties.headers["reason"] == "unknown campaign"
        wait_until("its worker is gone", lambda: not stack.worker_pids("later"))


def test_drop_database_with_a_worker(stack):
    """R0.15: DROP DATABASE of a served database is not blocked for ever by its worker."""
    with database(stack, "dropped") as connection:
        with stack.settings(campaign__database="campaign,dropped"):
            wait_until("a worker serves it", lambda: stack.worker_pids("dropped"))
            connection.close()
            stack.sql("DROP DATABASE dropped WITH (FORCE)")
        assert stack.one("SELECT count(*) FROM pg_database WHERE datname = 'dropped'") == 0
    assert stack.worker_pid()


def dump(stack, name):
    """The database as SQL, without what pg_dump makes up anew each time. psql's COPY puts a short
    row into a gap of an earlier page: in which order the rows of a table come is no difference."""
    text = run([f"{stack.env['PG_BIN']}/pg_dump", "--dbname",
                stack.env["DATABASE_URL"].replace("/campaign", f"/{name}")]).stdout
    return re.sub(r"(?m)^\\(un)?restrict .*\n", "", text)


def test_dump_and_restore(stack, tmp_path):
    """R0.6, R0.17, R2.4: pg_dump, restore, pg_dump is free of differences; passwords verify;
    nothing is sent again, and what was not sent can be; jobs and their types are all there."""
    email = f"{stack.one('SELECT cuid2()')}@example.com"
    user_id = stack.one("SELECT user_create(%s, 'secret')", email)
    company_id = stack.one("SELECT company_create('Dumped', %s)", email)
    numbers = make_numbers(300, seed=80)
    sent = campaigns.send(stack, numbers)
    wait_for_status(stack, sent, "sent")
    proved = stack.one("SELECT campaign_verify(%s)", sent)
    receipt = stack.one("SELECT campaign_receipt(%s, %s)", sent, numbers[0])
    draft = stack.one("SELECT campaign_create('draft', 'Hi', %s, %s)", company_id, user_id)
    stack.one("SELECT campaign_upload(%s, %s::text)", draft, numbers_file(numbers))
    documents = stack.messages.estimated_document_count()
    finished = jobs.create(stack, jobs.define(stack, "dumped", "BEGIN RETURN '{\"a\": 1}'; END"))
    jobs.wait_for(stack, finished, "finished")
    later = jobs.create(stack, "dumped", "now() + interval '1 day'")

    first = dump(stack, "campaign")
    file = tmp_path / "dump.sql"
    file.write_text(first, encoding="utf-8")
    with database(stack, "restored", extension=False) as connection:
        run([f"{stack.env['PG_BIN']}/psql", "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1",
             "--dbname", stack.env["DATABASE_URL"].replace("/campaign", "/restored"),
             "--file", str(file)])
        assert sorted(dump(stack, "restored").splitlines()) == sorted(first.splitlines())
        assert execute(connection, "SELECT password_verify('secret', password), password_verify("
                       "'Secret', password) FROM campaign.users WHERE email = %s", email
                       ) == [(True, False)]
        for job_id in (finished, later):
            assert execute(connection, "SELECT job_get(%s)", job_id)[0][0] == jobs.get(stack, job_id)
        with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState):
            execute(connection, "DELETE FROM campaign.jobs")
        execute(connection, "SELECT job_create('dumped')")
        (rows, places), = execute(connection, "SELECT count(*), count(DISTINCT seq) FROM campaign.jobs")
        assert rows == places
        with campaigns.capture(stack) as take:
            with stack.settings(campaign__database="campaign,restored"):
                wait_until("a worker serves it", lambda: stack.worker_pids("restored"))
                assert_stays("nothing is sent again",
                             lambda: stack.messages.estimated_document_count() == documents, 1)
                assert take() == []
        answer = execute(connection, "SELECT campaign_status(%s)", sent)[0][0]
        assert answer == campaigns.status(stack, sent)
        answer = execute(connection, "SELECT campaign_verify(%s)", sent)[0][0]
        assert (answer["ok"], answer["digest"]) == (True, proved["digest"])
        assert not answer["fresh"] and answer["checked_at"] == proved["checked_at"]
        assert execute(connection, "SELECT campaign_receipt(%s, %s)", sent, numbers[0]) == [(receipt,)]
        with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState):
            execute(connection, "DELETE FROM campaign.proofs")
