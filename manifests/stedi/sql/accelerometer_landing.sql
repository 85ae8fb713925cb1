-- Accelerometer readings as the mobile app delivers them: one JSON object a line.
-- `user` and `timestamp` are reserved words: in queries write "user" and "timestamp".
CREATE EXTERNAL TABLE IF NOT EXISTS `stedi`.`accelerometer_landing` (
  `user` string COMMENT 'email of the customer',
  `timestamp` bigint COMMENT 'epoch milliseconds',
  `x` double,
  `y` double,
  `z` double
)
COMMENT 'accelerometer readings from the mobile app, as delivered'
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
LOCATION 's3://${bucket.lake}/accelerometer/landing/'
TBLPROPERTIES ('classification' = 'json');
