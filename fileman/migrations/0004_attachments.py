from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [('fileman', '0003_indexes')]

    operations = [
        migrations.AddField('file', 'slot', models.CharField(blank=True, default='', help_text='Model field that it was uploaded for.', max_length=200)),
        migrations.AddField('file', 'attached_to', models.CharField(blank=True, default='', help_text='Model field that it belongs to.', max_length=200)),
        migrations.AddField('file', 'attached_at', models.DateTimeField(blank=True, null=True)),
        migrations.AddIndex('file', models.Index(condition=models.Q(('attached_to', ''), ('upload_status', 'completed'), models.Q(('slot', ''), _negated=True)), fields=['modified'], name='fileman_unclaimed')),
    ]
