# The lake: one bucket, laid out by lakehouse/places.py, and in it the folders that can be opened to one and not to another.
#
#   <domain>/raw/…  <domain>/dead_letters/…   sealed; deleted when the contract's days are over
#   <domain>/clean/…  source/current/…         Delta: only delta-rs may delete in it, or the log would name files that are gone

resource "google_storage_bucket" "lake" {
  name                        = var.bucket
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false

  encryption {
    default_kms_key_name = google_kms_crypto_key.lake.id
  }

  # Deleted is deleted: an erasure must not leave a copy that anybody could bring back.
  soft_delete_policy {
    retention_duration_seconds = 0
  }

  versioning {
    enabled = false
  }

  dynamic "lifecycle_rule" {
    for_each = local.raw_rules

    content {
      action {
        type = "Delete"
      }
      condition {
        age            = lifecycle_rule.value.days
        matches_prefix = lifecycle_rule.value.prefixes
      }
    }
  }

  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age = 7
    }
  }

  lifecycle {
    prevent_destroy = true
  }

  depends_on = [google_kms_crypto_key_iam_member.lake]
}

resource "google_storage_managed_folder" "work" {
  for_each = local.work_folders

  bucket = google_storage_bucket.lake.name
  name   = each.key
}
