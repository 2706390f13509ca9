"""A key knows the one whose place it takes, its changes are on record, and a revoked key stays revoked."""

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


FORWARD = r"""
CREATE FUNCTION revoked_key_stays_revoked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.revoked AND NOT NEW.revoked THEN
        RAISE EXCEPTION 'The key % is revoked for good. Make a new one.', OLD.prefix
            USING ERRCODE = 'check_violation', CONSTRAINT = 'revoked_key_stays_revoked';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER revoked_key_stays_revoked BEFORE UPDATE OF revoked ON partners_partnerapikey
    FOR EACH ROW EXECUTE FUNCTION revoked_key_stays_revoked();
"""
BACKWARD = r"""
DROP TRIGGER revoked_key_stays_revoked ON partners_partnerapikey;
DROP FUNCTION revoked_key_stays_revoked();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('partners', '0003_ends'),
        ('pghistory', '0007_auto_20250421_0444'),
    ]

    operations = [
        migrations.CreateModel(
            name='PartnerApiKeyEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('prefix', models.CharField(editable=False, max_length=8)),
                ('created', models.DateTimeField(auto_now_add=True)),
                ('name', models.CharField(default=None, help_text='A free-form name for the API key. Need not be unique. 50 characters max.', max_length=50)),
                ('revoked', models.BooleanField(blank=True, default=False, help_text='If the API key is revoked, clients cannot use it anymore. (This cannot be undone.)')),
                ('expiry_date', models.DateTimeField(blank=True, help_text='Once API key expires, clients cannot use it anymore.', null=True, verbose_name='Expires')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='partnerapikey',
            name='replaces',
            field=models.OneToOneField(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='replaced_by', to='partners.partnerapikey'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='partnerapikey',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "partners_partnerapikeyevent" ("created", "expiry_date", "name", "partner_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "prefix", "revoked") VALUES (NEW."created", NEW."expiry_date", NEW."name", NEW."partner_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."prefix", NEW."revoked"); RETURN NULL;', hash='553f563f1373e89dd2e5e539f22eb456ed11b68d', operation='INSERT', pgid='pgtrigger_insert_insert_5eea9', table='partners_partnerapikey', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='partnerapikey',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."expiry_date" IS DISTINCT FROM (NEW."expiry_date") OR OLD."name" IS DISTINCT FROM (NEW."name") OR OLD."revoked" IS DISTINCT FROM (NEW."revoked"))', func='INSERT INTO "partners_partnerapikeyevent" ("created", "expiry_date", "name", "partner_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "prefix", "revoked") VALUES (NEW."created", NEW."expiry_date", NEW."name", NEW."partner_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."prefix", NEW."revoked"); RETURN NULL;', hash='9c59d3b39409af0fa3c9e4bf7bff6e00c9804294', operation='UPDATE', pgid='pgtrigger_update_update_bda4f', table='partners_partnerapikey', when='AFTER')),
        ),
        migrations.AddField(
            model_name='partnerapikeyevent',
            name='partner',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='partners.partner'),
        ),
        migrations.AddField(
            model_name='partnerapikeyevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='partnerapikeyevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='partners.partnerapikey'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='partnerapikeyevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='293342f7b8d3790b9751c918a4254ed196ecd83f', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_aa971', table='partners_partnerapikeyevent', when='BEFORE')),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
