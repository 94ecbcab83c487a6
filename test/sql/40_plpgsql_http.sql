-- The language of the functions behind HTTP: with what code, message, detail and hint an error leaves them.
BEGIN;
SELECT plan(19);

CREATE TABLE pg_temp.refusals (code text, message text, detail text, hint text);
INSERT INTO pg_temp.refusals VALUES ('22023', 'wrong', 'of all', 'pass another');

CREATE FUNCTION pg_temp.refuse() RETURNS integer LANGUAGE plpgsql_http AS $$
DECLARE
    r pg_temp.refusals := (SELECT f FROM pg_temp.refusals f);
BEGIN
    RAISE EXCEPTION USING ERRCODE = r.code, MESSAGE = r.message, DETAIL = r.detail, HINT = r.hint;
END $$;

CREATE FUNCTION pg_temp.heard(command text DEFAULT 'SELECT pg_temp.refuse()') RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    code text; message text; detail text; hint text;
BEGIN
    EXECUTE command;
    RETURN NULL;
EXCEPTION WHEN OTHERS OR query_canceled OR assert_failure THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
        detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN ARRAY[code, message, detail, hint];
END $$;

CREATE FUNCTION pg_temp.heard_of(code text) RETURNS text[] LANGUAGE sql AS $$
    UPDATE pg_temp.refusals SET code = heard_of.code;
    SELECT pg_temp.heard();
$$;

SELECT is(pg_temp.heard_of(code), ARRAY[status, 'wrong', 'of all', 'pass another'], code || ' is answered with ' || status)
FROM (VALUES ('22023', 'PT422'), ('23503', 'PT422'), ('54000', 'PT422'), ('23505', 'PT409'), ('55000', 'PT409'),
             ('P0002', 'PT404'), ('PT429', 'PT429')) AS c (code, status);
SELECT is(pg_temp.heard_of(code), ARRAY[code, 'wrong', '', ''],
    code || ' was not written for the client, who learns no details')
FROM (VALUES ('23514'), ('XX000'), ('42P01')) AS c (code);
SELECT is(pg_temp.heard_of(code), ARRAY['PT503', 'another request is working on the same thing', '',
    'Nothing was changed. Try again.'], 'R7.2: whoever has waited too long (' || code || ') may try again')
FROM (VALUES ('55P03'), ('40P01')) AS c (code);
SELECT is(pg_temp.heard_of(code), ARRAY[code, 'wrong', 'of all', 'pass another'], code || ' passes as it is')
FROM (VALUES ('57014'), ('P0004')) AS c (code);

UPDATE pg_temp.refusals SET code = 'PT422', message = E'two\r\nlines ' || repeat('ã', 600);
SELECT is((pg_temp.heard())[2], 'two  lines ' || repeat('ã', 494), 'a message is one line of at most 1000 bytes');
UPDATE pg_temp.refusals SET message = '', hint = 'Correct it, or pass skip_invalid => true to go on.';
SELECT is(pg_temp.heard(), ARRAY['PT422', 'request failed', 'of all', 'Correct it, or send "skip_invalid": true to go on.'],
    'an argument in SQL is a field of the body here');

CREATE FUNCTION pg_temp.catches() RETURNS text LANGUAGE plpgsql_http AS $$
BEGIN
    PERFORM pg_temp.refuse();
    RETURN 'nothing';
EXCEPTION WHEN SQLSTATE 'PT422' THEN
    RETURN SQLERRM;
END $$;
SELECT is(pg_temp.catches(), 'request failed', 'who calls such a function may catch its error, and go on');
CREATE FUNCTION pg_temp.rows() RETURNS SETOF integer LANGUAGE plpgsql_http AS $$
BEGIN
    RETURN QUERY SELECT generate_series(1, 3);
END $$;
SELECT is((SELECT array_agg(r) FROM pg_temp.rows() AS r), '{1,2,3}', 'without an error it is PL/pgSQL');

SELECT throws_ok($$ CREATE FUNCTION pg_temp.broken() RETURNS void LANGUAGE plpgsql_http AS 'BEGIN oops END' $$, '42601', NULL,
    'a mistake is found when the function is made');

SELECT * FROM finish();
ROLLBACK;
