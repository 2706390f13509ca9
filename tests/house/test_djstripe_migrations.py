"""dj-stripe's tables: made in one step on a new database, left alone on one that has them."""

from __future__ import annotations

import pkgutil
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection, migrations, models
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ProjectState
from djstripe import migrations as upstream

from billing_site.djstripe_migrations._squash import CannotSquash, state_after, surviving

SQUASH = ("djstripe", "0001_squashed_0003_2_11")
squash = import_module("billing_site.djstripe_migrations." + SQUASH[1])
history = [operation for step in squash.HISTORY for operation in step.operations]


def test_squash_ends_where_upstream_ends():
    assert state_after(squash.Migration.operations, "djstripe") == state_after(history, "djstripe")


def test_squash_leaves_nothing_to_migrate():
    today = ProjectState.from_apps(apps)
    others = {key: model for key, model in today.models.items() if key[0] != "djstripe"}
    migrated = ProjectState(others | state_after(squash.Migration.operations, "djstripe").models)
    assert "djstripe" not in MigrationAutodetector(migrated, today).changes(MigrationGraph())


def test_squash_only_creates():
    kinds = {type(operation) for operation in squash.Migration.operations}
    assert kinds == {migrations.CreateModel, migrations.AddField}


def test_squash_knows_every_migration_of_this_release():
    released = [module.name for module in pkgutil.iter_modules(upstream.__path__)]
    assert sorted(squash.SQUASHED) == sorted(released), "See docs/decisions/0003-dj-stripe-migrations.md: Upgrading"


def test_squash_creates_an_altered_field_as_it_ended():
    created = migrations.CreateModel("Plan", [("id", models.AutoField(primary_key=True))])
    wide = models.CharField(max_length=80)
    added = migrations.AddField("plan", "name", models.CharField(max_length=8))
    operations = surviving([created, added, migrations.AlterField("plan", "name", wide)], "djstripe")
    assert operations[1].field is wide


def test_squash_refuses_what_a_new_database_would_miss():
    with pytest.raises(CannotSquash, match="RunSQL"):
        surviving([migrations.RunSQL("select 1")], "djstripe")


@pytest.mark.django_db
def test_new_database_took_the_squash():
    graph = MigrationLoader(connection).graph
    assert graph.leaf_nodes("djstripe") == [SQUASH]


@pytest.mark.django_db
def test_database_that_ran_upstream_has_the_squash():
    MigrationRecorder(connection).record_unapplied(*SQUASH)
    assert SQUASH in MigrationLoader(connection).applied_migrations


@pytest.mark.django_db
def test_database_halfway_through_upstream_finishes_upstream():
    MigrationRecorder(connection).record_unapplied(*SQUASH)
    MigrationRecorder(connection).record_unapplied("djstripe", "0003_2_11")
    graph = MigrationLoader(connection).graph
    assert graph.leaf_nodes("djstripe") == [("djstripe", "0003_2_11")]
