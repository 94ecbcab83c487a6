"""suppression.py - what a suppression list of a million costs a campaign that has none of its numbers.

The ceiling is the same campaign with empty lists, in turns with it.
"""
import figures
from report import Figure

LISTED = 1_000_000


def measure(stack, count, rounds):
    figure = Figure(f"end to end beside a list of {LISTED:,}", "msg/s", goal=0.97)
    yield figure
    figures.run_campaign(stack, figures.WARM_UP)
    for _ in range(rounds):
        figure.ceiling.append(figures.run_campaign(stack, count)[1])
        stack.sql("INSERT INTO campaign.suppressions (number, role) SELECT 5521000000000 + n, 'bench'"
                  " FROM generate_series(1, %s) AS n", LISTED)
        stack.sql("INSERT INTO campaign.suppression_changes (number) VALUES (NULL)")
        try:
            figure.product.append(figures.run_campaign(stack, count)[1])
        finally:
            stack.sql("TRUNCATE campaign.suppressions, campaign.suppression_changes")
