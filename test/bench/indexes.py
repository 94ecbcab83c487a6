"""indexes.py - what CAMPAIGN_INDEXES costs: end to end into a collection with indexes, and without."""
from report import Figure

MOST = 300_000
CHOICES = {"campaign_id": ["campaign_id"], "phone_number": ["phone_number"],
           "both": ["campaign_id", "phone_number"]}


def measure(stack, count, rounds, run_campaign):
    """`run_campaign` answers the rate of a campaign."""
    count = min(count, MOST)
    figures = {name: Figure(f"end to end with index ({name}) ÷ without, {count:,}", "msg/s")
               for name in CHOICES}
    yield from figures.values()
    run_campaign(stack, count // 10)
    for _ in range(rounds):
        without = run_campaign(stack, count)[1]
        for name, figure in figures.items():
            figure.product.append(run_campaign(stack, count, index=CHOICES[name])[1])
            figure.ceiling.append(without)
