# What the contracts say. The files are made by `make generate`; nothing of them is typed here again.

locals {
  tables   = { for file in fileset(path.module, "generated/tables/*.json") : trimsuffix(basename(file), ".json") => jsondecode(file("${path.module}/${file}")) }
  datasets = { for said in jsondecode(file("${path.module}/generated/datasets.json")).datasets : said.dataset => said }

  # Days → names of objects that go after so long. A rule takes a limited number of prefixes: fifty of them are a rule.
  raw_prefixes = { for table in local.tables : table.raw_days => table.raw_prefixes... }
  raw_rules = flatten([
    for days, prefixes in local.raw_prefixes : [
      for some in chunklist(distinct(flatten(prefixes)), 50) : { days = tonumber(days), prefixes = some }
    ]
  ])

  # Folders of the lake: those that BigQuery reads, and those that refine and the CDC writer work in.
  read_folders = toset(concat([for table in local.tables : "${dirname(table.path)}/"], [local.shown.hidden.folder]))
  work_folders = toset(concat(flatten([for table in local.tables : table.folders]), [local.shown.hidden.folder]))

  # What each reader is shown: a view a table of what their purpose reads, as far as any row is left.
  shown = jsondecode(file("${path.module}/generated/access.json"))
  bound = { for name, reader in var.readers : name => reader.zones == null ? (reader.orgs == null ? "all" : "orgs") : (reader.orgs == null ? "zones" : "zones_orgs") }
  chosen = flatten([
    for name, reader in var.readers : [
      for table in local.shown.tables : {
        reader      = name
        dataset     = table.dataset
        table       = table.table
        description = table.description
        persons     = table.persons
        select      = replace(table.select[reader.level][local.shown.purposes[reader.purpose].by_token ? "by_token" : "plain"], "'SALT'", "'${sha256("${var.project}/${name}")}'")
        rows = replace(replace(
          table.rows[reader.level][local.bound[name]],
          "'ZONES'", join(", ", [for zone in sort(reader.zones == null ? [] : tolist(reader.zones)) : "'${zone}'"])),
        "(0)", "(${join(", ", [for org in(reader.orgs == null ? [] : tolist(reader.orgs)) : tostring(org)])})")
      }
      if contains(local.shown.purposes[reader.purpose].datasets, table.dataset) && try(table.rows[reader.level][local.bound[name]], null) != null
    ]
  ])
  views = { for view in local.chosen : "${view.reader}.${view.table}" => merge(view, {
    query = join(" and ", concat(
      ["select ${view.select} from `${var.project}.${view.dataset}.${view.table}` where (${view.rows})"],
      [for name in view.persons : "not exists (select 1 from `${var.project}.access.hidden` where pid = ${name})"],
    ))
  }) }
}
