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
  clean_folders = toset([for table in local.tables : "${dirname(table.path)}/"])
  work_folders  = toset(flatten([for table in local.tables : table.folders]))
}
