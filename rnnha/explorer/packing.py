"""Arrays as JSON: rows of numbers become small integers, each row with its own scale."""

import base64

import numpy as np
from numpy.typing import ArrayLike, NDArray


def pack(values: ArrayLike, bits: int = 32, rows: int | None = None) -> dict:
    """Numbers as JSON holds them; `unpack` is the way back, and so is unpack() in packing.js.

    bits: 32 keeps float32 as it is. 16 and 8 round each row (of the last axis; or into so many
    rows the numbers are cut) to one of 65,536 or 256 even steps between its least and its greatest
    number: off by half a step at most.
    Raises ValueError where a number is not finite.
    """
    values = np.asarray(values, np.float32)
    if not np.isfinite(values).all():
        raise ValueError("NaN or infinity cannot be shown; did the network diverge in training?")
    packed = {"shape": list(values.shape), "bits": bits}
    if bits == 32:
        return packed | {"codes": _text(values)}
    table = values.reshape(rows or -1, values.size // rows if rows else values.shape[-1])
    table = table.astype(np.float64)
    low, high = table.min(1, keepdims=True), table.max(1, keepdims=True)
    step = ((high - low) / (2**bits - 1)).astype(np.float32)
    low = low.astype(np.float32)
    codes = np.divide(table - low, step, out=np.zeros_like(table), where=step > 0)
    codes = np.clip(np.rint(codes), 0, 2**bits - 1).astype(f"<u{bits // 8}")
    return packed | {"codes": _text(codes), "low": _text(low), "step": _text(step)}


def unpack(packed: dict) -> NDArray[np.float32]:
    """The array that `pack` was given, as exactly as its bits allow."""
    shape, bits = packed["shape"], packed["bits"]
    if bits == 32:
        return _numbers(packed["codes"], "<f4").reshape(shape)
    low, step = (_numbers(packed[name], "<f4")[:, None] for name in ("low", "step"))
    codes = _numbers(packed["codes"], f"<u{bits // 8}").reshape(len(low), -1)
    return (low + codes.astype(np.float32) * step).reshape(shape)


def _text(values: NDArray) -> str:
    little = values.astype(values.dtype.newbyteorder("<"))
    return base64.b64encode(little.tobytes()).decode()


def _numbers(text: str, kind: str) -> NDArray:
    return np.frombuffer(base64.b64decode(text), kind)
