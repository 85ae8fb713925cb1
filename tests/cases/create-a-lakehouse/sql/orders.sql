CREATE EXTERNAL TABLE IF NOT EXISTS orders (
  id bigint,
  customer string COMMENT 'as it signed in',
  total decimal(12,2),
  items array<struct<sku:string,count:int>>
)
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
LOCATION 's3://${bucket.lake}/orders/'
TBLPROPERTIES ('classification' = 'json');
