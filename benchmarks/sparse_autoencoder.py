"""One training step of a TopK sparse autoencoder: hansei against dense autograd, SAELens and sparsify, on a processor.

    python benchmarks/sparse_autoencoder.py                    # N=2048, d=768, n=12288, k=32
    python benchmarks/sparse_autoencoder.py --with FOLDER      # where `pip install --target` put the others

Each side runs in a process of its own, so that its peak memory is its own: start from the same weights, the same
activations, one warm-up step, then `--runs` steps, of which the fastest counts (wall and processor time). hansei's and
the dense step do all that a training step does: loss, gradients, unit decoder rows, projected gradient, moving
average, fused Adam. SAELens and sparsify do theirs: loss, backward, their decoder normalisation, and PyTorch's Adam,
fused too, although SAELens' own trainer does not use it. Sides that are not installed are skipped.

The first losses are compared with one computed in float64.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

SIDES = ("hansei bf16", "hansei float32", "dense autograd", "sparsify", "SAELens")
NAMES = ("encoder_LD", "decoder_LD", "latent_bias_L", "pre_bias_D")


def setting(args: argparse.Namespace) -> tuple[object, Tensor]:
    """The same untrained autoencoder and activations for every side: sparse combinations of directions, and noise."""
    from hansei.inside.sparse_autoencoder import initial

    draw = torch.Generator().manual_seed(77)  # no seed of an autoencoder's start
    directions = torch.nn.functional.normalize(torch.randn(args.latents, args.width, generator=draw), dim=1)
    places = torch.randint(args.latents, (args.rows, args.k), generator=draw)
    x = torch.nn.functional.embedding_bag(
        places, directions, mode="sum", per_sample_weights=torch.rand(args.rows, args.k, generator=draw)
    )
    x = x + 0.01 * torch.randn(x.shape, generator=draw)
    sae = replace(initial(x[:512], args.latents, args.k), scale=1.0)
    return sae, x / x.std()


def hansei(args: argparse.Namespace, bf16: str) -> Callable[[], float]:
    """A step of `hansei inside train`."""
    from hansei.inside.sparse_settings import TrainSettings
    from hansei.inside.sparse_training import Training

    sae, x = setting(args)
    training = Training(x, TrainSettings(latents=args.latents, k=args.k, bf16=bf16, learning_rate=1e-4))
    training._take(sae, {name: getattr(sae, name).clone() for name in NAMES})
    training.weights = replace(training.weights, variance=1.0)

    def step() -> float:
        report = training.step(x)
        step.whole = report.whole
        return report.error

    return step


def dense(args: argparse.Namespace) -> Callable[[], float]:
    """The definition in plain PyTorch."""
    sae, x = setting(args)
    parameters = [getattr(sae, name).requires_grad_() for name in NAMES]
    encoder, decoder, latent_bias, pre_bias = parameters
    average = [p.detach().clone() for p in parameters]
    adam = torch.optim.Adam(parameters, lr=1e-4, eps=6.25e-10, fused=True)

    def step() -> float:
        pre = torch.addmm(latent_bias, x - pre_bias, encoder.T)
        values, places = pre.topk(args.k)
        code = torch.zeros_like(pre).scatter(1, places, values.relu())
        loss = (torch.addmm(pre_bias, code, decoder) - x).pow(2).mean()
        adam.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        with torch.no_grad():
            decoder.div_(decoder.norm(dim=1, keepdim=True))
            decoder.grad.sub_((decoder.grad * decoder).sum(1, keepdim=True) * decoder)
            torch._foreach_lerp_(average, parameters, 0.001)
        adam.step()
        return float(loss.detach())

    return step


def sparsify(args: argparse.Namespace) -> Callable[[], float]:
    """EleutherAI's sparsify: its SparseCoder and what its trainer does around it."""
    from sparsify import SparseCoder
    from sparsify.config import SparseCoderConfig

    sae, x = setting(args)
    theirs = SparseCoder(args.width, SparseCoderConfig(num_latents=args.latents, k=args.k))
    with torch.no_grad():
        theirs.encoder.weight.copy_(sae.encoder_LD)
        theirs.encoder.bias.copy_(sae.latent_bias_L)
        theirs.W_dec.copy_(sae.decoder_LD)
        theirs.b_dec.copy_(sae.pre_bias_D)
    adam = torch.optim.Adam(theirs.parameters(), lr=1e-4, fused=True)
    variance = float((x - x.mean(0)).pow(2).sum())

    def step() -> float:
        theirs.set_decoder_norm_to_unit_norm()
        out = theirs(x)
        adam.zero_grad(set_to_none=True)
        torch.autograd.backward(out.fvu)
        theirs.remove_gradient_parallel_to_decoder_directions()
        adam.step()
        return float(out.fvu.detach()) * variance / x.numel()

    return step


def saelens(args: argparse.Namespace) -> Callable[[], float]:
    """SAELens' TopKTrainingSAE; its sparse activations with --coo."""
    from sae_lens.saes.sae import TrainStepInput
    from sae_lens.saes.topk_sae import TopKTrainingSAE, TopKTrainingSAEConfig

    sae, x = setting(args)
    theirs = TopKTrainingSAE(
        TopKTrainingSAEConfig(
            d_in=args.width,
            d_sae=args.latents,
            k=args.k,
            use_sparse_activations=args.coo,
            rescale_acts_by_decoder_norm=False,
        )
    )
    with torch.no_grad():
        theirs.W_enc.copy_(sae.encoder_LD.T)
        theirs.b_enc.copy_(sae.latent_bias_L)
        theirs.W_dec.copy_(sae.decoder_LD)
        theirs.b_dec.copy_(sae.pre_bias_D)
    adam = torch.optim.Adam(theirs.parameters(), lr=1e-4, fused=True)

    def step() -> float:
        out = theirs.training_forward_pass(TrainStepInput(x, {}, None, 0, False))
        adam.zero_grad(set_to_none=True)
        torch.autograd.backward(out.loss)
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), 1.0)
        adam.step()
        return float(out.losses["mse_loss"].detach()) / args.width

    return step


def true_loss(args: argparse.Namespace) -> float:
    """The first loss in float64, a few rows at a time."""
    sae, x = setting(args)
    exact = replace(sae, **{name: getattr(sae, name).double() for name in NAMES})
    total = sum(float((exact.reconstruct(part.double()) - part).pow(2).sum()) for part in x.split(256))
    return total / x.numel()


def one(args: argparse.Namespace) -> dict[str, object]:
    """One side's figures, in this process."""
    sys.path.extend(args.others)
    makers = {
        "hansei bf16": lambda: hansei(args, "yes"),
        "hansei float32": lambda: hansei(args, "no"),
        "dense autograd": lambda: dense(args),
        "sparsify": lambda: sparsify(args),
        "SAELens": lambda: saelens(args),
    }
    try:
        step = makers[args.side]()
    except ImportError as error:
        return {"skipped": f"not installed ({error})"}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    first = step()
    wall, cpu = [], []
    for _ in range(args.runs):
        started, used = time.perf_counter(), time.process_time()
        step()
        wall.append(time.perf_counter() - started)
        cpu.append(time.process_time() - used)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = {"loss": first, "wall_ms": 1000 * min(wall), "cpu_ms": 1000 * min(cpu)}
    found |= {"peak_mb": peak / 1024, "step_mb": (peak - before) / 1024}
    if args.side == "hansei bf16":
        found["rows_bf16_could_not_decide"] = step.whole
    return found


def main() -> None:
    """All sides, one after the other, and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=2048)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--latents", type=int, default=12288)
    parser.add_argument("--k", type=int, default=32)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--coo", action="store_true", help="SAELens with its sparse (COO) activations")
    parser.add_argument("--with", dest="others", action="append", default=[], help="folder with the other packages")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.side:
        print(json.dumps(one(args)))
        return
    from hansei.training.precision import has_bf16

    print(f"N={args.rows}, d={args.width}, n={args.latents}, k={args.k}; {args.threads} thread(s); {machine()}")
    truth, found = true_loss(args), {}
    print(f"first loss in float64: {truth:.8f}")
    for side in SIDES:
        if side == "hansei bf16" and not has_bf16("cpu"):
            print(f"{side:>15}: skipped, the processor has no bf16 instructions")
            continue
        ran = subprocess.run(
            [sys.executable, __file__, *sys.argv[1:], "--side", side], capture_output=True, text=True, check=False
        )
        if ran.returncode:
            raise SystemExit(f"{side}: {ran.stderr}")
        found[side] = json.loads(ran.stdout.splitlines()[-1])
        show(side, found[side], truth)
    ours = [side for side in found if side.startswith("hansei")]
    others = [side for side in found if not side.startswith("hansei") and "cpu_ms" in found[side]]
    ratios = {f"{b} / {a}": round(found[b]["cpu_ms"] / found[a]["cpu_ms"], 2) for a in ours for b in others}
    print("\n".join(f"{name}: {ratio}" for name, ratio in ratios.items()))
    print(json.dumps({"sides": found, "ratios_of_processor_time": ratios, "loss_float64": truth, "machine": machine()}))


def show(side: str, found: dict[str, object], truth: float) -> None:
    """One line."""
    if "skipped" in found:
        print(f"{side:>15}: skipped, {found['skipped']}")
        return
    undecided, off = found.get("rows_bf16_could_not_decide"), abs(found["loss"] / truth - 1)
    print(
        f"{side:>15}: {found['cpu_ms']:7.0f} ms of processor time, {found['wall_ms']:7.0f} ms; peak "
        f"{found['peak_mb']:.0f} MB, {found['step_mb']:.0f} MB of it for steps; loss off by {off:.1e}"
        + (f"; bf16 left {undecided:.1%} of the rows undecided" if undecided is not None else ""),
        flush=True,
    )


def machine() -> str:
    """The processor, the instructions that matter here, and versions."""
    name, features = platform.machine(), []
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = info.read_text(encoding="utf-8").splitlines()
        name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), name)
        flags = next((line.split() for line in lines if line.startswith("flags")), [])
        features = [flag for flag in flags if flag in ("avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16")]
    return f"{name} ({', '.join(features)}), PyTorch {torch.__version__}, Python {platform.python_version()}"


if __name__ == "__main__":
    main()
