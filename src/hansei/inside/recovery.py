"""Recovery: data made of directions that are known, and how many of them an autoencoder has found.

The check that no language model can give, where nobody knows the true features (Sharkey et al. 2022 do the same).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from hansei.inside.sparse_autoencoder import Code, SparseAutoencoder, weighted_rows

APART = 1_000_003
"""Added to the seed: an autoencoder of the same seed must not draw these very directions for its start."""
FOUND = 0.9
"""Cosine above which a direction counts as found."""


@dataclass(frozen=True)
class World:
    """Each row is the sum of `active` of `directions` random unit vectors, with weights 1 + exponential / 2."""

    seed: int = 0
    """Of the directions and of the rows."""
    directions: int = 2000
    """How many there are."""
    width: int = 128
    """Of a row."""
    active: int = 8
    """Directions in a row."""

    def dictionary(self) -> Tensor:
        """The directions, unit rows."""
        draw = torch.Generator().manual_seed(APART + self.seed)
        return F.normalize(torch.randn(self.directions, self.width, generator=draw), dim=1)

    def batches(self, size: int) -> Iterator[Tensor]:
        """Endless fresh rows."""
        dictionary_LD = self.dictionary()
        draw = torch.Generator().manual_seed(2 * APART + self.seed)
        while True:
            places_BK = torch.randint(self.directions, (size, self.active), generator=draw)
            weights_BK = 1 + torch.empty(size, self.active).exponential_(2.0, generator=draw)
            yield weighted_rows(dictionary_LD, Code(weights_BK, places_BK))


def found_share(decoder_LD: Tensor, dictionary_LD: Tensor) -> float:
    """Share of the directions with a decoder row whose cosine with it is above `FOUND`."""
    cosine = F.normalize(dictionary_LD, dim=1) @ F.normalize(decoder_LD, dim=1).T
    return float((cosine.max(1).values > FOUND).float().mean())


def share_of(sae: SparseAutoencoder, world: World) -> float:
    """`found_share` of an autoencoder trained on the world."""
    return found_share(sae.decoder_LD, world.dictionary())
