"""Model FLOPs utilisation: the share of what the card could do. Measures nothing."""

from __future__ import annotations

from job import ALPHABET


def flops_per_token(size: dict[str, int]) -> int:
    """Return the floating-point operations that training takes for one token.

    `size` has width, layers, heads and context. The weights of a layer: width x 3 width, width x
    width, width x 4 width and back. The head: width x letters of ALPHABET.
    """
    ### BEGIN SOLUTION: forward and backward; and the attention, whose products have no weights
    wide, layers = size["width"], size["layers"]
    weights = layers * 12 * wide**2 + wide * len(ALPHABET)
    return 6 * weights + 12 * layers * wide * size["context"]
    ### END SOLUTION


def mfu(tokens_per_second: float, size: dict[str, int], sheet: dict) -> float | None:
    """Return the share of the card's peak, 0 to 1; None for a card without bfloat16.

    `sheet` is what the maker prints: {"card": ..., "bf16_tflops": number or None, "with_sparsity":
    true or false}.
    """
    ### BEGIN SOLUTION: no weight of ours is zero
    if sheet["bf16_tflops"] is None:
        return None
    peak = sheet["bf16_tflops"] * 1e12 / (2 if sheet["with_sparsity"] else 1)
    return tokens_per_second * flops_per_token(size) / peak
    ### END SOLUTION
