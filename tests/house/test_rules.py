"""The rules of the house, read from the source: who writes, who looks at the clock, what money is made of."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APPS = ("invoices", "payments", "partners", "reporting")
# The clock is read where the outside comes in; `jobs` says when a job ended.
EDGES = {"admin", "api", "management", "tasks", "views", "urls", "inbox", "exports", "jobs", "sim", "demo", "serving"}
EDGES |= {"gateway", "keys"}
# Services write; so do the rooms of the Stripe door, of documents and of the daily proof.
DOOR = {"inbox", "doors", "applying", "booking", "fetching", "ledger", "mirror", "versions", "sim"}
DOOR |= {"importing", "listing_events"}
WRITERS = {"services", "documents", "copying", "reconciling", "idempotency", "demo", "migrations"} | DOOR
WRITES = {"create", "bulk_create", "bulk_update", "get_or_create", "update_or_create"}


def _modules(*folders: str) -> list[Path]:
    return sorted(
        path for folder in folders for path in (ROOT / folder).rglob("*.py") if "migrations" not in path.parts
    )


def _rooms(path: Path) -> set[str]:
    return {path.stem, *path.relative_to(ROOT).parts}


def _found(paths: list[Path], wrong) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in paths
        for node in ast.walk(ast.parse(path.read_text()))
        if wrong(node)
    ]


def _called(node: ast.AST) -> str:
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


def test_money_is_never_a_float():
    paths = [
        path for path in _modules(*APPS, "billing_site/kit") if "sim" not in path.parts and "pdf" not in path.parts
    ]
    assert _found(paths, lambda node: _called(node) == "float") == []


def test_the_core_is_handed_the_time():
    clocks = (
        "timezone.now",
        "datetime.now",
        "dt.datetime.now",
        "date.today",
        "dt.date.today",
        "time.time",
        "timezone.localdate",
    )
    core = [path for path in _modules(*APPS, "billing_site/kit") if not _rooms(path) & EDGES]
    assert _found(core, lambda node: _called(node) in clocks) == []


def test_only_services_write():
    others = [path for path in _modules(*APPS) if not _rooms(path) & WRITERS]

    def writes(node: ast.AST) -> bool:
        called = _called(node)
        return ".objects." in called and (
            called.rpartition(".")[2] in WRITES or called.endswith((".update", ".delete"))
        )

    assert _found(others, writes) == []


def test_status_is_asked_for_by_name():
    others = [
        path for path in _modules(*APPS) if path.stem not in {"querysets", "models"} and not _rooms(path) & {"sim"}
    ]

    def bare(node: ast.AST) -> bool:
        named = {keyword.arg for keyword in node.keywords} if isinstance(node, ast.Call) else set()
        return ".objects" in _called(node) and _called(node).endswith(".filter") and "status" in named

    assert _found(others, bare) == []


def _services() -> Iterator[tuple[str, ast.FunctionDef]]:
    for path in _modules(*APPS):
        if "services" in _rooms(path):
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and _decorated_atomic(node):
                    yield f"{path.relative_to(ROOT)}:{node.name}", node


def _decorated_atomic(node: ast.FunctionDef) -> bool:
    return any("atomic" in ast.unparse(decorator) for decorator in node.decorator_list)


@pytest.mark.parametrize(("name", "service"), [pytest.param(*found, id=found[0]) for found in _services()])
def test_services_are_called_by_keyword_and_typed(name, service):
    assert (service.args.posonlyargs, service.args.args, service.args.vararg) == ([], [], None)
    assert service.returns is not None, f"{name} says what it returns"


@pytest.mark.parametrize("path", _modules(*APPS, "billing_site"), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_what_it_owns(path):
    source = path.read_text()
    assert not source.strip() or ast.get_docstring(ast.parse(source)), "open the module with one line of what it owns"


def test_functions_stay_small():
    large = [
        f"{path.relative_to(ROOT)}:{node.name}"
        for path in _modules(*APPS, "billing_site")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and sum(isinstance(part, ast.stmt) for part in ast.walk(node)) > 25
    ]
    assert large == []


def test_stripe_is_imported_in_one_place():
    importers = {
        str(path.relative_to(ROOT))
        for path in _modules(*APPS, "billing_site")
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "stripe" for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "stripe")
    }
    assert importers == {"payments/stripe/gateway.py"}
