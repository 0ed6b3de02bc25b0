from __future__ import annotations

from benchmarks.measures.raw import parse_redis_benchmark
from benchmarks.peers.contender import CONTENDERS, OURS
from benchmarks.peers.environment import REQUIREMENTS
from benchmarks.report.baseline import find_regressions, read_baseline
from benchmarks.report.figure import FIGURE


def test_ratio_within_the_tolerance_is_no_regression() -> None:
    assert (
        find_regressions(
            {"noop_one_process": 10.0, "idle_pickup_p50": 2.0}, {"noop_one_process": 7.1, "idle_pickup_p50": 1.1}
        )
        == []
    )


def test_ratio_below_the_tolerance_is_reported_with_its_figures() -> None:
    assert find_regressions({"noop_one_process": 10.0}, {"noop_one_process": 6.9}) == [
        "noop_one_process: 6.90, accepted 10.00, at least 7.00 was expected"
    ]


def test_missing_figure_is_a_regression() -> None:
    assert find_regressions({"noop_one_process": 10.0}, {}) == ["noop_one_process: not measured"]


def test_accepted_ratios_are_of_known_figures() -> None:
    accepted = read_baseline()

    assert accepted
    assert set(accepted) <= set(FIGURE)


def test_rate_is_read_from_redis_benchmark() -> None:
    csv = '"test","rps","avg_latency_ms"\n"LPUSH","36231.88","0.7"\n'

    assert parse_redis_benchmark(csv) == 36231.88


def test_every_peer_has_pinned_requirements_and_no_host_is_named() -> None:
    for contender in CONTENDERS:
        if contender.name != OURS:
            text = (REQUIREMENTS / f"{contender.name}.txt").read_text()
            assert "--hash=sha256:" in text
            assert "://" not in text
