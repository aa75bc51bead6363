"""Write the trained demo model as a model folder in the layout of the real one (bfloat16 safetensors).

usage: export.py --vae vae.pt|MODEL --dit dit.pt --tok DIR|MODEL --out FOLDER [--trained "on what, how long"]
"""
import argparse
import json
import pathlib
import random
import shutil

import numpy as np
import torch
from safetensors.torch import save_file

import world
from nextdit import DIT, GEMMA, JINA
from vae import CONFIG, load, tokenizers

ap = argparse.ArgumentParser()
for name, default in (("vae", "vae.pt"), ("dit", "dit.pt"), ("tok", "."), ("out", "demo-model"), ("trained", "")):
    ap.add_argument("--" + name, default=default)
ap.add_argument("--largest", type=int, default=128, help="largest side that the training has seen")
a = ap.parse_args()
out = pathlib.Path(a.out)
ck = torch.load(a.dit, map_location="cpu")


def part(folder, tensors, config, file):
    (out / folder).mkdir(parents=True, exist_ok=True)
    save_file({k: v.bfloat16().contiguous() for k, v in tensors.items()}, out / folder / file, metadata={"format": "pt"})
    (out / folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def sub(prefix, add=""):
    return {add + k[len(prefix) + 1:]: v for k, v in ck["ema"].items() if k.startswith(prefix + ".")}


dit = dict(DIT, model_type="nextdit_clip")
part("transformer", sub("dit"), dit, "diffusion_pytorch_model.safetensors")
gemma = dict(GEMMA, torch_dtype="bfloat16", attention_bias=False, pad_token_id=0, eos_token_id=1, bos_token_id=2)
part("text_encoder", sub("gemma", "model."), gemma, "model.safetensors")
jina = dict(JINA, model_type="xlm-roberta-flash", position_embedding_type="rotary", bos_token_id=0, pad_token_id=1, eos_token_id=2)
part("clip_model", sub("jina", "model."), jina, "model.safetensors")
vae = load(a.vae)
part("vae", vae.state_dict(), dict(CONFIG, shift_factor=ck["shift"], scaling_factor=ck["scale"]), "diffusion_pytorch_model.safetensors")
for source, name in zip(tokenizers(a.tok), ("tokenizer/tokenizer.model", "clip_tokenizer/sentencepiece.bpe.model")):
    (out / name).parent.mkdir(exist_ok=True)
    if source.resolve() != (out / name).resolve():
        shutil.copy(source, out / name)
(out / "scheduler").mkdir(exist_ok=True)
(out / "scheduler/scheduler_config.json").write_text(json.dumps(dict(
    _class_name="FlowMatchEulerDiscreteScheduler", num_train_timesteps=1000, shift=3.0, use_dynamic_shifting=False), indent=2) + "\n")
(out / "model_index.json").write_text(json.dumps(dict(
    _class_name="NewbiePipeline", transformer=["diffusers", "NextDiT_CLIP"], text_encoder=["transformers", "Gemma3TextModel"],
    tokenizer=["transformers", "GemmaTokenizer"], clip_model=["transformers", "JinaCLIPModel"],
    clip_tokenizer=["transformers", "XLMRobertaTokenizer"], vae=["diffusers", "AutoencoderKL"],
    scheduler=["diffusers", "FlowMatchEulerDiscreteScheduler"]), indent=2) + "\n")


def preview_factors():
    """Least-squares map from a latent cell (model scale) to the mean colour of its 8x8 pixels in [-1, 1]."""
    rng = random.Random(9)
    x = torch.from_numpy(np.stack([world.draw(world.sample(rng), 128) for _ in range(96)])).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        z = (torch.cat([vae.moments(x[i:i + 16])[0] for i in range(0, 96, 16)]) - ck["shift"]) * ck["scale"]
    a_ = torch.cat([z.permute(0, 2, 3, 1).reshape(-1, 16), torch.ones(z[:, 0].numel(), 1)], 1)
    y = torch.nn.functional.avg_pool2d(x, 8).permute(0, 2, 3, 1).reshape(-1, 3)
    w = torch.linalg.lstsq(a_, y).solution
    return dict(factors=[[round(v, 4) for v in row] for row in w[:16].tolist()], bias=[round(v, 4) for v in w[16].tolist()])


words = sorted({*(f"{c}_hair" for c in world.HAIR), *(f"{c}_eyes" for c in world.EYES),
                *(f"{c}_{k}" for c in world.CLOTH for k in world.CLOTHING), *world.STYLE_GIRL, *world.STYLE_BOY, *world.EXPRESSION,
                *world.POSE, *world.BACKGROUND, *world.ART_STYLE, *world.CAST, *(x for x in world.ACCESSORY if x != "none"),
                "1girl", "2girls", "3girls", "1boy", "2boys", "3boys", "left", "center", "right", "masterpiece", "low_quality"})
(out / "newbie.json").write_text(json.dumps(dict(
    name="demo world", demo=True, about="a tiny model of a drawn world; it speaks the same XML as the real one",
    licence="CC0-1.0", trained=a.trained, steps=ck["step"], words=words, largest=dict(width=a.largest, height=a.largest), preview=preview_factors(), defaults=dict(width=128, height=128, steps=28, guidance=4.0, system_prompt="")), indent=2) + "\n")
print("wrote", out, sum(f.stat().st_size for f in out.rglob("*") if f.is_file()) >> 10, "KiB")
