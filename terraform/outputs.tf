# What the platform's processes are told: settings by their names, and the accounts to run them as.

output "settings" {
  description = "Environment of every process of the gcp profile; secrets are not among it."
  value = {
    LAKEHOUSE_PROFILE     = "gcp"
    LAKEHOUSE_GCP_PROJECT = var.project
    LAKEHOUSE_REGION      = local.regions[var.region]
    LAKEHOUSE_GCP_REGION  = var.region
    LAKEHOUSE_GCP_BUCKET  = google_storage_bucket.lake.name
    LAKEHOUSE_GCP_KMS_KEY = google_kms_crypto_key.vault.id
  }
}

output "accounts" {
  description = "Service accounts: what refine and its like run as, and what dbt runs as."
  value = {
    refine = google_service_account.refine.email
    dbt    = google_service_account.dbt.email
  }
}
