# What differs from one installation to the next. Everything else follows from the contracts.

variable "project" {
  description = "The Google Cloud project that the platform lives in (LAKEHOUSE_GCP_PROJECT)."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "A project's id has 6 to 30 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "region" {
  description = "The one region where data lies (LAKEHOUSE_GCP_REGION). Seoul; what is about a person does not leave its region."
  type        = string
  default     = "asia-northeast3"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "One region, such as asia-northeast3: a multi-region like ASIA would keep copies in other countries."
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

variable "analysts" {
  description = "Who may read the curated datasets and run queries, such as group:analysts@example.com."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for who in var.analysts : can(regex("^(group|serviceAccount|user):[^@ ]+@[^@ ]+$", who))])
    error_message = "Each is a group, a serviceAccount or a user with its address; never allUsers or allAuthenticatedUsers."
  }
}
