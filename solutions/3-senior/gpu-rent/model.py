"""The address model, for a card paid by the second: same weights and numbers, fewer kernels.

Knows nothing of batches, devices or optimizers.
"""

from __future__ import annotations

import torch
from job import Size
from torch.nn import functional

Weights = dict[str, torch.Tensor]


def norm(x: torch.Tensor, weights: Weights, name: str) -> torch.Tensor:
    """Return x with mean 0 and variance 1 in its last dimension, scaled and moved."""
    ### BEGIN SOLUTION: today.norm, in as few kernels as you can
    scale = weights[name + ".weight"]
    return functional.layer_norm(x, scale.shape, scale, weights[name + ".bias"])
    ### END SOLUTION


def attend(x: torch.Tensor, weights: Weights, layer: str, size: Size) -> torch.Tensor:
    """Return what each letter learns from the letters before it."""
    ### BEGIN SOLUTION: today.attend, all heads at once. Who needs to see the scores?
    rows, letters, wide = x.shape
    mixed = functional.linear(x, weights[layer + "qkv"])
    q, k, v = mixed.view(rows, letters, 3, size.heads, wide // size.heads).permute(2, 0, 3, 1, 4)
    heads = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    return functional.linear(heads.transpose(1, 2).reshape(x.shape), weights[layer + "out"])
    ### END SOLUTION


def think(x: torch.Tensor, weights: Weights, layer: str) -> torch.Tensor:
    """Return the layer's second half: up, gelu, down."""
    ### BEGIN SOLUTION: the inner part of today.loss_of, with today's gelu
    inner = functional.gelu(functional.linear(x, weights[layer + "up"]), approximate="tanh")
    return functional.linear(inner, weights[layer + "down"])
    ### END SOLUTION


def loss_of(weights: Weights, x: torch.Tensor, y: torch.Tensor, size: Size) -> torch.Tensor:
    """Return the mean loss of guessing every next letter, in float32."""
    ### BEGIN SOLUTION: today.loss_of, from the parts above
    h = functional.embedding(x, weights["letters"]) + weights["places"]
    for number in range(size.layers):
        layer = f"layers.{number}."
        h = h + attend(norm(h, weights, layer + "norm1"), weights, layer, size)
        h = h + think(norm(h, weights, layer + "norm2"), weights, layer)
    odds = functional.linear(norm(h, weights, "norm"), weights["head"])
    return functional.cross_entropy(odds.float().flatten(0, 1), y.flatten())
    ### END SOLUTION
