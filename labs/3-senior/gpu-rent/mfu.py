"""Model FLOPs utilisation: the share of what the card could do. Measures nothing."""

from __future__ import annotations

from job import ALPHABET


def flops_per_token(size: dict[str, int]) -> int:
    """Return the floating-point operations that training takes for one token.

    `size` has width, layers, heads and context. The weights of a layer: width x 3 width, width x
    width, width x 4 width and back. The head: width x letters of ALPHABET.
    """
    # TODO: forward and backward; and the attention, whose products have no weights
    raise NotImplementedError


def mfu(tokens_per_second: float, size: dict[str, int], sheet: dict) -> float | None:
    """Return the share of the card's peak, 0 to 1; None for a card without bfloat16.

    `sheet` is what the maker prints: {"card": ..., "bf16_tflops": number or None, "with_sparsity":
    true or false}.
    """
    # TODO: no weight of ours is zero
    raise NotImplementedError
