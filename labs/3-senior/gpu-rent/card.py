"""The bench's card: a torch device that keeps a tape of all it is asked, and a reader of tapes.

    torch.device("card")     computes on the CPU, and writes run.card when the program ends
    python card.py           plays run.card again from its bytes; says what it asked of the card
    python card.py --trace   the same, and bench.json for https://ui.perfetto.dev
    python card.py --other 7 the same, as if the weights of seed 7 had begun with other signs

Counts are real: every operation that reaches a device is on the tape, and playing it is all that
counts. Times are a model (see `Clock`): no card was timed. It draws no random numbers. Import it
before the first backward pass of a process: torch counts its devices then.
"""

from __future__ import annotations

import argparse
import atexit
import base64
import json
import sys
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from job import SIZES, first_weights, turned
from torch.utils import backend_registration

TAPE = Path("run.card")
LAUNCH, VIEW, LEAST = 8.0, 1.0, 2.0  # microseconds: host a launch, host a view, card a kernel
PEAK = {"bfloat16": 24_000.0, "float32": 3_000.0}  # floating-point operations a microsecond
MEMORY, LINK = 6_000.0, 500.0  # bytes a microsecond: the card's memory, the link to the host
LONGEST, MOST = 512 << 20, 4 << 20  # bytes of a tape; numbers fetched by one

# What the card has kernels for. `copy_` and `_to_copy` also cross the link.
KERNELS = {
    "_adaptive_avg_pool2d", "_foreach_abs", "_foreach_add", "_foreach_addcdiv",
    "_foreach_addcmul", "_foreach_copy", "_foreach_div", "_foreach_lerp", "_foreach_max",
    "_foreach_mul", "_foreach_neg", "_foreach_norm", "_foreach_pow", "_foreach_reciprocal",
    "_foreach_rsqrt", "_foreach_sqrt", "_foreach_sub", "_foreach_zero", "_foreach_clamp_max",
    "_fused_adam", "_fused_adamw", "_log_softmax", "_log_softmax_backward_data",
    "_safe_softmax", "_softmax", "_softmax_backward_data",
    "_scaled_dot_product_flash_attention_for_cpu", "_to_copy",
    "_scaled_dot_product_flash_attention_for_cpu_backward", "abs", "add", "addbmm", "addcdiv",
    "addcmul", "addmm", "all", "amax", "amin", "any", "arange", "argmax", "baddbmm",
    "bitwise_and", "bitwise_not", "bmm", "cat", "ceil", "clamp", "clamp_max", "clamp_min",
    "clone", "constant_pad_nd", "copy", "cos", "cumsum", "div", "dot", "embedding",
    "embedding_dense_backward", "empty", "empty_like", "empty_strided", "eq", "exp", "exp2",
    "expm1", "fill", "floor", "full", "full_like", "gather", "ge", "gelu", "gelu_backward",
    "gt", "index", "index_add", "index_copy", "index_put", "index_select", "isfinite", "isinf",
    "isnan", "le", "lerp", "linalg_vector_norm", "log", "log1p", "log2",
    "logical_and", "logical_not", "logical_or", "logsumexp", "lt", "masked_fill", "max",
    "maximum", "mean", "min", "minimum", "mm", "mul", "mv", "native_group_norm",
    "native_layer_norm", "native_layer_norm_backward", "ne", "neg", "new_empty",
    "new_empty_strided", "new_full", "new_ones", "new_zeros", "nll_loss_backward",
    "nll_loss_forward", "norm", "ones", "ones_like", "pow", "reciprocal", "relu", "rsqrt",
    "rsub", "scalar_tensor", "scatter", "scatter_add", "select_backward", "select_scatter",
    "sigmoid", "sign", "silu", "silu_backward", "sin", "slice_backward", "slice_scatter",
    "sqrt", "square", "stack", "std", "sub", "sum", "tanh", "tanh_backward",
    "threshold_backward", "tril", "triu", "tril_indices", "trunc", "unfold_backward", "var",
    "var_mean", "where", "xlogy", "zero", "zeros", "zeros_like",
}  # fmt: skip
VIEWS = {
    "_reshape_alias", "_unsafe_view", "alias", "as_strided", "detach", "diagonal", "expand",
    "lift_fresh", "permute", "select", "slice", "split", "split_with_sizes", "squeeze", "t",
    "transpose", "unbind", "unfold", "unsqueeze", "view",
}  # fmt: skip
EMPTY = {"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided"}


def kernel(name: str) -> Any:
    """Return the operation of a name such as aten.add.Tensor. Raises for what the card has not."""
    if not known(name):
        raise NotImplementedError(f"the bench's card has no kernel for {name}")
    _, packet, overload = name.split(".")
    return getattr(getattr(torch.ops.aten, packet), overload)


def known(name: str) -> bool:
    """Return whether the card has a kernel of this name, or needs none."""
    space, packet, _ = name.split(".")
    return space == "aten" and bool({packet, packet.removesuffix("_")} & (KERNELS | VIEWS))


def made_of_others(op: Any) -> bool:
    """Return whether torch puts an operation together from smaller ones."""
    return op.has_kernel_for_dispatch_key(torch._C.DispatchKey.CompositeImplicitAutograd)


# ---------------------------------------------------------------- the device, and its tape


class Held:
    """What a tensor of the card really is: a tensor of the CPU, under a number."""

    __slots__ = ("number", "there")

    def __init__(self, there: torch.Tensor) -> None:
        self.there, self.number = there, tape.number()

    def __del__(self) -> None:
        tape.freed.append(self.number)


class Tape:
    """All that the card was asked, in order, one line of JSON each."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.freed: list[int] = []
        self.last = 0

    def number(self) -> int:
        """Return a number for a new tensor."""
        self.last += 1
        return self.last

    def add(self, name: str, args: Any, kwargs: Any, made: list[int]) -> None:
        """Write one operation down."""
        if self.freed:
            gone, self.freed = self.freed, []
            self.lines.append(json.dumps(gone))
        self.lines.append(json.dumps([name, args, kwargs, made]))

    def save(self) -> None:
        """Write run.card, if the card was used at all."""
        if self.lines:
            TAPE.write_bytes(zlib.compress("\n".join(self.lines).encode(), 1))


class CardTensor(torch.Tensor):
    """A tensor on the card."""

    held: Held

    @staticmethod
    def __new__(cls: type, there: torch.Tensor) -> CardTensor:
        made = torch.Tensor._make_wrapper_subclass(
            cls, there.size(), strides=there.stride(), dtype=there.dtype, device="card:0"
        )
        made.held = Held(there)
        return made

    @classmethod
    def __torch_dispatch__(cls, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return ask(op, *args, **(kwargs or {}))

    __torch_function__ = torch._C._disabled_torch_function_impl

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return f"CardTensor({self.cpu()!r})"

    def tolist(self) -> Any:
        """Return the values, which waits for them."""
        return self.cpu().tolist()

    @property
    def data(self) -> torch.Tensor:
        """The same memory without its history."""
        return self.detach()

    @data.setter
    def data(self, value: CardTensor) -> None:
        torch.Tensor.data.__set__(self, value)
        self.held = value.held


def ask(op: Any, *args: Any, **kwargs: Any) -> Any:
    """Have the card do one operation, and write it down."""
    name = str(op)
    if name == "aten._local_scalar_dense.default":
        return fetch(args[0]).item()
    if name == "aten._to_copy.default" and on_host(kwargs.get("device")):
        wanted = kwargs.get("dtype") or args[0].dtype
        return fetch(args[0]).to(wanted, copy=True)
    if name == "aten.copy_.default" and not isinstance(args[0], CardTensor):
        return args[0].copy_(fetch(args[1]))
    if name == "aten.is_pinned.default":
        return False
    if not known(name) and made_of_others(op):  # in inference mode these come whole
        return op.decompose(*args, **kwargs)
    kernel(name)
    kwargs.pop("pin_memory", None)
    out = op(*there(args), **there(kwargs))
    made: list[int] = []
    answer = given_back(op, args, kwargs, out, made)
    tape.add(name, written(args), written(kwargs), made)
    return answer


def fetch(tensor: CardTensor) -> torch.Tensor:
    """Bring a tensor to the host, which waits for it."""
    tape.add("fetch", [tensor.held.number], {}, [])
    return tensor.held.there


def on_host(device: Any) -> bool:
    """Return whether a device is the host."""
    return device is not None and torch.device(device).type == "cpu"


def there(value: Any) -> Any:
    """Return arguments as the CPU takes them."""
    if isinstance(value, CardTensor):
        return value.held.there
    if isinstance(value, dict):
        return {key: there(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [there(one) for one in value]
    return torch.device("cpu") if isinstance(value, torch.device) else value


def written(value: Any) -> Any:
    """Return arguments as the tape takes them."""
    match value:
        case CardTensor():
            return {"t": value.held.number}
        case torch.Tensor():
            flat = value.detach().contiguous()
            data = base64.b64encode(flat.view(-1).view(torch.uint8).numpy().tobytes()).decode()
            return {"h": [str(value.dtype)[6:], list(value.shape), data]}
        case dict():
            return {key: written(one) for key, one in value.items()}
        case list() | tuple():
            return [written(one) for one in value]
        case torch.dtype() | torch.memory_format() | torch.layout():
            return {"d": str(value)[6:]}
        case torch.device():
            return {"v": 0}
    return value


def given_back(op: Any, args: Any, kwargs: Any, out: Any, made: list[int]) -> Any:
    """Return what an operation gives its caller; the numbers of new tensors go to `made`."""
    if op._schema.is_mutable:
        known = [one for one in op._schema.arguments if one.alias_info]
        changed = [one for one in known if one.alias_info.is_write]
        if not op._schema.returns:
            return None
        places = [one.name for one in op._schema.arguments]
        first = places.index(changed[0].name)
        return args[first] if first < len(args) else kwargs[changed[0].name]
    return wrapped(out, made)


def wrapped(out: Any, made: list[int]) -> Any:
    """Return tensors of the CPU as tensors of the card."""
    if isinstance(out, torch.Tensor):
        tensor = CardTensor(out)
        made.append(tensor.held.number)
        return tensor
    if isinstance(out, list | tuple):
        return type(out)(wrapped(one, made) for one in out)
    return out


class Backend(backend_registration._DummyBackendModule):
    """What torch asks a device's module."""

    def is_available(self) -> bool:
        return True

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16]

    def synchronize(self, device: Any = None) -> None:
        tape.add("wait", [], {}, [])

    def manual_seed_all(self, seed: int) -> None:
        return None

    manual_seed = manual_seed_all


def cast(packet: Any, to: torch.dtype | None) -> Any:
    """Return an operation as autocast runs it: in bfloat16, or in float32."""

    def run(*args: Any, **kwargs: Any) -> Any:
        keys = torch._C.DispatchKeySet(torch._C.DispatchKey.AutocastPrivateUse1)
        kind = to or torch.get_autocast_dtype("card")

        def one(value: Any) -> Any:
            floats = isinstance(value, torch.Tensor) and value.is_floating_point()
            return value.to(kind) if floats and value.dtype != kind else value

        with torch._C._ExcludeDispatchKeyGuard(keys):
            return packet(*map(one, args), **{key: one(value) for key, value in kwargs.items()})

    return run


def attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, attn_mask: Any = None, dropout_p: float = 0,
    is_causal: bool = False, *, scale: Any = None, enable_gqa: bool = False,
) -> torch.Tensor:
    """Attention in one kernel, forward and backward."""
    one = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    return one(q, k, v, dropout_p, is_causal, attn_mask=attn_mask, scale=scale)[0]


def plug_in() -> list[torch.library.Library]:
    """Make "card" a device of this process."""
    backend_registration._setup_privateuseone_for_python_backend("card", Backend())
    every, aten = torch.library.Library("_", "IMPL"), torch.library.Library("aten", "IMPL")
    every.fallback(ask, "PrivateUse1")
    every.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")
    low = ("linear", "matmul", "mm", "bmm", "addmm", "scaled_dot_product_attention")
    high = ("layer_norm", "cross_entropy_loss", "softmax.int", "log_softmax.int")
    for names, kind in ((low, None), (high, torch.float32)):
        for name in names:
            packet, _, overload = name.partition(".")
            op = getattr(getattr(torch.ops.aten, packet), overload or "default")
            aten.impl(name, cast(op, kind), "AutocastPrivateUse1")
    aten.impl("scaled_dot_product_attention", attention, "AutogradPrivateUse1")
    return [every, aten]


# ---------------------------------------------------------------- playing a tape


class Clock:
    """When things would happen on a small card, in microseconds. A model: no card was timed.

    The host launches and goes on; the card does one kernel after another. A kernel takes as long as
    its bytes or its multiplications need, whichever is longer. The host waits when it fetches.
    """

    def __init__(self) -> None:
        self.host = self.card = 0.0
        self.queued = False
        self.spans: list[tuple[str, str, float, float]] = []

    def launch(self, name: str, took: float) -> None:
        """The host launches a kernel."""
        self.spans.append(("host", f"launch {name}", self.host, LAUNCH))
        self.host += LAUNCH
        start = max(self.host, self.card)
        self.card = start + took
        self.spans.append(("card", name, start, took))
        self.queued = True

    def wait(self, name: str) -> bool:
        """The host waits until the card has nothing to do; return whether it had anything."""
        if self.card > self.host:
            self.spans.append(("host", name, self.host, self.card - self.host))
        self.host, had, self.queued = max(self.host, self.card), self.queued, False
        return had


class Player:
    """Plays a tape: does every operation again, on tensors of its own, and counts.

    With `first`, the numbers of some first weights, it puts others in their place wherever the tape
    sends them. A tape that trained goes on from there; one that only carried weights carries them.
    """

    def __init__(self, first: torch.Tensor | None = None) -> None:
        self.first, self.turned = first, 0
        self.tensors: dict[int, torch.Tensor] = {}
        self.clock = Clock()
        self.names: Counter[str] = Counter()
        self.flops: Counter[str] = Counter()
        self.waits = self.sent = self.sent_bytes = self.copies = 0
        self.fetched: list[torch.Tensor] = []
        self.fetches: list[tuple[int, int]] = []

    def play(self, text: bytes) -> dict[str, Any]:
        """Play a whole tape and return what it asked."""
        for line in text.split(b"\n"):
            entry = json.loads(line)
            if entry and isinstance(entry[0], str):
                self.one(*entry)
            else:
                for number in entry:
                    self.tensors.pop(number, None)
        self.clock.wait("end")
        return {
            "kernels": sum(self.names.values()), "waits": self.waits, "sent": self.sent,
            "sent_bytes": self.sent_bytes, "copies": self.copies, "flops": dict(self.flops),
            "microseconds": round(self.clock.host), "names": dict(self.names.most_common()),
            "fetches": self.fetches,
        }  # fmt: skip

    def one(self, name: str, args: Any, kwargs: Any, made: list[int]) -> None:
        """Play one line."""
        if name in ("fetch", "wait"):
            self.waits += self.clock.wait(name)
            if name == "fetch":
                self.keep(self.tensors[args[0]])
            return
        op = kernel(name)
        args, kwargs = self.read(args), self.read(kwargs)
        out = op(*args, **kwargs)
        new = [out] if isinstance(out, torch.Tensor) else [*(out or ())]
        for number, tensor in zip(made, new, strict=False):
            self.tensors[number] = tensor
        self.count(name.split(".")[1], args, kwargs, new, name)

    def keep(self, tensor: torch.Tensor) -> None:
        """Keep what was fetched, and how much had been multiplied before it was."""
        self.fetched.append(tensor.detach().flatten().to(torch.float32, copy=True))
        self.fetches.append((sum(self.flops.values()), tensor.numel()))
        if sum(numbers for _, numbers in self.fetches) > MOST:
            raise ValueError("the tape fetches too much")

    def read(self, value: Any) -> Any:
        """Return arguments from a tape."""
        if isinstance(value, list):
            return [self.read(one) for one in value]
        if not isinstance(value, dict):
            return value
        if set(value) == {"t"}:
            return self.tensors[value["t"]]
        if set(value) == {"d"}:
            return getattr(torch, value["d"])
        if set(value) == {"v"}:
            return torch.device("cpu")
        if set(value) == {"h"}:
            dtype, shape, data = value["h"]
            raw = bytearray(base64.b64decode(data))
            kind = getattr(torch, dtype)
            flat = torch.frombuffer(raw, dtype=kind) if raw else torch.empty(0, dtype=kind)
            return from_host(self.begun(flat.view(shape)))
        return {key: self.read(one) for key, one in value.items()}

    def begun(self, sent: torch.Tensor) -> torch.Tensor:
        """Return what the host sent; first weights as they are in the other beginning."""
        if self.first is None or not sent.is_floating_point() or sent.numel() < 8:
            return sent
        plain = (sent == 0) | (sent == 1)
        ours = torch.isin(sent, self.first.to(sent.dtype)) & ~plain
        if 2 * int(ours.sum()) <= int((~plain).sum()):
            return sent
        self.turned += int(ours.sum())
        return torch.where(ours, turned(sent), sent)

    def count(self, packet: str, args: Any, kwargs: Any, out: list[Any], name: str) -> None:
        """Count one operation, and let the clock go on."""
        if packet in VIEWS or packet in EMPTY:
            self.clock.host += VIEW
            return
        if packet == "copy_" and getattr(args[1], "sent", False):
            size = args[1].numel() * args[1].element_size()
            self.sent, self.sent_bytes = self.sent + 1, self.sent_bytes + size
            busy = self.clock.queued
            self.clock.launch("copy to card", LEAST + size / LINK)
            if len(args) < 3 or not args[2]:
                self.clock.wait("copy to card")
                self.waits += busy
            return
        self.names[packet] += 1
        self.copies += packet in ("copy_", "_to_copy", "clone")
        touched = tensors([args, kwargs, out])
        took = sum(one.numel() * one.element_size() for one in touched) / MEMORY
        if work := products(packet, args):
            kind = str(args[0].dtype)[6:]
            self.flops[kind] += work
            took = max(took, work / PEAK.get(kind, 1_000.0))
        self.clock.launch(packet, LEAST + took)


def from_host(tensor: torch.Tensor) -> torch.Tensor:
    """Mark a tensor that came with the tape: it was the host's."""
    tensor.sent = True
    return tensor


def tensors(value: Any) -> list[torch.Tensor]:
    """Return all tensors in some arguments."""
    if isinstance(value, torch.Tensor):
        return [value]
    if not isinstance(value, list | tuple | dict):
        return []
    inner = value.values() if isinstance(value, dict) else value
    return [tensor for one in inner for tensor in tensors(one)]


def products(packet: str, args: Any) -> int:
    """Return the multiplications and additions of a matrix product, 0 for what is none."""
    if packet in ("mm", "bmm"):
        return 2 * args[0].numel() * args[1].shape[-1]
    if packet in ("addmm", "baddbmm", "addbmm"):
        return 2 * args[1].numel() * args[2].shape[-1]
    if packet.startswith("_scaled_dot_product"):
        q = args[0] if packet.endswith("cpu") else args[1]
        times = 2 if packet.endswith("cpu") else 4  # backward has twice the products
        return times * 2 * q.numel() * q.shape[-2]
    return 0


def main(argv: list[str] | None = None) -> int:
    """Play run.card, say what it asked; return the exit code."""
    parser = argparse.ArgumentParser(description="Play a tape of the bench's card.")
    parser.add_argument("--tape", type=Path, default=TAPE)
    parser.add_argument("--json", type=Path, help="write the counts here")
    parser.add_argument("--fetched", type=Path, help="write all that was fetched here, in float32")
    parser.add_argument("--trace", action="store_true", help="write bench.json for Perfetto")
    parser.add_argument("--other", type=int, metavar="SEED", help="turn this seed's first weights")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    unpack = zlib.decompressobj()
    text = unpack.decompress(options.tape.read_bytes(), LONGEST)
    if unpack.unconsumed_tail or not unpack.eof:
        raise ValueError("the tape is too long, or torn")
    first = None
    if options.other is not None:
        begin = first_weights(SIZES["bench"], options.other)
        first = torch.cat([one.flatten() for one in begin.values()])
    player = Player(first)
    counts = player.play(text)
    if options.json:
        options.json.write_text(json.dumps(counts))
    if options.fetched:
        options.fetched.write_bytes(torch.cat([torch.empty(0), *player.fetched]).numpy().tobytes())
    if options.trace:
        Path("bench.json").write_text(json.dumps({"traceEvents": events(player.clock.spans)}))
    for name in ("kernels", "waits", "sent", "sent_bytes", "copies", "flops", "microseconds"):
        print(f"{name:14}{counts[name]}")
    if first is not None:
        print(f"turned        {player.turned}")
    print("most often    " + ", ".join(f"{k} {n}" for k, n in player.names.most_common(12)))
    return 0


def events(spans: list[tuple[str, str, float, float]]) -> list[dict[str, Any]]:
    """Return spans as events of the Chrome trace format."""
    lanes = {"host": 1, "card": 2}
    return [
        {"ph": "X", "pid": 1, "tid": lanes[lane], "name": name, "ts": start, "dur": took}
        for lane, name, start, took in spans
    ]


tape = Tape()
if __name__ == "__main__":
    sys.exit(main())
plugged = plug_in()
atexit.register(tape.save)
