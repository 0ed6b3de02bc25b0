"""Report: figures, tables, plots and the baseline of accepted ratios."""
