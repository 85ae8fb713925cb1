"""Fails when a crate does not take the workspace's lints, when it depends on one that crates/README.md does not
allow, or when a pure crate's tree holds an async runtime or an SDK."""
import json
import re
import subprocess
import sys

PURE = {"lakeform-planner", "lakeform-model", "lakeform-manifest"}
IMPURE = re.compile(r"^(tokio|hyper|aws-(?!lc))")


def allowed():
    """The table of crates/README.md: crate -> the crates it may see (None: all)."""
    rows = {}
    for line in open("crates/README.md", encoding="utf-8"):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == 3 and cells[0].startswith("`"):
            seen = re.findall(r"`(\w+)`", cells[2])
            rows[cells[0].strip("`")] = None if cells[2] == "all" else set(seen)
    return rows


def name(package):
    return package.removeprefix("lakeform-")


metadata = json.loads(subprocess.run(["cargo", "metadata", "--format-version", "1", "--locked"], check=True, capture_output=True).stdout)
packages = {package["id"]: package for package in metadata["packages"]}
nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
rows, problems = allowed(), []


def normal(node):
    """The packages a node needs outside its tests."""
    return [dep["pkg"] for dep in node["deps"] if any(kind["kind"] != "dev" for kind in dep["dep_kinds"])]


for member in metadata["workspace_members"]:
    crate = packages[member]["name"]
    # Among them: no unsafe code.
    if "\n[lints]\nworkspace = true\n" not in open(packages[member]["manifest_path"], encoding="utf-8").read():
        problems.append(f"{crate} does not take the workspace's lints")
    if crate == "lakeform-tests":
        continue
    ours = {name(packages[dep]["name"]) for dep in normal(nodes[member]) if dep in metadata["workspace_members"]}
    if name(crate) not in rows:
        problems.append(f"{crate} has no row in crates/README.md")
    elif rows[name(crate)] is not None and ours - rows[name(crate)]:
        problems.append(f"{crate} must not see {', '.join(sorted(ours - rows[name(crate)]))}")
    if crate in PURE:
        seen, todo = set(), [member]
        while todo:
            node = todo.pop()
            if node not in seen:
                seen.add(node)
                todo += normal(nodes[node])
        impure = sorted({packages[node]["name"] for node in seen if IMPURE.match(packages[node]["name"])})
        if impure:
            problems.append(f"{crate} must stay pure, but its tree holds {', '.join(impure)}")

for problem in problems:
    print(f"layers: {problem}", file=sys.stderr)
sys.exit(1 if problems else 0)
