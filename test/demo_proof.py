"""What MongoDB holds of a campaign, compared with the recipients that PostgreSQL accepted.

usage: demo_proof.py MONGODB_URI CAMPAIGN_ID EXPECTED
EXPECTED: a file with a line "seq phone_number" for each recipient, in order.
Exit code 1 if count, order or content differ.
"""

import sys

import pymongo


def show(label, document):
    fields = {name: value for name, value in document.items() if name != "_id"}
    print(f"  {label}: {fields}")


def main():
    uri, campaign_id, expected_file = sys.argv[1:]
    with open(expected_file, encoding="utf-8") as lines:
        expected = [tuple(line.split()) for line in lines]
    messages = pymongo.MongoClient(uri).get_default_database()["messages"]
    documents = list(messages.find({"campaign_id": campaign_id}).sort("_id", 1))
    stored = [(str(document["seq"]), document["phone_number"]) for document in documents]
    identifiers = {document["identifier"] for document in documents}

    print(f"  MongoDB holds {len(stored)} documents of {len(expected)} recipients, "
          f"{len(identifiers)} identifiers")
    # Inserted in this order, too: the times never go back.
    times = [document["created_at"] for document in documents]
    in_order = stored == expected and times == sorted(times)
    print(f"  same numbers in the same order: {'yes' if in_order else 'NO'}")
    if documents:
        show("first", documents[0])
        show("last", documents[-1])
    return 0 if in_order and len(identifiers) == len(expected) else 1


if __name__ == "__main__":
    sys.exit(main())
