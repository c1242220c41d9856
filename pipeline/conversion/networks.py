"""Generator and discriminator: 1-D convolutions over frames, the spectrum's coefficients as channels."""

from torch import Tensor, nn

FLAT = 1e-2  # smallest standard deviation of a coefficient, against division by 0


class GatedBlock(nn.Module):
    """Residual block with a gated linear unit (Dauphin et al. 2017), as in CycleGAN-VC."""

    def __init__(self, channels: int, kernel: int, dilation: int) -> None:
        super().__init__()
        padding = dilation * (kernel - 1) // 2
        self.gated = nn.Conv1d(channels, 2 * channels, kernel, padding=padding, dilation=dilation)
        self.out = nn.Conv1d(channels, channels, kernel, padding=padding, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        """Features, from and to (batch, channels, frames)."""
        return x + self.out(nn.functional.glu(self.gated(x), dim=1))


class Generator(nn.Module):
    """Converts normalised frames of one emotion to another; starts as the identity.

    It predicts a residual, whose last layer is initialised with 0. Each emotion is normalised by its own statistics,
    so the identity already converts mean and variance, and training starts from there.
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
            channels: of the residual blocks
            blocks: number of residual blocks
            kernel: odd
            residual_mean_removal: share of the residual's mean over time that is subtracted, 0 … 1. The mean is
                the speaker's as much as the emotion's.
            variance_compensation: in `convert`, share of the way from the converted clip's global variance back to
                that of its source, 0 … 1
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
        residual = self.leave(nn.functional.silu(self.blocks(self.enter(x))))
        return x + residual - self.residual_mean_removal * residual.mean(dim=2, keepdim=True)

    def convert(self, x: Tensor) -> Tensor:
        """Converted frames of complete clips, with their global variance compensated; shapes as in `forward`.

        Networks that minimise a distance produce trajectories that vary too little over time ("global variance", Toda
        et al. 2007); a classifier detects synthetic clips by that. Each coefficient is scaled around its mean, so that
        its standard deviation over the clip returns to the source's (Silén et al. 2012).
        """
        converted: Tensor = self(x)
        mean = converted.mean(dim=2, keepdim=True)
        source, own = (frames.std(dim=2, correction=0, keepdim=True).clamp(min=FLAT) for frames in (x, converted))
        return mean + (converted - mean) * (source / own) ** self.variance_compensation


class Discriminator(nn.Module):
    """Scores how real each stretch of frames is as a clip of its emotion (1-D PatchGAN, Isola et al. 2017)."""

    def __init__(self, order: int, channels: int) -> None:
        super().__init__()
        widths = (order, channels, channels * 2, channels * 2)
        layers: list[nn.Module] = []
        for narrow, wide in zip(widths, widths[1:], strict=False):
            layers += [nn.Conv1d(narrow, wide, 5, stride=2, padding=2), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Conv1d(widths[-1], 1, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """One score for each 8 frames, (batch, order, frames) → (batch, 1, ⌈frames / 8⌉); real is 1."""
        scores: Tensor = self.layers(x)
        return scores
