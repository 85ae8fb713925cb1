"""How a script reads the arguments of its run."""

import argparse


class GlueArgumentError(Exception):
    """A required argument is missing, or has a value that its choices forbid."""


class GlueArgumentParser(argparse.ArgumentParser):
    """Says what is wrong as an exception: a script's process must not end with a usage text."""

    def error(self, message):
        raise GlueArgumentError(message)


# Glue gives these to every run; a script reads them without asking, and may not ask for them.
_RESERVED = {
    "job_bookmark_option": ("job-bookmark-enable", "job-bookmark-pause", "job-bookmark-disable"),
    "job_bookmark_from": None,
    "job_bookmark_to": None,
    "JOB_ID": None,
    "JOB_RUN_ID": None,
    "SECURITY_CONFIGURATION": None,
    "encryption_type": ("sse-s3",),
    "enable_data_lineage": ("true", "false"),
    "continuation_option": ("continuation-enabled", "continuation-readonly", "continuation-ignore"),
}


def _flag(name):
    # Glue spells these with dashes where the script reads underscores.
    return "--" + (name if name.isupper() else name.replace("_", "-"))


def getResolvedOptions(args, options):
    """The values of the named arguments, each of which must have been given.

    As on AWS: arguments nobody asked for are ignored, `--name=value` works, an unambiguous beginning of a name is
    enough, a dash in a name becomes an underscore in the answer, and a missing one is a `GlueArgumentError`.
    """
    parser = GlueArgumentParser(add_help=False)
    for name, choices in _RESERVED.items():
        if name in options or _flag(name)[2:] in options:
            raise RuntimeError(f"Using reserved arguments {_flag(name)}")
        parser.add_argument(_flag(name), choices=choices, required=False)
    # A name may be asked for twice; argparse takes it once.
    for option in dict.fromkeys(options):
        parser.add_argument("--" + option, required=option != "TempDir")
    if "TempDir" not in options:
        parser.add_argument("--TempDir", required=False)
    parsed, _ = parser.parse_known_args(args[1:])
    answer = vars(parsed)
    if answer["job_bookmark_option"] is None:
        answer["job_bookmark_option"] = "job-bookmark-disable"
    if answer["TempDir"] is None and "TempDir" not in options:
        del answer["TempDir"]
    return answer


def callsite():
    """The caller's place, which Glue keeps with a frame for its error report."""
    return ""


def makeOptions(sc, py_obj):
    """Kept for scripts that import it: options are plain dictionaries here."""
    return dict(py_obj or {})
