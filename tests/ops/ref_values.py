#!/usr/bin/env python3
"""Writes ref_values.h: what PyTorch makes of the inputs of ref.c, in double precision.

usage: python3 ref_values.py > ref_values.h        (any PyTorch 2; the header names the one that was used)

Inputs are curve(shape, phase) with element i = ((37 i + phase) mod 101 - 50) / 64, exact in float32 on both sides.
"""
import torch
import torch.nn.functional as F


def curve(phase, *shape):
    i = torch.arange(torch.tensor(shape).prod(), dtype=torch.int64)
    return (((37 * i + phase) % 101 - 50).double() / 64).reshape(shape)


def hwc(x):
    """[h, w, c] as PyTorch wants it."""
    return x.permute(2, 0, 1)[None]


def chw(x):
    """And back."""
    return x[0].permute(1, 2, 0)


def rotate_pairs(x, cos, sin):
    """As the original: adjacent pairs are complex numbers (NextDiT)."""
    z = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2).contiguous())
    return torch.view_as_real(z * torch.complex(cos, sin)[:, None]).flatten(-2)


def rotate_halves(x, cos, sin):
    """As transformers' apply_rotary_pos_emb (Gemma)."""
    cos, sin = (torch.cat([t, t], -1)[:, None] for t in (cos, sin))
    half = x.shape[-1] // 2
    return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin


def rms(x, w, eps):
    return F.rms_norm(x, x.shape[-1:], w, eps)


def attention(q, k, v, scale, lengths, window=None):
    """[rows, heads, d], packed sequences; window None: full, 0: causal, else causal with window."""
    parts, start = [], 0
    for length in lengths:
        i, j = torch.arange(length)[:, None], torch.arange(length)[None]
        mask = torch.ones(length, length, dtype=torch.bool) if window is None else j <= i
        if window:
            mask &= i - j < window
        rows = [t[start:start + length].transpose(0, 1)[None] for t in (q, k, v)]
        out = F.scaled_dot_product_attention(*rows, attn_mask=mask, scale=scale, enable_gqa=True)
        parts.append(out[0].transpose(0, 1))
        start += length
    return torch.cat(parts)


def values():
    x = curve(1, 3, 5)
    yield "linear", F.linear(x, curve(2, 4, 5), curve(3, 4))
    yield "linear_bf16", F.linear(x, (curve(2, 4, 5) / 3).bfloat16().double())
    yield "glu_silu", F.silu(F.linear(x, curve(2, 4, 5))) * F.linear(x, curve(4, 4, 5))
    yield "silu", F.silu(8 * x)
    yield "gelu_tanh", F.gelu(8 * x, approximate="tanh")
    yield "gelu_erf", F.gelu(8 * x)
    yield "tanh", torch.tanh(x)
    scale = curve(5, 2, 5)[[0, 0, 1]]
    yield "rms_norm", rms(x, curve(6, 5), 1e-2) * (1 + scale)
    yield "rms_norm_plus", rms(x, 1 + curve(6, 5), 1e-2)
    y, gate = curve(7, 3, 5), curve(8, 2, 5)[[0, 0, 1]]
    total = x + gate * rms(y, curve(6, 5), 1e-2)
    yield "add_norm_x", total
    yield "add_norm_h", rms(total, curve(9, 5), 1e-2) * (1 + scale)
    yield "layer_norm", F.layer_norm(x + y, (5,), curve(6, 5), curve(9, 5), 1e-2) * (1 + scale)
    image = curve(10, 4, 3, 6)
    yield "group_norm", chw(F.silu(F.group_norm(hwc(image), 3, curve(6, 6), curve(9, 6), 1e-2)))
    w, b = curve(11, 4, 6, 3, 3), curve(12, 4)
    yield "conv_stride1", chw(F.conv2d(hwc(image), w, b, padding=1))
    yield "conv_stride2", chw(F.conv2d(F.pad(hwc(image), (0, 1, 0, 1)), w, b, stride=2))
    yield "conv_1x1", chw(F.conv2d(hwc(image), curve(11, 4, 6, 1, 1), b))
    yield "upsample_conv", chw(F.conv2d(F.interpolate(hwc(image[:1, :2]), scale_factor=2), w, b, padding=1))
    q, k, v = curve(13, 6, 4, 4), curve(14, 6, 2, 4), curve(15, 6, 2, 4)
    cos, sin = curve(16, 6, 2), curve(17, 6, 2)
    yield "rope_pairs_q", rotate_pairs(rms(q, curve(18, 4), 1e-2), cos, sin)
    yield "rope_pairs_k", rotate_pairs(rms(k, curve(19, 4), 1e-2), cos, sin)
    yield "rope_halves_q", rotate_halves(q, cos, sin)
    yield "attention_full", attention(q, k, v, 0.5, [4, 2])
    yield "attention_causal", attention(q, k, v, 0.5, [4, 2], 0)
    yield "attention_window", attention(q, k, v, 0.5, [4, 2], 2)
    latent = curve(20, 3, 4, 6)
    yield "patchify", latent.view(3, 2, 2, 3, 2).permute(1, 3, 2, 4, 0).flatten(2).flatten(0, 1)
    yield "mean_rows", torch.stack([x[:2].mean(0), x[2:].mean(0)])


print(f"/* ref_values.h: written by ref_values.py with PyTorch {torch.__version__}. */\n#pragma once\n")
for name, tensor in values():
    numbers = [f"{number:.9g}" for number in tensor.flatten().tolist()]
    print(f"static const double {name.upper()}[] = {{ /* {list(tensor.shape)} */")
    for start in range(0, len(numbers), 8):
        print("    " + ", ".join(numbers[start:start + 8]) + ",")
    print("};\n")
