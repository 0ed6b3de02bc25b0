"""Schemathesis against a real api: requests as the document allows and forbids them, and sequences of them.

A failure shows the seed and a curl command per finding. ``make fuzz`` runs more examples.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from queuecore.embedded import EmbeddedValkey
from tests.support.service_process import running

_HERE = Path(__file__).parent
_REPOSITORY = _HERE.parents[3]
_SEED = os.environ.get("TASKYARD_FUZZ_SEED", "1")
_EXAMPLES = os.environ.get("TASKYARD_FUZZ_EXAMPLES", "10")
"""Per operation and phase."""
_DEADLINE_S = 120 + 4 * int(_EXAMPLES)


@pytest.mark.timeout(_DEADLINE_S + 30)
async def test_api_keeps_to_its_document_whatever_it_is_sent(tmp_path: Path) -> None:
    with (
        EmbeddedValkey(tmp_path / "valkey") as valkey,
        running("queueapi", valkey.url, tmp_path / "api.log", TASKYARD_API_UNKNOWN_TYPES="accept") as api,
    ):
        fuzzing = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "schemathesis.cli"),
            *("--config-file", _HERE / "schemathesis.toml", "run", f"{api.url}/schema/openapi.json"),
            *("--seed", _SEED, "--max-examples", _EXAMPLES, "--no-color", "--request-timeout", "10"),
            env={**os.environ, "SCHEMATHESIS_HOOKS": f"{__package__}.formats", "PYTHONPATH": str(_REPOSITORY)},
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            said, _ = await asyncio.wait_for(fuzzing.communicate(), _DEADLINE_S)
        finally:
            if fuzzing.returncode is None:
                fuzzing.kill()
        assert fuzzing.returncode == 0, said.decode()
        assert '"level":"error"' not in (tmp_path / "api.log").read_text()
