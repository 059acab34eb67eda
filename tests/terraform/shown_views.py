"""What Terraform makes of generated/access.json for some readers, worked out once more in Python: reader.table → the view's SQL."""

import hashlib

READERS = {
    "website": {"level": "L1", "purpose": "analytics"},
    "analysts": {"level": "L2", "purpose": "analytics"},
    "kzone": {"level": "L2", "purpose": "analytics", "zones": ["kzone"]},
    "academy": {"level": "L2", "purpose": "support", "zones": ["kzone", "kzone_ai"], "orgs": [7]},
    "seven": {"level": "L3", "purpose": "support", "orgs": [7, 12]},
    "training": {"level": "L2", "purpose": "ai_training"},
    "kzone_admin": {"level": "L3", "purpose": "support", "zones": ["kzone"]},
}


def views(shown: dict, project: str) -> dict[str, str]:
    made = {}
    for name, reader in READERS.items():
        purpose = shown["purposes"][reader["purpose"]]
        bound = "_".join(word for word in ("zones", "orgs") if word in reader) or "all"
        for table in shown["tables"]:
            rows = table["rows"].get(reader["level"], {}).get(bound)
            if table["dataset"] not in purpose["datasets"] or rows is None:
                continue
            salt = hashlib.sha256(f"{project}/{name}".encode()).hexdigest()
            select = table["select"][reader["level"]]["by_token" if purpose["by_token"] else "plain"].replace("'SALT'", f"'{salt}'")
            rows = rows.replace("'ZONES'", ", ".join(f"'{zone}'" for zone in reader.get("zones", ())))
            rows = rows.replace("(0)", f"({', '.join(map(str, reader.get('orgs', ())))})")
            hidden = [f" and not exists (select 1 from `{project}.access.hidden` where pid = {name})" for name in table["persons"]]
            made[f"{name}.{table['table']}"] = (
                f"select {select} from `{project}.{table['dataset']}.{table['table']}` where ({rows}){''.join(hidden)}"
            )
    return made
