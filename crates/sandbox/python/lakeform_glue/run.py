"""Runs one job's script as Glue does: as `__main__`, with the arguments of the run, unmodified.

How it ended is left in the file that `LAKEFORM_OUTCOME` names. When whoever started this process ends, however it
ends, the pipe on standard input closes, and the whole group of processes goes.
"""

import json
import os
import re
import runpy
import signal
import sys
import threading
import traceback


def _watch():
    pipe = os.dup(0)
    # The script's own input is empty, as on AWS.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.set_inheritable(pipe, False)

    def wait():
        while os.read(pipe, 1024):
            pass
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait, daemon=True, name="lakeform-watch").start()


def told(error):
    """An error as Glue's run shows it: the last line of the traceback."""
    name = type(error).__name__
    text = str(error).strip()
    if name == "Py4JJavaError":
        # "An error occurred while calling o91.parquet.", then ": " and Java's own line.
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        causes = [line for line in lines if line.startswith("Caused by:")]
        # What failed in a Python worker says so last, before Java's stack.
        workers = re.findall(r"^([A-Za-z_.]*(?:Error|Exception|Exit|Interrupt)\b.*)$", text, re.MULTILINE)
        workers = [line for line in workers if not line.startswith(("org.", "java.", "scala."))]
        first = " ".join(line.lstrip(": ") for line in lines[:2])
        return (f"{first} {workers[-1]}" if workers else f"{first} {causes[-1]}" if causes else first)[:2000]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if name == "PythonException":
        # The worker's own traceback stands inside the message.
        return f"{name}: {lines[-1]}"[:2000]
    if isinstance(error, SystemExit):
        return f"SystemExit: {error.code}"
    return (f"{name}: {lines[0]}" if lines else name)[:2000]


def _print_traceback(error, script):
    """The traceback from the script's own first line on."""
    frames = error.__traceback__
    start = frames
    while start is not None and start.tb_frame.f_code.co_filename != script:
        start = start.tb_next
    traceback.print_exception(type(error), error, start or (None if isinstance(error, SyntaxError) else frames))


def _end(outcome):
    path = os.environ.get("LAKEFORM_OUTCOME")
    if path:
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump(outcome, file)
        os.replace(path + ".new", path)


def main():
    """Runs `script arguments…`."""
    _watch()
    script, *arguments = sys.argv[1:]
    sys.argv = [script, *arguments]
    sys.path[0] = os.path.dirname(script)
    if os.environ.get("LAKEFORM_JOB_KIND") != "pythonshell":
        from lakeform_glue import same_objects, sql_tables

        sql_tables.install()
        same_objects.install()
    outcome, code = {"ok": True}, 0
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as error:
        if error.code not in (None, 0):
            outcome, code = {"ok": False, "error": told(error)}, 1
            if isinstance(error.code, str):
                print(error.code, file=sys.stderr)
    except BaseException as error:  # noqa: BLE001 - whatever a script raises is its end
        _print_traceback(error, script)
        outcome, code = {"ok": False, "error": told(error)}, 1
    sys.stdout.flush()
    sys.stderr.flush()
    _end(outcome)
    session = sys.modules.get("pyspark")
    if session is not None:
        from pyspark import SparkContext

        if SparkContext._active_spark_context is not None:
            SparkContext._active_spark_context.stop()
    sys.exit(code)


if __name__ == "__main__":
    main()
