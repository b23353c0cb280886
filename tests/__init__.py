"""The tests; the folders mirror the product's."""
