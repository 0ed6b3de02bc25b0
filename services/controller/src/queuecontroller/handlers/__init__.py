"""kopf handlers and operator setup. They call the reconciler and decide nothing."""
