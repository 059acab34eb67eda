# The warehouse: datasets, and in clean one table a clean dataset of the contracts, read where refine writes it.
#
#   gs://…/<domain>/clean/<table>/_delta_log ─▶ connection lake ─▶ clean.<table> ─▶ dbt ─▶ staging … curated, features
#
# Columns and partitions are what the Delta log says (docs/decisions/0015-biglake.md). Tables and views of every other
# dataset are dbt's alone: nothing here may name one.

resource "google_bigquery_dataset" "of" {
  for_each = local.datasets

  dataset_id            = each.key
  description           = each.value.description
  location              = var.region
  max_time_travel_hours = "48" # the shortest there is: what was erased can be read back for so long
  labels                = { tables_by = each.value.tables_by }

  default_encryption_configuration {
    kms_key_name = google_kms_crypto_key.lake.id
  }

  # Said in full, for a dataset without it is open to every reader and writer of the project.
  access {
    role          = "OWNER"
    special_group = "projectOwners"
  }

  access {
    role          = each.value.tables_by == "dbt" ? "WRITER" : "READER"
    user_by_email = google_service_account.dbt.email
  }

  # Views that are made for readers may look where their readers may not.
  dynamic "access" {
    for_each = each.value.is_shown ? google_bigquery_dataset.for : {}

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

resource "google_bigquery_connection" "lake" {
  connection_id = "lake"
  location      = var.region
  description   = "Reads the clean folders of the lake for BigQuery, so that whoever queries needs no access to the bucket."

  cloud_resource {}

  depends_on = [google_project_service.used]
}

resource "google_bigquery_table" "clean" {
  for_each = local.tables

  dataset_id          = google_bigquery_dataset.of[each.value.dataset].dataset_id
  table_id            = each.key
  description         = each.value.description
  labels              = each.value.labels
  deletion_protection = false # it holds nothing: the rows are in the lake

  external_data_configuration {
    source_format = "DELTA_LAKE"
    source_uris   = ["gs://${google_storage_bucket.lake.name}/${each.value.path}"]
    connection_id = google_bigquery_connection.lake.name
    autodetect    = true
  }

  # BigQuery reads the log when the table is made.
  depends_on = [google_storage_managed_folder_iam_member.connection]
}
