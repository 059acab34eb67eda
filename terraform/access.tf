# Who may do what. Nobody gets a role on the project but to run queries, and nobody but refine one on raw.
#
#   refine      works in raw, dead letters, clean and current; unwraps the vault's key
#   connection  reads clean folders and the list of the hidden, for BigQuery
#   dbt         reads clean, writes every other dataset    each dataset's own list, in warehouse.tf
#   readers     read views made for them, and no table     readers.tf

resource "google_service_account" "refine" {
  account_id   = "lakehouse-refine"
  display_name = "Lakehouse: refine, ingest, compact"

  depends_on = [google_project_service.used]
}

resource "google_service_account" "dbt" {
  account_id   = "lakehouse-dbt"
  display_name = "Lakehouse: model"

  depends_on = [google_project_service.used]
}

resource "google_storage_managed_folder_iam_member" "refine" {
  for_each = google_storage_managed_folder.work

  bucket         = each.value.bucket
  managed_folder = each.value.name
  role           = "roles/storage.objectUser"
  member         = google_service_account.refine.member
}

resource "google_kms_crypto_key_iam_member" "refine" {
  crypto_key_id = google_kms_crypto_key.vault.id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = google_service_account.refine.member
}

resource "google_storage_managed_folder_iam_member" "connection" {
  for_each = local.read_folders

  bucket         = google_storage_bucket.lake.name
  managed_folder = google_storage_managed_folder.work[each.key].name
  role           = "roles/storage.objectViewer"
  member         = "serviceAccount:${google_bigquery_connection.lake.cloud_resource[0].service_account_id}"
}

resource "google_project_iam_member" "dbt_queries" {
  project = var.project
  role    = "roles/bigquery.jobUser"
  member  = google_service_account.dbt.member
}
