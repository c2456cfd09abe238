import re
from typing import Any

import fileman.tokens
from django.conf import settings
from django.db import migrations, models
from django.db.models import PROTECT, SET_NULL
from fileman.backends.gcs.settings import GCSSettings
from fileman.backends.s3.settings import S3Settings


def look_at_pending_uploads(apps: Any, _: Any) -> None:
    """Let the first sweep look at every upload that is pending."""
    files = apps.get_model("fileman", "File").objects
    files.filter(upload_status="pending").update(look_at=models.F("created"))


def name_places_alike(apps: Any, _: Any) -> None:
    """Give each place one name: without the usual port, and the provider's for its own hosts."""
    managers = apps.get_model("fileman", "FileManager").objects
    for key, place in managers.filter(location__contains="://").values_list("pk", "location"):
        place = re.sub(r"(https://[^/]+):443/|(http://[^/]+):80/", r"\1\2/", place, count=1)
        place = re.sub(rf"^s3:https?://{S3Settings.provider_hosts.pattern}/", "s3:aws/", place)
        place = re.sub(rf"^gcs:https?://{GCSSettings.provider_hosts.pattern}/", "gcs:google/", place)
        managers.filter(pk=key).update(location=place)


class Migration(migrations.Migration):

    # Of checkouts before the release.
    replaces = [('fileman', name) for name in ('0002_tries_and_tokens', '0003_indexes', '0004_attachments', '0005_pending')]

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('fileman', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField('file', 'tries', models.PositiveIntegerField(default=0, help_text='Publishing requests that were sent, or may have been. Each has a path of its own.')),
        # Rows of 0001 have no nonce: clients hold random tokens of them.
        migrations.AddField('file', 'token_nonce', models.CharField(blank=True, default='', help_text='The token is derived from it.', max_length=32)),
        migrations.AlterField('file', 'token_nonce', models.CharField(blank=True, default=fileman.tokens.new_nonce, help_text='The token is derived from it.', max_length=32)),
        migrations.AddField('storagedeletion', 'file_id', models.UUIDField(blank=True, help_text='The file that the object belonged to.', null=True)),
        migrations.AddField('storagedeletion', 'requested_by', models.ForeignKey(blank=True, help_text='The user who deleted the file.', null=True, on_delete=SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
        migrations.AlterField('file', 'file_path', models.CharField(blank=True, help_text='Path in the storage; null until the upload is completed.', max_length=1000, null=True)),
        migrations.AlterField('file', 'original_filename', models.CharField(help_text='Name that the uploader gave, mended.', max_length=255)),
        migrations.AlterField('file', 'checksum', models.CharField(blank=True, default='', help_text='Such as crc32c:9a71bb4c', max_length=80)),
        migrations.AddField('file', 'look_at', models.DateTimeField(blank=True, help_text='When a sweep looks for all bytes of the upload.', null=True)),
        migrations.RunPython(look_at_pending_uploads, migrations.RunPython.noop),
        migrations.RunPython(name_places_alike, migrations.RunPython.noop),
        migrations.AddIndex('file', models.Index(condition=models.Q(('upload_status__in', ['pending', 'verifying'])), fields=['look_at'], name='fileman_to_look_at')),
        migrations.RemoveIndex('file', 'fileman_unfinished_of_user'),
        migrations.AddIndex('file', models.Index(condition=models.Q(('upload_status__in', ['pending', 'verifying', 'failed', 'expired', 'aborted'])), fields=['uploaded_by'], name='fileman_incomplete_of_user')),
        migrations.AddIndex('storagedeletion', models.Index(fields=['file_id'], name='fileman_deletion_file')),
        migrations.AddConstraint('file', models.CheckConstraint(condition=models.Q(models.Q(('upload_status', 'completed'), _negated=True), ('file_path__isnull', False), _connector='OR'), name='fileman_completed_has_path')),
        migrations.AddConstraint('file', models.UniqueConstraint(fields=('upload_token',), name='fileman_token_unique')),
        migrations.AlterField('file', 'upload_token', fileman.tokens.UploadTokenField(help_text='SHA-256 of the token.', max_length=64)),
        # Others begin with these keys.
        migrations.AlterField('file', 'file_manager', models.ForeignKey(db_index=False, on_delete=PROTECT, related_name='files', to='fileman.filemanager')),
        migrations.AlterField('file', 'group', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=PROTECT, related_name='+', to='auth.group')),
        migrations.AlterField('file', 'uploaded_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
        migrations.AlterField('storagedeletion', 'file_manager', models.ForeignKey(db_index=False, on_delete=PROTECT, related_name='deletions', to='fileman.filemanager')),
        migrations.AddIndex('file', models.Index(fields=['completed_at', 'id'], name='fileman_by_completion')),
        migrations.AddIndex('file', models.Index(fields=['original_filename', 'id'], name='fileman_by_name')),
        migrations.AddIndex('file', models.Index(fields=['file_size', 'id'], name='fileman_by_size')),
        migrations.AddIndex('file', models.Index(fields=['content_type'], name='fileman_by_type', opclasses=['varchar_pattern_ops'])),
        migrations.AddField('file', 'slot', models.CharField(blank=True, default='', help_text='Model field that it was uploaded for.', max_length=200)),
        migrations.AddField('file', 'attached_to', models.CharField(blank=True, default='', help_text='Model field that it belongs to.', max_length=200)),
        migrations.AddField('file', 'attached_at', models.DateTimeField(blank=True, null=True)),
        migrations.AddIndex('file', models.Index(condition=models.Q(('attached_to', ''), ('upload_status', 'completed'), models.Q(('slot', ''), _negated=True)), fields=['modified'], name='fileman_unclaimed')),
        # Null: the next upload of the user counts them.
        migrations.AddField('storageusage', 'pending', models.IntegerField(null=True, help_text='No less than the unfinished uploads; null: not counted yet.')),
    ]
