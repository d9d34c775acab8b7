"""Check the names in the source files and the subjects of the commits. `make check` runs it.

    python -m tests.check_names              every package, and the commits
    python -m tests.check_names PATH ...     these files and folders, and the commits

The rules:

1. No variable has a vague name (`VAGUE`). The name must describe the value.
2. Class names are unique in the repository, including nested classes (`ALLOWED_DUPLICATES` lists exceptions). The
   second definition, in the order of `PACKAGES`, is reported: this is the class to rename.
3. No local variable or argument has the name of a module that the same file imports.
4. No commit subject after `FIRST_COMMIT` has more than 72 characters. This rule is skipped without `.git`, and in a
   shallow clone without this commit.

The output is one line `file:line: what is wrong: what to do` per fault. The exit status is 1 if there is a fault.
"""

import argparse
import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

VAGUE = {
    "found": "`claims`, `matches`",
    "place": "`position`, `path`, `index`",
    "places": "`positions`, `paths`, `slots`",
    "said": "`statement`, `claim`, `answer`",
    "told": "`recorded`, `registered`",
    "asked": "`requested`, `digests`",
    "one": "`item`, `row`, `record`",
    "each": "`item`, `row`, `record`",
    "left": "`remaining`, `lower`, `left_edge`",
    "rest": "`remaining`, `others`, `suffix`",
}

# In order of precedence: if two classes have the same name, rename the class in the later package.
PACKAGES = ("firsthand/schemas", "firsthand", "service", "simulator", "benchmarks", "migrations", "tests")

# Class names that two classes may have, each with the reason.
ALLOWED_DUPLICATES: dict[str, str] = {
    "ProblemError": "a component of the OpenAPI document, and an exception that users catch: both names are public",
    "Snapshot": "a component of the OpenAPI document, and the class that users open: both names are public",
}

# Vague names that are allowed in a file, each with the reason.
ALLOWED_NAMES: dict[tuple[str, str], str] = {
    ("firsthand/schemas/mixes.py", "asked"): "a field of the API: a new name would change the API",
}

# Only subjects after this commit are checked, because the history before it cannot be changed.
FIRST_COMMIT = "feddf6a66c21c9e74ede706ea3f8033657188061"
SUBJECT_LENGTH = 72

# Syntax nodes with local variables, and syntax nodes that bind a name (in addition to plain names).
LOCAL_SCOPES = {
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.Lambda,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
}
BINDING = {
    ast.arg,
    ast.ExceptHandler,
    ast.MatchAs,
    ast.MatchStar,
    ast.MatchMapping,
    ast.Import,
    ast.ImportFrom,
    ast.ClassDef,
}

Import = ast.Import | ast.ImportFrom


@dataclass(frozen=True)
class Names:
    """The names in one file: variables as (name, line, is local), classes as (name, line), and import statements."""

    variables: list[tuple[str, int, bool]]
    classes: list[tuple[str, int]]
    imports: list[Import]


@dataclass(frozen=True, order=True)
class NamingFault:
    """One violation of a rule: the path, the line, and a message (the fault, and how to correct it)."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the paths (default: all packages) and the commits. Print the faults, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.check_names", description="Check names and commit subjects.")
    parser.add_argument("paths", nargs="*", type=Path, help="files or folders; default: every package")
    paths: list[Path] = parser.parse_args(arguments).paths
    for path in paths:
        if not path.exists():
            parser.error(f"{path} does not exist")

    root = repository_root(paths[0] if paths else Path.cwd())
    sources = {path.relative_to(root).as_posix(): path.read_bytes() for path in modules(root)}
    chosen = {file.relative_to(root).as_posix() for path in paths for file in python_files(path.resolve())}
    faults = check_sources(sources, lambda name: is_module(name, root), ALLOWED_DUPLICATES)
    faults = [fault for fault in faults if not paths or fault.path in chosen]
    commit_faults, skipped = check_commits(root)
    for fault in sorted(faults) + commit_faults:
        print(fault)
    if skipped:
        print(f"commit subjects are not checked: {skipped}")
    count = len(faults) + len(commit_faults)
    print(f"{count} naming faults" if count else f"names are fine in {len(chosen or sources)} files")
    return int(bool(count))


def repository_root(path: Path) -> Path:
    """Return the nearest folder that contains pyproject.toml: `path` itself or one of its parents."""
    path = path.resolve()
    for folder in (path, *path.parents):
        if (folder / "pyproject.toml").is_file():
            return folder
    sys.exit(f"{path} is not in a repository: no parent folder contains pyproject.toml; give a path in the repository")


def python_files(path: Path) -> list[Path]:
    """Return the Python files of a folder in sorted order. If `path` is a file, return only this file."""
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def modules(root: Path) -> list[Path]:
    """Return the Python files of every package, in order of precedence and without duplicates."""
    files = [file for package in PACKAGES for file in python_files(root / package)]
    return list(dict.fromkeys(files))


def check_sources(
    sources: Mapping[str, bytes], is_module: Callable[[str], bool], allowed_duplicates: Iterable[str] = ()
) -> list[NamingFault]:
    """Return the violations of rules 1 to 3 in files.

    `sources` maps paths to contents. `is_module` decides whether a dotted name is a module.
    """
    faults = []
    definitions: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for path, source in sources.items():
        names = collect_names(ast.parse(source, path))
        hidden = {name for name, _, local in names.variables if local}
        imported = imported_modules(path, names.imports, hidden, is_module)
        for name, line, local in names.variables:
            if name in VAGUE and (path, name) not in ALLOWED_NAMES:
                message = f"vague variable name `{name}`: say what the value is, such as {VAGUE[name]}"
                faults.append(NamingFault(path, line, message))
            if local and name in imported:
                message = f"`{name}` hides the module imported on line {imported[name]}: rename the variable"
                faults.append(NamingFault(path, line, message))
        for name, line in sorted(names.classes, key=lambda definition: definition[1]):
            definitions[name].append((path, line))
    return faults + check_class_names(definitions, allowed_duplicates)


def collect_names(tree: ast.Module) -> Names:
    """Return the variables that a file binds, the classes that it defines, and its imports.

    Variables are arguments, and the targets of assignments, annotations, loops, comprehensions, `with`, `except`, `:=`,
    `match` and `import … as`. Functions, classes and attributes of objects are not variables. A variable is local if it
    is in a function, a lambda or a comprehension. Variables of a module are not local, because `try: import x` with
    `x = None` is intended. The fields of a class are not local, because they hide no name from its methods.
    """
    names = Names([], [], [])
    nodes: list[tuple[ast.AST, bool]] = [(tree, False)]
    while nodes:
        node, local = nodes.pop()
        kind = type(node)
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Store):
                names.variables.append((node.id, node.lineno, local))
            continue
        if kind in LOCAL_SCOPES:
            local = True
        elif kind in BINDING:
            match node:
                case ast.arg(arg=name, lineno=line):
                    names.variables.append((name, line, True))
                case (
                    ast.ExceptHandler(name=str(name), lineno=line)
                    | ast.MatchAs(name=str(name), lineno=line)
                    | ast.MatchStar(name=str(name), lineno=line)
                    | ast.MatchMapping(rest=str(name), lineno=line)
                ):
                    names.variables.append((name, line, local))
                case ast.Import() | ast.ImportFrom():
                    names.imports.append(node)
                    names.variables.extend((alias.asname, node.lineno, False) for alias in node.names if alias.asname)
                case ast.ClassDef(name=name, lineno=line):
                    names.classes.append((name, line))
                    local = False
        for field in node._fields:
            value = getattr(node, field)
            if isinstance(value, list):
                nodes.extend((child, local) for child in value if isinstance(child, ast.AST))
            elif isinstance(value, (ast.expr, ast.arguments, ast.arg, ast.pattern)):
                nodes.append((value, local))
    return names


def imported_modules(
    path: str, imports: Iterable[Import], wanted: Collection[str], is_module: Callable[[str], bool]
) -> dict[str, int]:
    """Return the `wanted` names with which a file imports modules, each with the line of its import."""
    imported: dict[str, int] = {}
    for node in imports:
        if isinstance(node, ast.Import):
            bindings = [(alias.asname or alias.name.partition(".")[0], alias.name) for alias in node.names]
        else:
            parents = path.split("/")[: -node.level] if node.level else []
            package = ".".join([*parents, *([node.module] if node.module else [])])
            bindings = [(alias.asname or alias.name, f"{package}.{alias.name}") for alias in node.names]
        for name, target in bindings:
            if name in wanted and (isinstance(node, ast.Import) or is_module(target)):
                imported[name] = node.lineno
    return imported


def is_module(name: str, root: Path) -> bool:
    """Return whether a dotted name is a module in the repository or in the installed packages."""
    return _is_module_file(name.replace(".", "/"), (str(root), *sys.path))


@cache
def _is_module_file(relative: str, folders: tuple[str, ...]) -> bool:
    return any(
        Path(folder, relative, "__init__.py").is_file() or Path(folder, f"{relative}.py").is_file()
        for folder in folders
    )


def check_class_names(
    definitions: Mapping[str, Sequence[tuple[str, int]]], allowed: Iterable[str]
) -> list[NamingFault]:
    """Return a fault for each class with the name of an earlier class, and for each exception that is not needed.

    `definitions` maps a class name to the (path, line) of all its classes, in order of precedence.
    """
    faults = []
    for name, ((first_path, first_line), *repetitions) in definitions.items():
        if name not in allowed:
            message = f"class `{name}` is also defined in {first_path}:{first_line}: rename this class"
            faults += [NamingFault(path, line, message) for path, line in repetitions]
    for name in allowed:
        if len(definitions.get(name, ())) < 2:
            message = f"class `{name}` is not defined twice: remove it from ALLOWED_DUPLICATES"
            faults.append(NamingFault("tests/check_names.py", 1, message))
    return faults


def check_commits(root: Path, first: str = FIRST_COMMIT) -> tuple[list[NamingFault], str]:
    """Return a fault for each commit after `first` with a long subject, and the reason if the check was skipped."""
    if not (root / ".git").exists():
        return [], "this copy has no .git"
    known, _ = _git(root, "merge-base", "--is-ancestor", first, "HEAD")
    if not known:
        return [], f"commit {first[:7]} is not in the history here (a shallow clone?)"
    _, log = _git(root, "log", "--format=%h %s", f"{first}..HEAD")
    return list(long_subjects(log.splitlines())), ""


def long_subjects(lines: Iterable[str]) -> Iterator[NamingFault]:
    """Yield a fault for each line "commit subject" whose subject is too long."""
    for line in lines:
        commit, _, subject = line.partition(" ")
        if len(subject) > SUBJECT_LENGTH:
            message = f"subject of {len(subject)} characters: shorten it to {SUBJECT_LENGTH} (git rebase -i)"
            yield NamingFault(f"commit {commit}", 1, message)


def _git(root: Path, *arguments: str) -> tuple[bool, str]:
    """Run git in the repository. Return whether it succeeded, and its output."""
    try:
        result = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, encoding="utf-8")
    except FileNotFoundError:
        return False, ""
    return result.returncode == 0, result.stdout


if __name__ == "__main__":
    sys.exit(main())
