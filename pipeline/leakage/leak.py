"""A leak: a rule that tables break, and how it is reported."""

from collections.abc import Iterable
from dataclasses import dataclass

import click
import pandas as pd

SHOWN = 3  # offending rows in a message


@dataclass(frozen=True)
class Leak:
    """A broken rule and the rows that break it."""

    rule: str
    rows: pd.DataFrame

    def __str__(self) -> str:
        examples = ", ".join(self.rows["id"].head(SHOWN))
        more = f" and {len(self.rows) - SHOWN:,} more" * (len(self.rows) > SHOWN)
        return f"{self.rule}: {examples}{more}"

    @classmethod
    def of_difference(cls, rule: str, found: pd.DataFrame, expected: pd.DataFrame) -> "list[Leak]":
        """Rows with an `id` that are in one of two tables of the same columns and not in the other."""
        both = found.merge(expected, how="outer", indicator=True)
        odd = both[both["_merge"] != "both"].drop_duplicates("id")
        return [cls(rule, odd)] if len(odd) else []

    def in_full(self) -> list[str]:
        """The rule and every row that breaks it, in lines."""
        words = [column for column in ("id", "speaker", "partition", "source_id") if column in self.rows]
        rows = self.rows[words].fillna("-").itertuples(index=False)
        return [self.rule, *("  " + " ".join(row) for row in rows)]


class LeakageError(click.ClickException):
    """Tables in which the test partition leaks into training."""


def require_no_leak(split: str, leaks: Iterable[Leak]) -> None:
    """Raise LeakageError where there are leaks; it names each broken rule and its rows."""
    found = list(leaks)
    if found:
        raise LeakageError(f"{split}: leakage: " + "; ".join(map(str, found)))
