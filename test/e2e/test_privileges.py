"""test_privileges.py - the roles can do their work and nothing else."""
import psycopg2
import pytest

import campaigns
from campaigns import make_numbers
from stack import execute

REPORTS = {"report_open(text)", "report_halted(text[])", "report_stopped(text[])",
           "report_stored(text[],text[],bigint[],bigint[])",
           "report_checked(text[],text[],bigint[],bigint[],text[],boolean[])",
           "report_waiting(text,text,bigint)",
           "report_gap(text,text,bigint)", "report_conflict(text,text,bigint,text)"}
PROOFS = {"proof_begin(text)", "proof_next(timestamp with time zone)", "proof_give_up(text)",
          "proof_window(text,integer)", "proof_agree(text,integer,bytea)",
          "proof_compare(text,text,bigint,integer[],bigint[],text[],text[],text[],text[],text[])",
          "proof_report(text,text,bigint,jsonb)"}
SENDERS = {"sender_begin(text,text,text,jsonb,text,text)", "sender_living(text[])", "sender_away(text,bigint,boolean)",
           "sender_hold(text,text[],text[],bigint[],bigint[])",
           "report_fates(text[],text[],bigint[],bigint[],text[],boolean[],text,jsonb,bigint,bigint,bigint)"}
OUTBOX = {"outbox_page(text,text,integer)", "outbox_active(text[])", "outbox_template(text,text)",
          "outbox_mark(text,text,integer,bigint)", "outbox_rewind(text,text,bigint)", "outbox_finish(text[])",
          "outbox_due()", "outbox_dead_room()", "outbox_dead_take(jsonb,boolean,bigint,bytea,integer)",
          "outbox_dead_next(bigint,text[],bigint[],bigint[])", "outbox_dead_done(bigint)", "outbox_trouble(text,text)",
          "outbox_tell(text[],boolean)", "outbox_canary(text)", "outbox_suppressed(text,bigint[])", "outbox_suppressions(bigint,integer)",
          "outbox_opt_outs(text,text,bigint,bigint,pg_snapshot)", "outbox_unlisted(text,text)", "attributes_canonical(jsonb)"}
QUEUE = {"job_session_started_at()", "job_take_over(boolean)", "job_next(boolean)",
         "job_claim(boolean,timestamp with time zone,text[],integer,integer,bigint,boolean)",
         "job_begin(text,timestamp with time zone)",
         "job_finish(text,jsonb,timestamp with time zone)",
         "job_fail(text,text,text,timestamp with time zone)",
         "job_settle(text,timestamp with time zone)", "job_release(text[],timestamp with time zone)",
         "job_shorten_waits()"}
MAILS = {"mail_claim(integer,bigint,boolean)", "mail_begin(text)", "mail_sent(text,text)", "mail_failed(text,text,boolean)",
         "mail_release(text)", "mail_next()"}
MONITOR = {"monitor(integer,integer,text[],text)", "monitor_senders()",
           "monitor_control(text,text)"}
# Of the public functions, those that give nothing away and change nothing.
HARMLESS = {"cuid2(integer)", "job_progress(text,double precision)"}

EXECUTABLE = """
    SELECT replace(p.oid::regprocedure::text, 'campaign.', '')
    FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass
    JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'campaign'
    WHERE d.deptype = 'e' AND has_function_privilege(%s, p.oid, 'EXECUTE')
        AND has_schema_privilege(%s, p.pronamespace, 'USAGE')
"""
RELATIONS = """
    SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname LIKE 'campaign%%' AND c.relkind IN ('r', 'v', 'm', 'S', 'p') AND (
        CASE c.relkind WHEN 'S' THEN has_sequence_privilege(%s, c.oid, 'USAGE, SELECT, UPDATE')
        ELSE has_table_privilege(%s, c.oid,
            'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
            OR has_any_column_privilege(%s, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES') END)
"""


def executable(stack, role):
    """But for those that refuse other fields, whose rights test/sql/72_api_fields.sql compares."""
    found = {row[0] for row in stack.sql(EXECUTABLE, role, role)} - HARMLESS
    return {name for name in found if not (name.startswith("campaign_api.") and name.endswith("(json)"))}


def relations(stack, role):
    return {row[0] for row in stack.sql(RELATIONS, role, role, role)}


@pytest.fixture
def consumer(stack):
    connection = stack.connect(url=stack.env["CONSUMER_DATABASE_URL"])
    yield connection
    connection.close()


@pytest.mark.parametrize("role", ["campaign_worker", "campaign_consumer", "campaign_mailer", "campaign_monitor", "campaign_anon",
                                  "campaign_user", "campaign_app"])
def test_no_role_is_special(stack, role):
    """R0.15 R0.16: not a superuser, nothing that goes beyond a plain login."""
    assert stack.sql("SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls"
                     " FROM pg_roles WHERE rolname = %s", role) == [(False,) * 5]


def test_consumer_may_report_and_nothing_else(stack):
    """R0.16 R5.1: reports and proofs; no table, no sequence, no other function."""
    assert executable(stack, "campaign_consumer") == REPORTS | PROOFS | SENDERS
    assert relations(stack, "campaign_consumer") == set()


def test_mailer_may_take_mails_and_nothing_else(stack):
    """R4.1: six functions; no table, no sequence, no other function."""
    assert executable(stack, "campaign_mailer") == MAILS
    assert relations(stack, "campaign_mailer") == set()


def test_monitor_may_look_and_stop_and_nothing_else(stack):
    """R1.3: its figures, and pause, resume and cancel; no table, no sequence, no other function."""
    assert executable(stack, "campaign_monitor") == MONITOR
    assert relations(stack, "campaign_monitor") == set()


def test_worker_may_read_recipients_and_mark(stack):
    """R0.15 R2.1: the functions of outbox and queue, and one table."""
    assert executable(stack, "campaign_worker") == OUTBOX | QUEUE
    assert relations(stack, "campaign_worker") == {"campaign.recipients"}
    assert stack.one("SELECT has_table_privilege('campaign_worker', 'campaign.recipients',"
                     " 'INSERT, UPDATE, DELETE, TRUNCATE')") is False


def test_without_a_token_there_is_sign_up_and_login(stack):
    """R0.8 R2.5: the only anonymous calls; test/sql/08 lists the rest."""
    assert executable(stack, "campaign_anon") == {
        "api_check()", "campaign_api.signup(text,text)", "campaign_api.signup_async(text,text)",
        "campaign_api.login(text,text)", "campaign_api.token(text)", "campaign_api.ready()",
        "campaign_api.password_forgotten(text)", "campaign_api.password_reset(text,text)"}
    assert relations(stack, "campaign_anon") == set()


def test_an_application_has_jobs_and_tokens(stack):
    """R2.5: and nothing of people, companies and campaigns."""
    assert executable(stack, "campaign_app") == {
        "api_check()", "request_applications()", "request_owner()", "request_job_meta(text)",
        "request_job_slot(text)", "campaign_api.signup_async(text,text)",
        "campaign_api.job_create(text,json,timestamp with time zone,integer)",
        "campaign_api.job_get(text)", "campaign_api.job_cancel(text)",
        "campaign_api.job_retry(text)", "campaign_api.job_stats()", "campaign_api.ready()",
        "campaign_api.absent(text,text)"}
    assert relations(stack, "campaign_app") == {
        "campaign.application_tokens", "campaign.jobs", "campaign_api.tokens", "campaign_api.jobs"}


def test_a_user_writes_to_views_only(stack):
    """R0.8 R0.9: with a token, writing goes through the views of the API."""
    writable = stack.sql(
        "SELECT c.oid::regclass::text FROM pg_class c"
        " WHERE c.relnamespace = 'campaign'::regnamespace AND c.relkind = 'r' AND"
        " has_table_privilege('campaign_user', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')")
    assert writable == []


@pytest.mark.parametrize("query", [
    "SELECT * FROM campaign.recipients", "SELECT * FROM campaign.campaigns",
    "SELECT password FROM campaign.users", "DELETE FROM campaign.progress",
    "SELECT campaign_dispatch('x')", "SELECT campaign_status('x')", "SELECT campaign_cancel('x')",
    "SELECT campaign_send('a', 'b', 'c')", "SELECT user_create('a@example.com', 'b')",
    "SELECT password_hash('x')", "SELECT campaign.outbox_active('{}')",
    "SELECT campaign.campaign_transition('x', 'sent')",
    "SELECT campaign.outbox_template('x', 'NORMAL')", "CREATE TABLE public.x ()",
    "CREATE FUNCTION campaign.x() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "SET ROLE campaign_worker", "SET ROLE postgres", "SHOW campaign.amqp_url"])
def test_consumer_login_is_refused(consumer, query):
    """R0.16: what it may not do is refused by PostgreSQL itself."""
    with pytest.raises(psycopg2.Error) as caught:
        execute(consumer, query)
    assert caught.value.pgcode == "42501", caught.value


def test_worker_session_is_the_worker_role(stack):
    """R0.15: the background worker's session is no superuser's."""
    rows = stack.sql("SELECT usename FROM pg_stat_activity"
                     " WHERE backend_type LIKE 'campaign worker%%'")
    assert rows == [("campaign_worker",)]


def test_reports_of_other_campaigns_are_harmless(stack, consumer):
    """R0.16 R0.17: reports about what is not there or out of range change nothing."""
    campaign_id = campaigns.create(stack, make_numbers(5, seed=70))
    report = "SELECT campaign.report_stored(%s::text[], %s::text[], %s::bigint[], %s::bigint[])"
    for ids, first, last in (([campaign_id], [6], [900]), (["nosuchcampaign"], [1], [5]),
                             ([], [], [])):
        classes = ["NORMAL"] * len(ids)
        assert execute(consumer, report, ids, classes, first, last) == [(0,)]
    answer = campaigns.status(stack, campaign_id)
    assert (answer["stored"], answer["status"]) == (0, "draft")
    assert execute(consumer, "SELECT * FROM campaign.report_open('nosuchcampaign')") == []


def test_definer_functions_pin_their_search_path(stack):
    """R0.14: a caller's search_path never reaches code with other rights."""
    assert stack.sql("""
        SELECT p.oid::regprocedure::text FROM pg_proc p
        JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
        JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'campaign'
        WHERE p.prosecdef AND NOT EXISTS (
            SELECT FROM unnest(p.proconfig) AS setting WHERE setting LIKE 'search_path=%%')
    """) == []


def test_everything_has_a_comment(stack):
    """R0.19: functions, tables and columns explain themselves."""
    assert stack.sql("""
        SELECT p.oid::regprocedure::text FROM pg_proc p
        JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
        JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'campaign'
        WHERE obj_description(p.oid, 'pg_proc') IS NULL
        UNION ALL
        SELECT a.attrelid::regclass || '.' || a.attname FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r'
        JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'campaign'
        WHERE a.attnum > 0 AND NOT a.attisdropped
            AND col_description(a.attrelid, a.attnum) IS NULL
    """) == []
