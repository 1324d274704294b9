"""Elementary functions to 60 digits, and the distance of a float from them."""

import math
from decimal import Decimal, localcontext

HALF_PI = Decimal("1.5707963267948966192313216916397514420985846996875529104874722961539082031431")
DIGITS = 60


def sin(x):
    return _wave(Decimal(x), 0)


def cos(x):
    return _wave(Decimal(x), 1)


def tan(x):
    with localcontext(prec=DIGITS):
        return sin(x) / cos(x)


def exp(x):
    with localcontext(prec=DIGITS):
        return Decimal(x).exp()


def log(x):
    with localcontext(prec=DIGITS):
        return Decimal(x).ln()


def tanh(x):
    with localcontext(prec=DIGITS):
        twice = 2 * Decimal(x)
        if abs(twice) > 2:
            e = (-abs(twice)).exp()
            return ((1 - e) / (1 + e)).copy_sign(twice)
        e = _series(twice, twice, lambda n: twice / (n + 1))
        return e / (e + 2)


def ulps(value, exact):
    """Return how far `value` is from `exact`, in units in the last place of the float nearest to `exact`."""
    with localcontext(prec=DIGITS):
        return float(abs(Decimal(float(value)) - exact) / Decimal(math.ulp(float(exact))))


def _wave(x, quarters):
    with localcontext(prec=DIGITS + 20):
        k = (x / HALF_PI).to_integral_value()
        r = x - k * HALF_PI
        odd = (int(k) + quarters) % 2
        value = _series(1 if odd else r, Decimal(1) if odd else r, lambda n: -r * r / ((2 * n - odd) * (2 * n + 1 - odd)))
        return -value if (int(k) + quarters) % 4 >= 2 else value


def _series(total, term, ratio):
    total, n = Decimal(total), 1
    while abs(term) > abs(total) * Decimal(10) ** -DIGITS:
        term *= ratio(n)
        total += term
        n += 1
    return total
