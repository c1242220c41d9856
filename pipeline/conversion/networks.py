"""Generator and discriminator: 1-D convolutions over frames, the spectrum's coefficients as channels."""

from torch import Tensor, nn

FLAT = 1e-2  # no coefficient is taken to vary less


class GatedBlock(nn.Module):
    """Residual block with a gated linear unit (Dauphin et al. 2017), as in CycleGAN-VC."""

    def __init__(self, channels: int, kernel: int, dilation: int) -> None:
        super().__init__()
        padding = dilation * (kernel - 1) // 2
        self.gated = nn.Conv1d(channels, 2 * channels, kernel, padding=padding, dilation=dilation)
        self.out = nn.Conv1d(channels, channels, kernel, padding=padding, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, frames), same out."""
        return x + self.out(nn.functional.glu(self.gated(x), dim=1))


class Generator(nn.Module):
    """Moves normalised frames of one emotion to another; begins as the identity.

    It predicts what to add. Where each emotion is normalised by its own statistics, the identity already converts
    mean and variance, so training starts from a sane conversion rather than from noise.
    """

    def __init__(
        self,
        order: int,
        channels: int,
        blocks: int,
        kernel: int,
        residual_mean_removal: float = 0,
        variance_compensation: float = 0,
    ) -> None:
        """Set up the layers.

        Args:
            order: coefficients of a frame
            channels: inside
            blocks: residual ones
            kernel: odd
            residual_mean_removal: share of what it would move a clip's mean by that it leaves, 0 … 1
            variance_compensation: share of the way back to a clip's own deviation that `convert` goes, 0 … 1
        """
        super().__init__()
        self.residual_mean_removal = residual_mean_removal
        self.variance_compensation = variance_compensation
        self.enter = nn.Conv1d(order, channels, kernel, padding=kernel // 2)
        self.blocks = nn.Sequential(
            *(GatedBlock(channels, kernel, dilation=2 ** (index % 4)) for index in range(blocks))
        )
        self.leave = nn.Conv1d(channels, order, kernel, padding=kernel // 2)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Converted frames.

        Args:
            x: normalised spectrum, (batch, order, frames), any number of frames

        Returns:
            same shape
        """
        added = self.leave(nn.functional.silu(self.blocks(self.enter(x))))
        return x + added - self.residual_mean_removal * added.mean(dim=2, keepdim=True)

    def convert(self, x: Tensor) -> Tensor:
        """Converted frames of whole clips, as lively as the clips were; shapes as in `forward`.

        Networks that are near to real speech on average vary less than it does over time, which tells synthetic clips
        from real ones better than anything tells emotions apart. Each coefficient gets its deviation back ("global
        variance": Toda et al. 2007; by scaling: Silén et al. 2012).
        """
        made: Tensor = self(x)
        mean = made.mean(dim=2, keepdim=True)
        own, others = (frames.std(dim=2, correction=0, keepdim=True).clamp(min=FLAT) for frames in (x, made))
        return mean + (made - mean) * (own / others) ** self.variance_compensation


class Discriminator(nn.Module):
    """Says of each stretch of frames how real it sounds as its emotion (a 1-D PatchGAN, Isola et al. 2017)."""

    def __init__(self, order: int, channels: int) -> None:
        super().__init__()
        widths = (order, channels, channels * 2, channels * 2)
        layers: list[nn.Module] = []
        for narrow, wide in zip(widths, widths[1:], strict=False):
            layers += [nn.Conv1d(narrow, wide, 5, stride=2, padding=2), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Conv1d(widths[-1], 1, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, order, frames) → one score a stretch of 8 frames, (batch, 1, ⌈frames / 8⌉); real is 1."""
        scores: Tensor = self.layers(x)
        return scores
