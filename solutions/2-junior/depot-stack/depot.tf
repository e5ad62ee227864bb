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

  ### BEGIN SOLUTION: the three tags, on everything
  default_tags {
    tags = { depot = var.depot, environment = var.environment, owner = var.owner }
  }
  ### END SOLUTION
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

### BEGIN SOLUTION: what the scanner may do; the ledger, adopted or made; table, alarm, database
resource "aws_iam_role_policy" "scan" {
  name = "scan"
  role = aws_iam_role.scanner.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.scanner.arn}:*"
      },
      { Effect = "Allow", Action = "s3:PutObject", Resource = "${aws_s3_bucket.ledger.arn}/*" },
      { Effect = "Allow", Action = "kms:GenerateDataKey", Resource = aws_kms_key.data.arn },
      {
        Effect   = "Allow"
        Action   = ["dynamodb:PutItem", "dynamodb:GetItem"]
        Resource = aws_dynamodb_table.parcels.arn
      },
    ]
  })
}

import {
  for_each = var.adopt ? toset(["larkmoor-${local.name}-ledger"]) : toset([])
  to       = aws_s3_bucket.ledger
  id       = each.value
}

resource "aws_s3_bucket" "ledger" {
  bucket        = "larkmoor-${local.name}-ledger"
  force_destroy = !var.keep
  depends_on    = [aws_kms_key.data] # what stays keeps its key: destroy stops above it
}

resource "aws_s3_bucket_versioning" "ledger" {
  bucket = aws_s3_bucket.ledger.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "ledger" {
  bucket = aws_s3_bucket.ledger.id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.data.arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "ledger" {
  bucket                  = aws_s3_bucket.ledger.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_dynamodb_table" "parcels" {
  name                        = "${local.name}-parcels"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "parcel"
  range_key                   = "scanned"
  deletion_protection_enabled = var.keep # a variable; prevent_destroy takes none
  attribute {
    name = "parcel"
    type = "S"
  }
  attribute {
    name = "scanned"
    type = "S"
  }
  point_in_time_recovery {
    enabled = true
  }
}

resource "aws_cloudwatch_metric_alarm" "late" {
  alarm_name          = "${local.name}-late"
  namespace           = "Larkmoor"
  metric_name         = "LateParcels"
  dimensions          = { Depot = var.depot, Environment = var.environment }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = var.late_limit
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "breaching"
}

resource "aws_glue_catalog_database" "lake" {
  name         = "${var.depot}_${var.environment}"
  location_uri = "s3://${aws_s3_bucket.ledger.id}/lake/"
}
### END SOLUTION
