# Which Terraform, which provider, and where the state is. `terraform init -backend-config=bucket=…` names a bucket that was there before.

terraform {
  required_version = "~> 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.50"
    }
  }

  backend "gcs" {
    prefix = "lakehouse"
  }
}

provider "google" {
  project = var.project
  region  = var.region

  default_labels = {
    platform = "lakehouse"
  }
}
