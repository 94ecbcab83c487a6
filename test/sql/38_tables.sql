-- From a numbers file with columns to recipients with attributes (R6.4, R5.5).
BEGIN;
SELECT plan(62);

CREATE FUNCTION pg_temp.draft() RETURNS text LANGUAGE sql AS $$ SELECT campaign_create('test', 'hello') $$;
CREATE FUNCTION pg_temp.rows(id text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', class, seq, phone_number, coalesce(attributes::text, '-')), E'\n' ORDER BY class, seq)
    FROM campaign.recipients WHERE campaign_id = id
$$;
-- What an upload makes of a file: its answer, and the rows.
CREATE FUNCTION pg_temp.upload(file text, format text DEFAULT NULL, column_name text DEFAULT NULL, skip boolean DEFAULT false,
    again boolean DEFAULT false, class text DEFAULT 'NORMAL')
RETURNS TABLE (id text, answer jsonb, rows text) LANGUAGE plpgsql AS $$
BEGIN
    id := pg_temp.draft();
    answer := campaign_upload(id, file, skip, again, class, NULL, format, column_name);
    rows := pg_temp.rows(id);
    RETURN NEXT;
END $$;

-- Formats, found by looking ------------------------------------------------------------------------
SELECT is(rows, E'NORMAL 1 +5511955550101 {"Nome": "Ana"}\nNORMAL 2 +5511955550102 {"Nome": "Bia"}', 'R6.4: ' || what)
FROM (VALUES
    ('CSV', E'Nome,Telefone\nAna,+55 11 95555-0101\nBia,+55 11 95555-0102\n'),
    ('semicolons', E'Nome;Telefone\r\nAna;+55 11 95555-0101\r\nBia;+55 11 95555-0102'),
    ('TSV', E'Nome\tTelefone\nAna\t+55 11 95555-0101\nBia\t+55 11 95555-0102\n'),
    ('lines of JSON', E'{"Nome": "Ana", "Telefone": "+55 11 95555-0101"}\n{"Telefone": 5511955550102, "Nome": "Bia"}\n'),
    ('a BOM, blank lines, quotes', E'\uFEFF\n"Nome","Telefone"\n\n"Ana","+55 11 95555-0101"\n,\n"Bia",+5511955550102\n\n')
) AS files (what, file), LATERAL pg_temp.upload(file);
SELECT is(answer - '{errors,countries,assumed}'::text[], '{"accepted": 2, "duplicates": 0, "invalid": 0, "format": "semicolon", "classes": {"VIP": 0, "NORMAL": 2},
    "columns": {"number": "Telefone", "attributes": ["Nome", "Cidade"]}}', 'R6.4: the answer says what was understood')
FROM pg_temp.upload(E'Nome;Telefone;Cidade\nAna;5511955550101;Rio\nBia;5511955550102;');
SELECT is(rows, E'NORMAL 1 +5511955550101 {"Nome": "A \\"B\\"", "Nota": "a,\\nb\\\\c"}', 'R6.4: quotes, delimiters and line breaks in quotes')
FROM pg_temp.upload(E'Nome,Nota,Telefone\n"A ""B""","a,\nb\\c",5511955550101\n');
SELECT is(answer ->> 'format', NULL, 'R6.4: a plain list is none of these') FROM pg_temp.upload(E'5511955550101\n5511955550102');
SELECT is(answer ->> 'format', 'csv', 'R6.4: a table of one column, if its heading is named')
FROM pg_temp.upload(E'Telefone\n5511955550101', column_name => 'telefone');
SELECT is(rows, E'NORMAL 1 +5511955550101 -', 'R6.4: and if its format is') FROM pg_temp.upload(E'Telefone\n5511955550101', 'csv');
SELECT is(rows, 'NORMAL 1 +5511955550101 {"column_1": "1", "column_3": "Ana"}', 'R6.4: no headings')
FROM pg_temp.upload(E'1,5511955550101,Ana\n');
SELECT throws_matching($$ SELECT pg_temp.upload('5511955550101', 'xlsx') $$, 'format must be list, csv', 'R6.4: no such format');
SELECT throws_matching($$ SELECT pg_temp.upload(E'5511955550101\n5511955550102', NULL, 'x') $$, 'has no column "x"', 'R6.4: a plain list has no columns');

-- The column of the numbers ---------------------------------------------------------------------------
SELECT is(answer #>> '{columns,number}', number, 'R6.4: the numbers are in ' || number)
FROM (VALUES
    (E'id,Número de Telefone\n5511955550999,5511955550101', 'Número de Telefone'), (E'Name,MOBILE_PHONE\nx,5511955550101', 'MOBILE_PHONE'),
    (E'Nombre;Teléfono móvil\nx;5511955550101', 'Teléfono móvil'), (E'Nome;Nummer X\nx;5511955550101\ny;5511955550102', 'Nummer X'),
    (E'Número;Telefone\n5511955550909;5511955550101', 'Telefone'), (E'Telefone;Celular\n;5511955550101', 'Celular')
) AS files (file, number), LATERAL pg_temp.upload(file);
SELECT throws_matching(format('SELECT pg_temp.upload(%L, NULL, %L)', file, column_name), 'nothing was stored: ' || problem, 'R6.4: ' || problem)
FROM (VALUES
    (E'Telefone;Celular\n5511955550101;5511955550102', NULL, 'more than one column may hold the numbers: "Telefone", "Celular"'),
    (E'DDD;Telefone\n11;955550101', NULL, 'numbers in parts; put them together in one column: "DDD"'),
    (E'id,Nome\n5511955550101,Ana', NULL, 'no column holds phone numbers; there are "id", "Nome"'),
    (E'Nome,Telefone\nAna,5511955550101', 'Fone', 'no column "Fone"; there are "Nome", "Telefone"')
) AS files (file, column_name, problem);
SELECT is(rows, 'NORMAL 1 +5511955550102 {"Telefone": "5511955550101"}', 'R6.4: the column that is asked for, ' || column_name)
FROM unnest(ARRAY['Celular', 'CELULAR', '2']) AS column_name,
    LATERAL pg_temp.upload(E'Telefone;Celular\n5511955550101;5511955550102', column_name => column_name);

CREATE TEMPORARY TABLE two_columns AS
SELECT id, campaign_upload(id, E'Telefone;Celular\n5511955550101;5511955550102\n', column_name => 'Telefone') AS answer FROM pg_temp.draft() AS id;
SELECT is(answer -> 'accepted', '1', 'R6.4: a file by one of its columns') FROM two_columns;
SELECT is((campaign_upload(id, E'Telefone;Celular\n5511955550101;5511955550102\n', column_name => 'Celular')) - '{errors,countries,assumed,columns,classes}'::text[],
    '{"accepted": 1, "duplicates": 0, "invalid": 0, "format": "semicolon"}', 'R6.4: and by another is another upload') FROM two_columns;

-- Attributes and classes ------------------------------------------------------------------------------
SELECT is(rows, 'NORMAL 1 +5511955550101 {"Cód": "1", "Nome": "a", "Nome 2": "b", "e_mail": "c", "column_6": "d"}',
    'R6.4: names that MongoDB can hold, each once, and no empty values')
FROM pg_temp.upload(E'Cód.,Nome,Nome,$e.mail,Telefone,,Nota\n1,a,b,c,5511955550101,d,\n');
SELECT is(rows, 'NORMAL 1 +5511955550101 {"a": [1, {"b": null}], "ç": "é"}', 'R6.4: JSON stays what it is, without nulls at the top')
FROM pg_temp.upload(E'{"phone": "5511955550101", "a": [ 1, {"b": null} ], "n": null, "ç": "\\u00e9"}'::text);
SELECT is(rows, E'VIP 1 +5511955550102 {"Tier": "Diamond"}\nVIP 2 +5511955550104 {"Tier": "vip"}\nNORMAL 1 +5511955550101 {"Tier": "GOLD"}\nNORMAL 2 +5511955550103 -',
    'R6.4: a column of classes')
FROM pg_temp.upload(E'Phone,Tier\n5511955550101,GOLD\n5511955550102,Diamond\n5511955550103,\n5511955550104,vip\n');
SELECT is(answer -> 'classes', '{"VIP": 1, "NORMAL": 1}', 'R6.4: rows that do not say theirs have that of the upload')
FROM pg_temp.upload(E'Phone,Class\n5511955550101,NORMAL\n5511955550102,\n', class => 'VIP');
CREATE TEMPORARY TABLE first_upload AS
SELECT * FROM pg_temp.upload(E'Phone,Class,Name\n5511955550101,VIP,a\n5511955550102,,b\n5511955550101,,c\n');
SELECT is(answer - '{errors,countries,assumed,columns}'::text[], '{"accepted": 2, "duplicates": 1, "invalid": 0, "format": "csv", "classes": {"VIP": 1, "NORMAL": 1}}', 'R0.11: a number twice')
FROM first_upload;
SELECT is(c.message_version || ' ' || c.total || ' ' || (SELECT string_agg(p.total::text, ' ' ORDER BY p.class) FROM campaign.progress p WHERE p.campaign_id = c.id),
    '2 2 1 1', 'R5.5: the campaign needs version 2, and counts them') FROM campaign.campaigns c JOIN first_upload ON c.id = first_upload.id;
SELECT is(campaign_upload(id, E'Phone,Class,Name\n5511955550103,,d\n5511955550102,,e\n5511955550104,VIP,f\n') - '{errors,countries,assumed,columns}'::text[],
    '{"accepted": 2, "duplicates": 1, "invalid": 0, "format": "csv", "classes": {"VIP": 1, "NORMAL": 1}}', 'R0.11: another file is added') FROM first_upload;
SELECT is(pg_temp.rows(id), E'VIP 1 +5511955550101 {"Name": "a", "Class": "VIP"}\nVIP 2 +5511955550104 {"Name": "f", "Class": "VIP"}\nNORMAL 1 +5511955550102 {"Name": "b"}\n'
    'NORMAL 2 +5511955550103 {"Name": "d"}', 'R0.11: each class goes on') FROM first_upload;
SELECT is(campaign_upload(id, E'Phone,Class,Name\n5511955550103,,d\n5511955550102,,e\n5511955550104,VIP,f\n') -> 'repeated', 'true', 'R0.11: the same file again') FROM first_upload;
SELECT is(c.message_version, 1, 'R5.5: without attributes nothing changes')
FROM pg_temp.upload(E'Phone,Name\n5511955550101,\n') AS u JOIN campaign.campaigns c ON c.id = u.id;

-- Rows that are refused -------------------------------------------------------------------------------
SELECT is(answer -> 'errors' -> 0, jsonb_build_object('line', line, 'reason', reason), 'R6.4: ' || reason)
FROM (VALUES
    (E'Phone,Name\n5511955550101,a\n,b\n', 3, 'no number in "Phone"'), (E'Phone,Name\n5511955550101,"a\nb"\nx,b\n', 4, 'no digits: ''x'''),
    (E'Phone,Name\n5511955550101,a\n5511955550102,b,c\n', 3, '3 cells in a table of 2 columns'),
    (E'Phone,Name\n5511955550101,a\n5511955550102,"b\n', 3, 'a quote is opened and never closed'),
    (E'Phone,Name\n5511955550101,a\n5511955550102,"b"c\n', 3, 'text behind a closing quote'),
    (E'Phone,Name\n5511955550101,a\n5511955550102,' || repeat('x', 4090) || E'\n', 3, 'attributes take more than 4096 bytes as JSON'),
    (E'{"phone": "5511955550101"}\n{"phone": "5511955550102", "a.b": 1}\n', 2, 'a key has a dot (byte 33)'),
    (E'{"phone": "5511955550101"}\nx\n', 2, 'no JSON object; one a line (byte 1)')
) AS files (file, line, reason), LATERAL pg_temp.upload(file, skip => true);
SELECT throws_matching($$ SELECT pg_temp.upload(E'Phone,Name\nx,a\n') $$, 'nothing was stored: line 2: no digits', 'R0.11: one bad row refuses the file');

-- Encodings -----------------------------------------------------------------------------------------
CREATE FUNCTION pg_temp.decoded(bytes bytea, encoding text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE id text := pg_temp.draft();
BEGIN
    PERFORM campaign_upload(id, bytes, encoding => encoding);
    RETURN pg_temp.rows(id);
END $$;
-- "Nome;Fone\nJosé €;5511955550101"
SELECT is(pg_temp.decoded(bytes, encoding), 'NORMAL 1 +5511955550101 {"Nome": "José €"}', 'R6.4: ' || encoding)
FROM (VALUES
    ('\x4e6f6d653b466f6e650a4a6f73e920803b35353131393535353530313031'::bytea, 'Windows-1252'),
    ('\xfffe4e006f006d0065003b0046006f006e0065000a004a006f007300e9002000ac203b003500350031003100390035003500350035003000310030003100', 'utf-16'),
    ('\xfeff004e006f006d0065003b0046006f006e0065000a004a006f007300e9002020ac003b0035003500310031003900350035003500350030003100300031', 'UTF16')
) AS files (bytes, encoding);
SET client_encoding = 'LATIN1';
SELECT is(pg_temp.decoded('\x4e6f6d653b466f6e650a4a6f73e920803b35353131393535353530313031', 'windows-1252'),
    U&'NORMAL 1 +5511955550101 {"Nome": "Jos\00E9 \20AC"}', 'R6.4: a session in another encoding');
RESET client_encoding;
SELECT throws_matching($$ SELECT pg_temp.decoded('\x35356d81', 'windows-1252') $$, 'not windows-1252: byte 4', 'R6.4: a byte without a meaning');
SELECT throws_matching($$ SELECT pg_temp.decoded('\x00', 'ebcdic') $$, 'encoding must be utf-8', 'R6.4: no such encoding');
SELECT throws_matching($$ SELECT campaign_upload(pg_temp.draft(), 'x', encoding => 'utf-16') $$, 'text have no encoding', 'R6.4: a text is decoded already');
SELECT throws_matching($$ SELECT pg_temp.decoded('\x4e6f6d653b466f6e650a4a6f73e93b35353131393535353530313031', NULL) $$, 'line 2: not UTF-8', 'R6.4: an encoding that is not named');

-- What an error about the whole file says, and what to do about it -------------------------------
CREATE FUNCTION pg_temp.refusal(file bytea, format text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE message text; hint text;
BEGIN
    PERFORM campaign_upload(pg_temp.draft(), file, format => format);
    RETURN 'none';
EXCEPTION WHEN invalid_parameter_value THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RETURN split_part(message, 'nothing was stored: ', 2) || ' -> ' || hint;
END $$;
SELECT is(pg_temp.refusal(file, format), refusal, 'R6.4: ' || refusal)
FROM (VALUES
    (convert_to(E'{"phone": 12345678901234567890}\n', 'UTF8'), NULL,
        'line 1: a number is neither whole with 64 bits nor a decimal of at most 15 digits; write it as a text (byte 31)'
        ' -> Correct the lines: none of the first ones can be read.'),
    ('{}', NULL, 'it is empty -> '),
    ('\x46006f006e0065003b0041000a00', 'semicolon', 'NUL bytes: not a text file, or UTF-16, which has to be named as its encoding'
        ' -> Save the file as UTF-8, or say which encoding it has (X-Encoding).'),
    ('\x4e6fe93b466f6e650a', 'semicolon', 'a heading is not UTF-8; save the file as UTF-8'
        ' -> Save the file as UTF-8, or say which encoding it has (X-Encoding).'),
    ('Nome;Idade', 'semicolon', 'no column holds phone numbers; there are "Nome", "Idade"'
        ' -> Name the column of the numbers with column_name (X-Column).')
) AS files (file, format, refusal);

-- Rows are written past triggers, which must not be silent -----------------------------------------
CREATE FUNCTION pg_temp.nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER watches AFTER INSERT ON campaign.recipients FOR EACH ROW EXECUTE FUNCTION pg_temp.nothing();
SELECT throws_matching($$ SELECT pg_temp.upload(E'5511955550101\n') $$, 'has the trigger "watches" for INSERT', 'R0.11: a trigger that would not be fired');
ALTER TABLE campaign.recipients DISABLE TRIGGER watches;
SELECT lives_ok($$ SELECT pg_temp.upload(E'5511955550101\n') $$, 'R0.11: one that is disabled would not be either way');
DROP TRIGGER watches ON campaign.recipients;
ALTER TABLE campaign.recipients ADD CONSTRAINT known CHECK (phone_number <> '+5511955550103') NOT VALID;
SELECT throws_ok($$ SELECT pg_temp.upload(E'5511955550101\n5511955550103\n') $$, '23514', NULL, 'R0.11: a constraint that somebody has added holds');

SELECT * FROM finish();
ROLLBACK;
