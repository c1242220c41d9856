import pandas as pd

from pipeline.leakage.leak import Leak


def test_a_message_has_examples_and_the_full_report_every_row() -> None:
    rows = pd.DataFrame({"id": list("abcde"), "speaker": ["anna", None, "bert", "bert", "bert"]})
    leak = Leak("a rule", rows)
    assert str(leak) == "a rule: a, b, c and 2 more"
    assert str(Leak("a rule", rows.head(3))) == "a rule: a, b, c"
    assert leak.in_full() == ["a rule", "  a anna", "  b -", "  c bert", "  d bert", "  e bert"]


def test_a_difference_names_rows_of_either_table() -> None:
    found = pd.DataFrame({"id": ["a", "b", "c"], "partition": ["train", "test", "test"]})
    expected = pd.DataFrame({"id": ["a", "b", "d"], "partition": ["train", "train", "test"]})
    [leak] = Leak.of_difference("a rule", found, expected)
    assert sorted(leak.rows["id"]) == ["b", "c", "d"]
    assert Leak.of_difference("a rule", found, found) == []
