"""proofs.py - campaigns that were sent, what campaign_verify() and receipts say of them, and how their
documents are tampered with."""
import json
import pathlib
import subprocess
import sys

import campaigns
import merkle
from campaigns import make_numbers, numbers_file, wait_for_status
from consumers import consumer_output, environment
from stack import REPOSITORY
from waiting import wait_until

CHECKER = pathlib.Path(REPOSITORY) / "docs" / "contract" / "check_receipt.py"
VIPS = [f"+8836{number:08d}" for number in range(700)]
NORMAL = make_numbers(2_400, seed=401)
CLASS_NAMES = ("VIP", "NORMAL")


def send(stack, *, vips=VIPS, normal=NORMAL, message="Olá, é hoje"):
    """A campaign of two classes that was sent; its id."""
    campaign_id = campaigns.create(stack, normal, message=message)
    if vips:
        stack.one("SELECT campaign_upload(%s, %s::text, class => 'VIP')", campaign_id,
                  numbers_file(vips))
    campaigns.dispatch(stack, campaign_id)
    wait_for_status(stack, campaign_id, "sent")
    return campaign_id


def own_texts(stack):
    """A campaign in which recipients have texts and attributes of their own; its id."""
    campaign_id = stack.one("SELECT campaign_create('own', 'for all')")
    stack.one("""SELECT campaign.recipients_add(%s, '{VIP,NORMAL,NORMAL,NORMAL}',
                 '{+88800000000001,+88800000000002,+88800000000003,+88800000000004}',
                 ARRAY['Olá, Ana', NULL, repeat('ã', 900), NULL],
                 ARRAY['{"z": 1.5, "a": ["ú", null, {"é": true}]}', '{}', NULL, NULL]::jsonb[])""",
              campaign_id)
    campaigns.dispatch(stack, campaign_id)
    wait_for_status(stack, campaign_id, "sent")
    return campaign_id


def consumer_asked_for(stack, campaign_id):
    """Whether a consumer has looked for requests lately; campaign_verify() does not wait for one."""
    reason = stack.one("SELECT campaign_verify(%s, '0')", campaign_id)["reason"]
    return "no consumer" not in (reason or "")


def start_consumer(stack, campaign_id):
    """Starts the consumer, and waits until it looks for requests."""
    stack.part("start", "consumer")
    wait_until("a consumer looks for requests", lambda: consumer_asked_for(stack, campaign_id))


def verify(stack, campaign_id):
    """A proof that was made for this call."""
    answer = stack.one("SELECT campaign_verify(%s, '20 seconds')", campaign_id)
    assert answer["fresh"], answer
    return answer


def difference(stack, campaign_id):
    answer = verify(stack, campaign_id)
    assert answer["ok"] is False and answer["digest"] is None, answer
    return answer["difference"]


def verify_once(stack, campaign_id, **changes):
    return consumer_output("--verify", campaign_id, variables=environment(stack, **changes))


def document_of(stack, campaign_id, class_name, seq):
    return stack.messages.find_one({"_id": campaigns.document_id(campaign_id, seq, class_name)})


def canonical(document):
    """Its attributes as JSON with sorted keys and no blanks; None: it has none."""
    if "attributes" not in document:
        return None
    return json.dumps(document["attributes"], sort_keys=True, separators=(",", ":"),
                      ensure_ascii=False)


def digest_of(documents):
    """What docs/contract makes of documents, computed without the project's code."""
    leaves = [merkle.leaf_bytes(CLASS_NAMES.index(one["class"]), one["seq"], one["identifier"],
                                one["phone_number"], one["message"], canonical(one))
              for one in documents]
    return merkle.digest_of(leaves)


def put(stack, identifier, document):
    if document is None:
        stack.messages.delete_one({"_id": identifier})
    else:
        stack.messages.replace_one({"_id": identifier}, document | {"_id": identifier}, upsert=True)


def check(tmp_path, receipt, *arguments):
    """What the checker says: exit code and output. It is given nothing else."""
    path = tmp_path / "receipt.json"
    path.write_text(receipt if isinstance(receipt, str) else json.dumps(receipt), encoding="utf-8")
    done = subprocess.run([sys.executable, "-I", CHECKER, path, *arguments], text=True, env={},
                          capture_output=True, check=False, cwd=tmp_path)
    return done.returncode, done.stdout + done.stderr


def receipt_of(stack, campaign_id, number):
    return stack.one("SELECT campaign_receipt(%s, %s)", campaign_id, number)
