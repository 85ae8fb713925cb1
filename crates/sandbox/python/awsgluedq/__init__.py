"""Glue Data Quality for jobs on the sandbox."""
