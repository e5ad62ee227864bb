# One environment of one depot, as in depot.yaml. Everything that tells two of them apart is a variable.

terraform {
  required_version = ">= 1.7"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0, < 7.0"
    }
  }
}

variable "depot" { type = string }
variable "environment" { type = string }
variable "owner" { type = string }
variable "retention_days" { type = number }
variable "late_limit" { type = number }

variable "keep" {
  description = "Refuse to delete what holds data: table and bucket."
  type        = bool
  default     = true
}

variable "adopt" {
  description = "The bucket is there already, with data in it: take it over."
  type        = bool
  default     = false
}

provider "aws" {
  s3_use_path_style = true # the emulator's buckets have no host names of their own

  # TODO: the three tags, on everything
}

locals {
  name = "${var.depot}-${var.environment}"
}

resource "aws_kms_key" "data" {
  description             = "${var.depot} ${var.environment}"
  enable_key_rotation     = true
  deletion_window_in_days = 7
}

resource "aws_kms_alias" "data" {
  name          = "alias/${local.name}"
  target_key_id = aws_kms_key.data.id
}

resource "aws_cloudwatch_log_group" "scanner" {
  name              = "/larkmoor/${var.depot}/${var.environment}/scanner"
  retention_in_days = var.retention_days
}

resource "aws_iam_role" "scanner" {
  name = "${local.name}-scanner"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

# TODO: what the scanner may do; the ledger, adopted or made; table, alarm, database
