"""Tiny FLUX-style autoencoder with the parameter names and config keys of diffusers' AutoencoderKL."""
import pathlib

import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import load_file

CONFIG = dict(_class_name="AutoencoderKL", act_fn="silu", block_out_channels=[32, 64, 96, 96], in_channels=3,
              latent_channels=16, layers_per_block=1, mid_block_add_attention=True, norm_num_groups=8, out_channels=3,
              use_quant_conv=False, use_post_quant_conv=False, scaling_factor=1.0, shift_factor=0.0)


class Norm(nn.GroupNorm):
    """Group norm in float32 whatever the autocast type."""

    def forward(self, x):
        w, b = self.weight.float(), self.bias.float()
        return F.group_norm(x.float(), self.num_groups, w, b, self.eps).to(x.dtype)


class Resnet(nn.Module):
    def __init__(self, cin, cout, groups):
        super().__init__()
        self.norm1 = Norm(groups, cin, eps=1e-6)
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.norm2 = Norm(groups, cout, eps=1e-6)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1)
        if cin != cout:
            self.conv_shortcut = nn.Conv2d(cin, cout, 1)

    def forward(self, x):
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h)))
        return (self.conv_shortcut(x) if hasattr(self, "conv_shortcut") else x) + h


class Attention(nn.Module):
    """One-head self-attention over all positions."""

    def __init__(self, c, groups):
        super().__init__()
        self.group_norm = Norm(groups, c, eps=1e-6)
        self.to_q, self.to_k, self.to_v = (nn.Linear(c, c) for _ in range(3))
        self.to_out = nn.ModuleList([nn.Linear(c, c)])

    def forward(self, x):
        b, c, h, w = x.shape
        t = self.group_norm(x).flatten(2).transpose(1, 2)
        q, k, v = self.to_q(t), self.to_k(t), self.to_v(t)
        a = torch.softmax(q @ k.transpose(1, 2) * c ** -0.5, -1) @ v
        return x + self.to_out[0](a).transpose(1, 2).reshape(b, c, h, w)


class Down(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv = nn.Conv2d(c, c, 3, stride=2)

    def forward(self, x):
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Up(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv = nn.Conv2d(c, c, 3, padding=1)

    def forward(self, x):
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Block(nn.Module):
    def __init__(self, cin, cout, n, groups, sampler=None, name=None):
        super().__init__()
        self.resnets = nn.ModuleList([Resnet(cin if i == 0 else cout, cout, groups) for i in range(n)])
        if sampler:
            setattr(self, name, nn.ModuleList([sampler(cout)]))
        self.name = name if sampler else None

    def forward(self, x):
        for r in self.resnets:
            x = r(x)
        return getattr(self, self.name)[0](x) if self.name else x


class Mid(nn.Module):
    def __init__(self, c, groups):
        super().__init__()
        self.resnets = nn.ModuleList([Resnet(c, c, groups), Resnet(c, c, groups)])
        self.attentions = nn.ModuleList([Attention(c, groups)])

    def forward(self, x):
        return self.resnets[1](self.attentions[0](self.resnets[0](x)))


class Encoder(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        ch, g, n = cfg["block_out_channels"], cfg["norm_num_groups"], cfg["layers_per_block"]
        self.conv_in = nn.Conv2d(3, ch[0], 3, padding=1)
        self.down_blocks = nn.ModuleList([
            Block(ch[max(i - 1, 0)], ch[i], n, g, Down if i < len(ch) - 1 else None, "downsamplers") for i in range(len(ch))])
        self.mid_block = Mid(ch[-1], g)
        self.conv_norm_out = Norm(g, ch[-1], eps=1e-6)
        self.conv_out = nn.Conv2d(ch[-1], 2 * cfg["latent_channels"], 3, padding=1)

    def forward(self, x):
        x = self.conv_in(x)
        for b in self.down_blocks:
            x = b(x)
        return self.conv_out(F.silu(self.conv_norm_out(self.mid_block(x))))


class Decoder(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        ch, g, n = cfg["block_out_channels"][::-1], cfg["norm_num_groups"], cfg["layers_per_block"]
        self.conv_in = nn.Conv2d(cfg["latent_channels"], ch[0], 3, padding=1)
        self.mid_block = Mid(ch[0], g)
        self.up_blocks = nn.ModuleList([
            Block(ch[max(i - 1, 0)], ch[i], n + 1, g, Up if i < len(ch) - 1 else None, "upsamplers") for i in range(len(ch))])
        self.conv_norm_out = Norm(g, ch[-1], eps=1e-6)
        self.conv_out = nn.Conv2d(ch[-1], 3, 3, padding=1)

    def forward(self, z):
        x = self.mid_block(self.conv_in(z))
        for b in self.up_blocks:
            x = b(x)
        return self.conv_out(F.silu(self.conv_norm_out(x)))


class VAE(nn.Module):
    def __init__(self, cfg=CONFIG):
        super().__init__()
        self.encoder, self.decoder = Encoder(cfg), Decoder(cfg)

    def moments(self, x):
        mean, logvar = self.encoder(x).float().chunk(2, 1)
        return mean, logvar.clamp(-30, 20)


def load(path, device="cpu"):
    """The autoencoder from a training file (vae.pt) or from the folder of an exported model."""
    folder = pathlib.Path(path) / "vae"
    vae = VAE().to(device)
    if folder.is_dir():
        weights = load_file(folder / "diffusion_pytorch_model.safetensors")
    else:
        weights = torch.load(path, map_location=device)["ema"]
    vae.load_state_dict(weights)
    return vae


def tokenizers(path):
    """Paths of the two SentencePiece models: beside each other (gemma.model, jina.model), or in an exported folder."""
    folder = pathlib.Path(path)
    if (folder / "tokenizer").is_dir():
        return folder / "tokenizer/tokenizer.model", folder / "clip_tokenizer/sentencepiece.bpe.model"
    return folder / "gemma.model", folder / "jina.model"
