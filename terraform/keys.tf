# Keys: one that Google's services encrypt the lake and the warehouse with, and one that wraps the master key of the vault.
#
#   lake  ─▶ Cloud Storage and BigQuery, by their own service agents
#   vault ─▶ master key of the vault ─▶ a data key a person (decision 7)

resource "google_kms_key_ring" "lakehouse" {
  name     = "lakehouse"
  location = var.region

  depends_on = [google_project_service.used]
}

resource "google_kms_crypto_key" "lake" {
  name            = "lake"
  key_ring        = google_kms_key_ring.lakehouse.id
  rotation_period = "7776000s" # 90 days

  lifecycle {
    prevent_destroy = true # without it the lake cannot be read by anybody
  }
}

# KMS makes a version every 90 days; `lakehouse vault rotate` takes the newest, wraps everything by it, and destroys those before.
resource "google_kms_crypto_key" "vault" {
  name                       = "vault"
  key_ring                   = google_kms_key_ring.lakehouse.id
  rotation_period            = "7776000s"
  destroy_scheduled_duration = "2592000s" # a version that was destroyed by mistake can be had back for 30 days

  lifecycle {
    prevent_destroy = true
  }
}

data "google_storage_project_service_account" "agent" {
  depends_on = [google_project_service.used]
}

data "google_bigquery_default_service_account" "agent" {
  depends_on = [google_project_service.used]
}

resource "google_kms_crypto_key_iam_member" "lake" {
  for_each = {
    storage  = data.google_storage_project_service_account.agent.email_address
    bigquery = data.google_bigquery_default_service_account.agent.email
  }

  crypto_key_id = google_kms_crypto_key.lake.id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:${each.value}"
}
