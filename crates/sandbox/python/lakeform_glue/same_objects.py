"""S3 through boto3 and S3 through Spark are the same objects in a job.

Spark works on files that stand for the buckets. Before a script's own S3 or Athena call what Spark changed is taken to
S3, and after a call that may have changed objects the files are brought up to date.
"""

import functools
import os
import urllib.request

_READS = ("Get", "List", "Head", "Select")


def _tell(what):
    request = urllib.request.Request(f"{os.environ['LAKEFORM_RUN_URL']}/{what}", method="POST", data=b"")
    with urllib.request.urlopen(request, timeout=600) as answer:
        answer.read()


def install():
    """Wraps every AWS call of this process."""
    if "LAKEFORM_RUN_URL" not in os.environ:
        return
    from botocore.client import BaseClient

    original = BaseClient._make_api_call

    @functools.wraps(original)
    def call(self, operation_name, api_params):
        service = self.meta.service_model.service_name
        if service not in ("s3", "athena"):
            return original(self, operation_name, api_params)
        _tell("push")
        answer = original(self, operation_name, api_params)
        if service == "athena" or not operation_name.startswith(_READS):
            _tell("pull")
        return answer

    BaseClient._make_api_call = call
