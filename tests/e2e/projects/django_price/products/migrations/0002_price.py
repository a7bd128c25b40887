"""A price for each product."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Adds the column."""

    dependencies = [("products", "0001_initial")]  # noqa: RUF012 - Django's way
    operations = [migrations.AddField("Product", "price", models.IntegerField(default=0))]  # noqa: RUF012
