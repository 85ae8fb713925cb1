-- Step trainer records as the devices deliver them: one JSON object a line.
CREATE EXTERNAL TABLE IF NOT EXISTS `stedi`.`step_trainer_landing` (
  `sensorreadingtime` bigint COMMENT 'epoch milliseconds',
  `serialnumber` string COMMENT 'of the device',
  `distancefromobject` int
)
COMMENT 'step trainer records from the devices, as delivered'
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
LOCATION 's3://${bucket.lake}/step_trainer/landing/'
TBLPROPERTIES ('classification' = 'json');
