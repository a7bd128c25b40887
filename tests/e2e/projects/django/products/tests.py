"""The project's tests, which run for as long as another run of them is under way."""

import os
import time
from pathlib import Path

from django.db import connection
from django.test import TestCase

from products.models import Product


class ProductTest(TestCase):
    """Products, in the database that Django made for these tests."""

    def test_its_columns_are_those_of_its_own_migrations(self) -> None:
        """Nothing of another branch's migration is there."""
        with connection.cursor() as cursor:
            found = connection.introspection.get_table_description(cursor, "products_product")
        assert [column.name for column in found] == os.environ["EXPECTED_COLUMNS"].split()

    def test_only_its_own_rows_are_there_while_others_test(self) -> None:
        """Begins empty, and meets the other run after it has written a row."""
        assert Product.objects.count() == 0
        Product.objects.create(name="b")
        self._meet(Path(os.environ["MEETING"]))
        assert Product.objects.count() == 1

    def _meet(self, place: Path) -> None:
        (place / connection.settings_dict["NAME"]).touch()
        deadline = time.monotonic() + 180
        while len(list(place.iterdir())) < 2:
            assert time.monotonic() < deadline, "the other run has not come"
            time.sleep(0.02)
