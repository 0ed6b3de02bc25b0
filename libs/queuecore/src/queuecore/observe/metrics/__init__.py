"""Prometheus metrics: definitions, histograms and the scrape text."""
