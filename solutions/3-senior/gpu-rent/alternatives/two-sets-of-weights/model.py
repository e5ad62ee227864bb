"""The address model as a module of torch, in whichever format its weights are."""

from __future__ import annotations

import torch
from job import Size
from torch import nn
from torch.nn import functional

Weights = dict[str, torch.Tensor]


class Norm(nn.Module):
    """Mean 0 and variance 1, scaled and moved."""

    def __init__(self, weights: Weights, name: str) -> None:
        super().__init__()
        self.weight = nn.Parameter(weights[name + ".weight"])
        self.bias = nn.Parameter(weights[name + ".bias"])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.layer_norm(x, self.weight.shape, self.weight, self.bias)


class Layer(nn.Module):
    """Attention, then twice a linear map, each beside a path on which nothing happens."""

    def __init__(self, weights: Weights, name: str, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = Norm(weights, name + "norm1"), Norm(weights, name + "norm2")
        for part in ("qkv", "out", "up", "down"):
            self.register_parameter(part, nn.Parameter(weights[name + part]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = functional.linear(self.norm1(x), self.qkv).chunk(3, dim=-1)
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        heads = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + functional.linear(heads.transpose(1, 2).flatten(2), self.out)
        inner = functional.gelu(functional.linear(self.norm2(x), self.up), approximate="tanh")
        return x + functional.linear(inner, self.down)


class Network(nn.Module):
    """Letters in, the mean loss of guessing the next ones out."""

    def __init__(self, weights: Weights, size: Size) -> None:
        super().__init__()
        self.letters = nn.Parameter(weights["letters"])
        self.places = nn.Parameter(weights["places"])
        self.layers = nn.ModuleList(
            Layer(weights, f"layers.{number}.", size.heads) for number in range(size.layers)
        )
        self.norm = Norm(weights, "norm")
        self.head = nn.Parameter(weights["head"])

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        h = functional.embedding(batch[:, :-1], self.letters) + self.places
        for layer in self.layers:
            h = layer(h)
        odds = functional.linear(self.norm(h), self.head).float()
        return functional.cross_entropy(odds.flatten(0, 1), batch[:, 1:].flatten())
