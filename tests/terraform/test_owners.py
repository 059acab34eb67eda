"""Terraform owns clean, dbt owns curated: each table has one owner, and no column is typed in a .tf.

contracts ─▶ generated/tables/*.json ─▶ for_each ─▶ clean.<table>        dbt_project.yml ─▶ datasets.json ─▶ empty datasets
"""

import json
import re
import shutil
import subprocess
from datetime import date

import pytest
import yaml
from hcl import TERRAFORM, blocks, parsed
from shown_views import READERS, views

from lakehouse.contracts import registry
from lakehouse.contracts.project import clean_fields
from lakehouse.places import (
    CLEAN_SCHEMA,
    CURATED_SCHEMA,
    FEATURES_SCHEMA,
    clean_table,
    hidden_dir,
    media_object,
    raw_commit,
    raw_file,
    refined_marker,
    waiting_batch,
)


def test_every_clean_dataset_has_one_table_and_nothing_else_has_any(files, tables) -> None:
    made = [b for text in files.values() for kind, b in blocks(parsed(text)) if b.type == "google_bigquery_table"]
    by_name = {b.name: b.body for b in made}
    assert by_name.keys() == {"clean", "shown", "hidden"} and by_name["clean"]["for_each"] == "${local.tables}"
    assert "view" in by_name["shown"] and "${local.shown.hidden.path}" in str(by_name["hidden"]["external_data_configuration"])
    contracts = registry()
    assert tables.keys() == {c.table for c in contracts.clean}
    assert not tables.keys() & {c.table for c in contracts.layer("curated", "features", "monitoring")}
    assert {t["dataset"] for t in tables.values()} == {CLEAN_SCHEMA}
    assert {t["path"] for t in tables.values()} == {clean_table(c.domain, c.table) for c in contracts.clean}


def test_dbt_reads_the_tables_that_terraform_makes(root, tables, datasets) -> None:
    (source,) = yaml.safe_load((root / "dbt_project/models/staging/_sources.yml").read_text(encoding="utf-8"))["sources"]
    read = {(source["schema"], table.get("identifier", table["name"])) for table in source["tables"]}
    assert read == {(t["dataset"], name) for name, t in tables.items()}
    by_terraform = {name for name, said in datasets.items() if said["tables_by"] == "terraform"}
    assert by_terraform == {CLEAN_SCHEMA}
    assert {name for name, said in datasets.items() if said["is_shown"]} == {CURATED_SCHEMA, FEATURES_SCHEMA}


def test_no_column_is_typed(files, schema) -> None:
    contracts = registry()
    columns = {f.name for c in contracts.clean for f in clean_fields(c, contracts.vocabulary)} | {
        f.name for c in contracts for f in c.fields
    }
    speaking = [text for name, text in files.items() if name != "versions.tf"]  # which says where a provider is from, its `source`
    words = {word for text in speaking for word in re.findall(r"[a-z_0-9]+", re.sub(r"(?m)#.*$", "", text))}
    # A few words are a column in one place and an argument of the provider's in another.
    columns -= {name for known in (*schema["resources"].values(), *schema["data"].values()) for name in _names(known)}
    assert {"event_id", "dt", "user_pid", "occurred_at", "zone_id"} <= columns
    assert columns & words == set()


def _names(known: dict) -> set[str]:
    own = {*known.get("required", ()), *known.get("optional", ()), *known.get("computed", ()), *known.get("blocks", ())}
    return own.union(*(_names(block) for block in known.get("blocks", {}).values()))


def test_labels_are_of_the_contract_and_as_google_takes_them(tables) -> None:
    contracts = registry()
    for contract in contracts.clean:
        labels = tables[contract.table]["labels"]
        assert (labels["owner"], labels["domain"]) == (contract.owner, contract.domain)
        assert labels["classification"] in {f.classification for f in clean_fields(contract, contracts.vocabulary)} - {"public"}
        assert all(re.fullmatch(r"[a-z0-9_-]{1,63}", value) for value in labels.values())


def _goes_after(tables: dict, name: str) -> set[int]:
    return {t["raw_days"] for t in tables.values() if any(name.startswith(prefix) for prefix in t["raw_prefixes"])}


def test_raw_goes_when_its_contract_says_and_clean_never(tables) -> None:
    day = date(2026, 3, 2)
    for contract in registry().clean:
        at = contract.domain, contract.table
        never = [
            f"{clean_table(*at)}/dt=2026-03-02/x.parquet",
            f"{clean_table(*at)}/_delta_log/0.json",
            f"source/current/{at[1]}/0.parquet",
        ]
        never += [refined_marker(*at, "x"), waiting_batch(*at, "x"), "features/x/x.parquet", "platform/in_hand/x.json"]
        assert [name for name in never if _goes_after(tables, name)] == []
        if contract.is_ingested:
            assert _goes_after(tables, raw_file(*at, day, "x")) == {contract.raw_retention_days}
            assert _goes_after(tables, raw_commit(*at, "x")) == {contract.raw_retention_days}
        if contract.media_kinds:
            assert min(_goes_after(tables, media_object(contract.domain, day, "x", "y"))) <= contract.raw_retention_days


def test_what_is_deleted_is_gone(files) -> None:
    """Erasure has to name whatever survives it: two days of BigQuery's time travel, and nothing of the lake."""
    made = {(b.type, b.name): b.body for text in files.values() for _, b in blocks(parsed(text))}
    lake, dataset = made["google_storage_bucket", "lake"], made["google_bigquery_dataset", "of"]
    assert [p["retention_duration_seconds"] for p in lake["soft_delete_policy"]] == [0]
    assert [v["enabled"] for v in lake["versioning"]] == [False]
    assert (lake["uniform_bucket_level_access"], lake["public_access_prevention"], lake["force_destroy"]) == (True, "enforced", False)
    assert dataset["max_time_travel_hours"] == "48"
    assert {key for block in (*lake["encryption"], *dataset["default_encryption_configuration"]) for key in block.values()} >= {
        "${google_kms_crypto_key.lake.id}"
    }


def test_nobody_reads_raw_but_refine_and_no_role_is_broad(files) -> None:
    granted = [(b.type, b.name, b.body) for text in files.values() for _, b in blocks(parsed(text)) if b.type.endswith("_iam_member")]
    on_work = [
        name for kind, name, body in granted if kind == "google_storage_managed_folder_iam_member" and "work" in str(body["for_each"])
    ]
    assert on_work == ["refine"]
    assert {body["role"] for kind, _, body in granted if kind == "google_project_iam_member"} == {"roles/bigquery.jobUser"}
    assert not [body for _, _, body in granted if re.search(r"admin|owner|roles/(editor|viewer)", str(body["role"]), re.I)]


def test_a_dataset_is_open_to_whom_it_names_alone(files) -> None:
    """Without an owner of its own in the list, BigQuery would add every reader and writer of the project."""
    made = {b.name: b.body for text in files.values() for _, b in blocks(parsed(text)) if b.type == "google_bigquery_dataset"}
    assert made.keys() == {"of", "for", "access"}
    for dataset in made.values():
        assert [a["special_group"] for a in dataset["access"] if "special_group" in a] == ["projectOwners"]
    assert [a["role"] for a in made["of"]["access"]] == ["OWNER", '${each.value.tables_by == "dbt" ? "WRITER" : "READER"}']
    # Nobody who reads has a role on a dataset of tables: only views made for readers may look there.
    for name, shown_to in (
        ("of", "${each.value.is_shown ? google_bigquery_dataset.for : {}}"),
        ("access", "${google_bigquery_dataset.for}"),
    ):
        (views,) = [each["access"] for each in made[name]["dynamic"]]
        assert views["for_each"] == shown_to and [c.keys() - {"__is_block__"} for c in views["content"]] == [{"dataset"}]
    (members,) = [each["access"] for each in made["for"]["dynamic"]]
    assert members["for_each"] == "${each.value.members}" and members["content"][0]["role"] == "READER"


@pytest.mark.skipif(not shutil.which("terraform"), reason="no terraform on this machine")
def test_terraform_reads_the_generated_files_as_meant(tmp_path, tables, datasets) -> None:
    module = tmp_path / "terraform"
    shutil.copytree(TERRAFORM / "generated", module / "generated")
    shutil.copytree(TERRAFORM.parent / "contracts" / "reference", tmp_path / "contracts" / "reference")
    for name in ("contracts.tf", "variables.tf"):
        shutil.copy(TERRAFORM / name, module)
    asked = "jsonencode({tables = keys(local.tables), datasets = keys(local.datasets), rules = local.raw_rules, read = local.read_folders, work = local.work_folders, regions = local.regions})"
    done = subprocess.run(["terraform", "console", "-no-color"], input=asked, capture_output=True, text=True, cwd=module, timeout=60)
    said = json.loads(json.loads(next(line for line in done.stdout.splitlines() if line.startswith('"{'))))
    assert (set(said["tables"]), set(said["datasets"])) == (tables.keys(), datasets.keys())
    wanted = {(t["raw_days"], prefix) for t in tables.values() for prefix in t["raw_prefixes"]}
    assert {(rule["days"], prefix) for rule in said["rules"] for prefix in rule["prefixes"]} == wanted
    assert max(len(rule["prefixes"]) for rule in said["rules"]) <= 50
    hidden = {f"{hidden_dir()}/"}
    assert set(said["work"]) == {folder for t in tables.values() for folder in t["folders"]} | hidden >= set(said["read"])
    assert set(said["read"]) == {f"{t['path'].rpartition('/')[0]}/" for t in tables.values()} | hidden
    assert said["regions"] == {region.cloud_region: region.region_id for region in registry().regions}


@pytest.mark.skipif(not shutil.which("terraform"), reason="no terraform on this machine")
def test_terraform_makes_the_views_that_are_tried_for_leaks(tmp_path) -> None:
    """tests/dbt/test_leaks_in_bigquery.py runs them; here Terraform's own evaluation says that they are those."""
    for name in ("contracts.tf", "variables.tf"):
        shutil.copy(TERRAFORM / name, tmp_path)
    shutil.copytree(TERRAFORM / "generated", tmp_path / "generated")
    readers = {name: {"members": [], **said} for name, said in READERS.items()}
    (tmp_path / "terraform.tfvars.json").write_text(json.dumps({"project": "megacity", "bucket": "a-lake", "readers": readers}))
    asked = "jsonencode({for name, view in local.views : name => view.query})"
    done = subprocess.run(["terraform", "console", "-no-color"], input=asked, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    said = json.loads(json.loads(next(line for line in done.stdout.splitlines() if line.startswith('"{'))))
    shown = json.loads((TERRAFORM / "generated" / "access.json").read_text(encoding="utf-8"))
    assert said == views(shown, "megacity") and len(said) > 100
