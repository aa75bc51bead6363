"""Train the demo model's text towers and Next-DiT by flow matching on the procedural world.

usage: train_dit.py --minutes M [--vae vae.pt|MODEL] [--tok DIR|MODEL] [--out dit.pt] [--sizes 128x128,...] [--pool N] [--batch N] [--compile]
Runs on the CPU (bfloat16 autocast) or on a GPU when there is one; resumes from --out when that file exists, else
starts from the exported model folder --init when one is given.
--sizes takes several WIDTHxHEIGHT; each batch has one of them. --painters worker processes draw the pool first.
On a GPU for example: --pool 200000 --batch 512 --lr 0.02 --threads 8 --painters 16 --minutes 8 --sizes 128x128,128x192,192x128,192x192
"""
import argparse
import json
import multiprocessing
import pathlib
import random
import time

import numpy as np
import sentencepiece as spm
import torch
from safetensors.torch import load_file

from muon import Muon
from nextdit import Gemma, Jina, NextDiT
from vae import load, tokenizers
from world import draw, prompt, sample

ap = argparse.ArgumentParser()
for name, kind, default in (("vae", str, "vae.pt"), ("tok", str, "."), ("out", str, "dit.pt"), ("minutes", float, 10),
                            ("init", str, ""), ("sizes", str, "128x128"), ("pool", int, 20000), ("batch", int, 32), ("lr", float, 0.02),
                            ("adam", float, 2e-3), ("seed", int, 0), ("threads", int, 2), ("painters", int, 2), ("compile", int, 0), ("log", int, 25)):
    ap.add_argument("--" + name, type=kind, default=default)
a = ap.parse_args()
rng = random.Random(1000 + a.seed)
sizes = [tuple(map(int, s.split("x"))) for s in a.sizes.split(",")]


def paint(job):
    """64 scenes and their drawings; runs in a worker process."""
    seed, width, height = job
    r = random.Random(seed)
    scenes = [sample(r) for _ in range(64)]
    return scenes, np.stack([draw(s, width, height) for s in scenes])


def painted(width, height):
    jobs = [(rng.getrandbits(64), width, height) for _ in range(-(-a.pool // len(sizes) // 64))]
    with multiprocessing.get_context("fork").Pool(a.painters) as workers:
        yield from workers.imap(paint, jobs)


torch.set_num_threads(a.threads)
torch.manual_seed(a.seed)
gemma_tok, jina_tok = (spm.SentencePieceProcessor(model_file=str(path)) for path in tokenizers(a.tok))

t0 = time.time()
drawn = [list(painted(w, h)) for w, h in sizes]  # before the GPU is touched: worker processes are forked
dev = "cuda" if torch.cuda.is_available() else "cpu"
vae = load(a.vae, dev).eval()
pools = []
with torch.no_grad():
    for parts in drawn:
        scenes, latents = [], []
        for part, pictures in parts:
            scenes += part
            x = torch.from_numpy(pictures).to(dev).permute(0, 3, 1, 2).float() / 127.5 - 1
            with torch.autocast(dev, dtype=torch.bfloat16):
                latents.append(vae.moments(x)[0].half())
        pools.append((scenes, torch.cat(latents)))
del drawn
everything = torch.cat([z.float().flatten() for _, z in pools])
shift, scale = everything.mean().item(), 1 / everything.std().item()
print(f"pool {[tuple(z.shape) for _, z in pools]} {time.time() - t0:.0f}s shift {shift:.4f} scale {scale:.4f}", flush=True)

nets = torch.nn.ModuleDict(dict(dit=NextDiT(), gemma=Gemma(), jina=Jina())).to(dev)
print({k: sum(p.numel() for p in m.parameters()) for k, m in nets.items()}, flush=True)
opt = Muon(nets.named_parameters(), lr=a.lr, adam_lr=a.adam, weight_decay=0.01,
           plain=("embed", "final_layer.linear", "t_embedder", "adaLN"))
done = 0
try:
    ck = torch.load(a.out, map_location=dev)
    nets.load_state_dict(ck["net"])
    opt.load_state_dict(ck["opt"])
    done, shift, scale, ema = ck["step"], ck["shift"], ck["scale"], ck["ema"]
    print("resumed at", done, flush=True)
except FileNotFoundError:
    if a.init:
        folder = pathlib.Path(a.init)
        for name, part, prefix in (("dit", "transformer", ""), ("gemma", "text_encoder", "model."), ("jina", "clip_model", "model.")):
            tensors = load_file(next((folder / part).glob("*.safetensors")))
            nets[name].load_state_dict({k.removeprefix(prefix): v.float() for k, v in tensors.items()})
        config = json.loads((folder / "vae/config.json").read_text())
        shift, scale, done = config["shift_factor"], config["scaling_factor"], json.loads((folder / "newbie.json").read_text())["steps"]
        print("starts from", a.init, "at step", done, flush=True)
    ema = {k: v.clone() for k, v in nets.state_dict().items()}


def pad(rows, fill):
    n = -(-max(map(len, rows)) // 32) * 32
    ids = torch.tensor([r + [fill] * (n - len(r)) for r in rows])
    mask = torch.tensor([[1] * len(r) + [0] * (n - len(r)) for r in rows])
    return ids.to(dev), mask.to(dev)


def encode(texts):
    g = pad([[2] + gemma_tok.encode(t)[:511] for t in texts], 0)
    j = pad([[0] + [i + 1 if i else 3 for i in jina_tok.encode(t)[:510]] + [2] for t in texts], 1)
    return g, j


def caption(s):
    if rng.random() < 0.1:
        return ""
    form = rng.choices(["xml", "xml_basic", "tags", "text"], [0.6, 0.15, 0.15, 0.1])[0]
    return prompt(s, form, rng, "zh" if form != "text" and rng.random() < 0.15 else "en", rng.choice([0.0, 0.0, 0.1]))


def batches():
    """Batches of similar caption length, in random order."""
    while True:
        scenes, latents = rng.choice(pools)
        rows = [(i, caption(scenes[i])) for i in (rng.randrange(len(scenes)) for _ in range(8 * a.batch))]
        rows.sort(key=lambda r: len(r[1]))
        groups = [rows[i:i + a.batch] for i in range(0, len(rows), a.batch)]
        rng.shuffle(groups)
        for g in groups:
            yield latents[[i for i, _ in g]].float(), [c for _, c in g]


def loss_of(x1, gi, gm, ji, jm, t, x0):
    tt = t[:, None, None, None]
    with torch.autocast(dev, dtype=torch.bfloat16):
        v = nets["dit"](tt * x1 + (1 - tt) * x0, t, nets["gemma"](gi, gm), gm, nets["jina"](ji, jm)).float()
    return ((v - (x1 - x0)) ** 2).mean()


if a.compile:
    loss_of = torch.compile(loss_of, dynamic=True)


def save():
    torch.save(dict(net=nets.state_dict(), ema=ema, opt=opt.state_dict(), step=step, shift=shift, scale=scale), a.out)


start, step, losses, source = time.time(), done, [], batches()
while (elapsed := (time.time() - start) / 60) < a.minutes:
    rate = min(1, (step - done + 1) / 100, (step + 1) / 200) * (0.02 + 0.98 * min(1, 2.5 * (1 - elapsed / a.minutes)))
    for g in opt.param_groups:
        g["lr"] = g["base"] * rate
    z, texts = next(source)
    x1 = (z - shift) * scale
    (gi, gm), (ji, jm) = encode(texts)
    t = torch.sigmoid(torch.randn(a.batch, device=dev) - 0.4)
    loss = loss_of(x1, gi, gm, ji, jm, t, torch.randn_like(x1))
    opt.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(nets.parameters(), 1.0)
    opt.step()
    step += 1
    d = min(0.998, (1 + step) / (10 + step))
    with torch.no_grad():
        torch._foreach_lerp_(list(ema.values()), list(nets.state_dict().values()), 1 - d)
    losses.append(loss.detach())
    if step % a.log == 0:
        print(f"{elapsed:.1f}m step {step} loss {torch.stack(losses[-a.log:]).mean():.4f} rate {rate:.3f} "
              f"{(step - done) * a.batch / (time.time() - start):.1f} img/s", flush=True)
    if step % 250 == 0:
        save()
save()
