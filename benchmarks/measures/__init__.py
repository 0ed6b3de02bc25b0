"""Measures, one module each. A measure returns its figures by name, see :mod:`benchmarks.report.figure`."""
