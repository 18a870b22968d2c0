"""What is said of latents: patterns, probes, detectors, ablations, laws and recovery, each against its definition."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from hansei.core.errors import BadInput
from hansei.inside.activations import Layer
from hansei.inside.attribution import direct_effects
from hansei.inside.corpus import Context
from hansei.inside.formats import write
from hansei.inside.patterns import ANY, Pattern, explain, fires, precision_recall
from hansei.inside.probes import best_detectors, one_latent_probes
from hansei.inside.quality import Fit, ablated, ablation_sparsity, evaluate, substituted
from hansei.inside.recovery import World, found_share
from hansei.inside.sparse_autoencoder import SparseAutoencoder, initial
from hansei.inside.sparse_law import fit_joint, fit_power, joint, power
from hansei.inside.sparse_settings import QualitySettings

TEXTS = [Context(i, 0, [int(t) for t in np.random.default_rng(i).integers(10, 200, 12)]) for i in range(12)]


@pytest.fixture(scope="module")
def layer(llama_folder: str) -> Layer:
    return Layer(llama_folder, "0", device="cpu")


@pytest.fixture(scope="module")
def sae(layer: Layer) -> SparseAutoencoder:
    return initial(layer.read(TEXTS).activations_ND.clone(), 64, 6)


def test_patterns_of_a_known_latent_are_what_it_fires_on() -> None:
    """It fires on 2 where 0 stood two tokens earlier, and on any 7 that begins a text."""

    def strength(texts: list[list[int]]) -> list[float]:
        return [float((len(t) > 2 and t[-1] == 2 and t[-3] == 0) or t == [7]) for t in texts]

    found = explain([[5, 5, 0, 1, 2], [7]], strength, pad=99)
    assert found == [Pattern((0, ANY, 2), False), Pattern((7,), True)]
    assert fires(found, [0, 4, 2, 7, 0, 0, 2, 2]).tolist() == [False, False, True, False, False, False, True, True]
    assert fires(found, [7, 7]).tolist() == [True, False]
    fired = [np.array([False, False, True, True])]
    assert precision_recall(found, [[0, 4, 2, 9]], fired) == (1.0, 0.5)
    assert precision_recall([], [[0, 4]], [np.array([False, False])]) == (None, None)


def test_one_latent_probes_are_logistic_regressions_of_each_latent() -> None:
    draw = torch.Generator().manual_seed(0)
    z = 5 * torch.randn(300, 4, generator=draw, dtype=torch.float64) + 2
    label = (z[:, 1] + 2 * torch.randn(300, generator=draw, dtype=torch.float64) > 3).long()
    found = one_latent_probes(z, label)
    for latent in range(4):
        theirs = LogisticRegression(C=1e9, tol=1e-10).fit(z[:, [latent]].numpy(), label.numpy())
        p = theirs.predict_proba(z[:, [latent]].numpy())[np.arange(300), label.numpy()]
        assert found.loss_L[latent] == pytest.approx(-np.log(p).mean(), abs=1e-4)
        assert found.slope_L[latent] == pytest.approx(theirs.coef_[0, 0], abs=1e-2)
    constant = one_latent_probes((torch.arange(1, 99) / 7).repeat(1161, 1), torch.arange(1161) % 3 == 0)
    p = 387 / 1161
    assert constant.loss_L.tolist() == pytest.approx([-p * math.log(p) - (1 - p) * math.log(1 - p)] * 98, abs=1e-6)
    perfect = one_latent_probes(torch.tensor([[0.0], [0.0], [1.0], [1.0]]), torch.tensor([0, 0, 1, 1]))
    assert perfect.loss_L[0] < 0.05 and perfect.slope_L.isfinite().all()


def test_the_best_detector_has_the_highest_f1_of_all_latents_and_thresholds() -> None:
    draw = torch.Generator().manual_seed(1)
    z, label = torch.randn(40, 6, generator=draw).relu(), torch.rand(40, generator=draw) < 0.4
    z[:, 2] += label * 0.7

    def f1(latent: int, threshold: float) -> float:
        said = z[:, latent] > threshold
        return float(2 * (said & label).sum() / (said.sum() + label.sum()))

    every = max(f1(latent, t) for latent in range(6) for t in [0.0, *(z[:, latent].sort().values[:-1].tolist())])
    best = best_detectors(z, label)[0]
    assert best.f1 == pytest.approx(every) == pytest.approx(f1(best.latent, best.threshold))


def test_a_reconstruction_that_is_exact_costs_the_model_nothing(layer: Layer, sae: SparseAutoencoder) -> None:
    """With as many latents as dimensions in both directions every activation is rebuilt; 6 of 64 cost something."""
    width = layer.width
    both = torch.cat([torch.eye(width), -torch.eye(width)])
    exact = SparseAutoencoder(both, both.clone(), torch.zeros(2 * width), torch.zeros(width), 2 * width)
    found = substituted(layer, exact, TEXTS)
    assert found.with_sae == pytest.approx(found.loss, abs=1e-4) and max(found.kl) < 1e-5
    worse = substituted(layer, sae, TEXTS)
    assert sum(worse.kl) > 0.01 and len(worse.loss) == len(TEXTS)
    rows = layer.read(TEXTS).activations_ND
    assert Fit.of(exact, rows).error < 1e-10 < Fit.of(sae, rows).error
    assert Fit.of(sae, rows).active <= 6


def test_an_ablation_takes_exactly_one_latents_part_out_at_one_token(layer: Layer, sae: SparseAutoencoder) -> None:
    hidden = layer.read(TEXTS).activations_ND.clone().view(12, 12, -1)
    code, frame = sae.encode(hidden.flatten(0, 1))
    latent = int(code.places_BK.view(12, 12, -1)[3, 4, 0])
    value = code.values_BK.view(12, 12, -1)[3, 4, 0]
    changed = ablated(sae, hidden, [latent], only=4)
    torch.testing.assert_close(hidden[3, 4] - changed[3, 4], value * sae.decoder_LD[latent] * frame.scale_B1)
    assert (changed[:, :4] == hidden[:, :4]).all() and (changed[:, 5:] == hidden[:, 5:]).all()
    shares = ablation_sparsity(layer, sae, TEXTS, code, [latent, 63])
    assert shares[0] is not None and 0 < shares[0] <= 1


def test_a_direct_effect_is_what_the_lead_of_a_token_loses_with_a_little_of_the_latent(
    layer: Layer, sae: SparseAutoencoder
) -> None:
    texts = [Context(0, 0, [5, 9, 2, 7]), Context(1, 0, [3, 1])]
    token, share = 11, 1e-3

    def leads(change: Callable[[torch.Tensor], torch.Tensor]) -> float:
        found = 0.0
        for text in texts:
            with torch.inference_mode(), layer.replaced(change):
                logits_V = layer.hf(torch.tensor([text.ids])).logits[0, -1].double()
            found += float(logits_V[token] - logits_V[torch.arange(len(logits_V)) != token].max()) / len(texts)
        return found

    effect_L = direct_effects(layer, sae, texts, token)
    code = sae.encode(layer.read(texts).activations_ND)[0]
    for latent in code.places_BK[:, 0].unique().tolist():

        def less(hidden: torch.Tensor, latent: int = latent) -> torch.Tensor:
            return hidden + share * (ablated(sae, hidden, [latent]) - hidden)

        change = (leads(lambda hidden: hidden) - leads(less)) / share
        assert float(effect_L[latent]) == pytest.approx(change, abs=2e-3)
    assert not effect_L[[i for i in range(sae.latents) if i not in code.places_BK]].any()


def test_evaluating_gives_one_row_of_figures_and_refuses_what_does_not_fit(
    layer: Layer, sae: SparseAutoencoder, llama_folder: str, tmp_path: Path
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("\n\n".join(f"The dog {i} finds a lamp of stone in a bowl, and {i} homes." for i in range(20)))
    place = str(write(sae, tmp_path / "sae"))
    result = evaluate(QualitySettings(place, llama_folder, str(text), tokens=300, context=16, latents=3))
    (row,) = result.rows
    assert 0 < row["normalised_mse"] < 2 and row["active"] <= 6 and row["loss_added_without"].n == row["kl"].n > 5
    assert row["pattern_recall"].n <= 3 and "dead rate" in str(result)
    narrow = initial(torch.randn(50, 8, generator=torch.Generator().manual_seed(0)), 16, 2)
    other = str(write(narrow, tmp_path / "narrow"))
    with pytest.raises(BadInput, match=r"takes activations of width 8, module model.layers.0 .* has 32"):
        evaluate(QualitySettings(other, llama_folder, str(text)))


def test_laws_come_back_from_their_own_values_and_predict_a_larger_size() -> None:
    n, k = (grid.ravel() for grid in np.meshgrid(2.0 ** np.arange(8, 14), [4.0, 8.0, 16.0, 32.0]))
    true = np.array([-0.5, 0.26, -0.1, -0.042, -1.32, -0.2])
    loss = joint(true, n, k)
    kept = n < n.max()
    found = fit_joint(n[kept], k[kept], loss[kept], draws=3)
    assert joint(found.values, n, k)[~kept] == pytest.approx(loss[~kept], rel=5e-3)
    x = np.geomspace(1, 1e4, 12)
    simple = fit_power(x, power(np.array([0.09, 0.5, -0.3]), x), draws=5)
    assert simple.values == pytest.approx([0.09, 0.5, -0.3], rel=1e-3)
    assert (simple.low <= simple.values + 1e-6).all() and (simple.high >= simple.values - 1e-6).all()


def test_recovery_counts_directions_and_not_rows_of_the_decoder() -> None:
    world = World(seed=3, directions=50, width=24, active=3)
    dictionary = world.dictionary()
    start = initial(torch.randn(60, 24, generator=torch.Generator().manual_seed(1)), 50, 3, seed=world.seed)
    assert found_share(start.decoder_LD, dictionary) < 0.1  # the seed is the same, the directions are not
    twice = torch.cat([dictionary[:10], dictionary[:10], -dictionary[10:20]])
    assert found_share(5 * twice, dictionary) == pytest.approx(0.2)
    rows = next(world.batches(4000))
    torch.testing.assert_close(next(world.batches(4000)), rows)
    assert rows.pow(2).sum(1).mean() == pytest.approx(3 * (1 + 1 + 0.5), rel=0.15) and math.isfinite(float(rows.sum()))
