"""What the shop sells."""

from django.db import models


class Product(models.Model):
    """A product by its name."""

    name = models.CharField(max_length=100)
