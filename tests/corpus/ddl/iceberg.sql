CREATE TABLE d.t (id bigint, ts timestamp, `day` date)
PARTITIONED BY (bucket(16, id), month(ts), truncate(4, id), day(ts), `day`)
LOCATION 's3://lake/i/' TBLPROPERTIES ('table_type'='ICEBERG', 'format'='parquet')