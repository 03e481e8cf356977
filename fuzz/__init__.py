"""Fuzz targets: each module here that does not start with an underscore is one.

A target states its invariant in its first line, gives ``seeds()``, inputs made by the real code,
and ``check(data)``, which raises for an input that breaks the invariant.  Only ``fuzz`` and the
tests import this package; it must never hold code that the product needs.
"""
