"""Nkululeko: a CSV file of each partition, and an experiment (https://github.com/felixbur/nkululeko)."""

from pathlib import Path

import pandas as pd

from pipeline.core.files import write_csv

CONFIG = "nkululeko.ini"
STRATEGIES = {"train": "train", "valid": "dev", "test": "test"}  # partition → split_strategy; others are not used
USAGE = f"python -m nkululeko.nkululeko --config {CONFIG}"


def write(folder: Path, clips: pd.DataFrame, name: str) -> None:
    """Write the tables of the partitions, and an experiment with the features of Praat and an SVM."""
    used = [partition for partition in STRATEGIES if (clips["partition"] == partition).any()]
    lines = ["[EXP]", "root = ./", f"name = {name}", f"traindevtest = {'valid' in used}"]
    lines += ["[DATA]", f"databases = {used}", "target = emotion"]
    lines += [f"labels = {sorted(clips['emotion'].unique())}"]
    for partition in used:
        own = clips[clips["partition"] == partition]
        write_csv(own, folder / f"{partition}.csv")
        lines += [f"{partition} = ./{partition}.csv", f"{partition}.type = csv", f"{partition}.absolute_path = False"]
        lines += [f"{partition}.split_strategy = {STRATEGIES[partition]}"]
    lines += ["[FEATS]", "type = ['praat']", "scale = standard", "[MODEL]", "type = svm"]
    (folder / CONFIG).write_text("\n".join(lines) + "\n", encoding="utf-8")
