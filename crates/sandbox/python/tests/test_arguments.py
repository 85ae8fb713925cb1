"""getResolvedOptions, as on AWS."""

import unittest

from awsglue.job import Job
from awsglue.utils import GlueArgumentError, getResolvedOptions


class Arguments(unittest.TestCase):
    def test_named_arguments_are_found_among_others(self):
        given = ["s.py", "--JOB_NAME", "j", "--other", "1", "--path=s3://b/k", "--JOB_RUN_ID", "jr_1"]
        found = getResolvedOptions(given, ["JOB_NAME", "path"])
        self.assertEqual((found["JOB_NAME"], found["path"], found["JOB_RUN_ID"]), ("j", "s3://b/k", "jr_1"))
        self.assertEqual(found["job_bookmark_option"], "job-bookmark-disable")
        self.assertNotIn("other", found)

    def test_dashes_become_underscores(self):
        self.assertEqual(getResolvedOptions(["s.py", "--a-b", "1"], ["a-b"])["a_b"], "1")

    def test_a_missing_one_is_an_error_of_glues_own(self):
        with self.assertRaisesRegex(GlueArgumentError, "the following arguments are required: --target"):
            getResolvedOptions(["s.py", "--JOB_NAME", "j"], ["JOB_NAME", "target"])

    def test_reserved_ones_may_not_be_asked_for(self):
        with self.assertRaisesRegex(RuntimeError, "reserved"):
            getResolvedOptions(["s.py"], ["JOB_RUN_ID"])

    def test_bookmark_words_are_taken(self):
        given = ["s.py", "--job-bookmark-option", "job-bookmark-enable", "--TempDir", "s3://t/"]
        found = getResolvedOptions(given, ["TempDir"])
        self.assertEqual((found["job_bookmark_option"], found["TempDir"]), ("job-bookmark-enable", "s3://t/"))

    def test_an_empty_value_is_a_value(self):
        self.assertEqual(getResolvedOptions(["s.py", "--x", ""], ["x"])["x"], "")

    def test_commit_needs_init(self):
        with self.assertRaises(RuntimeError):
            Job(None).commit()
        job = Job(None)
        job.init("j", {})
        job.commit()


if __name__ == "__main__":
    unittest.main()
