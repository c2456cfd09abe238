from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [('fileman', '0004_attachments')]

    operations = [
        # Null: the next upload of the user counts them.
        migrations.AddField('storageusage', 'pending', models.IntegerField(null=True, help_text='No less than the unfinished uploads; null: not counted yet.')),
    ]
