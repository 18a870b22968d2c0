"""How many of 2,000 known directions are found in the same number of steps: hansei's autoencoder and SAELens' TopK.

    OMP_NUM_THREADS=1 python benchmarks/sparse_recovery.py --with FOLDER    # where `pip install --target` put sae-lens

Both sides see the same fresh rows, in the same order, with Adam, the same fall of the learning rate at the end and the
same count of dead latents. Each takes the best of the same learning rates, on a seed that is not reported. SAELens'
side is its TopKTrainingSAE with its defaults: its auxiliary loss, rescaling by decoder norms, gradients clipped at 1,
and rows scaled as its trainer scales them (mean norm sqrt(d)).
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import sys
import time
from itertools import islice

import torch

from hansei.core.statistics import paired_bootstrap
from hansei.inside.recovery import World, found_share
from hansei.inside.sparse_settings import TrainSettings
from hansei.inside.sparse_training import train_on

RATES = (1e-3, 3e-3, 6e-3)
DECAY = 0.2
SEARCH_SEED = 1000


def ours(args: argparse.Namespace, rate: float, seed: int) -> float:
    """Share of the directions that hansei finds."""
    world = World(seed)
    batches = world.batches(args.batch)
    sample = torch.cat(list(islice(world.batches(args.batch), 4)))
    settings = TrainSettings(
        args.latents,
        args.k,
        args.steps,
        args.batch,
        learning_rate=rate,
        decay=DECAY,
        dead_tokens=args.steps * args.batch // 12,
        seed=seed,
    )
    return found_share(train_on(batches, sample, settings)[0].finished().decoder_LD, world.dictionary())


def saelens(args: argparse.Namespace, rate: float, seed: int) -> float:
    """Share of the directions that SAELens finds."""
    from sae_lens.saes.sae import TrainStepInput
    from sae_lens.saes.topk_sae import TopKTrainingSAE, TopKTrainingSAEConfig

    torch.manual_seed(seed)
    world = World(seed)
    theirs = TopKTrainingSAE(TopKTrainingSAEConfig(d_in=world.width, d_sae=args.latents, k=args.k))
    adam = torch.optim.Adam(theirs.parameters(), lr=rate)
    fired, tokens = torch.zeros(args.latents, dtype=torch.long), 0
    scale = 0.0
    for number, x in enumerate(islice(world.batches(args.batch), args.steps)):
        scale = scale or math.sqrt(world.width) / float(x.norm(dim=1).mean())
        dead = tokens - fired > args.steps * args.batch // 12
        out = theirs.training_forward_pass(TrainStepInput(x * scale, {}, dead, number, False))
        adam.zero_grad(set_to_none=True)
        torch.autograd.backward(out.loss)
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), 1.0)
        adam.param_groups[0]["lr"] = rate * min(1.0, (args.steps - number) / (DECAY * args.steps))
        adam.step()
        tokens += len(x)
        fired[(out.feature_acts.detach() > 0).any(0)] = tokens
    return found_share(theirs.W_dec.detach(), world.dictionary())


def main() -> None:
    """Search, then both sides on every seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--latents", type=int, default=2000)
    parser.add_argument("--k", type=int, default=8)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--with", dest="others", action="append", default=[], help="folder with sae-lens")
    args = parser.parse_args()
    sys.path.extend(args.others)
    found, seconds = {}, {}
    for name, side in (("hansei", ours), ("SAELens", saelens)):
        try:
            searched = {rate: side(args, rate, SEARCH_SEED) for rate in RATES}
        except ImportError as error:
            print(f"{name}: skipped, not installed ({error})")
            continue
        rate = max(searched, key=lambda r: searched[r])
        started = time.process_time()
        found[name] = [side(args, rate, seed) for seed in range(args.seeds)]
        seconds[name] = (time.process_time() - started) / args.seeds
        shown = ", ".join(f"{share:.1%}" for share in found[name])
        tried = ", ".join(f"{r:g}: {share:.1%}" for r, share in searched.items())
        print(f"{name}: {shown} of 2,000 directions; {seconds[name]:.0f} s a seed; rates tried: {tried}", flush=True)
    more = None
    if len(found) == 2:
        figure = paired_bootstrap(found["SAELens"], found["hansei"])
        more = [figure.value, figure.low, figure.high]
        print(f"hansei finds {figure.value:+.1%} [{figure.low:+.1%}, {figure.high:+.1%}] more, n = {figure.n} seeds")
    versions = f"PyTorch {torch.__version__}, Python {platform.python_version()}, {platform.machine()}"
    settings = {name: value for name, value in vars(args).items() if name != "others"}
    print(json.dumps({"found": found, "seconds": seconds, "more": more, "settings": settings, "machine": versions}))


if __name__ == "__main__":
    main()
