"""Parameters of the report."""

from typing import Annotated

from pydantic import Field

from pipeline.core.params import section


@section
class ReportParams:
    """How many clips the report has; sound makes most of its size."""

    examples: Annotated[int, Field(ge=0)]  # of each generator and direction
    extremes: Annotated[int, Field(ge=0)]  # best ones of each generator by the gate, and as many worst ones
