# Who reads the warehouse, and what of it: a dataset of views for each group of readers, and no other way to a table.
#
#   generated/access.json ─▶ local.views ─▶ for_<reader>.<table> ─▶ curated, features     the tables trust the datasets of views,
#                                                          └─▶ access.hidden ─▶ gs://…/platform/hidden/people.parquet   and no reader has a role on them
#
# What a level sees of a table, and whose rows a zone or a tenant is, is worked out from the contracts (lakehouse/privacy).

resource "google_bigquery_dataset" "for" {
  for_each = var.readers

  dataset_id  = "for_${each.key}"
  description = "What ${each.key} may see: ${each.value.level}, for ${each.value.purpose}."
  location    = var.region

  default_encryption_configuration {
    kms_key_name = google_kms_crypto_key.lake.id
  }

  access {
    role          = "OWNER"
    special_group = "projectOwners"
  }

  dynamic "access" {
    for_each = each.value.members

    content {
      role           = "READER"
      group_by_email = startswith(access.value, "group:") ? trimprefix(access.value, "group:") : null
      user_by_email  = startswith(access.value, "group:") ? null : regex("[^:]+$", access.value)
    }
  }

  depends_on = [google_kms_crypto_key_iam_member.lake]
}

# dbt makes the tables: the first build comes before the views.
resource "google_bigquery_table" "shown" {
  for_each = local.views

  dataset_id          = google_bigquery_dataset.for[each.value.reader].dataset_id
  table_id            = each.value.table
  description         = each.value.description
  deletion_protection = false # it holds nothing

  view {
    use_legacy_sql = false
    query          = each.value.query
  }

  # BigQuery looks whether the view may see what it names.
  depends_on = [google_bigquery_dataset.of, google_bigquery_table.hidden]
}

resource "google_bigquery_dataset" "access" {
  dataset_id            = "access"
  description           = "Whom nobody is shown any more."
  location              = var.region
  max_time_travel_hours = "48"

  default_encryption_configuration {
    kms_key_name = google_kms_crypto_key.lake.id
  }

  access {
    role          = "OWNER"
    special_group = "projectOwners"
  }

  dynamic "access" {
    for_each = google_bigquery_dataset.for

    content {
      dataset {
        dataset {
          project_id = var.project
          dataset_id = access.value.dataset_id
        }
        target_types = ["VIEWS"]
      }
    }
  }

  depends_on = [google_kms_crypto_key_iam_member.lake]
}

resource "google_bigquery_table" "hidden" {
  dataset_id          = google_bigquery_dataset.access.dataset_id
  table_id            = "hidden"
  description         = "Pseudonyms of people whom no view shows: their erasure has begun, or their data is restricted."
  deletion_protection = true # without it nobody can read anything

  # The file that the privacy office writes, read at every query: whoever is put on it is gone from every view with the next one.
  external_data_configuration {
    source_format = "PARQUET"
    source_uris   = ["gs://${google_storage_bucket.lake.name}/${local.shown.hidden.path}"]
    connection_id = google_bigquery_connection.lake.name
    autodetect    = true
  }

  # BigQuery reads the file when the table is made: `lakehouse prepare` puts it there.
  depends_on = [google_storage_managed_folder_iam_member.connection]
}

resource "google_project_iam_member" "readers_query" {
  for_each = toset(flatten([for reader in var.readers : reader.members]))

  project = var.project
  role    = "roles/bigquery.jobUser"
  member  = each.value
}
