"""The corpus's own table."""

import csv
from collections import Counter
from pathlib import Path, PurePosixPath

from pipeline.corpora.nemo import EXPECTED_COUNTS, parse


def test_counts_and_labels_of_its_own_table(shared: Path) -> None:
    table = shared / "corpora/nemo/data.tsv"
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines(), delimiter="\t"))
    labels = [parse(PurePosixPath(row["file_id"])) for row in rows]
    assert Counter((each.speaker, each.emotion) for each in labels) == EXPECTED_COUNTS
    for row, each in zip(rows, labels, strict=True):
        assert (row["speaker_id"].strip(), row["emotion"], row["gender"]) == (
            each.speaker,
            each.emotion_raw,
            each.gender,
        )
