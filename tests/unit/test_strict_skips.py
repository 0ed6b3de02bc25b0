from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

_SKIPS = """
    import pytest

    def test_passing():
        pass

    def test_without_server():
        pytest.skip("there is no server")

    @pytest.mark.skipif(True, reason="the machine is of another kind")
    def test_elsewhere():
        pass

    def test_of_history():
        pytest.skip("no upgrade was tested: the last release has no such values")

    @pytest.mark.xfail(reason="a known fault")
    def test_known_fault():
        raise AssertionError
"""
_MISSING_MODULE = "import pytest; pytest.importorskip('there_is_no_such_module')"


@pytest.fixture(autouse=True)
def _no_other_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def test_skips_fail_when_ci_should_have_run_the_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(_SKIPS)

    result = _run(pytester, "--strict-skips")

    result.assert_outcomes(passed=1, failed=1, errors=1, skipped=1, xfailed=1)
    result.stdout.fnmatch_lines(["*--strict-skips: *there is no server*"])


def test_module_fails_when_it_is_skipped_for_a_missing_package(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(_MISSING_MODULE)

    assert _run(pytester, "--strict-skips").ret == pytest.ExitCode.INTERRUPTED


def test_skips_stay_skips_when_nobody_is_strict(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(_SKIPS)

    _run(pytester).assert_outcomes(passed=1, skipped=3, xfailed=1)


def _run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return pytester.runpytest_inprocess("-p", "tests.support.strict_skips", *arguments)
