"""Which user gets which message where: files that channels import, with a holdout."""
