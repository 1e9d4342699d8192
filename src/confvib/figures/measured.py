"""Values with their standard errors, rounded to what the error lets one know."""

import math

# Decimals for values that come without an error: 10 µeV, or 10 neV/K.
_DECIMALS_WITHOUT_ERROR = 5
# An error below this is rounding of sums, not statistics.
_SMALLEST_ERROR = 5e-10
MISSING = "–"


def plus_minus(value: float | None, stderr: float | None) -> str:
    """Write ``value ± stderr`` with two digits of the error.

    Args:
        value: Any unit; null gives a dash.
        stderr: Standard error >= 0 in the same unit; null gives the value alone, and an
            error that vanishes (every configuration was counted) gives ``± 0``.
    """
    value, stderr = _real(value), _real(stderr)
    if value is None:
        return MISSING
    if stderr is None:
        return _signed(value, _DECIMALS_WITHOUT_ERROR)
    if stderr < _SMALLEST_ERROR:
        return f"{_signed(value, _DECIMALS_WITHOUT_ERROR)} ± 0"
    decimals = _decimals(stderr)
    return f"{_signed(value, decimals)} ± {stderr:.{decimals}f}"


def concise(value: float | None, stderr: float | None) -> str:
    """Write ``value(error of the last digits)`` in ASCII, such as -8.78150(12).

    Args:
        value: Any unit; null gives a hyphen.
        stderr: Standard error >= 0 in the same unit; null gives the value alone, and an
            error that vanishes gives ``(0)``.
    """
    value, stderr = _real(value), _real(stderr)
    if value is None:
        return "-"
    if stderr is None:
        return f"{value:.{_DECIMALS_WITHOUT_ERROR}f}"
    if stderr < _SMALLEST_ERROR:
        return f"{value:.{_DECIMALS_WITHOUT_ERROR}f}(0)"
    decimals = _decimals(stderr)
    digits = f"{stderr:.{decimals}f}"
    return f"{value:.{decimals}f}({digits if stderr >= 1 else digits[2:].lstrip('0')})"


def plain(value: float | None, pattern: str) -> str:
    """Format a number without error by a format pattern; null gives a dash."""
    value = _real(value)
    return MISSING if value is None else _minus(format(value, pattern))


def _real(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else float(value)


def _decimals(stderr: float) -> int:
    # The exponent after rounding: 0.0996 has the two digits 0.10, not 0.100.
    return max(0, 1 - int(f"{stderr:.1e}".partition("e")[2]))


def _signed(value: float, decimals: int) -> str:
    return _minus(f"{value:.{decimals}f}")


def _minus(number: str) -> str:
    return number.replace("-", "−", 1) if number.startswith("-") else number
