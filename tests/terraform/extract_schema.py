"""Makes google_schema.json: what the Google provider 6.50 knows, as far as terraform/*.tf needs it.

    npm pack @cdktf/provider-google@16.12.1    99 MB unpacked; the provider's whole schema as TypeScript's types
    tar -xzf cdktf-provider-google-16.12.1.tgz package/.jsii
    python tests/terraform/extract_schema.py package/.jsii

The provider itself cannot be had from a package index, so `terraform validate` is not for a test; that package can, but not
in a second. So this is run once for a version, and again when a .tf uses a type that it has not used before.

    "resources": {type: block}, "data": {type: block}    block: {"required": [name], "optional": [name], "blocks": {name: block},
    "names": every other type there is                           "needed_blocks": [name], "computed": [attribute]}
"""

import json
import re
import sys
from pathlib import Path

from hcl import TERRAFORM, blocks, parsed

HERE = Path(__file__).resolve().parent
SCHEMA = HERE / "google_schema.json"
_FROM = "@cdktf/provider-google 16.12.1 (Copyright (c) HashiCorp, Inc.; Mozilla Public License 2.0, https://mozilla.org/MPL/2.0/)"
_DOCS = re.compile(r"/docs/(resources|data-sources)/(\w+)#(\w+) ")


def extract(jsii: dict, used: set[tuple[str, str]]) -> dict:
    types, names = jsii["types"], {"resources": [], "data": []}
    found: dict[str, dict] = {"resources": {}, "data": {}}
    for fqn, said in types.items():
        if said.get("interfaces") != ["cdktf.TerraformMetaArguments"] or not said.get("properties"):
            continue
        kind, name = _name(said)
        if (kind, name) in used:
            computed = _computed(types[fqn.removesuffix("Config")], said)
            found[kind][name] = {**_block(said, types), "computed": computed}
        else:
            names[kind].append(name)
    return {
        "made_by": "tests/terraform/extract_schema.py",
        "made_from": _FROM,
        **{kind: dict(sorted(found[kind].items())) for kind in found},
        "names": {kind: sorted(names[kind]) for kind in names},
    }


def _name(config: dict) -> tuple[str, str]:
    where = next(found for prop in config["properties"] if (found := _documented(prop)))
    return ("data" if where[1] == "data-sources" else "resources"), f"google_{where[2]}"


def _documented(prop: dict) -> re.Match | None:
    """Where the provider's documentation describes it; only there is its name as Terraform writes it."""
    return _DOCS.search(f"{prop['docs'].get('remarks', '')} {prop['docs'].get('summary', '')}")


def _block(said: dict, types: dict) -> dict:
    block: dict = {"required": [], "optional": [], "blocks": {}, "needed_blocks": []}
    for prop in said.get("properties", ()):
        name, inner = _snake(prop), _inner(prop["type"])
        if inner is None:
            block["optional" if prop.get("optional") else "required"].append(name)
            continue
        block["blocks"][name] = _block(types[inner], types)
        if not prop.get("optional"):
            block["needed_blocks"].append(name)
    return {key: sorted(value) if isinstance(value, list) else value for key, value in block.items() if value}


def _snake(prop: dict) -> str:
    where = _documented(prop)
    return where[3] if where else re.sub(r"(?<!^)([A-Z])", r"_\1", prop["name"]).lower()


def _inner(of: dict) -> str | None:
    """The type of a nested block; None for a plain argument."""
    if "fqn" in of:
        return of["fqn"] if of["fqn"].startswith("@cdktf/provider-google.") else None
    if "union" in of:
        return next((inner for each in of["union"]["types"] if (inner := _inner(each))), None)
    return _inner(of["collection"]["elementtype"]) if "collection" in of else None


def _computed(made: dict, config: dict) -> list[str]:
    """What a reference may ask of it besides its arguments."""
    given = {p["name"] for p in config["properties"]}
    asked = [p for p in made["properties"] if not p.get("static") and not p["name"].endswith("Input") and p["name"] not in given]
    return sorted({re.sub(r"([A-Z])", r"_\1", p["name"]).lower() for p in asked})


if __name__ == "__main__":
    uses = {
        (kind, block.type) for path in sorted(TERRAFORM.glob("*.tf")) for kind, block in blocks(parsed(path.read_text(encoding="utf-8")))
    }
    schema = extract(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), uses)
    SCHEMA.write_text(json.dumps(schema, indent=1) + "\n", encoding="utf-8")
