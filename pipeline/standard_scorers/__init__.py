"""Optional scorers that the field uses: frozen networks, whose weights come inside packages of the extra `scorers`.

None of them learns from our clips, and each gives the same numbers for a clip whatever else there is.
"""

from typing import Literal

NATURALNESS = ("distillmos", "dnsmos")  # predicted mean opinion scores, 1 … 5

AssessScorers = tuple[Literal["distillmos", "dnsmos", "ge2e", "swift_f0"], ...]
AugmentScorers = tuple[Literal["distillmos", "dnsmos", "ge2e"], ...]
