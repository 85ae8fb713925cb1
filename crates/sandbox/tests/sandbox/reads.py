"""Makes one of each and reads it back through boto3; any answer the SDK cannot parse, or reads as nothing, fails."""
import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

endpoint, account = sys.argv[1:]
config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1})


def client(service):
    return boto3.client(
        service, endpoint_url=endpoint, region_name="us-east-1", config=config,
        aws_access_key_id=account, aws_secret_access_key="x",
    )


def refused(code, call, **parameters):
    try:
        call(**parameters)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error.response["Error"]
    else:
        raise AssertionError(f"{code} expected")


s3, iam, sts, ec2, glue, athena = (client(name) for name in ("s3", "iam", "sts", "ec2", "glue", "athena"))
assert sts.get_caller_identity()["Account"] == account

bucket = f"sdk-{account}"
s3.create_bucket(Bucket=bucket)
assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
rule = {"Status": "Enabled", "Filter": {"Prefix": "a/"}, "Expiration": {"Days": 3}}
s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
read = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"][0]
assert read.pop("ID") and read == rule, read
encryption = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
assert encryption["BlockedEncryptionTypes"]["EncryptionType"] == ["SSE-C"], encryption
s3.put_object(Bucket=bucket, Key="dir/ü +&.json", Body=b"x" * 3_000_000)
assert s3.get_object(Bucket=bucket, Key="dir/ü +&.json")["Body"].read() == b"x" * 3_000_000
assert s3.head_object(Bucket=bucket, Key="dir/ü +&.json")["ContentLength"] == 3_000_000
upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
tags = [
    s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=n, Body=b"y" * (5 << 20))["ETag"]
    for n in (1, 2)
]
parts = {"Parts": [{"PartNumber": n + 1, "ETag": tag} for n, tag in enumerate(tags)]}
s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload=parts)
assert s3.head_object(Bucket=bucket, Key="parts")["ContentLength"] == 10 << 20
assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket, Prefix="dir/")["Contents"]] == ["dir/ü +&.json"]
refused("BucketNotEmpty", s3.delete_bucket, Bucket=bucket)
gone = {"Objects": [{"Key": "parts"}, {"Key": "dir/ü +&.json"}]}
assert len(s3.delete_objects(Bucket=bucket, Delete=gone)["Deleted"]) == 2
s3.delete_bucket(Bucket=bucket)

trust = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
arn = iam.create_role(RoleName="etl", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
command = {"Name": "glueetl", "ScriptLocation": "s3://b/x.py"}
glue.create_job(Name="j", Role=arn, Command=command, Tags={"a": "b"}, ExecutionProperty={"MaxConcurrentRuns": 2})
job = glue.get_job(JobName="j")["Job"]
assert job["ExecutionProperty"] == {"MaxConcurrentRuns": 2} and job["CreatedOn"].year > 2000, job
assert glue.list_jobs(Tags={"a": "b"})["JobNames"] == ["j"]
assert glue.batch_get_jobs(JobNames=["j", "k"])["JobsNotFound"] == ["k"]
assert glue.get_tags(ResourceArn=f"arn:aws:glue:us-east-1:{account}:job/j")["Tags"] == {"a": "b"}
refused("EntityNotFoundException", glue.get_tables, DatabaseName="nope")
refused("InvalidInputException", glue.create_job, Name="k", Role="nobody", Command=command)
glue.create_database(DatabaseInput={"Name": "D"})
glue.create_table(DatabaseName="d", TableInput={"Name": "T"})
glue.update_table(DatabaseName="d", TableInput={"Name": "t"}, VersionId="0")
assert len(glue.get_table_versions(DatabaseName="d", TableName="t")["TableVersions"]) == 2
assert glue.get_partition_indexes(DatabaseName="d", TableName="t")["PartitionIndexDescriptorList"] == []

athena.create_work_group(Name="w", Tags=[{"Key": "a", "Value": "b"}])
assert athena.get_work_group(WorkGroup="w")["WorkGroup"]["Configuration"]["EngineVersion"]["SelectedEngineVersion"] == "AUTO"
query = athena.create_named_query(Name="q", Database="d", QueryString="select 1", WorkGroup="w")["NamedQueryId"]
athena.update_named_query(NamedQueryId=query, Name="r", QueryString="select 2")
assert athena.get_named_query(NamedQueryId=query)["NamedQuery"]["Name"] == "r"
refused("InvalidRequestException", athena.delete_work_group, WorkGroup="w")
refused("ResourceNotFoundException", athena.list_tags_for_resource,
        ResourceARN=f"arn:aws:athena:us-east-1:{account}:workgroup/no")

vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
main = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "association.main", "Values": ["true"]}]
table = ec2.describe_route_tables(Filters=main)["RouteTables"][0]["RouteTableId"]
created = ec2.create_vpc_endpoint(
    VpcId=vpc, ServiceName="com.amazonaws.us-east-1.s3", RouteTableIds=[table],
    TagSpecifications=[{"ResourceType": "vpc-endpoint", "Tags": [{"Key": "a", "Value": "b"}]}],
)["VpcEndpoint"]
assert created["RouteTableIds"] == [table] and json.loads(created["PolicyDocument"])["Version"] == "2008-10-17"
described = ec2.describe_vpc_endpoints(Filters=[{"Name": "tag:a", "Values": ["b"]}])["VpcEndpoints"]
assert [e["VpcEndpointId"] for e in described] == [created["VpcEndpointId"]]
assert described[0]["Tags"] == [{"Key": "a", "Value": "b"}]
routes = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
assert any(r.get("GatewayId") == created["VpcEndpointId"] and r["DestinationPrefixListId"] for r in routes), routes
assert ec2.delete_vpc_endpoints(VpcEndpointIds=["vpce-0"])["Unsuccessful"][0]["Error"]["Code"] == "InvalidVpcEndpoint.NotFound"
assert ec2.delete_vpc_endpoints(VpcEndpointIds=[created["VpcEndpointId"]])["Unsuccessful"] == []
