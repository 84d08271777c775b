#!/usr/bin/env python3
"""Recomputes every number of a published review by other means, and compares.

Nothing is shared with the program that made the report: the history comes from git's plumbing commit by commit, contents
from git's objects instead of the checked-out files, patterns are written again. Standard library only.

    check.py --repo DIR --summary report.json [--report report.md] [--ledger DIR] [--top N] [--planted KIND=PATH]...

Exit 0: all equal. 1: something differs, each difference on a line. 2: it could not be checked.
"""

import argparse
import collections
import datetime
import json
import pathlib
import re
import subprocess
import sys

SEARCH_LIMIT = 1000
FILE_LIMIT = 4 * 1024 * 1024
SNIFF = 8 * 1024
ROWS_LISTED = 100
SKIPS = ("binary", "large", "links", "special", "unreadable", "deep")
LOCK_FILES = {
    "Cargo.lock", "Gemfile.lock", "Pipfile.lock", "composer.lock", "flake.lock", "go.sum", "package-lock.json",
    "pnpm-lock.yaml", "uv.lock", "yarn.lock",
}
ALNUM = rb"[0-9A-Za-z]"
PATTERNS = {
    "private key": [rb"-----BEGIN ([0-9A-Z]+ )*PRIVATE KEY(-----| BLOCK-----)"],
    "AWS access key": [rb"\b(AKIA|ASIA)[0-9A-Z]{16}\b"],
    "token": [
        rb"\bgh[oprsu]_" + ALNUM + rb"{36}",
        rb"\bgithub_pat_[0-9A-Za-z_]{22}",
        rb"\bglpat-[0-9A-Za-z_-]{20}",
        rb"\bxox[abeoprs]-[0-9A-Za-z-]{10}",
        rb"\bsk-[0-9A-Za-z_-]{32}",
        rb"\bAIza[0-9A-Za-z_-]{35}",
    ],
    "conflict marker": [rb"^<<<<<<<\x20"],
}


class Checker:
    """Counts comparisons and keeps differences."""

    def __init__(self):
        self.compared = 0
        self.differences = []

    def same(self, what, told, found):
        self.compared += 1
        if told != found:
            self.differences.append(f"{what}: the report says {told!r}, recomputed {found!r}")

    def holds(self, what, truth):
        self.compared += 1
        if not truth:
            self.differences.append(what)


class Git:
    """Asks git about one repository, without its hooks and without anybody's configuration."""

    def __init__(self, repo):
        self.base = ["git", "--no-replace-objects", "-c", f"safe.directory={repo}", "-c", "core.fsmonitor=false", "-C", repo]
        self.env = {
            "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_ATTR_NOSYSTEM": "1",
        }
        # One process answers for all objects: a long history has many, and a start costs more than an answer.
        self.objects = subprocess.Popen([*self.base, "cat-file", "--batch"], env=self.env, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.lines = {"0" * 40: 0, "0" * 64: 0}

    def run(self, *arguments, stdin=None):
        done = subprocess.run([*self.base, *arguments], env=self.env, input=stdin, capture_output=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"git {arguments[0]} failed: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout

    def content(self, name):
        """Content of an object."""
        self.objects.stdin.write(f"{name}\n".encode())
        self.objects.stdin.flush()
        answer = self.objects.stdout.readline().split()
        if len(answer) != 3:
            raise RuntimeError(f"git has no object {name}")
        return self.objects.stdout.read(int(answer[2]) + 1)[:-1]

    def line_count(self, name):
        """Lines of an object; none where there is no object."""
        if name not in self.lines:
            self.lines[name] = lines_of(self.content(name))
        return self.lines[name]


def lines_of(content):
    """Lines as git counts them: a last one without a newline is one too."""
    return content.count(b"\n") + (1 if content and not content.endswith(b"\n") else 0)


def text(path):
    return path.decode("utf-8", errors="replace")


def tree_of(git, commit):
    """Mode and blob of every path of a commit."""
    tree = {}
    for entry in git.run("ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0"):
        if entry:
            head, path = entry.split(b"\t", 1)
            mode, _kind, blob = head.decode().split()
            tree[path] = (mode, blob)
    return tree


def changes_of(git, commits):
    """Of each commit what it changed: path, added, removed, and old and new blob. Counts are None for binary files, blobs are
    None for what is no file of this repository."""
    raw = git.run("diff-tree", "--stdin", "-r", "-z", "--root", "--no-renames", "--raw", "--no-abbrev", "--numstat",
                  "--no-ext-diff", "--no-textconv", "--diff-algorithm=myers", stdin="".join(f"{c}\n" for c in commits).encode())
    commit, blobs, entries = None, {}, iter(raw.split(b"\0"))
    for entry in entries:
        if entry.startswith(b":"):
            before, after, old, new, _status = entry[1:].decode().split()
            blobs[next(entries)] = (None, None) if "160000" in (before, after) else (old, new)
        elif b"\t" in entry:
            added, removed, path = entry.split(b"\t", 2)
            counted = (None, None) if added == b"-" else (int(added), int(removed))
            yield commit, path, *counted, *blobs[path]
        elif entry:
            commit, blobs = entry.decode(), {}


def history(git, head, checker):
    """Commits without merges, and per path: commits, added, removed, newest time."""
    paths = collections.defaultdict(lambda: [0, 0, 0, None])
    lines = git.run("rev-list", "--parents", head).decode().splitlines()
    commits = [line.split()[0] for line in lines if len(line.split()) <= 2]
    times = {}
    for name in commits:
        header = git.content(name).split(b"\n\n", 1)[0]
        times[name] = int(re.search(rb"^committer .* (-?\d+) [+-]\d{4}$", header, re.M).group(1))
    for name, path, added, removed, old, new in changes_of(git, commits):
        row = paths[path]
        row[0] += 1
        row[3] = times[name] if row[3] is None else max(row[3], times[name])
        if added is not None:
            row[1] += added
            row[2] += removed
            if new is not None:
                grown = git.line_count(new) - git.line_count(old)
                checker.same(f"growth of {text(path)} in {name[:12]}, by counting lines", added - removed, grown)
    return len(commits), paths


def secret_of(line, start):
    """What is masked: a whole header of a key, else everything to the next blank, quote or bracket."""
    rest = line[start:].decode("utf-8", errors="replace")
    header = re.match(r"-----.*?-----", rest)
    return header.group(0) if header else re.split(r"[\s\x00-\x1f\x7f-\x9f\"'`,;<>()]", rest, maxsplit=1)[0]


def shown(line, start):
    secret = secret_of(line, start)
    cut = len(line) > 512
    if cut:
        secret = secret_of(line[:512], start)
    ends = cut and line[:512].decode("utf-8", errors="replace").endswith(secret)
    head = escape(secret[:4]) if len(secret) >= 12 else ""
    return f"{head}... ({'at least ' if ends else ''}{len(secret)} characters)", secret


def search(git, tree):
    """Findings by kind, files and bytes searched, and what was skipped."""
    found, secrets = {kind: [] for kind in PATTERNS}, []
    skipped, files, size = dict.fromkeys(SKIPS, 0), 0, 0
    for path, (mode, blob) in tree.items():
        if mode == "120000":
            skipped["links"] += 1
        if not mode.startswith("100"):
            continue
        content = git.content(blob)
        if len(content) > FILE_LIMIT:
            skipped["large"] += 1
            continue
        if b"\0" in content[:SNIFF]:
            skipped["binary"] += 1
            continue
        files, size = files + 1, size + len(content)
        for number, line in enumerate(content.split(b"\n"), 1):
            line = line.removesuffix(b"\r")
            for kind, patterns in PATTERNS.items():
                starts = [match.start() for match in (re.search(pattern, line) for pattern in patterns) if match]
                if not starts:
                    continue
                mask, secret = ("", "") if kind == "conflict marker" else shown(line, min(starts))
                found[kind].append({"kind": kind, "path": text(path), "line": number, "shown": mask})
                if len(secret) > 8 and kind != "private key":
                    secrets.append(secret)
    return found, files, size, skipped, secrets


def escape(value):
    out = ""
    for index, char in enumerate(value):
        if index == 200:
            return out + "..."
        plain = " " <= char <= "~" and char not in "`|"
        out += "\\\\" if char == "\\" else char if plain else f"\\u{{{ord(char):x}}}"
    return out


def rows_of(markdown):
    return [line for line in markdown.splitlines() if line.startswith("| ")]


def expected_rows(summary):
    """Every row of every table, from the recomputed numbers."""
    labels = {
        "lines that look like credentials": "credentials", "- private keys": "private_keys", "- AWS access keys": "aws_keys",
        "- tokens": "tokens", "conflict markers": "conflict_markers", "commits, merges left out": "commits",
        "lines added by them": "lines_added", "lines removed by them": "lines_removed", "files": "files", "bytes": "bytes",
        "files searched": "files_searched", "bytes searched": "bytes_searched",
    }
    rows = [f"| {label} | {summary[key]} |" for label, key in labels.items()]
    markers = [row for row in summary["findings"] if row["kind"] == "conflict marker"]
    leaks = [row for row in summary["findings"] if row["kind"] != "conflict marker"]
    rows += [f"| {r['kind']} | `{escape(r['path'])}` | {r['line']} | `{r['shown']}` |" for r in leaks[:ROWS_LISTED]]
    rows += [f"| `{escape(r['path'])}` | {r['line']} |" for r in markers[:ROWS_LISTED]]
    for place, r in enumerate(summary["riskiest"], 1):
        numbers = " | ".join(str(r[key]) for key in ("commits", "lines_added", "lines_removed", "bytes", "risk"))
        rows.append(f"| {place} | `{escape(r['path'])}` | {numbers} | {r['last_changed']} |")
    return rows


def recompute(git, top, checker):
    """The summary as it should be, and the secrets that nobody may read in it."""
    commit = git.run("rev-parse", "--verify", "HEAD^{commit}").decode().strip()
    tree = tree_of(git, commit)
    regular = {path: blob for path, (mode, blob) in tree.items() if mode.startswith("100")}
    sizes = {name: len(git.content(name)) for name in set(regular.values())}
    commits, changed = history(git, commit, checker)
    found, files, size, skipped, secrets = search(git, tree)
    ranked = []
    for path, blob in regular.items():
        if path.decode("latin-1").rsplit("/", 1)[-1] in LOCK_FILES:
            continue
        count, added, removed, newest = changed[path]
        day = "" if newest is None else datetime.datetime.fromtimestamp(newest, datetime.timezone.utc).strftime("%Y-%m-%d")
        ranked.append({
            "path": text(path), "commits": count, "lines_added": added, "lines_removed": removed, "bytes": sizes[blob],
            "risk": count * sizes[blob], "last_changed": day,
        })
    ranked.sort(key=lambda row: (-row["risk"], row["path"].encode()))
    limited = {kind: rows[:SEARCH_LIMIT] for kind, rows in found.items()}
    leaks = [len(limited[kind]) for kind in ("private key", "AWS access key", "token")]
    summary = {
        "commit": commit, "commits": commits, "files": len(regular), "bytes": sum(sizes[blob] for blob in regular.values()),
        "lines_added": sum(row[1] for row in changed.values()), "lines_removed": sum(row[2] for row in changed.values()),
        "files_searched": files, "bytes_searched": size, "skipped": skipped, "private_keys": leaks[0], "aws_keys": leaks[1],
        "tokens": leaks[2], "credentials": sum(leaks), "conflict_markers": len(limited["conflict marker"]),
        "incomplete": any(len(rows) >= SEARCH_LIMIT for rows in found.values()),
        "findings": [row for rows in limited.values() for row in rows],
        "riskiest": ranked[:top],
    }
    return summary, secrets


def by_place(row):
    return (list(PATTERNS).index(row["kind"]) if row["kind"] in PATTERNS else -1, row["path"], row["line"])


def compare(told, summary, checker):
    checker.same("names of the numbers", sorted(told), sorted(summary))
    for key, value in summary.items():
        if key == "findings":
            told_rows, rows = sorted(told.get(key, []), key=by_place), sorted(value, key=by_place)
            checker.same("number of findings", len(told_rows), len(rows))
            for told_row, row in zip(told_rows, rows):
                checker.same(f"finding at {row['path']}:{row['line']}", told_row, row)
        elif key in ("riskiest", "skipped"):
            rows = enumerate(value, 1) if key == "riskiest" else value.items()
            told_rows = dict(enumerate(told.get(key, []), 1)) if key == "riskiest" else told.get(key, {})
            checker.same(f"length of {key}", len(told_rows), len(value))
            for place, row in rows:
                checker.same(f"{key} {place}", told_rows.get(place), row)
        else:
            checker.same(key, told.get(key), value)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repo", required=True, help="the reviewed repository, its HEAD still the reviewed commit")
    parser.add_argument("--summary", required=True, help="the report's numbers, JSON")
    parser.add_argument("--report", help="the report, Markdown")
    parser.add_argument("--ledger", help="the ledger, which must hold exactly this report, once")
    parser.add_argument("--top", type=int, default=10, help="how many of the riskiest files the report names")
    parser.add_argument("--planted", action="append", default=[], metavar="KIND=PATH", help="a finding that must be there")
    arguments = parser.parse_args()

    checker = Checker()
    git = Git(str(pathlib.Path(arguments.repo).resolve()))
    summary_text = pathlib.Path(arguments.summary).read_text(encoding="utf-8")
    told = json.loads(summary_text)
    summary, secrets = recompute(git, arguments.top, checker)
    compare(told, summary, checker)
    for planted in arguments.planted:
        kind, path = planted.split("=", 1)
        places = [(row["kind"], row["path"]) for row in told["findings"]]
        checker.holds(f"planted {kind} in {path} was not found", (kind, path) in places)
    texts = {"summary": summary_text}
    if arguments.report:
        markdown = texts["report"] = pathlib.Path(arguments.report).read_text(encoding="utf-8")
        # The order of findings inside a table is the program's; all else is compared row by row.
        told_rows = {row for row in rows_of(markdown) if not row.startswith(("| What", "| Kind", "| File", "| |"))}
        if len(summary["findings"]) <= ROWS_LISTED:
            for row in sorted(told_rows ^ set(expected_rows(summary))):
                checker.holds(f"row only in {'the report' if row in told_rows else 'the recomputation'}: {row}", False)
        checker.compared += len(told_rows)
        checker.holds("the report does not name its commit", f"`{summary['commit']}`" in markdown)
    if arguments.ledger:
        entries = [path for path in pathlib.Path(arguments.ledger).iterdir() if not path.name.startswith(".")]
        checker.same("entries in the ledger", len(entries), 1)
        for path in entries:
            texts["ledger"] = path.read_text(encoding="utf-8")
            entry = json.loads(texts["ledger"])
            checker.same("key of the entry", f"{entry['key']}.json", path.name)
            for key in ("commit", "credentials", "conflict_markers"):
                checker.same(f"{key} of the entry", entry[key], summary[key])
            if arguments.report:
                checker.holds("the entry is not the report", entry["markdown"] == texts["report"])
    for name, content in texts.items():
        checker.holds(f"a whole secret stands in the {name}", not any(secret in content for secret in secrets))
    for difference in checker.differences:
        print(f"DIFFERS {difference}")
    print(f"check: {checker.compared} comparisons over commit {summary['commit'][:12]}, {len(checker.differences)} differences")
    return 1 if checker.differences else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        print(f"check: cannot check: {error}", file=sys.stderr)
        sys.exit(2)
