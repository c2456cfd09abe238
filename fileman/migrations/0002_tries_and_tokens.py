from typing import Any

import django.db.models.deletion
import fileman.tokens
from django.conf import settings
from django.db import migrations, models


def look_at_pending_uploads(apps: Any, _: Any) -> None:
    """Let the first sweep look at every upload that is pending."""
    files = apps.get_model("fileman", "File").objects
    files.filter(upload_status="pending").update(look_at=models.F("created"))


class Migration(migrations.Migration):

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
        migrations.AddField('storagedeletion', 'requested_by', models.ForeignKey(blank=True, help_text='The user who deleted the file.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
        migrations.AlterField('file', 'file_path', models.CharField(blank=True, help_text='Path in the storage; null until the upload is completed.', max_length=1000, null=True)),
        migrations.AlterField('file', 'original_filename', models.CharField(help_text='Name that the uploader gave, mended.', max_length=255)),
        migrations.AddField('file', 'look_at', models.DateTimeField(blank=True, help_text='When a sweep looks for all bytes of the upload.', null=True)),
        migrations.RunPython(look_at_pending_uploads, migrations.RunPython.noop),
        migrations.AddIndex('file', models.Index(condition=models.Q(('upload_status__in', ['pending', 'verifying'])), fields=['look_at'], name='fileman_to_look_at')),
        migrations.RemoveIndex('file', 'fileman_unfinished_of_user'),
        migrations.AddIndex('file', models.Index(condition=models.Q(('upload_status__in', ['pending', 'verifying', 'failed', 'expired', 'aborted'])), fields=['uploaded_by'], name='fileman_incomplete_of_user')),
        migrations.AddIndex('storagedeletion', models.Index(fields=['file_id'], name='fileman_deletion_file')),
        migrations.AddConstraint('file', models.CheckConstraint(condition=models.Q(models.Q(('upload_status', 'completed'), _negated=True), ('file_path__isnull', False), _connector='OR'), name='fileman_completed_has_path')),
    ]
