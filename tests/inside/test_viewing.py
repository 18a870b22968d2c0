"""What is shown of a latent: where it fires, its histogram, and what the model does with it."""

from pathlib import Path

import pytest
import torch

from hansei.core.errors import BadInput
from hansei.inside.activations import Layer
from hansei.inside.corpus import Context
from hansei.inside.formats import write
from hansei.inside.quality import ablated
from hansei.inside.sparse_autoencoder import SparseAutoencoder, initial
from hansei.inside.sparse_settings import ViewSettings
from hansei.inside.viewing import BINS, OTHERS, TOP, show, view

TEXTS = [Context(i, 0, torch.randint(10, 200, (3 + i,), generator=torch.Generator().manual_seed(i)).tolist())
         for i in range(14)]  # fmt: skip


@pytest.fixture(scope="module")
def layer(llama_folder: str) -> Layer:
    return Layer(llama_folder, "0", device="cpu")


@pytest.fixture(scope="module")
def sae(layer: Layer) -> SparseAutoencoder:
    return initial(layer.read(TEXTS).activations_ND.clone(), 32, 4)


def test_examples_and_histogram_are_those_of_the_dense_code(layer: Layer, sae: SparseAutoencoder) -> None:
    rows = layer.read(TEXTS).activations_ND
    pre = sae.pre_activations(sae.normalised(rows)[0])
    values, places = pre.topk(sae.k)
    dense = torch.zeros_like(pre).scatter(1, places, values.relu())
    found = view(layer, sae, TEXTS, rows, dict.fromkeys(range(32), "why"), sae_name="s", title="t")
    pieces = torch.split(dense, [len(text.ids) for text in TEXTS])
    for shown in found.shown:
        mine = dense[:, shown.latent]
        assert shown.density == pytest.approx(float((mine > 0).float().mean()))
        assert shown.strongest == pytest.approx(float(mine.max()), abs=1e-6)
        assert sum(shown.histogram) == int((mine > 0).sum()) and len(shown.histogram) == BINS
        firing = [i for i, piece in enumerate(pieces) if piece[:, shown.latent].max() > 0]
        assert len(shown.top) == min(TOP, len(firing))
        assert len(shown.others) == min(OTHERS, len(firing) - len(shown.top))
        order = [max(example.values) for example in shown.top]
        assert order == sorted(order, reverse=True)
        assert len({example.document for example in [*shown.top, *shown.others]}) == len(shown.top) + len(shown.others)
        for example in shown.top:
            whole = pieces[example.document][:, shown.latent]
            assert example.values == pytest.approx(whole.tolist(), abs=1e-4)
            assert example.tokens == [layer.local.tokenizer.decode([i]) for i in TEXTS[example.document].ids]
    assert {shown.latent for shown in found.shown if not shown.top} == set(
        (dense.amax(0) == 0).nonzero()[:, 0].tolist()
    )


@torch.inference_mode()
def test_what_a_latent_promotes_is_what_its_ablation_takes_away(layer: Layer, sae: SparseAutoencoder) -> None:
    """One text, one place: the effect by two plain passes of the model."""
    text = TEXTS[5]
    rows = layer.read([text]).activations_ND
    code = sae.encode(rows)[0]
    at = int(code.values_BK[:-1, 0].argmax())
    latent = int(code.places_BK[at, 0])
    (shown,) = view(layer, sae, [text], rows, {latent: ""}, sae_name="s", title="t").shown
    assert shown.effect is not None and shown.effect.places == 1
    fired = [i for i in range(len(text.ids) - 1) if latent in code.places_BK[i]]
    place = max(fired, key=lambda i: float((code.values_BK[i] * (code.places_BK[i] == latent)).sum()))
    ids = torch.tensor([text.ids])
    plain = layer.hf(ids).logits[0]
    with layer.replaced(lambda hidden: ablated(sae, hidden, [latent], only=place)):
        without = layer.hf(ids).logits[0]
    delta = plain[place] - without[place]
    best = int(delta.argmax())
    assert shown.effect.promotes[0][0] == layer.local.tokenizer.decode([best])
    assert shown.effect.promotes[0][1] == pytest.approx(float(delta[best] - delta.median()), abs=1e-3)
    loss = [torch.nn.functional.cross_entropy(x[place:-1], ids[0, place + 1 :]) for x in (plain, without)]
    assert shown.effect.loss == pytest.approx(float(loss[1] - loss[0]), abs=1e-4)
    assert shown.effect.kl > 0


def test_latents_that_are_not_there_and_autoencoders_that_do_not_fit_get_one_line(
    layer: Layer, sae: SparseAutoencoder, llama_folder: str, tmp_path: Path
) -> None:
    (tmp_path / "text.txt").write_text(
        "The dog finds a lamp of stone.\n\nA bowl of stones and a lamp.", encoding="utf-8"
    )
    place, text = str(write(sae, tmp_path / "sae")), str(tmp_path / "text.txt")
    found = show(ViewSettings(place, llama_folder, text, latents=3, tokens=60))
    assert 0 < len(found.shown) <= 3 and found.latents == 32 and found.contexts == 2
    narrow = str(write(initial(torch.randn(50, 8), 16, 2), tmp_path / "narrow"))
    cases = [
        (lambda: show(ViewSettings(place, llama_folder, text, only=(3, 32))), "has latents 0 to 31, no 32"),
        (lambda: show(ViewSettings(narrow, llama_folder, text)), "takes activations of width 8"),
        (lambda: show(ViewSettings(place, llama_folder, text, layer="7")), "no layer 7: the model's layers are 0 to 1"),
        (lambda: ViewSettings(place, llama_folder, text, latents=0), "latents: expected 1 or more, found 0"),
    ]
    for call, expected in cases:
        with pytest.raises(BadInput, match=expected) as caught:
            call()
        assert "\n" not in str(caught.value)
