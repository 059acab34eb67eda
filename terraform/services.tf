# The interfaces that the rest of this folder talks to.

resource "google_project_service" "used" {
  for_each = toset(["bigquery", "bigqueryconnection", "bigqueryreservation", "cloudkms", "iam", "storage"])

  service            = "${each.key}.googleapis.com"
  disable_on_destroy = false # others in the project may use them
}
