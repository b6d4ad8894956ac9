"""Whether a film's frames come at a constant rate, by their timestamps."""

from fractions import Fraction

from animi.core.media.timestamps import find_timing


def test_constant_rates_are_known_for_all_their_rounding():
    for rate in (Fraction(24), Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60), Fraction(25), Fraction(12)):
        stamps = [round(k * 1000 / rate) for k in range(1000)]
        timing = find_timing(stamps[::-1], round(1000 / rate), Fraction(1, 1000))
        assert timing.rate == rate and timing.count == 1000 and timing.end == 1000 / rate
    assert find_timing([0, 1001, 2002], 1001, Fraction(1, 90000)).rate == Fraction(90000, 1001)


def test_varying_rates_are_known():
    timing = find_timing([0, 40, 80, 120, 220, 260], 40, Fraction(1, 1000))
    assert timing.rate is None and timing.usual == Fraction(40, 1000) and timing.end == Fraction(300, 1000)
