#!/usr/bin/env python3
"""How far the original is from float32 when it computes in bfloat16, on the reference cases: the reason of the
limits in OPS_HALF_OUTPUTS (src/ops/list.h).

usage: torch_bf16.py REFERENCE --lab FOLDER [--kinds dit,gemma,jina,vae,pipeline] [--fresh N [--write FOLDER]]

REFERENCE is the folder of the reference cases, --lab a checkout of NewBieAI-Lab/NewBie-image-Exp0.1. One line of
each output: its relative error in float32 (shows that the model is the one of the case), all in bfloat16 (the
diffusers pipeline of the original), and with bfloat16 weights under autocast (its demo; there the autoencoder's
weights stay in float32). Autocast follows the rules for CUDA, norms in float32. With --fresh every case gets N
runs with other inputs, measured by float32; --write keeps them as cases for tests/parity.
Needs torch, transformers, diffusers, numpy, safetensors. The original calls flash_attn, for which PyTorch's own
attention stands in; Jina is that of samples/demo-world, which rounds as ComfyUI's does.
"""
import argparse
import collections
import contextlib
import json
import pathlib
import sys
import types

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

HERE = pathlib.Path(__file__).resolve().parent
GREEDY = 16  # tokens that follow in the runs gemma_logits
OUTPUTS = {"dit": "velocity", "cfg": "velocity", "gemma": "hidden", "gemma_logits": "logits",
           "jina": "pooled", "vae_decode": "image", "vae_encode": "mean"}


@contextlib.contextmanager
def autocast():
    """torch.autocast("cpu") leaves norms alone; on CUDA they are computed and kept in float32."""
    def widened(norm):
        def call(*inputs, **named):
            wide = lambda x: x.float() if torch.is_tensor(x) else x
            return norm(*map(wide, inputs), **{k: wide(x) for k, x in named.items()})
        return call
    norms = F.layer_norm, F.group_norm
    F.layer_norm, F.group_norm = map(widened, norms)
    with torch.autocast("cpu", torch.bfloat16):
        yield
    F.layer_norm, F.group_norm = norms


WAYS = {"f32": (torch.float32, contextlib.nullcontext), "bf16": (torch.bfloat16, contextlib.nullcontext),
        "autocast": (torch.bfloat16, autocast)}


def flash_attention(q, k, v, cu_seqlens_k, softmax_scale, **_):
    """flash_attn_varlen_func: rows of several sequences, [rows, heads, head size]."""
    many = q.shape[1] // k.shape[1]
    out, all_heads = [], (q, k.repeat_interleave(many, 1), v.repeat_interleave(many, 1))
    for a, b in zip(cu_seqlens_k[:-1], cu_seqlens_k[1:]):
        one = (x[a:b].transpose(0, 1)[None] for x in all_heads)
        out.append(F.scaled_dot_product_attention(*one, scale=softmax_scale)[0].transpose(0, 1))
    return torch.cat(out)


def pad_input(rows, places, count, length):
    out = rows.new_zeros(count * length, *rows.shape[1:])
    out[places] = rows
    return out.view(count, length, *rows.shape[1:])


def original_dit():
    """The class of the original; its module asks for flash_attn when it is imported."""
    parts = {"flash_attn": {"flash_attn_varlen_func": flash_attention},
             "flash_attn.bert_padding": {"index_first_axis": lambda x, places: x[places],
                                         "pad_input": pad_input, "unpad_input": None}}
    for name, functions in parts.items():
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name]).update(functions)
    from models.model import NextDiT_CLIP
    for name in parts:
        del sys.modules[name]
    return NextDiT_CLIP


# ---- loading -----------------------------------------------------------------------------------------------

def weights(folder):
    return {k: v for f in sorted(folder.glob("*.safetensors")) for k, v in load_file(f).items()}


def config(folder):
    file = folder / "config.json"
    return json.loads(file.read_text()) if file.exists() else {}


def load_dit(folder):
    c, w = config(folder), weights(folder)
    names = ("patch_size in_channels dim n_layers n_refiner_layers n_heads n_kv_heads norm_eps qk_norm "
             "cap_feat_dim axes_dims axes_lens clip_text_dim").split()
    width = w["layers.0.feed_forward.w1.weight"].shape[0]  # does not follow from the config
    model = original_dit()(**{k: c[k] for k in names}, multiple_of=width, ffn_dim_multiplier=0.3 / c["dim"])
    for name, module in model.named_modules():
        if name.endswith(("q_norm", "k_norm", "clip_text_pooled_proj.0")):
            module.eps = c.get("qk_norm_eps", 1e-6)
    model.load_state_dict(w)
    return model


def load_gemma(folder):
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig
    c = Gemma3TextConfig(**config(folder))
    c._attn_implementation = "sdpa"
    model = Gemma3ForCausalLM(c)
    missing, unknown = model.load_state_dict(weights(folder), strict=False)
    assert not unknown and missing in ([], ["lm_head.weight"]), (missing, unknown)
    model.tie_weights()
    return model


def load_jina(folder):
    from nextdit import Jina
    w, prefix = weights(folder), "text_model.transformer.roberta."
    out = {k.removeprefix("model."): v for k, v in w.items()}
    if any(k.startswith(prefix) for k in w):
        w = {k.removeprefix(prefix): v.float() for k, v in w.items() if k.startswith(prefix)}
        out = {k: v for k, v in w.items() if "parametrizations" not in k}
        for name in (k.removesuffix("original") for k in w if k.endswith(".original")):
            a, b = (next((v for k, v in w.items() if k.startswith(name + "0.") and k.endswith(end)), None)
                    for end in ("lora_A", "lora_B"))
            a, b = (x[0] if x is not None and x.dim() == 3 else x for x in (a, b))
            add = 0 if a is None else a @ b if "embed" in name else b @ a
            out[name[:-1].replace("parametrizations.", "")] = w[name + "original"] + add
    model = Jina(config(folder))
    model.load_state_dict({k: out[k] for k in model.state_dict()})
    return model


def load_vae(folder):
    from diffusers import AutoencoderKL
    from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint
    c, w = config(folder), weights(folder)
    if not c:
        widths = [w[f"encoder.down.{i}.block.0.conv2.weight"].shape[0] for i in range(4)]
        blocks = len({k.split(".")[4] for k in w if k.startswith("encoder.down.0.block.")})
        c = dict(in_channels=3, out_channels=3, latent_channels=16, block_out_channels=widths,
                 layers_per_block=blocks, use_quant_conv=False, use_post_quant_conv=False, norm_num_groups=32)
    stages = len(c["block_out_channels"])
    c |= dict(down_block_types=["DownEncoderBlock2D"] * stages, up_block_types=["UpDecoderBlock2D"] * stages)
    model = AutoencoderKL.from_config(c)
    model.load_state_dict(w if "encoder.conv_norm_out.weight" in w else convert_ldm_vae_checkpoint(w, c))
    return model


LOADERS = {"dit": load_dit, "gemma": load_gemma, "jina": load_jina, "vae": load_vae}


def load(kind, folder, way):
    keep = kind == "vae" and way == "autocast"
    return LOADERS[kind](folder).to(torch.float32 if keep else WAYS[way][0]).eval()


# ---- computing ---------------------------------------------------------------------------------------------

def velocity(model, run, x, dtype):
    sides = [s for s in ("", "_negative") if "caption" + s in x]
    captions = [x["caption" + s] for s in sides]
    pooled = torch.stack([x["pooled" + s] for s in sides]).to(dtype)
    longest = max(map(len, captions))
    mask = torch.tensor([[int(i < len(c)) for i in range(longest)] for c in captions], dtype=torch.int32)
    text = torch.stack([F.pad(c, (0, 0, 0, longest - len(c))) for c in captions]).to(dtype)
    latent = x["latent"].to(dtype).expand(len(sides), -1, -1, -1)
    t = x["t"].float().reshape(1).expand(len(sides))
    if len(sides) == 1:
        return model(latent, t, text, mask, clip_text_pooled=pooled)[0]
    guidance = run["scale"], run["cfg_trunc"], run["renorm"]
    return model.forward_with_cfg(latent, t, text, mask, *guidance, clip_text_pooled=pooled)[0]


def compute(model, run, x, way):
    """The output of one run of a network, from its inputs x."""
    kind, (dtype, context) = run["kind"], WAYS[way]
    picture = torch.float32 if way == "autocast" else dtype
    with torch.no_grad(), context():
        if kind in ("dit", "cfg"):
            return velocity(model, run, x, dtype).float()
        if kind == "vae_decode":
            return model.decode(x["latent"][None].to(picture)).sample[0].float()
        if kind == "vae_encode":
            return model.encode(x["pixels"][None].to(picture)).latent_dist.mean[0].float()
        ids = x["ids"].long()[None]
        if kind == "jina":
            return model(ids, torch.ones_like(ids))[0].float()
        out = model(ids, output_hidden_states=True)
        return (out.hidden_states[-2][0] if kind == "gemma" else out.logits[0, -1]).float()


def greedy(model, ids):
    for _ in range(GREEDY):
        logits = compute(model, {"kind": "gemma_logits"}, {"ids": ids}, "f32")
        ids = torch.cat([ids, logits.argmax()[None].int()])
    return ids[-GREEDY:]


def other(name, x):
    """Other numbers of the same kind: tokens in another order, the rest shifted, some turned over."""
    if name == "t":
        return torch.rand(1)
    if name == "ids":
        return torch.cat([x[:1], x[1:-1][torch.randperm(max(len(x) - 2, 0))], x[-1:]]) if len(x) > 1 else x
    return x.roll(int(torch.randint(1, 99, (1,))), -1) * (1 if torch.rand(1) < 0.5 else -1)


def error(got, expected):
    size = torch.linalg.vector_norm
    return (size(got.double() - expected.double()) / size(expected.double())).item()


def show(*words, errors):
    print(*words, *(f"{way}={value:.3g}" for way, value in errors.items()), flush=True)


def run_case(kind, folder, case, data, options):
    models = {way: load(kind, folder / "model", way) for way in WAYS}
    runs, kept = case["runs"], {}
    for i in range(options.fresh or len(runs)):
        run, prefix = runs[i % len(runs)], f"{i % len(runs)}."
        output = OUTPUTS[run["kind"]]
        x = {k.removeprefix(prefix): v for k, v in data.items() if k.startswith(prefix)}
        expected = x.pop(output)
        x.pop("greedy", None)
        if options.fresh:
            x = {k: other(k, v) for k, v in x.items()}
        got = {way: compute(models[way], run, x, way) for way in WAYS}
        expected = got["f32"] if options.fresh else expected
        show(folder.name, i, run["kind"], output, errors={way: error(got[way], expected) for way in WAYS})
        if run["kind"] == "gemma_logits" and options.write:
            x["greedy"] = greedy(models["f32"], x["ids"])
        kept |= {f"{i}.{k}": v.contiguous().clone() for k, v in (x | {output: expected}).items()}
    if options.write:
        target = options.write / folder.name
        target.mkdir(parents=True)
        (target / "model").symlink_to((folder / "model").resolve())
        again = [runs[i % len(runs)] for i in range(options.fresh)]
        (target / "case.json").write_text(json.dumps(case | {"runs": again}))
        save_file(kept, target / "data.safetensors")


def run_pipeline(folder, case, data, way, errors):
    """Every stage takes what the one before computed, as in a whole run."""
    parts = {"gemma": "text_encoder", "jina": "clip_model", "dit": "transformer", "vae": "vae"}
    models = {kind: load(kind, folder / "model" / part, way) for kind, part in parts.items()}
    scale = config(folder / "model/vae")
    for i, run in enumerate(case["runs"]):
        def note(name, value):
            errors[i, name][way] = max(value, errors[i, name].get(way, 0))
        x, sigma = {}, data[f"{i}.sigmas"].double()
        for side in ("", "_negative"):
            for kind, name in (("gemma", "caption"), ("jina", "pooled")):
                ids = {"ids": data[f"{i}.{kind}_ids{side}"]}
                x[name + side] = compute(models[kind], {"kind": kind}, ids, way)
                note(name + side, error(x[name + side], data[f"{i}.{name}{side}"]))
        x["latent"] = data[f"{i}.noise"]
        for step in range(run["steps"]):
            x["t"] = 1 - sigma[step]
            v = compute(models["dit"], run | {"kind": "cfg", "scale": run["cfg"]}, x, way)
            if step == 0:
                note("velocity", error(v, data[f"{i}.velocity"]))
            x["latent"] = x["latent"] + (sigma[step] - sigma[step + 1]).float() * v
            note("latents", error(x["latent"], data[f"{i}.latents"][step]))
        z = {"latent": x["latent"] / scale["scaling_factor"] + scale["shift_factor"]}
        image = compute(models["vae"], {"kind": "vae_decode"}, z, way)
        note("image", error(image, data[f"{i}.image"]))
        levels = (((image + 1) / 2).clamp(0, 1) * 255).to(torch.uint8).permute(1, 2, 0)
        note("image_u8", (levels.double() - data[f"{i}.image_u8"].double()).square().mean().sqrt().item())


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reference", type=pathlib.Path)
    parser.add_argument("--lab", type=pathlib.Path, required=True)
    parser.add_argument("--kinds", default="dit,gemma,jina,vae,pipeline")
    parser.add_argument("--fresh", type=int, default=0)
    parser.add_argument("--write", type=pathlib.Path)
    options = parser.parse_args()
    if options.write and not options.fresh:
        parser.error("--write needs --fresh")
    sys.path[:0] = [str(options.lab), str(HERE.parent / "samples/demo-world")]
    torch.set_num_threads(1)
    torch.manual_seed(1)
    for file in sorted(options.reference.glob("*/case.json")):
        folder, case = file.parent, json.loads(file.read_text())
        if case["kind"] not in options.kinds.split(","):
            continue
        if case["kind"] in LOADERS:
            run_case(case["kind"], folder, case, load_file(folder / "data.safetensors"), options)
        elif (folder / "model/model_index.json").exists() and not options.fresh:
            errors = collections.defaultdict(dict)
            for way in WAYS:
                run_pipeline(folder, case, load_file(folder / "data.safetensors"), way, errors)
            for (i, name), found in errors.items():
                show(folder.name, i, "pipeline", name, errors=found)


if __name__ == "__main__":
    main()
