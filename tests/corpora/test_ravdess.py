"""EmoBox's own list of all files."""

from pathlib import Path, PurePosixPath

import pandas as pd

from pipeline.corpora.ravdess import CORPUS, parse


def test_agrees_with_emobox(shared: Path) -> None:
    listed = pd.read_csv(shared / "reference" / "emobox_ravdess.csv")
    assert len(listed) == 1440
    assert CORPUS.folds is not None
    for row in listed.itertuples():
        labels = parse(PurePosixPath(row.file))
        assert labels.emotion == row.label.lower()
        assert labels.speaker in CORPUS.folds[row.test_fold]
