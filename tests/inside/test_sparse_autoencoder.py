"""The autoencoder: its start, its training, dead latents counted in tokens, and its files in four layouts."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from hansei.core.errors import BadInput
from hansei.inside.formats import read, write
from hansei.inside.sparse_autoencoder import SparseAutoencoder, geometric_median, initial
from hansei.inside.sparse_settings import TrainSettings
from hansei.inside.sparse_training import Training

WIDTH, FEATURES = 16, 40


def sparse_data(rows: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Rows that are sums of 3 of 40 directions, far from 0 and not of unit size, and the directions."""
    draw = torch.Generator().manual_seed(77)  # no seed of an autoencoder's start
    directions = torch.nn.functional.normalize(torch.randn(FEATURES, WIDTH, generator=draw), dim=1)
    draw.manual_seed(seed)
    code = torch.zeros(rows, FEATURES)
    places = torch.rand(rows, FEATURES, generator=draw).topk(3).indices
    code.scatter_(1, places, 0.5 + torch.rand(rows, 3, generator=draw))
    return 20 * (code @ directions) + 100, directions


def batches(size: int) -> Iterator[Tensor]:
    rows, _ = sparse_data(20_000)
    draw = torch.Generator().manual_seed(1)
    while True:
        yield rows[torch.randint(len(rows), (size,), generator=draw)]


@pytest.fixture(scope="module")
def sae() -> SparseAutoencoder:
    start = initial(sparse_data(500)[0], 24, 3, normalise="layer", seed=1)
    draw = torch.Generator().manual_seed(2)
    return replace(start, latent_bias_L=torch.randn(24, generator=draw) / 10)


def test_the_start_is_tied_unit_long_and_centred() -> None:
    x, _ = sparse_data(2000)
    start = initial(x, 24, 3)
    rows = start.normalised(x)[0]
    torch.testing.assert_close(start.decoder_LD.norm(dim=1), torch.ones(24))
    ratio = (start.encoder_LD / start.decoder_LD).flatten()
    torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio))
    near = start.pre_bias_D + 1e-2 * torch.nn.functional.normalize(
        torch.randn(8, WIDTH, generator=torch.Generator().manual_seed(0)), dim=1
    )
    total = (rows - start.pre_bias_D).norm(dim=1).sum()
    assert all((rows - point).norm(dim=1).sum() >= total - 1e-2 for point in near)
    assert (rows - start.pre_bias_D).std() == pytest.approx(1, rel=0.05)


def test_the_geometric_median_does_not_follow_outliers() -> None:
    x = torch.cat([torch.randn(99, 4, generator=torch.Generator().manual_seed(0)), torch.full((9, 4), 1000.0)])
    assert geometric_median(x).norm() < 0.5 < x.mean(0).norm()


@pytest.fixture(scope="module")
def trained() -> Training:
    training = Training(sparse_data(2000)[0], TrainSettings(FEATURES + 8, 3, 800, 256, learning_rate=3e-3, ema=0.99))
    source = batches(256)
    for _ in range(800):
        training.step(next(source))
    return training


def test_training_finds_the_directions_that_the_data_is_made_of(trained: Training) -> None:
    found = trained.finished()
    x, directions = sparse_data(1000, seed=9)
    error = (found.reconstruct(x) - x).pow(2).mean() / (x - x.mean(0)).pow(2).mean()  # of the start: 0.9
    cosine = (found.decoder_LD @ directions.T).max(0).values
    assert error < 0.15 and (cosine > 0.9).float().mean() > 0.9
    torch.testing.assert_close(found.decoder_LD.norm(dim=1), torch.ones(FEATURES + 8))


def test_a_step_never_moves_decoder_rows_along_themselves() -> None:
    x, _ = sparse_data(600)
    training = Training(x, TrainSettings(24, 3, 10, 256, learning_rate=1e-4))
    for _ in range(3):
        training.step(x[:256])
    decoder, gradient = training.parameters[1], training.parameters[1].grad
    assert gradient is not None
    before = decoder.detach() - 0  # one step of size 1e-4 later: still all but orthogonal
    along = (before * gradient).sum(1).abs() / gradient.norm(dim=1).clamp_min(1e-12)
    assert along.max() < 1e-2


def test_latents_die_by_tokens_and_only_auxk_brings_them_back() -> None:
    """Half of the latents start just outranked: above 0 for some rows, never among the three largest."""
    x, _ = sparse_data(2000)

    def dead_after(weight: float) -> tuple[float, float]:
        settings = TrainSettings(32, 3, 200, 200, learning_rate=2e-3, dead_tokens=1000, aux_weight=weight)
        training = Training(x, settings)
        with torch.no_grad():
            pre = training.sae.pre_activations(training.sae.normalised(x)[0])
            ahead = pre[:, 16:].topk(3).values[:, -1:] - pre[:, :16]
            training.parameters[2][:16] = ahead.min() - 0.2
        shares = [training.step(x[200 * (i % 10) : 200 * (i % 10) + 200]).dead for i in range(200)]
        assert shares[4] == 0 and shares[5] >= 0.5  # 1,200 tokens are the first above 1,000
        return shares[5], shares[-1]

    assert dead_after(0.0)[1] >= 0.5
    assert dead_after(1 / 32)[1] < 0.4


def test_the_saved_normalisation_decides_what_an_autoencoder_says(sae: SparseAutoencoder, tmp_path: Path) -> None:
    x, _ = sparse_data(20)
    for kept in (sae, replace(sae, normalise="scale", scale=12.5)):
        write(kept, tmp_path / kept.normalise)
        torch.testing.assert_close(read(tmp_path / kept.normalise).reconstruct(x), kept.reconstruct(x))


def _with(path: Path, **changed: object) -> None:
    config = json.loads((path / "cfg.json").read_text(encoding="utf-8"))
    (path / "cfg.json").write_text(json.dumps(config | changed), encoding="utf-8")


def test_scale_folds_into_the_weights_exactly(sae: SparseAutoencoder) -> None:
    x, _ = sparse_data(50)
    scaled = replace(sae, normalise="scale", scale=12.5).folded()
    assert scaled.scale == 1
    torch.testing.assert_close(scaled.reconstruct(x), replace(sae, normalise="scale", scale=12.5).reconstruct(x))


@pytest.mark.parametrize(
    ("layout", "normalise"),
    [("openai", "layer"), ("saelens", "layer"), ("saelens", "scale"), ("sparsify", "scale"), ("hansei", "layer")],
)
def test_a_round_trip_through_each_layout_changes_nothing(
    layout: str, normalise: str, sae: SparseAutoencoder, tmp_path: Path
) -> None:
    x, _ = sparse_data(50)
    kept = replace(sae, normalise=normalise, scale=1.0 if normalise == "layer" else 7.0)
    again = read(write(kept, tmp_path / "out", layout))
    assert (again.k, again.normalise) == (kept.k, kept.normalise)
    torch.testing.assert_close(again.reconstruct(x), kept.reconstruct(x), rtol=1e-5, atol=1e-3)


def test_openais_layout_is_theirs(sae: SparseAutoencoder, tmp_path: Path) -> None:
    """Key for key that of openai/sparse_autoencoder's state_dict, whose loader is strict; and their formula on it."""
    state = torch.load(write(sae, tmp_path, "openai", inside=True) / "autoencoder.pt", weights_only=True)
    assert {k: tuple(v.shape) for k, v in state.items() if isinstance(v, Tensor)} == {
        "pre_bias": (WIDTH,),
        "latent_bias": (24,),
        "stats_last_nonzero": (24,),
        "latents_activation_frequency": (24,),
        "latents_mean_square": (24,),
        "encoder.weight": (24, WIDTH),
        "decoder.weight": (WIDTH, 24),
    }
    assert state["activation"] == "TopK" and state["activation_state_dict"] == {"k": 3, "postact_fn": "ReLU"}
    x, _ = sparse_data(5)
    mu, centred = x.mean(-1, keepdim=True), x - x.mean(-1, keepdim=True)
    std = centred.std(-1, keepdim=True)
    pre = torch.nn.functional.linear(centred / (std + 1e-5) - state["pre_bias"], state["encoder.weight"])
    values, places = (pre + state["latent_bias"]).topk(3)
    code = torch.zeros(5, 24).scatter(1, places, values.relu())
    rebuilt = (torch.nn.functional.linear(code, state["decoder.weight"]) + state["pre_bias"]) * std + mu
    torch.testing.assert_close(sae.reconstruct(x), rebuilt, rtol=1e-5, atol=1e-3)


def test_saelens_and_sparsifys_layouts_are_theirs(sae: SparseAutoencoder, tmp_path: Path) -> None:
    """Names and shapes of SAELens 6 (topk) and sparsify 1.3; and what SAELens' other settings mean when read."""
    lens, plain = tmp_path / "lens", tmp_path / "sparsify"
    scaled = replace(sae, normalise="scale", scale=7.0)
    tensors = load_file(write(scaled, lens, "saelens") / "sae_weights.safetensors")
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    assert shapes == {"W_enc": (WIDTH, 24), "W_dec": (24, WIDTH), "b_enc": (24,), "b_dec": (WIDTH,)}
    theirs = load_file(write(scaled, plain, "sparsify") / "sae.safetensors")
    shapes = {name: tuple(tensor.shape) for name, tensor in theirs.items()}
    assert shapes == {"encoder.weight": (24, WIDTH), "encoder.bias": (24,), "W_dec": (24, WIDTH), "b_dec": (WIDTH,)}

    x, _ = sparse_data(30)
    tensors["W_dec"] *= torch.linspace(0.5, 2, 24)[:, None]
    save_file(tensors, lens / "sae_weights.safetensors")
    _with(lens, rescale_acts_by_decoder_norm=True, apply_b_dec_to_input=False)
    length = tensors["W_dec"].norm(dim=1)
    pre = (x @ tensors["W_enc"] + tensors["b_enc"]) * length
    values, places = pre.topk(3)
    code = torch.zeros(30, 24).scatter(1, places, values.relu())
    rebuilt = (code / length) @ tensors["W_dec"] + tensors["b_dec"]
    torch.testing.assert_close(read(lens).reconstruct(x), rebuilt, rtol=1e-4, atol=1e-2)


def test_files_that_are_no_autoencoder_get_one_clear_line(sae: SparseAutoencoder, tmp_path: Path) -> None:
    scaled = replace(sae, normalise="scale", scale=2.0)
    write(scaled, tmp_path / "lens", "saelens")
    write(scaled, tmp_path / "own")
    (tmp_path / "own" / "hansei-sae.safetensors").write_bytes(b"short")
    torch.save({"activation": "ReLU"}, tmp_path / "relu.pt")
    (tmp_path / "text.pt").write_text("no", encoding="utf-8")

    def lens(**changed: object) -> SparseAutoencoder:
        _with(tmp_path / "lens", **changed)
        return read(tmp_path / "lens")

    cases = [
        (lambda: read(tmp_path), "no autoencoder there|one .pt was expected"),
        (lambda: read(tmp_path / "none.pt"), "there is no such file"),
        (lambda: read(tmp_path / "relu.pt"), "a TopK autoencoder was expected, found activation 'ReLU'"),
        (lambda: read(tmp_path / "text.pt"), "no state_dict of an autoencoder"),
        (lambda: read(tmp_path / "own"), "can't be read as safetensors"),
        (lambda: lens(k="3"), "k was expected to be of type int, found '3'"),
        (lambda: lens(k=25), "24 latents, of which 25 are to be active"),
        (lambda: lens(k=3, architecture="jumprelu"), "architecture topk was expected, found 'jumprelu'"),
        (lambda: write(scaled, tmp_path / "a", "openai"), "normalises every TopK autoencoder"),
        (lambda: write(sae, tmp_path / "a", "sparsify"), "no normalisation of rows"),
        (lambda: write(sae, tmp_path / "lens"), "exists already and is not empty"),
        (lambda: sae.reconstruct(torch.zeros(2, WIDTH + 1)), "takes activations of width 16, these have 17"),
        (lambda: Training(torch.ones(9, 4), TrainSettings(8, 2)), "are the same: nothing can be learnt"),
    ]
    for call, expected in cases:
        with pytest.raises(BadInput, match=expected) as caught:
            call()
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "a").exists()
