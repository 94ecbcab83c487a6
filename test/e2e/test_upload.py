"""test_upload.py - numbers files: what is taken, what is refused, and how it is said."""
import contextlib
import pathlib

import psycopg2
import pytest

import campaigns
from campaigns import make_numbers, numbers_file
from latin1 import latin1_database
from stack import execute

DATA = pathlib.Path(__file__).resolve().parents[1] / "data"
GOOD = b"+5511955500101\n"

# The file, the line that is named, and a piece of the reason.
REFUSED = {
    "empty": (b"", None, "empty"),
    "blank": (b"\r\n \n\t\n", None, "empty"),
    "only a BOM": (b"\xef\xbb\xbf", None, "empty"),
    "NUL": (GOOD + b"+1202555\x000102\n", 2, "NUL byte"),
    "UTF-16 LE with BOM": ("+12025550102\n".encode("utf-16"), 1, "UTF-16"),
    "UTF-16 BE without BOM": ("+12025550102\n".encode("utf-16-be"), 1, "UTF-16"),
    "Latin-1": (GOOD + b"Jos\xe9 12025550102\n", 2, "not UTF-8"),
    "truncated UTF-8": (GOOD + b"12025550102\xe2\x80", 2, "not UTF-8"),
    "10,000 digits": (GOOD + b"1" * 10_000 + b"\n", 2, "too long"),
    "10,000 letters": (GOOD + b"a" * 10_000 + b"\n", 2, "too long"),
    "header row": (b"phone number\n" + GOOD, 1, "header row"),
    "SQL": (GOOD + b"'; DROP TABLE campaign.users; --\n", 2, "no digits"),
    "too short": (GOOD + b"+1202555\n", 2, "too short: 7 digits"),
    "too long": (GOOD + b"+4912345678901234\n", 2, "too long: 16 digits"),
    "starts with 0": (GOOD + b"011955500101\n", 2, "starts with 0"),
    "starts with +0": (GOOD + b"+0119555001\n", 2, "starts with 0"),
    "two pluses": (GOOD + b"++12025550102\n", 2, "'+'"),
    "plus inside": (GOOD + b"1202+5550102\n", 2, "'+'"),
    "letters": (GOOD + b"1-800-FLOWERS\n", 2, "'F'"),
    "a list": (GOOD + b"+12025550102,+12025550103\n", 2, "one number a line"),
    "only punctuation": (GOOD + b"---\n", 2, "no digits"),
    "spreadsheet error": (GOOD + b"\n\n#N/A\n", 4, "no digits"),
    "e-mail": (GOOD + b"someone@example.com\n", 2, "no digits"),
    "other digits": (GOOD + "\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\n".encode(), 2, ""),
}

ACCEPTED = {
    "LF": (b"+12025550101\n+12025550102\n", 2),
    "CRLF": (b"+12025550101\r\n+12025550102\r\n", 2),
    "CR": (b"+12025550101\r+12025550102\r", 2),
    "mixed": (b"+12025550101\r\n+12025550102\n", 2),
    "no newline at the end": (b"+12025550101\n+12025550102", 2),
    "BOM": (b"\xef\xbb\xbf+12025550101\n+12025550102\n", 2),
    "blank lines": (b"\n\r\n+12025550101\n   \n\t\n+12025550102\n\n\n", 2),
    "no plus": (b"12025550101\n12025550102\n", 2),
    "punctuation": (b"+1 (202) 555-0101\n1.202.555.0102\n", 2),
    "slashes": (b"+1 202/555-0101\n  +1-202-555-0102  \n", 2),
    "pasted marks": ("\u202a+1\u00a0202\u2011555\u20110101\u202c\n"
                     "\u200e+1 202 555\u20130102\n".encode(), 2),
    "shortest and longest": (b"+29051234\n+491512345678901\n", None),
}


def draft(stack):
    return stack.one("SELECT campaign_create('upload', 'Hi')")


def upload(stack, campaign_id, content, **options):
    named = "".join(f", {name} => {value!r}" for name, value in options.items())
    return stack.one(f"SELECT campaign_upload(%s, %s{named})", campaign_id,
                     psycopg2.Binary(content) if isinstance(content, bytes) else content)


def phones(stack, campaign_id):
    return [row[0] for row in stack.sql(
        "SELECT phone_number FROM campaign.recipients WHERE campaign_id = %s"
        " ORDER BY class, seq", campaign_id)]


def assert_untouched(stack, campaign_id):
    answer = campaigns.status(stack, campaign_id)
    assert (answer["status"], answer["total"]) == ("draft", 0)
    for table in ("recipients", "progress", "uploads"):
        assert stack.one(f"SELECT count(*) FROM campaign.{table} WHERE campaign_id = %s",
                         campaign_id) == 0, table


@pytest.mark.parametrize("case", REFUSED)
def test_bad_file_is_refused_whole(stack, case):
    """R0.11: one error with the line and the reason; nothing is stored."""
    content, line, reason = REFUSED[case]
    campaign_id = draft(stack)
    with pytest.raises(psycopg2.Error) as caught:
        upload(stack, campaign_id, content)
    message = caught.value.diag.message_primary
    assert caught.value.pgcode == "22023", message
    assert reason in message
    assert line is None or f"line {line}: " in message
    assert len(message) < 400 and message.isprintable()
    assert_untouched(stack, campaign_id)


@pytest.mark.parametrize("case", ACCEPTED)
def test_good_file_is_taken_whole(stack, case):
    """R0.11: line ends, BOM, blank lines and punctuation do not matter; stored with +."""
    content, count = ACCEPTED[case]
    campaign_id = draft(stack)
    answer = upload(stack, campaign_id, content)
    wanted = ["+12025550101", "+12025550102"] if count else ["+29051234", "+491512345678901"]
    answer.pop("countries"), answer.pop("assumed")
    assert answer == {"accepted": 2, "duplicates": 0, "invalid": 0, "errors": []}
    assert phones(stack, campaign_id) == wanted


@pytest.mark.parametrize("case", [name for name, value in REFUSED.items() if value[1]
                                  and value[0].startswith(GOOD)])
def test_skip_invalid_reports_and_takes_the_rest(stack, case):
    """R0.11: on request, the bad lines are only reported."""
    content, line, reason = REFUSED[case]
    campaign_id = draft(stack)
    answer = upload(stack, campaign_id, content + b"\n+12025550199\n", skip_invalid=True)
    assert (answer["accepted"], answer["invalid"]) == (2, 1)
    assert [error["line"] for error in answer["errors"]] == [line]
    assert reason in answer["errors"][0]["reason"]
    assert phones(stack, campaign_id) == ["+5511955500101", "+12025550199"]


def test_skip_invalid_with_nothing_left(stack):
    """R0.11: a file without one valid line is refused even then."""
    campaign_id = draft(stack)
    with pytest.raises(psycopg2.Error, match="no valid number: line 1"):
        upload(stack, campaign_id, b"abc\ndef\n", skip_invalid=True)
    assert_untouched(stack, campaign_id)


def test_every_bad_line_is_named(stack):
    """R0.11: the error's detail lists the lines, and counts those beyond the twentieth."""
    campaign_id = draft(stack)
    with pytest.raises(psycopg2.Error) as caught:
        upload(stack, campaign_id, b"+12025550101\n" + b"x1\n" * 30)
    detail = caught.value.diag.message_detail.splitlines()
    assert [line.split(":")[0] for line in detail[:-1]] == [f"line {n}" for n in range(2, 22)]
    assert "10 more invalid lines" in detail[-1]
    assert "skip_invalid" in caught.value.diag.message_hint
    answer = upload(stack, campaign_id, b"+12025550101\n" + b"x1\n" * 3000, skip_invalid=True)
    assert (answer["invalid"], len(answer["errors"])) == (3000, 1000)


def test_error_quotes_nothing_dangerous(stack):
    """R0.11: control characters and text that turns around do not reach the report."""
    campaign_id = draft(stack)
    line = "\x1b[31mred \u202eevil\u0007\u2028".encode()
    with pytest.raises(psycopg2.Error) as caught:
        upload(stack, campaign_id, GOOD + line)
    assert caught.value.diag.message_primary.isprintable()


def test_repeated_number_is_kept_once(stack):
    """R0.11: however it is written; allow_duplicates keeps all."""
    content = b"+12025550101\n1 (202) 555-0101\n+12025550102\n+1.202.555.0101\n"
    once, all_of_them = draft(stack), draft(stack)
    answer = upload(stack, once, content)
    assert (answer["accepted"], answer["duplicates"]) == (2, 2)
    assert phones(stack, once) == ["+12025550101", "+12025550102"]
    answer = upload(stack, all_of_them, content, allow_duplicates=True)
    assert (answer["accepted"], answer["duplicates"]) == (4, 0)
    assert phones(stack, all_of_them) == ["+12025550101", "+12025550101", "+12025550102",
                                          "+12025550101"]


def test_duplicates_are_each_sent_if_allowed(stack):
    """R0.11 R0.17: the same number twice is two documents, each with its identifier."""
    campaign_id = draft(stack)
    upload(stack, campaign_id, b"+12025550101\n" * 3, allow_duplicates=True)
    campaigns.dispatch(stack, campaign_id)
    campaigns.wait_for_status(stack, campaign_id, "sent")
    campaigns.assert_delivered(stack, campaign_id, ["+12025550101"] * 3)


def test_same_file_again_changes_nothing(stack):
    """R0.11: a client that repeats a request does no harm, even when it all was sent."""
    campaign_id = draft(stack)
    content = numbers_file(make_numbers(50, seed=40)).encode()
    first = upload(stack, campaign_id, content, allow_duplicates=True)
    again = upload(stack, campaign_id, content, allow_duplicates=True)
    assert again == {**first, "repeated": True}
    assert len(phones(stack, campaign_id)) == 50
    campaigns.dispatch(stack, campaign_id)
    campaigns.wait_for_status(stack, campaign_id, "sent")
    assert upload(stack, campaign_id, content)["repeated"] is True
    assert campaigns.status(stack, campaign_id)["status"] == "sent"


def test_second_file_is_added(stack):
    """R0.11: after the first, without the numbers that it had already."""
    campaign_id = draft(stack)
    numbers = make_numbers(30, seed=41)
    upload(stack, campaign_id, numbers_file(numbers[:20]).encode())
    answer = upload(stack, campaign_id, numbers_file(numbers[10:]).encode())
    assert (answer["accepted"], answer["duplicates"]) == (10, 10)
    assert phones(stack, campaign_id) == numbers
    assert [row[0] for row in stack.sql("SELECT seq FROM campaign.recipients"
                                        " WHERE campaign_id = %s ORDER BY seq", campaign_id)
            ] == list(range(1, 31))


def test_text_and_bytes_are_the_same(stack):
    """R0.10: numbers as text and as bytes."""
    for content in ("+12025550101\r\n+12025550102", b"+12025550101\r\n+12025550102"):
        campaign_id = draft(stack)
        assert upload(stack, campaign_id, content)["accepted"] == 2
        assert phones(stack, campaign_id) == ["+12025550101", "+12025550102"]


@pytest.mark.parametrize("arguments, reason", [
    ("'nosuchcampaign', ''::text", "does not exist"),
    ("NULL, '+12025550101'::text", "does not exist"),
    ("campaign_create('a', 'b'), NULL::bytea", "missing"),
    ("campaign_create('a', 'b'), NULL::text", "missing"),
    ("campaign_create('a', 'b'), '+12025550101'::text, class => 'GOLD'", "VIP or NORMAL"),
])
def test_wrong_arguments(stack, arguments, reason):
    """R0.11: one clear error each."""
    with pytest.raises(psycopg2.Error, match=reason):
        stack.one(f"SELECT campaign_upload({arguments})")


def test_big_file(stack):
    """R0.11: 200,000 lines in file order, and one bad line at their end refuses them all."""
    numbers = make_numbers(200_000, seed=42)
    content = numbers_file(numbers).encode()
    campaign_id = draft(stack)
    with pytest.raises(psycopg2.Error, match="line 200001"):
        upload(stack, campaign_id, content + b"oops")
    assert_untouched(stack, campaign_id)
    assert upload(stack, campaign_id, content)["accepted"] == len(numbers)
    assert phones(stack, campaign_id) == numbers


@pytest.mark.parametrize("options", [{}, {"skip_invalid": True}])
def test_refused_file_writes_nothing(stack, options):
    """A file is refused before anything of it is stored: it leaves no dead rows."""
    content = {False: numbers_file(make_numbers(100_000, seed=43)).encode() + b"oops",
               True: b"oops\n" * 100_000}[bool(options)]
    campaign_id = draft(stack)
    before = stack.one("SELECT pg_current_wal_insert_lsn()")
    with pytest.raises(psycopg2.Error, match="line 1(00001)?: "):
        upload(stack, campaign_id, content, **options)
    written = stack.one("SELECT pg_current_wal_insert_lsn() - %s::pg_lsn", before)
    # A hundred thousand rows are some 20 MB; this server does other things too.
    assert written < 1_000_000


@contextlib.contextmanager
def short_of_time(stack, piece):
    """A connection that has a large file of this piece in the table file, and 20 ms for each statement."""
    with contextlib.closing(stack.connect()) as connection:
        execute(connection, "CREATE TEMPORARY TABLE file AS"
                            " SELECT convert_to(repeat(%s, 60000000), 'UTF8') AS content",
                piece.decode())
        execute(connection, "SET statement_timeout = 20")
        yield connection


@pytest.mark.parametrize("piece", [b"\n", b"12", b"x\n"])
def test_reading_a_file_can_be_cancelled(stack, piece):
    """A cancel is answered before the file is read to its end, where it would be refused. The
    file is made before: nothing but its reading takes longer than the time that it gets."""
    with short_of_time(stack, piece) as connection:
        with pytest.raises(psycopg2.errors.QueryCanceled):
            execute(connection, "SELECT campaign.recipients_import('none', 'NORMAL', 1,"
                                " (SELECT content FROM file), false, false, 0, '')")


@pytest.mark.parametrize("options", ["'', ''", "'', 'phone'"])
@pytest.mark.parametrize("piece", [b"1", b" ", b".", b"x;"])
def test_looking_at_a_file_can_be_cancelled(stack, piece, options):
    """The same in a single line, while nobody knows yet what it is; at its end is another error."""
    with short_of_time(stack, piece) as connection:
        with pytest.raises(psycopg2.errors.QueryCanceled):
            execute(connection, "SELECT 1 / (length(campaign.upload_format(content, %s, ''))"
                                " - length('list')) FROM file" % options)


def test_adding_to_a_large_draft_reads_no_row(stack):
    """A number more for 200,000 is compared with packed numbers, not with their rows, but for the first one."""
    numbers = make_numbers(200_002, seed=44)
    campaign_id = draft(stack)
    upload(stack, campaign_id, numbers_file(numbers[:-2]).encode())
    upload(stack, campaign_id, numbers_file(numbers[-2:-1]).encode())
    with stack.connect(autocommit=False) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT campaign_upload(%s, %s::text)",
                       (campaign_id, numbers_file([numbers[1], numbers[-1]])))
        answer = cursor.fetchone()[0]
        cursor.execute("SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_all_tables"
                       " WHERE relid = 'campaign.recipients'::regclass")
        assert cursor.fetchone()[0] == 1  # of the second file
    connection.close()
    assert (answer["accepted"], answer["duplicates"]) == (1, 1)
    assert phones(stack, campaign_id) == numbers


def test_realistic_file_end_to_end(stack):
    """R0.10 R0.11 R0.17: a messy file of the kind that customers send."""
    content = (DATA / "numbers.txt").read_bytes()
    campaign_id = draft(stack)
    with pytest.raises(psycopg2.Error, match="line 1: .*header row"):
        upload(stack, campaign_id, content)
    answer = upload(stack, campaign_id, content, skip_invalid=True)
    lines = [line for line in content.removeprefix(b"\xef\xbb\xbf").replace(b"\r", b"").split(b"\n")
             if line.strip()]
    assert answer["accepted"] + answer["duplicates"] + answer["invalid"] == len(lines)
    assert answer["invalid"] == len(answer["errors"]) > 10 and answer["duplicates"] > 30
    campaigns.dispatch(stack, campaign_id)
    campaigns.wait_for_status(stack, campaign_id, "sent")
    campaigns.assert_delivered(stack, campaign_id, phones(stack, campaign_id))


def test_reasons_in_another_encoding(stack):
    """R5.6: what a line has is quoted in the database's encoding; what this lacks is a '?'."""
    file = GOOD + "Jos\u00e9\n\u4f60\u597d\n".encode()
    with latin1_database(stack) as connection:
        connection.set_client_encoding("UTF8")
        (campaign_id,), = execute(connection, "SELECT campaign_create('test', 'hello')")
        with pytest.raises(psycopg2.Error) as caught:
            execute(connection, "SELECT campaign_upload(%s, %s)", campaign_id, file)
        assert caught.value.diag.message_primary.endswith("line 2: no digits: 'Jos\u00e9'")
        assert caught.value.diag.message_detail == (
            "line 2: no digits: 'Jos\u00e9'\nline 3: no digits: '??'")
        for sql, arguments in (
                ("SELECT campaign_upload(%s, %s, skip_invalid => true)", (campaign_id, file)),
                ("SELECT answer FROM campaign.numbers_read(%s, true, '')", (file,))):
            (answer,), = execute(connection, sql, *arguments)
            assert (answer["accepted"], answer["errors"]) == (1, [
                {"line": 2, "reason": "no digits: 'Jos\u00e9'"},
                {"line": 3, "reason": "no digits: '??'"}])
