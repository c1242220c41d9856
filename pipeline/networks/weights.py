"""Files of weights: those that come in an installed package, and their hashes."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import click


class WeightsError(click.ClickException):
    """A package is missing, or its weights are other ones."""


class NotInstalledError(WeightsError):
    """A package is missing."""


@dataclass(frozen=True)
class Weights:
    """Files of weights in an installed package."""

    package: str
    sha256: Mapping[str, str]  # path in the package → hash of the file
    extra: str  # of ours that installs the package

    def paths(self) -> list[Path]:
        """The files, in the order of `sha256`; the package is not imported.

        Raises:
            NotInstalledError: the package is missing
            WeightsError: a file is missing, or has another hash
        """
        try:
            package = metadata.distribution(self.package)
        except metadata.PackageNotFoundError:
            raise NotInstalledError(
                f"the package {self.package} is not installed: install the `{self.extra}` extra "
                f"(`uv pip install --editable '.[{self.extra}]'`)"
            ) from None
        found = []
        for name, expected in self.sha256.items():
            path = Path(str(package.locate_file(name)))
            hashed = sha256(path) if path.is_file() else "no file"
            if hashed != expected:
                raise WeightsError(f"{path}: not the known weights: SHA-256 {hashed}, expected {expected}")
            found.append(path)
        return found


def sha256(path: Path) -> str:
    """Hash of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
