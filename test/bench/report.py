"""report.py - figures and the table that `make bench` prints.

Must never call a figure measured that was not.
"""
import dataclasses
import os
import platform
import statistics


@dataclasses.dataclass
class Figure:
    """One row: a product's values by round, those of its ceiling, and the goal.

    Rates (higher is better) have a ceiling and a ratio; other figures have a limit
    that they must not exceed, or none.
    """

    name: str
    unit: str
    product: list = dataclasses.field(default_factory=list)
    ceiling: list = dataclasses.field(default_factory=list)
    goal: float = None
    limit: float = None
    failure: str = None
    note: str = ""

    @property
    def best(self):
        return max(self.product) if self.unit.endswith("/s") else min(self.product)

    @property
    def ratio(self):
        return self.best / max(self.ceiling) if self.ceiling else None

    @property
    def verdict(self):
        if self.failure:
            return "not measured"
        if self.goal is not None:
            return "ok" if self.ratio >= self.goal else "below goal"
        if self.limit is not None:
            return "ok" if max(self.product) <= self.limit else "below goal"
        return ""


def number(value):
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(values):
    return f"{number(min(values))}..{number(max(values))}" if len(values) > 1 else ""


def goal_text(figure):
    if figure.goal is not None:
        return f">= {figure.goal:.2f}"
    return f"<= {number(figure.limit)}" if figure.limit is not None else ""


def cells(figure):
    if figure.failure:
        return [figure.name, figure.unit, "-", "", "", "", "", goal_text(figure), figure.verdict]
    return [
        figure.name,
        figure.unit,
        number(figure.best),
        spread(figure.product),
        number(max(figure.ceiling)) if figure.ceiling else "",
        spread(figure.ceiling) if figure.ceiling else "",
        f"{figure.ratio:.2f}" if figure.ceiling else "",
        goal_text(figure),
        figure.verdict,
    ]


HEAD = ["figure", "unit", "best", "min..max", "ceiling", "min..max", "ratio", "goal", ""]


def print_table(figures):
    rows = [HEAD] + [cells(figure) for figure in figures]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    for place, row in enumerate(rows):
        line = [row[0].ljust(widths[0]), row[1].ljust(widths[1])]
        line += [cell.rjust(width) for cell, width in zip(row[2:8], widths[2:8])]
        print("  ".join(line + [row[8]]).rstrip())
        if place == 0:
            print("  ".join("-" * width for width in widths).rstrip())
    for figure in figures:
        if figure.note:
            print(f"{figure.name}: {figure.note}")
        if figure.failure:
            print(f"{figure.name}: NOT MEASURED: {figure.failure}")


def machine():
    model = platform.processor() or platform.machine()
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    with open("/proc/loadavg", encoding="ascii") as file:
        load = file.read().split()[0]
    return f"{os.cpu_count()} cores ({model}), load {load} at the start"


def percentile(values, share):
    """The value that `share` per cent of the values do not exceed."""
    return statistics.quantiles(values, n=100, method="inclusive")[share - 1]
