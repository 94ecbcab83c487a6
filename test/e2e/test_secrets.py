"""test_secrets.py - what nobody else may learn: settings, the log, privileges given before."""
import contextlib
import re

import psycopg2
import pytest

from http_client import basic, logged_in, token_of
from stack import execute, run

pytest_plugins = ["http_fixtures"]

MASK = "********"
ROLES = ("campaign_anon", "campaign_user", "campaign_app", "campaign_worker", "campaign_consumer",
         "campaign_mailer", "campaign_monitor")


@pytest.fixture(name="empty", scope="module")
def fixture_empty(stack):
    """A connection to a database without the extension; what it does is rolled back."""
    stack.sql("DROP DATABASE IF EXISTS unextended WITH (FORCE)")
    stack.sql("CREATE DATABASE unextended TEMPLATE template0")
    with contextlib.closing(stack.connect(database="unextended", autocommit=False)) as connection:
        yield connection
    stack.sql("DROP DATABASE unextended WITH (FORCE)")


@pytest.fixture(name="extending")
def fixture_extending(empty):
    yield empty
    empty.rollback()


@pytest.mark.parametrize("role", ["pg_monitor", "pg_read_all_settings", None])
@pytest.mark.parametrize("setting, secret", [("campaign.jwt_secret", "JWT_SECRET"),
                                             ("campaign.amqp_url", "AMQP_URL")])
def test_settings_show_no_secret(stack, role, setting, secret):
    """R7.1: nobody is shown one, a superuser neither, in whatever view."""
    with contextlib.closing(stack.connect(autocommit=False)) as connection:
        if role is not None:
            execute(connection, "CREATE ROLE monitor")
            execute(connection, f"GRANT {role} TO monitor")
            execute(connection, "SET ROLE monitor")
        assert execute(connection, f"SHOW {setting}") == [(MASK,)]
        assert execute(connection, "SELECT current_setting(%s)", setting) == [(MASK,)]
        seen = execute(connection, "SELECT s::text FROM pg_settings s")
        seen += execute(connection, "SHOW ALL")
        seen += execute(connection, "SELECT s::text FROM pg_db_role_setting s")
        assert stack.env[secret] not in str(seen)
        connection.rollback()


@pytest.mark.parametrize("statement", [
    "SELECT user_create('{taken}', '{secret}')", "SELECT user_create('no address', '{secret}')",
    "SELECT user_create('{free}', '{secret}' || repeat('x', 2000))",
    "SELECT password_hash('{secret}' || repeat('x', 2000))",
    "SELECT job_create('user_create', '{{\"email\": \"x\", \"password\": \"{secret}\"}}')",
    "SELECT campaign_api.signup('{taken}', '{secret}')",
    "SELECT campaign_api.password_change('{secret}', '{secret}')"])
def test_a_failing_statement_leaves_no_password_in_the_log(stack, ana, statement):
    """R7.1: PostgreSQL logs the statement of an error; not that of these functions."""
    mark = stack.log_mark("postgres")
    secret = f"pw{stack.one('SELECT cuid2()')}"
    with pytest.raises(psycopg2.Error) as caught:
        stack.one(statement.format(taken=ana.email, free=f"{secret}@example.com", secret=secret))
    log = stack.log_since("postgres", mark)
    assert caught.value.diag.message_primary in log, log
    assert f"'{secret}" not in log and f'"{secret}"' not in log


@pytest.mark.parametrize("role, change, match", [
    *((role, f"ALTER ROLE {role} SUPERUSER", "SUPERUSER") for role in ROLES),
    ("campaign_worker", "ALTER ROLE campaign_worker BYPASSRLS", "BYPASSRLS"),
    ("campaign_user", "ALTER ROLE campaign_user LOGIN", "LOGIN"),
    ("campaign_consumer", "GRANT pg_read_all_data TO campaign_consumer",
     "member of pg_read_all_data")])
def test_a_role_that_may_too_much_is_refused(extending, role, change, match):
    """R7.1: somebody else's role of the same name does not get the extension's rights."""
    execute(extending, change)
    with pytest.raises(psycopg2.Error, match=f'role "{role}" exists already.*{match}') as caught:
        execute(extending, "CREATE EXTENSION campaign")
    assert caught.value.pgcode == "55000" and caught.value.diag.message_hint


def test_a_role_of_somebody_else_is_reported(extending):
    """R7.1: with those who can become it."""
    execute(extending, "CREATE ROLE somebody")
    execute(extending, "GRANT campaign_worker TO somebody")
    execute(extending, "GRANT campaign_mailer TO somebody")
    execute(extending, "COMMENT ON ROLE campaign_worker IS NULL")
    del extending.notices[:]
    execute(extending, "CREATE EXTENSION campaign")
    seen = "".join(extending.notices)
    assert 'WARNING:  role "campaign_worker" was not created by this extension; its members: ' \
        'somebody' in seen
    assert 'WARNING:  role "campaign_mailer" exists already; its members: somebody' in seen
    assert '"campaign_consumer"' not in seen


def test_default_privileges_reach_nothing(extending):
    """R7.1: what was granted in advance on functions, tables, types and schemas is taken back."""
    execute(extending, "CREATE ROLE early")
    for kind, right in (("FUNCTIONS", "EXECUTE"), ("TABLES", "SELECT"), ("SEQUENCES", "USAGE"),
                        ("TYPES", "USAGE"), ("SCHEMAS", "USAGE")):
        execute(extending, f"ALTER DEFAULT PRIVILEGES GRANT {right} ON {kind} TO early")
    execute(extending, "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC")
    execute(extending, "CREATE EXTENSION campaign")
    granted = """
        SELECT object FROM (
            SELECT oid::regprocedure::text, proacl, pronamespace FROM pg_proc
            UNION ALL SELECT oid::regclass::text, relacl, relnamespace FROM pg_class
            UNION ALL SELECT oid::regtype::text, typacl, typnamespace FROM pg_type
            UNION ALL SELECT oid::regnamespace::text, nspacl, oid FROM pg_namespace
        ) AS o (object, acl, schema), LATERAL aclexplode(acl) AS a
        WHERE schema IN ('campaign'::regnamespace, 'campaign_api'::regnamespace)
          AND a.grantee IN ('early'::regrole, {public})"""
    assert execute(extending, granted.format(public="'early'::regrole")) == []
    assert execute(extending, granted.format(public=0) + " AND privilege_type <> 'USAGE'") == []
    execute(extending, "SET ROLE early")
    for query in ("SELECT campaign.jwt_sign('{}')", "SELECT email FROM campaign.users",
                  "SELECT token_create('x')"):
        execute(extending, "SAVEPOINT before")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            execute(extending, query)
        execute(extending, "ROLLBACK TO before")


def test_a_backup_role(stack):
    """R7.1: docs/settings.md says which attribute pg_dump needs, and what it says without."""
    stack.sql("CREATE ROLE backup LOGIN PASSWORD 'backup'")
    try:
        stack.sql("GRANT pg_read_all_data TO backup")
        command = [f"{stack.env['PG_BIN']}/pg_dump", "--file=/dev/null", "--dbname",
                   re.sub("//[^@]*@", "//backup:backup@", stack.env["DATABASE_URL"])]
        refused = run(command, check=False)
        assert refused.returncode != 0
        assert "query would be affected by row-level security policy" in refused.stdout
        stack.sql("ALTER ROLE backup BYPASSRLS")
        run(command)
    finally:
        stack.sql("DROP ROLE backup")


def test_a_secret_is_rotated(stack, nobody, ana, application, app):
    """R7.1: a new secret, the old one ends at once; tokens go on unless they are to end, too."""
    path = f"/applications/{application['id']}/secret"
    logged_in(stack.env["HTTP_URL"], company=True).api.post(path).refused(403, 404)
    app.post(path).refused(401, 403)
    fresh = ana.api.post(path).expect(200).json
    assert set(fresh) == {"id", "name", "secret"} and fresh["secret"] != application["secret"]
    nobody.patient("GET", "/token",
                   headers=basic(application["id"], application["secret"])).refused(401)
    token = token_of(nobody, fresh)["token"]
    for one in (app, nobody.with_token(token)):
        one.get("/tokens").expect(200)
    last = ana.api.post(path + "?revoke_tokens").expect(200).json
    for one in (app, nobody.with_token(token)):
        one.get("/tokens").refused(401)
    token_of(nobody, last)
