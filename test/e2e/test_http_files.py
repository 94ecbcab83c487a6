"""test_http_files.py - lists as people have them: the same content over HTTP, as JSON and in SQL."""
import contextlib
import json
import pathlib

import psycopg2
import pytest

import campaigns
from campaigns import assert_delivered

pytest_plugins = ["http_fixtures"]

CASES = pathlib.Path(__file__).resolve().parents[1] / "cases"
TABLES = [case for case in json.loads((CASES / "index.json").read_text(encoding="utf-8"))
          if pathlib.Path(case["file"]).suffix in (".csv", ".tsv", ".ndjson")]
SPREADSHEET = "Nome;Telefone;Tier\nJosé;+55 11 95555-0101;\nBia;5511955550102;VIP\n"


def rows(stack, campaign_id):
    return stack.sql("SELECT class, seq, phone_number, attributes FROM campaign.recipients"
                     " WHERE campaign_id = %s ORDER BY class, seq", campaign_id)


@pytest.mark.parametrize("case", TABLES, ids=[case["file"] for case in TABLES])
def test_case_means_the_same_everywhere(stack, ana, case):
    """R6.4: the numbers of test/cases, the same rows from a file, from JSON and from SQL."""
    content = (CASES / case["file"]).read_bytes()
    headers = {f"X_{name.capitalize()}": value for name, value in case["options"].items()}
    ids = [ana.api.create_campaign(ana.company_id) for _ in range(3)]
    skip = "refused" in case
    status = 200 if case["accepted"] else 422
    ana.api.upload(ids[0], content, X_Skip_Invalid=str(skip).lower(), **headers).expect(status)
    ana.api.post(f"/campaigns/{ids[1]}/numbers",
                 {"numbers": content.decode(), "skip_invalid": skip, **case["options"]}).expect(status)
    with contextlib.nullcontext() if case["accepted"] else pytest.raises(psycopg2.Error):
        stack.one("SELECT campaign_upload(%s, %s::text, country => %s, skip_invalid => %s)", ids[2],
                  content.decode(), case["options"].get("country"), skip)
    first, *others = [rows(stack, campaign_id) for campaign_id in ids]
    assert [row[2] for row in first] == case["accepted"]
    assert others == [first, first]


def test_options_of_a_table(stack, ana):
    """R6.4: X-Column, X-Format and X-Encoding; what cannot be told is 422 with what to do."""
    two = "Telefone;Celular\n5511955550101;5511955550102\n"
    campaign_id = ana.api.create_campaign(ana.company_id)
    answer = ana.api.upload(campaign_id, two.encode()).refused(422).json
    assert '"Telefone", "Celular"' in answer["message"] and "X-Column" in answer["hint"]
    answer = ana.api.upload(campaign_id, two.encode(), X_Column="celular").expect(200).json
    assert answer["columns"] == {"number": "Celular", "attributes": ["Telefone"]}
    assert ana.api.upload(campaign_id, b"Fone\n5511955550103\n", X_Format="csv").expect(200)
    ana.api.upload(campaign_id, b"5511955550104", X_Format="xlsx").refused(422)
    content = "Nome;Fone\nJosé;5511955550105\n"
    ana.api.upload(campaign_id, content.encode("cp1252")).refused(422)
    ana.api.upload(campaign_id, content.encode("cp1252"), X_Encoding="windows-1252").expect(200)
    ana.api.upload(campaign_id, content.replace("05", "06").encode("utf-16"),
                   X_Encoding="utf-16").expect(200)
    assert [row[2:] for row in rows(stack, campaign_id)] == [
        ("+5511955550102", {"Telefone": "5511955550101"}), ("+5511955550103", None),
        ("+5511955550105", {"Nome": "José"}), ("+5511955550106", {"Nome": "José"})]


def test_objects_are_rows(stack, ana):
    """R6.4: numbers as an array of objects."""
    campaign_id = ana.api.create_campaign(ana.company_id)
    numbers = [{"phone": "+5511955550101", "name": "José"}, {"phone": "+5511955550102"}]
    ana.api.post(f"/campaigns/{campaign_id}/numbers", {"numbers": numbers}).expect(200)
    assert [row[2:] for row in rows(stack, campaign_id)] == [
        ("+5511955550101", {"name": "José"}), ("+5511955550102", None)]


def test_table_is_previewed_cleared_and_sent(stack, ana):
    """R6.7 R5.5: a spreadsheet's way: preview, upload, clear, upload, send; attributes arrive."""
    campaign_id = ana.api.create_campaign(ana.company_id)
    path = f"/campaigns/{campaign_id}/preview"
    seen = ana.api.request("POST", path, SPREADSHEET.encode(), {"Content-Type": "text/csv"})
    seen = seen.expect(200).json
    assert (seen["accepted"], seen["refused"], len(seen["rows"])) == (2, False, 2)
    assert ana.api.post(path, {"numbers": SPREADSHEET}).expect(200).json == seen
    assert rows(stack, campaign_id) == []

    ana.api.upload(campaign_id, b"+5511955550199\n").expect(200)
    cleared = ana.api.request("DELETE", f"/campaigns/{campaign_id}/numbers").expect(200).json
    assert (cleared["cleared"], cleared["total"]) == (1, 0)
    answer = ana.api.upload(campaign_id, SPREADSHEET.encode()).expect(200).json
    assert {name: seen[name] for name in answer} == answer
    ana.api.post(f"/campaigns/{campaign_id}/dispatch").expect(202)
    ana.api.wait_for_status(campaign_id, "sent")
    assert_delivered(stack, campaign_id, ["+5511955550102"], class_name="VIP")
    found = {one["phone_number"]: one.get("attributes")
             for one in campaigns.documents_of(stack, campaign_id)}
    assert found == {"+5511955550101": {"Nome": "José"},
                     "+5511955550102": {"Nome": "Bia", "Tier": "VIP"}}
    assert ana.api.get(f"/campaigns/{campaign_id}/verify").expect(200).json["ok"] is True
    ana.api.request("DELETE", f"/campaigns/{campaign_id}/numbers").refused(409)
