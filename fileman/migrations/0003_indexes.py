import django.db.models.deletion
import fileman.tokens
from django.conf import settings
from django.db import migrations, models

PROTECT, SET_NULL = django.db.models.deletion.PROTECT, django.db.models.deletion.SET_NULL


class Migration(migrations.Migration):

    dependencies = [
        ('fileman', '0002_tries_and_tokens'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
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
    ]
