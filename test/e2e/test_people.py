"""test_people.py - users, companies, identifiers and passwords."""
import re

import psycopg2
import pytest

import campaigns

PHC = re.compile(r"\$argon2id\$v=19\$m=(\d+),t=(\d+),p=1\$[A-Za-z0-9+/]{22,}\$[A-Za-z0-9+/]{43,}")


@pytest.fixture
def unique(stack):
    """A word that no other test, nor an earlier run, has used."""
    return stack.one("SELECT cuid2()")


def refuse(stack, query, *values, match):
    with pytest.raises(psycopg2.Error, match=match) as caught:
        stack.one(query, *values)
    return caught.value


def test_user_row(stack, unique):
    """R0.1: a user has an id, a hashed password, times and a deleted flag."""
    user_id = stack.one("SELECT user_create(%s, 's3cret pass')", f" {unique}@Example.com ")
    row = stack.sql("SELECT id, email, password, created_at = updated_at, deleted"
                    " FROM campaign.users WHERE id = %s", user_id)[0]
    assert campaigns.CUID2.fullmatch(row[0])
    assert row[1] == f"{unique}@Example.com"
    assert PHC.fullmatch(row[2]) and "s3cret" not in row[2]
    assert row[3:] == (True, False)


def test_email_is_unique_whatever_its_case(stack, unique):
    """R0.1: among live users; the address of a deleted one is free."""
    user_id = stack.one("SELECT user_create(%s, 'one')", f"{unique}@example.com")
    error = refuse(stack, "SELECT user_create(%s, 'two')", f"{unique}@EXAMPLE.com",
                   match="already exists")
    assert error.pgcode == "23505" and unique not in str(error)
    stack.sql("UPDATE campaign.users SET deleted = true WHERE id = %s", user_id)
    assert stack.one("SELECT user_create(%s, 'two')", f"{unique}@Example.COM") != user_id


@pytest.mark.parametrize("email", [
    "", " ", None, "nobody", "@example.com", "a@b", "a b@example.com", "a@@example.com",
    "x" * 250 + "@example.com", "a@example.com\nb"])
def test_bad_email(stack, email):
    """R0.1: one clear error."""
    refuse(stack, "SELECT user_create(%s, 'secret')", email, match="not valid")


@pytest.mark.parametrize("password", [None, ""])
def test_missing_password(stack, unique, password):
    """R0.1: a user without a password is refused."""
    refuse(stack, "SELECT user_create(%s, %s)", f"{unique}@example.com", password,
           match="password")


def test_company_document_is_normalised(stack, unique):
    """R0.2: stored without punctuation, unique among live companies."""
    digits = str(int(unique, 36) % 10 ** 14).zfill(14)
    pretty = f"{digits[:2]}.{digits[2:5]}.{digits[5:8]}/{digits[8:12]}-{digits[12:]}"
    company_id = stack.one("SELECT company_create(' Example Ltd ', %s)", pretty)
    row = stack.sql("SELECT id, name, document, created_at = updated_at, deleted"
                    " FROM campaign.companies WHERE id = %s", company_id)[0]
    assert row == (company_id, "Example Ltd", digits, True, False)
    assert campaigns.CUID2.fullmatch(company_id)
    refuse(stack, "SELECT company_create('Another', %s)", digits, match="already exists")
    stack.sql("UPDATE campaign.companies SET deleted = true WHERE id = %s", company_id)
    assert stack.one("SELECT company_create('Another', %s)", digits) != company_id


def test_company_document_with_letters(stack, unique):
    """R0.2: letters count, their case does not."""
    company_id = stack.one("SELECT company_create('A', %s)", f"gb-{unique}")
    assert stack.one("SELECT document FROM campaign.companies WHERE id = %s",
                     company_id) == f"GB{unique.upper()}"
    refuse(stack, "SELECT company_create('B', %s)", f"GB {unique}", match="already exists")


@pytest.mark.parametrize("name, document", [("", "1"), (None, "1"), ("x" * 201, "1"), ("A", ""),
                                            ("A", None), ("A", "./-"), ("A", "1" * 41)])
def test_bad_company(stack, name, document):
    """R0.2: one clear error."""
    refuse(stack, "SELECT company_create(%s, %s)", name, document, match="company")


def test_campaign_of_company_and_user(stack, unique):
    """R0.3: it belongs to both; neither may be unknown or deleted."""
    user_id = stack.one("SELECT user_create(%s, 'secret')", f"{unique}@example.com")
    company_id = stack.one("SELECT company_create('A', %s)", unique)
    create = "SELECT campaign_create('c', 'Hi', %s, %s)"
    campaign_id = stack.one(create, company_id, user_id)
    assert stack.sql("SELECT company_id, user_id, status, deleted, message, total"
                     " FROM campaign.campaigns WHERE id = %s", campaign_id
                     ) == [(company_id, user_id, "draft", False, "Hi", 0)]
    refuse(stack, create, "nosuchcompany", user_id, match='company "nosuchcompany" does not exist')
    refuse(stack, create, company_id, "nosuchuser", match='user "nosuchuser" does not exist')
    stack.sql("UPDATE campaign.companies SET deleted = true WHERE id = %s", company_id)
    refuse(stack, create, company_id, user_id, match="does not exist")


@pytest.mark.parametrize("name, message", [("", "Hi"), (None, "Hi"), ("x" * 201, "Hi"), ("c", ""),
                                           ("c", None), ("c", "x" * 4097)])
def test_bad_campaign(stack, name, message):
    """R0.3: one clear error."""
    refuse(stack, "SELECT campaign_create(%s, %s)", name, message, match="missing or longer")


# Identifiers ------------------------------------------------------------------------------------


def test_cuid2_form(stack):
    """R0.5: a letter first, base 36, 24 characters by default, 2 to 32 on request."""
    assert campaigns.CUID2.fullmatch(stack.one("SELECT cuid2()"))
    for length in range(2, 33):
        answer = stack.one("SELECT cuid2(%s)", length)
        assert re.fullmatch(rf"[a-z][0-9a-z]{{{length - 1}}}", answer)


@pytest.mark.parametrize("length", [1, 0, -1, 33, 2 ** 31 - 1])
def test_cuid2_wrong_length(stack, length):
    """R0.5: any other length is an error."""
    error = refuse(stack, "SELECT cuid2(%s)", length, match="2")
    assert error.pgcode == "22023"


def test_cuid2_is_unique_and_flat(stack):
    """R0.5: no collision in 200,000, and every first letter and digit as often as any other."""
    rows = stack.sql("SELECT cuid2() FROM generate_series(1, 200000)")
    ids = {row[0] for row in rows}
    assert len(ids) == 200_000
    for place, kinds in ((0, 26), (12, 36), (23, 36)):
        counts = {}
        for one in ids:
            counts[one[place]] = counts.get(one[place], 0) + 1
        expected = len(ids) / kinds
        assert len(counts) == kinds
        # Ten standard deviations: never by chance.
        assert all(abs(count - expected) < 10 * expected ** 0.5 for count in counts.values())


# Passwords --------------------------------------------------------------------------------------


def test_password_round_trip(stack):
    """R0.6: Argon2id in PHC form at OWASP's minimum; salted; verified."""
    first, second = stack.sql("SELECT password_hash('pässword'), password_hash('pässword')")[0]
    assert first != second
    for one in (first, second):
        assert PHC.fullmatch(one).groups() == ("19456", "2")
        assert stack.one("SELECT password_verify('pässword', %s)", one) is True
        assert stack.one("SELECT password_verify('Pässword', %s)", one) is False
        assert stack.one("SELECT password_verify('', %s)", one) is False


def test_password_cost_is_tunable(stack):
    """R0.6: settings raise it; hashes made before still verify and ask for a rehash."""
    old = stack.one("SELECT password_hash('secret')")
    assert stack.one("SELECT campaign.password_needs_rehash(%s)", old) is False
    with stack.settings(campaign__argon2_memory="32MB", campaign__argon2_iterations="3"):
        connection = stack.connect()
        with connection.cursor() as cursor:
            cursor.execute("SELECT password_hash('secret')")
            new = cursor.fetchone()[0]
            cursor.execute("SELECT campaign.password_needs_rehash(%s),"
                           " campaign.password_needs_rehash(%s),"
                           " password_verify('secret', %s), password_verify('secret', %s)",
                           (old, new, old, new))
            assert cursor.fetchone() == (True, False, True, True)
        connection.close()
    assert PHC.fullmatch(new).groups() == ("32768", "3")


def test_password_cost_has_a_floor(stack):
    """R0.6: nothing below OWASP's minimum can be set."""
    with pytest.raises(psycopg2.Error, match="outside the valid range"):
        stack.set("campaign.argon2_memory", "19455kB")
    with pytest.raises(psycopg2.Error, match="outside the valid range"):
        stack.set("campaign.argon2_iterations", "1")


@pytest.mark.parametrize("stored", [
    "$argon2id$v=19$m=4294967295,t=2,p=1$c2FsdHNhbHRzYWx0$" + "A" * 43,
    "$argon2id$v=19$m=19456,t=4294967295,p=1$c2FsdHNhbHRzYWx0$" + "A" * 43,
    "$argon2id$v=19$m=19456,t=2,p=4294967295$c2FsdHNhbHRzYWx0$" + "A" * 43,
    "$argon2id$v=19$m=999999999999999999999,t=2,p=1$c2FsdHNhbHRzYWx0$" + "A" * 43,
    "$argon2i$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$" + "A" * 43,
    "$2b$12$abcdefghijklmnopqrstuv", "", "secret", "$argon2id$", "x" * 100_000])
def test_absurd_hash_is_refused_at_once(stack, stored):
    """R0.6: before any work: the error comes in well under the time of one hash of 4 GB."""
    connection = stack.connect(options="-c statement_timeout=1s")
    try:
        with pytest.raises(psycopg2.Error) as caught, connection.cursor() as cursor:
            cursor.execute("SELECT password_verify('secret', %s)", (stored,))
        assert caught.value.pgcode not in ("57014", "53200"), caught.value
    finally:
        connection.close()
