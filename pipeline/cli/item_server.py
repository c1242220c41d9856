"""First import of the server whose forks are the items of `emocycle repro --jobs`: it ends with the process it serves.

Their process is not its parent, so only so do they end with it, even if it is killed.
"""

from pipeline.core import workers

workers.end_with_parent()
