"""What the shop sells, and for how much."""

from django.db import models


class Product(models.Model):
    """A product by its name, with a price."""

    name = models.CharField(max_length=100)
    price = models.IntegerField(default=0)
