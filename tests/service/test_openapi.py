"""The OpenAPI document is what the service does: schemathesis sends what it allows, and what it does not."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.harness.waiting import PATIENCE_SECONDS
from firsthand.schemas.mixes import Part, Recipe
from tests.conftest import Registry, on_both
from tests.factories import digests, model, register

pytestmark = pytest.mark.slow

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"

#: Values that are there, so that the generated requests reach further than a 404.
KNOWN = """
[parameters]
organization = "local"
name = "texts"
version = "1"

[[operations]]
include-path-regex = "/v1/registrations/.*"
parameters = {{ id = {registration} }}

[[operations]]
include-path-regex = "/v1/mixes/.*"
parameters = {{ id = "{mix}" }}
"""


def schemathesis(registry: Registry, config: Path, *options: str) -> str:
    """Run it against the registry; fails with what it found."""
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"]
    patient = ["--request-timeout", str(PATIENCE_SECONDS)]
    fixed = [f"{registry.url}/openapi.json", *patient, "--checks", CHECKS, "--mode", "all", "--seed", "1", "--no-color"]
    quiet = ["--generation-database", "none", "--suppress-health-check", "all"]
    ran = subprocess.run(
        [*command, *fixed, *quiet, *options], capture_output=True, text=True, timeout=3 * PATIENCE_SECONDS, check=False
    )
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
    return ran.stdout


@on_both
def test_schemathesis_finds_no_server_error_and_no_undocumented_answer(registry: Registry, tmp_path: Path) -> None:
    client = registry.client()
    model(client, "local/texts@1")
    made = register(client, digests(range(10)), "human")
    mix = client.create_mix(Recipe(parts=[Part()]))
    config = tmp_path / "schemathesis.toml"
    config.write_text(KNOWN.format(registration=made.id, mix=mix.id))
    key = ["--header", f"Authorization: Bearer {registry.api_key}"]
    # it learns ids from answers, and would revoke the key that it was given: the one call that does runs last
    report = schemathesis(registry, config, *key, "--max-examples", "12", "--exclude-method", "DELETE")
    print(report[-2500:])
    assert "returned only 401/403" not in report
    print(schemathesis(registry, config, *key, "--max-examples", "20", "--include-method", "DELETE")[-300:])
