"""Every .tf holds nothing that the Google provider 6.50 does not know, and lacks nothing that it asks for.

terraform/*.tf ─▶ python-hcl2 ─▶ each resource, data source, block, argument and reference ─▶ google_schema.json
"""

import re
import shutil
import subprocess

import pytest
from hcl import TERRAFORM, blocks, parsed, problems


def test_the_provider_would_take_every_file(files, schema) -> None:
    assert [f"{name}: {wrong}" for name, text in files.items() for wrong in problems(text, schema)] == []
    assert sum(1 for text in files.values() for _ in blocks(parsed(text))) > 15


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ('resource "google_bigquery_table"', 'resource "google_bigquery_tabel"', "google_bigquery_tabel does not exist"),
        ('resource "google_kms_key_ring"', 'resource "google_pubsub_topic"', "google_pubsub_topic is not in google_schema.json"),
        ("  table_id            = each.key", "  tableid = each.key", "google_bigquery_table.clean: no argument or block tableid"),
        ("  source_uris ", "  source_urls ", "external_data_configuration: no argument or block source_urls"),
        ("autodetect    = true", "", "external_data_configuration: autodetect is missing"),
        ("matches_prefix ", "matches_prefixes ", "lifecycle_rule.condition: no argument or block matches_prefixes"),
        ("condition {\n      age", "conditions {\n      age", "lifecycle_rule: condition is missing"),
        ("  location                    = var.region", "", "google_storage_bucket.lake: location is missing"),
        ("  versioning {\n    enabled = false\n  }", "  versioning = false", "google_storage_bucket.lake: versioning is a block"),
        ("agent.email_address", "agent.mail_address", "data.google_storage_project_service_account has no mail_address"),
        ("google_bigquery_connection.lake.cloud_resource", "google_bigquery_connection.lake.cloud_resources", "has no cloud_resources"),
        ("google_kms_crypto_key.lake.id", "google_kms_crypto_keys.lake.id", "google_kms_crypto_keys has no id"),
    ],
)
def test_a_slip_is_found(files, schema, right: str, wrong: str, said: str) -> None:
    text = next(text for text in files.values() if right in text)
    found = problems(text.replace(right, wrong), schema)
    assert any(said in each for each in found), found


def test_every_reference_leads_to_something(files) -> None:
    """A resource that no file holds would be found by `terraform plan` alone."""
    there = {("data." if kind == "data" else "") + f"{b.type}.{b.name}" for text in files.values() for kind, b in blocks(parsed(text))}
    bare = [re.sub(r"(?m)#.*$", "", text) for text in files.values()]
    asked = {ref for text in bare for ref in re.findall(r"\b((?:data\.)?google_\w+\.\w+)", text)}
    assert asked - there == set()
    given = {name for text in files.values() for said in parsed(text).get("variable", ()) for name in said}
    assert {name for text in bare for name in re.findall(r"\bvar\.(\w+)", text)} == given
    locals_ = {name for text in files.values() for said in parsed(text).get("locals", ()) for name in said} - {"__is_block__"}
    assert {name for text in bare for name in re.findall(r"\blocal\.(\w+)", text)} == locals_


def test_every_variable_and_output_says_what_it_is(files) -> None:
    for word in ("variable", "output"):
        for said in (each for text in files.values() for each in parsed(text).get(word, ())):
            for name, body in said.items():
                assert body.get("description"), f"{word} {name}"


def test_provider_and_terraform_are_pinned(files, schema) -> None:
    (pinned,) = parsed(files["versions.tf"])["terraform"]
    (providers,) = pinned["required_providers"]
    assert (pinned["required_version"], providers["google"]["version"]) == ("~> 1.11", "~> 6.50")
    assert "provider-google 16.12.1 " in schema["made_from"]  # of 6.50.0


@pytest.mark.skipif(not shutil.which("terraform"), reason="no terraform on this machine")
def test_terraform_itself_has_nothing_to_format() -> None:
    done = subprocess.run(["terraform", "fmt", "-check", "-recursive", "-diff", str(TERRAFORM)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
