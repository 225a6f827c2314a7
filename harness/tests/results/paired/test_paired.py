"""Verdicts on paired times: what is the same, what is not, and how often they err on a machine that is known."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from harness.contract.status import Speed
from harness.results.paired import LEAST_FLOOR, Logs, PairedTimes, log_ratios, paired

pytestmark = pytest.mark.heavy


def logs(*ratios: float) -> Logs:
    """The log-ratios of one process."""
    return np.array([math.log(ratio) for ratio in ratios])


def test_samples_of_one_round_meet_but_for_the_first() -> None:
    assert np.exp(log_ratios([9.0, 1.0, 6.0], [1.0, 2.0, 2.0, 7.0])) == pytest.approx([0.5, 3.0])
    assert np.exp(log_ratios([1.0], [4.0])) == pytest.approx([0.25])
    assert log_ratios([], [4.0]).size == 0


def test_without_a_pair_there_is_no_ratio() -> None:
    assert paired([]) is None
    assert paired([logs(), logs()]) is None


def test_of_one_process_the_interval_is_that_of_its_median() -> None:
    """The binomial one: of eleven ratios the third to the ninth hold the median in about 95 % of resamples."""
    found = paired([logs(*range(1, 12))])
    assert found is not None
    assert (found.ratio, found.pairs, *found.sides) == pytest.approx((6, 11, 6))
    assert 2 <= round(found.low, 6) <= 4
    assert 8 <= round(found.high, 6) <= 10


def test_processes_that_differ_widen_the_interval() -> None:
    """However narrow each of them is: it spans what they say."""
    found = paired([logs(1.0, 1.0, 1.001)] * 3 + [logs(1.2, 1.2, 1.201)] * 3)
    assert found is not None
    assert found.low == pytest.approx(1.0, abs=2e-3)
    assert found.high == pytest.approx(1.2, abs=2e-3)


def test_the_same_pairs_give_the_same_interval_from_either_side() -> None:
    one = paired([logs(0.9, 1.0, 1.3), logs(1.1, 0.8, 1.0)])
    again = paired([logs(0.9, 1.0, 1.3), logs(1.1, 0.8, 1.0)])
    other = paired([-logs(0.9, 1.0, 1.3), -logs(1.1, 0.8, 1.0)])
    assert one is not None
    assert other is not None
    assert one == again
    assert other.ratio == pytest.approx(1 / one.ratio)


@pytest.mark.parametrize(
    ("low", "high", "sides", "floor", "verdict"),
    [
        (0.98, 1.02, (0.99, 1.01), 0.01, Speed.SAME),
        (1.012, 1.02, (1.015, 1.015), 0.01, Speed.SAME),  # beyond the noise, and nothing to choose by
        (0.96, 1.02, (0.99, 1.01), 0.01, Speed.SAME),  # a tenth is excluded
        (0.90, 1.08, (0.99, 1.01), 0.01, Speed.UNCLEAR),  # here it is not
        (1.00, 1.09, (1.05, 1.01), 0.01, Speed.UNCLEAR),  # and here the ratio is not near 1
        (1.00, 1.09, (1.05, 1.01), 0.045, Speed.SAME),  # no more than the machine makes of no difference
        (0.91, 0.98, (0.93, 0.96), 0.20, Speed.UNCLEAR),  # a machine that noisy cannot say that two are the same
        (1.05, 1.12, (1.06, 1.08, 1.10), 0.01, Speed.SLOWER),
        (1.05, 1.12, (1.06, 1.08, 1.10), 0.06, Speed.UNCLEAR),
        (1.05, 1.12, (0.99, 1.08, 1.10), 0.01, Speed.UNCLEAR),
        (0.80, 0.90, (0.82, 0.85, 0.88), 0.01, Speed.FASTER),
        (0.80, 0.90, (0.82, 0.85, 1.01), 0.01, Speed.UNCLEAR),
        (0.65, 0.93, (0.65, 0.69, 0.93), 0.01, Speed.UNCLEAR),  # the next one may be anywhere
        (0.955, 0.978, (0.96, 0.97, 0.975), 0.01, Speed.UNCLEAR),  # three may agree on little by chance
        (0.955, 0.978, (0.96, 0.97, 0.975) * 2, 0.01, Speed.FASTER),  # six do not
        (0.955, 0.978, (0.97,), 0.01, Speed.FASTER),  # in this process
        (0.80, 0.90, (0.82, 0.83, 0.84, 0.85, 1.01), 0.01, Speed.FASTER),  # four of five
        (1.05, 1.12, (1.06, 1.06, 1.06, 0.99, 0.98), 0.01, Speed.UNCLEAR),
        (0.80, 0.90, (0.82, 0.85, 0.88), 0.15, Speed.UNCLEAR),
    ],
)
def test_a_verdict_is_of_the_interval_the_processes_and_the_noise(
    low: float, high: float, sides: tuple[float, ...], floor: float, verdict: Speed
) -> None:
    found = PairedTimes(ratio=math.sqrt(low * high), low=low, high=high, pairs=30, sides=sides)
    assert found.against(floor) is verdict


# -- a machine that is known ---------------------------------------------------------------------------------------


class NoisyMachine:
    """Times of two backends: drift, jitter, outliers, and 1 to 2 % that each fresh process adds to their ratio."""

    def __init__(self, seed: int, noise: float) -> None:
        self._random, self._noise = np.random.default_rng(seed), noise

    def process(self, true_ratio: float, pairs: int = 11) -> Logs:
        """One process, which goes through pairs of which the first is cold."""
        random = self._random
        drift = np.exp(np.cumsum(random.normal(0, 0.02, pairs)))
        offset = 1 + random.uniform(0.01, 0.02) * random.choice([-1, 1])
        a, b = drift * true_ratio * offset * self._jitter(pairs), drift * self._jitter(pairs)
        a[0] *= 1.5
        return log_ratios(list(a), list(b))

    def _jitter(self, pairs: int) -> Logs:
        random = self._random
        outliers = np.where(random.random(pairs) < 0.04, random.exponential(0.3, pairs), 0)
        return np.asarray(np.exp(random.normal(0, self._noise, pairs) + outliers))


def verdicts(
    true_ratio: float, rows: int, seed: int, noise: float = 0.007, machine: type[NoisyMachine] = NoisyMachine
) -> Counter[Speed]:
    """Of rows that are measured as `harness compare` does: three processes, three longer ones for what is unclear."""
    made = machine(seed, noise)
    found: Counter[Speed] = Counter()
    for _ in range(rows // 40):
        twins = [[made.process(1.0) for _ in range(3)] for _ in range(2)]
        table = [[made.process(true_ratio) for _ in range(3)] for _ in range(40)]
        for _ in range(4):
            floor = max([LEAST_FLOOR, *(max(t.ratio, 1 / t.ratio) - 1 for t in map(paired, twins) if t)])
            said = [one.against(floor) for one in map(paired, table) if one]
            if Speed.UNCLEAR not in said or len(twins[0]) == 6:
                break
            for processes in [*twins, *(p for p, v in zip(table, said, strict=True) if v is Speed.UNCLEAR)]:
                processes.append(made.process(true_ratio if processes not in twins else 1.0, pairs=61))
        found.update(said)
    return found


def test_a_backend_is_the_same_as_itself() -> None:
    """On 98 % of rows at least, and never faster or slower on more than one in a hundred."""
    found = verdicts(1.0, rows=400, seed=1)
    assert found[Speed.SAME] >= 0.98 * 400, found
    assert found[Speed.FASTER] + found[Speed.SLOWER] <= 4, found


@pytest.mark.parametrize(("true_ratio", "verdict"), [(1.10, Speed.SLOWER), (1 / 1.10, Speed.FASTER)])
def test_a_tenth_more_is_slower_and_less_is_faster(true_ratio: float, verdict: Speed) -> None:
    found = verdicts(true_ratio, rows=200, seed=2)
    assert found[verdict] >= 0.98 * 200, found
    assert found[Speed.SAME] == 0, found


def test_a_process_that_is_slow_throughout_makes_no_difference_of_two_that_are_the_same() -> None:
    """One in ten, as memory lies badly for it: of three two may be such."""

    class Moody(NoisyMachine):
        def process(self, true_ratio: float, pairs: int = 11) -> Logs:
            return super().process(true_ratio * (1.4 if self._random.random() < 0.1 else 1.0), pairs)

    found = verdicts(1.0, rows=400, seed=4, machine=Moody)
    assert found[Speed.FASTER] + found[Speed.SLOWER] <= 4, found


def test_where_pairs_scatter_a_tenth_is_still_told() -> None:
    """What three short processes leave unclear, three longer ones settle; two that are the same need it less wild."""
    assert verdicts(1.0, rows=200, seed=3, noise=0.015)[Speed.SAME] >= 0.98 * 200
    slower, same = verdicts(1.10, rows=200, seed=3, noise=0.07), verdicts(1.0, rows=200, seed=3, noise=0.07)
    assert slower[Speed.SLOWER] >= 0.95 * 200, slower
    assert slower[Speed.FASTER] + slower[Speed.SAME] == 0, slower
    assert same[Speed.FASTER] + same[Speed.SLOWER] <= 2, same
