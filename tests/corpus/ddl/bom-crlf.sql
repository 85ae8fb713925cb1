CREATE EXTERNAL TABLE t (a int) LOCATION 's3://b/';;

create external table u (x int)
