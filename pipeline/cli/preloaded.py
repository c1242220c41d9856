"""What the server of `emocycle repro --jobs` imports, once; each item is a fork of it.

Libraries only: each item imports the project's own code itself, so that an edit counts from the next item on, as it
does in `dvc repro`. The imports must open no parallel region of OpenMP. The server ends with the process it serves.
"""

import pandas
import pyarrow.parquet
import scipy.signal
import sklearn
import soundfile
import torch

from pipeline.core.workers import end_with_parent

__all__ = ["pandas", "pyarrow", "scipy", "sklearn", "soundfile", "torch"]

end_with_parent()
