# What differs from one installation to the next. Everything else follows from the contracts.

variable "project" {
  description = "The Google Cloud project that the platform lives in (LAKEHOUSE_GCP_PROJECT)."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "A project's id has 6 to 30 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

locals {
  # Google Cloud's name for a region → ours.
  regions = { for region in yamldecode(file("${path.module}/../contracts/reference/regions.yaml")).regions : region.cloud_region => region.region_id }
}

variable "region" {
  description = "The one region where data lies (LAKEHOUSE_GCP_REGION), a cloud_region of contracts/reference/regions.yaml. Seoul; what is about a person does not leave its region."
  type        = string
  default     = "asia-northeast3"

  validation {
    condition     = contains(keys(local.regions), var.region)
    error_message = "One of the cloud_regions of contracts/reference/regions.yaml, such as asia-northeast3: elsewhere nobody's people live, and a multi-region like ASIA would keep copies in other countries."
  }
}

variable "bucket" {
  description = "Name of the lake's bucket (LAKEHOUSE_GCP_BUCKET), unique in the world."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "A bucket's name has 3 to 63 lower-case letters, digits, hyphens and underscores, and no dot."
  }
}

variable "readers" {
  description = "Who may read the warehouse: for each group of readers its members, level, purpose, zones and tenants. Zones or tenants left out are all of them."
  type = map(object({
    members = set(string)
    level   = optional(string, "L2")
    purpose = optional(string, "analytics")
    zones   = optional(set(string))
    orgs    = optional(set(number))
  }))
  default = {}

  validation {
    condition     = alltrue([for reader in var.readers : alltrue([for who in reader.members : can(regex("^(group|serviceAccount|user):[^@ ]+@[^@ ]+$", who))])])
    error_message = "Each member is a group, a serviceAccount or a user with its address; never allUsers or allAuthenticatedUsers."
  }

  validation {
    condition     = alltrue([for name, reader in var.readers : can(regex("^[a-z][a-z0-9_]{1,60}$", name)) && contains(["L1", "L2", "L3"], reader.level)])
    error_message = "A reader's name has lower-case letters, digits and underscores; its level is L1, L2 or L3."
  }

  validation {
    condition     = alltrue([for reader in var.readers : contains(["analytics", "support", "tutoring", "ai_training", "operations", "privacy"], reader.purpose)])
    error_message = "The purpose is one of lakehouse/privacy/roles.py that is not about one's own data."
  }

  validation {
    condition     = alltrue([for reader in var.readers : try(length(reader.zones) > 0 && alltrue([for zone in reader.zones : can(regex("^[a-z0-9_]+$", zone))]), reader.zones == null)])
    error_message = "Zones are ids of contracts/reference/zones.yaml, at least one; left out, they are all of them."
  }

  validation {
    condition     = alltrue([for reader in var.readers : try(length(reader.orgs) > 0 && alltrue([for org in reader.orgs : org == floor(org) && org > 0]), reader.orgs == null)])
    error_message = "Tenants are whole numbers, at least one; left out, they are all of them."
  }
}
