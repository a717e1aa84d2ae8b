#!/usr/bin/env python3
"""Writes the array fixtures with numpy, safetensors and gzip, the oracles of these tests.

Run in this folder: python3 generate.py (numpy 2.4, safetensors 0.8, ml_dtypes).
Every file is read back by the tests and compared with values that they state themselves.
"""

import gzip
import struct
import zipfile
import zlib

import ml_dtypes
import numpy as np
from numpy.lib import format as npy
from safetensors.numpy import save_file

# The values of every numeric fixture: 0, 1.5, 3, ... or whole numbers, shape [2, 3, 4].
ramp = np.arange(24).reshape(2, 3, 4)

for name in ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"]:
    values = ramp * 1.5 if name[0] == "f" else ramp
    if name[0] == "i":
        values = values - 12
    np.save(f"{name}.npy", values.astype("<" + name))
np.save("b1.npy", ramp % 3 == 0)
np.save("big-endian-f8.npy", (ramp * 1.5).astype(">f8"))
np.save("big-endian-i2.npy", (ramp - 12).astype(">i2"))
np.save("fortran-f4.npy", np.asfortranarray((ramp * 1.5).astype("<f4")))
np.save("fortran-big-endian-f8.npy", np.asfortranarray((ramp * 1.5).astype(">f8")))
np.save("scalar.npy", np.float64(2.5))
np.save("vector.npy", np.arange(3, dtype="<i4"))
np.save("empty.npy", np.zeros((0, 5), "<f4"))
np.save("complex.npy", np.zeros(2, "<c8"))
np.save("text.npy", np.array(["a", "bc"]))
np.save("record.npy", np.zeros(2, [("a", "<f4"), ("b", "<i4")]))
for version in [(2, 0), (3, 0)]:
    with open(f"version-{version[0]}.npy", "wb") as f:
        npy.write_array(f, (ramp * 1.5).astype("<f4"), version=version)

# Halves: zero, subnormals, extremes, infinities, NaN.
half_bits = np.array([0, 0x8000, 1, 0x8001, 0x03FF, 0x0400, 0x3C00, 0x3555, 0x7BFF, 0xFBFF,
                      0x7C00, 0xFC00, 0x7E00], "<u2")
np.save("half.npy", half_bits.view("<f2"))
np.save("half-as-f4.npy", half_bits.view("<f2").astype("<f4"))

arrays = {"x": (ramp * 1.5).astype("<f4"), "labels": np.arange(5), "zeros": np.zeros(5000)}
np.savez("stored.npz", **arrays)
np.savez_compressed("deflated.npz", **arrays)


class Unseekable:
    """Makes zipfile write data descriptors."""

    def __init__(self, file):
        self.file = file

    def write(self, data):
        return self.file.write(data)

    def flush(self):
        self.file.flush()


with open("descriptors.npz", "wb") as f:
    with zipfile.ZipFile(Unseekable(f), "w", zipfile.ZIP_DEFLATED) as z:
        with z.open("x.npy", "w") as member:
            npy.write_array(member, arrays["x"])
        with z.open("labels.npy", "w", force_zip64=True) as member:
            npy.write_array(member, arrays["labels"])

bf16 = np.array([0, 1, -1, 3.140625, 1e30, 2.0 ** -130], ml_dtypes.bfloat16)
save_file(
    {
        "f64": ramp * 1.5,
        "f32": (ramp * 1.5).astype(np.float32),
        "f16": half_bits.view("<f2"),
        "bf16": bf16,
        "i64": ramp - 12,
        "i32": (ramp - 12).astype(np.int32),
        "i16": (ramp - 12).astype(np.int16),
        "i8": (ramp - 12).astype(np.int8),
        "u64": ramp.astype(np.uint64),
        "u32": ramp.astype(np.uint32),
        "u16": ramp.astype(np.uint16),
        "u8": ramp.astype(np.uint8),
        "bool": ramp % 3 == 0,
        "scalar": np.array(2.5),
        "empty": np.zeros((0, 5), np.float32),
        'quote " and \\ and ü': np.arange(2.0),
    },
    "all.safetensors",
    metadata={"format": "np", "note": 'line\nbreak "quoted"'},
)

idx = struct.pack(">BBBBIII", 0, 0, 8, 3, 2, 3, 4) + bytes(range(24))
with open("images-idx3-ubyte", "wb") as f:
    f.write(idx)
with open("images-idx3-ubyte.gz", "wb") as f:
    f.write(gzip.compress(idx, mtime=0))
with open("members.gz", "wb") as f:
    f.write(gzip.compress(b"first ", mtime=0) + gzip.compress(b"second", mtime=0))
with open("i4.idx", "wb") as f:
    f.write(struct.pack(">BBBBI", 0, 0, 0x0C, 1, 3) + struct.pack(">iii", -1, 0, 70000))
with open("f8.idx", "wb") as f:
    f.write(struct.pack(">BBBBI", 0, 0, 0x0E, 1, 2) + struct.pack(">dd", 1.5, -2.25))


def bomb():
    """An IDX file of 4 elements with 1 GB of zeros behind it, compressed twice."""
    inner = zlib.compressobj(9, zlib.DEFLATED, 31)
    data = inner.compress(struct.pack(">BBBBI", 0, 0, 8, 1, 4))
    zeros = bytes(1 << 20)
    for _ in range(1 << 10):
        data += inner.compress(zeros)
    return gzip.compress(data + inner.flush(), mtime=0)


with open("bomb.idx.gz.gz", "wb") as f:
    f.write(bomb())
