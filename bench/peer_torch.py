#!/usr/bin/env python3
"""PyTorch on the same device, the same weights and shapes as bench/networks, in one run with it (performance.md 4, 7).

usage: peer_torch.py FOLDER OUT [--device cuda|cpu] [--part ceilings|dit|rest]

FOLDER is the model that bench/networks ran, OUT the folder it wrote: rows are added to OUT/rows.csv, and its velocity,
text states and pixels are compared with those of PyTorch in float32. The networks are those of samples/demo-world.
Peers of the step: eager with a padded batch and a mask, as the reference does it; scaled_dot_product_attention without a
mask, each branch with its own length; the same with one block compiled; the same with its backend forced.
Needs torch; no other package.
"""
import argparse
import json
import pathlib
import statistics
import struct
import sys
import time

import torch

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "samples/demo-world"))
try:
    import safetensors.torch  # noqa: F401, vae.py wants it
except ImportError:  # a machine without it: what vae.py would load with it is loaded here by hand
    import types
    sys.modules["safetensors"], sys.modules["safetensors.torch"] = types.ModuleType("safetensors"), types.ModuleType("t")
    sys.modules["safetensors.torch"].load_file = None
import nextdit  # noqa: E402
import vae as vae_module  # noqa: E402

WARM, TIMED, EVALUATIONS = 3, 10, 28  # as in networks.c
DIT = dict(nextdit.DIT, dim=2304, n_layers=36, n_heads=24, n_kv_heads=8, multiple_of=256, cap_feat_dim=2560,
           axes_dims=[32, 32, 32], clip_text_dim=1024)
GEMMA = dict(nextdit.GEMMA, vocab_size=262208, hidden_size=2560, intermediate_size=10240, num_hidden_layers=34,
             num_attention_heads=8, num_key_value_heads=4, head_dim=256, sliding_window=1024, sliding_window_pattern=6,
             query_pre_attn_scalar=256, rope_factor=8.0)
JINA = dict(nextdit.JINA, vocab_size=250002, hidden_size=1024, num_hidden_layers=24, num_attention_heads=16,
            intermediate_size=4096)
VAE = dict(vae_module.CONFIG, block_out_channels=[128, 256, 512, 512], norm_num_groups=32, layers_per_block=2,
           latent_channels=16)
TYPES = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}


class Run:
    def __init__(self, a):
        self.folder, self.out, self.device = pathlib.Path(a.folder), pathlib.Path(a.out), a.device
        self.rows = (self.out / "rows.csv").open("a")
        ours = [line.split(",") for line in (self.out / "rows.csv").read_text().splitlines()]
        step = next((r for r in ours if r[0] == "newbie" and r[8] == "step"), None)
        self.step = step and dict(width=int(step[2]), height=int(step[3]), text=(int(step[4]), int(step[5])),
                                  tflop=float(step[13]), precision=step[1])
        self.vae = next((int(r[2]) for r in ours if r[0] == "newbie" and r[8] == "vae"), None)

    def row(self, impl, precision, component, seconds=(), width=0, height=0, text=(0, 0), branches=0, tflop=0.0, gbytes=0.0,
            note="", rel="", cos=""):
        s = sorted(seconds) or [0.0]
        median, low, high = statistics.median(s), s[len(s) // 10], s[len(s) * 9 // 10]
        peak = torch.cuda.max_memory_allocated() / 2**20 if self.device == "cuda" else 0
        self.rows.write(f"{impl},{precision},{width},{height},{text[0]},{text[1]},{branches},{1 if branches else 0},{component},"
                        f"{len(seconds)},{1e3 * median:.4f},{1e3 * low:.4f},{1e3 * high:.4f},{tflop:.5f},{gbytes:.5f},"
                        f"{tflop / median if median else 0:.3f},{gbytes / median if median else 0:.2f},,{peak:.0f},"
                        f"{rel},{cos},{note}\n")
        self.rows.flush()
        print(f"{impl} {precision} {component}: {1e3 * median:.2f} ms {note} {rel} {cos}", flush=True)

    def sync(self):
        if self.device == "cuda":
            torch.cuda.synchronize()

    def times(self, work, repeat=TIMED):
        seconds = []
        for i in range(WARM + repeat):
            self.sync()
            begun = time.perf_counter()
            work()
            self.sync()
            if i >= WARM:
                seconds.append(time.perf_counter() - begun)
        return seconds

    def numbers(self, name, shape):
        bytes_ = (self.out / name).read_bytes()
        return torch.frombuffer(bytearray(bytes_), dtype=torch.float32).view(shape).to(self.device)

    def config(self, part, full):
        path = self.folder / part / "config.json"
        return json.loads(path.read_text()) if path.exists() else full

    def load(self, part, make, config):
        """The network with its weights as they are stored, nothing computed twice."""
        path = next((self.folder / part).glob("*.safetensors"))
        storage = torch.from_file(str(path), shared=False, size=path.stat().st_size, dtype=torch.uint8)
        length, = struct.unpack("<Q", bytes(storage[:8].tolist()))
        header = json.loads(bytes(storage[8:8 + length].tolist()))
        state = {}
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            tensor = storage[begin:end].clone().view(TYPES[entry["dtype"]]).view(entry["shape"])
            state[name.removeprefix("model.")] = tensor
        with torch.device("meta"):
            network = make(config)
        network.load_state_dict(state, assign=True)
        return network.eval().to(self.device)


def difference(a, b):
    a, b = a.double().flatten(), b.double().flatten()
    return f"{((a - b).norm() / b.norm()).item():.4e}", f"{torch.nn.functional.cosine_similarity(a, b, 0).item():.6f}"


# ---- ceilings -----------------------------------------------------------------------------------------------------------
def ceilings(run):
    n = 8192 if run.device == "cuda" else 1024
    for name, dtype in (("bf16", torch.bfloat16), ("f32", torch.float32)):
        a, b = (torch.randn(n, n, device=run.device).to(dtype) for _ in range(2))
        run.row("torch", name, f"ceiling {name} TF/s", run.times(lambda: a @ b), tflop=2 * n**3 / 1e12, note=f"{n}^3 product")
    if run.device != "cuda":
        return
    for name, make in (("fp8", lambda: product_fp8(n)), ("int8", lambda: product_int8(n))):
        try:
            run.row("torch", name, f"ceiling {name} TF/s", run.times(make()), tflop=2 * n**3 / 1e12, note=f"{n}^3 product")
        except Exception as error:  # a card or a build that has it not
            print(f"ceiling {name}: {str(error).splitlines()[0]}")
    a, b = (torch.empty(2**30, dtype=torch.float32, device="cuda") for _ in range(2))
    run.row("torch", "-", "ceiling copy GB/s", run.times(lambda: b.copy_(a)), gbytes=2 * 4 * 2**30 / 1e9, note="4 GiB read and written")
    pinned, there = torch.empty(2**28, pin_memory=True), a[:2**28]
    run.row("torch", "-", "ceiling h2d GB/s", run.times(lambda: there.copy_(pinned)), gbytes=2**30 / 1e9, note="pinned")
    run.row("torch", "-", "ceiling d2h GB/s", run.times(lambda: pinned.copy_(there)), gbytes=2**30 / 1e9, note="pinned")


def product_fp8(n):
    a, b = (torch.randn(n, n, device="cuda").to(torch.float8_e4m3fn) for _ in range(2))
    one = torch.ones((), device="cuda")
    return lambda: torch._scaled_mm(a, b.t(), scale_a=one, scale_b=one, out_dtype=torch.bfloat16)


def product_int8(n):
    a, b = (torch.randint(-127, 127, (n, n), device="cuda", dtype=torch.int8) for _ in range(2))
    return lambda: torch._int_mm(a, b.t())


# ---- the transformer ----------------------------------------------------------------------------------------------------
def without_mask(q, k, v, mask, scale):
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, scale=scale, enable_gqa=True)


def padded(dit, x, t, captions, pooled):
    """Both branches in one batch; the shorter text is padded and masked, as the reference does it."""
    longest = max(c.shape[0] for c in captions)
    cap = torch.stack([torch.nn.functional.pad(c, (0, 0, 0, longest - c.shape[0])) for c in captions])
    mask = torch.stack([(torch.arange(longest, device=x.device) < c.shape[0]).long() for c in captions])
    return dit(x.expand(len(captions), -1, -1, -1).contiguous(), t.expand(len(captions)), cap, mask, pooled)


def apart(dit, x, t, captions, pooled):
    ones = [torch.ones(1, c.shape[0], dtype=torch.long, device=x.device) for c in captions]
    return torch.cat([dit(x, t, c[None], m, p[None]) for c, m, p in zip(captions, ones, pooled)])


@torch.no_grad()
def transformer(run):
    s = run.step
    config = run.config("transformer", DIT)
    dit = run.load("transformer", nextdit.NextDiT, config)
    rows = sum(s["text"])
    cap = run.numbers("step_caption.f32", (rows, config["cap_feat_dim"])).split(s["text"])
    pooled = run.numbers("step_pooled.f32", (2, config["clip_text_dim"]))
    x = run.numbers("step_latent.f32", (1, 16, s["height"] // 8, s["width"] // 8))
    t = torch.tensor([((WARM + TIMED - 1) % EVALUATIONS + 0.5) / EVALUATIONS], device=run.device)
    ours = run.numbers("step_velocity.f32", (2, 16, s["height"] // 8, s["width"] // 8))
    exact = dit.float()
    expected = apart(exact, x, t, cap, pooled)
    rel, cos = difference(ours, expected)
    run.row("newbie", s["precision"], "step vs torch f32", rel=rel, cos=cos)
    dit = exact.bfloat16()
    half = [v.bfloat16() for v in (x, t, pooled)]
    x, t, pooled, cap = half[0], half[1], half[2], [c.bfloat16() for c in cap]
    where = dict(width=s["width"], height=s["height"], text=s["text"], branches=2, tflop=s["tflop"])
    rel, cos = difference(padded(dit, x, t, cap, pooled).float(), expected)
    run.row("torch eager", "bf16", "step vs torch f32", rel=rel, cos=cos)
    run.row("torch eager", "bf16", "step", run.times(lambda: padded(dit, x, t, cap, pooled)), note="padded batch and mask; its padding is not counted", **where)
    nextdit.attend = without_mask
    run.row("torch sdpa", "bf16", "step", run.times(lambda: apart(dit, x, t, cap, pooled)), note="no mask; a pass for each branch", **where)
    if run.device == "cuda":
        from torch.nn.attention import SDPBackend, sdpa_kernel
        for name, backend in (("flash", SDPBackend.FLASH_ATTENTION), ("cudnn", SDPBackend.CUDNN_ATTENTION)):
            try:
                with sdpa_kernel(backend):
                    run.row(f"torch sdpa {name}", "bf16", "step", run.times(lambda: apart(dit, x, t, cap, pooled)), **where)
            except Exception as error:
                print(f"sdpa {name}: {str(error).splitlines()[0]}")
    nextdit.Layer.forward = torch.compile(nextdit.Layer.forward, dynamic=False)
    run.row("torch compile", "bf16", "step", run.times(lambda: apart(dit, x, t, cap, pooled)), note="one block compiled; no mask", **where)


# ---- encoders and autoencoder --------------------------------------------------------------------------------------------
def ids_of(count, vocabulary, device):
    return torch.tensor([[3 + i * 7919 % (vocabulary - 3) for i in range(count)]], device=device)


@torch.no_grad()
def encoders(run):
    text = run.step["text"]
    c = run.config("text_encoder", GEMMA)
    gemma = run.load("text_encoder", nextdit.Gemma, c)
    plain, factor = nextdit.half_rope, c.get("rope_factor", 1.0)
    nextdit.half_rope = lambda l, d, base, dev, scale=1.0: plain(l, d, base, dev, factor if base == c["rope_theta"] else scale)
    ids = ids_of(sum(text), c["vocab_size"], run.device)
    first = ids[:, :text[0]]
    exact = gemma.float()(first, torch.ones_like(first))[0]
    rel, cos = difference(run.numbers("gemma_states.f32", (sum(text), c["hidden_size"]))[:text[0]], exact)
    run.row("newbie", run.step["precision"], "gemma vs torch f32", rel=rel, cos=cos)
    half = gemma.bfloat16()
    nextdit.half_rope = plain
    run.row("torch sdpa", "bf16", "gemma", run.times(lambda: half(first, torch.ones_like(first))), text=text, branches=1)


@torch.no_grad()
def autoencoder(run):
    c = run.config("vae", VAE)
    decoder = run.load("vae", vae_module.VAE, c).decoder
    side = run.vae
    z = run.numbers("vae_latent.f32", (1, c["latent_channels"], side // 8, side // 8))
    rel, cos = difference(run.numbers("vae_image.f32", (side, side, 3)), decoder.float()(z)[0].permute(1, 2, 0))
    run.row("newbie", run.step["precision"], "vae vs torch f32", rel=rel, cos=cos, width=side, height=side)
    half, z = decoder.bfloat16(), z.bfloat16()
    where = dict(width=side, height=side)
    run.row("torch eager", "bf16", "vae", run.times(lambda: half(z)), note="NCHW", **where)
    last = half.to(memory_format=torch.channels_last)
    zl = z.to(memory_format=torch.channels_last)
    run.row("torch eager", "bf16", "vae", run.times(lambda: last(zl)), note="channels last", **where)
    compiled = torch.compile(last, dynamic=False)
    run.row("torch compile", "bf16", "vae", run.times(lambda: compiled(zl)), note="channels last; compiled", **where)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("out")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--part", default="all")
    a = parser.parse_args()
    torch.backends.cudnn.allow_tf32 = False  # float32 is what others are measured against; products have it off already
    run = Run(a)
    parts = {"ceilings": [ceilings], "dit": [transformer], "rest": [encoders, autoencoder]}
    failed = 0
    for part in (parts[a.part] if a.part != "all" else sum(parts.values(), [])):
        try:
            part(run)
        except Exception as error:  # the next part still runs
            failed = 1
            print(f"{part.__name__}: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
