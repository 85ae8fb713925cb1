"""The runner as a process: it ends with whoever started it, and says how a script ended."""

import json
import os
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest

from lakeform_glue import run


class Runner(unittest.TestCase):
    def start(self, script, *arguments):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        place = os.path.join(self.folder, "job.py")
        with open(place, "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(script))
        process = subprocess.Popen(
            [sys.executable, "-m", "lakeform_glue.run", place, *arguments], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
            env={**os.environ, "LAKEFORM_JOB_KIND": "pythonshell", "LAKEFORM_OUTCOME": os.path.join(self.folder, "outcome")},
        )
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.stdin.close)
        return process

    def outcome(self):
        with open(os.path.join(self.folder, "outcome"), encoding="utf-8") as file:
            return json.load(file)

    def test_it_ends_with_its_starter_and_takes_its_children_along(self):
        process = self.start("""
            import subprocess, time
            child = subprocess.Popen(["sleep", "600"])
            print(child.pid, flush=True)
            while True: time.sleep(0.1)
        """)
        child = int(process.stdout.readline())
        process.stdin.close()
        self.assertEqual(process.wait(timeout=60), -9)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                with open(f"/proc/{child}/stat", encoding="utf-8") as file:
                    if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                        return
            except FileNotFoundError:
                return
            time.sleep(0.05)
        self.fail("the child is still there")

    def test_a_script_is_main_with_its_arguments_and_no_input(self):
        process = self.start("""
            import sys
            if __name__ == "__main__":
                print(sys.argv[1:], repr(sys.stdin.read()))
        """, "--JOB_NAME", "j")
        self.assertEqual(process.stdout.read(), "['--JOB_NAME', 'j'] ''\n")
        self.assertEqual((process.wait(), self.outcome()), (0, {"ok": True}))

    def test_a_traceback_begins_in_the_script(self):
        process = self.start("def f():\n    raise ValueError('no')\nf()\n")
        said = process.stderr.read()
        self.assertIn("job.py\", line 3", said)
        self.assertNotIn("runpy", said)
        self.assertEqual((process.wait(), self.outcome()), (1, {"ok": False, "error": "ValueError: no"}))

    def test_an_error_is_told_in_a_line(self):
        self.assertEqual(run.told(KeyError("x")), "KeyError: 'x'")
        self.assertEqual(run.told(ValueError("a\nb")), "ValueError: a")
        self.assertEqual(run.told(SystemExit(3)), "SystemExit: 3")
        self.assertEqual(run.told(RuntimeError()), "RuntimeError")
