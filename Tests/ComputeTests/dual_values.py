"""Prints DualValues.swift: T and T' of activations by integration, which knows phi and phi' only.

Smooth activations: the trapezoidal rule in two dimensions, step 1/16 to +-14, which is exact to
rounding for entire functions. Activations with a kink at 0: they are homogeneous, so the radius
integrates to 2 (degree 1) or 1 (degree 0), and the angle is left: mpmath.quad with 40 digits, cut
at the kinks. Run: python3 dual_values.py > DualValues.swift
"""
import numpy as np
from mpmath import mp, mpf, acos, cos, pi, quad, sqrt
from scipy.special import erf

mp.dps = 40
CASES = [  # c, a, b: exact in single precision, the last ones nearly or fully parallel
    (0.5, 1, 1), (-0.75, 1, 1), (0.25, 0.5, 2), (0.4375, 2, 0.125), (0, 1, 1), (1.96875, 4, 1),
    (0.5, 0.0625, 9), (-0.015625, 0.25, 3), (1.5, 1.5, 1.5), (-1.5, 1.5, 1.5),
    (1 - 2.0**-12, 1, 1), (2.0**-12 - 1, 1, 1), (1 - 2.0**-20, 1, 1),
]
SMOOTH = {
    "erf": (erf, lambda x: 2 / np.sqrt(np.pi) * np.exp(-x * x)),
    "gelu": (
        lambda x: x * 0.5 * (1 + erf(x / np.sqrt(2))),
        lambda x: 0.5 * (1 + erf(x / np.sqrt(2))) + x * np.exp(-x * x / 2) / np.sqrt(2 * np.pi)),
    "sin": (np.sin, np.cos),
    "cos": (np.cos, lambda x: -np.sin(x)),
    "exp": (np.exp, np.exp),
    "quadratic": (lambda x: x * x, lambda x: 2 * x),
    "gaussian": (lambda x: np.exp(-x * x), lambda x: -2 * x * np.exp(-x * x)),
}
KINKED = {  # below, above
    "relu": (0, 1), "leakyReLU": (mpf("0.01"), 1), "absolute": (-1, 1),
}


def smooth(phi, c, a, b):
    x = np.arange(-14 * 16, 14 * 16 + 1, dtype=np.float64) / 16
    weight = np.exp(-x * x / 2) / np.sqrt(2 * np.pi) / 16
    rho = mpf(c) / sqrt(mpf(a) * mpf(b))
    u = np.sqrt(float(a)) * x
    v = float(rho * sqrt(b)) * x[:, None] + float(sqrt(1 - rho**2) * sqrt(b)) * x[None, :]
    return float(np.sum((weight * phi(u)).astype(np.longdouble) * (phi(v) @ weight)))


def angular(f, c, a, b):
    """The mean over angles of f(cos t, cos(t - psi))."""
    rho = mpf(c) / sqrt(mpf(a) * mpf(b))
    psi = acos(rho)
    cuts = sorted({-pi, -pi / 2, pi / 2, pi} | {x for k in (-3, -1, 1, 3)
                  for x in [psi + k * pi / 2] if -pi < x < pi})
    return quad(lambda t: f(cos(t), cos(t - psi)), cuts) / (2 * pi)


rows = []
for name, (phi, slope) in SMOOTH.items():
    for c, a, b in CASES:
        rows.append((name, c, a, b, smooth(phi, c, a, b), smooth(slope, c, a, b)))
for name, (low, high) in KINKED.items():
    for c, a, b in CASES:
        phi = lambda x: x * high if x > 0 else x * low
        slope = lambda x: high if x > 0 else low
        scale = 2 * sqrt(mpf(a) * mpf(b))
        rows.append((name, c, a, b, float(scale * angular(lambda u, v: phi(u) * phi(v), c, a, b)),
                     float(angular(lambda u, v: slope(u) * slope(v), c, a, b))))
for c, a, b in CASES:
    sign = lambda x: 1 if x > 0 else -1
    rows.append(("sign", c, a, b, float(angular(lambda u, v: sign(u) * sign(v), c, a, b)), 0.0))
for c, a, b in CASES:
    root = sqrt((mpf(a) + mpf("0.5")) * (mpf(b) + mpf("0.5")))
    rows.append(("normalization(epsilon: 0.5)", c, a, b, float(mpf(c) / root), float(1 / root)))

print("import Compute\n")
print("/// T and T′ by integration, printed by dual_values.py beside this file.")
print("let dualValues: [DualValue] = [")
for name, c, a, b, value, derivative in rows:
    function, _, rest = name.partition("(")
    arguments = f"({rest}" if rest else ""
    print(f"  DualValue(.{function}{arguments}, {float(c)!r}, {a!r}, {b!r}, {value!r}, {derivative!r}),")
print("]")
