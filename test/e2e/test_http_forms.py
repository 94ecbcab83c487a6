"""test_http_forms.py - forms with a file, as curl -F, browsers and Postman send them."""
import shutil
import subprocess

import pytest

from http_client import Answer, unique

pytest_plugins = ["http_fixtures"]

NUMBERS = "+5511955500141\r\n+12025550142\r\n"


def part(name, value, filename=None):
    file = "" if filename is None else f'; filename="{filename}"\r\nContent-Type: text/csv'
    return f'--b0\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n{value}\r\n'


def send(api, path, *parts, method="POST"):
    return api.request(method, path, ("".join(parts) + "--b0--\r\n").encode(),
                       headers={"Content-Type": "multipart/form-data; boundary=b0"})


FILE = part("anything", NUMBERS, "numbers.txt")


def curl(api, path, *arguments):
    """What the program that most people use sends."""
    done = subprocess.run([shutil.which("curl"), "-s", "-w", "\n%{http_code}", "-H",
                           f"Authorization: Bearer {api.token}", *arguments, api.url + path],
                          stdout=subprocess.PIPE, check=True, timeout=60)
    body, _, status = done.stdout.rpartition(b"\n")
    return Answer(int(status), None, body)


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_numbers_from_a_form(ana, target, method):
    """R6.6 R7.5: the file is added, and the boundary is not; fields are the options."""
    answer = send(ana.api, f"/campaigns/{target}/numbers", part("class", "VIP"),
                  part("skip_invalid", "on"), part("allow_duplicates", ""),
                  part("file", NUMBERS + "nonsense\n", "n.txt"), method=method).expect(200).json
    assert (answer["accepted"], answer["invalid"]) == (2, 1)
    rows = ana.api.get(f"/campaigns/{target}/recipients?class=eq.VIP&select=phone_number&order=seq").json
    assert [row["phone_number"] for row in rows] == NUMBERS.split()


def test_create_with_numbers(ana):
    """R6.6 R7.5: one request makes a draft with its recipients."""
    answer = send(ana.api, "/campaigns", part("name", "Café"), part("message", "Olá!"), FILE,
                  part("company_id", ana.company_id), part("ordered", "false")).expect(201)
    campaign = answer.json
    assert answer.headers["Location"] == f"/campaigns/{campaign['id']}"
    assert (campaign["name"], campaign["message"], campaign["ordered"]) == ("Café", "Olá!", False)
    assert (campaign["status"], campaign["total"], campaign["upload"]["accepted"]) == ("draft", 2, 2)


def test_create_without_numbers(ana):
    """R6.6 R7.5: as a browser sends it when no file was chosen."""
    campaign = send(ana.api, "/campaigns/", part("name", "n"), part("message", "m"),
                    part("file", "", "")).expect(201).json
    assert campaign["total"] == 0 and "upload" not in campaign


def test_send_with_numbers(ana):
    """R6.6 R7.5: and everything is sent."""
    answer = send(ana.api, "/campaigns/send", part("name", "n"), part("message", "m"), FILE)
    campaign = answer.expect(202).json
    assert campaign["upload"]["accepted"] == 2
    ana.api.wait_for_status(campaign["id"], "sent")


def test_curl_sends_forms(ana, target, tmp_path):
    """R6.6 R7.5: curl -F, with a file of more than it sends without asking."""
    file = tmp_path / 'num"be;rs.txt'
    file.write_text("".join(f"+55119{n:08}\n" for n in range(100_000)), encoding="utf-8")
    name = str(file).replace("\\", "\\\\").replace('"', '\\"')
    sent = ["-F", f'file=@"{name}"']
    answer = curl(ana.api, f"/campaigns/{target}/numbers", *sent).expect(200)
    assert answer.json["accepted"] == 100_000
    answer = curl(ana.api, "/campaigns/send", "-F", "name=x", "--form-string", "message=Olá; você", *sent)
    assert answer.expect(202).json["total"] == 100_000
    row = ana.api.get(f"/campaigns/{answer.json['id']}").json
    assert row["message"] == "Olá; você"


@pytest.mark.parametrize("parts, status", [
    ([part("phone", "12345678901234")], 422),
    ([part("numbers", NUMBERS)], 422),
    ([part("phone", "12345678901234"), FILE], 422),
    ([part("skip_invalid", "true")], 422),
    ([part("file", "", "")], 422),
    ([FILE, FILE], 422),
    ([part("class", "VIP"), part("class", "NORMAL"), FILE], 422),
    ([part("class", "URGENT"), FILE], 422),
    ([part("skip_invalid", "perhaps"), FILE], 400),
    ([part("campaign_id", "x"), FILE], 422),
    ([part("name", "n"), FILE], 422),
    ([part("class", "V\x00IP"), FILE], 400),
    ([], 422),
    ([FILE.replace("--b0", "--b1")], 422),
    ([FILE[:-30]], 400),
    ([FILE.replace("form-data;", "attachment;")], 400)])
def test_only_the_file_is_numbers(ana, target, stored_nothing, parts, status):
    """R6.6 R7.5: with skip_invalid a field of 14 digits was a recipient once."""
    send(ana.api, f"/campaigns/{target}/numbers", *parts).refused(status)


@pytest.mark.parametrize("fields", [
    [part("name", "\x01" * 2 ** 20)],
    [part("class", "x" * 2 ** 19), part("country", "x" * 2 ** 19)],
    [part("n", "")] * 22_000,
    [FILE] + [part("skip_invalid", "")] * 18_000], ids=["long", "together", "many", "behind the file"])
def test_only_the_file_is_large(ana, stored_nothing, fields):
    """R7.3: fields would take memory several times as long as they are."""
    for path in ("/campaigns", "/campaigns/send"):
        send(ana.api, path, *fields, FILE).refused(413)


def test_the_file_is_large(ana, target):
    """R7.3: beside a file of any length fields are taken."""
    blank_lines = part("file", "\r\n" * 2 ** 20 + NUMBERS, "numbers.txt")
    answer = send(ana.api, f"/campaigns/{target}/numbers", blank_lines, part("class", "VIP")).expect(200)
    assert answer.json["accepted"] + answer.json["duplicates"] == 2


@pytest.mark.parametrize("parts, status", [
    ([part("name", "n"), FILE], 422), ([part("message", "m"), FILE], 422),
    ([part("name", "n"), part("message", "m"), part("company_id", "x"), FILE], 404),
    ([part("name", "n"), part("message", "m"), part("ordered", "7"), FILE], 422),
    ([part("name", "n"), part("message", "m"), part("file", "x\n", "n.txt")], 422)])
def test_all_or_nothing(ana, stored_nothing, parts, status):
    """R6.6 R7.5: no draft stays of a form that is refused."""
    for path in ("/campaigns", "/campaigns/send"):
        send(ana.api, path, *parts).refused(status)


def test_forms_of_others(ana, eve, nobody, app, target, stored_nothing):
    """R6.6 R7.5: the same rights as without a form."""
    path = f"/campaigns/{target}/numbers"
    send(eve.api, path, FILE).refused(403)
    send(nobody, path, FILE).refused(401)
    send(app, path, FILE).refused(403)
    send(ana.api, f"/campaigns/{unique().lower()}/numbers", FILE).refused(404)
    create = [part("name", "n"), part("message", "m"), part("company_id", ana.company_id), FILE]
    send(eve.api, "/campaigns", *create).refused(403)
    send(nobody, "/campaigns/send", *create).refused(401)


def test_without_nginx(ana, target, postgrest):
    """R6.6 R7.5: in PostgREST's own spelling."""
    api = ana.api.at(postgrest)
    headers = {"Content-Type": "application/octet-stream", "X-Form-Verb": "upload",
               "X-Form-Type": "multipart/form-data; boundary=b0", "X-Campaign-Id": target}
    body = part("file", "+5511955500103\n", "n").encode() + b"--b0--"
    answer = api.post("/rpc/campaign_form", body, headers=headers).expect(200)
    assert answer.json["accepted"] == 1
    for name in ("X-Form-Verb", "X-Form-Type", "X-Campaign-Id"):
        less = {key: value for key, value in headers.items() if key != name}
        api.post("/rpc/campaign_form", body, headers=less).refused(400)
