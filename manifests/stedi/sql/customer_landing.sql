-- Customers as the website delivers them: one JSON object a line.
-- The keys are mixed case there (`serialNumber`); the SerDe matches them blind to case.
CREATE EXTERNAL TABLE IF NOT EXISTS `stedi`.`customer_landing` (
  `customername` string,
  `email` string COMMENT 'joins accelerometer_landing.user',
  `phone` string,
  `birthday` string COMMENT 'a string: some years are before 1900',
  `serialnumber` string COMMENT 'of the step trainer, joins step_trainer_landing.serialnumber',
  `registrationdate` bigint COMMENT 'epoch milliseconds, as all times here',
  `lastupdatedate` bigint,
  `sharewithresearchasofdate` bigint COMMENT 'absent or 0: no consent',
  `sharewithpublicasofdate` bigint,
  `sharewithfriendsasofdate` bigint
)
COMMENT 'customers from the website, as delivered'
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
LOCATION 's3://${bucket.lake}/customer/landing/'
TBLPROPERTIES ('classification' = 'json');
