"""Tests of awsglue for local runs; one Spark session serves all."""
