"""The products."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Creates their table."""

    initial = True
    operations = [  # noqa: RUF012 - Django's way
        migrations.CreateModel(
            "Product",
            [("id", models.BigAutoField(primary_key=True)), ("name", models.CharField(max_length=100))],
        )
    ]
